//! The worked examples of the merge rules, each in every causal order.
//!
//! A, B and C are regions and stamps are small numbers. Every order that respects causality must show the same, hold the
//! same state to the last bit of metadata, survive being stored and read after each step, and report the writes that were
//! lost.

mod support;

use antipode_crdt::{
    Deletes, Document, Draft, DraftChange, Number, Path, WriterRules, patch_changes, resolve,
};
use antipode_value::Value;
use support::scenario::{A, B, C, Scenario};
use support::{assign, change, json, put, update};

fn increment(path: &str, n: i64) -> Draft {
    change(path, DraftChange::Increment(Number::Int(n)))
}

fn append(path: &str, value: &str) -> Draft {
    change(path, DraftChange::Append(vec![json(value)]))
}

fn add_unique(path: &str, value: &str) -> Draft {
    change(path, DraftChange::AddUnique(vec![json(value)]))
}

fn remove_value(path: &str, value: &str) -> Draft {
    change(path, DraftChange::RemoveValues(vec![json(value)]))
}

fn upsert_hit() -> Draft {
    Draft::InsertWith {
        value: json("{}"),
        changes: vec![(Path::new(["n"]), DraftChange::Increment(Number::Int(1)))],
    }
}

#[test]
fn example_1_concurrent_increments_all_count() {
    let mut s = Scenario::new();
    let base = s.write(C, 1, &[], put(r#"{"n":1}"#));
    let first = s.write(A, 2, &[base], increment("n", 1));
    s.write(A, 3, &[first], increment("n", 1));
    s.write(B, 2, &[base], increment("n", 5));
    s.check(Some(r#"{"n":8}"#), &[]);
}

#[test]
fn example_2_an_increment_that_did_not_see_the_assign_is_reported() {
    let mut s = Scenario::new();
    let base = s.write(C, 1, &[], put(r#"{"n":1}"#));
    let assigned = s.write(A, 5, &[base], assign("n", "10"));
    let lost = s.write(B, 9, &[base], increment("n", 1));
    s.check(Some(r#"{"n":10}"#), &[lost]);
    s.write(A, 10, &[assigned, lost], increment("n", 1));
    s.check(Some(r#"{"n":11}"#), &[lost]);
}

#[test]
fn example_3_concurrent_inserts_are_one_document() {
    let mut s = Scenario::new();
    let a = s.write(A, 1, &[], Draft::Insert(json(r#"{"x":1}"#)));
    s.write(B, 2, &[], Draft::Insert(json(r#"{"y":2}"#)));
    s.check(Some(r#"{"x":1,"y":2}"#), &[]);
    s.write(C, 3, &[a], Draft::Remove);
    s.check(Some(r#"{"y":2}"#), &[]);
}

#[test]
fn example_4_upserts_count_every_hit() {
    let mut s = Scenario::new();
    let mut a = s.write(A, 1, &[], upsert_hit());
    for hlc in 2..=3 {
        a = s.write(A, hlc, &[a], increment("n", 1));
    }
    let b = s.write(B, 1, &[], upsert_hit());
    s.write(B, 2, &[b], increment("n", 1));
    s.check(Some(r#"{"n":5}"#), &[]);
}

#[test]
fn example_5_a_newer_field_survives_a_replace() {
    for (hlc, expected) in [(6, r#"{"a":{"b":7,"c":9}}"#), (4, r#"{"a":{"c":9}}"#)] {
        let mut s = Scenario::new();
        let base = s.write(C, 1, &[], put(r#"{"a":{"b":1,"c":2}}"#));
        s.write(A, 5, &[base], Draft::Replace(json(r#"{"a":{"c":9}}"#)));
        let b = s.write(B, hlc, &[base], update(r#"{"a":{"b":7}}"#));
        let lost: &[usize] = if hlc < 5 { &[b] } else { &[] };
        s.check(Some(expected), lost);
    }
}

#[test]
fn example_6_a_newer_write_below_makes_an_object_and_a_removal_never_does() {
    let cases = [
        (6, assign("a.b", "2"), r#"{"a":{"b":2}}"#, None),
        (4, assign("a.b", "2"), r#"{"a":7}"#, Some(())),
        (6, change("a.b", DraftChange::Unset), r#"{"a":7}"#, None),
        (6, increment("a.b", 1), r#"{"a":7}"#, Some(())),
    ];
    for (hlc, draft, expected, reported) in cases {
        let mut s = Scenario::new();
        let base = s.write(C, 1, &[], put(r#"{"a":{"b":1}}"#));
        let a = s.write(A, 5, &[base], assign("a", "7"));
        let b = s.write(B, hlc, &[base], draft);
        let lost = match (reported, hlc) {
            (Some(()), _) => vec![b],
            // The scalar gives way to the object, which is a loss too.
            (None, 6) if expected.contains('b') => vec![a],
            _ => vec![],
        };
        s.check(Some(expected), &lost);
    }
}

#[test]
fn examples_7_and_8_a_removal_wins_or_yields_and_a_new_life_shows_no_past() {
    for deletes in [Deletes::Win, Deletes::Lose] {
        let mut s = Scenario::new();
        s.rules = WriterRules { deletes };
        let base = s.write(C, 1, &[], put(r#"{"a":1,"b":2}"#));
        let removal = s.write(A, 2, &[base], Draft::Remove);
        let patch = s.write(B, 2, &[base], assign("b", "3"));
        match deletes {
            Deletes::Win => s.check(None, &[patch]),
            Deletes::Lose => s.check(Some(r#"{"a":1,"b":3}"#), &[removal]),
        }
        s.write(A, 3, &[removal], Draft::Insert(json(r#"{"z":1}"#)));
        s.check_shown(Some(r#"{"z":1}"#));
    }
}

#[test]
fn example_9_an_add_wins_over_a_removal_that_did_not_see_it() {
    let mut s = Scenario::new();
    let base = s.write(C, 1, &[], put(r#"{"t":["x"]}"#));
    s.write(A, 2, &[base], add_unique("t", r#""x""#));
    s.write(B, 3, &[base], remove_value("t", r#""x""#));
    s.check(Some(r#"{"t":["x"]}"#), &[]);

    let mut s = Scenario::new();
    let base = s.write(C, 1, &[], put(r#"{"t":["x"]}"#));
    let a = s.write(A, 2, &[base], add_unique("t", r#""y""#));
    let b = s.write(B, 2, &[base], add_unique("t", r#""y""#));
    s.check(Some(r#"{"t":["x","y"]}"#), &[]);
    s.write(C, 4, &[a, b], remove_value("t", r#""y""#));
    s.check(Some(r#"{"t":["x"]}"#), &[]);
}

#[test]
fn example_10_elements_all_stay_until_the_array_is_assigned() {
    let mut s = Scenario::new();
    let base = s.write(C, 1, &[], put(r#"{"l":[1]}"#));
    let a = s.write(A, 5, &[base], append("l", "2"));
    let draft = Draft::Update(vec![(
        Path::new(["l"]),
        DraftChange::Append(vec![json("3")]),
    )]);
    let b = s.write(B, 6, &[base], draft);
    let p = s.write(
        B,
        7,
        &[b],
        change("l", DraftChange::Prepend(vec![json("0")])),
    );
    s.check(Some(r#"{"l":[0,1,2,3]}"#), &[]);
    s.write(C, 4, &[base], assign("l", "[]"));
    s.check_shown(Some(r#"{"l":[]}"#));
    // Of one replica's changes the newest stands for all.
    s.check_reported_at_least(&[a, p]);
}

#[test]
fn example_11_an_integer_beyond_64_bits_comes_back_exactly() {
    let mut s = Scenario::new();
    let base = s.write(C, 1, &[], put(r#"{"n":9223372036854775806}"#));
    let a = s.write(A, 2, &[base], increment("n", 1));
    let b = s.write(B, 2, &[base], increment("n", 1));
    s.check(Some(r#"{"n":9223372036854775808.0}"#), &[]);
    s.write(C, 3, &[a, b], increment("n", -5));
    s.check(Some(r#"{"n":9223372036854775803}"#), &[]);
}

#[test]
fn example_12_key_values() {
    let mut s = Scenario::new();
    let base = s.write(C, 1, &[], put(r#"{"value":"o"}"#));
    s.write(A, 2, &[base], put(r#"{"value":"p"}"#));
    s.write(B, 2, &[base], Draft::Remove);
    s.check(Some(r#"{"value":"p"}"#), &[]);

    let mut s = Scenario::new();
    let base = s.write(C, 1, &[], put(r#"{"value":"o"}"#));
    let p = s.write(A, 5, &[base], put(r#"{"value":"p"}"#));
    s.write(B, 6, &[base], put(r#"{"value":"q"}"#));
    s.check(Some(r#"{"value":"q"}"#), &[p]);
}

#[test]
fn example_13_floats_add_to_the_same_bits_everywhere() {
    let mut s = Scenario::new();
    let base = s.write(C, 1, &[], put(r#"{"n":0.1}"#));
    s.write(
        A,
        2,
        &[base],
        change("n", DraftChange::Increment(Number::Float(0.2))),
    );
    s.write(
        B,
        2,
        &[base],
        change("n", DraftChange::Increment(Number::Float(0.3))),
    );
    s.check(Some(&format!(r#"{{"n":{:?}}}"#, (0.1 + 0.2) + 0.3)), &[]);
}

#[test]
fn example_14_increments_below_what_is_missing() {
    for hlc in [1, 9] {
        let mut s = Scenario::new();
        let base = s.write(C, 1, &[], put("{}"));
        let lost = s.write(A, 5, &[base], increment("c.n", 1));
        s.write(B, hlc + 1, &[base], assign("c", "7"));
        s.check(Some(r#"{"c":7}"#), &[lost]);
    }
    let mut s = Scenario::new();
    let base = s.write(C, 1, &[], put("{}"));
    s.write(A, 5, &[base], increment("c.n", 1));
    s.write(B, 5, &[base], increment("c.n", 1));
    s.check(Some(r#"{"c":{"n":2}}"#), &[]);
}

#[test]
fn the_ends_of_an_edge_are_written_and_merged_as_a_pair() {
    let mut s = Scenario::new();
    let base = s.write(
        C,
        1,
        &[],
        Draft::Insert(json(r#"{"_from":"v/1","_to":"v/2","w":1}"#)),
    );
    let a = s.write(A, 5, &[base], assign("_from", r#""v/3""#));
    s.write(B, 6, &[base], update(r#"{"_to":"v/4","w":2}"#));
    s.check(Some(r#"{"_from":"v/1","_to":"v/4","w":2}"#), &[a]);
    let mut s = Scenario::new();
    let base = s.write(
        C,
        1,
        &[],
        Draft::Insert(json(r#"{"_from":"v/1","_to":"v/2","a":1,"z":1}"#)),
    );
    s.write(A, 6, &[base], update(r#"{"_from":"v/3","_to":"v/4"}"#));
    s.write(
        B,
        5,
        &[base],
        Draft::Replace(json(r#"{"_from":"v/5","_to":"v/6","b":1}"#)),
    );
    s.check_shown(Some(r#"{"_from":"v/3","_to":"v/4","b":1}"#));
}

#[test]
fn writers_assign_what_a_change_cannot_carry() {
    let mut document = Document::default();
    let context = antipode_clock::Context::new();
    let mut hlc = 0;
    let mut write = |draft: Draft| {
        hlc += 1;
        let operation = resolve(&document, &draft, &WriterRules::default()).expect("draft");
        document.apply(&operation, support::stamp(A, hlc), &context);
        document.show().expect("exists").to_json()
    };
    write(Draft::Insert(json(
        r#"{"s":"5","n":null,"a":[1],"o":{"b":1}}"#,
    )));
    assert_eq!(
        write(increment("s", 1)),
        r#"{"a":[1],"n":null,"o":{"b":1},"s":6}"#
    );
    assert_eq!(
        write(increment("n.x.y", 2)),
        r#"{"a":[1],"n":{"x":{"y":2}},"o":{"b":1},"s":6}"#
    );
    assert_eq!(
        write(increment("o", 2)),
        r#"{"a":[1],"n":{"x":{"y":2}},"o":2,"s":6}"#
    );
    assert_eq!(
        write(append("s", "7")),
        r#"{"a":[1],"n":{"x":{"y":2}},"o":2,"s":null}"#
    );
    assert_eq!(
        write(change("n", DraftChange::Unset)),
        r#"{"a":[1],"o":2,"s":null}"#
    );
    assert_eq!(
        write(increment("c.n", 2)),
        r#"{"a":[1],"c":{"n":2},"o":2,"s":null}"#
    );
    assert_eq!(
        write(change("c.n", DraftChange::Unset)),
        r#"{"a":[1],"c":{},"o":2,"s":null}"#
    );
    let two = vec![
        (Path::new(["o", "x"]), DraftChange::Assign(json("1"))),
        (
            Path::new(["o", "y"]),
            DraftChange::Increment(Number::Int(1)),
        ),
    ];
    assert_eq!(
        write(Draft::Update(two)),
        r#"{"a":[1],"c":{},"o":{"x":1,"y":1},"s":null}"#
    );
}

#[test]
fn patches_say_what_update_means() {
    let show = |patch: &str, options| {
        let changes = patch_changes(&json(patch), options);
        let text = changes
            .iter()
            .map(|(path, change)| format!("{path} {change:?}"));
        text.collect::<Vec<_>>().join("; ")
    };
    let default = antipode_crdt::PatchOptions::default();
    assert_eq!(
        show(r#"{"_key":"k","b":{"x":1,"y":{}},"a":null}"#, default),
        "a Assign(null); b.x Assign(1); b.y Object"
    );
    let drop = antipode_crdt::PatchOptions {
        keep_null: false,
        ..default
    };
    assert_eq!(
        show(r#"{"a":null,"b":{"x":null}}"#, drop),
        "a Unset; b Object; b.x Unset"
    );
    let replace = antipode_crdt::PatchOptions {
        merge_objects: false,
        keep_null: false,
    };
    assert_eq!(
        show(r#"{"b":{"x":null,"y":1}}"#, replace),
        r#"b Assign({"y":1})"#
    );
    let _ = Value::Null;
}
