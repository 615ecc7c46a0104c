//! Single documents.

use std::sync::Arc;

use antipode::{InsertMode, PatchOptions, Reply, Value, WriteOptions, WrittenDocument};
use antipode_proto::v1;
use antipode_proto::v1::document_server::Document;
use tonic::{Request, Response, Status};

use crate::failure::{bad_parameter, not_found};
use crate::node::Node;
use crate::request::json;

pub(crate) struct DocumentService(pub Arc<Node>);

#[tonic::async_trait]
impl Document for DocumentService {
    async fn get(
        &self,
        request: Request<v1::GetDocumentRequest>,
    ) -> Result<Response<v1::GetDocumentReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        self.0
            .reply(asked, move |session| {
                let reply = session.get(&request.collection, &request.key)?;
                let document = reply
                    .value
                    .ok_or_else(|| not_found(&request.collection, &request.key))?;
                Ok(v1::GetDocumentReply {
                    token: reply.token.into(),
                    rev: document.attribute("_rev").to_text().to_string(),
                    document: document.to_json(),
                })
            })
            .await
    }

    async fn insert(
        &self,
        request: Request<v1::InsertDocumentRequest>,
    ) -> Result<Response<v1::WriteDocumentReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let document = json("the document", &request.document)?;
        let mode = match v1::OverwriteMode::try_from(request.overwrite_mode) {
            Ok(v1::OverwriteMode::Unspecified | v1::OverwriteMode::Conflict) => {
                InsertMode::Conflict
            }
            Ok(v1::OverwriteMode::Ignore) => InsertMode::Ignore,
            Ok(v1::OverwriteMode::Replace) => InsertMode::Replace,
            Ok(v1::OverwriteMode::Update) => InsertMode::Update,
            Err(_) => {
                let mode = request.overwrite_mode;
                return Err(bad_parameter(format!(
                    "overwrite mode {mode} is not known here"
                )));
            }
        };
        self.0
            .reply(asked, move |session| {
                let reply = session.insert(&request.collection, &document, mode)?;
                Ok(written(&request.collection, request.r#return, reply))
            })
            .await
    }

    async fn update(
        &self,
        request: Request<v1::UpdateDocumentRequest>,
    ) -> Result<Response<v1::WriteDocumentReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let patch = json("the patch", &request.patch)?;
        let options = WriteOptions {
            if_rev: revision(&request.if_rev),
            patch: PatchOptions {
                merge_objects: !request.replace_objects,
                keep_null: !request.remove_null,
            },
        };
        self.0
            .reply(asked, move |session| {
                let reply = session.update(&request.collection, &request.key, &patch, &options)?;
                Ok(written(&request.collection, request.r#return, reply))
            })
            .await
    }

    async fn replace(
        &self,
        request: Request<v1::ReplaceDocumentRequest>,
    ) -> Result<Response<v1::WriteDocumentReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let document = json("the document", &request.document)?;
        let options = WriteOptions {
            if_rev: revision(&request.if_rev),
            ..WriteOptions::default()
        };
        self.0
            .reply(asked, move |session| {
                let reply =
                    session.replace(&request.collection, &request.key, &document, &options)?;
                Ok(written(&request.collection, request.r#return, reply))
            })
            .await
    }

    async fn remove(
        &self,
        request: Request<v1::RemoveDocumentRequest>,
    ) -> Result<Response<v1::WriteDocumentReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let options = WriteOptions {
            if_rev: revision(&request.if_rev),
            ..WriteOptions::default()
        };
        self.0
            .reply(asked, move |session| {
                let reply = session.remove(&request.collection, &request.key, &options)?;
                Ok(written(&request.collection, request.r#return, reply))
            })
            .await
    }
}

fn revision(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn written(
    collection: &str,
    wanted: Option<v1::ReturnDocuments>,
    reply: Reply<WrittenDocument>,
) -> v1::WriteDocumentReply {
    let wanted = wanted.unwrap_or_default();
    let document = reply.value;
    let text =
        |wanted: bool, value: &Option<Value>| value.as_ref().filter(|_| wanted).map(Value::to_json);
    v1::WriteDocumentReply {
        token: reply.token.into(),
        id: format!("{collection}/{}", document.key),
        rev: document.rev(),
        old: text(wanted.old, &document.old),
        new: text(wanted.new, &document.new),
        key: document.key,
    }
}
