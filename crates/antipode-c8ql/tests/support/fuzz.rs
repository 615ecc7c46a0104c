//! Fuzzing on stable Rust: a seeded mutator of texts, a driver for all cores, and the target of lexer, parser and
//! formatter. Targets are plain functions over bytes, which panic at a finding; `fuzz/` hands the same functions to
//! libFuzzer.
//!
//! Every input follows from its seed, so a finding is told as the seed, the input, and a smaller input that still has
//! it.

use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use antipode_c8ql::{
    ParseLimits, complete, format, highlight, is_complete, keywords, parse, parse_bytes, tokens,
};

use super::dump;
use super::ebnf::{Generator, Grammar};
use super::random::Random;

// -- the target ---------------------------------------------------------------------------------

/// Whatever the bytes are, nothing panics, tokens cover the text in order, a refusal says where, and what is read can
/// be written and read again as the same tree.
pub fn read_anything(bytes: &[u8]) {
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
            let again = parse(&formatted)
                .unwrap_or_else(|error| panic!("canonical text: {}", error.render(&formatted)));
            assert_eq!(dump::query(&again), dump::query(&query));
            assert_eq!(format(&again), formatted, "not canonical");
        }
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            assert!(!error.message.is_empty() && error.span.start <= error.span.end);
            error.render(&text);
        }
    }
}

// -- where inputs come from ---------------------------------------------------------------------

/// Texts that reach much of the language in a few lines.
const SAMPLES: &[&str] = &[
    "FOR d IN orders FILTER d.total > 10.5e3 AND d.tags ANY IN ['a', \"b\\n\"] SORT d.x DESC LIMIT 1, 2 RETURN d",
    "FOR v, e, p IN 1..3 OUTBOUND @start GRAPH 'g' PRUNE c = v.x OPTIONS { order: 'bfs' } RETURN DISTINCT p.edges[*].a",
    "WITH a, @@b FOR x IN a COLLECT k = x.k, l = x.l AGGREGATE n = COUNT(x) INTO g = x.y OPTIONS { method: 'hash' } RETURN { k, [l]: n, @m: g, \"q\": `w` }",
    "UPSERT { _key: @k } INSERT { n: 1 } UPDATE { n: OLD.n + 1 } IN c OPTIONS { keepNull: false } RETURN NEW",
    "FOR m IN STREAM s OPTIONS { from: 'latest' } WINDOW { preceding: 1 } AGGREGATE a = SUM(m.x) INSERT a INTO STREAM t",
    "LET [a, , { b, c: [d] }] = x[** FILTER CURRENT.y NOT LIKE 'z%' LIMIT 2 RETURN CURRENT][? AT LEAST (2) FILTER 1].w RETURN a ? b : c ?: NOT d =~ -0xff",
    "FOR p IN ANY K_SHORTEST_PATHS a TO b INBOUND e, @@f /* c */ RETURN LENGTH(FOR i IN 1..p RETURN ns::f(i)) // end",
    "´a`´.`b´` !~ @@c != 1e999 !IN \"\\ud83d\\ude00\\uZ\" && || <= >= .. :: ? [?? 2..3 FILTER x]",
];

/// The queries of the golden scripts below a folder: the lines of each block above its answer.
pub fn script_texts(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder of scripts")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        let script = std::fs::read_to_string(&path).expect("a script");
        for block in script.split("\n\n") {
            let input = block.split("\n---").next().unwrap_or(block);
            let lines = input.lines().filter(|line| {
                let command = line.split(' ').next().unwrap_or("");
                !["tree", "error", "tokens", "format", "explain"].contains(&command.trim_end())
                    && !line.starts_with('#')
            });
            let text = lines.collect::<Vec<_>>().join("\n");
            if !text.is_empty() {
                texts.push(text);
            }
        }
    }
    texts
}

/// Sentences of the grammar.
pub fn sentences(count: u64) -> Vec<String> {
    let grammar = Grammar::read();
    (0..count)
        .map(|seed| Generator::new(&grammar, seed).sentence().join(" "))
        .collect()
}

/// Makes inputs: texts of the corpus, changed as lists of tokens and as bytes.
pub struct Mutator {
    corpus: Vec<String>,
    /// The tokens of each text, as places in it.
    tokens: Vec<Vec<Range<usize>>>,
}

impl Mutator {
    /// A mutator of the samples and of more texts.
    pub fn new(more: impl IntoIterator<Item = String>) -> Mutator {
        let mut corpus: Vec<String> = SAMPLES.iter().map(|text| (*text).to_owned()).collect();
        corpus.extend(more);
        let tokens = corpus.iter().map(|text| places(text)).collect();
        Mutator { corpus, tokens }
    }

    /// The input of a seed.
    pub fn input(&self, seed: u64) -> Vec<u8> {
        let mut random = Random::new(seed);
        let mut text = random.pick(&self.corpus).clone();
        // Half of the inputs are changed so that they mostly stay queries, which is how plans are reached.
        if random.one_in(2) {
            for _ in 0..=random.below(3) {
                text = self.exchange(&mut random, &text);
            }
            return text.into_bytes();
        }
        if random.below(3) > 0 {
            for _ in 0..=random.below(3) {
                text = self.change_tokens(&mut random, &text);
            }
        }
        let mut bytes = text.into_bytes();
        if random.one_in(2) {
            self.change_bytes(&mut random, &mut bytes);
        }
        bytes
    }

    /// A token, or what is in brackets, for another of its kind, out of the same text or of another.
    fn exchange(&self, random: &mut Random, text: &str) -> String {
        let tokens = places(text);
        if tokens.is_empty() {
            return text.to_owned();
        }
        let first = random.below(tokens.len());
        let token = &text[tokens[first].clone()];
        let (start, end) = (
            tokens[first].start,
            tokens[closing(text, &tokens, first)].end,
        );
        let (before, behind) = (&text[..start], &text[end..]);
        if random.one_in(4) && sort_of(token) == Sort::Value {
            return format!("{before}{}{behind}", random.pick(LITERALS));
        }
        let which = random.below(self.corpus.len());
        let (source, others) = match random.one_in(3) {
            true => (self.corpus[which].as_str(), &self.tokens[which]),
            false => (text, &tokens),
        };
        let alike: Vec<usize> = (0..others.len())
            .filter(|other| sort_of(&source[others[*other].clone()]) == sort_of(token))
            .collect();
        if alike.is_empty() {
            return text.to_owned();
        }
        let other = *random.pick(&alike);
        let end = others[closing(source, others, other)].end;
        format!("{before}{}{behind}", &source[others[other].start..end])
    }

    /// Tokens of another text: one, a few in a row, or a whole pair of brackets with what is between.
    fn piece(&self, random: &mut Random) -> &str {
        let which = random.below(self.corpus.len());
        let (text, tokens) = (&self.corpus[which], &self.tokens[which]);
        if tokens.is_empty() {
            return text;
        }
        let first = random.below(tokens.len());
        let last = match random.below(3) {
            0 => first,
            1 => (first + random.below(8)).min(tokens.len() - 1),
            _ => closing(text, tokens, first),
        };
        &text[tokens[first].start..tokens[last].end]
    }

    fn change_tokens(&self, random: &mut Random, text: &str) -> String {
        let tokens = places(text);
        if tokens.is_empty() {
            return self.piece(random).to_owned();
        }
        let first = random.below(tokens.len());
        let last = if random.one_in(2) {
            closing(text, &tokens, first)
        } else {
            first
        };
        let (start, end) = (tokens[first].start, tokens[last].end);
        let (before, here, behind) = (&text[..start], &text[start..end], &text[end..]);
        match random.below(7) {
            0 => format!("{before}{behind}"),
            1 => format!("{before}{here} {here}{behind}"),
            2 | 3 => format!("{before} {} {behind}", self.piece(random)),
            4 => format!("{before} {} {here}{behind}", self.piece(random)),
            5 => format!("{before} {} {behind}", random.pick(keywords())),
            _ => format!("{before} {} {behind}", random.pick(LITERALS)),
        }
    }

    /// Cuts, repeats, pieces of other texts, flipped bits.
    fn change_bytes(&self, random: &mut Random, text: &mut Vec<u8>) {
        for _ in 0..=random.below(3) {
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
                    let other = random.pick(&self.corpus).as_bytes();
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
}

/// Literals at the edges of what a token can be.
const LITERALS: &[&str] = &[
    "0",
    "-1",
    "9223372036854775807",
    "9223372036854775808",
    "1e308",
    "1e-400",
    "0.1",
    "0xffffffff",
    "0b1",
    "null",
    "true",
    "\"\"",
    "'\\u0000'",
    "\"\\ud83d\\ude00\"",
    "[]",
    "{}",
    "@a",
    "@@a",
    "(RETURN 1)",
    "CURRENT",
    "OLD",
    "1..3",
];

/// What may stand in the place of what.
#[derive(PartialEq)]
enum Sort<'t> {
    Name,
    Function,
    Value,
    Comparison,
    Operator,
    /// Nothing but itself, such as a bracket.
    Itself(&'t str),
}

fn sort_of(token: &str) -> Sort<'_> {
    let is_function =
        |word: &str| word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    match token {
        "==" | "!=" | "<" | "<=" | ">" | ">=" | "IN" | "LIKE" | "=~" | "!~" => Sort::Comparison,
        "+" | "-" | "*" | "/" | "%" | "AND" | "OR" | "&&" | "||" | ".." => Sort::Operator,
        "null" | "true" | "false" => Sort::Value,
        word if keywords()
            .iter()
            .any(|known| known.eq_ignore_ascii_case(word)) =>
        {
            Sort::Itself(token)
        }
        word if is_function(word) => Sort::Function,
        word if word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') => {
            Sort::Name
        }
        word if word
            .starts_with(|first: char| first.is_ascii_digit() || first == '"' || first == '\'') =>
        {
            Sort::Value
        }
        other => Sort::Itself(other),
    }
}

fn places(text: &str) -> Vec<Range<usize>> {
    tokens(text)
        .map(|token| token.span.start as usize..token.span.end as usize)
        .collect()
}

/// The token that closes the bracket that is this token; itself if it is none.
fn closing(text: &str, tokens: &[Range<usize>], first: usize) -> usize {
    let mut depth = 0;
    for (position, token) in tokens.iter().enumerate().skip(first) {
        match &text[token.clone()] {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            return position;
        }
    }
    first
}

// -- the driver ---------------------------------------------------------------------------------

/// A number from the environment.
pub fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {value}")),
    )
}

/// No single execution may take longer, on however busy a machine.
const EXECUTION_MAX: Duration = Duration::from_secs(60);

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Panics of fuzzing threads are findings, which are told once and in full.
fn silence_findings() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                tell(panic);
            }
        }));
    });
}

/// What went wrong; none if nothing did.
fn finding(run: impl Fn()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(run)).err()?;
    let text = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Some(text.unwrap_or_else(|| "a panic without text".into()))
}

/// A smaller input that still has a finding: pieces are left out for as long as that goes on well.
pub fn minimise(target: impl Fn(&[u8]), input: &[u8]) -> Vec<u8> {
    let mut input = input.to_vec();
    let mut tries = 2_000;
    let mut size = input.len() / 2;
    while size > 0 && tries > 0 {
        let mut start = 0;
        while start < input.len() && tries > 0 {
            let mut shorter = input.clone();
            shorter.drain(start..(start + size).min(input.len()));
            tries -= 1;
            if finding(|| target(&shorter)).is_some() {
                input = shorter;
            } else {
                start += size;
            }
        }
        size /= 2;
    }
    input
}

/// Runs a target on the inputs of the seeds from 0 to `executions`, on all cores. `ANTIPODE_SEED` runs that one alone.
pub fn run(executions: u64, input: impl Fn(u64) -> Vec<u8> + Sync, target: impl Fn(&[u8]) + Sync) {
    let one = |seed: u64| target(&input(seed));
    if let Some(seed) = setting("ANTIPODE_SEED") {
        println!("{}", show(&input(seed)));
    }
    run_seeds(executions, one, |seed| {
        let input = input(seed);
        let smaller = minimise(&target, &input);
        let text = finding(|| target(&smaller)).unwrap_or_default();
        let (input, smaller) = (show(&input), show(&smaller));
        format!("input: {input}\n  minimised: {smaller}\n  {text}")
    });
}

/// Runs something on the seeds from 0 to `executions`, on all cores; `tell` says more of a seed with a finding.
#[allow(
    clippy::disallowed_methods,
    reason = "the driver of tests looks at the clock to find hangs; no target does"
)]
pub fn run_seeds(executions: u64, one: impl Fn(u64) + Sync, tell: impl Fn(u64) -> String) {
    silence_findings();
    let (first, end) = match setting("ANTIPODE_SEED") {
        Some(seed) => (seed, seed + 1),
        None => (0, executions),
    };
    let next = AtomicU64::new(first);
    let found: Mutex<Option<(u64, String)>> = Mutex::new(None);
    let done = AtomicBool::new(false);
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Where each thread is: the seed, and when it was begun.
    let places: Vec<(AtomicU64, AtomicU64)> = (0..threads).map(|_| Default::default()).collect();
    let micros = || begun.elapsed().as_micros() as u64;
    let work = |place: &(AtomicU64, AtomicU64)| {
        QUIET.set(true);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end || done.load(Ordering::Relaxed) {
                break;
            }
            place.0.store(seed, Ordering::Relaxed);
            place.1.store(micros().max(1), Ordering::Relaxed);
            if let Some(text) = finding(|| one(seed)) {
                let mut found = found.lock().expect("no panic while it is held");
                found.get_or_insert((seed, text));
                done.store(true, Ordering::Relaxed);
            }
        }
        place.1.store(0, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = places
            .iter()
            .map(|place| scope.spawn(move || work(place)))
            .collect();
        while !workers.iter().all(|worker| worker.is_finished()) {
            std::thread::park_timeout(Duration::from_millis(20));
            for (seed, since) in &places {
                let (seed, since) = (seed.load(Ordering::Relaxed), since.load(Ordering::Relaxed));
                if since != 0 && micros().saturating_sub(since) > EXECUTION_MAX.as_micros() as u64 {
                    eprintln!("seed {seed} hangs: ANTIPODE_SEED={seed} runs it alone");
                    std::process::abort();
                }
            }
        }
    });
    if let Some((seed, text)) = found.into_inner().expect("no panic while it was held") {
        QUIET.set(true);
        let more = tell(seed);
        QUIET.set(false);
        panic!("seed {seed} (ANTIPODE_SEED={seed} runs it alone): {text}\n  {more}");
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} executions in {seconds:.1} s", end - first);
}

fn show(input: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(input))
}
