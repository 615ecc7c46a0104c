//! What a node may show after a history: a pure function, tested with lies.
//!
//! An acked write is there, and counts once; a refused one is not there; an unknown one is either, but whole. Nothing is
//! there that nobody asked for. Beyond that, what was acked later in real time has the higher stamp: one node's clock
//! never runs backwards, over crashes neither.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use crate::history::{Attempt, Operation, Outcome};
use crate::observe::Observed;
use crate::workload::pad_length;

/// Violations are counted beyond this, and not told one by one.
const TOLD_MAX: usize = 50;

/// What was found wrong.
#[derive(Debug, Default)]
pub struct Violations {
    told: Vec<String>,
    count: usize,
}

impl Violations {
    pub fn add(&mut self, text: String) {
        self.count += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(text);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of it, as text.
    pub fn text(&self) -> String {
        let mut text = self.told.join("\n");
        if self.count > self.told.len() {
            text.push_str(&format!("\nand {} more", self.count - self.told.len()));
        }
        text
    }
}

/// Compares what a node shows with what its clients were told.
pub fn check(attempts: &[Attempt], observed: &Observed) -> Violations {
    let mut violations = Violations::default();
    documents(attempts, observed, &mut violations);
    registers(attempts, observed, &mut violations);
    counters(attempts, observed, &mut violations);
    visits(attempts, observed, &mut violations);
    messages(attempts, observed, &mut violations);
    links(attempts, observed, &mut violations);
    stamps(attempts, &mut violations);
    violations
}

/// Whether something that was attempted is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Presence {
    Must,
    May,
    MustNot,
}

impl Presence {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Acked(_) => Self::Must,
            Outcome::Unknown { .. } => Self::May,
            Outcome::Refused { .. } => Self::MustNot,
        }
    }

    fn check(self, present: bool, what: &dyn Debug, violations: &mut Violations) {
        match (self, present) {
            (Self::Must, false) => violations.add(format!("{what:?} was acked, and is not there")),
            (Self::MustNot, true) => violations.add(format!("{what:?} must not be there, and is")),
            _ => {}
        }
    }
}

fn documents(attempts: &[Attempt], observed: &Observed, violations: &mut Violations) {
    let mut expected: BTreeMap<&str, (Presence, u64)> = BTreeMap::new();
    for attempt in attempts {
        match &attempt.operation {
            Operation::Insert { key, value } => {
                expected.insert(key, (Presence::of(&attempt.outcome), *value));
            }
            Operation::Remove { key } => {
                let Some((presence, _)) = expected.get_mut(key.as_str()) else {
                    violations.add(format!("{key} was removed before it was inserted"));
                    continue;
                };
                // Only what was acked is removed.
                *presence = match attempt.outcome {
                    Outcome::Acked(_) => Presence::MustNot,
                    Outcome::Unknown { .. } => Presence::May,
                    Outcome::Refused { .. } => *presence,
                };
            }
            _ => {}
        }
    }
    for (key, (presence, value)) in &expected {
        let found = observed.documents.get(*key);
        presence.check(found.is_some(), &format_args!("document {key}"), violations);
        let whole = (*value, pad_length(*value));
        if found.is_some_and(|found| *found != whole) {
            violations.add(format!("document {key} is {found:?} instead of {whole:?}"));
        }
    }
    for key in observed.documents.keys() {
        if !expected.contains_key(key.as_str()) {
            violations.add(format!("document {key} is there, and nobody inserted it"));
        }
    }
}

fn registers(attempts: &[Attempt], observed: &Observed, violations: &mut Violations) {
    // What the register may be: the last acked value, or an unknown one after it. None is: not there.
    let mut possible: BTreeMap<&str, BTreeSet<Option<u64>>> = BTreeMap::new();
    for attempt in attempts {
        let Operation::Set { key, value } = &attempt.operation else {
            continue;
        };
        let possible = possible
            .entry(key)
            .or_insert_with(|| BTreeSet::from([None]));
        match attempt.outcome {
            Outcome::Acked(_) => *possible = BTreeSet::from([Some(*value)]),
            Outcome::Unknown { .. } => {
                possible.insert(Some(*value));
            }
            Outcome::Refused { .. } => {}
        }
    }
    for (key, possible) in &possible {
        let found = observed.registers.get(*key).copied();
        if !possible.contains(&found) {
            violations.add(format!(
                "register {key} is {found:?}, and may only be one of {possible:?}"
            ));
        }
    }
    for key in observed.registers.keys() {
        if !possible.contains_key(key.as_str()) {
            violations.add(format!("register {key} is there, and nobody set it"));
        }
    }
}

/// Numbers of attempts on one counter.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    acked: u64,
    unknown: u64,
}

fn tally<'a>(
    attempts: &'a [Attempt],
    key_of: impl Fn(&'a Operation) -> Option<&'a String>,
) -> BTreeMap<&'a str, Tally> {
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for attempt in attempts {
        let Some(key) = key_of(&attempt.operation) else {
            continue;
        };
        let tally = tallies.entry(key).or_default();
        match attempt.outcome {
            Outcome::Acked(_) => tally.acked += 1,
            Outcome::Unknown { .. } => tally.unknown += 1,
            Outcome::Refused { .. } => {}
        }
    }
    tallies
}

fn within(what: &str, key: &str, found: u64, tally: Tally, violations: &mut Violations) {
    let Tally { acked, unknown } = tally;
    if found < acked {
        violations.add(format!("{what} {key} is {found}, and {acked} were acked"));
    }
    if found > acked + unknown {
        violations.add(format!(
            "{what} {key} is {found}, and only {acked} were acked, {unknown} unknown: some count twice"
        ));
    }
}

fn counters(attempts: &[Attempt], observed: &Observed, violations: &mut Violations) {
    let tallies = tally(attempts, |operation| match operation {
        Operation::Increment { key } => Some(key),
        _ => None,
    });
    for (key, tally) in &tallies {
        let found = observed.counters.get(*key).copied().unwrap_or_default();
        within(
            "counter",
            key,
            found.try_into().unwrap_or_default(),
            *tally,
            violations,
        );
    }
    // On one node increments come one after the other, and each sees all before it.
    let mut told: BTreeSet<(&str, i64)> = BTreeSet::new();
    for attempt in attempts {
        let (Operation::Increment { key }, Some(ack)) = (&attempt.operation, attempt.acked())
        else {
            continue;
        };
        let Some(counted) = ack.counted else { continue };
        if !told.insert((key, counted)) {
            violations.add(format!("counter {key} came to {counted} twice"));
        }
        if observed
            .counters
            .get(key)
            .is_none_or(|found| *found < counted)
        {
            violations.add(format!("counter {key} came to {counted}, and is less now"));
        }
    }
}

fn visits(attempts: &[Attempt], observed: &Observed, violations: &mut Violations) {
    let tallies = tally(attempts, |operation| match operation {
        Operation::Visit { key } => Some(key),
        _ => None,
    });
    for (key, tally) in &tallies {
        match observed.visits.get(*key) {
            Some(found) => within("visits of", key, *found, *tally, violations),
            None => violations.add(format!("visits of {key} are not there")),
        }
    }
}

fn messages(attempts: &[Attempt], observed: &Observed, violations: &mut Violations) {
    let mut found: BTreeMap<(usize, u64), &str> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    let mut last_of_client: BTreeMap<usize, u64> = BTreeMap::new();
    let mut last_of_producer: BTreeMap<&str, u64> = BTreeMap::new();
    for message in &observed.messages {
        let name = (message.client, message.number);
        if found.insert(name, &message.id).is_some() {
            violations.add(format!("message {name:?} is in the stream twice"));
        }
        if !ids.insert(&message.id) {
            violations.add(format!(
                "message {name:?} has the id of another, {}",
                message.id
            ));
        }
        let last = last_of_client.insert(message.client, message.number);
        if last.is_some_and(|last| last >= message.number) {
            violations.add(format!(
                "message {name:?} comes behind {last:?} of the same client"
            ));
        }
        let last = last_of_producer
            .insert(&message.producer, message.seq)
            .unwrap_or(0);
        if message.seq != last + 1 {
            violations.add(format!(
                "message {name:?} has number {} behind number {last}",
                message.seq
            ));
        }
    }
    for attempt in attempts {
        let Operation::Publish { first, count } = attempt.operation else {
            continue;
        };
        let name = |number: u64| (attempt.client, number);
        let there: Vec<Option<&&str>> = (first..first + count)
            .map(|number| found.get(&name(number)))
            .collect();
        let all = there.iter().all(Option::is_some);
        let none = there.iter().all(Option::is_none);
        if !all && !none {
            violations.add(format!(
                "of the messages {:?} of one transaction only some are there",
                attempt
            ));
        }
        Presence::of(&attempt.outcome).check(all, &attempt.operation, violations);
        let Some(ack) = attempt.acked() else { continue };
        if all
            && !ack
                .ids
                .iter()
                .map(String::as_str)
                .eq(there.into_iter().flatten().copied())
        {
            violations.add(format!(
                "the messages {attempt:?} have other ids than were told"
            ));
        }
    }
    let asked_for = |client: usize, number: u64| {
        attempts.iter().any(|attempt| match attempt.operation {
            Operation::Publish { first, count } => {
                attempt.client == client && (first..first + count).contains(&number)
            }
            _ => false,
        })
    };
    for (client, last) in last_of_client {
        // Numbers are given in order, so whoever asked for the last asked for all before.
        if !asked_for(client, last) {
            violations.add(format!(
                "message {:?} is there, and nobody published it",
                (client, last)
            ));
        }
    }
}

fn links(attempts: &[Attempt], observed: &Observed, violations: &mut Violations) {
    if observed.left != observed.links || observed.right != observed.links {
        let different = |keys: &[String]| -> Vec<String> {
            let (keys, links): (BTreeSet<_>, BTreeSet<_>) =
                (keys.iter().collect(), observed.links.iter().collect());
            keys.symmetric_difference(&links)
                .map(|key| (*key).clone())
                .collect()
        };
        violations.add(format!(
            "transactions are torn: left and links differ in {:?}, right and links in {:?}",
            different(&observed.left),
            different(&observed.right)
        ));
    }
    if observed.links_by_index != observed.links {
        violations.add(format!(
            "the edge index gives {} links, the scan {}",
            observed.links_by_index.len(),
            observed.links.len()
        ));
    }
    let mut asked_for = BTreeSet::new();
    for attempt in attempts {
        let Operation::Link { key } = &attempt.operation else {
            continue;
        };
        asked_for.insert(key);
        let present = observed.links.binary_search(key).is_ok();
        Presence::of(&attempt.outcome).check(present, &attempt.operation, violations);
    }
    for key in observed.links.iter().filter(|key| !asked_for.contains(key)) {
        violations.add(format!("link {key} is there, and nobody made it"));
    }
}

/// The part of a `_rev` that is the stamp's clock and replica, most significant first: it sorts as stamps do.
const STAMP_CHARACTERS: usize = 22;

fn stamps(attempts: &[Attempt], violations: &mut Violations) {
    let acked = attempts.iter().filter_map(|attempt| {
        let revision = attempt.acked()?.revision.as_deref()?;
        Some((attempt, revision.get(..STAMP_CHARACTERS)?))
    });
    // Begins and ends in one row: at a begin, the highest stamp that was told by then is the floor.
    let mut moments: Vec<(u64, bool, &Attempt, &str)> = Vec::new();
    for (attempt, stamp) in acked {
        moments.push((attempt.started, true, attempt, stamp));
        moments.push((attempt.ended, false, attempt, stamp));
    }
    moments.sort_by_key(|(moment, ..)| *moment);
    let mut used = BTreeSet::new();
    let mut floor = "";
    for (_, begins, attempt, stamp) in moments {
        if begins {
            if stamp <= floor {
                violations.add(format!(
                    "the clock ran backwards: {attempt:?} has a stamp not above {floor}, which was told before it began"
                ));
            }
            if !used.insert(stamp) {
                violations.add(format!("{attempt:?} has a stamp that another write has"));
            }
        } else {
            floor = floor.max(stamp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Ack;
    use crate::observe::Message;

    fn unknown() -> Outcome {
        Outcome::Unknown {
            error: "lost".to_owned(),
        }
    }

    fn refused() -> Outcome {
        Outcome::Refused {
            error: "no".to_owned(),
        }
    }

    fn acked() -> Outcome {
        Outcome::Acked(Ack::default())
    }

    fn revision(clock: u64) -> Outcome {
        Outcome::Acked(Ack {
            revision: Some(format!("{clock:022}000000")),
            ..Ack::default()
        })
    }

    fn attempts(operations: Vec<(Operation, Outcome)>) -> Vec<Attempt> {
        let numbered = operations.into_iter().zip(0..);
        numbered
            .map(|((operation, outcome), number)| Attempt {
                client: 0,
                round: 0,
                started: 2 * number,
                ended: 2 * number + 1,
                operation,
                outcome,
            })
            .collect()
    }

    #[track_caller]
    fn expect(operations: Vec<(Operation, Outcome)>, observed: &Observed, violation: Option<&str>) {
        let found = check(&attempts(operations), observed);
        match violation {
            None => assert!(found.is_empty(), "{}", found.text()),
            Some(part) => assert!(
                found.text().contains(part),
                "'{part}' is not in: {}",
                found.text()
            ),
        }
    }

    fn insert(value: u64) -> Operation {
        Operation::Insert {
            key: format!("k{value}"),
            value,
        }
    }

    fn with_document(value: u64) -> Observed {
        let documents = BTreeMap::from([(format!("k{value}"), (value, pad_length(value)))]);
        Observed {
            documents,
            ..Observed::default()
        }
    }

    #[test]
    fn documents_that_were_acked_are_there() {
        let empty = Observed::default();
        expect(vec![(insert(1), acked())], &with_document(1), None);
        expect(
            vec![(insert(1), acked())],
            &empty,
            Some("was acked, and is not there"),
        );
        expect(vec![(insert(1), unknown())], &with_document(1), None);
        expect(vec![(insert(1), unknown())], &empty, None);
        expect(
            vec![(insert(1), refused())],
            &with_document(1),
            Some("must not be there"),
        );
        expect(vec![], &with_document(1), Some("nobody inserted it"));
        let torn = Observed {
            documents: BTreeMap::from([("k1".to_owned(), (1, 0))]),
            ..Observed::default()
        };
        expect(vec![(insert(1), acked())], &torn, Some("instead of"));
    }

    #[test]
    fn removed_documents_stay_away() {
        let remove = || Operation::Remove {
            key: "k1".to_owned(),
        };
        let (there, gone) = (with_document(1), Observed::default());
        expect(vec![(insert(1), acked()), (remove(), acked())], &gone, None);
        expect(
            vec![(insert(1), acked()), (remove(), acked())],
            &there,
            Some("must not be there"),
        );
        expect(
            vec![(insert(1), acked()), (remove(), unknown())],
            &there,
            None,
        );
        expect(
            vec![(insert(1), acked()), (remove(), refused())],
            &gone,
            Some("was acked"),
        );
    }

    #[test]
    fn a_register_is_what_was_acked_last_or_unknown_since() {
        let set = |value| Operation::Set {
            key: "r".to_owned(),
            value,
        };
        let shows = |value| Observed {
            registers: BTreeMap::from([("r".to_owned(), value)]),
            ..Observed::default()
        };
        let history = || {
            vec![
                (set(1), unknown()),
                (set(2), acked()),
                (set(3), unknown()),
                (set(4), unknown()),
            ]
        };
        for value in [2, 3, 4] {
            expect(history(), &shows(value), None);
        }
        for value in [1, 5] {
            expect(history(), &shows(value), Some("may only be one of"));
        }
        expect(history(), &Observed::default(), Some("may only be one of"));
        expect(vec![(set(1), unknown())], &Observed::default(), None);
    }

    #[test]
    fn increments_count_once() {
        let increment = || Operation::Increment {
            key: "c".to_owned(),
        };
        let counted = |counted| {
            Outcome::Acked(Ack {
                counted: Some(counted),
                ..Ack::default()
            })
        };
        let shows = |value| Observed {
            counters: BTreeMap::from([("c".to_owned(), value)]),
            ..Observed::default()
        };
        let history = || {
            vec![
                (increment(), counted(1)),
                (increment(), unknown()),
                (increment(), counted(3)),
            ]
        };
        expect(history(), &shows(3), None);
        expect(history(), &shows(1), Some("2 were acked"));
        expect(history(), &shows(4), Some("count twice"));
        expect(
            vec![(increment(), counted(1)), (increment(), counted(1))],
            &shows(2),
            Some("twice"),
        );
        let visit = || Operation::Visit {
            key: "v".to_owned(),
        };
        expect(
            vec![(visit(), acked())],
            &Observed::default(),
            Some("are not there"),
        );
    }

    fn stream(messages: &[(u64, u64)]) -> Observed {
        let messages = messages.iter().map(|(number, seq)| Message {
            client: 0,
            number: *number,
            seq: *seq,
            id: format!("id{number}"),
            producer: "p".to_owned(),
        });
        Observed {
            messages: messages.collect(),
            ..Observed::default()
        }
    }

    #[test]
    fn messages_are_whole_in_order_and_once() {
        let publish = |first, count| Operation::Publish { first, count };
        let told = |numbers: std::ops::Range<u64>| {
            let ids = numbers.map(|number| format!("id{number}")).collect();
            Outcome::Acked(Ack {
                ids,
                ..Ack::default()
            })
        };
        let history = || {
            vec![
                (publish(0, 2), told(0..2)),
                (publish(2, 2), unknown()),
                (publish(4, 1), told(4..5)),
            ]
        };
        expect(
            history(),
            &stream(&[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]),
            None,
        );
        expect(history(), &stream(&[(0, 1), (1, 2), (4, 3)]), None);
        expect(
            history(),
            &stream(&[(0, 1), (1, 2), (2, 3), (4, 4)]),
            Some("only some are there"),
        );
        expect(
            history(),
            &stream(&[(0, 1), (1, 2)]),
            Some("was acked, and is not there"),
        );
        expect(
            history(),
            &stream(&[(0, 1), (1, 2), (4, 4)]),
            Some("has number 4 behind number 2"),
        );
        expect(
            history(),
            &stream(&[(1, 1), (0, 2), (4, 3)]),
            Some("comes behind"),
        );
        expect(
            history(),
            &stream(&[(0, 1), (0, 2), (1, 3), (4, 4)]),
            Some("twice"),
        );
        expect(
            history(),
            &stream(&[(0, 1), (1, 2), (4, 3), (9, 4)]),
            Some("nobody published it"),
        );
        expect(
            vec![(publish(0, 1), told(7..8))],
            &stream(&[(0, 1)]),
            Some("other ids"),
        );
    }

    #[test]
    fn transactions_are_whole() {
        let link = || Operation::Link {
            key: "l".to_owned(),
        };
        let keys = || vec!["l".to_owned()];
        let whole = Observed {
            left: keys(),
            right: keys(),
            links: keys(),
            links_by_index: keys(),
            ..Observed::default()
        };
        expect(vec![(link(), acked())], &whole, None);
        expect(vec![(link(), unknown())], &Observed::default(), None);
        expect(
            vec![(link(), acked())],
            &Observed::default(),
            Some("was acked"),
        );
        let torn = Observed {
            right: Vec::new(),
            ..whole.clone()
        };
        expect(vec![(link(), unknown())], &torn, Some("torn"));
        let unindexed = Observed {
            links_by_index: Vec::new(),
            ..whole
        };
        expect(vec![(link(), acked())], &unindexed, Some("the edge index"));
    }

    #[test]
    fn stamps_rise_in_real_time() {
        let empty = with_document(1);
        let history = |first, second| {
            vec![
                (
                    Operation::Set {
                        key: "k1".to_owned(),
                        value: 1,
                    },
                    revision(first),
                ),
                (insert(1), revision(second)),
            ]
        };
        let observed = Observed {
            registers: BTreeMap::from([("k1".to_owned(), 1)]),
            ..empty
        };
        expect(history(5, 6), &observed, None);
        expect(history(6, 5), &observed, Some("ran backwards"));
        expect(history(5, 5), &observed, Some("that another write has"));
    }
}
