//! The threads and the clock around a node.
//!
//! Whoever has something for the node puts it into one queue. There are two pieces of work on it, each behind its own lock
//! and done by whoever comes by: to *step* the [`Core`] (the node and its outputs) over all that is in the queue, and to
//! let a batch that the node has made ready *land* in the store. Many calls become one step and one batch, which is where
//! group commit comes from, and while one thread writes a batch, another prepares the next.
//!
//! ```text
//!  clients ──── Commit ───▶┌───────┐   step, by whoever     ┌──────┐──▶ replies, network, syncer
//!  network ──── Peer ─────▶│ queue │── finds the core ─────▶│ core │
//!  syncer ───── Synced ───▶│       │   free                 └──────┘──▶ flight ──┐
//!               Landed ───▶└───────┘◀── land, by whoever takes the flight ───────┘
//!  clock thread: timers, and what is left over when nobody else is there
//! ```
//!
//! A client works on until it has its own reply; so it needs no hand-over to another thread, in either direction, and never
//! works for others for longer than others work for it. **Nothing is left lying**: whoever stops looking for work is either
//! not the last one awake, or looks once more after having said so, and wakes the clock thread if something is there.
//!
//! After Hendler, Incze, Shavit and Tzafrir, *Flat Combining and the Synchronization-Parallelism Tradeoff* (2010).

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use antipode_engine::{
    CommitReply, CommitRequest, Durability, EngineError, Flight, Landing, Node, NodeInput,
    NodeOutput, NodeStatus, RequestId, Shared,
};
use antipode_replication::{Input, Lane, LinkId, Micros, Now};
use antipode_store::{Storage, StoreError};
use bytes::Bytes;
use slab::Slab;

use crate::error::Error;
use crate::moved::Moved;

/// How often a client looks for its reply before it lets others have the processor: some 20 microseconds.
const SPINS: u32 = 50;

/// Pauses of the processor between two looks: each look costs those who work.
const PAUSES: u32 = 20;

/// How long a client whose write need not wait for the disk looks on before it goes to sleep. A commit that only waits for
/// those before it is done by then, and sleeping and waking cost more than that.
const LOOKING: Duration = Duration::from_micros(100);

/// How often a sleeping client looks whether the node still lives.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the node is told.
pub(crate) enum Call {
    /// A client's transaction, and where its reply goes.
    Commit(CommitRequest, Arc<Slot>),
    /// Something of the network. What is boxed is dropped when the input was handled: it may hold room in a bound.
    Peer(Input, Option<Box<dyn Send>>),
    /// A batch was written.
    Landed(Landing),
    /// A sync ended.
    Synced(u64, Result<(), StoreError>),
    /// A question about the node.
    Status(SyncSender<NodeStatus>),
}

/// The outside of the node: where its messages go.
pub(crate) trait Network: Send {
    /// Sends a message; it is dropped if the link is gone.
    fn send(&self, link: LinkId, lane: Lane, bytes: Bytes);
    /// Dials an address.
    fn connect(&self, address: &str);
    /// Closes a link.
    fn disconnect(&self, link: LinkId);
}

/// Where the reply to one commit is left.
pub(crate) struct Slot {
    ready: AtomicBool,
    reply: Mutex<Option<CommitReply>>,
    waiter: Thread,
}

impl Slot {
    fn new() -> Self {
        Self {
            ready: AtomicBool::new(false),
            reply: Mutex::new(None),
            waiter: std::thread::current(),
        }
    }

    fn fill(&self, reply: CommitReply) {
        *lock(&self.reply) = Some(reply);
        self.ready.store(true, Ordering::Release);
        self.waiter.unpark();
    }

    fn take(&self) -> Option<CommitReply> {
        if self.ready.load(Ordering::Acquire) {
            lock(&self.reply).take()
        } else {
            None
        }
    }
}

/// Has cache lines of its own: threads that look for work would else slow down whoever writes beside what they look at.
/// (Two lines, as processors fetch them in pairs.)
#[repr(align(128))]
struct Apart<T>(T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The queue, and the two pieces of work on it.
pub(crate) struct Desk {
    queue: Apart<Mutex<Queue>>,
    /// Calls in the queue.
    calls: Apart<AtomicUsize>,
    /// Threads that look for work, and will see it.
    awake: Apart<AtomicUsize>,
    bell: Condvar,
    core: Apart<Mutex<Core>>,
    /// Whether somebody who looks for work holds the core.
    is_stepping: Apart<AtomicBool>,
    /// The batch that waits to be written.
    flight: Apart<Mutex<Option<Box<Flight>>>>,
    has_flight: Apart<AtomicBool>,
    /// Whether a thread panicked at the work. Nothing can be said then about what was kept.
    failed: AtomicBool,
    moved: Arc<Moved>,
}

#[derive(Default)]
struct Queue {
    calls: Vec<Call>,
    /// When the core wants to be run without a call.
    wake: Option<Micros>,
    /// Until when the clock thread sleeps; none while it is awake or sleeps without an end.
    sleeps_until: Option<Micros>,
    sleeping: bool,
    /// Whether the clock thread is to look for work.
    rung: bool,
    stopped: bool,
}

/// Notes that a thread panicked at the work, and wakes the clock thread, which lets go of everybody then.
struct Alarm<'a> {
    desk: &'a Desk,
    /// A destructor may come here because of a panic that is none of the work's.
    was_panicking: bool,
}

impl<'a> Alarm<'a> {
    fn new(desk: &'a Desk) -> Self {
        let was_panicking = std::thread::panicking();
        Self {
            desk,
            was_panicking,
        }
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.was_panicking {
            self.desk.failed.store(true, Ordering::SeqCst);
            self.desk.ring();
        }
    }
}

/// Lets go of everybody who waits for the node when the clock thread ends because the node has failed.
struct LastLook<'a>(&'a Desk);

impl Drop for LastLook<'_> {
    fn drop(&mut self) {
        if self.0.has_failed() {
            tracing::error!("a thread panicked at the work: the node has stopped");
            lock(&self.0.core).outside.let_go();
            lock(&self.0.queue).calls.clear();
        }
    }
}

impl Desk {
    /// Leaves a call for whoever looks for work: for callers that must not work themselves.
    pub fn leave(&self, call: Call) {
        // Nobody will ever look at it, and it may hold room in a bound.
        if self.has_failed() {
            return;
        }
        self.post(call);
        if self.awake.load(Ordering::SeqCst) == 0 {
            self.ring();
        }
    }

    /// Leaves a call, and works as long as there is something to do.
    fn call(&self, call: Call) {
        if self.has_failed() {
            return;
        }
        self.post(call);
        self.awake.fetch_add(1, Ordering::SeqCst);
        loop {
            while self.work() {}
            if !self.falls_asleep() {
                return;
            }
        }
    }

    fn post(&self, call: Call) {
        let mut queue = lock(&self.queue);
        queue.calls.push(call);
        self.calls.fetch_add(1, Ordering::SeqCst);
    }

    /// Wakes the clock thread.
    fn ring(&self) {
        let mut queue = lock(&self.queue);
        queue.rung = true;
        if queue.sleeping {
            self.bell.notify_one();
        }
    }

    /// Stops looking for work. Returns whether there is some all the same, and nobody else is there to see it; then the
    /// caller is awake again.
    fn falls_asleep(&self) -> bool {
        let last = self.awake.fetch_sub(1, Ordering::SeqCst) == 1;
        let stays = last && self.has_work();
        if stays {
            self.awake.fetch_add(1, Ordering::SeqCst);
        }
        stays
    }

    /// The same for a client that has its reply and wants to go.
    fn goes(&self) {
        let last = self.awake.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && self.has_work() {
            self.ring();
        }
    }

    fn has_work(&self) -> bool {
        !self.has_failed()
            && (self.has_flight.load(Ordering::SeqCst) || self.calls.load(Ordering::SeqCst) > 0)
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Does one piece of work, if there is one that nobody else is at.
    fn work(&self) -> bool {
        if self.has_failed() {
            return false;
        }
        if self.has_flight.load(Ordering::SeqCst) && self.land() {
            return true;
        }
        // Trying a lock that is taken would slow down its holder.
        if self.calls.load(Ordering::SeqCst) == 0 || self.is_stepping.load(Ordering::SeqCst) {
            return false;
        }
        match self.core.try_lock() {
            Ok(mut core) => {
                self.is_stepping.store(true, Ordering::SeqCst);
                let moved = self.step(&mut core);
                self.is_stepping.store(false, Ordering::SeqCst);
                drop(core);
                self.tell(moved);
                true
            }
            // Its holder looks into the queue once more after letting go, or has panicked.
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => false,
        }
    }

    /// Lets the flight land, if there is one and nobody else took it.
    fn land(&self) -> bool {
        let Some(flight) = lock(&self.flight).take() else {
            return false;
        };
        self.has_flight.store(false, Ordering::SeqCst);
        let _alarm = Alarm::new(self);
        self.post(Call::Landed(flight.land()));
        true
    }

    fn take_off(&self, flight: Box<Flight>) {
        *lock(&self.flight) = Some(flight);
        self.has_flight.store(true, Ordering::SeqCst);
    }

    fn tell(&self, moved: bool) {
        if moved {
            self.moved.notify();
        }
    }

    /// Hands the core everything in the queue. Tells whether readers see more than before.
    fn step(&self, core: &mut Core) -> bool {
        let _alarm = Alarm::new(self);
        let mut calls = std::mem::take(&mut core.calls);
        {
            let mut queue = lock(&self.queue);
            self.calls.store(0, Ordering::SeqCst);
            std::mem::swap(&mut queue.calls, &mut calls);
        }
        // A landing comes first and alone, so that the next batch is under way before anything else is done.
        let landed = |call: &Call| matches!(call, Call::Landed(_));
        let mut moved = false;
        if calls.len() > 1
            && let Some(position) = calls.iter().position(landed)
        {
            let landing = calls.remove(position);
            moved |= core.handle(std::iter::once(landing), self);
        }
        moved |= core.handle(calls.drain(..), self);
        core.calls = calls;
        let wake = core.outside.wake;
        let mut queue = lock(&self.queue);
        queue.wake = wake;
        let earlier = match (wake, queue.sleeps_until) {
            (Some(wake), Some(until)) => wake < until,
            (Some(_), None) => queue.sleeping,
            (None, _) => false,
        };
        if earlier {
            self.bell.notify_one();
        }
        moved
    }

    /// The clock thread: steps the core when it is due, and does what was left over.
    fn keep_time(&self, epoch: Instant) {
        let _last = LastLook(self);
        loop {
            let mut queue = lock(&self.queue);
            let due = loop {
                if queue.stopped {
                    return;
                }
                let now = micros_since(epoch);
                let due = queue.wake.is_some_and(|wake| wake <= now);
                if due || std::mem::take(&mut queue.rung) {
                    break due;
                }
                queue.sleeping = true;
                queue.sleeps_until = queue.wake;
                queue = match queue.wake {
                    Some(wake) => {
                        let left = Duration::from_micros(wake.since(now).0);
                        match self.bell.wait_timeout(queue, left) {
                            Ok((queue, _)) => queue,
                            Err(poisoned) => poisoned.into_inner().0,
                        }
                    }
                    None => self
                        .bell
                        .wait(queue)
                        .unwrap_or_else(PoisonError::into_inner),
                };
                queue.sleeping = false;
            };
            drop(queue);
            if self.has_failed() {
                return;
            }
            self.awake.fetch_add(1, Ordering::SeqCst);
            if due {
                let mut core = lock(&self.core);
                if self.has_failed() {
                    return;
                }
                let moved = self.step(&mut core);
                drop(core);
                self.tell(moved);
            }
            loop {
                while self.work() {}
                if !self.falls_asleep() {
                    break;
                }
            }
        }
    }
}

/// A running node.
pub(crate) struct Driver {
    desk: Arc<Desk>,
    pub shared: Arc<Shared>,
    pub moved: Arc<Moved>,
    threads: Vec<JoinHandle<()>>,
}

impl Driver {
    /// Starts the node's threads. `network` is made with the desk at which peers' messages are left.
    pub fn start(
        node: Node,
        storage: Arc<dyn Storage>,
        network: impl FnOnce(Arc<Desk>) -> Result<Option<Box<dyn Network>>, Error>,
    ) -> Result<Self, Error> {
        let shared = node.shared();
        let moved = Arc::new(Moved::default());
        let (syncs, tickets) = channel();
        let epoch = Instant::now();
        let core = Core {
            node,
            outside: Outside {
                network: None,
                syncs,
                waiting: Slab::new(),
                wake: Some(Micros(0)),
                is_writing: false,
            },
            epoch,
            calls: Vec::new(),
            inputs: Vec::new(),
        };
        let desk = Arc::new(Desk {
            queue: Apart(Mutex::new(Queue {
                wake: Some(Micros(0)),
                ..Queue::default()
            })),
            calls: Apart(AtomicUsize::new(0)),
            awake: Apart(AtomicUsize::new(0)),
            bell: Condvar::new(),
            core: Apart(Mutex::new(core)),
            is_stepping: Apart(AtomicBool::new(false)),
            flight: Apart(Mutex::new(None)),
            has_flight: Apart(AtomicBool::new(false)),
            failed: AtomicBool::new(false),
            moved: moved.clone(),
        });
        let network = network(desk.clone())?;
        lock(&desk.core).outside.network = network;
        let mut driver = Self {
            desk,
            shared,
            moved,
            threads: Vec::new(),
        };
        let desk = driver.desk.clone();
        let syncer = spawn("antipode-sync", move || sync(&*storage, &tickets, &desk))?;
        driver.threads.push(syncer);
        let desk = driver.desk.clone();
        let clock = spawn("antipode-clock", move || desk.keep_time(epoch))?;
        driver.threads.push(clock);
        Ok(driver)
    }

    /// Hands a transaction over, and works for the node until the reply is there, or there is nothing to do but to wait.
    pub fn commit(&self, request: CommitRequest) -> CommitReply {
        let desk = &*self.desk;
        if desk.has_failed() {
            return Err(EngineError::Closed);
        }
        let slot = Arc::new(Slot::new());
        // A client that waits for the disk sleeps meanwhile: that takes longer than waking up.
        let looking = match request.durability {
            Durability::Memory => LOOKING,
            Durability::Disk => Duration::ZERO,
        };
        desk.post(Call::Commit(request, slot.clone()));
        desk.awake.fetch_add(1, Ordering::SeqCst);
        loop {
            let mut idle_since = None;
            let mut looks = 0;
            loop {
                if let Some(reply) = slot.take() {
                    desk.goes();
                    return reply;
                }
                if desk.work() {
                    idle_since = None;
                    continue;
                }
                looks += 1;
                if looks % SPINS != 0 {
                    for _ in 0..PAUSES {
                        std::hint::spin_loop();
                    }
                    continue;
                }
                if idle_since.get_or_insert_with(Instant::now).elapsed() >= looking {
                    break;
                }
                std::thread::yield_now();
            }
            if desk.falls_asleep() {
                continue;
            }
            loop {
                if let Some(reply) = slot.take() {
                    return reply;
                }
                if desk.has_failed() {
                    let cause = "the node failed before it answered".to_owned();
                    return Err(EngineError::OutcomeUnknown { cause });
                }
                std::thread::park_timeout(PATIENCE);
            }
        }
    }

    /// Whether a thread panicked at the work.
    pub fn has_failed(&self) -> bool {
        self.desk.has_failed()
    }

    /// What the node shows of itself.
    pub fn status(&self) -> Result<NodeStatus, Error> {
        let (reply, answer) = sync_channel(1);
        self.desk.call(Call::Status(reply));
        loop {
            match answer.recv_timeout(PATIENCE) {
                Ok(status) => return Ok(status),
                Err(_) if self.desk.has_failed() => return Err(EngineError::Closed.into()),
                Err(_) => {}
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        lock(&self.desk.queue).stopped = true;
        self.desk.bell.notify_all();
        loop {
            while self.desk.work() {}
            let mut core = lock(&self.desk.core);
            // A flight whose thread panicked never lands, and the node is not to be asked for anything after a panic.
            if self.desk.has_failed() {
                core.outside.let_go();
                break;
            }
            // Another thread may have been at it meanwhile.
            if !self.desk.has_work() && !core.outside.is_writing {
                core.finish();
                break;
            }
            drop(core);
            std::thread::yield_now();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the node panicked");
            }
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| Error::System {
            doing: "start a thread",
            detail: error.to_string(),
        })
}

/// The syncer: of all tickets that wait, one sync serves the newest.
fn sync(storage: &dyn Storage, tickets: &Receiver<u64>, answers: &Desk) {
    while let Ok(ticket) = tickets.recv() {
        let ticket = tickets.try_iter().last().unwrap_or(ticket);
        let _alarm = Alarm::new(answers);
        answers.call(Call::Synced(ticket, storage.sync()));
    }
}

/// The data behind these locks is whole whatever a holder did, but for the core's node, which nobody asks after a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros_since(epoch: Instant) -> Micros {
    Micros(u64::try_from(epoch.elapsed().as_micros()).unwrap_or(u64::MAX))
}

/// The node, and what carries out its outputs.
struct Core {
    node: Node,
    outside: Outside,
    epoch: Instant,
    /// Empty between two steps; kept for their memory.
    calls: Vec<Call>,
    inputs: Vec<NodeInput>,
}

/// What the node's outputs act on.
struct Outside {
    network: Option<Box<dyn Network>>,
    syncs: Sender<u64>,
    /// Where the replies go, each at the place that its request's id names.
    waiting: Slab<Arc<Slot>>,
    wake: Option<Micros>,
    /// Whether a flight is under way.
    is_writing: bool,
}

impl Core {
    fn handle(&mut self, calls: impl Iterator<Item = Call>, desk: &Desk) -> bool {
        let mut held = Vec::new();
        let mut questions = Vec::new();
        for call in calls {
            let input = match call {
                Call::Commit(mut request, slot) => {
                    request.id = RequestId(self.outside.waiting.insert(slot) as u64);
                    NodeInput::Commit(request)
                }
                Call::Peer(input, room) => {
                    held.extend(room);
                    NodeInput::Replication(input)
                }
                Call::Landed(landing) => {
                    self.outside.is_writing = false;
                    NodeInput::Landed(landing)
                }
                Call::Synced(ticket, Ok(())) => NodeInput::Synced { ticket },
                Call::Synced(ticket, Err(error)) => NodeInput::SyncFailed { ticket, error },
                Call::Status(reply) => {
                    questions.push(reply);
                    continue;
                }
            };
            self.inputs.push(input);
        }
        let moved = self.step(desk);
        for reply in questions {
            // Whoever asked may have given up.
            let _ = reply.send(self.node.status());
        }
        moved
    }

    fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        Now {
            at: micros_since(self.epoch),
            wall_ms,
        }
    }

    fn step(&mut self, desk: &Desk) -> bool {
        let now = self.now();
        let mut moved = false;
        let outside = &mut self.outside;
        outside.wake = None;
        self.node
            .step(self.inputs.drain(..), now, &mut |output| match output {
                NodeOutput::Visible => moved = true,
                NodeOutput::Write(flight) => {
                    outside.is_writing = true;
                    desk.take_off(flight);
                }
                other => outside.carry_out(other),
            });
        moved
    }

    /// Lets the writes that wait for the disk have it, so that a clean stop leaves no client in doubt, and ends the
    /// syncer and the network.
    fn finish(&mut self) {
        self.outside.network = None;
        let synced = self.node.shared().storage().sync();
        if let Err(error) = &synced {
            tracing::error!(%error, "the last sync failed");
        }
        for output in self.node.finish() {
            if synced.is_ok() {
                self.outside.carry_out(output);
            }
        }
        self.outside.let_go();
    }
}

impl Outside {
    fn carry_out(&mut self, output: NodeOutput) {
        match output {
            NodeOutput::Reply { request, reply } => {
                let place = usize::try_from(request.0).ok();
                if let Some(slot) = place.and_then(|place| self.waiting.try_remove(place)) {
                    slot.fill(reply);
                }
            }
            NodeOutput::Sync { ticket } => {
                // The syncer lives as long as this core.
                let _ = self.syncs.send(ticket);
            }
            NodeOutput::Send { link, lane, bytes } => {
                self.network(|network| network.send(link, lane, bytes));
            }
            NodeOutput::Connect { address } => self.network(|network| network.connect(&address)),
            NodeOutput::Disconnect { link } => self.network(|network| network.disconnect(link)),
            NodeOutput::Alarm(alarm) => tracing::error!(%alarm, "replication alarm"),
            NodeOutput::WritesStopped { cause } => {
                tracing::error!(
                    cause,
                    "the store failed: this node takes no writes until it has recovered"
                );
            }
            NodeOutput::WritesResumed => {
                tracing::info!("the store has recovered: this node takes writes again");
            }
            // These two are the step's.
            NodeOutput::Visible | NodeOutput::Write(_) => {}
            NodeOutput::Wake(at) => self.wake = Some(at),
        }
    }

    fn network(&self, act: impl FnOnce(&dyn Network)) {
        if let Some(network) = &self.network {
            act(&**network);
        }
    }

    /// Lets go of everybody who waits for the node, without asking the node.
    fn let_go(&mut self) {
        self.network = None;
        for slot in self.waiting.drain() {
            let cause = "the node stopped before it answered".to_owned();
            slot.fill(Err(EngineError::OutcomeUnknown { cause }));
        }
        // The syncer ends when nobody can send it tickets any more.
        self.syncs = channel().0;
    }
}
