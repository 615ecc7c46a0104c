//! The committer: the one place that changes the store.
//!
//! It takes transactions of clients ([`CommitRequest`]) and of peers ([`Record`]), gives the former their dots and stamps,
//! applies both through the same working set, and makes many of them one batch. Order of a transaction's life here:
//! check what it expects, resolve drafts against the newest state, apply, log, and account for it in heads, version
//! vector, digest and counts; all of that is in the one batch, so a crash leaves the state before or the state after.
//!
//! The committer itself writes nothing: it fills an [`OpenBatch`] and launches it as a [`Flight`], whose writing may go on
//! while the next batch fills. It is then ahead of the store by that one flight.

pub(crate) mod expire;

use std::sync::Arc;

use antipode_clock::{
    Context, Dot, Hlc, HlcClock, ReplicaId, Seen, Stamp, TxHeader, VersionVector,
};
use antipode_crdt::{Document, WriterRules, resolve};
use antipode_query::SourceError;
use antipode_replication::{Record, Refusal, Refused, StateDigest};
use antipode_store::keyspace::{GroupKey, LogKey, MetaKey};
use antipode_store::record::{ClockBound, Record as _, ReplicaTable, StoredMessage, TxOp};
use antipode_store::{Batch, GroupId, Space, Storage, StoreError, Sync};
use antipode_value::{Str, layout};

use crate::catalog::{Catalog, Deletes, Ended, SystemCollection};
use crate::changes::Changes;
use crate::error::EngineError;
use crate::flight::{Aftermath, Client, Flight, Ledger, OpenBatch};
use crate::identity::{Heads, Recovered};
use crate::index::build;
use crate::index::commit::Arriving;
use crate::planted::bug;
use crate::report::ReportLog;
use crate::request::{CommitRequest, Committed, DraftOperation, Expectation, OperationOutcome};
use crate::shared::Shared;
use crate::stored;
use crate::working::WorkingSet;

/// All fabrics are one replication group for now; the id is in every key and message.
pub(crate) const GROUP: GroupId = GroupId(1);

/// Largest transaction, in bytes of its log record.
pub const TRANSACTION_BYTES_MAX: usize = 64 << 20;

/// State of the committer. All of it can be read again from the store.
pub(crate) struct Committer {
    storage: Arc<dyn Storage>,
    me: ReplicaId,
    /// Drawn at process start; the first transaction of this process carries it.
    boot: u64,
    boot_logged: bool,
    clock: HlcClock,
    vv: VersionVector,
    heads: Heads,
    /// What has been applied, as the context of the next own transaction.
    context: Context,
    /// Away with the flight while there is one.
    ledger: Ledger,
    numbers: Arc<ReplicaTable>,
    catalog: Arc<Catalog>,
    reports: ReportLog,
    /// What the flight under way changes.
    in_flight: Option<Arc<Changes>>,
    /// What the flight before it changed: its memory serves again, once no batch stands on top of it.
    passed: Option<Arc<Changes>>,
    landed: Landed,
}

/// Room in a batch for the log records of a few small transactions, and for what is written beside them.
const LOG_RECORDS_USUAL: usize = 16;
const LOG_BYTES_USUAL: usize = 4 << 10;

/// Where the store stands.
struct Landed {
    vv: Arc<VersionVector>,
    digest: u128,
}

/// What a piece of background work came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worked {
    /// Whether the catalog is another one now.
    pub catalog_changed: bool,
    /// Whether there is more to be done.
    pub more: bool,
}

/// One transaction on its way into the batch.
struct Prepared {
    header: TxHeader,
    operations: Vec<TxOp>,
}

impl Committer {
    #[cfg_attr(not(feature = "planted-bugs"), expect(unused_mut))]
    pub fn new(storage: Arc<dyn Storage>, boot: u64, mut recovered: Recovered) -> Self {
        #[cfg(feature = "planted-bugs")]
        if bug!(DotReused) {
            let me = recovered.identity.replica;
            recovered.heads.step_back(me);
            recovered.vv.set(me, recovered.vv.get(me).saturating_sub(1));
        }
        let context = recovered.heads.context();
        let landed = Landed {
            vv: Arc::new(recovered.vv.clone()),
            digest: recovered.ledger.digest,
        };
        Self {
            storage,
            me: recovered.identity.replica,
            boot,
            boot_logged: recovered.heads.has_boot(recovered.identity.replica, boot),
            clock: HlcClock::starting_above(recovered.clock_bound),
            vv: recovered.vv,
            heads: recovered.heads,
            context,
            ledger: recovered.ledger,
            numbers: Arc::new(recovered.numbers),
            catalog: Arc::new(recovered.catalog),
            reports: recovered.reports,
            in_flight: None,
            passed: None,
            landed,
        }
    }

    pub fn me(&self) -> ReplicaId {
        self.me
    }

    /// What is applied and in the store.
    pub fn vv(&self) -> &VersionVector {
        &self.landed.vv
    }

    /// The digest of the state at [`Committer::vv`].
    pub fn digest(&self) -> StateDigest {
        StateDigest(self.landed.digest)
    }

    pub fn discarded_total(&self) -> u64 {
        self.reports.total()
    }

    /// A batch to be filled, on top of the one in flight.
    pub fn open(&mut self) -> OpenBatch {
        let passed = self.passed.take().and_then(Arc::into_inner);
        let mut changes = passed.unwrap_or_default();
        changes.clear();
        let mut log = Batch::new();
        log.reserve(LOG_RECORDS_USUAL, LOG_BYTES_USUAL);
        OpenBatch {
            working: WorkingSet::new(self.storage.clone(), self.in_flight.clone(), changes),
            log,
            aftermath: Aftermath::default(),
            catalog_changed: false,
        }
    }

    /// Adds a client's transaction to a batch, with the reply that it gets once the batch has landed.
    ///
    /// # Errors
    /// When the store fails: then nothing of the batch counts, and the committer has to be made anew from the store. What
    /// is wrong with the transaction alone is in its reply.
    pub fn commit(
        &mut self,
        open: &mut OpenBatch,
        request: CommitRequest,
        wall_ms: u64,
    ) -> Result<(), EngineError> {
        let (id, durability) = (request.id, request.durability);
        match self.commit_own(open, request, wall_ms) {
            // Damage and disk errors concern the node, not this request alone.
            Err(error @ (EngineError::Store(_) | EngineError::Inconsistent { .. })) => Err(error),
            reply => {
                open.aftermath.clients.push(Client {
                    request: id,
                    durability,
                    reply,
                });
                Ok(())
            }
        }
    }

    /// Adds transactions of peers to a batch, up to the first that cannot be applied. Returns whether one could not.
    ///
    /// # Errors
    /// As for [`Committer::commit`].
    pub fn deliver(
        &mut self,
        open: &mut OpenBatch,
        records: Vec<Record>,
    ) -> Result<bool, EngineError> {
        open.aftermath.delivered = true;
        for record in records {
            let dot = record.header.dot;
            if let Err(reason) = self.apply_remote(open, record)? {
                open.aftermath.refused.push(Refused { dot, reason });
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn commit_own(
        &mut self,
        open: &mut OpenBatch,
        request: CommitRequest,
        wall_ms: u64,
    ) -> Result<Committed, EngineError> {
        let working = &mut open.working;
        let ticks = u32::try_from(request.operations.len().max(1)).unwrap_or(u32::MAX);
        let first = self.clock.reserve(wall_ms, u64::from(ticks));
        let stamp = Stamp::new(first, self.me);
        working.begin();
        let prepared = self.prepare_own(working, &request, stamp, ticks);
        let (prepared, outcomes) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                working.roll_back();
                return Err(error);
            }
        };
        let chain = self.heads.chain(self.me);
        let record = stored::log_record(&prepared.header, &prepared.operations, chain);
        if record.bytes.len() > TRANSACTION_BYTES_MAX {
            working.roll_back();
            return Err(EngineError::TransactionTooLarge {
                bytes: record.bytes.len(),
                limit: TRANSACTION_BYTES_MAX,
            });
        }
        if !working.within_limit(&self.numbers, record.bytes.len()) {
            working.roll_back();
            return Err(EngineError::DocumentTooLarge {
                limit: layout::BYTES_MAX,
            });
        }
        self.account(&mut open.log, &record);
        self.boot_logged = true;
        self.take_schema(open, &prepared.operations)?;
        open.aftermath.records.push(record);
        Ok(Committed {
            dot: prepared.header.dot,
            stamp,
            outcomes,
            // Known when the batch is closed.
            vector: self.landed.vv.clone(),
        })
    }

    fn prepare_own(
        &mut self,
        working: &mut WorkingSet,
        request: &CommitRequest,
        stamp: Stamp,
        ticks: u32,
    ) -> Result<(Prepared, Vec<OperationOutcome>), EngineError> {
        self.number(self.me);
        let seq = self.vv.get(self.me) + 1;
        let header = TxHeader {
            dot: Dot::new(self.me, seq),
            stamp,
            ticks,
            boot: (!self.boot_logged).then_some(self.boot),
            delta: self.heads.moved_since_own(self.me, &self.context),
        };
        let mut operations = Vec::with_capacity(request.operations.len());
        let mut outcomes = Vec::with_capacity(request.operations.len());
        for (position, draft) in (0u64..).zip(&request.operations) {
            let stamp = stamp.plus(position);
            // The own entry covers the earlier operations of the same transaction.
            self.context.advance(
                self.me,
                Seen {
                    seq: seq - 1,
                    hlc: Hlc(stamp.hlc.0 - 1),
                },
            );
            let (operation, outcome) =
                self.prepare_operation(working, draft, stamp, request.return_documents)?;
            operations.push(operation);
            outcomes.push(outcome);
        }
        Ok((Prepared { header, operations }, outcomes))
    }

    fn prepare_operation(
        &mut self,
        working: &mut WorkingSet,
        draft: &DraftOperation,
        stamp: Stamp,
        return_document: bool,
    ) -> Result<(TxOp, OperationOutcome), EngineError> {
        match draft {
            DraftOperation::Document {
                collection,
                key,
                draft,
                expect,
            } => {
                let Some(entry) = self.catalog.collection_by_id(*collection) else {
                    return Err(SourceError::Gone {
                        name: format!("collection {:016x}", collection.0),
                    }
                    .into());
                };
                let name = &entry.name;
                let rules = WriterRules {
                    deletes: match entry.deletes {
                        Deletes::Win => antipode_crdt::Deletes::Win,
                        Deletes::Lose => antipode_crdt::Deletes::Lose,
                    },
                };
                let document = working.document(&self.numbers, *collection, key)?;
                meets(document, *expect, name, key)?;
                let operation = resolve(document, draft, &rules)
                    .map_err(|error| stored::source_error(error, name, key))?;
                let after = working.apply_own(Arriving {
                    catalog: &self.catalog,
                    numbers: &self.numbers,
                    collection: *collection,
                    key,
                    operation: &operation,
                    stamp,
                    context: &self.context,
                })?;
                let shown = if return_document { after.show() } else { None };
                let outcome = OperationOutcome {
                    revision: working.revision(&self.numbers, *collection, key)?,
                    document: shown,
                    message_seq: None,
                };
                Ok((
                    TxOp::Document {
                        collection: *collection,
                        key: key.clone(),
                        operation,
                    },
                    outcome,
                ))
            }
            DraftOperation::Message { stream, message } => {
                if self.catalog.stream_by_id(*stream).is_none() {
                    return Err(SourceError::Gone {
                        name: format!("stream {:016x}", stream.0),
                    }
                    .into());
                }
                let stored = StoredMessage {
                    hlc: stamp.hlc,
                    transaction_seq: self.vv.get(self.me) + 1,
                    message: message.clone(),
                };
                let seq = working.append(*stream, self.me, &stored)?;
                let outcome = OperationOutcome {
                    revision: None,
                    document: None,
                    message_seq: Some(seq),
                };
                Ok((
                    TxOp::Message {
                        stream: *stream,
                        message: message.clone(),
                    },
                    outcome,
                ))
            }
        }
    }

    /// Applies a peer's transaction. The outer error is the store's, the inner one the record's.
    fn apply_remote(
        &mut self,
        open: &mut OpenBatch,
        record: Record,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let header = record.header.clone();
        let origin = header.dot.replica;
        // A record that was handed over twice, around a refusal, changes nothing.
        if self.vv.covers(header.dot) {
            return Ok(Ok(()));
        }
        if header.dot.seq != self.vv.get(origin) + 1 || origin == self.me {
            return Ok(Err(Refusal::Fork));
        }
        let operations = match stored::operations(&record, self.heads.chain(origin)) {
            Ok(operations) => operations,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if operations.len() as u64 > u64::from(header.ticks) {
            return Ok(Err(Refusal::Damaged));
        }
        let mut context = header.context(&self.heads.context_of(origin));
        self.number(origin);
        for (replica, _) in &header.delta {
            self.number(*replica);
        }
        let prepared = Prepared { header, operations };
        self.apply_operations(&mut open.working, &prepared, &mut context)?;
        if !bug!(HlcNotMoved) {
            self.clock.observe(prepared.header.last_hlc());
        }
        self.account(&mut open.log, &record);
        self.take_schema(open, &prepared.operations)?;
        Ok(Ok(()))
    }

    fn apply_operations(
        &mut self,
        working: &mut WorkingSet,
        prepared: &Prepared,
        context: &mut Context,
    ) -> Result<(), EngineError> {
        let Dot {
            replica: origin,
            seq,
        } = prepared.header.dot;
        for (position, operation) in (0u64..).zip(&prepared.operations) {
            let stamp = prepared.header.stamp.plus(position);
            context.advance(
                origin,
                Seen {
                    seq: seq - 1,
                    hlc: Hlc(stamp.hlc.0.saturating_sub(1)),
                },
            );
            match operation {
                TxOp::Document {
                    collection,
                    key,
                    operation,
                } => {
                    // Delivery is causal, so the collection's creation was seen before: what is not there was dropped.
                    if self.catalog.collection_by_id(*collection).is_none() {
                        self.reports.count_dropped();
                        continue;
                    }
                    working.apply_merged(Arriving {
                        catalog: &self.catalog,
                        numbers: &self.numbers,
                        collection: *collection,
                        key,
                        operation,
                        stamp,
                        context,
                    })?;
                }
                TxOp::Message { stream, message } => {
                    if self.catalog.stream_by_id(*stream).is_none() {
                        self.reports.count_dropped();
                        continue;
                    }
                    let message = message.clone();
                    let stored = StoredMessage {
                        hlc: stamp.hlc,
                        transaction_seq: seq,
                        message,
                    };
                    working.append(*stream, origin, &stored)?;
                }
            }
        }
        Ok(())
    }

    /// Sees to it that documents can name a replica.
    fn number(&mut self, replica: ReplicaId) {
        if !self.numbers.knows(replica) {
            Arc::make_mut(&mut self.numbers).ensure(replica);
        }
    }

    /// Puts a transaction into the log and moves heads and vector over it.
    fn account(&mut self, batch: &mut Batch, record: &Record) {
        let header = &record.header;
        batch.put(
            Space::Log,
            &LogKey {
                group: GROUP,
                dot: header.dot,
            }
            .encode(),
            &record.bytes,
        );
        self.vv.advance(header.dot);
        self.heads.advance(record);
        self.context.advance(header.dot.replica, header.seen());
    }

    /// Lets the catalog follow the schema documents that a transaction changed.
    fn take_schema(
        &mut self,
        open: &mut OpenBatch,
        operations: &[TxOp],
    ) -> Result<(), EngineError> {
        let working = &mut open.working;
        for operation in operations {
            let TxOp::Document {
                collection, key, ..
            } = operation
            else {
                continue;
            };
            if !SystemCollection::is_schema(*collection) {
                continue;
            }
            let shown = working.document(&self.numbers, *collection, key)?.show();
            let Some(shown) = shown else { continue };
            open.catalog_changed = true;
            if *collection == SystemCollection::Indexes.id() {
                let changed = Arc::make_mut(&mut self.catalog).take_index(&shown);
                working.take_index(changed);
                continue;
            }
            let ended = Arc::make_mut(&mut self.catalog).take_document(*collection, &shown);
            match ended {
                Some(Ended::Collection(id)) => {
                    let catalog = Arc::make_mut(&mut self.catalog);
                    working.remove_indexes(&catalog.indexes.end_collection(id));
                    working.end_collection(&self.numbers, id)?;
                }
                Some(Ended::Stream(id)) => working.end_stream(id),
                None => {}
            }
        }
        Ok(())
    }

    /// Closes a batch: adds what all its transactions left behind, and makes it ready to be written. `None` where there is
    /// nothing to write. The flight before it must have landed.
    pub fn launch(&mut self, open: OpenBatch, shared: &Arc<Shared>) -> (Option<Flight>, Aftermath) {
        let (changes, reports) = open.working.freeze();
        let (mut batch, mut aftermath) = (open.log, open.aftermath);
        if batch.is_empty() && changes.is_empty() {
            // All its transactions failed; but an index may have become ready while it filled.
            if open.catalog_changed {
                shared.publish_catalog(self.catalog.clone());
            }
            return (None, aftermath);
        }
        let vv = Arc::new(self.vv.clone());
        for client in &mut aftermath.clients {
            if let Ok(committed) = &mut client.reply {
                committed.vector = vv.clone();
            }
        }
        self.reports.take(reports, &mut batch);
        if let Some(bound) = self.clock.bound_needed(self.clock.last()) {
            batch.put(
                Space::Meta,
                &MetaKey::ClockBound.encode(),
                &ClockBound(bound).seal(),
            );
            self.clock.bound_is_durable(bound);
        }
        let numbers_are_new = self.numbers.has_new();
        if numbers_are_new {
            Arc::make_mut(&mut self.numbers).take_new(&mut batch);
        }
        self.heads.put_moved(&mut batch);
        let changes = Arc::new(changes);
        self.in_flight = Some(changes.clone());
        let flight = Flight {
            storage: self.storage.clone(),
            shared: shared.clone(),
            changes,
            batch,
            numbers: self.numbers.clone(),
            numbers_are_new,
            catalog: self.catalog.clone(),
            catalog_is_new: open.catalog_changed,
            ledger: std::mem::take(&mut self.ledger),
            vv,
        };
        (Some(flight), aftermath)
    }

    /// Takes back what the flight that brought the store to `vv` carried.
    pub fn landed(&mut self, vv: Arc<VersionVector>, ledger: Ledger) {
        self.passed = self.in_flight.take();
        self.landed = Landed {
            vv,
            digest: ledger.digest,
        };
        self.ledger = ledger;
    }

    /// Whether an index is to be built, or the entries of one are to go.
    pub fn has_index_work(&self) -> bool {
        let indexes = &self.catalog.indexes;
        indexes.ended().is_some() || indexes.unbuilt().is_some()
    }

    /// Does a piece of the background work on indexes, if there is any, while nothing is in flight; `open` is the batch that
    /// fills, if one does.
    ///
    /// # Errors
    /// When the store fails: then the committer has to be made anew from the store.
    pub fn index_work(
        &mut self,
        open: Option<&mut OpenBatch>,
        shared: &Shared,
    ) -> Result<Option<Worked>, EngineError> {
        let holders = open.as_ref().map(|open| &open.working.changes.holders);
        let step = build::step(&*self.storage, &self.numbers, &mut self.catalog, holders)?;
        let Some(step) = step else {
            return Ok(None);
        };
        self.storage.write(step.batch, Sync::No)?;
        match open {
            // Its schema is in the catalog already, but not yet in the store.
            Some(open) => open.catalog_changed |= step.catalog_changed,
            None if step.catalog_changed => shared.publish_catalog(self.catalog.clone()),
            None => {}
        }
        Ok(Some(Worked {
            catalog_changed: step.catalog_changed,
            more: step.more,
        }))
    }

    /// Writes one record of metadata, outside of any transaction.
    pub fn put_meta(&mut self, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(Space::Meta, key, record);
        self.storage.write(batch, Sync::No)
    }
}

pub(crate) fn group_key(item: GroupKey) -> Vec<u8> {
    MetaKey::Group(GROUP, item).encode()
}

/// Whether a document is as the write needs it.
fn meets(
    document: &Document,
    expect: Expectation,
    collection: &str,
    key: &Str,
) -> Result<(), EngineError> {
    let found = document.revision();
    let names = || (collection.to_owned(), key.to_string());
    let error = match expect {
        Expectation::Any => None,
        Expectation::Absent => found.map(|_| {
            let (collection, key) = names();
            SourceError::KeyTaken { collection, key }
        }),
        Expectation::Exists => found.is_none().then(|| {
            let (collection, key) = names();
            SourceError::NotFound { collection, key }
        }),
        Expectation::Unchanged(seen) => (found != seen).then(|| {
            let (collection, key) = names();
            SourceError::Conflict { collection, key }
        }),
        Expectation::Revision(wanted) => (found != Some(wanted)).then(|| {
            let (collection, key) = names();
            match found {
                Some(_) => SourceError::Conflict { collection, key },
                None => SourceError::NotFound { collection, key },
            }
        }),
    };
    error.map_or(Ok(()), |error| Err(error.into()))
}
