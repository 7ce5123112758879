//! VEX documents that are attached to an image in its registry: referrers (OCI 1.1 and its tag), attestations of cosign
//! and sigstore, and those within the image's own index (BuildKit), which whoever signed the index signed too. Whoever may write to a repository may attach one, so that a document counts only when somebody signed
//! it whom the user named, or the user said that it need not be signed. Documents take findings away and never add any:
//! what cannot be read leaves findings standing, and a note that says so.

use std::collections::BTreeSet;

use plimsoll_advisory::vex::{self, Assertion, Product};
use plimsoll_model::vex::{VexOrigin, VexSignature};
use plimsoll_model::{Problem, ProblemKind, Target as TargetFacts, one_line, shortened};
use plimsoll_oci::{Reference, Registries};
use plimsoll_trust::{
    Evidence, Format, Outcome, Statement, Target, Trust, What, discover_vex, discover_vex_within,
    is_vex_predicate,
};

use crate::attached::{self, Place, SIGNATURES_ASKED, Unknown};

/// Files come first.
pub(crate) const RANK: u32 = 1;
/// Notes about what was not applied; the rest is one more note.
const NOTES: usize = 20;

/// Which of the attached documents count.
#[derive(Debug)]
pub struct AttachedVex {
    /// Whose signatures count.
    pub trust: Trust,
    /// Those that nobody signed count too, and those of signers whom nobody named.
    pub unsigned: bool,
    /// Now, in seconds since 1970: certificates are judged by it.
    pub now: i64,
}

/// What is attached to an image, and what was in the way.
pub(crate) struct Attached {
    pub(crate) assertions: Vec<Assertion>,
    pub(crate) problems: Vec<Problem>,
}

/// All VEX documents that are attached to the target.
pub(crate) fn documents(
    facts: &TargetFacts,
    wanted: &AttachedVex,
    registries: Option<&Registries>,
) -> Attached {
    let mut attached = Attached { assertions: Vec::new(), problems: Vec::new() };
    let Some(registries) = registries else {
        attached
            .note(&facts.name, "VEX documents attached to it were not looked for: registries are not asked");
        return attached;
    };
    let (places, unknown) = attached::places(facts, registries);
    for Unknown { name, why, all } in unknown {
        if all { attached.unseen(&name, &why) } else { attached.note(&name, &why) }
    }
    if places.is_empty() && attached.problems.is_empty() {
        let detail = "VEX documents attached to it were not looked for: no registry is known to have it";
        attached.note(&facts.name, detail);
    }
    let mut seen = BTreeSet::new();
    for Place { reference, digests, index } in &places {
        let name = reference.name().to_string();
        let repository = match registries.repository(reference.name()) {
            Ok(repository) => repository,
            Err(error) => {
                attached.unseen(&name, &one_line(&error));
                continue;
            }
        };
        let within = match (index, &facts.digest) {
            (Some(index), Some(image)) => Some(discover_vex_within(&repository, &name, index, image)),
            _ => None,
        };
        let about = digests.iter().map(|digest| discover_vex(&repository, &name, digest));
        for found in about.chain(within) {
            for problem in found.problems {
                attached.unseen(&name, &problem);
            }
            for evidence in &found.evidence {
                // The same document may hang on the index and on the manifest.
                let bytes = Assertion::digest_of(&evidence.bytes);
                if seen.insert(bytes) {
                    attached.take(evidence, facts, wanted, registries, reference);
                }
            }
        }
    }
    if attached.assertions.is_empty() && attached.problems.is_empty() {
        attached.note(&facts.name, "no VEX document is attached to it");
    }
    let left = attached.problems.len().saturating_sub(NOTES);
    if left > 0 {
        attached.problems.truncate(NOTES);
        attached.note(&facts.name, &format!("{left} more notes about VEX documents attached to it"));
    }
    attached
}

impl Attached {
    /// Documents that could not be looked for.
    fn unseen(&mut self, name: &str, why: &str) {
        self.note(name, &format!("VEX documents attached to the image may be missing: {why}"));
    }

    fn note(&mut self, subject: &str, detail: &str) {
        self.problems.push(Problem::note(ProblemKind::Unsupported, subject, detail));
    }

    /// Reads one piece of evidence, if it holds a document.
    fn take(
        &mut self,
        evidence: &Evidence,
        facts: &TargetFacts,
        wanted: &AttachedVex,
        registries: &Registries,
        reference: &Reference,
    ) {
        let name = match &evidence.place.manifest {
            Some(digest) => format!("{}@{digest}", evidence.place.repository),
            None => evidence.place.repository.clone(),
        };
        let mut checked = wanted
            .trust
            .check(evidence, Target { digest: &evidence.subject, manifest: None, now: wanted.now });
        if let Outcome::Unreadable { reason } = &checked.outcome {
            self.note(&name, &format!("an attestation that may hold a VEX document was not read: {reason}"));
            return;
        }
        let content = match &checked.what {
            What::Attestation(statement) => match predicate(statement) {
                Some(content) => content,
                None => return,
            },
            _ if matches!(evidence.format, Format::Vex | Format::Sbom) => evidence.bytes.clone(),
            _ => return,
        };
        // Of an SBOM only what states something is a VEX document.
        let may_be_sbom = !matches!(evidence.format, Format::Vex);
        let mut document = match vex::Document::parse_named(&name, &content) {
            Ok(document) if document.statements.is_empty() && may_be_sbom => return,
            Ok(document) => document,
            Err(error) => {
                self.note(&name, &format!("the attached document was not applied: {error}"));
                return;
            }
        };
        let image = facts.digest.as_ref().or(facts.image_id.as_ref());
        for statement in document.statements.iter_mut().filter(|statement| statement.products.is_empty()) {
            // Whoever attaches a document to an image need not repeat what it is about.
            let hashes: Vec<String> = image.iter().map(|digest| digest.hex()).collect();
            if !hashes.is_empty() {
                statement.products.push(Product { hashes, ..Product::default() });
            }
        }
        if checked.outcome == Outcome::Unsigned
            && self.assertions.len() < SIGNATURES_ASKED
            && let Some(signed) =
                attached::signed_apart(evidence, &wanted.trust, wanted.now, registries, reference)
        {
            checked = signed;
        }
        let mut assertion = Assertion::of(&name, VexOrigin::Attached, RANK, &content, document);
        assertion.told.signature = attached::signature(&checked, &wanted.trust.signers);
        assertion.told.used = match assertion.told.signature {
            VexSignature::Trusted { .. } => true,
            VexSignature::Unsigned | VexSignature::Untrusted { .. } => wanted.unsigned,
            VexSignature::Invalid { .. } | VexSignature::NotAsked => false,
        };
        if !assertion.told.used {
            let by = match assertion.document.author.as_str() {
                "" => String::new(),
                author => format!(" by {}", shortened(author)),
            };
            let hint = match assertion.told.signature {
                VexSignature::Invalid { .. } => "",
                _ => " (--vex-key or --vex-identity names whose signature counts, --vex-unsigned takes all)",
            };
            let told = assertion.told.signature.told();
            self.note(&name, &format!("the attached VEX document{by} was not applied: {told}{hint}"));
        }
        self.assertions.push(assertion);
    }
}

/// The document in an attestation, as bytes; `None` when it attests something else.
fn predicate(statement: &Statement) -> Option<Vec<u8>> {
    if !is_vex_predicate(&statement.predicate_type) {
        return None;
    }
    // cosign wraps what it does not know: `{"Data": "...", "Timestamp": "..."}`.
    match statement.predicate.get("Data").and_then(serde_json::Value::as_str) {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => serde_json::to_vec(&statement.predicate).ok(),
    }
}
