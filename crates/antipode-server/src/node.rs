//! What all services share: the database, the threads that call it, and what every request has in common.

use std::sync::Arc;
use std::time::Instant;

use antipode::{Database, Durability, ReadLevel, RequestOptions, Session, Value};
use antipode_proto::v1;
use bytes::Bytes;
use tokio::sync::Notify;
use tonic::{Request, Status};

use crate::config::Config;
use crate::cursors::Cursors;
use crate::failure::{bad_parameter, malformed};
use crate::work::{Call, Workers};

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

    /// A call that has one reply.
    pub(crate) fn call<T>(&self, request: &Request<T>) -> Call {
        Call::of(request, Some(self.config.deadline))
    }

    /// A call whose reply is streamed, which may last as long as the client reads.
    pub(crate) fn streaming_call<T>(request: &Request<T>) -> Call {
        Call::of(request, None)
    }

    /// The session for one call. Made where the work is done, so that the time it waited for its turn counts.
    pub(crate) fn session(&self, call: &Call, common: Common) -> Session {
        self.database.session(RequestOptions {
            fabric: common.fabric,
            token: common.token.into(),
            level: common.level,
            durability: common.durability,
            timeout: call
                .deadline
                .map(|deadline| deadline.saturating_duration_since(Instant::now())),
            cancel: call.cancel.clone(),
        })
    }
}

/// What requests of every service have in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Common {
    pub token: Bytes,
    pub fabric: String,
    pub durability: Option<Durability>,
    pub level: ReadLevel,
}

impl Common {
    pub(crate) fn new(token: &Bytes, fabric: &str) -> Self {
        Self {
            token: token.clone(),
            fabric: fabric.to_owned(),
            ..Self::default()
        }
    }

    /// With the durability of a write, which an older server may not know.
    pub(crate) fn durability(self, durability: i32) -> Result<Self, Status> {
        let durability = match v1::Durability::try_from(durability) {
            Ok(v1::Durability::Unspecified) => None,
            Ok(v1::Durability::Disk) => Some(Durability::Disk),
            Ok(v1::Durability::Memory) => Some(Durability::Memory),
            Err(_) => {
                return Err(bad_parameter(format!(
                    "durability {durability} is not known here"
                )));
            }
        };
        Ok(Self { durability, ..self })
    }

    /// With the consistency of a read, which an older server may not know.
    pub(crate) fn consistency(self, consistency: i32) -> Result<Self, Status> {
        let level = match v1::Consistency::try_from(consistency) {
            Ok(v1::Consistency::Unspecified | v1::Consistency::Session) => ReadLevel::Session,
            Ok(v1::Consistency::Local) => ReadLevel::Local,
            Err(_) => {
                return Err(bad_parameter(format!(
                    "consistency {consistency} is not known here"
                )));
            }
        };
        Ok(Self { level, ..self })
    }
}

/// Reads a JSON text of a request.
pub(crate) fn json(what: &str, text: &str) -> Result<Value, Status> {
    Value::from_json(text).map_err(|error| malformed(what, &error))
}
