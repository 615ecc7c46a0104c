//! Compiling: text, tree, plan.

use std::sync::Arc;

use antipode_c8ql::{Diagnostic, ParseLimits};
use antipode_value::Value;

use crate::context::Environment;
use crate::error::{Code, QueryError, Result};
use crate::expression::Expression;
use crate::optimize::{self, RuleSwitches};
use crate::parameters::{Parameters, forget_samples};
use crate::plan::{Action, NodeKind, Pipeline, Plan};
use crate::profile::{CompilePhases, Stopwatch};
use crate::source::{Catalog, CollectionInfo};
use crate::{registers, resolve};

/// How to compile.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// Optimizer rules to switch off and on, from left to right: `-rule`, `+rule`, `-all`, `+all`.
    pub rules: Vec<String>,
    /// Limits of the parser.
    pub parse: ParseLimits,
}

/// Compiles a query text with its bind values (an object, or null) for the collections of a catalog. Everything about
/// the query that can be wrong without looking at data is found here.
pub fn compile(
    text: &str,
    binds: &Value,
    catalog: &dyn Catalog,
    options: &CompileOptions,
) -> Result<Plan> {
    let query = parse_with(text, options)?;
    plan(text, &query, binds, catalog, options, None)
}

/// As [`compile`], and tells how long its phases took by a clock in nanoseconds.
///
/// # Errors
/// As [`compile`].
pub fn compile_timed(
    text: &str,
    binds: &Value,
    catalog: &dyn Catalog,
    options: &CompileOptions,
    clock: &Stopwatch,
) -> Result<(Plan, CompilePhases)> {
    let began = clock();
    let query = parse_with(text, options)?;
    let parsed = clock();
    let environment = Environment::default();
    let plan = resolve::resolve(text, &query, binds, catalog, &environment, None)?;
    let resolved = clock();
    let plan = finish(plan, options)?;
    let phases = CompilePhases {
        parsing_ns: parsed.saturating_sub(began),
        resolving_ns: resolved.saturating_sub(parsed),
        optimizing_ns: clock().saturating_sub(resolved),
    };
    Ok((plan, phases))
}

/// A plan with the values of its parameters: ready to run.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The plan, which others may run too.
    pub plan: Arc<Plan>,
    /// This run's values of its parameters.
    pub parameters: Vec<Value>,
}

/// As [`compile`], into a plan that may serve other bind values. The second part says whether it does: if not, the plan
/// is one for these alone.
pub fn prepare(
    text: &str,
    binds: &Value,
    catalog: &dyn Catalog,
    options: &CompileOptions,
) -> Result<(Prepared, bool)> {
    let query = parse_with(text, options)?;
    let shared = self::plan(
        text,
        &query,
        binds,
        catalog,
        options,
        Some(Parameters::default()),
    );
    if let Ok(mut plan) = shared
        && !plan.parameters.is_rejected()
    {
        let parameters = plan.parameters.take_samples();
        plan.root.each_expression_mut(&mut forget_samples);
        let plan = Arc::new(plan);
        return Ok((Prepared { plan, parameters }, true));
    }
    // What is wrong is found again, and told as it is for these bind values.
    let own = self::plan(text, &query, binds, catalog, options, None)?;
    let prepared = Prepared {
        plan: Arc::new(own),
        parameters: Vec::new(),
    };
    Ok((prepared, false))
}

fn parse_with(text: &str, options: &CompileOptions) -> Result<antipode_c8ql::Query> {
    antipode_c8ql::parse_with(text, &options.parse).map_err(|error| parse_error(text, &error))
}

fn plan(
    text: &str,
    query: &antipode_c8ql::Query,
    binds: &Value,
    catalog: &dyn Catalog,
    options: &CompileOptions,
    parameters: Option<Parameters>,
) -> Result<Plan> {
    // Only constant functions are folded: they see nothing of the environment.
    let environment = Environment::default();
    let plan = resolve::resolve(text, query, binds, catalog, &environment, parameters)?;
    finish(plan, options)
}

/// What comes after resolving.
fn finish(mut plan: Plan, options: &CompileOptions) -> Result<Plan> {
    optimize::optimize(&mut plan, &RuleSwitches::parse(&options.rules));
    check_hints(&plan.root)?;
    registers::assign(&mut plan);
    Ok(plan)
}

/// A loop with `forceIndexHint` must have found one of its indexes.
fn check_hints(pipeline: &Pipeline) -> Result<()> {
    fn within(expression: &Expression) -> Result<()> {
        match expression {
            Expression::Subquery(pipeline) => check_hints(pipeline),
            other => {
                let mut result = Ok(());
                other.each(&mut |part| {
                    if result.is_ok() {
                        result = within(part);
                    }
                });
                result
            }
        }
    }
    for node in &pipeline.nodes {
        if let Some((hints, collection)) = unusable(&node.kind) {
            let message = format!(
                "none of the hinted indexes ({}) can be used for collection '{}'",
                hints.join(", "),
                collection.name
            );
            return Err(QueryError::new(Code::ForcedIndexHintUnusable, message));
        }
        let mut result = Ok(());
        node.each_expression(&mut |expression| {
            if result.is_ok() {
                result = within(expression);
            }
        });
        result?;
    }
    Ok(())
}

/// The forced hints of a node, if none of them is used, and its collection.
fn unusable(kind: &NodeKind) -> Option<(&[String], &CollectionInfo)> {
    match kind {
        NodeKind::EnumerateCollection(enumerate) => {
            let unused = enumerate.forced && !enumerate.disable_index;
            (unused && !enumerate.access.uses_index())
                .then_some((&*enumerate.hints, &*enumerate.collection))
        }
        NodeKind::Modify(modify) => {
            let options = &modify.options;
            let forced = options.force_index_hint && !options.index_hints.is_empty();
            let unused = match &modify.action {
                Action::Upsert(upsert) => upsert.index.is_none(),
                _ => false,
            };
            (forced && unused && !options.disable_index)
                .then_some((&*options.index_hints, &*modify.collection))
        }
        _ => None,
    }
}

/// Parses only: what is wrong with the text alone.
pub fn parse(text: &str) -> Result<antipode_c8ql::Query> {
    antipode_c8ql::parse(text).map_err(|error| parse_error(text, &error))
}

fn parse_error(text: &str, error: &Diagnostic) -> QueryError {
    let code = Code::from_number(u32::from(error.number())).unwrap_or(Code::QueryParse);
    QueryError::new(code, error.message.clone()).at(resolve::position(text, error.span))
}
