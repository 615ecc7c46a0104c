//! Queries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use antipode::{Extra, QueryOptions, Rows, Value};
use antipode_proto::v1::query_server::Query;
use antipode_proto::{MESSAGE_BYTES_MAX, v1};
use tonic::{Request, Response, Status};

use crate::failure::{bad_parameter, failed, row_too_long};
use crate::node::{Common, Node, json};
use crate::work::{Call, Outlet, Replies};

/// Rows to a message where the client does not say.
const BATCH_ROWS: usize = 500;
const BATCH_ROWS_MAX: usize = 1_000;

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
        let mut call = Node::streaming_call(&request);
        let request = request.into_inner();
        let asked = request.options.unwrap_or_default();
        limit_runtime(&mut call, asked.max_runtime)?;
        let batch = batch_rows(asked.batch_size)?;
        let options = options(&asked);
        let binds = binds(&request.bind)?;
        let common = Common::new(&request.token, &request.fabric)
            .durability(request.durability)?
            .consistency(request.consistency)?;
        let (node, circumstances) = (self.0.clone(), call.clone());
        let replies = self.0.workers.stream(&call, move |outlet| {
            let started = Instant::now();
            let session = node.session(&circumstances, common);
            let mut rows = session
                .query(&request.query, &binds, &options)
                .map_err(failed)?;
            send_rows(&mut rows, batch, outlet)?;
            outlet.send(v1::ExecuteReply {
                token: rows.token().to_vec().into(),
                rows: Vec::new(),
                last: true,
                extra: Some(extra(rows.extra(), started.elapsed())),
            })
        });
        Ok(Response::new(replies.await?))
    }

    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainReply>, Status> {
        let call = self.0.call(&request);
        let request = request.into_inner();
        let options = options(&request.options.unwrap_or_default());
        let binds = binds(&request.bind)?;
        let common = Common::new(&request.token, &request.fabric);
        let (node, circumstances) = (self.0.clone(), call.clone());
        let reply = self.0.workers.run(&call, move || {
            let session = node.session(&circumstances, common);
            let reply = session
                .explain(&request.query, &binds, &options)
                .map_err(failed)?;
            Ok(v1::ExplainReply {
                token: reply.token.into(),
                text: reply.value.text,
                plan: reply.value.json.to_json(),
            })
        });
        Ok(Response::new(reply.await?))
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

fn options(asked: &v1::QueryOptions) -> QueryOptions {
    let defaults = QueryOptions::default();
    QueryOptions {
        memory_bytes: Some(asked.memory_limit).filter(|bytes| *bytes > 0),
        full_count: asked.full_count,
        fail_on_warning: asked.fail_on_warning,
        warnings_max: match usize::try_from(asked.max_warning_count) {
            Ok(0) | Err(_) => defaults.warnings_max,
            Ok(count) => count,
        },
        rules: asked.optimizer_rules.clone(),
    }
}

fn binds(text: &str) -> Result<Value, Status> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    json("the bind parameters", text)
}

fn extra(extra: Extra, took: Duration) -> v1::QueryExtra {
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
    }
}
