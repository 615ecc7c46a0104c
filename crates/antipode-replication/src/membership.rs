//! Agreeing on the next epoch: one single-decree Paxos per epoch number.
//!
//! ```text
//!  newcomer        coordinator (any member)          members
//!     │── Join ────────▶│── Seal(ballot) ────────────────▶│  promise, durable
//!     │                 │◀─ Sealed(what I voted for) ─────│
//!     │                 │── Accept(ballot, epoch e+1) ───▶│  vote, durable
//!     │                 │◀─ Accepted ─────────────────────│
//!     │◀── Epoch e+1 ───│── Epoch e+1 ───────────────────▶│  more than half: decided
//! ```
//!
//! This version only adds members, so nobody is sealed and a majority is enough for both phases. A member that is asked
//! to join somebody coordinates; several may at once, and the higher ballot wins. A coordinator that dies leaves at most
//! an accepted proposal, which whoever proposes next must take over unchanged.
//!
//! Whatever is said here is said after it is durable: the machine asks for the unsaved state before it sends anything.

use std::collections::{BTreeMap, BTreeSet};

use antipode_clock::ReplicaId;
use bytes::Bytes;

use crate::message::{Message, Seal, Sealed, Vote};
use crate::state::{Accepted, Ballot, Epoch, EpochRef, Member, MembershipState};
use crate::{Config, Micros};

/// How many report and vote numbers are reserved with one write.
const SAID_BLOCK: u64 = 1_000;
/// How many newcomers one change can wait for.
const NEWCOMERS_MAX: usize = 64;
/// A newcomer that has not asked for so many retry intervals has gone elsewhere.
const NEWCOMER_PATIENCE: u64 = 10;
/// A proposal is repeated so often before a higher ballot is tried.
const ATTEMPTS_MAX: u32 = 4;

/// What membership wants done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// To one replica.
    Send(ReplicaId, Message),
    /// To every peer, member or not.
    Broadcast(Message),
    /// There is a new epoch.
    Adopted,
    /// The peer has another epoch of the same number, or of another history.
    Split { peer: ReplicaId, theirs: EpochRef },
}

#[derive(Debug)]
struct Proposal {
    ballot: Ballot,
    phase: Phase,
    /// When it is repeated.
    due: Micros,
    attempts: u32,
}

#[derive(Debug)]
enum Phase {
    Sealing(BTreeMap<ReplicaId, Option<Accepted>>),
    Voting(Epoch, BTreeSet<ReplicaId>),
}

/// The membership of one group, as one replica knows it.
#[derive(Debug)]
pub(crate) struct Membership {
    me: ReplicaId,
    state: MembershipState,
    dirty: bool,
    said: u64,
    proposal: Option<Proposal>,
    /// Replicas that asked to join, and when last.
    newcomers: BTreeMap<ReplicaId, (Member, Micros)>,
    /// The highest round met in a refusal.
    round_seen: u64,
    /// No proposal before this.
    next_try: Micros,
    /// Since when an accepted proposal has been left undecided.
    undecided_since: Option<Micros>,
    effects: Vec<Effect>,
}

impl Membership {
    pub(crate) fn new(me: ReplicaId, state: MembershipState) -> Self {
        let said = state.said;
        Self {
            me,
            state,
            dirty: false,
            said,
            proposal: None,
            newcomers: BTreeMap::new(),
            round_seen: 0,
            next_try: Micros(0),
            undecided_since: None,
            effects: Vec::new(),
        }
    }

    pub(crate) fn epoch(&self) -> &Epoch {
        &self.state.epoch
    }

    pub(crate) fn reference(&self) -> EpochRef {
        self.state.epoch.reference()
    }

    pub(crate) fn is_member(&self) -> bool {
        self.state.epoch.has_member(self.me)
    }

    /// The highest report or vote number used.
    pub(crate) fn said(&self) -> u64 {
        self.said
    }

    /// A number never used before, also not before a restart.
    pub(crate) fn next_said(&mut self) -> u64 {
        self.said += 1;
        if self.said >= self.state.said {
            self.state.said = self.said + SAID_BLOCK;
            self.dirty = true;
        }
        self.said
    }

    /// The state, if it has changed since it was last made durable. Nothing may be sent before this is.
    pub(crate) fn take_unsaved(&mut self) -> Option<Bytes> {
        std::mem::take(&mut self.dirty).then(|| self.state.encode())
    }

    /// Everything to be done once the state is durable.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// A replica asks to become a member.
    pub(crate) fn asked_to_join(
        &mut self,
        newcomer: Member,
        now: Micros,
        config: &Config,
        jitter: u64,
    ) {
        let replica = newcomer.replica;
        if self.state.epoch.has_member(replica) {
            let epoch = self.state.epoch.clone();
            self.effects
                .push(Effect::Send(replica, Message::Epoch(epoch)));
            return;
        }
        if !self.is_member() || self.state.epoch.is_retired(replica) {
            return;
        }
        if self.newcomers.len() < NEWCOMERS_MAX || self.newcomers.contains_key(&replica) {
            self.newcomers.insert(replica, (newcomer, now));
        }
        self.propose_if_due(now, config, jitter);
    }

    /// When [`Membership::tick`] has something to do.
    pub(crate) fn due(&self, config: &Config) -> Option<Micros> {
        if let Some(proposal) = &self.proposal {
            return Some(proposal.due);
        }
        if !self.newcomers.is_empty() {
            return Some(self.next_try);
        }
        self.undecided_since
            .map(|since| since.plus(config.epoch_patience))
    }

    pub(crate) fn tick(&mut self, now: Micros, config: &Config, jitter: u64) {
        let patience = Micros(config.retry_interval.0 * NEWCOMER_PATIENCE);
        self.newcomers
            .retain(|_, (_, asked)| now.since(*asked) <= patience);
        if self.state.accepted.is_some() {
            self.undecided_since.get_or_insert(now);
        }
        if let Some(proposal) = &mut self.proposal {
            if now < proposal.due {
                return;
            }
            proposal.due = now.plus(config.retry_interval);
            proposal.attempts += 1;
            if proposal.attempts > ATTEMPTS_MAX {
                self.proposal = None;
                self.next_try = now.plus(backoff(config, jitter));
            } else {
                self.ask_members();
            }
        }
        self.propose_if_due(now, config, jitter);
    }

    fn propose_if_due(&mut self, now: Micros, config: &Config, jitter: u64) {
        let orphaned = self
            .undecided_since
            .is_some_and(|since| now.since(since) >= config.epoch_patience);
        let wanted = !self.newcomers.is_empty() || orphaned;
        if self.proposal.is_some() || !wanted || !self.is_member() {
            return;
        }
        if now < self.next_try {
            return;
        }
        if orphaned {
            self.undecided_since = Some(now);
        }
        let promised = self.state.promised.map_or(0, |ballot| ballot.round);
        let ballot = Ballot {
            round: promised.max(self.round_seen).saturating_add(1),
            proposer: self.me,
        };
        self.state.promised = Some(ballot);
        self.dirty = true;
        self.next_said();
        let own = [(self.me, self.state.accepted.clone())];
        self.proposal = Some(Proposal {
            ballot,
            phase: Phase::Sealing(own.into_iter().collect()),
            due: now
                .plus(config.retry_interval)
                .plus(Micros(jitter % 100_000)),
            attempts: 0,
        });
        self.ask_members();
        self.count(now);
    }

    /// Asks those members that have not answered yet.
    fn ask_members(&mut self) {
        let Some(proposal) = &self.proposal else {
            return;
        };
        let ballot = proposal.ballot;
        let message = match &proposal.phase {
            Phase::Sealing(_) => Message::Seal(Seal {
                number: self.state.epoch.number() + 1,
                ballot,
            }),
            Phase::Voting(epoch, _) => Message::Accept(Accepted {
                ballot,
                epoch: epoch.clone(),
            }),
        };
        let answered = |replica: ReplicaId| match &proposal.phase {
            Phase::Sealing(answers) => answers.contains_key(&replica),
            Phase::Voting(_, votes) => votes.contains(&replica),
        };
        let asked: Vec<_> = self
            .state
            .epoch
            .members()
            .iter()
            .map(|member| member.replica)
            .filter(|replica| !answered(*replica))
            .collect();
        for replica in asked {
            self.effects.push(Effect::Send(replica, message.clone()));
        }
    }

    /// Goes to the next phase when enough have answered.
    fn count(&mut self, now: Micros) {
        let majority = self.state.epoch.majority();
        let Some(proposal) = &mut self.proposal else {
            return;
        };
        if let Phase::Sealing(answers) = &proposal.phase {
            if answers.len() < majority {
                return;
            }
            let taken_over = answers
                .values()
                .flatten()
                .max_by_key(|accepted| accepted.ballot)
                .map(|accepted| accepted.epoch.clone());
            let newcomers: Vec<_> = self
                .newcomers
                .values()
                .map(|(member, _)| member.clone())
                .collect();
            let epoch = match taken_over {
                Some(epoch) => epoch,
                None if newcomers.is_empty() => {
                    self.proposal = None;
                    return;
                }
                None => self.state.epoch.joined_by(&newcomers),
            };
            self.state.accepted = Some(Accepted {
                ballot: proposal.ballot,
                epoch: epoch.clone(),
            });
            self.dirty = true;
            self.undecided_since.get_or_insert(now);
            proposal.phase = Phase::Voting(epoch, [self.me].into_iter().collect());
            proposal.attempts = 0;
            self.ask_members();
        }
        let decided = match self.proposal.as_ref().map(|proposal| &proposal.phase) {
            Some(Phase::Voting(epoch, votes)) if votes.len() >= majority => epoch.clone(),
            _ => return,
        };
        self.adopt(decided.clone());
        self.effects
            .push(Effect::Broadcast(Message::Epoch(decided)));
    }

    pub(crate) fn sealed(&mut self, from: ReplicaId, sealed: Sealed, now: Micros) {
        let number = self.state.epoch.number() + 1;
        let member = self.state.epoch.has_member(from);
        if let Some(proposal) = &mut self.proposal
            && member
            && sealed.number == number
            && sealed.ballot == proposal.ballot
            && let Phase::Sealing(answers) = &mut proposal.phase
        {
            let follows = |accepted: &Accepted| {
                accepted.epoch.number() == number
                    && accepted.epoch.descends_from(self.state.epoch.reference())
            };
            answers.insert(from, sealed.accepted.filter(follows));
            self.count(now);
        }
    }

    pub(crate) fn accepted(&mut self, from: ReplicaId, vote: Vote, now: Micros) {
        let number = self.state.epoch.number() + 1;
        let member = self.state.epoch.has_member(from);
        if let Some(proposal) = &mut self.proposal
            && member
            && vote.number == number
            && vote.ballot == proposal.ballot
            && let Phase::Voting(_, votes) = &mut proposal.phase
        {
            votes.insert(from);
            self.count(now);
        }
    }

    pub(crate) fn refused(&mut self, vote: Vote, now: Micros, config: &Config, jitter: u64) {
        if vote.number != self.state.epoch.number() + 1 {
            return;
        }
        self.round_seen = self.round_seen.max(vote.ballot.round);
        if self
            .proposal
            .as_ref()
            .is_some_and(|proposal| proposal.ballot < vote.ballot)
        {
            self.proposal = None;
            self.next_try = now.plus(backoff(config, jitter));
        }
    }

    /// A coordinator asks for a promise.
    pub(crate) fn seal(
        &mut self,
        from: ReplicaId,
        seal: Seal,
        now: Micros,
        config: &Config,
        jitter: u64,
    ) {
        if !self.may_vote(from, seal.number) {
            return;
        }
        if self.promise(seal.ballot) {
            // Somebody coordinates already: its change comes first, and ours need not fight it.
            self.next_try = self.next_try.max(now.plus(backoff(config, jitter)));
            let said = self.next_said();
            let sealed = Sealed {
                number: seal.number,
                ballot: seal.ballot,
                accepted: self.state.accepted.clone(),
                said,
            };
            self.effects
                .push(Effect::Send(from, Message::Sealed(sealed)));
        } else {
            self.refuse(from, seal.number);
        }
    }

    /// A coordinator asks for a vote.
    pub(crate) fn accept(&mut self, from: ReplicaId, proposed: Accepted, now: Micros) {
        let number = proposed.epoch.number();
        if !self.may_vote(from, number) {
            return;
        }
        if !proposed.epoch.descends_from(self.reference()) {
            let theirs = proposed.epoch.reference();
            self.effects.push(Effect::Split { peer: from, theirs });
            return;
        }
        if self.promise(proposed.ballot) {
            let ballot = proposed.ballot;
            if self.state.accepted.as_ref() != Some(&proposed) {
                self.state.accepted = Some(proposed);
                self.dirty = true;
            }
            self.undecided_since.get_or_insert(now);
            let said = self.next_said();
            let vote = Vote {
                number,
                ballot,
                said,
            };
            self.effects
                .push(Effect::Send(from, Message::Accepted(vote)));
        } else {
            self.refuse(from, number);
        }
    }

    /// Whether a question about epoch `number` is the current one; else tells the asker or asks back.
    fn may_vote(&mut self, from: ReplicaId, number: u64) -> bool {
        let epoch = &self.state.epoch;
        if number <= epoch.number() {
            let message = Message::Epoch(epoch.clone());
            self.effects.push(Effect::Send(from, message));
            return false;
        }
        if number > epoch.number() + 1 {
            let message = Message::NeedEpoch(epoch.reference());
            self.effects.push(Effect::Send(from, message));
            return false;
        }
        self.is_member() && epoch.has_member(from)
    }

    fn promise(&mut self, ballot: Ballot) -> bool {
        if self
            .state
            .promised
            .is_some_and(|promised| promised > ballot)
        {
            return false;
        }
        if self.state.promised != Some(ballot) {
            self.state.promised = Some(ballot);
            self.dirty = true;
        }
        if self
            .proposal
            .as_ref()
            .is_some_and(|proposal| proposal.ballot < ballot)
        {
            self.proposal = None;
        }
        true
    }

    fn refuse(&mut self, from: ReplicaId, number: u64) {
        let refusal = Vote {
            number,
            ballot: self.state.promised.unwrap_or_default(),
            said: self.said,
        };
        self.effects
            .push(Effect::Send(from, Message::Refused(refusal)));
    }

    /// A peer sent its epoch.
    pub(crate) fn offered(&mut self, from: ReplicaId, epoch: Epoch) {
        let mine = self.reference();
        let theirs = epoch.reference();
        let related = match theirs.number.cmp(&mine.number) {
            std::cmp::Ordering::Greater => epoch.descends_from(mine),
            std::cmp::Ordering::Equal => theirs == mine,
            std::cmp::Ordering::Less => self.state.epoch.descends_from(theirs),
        };
        if !related {
            self.effects.push(Effect::Split { peer: from, theirs });
        } else if theirs.number > mine.number {
            let introduced = self.state.epoch.number() > 0 || epoch.has_member(self.me);
            if introduced {
                self.adopt(epoch);
            }
        }
    }

    fn adopt(&mut self, epoch: Epoch) {
        self.state.epoch = epoch;
        self.state.promised = None;
        self.state.accepted = None;
        self.proposal = None;
        self.undecided_since = None;
        self.round_seen = 0;
        self.dirty = true;
        let members = &self.state.epoch;
        self.newcomers
            .retain(|replica, _| !members.has_member(*replica));
        self.effects.push(Effect::Adopted);
    }
}

/// How long a coordinator that was outbid waits, so that two do not outbid each other for ever.
fn backoff(config: &Config, jitter: u64) -> Micros {
    Micros(config.retry_interval.0 / 4 + jitter % config.retry_interval.0.max(1))
}
