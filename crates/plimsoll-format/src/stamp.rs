//! Times and names that documents must carry although a report has none of its own: made of the report, so that the same
//! report gives the same bytes.

use plimsoll_model::purl::{Parts, Purl};
use plimsoll_model::{Report, Target, TargetKind};

/// A date and time that the schemas accept; `None` for text that is none.
pub(crate) fn timestamp(text: Option<&str>) -> Option<String> {
    let time: jiff::Timestamp = text?.parse().ok()?;
    // Documents count in seconds, and years have four digits.
    let time = jiff::Timestamp::from_second(time.as_second()).ok()?.to_string();
    time.starts_with(|first: char| first.is_ascii_digit()).then_some(time)
}

/// The time of the advisory data.
fn of_data(report: &Report) -> Option<String> {
    let date = &report.database.date;
    timestamp(Some(date)).or_else(|| timestamp(Some(&format!("{}T00:00:00Z", crate::text::day(date)))))
}

/// When the run was, as far as a document that is the same each time can say: the time of the advisory data, which what it
/// says is as old as; else the target's.
pub(crate) fn of_run(report: &Report) -> String {
    of_data(report).or_else(|| timestamp(report.target.created.as_deref())).unwrap_or_else(|| EPOCH.into())
}

const EPOCH: &str = "1970-01-01T00:00:00Z";

/// How people call the target: the name inside the archive, else what was typed.
pub(crate) fn name(target: &Target) -> &str {
    match &target.reference {
        Some(reference) if !reference.is_empty() => reference,
        _ => &target.name,
    }
}

/// Repository and tag of an image's reference, whose digest is left out.
pub(crate) fn repository_and_tag(reference: &str) -> (&str, Option<&str>) {
    let whole = reference.split_once('@').map_or(reference, |(name, _)| name);
    // A port is followed by a path, a tag is not.
    match whole.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (whole, None),
    }
}

/// The package URL of an image (`pkg:oci/...`), by which VEX statements name it; `None` without a digest.
pub(crate) fn image_purl(target: &Target) -> Option<String> {
    let digest = target.digest.as_ref().filter(|_| target.kind == TargetKind::Image)?;
    let whole = name(target);
    let (repository, tag) = if target.reference.is_some() {
        repository_and_tag(whole)
    } else {
        (whole.split_once('@').map_or(whole, |(name, _)| name), None)
    };
    let last = repository.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    let mut parts = Parts {
        kind: "oci".into(),
        // Names that no package URL can hold are left to the digest.
        name: if last.is_empty() { "image".into() } else { last.to_lowercase() },
        version: digest.to_string(),
        ..Parts::default()
    };
    if target.reference.is_some() && repository.contains('/') {
        parts.qualifiers.insert("repository_url".into(), repository.to_owned());
    }
    if let Some(tag) = tag.filter(|tag| !tag.is_empty()) {
        parts.qualifiers.insert("tag".into(), tag.to_owned());
    }
    let purl = Purl::build(parts).or_else(|_| {
        Purl::build(Parts {
            kind: "oci".into(),
            name: "image".into(),
            version: digest.to_string(),
            ..Parts::default()
        })
    });
    purl.ok().map(|purl| purl.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_by_their_digest() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let mut target = Target {
            kind: TargetKind::Image,
            name: "oci:build/shop-web".into(),
            reference: None,
            digest: digest.parse().ok(),
            image_id: None,
            platform: None,
            created: None,
            release: None,
            layers: Vec::new(),
            base: None,
            files: None,
            origin: None,
            git: None,
        };
        assert_eq!(image_purl(&target).unwrap(), format!("pkg:oci/shop-web@{digest}"));
        target.reference = Some("ghcr.io:443/Shop/Web:1.2".into());
        assert_eq!(
            image_purl(&target).unwrap(),
            format!("pkg:oci/web@{digest}?repository_url=ghcr.io:443%2FShop%2FWeb&tag=1.2")
        );
        target.reference = Some("\u{1b}///".into());
        assert!(image_purl(&target).unwrap().starts_with("pkg:oci/"));
        target.digest = None;
        assert_eq!(image_purl(&target), None);
    }
}
