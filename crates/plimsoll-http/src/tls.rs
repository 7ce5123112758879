//! Whom we believe: certificates of authorities, and the exceptions that the user asked for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
    client::verify_server_name,
};

use crate::{Cause, Error, Identity, Pem, Roots};

/// Where distributions keep the bundle of authorities; the first that is there is taken.
const BUNDLES: [&str; 6] = [
    // Debian, Ubuntu, Alpine, Arch, Gentoo.
    "/etc/ssl/certs/ca-certificates.crt",
    // Fedora, RHEL and theirs.
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    // SUSE.
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    // Alpine, and others that follow OpenSSL's default.
    "/etc/ssl/cert.pem",
];

/// Largest file of certificates in bytes; a system's bundle has 0.3 MB.
const LARGEST: u64 = 16 * 1024 * 1024;

/// How connections are secured.
pub(crate) fn configuration(
    roots: &Roots,
    identity: Option<&Identity>,
    check: bool,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Setting { what: "the TLS library".into(), detail: error.to_string() })?;
    let verifier: Arc<dyn ServerCertVerifier> = if check {
        Arc::new(Checked { own: own(roots)?, roots: roots.clone(), provider, inner: OnceLock::new() })
    } else {
        Arc::new(Unchecked(provider))
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let Some(identity) = identity else { return Ok(builder.with_no_client_auth()) };
    let key = private_key(&identity.key)?;
    builder.with_client_auth_cert(read_pem(&identity.certificate)?, key).map_err(|error| {
        Error::Certificates {
            path: identity.certificate.name().to_owned(),
            source: Cause(format!("with the key `{}`: {error}", identity.key.name().display())),
        }
    })
}

/// The first private key of a file. What is wrong is told without its content.
fn private_key(key: &Pem) -> Result<PrivateKeyDer<'static>, Error> {
    use rustls::pki_types::pem;
    PrivateKeyDer::from_pem_slice(&bytes(key)?).map_err(|error| Error::Certificates {
        path: key.name().to_owned(),
        source: Cause(match error {
            pem::Error::NoItemsFound => "it holds no private key that is not encrypted".into(),
            _ => "it is no private key in PEM".into(),
        }),
    })
}

/// The certificates that the user handed in, with their files. What is wrong with one is told before anything is asked.
fn own(roots: &Roots) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut own = Vec::new();
    let mut store = RootCertStore::empty();
    let extra = roots.extra.iter().map(|path| (path.as_path(), read(path)));
    for (path, certificates) in roots.only.iter().map(|pem| (pem.name(), read_pem(pem))).chain(extra) {
        let certificates = certificates?;
        for certificate in &certificates {
            store.add(certificate.clone()).map_err(|error| Error::Certificates {
                path: path.to_owned(),
                source: Cause(error.to_string()),
            })?;
        }
        own.extend(certificates);
    }
    Ok(own)
}

/// All authorities: those of the system and the user's, or his alone.
fn trusted(roots: &Roots, own: &[CertificateDer<'static>]) -> Result<RootCertStore, Error> {
    if roots.only.is_some() {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(own.iter().cloned());
        return Ok(store);
    }
    let mut certificates = Vec::new();
    match (&roots.file, &roots.folder) {
        (None, None) => {
            if let Some(bundle) = BUNDLES.iter().map(Path::new).find(|path| path.is_file()) {
                certificates = read(bundle)?;
            }
        }
        (file, folder) => {
            if let Some(file) = file {
                certificates = read(file)?;
            }
            if let Some(folder) = folder {
                for path in files(folder)? {
                    // Such folders hold lists of revocations and notes as well.
                    certificates.extend(read(&path).unwrap_or_default());
                }
            }
        }
    }
    // Folders hold each under several names, and the bundle all of them once more.
    let mut known = HashSet::new();
    certificates.retain(|certificate| known.insert(certificate.clone()));
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates);
    if store.is_empty() {
        // A container without certificates of its own: Mozilla's list, as old as this program.
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store.add_parsable_certificates(own.iter().cloned());
    Ok(store)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    /// More than any system has.
    const MOST: usize = 10_000;
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Error::Certificates { path: folder.to_owned(), source: Cause(error.to_string()) })?;
    let mut files: Vec<PathBuf> =
        entries.flatten().take(MOST).map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// The certificates of a file, PEM or DER.
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    parse(content(path)?)
        .map_err(|detail| Error::Certificates { path: path.to_owned(), source: Cause(detail) })
}

fn read_pem(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Error> {
    parse(bytes(pem)?)
        .map_err(|detail| Error::Certificates { path: pem.name().to_owned(), source: Cause(detail) })
}

fn bytes(pem: &Pem) -> Result<Vec<u8>, Error> {
    match pem {
        Pem::File(path) => content(path),
        Pem::Content { bytes, .. } => Ok(bytes.to_vec()),
    }
}

fn content(path: &Path) -> Result<Vec<u8>, Error> {
    use std::io::Read as _;
    let fail = |detail: String| Error::Certificates { path: path.to_owned(), source: Cause(detail) };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| fail(error.to_string()))?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(fail("it is no regular file".into()));
    }
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| fail(error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(fail(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(bytes)
}

/// Certificates in PEM (RFC 7468), or one in DER.
pub(crate) fn parse(bytes: Vec<u8>) -> Result<Vec<CertificateDer<'static>>, String> {
    // DER of a certificate is a SEQUENCE; no text begins with that byte.
    if bytes.first() == Some(&0x30) {
        return Ok(vec![CertificateDer::from(bytes)]);
    }
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err("it holds no certificate".into()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(error.to_string()),
    }
}

/// Checks certificates against the authorities.
///
/// Servers of private networks often use a self-signed certificate that says of itself it were an authority (what
/// `openssl req -x509` makes). The standard forbids to use it as such; but when the user handed in exactly this certificate,
/// it is the one that is meant, if the name fits.
#[derive(Debug)]
struct Checked {
    roots: Roots,
    own: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    /// Made when the first server shows a certificate: a system's authorities are hundreds of files, which many runs
    /// never need.
    inner: OnceLock<Result<Arc<WebPkiServerVerifier>, Error>>,
}

impl Checked {
    fn inner(&self) -> Result<&WebPkiServerVerifier, rustls::Error> {
        let make = || {
            let store = Arc::new(trusted(&self.roots, &self.own)?);
            WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&self.provider)).build().map_err(
                |error| Error::Setting { what: "the list of authorities".into(), detail: error.to_string() },
            )
        };
        match self.inner.get_or_init(make) {
            Ok(inner) => Ok(inner),
            // `crate::error::translate` takes it out again.
            Err(error) => Err(rustls::Error::Other(OtherError(Arc::new(error.clone())))),
        }
    }
}

impl ServerCertVerifier for Checked {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.inner()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_)))
                if self.own.iter().any(|own| own.as_ref() == end_entity.as_ref()) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            answer => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes any certificate: for hosts that the user called insecure.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
