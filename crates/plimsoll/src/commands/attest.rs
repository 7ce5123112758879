//! `plimsoll attest`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use plimsoll_format::{Format, View};
use plimsoll_http::Client;
use plimsoll_model::Outcome;
use plimsoll_scan::Options;
use plimsoll_scan::attest::{self, Place, Said};
use plimsoll_scan::trust::{
    Error as TrustError, IdentityToken, Keyless, SIGNED, Seal, Services, SigningKey, is_encrypted,
};
use serde_json::Value;

use super::db::update;
use super::{Answer, scan, verify};
use crate::cli::{
    Attachment, AttestArguments, AttestCommand, AttestScanArguments, AttestVerdictArguments, SigningArguments,
};
use crate::environment::{Environment, IdentityVariables};
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// Short names of kinds of predicates, as cosign has them.
const TYPES: &[(&str, &str)] = &[
    ("vuln", VULN),
    ("cyclonedx", CYCLONEDX),
    ("spdx", SPDX),
    ("spdxjson", SPDX),
    ("openvex", OPENVEX),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
];
const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const CYCLONEDX: &str = "https://cyclonedx.org/bom";
const SPDX: &str = "https://spdx.dev/Document";
/// Largest identity token in bytes.
const LARGEST_TOKEN: u64 = 64 * 1024;
const OPENVEX: &str = "https://openvex.dev/ns";

pub(crate) fn run(arguments: &AttestArguments, environment: &Environment) -> Answer {
    match &arguments.command {
        Some(AttestCommand::Scan(arguments)) => return of_scan(arguments, environment),
        Some(AttestCommand::Verdict(arguments)) => return of_verdict(arguments, environment),
        None => {}
    }
    let usage = |error| Failure::new(USAGE, error);
    let image = arguments.image.as_deref().ok_or_else(|| usage(anyhow!("no image was named")))?;
    let seal = seal(&arguments.signing, &arguments.registry.ca_files, environment)?;
    let said = read(arguments).map_err(usage)?;
    let registries = environment.network.registries(&arguments.registry);
    let place = Place::find(image, &registries).map_err(scan::failed)?;
    store(image, &place, &said, &*seal)?;
    Ok(0)
}

/// Signs, stores, and says so.
fn store(image: &str, place: &Place, said: &Said, seal: &dyn Seal) -> Result<(), Failure> {
    let stored = place.attest(said, seal).map_err(scan::failed)?;
    print::data(&format!("{}\n", stored.digest))?;
    print::talk(&format!("attested {image} as {}; it refers to {}", said.kind, place.subject.digest));
    Ok(())
}

/// Whoever signs.
pub(super) fn seal(
    arguments: &SigningArguments,
    ca_files: &[PathBuf],
    environment: &Environment,
) -> Result<Box<dyn Seal>, Failure> {
    let usage = |error| Failure::new(USAGE, error);
    if let Some(path) = &arguments.key {
        let key = signing_key(path, arguments.key_password_file.as_deref(), environment).map_err(usage)?;
        return Ok(Box::new(key));
    }
    if !arguments.keyless {
        return Err(usage(anyhow!("nobody was named who signs")).hint(
            "name a private key: --key FILE (`cosign generate-key-pair` makes one), or sign with --keyless"
                .to_owned(),
        ));
    }
    let roots = verify::roots(std::slice::from_ref(&arguments.keyless_root), environment).map_err(usage)?;
    let services = Services::new(&arguments.fulcio_url, &arguments.rekor_url, &arguments.timestamp_url)
        .map_err(|error| usage(error.into()))?;
    let client = Client::new(environment.network.http(ca_files));
    let token = identity_token(arguments, &client, environment)?;
    // A refusal of the services leaves it open whether anything could be said.
    let undecided = |error: TrustError| Failure::new(UNDECIDED, error);
    let keyless =
        Keyless::begin(client, services, &token, roots, environment.now.as_second()).map_err(undecided)?;
    Ok(Box::new(keyless))
}

fn identity_token(
    arguments: &SigningArguments,
    client: &Client,
    environment: &Environment,
) -> Result<IdentityToken, Failure> {
    let usage = |error| Failure::new(USAGE, error);
    let text = match (&arguments.identity_token, &environment.identity) {
        (Some(path), _) if path == Path::new("-") => {
            let mut text = String::new();
            std::io::stdin()
                .lock()
                .take(LARGEST_TOKEN)
                .read_to_string(&mut text)
                .context("cannot read standard input")
                .map_err(usage)?;
            text
        }
        (Some(path), _) => verify::text(path).map_err(usage)?,
        (None, IdentityVariables { token: Some(token), .. }) => token.clone(),
        (None, IdentityVariables { github: Some((address, secret)), .. }) => {
            return IdentityToken::of_github(client, address, secret)
                .map_err(|error| Failure::new(UNDECIDED, error));
        }
        (None, _) => {
            return Err(usage(anyhow!("there is no identity token to sign with")).hint(
                "give one with --identity-token FILE or SIGSTORE_ID_TOKEN; on GitHub, give the job `permissions: id-token: write`"
                    .to_owned(),
            ));
        }
    };
    IdentityToken::parse(&text).map_err(|error| usage(error.into()))
}

pub(super) fn signing_key(
    path: &Path,
    password_file: Option<&Path>,
    environment: &Environment,
) -> anyhow::Result<SigningKey> {
    let pem = String::from_utf8(verify::key_bytes(path, environment)?)
        .map_err(|_| anyhow!("`{}` is not text", path.display()))?;
    let password = match password_file {
        Some(file) => {
            let mut bytes = verify::bytes(file)?;
            // The end of a line that editors add is no part of it.
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            bytes.truncate(end.unwrap_or(bytes.len()));
            Some(bytes)
        }
        None => environment.cosign_password.clone().filter(|_| is_encrypted(&pem)),
    };
    Ok(SigningKey::from_pem(&path.display().to_string(), &pem, password.as_deref())?)
}

fn read(arguments: &AttestArguments) -> anyhow::Result<Said> {
    let (Some(kind), Some(path)) = (&arguments.kind, &arguments.predicate) else {
        return Ok(Said { kind: SIGNED.to_owned(), predicate: Value::Object(serde_json::Map::new()) });
    };
    let bytes = verify::bytes_or_input(path)?;
    let predicate: Value =
        serde_json::from_slice(&bytes).with_context(|| format!("`{}` is not JSON", path.display()))?;
    if predicate.get("_type").is_some() && predicate.get("predicateType").is_some() {
        return Err(anyhow!("`{}` is a whole in-toto statement; give its predicate alone", path.display()));
    }
    let known = TYPES.iter().find(|(name, _)| name == kind).map(|(_, address)| (*address).to_owned());
    let kind = match known {
        Some(address) => address,
        None if kind.contains("://") => kind.clone(),
        None => {
            let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
            return Err(anyhow!("`--type {kind}` is neither an address nor one of {}", names.join(", ")));
        }
    };
    Ok(Said { kind, predicate })
}

/// `plimsoll attest scan`.
fn of_scan(arguments: &AttestScanArguments, environment: &Environment) -> Answer {
    let usage = |error| Failure::new(USAGE, error);
    let seal = seal(&arguments.signing, &arguments.reading.registry.ca_files, environment)?;
    let mut vex = Vec::new();
    for path in &arguments.vex {
        vex.push((path.display().to_string(), verify::bytes(path).map_err(usage)?));
    }
    let mut documents = Vec::new();
    if arguments.attach.contains(&Attachment::Vex) {
        if vex.is_empty() {
            return Err(usage(anyhow!(
                "`--attach vex` attaches the documents of `--vex`, and there is none"
            )));
        }
        for (path, bytes) in &vex {
            documents.push(open_vex(path, bytes).map_err(usage)?);
        }
    }
    let registries = environment.network.registries(&arguments.reading.registry);
    let place = Place::find(&arguments.image, &registries).map_err(scan::failed)?;
    let options = Options {
        database: scan::database(arguments.db.as_ref(), environment),
        supply: update::supply(&arguments.supply, arguments.db.as_deref(), &arguments.reading, environment)?,
        vex,
        now: environment.now,
        scanners: arguments.scanners.clone().unwrap_or_default(),
        ..scan::reading_options(&arguments.reading, environment)?
    };
    let report = scan::scan(&place.pinned(), &options, environment)?;
    let whole = place.subject.digest.clone();
    let place = match attest::scanned(&report) {
        Some(digest) => place.at(digest).map_err(scan::failed)?,
        None => return Err(Failure::new(UNDECIDED, anyhow!("the scan does not say which image it read"))),
    };
    if place.subject.digest != whole {
        let platform = report.target.platform.as_deref().unwrap_or("one platform");
        print::talk(&format!("{} has several platforms: {platform} is what was scanned", arguments.image));
    }
    let view = View { color: false, links: false, ..scan::view(&arguments.image, environment) };
    let rendered = |format: Format| -> Result<Value, Failure> {
        let text = plimsoll_format::write(&report, format, &view)
            .with_context(|| format!("cannot write the report as `{format}`"))
            .map_err(|error| Failure::new(UNDECIDED, error))?;
        serde_json::from_str(&text)
            .context("the report is no JSON")
            .map_err(|error| Failure::new(UNDECIDED, error))
    };
    let mut attach = arguments.attach.clone();
    attach.dedup();
    for attachment in attach {
        let (kind, format) = match attachment {
            Attachment::Vuln => (VULN, Format::VulnPredicate),
            Attachment::Report => (attest::REPORT, Format::Json),
            Attachment::Cyclonedx => (CYCLONEDX, Format::CycloneDx),
            Attachment::Spdx => (SPDX, Format::Spdx),
            Attachment::Vex => {
                for predicate in &documents {
                    let said = Said { kind: OPENVEX.to_owned(), predicate: predicate.clone() };
                    store(&arguments.image, &place, &said, &*seal)?;
                }
                continue;
            }
        };
        let said = Said { kind: kind.to_owned(), predicate: rendered(format)? };
        store(&arguments.image, &place, &said, &*seal)?;
    }
    for problem in report.problems.iter().take(3) {
        print::talk(&format!("not everything was read: {}", plimsoll_format::clean(&problem.detail)));
    }
    Ok(0)
}

/// Only OpenVEX has a kind of predicate of its own.
fn open_vex(path: &str, bytes: &[u8]) -> anyhow::Result<Value> {
    let document: Value = serde_json::from_slice(bytes).with_context(|| format!("`{path}` is not JSON"))?;
    let context = document.get("@context").and_then(Value::as_str).unwrap_or_default();
    if !context.starts_with(OPENVEX) {
        return Err(anyhow!("`{path}` is no OpenVEX document, and others cannot be attached"));
    }
    Ok(document)
}

/// `plimsoll attest verdict`.
fn of_verdict(arguments: &AttestVerdictArguments, environment: &Environment) -> Answer {
    let seal = seal(&arguments.signing, &arguments.evidence.registry.ca_files, environment)?;
    let question = verify::Question::new(
        &arguments.image,
        &arguments.policies,
        &arguments.namespace,
        &arguments.labels,
        &arguments.evidence,
    );
    let decided = question.decide(environment)?;
    let decision = &decided.decision;
    let view = View { all: arguments.all, ..scan::view(&arguments.image, environment) };
    print::data(&verify::shown(decision, arguments.format, &view)?)?;
    let code = decision.outcome().exit_code();
    let nothing = || print::talk("nothing was attested: no policy is met");
    if decision.outcome() != Outcome::Met {
        nothing();
        return Ok(code);
    }
    let registries = environment.network.registries(&arguments.evidence.registry);
    let (place, summaries) = attest::summaries(&decided, &arguments.image, &arguments.verifier, &registries)
        .map_err(scan::failed)?;
    if summaries.is_empty() {
        nothing();
    }
    for attest::Summarized { policy, hash, said } in &summaries {
        let stored = place.attest(said, &*seal).map_err(scan::failed)?;
        print::talk(&format!("attested that `{policy}` ({hash}) is met: {}", stored.digest));
    }
    Ok(code)
}
