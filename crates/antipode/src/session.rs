//! Sessions: the circumstances of requests, and how reads and writes run under them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use antipode_clock::VersionVector;
use antipode_engine::{
    CollectionKind, Committed, Deletes, Durability, EngineError, OpenTransaction, Provisional,
    RequestId, SchemaChange, token,
};
use antipode_query::Cancel;
use antipode_value::Value;

use crate::database::Database;
use crate::error::Error;

/// What a read must see at least.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ReadLevel {
    /// A causally consistent snapshot of this replica, whatever the token says.
    Local,
    /// The same, and everything that the token names: read-your-writes and monotonic reads, also after a move to another
    /// region.
    #[default]
    Session,
}

/// The circumstances of a request.
#[derive(Clone, Debug)]
pub struct RequestOptions {
    /// The fabric; empty means `_system`.
    pub fabric: String,
    /// The token of an earlier reply; empty where there is none.
    pub token: Vec<u8>,
    /// What reads must see.
    pub level: ReadLevel,
    /// When writes are acknowledged; the database's default where `None`.
    pub durability: Option<Durability>,
    /// How long a request may take, waiting for the token included; for the token it waits five seconds at most.
    pub timeout: Option<Duration>,
    /// Stops the request from outside.
    pub cancel: Cancel,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            fabric: String::new(),
            token: Vec::new(),
            level: ReadLevel::default(),
            durability: None,
            timeout: None,
            cancel: Cancel::new(),
        }
    }
}

/// A result with the token that covers it.
#[derive(Clone, Debug)]
pub struct Reply<T> {
    /// The result.
    pub value: T,
    /// Given with a later request, makes that one see at least as much.
    pub token: Vec<u8>,
}

/// How long a request waits for its token at most. What is missing arrives within moments or, where a line is down, not
/// before it is mended: then another node can be asked.
const TOKEN_WAIT: Duration = Duration::from_secs(5);
/// How often a request that waits for its token looks whether it was cancelled.
const TOKEN_SLICE: Duration = Duration::from_millis(100);

/// How often a transaction that lost a race is run again. Each time another one has won, so this many in a row means
/// that the document is contended beyond what retries can help.
const RETRIES_MAX: usize = 256;

/// Operations on a database under given circumstances. Cheap to make: one for each request will do.
pub struct Session {
    pub(crate) database: Database,
    pub(crate) options: RequestOptions,
    deadline: Option<Instant>,
}

impl Session {
    pub(crate) fn new(database: Database, options: RequestOptions) -> Self {
        // One that lies beyond what the clock can say is none.
        let deadline = (options.timeout).and_then(|timeout| Instant::now().checked_add(timeout));
        Self {
            database,
            options,
            deadline,
        }
    }

    /// When the request must have ended.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn now_ms() -> u64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn durability(&self) -> Durability {
        self.options
            .durability
            .unwrap_or(self.database.options().durability)
    }

    /// Opens a transaction that sees what the token names.
    pub(crate) fn begin(&self) -> Result<OpenTransaction, Error> {
        self.wait_for_token()?;
        let shared = &self.database.inner.driver.shared;
        Ok(OpenTransaction::begin(
            shared,
            &self.options.fabric,
            Self::now_ms(),
        )?)
    }

    pub(crate) fn wait_for_token(&self) -> Result<(), Error> {
        let Some(wanted) = self.wanted()? else {
            return Ok(());
        };
        let driver = &self.database.inner.driver;
        let until = self.token_deadline();
        loop {
            let look = until.min(Instant::now() + TOKEN_SLICE);
            if driver
                .moved
                .wait(look, || driver.shared.vector().dominates(&wanted))
            {
                return Ok(());
            }
            self.options.cancel.check()?;
            if look == until {
                return Err(EngineError::ConsistencyUnavailable.into());
            }
        }
    }

    /// Whether this replica has what the token names, for those who wait for it without a thread:
    /// [`Database::on_change`] tells them when to ask again.
    ///
    /// # Errors
    /// 5230 where it has not; when the bytes given are not a token.
    pub fn check_token(&self) -> Result<(), Error> {
        let shared = &self.database.inner.driver.shared;
        match self.wanted()? {
            Some(wanted) if !shared.vector().dominates(&wanted) => {
                Err(EngineError::ConsistencyUnavailable.into())
            }
            _ => Ok(()),
        }
    }

    /// When a request that begins to wait for its token now gives up.
    #[must_use]
    pub fn token_deadline(&self) -> Instant {
        let patience = Instant::now() + TOKEN_WAIT;
        self.deadline.map_or(patience, |at| at.min(patience))
    }

    /// What must be seen here before a read, if anything.
    fn wanted(&self) -> Result<Option<VersionVector>, Error> {
        if self.options.token.is_empty() {
            return Ok(None);
        }
        let wanted = token::decode(&self.options.token)?;
        let matters = self.options.level == ReadLevel::Session && !wanted.is_empty();
        Ok(matters.then_some(wanted))
    }

    /// The token of a reply that showed `seen`: what the client brought is in it too, so that tokens never go back.
    pub(crate) fn token(&self, seen: &VersionVector) -> Result<Vec<u8>, Error> {
        if self.options.token.is_empty() {
            return Ok(token::encode(seen));
        }
        let mut vector = token::decode(&self.options.token)?;
        vector.merge(seen);
        Ok(token::encode(&vector))
    }

    /// The token of a reply to a committed write.
    pub(crate) fn token_after(&self, committed: &Committed) -> Result<Vec<u8>, Error> {
        self.token(&committed.vector)
    }

    /// Runs a read over one snapshot.
    pub(crate) fn read<T>(
        &self,
        body: impl FnOnce(&OpenTransaction) -> Result<T, Error>,
    ) -> Result<Reply<T>, Error> {
        let transaction = self.begin()?;
        let value = body(&transaction)?;
        Ok(Reply {
            value,
            token: self.token(transaction.vector())?,
        })
    }

    /// Runs a write, and again as long as it loses races. `body` makes the writes; what it returns comes back with what
    /// the commit made of them.
    pub(crate) fn write<T>(
        &self,
        body: impl Fn(&OpenTransaction) -> Result<T, Error>,
    ) -> Result<Reply<(T, Option<Outcome>)>, Error> {
        self.attempt(|| {
            let transaction = self.begin()?;
            let value = body(&transaction)?;
            self.commit(transaction, value)
        })
    }

    /// Tries until it does not lose a race, or time is up.
    pub(crate) fn attempt<T>(
        &self,
        mut run: impl FnMut() -> Result<T, Attempt>,
    ) -> Result<T, Error> {
        for _ in 1..RETRIES_MAX {
            match run() {
                Err(Attempt::LostRace(error))
                    if self.deadline.is_some_and(|at| at <= Instant::now()) =>
                {
                    return Err(error);
                }
                Err(Attempt::LostRace(_)) => self.options.cancel.check()?,
                Err(Attempt::Failed(error)) => return Err(error),
                Ok(value) => return Ok(value),
            }
        }
        run().map_err(|attempt| match attempt {
            Attempt::LostRace(error) | Attempt::Failed(error) => error,
        })
    }

    /// Commits what a transaction wrote.
    pub(crate) fn commit<T>(
        &self,
        transaction: OpenTransaction,
        value: T,
    ) -> Result<Reply<(T, Option<Outcome>)>, Attempt> {
        self.commit_at(self.durability(), transaction, value)
    }

    /// As [`Session::commit`], with a durability of its own.
    pub(crate) fn commit_at<T>(
        &self,
        durability: Durability,
        transaction: OpenTransaction,
        value: T,
    ) -> Result<Reply<(T, Option<Outcome>)>, Attempt> {
        let seen = transaction.vector().clone();
        let request = transaction.into_request(RequestId::default(), durability, true);
        let Some((request, provisional)) = request else {
            return Ok(Reply {
                value: (value, None),
                token: self.token(&seen)?,
            });
        };
        let committed = self
            .database
            .inner
            .driver
            .commit(request)
            .map_err(|error| {
                let error = Error::from(error);
                if error.lost_race() {
                    Attempt::LostRace(error)
                } else {
                    Attempt::Failed(error)
                }
            })?;
        let token = self.token_after(&committed)?;
        let me = self.database.inner.driver.shared.identity().replica;
        Ok(Reply {
            value: (
                value,
                Some(Outcome {
                    committed,
                    provisional,
                    me,
                }),
            ),
            token,
        })
    }

    pub(crate) fn schema(&self, change: &SchemaChange) -> Result<Reply<()>, Error> {
        let shared = &self.database.inner.driver.shared;
        let reply = self.attempt(|| {
            self.wait_for_token()?;
            let transaction = change.begin(shared, Self::now_ms())?;
            self.commit(transaction, ())
        })?;
        Ok(Reply {
            value: (),
            token: reply.token,
        })
    }

    /// The fabric of this session.
    #[must_use]
    pub fn fabric(&self) -> &str {
        match self.options.fabric.as_str() {
            "" => antipode_engine::SYSTEM_FABRIC,
            fabric => fabric,
        }
    }

    /// Makes a fabric.
    ///
    /// # Errors
    /// When the name is illegal or taken.
    pub fn create_fabric(&self, name: &str) -> Result<Reply<()>, Error> {
        self.schema(&SchemaChange::CreateFabric {
            name: name.to_owned(),
        })
    }

    /// Drops a fabric with all that is in it.
    ///
    /// # Errors
    /// When there is none of that name, or it is `_system`.
    pub fn drop_fabric(&self, name: &str) -> Result<Reply<()>, Error> {
        self.schema(&SchemaChange::DropFabric {
            name: name.to_owned(),
        })
    }

    /// Makes a collection.
    ///
    /// # Errors
    /// When the name is illegal or taken.
    pub fn create_collection(
        &self,
        name: &str,
        kind: CollectionKind,
        deletes: Deletes,
    ) -> Result<Reply<()>, Error> {
        let (fabric, name) = (self.fabric().to_owned(), name.to_owned());
        self.schema(&SchemaChange::CreateCollection {
            fabric,
            name,
            kind,
            deletes,
        })
    }

    /// Drops a collection with all its documents.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn drop_collection(&self, name: &str) -> Result<Reply<()>, Error> {
        self.schema(&SchemaChange::DropCollection {
            fabric: self.fabric().to_owned(),
            name: name.to_owned(),
        })
    }

    /// Makes a stream.
    ///
    /// # Errors
    /// When the name is illegal or taken.
    pub fn create_stream(&self, name: &str) -> Result<Reply<()>, Error> {
        self.schema(&SchemaChange::CreateStream {
            fabric: self.fabric().to_owned(),
            name: name.to_owned(),
        })
    }

    /// Drops a stream with all its messages.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn drop_stream(&self, name: &str) -> Result<Reply<()>, Error> {
        self.schema(&SchemaChange::DropStream {
            fabric: self.fabric().to_owned(),
            name: name.to_owned(),
        })
    }

    /// Moves a named cursor forward; it never goes back.
    ///
    /// # Errors
    /// When the stream does not exist or the name is not one of a cursor.
    pub fn commit_cursor(
        &self,
        stream: &str,
        cursor: &str,
        position: &crate::streams::Position,
    ) -> Result<Reply<()>, Error> {
        let stream = self
            .read(|transaction| crate::streams::stream_id(transaction, stream))?
            .value;
        let (name, position) = (cursor.to_owned(), position.0.clone());
        self.schema(&SchemaChange::CommitCursor {
            stream,
            name,
            position,
        })
    }

    /// Forgets a named cursor.
    ///
    /// # Errors
    /// When there is no such stream or cursor.
    pub fn drop_cursor(&self, stream: &str, cursor: &str) -> Result<Reply<()>, Error> {
        let stream = self
            .read(|transaction| crate::streams::stream_id(transaction, stream))?
            .value;
        self.schema(&SchemaChange::DropCursor {
            stream,
            name: cursor.to_owned(),
        })
    }
}

/// What the commit made of a transaction's writes.
pub(crate) struct Outcome {
    pub committed: Committed,
    provisional: Provisional,
    me: antipode_clock::ReplicaId,
}

impl Outcome {
    /// Rows with the versions and ids that the commit gave.
    pub fn settle(&self, rows: Vec<Value>) -> Vec<Value> {
        self.provisional.settle(&self.committed, self.me, rows)
    }
}

/// How one attempt of a transaction failed.
pub(crate) enum Attempt {
    /// Another transaction came first; running it again can help.
    LostRace(Error),
    /// It failed for good.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Attempt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
