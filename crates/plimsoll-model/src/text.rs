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

#[cfg(test)]
mod tests {
    use super::{edits, headline};

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
