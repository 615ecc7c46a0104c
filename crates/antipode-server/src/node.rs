//! What all services share: the database, and the threads that call it.

use std::sync::Arc;
use std::time::Instant;

use antipode::{Database, RequestOptions, Retry, Session};
use tokio::sync::{Notify, Semaphore};
use tonic::{Request, Response, Status};

use crate::config::Config;
use crate::cursors::Cursors;
use crate::failure::{Failure, busy, failed, stopping};
use crate::request::{Asked, Requested};
use crate::work::{Call, Outlet, Replies, Workers};

/// So many calls wait for what their tokens name; more are told that the node is busy. Each is looked at whenever
/// something becomes visible.
const TOKENS_MAX: usize = 1024;

pub(crate) struct Node {
    pub database: Database,
    pub workers: Workers,
    pub config: Config,
    /// Told after each batch of writes that readers can see.
    pub changed: Arc<Notify>,
    /// Told once, when the server stops: what would stream for ever ends.
    pub stopping: tokio::sync::watch::Receiver<bool>,
    pub started: Instant,
    pub cursors: Arc<Cursors>,
    tokens: Semaphore,
}

impl Node {
    pub(crate) fn new(
        database: Database,
        config: Config,
        stopping: tokio::sync::watch::Receiver<bool>,
    ) -> Self {
        let changed = Arc::new(Notify::new());
        let told = changed.clone();
        database.on_change(move || told.notify_waiters());
        Self {
            workers: Workers::new(config.calls_max, config.waiting_max, config.stall),
            database,
            config,
            changed,
            stopping,
            started: Instant::now(),
            cursors: Arc::default(),
            tokens: Semaphore::new(TOKENS_MAX),
        }
    }

    /// Reads the request of a call that has one reply.
    pub(crate) fn read<R: Requested>(&self, request: Request<R>) -> Result<(Asked, R), Status> {
        let call = self.call(&request);
        asked(call, request)
    }

    /// Reads the request of a call whose reply is streamed, which may last as long as the client reads.
    pub(crate) fn read_streaming<R: Requested>(request: Request<R>) -> Result<(Asked, R), Status> {
        let call = Call::of(&request, None);
        asked(call, request)
    }

    /// A call that has one reply.
    pub(crate) fn call<T>(&self, request: &Request<T>) -> Call {
        Call::of(request, Some(self.config.deadline))
    }

    /// Does the work of a call in a session of its own, on a thread that may block.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        asked: Asked,
        work: impl FnOnce(&Session) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Status> {
        self.catch_up(&asked).await?;
        let (node, call) = (self.clone(), asked.call.clone());
        self.workers
            .run(&call, move || Ok(work(&node.session(asked))?))
            .await
    }

    /// As [`Node::run`], for one short read of a subscription, which has caught up with its token before.
    pub(crate) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        asked: Asked,
        work: impl FnOnce(&Session) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Status> {
        let (node, call) = (self.clone(), asked.call.clone());
        self.workers
            .read(&call, move || Ok(work(&node.session(asked))?))
            .await
    }

    /// As [`Node::run`], where what is made is the reply.
    pub(crate) async fn reply<T: Send + 'static>(
        self: &Arc<Self>,
        asked: Asked,
        work: impl FnOnce(&Session) -> Result<T, Failure> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        self.run(asked, work).await.map(Response::new)
    }

    /// As [`Node::reply`], where the work tells how far it came when its time is up, which is a little before the client's.
    pub(crate) async fn reply_in_time<T: Send + 'static>(
        self: &Arc<Self>,
        mut asked: Asked,
        work: impl FnOnce(&Session) -> Result<T, Failure> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let (node, call) = (self.clone(), asked.call.clone());
        asked.call = call.with_time_to_answer();
        self.catch_up(&asked).await?;
        self.workers
            .run(&call, move || Ok(work(&node.session(asked))?))
            .await
            .map(Response::new)
    }

    /// As [`Node::run`], where the messages of the reply are handed over as they are made.
    pub(crate) async fn stream<T: Send + 'static>(
        self: &Arc<Self>,
        asked: Asked,
        work: impl FnOnce(&Session, &Outlet<T>) -> Result<(), Failure> + Send + 'static,
    ) -> Result<Response<Replies<T>>, Status> {
        self.catch_up(&asked).await?;
        let (node, call) = (self.clone(), asked.call.clone());
        let work = move |outlet: &Outlet<T>| Ok(work(&node.session(asked), outlet)?);
        self.workers.stream(&call, work).await.map(Response::new)
    }

    /// Waits until the node has what the call's token names. It does so before the call has its turn, and on no thread:
    /// tokens that nothing here reaches keep no one else from working.
    pub(crate) async fn catch_up(&self, asked: &Asked) -> Result<(), Status> {
        if asked.common.token.is_empty() {
            return Ok(());
        }
        let session = self.session(asked.clone());
        if session.check_token().is_ok() {
            return Ok(());
        }
        let _waiting = self.tokens.try_acquire().map_err(|_| busy())?;
        let until = session.token_deadline();
        loop {
            // Asked for before the look, so that what comes during it is not missed.
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let error = match session.check_token() {
                Ok(()) => return Ok(()),
                Err(error) if error.retry() == Retry::Later => error,
                Err(error) => return Err(failed(error)),
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(until.into()) => return Err(failed(error)),
                () = self.stops() => return Err(stopping()),
            }
        }
    }

    /// Resolves when the server stops.
    pub(crate) async fn stops(&self) {
        // The sender goes when the server does.
        let _ = self.stopping.clone().wait_for(|stopping| *stopping).await;
    }

    /// The session for one call. Made where the work is done, so that the time it waited for its turn counts.
    pub(crate) fn session(&self, asked: Asked) -> Session {
        let Asked { call, common } = asked;
        self.database.session(RequestOptions {
            fabric: common.fabric,
            token: common.token.into(),
            level: common.level,
            durability: common.durability,
            timeout: call
                .deadline
                .map(|deadline| deadline.saturating_duration_since(Instant::now())),
            cancel: call.cancel,
        })
    }
}

fn asked<R: Requested>(call: Call, request: Request<R>) -> Result<(Asked, R), Status> {
    let request = request.into_inner();
    let common = request.common()?;
    Ok((Asked { call, common }, request))
}
