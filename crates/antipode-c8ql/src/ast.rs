//! The syntax tree.
//!
//! One [`Query`] is one query text. The tree holds what was written, not what it means: names are not
//! resolved (a [`Name`] in an expression may be a variable, `OLD`, or a collection), bind parameters
//! are not injected, constants are not folded. Each node knows the bytes of the text that it came from,
//! so that any later stage can point at them.
//!
//! Parentheses leave no node of their own: the shape of the tree says what they said. Spellings of one
//! meaning (`&&` and `AND`, `a NOT =~ b` and `a !~ b`, a collection in quotes or not) give one tree.

use std::fmt;

/// Bytes `start..end` of the query text.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    /// The smallest span that has both.
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The bytes of `source` that this span means; empty where it does not fit `source`.
    pub fn text(self, source: &str) -> &str {
        source
            .get(self.start as usize..self.end as usize)
            .unwrap_or("")
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}..{}", self.start, self.end)
    }
}

/// A name as the language sees it: quotes removed, escapes decoded, case kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

/// One query text: `[WITH …] [QUERY OPTIONS {…}] operations`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The collections that `WITH` declares; empty without it.
    pub with: Vec<DataSource>,
    /// `QUERY OPTIONS { … }`: always an [`ExprKind::Object`].
    pub options: Option<Expr>,
    /// At least one; the last is a `RETURN` or a modification, and no other is a `RETURN`.
    pub operations: Vec<Operation>,
    pub span: Span,
}

/// A collection, view, stream, graph or edge collection where the grammar wants a fixed one.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSource {
    pub kind: DataSourceKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum DataSourceKind {
    /// `orders`, `` `orders` `` or, where the grammar has it, `"orders"`.
    Name(String),
    /// `@@orders`: the value of the bind parameter `"@orders"`; the `@@` is not in the text.
    SourceBind(String),
    /// `@orders`, in `WITH`, `GRAPH` and lists of edge collections only.
    ValueBind(String),
}

// ---------------------------------------------------------------------------------------------
// Operations

#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    For(For),
    Let(Let),
    Filter(Filter),
    Sort(Sort),
    Limit(Limit),
    Collect(Collect),
    Window(Window),
    Return(Return),
    Insert(Insert),
    Update(Update),
    Replace(Update),
    Remove(Remove),
    Upsert(Upsert),
    Publish(Publish),
}

impl Operation {
    pub fn span(&self) -> Span {
        match self {
            Operation::For(operation) => operation.span,
            Operation::Let(operation) => operation.span,
            Operation::Filter(operation) => operation.span,
            Operation::Sort(operation) => operation.span,
            Operation::Limit(operation) => operation.span,
            Operation::Collect(operation) => operation.span,
            Operation::Window(operation) => operation.span,
            Operation::Return(operation) => operation.span,
            Operation::Insert(operation) => operation.span,
            Operation::Update(operation) | Operation::Replace(operation) => operation.span,
            Operation::Remove(operation) => operation.span,
            Operation::Upsert(operation) => operation.span,
            Operation::Publish(operation) => operation.span,
        }
    }

    /// Whether it changes data: such an operation may end a query, as `RETURN` does.
    pub fn is_modification(&self) -> bool {
        matches!(
            self,
            Operation::Insert(_)
                | Operation::Update(_)
                | Operation::Replace(_)
                | Operation::Remove(_)
                | Operation::Upsert(_)
                | Operation::Publish(_)
        )
    }

    /// The keyword that it begins with.
    pub fn keyword(&self) -> &'static str {
        match self {
            Operation::For(_) => "FOR",
            Operation::Let(_) => "LET",
            Operation::Filter(_) => "FILTER",
            Operation::Sort(_) => "SORT",
            Operation::Limit(_) => "LIMIT",
            Operation::Collect(_) => "COLLECT",
            Operation::Window(_) => "WINDOW",
            Operation::Return(_) => "RETURN",
            Operation::Insert(_) | Operation::Publish(_) => "INSERT",
            Operation::Update(_) => "UPDATE",
            Operation::Replace(_) => "REPLACE",
            Operation::Remove(_) => "REMOVE",
            Operation::Upsert(_) => "UPSERT",
        }
    }
}

/// `FOR … IN …`
#[derive(Clone, Debug, PartialEq)]
pub struct For {
    pub source: ForSource,
    /// `OPTIONS { … }`: always an [`ExprKind::Object`].
    pub options: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ForSource {
    /// `FOR target IN expression [SEARCH condition]`: an array, range, subquery, collection or view.
    Expression {
        target: Target,
        expression: Expr,
        search: Option<Expr>,
    },
    /// `FOR target IN STREAM stream`
    Stream { target: Target, stream: DataSource },
    /// `FOR v, e, p IN 1..2 OUTBOUND start GRAPH g`
    Traversal(Box<Traversal>),
    /// `FOR v, e IN OUTBOUND SHORTEST_PATH start TO goal GRAPH g`, and its relatives
    Path(Box<PathSearch>),
}

/// `FOR vertex[, edge[, path]] IN [depth] direction start subject [PRUNE [variable =] condition]`
#[derive(Clone, Debug, PartialEq)]
pub struct Traversal {
    pub vertex: Name,
    pub edge: Option<Name>,
    pub path: Option<Name>,
    /// `n` or `n..m`; `1..1` when absent. Not checked to be constant.
    pub depth: Option<Expr>,
    pub direction: Direction,
    pub start: Expr,
    pub subject: GraphSubject,
    pub prune: Option<Prune>,
}

/// `PRUNE [variable =] condition`; the condition has no subquery.
#[derive(Clone, Debug, PartialEq)]
pub struct Prune {
    pub variable: Option<Name>,
    pub condition: Expr,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PathSearch {
    pub kind: PathKind,
    /// The vertex of `SHORTEST_PATH`, the path of the other kinds.
    pub variable: Name,
    /// Only with [`PathKind::Shortest`].
    pub edge: Option<Name>,
    /// Only with [`PathKind::KPaths`].
    pub depth: Option<Expr>,
    pub direction: Direction,
    pub start: Expr,
    pub goal: Expr,
    pub subject: GraphSubject,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// `SHORTEST_PATH`
    Shortest,
    /// `ALL_SHORTEST_PATHS`
    AllShortest,
    /// `K_SHORTEST_PATHS`
    KShortest,
    /// `K_PATHS`
    KPaths,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Outbound,
    Inbound,
    Any,
}

#[derive(Clone, Debug, PartialEq)]
pub enum GraphSubject {
    /// `GRAPH name`
    Graph(DataSource),
    /// `edges, INBOUND others`
    Edges(Vec<EdgeSource>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct EdgeSource {
    /// Its own direction, in place of the general one.
    pub direction: Option<Direction>,
    pub collection: DataSource,
}

/// What `FOR` and `LET` declare: a variable, or a pattern of variables.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub kind: TargetKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TargetKind {
    Variable(Name),
    /// `[a, , b]`: by position; `None` skips one. Has no `None` at its end.
    Array(Vec<Option<Target>>),
    /// `{ a, b: c, d: { e } }`
    Object(Vec<TargetMember>),
}

/// `attribute: target`; the short form `{ a }` is `{ a: a }`.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetMember {
    pub attribute: String,
    pub target: Target,
}

/// `LET target = expression, …`
#[derive(Clone, Debug, PartialEq)]
pub struct Let {
    pub items: Vec<LetItem>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LetItem {
    pub target: Target,
    pub expression: Expr,
}

/// `FILTER condition`
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    pub condition: Expr,
    pub span: Span,
}

/// `SORT key [ASC|DESC], …`
#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    pub items: Vec<SortItem>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SortItem {
    pub key: Expr,
    pub direction: SortDirection,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SortDirection {
    Ascending,
    Descending,
    /// `SORT x @direction`: `true` or `"asc"`, `false` or `"desc"`, else error 1501.
    Bind(Name),
}

/// `LIMIT [offset,] count`; both must turn out constant (see [`Expr::is_constant`]), else error 1501.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub offset: Option<Expr>,
    pub count: Expr,
    pub span: Span,
}

/// `COLLECT …`. Has groups, a count or aggregates; a count excludes aggregates and `into`.
#[derive(Clone, Debug, PartialEq)]
pub struct Collect {
    pub groups: Vec<Assignment>,
    /// The variable of `WITH COUNT INTO`.
    pub count: Option<Name>,
    pub aggregates: Vec<Aggregate>,
    pub into: Option<CollectInto>,
    /// `OPTIONS { … }`: always an [`ExprKind::Object`].
    pub options: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    pub variable: Name,
    pub expression: Expr,
}

/// `variable = FUNCTION(arguments)`; which functions may stand here is not checked (error 1574).
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    pub variable: Name,
    pub call: Call,
    pub span: Span,
}

/// `INTO variable [= projection]` or `INTO variable [KEEP variable, …]`
#[derive(Clone, Debug, PartialEq)]
pub struct CollectInto {
    pub variable: Name,
    pub projection: Option<Expr>,
    /// `None` without `KEEP`.
    pub keep: Option<Vec<Name>>,
}

/// `WINDOW [range WITH] { preceding, following } AGGREGATE …`
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The value of the range form; `None` is the form that counts rows.
    pub range: Option<Expr>,
    /// At least one of the two bounds is given.
    pub preceding: Option<Expr>,
    pub following: Option<Expr>,
    pub aggregates: Vec<Aggregate>,
    pub span: Span,
}

/// `RETURN [DISTINCT] expression`; with `DISTINCT` a `FOR` stands before it in the same (sub)query.
#[derive(Clone, Debug, PartialEq)]
pub struct Return {
    pub distinct: bool,
    pub expression: Expr,
    pub span: Span,
}

/// `INSERT document INTO collection`
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    pub document: Expr,
    pub collection: DataSource,
    /// `OPTIONS { … }`: always an [`ExprKind::Object`].
    pub options: Option<Expr>,
    pub span: Span,
}

/// `UPDATE key WITH document IN collection`, and `REPLACE` alike
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// `None` in the form without `WITH`, where the document names its own key.
    pub key: Option<Expr>,
    pub document: Expr,
    pub collection: DataSource,
    /// `OPTIONS { … }`: always an [`ExprKind::Object`].
    pub options: Option<Expr>,
    pub span: Span,
}

/// `REMOVE key IN collection`
#[derive(Clone, Debug, PartialEq)]
pub struct Remove {
    pub key: Expr,
    pub collection: DataSource,
    /// `OPTIONS { … }`: always an [`ExprKind::Object`].
    pub options: Option<Expr>,
    pub span: Span,
}

/// `UPSERT search INSERT insert UPDATE update IN collection`
#[derive(Clone, Debug, PartialEq)]
pub struct Upsert {
    pub search: UpsertSearch,
    pub insert: Expr,
    pub update: Expr,
    /// `REPLACE update` in place of `UPDATE update`.
    pub replace: bool,
    pub collection: DataSource,
    /// `OPTIONS { … }`: always an [`ExprKind::Object`].
    pub options: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum UpsertSearch {
    /// An [`ExprKind::Object`] without computed names, or a bind parameter.
    Example(Expr),
    /// `UPSERT FILTER condition`, with `CURRENT` as the candidate.
    Filter(Expr),
}

/// `INSERT payload INTO STREAM stream`
#[derive(Clone, Debug, PartialEq)]
pub struct Publish {
    pub payload: Expr,
    pub stream: DataSource,
    /// `OPTIONS { … }`: always an [`ExprKind::Object`].
    pub options: Option<Expr>,
    pub span: Span,
}

// ---------------------------------------------------------------------------------------------
// Expressions

#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    /// Without the parentheses around it, if any; a subquery's has them.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    Null,
    Bool(bool),
    Int(i64),
    /// Finite.
    Float(f64),
    /// A number literal that no type holds: `null` with warning 1504.
    OutOfRange,
    String(String),
    /// `@name`
    Bind(String),
    /// `@@name`: the value of the bind parameter `"@name"`; the `@@` is not in the text.
    SourceBind(String),
    /// A variable, `CURRENT`, `OLD`, `NEW`, or else a collection or view.
    Name(String),
    /// `[a, b]`
    Array(Vec<Expr>),
    /// `{ a: 1, b }`
    Object(Vec<Member>),
    /// `base.name`
    Attribute {
        base: Box<Expr>,
        name: String,
    },
    /// `base.@bind`
    BoundAttribute {
        base: Box<Expr>,
        bind: String,
    },
    /// `base[index]`
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    /// `base[* …]rest`
    Expansion(Box<Expansion>),
    /// The element at hand, at the root of [`Expansion::rest`] and nowhere else.
    Element,
    /// `base[? …]`
    QuestionMark(Box<QuestionMark>),
    Unary {
        operator: UnaryOperator,
        operand: Box<Expr>,
    },
    Binary {
        operator: BinaryOperator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `left ANY == right`
    Quantified(Box<Quantified>),
    /// `condition ? then : otherwise`; `then` is `None` in `condition ?: otherwise`.
    Ternary {
        condition: Box<Expr>,
        then: Option<Box<Expr>>,
        otherwise: Box<Expr>,
    },
    Call(Box<Call>),
    /// At least one operation; the last is a `RETURN` or a modification, and no other is a `RETURN`.
    Subquery(Vec<Operation>),
}

/// `NAMESPACE::NAME(arguments)`
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// In upper case (ASCII letters).
    pub namespace: Vec<String>,
    /// In upper case (ASCII letters).
    pub name: String,
    /// Of the name with its namespace.
    pub name_span: Span,
    /// A subquery that stands here without its own parentheses is an [`ExprKind::Subquery`] too.
    pub arguments: Vec<Expr>,
}

/// One member of an object literal.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub kind: MemberKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MemberKind {
    /// `name: value` or `"name": value`
    Named { name: String, value: Expr },
    /// `{ variable }`: unknown, error 1512
    Shorthand(Name),
    /// `@bind: value`
    Bound { bind: String, value: Expr },
    /// `[name]: value`
    Computed { name: Expr, value: Expr },
}

/// `base[* FILTER filter LIMIT offset, count RETURN projection]rest`
///
/// What follows the bracket applies to each element, so it is kept here as `rest`, with
/// [`ExprKind::Element`] in the place of the element: in `x[*].a[0]` it is `Element.a[0]`. A further
/// expansion is part of it: `x[*].a[*].b` has an expansion with the base `Element.a`. In
/// `(x[*].a)[0]` the chain has ended: that is an [`ExprKind::Index`] of an expansion.
#[derive(Clone, Debug, PartialEq)]
pub struct Expansion {
    pub base: Expr,
    /// How many levels are flattened first: the number of asterisks less one.
    pub flatten: u32,
    pub filter: Option<Expr>,
    pub limit: Option<InlineLimit>,
    pub projection: Option<Expr>,
    pub rest: Option<Expr>,
}

/// Expressions over the outer variables, unlike those of [`Limit`].
#[derive(Clone, Debug, PartialEq)]
pub struct InlineLimit {
    pub offset: Option<Expr>,
    pub count: Expr,
}

/// `base[? quantifier FILTER filter]`; a quantifier never stands without a filter.
#[derive(Clone, Debug, PartialEq)]
pub struct QuestionMark {
    pub base: Expr,
    /// How many levels are flattened first: the number of question marks less one.
    pub flatten: u32,
    /// [`ArrayQuantifier::Any`] when absent.
    pub quantifier: Option<ArrayQuantifier>,
    pub filter: Option<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ArrayQuantifier {
    All,
    Any,
    None,
    /// `AT LEAST (n)`
    AtLeast(Expr),
    /// `n`, or `n..m` as a [`BinaryOperator::Range`]
    Count(Expr),
}

/// `left quantifier operator right`
#[derive(Clone, Debug, PartialEq)]
pub struct Quantified {
    pub quantifier: Quantifier,
    /// One of `== != < <= > >= IN NOT IN`.
    pub operator: BinaryOperator,
    pub left: Expr,
    pub right: Expr,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Quantifier {
    All,
    Any,
    None,
    /// `AT LEAST (n)`
    AtLeast(Expr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOperator {
    Not,
    Plus,
    Minus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    Or,
    And,
    Equal,
    NotEqual,
    Like,
    NotLike,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
    In,
    NotIn,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl BinaryOperator {
    /// As the formatter writes it.
    pub fn text(self) -> &'static str {
        match self {
            BinaryOperator::Or => "OR",
            BinaryOperator::And => "AND",
            BinaryOperator::Equal => "==",
            BinaryOperator::NotEqual => "!=",
            BinaryOperator::Like => "LIKE",
            BinaryOperator::NotLike => "NOT LIKE",
            BinaryOperator::Matches => "=~",
            BinaryOperator::NotMatches => "!~",
            BinaryOperator::In => "IN",
            BinaryOperator::NotIn => "NOT IN",
            BinaryOperator::Less => "<",
            BinaryOperator::LessEqual => "<=",
            BinaryOperator::Greater => ">",
            BinaryOperator::GreaterEqual => ">=",
            BinaryOperator::Range => "..",
            BinaryOperator::Add => "+",
            BinaryOperator::Subtract => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::Modulo => "%",
        }
    }
}

impl Direction {
    pub fn text(self) -> &'static str {
        match self {
            Direction::Outbound => "OUTBOUND",
            Direction::Inbound => "INBOUND",
            Direction::Any => "ANY",
        }
    }
}

impl PathKind {
    pub fn text(self) -> &'static str {
        match self {
            PathKind::Shortest => "SHORTEST_PATH",
            PathKind::AllShortest => "ALL_SHORTEST_PATHS",
            PathKind::KShortest => "K_SHORTEST_PATHS",
            PathKind::KPaths => "K_PATHS",
        }
    }
}

impl Expr {
    pub fn new(kind: ExprKind, span: Span) -> Expr {
        Expr { kind, span }
    }
}
