//! The optimizer: rules that make a plan cheaper and change nothing of its result.
//!
//! Rules run in the order of [`RULES`], each over the main line and every subquery. The order: first what makes
//! conditions plain and moves them and constants of a loop outward, since an index is only seen where a FILTER stands
//! behind its FOR; then access paths; then what follows from the order that is left; last the removal of what nobody
//! reads any more.

use std::collections::BTreeSet;

use crate::expression::Expression;
use crate::plan::{Pipeline, Plan};

mod conditions;
mod geo_index;
mod hash_join;
mod inline_subqueries;
mod move_calculations_up;
mod move_filters_up;
mod optimize_subqueries;
mod optimize_traversals;
mod projections;
mod remove_filter_covered_by_index;
mod remove_redundant_calculations;
mod remove_unnecessary_calculations;
mod remove_unnecessary_filters;
mod replace_like_with_range;
mod replace_or_with_in;
mod sort_limit;
mod use_index_for_collect;
mod use_index_for_sort;
mod use_indexes;

/// One rule.
struct Rule {
    name: &'static str,
    /// Changes a line; true if it did.
    apply: fn(&mut Pipeline) -> bool,
}

/// All rules, in their order.
const RULES: &[Rule] = &[
    Rule {
        name: "inline-subqueries",
        apply: inline_subqueries::apply,
    },
    Rule {
        name: "remove-redundant-calculations",
        apply: remove_redundant_calculations::apply,
    },
    Rule {
        name: "optimize-subqueries",
        apply: optimize_subqueries::apply,
    },
    Rule {
        name: "move-calculations-up",
        apply: move_calculations_up::apply,
    },
    Rule {
        name: "move-filters-up",
        apply: move_filters_up::apply,
    },
    Rule {
        name: "remove-unnecessary-filters",
        apply: remove_unnecessary_filters::apply,
    },
    Rule {
        name: "replace-or-with-in",
        apply: replace_or_with_in::apply,
    },
    Rule {
        name: "replace-like-with-range",
        apply: replace_like_with_range::apply,
    },
    Rule {
        name: "optimize-traversals",
        apply: optimize_traversals::apply,
    },
    Rule {
        name: "use-indexes",
        apply: use_indexes::apply,
    },
    Rule {
        name: "remove-filter-covered-by-index",
        apply: remove_filter_covered_by_index::apply,
    },
    Rule {
        name: "geo-index-optimizer",
        apply: geo_index::apply,
    },
    Rule {
        name: "use-index-for-sort",
        apply: use_index_for_sort::apply,
    },
    Rule {
        name: "use-index-for-collect",
        apply: use_index_for_collect::apply,
    },
    Rule {
        name: "hash-join",
        apply: hash_join::apply,
    },
    Rule {
        name: "sort-limit",
        apply: sort_limit::apply,
    },
    Rule {
        name: "remove-unnecessary-calculations",
        apply: remove_unnecessary_calculations::apply,
    },
    Rule {
        name: "optimize-projections",
        apply: projections::apply,
    },
];

/// Which rules run.
#[derive(Clone, Debug)]
pub(crate) struct RuleSwitches(Vec<(String, bool)>);

impl RuleSwitches {
    /// Reads `-rule` and `+rule`, from left to right; unknown names are ignored.
    pub(crate) fn parse(rules: &[String]) -> RuleSwitches {
        let switch = |rule: &String| match rule.strip_prefix('-') {
            Some(name) => (name.to_owned(), false),
            None => (rule.trim_start_matches('+').to_owned(), true),
        };
        RuleSwitches(rules.iter().map(switch).collect())
    }

    fn allow(&self, rule: &str) -> bool {
        let last = self
            .0
            .iter()
            .rev()
            .find(|(name, _)| name == rule || name == "all");
        last.is_none_or(|(_, on)| *on)
    }
}

/// Names of all rules, for tests that switch them off one by one.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.name)
}

/// Applies every rule that is switched on.
pub(crate) fn optimize(plan: &mut Plan, switches: &RuleSwitches) {
    for rule in RULES {
        if switches.allow(rule.name) && everywhere(&mut plan.root, rule.apply) {
            plan.rules.push(rule.name);
        }
    }
    number(&mut plan.root, &mut BTreeSet::new());
}

/// Gives nodes that rules made of others numbers of their own.
fn number(pipeline: &mut Pipeline, taken: &mut BTreeSet<u32>) {
    fn within(expression: &mut Expression, taken: &mut BTreeSet<u32>) {
        match expression {
            Expression::Subquery(pipeline) => number(pipeline, taken),
            other => other.each_mut(&mut |part| within(part, taken)),
        }
    }
    for node in &mut pipeline.nodes {
        if !taken.insert(node.id) {
            node.id = taken.last().map_or(1, |last| last + 1);
            taken.insert(node.id);
        }
        node.each_expression_mut(&mut |expression| within(expression, taken));
    }
}

/// Applies a rule to a line and to every subquery in it, innermost first.
fn everywhere(pipeline: &mut Pipeline, apply: fn(&mut Pipeline) -> bool) -> bool {
    fn within(expression: &mut Expression, apply: fn(&mut Pipeline) -> bool) -> bool {
        match expression {
            Expression::Subquery(pipeline) => everywhere(pipeline, apply),
            other => {
                let mut changed = false;
                other.each_mut(&mut |part| changed |= within(part, apply));
                changed
            }
        }
    }
    let mut changed = false;
    pipeline.each_expression_mut(&mut |expression| changed |= within(expression, apply));
    apply(pipeline) || changed
}
