//! `builtFrom`: the images that went into a build, as verified provenance names them.
//!
//! SLSA provenance lists what a build took in: `materials` (v0.2), `resolvedDependencies` (v1). BuildKit and others name images there as
//! package URLs (`pkg:docker/debian@12?platform=...`, package-url's types `docker` and `oci`) or as addresses (`docker-image://`,
//! `oci://`). What a provenance leaves out nobody sees: one that names no image decides nothing, and neither does one with entries of
//! which it cannot be told what they are.

use std::collections::BTreeSet;
use std::fmt;

use plimsoll_model::{Digest, shortened};

use crate::decide::{Answer, Context};
use crate::document::pattern;
use crate::facts::{Facts, Known};
use crate::identity::Pattern;
use crate::provenance::{Material, Provenance, V0_2, V1};
use crate::requirement::is;

/// Which images may go into a build, and whose word counts.
#[derive(Clone, Debug)]
pub(crate) struct BuiltFrom {
    pub(crate) signers: Vec<String>,
    pub(crate) images: Vec<Input>,
}

/// An image that may go in.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// Its repository: `docker.io/library/debian`.
    repository: Pattern,
    /// Not given: any of that repository.
    digest: Option<Digest>,
}

impl Input {
    /// A pattern of a repository, with `@sha256:...` behind it or without.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, digest) = match text.rsplit_once('@') {
            // A regular expression ends with a slash.
            Some((name, digest)) if !text.ends_with('/') => {
                let digest = Digest::parse(digest)
                    .map_err(|error| format!("builtFrom.images: `{}`: {error}", shortened(text)))?;
                (name, Some(digest))
            }
            _ => (text, None),
        };
        if name.is_empty() {
            return Err("builtFrom.images: an entry has no repository".into());
        }
        Ok(Input { repository: pattern(name)?, digest })
    }
}

impl fmt::Display for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.digest {
            Some(digest) => write!(formatter, "{}@{digest}", self.repository),
            None => self.repository.fmt(formatter),
        }
    }
}

/// How a material stands to the images that may go in.
enum Stands {
    /// It is no image.
    Elsewhere,
    /// It may, by this name.
    May(String),
    /// It may not.
    MayNot(String),
    /// What it is cannot be told, for this reason.
    Untold(String),
}

impl BuiltFrom {
    /// Whether a statement of this kind is looked at.
    pub(crate) fn looks_at(predicate_type: &str) -> bool {
        [V0_2, V1].contains(&predicate_type)
    }

    /// Met where provenance of such a signer names images, and all of them fit. Of several provenances each counts: one that names
    /// another image is not outweighed by one that leaves it out.
    pub(crate) fn answer(&self, facts: &Facts<'_>, context: &Context<'_>) -> Answer {
        let evidence = match &facts.evidence {
            Known::Seen(evidence) => evidence,
            Known::Missing(reason) => return Answer::unknown(format!("provenance: {reason}")),
        };
        let (mut may, mut may_not, mut untold) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (mut counted, mut others) = (false, false);
        for one in evidence.iter() {
            let Some(stated) = one.statement.as_ref().filter(|stated| Self::looks_at(&stated.predicate_type))
            else {
                continue;
            };
            let signed =
                |name: &String| is(&one.maker, one.logged, &context.policy.signers[name], context.keys);
            if !self.signers.iter().any(signed) {
                others = true;
                continue;
            }
            counted = true;
            let provenance = match Provenance::read(&stated.predicate_type, &stated.predicate) {
                Ok(provenance) => provenance,
                Err(reason) => {
                    untold.insert(format!("which images went into the build: {reason}"));
                    continue;
                }
            };
            if provenance.unread > 0 {
                let count = provenance.unread;
                untold.insert(format!("what {count} of the materials are that the provenance lists"));
            }
            for material in &provenance.materials {
                match self.stands(material) {
                    Stands::Elsewhere => false,
                    Stands::May(name) => may.insert(name),
                    Stands::MayNot(name) => may_not.insert(name),
                    Stands::Untold(reason) => untold.insert(reason),
                };
            }
        }
        if !may_not.is_empty() {
            let told = may_not.into_iter();
            let reasons =
                told.map(|name| format!("built from {name}, which is none of the images that may go in"));
            return Answer::NotMet { reasons: reasons.collect() };
        }
        untold.extend(facts.unread_evidence.iter().cloned());
        if !untold.is_empty() {
            return Answer::Unknown { missing: untold.into_iter().collect() };
        }
        match (counted, others) {
            _ if !may.is_empty() => {
                context.met(|| format!("built from {}", may.into_iter().collect::<Vec<_>>().join(", ")))
            }
            (true, _) => Answer::unknown("which images went into the build: the provenance names none"),
            (false, true) => Answer::not_met("there is provenance, but by nobody who counts"),
            (false, false) => Answer::not_met("there is no provenance that could be verified"),
        }
    }

    fn stands(&self, material: &Material) -> Stands {
        let uri = material.uri.as_str();
        let name = match Kind::of(uri) {
            Kind::Other => return Stands::Elsewhere,
            Kind::Unclear => {
                return Stands::Untold(format!("what the material {} is", shortened(uri)));
            }
            Kind::Image(name) => match repository(name) {
                Some(name) => name,
                None => {
                    return Stands::Untold(format!("the repository of the material {}", shortened(uri)));
                }
            },
        };
        let mut fitting = self.images.iter().filter(|one| one.repository.matches(&name)).peekable();
        if fitting.peek().is_none() {
            return Stands::MayNot(shortened(&name));
        }
        let shown = shortened(&name);
        let digests: Vec<Option<&Digest>> = fitting.map(|one| one.digest.as_ref()).collect();
        if digests.contains(&None) {
            return Stands::May(shown);
        }
        match digests_of(material) {
            Err(()) => Stands::Untold(format!("the digest of the material {}", shortened(uri))),
            Ok(own) => match own.as_slice() {
                [] => Stands::Untold(format!(
                    "which {shown} went into the build: the provenance names no digest"
                )),
                [one] if digests.contains(&Some(one)) => Stands::May(format!("{shown}@{one}")),
                [one, ..] => Stands::MayNot(format!("{shown}@{one}")),
            },
        }
    }
}

/// What a material is, by its address.
enum Kind<'u> {
    /// An image, by a name that [`repository`] reads.
    Image(Named<'u>),
    /// Something else: sources, files, packages.
    Other,
    /// Nothing that we know.
    Unclear,
}

/// The address of an image, without what says that it is one.
#[derive(Clone, Copy)]
enum Named<'u> {
    /// `docker.io/library/debian:12@sha256:...`.
    Reference(&'u str),
    /// What stands behind `pkg:docker/`.
    Docker(&'u str),
    /// What stands behind `pkg:oci/`.
    Oci(&'u str),
}

/// Starts of addresses of images.
const IMAGES: [&str; 6] =
    ["docker-image://", "docker://", "docker-pullable://", "oci://", "oci-image://", "containers-storage://"];
/// Schemes of addresses that are of no image.
const OTHERS: [&str; 15] = [
    "git",
    "git+https",
    "git+http",
    "git+ssh",
    "git+git",
    "git+file",
    "http",
    "https",
    "ssh",
    "hg+https",
    "svn+https",
    "file",
    "local",
    "gs",
    "s3",
];

impl<'u> Kind<'u> {
    fn of(uri: &'u str) -> Self {
        // Schemes, and the types of package URLs, have no case.
        let after = |start: &str| {
            let head = uri.get(..start.len())?;
            head.eq_ignore_ascii_case(start).then(|| &uri[start.len()..])
        };
        if let Some(rest) = after("pkg:docker/") {
            return Kind::Image(Named::Docker(rest));
        }
        if let Some(rest) = after("pkg:oci/") {
            return Kind::Image(Named::Oci(rest));
        }
        if let Some(rest) = IMAGES.iter().find_map(|start| after(start)) {
            return Kind::Image(Named::Reference(rest));
        }
        // Grafeas writes images as addresses with a digest; an archive has none behind an `@`.
        if let Some(rest) = after("https://").filter(|rest| rest.contains("@sha256:")) {
            return Kind::Image(Named::Reference(rest));
        }
        if after("pkg:").is_some_and(|rest| rest.trim_start_matches('/') == rest && rest.contains('/')) {
            return Kind::Other;
        }
        match uri.split_once("://") {
            Some((scheme, _)) if OTHERS.iter().any(|other| scheme.eq_ignore_ascii_case(other)) => Kind::Other,
            // git@github.com:acme/shop.git
            None if uri.starts_with("git@") => Kind::Other,
            _ => Kind::Unclear,
        }
    }
}

/// All digests that a material has of its image, each once: as an entry, in its address; an error where one cannot be read.
fn digests_of(material: &Material) -> Result<Vec<Digest>, ()> {
    let mut all = Vec::new();
    if let Some(hex) = material.digest.get("sha256") {
        all.push(Digest::parse(&format!("sha256:{hex}")).map_err(drop)?);
    }
    let (place, qualifiers) = material.uri.split_once('?').unwrap_or((&material.uri, ""));
    let place = decoded(place).ok_or(())?;
    let told = place.rsplit_once('@').map(|(_, digest)| digest.to_owned());
    let told = told.filter(|digest| digest.starts_with("sha256:"));
    for digest in told.into_iter().chain(qualifier(qualifiers, "digest")) {
        all.push(Digest::parse(&digest).map_err(drop)?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// The repository of an image that provenance names, with its registry: `docker.io/library/debian`. `None` where it cannot be told.
fn repository(named: Named<'_>) -> Option<String> {
    let name = match named {
        Named::Reference(rest) => bare(rest).to_owned(),
        Named::Docker(rest) => {
            let (name, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
            qualified(&decoded(name.split('@').next()?)?, qualifiers)?
        }
        Named::Oci(rest) => {
            // The name alone says nothing of where it is; it repeats the end of the address.
            let (name, qualifiers) = rest.split_once('?')?;
            let at = qualifier(qualifiers, "repository_url")?;
            let at = bare(without_scheme(&at)).to_owned();
            let name = decoded(name.split('@').next()?)?;
            at.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(&name)).then_some(at)?
        }
    };
    let name = name.to_lowercase();
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
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let mut parts = whole.split('/');
    let host = parts.next()?;
    let is_name = host.bytes().all(|byte| plain(byte) || byte == b':')
        && parts.all(|part| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain));
    is_name.then_some(whole)
}

/// A name with the registry that a qualifier tells.
fn qualified(name: &str, qualifiers: &str) -> Option<String> {
    if !qualifiers.contains("repository_url") {
        return Some(name.to_owned());
    }
    let at = qualifier(qualifiers, "repository_url")?;
    let at = without_scheme(&at).trim_end_matches('/');
    // Some write the registry there, some the whole repository.
    if !at.contains('/') {
        return Some(format!("{at}/{name}"));
    }
    let at = bare(at);
    (at.ends_with(name) && at.strip_suffix(name).is_some_and(|before| before.ends_with('/')))
        .then(|| at.to_owned())
}

fn qualifier(qualifiers: &str, wanted: &str) -> Option<String> {
    let qualifiers = qualifiers.split('#').next()?;
    let mut all = qualifiers.split('&').filter_map(|one| one.split_once('='));
    let (_, value) = all.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    decoded(value).filter(|value| !value.is_empty())
}

fn without_scheme(text: &str) -> &str {
    text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text)
}

/// A reference without tag and digest.
fn bare(reference: &str) -> &str {
    let plain = reference.split(['@', '?', '#']).next().unwrap_or(reference);
    match plain.rsplit_once(':') {
        // What stands behind the colon of a registry's port has a slash.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => plain,
    }
}

/// Percent-encoding undone; `None` where it is broken.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
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

    fn told(uri: &str) -> Option<String> {
        match Kind::of(uri) {
            Kind::Image(named) => repository(named),
            Kind::Other => Some("other".into()),
            Kind::Unclear => Some("unclear".into()),
        }
    }

    #[test]
    fn repositories_of_materials() {
        for (uri, expected) in [
            ("pkg:docker/debian@12?platform=linux%2Famd64", Some("docker.io/library/debian")),
            ("PKG:Docker/debian@12", Some("docker.io/library/debian")),
            ("pkg:docker/docker/dockerfile@1", Some("docker.io/docker/dockerfile")),
            ("pkg:docker/ghcr.io/acme/base@v1?digest=sha256:aa", Some("ghcr.io/acme/base")),
            ("pkg:docker/ghcr.io%2Facme%2Fbase@v1", Some("ghcr.io/acme/base")),
            ("pkg:docker/base@v1?repository_url=ghcr.io/acme/base", Some("ghcr.io/acme/base")),
            ("pkg:docker/acme/base@v1?repository_url=https%3A%2F%2Fghcr.io", Some("ghcr.io/acme/base")),
            ("pkg:docker/acme/base@v1?repository_url=localhost:5000", Some("localhost:5000/acme/base")),
            ("pkg:docker/base@v1?repository_url=ghcr.io/acme/other", None),
            ("pkg:docker/base@v1?repository_url=ghcr.io/evilbase", None),
            ("pkg:docker/base@v1?repository_url=", None),
            (
                "pkg:oci/debian@sha256%3Aaa?repository_url=docker.io/library/debian",
                Some("docker.io/library/debian"),
            ),
            ("pkg:oci/debian@sha256%3Aaa?repository_url=docker.io/library/alpine", None),
            ("pkg:oci/debian@sha256%3Aaa", None),
            ("docker-image://docker.io/library/alpine:3.20@sha256:aa", Some("docker.io/library/alpine")),
            ("docker-image://debian:12", Some("docker.io/library/debian")),
            ("docker-image://localhost:5000/a/b", Some("localhost:5000/a/b")),
            ("docker-image://localhost:5000/a/b:1", Some("localhost:5000/a/b")),
            ("oci://index.docker.io/alpine:3", Some("docker.io/library/alpine")),
            ("oci://ghcr.io/acme/base", Some("ghcr.io/acme/base")),
            ("oci://ghcr.io/acme/../evil", None),
            ("https://gcr.io/acme/base@sha256:aa", Some("gcr.io/acme/base")),
            ("pkg:docker/%zz", None),
            ("pkg:docker/%+1", None),
            ("pkg:docker/", None),
            ("git+https://github.com/a/b", Some("other")),
            ("https://github.com/a/b", Some("other")),
            ("git@github.com:a/b.git", Some("other")),
            ("pkg:npm/left-pad@1.0.0", Some("other")),
            ("gcr.io/acme/base@sha256:aa", Some("unclear")),
            ("ftp://a/b", Some("unclear")),
        ] {
            assert_eq!(told(uri).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn digests_of_materials() {
        let (one, two) = ("11".repeat(32), "22".repeat(32));
        let of = |uri: String, own: Option<&str>| {
            let digest = own.map(|hex| ("sha256".to_owned(), hex.to_owned())).into_iter().collect();
            digests_of(&Material { uri, digest }).map(|all| all.len())
        };
        assert_eq!(of("pkg:docker/debian@12".into(), None), Ok(0));
        assert_eq!(of("pkg:docker/debian@12".into(), Some(&one)), Ok(1));
        assert_eq!(of(format!("pkg:docker/debian@sha256%3A{one}"), Some(&one)), Ok(1));
        assert_eq!(of(format!("pkg:docker/debian@12?digest=sha256:{two}"), Some(&one)), Ok(2));
        assert_eq!(of(format!("oci://debian@sha256:{two}"), None), Ok(1));
        assert_eq!(of("oci://debian@sha256:xx".into(), None), Err(()));
        assert_eq!(of("oci://debian".into(), Some("xx")), Err(()));
    }

    #[test]
    fn entries_are_shown_as_given() {
        let whole = format!("docker.io/library/debian@sha256:{}", "11".repeat(32));
        for text in ["ghcr.io/acme/**", "docker.io/library/debian", "/ghcr[.]io/(a|b)/x/", &whole] {
            assert_eq!(Input::parse(text).expect(text).to_string(), text);
        }
        for text in ["debian@12", "@sha256:aa", "", "/(/"] {
            assert!(Input::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written(uri in "(pkg:docker/|pkg:oci/|oci://|https://)?[a-zé%@:/?=&#0-9.]{0,40}") {
            let _ = told(&uri);
            let _ = digests_of(&Material { uri, digest: std::collections::BTreeMap::new() });
        }
    }
}
