//! Lists of licences that are allowed and denied, and what they say of a declaration.
//!
//! Three answers. `OR` is allowed when one side is, `AND` when both are. `-or-later` (and `+`) is a choice among the versions from that one on.
//! A name that several licences have is allowed when all of them are, refused when none is, and unknown otherwise. What is no licence of
//! the list is unknown, unless `unknown` or its own reference stands in a list.

use std::fmt;

use spdx::{ExceptionId, LicenseId};

use super::{Declared, Name, Node, reference};

/// A class of licences, as data.
#[derive(Debug)]
pub struct Class {
    /// As it is typed.
    pub name: &'static str,
    /// What the class has in common.
    pub what: &'static str,
    /// Ids; with `*` behind, all ids that begin so.
    pub ids: &'static [&'static str],
}

/// The classes. A licence is in at most one of the first four; one that is in none can be named by its id only.
pub static CLASSES: &[Class] = &[
    Class {
        name: "permissive",
        what: "asks for attribution at most",
        ids: &[
            "0BSD",
            "AAL",
            "AFL-*",
            "Apache-*",
            "Artistic-2.0",
            "Beerware",
            "Bitstream-Vera",
            "BlueOak-1.0.0",
            "BSD-1-Clause",
            "BSD-2-Clause",
            "BSD-2-Clause-Patent",
            "BSD-2-Clause-Views",
            "BSD-3-Clause",
            "BSD-3-Clause-Attribution",
            "BSD-3-Clause-Clear",
            "BSD-3-Clause-LBNL",
            "BSD-3-Clause-Modification",
            "BSD-3-Clause-Open-MPI",
            "BSD-3-Clause-Sun",
            "BSD-4-Clause",
            "BSD-4-Clause-Shortened",
            "BSD-4-Clause-UC",
            "BSD-4.3RENO",
            "BSD-4.3TAHOE",
            "BSD-Source-Code",
            "BSL-1.0",
            "bzip2-1.0.6",
            "CC-BY-1.0",
            "CC-BY-2.0",
            "CC-BY-2.5",
            "CC-BY-3.0",
            "CC-BY-4.0",
            "CC0-1.0",
            "CNRI-Python",
            "curl",
            "ECL-2.0",
            "EFL-2.0",
            "Fair",
            "FSFAP",
            "FSFUL",
            "FSFULLR",
            "FSFULLRWD",
            "FTL",
            "HPND",
            "HPND-sell-variant",
            "ICU",
            "IJG",
            "Info-ZIP",
            "Intel",
            "ISC",
            "ISC-Veillard",
            "Latex2e",
            "Libpng",
            "libpng-2.0",
            "libtiff",
            "MIT",
            "MIT-0",
            "MIT-CMU",
            "MIT-Modern-Variant",
            "MIT-advertising",
            "MIT-enna",
            "MIT-feh",
            "MIT-open-group",
            "MITNFA",
            "mpich2",
            "MS-PL",
            "MulanPSL-2.0",
            "NCSA",
            "NTP",
            "NTP-0",
            "OLDAP-2.8",
            "OpenSSL",
            "OpenSSL-standalone",
            "PHP-3.0",
            "PHP-3.01",
            "Plexus",
            "PostgreSQL",
            "PSF-2.0",
            "Python-2.0",
            "Python-2.0.1",
            "RSA-MD",
            "Ruby",
            "SMLNJ",
            "Spencer-94",
            "Spencer-99",
            "SSLeay-standalone",
            "TCL",
            "TCP-wrappers",
            "Unicode-3.0",
            "Unicode-DFS-2015",
            "Unicode-DFS-2016",
            "Unlicense",
            "UPL-1.0",
            "W3C",
            "W3C-19980720",
            "WTFPL",
            "X11",
            "X11-distribute-modifications-variant",
            "Xnet",
            "Zend-2.0",
            "Zlib",
            "zlib-acknowledgement",
            "ZPL-*",
        ],
    },
    Class {
        name: "weak-copyleft",
        what: "changes to the licensed files or library stay under it, what uses them need not",
        ids: &[
            "Artistic-1.0",
            "Artistic-1.0-Perl",
            "Artistic-1.0-cl8",
            "CDDL-*",
            "CECILL-C",
            "CERN-OHL-W-2.0",
            "CPL-1.0",
            "CUA-OPL-1.0",
            "EPL-*",
            "ErlPL-1.1",
            "IPL-1.0",
            "LGPL-*",
            "LGPLLR",
            "LPPL-*",
            "Motosoto",
            "MPL-*",
            "MS-RL",
            "Nokia",
            "NPL-*",
            "OFL-*",
            "SISSL",
            "SISSL-1.2",
            "SPL-1.0",
            "YPL-1.0",
            "YPL-1.1",
        ],
    },
    Class {
        name: "copyleft",
        what: "whoever passes on the whole passes it on under the same licence",
        ids: &[
            "CC-BY-SA-*",
            "CECILL-1.0",
            "CECILL-1.1",
            "CECILL-2.0",
            "CECILL-2.1",
            "CERN-OHL-S-2.0",
            "copyleft-next-*",
            "GFDL-*",
            "GPL-*",
            "ODbL-1.0",
            "QPL-1.0",
            "Sleepycat",
        ],
    },
    Class {
        name: "network-copyleft",
        what: "as copyleft, and offering the program over a network is passing it on",
        ids: &[
            "AGPL-*", "APSL-2.0", "CAL-1.0", "CPAL-1.0", "EUPL-*", "OSL-*", "Parity-*", "RPL-*", "SSPL-1.0",
        ],
    },
    Class {
        name: "osi",
        what: "approved by the Open Source Initiative, as the SPDX list marks it",
        ids: &[],
    },
];

/// Exceptions that let other programs link with or contain the code: what is `copyleft` without them is `weak-copyleft` with them.
pub static LINKING_EXCEPTIONS: &[&str] = &[
    "Autoconf-exception-2.0",
    "Autoconf-exception-3.0",
    "Autoconf-exception-generic",
    "Bison-exception-1.24",
    "Bison-exception-2.2",
    "Classpath-exception-2.0",
    "eCos-exception-2.0",
    "Font-exception-2.0",
    "freertos-exception-2.0",
    "GCC-exception-2.0",
    "GCC-exception-3.1",
    "GNAT-exception",
    "Libtool-exception",
    "Linux-syscall-note",
    "OpenJDK-assembly-exception-1.0",
    "PS-or-PDF-font-exception-20170817",
    "Qt-GPL-exception-1.0",
    "Texinfo-exception",
    "u-boot-exception-2.0",
    "WxWindows-exception-3.1",
];

/// One answer for one name or one package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// The lists allow it.
    Allowed,
    /// The lists cannot tell.
    Unknown,
    /// It is not among the allowed ones.
    NotAllowed,
    /// It is among the denied ones.
    Denied,
}

/// What the lists say of a declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The answer.
    pub answer: Answer,
    /// The names that the answer is due to, each once; empty where all is allowed or nothing is declared.
    pub names: Vec<String>,
}

/// Licences that are allowed and denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    allow: Vec<Item>,
    deny: Vec<Item>,
    written: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    /// Licences without a version left open.
    Ids {
        ids: Vec<LicenseId>,
        exception: Option<ExceptionId>,
    },
    Class(&'static str),
    /// Words that no list has, by their reference.
    Reference(String),
    /// All that is not known.
    Unknown,
}

/// Why a list cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListsError {
    /// Nothing that is known.
    #[error(
        "`{0}` is no licence: expected an SPDX id (`MIT`, `GPL-2.0-or-later`), a `LicenseRef-...`, `unknown`, or a class ({classes})",
        classes = class_names()
    )]
    NoLicense(String),
    /// A name that several licences have.
    #[error(
        "`{name}` can be several licences: name those that are meant ({candidates}), or `{reference}` for whatever says no more"
    )]
    Several {
        /// As written.
        name: String,
        /// What it may be.
        candidates: String,
        /// For all of them.
        reference: &'static str,
    },
    /// An expression.
    #[error("`{0}` is an expression: list its licences one by one")]
    Expression(String),
}

fn class_names() -> String {
    CLASSES.iter().map(|class| class.name).collect::<Vec<_>>().join(", ")
}

impl Item {
    fn parse(text: &str) -> Result<Self, ListsError> {
        let text = text.trim();
        if let Some(class) = CLASSES.iter().find(|class| class.name == text) {
            return Ok(Item::Class(class.name));
        }
        if text == "unknown" {
            return Ok(Item::Unknown);
        }
        if text.starts_with("LicenseRef-") && super::is_reference(text) {
            return Ok(Item::Reference(text.to_owned()));
        }
        let declared = Declared::read(text);
        match declared.nodes.as_slice() {
            [Node::Name(Name::Known { id, or_later, exception })] => {
                Ok(Item::Ids { ids: choices(*id, *or_later), exception: *exception })
            }
            [Node::Name(Name::OneOf { family, .. })] if !family.candidates.is_empty() => {
                Err(ListsError::Several {
                    name: text.to_owned(),
                    candidates: family.candidates.join(", "),
                    reference: family.reference,
                })
            }
            [Node::Name(Name::OneOf { family, .. })] => Ok(Item::Reference(family.reference.to_owned())),
            [] | [_] => Err(ListsError::NoLicense(text.chars().take(80).collect())),
            _ => Err(ListsError::Expression(text.to_owned())),
        }
    }

    /// Does it speak of this licence with exactly this exception?
    fn names(&self, id: LicenseId, exception: Option<ExceptionId>) -> bool {
        matches!(self, Item::Ids { ids, exception: own } if *own == exception && ids.contains(&id))
    }

    /// Does it speak of this licence, whatever exception goes with it?
    fn covers(&self, id: LicenseId, exception: Option<ExceptionId>) -> bool {
        match self {
            Item::Ids { ids, exception: own } => (own.is_none() || *own == exception) && ids.contains(&id),
            Item::Class(class) => in_class(class, id, exception),
            Item::Reference(_) | Item::Unknown => false,
        }
    }
}

/// Is the licence of the class?
fn in_class(class: &str, id: LicenseId, exception: Option<ExceptionId>) -> bool {
    if class == "osi" {
        return id.is_osi_approved();
    }
    let links = exception.is_some_and(|exception| LINKING_EXCEPTIONS.contains(&exception.name));
    let own = class_of(id.name);
    if links && own == Some("copyleft") { class == "weak-copyleft" } else { own == Some(class) }
}

/// The class of an id, if it is in one.
pub fn class_of(id: &str) -> Option<&'static str> {
    let has = |class: &&Class| {
        class.ids.iter().any(|known| match known.strip_suffix('*') {
            Some(prefix) => id.starts_with(prefix),
            None => *known == id,
        })
    };
    CLASSES.iter().find(has).map(|class| class.name)
}

/// The licences among which a taker may choose: for `-or-later` and `+` all versions from that one on, else the licence itself.
fn choices(id: LicenseId, or_later: bool) -> Vec<LicenseId> {
    let (stem, gnu) = match id.name.strip_suffix("-or-later") {
        Some(stem) => (stem, true),
        None if or_later => (id.name, false),
        None => return vec![id],
    };
    let end = if gnu { "-only" } else { "" };
    let Some((base, version, tail)) = parts(stem) else { return vec![id] };
    let mut choices: Vec<LicenseId> = spdx::identifiers::LICENSES
        .iter()
        .filter(|license| {
            let stem = license.name.strip_suffix(end);
            stem.and_then(parts)
                .is_some_and(|(other, number, rest)| other == base && rest == tail && number >= version)
        })
        .filter_map(|license| spdx::license_id(license.name))
        .filter(|id| !id.is_deprecated())
        .collect();
    if choices.is_empty() {
        choices.push(id);
    }
    choices
}

/// `GFDL-1.3-no-invariants` in its name, its version and what follows.
fn parts(stem: &str) -> Option<(&str, Vec<u32>, &str)> {
    let mut at = 0;
    for part in stem.split('-') {
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            let version = part.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<u32>>>()?;
            return Some((&stem[..at], version, &stem[at + part.len()..]));
        }
        at += part.len() + 1;
    }
    None
}

impl Lists {
    /// Reads lists of SPDX ids, classes, references, and `unknown`.
    ///
    /// # Errors
    /// When an entry is none of these.
    pub fn parse(allow: &[String], deny: &[String]) -> Result<Self, ListsError> {
        let items =
            |texts: &[String]| texts.iter().map(|text| Item::parse(text)).collect::<Result<Vec<_>, _>>();
        let mut written = Vec::new();
        for (flag, texts) in [("--license-allow", allow), ("--license-deny", deny)] {
            if !texts.is_empty() {
                written.push(format!(
                    "{flag} {}",
                    texts.iter().map(|text| text.trim()).collect::<Vec<_>>().join(",")
                ));
            }
        }
        Ok(Lists { allow: items(allow)?, deny: items(deny)?, written: written.join(" ") })
    }

    /// Is neither list there?
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// What the lists say of a declaration. What declares nothing is unknown.
    pub fn judge(&self, declared: &Declared) -> Judgement {
        let mut stack: Vec<(Answer, Vec<&Name>)> = Vec::new();
        for node in &declared.nodes {
            let Node::Name(name) = node else {
                let (Some(right), Some(left)) = (stack.pop(), stack.pop()) else { continue };
                stack.push(join(matches!(node, Node::And), left, right));
                continue;
            };
            stack.push((self.name(name), vec![name]));
        }
        let Some((answer, due)) = stack.pop() else {
            return Judgement { answer: self.unknown(), names: Vec::new() };
        };
        let mut names: Vec<String> = Vec::new();
        if answer != Answer::Allowed {
            for name in due {
                let name = name.to_string();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Judgement { answer, names }
    }

    fn name(&self, name: &Name) -> Answer {
        match name {
            Name::Known { id, or_later, exception } => self.best(*id, *or_later, *exception),
            // The exception only permits more: what is allowed without it is allowed with it.
            Name::Extended { id, or_later, raw } => {
                self.listed(&reference(raw, None)).unwrap_or_else(|| self.best(*id, *or_later, None))
            }
            Name::OneOf { family, .. } => self.listed(family.reference).unwrap_or_else(|| {
                let mut answers = family
                    .candidates
                    .iter()
                    .filter_map(|id| spdx::license_id(id))
                    .map(|id| self.best(id, false, None));
                let Some(first) = answers.next() else { return self.unknown() };
                answers.fold(first, |so_far, next| match (so_far, next) {
                    (Answer::Allowed, Answer::Allowed) => Answer::Allowed,
                    (Answer::Denied, Answer::Denied) => Answer::Denied,
                    (Answer::NotAllowed | Answer::Denied, Answer::NotAllowed | Answer::Denied) => {
                        Answer::NotAllowed
                    }
                    _ => Answer::Unknown,
                })
            }),
            Name::Unknown(raw) => self.listed(&reference(raw, None)).unwrap_or_else(|| self.unknown()),
        }
    }

    fn best(&self, id: LicenseId, or_later: bool, exception: Option<ExceptionId>) -> Answer {
        let choices = choices(id, or_later);
        choices.into_iter().map(|id| self.concrete(id, exception)).min().unwrap_or(Answer::Unknown)
    }

    /// One licence without a choice. What is said of exactly this licence with its exception goes before what is said of the licence.
    fn concrete(&self, id: LicenseId, exception: Option<ExceptionId>) -> Answer {
        let has = |items: &[Item], test: fn(&Item, LicenseId, Option<ExceptionId>) -> bool| {
            items.iter().any(|item| test(item, id, exception))
        };
        if exception.is_some() && has(&self.deny, Item::names) {
            Answer::Denied
        } else if exception.is_some() && has(&self.allow, Item::names) {
            Answer::Allowed
        } else if has(&self.deny, Item::covers) {
            Answer::Denied
        } else if self.allow.is_empty() || has(&self.allow, Item::covers) {
            Answer::Allowed
        } else {
            Answer::NotAllowed
        }
    }

    /// Is this reference in a list?
    fn listed(&self, reference: &str) -> Option<Answer> {
        let has = |items: &[Item]| {
            items.iter().any(|item| matches!(item, Item::Reference(known) if known == reference))
        };
        if has(&self.deny) { Some(Answer::Denied) } else { has(&self.allow).then_some(Answer::Allowed) }
    }

    /// What becomes of what is not known.
    fn unknown(&self) -> Answer {
        if self.deny.contains(&Item::Unknown) {
            Answer::Denied
        } else if self.allow.contains(&Item::Unknown) {
            Answer::Allowed
        } else {
            Answer::Unknown
        }
    }
}

/// The answer for two joined declarations, with the names that it is due to.
fn join<'n>(
    and: bool,
    (left, mut of_left): (Answer, Vec<&'n Name>),
    (right, of_right): (Answer, Vec<&'n Name>),
) -> (Answer, Vec<&'n Name>) {
    // `AND` is as bad as its worse side, `OR` as good as its better one; equally bad sides are both named.
    let class = |answer: Answer| answer.min(Answer::NotAllowed);
    match class(left).cmp(&class(right)) {
        std::cmp::Ordering::Equal => {
            of_left.extend(of_right);
            let answer = if and { left.max(right) } else { left.min(right) };
            (answer, of_left)
        }
        order if (order == std::cmp::Ordering::Greater) == and => (left, of_left),
        _ => (right, of_right),
    }
}

/// As the options are typed.
impl fmt::Display for Lists {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(allow: &str, deny: &str) -> Lists {
        let split = |text: &str| -> Vec<String> {
            text.split(',').filter(|text| !text.is_empty()).map(str::to_owned).collect()
        };
        Lists::parse(&split(allow), &split(deny)).unwrap()
    }

    fn check(allow: &str, deny: &str, declared: &str, answer: Answer, names: &[&str]) {
        let judged = lists(allow, deny).judge(&Declared::read(declared));
        assert_eq!(
            (judged.answer, judged.names),
            (answer, names.iter().map(|name| (*name).to_owned()).collect()),
            "{declared} against +{allow} -{deny}"
        );
    }

    #[test]
    fn either_side_of_or_both_sides_of_and() {
        check("MIT", "", "MIT", Answer::Allowed, &[]);
        check("MIT", "", "MIT OR GPL-3.0-only", Answer::Allowed, &[]);
        check("MIT", "", "MIT AND GPL-3.0-only", Answer::NotAllowed, &["GPL-3.0-only"]);
        check("MIT", "", "ISC OR Zlib", Answer::NotAllowed, &["ISC", "Zlib"]);
        check("", "GPL-3.0-only", "MIT AND GPL-3.0-only", Answer::Denied, &["GPL-3.0-only"]);
        check("", "GPL-3.0-only", "MIT OR GPL-3.0-only", Answer::Allowed, &[]);
        check("MIT,ISC", "ISC", "ISC", Answer::Denied, &["ISC"]);
        check("MIT", "GPL-3.0-only", "ISC AND GPL-3.0-only", Answer::Denied, &["ISC", "GPL-3.0-only"]);
        check("MIT", "", "(MIT OR ISC) AND MIT", Answer::Allowed, &[]);
    }

    #[test]
    fn later_versions_are_a_choice() {
        check("GPL-3.0-only", "", "GPL-2.0-or-later", Answer::Allowed, &[]);
        check("GPL-2.0-only", "", "GPL-3.0-or-later", Answer::NotAllowed, &["GPL-3.0-or-later"]);
        check("GPL-2.0-or-later", "", "GPL-3.0-only", Answer::Allowed, &[]);
        check("", "GPL-3.0-only", "GPL-2.0-or-later", Answer::Allowed, &[]);
        check("", "GPL-2.0-or-later", "GPL-2.0-or-later", Answer::Denied, &["GPL-2.0-or-later"]);
        check("", "GPL-2.0-or-later", "GPL-3.0-only", Answer::Denied, &["GPL-3.0-only"]);
        check("", "GPL-3.0-or-later", "GPL-2.0-only", Answer::Allowed, &[]);
        check("Apache-2.0", "", "Apache-1.1+", Answer::Allowed, &[]);
        check("Apache-1.1", "", "Apache-2.0", Answer::NotAllowed, &["Apache-2.0"]);
        check("GFDL-1.3-no-invariants-only", "", "GFDL-1.2-no-invariants-or-later", Answer::Allowed, &[]);
        check(
            "GFDL-1.3-only",
            "",
            "GFDL-1.2-no-invariants-or-later",
            Answer::NotAllowed,
            &["GFDL-1.2-no-invariants-or-later"],
        );
        assert_eq!(choices(spdx::license_id("LGPL-2.0-or-later").unwrap(), false).len(), 3);
    }

    #[test]
    fn exceptions() {
        let gcc = "GPL-3.0-or-later WITH GCC-exception-3.1";
        check("GPL-3.0-only", "", gcc, Answer::Allowed, &[]);
        check(gcc, "", "GPL-3.0-or-later", Answer::NotAllowed, &["GPL-3.0-or-later"]);
        check(gcc, "", gcc, Answer::Allowed, &[]);
        check("", "GPL-3.0-or-later", gcc, Answer::Denied, &[gcc]);
        check("", gcc, "GPL-3.0-or-later", Answer::Allowed, &[]);
        check("", gcc, gcc, Answer::Denied, &[gcc]);
        // The more precise word counts.
        check(&format!("MIT,{gcc}"), "copyleft,GPL-3.0-only", gcc, Answer::Allowed, &[]);
        check("", "copyleft", gcc, Answer::Allowed, &[]);
        check("weak-copyleft", "", gcc, Answer::Allowed, &[]);
        // Permissions that no list knows do not make it worse than without.
        let unheard = "GPL-2+ with OpenSSL exception";
        check("GPL-2.0-only", "", unheard, Answer::Allowed, &[]);
        check("MIT", "", unheard, Answer::NotAllowed, &[unheard]);
        check("", "copyleft", unheard, Answer::Denied, &[unheard]);
    }

    #[test]
    fn names_of_several_licences_and_unknown_ones() {
        check("permissive", "", "BSD", Answer::Allowed, &[]);
        check("BSD-3-Clause", "", "BSD", Answer::Unknown, &["BSD"]);
        check("MIT", "", "BSD", Answer::NotAllowed, &["BSD"]);
        check("BSD-3-Clause,LicenseRef-some-BSD", "", "BSD", Answer::Allowed, &[]);
        check("", "copyleft", "GPL", Answer::Denied, &["GPL"]);
        check("", "GPL-3.0-only", "GPL", Answer::Unknown, &["GPL"]);
        check("MIT", "", "Acme EULA", Answer::Unknown, &["Acme EULA"]);
        check("", "MIT", "Acme EULA", Answer::Unknown, &["Acme EULA"]);
        check("MIT,unknown", "", "Acme EULA", Answer::Allowed, &[]);
        check("", "unknown", "Acme EULA", Answer::Denied, &["Acme EULA"]);
        check("MIT,LicenseRef-Acme-EULA", "", "Acme EULA", Answer::Allowed, &[]);
        check("", "LicenseRef-Acme-EULA", "Acme EULA", Answer::Denied, &["Acme EULA"]);
        check("MIT", "", "MIT OR Acme-EULA", Answer::Allowed, &[]);
        check("MIT", "", "MIT AND Acme-EULA", Answer::Unknown, &["Acme-EULA"]);
        check("MIT", "", "ISC AND Acme-EULA", Answer::NotAllowed, &["ISC"]);
        check("MIT", "", "ISC OR Acme-EULA", Answer::Unknown, &["Acme-EULA"]);
        check("MIT", "", "public-domain", Answer::Unknown, &["public-domain"]);
        check("MIT,Public Domain", "", "PD", Answer::Allowed, &[]);
        check("MIT", "", "", Answer::Unknown, &[]);
        check("MIT,unknown", "", "", Answer::Allowed, &[]);
    }

    #[test]
    fn lists_that_cannot_be_used() {
        let error = |text: &str| Lists::parse(&[text.to_owned()], &[]).unwrap_err().to_string();
        assert!(error("MTI").contains("`MTI` is no licence"));
        assert!(error("").contains("is no licence"));
        assert!(error("GPL").contains("GPL-2.0-only, GPL-3.0-only"));
        assert!(error("MIT OR ISC").contains("one by one"));
        let lists = lists("MIT, Apache 2.0", "copyleft");
        assert_eq!(lists.to_string(), "--license-allow MIT,Apache 2.0 --license-deny copyleft");
        assert!(!lists.is_empty() && Lists::default().is_empty());
    }

    #[test]
    fn classes_name_licences_of_the_list() {
        for class in CLASSES {
            for id in class.ids {
                let known = match id.strip_suffix('*') {
                    Some(prefix) => {
                        spdx::identifiers::LICENSES.iter().any(|license| license.name.starts_with(prefix))
                    }
                    None => spdx::license_id(id).is_some_and(|known| known.name == *id),
                };
                assert!(known, "{id} of {}", class.name);
                let exact = id.trim_end_matches('*');
                let owners = CLASSES
                    .iter()
                    .filter(|other| {
                        other.ids.iter().any(|own| {
                            exact.starts_with(own.trim_end_matches('*'))
                                && (own.ends_with('*') || *own == *id)
                        })
                    })
                    .count();
                assert_eq!(owners, 1, "{id}");
            }
        }
        for exception in LINKING_EXCEPTIONS {
            assert!(
                spdx::exception_id(exception).is_some_and(|known| known.name == *exception),
                "{exception}"
            );
        }
        assert_eq!(class_of("LGPL-2.1-only"), Some("weak-copyleft"));
        assert_eq!(class_of("BSD-Protection"), None);
    }
}
