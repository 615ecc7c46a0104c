//! What all services share: the database, and the threads that call it.

use std::sync::Arc;
use std::time::Instant;

use antipode::{Database, RequestOptions, Session};
use tokio::sync::Notify;
use tonic::{Request, Response, Status};

use crate::config::Config;
use crate::cursors::Cursors;
use crate::failure::Failure;
use crate::request::{Asked, Requested};
use crate::work::{Call, Outlet, Replies, Workers};

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
        let (node, call) = (self.clone(), asked.call.clone());
        self.workers
            .run(&call, move || Ok(work(&node.session(asked))?))
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
        let (node, call) = (self.clone(), asked.call.clone());
        let work = move |outlet: &Outlet<T>| Ok(work(&node.session(asked), outlet)?);
        self.workers.stream(&call, work).await.map(Response::new)
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
