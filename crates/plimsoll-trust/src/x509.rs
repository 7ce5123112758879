//! Certificates as Notation, timestamp authorities and revocation need them: read once, with the bytes that were signed.
//!
//! Hides DER and the crypto library. Paths are not searched here: chains come in order, and every step is checked.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

pub(crate) const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
pub(crate) const SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
pub(crate) const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
pub(crate) const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = oid("1.2.840.10045.2.1");
const P256: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = oid("1.3.132.0.34");
const P521: ObjectIdentifier = oid("1.3.132.0.35");
const ED25519: ObjectIdentifier = oid("1.3.101.112");

/// Signature algorithms that state their hash function.
const STATED: &[(ObjectIdentifier, ObjectIdentifier)] = &[
    (oid("1.2.840.113549.1.1.11"), SHA256),
    (oid("1.2.840.113549.1.1.12"), SHA384),
    (oid("1.2.840.113549.1.1.13"), SHA512),
    (oid("1.2.840.10045.4.3.2"), SHA256),
    (oid("1.2.840.10045.4.3.3"), SHA384),
    (oid("1.2.840.10045.4.3.4"), SHA512),
];

/// A kind of public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// RSA, with the length of its modulus in bits.
    Rsa(usize),
    P256,
    P384,
    P521,
    Ed25519,
}

/// The kind of a public key.
pub(crate) fn kind(key: &SubjectPublicKeyInfoOwned) -> Result<Kind, String> {
    let parameter =
        key.algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    match (key.algorithm.oid, parameter) {
        (RSA | RSA_PSS, _) => {
            let bytes = key.subject_public_key.as_bytes().ok_or("a key that is not whole bytes")?;
            let modulus = parts(bytes)
                .and_then(|parts| parts.first().copied())
                .ok_or("an RSA key that cannot be read")?;
            let value = modulus.value();
            let value = &value[value.iter().take_while(|byte| **byte == 0).count()..];
            let spare = value.first().map_or(0, |first| first.leading_zeros() as usize);
            Ok(Kind::Rsa((value.len() * 8).saturating_sub(spare)))
        }
        (EC, Some(P256)) => Ok(Kind::P256),
        (EC, Some(P384)) => Ok(Kind::P384),
        (EC, Some(P521)) => Ok(Kind::P521),
        (ED25519, _) => Ok(Kind::Ed25519),
        (other, _) => Err(format!("keys of the kind {other} cannot be checked")),
    }
}

/// The members of a SEQUENCE.
pub(crate) fn parts(der: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    members(AnyRef::from_der(der).ok()?)
}

/// The members of a SEQUENCE that is read already.
pub(crate) fn members(outer: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    /// Most members; all that are read here have fewer than ten.
    const MOST: usize = 64;
    let mut reader = SliceReader::new(outer.value()).ok()?;
    let mut out = Vec::new();
    while !reader.is_finished() {
        if out.len() == MOST {
            return None;
        }
        out.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(out)
}

/// The first member of a SEQUENCE with its tag and length: what the signature of a certificate, a revocation list or an
/// OCSP response is over.
pub(crate) fn first(der: &[u8]) -> Option<&[u8]> {
    let outer = AnyRef::from_der(der).ok()?;
    let mut reader = SliceReader::new(outer.value()).ok()?;
    reader.tlv_bytes().ok()
}

/// The digest of bytes by the object identifier of a hash function. SHA-1 only where `old` allows it: to name things, never
/// under a signature.
pub(crate) fn hash(algorithm: ObjectIdentifier, bytes: &[u8], old: bool) -> Result<Vec<u8>, String> {
    let algorithm = match algorithm {
        SHA256 => &digest::SHA256,
        SHA384 => &digest::SHA384,
        SHA512 => &digest::SHA512,
        SHA1 if old => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        other => return Err(format!("the hash function {other} is not accepted")),
    };
    Ok(digest::digest(algorithm, bytes).as_ref().to_vec())
}

/// Checks a signature in the forms of X.509 and CMS. `digest` is the hash function where the algorithm does not state one.
pub(crate) fn verify(
    algorithm: &AlgorithmIdentifierOwned,
    digest: Option<ObjectIdentifier>,
    key: &SubjectPublicKeyInfoOwned,
    message: &[u8],
    signature: &[u8],
) -> Result<(), String> {
    let stated = STATED.iter().find(|(oid, _)| *oid == algorithm.oid).map(|(_, hash)| *hash);
    let kind = kind(key)?;
    let scheme: &'static dyn VerificationAlgorithm = match (kind, algorithm.oid) {
        (Kind::Ed25519, ED25519) => &signature::ED25519,
        (Kind::Rsa(_), RSA_PSS) => match pss_hash(algorithm) {
            Some(SHA256) => &signature::RSA_PSS_2048_8192_SHA256,
            Some(SHA384) => &signature::RSA_PSS_2048_8192_SHA384,
            Some(SHA512) => &signature::RSA_PSS_2048_8192_SHA512,
            _ => return Err("RSA-PSS with parameters that are not accepted".into()),
        },
        (kind, oid) => {
            // CMS may name the kind of the key only; the hash function then stands beside it.
            let named = if oid == RSA || oid == EC { digest } else { stated };
            match (kind, named) {
                (Kind::Rsa(_), Some(SHA256)) => &signature::RSA_PKCS1_2048_8192_SHA256,
                (Kind::Rsa(_), Some(SHA384)) => &signature::RSA_PKCS1_2048_8192_SHA384,
                (Kind::Rsa(_), Some(SHA512)) => &signature::RSA_PKCS1_2048_8192_SHA512,
                (Kind::P256, Some(SHA256)) => &signature::ECDSA_P256_SHA256_ASN1,
                (Kind::P256, Some(SHA384)) => &signature::ECDSA_P256_SHA384_ASN1,
                (Kind::P384, Some(SHA256)) => &signature::ECDSA_P384_SHA256_ASN1,
                (Kind::P384, Some(SHA384)) => &signature::ECDSA_P384_SHA384_ASN1,
                (Kind::P521, Some(SHA256)) => &signature::ECDSA_P521_SHA256_ASN1,
                (Kind::P521, Some(SHA384)) => &signature::ECDSA_P521_SHA384_ASN1,
                (Kind::P521, Some(SHA512)) => &signature::ECDSA_P521_SHA512_ASN1,
                _ => return Err(format!("signatures of the kind {oid} are not accepted")),
            }
        }
    };
    let key = key.subject_public_key.as_bytes().ok_or("a key that is not whole bytes")?;
    UnparsedPublicKey::new(scheme, key)
        .verify(message, signature)
        .map_err(|_| "the signature does not fit".to_owned())
}

/// The hash function of RSASSA-PSS parameters; the crypto library demands the same one in the mask, and a salt of its length.
fn pss_hash(algorithm: &AlgorithmIdentifierOwned) -> Option<ObjectIdentifier> {
    let der = algorithm.parameters.as_ref()?.to_der().ok()?;
    let first = parts(&der)?.into_iter().find(|part| part.value().first() == Some(&0x30))?;
    AlgorithmIdentifierOwned::from_der(first.value()).ok().map(|inner| inner.oid)
}

/// What a certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    CodeSigning,
    TimeStamping,
}

const ANY_USE: ObjectIdentifier = oid("2.5.29.37.0");
const SERVER_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.2");
const CODE_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.3");
const EMAIL: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.4");
const TIME_STAMPING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.8");
pub(crate) const OCSP_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.9");

/// A certificate.
#[derive(Clone)]
pub(crate) struct Certificate {
    der: Vec<u8>,
    pub(crate) parsed: x509_cert::Certificate,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Certificate({})", self.subject())
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl Certificate {
    /// Largest certificate in bytes.
    const LARGEST: usize = 64 * 1024;

    pub(crate) fn from_der(der: &[u8]) -> Result<Self, String> {
        if der.len() > Self::LARGEST {
            return Err(format!("a certificate of more than {} bytes", Self::LARGEST));
        }
        let parsed = x509_cert::Certificate::from_der(der)
            .map_err(|error| format!("a certificate that cannot be read: {error}"))?;
        Ok(Certificate { der: der.to_vec(), parsed })
    }

    pub(crate) fn subject(&self) -> String {
        self.parsed.tbs_certificate.subject.to_string()
    }

    pub(crate) fn issuer(&self) -> String {
        self.parsed.tbs_certificate.issuer.to_string()
    }

    pub(crate) fn key(&self) -> &SubjectPublicKeyInfoOwned {
        &self.parsed.tbs_certificate.subject_public_key_info
    }

    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of its key's SubjectPublicKeyInfo, as [`crate::PublicKey::fingerprint`] writes it.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let der = self.key().to_der().ok()?;
        Some(sigstore_verify::crypto::sha256(&der).to_hex())
    }

    /// An extension, and whether it is critical.
    pub(crate) fn extension<T: for<'a> Decode<'a> + AssociatedOid>(
        &self,
    ) -> Result<Option<(bool, T)>, String> {
        self.parsed
            .tbs_certificate
            .get::<T>()
            .map_err(|error| format!("{}: an extension that cannot be read: {error}", self.subject()))
    }

    /// Checks that `issuer` signed it.
    pub(crate) fn signed_by(&self, issuer: &Certificate) -> Result<(), String> {
        if self.parsed.tbs_certificate.issuer != issuer.parsed.tbs_certificate.subject {
            return Err(format!("{} was issued by another than {}", self.subject(), issuer.subject()));
        }
        let message = first(&self.der).ok_or("a certificate that cannot be read")?;
        let signature = self.parsed.signature.as_bytes().ok_or("a signature that is not whole bytes")?;
        verify(&self.parsed.signature_algorithm, None, issuer.key(), message, signature)
            .map_err(|reason| format!("{} was not issued by {}: {reason}", self.subject(), issuer.subject()))
    }

    pub(crate) fn is_self_signed(&self) -> bool {
        self.signed_by(self).is_ok()
    }

    /// Checks that it is valid in a whole span of time (seconds since 1970).
    pub(crate) fn valid(&self, from: i64, to: i64) -> Result<(), String> {
        let seconds = |time: &x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let validity = &self.parsed.tbs_certificate.validity;
        let (since, until) = (seconds(&validity.not_before), seconds(&validity.not_after));
        if from < since {
            return Err(format!("{} is valid only since {}", self.subject(), plimsoll_policy::moment(since)));
        }
        if to > until {
            return Err(format!("{} was valid until {}", self.subject(), plimsoll_policy::moment(until)));
        }
        Ok(())
    }

    /// What the Notary Project demands of an authority with `below` authorities under it.
    pub(crate) fn is_authority(&self, below: usize) -> Result<(), String> {
        let named = |what: &str| format!("{}: {what}", self.subject());
        match self.extension::<BasicConstraints>()? {
            Some((true, constraints)) if constraints.ca => {
                if constraints.path_len_constraint.is_some_and(|most| below > usize::from(most)) {
                    return Err(named("more authorities below it than it allows"));
                }
            }
            _ => return Err(named("it is no authority (basicConstraints)")),
        }
        match self.extension::<KeyUsage>()? {
            Some((true, usage)) if usage.0.contains(KeyUsages::KeyCertSign) => Ok(()),
            _ => Err(named("it may not issue certificates (keyUsage)")),
        }
    }

    /// What the Notary Project demands of a certificate that signs.
    pub(crate) fn is_leaf(&self, wanted: Use) -> Result<(), String> {
        let named = |what: &str| format!("{}: {what}", self.subject());
        if self.extension::<BasicConstraints>()?.is_some_and(|(_, constraints)| constraints.ca) {
            return Err(named("an authority may not sign content"));
        }
        let Some((true, usage)) = self.extension::<KeyUsage>()? else {
            return Err(named("it has no critical keyUsage"));
        };
        let allowed = KeyUsages::DigitalSignature | KeyUsages::NonRepudiation;
        if !usage.0.contains(KeyUsages::DigitalSignature) || !(usage.0 - allowed).is_empty() {
            return Err(named("its keyUsage is not that of signatures alone"));
        }
        let (needed, refused) = match wanted {
            Use::CodeSigning => (None, TIME_STAMPING),
            Use::TimeStamping => (Some(TIME_STAMPING), CODE_SIGNING),
        };
        let uses = self.extension::<ExtendedKeyUsage>()?.map(|(_, uses)| uses.0);
        if let Some(uses) = &uses
            && uses.iter().any(|one| [ANY_USE, SERVER_AUTH, CLIENT_AUTH, EMAIL, refused].contains(one))
        {
            return Err(named("its extendedKeyUsage allows more than this"));
        }
        if needed.is_some_and(|needed| uses.is_none_or(|uses| !uses.contains(&needed))) {
            return Err(named("its extendedKeyUsage does not allow this"));
        }
        match kind(self.key())? {
            Kind::Rsa(bits) if bits < 2048 => Err(named("an RSA key of less than 2048 bits")),
            _ => Ok(()),
        }
    }
}

/// Checks a chain in order, from what signed to the root, by the rules of the Notary Project (signature specification,
/// "Certificate Requirements"). Time is not looked at.
pub(crate) fn check_chain(chain: &[Certificate], wanted: Use) -> Result<(), String> {
    let [leaf, authorities @ ..] = chain else { return Err("there is no certificate".into()) };
    leaf.is_leaf(wanted)?;
    let Some(root) = authorities.last() else {
        if leaf.is_self_signed() {
            return Ok(());
        }
        return Err(format!("{}: the only certificate is not signed by itself", leaf.subject()));
    };
    for (below, pair) in chain.windows(2).enumerate() {
        if pair[0].is_self_signed() {
            return Err(format!("{}: signed by itself, and not at the end of the chain", pair[0].subject()));
        }
        pair[1].is_authority(below)?;
        pair[0].signed_by(&pair[1])?;
    }
    if root.is_self_signed() { Ok(()) } else { Err("the chain does not end in a root".into()) }
}

/// Certificates from a file: PEM, one or several, or DER.
pub(crate) fn from_file(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN ")) else {
        return Ok(vec![Certificate::from_der(bytes)?]);
    };
    let all = crate::pem::all(text, "CERTIFICATE")?;
    if all.is_empty() {
        return Err("it holds no certificate in PEM".into());
    }
    all.iter().map(|der| Certificate::from_der(der)).collect()
}
