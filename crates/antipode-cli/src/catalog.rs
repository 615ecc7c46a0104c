//! `antipode create` and `antipode drop`: collections, streams and fabrics.

use anyhow::Result;
use antipode_client::{CollectionKind, CollectionOptions};
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
enum Thing {
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
    let name = arguments.name.as_str();
    let collection = |kind| CollectionOptions {
        kind,
        deletes_lose: arguments.deletes_lose,
    };
    let created = match arguments.what {
        Thing::Collection => client.create_collection(name, collection(CollectionKind::Document)).await?,
        Thing::Edge => client.create_collection(name, collection(CollectionKind::Edge)).await?,
        Thing::Kv => client.create_collection(name, collection(CollectionKind::Kv)).await?,
        Thing::Stream => client.create_stream(name).await?,
        Thing::Fabric => client.create_fabric(name).await?,
    };
    let told = if created { "created" } else { "exists already" };
    println!("{name} {told}");
    Ok(())
}

/// Drops something; that there is none is no error.
pub async fn drop(arguments: &Drop) -> Result<()> {
    let client = arguments.connection.open().await?;
    let name = arguments.name.as_str();
    let dropped = match arguments.what {
        Thing::Collection | Thing::Edge | Thing::Kv => client.drop_collection(name).await?,
        Thing::Stream => client.drop_stream(name).await?,
        Thing::Fabric => client.drop_fabric(name).await?,
    };
    let told = if dropped { "dropped" } else { "does not exist" };
    println!("{name} {told}");
    Ok(())
}
