//! From async calls to blocking work and back.
//!
//! The database's calls block, so they run on threads made for that, a bounded number at a time. A call that is dropped,
//! because the client went away or the deadline passed, raises its cancel flag, which the database looks at as it works.
//!
//! ```text
//!  rpc ──► permit ──► blocking thread: database ──┬─► one reply
//!                                                 └─► bounded channel ──► streamed reply, at the client's pace
//!  subscription, on each change ──► permit for reads ──► blocking thread: one short read
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use antipode::Cancel;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::Stream;
use tonic::{Request, Status};

use crate::failure::{busy, cancelled, deadline, internal};

/// Messages of a streamed reply that are ready before the client asks for them.
const AHEAD: usize = 2;

/// Reads for subscriptions at a time. They are short, and few threads do many of them; they have their own, as a change
/// wakes every subscription at once, which must neither keep calls waiting nor be refused for their number.
const READS_MAX: usize = 4;

/// A longer deadline than this is as good as none.
const DEADLINE_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What a call's work must look at while it runs.
#[derive(Clone)]
pub(crate) struct Call {
    /// When the client no longer waits.
    pub deadline: Option<Instant>,
    /// Raised when nobody waits for the answer any more.
    pub cancel: Cancel,
}

impl Call {
    /// A call that has the deadline that the client gave, or `default`.
    pub(crate) fn of<T>(request: &Request<T>, default: Option<Duration>) -> Self {
        let asked = request
            .metadata()
            .get("grpc-timeout")
            .and_then(|value| value.to_str().ok())
            .and_then(timeout);
        let limit = match (asked, default) {
            (Some(asked), _) => Some(asked),
            (None, default) => default,
        };
        Self {
            deadline: limit
                .filter(|limit| *limit < DEADLINE_MAX)
                .and_then(|limit| Instant::now().checked_add(limit)),
            cancel: Cancel::new(),
        }
    }

    /// The same call, for work that answers how far it came when its time is up: it ends a tenth earlier, so that the
    /// answer still reaches the client.
    pub(crate) fn with_time_to_answer(&self) -> Self {
        let earlier = |at: Instant| {
            let left = at.saturating_duration_since(Instant::now());
            at.checked_sub(left / 10).unwrap_or(at)
        };
        Self {
            deadline: self.deadline.map(earlier),
            cancel: self.cancel.clone(),
        }
    }

    fn guard(&self) -> CancelOnDrop {
        CancelOnDrop(self.cancel.clone())
    }
}

/// The header of gRPC: up to eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let digits = text.len().checked_sub(1)?;
    let (number, unit) = text.split_at_checked(digits)?;
    if number.len() > 8 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// Raises the flag when the call's future or reply stream goes, however that happens. After the work is done it does no
/// harm.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The threads that work for calls.
#[derive(Debug)]
pub(crate) struct Workers {
    permits: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    stall: Duration,
}

impl Workers {
    pub(crate) fn new(calls_max: usize, waiting_max: usize, stall: Duration) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(calls_max.clamp(1, Semaphore::MAX_PERMITS))),
            reads: Arc::new(Semaphore::new(READS_MAX)),
            waiting: AtomicUsize::new(0),
            waiting_max,
            stall,
        }
    }

    /// Does work that has one result.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        call: &Call,
        work: impl FnOnce() -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        let _guard = call.guard();
        let permit = self.admit(call).await?;
        complete(call, permit, work).await
    }

    /// Does one short read for what lasts longer than a call. It waits for its turn however many others do: there is one
    /// at most for each subscription.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        call: &Call,
        work: impl FnOnce() -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        let _guard = call.guard();
        let permit = turn(call, &self.reads).await?;
        complete(call, permit, work).await
    }

    /// Does work whose results are streamed, at the pace of the client.
    pub(crate) async fn stream<T: Send + 'static>(
        &self,
        call: &Call,
        work: impl FnOnce(&Outlet<T>) -> Result<(), Status> + Send + 'static,
    ) -> Result<Replies<T>, Status> {
        let guard = call.guard();
        let permit = self.admit(call).await?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let outlet = Outlet {
            sender,
            stall: self.stall,
            cancel: call.cancel.clone(),
            runtime: tokio::runtime::Handle::current(),
        };
        tokio::task::spawn_blocking(move || {
            let result = work(&outlet);
            drop(permit);
            if let Err(status) = result {
                // If the client is gone, so is its interest in the reason.
                let _ = outlet.put(Err(status));
            }
        });
        Ok(Replies {
            receiver,
            _guard: Some(guard),
        })
    }

    async fn admit(&self, call: &Call) -> Result<OwnedSemaphorePermit, Status> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if waiting >= self.waiting_max {
            return Err(busy());
        }
        turn(call, &self.permits).await
    }
}

async fn turn(call: &Call, permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
    by(call.deadline, permits.clone().acquire_owned())
        .await?
        .map_err(|error| internal(&error))
}

/// Does work on a thread, which has the permit until it is done.
async fn complete<T: Send + 'static>(
    call: &Call,
    permit: OwnedSemaphorePermit,
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(move || {
        let result = work();
        drop(permit);
        result
    });
    match by(call.deadline, done).await? {
        Ok(result) => result,
        Err(error) => Err(internal(&error)),
    }
}

async fn by<F: Future>(deadline_at: Option<Instant>, future: F) -> Result<F::Output, Status> {
    match deadline_at {
        None => Ok(future.await),
        Some(at) => tokio::time::timeout_at(at.into(), future)
            .await
            .map_err(|_| deadline()),
    }
}

/// Where blocking work puts the messages of a streamed reply.
pub(crate) struct Outlet<T> {
    sender: mpsc::Sender<Result<T, Status>>,
    stall: Duration,
    cancel: Cancel,
    runtime: tokio::runtime::Handle,
}

impl<T: Send + 'static> Outlet<T> {
    /// Hands a message over, and waits while the client is not ready for it. An error means that nobody reads any more.
    pub(crate) fn send(&self, message: T) -> Result<(), Status> {
        self.put(Ok(message))
    }

    fn put(&self, message: Result<T, Status>) -> Result<(), Status> {
        let message = match self.sender.try_send(message) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(cancelled()),
            Err(mpsc::error::TrySendError::Full(message)) => message,
        };
        let sent = self
            .runtime
            .block_on(self.sender.send_timeout(message, self.stall));
        sent.map_err(|_| {
            self.cancel.cancel();
            cancelled()
        })
    }
}

/// A streamed reply. Dropping it cancels the work.
pub(crate) struct Replies<T> {
    receiver: mpsc::Receiver<Result<T, Status>>,
    _guard: Option<CancelOnDrop>,
}

impl<T: Send + 'static> Replies<T> {
    /// A reply that a task fills, which ends by itself when nobody reads any more.
    pub(crate) fn from_task<F>(fill: impl FnOnce(mpsc::Sender<Result<T, Status>>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(fill(sender));
        Self {
            receiver,
            _guard: None,
        }
    }
}

impl<T> Stream for Replies<T> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().receiver.poll_recv(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_waits_leaves_time_to_answer() {
        let call = |limit| {
            let mut request = Request::new(());
            request.set_timeout(limit);
            Call::of(&request, None)
        };
        let call = call(Duration::from_secs(100));
        let (Some(end), Some(earlier)) = (call.deadline, call.with_time_to_answer().deadline)
        else {
            panic!("both have a deadline");
        };
        let left = end.saturating_duration_since(earlier);
        assert!(left > Duration::from_secs(9) && left <= Duration::from_secs(10));
        let endless = Call::of(&Request::new(()), None);
        assert_eq!(endless.with_time_to_answer().deadline, None);
    }
}
