//! Secondary indexes.

use std::sync::Arc;

use antipode::{IndexStatus, Reply, Value};
use antipode_proto::v1;
use antipode_proto::v1::index_server::Index;
use tonic::{Request, Response, Status};

use crate::failure::bad_parameter;
use crate::node::Node;

const INDEX_NOT_FOUND: u32 = 1212;

pub(crate) struct IndexService(pub Arc<Node>);

fn status(index: IndexStatus) -> v1::IndexStatus {
    v1::IndexStatus {
        id: index.id,
        name: index.name,
        definition: index.definition.to_json(),
        ready: index.ready,
        documents_done: index.documents_done,
        documents_total: index.documents_total,
        duplicates: index.duplicates,
        entries: index.entries,
        selectivity: index.selectivity,
    }
}

#[tonic::async_trait]
impl Index for IndexService {
    async fn create_index(
        &self,
        request: Request<v1::CreateIndexRequest>,
    ) -> Result<Response<v1::CreateIndexReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let definition = Value::from_json(&request.definition)
            .map_err(|error| bad_parameter(format!("definition: {error}")))?;
        self.0
            .reply_in_time(asked, move |session| {
                let reply = session.create_index(&request.collection, &definition)?;
                Ok(v1::CreateIndexReply {
                    token: reply.token.into(),
                    index: Some(status(reply.value.status)),
                    created: reply.value.is_new,
                })
            })
            .await
    }

    async fn drop_index(
        &self,
        request: Request<v1::DropIndexRequest>,
    ) -> Result<Response<v1::DropIndexReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        self.0
            .reply(asked, move |session| {
                let (token, changed) = match session.drop_index(&request.collection, &request.index)
                {
                    Ok(Reply { token, .. }) => (token.into(), true),
                    Err(error) if request.if_exists && error.code() == INDEX_NOT_FOUND => {
                        (request.token, false)
                    }
                    Err(error) => return Err(error.into()),
                };
                Ok(v1::DropIndexReply { token, changed })
            })
            .await
    }

    async fn list_indexes(
        &self,
        request: Request<v1::ListIndexesRequest>,
    ) -> Result<Response<v1::ListIndexesReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        self.0
            .reply(asked, move |session| {
                let reply = session.indexes(&request.collection)?;
                Ok(v1::ListIndexesReply {
                    token: reply.token.into(),
                    indexes: reply.value.into_iter().map(status).collect(),
                })
            })
            .await
    }

    async fn check_indexes(
        &self,
        request: Request<v1::CheckIndexesRequest>,
    ) -> Result<Response<v1::CheckIndexesReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        self.0
            .reply(asked, move |session| {
                let only = Some(request.collection.as_str()).filter(|name| !name.is_empty());
                let reply = session.check_indexes(only)?;
                let check = reply.value;
                Ok(v1::CheckIndexesReply {
                    token: reply.token.into(),
                    indexes: check.indexes,
                    documents: check.documents,
                    entries: check.entries,
                    faults_total: check.faults_total,
                    faults: check.faults.iter().map(ToString::to_string).collect(),
                })
            })
            .await
    }
}
