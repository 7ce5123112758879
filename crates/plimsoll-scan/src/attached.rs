//! Documents that are attached to an image in its registry, whatever they are: where to look for them, and who signed them.

use std::collections::BTreeSet;

use plimsoll_advisory::vex::Assertion;
use plimsoll_model::vex::VexSignature;
use plimsoll_model::{Digest, Target as TargetFacts, Via, one_line};
use plimsoll_oci::{Manifest, Reference, Registries, Repository};
use plimsoll_trust::{
    By, Checked, Discovery, Evidence, Layout, Outcome, Signer, Target, Trust, What, discover,
};

/// Documents without a signature of their own whose own referrers are asked for one.
pub(crate) const SIGNATURES_ASKED: usize = 20;

/// Which of the documents that are attached to an image count.
#[derive(Debug)]
pub struct AttachedDocuments {
    /// Whose signatures count.
    pub trust: Trust,
    /// Those that nobody signed count too, and those of signers whom nobody named.
    pub unsigned: bool,
    /// Now, in seconds since 1970: certificates are judged by it.
    pub now: i64,
}

impl AttachedDocuments {
    /// Whether a document with this signature is used.
    pub(crate) fn uses(&self, signature: &VexSignature) -> bool {
        match signature {
            VexSignature::Trusted { .. } => true,
            VexSignature::Unsigned | VexSignature::Untrusted { .. } => self.unsigned,
            VexSignature::Invalid { .. } | VexSignature::NotAsked => false,
        }
    }
}

/// What gathers the attached documents of one kind.
pub(crate) trait Gathering {
    /// One of them, in words. Several have an `s` behind it.
    const DOCUMENT: &'static str;

    /// Evidence about a digest that may hold one.
    fn discover(repository: &Repository, name: &str, digest: &Digest) -> Discovery;

    /// What an index holds about one of its images and may be one.
    fn discover_within(repository: &Repository, name: &str, index: &Manifest, image: &Digest) -> Discovery;

    /// Reads one piece of evidence, if it holds a document.
    fn take(&mut self, evidence: &Evidence, registries: &Registries, reference: &Reference);

    fn note(&mut self, subject: &str, detail: &str);

    /// Whether there is neither a document nor a note.
    fn is_empty(&self) -> bool;

    /// Documents that could not be looked for.
    fn unseen(&mut self, name: &str, why: &str) {
        self.note(name, &format!("{}s attached to the image may be missing: {why}", Self::DOCUMENT));
    }
}

/// Takes every document that is attached to the target, once.
pub(crate) fn gather<G: Gathering>(gathering: &mut G, facts: &TargetFacts, registries: Option<&Registries>) {
    let document = G::DOCUMENT;
    let Some(registries) = registries else {
        let detail = format!("{document}s attached to it were not looked for: registries are not asked");
        gathering.note(&facts.name, &detail);
        return;
    };
    let (places, unknown) = places(facts, registries);
    for Unknown { name, why, all } in unknown {
        if all { gathering.unseen(&name, &why) } else { gathering.note(&name, &why) }
    }
    if places.is_empty() && gathering.is_empty() {
        let detail =
            format!("{document}s attached to it were not looked for: no registry is known to have it");
        gathering.note(&facts.name, &detail);
    }
    let mut seen = BTreeSet::new();
    for Place { reference, digests, index } in &places {
        let name = reference.name().to_string();
        let repository = match registries.repository(reference.name()) {
            Ok(repository) => repository,
            Err(error) => {
                gathering.unseen(&name, &one_line(&error));
                continue;
            }
        };
        let within = match (index, &facts.digest) {
            (Some(index), Some(image)) => Some(G::discover_within(&repository, &name, index, image)),
            _ => None,
        };
        let about = digests.iter().map(|digest| G::discover(&repository, &name, digest));
        for found in about.chain(within) {
            for problem in found.problems {
                gathering.unseen(&name, &problem);
            }
            for evidence in &found.evidence {
                // The same document may hang on the index and on the manifest.
                if seen.insert(Assertion::digest_of(&evidence.bytes)) {
                    gathering.take(evidence, registries, reference);
                }
            }
        }
    }
    if gathering.is_empty() {
        gathering.note(&facts.name, &format!("no {document} is attached to it"));
    }
}

/// Where a piece of evidence stands, for people.
pub(crate) fn name_of(evidence: &Evidence) -> String {
    match &evidence.place.manifest {
        Some(digest) => format!("{}@{digest}", evidence.place.repository),
        None => evidence.place.repository.clone(),
    }
}

/// A repository and the digests that the image has there: of its manifest, and of the index that leads to it.
struct Place {
    reference: Reference,
    digests: Vec<Digest>,
    /// The index that leads to the image.
    index: Option<Manifest>,
}

/// Something about a place that could not be told.
struct Unknown {
    name: String,
    why: String,
    /// Nothing that is attached there was seen.
    all: bool,
}

/// Where the image stands in registries, and what of that could not be told.
fn places(facts: &TargetFacts, registries: &Registries) -> (Vec<Place>, Vec<Unknown>) {
    let Some(origin) = &facts.origin else { return (Vec::new(), Vec::new()) };
    let mut unknown = Vec::new();
    let names: Vec<String> = match origin.via {
        Via::Registry => vec![facts.name.clone()],
        _ => origin.digests.clone(),
    };
    let mut places = Vec::new();
    for name in names {
        let bare = ["registry:", "docker://"].iter().find_map(|prefix| name.strip_prefix(prefix));
        // What a daemon remembers may be no name of a registry.
        let Ok(reference) = Reference::parse(bare.unwrap_or(&name)) else { continue };
        // The same image that the scan read: a short name stands for what the user's files say.
        let reference = match registries.meant(&reference) {
            Ok(reference) => reference,
            Err(error) => {
                unknown.push(Unknown { name, why: one_line(&error), all: true });
                continue;
            }
        };
        let mut digests: Vec<Digest> = facts.digest.iter().cloned().collect();
        let mut index = None;
        let manifest = registries
            .repository(reference.name())
            .and_then(|repository| repository.manifest(&reference.selector()));
        match manifest {
            Ok(manifest) if leads_to(&manifest, facts.digest.as_ref()) => {
                if !digests.contains(&manifest.digest) {
                    digests.push(manifest.digest.clone());
                    index = Some(manifest);
                }
            }
            Ok(_) => {
                let why = "the name stands for another image by now: only documents attached to the one that was read are used";
                unknown.push(Unknown { name, why: why.to_owned(), all: false });
            }
            Err(error) => unknown.push(Unknown { name, why: one_line(&error), all: true }),
        }
        places.push(Place { reference, digests, index });
    }
    (places, unknown)
}

/// Is it the manifest of the image, or an index that names it? Where the image's own digest is not known (a daemon does
/// not say it), the digest in the name is all there is.
fn leads_to(manifest: &Manifest, image: Option<&Digest>) -> bool {
    #[derive(serde::Deserialize)]
    struct Index {
        #[serde(default)]
        manifests: Vec<Entry>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        digest: Digest,
    }
    let Some(image) = image else { return true };
    manifest.digest == *image
        || serde_json::from_slice::<Index>(&manifest.bytes)
            .is_ok_and(|index| index.manifests.iter().any(|entry| entry.digest == *image))
}

/// A document may be signed like an image: by what refers to its own manifest, or to the index that names that.
pub(crate) fn signed_apart(
    evidence: &Evidence,
    trust: &Trust,
    now: i64,
    registries: &Registries,
    reference: &Reference,
) -> Option<Checked> {
    let digest = evidence.place.manifest.as_ref()?;
    if trust.signers.is_empty() {
        return None;
    }
    let repository = registries.repository(reference.name()).ok()?;
    let mut signed = vec![digest];
    if evidence.place.layout == Layout::Index {
        signed.push(&evidence.subject);
    }
    let mut signatures = Vec::new();
    for digest in signed {
        let found = discover(&repository, &evidence.place.repository, digest);
        let target = Target { digest, manifest: None, now };
        let checked = found.evidence.iter().map(|one| trust.check(one, target));
        // An attestation about the document says something else than that it is theirs.
        signatures.extend(checked.filter(|checked| checked.what == What::Signature));
    }
    signatures.into_iter().min_by_key(|checked| match checked.outcome {
        Outcome::Trusted { .. } => 0,
        Outcome::Untrusted { .. } => 1,
        Outcome::Invalid { .. } => 2,
        Outcome::Unreadable { .. } | Outcome::Unsigned => 3,
    })
}

/// Who signed, in words.
pub(crate) fn signature(checked: &Checked, signers: &[Signer]) -> VexSignature {
    match &checked.outcome {
        Outcome::Trusted { signers: names } => {
            let by = names.iter().map(|name| {
                let by = signers.iter().find(|signer| signer.name == *name).map(|signer| &signer.by);
                match (by, &checked.certificate, &checked.key) {
                    (Some(By::Identity { .. }), Some(certificate), _) => format!(
                        "{} ({})",
                        certificate.subject.as_deref().unwrap_or(name),
                        certificate.issuer.as_deref().unwrap_or("no issuer")
                    ),
                    (_, _, Some(key)) => format!("{name} (key {key})"),
                    _ => name.clone(),
                }
            });
            VexSignature::Trusted { by: by.collect() }
        }
        // A separate signature that cannot be judged is no signature of anybody's.
        Outcome::Untrusted { reason } | Outcome::Unreadable { reason } => {
            VexSignature::Untrusted { reason: reason.clone() }
        }
        Outcome::Invalid { reason } => VexSignature::Invalid { reason: reason.clone() },
        Outcome::Unsigned => VexSignature::Unsigned,
    }
}
