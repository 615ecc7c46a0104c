//! Constant folding: an expression whose parts are constants is evaluated once, while compiling.

use std::collections::HashSet;

use crate::context::{Cancel, Chance, Environment, Memory, Stats, Warning, Warnings};
use crate::evaluate::{self, Run};
use crate::expression::{Expression, Member, Quantifier};
use crate::function::RegexCache;

/// Folds the outermost level of an expression; its parts were folded when they were made. In a part that may never be
/// evaluated, what would warn or fail is left alone, so that it does so only if it is reached.
pub(super) fn fold(
    expression: Expression,
    environment: &Environment,
    lazy: bool,
) -> (Expression, Vec<Warning>) {
    let expression = match choose(expression) {
        Ok(chosen) => return (chosen, Vec::new()),
        Err(expression) => expression,
    };
    if !foldable(&expression) {
        return (expression, Vec::new());
    }
    let mut run = Run {
        transaction: None,
        environment,
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
    };
    let value = evaluate::evaluate(&expression, &mut [], &mut run);
    let warnings = run.warnings.kept().to_vec();
    match value {
        // What fails at compile time fails again, in its turn, when it is reached.
        Err(_) => (expression, Vec::new()),
        Ok(_) if lazy && !warnings.is_empty() => (expression, Vec::new()),
        Ok(value) => (Expression::Constant(value), warnings),
    }
}

/// A constant may not be larger than this.
const FOLD_BYTES_MAX: u64 = 16 << 20;

/// Picks the branch of a condition that is known.
fn choose(expression: Expression) -> Result<Expression, Expression> {
    let known = |part: &Expression| part.constant().map(|value| value.truthy());
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

fn constant(expression: &Expression) -> bool {
    expression.constant().is_some()
}

fn foldable(expression: &Expression) -> bool {
    match expression {
        Expression::Constant(_)
        | Expression::Variable(_)
        | Expression::Expand(_)
        | Expression::Test(_)
        | Expression::Subquery(_)
        | Expression::CollectionCount(_)
        | Expression::Ternary(_)
        | Expression::And(_)
        | Expression::Or(_)
        | Expression::Elvis(_) => false,
        Expression::Attribute(base, _) => constant(base),
        Expression::Unary(_, operand) => constant(operand),
        Expression::Element(parts)
        | Expression::Arithmetic(_, parts)
        | Expression::Compare(_, parts)
        | Expression::Range(parts) => parts.iter().all(constant),
        Expression::Quantified(quantified) => {
            constant(&quantified.left)
                && constant(&quantified.right)
                && match &quantified.quantifier {
                    Quantifier::AtLeast(count) => constant(count),
                    _ => true,
                }
        }
        Expression::Array(elements) => elements.iter().all(constant),
        Expression::Object(members) => members.iter().all(|member| match member {
            Member::Named(_, value) => constant(value),
            Member::Computed(name, value) => constant(name) && constant(value),
        }),
        Expression::Call(function, arguments) => {
            function.deterministic && arguments.iter().all(constant)
        }
    }
}
