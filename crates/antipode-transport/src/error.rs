//! What can go wrong on the way to a peer, told apart as a caller can act on it.

use std::path::PathBuf;

/// Whether doing the same again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same will fail again until someone changes something.
    Never,
    /// It may work at once.
    Now,
    /// It may work after a while: a queue drains, a link comes back.
    After,
}

/// Why a certificate, or the identity in it, was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error(
        "{what} {name:?} must be 1 to 63 characters of a-z, 0-9, '-', '_' and '.', and begin with a letter or digit"
    )]
    Name { what: &'static str, name: String },
    #[error("{text:?} is not a cluster id (32 hexadecimal digits, with or without dashes)")]
    ClusterId { text: String },
    #[error("the certificate names no antipode://<cluster>/<region>/<node> URI")]
    NoIdentity,
    #[error("the certificate names more than one antipode:// URI")]
    ManyIdentities,
    #[error("{uri:?} is not of the form antipode://<cluster>/<region>/<node>")]
    Uri { uri: String },
    #[error("the certificate is not signed by this cluster's authority: {reason}")]
    Authority { reason: String },
    #[error("the certificate belongs to cluster {theirs}, this node to {ours}")]
    OtherCluster { ours: String, theirs: String },
    #[error("the certificate cannot be read: {reason}")]
    Encoding { reason: String },
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    #[error("a certificate could not be made: {reason}")]
    Generate { reason: String },
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error("{} already exists; an authority is never overwritten", path.display())]
    Exists { path: PathBuf },
}

impl CertificateError {
    /// Stable number of this error.
    pub fn code(&self) -> u32 {
        match self {
            Self::Name { .. } | Self::ClusterId { .. } => 5300,
            Self::NoIdentity
            | Self::ManyIdentities
            | Self::Uri { .. }
            | Self::Encoding { .. }
            | Self::KeyMismatch => 5301,
            Self::Authority { .. } => 5302,
            Self::OtherCluster { .. } => 5303,
            Self::Generate { .. } | Self::File { .. } | Self::Exists { .. } => 5304,
        }
    }

    /// A certificate does not change by itself.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// Why a frame was not accepted. Each of these closes the link: after a bad
/// length there is no way to find where the next frame begins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {bytes} bytes exceeds the limit of {bytes_max}")]
    TooLarge { bytes: u64, bytes_max: u64 },
    #[error("the stream ended inside a frame: {missing} bytes are missing")]
    Truncated { missing: u64 },
    #[error("a stream began with {head:02x?}, not with a lane of this protocol")]
    Head { head: Vec<u8> },
    #[error("lane {lane} was opened twice")]
    LaneTwice { lane: &'static str },
    #[error("the greeting is malformed: {reason}")]
    Hello { reason: &'static str },
}

impl FrameError {
    /// Stable number of this error.
    pub fn code(&self) -> u32 {
        match self {
            Self::TooLarge { .. } => 5311,
            _ => 5310,
        }
    }
}

/// Why there is no link, or no longer one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("refused: {0}")]
    Certificate(#[from] CertificateError),
    #[error("the peer refused this node: {reason}")]
    RefusedByPeer { reason: String },
    #[error("malformed data from the peer: {0}")]
    Frame(#[from] FrameError),
    #[error(
        "the peer speaks protocol {theirs_min} to {theirs_max}, this node {ours_min} to {ours_max}"
    )]
    Protocol {
        ours_min: u8,
        ours_max: u8,
        theirs_min: u8,
        theirs_max: u8,
    },
    #[error("the address leads back to this node")]
    SelfDial,
    #[error("another process uses this node's name {node:?} and certificate")]
    NameTaken { node: String },
    #[error("another link to {node:?} is kept")]
    Duplicate { node: String },
    #[error("a newer link to {node:?} takes over")]
    Replaced { node: String },
    #[error("the link to {peer:?} is cut by the WAN settings")]
    Cut { peer: String },
    #[error("no answer for too long")]
    TimedOut,
    #[error("closed by this node")]
    ClosedHere,
    #[error("closed by the peer: {reason}")]
    ClosedByPeer { reason: String },
    #[error("the connection was lost: {reason}")]
    Lost { reason: String },
    #[error("{address:?} cannot be reached: {reason}")]
    Address { address: String, reason: String },
}

impl LinkError {
    /// Stable number of this error.
    pub fn code(&self) -> u32 {
        match self {
            Self::Certificate(error) => error.code(),
            Self::RefusedByPeer { .. } => 5305,
            Self::Frame(error) => error.code(),
            Self::Protocol { .. } => 5312,
            Self::SelfDial | Self::NameTaken { .. } => 5306,
            Self::Duplicate { .. } | Self::Replaced { .. } => 5307,
            Self::Cut { .. }
            | Self::TimedOut
            | Self::ClosedHere
            | Self::ClosedByPeer { .. }
            | Self::Lost { .. }
            | Self::Address { .. } => 5308,
        }
    }

    /// Whether dialling again can help without anyone's doing.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Certificate(_)
            | Self::RefusedByPeer { .. }
            | Self::Protocol { .. }
            | Self::SelfDial
            | Self::NameTaken { .. }
            | Self::ClosedHere => Retry::Never,
            _ => Retry::After,
        }
    }
}

/// Why a message was not taken for sending. It was not sent, not even in part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("the queue of this lane is full ({queued_bytes} bytes wait)")]
    QueueFull { queued_bytes: usize },
    #[error("a message of {bytes} bytes exceeds the limit of {bytes_max}")]
    TooLarge { bytes: usize, bytes_max: usize },
    #[error("the link is gone")]
    Gone,
}

impl SendError {
    /// Stable number of this error.
    pub fn code(&self) -> u32 {
        match self {
            Self::QueueFull { .. } => 5309,
            Self::TooLarge { .. } => 5311,
            Self::Gone => 5308,
        }
    }

    /// Whether the same message may be sent later.
    pub fn retry(&self) -> Retry {
        match self {
            Self::QueueFull { .. } | Self::Gone => Retry::After,
            Self::TooLarge { .. } => Retry::Never,
        }
    }
}

/// Why the transport could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("peers cannot be served on UDP {address}: {source}")]
    Bind {
        address: std::net::SocketAddr,
        source: std::io::Error,
    },
    #[error("TLS could not be set up: {reason}")]
    Tls { reason: String },
    #[error("the network threads could not be started: {0}")]
    Threads(std::io::Error),
}

impl StartError {
    /// Stable number of this error.
    pub fn code(&self) -> u32 {
        match self {
            Self::Certificate(error) => error.code(),
            Self::Bind { .. } => 5313,
            Self::Tls { .. } => 5301,
            Self::Threads(_) => 5314,
        }
    }
}
