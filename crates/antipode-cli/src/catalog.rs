//! `antipode create` and `antipode drop`: collections, named graphs, streams and fabrics.

use std::str::FromStr;

use antipode_client::{Client, CollectionKind, CollectionOptions, EdgeDefinition, Error, Graph};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::connection::Connection;

/// Arguments of `antipode create`.
#[derive(Args, Debug)]
pub struct Create {
    /// What to create
    #[arg(value_name = "WHAT")]
    what: Thing,
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Of a collection: an update that is concurrent with a removal revives the document, instead of being discarded
    #[arg(long)]
    deletes_lose: bool,
    /// Of a graph: an edge collection and the vertex collections it connects, as EDGES:FROM[,FROM…]->TO[,TO…]
    #[arg(long, value_name = "DEFINITION")]
    edges: Vec<Relation>,
    /// Of a graph: a vertex collection that no edge collection connects
    #[arg(long, value_name = "COLLECTION")]
    orphan: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Arguments of `antipode drop`.
#[derive(Args, Debug)]
pub struct Drop {
    /// What to drop
    #[arg(value_name = "WHAT")]
    what: Thing,
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Of a graph: drop its collections too, but for those that another graph has
    #[arg(long)]
    collections: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What has a name in a fabric, and a fabric itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Thing {
    /// A collection of documents
    #[value(alias = "document")]
    Collection,
    /// A collection of edges, documents with _from and _to
    Edge,
    /// A collection of key-values
    Kv,
    /// A named graph
    Graph,
    /// A stream
    Stream,
    /// A fabric: a database with collections and streams of its own
    Fabric,
}

/// Creates something; that it exists already is no error.
pub async fn create(arguments: &Create) -> Result<()> {
    let client = arguments.connection.open().await?;
    let relations = !arguments.edges.is_empty() || !arguments.orphan.is_empty();
    if relations && arguments.what != Thing::Graph {
        bail!("--edges and --orphan describe a graph");
    }
    let told = if relations {
        let edges = arguments.edges.iter();
        let graph = Graph {
            name: arguments.name.clone(),
            edge_definitions: edges.map(|relation| relation.0.clone()).collect(),
            orphans: arguments.orphan.clone(),
        };
        create_graph(&client, graph).await?
    } else {
        arguments
            .what
            .create(&client, &arguments.name, arguments.deletes_lose)
            .await?
    };
    println!("{told}");
    Ok(())
}

/// Drops something; that there is none is no error.
pub async fn drop(arguments: &Drop) -> Result<()> {
    let client = arguments.connection.open().await?;
    if arguments.collections && arguments.what != Thing::Graph {
        bail!("--collections is for a graph");
    }
    let told = if arguments.collections {
        dropped_told(
            &arguments.name,
            client.drop_graph(&arguments.name, true).await?,
        )
    } else {
        arguments.what.drop(&client, &arguments.name).await?
    };
    println!("{told}");
    Ok(())
}

/// Creates a named graph, and says what was done.
pub async fn create_graph(client: &Client, graph: Graph) -> Result<String, Error> {
    let name = graph.name.clone();
    let created = client.create_graph(graph).await?;
    Ok(created_told(&name, created))
}

impl Thing {
    /// Creates one, and says what was done.
    pub async fn create(
        self,
        client: &Client,
        name: &str,
        deletes_lose: bool,
    ) -> Result<String, Error> {
        let collection = |kind| CollectionOptions { kind, deletes_lose };
        let created = match self {
            Self::Collection => {
                client
                    .create_collection(name, collection(CollectionKind::Document))
                    .await?
            }
            Self::Edge => {
                client
                    .create_collection(name, collection(CollectionKind::Edge))
                    .await?
            }
            Self::Kv => {
                client
                    .create_collection(name, collection(CollectionKind::Kv))
                    .await?
            }
            Self::Graph => {
                let name = name.to_owned();
                client
                    .create_graph(Graph {
                        name,
                        ..Graph::default()
                    })
                    .await?
            }
            Self::Stream => client.create_stream(name).await?,
            Self::Fabric => client.create_fabric(name).await?,
        };
        Ok(created_told(name, created))
    }

    /// Drops one, and says what was done.
    pub async fn drop(self, client: &Client, name: &str) -> Result<String, Error> {
        let dropped = match self {
            Self::Collection | Self::Edge | Self::Kv => client.drop_collection(name).await?,
            Self::Graph => client.drop_graph(name, false).await?,
            Self::Stream => client.drop_stream(name).await?,
            Self::Fabric => client.drop_fabric(name).await?,
        };
        Ok(dropped_told(name, dropped))
    }
}

fn created_told(name: &str, created: bool) -> String {
    let told = if created { "created" } else { "exists already" };
    format!("{name} {told}")
}

fn dropped_told(name: &str, dropped: bool) -> String {
    let told = if dropped { "dropped" } else { "does not exist" };
    format!("{name} {told}")
}

/// An edge definition as it is typed, and shown: `flights:airports->airports,heliports`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Relation(pub EdgeDefinition);

impl FromStr for Relation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = |text: &str| -> Vec<String> {
            let names = text.split(',').map(|name| name.trim().to_owned());
            names.filter(|name| !name.is_empty()).collect()
        };
        let parts = text.split_once(':').and_then(|(collection, ends)| {
            let (from, to) = ends.split_once("->")?;
            Some((collection.trim().to_owned(), names(from), names(to)))
        });
        match parts {
            Some((collection, from, to))
                if !collection.is_empty() && !from.is_empty() && !to.is_empty() =>
            {
                Ok(Self(EdgeDefinition {
                    collection,
                    from,
                    to,
                }))
            }
            _ => Err("an edge definition is EDGES:FROM[,FROM…]->TO[,TO…]".to_owned()),
        }
    }
}

impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let EdgeDefinition {
            collection,
            from,
            to,
        } = &self.0;
        write!(f, "{collection}:{}->{}", from.join(","), to.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_definition_is_read_as_it_is_shown() {
        let text = "flights:airports->airports,heliports";
        let relation: Relation = text.parse().unwrap();
        assert_eq!(relation.0.to, ["airports", "heliports"]);
        assert_eq!(relation.to_string(), text);
        for wrong in ["", "flights", "flights:airports", ":a->b", "e:->b", "e:a->"] {
            assert!(wrong.parse::<Relation>().is_err(), "{wrong}");
        }
    }
}
