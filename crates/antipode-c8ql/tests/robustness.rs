//! Hostile texts: every one ends in a tree or a diagnostic.

mod support;

use std::path::Path;

use antipode_c8ql::{Code, ParseLimits, format, parse, parse_bytes, parse_with};
use support::dump;
use support::fuzz::{self, Mutator};

// -- nesting ------------------------------------------------------------------------------------

/// What a thread has by default in Rust; a server's threads have no less.
const STACK_BYTES: usize = 2 * 1024 * 1024;

/// Each pair is repeated around a core: every recursive construct of the language.
const NESTED: &[(&str, &str, &str, &str)] = &[
    ("RETURN ", "(", "1", ")"),
    ("RETURN ", "[", "1", "]"),
    ("RETURN ", "{ a: ", "1", " }"),
    ("RETURN ", "{ [", "1", "]: 1 }"),
    ("RETURN ", "-", "1", ""),
    ("RETURN ", "NOT ", "1", ""),
    ("RETURN ", "! ", "1", ""),
    ("RETURN ", "", "1", " + 1"),
    ("RETURN ", "1 + (", "1", ")"),
    ("RETURN ", "1 + 2 * ", "1", ""),
    ("RETURN ", "", "1", " OR 2"),
    ("RETURN ", "", "a", ".b"),
    ("RETURN ", "", "a", "[0]"),
    ("RETURN ", "a[", "0", "]"),
    ("RETURN ", "", "a", "[*]"),
    ("RETURN ", "", "a", "[*].b[?]"),
    ("RETURN ", "a[* RETURN ", "0", "]"),
    ("RETURN ", "a[*][*][*][", "0", "]"),
    ("RETURN ", "a[? FILTER ", "0", "]"),
    ("RETURN ", "a[? ", "0", " FILTER 1]"),
    ("RETURN ", "a AT LEAST (", "0", ") == 1"),
    ("RETURN ", "", "a", " ANY == 1"),
    ("RETURN ", "1 ? 2 : ", "3", ""),
    ("RETURN ", "1 ?: ", "3", ""),
    ("RETURN ", "1 ? ", "3", " : 4"),
    ("RETURN ", "", "1 ? 2 : 3", " ? 4 : 5"),
    ("RETURN ", "f(", "1", ")"),
    ("RETURN ", "(RETURN ", "1", ")"),
    ("RETURN ", "f(RETURN ", "1", ")"),
    ("", "FOR x IN (", "RETURN 1", ") RETURN x"),
    ("RETURN ", "(FOR v IN OUTBOUND ", "1", " e RETURN 1)"),
    (
        "RETURN ",
        "(FOR v IN OUTBOUND SHORTEST_PATH 1 TO ",
        "1",
        " e RETURN 1)",
    ),
    ("RETURN ", "(FOR x IN y COLLECT a = ", "1", " RETURN 1)"),
    (
        "RETURN ",
        "(FOR x IN y WINDOW { preceding: ",
        "1",
        " } AGGREGATE n = SUM(1) RETURN 1)",
    ),
    ("RETURN ", "(UPSERT {} INSERT {} UPDATE ", "1", " IN c)"),
    ("RETURN ", "(INSERT {} IN c OPTIONS { a: ", "1", " })"),
    ("LET ", "[", "a", "]"),
    ("LET ", "{ a: ", "b", " }"),
];

fn nested(construct: &(&str, &str, &str, &str), levels: usize) -> String {
    let (begin, open, core, close) = construct;
    let end = if *begin == "LET " {
        " = 1 RETURN 1"
    } else {
        ""
    };
    format!(
        "{begin}{}{core}{}{end}",
        open.repeat(levels),
        close.repeat(levels)
    )
}

fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
    let thread = builder.spawn(run).expect("a thread");
    thread.join().expect("no panic");
}

#[test]
fn deep_texts_are_refused_without_exhausting_the_stack() {
    on_small_stack(|| {
        let limits = ParseLimits {
            text_bytes_max: 64 << 20,
            ..ParseLimits::default()
        };
        for construct in NESTED {
            for levels in [501, 2_000, 20_000] {
                let text = nested(construct, levels);
                let error = parse_with(&text, &limits).expect_err(&construct.1.repeat(2));
                assert_eq!(error.code, Code::QUERY_TOO_MUCH_NESTING, "{construct:?}");
                error.render(&text);
            }
        }
    });
}

#[test]
fn what_is_just_not_too_deep_can_be_used() {
    on_small_stack(|| {
        for construct in NESTED {
            // The deepest text of this construct that is read.
            let mut levels = 1;
            while parse(&nested(construct, levels + 1)).is_ok() {
                levels += 1;
            }
            assert!(levels >= 100, "{construct:?} nests {levels} levels only");
            let text = nested(construct, levels);
            let query = parse(&text).expect("read before");
            let formatted = format(&query);
            let again = parse(&formatted).expect("the canonical text");
            assert_eq!(dump::query(&again), dump::query(&query));
            query.bind_parameters();
            drop(query.clone());
            assert_eq!(query, parse(&text).expect("read before"));
        }
    });
}

#[test]
fn long_lists_are_no_nesting() {
    let list = vec!["1"; 100_000].join(", ");
    parse(&format!("RETURN [{list}]")).expect("a long array");
    parse(&format!("{} RETURN 1", "LET a = 1 ".repeat(20_000))).expect("many operations");
    let text = format!("{} RETURN 1", "FOR a IN b ".repeat(20_000));
    format(&parse(&text).expect("many loops"));
}

// -- sizes and encodings ------------------------------------------------------------------------

#[test]
fn a_text_beyond_the_limit_is_refused() {
    let limits = ParseLimits {
        text_bytes_max: 20,
        ..ParseLimits::default()
    };
    assert!(parse_with("RETURN 1            ", &limits).is_ok());
    let error = parse_with("RETURN 1             ", &limits).expect_err("21 bytes");
    assert_eq!(error.number(), 32);
    let ten_megabytes = format!("RETURN \"{}\"", "x".repeat(10_000_000));
    assert_eq!(parse(&ten_megabytes).expect_err("too long").number(), 32);
}

#[test]
fn a_text_that_is_not_utf_8_is_a_parse_error() {
    let error = parse_bytes(b"RETURN \"\xff\"", &ParseLimits::default()).expect_err("no UTF-8");
    assert_eq!((error.number(), error.span.start), (1501, 8));
    assert!(parse_bytes("RETURN \"é\"".as_bytes(), &ParseLimits::default()).is_ok());
    assert_eq!(
        parse_bytes(b"", &ParseLimits::default())
            .expect_err("nothing")
            .number(),
        1502
    );
}

// -- any bytes ----------------------------------------------------------------------------------

/// `ANTIPODE_PARSER_EXECUTIONS` sets another number; 1,000,000 take about 15 seconds of one core.
#[test]
fn no_bytes_make_the_parser_panic() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let queries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../antipode-query/tests/scripts");
    let texts = fuzz::script_texts(&scripts)
        .into_iter()
        .chain(fuzz::script_texts(&queries))
        .chain(fuzz::sentences(500));
    let mutator = Mutator::new(texts);
    let executions = fuzz::setting("ANTIPODE_PARSER_EXECUTIONS").unwrap_or(1_000_000);
    fuzz::run(executions, |seed| mutator.input(seed), fuzz::read_anything);
}
