//! What functions give in corners where a query can hurt or surprise: memory, words, schemas, revisions, chance.

use antipode_query::Limits;

use super::{check, check_error, check_warns, run, run_within};

#[test]
fn results_beyond_the_memory_of_the_query_end_it() {
    let limits = || Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    };
    for expression in [
        "LENGTH(REPEAT('x', NOOPT(2000000)))",
        "LENGTH(RANGE(1, NOOPT(5000000), 1))",
        "LENGTH(REPLACE_NTH([], NOOPT(900000000), 1, 0))",
        "LENGTH(SPLIT(REPEAT('x', NOOPT(900000)), ''))",
        "LENGTH(SPLIT(REPEAT('x,', NOOPT(400000)), ','))",
        "LENGTH(SUBSTITUTE(REPEAT('x', NOOPT(9000)), 'x', REPEAT('y', 9000)))",
        "LENGTH(REGEX_REPLACE(REPEAT('x', NOOPT(9000)), 'x', REPEAT('y', 9000)))",
        "LENGTH(UNION(1..NOOPT(90000), 1..90000))",
        "LENGTH(APPEND(1..NOOPT(90000), 1..90000))",
        "LENGTH(INTERLEAVE(1..NOOPT(90000), 1..90000))",
        "LENGTH(CONCAT_SEPARATOR(REPEAT('x', NOOPT(90000)), 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4))",
        "LENGTH(FLATTEN([1..NOOPT(50000), 1..50000, 1..50000]))",
        "LENGTH(JSON_STRINGIFY([1..NOOPT(300000), 1..300000]))",
        "LENGTH(TOKENS(REPEAT('a ', NOOPT(400000)), 'text_en'))",
    ] {
        assert_eq!(run_within(expression, limits()), Err(32), "{expression}");
    }
    // A range takes no memory as long as nobody writes it out.
    let range = run_within("LENGTH(RANGE(1, NOOPT(5000000)))", limits());
    assert!(range.is_ok_and(|(length, _)| length.as_int() == Some(5_000_000)));
}

#[test]
fn arrays_that_hold_one_another_twice_are_not_written_out() {
    let doubled: String = (1..60)
        .map(|step| format!("LET a{step} = [a{0}, a{0}] ", step - 1))
        .collect();
    for function in ["TO_STRING", "JSON_STRINGIFY", "CONCAT", "CHAR_LENGTH"] {
        let text = format!("LET a0 = NOOPT([1]) {doubled} RETURN LENGTH({function}(a59))");
        let limits = Limits {
            memory_bytes: 1 << 20,
            ..Limits::default()
        };
        assert_eq!(
            run_within(&format!("({text})[0]"), limits),
            Err(32),
            "{function}"
        );
    }
}

#[test]
fn texts_that_double_end_in_an_error() {
    let doubled: String = (1..60)
        .map(|step| format!("LET t{step} = CONCAT(t{0}, t{0}) ", step - 1))
        .collect();
    check_error(
        &format!("LENGTH((LET t0 = NOOPT('0123456789') {doubled} RETURN t59)[0])"),
        32,
    );
}

#[test]
fn words_of_languages() {
    check(
        "TOKENS('The houses of Möchten', 'text_de')",
        r#"["the","hous","of","mocht"]"#,
    );
    check("TOKENS('CAFÉS d’été', 'text_fr')", r#"["caf","d’et"]"#);
    check(
        "TOKENS('running, jumped; easily!', 'text_en')",
        r#"["run","jump","easili"]"#,
    );
    check("TOKENS([], 'text_en')", "[]");
    check("TOKENS('', 'text_en')", "[]");
    check("TOKENS('', 'identity')", r#"[""]"#);
    check_error("TOKENS('a', 'nothing')", 10);
    check_error("TOKENS('a', 'text_xx')", 10);
}

#[test]
fn documents_and_their_schemas() {
    let valid = |document: &str, rule: &str| {
        let outcome = run(&format!(
            "SCHEMA_VALIDATE({document}, {{rule: {rule}}}).valid"
        ));
        outcome.is_ok_and(|(valid, warnings)| valid.truthy() && warnings.is_empty())
    };
    for (rule, good, bad) in [
        (
            "{properties: {a: {type: 'integer'}}}",
            "{a: 2.0}",
            "{a: 2.5}",
        ),
        (
            "{properties: {a: {type: ['null', 'boolean']}}}",
            "{a: null}",
            "{a: 0}",
        ),
        ("{required: ['a']}", "{a: null}", "{b: 1}"),
        (
            "{additionalProperties: false, properties: {a: {}}}",
            "{a: 1}",
            "{b: 1}",
        ),
        (
            "{additionalProperties: {type: 'string'}}",
            "{a: 'x'}",
            "{a: 1}",
        ),
        (
            "{patternProperties: {'^n_': {type: 'number'}}}",
            "{n_a: 1, s: 'x'}",
            "{n_a: 'x'}",
        ),
        ("{propertyNames: {maxLength: 2}}", "{ab: 1}", "{abc: 1}"),
        ("{minProperties: 1, maxProperties: 2}", "{a: 1}", "{}"),
        (
            "{properties: {a: {enum: [1, 'x']}}}",
            "{a: 'x'}",
            "{a: 'y'}",
        ),
        ("{properties: {a: {const: [1]}}}", "{a: [1]}", "{a: [2]}"),
        (
            "{properties: {a: {minimum: 1, exclusiveMaximum: 3}}}",
            "{a: 2}",
            "{a: 3}",
        ),
        (
            "{properties: {a: {minimum: 1, exclusiveMinimum: true}}}",
            "{a: 2}",
            "{a: 1}",
        ),
        ("{properties: {a: {multipleOf: 3}}}", "{a: 9}", "{a: 10}"),
        (
            "{properties: {a: {minLength: 2, maxLength: 3}}}",
            "{a: 'äöü'}",
            "{a: 'ä'}",
        ),
        (
            "{properties: {a: {pattern: '^[0-9]+$'}}}",
            "{a: '12'}",
            "{a: '1x'}",
        ),
        (
            "{properties: {a: {items: {type: 'number'}, minItems: 1}}}",
            "{a: [1]}",
            "{a: ['x']}",
        ),
        (
            "{properties: {a: {items: [{type: 'number'}], additionalItems: false}}}",
            "{a: [1]}",
            "{a: [1, 2]}",
        ),
        (
            "{properties: {a: {uniqueItems: true}}}",
            "{a: [1, 2]}",
            "{a: [1, 1.0]}",
        ),
        (
            "{properties: {a: {contains: {const: 3}}}}",
            "{a: [1, 3]}",
            "{a: [1]}",
        ),
        (
            "{allOf: [{required: ['a']}, {required: ['b']}]}",
            "{a: 1, b: 1}",
            "{a: 1}",
        ),
        (
            "{anyOf: [{required: ['a']}, {required: ['b']}]}",
            "{b: 1}",
            "{c: 1}",
        ),
        (
            "{oneOf: [{required: ['a']}, {required: ['b']}]}",
            "{b: 1}",
            "{a: 1, b: 1}",
        ),
        ("{`not`: {required: ['a']}}", "{b: 1}", "{a: 1}"),
        (
            "{if: {required: ['a']}, then: {required: ['b']}, else: {required: ['c']}}",
            "{a: 1, b: 1}",
            "{a: 1}",
        ),
        ("{dependencies: {a: ['b']}}", "{c: 1}", "{a: 1}"),
    ] {
        let rule = rule.replace("`not`", "'not'");
        assert!(valid(good, &rule), "{good} follows {rule}");
        assert!(!valid(bad, &rule), "{bad} does not follow {rule}");
    }
    check("SCHEMA_VALIDATE({}, {})", r#"{"valid":true}"#);
    check(
        "SCHEMA_VALIDATE({}, {rule: {required: ['a']}, level: 'none'})",
        r#"{"valid":true}"#,
    );
    check_error("SCHEMA_GET('nowhere')", 1203);
}

#[test]
fn distances_that_edit_swapped_neighbours_again() {
    check("LEVENSHTEIN_DISTANCE('ca', 'abc')", "2");
    check("LEVENSHTEIN_DISTANCE('', 'abc')", "3");
    check("LEVENSHTEIN_MATCH('quick', 'qukic', 1)", "false");
    check(
        "LEVENSHTEIN_MATCH('foobar', 'baz', 1, true, 64, 'foo')",
        "true",
    );
    check(
        "LEVENSHTEIN_MATCH('foobar', 'baz', 1, true, 64, 'fox')",
        "false",
    );
    check_warns("LEVENSHTEIN_MATCH('a', 'b', 4)", "null", &[1542]);
    check("LEVENSHTEIN_MATCH('a', 'b', 4, false)", "true");
}

#[test]
fn null_is_left_out_only_where_the_language_says_so() {
    check_warns("SPLIT('a-b', '-', null)", "null", &[1542]);
    check_warns("SUBSTITUTE('a', 'a', null)", "null", &[1542]);
    check("TRIM(' a ', null)", r#"" a ""#);
    check("SUBSTRING('abc', 1, null)", r#""""#);
    check("SLICE([1, 2, 3], 1, null)", "[2,3]");
    check("APPEND('x', [])", r#""x""#);
    check("REMOVE_VALUES('x', null)", r#""x""#);
}

#[test]
fn calls_by_name_are_only_of_what_can_be_called_so() {
    check_error("CALL('BM25', {})", 1578);
    check_error("APPLY('PHRASE', ['a', 'b'])", 1578);
    check_error("CALL('APPLY', 'ABS', [1])", 1578);
    check_error("CALL(' ABS', 1)", 1582);
    check_error("CALL('ns::f', 1)", 1582);
    check("CALL('abs', -1)", "1");
    check("APPLY('PI')", "3.141592653589793");
    // Only what is reached counts.
    check("false ? CALL('NOTHING') : 1", "1");
}

#[test]
fn chance_is_new_for_every_row() {
    for expression in ["RAND()", "UUID()", "RANDOM_TOKEN(16)"] {
        check(
            &format!("LENGTH(UNIQUE(FOR i IN 1..50 RETURN {expression}))"),
            "50",
        );
    }
    check(
        "REGEX_TEST(UUID(), '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')",
        "true",
    );
}

#[test]
fn what_is_not_provided_is_unknown() {
    for name in ["V8", "PREGEL_RESULT", "NS::F"] {
        check_error(&format!("{name}(1)"), 1540);
    }
}

#[test]
fn lines_end_where_patterns_say() {
    check("REGEX_TEST('a\\r\\nb', 'a.')", "false");
    check("REGEX_TEST('a\\nb', '^b')", "false");
    check_warns("REGEX_TEST('a', '(?=a)')", "null", &[1543]);
    check_warns("REGEX_MATCHES('a', '(a)\\\\1')", "null", &[1543]);
    check("LIKE('İx', '_x', true)", "true");
}
