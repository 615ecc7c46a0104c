//! What is typed: commands of the shell itself, which begin with a backslash, and queries.

use std::time::Duration;

use antipode_c8ql::{is_complete, parse};
use clap::ValueEnum as _;
use serde_json::Value;

use crate::catalog::{Relation, Thing};
use crate::output::Format;
use crate::query::bind_parameter;

/// A command of the shell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// `\q`
    Quit,
    /// `\help [TOPIC|FUNCTION]`
    Help(Option<String>),
    /// `\d`: all collections and streams; `\d NAME`: one collection.
    Describe(Option<String>),
    /// `\create WHAT NAME`
    Create(Thing, String),
    /// `\create graph NAME EDGES:FROM->TO…`
    CreateGraph(String, Vec<Relation>),
    /// `\drop WHAT NAME`
    Drop(Thing, String),
    /// `\l`
    Fabrics,
    /// `\c [HOST:PORT] [FABRIC]`
    Connect {
        address: Option<String>,
        fabric: Option<String>,
    },
    /// `\timing [on|off]`
    Timing(Option<bool>),
    /// `\table`, `\json`, `\jsonl` and `\csv`
    Format(Format),
    /// `\explain QUERY`
    Explain(String),
    /// `\profile QUERY`
    Profile(String),
    /// `\bind`: the bind parameters; `\bind NAME=VALUE` gives one its value.
    Bind(Option<(String, Value)>),
    /// `\unbind [NAME]`
    Unbind(Option<String>),
    /// `\o [FILE]`
    Output(Option<String>),
    /// `\i FILE`
    Include(String),
    /// `\watch SECONDS [TIMES]`
    Watch { pause: Duration, times: Option<u64> },
    /// `\status`
    Status,
}

/// One thing to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Statement {
    Command(Command),
    Query(String),
    /// A blank line.
    Nothing,
}

/// The commands with their arguments, and what they do: for help, completion and messages.
pub const COMMANDS: &[(&str, &str, &str)] = &[
    (
        "\\help",
        "[ABOUT]",
        "help on a command, a function, a topic; \\help functions lists functions",
    ),
    (
        "\\d",
        "[COLLECTION]",
        "the fabric's collections, graphs and streams, or one of them",
    ),
    (
        "\\create",
        "WHAT NAME",
        "create a collection, edge, kv, stream, fabric, or graph NAME EDGES:FROM->TO",
    ),
    ("\\drop", "WHAT NAME", "drop one, with all that is in it"),
    ("\\l", "", "the fabrics"),
    (
        "\\c",
        "[HOST:PORT] [FABRIC]",
        "go on with another node, or in another fabric",
    ),
    (
        "\\explain",
        "QUERY",
        "how a query would run, and which merge intents it has",
    ),
    (
        "\\profile",
        "QUERY",
        "run a query, and show what each node of its plan did",
    ),
    (
        "\\bind",
        "[NAME=VALUE]",
        "give the bind parameter @NAME a value, JSON or text; or list them",
    ),
    ("\\unbind", "[NAME]", "forget a bind parameter, or all"),
    (
        "\\watch",
        "SECONDS [TIMES]",
        "run the last query again and again, until Ctrl-C",
    ),
    ("\\i", "FILE", "run what is in a file"),
    (
        "\\o",
        "[FILE]",
        "write results into a file; without one, here again",
    ),
    ("\\timing", "[on|off]", "tell how long each query took"),
    ("\\table", "", "show results as tables"),
    ("\\json", "", "show results as a JSON array"),
    ("\\jsonl", "", "show results as JSON lines"),
    ("\\csv", "", "show results as CSV"),
    ("\\status", "", "how the node and its cluster do"),
    ("\\q", "", "leave; Ctrl-D does the same"),
];

/// Reads what was typed.
pub fn read(text: &str) -> Result<Statement, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Statement::Nothing);
    }
    if let Some(command) = text.strip_prefix('\\') {
        return read_command(command).map(Statement::Command);
    }
    // What people try first. None of these is a query.
    Ok(match text.trim_end_matches(';') {
        "exit" | "quit" => Statement::Command(Command::Quit),
        "help" | "?" => Statement::Command(Command::Help(None)),
        _ => Statement::Query(without_terminator(text).to_owned()),
    })
}

fn read_command(text: &str) -> Result<Command, String> {
    let (name, rest) = match text.split_once(char::is_whitespace) {
        Some((name, rest)) => (name, rest.trim()),
        None => (text, ""),
    };
    let argument = Some(rest.trim_end_matches(';').trim_end()).filter(|rest| !rest.is_empty());
    let alone = |command: Command| match argument {
        None => Ok(command),
        Some(argument) => Err(format!("\\{name} takes no argument, not '{argument}'")),
    };
    let one = |what: &str| match argument {
        Some(argument) if !argument.contains(char::is_whitespace) => Ok(argument.to_owned()),
        _ => Err(format!(
            "\\{name} takes {what}: \\{name} {}",
            what.rsplit(' ').next().unwrap_or(what).to_uppercase()
        )),
    };
    match name {
        "q" | "quit" | "exit" => alone(Command::Quit),
        "help" | "h" | "?" => Ok(Command::Help(argument.map(str::to_owned))),
        "d" => match argument {
            None => Ok(Command::Describe(None)),
            Some(_) => one("a collection").map(|name| Command::Describe(Some(name))),
        },
        "create" if argument.is_some_and(has_definitions) => graph(argument.unwrap_or_default()),
        "create" => thing(name, argument).map(|(what, name)| Command::Create(what, name)),
        "drop" => thing(name, argument).map(|(what, name)| Command::Drop(what, name)),
        "l" => alone(Command::Fabrics),
        "c" | "connect" => connect(argument),
        "timing" => match argument {
            None => Ok(Command::Timing(None)),
            Some("on") => Ok(Command::Timing(Some(true))),
            Some("off") => Ok(Command::Timing(Some(false))),
            Some(other) => Err(format!("\\timing takes on or off, not '{other}'")),
        },
        "table" => alone(Command::Format(Format::Table)),
        "json" => alone(Command::Format(Format::Json)),
        "jsonl" => alone(Command::Format(Format::Jsonl)),
        "csv" => alone(Command::Format(Format::Csv)),
        "bind" => match argument {
            None => Ok(Command::Bind(None)),
            Some(argument) => match bind_parameter(argument) {
                Ok((name, value)) => Ok(Command::Bind(Some((name.to_owned(), value)))),
                Err(_) => Err("\\bind takes a name and a value: \\bind NAME=VALUE".to_owned()),
            },
        },
        "unbind" => match argument {
            None => Ok(Command::Unbind(None)),
            Some(_) => one("a name").map(|name| Command::Unbind(Some(name))),
        },
        "o" => Ok(Command::Output(argument.map(str::to_owned))),
        "i" => match argument {
            Some(file) => Ok(Command::Include(file.to_owned())),
            None => Err("\\i takes a file: \\i FILE".to_owned()),
        },
        "watch" => watch(argument),
        "explain" => match without_terminator(rest) {
            "" => Err("\\explain takes a query: \\explain FOR …".to_owned()),
            query => Ok(Command::Explain(query.to_owned())),
        },
        "profile" => match without_terminator(rest) {
            "" => Err("\\profile takes a query: \\profile FOR …".to_owned()),
            query => Ok(Command::Profile(query.to_owned())),
        },
        "status" => alone(Command::Status),
        _ => Err(format!(
            "there is no command \\{name}; \\help lists those there are"
        )),
    }
}

/// What `\c` takes: an address, which has a colon, a fabric, or both.
fn connect(argument: Option<&str>) -> Result<Command, String> {
    let words: Vec<&str> = argument.unwrap_or_default().split_whitespace().collect();
    let own = |word: &str| Some(word.to_owned());
    let (address, fabric) = match words.as_slice() {
        [address] if address.contains(':') => (own(address), None),
        [fabric] => (None, own(fabric)),
        [address, fabric] => (own(address), own(fabric)),
        _ => return Err("\\c takes a node or a fabric: \\c [HOST:PORT] [FABRIC]".to_owned()),
    };
    Ok(Command::Connect { address, fabric })
}

/// What `\watch` takes: seconds, and how often.
fn watch(argument: Option<&str>) -> Result<Command, String> {
    let words: Vec<&str> = argument.unwrap_or_default().split_whitespace().collect();
    let (seconds, times) = match words.as_slice() {
        [seconds] => (*seconds, Some(None)),
        [seconds, times] => (*seconds, times.parse().ok().map(Some)),
        _ => ("", None),
    };
    let pause = seconds.parse::<f64>().ok();
    let pause = pause.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match (pause, times) {
        (Some(pause), Some(times)) => Ok(Command::Watch { pause, times }),
        _ => Err("\\watch takes seconds, and how often: \\watch SECONDS [TIMES]".to_owned()),
    }
}

/// What `\create` and `\drop` take: a kind of thing, and a name.
fn thing(command: &str, argument: Option<&str>) -> Result<(Thing, String), String> {
    let words: Vec<&str> = argument.unwrap_or_default().split_whitespace().collect();
    let [what, name] = words.as_slice() else {
        return Err(format!(
            "\\{command} takes what it is, and its name: \\{command} collection NAME"
        ));
    };
    match Thing::from_str(what, true) {
        Ok(what) => Ok((what, (*name).to_owned())),
        Err(_) => Err(format!(
            "\\{command} takes one of {}, not '{what}'",
            things().join(", ")
        )),
    }
}

/// Whether more than a name is to be created.
fn has_definitions(argument: &str) -> bool {
    let is_graph = argument.split_whitespace().next() == Some("graph");
    argument.contains("->") || is_graph && argument.split_whitespace().count() > 2
}

/// What `\create graph` takes: a name, and edge definitions.
fn graph(argument: &str) -> Result<Command, String> {
    let words: Vec<&str> = argument.split_whitespace().collect();
    match words.as_slice() {
        ["graph", name, definitions @ ..] if !definitions.is_empty() => {
            let relations: Result<Vec<Relation>, String> =
                definitions.iter().map(|text| text.parse()).collect();
            Ok(Command::CreateGraph((*name).to_owned(), relations?))
        }
        _ => {
            Err("only a graph has edge definitions: \\create graph NAME EDGES:FROM->TO".to_owned())
        }
    }
}

/// The kinds of things that can be created.
pub fn things() -> Vec<String> {
    let values = Thing::value_variants()
        .iter()
        .filter_map(Thing::to_possible_value);
    values.map(|value| value.get_name().to_owned()).collect()
}

/// A query may end with a semicolon, which C8QL itself does not know.
pub fn without_terminator(text: &str) -> &str {
    let text = text.trim_end();
    text.strip_suffix(';').map_or(text, str::trim_end)
}

/// Whether what is typed can be sent, or more lines must come.
pub fn is_whole(text: &str) -> bool {
    let text = text.trim_start();
    match text.strip_prefix('\\') {
        Some(command) => {
            let query = command.strip_prefix("explain");
            match query.or_else(|| command.strip_prefix("profile")) {
                Some(query) => is_complete(without_terminator(query)),
                None => true,
            }
        }
        None => is_complete(without_terminator(text)),
    }
}

/// Lines from a file or a pipe, put together to statements.
///
/// A statement ends with a semicolon at the end of a line, before a command, and before a line that cannot go on with it:
/// two queries that stand one below the other need no semicolon unless together they are one.
#[derive(Debug, Default)]
pub struct Script {
    pending: String,
}

impl Script {
    /// Takes a line, and gives the statements that are whole by it.
    pub fn line(&mut self, line: &str) -> Vec<String> {
        let mut whole = Vec::new();
        let begins = line.trim_start();
        let ends_pending = match begins.starts_with('\\') {
            true => is_complete(&self.pending),
            false => !begins.is_empty() && !self.goes_on_with(line),
        };
        if ends_pending {
            whole.extend(self.take());
        }
        if self.pending.is_empty() && begins.starts_with('\\') && is_whole(begins) {
            whole.push(line.trim().to_owned());
            return whole;
        }
        if !self.pending.is_empty() {
            self.pending.push('\n');
        }
        self.pending.push_str(line);
        if self.pending.trim_end().ends_with(';') && is_whole(&self.pending) {
            whole.extend(self.take());
        }
        whole
    }

    /// What is left at the end.
    pub fn end(&mut self) -> Option<String> {
        self.take()
    }

    /// Whether a line can be part of the statement that has begun.
    fn goes_on_with(&self, line: &str) -> bool {
        if self.pending.trim().is_empty() || self.pending.trim_start().starts_with('\\') {
            return true;
        }
        match parse(&self.pending) {
            Err(error) => error.at_end,
            Ok(_) => {
                let joined = format!("{}\n{line}", self.pending);
                match parse(without_terminator(&joined)) {
                    Ok(_) => true,
                    Err(error) => error.at_end,
                }
            }
        }
    }

    fn take(&mut self) -> Option<String> {
        let text = std::mem::take(&mut self.pending);
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn command(text: &str, expected: Command) {
        assert_eq!(read(text), Ok(Statement::Command(expected)));
    }

    #[test]
    fn commands_are_read() {
        command("\\q", Command::Quit);
        command(" quit; ", Command::Quit);
        command("\\help", Command::Help(None));
        command("\\help CONCAT", Command::Help(Some("CONCAT".to_owned())));
        command("\\d", Command::Describe(None));
        command(
            "\\d airports;",
            Command::Describe(Some("airports".to_owned())),
        );
        let connect = |address: Option<&str>, fabric: Option<&str>| Command::Connect {
            address: address.map(str::to_owned),
            fabric: fabric.map(str::to_owned),
        };
        command("\\c other", connect(None, Some("other")));
        command("\\c host:7490", connect(Some("host:7490"), None));
        command("\\c host:7490 f;", connect(Some("host:7490"), Some("f")));
        command(
            "\\bind n=[1, 2]",
            Command::Bind(Some(("n".to_owned(), serde_json::json!([1, 2])))),
        );
        command(
            "\\bind @c=users",
            Command::Bind(Some(("@c".to_owned(), serde_json::json!("users")))),
        );
        command("\\bind", Command::Bind(None));
        command("\\unbind n", Command::Unbind(Some("n".to_owned())));
        command("\\o", Command::Output(None));
        command("\\o out.txt", Command::Output(Some("out.txt".to_owned())));
        command("\\i a b.c8ql", Command::Include("a b.c8ql".to_owned()));
        let watch = |seconds, times| Command::Watch {
            pause: Duration::from_secs_f64(seconds),
            times,
        };
        command("\\watch 0.5", watch(0.5, None));
        command("\\watch 2 10", watch(2.0, Some(10)));
        command("\\timing", Command::Timing(None));
        command("\\timing off", Command::Timing(Some(false)));
        command(
            "\\create edge flights;",
            Command::Create(Thing::Edge, "flights".to_owned()),
        );
        let relation = "flights:airports->airports".parse().unwrap();
        command(
            "\\create graph network flights:airports->airports;",
            Command::CreateGraph("network".to_owned(), vec![relation]),
        );
        command("\\json", Command::Format(Format::Json));
        command(
            "\\explain\n FOR d IN c\nRETURN d;",
            Command::Explain("FOR d IN c\nRETURN d".to_owned()),
        );
    }

    #[test]
    fn wrong_commands_say_what_to_write() {
        for (text, part) in [
            ("\\x", "no command \\x"),
            ("\\q now", "takes no argument"),
            ("\\c", "[HOST:PORT] [FABRIC]"),
            ("\\bind n", "NAME=VALUE"),
            ("\\i", "\\i FILE"),
            ("\\watch", "SECONDS"),
            ("\\watch -1", "SECONDS"),
            ("\\watch 1 x", "SECONDS"),
            ("\\d a b", "\\d COLLECTION"),
            ("\\timing maybe", "on or off"),
            ("\\explain ;", "takes a query"),
            ("\\create graph g e:->v", "EDGES:FROM"),
            ("\\create graph g e:v:v", "EDGES:FROM"),
            ("\\create edge e e:v->v", "only a graph"),
            ("\\create airports", "\\create collection NAME"),
            (
                "\\drop table x",
                "one of collection, edge, kv, graph, stream, fabric",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn every_listed_command_is_one() {
        for (name, argument, _) in COMMANDS {
            let argument = match *argument {
                "QUERY" => "RETURN 1",
                "[HOST:PORT] [FABRIC]" => "f",
                "SECONDS [TIMES]" => "1",
                "FILE" => "file",
                "WHAT NAME" => "stream s",
                _ => "",
            };
            assert!(
                matches!(
                    read(&format!("{name} {argument}")),
                    Ok(Statement::Command(_))
                ),
                "{name}"
            );
        }
    }

    #[test]
    fn queries_lose_their_semicolon() {
        assert_eq!(
            read("RETURN 1 ;\n"),
            Ok(Statement::Query("RETURN 1".to_owned()))
        );
        assert_eq!(read("  \n"), Ok(Statement::Nothing));
    }

    #[test]
    fn more_lines_come_while_a_query_is_not_whole() {
        for text in [
            "RETURN 1",
            "RETURN 1;",
            "FOR d IN c RETURN d",
            "RETURN )",
            "\\d",
            "\\explain RETURN 1",
            "",
        ] {
            assert!(is_whole(text), "{text}");
        }
        for text in ["FOR d IN c", "RETURN 'a;", "RETURN", "\\explain FOR d IN c"] {
            assert!(!is_whole(text), "{text}");
        }
    }

    #[track_caller]
    fn script(text: &str, expected: &[&str]) {
        let mut script = Script::default();
        let mut found: Vec<String> = text.lines().flat_map(|line| script.line(line)).collect();
        found.extend(script.end());
        assert_eq!(found, expected);
    }

    #[test]
    fn scripts_fall_into_statements() {
        script("RETURN 1\nRETURN 2", &["RETURN 1", "RETURN 2"]);
        script("RETURN 1;\nRETURN 2;\n", &["RETURN 1;", "RETURN 2;"]);
        script(
            "FOR d IN c\n\n  FILTER d.x\n  RETURN d\n\nRETURN 2",
            &["FOR d IN c\n\n  FILTER d.x\n  RETURN d", "RETURN 2"],
        );
        script(
            "INSERT {} INTO c\nRETURN NEW",
            &["INSERT {} INTO c\nRETURN NEW"],
        );
        script(
            "INSERT {} INTO c;\nINSERT {} INTO d",
            &["INSERT {} INTO c;", "INSERT {} INTO d"],
        );
        script(
            "\\timing on\nRETURN 1\n\\q",
            &["\\timing on", "RETURN 1", "\\q"],
        );
        script("RETURN 'a;\nb'", &["RETURN 'a;\nb'"]);
        script(
            "// one\nRETURN 1\n// two\nRETURN 2",
            &["// one\nRETURN 1\n// two", "RETURN 2"],
        );
        script(
            "\\explain FOR d IN c\nRETURN d;\nRETURN 1",
            &["\\explain FOR d IN c\nRETURN d;", "RETURN 1"],
        );
        script("RETURN )\nRETURN 1", &["RETURN )", "RETURN 1"]);
        script("RETURN", &["RETURN"]);
        script("\n\n", &[]);
    }
}
