//! The threads and the clock around a node.
//!
//! Whoever has something for the node puts it into one queue. The [`Core`] (the node and its outputs) is behind one lock,
//! and whoever gets that lock empties the queue on behalf of all: many calls become one step, which is where group commit
//! comes from. A client that finds the lock free runs its own commit on its own thread, without a hand-over in either
//! direction; one that finds it taken leaves its call to the holder, who looks again before it goes. So there is one writer
//! at any time, though not one thread that writes.
//!
//! ```text
//!  clients ──── Commit ───▶┌───────┐   taken by whoever      ┌──────┐──▶ replies
//!  network ──── Peer ─────▶│ queue │──  holds the core  ────▶│ core │──▶ network
//!  syncer ───── Synced ───▶└───────┘                         └──────┘──▶ syncer
//!  clock thread: timers, and the calls of those who must not run the core themselves
//! ```
//!
//! After Hendler, Incze, Shavit and Tzafrir, *Flat Combining and the Synchronization-Parallelism Tradeoff* (2010).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use antipode_engine::{
    CommitReply, CommitRequest, Durability, EngineError, Node, NodeInput, NodeOutput, NodeStatus,
    RequestId, Shared,
};
use antipode_replication::{Input, Lane, LinkId, Micros, Now};
use antipode_store::{Storage, StoreError};
use bytes::Bytes;

use crate::error::Error;

/// How often a client looks for its reply before it lets others have the processor: some microseconds.
const SPINS: u32 = 100;

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

/// Called after each batch that readers can see.
type Listener = Box<dyn Fn() + Send + Sync>;

/// Wakes whoever waits for the visible state to move.
#[derive(Default)]
pub(crate) struct Moved {
    waiters: Mutex<usize>,
    changed: Condvar,
    listeners: Mutex<Vec<Listener>>,
}

impl Moved {
    fn notify(&self) {
        if *lock(&self.waiters) > 0 {
            self.changed.notify_all();
        }
        for listener in lock(&self.listeners).iter() {
            listener();
        }
    }

    pub fn listen(&self, listener: Listener) {
        lock(&self.listeners).push(listener);
    }

    /// Waits until `reached` holds, looking again each time the state moves; false when `until` came first.
    pub fn wait(&self, until: Instant, mut reached: impl FnMut() -> bool) -> bool {
        if reached() {
            return true;
        }
        let mut waiters = lock(&self.waiters);
        *waiters += 1;
        let held = loop {
            if reached() {
                break true;
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                break false;
            };
            waiters = match self.changed.wait_timeout(waiters, left) {
                Ok((waiters, _)) => waiters,
                Err(poisoned) => poisoned.into_inner().0,
            };
        };
        *waiters -= 1;
        held
    }
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

/// The queue and the core behind it.
pub(crate) struct Desk {
    queue: Mutex<Queue>,
    bell: Condvar,
    core: Mutex<Core>,
}

#[derive(Default)]
struct Queue {
    calls: Vec<Call>,
    /// When the core wants to be run without a call.
    wake: Option<Micros>,
    /// Until when the clock thread sleeps; none while it is awake or sleeps without an end.
    sleeps_until: Option<Micros>,
    sleeping: bool,
    stopped: bool,
}

impl Desk {
    /// Leaves a call for the clock thread: for callers that must not run the core themselves.
    pub fn leave(&self, call: Call) {
        let mut queue = lock(&self.queue);
        queue.calls.push(call);
        if queue.sleeping {
            self.bell.notify_one();
        }
    }

    /// Leaves a call, and runs the core unless somebody else does.
    fn call(&self, call: Call) {
        lock(&self.queue).calls.push(call);
        loop {
            let mut core = match self.core.try_lock() {
                Ok(core) => core,
                // Its holder looks into the queue once more after letting go.
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(_)) => return,
            };
            self.run(&mut core);
            drop(core);
            if lock(&self.queue).calls.is_empty() {
                return;
            }
        }
    }

    /// Handles everything in the queue.
    fn run(&self, core: &mut Core) {
        loop {
            let calls = std::mem::take(&mut lock(&self.queue).calls);
            if calls.is_empty() && !core.is_due() {
                break;
            }
            core.handle(calls);
        }
        let mut queue = lock(&self.queue);
        queue.wake = core.wake;
        let earlier = match (core.wake, queue.sleeps_until) {
            (Some(wake), Some(until)) => wake < until,
            (Some(_), None) => queue.sleeping,
            (None, _) => false,
        };
        if earlier {
            self.bell.notify_one();
        }
    }

    /// The clock thread: runs the core when it is due, and for those who left their calls.
    fn keep_time(&self, epoch: Instant) {
        loop {
            let mut queue = lock(&self.queue);
            loop {
                if queue.stopped {
                    return;
                }
                let now = micros_since(epoch);
                let due = queue.wake.is_some_and(|wake| wake <= now);
                if due || !queue.calls.is_empty() {
                    break;
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
            }
            drop(queue);
            let Ok(mut core) = self.core.lock() else {
                return;
            };
            self.run(&mut core);
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
            network: None,
            moved: moved.clone(),
            syncs,
            waiting: HashMap::new(),
            next_request: 0,
            wake: Some(Micros(0)),
            epoch,
        };
        let desk = Arc::new(Desk {
            queue: Mutex::new(Queue {
                wake: Some(Micros(0)),
                ..Queue::default()
            }),
            bell: Condvar::new(),
            core: Mutex::new(core),
        });
        let network = network(desk.clone())?;
        lock(&desk.core).network = network;
        let answers = desk.clone();
        let syncer = spawn("antipode-sync", move || sync(&*storage, &tickets, &answers))?;
        let clock = desk.clone();
        let clock = spawn("antipode-clock", move || clock.keep_time(epoch))?;
        Ok(Self {
            desk,
            shared,
            moved,
            threads: vec![clock, syncer],
        })
    }

    /// Hands a transaction over and waits for the reply.
    pub fn commit(&self, request: CommitRequest) -> CommitReply {
        let slot = Arc::new(Slot::new());
        let waits_for_disk = request.durability != Durability::Memory;
        self.desk.call(Call::Commit(request, slot.clone()));
        for _ in 0..SPINS {
            if let Some(reply) = slot.take() {
                return reply;
            }
            std::hint::spin_loop();
        }
        let begun = Instant::now();
        while !waits_for_disk && begun.elapsed() < LOOKING {
            if let Some(reply) = slot.take() {
                return reply;
            }
            std::thread::yield_now();
        }
        loop {
            if let Some(reply) = slot.take() {
                return reply;
            }
            if self.desk.core.is_poisoned() {
                let cause = "the node failed before it answered".to_owned();
                return Err(EngineError::OutcomeUnknown { cause });
            }
            std::thread::park_timeout(PATIENCE);
        }
    }

    /// What the node shows of itself.
    pub fn status(&self) -> Result<NodeStatus, Error> {
        let (reply, answer) = sync_channel(1);
        self.desk.call(Call::Status(reply));
        loop {
            match answer.recv_timeout(PATIENCE) {
                Ok(status) => return Ok(status),
                Err(_) if self.desk.core.is_poisoned() => return Err(EngineError::Closed.into()),
                Err(_) => {}
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        lock(&self.desk.queue).stopped = true;
        self.desk.bell.notify_all();
        if let Ok(mut core) = self.desk.core.lock() {
            self.desk.run(&mut core);
            core.finish();
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
        answers.call(Call::Synced(ticket, storage.sync()));
    }
}

/// The data behind these locks is whole whatever a holder did, but for the core, which is never taken after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros_since(epoch: Instant) -> Micros {
    Micros(u64::try_from(epoch.elapsed().as_micros()).unwrap_or(u64::MAX))
}

/// The node, and what carries out its outputs.
struct Core {
    node: Node,
    network: Option<Box<dyn Network>>,
    moved: Arc<Moved>,
    syncs: Sender<u64>,
    waiting: HashMap<RequestId, Arc<Slot>>,
    next_request: u64,
    wake: Option<Micros>,
    epoch: Instant,
}

impl Core {
    fn is_due(&self) -> bool {
        self.wake
            .is_some_and(|wake| wake <= micros_since(self.epoch))
    }

    fn handle(&mut self, calls: Vec<Call>) {
        let mut inputs = Vec::with_capacity(calls.len());
        let mut held = Vec::new();
        let mut questions = Vec::new();
        for call in calls {
            match call {
                Call::Commit(mut request, slot) => {
                    self.next_request += 1;
                    request.id = RequestId(self.next_request);
                    self.waiting.insert(request.id, slot);
                    inputs.push(NodeInput::Commit(request));
                }
                Call::Peer(input, room) => {
                    inputs.push(NodeInput::Replication(input));
                    held.extend(room);
                }
                Call::Synced(ticket, Ok(())) => inputs.push(NodeInput::Synced { ticket }),
                Call::Synced(ticket, Err(error)) => {
                    inputs.push(NodeInput::SyncFailed { ticket, error });
                }
                Call::Status(reply) => questions.push(reply),
            }
        }
        self.step(inputs);
        for reply in questions {
            // Whoever asked may have given up.
            let _ = reply.send(self.node.status());
        }
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

    fn step(&mut self, inputs: Vec<NodeInput>) {
        let now = self.now();
        let mut moved = false;
        self.wake = None;
        for output in self.node.step(inputs, now) {
            match output {
                NodeOutput::Visible => moved = true,
                other => self.carry_out(other),
            }
        }
        if moved {
            self.moved.notify();
        }
    }

    fn carry_out(&mut self, output: NodeOutput) {
        match output {
            NodeOutput::Reply { request, reply } => {
                if let Some(slot) = self.waiting.remove(&request) {
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
            NodeOutput::Visible => self.moved.notify(),
            NodeOutput::Wake(at) => self.wake = Some(at),
        }
    }

    fn network(&self, act: impl FnOnce(&dyn Network)) {
        if let Some(network) = &self.network {
            act(&**network);
        }
    }

    /// Lets the writes that wait for the disk have it, so that a clean stop leaves no client in doubt, and ends the
    /// syncer and the network.
    fn finish(&mut self) {
        self.network = None;
        let synced = self.node.shared().storage().sync();
        if let Err(error) = &synced {
            tracing::error!(%error, "the last sync failed");
        }
        for output in self.node.finish() {
            if synced.is_ok() {
                self.carry_out(output);
            }
        }
        for (_, slot) in self.waiting.drain() {
            let cause = "the node stopped before it answered".to_owned();
            slot.fill(Err(EngineError::OutcomeUnknown { cause }));
        }
        // The syncer ends when nobody can send it tickets any more.
        self.syncs = channel().0;
    }
}
