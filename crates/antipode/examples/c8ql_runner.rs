//! Answers C8QL conformance cases: one JSON line in for each case, one out, each case on a fresh database in memory.
//!
//! A case is `{"id", "setup": [operations], "query", "bind", "options"?, "parse_only"?}`; the answer is
//! `{"id", "result", "warnings", "stats"}` or `{"id", "error": {"code", "name", "message"}}`. Indexes are made as
//! the case says, and change no result. The arguments switch rules of the optimizer off and on, as `-all` and `+rule`,
//! which changes no result either.

use std::io::{BufRead, Write};

use antipode::{
    Answer, CollectionKind, Database, Deletes, Durability, EdgeDefinition, Error, InsertMode,
    Options, QueryOptions, RequestOptions, Session, Value, WriteOptions,
};

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match Value::from_json(&line) {
            Ok(case) => answer(&case),
            Err(error) => Value::object([("unreadable", Value::from(error.to_string()))]),
        };
        writeln!(output, "{}", answer.to_json())?;
        output.flush()?;
    }
    Ok(())
}

fn answer(case: &Value) -> Value {
    let id = case.attribute("id");
    match run(case) {
        Ok(answer) => {
            let stats = &answer.extra.stats;
            let count = |count: u64| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
            let mut shown = vec![
                ("writesExecuted", count(stats.writes_executed)),
                ("writesIgnored", count(stats.writes_ignored)),
            ];
            shown.extend(stats.full_count.map(|full| ("fullCount", count(full))));
            let warnings = answer
                .extra
                .warnings
                .iter()
                .map(|warning| i64::from(warning.code.number()));
            Value::object([
                ("id", id),
                ("result", Value::array(answer.rows)),
                ("warnings", Value::array(warnings)),
                ("stats", Value::object(shown)),
            ])
        }
        Err(error) => {
            let error = Value::object([
                ("code", Value::from(i64::from(error.code()))),
                ("name", Value::from(format!("ERROR_{}", error.name()))),
                ("message", Value::from(error.to_string())),
            ]);
            Value::object([("id", id), ("error", error)])
        }
    }
}

fn run(case: &Value) -> Result<Answer, Error> {
    let database = Database::in_memory(Options {
        durability: Durability::Memory,
        ..Options::default()
    })?;
    let session = database.session(RequestOptions::default());
    if let Some(operations) = case.attribute("setup").as_array() {
        for operation in operations.iter() {
            set_up(&session, &operation)?;
        }
    }
    query(&session, case)
}

fn query(session: &Session, case: &Value) -> Result<Answer, Error> {
    let options = case.attribute("options");
    let options = QueryOptions {
        full_count: options.attribute("fullCount").truthy(),
        fail_on_warning: options.attribute("failOnWarning").truthy(),
        rules: std::env::args().skip(1).collect(),
        ..QueryOptions::default()
    };
    session.run_with(
        &case.attribute("query").to_text(),
        &case.attribute("bind"),
        &options,
    )
}

fn set_up(session: &Session, operation: &Value) -> Result<(), Error> {
    let text = |name: &str| operation.attribute(name).to_text().to_string();
    let collection = text("collection");
    match text("op").as_str() {
        "create_collection" => {
            let kind = match text("type").as_str() {
                "edge" => CollectionKind::Edge,
                _ => CollectionKind::Document,
            };
            session.create_collection(&text("name"), kind, Deletes::Win)?;
        }
        "drop_collection" => {
            session.drop_collection(&text("name"))?;
        }
        "insert" => {
            let binds = Value::object([("docs", operation.attribute("docs"))]);
            session.run(
                &format!("FOR d IN @docs INSERT d INTO `{collection}`"),
                &binds,
            )?;
        }
        "replace" => {
            session.insert(&collection, &with_key(operation), InsertMode::Replace)?;
        }
        "remove" => {
            session.remove(&collection, &text("key"), &WriteOptions::default())?;
        }
        "truncate" => {
            session.run(
                &format!("FOR d IN `{collection}` REMOVE d IN `{collection}`"),
                &Value::Null,
            )?;
        }
        "create_index" => {
            let given = operation.as_object();
            let options = given.map(|given| given.without("op").without("collection"));
            session.create_index(&collection, &Value::Object(options.unwrap_or_default()))?;
        }
        "create_graph" => {
            let list = |value: &Value, name: &str| -> Vec<Value> {
                let list = value.attribute(name);
                list.as_array()
                    .map(|list| list.to_vec())
                    .unwrap_or_default()
            };
            let names = |value: &Value, name: &str| -> Vec<String> {
                let names = list(value, name);
                names
                    .iter()
                    .map(|name| name.to_text().to_string())
                    .collect()
            };
            let definitions = list(operation, "edge_definitions");
            let definitions = definitions.iter().map(|definition| EdgeDefinition {
                collection: definition.attribute("collection").to_text().to_string(),
                from: names(definition, "from"),
                to: names(definition, "to"),
            });
            let orphans = names(operation, "orphans");
            session.create_graph(&text("name"), definitions.collect(), orphans)?;
        }
        "drop_graph" => {
            session.drop_graph(&text("name"), false)?;
        }
        "query" => {
            // An earlier query of the same test; if it fails, the case itself shows it.
            let _ = query(session, operation);
        }
        _ => {}
    }
    Ok(())
}

fn with_key(operation: &Value) -> Value {
    let document = operation.attribute("doc");
    match document.as_object() {
        Some(object) => Value::Object(object.with("_key", operation.attribute("key"))),
        None => document,
    }
}
