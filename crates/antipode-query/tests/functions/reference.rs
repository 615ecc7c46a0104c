//! The reference in `docs/functions`, made from the table of functions; its examples run here. With `UPDATE=1` the pages
//! are written anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use antipode_query::function::{Function, MANY, all, families};

use super::{check, check_error, check_warns};

#[test]
fn every_function_is_documented_whole() {
    let mut seen = BTreeSet::new();
    for function in all() {
        let name = function.name;
        let documentation = function.documentation();
        assert!(seen.insert(name), "{name} is registered twice");
        assert!(
            documentation.signature.starts_with(&format!("{name}("))
                && documentation.signature.ends_with(')'),
            "{}",
            documentation.signature
        );
        assert!(documentation.summary.ends_with('.'), "summary of {name}");
        assert!(!documentation.result.is_empty(), "result of {name}");
        assert!(!documentation.examples.is_empty(), "examples of {name}");
        let parameters = documentation.parameters.len();
        assert_eq!(function.arity.1 == 0, parameters == 0, "{name}");
        assert_eq!(
            function.arity.1 == 0,
            documentation.wrong.is_empty(),
            "wrong arguments of {name}"
        );
        assert!(
            function.help().contains(documentation.examples[0].0),
            "{name}"
        );
    }
    assert!(seen.len() >= 270, "only {} functions", seen.len());
}

#[test]
fn every_example_holds() {
    for function in all() {
        for (expression, result) in function.documentation().examples {
            if let Some(code) = result.strip_prefix("error ") {
                check_error(expression, code.parse().unwrap_or_default());
            } else if let Some((result, code)) = result.split_once(", warning ") {
                check_warns(expression, result, &[code.parse().unwrap_or_default()]);
            } else {
                check(expression, result);
            }
        }
    }
}

/// File name and text of each page.
fn pages() -> Vec<(String, String)> {
    let mut index = String::from(
        "# Functions\n\n\
         <!-- Generated from the table of functions; `UPDATE=1 cargo test -p antipode-query --test functions` writes it. -->\n\n\
         Every function of C8QL, by family. Names may be written in any case. A wrong number of arguments is error 1541, an\n\
         unknown function is error 1540; both are found before the query runs. An argument of a wrong type never ends the\n\
         query unless its function says so: it is a warning, and mostly the result is null then. With `failOnWarning` a\n\
         warning ends the query, as an error of the same number ([error codes](../error-codes.md)). In the shell,\n\
         `\\help NAME` shows what stands here.\n\n\
         Where a parameter takes\n\n\
         - *text*, *number* or *true or false*, other values are cast or are wrong, as the function says;\n\
         - a *date*, it is a number of ms since 1970 in UTC, or a text `YYYY[-MM[-DD]]`, then perhaps `T` or a blank and\n  \
         `HH:MM[:SS[.mmm]]`, then perhaps `Z` or `+HH:MM`; without a zone it is UTC;\n\
         - a *regex*, it is one of the [regex](https://docs.rs/regex/latest/regex/#syntax) library: its time grows evenly\n  \
         with the text, and it has no look-around and no references to groups;\n\
         - a unit of *time*, it is years (`y`), months (`m`), weeks (`w`), days (`d`), hours (`h`), minutes (`i`), seconds\n  \
         (`s`) or milliseconds (`f`).\n\n\
         The examples are run as tests, on collections `users` (`ada`, `ben`) and `places`, and a key-value store `settings`.\n\n\
         | family | functions |\n| --- | --- |\n",
    );
    let mut pages = Vec::new();
    for (title, functions) in families() {
        let file = format!("{}.md", title.to_lowercase().replace(' ', "-"));
        let names: Vec<String> = functions
            .iter()
            .map(|function| {
                format!(
                    "[{0}]({file}#{1})",
                    function.name,
                    function.name.to_lowercase()
                )
            })
            .collect();
        let _ = writeln!(index, "| [{title}]({file}) | {} |", names.join(", "));
        let mut page = format!(
            "# {title}\n\n\
             <!-- Generated from the table of functions; `UPDATE=1 cargo test -p antipode-query --test functions` writes it. -->\n\n\
             What parameters take is said in [functions](README.md).\n",
        );
        for function in functions {
            page.push_str(&entry(function));
        }
        pages.push((file, page));
    }
    pages.push(("README.md".to_owned(), index));
    pages
}

/// A function in its page.
fn entry(function: &Function) -> String {
    let documentation = function.documentation();
    let count = match function.arity {
        (least, MANY) => format!("{least} or more"),
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    };
    let mut text = format!(
        "\n## {}\n\n`{}` → {}\n\n{}\n",
        function.name,
        documentation.signature,
        documentation.result,
        escaped(&documentation.sentences())
    );
    if !documentation.parameters.is_empty() {
        let _ = writeln!(text, "\nArguments: {count}.\n");
        for (name, takes) in &documentation.parameters {
            let _ = writeln!(text, "- `{name}`: {}", escaped(takes));
        }
    }
    for part in [documentation.wrong, function.caution()] {
        if !part.is_empty() {
            let _ = writeln!(text, "\n{}", escaped(part));
        }
    }
    text.push_str("\n```\n");
    for (expression, result) in &documentation.examples {
        let _ = writeln!(text, "{expression} // {result}");
    }
    text.push_str("```\n");
    text
}

/// What Markdown would take for its own.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('<', "\\<")
        .replace('*', "\\*")
        .replace('_', "\\_")
        .replace('[', "\\[")
}

#[test]
fn the_reference_is_what_the_table_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/functions");
    for (file, text) in pages() {
        let path = folder.join(&file);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(&folder).expect("the folder of the reference");
            std::fs::write(&path, &text).expect("a page of the reference");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == text,
            "docs/functions/{file} is stale; UPDATE=1 cargo test -p antipode-query --test functions writes it anew"
        );
    }
}
