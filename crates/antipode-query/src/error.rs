//! What can go wrong in a query, by number.
//!
//! The numbers are those of AQL and C8QL, so that clients written for either keep working; 5200 to 5249 are our own.
//! The number is the contract, the text is for people. A compile-time error knows its place in the query text and
//! carries that line, so that every surface can show it with a caret.
//!
//! Three families are kept apart by [`Retry`]: bad input is never retried, a conflict may be retried at once, trouble
//! outside may be retried later.

use std::fmt;

use crate::source::SourceError;

/// Declares the table of codes once; number, name and HTTP status derive from it, and from the documentation the page of
/// error codes.
macro_rules! codes {
    ($( #[doc = $meaning:literal] $variant:ident = $number:literal, $name:literal, $http:literal; )*) => {
        /// The error and warning numbers of queries. Some are kept for what this version does not have.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $( #[doc = $meaning] $variant = $number, )* }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: &'static [Code] = &[ $( Code::$variant, )* ];

            /// The stable number.
            pub fn number(self) -> u32 {
                self as u32
            }

            /// The name, without the customary prefix `ERROR_`.
            pub fn name(self) -> &'static str {
                match self { $( Code::$variant => $name, )* }
            }

            /// The HTTP status of a reply whose outcome is this code; other surfaces map from it.
            pub fn http(self) -> u16 {
                match self { $( Code::$variant => $http, )* }
            }

            /// The code with this number, if the query engine knows it.
            pub fn from_number(number: u32) -> Option<Code> {
                match number { $( $number => Some(Code::$variant), )* _ => None }
            }
        }
    };
}

codes! {
    /// What no other number says.
    Failed = 1, "FAILED", 500;
    /// A broken promise inside the engine: always a defect.
    Internal = 4, "INTERNAL", 500;
    /// A counter outside of expressions overflows. No query raises it: in expressions, an integer that overflows becomes a floating-point number.
    NumericOverflow = 6, "NUMERIC_OVERFLOW", 400;
    /// A construct of the language that this version knows and cannot run.
    NotImplemented = 9, "NOT_IMPLEMENTED", 501;
    /// An option or argument of an illegal value. As a warning: an unknown option, a start of a walk that names no document.
    BadParameter = 10, "BAD_PARAMETER", 400;
    /// The caller may not use a collection, view or stream that the query names.
    Forbidden = 11, "FORBIDDEN", 403;
    /// A lock was not to be had in time. No query raises it: a conflict is told at once (1200).
    LockTimeout = 18, "LOCK_TIMEOUT", 409;
    /// The caller went away or took the request back.
    RequestCanceled = 21, "REQUEST_CANCELED", 408;
    /// The query needs more memory than it may have, or writes out a range of more than 10,000,000 elements.
    ResourceLimit = 32, "RESOURCE_LIMIT", 500;
    /// The node takes no writes.
    ReadOnly = 1004, "READ_ONLY", 403;
    /// The disk, the quota or the file-size limit is used up.
    FilesystemFull = 1104, "FILESYSTEM_FULL", 500;
    /// Another transaction changed the document first, or its `_rev` is not the expected one.
    Conflict = 1200, "CONFLICT", 409;
    /// As a warning: an edge points to a vertex that does not exist.
    DocumentNotFound = 1202, "DOCUMENT_NOT_FOUND", 404;
    /// A name that is neither a variable nor a collection, view or other source.
    DataSourceNotFound = 1203, "DATA_SOURCE_NOT_FOUND", 404;
    /// A malformed `_id` where one is needed. No query raises it: no statement takes an `_id` for a document (1221), and a walk that starts at none warns (10).
    DocumentHandleBad = 1205, "DOCUMENT_HANDLE_BAD", 400;
    /// A name that is neither a variable nor can be one of a collection.
    IllegalName = 1208, "ILLEGAL_NAME", 400;
    /// Two documents would have the same value in a unique index.
    UniqueConstraintViolated = 1210, "UNIQUE_CONSTRAINT_VIOLATED", 409;
    /// An `_id` of another collection. No query raises it: statements go by `_key`, and DOCUMENT() gives null.
    CrossCollectionRequest = 1213, "CROSS_COLLECTION_REQUEST", 400;
    /// A document would grow beyond what a document may be.
    DocumentTooLarge = 1216, "DOCUMENT_TOO_LARGE", 400;
    /// A collection that is no edge collection in a walk, or one walked in two directions at once.
    CollectionTypeInvalid = 1218, "COLLECTION_TYPE_INVALID", 400;
    /// An illegal `_key`.
    DocumentKeyBad = 1221, "DOCUMENT_KEY_BAD", 400;
    /// The document to change or remove has no `_key`.
    DocumentKeyMissing = 1226, "DOCUMENT_KEY_MISSING", 400;
    /// The key of what is to be changed or removed is neither text nor object.
    DocumentTypeInvalid = 1227, "DOCUMENT_TYPE_INVALID", 400;
    /// `_from` or `_to` of an edge is missing or no id.
    InvalidEdgeAttribute = 1233, "INVALID_EDGE_ATTRIBUTE", 400;
    /// A `_rev` to compare, with `ignoreRevs: false`, that is no text.
    DocumentRevBad = 1239, "DOCUMENT_REV_BAD", 400;
    /// The node cannot do it now and will soon.
    TryAgain = 1302, "TRY_AGAIN", 503;
    /// The operating system reported an error.
    IoError = 1305, "IO_ERROR", 500;
    /// The query was killed, or took longer than it may.
    QueryKilled = 1500, "QUERY_KILLED", 410;
    /// The text breaks the grammar, or one of the rules that come with it.
    QueryParse = 1501, "QUERY_PARSE", 400;
    /// The text is empty.
    QueryEmpty = 1502, "QUERY_EMPTY", 400;
    /// A LIMIT or depth that is negative or no number. As a warning: a literal or result that no number can hold, which is null.
    NumberOutOfRange = 1504, "QUERY_NUMBER_OUT_OF_RANGE", 400;
    /// A latitude, longitude or shape that is none; a warning, the result is null.
    InvalidGeoValue = 1505, "QUERY_INVALID_GEO_VALUE", 400;
    /// An illegal name of a variable.
    VariableNameInvalid = 1510, "QUERY_VARIABLE_NAME_INVALID", 400;
    /// A variable is declared twice.
    VariableRedeclared = 1511, "QUERY_VARIABLE_REDECLARED", 400;
    /// An unknown variable in `{x}`, or one of the same COLLECT or WINDOW in its expressions.
    VariableNameUnknown = 1512, "QUERY_VARIABLE_NAME_UNKNOWN", 400;
    /// More than 256 collections in one query.
    TooManyCollections = 1522, "QUERY_TOO_MANY_COLLECTIONS", 400;
    /// Expressions, data, steps or variables beyond what a plan may hold.
    TooMuchNesting = 1524, "QUERY_TOO_MUCH_NESTING", 400;
    /// An unknown function.
    FunctionNameUnknown = 1540, "QUERY_FUNCTION_NAME_UNKNOWN", 400;
    /// A call with too few or too many arguments.
    FunctionArgumentNumber = 1541, "QUERY_FUNCTION_ARGUMENT_NUMBER_MISMATCH", 400;
    /// An argument of the wrong type; mostly a warning, the result is null.
    FunctionArgumentType = 1542, "QUERY_FUNCTION_ARGUMENT_TYPE_MISMATCH", 400;
    /// A regular expression that cannot be compiled; a warning, the result is null.
    InvalidRegex = 1543, "QUERY_INVALID_REGEX", 400;
    /// The bind values are no object.
    BindParametersInvalid = 1550, "QUERY_BIND_PARAMETERS_INVALID", 400;
    /// A bind parameter without a value.
    BindParameterMissing = 1551, "QUERY_BIND_PARAMETER_MISSING", 400;
    /// A bind value that the query does not use.
    BindParameterUndeclared = 1552, "QUERY_BIND_PARAMETER_UNDECLARED", 400;
    /// A bind value of the wrong type for its place.
    BindParameterType = 1553, "QUERY_BIND_PARAMETER_TYPE", 400;
    /// A statistic over values that are no numbers; a warning, the result is null.
    InvalidArithmeticValue = 1561, "QUERY_INVALID_ARITHMETIC_VALUE", 400;
    /// Division by zero; a warning, the result is null.
    DivisionByZero = 1562, "QUERY_DIVISION_BY_ZERO", 400;
    /// FOR over what is no array. As a warning: a function of arrays met something else and gives null.
    ArrayExpected = 1563, "QUERY_ARRAY_EXPECTED", 400;
    /// FAIL() was called.
    FailCalled = 1569, "QUERY_FAIL_CALLED", 400;
    /// NEAR() or WITHIN() without a geo index.
    GeoIndexMissing = 1570, "QUERY_GEO_INDEX_MISSING", 400;
    /// FULLTEXT() without a fulltext index.
    FulltextIndexMissing = 1571, "QUERY_FULLTEXT_INDEX_MISSING", 400;
    /// A date, unit or duration that is none; a warning, the result is null.
    InvalidDateValue = 1572, "QUERY_INVALID_DATE_VALUE", 400;
    /// More than one modification in a query. Never raised: several are allowed, and 1579 tells what is not.
    MultiModify = 1573, "QUERY_MULTI_MODIFY", 400;
    /// The right side of AGGREGATE is no call of an aggregate function.
    InvalidAggregateExpression = 1574, "QUERY_INVALID_AGGREGATE_EXPRESSION", 400;
    /// OPTIONS that are not known when the query is compiled.
    CompileTimeOptions = 1575, "QUERY_COMPILE_TIME_OPTIONS", 400;
    /// The name of a collection as an operand.
    CollectionUsedInExpression = 1577, "QUERY_COLLECTION_USED_IN_EXPRESSION", 400;
    /// CALL() or APPLY() of a function that cannot be called so.
    DisallowedDynamicCall = 1578, "QUERY_DISALLOWED_DYNAMIC_CALL", 400;
    /// A collection is read or changed again after the query has changed it.
    AccessAfterModification = 1579, "QUERY_ACCESS_AFTER_MODIFICATION", 400;
    /// CALL() or APPLY() of an unknown function.
    FunctionNotFound = 1582, "QUERY_FUNCTION_NOT_FOUND", 404;
    /// ASSERT() of what is false.
    UserAssert = 1593, "QUERY_USER_ASSERT", 400;
    /// WARN() of what is false; a warning.
    UserWarn = 1594, "QUERY_USER_WARN", 400;
    /// WINDOW after a modification.
    WindowAfterModification = 1595, "QUERY_WINDOW_AFTER_MODIFICATION", 400;
    /// A document against the schema of its collection. Never raised: collections have no schema.
    ValidationFailed = 1620, "VALIDATION_FAILED", 400;
    /// The named graph does not exist.
    GraphNotFound = 1924, "GRAPH_NOT_FOUND", 404;
    /// A vertex collection of the options is not part of the graph.
    GraphVertexCollectionMissing = 1926, "GRAPH_VERTEX_COL_DOES_NOT_EXIST", 404;
    /// An edge collection of the options is not among those walked.
    GraphEdgeCollectionMissing = 1939, "GRAPH_EDGE_COL_DOES_NOT_EXIST", 404;
    /// The named graph has no edge collection.
    GraphEmpty = 1940, "GRAPH_EMPTY", 400;
    /// A negative weight of an edge.
    NegativeEdgeWeight = 1948, "GRAPH_NEGATIVE_EDGE_WEIGHT", 400;
    /// The stream does not exist.
    StreamNotFound = 5200, "STREAM_NOT_FOUND", 404;
    /// A position in a stream from before what is kept. Not raised yet: streams keep everything.
    StreamOffsetOutOfRange = 5201, "STREAM_OFFSET_OUT_OF_RANGE", 410;
    /// Reading a stream without an end.
    StreamUnbounded = 5202, "STREAM_UNBOUNDED", 400;
    /// A payload that is not of the format asked for. Not raised yet: every payload is stored as a value.
    StreamPayloadInvalid = 5203, "STREAM_PAYLOAD_INVALID", 400;
    /// More messages than a stream takes in. Not raised yet: streams have no such limit.
    StreamBackpressure = 5204, "STREAM_BACKPRESSURE", 503;
    /// The collection is no key-value store.
    KvStoreNotFound = 5210, "KV_STORE_NOT_FOUND", 404;
    /// An expiry that is no number of at least 0. Not raised yet: no statement sets one.
    KvExpirationInvalid = 5211, "KV_EXPIRATION_INVALID", 400;
    /// An intent that does not fit what an attribute is. Not raised: what a statement means is read from how it is written, and falls back to an assignment.
    IntentTypeMismatch = 5220, "CRDT_INTENT_TYPE_MISMATCH", 409;
    /// An intent in the wrong place. Not raised: what a statement means is read from how it is written.
    IntentMisplaced = 5221, "CRDT_INTENT_MISPLACED", 400;
    /// The level of consistency that was asked for is not to be had now.
    ConsistencyUnavailable = 5230, "CONSISTENCY_UNAVAILABLE", 503;
    /// A level of consistency that the collection does not have. Not raised yet: no collection lacks a level that there is.
    ConsistencyInvalid = 5231, "CONSISTENCY_INVALID", 400;
    /// A forced index hint names no index that can be used.
    ForcedIndexHintUnusable = 5240, "QUERY_FORCED_INDEX_HINT_UNUSABLE", 400;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number(), self.name())
    }
}

/// Whether the same request may succeed when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same request fails again.
    Never,
    /// The request lost a race; it may be run again at once.
    Now,
    /// Something outside is in trouble; try later.
    Later,
}

/// A place in the query text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The text of that line, shortened if it is very long.
    pub text: String,
}

/// An error that ended a query. Nothing of the query's writes is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", at(position))]
pub struct QueryError {
    number: u32,
    name: &'static str,
    retry: Retry,
    message: String,
    position: Option<Box<Position>>,
}

fn at(position: &Option<Box<Position>>) -> String {
    match position {
        Some(place) => format!(" at position {}:{}", place.line, place.column),
        None => String::new(),
    }
}

/// What the crate's fallible functions return.
pub type Result<T, E = QueryError> = std::result::Result<T, E>;

impl QueryError {
    /// An error of the engine itself.
    pub fn new(code: Code, message: impl Into<String>) -> QueryError {
        QueryError {
            number: code.number(),
            name: code.name(),
            retry: Retry::Never,
            message: message.into(),
            position: None,
        }
    }

    /// The same error, known to have its cause at this place of the query text.
    pub fn at(mut self, position: Position) -> QueryError {
        self.position.get_or_insert_with(|| Box::new(position));
        self
    }

    /// The stable number.
    pub fn code(&self) -> u32 {
        self.number
    }

    /// The name that belongs to the number.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a retry can help.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// The text for people, without the position.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where in the query text the cause is, if that is known.
    pub fn position(&self) -> Option<&Position> {
        self.position.as_deref()
    }

    /// Several lines: the message, the line of the query, and a caret under the cause.
    pub fn diagnostic(&self) -> String {
        let head = format!("error {} ({}): {}", self.number, self.name, self.message);
        match &self.position {
            None => head,
            Some(place) => {
                let margin = " ".repeat(place.line.to_string().len());
                let indent = " ".repeat(place.column.saturating_sub(1) as usize);
                format!(
                    "{head}\n{margin} |\n{} | {}\n{margin} | {indent}^",
                    place.line, place.text
                )
            }
        }
    }
}

impl From<SourceError> for QueryError {
    fn from(error: SourceError) -> QueryError {
        let (number, name) = match Code::from_number(error.code()) {
            Some(code) => (code.number(), code.name()),
            None => (error.code(), "STORAGE"),
        };
        QueryError {
            number,
            name,
            retry: error.retry(),
            message: error.to_string(),
            position: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_sorted() {
        assert!(
            Code::ALL
                .windows(2)
                .all(|pair| pair[0].number() < pair[1].number())
        );
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(*code));
        }
    }

    #[test]
    fn a_diagnostic_points_at_the_cause() {
        let error = QueryError::new(
            Code::DataSourceNotFound,
            "collection or view not found: usrs",
        )
        .at(Position {
            line: 2,
            column: 10,
            text: "FOR u IN usrs".into(),
        });
        assert_eq!(
            error.diagnostic(),
            "error 1203 (DATA_SOURCE_NOT_FOUND): collection or view not found: usrs\n  |\n2 | FOR u IN usrs\n  |          ^"
        );
    }
}
