//! Certificates of a cluster: one authority, and a bundle for each node.
//!
//! `Ca::create` makes a new cluster's authority and `Ca::issue` a node's bundle, so that a cluster needs no other
//! tool. On disk these are directories of PEM files:
//!
//! ```text
//! authority/   ca.pem   ca-key.pem (0600)                  kept by the operator, needed only to issue
//! bundle/      ca.pem   node.pem     node-key.pem (0600)    given to the node
//! ```
//!
//! The certificates do not expire: who may take part is decided by the cluster's membership, and a node that is cut
//! off for long must not lose its way back because of a date. A stolen key is answered by closing the member and, if
//! it is the authority's, by a new cluster authority.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::CertificateError;
use crate::identity::{ClusterId, Identity, cluster_from_uri, cluster_uri, is_antipode_uri};

const CA_CERTIFICATE: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";
const NODE_CERTIFICATE: &str = "node.pem";
const NODE_KEY: &str = "node-key.pem";

/// A PEM file of ours is a few kilobytes; what is longer than this is something else.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// A cluster's authority: who holds its key can let nodes in.
pub struct Ca {
    cluster: ClusterId,
    certificate_pem: String,
    key: KeyPair,
}

impl std::fmt::Debug for Ca {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Ca")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl Ca {
    /// Makes the authority of a new cluster.
    pub fn create(cluster: ClusterId) -> Result<Self, CertificateError> {
        let key = KeyPair::generate().map_err(generate)?;
        let certificate = authority_params(cluster)?
            .self_signed(&key)
            .map_err(generate)?;
        Ok(Self {
            cluster,
            certificate_pem: certificate.pem(),
            key,
        })
    }

    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// The certificate that every node of the cluster trusts.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Makes the bundle of one node.
    pub fn issue(&self, node: &str, region: &str) -> Result<Bundle, CertificateError> {
        let identity = Identity::new(self.cluster, region, node)?;
        let key = KeyPair::generate().map_err(generate)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(&format!("antipode node {node}"));
        params.subject_alt_names = vec![uri_name(&identity.uri())?];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        let authority = authority_params(self.cluster)?;
        let issuer = Issuer::from_params(&authority, &self.key);
        let certificate = params.signed_by(&key, &issuer).map_err(generate)?;
        Bundle::from_pem(
            &self.certificate_pem,
            &certificate.pem(),
            &key.serialize_pem(),
        )
    }

    /// Writes the authority into a directory, which is made. An authority that is already there is left alone: with
    /// it, the cluster's nodes could no longer be added to.
    pub fn write(&self, directory: &Path) -> Result<(), CertificateError> {
        make_directory(directory)?;
        write_private(
            &directory.join(CA_KEY),
            &self.key.serialize_pem(),
            Overwrite::No,
        )?;
        write_public(&directory.join(CA_CERTIFICATE), &self.certificate_pem)
    }

    /// Reads an authority that [`Ca::write`] wrote.
    pub fn read(directory: &Path) -> Result<Self, CertificateError> {
        let certificate_path = directory.join(CA_CERTIFICATE);
        let certificate_pem = read_text(&certificate_path)?;
        let key_path = directory.join(CA_KEY);
        let key =
            KeyPair::from_pem(&read_text(&key_path)?).map_err(|error| CertificateError::File {
                path: key_path,
                reason: error.to_string(),
            })?;
        let certificate = parse_certificate(&certificate_pem)?;
        let cluster = cluster_of_authority(&certificate)?;
        // The issuer's name and key identifier are derived from cluster and key, so they must be the certificate's.
        check_key_pair(&certificate, key.serialize_der())?;
        Ok(Self {
            cluster,
            certificate_pem,
            key,
        })
    }
}

/// What a node needs to meet its peers: the authority's certificate, its own, and its key.
pub struct Bundle {
    identity: Identity,
    authority: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    authority_pem: String,
    certificate_pem: String,
    key_pem: String,
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Bundle")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl Clone for Bundle {
    fn clone(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            authority: self.authority.clone(),
            certificate: self.certificate.clone(),
            key: self.key.clone_key(),
            authority_pem: self.authority_pem.clone(),
            certificate_pem: self.certificate_pem.clone(),
            key_pem: self.key_pem.clone(),
        }
    }
}

impl Bundle {
    /// Takes a bundle from its three texts, and checks that they belong together.
    pub fn from_pem(
        authority_pem: &str,
        certificate_pem: &str,
        key_pem: &str,
    ) -> Result<Self, CertificateError> {
        let authority = parse_certificate(authority_pem)?;
        let certificate = parse_certificate(certificate_pem)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(encoding)?;
        let identity = identity_of(&certificate)?;
        let cluster = cluster_of_authority(&authority)?;
        if cluster != identity.cluster() {
            return Err(CertificateError::OtherCluster {
                ours: cluster.to_string(),
                theirs: identity.cluster().to_string(),
            });
        }
        check_key_pair(&certificate, key.secret_der().to_vec())?;
        let bundle = Self {
            identity,
            authority,
            certificate,
            key,
            authority_pem: authority_pem.to_owned(),
            certificate_pem: certificate_pem.to_owned(),
            key_pem: key_pem.to_owned(),
        };
        crate::tls::check_chain(&bundle.roots()?, &bundle.certificate, &[])?;
        Ok(bundle)
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Writes the bundle into a directory, which is made; an older bundle there is replaced.
    pub fn write(&self, directory: &Path) -> Result<(), CertificateError> {
        make_directory(directory)?;
        write_private(&directory.join(NODE_KEY), &self.key_pem, Overwrite::Yes)?;
        write_public(&directory.join(NODE_CERTIFICATE), &self.certificate_pem)?;
        write_public(&directory.join(CA_CERTIFICATE), &self.authority_pem)
    }

    /// Reads a bundle that [`Bundle::write`] wrote.
    pub fn read(directory: &Path) -> Result<Self, CertificateError> {
        Self::from_pem(
            &read_text(&directory.join(CA_CERTIFICATE))?,
            &read_text(&directory.join(NODE_CERTIFICATE))?,
            &read_text(&directory.join(NODE_KEY))?,
        )
    }

    pub(crate) fn roots(&self) -> Result<RootCertStore, CertificateError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).map_err(encoding)?;
        Ok(roots)
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

/// The identity in a node's certificate. Says nothing about who signed it.
pub(crate) fn identity_of(certificate: &CertificateDer<'_>) -> Result<Identity, CertificateError> {
    Identity::from_uri(&the_uri(certificate)?)
}

fn cluster_of_authority(certificate: &CertificateDer<'_>) -> Result<ClusterId, CertificateError> {
    cluster_from_uri(&the_uri(certificate)?)
}

fn the_uri(certificate: &CertificateDer<'_>) -> Result<String, CertificateError> {
    let parsed = webpki::EndEntityCert::try_from(certificate).map_err(encoding)?;
    let mut uris = parsed.valid_uri_names().filter(|uri| is_antipode_uri(uri));
    let uri = uris.next().ok_or(CertificateError::NoIdentity)?;
    if uris.next().is_some() {
        return Err(CertificateError::ManyIdentities);
    }
    Ok(uri.to_owned())
}

fn authority_params(cluster: ClusterId) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(&format!("antipode cluster {cluster}"));
    params.subject_alt_names = vec![uri_name(&cluster_uri(cluster))?];
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn uri_name(uri: &str) -> Result<SanType, CertificateError> {
    Ok(SanType::URI(uri.try_into().map_err(generate)?))
}

fn parse_certificate(pem: &str) -> Result<CertificateDer<'static>, CertificateError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(encoding)
}

fn check_key_pair(certificate: &CertificateDer<'_>, key: Vec<u8>) -> Result<(), CertificateError> {
    let key = PrivateKeyDer::try_from(key).map_err(|reason| CertificateError::Encoding {
        reason: reason.to_owned(),
    })?;
    let signer = rustls::crypto::ring::sign::any_supported_type(&key).map_err(encoding)?;
    rustls::sign::CertifiedKey::new(vec![certificate.clone().into_owned()], signer)
        .keys_match()
        .map_err(|_| CertificateError::KeyMismatch)
}

fn generate(error: rcgen::Error) -> CertificateError {
    CertificateError::Generate {
        reason: error.to_string(),
    }
}

fn encoding(error: impl std::fmt::Display) -> CertificateError {
    CertificateError::Encoding {
        reason: error.to_string(),
    }
}

fn make_directory(directory: &Path) -> Result<(), CertificateError> {
    fs::create_dir_all(directory).map_err(|error| file(directory, error))
}

fn read_text(path: &Path) -> Result<String, CertificateError> {
    let length = fs::metadata(path).map_err(|error| file(path, error))?.len();
    if length > PEM_BYTES_MAX {
        return Err(CertificateError::File {
            path: path.to_owned(),
            reason: format!("{length} bytes is too long for a PEM file"),
        });
    }
    fs::read_to_string(path).map_err(|error| file(path, error))
}

fn write_public(path: &Path, text: &str) -> Result<(), CertificateError> {
    fs::write(path, text).map_err(|error| file(path, error))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Overwrite {
    Yes,
    No,
}

/// Only the owner may read a key, from its first byte on: the mode is given at creation, to a file that is new.
fn write_private(path: &Path, text: &str, overwrite: Overwrite) -> Result<(), CertificateError> {
    if overwrite == Overwrite::Yes {
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(file(path, error));
            }
            _ => {}
        }
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut out = options.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => CertificateError::Exists {
            path: path.to_owned(),
        },
        _ => file(path, error),
    })?;
    out.write_all(text.as_bytes())
        .and_then(|()| out.sync_all())
        .map_err(|error| file(path, error))
}

fn file(path: &Path, error: std::io::Error) -> CertificateError {
    CertificateError::File {
        path: PathBuf::from(path),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_survives_the_disk_and_its_key_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let ca = Ca::create(ClusterId::random()).unwrap();
        let bundle = ca.issue("tokyo-1", "tokyo").unwrap();
        bundle.write(directory.path()).unwrap();
        bundle.write(directory.path()).unwrap();
        let read = Bundle::read(directory.path()).unwrap();
        assert_eq!(read.identity(), bundle.identity());
        assert_eq!(
            read.identity().uri(),
            format!("antipode://{}/tokyo/tokyo-1", ca.cluster())
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(directory.path().join(NODE_KEY))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn an_authority_read_from_disk_issues_bundles_that_hold() {
        let directory = tempfile::tempdir().unwrap();
        let ca = Ca::create(ClusterId::random()).unwrap();
        ca.write(directory.path()).unwrap();
        let again = Ca::read(directory.path()).unwrap();
        assert_eq!(again.cluster(), ca.cluster());
        let bundle = again.issue("a", "r").unwrap();
        let from_first = Bundle::from_pem(
            ca.certificate_pem(),
            &bundle.certificate_pem,
            &bundle.key_pem,
        );
        assert!(from_first.is_ok(), "{from_first:?}");
        let error = ca.write(directory.path()).unwrap_err();
        assert!(matches!(error, CertificateError::Exists { .. }), "{error}");
    }

    #[test]
    fn bundles_that_do_not_fit_together_are_refused() {
        let (one, other) = (
            Ca::create(ClusterId::random()).unwrap(),
            Ca::create(ClusterId::random()).unwrap(),
        );
        let (a, b) = (one.issue("a", "r").unwrap(), one.issue("b", "r").unwrap());
        let check = |authority: &str, certificate: &str, key: &str| {
            Bundle::from_pem(authority, certificate, key)
                .unwrap_err()
                .code()
        };
        assert_eq!(
            check(&a.authority_pem, &a.certificate_pem, &b.key_pem),
            5301
        );
        assert_eq!(
            check(other.certificate_pem(), &a.certificate_pem, &a.key_pem),
            5303
        );
        let forged = Ca::create(one.cluster()).unwrap();
        assert_eq!(
            check(forged.certificate_pem(), &a.certificate_pem, &a.key_pem),
            5302
        );
        assert_eq!(check(&a.authority_pem, "not PEM", &a.key_pem), 5301);
        assert_eq!(
            check(&a.authority_pem, one.certificate_pem(), &a.key_pem),
            5301
        );
    }
}
