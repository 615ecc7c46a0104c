//! Secondary indexes.

use antipode_proto::v1;
use antipode_proto::v1::index_client::IndexClient;
use serde::Serialize;

use crate::call::Effect;
use crate::client::Client;
use crate::error::Error;

/// An index of a collection, as it is on the node that was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    /// Its id: `COLLECTION/NUMBER`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is, as JSON: `{"type", "fields", "unique", "sparse", …}`.
    pub definition: String,
    /// Whether queries use it; otherwise it is being built.
    pub ready: bool,
    /// Documents that the build has passed.
    pub documents_done: u64,
    /// Documents of the collection.
    pub documents_total: u64,
    /// Entries of a unique index that the build found twice.
    pub duplicates: u64,
    /// About how many entries there are.
    pub entries: u64,
    /// About how many distinct entries there are for each entry.
    pub selectivity: Option<f64>,
}

/// What holding indexes against their documents came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexCheck {
    /// Indexes that were checked.
    pub indexes: u64,
    /// Documents that were held against them, once for each index.
    pub documents: u64,
    /// Entries that were looked at.
    pub entries: u64,
    /// How many differences there are.
    pub faults_total: u64,
    /// The first hundred of them, in words.
    pub faults: Vec<String>,
}

impl From<v1::IndexStatus> for Index {
    fn from(found: v1::IndexStatus) -> Self {
        Self {
            id: found.id,
            name: found.name,
            definition: found.definition,
            ready: found.ready,
            documents_done: found.documents_done,
            documents_total: found.documents_total,
            duplicates: found.duplicates,
            entries: found.entries,
            selectivity: found.selectivity,
        }
    }
}

impl Client {
    /// Makes an index, and waits until it is built on the node, or the call's time is up; says whether it is new. Give
    /// `inBackground: true` not to wait. A unique index is refused if documents have a value twice, as far as that is known
    /// when the call ends; for one that is not ready then, look at `duplicates` once it is.
    ///
    /// ```no_run
    /// # async fn example(client: antipode_client::Client) -> Result<(), antipode_client::Error> {
    /// use serde_json::json;
    ///
    /// let definition = json!({ "type": "persistent", "fields": ["email"], "unique": true, "sparse": true });
    /// let (index, _) = client.create_index("users", &definition).await?;
    /// if !index.ready {
    ///     println!("{} is being built: {} of {}", index.name, index.documents_done, index.documents_total);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create_index(
        &self,
        collection: &str,
        definition: &impl Serialize,
    ) -> Result<(Index, bool), Error> {
        let definition = serde_json::to_string(definition)?;
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::CreateIndexRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    collection: collection.to_owned(),
                    definition: definition.clone(),
                },
                |channel, request| async move {
                    IndexClient::new(channel).create_index(request).await
                },
            )
            .await?;
        let index = reply.index.unwrap_or_default();
        Ok((index.into(), reply.created))
    }

    /// Drops an index, given by its name or id; says whether there was one.
    pub async fn drop_index(&self, collection: &str, index: &str) -> Result<bool, Error> {
        let reply = self
            .call(
                Effect::Once,
                || v1::DropIndexRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    collection: collection.to_owned(),
                    index: index.to_owned(),
                    if_exists: true,
                },
                |channel, request| async move {
                    IndexClient::new(channel).drop_index(request).await
                },
            )
            .await?;
        Ok(reply.changed)
    }

    /// The indexes of a collection: those that every collection has first, then by name.
    pub async fn list_indexes(&self, collection: &str) -> Result<Vec<Index>, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::ListIndexesRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    consistency: self.consistency(),
                    collection: collection.to_owned(),
                },
                |channel, request| async move {
                    IndexClient::new(channel).list_indexes(request).await
                },
            )
            .await?;
        Ok(reply.indexes.into_iter().map(Index::from).collect())
    }

    /// Holds the indexes of a collection, or of the whole fabric, against their documents on the node.
    pub async fn check_indexes(&self, collection: Option<&str>) -> Result<IndexCheck, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::CheckIndexesRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    consistency: self.consistency(),
                    collection: collection.unwrap_or_default().to_owned(),
                },
                |channel, request| async move {
                    IndexClient::new(channel).check_indexes(request).await
                },
            )
            .await?;
        Ok(IndexCheck {
            indexes: reply.indexes,
            documents: reply.documents,
            entries: reply.entries,
            faults_total: reply.faults_total,
            faults: reply.faults,
        })
    }
}
