//! What the table of functions says of each, taken apart, and put together for people: `\help` and the reference in
//! `docs/functions` show the same.
//!
//! The text of a function is made of lines: its signature, a colon and what it does; `- ` a parameter and what it takes;
//! `> ` the types of the result; `! ` what happens to a wrong argument; and examples, each an expression, ` // ` and its
//! result as JSON, where `, warning N` may follow, or `error N`.

use std::fmt::Write as _;

use super::Function;

/// What is to be known of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documentation {
    /// Name and parameters.
    pub signature: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Names of the parameters, with what they take.
    pub parameters: Vec<(&'static str, &'static str)>,
    /// Types of the result.
    pub result: &'static str,
    /// What happens to a wrong argument; empty where none can be wrong.
    pub wrong: &'static str,
    /// Expressions with their results.
    pub examples: Vec<(&'static str, &'static str)>,
}

impl Function {
    /// What is to be known of it.
    pub fn documentation(&self) -> Documentation {
        let mut lines = self.doc.lines();
        let first = lines.next().unwrap_or_default();
        // The signature ends with the parenthesis in front of the first colon.
        let (signature, summary) = first.split_once("): ").unwrap_or((first, ""));
        let mut documentation = Documentation {
            signature: first.get(..=signature.len()).unwrap_or(first),
            summary,
            parameters: Vec::new(),
            result: "",
            wrong: "",
            examples: Vec::new(),
        };
        for line in lines {
            if let Some(parameter) = line.strip_prefix("- ") {
                documentation.parameters.extend(parameter.split_once(": "));
            } else if let Some(result) = line.strip_prefix("> ") {
                documentation.result = result;
            } else if let Some(wrong) = line.strip_prefix("! ") {
                documentation.wrong = wrong;
            } else {
                documentation.examples.extend(line.rsplit_once(" // "));
            }
        }
        documentation
    }

    /// What is to be known of it, as text for a terminal.
    pub fn help(&self) -> String {
        let documentation = self.documentation();
        let mut text = format!(
            "{} → {}\n\n{}\n",
            documentation.signature,
            documentation.result,
            documentation.sentences()
        );
        // Writing to a string cannot fail.
        if !documentation.parameters.is_empty() {
            let width = documentation.parameters.iter().map(|(name, _)| name.len());
            let width = width.max().unwrap_or_default();
            text.push('\n');
            for (name, takes) in &documentation.parameters {
                let _ = writeln!(text, "  {name:<width$}  {takes}");
            }
        }
        for part in [documentation.wrong, self.caution()] {
            if !part.is_empty() {
                let _ = writeln!(text, "\n{part}");
            }
        }
        text.push('\n');
        for (expression, result) in &documentation.examples {
            let _ = writeln!(text, "  {expression}  ⇒  {result}");
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// What is to be known beyond what it does: when it is evaluated, and what it waits for.
    pub fn caution(&self) -> &'static str {
        match (self.needs, self.deterministic, self.constant) {
            (Some("a search view"), _, _) => "It works on a search view, and there are none yet.",
            (Some("a vector view"), _, _) => "It works on a vector view, and there are none yet.",
            (Some(_), _, _) => "It works on a vector index, and there are none yet.",
            (None, false, _) => "It is evaluated for every row, in its place.",
            (None, true, false) => {
                "The same arguments give the same throughout a query; nothing is computed before the query runs."
            }
            (None, true, true) => "",
        }
    }
}

impl Documentation {
    /// What it does, as sentences.
    pub fn sentences(&self) -> String {
        let mut letters = self.summary.chars();
        match letters.next() {
            Some(first) => first.to_uppercase().chain(letters).collect(),
            None => String::new(),
        }
    }
}
