//! `\help`: the commands, a few pages about the language, and every function.

use std::fmt::Write as _;

use super::command::COMMANDS;

/// A page of help.
struct Topic {
    name: &'static str,
    title: &'static str,
    text: &'static str,
}

const TOPICS: &[Topic] = &[
    Topic {
        name: "queries",
        title: "reading with FOR, FILTER, SORT, LIMIT, COLLECT, RETURN",
        text: "\
FOR a IN airports                      each document of a collection, or element of an array
  FILTER a.state == 'AK' AND a.name LIKE 'A%'
  LET label = CONCAT(a.name, ', ', a.city)
  SORT a.name DESC
  LIMIT 10                             or LIMIT offset, count
  RETURN { key: a._key, label }

FOR f IN flights                       a join is a FOR within a FOR
  FOR a IN airports FILTER a._id == f._to
  COLLECT city = a.city AGGREGATE n = COUNT(), delay = AVG(f.delay)
  RETURN { city, n, delay }",
    },
    Topic {
        name: "writing",
        title: "INSERT, UPDATE, REPLACE, REMOVE, UPSERT, and what merges",
        text: "\
INSERT { _key: 'ada', name: 'Ada' } INTO users RETURN NEW
UPDATE 'ada' WITH { city: 'London' } IN users
FOR u IN users FILTER u.city == 'London' UPDATE u WITH { visits: u.visits + 1 } IN users
REPLACE 'ada' WITH { name: 'Ada' } IN users
REMOVE 'ada' IN users RETURN OLD
UPSERT { _key: 'ada' } INSERT { _key: 'ada', n: 1 } UPDATE { n: OLD.n + 1 } IN users

Regions write at the same time and merge. An UPDATE changes the attributes that it names and no others.
`u.visits + 1` is an increment: increments of all regions count. \\explain shows the intents of a query.",
    },
    Topic {
        name: "streams",
        title: "publishing and reading messages",
        text: "\
INSERT { order: 7 } INTO STREAM orders
FOR m IN STREAM orders OPTIONS { from: 'earliest', until: 'now' } RETURN m",
    },
    Topic {
        name: "keys",
        title: "the keys of this editor",
        text: "\
Enter       runs a query that is whole, else begins a new line
Tab         completes keywords, functions, collections, attributes
Ctrl-C      drops what is typed; stops a running query
Ctrl-R      searches the history
Ctrl-D      leaves",
    },
];

/// Functions in one row of the list.
const COLUMNS: usize = 4;

/// What may follow `\help`.
pub fn words() -> Vec<String> {
    let commands = COMMANDS.iter().map(|(name, ..)| (*name).to_owned());
    let topics = TOPICS.iter().map(|topic| topic.name.to_owned());
    let functions = antipode::functions().map(|function| function.name.to_owned());
    topics
        .chain(["functions".to_owned()])
        .chain(commands)
        .chain(functions)
        .collect()
}

/// The help on a topic, a function, or all.
pub fn about(subject: Option<&str>) -> Result<String, String> {
    let Some(subject) = subject else {
        return Ok(overview());
    };
    if subject.eq_ignore_ascii_case("functions") {
        return Ok(functions());
    }
    if let Some(topic) = TOPICS
        .iter()
        .find(|topic| topic.name.eq_ignore_ascii_case(subject))
    {
        return Ok(topic.text.to_owned());
    }
    let command = COMMANDS.iter().find(|(name, ..)| *name == subject);
    if let Some((name, argument, what)) = command {
        return Ok(format!("{name} {argument}\n  {what}"));
    }
    let name = subject.trim_end_matches("()");
    if let Some(function) =
        antipode::functions().find(|function| function.name.eq_ignore_ascii_case(name))
    {
        return Ok(function.help());
    }
    let begin = name.to_ascii_uppercase();
    let alike: Vec<&str> = antipode::functions()
        .map(|function| function.name)
        .filter(|name| name.contains(&begin))
        .collect();
    match alike.as_slice() {
        [] => Err(format!(
            "there is no help on '{subject}'; \\help lists the topics"
        )),
        alike => Err(format!(
            "there is no help on '{subject}', but on {}",
            alike.join(", ")
        )),
    }
}

fn overview() -> String {
    let mut text =
        "A query in C8QL runs as soon as it is whole, or ends with a semicolon. Commands:\n\n"
            .to_owned();
    for (name, argument, what) in COMMANDS {
        let command = format!("{name} {argument}");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {command:<26} {what}");
    }
    text.push_str("\nTopics for \\help:\n\n");
    for topic in TOPICS {
        let _ = writeln!(text, "  {:<26} {}", topic.name, topic.title);
    }
    let _ = write!(
        text,
        "  {:<26} all functions; \\help NAME tells of one",
        "functions"
    );
    text
}

fn functions() -> String {
    let mut names: Vec<&str> = antipode::functions()
        .map(|function| function.name)
        .collect();
    names.sort_unstable();
    let width = names
        .iter()
        .map(|name| name.len())
        .max()
        .unwrap_or_default()
        + 2;
    let rows = names.len().div_ceil(COLUMNS);
    let mut text = String::new();
    for row in 0..rows {
        let mut line = String::new();
        for name in names.iter().skip(row).step_by(rows.max(1)) {
            let _ = write!(line, "{name:<width$}");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_help_on_all_that_is_offered() {
        for word in words() {
            assert!(
                about(Some(&word)).is_ok_and(|text| !text.is_empty()),
                "{word}"
            );
        }
    }

    #[test]
    fn the_overview_names_commands_and_topics() {
        let text = about(None).expect("an overview");
        for part in ["\\explain QUERY", "writing", "functions"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn functions_are_found_in_any_case_and_nearly() {
        assert!(about(Some("concat()")).is_ok_and(|text| text.contains("CONCAT")));
        let error = about(Some("conca")).expect_err("no such function");
        assert!(error.contains("CONCAT_SEPARATOR"), "{error}");
        assert!(about(Some("zzz")).is_err());
    }

    #[test]
    fn queries_in_the_help_are_queries() {
        for topic in TOPICS
            .iter()
            .filter(|topic| topic.name == "writing" || topic.name == "streams")
        {
            let code = topic.text.split("\n\n").next().unwrap_or_default();
            for line in code.lines() {
                assert!(antipode_c8ql::parse(line).is_ok(), "{line}");
            }
        }
    }
}
