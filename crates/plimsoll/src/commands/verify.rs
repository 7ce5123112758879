//! `plimsoll verify`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use plimsoll_format::{Format, View};
use plimsoll_model::Digest;
use plimsoll_model::explanation::Explanation;
use plimsoll_rules::Rules;
use plimsoll_scan::gate::{Decided, Gate};
use plimsoll_scan::policy::{Decision, Policies};
use plimsoll_scan::trust::provenance::Build;
use plimsoll_scan::trust::{By, Log, Pattern, PublicKey, Root, Signer, Trust};
use plimsoll_scan::verify::{Content, Wanted};
use plimsoll_scan::{Options, Progress, Reference, ScanError};

use super::{Answer, notation, scan, trust};
use crate::cli::{EvidenceArguments, RegistryArguments, VerifyArguments};
use crate::environment::Environment;
use crate::print::{self, Failure, USAGE};
use crate::progress;

/// Largest file of a key, root or piece of evidence in bytes.
pub(super) const LARGEST_FILE: u64 = 128 * 1024 * 1024;

pub(crate) fn run(arguments: &VerifyArguments, environment: &Environment) -> Answer {
    if !arguments.policies.is_empty() {
        return decide(arguments, environment);
    }
    let usage = |error| Failure::new(USAGE, error);
    let content = content(&arguments.image).map_err(usage)?;
    let wanted = wanted(arguments, environment).map_err(usage)?;
    let verification = match content {
        Some(_) if wanted.files.is_empty() => {
            return Err(usage(anyhow!("nothing says where evidence of a file is: give it with --evidence")));
        }
        Some(content) => plimsoll_scan::verify::verify_content(&arguments.image, &content, &wanted),
        None => {
            let registries = environment.network.registries(&arguments.registry);
            plimsoll_scan::verify::verify(&arguments.image, &wanted, &registries).map_err(scan::failed)?
        }
    };
    let view = View { all: arguments.all, ..scan::view(&arguments.image, environment) };
    let text = plimsoll_format::verification::write(&verification, arguments.format, &view)
        .context("cannot render the evidence")
        .map_err(|error| Failure::new(USAGE, error))?;
    print::data(&text)?;
    Ok(verification.verdict.outcome.exit_code())
}

/// `file:PATH`, or the digest of a file; nothing for an image.
fn content(target: &str) -> anyhow::Result<Option<Content>> {
    if let Ok(digest) = Digest::parse(target) {
        return Ok(Some(Content { digest, others: Vec::new(), bytes: None }));
    }
    let Some(path) = target.strip_prefix("file:") else { return Ok(None) };
    let named = || format!("cannot read `{path}`");
    let file = std::fs::File::open(path).with_context(named)?;
    Content::read(file, LARGEST_FILE).with_context(named).map(Some)
}

/// What policies are asked of an image with.
pub(super) struct Question<'a> {
    pub(super) image: &'a str,
    pub(super) policies: &'a [PathBuf],
    pub(super) namespace: &'a str,
    pub(super) labels: &'a [String],
    pub(super) db: Option<&'a PathBuf>,
    pub(super) notation_revocations: &'a [PathBuf],
    pub(super) roots: &'a [String],
    pub(super) repositories: &'a [String],
    pub(super) registry: &'a RegistryArguments,
}

impl<'a> Question<'a> {
    pub(super) fn new(
        image: &'a str,
        policies: &'a [PathBuf],
        namespace: &'a str,
        labels: &'a [String],
        evidence: &'a EvidenceArguments,
    ) -> Self {
        Question {
            image,
            policies,
            namespace,
            labels,
            db: evidence.db.as_ref(),
            notation_revocations: &evidence.notation_revocations,
            roots: &evidence.roots,
            repositories: &evidence.repositories,
            registry: &evidence.registry,
        }
    }

    /// Gathers and decides.
    pub(super) fn decide(&self, environment: &Environment) -> Result<Decided, Failure> {
        self.ask(environment, |gate, options, progress| {
            gate.decide_with_inputs(self.image, options, progress)
        })
    }

    /// Gathers, decides and explains.
    pub(super) fn explain(&self, environment: &Environment) -> Result<Explanation, Failure> {
        self.ask(environment, |gate, options, progress| gate.explain(self.image, options, progress))
    }

    fn ask<A>(
        &self,
        environment: &Environment,
        answer: impl FnOnce(&Gate, &Options, &dyn Progress) -> Result<A, ScanError>,
    ) -> Result<A, Failure> {
        let usage = |error| Failure::new(USAGE, error);
        let policies = policies(self.policies).map_err(usage)?;
        let revocations = notation::revocations(self.notation_revocations).map_err(usage)?;
        let mut gate = Gate::new(policies, roots(self.roots, environment).map_err(usage)?, &revocations)
            .map_err(scan::failed)?;
        gate.repositories = repositories(self.repositories).map_err(usage)?;
        self.namespace.clone_into(&mut gate.workload.namespace);
        gate.workload.labels = self
            .labels
            .iter()
            .map(|label| pair(label, "--label"))
            .collect::<anyhow::Result<_>>()
            .map_err(usage)?;
        let options = Options {
            database: scan::database(self.db, environment),
            now: environment.now,
            registries: Some(environment.network.registries(self.registry)),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            cache: if self.registry.no_cache {
                None
            } else {
                super::cache::cache(&self.registry.cache, environment)
            },
            ..Options::default()
        };
        let progress = progress::Line::new(environment.progress);
        let answer = answer(&gate, &options, &progress);
        drop(progress);
        answer.map_err(scan::failed)
    }
}

/// By policies.
fn decide(arguments: &VerifyArguments, environment: &Environment) -> Answer {
    let question = Question {
        image: &arguments.image,
        policies: &arguments.policies,
        namespace: &arguments.namespace,
        labels: &arguments.labels,
        db: arguments.db.as_ref(),
        notation_revocations: &arguments.notation_revocations,
        roots: &arguments.roots,
        repositories: &arguments.repositories,
        registry: &arguments.registry,
    };
    let decision = question.decide(environment)?.decision;
    let view = View { all: arguments.all, ..scan::view(&arguments.image, environment) };
    print::data(&shown(&decision, arguments.format, &view)?)?;
    Ok(decision.outcome().exit_code())
}

pub(super) fn shown(decision: &Decision, format: Format, view: &View) -> Result<String, Failure> {
    plimsoll_format::decision::write(decision, format, view)
        .context("cannot render the decision")
        .map_err(|error| Failure::new(USAGE, error))
}

/// The documents of files and folders.
pub(super) fn policies(paths: &[PathBuf]) -> anyhow::Result<Policies> {
    let mut policies = Policies::default();
    for (file, text) in policy_files(paths)? {
        policies.add(&file.display().to_string(), &text)?;
    }
    if policies.policies().is_empty() {
        return Err(anyhow!("there is no policy in what was given, and nothing can be decided without one"));
    }
    Ok(policies)
}

/// The documents of files and folders: our policies, and rules of other engines about objects.
pub(super) fn policies_and_rules(paths: &[PathBuf]) -> anyhow::Result<(Policies, Rules)> {
    let mut policies = Policies::default();
    let mut objects = Vec::new();
    for (file, text) in policy_files(paths)? {
        let name = file.display().to_string();
        for (line, _, part) in policies.add_own(&name, &text)? {
            let read = plimsoll_rules::documents(part)
                .map_err(|error| anyhow!("{name}: the document after line {line}: {error}"))?;
            objects.extend(read);
        }
    }
    let rules = Rules::in_force(&objects).map_err(|errors| {
        let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow!("rules that cannot be used: {}", all.join("; "))
    })?;
    if policies.policies().is_empty() && rules.is_empty() {
        return Err(anyhow!("there is no policy in what was given, and nothing can be decided without one"));
    }
    Ok((policies, rules))
}

/// The files of a folder with one of these ends, in the order of their names.
pub(super) fn listed(folder: &Path, ends: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let named = || format!("cannot list `{}`", folder.display());
    let mut files = std::fs::read_dir(folder)
        .with_context(named)?
        .map(|entry| Ok(entry.with_context(named)?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    files.retain(|file| {
        file.extension().is_some_and(|end| ends.iter().any(|one| end == *one)) && file.is_file()
    });
    files.sort();
    Ok(files)
}

/// Files of policies with their content; of a folder those whose names end in `.yaml` or `.yml`, in the order of their names.
pub(super) fn policy_files(paths: &[PathBuf]) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut out = Vec::new();
    for path in paths {
        let files = if path.is_dir() {
            let files = listed(path, &["yaml", "yml"])?;
            if files.is_empty() {
                return Err(anyhow!("`{}` holds no file that ends in .yaml or .yml", path.display()));
            }
            files
        } else {
            vec![path.clone()]
        };
        for file in files {
            let content = text(&file)?;
            out.push((file, content));
        }
    }
    Ok(out)
}

/// Whoever has a certificate of this holder, from whoever vouched for them, with these claims in it.
pub(super) fn holder(identity: &str, issuer: &str, claims: Vec<(String, Pattern)>) -> anyhow::Result<Signer> {
    let (subject, issuer) = (pattern(identity)?, pattern(issuer)?);
    let by = By::Identity { subject, issuer, claims, roots: Vec::new() };
    Ok(Signer { name: identity.to_owned(), by })
}

fn wanted(arguments: &VerifyArguments, environment: &Environment) -> anyhow::Result<Wanted> {
    let mut signers = Vec::new();
    let mut skipped = None;
    if let Some(policy) = &arguments.notation_trust_policy {
        let store = arguments.notation_trust_store.as_deref();
        match notation::signer(policy, store, &arguments.notation_revocations, &arguments.image)? {
            notation::Found::Signer(signer) => signers.push(*signer),
            notation::Found::Skip(reason) => skipped = Some(reason),
        }
    } else if !arguments.notation_revocations.is_empty() {
        return Err(anyhow!("`--notation-revocations` needs a `--notation-trust-policy` or a `--policy`"));
    }
    signers.extend(keys(&arguments.keys, arguments.no_transparency_log, environment)?);
    if let (Some(identity), Some(issuer)) = (&arguments.identity, &arguments.issuer) {
        let claims = arguments
            .claims
            .iter()
            .map(|claim| {
                let (name, value) = pair(claim, "--claim")?;
                Ok((name, pattern(&value)?))
            })
            .collect::<anyhow::Result<_>>()?;
        signers.push(holder(identity, issuer, claims)?);
    }
    let files = arguments
        .files
        .iter()
        .map(|path| Ok((path.display().to_string(), bytes(path)?)))
        .collect::<anyhow::Result<_>>()?;
    let nobody = signers.is_empty();
    Ok(Wanted {
        trust: Trust { roots: roots(&arguments.roots, environment)?, signers },
        repositories: repositories(&arguments.repositories)?,
        files,
        build: build(arguments)?,
        predicates: arguments.attestations.clone(),
        // Whoever names a signer beside it asks for that signer.
        skipped: skipped.filter(|_| nobody),
        line: line(arguments),
        now: environment.now.as_second(),
    })
}

/// Whoever signs with one of these keys.
pub(super) fn keys(
    paths: &[PathBuf],
    unlogged: bool,
    environment: &Environment,
) -> anyhow::Result<Vec<Signer>> {
    let log = if unlogged { Log::IfPresent } else { Log::Required };
    let signer = |path: &PathBuf| {
        let name = path.display().to_string();
        let key = PublicKey::read(&name, &key_bytes(path, environment)?)?;
        Ok(Signer { name, by: By::Key { key, log } })
    };
    paths.iter().map(signer).collect()
}

/// What names a key, as cosign has it: a file, or a variable of the environment (`env://NAME`). Services are not asked.
pub(super) fn key_bytes(path: &Path, environment: &Environment) -> anyhow::Result<Vec<u8>> {
    const SERVICES: [&str; 6] = ["awskms", "gcpkms", "azurekms", "hashivault", "k8s", "pkcs11"];
    let shown = path.display().to_string();
    if let Some(name) = shown.strip_prefix("env://") {
        let key = environment.variable(name);
        return key
            .map(String::into_bytes)
            .ok_or_else(|| anyhow!("the variable `{name}` is not set: {shown}"));
    }
    match shown.split_once(':') {
        Some((scheme, _)) if SERVICES.contains(&scheme) && !path.exists() => Err(anyhow!(
            "`{shown}` names a key of a service, which is not asked: save its public key as a file and name that (docs/trust.md says how)"
        )),
        _ => bytes(path),
    }
}

/// The trust roots that were named, else those of sigstore and GitHub.
pub(super) fn roots(given: &[String], environment: &Environment) -> anyhow::Result<Vec<Root>> {
    let names: Vec<&str> = match given {
        [] => vec!["sigstore", "github"],
        given => given.iter().map(String::as_str).collect(),
    };
    names.into_iter().map(|name| trust::root(name, environment)).collect()
}

pub(super) fn repositories(names: &[String]) -> anyhow::Result<Vec<Reference>> {
    names.iter().map(|name| Ok(Reference::parse(name)?)).collect()
}

/// The build that is asked for, when anything of one is named.
fn build(arguments: &VerifyArguments) -> anyhow::Result<Option<Build>> {
    let named = |text: &Option<String>| text.as_deref().map(pattern).transpose();
    let build = Build {
        builder: named(&arguments.builder)?,
        source: named(&arguments.source)?,
        branch: arguments.branch.clone(),
        tag: arguments.tag.clone(),
        version: arguments.version_tag.clone(),
        workflow: named(&arguments.workflow)?,
        inputs: arguments.inputs.iter().map(|input| pair(input, "--input")).collect::<anyhow::Result<_>>()?,
    };
    let asked = build.builder.is_some()
        || build.source.is_some()
        || build.branch.is_some()
        || build.tag.is_some()
        || build.version.is_some()
        || build.workflow.is_some()
        || !build.inputs.is_empty();
    Ok(asked.then_some(build))
}

/// What was asked, in one line.
fn line(arguments: &VerifyArguments) -> String {
    let mut parts = Vec::new();
    parts.extend(
        arguments
            .notation_trust_policy
            .iter()
            .map(|path| format!("--notation-trust-policy {}", path.display())),
    );
    parts.extend(arguments.keys.iter().map(|path| format!("--key {}", path.display())));
    let mut add =
        |name: &str, value: Option<&String>| parts.extend(value.map(|value| format!("--{name} {value}")));
    add("identity", arguments.identity.as_ref());
    add("issuer", arguments.issuer.as_ref());
    add("builder", arguments.builder.as_ref());
    add("source", arguments.source.as_ref());
    add("branch", arguments.branch.as_ref());
    add("tag", arguments.tag.as_ref());
    add("version-tag", arguments.version_tag.as_ref());
    add("workflow", arguments.workflow.as_ref());
    for predicate in &arguments.attestations {
        add("attestation", Some(predicate));
    }
    if parts.is_empty() {
        "none: name whose signature counts with --key or --identity".into()
    } else {
        parts.join(" ")
    }
}

pub(super) fn pattern(text: &str) -> anyhow::Result<Pattern> {
    match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        Some(expression) => Ok(Pattern::regex(expression)?),
        None => Ok(Pattern::parse(text)?),
    }
}

fn pair(text: &str, flag: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = text.split_once('=').ok_or_else(|| anyhow!("`{flag} {text}` has no `=`"))?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).with_context(|| format!("cannot read `{name}`"))?;
    whole(&name, file)
}

/// A file, or standard input for `-`.
pub(super) fn bytes_or_input(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") { whole("standard input", std::io::stdin().lock()) } else { bytes(path) }
}

fn whole(name: &str, input: impl std::io::Read) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut out = Vec::new();
    input.take(LARGEST_FILE + 1).read_to_end(&mut out).with_context(|| format!("cannot read `{name}`"))?;
    if out.len() as u64 > LARGEST_FILE {
        return Err(anyhow!("`{name}` is larger than {LARGEST_FILE} bytes"));
    }
    Ok(out)
}

pub(super) fn text(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(bytes(path)?).map_err(|_| anyhow!("`{}` is not text", path.display()))
}
