//! SBOMs that are attached to an image in its registry: referrers, attestations of cosign and sigstore, the tag `.sbom`,
//! and what BuildKit keeps in the image's own index.
//!
//! The layers are read all the same. An SBOM that somebody signed whom the user named adds what only it lists: libraries
//! that were compiled in, files whose names say nothing. It never takes a package away, so that a wrong one can hide
//! nothing; and each says in a note how far it agrees with the layers.

use std::collections::HashSet;

use plimsoll_format::sbom;
use plimsoll_model::vex::VexSignature;
use plimsoll_model::{
    Digest, Ecosystem, Inventory, Package, Problem, ProblemKind, Release, Target as TargetFacts, one_line,
    shortened,
};
use plimsoll_oci::{Manifest, Reference, Registries, Repository};
use plimsoll_trust::{
    Discovery, Evidence, Format, Layout, Outcome, Statement, Target, What, discover_sbom,
    discover_sbom_within, is_sbom_predicate,
};

use crate::assemble;
use crate::attached::{self, AttachedDocuments, Gathering, SIGNATURES_ASKED};

/// Notes about documents; the rest is one more note.
const NOTES: usize = 20;
/// The property of a package that only an SBOM lists: which one.
const LISTED_BY: &str = "listed-by";

/// Adds what attached SBOMs list and the layers do not show.
pub(crate) fn add(
    facts: &mut TargetFacts,
    inventory: &mut Inventory,
    wanted: &AttachedDocuments,
    registries: Option<&Registries>,
) {
    let mut adding = Adding { wanted, inventory, release: None, notes: Vec::new(), found: 0 };
    attached::gather(&mut adding, facts, registries);
    let Adding { inventory, release, mut notes, .. } = adding;
    if release.is_some() {
        facts.release = release;
    }
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
    wanted: &'a AttachedDocuments,
    inventory: &'a mut Inventory,
    /// The distribution that an SBOM names, where the layers name none.
    release: Option<Release>,
    notes: Vec<Problem>,
    /// Documents so far.
    found: usize,
}

impl Gathering for Adding<'_> {
    const DOCUMENT: &'static str = "SBOM";

    fn discover(repository: &Repository, name: &str, digest: &Digest) -> Discovery {
        discover_sbom(repository, name, digest)
    }

    fn discover_within(repository: &Repository, name: &str, index: &Manifest, image: &Digest) -> Discovery {
        discover_sbom_within(repository, name, index, image)
    }

    fn note(&mut self, subject: &str, detail: &str) {
        self.notes.push(Problem::note(ProblemKind::Unsupported, subject, detail));
    }

    fn is_empty(&self) -> bool {
        self.found == 0 && self.notes.is_empty()
    }

    fn take(&mut self, evidence: &Evidence, registries: &Registries, reference: &Reference) {
        let wanted = self.wanted;
        let name = attached::name_of(evidence);
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
        let told = signature.told();
        let form = document.form;
        if !wanted.uses(&signature) {
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
}

impl Adding<'_> {
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
            self.release = listed.release;
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
