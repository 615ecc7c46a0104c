//! Every function, from outside: the examples of its documentation, its corners, and what it does with arguments of every
//! type.

#[path = "support/memory.rs"]
mod memory;

mod functions {
    mod examples;
    mod reference;
    mod results;
    mod wrong_types;

    use antipode_query::{
        Cancel, CollectionKind, CompileOptions, Environment, IndexKind, Limits, QueryError,
        compile, execute,
    };
    use antipode_value::Value;

    use crate::memory::Database;

    /// What the examples are about.
    fn database() -> Database {
        let mut database = Database::new();
        for (name, kind, documents) in [
            (
                "users",
                CollectionKind::Document,
                r#"[{"_key":"ada","name":"Ada"},{"_key":"ben","name":"Ben"}]"#,
            ),
            (
                "places",
                CollectionKind::Document,
                r#"[{"_key":"berlin","at":[13.4,52.5]},{"_key":"paris","at":[2.35,48.86]}]"#,
            ),
            (
                "settings",
                CollectionKind::KeyValue,
                r#"[{"_key":"colour","value":"red"}]"#,
            ),
        ] {
            database.create_collection(name, kind);
            let documents = Value::from_json(documents).unwrap_or_default();
            for document in documents.as_array().into_iter().flatten() {
                database.put(name, &document);
            }
        }
        let words = IndexKind::Fulltext { min_length: 3 };
        database.create_index("users", words, &["name"], false, false, &[]);
        let geo = IndexKind::Geo { geo_json: true };
        database.create_index("places", geo, &["at"], false, false, &[]);
        database
    }

    /// What an expression gives: its value with the numbers of its warnings, or the number of the error.
    fn run(expression: &str) -> Result<(Value, Vec<u32>), u32> {
        run_within(expression, Limits::default())
    }

    fn run_within(expression: &str, limits: Limits) -> Result<(Value, Vec<u32>), u32> {
        let number = |error: QueryError| error.code();
        let text = format!("RETURN {expression}");
        let transaction = database().begin();
        let plan = compile(
            &text,
            &Value::Null,
            &transaction,
            &CompileOptions::default(),
        )
        .map_err(number)?;
        let environment = Environment {
            now_ms: 1_700_000_000_000,
            seed: 7,
            ..Environment::default()
        };
        let mut rows =
            execute(&plan, &transaction, &environment, limits, Cancel::new()).map_err(number)?;
        let values = rows.collect_all().map_err(number)?;
        let warnings = rows.extra().warnings;
        let warnings = warnings.iter().map(|warning| warning.code.number());
        let warnings = warnings.collect();
        Ok((values.into_iter().next().unwrap_or_default(), warnings))
    }

    /// An expression gives this JSON, and no warning.
    #[track_caller]
    fn check(expression: &str, expected: &str) {
        check_warns(expression, expected, &[]);
    }

    /// An expression gives this JSON with these warnings.
    #[track_caller]
    fn check_warns(expression: &str, expected: &str, warnings: &[u32]) {
        let (value, found) = match run(expression) {
            Ok(outcome) => outcome,
            Err(code) => panic!("{expression} failed with {code}"),
        };
        assert_eq!(value.to_json(), expected, "{expression}");
        assert_eq!(found, warnings, "warnings of {expression}");
    }

    /// An expression ends the query with this error.
    #[track_caller]
    fn check_error(expression: &str, code: u32) {
        assert_eq!(
            run(expression).map(|(value, _)| value.to_json()),
            Err(code),
            "{expression}"
        );
    }
}
