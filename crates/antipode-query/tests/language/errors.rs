//! Errors: the condition of each code, its place, and what its message says.

use crate::check;

#[test]
fn of_several_errors_the_earliest_kind_counts() {
    check(
        r#"
RETURN [nope, c, NOPE(), LENGTH(), @a => error 1501
RETURN [nope, NOPE(), LENGTH(), @a] => error 1551 1:33
RETURN [nope, NOPE(), LENGTH()] <- {"a": 1} => error 1552
RETURN [LENGTH(), NOPE(), nope] => error 1203 1:27
RETURN [NOPE(), LENGTH()] => error 1540 1:9
RETURN [LENGTH(), NOPE()] => error 1541 1:9
RETURN [nope1, nope2] => error 1203 1:9
RETURN [nope, @a, {a: 1}.@b] <- {"b": 1} => error 1551 1:15
RETURN [nope, {a: 1}.@b, @a] <- {"b": 1} => error 1553
RETURN [{x}, @a] => error 1512
LET a = nope, b = @b LET a = 1 RETURN a => error 1511
FOR x IN nope COLLECT k = x INTO g = k RETURN g => error 1512
FOR x IN nope COLLECT AGGREGATE s = FLOOR(x) RETURN s => error 1574
INSERT {} INTO c FOR x IN c RETURN NOPE() => error 1540
INSERT {} INTO c FOR x IN c RETURN nope => error 1203
INSERT {} INTO c FOR x IN c RETURN LENGTH() => error 1541
INSERT {} INTO c FOR x IN c RETURN @a => error 1551
INSERT {} INTO nope FOR x IN c RETURN @a => error 1551
INSERT {} INTO nope RETURN LENGTH() => error 1203
FOR x IN 1..5 LIMIT @n RETURN x => error 1551
FOR x IN 1..5 LIMIT nope RETURN x => error 1203
FOR x IN 1..5 SORT x @d RETURN nope => error 1551
UPSERT @s INSERT {} UPDATE {} IN c => error 1551
FOR x IN c OPTIONS {indexHint: @h} RETURN x => error 1551
LET o = 1 FOR x IN @y OPTIONS {indexHint: o} RETURN x => error 1575
LET o = 1 FOR x IN nope OPTIONS {indexHint: o} RETURN x => error 1575
FOR x IN @y OPTIONS {indexHint: nope} RETURN x => error 1551
FOR x IN [1] OPTIONS {indexHint: NOPE()} RETURN x => error 1540
RETURN NOPE(@a) => error 1551
RETURN NOPE(nope) => error 1203
WITH nope RETURN @a => error 1551
UPSERT {a: 1} INSERT {} UPDATE {} IN nope => error 1203 1:38
UPSERT {a: 1} INSERT {} UPDATE {} IN nope RETURN @x => error 1551
REMOVE "a" IN nope RETURN OLD => error 1203 1:15
UPDATE "a" WITH {x: @x} IN nope => error 1551
FOR v IN OUTBOUND "c/a" nope RETURN @x => error 1551
FOR d IN @@c RETURN nope => error 1551
"#,
    );
}

#[test]
fn parse_errors_say_what_was_found_and_expected() {
    check(
        r#"
RETURN => error 1501 1:7 "end of the query, expecting an expression"
RETURN 1 + => error 1501 1:11 "end of the query, expecting an expression"
FOR x c RETURN x => error 1501 1:7 "name 'c', expecting IN"
FOR x IN [1, 2 RETURN x => error 1501 1:16 "keyword RETURN, expecting ',' or ']'"
RETURN {a: 1 => error 1501 "expecting ',' or '}'"
RETURN (1 => error 1501 "expecting ')'"
RETURN LENGTH([1] => error 1501 "expecting ',' or ')'"
RETURN 1 ) => error 1501 1:10 "')'"
LET x 1 RETURN x => error 1501 1:7 "number 1, expecting '='"
LET 5 = 1 RETURN 1 => error 1501 1:5 "number 5, expecting the name of a variable"
LET for = 1 RETURN 1 => error 1501 1:5 "keyword FOR"
RETURN {for: 1} => error 1501 1:9 "FOR is reserved"
RETURN x.for => error 1501 1:10 "FOR is reserved"
FOR x IN c FILTER x.a == RETURN x => error 1501 1:26 "keyword RETURN"
RETURN "abc => error 1501 1:8 "unterminated string"
RETURN `abc => error 1501 1:8 "unterminated quoted name"
RETURN 1 /* abc => error 1501 1:10 "unterminated comment"
RETURN 1 # 2 => error 1501 1:10 "unexpected character '#'"
RETURN 012 => error 1501 1:8 "leading zero"
FOR x IN c\n  FILTR x.n\n  RETURN x => error 1501 2:3 "'FILTR'"
FOR x IN c\n  FILTER x.n >\n  RETURN x => error 1501 3:3
REMOVE "a" FROM c => error 1501 1:12 "name 'FROM'"
UPDATE "a" SET {} IN c => error 1501 1:12
SELECT 1 => error 1501 1:1
"#,
    );
}

#[test]
fn names_suggest_their_neighbours() {
    check(
        r#"
FOR u IN uesrs RETURN u => error 1203 1:10 "did you mean 'users'?"
FOR u IN Users RETURN u => error 1203 "did you mean 'users'?"
FOR u IN zzzzzz RETURN u => error 1203 "collection or view not found: zzzzzz"
LET total = 1 RETURN totl => error 1203 1:22 "did you mean 'total'?"
LET total = 1 RETURN {totl} => error 1512 1:23 "did you mean 'total'?"
RETURN CONCATT("a", "b") => error 1540 1:8 "did you mean 'CONCAT()'?"
RETURN LENGHT([]) => error 1540 1:8 "did you mean 'LENGTH()'?"
FOR v IN OUTBOUND "c/a" ee RETURN v => error 1203
FOR x IN c COLLECT k = x INTO g KEEP xx RETURN g => error 1501 "did you mean 'x'?"
FOR x IN c COLLECT AGGREGATE s = SUMM(x.n) RETURN s => error 1574 "did you mean 'SUM()'?"
INSERT {} INTO userz => error 1203 1:16 "did you mean 'users'?"
FOR m IN STREAM t RETURN m => error 5200 1:17
"#,
    );
}

#[test]
fn unknown_options_warn_and_suggest() {
    let message = |query: &str| {
        let database = crate::database();
        let transaction = database.begin();
        let options = antipode_query::CompileOptions::default();
        let plan =
            antipode_query::compile(query, &antipode_value::Value::Null, &transaction, &options);
        let plan = plan.expect("a plan");
        plan.warnings
            .iter()
            .map(|warning| format!("{} {}", warning.code.number(), warning.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        message(r#"UPDATE "a" WITH {} IN c OPTIONS {keepNul: false}"#),
        ["10 unknown option 'keepNul' of UPDATE (did you mean 'keepNull'?)"]
    );
    assert_eq!(
        message(r#"FOR d IN c OPTIONS {indexhint: "x"} RETURN d"#),
        ["10 unknown option 'indexhint' of FOR (did you mean 'indexHint'?)"]
    );
    assert_eq!(
        message(r#"FOR v IN OUTBOUND "c/a" e OPTIONS {uniqueVertex: "path"} RETURN v"#),
        ["10 unknown option 'uniqueVertex' of a traversal (did you mean 'uniqueVertices'?)"]
    );
    assert_eq!(
        message("FOR d IN c COLLECT k = d.n OPTIONS {whatever: 1} RETURN k"),
        ["10 unknown option 'whatever' of COLLECT"]
    );
}

#[test]
fn errors_show_the_line_with_a_caret() {
    let database = crate::database();
    let transaction = database.begin();
    let options = antipode_query::CompileOptions::default();
    let none = antipode_value::Value::Null;
    let diagnostic = |query: &str| {
        antipode_query::compile(query, &none, &transaction, &options)
            .expect_err("an error")
            .diagnostic()
    };
    assert_eq!(
        diagnostic("FOR x IN c\n  FILTER x.n >\n  RETURN x"),
        "error 1501 (QUERY_PARSE): unexpected keyword RETURN, expecting an expression\n  |\n3 |   RETURN x\n  |   ^"
    );
    assert_eq!(
        diagnostic("FOR u IN usres RETURN u"),
        "error 1203 (DATA_SOURCE_NOT_FOUND): collection or view not found: usres (did you mean 'users'?)\n  |\n1 | FOR u IN usres RETURN u\n  |          ^"
    );
    assert_eq!(
        diagnostic(""),
        "error 1502 (QUERY_EMPTY): the query is empty\n  |\n1 | \n  | ^"
    );
}

#[test]
fn too_much_of_something() {
    let lines = |count: usize, line: &dyn Fn(usize) -> String| {
        (0..count).map(line).collect::<Vec<_>>().join(" ")
    };
    let variables = |count| lines(count, &|n| format!("LET v{n} = 1"));
    check(&format!("{} RETURN 1 => [1]", variables(990)));
    check(&format!("{} RETURN 1 => error 1524", variables(1001)));
    let filters = |count| lines(count, &|_| "FILTER NOOPT(true)".to_owned());
    check(&format!("{} RETURN 1 => error 1524", filters(4001)));
    let loops = |count| lines(count, &|n| format!("FOR x{n} IN [1]"));
    check(&format!("{} RETURN 1 => [1]", loops(100)));
    let sources = |count| lines(count, &|n| format!("FOR x{n} IN c{n}"));
    check(&format!("{} RETURN 1 => error 1203", sources(300)));
    let mut database = crate::database();
    for number in 0..257 {
        database.create_collection(
            &format!("c{number}"),
            antipode_query::CollectionKind::Document,
        );
    }
    let compile = |count| {
        let query = format!("{} RETURN 1", sources(count));
        let options = antipode_query::CompileOptions::default();
        antipode_query::compile(&query, &antipode_value::Value::Null, &database, &options)
            .map(|_| ())
            .map_err(|error| error.code())
    };
    assert_eq!(compile(256), Ok(()));
    assert_eq!(compile(257), Err(1522));
}

#[test]
fn run_time_errors() {
    check(
        r#"
RETURN FAIL("why") => error 1569 "why"
RETURN FAIL() => error 1569
RETURN ASSERT(false, "must hold") => error 1593 "must hold"
RETURN ASSERT(true, "must hold") => [true]
RETURN WARN(false, "odd") => [false] warns 1594
FOR x IN NOOPT(5) RETURN x => error 1563
RETURN LENGTH(1..99999999) => error 32
RETURN CALL("CALL", "LENGTH", []) => error 1578
RETURN APPLY("APPLY", []) => error 1578
RETURN CALL("nope", 1) => error 1582
"#,
    );
}

/// Numbers of [`Code`](antipode_query::Code) that no query over the tests' own source has: either the engine underneath
/// raises them, and the tests of `antipode` and `antipode-server` meet them, or nothing does, and the number's
/// documentation tells why.
const NOT_HERE: &[u32] = &[
    1, 4, 6, 9, 11, 18, 21, 1004, 1104, 1205, 1213, 1216, 1302, 1305, 1573, 1620, 1926, 1940, 5201,
    5203, 5204, 5211, 5220, 5221, 5230, 5231,
];

#[test]
fn every_number_has_a_test() {
    let mut folders = vec![std::path::PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests"
    ))];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                text.push_str(&std::fs::read_to_string(path).unwrap_or_default());
            }
        }
    }
    let numbers: std::collections::BTreeSet<u32> = text
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter_map(|word| word.parse().ok())
        .collect();
    let untold: Vec<_> = antipode_query::Code::ALL
        .iter()
        .filter(|code| !NOT_HERE.contains(&code.number()) && !numbers.contains(&code.number()))
        .collect();
    assert!(untold.is_empty(), "without a test: {untold:?}");
}

#[test]
fn warnings_by_code() {
    check(
        r#"
RETURN 1e400 => [null] warns 1504
RETURN FLOOR("a") => [0]
RETURN UNION_DISTINCT(1, [2]) => [null] warns 1542
RETURN REGEX_TEST("a", "(") => [null] warns 1543
RETURN "a" =~ "(" => [null] warns 1543
RETURN "a" !~ "(" => [null] warns 1543
RETURN "a" NOT =~ "(" => [null] warns 1543
FOR p IN ["(", "b", "a"] RETURN "a" !~ p => [null,true,false] warns 1543
RETURN 1 / 0 => [null] warns 1562
RETURN FIRST(5) => [null] warns 1563
RETURN DATE_YEAR("no date") => [null] warns 1572
RETURN DATE_ADD("2020-01-01", 1, "moons") => [null] warns 1572
RETURN WARN(1 > 2, "odd") => [false] warns 1594
RETURN [1 / 0, REGEX_TEST("a", "(")] => [[null,null]] warns 1562,1543
FOR x IN [1] WINDOW x WITH {preceding: "P1D"} AGGREGATE n = LENGTH() RETURN n => [1]
FOR x IN ["a"] WINDOW x WITH {preceding: 1} AGGREGATE n = LENGTH() RETURN n => [null] warns 1561
"#,
    );
}

#[test]
fn a_place_is_told_wherever_the_cause_stands_in_the_text() {
    check(
        r#"
LET a = 1\nLET a = 2\nRETURN a => error 1511 2:5
FOR x IN [1]\n  COLLECT k = x, l = k\n  RETURN l => error 1512 2:22
RETURN {\n  a: 1,\n  missing\n} => error 1512 3:3
RETURN [\n  @a\n] => error 1551 2:3
FOR d IN @@c\n RETURN 1 <- {"@c": 5} => error 1553 1:10
RETURN {a: 1}.@p <- {"p": 5} => error 1553 1:8
FOR x IN 1..3\n LIMIT -1\n RETURN x => error 1504 2:8
FOR x IN 1..3\n LIMIT x\n RETURN x => error 1501 2:8
FOR x IN c\n INSERT {} INTO d OPTIONS {keepNull: x}\n RETURN 1 => error 1575 2:27
RETURN 1 +\n  c => error 1577 2:3
INSERT {} INTO c\nFOR x IN c RETURN x => error 1579 2:10
INSERT {} INTO c\nINSERT {} INTO c => error 1579 2:16
INSERT {} INTO c\nRETURN DOCUMENT("c/a") => error 1579 2:8
INSERT {} INTO c\nFOR v IN OUTBOUND "c/a" e RETURN v => error 1579 2:1
FOR x IN c INSERT {} INTO d\nWINDOW {preceding: 1} AGGREGATE n = LENGTH() RETURN n => error 1595 2:1
FOR x IN c\n  COLLECT AGGREGATE m = MEDIAN(x.n)\n  RETURN m => error 1574 2:25
RETURN\n  LENGTH(1, 2) => error 1541 2:3
RETURN\n  NOPE(1, 2) => error 1540 2:3
FOR x IN `no such` RETURN x => error 1208 1:10
FOR x IN c\n  COLLECT k = x INTO g\n    KEEP nope RETURN g => error 1501 3:10
RETURN (((nope))) => error 1203 1:11
RETURN "é" + nope => error 1203 1:14
RETURN "😀" + nope => error 1203 1:14
"#,
    );
}
