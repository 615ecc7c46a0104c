//! Which names mean what, where.
//!
//! A (sub)query is a scope; each FOR in it opens another that lasts to its end; COLLECT closes those and opens one with
//! what it introduces. A name may be declared once among all scopes that are open, so an inner query never hides a
//! variable of an outer one; only `OLD`, `NEW` and `CURRENT` give way to newer ones.

use crate::expression::Variable;

/// What opened a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScopeKind {
    /// The main query or a subquery.
    Query,
    /// FOR.
    For,
    /// COLLECT.
    Collect,
    /// The brackets of an inline expression, with `CURRENT`.
    Inline,
}

#[derive(Debug)]
struct Entry {
    name: String,
    meaning: Meaning,
    special: bool,
}

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A variable.
    Variable(Variable),
    /// `OLD` where the statement has none to give, and says so rather than calling it unknown.
    Forbidden,
}

#[derive(Debug)]
struct Scope {
    kind: ScopeKind,
    entries: Vec<Entry>,
}

/// The open scopes, outermost first.
#[derive(Debug, Default)]
pub(super) struct Scopes(Vec<Scope>);

impl Scopes {
    pub(super) fn open(&mut self, kind: ScopeKind) {
        self.0.push(Scope {
            kind,
            entries: Vec::new(),
        });
    }

    /// Closes the innermost scope.
    pub(super) fn close(&mut self) {
        self.0.pop();
    }

    /// Closes a (sub)query with everything that it left open.
    pub(super) fn close_query(&mut self) {
        while let Some(scope) = self.0.pop() {
            if scope.kind == ScopeKind::Query {
                break;
            }
        }
    }

    /// Declares a variable; false if the name is taken.
    pub(super) fn declare(&mut self, name: &str, variable: Variable) -> bool {
        let taken = self
            .0
            .iter()
            .flat_map(|scope| &scope.entries)
            .any(|entry| !entry.special && entry.name == name);
        if !taken {
            self.add(name, Meaning::Variable(variable), false);
        }
        !taken
    }

    /// Gives `OLD`, `NEW` or `CURRENT` a new meaning.
    pub(super) fn declare_special(&mut self, name: &str, meaning: Meaning) {
        self.add(name, meaning, true);
    }

    fn add(&mut self, name: &str, meaning: Meaning, special: bool) {
        if let Some(scope) = self.0.last_mut() {
            scope.entries.push(Entry {
                name: name.to_owned(),
                meaning,
                special,
            });
        }
    }

    /// What a name means here.
    pub(super) fn find(&self, name: &str) -> Option<Meaning> {
        let entries = self
            .0
            .iter()
            .rev()
            .flat_map(|scope| scope.entries.iter().rev());
        entries
            .filter(|entry| entry.name == name)
            .map(|entry| entry.meaning)
            .next()
    }

    /// Names that a person may have meant.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|scope| &scope.entries)
            .map(|entry| entry.name.as_str())
    }

    /// Whether a FOR or COLLECT is open in the current (sub)query.
    pub(super) fn in_loop(&self) -> bool {
        self.0
            .last()
            .is_some_and(|scope| scope.kind != ScopeKind::Query)
    }

    /// The user's variables that COLLECT gathers: those inside FOR scopes of the current (sub)query, or all of it where
    /// there is no FOR.
    pub(super) fn gathered(&self) -> Vec<(String, Variable)> {
        let of_query = self
            .0
            .iter()
            .rposition(|scope| scope.kind == ScopeKind::Query)
            .unwrap_or(0);
        let inner = self.0.get(of_query + 1..).unwrap_or_default();
        let scopes = if inner.is_empty() {
            self.0.get(of_query..).unwrap_or_default()
        } else {
            inner
        };
        let entries = scopes
            .iter()
            .flat_map(|scope| &scope.entries)
            .filter(|entry| !entry.special);
        entries
            .filter_map(|entry| match entry.meaning {
                Meaning::Variable(variable) => Some((entry.name.clone(), variable)),
                Meaning::Forbidden => None,
            })
            .collect()
    }

    /// Closes the loops of the current (sub)query, and opens the scope of what COLLECT introduces. Without a loop the
    /// variables of the (sub)query stay.
    pub(super) fn collect(&mut self) {
        if !self.in_loop() {
            return;
        }
        while self.in_loop() {
            self.0.pop();
        }
        self.open(ScopeKind::Collect);
    }
}
