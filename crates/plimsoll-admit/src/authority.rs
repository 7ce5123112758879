//! An authority of our own: certificates for the webhook without anybody else's help.
//!
//! The authority stands in two files, its certificate and its key. There may be two of it at a time, the one in use and the
//! one that comes after it: API servers trust both, so that one can take the other's place without a moment in which
//! somebody trusts the wrong one. Every replica issues a certificate of its own from the authority, in its own memory; no
//! replica waits for another.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};
use x509_cert::certificate::{CertificateInner, Rfc5280, TbsCertificateInner, Version};
use x509_cert::der::asn1::{BitString, GeneralizedTime, Ia5String, ObjectIdentifier, OctetString, UtcTime};
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode as _, Encode as _, EncodePem as _};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::ext::{AsExtension, Extension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifier, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

/// `ecdsa-with-SHA256` (RFC 5758).
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
/// `id-kp-serverAuth` (RFC 5280).
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
/// How long an authority holds, in seconds: ten years.
const AUTHORITY_SECONDS: i64 = 10 * 365 * 86_400;
/// How long a certificate that it issues holds, in seconds: thirty days.
const LEAF_SECONDS: i64 = 30 * 86_400;
/// Clocks differ: what is issued now holds since a while ago, in seconds.
const SLACK_SECONDS: i64 = 3600;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Something is no certificate or key of the form that we write.
    #[error("`{name}` is no {what} that can be used: {detail}")]
    Unreadable {
        /// The file.
        name: String,
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The library of cryptography failed.
    #[error("cannot make a {0}")]
    Making(&'static str),
}

/// An authority.
pub struct Authority {
    key: EcdsaKeyPair,
    key_pem: String,
    certificate: CertificateInner<Rfc5280>,
    certificate_pem: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").field("ends", &self.ends()).finish_non_exhaustive()
    }
}

/// A certificate with its key, as TLS takes them, and when it is to be replaced.
#[derive(Debug)]
pub struct Issued {
    /// The certificate, and that of its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// When it ends, seconds since 1970.
    pub ends: i64,
}

impl Authority {
    /// A new one, from now on (seconds since 1970).
    ///
    /// # Errors
    /// When there is no chance to be had from the machine.
    pub fn new(now: i64) -> Result<Self, AuthorityError> {
        let (key, key_der) = new_key()?;
        let subject = name(&format!("Plimsoll admission {}", hex(&identifier(&key)?[..4])))?;
        let own = identifier(&key)?;
        let extensions = vec![
            extension(&BasicConstraints { ca: true, path_len_constraint: Some(0) }, &subject)?,
            extension(&KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign), &subject)?,
            extension(&SubjectKeyIdentifier(octets(&own)?), &subject)?,
        ];
        let validity = (now - SLACK_SECONDS, now + AUTHORITY_SECONDS);
        let certificate = certificate(&key, &key, &subject, &subject, validity, extensions)?;
        Authority::of(key, &key_der, certificate)
    }

    fn of(
        key: EcdsaKeyPair,
        key_der: &[u8],
        certificate: CertificateInner<Rfc5280>,
    ) -> Result<Self, AuthorityError> {
        let key_pem = x509_cert::der::pem::encode_string("PRIVATE KEY", LineEnding::LF, key_der)
            .map_err(|_| AuthorityError::Making("key"))?;
        let certificate_pem =
            certificate.to_pem(LineEnding::LF).map_err(|_| AuthorityError::Making("certificate"))?;
        Ok(Authority { key, key_pem, certificate, certificate_pem })
    }

    /// One that was made before, from its certificate and its key in PEM.
    ///
    /// # Errors
    /// When they are none, or do not belong together.
    pub fn read(file: &str, certificate: &str, key: &str) -> Result<Self, AuthorityError> {
        use x509_cert::der::DecodePem as _;
        let wrong = |what, detail: String| AuthorityError::Unreadable { name: file.to_owned(), what, detail };
        let certificate = CertificateInner::<Rfc5280>::from_pem(certificate)
            .map_err(|error| wrong("certificate", error.to_string()))?;
        let (label, der) = x509_cert::der::pem::decode_vec(key.as_bytes())
            .map_err(|error| wrong("key", error.to_string()))?;
        if label != "PRIVATE KEY" {
            return Err(wrong("key", "it is no `PRIVATE KEY`".into()));
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der)
            .map_err(|error| wrong("key", format!("{error}; expected ECDSA P-256 in PKCS #8")))?;
        let own = certificate.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
        if own != pair.public_key().as_ref() {
            return Err(wrong("authority", "certificate and key do not belong together".into()));
        }
        Authority::of(pair, &der, certificate)
    }

    /// Its certificate in PEM: what API servers are to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its key in PEM: a secret.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// When it ends, seconds since 1970.
    pub fn ends(&self) -> i64 {
        seconds(&self.certificate.tbs_certificate.validity.not_after)
    }

    /// Whether it is time for the next one: less than a third of its time is left.
    pub fn is_old(&self, now: i64) -> bool {
        self.ends().saturating_sub(now) < AUTHORITY_SECONDS / 3
    }

    /// Whether it can issue certificates that hold for their whole time.
    pub fn can_issue(&self, now: i64) -> bool {
        seconds(&self.certificate.tbs_certificate.validity.not_before) <= now
            && self.ends() > now + LEAF_SECONDS
    }

    /// Issues a certificate for these names.
    ///
    /// # Errors
    /// When a name is none, or there is no chance to be had.
    pub fn issue(&self, names: &[String], now: i64) -> Result<Issued, AuthorityError> {
        let (key, key_der) = new_key()?;
        let subject = Name::default();
        let alternatives = names
            .iter()
            .map(|name| match name.parse::<std::net::IpAddr>() {
                Ok(std::net::IpAddr::V4(address)) => Ok(GeneralName::IpAddress(octets(&address.octets())?)),
                Ok(std::net::IpAddr::V6(address)) => Ok(GeneralName::IpAddress(octets(&address.octets())?)),
                Err(_) => Ia5String::new(name)
                    .map(GeneralName::DnsName)
                    .map_err(|_| AuthorityError::Making("certificate for such a name")),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let own = identifier(&key)?;
        let issuer = AuthorityKeyIdentifier {
            key_identifier: Some(octets(&identifier(&self.key)?)?),
            authority_cert_issuer: None,
            authority_cert_serial_number: None,
        };
        let ends = (now + LEAF_SECONDS).min(self.ends());
        let extensions = vec![
            extension(&BasicConstraints { ca: false, path_len_constraint: None }, &subject)?,
            extension(&KeyUsage(KeyUsages::DigitalSignature.into()), &subject)?,
            extension(&ExtendedKeyUsage(vec![SERVER_AUTH]), &subject)?,
            extension(&SubjectAltName(alternatives), &subject)?,
            extension(&SubjectKeyIdentifier(octets(&own)?), &subject)?,
            extension(&issuer, &subject)?,
        ];
        let authority = &self.certificate.tbs_certificate.subject;
        let made =
            certificate(&self.key, &key, authority, &subject, (now - SLACK_SECONDS, ends), extensions)?;
        let der = |certificate: &CertificateInner<Rfc5280>| {
            certificate.to_der().map(CertificateDer::from).map_err(|_| AuthorityError::Making("certificate"))
        };
        Ok(Issued {
            chain: vec![der(&made)?, der(&self.certificate)?],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key_der)),
            ends,
        })
    }
}

/// When a certificate in DER ends, seconds since 1970.
pub(crate) fn ends(certificate: &[u8]) -> Option<i64> {
    let certificate = CertificateInner::<Rfc5280>::from_der(certificate).ok()?;
    Some(seconds(&certificate.tbs_certificate.validity.not_after))
}

fn seconds(time: &Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

fn new_key() -> Result<(EcdsaKeyPair, Vec<u8>), AuthorityError> {
    let failed = |_| AuthorityError::Making("key");
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
        .map_err(failed)?;
    let der = document.as_ref().to_vec();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der)
        .map_err(|_| AuthorityError::Making("key"))?;
    Ok((key, der))
}

/// The name of a key: the first 160 bits of the SHA-256 of it (RFC 7093, method 1).
fn identifier(key: &EcdsaKeyPair) -> Result<[u8; 20], AuthorityError> {
    let digest = Sha256::digest(key.public_key().as_ref());
    digest[..20].try_into().map_err(|_| AuthorityError::Making("name for a key"))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn name(text: &str) -> Result<Name, AuthorityError> {
    format!("CN={text}").parse().map_err(|_| AuthorityError::Making("name"))
}

fn octets(bytes: &[u8]) -> Result<OctetString, AuthorityError> {
    OctetString::new(bytes).map_err(|_| AuthorityError::Making("certificate"))
}

fn extension<E: AsExtension>(extension: &E, subject: &Name) -> Result<Extension, AuthorityError> {
    extension.to_extension(subject, &[]).map_err(|_| AuthorityError::Making("certificate"))
}

fn time(seconds: i64) -> Result<Time, AuthorityError> {
    let failed = |_| AuthorityError::Making("certificate for such a time");
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    // RFC 5280: two digits for the year until 2049, four after.
    match UtcTime::from_unix_duration(since) {
        Ok(time) => Ok(Time::UtcTime(time)),
        Err(_) => GeneralizedTime::from_unix_duration(since).map(Time::GeneralTime).map_err(failed),
    }
}

fn certificate(
    issuer_key: &EcdsaKeyPair,
    key: &EcdsaKeyPair,
    issuer: &Name,
    subject: &Name,
    (from, until): (i64, i64),
    extensions: Vec<Extension>,
) -> Result<CertificateInner<Rfc5280>, AuthorityError> {
    let failed = || AuthorityError::Making("certificate");
    let mut serial = [0; 16];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| failed())?;
    // Positive, and of full length.
    serial[0] = serial[0] & 0x7f | 0x40;
    let algorithm = AlgorithmIdentifier { oid: ECDSA_WITH_SHA256, parameters: None };
    let info = {
        use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| failed())?;
        SubjectPublicKeyInfoOwned::from_der(der.as_ref()).map_err(|_| failed())?
    };
    let tbs_certificate = TbsCertificateInner::<Rfc5280> {
        version: Version::V3,
        serial_number: SerialNumber::new(&serial).map_err(|_| failed())?,
        signature: algorithm.clone(),
        issuer: issuer.clone(),
        validity: Validity { not_before: time(from)?, not_after: time(until)? },
        subject: subject.clone(),
        subject_public_key_info: info,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extensions),
    };
    let signed = tbs_certificate.to_der().map_err(|_| failed())?;
    let signature = issuer_key.sign(&SystemRandom::new(), &signed).map_err(|_| failed())?;
    Ok(CertificateInner {
        tbs_certificate,
        signature_algorithm: algorithm,
        signature: BitString::from_bytes(signature.as_ref()).map_err(|_| failed())?,
    })
}
