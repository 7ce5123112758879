//! Erlang terms as `file:consult/1` reads them, as a tree of values that know their line.
//!
//! Tuples and lists both become lists, atoms, strings and binaries texts. What no configuration file has (functions, references,
//! bit sizes) is a break.

use std::borrow::Cow;

use super::tree::{Node, Value};

/// Terms in one file.
const MOST_VALUES: usize = 1_000_000;

/// Containers inside containers.
const DEEPEST: usize = 64;

/// The terms of a file, and where and why reading stopped.
pub(crate) fn terms(text: &str) -> (Vec<Node<'_>>, Option<(u32, &'static str)>) {
    let mut open: Vec<(u8, Node<'_>)> = Vec::new();
    let mut done: Vec<Node<'_>> = Vec::new();
    let bytes = text.as_bytes();
    let (mut at, mut line, mut values) = (0, 1_u32, 0);
    let broken = loop {
        let Some(byte) = bytes.get(at).copied() else {
            break (!open.is_empty()).then_some((line, "the file ends within a term"));
        };
        let mut scalar = None;
        match byte {
            b'\n' => {
                line = line.saturating_add(1);
                at += 1;
            }
            b' ' | b'\t' | b'\r' | b',' | b'|' => at += 1,
            b'.' if open.is_empty() => at += 1,
            b'%' => at += memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at),
            b'{' | b'[' => {
                if open.len() >= DEEPEST {
                    break Some((line, "terms are nested too deep"));
                }
                open.push((byte, Node { line, value: Value::List(Vec::new()) }));
                at += 1;
            }
            b'}' | b']' => match open.pop() {
                Some((begin, node)) if (begin == b'{') == (byte == b'}') => {
                    at += 1;
                    scalar = Some(node);
                }
                _ => break Some((line, "a bracket closes what was not opened")),
            },
            b'<' if bytes[at..].starts_with(b"<<") => at += 2,
            b'>' if bytes[at..].starts_with(b">>") => at += 2,
            b'"' | b'\'' => {
                let Some((value, end)) = quoted(text, at) else {
                    break Some((line, "a text has no end"));
                };
                let breaks = memchr::memchr_iter(b'\n', &bytes[at..end]).count();
                scalar = Some(Node { line, value: Value::Text(value) });
                line = line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
                at = end;
            }
            _ if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+') => {
                let word =
                    |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@' | b'-' | b'+');
                let length = bytes[at..].iter().take_while(|byte| word(byte)).count();
                scalar = Some(Node { line, value: Value::Text(Cow::Borrowed(&text[at..at + length])) });
                at += length;
            }
            // A number's fraction; what stands before it was read as a number of its own, which no caller asks for.
            b'.' | b'/' | b':' | b'#' | b'$' => at += 1,
            _ => break Some((line, "something that is no term")),
        }
        if let Some(node) = scalar {
            values += 1;
            if values > MOST_VALUES {
                break Some((line, "too many terms"));
            }
            match open.last_mut() {
                Some((_, Node { value: Value::List(items), .. })) => items.push(node),
                _ => done.push(node),
            }
        }
    };
    // What was read before the break is kept.
    while let Some((_, node)) = open.pop() {
        match open.last_mut() {
            Some((_, Node { value: Value::List(items), .. })) => items.push(node),
            _ => done.push(node),
        }
    }
    (done, broken)
}

/// The text that begins with a quote at `at`, and the place behind its end.
fn quoted(text: &str, at: usize) -> Option<(Cow<'_, str>, usize)> {
    let quote = text.as_bytes()[at];
    let mut decoded = String::new();
    let mut from = at + 1;
    loop {
        let length = memchr::memchr2(quote, b'\\', &text.as_bytes()[from..])?;
        let plain = &text[from..from + length];
        if text.as_bytes()[from + length] == quote {
            let end = from + length + 1;
            return Some(if decoded.is_empty() {
                (Cow::Borrowed(plain), end)
            } else {
                (Cow::Owned(decoded + plain), end)
            });
        }
        decoded.push_str(plain);
        let escaped = text[from + length + 1..].chars().next()?;
        decoded.push(match escaped {
            'n' => '\n',
            't' => '\t',
            's' => ' ',
            other => other,
        });
        from += length + 1 + escaped.len_utf8();
    }
}

/// The value of `{key, value}` in a list of pairs.
pub(crate) fn value<'n, 'a>(pairs: &'n Node<'a>, key: &str) -> Option<&'n Node<'a>> {
    pairs.items().iter().find_map(|pair| match pair.items() {
        [name, value] if name.as_text() == Some(key) => Some(value),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_know_their_line() {
        let (terms, broken) = terms("% x\n{a, [1,\n <<\"b\\\"c\">>, 'd e']}.\n\"f\".\n");
        assert_eq!(broken, None);
        let [tuple, last] = terms.as_slice() else { panic!("{terms:?}") };
        assert_eq!((tuple.line, last.line, last.as_text()), (2, 4, Some("f")));
        let texts: Vec<_> = tuple.items()[1].items().iter().map(|node| (node.line, node.as_text())).collect();
        assert_eq!(texts, [(2, Some("1")), (3, Some("b\"c")), (3, Some("d e"))]);
    }

    #[test]
    fn breaks() {
        for (text, expected) in [
            ("{a", "ends within"),
            ("{a]", "closes"),
            ("}", "closes"),
            ("{\"a", "no end"),
            ("{é}", "no term"),
            (&*"[".repeat(100_000), "too deep"),
        ] {
            let (_, broken) = terms(text);
            assert!(broken.is_some_and(|(_, detail)| detail.contains(expected)), "{text:.20}: {broken:?}");
        }
    }
}
