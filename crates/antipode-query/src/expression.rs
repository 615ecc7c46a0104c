//! Expressions in their compiled form: names are resolved, bind values are in place, functions are found.
//!
//! A variable is an index into the row; there are no closures and no names left to look up while rows flow. The same
//! form is what the optimizer rewrites and EXPLAIN prints, so there is one tree from the resolver to the executor.

use std::sync::Arc;

use antipode_value::{Str, Value};

use crate::function::Function;
use crate::plan::Pipeline;
use crate::source::CollectionInfo;

/// A variable of the query: who it is, and where it lies in the row. The place is assigned when the plan is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variable {
    /// Index into [`crate::plan::Plan::variables`].
    pub id: u32,
    /// Index into the row.
    pub slot: u32,
}

/// A place for a value that each run of a plan brings along.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Index into the values of the run.
    pub slot: u32,
    /// The value that the plan was made with, until it is finished. Rules may look at its shape, never at more: see
    /// [`crate::parameters::Shape`].
    pub(crate) sample: Value,
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub enum Expression {
    /// A value known at compile time.
    Constant(Value),
    /// A value known before the first row, which differs from run to run of a plan that is kept: a bind value, or what is
    /// computed of such. See [`crate::parameters`].
    Parameter(Parameter),
    /// A variable, `CURRENT`, `OLD` or `NEW`.
    Variable(Variable),
    /// `base.name`, or `base["name"]` with a constant name.
    Attribute(Box<Expression>, Str),
    /// `base[index]`.
    Element(Box<[Expression; 2]>),
    /// `+x`, `-x`, `NOT x`.
    Unary(Unary, Box<Expression>),
    /// `+ - * / %`.
    Arithmetic(Arithmetic, Box<[Expression; 2]>),
    /// A comparison, `IN` included.
    Compare(Comparison, Box<[Expression; 2]>),
    /// `left ALL == right` and its kind.
    Quantified(Box<Quantified>),
    /// `AND`: gives one of the operands.
    And(Box<[Expression; 2]>),
    /// `OR`: gives one of the operands.
    Or(Box<[Expression; 2]>),
    /// `condition ? then : otherwise`.
    Ternary(Box<[Expression; 3]>),
    /// `value ?: otherwise`.
    Elvis(Box<[Expression; 2]>),
    /// `from..to`.
    Range(Box<[Expression; 2]>),
    /// An array literal.
    Array(Vec<Expression>),
    /// An object literal.
    Object(Vec<Member>),
    /// A function call.
    Call(&'static Function, Vec<Expression>),
    /// `base[* …]` with what follows.
    Expand(Box<Expansion>),
    /// `base[? …]`.
    Test(Box<ElementTest>),
    /// A subquery; gives an array.
    Subquery(Box<Pipeline>),
    /// `LENGTH(collection)`.
    CollectionCount(Arc<CollectionInfo>),
}

/// Operators with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `+`: cast to number.
    Plus,
    /// `-`.
    Minus,
    /// `NOT`, `!`.
    Not,
    /// What `!~` makes of a match: the opposite, and of `null`, which an invalid pattern gives, `null`.
    NoMatch,
}

/// Operators that cast to numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

/// Operators that compare without casts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
}

impl Comparison {
    /// The operator that gives the same with its operands exchanged; none for the membership tests.
    pub fn flipped(self) -> Option<Comparison> {
        match self {
            Comparison::Equal | Comparison::NotEqual => Some(self),
            Comparison::Less => Some(Comparison::Greater),
            Comparison::LessOrEqual => Some(Comparison::GreaterOrEqual),
            Comparison::Greater => Some(Comparison::Less),
            Comparison::GreaterOrEqual => Some(Comparison::LessOrEqual),
            Comparison::In | Comparison::NotIn => None,
        }
    }

    /// As written in a query.
    pub fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::In => "IN",
            Comparison::NotIn => "NOT IN",
        }
    }
}

/// How many elements must satisfy a condition.
#[derive(Clone, Debug)]
pub enum Quantifier {
    /// All.
    All,
    /// At least one.
    Any,
    /// Not one.
    None,
    /// At least so many.
    AtLeast(Expression),
    /// Exactly so many; only in `[? ]`.
    Exactly(Expression),
    /// So many, both ends included; only in `[? ]`.
    Between(Expression, Expression),
}

/// `left QUANTIFIER comparison right`.
#[derive(Clone, Debug)]
pub struct Quantified {
    /// How many elements of `left` must satisfy it.
    pub quantifier: Quantifier,
    /// The comparison of each element with `right`.
    pub comparison: Comparison,
    /// The array.
    pub left: Expression,
    /// What each element is compared with.
    pub right: Expression,
}

/// A member of an object literal.
#[derive(Clone, Debug)]
pub enum Member {
    /// `name: value`.
    Named(Str, Expression),
    /// `[name]: value`.
    Computed(Expression, Expression),
}

/// `base[* FILTER … LIMIT … RETURN …].rest`.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// The array.
    pub base: Expression,
    /// Levels to flatten before: asterisks less one.
    pub flatten: usize,
    /// Where the element is while the clauses run.
    pub current: Variable,
    /// Inline FILTER.
    pub filter: Option<Expression>,
    /// Inline LIMIT: offset and count.
    pub limit: Option<(Expression, Expression)>,
    /// Inline RETURN and the accessors behind the bracket, over `current`; none gives the element itself.
    pub projection: Option<Expression>,
}

/// `base[? quantifier FILTER condition]`.
#[derive(Clone, Debug)]
pub struct ElementTest {
    /// The array.
    pub base: Expression,
    /// Levels to flatten before.
    pub flatten: usize,
    /// Where the element is while the condition runs.
    pub current: Variable,
    /// How many must satisfy it.
    pub quantifier: Quantifier,
    /// The condition; none is satisfied by every element.
    pub filter: Option<Expression>,
}

impl Expression {
    /// The constant `null`.
    pub fn null() -> Expression {
        Expression::Constant(Value::Null)
    }

    /// The value, if it is known.
    pub fn constant(&self) -> Option<&Value> {
        match self {
            Expression::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// A constant, or the value that a parameter had when the plan was made: of that one only the shape may be used.
    fn shaped(&self) -> Option<&Value> {
        match self {
            Expression::Constant(value) => Some(value),
            Expression::Parameter(parameter) => Some(&parameter.sample),
            _ => None,
        }
    }

    /// The truth of it, if that is known in every run of the plan.
    pub fn known_truth(&self) -> Option<bool> {
        self.shaped().map(Value::truthy)
    }

    /// Whether it is known to be something else than null in every run of the plan.
    pub fn known_not_null(&self) -> bool {
        self.shaped().is_some_and(|value| !value.is_null())
    }

    /// Whether it is known to be null in every run of the plan.
    pub fn known_null(&self) -> bool {
        self.shaped().is_some_and(Value::is_null)
    }

    /// Whether it is known to be an array without a null in it in every run of the plan.
    pub fn known_array_without_null(&self) -> bool {
        match self.shaped() {
            Some(Value::Array(array)) => array.iter().all(|element| !element.is_null()),
            _ => false,
        }
    }

    /// Whether its value is fixed before the first row: constants, parameters, and literals of them.
    pub fn is_static(&self) -> bool {
        match self {
            Expression::Constant(_) | Expression::Parameter(_) => true,
            Expression::Array(elements) => elements.iter().all(Expression::is_static),
            Expression::Object(members) => members.iter().all(|member| match member {
                Member::Named(_, value) => value.is_static(),
                Member::Computed(name, value) => name.is_static() && value.is_static(),
            }),
            _ => false,
        }
    }

    /// Whether there is a parameter in it.
    pub(crate) fn has_parameter(&self) -> bool {
        let mut found = false;
        self.walk(&mut |part| found |= matches!(part, Expression::Parameter(_)));
        found
    }

    /// Calls `visit` for each direct part. The parts of a subquery are the expressions of its nodes.
    pub fn each(&self, visit: &mut dyn FnMut(&Expression)) {
        match self {
            Expression::Constant(_)
            | Expression::Parameter(_)
            | Expression::Variable(_)
            | Expression::CollectionCount(_) => {}
            Expression::Attribute(base, _) => visit(base),
            Expression::Unary(_, operand) => visit(operand),
            Expression::Element(parts)
            | Expression::Arithmetic(_, parts)
            | Expression::Compare(_, parts)
            | Expression::And(parts)
            | Expression::Or(parts)
            | Expression::Elvis(parts)
            | Expression::Range(parts) => parts.iter().for_each(visit),
            Expression::Ternary(parts) => parts.iter().for_each(visit),
            Expression::Quantified(quantified) => {
                visit(&quantified.left);
                visit(&quantified.right);
                quantified.quantifier.each(visit);
            }
            Expression::Array(elements) | Expression::Call(_, elements) => {
                elements.iter().for_each(visit)
            }
            Expression::Object(members) => {
                for member in members {
                    match member {
                        Member::Named(_, value) => visit(value),
                        Member::Computed(name, value) => {
                            visit(name);
                            visit(value);
                        }
                    }
                }
            }
            Expression::Expand(expansion) => {
                visit(&expansion.base);
                expansion.filter.iter().for_each(&mut *visit);
                if let Some((offset, count)) = &expansion.limit {
                    visit(offset);
                    visit(count);
                }
                expansion.projection.iter().for_each(visit);
            }
            Expression::Test(test) => {
                visit(&test.base);
                test.quantifier.each(visit);
                test.filter.iter().for_each(visit);
            }
            Expression::Subquery(pipeline) => pipeline.each_expression(visit),
        }
    }

    /// As [`Expression::each`], to change the parts.
    pub fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Expression)) {
        match self {
            Expression::Constant(_)
            | Expression::Parameter(_)
            | Expression::Variable(_)
            | Expression::CollectionCount(_) => {}
            Expression::Attribute(base, _) => visit(base),
            Expression::Unary(_, operand) => visit(operand),
            Expression::Element(parts)
            | Expression::Arithmetic(_, parts)
            | Expression::Compare(_, parts)
            | Expression::And(parts)
            | Expression::Or(parts)
            | Expression::Elvis(parts)
            | Expression::Range(parts) => parts.iter_mut().for_each(visit),
            Expression::Ternary(parts) => parts.iter_mut().for_each(visit),
            Expression::Quantified(quantified) => {
                visit(&mut quantified.left);
                visit(&mut quantified.right);
                quantified.quantifier.each_mut(visit);
            }
            Expression::Array(elements) | Expression::Call(_, elements) => {
                elements.iter_mut().for_each(visit)
            }
            Expression::Object(members) => {
                for member in members {
                    match member {
                        Member::Named(_, value) => visit(value),
                        Member::Computed(name, value) => {
                            visit(name);
                            visit(value);
                        }
                    }
                }
            }
            Expression::Expand(expansion) => {
                visit(&mut expansion.base);
                expansion.filter.iter_mut().for_each(&mut *visit);
                if let Some((offset, count)) = &mut expansion.limit {
                    visit(offset);
                    visit(count);
                }
                expansion.projection.iter_mut().for_each(visit);
            }
            Expression::Test(test) => {
                visit(&mut test.base);
                test.quantifier.each_mut(visit);
                test.filter.iter_mut().for_each(visit);
            }
            Expression::Subquery(pipeline) => pipeline.each_expression_mut(visit),
        }
    }

    /// Calls `visit` for this expression and everything below it, outermost first.
    pub fn walk(&self, visit: &mut dyn FnMut(&Expression)) {
        visit(self);
        self.each(&mut |part| part.walk(visit));
    }

    /// Whether it reads this variable anywhere, in subqueries too.
    pub fn uses(&self, variable: Variable) -> bool {
        let mut found = false;
        self.walk(&mut |part| {
            found |= matches!(part, Expression::Variable(used) if used.id == variable.id)
        });
        found
    }

    /// Whether the same variables always give the same value, and evaluating it more or less often, or earlier, changes
    /// nothing: no chance, no writing, nothing that fails on purpose.
    pub fn is_deterministic(&self) -> bool {
        let mut deterministic = true;
        self.walk(&mut |part| match part {
            Expression::Call(function, _) => deterministic &= function.deterministic,
            Expression::Subquery(pipeline) => deterministic &= !pipeline.writes(),
            _ => {}
        });
        deterministic
    }

    /// Whether it is deterministic, and gives the same in another query too, whoever asks.
    pub fn is_repeatable(&self) -> bool {
        let mut repeatable = self.is_deterministic();
        self.walk(&mut |part| {
            repeatable &= !matches!(part, Expression::Call(function, _) if !function.constant);
        });
        repeatable
    }

    /// Whether it holds a subquery.
    pub fn has_subquery(&self) -> bool {
        let mut found = false;
        self.walk(&mut |part| found |= matches!(part, Expression::Subquery(_)));
        found
    }

    /// The variable and the attribute names, if it is a chain of attributes on a variable.
    pub fn attribute_path(&self) -> Option<(Variable, Vec<&Str>)> {
        let mut names = Vec::new();
        let mut at = self;
        loop {
            match at {
                Expression::Attribute(base, name) => {
                    names.push(name);
                    at = base;
                }
                Expression::Variable(variable) => {
                    names.reverse();
                    return Some((*variable, names));
                }
                _ => return None,
            }
        }
    }
}

impl Quantifier {
    fn each(&self, visit: &mut dyn FnMut(&Expression)) {
        match self {
            Quantifier::All | Quantifier::Any | Quantifier::None => {}
            Quantifier::AtLeast(count) | Quantifier::Exactly(count) => visit(count),
            Quantifier::Between(least, most) => {
                visit(least);
                visit(most);
            }
        }
    }

    fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Expression)) {
        match self {
            Quantifier::All | Quantifier::Any | Quantifier::None => {}
            Quantifier::AtLeast(count) | Quantifier::Exactly(count) => visit(count),
            Quantifier::Between(least, most) => {
                visit(least);
                visit(most);
            }
        }
    }
}
