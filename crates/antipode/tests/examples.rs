//! The examples run and print what their readers are promised.

#[path = "../examples/embedded.rs"]
mod embedded;
#[path = "../examples/graphs.rs"]
mod graphs;

#[test]
fn the_embedded_example_runs() {
    let lines = embedded::run().expect("the example runs");
    assert_eq!(
        lines,
        [
            "tea left: 17",
            "orders: 1",
            "calls of client-7: 1",
            "stock is worth: 113"
        ]
    );
}

#[test]
fn the_graph_example_runs() {
    let lines = graphs::run().expect("the example runs");
    assert_eq!(
        lines,
        [
            r#""berlin - hamburg""#,
            r#""berlin - hamburg - munich""#,
            r#""berlin - leipzig""#,
            r#""berlin - leipzig - munich""#,
            r#""hamburg""#,
            r#""leipzig""#,
            r#""munich""#,
            r#""berlin""#,
            r#""leipzig""#,
            r#""munich""#,
            r#"[260,["bl","lm"]]"#,
            r#"[455,["bh","hm"]]"#,
        ]
    );
}
