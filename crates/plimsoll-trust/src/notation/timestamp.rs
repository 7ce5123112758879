//! Timestamp tokens (RFC 3161) that countersign a signature, as authorities of any kind make them: RSA and ECDSA.

use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use x509_cert::der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::x509::{self, Certificate, Use};

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
const SIGNING_CERTIFICATE_2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// The baseline policy of RFC 3628, whose accuracy is a second.
const BASELINE: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.2023.1.1");
/// Most certificates of a token, and most steps from its signer to a trusted authority.
const MOST_CERTIFICATES: usize = 16;

/// A token that verifies.
#[derive(Debug)]
pub(crate) struct Stamp {
    /// The signature existed within this span, seconds since 1970.
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// From what signed the token to the certificate that is trusted, or as far as it is known.
    pub(crate) chain: Vec<Certificate>,
}

/// Checks a token over `signature` against trusted authorities.
pub(crate) fn check(token: &[u8], signature: &[u8], trusted: &[Certificate]) -> Result<Stamp, String> {
    let readable = |error: x509_cert::der::Error| format!("a timestamp that cannot be read: {error}");
    let content = ContentInfo::from_der(token).map_err(readable)?;
    if content.content_type != SIGNED_DATA {
        return Err("a timestamp that is no signed data".into());
    }
    let data: SignedData = content.content.decode_as().map_err(readable)?;
    if data.encap_content_info.econtent_type != TST_INFO {
        return Err("signed data that is no timestamp".into());
    }
    let info = data.encap_content_info.econtent.as_ref().ok_or("a timestamp without content")?;
    let info = info.decode_as::<OctetStringRef<'_>>().map_err(readable)?.as_bytes();
    let time = TimeInfo::read(info).ok_or("a timestamp whose content cannot be read")?;
    if x509::hash(time.hash, signature, false)? != time.imprint {
        return Err("the timestamp is over another signature".into());
    }
    let mut embedded = Vec::new();
    for choice in data.certificates.iter().flat_map(|set| set.0.iter()).take(MOST_CERTIFICATES) {
        if let CertificateChoices::Certificate(certificate) = choice {
            embedded.push(Certificate::from_der(&certificate.to_der().map_err(readable)?)?);
        }
    }
    let [signer] = data.signer_infos.0.as_slice() else {
        return Err("a timestamp that has not one signer".into());
    };
    let leaf = embedded
        .iter()
        .chain(trusted)
        .find(|certificate| names(&signer.sid, certificate))
        .ok_or("the timestamp's certificate is not with it")?;
    signed(signer, leaf, info)?;
    leaf.is_leaf(Use::TimeStamping)?;
    let chain = path(leaf, &embedded, trusted)?;
    for certificate in &chain {
        certificate.valid(time.from, time.to)?;
    }
    Ok(Stamp { from: time.from, to: time.to, chain })
}

fn names(id: &SignerIdentifier, certificate: &Certificate) -> bool {
    match id {
        SignerIdentifier::IssuerAndSerialNumber(id) => {
            let own = &certificate.parsed.tbs_certificate;
            own.issuer == id.issuer && own.serial_number == id.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(id) => {
            certificate.extension::<SubjectKeyIdentifier>().ok().flatten().is_some_and(|(_, own)| own == *id)
        }
    }
}

/// The signature over the attributes, and what the attributes say of content and certificate.
fn signed(signer: &SignerInfo, leaf: &Certificate, info: &[u8]) -> Result<(), String> {
    let attributes = signer.signed_attrs.as_ref().ok_or("a timestamp without signed attributes")?;
    let value = |wanted: ObjectIdentifier| {
        let mut all = attributes.iter().filter(|attribute| attribute.oid == wanted);
        match (all.next(), all.next()) {
            (Some(one), None) if one.values.len() == 1 => one.values.get(0),
            _ => None,
        }
    };
    let kind = value(CONTENT_TYPE).and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    if kind != Some(TST_INFO) {
        return Err("a timestamp that signs another kind of content".into());
    }
    let digest = value(MESSAGE_DIGEST)
        .and_then(|any| any.decode_as::<OctetStringRef<'_>>().ok())
        .ok_or("a timestamp without a digest of its content")?;
    if x509::hash(signer.digest_alg.oid, info, false)? != digest.as_bytes() {
        return Err("the timestamp's digest is of other content".into());
    }
    // The attribute binds the certificate, so that another one of the same key cannot stand in.
    let named = value(SIGNING_CERTIFICATE_2)
        .and_then(|any| identifier(&any.to_der().ok()?, x509::SHA256))
        .or_else(|| value(SIGNING_CERTIFICATE).and_then(|any| identifier(&any.to_der().ok()?, x509::SHA1)));
    let (hash, expected) = named.ok_or("a timestamp that does not name its certificate")?;
    if x509::hash(hash, leaf.der(), true)? != expected {
        return Err("the timestamp names another certificate".into());
    }
    let message = attributes.to_der().map_err(|_| "attributes that cannot be read".to_owned())?;
    x509::verify(
        &signer.signature_algorithm,
        Some(signer.digest_alg.oid),
        leaf.key(),
        &message,
        signer.signature.as_bytes(),
    )
    .map_err(|reason| format!("the timestamp: {reason}"))
}

/// Hash function and hash of the first certificate that `SigningCertificate` or `SigningCertificateV2` names (RFC 5035).
fn identifier(der: &[u8], default: ObjectIdentifier) -> Option<(ObjectIdentifier, Vec<u8>)> {
    let list = *x509::parts(der)?.first()?;
    let first = *x509::members(list)?.first()?;
    let members = x509::members(first)?;
    match members.as_slice() {
        [hash, ..] if hash.tag() == Tag::OctetString => Some((default, hash.value().to_vec())),
        [algorithm, hash, ..] if hash.tag() == Tag::OctetString => {
            let algorithm = AlgorithmIdentifierOwned::from_der(&algorithm.to_der().ok()?).ok()?;
            Some((algorithm.oid, hash.value().to_vec()))
        }
        _ => None,
    }
}

/// From a certificate to a trusted one.
fn path(
    leaf: &Certificate,
    embedded: &[Certificate],
    trusted: &[Certificate],
) -> Result<Vec<Certificate>, String> {
    let mut chain = vec![leaf.clone()];
    for below in 0..MOST_CERTIFICATES {
        let last = &chain[chain.len() - 1];
        if trusted.contains(last) {
            return Ok(chain);
        }
        let issuer = trusted
            .iter()
            .chain(embedded)
            .find(|one| *one != last && one.is_authority(below).is_ok() && last.signed_by(one).is_ok());
        match issuer {
            Some(issuer) => chain.push(issuer.clone()),
            None => break,
        }
    }
    Err(format!("no trusted timestamp authority issued {}", leaf.subject()))
}

/// What `TSTInfo` says of the time.
struct TimeInfo {
    hash: ObjectIdentifier,
    imprint: Vec<u8>,
    from: i64,
    to: i64,
}

impl TimeInfo {
    /// RFC 3161 section 2.4.2.
    fn read(der: &[u8]) -> Option<Self> {
        let parts = x509::parts(der)?;
        let [_version, policy, imprint, _serial, time, rest @ ..] = parts.as_slice() else { return None };
        let policy: ObjectIdentifier = policy.decode_as().ok()?;
        let imprint = x509::members(*imprint)?;
        let [algorithm, hashed] = imprint.as_slice() else { return None };
        let algorithm = AlgorithmIdentifierOwned::from_der(&algorithm.to_der().ok()?).ok()?;
        if time.tag() != Tag::GeneralizedTime || hashed.tag() != Tag::OctetString {
            return None;
        }
        let (seconds, fraction) = generalized(time.value())?;
        let accuracy = match rest.first().filter(|part| part.tag() == Tag::Sequence) {
            Some(accuracy) => accuracy_seconds(accuracy)?,
            None if policy == BASELINE => 1,
            None => 0,
        };
        Some(TimeInfo {
            hash: algorithm.oid,
            imprint: hashed.value().to_vec(),
            from: seconds.checked_sub(accuracy)?,
            to: seconds.checked_add(accuracy)?.checked_add(i64::from(fraction))?,
        })
    }
}

/// Accuracy in whole seconds, rounded up.
fn accuracy_seconds(part: &AnyRef<'_>) -> Option<i64> {
    let mut seconds = 0;
    let mut fraction = false;
    for member in x509::members(*part)? {
        match member.tag() {
            Tag::Integer => seconds = i64::from(member.decode_as::<u32>().ok()?),
            _ => fraction |= member.value().iter().any(|byte| *byte != 0),
        }
    }
    Some(seconds + i64::from(fraction))
}

/// `YYYYMMDDhhmmss[.f]Z`: seconds since 1970, and whether there is a fraction. The common reader of DER knows no fractions,
/// which RFC 3161 allows.
fn generalized(value: &[u8]) -> Option<(i64, bool)> {
    let text = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || fraction.is_some_and(|fraction| !digits(fraction)) {
        return None;
    }
    let number = |from: usize, to: usize| whole[from..to].parse::<i8>().ok();
    let date = jiff::civil::DateTime::new(
        whole[..4].parse().ok()?,
        number(4, 6)?,
        number(6, 8)?,
        number(8, 10)?,
        number(10, 12)?,
        number(12, 14)?,
        0,
    )
    .ok()?;
    let seconds = jiff::tz::Offset::UTC.to_timestamp(date).ok()?.as_second();
    Some((seconds, fraction.is_some()))
}

#[cfg(test)]
mod tests {
    use super::generalized;

    #[test]
    fn moments_with_and_without_fractions() {
        assert_eq!(generalized(b"19700101000001Z"), Some((1, false)));
        assert_eq!(generalized(b"20260101000000.25Z"), Some((1_767_225_600, true)));
        for bad in [
            "",
            "Z",
            "20260101000000",
            "20261301000000Z",
            "2026010100000Z",
            "20260101000000.Z",
            "+026010100000 Z",
        ] {
            assert_eq!(generalized(bad.as_bytes()), None, "{bad}");
        }
    }
}
