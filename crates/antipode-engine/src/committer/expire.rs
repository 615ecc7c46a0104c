//! Removing documents and key-value pairs whose time has come.
//!
//! Readers do not see what has expired from its moment on, each by the clock of its own node. It is removed later, by an
//! operation like any other, so that replicas stay equal. Which documents go is decided here:
//!
//! - It has expired by the clock of this node, and it is *stable*: every member has all that makes it what it is.
//! - The removal yields ([`Draft::Purge`]): whoever prolonged the document's life without knowing of the removal keeps it.
//! - One node does it. The origin of the document's newest write has the first turn, then the others in an order that
//!   every node computes alike, each a minute after the one before it, counted from when the document had expired and was
//!   stable. So two hundred regions do not remove the same document two hundred times, and one that is away holds nobody
//!   up for long.
//!
//! Marks in the space `expiry`, sorted by time, say where to look. A *pass* goes over those whose time has come, a few at a
//! time, so that no write waits long behind it. A mark with no document behind it (the index was dropped, or was another one)
//! goes too, without an operation, since marks are each node's own.
//!
//! What stays: a removal that yields only hides. The record of the document stays in the store until garbage is collected.

use std::collections::VecDeque;

use antipode_clock::{Context, ReplicaId, Reports, Seen, StableCut, VersionVector};
use antipode_crdt::Draft;
use antipode_replication::{Micros, Now, Status};
use antipode_store::keyspace::{DocumentKey, ExpiryKey};
use antipode_store::{Direction, Space, Storage};
use antipode_value::Str;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Committer;
use crate::error::EngineError;
use crate::flight::OpenBatch;
use crate::planted::bug;
use crate::request::{CommitRequest, DraftOperation, Durability, Expectation, RequestId};
use crate::stored;

/// Marks that one step looks at, at most.
const MARKS_MAX: usize = 256;
/// Documents that one step removes, at most: they make one transaction.
const REMOVALS_MAX: usize = 128;
/// Bytes of documents that one step reads, about.
const BYTES_MAX: usize = 1 << 20;
/// How long the next in turn waits for the one before it.
const TURN: Micros = Micros::from_ms(60_000);
/// Whoever comes later has this turn.
const TURN_LAST: u64 = 16;
/// Between passes from the very first mark on: what was written with a time in the past is found by them, and what had to
/// wait for its turn.
const WHOLE_PAUSE: Micros = Micros::from_ms(60_000);

/// Where the search for expired documents stands.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// What the members have reported, as far as it was usable.
    reports: Reports,
    /// What was stable when the last pass began.
    stable: VersionVector,
    cut: StableCut,
    /// What was stable at earlier times, the earliest first: a turn apart and up to the last turn back.
    earlier: VecDeque<(Micros, StableCut)>,
    pass: Option<Pass>,
    /// Marks before this time have been looked at…
    seen_ms: u64,
    /// …and some were left there, the earliest with this time.
    left_ms: Option<u64>,
    /// When to begin at the very first mark again.
    whole_due: Micros,
}

/// One way over the marks.
#[derive(Debug)]
struct Pass {
    members: Vec<ReplicaId>,
    until_ms: u64,
    /// The key of the mark where it goes on.
    next: Vec<u8>,
    /// Time of the earliest mark left behind.
    left_ms: Option<u64>,
}

/// What a step has found.
#[derive(Default)]
struct Found {
    removals: Vec<DraftOperation>,
    /// Keys of marks that say nothing any more.
    stale: Vec<Vec<u8>>,
    /// Whether there are more marks.
    more: bool,
}

/// What becomes of a mark.
enum Verdict {
    Remove,
    Leave,
    Stale,
}

impl Search {
    /// Begins a pass, if there is anything to look at.
    fn begin(
        &mut self,
        storage: &dyn Storage,
        (me, durable): (ReplicaId, &VersionVector),
        group: impl FnOnce() -> Status,
        now: Now,
    ) -> Result<(), EngineError> {
        let whole = now.at >= self.whole_due;
        let first_ms = match self.left_ms {
            _ if whole => 0,
            Some(left_ms) => left_ms.min(self.seen_ms),
            None => self.seen_ms,
        };
        let range = ExpiryKey::due(now.wall_ms).starting_at(first_ms.to_be_bytes());
        let snapshot = storage.snapshot();
        if snapshot
            .scan(Space::Expiry, range, Direction::Forward)
            .next()?
            .is_none()
        {
            self.end(now.wall_ms, None);
            self.began(whole, now);
            return Ok(());
        }
        let group = group();
        let members: Vec<ReplicaId> = group.members.iter().map(|it| it.replica).collect();
        let others: Vec<ReplicaId> = members.iter().copied().filter(|it| *it != me).collect();
        for (member, (number, vector)) in group.reports {
            self.reports.take(member, number, vector);
        }
        let Some(stable) = self.reports.stable(&others, durable) else {
            return Ok(());
        };
        if others.len() == members.len() {
            // Not a member yet.
            return Ok(());
        }
        // As long as nothing more has become stable, what was left would be left again.
        let again = whole || stable != self.stable;
        let from_ms = if again { first_ms } else { self.seen_ms };
        if stable != self.stable {
            self.cut = stable_cut(storage, &stable)?;
            self.stable = stable;
        }
        self.remember_cut(now.at);
        self.pass = Some(Pass {
            members,
            until_ms: now.wall_ms,
            next: from_ms.to_be_bytes().to_vec(),
            left_ms: if again { None } else { self.left_ms },
        });
        self.began(whole, now);
        Ok(())
    }

    /// Begins at the first mark again.
    pub fn begin_anew(&mut self) {
        self.whole_due = Micros(0);
    }

    fn began(&mut self, whole: bool, now: Now) {
        if whole {
            self.whole_due = now.at.plus(WHOLE_PAUSE);
        }
    }

    fn remember_cut(&mut self, now: Micros) {
        let newest = self.earlier.back().map(|(at, _)| *at);
        if newest.is_none_or(|at| now.since(at) >= TURN) {
            self.earlier.push_back((now, self.cut.clone()));
        }
        // The first is only needed until the one behind it is as old as the last turn asks for.
        while self
            .earlier
            .get(1)
            .is_some_and(|(at, _)| now.since(*at).0 >= TURN_LAST * TURN.0)
        {
            self.earlier.pop_front();
        }
    }

    /// What has been stable for so many turns.
    fn stable_for(&self, turns: u64, now: Micros) -> Option<&StableCut> {
        if turns == 0 {
            return Some(&self.cut);
        }
        let mut earlier = self.earlier.iter().rev();
        let (_, cut) = earlier.find(|(at, _)| now.since(*at).0 >= turns * TURN.0)?;
        Some(cut)
    }

    fn end(&mut self, until_ms: u64, left_ms: Option<u64>) {
        self.pass = None;
        self.seen_ms = until_ms.saturating_add(1);
        self.left_ms = left_ms;
    }
}

impl Pass {
    /// How many turns this node leaves a document to others: none if its newest write is from here.
    fn turns(&self, me: ReplicaId, origin: ReplicaId, mark: &[u8]) -> u64 {
        let place = |replica: ReplicaId| {
            let is_origin = replica == origin;
            (!is_origin, xxh3_64_with_seed(mark, replica.0), replica)
        };
        let mine = place(me);
        let before = self.members.iter().filter(|it| place(**it) < mine);
        (before.count() as u64).min(TURN_LAST)
    }
}

impl Committer {
    /// Looks on for documents that have expired, and adds the removal of some to the batch that fills. Nothing may be in
    /// flight. Returns whether there is more to be done at once.
    ///
    /// # Errors
    /// When the store fails: then the committer has to be made anew from the store.
    pub fn remove_expired(
        &mut self,
        search: &mut Search,
        open: &mut Option<OpenBatch>,
        durable: &VersionVector,
        group: impl FnOnce() -> Status,
        now: Now,
    ) -> Result<bool, EngineError> {
        if search.pass.is_none() {
            search.begin(&*self.storage, (self.me, durable), group, now)?;
        }
        let Some(mut pass) = search.pass.take() else {
            return Ok(false);
        };
        let found = self.look(search, &mut pass, open.as_ref(), now)?;
        if found.more {
            search.pass = Some(pass);
        } else {
            search.end(pass.until_ms, pass.left_ms);
        }
        if found.stale.is_empty() && found.removals.is_empty() {
            return Ok(found.more);
        }
        let open = open.get_or_insert_with(|| self.open());
        for mark in &found.stale {
            open.log.delete(Space::Expiry, mark);
        }
        if !found.removals.is_empty() {
            let request = CommitRequest {
                id: RequestId::default(),
                durability: Durability::Memory,
                operations: found.removals,
                return_documents: false,
            };
            // Nobody waits for it; what it did not do is found again.
            let committed = self.commit_own(open, request, now.wall_ms);
            if let Err(error @ (EngineError::Store(_) | EngineError::Inconsistent { .. })) =
                committed
            {
                return Err(error);
            }
        }
        Ok(found.more)
    }

    /// Looks at the next marks of a pass.
    fn look(
        &self,
        search: &Search,
        pass: &mut Pass,
        open: Option<&OpenBatch>,
        now: Now,
    ) -> Result<Found, EngineError> {
        let mut found = Found::default();
        let range = ExpiryKey::due(pass.until_ms).starting_at(pass.next.clone());
        let snapshot = self.storage.snapshot();
        let mut marks = snapshot.scan(Space::Expiry, range, Direction::Forward);
        let (mut looked_at, mut bytes) = (0, 0);
        while let Some((mark, _)) = marks.next()? {
            let key = ExpiryKey::decode(mark).map_err(|error| error.at(Space::Expiry, mark))?;
            let changing = open.is_some_and(|open| {
                let changes = &open.working.changes;
                changes.entry(key.collection, key.key).is_some()
            });
            let verdict = if changing {
                Verdict::Leave
            } else {
                self.judge((search, pass), (mark, key), now, &mut bytes)?
            };
            match verdict {
                Verdict::Remove => found.removals.push(DraftOperation::Document {
                    collection: key.collection,
                    key: Str::from(key.key),
                    draft: if bug!(ExpiryIsFinal) {
                        Draft::Remove
                    } else {
                        Draft::Purge
                    },
                    // It is as it was judged: nothing is in flight, and the open batch does not touch it.
                    expect: Expectation::Any,
                }),
                Verdict::Leave => {
                    pass.left_ms.get_or_insert(key.at_ms);
                }
                Verdict::Stale => found.stale.push(mark.to_vec()),
            }
            looked_at += 1;
            if looked_at >= MARKS_MAX || found.removals.len() >= REMOVALS_MAX || bytes >= BYTES_MAX
            {
                pass.next = mark.to_vec();
                pass.next.push(0);
                found.more = true;
                return Ok(found);
            }
        }
        Ok(found)
    }

    /// What is to become of a mark, by the document behind it. Adds the size of that to `bytes`.
    fn judge(
        &self,
        (search, pass): (&Search, &Pass),
        (mark, key): (&[u8], ExpiryKey<'_>),
        now: Now,
        bytes: &mut usize,
    ) -> Result<Verdict, EngineError> {
        let store_key = DocumentKey {
            collection: key.collection,
            key: key.key,
        }
        .encode();
        let Some(collection) = self.catalog.collection_by_id(key.collection) else {
            return Ok(Verdict::Stale);
        };
        let Some(record) = self.storage.get(Space::Documents, &store_key)? else {
            return Ok(Verdict::Stale);
        };
        *bytes += record.len();
        let document = stored::document(&store_key, &record, &*self.numbers)?;
        let body = document.show();
        let expires_ms = body.and_then(|body| self.catalog.expires_ms(collection, &body));
        let Some(newest) = document.newest().filter(|_| expires_ms == Some(key.at_ms)) else {
            return Ok(Verdict::Stale);
        };
        let turns = pass.turns(self.me, newest.replica, mark);
        let expired_ms = now.wall_ms.saturating_sub(key.at_ms);
        let cut = search.stable_for(turns, now.at);
        let mine = expired_ms >= turns * TURN.ms();
        match cut.filter(|cut| mine && document.is_stable(cut)) {
            Some(_) => Ok(Verdict::Remove),
            None => Ok(Verdict::Leave),
        }
    }
}

/// What every member has, from where each origin's log ends there.
fn stable_cut(storage: &dyn Storage, stable: &VersionVector) -> Result<StableCut, EngineError> {
    let mut seen: Vec<(ReplicaId, Seen)> = Vec::new();
    for (origin, seq) in stable.iter() {
        if let Some(record) = stored::log_entry(storage, origin, seq)? {
            seen.push((origin, record.header.seen()));
        }
    }
    Ok(StableCut::new(seen.into_iter().collect::<Context>()))
}
