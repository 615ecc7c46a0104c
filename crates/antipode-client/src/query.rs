//! Queries and their rows.

use std::collections::VecDeque;

use antipode_proto::v1::query_client::QueryClient;
use antipode_proto::{MESSAGE_BYTES_MAX, v1};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::{Effect, Reply};
use crate::client::Client;
use crate::cursor::CursorOptions;
use crate::error::Error;

/// A query that is being put together. Nothing is sent before [`Query::rows`] and its like.
#[derive(Debug, Clone)]
#[must_use = "a query does nothing until it is run"]
pub struct Query {
    pub(crate) client: Client,
    pub(crate) text: String,
    bind: serde_json::Map<String, Value>,
    pub(crate) options: v1::QueryOptions,
    pub(crate) cursor: CursorOptions,
}

/// One row of a result: a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub(crate) String);

/// The rows of a query, as they come. Dropping it stops the query.
#[derive(Debug)]
pub struct Rows {
    client: Client,
    stream: tonic::Streaming<v1::ExecuteReply>,
    waiting: VecDeque<String>,
    extra: Option<Extra>,
}

/// What a query tells beside its rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extra {
    /// Documents written.
    pub writes_executed: u64,
    /// Writes that `ignoreErrors` let pass.
    pub writes_ignored: u64,
    /// Documents read without an index.
    pub scanned_full: u64,
    /// Entries read from indexes.
    pub scanned_index: u64,
    /// Rows that filters removed.
    pub filtered: u64,
    /// Rows before the last top-level LIMIT, if asked for.
    pub full_count: Option<u64>,
    /// How long it ran, in seconds.
    pub execution_seconds: f64,
    /// The most memory it held, in bytes.
    pub peak_memory: u64,
    /// What was odd, though not an error.
    pub warnings: Vec<Warning>,
    /// What the query did, if that was asked for.
    pub profile: Option<Profile>,
}

/// What a query did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The plan as a tree with what each node did, the counters and the phases, for people.
    pub text: String,
    /// The same as JSON.
    pub json: String,
}

/// Something odd that a query met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The stable number.
    pub code: u32,
    /// What it is.
    pub message: String,
}

/// How a query would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The plan for people.
    pub text: String,
    /// The plan as JSON.
    pub plan: String,
}

impl Client {
    /// Begins a query in C8QL.
    ///
    /// ```no_run
    /// # async fn example(client: antipode_client::Client) -> Result<(), antipode_client::Error> {
    /// let names: Vec<String> = client
    ///     .query("FOR a IN @@airports FILTER a.state == @state SORT a.name RETURN a.name")
    ///     .bind("@airports", "airports")?
    ///     .bind("state", "AK")?
    ///     .all()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn query(&self, text: impl Into<String>) -> Query {
        Query {
            client: self.clone(),
            text: text.into(),
            bind: serde_json::Map::new(),
            options: v1::QueryOptions::default(),
            cursor: CursorOptions::default(),
        }
    }
}

impl Query {
    /// The bind parameters as a JSON text.
    pub(crate) fn bind_text(&self) -> String {
        bind_text(&self.bind)
    }

    /// Gives a bind parameter its value; of `@@name`, a collection, the parameter is `@name`.
    pub fn bind(mut self, name: impl Into<String>, value: impl Serialize) -> Result<Self, Error> {
        self.bind.insert(name.into(), serde_json::to_value(value)?);
        Ok(self)
    }

    /// Rows to a message at most, up to 1,000; the node chooses if this is not set.
    pub fn batch_size(mut self, rows: u32) -> Self {
        self.options.batch_size = rows;
        self
    }

    /// Count the rows before the last top-level LIMIT.
    pub fn full_count(mut self) -> Self {
        self.options.full_count = true;
        self
    }

    /// Stop the query after so many seconds.
    pub fn max_runtime(mut self, seconds: f64) -> Self {
        self.options.max_runtime = seconds;
        self
    }

    /// Stop the query when it holds more than so many bytes.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.options.memory_limit = bytes;
        self
    }

    /// Treat a warning as an error.
    pub fn fail_on_warning(mut self) -> Self {
        self.options.fail_on_warning = true;
        self
    }

    /// Switch optimizer rules on and off: `-rule`, `+rule`, `-all`.
    pub fn optimizer_rules(mut self, rules: impl IntoIterator<Item = String>) -> Self {
        self.options.optimizer_rules = rules.into_iter().collect();
        self
    }

    /// Warnings to tell at most; 10 if this is not set.
    pub fn max_warning_count(mut self, count: u32) -> Self {
        self.options.max_warning_count = count;
        self
    }

    /// Tell what the query did: 1, the time of its phases; 2, also what each node of the plan did.
    pub fn profile(mut self, level: u32) -> Self {
        self.options.profile = level;
        self
    }

    /// Runs the query; the rows are read as they come.
    ///
    /// A query that lost a race, or that could not be sent, is run again. One whose connection is lost is not: it may
    /// have written.
    pub async fn rows(self) -> Result<Rows, Error> {
        let bind = bind_text(&self.bind);
        let client = &self.client;
        let stream = client
            .open(
                Effect::Once,
                || v1::ExecuteRequest {
                    token: client.inner.token(),
                    fabric: client.fabric_name(),
                    durability: client.durability(),
                    consistency: client.consistency(),
                    query: self.text.clone(),
                    bind: bind.clone(),
                    options: Some(self.options.clone()),
                },
                |channel, request| async move {
                    // The first message is awaited here, so that what fails at once can be repeated.
                    let mut stream = service(channel).execute(request).await?.into_inner();
                    let first = stream.message().await?;
                    Ok(tonic::Response::new((first, stream)))
                },
            )
            .await?;
        let (first, stream) = stream;
        let mut rows = Rows {
            client: self.client,
            stream,
            waiting: VecDeque::new(),
            extra: None,
        };
        if let Some(first) = first {
            rows.take(first);
        }
        Ok(rows)
    }

    /// Runs the query to its end, and reads all rows as `T`.
    pub async fn all<T: DeserializeOwned>(self) -> Result<Vec<T>, Error> {
        let mut rows = self.rows().await?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().await? {
            all.push(row.decode()?);
        }
        Ok(all)
    }

    /// Runs the query to its end for what it does, passing over its rows.
    pub async fn run(self) -> Result<Extra, Error> {
        let mut rows = self.rows().await?;
        while rows.next().await?.is_some() {}
        Ok(rows.extra.unwrap_or_default())
    }

    /// Shows how the query would run, and which merge intents its updates have. Nothing is run.
    pub async fn explain(self) -> Result<Explanation, Error> {
        let bind = bind_text(&self.bind);
        let client = &self.client;
        let reply = client
            .call(
                Effect::Repeatable,
                || v1::ExplainRequest {
                    token: client.inner.token(),
                    fabric: client.fabric_name(),
                    query: self.text.clone(),
                    bind: bind.clone(),
                    options: Some(self.options.clone()),
                },
                |channel, request| async move { service(channel).explain(request).await },
            )
            .await?;
        Ok(Explanation {
            text: reply.text,
            plan: reply.plan,
        })
    }
}

impl Row {
    /// The row as JSON text.
    pub fn json(&self) -> &str {
        &self.0
    }

    /// The row as a value of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_str(&self.0)?)
    }
}

impl Rows {
    /// The next row; none at the end.
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        loop {
            if let Some(row) = self.waiting.pop_front() {
                return Ok(Some(Row(row)));
            }
            if self.extra.is_some() {
                return Ok(None);
            }
            match self.stream.message().await {
                Ok(Some(reply)) => self.take(reply),
                // The last message is marked: without it, the result is not whole.
                Ok(None) => {
                    return Err(Error::Lost {
                        message: "the result ended before its last row".to_owned(),
                    });
                }
                Err(status) => return Err(Error::from_status(&status)),
            }
        }
    }

    /// What the query told beside its rows; there once [`Rows::next`] has returned none.
    pub fn extra(&self) -> Option<&Extra> {
        self.extra.as_ref().filter(|_| self.waiting.is_empty())
    }

    fn take(&mut self, reply: v1::ExecuteReply) {
        if reply.last {
            self.client.inner.saw(reply.token());
            self.extra = Some(extra(reply.extra.unwrap_or_default()));
        }
        self.waiting.extend(reply.rows);
    }
}

pub(crate) fn service(
    channel: tonic::transport::Channel,
) -> QueryClient<tonic::transport::Channel> {
    QueryClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

fn bind_text(bind: &serde_json::Map<String, Value>) -> String {
    if bind.is_empty() {
        return String::new();
    }
    Value::Object(bind.clone()).to_string()
}

fn warnings(found: Vec<v1::QueryWarning>) -> Vec<Warning> {
    found
        .into_iter()
        .map(|warning| Warning {
            code: warning.code,
            message: warning.message,
        })
        .collect()
}

pub(crate) fn extra(reply: v1::QueryExtra) -> Extra {
    let stats = reply.stats.unwrap_or_default();
    Extra {
        writes_executed: stats.writes_executed,
        writes_ignored: stats.writes_ignored,
        scanned_full: stats.scanned_full,
        scanned_index: stats.scanned_index,
        filtered: stats.filtered,
        full_count: stats.full_count,
        execution_seconds: stats.execution_time,
        peak_memory: stats.peak_memory_usage,
        warnings: warnings(reply.warnings),
        profile: reply.profile.map(|profile| Profile {
            text: profile.text,
            json: profile.json,
        }),
    }
}
