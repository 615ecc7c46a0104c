//! The collections and streams that a query names, and the order in which it may touch them.
//!
//! Every collection is looked up once and noted as used. A query that modified a collection may neither read nor modify
//! it again: what such an access sees would depend on how far the rows before it have flowed.

use std::sync::Arc;

use antipode_c8ql::ast::{self, Span};
use antipode_value::Str;

use super::{Resolver, names};
use crate::error::{Code, QueryError, Result};
use crate::plan::CollectionUse;
use crate::source::{CollectionId, CollectionInfo, CollectionKind, StreamInfo};

/// Most collections in a query.
const COLLECTIONS_MAX: usize = 256;
/// Stands for a collection that does not exist; never read or written, since the query has an error.
pub(super) const NO_COLLECTION: CollectionId = CollectionId(u64::MAX);
/// Longest name of a collection, in bytes.
const NAME_BYTES_MAX: usize = 256;

impl Resolver<'_> {
    /// The name that a data source gives.
    pub(super) fn source_name(&mut self, source: &ast::DataSource) -> Result<Str> {
        match &source.kind {
            ast::DataSourceKind::Name(name) => Ok(Str::from(name.as_str())),
            ast::DataSourceKind::SourceBind(bind) => {
                self.bind_text(&format!("@{bind}"), source.span)
            }
            ast::DataSourceKind::ValueBind(bind) => self.bind_text(bind, source.span),
        }
    }

    pub(super) fn collection(&mut self, source: &ast::DataSource) -> Result<Arc<CollectionInfo>> {
        let name = self.source_name(source)?;
        match self.find_collection(&name)? {
            Some(collection) => Ok(collection),
            None => {
                let error = self.unknown_name(&name, source.span);
                self.defer(error);
                Ok(Arc::new(CollectionInfo {
                    id: NO_COLLECTION,
                    name: name.to_string(),
                    kind: CollectionKind::Edge,
                }))
            }
        }
    }

    /// The collection with this name, noted as used.
    pub(super) fn find_collection(&mut self, name: &str) -> Result<Option<Arc<CollectionInfo>>> {
        if let Some(used) = self.uses.iter().find(|used| used.collection.name == name) {
            return Ok(Some(used.collection.clone()));
        }
        let Some(collection) = self.catalog.collection(name)? else {
            return Ok(None);
        };
        if self.uses.len() >= COLLECTIONS_MAX {
            let message = format!("a query may use at most {COLLECTIONS_MAX} collections");
            self.defer(QueryError::new(Code::TooManyCollections, message));
        }
        let collection = Arc::new(collection);
        self.uses.push(CollectionUse {
            collection: collection.clone(),
            written: false,
        });
        Ok(Some(collection))
    }

    /// The error for a name that is neither variable nor collection.
    pub(super) fn unknown_name(&self, name: &str, span: Span) -> QueryError {
        let legal = name.len() <= NAME_BYTES_MAX
            && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !legal {
            return self.error(
                Code::IllegalName,
                format!("illegal collection name '{name}'"),
                span,
            );
        }
        let collections = self.catalog.collections().unwrap_or_default();
        let known = collections
            .iter()
            .map(|collection| collection.name.as_str())
            .chain(self.scopes.names());
        let hint = names::hint(name, known);
        self.error(
            Code::DataSourceNotFound,
            format!("collection or view not found: {name}{hint}"),
            span,
        )
    }

    /// Notes that a collection is read here, and the error if an earlier operation modified it.
    pub(super) fn reads(&mut self, collection: &CollectionInfo, span: Span) {
        if self.modified.contains(&collection.id) {
            let message = format!(
                "access after data-modification by the same query: collection '{}'",
                collection.name
            );
            let error = self.error(Code::AccessAfterModification, message, span);
            self.defer(error);
        }
        if let Some(level) = self.levels.last_mut() {
            level.push(collection.id);
        }
    }

    /// Notes that a collection is modified here, and the error if it was modified before or an enclosing query reads it.
    pub(super) fn modifies(&mut self, collection: &CollectionInfo, span: Span) {
        let enclosing = self
            .levels
            .split_last()
            .map(|(_, enclosing)| enclosing)
            .unwrap_or_default();
        if self.modified.contains(&collection.id)
            || enclosing.iter().any(|level| level.contains(&collection.id))
        {
            let message = format!(
                "access after data-modification by the same query: collection '{}'",
                collection.name
            );
            let error = self.error(Code::AccessAfterModification, message, span);
            self.defer(error);
        }
        self.modified.push(collection.id);
        self.modifies = true;
        if let Some(used) = self
            .uses
            .iter_mut()
            .find(|used| used.collection.id == collection.id)
        {
            used.written = true;
        }
    }

    pub(super) fn stream(&mut self, source: &ast::DataSource) -> Result<Arc<StreamInfo>> {
        let name = self.source_name(source)?;
        match self.catalog.stream(&name)? {
            Some(stream) => Ok(Arc::new(stream)),
            None => Err(self.error(
                Code::StreamNotFound,
                format!("stream not found: {name}"),
                source.span,
            )),
        }
    }
}
