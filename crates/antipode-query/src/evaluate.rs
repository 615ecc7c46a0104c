//! Evaluating expressions over a row.
//!
//! A row is a slice of values; a variable is an index into it. Values share what they hold, so reading an attribute of
//! a stored document copies a reference at most. Operands are evaluated from left to right; `AND`, `OR` and `?:` leave
//! out what they do not need, warnings and failures included.

use std::collections::HashSet;

use antipode_value::{Array, Object, Str, Value, compare, equal};

use crate::context::{Cancel, Chance, Environment, Memory, Stats, Warnings};
use crate::error::{Code, QueryError, Result};
use crate::execute::{self, Tables};
use crate::expression::{
    Arithmetic, Comparison, ElementTest, Expansion, Expression, Member, Parameter, Quantified,
    Quantifier, Unary,
};
use crate::function::{CallContext, Function, RegexCache};
use crate::profile::Profiler;
use crate::source::{CollectionId, Transaction};

/// Most elements that a range may have once it is more than a pair of ends.
pub(crate) const RANGE_MAX: u64 = 10_000_000;

/// One run of a query: everything that evaluating needs beside the row.
pub(crate) struct Run<'a> {
    /// The data; none while constants are folded.
    pub(crate) transaction: Option<&'a dyn Transaction>,
    pub(crate) environment: &'a Environment,
    /// What this run has for the parameters of the plan.
    pub(crate) parameters: &'a [Value],
    pub(crate) warnings: Warnings,
    pub(crate) memory: Memory,
    pub(crate) stats: Stats,
    pub(crate) chance: Chance,
    pub(crate) regexes: RegexCache,
    pub(crate) cancel: Cancel,
    /// Documents that this query has written.
    pub(crate) changed: HashSet<(CollectionId, String)>,
    /// The tables of loops that look documents up by an attribute, by the loop.
    pub(crate) tables: Tables,
    /// Count the rows before the last top-level LIMIT.
    pub(crate) full_count: bool,
    /// Evaluations since the last look at `cancel`.
    pub(crate) ticks: u32,
    /// Measures the nodes, if the run is profiled.
    pub(crate) profiler: Option<Box<Profiler>>,
}

/// Loops inside a node look at the cancel handle every so many steps.
pub(crate) const TICKS: u32 = 1000;
/// Bytes of values that are gone through in the time of a step.
const BYTES_PER_STEP: usize = 256;
/// Functions that never write a range out.
const COUNTING_FUNCTIONS: &[&str] = &[
    "COUNT", "FIRST", "IS_ARRAY", "LAST", "LENGTH", "NTH", "TYPENAME",
];

impl<'a> Run<'a> {
    /// The data.
    pub(crate) fn data(&self) -> Result<&'a dyn Transaction> {
        self.transaction.ok_or_else(|| {
            QueryError::new(
                Code::Internal,
                "data was asked for while constants were folded",
            )
        })
    }

    /// The value that this run has for a parameter.
    fn parameter(&self, parameter: &Parameter) -> Value {
        let value = self.parameters.get(parameter.slot as usize);
        value.unwrap_or(&parameter.sample).clone()
    }

    /// Counts a step of a loop, and now and then looks whether the query has to stop.
    pub(crate) fn tick(&mut self) -> Result<()> {
        self.tick_by(1)
    }

    /// Counts so many steps.
    pub(crate) fn tick_by(&mut self, steps: usize) -> Result<()> {
        self.ticks = self
            .ticks
            .saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
        if self.ticks >= TICKS {
            self.ticks = 0;
            self.cancel.check()?;
        }
        Ok(())
    }

    /// Counts the steps that going through so many bytes of values takes.
    pub(crate) fn tick_for(&mut self, bytes: usize) -> Result<()> {
        self.tick_by(1 + bytes / BYTES_PER_STEP)
    }

    /// Adds a warning; fails under `failOnWarning`.
    pub(crate) fn warn(&mut self, code: Code, message: impl Into<String>) -> Result<()> {
        self.warnings.add(code, message.into());
        self.warnings.check()
    }

    /// Calls a function.
    pub(crate) fn call(
        &mut self,
        function: &'static Function,
        arguments: &[Value],
    ) -> Result<Value> {
        let bytes = arguments.iter().map(Value::written_bytes);
        self.tick_for(bytes.fold(0, usize::saturating_add))?;
        for argument in arguments {
            // A range takes no memory until somebody writes it out.
            if let Value::Array(array) = argument
                && array.as_range().is_some()
                && !COUNTING_FUNCTIONS.contains(&function.name)
            {
                self.memory.allow(array.written_bytes())?;
            }
        }
        let mut context = CallContext {
            environment: self.environment,
            warnings: &mut self.warnings,
            chance: &mut self.chance,
            regexes: &mut self.regexes,
            transaction: self.transaction,
            cancel: &self.cancel,
            bytes_left: self.memory.left(),
            name: function.name,
            ticks: &mut self.ticks,
        };
        let value = (function.run)(&mut context, arguments);
        self.warnings.check()?;
        self.memory.fits(&value)?;
        Ok(value)
    }
}

/// The value of an expression for a row.
pub(crate) fn evaluate<'a>(
    expression: &'a Expression,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Value> {
    match expression {
        Expression::Constant(value) => Ok(value.clone()),
        Expression::Parameter(parameter) => Ok(run.parameter(parameter)),
        Expression::Variable(variable) => Ok(row[variable.slot as usize].clone()),
        Expression::Attribute(base, name) => match &**base {
            Expression::Variable(variable) => Ok(row[variable.slot as usize].attribute(name)),
            base => Ok(evaluate(base, row, run)?.attribute(name)),
        },
        Expression::Element(parts) => {
            let base = evaluate(&parts[0], row, run)?;
            let index = evaluate(&parts[1], row, run)?;
            Ok(base.index(&index))
        }
        Expression::Unary(operator, operand) => {
            let operand = evaluate(operand, row, run)?;
            Ok(unary(*operator, &operand))
        }
        Expression::Arithmetic(operator, parts) => {
            let left = evaluate(&parts[0], row, run)?;
            let right = evaluate(&parts[1], row, run)?;
            arithmetic(*operator, &left, &right, run)
        }
        Expression::Compare(comparison, parts) => {
            let left = evaluate(&parts[0], row, run)?;
            let right = evaluate(&parts[1], row, run)?;
            tick_comparison(&left, &right, run)?;
            Ok(Value::Bool(holds(*comparison, &left, &right)))
        }
        Expression::And(parts) => {
            let left = evaluate(&parts[0], row, run)?;
            if left.truthy() {
                evaluate(&parts[1], row, run)
            } else {
                Ok(left)
            }
        }
        Expression::Or(parts) | Expression::Elvis(parts) => {
            let left = evaluate(&parts[0], row, run)?;
            if left.truthy() {
                Ok(left)
            } else {
                evaluate(&parts[1], row, run)
            }
        }
        Expression::Ternary(parts) => {
            let branch = if evaluate(&parts[0], row, run)?.truthy() {
                &parts[1]
            } else {
                &parts[2]
            };
            evaluate(branch, row, run)
        }
        Expression::Range(parts) => {
            let first = evaluate(&parts[0], row, run)?.to_int();
            let last = evaluate(&parts[1], row, run)?.to_int();
            range(first, last)
        }
        Expression::Quantified(quantified) => evaluate_quantified(quantified, row, run),
        Expression::Array(elements) => {
            let mut values = Vec::with_capacity(elements.len());
            for element in elements {
                values.push(evaluate(element, row, run)?);
            }
            made(Value::Array(Array::from_vec(values)), run)
        }
        Expression::Object(members) => evaluate_object(members, row, run),
        Expression::Call(function, arguments) => evaluate_call(function, arguments, row, run),
        Expression::Expand(expansion) => evaluate_expansion(expansion, row, run),
        Expression::Test(test) => evaluate_test(test, row, run),
        Expression::Subquery(pipeline) => execute::subquery(pipeline, row, run),
        Expression::CollectionCount(collection) => {
            Ok(Value::from(run.data()?.count(collection.id)?))
        }
    }
}

/// Whether an expression is truthy for a row.
pub(crate) fn satisfied<'a>(
    expression: &'a Expression,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<bool> {
    // Comparisons are most of what filters hold; they need not become values first.
    match expression {
        Expression::Compare(comparison, parts) => {
            let left = evaluate(&parts[0], row, run)?;
            let right = evaluate(&parts[1], row, run)?;
            tick_comparison(&left, &right, run)?;
            Ok(holds(*comparison, &left, &right))
        }
        Expression::And(parts) => {
            Ok(satisfied(&parts[0], row, run)? && satisfied(&parts[1], row, run)?)
        }
        Expression::Or(parts) => {
            Ok(satisfied(&parts[0], row, run)? || satisfied(&parts[1], row, run)?)
        }
        expression => Ok(evaluate(expression, row, run)?.truthy()),
    }
}

/// Comparing scalars is part of the step that a row is; looking through an array takes longer.
fn tick_comparison(left: &Value, right: &Value, run: &mut Run<'_>) -> Result<()> {
    match (left, right) {
        (Value::Array(_) | Value::Object(_), _) => run.tick_for(left.written_bytes()),
        (_, Value::Array(_)) => run.tick_for(right.written_bytes()),
        _ => Ok(()),
    }
}

/// `+x`, `-x`, `NOT x`.
fn unary(operator: Unary, operand: &Value) -> Value {
    match operator {
        Unary::NoMatch if operand.is_null() => Value::Null,
        Unary::Not | Unary::NoMatch => Value::Bool(!operand.truthy()),
        Unary::Plus => operand.to_number(),
        Unary::Minus => match operand.to_number() {
            Value::Int(int) => int
                .checked_neg()
                .map_or_else(|| Value::float(-(int as f64)), Value::Int),
            number => Value::float(-number.to_float()),
        },
    }
}

/// `+ - * / %`, with their casts. What no number can hold is `null` with a warning.
pub(crate) fn arithmetic(
    operator: Arithmetic,
    left: &Value,
    right: &Value,
    run: &mut Run<'_>,
) -> Result<Value> {
    let (left, right) = (left.to_number(), right.to_number());
    let whole = match (&left, &right, operator) {
        (Value::Int(left), Value::Int(right), Arithmetic::Add) => left.checked_add(*right),
        (Value::Int(left), Value::Int(right), Arithmetic::Subtract) => left.checked_sub(*right),
        (Value::Int(left), Value::Int(right), Arithmetic::Multiply) => left.checked_mul(*right),
        // A negative remainder of zero is -0, which is the integer 0 for every purpose.
        (Value::Int(left), Value::Int(right), Arithmetic::Modulo) => left.checked_rem(*right),
        (Value::Int(left), Value::Int(right), Arithmetic::Divide) => left
            .checked_rem(*right)
            .filter(|rest| *rest == 0)
            .and_then(|_| left.checked_div(*right)),
        _ => None,
    };
    if let Some(whole) = whole {
        return Ok(Value::Int(whole));
    }
    let (left, right) = (left.to_float(), right.to_float());
    let result = match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide | Arithmetic::Modulo if right == 0.0 => {
            run.warn(Code::DivisionByZero, "division by zero")?;
            return Ok(Value::Null);
        }
        Arithmetic::Divide => left / right,
        Arithmetic::Modulo => left % right,
    };
    if !result.is_finite() {
        run.warn(Code::NumberOutOfRange, "number out of range")?;
    }
    Ok(Value::float(result))
}

/// Whether a comparison holds; it casts nothing and never warns.
pub(crate) fn holds(comparison: Comparison, left: &Value, right: &Value) -> bool {
    match comparison {
        Comparison::Equal => equal(left, right),
        Comparison::NotEqual => !equal(left, right),
        Comparison::Less => compare(left, right).is_lt(),
        Comparison::LessOrEqual => compare(left, right).is_le(),
        Comparison::Greater => compare(left, right).is_gt(),
        Comparison::GreaterOrEqual => compare(left, right).is_ge(),
        Comparison::In => matches!(right, Value::Array(array) if is_in(left, array)),
        Comparison::NotIn => matches!(right, Value::Array(array) if !is_in(left, array)),
    }
}

/// Whether an array has an element equal to a value.
pub(crate) fn is_in(value: &Value, array: &Array) -> bool {
    if let Some((first, last)) = array.as_range() {
        return value
            .as_int()
            .is_some_and(|int| int >= first.min(last) && int <= first.max(last));
    }
    match array.as_slice() {
        Some(elements) => elements.iter().any(|element| equal(element, value)),
        None => array.iter().any(|element| equal(&element, value)),
    }
}

/// The integers from `first` to `last`; not written out, but bounded as if they were.
pub(crate) fn range(first: i64, last: i64) -> Result<Value> {
    if first.abs_diff(last) >= RANGE_MAX {
        return Err(QueryError::new(
            Code::ResourceLimit,
            format!("a range of more than {RANGE_MAX} elements can only be iterated"),
        ));
    }
    Ok(Value::Array(Array::range(first, last)))
}

fn evaluate_object<'a>(
    members: &'a [Member],
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Value> {
    let mut pairs = Vec::with_capacity(members.len());
    for member in members {
        match member {
            Member::Named(name, value) => pairs.push((name.clone(), evaluate(value, row, run)?)),
            Member::Computed(name, value) => {
                let name: Str = evaluate(name, row, run)?.to_text();
                pairs.push((name, evaluate(value, row, run)?));
            }
        }
    }
    made(Value::Object(Object::from_pairs(pairs)), run)
}

/// A value that was just put together, if it is not too large.
fn made(value: Value, run: &Run<'_>) -> Result<Value> {
    run.memory.fits(&value)?;
    Ok(value)
}

fn evaluate_call<'a>(
    function: &'static Function,
    arguments: &'a [Expression],
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Value> {
    // Most calls have one or two arguments; they need no vector.
    match arguments {
        [] => run.call(function, &[]),
        [only] => {
            let only = evaluate(only, row, run)?;
            run.call(function, &[only])
        }
        [first, second] => {
            let first = evaluate(first, row, run)?;
            let second = evaluate(second, row, run)?;
            run.call(function, &[first, second])
        }
        arguments => {
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                values.push(evaluate(argument, row, run)?);
            }
            run.call(function, &values)
        }
    }
}

fn evaluate_quantified<'a>(
    quantified: &'a Quantified,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Value> {
    let left = evaluate(&quantified.left, row, run)?;
    let right = evaluate(&quantified.right, row, run)?;
    let needed = match &quantified.quantifier {
        Quantifier::AtLeast(count) => Some(evaluate(count, row, run)?.to_float()),
        _ => None,
    };
    let Value::Array(elements) = &left else {
        return Ok(Value::Bool(false));
    };
    let membership = matches!(quantified.comparison, Comparison::In | Comparison::NotIn);
    if membership && !matches!(right, Value::Array(_)) {
        return Ok(Value::Bool(false));
    }
    // A step for each element, and for each that has to be looked for in the other array.
    let each = if membership { right.written_bytes() } else { 0 };
    let mut count = 0.0;
    for element in elements.iter() {
        run.tick_for(each)?;
        let holds = holds(quantified.comparison, &element, &right);
        match &quantified.quantifier {
            Quantifier::All if !holds => return Ok(Value::Bool(false)),
            Quantifier::Any if holds => return Ok(Value::Bool(true)),
            Quantifier::None if holds => return Ok(Value::Bool(false)),
            _ => count += f64::from(u8::from(holds)),
        }
    }
    Ok(Value::Bool(match &quantified.quantifier {
        Quantifier::All | Quantifier::None => true,
        Quantifier::Any => false,
        _ => count >= needed.unwrap_or(0.0),
    }))
}

/// The elements that an expansion works on: those of the base, some levels flattened; none if it is no array.
fn expanded(base: &Value, flatten: usize, run: &mut Run<'_>) -> Result<Vec<Value>> {
    fn add(array: &Array, levels: usize, out: &mut Vec<Value>) {
        for element in array.iter() {
            match &element {
                Value::Array(inner) if levels > 0 => add(inner, levels - 1, out),
                _ => out.push(element),
            }
        }
    }
    run.tick_for(base.written_bytes())?;
    let mut elements = Vec::new();
    if let Value::Array(array) = base {
        run.memory.allow(array.written_bytes())?;
        add(array, flatten, &mut elements);
    }
    Ok(elements)
}

fn evaluate_expansion<'a>(
    expansion: &'a Expansion,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Value> {
    let base = evaluate(&expansion.base, row, run)?;
    let elements = expanded(&base, expansion.flatten, run)?;
    let (mut skip, mut take) = (0, u64::MAX);
    if let Some((offset, count)) = &expansion.limit {
        skip = evaluate(offset, row, run)?.to_int().max(0) as u64;
        take = evaluate(count, row, run)?.to_int().max(0) as u64;
    }
    let slot = expansion.current.slot as usize;
    let mut out = Vec::new();
    for element in elements {
        if take == 0 {
            break;
        }
        run.tick()?;
        row[slot] = element;
        if let Some(filter) = &expansion.filter
            && !satisfied(filter, row, run)?
        {
            continue;
        }
        if skip > 0 {
            skip -= 1;
            continue;
        }
        take -= 1;
        out.push(match &expansion.projection {
            Some(projection) => evaluate(projection, row, run)?,
            None => std::mem::take(&mut row[slot]),
        });
    }
    row[slot] = Value::Null;
    made(Value::Array(Array::from_vec(out)), run)
}

fn evaluate_test<'a>(test: &'a ElementTest, row: &mut [Value], run: &mut Run<'a>) -> Result<Value> {
    let base = evaluate(&test.base, row, run)?;
    let elements = expanded(&base, test.flatten, run)?;
    let (least, most) = match &test.quantifier {
        Quantifier::All => (elements.len() as f64, f64::INFINITY),
        Quantifier::Any => (1.0, f64::INFINITY),
        Quantifier::None => (f64::NEG_INFINITY, 0.0),
        Quantifier::AtLeast(count) => (evaluate(count, row, run)?.to_float(), f64::INFINITY),
        Quantifier::Exactly(count) => {
            let count = evaluate(count, row, run)?.to_float();
            (count, count)
        }
        Quantifier::Between(least, most) => (
            evaluate(least, row, run)?.to_float(),
            evaluate(most, row, run)?.to_float(),
        ),
    };
    let slot = test.current.slot as usize;
    let mut count = 0.0;
    for element in elements {
        run.tick()?;
        row[slot] = element;
        let counted = match &test.filter {
            Some(filter) => satisfied(filter, row, run)?,
            None => true,
        };
        count += f64::from(u8::from(counted));
    }
    row[slot] = Value::Null;
    Ok(Value::Bool(least <= count && count <= most))
}
