//! Compiled expressions as text, close to what the user wrote.

use antipode_value::Str;

use crate::expression::{
    Arithmetic, ElementTest, Expansion, Expression, Member, Quantifier, Unary, Variable,
};
use crate::plan::{Access, Aggregate, Enumerate, NodeKind, Pipeline};

/// Prints with the names of a plan's variables.
pub(super) struct Printer<'p> {
    pub(super) names: &'p [Str],
}

/// Longest constant that is shown in full.
const CONSTANT_MAX: usize = 120;

impl Printer<'_> {
    /// The name of a variable; one that a query cannot name is shown as `#n`.
    pub(super) fn variable(&self, variable: Variable) -> String {
        match self.names.get(variable.id as usize) {
            Some(name) if !name.starts_with(|first: char| first.is_ascii_digit()) => {
                name.to_string()
            }
            _ => format!("#{}", variable.id),
        }
    }

    /// `a = F(x), b = G()`.
    pub(super) fn aggregates(&self, aggregates: &[Aggregate]) -> String {
        let one = |aggregate: &Aggregate| {
            let argument = aggregate
                .argument
                .as_ref()
                .map_or(String::new(), |argument| self.expression(argument));
            format!(
                "{} = {}({argument})",
                self.variable(aggregate.variable),
                aggregate.kind.name()
            )
        };
        aggregates.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    fn list(&self, expressions: &[Expression]) -> String {
        expressions
            .iter()
            .map(|expression| self.expression(expression))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn binary(&self, operator: &str, parts: &[Expression; 2]) -> String {
        format!(
            "({} {operator} {})",
            self.expression(&parts[0]),
            self.expression(&parts[1])
        )
    }

    /// An expression as text.
    pub(super) fn expression(&self, expression: &Expression) -> String {
        match expression {
            Expression::Constant(value) => shorten(value.to_json()),
            Expression::Parameter(parameter) => format!("@{}", parameter.slot),
            Expression::Variable(variable) => self.variable(*variable),
            Expression::Attribute(base, name) => format!("{}.`{name}`", self.expression(base)),
            Expression::Element(parts) => format!(
                "{}[{}]",
                self.expression(&parts[0]),
                self.expression(&parts[1])
            ),
            Expression::Unary(Unary::Not | Unary::NoMatch, operand) => {
                format!("! {}", self.expression(operand))
            }
            Expression::Unary(Unary::Minus, operand) => format!("-{}", self.expression(operand)),
            Expression::Unary(Unary::Plus, operand) => format!("+{}", self.expression(operand)),
            Expression::Arithmetic(operator, parts) => {
                let symbol = match operator {
                    Arithmetic::Add => "+",
                    Arithmetic::Subtract => "-",
                    Arithmetic::Multiply => "*",
                    Arithmetic::Divide => "/",
                    Arithmetic::Modulo => "%",
                };
                self.binary(symbol, parts)
            }
            Expression::Compare(comparison, parts) => self.binary(comparison.symbol(), parts),
            Expression::And(parts) => self.binary("&&", parts),
            Expression::Or(parts) => self.binary("||", parts),
            Expression::Elvis(parts) => self.binary("?:", parts),
            Expression::Ternary(parts) => {
                let [condition, then, otherwise] = &**parts;
                format!(
                    "({} ? {} : {})",
                    self.expression(condition),
                    self.expression(then),
                    self.expression(otherwise)
                )
            }
            Expression::Range(parts) => format!(
                "{}..{}",
                self.expression(&parts[0]),
                self.expression(&parts[1])
            ),
            Expression::Quantified(quantified) => format!(
                "({} {} {} {})",
                self.expression(&quantified.left),
                self.quantifier(&quantified.quantifier),
                quantified.comparison.symbol(),
                self.expression(&quantified.right)
            ),
            Expression::Array(elements) => shorten(format!("[{}]", self.list(elements))),
            Expression::Object(members) => {
                let member = |member: &Member| match member {
                    Member::Named(name, value) => format!("\"{name}\": {}", self.expression(value)),
                    Member::Computed(name, value) => {
                        format!("[{}]: {}", self.expression(name), self.expression(value))
                    }
                };
                format!(
                    "{{ {} }}",
                    members.iter().map(member).collect::<Vec<_>>().join(", ")
                )
            }
            Expression::Call(function, arguments) => {
                format!("{}({})", function.name, self.list(arguments))
            }
            Expression::Expand(expansion) => self.expansion(expansion),
            Expression::Test(test) => self.test(test),
            Expression::Subquery(pipeline) => format!("({})", self.line(pipeline)),
            Expression::CollectionCount(collection) => format!("LENGTH({})", collection.name),
        }
    }

    fn expansion(&self, expansion: &Expansion) -> String {
        let mut clauses = String::new();
        if let Some(filter) = &expansion.filter {
            clauses.push_str(&format!(" FILTER {}", self.expression(filter)));
        }
        if let Some((offset, count)) = &expansion.limit {
            clauses.push_str(&format!(
                " LIMIT {}, {}",
                self.expression(offset),
                self.expression(count)
            ));
        }
        if let Some(projection) = &expansion.projection {
            clauses.push_str(&format!(" RETURN {}", self.expression(projection)));
        }
        format!(
            "{}[{}{clauses}]",
            self.expression(&expansion.base),
            "*".repeat(expansion.flatten + 1)
        )
    }

    fn test(&self, test: &ElementTest) -> String {
        let filter = test.filter.as_ref().map_or(String::new(), |filter| {
            format!(
                " {} FILTER {}",
                self.quantifier(&test.quantifier),
                self.expression(filter)
            )
        });
        format!(
            "{}[{}{filter}]",
            self.expression(&test.base),
            "?".repeat(test.flatten + 1)
        )
    }

    fn quantifier(&self, quantifier: &Quantifier) -> String {
        match quantifier {
            Quantifier::All => "ALL".into(),
            Quantifier::Any => "ANY".into(),
            Quantifier::None => "NONE".into(),
            Quantifier::AtLeast(count) => format!("AT LEAST ({})", self.expression(count)),
            Quantifier::Exactly(count) => self.expression(count),
            Quantifier::Between(least, most) => {
                format!("{}..{}", self.expression(least), self.expression(most))
            }
        }
    }

    /// A loop over a collection, with the condition that its access answers.
    fn enumerate(&self, enumerate: &Enumerate) -> String {
        let name = self.variable(enumerate.variable);
        let condition = match &enumerate.access {
            Access::Table { path, value } => {
                format!(
                    "{name}.`{}` == {}",
                    path.join("`.`"),
                    self.expression(value)
                )
            }
            access => super::indexes::condition(access, &name, self),
        };
        let collection = &enumerate.collection.name;
        if condition.is_empty() {
            return format!("FOR {name} IN {collection}");
        }
        format!("FOR {name} IN {collection} FILTER {condition}")
    }

    /// A subquery inside an expression, in one line.
    fn line(&self, pipeline: &Pipeline) -> String {
        let parts = pipeline.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Singleton => None,
            NodeKind::EnumerateCollection(enumerate) => Some(self.enumerate(enumerate)),
            NodeKind::EnumerateList { list, variable } => Some(format!(
                "FOR {} IN {}",
                self.variable(*variable),
                self.expression(list)
            )),
            NodeKind::Traverse(traverse) => {
                Some(format!("FOR {} IN …", self.variable(traverse.vertex)))
            }
            NodeKind::PathSearch(search) => {
                Some(format!("FOR {} IN …", self.variable(search.variable)))
            }
            NodeKind::EnumerateStream {
                stream, variable, ..
            } => Some(format!(
                "FOR {} IN STREAM {}",
                self.variable(*variable),
                stream.name
            )),
            NodeKind::Calculation {
                expression,
                variable,
            } => Some(format!(
                "LET {} = {}",
                self.variable(*variable),
                self.expression(expression)
            )),
            NodeKind::Filter(condition) => Some(format!("FILTER {}", self.expression(condition))),
            NodeKind::Sort { .. } => Some("SORT …".into()),
            NodeKind::Limit { offset, count, .. } => Some(format!(
                "LIMIT {offset}, {}",
                count.map_or("null".into(), |count| count.to_string())
            )),
            NodeKind::Collect(_) => Some("COLLECT …".into()),
            NodeKind::Window(_) => Some("WINDOW …".into()),
            NodeKind::Distinct(_) => Some("DISTINCT".into()),
            NodeKind::Modify(modify) => Some(format!("modify {}", modify.collection.name)),
            NodeKind::Publish(publish) => {
                Some(format!("INSERT … INTO STREAM {}", publish.stream.name))
            }
            NodeKind::NoResults => Some("FILTER false".into()),
            NodeKind::Return(expression) => Some(format!("RETURN {}", self.expression(expression))),
        });
        parts.collect::<Vec<_>>().join(" ")
    }
}

fn shorten(text: String) -> String {
    match text.char_indices().nth(CONSTANT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
