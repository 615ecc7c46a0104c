//! The parser against the reference grammar, and the formatter against the parser.

mod support;

use std::collections::BTreeSet;

use antipode_c8ql::ast::{Expr, ExprKind};
use antipode_c8ql::{Diagnostic, Query, contextual_words, format, keywords, parse};
use support::dump;
use support::ebnf::{Generator, Grammar};

/// Sentences from the grammar, each with the seed that makes it again.
fn for_each_sentence(seeds: std::ops::Range<u64>, mut visit: impl FnMut(u64, &str)) {
    let grammar = Grammar::read();
    for seed in seeds {
        let mut generator = Generator::new(&grammar, seed);
        let tokens = generator.sentence();
        let mut text = String::new();
        for token in tokens {
            text.push_str(&token);
            let gaps = [" ", " ", " ", "\n", "\t ", " /* FOR */ ", " // '\n"];
            text.push_str(gaps[generator.random.below(gaps.len())]);
        }
        visit(seed, &text);
    }
}

/// The checks beyond the grammar that its notes list.
fn is_documented(error: &Diagnostic) -> bool {
    error.message.starts_with("RETURN DISTINCT needs a FOR")
        || error.message == "PRUNE must not have a subquery"
        || error
            .message
            .contains("the sort direction \"asc\" or \"desc\"")
        || error.number() == 1524
}

#[track_caller]
fn parsed(seed: u64, text: &str) -> Option<Query> {
    match parse(text) {
        Ok(query) => Some(query),
        Err(error) if is_documented(&error) => None,
        Err(error) => panic!("seed {seed}: {}\n\n{text}", error.render(text)),
    }
}

#[test]
fn the_parser_reads_what_the_grammar_makes() {
    let mut read = 0;
    let total = 15_000;
    for_each_sentence(0..total, |seed, text| {
        read += u64::from(parsed(seed, text).is_some())
    });
    assert!(
        read > total * 2 / 3,
        "only {read} of {total} were free of the documented errors"
    );
}

#[test]
fn sentences_take_every_way_of_the_grammar() {
    let grammar = Grammar::read();
    let mut taken = BTreeSet::new();
    for seed in 0..5_000 {
        let mut generator = Generator::new(&grammar, seed);
        generator.sentence();
        taken.extend(generator.taken);
    }
    assert_eq!(taken, grammar.ways());
}

#[test]
fn every_production_is_defined_and_used() {
    let grammar = Grammar::read();
    let mut reached = BTreeSet::from(["query_text".to_owned(), "comment".to_owned()]);
    loop {
        let more: BTreeSet<String> = reached
            .iter()
            .flat_map(|name| grammar.used_by(name))
            .chain(reached.clone())
            .collect();
        if more == reached {
            break;
        }
        reached = more;
    }
    assert_eq!(reached, grammar.productions.keys().cloned().collect());
}

#[test]
fn the_keywords_of_the_grammar_are_those_of_the_lexer() {
    // Words that the grammar knows as names only: the planner gives them their meaning.
    let special = ["CURRENT", "NEW", "OLD"];
    let mut expected: BTreeSet<&str> = keywords()
        .iter()
        .chain(contextual_words())
        .copied()
        .collect();
    expected.retain(|word| !special.contains(word));
    assert_eq!(
        Grammar::read().words(),
        expected.into_iter().map(String::from).collect()
    );
}

#[test]
fn formatted_text_reads_back_as_the_same_tree() {
    for_each_sentence(100_000..110_000, |seed, text| {
        let Some(query) = parsed(seed, text) else {
            return;
        };
        let formatted = format(&query);
        let again = match parse(&formatted) {
            Ok(again) => again,
            Err(error) => {
                panic!(
                    "seed {seed}: {}\n\n{text}\n\n{formatted}",
                    error.render(&formatted)
                )
            }
        };
        assert_eq!(
            dump::query(&again),
            dump::query(&query),
            "seed {seed}:\n{text}\n\n{formatted}"
        );
        assert_eq!(format(&again), formatted, "seed {seed}: not canonical");
    });
}

#[test]
fn the_span_of_an_expression_is_its_text() {
    for_each_sentence(200_000..204_000, |seed, text| {
        let Some(query) = parsed(seed, text) else {
            return;
        };
        for operation in &query.operations {
            operation.for_each_expression(&mut |expression| check_spans(seed, text, expression));
        }
    });
}

fn check_spans(seed: u64, text: &str, expression: &Expr) {
    let part = expression.span.text(text);
    let alone = format!("RETURN (\n{part}\n)");
    let found = match parse(&alone) {
        Ok(query) => dump::query(&query),
        Err(error) if is_documented(&error) => return,
        Err(error) => panic!("seed {seed}: {}\n\nin {text}", error.render(&alone)),
    };
    let expected = format!("(return {})", dump::expression(expression));
    assert_eq!(found, expected, "seed {seed}: {part}\n\nin {text}");
    expression.for_each_child(&mut |child| {
        // What follows an expansion has no text of its own.
        let is_rest = match &expression.kind {
            ExprKind::Expansion(expansion) => expansion
                .rest
                .as_ref()
                .is_some_and(|rest| std::ptr::eq(rest, child)),
            _ => false,
        };
        if !is_rest {
            check_spans(seed, text, child);
        }
    });
}
