//! A small folder of feeds in their upstream forms. Ids of the year 2099 and most packages are invented: what the
//! program itself knows of notable incidents would otherwise join in.

use std::path::Path;

use serde_json::{Value, json};

const CRITICAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
const HIGH: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H";
const MEDIUM: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N";

/// An OSV record. Each range is (introduced, fixed); an empty `fixed` means that there is none.
pub(crate) fn osv(
    id: &str,
    aliases: &[&str],
    vector: &str,
    ecosystem: &str,
    name: &str,
    ranges: &[(&str, &str)],
) -> Value {
    let ranges: Vec<Value> = ranges
        .iter()
        .map(|(introduced, fixed)| {
            let mut events = vec![json!({ "introduced": introduced })];
            if !fixed.is_empty() {
                events.push(json!({ "fixed": fixed }));
            }
            json!({ "type": "ECOSYSTEM", "events": events })
        })
        .collect();
    let mut record = json!({
        "schema_version": "1.7.0",
        "id": id,
        "published": "2026-10-01T00:00:00Z",
        "modified": "2026-11-20T00:00:00Z",
        "summary": format!("{name}: a flaw made for tests"),
        "details": "Written for tests.",
        "affected": [{ "package": { "ecosystem": ecosystem, "name": name }, "ranges": ranges }],
    });
    let key = if id.starts_with("DEBIAN-") { "upstream" } else { "aliases" };
    record[key] = json!(aliases);
    if !vector.is_empty() {
        record["severity"] = json!([{ "type": "CVSS_V3", "score": vector }]);
    }
    record
}

/// All records of the folder.
pub(crate) fn records() -> Vec<(&'static str, Value)> {
    let debian = |cve: &str, vector: &str, source: &str, fixed: &str| {
        osv(&format!("DEBIAN-{cve}"), &[cve], vector, "Debian:12", source, &[("0", fixed)])
    };
    vec![
        ("Debian", debian("CVE-2099-0001", CRITICAL, "sealib", "3.0.11-1~deb12u2")),
        ("Debian", debian("CVE-2099-0002", HIGH, "corelib", "")),
        ("Debian", debian("CVE-2099-0003", CRITICAL, "linux", "6.1.52-1")),
        ("Debian", debian("CVE-2099-0004", HIGH, "six", "1.16.0-5")),
        ("Debian", debian("CVE-2099-0005", CRITICAL, "netkit-telnet", "0.18-1")),
        ("PyPI", osv("GHSA-2222-2222-0004", &["CVE-2099-0004"], HIGH, "PyPI", "six", &[("0", "1.17.0")])),
        (
            "PyPI",
            osv(
                "GHSA-2222-2222-0010",
                &["CVE-2099-0010"],
                CRITICAL,
                "PyPI",
                "harbour",
                &[("0", "3.2.25"), ("4.0", "4.2.11")],
            ),
        ),
        ("PyPI", osv("GHSA-2222-2222-0011", &["CVE-2099-0011"], HIGH, "PyPI", "hidden-one", &[("0", "2.0")])),
        ("npm", osv("GHSA-2222-2222-0020", &["CVE-2099-0020"], HIGH, "npm", "keelson", &[("0", "4.17.21")])),
        (
            "npm",
            osv("GHSA-2222-2222-0021", &["CVE-2099-0021"], MEDIUM, "npm", "keelson", &[("0", "4.17.19")]),
        ),
        ("npm", osv("GHSA-2222-2222-0022", &["CVE-2099-0022"], "", "npm", "left-line", &[("0", "")])),
        ("npm", osv("GHSA-2222-2222-0023", &[], HIGH, "npm", "hidden-two", &[("0", "2.0.0")])),
        (
            "Maven",
            osv(
                "GHSA-2222-2222-0030",
                &["CVE-2099-0030"],
                CRITICAL,
                "Maven",
                "org.example.deck:deck-core",
                &[("2.0", "2.15.0")],
            ),
        ),
    ]
}

/// Writes the folder.
pub(crate) fn write(folder: &Path) {
    for (ecosystem, record) in records() {
        put(folder, ecosystem, &record);
    }
    // A distribution publishes about many packages; one with a handful counts as not covered.
    for number in 0..20 {
        let id = format!("DEBIAN-CVE-2099-9{number:03}");
        let record =
            osv(&id, &[&id[7..]], HIGH, "Debian:12", &format!("elsewhere-{number}"), &[("0", "1.0-1")]);
        put(folder, "Debian", &record);
    }
    let kev = folder.join("kev");
    std::fs::create_dir_all(&kev).unwrap();
    let catalogue = json!({
        "title": "known exploited",
        "catalogVersion": "2026.11.21",
        "dateReleased": "2026-11-21T00:00:00.000Z",
        "count": 1,
        "vulnerabilities": [{
            "cveID": "CVE-2099-0030",
            "dateAdded": "2026-11-02",
            "dueDate": "2026-11-16",
            "knownRansomwareCampaignUse": "Known",
        }],
    });
    std::fs::write(kev.join("known_exploited_vulnerabilities.json"), catalogue.to_string()).unwrap();
    let epss = folder.join("epss");
    std::fs::create_dir_all(&epss).unwrap();
    std::fs::write(
        epss.join("epss_scores-2026-11-22.csv"),
        "#model_version:v2099.01.01,score_date:2026-11-22T00:00:00+0000\ncve,epss,percentile\nCVE-2099-0010,0.94210,0.99900\n",
    )
    .unwrap();
}

/// Writes one record.
pub(crate) fn put(folder: &Path, ecosystem: &str, record: &Value) {
    let folder = folder.join("osv").join(ecosystem);
    std::fs::create_dir_all(&folder).unwrap();
    let id = record["id"].as_str().unwrap();
    std::fs::write(folder.join(format!("{id}.json")), record.to_string()).unwrap();
}
