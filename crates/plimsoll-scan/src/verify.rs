//! The use case of `plimsoll verify`: where an image comes from, and whether that is where it should come from.

use std::collections::BTreeMap;

use plimsoll_model::verification::{BuildInfo, EvidenceInfo, EvidenceOutcome, RootInfo, Verification};
use plimsoll_model::{Algorithm, Digest, Outcome as Answer, Verdict};
use plimsoll_oci::{Reference, Registries, Repository, RepositoryName};
use plimsoll_trust::provenance::{Build, Provenance};
use plimsoll_trust::{
    Checked, Discovery, Evidence, Layout, Outcome, Target, Trust, What, discover, discover_referrers,
    discover_tags, discover_within,
};

use crate::ScanError;

/// What is asked of an image.
#[derive(Debug)]
pub struct Wanted {
    /// Whom to trust, and by which roots.
    pub trust: Trust,
    /// Other repositories that hold evidence, beside the image's own.
    pub repositories: Vec<Reference>,
    /// Evidence from files, by path.
    pub files: Vec<(String, Vec<u8>)>,
    /// The build that it must come from.
    pub build: Option<Build>,
    /// Kind of predicate that a trusted attestation must have.
    pub predicates: Vec<String>,
    /// Why signatures are not asked for at all: a trust policy of Notation says so.
    pub skipped: Option<String>,
    /// The question as it was asked, for the report.
    pub line: String,
    /// The moment of the question, in seconds since 1970.
    pub now: i64,
}

/// Finds and checks everything that is said of `image`.
///
/// # Errors
/// When the image itself cannot be found. What cannot be read of the evidence is in the answer, and makes it *unknown*
/// unless enough was seen.
pub fn verify(image: &str, wanted: &Wanted, registries: &Registries) -> Result<Verification, ScanError> {
    let reference = Reference::parse(image.strip_prefix("registry:").unwrap_or(image))?;
    let reference = registries.meant(&reference)?;
    let repository = registries.repository(reference.name())?;
    // Resolved once: from here on there is only the digest.
    let manifest = repository.manifest(&reference.selector())?;
    let own = (&repository, reference.name());
    let mut found = everything_said(registries, own, &wanted.repositories, &manifest.digest, &mut |_| false);
    let within = discover_within(&repository, &reference.name().to_string(), &manifest);
    found.evidence.extend(within.evidence);
    for (path, bytes) in &wanted.files {
        found.evidence.extend(from_file(path, bytes, &manifest.digest));
    }
    let target = Target { digest: &manifest.digest, manifest: Some(&manifest.bytes), now: wanted.now };
    let mut tally = Tally::default();
    let evidence = found
        .evidence
        .iter()
        .map(|evidence| tally.take(evidence, wanted.trust.check(evidence, target), wanted))
        .collect();
    let verdict = tally.verdict(wanted, &found.problems);
    // Nobody signed what is in the index: that some of it cannot be read leaves nothing open.
    found.problems.extend(within.problems);
    Ok(told(image, manifest.digest.clone(), (verdict, evidence, found.problems), wanted))
}

/// A file, or only its digest.
#[derive(Debug)]
pub struct Content {
    /// Its digest, which is shown.
    pub digest: Digest,
    /// Its digests by other algorithms.
    pub others: Vec<Digest>,
    /// The file itself: signatures of some keys cannot be checked without.
    pub bytes: Option<Vec<u8>>,
}

impl Content {
    /// Reads a file, of which the bytes are kept when there are no more than `most`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(mut input: impl std::io::Read, most: u64) -> std::io::Result<Self> {
        use sha2::{Digest as _, Sha256, Sha512};
        let (mut short, mut long) = (Sha256::new(), Sha512::new());
        let (mut bytes, mut piece, mut total) = (Vec::new(), vec![0; 1 << 16], 0);
        loop {
            let read = match input.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let read = piece.get(..read).unwrap_or_default();
            total += read.len() as u64;
            short.update(read);
            long.update(read);
            if total <= most {
                bytes.extend_from_slice(read);
            }
        }
        let digest = |algorithm, bytes: &[u8]| {
            Digest::from_bytes(algorithm, bytes).ok_or_else(|| std::io::Error::other("no digest"))
        };
        Ok(Content {
            digest: digest(Algorithm::Sha256, short.finalize().as_slice())?,
            others: vec![digest(Algorithm::Sha512, long.finalize().as_slice())?],
            bytes: (total <= most).then_some(bytes),
        })
    }
}

/// Checks what the evidence from files says of `content`. Nobody is asked. Whoever signed an attestation about it has signed it.
pub fn verify_content(name: &str, content: &Content, wanted: &Wanted) -> Verification {
    let mut tally = Tally { attestations_count: true, ..Tally::default() };
    let mut evidence = Vec::new();
    let rank = |checked: &Checked| match checked.outcome {
        Outcome::Trusted { .. } => 0,
        Outcome::Untrusted { .. } => 1,
        _ => 2,
    };
    let digests: Vec<&Digest> = std::iter::once(&content.digest).chain(&content.others).collect();
    for (path, bytes) in &wanted.files {
        // Which algorithm a statement names the file by is its own matter.
        let by_digest: Vec<Vec<(Evidence, Checked)>> = digests
            .iter()
            .map(|&digest| {
                let target = Target { digest, manifest: content.bytes.as_deref(), now: wanted.now };
                let all = from_file(path, bytes, digest).into_iter();
                all.map(|one| {
                    let checked = wanted.trust.check(&one, target);
                    (one, checked)
                })
                .collect()
            })
            .collect();
        let count = by_digest.first().map_or(0, Vec::len);
        let mut by_digest: Vec<_> = by_digest.into_iter().map(Vec::into_iter).collect();
        for _ in 0..count {
            let best =
                by_digest.iter_mut().filter_map(Iterator::next).min_by_key(|(_, checked)| rank(checked));
            evidence.extend(best.map(|(one, checked)| tally.take(&one, checked, wanted)));
        }
    }
    let verdict = tally.verdict(wanted, &[]);
    told(name, content.digest.clone(), (verdict, evidence, Vec::new()), wanted)
}

fn told(
    image: &str,
    digest: Digest,
    (verdict, evidence, problems): (Verdict, Vec<EvidenceInfo>, Vec<String>),
    wanted: &Wanted,
) -> Verification {
    Verification {
        schema_version: "1.0".into(),
        plimsoll: env!("CARGO_PKG_VERSION").into(),
        image: image.to_owned(),
        digest,
        verdict,
        evidence,
        roots: wanted
            .trust
            .roots
            .iter()
            .map(|root| RootInfo {
                name: root.name().to_owned(),
                until: root.window().until.map(plimsoll_policy::moment),
            })
            .collect(),
        problems,
    }
}

/// What an image's own repository and further ones hold about it: in the order of `own`'s referrers, its tags, the others. What
/// was found of the referrers is shown to `enough` first, which may say that nothing more is needed.
pub(crate) fn everything_said(
    registries: &Registries,
    (own, own_name): (&Repository, &RepositoryName),
    others: &[Reference],
    digest: &Digest,
    enough: &mut dyn FnMut(&Discovery) -> bool,
) -> Discovery {
    let mut found = discover_referrers(own, &own_name.to_string(), digest);
    if enough(&found) {
        return found;
    }
    let mut add = |more: Discovery| {
        found.evidence.extend(more.evidence);
        found.problems.extend(more.problems);
    };
    add(discover_tags(own, &own_name.to_string(), digest));
    for name in others.iter().map(Reference::name) {
        match registries.repository(name) {
            Ok(repository) => add(discover(&repository, &name.to_string(), digest)),
            Err(error) => {
                add(Discovery { problems: vec![plimsoll_model::one_line(&error)], ..Discovery::default() });
            }
        }
    }
    found
}

/// A file is a bundle, or a DSSE envelope by itself, or one of them in each line, or the attestations that npm's registry tells
/// of a package.
fn from_file(path: &str, bytes: &[u8], subject: &Digest) -> Vec<Evidence> {
    #[derive(serde::Deserialize)]
    struct OfPackage {
        attestations: Vec<Attested>,
    }
    #[derive(serde::Deserialize)]
    struct Attested {
        bundle: serde_json::Value,
    }
    /// Most lines of a file.
    const MOST: usize = 1_000;
    let lines: Vec<&[u8]> =
        bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    let is_json = |text: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
    if (2..=MOST).contains(&lines.len()) && !is_json(bytes) && lines.iter().all(|line| is_json(line)) {
        return lines.into_iter().map(|line| one_of_file(path, line.to_vec(), subject)).collect();
    }
    if let Ok(package) = serde_json::from_slice::<OfPackage>(bytes)
        && package.attestations.len() <= MOST
    {
        let bundles = package.attestations.into_iter().map(|one| one.bundle.to_string().into_bytes());
        return bundles.map(|bundle| one_of_file(path, bundle, subject)).collect();
    }
    vec![one_of_file(path, bytes.to_vec(), subject)]
}

fn one_of_file(path: &str, bytes: Vec<u8>, subject: &Digest) -> Evidence {
    /// What every DSSE envelope has and no bundle.
    #[derive(serde::Deserialize)]
    struct Envelope {
        #[serde(rename = "payloadType")]
        _kind: serde::de::IgnoredAny,
        #[serde(rename = "signatures")]
        _signatures: serde::de::IgnoredAny,
    }
    let envelope = serde_json::from_slice::<Envelope>(&bytes).is_ok();
    Evidence {
        place: plimsoll_trust::Place {
            repository: path.to_owned(),
            layout: plimsoll_trust::Layout::File,
            manifest: None,
        },
        subject: subject.clone(),
        format: if envelope { plimsoll_trust::Format::Dsse } else { plimsoll_trust::Format::Bundle },
        bytes,
        annotations: BTreeMap::new(),
    }
}

/// What has been seen so far.
#[derive(Default)]
struct Tally {
    /// Signers that a signature counts for.
    signatures: Vec<String>,
    /// Trusted attestations, by kind of predicate.
    attested: Vec<String>,
    /// Whether a trusted attestation fits the build that was asked for.
    built: bool,
    /// Why trusted provenance does not fit.
    unfit: Vec<String>,
    /// Whoever made a trusted attestation has signed as well.
    attestations_count: bool,
    total: usize,
    untrusted: usize,
    invalid: usize,
    unsigned: usize,
    unreadable: usize,
}

impl Tally {
    fn take(&mut self, evidence: &Evidence, checked: Checked, wanted: &Wanted) -> EvidenceInfo {
        self.total += 1;
        let (kind, predicate_type, build) = match &checked.what {
            What::Signature => ("signature", None, None),
            What::Unknown => ("unknown", None, None),
            What::Attestation(statement) => {
                let build = Provenance::read(&statement.predicate_type, &statement.predicate).ok().map(
                    |provenance| {
                        let certificate = checked.certificate.as_ref();
                        let unmet = wanted.build.as_ref().map(|build| build.check(&provenance, certificate));
                        (unmet.is_some_and(|unmet| unmet.is_empty()), info(provenance, wanted, certificate))
                    },
                );
                ("attestation", Some(statement.predicate_type.clone()), build)
            }
        };
        let (outcome, reason, signers) = match checked.outcome {
            Outcome::Trusted { signers } => {
                match &checked.what {
                    What::Signature => self.signatures.extend(signers.iter().cloned()),
                    What::Attestation(statement) => {
                        self.attested.push(statement.predicate_type.clone());
                        if self.attestations_count {
                            self.signatures.extend(signers.iter().cloned());
                        }
                    }
                    What::Unknown => {}
                }
                if let Some((fits, info)) = &build {
                    self.built |= fits;
                    self.unfit.extend(info.unmet.iter().cloned());
                }
                (EvidenceOutcome::Trusted, None, signers)
            }
            Outcome::Untrusted { reason } => {
                self.untrusted += 1;
                (EvidenceOutcome::Untrusted, Some(reason), Vec::new())
            }
            Outcome::Invalid { reason } => {
                self.invalid += 1;
                (EvidenceOutcome::Invalid, Some(reason), Vec::new())
            }
            Outcome::Unsigned => {
                self.unsigned += 1;
                (EvidenceOutcome::Unsigned, None, Vec::new())
            }
            Outcome::Unreadable { reason } => {
                self.unreadable += usize::from(evidence.place.layout != Layout::Index);
                (EvidenceOutcome::Unreadable, Some(reason), Vec::new())
            }
        };
        let certificate = checked.certificate.unwrap_or_default();
        EvidenceInfo {
            kind: kind.into(),
            predicate_type,
            outcome,
            reason,
            signers,
            subject: certificate.subject,
            issuer: certificate.issuer,
            claims: certificate.claims.into_iter().collect(),
            key: checked.key,
            notes: checked.notes,
            root: checked.root,
            signed_at: checked.times.first().copied().map(plimsoll_policy::moment),
            logged: checked.logged,
            build: build.map(|(_, info)| info),
            format: evidence.format.name().to_owned(),
            layout: evidence.place.layout.name().to_owned(),
            repository: evidence.place.repository.clone(),
            manifest: evidence.place.manifest.clone(),
        }
    }

    /// Enough seen: met. Not enough, and everything was readable: not met. Not enough, and something was not: unknown,
    /// because the missing piece may be there.
    fn verdict(&self, wanted: &Wanted, problems: &[String]) -> Verdict {
        let mut reasons = Vec::new();
        let mut unmet = Vec::new();
        if wanted.build.is_none() && wanted.predicates.is_empty() {
            match (&wanted.skipped, self.signatures.first()) {
                (Some(reason), _) => reasons.push(reason.clone()),
                (None, Some(signer)) => reasons.push(format!("signed by {signer}")),
                (None, None) => unmet.push("no signature by a trusted signer".to_owned()),
            }
        }
        for predicate in &wanted.predicates {
            if self.attested.contains(predicate) {
                reasons.push(format!("attested by a trusted signer: {predicate}"));
            } else {
                unmet.push(format!("no attestation `{predicate}` by a trusted signer"));
            }
        }
        if wanted.build.is_some() {
            if self.built {
                reasons.push("built as asked for, says trusted provenance".to_owned());
            } else if self.unfit.is_empty() {
                unmet.push("no provenance by a trusted signer".to_owned());
            } else {
                unmet.extend(self.unfit.iter().cloned());
            }
        }
        let missing = self.missing(wanted, problems);
        let outcome = match (unmet.is_empty(), missing.is_empty()) {
            (true, _) => Answer::Met,
            (false, true) => Answer::NotMet,
            (false, false) => Answer::Unknown,
        };
        if self.invalid > 0 {
            reasons.push(format!("{} of {} pieces of evidence are invalid", self.invalid, self.total));
        }
        unmet.extend(reasons);
        Verdict {
            outcome,
            line: wanted.line.clone(),
            reasons: unmet,
            inputs_missing: if outcome == Answer::Met { Vec::new() } else { missing },
        }
    }

    fn missing(&self, wanted: &Wanted, problems: &[String]) -> Vec<String> {
        let mut missing = problems.to_vec();
        if self.unreadable > 0 {
            missing.push(format!(
                "{} of {} pieces of evidence could not be judged",
                self.unreadable, self.total
            ));
        }
        if wanted.trust.signers.is_empty() && wanted.skipped.is_none() {
            missing.push("nobody was named whose signature counts".to_owned());
        }
        missing
    }
}

fn info(
    provenance: Provenance,
    wanted: &Wanted,
    certificate: Option<&plimsoll_trust::Certificate>,
) -> BuildInfo {
    let unmet = wanted.build.iter().flat_map(|build| build.check(&provenance, certificate));
    let unmet = unmet.map(|unmet| format!("{}: {}", unmet.part, unmet.detail)).collect();
    BuildInfo {
        bases: provenance.bases().map(str::to_owned).collect(),
        builder: provenance.builder,
        source: provenance.source.uri,
        reference: provenance.source.reference,
        commit: provenance.source.commit,
        workflow: provenance.workflow,
        invocation: provenance.invocation,
        unmet,
    }
}
