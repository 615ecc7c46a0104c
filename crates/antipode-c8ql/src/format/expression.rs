//! The text of expressions, with the parentheses that binding strength asks for and no others.

use super::{Formatter, is_plain_name, quote_name, quote_string};
use crate::ast::{
    ArrayQuantifier, BinaryOperator, Call, Expansion, Expr, ExprKind, Member, MemberKind,
    Operation, Quantified, Quantifier, QuestionMark, UnaryOperator,
};
use crate::parser::{POSTFIX, QUANTIFIER, TERNARY, UNARY, power};

impl Formatter {
    pub(super) fn expression(&mut self, expression: &Expr) {
        self.expression_above(expression, TERNARY);
    }

    /// In parentheses if it binds less than `minimum`.
    fn expression_above(&mut self, expression: &Expr, minimum: u8) {
        let (own, is_in) = match &expression.kind {
            ExprKind::Ternary { .. } => (TERNARY, false),
            ExprKind::Binary { operator, .. } => {
                (power(*operator), *operator == BinaryOperator::In)
            }
            ExprKind::Quantified(quantified) => {
                (QUANTIFIER, quantified.operator == BinaryOperator::In)
            }
            ExprKind::Unary { .. } => (UNARY, false),
            _ => (u8::MAX, false),
        };
        if own < minimum || (is_in && self.stop_at_in) {
            return self.parenthesised(expression);
        }
        match &expression.kind {
            ExprKind::Null => self.text("null"),
            ExprKind::Bool(value) => self.text(if *value { "true" } else { "false" }),
            ExprKind::Int(value) => self.text(&value.to_string()),
            ExprKind::Float(value) => self.text(&format!("{value:?}")),
            ExprKind::OutOfRange => self.text("1e999"),
            ExprKind::String(value) => self.text(&quote_string(value)),
            ExprKind::Bind(name) => self.text(&format!("@{name}")),
            ExprKind::SourceBind(name) => self.text(&format!("@@{name}")),
            ExprKind::Name(name) => self.text(&quote_name(name)),
            ExprKind::Array(elements) => {
                self.bracketed(("[", "]"), false, elements, Formatter::expression);
            }
            ExprKind::Object(members) => {
                self.bracketed(("{", "}"), true, members, Formatter::member)
            }
            ExprKind::Attribute { base, name } => {
                self.base(base);
                self.text(".");
                self.text(&quote_name(name));
            }
            ExprKind::BoundAttribute { base, bind } => {
                self.base(base);
                self.text(&format!(".@{bind}"));
            }
            ExprKind::Index { base, index } => {
                self.base(base);
                self.bracketed(("[", "]"), false, &[index], |formatter, index| {
                    formatter.expression(index)
                });
            }
            ExprKind::Expansion(expansion) => self.expansion(expansion),
            // It stands at the left end of what follows an expansion, and is written nowhere.
            ExprKind::Element => {}
            ExprKind::QuestionMark(question) => self.question_mark(question),
            ExprKind::Unary { operator, operand } => {
                self.text(match operator {
                    UnaryOperator::Not => "!",
                    UnaryOperator::Plus => "+",
                    UnaryOperator::Minus => "-",
                });
                self.expression_above(operand, UNARY);
            }
            ExprKind::Binary {
                operator,
                left,
                right,
            } => self.binary(*operator, left, right),
            ExprKind::Quantified(quantified) => self.quantified(quantified),
            ExprKind::Ternary {
                condition,
                then,
                otherwise,
            } => {
                self.expression_above(condition, TERNARY + 1);
                match then {
                    Some(then) => {
                        self.text(" ? ");
                        self.expression(then);
                        self.text(" : ");
                    }
                    None => self.text(" ?: "),
                }
                self.expression(otherwise);
            }
            ExprKind::Call(call) => self.call(call),
            ExprKind::Subquery(operations) => {
                self.text("(");
                self.subquery(operations);
                self.text(")");
            }
        }
    }

    fn subquery(&mut self, operations: &[Operation]) {
        let outer = std::mem::replace(&mut self.stop_at_in, false);
        self.out.open_group();
        self.out.open_indent();
        self.out.line(false);
        self.operations(operations, |out| out.line(true));
        self.out.close_indent();
        self.out.line(false);
        self.out.close_group();
        self.stop_at_in = outer;
    }

    /// What an accessor applies to. Directly behind an expansion it would apply to the elements.
    fn base(&mut self, base: &Expr) {
        if matches!(base.kind, ExprKind::Expansion(_)) {
            self.parenthesised(base);
        } else {
            self.expression_above(base, POSTFIX);
        }
    }

    fn expansion(&mut self, expansion: &Expansion) {
        self.base(&expansion.base);
        let outer = std::mem::replace(&mut self.stop_at_in, false);
        self.text("[*");
        for _ in 0..expansion.flatten {
            self.text("*");
        }
        if let Some(filter) = &expansion.filter {
            self.text(" FILTER ");
            self.expression(filter);
        }
        if let Some(limit) = &expansion.limit {
            self.text(" LIMIT ");
            self.limit(limit.offset.as_ref(), &limit.count);
        }
        if let Some(projection) = &expansion.projection {
            self.text(" RETURN ");
            self.expression(projection);
        }
        self.text("]");
        self.stop_at_in = outer;
        if let Some(rest) = &expansion.rest {
            self.expression(rest);
        }
    }

    fn question_mark(&mut self, question: &QuestionMark) {
        self.base(&question.base);
        let outer = std::mem::replace(&mut self.stop_at_in, false);
        self.text("[?");
        for _ in 0..question.flatten {
            self.text("?");
        }
        match &question.quantifier {
            None => {}
            Some(ArrayQuantifier::All) => self.text(" ALL"),
            Some(ArrayQuantifier::Any) => self.text(" ANY"),
            Some(ArrayQuantifier::None) => self.text(" NONE"),
            Some(ArrayQuantifier::AtLeast(count)) => {
                self.text(" AT LEAST ");
                self.parenthesised(count);
            }
            Some(ArrayQuantifier::Count(count)) => {
                self.text(" ");
                self.expression(count);
            }
        }
        if let Some(filter) = &question.filter {
            self.text(" FILTER ");
            self.expression(filter);
        }
        self.text("]");
        self.stop_at_in = outer;
    }

    fn binary(&mut self, operator: BinaryOperator, left: &Expr, right: &Expr) {
        let own = power(operator);
        match operator {
            BinaryOperator::Range => {
                self.expression_above(left, own);
                self.text("..");
                self.expression_above(right, own + 1);
            }
            BinaryOperator::And | BinaryOperator::Or => self.chain(operator, left, right),
            _ => {
                self.expression_above(left, own);
                self.text(" ");
                self.text(operator.text());
                self.text(" ");
                self.expression_above(right, own + 1);
            }
        }
    }

    /// `a AND b AND c`: on one line or with a line for each.
    fn chain(&mut self, operator: BinaryOperator, left: &Expr, right: &Expr) {
        let mut operands = vec![right];
        let mut first = left;
        while let ExprKind::Binary {
            operator: inner,
            left,
            right,
        } = &first.kind
            && *inner == operator
        {
            operands.push(right);
            first = left;
        }
        self.out.open_group();
        self.expression_above(first, power(operator));
        for operand in operands.into_iter().rev() {
            self.out.indented_line();
            self.text(operator.text());
            self.text(" ");
            self.expression_above(operand, power(operator) + 1);
        }
        self.out.close_group();
    }

    fn quantified(&mut self, quantified: &Quantified) {
        self.expression_above(&quantified.left, QUANTIFIER);
        match &quantified.quantifier {
            Quantifier::All => self.text(" ALL "),
            Quantifier::Any => self.text(" ANY "),
            Quantifier::None => self.text(" NONE "),
            Quantifier::AtLeast(count) => {
                self.text(" AT LEAST ");
                self.parenthesised(count);
                self.text(" ");
            }
        }
        self.text(quantified.operator.text());
        self.text(" ");
        self.expression_above(&quantified.right, power(quantified.operator) + 1);
    }

    pub(super) fn call(&mut self, call: &Call) {
        for part in &call.namespace {
            self.text(&quote_name(part));
            self.text("::");
        }
        match call.name.as_str() {
            "LIKE" if call.namespace.is_empty() => self.text("LIKE"),
            name => self.text(&quote_name(name)),
        }
        if let [
            Expr {
                kind: ExprKind::Subquery(operations),
                ..
            },
        ] = call.arguments.as_slice()
        {
            self.text("(");
            self.subquery(operations);
            return self.text(")");
        }
        self.bracketed(("(", ")"), false, &call.arguments, Formatter::expression);
    }

    fn member(&mut self, member: &Member) {
        match &member.kind {
            MemberKind::Named { name, value } => {
                self.attribute_name(name);
                self.member_value(value);
            }
            MemberKind::Shorthand(name) => self.name(name),
            MemberKind::Bound { bind, value } => {
                self.text(&format!("@{bind}"));
                self.member_value(value);
            }
            MemberKind::Computed { name, value } => {
                self.text("[");
                self.expression(name);
                self.text("]");
                self.member_value(value);
            }
        }
    }

    pub(super) fn member_value(&mut self, value: &Expr) {
        self.text(": ");
        self.expression(value);
    }

    pub(super) fn attribute_name(&mut self, name: &str) {
        if is_plain_name(name) {
            self.text(name);
        } else {
            self.text(&quote_string(name));
        }
    }
}
