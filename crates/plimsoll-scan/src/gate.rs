//! The use case of `plimsoll verify --policy`: gathers what the policies need to know of an image, and decides.
//!
//! What cannot be gathered is a missing fact with its reason, never an error that ends the decision: a policy that does not
//! need it is not held up by it, and one that does answers *unknown*.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_model::decision::Decision;
use plimsoll_model::explanation::Explanation;
use plimsoll_model::{Digest, FindingKind, Remedy, Report, one_line};
use plimsoll_oci::{
    Error as OciError, Platform, Reference, Registries, Repository, RepositoryName, Selection,
};
use plimsoll_policy::{
    Config, Evidence, Facts, ImageName, Known, Maker, Need, Policies, SIGNED_EXCEPTION, Statement, Workload,
    decide,
};
use plimsoll_trust::notation::{self, Revocations, Verification, Written};
use plimsoll_trust::{By, Checked, Discovery, Log, Outcome, PublicKey, Root, Signer, Target, Trust, What};

use crate::scanners::Scanner;
use crate::verify::everything_said;
use crate::{Options, Progress, ScanError};

/// What the decision rests on, beside the image.
#[derive(Debug)]
pub struct Gate {
    policies: Policies,
    trust: Trust,
    /// Rules about objects, of other engines: admission and audits hold objects against them.
    pub rules: Arc<plimsoll_rules::Rules>,
    /// Rules of ours about objects, for admission.
    pub object_rules: Option<crate::check::one_object::ObjectRules>,
    /// Other repositories that hold evidence.
    pub repositories: Vec<Reference>,
    /// Where the image is to run.
    pub workload: Workload,
}

/// A decision, and the attestations and signatures that it rests on.
#[derive(Debug)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// Registry and repository of the image.
    pub repository: String,
    /// Repository and manifest of each piece of evidence that verified.
    pub inputs: Vec<(String, Digest)>,
}

impl Gate {
    /// Takes policies and trust roots, and what is known of revoked certificates of Notation's signers.
    ///
    /// # Errors
    /// When a policy names a key or certificate that cannot be used.
    pub fn new(
        mut policies: Policies,
        roots: Vec<Root>,
        revocations: &Arc<Revocations>,
    ) -> Result<Self, ScanError> {
        let keys: Vec<String> = policies.keys().map(|(pem, _)| pem.to_owned()).collect();
        let mut signers = Vec::new();
        for pem in keys {
            let key = PublicKey::from_pem("a key in a policy", &pem)?;
            policies.know_key(&pem, key.fingerprint());
            // Whether a log must know of it is the requirement's to say.
            signers.push(Signer { name: key.fingerprint(), by: By::Key { key, log: Log::IfPresent } });
        }
        let (signed, keys) = policies.signed_exceptions();
        let mut known = Vec::new();
        for pem in keys {
            let key = PublicKey::from_pem("a key in a policy", pem)?;
            let verifies = |text, signature| key.verifies(SIGNED_EXCEPTION, text, signature);
            let own = signed.iter().filter(|(_, text, signature)| verifies(text, signature));
            known.extend(own.map(|(place, ..)| (*place, pem.to_owned())));
        }
        for (place, pem) in known {
            policies.know_signer(place, &pem);
        }
        for (place, one) in policies.notation_signers() {
            if signers.iter().any(|known| known.name == one.id) {
                continue;
            }
            let stores: Vec<(&str, &str)> =
                one.stores.iter().map(|(kind, pem)| (*kind, pem.as_str())).collect();
            let written = Written {
                stores: &stores,
                identities: &one.identities,
                verification: Verification {
                    level: one.level.clone(),
                    overrides: one.overrides.clone(),
                    verify_timestamp: None,
                },
            };
            let signer = notation::Signer::written(&place, &written, revocations)?;
            signers.push(Signer { name: one.id.clone(), by: By::Notation(Box::new(signer)) });
        }
        Ok(Gate {
            policies,
            trust: Trust { roots, signers },
            rules: Arc::default(),
            object_rules: None,
            repositories: Vec::new(),
            workload: Workload::default(),
        })
    }

    /// The policies.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The keys that evidence is checked with, by their fingerprints: what was gathered with others must be gathered again.
    pub fn keys(&self) -> BTreeSet<&str> {
        self.trust.signers.iter().map(|signer| signer.name.as_str()).collect()
    }

    /// Decides on an image in a registry.
    ///
    /// # Errors
    /// When the name is none. Everything else that goes wrong is in the decision.
    pub fn decide(
        &self,
        name: &str,
        options: &Options,
        progress: &dyn Progress,
    ) -> Result<Decision, ScanError> {
        Ok(self.decide_with_inputs(name, options, progress)?.decision)
    }

    /// Decides, and says what was looked at.
    ///
    /// # Errors
    /// As [`Gate::decide`].
    pub fn decide_with_inputs(
        &self,
        name: &str,
        options: &Options,
        progress: &dyn Progress,
    ) -> Result<Decided, ScanError> {
        let (reference, gathered) = self.gathered(name, options, progress, true)?;
        let facts = gathered.facts(image_name(name, &reference), self.workload.clone());
        let decision = decide(&facts, &self.policies, options.now.as_second());
        let mut inputs: Vec<(String, Digest)> = gathered.inputs.into_iter().flatten().collect();
        inputs.sort_by_key(|(repository, manifest)| (repository.clone(), manifest.to_string()));
        inputs.dedup();
        Ok(Decided { decision, repository: reference.name().to_string(), inputs })
    }

    /// Decides, and says why it came out so and what would change it.
    ///
    /// # Errors
    /// As [`Gate::decide`].
    pub fn explain(
        &self,
        name: &str,
        options: &Options,
        progress: &dyn Progress,
    ) -> Result<Explanation, ScanError> {
        let (reference, gathered) = self.gathered(name, options, progress, false)?;
        let facts = gathered.facts(image_name(name, &reference), self.workload.clone());
        let place = |input: &Option<(String, Digest)>| {
            input.as_ref().map(|(repository, manifest)| format!("{repository}@{manifest}"))
        };
        let places: Vec<Option<String>> = gathered.inputs.iter().map(place).collect();
        Ok(plimsoll_policy::explain(&facts, &places, &self.policies, options.now.as_second()))
    }

    /// What is needed to decide on an image by its name, when `sparing` no more than that. The name may be short: the
    /// user's files say what it stands for.
    fn gathered(
        &self,
        name: &str,
        options: &Options,
        progress: &dyn Progress,
        sparing: bool,
    ) -> Result<(Reference, Gathered), ScanError> {
        let mut reference = Reference::parse(name.strip_prefix("registry:").unwrap_or(name))?;
        if let Some(registries) = &options.registries {
            reference = registries.meant(&reference)?;
        }
        let facts = Facts {
            image: image_name(name, &reference),
            workload: self.workload.clone(),
            ..Facts::default()
        };
        let needs = self.policies.needs(&facts);
        let asked = sparing.then_some(&facts);
        let gathered = self.gather_for(&reference, &needs, options, progress, asked);
        Ok((reference, gathered))
    }

    /// Gathers what is needed to decide on an image, and no more: all of it, whatever is asked later.
    pub fn gather(
        &self,
        reference: &Reference,
        needs: &BTreeSet<Need>,
        options: &Options,
        progress: &dyn Progress,
    ) -> Gathered {
        self.gather_for(reference, needs, options, progress, None)
    }

    /// As [`Gate::gather`]; of the evidence no more than what decides on the one image and place that is asked about.
    fn gather_for(
        &self,
        reference: &Reference,
        needs: &BTreeSet<Need>,
        options: &Options,
        progress: &dyn Progress,
        asked: Option<&Facts<'_>>,
    ) -> Gathered {
        let mut gathered = Gathered::default();
        let Some(registries) = &options.registries else { return gathered };
        let needs = |need: Need| needs.contains(&need);
        if needs(Need::Digest) {
            let manifest = registries.repository(reference.name()).and_then(|repository| {
                let manifest = repository.manifest(&reference.selector())?;
                Ok((repository, manifest))
            });
            match manifest {
                Ok((repository, manifest)) => {
                    if needs(Need::Evidence) {
                        let own = (&repository, reference.name());
                        let now = options.now.as_second();
                        self.evidence(&mut gathered, registries, own, &manifest, now, asked);
                    }
                    gathered.digest = Known::Seen(manifest.digest);
                }
                Err(error) => {
                    let reason = one_line(&error);
                    gathered.lasting =
                        matches!(error, OciError::NoImage { .. } | OciError::Unauthorized { .. });
                    gathered.evidence = Known::Missing(reason.clone());
                    gathered.digest = gathered.failed(reason);
                }
            }
        }
        // From here on the digest, not the tag: it may move between two requests.
        let pinned = gathered.digest.seen().ok().map(|digest| format!("{}@{digest}", reference.name()));
        if needs(Need::Scan)
            && let Some(name) = &pinned
        {
            let mut options = options.clone();
            if needs(Need::Secrets) {
                options.scanners.add(Scanner::Secrets);
                gathered.looked_for.push(FindingKind::Secret);
            }
            gathered.report =
                match crate::scan(&format!("registry:{name}"), &options, &mut std::io::empty(), progress) {
                    Ok(report) => Known::Seen(Box::new(report)),
                    Err(error) => gathered.failed(one_line(&error)),
                };
        }
        if needs(Need::Image)
            && let Some(name) = &pinned
        {
            match image(registries, name, options) {
                Ok((layers, created, config)) => {
                    (gathered.layers, gathered.created, gathered.config) = (layers, created, config);
                }
                Err(error) => {
                    gathered.config = Known::Missing(one_line(&error));
                    gathered.layers = gathered.failed(one_line(&error));
                    gathered.created = Known::Missing(one_line(&error));
                }
            }
        }
        if needs(Need::Bases) {
            for base in self.policies.bases() {
                let layers = match image(registries, base, options) {
                    Ok((layers, ..)) => layers,
                    Err(error) => gathered.failed(one_line(&error)),
                };
                gathered.bases.insert(base.to_owned(), layers);
            }
        }
        gathered
    }

    /// Gathers what is said of an image; no more than decides about `asked`, where that is given.
    fn evidence(
        &self,
        gathered: &mut Gathered,
        registries: &Registries,
        own: (&Repository, &RepositoryName),
        manifest: &plimsoll_oci::Manifest,
        now: i64,
        asked: Option<&Facts<'_>>,
    ) {
        let target = Target { digest: &manifest.digest, manifest: Some(&manifest.bytes), now };
        let mut judged = Said::default();
        let mut enough = |found: &Discovery| {
            let Some(asked) = asked else { return false };
            self.check(&mut judged, found, target);
            let evidence = Known::Seen(Cow::Borrowed(judged.evidence.as_slice()));
            let facts = Facts { evidence, ..asked.clone() };
            self.policies.evidence_suffices(&facts, now)
        };
        let found = everything_said(registries, own, &self.repositories, &manifest.digest, &mut enough);
        self.check(&mut judged, &found, target);
        gathered.unread_evidence = found.problems;
        gathered.unread_evidence.extend(judged.unread);
        gathered.inputs = judged.inputs;
        gathered.evidence = Known::Seen(judged.evidence);
    }

    /// Checks what was not checked yet.
    fn check(&self, judged: &mut Said, found: &Discovery, target: Target<'_>) {
        for one in found.evidence.iter().skip(judged.checked) {
            judged.checked += 1;
            let checked = self.trust.check(one, target);
            if let Outcome::Unreadable { reason } = &checked.outcome {
                judged.unread.push(format!("{} ({}): {reason}", one.format.name(), one.place.layout.name()));
            }
            let Some(fact) = fact(checked) else { continue };
            judged.evidence.push(fact);
            let manifest = one.place.manifest.as_ref();
            judged.inputs.push(manifest.map(|manifest| (one.place.repository.clone(), manifest.clone())));
        }
    }
}

/// Evidence, checked.
#[derive(Default)]
struct Said {
    /// How many pieces were looked at.
    checked: usize,
    evidence: Vec<Evidence>,
    inputs: Vec<Option<(String, Digest)>>,
    unread: Vec<String>,
}

/// The name of an image as policies see it.
pub fn image_name(text: &str, reference: &Reference) -> ImageName {
    ImageName {
        text: text.to_owned(),
        repository: reference.name().without_usual_port(),
        tag: reference.tag().map(str::to_owned),
        digest: reference.digest().cloned(),
    }
}

/// What is known of one image, gathered once to decide on it many times: what depends on neither name nor place.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The digest that the name stood for.
    pub digest: Known<Digest>,
    /// When it was built, seconds since 1970.
    pub created: Known<i64>,
    /// Its layers, by the digest of their content, the lowest first.
    pub layers: Known<Vec<Digest>>,
    /// Its configuration.
    pub config: Known<Config>,
    /// Layers of images that policies name as bases.
    pub bases: BTreeMap<String, Known<Vec<Digest>>>,
    /// Signatures and attestations that verify.
    pub evidence: Known<Vec<Evidence>>,
    /// Repository and manifest of each of them, in the same order; `None` for what stands in no manifest.
    pub inputs: Vec<Option<(String, Digest)>>,
    /// Evidence that could not be read or judged.
    pub unread_evidence: Vec<String>,
    /// The scan.
    pub report: Known<Box<Report>>,
    /// What the scan looked for, beside vulnerabilities.
    pub looked_for: Vec<FindingKind>,
    /// The packages of the report were left out to keep it small.
    pub without_packages: bool,
    /// Other names and titles of findings were left out to keep it small.
    pub without_texts: bool,
    /// The only claims of certificates that were not left out to keep it small; `None`: none was left out.
    pub kept_claims: Option<BTreeSet<String>>,
    /// What went wrong while it was gathered, and may go well the next time. Nothing that is missing for such a reason is
    /// to be kept.
    pub failures: Vec<String>,
    /// There is no such image, or we may not read it: to ask again helps only when somebody changed that.
    pub lasting: bool,
}

impl Gathered {
    /// Nothing, and why.
    pub fn missing(reason: &str) -> Self {
        fn missing<T>(reason: &str) -> Known<T> {
            Known::Missing(reason.to_owned())
        }
        Gathered {
            digest: missing(reason),
            created: missing(reason),
            layers: missing(reason),
            config: missing(reason),
            evidence: missing(reason),
            report: missing(reason),
            ..Gathered::default()
        }
    }

    /// As facts on an image of this name that is to run there.
    pub fn facts(&self, image: ImageName, workload: Workload) -> Facts<'_> {
        fn borrowed<T: Clone>(known: &Known<Vec<T>>) -> Known<Cow<'_, [T]>> {
            match known {
                Known::Seen(list) => Known::Seen(Cow::Borrowed(list)),
                Known::Missing(reason) => Known::Missing(reason.clone()),
            }
        }
        Facts {
            image,
            digest: self.digest.clone(),
            created: self.created.clone(),
            layers: borrowed(&self.layers),
            bases: Cow::Borrowed(&self.bases),
            evidence: borrowed(&self.evidence),
            unread_evidence: Cow::Borrowed(&self.unread_evidence),
            report: match &self.report {
                Known::Seen(report) => Known::Seen(report),
                Known::Missing(reason) => Known::Missing(reason.clone()),
            },
            looked_for: Cow::Borrowed(&self.looked_for),
            without_packages: self.without_packages,
            without_texts: self.without_texts,
            kept_claims: self.kept_claims.as_ref().map(Cow::Borrowed),
            config: match &self.config {
                Known::Seen(config) => Known::Seen(Cow::Borrowed(config)),
                Known::Missing(reason) => Known::Missing(reason.clone()),
            },
            workload,
            object: None,
            namespace_object: None,
            pod_security: Cow::default(),
        }
    }

    /// Without what no decision by these policies looks at, so that much can be kept: texts for people, ways to repair,
    /// packages, layers, claims of certificates. What would ask for what was left out is unknown.
    #[must_use]
    pub fn slim(mut self, policies: &Policies) -> Self {
        let kept = policies.kept();
        self.inputs = Vec::new();
        if !kept.layers && self.layers.seen().is_ok() {
            self.layers = Known::Missing("not kept".to_owned());
        }
        if !kept.config && self.config.seen().is_ok() {
            self.config = Known::Missing("not kept".to_owned());
        }
        if let Known::Seen(evidence) = &mut self.evidence {
            for one in evidence.iter_mut() {
                if let (Maker::Certificate { certificate, .. }, Some(names)) = (&mut one.maker, &kept.claims)
                {
                    let before = certificate.claims.len();
                    certificate.claims.retain(|name, _| names.contains(name));
                    if certificate.claims.len() < before {
                        self.kept_claims = Some(names.clone());
                    }
                }
            }
            evidence.shrink_to_fit();
        }
        if let Known::Seen(report) = &mut self.report {
            report.changes = Vec::new();
            if !kept.packages {
                report.packages = Vec::new();
                self.without_packages = true;
            }
            for finding in &mut report.findings {
                finding.remedy = Remedy::default();
                finding.evidence = Vec::new();
                if !kept.texts {
                    finding.aliases = Vec::new();
                    finding.title = String::new();
                    self.without_texts = true;
                }
            }
            report.findings.shrink_to_fit();
        }
        self
    }

    /// About how many bytes it takes in memory.
    pub fn weight(&self) -> usize {
        let digest = 100;
        let digests = |layers: &Known<Vec<Digest>>| layers.seen().map_or(0, |layers| layers.len() * digest);
        let evidence = self.evidence.seen().map_or(0, |evidence| evidence.iter().map(weight).sum());
        // A text in memory is its letters and three words; as JSON, its letters, quotes, key and comma.
        let report = self.report.seen().map_or(0, |report| 2 * written(report));
        let bases: usize = self.bases.iter().map(|(name, layers)| 100 + name.len() + digests(layers)).sum();
        let unread: usize = self.unread_evidence.iter().map(|text| 24 + text.len()).sum();
        let inputs: usize = self.inputs.iter().flatten().map(|(place, _)| place.len() + 150).sum();
        size_of::<Self>() + digests(&self.layers) + bases + evidence + inputs + unread + report
    }

    fn failed<T>(&mut self, reason: String) -> Known<T> {
        self.failures.push(reason.clone());
        Known::Missing(reason)
    }
}

/// Layers, moment and configuration of an image.
type Described = (Known<Vec<Digest>>, Known<i64>, Known<Config>);

/// Layers of an image, by the digest of their content, the moment of its build, its configuration; why not, where it does not say.
fn image(registries: &Registries, name: &str, options: &Options) -> Result<Described, plimsoll_oci::Error> {
    let source = registries.source(&Reference::parse(name)?)?;
    let any = Selection::any(Platform::linux(crate::scan::host_architecture()));
    let image = source.image(&Selection { platform: options.platform.clone(), ..any })?;
    let layers = match image.layers.iter().map(|layer| layer.diff_id.clone()).collect() {
        Some(layers) => Known::Seen(layers),
        None => Known::Missing("its configuration does not fit its layers".into()),
    };
    let created = match image.created.as_deref().map(str::parse::<jiff::Timestamp>) {
        // Reproducible builds write the first second of 1970, or nothing.
        Some(Ok(time)) if time.as_second() > 86_400 => Known::Seen(time.as_second()),
        Some(Ok(_)) => Known::Missing("the image was built so as not to say it".into()),
        Some(Err(_)) => Known::Missing("the image says something that is no date".into()),
        None => Known::Missing("the image does not say it".into()),
    };
    let config = match &image.run {
        None => Known::Missing("it is written in a form that nobody reads".into()),
        Some(run) => Known::Seen(Config {
            user: run.user.clone(),
            labels: image.labels.clone(),
            env: image.env.clone(),
            entrypoint: image.entrypoint.clone(),
            command: image.command.clone(),
            ports: run.exposed_ports.clone(),
            volumes: run.volumes.clone(),
            platform: image.platform.to_string(),
        }),
    };
    Ok((layers, created, config))
}

/// Verified evidence as a fact; `None` for what proves nothing.
fn fact(checked: Checked) -> Option<Evidence> {
    // A verified certificate counts whoever it names: requirements say who is meant.
    let verified = matches!(
        (&checked.outcome, &checked.certificate),
        (Outcome::Trusted { .. }, _) | (Outcome::Untrusted { .. }, Some(_))
    );
    if !verified {
        return None;
    }
    let maker = match (checked.certificate, checked.root, checked.key) {
        (Some(certificate), Some(root), _) => Maker::Certificate { certificate, root },
        // A certificate of no root is one of Notation: it counts for the signers whose rules it meets.
        (Some(certificate), None, Some(key)) => match checked.outcome {
            Outcome::Trusted { signers } => {
                Maker::Notation { subject: certificate.subject.unwrap_or_default(), key, signers }
            }
            _ => return None,
        },
        (None, _, Some(key)) => Maker::Key(key),
        _ => return None,
    };
    let statement = match checked.what {
        What::Signature => None,
        What::Attestation(statement) => {
            Some(Statement { predicate_type: statement.predicate_type, predicate: statement.predicate })
        }
        What::Unknown => return None,
    };
    Some(Evidence { statement, maker, logged: checked.logged })
}

fn weight(evidence: &Evidence) -> usize {
    let statement = evidence.statement.as_ref().map_or(0, |statement| 2 * written(&statement.predicate));
    let maker = match &evidence.maker {
        Maker::Key(fingerprint) => fingerprint.len(),
        Maker::Certificate { certificate, root } => {
            let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            let claims = certificate.claims.iter().map(|(name, value)| 100 + name.len() + value.len());
            root.len() + text(&certificate.subject) + text(&certificate.issuer) + claims.sum::<usize>()
        }
        Maker::Notation { subject, key, signers } => {
            subject.len() + key.len() + signers.iter().map(String::len).sum::<usize>()
        }
    };
    size_of::<Evidence>() + statement + maker
}

/// How many bytes a value takes as JSON.
fn written(value: &impl serde::Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Nothing here fails to be written; and if it did, what was counted until then still weighs something.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{
        Coverage, DatabaseInfo, Ecosystem, Finding, ImagePath, Level, Location, Outcome, Package, Target,
        TargetKind, Verdict,
    };
    use plimsoll_policy::{Certificate, Effect, Kept};

    use super::*;

    fn scanned(findings: Vec<Finding>) -> Gathered {
        let mut package = Package::new(Ecosystem::Npm, "x", "1.0.0", Location::new(ImagePath::from("a")));
        package.purl = "pkg:npm/x@1.0.0".into();
        let report = Report {
            schema_version: "1.0".into(),
            plimsoll: "0".into(),
            target: Target::named(TargetKind::Image, "shop"),
            database: DatabaseInfo {
                coverage: Coverage::Database,
                date: "2027-01-14T00:00:00Z".into(),
                digest: None,
                sources: Vec::new(),
            },
            verdict: Verdict {
                outcome: Outcome::Met,
                line: String::new(),
                reasons: Vec::new(),
                inputs_missing: Vec::new(),
            },
            packages: vec![package; 50],
            findings,
            changes: Vec::new(),
            vex: Vec::new(),
            framework: None,
            since: None,
            problems: Vec::new(),
        };
        let digest = Digest::parse(&format!("sha256:{}", "11".repeat(32))).expect("a digest");
        let looked_for = vec![FindingKind::Secret];
        Gathered {
            digest: Known::Seen(digest),
            report: Known::Seen(Box::new(report)),
            looked_for,
            ..Gathered::default()
        }
    }

    #[test]
    fn what_is_kept_of_a_scan_decides_as_the_whole() {
        let requirements = [
            "maxSeverity: {severity: high}",
            "maxSeverity: {severity: any, fixable: true, kev: true}",
            "noSecrets: true",
            "databaseMaxAge: 2d",
            "anyOf: [{noMalware: true}, {noEndOfLife: true}]",
            "cel: {expression: 'now - database.date < duration(\"48h\")'}",
        ];
        let secret = Finding { kind: FindingKind::Secret, ..Finding::sample("key", Level::High, false) };
        let lists = [Vec::new(), vec![Finding::sample("CVE-1", Level::High, true)], vec![secret]];
        for requirement in requirements {
            let mut policies = Policies::default();
            let text = format!(
                "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: p}}\nspec: {{requirements: [{requirement}]}}\n"
            );
            policies.add("p.yaml", &text).expect("a policy");
            for findings in &lists {
                let whole = scanned(findings.clone());
                let kept = whole.clone().slim(&policies);
                assert!(kept.weight() < whole.weight() / 2, "{requirement}: {} bytes", kept.weight());
                let decided = |gathered: &Gathered| {
                    let facts = gathered.facts(ImageName::default(), Workload::default());
                    decide(&facts, &policies, 1_800_000_000)
                };
                assert_eq!(decided(&whole), decided(&kept), "{requirement}");
            }
        }
        // What an expression looks at stays.
        for (expression, kept) in [
            ("packages.all(p, p.name == 'x')", Kept { packages: true, ..Kept::default() }),
            ("findings.all(f, f.title != '')", Kept { texts: true, ..Kept::default() }),
        ] {
            let mut policies = Policies::default();
            let text = format!(
                "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: p}}\nspec: {{requirements: [{{cel: {{expression: {expression:?}}}}}]}}\n"
            );
            policies.add("p.yaml", &text).expect("a policy");
            let titled = Finding { title: "a title".into(), ..Finding::sample("CVE-1", Level::High, true) };
            let slim = scanned(vec![titled]).slim(&policies);
            let told =
                Kept { packages: !slim.without_packages, texts: !slim.without_texts, ..Kept::default() };
            assert_eq!(told, kept, "{expression}");
            let facts = slim.facts(ImageName::default(), Workload::default());
            assert_eq!(decide(&facts, &policies, 1_800_000_000).effect, Effect::Allow, "{expression}");
        }
        // So do layers and claims of certificates where something looks at them, and nothing of them where nothing does.
        let layer = Digest::parse(&format!("sha256:{}", "22".repeat(32))).expect("a digest");
        let certificate = Certificate {
            subject: Some("a".into()),
            issuer: Some("b".into()),
            claims: ["runnerEnvironment", "sourceRepositoryURI"]
                .map(|name| (name.to_owned(), "c".to_owned()))
                .into(),
        };
        let maker = Maker::Certificate { certificate, root: "sigstore".into() };
        let whole = Gathered {
            layers: Known::Seen(vec![layer.clone()]),
            config: Known::Seen(Config { user: "1".into(), ..Config::default() }),
            evidence: Known::Seen(vec![Evidence { statement: None, maker, logged: true }]),
            ..scanned(Vec::new())
        };
        let claims = |gathered: &Gathered| match &gathered.evidence.seen().expect("evidence")[0].maker {
            Maker::Certificate { certificate, .. } => certificate.claims.len(),
            _ => 0,
        };
        for (requirement, layers, config, count) in [
            ("signedBy: {signers: [s]}", false, false, 1),
            ("pinDigest: true", false, false, 1),
            (&format!("baseImages: {{allow: [{{layers: ['{layer}']}}]}}"), true, false, 1),
            ("cel: {expression: \"config.user != ''\"}", false, true, 1),
            ("cel: {expression: 'layers.size() == 1 && signatures.size() == 1'}", true, false, 2),
            ("builtBy: {source: a, signers: [s]}", false, false, 2),
        ] {
            let mut policies = Policies::default();
            let text = format!(
                "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: p}}\nspec: {{signers: {{s: {{keyless: {{subject: a, issuer: b, claims: {{runnerEnvironment: c}}}}}}}}, requirements: [{requirement}]}}\n"
            );
            policies.add("p.yaml", &text).expect("a policy");
            let kept = whole.clone().slim(&policies);
            assert_eq!(
                (kept.layers.seen().is_ok(), kept.config.seen().is_ok(), claims(&kept)),
                (layers, config, count),
                "{requirement}"
            );
            let decided = |gathered: &Gathered| {
                let facts = gathered.facts(ImageName::default(), Workload::default());
                decide(&facts, &policies, 1_800_000_000)
            };
            assert_eq!(decided(&whole), decided(&kept), "{requirement}");
        }
        // A revocation looks at packages: they stay.
        let mut revoking = Policies::default();
        let text = "apiVersion: plimsoll.dev/v1\nkind: Revocation\nmetadata: {name: r}\nspec: {reason: bad, package: {purl: pkg:npm/x}}\n";
        revoking.add("r.yaml", text).expect("a revocation");
        let kept = scanned(Vec::new()).slim(&revoking);
        assert_eq!(
            decide(&kept.facts(ImageName::default(), Workload::default()), &revoking, 0).revoked.len(),
            1
        );
    }
}
