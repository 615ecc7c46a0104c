//! What the language promises, sentence by sentence: tables of queries with what each must give, a module per chapter.
//!
//! A line of a table is `QUERY => EXPECTED`. Before the arrow may stand ` <- {bind values}`; ` ;; ` divides queries that
//! run one after the other on the same database, of which the last one counts unless an earlier one fails. Expected is
//!
//! ```text
//! [rows] [warns CODE,…] [writes N] [ignored N]      all rows in order; no warnings unless they are named
//! error CODE [LINE:COLUMN] ["part of the message"]
//! ```
//!
//! Each line runs on a fresh copy of the database of [`database`], in every [`Way`] to compile it. `_rev` is left out of the comparison. Text behind `#`
//! at the beginning of a line is a comment.

#[path = "../support/memory.rs"]
mod memory;

mod collect;
mod errors;
mod expressions;
mod graphs;
mod lexical;
mod modify;
mod operators;
mod options;
mod scopes;
mod statements;
mod values;

use std::fmt::Write as _;
use std::sync::Arc;

use antipode_query::{
    Cancel, CollectionKind, CompileOptions, Environment, Limits, Prepared, QueryError, compile,
    execute_prepared, prepare,
};
use antipode_value::{Object, Value};
use memory::Database;

/// Documents `c` (keys a, b, c with n 1, 2, 3), `d` (empty), `nested`, edges `e`, and a stream `s`.
fn database() -> Database {
    let mut database = Database::new();
    for name in ["c", "d", "users", "nested"] {
        database.create_collection(name, CollectionKind::Document);
    }
    database.create_collection("e", CollectionKind::Edge);
    database.create_stream("s");
    let put = |database: &mut Database, collection, json| {
        database.put(collection, &Value::from_json(json).unwrap());
    };
    put(&mut database, "c", r#"{"_key":"a","n":1}"#);
    put(&mut database, "c", r#"{"_key":"b","n":2}"#);
    put(&mut database, "c", r#"{"_key":"c","n":3}"#);
    put(
        &mut database,
        "nested",
        r#"{"_key":"x","o":{"p":1,"q":{"r":2}},"l":[1,{"m":null}],"z":null}"#,
    );
    put(
        &mut database,
        "e",
        r#"{"_key":"1","_from":"c/a","_to":"c/b","w":1}"#,
    );
    database
}

/// Runs the lines of a table and fails with all that differ.
#[track_caller]
fn check(table: &str) {
    let base = database();
    let mut wrong = String::new();
    let mut lines = 0;
    for line in table.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        lines += 1;
        let (input, expected) = line.rsplit_once(" => ").expect("a line needs an arrow");
        let (input, expected) = (input.trim(), expected.trim());
        for way in [Way::Optimized, Way::AsWritten, Way::Prepared] {
            let given = run_line(&base, input, way);
            if let Err(given) = agrees(&given, expected) {
                let _ = writeln!(
                    wrong,
                    "{input} ({way:?})\n    wanted {expected}\n    given  {given}"
                );
            }
        }
    }
    assert!(lines > 0, "an empty table");
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// How a query is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// With every optimizer rule.
    Optimized,
    /// With none.
    AsWritten,
    /// Into a plan that serves other bind values too.
    Prepared,
}

struct Given {
    rows: Vec<Value>,
    warnings: Vec<u32>,
    writes: u64,
    ignored: u64,
}

fn run_line(base: &Database, input: &str, way: Way) -> Result<Given, QueryError> {
    let (queries, binds) = match input.rsplit_once(" <- ") {
        Some((queries, binds)) => (queries, Value::from_json(binds).expect("bind values")),
        None => (input, Value::Null),
    };
    let mut database = base.clone();
    let mut last = None;
    for query in queries.split(" ;; ") {
        last = Some(run(
            &mut database,
            &query.replace("\\n", "\n"),
            &binds,
            way,
        )?);
    }
    Ok(last.expect("a query"))
}

fn run(database: &mut Database, text: &str, binds: &Value, way: Way) -> Result<Given, QueryError> {
    let transaction = database.begin();
    let mut options = CompileOptions::default();
    if way == Way::AsWritten {
        options.rules.push("-all".to_owned());
    }
    let prepared = match way {
        Way::Prepared => prepare(text, binds, &transaction, &options)?.0,
        _ => Prepared {
            plan: Arc::new(compile(text, binds, &transaction, &options)?),
            parameters: Vec::new(),
        },
    };
    let environment = Environment {
        now_ms: 1_700_000_000_000,
        ..Environment::default()
    };
    let limits = Limits::default();
    let cancel = Cancel::new();
    let mut rows = execute_prepared(&prepared, &transaction, &environment, limits, cancel)?;
    let all = rows.collect_all()?;
    let extra = rows.extra();
    drop(rows);
    database.commit(transaction);
    Ok(Given {
        rows: all.iter().map(without_revisions).collect(),
        warnings: extra
            .warnings
            .iter()
            .map(|warning| warning.code.number())
            .collect(),
        writes: extra.stats.writes_executed,
        ignored: extra.stats.writes_ignored,
    })
}

fn without_revisions(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object.iter().filter(|(name, _)| &**name != "_rev");
            let kept = kept.map(|(name, value)| (name, without_revisions(&value)));
            Value::Object(Object::from_pairs(kept.collect()))
        }
        Value::Array(array) => {
            Value::array(array.iter().map(|element| without_revisions(&element)))
        }
        other => other.clone(),
    }
}

/// Whether the outcome is the expected one; else what it is, in the form of the tables.
fn agrees(given: &Result<Given, QueryError>, expected: &str) -> Result<(), String> {
    match given {
        Err(error) => {
            let place = error
                .position()
                .map(|place| format!(" {}:{}", place.line, place.column))
                .unwrap_or_default();
            let shown = format!("error {}{place} {:?}", error.code(), error.message());
            let mut rest = expected.strip_prefix("error ").ok_or(shown.clone())?;
            let mut hint = "";
            if let Some((before, quoted)) = rest.split_once('"') {
                hint = quoted.trim_end_matches('"');
                rest = before.trim();
            }
            let code = error.code().to_string();
            let fits = rest == code || rest == format!("{code}{place}");
            (fits && error.message().contains(hint))
                .then_some(())
                .ok_or(shown)
        }
        Ok(given) => {
            let mut shown = Value::array(given.rows.iter().cloned()).to_json();
            let warnings: Vec<String> = given.warnings.iter().map(u32::to_string).collect();
            if !warnings.is_empty() {
                let _ = write!(shown, " warns {}", warnings.join(","));
            }
            let (expected, ignored) = number_behind(expected, " ignored ");
            let (expected, writes) = number_behind(expected, " writes ");
            let (rows, warns) = expected.split_once(" warns ").unwrap_or((expected, ""));
            let fits = Value::from_json(rows)
                .is_ok_and(|rows| rows == Value::array(given.rows.iter().cloned()))
                && same_numbers(rows, &Value::array(given.rows.iter().cloned()).to_json())
                && warns == warnings.join(",")
                && writes.is_none_or(|writes| writes == given.writes)
                && ignored.is_none_or(|ignored| ignored == given.ignored);
            if writes.is_some() || ignored.is_some() {
                let _ = write!(shown, " writes {} ignored {}", given.writes, given.ignored);
            }
            fits.then_some(()).ok_or(shown)
        }
    }
}

/// Equality pads arrays and objects with nulls; the number of nulls tells whether it did.
fn same_numbers(expected: &str, given: &str) -> bool {
    expected.matches("null").count() == given.matches("null").count()
}

fn number_behind<'t>(text: &'t str, word: &str) -> (&'t str, Option<u64>) {
    match text.rsplit_once(word) {
        Some((before, number)) => (before, Some(number.trim().parse().expect("a number"))),
        None => (text, None),
    }
}
