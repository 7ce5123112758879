//! What a scan looks for.

use std::collections::BTreeSet;

/// One thing to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scanner {
    /// Known flaws, malware and the end of support of packages.
    Vulnerabilities,
    /// Credentials and keys that lie open.
    Secrets,
    /// How an image is set up: its configuration, its history, the rights on its files.
    Configuration,
    /// What packages declare, held against lists.
    Licenses,
}

/// The scanners by the names that users type.
pub const SCANNERS: &[(Scanner, &str)] = &[
    (Scanner::Vulnerabilities, "vuln"),
    (Scanner::Secrets, "secret"),
    (Scanner::Configuration, "config"),
    (Scanner::Licenses, "license"),
];

/// What a scan looks for: never nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanners {
    asked: BTreeSet<Scanner>,
    /// Looked for as well, though nobody asked.
    beside: BTreeSet<Scanner>,
}

impl Scanners {
    /// What a scan looks for when nothing is named (`docs/adr/0009-what-a-scan-looks-for.md`): flaws; beside them secrets,
    /// which count, and how an image is set up, which is told and does not count.
    pub fn usual() -> Self {
        Scanners { beside: BTreeSet::from([Scanner::Secrets, Scanner::Configuration]), ..Scanners::default() }
    }

    /// Is this looked for?
    pub fn has(&self, scanner: Scanner) -> bool {
        self.asked.contains(&scanner) || self.beside.contains(&scanner)
    }

    /// Did somebody ask for this? What could not be looked at leaves the verdict open only then.
    pub fn was_asked(&self, scanner: Scanner) -> bool {
        self.asked.contains(&scanner)
    }

    /// Looks for this too.
    pub fn add(&mut self, scanner: Scanner) {
        self.asked.insert(scanner);
    }
}

impl Default for Scanners {
    fn default() -> Self {
        Scanners { asked: BTreeSet::from([Scanner::Vulnerabilities]), beside: BTreeSet::new() }
    }
}

/// Why a list of scanners cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is nothing that can be looked for: expected {}, or several of them with commas", names())]
pub struct ScannersError {
    name: String,
}

/// `vuln, secret, config or license`.
fn names() -> String {
    let names: Vec<&str> = SCANNERS.iter().map(|(_, name)| *name).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

impl std::str::FromStr for Scanners {
    type Err = ScannersError;

    fn from_str(text: &str) -> Result<Self, ScannersError> {
        let one = |name: &str| {
            let found = SCANNERS.iter().find(|(_, known)| *known == name.trim());
            found.map(|(scanner, _)| *scanner).ok_or_else(|| ScannersError { name: name.trim().to_owned() })
        };
        Ok(Scanners { asked: text.split(',').map(one).collect::<Result<_, _>>()?, beside: BTreeSet::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let both: Scanners = "secret, vuln".parse().unwrap();
        assert!(both.has(Scanner::Secrets) && both.has(Scanner::Vulnerabilities));
        let secrets: Scanners = "secret".parse().unwrap();
        assert!(secrets.has(Scanner::Secrets) && !secrets.has(Scanner::Vulnerabilities));
        let mut usual = Scanners::usual();
        assert!(usual.has(Scanner::Secrets) && !usual.was_asked(Scanner::Secrets));
        usual.add(Scanner::Secrets);
        assert!(usual.was_asked(Scanner::Secrets) && !usual.has(Scanner::Licenses));
        for text in ["", "vuln,", "secrets", "vuln;secret", "all"] {
            let error = text.parse::<Scanners>().unwrap_err().to_string();
            assert!(error.contains("vuln") && error.contains("secret"), "{error}");
        }
    }
}
