//! Answers conformance cases, one JSON line each, on the plain database of the tests. The engine has a runner of its
//! own; this one tells whether a fault is of the language or of the engine. Its arguments switch optimizer rules off and
//! on, as `-all` and `+rule`: no rule changes an answer.

#[path = "../tests/support/memory.rs"]
mod memory;

use std::io::{BufRead, Write};

use antipode_query::{
    Cancel, CollectionKind, CompileOptions, Environment, Extra, IndexKind, Limits, QueryError,
    Rows, compile, execute, parse,
};
use antipode_value::{Str, Value};
use memory::Database;

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match Value::from_json(&line) {
            Ok(case) => answer(&case),
            Err(error) => Value::object([("unreadable", Value::from(error.to_string()))]),
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn answer(case: &Value) -> Value {
    let id = case.attribute("id");
    let mut database = Database::new();
    if let Some(operations) = case.attribute("setup").as_array() {
        for operation in operations.iter() {
            set_up(&mut database, &operation);
        }
    }
    let text = case.attribute("query").to_text();
    if case.attribute("parse_only").truthy()
        && let Err(error) = parse(&text)
    {
        return failure(id, &error);
    }
    match run(
        &mut database,
        &text,
        &case.attribute("bind"),
        &case.attribute("options"),
    ) {
        Ok((rows, extra)) => {
            let warnings = extra.warnings.iter().map(|warning| warning.code.number());
            let mut stats = vec![
                ("writesExecuted", Value::from(extra.stats.writes_executed)),
                ("writesIgnored", Value::from(extra.stats.writes_ignored)),
            ];
            if let Some(count) = extra.stats.full_count {
                stats.push(("fullCount", Value::from(count)));
            }
            Value::object([
                ("id", id),
                ("result", Value::array(rows)),
                ("warnings", Value::array(warnings)),
                ("stats", Value::object(stats)),
            ])
        }
        Err(error) => failure(id, &error),
    }
}

fn failure(id: Value, error: &QueryError) -> Value {
    let error = Value::object([
        ("code", Value::from(error.code())),
        ("name", Value::from(format!("ERROR_{}", error.name()))),
        ("message", Value::from(error.message())),
    ]);
    Value::object([("id", id), ("error", error)])
}

fn set_up(database: &mut Database, operation: &Value) {
    let text = |name: &str| operation.attribute(name).to_text().to_string();
    let collection = text("collection");
    match text("op").as_str() {
        "create_collection" => {
            let edge = operation.attribute("type").as_str() == Some("edge");
            database.create_collection(
                &text("name"),
                if edge {
                    CollectionKind::Edge
                } else {
                    CollectionKind::Document
                },
            );
        }
        "insert" => {
            if let Some(documents) = operation.attribute("docs").as_array() {
                documents
                    .iter()
                    .for_each(|document| database.put(&collection, &document));
            }
        }
        "remove" => database.remove(&collection, &text("key")),
        "replace" => {
            let document = operation.attribute("doc");
            let document = document
                .as_object()
                .map(|object| object.with("_key", operation.attribute("key")));
            database.put(
                &collection,
                &document.map(Value::Object).unwrap_or_default(),
            );
        }
        "truncate" => database.truncate(&collection),
        "drop_collection" => database.drop_collection(&text("name")),
        "create_index" => create_index(database, operation),
        "create_graph" => {
            let definitions = operation.attribute("edge_definitions");
            let edges = definitions.as_array().map(|edges| {
                edges
                    .iter()
                    .map(|edge| edge.attribute("collection").to_text().to_string())
                    .collect()
            });
            database.create_graph(&text("name"), edges.unwrap_or_default());
        }
        "drop_graph" => database.drop_graph(&text("name")),
        "query" => {
            // An earlier query of the same test; if it fails, the case shows it.
            let _ = run(
                database,
                &text("query"),
                &operation.attribute("bind"),
                &Value::Null,
            );
        }
        _ => {}
    }
}

fn create_index(database: &mut Database, operation: &Value) {
    let kind = match operation.attribute("type").as_str() {
        Some("geo" | "geo1" | "geo2") => IndexKind::Geo {
            geo_json: operation.attribute("geoJson").truthy(),
        },
        Some("fulltext") => IndexKind::Fulltext {
            min_length: operation
                .attribute("minLength")
                .as_int()
                .and_then(|length| u32::try_from(length).ok())
                .unwrap_or(2),
        },
        _ => IndexKind::Persistent,
    };
    let names = |name: &str| -> Vec<Str> {
        let list = operation.attribute(name);
        let list = list.as_array().map(|list| list.to_vec());
        list.iter().flatten().map(Value::to_text).collect()
    };
    let (fields, stored) = (names("fields"), names("storedValues"));
    let fields: Vec<&str> = fields.iter().map(|name| &**name).collect();
    let stored: Vec<&str> = stored.iter().map(|name| &**name).collect();
    database.create_index(
        &operation.attribute("collection").to_text(),
        kind,
        &fields,
        operation.attribute("unique").truthy(),
        operation.attribute("sparse").truthy(),
        &stored,
    );
}

fn run(
    database: &mut Database,
    text: &str,
    binds: &Value,
    options: &Value,
) -> Result<(Vec<Value>, Extra), QueryError> {
    let transaction = database.begin();
    let compiling = CompileOptions {
        rules: std::env::args().skip(1).collect(),
        ..CompileOptions::default()
    };
    let plan = compile(text, binds, &transaction, &compiling)?;
    let environment = Environment {
        now_ms: 1_700_000_000_000,
        ..Environment::default()
    };
    let limits = Limits {
        full_count: options.attribute("fullCount").truthy(),
        fail_on_warning: options.attribute("failOnWarning").truthy(),
        ..Limits::default()
    };
    let mut rows: Rows<'_> = execute(&plan, &transaction, &environment, limits, Cancel::new())?;
    let result = rows.collect_all()?;
    let extra = rows.extra();
    drop(rows);
    database.commit(transaction);
    Ok((result, extra))
}
