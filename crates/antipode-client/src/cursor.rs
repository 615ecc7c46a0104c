//! Cursors, for those who cannot hold a stream of rows open; and the list of queries that run on a node.

use std::collections::VecDeque;
use std::time::Duration;

use antipode_proto::v1;
use bytes::Bytes;

use crate::call::{Effect, Reply};
use crate::client::Client;
use crate::error::Error;
use crate::query::{Extra, Query, Row, extra, service};

/// How a cursor is made.
#[derive(Debug, Clone, Default)]
pub(crate) struct CursorOptions {
    ttl: f64,
    count: bool,
    stream: bool,
}

/// A result that the node keeps, and that is read batch by batch. It is forgotten when it has been read, is deleted, or
/// is not read for its time to live.
#[derive(Debug)]
pub struct Cursor {
    client: Client,
    id: String,
    waiting: VecDeque<String>,
    count: Option<u64>,
    extra: Option<Extra>,
}

/// A query that runs on a node, or ran for long.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryInfo {
    /// Its number on the node.
    pub id: u64,
    /// The fabric that it runs in.
    pub fabric: String,
    /// Its text, or the beginning of a long one.
    pub query: String,
    /// When it began, in ms since 1970.
    pub started_ms: u64,
    /// How long it has been running, or ran.
    pub runtime: Duration,
}

/// Replies that show no data, and so have no token.
macro_rules! without_token {
    ($($name:ident)*) => {
        $(impl Reply for v1::$name {
            fn token(&self) -> &Bytes {
                static NONE: Bytes = Bytes::new();
                &NONE
            }
        })*
    };
}

without_token! { DeleteCursorReply ListQueriesReply KillQueryReply }

impl Reply for v1::CursorReply {
    fn token(&self) -> &Bytes {
        &self.token
    }
}

impl Query {
    /// How long a cursor may be unread; 30 s if this is not set.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.cursor.ttl = ttl.as_secs_f64();
        self
    }

    /// Tell the number of all rows with a cursor.
    pub fn count(mut self) -> Self {
        self.cursor.count = true;
        self
    }

    /// Compute a cursor's rows as they are read, on one snapshot, and not all at first.
    pub fn stream(mut self) -> Self {
        self.cursor.stream = true;
        self
    }

    /// Runs the query into a cursor. [`Query::rows`] is the better choice for whoever can read a stream.
    pub async fn cursor(self) -> Result<Cursor, Error> {
        let client = self.client.clone();
        let reply = client
            .call(
                Effect::Once,
                || v1::CreateCursorRequest {
                    token: client.inner.token(),
                    fabric: client.fabric_name(),
                    durability: client.durability(),
                    consistency: client.consistency(),
                    query: self.text.clone(),
                    bind: self.bind_text(),
                    options: Some(self.options.clone()),
                    ttl: self.cursor.ttl,
                    count: self.cursor.count,
                    stream: self.cursor.stream,
                },
                |channel, request| async move { service(channel).create_cursor(request).await },
            )
            .await?;
        let mut cursor = Cursor {
            client: client.clone(),
            id: String::new(),
            waiting: VecDeque::new(),
            count: None,
            extra: None,
        };
        cursor.take(reply);
        Ok(cursor)
    }
}

impl Cursor {
    /// Its id on the node; empty once all rows have come.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The number of all rows, if it was asked for.
    pub fn count(&self) -> Option<u64> {
        self.count
    }

    /// What the query told beside its rows: at once, but for a cursor that streams at its end.
    pub fn extra(&self) -> Option<&Extra> {
        self.extra.as_ref()
    }

    /// The next row; none at the end.
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        loop {
            if let Some(row) = self.waiting.pop_front() {
                return Ok(Some(Row(row)));
            }
            if self.id.is_empty() {
                return Ok(None);
            }
            let id = self.id.clone();
            let reply = self
                .client
                .call(
                    Effect::Once,
                    || v1::NextBatchRequest { id: id.clone() },
                    |channel, request| async move { service(channel).next_batch(request).await },
                )
                .await?;
            self.take(reply);
        }
    }

    /// Has the node forget the cursor, if it has not yet.
    pub async fn delete(self) -> Result<(), Error> {
        if self.id.is_empty() {
            return Ok(());
        }
        self.client
            .call(
                Effect::Once,
                || v1::DeleteCursorRequest {
                    id: self.id.clone(),
                },
                |channel, request| async move { service(channel).delete_cursor(request).await },
            )
            .await?;
        Ok(())
    }

    fn take(&mut self, reply: v1::CursorReply) {
        self.waiting.extend(reply.rows);
        self.id = reply.id;
        self.count = reply.count.or(self.count);
        if let Some(found) = reply.extra {
            self.extra = Some(extra(found));
        }
    }
}

impl Client {
    /// The queries that run on the node in use, oldest first.
    pub async fn running_queries(&self) -> Result<Vec<QueryInfo>, Error> {
        self.queries(false, false).await
    }

    /// The last queries of the node in use that were slow, newest first; `clear` makes it forget them.
    pub async fn slow_queries(&self, clear: bool) -> Result<Vec<QueryInfo>, Error> {
        self.queries(true, clear).await
    }

    /// Ends a query on the node in use: it fails with error 1500.
    pub async fn kill_query(&self, id: u64) -> Result<(), Error> {
        self.call(
            Effect::Repeatable,
            || v1::KillQueryRequest { id },
            |channel, request| async move { service(channel).kill_query(request).await },
        )
        .await?;
        Ok(())
    }

    async fn queries(&self, slow: bool, clear: bool) -> Result<Vec<QueryInfo>, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::ListQueriesRequest { slow, clear },
                |channel, request| async move { service(channel).list_queries(request).await },
            )
            .await?;
        let info = |query: v1::QueryInfo| QueryInfo {
            id: query.id,
            fabric: query.fabric,
            query: query.query,
            started_ms: query.started_ms,
            runtime: Duration::try_from_secs_f64(query.runtime).unwrap_or_default(),
        };
        Ok(reply.queries.into_iter().map(info).collect())
    }
}
