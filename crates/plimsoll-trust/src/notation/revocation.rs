//! What is known of revoked certificates: lists (RFC 5280) and OCSP responses (RFC 6960) from files. Nobody is asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use x509_cert::crl::{CertificateList, RevokedCert};
use x509_cert::der::asn1::{GeneralizedTime, ObjectIdentifier};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::IssuingDistributionPoint;
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, BaseCrlNumber, BasicConstraints, CrlDistributionPoints, CrlNumber, CrlReason,
    ExtendedKeyUsage, FreshestCrl,
};
use x509_ocsp::{BasicOcspResponse, CertStatus, OcspResponse, OcspResponseStatus, ResponderId};

use crate::Error;
use crate::x509::{self, Certificate};

const OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");
const INVALIDITY_DATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.24");
/// Largest file in bytes.
const LARGEST: usize = 64 * 1024 * 1024;
/// How much clocks may differ, in seconds.
const SKEW: i64 = 300;

/// Revocation lists and OCSP responses, as they were given. Who signed them is checked where they are used.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    lists: Vec<List>,
    answers: Vec<(Vec<u8>, BasicOcspResponse)>,
}

#[derive(Clone, Debug)]
struct List {
    der: Vec<u8>,
    parsed: CertificateList,
}

/// How a certificate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It is not revoked, or says of itself that nobody keeps track.
    Good,
    /// It is, and why it is said to be.
    Revoked(String),
    /// Nothing fresh is known of it.
    Unknown(String),
}

impl Revocations {
    /// Takes a file: a revocation list (DER or PEM), an OCSP response (DER), or an entry of Notation's own cache.
    ///
    /// # Errors
    /// When it is none of them; `name` is named.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.read(bytes).map_err(|detail| Error::Notation { name: name.to_owned(), detail })
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), String> {
        /// `~/.cache/notation/crl/*` (notation-go, verifier/crl).
        #[derive(Deserialize)]
        struct Cached {
            #[serde(rename = "baseCRL")]
            base: String,
            #[serde(rename = "deltaCRL", default)]
            delta: Option<String>,
        }
        if bytes.len() > LARGEST {
            return Err(format!("more than {LARGEST} bytes"));
        }
        if let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN ")) {
            let lists = crate::pem::all(text, "X509 CRL")?;
            if lists.is_empty() {
                return Err("it holds no revocation list in PEM".into());
            }
            return lists.into_iter().try_for_each(|der| self.list(der));
        }
        if bytes.first() == Some(&b'{') {
            let cached: Cached = serde_json::from_slice(bytes)
                .map_err(|error| format!("no entry of Notation's cache: {error}"))?;
            return [Some(cached.base), cached.delta].into_iter().flatten().try_for_each(|text| {
                let der = STANDARD.decode(text).map_err(|error| format!("not base64: {error}"))?;
                self.list(der)
            });
        }
        match OcspResponse::from_der(bytes) {
            Ok(response) => self.answer(&response),
            Err(_) => self.list(bytes.to_vec()),
        }
    }

    fn list(&mut self, der: Vec<u8>) -> Result<(), String> {
        let parsed = CertificateList::from_der(&der)
            .map_err(|error| format!("neither a revocation list nor an OCSP response: {error}"))?;
        self.lists.push(List { der, parsed });
        Ok(())
    }

    fn answer(&mut self, response: &OcspResponse) -> Result<(), String> {
        let (OcspResponseStatus::Successful, Some(inner)) =
            (response.response_status, &response.response_bytes)
        else {
            return Err("an OCSP response without an answer".into());
        };
        if inner.response_type != BASIC {
            return Err("an OCSP response of a kind that is not known".into());
        }
        let der = inner.response.as_bytes().to_vec();
        let parsed = BasicOcspResponse::from_der(&der)
            .map_err(|error| format!("an OCSP response that cannot be read: {error}"))?;
        self.answers.push((der, parsed));
        Ok(())
    }

    /// How `certificate`, issued by `issuer`, stands at a moment. `signed` is when it signed, where that is proven: what was
    /// invalid only later did not spoil it.
    pub(crate) fn status(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        now: i64,
        signed: Option<i64>,
    ) -> Status {
        match names_a_source(certificate) {
            Ok(true) => {}
            Ok(false) => return Status::Good,
            Err(reason) => return Status::Unknown(reason),
        }
        let mut found = Status::Unknown(format!(
            "no fresh revocation list or OCSP response about {} was given",
            certificate.subject()
        ));
        let answers = self
            .answers
            .iter()
            .filter_map(|(der, answer)| self.by_answer(der, answer, certificate, issuer, now, signed));
        for status in answers.chain(self.by_lists(certificate, issuer, now, signed)) {
            match status {
                Status::Revoked(_) => return status,
                Status::Good => found = Status::Good,
                Status::Unknown(_) => {}
            }
        }
        found
    }

    fn by_lists(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        now: i64,
        signed: Option<i64>,
    ) -> Option<Status> {
        let about: Vec<&List> = self.lists.iter().filter(|list| list.is_by(issuer)).collect();
        let mut best = None;
        for base in about.iter().filter(|list| !list.has(BaseCrlNumber::OID)) {
            if !base.covers(certificate) {
                continue;
            }
            let entry = base.entry(certificate);
            let fresh = base.is_fresh(now);
            // What was once revoked stays so, however old the list; only a hold may have ended.
            if let Some(entry) = entry
                && !matches!(reason(entry), Some(CrlReason::CertificateHold))
                && !spares(entry, signed)
            {
                return Some(Status::Revoked(base.says(certificate)));
            }
            if !fresh {
                continue;
            }
            if !base.has(FreshestCrl::OID) {
                match entry.filter(|entry| !spares(entry, signed)) {
                    Some(_) => return Some(Status::Revoked(base.says(certificate))),
                    None => best = Some(Status::Good),
                }
                continue;
            }
            // The list says that a newer part exists: without it nothing is settled.
            let number = base.extension::<CrlNumber>();
            let delta =
                about.iter().filter(|list| list.is_fresh(now) && list.covers(certificate)).find(|list| {
                    list.extension::<BaseCrlNumber>().zip(number.as_ref()).is_some_and(|(base, number)| {
                        base.0.as_bytes().len() < number.0.as_bytes().len()
                            || (base.0.as_bytes().len() == number.0.as_bytes().len()
                                && base.0.as_bytes() <= number.0.as_bytes())
                    })
                });
            let Some(delta) = delta else { continue };
            let changed = delta.entry(certificate);
            let ended = changed.is_some_and(|entry| reason(entry) == Some(CrlReason::RemoveFromCRL));
            match changed.or(entry).filter(|entry| !ended && !spares(entry, signed)) {
                Some(_) => return Some(Status::Revoked(delta.says(certificate))),
                None => best = Some(Status::Good),
            }
        }
        best
    }

    fn by_answer(
        &self,
        der: &[u8],
        answer: &BasicOcspResponse,
        certificate: &Certificate,
        issuer: &Certificate,
        now: i64,
        signed: Option<i64>,
    ) -> Option<Status> {
        let single = answer.tbs_response_data.responses.iter().find(|single| {
            let id = &single.cert_id;
            let name = issuer.parsed.tbs_certificate.subject.to_der().ok();
            let hash = |bytes: &[u8]| x509::hash(id.hash_algorithm.oid, bytes, true).ok();
            id.serial_number == certificate.parsed.tbs_certificate.serial_number
                && name.and_then(|name| hash(&name)).as_deref() == Some(id.issuer_name_hash.as_bytes())
                && issuer.key().subject_public_key.as_bytes().and_then(hash).as_deref()
                    == Some(id.issuer_key_hash.as_bytes())
        })?;
        let responder = self.responder(answer, issuer, now)?;
        let signature = answer.signature.as_bytes()?;
        let message = x509::first(der)?;
        x509::verify(&answer.signature_algorithm, None, responder.key(), message, signature).ok()?;
        let since = seconds(single.this_update.0);
        let until = single.next_update.map(|time| seconds(time.0));
        if since > now + SKEW || until.is_none_or(|until| until < now) {
            return None;
        }
        Some(match &single.cert_status {
            CertStatus::Good(_) => Status::Good,
            CertStatus::Revoked(_)
                if invalid_since(single.single_extensions.as_deref().unwrap_or(&[]))
                    .zip(signed)
                    .is_some_and(|(invalid, signed)| signed < invalid) =>
            {
                Status::Good
            }
            CertStatus::Revoked(info) => Status::Revoked(format!(
                "{} was revoked on {}, says OCSP",
                certificate.subject(),
                plimsoll_policy::moment(seconds(info.revocation_time.0))
            )),
            CertStatus::Unknown(_) => return None,
        })
    }

    /// Who signed an answer: the issuer itself, or somebody whom it named for that.
    fn responder(&self, answer: &BasicOcspResponse, issuer: &Certificate, now: i64) -> Option<Certificate> {
        let id = &answer.tbs_response_data.responder_id;
        let is = |certificate: &Certificate| match id {
            ResponderId::ByName(name) => *name == certificate.parsed.tbs_certificate.subject,
            ResponderId::ByKey(hash) => certificate
                .key()
                .subject_public_key
                .as_bytes()
                .and_then(|key| x509::hash(x509::SHA1, key, true).ok())
                .is_some_and(|own| own == hash.as_bytes()),
        };
        if is(issuer) {
            return Some(issuer.clone());
        }
        answer.certs.iter().flatten().take(8).find_map(|certificate| {
            let certificate = Certificate::from_der(&certificate.to_der().ok()?).ok()?;
            let uses = certificate.extension::<ExtendedKeyUsage>().ok()??.1.0;
            let fits = is(&certificate)
                && uses.contains(&x509::OCSP_SIGNING)
                && certificate.signed_by(issuer).is_ok()
                && certificate.valid(now, now).is_ok();
            // One that may be revoked itself needs a list that says that it is not; an answer by itself would be a circle.
            let known = certificate
                .parsed
                .tbs_certificate
                .extensions
                .iter()
                .flatten()
                .any(|extension| extension.extn_id == NO_CHECK)
                || self.by_lists(&certificate, issuer, now, None) == Some(Status::Good);
            (fits && known).then_some(certificate)
        })
    }
}

/// Whether a certificate says where its revocation could be looked up.
fn names_a_source(certificate: &Certificate) -> Result<bool, String> {
    let lists =
        certificate.extension::<CrlDistributionPoints>()?.is_some_and(|(_, points)| !points.0.is_empty());
    let answers = certificate
        .extension::<AuthorityInfoAccessSyntax>()?
        .is_some_and(|(_, access)| access.0.iter().any(|one| one.access_method == OCSP));
    Ok(lists || answers)
}

impl List {
    /// Whether the issuer of certificates made it.
    fn is_by(&self, issuer: &Certificate) -> bool {
        let message = x509::first(&self.der);
        let signature = self.parsed.signature.as_bytes();
        self.parsed.tbs_cert_list.issuer == issuer.parsed.tbs_certificate.subject
            && message.zip(signature).is_some_and(|(message, signature)| {
                x509::verify(&self.parsed.signature_algorithm, None, issuer.key(), message, signature).is_ok()
            })
    }

    fn extensions(&self) -> &[Extension] {
        self.parsed.tbs_cert_list.crl_extensions.as_deref().unwrap_or(&[])
    }

    /// Whether an extension is there, readable or not.
    fn has(&self, wanted: ObjectIdentifier) -> bool {
        self.extensions().iter().any(|extension| extension.extn_id == wanted)
    }

    fn extension<T: for<'a> Decode<'a> + AssociatedOid>(&self) -> Option<T> {
        let all = self.extensions();
        let found = all.iter().find(|extension| extension.extn_id == T::OID)?;
        T::from_der(found.extn_value.as_bytes()).ok()
    }

    /// Whether it speaks of all certificates of this kind, and says nothing that is not understood here.
    fn covers(&self, certificate: &Certificate) -> bool {
        let known = self.extensions().iter().filter(|extension| extension.critical).all(|extension| {
            [IssuingDistributionPoint::OID, BaseCrlNumber::OID].contains(&extension.extn_id)
        });
        let stated = self.has(IssuingDistributionPoint::OID);
        let scope = self.extension::<IssuingDistributionPoint>();
        let authority = certificate
            .extension::<BasicConstraints>()
            .ok()
            .flatten()
            .is_some_and(|(_, constraints)| constraints.ca);
        let scoped = scope.as_ref().is_none_or(|scope| {
            let other = if authority { scope.only_contains_user_certs } else { scope.only_contains_ca_certs };
            let part = scope.indirect_crl || scope.only_contains_attribute_certs || other;
            !part && scope.only_some_reasons.is_none()
        });
        // An entry with a critical part that is not understood may be about something else.
        let understood = self.entry(certificate).is_none_or(|entry| {
            let all = entry.crl_entry_extensions.as_deref().unwrap_or(&[]);
            all.iter().all(|extension| {
                !extension.critical || [CrlReason::OID, INVALIDITY_DATE].contains(&extension.extn_id)
            })
        });
        known && stated == scope.is_some() && scoped && understood
    }

    fn is_fresh(&self, now: i64) -> bool {
        let list = &self.parsed.tbs_cert_list;
        let until = list.next_update.as_ref().map(time);
        time(&list.this_update) <= now + SKEW && until.is_some_and(|until| now <= until)
    }

    fn entry(&self, certificate: &Certificate) -> Option<&RevokedCert> {
        let serial = &certificate.parsed.tbs_certificate.serial_number;
        self.parsed
            .tbs_cert_list
            .revoked_certificates
            .iter()
            .flatten()
            .find(|entry| entry.serial_number == *serial)
    }

    fn says(&self, certificate: &Certificate) -> String {
        let on = self.entry(certificate).map(|entry| time(&entry.revocation_date));
        let on = on.map(|on| format!(" on {}", plimsoll_policy::moment(on))).unwrap_or_default();
        format!("{} was revoked{on}, says its issuer's list", certificate.subject())
    }
}

fn time(time: &x509_cert::time::Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

fn seconds(time: GeneralizedTime) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

fn reason(entry: &RevokedCert) -> Option<CrlReason> {
    let all = entry.crl_entry_extensions.as_deref().unwrap_or(&[]);
    let found = all.iter().find(|extension| extension.extn_id == CrlReason::OID)?;
    CrlReason::from_der(found.extn_value.as_bytes()).ok()
}

fn invalid_since(extensions: &[Extension]) -> Option<i64> {
    let found = extensions.iter().find(|extension| extension.extn_id == INVALIDITY_DATE)?;
    GeneralizedTime::from_der(found.extn_value.as_bytes()).ok().map(seconds)
}

/// Whether an entry leaves a signature alone, because it was proven to exist before the certificate became invalid.
fn spares(entry: &RevokedCert, signed: Option<i64>) -> bool {
    invalid_since(entry.crl_entry_extensions.as_deref().unwrap_or(&[]))
        .zip(signed)
        .is_some_and(|(invalid, signed)| signed < invalid)
}
