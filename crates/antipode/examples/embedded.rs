//! A shop in one process: documents, counters, a stream, all in the embedded library.
//!
//! Run it with `cargo run -p antipode --example embedded`.

use antipode::{
    CollectionKind, Database, Deletes, Options, OutgoingMessage, Position, RequestOptions, Value,
};

/// Does it all and returns what it printed.
pub fn run() -> Result<Vec<String>, antipode::Error> {
    // `Database::open("shop-data", Options::default())` keeps it on disk.
    let database = Database::in_memory(Options::default())?;
    let session = database.session(RequestOptions::default());
    session.create_collection("products", CollectionKind::Document, Deletes::Win)?;
    session.create_collection("limits", CollectionKind::KeyValue, Deletes::Win)?;
    session.create_stream("orders")?;

    session.run(
        "FOR p IN [{_key: 'tea', price: 4, stock: 20}, {_key: 'cup', price: 9, stock: 5}] INSERT p INTO products",
        &Value::Null,
    )?;
    // `p.stock - @n` is captured as a decrement: sales in several regions all count.
    let binds = Value::object([("key", Value::from("tea")), ("n", Value::Int(3))]);
    let sold = session.run(
        "FOR p IN products FILTER p._key == @key UPDATE p WITH {stock: p.stock - @n} IN products RETURN NEW.stock",
        &binds,
    )?;
    let mut lines = vec![format!("tea left: {}", sold.rows[0].to_json())];

    let order = OutgoingMessage {
        payload: Value::object([("item", "tea")]),
        ..OutgoingMessage::default()
    };
    session.publish("orders", &[order])?;
    let (orders, _) = session
        .messages("orders", &Position::default(), &[], 10)?
        .value;
    lines.push(format!("orders: {}", orders.len()));

    let calls = session
        .kv_increment("limits", "client-7", &Value::Int(1))?
        .value;
    lines.push(format!("calls of client-7: {}", calls.value.to_json()));

    let worth = session.run(
        "FOR p IN products COLLECT AGGREGATE worth = SUM(p.price * p.stock) RETURN worth",
        &Value::Null,
    )?;
    lines.push(format!("stock is worth: {}", worth.rows[0].to_json()));
    Ok(lines)
}

#[cfg_attr(test, allow(dead_code, reason = "the test calls `run`"))]
fn main() -> Result<(), antipode::Error> {
    for line in run()? {
        println!("{line}");
    }
    Ok(())
}
