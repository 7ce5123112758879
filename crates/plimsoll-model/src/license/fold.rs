//! One spelling for all spellings of a name: `GNU General Public License v2 or later (GPLv2+)`, `GPL-2.0-or-later` and `GPLv2+` all
//! become `gpl 2+`.

/// Words that say nothing.
const NOISE: &[&str] =
    &["the", "license", "licence", "licenses", "licensed", "under", "version", "ver", "v", "gnu", "only"];

/// Long names and their short ones. The longer one stands first.
const SHORT: &[(&[&str], &str)] = &[
    (&["library", "or", "lesser", "general", "public"], "lgpl"),
    (&["lesser", "general", "public"], "lgpl"),
    (&["library", "general", "public"], "lgpl"),
    (&["affero", "general", "public"], "agpl"),
    (&["general", "public"], "gpl"),
    (&["free", "documentation"], "gfdl"),
    (&["mozilla", "public"], "mpl"),
    (&["eclipse", "public"], "epl"),
    (&["common", "development", "and", "distribution"], "cddl"),
    (&["european", "union", "public"], "eupl"),
    (&["apache", "software", "foundation"], "apache"),
    (&["apache", "software"], "apache"),
    (&["asl"], "apache"),
    (&["fdl"], "gfdl"),
];

/// What stands behind a number for "or a later one".
const LATER: &[&[&str]] = &[
    &["or", "any", "later"],
    &["and", "any", "later"],
    &["or", "later"],
    &["or", "newer"],
    &["or", "higher"],
    &["or", "greater"],
    &["or", "above"],
    &["and", "later"],
    &["and", "newer"],
    &["and", "above"],
    &["plus"],
];

/// The one spelling.
pub(super) fn fold(text: &str) -> String {
    let words = words(text);
    let mut folded: Vec<String> = Vec::new();
    let mut rest = words.as_slice();
    while let Some(first) = rest.first() {
        let starts = |phrase: &[&str]| {
            rest.len() >= phrase.len() && phrase.iter().zip(rest).all(|(one, other)| one == other)
        };
        let number = folded.last().is_some_and(|last| last.ends_with(|c: char| c.is_ascii_digit()));
        if let Some(phrase) = LATER.iter().find(|phrase| number && starts(phrase)) {
            if let Some(last) = folded.last_mut() {
                last.push('+');
            }
            rest = &rest[phrase.len()..];
        } else if let Some((phrase, short)) = SHORT.iter().find(|(phrase, _)| starts(phrase)) {
            folded.push((*short).to_owned());
            rest = &rest[phrase.len()..];
        } else {
            if !NOISE.contains(&first.as_str()) {
                folded.push(first.clone());
            }
            rest = &rest[1..];
        }
    }
    // `v2 (GPLv2)` says it twice.
    let half = folded.len() / 2;
    if half > 0 && folded.len() == 2 * half && folded[..half] == folded[half..] {
        folded.truncate(half);
    }
    folded.join(" ")
}

/// Small letters, digits and `+`, cut where letters go over into a number.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    // `(>= 2)`
    let mut at_least = false;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if character.is_alphanumeric() {
            let end = rest
                .char_indices()
                .find(|(at, c)| {
                    let point = *c == '.' && rest[at + 1..].starts_with(|next: char| next.is_ascii_digit());
                    !(c.is_alphanumeric() || point)
                })
                .map_or(rest.len(), |(at, _)| at);
            let (word, further) = rest.split_at(end);
            let plus = further.starts_with('+');
            take(word, plus || at_least, &mut words);
            at_least = at_least && !word.starts_with(|c: char| c.is_ascii_digit());
            rest = &further[usize::from(plus)..];
        } else {
            // `MIT/X11` is not `MIT X11`.
            if character == '/' {
                words.push("/".to_owned());
            }
            at_least |= rest.starts_with(">=");
            rest = &rest[character.len_utf8()..];
        }
    }
    words
}

fn take(word: &str, plus: bool, words: &mut Vec<String>) {
    let word = word.to_lowercase();
    let letters = word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len());
    let (letters, number) = word.split_at(letters);
    if !number.is_empty() || letters.is_empty() {
        let name = letters.strip_suffix('v').unwrap_or(letters);
        if !name.is_empty() {
            words.push(name.to_owned());
        }
        let mut number = number;
        while let Some(shorter) = number.strip_suffix(".0") {
            number = shorter;
        }
        words.push(format!("{number}{}", if plus { "+" } else { "" }));
        return;
    }
    words.push(format!("{letters}{}", if plus && !letters.is_empty() { "+" } else { "" }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (text, expected) in [
            ("GNU General Public License v2 or later (GPLv2+)", "gpl 2+"),
            ("GPL-2.0-or-later", "gpl 2+"),
            ("GPLv2+", "gpl 2+"),
            ("GPL (>= 2.0)", "gpl 2+"),
            ("GPL-2.0-only", "gpl 2"),
            ("LGPL2.1", "lgpl 2.1"),
            ("Apache License, Version 2.0", "apache 2"),
            ("The Apache Software License, Version 2.0", "apache 2"),
            ("BSD-3-Clause", "bsd 3 clause"),
            ("GPL+", "gpl+"),
            ("X11", "x 11"),
            ("MIT/X11", "mit / x 11"),
            ("0BSD", "0bsd"),
            ("", ""),
            ("é", "é"),
        ] {
            assert_eq!(fold(text), expected, "{text}");
            assert_eq!(fold(&fold(text)), fold(text), "{text}");
        }
    }
}
