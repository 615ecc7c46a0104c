//! Queries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use antipode::{Cancel, QueryOptions, Rows, Value};
use antipode_proto::v1::query_server::Query;
use antipode_proto::{MESSAGE_BYTES_MAX, v1};
use tonic::{Request, Response, Status};

use crate::cursors::{Batch, Live, Source, keep};
use crate::failure::{Held, bad_parameter, failed, row_too_long};
use crate::node::Node;
use crate::request::{Asked, Common, json};
use crate::work::{Call, Outlet, Replies};

/// Rows to a message where the client does not say.
const BATCH_ROWS: usize = 500;
const BATCH_ROWS_MAX: usize = 1_000;

/// Rows to a reply of a cursor where the client does not say.
const CURSOR_ROWS: usize = 100;
/// How long a cursor lives unread where the client does not say, and at most.
const CURSOR_TTL: Duration = Duration::from_secs(30);
const CURSOR_TTL_MAX: Duration = Duration::from_secs(3600);

/// A message is closed at this size: large enough that its cost is in its rows, small enough that they flow.
const BATCH_BYTES: usize = 256 * 1024;

/// Room for what a message has beside a row.
const ROW_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 1024;

pub(crate) struct QueryService(pub Arc<Node>);

#[tonic::async_trait]
impl Query for QueryService {
    type ExecuteStream = Replies<v1::ExecuteReply>;

    async fn execute(
        &self,
        request: Request<v1::ExecuteRequest>,
    ) -> Result<Response<Self::ExecuteStream>, Status> {
        let (mut asked, request) = Node::read_streaming(request)?;
        let wish = request.options.unwrap_or_default();
        limit_runtime(&mut asked.call, wish.max_runtime)?;
        let batch = batch_rows(wish.batch_size)?;
        let options = options(&wish)?;
        let binds = binds(&request.bind)?;
        self.0
            .stream(asked, move |session, outlet| {
                let started = Instant::now();
                let mut rows = session.query(&request.query, &binds, &options)?;
                send_rows(&mut rows, batch, outlet)?;
                outlet.send(v1::ExecuteReply {
                    token: rows.token().to_vec().into(),
                    rows: Vec::new(),
                    last: true,
                    extra: Some(extra(&rows, started.elapsed())),
                })?;
                Ok(())
            })
            .await
    }

    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let options = options(&request.options.unwrap_or_default())?;
        let binds = binds(&request.bind)?;
        self.0
            .reply(asked, move |session| {
                let reply = session.explain(&request.query, &binds, &options)?;
                Ok(v1::ExplainReply {
                    token: reply.token.into(),
                    text: reply.value.text,
                    plan: reply.value.json.to_json(),
                })
            })
            .await
    }

    async fn create_cursor(
        &self,
        request: Request<v1::CreateCursorRequest>,
    ) -> Result<Response<v1::CursorReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let wish = CursorWish::of(&request)?;
        let (mut source, token, extra) = match request.stream {
            true => {
                self.0.catch_up(&asked).await?;
                self.start_cursor(request, asked.common, &wish)?
            }
            false => self.keep_cursor(request, asked, &wish).await?,
        };
        let batch = source.next(wish.batch).await?;
        let mut reply = cursor_reply(batch);
        if reply.has_more {
            reply.id = self.0.cursors.add(source, wish.batch, wish.ttl)?;
        }
        if reply.token.is_empty() {
            reply.token = token.into();
        }
        reply.extra = reply.extra.or(extra);
        Ok(Response::new(reply))
    }

    async fn next_batch(
        &self,
        request: Request<v1::NextBatchRequest>,
    ) -> Result<Response<v1::CursorReply>, Status> {
        let id = request.into_inner().id;
        let mut reply = cursor_reply(self.0.cursors.next(&id).await?);
        if reply.has_more {
            reply.id = id;
        }
        Ok(Response::new(reply))
    }

    async fn delete_cursor(
        &self,
        request: Request<v1::DeleteCursorRequest>,
    ) -> Result<Response<v1::DeleteCursorReply>, Status> {
        self.0.cursors.delete(&request.into_inner().id)?;
        Ok(Response::new(v1::DeleteCursorReply {}))
    }

    async fn list_queries(
        &self,
        request: Request<v1::ListQueriesRequest>,
    ) -> Result<Response<v1::ListQueriesReply>, Status> {
        let request = request.into_inner();
        let database = &self.0.database;
        let queries = match request.slow {
            true => database.slow_queries(),
            false => database.running_queries(),
        };
        if request.slow && request.clear {
            database.clear_slow_queries();
        }
        let queries = queries.into_iter().map(|query| v1::QueryInfo {
            id: query.id,
            fabric: query.fabric,
            query: query.text,
            started_ms: query.started_ms,
            runtime: query.runtime.as_secs_f64(),
        });
        Ok(Response::new(v1::ListQueriesReply {
            queries: queries.collect(),
        }))
    }

    async fn kill_query(
        &self,
        request: Request<v1::KillQueryRequest>,
    ) -> Result<Response<v1::KillQueryReply>, Status> {
        let id = request.into_inner().id;
        match self.0.database.kill_query(id) {
            true => Ok(Response::new(v1::KillQueryReply {})),
            false => Err(Held::QueryNotFound(id).into()),
        }
    }
}

/// What a client wants of a cursor.
struct CursorWish {
    batch: usize,
    ttl: Duration,
    runtime: f64,
}

impl CursorWish {
    fn of(request: &v1::CreateCursorRequest) -> Result<Self, Status> {
        let options = request.options.as_ref();
        let batch = match options.map_or(0, |options| options.batch_size) {
            0 => CURSOR_ROWS,
            rows => batch_rows(rows)?,
        };
        let ttl = match request.ttl {
            0.0 => CURSOR_TTL,
            seconds => Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|ttl| *ttl <= CURSOR_TTL_MAX)
                .ok_or_else(|| {
                    bad_parameter(format!("ttl {seconds} is not between 0 and 3600 seconds"))
                })?,
        };
        let runtime = options.map_or(0.0, |options| options.max_runtime);
        Ok(Self {
            batch,
            ttl,
            runtime,
        })
    }
}

type Started = (Source, Vec<u8>, Option<v1::QueryExtra>);

impl QueryService {
    /// Runs a query to its end, and keeps its rows.
    async fn keep_cursor(
        &self,
        request: v1::CreateCursorRequest,
        mut asked: Asked,
        wish: &CursorWish,
    ) -> Result<Started, Status> {
        limit_runtime(&mut asked.call, wish.runtime)?;
        let options = options(&request.options.clone().unwrap_or_default())?;
        let binds = binds(&request.bind)?;
        self.0
            .run(asked, move |session| {
                let started = Instant::now();
                let mut rows = session.query(&request.query, &binds, &options)?;
                let source = keep(&mut rows, request.count)?;
                let extra = extra(&rows, started.elapsed());
                Ok((source, rows.token().to_vec(), Some(extra)))
            })
            .await
    }

    /// Starts a query on a thread of its own, which computes rows as they are asked for.
    fn start_cursor(
        &self,
        request: v1::CreateCursorRequest,
        common: Common,
        wish: &CursorWish,
    ) -> Result<Started, Status> {
        let permit = self.0.cursors.admit_live()?;
        let mut call = Call {
            deadline: None,
            cancel: Cancel::new(),
        };
        limit_runtime(&mut call, wish.runtime)?;
        let mut options = options(&request.options.clone().unwrap_or_default())?;
        options.full_count = false;
        let binds = binds(&request.bind)?;
        let (node, cancel) = (self.0.clone(), call.cancel.clone());
        let query = move || {
            let session = node.session(Asked { call, common });
            session
                .query(&request.query, &binds, &options)
                .map_err(failed)
        };
        let started = Instant::now();
        let extra = move |rows: &Rows| extra(rows, started.elapsed());
        let live = Live::start(permit, query, extra, wish.batch, wish.ttl, cancel)?;
        Ok((Source::Live(live), Vec::new(), None))
    }
}

fn cursor_reply(batch: Batch) -> v1::CursorReply {
    v1::CursorReply {
        token: batch.token.into(),
        rows: batch.rows,
        id: String::new(),
        has_more: batch.more,
        count: batch.count,
        extra: batch.extra,
    }
}

fn send_rows(
    rows: &mut Rows,
    batch: usize,
    outlet: &Outlet<v1::ExecuteReply>,
) -> Result<(), Status> {
    while let Some(values) = rows.next_batch(batch).map_err(failed)? {
        let mut texts = Vec::with_capacity(values.len());
        let mut bytes = 0;
        for value in values {
            let text = value.to_json();
            if text.len() > ROW_BYTES_MAX {
                return Err(row_too_long(text.len(), ROW_BYTES_MAX));
            }
            if bytes > 0 && bytes + text.len() > BATCH_BYTES {
                outlet.send(message(std::mem::take(&mut texts)))?;
                bytes = 0;
            }
            bytes += text.len();
            texts.push(text);
        }
        if !texts.is_empty() {
            outlet.send(message(texts))?;
        }
    }
    Ok(())
}

fn message(rows: Vec<String>) -> v1::ExecuteReply {
    v1::ExecuteReply {
        rows,
        ..v1::ExecuteReply::default()
    }
}

fn batch_rows(asked: u32) -> Result<usize, Status> {
    match usize::try_from(asked) {
        Ok(0) => Ok(BATCH_ROWS),
        Ok(rows) if rows <= BATCH_ROWS_MAX => Ok(rows),
        _ => Err(bad_parameter(format!(
            "batch_size {asked} is above the limit of {BATCH_ROWS_MAX}"
        ))),
    }
}

/// The runtime that the query may take counts from now, like the deadline.
fn limit_runtime(call: &mut Call, seconds: f64) -> Result<(), Status> {
    if seconds == 0.0 {
        return Ok(());
    }
    let limit = Duration::try_from_secs_f64(seconds)
        .map_err(|_| bad_parameter(format!("max_runtime {seconds} is not a number of seconds")))?;
    if let Some(end) = Instant::now().checked_add(limit) {
        call.deadline = Some(call.deadline.map_or(end, |deadline| deadline.min(end)));
    }
    Ok(())
}

fn options(asked: &v1::QueryOptions) -> Result<QueryOptions, Status> {
    let defaults = QueryOptions::default();
    let profile = u8::try_from(asked.profile)
        .ok()
        .filter(|level| *level <= 2)
        .ok_or_else(|| bad_parameter(format!("profile {} is not 0, 1 or 2", asked.profile)))?;
    Ok(QueryOptions {
        memory_bytes: Some(asked.memory_limit).filter(|bytes| *bytes > 0),
        full_count: asked.full_count,
        fail_on_warning: asked.fail_on_warning,
        warnings_max: match usize::try_from(asked.max_warning_count) {
            Ok(0) | Err(_) => defaults.warnings_max,
            Ok(count) => count,
        },
        rules: asked.optimizer_rules.clone(),
        profile,
    })
}

fn binds(text: &str) -> Result<Value, Status> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    json("the bind parameters", text)
}

fn extra(rows: &Rows, took: Duration) -> v1::QueryExtra {
    let extra = rows.extra();
    let stats = extra.stats;
    v1::QueryExtra {
        stats: Some(v1::QueryStats {
            writes_executed: stats.writes_executed,
            writes_ignored: stats.writes_ignored,
            scanned_full: stats.scanned_full,
            scanned_index: stats.scanned_index,
            document_lookups: stats.document_lookups,
            filtered: stats.filtered,
            full_count: stats.full_count,
            execution_time: took.as_secs_f64(),
            peak_memory_usage: stats.peak_memory_bytes,
        }),
        warnings: extra
            .warnings
            .into_iter()
            .map(|warning| v1::QueryWarning {
                code: warning.code.number(),
                message: warning.message,
            })
            .collect(),
        profile: rows.profile().map(|report| v1::QueryProfile {
            text: report.text,
            json: report.json.to_json(),
        }),
    }
}
