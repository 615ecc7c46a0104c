//! The plan: a line of nodes through which rows flow, in textual order after lowering, in the optimizer's order later.
//!
//! A subquery is an expression that holds a line of its own. It sees the variables of the row that evaluates it, so it
//! runs when, and only when, its value is asked for; a branch of `?:` that is not taken never starts it.

use std::sync::Arc;

use antipode_value::{Str, Value};

use crate::context::Warning;
use crate::expression::{Expression, Variable};
use crate::index::IndexInfo;
use crate::intent::Intent;
use crate::parameters::Parameters;
use crate::source::{CollectionInfo, PayloadFormat, StreamInfo, StreamRead};

pub mod access;
pub mod graph;
mod visit;

pub use access::{Access, GeoAccess, GeoOrigin, IndexAccess, Lookup, RangeEnd};
use graph::{PathSearch, Traverse};

/// A compiled query, ready to run any number of times against the catalog that it was compiled for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The text, for EXPLAIN.
    pub text: String,
    /// The main line.
    pub root: Pipeline,
    /// Names of all variables; hidden ones begin with a digit.
    pub variables: Vec<Str>,
    /// The collections used, and how.
    pub collections: Vec<CollectionUse>,
    /// The rules that changed the plan, in order.
    pub rules: Vec<&'static str>,
    /// What its parameters are; none if it was compiled for its bind values alone.
    pub parameters: Parameters,
    /// Warnings raised while constants were folded.
    pub warnings: Vec<Warning>,
    /// What `QUERY OPTIONS` asks of whoever runs the query: consistency, token, durability.
    pub options: Vec<(Str, Value)>,
}

/// How a query uses a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionUse {
    /// Which.
    pub collection: Arc<CollectionInfo>,
    /// It is written.
    pub written: bool,
}

impl Plan {
    /// The durability that the query asks for its writes, if it asks for one: by `QUERY OPTIONS`, or by `waitForSync`.
    pub fn durability(&self) -> Option<&str> {
        let asked = self
            .options
            .iter()
            .find(|(name, _)| &**name == "durability");
        asked.and_then(|(_, value)| value.as_str())
    }

    /// Whether the query writes documents or messages.
    pub fn is_modification(&self) -> bool {
        self.root.writes()
    }
}

/// A line of nodes, from one incoming row to the values that RETURN gives.
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    /// The nodes, first producer first.
    pub nodes: Vec<Node>,
    /// Slots of the row that the enclosing line fills, 0 for the main line.
    pub outer_slots: u32,
    /// Slots of a row of this line.
    pub slots: u32,
}

/// One step of a line.
#[derive(Clone, Debug)]
pub struct Node {
    /// Number in EXPLAIN; unique in the query.
    pub id: u32,
    /// What it does.
    pub kind: NodeKind,
}

/// What a node does.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// The single row that a line starts with.
    Singleton,
    /// FOR over a collection, by whatever access the optimizer found.
    EnumerateCollection(Enumerate),
    /// FOR over a value.
    EnumerateList {
        /// Gives the array.
        list: Expression,
        /// Each element.
        variable: Variable,
    },
    /// FOR over a stream.
    EnumerateStream {
        /// The stream.
        stream: Arc<StreamInfo>,
        /// What to read.
        read: Box<StreamRead>,
        /// Each message.
        variable: Variable,
    },
    /// FOR over the paths from a vertex.
    Traverse(Box<Traverse>),
    /// FOR over the paths between two vertices.
    PathSearch(Box<PathSearch>),
    /// LET, and what the resolver or optimizer takes out of other nodes.
    Calculation {
        /// The value.
        expression: Expression,
        /// Its name.
        variable: Variable,
    },
    /// FILTER.
    Filter(Expression),
    /// SORT.
    Sort {
        /// The keys, most significant first.
        keys: Vec<SortKey>,
        /// Only so many rows are needed: they are kept in a bounded heap.
        limit: Option<u64>,
    },
    /// LIMIT.
    Limit {
        /// Rows to skip.
        offset: u64,
        /// Rows to let through; none is unlimited.
        count: Option<u64>,
        /// The rows that come in are counted for `fullCount`.
        full_count: bool,
        /// The rows behind the last one are still pulled, since something before writes.
        drain: bool,
    },
    /// COLLECT.
    Collect(Box<Collect>),
    /// WINDOW.
    Window(Box<Window>),
    /// RETURN DISTINCT: lets the first of equal values through.
    Distinct(Expression),
    /// INSERT, UPDATE, REPLACE, REMOVE, UPSERT.
    Modify(Box<Modify>),
    /// INSERT … INTO STREAM.
    Publish(Box<Publish>),
    /// Nothing comes through: a condition is known to be false.
    NoResults,
    /// RETURN: the last node of a line that gives values.
    Return(Expression),
}

/// FOR over a collection.
#[derive(Clone, Debug)]
pub struct Enumerate {
    /// The collection.
    pub collection: Arc<CollectionInfo>,
    /// Each document.
    pub variable: Variable,
    /// How documents are found.
    pub access: Access,
    /// `disableIndex` was given.
    pub disable_index: bool,
    /// The names of the indexes that the query would like to be used, best first.
    pub hints: Vec<String>,
    /// `forceIndexHint` was given: one of `hints` must be used, and nothing else.
    pub forced: bool,
    /// The indexes that may be used.
    pub indexes: Vec<Arc<IndexInfo>>,
    /// Places of the conditions behind that the access answers, until they are removed.
    pub answered: Vec<usize>,
    /// About how many documents the collection had when the plan was made.
    pub documents: u64,
}

/// One key of a SORT.
#[derive(Clone, Debug)]
pub struct SortKey {
    /// What is compared.
    pub expression: Expression,
    /// Smallest first.
    pub ascending: bool,
}

/// COLLECT.
#[derive(Clone, Debug)]
pub struct Collect {
    /// The group keys.
    pub keys: Vec<(Variable, Expression)>,
    /// The aggregates; `WITH COUNT` is one of them.
    pub aggregates: Vec<Aggregate>,
    /// The group variable.
    pub into: Option<(Variable, GroupMember)>,
    /// Groups come out in the order of their keys.
    pub sorted: bool,
    /// `disableIndex` was given: no index is read for the aggregates alone.
    pub disable_index: bool,
}

/// What the group variable holds for each row.
#[derive(Clone, Debug)]
pub enum GroupMember {
    /// The value of an expression.
    Projection(Expression),
    /// An object of variables.
    Variables(Vec<(Str, Expression)>),
}

/// One aggregate of a COLLECT or WINDOW.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// Its name.
    pub variable: Variable,
    /// How values are combined.
    pub kind: AggregateKind,
    /// The value of a row; none counts rows.
    pub argument: Option<Expression>,
}

/// How an aggregate combines values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateKind {
    /// Number of rows.
    Length,
    /// Least value, nulls ignored.
    Min,
    /// Greatest value.
    Max,
    /// Sum of numbers.
    Sum,
    /// Mean of numbers.
    Average,
    /// Population variance.
    VariancePopulation,
    /// Sample variance.
    VarianceSample,
    /// Population standard deviation.
    StddevPopulation,
    /// Sample standard deviation.
    StddevSample,
    /// Distinct values in the order of their arrival.
    Unique,
    /// Distinct values in their order.
    SortedUnique,
    /// Number of distinct values.
    CountDistinct,
    /// Bitwise and.
    BitAnd,
    /// Bitwise or.
    BitOr,
    /// Bitwise exclusive or.
    BitXor,
    /// All values in the order of their arrival.
    Push,
}

impl AggregateKind {
    /// The aggregate with this function name.
    pub fn find(name: &str) -> Option<AggregateKind> {
        Some(match name.to_ascii_uppercase().as_str() {
            "LENGTH" | "COUNT" => AggregateKind::Length,
            "MIN" => AggregateKind::Min,
            "MAX" => AggregateKind::Max,
            "SUM" => AggregateKind::Sum,
            "AVERAGE" | "AVG" => AggregateKind::Average,
            "VARIANCE_POPULATION" | "VARIANCE" => AggregateKind::VariancePopulation,
            "VARIANCE_SAMPLE" => AggregateKind::VarianceSample,
            "STDDEV_POPULATION" | "STDDEV" => AggregateKind::StddevPopulation,
            "STDDEV_SAMPLE" => AggregateKind::StddevSample,
            "UNIQUE" => AggregateKind::Unique,
            "SORTED_UNIQUE" => AggregateKind::SortedUnique,
            "COUNT_DISTINCT" | "COUNT_UNIQUE" => AggregateKind::CountDistinct,
            "BIT_AND" => AggregateKind::BitAnd,
            "BIT_OR" => AggregateKind::BitOr,
            "BIT_XOR" => AggregateKind::BitXor,
            "PUSH" => AggregateKind::Push,
            _ => return None,
        })
    }

    /// The name shown by EXPLAIN.
    pub fn name(self) -> &'static str {
        match self {
            AggregateKind::Length => "LENGTH",
            AggregateKind::Min => "MIN",
            AggregateKind::Max => "MAX",
            AggregateKind::Sum => "SUM",
            AggregateKind::Average => "AVERAGE",
            AggregateKind::VariancePopulation => "VARIANCE_POPULATION",
            AggregateKind::VarianceSample => "VARIANCE_SAMPLE",
            AggregateKind::StddevPopulation => "STDDEV_POPULATION",
            AggregateKind::StddevSample => "STDDEV_SAMPLE",
            AggregateKind::Unique => "UNIQUE",
            AggregateKind::SortedUnique => "SORTED_UNIQUE",
            AggregateKind::CountDistinct => "COUNT_DISTINCT",
            AggregateKind::BitAnd => "BIT_AND",
            AggregateKind::BitOr => "BIT_OR",
            AggregateKind::BitXor => "BIT_XOR",
            AggregateKind::Push => "PUSH",
        }
    }
}

/// WINDOW.
#[derive(Clone, Debug)]
pub struct Window {
    /// The value that orders and frames the rows; none frames by row count.
    pub range: Option<Expression>,
    /// Rows, or distance, before the current row.
    pub preceding: Bound,
    /// Rows, or distance, behind the current row.
    pub following: Bound,
    /// The aggregates over the frame.
    pub aggregates: Vec<Aggregate>,
}

/// One end of a window's frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// To the first or last row.
    Unbounded,
    /// So many rows, or this distance.
    Offset(Value),
}

/// INSERT, UPDATE, REPLACE, REMOVE, UPSERT.
#[derive(Clone, Debug)]
pub struct Modify {
    /// The collection.
    pub collection: Arc<CollectionInfo>,
    /// What is done for each row.
    pub action: Action,
    /// OPTIONS.
    pub options: ModifyOptions,
    /// `OLD`, if something reads it.
    pub old: Option<Variable>,
    /// `NEW`, if something reads it.
    pub new: Option<Variable>,
}

impl Modify {
    /// Whether an UPDATE may take intents, so that it matters which documents the query has changed before.
    pub fn captures(&self) -> bool {
        match &self.action {
            Action::Update { patch, .. } => !patch.intents.is_empty(),
            Action::Upsert(upsert) => {
                !self.options.read_own_writes && !upsert.update.intents.is_empty()
            }
            _ => false,
        }
    }
}

/// What a modification does for each row.
#[derive(Clone, Debug)]
pub enum Action {
    /// INSERT.
    Insert {
        /// The document.
        document: Expression,
    },
    /// UPDATE.
    Update {
        /// The document to change; none takes it from the patch.
        key: Option<Expression>,
        /// What to change.
        patch: Patch,
    },
    /// REPLACE.
    Replace {
        /// The document to change; none takes it from the new document.
        key: Option<Expression>,
        /// The new document.
        document: Expression,
    },
    /// REMOVE.
    Remove {
        /// The document to remove.
        key: Expression,
    },
    /// UPSERT.
    Upsert(Box<Upsert>),
}

/// UPSERT.
#[derive(Clone, Debug)]
pub struct Upsert {
    /// Where the candidate is while the condition runs.
    pub current: Variable,
    /// Gives the key, if the search names `_key`: then nothing is scanned.
    pub key: Option<Expression>,
    /// The index that is looked into, if there is one for the condition.
    pub index: Option<Box<IndexAccess>>,
    /// The indexes that may be used.
    pub indexes: Vec<Arc<IndexInfo>>,
    /// About how many documents the collection had when the plan was made.
    pub documents: u64,
    /// What the document must satisfy.
    pub condition: Expression,
    /// `OLD` for the expressions of the update branch.
    pub old: Variable,
    /// The insert branch.
    pub insert: Patch,
    /// The update branch.
    pub update: Patch,
    /// The update branch is a REPLACE.
    pub replace: bool,
}

/// A document expression, taken apart where it means changes rather than values.
#[derive(Clone, Debug)]
pub struct Patch {
    /// The whole expression, as the user wrote it.
    pub document: Expression,
    /// What is left of it without the captured intents; none if nothing was captured.
    pub rest: Option<Expression>,
    /// The captured intents.
    pub intents: Vec<Intent>,
    /// The variable that holds the document which is changed, as the query read it.
    pub target: Option<Expression>,
    /// `target` is certainly a stored document as it was read, and not an object made of one.
    pub stored: bool,
}

impl Patch {
    /// An expression without intents.
    pub fn plain(document: Expression) -> Patch {
        Patch {
            document,
            rest: None,
            intents: Vec::new(),
            target: None,
            stored: false,
        }
    }
}

/// What INSERT does with a key that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverwriteMode {
    /// Error 1210.
    Conflict,
    /// Keep the existing document.
    Ignore,
    /// Replace it.
    Replace,
    /// Patch it.
    Update,
}

/// OPTIONS of a modification.
#[derive(Clone, Debug, PartialEq)]
pub struct ModifyOptions {
    /// Skip what fails on 1200, 1202, 1210, 1221, 1226, 1227, 1233.
    pub ignore_errors: bool,
    /// Do not compare `_rev`.
    pub ignore_revs: bool,
    /// Keep attributes that the patch sets to null.
    pub keep_null: bool,
    /// Merge nested objects.
    pub merge_objects: bool,
    /// What INSERT does with a key that exists.
    pub overwrite_mode: OverwriteMode,
    /// Write only if this attribute grows.
    pub version_attribute: Option<Str>,
    /// See earlier writes of the same UPSERT.
    pub read_own_writes: bool,
    /// The names of the indexes that an UPSERT would like to look into, best first.
    pub index_hints: Vec<String>,
    /// One of `index_hints` must be used, and nothing else.
    pub force_index_hint: bool,
    /// No index is used.
    pub disable_index: bool,
}

impl Default for ModifyOptions {
    fn default() -> ModifyOptions {
        ModifyOptions {
            ignore_errors: false,
            ignore_revs: true,
            keep_null: true,
            merge_objects: true,
            overwrite_mode: OverwriteMode::Conflict,
            version_attribute: None,
            read_own_writes: true,
            index_hints: Vec::new(),
            force_index_hint: false,
            disable_index: false,
        }
    }
}

/// INSERT … INTO STREAM.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The stream.
    pub stream: Arc<StreamInfo>,
    /// The payload, or the envelope.
    pub payload: Expression,
    /// The payload is an object `{payload, key, properties, eventTime}`.
    pub envelope: bool,
    /// Key, if the options give one.
    pub key: Option<Expression>,
    /// Properties, if the options give some.
    pub properties: Option<Expression>,
    /// Event time, if the options give one.
    pub event_time: Option<Expression>,
    /// How the payload is to be kept.
    pub format: PayloadFormat,
    /// `NEW`, if something reads it.
    pub new: Option<Variable>,
}
