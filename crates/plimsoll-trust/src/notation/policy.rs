//! Trust policies and trust stores of Notation, as its own users have them.
//!
//! Format: `trust-store-trust-policy.md` of notaryproject/specifications, version 1.0 of the policy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::name::Name;

use super::{Action, Level, Signer, Stamps};
use crate::Error;
use crate::notation::revocation::Revocations;
use crate::x509::{self, Certificate};

/// Certificates that are trusted, by kind and name of their store: `ca:acme`.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    stores: BTreeMap<String, Vec<Certificate>>,
}

/// The kinds of stores.
pub const KINDS: [&str; 3] = ["ca", "signingAuthority", "tsa"];

impl TrustStore {
    /// Takes the certificates of a file (PEM or DER) into a store, as in `ca:acme`.
    ///
    /// # Errors
    /// When one is neither an authority nor signed by itself: trust in it would be no trust in a chain.
    pub fn add(&mut self, store: &str, file: &str, bytes: &[u8]) -> Result<(), Error> {
        let fault = |detail: String| Error::Notation { name: file.to_owned(), detail };
        let certificates = x509::from_file(bytes).map_err(fault)?;
        for certificate in &certificates {
            let tsa = store.starts_with("tsa:");
            if certificate.is_authority(0).is_err() && (tsa || !certificate.is_self_signed()) {
                return Err(fault(format!(
                    "{}: only authorities, and signing certificates signed by themselves, can be trusted",
                    certificate.subject()
                )));
            }
        }
        self.stores.entry(store.to_owned()).or_default().extend(certificates);
        Ok(())
    }
}

/// A trust policy document.
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    name: String,
    statements: Vec<Statement>,
}

/// What holds for some repositories.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    name: String,
    #[serde(default)]
    registry_scopes: Vec<String>,
    signature_verification: Verification,
    #[serde(default)]
    trust_stores: Vec<String>,
    #[serde(default)]
    trusted_identities: Vec<String>,
}

/// How strictly signatures are held to the rules: a level, and what of it is overridden.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verification {
    /// `strict`, `permissive`, `audit` or `skip`.
    pub level: String,
    /// By the name of a check: `enforce`, `log` or `skip`.
    #[serde(default, rename = "override")]
    pub overrides: BTreeMap<String, String>,
    /// `always` or `afterCertExpiry`: when timestamps are looked at.
    #[serde(default)]
    pub verify_timestamp: Option<String>,
}

impl TrustPolicy {
    /// Reads `trustpolicy.json`. `file` is named in errors.
    ///
    /// # Errors
    /// When anything in it is not understood: what is left out by mistake would trust more than is meant.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Document {
            version: String,
            trust_policies: Vec<Statement>,
        }
        let fault = |detail: String| Error::Notation { name: file.to_owned(), detail };
        let document: Document = serde_json::from_str(text)
            .map_err(|error| fault(format!("not a trust policy of Notation: {error}")))?;
        if document.version != "1.0" {
            return Err(fault(format!(
                "version `{}` is not known; 1.0 is",
                plimsoll_model::shortened(&document.version)
            )));
        }
        if document.trust_policies.is_empty() {
            return Err(fault("it holds no policy".into()));
        }
        let (mut names, mut scopes) = (BTreeSet::new(), BTreeSet::new());
        for statement in &document.trust_policies {
            statement.check().map_err(|detail| fault(format!("policy `{}`: {detail}", statement.shown())))?;
            if !names.insert(&statement.name) {
                return Err(fault(format!("two policies are called `{}`", statement.shown())));
            }
            for scope in &statement.registry_scopes {
                if !scopes.insert(scope) {
                    return Err(fault(format!(
                        "two policies are about `{}`",
                        plimsoll_model::shortened(scope)
                    )));
                }
            }
        }
        Ok(TrustPolicy { name: file.to_owned(), statements: document.trust_policies })
    }

    /// The policy for a repository: the one that names it, else the one for all.
    pub fn about(&self, repository: &str) -> Option<&Statement> {
        let names =
            |statement: &&Statement, scope: &str| statement.registry_scopes.iter().any(|one| one == scope);
        self.statements
            .iter()
            .find(|statement| names(statement, repository))
            .or_else(|| self.statements.iter().find(|statement| names(statement, "*")))
    }

    /// The signer that a policy stands for; `None` when it asks for no verification.
    ///
    /// # Errors
    /// When a trust store that it names is empty or not there.
    pub fn signer(
        &self,
        statement: &Statement,
        store: &TrustStore,
        revocations: &Arc<Revocations>,
    ) -> Result<Option<Signer>, Error> {
        statement
            .signer(store, revocations)
            .map_err(|detail| Error::Notation { name: self.name.clone(), detail })
    }
}

impl Statement {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn shown(&self) -> std::borrow::Cow<'_, str> {
        plimsoll_model::shortened(&self.name).into()
    }

    fn check(&self) -> Result<(), String> {
        if self.name.trim().is_empty() {
            return Err("it has no name".into());
        }
        let level = Level::parse(&self.signature_verification)?;
        Stamps::parse(self.signature_verification.verify_timestamp.as_deref())?;
        let global = self.registry_scopes.iter().any(|scope| scope == "*");
        match self.registry_scopes.as_slice() {
            [] => return Err("registryScopes is empty".into()),
            [_] => {}
            _ if global => return Err("`*` among other registryScopes".into()),
            _ => {}
        }
        for scope in self.registry_scopes.iter().filter(|scope| *scope != "*") {
            // A name without a registry, or with a tag, would never fit, and the policy never hold.
            let whole = scope.split_once('/').is_some_and(|(registry, path)| {
                !registry.is_empty() && !path.is_empty() && !path.contains([':', '@', '*'])
            });
            if !whole || scope.contains("://") || scope.contains('*') {
                return Err(format!(
                    "registryScopes: `{}` is no repository with its registry",
                    plimsoll_model::shortened(scope)
                ));
            }
        }
        if level.is_none() {
            if !self.trust_stores.is_empty() || !self.trusted_identities.is_empty() {
                return Err("it skips verification, and names trust stores or identities".into());
            }
            if global {
                return Err("a policy for all repositories must not skip verification".into());
            }
            return Ok(());
        }
        if self.trust_stores.is_empty() {
            return Err("trustStores is empty".into());
        }
        for store in &self.trust_stores {
            let known = store.split_once(':').is_some_and(|(kind, name)| {
                KINDS.contains(&kind)
                    && !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
            });
            if !known {
                return Err(format!(
                    "trustStores: `{}` is none of {}, with a name behind it",
                    plimsoll_model::shortened(store),
                    KINDS.map(|kind| format!("`{kind}:`")).join(", ")
                ));
            }
        }
        Identities::parse(&self.trusted_identities).map(|_| ())
    }

    fn signer(&self, store: &TrustStore, revocations: &Arc<Revocations>) -> Result<Option<Signer>, String> {
        let Some(level) = Level::parse(&self.signature_verification)? else { return Ok(None) };
        let of = |kind: &str| {
            let mut out = Vec::new();
            for name in self.trust_stores.iter().filter(|name| name.split(':').next() == Some(kind)) {
                match store.stores.get(name) {
                    Some(certificates) => out.extend(certificates.iter().cloned()),
                    None => {
                        return Err(format!(
                            "policy `{}`: the trust store `{name}` holds no certificate",
                            self.shown()
                        ));
                    }
                }
            }
            Ok(out)
        };
        let [authorities, signing_authorities, timestamps] = [of(KINDS[0])?, of(KINDS[1])?, of(KINDS[2])?];
        Ok(Some(Signer {
            authorities,
            signing_authorities,
            timestamps,
            identities: Identities::parse(&self.trusted_identities)?,
            level,
            stamps: Stamps::parse(self.signature_verification.verify_timestamp.as_deref())?,
            revocations: Arc::clone(revocations),
        }))
    }
}

/// A signer as our own policies write one.
#[derive(Clone, Debug)]
pub struct Written<'a> {
    /// Certificates in PEM, by the kind of their store.
    pub stores: &'a [(&'a str, &'a str)],
    /// `*`, or `x509.subject: ...`.
    pub identities: &'a [String],
    /// How strictly.
    pub verification: Verification,
}

impl Signer {
    /// Takes a signer that is written into a policy of ours.
    ///
    /// # Errors
    /// When anything of it is not understood; `name` is named.
    pub fn written(name: &str, written: &Written<'_>, revocations: &Arc<Revocations>) -> Result<Self, Error> {
        let fault = |detail: String| Error::Notation { name: name.to_owned(), detail };
        let mut store = TrustStore::default();
        let mut named = Vec::new();
        for (kind, pem) in written.stores {
            named.push(format!("{kind}:policy"));
            store.add(&named[named.len() - 1], name, pem.as_bytes())?;
        }
        let statement = Statement {
            name: name.to_owned(),
            registry_scopes: vec!["*".into()],
            signature_verification: written.verification.clone(),
            trust_stores: named,
            trusted_identities: written.identities.to_vec(),
        };
        statement.check().map_err(fault)?;
        let signer = statement.signer(&store, revocations).map_err(fault)?;
        signer.ok_or_else(|| fault("a signer cannot skip verification".into()))
    }
}

impl Level {
    /// `None` for `skip`.
    fn parse(written: &Verification) -> Result<Option<Self>, String> {
        use Action::{Enforce, Log, Skip};
        let level =
            |authenticity, rest| Level { authenticity, timestamp: rest, expiry: rest, revocation: rest };
        let mut level = match written.level.as_str() {
            "strict" => level(Enforce, Enforce),
            "permissive" => level(Enforce, Log),
            "audit" => level(Log, Log),
            "skip" if written.overrides.is_empty() => return Ok(None),
            "skip" => return Err("the level `skip` cannot be overridden".into()),
            other => {
                return Err(format!(
                    "the level `{}` is none of strict, permissive, audit, skip",
                    plimsoll_model::shortened(other)
                ));
            }
        };
        for (check, action) in &written.overrides {
            let action = match (action.as_str(), check.as_str()) {
                ("enforce", _) => Enforce,
                ("log", _) => Log,
                ("skip", "revocation") => Skip,
                ("skip", _) => {
                    return Err(format!("`{}` cannot be skipped", plimsoll_model::shortened(check)));
                }
                (other, _) => {
                    return Err(format!(
                        "the action `{}` is none of enforce, log, skip",
                        plimsoll_model::shortened(other)
                    ));
                }
            };
            match check.as_str() {
                "authenticity" => level.authenticity = action,
                "authenticTimestamp" => level.timestamp = action,
                "expiry" => level.expiry = action,
                "revocation" => level.revocation = action,
                other => {
                    return Err(format!("`{}` cannot be overridden", plimsoll_model::shortened(other)));
                }
            }
        }
        Ok(Some(level))
    }
}

impl Stamps {
    fn parse(written: Option<&str>) -> Result<Self, String> {
        match written {
            None | Some("" | "always") => Ok(Stamps::Always),
            Some("afterCertExpiry") => Ok(Stamps::AfterExpiry),
            Some(other) => Err(format!(
                "verifyTimestamp: `{}` is neither always nor afterCertExpiry",
                plimsoll_model::shortened(other)
            )),
        }
    }
}

/// Whose certificates count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identities {
    /// Everybody's.
    Any,
    /// Of those whose name has one of these sets of parts.
    Subjects(Vec<BTreeMap<String, String>>),
}

impl Identities {
    fn parse(written: &[String]) -> Result<Self, String> {
        if written.is_empty() {
            return Err("trustedIdentities is empty".into());
        }
        if written.iter().any(|one| one == "*") {
            return match written.len() {
                1 => Ok(Identities::Any),
                _ => Err("`*` among other trustedIdentities".into()),
            };
        }
        let mut subjects: Vec<BTreeMap<String, String>> = Vec::new();
        for one in written {
            let name = one.strip_prefix("x509.subject:").ok_or_else(|| {
                format!(
                    "the identity `{}` is neither `*` nor `x509.subject: ...`",
                    plimsoll_model::shortened(one)
                )
            })?;
            let subject = distinguished(name)
                .map_err(|detail| format!("the identity `{}`: {detail}", plimsoll_model::shortened(one)))?;
            for needed in ["C", "ST", "O"] {
                if !subject.contains_key(needed) {
                    return Err(format!(
                        "the identity `{}` has no {needed}; it needs C, ST and O",
                        plimsoll_model::shortened(one)
                    ));
                }
            }
            let within = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| {
                a.iter().all(|(kind, value)| b.get(kind) == Some(value))
            };
            if subjects.iter().any(|other| within(other, &subject) || within(&subject, other)) {
                return Err(format!(
                    "the identity `{}` overlaps with another one",
                    plimsoll_model::shortened(one)
                ));
            }
            subjects.push(subject);
        }
        Ok(Identities::Subjects(subjects))
    }

    /// Whether a certificate's subject is meant.
    pub(crate) fn mean(&self, subject: &Name) -> bool {
        let Identities::Subjects(subjects) = self else { return true };
        let Some(parts) = parts(subject) else { return false };
        subjects.iter().any(|wanted| {
            wanted.iter().all(|(kind, value)| {
                // A kind that is there twice is neither the one nor the other.
                let mut same = parts.iter().filter(|(own, _)| own == kind);
                matches!((same.next(), same.next()), (Some((_, own)), None) if own == value)
            })
        })
    }
}

/// Short names of the parts of a distinguished name.
const PARTS: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.17", "POSTALCODE"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

/// The parts of a certificate's name. `None` when one cannot be told: several in one, or text of an unknown kind.
fn parts(name: &Name) -> Option<Vec<(String, String)>> {
    let mut out = Vec::new();
    for relative in &name.0 {
        let [part] = relative.0.as_slice() else { return None };
        let value = AnyRef::from(&part.value);
        let text = std::str::from_utf8(value.value()).ok()?.to_owned();
        let kind = short(part.oid).map_or_else(|| part.oid.to_string(), str::to_owned);
        out.push((kind, text));
    }
    Some(out)
}

fn short(oid: ObjectIdentifier) -> Option<&'static str> {
    let text = oid.to_string();
    PARTS.iter().find(|(dotted, _)| *dotted == text).map(|(_, name)| *name)
}

/// A distinguished name as text (RFC 4514), each kind of part once.
fn distinguished(text: &str) -> Result<BTreeMap<String, String>, String> {
    /// Longest name in bytes.
    const LONGEST: usize = 4096;
    if text.len() > LONGEST {
        return Err(format!("more than {LONGEST} bytes"));
    }
    let mut out = BTreeMap::new();
    for part in split(text)? {
        let (kind, value) = part.split_once('=').ok_or("a part without `=`")?;
        let kind = match kind.trim().to_ascii_uppercase().as_str() {
            "S" => "ST".to_owned(),
            "" => return Err("a part without a kind".into()),
            other => other.to_owned(),
        };
        let value = unescape(value)?;
        if value.is_empty() {
            return Err(format!("`{kind}` is empty"));
        }
        if out.insert(kind.clone(), value).is_some() {
            return Err(format!("`{kind}` is there twice"));
        }
    }
    Ok(out)
}

/// The parts between commas that are not escaped.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let mut out = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'+' => return Err("several values in one part (`+`)".into()),
            b',' => {
                out.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    Ok(out)
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = Vec::new();
    // White space at the end is kept only where it is escaped.
    let mut kept = 0;
    let mut bytes = text.trim_start().bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                let next = bytes.next().ok_or("it ends in a backslash")?;
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let second = bytes.peek().copied().and_then(digit);
                match (digit(next), second) {
                    (Some(high), Some(low)) => {
                        bytes.next();
                        out.push(high << 4 | low);
                    }
                    (Some(_), None) => return Err("an escape that is not whole".into()),
                    (None, _) => out.push(next),
                }
                kept = out.len();
            }
            byte => {
                out.push(byte);
                if byte != b' ' {
                    kept = out.len();
                }
            }
        }
    }
    out.truncate(kept);
    String::from_utf8(out).map_err(|_| "a value that is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TrustPolicy, String> {
        TrustPolicy::parse("trustpolicy.json", text).map_err(|error| error.to_string())
    }

    fn policy(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut value = serde_json::json!({
            "version": "1.0",
            "trustPolicies": [
                { "name": "shop", "registryScopes": ["registry.example.test/team/shop"],
                  "signatureVerification": { "level": "strict" }, "trustStores": ["ca:acme"],
                  "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme\\, inc., CN=builder"] },
                { "name": "all", "registryScopes": ["*"], "signatureVerification": { "level": "audit" },
                  "trustStores": ["ca:acme", "tsa:stamp"], "trustedIdentities": ["*"] },
            ],
        });
        change(&mut value);
        value.to_string()
    }

    #[test]
    fn the_policy_that_names_a_repository_comes_before_the_one_for_all() {
        let policy = parse(&policy(|_| {})).expect("a policy");
        let named = |repository: &str| policy.about(repository).map(Statement::name);
        assert_eq!(named("registry.example.test/team/shop"), Some("shop"));
        assert_eq!(named("registry.example.test/team/shop2"), Some("all"));
        let one = parse(&self::policy(|value| {
            value["trustPolicies"].as_array_mut().expect("a list").pop();
        }));
        assert!(one.expect("a policy").about("registry.example.test/other").is_none());
    }

    #[test]
    fn what_is_not_understood_is_refused_and_named() {
        type Change = fn(&mut serde_json::Value);
        let cases: &[(Change, &str)] = &[
            (|v| v["version"] = "2.0".into(), "version"),
            (|v| v["trustPolicies"] = serde_json::json!([]), "no policy"),
            (|v| v["more"] = 1.into(), "more"),
            (|v| v["trustPolicies"][0]["more"] = 1.into(), "more"),
            (|v| v["trustPolicies"][1]["name"] = "shop".into(), "called `shop`"),
            (|v| v["trustPolicies"][0]["name"] = " ".into(), "no name"),
            (|v| v["trustPolicies"][0]["registryScopes"] = serde_json::json!([]), "registryScopes is empty"),
            (|v| v["trustPolicies"][0]["registryScopes"] = serde_json::json!(["*"]), "about `*`"),
            (|v| v["trustPolicies"][0]["registryScopes"] = serde_json::json!(["*", "a/b"]), "among other"),
            (|v| v["trustPolicies"][0]["registryScopes"] = serde_json::json!(["a/*"]), "no repository"),
            (|v| v["trustPolicies"][0]["registryScopes"] = serde_json::json!(["shop"]), "no repository"),
            (|v| v["trustPolicies"][0]["registryScopes"] = serde_json::json!(["a/b:tag"]), "no repository"),
            (
                |v| v["trustPolicies"][0]["registryScopes"] = serde_json::json!(["https://a/b"]),
                "no repository",
            ),
            (|v| v["trustPolicies"][0]["signatureVerification"]["level"] = "lax".into(), "lax"),
            (
                |v| v["trustPolicies"][0]["signatureVerification"]["level"] = "skip".into(),
                "skips verification",
            ),
            (
                |v| {
                    v["trustPolicies"][0]["signatureVerification"]["override"] =
                        serde_json::json!({"integrity": "log"});
                },
                "integrity",
            ),
            (
                |v| {
                    v["trustPolicies"][0]["signatureVerification"]["override"] =
                        serde_json::json!({"expiry": "skip"});
                },
                "cannot be skipped",
            ),
            (
                |v| {
                    v["trustPolicies"][0]["signatureVerification"]["override"] =
                        serde_json::json!({"expiry": "no"});
                },
                "enforce",
            ),
            (
                |v| v["trustPolicies"][0]["signatureVerification"]["verifyTimestamp"] = "never".into(),
                "verifyTimestamp",
            ),
            (|v| v["trustPolicies"][0]["trustStores"] = serde_json::json!([]), "trustStores is empty"),
            (|v| v["trustPolicies"][0]["trustStores"] = serde_json::json!(["acme"]), "`ca:`"),
            (|v| v["trustPolicies"][0]["trustStores"] = serde_json::json!(["ca:../x"]), "`ca:`"),
            (
                |v| v["trustPolicies"][0]["trustedIdentities"] = serde_json::json!([]),
                "trustedIdentities is empty",
            ),
            (
                |v| {
                    v["trustPolicies"][0]["trustedIdentities"] =
                        serde_json::json!(["*", "x509.subject: C=US, ST=WA, O=a"]);
                },
                "among other",
            ),
            (
                |v| v["trustPolicies"][0]["trustedIdentities"] = serde_json::json!(["C=US, ST=WA, O=a"]),
                "x509.subject",
            ),
            (
                |v| {
                    v["trustPolicies"][0]["trustedIdentities"] =
                        serde_json::json!(["x509.subject: C=US, O=a"]);
                },
                "no ST",
            ),
            (
                |v| {
                    v["trustPolicies"][0]["trustedIdentities"] =
                        serde_json::json!(["x509.subject: C=US, C=US, ST=WA, O=a"]);
                },
                "twice",
            ),
            (
                |v| {
                    v["trustPolicies"][0]["trustedIdentities"] =
                        serde_json::json!(["x509.subject: C=US+O=a, ST=WA"]);
                },
                "`+`",
            ),
            (
                |v| {
                    v["trustPolicies"][0]["trustedIdentities"] = serde_json::json!([
                        "x509.subject: C=US, ST=WA, O=a",
                        "x509.subject: C=US, ST=WA, O=a, OU=b"
                    ]);
                },
                "overlaps",
            ),
        ];
        for (change, said) in cases {
            let text = policy(change);
            let error = parse(&text).expect_err(&text);
            assert!(error.contains(said) && error.contains("trustpolicy.json"), "{said}: {error}");
        }
        // Skipping is allowed where it names its repositories and nothing else.
        let skip = policy(|value| {
            value["trustPolicies"][0] = serde_json::json!({ "name": "old", "registryScopes": ["a.test/old"], "signatureVerification": { "level": "skip" } });
        });
        let skip = parse(&skip).expect("a policy");
        let statement = skip.about("a.test/old").expect("a policy");
        let signer =
            skip.signer(statement, &TrustStore::default(), &Arc::default()).expect("nothing is missing");
        assert!(signer.is_none());
        let error =
            skip.signer(skip.about("a.test/b").expect("all"), &TrustStore::default(), &Arc::default());
        assert!(error.expect_err("a store is missing").to_string().contains("ca:acme"));
    }

    #[test]
    fn distinguished_names_with_escapes() {
        let read = |text: &str| distinguished(text).map(|all| all.into_iter().collect::<Vec<_>>());
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            read(r" C=US , s=WA, O=acme\, inc.\ , CN=a\\b\3bc"),
            Ok(vec![pair("C", "US"), pair("CN", r"a\b;c"), pair("O", "acme, inc. "), pair("ST", "WA")])
        );
        for bad in ["", "C", "C=", "=US", r"C=US\", r"C=\c", r"C=\ff"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
