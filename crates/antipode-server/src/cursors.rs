//! Cursors: results that wait on the server for a client that reads them batch by batch.
//!
//! ```text
//!  CreateCursor ─┬─ query run to its end ──▶ rows, kept as they are sent ─────┐
//!                └─ stream: a thread that holds the snapshot and waits ───────┴─▶ NextBatch … until empty, deleted, or
//!                                                                                 not read for its time to live
//! ```
//!
//! Their number and the bytes of their rows are bounded. Nobody reads a cursor while another call does: its place is
//! marked as taken meanwhile.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use antipode::{Cancel, Rows};
use antipode_proto::v1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::AbortHandle;
use tonic::Status;

use crate::failure::{Held, failed, internal, too_much};

/// Cursors at a time.
const CURSORS_MAX: usize = 1_000;
/// Cursors that compute as they are read, those whose first rows are not there yet among them: each has a thread.
const LIVE_MAX: usize = 64;
/// Bytes of the rows of all cursors.
const BYTES_MAX: usize = 256 << 20;

/// Rows for one reply.
pub(crate) struct Batch {
    pub rows: Vec<String>,
    pub more: bool,
    /// In the reply that has it.
    pub extra: Option<v1::QueryExtra>,
    pub count: Option<u64>,
    /// The token that covers a live cursor.
    pub token: Vec<u8>,
}

/// A result that is read batch by batch.
pub(crate) enum Source {
    /// All rows, computed.
    Kept {
        rows: VecDeque<String>,
        bytes: usize,
        count: Option<u64>,
    },
    /// A thread that computes them.
    Live(Live),
}

/// The way to the thread of a live cursor.
pub(crate) struct Live {
    ask: SyncSender<oneshot::Sender<Result<Batch, Status>>>,
    cancel: Cancel,
}

struct Cursor {
    source: Source,
    batch: usize,
    ttl: Duration,
    expires: Instant,
}

/// A place in the list.
struct Place {
    state: State,
    _watch: Watch,
}

/// Taken while a call reads the cursor.
enum State {
    Free(Box<Cursor>),
    Taken { bytes: usize },
}

impl State {
    fn bytes(&self) -> usize {
        match self {
            Self::Free(cursor) => cursor.source.bytes(),
            Self::Taken { bytes } => *bytes,
        }
    }
}

/// The task that removes a cursor once it is over. It goes with the cursor's place.
struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The cursors of a node.
pub(crate) struct Cursors {
    places: Mutex<HashMap<u64, Place>>,
    threads: Arc<Semaphore>,
}

impl Default for Cursors {
    fn default() -> Self {
        Self {
            places: Mutex::default(),
            threads: Arc::new(Semaphore::new(LIVE_MAX)),
        }
    }
}

impl Source {
    fn bytes(&self) -> usize {
        match self {
            Self::Kept { bytes, .. } => *bytes,
            Self::Live(_) => 0,
        }
    }

    /// The next rows. If the call goes away while a live cursor computes, so does the cursor.
    pub(crate) async fn next(&mut self, batch: usize) -> Result<Batch, Status> {
        match self {
            Self::Kept { rows, bytes, count } => {
                let now: Vec<String> = rows.drain(..batch.min(rows.len())).collect();
                *bytes -= now.iter().map(String::len).sum::<usize>().min(*bytes);
                Ok(Batch {
                    rows: now,
                    more: !rows.is_empty(),
                    extra: None,
                    count: *count,
                    token: Vec::new(),
                })
            }
            Self::Live(live) => live.next().await,
        }
    }
}

impl Live {
    /// Starts a query on a thread of its own, which computes `batch` rows whenever it is asked, and ends when it is not
    /// asked for `ttl`. The permit to have a thread ends with it.
    pub(crate) fn start(
        permit: OwnedSemaphorePermit,
        query: impl FnOnce() -> Result<Rows, Status> + Send + 'static,
        extra: impl Fn(&Rows) -> v1::QueryExtra + Send + 'static,
        batch: usize,
        ttl: Duration,
        cancel: Cancel,
    ) -> Result<Self, Status> {
        let (ask, asked) = sync_channel(1);
        std::thread::Builder::new()
            .name("antipode-cursor".to_owned())
            .spawn(move || {
                serve(query, &extra, batch, ttl, &asked);
                drop(permit);
            })
            .map_err(|error| internal(&error))?;
        Ok(Self { ask, cancel })
    }

    async fn next(&self) -> Result<Batch, Status> {
        struct Stop<'a>(Option<&'a Cancel>);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                if let Some(cancel) = self.0 {
                    cancel.cancel();
                }
            }
        }
        let (reply, replied) = oneshot::channel();
        self.ask.try_send(reply).map_err(|_| Held::CursorNotFound)?;
        let mut stop = Stop(Some(&self.cancel));
        // Its time to live may end just as it is asked.
        let batch = replied.await.map_err(|_| Held::CursorNotFound)?;
        stop.0 = None;
        batch
    }
}

/// The life of a live cursor's thread. With it goes the snapshot.
fn serve(
    query: impl FnOnce() -> Result<Rows, Status>,
    extra: &impl Fn(&Rows) -> v1::QueryExtra,
    batch: usize,
    ttl: Duration,
    asked: &Receiver<oneshot::Sender<Result<Batch, Status>>>,
) {
    let mut first = match asked.recv() {
        Ok(reply) => Some(reply),
        Err(_) => return,
    };
    let mut rows = match query() {
        Ok(rows) => rows,
        Err(status) => {
            if let Some(reply) = first.take() {
                let _ = reply.send(Err(status));
            }
            return;
        }
    };
    let mut ahead = VecDeque::new();
    loop {
        let reply = match first.take() {
            Some(reply) => reply,
            None => match asked.recv_timeout(ttl) {
                Ok(reply) => reply,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            },
        };
        let next = fill(&mut rows, &mut ahead, batch).map(|()| {
            let now: Vec<String> = ahead.drain(..batch.min(ahead.len())).collect();
            let more = !ahead.is_empty();
            Batch {
                rows: now,
                more,
                extra: (!more).then(|| extra(&rows)),
                count: None,
                token: rows.token().to_vec(),
            }
        });
        let over = !next.as_ref().is_ok_and(|next| next.more);
        if reply.send(next).is_err() || over {
            return;
        }
    }
}

/// Computes until there are more rows than one batch has, or no more.
fn fill(rows: &mut Rows, ahead: &mut VecDeque<String>, batch: usize) -> Result<(), Status> {
    while ahead.len() <= batch {
        let wanted = batch + 1 - ahead.len();
        match rows.next_batch(wanted).map_err(failed)? {
            Some(values) => ahead.extend(values.iter().map(antipode::Value::to_json)),
            None => break,
        }
    }
    Ok(())
}

/// All rows of a query as they are sent, within what cursors may hold.
pub(crate) fn keep(rows: &mut Rows, count: bool) -> Result<Source, Status> {
    let mut kept = VecDeque::new();
    let mut bytes = 0;
    while let Some(values) = rows.next_batch(1_000).map_err(failed)? {
        for value in values {
            let text = value.to_json();
            bytes += text.len();
            if bytes > BYTES_MAX {
                return Err(too_much(format!(
                    "the rows of a cursor would take more than {BYTES_MAX} bytes"
                )));
            }
            kept.push_back(text);
        }
    }
    let count = count.then_some(kept.len() as u64);
    Ok(Source::Kept {
        rows: kept,
        bytes,
        count,
    })
}

impl Cursors {
    fn places(&self) -> MutexGuard<'_, HashMap<u64, Place>> {
        // A place is put in and taken out as a whole.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A permit to start a live cursor.
    pub(crate) fn admit_live(&self) -> Result<OwnedSemaphorePermit, Status> {
        self.threads
            .clone()
            .try_acquire_owned()
            .map_err(|_| too_much(format!("there are {LIVE_MAX} cursors that stream already")))
    }

    /// Keeps a cursor for later calls, until it has not been read for its time to live; gives its id.
    pub(crate) fn add(
        self: &Arc<Self>,
        source: Source,
        batch: usize,
        ttl: Duration,
    ) -> Result<String, Status> {
        let mut places = self.places();
        let bytes: usize = places.values().map(|place| place.state.bytes()).sum();
        if places.len() >= CURSORS_MAX || bytes + source.bytes() > BYTES_MAX {
            return Err(too_much(format!(
                "the node keeps {} cursors with {bytes} bytes already",
                places.len()
            )));
        }
        let mut id = random()?;
        while places.contains_key(&id) {
            id = random()?;
        }
        let expires = Instant::now() + ttl;
        let cursor = Cursor {
            source,
            batch,
            ttl,
            expires,
        };
        let place = Place {
            state: State::Free(Box::new(cursor)),
            _watch: self.watch(id, expires),
        };
        places.insert(id, place);
        Ok(id.to_string())
    }

    /// Removes the cursor once it is over.
    fn watch(self: &Arc<Self>, id: u64, mut wake: Instant) -> Watch {
        let cursors = Arc::downgrade(self);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep_until(wake.into()).await;
                let Some(cursors) = cursors.upgrade() else {
                    return;
                };
                let mut places = cursors.places();
                wake = match places.get(&id).map(|place| &place.state) {
                    None => return,
                    Some(State::Free(cursor)) if cursor.expires <= Instant::now() => {
                        places.remove(&id);
                        return;
                    }
                    Some(State::Free(cursor)) => cursor.expires,
                    Some(State::Taken { .. }) => Instant::now() + Duration::from_secs(1),
                };
            }
        });
        Watch(task.abort_handle())
    }

    /// The next rows of a cursor, which is gone if there are no more behind them.
    pub(crate) async fn next(&self, id: &str) -> Result<Batch, Status> {
        let number = id.parse().map_err(|_| Held::CursorNotFound)?;
        let mut taken = self.take(number)?;
        let batch = taken.cursor.source.next(taken.cursor.batch).await?;
        if batch.more {
            taken.put_back();
        }
        Ok(batch)
    }

    /// Forgets a cursor.
    pub(crate) fn delete(&self, id: &str) -> Result<(), Status> {
        let number = id.parse().map_err(|_| Held::CursorNotFound)?;
        self.take(number).map(drop)
    }

    fn take(&self, id: u64) -> Result<Taken<'_>, Status> {
        let mut places = self.places();
        let place = places.get_mut(&id).ok_or(Held::CursorNotFound)?;
        let mark = State::Taken {
            bytes: place.state.bytes(),
        };
        match std::mem::replace(&mut place.state, mark) {
            State::Free(cursor) if cursor.expires <= Instant::now() => {
                places.remove(&id);
                Err(Held::CursorNotFound.into())
            }
            State::Free(cursor) => Ok(Taken {
                cursors: self,
                id,
                cursor,
                back: false,
            }),
            State::Taken { .. } => Err(Held::CursorBusy.into()),
        }
    }
}

/// A cursor that a call reads. Unless it is put back, it is gone with the call.
struct Taken<'a> {
    cursors: &'a Cursors,
    id: u64,
    cursor: Box<Cursor>,
    back: bool,
}

impl Taken<'_> {
    fn put_back(&mut self) {
        self.back = true;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut places = self.cursors.places();
        if !self.back {
            places.remove(&self.id);
            return;
        }
        let nothing = Source::Kept {
            rows: VecDeque::new(),
            bytes: 0,
            count: None,
        };
        let cursor = Cursor {
            source: std::mem::replace(&mut self.cursor.source, nothing),
            batch: self.cursor.batch,
            ttl: self.cursor.ttl,
            expires: Instant::now() + self.cursor.ttl,
        };
        if let Some(place) = places.get_mut(&self.id) {
            place.state = State::Free(Box::new(cursor));
        }
    }
}

/// An id that nobody guesses.
fn random() -> Result<u64, Status> {
    use std::hash::{BuildHasher, RandomState};
    Ok(RandomState::new().hash_one(Instant::now()))
}

#[cfg(test)]
mod tests {
    use antipode_proto::error::from_status;

    use super::*;

    #[tokio::test]
    async fn a_cursor_that_ends_as_it_is_asked_is_not_found() {
        let (ask, asked) = sync_channel(1);
        let cancel = Cancel::new();
        let live = Live { ask, cancel };
        let (batch, ()) = tokio::join!(live.next(), async { drop(asked) });
        let error = batch.err().and_then(|status| from_status(&status));
        assert_eq!(error.map(|error| error.code), Some(1600));
    }

    #[tokio::test]
    async fn nothing_waits_for_the_end_of_a_cursor_that_is_gone() {
        let cursors = Arc::new(Cursors::default());
        let add = || {
            let source = Source::Kept {
                rows: ["1", "2", "3"].map(str::to_owned).into(),
                bytes: 3,
                count: None,
            };
            cursors.add(source, 2, Duration::from_secs(3600))
        };
        let (Ok(deleted), Ok(read), Ok(kept)) = (add(), add(), add()) else {
            panic!("there is room");
        };
        let tasks = || {
            tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks()
        };
        assert_eq!(tasks(), 3);
        assert!(cursors.delete(&deleted).is_ok());
        for more in [true, false] {
            let batch = cursors.next(&read).await;
            assert_eq!(batch.ok().map(|batch| batch.more), Some(more));
        }
        assert!(cursors.next(&kept).await.is_ok_and(|batch| batch.more));
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks(), 1);
        assert!(cursors.next(&kept).await.is_ok());
    }
}
