//! What requests of every service have in common, and how it is read from each of them.

use antipode::{Durability, ReadLevel, Value};
use antipode_proto::v1;
use bytes::Bytes;
use tonic::Status;

use crate::failure::{bad_parameter, malformed};
use crate::work::Call;

/// How a call is to be done: within which time, and in what session.
#[derive(Clone)]
pub(crate) struct Asked {
    pub call: Call,
    pub common: Common,
}

/// What requests of every service have in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Common {
    pub token: Bytes,
    pub fabric: String,
    pub durability: Option<Durability>,
    pub level: ReadLevel,
}

impl Common {
    fn fabric(self, fabric: &str) -> Result<Self, Status> {
        let fabric = fabric.to_owned();
        Ok(Self { fabric, ..self })
    }

    /// With the durability of a write, which an older server may not know.
    fn durability(self, &durability: &i32) -> Result<Self, Status> {
        let durability = match v1::Durability::try_from(durability) {
            Ok(v1::Durability::Unspecified) => None,
            Ok(v1::Durability::Disk) => Some(Durability::Disk),
            Ok(v1::Durability::Memory) => Some(Durability::Memory),
            Err(_) => {
                return Err(bad_parameter(format!(
                    "durability {durability} is not known here"
                )));
            }
        };
        Ok(Self { durability, ..self })
    }

    /// With the consistency of a read, which an older server may not know.
    fn consistency(self, &consistency: &i32) -> Result<Self, Status> {
        let level = match v1::Consistency::try_from(consistency) {
            Ok(v1::Consistency::Unspecified | v1::Consistency::Session) => ReadLevel::Session,
            Ok(v1::Consistency::Local) => ReadLevel::Local,
            Err(_) => {
                return Err(bad_parameter(format!(
                    "consistency {consistency} is not known here"
                )));
            }
        };
        Ok(Self { level, ..self })
    }
}

/// A request, which says how it is to be done.
pub(crate) trait Requested {
    fn common(&self) -> Result<Common, Status>;
}

/// What each request says beside its token.
macro_rules! requests {
    ($($name:ident { $($field:ident),* })*) => {
        $(impl Requested for v1::$name {
            fn common(&self) -> Result<Common, Status> {
                let common = Common {
                    token: self.token.clone(),
                    ..Common::default()
                };
                $(let common = common.$field(&self.$field)?;)*
                Ok(common)
            }
        })*
    };
}

requests! {
    CreateFabricRequest { durability }
    DropFabricRequest { durability }
    ListFabricsRequest { consistency }
    CreateCollectionRequest { fabric, durability }
    DropCollectionRequest { fabric, durability }
    ListCollectionsRequest { fabric, consistency }
    CreateGraphRequest { fabric, durability }
    ChangeGraphRequest { fabric, durability }
    DropGraphRequest { fabric, durability }
    GetGraphRequest { fabric, consistency }
    ListGraphsRequest { fabric, consistency }
    CreateStreamRequest { fabric, durability }
    DropStreamRequest { fabric, durability }
    ListStreamsRequest { fabric, consistency }
    DiscardedRequest { fabric }
    GetDocumentRequest { fabric, consistency }
    InsertDocumentRequest { fabric, durability }
    UpdateDocumentRequest { fabric, durability }
    ReplaceDocumentRequest { fabric, durability }
    RemoveDocumentRequest { fabric, durability }
    CreateIndexRequest { fabric, durability }
    DropIndexRequest { fabric, durability }
    ListIndexesRequest { fabric, consistency }
    CheckIndexesRequest { fabric, consistency }
    KvGetRequest { fabric, consistency }
    KvPutRequest { fabric, durability }
    KvDeleteRequest { fabric, durability }
    KvIncrementRequest { fabric, durability }
    KvTouchRequest { fabric, durability }
    KvScanRequest { fabric, consistency }
    ExecuteRequest { fabric, durability, consistency }
    ExplainRequest { fabric }
    CreateCursorRequest { fabric, durability, consistency }
    PublishRequest { fabric, durability }
    SubscribeRequest { fabric, consistency }
    CommitCursorRequest { fabric, durability }
    ListCursorsRequest { fabric, consistency }
}

/// Reads a JSON text of a request.
pub(crate) fn json(what: &str, text: &str) -> Result<Value, Status> {
    Value::from_json(text).map_err(|error| malformed(what, &error))
}
