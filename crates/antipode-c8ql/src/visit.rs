//! Questions about whole trees.

use std::collections::BTreeMap;

use crate::ast::{
    ArrayQuantifier, Call, CollectInto, DataSource, DataSourceKind, Expr, ExprKind, ForSource,
    GraphSubject, MemberKind, Operation, PathSearch, Quantifier, Query, SortDirection, Span,
    Traversal, UpsertSearch,
};

impl Expr {
    /// Calls `visit` with each expression directly below this one, in the order of the text; a subquery
    /// gives the outermost expressions of its operations.
    pub fn for_each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::OutOfRange
            | ExprKind::String(_)
            | ExprKind::Bind(_)
            | ExprKind::SourceBind(_)
            | ExprKind::Name(_)
            | ExprKind::Element => {}
            ExprKind::Array(elements) => elements.iter().for_each(visit),
            ExprKind::Object(members) => {
                for member in members {
                    member_children(&member.kind, visit);
                }
            }
            ExprKind::Attribute { base, .. } | ExprKind::BoundAttribute { base, .. } => visit(base),
            ExprKind::Index { base, index } => {
                visit(base);
                visit(index);
            }
            ExprKind::Expansion(expansion) => {
                visit(&expansion.base);
                expansion.filter.iter().for_each(&mut *visit);
                if let Some(limit) = &expansion.limit {
                    limit.offset.iter().for_each(&mut *visit);
                    visit(&limit.count);
                }
                expansion.projection.iter().for_each(&mut *visit);
                expansion.rest.iter().for_each(visit);
            }
            ExprKind::QuestionMark(question) => {
                visit(&question.base);
                match &question.quantifier {
                    Some(ArrayQuantifier::AtLeast(count) | ArrayQuantifier::Count(count)) => {
                        visit(count)
                    }
                    Some(ArrayQuantifier::All | ArrayQuantifier::Any | ArrayQuantifier::None)
                    | None => {}
                }
                question.filter.iter().for_each(visit);
            }
            ExprKind::Unary { operand, .. } => visit(operand),
            ExprKind::Binary { left, right, .. } => {
                visit(left);
                visit(right);
            }
            ExprKind::Quantified(quantified) => {
                visit(&quantified.left);
                if let Quantifier::AtLeast(count) = &quantified.quantifier {
                    visit(count);
                }
                visit(&quantified.right);
            }
            ExprKind::Ternary {
                condition,
                then,
                otherwise,
            } => {
                visit(condition);
                then.iter().for_each(|then| visit(then));
                visit(otherwise);
            }
            ExprKind::Call(call) => call.arguments.iter().for_each(visit),
            ExprKind::Subquery(operations) => {
                for operation in operations {
                    operation.for_each_expression(visit);
                }
            }
        }
    }

    /// Calls `visit` with this expression and everything below it, subqueries included.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        self.for_each_child(&mut |child| child.walk(visit));
    }

    pub fn has_subquery(&self) -> bool {
        let mut found = false;
        self.walk(&mut |expr| found |= matches!(expr.kind, ExprKind::Subquery(_)));
        found
    }

    /// Whether it has one value for the whole query, once bind parameters are injected: it names no
    /// variable and has no subquery, and `is_constant_call` says so of all calls in it.
    pub fn is_constant(&self, is_constant_call: &dyn Fn(&Call) -> bool) -> bool {
        let mut constant = true;
        self.walk(&mut |expr| match &expr.kind {
            ExprKind::Name(_) | ExprKind::Subquery(_) => constant = false,
            ExprKind::Object(members) => {
                let names = members
                    .iter()
                    .any(|member| matches!(member.kind, MemberKind::Shorthand(_)));
                constant &= !names;
            }
            ExprKind::Call(call) => constant &= is_constant_call(call),
            _ => {}
        });
        constant
    }
}

fn member_children<'a>(member: &'a MemberKind, visit: &mut dyn FnMut(&'a Expr)) {
    match member {
        MemberKind::Named { value, .. } | MemberKind::Bound { value, .. } => visit(value),
        MemberKind::Computed { name, value } => {
            visit(name);
            visit(value);
        }
        MemberKind::Shorthand(_) => {}
    }
}

impl Operation {
    /// Calls `visit` with each outermost expression of this operation, in the order of the text.
    pub fn for_each_expression<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Operation::For(operation) => {
                source_expressions(&operation.source, visit);
                operation.options.iter().for_each(visit);
            }
            Operation::Let(operation) => operation
                .items
                .iter()
                .for_each(|item| visit(&item.expression)),
            Operation::Filter(operation) => visit(&operation.condition),
            Operation::Sort(operation) => operation.items.iter().for_each(|item| visit(&item.key)),
            Operation::Limit(operation) => {
                operation.offset.iter().for_each(&mut *visit);
                visit(&operation.count);
            }
            Operation::Collect(operation) => {
                operation
                    .groups
                    .iter()
                    .for_each(|group| visit(&group.expression));
                for aggregate in &operation.aggregates {
                    aggregate.call.arguments.iter().for_each(&mut *visit);
                }
                if let Some(CollectInto {
                    projection: Some(projection),
                    ..
                }) = &operation.into
                {
                    visit(projection);
                }
                operation.options.iter().for_each(visit);
            }
            Operation::Window(operation) => {
                operation.range.iter().for_each(&mut *visit);
                operation.preceding.iter().for_each(&mut *visit);
                operation.following.iter().for_each(&mut *visit);
                for aggregate in &operation.aggregates {
                    aggregate.call.arguments.iter().for_each(&mut *visit);
                }
            }
            Operation::Return(operation) => visit(&operation.expression),
            Operation::Insert(operation) => {
                visit(&operation.document);
                operation.options.iter().for_each(visit);
            }
            Operation::Update(operation) | Operation::Replace(operation) => {
                operation.key.iter().for_each(&mut *visit);
                visit(&operation.document);
                operation.options.iter().for_each(visit);
            }
            Operation::Remove(operation) => {
                visit(&operation.key);
                operation.options.iter().for_each(visit);
            }
            Operation::Upsert(operation) => {
                match &operation.search {
                    UpsertSearch::Example(search) | UpsertSearch::Filter(search) => visit(search),
                }
                visit(&operation.insert);
                visit(&operation.update);
                operation.options.iter().for_each(visit);
            }
            Operation::Publish(operation) => {
                visit(&operation.payload);
                operation.options.iter().for_each(visit);
            }
        }
    }

    /// Calls `visit` with each collection, stream or graph that this operation names outside its
    /// expressions.
    pub fn for_each_source<'a>(&'a self, visit: &mut dyn FnMut(&'a DataSource)) {
        match self {
            Operation::For(operation) => match &operation.source {
                ForSource::Expression { .. } => {}
                ForSource::Stream { stream, .. } => visit(stream),
                ForSource::Traversal(traversal) => subject_sources(&traversal.subject, visit),
                ForSource::Path(search) => subject_sources(&search.subject, visit),
            },
            Operation::Insert(operation) => visit(&operation.collection),
            Operation::Update(operation) | Operation::Replace(operation) => {
                visit(&operation.collection)
            }
            Operation::Remove(operation) => visit(&operation.collection),
            Operation::Upsert(operation) => visit(&operation.collection),
            Operation::Publish(operation) => visit(&operation.stream),
            Operation::Let(_)
            | Operation::Filter(_)
            | Operation::Sort(_)
            | Operation::Limit(_)
            | Operation::Collect(_)
            | Operation::Window(_)
            | Operation::Return(_) => {}
        }
    }
}

fn source_expressions<'a>(source: &'a ForSource, visit: &mut dyn FnMut(&'a Expr)) {
    match source {
        ForSource::Expression {
            expression, search, ..
        } => {
            visit(expression);
            search.iter().for_each(visit);
        }
        ForSource::Stream { .. } => {}
        ForSource::Traversal(traversal) => {
            let Traversal {
                depth,
                start,
                prune,
                ..
            } = traversal.as_ref();
            depth.iter().for_each(&mut *visit);
            visit(start);
            prune.iter().for_each(|prune| visit(&prune.condition));
        }
        ForSource::Path(search) => {
            let PathSearch {
                depth, start, goal, ..
            } = search.as_ref();
            depth.iter().for_each(&mut *visit);
            visit(start);
            visit(goal);
        }
    }
}

fn subject_sources<'a>(subject: &'a GraphSubject, visit: &mut dyn FnMut(&'a DataSource)) {
    match subject {
        GraphSubject::Graph(graph) => visit(graph),
        GraphSubject::Edges(edges) => edges.iter().for_each(|edge| visit(&edge.collection)),
    }
}

impl Query {
    /// The bind parameters that the query uses, by their keys in the map of bind values (`"name"` for
    /// `@name`, `"@name"` for `@@name`), each with the first place where it stands.
    pub fn bind_parameters(&self) -> BTreeMap<String, Span> {
        let mut found = Binds(BTreeMap::new());
        self.with.iter().for_each(|source| found.source(source));
        self.options
            .iter()
            .for_each(|options| found.expression(options));
        self.operations
            .iter()
            .for_each(|operation| found.operation(operation));
        found.0
    }
}

struct Binds(BTreeMap<String, Span>);

impl Binds {
    fn add(&mut self, key: String, span: Span) {
        let first = self.0.entry(key).or_insert(span);
        *first = (*first).min(span);
    }

    fn source(&mut self, source: &DataSource) {
        match &source.kind {
            DataSourceKind::Name(_) => {}
            DataSourceKind::SourceBind(name) => self.add(format!("@{name}"), source.span),
            DataSourceKind::ValueBind(name) => self.add(name.clone(), source.span),
        }
    }

    fn operation(&mut self, operation: &Operation) {
        operation.for_each_source(&mut |source| self.source(source));
        if let Operation::Sort(sort) = operation {
            for item in &sort.items {
                if let SortDirection::Bind(name) = &item.direction {
                    self.add(name.text.clone(), name.span);
                }
            }
        }
        operation.for_each_expression(&mut |expression| self.expression(expression));
    }

    fn expression(&mut self, expression: &Expr) {
        match &expression.kind {
            ExprKind::Bind(name) | ExprKind::BoundAttribute { bind: name, .. } => {
                self.add(name.clone(), expression.span);
            }
            ExprKind::SourceBind(name) => self.add(format!("@{name}"), expression.span),
            ExprKind::Object(members) => {
                for member in members {
                    if let MemberKind::Bound { bind, .. } = &member.kind {
                        self.add(bind.clone(), member.span);
                    }
                }
            }
            // Its operations hold bind parameters outside their expressions too.
            ExprKind::Subquery(operations) => {
                return operations
                    .iter()
                    .for_each(|operation| self.operation(operation));
            }
            _ => {}
        }
        expression.for_each_child(&mut |child| self.expression(child));
    }
}

#[cfg(test)]
mod tests {
    use crate::ast::{Expr, Operation};
    use crate::parser::parse;

    fn returned(text: &str) -> Expr {
        let query = parse(&format!("RETURN {text}")).expect("a query");
        match query.operations.into_iter().next() {
            Some(Operation::Return(operation)) => operation.expression,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bind_parameters_are_found_everywhere() {
        let text = "WITH @@w, @v QUERY OPTIONS { a: @o } FOR d IN @@c FILTER d.@a == @x \
            LET y = (FOR e IN OUTBOUND @s GRAPH @g SORT e @dir RETURN { @k: @x }) \
            LIMIT @n INSERT y INTO STREAM @@t";
        let query = parse(text).expect("a query");
        let found: Vec<String> = query.bind_parameters().into_keys().collect();
        assert_eq!(
            found,
            [
                "@c", "@t", "@w", "a", "dir", "g", "k", "n", "o", "s", "v", "x"
            ]
        );
        assert_eq!(query.bind_parameters()["x"].text(text), "@x");
    }

    #[test]
    fn constants() {
        let none = |text: &str| returned(text).is_constant(&|_| false);
        assert!(none("[1, { a: -@x + 2 }, 1..3][0] ? null : \"x\""));
        assert!(!none("x") && !none("{ x }") && !none("[(RETURN 1)]") && !none("MIN(1)"));
        assert!(returned("MIN([1])").is_constant(&|call| call.name == "MIN"));
    }

    #[test]
    fn subqueries_are_found() {
        assert!(returned("f(1 + [(RETURN 1)])").has_subquery());
        assert!(!returned("f(1 + [(1)])").has_subquery());
    }
}
