//! Key-values.

use std::sync::Arc;
use std::time::Duration;

use antipode::{Pair, ScanRange, Value};
use antipode_proto::v1;
use antipode_proto::v1::kv_server::Kv;
use tonic::{Request, Response, Status};

use crate::node::Node;
use crate::request::json;
use crate::work::Replies;

/// A message is closed at this size.
const BATCH_BYTES: usize = 256 * 1024;

pub(crate) struct KvService(pub Arc<Node>);

#[tonic::async_trait]
impl Kv for KvService {
    type ScanStream = Replies<v1::KvScanReply>;

    async fn get(
        &self,
        request: Request<v1::KvGetRequest>,
    ) -> Result<Response<v1::KvGetReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        self.0
            .reply(asked, move |session| {
                let reply = session.kv_get(&request.collection, &request.key)?;
                Ok(v1::KvGetReply {
                    token: reply.token.into(),
                    entry: reply.value.map(entry),
                })
            })
            .await
    }

    async fn put(
        &self,
        request: Request<v1::KvPutRequest>,
    ) -> Result<Response<v1::KvWriteReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let value = json("the value", &request.value)?;
        let ttl = request.ttl_ms.map(Duration::from_millis);
        self.0
            .reply(asked, move |session| {
                let if_rev = request.if_rev.as_deref();
                let reply =
                    session.kv_put(&request.collection, &request.key, &value, ttl, if_rev)?;
                Ok(v1::KvWriteReply {
                    token: reply.token.into(),
                    rev: reply.value.rev,
                    found: true,
                })
            })
            .await
    }

    async fn delete(
        &self,
        request: Request<v1::KvDeleteRequest>,
    ) -> Result<Response<v1::KvWriteReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        self.0
            .reply(asked, move |session| {
                let if_rev = request.if_rev.as_deref();
                let reply = session.kv_delete(&request.collection, &request.key, if_rev)?;
                Ok(v1::KvWriteReply {
                    token: reply.token.into(),
                    rev: String::new(),
                    found: reply.value,
                })
            })
            .await
    }

    async fn increment(
        &self,
        request: Request<v1::KvIncrementRequest>,
    ) -> Result<Response<v1::KvIncrementReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let by = match request.by.as_str() {
            "" => Value::Int(1),
            text => json("the increment", text)?,
        };
        self.0
            .reply(asked, move |session| {
                let reply = session.kv_increment(&request.collection, &request.key, &by)?;
                Ok(v1::KvIncrementReply {
                    token: reply.token.into(),
                    value: reply.value.value.to_json(),
                    rev: reply.value.rev,
                })
            })
            .await
    }

    async fn touch(
        &self,
        request: Request<v1::KvTouchRequest>,
    ) -> Result<Response<v1::KvWriteReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let ttl = request.ttl_ms.map(Duration::from_millis);
        self.0
            .reply(asked, move |session| {
                let reply = session.kv_touch(&request.collection, &request.key, ttl)?;
                Ok(v1::KvWriteReply {
                    token: reply.token.into(),
                    rev: reply.value.rev,
                    found: true,
                })
            })
            .await
    }

    async fn scan(
        &self,
        request: Request<v1::KvScanRequest>,
    ) -> Result<Response<Self::ScanStream>, Status> {
        let (asked, request) = Node::read_streaming(request)?;
        let range = ScanRange {
            prefix: request.prefix,
            from: request.from,
            to: request.to,
        };
        let mut left = match request.limit {
            0 => u64::MAX,
            limit => limit,
        };
        self.0
            .stream(asked, move |session, outlet| {
                let mut gone = None;
                let reply = session.kv_scan(&request.collection, &range, |pairs| {
                    let wanted = usize::try_from(left).unwrap_or(usize::MAX);
                    let entries: Vec<_> = pairs.into_iter().take(wanted).map(entry).collect();
                    left -= entries.len() as u64;
                    for entries in messages(entries) {
                        let message = v1::KvScanReply {
                            entries,
                            ..v1::KvScanReply::default()
                        };
                        if let Err(status) = outlet.send(message) {
                            gone = Some(status);
                            return false;
                        }
                    }
                    left > 0
                });
                let reply = reply?;
                if let Some(status) = gone {
                    return Err(status.into());
                }
                outlet.send(v1::KvScanReply {
                    token: reply.token.into(),
                    entries: Vec::new(),
                    last: true,
                })?;
                Ok(())
            })
            .await
    }
}

/// Entries in groups that fit into messages.
fn messages(entries: Vec<v1::KvEntry>) -> Vec<Vec<v1::KvEntry>> {
    let mut groups = Vec::new();
    let (mut group, mut bytes) = (Vec::new(), 0);
    for entry in entries {
        let entry_bytes = entry.key.len() + entry.value.len();
        if bytes > 0 && bytes + entry_bytes > BATCH_BYTES {
            groups.push(std::mem::take(&mut group));
            bytes = 0;
        }
        bytes += entry_bytes;
        group.push(entry);
    }
    if !group.is_empty() {
        groups.push(group);
    }
    groups
}

fn entry(pair: Pair) -> v1::KvEntry {
    v1::KvEntry {
        key: pair.key,
        value: pair.value.to_json(),
        rev: pair.rev,
        expires_ms: pair.expires_ms,
    }
}
