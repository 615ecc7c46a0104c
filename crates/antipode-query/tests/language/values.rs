//! What values are: depth, duplicates, equality of hashes, dates of no type.

use crate::check;

#[test]
fn types() {
    check(
        r#"
RETURN [null, true, 1, 1.5, "a", [], {}, 1..2][* RETURN TYPENAME(CURRENT)] => [["null","bool","number","number","string","array","object","array"]]
RETURN [TO_BOOL(null), TO_BOOL(0), TO_BOOL(""), TO_BOOL([]), TO_BOOL({}), TO_BOOL("false")] => [[false,false,false,true,true,true]]
RETURN [TO_NUMBER(null), TO_NUMBER("x"), TO_NUMBER("1.5"), TO_NUMBER([3]), TO_NUMBER([1, 2]), TO_NUMBER({})] => [[0,0,1.5,3,0,0]]
RETURN [TO_STRING(null), TO_STRING(true), TO_STRING(1.0), TO_STRING(1.5), TO_STRING([1, "a"]), TO_STRING({a: 1})] => [["","true","1","1.5","[1,\"a\"]","{\"a\":1}"]]
RETURN [TO_ARRAY(null), TO_ARRAY(1), TO_ARRAY([1]), TO_ARRAY({a: 1})] => [[[],[1],[1],[1]]]
RETURN 9007199254740993 => [9007199254740993]
RETURN 9223372036854775807 => [9223372036854775807]
RETURN LENGTH("äöü€😀") => [5]
RETURN SUBSTRING("a😀b", 1, 1) => ["😀"]
RETURN "\u0000" == "" => [false]
RETURN LENGTH("\u0000") => [1]
"#,
    );
}

#[test]
fn depth() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!(
            "RETURN LENGTH({}{})",
            open.repeat(depth),
            close.repeat(depth)
        )
    };
    check(&format!("{} => [1]", nested("[", "]", 200)));
    check(&format!("{} => error 1524", nested("[", "]", 201)));
    let objects = |depth: usize| {
        format!(
            "RETURN LENGTH({}1{})",
            "{a:".repeat(depth),
            "}".repeat(depth)
        )
    };
    check(&format!("{} => [1]", objects(200)));
    check(&format!("{} => error 1524", objects(201)));
    let sum = |terms: usize| format!("RETURN {}", vec!["1"; terms].join(" + "));
    check(&format!("{} => [400]", sum(400)));
    check(&format!("{} => error 1524", sum(2000)));
    let parentheses = |depth: usize| format!("RETURN {}1{}", "(".repeat(depth), ")".repeat(depth));
    check(&format!("{} => [1]", parentheses(400)));
    check(&format!("{} => error 1524", parentheses(600)));
}

#[test]
fn names_that_are_too_long() {
    let name = |bytes: usize| "x".repeat(bytes);
    check(&format!("FOR d IN {} RETURN d => error 1203", name(256)));
    check(&format!("FOR d IN {} RETURN d => error 1208", name(257)));
    check(&format!("LET {0} = 1 RETURN {0} => [1]", name(1000)));
    check(&format!("RETURN {{{0}: 1}}.{0} => [1]", name(1000)));
}
