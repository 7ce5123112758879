//! Small measures of text.

/// Edits (insert, delete, replace) between two short names (Levenshtein).
pub fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replace = corner + usize::from(a != *b);
            corner = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(corner + 1);
        }
    }
    row[right.len()]
}

/// The first 80 characters, with control characters made visible.
pub fn shortened(text: &str) -> String {
    // Nearly all names are short and plain, and there are many.
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\');
    if text.len() <= 80 && text.as_bytes().iter().all(is_plain) {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

/// The first line of what a YAML reader says of a mistake: below it the reader draws the text.
pub fn headline(error: &str) -> &str {
    let line = error.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line)
}

/// What caused an error, the nearest first, at most 32.
pub fn causes(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(error.source(), |cause| cause.source()).take(32).map(ToString::to_string).collect()
}

/// An error and its causes in one line; a cause that the words before it name already is not told again.
pub fn one_line(error: impl std::error::Error) -> String {
    let mut line = error.to_string();
    for cause in causes(&error) {
        if !line.contains(&cause) {
            line.push_str(": ");
            line.push_str(&cause);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{causes, edits, headline, one_line, shortened};

    #[test]
    fn names_are_short_and_printable() {
        let long = "x".repeat(80);
        assert_eq!(shortened(&long), long);
        assert_eq!(shortened(&format!("{long}y")), format!("{long}…"));
        assert_eq!(shortened("a/b c~!"), "a/b c~!");
        assert_eq!(shortened("a\"b\\'\n\u{1b}é"), "a\\\"b\\\\\\'\\n\\u{1b}é");
    }

    #[derive(Debug)]
    struct Told(&'static str, Option<Box<Told>>);

    impl std::fmt::Display for Told {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl std::error::Error for Told {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn causes_stand_behind_the_error() {
        let inner = Told("no route", None);
        let middle = Told("cannot connect: no route", Some(Box::new(inner)));
        let outer = Told("cannot read the list", Some(Box::new(middle)));
        assert_eq!(causes(&outer), ["cannot connect: no route", "no route"]);
        assert_eq!(one_line(&outer), "cannot read the list: cannot connect: no route");
        assert_eq!(one_line(Told("alone", None)), "alone");
    }

    #[test]
    fn first_lines() {
        assert_eq!(headline("error: line 1: no\n  |\n1 | a"), "line 1: no");
        assert_eq!(headline("no"), "no");
        assert_eq!(headline(""), "");
    }

    #[test]
    fn distances() {
        for (left, right, expected) in
            [("", "", 0), ("", "ab", 2), ("kitten", "sitting", 3), ("web", "wbe", 2)]
        {
            assert_eq!(edits(left, right), expected, "{left} {right}");
            assert_eq!(edits(right, left), expected, "{right} {left}");
        }
    }
}
