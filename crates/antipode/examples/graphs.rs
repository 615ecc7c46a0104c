//! A small railway as a named graph: traversals, shortest and further paths. What `docs/graphs.md` shows is run here.
//!
//! Run it with `cargo run -p antipode --example graphs`.

use antipode::{Database, EdgeDefinition, Options, RequestOptions, Session, Value};

/// Does it all and returns what it printed.
pub fn run() -> Result<Vec<String>, antipode::Error> {
    let database = Database::in_memory(Options::default())?;
    let session = database.session(RequestOptions::default());
    let lines = EdgeDefinition {
        collection: "lines".to_owned(),
        from: vec!["stations".to_owned()],
        to: vec!["stations".to_owned()],
    };
    session.create_graph("railway", vec![lines], vec!["depots".to_owned()])?;
    session.run(
        "FOR key IN ['berlin', 'hamburg', 'leipzig', 'munich'] INSERT {_key: key} INTO stations",
        &Value::Null,
    )?;
    session.run(
        "FOR line IN [
           {_key: 'bh', _from: 'stations/berlin', _to: 'stations/hamburg', minutes: 105},
           {_key: 'bl', _from: 'stations/berlin', _to: 'stations/leipzig', minutes: 70},
           {_key: 'hm', _from: 'stations/hamburg', _to: 'stations/munich', minutes: 350},
           {_key: 'lm', _from: 'stations/leipzig', _to: 'stations/munich', minutes: 190}
         ] INSERT line INTO lines",
        &Value::Null,
    )?;

    let mut lines = Vec::new();
    // What is there after one or two steps.
    show(
        &session,
        "FOR station, line, path IN 1..2 OUTBOUND 'stations/berlin' GRAPH railway
           RETURN CONCAT_SEPARATOR(' - ', path.vertices[*]._key)",
        &mut lines,
    )?;
    // Walks that go on only over fast lines.
    show(
        &session,
        "FOR station, line, path IN 1..3 OUTBOUND 'stations/berlin' GRAPH railway
           FILTER path.edges[*].minutes ALL < 200
           RETURN station._key",
        &mut lines,
    )?;
    // The fastest way.
    show(
        &session,
        "FOR station IN OUTBOUND SHORTEST_PATH 'stations/berlin' TO 'stations/munich' GRAPH railway
           OPTIONS {weightAttribute: 'minutes'}
           RETURN station._key",
        &mut lines,
    )?;
    // All ways, the fastest first.
    show(
        &session,
        "FOR path IN OUTBOUND K_SHORTEST_PATHS 'stations/berlin' TO 'stations/munich' GRAPH railway
           OPTIONS {weightAttribute: 'minutes'}
           RETURN [path.weight, path.edges[*]._key]",
        &mut lines,
    )?;
    Ok(lines)
}

fn show(session: &Session, query: &str, lines: &mut Vec<String>) -> Result<(), antipode::Error> {
    let answer = session.run(query, &Value::Null)?;
    lines.extend(answer.rows.iter().map(Value::to_json));
    Ok(())
}

#[cfg_attr(test, allow(dead_code, reason = "the test calls `run`"))]
fn main() -> Result<(), antipode::Error> {
    for line in run()? {
        println!("{line}");
    }
    Ok(())
}
