//! `use-indexes`: a FOR over a collection with conditions behind it looks documents up.
//!
//! The primary index serves `_key` and `_id`, the edge index `_from` and `_to`, each with `==` and `IN`, and ranges of
//! `_key`. A persistent
//! index serves `==` and `IN` on its first fields, and a range on the next; an array field `x IN d.a`. What is compared
//! with may be anything that is known before the loop: constants, and variables of outer loops, which makes a join. An
//! OR is answered by one look-up for each alternative, if each has an index. A sparse index serves only where no
//! document that it leaves out can match.
//!
//! Of several, that with the fewest documents by estimate is taken; among equals that with more fields held, then that
//! which also gives the order of a SORT, holds all that is read, or is unique.

use std::cmp::Ordering;
use std::sync::Arc;

use super::conditions::{Condition, Scope, Term, Test, condition, each_condition};
use super::{hash_join, projections, use_index_for_sort};
use crate::index::{IndexInfo, IndexKind};
use crate::plan::{Access, Action, IndexAccess, Lookup, Modify, NodeKind, Pipeline, RangeEnd};
use crate::source::{CollectionKind, Direction};

/// Gives loops the best access that the conditions behind them allow, and notes the conditions that it answers.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    for position in 0..pipeline.nodes.len() {
        let chosen = best(pipeline, position);
        match pipeline.nodes.get_mut(position).map(|node| &mut node.kind) {
            Some(NodeKind::EnumerateCollection(enumerate)) => {
                if let Some((access, answered)) = chosen {
                    enumerate.access = access;
                    enumerate.answered = answered;
                    changed = true;
                }
            }
            Some(NodeKind::Modify(modify)) => changed |= upsert(modify),
            _ => {}
        }
    }
    changed
}

/// A way to find the documents.
struct Candidate<'t> {
    access: Access,
    /// The terms that it answers, by their place in memory.
    used: Vec<*const Term<'t>>,
    /// The conditions that need no test behind it.
    answered: Vec<usize>,
    estimate: f64,
    /// Fields that are held to values.
    fields: usize,
    sorts: bool,
    covers: bool,
    unique: bool,
}

impl Candidate<'_> {
    fn new(access: Access, fields: usize, documents: u64) -> Self {
        Candidate {
            estimate: access.estimate(documents as f64),
            access,
            used: Vec::new(),
            answered: Vec::new(),
            fields,
            sorts: false,
            covers: false,
            unique: false,
        }
    }

    /// Less is better.
    fn compare(&self, other: &Candidate<'_>) -> Ordering {
        self.estimate
            .total_cmp(&other.estimate)
            .then_with(|| other.fields.cmp(&self.fields))
            .then_with(|| other.sorts.cmp(&self.sorts))
            .then_with(|| other.covers.cmp(&self.covers))
            .then_with(|| other.unique.cmp(&self.unique))
    }
}

/// The best access for the loop at `position`.
fn best(pipeline: &Pipeline, position: usize) -> Option<(Access, Vec<usize>)> {
    let mut conditions: Vec<Condition<'_>> = Vec::new();
    let mut found = None;
    each_condition(
        pipeline,
        position,
        &mut |enumerate, place, expression, scope| {
            found = Some(enumerate);
            conditions.push(condition(place, expression, scope));
        },
    );
    let enumerate = found?;
    let target = Target {
        edges: enumerate.collection.kind == CollectionKind::Edge,
        documents: enumerate.documents,
        indexes: &enumerate.indexes,
        hints: &enumerate.hints,
        forced: enumerate.forced,
    };
    let terms: Vec<&Term<'_>> = conditions.iter().flat_map(|part| &part.terms).collect();
    let mut candidates = target.candidates(&terms);
    for candidate in &mut candidates {
        candidate.answered = answered(&conditions, &candidate.used);
        if let Access::Index(access) = &candidate.access {
            candidate.sorts = use_index_for_sort::serves(pipeline, position, access).is_some();
            candidate.covers = projections::covers(pipeline, position, access);
        }
    }
    let unions = conditions
        .iter()
        .filter_map(|part| target.union(part, &terms));
    candidates.extend(unions);
    let best = target.choose(candidates)?;
    // A mere range goes over much of the collection for every outer row; a table of equals does not.
    let range = match &best.access {
        Access::KeyRange { .. } => true,
        Access::Index(access) => access.lookups.is_empty(),
        _ => false,
    };
    if range && enumerate.hints.is_empty() && hash_join::applies(pipeline, position) {
        return None;
    }
    Some((best.access, best.answered))
}

/// The conditions that say nothing but what an access answers.
fn answered(conditions: &[Condition<'_>], used: &[*const Term<'_>]) -> Vec<usize> {
    let whole = |part: &&Condition<'_>| {
        part.complete
            && part
                .terms
                .iter()
                .all(|term| term.exact && used.contains(&std::ptr::from_ref(term)))
    };
    conditions
        .iter()
        .filter(whole)
        .map(|part| part.place)
        .collect()
}

/// What is looked up, and by what.
struct Target<'p> {
    edges: bool,
    documents: u64,
    indexes: &'p [Arc<IndexInfo>],
    hints: &'p [String],
    forced: bool,
}

impl Target<'_> {
    /// The best of some, hinted ones first.
    fn choose<'t>(&self, candidates: Vec<Candidate<'t>>) -> Option<Candidate<'t>> {
        let hint = |candidate: &Candidate<'_>| {
            let names = candidate.access.index_names();
            let places = names
                .iter()
                .filter_map(|name| self.hints.iter().position(|hint| hint == name));
            places.min().unwrap_or(self.hints.len())
        };
        candidates
            .into_iter()
            .min_by(|a, b| hint(a).cmp(&hint(b)).then_with(|| a.compare(b)))
    }

    /// Whether `forceIndexHint` leaves an index to choose.
    fn allows(&self, name: &str) -> bool {
        !self.forced || self.hints.iter().any(|hint| hint == name)
    }

    /// The accesses that answer some of the terms, all of which hold.
    fn candidates<'t>(&self, terms: &[&'t Term<'t>]) -> Vec<Candidate<'t>> {
        let own = terms.iter().filter_map(|term| self.own_index(term));
        let persistent = self.indexes.iter().filter_map(|index| {
            let usable = index.kind == IndexKind::Persistent && self.allows(&index.name);
            usable.then(|| self.persistent(index, terms)).flatten()
        });
        own.chain(self.key_range(terms)).chain(persistent).collect()
    }

    /// The look-up in the primary or edge index that a term means.
    fn own_index<'t>(&self, term: &'t Term<'t>) -> Option<Candidate<'t>> {
        let (value, many) = match term.test {
            Test::Equal(value) => (value.clone(), false),
            Test::In(list) => (list.clone(), true),
            _ => return None,
        };
        let edge = |direction, vertices| Access::Edge {
            direction,
            vertices,
            many,
        };
        let access = match term.top_attribute()? {
            name @ ("_key" | "_id") => Access::Key {
                keys: value,
                many,
                ids: name == "_id",
            },
            "_from" if self.edges => edge(Direction::Out, value),
            "_to" if self.edges => edge(Direction::In, value),
            _ => return None,
        };
        let primary = matches!(access, Access::Key { .. });
        if !self.allows(if primary { "primary" } else { "edge" }) {
            return None;
        }
        // At equal estimates the index that is always there goes first.
        let fields = if primary { usize::MAX } else { 1 };
        let mut candidate = Candidate::new(access, fields, self.documents);
        candidate.unique = primary;
        candidate.used.push(std::ptr::from_ref(term));
        Some(candidate)
    }

    /// The range of keys that terms mean. The terms stay: the primary index has another order than the language.
    fn key_range<'t>(&self, terms: &[&'t Term<'t>]) -> Option<Candidate<'t>> {
        let (mut lower, mut upper) = (None, None);
        for term in terms {
            let (end, value, inclusive) = match term.test {
                Test::Above(value, inclusive) => (&mut lower, value, inclusive),
                Test::Below(value, inclusive) => (&mut upper, value, inclusive),
                _ => continue,
            };
            if term.top_attribute() == Some("_key") && end.is_none() {
                let value = value.clone();
                *end = Some(RangeEnd { value, inclusive });
            }
        }
        let usable = (lower.is_some() || upper.is_some()) && self.allows("primary");
        usable.then(|| Candidate::new(Access::KeyRange { lower, upper }, 0, self.documents))
    }

    /// The reading of a persistent index that answers most terms; none if it answers none.
    fn persistent<'t>(
        &self,
        index: &Arc<IndexInfo>,
        terms: &[&'t Term<'t>],
    ) -> Option<Candidate<'t>> {
        let about = |place: usize| {
            let field = index.fields.get(place);
            terms
                .iter()
                .filter(move |term| field.is_some_and(|field| term.is_about(field)))
        };
        let fields = 0..index.fields.len();
        if index.sparse
            && !fields
                .clone()
                .all(|place| about(place).any(|term| term.excludes_null()))
        {
            return None;
        }
        let mut access = IndexAccess::all(index.clone(), false);
        let mut used: Vec<*const Term<'t>> = Vec::new();
        for place in fields.clone() {
            let equal = about(place).find(|term| matches!(term.test, Test::Equal(_)));
            let held = equal.or_else(|| about(place).find(|term| matches!(term.test, Test::In(_))));
            let Some(term) = held else { break };
            if let Test::Equal(value) | Test::In(value) = term.test {
                access.lookups.push(Lookup {
                    value: value.clone(),
                    many: matches!(term.test, Test::In(_)),
                });
            }
            used.push(std::ptr::from_ref(*term));
        }
        for term in about(access.lookups.len()) {
            let (end, value, inclusive) = match term.test {
                Test::Above(value, inclusive) => (&mut access.lower, value, inclusive),
                Test::Below(value, inclusive) => (&mut access.upper, value, inclusive),
                _ => continue,
            };
            if end.is_none() {
                let value = value.clone();
                *end = Some(RangeEnd { value, inclusive });
                used.push(std::ptr::from_ref(*term));
            }
        }
        let held = access.lookups.len();
        let ranged = access.lower.is_some() || access.upper.is_some();
        let not_null = |place: usize| {
            about(place).filter(|term| index.sparse && matches!(term.test, Test::NotNull))
        };
        if held == 0 && !ranged && !fields.clone().any(|place| not_null(place).next().is_some()) {
            return None;
        }
        used.extend(
            fields
                .flat_map(not_null)
                .map(|term| std::ptr::from_ref(*term)),
        );
        let mut candidate = Candidate::new(
            Access::Index(Box::new(access)),
            held + usize::from(ranged),
            self.documents,
        );
        candidate.unique = index.unique;
        candidate.used = used;
        Some(candidate)
    }

    /// A look-up for each alternative of an OR, beside what else must hold.
    fn union<'t>(&self, part: &'t Condition<'t>, all: &[&'t Term<'t>]) -> Option<Candidate<'t>> {
        let mut accesses = Vec::new();
        let mut exact = true;
        for (terms, complete) in &part.alternatives {
            let together: Vec<&Term<'_>> = terms.iter().chain(all.iter().copied()).collect();
            let best = self.choose(self.candidates(&together))?;
            exact &= *complete
                && terms
                    .iter()
                    .all(|term| term.exact && best.used.contains(&std::ptr::from_ref(term)));
            accesses.push(best.access);
        }
        if accesses.is_empty() {
            return None;
        }
        let mut candidate = Candidate::new(
            Access::Union {
                parts: accesses,
                merged: None,
            },
            1,
            self.documents,
        );
        if exact {
            candidate.answered.push(part.place);
        }
        Some(candidate)
    }
}

/// Gives an UPSERT the index for its look-up, unless it goes by key.
fn upsert(modify: &mut Modify) -> bool {
    let Action::Upsert(upsert) = &mut modify.action else {
        return false;
    };
    let forced = modify.options.force_index_hint && !modify.options.index_hints.is_empty();
    let by_key = upsert.key.is_some() && !forced;
    if by_key || modify.options.disable_index {
        return false;
    }
    let target = Target {
        edges: false,
        documents: upsert.documents,
        indexes: &upsert.indexes,
        hints: &modify.options.index_hints,
        forced,
    };
    let part = condition(0, &upsert.condition, &Scope::of(upsert.current));
    let terms: Vec<&Term<'_>> = part.terms.iter().collect();
    match target
        .choose(target.candidates(&terms))
        .map(|best| best.access)
    {
        Some(Access::Index(access)) => {
            upsert.index = Some(access);
            true
        }
        _ => false,
    }
}
