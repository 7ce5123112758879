//! `plimsoll attest`.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use plimsoll_scan::trust::{SIGNED, SigningKey};
use serde_json::Value;

use super::{Answer, scan, verify};
use crate::cli::AttestArguments;
use crate::environment::Environment;
use crate::print::{self, Failure, USAGE};

/// Short names of kinds of predicates, as cosign has them.
const TYPES: &[(&str, &str)] = &[
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("openvex", "https://openvex.dev/ns"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
];

pub(crate) fn run(arguments: &AttestArguments, environment: &Environment) -> Answer {
    let usage = |error| Failure::new(USAGE, error);
    let (key, kind, predicate) = read(arguments).map_err(usage)?;
    let registries = environment.network.registries(&arguments.registry);
    let (attestation, subject) =
        plimsoll_scan::attest::attest(&arguments.image, &key, &kind, &predicate, &registries)
            .map_err(scan::failed)?;
    print::data(&format!("{}\n", attestation.digest))?;
    print::talk(&format!("attested {} as {kind}; it refers to {}", arguments.image, subject.digest));
    Ok(0)
}

fn read(arguments: &AttestArguments) -> anyhow::Result<(SigningKey, String, Value)> {
    let key = SigningKey::from_pem(&arguments.key.display().to_string(), &verify::text(&arguments.key)?)?;
    let (Some(kind), Some(path)) = (&arguments.kind, &arguments.predicate) else {
        return Ok((key, SIGNED.to_owned(), Value::Object(serde_json::Map::new())));
    };
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
        bytes
    } else {
        verify::bytes(path)?
    };
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
    Ok((key, kind, predicate))
}
