//! Golden scripts: every `tests/scripts/*.txt` is run on a fresh database of plain maps and must give what it says.
//! `UPDATE=1` writes what it gives.
//!
//! A script is blocks, separated by blank lines: input, a line `---`, output. Input is one of
//!
//! ```text
//! collection NAME | edges NAME | stream NAME      makes one
//! index KIND COLLECTION FIELDS [unique] [sparse]  makes an index: persistent, geo, geojson, fulltext; fields by commas
//! put COLLECTION JSON                             stores a document
//! [bind JSON] [options JSON] QUERY                runs a query and shows rows, warnings and writes
//! explain QUERY                                   shows the plan, first as written, then after each rule that changed it
//! ```
//!
//! Lines of input that begin with `#` are comments.

#[path = "support/memory.rs"]
mod memory;

use std::fmt::Write as _;
use std::path::Path;

use antipode_query::{
    Cancel, CollectionKind, CompileOptions, Environment, IndexKind, Limits, QueryError, compile,
    execute, rule_names,
};
use antipode_value::Value;
use memory::Database;

#[test]
fn scripts_give_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    let mut failed = Vec::new();
    for path in paths {
        let script = std::fs::read_to_string(&path).unwrap();
        let given = run_script(&script);
        if given == script {
            continue;
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &given).unwrap();
        } else {
            let line = given
                .lines()
                .zip(script.lines())
                .position(|(given, wanted)| given != wanted);
            let line = line.unwrap_or(given.lines().count().min(script.lines().count()));
            failed.push(format!(
                "{}:{}\n  wanted: {}\n  given:  {}",
                path.display(),
                line + 1,
                script.lines().nth(line).unwrap_or("end of file"),
                given.lines().nth(line).unwrap_or("end of file"),
            ));
        }
    }
    assert!(
        failed.is_empty(),
        "\n{}\n(UPDATE=1 rewrites the scripts)",
        failed.join("\n")
    );
}

fn run_script(script: &str) -> String {
    let mut database = Database::new();
    let mut out = String::new();
    for block in script.split("\n\n") {
        let block = block.trim_matches('\n');
        if block.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        let input = block.split("\n---").next().unwrap_or(block);
        let commands: Vec<&str> = input
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        let _ = writeln!(out, "{input}");
        if commands.is_empty() {
            continue;
        }
        let output = run_block(&mut database, &commands);
        let _ = writeln!(out, "---");
        out.push_str(&output);
    }
    out
}

fn run_block(database: &mut Database, commands: &[&str]) -> String {
    let mut binds = Value::Null;
    let mut options = Value::Null;
    let mut explain = false;
    let mut text: Vec<&str> = Vec::new();
    for command in commands {
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        match word {
            "collection" => database.create_collection(rest, CollectionKind::Document),
            "edges" => database.create_collection(rest, CollectionKind::Edge),
            "stream" => database.create_stream(rest),
            "index" => create_index(database, rest),
            "put" => {
                let (collection, json) = rest.split_once(' ').unwrap();
                database.put(collection, &Value::from_json(json).unwrap());
            }
            "bind" => binds = Value::from_json(rest).unwrap(),
            "options" => options = Value::from_json(rest).unwrap(),
            "explain" => {
                explain = true;
                text.push(rest);
            }
            _ => text.push(command),
        }
    }
    if text.is_empty() {
        return "ok\n".into();
    }
    let text = text.join("\n");
    let output = if explain {
        plans(database, &text, &binds)
    } else {
        rows(database, &text, &binds, &options)
    };
    output.unwrap_or_else(|error| format!("{}\n", error.diagnostic()))
}

fn create_index(database: &mut Database, words: &str) {
    let words: Vec<&str> = words.split(' ').collect();
    let kind = match words[0] {
        "geo" => IndexKind::Geo { geo_json: false },
        "geojson" => IndexKind::Geo { geo_json: true },
        "fulltext" => IndexKind::Fulltext { min_length: 3 },
        _ => IndexKind::Persistent,
    };
    let fields: Vec<&str> = words[2].split(',').collect();
    let has = |option: &str| words[3..].contains(&option);
    database.create_index(words[1], kind, &fields, has("unique"), has("sparse"), &[]);
}

fn rows(
    database: &mut Database,
    text: &str,
    binds: &Value,
    options: &Value,
) -> Result<String, QueryError> {
    let transaction = database.begin();
    let plan = compile(text, binds, &transaction, &CompileOptions::default())?;
    let environment = Environment {
        now_ms: 1_700_000_000_000,
        ..Environment::default()
    };
    let limits = Limits {
        full_count: options.attribute("fullCount").truthy(),
        fail_on_warning: options.attribute("failOnWarning").truthy(),
        memory_bytes: options
            .attribute("memoryLimit")
            .as_int()
            .map_or(1 << 30, |limit| limit as u64),
        ..Limits::default()
    };
    let mut rows = execute(&plan, &transaction, &environment, limits, Cancel::new())?;
    let result = rows.collect_all()?;
    let extra = rows.extra();
    drop(rows);
    let mut out = String::new();
    for row in result {
        let _ = writeln!(out, "{}", row.to_json());
    }
    for warning in &extra.warnings {
        let _ = writeln!(
            out,
            "warning {}: {}",
            warning.code.number(),
            warning.message
        );
    }
    if plan.is_modification() {
        let stats = &extra.stats;
        let _ = writeln!(
            out,
            "writes: {}, ignored: {}",
            stats.writes_executed, stats.writes_ignored
        );
    }
    if let Some(count) = extra.stats.full_count {
        let _ = writeln!(out, "full count: {count}");
    }
    if options.attribute("stats").truthy() {
        let stats = &extra.stats;
        let _ = writeln!(
            out,
            "scanned full: {}, scanned index: {}, filtered: {}",
            stats.scanned_full, stats.scanned_index, stats.filtered
        );
    }
    if out.is_empty() {
        out.push_str("nothing\n");
    }
    database.commit(transaction);
    Ok(out)
}

fn plans(database: &Database, text: &str, binds: &Value) -> Result<String, QueryError> {
    let mut out = String::new();
    let mut rules = vec!["-all".to_string()];
    let mut show = |title: &str, rules: &[String]| -> Result<bool, QueryError> {
        let options = CompileOptions {
            rules: rules.to_vec(),
            ..CompileOptions::default()
        };
        let plan = compile(text, binds, database, &options)?;
        let changed = title == "as written" || plan.rules.last() == Some(&title);
        if changed {
            let _ = writeln!(out, "== {title}");
            let explained = plan.explain_text();
            let shown = explained
                .lines()
                .skip_while(|line| !line.starts_with(" Id") && !line.starts_with("  Id"));
            for line in shown.filter(|line| !line.is_empty() && !line.starts_with("Optimization")) {
                if line.trim_start().starts_with("Id ")
                    || line == "Indexes used:"
                    || line == " none"
                {
                    continue;
                }
                let _ = writeln!(out, "{line}");
            }
        }
        Ok(changed)
    };
    show("as written", &rules)?;
    for rule in rule_names() {
        rules.push(format!("+{rule}"));
        show(rule, &rules)?;
    }
    Ok(out)
}
