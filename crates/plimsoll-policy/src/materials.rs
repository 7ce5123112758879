//! `builtFrom`: the images that went into a build, as verified provenance names them.
//!
//! SLSA provenance lists what a build took in: `materials` (v0.2), `resolvedDependencies` (v1). BuildKit and others name images there as
//! package URLs (`pkg:docker/debian@12?platform=...`, package-url's types `docker` and `oci`) or as addresses (`docker-image://`,
//! `oci://`). What a provenance leaves out nobody sees: one that names no image decides nothing.

use std::collections::BTreeSet;

use crate::decide::{Answer, Context};
use crate::facts::{Facts, Known};
use crate::identity::Pattern;
use crate::provenance::Provenance;
use crate::requirement::is;

/// Which images may go into a build, and whose word counts.
#[derive(Clone, Debug)]
pub(crate) struct BuiltFrom {
    pub(crate) signers: Vec<String>,
    /// Repositories: `docker.io/library/debian`.
    pub(crate) images: Vec<Pattern>,
}

impl BuiltFrom {
    /// Met where provenance of such a signer names images, and all of them fit. Of several provenances each counts: one that names
    /// another image is not outweighed by one that leaves it out.
    pub(crate) fn answer(&self, facts: &Facts<'_>, context: &Context<'_>) -> Answer {
        let evidence = match &facts.evidence {
            Known::Seen(evidence) => evidence,
            Known::Missing(reason) => return Answer::unknown(format!("provenance: {reason}")),
        };
        let (mut known, mut wrong, mut silent, mut others) = (BTreeSet::new(), BTreeSet::new(), false, false);
        for one in evidence.iter() {
            let Some(stated) = &one.statement else { continue };
            let Ok(provenance) = Provenance::read(&stated.predicate_type, &stated.predicate) else { continue };
            let signed = |name: &String| is(&one.maker, one.logged, &context.policy.signers[name], context.keys);
            if !self.signers.iter().any(signed) {
                others = true;
                continue;
            }
            let before = known.len() + wrong.len();
            for uri in provenance.bases() {
                match repository(uri) {
                    Some(name) if self.images.iter().any(|pattern| pattern.matches(&name)) => known.insert(name),
                    Some(name) => wrong.insert(name),
                    None => wrong.insert(plimsoll_model::shortened(uri)),
                };
            }
            silent |= known.len() + wrong.len() == before && provenance.bases().next().is_none();
        }
        if !wrong.is_empty() {
            let reasons = wrong.into_iter().map(|name| format!("built from {name}, which is none of the images that may go in"));
            return Answer::NotMet { reasons: reasons.collect() };
        }
        if !facts.unread_evidence.is_empty() {
            return Answer::Unknown { missing: facts.unread_evidence.to_vec() };
        }
        if silent {
            return Answer::unknown("which images went into the build: provenance names none");
        }
        if known.is_empty() {
            return Answer::not_met(if others {
                "there is provenance, but by nobody who counts"
            } else {
                "there is no provenance that could be verified"
            });
        }
        Answer::met(format!("built from {}", known.into_iter().collect::<Vec<_>>().join(", ")))
    }
}

/// The repository of an image that provenance names, with its registry: `docker.io/library/debian`. `None` where it cannot be told.
fn repository(uri: &str) -> Option<String> {
    let name = if let Some(rest) = uri.strip_prefix("docker-image://").or_else(|| uri.strip_prefix("oci://")) {
        bare(rest).to_owned()
    } else if let Some(rest) = uri.strip_prefix("pkg:docker/") {
        let (name, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        qualified(&decoded(name.split('@').next()?)?, qualifiers)?
    } else {
        let rest = uri.strip_prefix("pkg:oci/")?;
        let (_, qualifiers) = rest.split_once('?')?;
        // The name alone says nothing of where it is.
        bare(&qualifier(qualifiers, "repository_url")?).to_owned()
    };
    let name = name.trim_matches('/').to_lowercase();
    let (first, rest) = name.split_once('/').unwrap_or(("", &name));
    let is_host = first.contains(['.', ':']) || first == "localhost";
    let whole = match (is_host, first) {
        (true, "index.docker.io" | "registry-1.docker.io" | "docker.io") if !rest.contains('/') => {
            format!("docker.io/library/{rest}")
        }
        (true, "index.docker.io" | "registry-1.docker.io") => format!("docker.io/{rest}"),
        (true, _) => name.clone(),
        (false, "") => format!("docker.io/library/{name}"),
        (false, _) => format!("docker.io/{name}"),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b':');
    (!rest.is_empty() && whole.bytes().all(plain) && !whole.contains("//")).then_some(whole)
}

/// A name with the registry that a qualifier tells.
fn qualified(name: &str, qualifiers: &str) -> Option<String> {
    if !qualifiers.contains("repository_url=") {
        return Some(name.to_owned());
    }
    let at = qualifier(qualifiers, "repository_url")?;
    let at = bare(&at);
    // Some write the registry there, some the whole repository.
    Some(if at.contains('/') { at.to_owned() } else { format!("{at}/{name}") })
}

fn qualifier(qualifiers: &str, wanted: &str) -> Option<String> {
    let qualifiers = qualifiers.split('#').next()?;
    let mut all = qualifiers.split('&').filter_map(|one| one.split_once('='));
    let (_, value) = all.find(|(name, _)| *name == wanted)?;
    decoded(value).filter(|value| !value.is_empty())
}

/// Without scheme, tag and digest.
fn bare(reference: &str) -> &str {
    let plain = reference.trim_start_matches("https://").trim_start_matches("http://");
    let plain = plain.split('@').next().unwrap_or(plain);
    match plain.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') && name.contains('/') => name,
        Some((name, tag)) if !tag.contains('/') && !tag.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => plain,
    }
}

/// Percent-encoding undone; `None` where it is broken.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_of_materials() {
        for (uri, expected) in [
            ("pkg:docker/debian@12?platform=linux%2Famd64", Some("docker.io/library/debian")),
            ("pkg:docker/docker/dockerfile@1", Some("docker.io/docker/dockerfile")),
            ("pkg:docker/ghcr.io/acme/base@v1?digest=sha256:aa", Some("ghcr.io/acme/base")),
            ("pkg:docker/ghcr.io%2Facme%2Fbase@v1", Some("ghcr.io/acme/base")),
            ("pkg:docker/base@v1?repository_url=ghcr.io/acme/base", Some("ghcr.io/acme/base")),
            ("pkg:docker/acme/base@v1?repository_url=https%3A%2F%2Fghcr.io", Some("ghcr.io/acme/base")),
            ("pkg:oci/debian@sha256%3Aaa?repository_url=docker.io/library/debian", Some("docker.io/library/debian")),
            ("pkg:oci/debian@sha256%3Aaa", None),
            ("docker-image://docker.io/library/alpine:3.20@sha256:aa", Some("docker.io/library/alpine")),
            ("docker-image://localhost:5000/a/b", Some("localhost:5000/a/b")),
            ("oci://index.docker.io/alpine:3", Some("docker.io/library/alpine")),
            ("oci://ghcr.io/acme/base", Some("ghcr.io/acme/base")),
            ("pkg:docker/%zz", None),
            ("pkg:docker/", None),
            ("git+https://github.com/a/b", None),
        ] {
            assert_eq!(repository(uri).as_deref(), expected, "{uri}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written(uri in "(pkg:docker/|pkg:oci/|oci://)?[a-z%@:/?=&#0-9.]{0,40}") {
            let _ = repository(&uri);
        }
    }
}
