//! Links between machines: reliable and in order within a lane as QUIC is, until the seed says otherwise.

use std::collections::{BTreeMap, BTreeSet};

use antipode_replication::{Lane, LinkId, Micros};

use crate::plan::Plan;
use crate::random::Random;

/// A transport gives a link up when nothing has come through for so long.
const IDLE_TIMEOUT: Micros = Micros::from_ms(3_000);

/// One end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) host: usize,
    pub(crate) peer: usize,
    pub(crate) peer_link: LinkId,
    /// When the line is free again, where bandwidth is limited.
    free_at: Micros,
    /// The last arrival in each lane: nothing overtakes within one.
    last_arrival: BTreeMap<Lane, Micros>,
}

/// Who reaches whom, and how fast.
#[derive(Debug, Default)]
pub(crate) struct Network {
    ends: BTreeMap<LinkId, End>,
    /// Nothing passes from one to the other.
    cuts: BTreeSet<(usize, usize)>,
    delays: BTreeMap<(usize, usize), Micros>,
    /// Links that will be given up, and when.
    dying: BTreeMap<LinkId, Micros>,
    links_made: u64,
    /// Whether loss, doubling and reordering happen.
    pub(crate) rough: bool,
}

/// What becomes of a message.
pub(crate) struct Passage {
    /// When it has left the sender's queue.
    pub(crate) written: Micros,
    /// When it, and perhaps its double, arrive.
    pub(crate) arrivals: Vec<Micros>,
}

impl Network {
    pub(crate) fn new(plan: &Plan, dice: &mut Random) -> Self {
        let mut delays = BTreeMap::new();
        for a in 0..plan.nodes {
            for b in 0..a {
                let delay = Micros(dice.between(plan.delay.0.0, plan.delay.1.0));
                delays.insert((a, b), delay);
                delays.insert((b, a), delay);
            }
        }
        Self {
            delays,
            rough: true,
            ..Self::default()
        }
    }

    pub(crate) fn delay(&self, from: usize, to: usize) -> Micros {
        self.delays.get(&(from, to)).copied().unwrap_or_default()
    }

    pub(crate) fn end(&self, link: LinkId) -> Option<&End> {
        self.ends.get(&link)
    }

    pub(crate) fn connected(&self, a: usize, b: usize) -> bool {
        !self.cuts.contains(&(a, b)) && !self.cuts.contains(&(b, a))
    }

    /// Makes a link and gives both its ends.
    pub(crate) fn connect(&mut self, from: usize, to: usize) -> (LinkId, LinkId) {
        self.links_made += 2;
        let (here, there) = (LinkId(self.links_made - 1), LinkId(self.links_made));
        let end = |host, peer, peer_link| End {
            host,
            peer,
            peer_link,
            free_at: Micros(0),
            last_arrival: BTreeMap::new(),
        };
        self.ends.insert(here, end(from, to, there));
        self.ends.insert(there, end(to, from, here));
        (here, there)
    }

    /// Takes a link away and gives both its ends.
    pub(crate) fn close(&mut self, link: LinkId) -> Option<[(usize, LinkId); 2]> {
        let end = self.ends.remove(&link)?;
        self.ends.remove(&end.peer_link);
        self.dying.remove(&link);
        self.dying.remove(&end.peer_link);
        Some([(end.host, link), (end.peer, end.peer_link)])
    }

    pub(crate) fn links_of(&self, host: usize) -> Vec<LinkId> {
        let of_host = self.ends.iter().filter(|(_, end)| end.host == host);
        of_host.map(|(link, _)| *link).collect()
    }

    /// Lets nothing pass from one to the other.
    pub(crate) fn cut(&mut self, from: usize, to: usize, now: Micros) {
        self.cuts.insert((from, to));
        for (link, end) in &self.ends {
            if end.host == from && end.peer == to {
                self.dying.entry(*link).or_insert(now.plus(IDLE_TIMEOUT));
            }
        }
    }

    /// Lets everything pass again. Links that were to be given up live on.
    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
        self.dying.clear();
    }

    pub(crate) fn heal_pair(&mut self, a: usize, b: usize) {
        self.cuts.remove(&(a, b));
        self.cuts.remove(&(b, a));
        let ends = &self.ends;
        self.dying.retain(|link, _| {
            ends.get(link)
                .is_some_and(|end| (end.host, end.peer) != (a, b) && (end.host, end.peer) != (b, a))
        });
    }

    pub(crate) fn next_death(&self) -> Option<(Micros, LinkId)> {
        self.dying.iter().map(|(link, at)| (*at, *link)).min()
    }

    /// What becomes of a message given to the transport now.
    pub(crate) fn send(
        &mut self,
        link: LinkId,
        lane: Lane,
        bytes: usize,
        now: Micros,
        plan: &Plan,
        dice: &mut Random,
    ) -> Option<Passage> {
        let end = self.ends.get_mut(&link)?;
        let mut written = now;
        if let Some(bandwidth) = plan.bandwidth.filter(|_| self.rough) {
            let time = Micros(bytes as u64 * 1_000_000 / bandwidth.max(1));
            written = end.free_at.max(now).plus(time);
            end.free_at = written;
        }
        let lost = self.cuts.contains(&(end.host, end.peer))
            || (self.rough && dice.chance(plan.loss_percent));
        let double = self.rough && dice.chance(plan.double_percent);
        let copies = if lost { 0 } else { 1 + usize::from(double) };
        let delay = self.delays.get(&(end.host, end.peer)).copied();
        let mut arrivals = Vec::new();
        for _ in 0..copies {
            let jitter = Micros(dice.below(plan.jitter.0 + 1));
            let mut at = written.plus(delay.unwrap_or_default()).plus(jitter);
            if !(plan.reorders && self.rough) {
                let last = end.last_arrival.entry(lane).or_default();
                at = at.max(*last);
                *last = at;
            }
            arrivals.push(at);
        }
        Some(Passage { written, arrivals })
    }
}
