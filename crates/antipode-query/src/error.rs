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

/// Declares the table of codes once; number, name and HTTP status derive from it.
macro_rules! codes {
    ($( $variant:ident = $number:literal, $name:literal, $http:literal; )*) => {
        /// Every error and warning number that the query engine can raise.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $( #[doc = $name] $variant = $number, )* }

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
    Failed = 1, "FAILED", 500;
    Internal = 4, "INTERNAL", 500;
    NumericOverflow = 6, "NUMERIC_OVERFLOW", 400;
    NotImplemented = 9, "NOT_IMPLEMENTED", 501;
    BadParameter = 10, "BAD_PARAMETER", 400;
    Forbidden = 11, "FORBIDDEN", 403;
    LockTimeout = 18, "LOCK_TIMEOUT", 409;
    RequestCanceled = 21, "REQUEST_CANCELED", 408;
    ResourceLimit = 32, "RESOURCE_LIMIT", 500;
    ReadOnly = 1004, "READ_ONLY", 403;
    FilesystemFull = 1104, "FILESYSTEM_FULL", 500;
    Conflict = 1200, "CONFLICT", 409;
    DocumentNotFound = 1202, "DOCUMENT_NOT_FOUND", 404;
    DataSourceNotFound = 1203, "DATA_SOURCE_NOT_FOUND", 404;
    DocumentHandleBad = 1205, "DOCUMENT_HANDLE_BAD", 400;
    IllegalName = 1208, "ILLEGAL_NAME", 400;
    UniqueConstraintViolated = 1210, "UNIQUE_CONSTRAINT_VIOLATED", 409;
    CrossCollectionRequest = 1213, "CROSS_COLLECTION_REQUEST", 400;
    DocumentTooLarge = 1216, "DOCUMENT_TOO_LARGE", 400;
    CollectionTypeInvalid = 1218, "COLLECTION_TYPE_INVALID", 400;
    DocumentKeyBad = 1221, "DOCUMENT_KEY_BAD", 400;
    DocumentKeyMissing = 1226, "DOCUMENT_KEY_MISSING", 400;
    DocumentTypeInvalid = 1227, "DOCUMENT_TYPE_INVALID", 400;
    InvalidEdgeAttribute = 1233, "INVALID_EDGE_ATTRIBUTE", 400;
    DocumentRevBad = 1239, "DOCUMENT_REV_BAD", 400;
    TryAgain = 1302, "TRY_AGAIN", 503;
    IoError = 1305, "IO_ERROR", 500;
    QueryKilled = 1500, "QUERY_KILLED", 410;
    QueryParse = 1501, "QUERY_PARSE", 400;
    QueryEmpty = 1502, "QUERY_EMPTY", 400;
    NumberOutOfRange = 1504, "QUERY_NUMBER_OUT_OF_RANGE", 400;
    InvalidGeoValue = 1505, "QUERY_INVALID_GEO_VALUE", 400;
    VariableNameInvalid = 1510, "QUERY_VARIABLE_NAME_INVALID", 400;
    VariableRedeclared = 1511, "QUERY_VARIABLE_REDECLARED", 400;
    VariableNameUnknown = 1512, "QUERY_VARIABLE_NAME_UNKNOWN", 400;
    TooManyCollections = 1522, "QUERY_TOO_MANY_COLLECTIONS", 400;
    TooMuchNesting = 1524, "QUERY_TOO_MUCH_NESTING", 400;
    FunctionNameUnknown = 1540, "QUERY_FUNCTION_NAME_UNKNOWN", 400;
    FunctionArgumentNumber = 1541, "QUERY_FUNCTION_ARGUMENT_NUMBER_MISMATCH", 400;
    FunctionArgumentType = 1542, "QUERY_FUNCTION_ARGUMENT_TYPE_MISMATCH", 400;
    InvalidRegex = 1543, "QUERY_INVALID_REGEX", 400;
    BindParametersInvalid = 1550, "QUERY_BIND_PARAMETERS_INVALID", 400;
    BindParameterMissing = 1551, "QUERY_BIND_PARAMETER_MISSING", 400;
    BindParameterUndeclared = 1552, "QUERY_BIND_PARAMETER_UNDECLARED", 400;
    BindParameterType = 1553, "QUERY_BIND_PARAMETER_TYPE", 400;
    InvalidArithmeticValue = 1561, "QUERY_INVALID_ARITHMETIC_VALUE", 400;
    DivisionByZero = 1562, "QUERY_DIVISION_BY_ZERO", 400;
    ArrayExpected = 1563, "QUERY_ARRAY_EXPECTED", 400;
    FailCalled = 1569, "QUERY_FAIL_CALLED", 400;
    GeoIndexMissing = 1570, "QUERY_GEO_INDEX_MISSING", 400;
    FulltextIndexMissing = 1571, "QUERY_FULLTEXT_INDEX_MISSING", 400;
    InvalidDateValue = 1572, "QUERY_INVALID_DATE_VALUE", 400;
    MultiModify = 1573, "QUERY_MULTI_MODIFY", 400;
    InvalidAggregateExpression = 1574, "QUERY_INVALID_AGGREGATE_EXPRESSION", 400;
    CompileTimeOptions = 1575, "QUERY_COMPILE_TIME_OPTIONS", 400;
    CollectionUsedInExpression = 1577, "QUERY_COLLECTION_USED_IN_EXPRESSION", 400;
    DisallowedDynamicCall = 1578, "QUERY_DISALLOWED_DYNAMIC_CALL", 400;
    AccessAfterModification = 1579, "QUERY_ACCESS_AFTER_MODIFICATION", 400;
    FunctionNotFound = 1582, "QUERY_FUNCTION_NOT_FOUND", 404;
    UserAssert = 1593, "QUERY_USER_ASSERT", 400;
    UserWarn = 1594, "QUERY_USER_WARN", 400;
    WindowAfterModification = 1595, "QUERY_WINDOW_AFTER_MODIFICATION", 400;
    ValidationFailed = 1620, "VALIDATION_FAILED", 400;
    GraphNotFound = 1924, "GRAPH_NOT_FOUND", 404;
    GraphVertexCollectionMissing = 1926, "GRAPH_VERTEX_COL_DOES_NOT_EXIST", 404;
    GraphEdgeCollectionMissing = 1939, "GRAPH_EDGE_COL_DOES_NOT_EXIST", 404;
    GraphEmpty = 1940, "GRAPH_EMPTY", 400;
    NegativeEdgeWeight = 1948, "GRAPH_NEGATIVE_EDGE_WEIGHT", 400;
    StreamNotFound = 5200, "STREAM_NOT_FOUND", 404;
    StreamOffsetOutOfRange = 5201, "STREAM_OFFSET_OUT_OF_RANGE", 410;
    StreamUnbounded = 5202, "STREAM_UNBOUNDED", 400;
    StreamPayloadInvalid = 5203, "STREAM_PAYLOAD_INVALID", 400;
    StreamBackpressure = 5204, "STREAM_BACKPRESSURE", 503;
    KvStoreNotFound = 5210, "KV_STORE_NOT_FOUND", 404;
    KvExpirationInvalid = 5211, "KV_EXPIRATION_INVALID", 400;
    IntentTypeMismatch = 5220, "CRDT_INTENT_TYPE_MISMATCH", 409;
    IntentMisplaced = 5221, "CRDT_INTENT_MISPLACED", 400;
    ConsistencyUnavailable = 5230, "CONSISTENCY_UNAVAILABLE", 503;
    ConsistencyInvalid = 5231, "CONSISTENCY_INVALID", 400;
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
