//! Constant folding: an expression whose parts are constants is evaluated once, while compiling. Where parameters are
//! among its parts it is evaluated once a run, before the first row: it becomes a parameter itself.

use std::collections::HashSet;

use antipode_value::Value;

use crate::context::{Cancel, Chance, Environment, Memory, Stats, Warning, Warnings};
use crate::evaluate::{self, Run};
use crate::expression::{Expression, Member, Quantifier};
use crate::function::RegexCache;

/// What folding makes of an expression.
pub(super) enum Folded {
    /// It stays as it is, or one of its branches is chosen.
    Plain(Expression),
    /// It is a constant, with the warnings of finding it.
    Constant(Value, Vec<Warning>),
    /// It is fixed by the parameters in it; this is its value for those of the moment, unless it fails or warns.
    Derived(Expression, Option<Value>),
}

/// Folds the outermost level of an expression; its parts were folded when they were made. In a part that may never be
/// evaluated, what would warn or fail is left alone, so that it does so only if it is reached.
pub(super) fn fold(expression: Expression, environment: &Environment, lazy: bool) -> Folded {
    let expression = match choose(expression) {
        Ok(chosen) => return Folded::Plain(chosen),
        Err(expression) => expression,
    };
    if !foldable(&expression) {
        return Folded::Plain(expression);
    }
    if expression.has_parameter() {
        // Literals of objects stay open, since intents are found in them.
        if matches!(expression, Expression::Object(_)) {
            return Folded::Plain(expression);
        }
        let value = value(&expression, environment, &[]);
        return Folded::Derived(expression, value);
    }
    match run(&expression, environment, &[]) {
        // What fails at compile time fails again, in its turn, when it is reached.
        None => Folded::Plain(expression),
        Some((_, warnings)) if lazy && !warnings.is_empty() => Folded::Plain(expression),
        Some((value, warnings)) => Folded::Constant(value, warnings),
    }
}

/// The value of an expression without variables, if it neither fails nor warns.
pub(crate) fn value(
    expression: &Expression,
    environment: &Environment,
    parameters: &[Value],
) -> Option<Value> {
    match run(expression, environment, parameters) {
        Some((value, warnings)) if warnings.is_empty() => Some(value),
        _ => None,
    }
}

fn run(
    expression: &Expression,
    environment: &Environment,
    parameters: &[Value],
) -> Option<(Value, Vec<Warning>)> {
    let mut run = Run {
        transaction: None,
        environment,
        parameters,
        warnings: Warnings::new(usize::MAX, false),
        memory: Memory::new(FOLD_BYTES_MAX),
        stats: Stats::default(),
        chance: Chance::new(0),
        regexes: RegexCache::default(),
        cancel: Cancel::new(),
        changed: HashSet::new(),
        tables: Default::default(),
        full_count: false,
        ticks: 0,
        profiler: None,
    };
    let value = evaluate::evaluate(expression, &mut [], &mut run).ok()?;
    Some((value, run.warnings.kept().to_vec()))
}

/// A constant may not be larger than this.
const FOLD_BYTES_MAX: u64 = 1 << 20;

/// Picks the branch of a condition that is known.
fn choose(expression: Expression) -> Result<Expression, Expression> {
    let known = Expression::known_truth;
    match expression {
        Expression::Ternary(parts) => match known(&parts[0]) {
            None => Err(Expression::Ternary(parts)),
            Some(truth) => {
                let [_, then, otherwise] = *parts;
                Ok(if truth { then } else { otherwise })
            }
        },
        Expression::And(parts) => match known(&parts[0]) {
            None => Err(Expression::And(parts)),
            Some(truth) => {
                let [left, right] = *parts;
                Ok(if truth { right } else { left })
            }
        },
        Expression::Or(parts) | Expression::Elvis(parts) => match known(&parts[0]) {
            None => Err(Expression::Or(parts)),
            Some(truth) => {
                let [left, right] = *parts;
                Ok(if truth { left } else { right })
            }
        },
        other => Err(other),
    }
}

fn foldable(expression: &Expression) -> bool {
    match expression {
        Expression::Constant(_)
        | Expression::Parameter(_)
        | Expression::Variable(_)
        | Expression::Expand(_)
        | Expression::Test(_)
        | Expression::Subquery(_)
        | Expression::CollectionCount(_)
        | Expression::Ternary(_)
        | Expression::And(_)
        | Expression::Or(_)
        | Expression::Elvis(_) => false,
        Expression::Attribute(base, _) => base.is_static(),
        Expression::Unary(_, operand) => operand.is_static(),
        Expression::Element(parts)
        | Expression::Arithmetic(_, parts)
        | Expression::Compare(_, parts)
        | Expression::Range(parts) => parts.iter().all(Expression::is_static),
        Expression::Quantified(quantified) => {
            quantified.left.is_static()
                && quantified.right.is_static()
                && match &quantified.quantifier {
                    Quantifier::AtLeast(count) => count.is_static(),
                    _ => true,
                }
        }
        Expression::Array(elements) => elements.iter().all(Expression::is_static),
        Expression::Object(members) => members.iter().all(|member| match member {
            Member::Named(_, value) => value.is_static(),
            Member::Computed(name, value) => name.is_static() && value.is_static(),
        }),
        Expression::Call(function, arguments) => {
            function.constant && arguments.iter().all(Expression::is_static)
        }
    }
}
