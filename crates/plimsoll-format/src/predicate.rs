//! What is signed about an image: Cosign's vulnerability predicate, and in-toto statements around an SBOM.

use plimsoll_model::Report;
use serde_json::{Value, json};

use crate::{Error, Format, sbom, stamp};

/// Cosign's vulnerability predicate (`https://cosign.sigstore.dev/attestation/vuln/v1`), around the report itself.
/// It is the predicate alone, as `cosign attest --type vuln --predicate FILE` takes it: cosign adds the subject.
pub(crate) fn vulnerabilities(report: &Report) -> Result<String, Error> {
    let time = stamp::of_run(report);
    let digest = report.database.digest.as_ref().map(ToString::to_string).unwrap_or_default();
    let document = json!({
        "invocation": {"parameters": [], "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {
            "uri": format!("pkg:generic/plimsoll@{}", report.plimsoll),
            "version": report.plimsoll,
            "db": {"uri": "", "version": digest, "lastUpdate": report.database.date},
            "result": serde_json::to_value(report)?,
        },
        "metadata": {"scanStartedOn": time, "scanFinishedOn": time},
    });
    Ok(crate::text::json(&document)?)
}

/// An in-toto statement (`https://in-toto.io/Statement/v1`) that says which image the SBOM is of.
pub(crate) fn sbom(report: &Report, format: Format) -> Result<String, Error> {
    let name = stamp::name(&report.target);
    // Only the manifest's digest names an image in a registry; the image id does not.
    let digest = report.target.digest.as_ref();
    let digest = digest.ok_or_else(|| Error::NoSubject(crate::clean(name).into_owned()))?;
    let (kind, text) = if format == Format::SbomPredicateSpdx {
        ("https://spdx.dev/Document", sbom::spdx::write(report)?)
    } else {
        ("https://cyclonedx.org/bom", sbom::cyclonedx::write(report, sbom::cyclonedx::VERSION)?)
    };
    let predicate: Value = serde_json::from_str(&text)?;
    let document = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {digest.algorithm().name(): digest.hex()}}],
        "predicateType": kind,
        "predicate": predicate,
    });
    Ok(crate::text::json(&document)?)
}
