//! The distribution table: os-release id, OSV name, purl namespace, and which part of the version names a stream of
//! advisories.

use serde::{Deserialize, Serialize};

use crate::Ecosystem;

/// How much of a release's version names its stream of advisories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamForm {
    /// `12.5` -> `12`.
    Major,
    /// `3.18.4` -> `3.18`.
    MajorMinor,
    /// There is one stream only.
    Rolling,
}

/// What the table knows of one distribution.
pub struct Distribution {
    /// Our key; the first word of a stream (`debian` in `debian:12`) and the purl namespace.
    pub key: &'static str,
    /// For people.
    pub name: &'static str,
    /// `ID=` values of os-release(5) that mean it.
    pub ids: &'static [&'static str],
    /// Names in OSV records, without `:release`.
    pub osv: &'static [&'static str],
    /// Its package manager.
    pub ecosystem: Ecosystem,
    /// Which part of the version counts.
    pub stream: StreamForm,
    /// Its product on endoflife.date; empty when it has none.
    pub support: &'static str,
}

use StreamForm::{Major, MajorMinor, Rolling};

/// All distributions. A new one is one line here.
pub static DISTRIBUTIONS: &[Distribution] = &[
    Distribution {
        key: "debian",
        name: "Debian",
        ids: &["debian"],
        osv: &["Debian"],
        ecosystem: Ecosystem::Deb,
        stream: Major,
        support: "debian",
    },
    Distribution {
        key: "ubuntu",
        name: "Ubuntu",
        ids: &["ubuntu"],
        osv: &["Ubuntu"],
        ecosystem: Ecosystem::Deb,
        stream: MajorMinor,
        support: "ubuntu",
    },
    Distribution {
        key: "echo",
        name: "Echo",
        ids: &["echo"],
        osv: &["Echo"],
        ecosystem: Ecosystem::Deb,
        stream: Rolling,
        support: "",
    },
    Distribution {
        key: "alpine",
        name: "Alpine Linux",
        ids: &["alpine"],
        osv: &["Alpine"],
        ecosystem: Ecosystem::Apk,
        stream: MajorMinor,
        support: "alpine-linux",
    },
    Distribution {
        key: "wolfi",
        name: "Wolfi",
        ids: &["wolfi"],
        osv: &["Wolfi"],
        ecosystem: Ecosystem::Apk,
        stream: Rolling,
        support: "",
    },
    Distribution {
        key: "chainguard",
        name: "Chainguard",
        ids: &["chainguard"],
        osv: &["Chainguard"],
        ecosystem: Ecosystem::Apk,
        stream: Rolling,
        support: "",
    },
    Distribution {
        key: "minimos",
        name: "MinimOS",
        ids: &["minimos"],
        osv: &["MinimOS"],
        ecosystem: Ecosystem::Apk,
        stream: Rolling,
        support: "",
    },
    Distribution {
        key: "alpaquita",
        name: "Alpaquita Linux",
        ids: &["alpaquita"],
        osv: &["Alpaquita"],
        ecosystem: Ecosystem::Apk,
        stream: Major,
        support: "",
    },
    Distribution {
        key: "bellsoft-hardened-containers",
        name: "BellSoft Hardened Containers",
        ids: &["bellsoft-hardened-containers"],
        osv: &["BellSoft Hardened Containers"],
        ecosystem: Ecosystem::Apk,
        stream: Major,
        support: "",
    },
    Distribution {
        key: "cleanstart",
        name: "CleanStart",
        ids: &["cleanstart"],
        osv: &["CleanStart"],
        ecosystem: Ecosystem::Apk,
        stream: Rolling,
        support: "",
    },
    Distribution {
        key: "redhat",
        name: "Red Hat Enterprise Linux",
        ids: &["rhel", "redhat"],
        osv: &["Red Hat"],
        ecosystem: Ecosystem::Rpm,
        stream: Major,
        support: "rhel",
    },
    Distribution {
        key: "centos",
        name: "CentOS",
        ids: &["centos"],
        osv: &[],
        ecosystem: Ecosystem::Rpm,
        stream: Major,
        support: "centos",
    },
    Distribution {
        key: "almalinux",
        name: "AlmaLinux",
        ids: &["almalinux"],
        osv: &["AlmaLinux"],
        ecosystem: Ecosystem::Rpm,
        stream: Major,
        support: "almalinux",
    },
    Distribution {
        key: "rocky",
        name: "Rocky Linux",
        ids: &["rocky"],
        osv: &["Rocky Linux"],
        ecosystem: Ecosystem::Rpm,
        stream: Major,
        support: "rocky-linux",
    },
    Distribution {
        key: "oracle",
        name: "Oracle Linux",
        ids: &["ol", "oracle"],
        osv: &[],
        ecosystem: Ecosystem::Rpm,
        stream: Major,
        support: "oracle-linux",
    },
    Distribution {
        key: "amazon",
        name: "Amazon Linux",
        ids: &["amzn"],
        osv: &[],
        ecosystem: Ecosystem::Rpm,
        stream: Major,
        support: "amazon-linux",
    },
    Distribution {
        key: "fedora",
        name: "Fedora",
        ids: &["fedora"],
        osv: &[],
        ecosystem: Ecosystem::Rpm,
        stream: Major,
        support: "fedora",
    },
    Distribution {
        key: "photon",
        name: "Photon OS",
        ids: &["photon"],
        osv: &["Photon OS"],
        ecosystem: Ecosystem::Rpm,
        stream: MajorMinor,
        support: "vmware-photon",
    },
    Distribution {
        key: "azurelinux",
        name: "Azure Linux",
        ids: &["azurelinux"],
        osv: &["Azure Linux"],
        ecosystem: Ecosystem::Rpm,
        stream: MajorMinor,
        support: "",
    },
    Distribution {
        key: "mariner",
        name: "CBL-Mariner",
        ids: &["mariner"],
        osv: &[],
        ecosystem: Ecosystem::Rpm,
        stream: MajorMinor,
        support: "",
    },
    Distribution {
        key: "sles",
        name: "SUSE Linux Enterprise Server",
        ids: &["sles", "sles_sap"],
        osv: &["SUSE"],
        ecosystem: Ecosystem::Rpm,
        stream: MajorMinor,
        support: "sles",
    },
    Distribution {
        key: "slem",
        name: "SUSE Linux Enterprise Micro",
        ids: &["sle-micro", "sl-micro", "slem"],
        osv: &["SUSE"],
        ecosystem: Ecosystem::Rpm,
        stream: MajorMinor,
        support: "suse-linux-micro",
    },
    Distribution {
        key: "opensuse-leap",
        name: "openSUSE Leap",
        ids: &["opensuse-leap", "opensuse"],
        osv: &["openSUSE"],
        ecosystem: Ecosystem::Rpm,
        stream: MajorMinor,
        support: "opensuse",
    },
    Distribution {
        key: "opensuse-tumbleweed",
        name: "openSUSE Tumbleweed",
        ids: &["opensuse-tumbleweed"],
        osv: &["openSUSE"],
        ecosystem: Ecosystem::Rpm,
        stream: Rolling,
        support: "",
    },
    Distribution {
        key: "bottlerocket",
        name: "Bottlerocket",
        ids: &["bottlerocket"],
        osv: &[],
        ecosystem: Ecosystem::Rpm,
        stream: Rolling,
        support: "",
    },
    Distribution {
        key: "arch",
        name: "Arch Linux",
        ids: &["arch"],
        osv: &[],
        ecosystem: Ecosystem::Alpm,
        stream: Rolling,
        support: "",
    },
    Distribution {
        key: "mageia",
        name: "Mageia",
        ids: &["mageia"],
        osv: &["Mageia"],
        ecosystem: Ecosystem::Rpm,
        stream: Major,
        support: "mageia",
    },
    Distribution {
        key: "openeuler",
        name: "openEuler",
        ids: &["openeuler", "openEuler"],
        osv: &["openEuler"],
        ecosystem: Ecosystem::Rpm,
        stream: MajorMinor,
        support: "",
    },
];

/// One line of advisories of one distribution: `debian:12`, `alpine:3.18`, `alpine:edge`, `wolfi`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stream(String);

impl Stream {
    /// The stream of `distribution` that `version` belongs to; `None` when a version is needed and cannot be read.
    pub fn new(distribution: &Distribution, version: &str) -> Option<Self> {
        let numbers = match distribution.stream {
            Rolling => return Some(Stream(distribution.key.into())),
            _ if matches!(version, "edge" | "sid" | "unstable" | "testing" | "rolling" | "stream") => {
                version.to_owned()
            }
            Major => version.split('.').next().unwrap_or_default().to_owned(),
            MajorMinor => version.split('.').take(2).collect::<Vec<_>>().join("."),
        };
        let plain = !numbers.is_empty()
            && numbers.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        plain.then(|| Stream(format!("{}:{numbers}", distribution.key)))
    }

    /// The stream that an OSV ecosystem such as `Alpine:v3.18`, `Ubuntu:22.04:LTS` or `Rocky Linux:9` names.
    ///
    /// `None` for ecosystems that are no distribution, and for distributions named without the release they need.
    /// Ubuntu's paid tiers (`Ubuntu:Pro:...`) are streams of their own: `ubuntu-pro:22.04`.
    pub fn from_osv(ecosystem: &str) -> Option<Self> {
        let (name, release) = ecosystem.split_once(':').unwrap_or((ecosystem, ""));
        if matches!(name, "SUSE" | "openSUSE") {
            let (key, version) = suse(release)?;
            return Stream::new(Distribution::by_key(key)?, &version);
        }
        let distribution = DISTRIBUTIONS.iter().find(|distribution| distribution.osv.contains(&name))?;
        if let Some(rest) = release.strip_prefix("Pro:") {
            let version =
                rest.split(':').find(|part| part.starts_with(|first: char| first.is_ascii_digit()))?;
            return Some(Stream(format!("{}-pro:{version}", distribution.key)));
        }
        let version = release.split(':').next().unwrap_or_default();
        let version = version.strip_prefix('v').unwrap_or(version);
        if version.is_empty() && distribution.stream != Rolling {
            return None;
        }
        if distribution.key == "azurelinux" && !version.contains('.') {
            return Stream::new(distribution, &format!("{version}.0"));
        }
        Stream::new(distribution, version)
    }

    /// As written: `debian:12`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A stream from its written form, for a database that stores it.
    pub fn from_text(text: &str) -> Option<Self> {
        let key = text.split(':').next().unwrap_or_default();
        Distribution::by_key(without_tier(key)).map(|_| Stream(text.to_owned()))
    }

    /// The distribution.
    pub fn distribution(&self) -> Option<&'static Distribution> {
        Distribution::by_key(without_tier(self.0.split(':').next().unwrap_or_default()))
    }
}

impl std::fmt::Display for Stream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The distribution's own key in that of a stream with another support: `ubuntu-pro`, `redhat-eus`.
fn without_tier(key: &str) -> &str {
    match key.rsplit_once('-') {
        Some((own, tier)) if tier == "pro" || crate::content_set::TIERS.contains(&tier) => own,
        _ => key,
    }
}

/// Key and version of the distribution that a product of SUSE's belongs to: `Linux Enterprise Module for Basesystem 15 SP5`
/// -> `sles`, `15.5`. `None` for products that are something else, and for modules of SLES 12, which name no service pack.
fn suse(product: &str) -> Option<(&'static str, String)> {
    if product == "Tumbleweed" {
        return Some(("opensuse-tumbleweed", String::new()));
    }
    let numbers =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    for (prefix, key) in
        [("Leap ", "opensuse-leap"), ("Linux Enterprise Micro ", "slem"), ("Linux Micro ", "slem")]
    {
        if let Some(version) = product.strip_prefix(prefix) {
            return numbers(version).then(|| (key, version.to_owned()));
        }
    }
    let product = product.strip_prefix("Linux Enterprise ")?;
    let is_module = product.starts_with("Module for ");
    if !is_module && !product.starts_with("Server ") {
        return None;
    }
    let mut version = None;
    for word in product.split(' ') {
        // `SP5-LTSS`, `15-LTSS`
        let word = word.split('-').next().unwrap_or_default();
        match (&mut version, word.strip_prefix("SP")) {
            (_, None) if numbers(word) => version = Some(word.to_owned()),
            (Some(version), Some(pack)) if numbers(pack) => *version = format!("{version}.{pack}"),
            _ => {}
        }
    }
    version.filter(|version| !(is_module && version == "12")).map(|version| ("sles", version))
}

impl Distribution {
    /// By our key.
    pub fn by_key(key: &str) -> Option<&'static Distribution> {
        DISTRIBUTIONS.iter().find(|distribution| distribution.key == key)
    }

    /// By the `ID=` of os-release(5).
    pub fn by_id(id: &str) -> Option<&'static Distribution> {
        DISTRIBUTIONS.iter().find(|distribution| distribution.ids.contains(&id))
    }
}

/// What an image says of the distribution that it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// `ID=` of os-release(5), lower case: `debian`.
    pub id: String,
    /// `VERSION_ID=`, or what older files say: `12`, `3.18.4`, `edge`. Empty when nothing says it.
    pub version: String,
    /// The exact point release where a file names it (`/etc/debian_version`: `12.5`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub point: Option<String>,
    /// `VERSION_CODENAME=`: `bookworm`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub codename: Option<String>,
    /// `PRETTY_NAME=`.
    pub name: String,
    /// `CPE_NAME=`, where Red Hat and SUSE put the product.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cpe: Option<String>,
    /// Repositories that the packages are from, where the image says it (Red Hat's content sets), sorted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub content_sets: Vec<String>,
    /// File that said so.
    pub path: String,
}

impl Release {
    /// The distribution, when the table has it.
    pub fn distribution(&self) -> Option<&'static Distribution> {
        Distribution::by_id(&self.id)
    }

    /// The stream of advisories that covers this release.
    pub fn stream(&self) -> Option<Stream> {
        let distribution = self.distribution()?;
        // openEuler says in its name only of which line a release is: `openEuler 24.03 (LTS-SP1)`.
        if distribution.key == "openeuler"
            && let Some((_, rest)) = self.name.split_once('(')
            && let Some((line, _)) = rest.split_once(')')
        {
            return Stream::new(distribution, &format!("{}-{line}", self.version));
        }
        Stream::new(distribution, &self.version)
    }

    /// For people: `Debian 12.5`, or what the file calls itself.
    pub fn label(&self) -> String {
        match self.distribution() {
            Some(distribution) => {
                let version =
                    self.point.as_deref().filter(|point| !point.is_empty()).unwrap_or(&self.version);
                format!("{} {version}", distribution.name).trim_end().to_owned()
            }
            None if self.name.is_empty() => format!("{} {}", self.id, self.version).trim().to_owned(),
            None => self.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_osv_ecosystems() {
        for (ecosystem, expected) in [
            ("Debian:12", Some("debian:12")),
            ("Alpine:v3.18", Some("alpine:3.18")),
            ("Ubuntu:22.04:LTS", Some("ubuntu:22.04")),
            ("Ubuntu:Pro:16.04:LTS", Some("ubuntu-pro:16.04")),
            ("Rocky Linux:9", Some("rocky:9")),
            ("Wolfi", Some("wolfi")),
            ("openSUSE:Leap 15.5", Some("opensuse-leap:15.5")),
            ("openSUSE:Tumbleweed", Some("opensuse-tumbleweed")),
            ("openSUSE:Leap Micro 5.3", None),
            ("SUSE:Linux Enterprise Server 15 SP5", Some("sles:15.5")),
            ("SUSE:Linux Enterprise Server 15 SP5-LTSS", Some("sles:15.5")),
            ("SUSE:Linux Enterprise Server 15-LTSS", Some("sles:15")),
            ("SUSE:Linux Enterprise Server 16.0", Some("sles:16.0")),
            ("SUSE:Linux Enterprise Server for SAP Applications 15 SP6", Some("sles:15.6")),
            ("SUSE:Linux Enterprise Server LTSS Extended Security 12 SP5", Some("sles:12.5")),
            ("SUSE:Linux Enterprise Module for Basesystem 15 SP5", Some("sles:15.5")),
            ("SUSE:Linux Enterprise Module for Containers 12", None),
            ("SUSE:Linux Enterprise Micro 5.5", Some("slem:5.5")),
            ("SUSE:Linux Micro 6.0", Some("slem:6.0")),
            ("SUSE:Linux Enterprise Storage 7", None),
            ("SUSE:Manager Server 4.3", None),
            ("SUSE", None),
            ("openEuler:24.03-LTS-SP1", Some("openeuler:24.03-LTS-SP1")),
            ("Azure Linux:3", Some("azurelinux:3.0")),
            ("Photon OS:5.0", Some("photon:5.0")),
            ("Alpine", None),
            ("npm", None),
        ] {
            assert_eq!(Stream::from_osv(ecosystem).as_ref().map(Stream::as_str), expected, "{ecosystem}");
        }
    }

    #[test]
    fn streams_of_releases() {
        let release = |id: &str, version: &str| Release {
            id: id.into(),
            version: version.into(),
            ..Release::default()
        };
        assert_eq!(release("alpine", "3.18.4").stream().unwrap().as_str(), "alpine:3.18");
        assert_eq!(release("rhel", "8.9").stream().unwrap().as_str(), "redhat:8");
        let named = Release { name: "openEuler 24.03 (LTS-SP1)".into(), ..release("openeuler", "24.03") };
        assert_eq!(named.stream().unwrap().as_str(), "openeuler:24.03-LTS-SP1");
        assert_eq!(release("openeuler", "23.09").stream().unwrap().as_str(), "openeuler:23.09");
        assert_eq!(release("arch", "").stream().unwrap().as_str(), "arch");
        assert_eq!(release("bottlerocket", "1.20.0").stream().unwrap().as_str(), "bottlerocket");
        assert_eq!(release("debian", "").stream(), None);
        assert_eq!(release("plan9", "4").stream(), None);
    }

    #[test]
    fn a_stream_survives_its_text() {
        for text in ["debian:12", "wolfi", "ubuntu-pro:22.04"] {
            assert_eq!(Stream::from_text(text).unwrap().as_str(), text);
            assert!(Stream::from_text(text).unwrap().distribution().is_some());
        }
        assert_eq!(Stream::from_text("plan9:4"), None);
    }
}
