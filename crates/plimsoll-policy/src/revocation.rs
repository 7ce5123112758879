//! Revocations: what must not run any more, whatever any policy says of it; and keys and identities whose signatures no
//! longer count.

use plimsoll_model::purl::{Purl, to_package};
use plimsoll_model::version::compare;
use plimsoll_model::{Digest, Report};
use serde::Deserialize;

use crate::document::pattern;
use crate::facts::{Facts, Maker};
use crate::identity::Pattern;
use crate::provenance::Provenance;
use crate::requirement::Need;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Spec {
    reason: String,
    digest: Option<String>,
    layer: Option<String>,
    package: Option<PackageSpec>,
    key: Option<String>,
    identity: Option<String>,
    builder: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PackageSpec {
    /// Package URL without version.
    purl: String,
    /// First bad version; not given: the first of all.
    #[serde(default)]
    from: Option<String>,
    /// Last bad version; not given: all later ones.
    #[serde(default)]
    to: Option<String>,
}

/// A revocation.
#[derive(Clone, Debug)]
pub struct Revocation {
    name: String,
    reason: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Digest(Digest),
    Layer(Digest),
    Package { purl: Box<Purl>, from: Option<String>, to: Option<String> },
    Key(String),
    Identity(Pattern),
    Builder(Pattern),
}

impl Revocation {
    pub(crate) fn new(name: String, spec: Spec) -> Result<Self, String> {
        let named = |detail: String| format!("revocation `{}`: {detail}", plimsoll_model::shortened(&name));
        if spec.reason.trim().is_empty() {
            return Err(named("`reason` must say something".into()));
        }
        let digest = |text: &String| Digest::parse(text).map_err(|error| named(format!("`{text}`: {error}")));
        let mut all = Vec::new();
        if let Some(text) = &spec.digest {
            all.push(What::Digest(digest(text)?));
        }
        if let Some(text) = &spec.layer {
            all.push(What::Layer(digest(text)?));
        }
        if let Some(package) = spec.package {
            let purl =
                Purl::parse(&package.purl).map_err(|error| named(format!("`{}`: {error}", package.purl)))?;
            if purl.version().is_some() {
                return Err(named("`package.purl` has a version; give it as `from` and `to`".into()));
            }
            if to_package(&purl).is_none() {
                return Err(named(format!("`{}` is of no kind of package that we know", package.purl)));
            }
            all.push(What::Package { purl: Box::new(purl), from: package.from, to: package.to });
        }
        if let Some(key) = spec.key {
            if key.len() != 64 || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(named("`key` is the SHA-256 of a public key, 64 hexadecimal digits".into()));
            }
            all.push(What::Key(key.to_ascii_lowercase()));
        }
        if let Some(text) = spec.identity {
            all.push(What::Identity(pattern(&text).map_err(named)?));
        }
        if let Some(text) = spec.builder {
            all.push(What::Builder(pattern(&text).map_err(named)?));
        }
        match <[What; 1]>::try_from(all) {
            Ok([what]) => Ok(Revocation { name, reason: spec.reason, what }),
            Err(all) => Err(named(format!(
                "it must name exactly one of digest, layer, package, key, identity, builder, not {}",
                all.len()
            ))),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn need(&self) -> Option<Need> {
        Some(match &self.what {
            What::Digest(_) => Need::Digest,
            What::Layer(_) => Need::Image,
            What::Package { .. } => Need::Scan,
            What::Builder(_) => Need::Evidence,
            // They matter only where evidence is looked at anyway.
            What::Key(_) | What::Identity(_) => return None,
        })
    }

    /// Whether the image is hit: `Ok(Some(why))`, or what is missing to tell.
    pub(crate) fn hits(&self, facts: &Facts<'_>) -> Result<Option<String>, String> {
        let missing =
            |what: &str, reason: &str| format!("{what}, for the revocation `{}`: {reason}", self.name);
        let hit = match &self.what {
            What::Digest(digest) => {
                let own = facts.digest.seen().map_err(|reason| missing("the digest", reason))?;
                own == digest
            }
            What::Layer(layer) => {
                let layers = facts.layers.seen().map_err(|reason| missing("the layers", reason))?;
                layers.contains(layer)
            }
            What::Package { purl, from, to } => {
                let report = facts.report.seen().map_err(|reason| missing("a scan", reason))?;
                if facts.without_packages {
                    return Err(missing("the packages", "they were not kept"));
                }
                return self.hits_package(report, purl, from.as_deref(), to.as_deref());
            }
            // Their signatures do not count: see `disowns`.
            What::Key(_) | What::Identity(_) => false,
            What::Builder(pattern) => {
                let evidence = facts.evidence.seen().map_err(|reason| missing("provenance", reason))?;
                evidence.iter().filter_map(|one| one.statement.as_ref()).any(|stated| {
                    Provenance::read(&stated.predicate_type, &stated.predicate)
                        .is_ok_and(|provenance| pattern.matches(&provenance.builder))
                })
            }
        };
        Ok(hit.then(|| format!("revoked by `{}`: {}", self.name, self.reason)))
    }

    /// Whether signatures of this maker no longer count.
    pub(crate) fn disowns(&self, maker: &Maker) -> bool {
        match (&self.what, maker) {
            (What::Key(revoked), Maker::Key(own) | Maker::Notation { key: own, .. }) => revoked == own,
            (What::Identity(pattern), Maker::Notation { subject, .. }) => pattern.matches(subject),
            (What::Identity(pattern), Maker::Certificate { certificate, .. }) => {
                certificate.subject.as_ref().is_some_and(|subject| pattern.matches(subject))
            }
            _ => false,
        }
    }

    fn hits_package(
        &self,
        report: &Report,
        purl: &Purl,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Option<String>, String> {
        use std::cmp::Ordering::{Greater, Less};
        let mut unread = None;
        for package in &report.packages {
            let Ok(own) = Purl::parse_lenient(&package.purl) else { continue };
            let same =
                own.kind() == purl.kind() && own.namespace() == purl.namespace() && own.name() == purl.name();
            if !same {
                continue;
            }
            let scheme = package.ecosystem.scheme();
            let before = from.map(|from| compare(scheme, &package.version, from)).transpose();
            let after = to.map(|to| compare(scheme, &package.version, to)).transpose();
            match (before, after) {
                (Ok(before), Ok(after)) => {
                    if before != Some(Less) && after != Some(Greater) {
                        return Ok(Some(format!(
                            "revoked by `{}`: {} ({})",
                            self.name, self.reason, package.purl
                        )));
                    }
                }
                // A version that cannot be read is neither inside nor outside.
                _ => {
                    unread =
                        Some(format!("the order of {} for the revocation `{}`", package.purl, self.name));
                }
            }
        }
        unread.map_or(Ok(None), Err)
    }
}
