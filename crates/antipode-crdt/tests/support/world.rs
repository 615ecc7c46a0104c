//! Random causal schedules: a few replicas of one document that write, receive in any causal order, fold and store.
//!
//! Each replica holds the document twice, once never folded and once folded at random stable cuts and stored now and then.
//! Writes are made from either and applied to both. After every step:
//!
//! - replicas that have applied the same transactions hold the same state, to the last bit of metadata;
//! - the unfolded state is what the specification makes of the set of operations;
//! - the folded one shows the same, with the same version and digest;
//! - a write shows at its own replica what the same query does to a plain document;
//! - a write names the lives that its writer saw.
//!
//! At the end everything is delivered and stable: all folded states are equal and hold no stamp but newest, names and
//! element ids.

use std::collections::HashMap;

use antipode_clock::{
    Context, Dot, Hlc, ReplicaId, Reports, Seen, StableCut, Stamp, VersionVector,
};
use antipode_crdt::{
    Body, Deletes, Document, Draft, DraftChange, Number, Operation, Path, RemoveMode, WriteError,
    WriterRules, resolve,
};
use antipode_value::{Value, layout};
use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::compare::{same_value, with_specification};
use super::specification::{Stamped, lives};
use super::{json, plain, stored};

/// How the harness itself is bent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Bent {
    /// Stability as the plain minimum of the members' reports.
    pub plain_minimum: bool,
}

struct Transaction {
    origin: usize,
    seq: u64,
    stamp: Stamp,
    context: Context,
    /// The transactions that its writer had applied, a bit each.
    saw: u64,
    operations: Vec<Operation>,
}

struct Replica {
    id: ReplicaId,
    clock: u64,
    applied: u64,
    context: Context,
    reports: Reports,
    /// All that was ever reported, for stability gone wrong.
    newest_reports: HashMap<ReplicaId, VersionVector>,
    full: Document,
    folded: Document,
}

pub struct World {
    rng: SmallRng,
    bent: Bent,
    transactions: Vec<Transaction>,
    replicas: Vec<Replica>,
    reports: u64,
    states: HashMap<u64, Document>,
    is_logging: bool,
    log: Vec<String>,
}

const TRANSACTIONS_MAX: usize = 22;

/// Runs the schedule of `seed`; one that fails is run again to tell its story.
pub fn run(seed: u64, bent: Bent) -> Result<(), String> {
    if World::new(seed, bent, false).run().is_ok() {
        return Ok(());
    }
    let mut world = World::new(seed, bent, true);
    let outcome = world.run();
    outcome.map_err(|error| format!("seed {seed}: {error}\n{}", world.log.join("\n")))
}

impl World {
    fn new(seed: u64, bent: Bent, is_logging: bool) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let count = [3, 3, 3, 4, 5][rng.random_range(0..5)];
        let replicas = (0..count).map(|index| Replica {
            // Not in the order of their index, so that ties go either way.
            id: ReplicaId(1 + (index as u64 * 7 + seed) % 31),
            clock: rng.random_range(0..20),
            applied: 0,
            context: Context::new(),
            reports: Reports::new(),
            newest_reports: HashMap::new(),
            full: Document::default(),
            folded: Document::default(),
        });
        let replicas = replicas.collect();
        let (transactions, states) = (Vec::new(), HashMap::new());
        Self {
            rng,
            bent,
            transactions,
            replicas,
            reports: 0,
            states,
            is_logging,
            log: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<(), String> {
        for _ in 0..self.rng.random_range(8..36) {
            let at = self.rng.random_range(0..self.replicas.len());
            match self.rng.random_range(0..20) {
                0..=6 if self.transactions.len() < TRANSACTIONS_MAX => self.write(at)?,
                0..=12 => self.receive(at, None)?,
                13..=14 => self.spread(at)?,
                15 => self.report(at),
                _ => {
                    if self.rng.random_bool(0.6) {
                        (0..self.replicas.len()).for_each(|other| self.report(other));
                    }
                    self.fold(at)?;
                }
            }
            self.check(at)?;
        }
        self.finish()
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.is_logging {
            let line = line();
            self.log.push(line);
        }
    }

    fn write(&mut self, at: usize) -> Result<(), String> {
        // Clocks disagree: some run far ahead.
        let jump = if at == 0 || self.rng.random_bool(0.1) {
            self.rng.random_range(1..60)
        } else {
            1
        };
        let replica = &mut self.replicas[at];
        replica.clock += jump;
        let stamp = Stamp::new(Hlc(replica.clock), replica.id);
        let (context, saw) = (replica.context.clone(), replica.applied);
        let mut operations: Vec<Operation> = Vec::new();
        for index in 0..if self.rng.random_bool(0.15) { 2 } else { 1 } {
            let stamp = stamp.plus(index);
            let deletes = if self.rng.random_bool(0.5) {
                Deletes::Lose
            } else {
                Deletes::Win
            };
            let draft = self.draft(at, stamp);
            let from_folded = self.rng.random_bool(0.5);
            let replica = &self.replicas[at];
            let writer = if from_folded {
                &replica.folded
            } else {
                &replica.full
            };
            let operation = match resolve(writer, &draft, &WriterRules { deletes }) {
                Ok(operation) => operation,
                Err(WriteError::NotFound) if replica.full.show().is_none() => continue,
                Err(error) => return Err(format!("{draft:?}: {error}")),
            };
            self.note(|| format!("{at} writes {stamp} {draft:?} as {operation:?}"));
            let operation = Operation::decode(&Bytes::from(operation.encode()))
                .map_err(|error| error.to_string())?;
            self.check_names(at, &operation, &operations, stamp, &context, from_folded)?;
            let replica = &mut self.replicas[at];
            let expected = plain::after(replica.full.show().as_ref(), &draft);
            replica.full.apply(&operation, stamp, &context);
            replica.folded.apply(&operation, stamp, &context);
            same_value("own write", replica.full.show().as_ref(), expected.as_ref())?;
            operations.push(operation);
        }
        if operations.is_empty() {
            return Ok(());
        }
        let replica = &mut self.replicas[at];
        let seq = replica.context.get(replica.id).seq + 1;
        let last = stamp.plus(operations.len() as u64 - 1);
        replica.clock = last.hlc.0;
        replica
            .context
            .advance(replica.id, Seen { seq, hlc: last.hlc });
        replica.applied |= 1 << self.transactions.len();
        self.transactions.push(Transaction {
            origin: at,
            seq,
            stamp,
            context,
            saw,
            operations,
        });
        Ok(())
    }

    fn receive(&mut self, at: usize, only: Option<usize>) -> Result<(), String> {
        let applied = self.replicas[at].applied;
        let ready: Vec<usize> = (0..self.transactions.len())
            .filter(|index| {
                applied & (1 << index) == 0 && self.transactions[*index].saw & !applied == 0
            })
            .filter(|index| {
                let transaction = &self.transactions[*index];
                let origin = self.replicas[transaction.origin].id;
                only.is_none_or(|only| only == transaction.origin)
                    && self.replicas[at].context.get(origin).seq + 1 == transaction.seq
            })
            .collect();
        if ready.is_empty() {
            return Ok(());
        }
        let index = ready[self.rng.random_range(0..ready.len())];
        let transaction = &self.transactions[index];
        let origin = self.replicas[transaction.origin].id;
        let replica = &mut self.replicas[at];
        let mut last = transaction.stamp;
        let mut lost = 0;
        for (tick, operation) in (0..).zip(&transaction.operations) {
            last = transaction.stamp.plus(tick);
            lost += replica
                .full
                .apply(operation, last, &transaction.context)
                .len();
            replica.folded.apply(operation, last, &transaction.context);
        }
        replica.clock = replica.clock.max(last.hlc.0);
        replica.context.advance(
            origin,
            Seen {
                seq: transaction.seq,
                hlc: last.hlc,
            },
        );
        replica.applied |= 1 << index;
        self.note(|| format!("{at} receives up to {last}, {lost} lost"));
        Ok(())
    }

    /// What one replica wrote reaches all that can apply it, while others' writes are still under way.
    fn spread(&mut self, origin: usize) -> Result<(), String> {
        for at in 0..self.replicas.len() {
            let mut before = u64::MAX;
            while before != self.replicas[at].applied {
                before = self.replicas[at].applied;
                self.receive(at, Some(origin))?;
                self.check(at)?;
            }
        }
        Ok(())
    }

    /// A replica tells everybody what it has applied.
    fn report(&mut self, at: usize) {
        self.reports += 1;
        let (id, vector) = (
            self.replicas[at].id,
            self.replicas[at].context.version_vector(),
        );
        for replica in &mut self.replicas {
            replica.reports.take(id, self.reports, vector.clone());
            replica.newest_reports.insert(id, vector.clone());
        }
    }

    fn fold(&mut self, at: usize) -> Result<(), String> {
        let members: Vec<ReplicaId> = self.replicas.iter().map(|replica| replica.id).collect();
        let own = self.replicas[at].context.version_vector();
        let replica = &mut self.replicas[at];
        let vector = if self.bent.plain_minimum {
            let mut cut = own.clone();
            let reports: Option<Vec<_>> = members
                .iter()
                .map(|member| replica.newest_reports.get(member))
                .collect();
            reports.map(|reports| {
                reports.into_iter().for_each(|report| cut.meet(report));
                cut
            })
        } else {
            replica.reports.stable(&members, &own)
        };
        let Some(vector) = vector else {
            return Ok(());
        };
        let cut = StableCut::new(self.context_of(&vector));
        let store = self.rng.random_bool(0.4);
        let replica = &mut self.replicas[at];
        replica.folded.fold(&cut);
        if store {
            replica.folded = stored(&replica.folded)?;
        }
        self.note(|| format!("{at} folds at {cut:?}"));
        Ok(())
    }

    /// The clocks of the last operations up to `vector`.
    fn context_of(&self, vector: &VersionVector) -> Context {
        let mut context = Context::new();
        for transaction in &self.transactions {
            let replica = self.replicas[transaction.origin].id;
            if vector.covers(Dot::new(replica, transaction.seq)) {
                let hlc = transaction
                    .stamp
                    .plus(transaction.operations.len() as u64 - 1)
                    .hlc;
                context.advance(
                    replica,
                    Seen {
                        seq: transaction.seq,
                        hlc,
                    },
                );
            }
        }
        context
    }

    fn operations(&self, applied: u64) -> Vec<Stamped<'_>> {
        let applied = (0..self.transactions.len()).filter(|index| applied & (1 << index) != 0);
        applied
            .flat_map(|index| {
                let transaction = &self.transactions[index];
                let ticks = (0..).zip(&transaction.operations);
                ticks.map(|(tick, operation)| Stamped {
                    operation,
                    stamp: transaction.stamp.plus(tick),
                    context: &transaction.context,
                })
            })
            .collect()
    }

    fn check(&mut self, at: usize) -> Result<(), String> {
        let specify = self.rng.random_bool(0.4);
        if self.rng.random_bool(0.15) {
            self.replicas[at].full = stored(&self.replicas[at].full)?;
        }
        let replica = &self.replicas[at];
        same_shown(&replica.full, &replica.folded)?;
        match self.states.get(&replica.applied) {
            Some(state) if *state != replica.full => Err(format!(
                "{at} has diverged: {:?}\nfrom {state:?}",
                replica.full
            )),
            Some(_) => Ok(()),
            None => {
                if specify {
                    with_specification(&replica.full, &self.operations(replica.applied))?;
                }
                self.states.insert(replica.applied, replica.full.clone());
                Ok(())
            }
        }
    }

    /// A patch names what its writer saw alive, and whatever ends lives names all that it saw, hidden ones too. A folded
    /// writer may have forgotten hidden ones that can never come back.
    fn check_names(
        &self,
        at: usize,
        operation: &Operation,
        before: &[Operation],
        stamp: Stamp,
        context: &Context,
        folded: bool,
    ) -> Result<(), String> {
        let mut operations = self.operations(self.replicas[at].applied);
        let own = before.iter().zip(0..).map(|(operation, tick)| {
            let first = stamp.hlc.0 - before.len() as u64;
            Stamped {
                operation,
                stamp: Stamp::new(Hlc(first + tick), stamp.replica),
                context,
            }
        });
        operations.extend(own);
        let held = lives(&operations);
        let living: Vec<Stamp> = held
            .iter()
            .filter(|life| !life.is_hidden())
            .map(|life| life.name)
            .collect();
        let held: Vec<Stamp> = held.iter().map(|life| life.name).collect();
        let (names, is_right) = match operation {
            Operation::Patch { lives, .. } => (lives, *lives == living),
            Operation::Merge { ends, .. }
            | Operation::Put { ends, .. }
            | Operation::Remove { ends, .. } => {
                let among =
                    |part: &[Stamp], all: &[Stamp]| part.iter().all(|name| all.contains(name));
                (
                    ends,
                    if folded {
                        among(&living, ends) && among(ends, &held)
                    } else {
                        *ends == held
                    },
                )
            }
        };
        let mode = matches!(
            operation,
            Operation::Remove {
                mode: RemoveMode::Final,
                ..
            }
        );
        if is_right {
            Ok(())
        } else {
            Err(format!(
                "names {names:?} of {held:?}, living {living:?}, final removal: {mode}"
            ))
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        let all = (1u64 << self.transactions.len()) - 1;
        for at in 0..self.replicas.len() {
            while self.replicas[at].applied != all {
                self.receive(at, None)?;
                self.check(at)?;
            }
        }
        let Some(first) = self.replicas.first() else {
            return Ok(());
        };
        with_specification(&first.full, &self.operations(all))?;
        let cut = StableCut::new(first.context.clone());
        let mut settled = first.full.clone();
        settled.fold(&cut);
        check_settled(&settled)?;
        stored(&first.full)?;
        for replica in &mut self.replicas {
            replica.folded.fold(&cut);
            if replica.folded != settled {
                return Err(format!("folded {:?}\nis not {settled:?}", replica.folded));
            }
            same_shown(&replica.full, &replica.folded)?;
        }
        stored(&settled)?;
        Ok(())
    }
}

fn same_shown(full: &Document, folded: &Document) -> Result<(), String> {
    let shown = full.show();
    same_value("folded", folded.show().as_ref(), shown.as_ref())?;
    // The version is the newest stamp and a hash of the bytes, the digest one of both: all are equal if these are.
    let bytes = |shown: &Option<Value>| shown.as_ref().and_then(|shown| layout::encode(shown).ok());
    if bytes(&shown) != bytes(&folded.show()) {
        return Err("bytes differ".to_owned());
    }
    if full.newest() != folded.newest() {
        return Err(format!(
            "newest {:?} is {:?} when folded",
            full.newest(),
            folded.newest()
        ));
    }
    Ok(())
}

/// Nothing about the document is unstable.
fn check_settled(document: &Document) -> Result<(), String> {
    let lives = document.inspect();
    let settled = lives.len() <= 1
        && lives.iter().all(|life| {
            let mut places = life.places.iter();
            let is_settled = |place: &antipode_crdt::PlaceState| {
                place.set == Stamp::ZERO && place.object == Stamp::ZERO && place.changed.is_empty()
            };
            life.touched.is_empty() && life.removals.is_empty() && places.all(is_settled)
        });
    if settled {
        Ok(())
    } else {
        Err(format!("not settled: {lives:?}"))
    }
}

// What is written.

const PATHS: [&[&str]; 15] = [
    &["a"],
    &["a"],
    &["a", "x"],
    &["a", "x"],
    &["a", "x"],
    &["a", "y"],
    &["a", "y"],
    &["a", "x", "z"],
    &["b"],
    &["n"],
    &["n"],
    &["n"],
    &["l"],
    &["l"],
    &["_from"],
];

const VALUES: [&str; 12] = [
    "null",
    "0",
    "3",
    "3.0",
    "7",
    "true",
    r#""s""#,
    r#""t""#,
    "[]",
    "[1,2]",
    r#"["s",1,"s"]"#,
    r#"[{"q":1}]"#,
];

const OBJECTS: [&str; 6] = [
    "{}",
    r#"{"x":1}"#,
    r#"{"x":{"z":2}}"#,
    r#"{"x":[1],"y":5}"#,
    r#"{"y":{}}"#,
    r#"{"x":{"z":{"w":1}}}"#,
];

const DOCUMENTS: [&str; 8] = [
    "{}",
    r#"{"a":{"x":1,"y":2},"n":1}"#,
    r#"{"a":1,"l":["s"]}"#,
    r#"{"a":{"x":{"z":1}},"b":[],"l":[1,1]}"#,
    r#"{"n":0,"l":[],"_from":"c/1","_to":"c/2"}"#,
    r#"{"_from":"c/3","_to":"c/4","a":{}}"#,
    r#"{"b":"s"}"#,
    r#"{"a":{"x":{"z":{}}},"n":0.5}"#,
];

impl World {
    fn pick<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[self.rng.random_range(0..among.len())]
    }

    fn draft(&mut self, at: usize, stamp: Stamp) -> Draft {
        let exists = self.replicas[at].full.exists();
        let document = self.pick(&DOCUMENTS);
        match self.rng.random_range(0..100) {
            0..=27 if !exists => Draft::Insert(json(document)),
            28..=54 if !exists => {
                Draft::InsertBody(Body::of(&json(document)).expect("a document within the limits"))
            }
            55..=79 if !exists => self.upsert(stamp),
            _ if !exists => Draft::Put(json(document)),
            0..=72 => Draft::Update(self.changes(stamp)),
            73..=81 => Draft::Replace(json(document)),
            82..=86 => Draft::Put(json(document)),
            87..=88 => Draft::Insert(json(document)),
            89..=91 => Draft::Purge,
            _ => Draft::Remove,
        }
    }

    /// Counters and sets that begin in several regions at once.
    fn upsert(&mut self, stamp: Stamp) -> Draft {
        let changes = self.changes(stamp);
        let relative = changes.into_iter().filter(|(path, change)| {
            path.names()[0] != "_from"
                && !matches!(
                    change,
                    DraftChange::Assign(_) | DraftChange::Unset | DraftChange::Object
                )
        });
        let changes: Vec<_> = relative
            .filter(|(_, change)| !comes_to_null(change))
            .collect();
        let value = json(if changes.iter().any(|(path, _)| path.names()[0] == "a") {
            r#"{"b":1}"#
        } else {
            r#"{"a":{"y":1}}"#
        });
        let value = if changes.iter().any(|(path, _)| path.names()[0] == "b") {
            json("{}")
        } else {
            value
        };
        Draft::InsertWith { value, changes }
    }

    fn changes(&mut self, stamp: Stamp) -> Vec<(Path, DraftChange)> {
        let mut changes: Vec<(Path, DraftChange)> = Vec::new();
        for _ in 0..self.rng.random_range(1..=2) {
            let path = Path::new(PATHS[self.rng.random_range(0..PATHS.len())].iter().copied());
            if !changes
                .iter()
                .any(|(other, _)| other.covers(&path) || path.covers(other))
            {
                let change = self.change(&path, stamp);
                changes.push((path, change));
            }
        }
        changes
    }

    fn change(&mut self, path: &Path, stamp: Stamp) -> DraftChange {
        let kind = match path.names()[0].as_str() {
            "n" if self.rng.random_bool(0.7) => 8,
            "l" if self.rng.random_bool(0.7) => self.rng.random_range(12..=19),
            _ => self.rng.random_range(0..24),
        };
        let value = self.pick(&VALUES);
        let value = json(value);
        match kind {
            0..=2 => DraftChange::Assign(value),
            3..=4 => {
                let object = self.pick(&OBJECTS);
                DraftChange::Assign(json(object))
            }
            5..=6 => DraftChange::Unset,
            7 => DraftChange::Object,
            8..=10 => DraftChange::Increment(Number::Int(1 << (stamp.hlc.0 % 40))),
            11 => DraftChange::Increment(Number::Float(0.5)),
            12..=13 => DraftChange::Append(vec![value]),
            14 => DraftChange::Prepend(vec![value, Value::Int(9)]),
            15..=17 => DraftChange::AddUnique(vec![value, Value::from("s")]),
            18..=19 => DraftChange::RemoveValues(vec![value, Value::from("s")]),
            20..=21 => DraftChange::Max(value),
            _ => DraftChange::Min(value),
        }
    }
}

fn comes_to_null(change: &DraftChange) -> bool {
    matches!(
        change,
        DraftChange::Max(Value::Null) | DraftChange::Min(Value::Null)
    )
}
