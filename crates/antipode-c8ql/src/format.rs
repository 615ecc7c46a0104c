//! From the syntax tree to text: one canonical text for each tree, which reads back as the same tree.
//!
//! Operations stand on lines of their own, indented below their `FOR`; what fits a line stays on it.
//! Comments are not in the tree, so they are lost.

mod expression;
mod layout;

use layout::Layout;

use crate::ast::{
    Aggregate, Collect, DataSource, DataSourceKind, EdgeSource, Expr, ExprKind, For, ForSource,
    GraphSubject, Name, Operation, PathSearch, Query, SortDirection, SortItem, Target, TargetKind,
    TargetMember, Traversal, Upsert, UpsertSearch, Window,
};
use crate::lexer::Keyword;

/// Nested `FOR`s are indented no further than this.
const INDENTED_FOR_MAX: usize = 8;

/// The canonical text of a query.
///
/// ```
/// let query = antipode_c8ql::parse("for d in orders filter d.n>1&&d.ok return distinct d").unwrap();
/// assert_eq!(
///     antipode_c8ql::format(&query),
///     "FOR d IN orders\n  FILTER d.n > 1 AND d.ok\n  RETURN DISTINCT d"
/// );
/// ```
pub fn format(query: &Query) -> String {
    let mut formatter = Formatter {
        out: Layout::new(),
        stop_at_in: false,
    };
    if !query.with.is_empty() {
        formatter.out.open_group();
        formatter.text("WITH ");
        formatter.separated(&query.with, |formatter, source| formatter.source(source));
        formatter.out.close_group();
        formatter.out.hard_line();
    }
    if let Some(options) = &query.options {
        formatter.text("QUERY OPTIONS ");
        formatter.expression(options);
        formatter.out.hard_line();
    }
    formatter.operations(&query.operations, Layout::hard_line);
    formatter.out.print()
}

/// The text of one expression on one line, as EXPLAIN shows it.
pub fn format_expression(expression: &Expr) -> String {
    let mut formatter = Formatter {
        out: Layout::new(),
        stop_at_in: false,
    };
    formatter.expression(expression);
    formatter.out.print_flat()
}

/// A name as it must be written in a query: quoted where it would not be a name otherwise.
pub fn quote_name(name: &str) -> String {
    if is_plain_name(name) {
        return name.to_owned();
    }
    let mut quoted = String::from("`");
    escape(name, '`', &mut quoted);
    quoted.push('`');
    quoted
}

/// A text as a string literal.
pub fn quote_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    escape(text, '"', &mut quoted);
    quoted.push('"');
    quoted
}

fn escape(text: &str, quote: char, out: &mut String) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == quote => {
                out.push('\\');
                out.push(character);
            }
            _ if character.is_control() => {
                // Control characters are all below U+0100.
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
}

/// Whether the lexer reads it as a name. `AT` is quoted too: before a name `LEAST` it would be half of
/// another token.
fn is_plain_name(name: &str) -> bool {
    let unmarked = name
        .strip_prefix('$')
        .unwrap_or_else(|| name.trim_start_matches('_'));
    unmarked.starts_with(|first: char| first.is_ascii_alphabetic())
        && unmarked
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && Keyword::of(name).is_none()
        && !name.eq_ignore_ascii_case("AT")
}

struct Formatter {
    out: Layout,
    /// As in the parser: a bare `IN` would begin the collection.
    stop_at_in: bool,
}

impl Formatter {
    fn text(&mut self, text: &str) {
        self.out.text(text);
    }

    fn name(&mut self, name: &Name) {
        self.text(&quote_name(&name.text));
    }

    /// `item, item`
    fn separated<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.text(",");
                self.out.indented_line();
            }
            each(self, item);
        }
    }

    /// A word within an operation that begins a line where the operation has several.
    fn clause(&mut self, word: &str) {
        self.out.line(true);
        self.text(word);
        self.text(" ");
    }

    /// `open item, item close`, on one line or with a line for each item; `padding` stands inside the
    /// brackets when they are on one line.
    fn bracketed<T>(
        &mut self,
        (open, close): (&str, &str),
        padding: bool,
        items: &[T],
        mut each: impl FnMut(&mut Self, &T),
    ) {
        self.text(open);
        if !items.is_empty() {
            let outer = std::mem::replace(&mut self.stop_at_in, false);
            self.out.open_group();
            self.out.open_indent();
            self.out.line(padding);
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    self.text(",");
                    self.out.line(true);
                }
                each(self, item);
            }
            self.out.close_indent();
            self.out.line(padding);
            self.out.close_group();
            self.stop_at_in = outer;
        }
        self.text(close);
    }

    fn parenthesised(&mut self, expression: &Expr) {
        let outer = std::mem::replace(&mut self.stop_at_in, false);
        self.text("(");
        self.expression(expression);
        self.text(")");
        self.stop_at_in = outer;
    }

    // -- operations -----------------------------------------------------------------------------

    fn operations(&mut self, operations: &[Operation], line: fn(&mut Layout)) {
        let mut indented = 0;
        for (index, operation) in operations.iter().enumerate() {
            if index > 0 {
                line(&mut self.out);
            }
            self.operation(operation);
            if matches!(operation, Operation::For(_)) && indented < INDENTED_FOR_MAX {
                self.out.open_indent();
                indented += 1;
            }
        }
        for _ in 0..indented {
            self.out.close_indent();
        }
    }

    fn operation(&mut self, operation: &Operation) {
        // What an operation of several clauses has in brackets stands below the clause; elsewhere a
        // bracket closes below the beginning of the operation.
        let has_clauses = operation.is_modification()
            || matches!(operation, Operation::Collect(_) | Operation::Window(_));
        self.out.open_group();
        self.text(operation.keyword());
        self.text(" ");
        if has_clauses {
            self.out.open_indent();
            self.operation_body(operation);
            self.out.close_indent();
        } else {
            self.operation_body(operation);
        }
        self.out.close_group();
    }

    fn operation_body(&mut self, operation: &Operation) {
        match operation {
            Operation::For(operation) => self.for_operation(operation),
            Operation::Let(operation) => self.separated(&operation.items, |formatter, item| {
                formatter.target(&item.target);
                formatter.text(" = ");
                formatter.expression(&item.expression);
            }),
            Operation::Filter(operation) => self.expression(&operation.condition),
            Operation::Sort(operation) => self.separated(&operation.items, Formatter::sort_item),
            Operation::Limit(operation) => self.limit(operation.offset.as_ref(), &operation.count),
            Operation::Collect(operation) => self.collect(operation),
            Operation::Window(operation) => self.window(operation),
            Operation::Return(operation) => {
                if operation.distinct {
                    self.text("DISTINCT ");
                }
                self.expression(&operation.expression);
            }
            Operation::Insert(operation) => {
                self.written_expression(&operation.document);
                self.written_to("INTO", &operation.collection, operation.options.as_ref());
            }
            Operation::Update(operation) | Operation::Replace(operation) => {
                if let Some(key) = &operation.key {
                    self.written_expression(key);
                    self.clause("WITH");
                }
                self.written_expression(&operation.document);
                self.written_to("IN", &operation.collection, operation.options.as_ref());
            }
            Operation::Remove(operation) => {
                self.written_expression(&operation.key);
                self.written_to("IN", &operation.collection, operation.options.as_ref());
            }
            Operation::Upsert(operation) => self.upsert(operation),
            Operation::Publish(operation) => {
                self.written_expression(&operation.payload);
                self.clause("INTO STREAM");
                self.source(&operation.stream);
                self.options(operation.options.as_ref());
            }
        }
    }

    fn for_operation(&mut self, operation: &For) {
        match &operation.source {
            ForSource::Expression {
                target,
                expression,
                search,
            } => {
                self.target(target);
                self.text(" IN ");
                match &expression.kind {
                    ExprKind::Name(name) if name.eq_ignore_ascii_case("STREAM") => {
                        self.text(&format!("`{name}`"));
                    }
                    _ => self.expression(expression),
                }
                if let Some(condition) = search {
                    self.out.indented_line();
                    self.text("SEARCH ");
                    self.expression(condition);
                }
            }
            ForSource::Stream { target, stream } => {
                self.target(target);
                self.text(" IN STREAM ");
                self.source(stream);
            }
            ForSource::Traversal(traversal) => self.traversal(traversal),
            ForSource::Path(search) => self.path_search(search),
        }
        if let Some(options) = &operation.options {
            self.out.indented_line();
            self.text("OPTIONS ");
            self.expression(options);
        }
    }

    fn traversal(&mut self, traversal: &Traversal) {
        self.name(&traversal.vertex);
        for variable in [&traversal.edge, &traversal.path].into_iter().flatten() {
            self.text(", ");
            self.name(variable);
        }
        self.text(" IN ");
        if let Some(depth) = &traversal.depth {
            self.expression(depth);
            self.text(" ");
        }
        self.text(traversal.direction.text());
        self.text(" ");
        self.expression(&traversal.start);
        self.subject(&traversal.subject);
        if let Some(prune) = &traversal.prune {
            self.out.indented_line();
            self.text("PRUNE ");
            if let Some(variable) = &prune.variable {
                self.name(variable);
                self.text(" = ");
            }
            self.expression(&prune.condition);
        }
    }

    fn path_search(&mut self, search: &PathSearch) {
        self.name(&search.variable);
        if let Some(edge) = &search.edge {
            self.text(", ");
            self.name(edge);
        }
        self.text(" IN ");
        if let Some(depth) = &search.depth {
            self.expression(depth);
            self.text(" ");
        }
        self.text(search.direction.text());
        self.text(" ");
        self.text(search.kind.text());
        self.text(" ");
        self.expression(&search.start);
        self.text(" TO ");
        self.expression(&search.goal);
        self.subject(&search.subject);
    }

    fn subject(&mut self, subject: &GraphSubject) {
        match subject {
            GraphSubject::Graph(graph) => {
                self.text(" GRAPH ");
                self.source(graph);
            }
            GraphSubject::Edges(edges) => {
                self.text(" ");
                self.separated(
                    edges,
                    |formatter,
                     EdgeSource {
                         direction,
                         collection,
                     }| {
                        if let Some(direction) = direction {
                            formatter.text(direction.text());
                            formatter.text(" ");
                        }
                        formatter.source(collection);
                    },
                );
            }
        }
    }

    fn source(&mut self, source: &DataSource) {
        match &source.kind {
            DataSourceKind::Name(name) if name.eq_ignore_ascii_case("STREAM") => {
                self.text(&format!("`{name}`"));
            }
            DataSourceKind::Name(name) => self.text(&quote_name(name)),
            DataSourceKind::SourceBind(name) => self.text(&format!("@@{name}")),
            DataSourceKind::ValueBind(name) => self.text(&format!("@{name}")),
        }
    }

    fn target(&mut self, target: &Target) {
        match &target.kind {
            TargetKind::Variable(name) => self.name(name),
            TargetKind::Array(elements) => {
                self.text("[");
                self.separated(elements, |formatter, element| {
                    if let Some(element) = element {
                        formatter.target(element);
                    }
                });
                self.text("]");
            }
            TargetKind::Object(members) => {
                self.text("{ ");
                self.separated(members, Formatter::target_member);
                self.text(" }");
            }
        }
    }

    fn target_member(&mut self, member: &TargetMember) {
        match &member.target.kind {
            TargetKind::Variable(name) if name.text == member.attribute => self.name(name),
            _ => {
                self.attribute_name(&member.attribute);
                self.text(": ");
                self.target(&member.target);
            }
        }
    }

    fn sort_item(&mut self, item: &SortItem) {
        self.expression(&item.key);
        match &item.direction {
            SortDirection::Ascending => {}
            SortDirection::Descending => self.text(" DESC"),
            SortDirection::Bind(name) => self.text(&format!(" @{}", name.text)),
        }
    }

    fn limit(&mut self, offset: Option<&Expr>, count: &Expr) {
        if let Some(offset) = offset {
            self.expression(offset);
            self.text(", ");
        }
        self.expression(count);
    }

    fn collect(&mut self, collect: &Collect) {
        self.separated(&collect.groups, |formatter, group| {
            formatter.name(&group.variable);
            formatter.text(" = ");
            formatter.expression(&group.expression);
        });
        let has_groups = !collect.groups.is_empty();
        if let Some(count) = &collect.count {
            self.out.line_if(has_groups);
            self.text("WITH COUNT INTO ");
            self.name(count);
        }
        if !collect.aggregates.is_empty() {
            self.out.line_if(has_groups);
            self.aggregates(&collect.aggregates);
        }
        if let Some(into) = &collect.into {
            self.clause("INTO");
            self.name(&into.variable);
            if let Some(projection) = &into.projection {
                self.text(" = ");
                self.expression(projection);
            }
            if let Some(keep) = &into.keep {
                self.text(" KEEP ");
                self.separated(keep, Formatter::name);
            }
        }
        self.options(collect.options.as_ref());
    }

    fn aggregates(&mut self, aggregates: &[Aggregate]) {
        self.text("AGGREGATE ");
        self.separated(aggregates, |formatter, aggregate| {
            formatter.name(&aggregate.variable);
            formatter.text(" = ");
            formatter.call(&aggregate.call);
        });
    }

    fn window(&mut self, window: &Window) {
        if let Some(range) = &window.range {
            self.expression(range);
            self.clause("WITH");
        }
        let bounds = [
            ("preceding", &window.preceding),
            ("following", &window.following),
        ];
        let given: Vec<(&str, &Expr)> = bounds
            .into_iter()
            .filter_map(|(name, bound)| bound.as_ref().map(|bound| (name, bound)))
            .collect();
        self.bracketed(("{", "}"), true, &given, |formatter, (name, bound)| {
            formatter.text(name);
            formatter.text(": ");
            formatter.expression(bound);
        });
        self.out.line(true);
        self.aggregates(&window.aggregates);
    }

    fn upsert(&mut self, upsert: &Upsert) {
        match &upsert.search {
            UpsertSearch::Example(example) => self.expression(example),
            UpsertSearch::Filter(condition) => {
                self.text("FILTER ");
                self.expression(condition);
            }
        }
        self.clause("INSERT");
        self.expression(&upsert.insert);
        self.clause(if upsert.replace { "REPLACE" } else { "UPDATE" });
        self.written_expression(&upsert.update);
        self.written_to("IN", &upsert.collection, upsert.options.as_ref());
    }

    fn written_expression(&mut self, expression: &Expr) {
        let outer = std::mem::replace(&mut self.stop_at_in, true);
        self.expression(expression);
        self.stop_at_in = outer;
    }

    fn written_to(&mut self, preposition: &str, collection: &DataSource, options: Option<&Expr>) {
        self.clause(preposition);
        self.source(collection);
        self.options(options);
    }

    fn options(&mut self, options: Option<&Expr>) {
        if let Some(options) = options {
            self.clause("OPTIONS");
            self.expression(options);
        }
    }
}
