//! Secondary indexes.

use std::sync::Arc;

use antipode::{Error, IndexStatus, Reply, Session, Value};
use antipode_proto::v1;
use antipode_proto::v1::index_server::Index;
use tonic::{Request, Response, Status};

use crate::failure::{bad_parameter, failed};
use crate::node::{Common, Node};
use crate::work::Call;

const INDEX_NOT_FOUND: u32 = 1212;

pub(crate) struct IndexService(pub Arc<Node>);

impl IndexService {
    async fn run<T: Send + 'static>(
        &self,
        call: Call,
        common: Common,
        work: impl FnOnce(&Session) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Status> {
        let (node, circumstances) = (self.0.clone(), call.clone());
        self.0
            .workers
            .run(&call, move || {
                let session = node.session(&circumstances, common);
                work(&session).map_err(failed)
            })
            .await
    }
}

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
        let call = self.0.call(&request);
        let request = request.into_inner();
        let common = Common::new(&request.token, &request.fabric).durability(request.durability)?;
        let definition = Value::from_json(&request.definition)
            .map_err(|error| bad_parameter(format!("definition: {error}")))?;
        let collection = request.collection;
        let reply = self
            .run(call, common, move |session| {
                session.create_index(&collection, &definition)
            })
            .await?;
        Ok(Response::new(v1::CreateIndexReply {
            token: reply.token.into(),
            index: Some(status(reply.value.status)),
            created: reply.value.is_new,
        }))
    }

    async fn drop_index(
        &self,
        request: Request<v1::DropIndexRequest>,
    ) -> Result<Response<v1::DropIndexReply>, Status> {
        let call = self.0.call(&request);
        let request = request.into_inner();
        let common = Common::new(&request.token, &request.fabric).durability(request.durability)?;
        let reply = self
            .run(call, common, move |session| {
                match session.drop_index(&request.collection, &request.index) {
                    Ok(Reply { token, .. }) => Ok((token.into(), true)),
                    Err(error) if request.if_exists && error.code() == INDEX_NOT_FOUND => {
                        Ok((request.token, false))
                    }
                    Err(error) => Err(error),
                }
            })
            .await?;
        let (token, changed) = reply;
        Ok(Response::new(v1::DropIndexReply { token, changed }))
    }

    async fn list_indexes(
        &self,
        request: Request<v1::ListIndexesRequest>,
    ) -> Result<Response<v1::ListIndexesReply>, Status> {
        let call = self.0.call(&request);
        let request = request.into_inner();
        let common =
            Common::new(&request.token, &request.fabric).consistency(request.consistency)?;
        let collection = request.collection;
        let reply = self
            .run(call, common, move |session| session.indexes(&collection))
            .await?;
        Ok(Response::new(v1::ListIndexesReply {
            token: reply.token.into(),
            indexes: reply.value.into_iter().map(status).collect(),
        }))
    }

    async fn check_indexes(
        &self,
        request: Request<v1::CheckIndexesRequest>,
    ) -> Result<Response<v1::CheckIndexesReply>, Status> {
        let call = self.0.call(&request);
        let request = request.into_inner();
        let common =
            Common::new(&request.token, &request.fabric).consistency(request.consistency)?;
        let collection = request.collection;
        let reply = self
            .run(call, common, move |session| {
                let only = (!collection.is_empty()).then_some(collection.as_str());
                session.check_indexes(only)
            })
            .await?;
        let check = reply.value;
        Ok(Response::new(v1::CheckIndexesReply {
            token: reply.token.into(),
            indexes: check.indexes,
            documents: check.documents,
            entries: check.entries,
            faults_total: check.faults_total,
            faults: check.faults.iter().map(ToString::to_string).collect(),
        }))
    }
}
