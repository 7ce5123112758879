//! The certificate that is shown: swapped in one moment, while connections go on.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::authority::{self, Authority, AuthorityError};

/// Largest file of certificates or keys in bytes.
const LARGEST: u64 = 1 << 20;
/// Most certificates in one file.
const MOST: usize = 20;

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub enum Certificates {
    /// Files that somebody else renews, as cert-manager does.
    Files {
        /// Certificate and those between it and its authority, PEM.
        certificate: PathBuf,
        /// Its key, PEM.
        key: PathBuf,
    },
    /// A folder with an authority of our own: `ca.crt`, `ca.key`, and those of the next one, `next-ca.crt`, `next-ca.key`.
    Authority {
        /// The folder.
        folder: PathBuf,
        /// What the certificate is for: names and addresses.
        names: Vec<String>,
    },
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// A file holds something else.
    #[error("`{}` holds no certificate or key that can be used: {detail}", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The authority cannot be used.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// No authority is there, or it has ended, or ends before what it issues would.
    #[error("there is no authority in `{}` that is good now", .folder.display())]
    NoAuthority {
        /// The folder.
        folder: PathBuf,
    },
}

/// A certificate to show, and its last moment.
#[derive(Debug)]
pub struct Shown {
    key: Arc<CertifiedKey>,
    /// When it ends, seconds since 1970.
    pub ends: i64,
}

impl Certificates {
    /// The files whose change means another certificate.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Certificates::Files { certificate, key } => vec![certificate.clone(), key.clone()],
            Certificates::Authority { folder, .. } => {
                ["ca.crt", "ca.key", "next-ca.crt", "next-ca.key"].map(|file| folder.join(file)).to_vec()
            }
        }
    }

    /// Whether the certificate shown is to be replaced although no file changed.
    pub fn is_due(&self, ends: i64, now: i64) -> bool {
        match self {
            Certificates::Files { .. } => false,
            // A third of thirty days.
            Certificates::Authority { .. } => ends.saturating_sub(now) < 10 * 86_400,
        }
    }

    /// Reads or issues the certificate.
    ///
    /// # Errors
    /// When there is none that could be shown.
    pub fn load(&self, now: i64) -> Result<Shown, CertificateError> {
        match self {
            Certificates::Files { certificate, key } => {
                let form =
                    |path: &Path, detail: String| CertificateError::Form { path: path.to_owned(), detail };
                let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
                    .take(MOST)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| form(certificate, error.to_string()))?;
                let Some(first) = chain.first() else {
                    return Err(form(certificate, "it is empty".into()));
                };
                let ends = authority::ends(first)
                    .ok_or_else(|| form(certificate, "it is no X.509 certificate".into()))?;
                let own = PrivateKeyDer::from_pem_slice(&read(key)?)
                    .map_err(|error| form(key, error.to_string()))?;
                let shown = certified(chain, own).map_err(|error| form(key, error.to_string()))?;
                Ok(Shown { key: shown, ends })
            }
            Certificates::Authority { folder, names } => {
                // The one in use issues as long as it can; then the next one does, which is trusted already.
                let mut found = None;
                for name in ["ca", "next-ca"] {
                    if let Some(authority) = load_authority(folder, name)?
                        && authority.can_issue(now)
                    {
                        found = Some(authority);
                        break;
                    }
                }
                let authority =
                    found.ok_or_else(|| CertificateError::NoAuthority { folder: folder.clone() })?;
                let issued = authority.issue(names, now)?;
                let ends = issued.ends;
                let shown =
                    certified(issued.chain, issued.key).map_err(|_| AuthorityError::Making("certificate"))?;
                Ok(Shown { key: shown, ends })
            }
        }
    }
}

/// An authority of a folder; `None` when it is not there.
///
/// # Errors
/// When it is there and cannot be used.
pub fn load_authority(folder: &Path, name: &str) -> Result<Option<Authority>, CertificateError> {
    let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    if !certificate.exists() {
        return Ok(None);
    }
    let text = |path: &Path| {
        String::from_utf8(read(path)?)
            .map_err(|_| CertificateError::Form { path: path.to_owned(), detail: "it is no text".into() })
    };
    Ok(Some(Authority::read(&certificate.display().to_string(), &text(&certificate)?, &text(&key)?)?))
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    use std::io::Read as _;
    let failed = |error| CertificateError::File { path: path.to_owned(), error };
    let mut out = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(LARGEST + 1).read_to_end(&mut out).map_err(failed)?;
    if out.len() as u64 > LARGEST {
        let detail = format!("it is larger than {LARGEST} bytes");
        return Err(CertificateError::Form { path: path.to_owned(), detail });
    }
    Ok(out)
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, rustls::Error> {
    // Also says when the two do not belong together.
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map(Arc::new)
}

/// Shows whatever certificate is in it.
#[derive(Debug, Default)]
pub struct Showcase(RwLock<Option<Arc<CertifiedKey>>>);

impl Showcase {
    /// Shows this one from now on.
    pub fn show(&self, shown: &Shown) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(shown.key.clone());
    }
}

impl ResolvesServerCert for Showcase {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// TLS 1.2 and 1.3 with the certificate of the showcase, for HTTP/2 and HTTP/1.1.
///
/// # Errors
/// When the library of cryptography does not know what it should.
pub fn configuration(showcase: Arc<Showcase>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut configuration = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(showcase);
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(configuration))
}
