//! Names that a person may have meant.

/// What to say of the nearest of the names that there are; nothing where none is near.
pub(super) fn hint<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    match crate::nearest::nearest(name, known) {
        Some(near) => format!(" (did you mean '{near}'?)"),
        None => String::new(),
    }
}

/// The options of an operation, for suggestions.
pub(super) fn options_of(operation: &str) -> &'static [&'static str] {
    match operation {
        "FOR" => &[
            "disableIndex",
            "forceIndexHint",
            "indexHint",
            "lookahead",
            "maxProjections",
            "useCache",
        ],
        "COLLECT" => &["disableIndex", "method"],
        "INSERT" | "UPDATE" | "REPLACE" | "REMOVE" | "UPSERT" => &[
            "disableIndex",
            "exclusive",
            "forceIndexHint",
            "ignoreErrors",
            "ignoreRevs",
            "indexHint",
            "keepNull",
            "mergeObjects",
            "overwrite",
            "overwriteMode",
            "readOwnWrites",
            "refillIndexCaches",
            "useCache",
            "versionAttribute",
            "waitForSync",
        ],
        "a traversal" => &[
            "bfs",
            "defaultWeight",
            "edgeCollections",
            "indexHint",
            "maxProjections",
            "order",
            "parallelism",
            "uniqueEdges",
            "uniqueVertices",
            "useCache",
            "vertexCollections",
            "weightAttribute",
        ],
        "a path search" => &["defaultWeight", "indexHint", "useCache", "weightAttribute"],
        "FOR … IN STREAM" => &[
            "format", "from", "key", "maxWait", "onGap", "regions", "until",
        ],
        "INSERT INTO STREAM" => &["envelope", "eventTime", "key", "properties"],
        "QUERY" => &[
            "consistency",
            "durability",
            "intents",
            "maxLagMs",
            "snapshot",
            "timeoutMs",
            "token",
        ],
        _ => &[],
    }
}
