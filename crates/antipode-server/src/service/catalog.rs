//! Fabrics, collections, named graphs and streams.

use std::sync::Arc;

use antipode::{
    CollectionInfo, CollectionKind, Deletes, EdgeDefinition, Error, Graph, GraphChange, Reply,
    Session,
};
use antipode_proto::v1;
use antipode_proto::v1::catalog_server::Catalog;
use bytes::Bytes;
use tonic::{Request, Response, Status};

use crate::failure::bad_parameter;
use crate::node::Node;
use crate::request::Asked;

const DUPLICATE_NAME: u32 = 1207;
const DATA_SOURCE_NOT_FOUND: u32 = 1203;
const DATABASE_NOT_FOUND: u32 = 1228;
const STREAM_NOT_FOUND: u32 = 5200;
const GRAPH_NOT_FOUND: u32 = 1924;
const GRAPH_DUPLICATE: u32 = 1925;

pub(crate) struct CatalogService(pub Arc<Node>);

impl CatalogService {
    /// Makes a change, and takes the error `already` for success where the client said that it does not mind.
    async fn change(
        &self,
        asked: Asked,
        already: Option<u32>,
        change: impl FnOnce(&Session) -> Result<Reply<()>, Error> + Send + 'static,
    ) -> Result<Response<v1::CatalogReply>, Status> {
        let token = asked.common.token.clone();
        self.0
            .reply(asked, move |session| match change(session) {
                Ok(reply) => Ok(catalog_reply(reply.token.into(), true)),
                Err(error) if Some(error.code()) == already => Ok(catalog_reply(token, false)),
                Err(error) => Err(error.into()),
            })
            .await
    }
}

fn catalog_reply(token: Bytes, changed: bool) -> v1::CatalogReply {
    v1::CatalogReply { token, changed }
}

fn collection_reply(collection: CollectionInfo) -> v1::Collection {
    v1::Collection {
        name: collection.name,
        kind: match collection.kind {
            CollectionKind::Document => v1::CollectionKind::Document,
            CollectionKind::Edge => v1::CollectionKind::Edge,
            CollectionKind::KeyValue => v1::CollectionKind::Kv,
        }
        .into(),
        count: collection.count,
    }
}

fn graph_reply(graph: Graph) -> v1::Graph {
    let definitions = graph.edge_definitions.into_iter();
    v1::Graph {
        name: graph.name,
        edge_definitions: definitions
            .map(|definition| v1::EdgeDefinition {
                collection: definition.collection,
                from: definition.from,
                to: definition.to,
            })
            .collect(),
        orphans: graph.orphans,
    }
}

fn edge_definition(definition: v1::EdgeDefinition) -> EdgeDefinition {
    EdgeDefinition {
        collection: definition.collection,
        from: definition.from,
        to: definition.to,
    }
}

/// The change that a request asks for; none if it comes from a newer client, or names none.
fn graph_change(request: v1::ChangeGraphRequest) -> Option<GraphChange> {
    use v1::change_graph_request::Change;
    let drop = request.drop_collection;
    Some(match request.change? {
        Change::AddDefinition(definition) => {
            GraphChange::AddDefinition(edge_definition(definition))
        }
        Change::ReplaceDefinition(definition) => {
            GraphChange::ReplaceDefinition(edge_definition(definition))
        }
        Change::RemoveDefinition(collection) => GraphChange::RemoveDefinition { collection, drop },
        Change::AddOrphan(collection) => GraphChange::AddOrphan { collection },
        Change::RemoveOrphan(collection) => GraphChange::RemoveOrphan { collection, drop },
    })
}

#[tonic::async_trait]
impl Catalog for CatalogService {
    async fn create_fabric(
        &self,
        request: Request<v1::CreateFabricRequest>,
    ) -> Result<Response<v1::CatalogReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let already = request.if_not_exists.then_some(DUPLICATE_NAME);
        self.change(asked, already, move |session| {
            session.create_fabric(&request.name)
        })
        .await
    }

    async fn drop_fabric(
        &self,
        request: Request<v1::DropFabricRequest>,
    ) -> Result<Response<v1::CatalogReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let already = request.if_exists.then_some(DATABASE_NOT_FOUND);
        self.change(asked, already, move |session| {
            session.drop_fabric(&request.name)
        })
        .await
    }

    async fn list_fabrics(
        &self,
        request: Request<v1::ListFabricsRequest>,
    ) -> Result<Response<v1::ListFabricsReply>, Status> {
        let (asked, _) = self.0.read(request)?;
        self.0
            .reply(asked, |session| {
                let reply = session.fabrics()?;
                Ok(v1::ListFabricsReply {
                    token: reply.token.into(),
                    names: reply.value,
                })
            })
            .await
    }

    async fn create_collection(
        &self,
        request: Request<v1::CreateCollectionRequest>,
    ) -> Result<Response<v1::CatalogReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let already = request.if_not_exists.then_some(DUPLICATE_NAME);
        let kind = match v1::CollectionKind::try_from(request.kind) {
            Ok(v1::CollectionKind::Unspecified | v1::CollectionKind::Document) => {
                CollectionKind::Document
            }
            Ok(v1::CollectionKind::Edge) => CollectionKind::Edge,
            Ok(v1::CollectionKind::Kv) => CollectionKind::KeyValue,
            Err(_) => {
                let kind = request.kind;
                return Err(bad_parameter(format!(
                    "collection kind {kind} is not known here"
                )));
            }
        };
        let deletes = match v1::Deletes::try_from(request.deletes) {
            Ok(v1::Deletes::Unspecified | v1::Deletes::Win) => Deletes::Win,
            Ok(v1::Deletes::Lose) => Deletes::Lose,
            Err(_) => {
                let deletes = request.deletes;
                return Err(bad_parameter(format!(
                    "deletes {deletes} is not known here"
                )));
            }
        };
        self.change(asked, already, move |session| {
            session.create_collection(&request.name, kind, deletes)
        })
        .await
    }

    async fn drop_collection(
        &self,
        request: Request<v1::DropCollectionRequest>,
    ) -> Result<Response<v1::CatalogReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let already = request.if_exists.then_some(DATA_SOURCE_NOT_FOUND);
        self.change(asked, already, move |session| {
            session.drop_collection(&request.name)
        })
        .await
    }

    async fn list_collections(
        &self,
        request: Request<v1::ListCollectionsRequest>,
    ) -> Result<Response<v1::ListCollectionsReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        self.0
            .reply(asked, move |session| {
                let reply = session.collections(request.system)?;
                Ok(v1::ListCollectionsReply {
                    token: reply.token.into(),
                    collections: reply.value.into_iter().map(collection_reply).collect(),
                })
            })
            .await
    }

    async fn create_graph(
        &self,
        request: Request<v1::CreateGraphRequest>,
    ) -> Result<Response<v1::CatalogReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let already = request.if_not_exists.then_some(GRAPH_DUPLICATE);
        let graph = request.graph.unwrap_or_default();
        self.change(asked, already, move |session| {
            let definitions = graph.edge_definitions.into_iter();
            let definitions = definitions.map(edge_definition).collect();
            session.create_graph(&graph.name, definitions, graph.orphans)
        })
        .await
    }

    async fn change_graph(
        &self,
        request: Request<v1::ChangeGraphRequest>,
    ) -> Result<Response<v1::CatalogReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let name = request.name.clone();
        let Some(change) = graph_change(request) else {
            let message = "the change of the graph is missing, or not known here";
            return Err(bad_parameter(message.to_owned()));
        };
        self.change(asked, None, move |session| {
            session.change_graph(&name, change)
        })
        .await
    }

    async fn drop_graph(
        &self,
        request: Request<v1::DropGraphRequest>,
    ) -> Result<Response<v1::CatalogReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let already = request.if_exists.then_some(GRAPH_NOT_FOUND);
        self.change(asked, already, move |session| {
            session.drop_graph(&request.name, request.drop_collections)
        })
        .await
    }

    async fn get_graph(
        &self,
        request: Request<v1::GetGraphRequest>,
    ) -> Result<Response<v1::GetGraphReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        self.0
            .reply(asked, move |session| {
                let reply = session.graph(&request.name)?;
                Ok(v1::GetGraphReply {
                    token: reply.token.into(),
                    graph: Some(graph_reply(reply.value)),
                })
            })
            .await
    }

    async fn list_graphs(
        &self,
        request: Request<v1::ListGraphsRequest>,
    ) -> Result<Response<v1::ListGraphsReply>, Status> {
        let (asked, _) = self.0.read(request)?;
        self.0
            .reply(asked, |session| {
                let reply = session.graphs()?;
                Ok(v1::ListGraphsReply {
                    token: reply.token.into(),
                    graphs: reply.value.into_iter().map(graph_reply).collect(),
                })
            })
            .await
    }

    async fn create_stream(
        &self,
        request: Request<v1::CreateStreamRequest>,
    ) -> Result<Response<v1::CatalogReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let already = request.if_not_exists.then_some(DUPLICATE_NAME);
        self.change(asked, already, move |session| {
            session.create_stream(&request.name)
        })
        .await
    }

    async fn drop_stream(
        &self,
        request: Request<v1::DropStreamRequest>,
    ) -> Result<Response<v1::CatalogReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let already = request.if_exists.then_some(STREAM_NOT_FOUND);
        self.change(asked, already, move |session| {
            session.drop_stream(&request.name)
        })
        .await
    }

    async fn list_streams(
        &self,
        request: Request<v1::ListStreamsRequest>,
    ) -> Result<Response<v1::ListStreamsReply>, Status> {
        let (asked, _) = self.0.read(request)?;
        self.0
            .reply(asked, |session| {
                let reply = session.streams()?;
                Ok(v1::ListStreamsReply {
                    token: reply.token.into(),
                    names: reply.value,
                })
            })
            .await
    }
}
