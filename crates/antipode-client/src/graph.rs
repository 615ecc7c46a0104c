//! Named graphs.

use antipode_proto::v1;
use antipode_proto::v1::catalog_client::CatalogClient;
use antipode_proto::v1::change_graph_request::Change;

use crate::call::Effect;
use crate::client::Client;
use crate::error::Error;

/// Which vertex collections an edge collection connects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EdgeDefinition {
    /// The edge collection.
    pub collection: String,
    /// Where its edges may begin.
    pub from: Vec<String>,
    /// Where its edges may end.
    pub to: Vec<String>,
}

/// A named graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// Its name.
    pub name: String,
    /// Its edge definitions, in the order of the edge collections.
    pub edge_definitions: Vec<EdgeDefinition>,
    /// Vertex collections that no edge definition uses.
    pub orphans: Vec<String>,
}

/// A change of a named graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphChange {
    /// One edge collection more. Collections that do not exist yet are made.
    AddDefinition(EdgeDefinition),
    /// Another definition for an edge collection of the graph, and of every graph that has it.
    ReplaceDefinition(EdgeDefinition),
    /// One edge collection less; vertex collections that only its definition used become orphans.
    RemoveDefinition {
        /// The edge collection.
        collection: String,
        /// Whether it is dropped, if no other graph has it.
        drop: bool,
    },
    /// One vertex collection more. If it does not exist yet, it is made.
    AddOrphan {
        /// The collection.
        collection: String,
    },
    /// One orphan less.
    RemoveOrphan {
        /// The collection.
        collection: String,
        /// Whether it is dropped, if no other graph has it.
        drop: bool,
    },
}

impl GraphChange {
    /// As the interface has it: the change, and whether a collection is dropped with it.
    fn into_request(self) -> (Change, bool) {
        match self {
            Self::AddDefinition(definition) => (Change::AddDefinition(definition.into()), false),
            Self::ReplaceDefinition(definition) => {
                (Change::ReplaceDefinition(definition.into()), false)
            }
            Self::RemoveDefinition { collection, drop } => {
                (Change::RemoveDefinition(collection), drop)
            }
            Self::AddOrphan { collection } => (Change::AddOrphan(collection), false),
            Self::RemoveOrphan { collection, drop } => (Change::RemoveOrphan(collection), drop),
        }
    }
}

impl From<EdgeDefinition> for v1::EdgeDefinition {
    fn from(definition: EdgeDefinition) -> Self {
        Self {
            collection: definition.collection,
            from: definition.from,
            to: definition.to,
        }
    }
}

impl From<v1::EdgeDefinition> for EdgeDefinition {
    fn from(definition: v1::EdgeDefinition) -> Self {
        Self {
            collection: definition.collection,
            from: definition.from,
            to: definition.to,
        }
    }
}

impl From<v1::Graph> for Graph {
    fn from(graph: v1::Graph) -> Self {
        let definitions = graph.edge_definitions.into_iter();
        Self {
            name: graph.name,
            edge_definitions: definitions.map(EdgeDefinition::from).collect(),
            orphans: graph.orphans,
        }
    }
}

impl From<Graph> for v1::Graph {
    fn from(graph: Graph) -> Self {
        let definitions = graph.edge_definitions.into_iter();
        Self {
            name: graph.name,
            edge_definitions: definitions.map(v1::EdgeDefinition::from).collect(),
            orphans: graph.orphans,
        }
    }
}

impl Client {
    /// Makes a named graph, and the collections in it that do not exist yet; says whether it is new. One that exists is
    /// left as it is.
    ///
    /// ```no_run
    /// # async fn example(client: antipode_client::Client) -> Result<(), antipode_client::Error> {
    /// use antipode_client::{EdgeDefinition, Graph};
    ///
    /// let flights = EdgeDefinition {
    ///     collection: "flights".to_owned(),
    ///     from: vec!["airports".to_owned()],
    ///     to: vec!["airports".to_owned()],
    /// };
    /// let network = Graph {
    ///     name: "network".to_owned(),
    ///     edge_definitions: vec![flights],
    ///     orphans: vec![],
    /// };
    /// client.create_graph(network).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create_graph(&self, graph: Graph) -> Result<bool, Error> {
        let graph = v1::Graph::from(graph);
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::CreateGraphRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    graph: Some(graph.clone()),
                    if_not_exists: true,
                },
                |channel, request| async move {
                    CatalogClient::new(channel).create_graph(request).await
                },
            )
            .await?;
        Ok(reply.changed)
    }

    /// Changes a named graph.
    pub async fn change_graph(&self, name: &str, change: GraphChange) -> Result<(), Error> {
        let (change, drop_collection) = change.into_request();
        self.call(
            Effect::Once,
            || v1::ChangeGraphRequest {
                token: self.inner.token(),
                fabric: self.fabric_name(),
                durability: self.durability(),
                name: name.to_owned(),
                change: Some(change.clone()),
                drop_collection,
            },
            |channel, request| async move {
                CatalogClient::new(channel).change_graph(request).await
            },
        )
        .await?;
        Ok(())
    }

    /// Drops a named graph, with `collections` also those of its collections that no other graph has; says whether there
    /// was one.
    pub async fn drop_graph(&self, name: &str, collections: bool) -> Result<bool, Error> {
        let reply = self
            .call(
                Effect::Once,
                || v1::DropGraphRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    name: name.to_owned(),
                    if_exists: true,
                    drop_collections: collections,
                },
                |channel, request| async move {
                    CatalogClient::new(channel).drop_graph(request).await
                },
            )
            .await?;
        Ok(reply.changed)
    }

    /// The named graph `name`.
    pub async fn graph(&self, name: &str) -> Result<Graph, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::GetGraphRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    consistency: self.consistency(),
                    name: name.to_owned(),
                },
                |channel, request| async move {
                    CatalogClient::new(channel).get_graph(request).await
                },
            )
            .await?;
        Ok(reply.graph.unwrap_or_default().into())
    }

    /// The named graphs of the fabric, by name.
    pub async fn list_graphs(&self) -> Result<Vec<Graph>, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::ListGraphsRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    consistency: self.consistency(),
                },
                |channel, request| async move {
                    CatalogClient::new(channel).list_graphs(request).await
                },
            )
            .await?;
        Ok(reply.graphs.into_iter().map(Graph::from).collect())
    }
}
