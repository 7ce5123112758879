//! `plimsoll registry`: what registries have, and how they are reached.

use std::fmt::Write as _;

use plimsoll_scan::{Asked, OciError, Reference, Referring, Registries};
use serde_json::{Value, json};

use super::Answer;
use crate::cli::{RegistryCommand, RegistryListArguments};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// Version of the JSON forms.
const SCHEMA_VERSION: &str = "1.0";

pub(crate) fn run(command: &RegistryCommand, environment: &Environment) -> Answer {
    type List = fn(&str, &Registries) -> Result<(Value, String), OciError>;
    let (arguments, list): (&RegistryListArguments, List) = match command {
        RegistryCommand::Tags(arguments) => (arguments, tags),
        RegistryCommand::Repositories(arguments) => (arguments, repositories),
        RegistryCommand::Referrers(arguments) => (arguments, referrers),
        RegistryCommand::Where(arguments) => (arguments, places),
    };
    let registries = environment.network.registries(&arguments.registry);
    let name = ["registry:", "docker://"].iter().find_map(|prefix| arguments.name.strip_prefix(prefix));
    let (mut value, text) = list(name.unwrap_or(&arguments.name), &registries).map_err(|error| {
        let (code, hint) = (if error.is_usage() { USAGE } else { UNDECIDED }, error.hint());
        Failure::new(code, error).hint(hint)
    })?;
    if arguments.json {
        value["schemaVersion"] = json!(SCHEMA_VERSION);
        let text = serde_json::to_string_pretty(&value).map_err(anyhow::Error::from)?;
        print::data(&format!("{text}\n"))?;
    } else {
        print::data(&plimsoll_format::clean_lines(&text))?;
    }
    Ok(0)
}

fn lines(names: &[String]) -> String {
    names.iter().flat_map(|name| [name, "\n"]).collect()
}

fn tags(name: &str, registries: &Registries) -> Result<(Value, String), OciError> {
    let reference = registries.meant(&Reference::parse(name)?)?;
    let tags = registries.repository(reference.name())?.tags()?;
    Ok((json!({ "repository": reference.name().to_string(), "tags": tags }), lines(&tags)))
}

fn repositories(name: &str, registries: &Registries) -> Result<(Value, String), OciError> {
    let (host, prefix) =
        name.trim_end_matches(['/', '*']).split_once('/').unwrap_or((name.trim_end_matches('/'), ""));
    let names = registries.repositories(host, prefix)?;
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    Ok((json!({ "registry": host, "prefix": prefix, "repositories": names }), lines(&names)))
}

fn referrers(name: &str, registries: &Registries) -> Result<(Value, String), OciError> {
    let reference = registries.meant(&Reference::parse(name)?)?;
    let repository = registries.repository(reference.name())?;
    let manifest = repository.manifest(&reference.selector())?;
    let all = repository.referrers_everywhere(&manifest.digest)?;
    let mut text = format!("{}@{}\n", reference.name(), manifest.digest);
    if all.is_empty() {
        text.push_str("nothing refers to it: neither by the referrers API nor by tags\n");
    }
    for Referring { referrer, by } in &all {
        let kind =
            if referrer.artifact_type.is_empty() { &referrer.media_type } else { &referrer.artifact_type };
        let kind = if kind.is_empty() { "of no said type" } else { kind };
        let _ = writeln!(
            text,
            "\n{}\n  {kind}, {} bytes\n  by {}",
            referrer.digest,
            referrer.size,
            by.join(" and ")
        );
        for (name, value) in &referrer.annotations {
            let _ = writeln!(text, "  {name}: {}", value.replace(['\n', '\r'], " "));
        }
    }
    let all: Vec<Value> = all
        .iter()
        .map(|Referring { referrer, by }| {
            json!({
                "digest": referrer.digest,
                "mediaType": referrer.media_type,
                "artifactType": referrer.artifact_type,
                "size": referrer.size,
                "annotations": referrer.annotations,
                "by": by,
            })
        })
        .collect();
    let value =
        json!({ "repository": reference.name().to_string(), "digest": manifest.digest, "referrers": all });
    Ok((value, text))
}

fn places(name: &str, registries: &Registries) -> Result<(Value, String), OciError> {
    let all = registries.asked(&Reference::parse(name)?)?;
    let mut text = String::new();
    for (number, place) in (1..).zip(&all) {
        let Asked { name, address, credentials, .. } = place;
        let kind = if place.is_mirror { "mirror" } else { "registry" };
        let _ = writeln!(text, "{number} {kind} {name}\n  asked at {address}");
        if place.insecure {
            text.push_str("  its certificate is not checked, and it may be read without TLS\n");
        }
        for authority in &place.authorities {
            let _ = writeln!(text, "  believed by the authority of {}", authority.display());
        }
        if let Some(certificate) = &place.certificate {
            let _ = writeln!(text, "  shown the certificate {}", certificate.display());
        }
        let _ = writeln!(text, "  credentials: {credentials}");
        let by = if place.decided_by.is_empty() {
            "the name alone".to_owned()
        } else {
            place.decided_by.join(", ")
        };
        let _ = writeln!(text, "  decided by {by}");
    }
    let all: Vec<Value> = all
        .iter()
        .map(|place| {
            json!({
                "name": place.name,
                "address": place.address,
                "mirror": place.is_mirror,
                "insecure": place.insecure,
                "authorities": place.authorities,
                "certificate": place.certificate,
                "credentials": place.credentials,
                "decidedBy": place.decided_by,
            })
        })
        .collect();
    Ok((json!({ "places": all }), text))
}
