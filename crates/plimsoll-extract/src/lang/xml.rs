//! One walk over an XML file for the readers of languages: what opens and closes, with its line, text and ancestors.
//!
//! It bounds depth and says where a file breaks or is cut off; what the elements mean it does not know. Entities of a document type are not
//! expanded.

use memchr::memchr_iter;
use plimsoll_model::{ImagePath, Problem, ProblemKind};
use quick_xml::events::{BytesStart, Event};

/// Elements in each other. The deepest that a schema of ours has is below twenty.
const MAX_DEPTH: usize = 64;

/// Who hears of elements. `names` are those of the elements that are open, the one spoken of last.
pub(super) trait Visitor {
    /// An element begins on that line.
    fn opened(&mut self, names: &[String], line: u32, element: &BytesStart<'_>);
    /// It ends, with this text behind its last child.
    fn closed(&mut self, names: &[String], text: &str);
}

/// The value of an attribute; `None` when there is none, or it holds a reference.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    let value = attribute.value.trim();
    (!value.is_empty() && !value.contains('&')).then(|| value.to_owned())
}

/// Goes through a file. What stands before a break was heard of.
pub(super) fn walk(path: &ImagePath, text: &str, problems: &mut Vec<Problem>, visitor: &mut dyn Visitor) {
    let mut reader = quick_xml::Reader::from_str(text);
    // Names of the elements that are open, and the text of the innermost.
    let mut stack: Vec<String> = Vec::new();
    let mut content = String::new();
    let (mut line, mut counted) = (1_u32, 0);
    loop {
        let start = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event();
        let is_empty = matches!(event, Ok(Event::Empty(_)));
        match event {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                if stack.len() >= MAX_DEPTH {
                    let detail = format!("elements lie more than {MAX_DEPTH} deep: read to there");
                    problems.push(Problem::incomplete(ProblemKind::LimitExceeded, path, detail));
                    return;
                }
                if let Some(passed) = text.as_bytes().get(counted..start) {
                    line = line.saturating_add(
                        u32::try_from(memchr_iter(b'\n', passed).count()).unwrap_or(u32::MAX),
                    );
                    counted = start;
                }
                stack.push(element.local_name().as_ref().to_owned());
                content.clear();
                visitor.opened(&stack, line, &element);
                if is_empty {
                    visitor.closed(&stack, "");
                    stack.pop();
                }
            }
            Ok(Event::End(_)) => {
                visitor.closed(&stack, content.trim());
                stack.pop();
                content.clear();
            }
            Ok(Event::Text(part)) => content.push_str(&part),
            Ok(Event::CData(part)) => content.push_str(&part),
            Ok(Event::GeneralRef(reference)) => match (&*reference, reference.resolve_char_ref()) {
                (_, Ok(Some(letter))) => content.push(letter),
                ("amp", _) => content.push('&'),
                ("lt", _) => content.push('<'),
                ("gt", _) => content.push('>'),
                ("quot", _) => content.push('"'),
                ("apos", _) => content.push('\''),
                (name, _) => content.extend(["&", name, ";"]),
            },
            Ok(Event::Eof) => {
                if !stack.is_empty() {
                    let detail = "elements are left open: the file is cut off";
                    problems.push(Problem::incomplete(ProblemKind::Truncated, path, detail));
                }
                return;
            }
            Ok(_) => {}
            Err(error) => {
                let detail = format!("is not well-formed XML: {}", super::short(&error.to_string()));
                problems.push(Problem::corrupt(path, detail));
                return;
            }
        }
    }
}
