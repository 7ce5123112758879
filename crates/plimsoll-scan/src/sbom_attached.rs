//! SBOMs that are attached to an image in its registry: referrers, attestations of cosign and sigstore, the tag `.sbom`,
//! and what BuildKit keeps in the image's own index.
//!
//! The layers are read all the same. An SBOM that somebody signed whom the user named adds what only it lists: libraries
//! that were compiled in, files whose names say nothing. It never takes a package away, so that a wrong one can hide
//! nothing; and each says in a note how far it agrees with the layers.

use std::collections::{BTreeSet, HashSet};

use plimsoll_advisory::vex::Assertion;
use plimsoll_format::sbom;
use plimsoll_model::vex::VexSignature;
use plimsoll_model::{
    Ecosystem, Inventory, Package, Problem, ProblemKind, Target as TargetFacts, one_line, shortened,
};
use plimsoll_oci::{Reference, Registries};
use plimsoll_trust::{
    Evidence, Format, Layout, Outcome, Statement, Target, Trust, What, discover_sbom, discover_sbom_within,
    is_sbom_predicate,
};

use crate::assemble;
use crate::attached::{self, Place, SIGNATURES_ASKED, Unknown};

/// Notes about documents; the rest is one more note.
const NOTES: usize = 20;
/// The property of a package that only an SBOM lists: which one.
const LISTED_BY: &str = "listed-by";

/// Which of the attached documents count.
#[derive(Debug)]
pub struct AttachedSbom {
    /// Whose signatures count.
    pub trust: Trust,
    /// Those that nobody signed count too, and those of signers whom nobody named.
    pub unsigned: bool,
    /// Now, in seconds since 1970: certificates are judged by it.
    pub now: i64,
}

/// Adds what attached SBOMs list and the layers do not show.
pub(crate) fn add(
    facts: &mut TargetFacts,
    inventory: &mut Inventory,
    wanted: &AttachedSbom,
    registries: Option<&Registries>,
) {
    let mut adding = Adding { facts, inventory, notes: Vec::new(), found: 0 };
    match registries {
        Some(registries) => adding.look(wanted, registries),
        None => {
            adding.note_of_target("SBOMs attached to it were not looked for: registries are not asked");
        }
    }
    let Adding { inventory, mut notes, .. } = adding;
    let left = notes.len().saturating_sub(NOTES);
    if left > 0 {
        notes.truncate(NOTES);
        let detail = format!("{left} more notes about SBOMs attached to it");
        notes.push(Problem::note(ProblemKind::Unsupported, "attached SBOMs", detail));
    }
    inventory.problems.append(&mut notes);
    inventory.problems.sort();
    inventory.problems.dedup();
}

struct Adding<'a> {
    facts: &'a mut TargetFacts,
    inventory: &'a mut Inventory,
    notes: Vec<Problem>,
    /// Documents so far.
    found: usize,
}

impl Adding<'_> {
    fn look(&mut self, wanted: &AttachedSbom, registries: &Registries) {
        let (places, unknown) = attached::places(self.facts, registries);
        for Unknown { name, why, all } in unknown {
            if all { self.unseen(&name, &why) } else { self.note(&name, &why) }
        }
        if places.is_empty() && self.notes.is_empty() {
            self.note_of_target("SBOMs attached to it were not looked for: no registry is known to have it");
            return;
        }
        let mut seen = BTreeSet::new();
        for Place { reference, digests, index } in &places {
            let name = reference.name().to_string();
            let repository = match registries.repository(reference.name()) {
                Ok(repository) => repository,
                Err(error) => {
                    self.unseen(&name, &one_line(&error));
                    continue;
                }
            };
            let within = match (index, &self.facts.digest) {
                (Some(index), Some(image)) => Some(discover_sbom_within(&repository, &name, index, image)),
                _ => None,
            };
            let about = digests.iter().map(|digest| discover_sbom(&repository, &name, digest));
            for found in about.chain(within) {
                for problem in found.problems {
                    self.unseen(&name, &problem);
                }
                for evidence in &found.evidence {
                    // The same document may hang on the index and on the manifest.
                    if seen.insert(Assertion::digest_of(&evidence.bytes)) {
                        self.take(evidence, wanted, registries, reference);
                    }
                }
            }
        }
        if self.found == 0 && self.notes.is_empty() {
            self.note_of_target("no SBOM is attached to it");
        }
    }

    /// Documents that could not be looked for.
    fn unseen(&mut self, name: &str, why: &str) {
        self.note(name, &format!("SBOMs attached to the image may be missing: {why}"));
    }

    fn note(&mut self, subject: &str, detail: &str) {
        self.notes.push(Problem::note(ProblemKind::Unsupported, subject, detail));
    }

    fn note_of_target(&mut self, detail: &str) {
        let name = self.facts.name.clone();
        self.note(&name, detail);
    }

    /// Reads one piece of evidence, if it holds an SBOM.
    fn take(
        &mut self,
        evidence: &Evidence,
        wanted: &AttachedSbom,
        registries: &Registries,
        reference: &Reference,
    ) {
        let name = match &evidence.place.manifest {
            Some(digest) => format!("{}@{digest}", evidence.place.repository),
            None => evidence.place.repository.clone(),
        };
        let target = Target { digest: &evidence.subject, manifest: None, now: wanted.now };
        let mut checked = wanted.trust.check(evidence, target);
        if let Outcome::Unreadable { reason } = &checked.outcome {
            self.note(&name, &format!("an attestation that may hold an SBOM was not read: {reason}"));
            return;
        }
        let content = match &checked.what {
            What::Attestation(statement) => match predicate(statement) {
                Some(content) => content,
                None => return,
            },
            _ if evidence.format == Format::Sbom => evidence.bytes.clone(),
            _ => return,
        };
        self.found += 1;
        let document = match sbom::read(&content) {
            Ok(document) => document,
            Err(error) => {
                self.note(&name, &format!("the attached SBOM was not used: {}", one_line(&error)));
                return;
            }
        };
        if checked.outcome == Outcome::Unsigned
            && self.found <= SIGNATURES_ASKED
            && let Some(signed) =
                attached::signed_apart(evidence, &wanted.trust, wanted.now, registries, reference)
        {
            checked = signed;
        }
        let signature = attached::signature(&checked, &wanted.trust.signers);
        let used = match signature {
            VexSignature::Trusted { .. } => true,
            VexSignature::Unsigned | VexSignature::Untrusted { .. } => wanted.unsigned,
            VexSignature::Invalid { .. } | VexSignature::NotAsked => false,
        };
        let told = signature.told();
        let form = document.form;
        if !used {
            let hint = match signature {
                VexSignature::Invalid { .. } => "",
                _ => {
                    " (--sbom-key or --sbom-identity names whose signature counts, --sbom-unsigned takes all)"
                }
            };
            self.note(&name, &format!("the attached SBOM ({form}) was not used: {told}{hint}"));
            return;
        }
        // Of one build BuildKit also lists stages and contexts that are not part of the image, under names of their own
        // (buildkit `docs/attestations/sbom-protocol.md`).
        if evidence.place.layout == Layout::Index
            && let Some(stage) = document.target.name.strip_prefix("sbom-")
        {
            let stage = shortened(stage);
            self.note(&name, &format!("the attached SBOM is of the build's `{stage}`, not of the image"));
            return;
        }
        let listed = assemble::listed(document.inventory);
        let counts = self.join(listed, &name);
        self.note(&name, &format!("attached SBOM ({form}), {told}: {counts}"));
    }

    /// Adds the packages that are not known; how far the two agree, in words.
    fn join(&mut self, listed: Inventory, by: &str) -> String {
        let known: HashSet<String> = self.inventory.packages.iter().map(bare).collect();
        let theirs: HashSet<String> = listed.packages.iter().map(bare).collect();
        let unlisted = known.difference(&theirs).count();
        let has_database = self.inventory.packages.iter().any(|package| package.ecosystem.is_distribution());
        let (total, mut added, mut elsewhere, mut vague) = (listed.packages.len(), Vec::new(), 0, 0);
        for mut package in listed.packages {
            if known.contains(&bare(&package)) {
                continue;
            }
            if package.ecosystem.is_distribution() && has_database {
                // What the package database does not have was taken out, or is of another stage of the build.
                elsewhere += 1;
                continue;
            }
            if package.name.is_empty()
                || package.version.is_empty()
                || package.ecosystem == Ecosystem::Generic
            {
                vague += 1;
                continue;
            }
            for location in &mut package.locations {
                location.layer = None;
            }
            package.owned_by = None;
            package.properties.insert(LISTED_BY.to_owned(), by.to_owned());
            added.push(package);
        }
        let shared = total - added.len() - elsewhere - vague;
        let mut told = vec![format!(
            "packages that it lists: {total}, in the layers too: {shared}, added: {}",
            added.len()
        )];
        for (count, which) in [
            (elsewhere, "left out, of a distribution and not in the image's package database"),
            (vague, "left out, without an ecosystem or a version that advisories could name"),
            (unlisted, "in the layers and not in it"),
        ] {
            if count > 0 {
                told.push(format!("{which}: {count}"));
            }
        }
        if added.iter().any(|package| package.ecosystem.is_distribution()) && self.inventory.release.is_none()
        {
            self.inventory.release.clone_from(&listed.release);
            self.facts.release = listed.release;
        }
        if !added.is_empty() {
            self.inventory.packages.append(&mut added);
            self.inventory.packages = assemble::merge(std::mem::take(&mut self.inventory.packages));
        }
        told.join(", ")
    }
}

/// A package URL without what documents tell in different ways.
fn bare(package: &Package) -> String {
    package.purl.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// The document in an attestation, as bytes; `None` when it attests something else.
fn predicate(statement: &Statement) -> Option<Vec<u8>> {
    if !is_sbom_predicate(&statement.predicate_type) {
        return None;
    }
    let text = statement.predicate.as_str();
    // cosign wraps what it does not know: `{"Data": "...", "Timestamp": "..."}`.
    match text.or_else(|| statement.predicate.get("Data").and_then(serde_json::Value::as_str)) {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => serde_json::to_vec(&statement.predicate).ok(),
    }
}
