//! Reads `sql-like-grammar/c8ql.ebnf` and makes sentences from it.

use std::collections::{BTreeMap, BTreeSet};

use antipode_c8ql::Keyword;

use super::random::Random;

#[derive(Clone, Debug)]
pub enum Rule {
    Terminal(String),
    /// `"a".."z"`
    Between(char, char),
    /// `? words ?`
    Prose(String),
    Production(String),
    Sequence(Vec<Rule>),
    /// With a number of its own.
    Alternatives(usize, Vec<Rule>),
    Optional(Box<Rule>),
    Repeated(Box<Rule>),
}

pub struct Grammar {
    pub productions: BTreeMap<String, Rule>,
    /// The productions whose parts stand next to each other, without white space.
    lexical: BTreeSet<String>,
    /// The least depth of productions that a sentence of each one needs.
    least: BTreeMap<String, usize>,
}

impl Grammar {
    pub fn read() -> Grammar {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql-like-grammar/c8ql.ebnf"
        );
        let text = std::fs::read_to_string(path).expect("the grammar");
        let mut reader = Reader {
            characters: text.chars().collect(),
            at: 0,
            forks: 0,
        };
        let mut productions = BTreeMap::new();
        let mut lexical = BTreeSet::new();
        loop {
            reader.skip();
            if reader.at == reader.characters.len() {
                break;
            }
            let name = reader.name();
            reader.expect('=');
            let rule = reader.alternatives();
            reader.expect(';');
            if !productions.contains_key("query_text") && name != "query_text" {
                lexical.insert(name.clone());
            }
            assert!(
                productions.insert(name.clone(), rule).is_none(),
                "{name} is defined twice"
            );
        }
        let mut grammar = Grammar {
            productions,
            lexical,
            least: BTreeMap::new(),
        };
        grammar.measure();
        grammar
    }

    /// Repeats until nothing changes: the depth of a production is one more than its shallowest way.
    fn measure(&mut self) {
        loop {
            let found: BTreeMap<String, usize> = self
                .productions
                .iter()
                .filter_map(|(name, rule)| Some((name.clone(), self.depth(rule)? + 1)))
                .collect();
            if found == self.least {
                return;
            }
            self.least = found;
        }
    }

    fn depth(&self, rule: &Rule) -> Option<usize> {
        match rule {
            Rule::Terminal(_) | Rule::Between(..) | Rule::Prose(_) => Some(0),
            Rule::Optional(_) | Rule::Repeated(_) => Some(0),
            Rule::Production(name) => self.least.get(name).copied(),
            Rule::Sequence(parts) => parts
                .iter()
                .map(|part| self.depth(part))
                .try_fold(0, |most, depth| Some(most.max(depth?))),
            Rule::Alternatives(_, ways) => ways.iter().filter_map(|way| self.depth(way)).min(),
        }
    }

    /// The words in upper case among the terminals of the productions that are not lexical, and of the
    /// tokens of two words.
    pub fn words(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        for (name, rule) in &self.productions {
            if !self.lexical.contains(name) || name == "not_in" {
                terminals(rule, &mut words);
            }
        }
        words.retain(|word| word.starts_with(|first: char| first.is_ascii_uppercase()));
        words
    }

    /// All ways at all alternatives that a query may take.
    pub fn ways(&self) -> BTreeSet<(usize, usize)> {
        let mut found = BTreeSet::new();
        for (name, rule) in &self.productions {
            if name != "comment" {
                forks(rule, &mut found);
            }
        }
        found
    }

    pub fn used_by(&self, name: &str) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        references(&self.productions[name], &mut used);
        used
    }
}

fn terminals(rule: &Rule, found: &mut BTreeSet<String>) {
    match rule {
        Rule::Terminal(text) => {
            found.insert(text.clone());
        }
        Rule::Sequence(parts) | Rule::Alternatives(_, parts) => {
            parts.iter().for_each(|part| terminals(part, found));
        }
        Rule::Optional(part) | Rule::Repeated(part) => terminals(part, found),
        Rule::Between(..) | Rule::Prose(_) | Rule::Production(_) => {}
    }
}

fn forks(rule: &Rule, found: &mut BTreeSet<(usize, usize)>) {
    match rule {
        Rule::Alternatives(fork, ways) => {
            found.extend((0..ways.len()).map(|way| (*fork, way)));
            ways.iter().for_each(|way| forks(way, found));
        }
        Rule::Sequence(parts) => parts.iter().for_each(|part| forks(part, found)),
        Rule::Optional(part) | Rule::Repeated(part) => forks(part, found),
        Rule::Between(..) | Rule::Prose(_) | Rule::Terminal(_) | Rule::Production(_) => {}
    }
}

fn references(rule: &Rule, found: &mut BTreeSet<String>) {
    match rule {
        Rule::Production(name) => {
            found.insert(name.clone());
        }
        Rule::Sequence(parts) | Rule::Alternatives(_, parts) => {
            parts.iter().for_each(|part| references(part, found));
        }
        Rule::Optional(part) | Rule::Repeated(part) => references(part, found),
        Rule::Between(..) | Rule::Prose(_) | Rule::Terminal(_) => {}
    }
}

struct Reader {
    characters: Vec<char>,
    at: usize,
    /// Alternatives read so far.
    forks: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        let rest = &self.characters[self.at..];
        text.chars()
            .enumerate()
            .all(|(index, character)| rest.get(index) == Some(&character))
    }

    /// White space and comments.
    fn skip(&mut self) {
        loop {
            if self.peek().is_some_and(char::is_whitespace) {
                self.at += 1;
            } else if self.starts_with("(*") {
                while !self.starts_with("*)") {
                    self.at += 1;
                }
                self.at += 2;
            } else {
                return;
            }
        }
    }

    fn take(&mut self, character: char) -> bool {
        self.skip();
        let found = self.peek() == Some(character);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, character: char) {
        let rest: String = self.characters[self.at..].iter().take(40).collect();
        assert!(self.take(character), "expecting {character} before {rest}");
    }

    fn name(&mut self) -> String {
        self.skip();
        let start = self.at;
        while self
            .peek()
            .is_some_and(|character| character.is_ascii_lowercase() || character == '_')
        {
            self.at += 1;
        }
        assert!(self.at > start, "expecting a name");
        self.characters[start..self.at].iter().collect()
    }

    fn until(&mut self, end: char) -> String {
        let start = self.at;
        while self.peek() != Some(end) {
            self.at += 1;
        }
        self.at += 1;
        self.characters[start..self.at - 1].iter().collect()
    }

    fn alternatives(&mut self) -> Rule {
        let mut ways = vec![self.sequence()];
        while self.take('|') {
            ways.push(self.sequence());
        }
        if ways.len() == 1 {
            return ways.remove(0);
        }
        self.forks += 1;
        Rule::Alternatives(self.forks, ways)
    }

    fn sequence(&mut self) -> Rule {
        let mut parts = Vec::new();
        while let Some(part) = self.part() {
            parts.push(part);
        }
        if parts.len() == 1 {
            parts.remove(0)
        } else {
            Rule::Sequence(parts)
        }
    }

    fn part(&mut self) -> Option<Rule> {
        self.skip();
        Some(match self.peek()? {
            quote @ ('"' | '\'') => {
                self.at += 1;
                let text = self.until(quote);
                if !self.starts_with("..") {
                    return Some(Rule::Terminal(text));
                }
                self.at += 2;
                self.expect(quote);
                let last = self.until(quote);
                let (Some(first), Some(last)) = (text.chars().next(), last.chars().next()) else {
                    panic!("a range without ends")
                };
                Rule::Between(first, last)
            }
            '?' => {
                self.at += 1;
                Rule::Prose(self.until('?').trim().to_owned())
            }
            '(' => {
                self.at += 1;
                let rule = self.alternatives();
                self.expect(')');
                rule
            }
            '[' => {
                self.at += 1;
                let rule = self.alternatives();
                self.expect(']');
                Rule::Optional(Box::new(rule))
            }
            '{' => {
                self.at += 1;
                let rule = self.alternatives();
                self.expect('}');
                Rule::Repeated(Box::new(rule))
            }
            'a'..='z' | '_' => Rule::Production(self.name()),
            _ => return None,
        })
    }
}

/// Makes sentences. Every token of a sentence is an element of its list.
pub struct Generator<'a> {
    pub grammar: &'a Grammar,
    pub random: Random,
    /// Which way was taken at which alternatives, to see that all were.
    pub taken: BTreeSet<(usize, usize)>,
    /// Ways chosen so far in this sentence.
    pub choices: usize,
}

/// After so many choices, and beyond this depth of productions, the shallowest way is taken.
const CHOICES_MAX: usize = 300;
const DEPTH_MAX: usize = 120;

impl<'a> Generator<'a> {
    pub fn new(grammar: &'a Grammar, seed: u64) -> Generator<'a> {
        Generator {
            grammar,
            random: Random::new(seed),
            taken: BTreeSet::new(),
            choices: 0,
        }
    }

    pub fn sentence(&mut self) -> Vec<String> {
        self.choices = 0;
        let mut tokens = Vec::new();
        self.production("query_text", 0, &mut tokens);
        tokens
    }

    fn production(&mut self, name: &str, depth: usize, out: &mut Vec<String>) {
        let rule = self.grammar.productions[name].clone();
        if self.grammar.lexical.contains(name) {
            // A token: its parts make one word. A name that is reserved is drawn again.
            loop {
                let mut parts = Vec::new();
                self.rule(name, &rule, depth + 1, &mut parts);
                let word = parts.concat();
                if name != "identifier" || Keyword::of(&word).is_none() {
                    return out.push(word);
                }
            }
        }
        let start = out.len();
        self.rule(name, &rule, depth + 1, out);
        if name == "written" && has_bare_in(&out[start..]) {
            out.insert(start, "(".to_owned());
            out.push(")".to_owned());
        }
    }

    fn rule(&mut self, name: &str, rule: &Rule, depth: usize, out: &mut Vec<String>) {
        match rule {
            Rule::Terminal(text) => out.push(self.cased(text)),
            Rule::Between(first, last) => {
                let width = u32::from(*last) - u32::from(*first) + 1;
                let code = u32::from(*first) + self.random.below(width as usize) as u32;
                out.extend(char::from_u32(code).map(String::from));
            }
            Rule::Prose(words) => {
                let text = self.prose(words);
                out.push(text);
            }
            Rule::Production(name) => self.production(name, depth, out),
            Rule::Sequence(parts) => parts
                .iter()
                .for_each(|part| self.rule(name, part, depth, out)),
            Rule::Alternatives(fork, ways) => {
                let way = self.way(ways, depth);
                self.taken.insert((*fork, way));
                self.rule(name, &ways[way], depth, out);
            }
            Rule::Optional(part) => {
                // DISTINCT is refused where no FOR stands before it.
                let chances = if name == "return_op" { 12 } else { 3 };
                if self.may_grow(depth) && self.random.one_in(chances) {
                    self.rule(name, part, depth, out);
                }
            }
            Rule::Repeated(part) => {
                while self.may_grow(depth) && self.random.one_in(5) {
                    self.rule(name, part, depth, out);
                }
            }
        }
    }

    fn may_grow(&mut self, depth: usize) -> bool {
        self.choices += 1;
        depth < DEPTH_MAX && self.choices < CHOICES_MAX
    }

    fn way(&mut self, ways: &[Rule], depth: usize) -> usize {
        if self.may_grow(depth) {
            return self.random.below(ways.len());
        }
        let depths: Vec<usize> = ways
            .iter()
            .map(|way| self.grammar.depth(way).unwrap_or(usize::MAX))
            .collect();
        let least = depths.iter().copied().min().unwrap_or(0);
        depths.iter().position(|depth| *depth == least).unwrap_or(0)
    }

    /// Keywords in any case; the attributes of a window are no keywords.
    fn cased(&mut self, text: &str) -> String {
        let is_keyword =
            text.len() > 1 && text.starts_with(|first: char| first.is_ascii_uppercase());
        if is_keyword && self.random.one_in(4) {
            text.to_lowercase()
        } else {
            text.to_owned()
        }
    }

    fn prose(&mut self, words: &str) -> String {
        let samples: &[&str] = match words {
            "character but ` and \\" => &["a", " ", "\n", "´", "\"", "é", "😀", "/*", "//"],
            "character but ´ and \\" => &["a", " ", "\n", "`", "'", "é", "😀", "*/", "@"],
            "character but \" and \\" => &["a", " ", "\n", "'", "`", "é", "😀", "//", "FOR"],
            "character but ' and \\" => &["a", " ", "\n", "\"", "`", "é", "😀", "/*", "\u{1}"],
            "another character, which stands for itself" => &["q", "é", "😀", "\n", "´", "`", "0"],
            "tab" => &["\t"],
            "carriage return" => &["\r"],
            "line feed" => &["\n"],
            _ => panic!("nothing known about ? {words} ?"),
        };
        samples[self.random.below(samples.len())].to_owned()
    }
}

/// Whether the tokens have an `IN` outside brackets.
fn has_bare_in(tokens: &[String]) -> bool {
    let mut depth = 0;
    tokens.iter().any(|token| {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        depth == 0 && token.eq_ignore_ascii_case("IN")
    })
}
