//! From a piece of evidence to who vouches for the image, and for which named signers that counts.

use plimsoll_model::Digest;

use crate::bundle::{self, Opened, Shown, Signed};
use crate::discover::{ABOUT, PREDICATE_TYPE};
use crate::notation::{self, Fault, Judged};
use crate::statement::Statement;
use crate::{Evidence, Format, PublicKey, Root, cosign};
use plimsoll_policy::{Certificate, Pattern};

/// Whether a transparency log must know of signatures that are made with a key. Those with a certificate always need
/// what their trust root demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Yes, as cosign has it.
    Required,
    /// Only what is there is checked.
    IfPresent,
}

/// Someone whose signature counts.
#[derive(Clone, Debug)]
pub struct Signer {
    /// How users call them.
    pub name: String,
    /// How they are known.
    pub by: By,
}

/// How a signer is known.
#[derive(Clone, Debug)]
pub enum By {
    /// By a key.
    Key {
        /// The key.
        key: PublicKey,
        /// Whether a log must know of the signature.
        log: Log,
    },
    /// By what a certificate says.
    Identity {
        /// Subject of the certificate.
        subject: Pattern,
        /// Who vouched for it.
        issuer: Pattern,
        /// Further claims by name, all of which must fit.
        claims: Vec<(String, Pattern)>,
        /// Names of the trust roots that may issue it; empty for every one.
        roots: Vec<String>,
    },
    /// By Notation's rules.
    Notation(Box<notation::Signer>),
}

/// Whom and what to trust.
#[derive(Debug)]
pub struct Trust {
    /// Trust roots. Evidence is good when one of them shows it.
    pub roots: Vec<Root>,
    /// Whose signatures count.
    pub signers: Vec<Signer>,
}

/// The image that evidence must be about.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Digest of its manifest or index.
    pub digest: &'a Digest,
    /// The manifest or index itself, where signatures over its bytes are to be checked too.
    pub manifest: Option<&'a [u8]>,
    /// The moment of the question, in seconds since 1970.
    pub now: i64,
}

/// What a piece of evidence is.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A signature: "this is ours".
    Signature,
    /// An attestation: a statement about the image.
    Attestation(Box<Statement>),
    /// Not known, because it could not be read.
    Unknown,
}

/// What became of a piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It verifies, and at least one of the named signers made it.
    Trusted {
        /// Their names, in the order given.
        signers: Vec<String>,
    },
    /// It verifies, or may, but none of the named signers made it.
    Untrusted {
        /// Why not.
        reason: String,
    },
    /// It does not verify, or is about something else. Somebody tampered, or made a mistake.
    Invalid {
        /// What is wrong.
        reason: String,
    },
    /// Nobody signed it.
    Unsigned,
    /// It cannot be judged: a format or a part that is not supported. Neither good nor bad.
    Unreadable {
        /// What is in the way.
        reason: String,
    },
}

/// A piece of evidence, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What became of it.
    pub outcome: Outcome,
    /// What it is.
    pub what: What,
    /// Who made it, where a verified certificate says so.
    pub certificate: Option<Certificate>,
    /// Fingerprint of the key that made it, where it was given.
    pub key: Option<String>,
    /// The trust root that showed it.
    pub root: Option<String>,
    /// Verified moments of signing in seconds since 1970, ascending.
    pub times: Vec<i64>,
    /// Whether a transparency log knows of it.
    pub logged: bool,
    /// What its signers' rules only want to be said.
    pub notes: Vec<String>,
}

impl Checked {
    fn of(outcome: Outcome, what: What) -> Self {
        Checked {
            outcome,
            what,
            certificate: None,
            key: None,
            root: None,
            times: Vec::new(),
            logged: false,
            notes: Vec::new(),
        }
    }

    fn unreadable(reason: impl Into<String>) -> Self {
        Self::of(Outcome::Unreadable { reason: reason.into() }, What::Unknown)
    }
}

impl Trust {
    /// Checks one piece of evidence. Asks nobody: everything needed is in the evidence and in the roots.
    ///
    /// The clock of the machine is read by the verifier underneath, to refuse times in the future; nothing else depends
    /// on it.
    pub fn check(&self, evidence: &Evidence, target: Target<'_>) -> Checked {
        if evidence.subject != *target.digest {
            return Checked::of(
                Outcome::Invalid { reason: format!("it belongs to {}, not to this image", evidence.subject) },
                What::Unknown,
            );
        }
        match &evidence.format {
            Format::SimpleSigning => self.simple_signing(evidence, target),
            Format::Dsse => self.envelope(evidence, target),
            Format::Bundle => match bundle::parse(&evidence.bytes, None) {
                Ok(bundle) => self.bundle(&bundle, target),
                Err(reason) => Checked::unreadable(reason),
            },
            Format::Statement => unsigned(evidence),
            Format::Sbom | Format::Vex => Checked::of(Outcome::Unsigned, What::Unknown),
            Format::NotationJws | Format::NotationCose => self.notation(evidence, target),
            Format::Other(media_type) => Checked::unreadable(format!(
                "evidence of type `{}` is not known",
                plimsoll_model::shortened(media_type)
            )),
        }
    }

    fn notation(&self, evidence: &Evidence, target: Target<'_>) -> Checked {
        let of = |outcome| Checked::of(outcome, What::Signature);
        let envelope = match notation::open(&evidence.bytes, evidence.format == Format::NotationCose) {
            Ok(envelope) => envelope,
            Err(Fault::Invalid(reason)) => return of(Outcome::Invalid { reason }),
            Err(Fault::Unreadable(reason)) => return of(Outcome::Unreadable { reason }),
        };
        match notation::target(&envelope.payload) {
            Ok(digest) if digest == *target.digest => {}
            Ok(digest) => {
                return of(Outcome::Invalid {
                    reason: format!("it was made for {digest}, not for this image"),
                });
            }
            Err(reason) => return of(Outcome::Invalid { reason }),
        }
        let (mut signers, mut fails, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
        let mut checked = of(Outcome::Unsigned);
        for signer in &self.signers {
            let By::Notation(rules) = &signer.by else { continue };
            match rules.judge(&envelope, target.now) {
                Judged::Counts(notes, times) => {
                    signers.push(signer.name.clone());
                    checked.notes.extend(notes);
                    checked.times.extend(times);
                }
                Judged::Fails(reason) => fails.push((signer.name.as_str(), reason)),
                Judged::Unclear(reason) => unclear.push((signer.name.as_str(), reason)),
            }
        }
        checked.outcome = if !signers.is_empty() {
            Outcome::Trusted { signers }
        } else if !unclear.is_empty() {
            Outcome::Unreadable { reason: bundle::joined(&unclear) }
        } else if fails.is_empty() {
            Outcome::Untrusted {
                reason: "it was made for Notation, and no trust policy of it was given".into(),
            }
        } else {
            Outcome::Untrusted { reason: bundle::joined(&fails) }
        };
        if matches!(checked.outcome, Outcome::Trusted { .. })
            && let Some(leaf) = envelope.chain.first()
        {
            checked.certificate = Some(Certificate {
                subject: Some(leaf.subject()),
                issuer: Some(leaf.issuer()),
                ..Certificate::default()
            });
            checked.key = leaf.fingerprint();
        }
        checked.notes.sort();
        checked.notes.dedup();
        checked.times.sort_unstable();
        checked.times.dedup();
        checked
    }

    fn simple_signing(&self, evidence: &Evidence, target: Target<'_>) -> Checked {
        let converted = match cosign::simple_signing(&evidence.bytes, &evidence.annotations) {
            Ok(converted) => converted,
            Err(reason) => return Checked::unreadable(reason),
        };
        let bundle = match bundle::parse(converted.as_bytes(), None) {
            Ok(bundle) => bundle,
            Err(reason) => return Checked::unreadable(reason),
        };
        let mut checked = self.judge(&bundle, Signed::Bytes(&evidence.bytes), What::Signature);
        if matches!(checked.outcome, Outcome::Trusted { .. } | Outcome::Untrusted { .. }) {
            // Only now are the payload's words worth reading; the signature is over them.
            match cosign::signed_digest(&evidence.bytes) {
                Ok(digest) if digest == *target.digest => {}
                Ok(digest) => {
                    checked.outcome =
                        Outcome::Invalid { reason: format!("it was made for {digest}, not for this image") };
                }
                Err(reason) => checked.outcome = Outcome::Invalid { reason },
            }
        }
        checked
    }

    /// An envelope may have several signatures; the best outcome counts.
    fn envelope(&self, evidence: &Evidence, target: Target<'_>) -> Checked {
        let converted = match cosign::envelopes(&evidence.bytes, &evidence.annotations) {
            Ok(converted) => converted,
            Err(reason) => return Checked::unreadable(reason),
        };
        let checked =
            converted.iter().map(|one| match bundle::parse(one.as_bytes(), Some(&evidence.bytes)) {
                Ok(bundle) => self.bundle(&bundle, target),
                Err(reason) => Checked::unreadable(reason),
            });
        checked
            .min_by_key(|one| match one.outcome {
                Outcome::Trusted { .. } => 0,
                Outcome::Untrusted { .. } => 1,
                Outcome::Invalid { .. } => 2,
                Outcome::Unreadable { .. } => 3,
                Outcome::Unsigned => 4,
            })
            .unwrap_or_else(|| Checked::of(Outcome::Unsigned, What::Unknown))
    }

    fn bundle(&self, bundle: &Opened, target: Target<'_>) -> Checked {
        let (what, signed) = match bundle.payload() {
            Some(payload) => {
                let statement = match Statement::parse(payload) {
                    Ok(statement) => statement,
                    Err(reason) => return Checked::unreadable(reason),
                };
                // cosign 3 signs images with a statement that says nothing but "signed".
                let what = match statement.predicate_type.as_str() {
                    "https://sigstore.dev/cosign/sign/v1" => What::Signature,
                    _ => What::Attestation(Box::new(statement.clone())),
                };
                if !statement.is_about(target.digest) {
                    return Checked::of(
                        Outcome::Invalid {
                            reason: "the statement is about something else than this image".into(),
                        },
                        what,
                    );
                }
                (what, Signed::Digest(target.digest))
            }
            None => (What::Signature, target.manifest.map_or(Signed::Digest(target.digest), Signed::Bytes)),
        };
        self.judge(bundle, signed, what)
    }

    /// Who made a bundle, and whether that counts.
    fn judge(&self, bundle: &Opened, signed: Signed<'_>, what: What) -> Checked {
        if bundle.needs_key() {
            return self.judge_key(bundle, signed, what);
        }
        let mut reasons = Vec::new();
        for root in &self.roots {
            match bundle::keyless(root, bundle, signed) {
                Ok(shown) => return self.judge_certificate(root, shown, what),
                Err(reason) => reasons.push((root.name(), reason)),
            }
        }
        Checked::of(Outcome::Invalid { reason: bundle::joined(&reasons) }, what)
    }

    fn judge_key(&self, bundle: &Opened, signed: Signed<'_>, what: What) -> Checked {
        let mut reasons = Vec::new();
        for signer in &self.signers {
            let By::Key { key, log } = &signer.by else { continue };
            match bundle::with_key(&self.roots, key, bundle, signed, *log) {
                Ok(shown) => {
                    let signers = self
                        .signers
                        .iter()
                        .filter(|other| matches!(&other.by, By::Key { key: same, .. } if same == key))
                        .map(|other| other.name.clone())
                        .collect();
                    let mut checked = Checked::of(Outcome::Trusted { signers }, what);
                    checked.key = Some(key.fingerprint());
                    checked.times = shown.times;
                    checked.logged = shown.logged;
                    return checked;
                }
                Err(reason) => reasons.push((signer.name.as_str(), reason)),
            }
        }
        let reason = match reasons.as_slice() {
            [] => "it was made with a key, and no key was given".into(),
            reasons => bundle::joined(reasons),
        };
        Checked::of(Outcome::Untrusted { reason }, what)
    }

    fn judge_certificate(&self, root: &Root, shown: Shown, what: What) -> Checked {
        let certificate = shown.certificate.unwrap_or_default();
        let signers: Vec<String> = self
            .signers
            .iter()
            .filter(|signer| counts(&signer.by, &certificate, root))
            .map(|signer| signer.name.clone())
            .collect();
        let outcome = if signers.is_empty() {
            Outcome::Untrusted {
                reason: format!(
                    "it was made by {} ({}), whom no signer fits",
                    certificate.subject.as_deref().unwrap_or("somebody without a name"),
                    certificate.issuer.as_deref().unwrap_or("no issuer")
                ),
            }
        } else {
            Outcome::Trusted { signers }
        };
        let mut checked = Checked::of(outcome, what);
        checked.certificate = Some(certificate);
        checked.root = Some(root.name().to_owned());
        checked.times = shown.times;
        checked.logged = shown.logged;
        checked
    }
}

/// A statement that nobody signed: shown, and never more.
fn unsigned(evidence: &Evidence) -> Checked {
    if let (true, Some(kind)) = (evidence.bytes.is_empty(), evidence.annotations.get(PREDICATE_TYPE)) {
        return Checked::of(Outcome::Unsigned, What::Attestation(Box::new(Statement::unread(kind))));
    }
    let statement = match Statement::parse(&evidence.bytes) {
        Ok(statement) => statement,
        Err(reason) => return Checked::unreadable(reason),
    };
    let about = evidence.annotations.get(ABOUT).map(|text| Digest::parse(text));
    let fits = match &about {
        Some(Ok(digest)) => statement.is_about(digest),
        Some(Err(_)) => false,
        None => true,
    };
    let what = What::Attestation(Box::new(statement));
    if fits {
        Checked::of(Outcome::Unsigned, what)
    } else {
        Checked::of(
            Outcome::Invalid { reason: "the statement is about something else than this image".into() },
            what,
        )
    }
}

fn counts(by: &By, certificate: &Certificate, root: &Root) -> bool {
    let By::Identity { subject, issuer, claims, roots } = by else { return false };
    // A claim that is not there never fits: not even a pattern that fits everything.
    let fits = |pattern: &Pattern, value: Option<&String>| value.is_some_and(|value| pattern.matches(value));
    (roots.is_empty() || roots.iter().any(|name| name == root.name()))
        && fits(subject, certificate.subject.as_ref())
        && fits(issuer, certificate.issuer.as_ref())
        && claims.iter().all(|(name, pattern)| fits(pattern, certificate.claims.get(name.as_str())))
}
