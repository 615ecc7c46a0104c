//! The examples run and print what their readers are promised.

#[path = "../examples/embedded.rs"]
mod embedded;

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
