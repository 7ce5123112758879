//! VEX documents that are attached to an image in its registry: referrers (OCI 1.1 and its tag), attestations of cosign
//! and sigstore, and those within the image's own index (BuildKit), which whoever signed the index signed too. Whoever may write to a repository may attach one, so that a document counts only when somebody signed
//! it whom the user named, or the user said that it need not be signed. Documents take findings away and never add any:
//! what cannot be read leaves findings standing, and a note that says so.

use plimsoll_advisory::vex::{self, Assertion, Product};
use plimsoll_model::vex::{VexOrigin, VexSignature};
use plimsoll_model::{Digest, Problem, ProblemKind, Target as TargetFacts, shortened};
use plimsoll_oci::{Manifest, Reference, Registries, Repository};
use plimsoll_trust::{
    Discovery, Evidence, Format, Outcome, Statement, Target, What, discover_vex, discover_vex_within,
    is_vex_predicate,
};

use crate::attached::{self, AttachedDocuments, Gathering, SIGNATURES_ASKED};

/// Files come first.
pub(crate) const RANK: u32 = 1;
/// Notes about what was not applied; the rest is one more note.
const NOTES: usize = 20;

/// What is attached to an image, and what was in the way.
pub(crate) struct Attached {
    pub(crate) assertions: Vec<Assertion>,
    pub(crate) problems: Vec<Problem>,
}

/// All VEX documents that are attached to the target.
pub(crate) fn documents(
    facts: &TargetFacts,
    wanted: &AttachedDocuments,
    registries: Option<&Registries>,
) -> Attached {
    let mut looking = Looking { facts, wanted, assertions: Vec::new(), problems: Vec::new() };
    attached::gather(&mut looking, facts, registries);
    let left = looking.problems.len().saturating_sub(NOTES);
    if left > 0 {
        looking.problems.truncate(NOTES);
        looking.note(&facts.name, &format!("{left} more notes about VEX documents attached to it"));
    }
    Attached { assertions: looking.assertions, problems: looking.problems }
}

struct Looking<'a> {
    facts: &'a TargetFacts,
    wanted: &'a AttachedDocuments,
    assertions: Vec<Assertion>,
    problems: Vec<Problem>,
}

impl Gathering for Looking<'_> {
    const DOCUMENT: &'static str = "VEX document";

    fn discover(repository: &Repository, name: &str, digest: &Digest) -> Discovery {
        discover_vex(repository, name, digest)
    }

    fn discover_within(repository: &Repository, name: &str, index: &Manifest, image: &Digest) -> Discovery {
        discover_vex_within(repository, name, index, image)
    }

    fn note(&mut self, subject: &str, detail: &str) {
        self.problems.push(Problem::note(ProblemKind::Unsupported, subject, detail));
    }

    fn is_empty(&self) -> bool {
        self.assertions.is_empty() && self.problems.is_empty()
    }

    fn take(&mut self, evidence: &Evidence, registries: &Registries, reference: &Reference) {
        let (facts, wanted) = (self.facts, self.wanted);
        let name = attached::name_of(evidence);
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
        assertion.told.used = wanted.uses(&assertion.told.signature);
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
