//! Hostile texts: every one ends in a tree or a diagnostic.

mod support;

use antipode_c8ql::{
    Code, ParseLimits, complete, format, highlight, is_complete, keywords, parse, parse_bytes,
    parse_with, tokens,
};
use support::dump;
use support::random::Random;

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

const SEEDS: &[&str] = &[
    "FOR d IN orders FILTER d.total > 10.5e3 AND d.tags ANY IN ['a', \"b\\n\"] SORT d.x DESC LIMIT 1, 2 RETURN d",
    "FOR v, e, p IN 1..3 OUTBOUND @start GRAPH 'g' PRUNE c = v.x OPTIONS { order: 'bfs' } RETURN DISTINCT p.edges[*].a",
    "WITH a, @@b FOR x IN a COLLECT k = x.k, l = x.l AGGREGATE n = COUNT(x) INTO g = x.y OPTIONS { method: 'hash' } RETURN { k, [l]: n, @m: g, \"q\": `w` }",
    "UPSERT { _key: @k } INSERT { n: 1 } UPDATE { n: OLD.n + 1 } IN c OPTIONS { keepNull: false } RETURN NEW",
    "FOR m IN STREAM s OPTIONS { from: 'latest' } WINDOW { preceding: 1 } AGGREGATE a = SUM(m.x) INSERT a INTO STREAM t",
    "LET [a, , { b, c: [d] }] = x[** FILTER CURRENT.y NOT LIKE 'z%' LIMIT 2 RETURN CURRENT][? AT LEAST (2) FILTER 1].w RETURN a ? b : c ?: NOT d =~ -0xff",
    "FOR p IN ANY K_SHORTEST_PATHS a TO b INBOUND e, @@f /* c */ RETURN LENGTH(FOR i IN 1..p RETURN ns::f(i)) // end",
    "´a`´.`b´` !~ @@c != 1e999 !IN \"\\ud83d\\ude00\\uZ\" && || <= >= .. :: ? [?? 2..3 FILTER x]",
];

/// Changes a text as bytes: cuts, repeats, swaps with pieces of other texts, flips bits.
fn mutate(random: &mut Random, text: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        let from = random.below(text.len() + 1);
        let to = (from + random.below(12)).min(text.len());
        match random.below(7) {
            0 => drop(text.drain(from..to)),
            1 => {
                let piece = text[from..to].to_vec();
                let at = random.below(text.len() + 1);
                text.splice(at..at, piece);
            }
            2 => {
                let other = random.pick(SEEDS).as_bytes();
                let start = random.below(other.len());
                let end = (start + random.below(20)).min(other.len());
                text.splice(from..to, other[start..end].iter().copied());
            }
            3 => {
                let word = random.pick(keywords());
                text.splice(from..from, format!(" {word} ").into_bytes());
            }
            4 if from < text.len() => text[from] ^= 1 << random.below(8),
            5 => {
                let signs = b"()[]{}.,:?*\\\"'`@!=<>/- \n0aE_$\xc2\xb4\xe2";
                text.insert(from, signs[random.below(signs.len())]);
            }
            _ => text.truncate(to.max(1)),
        }
    }
}

/// The target of the fuzzer: whatever the bytes are, nothing panics, and what is read can be written.
fn read_anything(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let mut end = 0;
        for token in tokens(text) {
            assert!(token.span.start >= end && token.span.end > token.span.start);
            end = token.span.end;
        }
        assert!(end as usize <= text.len());
        highlight(text);
        is_complete(text);
        complete(text, text.len() / 2);
    }
    match parse_bytes(bytes, &ParseLimits::default()) {
        Ok(query) => {
            let formatted = format(&query);
            let again = parse(&formatted).expect("the canonical text");
            assert_eq!(dump::query(&again), dump::query(&query));
        }
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            assert!(!error.message.is_empty() && error.span.start <= error.span.end);
            error.render(&text);
        }
    }
}

#[test]
fn no_bytes_make_the_parser_panic() {
    let executions = 500_000;
    for seed in 0..executions {
        let mut random = Random::new(seed);
        let mut bytes = random.pick(SEEDS).as_bytes().to_vec();
        mutate(&mut random, &mut bytes);
        let result = std::panic::catch_unwind(|| read_anything(&bytes));
        assert!(
            result.is_ok(),
            "seed {seed}: {:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
}
