//! From the syntax tree to the plan: names become variables and collections, bind values take their places, constants
//! are folded, and each operation becomes a node.
//!
//! All errors of a query that can be known before data is touched are found here. The order of the nodes is that of the
//! text; making it faster is the optimizer's work.

use std::sync::Arc;

use antipode_c8ql::ast;
use antipode_c8ql::ast::{Expr, Operation, Span, Target, TargetKind};
use antipode_value::{Object, Str, Value};

use crate::context::{Environment, Warning, Warnings};
use crate::error::{Code, Position, QueryError, Result};
use crate::expression::{Expression, Variable};
use crate::function;
use crate::parameters::Parameters;
use crate::plan::{Access, CollectionUse, Enumerate, Node, NodeKind, Pipeline, Plan, SortKey};
use crate::source::{Catalog, CollectionId};

mod collect;
mod collection;
mod expansion;
mod expression;
mod faults;
mod fold;
mod graph;
mod modify;
mod names;
mod parameter;
mod scope;
mod stream;

use fold::Folded;
pub(crate) use fold::value;
use scope::{Meaning, ScopeKind, Scopes};

/// Most nodes of a plan.
const NODES_MAX: u32 = 4000;
/// Most variables of a query.
const VARIABLES_MAX: usize = 1000;
/// Deepest nesting of arrays and objects in a literal or bind value.
pub(crate) const DEPTH_MAX: usize = 200;

/// Resolves a query. `binds` is an object, or null.
pub(crate) fn resolve(
    text: &str,
    query: &ast::Query,
    binds: &Value,
    catalog: &dyn Catalog,
    environment: &Environment,
    parameters: Option<Parameters>,
) -> Result<Plan> {
    let binds = match binds {
        Value::Null => Object::from_pairs(Vec::new()),
        Value::Object(binds) => binds.clone(),
        _ => {
            return Err(QueryError::new(
                Code::BindParametersInvalid,
                "bind parameters must be an object",
            ));
        }
    };
    let mut resolver = Resolver {
        text,
        catalog,
        environment,
        binds,
        used_binds: Vec::new(),
        parameters,
        scopes: Scopes::default(),
        elements: Vec::new(),
        variables: Vec::new(),
        uses: Vec::new(),
        warnings: Warnings::new(usize::MAX, false),
        nodes: 0,
        lazy: 0,
        modified: Vec::new(),
        published: Vec::new(),
        modifies: false,
        levels: Vec::new(),
        constants: Vec::new(),
        stored: Vec::new(),
        nesting: 0,
        intents: true,
        faults: Vec::new(),
        wait_for_sync: None,
    };
    let (mut root, options) = match resolver.query(query) {
        Ok(resolved) => resolver.fault(None).map_or(Ok(resolved), Err)?,
        Err(error) => return Err(resolver.fault(Some(error.clone())).unwrap_or(error)),
    };
    if let Some(NodeKind::Limit { full_count, .. }) = root
        .nodes
        .iter_mut()
        .rev()
        .map(|node| &mut node.kind)
        .find(|kind| matches!(kind, NodeKind::Limit { .. }))
    {
        *full_count = true;
    }
    Ok(Plan {
        text: text.to_owned(),
        root,
        variables: resolver.variables,
        collections: resolver.uses,
        rules: Vec::new(),
        parameters: resolver.parameters.unwrap_or_default(),
        warnings: resolver.warnings.kept().to_vec(),
        options,
    })
}

struct Resolver<'c> {
    text: &'c str,
    catalog: &'c dyn Catalog,
    environment: &'c Environment,
    binds: Object,
    used_binds: Vec<String>,
    /// The parameters of the plan, if it is made for more than these bind values.
    parameters: Option<Parameters>,
    scopes: Scopes,
    /// What `Element` means in the accessors behind an expansion.
    elements: Vec<Expression>,
    variables: Vec<Str>,
    uses: Vec<CollectionUse>,
    warnings: Warnings,
    nodes: u32,
    /// More than 0 inside an expression that may never be evaluated.
    lazy: u32,
    /// Collections modified by an operation before this place of the text.
    modified: Vec<CollectionId>,
    /// Streams published to before this place of the text.
    published: Vec<String>,
    /// Anything was modified before.
    modifies: bool,
    /// Collections read so far by each open (sub)query.
    levels: Vec<Vec<CollectionId>>,
    /// Variables that hold stored documents as they were read.
    stored: Vec<Variable>,
    /// Variables whose value is known at compile time.
    constants: Vec<(Variable, Expression)>,
    /// Array and object literals around this place.
    nesting: usize,
    /// Capture intents.
    intents: bool,
    /// Errors that others may precede.
    faults: Vec<QueryError>,
    /// What the modifications say of `waitForSync`; one that asks for it speaks for all.
    wait_for_sync: Option<bool>,
}

impl Resolver<'_> {
    fn query(&mut self, query: &ast::Query) -> Result<(Pipeline, Vec<(Str, Value)>)> {
        for source in &query.with {
            self.collection(source)?;
        }
        let mut options = self.query_options(query.options.as_ref())?;
        let root = self.pipeline(&query.operations)?;
        let durability = Str::from_static("durability");
        if let Some(disk) = self.wait_for_sync
            && !options.iter().any(|(name, _)| *name == durability)
        {
            let asked = if disk { "disk" } else { "memory" };
            options.push((durability, Value::from(asked)));
        }
        self.check_binds();
        Ok((root, options))
    }

    /// An error at a place of the text.
    fn error(&self, code: Code, message: impl Into<String>, span: Span) -> QueryError {
        QueryError::new(code, message).at(position(self.text, span))
    }

    fn warn(&mut self, code: Code, message: impl Into<String>) {
        self.warnings.add(code, message.into());
    }

    // ----- variables -----

    /// A variable without a name that a query could use.
    fn hidden(&mut self) -> Variable {
        let id = self.variables.len() as u32;
        self.variables.push(Str::from(id.to_string()));
        Variable { id, slot: 0 }
    }

    fn declare(&mut self, name: &ast::Name) -> Result<Variable> {
        if name.text.is_empty() {
            let message = "a variable needs a name";
            return Err(self.error(Code::VariableNameInvalid, message, name.span));
        }
        let variable = self.hidden();
        if self.variables.len() > VARIABLES_MAX {
            return Err(self.error(Code::TooMuchNesting, "too many variables", name.span));
        }
        if let Some(stored) = self.variables.last_mut() {
            *stored = Str::from(name.text.as_str());
        }
        if !self.scopes.declare(&name.text, variable) {
            let message = format!("variable '{}' is assigned multiple times", name.text);
            return Err(self.error(Code::VariableRedeclared, message, name.span));
        }
        Ok(variable)
    }

    /// Gives a name of this moment's `OLD` or `NEW` to a fresh variable.
    fn special(&mut self, name: &'static str) -> Variable {
        let variable = self.hidden();
        if let Some(stored) = self.variables.last_mut() {
            *stored = Str::from_static(name);
        }
        self.scopes
            .declare_special(name, Meaning::Variable(variable));
        variable
    }

    // ----- options -----

    /// The attributes of OPTIONS, which must be constant.
    fn options(&mut self, options: Option<&Expr>) -> Result<Vec<(Str, Value)>> {
        let Some(options) = options else {
            return Ok(Vec::new());
        };
        let resolved = self.expression(options)?;
        match self.settle(resolved) {
            Expression::Constant(Value::Object(object)) => Ok(object.to_pairs()),
            _ => Err(self.error(
                Code::CompileTimeOptions,
                "OPTIONS must be an object whose values are known at compile time",
                options.span,
            )),
        }
    }

    fn unknown_option(&mut self, operation: &str, name: &str) {
        let known = names::options_of(operation).iter().copied();
        let hint = names::hint(name, known);
        self.warn(
            Code::BadParameter,
            format!("unknown option '{name}' of {operation}{hint}"),
        );
    }

    /// `QUERY OPTIONS`: what concerns the compilation is taken, the rest is the caller's.
    fn query_options(&mut self, options: Option<&Expr>) -> Result<Vec<(Str, Value)>> {
        let mut callers = Vec::new();
        for (name, value) in self.options(options)? {
            match (&*name, &value) {
                ("intents", Value::Bool(intents)) => self.intents = *intents,
                (
                    "consistency" | "token" | "timeoutMs" | "snapshot" | "durability" | "maxLagMs",
                    _,
                ) => {
                    callers.push((name, value));
                }
                (name, _) => self.unknown_option("QUERY", name),
            }
        }
        Ok(callers)
    }

    // ----- operations -----

    fn node(&mut self, kind: NodeKind, nodes: &mut Vec<Node>) -> Result<()> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(QueryError::new(
                Code::TooMuchNesting,
                format!("a plan may have at most {NODES_MAX} nodes"),
            ));
        }
        nodes.push(Node {
            id: self.nodes,
            kind,
        });
        Ok(())
    }

    /// A main query or subquery.
    fn pipeline(&mut self, operations: &[Operation]) -> Result<Pipeline> {
        self.scopes.open(ScopeKind::Query);
        self.levels.push(Vec::new());
        let mut nodes = Vec::new();
        self.node(NodeKind::Singleton, &mut nodes)?;
        for operation in operations {
            self.operation(operation, &mut nodes)?;
        }
        self.levels.pop();
        self.scopes.close_query();
        Ok(Pipeline {
            nodes,
            outer_slots: 0,
            slots: 0,
        })
    }

    fn operation(&mut self, operation: &Operation, nodes: &mut Vec<Node>) -> Result<()> {
        match operation {
            Operation::For(operation) => self.for_operation(operation, nodes),
            Operation::Let(operation) => {
                for item in &operation.items {
                    let expression = self.expression(&item.expression)?;
                    self.bind_target(&item.target, expression, nodes)?;
                }
                Ok(())
            }
            Operation::Filter(operation) => {
                let mut condition = self.expression(&operation.condition)?;
                if let (Expression::Parameter(_), Some(truth)) =
                    (&condition, condition.known_truth())
                {
                    condition = Expression::Constant(Value::Bool(truth));
                }
                self.node(NodeKind::Filter(condition), nodes)
            }
            Operation::Sort(operation) => self.sort(operation, nodes),
            Operation::Limit(operation) => self.limit(operation, nodes),
            Operation::Collect(operation) => self.collect(operation, nodes),
            Operation::Window(operation) => self.window(operation, nodes),
            Operation::Return(operation) => {
                let mut expression = self.expression(&operation.expression)?;
                if operation.distinct {
                    expression = self.calculated(expression, nodes)?;
                    self.node(NodeKind::Distinct(expression.clone()), nodes)?;
                }
                self.node(NodeKind::Return(expression), nodes)
            }
            Operation::Insert(operation) => self.insert(operation, nodes),
            Operation::Update(operation) => self.update(operation, false, nodes),
            Operation::Replace(operation) => self.update(operation, true, nodes),
            Operation::Remove(operation) => self.remove(operation, nodes),
            Operation::Upsert(operation) => self.upsert(operation, nodes),
            Operation::Publish(operation) => self.publish(operation, nodes),
        }
    }

    /// Has a value computed once for each row; gives the variable that holds it.
    fn calculated(&mut self, expression: Expression, nodes: &mut Vec<Node>) -> Result<Expression> {
        let variable = self.hidden();
        self.node(
            NodeKind::Calculation {
                expression,
                variable,
            },
            nodes,
        )?;
        Ok(Expression::Variable(variable))
    }

    /// Declares the variables of a target, each the part of the value that its place says.
    fn bind_target(
        &mut self,
        target: &Target,
        expression: Expression,
        nodes: &mut Vec<Node>,
    ) -> Result<()> {
        match &target.kind {
            TargetKind::Variable(name) => {
                let variable = self.declare(name)?;
                if let Expression::Variable(first) = &expression
                    && self.stored.contains(first)
                {
                    self.stored.push(variable);
                }
                if matches!(
                    expression,
                    Expression::Constant(_) | Expression::Parameter(_)
                ) {
                    self.constants.push((variable, expression.clone()));
                }
                self.node(
                    NodeKind::Calculation {
                        expression,
                        variable,
                    },
                    nodes,
                )
            }
            TargetKind::Array(_) | TargetKind::Object(_) => {
                let whole = self.calculated(expression, nodes)?;
                self.bind_parts(target, whole, nodes)
            }
        }
    }

    fn bind_parts(
        &mut self,
        target: &Target,
        whole: Expression,
        nodes: &mut Vec<Node>,
    ) -> Result<()> {
        match &target.kind {
            TargetKind::Variable(_) => self.bind_target(target, whole, nodes),
            TargetKind::Array(targets) => {
                // An object has no element 0, though it may have an attribute of that name: what is no array is taken
                // as an empty one.
                let whole = array_or_empty(whole);
                for (position, target) in targets.iter().enumerate() {
                    let Some(target) = target else { continue };
                    let position = Expression::Constant(Value::from(position));
                    let part = Expression::Element(Box::new([whole.clone(), position]));
                    self.bind_target(target, part, nodes)?;
                }
                Ok(())
            }
            TargetKind::Object(members) => {
                for member in members {
                    let part = Expression::Attribute(
                        Box::new(whole.clone()),
                        Str::from(member.attribute.as_str()),
                    );
                    self.bind_target(&member.target, part, nodes)?;
                }
                Ok(())
            }
        }
    }

    fn for_operation(&mut self, operation: &ast::For, nodes: &mut Vec<Node>) -> Result<()> {
        match &operation.source {
            ast::ForSource::Expression {
                target,
                expression,
                search,
            } => {
                if search.is_some() {
                    let message = "SEARCH condition used on non-view";
                    return Err(self.error(Code::QueryParse, message, operation.span));
                }
                self.for_expression(target, expression, operation.options.as_ref(), nodes)
            }
            ast::ForSource::Stream { target, stream } => {
                self.for_stream(target, stream, operation.options.as_ref(), nodes)
            }
            ast::ForSource::Traversal(traversal) => {
                self.traversal(traversal, operation.options.as_ref(), operation.span, nodes)
            }
            ast::ForSource::Path(search) => {
                self.path_search(search, operation.options.as_ref(), operation.span, nodes)
            }
        }
    }

    fn for_expression(
        &mut self,
        target: &Target,
        expression: &Expr,
        options: Option<&Expr>,
        nodes: &mut Vec<Node>,
    ) -> Result<()> {
        let collection = match self.collection_operand(expression)? {
            Some(collection) => {
                self.reads(&collection, expression.span);
                Some(collection)
            }
            None => None,
        };
        let list = match collection {
            Some(_) => None,
            None => Some(self.expression(expression)?),
        };
        let mut disable_index = false;
        let mut hints = Vec::new();
        let mut forced = false;
        for (name, value) in self.options(options)? {
            match &*name {
                "disableIndex" => disable_index = value.truthy(),
                "indexHint" => hints = texts(&value),
                "forceIndexHint" => forced = value.truthy(),
                "maxProjections" | "useCache" | "lookahead" => {}
                name => self.unknown_option("FOR", name),
            }
        }
        self.scopes.open(ScopeKind::For);
        let (variable, parts) = self.loop_variable(target)?;
        if collection.is_some() {
            self.stored.push(variable);
        }
        let kind = match (collection, list) {
            (Some(collection), _) => NodeKind::EnumerateCollection(Enumerate {
                documents: self.catalog.estimate(collection.id),
                indexes: self
                    .catalog
                    .indexes(collection.id)?
                    .into_iter()
                    .map(Arc::new)
                    .collect(),
                collection,
                variable,
                access: Access::Full,
                disable_index,
                forced: forced && !hints.is_empty(),
                hints,
                answered: Vec::new(),
            }),
            (None, list) => NodeKind::EnumerateList {
                list: list.unwrap_or_else(Expression::null),
                variable,
            },
        };
        self.node(kind, nodes)?;
        if parts {
            self.bind_parts(target, Expression::Variable(variable), nodes)?;
        }
        Ok(())
    }

    /// The variable that a loop fills, and whether it is to be taken apart.
    fn loop_variable(&mut self, target: &Target) -> Result<(Variable, bool)> {
        match &target.kind {
            TargetKind::Variable(name) => Ok((self.declare(name)?, false)),
            TargetKind::Array(_) | TargetKind::Object(_) => Ok((self.hidden(), true)),
        }
    }

    fn sort(&mut self, operation: &ast::Sort, nodes: &mut Vec<Node>) -> Result<()> {
        let mut keys = Vec::new();
        let mut only_null = true;
        for item in &operation.items {
            let expression = self.expression(&item.key)?;
            let ascending = match &item.direction {
                ast::SortDirection::Ascending => true,
                ast::SortDirection::Descending => false,
                ast::SortDirection::Bind(name) => self.sort_direction(name)?,
            };
            only_null &= matches!(expression.constant(), Some(Value::Null));
            if !expression.is_static() {
                keys.push(SortKey {
                    expression,
                    ascending,
                });
            }
        }
        if !keys.is_empty() {
            return self.node(NodeKind::Sort { keys, limit: None }, nodes);
        }
        // `SORT null` asks for no order, so a COLLECT before it need not give one. Other constants ask for nothing.
        if only_null
            && let Some(Node {
                kind: NodeKind::Collect(collect),
                ..
            }) = nodes.last_mut()
        {
            collect.sorted = false;
        }
        Ok(())
    }

    fn sort_direction(&mut self, name: &ast::Name) -> Result<bool> {
        match self.bind_settled(&name.text, name.span)? {
            Value::Bool(ascending) => Ok(ascending),
            Value::String(text) if text.eq_ignore_ascii_case("asc") => Ok(true),
            Value::String(text) if text.eq_ignore_ascii_case("desc") => Ok(false),
            _ => Err(self.error(
                Code::QueryParse,
                "a SORT direction is true, false, \"asc\" or \"desc\"",
                name.span,
            )),
        }
    }

    fn limit(&mut self, operation: &ast::Limit, nodes: &mut Vec<Node>) -> Result<()> {
        let offset = match &operation.offset {
            Some(offset) => self.limit_number(offset, false)?.unwrap_or(0),
            None => 0,
        };
        let count = self.limit_number(&operation.count, true)?;
        self.node(
            NodeKind::Limit {
                offset,
                count,
                full_count: false,
                drain: false,
            },
            nodes,
        )
    }

    /// An operand of LIMIT; nothing where it is `null` and may be, for no limit.
    fn limit_number(&mut self, operand: &Expr, unlimited: bool) -> Result<Option<u64>> {
        let expression = self.expression(operand)?;
        let expression = self.settle(expression);
        let Some(value) = expression.constant() else {
            let message = "a LIMIT must be known at compile time";
            return Err(self.error(Code::QueryParse, message, operand.span));
        };
        match value {
            Value::Null if unlimited => Ok(None),
            Value::Int(count) if *count >= 0 => Ok(Some(count.unsigned_abs())),
            Value::Float(count) if *count >= 0.0 && count.fract() == 0.0 => {
                Ok(Some(value.to_int() as u64))
            }
            _ => Err(self.error(
                Code::NumberOutOfRange,
                "a LIMIT must be an integer of at least 0",
                operand.span,
            )),
        }
    }

    /// Evaluates what is constant, once and for all.
    fn fold(&mut self, expression: Expression) -> Expression {
        match fold::fold(expression, self.environment, self.lazy > 0) {
            Folded::Plain(expression) => expression,
            Folded::Constant(value, warnings) => {
                for Warning { code, message } in warnings {
                    self.warn(code, message);
                }
                Expression::Constant(value)
            }
            Folded::Derived(expression, value) => self.derive(expression, value),
        }
    }
}

/// The value if it is an array, else the empty one.
fn array_or_empty(value: Expression) -> Expression {
    match function::find("IS_ARRAY") {
        Some(is_array) => {
            let test = Expression::Call(is_array, vec![value.clone()]);
            let empty = Expression::Constant(Value::array(Vec::<Value>::new()));
            Expression::Ternary(Box::new([test, value, empty]))
        }
        None => value,
    }
}

/// A string, or the strings of an array.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.to_string()],
        Value::Array(array) => array
            .iter()
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether a value has more levels of arrays and objects than so many.
pub(crate) fn deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(array) if array.as_range().is_some() => levels == 0,
        Value::Array(array) => {
            levels == 0
                || array
                    .iter()
                    .any(|element| deeper_than(&element, levels - 1))
        }
        Value::Object(object) => {
            levels == 0 || object.values().any(|value| deeper_than(&value, levels - 1))
        }
        _ => false,
    }
}

/// Line and column of a span, with the text of the line.
pub(crate) fn position(text: &str, span: Span) -> Position {
    let place = antipode_c8ql::Position::of(text, span.start);
    let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or("");
    Position {
        line: place.line as u32,
        column: place.column as u32,
        text: line.chars().take(LINE_MAX).collect(),
    }
}

/// Characters of the query's line that an error shows.
const LINE_MAX: usize = 500;
