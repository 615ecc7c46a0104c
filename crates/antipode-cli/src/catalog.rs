//! `antipode create` and `antipode drop`: collections, streams and fabrics.

use antipode_client::{Client, CollectionKind, CollectionOptions, Error};
use anyhow::Result;
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
    /// A stream
    Stream,
    /// A fabric: a database with collections and streams of its own
    Fabric,
}

/// Creates something; that it exists already is no error.
pub async fn create(arguments: &Create) -> Result<()> {
    let client = arguments.connection.open().await?;
    let told = arguments
        .what
        .create(&client, &arguments.name, arguments.deletes_lose)
        .await?;
    println!("{told}");
    Ok(())
}

/// Drops something; that there is none is no error.
pub async fn drop(arguments: &Drop) -> Result<()> {
    let client = arguments.connection.open().await?;
    let told = arguments.what.drop(&client, &arguments.name).await?;
    println!("{told}");
    Ok(())
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
            Self::Stream => client.create_stream(name).await?,
            Self::Fabric => client.create_fabric(name).await?,
        };
        let told = if created { "created" } else { "exists already" };
        Ok(format!("{name} {told}"))
    }

    /// Drops one, and says what was done.
    pub async fn drop(self, client: &Client, name: &str) -> Result<String, Error> {
        let dropped = match self {
            Self::Collection | Self::Edge | Self::Kv => client.drop_collection(name).await?,
            Self::Stream => client.drop_stream(name).await?,
            Self::Fabric => client.drop_fabric(name).await?,
        };
        let told = if dropped { "dropped" } else { "does not exist" };
        Ok(format!("{name} {told}"))
    }
}
