//! Where in a template of Helm something of a rendered object was written.
//!
//! A template is no YAML before it is rendered, but it is written like it: keys stand at their indentation, list items begin
//! with a dash, and what is computed stands in `{{ }}`. [`Outline`] keeps what can be read without evaluating anything, and
//! follows a JSON pointer of the rendered object as far as it leads. It never guesses beyond that: where a block is inserted
//! by a directive, the answer is the key above it.

use plimsoll_model::shortened;

use super::yaml::Mark;

/// Lines of a template that are read.
const MAX_LINES: usize = 20_000;
/// Longest line that is looked at, in bytes.
const MAX_LINE: usize = 4 * 1024;
/// Entries that are compared for one pointer.
const MAX_STEPS: usize = 1_000_000;

/// A template with what is written in it, line by line.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    documents: Vec<Document>,
}

#[derive(Clone, Debug, Default)]
struct Document {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    mark: Mark,
    /// Columns before it.
    indent: usize,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Item,
    /// A key, with what stands behind it on its line.
    Key(String, String),
}

/// What is known of the rendered object.
#[derive(Clone, Copy, Debug)]
pub struct Rendered<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// Whether a text has directives of Helm: it asks for values, or for what only Helm gives.
pub fn is_template(text: &str) -> bool {
    const ASKED: [&str; 7] =
        [".Values", ".Release.", ".Chart.", ".Capabilities.", "include \"", "template \"", "define \""];
    /// Longest directive that is looked into.
    const LONGEST: usize = 400;
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let inside = &rest[at + 2..];
        let end = inside.find("}}").unwrap_or(inside.len());
        let cut = inside.floor_char_boundary(end.min(LONGEST));
        let directive = inside[..cut].trim_start_matches('-').trim_start();
        if ASKED.iter().any(|asked| directive.contains(asked)) {
            return true;
        }
        rest = &inside[end..];
    }
    false
}

impl Outline {
    /// Reads a template.
    pub fn read(text: &str) -> Self {
        let mut documents = vec![Document::default()];
        // Below a key with a block of text, or in a directive over several lines.
        let (mut block, mut directive): (Option<usize>, bool) = (None, false);
        for (number, line) in text.lines().enumerate().take(MAX_LINES) {
            let line = &line[..line.floor_char_boundary(MAX_LINE)];
            if directive {
                directive = !line.contains("}}");
                continue;
            }
            // Once opened and not closed on its line.
            directive = match (line.rfind("{{"), line.rfind("}}")) {
                (Some(open), Some(close)) => open > close,
                (Some(_), None) => true,
                _ => false,
            };
            let bare = line.trim_start_matches(' ');
            let mut indent = line.len() - bare.len();
            if let Some(above) = block {
                if bare.is_empty() || indent > above {
                    continue;
                }
                block = None;
            }
            if bare.is_empty() || bare.starts_with('#') || bare.starts_with("{{") {
                continue;
            }
            if indent == 0 && (bare == "---" || bare.starts_with("--- ")) {
                documents.push(Document::default());
                continue;
            }
            let Some(document) = documents.last_mut() else { continue };
            let mut bare = bare;
            let mark = |indent: usize| Mark {
                line: u32::try_from(number + 1).unwrap_or(u32::MAX),
                column: u32::try_from(indent + 1).unwrap_or(u32::MAX),
            };
            while let Some(rest) = bare.strip_prefix("- ").or_else(|| (bare == "-").then_some("")) {
                document.entries.push(Entry { mark: mark(indent), indent, what: What::Item });
                let trimmed = rest.trim_start_matches(' ');
                indent += bare.len() - trimmed.len();
                bare = trimmed;
            }
            let Some((key, value)) = key(bare) else { continue };
            if value.starts_with(['|', '>']) {
                block = Some(indent);
            }
            let what = What::Key(key.to_owned(), value.to_owned());
            document.entries.push(Entry { mark: mark(indent), indent, what });
        }
        documents.retain(|document| !document.entries.is_empty());
        Outline { documents }
    }

    /// Where a pointer of the rendered object leads: the deepest key on the way that is written here. `name_at` gives the name of
    /// the rendered list item at a pointer. Nothing when no document can be the object's.
    pub fn place(
        &self,
        rendered: Rendered<'_>,
        pointer: &str,
        name_at: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Mark> {
        let document = self.of(rendered)?;
        let first = document.entries.first()?;
        let mut steps = 0;
        let (mut window, mut mark) = (&document.entries[..], first.mark);
        let mut above: Option<usize> = None;
        let mut at = 0;
        for part in pointer.split('/').skip(1) {
            at += part.len() + 1;
            steps += window.len();
            if steps > MAX_STEPS {
                break;
            }
            let part = part.replace("~1", "/").replace("~0", "~");
            let Some(indent) = window.first().map(|entry| entry.indent) else { break };
            // Items may stand at the column of the key above them; keys never do.
            let items = matches!(window[0].what, What::Item);
            if above.is_some_and(|above| indent < above || (indent == above && !items)) {
                break;
            }
            let here = window.iter().enumerate().filter(|(_, entry)| entry.indent == indent);
            let found = if items {
                let all: Vec<usize> = here
                    .filter(|(_, entry)| entry.what == What::Item)
                    .map(|(position, _)| position)
                    .collect();
                item(window, &all, part.parse().ok(), name_at(&pointer[..at]).as_deref())
            } else {
                here.into_iter()
                    .find(|(_, entry)| matches!(&entry.what, What::Key(key, _) if *key == part))
                    .map(|(position, _)| position)
            };
            let Some(found) = found else { break };
            mark = window[found].mark;
            above = Some(indent);
            let below = &window[found + 1..];
            let end = below.iter().position(|entry| {
                entry.indent < indent
                    || (entry.indent == indent && (items || !matches!(entry.what, What::Item)))
            });
            window = &below[..end.unwrap_or(below.len())];
        }
        Some(mark)
    }

    /// The document that an object comes from: by its kind, and by what is written of its name.
    fn of(&self, rendered: Rendered<'_>) -> Option<&Document> {
        let fits = |document: &&Document| {
            document.top("kind").is_none_or(|kind| kind.contains("{{") || bare(kind) == rendered.kind)
        };
        let mut best: Option<(usize, &Document)> = None;
        for document in self.documents.iter().filter(fits) {
            let written = document.name().unwrap_or_default();
            // What stands behind the last directive: `{{ include "shop.fullname" . }}-metrics`.
            let fixed = written.rsplit("}}").next().map(bare).unwrap_or_default();
            let score = match (written.contains("{{"), rendered.name.ends_with(fixed)) {
                (false, _) if fixed == rendered.name => usize::MAX,
                (true, true) => fixed.len() + 1,
                _ => 0,
            };
            if best.is_none_or(|(known, _)| score > known) {
                best = Some((score, document));
            }
        }
        best.map(|(_, document)| document)
    }

    /// For people, when a test fails.
    #[cfg(test)]
    fn documents(&self) -> usize {
        self.documents.len()
    }
}

impl Document {
    fn top(&self, wanted: &str) -> Option<&str> {
        self.entries.iter().filter(|entry| entry.indent == 0).find_map(|entry| match &entry.what {
            What::Key(key, value) if key == wanted => Some(value.as_str()),
            _ => None,
        })
    }

    /// `metadata.name` as it is written.
    fn name(&self) -> Option<&str> {
        let from = self.entries.iter().position(
            |entry| matches!(&entry.what, What::Key(key, _) if entry.indent == 0 && key == "metadata"),
        )?;
        let below = self.entries[from + 1..].iter().take_while(|entry| entry.indent > 0);
        let indent = self.entries.get(from + 1)?.indent;
        below.filter(|entry| entry.indent == indent).find_map(|entry| match &entry.what {
            What::Key(key, value) if key == "name" => Some(value.as_str()),
            _ => None,
        })
    }
}

/// Which of the items of a list it is: the one with its name, else the one at its number, else the last, which a loop repeats.
fn item(window: &[Entry], all: &[usize], number: Option<usize>, name: Option<&str>) -> Option<usize> {
    let own = |position: usize, to: usize| {
        let indent = window.get(position + 1)?.indent;
        window[position + 1..to].iter().filter(|entry| entry.indent == indent).find_map(|entry| match &entry
            .what
        {
            What::Key(key, value) if key == "name" => Some(value.as_str()),
            _ => None,
        })
    };
    let names: Vec<Option<&str>> = all
        .iter()
        .enumerate()
        .map(|(at, position)| own(*position, all.get(at + 1).copied().unwrap_or(window.len())))
        .collect();
    let literal = |at: usize| names[at].filter(|name| !name.contains("{{")).map(bare);
    if let Some(name) = name
        && let Some(at) = (0..all.len()).find(|at| literal(*at) == Some(name))
    {
        return Some(all[at]);
    }
    let number = number?.min(all.len().checked_sub(1)?);
    // One that is written to have another name is not it.
    let other = |at: usize| name.is_some() && literal(at).is_some();
    if !other(number) {
        return Some(all[number]);
    }
    (0..all.len()).find(|at| !other(*at)).map(|at| all[at])
}

/// A value without quotes and comment.
fn bare(value: &str) -> &str {
    let value = value.split(" #").next().unwrap_or_default().trim();
    value.trim_matches(['"', '\''])
}

/// `key: value` with a key that is written out.
fn key(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''));
    let (key, rest) = match quote {
        Some(quote) => text[1..].split_once(quote)?,
        None => {
            let end = text
                .find(": ")
                .or_else(|| text.ends_with(':').then(|| text.len() - 1))
                .or_else(|| text.find(":{{"))?;
            (&text[..end], &text[end..])
        }
    };
    let value = rest.strip_prefix(':')?.trim();
    (!key.is_empty() && !key.contains("{{")).then_some((key, value))
}

/// Reads bytes as a template and follows pointers: no panic, and places within the text.
pub(crate) fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let outline = Outline::read(text);
    let lines = text.lines().count().max(1);
    is_template(text);
    let named = shortened(text);
    for rendered in [Rendered { kind: "Pod", name: "web" }, Rendered { kind: "", name: &named }] {
        for pointer in ["", "/spec/containers/0/image", "/spec/template/spec/containers/7", "/a~1b", "//0//"]
        {
            let name_at = |pointer: &str| pointer.ends_with('0').then(|| named.clone());
            if let Some(mark) = outline.place(rendered, pointer, &name_at) {
                assert!(mark.line >= 1 && mark.line as usize <= lines && mark.column >= 1, "{mark:?}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"{{- if .Values.enabled }}
{{/* a comment
  kind: Nothing
*/}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "shop.fullname" . }}
  labels:
    {{- include "shop.labels" . | nindent 4 }}
    "app.kubernetes.io/part": x
spec:
  template:
    spec:
      {{- with .Values.podSecurityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
      {{- if .Values.metrics }}
      - name: metrics
        image: "exporter:{{ .Values.metrics.tag }}"
      {{- end }}
      - name: {{ .Chart.Name }}
        image: "{{ .Values.image }}"
        args:
          - |
            name: not a key
        resources: {{- toYaml .Values.resources | nindent 10 }}
{{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "shop.fullname" . }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "shop.fullname" . }}-metrics
spec:
  type: NodePort
"#;

    fn line(kind: &str, name: &str, pointer: &str, names: &[&str]) -> u32 {
        let outline = Outline::read(TEMPLATE);
        let name_at = |pointer: &str| {
            let at = pointer.rsplit('/').next()?.parse::<usize>().ok()?;
            names.get(at).map(|name| (*name).to_owned())
        };
        outline.place(Rendered { kind, name }, pointer, &name_at).map_or(0, |mark| mark.line)
    }

    #[test]
    fn pointers_lead_to_the_line_that_was_written() {
        let deployment = |pointer: &str, names: &[&str]| line("Deployment", "r-shop", pointer, names);
        assert_eq!(Outline::read(TEMPLATE).documents(), 3);
        assert_eq!(deployment("", &[]), 5);
        assert_eq!(deployment("/metadata/name", &[]), 8);
        assert_eq!(deployment("/metadata/labels/app.kubernetes.io~1part", &[]), 11);
        // What a directive inserts is at the key above it.
        assert_eq!(deployment("/metadata/labels/app", &[]), 9);
        assert_eq!(deployment("/spec/template/spec/securityContext/runAsUser", &[]), 16);
        let containers = "/spec/template/spec/containers";
        // Without metrics there is one container, at 0, and it is the second one that is written.
        assert_eq!(deployment(&format!("{containers}/0/image"), &["shop"]), 25);
        assert_eq!(deployment(&format!("{containers}/0/image"), &["metrics", "shop"]), 22);
        assert_eq!(deployment(&format!("{containers}/1/resources/limits"), &["metrics", "shop"]), 29);
        assert_eq!(deployment(&format!("{containers}/1/nothing"), &["metrics", "shop"]), 24);
        assert_eq!(deployment("/spec/replicas", &[]), 12);
    }

    #[test]
    fn documents_are_told_apart_by_kind_and_name() {
        assert_eq!(line("Service", "r-shop", "", &[]), 32);
        assert_eq!(line("Service", "r-shop-metrics", "/spec/type", &[]), 42);
        assert_eq!(line("ConfigMap", "r-shop", "", &[]), 0);
    }

    #[test]
    fn directives_of_helm_are_told_from_other_braces() {
        for (text, is) in [
            ("image: \"{{ .Values.image }}\"", true),
            ("{{- include \"a\" . }}", true),
            ("name: {{ .Release.Name }}", true),
            ("args: ['{{workflow.parameters.x}}', '{{ $labels.pod }}']", false),
            ("summary: {{ $value }} is over .Values", false),
            ("a: {{", false),
            ("", false),
        ] {
            assert_eq!(is_template(text), is, "{text}");
        }
    }

    #[test]
    fn hostile_texts_end() {
        fuzz("- ".repeat(100_000).as_bytes());
        fuzz("a:\n".repeat(100_000).as_bytes());
        fuzz("{{".repeat(100_000).as_bytes());
        fuzz(" a: |\n".repeat(1000).as_bytes());
        fuzz("\u{e4}".repeat(10_000).as_bytes());
        fuzz("\"\n'\n-\n- -\n:\n: :\n{{}}\n---\n".as_bytes());
    }
}
