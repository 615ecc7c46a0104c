//! `FOR` over a graph: traversals and path searches.

use super::{Parsed, Parser, Sources};
use crate::ast::{
    Direction, EdgeSource, Expr, ForSource, GraphSubject, Name, PathKind, PathSearch, Prune,
    Target, TargetKind, Traversal,
};
use crate::lexer::{Keyword, TokenKind};

impl Parser<'_> {
    /// Whether a direction stands here. Behind an operand, `ANY` is one only if no comparison follows
    /// it, and then the expression has ended before it.
    pub(super) fn at_direction(&self) -> bool {
        matches!(
            self.token.kind,
            TokenKind::Keyword(Keyword::Outbound | Keyword::Inbound | Keyword::Any)
        )
    }

    /// From the direction on, up to the options.
    pub(super) fn graph_source(
        &mut self,
        targets: Vec<Target>,
        depth: Option<Expr>,
    ) -> Parsed<ForSource> {
        let mut variables = self.graph_variables(targets)?.into_iter();
        let Some(first) = variables.next() else {
            return Err(self.unexpected("a variable"));
        };
        let (second, third, fourth) = (variables.next(), variables.next(), variables.next());
        let direction = self.direction()?;
        let kind = match self.token.kind {
            TokenKind::Keyword(Keyword::ShortestPath) => PathKind::Shortest,
            TokenKind::Keyword(Keyword::AllShortestPaths) => PathKind::AllShortest,
            TokenKind::Keyword(Keyword::KShortestPaths) => PathKind::KShortest,
            TokenKind::Keyword(Keyword::KPaths) => PathKind::KPaths,
            _ => {
                self.refuse_variable(fourth)?;
                return self.traversal(first, second, third, depth, direction);
            }
        };
        let keyword = self.advance();
        self.refuse_variable(third)?;
        if kind != PathKind::Shortest {
            self.refuse_variable(second.clone())?;
        }
        if kind != PathKind::KPaths
            && let Some(depth) = &depth
        {
            let message = format!(
                "{} has no depth",
                keyword.span.text(self.text).to_ascii_uppercase()
            );
            return Err(self.error(message, depth.span));
        }
        let start = self.expression()?;
        self.expect_word("TO")?;
        let goal = self.expression()?;
        let subject = self.graph_subject()?;
        Ok(ForSource::Path(Box::new(PathSearch {
            kind,
            variable: first,
            edge: second,
            depth,
            direction,
            start,
            goal,
            subject,
        })))
    }

    fn graph_variables(&self, targets: Vec<Target>) -> Parsed<Vec<Name>> {
        targets
            .into_iter()
            .map(|target| match target.kind {
                TargetKind::Variable(name) => Ok(name),
                _ => Err(self.error(
                    "a FOR over a graph declares plain variables only",
                    target.span,
                )),
            })
            .collect()
    }

    fn refuse_variable(&self, surplus: Option<Name>) -> Parsed<()> {
        match surplus {
            None => Ok(()),
            Some(name) => {
                let message = format!(
                    "unexpected variable '{}': this FOR declares fewer",
                    name.text
                );
                Err(self.error(message, name.span))
            }
        }
    }

    fn traversal(
        &mut self,
        vertex: Name,
        edge: Option<Name>,
        path: Option<Name>,
        depth: Option<Expr>,
        direction: Direction,
    ) -> Parsed<ForSource> {
        let start = self.expression()?;
        let subject = self.graph_subject()?;
        let prune = if self.at_word("PRUNE") {
            Some(self.prune()?)
        } else {
            None
        };
        Ok(ForSource::Traversal(Box::new(Traversal {
            vertex,
            edge,
            path,
            depth,
            direction,
            start,
            subject,
            prune,
        })))
    }

    fn prune(&mut self) -> Parsed<Prune> {
        self.advance();
        let variable = if self.at_name() && self.peek().kind == TokenKind::Assign {
            let name = self.expect_name("the name of a variable")?;
            self.advance();
            Some(name)
        } else {
            None
        };
        let condition = self.expression()?;
        if condition.has_subquery() {
            return Err(self.error("PRUNE must not have a subquery", condition.span));
        }
        Ok(Prune {
            variable,
            condition,
        })
    }

    fn graph_subject(&mut self) -> Parsed<GraphSubject> {
        if self.take_keyword(Keyword::Graph) {
            let allowed = Sources {
                string: true,
                value_bind: true,
            };
            return self
                .data_source(allowed, "the name of a graph")
                .map(GraphSubject::Graph);
        }
        let mut edges = Vec::new();
        loop {
            let direction = if self.at_direction() {
                Some(self.direction()?)
            } else {
                None
            };
            let allowed = Sources {
                string: false,
                value_bind: true,
            };
            let collection =
                self.data_source(allowed, "GRAPH or the name of an edge collection")?;
            edges.push(EdgeSource {
                direction,
                collection,
            });
            if !self.take(TokenKind::Comma) {
                return Ok(GraphSubject::Edges(edges));
            }
        }
    }

    fn direction(&mut self) -> Parsed<Direction> {
        let direction = match self.token.kind {
            TokenKind::Keyword(Keyword::Outbound) => Direction::Outbound,
            TokenKind::Keyword(Keyword::Inbound) => Direction::Inbound,
            TokenKind::Keyword(Keyword::Any) => Direction::Any,
            _ => return Err(self.unexpected("OUTBOUND, INBOUND or ANY")),
        };
        self.advance();
        Ok(direction)
    }
}
