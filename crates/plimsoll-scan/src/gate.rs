//! The use case of `plimsoll verify --policy`: gathers what the policies need to know of an image, and decides.
//!
//! What cannot be gathered is a missing fact with its reason, never an error that ends the decision: a policy that does not
//! need it is not held up by it, and one that does answers *unknown*.

use plimsoll_model::decision::Decision;
use plimsoll_model::{Digest, FindingKind};
use plimsoll_oci::{Image, Platform, Reference, Registries, Selection};
use plimsoll_policy::{
    Config, Evidence, Facts, ImageName, Known, Maker, Need, Policies, Statement, Workload, decide,
};
use plimsoll_trust::{By, Checked, Log, Outcome, PublicKey, Root, Signer, Target, Trust, What};

use crate::scanners::Scanner;
use crate::verify::everything_said;
use crate::{Options, Progress, ScanError};

/// What the decision rests on, beside the image.
#[derive(Debug)]
pub struct Gate {
    policies: Policies,
    trust: Trust,
    /// Other repositories that hold evidence.
    pub repositories: Vec<Reference>,
    /// Where the image is to run.
    pub workload: Workload,
}

impl Gate {
    /// Takes policies and trust roots.
    ///
    /// # Errors
    /// When a policy names a key that cannot be used.
    pub fn new(mut policies: Policies, roots: Vec<Root>) -> Result<Self, ScanError> {
        let keys: Vec<String> = policies.keys().map(|(pem, _)| pem.to_owned()).collect();
        let mut signers = Vec::new();
        for pem in keys {
            let key = PublicKey::from_pem("a key in a policy", &pem)?;
            policies.know_key(&pem, key.fingerprint());
            // Whether a log must know of it is the requirement's to say.
            signers.push(Signer { name: key.fingerprint(), by: By::Key { key, log: Log::IfPresent } });
        }
        Ok(Gate {
            policies,
            trust: Trust { roots, signers },
            repositories: Vec::new(),
            workload: Workload::default(),
        })
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
        let reference = Reference::parse(name.strip_prefix("registry:").unwrap_or(name))?;
        let mut facts = Facts {
            image: ImageName {
                text: name.to_owned(),
                repository: reference.name().to_string(),
                tag: reference.tag().map(str::to_owned),
                digest: reference.digest().cloned(),
            },
            workload: self.workload.clone(),
            ..Facts::default()
        };
        let needs = self.policies.needs(&facts);
        let Some(registries) = &options.registries else {
            return Ok(decide(&facts, &self.policies, options.now.as_second()));
        };
        let needs = |need: Need| needs.contains(&need);
        if needs(Need::Digest) {
            let repository = registries.repository(reference.name());
            match repository.manifest(&reference.selector()) {
                Ok(manifest) => {
                    if needs(Need::Evidence) {
                        self.evidence(&mut facts, registries, &reference, &manifest);
                    }
                    facts.digest = Known::Seen(manifest.digest);
                }
                Err(error) => {
                    let reason = line(&error);
                    facts.evidence = Known::Missing(reason.clone());
                    facts.digest = Known::Missing(reason);
                }
            }
        }
        // From here on the digest, not the tag: it may move between two requests.
        let pinned = facts.digest.seen().ok().map(|digest| format!("{}@{digest}", reference.name()));
        let report = match (&pinned, needs(Need::Scan)) {
            (Some(name), true) => {
                let mut options = options.clone();
                if needs(Need::Secrets) {
                    options.scanners.add(Scanner::Secrets);
                    facts.looked_for.push(FindingKind::Secret);
                }
                Some(crate::scan(&format!("registry:{name}"), &options, &mut std::io::empty(), progress))
            }
            _ => None,
        };
        match &report {
            Some(Ok(report)) => facts.report = Known::Seen(report),
            Some(Err(error)) => facts.report = Known::Missing(line(error)),
            None => {}
        }
        if needs(Need::Image)
            && let Some(name) = &pinned
        {
            let image = image(registries, name, options);
            facts.layers = layers(&image);
            facts.created = created(&image);
            facts.config = config(&image);
        }
        if needs(Need::Bases) {
            for base in self.policies.bases() {
                facts.bases.insert(base.to_owned(), layers(&image(registries, base, options)));
            }
        }
        Ok(decide(&facts, &self.policies, options.now.as_second()))
    }

    fn evidence(
        &self,
        facts: &mut Facts<'_>,
        registries: &Registries,
        reference: &Reference,
        manifest: &plimsoll_oci::Manifest,
    ) {
        let found = everything_said(registries, reference.name(), &self.repositories, &manifest.digest);
        facts.unread_evidence = found.problems;
        let target = Target { digest: &manifest.digest, manifest: Some(&manifest.bytes) };
        let mut evidence = Vec::new();
        for one in &found.evidence {
            let checked = self.trust.check(one, target);
            if let Outcome::Unreadable { reason } = &checked.outcome {
                facts.unread_evidence.push(format!(
                    "{} ({}): {reason}",
                    one.format.name(),
                    one.place.layout.name()
                ));
            }
            evidence.extend(fact(checked));
        }
        facts.evidence = Known::Seen(evidence);
    }
}

/// An image as its registry describes it, or why it is not known.
fn image(registries: &Registries, name: &str, options: &Options) -> Result<Image, String> {
    let read = || {
        let source = registries.source(&Reference::parse(name)?)?;
        let any = Selection::any(Platform::linux(crate::scan::host_architecture()));
        source.image(&Selection { platform: options.platform.clone(), ..any })
    };
    read().map_err(|error| line(&error))
}

/// Its layers, by the digest of their content.
fn layers(image: &Result<Image, String>) -> Known<Vec<Digest>> {
    match image {
        Err(reason) => Known::Missing(reason.clone()),
        Ok(image) => match image.layers.iter().map(|layer| layer.diff_id.clone()).collect() {
            Some(layers) => Known::Seen(layers),
            None => Known::Missing("its configuration does not fit its layers".into()),
        },
    }
}

/// The moment of its build.
fn created(image: &Result<Image, String>) -> Known<i64> {
    match image.as_ref().map(|image| image.created.as_deref().map(str::parse::<jiff::Timestamp>)) {
        Err(reason) => Known::Missing(reason.clone()),
        // Reproducible builds write the first second of 1970, or nothing.
        Ok(Some(Ok(time))) if time.as_second() > 86_400 => Known::Seen(time.as_second()),
        Ok(Some(Ok(_))) => Known::Missing("the image was built so as not to say it".into()),
        Ok(Some(Err(_))) => Known::Missing("the image says something that is no date".into()),
        Ok(None) => Known::Missing("the image does not say it".into()),
    }
}

/// How it is run.
fn config(image: &Result<Image, String>) -> Known<Config> {
    let image = match image {
        Ok(image) => image,
        Err(reason) => return Known::Missing(reason.clone()),
    };
    let Some(run) = &image.run else {
        return Known::Missing("it is written in a form that nobody reads".into());
    };
    Known::Seen(Config {
        user: run.user.clone(),
        labels: image.labels.clone(),
        env: image.env.clone(),
        entrypoint: image.entrypoint.clone(),
        command: image.command.clone(),
        ports: run.exposed_ports.clone(),
        volumes: run.volumes.clone(),
        platform: image.platform.to_string(),
    })
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

/// An error and its causes in one line.
fn line(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        out.push_str(": ");
        out.push_str(&cause.to_string());
        source = cause.source();
    }
    out
}
