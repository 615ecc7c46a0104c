//! Finding what is missing and getting it: digests, requests, and the streams that answer them.
//!
//! ```text
//!   A ── Digest(vv) ─────────▶ B    B is behind, and still is after a moment
//!   A ◀─ Want(ranges, 1 MiB) ─ B    one request per gap, to a peer whose vector covers it
//!   A ── Txs, Txs, … ────────▶ B    from the log, in stamp order, on the bulk lane
//!   A ◀─ Credit(2 MiB) ─────── B    as B gets through it
//!   A ── Txs, last ──────────▶ B
//! ```
//!
//! A transfer has no state worth keeping: what arrived is in the receiver's vector, so a transfer that broke off is
//! resumed by asking for what is still missing, of whoever has it. Records come in the order of their stamps, which is a
//! causal order, so the receiver applies each as it comes and its buffer stays small however long the backlog.

use std::collections::{BTreeMap, BTreeSet};

use antipode_clock::{Dot, ReplicaId, VersionVector};

use crate::message::{Credit, Digest, Message, Run, Txs, Want};
use crate::record::{ChainHash, LogRange, Record};
use crate::replication::{Replication, Turn};
use crate::{Alarm, Lane, LinkId, Micros, Output, ReadId, WriteGate};

/// Ranges of one origin in one request.
const RANGES_PER_ORIGIN_MAX: usize = 8;
/// A request waits for this much room in the queue to the asker.
const BULK_QUEUE_BYTES: u64 = 1 << 20;
/// Gaps that pushes reveal are looked at no more often than this: most fill themselves.
const GAP_PAUSE: Micros = Micros::from_ms(20);
/// How soon to try again when nobody could be asked.
const GAP_RETRY: Micros = Micros::from_ms(100);

/// Something that a peer has announced and that is not here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    /// The first missing sequence number.
    first: u64,
    /// Since when.
    since: Micros,
    /// Not to be waited for.
    urgent: bool,
}

/// A request under way, on the asker's side.
#[derive(Debug)]
pub(crate) struct Fetch {
    transfer: u64,
    ranges: Vec<LogRange>,
    received: u64,
    granted: u64,
    last_progress: Micros,
}

/// A request under way, on the answerer's side.
#[derive(Debug)]
pub(crate) struct Serve {
    transfer: u64,
    ranges: Vec<LogRange>,
    credit: u64,
    sent: u64,
    pub(crate) reading: Option<ReadId>,
}

/// The newest report heard of a member.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) number: u64,
    pub(crate) vv: VersionVector,
}

/// Chain hashes at the durable vector, and of the records applied since.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    durable: BTreeMap<ReplicaId, ChainHash>,
    recent: BTreeMap<ReplicaId, BTreeMap<u64, ChainHash>>,
}

impl Chains {
    pub(crate) fn new(durable: BTreeMap<ReplicaId, ChainHash>) -> Self {
        Self {
            durable,
            recent: BTreeMap::new(),
        }
    }

    pub(crate) fn applied(&mut self, dot: Dot, chain: ChainHash) {
        self.recent
            .entry(dot.replica)
            .or_default()
            .insert(dot.seq, chain);
    }

    pub(crate) fn made_durable(&mut self, vv: &VersionVector) {
        for (origin, recent) in &mut self.recent {
            let later = recent.split_off(&vv.get(*origin).saturating_add(1));
            let passed = std::mem::replace(recent, later);
            if let Some((_, chain)) = passed.last_key_value() {
                self.durable.insert(*origin, *chain);
            }
        }
        self.recent.retain(|_, recent| !recent.is_empty());
    }

    fn at(&self, dot: Dot, durable: &VersionVector) -> Option<ChainHash> {
        if durable.get(dot.replica) == dot.seq {
            return self.durable.get(&dot.replica).copied();
        }
        self.recent.get(&dot.replica)?.get(&dot.seq).copied()
    }
}

impl Replication {
    /// Tells one near peer and two others how far we are.
    pub(crate) fn send_digests(&mut self, turn: &mut Turn<'_>) {
        let interval = self.config.digest_interval.0;
        let pause = interval / 2 + self.rng.below(interval.max(1));
        self.digest_due = turn.now.at.plus(Micros(pause));
        let mut others = self.data_links();
        let near = others.iter().copied().min_by_key(|id| self.nearness(*id));
        let mut chosen = Vec::from_iter(near);
        others.retain(|id| Some(*id) != near);
        while chosen.len() < 3 && !others.is_empty() {
            let index = self.rng.below(others.len() as u64) as usize;
            chosen.push(others.swap_remove(index));
        }
        for id in chosen {
            self.send_digest(id, turn);
        }
    }

    /// Own region first, then by round trip.
    fn nearness(&self, id: LinkId) -> (bool, u64) {
        self.links.get(&id).map_or((true, u64::MAX), |link| {
            let region = link.peer.as_ref().map(|peer| &peer.member.region);
            let round_trip = link.clock.round_trip().map_or(u64::MAX, |micros| micros.0);
            (region != Some(&self.identity.region), round_trip)
        })
    }

    pub(crate) fn send_digest(&mut self, id: LinkId, turn: &mut Turn<'_>) {
        if self.on_probation() || self.gate != WriteGate::Open {
            return;
        }
        let Some(peer) = self.data_peer(id) else {
            return;
        };
        let queued = self.links.get(&id).map_or(0, |link| link.queued);
        if queued > 2 * self.config.queue_bytes_max {
            return;
        }
        let chains = self
            .durable
            .iter()
            .map(|(origin, seq)| {
                let chain = self.chains.at(Dot::new(origin, seq), &self.durable);
                chain.unwrap_or_default()
            })
            .collect();
        let digest = Digest {
            epoch: self.membership.reference(),
            // No report: its number could not be kept.
            said: match self.suspended {
                true => 0,
                false => self.membership.next_said(),
            },
            vv: self.durable.clone(),
            chains,
            state: self.digest,
            echo: self.reports.get(&peer).map_or(0, |report| report.number),
        };
        self.send(id, Lane::Control, &Message::Digest(digest), turn);
    }

    pub(crate) fn on_digest(&mut self, id: LinkId, digest: Digest, turn: &mut Turn<'_>) {
        let Some(peer) = self.admit(id, digest.epoch, turn) else {
            return;
        };
        let newest = self.reports.get(&peer).map_or(0, |report| report.number);
        if digest.said > newest {
            let report = Report {
                number: digest.said,
                vv: digest.vv.clone(),
            };
            self.reports.insert(peer, report);
        }
        if self.histories_differ(peer, &digest, turn) {
            return;
        }
        self.heard_vector(id, peer, &digest.vv, turn);
        self.schedule_gaps(turn.now.at);
    }

    /// Raises the alarm if two replicas that should hold the same do not.
    fn histories_differ(&mut self, peer: ReplicaId, digest: &Digest, turn: &mut Turn<'_>) -> bool {
        let fork = digest
            .vv
            .iter()
            .zip(&digest.chains)
            .find(|((origin, seq), theirs)| {
                let ours = self.chains.at(Dot::new(*origin, *seq), &self.durable);
                **theirs != ChainHash(0) && ours.is_some_and(|ours| ours != **theirs)
            })
            .map(|((origin, seq), _)| (origin, seq));
        if let Some((origin, seq)) = fork {
            self.estrange(peer, Alarm::Fork { origin, seq, peer }, turn);
            return true;
        }
        if digest.vv == self.durable
            && let (Some(theirs), Some(ours)) = (digest.state, self.digest)
            && theirs != ours
        {
            let alarm = Alarm::Divergence {
                peer,
                vv: digest.vv.clone(),
                ours: ours.0,
                theirs: theirs.0,
            };
            self.estrange(peer, alarm, turn);
            return true;
        }
        false
    }

    /// Notes what a peer has; it must not have more of our own log than we do.
    pub(crate) fn heard_vector(
        &mut self,
        id: LinkId,
        peer: ReplicaId,
        vv: &VersionVector,
        turn: &mut Turn<'_>,
    ) {
        if let Some(link) = self.links.get_mut(&id) {
            link.vv.merge(vv);
        }
        let theirs = vv.get(self.identity.replica);
        if theirs > self.applied.get(self.identity.replica) {
            self.own_log_lost(peer, theirs, "it has later records", turn);
        }
    }

    pub(crate) fn schedule_gaps(&mut self, at: Micros) {
        self.gaps_due = Some(self.gaps_due.map_or(at, |due| due.min(at)));
    }

    /// What a peer had when its link opened is not on its way: it is asked for at once.
    pub(crate) fn mark_gaps_urgent(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        for (origin, seq) in link.vv.iter() {
            if seq > self.released.get(origin) {
                let first = self.buffer.first_missing(origin, self.released.get(origin));
                let gap = Gap {
                    first,
                    since: Micros(0),
                    urgent: true,
                };
                self.gaps.insert(origin, gap);
            }
        }
    }

    /// Looks for gaps and asks for those that do not fill by themselves.
    pub(crate) fn mind_gaps(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.at;
        if self.suspended {
            self.gaps_due = None;
            return;
        }
        self.drop_silent_fetches(now);
        if self.gaps_due.is_none_or(|due| due > now) {
            return;
        }
        self.gaps_due = None;
        self.refresh_gaps(now);
        let under_way: BTreeSet<_> = self
            .links
            .values()
            .filter_map(|link| link.fetch.as_ref())
            .flat_map(|fetch| fetch.ranges.iter().map(|range| range.origin))
            .collect();
        let mut ripe = BTreeMap::new();
        let mut next = None;
        for (origin, gap) in &self.gaps {
            let due = gap.since.plus(self.patience(*origin));
            if under_way.contains(origin) {
                continue;
            } else if gap.urgent || due <= now {
                ripe.insert(*origin, gap.first);
            } else {
                next = Some(next.map_or(due, |next: Micros| next.min(due)));
            }
        }
        self.ask(&mut ripe, turn);
        if !ripe.is_empty() {
            let retry = now.plus(GAP_RETRY);
            next = Some(next.map_or(retry, |next| next.min(retry)));
        }
        if let Some(next) = next {
            self.schedule_gaps(next);
        }
    }

    /// How long a record of `origin` may be on its way.
    fn patience(&self, origin: ReplicaId) -> Micros {
        let round_trip = self
            .link_of(origin)
            .and_then(|id| self.links.get(&id))
            .and_then(|link| link.clock.round_trip())
            .unwrap_or_default();
        Micros(self.config.gap_patience.0 + 2 * round_trip.0.min(self.config.want_timeout.0))
    }

    fn refresh_gaps(&mut self, now: Micros) {
        let mut announced = VersionVector::new();
        for id in self.data_links() {
            if let Some(link) = self.links.get(&id) {
                announced.merge(&link.vv);
            }
        }
        let crowded = self.buffer.is_crowded();
        let before = std::mem::take(&mut self.gaps);
        for (origin, last) in announced.iter() {
            let have = self.released.get(origin);
            let known = self.membership.epoch().has_member(origin);
            let ours = origin == self.identity.replica;
            if last <= have || ours || !known || self.held.contains(&origin) {
                continue;
            }
            let first = self.buffer.first_missing(origin, have);
            // What lies behind records that wait themselves would only push others out of a crowded buffer.
            if first > last || (crowded && first > have + 1) {
                continue;
            }
            let gap = match before.get(&origin) {
                Some(gap) if gap.first == first => *gap,
                Some(gap) if gap.urgent => Gap { first, ..*gap },
                _ => Gap {
                    first,
                    since: now,
                    urgent: false,
                },
            };
            self.gaps.insert(origin, gap);
        }
    }

    /// Gives up requests that bring nothing; their gaps are asked of another peer.
    fn drop_silent_fetches(&mut self, now: Micros) {
        let busy = self.in_flight_bytes >= self.config.handed_bytes_max;
        let mut dropped = false;
        for link in self.links.values_mut() {
            let Some(fetch) = &mut link.fetch else {
                continue;
            };
            if busy {
                fetch.last_progress = now;
            } else if now.since(fetch.last_progress) >= self.config.want_timeout {
                link.fetch = None;
                link.avoid_until = now.plus(self.config.want_timeout);
                dropped = true;
            }
        }
        if dropped {
            self.schedule_gaps(now);
        }
    }

    /// When a request will have been silent for too long.
    pub(crate) fn fetch_due(&self) -> Option<Micros> {
        self.links
            .values()
            .filter_map(|link| link.fetch.as_ref())
            .map(|fetch| fetch.last_progress.plus(self.config.want_timeout))
            .min()
    }

    /// Asks the peers that cover most, until every ripe gap is asked for or nobody is left.
    fn ask(&mut self, ripe: &mut BTreeMap<ReplicaId, u64>, turn: &mut Turn<'_>) {
        let mut under_way = self
            .links
            .values()
            .filter(|link| link.fetch.is_some())
            .count();
        while under_way < self.config.transfers_max && !ripe.is_empty() {
            let Some(id) = self.best_source(ripe, turn.now.at) else {
                return;
            };
            self.want(id, ripe, turn);
            under_way += 1;
        }
    }

    fn best_source(&self, ripe: &BTreeMap<ReplicaId, u64>, now: Micros) -> Option<LinkId> {
        self.data_links()
            .into_iter()
            .filter_map(|id| {
                let link = self.links.get(&id).filter(|link| link.fetch.is_none())?;
                let covered: u64 = ripe
                    .iter()
                    .map(|(origin, first)| {
                        link.vv
                            .get(*origin)
                            .saturating_add(1)
                            .saturating_sub(*first)
                    })
                    .fold(0, u64::saturating_add);
                let fresh = link.avoid_until <= now;
                let near = std::cmp::Reverse(self.nearness(id));
                (covered > 0).then_some((fresh, covered, near, id))
            })
            .max()
            .map(|(_, _, _, id)| id)
    }

    fn want(&mut self, id: LinkId, ripe: &mut BTreeMap<ReplicaId, u64>, turn: &mut Turn<'_>) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let mut ranges = Vec::new();
        ripe.retain(|origin, first| {
            let last = link.vv.get(*origin);
            if last >= *first {
                let have = self.released.get(*origin);
                ranges.extend(
                    self.buffer
                        .missing(*origin, have, last, RANGES_PER_ORIGIN_MAX),
                );
            }
            last < *first
        });
        for range in &ranges {
            if let Some(gap) = self.gaps.get_mut(&range.origin) {
                gap.urgent = false;
                gap.since = turn.now.at;
            }
        }
        self.next_transfer += 1;
        let transfer = self.next_transfer;
        link.fetch = Some(Fetch {
            transfer,
            ranges: ranges.clone(),
            received: 0,
            granted: self.config.credit_bytes,
            last_progress: turn.now.at,
        });
        #[cfg(feature = "planted-bugs")]
        if self.config.planted.skip_last_record {
            for range in &mut ranges {
                range.last -= 1;
            }
            ranges.retain(|range| range.first <= range.last);
        }
        let want = Want {
            epoch: self.membership.reference(),
            transfer,
            vv: self.durable.clone(),
            ranges,
            credit: self.config.credit_bytes,
        };
        self.send(id, Lane::Control, &Message::Want(want), turn);
    }

    /// Lets transfers go on as far as the committer keeps up. While the buffer is crowded only those go on that bring
    /// something that can be applied next: records that came from several peers in an order of their own would else push
    /// each other out. A transfer held back for long ends, and what it was to bring is asked for again.
    pub(crate) fn extend_credits(&mut self, turn: &mut Turn<'_>) {
        if self.in_flight_bytes >= self.config.handed_bytes_max {
            return;
        }
        let epoch = self.membership.reference();
        let crowded = self.buffer.is_crowded();
        let mut credits = Vec::new();
        for link in self.links.values_mut() {
            if let Some(fetch) = &mut link.fetch {
                let brings_next = |range: &LogRange| {
                    let next = self.released.get(range.origin) + 1;
                    let wanted = range.first <= next && next <= range.last;
                    wanted && self.buffer.first_missing(range.origin, next - 1) == next
                };
                if crowded && !fetch.ranges.iter().any(brings_next) {
                    continue;
                }
                let total = fetch.received.saturating_add(self.config.credit_bytes);
                if total.saturating_sub(fetch.granted) >= self.config.credit_bytes / 4 {
                    fetch.granted = total;
                    credits.push((
                        link.id,
                        Credit {
                            epoch,
                            transfer: fetch.transfer,
                            total,
                        },
                    ));
                }
            }
        }
        for (id, credit) in credits {
            self.send(id, Lane::Control, &Message::Credit(credit), turn);
        }
    }

    /// Records of a peer, pushed or asked for.
    pub(crate) fn on_txs(&mut self, id: LinkId, txs: Txs, turn: &mut Turn<'_>) {
        let Some(peer) = self.admit(id, txs.epoch, turn) else {
            return;
        };
        let mut bytes = 0;
        for run in &txs.runs {
            bytes += self.take_run(peer, run, turn);
        }
        self.heard_vector(id, peer, &txs.vv, turn);
        let now = turn.now.at;
        self.schedule_gaps(now.plus(GAP_PAUSE));
        if let Some(link) = self.links.get_mut(&id)
            && let Some(fetch) = &mut link.fetch
            && fetch.transfer == txs.transfer
        {
            fetch.received = fetch.received.saturating_add(bytes).max(txs.sent);
            fetch.last_progress = now;
            if txs.last {
                if fetch.received == 0 {
                    link.avoid_until = now.plus(self.config.want_timeout);
                }
                link.fetch = None;
                self.schedule_gaps(now);
            }
        }
    }

    /// Buffers the records of a run that are new; returns what all of them count for.
    fn take_run(&mut self, peer: ReplicaId, run: &Run, turn: &mut Turn<'_>) -> u64 {
        let origin = run.origin;
        let known = self.membership.epoch().has_member(origin);
        let mut size = 0;
        for (seq, bytes) in (run.first..).zip(&run.records) {
            size += Record::size_of(bytes);
            let dot = Dot::new(origin, seq);
            let wanted = known && !self.suspended && !self.held.contains(&origin);
            if self.released.covers(dot) || !wanted {
                continue;
            }
            if origin == self.identity.replica {
                self.own_log_lost(peer, seq, "it sent us a record of ours", turn);
                continue;
            }
            match (self.reader)(bytes.clone()) {
                Ok(record) if record.header.dot == dot => {
                    self.buffer.offer(record, &self.released);
                }
                Ok(record) => {
                    let reason = format!("record {} in the place of {dot}", record.header.dot);
                    self.alarm(Alarm::Damaged { peer, reason }, turn);
                }
                Err(damaged) => {
                    let reason = format!("record {dot}: {damaged}");
                    self.alarm(Alarm::Damaged { peer, reason }, turn);
                }
            }
        }
        size
    }

    pub(crate) fn on_want(&mut self, id: LinkId, want: Want, turn: &mut Turn<'_>) {
        let Some(peer) = self.admit(id, want.epoch, turn) else {
            return;
        };
        self.heard_vector(id, peer, &want.vv, turn);
        if let Some(link) = self.links.get_mut(&id) {
            if link
                .serve
                .as_ref()
                .is_some_and(|serve| serve.transfer == want.transfer)
            {
                return;
            }
            if let Some(read) = link.serve.take().and_then(|serve| serve.reading) {
                self.reads.remove(&read);
            }
            link.serve = Some(Serve {
                transfer: want.transfer,
                ranges: want.ranges,
                credit: want.credit,
                sent: 0,
                reading: None,
            });
            self.serve(id, turn);
        }
    }

    pub(crate) fn on_credit(&mut self, id: LinkId, credit: Credit, turn: &mut Turn<'_>) {
        if self.admit(id, credit.epoch, turn).is_none() {
            return;
        }
        if let Some(link) = self.links.get_mut(&id)
            && let Some(serve) = &mut link.serve
            && serve.transfer == credit.transfer
        {
            serve.credit = serve.credit.max(credit.total);
            self.serve(id, turn);
        }
    }

    /// Reads on, if the asker has room and the last piece is out.
    pub(crate) fn serve(&mut self, id: LinkId, turn: &mut Turn<'_>) {
        let own_last = self.own_last_sendable();
        let me = self.identity.replica;
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let queued = link.queued;
        let Some(serve) = &mut link.serve else {
            return;
        };
        if serve.reading.is_some() || serve.sent >= serve.credit || queued >= BULK_QUEUE_BYTES {
            return;
        }
        let ranges: Vec<_> = serve
            .ranges
            .iter()
            .map(|range| LogRange {
                last: if range.origin == me {
                    range.last.min(own_last)
                } else {
                    range.last
                },
                ..*range
            })
            .filter(|range| range.first <= range.last)
            .collect();
        if ranges.is_empty() {
            self.send_page(id, Vec::new(), turn);
            return;
        }
        self.next_read += 1;
        let read = ReadId(self.next_read);
        serve.reading = Some(read);
        let bytes_max = self.config.read_bytes.min(serve.credit - serve.sent);
        self.reads.insert(read, id);
        turn.outputs.push(Output::ReadLog {
            read,
            ranges,
            bytes_max,
        });
    }

    /// The last of our own transactions that may be shown to others.
    fn own_last_sendable(&self) -> u64 {
        if self.on_probation() || self.gate != WriteGate::Open {
            return 0;
        }
        self.durable.get(self.identity.replica)
    }

    pub(crate) fn on_log_read(
        &mut self,
        read: ReadId,
        records: Vec<Record>,
        damaged: Option<String>,
        turn: &mut Turn<'_>,
    ) {
        if let Some(reason) = damaged {
            self.alarm(Alarm::LogUnreadable { reason }, turn);
        }
        let Some(id) = self.reads.remove(&read) else {
            return;
        };
        let Some(serve) = self.links.get_mut(&id).and_then(|link| link.serve.as_mut()) else {
            return;
        };
        if serve.reading == Some(read) {
            serve.reading = None;
            self.send_page(id, records, turn);
            self.serve(id, turn);
        }
    }

    /// Sends what was read; the transfer ends when nothing was.
    fn send_page(&mut self, id: LinkId, records: Vec<Record>, turn: &mut Turn<'_>) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let Some(serve) = &mut link.serve else {
            return;
        };
        let nothing = records.is_empty();
        for record in &records {
            serve.sent = serve.sent.saturating_add(record.size());
            pass(&mut serve.ranges, record.header.dot);
        }
        let last = nothing || serve.ranges.is_empty();
        let txs = Txs {
            epoch: self.membership.reference(),
            vv: self.durable.clone(),
            transfer: serve.transfer,
            last,
            sent: serve.sent,
            runs: runs(records),
        };
        if last {
            link.serve = None;
        }
        if self.data_peer(id).is_some() {
            self.send(id, Lane::Bulk, &Message::Txs(txs), turn);
        }
    }
}

/// Takes a record out of the ranges that are still to be read.
fn pass(ranges: &mut Vec<LogRange>, dot: Dot) {
    for range in ranges.iter_mut() {
        if range.origin == dot.replica && range.first == dot.seq {
            range.first += 1;
        }
    }
    ranges.retain(|range| range.first <= range.last);
}

/// Groups records, in their order, into runs of consecutive ones of one origin.
fn runs(records: Vec<Record>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for record in records {
        let dot = record.header.dot;
        match runs.last_mut() {
            Some(run)
                if run.origin == dot.replica && run.first + run.records.len() as u64 == dot.seq =>
            {
                run.records.push(record.bytes);
            }
            _ => runs.push(Run {
                origin: dot.replica,
                first: dot.seq,
                records: vec![record.bytes],
            }),
        }
    }
    runs
}
