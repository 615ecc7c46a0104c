//! The line editor: history, several lines, colours, completion. It has a thread of its own, since it waits for keys;
//! the shell asks it for a line and gets one.

use std::borrow::Cow;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use antipode_c8ql::{Expected, TokenClass, complete, highlight, quote_name, quote_string};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::command::{COMMANDS, is_whole, things};
use super::help;
use super::names::Names;

/// Lines of history that are kept.
const HISTORY_MAX: usize = 10_000;

/// What came of asking for a line.
#[derive(Debug)]
pub enum Line {
    Text(String),
    /// Ctrl-C: what was typed is dropped.
    Dropped,
    /// Ctrl-D.
    End,
    /// The terminal is gone.
    Failed(String),
}

/// The editor, from the shell's side.
#[derive(Debug)]
pub struct Lines {
    prompts: mpsc::Sender<String>,
    lines: tokio::sync::mpsc::Receiver<Line>,
}

impl Lines {
    /// Starts the editor's thread.
    pub fn start(names: Arc<Names>, colours: bool) -> Result<Self, ReadlineError> {
        let (prompts, asked) = mpsc::channel::<String>();
        let (answers, lines) = tokio::sync::mpsc::channel(1);
        let (started, starts) = mpsc::sync_channel(1);
        thread::spawn(move || {
            let editor = match editor(names, colours) {
                Ok(editor) => {
                    let _ = started.send(Ok(()));
                    editor
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                    return;
                }
            };
            edit(editor, &asked, &answers, colours);
        });
        match starts.recv() {
            Ok(result) => result?,
            Err(_) => return Err(ReadlineError::Eof),
        }
        Ok(Self { prompts, lines })
    }

    /// Asks for a line.
    pub async fn next(&mut self, prompt: String) -> Line {
        if self.prompts.send(prompt).is_err() {
            return Line::End;
        }
        self.lines.recv().await.unwrap_or(Line::End)
    }
}

fn editor(
    names: Arc<Names>,
    colours: bool,
) -> Result<Editor<Assistant, FileHistory>, ReadlineError> {
    let config = Config::builder()
        .max_history_size(HISTORY_MAX)?
        .history_ignore_dups(true)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .bracketed_paste(true)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Assistant { names, colours }));
    if let Some(path) = history_path() {
        // The first time there is none.
        let _ = editor.load_history(&path);
    }
    Ok(editor)
}

fn edit(
    mut editor: Editor<Assistant, FileHistory>,
    asked: &mpsc::Receiver<String>,
    answers: &tokio::sync::mpsc::Sender<Line>,
    colours: bool,
) {
    for prompt in asked {
        let coloured = match colours {
            true => format!("\x1b[1m{prompt}\x1b[0m"),
            false => prompt.clone(),
        };
        let line = match editor.readline(&(prompt, coloured)) {
            Ok(text) => {
                if !text.trim().is_empty() && editor.add_history_entry(text.as_str()).is_ok() {
                    save_history(&mut editor);
                }
                Line::Text(text)
            }
            Err(ReadlineError::Interrupted) => Line::Dropped,
            Err(ReadlineError::Eof) => Line::End,
            Err(error) => Line::Failed(error.to_string()),
        };
        if answers.blocking_send(line).is_err() {
            return;
        }
    }
}

/// `$ANTIPODE_HISTORY`, or a file where the user's programs keep their state.
fn history_path() -> Option<PathBuf> {
    if let Some(path) = env::var_os("ANTIPODE_HISTORY") {
        return Some(PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty());
    }
    let state = match env::var_os("XDG_STATE_HOME") {
        Some(state) => PathBuf::from(state),
        None => PathBuf::from(env::var_os("HOME")?).join(".local/state"),
    };
    Some(state.join("antipode").join("history"))
}

fn save_history(editor: &mut Editor<Assistant, FileHistory>) {
    let Some(path) = history_path() else { return };
    if let Some(directory) = path.parent() {
        // A shell without history is better than none.
        let _ = fs::create_dir_all(directory);
    }
    let _ = editor.append_history(&path);
}

/// What the editor asks while someone types.
#[derive(Debug)]
struct Assistant {
    names: Arc<Names>,
    colours: bool,
}

impl Helper for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_whole(context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _cursor: usize) -> Cow<'l, str> {
        match self.colours && !line.trim_start().starts_with('\\') {
            true => Cow::Owned(coloured(line)),
            false => Cow::Borrowed(line),
        }
    }

    fn highlight_char(&self, _line: &str, _cursor: usize, kind: CmdKind) -> bool {
        self.colours && kind != CmdKind::MoveCursor
    }
}

/// A query with the colours of a terminal.
pub fn coloured(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut at = 0;
    for (span, class) in highlight(text) {
        let (start, end) = (span.start as usize, span.end as usize);
        let Some(colour) = colour(class) else {
            continue;
        };
        let (Some(before), Some(part)) = (text.get(at..start), text.get(start..end)) else {
            continue;
        };
        out.push_str(before);
        out.push_str(colour);
        out.push_str(part);
        out.push_str("\x1b[0m");
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

fn colour(class: TokenClass) -> Option<&'static str> {
    Some(match class {
        TokenClass::Keyword => "\x1b[1;34m",
        TokenClass::Function => "\x1b[36m",
        TokenClass::Number => "\x1b[35m",
        TokenClass::String => "\x1b[32m",
        TokenClass::Bind => "\x1b[33m",
        TokenClass::Comment => "\x1b[2m",
        TokenClass::Error => "\x1b[31m",
        TokenClass::Name
        | TokenClass::Attribute
        | TokenClass::Operator
        | TokenClass::Punctuation => return None,
    })
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, words) = candidates(line, cursor, &*self.names);
        let pairs = words.into_iter().map(|word| Pair {
            display: word.clone(),
            replacement: word,
        });
        Ok((start, pairs.collect()))
    }
}

/// Where names for completion come from.
pub trait Known {
    fn collections(&self) -> Vec<String>;
    fn graphs(&self) -> Vec<String>;
    fn streams(&self) -> Vec<String>;
    fn fabrics(&self) -> Vec<String>;
    fn attributes(&self, collection: Option<&str>, path: &[String]) -> Vec<String>;
}

impl Known for Names {
    fn collections(&self) -> Vec<String> {
        self.collections()
    }

    fn graphs(&self) -> Vec<String> {
        self.graphs()
    }

    fn streams(&self) -> Vec<String> {
        self.streams()
    }

    fn fabrics(&self) -> Vec<String> {
        self.fabrics()
    }

    fn attributes(&self, collection: Option<&str>, path: &[String]) -> Vec<String> {
        self.attributes(collection, path)
    }
}

/// What may stand at the cursor: where the word begins that it replaces, and the words.
fn candidates(line: &str, cursor: usize, known: &dyn Known) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    let begin = before.len() - before.trim_start().len();
    if before.trim_start().starts_with('\\') {
        let Some((command, rest)) = before.trim_start().split_once(char::is_whitespace) else {
            let names = COMMANDS
                .iter()
                .map(|(name, ..)| (*name).to_owned())
                .collect();
            return (begin, matching(names, before.trim_start()));
        };
        let typed = rest.trim_start();
        let names = match command {
            "\\explain" | "\\profile" => {
                let offset = before.len() - typed.len();
                let (start, words) = in_query(typed, typed.len(), known);
                return (offset + start, words);
            }
            "\\d" => [known.collections(), known.graphs()].concat(),
            "\\i" | "\\o" => files(typed),
            "\\c" | "\\connect" => known.fabrics(),
            "\\help" | "\\h" | "\\?" => help::words(),
            "\\create" => things(),
            "\\drop" => match typed.split_once(' ') {
                None => things(),
                Some((what, typed)) => {
                    let names = match what {
                        "stream" => known.streams(),
                        "graph" => known.graphs(),
                        "fabric" => known.fabrics(),
                        _ => known.collections(),
                    };
                    return (before.len() - typed.len(), matching(names, typed));
                }
            },
            "\\timing" => vec!["on".to_owned(), "off".to_owned()],
            _ => Vec::new(),
        };
        return (before.len() - typed.len(), matching(names, typed));
    }
    in_query(line, cursor, known)
}

fn in_query(text: &str, cursor: usize, known: &dyn Known) -> (usize, Vec<String>) {
    let completion = complete(text, cursor);
    let typed = completion.replace.text(text);
    let mut words = Vec::new();
    for expected in completion.expected {
        let found: Vec<String> = match expected {
            Expected::Keywords(keywords) => {
                keywords.iter().map(|word| (*word).to_owned()).collect()
            }
            // Without a letter, they would bury the names.
            Expected::Functions if typed.is_empty() => continue,
            Expected::Functions => antipode::functions()
                .map(|function| format!("{}(", function.name))
                .collect(),
            Expected::Collections => quoted(known.collections()),
            Expected::Graphs => strings(known.graphs()),
            Expected::Streams => quoted(known.streams()),
            Expected::Variables(names) => quoted(names),
            Expected::Attributes { collection, path } => {
                quoted(known.attributes(collection.as_deref(), &path))
            }
        };
        for word in matching(found, typed) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    (completion.replace.start as usize, words)
}

/// The name of a graph is a string in a query.
fn strings(names: Vec<String>) -> Vec<String> {
    names
        .iter()
        .map(|name| quote_string(name).to_string())
        .collect()
}

/// The files that a path may go on with.
fn files(typed: &str) -> Vec<String> {
    let (directory, _) = typed
        .rsplit_once('/')
        .map_or(("", typed), |(directory, name)| (directory, name));
    let before = match typed.contains('/') {
        true => format!("{directory}/"),
        false => String::new(),
    };
    let shown = if before.is_empty() { "./" } else { &before };
    // Who completes a name sees which names there are; an error would only be in the way.
    let Ok(entries) = fs::read_dir(shown) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            let slash = if entry.file_type().ok()?.is_dir() {
                "/"
            } else {
                ""
            };
            Some(format!("{before}{}{slash}", entry.file_name().to_str()?))
        })
        .collect();
    names.sort();
    names
}

fn quoted(names: Vec<String>) -> Vec<String> {
    names
        .iter()
        .map(|name| quote_name(name).to_string())
        .collect()
}

fn matching(names: Vec<String>, typed: &str) -> Vec<String> {
    // A name that must be quoted is found by its letters too.
    let begins = |name: &String| {
        let begin = name.trim_start_matches('`').get(..typed.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(typed))
    };
    names.into_iter().filter(begins).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Some3;

    impl Known for Some3 {
        fn collections(&self) -> Vec<String> {
            ["airports", "flights", "odd name"]
                .map(str::to_owned)
                .to_vec()
        }

        fn graphs(&self) -> Vec<String> {
            vec!["network".to_owned()]
        }

        fn streams(&self) -> Vec<String> {
            vec!["events".to_owned()]
        }

        fn fabrics(&self) -> Vec<String> {
            vec!["_system".to_owned(), "tests".to_owned()]
        }

        fn attributes(&self, collection: Option<&str>, path: &[String]) -> Vec<String> {
            match (collection, path) {
                (Some("airports"), []) => {
                    vec!["city".to_owned(), "country".to_owned(), "at".to_owned()]
                }
                (Some("airports"), [name]) if name == "at" => vec!["lat".to_owned()],
                _ => Vec::new(),
            }
        }
    }

    #[track_caller]
    fn check(typed: &str, start: usize, expected: &[&str]) {
        let (found_start, found) = candidates(typed, typed.len(), &Some3);
        assert_eq!(
            (found_start, found),
            (
                start,
                expected.iter().map(|word| (*word).to_owned()).collect()
            )
        );
    }

    #[test]
    fn words_are_completed() {
        check("FOR a IN fli", 9, &["flights"]);
        check("RETURN floo", 7, &["FLOOR("]);
        check("FOR a IN airports FIL", 18, &["FILTER"]);
        check("FOR a IN airports filter a.c", 27, &["city", "country"]);
        check("FOR a IN airports FILTER a.at.", 30, &["lat"]);
        check("FOR a IN od", 9, &["`odd name`"]);
        check("FOR m IN STREAM e", 16, &["events"]);
        check("RETURN concat_s", 7, &["CONCAT_SEPARATOR("]);
        check(
            "INSERT {} INTO ",
            15,
            &["airports", "flights", "`odd name`", "STREAM"],
        );
    }

    #[test]
    fn commands_are_completed() {
        check("\\t", 0, &["\\timing", "\\table"]);
        check("\\d air", 3, &["airports"]);
        check("\\create e", 8, &["edge"]);
        check("\\drop stream e", 13, &["events"]);
        check("\\drop graph n", 12, &["network"]);
        check("\\d n", 3, &["network"]);
        check("\\i Cargo.t", 3, &["Cargo.toml"]);
        check("\\i src/shell/edi", 3, &["src/shell/editor.rs"]);
        check("\\c t", 3, &["tests"]);
        check("\\help concat_", 6, &["CONCAT_SEPARATOR"]);
        check("\\explain FOR a IN fli", 18, &["flights"]);
    }

    #[test]
    fn colours_change_no_letter() {
        let text = "FOR d IN c FILTER d.x == 'ü' /* n */ RETURN LENGTH(@y) + 1.5 §";
        let shown = coloured(text);
        let mut plain = String::new();
        let mut rest = shown.as_str();
        while let Some((before, after)) = rest.split_once('\x1b') {
            plain.push_str(before);
            rest = after.split_once('m').expect("a colour ends").1;
        }
        plain.push_str(rest);
        assert_eq!(plain, text);
        assert!(shown.starts_with("\x1b[1;34mFOR\x1b[0m d"));
    }
}
