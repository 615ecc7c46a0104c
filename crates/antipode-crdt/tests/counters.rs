//! Every increment counts exactly once, or not at all.
//!
//! Increments are pairwise distinct powers of two, so a total names the increments in it. What must be in it is decided
//! without the state: an increment counts when its writer had applied the newest assign.

mod support;

use antipode_clock::{Context, Hlc, ReplicaId, Seen, Stamp};
use antipode_crdt::{Document, Draft, DraftChange, Number, Operation, WriterRules, resolve};
use antipode_value::Value;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use support::{assign, change, put};

const REPLICAS: usize = 4;
const WRITES_MAX: usize = 48;

struct Event {
    stamp: Stamp,
    context: Context,
    /// The events that its writer had applied, a bit each.
    saw: u64,
    operation: Operation,
    /// What it adds; `None` for an assign of zero.
    adds: Option<i64>,
}

#[derive(Clone, Default)]
struct Replica {
    clock: u64,
    applied: u64,
    context: Context,
    document: Document,
}

fn id(at: usize) -> ReplicaId {
    ReplicaId(10 + at as u64)
}

fn apply(replica: &mut Replica, events: &[Event], index: usize) {
    let event = &events[index];
    replica
        .document
        .apply(&event.operation, event.stamp, &event.context);
    replica.clock = replica.clock.max(event.stamp.hlc.0);
    replica.context.advance(
        event.stamp.replica,
        Seen {
            seq: index as u64 + 1,
            hlc: event.stamp.hlc,
        },
    );
    replica.applied |= 1 << index;
}

fn write(
    replica: &mut Replica,
    at: usize,
    draft: &Draft,
    adds: Option<i64>,
    events: &mut Vec<Event>,
) {
    let operation = resolve(&replica.document, draft, &WriterRules::default()).expect("draft");
    let stamp = Stamp::new(Hlc(replica.clock + 1), id(at));
    let (context, saw) = (replica.context.clone(), replica.applied);
    events.push(Event {
        stamp,
        context,
        saw,
        operation,
        adds,
    });
    apply(replica, events, events.len() - 1);
}

fn receive(replica: &mut Replica, events: &[Event], rng: &mut SmallRng) -> bool {
    let ready: Vec<usize> = (0..events.len())
        .filter(|index| {
            replica.applied & (1 << index) == 0 && events[*index].saw & !replica.applied == 0
        })
        .collect();
    if ready.is_empty() {
        return false;
    }
    apply(replica, events, ready[rng.random_range(0..ready.len())]);
    true
}

fn run(seed: u64) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut events = Vec::new();
    let mut first = Replica::default();
    write(&mut first, 0, &put(r#"{"n":0}"#), None, &mut events);
    let mut replicas = vec![first; REPLICAS];
    for step in 0..80 {
        let at = rng.random_range(0..REPLICAS);
        let replica = &mut replicas[at];
        match rng.random_range(0..20) {
            0 if events.len() < WRITES_MAX => {
                write(replica, at, &assign("n", "0"), None, &mut events)
            }
            1..=9 if events.len() < WRITES_MAX => {
                let adds = 1i64 << events.len();
                let draft = change("n", DraftChange::Increment(Number::Int(adds)));
                write(replica, at, &draft, Some(adds), &mut events);
            }
            _ => {
                receive(replica, &events, &mut rng);
            }
        }
        let replica = &replicas[at];
        let total = replica.document.show().map(|shown| shown.attribute("n"));
        assert_eq!(
            total,
            Some(Value::Int(expected(&events, replica.applied))),
            "seed {seed}, step {step}"
        );
    }
    for replica in &mut replicas {
        while receive(replica, &events, &mut rng) {}
        let total = replica.document.show().map(|shown| shown.attribute("n"));
        assert_eq!(
            total,
            Some(Value::Int(expected(&events, u64::MAX))),
            "seed {seed}, at the end"
        );
    }
}

/// The increments, of those applied, whose writers had applied the newest assign.
fn expected(events: &[Event], applied: u64) -> i64 {
    let here = || {
        events
            .iter()
            .enumerate()
            .filter(|(index, _)| applied & (1 << index) != 0)
    };
    let assigns = here().filter(|(_, event)| event.adds.is_none());
    let (newest, _) = assigns
        .max_by_key(|(_, event)| event.stamp)
        .expect("the first is an assign");
    here()
        .filter(|(_, event)| event.saw & (1 << newest) != 0)
        .filter_map(|(_, event)| event.adds)
        .sum()
}

#[test]
fn totals_name_exactly_the_increments_that_count() {
    for seed in 0..3_000 {
        run(seed);
    }
}
