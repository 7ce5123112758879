//! `plimsoll db push`, and registries as a source of `plimsoll db pull`: the database as an OCI artifact.
//!
//! One layer is the whole bundle, further ones are deltas that lead to the same content; each is titled as the file on a
//! static host would be (`org.opencontainers.image.title`). The bundles carry their own signatures: nothing that the
//! manifest says is believed. Beside them, or instead, sigstore bundles may refer to the artifact (`db push --key`, `--keyless`): then its manifest is what is
//! signed, and by the digests in it all parts.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use plimsoll_advisory::{
    BUNDLE_NAME, PublicKey, SigningKey, delta_name, install_bundle, read_bundle, write_bundle,
};
use plimsoll_model::Digest;
use plimsoll_scan::attest::{Place, Said};
use plimsoll_scan::trust::{Outcome, SIGNED, Target, Trust, What, discover};
use plimsoll_scan::{
    Artifact, Database, OciError, Part, Reference, Registries, Repository, ScanError, StoredPart,
};

use super::transfer::{self, DOWNLOAD_LIMIT, refused, signing_key};
use super::{megabytes, open};
use crate::cli::{DbPushArguments, PublisherArguments};
use crate::commands::{Answer, attest, verify};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// How sources in registries begin.
pub(super) const SCHEME: &str = "oci://";
/// What the artifact is.
const ARTIFACT: &str = "application/vnd.plimsoll.database.v1";
const WHOLE: &str = "application/vnd.plimsoll.database.bundle.v1";
const DELTA: &str = "application/vnd.plimsoll.database.delta.v1";
const TITLE: &str = "org.opencontainers.image.title";
/// Says what comes out, for people and tools that look at manifests.
const CONTENT: &str = "dev.plimsoll.database.content";

fn failed(error: OciError) -> Failure {
    let error = ScanError::from(error);
    let code = if error.is_usage() { USAGE } else { UNDECIDED };
    let hint = error.hint();
    Failure::new(code, error).hint(hint)
}

fn reference(text: &str) -> Result<Reference, Failure> {
    let wrong = || "a place in a registry is named as oci://HOST/REPOSITORY:TAG".to_owned();
    let name = text
        .strip_prefix(SCHEME)
        .ok_or_else(|| Failure::new(USAGE, anyhow!("`{text}` is no place in a registry")).hint(wrong()))?;
    Reference::parse(name).map_err(|error| Failure::new(USAGE, error).hint(wrong()))
}

/// The database of one tag.
pub(super) struct Shelf {
    name: String,
    repository: Repository,
    /// Of the manifest that names the parts.
    digest: Digest,
    /// The content that the manifest says comes out.
    content: String,
    /// Who signed that manifest, once somebody looked.
    vouched: Option<String>,
    whole: StoredPart,
    deltas: BTreeMap<String, StoredPart>,
}

impl Shelf {
    pub(super) fn open(source: &str, registries: &Registries) -> Result<Self, Failure> {
        let reference = reference(source)?;
        let repository = registries.repository(reference.name()).map_err(failed)?;
        Shelf::of(repository, &reference).map_err(failed)?.ok_or_else(|| {
            Failure::new(UNDECIDED, anyhow!("`{source}` is no advisory database"))
                .hint("`plimsoll db push` stores one".to_owned())
        })
    }

    /// `None`: what is there is something else.
    fn of(repository: Repository, reference: &Reference) -> Result<Option<Self>, OciError> {
        let stored = repository.artifact(&reference.selector())?;
        if stored.artifact_type != ARTIFACT {
            return Ok(None);
        }
        let digest = stored.digest;
        let content = stored.annotations.get(CONTENT).cloned().unwrap_or_default();
        let mut whole = None;
        let mut deltas = BTreeMap::new();
        for part in stored.parts {
            match (part.descriptor.media_type.as_str(), part.annotations.get(TITLE)) {
                (WHOLE, _) => whole = Some(part),
                (DELTA, Some(title)) => {
                    deltas.insert(title.clone(), part);
                }
                // Something that later versions bring.
                _ => {}
            }
        }
        let name = format!("{SCHEME}{reference}");
        Ok(whole.map(|whole| Shelf { name, repository, digest, content, vouched: None, whole, deltas }))
    }

    /// Asks whether one of these signed the artifact. Nothing but its manifest was read before.
    pub(super) fn ask(mut self, trust: &Trust, now: i64) -> Result<Self, Failure> {
        let name = self.name.trim_start_matches(SCHEME);
        let found = discover(&self.repository, name, &self.digest);
        let mut why = found.problems;
        for evidence in &found.evidence {
            let checked = trust.check(evidence, Target { digest: &self.digest, manifest: None, now });
            // Whoever says something else about it does not say that it is theirs.
            let is_signature = checked.what == What::Signature;
            match checked.outcome {
                Outcome::Trusted { signers } if is_signature => {
                    self.vouched = Some(match &checked.certificate {
                        Some(certificate) => {
                            certificate.subject.clone().unwrap_or_else(|| signers.join(", "))
                        }
                        None => signers.join(", "),
                    });
                    return Ok(self);
                }
                Outcome::Trusted { .. } => why.push("an attestation about it is no signature".to_owned()),
                Outcome::Untrusted { reason }
                | Outcome::Invalid { reason }
                | Outcome::Unreadable { reason } => why.push(reason),
                Outcome::Unsigned => {}
            }
        }
        why.truncate(5);
        let detail = if why.is_empty() { "nothing is attached to it".to_owned() } else { why.join("; ") };
        let error = anyhow!(
            "`{}` ({}) is not signed by whom you named: {}",
            self.name,
            self.digest,
            plimsoll_format::clean(&detail)
        );
        Err(Failure::new(UNDECIDED, error).hint(
            "the database that was there is untouched; whoever publishes it signs with `plimsoll db push --keyless` or `--key`"
                .to_owned(),
        ))
    }

    fn read(&self, part: &StoredPart) -> Result<Box<dyn Read>, Failure> {
        let size = part.descriptor.size;
        if size > DOWNLOAD_LIMIT {
            return Err(Failure::new(
                UNDECIDED,
                anyhow!("a part of `{}` is larger than the limit of {DOWNLOAD_LIMIT} bytes", self.name),
            ));
        }
        Ok(Box::new(self.repository.open_blob(&part.descriptor).map_err(failed)?))
    }
}

impl transfer::Shelf for Shelf {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn vouched(&self) -> Option<(&str, &str)> {
        self.vouched.as_deref().map(|signer| (signer, self.content.as_str()))
    }

    fn whole(&self) -> Result<Box<dyn Read>, Failure> {
        self.read(&self.whole)
    }

    fn delta(&self, name: &str) -> Result<Option<Box<dyn Read>>, Failure> {
        self.deltas.get(name).map(|part| self.read(part)).transpose()
    }
}

/// Whose sigstore bundles count. `None`: nobody asked for one.
pub(super) fn publisher(
    arguments: &PublisherArguments,
    environment: &Environment,
) -> Result<Option<Trust>, Failure> {
    let trust = || -> anyhow::Result<Option<Trust>> {
        let mut signers = verify::keys(&arguments.sigstore_keys, arguments.no_transparency_log, environment)?;
        if let (Some(identity), Some(issuer)) = (&arguments.identity, &arguments.issuer) {
            signers.push(verify::holder(identity, issuer, Vec::new())?);
        }
        if signers.is_empty() {
            return Ok(None);
        }
        Ok(Some(Trust { roots: verify::roots(&arguments.roots, environment)?, signers }))
    };
    trust().map_err(|error| Failure::new(USAGE, error))
}

pub(super) fn push(arguments: &DbPushArguments, database: &Path, environment: &Environment) -> Answer {
    let registries = &environment.network.registries_by(&arguments.ca_files, &arguments.insecure);
    let target = arguments.target.as_str();
    let key = signing_key(arguments.sign.as_deref())?;
    let seals = arguments.signing.key.is_some() || arguments.signing.keyless;
    let reference = reference(target)?;
    let Some(tag) = reference.tag().filter(|_| reference.digest().is_none()) else {
        return Err(Failure::new(USAGE, anyhow!("`{target}` names a digest, and nobody can choose that"))
            .hint("name a tag: oci://HOST/REPOSITORY:TAG".to_owned()));
    };
    let new = open(database)?;
    // What is damaged here must not become someone else's database with our signature.
    new.verify().map_err(|error| Failure::new(UNDECIDED, error))?;
    transfer::warn_of_terms(&new);
    let repository = registries.repository_to_write(reference.name()).map_err(failed)?;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let before = match Shelf::of(repository.clone(), &reference) {
        Ok(before) => before,
        Err(OciError::NoImage { .. }) => None,
        Err(error) => return Err(failed(error)),
    };
    let mut parts = vec![bundle(&new, None, WHOLE, work.path(), key.as_ref())?.expect("a whole is no delta")];
    let mut said = "without a delta: nothing was there before".to_owned();
    if let Some(before) = before {
        match delta(&before, &new, work.path(), key.as_ref()) {
            // What others stored is not signed by us: it is stored anew, by what is here.
            Ok(Previous::Same) if seals => "without a delta: the content is the same".clone_into(&mut said),
            Ok(Previous::Same) => {
                print::data(&format!("{SCHEME}{reference} is up to date\n"))?;
                return Ok(0);
            }
            Ok(Previous::Delta(part)) => {
                said = format!("with a delta of {:.2} MB", megabytes(part.bytes.len() as u64));
                parts.push(part);
            }
            Ok(Previous::TooDifferent) => "without a delta: too much has changed".clone_into(&mut said),
            // Whatever is there will be replaced; those who have it take the whole.
            Err(failure) => {
                print::warning(&format!("no delta was made from what is there: {failure}"));
                "without a delta".clone_into(&mut said);
            }
        }
    }
    let size = parts.first().map_or(0, |part| part.bytes.len() as u64);
    let content = new.digest().map(ToString::to_string).unwrap_or_default();
    let artifact = Artifact {
        artifact_type: ARTIFACT.to_owned(),
        parts,
        annotations: BTreeMap::from([(CONTENT.to_owned(), content.clone())]),
        subject: None,
    };
    let mut signers: Vec<String> = key.iter().map(|key| format!("signed by {}", key.public().id())).collect();
    if seals {
        // The tag comes last: whoever pulls it never meets one that is not signed yet.
        let stored = repository.put_artifact(None, &artifact).map_err(failed)?;
        let seal = attest::seal(&arguments.signing, &arguments.ca_files, environment)?;
        let pinned = format!("{}@{}", reference.name(), stored.digest);
        let said =
            Said { kind: SIGNED.to_owned(), predicate: serde_json::Value::Object(serde_json::Map::new()) };
        let bundle = Place::find(&pinned, registries)
            .and_then(|place| place.attest(&said, &*seal))
            .map_err(crate::commands::scan::failed)?;
        signers.push(format!("sigstore bundle {}", bundle.digest));
    }
    let stored = repository.put_artifact(Some(tag), &artifact).map_err(failed)?;
    let signer = if signers.is_empty() { "not signed".to_owned() } else { signers.join(", ") };
    print::data(&format!(
        "{SCHEME}{reference}\n{}\ncontent {content}\n{:.1} MB {said}, {signer}\n",
        stored.digest,
        megabytes(size)
    ))?;
    Ok(0)
}

/// How what is there leads to the new one.
enum Previous {
    Same,
    TooDifferent,
    Delta(Part),
}

fn delta(before: &Shelf, new: &Database, work: &Path, key: Option<&SigningKey>) -> Result<Previous, Failure> {
    // Checked as everybody else checks it: nothing is built upon what someone else put there.
    let keys: Vec<PublicKey> = key.map(SigningKey::public).into_iter().collect();
    let mut whole = transfer::Shelf::whole(before)?;
    let mut front = Vec::new();
    let name = Path::new(&before.name);
    let mut recorded = transfer::Recorded { from: &mut *whole, kept: &mut front };
    let offered = read_bundle(&mut recorded, name, &keys).map_err(refused)?;
    if new.digest() == Some(&offered.manifest.content) {
        return Ok(Previous::Same);
    }
    let (file, installed) = (work.join("before"), work.join("before.db"));
    std::fs::File::create(&file)
        .and_then(|mut out| std::io::copy(&mut front.as_slice().chain(whole), &mut out))
        .context("the download of what is there was not finished")?;
    install_bundle(&file, &installed, &keys, true).map_err(refused)?;
    let before = open(&installed)?;
    let part = bundle(new, Some(&before), DELTA, work, key)?;
    Ok(part.map_or(Previous::TooDifferent, Previous::Delta))
}

/// A bundle as a layer. `None`: the whole is the smaller one.
fn bundle(
    new: &Database,
    old: Option<&Database>,
    media_type: &str,
    work: &Path,
    key: Option<&SigningKey>,
) -> Result<Option<Part>, Failure> {
    let file = work.join("bundle");
    let written = write_bundle(new, old, &file, key).map_err(|error| Failure::new(UNDECIDED, error))?;
    let Ok(manifest) = written else { return Ok(None) };
    let title =
        manifest.from.as_ref().map_or(BUNDLE_NAME.to_owned(), |from| delta_name(from, &manifest.content));
    let bytes = std::fs::read(&file).context("cannot read the bundle that was just written")?;
    let annotations = BTreeMap::from([(TITLE.to_owned(), title)]);
    Ok(Some(Part { media_type: media_type.to_owned(), bytes, annotations }))
}
