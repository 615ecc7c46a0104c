//! The threads and the clock around a node.
//!
//! One thread, the committer, owns the [`Node`] and runs its steps; a second one syncs the store, so that the next batch
//! fills while the disk works. Clients, the network and the syncer send what happened into one queue; the committer
//! drains all that is there into one step, which is where group commit comes from.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use antipode_engine::{
    CommitReply, CommitRequest, Node, NodeInput, NodeOutput, NodeStatus, RequestId, Shared,
};
use antipode_replication::{Input, Lane, LinkId, Micros, Now};
use antipode_store::Storage;
use bytes::Bytes;

use crate::error::Error;

/// Inputs handled in one step: enough to share a sync, few enough that the first does not wait for the last.
const STEP_INPUTS_MAX: usize = 4_096;

/// What is sent to the committer thread.
pub(crate) enum Call {
    /// A client's transaction, and where its reply goes.
    Commit(CommitRequest, SyncSender<CommitReply>),
    /// Something of the network. What is boxed is dropped when the input was handled: it may hold room in a bound.
    Peer(Input, Option<Box<dyn Send>>),
    /// A sync ended.
    Synced(u64, Result<(), antipode_store::StoreError>),
    /// A question about the node.
    Status(SyncSender<NodeStatus>),
    /// The end.
    Stop,
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
    count: Mutex<u64>,
    changed: Condvar,
    listeners: Mutex<Vec<Listener>>,
}

impl Moved {
    fn notify(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
        for listener in self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            listener();
        }
    }

    pub fn listen(&self, listener: Listener) {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }

    /// Waits until `reached` holds, looking again each time the state moves; false when `until` came first.
    pub fn wait(&self, until: Instant, mut reached: impl FnMut() -> bool) -> bool {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if reached() {
                return true;
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return false;
            };
            count = match self.changed.wait_timeout(count, left) {
                Ok((count, _)) => count,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

/// A running node.
pub(crate) struct Driver {
    calls: Sender<Call>,
    pub shared: Arc<Shared>,
    pub moved: Arc<Moved>,
    threads: Vec<JoinHandle<()>>,
}

impl Driver {
    /// Starts the node's threads. `network` is made with the queue into which peers' messages go.
    pub fn start(
        node: Node,
        storage: Arc<dyn Storage>,
        network: impl FnOnce(Sender<Call>) -> Result<Option<Box<dyn Network>>, Error>,
    ) -> Result<Self, Error> {
        let (calls, queue) = channel();
        let shared = node.shared();
        let moved = Arc::new(Moved::default());
        let network = network(calls.clone())?;
        let (syncs, tickets) = channel();
        let answers = calls.clone();
        let syncer = spawn("antipode-sync", move || sync(&*storage, &tickets, &answers))?;
        let mut committer = Committer {
            node,
            network,
            moved: moved.clone(),
            syncs,
            waiting: HashMap::new(),
            next_request: 0,
            wake: None,
            epoch: Instant::now(),
        };
        let committer = spawn("antipode-commit", move || committer.run(&queue))?;
        Ok(Self {
            calls,
            shared,
            moved,
            threads: vec![committer, syncer],
        })
    }

    /// Hands a transaction over and waits for the reply.
    pub fn commit(&self, request: CommitRequest) -> CommitReply {
        use antipode_engine::EngineError;
        let (reply, answer) = sync_channel(1);
        self.calls
            .send(Call::Commit(request, reply))
            .map_err(|_| EngineError::Closed)?;
        answer.recv().unwrap_or_else(|_| {
            Err(EngineError::OutcomeUnknown {
                cause: "the node stopped before it answered".to_owned(),
            })
        })
    }

    /// What the node shows of itself.
    pub fn status(&self) -> Result<NodeStatus, Error> {
        use antipode_engine::EngineError;
        let (reply, answer) = sync_channel(1);
        self.calls
            .send(Call::Status(reply))
            .map_err(|_| EngineError::Closed)?;
        Ok(answer.recv().map_err(|_| EngineError::Closed)?)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A committer that is gone already has nothing left to stop.
        let _ = self.calls.send(Call::Stop);
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
fn sync(storage: &dyn Storage, tickets: &Receiver<u64>, answers: &Sender<Call>) {
    while let Ok(ticket) = tickets.recv() {
        let ticket = tickets.try_iter().last().unwrap_or(ticket);
        if answers.send(Call::Synced(ticket, storage.sync())).is_err() {
            return;
        }
    }
}

struct Committer {
    node: Node,
    network: Option<Box<dyn Network>>,
    moved: Arc<Moved>,
    syncs: Sender<u64>,
    waiting: HashMap<RequestId, SyncSender<CommitReply>>,
    next_request: u64,
    wake: Option<Micros>,
    epoch: Instant,
}

impl Committer {
    fn run(&mut self, queue: &Receiver<Call>) {
        self.step(Vec::new());
        let mut held = Vec::new();
        loop {
            let first = match self.wake {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wake) => {
                    queue.recv_timeout(Duration::from_micros(wake.since(self.now().at).0))
                }
            };
            let mut inputs = Vec::new();
            match first {
                Ok(call) => {
                    let calls = std::iter::once(call)
                        .chain(queue.try_iter())
                        .take(STEP_INPUTS_MAX);
                    for call in calls {
                        if !self.take(call, &mut inputs, &mut held) {
                            self.step(inputs);
                            self.finish();
                            return;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => inputs.push(NodeInput::Tick),
                Err(RecvTimeoutError::Disconnected) => return self.finish(),
            }
            self.step(inputs);
            held.clear();
        }
    }

    /// Makes an input of a call; false when it was the end.
    fn take(
        &mut self,
        call: Call,
        inputs: &mut Vec<NodeInput>,
        held: &mut Vec<Box<dyn Send>>,
    ) -> bool {
        match call {
            Call::Commit(mut request, reply) => {
                self.next_request += 1;
                request.id = RequestId(self.next_request);
                self.waiting.insert(request.id, reply);
                inputs.push(NodeInput::Commit(request));
            }
            Call::Peer(input, room) => {
                inputs.push(NodeInput::Replication(input));
                held.extend(room);
            }
            Call::Synced(ticket, Ok(())) => inputs.push(NodeInput::Synced { ticket }),
            Call::Synced(ticket, Err(error)) => {
                inputs.push(NodeInput::SyncFailed { ticket, error })
            }
            Call::Status(reply) => {
                // Whoever asked may have given up.
                let _ = reply.send(self.node.status());
            }
            Call::Stop => return false,
        }
        true
    }

    fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        let at = u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX);
        Now {
            at: Micros(at),
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
                if let Some(waiting) = self.waiting.remove(&request) {
                    // Whoever asked may have given up; the transaction stands all the same.
                    let _ = waiting.send(reply);
                }
            }
            NodeOutput::Sync { ticket } => {
                // The syncer lives as long as this thread.
                let _ = self.syncs.send(ticket);
            }
            NodeOutput::Send { link, lane, bytes } => {
                self.network(|network| network.send(link, lane, bytes))
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
                tracing::info!("the store has recovered: this node takes writes again")
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

    /// Lets the writes that wait for the disk have it, so that a clean stop leaves no client in doubt.
    fn finish(&mut self) {
        self.network = None;
        if self.waiting.is_empty() {
            return;
        }
        if let Err(error) = self.node.shared().storage().sync() {
            tracing::error!(%error, "the last sync failed");
            return;
        }
        for output in self.node.finish() {
            self.carry_out(output);
        }
    }
}
