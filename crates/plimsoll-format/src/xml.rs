//! Writing XML 1.0: indented, every text escaped, nothing in it that a terminal obeys or that XML forbids.

use std::borrow::Cow;
use std::fmt::Write;

use crate::text::clean;

/// A document that grows.
pub(crate) struct Document {
    text: String,
    open: Vec<&'static str>,
}

/// Attributes: names are ours, values are anything.
pub(crate) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Document {
    /// A document without elements.
    pub(crate) fn new() -> Self {
        Document { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".into(), open: Vec::new() }
    }

    fn start(&mut self, name: &str, attributes: Attributes<'_>) {
        self.text.extend(std::iter::repeat_n("  ", self.open.len()));
        let _ = write!(self.text, "<{name}");
        for (name, value) in attributes {
            let _ = write!(self.text, " {name}=\"{}\"", escaped(value));
        }
    }

    /// An element with elements inside; `close` ends it.
    pub(crate) fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.start(name, attributes);
        self.text.push_str(">\n");
        self.open.push(name);
    }

    /// Ends the element that was opened last.
    pub(crate) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.text.extend(std::iter::repeat_n("  ", self.open.len()));
            let _ = writeln!(self.text, "</{name}>");
        }
    }

    /// An element with text, or with nothing.
    pub(crate) fn element(&mut self, name: &str, attributes: Attributes<'_>, content: &str) {
        self.start(name, attributes);
        if content.is_empty() {
            self.text.push_str("/>\n");
        } else {
            let _ = writeln!(self.text, ">{}</{name}>", escaped(content));
        }
    }

    /// What was written since it was taken last: a long document leaves piece by piece.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }
}

/// Is it a character that XML 1.0 forbids, beside the control characters (section 2.2)?
fn forbidden(character: char) -> bool {
    matches!(character, '\u{fffe}' | '\u{ffff}')
}

/// Text as content or attribute value.
fn escaped(text: &str) -> Cow<'_, str> {
    let text = clean(text);
    if !text.contains(|character| matches!(character, '&' | '<' | '>' | '"' | '\'') || forbidden(character)) {
        return text;
    }
    let mut result = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => result.push_str("&amp;"),
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            '"' => result.push_str("&quot;"),
            '\'' => result.push_str("&apos;"),
            _ if forbidden(character) => {
                let _ = write!(result, "\\u{{{:x}}}", character as u32);
            }
            _ => result.push(character),
        }
    }
    Cow::Owned(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let mut document = Document::new();
        document.open("a", &[("b", "\"<&'\u{0}\n")]);
        document.element("c", &[], "]]>\u{ffff}\u{1b}é");
        document.element("d", &[], "");
        assert_eq!(
            document.finish(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a b=\"&quot;&lt;&amp;&apos;\\x00\\n\">\n  \
             <c>]]&gt;\\u{ffff}\\x1bé</c>\n  <d/>\n</a>\n"
        );
    }
}
