//! Licences: what packages declare, in whatever words, as SPDX expressions.
//!
//! Every ecosystem has words of its own (`GPL-2+`, `GPLv2+`, `BSD License`, `The Apache Software License, Version 2.0`). What they mean is data
//! ([`names`]) and the SPDX licence list; what is in neither stays *unknown*, with its words. A name that several licences have (`GPL`,
//! `BSD`) is kept as what it is: one of them, nobody says which. Nothing is guessed from licence texts.
//!
//! Form of the result: SPDX specification 2.3, annex D.

mod fold;
pub mod lists;
mod names;

use std::fmt;

use spdx::{ExceptionId, LicenseId};

pub use lists::{Answer, Judgement, Lists, ListsError};
pub use names::COMMON_LICENSES;
use names::Meaning;

/// Longest declaration in bytes that is looked at. Longer ones are licence texts, not names.
const LONGEST: usize = 1024;
/// Most names in one declaration.
const MOST: usize = 64;

/// What a package declares, as far as it is understood: names joined by `AND` and `OR`, the operators behind their operands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Name(Name),
    And,
    Or,
}

/// One licence in a declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// A licence of the SPDX list.
    Known { id: LicenseId, or_later: bool, exception: Option<ExceptionId> },
    /// A licence of the list, with permissions on top that no list knows.
    Extended { id: LicenseId, or_later: bool, raw: String },
    /// One of several.
    OneOf { family: &'static names::Family, raw: String },
    /// Words that mean nothing to us.
    Unknown(String),
}

impl Declared {
    /// Reads one declaration.
    pub fn read(raw: &str) -> Self {
        let raw = raw.trim();
        if raw.is_empty() {
            return Declared::default();
        }
        if raw.len() > LONGEST {
            return Declared::unknown_words(raw);
        }
        if let Some(nodes) = phrase(raw) {
            return Declared { nodes };
        }
        let nodes = expression(raw).filter(|nodes| {
            // Prose has the words `and` and `or` too: without a single name in it, it is one thing that is not understood.
            nodes.iter().any(|node| matches!(node, Node::Name(name) if !matches!(name, Name::Unknown(_))))
        });
        nodes.map_or_else(|| Declared::unknown_words(raw), |nodes| Declared { nodes })
    }

    /// Reads all declarations of a package. In some ecosystems a list is a choice (`choice`), in the others all of it holds.
    pub fn all(raw: &[String], choice: bool) -> Self {
        let mut all = Declared::default();
        // The same in two spellings is said once.
        let mut seen: Vec<Declared> = Vec::new();
        for one in raw {
            let one = Declared::read(one);
            if one.nodes.is_empty() || seen.contains(&one) {
                continue;
            }
            let first = all.nodes.is_empty();
            all.nodes.extend(one.nodes.iter().cloned());
            seen.push(one);
            if !first {
                all.nodes.push(if choice { Node::Or } else { Node::And });
            }
        }
        all
    }

    fn unknown_words(raw: &str) -> Self {
        let end = (0..=LONGEST.min(raw.len())).rev().find(|end| raw.is_char_boundary(*end)).unwrap_or(0);
        Declared { nodes: vec![Node::Name(Name::Unknown(raw[..end].to_owned()))] }
    }

    /// Is nothing declared?
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn names(&self) -> impl Iterator<Item = &Name> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Name(name) => Some(name),
            Node::And | Node::Or => None,
        })
    }

    /// The words that are no licence of the SPDX list, each once, in their order.
    pub fn unknown(&self) -> Vec<&str> {
        let mut unknown: Vec<&str> = Vec::new();
        for name in self.names() {
            if let Some(raw) = name.raw().filter(|raw| !unknown.contains(raw)) {
                unknown.push(raw);
            }
        }
        unknown
    }

    /// Is it one licence, and one of those that `vague` may mean? (`BSD-3-Clause` beside `BSD License`.)
    pub fn says_which(&self, vague: &Declared) -> bool {
        let ([Node::Name(Name::Known { id, .. })], [Node::Name(Name::OneOf { family, .. })]) =
            (self.nodes.as_slice(), vague.nodes.as_slice())
        else {
            return false;
        };
        let stem = id.name.strip_suffix("-or-later").or_else(|| id.name.strip_suffix("-only"));
        family.candidates.iter().any(|candidate| {
            *candidate == id.name || (stem.is_some() && candidate.strip_suffix("-only") == stem)
        })
    }

    /// As a valid SPDX expression; `refer` makes a reference of words that are no licence of the list, given the one that stands for a name
    /// that several licences have. `None` when nothing is declared.
    pub fn expression(&self, mut refer: impl FnMut(&str, Option<&'static str>) -> String) -> Option<String> {
        // Text, and whether an operator of lower rank than AND stands open in it.
        let mut stack: Vec<(String, bool)> = Vec::new();
        for node in &self.nodes {
            let operator = match node {
                Node::Name(name) => {
                    let text = match name {
                        Name::Known { .. } => name.to_string(),
                        Name::OneOf { family, raw } => refer(raw, Some(family.reference)),
                        Name::Extended { raw, .. } | Name::Unknown(raw) => refer(raw, None),
                    };
                    stack.push((text, false));
                    continue;
                }
                Node::And => " AND ",
                Node::Or => " OR ",
            };
            let (right, left) = (stack.pop()?, stack.pop()?);
            let or = matches!(node, Node::Or);
            // The same twice says it once.
            if left.0 == right.0 {
                stack.push(left);
                continue;
            }
            let close = |(text, open): (String, bool)| if open && !or { format!("({text})") } else { text };
            stack.push((format!("{}{operator}{}", close(left), close(right)), or));
        }
        stack.pop().map(|(text, _)| text)
    }
}

/// As an SPDX expression, with references made of the words.
impl fmt::Display for Declared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expression(reference).as_deref().unwrap_or_default())
    }
}

/// A reference (`LicenseRef-public-domain-md5`) for words that no list has; `known` where there is one.
pub fn reference(raw: &str, known: Option<&'static str>) -> String {
    if let Some(own) = known.or(is_reference(raw).then_some(raw)) {
        return own.to_owned();
    }
    let mut name = String::from("LicenseRef-");
    for character in raw.chars().take(60) {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' => name.push(character),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_end_matches('-');
    if name == "LicenseRef" { "LicenseRef-unnamed".to_owned() } else { name.to_owned() }
}

/// Is it a reference by the letter already?
fn is_reference(text: &str) -> bool {
    text.strip_prefix("LicenseRef-").is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    })
}

impl Name {
    /// The words, where it is no licence of the list.
    fn raw(&self) -> Option<&str> {
        match self {
            Name::Known { .. } => None,
            Name::Extended { raw, .. } | Name::OneOf { raw, .. } | Name::Unknown(raw) => Some(raw),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Known { id, or_later, exception } => {
                write!(formatter, "{}{}", id.name, if *or_later { "+" } else { "" })?;
                exception.map_or(Ok(()), |exception| write!(formatter, " WITH {}", exception.name))
            }
            Name::Extended { raw, .. } | Name::OneOf { raw, .. } | Name::Unknown(raw) => {
                formatter.write_str(raw)
            }
        }
    }
}

/// An id by the letter. The old ids of GNU licences do not say whether a later one may be taken: they go through the table.
fn exact(text: &str) -> Option<Name> {
    let (name, or_later) = text.strip_suffix('+').map_or((text, false), |name| (name, true));
    let id = spdx::license_id(name).filter(|id| id.name == name && !(id.is_gnu() && id.is_deprecated()))?;
    // `GPL-2.0-or-later+` is nothing.
    (!(or_later && id.is_gnu())).then_some(Name::Known { id, or_later, exception: None })
}

/// One name, or a phrase that stands for an expression; `None` when it means nothing.
fn phrase(text: &str) -> Option<Vec<Node>> {
    let text = text.trim();
    if let Some(name) = exact(text) {
        return Some(vec![Node::Name(name)]);
    }
    if is_reference(text) {
        let raw = text.to_owned();
        let name =
            names::family(text).map_or(Name::Unknown(text.to_owned()), |family| Name::OneOf { family, raw });
        return Some(vec![Node::Name(name)]);
    }
    let looked = names::address(text).map_or_else(|| names::meaning(&fold::fold(text)), Some);
    match looked? {
        Meaning::Expression(known) => expression_of_ids(known),
        Meaning::Id { id, or_later } => Some(vec![Node::Name(Name::Known { id, or_later, exception: None })]),
        Meaning::OneOf(family) => Some(vec![Node::Name(Name::OneOf { family, raw: text.to_owned() })]),
    }
}

/// An expression of the table, which holds ids by the letter only, and references of its own.
fn expression_of_ids(text: &str) -> Option<Vec<Node>> {
    parse(text, |text| {
        let family = |family| Name::OneOf { family, raw: text.to_owned() };
        exact(text).or_else(|| names::family(text).map(family)).map(|name| vec![Node::Name(name)])
    })
}

fn expression(text: &str) -> Option<Vec<Node>> {
    parse(text, |text| Some(phrase(text).unwrap_or_else(|| vec![Node::Name(Name::Unknown(text.to_owned()))])))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Operator {
    Open,
    /// `, or` binds less than `and` (copyright-format 1.0, "License specification").
    CommaOr,
    CommaAnd,
    Or,
    And,
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'t> {
    Phrase(&'t str),
    With,
    Operator(Operator),
    Close,
}

/// Cuts a declaration into phrases and operators; `None` when it has something that cannot be told (`and/or`).
fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    // Start and end of the phrase that is open.
    let mut open: Option<(usize, usize)> = None;
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let width = character.len_utf8();
        let mut push = |open: &mut Option<(usize, usize)>, token: Option<Token<'static>>| {
            if let Some((start, end)) = open.take() {
                tokens.push(Token::Phrase(&text[start..end]));
            }
            tokens.extend(token);
        };
        match character {
            _ if character.is_whitespace() => at += width,
            '(' if open.is_none() => {
                push(&mut open, Some(Token::Operator(Operator::Open)));
                at += 1;
            }
            // A bracket behind a name belongs to it: `GPL (>= 2)`, `GNU General Public License v2 (GPLv2)`.
            '(' => {
                let end = at + text[at..].find(')')? + 1;
                open = open.map(|(start, _)| (start, end));
                at = end;
            }
            ')' => {
                push(&mut open, Some(Token::Close));
                at += 1;
            }
            '|' | '&' => {
                let operator = if character == '|' { Operator::Or } else { Operator::And };
                push(&mut open, Some(Token::Operator(operator)));
                at += 1 + usize::from(text[at + 1..].starts_with(character));
            }
            ',' | ';' => {
                let rest = text[at + 1..].trim_start();
                let next = word(rest).to_ascii_lowercase();
                at += 1;
                // `Apache License, Version 2.0` is one name.
                let version = next == "version"
                    || next
                        .strip_prefix('v')
                        .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()));
                if version && open.is_some() {
                    continue;
                }
                let operator = match next.as_str() {
                    "or" => Operator::CommaOr,
                    _ => Operator::CommaAnd,
                };
                push(&mut open, Some(Token::Operator(operator)));
                if matches!(next.as_str(), "or" | "and") {
                    at = text.len() - rest.len() + next.len();
                }
            }
            _ => {
                let word = word(&text[at..]);
                let end = at + word.len();
                let next = self::word(text[end..].trim_start()).to_ascii_lowercase();
                let later = matches!(
                    next.as_str(),
                    "later" | "newer" | "any" | "higher" | "greater" | "above" | "lesser"
                );
                match word.to_ascii_lowercase().as_str() {
                    "or" if !later => push(&mut open, Some(Token::Operator(Operator::Or))),
                    "and" if !later => push(&mut open, Some(Token::Operator(Operator::And))),
                    "with" => push(&mut open, Some(Token::With)),
                    "and/or" => return None,
                    _ => open = Some((open.map_or(at, |(start, _)| start), end)),
                }
                at = end;
            }
        }
    }
    if let Some((start, end)) = open {
        tokens.push(Token::Phrase(&text[start..end]));
    }
    Some(tokens)
}

/// The word that `text` begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| c.is_whitespace() || "(),;|&".contains(c)).unwrap_or(text.len());
    &text[..end]
}

/// Reads an expression, with what `read` makes of its names; `None` where the form is broken.
fn parse(text: &str, read: impl Fn(&str) -> Option<Vec<Node>>) -> Option<Vec<Node>> {
    let mut tokens = tokens(text)?.into_iter().peekable();
    let mut nodes: Vec<Node> = Vec::new();
    let mut operators: Vec<Operator> = Vec::new();
    let mut operand = true;
    let mut count = 0;
    while let Some(token) = tokens.next() {
        match token {
            Token::Phrase(text) if operand => {
                count += 1;
                if count > MOST {
                    return None;
                }
                let mut name = read(text)?;
                if tokens.peek() == Some(&Token::With) {
                    tokens.next();
                    let Some(Token::Phrase(addition)) = tokens.next() else { return None };
                    name = with(name, text, addition);
                }
                nodes.extend(name);
                operand = false;
            }
            Token::Operator(Operator::Open) if operand => operators.push(Operator::Open),
            Token::Operator(operator) if !operand && operator != Operator::Open => {
                while let Some(before) = operators.pop_if(|before| *before >= operator) {
                    nodes.push(before.node());
                }
                operators.push(operator);
                operand = true;
            }
            Token::Close if !operand => loop {
                match operators.pop()? {
                    Operator::Open => break,
                    operator => nodes.push(operator.node()),
                }
            },
            _ => return None,
        }
    }
    if operand {
        return None;
    }
    while let Some(operator) = operators.pop() {
        if operator == Operator::Open {
            return None;
        }
        nodes.push(operator.node());
    }
    Some(nodes)
}

impl Operator {
    fn node(self) -> Node {
        match self {
            Operator::And | Operator::CommaAnd => Node::And,
            // Open brackets are taken off before this is asked.
            Operator::Or | Operator::CommaOr | Operator::Open => Node::Or,
        }
    }
}

/// A name with an exception. One that no list knows still only permits more than the licence itself.
fn with(name: Vec<Node>, text: &str, addition: &str) -> Vec<Node> {
    let raw = format!("{text} with {addition}");
    let unknown = || vec![Node::Name(Name::Unknown(raw.clone()))];
    let Ok([Node::Name(Name::Known { id, or_later, exception: None })]) = <[Node; 1]>::try_from(name) else {
        return unknown();
    };
    let known = spdx::exception_id(addition)
        .filter(|exception| exception.name == addition)
        .or_else(|| names::exception(&fold::fold(addition), id));
    match known {
        Some(exception) => vec![Node::Name(Name::Known { id, or_later, exception: Some(exception) })],
        None if addition.to_ascii_lowercase().contains("exception") => {
            vec![Node::Name(Name::Extended { id, or_later, raw })]
        }
        None => unknown(),
    }
}

/// Reads arbitrary bytes as a declaration.
///
/// # Panics
/// When the result is not an SPDX expression, or reads differently the second time.
pub fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let declared = Declared::read(&text);
    assert_eq!(declared.is_empty(), text.trim().is_empty());
    let Some(expression) = declared.expression(reference) else { return };
    let parsed = spdx::Expression::parse(&expression);
    assert!(parsed.is_ok(), "{text:?} became {expression:?}: {parsed:?}");
    // A long reference is cut, and then is another one; names never change.
    let again = Declared::read(&expression);
    if declared.unknown().is_empty() {
        assert_eq!(again.to_string(), expression, "{text:?}");
    }
    let lists =
        Lists::parse(&["permissive".to_owned()], &["copyleft".to_owned()]).expect("classes that exist");
    let judged = lists.judge(&declared);
    assert!(judged.answer == Answer::Allowed || !judged.names.is_empty(), "{text:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, expected: &str) {
        let declared = Declared::read(raw);
        assert_eq!(declared.to_string(), expected, "{raw:?}");
        fuzz(raw.as_bytes());
    }

    #[test]
    fn spdx_stays_as_it_is() {
        for text in [
            "MIT",
            "MIT OR Apache-2.0",
            "(MIT OR Apache-2.0) AND ISC",
            "MIT OR Apache-2.0 AND ISC",
            "GPL-2.0-or-later WITH Bison-exception-2.2",
            "Apache-1.1+",
            "LicenseRef-own-1",
        ] {
            check(text, text);
        }
        check("(MIT OR Apache-2.0)", "MIT OR Apache-2.0");
        check("((MIT))", "MIT");
        check("mit and isc", "MIT AND ISC");
        check("GPL-2.0", "GPL-2.0-only");
        check("GPL-2.0+", "GPL-2.0-or-later");
        check("LGPL-2.1", "LGPL-2.1-only");
        check("GPL-2.0-with-classpath-exception", "GPL-2.0-only WITH Classpath-exception-2.0");
    }

    #[test]
    fn debian() {
        check("Expat", "MIT");
        check("GPL-2+", "GPL-2.0-or-later");
        check("GPL-2", "GPL-2.0-only");
        check("LGPL-2+", "LGPL-2.0-or-later");
        check("LGPL-2.1+", "LGPL-2.1-or-later");
        check("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later");
        check("BSD-3-clause", "BSD-3-Clause");
        check("CC0", "CC0-1.0");
        check("GPL-1+ or Artistic, and Expat", "(GPL-1.0-or-later OR LicenseRef-some-Artistic-1.0) AND MIT");
        check("MPL-1.1 or GPL-2+ or LGPL-2.1+", "MPL-1.1 OR GPL-2.0-or-later OR LGPL-2.1-or-later");
        check("Expat or GPL and BSD-2-clause", "MIT OR LicenseRef-some-GPL AND BSD-2-Clause");
        check("GPL-3+ with Bison exception", "GPL-3.0-or-later WITH Bison-exception-2.2");
        check("GPL-2+ with AutoConf exception", "GPL-2.0-or-later WITH Autoconf-exception-2.0");
        check("GPL-3+ with Autoconf exception", "GPL-3.0-or-later WITH Autoconf-exception-3.0");
        check("GPL-2+ with Font exception", "GPL-2.0-or-later WITH Font-exception-2.0");
        check("GPL-2 with Linux-syscall-note exception", "GPL-2.0-only WITH Linux-syscall-note");
        check("Apache-2.0 with LLVM exception", "Apache-2.0 WITH LLVM-exception");
        check("public-domain", "LicenseRef-public-domain");
        check("PD", "LicenseRef-public-domain");
        check("BSD-3-clause~Google", "LicenseRef-BSD-3-clause-Google");
        check("/usr/share/common-licenses/GPL-2", "LicenseRef-some-GPL-2.0");
        check("/usr/share/common-licenses/Apache-2.0", "Apache-2.0");
        check("/usr/share/common-licenses/X", "LicenseRef-usr-share-common-licenses-X");
    }

    #[test]
    fn rpm_python_java_and_the_others() {
        check("GPLv2+", "GPL-2.0-or-later");
        check("GPL+", "GPL-1.0-or-later");
        check("LGPLv2+ and MIT", "LGPL-2.0-or-later AND MIT");
        check(
            "GPLv2+ and LGPLv2+ and (MPLv1.1 or BSD)",
            "GPL-2.0-or-later AND LGPL-2.0-or-later AND (MPL-1.1 OR LicenseRef-some-BSD)",
        );
        check("ASL 2.0", "Apache-2.0");
        check("Public Domain", "LicenseRef-public-domain");
        check("MIT License", "MIT");
        check("BSD License", "LicenseRef-some-BSD");
        check("Apache Software License", "LicenseRef-some-Apache");
        check("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0");
        check("GNU General Public License v2 (GPLv2)", "GPL-2.0-only");
        check("GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later");
        check("GNU Lesser General Public License v2 or later (LGPLv2+)", "LGPL-2.0-or-later");
        check("GNU Library or Lesser General Public License (LGPL)", "LicenseRef-some-LGPL");
        check("ISC License (ISCL)", "ISC");
        check("The Apache Software License, Version 2.0", "Apache-2.0");
        check("Apache License, Version 2.0", "Apache-2.0");
        check("Apache 2", "Apache-2.0");
        check("http://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0");
        check("https://opensource.org/licenses/MIT", "MIT");
        check("https://licenses.nuget.org/BSD-3-Clause", "BSD-3-Clause");
        check("Eclipse Public License - v 2.0", "EPL-2.0");
        check("EPL 2.0", "EPL-2.0");
        check("The MIT License (MIT)", "MIT");
        check("New BSD License", "BSD-3-Clause");
        check(
            "CDDL + GPLv2 with classpath exception",
            "LicenseRef-some-CDDL OR GPL-2.0-only WITH Classpath-exception-2.0",
        );
        check("GPL (>= 2)", "GPL-2.0-or-later");
        check("GPL-2 | GPL-3", "GPL-2.0-only OR GPL-3.0-only");
        check("MIT + file LICENSE", "MIT");
        check("BSD_3_clause + file LICENSE", "BSD-3-Clause");
        check("GPLv2 or later", "GPL-2.0-or-later");
        check("MIT/X11", "MIT");
        check("MIT/Apache-2.0", "MIT OR Apache-2.0");
    }

    #[test]
    fn what_is_not_understood_keeps_its_words() {
        for (raw, unknown) in [
            ("UNLICENSED", "UNLICENSED"),
            ("SEE LICENSE IN LICENSE.md", "SEE LICENSE IN LICENSE.md"),
            ("Free to use and to change or not", "Free to use and to change or not"),
            ("GPL-3+ and/or BSD", "GPL-3+ and/or BSD"),
            ("MIT or", "MIT or"),
            ("(MIT or ISC", "(MIT or ISC"),
            ("MIT or ISC)", "MIT or ISC)"),
            ("MIT-style", "MIT-style"),
            ("not MIT", "not MIT"),
            ("GPL-2+ with OpenSSL exception", "GPL-2+ with OpenSSL exception"),
            ("MIT with attitude", "MIT with attitude"),
            ("Proprietary", "Proprietary"),
        ] {
            let declared = Declared::read(raw);
            assert_eq!(declared.unknown(), [unknown], "{raw}");
            fuzz(raw.as_bytes());
        }
        assert_eq!(Declared::read("MIT or Custom-7").unknown(), ["Custom-7"]);
        assert!(Declared::read(" \n").is_empty());
        let text = Declared::read(&"x".repeat(5000));
        assert_eq!(text.unknown()[0].len(), LONGEST);
        assert_eq!(Declared::read(&"(".repeat(1000)).unknown().len(), 1);
        assert_eq!(Declared::read(&vec!["MIT"; 200].join(" or ")).unknown().len(), 1);
    }

    #[test]
    fn one_declaration_says_which_the_other_means() {
        for (one, vague, expected) in [
            ("BSD-3-Clause", "BSD License", true),
            ("Apache 2.0", "Apache Software License", true),
            ("GPLv3+", "GPL", true),
            ("MIT", "BSD License", false),
            ("BSD", "BSD License", false),
            ("BSD-3-Clause or MIT", "BSD License", false),
            ("MIT", "MIT License", false),
            ("MIT", "", false),
        ] {
            assert_eq!(Declared::read(one).says_which(&Declared::read(vague)), expected, "{one}, {vague}");
        }
    }

    #[test]
    fn lists_of_declarations() {
        let raw = ["MIT OR ISC".to_owned(), "Apache-2.0".to_owned(), String::new()];
        assert_eq!(Declared::all(&raw, false).to_string(), "(MIT OR ISC) AND Apache-2.0");
        assert_eq!(Declared::all(&raw, true).to_string(), "MIT OR ISC OR Apache-2.0");
        let same = ["MIT".to_owned(), "ISC".to_owned(), "Expat".to_owned()];
        assert_eq!(Declared::all(&same, false).to_string(), "MIT AND ISC");
        assert!(Declared::all(&[], true).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn anything(data in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            fuzz(&data);
        }

        #[test]
        fn anything_of_their_words(words in proptest::collection::vec(0_usize..24, 0..14)) {
            const WORDS: [&str; 24] = [
                "MIT", "GPL-2+", "or", "and", "with", "(", ")", ",", "exception", "Bison", "later", "/", "GPL", "v2", "+", "|",
                "&", "License", "LicenseRef-a", "BSD", "only", "Apache-1.1+", "x", "and/or",
            ];
            let text: Vec<&str> = words.iter().map(|word| WORDS[*word]).collect();
            fuzz(text.join(" ").as_bytes());
            fuzz(text.concat().as_bytes());
        }
    }
}
