//! Fabrics, collections and streams.

use antipode_proto::v1;
use antipode_proto::v1::catalog_client::CatalogClient;
use tonic::transport::Channel;

use crate::call::Effect;
use crate::client::Client;
use crate::error::Error;

/// What a collection holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CollectionKind {
    /// Documents.
    #[default]
    Document,
    /// Edges: documents with `_from` and `_to`.
    Edge,
    /// Key-values: documents `{_key, value}`.
    Kv,
}

/// How a collection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CollectionOptions {
    /// What it holds.
    pub kind: CollectionKind,
    /// An update that is concurrent with a removal revives the document, instead of being discarded.
    pub deletes_lose: bool,
}

/// A collection that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: CollectionKind,
    /// How many documents.
    pub count: u64,
}

impl Client {
    /// Makes a collection; says whether it is new. One that exists is left as it is.
    ///
    /// ```no_run
    /// # async fn example(client: antipode_client::Client) -> Result<(), antipode_client::Error> {
    /// use antipode_client::{CollectionKind, CollectionOptions};
    ///
    /// client.create_collection("airports", CollectionOptions::default()).await?;
    /// let edges = CollectionOptions { kind: CollectionKind::Edge, ..CollectionOptions::default() };
    /// client.create_collection("flights", edges).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create_collection(
        &self,
        name: &str,
        options: CollectionOptions,
    ) -> Result<bool, Error> {
        let kind = match options.kind {
            CollectionKind::Document => v1::CollectionKind::Document,
            CollectionKind::Edge => v1::CollectionKind::Edge,
            CollectionKind::Kv => v1::CollectionKind::Kv,
        };
        let deletes = match options.deletes_lose {
            false => v1::Deletes::Win,
            true => v1::Deletes::Lose,
        };
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::CreateCollectionRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    name: name.to_owned(),
                    kind: kind.into(),
                    deletes: deletes.into(),
                    if_not_exists: true,
                },
                |channel, request| async move { service(channel).create_collection(request).await },
            )
            .await?;
        Ok(reply.changed)
    }

    /// Drops a collection and all that is in it; says whether there was one.
    pub async fn drop_collection(&self, name: &str) -> Result<bool, Error> {
        let reply = self
            .call(
                Effect::Once,
                || v1::DropCollectionRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    name: name.to_owned(),
                    if_exists: true,
                },
                |channel, request| async move { service(channel).drop_collection(request).await },
            )
            .await?;
        Ok(reply.changed)
    }

    /// The collections of the fabric, by name, without the system's own.
    pub async fn list_collections(&self) -> Result<Vec<Collection>, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::ListCollectionsRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    consistency: self.consistency(),
                    system: false,
                },
                |channel, request| async move { service(channel).list_collections(request).await },
            )
            .await?;
        let collections = reply.collections.into_iter().map(|found| Collection {
            kind: match found.kind() {
                v1::CollectionKind::Edge => CollectionKind::Edge,
                v1::CollectionKind::Kv => CollectionKind::Kv,
                v1::CollectionKind::Document | v1::CollectionKind::Unspecified => {
                    CollectionKind::Document
                }
            },
            name: found.name,
            count: found.count,
        });
        Ok(collections.collect())
    }

    /// Makes a stream; says whether it is new.
    pub async fn create_stream(&self, name: &str) -> Result<bool, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::CreateStreamRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    name: name.to_owned(),
                    if_not_exists: true,
                },
                |channel, request| async move { service(channel).create_stream(request).await },
            )
            .await?;
        Ok(reply.changed)
    }

    /// Drops a stream and its messages; says whether there was one.
    pub async fn drop_stream(&self, name: &str) -> Result<bool, Error> {
        let reply = self
            .call(
                Effect::Once,
                || v1::DropStreamRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    name: name.to_owned(),
                    if_exists: true,
                },
                |channel, request| async move { service(channel).drop_stream(request).await },
            )
            .await?;
        Ok(reply.changed)
    }

    /// The streams of the fabric, by name.
    pub async fn list_streams(&self) -> Result<Vec<String>, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::ListStreamsRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    consistency: self.consistency(),
                },
                |channel, request| async move { service(channel).list_streams(request).await },
            )
            .await?;
        Ok(reply.names)
    }

    /// Makes a fabric; says whether it is new.
    pub async fn create_fabric(&self, name: &str) -> Result<bool, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::CreateFabricRequest {
                    token: self.inner.token(),
                    durability: self.durability(),
                    name: name.to_owned(),
                    if_not_exists: true,
                },
                |channel, request| async move { service(channel).create_fabric(request).await },
            )
            .await?;
        Ok(reply.changed)
    }

    /// Drops a fabric and all that is in it; says whether there was one.
    pub async fn drop_fabric(&self, name: &str) -> Result<bool, Error> {
        let reply = self
            .call(
                Effect::Once,
                || v1::DropFabricRequest {
                    token: self.inner.token(),
                    durability: self.durability(),
                    name: name.to_owned(),
                    if_exists: true,
                },
                |channel, request| async move { service(channel).drop_fabric(request).await },
            )
            .await?;
        Ok(reply.changed)
    }

    /// The fabrics, by name.
    pub async fn list_fabrics(&self) -> Result<Vec<String>, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::ListFabricsRequest {
                    token: self.inner.token(),
                    consistency: self.consistency(),
                },
                |channel, request| async move { service(channel).list_fabrics(request).await },
            )
            .await?;
        Ok(reply.names)
    }
}

fn service(channel: Channel) -> CatalogClient<Channel> {
    CatalogClient::new(channel)
}
