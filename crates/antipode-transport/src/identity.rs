//! Who a node is: its cluster, region and name, as they stand in its certificate.
//!
//! The three are one URI, `antipode://<cluster>/<region>/<node>`, in the subject alternative names. Peers check
//! this URI and never a host name, so a node may move between addresses, and an address may be reused, without a
//! new certificate.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

use crate::error::CertificateError;

const SCHEME: &str = "antipode://";

/// The identity of a cluster: 128 random bits, drawn when its authority is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(Uuid);

impl ClusterId {
    /// A new id. The random bits come from the operating system.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id as a number, for messages.
    pub fn as_u128(self) -> u128 {
        self.0.as_u128()
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl FromStr for ClusterId {
    type Err = CertificateError;

    fn from_str(text: &str) -> Result<Self, CertificateError> {
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| CertificateError::ClusterId {
                text: shorten(text),
            })
    }
}

/// A node as its certificate names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    cluster: ClusterId,
    region: Arc<str>,
    node: Arc<str>,
}

impl Identity {
    /// Checks the names: both go into a URI and into logs.
    pub fn new(cluster: ClusterId, region: &str, node: &str) -> Result<Self, CertificateError> {
        check_name("region", region)?;
        check_name("node", node)?;
        Ok(Self {
            cluster,
            region: region.into(),
            node: node.into(),
        })
    }

    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    pub fn region(&self) -> &Arc<str> {
        &self.region
    }

    pub fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// `antipode://<cluster>/<region>/<node>`
    pub fn uri(&self) -> String {
        format!("{SCHEME}{}/{}/{}", self.cluster, self.region, self.node)
    }

    /// The inverse of [`Identity::uri`].
    pub fn from_uri(uri: &str) -> Result<Self, CertificateError> {
        let malformed = || CertificateError::Uri { uri: shorten(uri) };
        let mut parts = uri.strip_prefix(SCHEME).ok_or_else(malformed)?.split('/');
        let (Some(cluster), Some(region), Some(node), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        let cluster = cluster.parse().map_err(|_| malformed())?;
        Self::new(cluster, region, node).map_err(|_| malformed())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.node, self.region)
    }
}

/// The URI that names a whole cluster, in its authority's certificate.
pub(crate) fn cluster_uri(cluster: ClusterId) -> String {
    format!("{SCHEME}{cluster}")
}

/// The inverse of [`cluster_uri`].
pub(crate) fn cluster_from_uri(uri: &str) -> Result<ClusterId, CertificateError> {
    uri.strip_prefix(SCHEME)
        .and_then(|rest| rest.parse().ok())
        .ok_or_else(|| CertificateError::Uri { uri: shorten(uri) })
}

pub(crate) fn is_antipode_uri(uri: &str) -> bool {
    uri.starts_with(SCHEME)
}

fn check_name(what: &'static str, name: &str) -> Result<(), CertificateError> {
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let begins_well = name
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if begins_well && name.len() <= 63 && name.chars().all(allowed) {
        Ok(())
    } else {
        Err(CertificateError::Name {
            what,
            name: shorten(name),
        })
    }
}

/// Peers choose these texts: a log line or an error holds at most so much of them.
fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    text.chars().take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uri_round_trips() {
        let identity = Identity::new(ClusterId::random(), "tokyo", "tokyo-1").unwrap();
        assert_eq!(Identity::from_uri(&identity.uri()), Ok(identity));
    }

    #[test]
    fn malformed_uris_are_refused() {
        let cluster = ClusterId::random();
        for uri in [
            "".to_owned(),
            "https://example.org/a/b".to_owned(),
            "antipode://nonsense/tokyo/a".to_owned(),
            format!("antipode://{cluster}"),
            format!("antipode://{cluster}/tokyo"),
            format!("antipode://{cluster}/tokyo/a/b"),
            format!("antipode://{cluster}//a"),
            format!("antipode://{cluster}/Tokyo/a"),
            format!("antipode://{cluster}/tokyo/{}", "a".repeat(64)),
        ] {
            assert!(
                matches!(Identity::from_uri(&uri), Err(CertificateError::Uri { .. })),
                "{uri} was accepted"
            );
        }
    }

    #[test]
    fn names_are_checked() {
        let cluster = ClusterId::random();
        for bad in ["", "-a", "a b", "ä", "a/b", "A"] {
            let error = Identity::new(cluster, bad, "a").unwrap_err();
            assert_eq!(error.code(), 5300, "{bad:?}");
        }
    }
}
