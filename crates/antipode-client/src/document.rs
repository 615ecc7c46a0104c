//! Single documents by key.

use antipode_proto::v1::document_client::DocumentClient;
use antipode_proto::{MESSAGE_BYTES_MAX, v1};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::transport::Channel;

use crate::call::Effect;
use crate::client::Client;
use crate::error::Error;

const DOCUMENT_NOT_FOUND: u32 = 1202;

/// What an insert does when the key exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverwriteMode {
    /// Fail with 1210.
    #[default]
    Conflict,
    /// Change nothing and succeed.
    Ignore,
    /// Put the new document in its place.
    Replace,
    /// Treat the new document as a patch.
    Update,
}

/// How an insert, a replacement or a removal is done.
#[derive(Debug, Clone, Default)]
pub struct DocumentOptions {
    /// Of a replacement or removal: only if the document still has this `_rev`; else it fails with 1200.
    pub if_rev: Option<String>,
    /// Of an insert: what to do when the key exists.
    pub overwrite: OverwriteMode,
    /// Reply with the document as it was.
    pub return_old: bool,
    /// Reply with the document as it became.
    pub return_new: bool,
}

/// How an update is done.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    /// Only if the document still has this `_rev`; else it fails with 1200.
    pub if_rev: Option<String>,
    /// An attribute given as null is removed instead of set to null.
    pub remove_null: bool,
    /// A nested object replaces the old one instead of being merged into it.
    pub replace_objects: bool,
    /// Reply with the document as it was.
    pub return_old: bool,
    /// Reply with the document as it became.
    pub return_new: bool,
}

/// What a write left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenDocument {
    /// The document's key.
    pub key: String,
    /// `collection/key`.
    pub id: String,
    /// Its `_rev`; empty after a removal.
    pub rev: String,
    /// The document as it was, as JSON, if asked for.
    pub old: Option<String>,
    /// The document as it became, as JSON, if asked for.
    pub new: Option<String>,
}

impl Client {
    /// Reads a document; none if there is none with this key.
    ///
    /// ```no_run
    /// # async fn example(client: antipode_client::Client) -> Result<(), antipode_client::Error> {
    /// use antipode_client::UpdateOptions;
    /// use serde_json::{Value, json};
    ///
    /// client.insert("users", &json!({ "_key": "ada", "name": "Ada" }), Default::default()).await?;
    /// client.update("users", "ada", &json!({ "city": "London" }), UpdateOptions::default()).await?;
    /// let ada: Option<Value> = client.document("users", "ada").await?;
    /// assert_eq!(ada.unwrap()["city"], "London");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn document<T: DeserializeOwned>(
        &self,
        collection: &str,
        key: &str,
    ) -> Result<Option<T>, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::GetDocumentRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    consistency: self.consistency(),
                    collection: collection.to_owned(),
                    key: key.to_owned(),
                },
                |channel, request| async move { service(channel).get(request).await },
            )
            .await;
        match reply {
            Ok(reply) => Ok(Some(serde_json::from_str(&reply.document)?)),
            Err(error) if error.code() == Some(DOCUMENT_NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a document. Without a `_key` it is given one.
    pub async fn insert(
        &self,
        collection: &str,
        document: &impl Serialize,
        options: DocumentOptions,
    ) -> Result<WrittenDocument, Error> {
        let document = serde_json::to_string(document)?;
        let mode = match options.overwrite {
            OverwriteMode::Conflict => v1::OverwriteMode::Conflict,
            OverwriteMode::Ignore => v1::OverwriteMode::Ignore,
            OverwriteMode::Replace => v1::OverwriteMode::Replace,
            OverwriteMode::Update => v1::OverwriteMode::Update,
        };
        self.call(
            Effect::Once,
            || v1::InsertDocumentRequest {
                token: self.inner.token(),
                fabric: self.fabric_name(),
                durability: self.durability(),
                collection: collection.to_owned(),
                document: document.clone(),
                overwrite_mode: mode.into(),
                r#return: wanted(options.return_old, options.return_new),
            },
            |channel, request| async move { service(channel).insert(request).await },
        )
        .await
        .map(written)
    }

    /// Changes the attributes that the patch names; changes made elsewhere to others stay.
    pub async fn update(
        &self,
        collection: &str,
        key: &str,
        patch: &impl Serialize,
        options: UpdateOptions,
    ) -> Result<WrittenDocument, Error> {
        let patch = serde_json::to_string(patch)?;
        self.call(
            Effect::Once,
            || v1::UpdateDocumentRequest {
                token: self.inner.token(),
                fabric: self.fabric_name(),
                durability: self.durability(),
                collection: collection.to_owned(),
                key: key.to_owned(),
                patch: patch.clone(),
                if_rev: options.if_rev.clone().unwrap_or_default(),
                remove_null: options.remove_null,
                replace_objects: options.replace_objects,
                r#return: wanted(options.return_old, options.return_new),
            },
            |channel, request| async move { service(channel).update(request).await },
        )
        .await
        .map(written)
    }

    /// Gives a document a new content.
    pub async fn replace(
        &self,
        collection: &str,
        key: &str,
        document: &impl Serialize,
        options: DocumentOptions,
    ) -> Result<WrittenDocument, Error> {
        let document = serde_json::to_string(document)?;
        self.call(
            Effect::Once,
            || v1::ReplaceDocumentRequest {
                token: self.inner.token(),
                fabric: self.fabric_name(),
                durability: self.durability(),
                collection: collection.to_owned(),
                key: key.to_owned(),
                document: document.clone(),
                if_rev: options.if_rev.clone().unwrap_or_default(),
                r#return: wanted(options.return_old, options.return_new),
            },
            |channel, request| async move { service(channel).replace(request).await },
        )
        .await
        .map(written)
    }

    /// Removes a document; fails with 1202 if there is none.
    pub async fn remove(
        &self,
        collection: &str,
        key: &str,
        options: DocumentOptions,
    ) -> Result<WrittenDocument, Error> {
        self.call(
            Effect::Once,
            || v1::RemoveDocumentRequest {
                token: self.inner.token(),
                fabric: self.fabric_name(),
                durability: self.durability(),
                collection: collection.to_owned(),
                key: key.to_owned(),
                if_rev: options.if_rev.clone().unwrap_or_default(),
                r#return: wanted(options.return_old, options.return_new),
            },
            |channel, request| async move { service(channel).remove(request).await },
        )
        .await
        .map(written)
    }
}

fn service(channel: Channel) -> DocumentClient<Channel> {
    DocumentClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

fn wanted(old: bool, new: bool) -> Option<v1::ReturnDocuments> {
    Some(v1::ReturnDocuments { old, new })
}

fn written(reply: v1::WriteDocumentReply) -> WrittenDocument {
    WrittenDocument {
        key: reply.key,
        id: reply.id,
        rev: reply.rev,
        old: reply.old,
        new: reply.new,
    }
}
