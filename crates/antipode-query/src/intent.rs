//! What an UPDATE meant.
//!
//! People write `UPDATE d WITH { n: d.n + 1 } IN c`. When the value reads the very attribute that it writes, of the
//! very document that it changes, the statement means a relative change, and concurrent ones in other regions must all
//! count. This module recognises the patterns in a compiled document expression and takes it apart into the changes
//! and the rest, which stays a plain assignment:
//!
//! | value at path `p` of the document `d` | change |
//! |---|---|
//! | `d.p + x`, `x + d.p`, `d.p - x` | Increment |
//! | `PUSH(d.p, x)`, `APPEND(d.p, xs)` | Append |
//! | `UNSHIFT(d.p, x)` | Prepend |
//! | `PUSH(d.p, x, true)`, `APPEND(d.p, xs, true)`, `UNION_DISTINCT(d.p, xs)` | AddUnique |
//! | `REMOVE_VALUE(d.p, x)`, `REMOVE_VALUES(d.p, xs)`, `MINUS(d.p, xs)` | RemoveElements |
//! | `MAX([d.p, x])`, `MIN([d.p, x])` | Max, Min |
//!
//! What is recognised here is a possibility. When a row flows, the executor computes what plain C8QL gives and takes the
//! change only if it shows the same; else it assigns. So a query alone never tells the difference.

use antipode_value::Str;

use crate::expression::{Arithmetic, Expression, Member, Unary, Variable};
use crate::plan::Patch;

/// A relative change at a path, captured from a plain expression.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Attribute names from the root of the document.
    pub path: Vec<Str>,
    /// What is changed.
    pub kind: IntentKind,
    /// The operand: a number, or an array of elements.
    pub argument: Expression,
    /// The expression as the user wrote it.
    pub plain: Expression,
}

/// The kinds of relative changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntentKind {
    /// Add to a number.
    Increment,
    /// Add elements at the end.
    Append,
    /// Add elements at the beginning.
    Prepend,
    /// Add elements that are not there.
    AddUnique,
    /// Remove elements by value.
    RemoveElements,
    /// Keep the greater.
    Max,
    /// Keep the smaller.
    Min,
}

impl IntentKind {
    /// The name that EXPLAIN shows.
    pub fn name(self) -> &'static str {
        match self {
            IntentKind::Increment => "Increment",
            IntentKind::Append => "Append",
            IntentKind::Prepend => "Prepend",
            IntentKind::AddUnique => "AddUnique",
            IntentKind::RemoveElements => "RemoveElements",
            IntentKind::Max => "Max",
            IntentKind::Min => "Min",
        }
    }
}

/// Takes a document expression apart. `target` is the variable that holds the document which is changed.
pub(crate) fn capture(document: Expression, target: Variable, merge_objects: bool) -> Patch {
    let mut intents = Vec::new();
    let mut rest = document.clone();
    if let Expression::Object(members) = &mut rest {
        let depth_max = if merge_objects { usize::MAX } else { 1 };
        take(members, target, &mut Vec::new(), depth_max, &mut intents);
    }
    let rest = if intents.is_empty() { None } else { Some(rest) };
    Patch {
        document,
        rest,
        intents,
        target: Some(Expression::Variable(target)),
        stored: false,
    }
}

/// Moves the members that are intents out of an object literal, and goes down into nested ones.
fn take(
    members: &mut Vec<Member>,
    target: Variable,
    path: &mut Vec<Str>,
    depth_max: usize,
    intents: &mut Vec<Intent>,
) {
    // A name that is written twice, or computed, may be any attribute: then nothing here is certain.
    let mut names: Vec<&Str> = Vec::new();
    for member in members.iter() {
        match member {
            Member::Named(name, _) if !names.contains(&name) => names.push(name),
            _ => return,
        }
    }
    members.retain_mut(|member| {
        let Member::Named(name, value) = member else {
            return true;
        };
        path.push(name.clone());
        let mut keep = true;
        if let Some((kind, argument)) = recognise(value, target, path) {
            intents.push(Intent {
                path: path.clone(),
                kind,
                argument,
                plain: value.clone(),
            });
            keep = false;
        } else if let Expression::Object(inner) = value
            && path.len() < depth_max
        {
            let before = intents.len();
            take(inner, target, path, depth_max, intents);
            // An object of which nothing is left would assign an empty object where it meant changes below.
            keep = !(inner.is_empty() && intents.len() > before);
        }
        path.pop();
        keep
    });
}

/// The relative change that a value expression means, if it reads the attribute at `path` of `target`.
fn recognise(
    value: &Expression,
    target: Variable,
    path: &[Str],
) -> Option<(IntentKind, Expression)> {
    let own = |expression: &Expression| match expression.attribute_path() {
        Some((variable, names)) => variable.id == target.id && names.iter().copied().eq(path),
        None => false,
    };
    // The operand must not read the attribute a second time: `d.n + d.n` is no increment by a constant.
    let free = |expression: &Expression| {
        let mut reads = false;
        expression.walk(&mut |part| reads |= own(part));
        !reads && expression.is_deterministic()
    };
    let array = |element: &Expression| Expression::Array(vec![element.clone()]);
    match value {
        Expression::Arithmetic(Arithmetic::Add, parts) => match &**parts {
            [left, right] if own(left) && free(right) => {
                Some((IntentKind::Increment, right.clone()))
            }
            [left, right] if own(right) && free(left) => {
                Some((IntentKind::Increment, left.clone()))
            }
            _ => None,
        },
        Expression::Arithmetic(Arithmetic::Subtract, parts)
            if own(&parts[0]) && free(&parts[1]) =>
        {
            Some((
                IntentKind::Increment,
                Expression::Unary(Unary::Minus, Box::new(parts[1].clone())),
            ))
        }
        Expression::Call(function, arguments) => match (function.name, arguments.as_slice()) {
            ("PUSH", [list, element]) if own(list) && free(element) => {
                Some((IntentKind::Append, array(element)))
            }
            ("APPEND", [list, elements]) if own(list) && free(elements) => {
                Some((IntentKind::Append, elements.clone()))
            }
            ("UNSHIFT", [list, element]) if own(list) && free(element) => {
                Some((IntentKind::Prepend, array(element)))
            }
            ("PUSH", [list, element, unique]) if own(list) && free(element) && is_true(unique) => {
                Some((IntentKind::AddUnique, array(element)))
            }
            ("APPEND", [list, elements, unique])
                if own(list) && free(elements) && is_true(unique) =>
            {
                Some((IntentKind::AddUnique, elements.clone()))
            }
            ("UNION_DISTINCT", [list, elements]) if own(list) && free(elements) => {
                Some((IntentKind::AddUnique, elements.clone()))
            }
            ("REMOVE_VALUE", [list, element]) if own(list) && free(element) => {
                Some((IntentKind::RemoveElements, array(element)))
            }
            ("REMOVE_VALUES" | "MINUS", [list, elements]) if own(list) && free(elements) => {
                Some((IntentKind::RemoveElements, elements.clone()))
            }
            ("MAX" | "MIN", [Expression::Array(pair)]) => {
                let kind = if function.name == "MAX" {
                    IntentKind::Max
                } else {
                    IntentKind::Min
                };
                match pair.as_slice() {
                    [left, right] if own(left) && free(right) => Some((kind, right.clone())),
                    [left, right] if own(right) && free(left) => Some((kind, left.clone())),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_true(expression: &Expression) -> bool {
    expression.known_truth() == Some(true)
}

/// Takes the insert branch of an UPSERT apart: a value at a path where the update branch means a relative change is the
/// same kind of change, made on nothing. So first inserts of two regions add up as their updates do.
pub(crate) fn capture_insert(document: Expression, update: &[Intent]) -> Patch {
    let mut intents = Vec::new();
    let mut rest = document.clone();
    for intent in update {
        if let Some(plain) = remove_path(&mut rest, &intent.path) {
            let path = intent.path.clone();
            intents.push(Intent {
                path,
                kind: intent.kind,
                argument: plain.clone(),
                plain,
            });
        }
    }
    let rest = if intents.is_empty() { None } else { Some(rest) };
    Patch {
        document,
        rest,
        intents,
        target: None,
        stored: false,
    }
}

/// Removes the member at a path from nested object literals.
fn remove_path(document: &mut Expression, path: &[Str]) -> Option<Expression> {
    // Folding may have made the literal a constant: then it is opened again.
    if let Expression::Constant(antipode_value::Value::Object(object)) = document {
        let members = object.to_pairs().into_iter();
        *document = Expression::Object(
            members
                .map(|(name, value)| Member::Named(name, Expression::Constant(value)))
                .collect(),
        );
    }
    let Expression::Object(members) = document else {
        return None;
    };
    let (first, below) = path.split_first()?;
    if members
        .iter()
        .any(|member| matches!(member, Member::Computed(..)))
    {
        return None;
    }
    let at = members
        .iter()
        .position(|member| matches!(member, Member::Named(name, _) if name == first))?;
    match members.get_mut(at)? {
        Member::Named(_, value) if !below.is_empty() => remove_path(value, below),
        _ => match members.remove(at) {
            Member::Named(_, value) => Some(value),
            Member::Computed(..) => None,
        },
    }
}
