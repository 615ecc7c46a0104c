//! Every function, at every position of an argument, with a value of every type.
//!
//! A line of [`CALLS`] is a call that is right, and for each of its arguments six letters: what happens if the argument is
//! null, a boolean, a number, a text, an array, or an object instead ([`VALUES`]). The letters are what the language says,
//! not what the functions do:
//!
//! | letter | what happens |
//! | --- | --- |
//! | `.` | it is taken, without a warning |
//! | `s` `n` `b` | as if TO_STRING, TO_NUMBER or TO_BOOL had been applied |
//! | `0` `f` `[` | null, false or the empty array, without a warning |
//! | `u` | the first argument, without a warning |
//! | `2` `3` `1` `7` `5` `x` `4` | null, with warning 1542, 1563, 1561, 1572, 1505, 10 or 1541 |
//! | `w` | warning 1542, and something else than null |
//! | `F` `W` | false, with warnings 1542 or 1594 |
//! | `E` `e` `a` `q` `k` `c` `g` `m` `9` | error 1542, 1582, 1593, 1569, 5210, 1203, 10, 1571 or 9 |

use std::collections::BTreeSet;

use antipode_query::function::{MANY, all};
use antipode_value::{Value, identical};

use super::run;

/// A value of each type.
const VALUES: [&str; 6] = ["null", "true", "1.5", "'x'", "[1, 'x']", "{a: 1}"];

const CALLS: &str = include_str!("wrong_types.txt");

/// The call and the letters of its arguments.
fn calls() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    CALLS.lines().filter(|line| !line.is_empty()).map(|line| {
        let mut parts = line.split(" | ");
        (parts.next().unwrap_or_default(), parts.collect())
    })
}

/// Name and arguments of a call.
fn taken_apart(call: &str) -> (&str, Vec<&str>) {
    let (name, rest) = call.split_once('(').expect("a call");
    let inside = rest.strip_suffix(')').expect("a call");
    let (mut depth, mut quoted, mut start) = (0, false, 0);
    let mut arguments = Vec::new();
    for (position, letter) in inside.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if depth == 0 && !quoted => {
                arguments.push(inside[start..position].trim());
                start = position + 1;
            }
            _ => {}
        }
    }
    arguments.push(inside[start..].trim());
    (name, arguments)
}

/// Whether an outcome is what a letter says.
fn fits(letter: char, call: &dyn Fn(&str) -> String, value: &str, first: &str) -> bool {
    let outcome = run(&call(value));
    let null_with = |warning: u32| matches!(&outcome, Ok((Value::Null, warnings)) if warnings.first() == Some(&warning));
    let silent = |wanted: &Value| matches!(&outcome, Ok((value, warnings)) if warnings.is_empty() && identical(value, wanted));
    let as_if = |cast: &str| match (&outcome, run(&call(&format!("{cast}({value})")))) {
        (Ok((a, a_warnings)), Ok((b, b_warnings))) => identical(a, &b) && *a_warnings == b_warnings,
        (Err(a), Err(b)) => *a == b,
        _ => false,
    };
    match letter {
        '.' => matches!(&outcome, Ok((_, warnings)) if warnings.is_empty()),
        's' => as_if("TO_STRING"),
        'n' => as_if("TO_NUMBER"),
        'b' => as_if("TO_BOOL"),
        '0' => silent(&Value::Null),
        'f' => silent(&Value::Bool(false)),
        '[' => silent(&Value::from(Vec::<Value>::new())),
        'u' => run(first).is_ok_and(|(first, _)| silent(&first)),
        '2' => null_with(1542),
        '3' => null_with(1563),
        '1' => null_with(1561),
        '7' => null_with(1572),
        '5' => null_with(1505),
        'x' => null_with(10),
        '4' => null_with(1541),
        'w' => matches!(&outcome, Ok((value, warnings)) if !value.is_null() && *warnings == [1542]),
        'F' => matches!(&outcome, Ok((Value::Bool(false), warnings))
            if !warnings.is_empty() && warnings.iter().all(|warning| *warning == 1542)),
        'W' => matches!(&outcome, Ok((Value::Bool(false), warnings)) if *warnings == [1594]),
        error => {
            let number = match error {
                'E' => 1542,
                'e' => 1582,
                'a' => 1593,
                'q' => 1569,
                'k' => 5210,
                'c' => 1203,
                'm' => 1571,
                'g' => 10,
                '9' => 9,
                other => panic!("there is no letter {other}"),
            };
            outcome == Err(number)
        }
    }
}

#[test]
fn every_argument_of_every_type_does_what_the_language_says() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (call, letters) in calls() {
        let (name, arguments) = taken_apart(call);
        assert_eq!(arguments.len(), letters.len(), "{call}");
        if !letters.concat().contains(['9', 'q']) {
            let right = run(call);
            assert!(
                right
                    .as_ref()
                    .is_ok_and(|(_, warnings)| warnings.is_empty()),
                "{call}: {right:?}"
            );
        }
        for (position, letters) in letters.iter().enumerate() {
            assert_eq!(letters.len(), VALUES.len(), "{call}");
            for (letter, value) in letters.chars().zip(VALUES) {
                let with = |value: &str| {
                    let mut arguments = arguments.clone();
                    arguments[position] = value;
                    format!("{name}({})", arguments.join(", "))
                };
                // Once as the compiler computes it, and once as the query does.
                for value in [value.to_owned(), format!("NOOPT({value})")] {
                    count += 1;
                    if !fits(letter, &with, &value, arguments[0]) {
                        wrong.push(format!(
                            "{letter}: {} is {:?}",
                            with(&value),
                            run(&with(&value))
                        ));
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count > 5_000, "only {count} calls");
}

#[test]
fn every_argument_of_every_function_is_among_the_calls() {
    let mut covered = BTreeSet::new();
    for (call, _) in calls() {
        let (name, arguments) = taken_apart(call);
        covered.extend((0..arguments.len()).map(|position| (name, position)));
    }
    for function in all() {
        let most = match function.arity {
            (least, MANY) => least,
            (_, most) => most,
        };
        for position in 0..most {
            assert!(
                covered.contains(&(function.name, position)),
                "argument {position} of {}",
                function.name
            );
        }
    }
}

#[test]
fn a_wrong_number_of_arguments_is_found_before_the_query_runs() {
    for function in all() {
        let call = |count: usize| {
            format!(
                "false && {}({})",
                function.name,
                vec!["1"; count].join(", ")
            )
        };
        if let Some(fewer) = function.arity.0.checked_sub(1) {
            assert_eq!(run(&call(fewer)), Err(1541), "{}", function.name);
        }
        if function.arity.1 != MANY {
            assert_eq!(
                run(&call(function.arity.1 + 1)),
                Err(1541),
                "{}",
                function.name
            );
        }
    }
}
