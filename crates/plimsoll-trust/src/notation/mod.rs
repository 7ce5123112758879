//! Signatures of the Notary Project (Notation): who made them, and whether by a trust policy's rules that counts.
//!
//! Everything is decided from what is given: trust stores, policies, revocation lists and OCSP responses in files. What a
//! level demands and nobody gave is *unknown*. Plugins are not run.

mod envelope;
mod policy;
mod revocation;
mod timestamp;

use std::sync::Arc;

pub use policy::{KINDS, Statement, TrustPolicy, TrustStore, Verification, Written};
pub use revocation::Revocations;

pub(crate) use timestamp::check as stamped;

pub(crate) use envelope::{Envelope, Fault, Scheme, cose, jws, target};
use policy::Identities;
use revocation::Status;

use crate::x509::{self, Certificate, Use};

/// What becomes of a check that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// The signature does not count.
    Enforce,
    /// It is said.
    Log,
    /// It is not made.
    Skip,
}

/// What is checked, and how strictly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    authenticity: Action,
    timestamp: Action,
    expiry: Action,
    revocation: Action,
}

/// When timestamps are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stamps {
    /// Whenever authorities for them are trusted.
    Always,
    /// When a certificate has expired since.
    AfterExpiry,
}

/// Someone whose Notation signatures count, and by which rules.
#[derive(Clone, Debug)]
pub struct Signer {
    authorities: Vec<Certificate>,
    signing_authorities: Vec<Certificate>,
    timestamps: Vec<Certificate>,
    identities: Identities,
    level: Level,
    stamps: Stamps,
    revocations: Arc<Revocations>,
}

/// What a signer's rules say of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It counts; what was said on the way, and proven moments of signing.
    Counts(Vec<String>, Vec<i64>),
    /// It does not.
    Fails(String),
    /// It cannot be told.
    Unclear(String),
}

/// What is collected on the way through the checks.
#[derive(Default)]
struct Checks {
    notes: Vec<String>,
    fails: Vec<String>,
    unclear: Vec<String>,
}

impl Checks {
    fn take(&mut self, action: Action, result: Result<(), String>) {
        match (action, result) {
            (Action::Enforce, Err(reason)) => self.fails.push(reason),
            (Action::Log, Err(reason)) => self.notes.push(reason),
            (Action::Skip, _) | (_, Ok(())) => {}
        }
    }

    fn revocation(&mut self, action: Action, status: Status) {
        match status {
            Status::Good => {}
            Status::Unknown(reason) if action == Action::Enforce => self.unclear.push(reason),
            Status::Revoked(reason) | Status::Unknown(reason) => self.take(action, Err(reason)),
        }
    }
}

impl Signer {
    pub(crate) fn judge(&self, envelope: &Envelope, now: i64) -> Judged {
        let Level { authenticity, timestamp, expiry, revocation } = self.level;
        let mut checks = Checks::default();
        let authentic = self.authentic(envelope);
        let is_authentic = authentic.is_ok();
        checks.take(authenticity, authentic);
        let expired = envelope.expiry.filter(|end| *end <= now);
        checks.take(
            expiry,
            expired.map_or(Ok(()), |end| {
                Err(format!("the signature was meant to be used until {}", plimsoll_policy::moment(end)))
            }),
        );
        let mut times = Vec::new();
        match self.times(envelope, is_authentic, now) {
            Ok(Times { from, to, stamped, chain }) => {
                let valid = envelope.chain.iter().try_for_each(|one| one.valid(from, to));
                if valid.is_ok() && stamped {
                    times.push(from);
                    if from != to {
                        times.push(to);
                    }
                }
                checks.take(timestamp, valid);
                for pair in chain.windows(2) {
                    if revocation != Action::Skip {
                        let status = self.revocations.status(&pair[0], &pair[1], now, None);
                        checks.revocation(revocation, status);
                    }
                }
            }
            Err(reason) => checks.take(timestamp, Err(reason)),
        }
        if revocation != Action::Skip {
            let signed = times.last().copied();
            for pair in envelope.chain.windows(2) {
                checks.revocation(revocation, self.revocations.status(&pair[0], &pair[1], now, signed));
            }
        }
        if !checks.fails.is_empty() {
            return Judged::Fails(checks.fails.join("; "));
        }
        if !checks.unclear.is_empty() {
            return Judged::Unclear(checks.unclear.join("; "));
        }
        Judged::Counts(checks.notes, times)
    }

    fn authentic(&self, envelope: &Envelope) -> Result<(), String> {
        let trusted = match envelope.scheme {
            Scheme::X509 => &self.authorities,
            Scheme::SigningAuthority(_) => &self.signing_authorities,
        };
        let leaf = envelope.chain.first().ok_or("there is no certificate")?;
        if !envelope.chain.iter().any(|one| trusted.contains(one)) {
            return Err(format!(
                "it was made by {}, of whose chain no certificate is trusted",
                leaf.subject()
            ));
        }
        if !self.identities.mean(&leaf.parsed.tbs_certificate.subject) {
            return Err(format!("it was made by {}, who is not meant", leaf.subject()));
        }
        Ok(())
    }

    /// Within which span the signature was made, as far as it is proven; the present, where it is not.
    fn times(&self, envelope: &Envelope, authentic: bool, now: i64) -> Result<Times, String> {
        if let Scheme::SigningAuthority(time) = envelope.scheme {
            // Its word is worth as much as it is itself.
            return Ok(Times { from: time, to: time, stamped: authentic, chain: Vec::new() });
        }
        let valid = envelope.chain.iter().all(|one| one.valid(now, now).is_ok());
        if self.timestamps.is_empty() || (self.stamps == Stamps::AfterExpiry && valid) {
            return Ok(Times { from: now, to: now, stamped: false, chain: Vec::new() });
        }
        let token = envelope
            .timestamp
            .as_ref()
            .ok_or("it has no timestamp, and the policy trusts authorities for them")?;
        let stamp = timestamp::check(token, &envelope.signature, &self.timestamps)?;
        Ok(Times { from: stamp.from, to: stamp.to, stamped: true, chain: stamp.chain })
    }
}

struct Times {
    from: i64,
    to: i64,
    /// Somebody vouches for it.
    stamped: bool,
    /// Who.
    chain: Vec<Certificate>,
}

/// Reads an envelope and checks what does not depend on whom one trusts.
pub(crate) fn open(bytes: &[u8], is_cose: bool) -> Result<Envelope, Fault> {
    let envelope = if is_cose { cose(bytes) } else { jws(bytes) }?;
    x509::check_chain(&envelope.chain, Use::CodeSigning).map_err(Fault::Invalid)?;
    Ok(envelope)
}
