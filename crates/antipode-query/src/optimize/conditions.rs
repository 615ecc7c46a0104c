//! What the FILTERs behind a loop say about its documents, in the form in which indexes can answer it.

use antipode_value::Str;

use crate::expression::{Comparison, Expression, Quantifier, Variable};
use crate::index::IndexField;
use crate::plan::{Access, Enumerate, Node, NodeKind, Pipeline};

/// Most alternatives of one condition that are looked up each for itself.
const ALTERNATIVES_MAX: usize = 128;

/// What a place behind a loop sees of it.
#[derive(Clone, Debug)]
pub(super) struct Scope<'p> {
    /// The loop's document.
    pub(super) document: Variable,
    /// Variables that exist only behind the loop, the document among them.
    behind: Vec<Variable>,
    /// Of these, the names that LET gives to values.
    names: Vec<(Variable, &'p Expression)>,
}

impl<'p> Scope<'p> {
    /// Right behind a loop.
    pub(super) fn of(document: Variable) -> Scope<'p> {
        Scope {
            document,
            behind: vec![document],
            names: Vec::new(),
        }
    }

    /// Behind one more node.
    pub(super) fn pass(&mut self, node: &'p Node) {
        if let NodeKind::Calculation {
            expression,
            variable,
        } = &node.kind
            && expression.is_deterministic()
        {
            self.names.push((*variable, expression));
        }
        node.each_definition(&mut |variable| self.behind.push(variable));
    }

    /// Whether the value of an expression is known before the loop begins. A random value is not: it differs from row to
    /// row, and a look-up would draw it once.
    pub(super) fn knows(&self, value: &Expression) -> bool {
        value.is_deterministic() && !self.behind.iter().any(|variable| value.uses(*variable))
    }

    /// What an expression stands for, if it is but a name.
    pub(super) fn meaning(&self, expression: &'p Expression) -> &'p Expression {
        match expression {
            Expression::Variable(variable) => match self.named(*variable) {
                Some(named) => self.meaning(named),
                None => expression,
            },
            other => other,
        }
    }

    fn named(&self, variable: Variable) -> Option<&'p Expression> {
        let mut names = self.names.iter();
        names
            .find(|(name, _)| name.id == variable.id)
            .map(|(_, named)| *named)
    }

    /// The attribute of the document that an expression reads.
    pub(super) fn attribute(&self, expression: &'p Expression) -> Option<Vec<&'p Str>> {
        let (variable, path) = expression.attribute_path()?;
        if variable.id == self.document.id {
            return (!path.is_empty()).then_some(path);
        }
        let mut whole = self.attribute(self.named(variable)?)?;
        whole.extend(path);
        Some(whole)
    }
}

/// Calls `visit` for each condition that holds for every document which a full loop at `position` lets through.
pub(super) fn each_condition<'p>(
    pipeline: &'p Pipeline,
    position: usize,
    visit: &mut dyn FnMut(&'p Enumerate, usize, &'p Expression, &Scope<'p>),
) {
    let Some(NodeKind::EnumerateCollection(enumerate)) =
        pipeline.nodes.get(position).map(|node| &node.kind)
    else {
        return;
    };
    if enumerate.disable_index || !matches!(enumerate.access, Access::Full) {
        return;
    }
    let mut scope = Scope::of(enumerate.variable);
    for (place, node) in pipeline.nodes.iter().enumerate().skip(position + 1) {
        match &node.kind {
            NodeKind::Filter(condition) => visit(enumerate, place, condition, &scope),
            // Rows are not regrouped or cut here, so a condition behind holds for every document that matters.
            NodeKind::Calculation { expression, .. } if expression.is_deterministic() => {}
            NodeKind::EnumerateCollection(_)
            | NodeKind::EnumerateList { .. }
            | NodeKind::Traverse(_)
            | NodeKind::PathSearch(_)
            | NodeKind::Sort { .. } => {}
            _ => return,
        }
        scope.pass(node);
    }
}

/// What a condition says of an attribute.
#[derive(Clone, Copy, Debug)]
pub(super) enum Test<'p> {
    /// It equals a value; of an array's elements, one does.
    Equal(&'p Expression),
    /// It equals an element of a list.
    In(&'p Expression),
    /// It is greater than a value, or equal if true.
    Above(&'p Expression, bool),
    /// It is less than a value, or equal if true.
    Below(&'p Expression, bool),
    /// It is not null.
    NotNull,
}

/// A condition on one attribute of a loop's document, by values that are known before the loop.
#[derive(Clone, Debug)]
pub(super) struct Term<'p> {
    /// The attribute, from the document down; if it is an array whose elements are meant, to that.
    path: Vec<&'p Str>,
    /// From an element of the array down.
    each: Option<Vec<&'p Str>>,
    /// What is said of it.
    pub(super) test: Test<'p>,
    /// An index that answers it leaves nothing to test.
    pub(super) exact: bool,
}

impl<'p> Term<'p> {
    /// Whether it is about a field of an index.
    pub(super) fn is_about(&self, field: &IndexField) -> bool {
        let same = |names: &[&Str], others: &[Str]| names.iter().copied().eq(others.iter());
        let each = match (&self.each, &field.each) {
            (None, None) => true,
            (Some(each), Some(other)) => same(each, other),
            _ => false,
        };
        each && same(&self.path, &field.path)
    }

    /// The attribute, if it is one at the top of the document.
    pub(super) fn top_attribute(&self) -> Option<&'p str> {
        match (self.path.as_slice(), &self.each) {
            ([name], None) => Some(name.as_str()),
            _ => None,
        }
    }

    /// Whether it rules out that the attribute is null or missing.
    pub(super) fn excludes_null(&self) -> bool {
        match self.test {
            Test::NotNull | Test::Above(_, false) => true,
            Test::Equal(value) | Test::Above(value, true) => value.known_not_null(),
            Test::In(list) => list.known_array_without_null(),
            Test::Below(..) => false,
        }
    }
}

/// A condition taken apart.
#[derive(Clone, Debug)]
pub(super) struct Condition<'p> {
    /// The node that has it.
    pub(super) place: usize,
    /// What it says of attributes of the document.
    pub(super) terms: Vec<Term<'p>>,
    /// It says nothing else.
    pub(super) complete: bool,
    /// What it says instead, if it is an OR: of these one holds, each with its terms, and whether it says nothing else.
    pub(super) alternatives: Vec<(Vec<Term<'p>>, bool)>,
}

/// Takes a condition apart.
pub(super) fn condition<'p>(
    place: usize,
    condition: &'p Expression,
    scope: &Scope<'p>,
) -> Condition<'p> {
    let terms_of = |conjuncts: &[&'p Expression]| {
        let found: Vec<Option<Term<'p>>> = conjuncts.iter().map(|part| term(part, scope)).collect();
        let complete = found.iter().all(Option::is_some);
        (found.into_iter().flatten().collect::<Vec<_>>(), complete)
    };
    let mut conjuncts = Vec::new();
    flatten_and(condition, &mut conjuncts);
    let (terms, complete) = terms_of(&conjuncts);
    let alternatives = match normal_form(condition) {
        Some(alternatives) if alternatives.len() > 1 => {
            alternatives.iter().map(|part| terms_of(part)).collect()
        }
        _ => Vec::new(),
    };
    Condition {
        place,
        terms,
        complete,
        alternatives,
    }
}

/// The conditions that an AND joins.
pub(super) fn flatten_and<'p>(condition: &'p Expression, out: &mut Vec<&'p Expression>) {
    match condition {
        Expression::And(parts) => parts.iter().for_each(|part| flatten_and(part, out)),
        other => out.push(other),
    }
}

/// The condition as an OR of ANDs; none if it has too many of them.
fn normal_form(condition: &Expression) -> Option<Vec<Vec<&Expression>>> {
    match condition {
        Expression::Or(parts) => {
            let mut left = normal_form(&parts[0])?;
            left.extend(normal_form(&parts[1])?);
            (left.len() <= ALTERNATIVES_MAX).then_some(left)
        }
        Expression::And(parts) => {
            let (left, right) = (normal_form(&parts[0])?, normal_form(&parts[1])?);
            if left.len().saturating_mul(right.len()) > ALTERNATIVES_MAX {
                return None;
            }
            let joined = left.iter().flat_map(|left| {
                right
                    .iter()
                    .map(move |right| left.iter().chain(right).copied().collect())
            });
            Some(joined.collect())
        }
        other => Some(vec![vec![other]]),
    }
}

/// What a single comparison says of an attribute.
fn term<'p>(condition: &'p Expression, scope: &Scope<'p>) -> Option<Term<'p>> {
    let plain = |path: Vec<&'p Str>, test: Test<'p>| Term {
        path,
        each: None,
        test,
        exact: true,
    };
    match scope.meaning(condition) {
        Expression::Compare(Comparison::In, parts) => {
            let [left, right] = &**parts;
            if let Some(path) = scope.attribute(left) {
                return scope.knows(right).then(|| plain(path, Test::In(right)));
            }
            contains(right, left, scope)
        }
        Expression::Quantified(quantified)
            if matches!(quantified.quantifier, Quantifier::Any)
                && quantified.comparison == Comparison::Equal =>
        {
            contains(&quantified.left, &quantified.right, scope)
        }
        Expression::Compare(comparison, parts) => {
            let [left, right] = &**parts;
            let (path, comparison, value) = match (scope.attribute(left), scope.attribute(right)) {
                (Some(path), _) if scope.knows(right) => (path, *comparison, right),
                (_, Some(path)) if scope.knows(left) => (path, comparison.flipped()?, left),
                _ => return None,
            };
            let test = match comparison {
                Comparison::Equal => Test::Equal(value),
                Comparison::Less => Test::Below(value, false),
                Comparison::LessOrEqual => Test::Below(value, true),
                Comparison::Greater => Test::Above(value, false),
                Comparison::GreaterOrEqual => Test::Above(value, true),
                Comparison::NotEqual if value.known_null() => Test::NotNull,
                _ => return None,
            };
            Some(plain(path, test))
        }
        _ => None,
    }
}

/// `value IN document.array`, or `… array[*].name`.
fn contains<'p>(
    array: &'p Expression,
    value: &'p Expression,
    scope: &Scope<'p>,
) -> Option<Term<'p>> {
    if !scope.knows(value) {
        return None;
    }
    let (path, each) = match scope.meaning(array) {
        Expression::Expand(expansion) => {
            let plain =
                expansion.flatten == 0 && expansion.filter.is_none() && expansion.limit.is_none();
            let each = match &expansion.projection {
                None => Vec::new(),
                Some(projection) => {
                    let (variable, path) = projection.attribute_path()?;
                    (variable.id == expansion.current.id).then_some(path)?
                }
            };
            (plain.then_some(&expansion.base)?, each)
        }
        array => (array, Vec::new()),
    };
    Some(Term {
        path: scope.attribute(path)?,
        each: Some(each),
        test: Test::Equal(value),
        // What has no array has an entry with null.
        exact: value.known_not_null(),
    })
}
