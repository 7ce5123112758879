//! Inventories survive their documents, and documents of others are understood.

use plimsoll_format::sbom::{self, Error, SbomDocument};
use plimsoll_format::{FORMATS, Format, View, write};
use plimsoll_model::*;
use proptest::prelude::*;

use crate::{arbitrary, sample};

fn document(report: &Report, format: Format) -> SbomDocument {
    let text = write(report, format, &View::default()).unwrap();
    sbom::read(text.as_bytes()).unwrap()
}

/// What a document keeps of a report: problems of matching are found anew.
fn kept(report: &Report) -> Inventory {
    let of_matching = [ProblemKind::UnreadableVersion, ProblemKind::NotCovered, ProblemKind::StaleData];
    Inventory {
        release: report.target.release.clone(),
        packages: report.packages.clone(),
        problems: report.problems.iter().filter(|one| !of_matching.contains(&one.kind)).cloned().collect(),
    }
}

#[test]
fn an_image_survives_its_sbom() {
    for report in [sample::shop_web(), sample::empty(), sample::unknown()] {
        for row in FORMATS.iter().filter(|row| row.sbom) {
            let format = row.format;
            let read = document(&report, format);
            assert!(read.inventory == kept(&report), "{format}");
            assert_eq!(read.target, report.target, "{format}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_inventory_survives(report in arbitrary::report()) {
        for format in
            [Format::CycloneDx, Format::CycloneDx15, Format::CycloneDx17, Format::Spdx, Format::Spdx3, Format::Syft]
        {
            let read = document(&report, format);
            prop_assert_eq!(&read.inventory, &kept(&report), "{}", format);
            prop_assert_eq!(&read.target, &report.target, "{}", format);
        }
    }

    /// XML and tag-value cannot hold control characters: a name that has some comes back with escapes, and from then on
    /// stays the same.
    #[test]
    fn every_inventory_survives_as_text(report in arbitrary::report()) {
        for format in [Format::CycloneDxXml, Format::SpdxTagValue] {
            let read = document(&report, format);
            prop_assert_eq!(read.inventory.packages.len(), report.packages.len(), "{}", format);
            prop_assert_eq!(&read.inventory.problems, &kept(&report).problems, "{}", format);
            prop_assert_eq!(&read.target, &Target { release: read.target.release.clone(), ..report.target.clone() });
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        sbom::fuzz(&bytes);
    }

    #[test]
    fn broken_documents_do_not_panic(
        index in 0_usize..DOCUMENTS,
        cut in 0_usize..4000,
        change in proptest::collection::vec((0_usize..4000, any::<u8>()), 0..4),
    ) {
        let mut bytes = documents()[index].clone();
        for (at, byte) in change {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        bytes.truncate(bytes.len().saturating_sub(cut / 8));
        sbom::fuzz(&bytes);
    }
}

/// One small document of every form.
fn documents() -> [Vec<u8>; DOCUMENTS] {
    let report = sample::few();
    let own = |format| write(&report, format, &View::default()).unwrap().into_bytes();
    [
        own(Format::CycloneDx),
        own(Format::Spdx),
        own(Format::CycloneDxXml),
        own(Format::SpdxTagValue),
        own(Format::Spdx3),
        own(Format::Syft),
        XML.into(),
        TAG_VALUE.into(),
        SPDX_3.into(),
        SYFT.into(),
        LIST.into(),
        enveloped(&write(&report, Format::SbomPredicate, &View::default()).unwrap()).into_bytes(),
    ]
}

const DOCUMENTS: usize = 12;

/// A statement in a DSSE envelope, with a signature of nobody.
fn enveloped(statement: &str) -> String {
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::STANDARD.encode(statement);
    serde_json::json!({
        "payloadType": "application/vnd.in-toto+json", "payload": payload,
        "signatures": [{"keyid": "", "sig": "AAAA"}],
    })
    .to_string()
}

/// As Syft 1 writes it, cut down.
const SYFT: &str = r#"{
 "artifacts": [
  {"id": "a1", "name": "libssl3", "version": "3.0.11-1", "type": "deb", "foundBy": "dpkg-db-cataloger",
   "locations": [{"path": "/var/lib/dpkg/status", "layerID": "sha256:abababababababababababababababababababababababababababababababab",
                  "accessPath": "/var/lib/dpkg/status"}],
   "licenses": [{"value": "Apache-2.0", "spdxExpression": "Apache-2.0", "type": "declared", "urls": [], "locations": []}],
   "language": "", "cpes": [], "purl": "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl",
   "metadataType": "dpkg-db-entry", "metadata": {"package": "libssl3", "source": "openssl", "version": "3.0.11-1",
   "sourceVersion": "", "architecture": "amd64", "files": []}},
  {"id": "a2", "name": "left-pad", "version": "1.3.0", "type": "npm", "locations": [{"path": "/srv/web/package-lock.json"}],
   "licenses": ["WTFPL"], "language": "javascript", "purl": "pkg:npm/left-pad@1.3.0"},
  {"id": "a3", "name": "vendored", "version": "1", "type": "binary", "locations": [], "licenses": [], "purl": ""}
 ],
 "artifactRelationships": [{"parent": "a1", "child": "a2", "type": "contains"}],
 "source": {"id": "s", "name": "shop-web", "version": "sha256:00", "type": "image", "metadata": {
   "userInput": "shop-web:1", "imageID": "sha256:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
   "manifestDigest": "sha256:efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef",
   "layers": [{"mediaType": "x", "digest": "sha256:abababababababababababababababababababababababababababababababab", "size": 7}]}},
 "distro": {"prettyName": "Debian GNU/Linux 12 (bookworm)", "name": "Debian GNU/Linux", "id": "debian", "versionID": "12",
   "versionCodename": "bookworm"},
 "descriptor": {"name": "syft", "version": "1.18.0"},
 "schema": {"version": "16.0.21", "url": "https://example.test/schema.json"}
}"#;

#[test]
fn json_of_syft() {
    let read = sbom::read(SYFT.as_bytes()).unwrap();
    assert_eq!(read.form, "Syft JSON 16.0.21");
    let target = &read.target;
    assert_eq!((target.name.as_str(), target.reference.as_deref()), ("shop-web", Some("shop-web:1")));
    assert!(target.digest.as_ref().unwrap().to_string().starts_with("sha256:ef"));
    assert!(target.image_id.as_ref().unwrap().to_string().starts_with("sha256:cd"));
    let release = read.inventory.release.unwrap();
    assert_eq!((release.id.as_str(), release.codename.as_deref()), ("debian", Some("bookworm")));
    let [vendored, libssl, pad] = read.inventory.packages.as_slice() else {
        panic!("{:?}", read.inventory.packages)
    };
    assert_eq!(vendored.name, "vendored");
    assert_eq!(libssl.source_or_self(), ("openssl", "3.0.11-1"));
    assert_eq!(
        (libssl.locations[0].layer, libssl.licenses.as_slice()),
        (Some(1), &["Apache-2.0".to_owned()][..])
    );
    assert_eq!((pad.ecosystem, pad.licenses.as_slice()), (Ecosystem::Npm, &["WTFPL".to_owned()][..]));
    let [problem] = read.inventory.problems.as_slice() else { panic!("{:?}", read.inventory.problems) };
    assert_eq!((problem.kind, problem.subject.as_str()), (ProblemKind::NotCovered, "vendored"));
    let error = sbom::read(br#"{"artifacts": 1, "artifactRelationships": []}"#).unwrap_err().to_string();
    assert!(error.starts_with("the Syft document is broken"), "{error}");
}

const LIST: &str = "\
# what runs on the edge
pkg:npm/left-pad@1.3.0   # since 2019

pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12
pkg:npm/%40babel/core
lodash 4.17.15
";

#[test]
fn lists_of_package_urls() {
    let read = sbom::read(LIST.as_bytes()).unwrap();
    assert_eq!(read.form, "list of package URLs");
    let packages: Vec<(&str, &str)> =
        read.inventory.packages.iter().map(|one| (one.name.as_str(), one.version.as_str())).collect();
    assert_eq!(packages, [("libssl3", "3.0.11-1"), ("@babel/core", ""), ("left-pad", "1.3.0")]);
    assert_eq!(read.inventory.release.unwrap().stream().unwrap().as_str(), "debian:12");
    let problems: Vec<(&str, Effect)> =
        read.inventory.problems.iter().map(|one| (one.subject.as_str(), one.effect)).collect();
    assert_eq!(problems, [("line 5", Effect::Incomplete), ("line 6", Effect::Incomplete)]);
    // However many lines are wrong, few are named.
    let many = format!("pkg:npm/a@1\n{}", "nonsense\n".repeat(1_000));
    let read = sbom::read(many.as_bytes()).unwrap();
    assert_eq!(read.inventory.problems.len(), 21);
    assert!(read.inventory.problems.iter().any(|one| one.detail.starts_with("980 lines more")));
}

#[test]
fn sboms_within_attestations() {
    let report = sample::few();
    for format in [Format::SbomPredicate, Format::SbomPredicateSpdx] {
        let statement = write(&report, format, &View::default()).unwrap();
        let bundle = format!(r#"{{"mediaType": "x", "dsseEnvelope": {}}}"#, enveloped(&statement));
        for (text, subject) in [
            (statement.clone(), "in-toto statement"),
            (enveloped(&statement), "DSSE envelope"),
            (bundle, "DSSE envelope"),
        ] {
            let read = sbom::read(text.as_bytes()).unwrap();
            assert!(read.form.ends_with("in an in-toto statement"), "{}", read.form);
            assert_eq!(read.inventory.packages, report.packages);
            let note = read.inventory.problems.iter().find(|one| one.subject == subject).unwrap();
            assert_eq!(note.effect, Effect::Note);
            assert!(note.detail.contains("anybody may have written this SBOM"));
        }
    }
    // Text that is no JSON stands in a string; the subject is the image.
    let digest = "ab".repeat(32);
    let statement = serde_json::json!({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document",
        "subject": [{"name": "shop", "digest": {"sha256": digest}}], "predicate": {"Data": TAG_VALUE, "Timestamp": ""}});
    let read = sbom::read(statement.to_string().as_bytes()).unwrap();
    assert_eq!(read.form, "SPDX 2.3 (tag-value) in an in-toto statement");
    assert_eq!(read.target.digest.unwrap().hex(), digest);
    for (text, expected) in [
        (enveloped("{}"), "neither a payload nor a predicate"),
        (r#"{"payloadType": "x", "payload": "%"}"#.to_owned(), "not base64"),
        (r#"{"predicateType": "https://slsa.dev/provenance/v1", "predicate": {}}"#.to_owned(), "kind `https://slsa.dev"),
        (r#"{"predicateType": "https://cyclonedx.org/bom", "predicate": {}}"#.to_owned(), "another JSON document"),
        (
            serde_json::json!({"predicateType": "https://cyclonedx.org/bom", "predicate": {"predicateType": "x"}}).to_string(),
            "an attestation within another one",
        ),
        (enveloped(&enveloped(&enveloped(&enveloped(&enveloped("{}"))))), "no statement with a `predicateType`"),
    ] {
        let error = sbom::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

const XML: &str = r#"<?xml version="1.0"?>
<bom serialNumber="urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79" version="1" xmlns="http://cyclonedx.org/schema/bom/1.4"
     xmlns:x="urn:other">
  <metadata><component type="container"><name>shop &amp; web</name></component></metadata>
  <components>
    <component type="operating-system"><name>debian</name><version>12</version></component>
    <component type="library" bom-ref="a" x:mark="1">
      <group>org.apache</group><name>log4j</name><version>2.14.1</version><scope>excluded</scope>
      <hashes><hash alg="SHA-1">e6b1000b94e835ffd37f4c6dcbdad43f4b48a02a</hash><hash alg="MD5">3942447fac867ae5cdb3229b658f4d48</hash></hashes>
      <licenses><license><id>Apache-2.0</id></license></licenses>
      <purl>pkg:maven/org.apache/log4j@2.14.1</purl>
      <x:note><x:deeper>nothing of ours</x:deeper></x:note>
      <components>
        <component type="library"><name>inner</name><version>1</version><purl>pkg:npm/inner@1</purl></component>
      </components>
    </component>
  </components>
</bom>
"#;

const TAG_VALUE: &str = "\
SPDXVersion: SPDX-2.3
DataLicense: CC0-1.0
SPDXID: SPDXRef-DOCUMENT
DocumentName: shop
# a comment
PackageName: openssl
SPDXID: SPDXRef-a
PackageVersion: 3.0.11-1
PackageComment: <text>two
PackageName: not this one</text>
PackageChecksum: SHA256: f498a8ff2dd007e29c2074f5e4b01a9a01775c3ff3aeaf6906ea503bc5791b7b
PackageLicenseDeclared: LicenseRef-1
ExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl
FileName: ./a
SPDXID: SPDXRef-file
LicenseID: LicenseRef-1
ExtractedText: <text>do what you
want</text>
Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-a
";

const SPDX_3: &str = r#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
  {"type": "SpdxDocument", "spdxId": "urn:d", "name": "shop"},
  {"type": "software_Package", "spdxId": "urn:p", "name": "lodash", "software_packageVersion": "4.17.15",
   "software_packageUrl": "pkg:npm/lodash@4.17.15"}]}"#;

#[test]
fn cyclonedx_as_xml() {
    let read = sbom::read(XML.as_bytes()).unwrap();
    assert_eq!(read.form, "CycloneDX 1.4 (XML)");
    assert_eq!(read.target.name, "shop & web");
    assert_eq!(read.inventory.release.as_ref().unwrap().stream().unwrap().as_str(), "debian:12");
    let names: Vec<&str> = read.inventory.packages.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["org.apache:log4j", "inner"]);
    let log4j = &read.inventory.packages[0];
    assert_eq!(log4j.scope, Scope::Development);
    assert_eq!(log4j.licenses, ["Apache-2.0"]);
    assert_eq!(log4j.digests.len(), 1);
    assert_eq!(read.inventory.problems, []);
}

#[test]
fn spdx_as_tag_value() {
    let read = sbom::read(TAG_VALUE.as_bytes()).unwrap();
    assert_eq!(read.form, "SPDX 2.3 (tag-value)");
    let [package] = read.inventory.packages.as_slice() else { panic!("{read:?}") };
    assert_eq!((package.name.as_str(), package.version.as_str()), ("libssl3", "3.0.11-1"));
    assert_eq!(package.source_or_self(), ("openssl", "3.0.11-1"));
    assert_eq!(package.architecture.as_deref(), Some("amd64"));
    assert_eq!(package.licenses, ["do what you\nwant"]);
    assert_eq!(read.inventory.release.unwrap().stream().unwrap().as_str(), "debian:12");
}

/// Names and versions that the form would take for a keyword, a time or a text come back.
#[test]
fn names_that_look_like_something_else() {
    let mut report = sample::empty();
    let odd =
        ["NOASSERTION", "NONE", "Tool: x", "2026-01-02T03:04:05Z", "<text>x", "20230710~deb12u1", "\"a\""];
    report.packages = odd
        .iter()
        .enumerate()
        .map(|(index, odd)| {
            let place = Location::new(ImagePath::from("a"));
            let mut package = Package::new(Ecosystem::Generic, (*odd).to_owned(), (*odd).to_owned(), place);
            package.purl = format!("pkg:generic/odd-{index}");
            package
        })
        .collect();
    report.target.name = "NONE".into();
    // An empty name is written as one that nothing is asserted about, so that name alone is lost.
    report.packages[0].name = "a".into();
    assert_eq!(document(&report, Format::SpdxTagValue).inventory.packages, report.packages);
}

#[test]
fn spdx_3_packages() {
    let read = sbom::read(SPDX_3.as_bytes()).unwrap();
    assert_eq!(read.inventory.packages[0].ecosystem, Ecosystem::Npm);
    assert_eq!(read.target.name, "shop");
}

/// A component as Trivy writes it.
#[test]
fn properties_of_trivy() {
    let diff_id = format!("sha256:{}", "ab".repeat(32));
    let text = serde_json::json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {"type": "container", "name": "rocky", "properties": [
            {"name": "aquasecurity:trivy:DiffID", "value": diff_id}]}},
        "components": [
            {"type": "operating-system", "name": "rocky", "version": "9.3", "properties": [
                {"name": "aquasecurity:trivy:Class", "value": "os-pkgs"}]},
            {"type": "application", "name": "web/package-lock.json"},
            {"type": "library", "name": "openssl-libs", "version": "1:3.0.7-24.el9",
             "purl": "pkg:rpm/rocky/openssl-libs@3.0.7-24.el9?arch=x86_64&distro=rocky-9.3&epoch=1",
             "properties": [
                {"name": "aquasecurity:trivy:SrcName", "value": "openssl"},
                {"name": "aquasecurity:trivy:SrcVersion", "value": "3.0.7"},
                {"name": "aquasecurity:trivy:SrcRelease", "value": "24.el9"},
                {"name": "aquasecurity:trivy:SrcEpoch", "value": "1"},
                {"name": "aquasecurity:trivy:Modularitylabel", "value": "m:1:2:3"},
                {"name": "aquasecurity:trivy:LayerDiffID", "value": diff_id},
                {"name": "aquasecurity:trivy:FilePath", "value": "var/lib/rpm/rpmdb.sqlite"}]}]
    })
    .to_string();
    let read = sbom::read(text.as_bytes()).unwrap();
    assert_eq!(read.inventory.problems, []);
    let [package] = read.inventory.packages.as_slice() else { panic!("{read:?}") };
    assert_eq!(package.version, "1:3.0.7-24.el9");
    assert_eq!(package.source_or_self(), ("openssl", "1:3.0.7-24.el9"));
    assert_eq!(package.module.as_deref(), Some("m:1:2:3"));
    assert_eq!(package.locations[0].layer, Some(1));
    assert_eq!(read.inventory.release.unwrap().stream().unwrap().as_str(), "rocky:9");
}

/// Components as Syft writes them.
#[test]
fn properties_of_syft() {
    let text = serde_json::json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "components": [
            {"type": "library", "name": "libssl3", "version": "3.0.11-1",
             "purl": "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl",
             "properties": [
                {"name": "syft:location:0:path", "value": "/var/lib/dpkg/status"},
                {"name": "syft:location:1:path", "value": "/usr/share/doc/libssl3/copyright"}]},
            {"type": "library", "name": "glibc", "version": "2.34-60.el9",
             "purl": "pkg:rpm/rocky/glibc@2.34-60.el9?arch=x86_64&upstream=glibc-2.34-60.el9.src.rpm"},
            {"type": "operating-system", "name": "debian", "version": "12", "properties": [
                {"name": "syft:distro:id", "value": "debian"},
                {"name": "syft:distro:versionID", "value": "12"},
                {"name": "syft:distro:prettyName", "value": "Debian GNU/Linux 12 (bookworm)"}]}]
    })
    .to_string();
    let read = sbom::read(text.as_bytes()).unwrap();
    let release = read.inventory.release.unwrap();
    assert_eq!((release.id.as_str(), release.name.as_str()), ("debian", "Debian GNU/Linux 12 (bookworm)"));
    let [libssl, glibc] = read.inventory.packages.as_slice() else { panic!() };
    assert_eq!(libssl.source_or_self(), ("openssl", "3.0.11-1"));
    assert_eq!(libssl.locations.len(), 2);
    assert_eq!(glibc.source_or_self(), ("glibc", "2.34-60.el9"));
}

#[test]
fn a_package_without_a_package_url_is_not_passed_over() {
    let text = br#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
        {"type": "library", "name": "a", "version": "1"}, {"type": "library", "name": "b", "version": "1"},
        {"type": "file", "name": "c"}]}"#;
    let read = sbom::read(text).unwrap();
    assert_eq!(read.inventory.packages.len(), 2);
    let [problem] = read.inventory.problems.as_slice() else { panic!() };
    assert_eq!((problem.kind, problem.effect), (ProblemKind::NotCovered, Effect::Incomplete));
    assert_eq!(
        problem.detail,
        "this and 1 package more have no package URL: they cannot be held against advisories"
    );
}

#[test]
fn what_is_no_sbom_is_named() {
    for (text, expected) in [
        ("", "it is empty"),
        ("{}", "another JSON document"),
        ("{\"bomFormat\": \"SPDX\"}", "`bomFormat` is not"),
        ("{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"9.9\"}", "CycloneDX 9.9 is not supported"),
        ("{\"spdxVersion\": \"SPDX-2.0\"}", "SPDX-2.0 is not supported"),
        ("{\"predicateType\": \"x\"}", "neither a payload nor a predicate"),
        ("<html/>", "another XML document"),
        ("<bom xmlns='http://cyclonedx.org/schema/bom/12'></bom>", "CycloneDX 12 is not supported"),
        ("<bom xmlns='http://cyclonedx.org/schema/bom/1.6'><metadata>&lol;", "an entity is not defined"),
        ("<bom xmlns='http://cyclonedx.org/schema/bom/1.6'>", "ends too early"),
        ("hello", "neither JSON"),
        ("spec_version: \"1.6\"", "protocol buffer text"),
        ("SPDXID: SPDXRef-DOCUMENT\nspdxVersion: SPDX-2.3", "SPDX (YAML) is not supported"),
        ("\u{0}", "neither JSON"),
    ] {
        let error = sbom::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert!(matches!(sbom::read(b"\xff\xfe{"), Err(Error::NotAnSbom { .. })));
}

#[test]
fn depth_is_bounded() {
    let deep = format!(
        "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'>{}",
        "<components><component type='library'>".repeat(100_000)
    );
    assert!(matches!(sbom::read(deep.as_bytes()), Err(Error::TooLarge(_))));
    let deep = format!(
        "{{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":{}",
        "[{\"components\":".repeat(100_000)
    );
    assert!(matches!(sbom::read(deep.as_bytes()), Err(Error::Broken { .. })));
}

#[test]
fn only_flaws_of_components_are_vulnerabilities_of_cyclonedx() {
    let mut report = sample::few();
    let first = report.findings.first().unwrap().clone();
    for (kind, advisory) in [
        (FindingKind::Secret, "aws-access-key"),
        (FindingKind::Misconfiguration, "runs-as-root"),
        (FindingKind::License, "license-denied"),
    ] {
        // Even if one of them should name a package.
        report.findings.push(Finding {
            kind,
            advisory: advisory.into(),
            id: advisory.into(),
            ..first.clone()
        });
    }
    for format in [Format::CycloneDx15, Format::CycloneDx, Format::CycloneDx17, Format::CycloneDxVex] {
        let text = write(&report, format, &View::default()).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let listed: Vec<&str> = document["vulnerabilities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        assert!(listed.contains(&"MAL-2024-0001"), "{listed:?}");
        assert_eq!(listed.contains(&"RUSTSEC-2024-0001"), format != Format::CycloneDxVex, "{listed:?}");
        for id in ["aws-access-key", "runs-as-root", "license-denied", "EOL-debian-12"] {
            assert!(!listed.contains(&id), "{format:?}: {id}");
        }
    }
    let text = write(&report, Format::CycloneDxXml, &View::default()).unwrap();
    assert!(text.contains("MAL-2024-0001") && !text.contains("runs-as-root"), "{text}");
}

#[test]
fn package_urls_of_others_are_uris_in_csaf() {
    let mut report = sample::few();
    let finding = report.findings.iter_mut().find(|one| one.kind == FindingKind::Malware).unwrap();
    let Subject::Package(package) = &mut finding.subject else { panic!("{finding:?}") };
    package.packages = vec!["pkg:bitnami/i@XS<".into(), "pkg:npm/left pad@1".into(), "no purl".into()];
    let text = write(&report, Format::CsafVex, &View::default()).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let helper = |name: &str| {
        let products = document["product_tree"]["full_product_names"].as_array().unwrap();
        let product = products.iter().find(|product| product["name"] == name).unwrap();
        product["product_identification_helper"]["purl"].as_str().map(str::to_owned)
    };
    assert_eq!(helper("pkg:bitnami/i@XS<").as_deref(), Some("pkg:bitnami/i@XS%3C"));
    assert_eq!(helper("pkg:npm/left pad@1").as_deref(), Some("pkg:npm/left%20pad@1"));
    assert_eq!(helper("no purl"), None);
}
