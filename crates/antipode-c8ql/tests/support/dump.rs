//! A tree as a line of nested lists, without its spans: what two equal trees have in common.

use antipode_c8ql::ast::*;

pub fn query(query: &Query) -> String {
    let mut parts = Vec::new();
    if !query.with.is_empty() {
        parts.push(list("with", query.with.iter().map(source)));
    }
    if let Some(options) = &query.options {
        parts.push(list("query-options", [expression(options)]));
    }
    parts.extend(query.operations.iter().map(operation));
    parts.join("\n")
}

fn list(head: &str, parts: impl IntoIterator<Item = String>) -> String {
    let mut out = format!("({head}");
    for part in parts {
        if !part.is_empty() {
            out.push(' ');
            out.push_str(&part);
        }
    }
    out.push(')');
    out
}

fn optional(head: &str, part: Option<&Expr>) -> String {
    part.map_or(String::new(), |part| list(head, [expression(part)]))
}

fn name(name: &Name) -> String {
    format!("{:?}", name.text)
}

fn source(source: &DataSource) -> String {
    match &source.kind {
        DataSourceKind::Name(name) => format!("{name:?}"),
        DataSourceKind::SourceBind(name) => format!("@@{name}"),
        DataSourceKind::ValueBind(name) => format!("@{name}"),
    }
}

fn target(target: &Target) -> String {
    match &target.kind {
        TargetKind::Variable(variable) => name(variable),
        TargetKind::Array(elements) => list(
            "array",
            elements
                .iter()
                .map(|element| element.as_ref().map_or("_".to_owned(), self::target)),
        ),
        TargetKind::Object(members) => list(
            "object",
            members.iter().map(|member| {
                list(
                    &format!("{:?}", member.attribute),
                    [self::target(&member.target)],
                )
            }),
        ),
    }
}

fn operation(operation: &Operation) -> String {
    match operation {
        Operation::For(operation) => {
            let mut parts = match &operation.source {
                ForSource::Expression {
                    target,
                    expression,
                    search,
                } => {
                    vec![
                        self::target(target),
                        self::expression(expression),
                        optional("search", search.as_ref()),
                    ]
                }
                ForSource::Stream { target, stream } => {
                    vec![self::target(target), list("stream", [source(stream)])]
                }
                ForSource::Traversal(traversal) => self::traversal(traversal),
                ForSource::Path(search) => path_search(search),
            };
            parts.push(optional("options", operation.options.as_ref()));
            list("for", parts)
        }
        Operation::Let(operation) => list(
            "let",
            operation
                .items
                .iter()
                .map(|item| list(&target(&item.target), [expression(&item.expression)])),
        ),
        Operation::Filter(operation) => list("filter", [expression(&operation.condition)]),
        Operation::Sort(operation) => list(
            "sort",
            operation.items.iter().map(|item| {
                let direction = match &item.direction {
                    SortDirection::Ascending => "asc".to_owned(),
                    SortDirection::Descending => "desc".to_owned(),
                    SortDirection::Bind(name) => format!("@{}", name.text),
                };
                list(&direction, [expression(&item.key)])
            }),
        ),
        Operation::Limit(operation) => list(
            "limit",
            [
                optional("offset", operation.offset.as_ref()),
                expression(&operation.count),
            ],
        ),
        Operation::Collect(operation) => collect(operation),
        Operation::Window(operation) => {
            let mut parts = vec![
                optional("range", operation.range.as_ref()),
                optional("preceding", operation.preceding.as_ref()),
                optional("following", operation.following.as_ref()),
            ];
            parts.extend(operation.aggregates.iter().map(aggregate));
            list("window", parts)
        }
        Operation::Return(operation) => {
            let head = if operation.distinct {
                "return-distinct"
            } else {
                "return"
            };
            list(head, [expression(&operation.expression)])
        }
        Operation::Insert(operation) => list(
            "insert",
            [
                expression(&operation.document),
                source(&operation.collection),
                optional("options", operation.options.as_ref()),
            ],
        ),
        Operation::Update(operation) => update("update", operation),
        Operation::Replace(operation) => update("replace", operation),
        Operation::Remove(operation) => list(
            "remove",
            [
                expression(&operation.key),
                source(&operation.collection),
                optional("options", operation.options.as_ref()),
            ],
        ),
        Operation::Upsert(operation) => list(
            "upsert",
            [
                match &operation.search {
                    UpsertSearch::Example(example) => expression(example),
                    UpsertSearch::Filter(condition) => list("filter", [expression(condition)]),
                },
                list("insert", [expression(&operation.insert)]),
                optional(
                    if operation.replace {
                        "replace"
                    } else {
                        "update"
                    },
                    Some(&operation.update),
                ),
                source(&operation.collection),
                optional("options", operation.options.as_ref()),
            ],
        ),
        Operation::Publish(operation) => list(
            "publish",
            [
                expression(&operation.payload),
                source(&operation.stream),
                optional("options", operation.options.as_ref()),
            ],
        ),
    }
}

fn update(head: &str, operation: &Update) -> String {
    list(
        head,
        [
            optional("key", operation.key.as_ref()),
            expression(&operation.document),
            source(&operation.collection),
            optional("options", operation.options.as_ref()),
        ],
    )
}

fn collect(collect: &Collect) -> String {
    let mut parts: Vec<String> = collect
        .groups
        .iter()
        .map(|group| list(&name(&group.variable), [expression(&group.expression)]))
        .collect();
    parts.extend(
        collect
            .count
            .as_ref()
            .map(|count| list("count", [name(count)])),
    );
    parts.extend(collect.aggregates.iter().map(aggregate));
    if let Some(into) = &collect.into {
        let keep = into
            .keep
            .as_ref()
            .map(|keep| list("keep", keep.iter().map(name)));
        parts.push(list(
            "into",
            [
                name(&into.variable),
                optional("as", into.projection.as_ref()),
                keep.unwrap_or_default(),
            ],
        ));
    }
    parts.push(optional("options", collect.options.as_ref()));
    list("collect", parts)
}

fn aggregate(aggregate: &Aggregate) -> String {
    list(
        "aggregate",
        [name(&aggregate.variable), call(&aggregate.call)],
    )
}

fn traversal(traversal: &Traversal) -> Vec<String> {
    let variables = [
        Some(&traversal.vertex),
        traversal.edge.as_ref(),
        traversal.path.as_ref(),
    ];
    vec![
        list("traversal", variables.into_iter().flatten().map(name)),
        optional("depth", traversal.depth.as_ref()),
        traversal.direction.text().to_lowercase(),
        expression(&traversal.start),
        subject(&traversal.subject),
        traversal.prune.as_ref().map_or(String::new(), |prune| {
            let variable = prune.variable.as_ref().map_or(String::new(), name);
            list("prune", [variable, expression(&prune.condition)])
        }),
    ]
}

fn path_search(search: &PathSearch) -> Vec<String> {
    let variables = [Some(&search.variable), search.edge.as_ref()];
    vec![
        list(
            &search.kind.text().to_lowercase(),
            variables.into_iter().flatten().map(name),
        ),
        optional("depth", search.depth.as_ref()),
        search.direction.text().to_lowercase(),
        expression(&search.start),
        expression(&search.goal),
        subject(&search.subject),
    ]
}

fn subject(subject: &GraphSubject) -> String {
    match subject {
        GraphSubject::Graph(graph) => list("graph", [source(graph)]),
        GraphSubject::Edges(edges) => list(
            "edges",
            edges.iter().map(|edge| match edge.direction {
                None => source(&edge.collection),
                Some(direction) => {
                    list(&direction.text().to_lowercase(), [source(&edge.collection)])
                }
            }),
        ),
    }
}

pub fn expression(expression: &Expr) -> String {
    match &expression.kind {
        ExprKind::Null => "null".to_owned(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Float(value) => format!("{value:?}"),
        ExprKind::OutOfRange => "out-of-range".to_owned(),
        ExprKind::String(value) => format!("'{}'", value.escape_debug()),
        ExprKind::Bind(name) => format!("@{name}"),
        ExprKind::SourceBind(name) => format!("@@{name}"),
        ExprKind::Name(name) => format!("{name:?}"),
        ExprKind::Array(elements) => list("array", elements.iter().map(self::expression)),
        ExprKind::Object(members) => list("object", members.iter().map(member)),
        ExprKind::Attribute { base, name } => {
            list(".", [self::expression(base), format!("{name:?}")])
        }
        ExprKind::BoundAttribute { base, bind } => {
            list(".", [self::expression(base), format!("@{bind}")])
        }
        ExprKind::Index { base, index } => {
            list("index", [self::expression(base), self::expression(index)])
        }
        ExprKind::Expansion(expansion) => list(
            "expand",
            [
                self::expression(&expansion.base),
                flatten(expansion.flatten),
                optional("filter", expansion.filter.as_ref()),
                expansion.limit.as_ref().map_or(String::new(), |limit| {
                    list(
                        "limit",
                        [
                            optional("offset", limit.offset.as_ref()),
                            self::expression(&limit.count),
                        ],
                    )
                }),
                optional("return", expansion.projection.as_ref()),
                optional("each", expansion.rest.as_ref()),
            ],
        ),
        ExprKind::Element => "element".to_owned(),
        ExprKind::QuestionMark(question) => list(
            "any-match",
            [
                self::expression(&question.base),
                flatten(question.flatten),
                match &question.quantifier {
                    None => String::new(),
                    Some(ArrayQuantifier::All) => "all".to_owned(),
                    Some(ArrayQuantifier::Any) => "any".to_owned(),
                    Some(ArrayQuantifier::None) => "none".to_owned(),
                    Some(ArrayQuantifier::AtLeast(count)) => optional("at-least", Some(count)),
                    Some(ArrayQuantifier::Count(count)) => optional("count", Some(count)),
                },
                optional("filter", question.filter.as_ref()),
            ],
        ),
        ExprKind::Unary { operator, operand } => {
            let head = match operator {
                UnaryOperator::Not => "not",
                UnaryOperator::Plus => "+",
                UnaryOperator::Minus => "-",
            };
            list(head, [self::expression(operand)])
        }
        ExprKind::Binary {
            operator,
            left,
            right,
        } => {
            let head = operator.text().to_lowercase().replace(' ', "-");
            list(&head, [self::expression(left), self::expression(right)])
        }
        ExprKind::Quantified(quantified) => {
            let quantifier = match &quantified.quantifier {
                Quantifier::All => "all".to_owned(),
                Quantifier::Any => "any".to_owned(),
                Quantifier::None => "none".to_owned(),
                Quantifier::AtLeast(count) => optional("at-least", Some(count)),
            };
            let head = quantified.operator.text().to_lowercase().replace(' ', "-");
            let (left, right) = (
                self::expression(&quantified.left),
                self::expression(&quantified.right),
            );
            list(&head, [quantifier, left, right])
        }
        ExprKind::Ternary {
            condition,
            then,
            otherwise,
        } => {
            let then = then
                .as_ref()
                .map_or("_".to_owned(), |then| self::expression(then));
            list(
                "if",
                [
                    self::expression(condition),
                    then,
                    self::expression(otherwise),
                ],
            )
        }
        ExprKind::Call(call) => self::call(call),
        ExprKind::Subquery(operations) => list("query", operations.iter().map(operation)),
    }
}

fn flatten(levels: u32) -> String {
    if levels == 0 {
        String::new()
    } else {
        list("flatten", [levels.to_string()])
    }
}

fn call(call: &Call) -> String {
    let mut head = String::new();
    for part in &call.namespace {
        head.push_str(part);
        head.push_str("::");
    }
    head.push_str(&call.name);
    list(&head, call.arguments.iter().map(expression))
}

fn member(member: &Member) -> String {
    match &member.kind {
        MemberKind::Named { name, value } => list(&format!("{name:?}"), [expression(value)]),
        MemberKind::Shorthand(shorthand) => name(shorthand),
        MemberKind::Bound { bind, value } => list(&format!("@{bind}"), [expression(value)]),
        MemberKind::Computed { name, value } => {
            list("computed", [expression(name), expression(value)])
        }
    }
}
