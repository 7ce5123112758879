//! A report through a template of the user's: Jinja2, by minijinja.
//!
//! What a template sees is the JSON report, member by member (`docs/schema/report-1.0.json`, `docs/templates.md`). What the
//! report does not have is an error, not an empty place. The template is the user's program, what stands in the report
//! is not: no value brings control characters along, and the template's name decides how values are escaped (HTML, XML,
//! JSON, or not at all). Work, memory and output are bounded; nothing is loaded or included.

use std::io::{self, Write};

use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, Value};
use plimsoll_model::Report;

use crate::text::{shorten, unsafe_to_show};

/// Work that a template may do: an instruction is 1, and so are 64 bytes of anything that it makes.
const FUEL: u64 = 20_000_000;
/// The largest output, in bytes.
const LARGEST: usize = 256 << 20;
/// The largest template, in bytes.
pub const LARGEST_SOURCE: u64 = 256 << 10;
/// Stack in bytes for parsing and rendering: the engine goes down into values as deep as the text of a template can
/// nest them, which is below a level for 16 bytes.
const STACK: usize = 64 << 20;

/// Templates that come with the program, named as users type them.
pub static BUILT_IN: &[(&str, &str)] = &[
    ("@annotations", include_str!("../templates/annotations.txt.j2")),
    ("@prometheus", include_str!("../templates/prometheus.txt.j2")),
];

/// A template: the name decides about escaping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its file name or `@NAME`, for messages and for escaping.
    pub name: String,
    /// Its text.
    pub source: String,
}

/// Ends of names that say "a template" and nothing of what comes out.
const SUFFIXES: [&str; 5] = ["j2", "jinja", "jinja2", "tmpl", "tpl"];

impl Template {
    /// One that comes with the program, by its name with the `@`.
    pub fn built_in(name: &str) -> Option<Template> {
        let (name, source) = BUILT_IN.iter().find(|(one, _)| *one == name)?;
        Some(Template { name: (*name).to_owned(), source: (*source).to_owned() })
    }

    /// The end of names of files that it writes: `html` for `report.html.j2`; `txt` where the name does not say.
    pub fn extension(&self) -> String {
        let file = self.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let mut parts: Vec<&str> = file.split('.').skip(1).collect();
        if parts.last().is_some_and(|last| SUFFIXES.contains(&last.to_ascii_lowercase().as_str())) {
            parts.pop();
        }
        let plain = |part: &&str| {
            (1..=10).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        parts.pop().filter(plain).map_or("txt".to_owned(), str::to_ascii_lowercase)
    }

    fn escape(&self) -> AutoEscape {
        match self.extension().as_str() {
            "html" | "htm" | "xhtml" | "xml" | "svg" => AutoEscape::Html,
            "json" => AutoEscape::Json,
            _ => AutoEscape::None,
        }
    }
}

/// What is wrong with a template.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The format was asked for without one.
    #[error("no template was named")]
    None,
    /// It breaks the language, or asks for what is not there.
    #[error("template `{name}`{place}: {detail}")]
    Failed {
        /// The template.
        name: String,
        /// `, line 3`, or empty.
        place: String,
        /// What is wrong, and on the next line the line of the template.
        detail: String,
    },
    /// It writes or works more than any report needs.
    #[error("template `{name}` {what}")]
    TooMuch {
        /// The template.
        name: String,
        /// What there is too much of.
        what: &'static str,
    },
}

/// Is the template well-formed? Told before a scan begins.
///
/// # Errors
/// When it is not.
pub fn check(template: &Template) -> Result<(), Error> {
    compile(&environment(template, FUEL), template).map(|_| ())
}

fn compile<'t>(
    environment: &'t Environment<'_>,
    template: &'t Template,
) -> Result<minijinja::Template<'t, 't>, Error> {
    if template.source.len() as u64 > LARGEST_SOURCE {
        let name = crate::clean(&template.name).into_owned();
        return Err(Error::TooMuch { name, what: "is larger than 256 KiB" });
    }
    environment
        .template_from_named_str(&template.name, &template.source)
        .map_err(|error| failed(template, &error))
}

/// Writes the report through the template.
pub(crate) fn write(report: &Report, template: Option<&Template>) -> Result<String, crate::Error> {
    let template = template.ok_or(Error::None)?;
    Ok(render(template, context(serde_json::to_value(report)?), FUEL, LARGEST)?)
}

/// A report as a template sees it: no text in it holds control characters, so that whatever a template joins and
/// repeats of it holds none either.
fn context(mut report: serde_json::Value) -> Value {
    fn clean(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                if let std::borrow::Cow::Owned(cleaned) = crate::clean(text) {
                    *text = cleaned;
                }
            }
            serde_json::Value::Array(list) => list.iter_mut().for_each(clean),
            serde_json::Value::Object(members) => members.values_mut().for_each(clean),
            _ => {}
        }
    }
    // A report is some ten levels deep, whatever was scanned: its shape is that of our own types.
    clean(&mut report);
    Value::from(Serde(report))
}

/// [`rendered`] with room for what templates nest.
fn render(template: &Template, context: Value, fuel: u64, largest: usize) -> Result<String, Error> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let failed = |what| Error::TooMuch { name: crate::clean(&template.name).into_owned(), what };
        match thread.spawn_scoped(scope, || rendered(template, context, fuel, largest)) {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(failed("cannot be rendered"))),
            Err(_) => Err(failed("cannot be rendered: this machine gives no further thread")),
        }
    })
}

fn environment(template: &Template, fuel: u64) -> Environment<'_> {
    let escape = template.escape();
    let mut environment = Environment::new();
    // What outlives a turn of a loop could be nested by every turn, deeper than any stack.
    environment.remove_global("namespace");
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(fuel));
    environment.set_auto_escape_callback(move |_| escape.clone());
    environment.set_formatter(formatter);
    environment.add_filter("tojson", |value: Value, _: Kwargs| to_json(&value).map(Value::from_safe_string));
    environment
}

/// An error of the engine with the line where it stands.
fn failed(template: &Template, error: &minijinja::Error) -> Error {
    /// Columns of the template's line that are shown.
    const SHOWN: usize = 100;
    let name = crate::clean(&template.name).into_owned();
    if error.kind() == ErrorKind::OutOfFuel {
        return Error::TooMuch { name, what: "works more than any report needs" };
    }
    let kind = error.kind().to_string();
    let mut detail = match error.detail() {
        Some(detail) => format!("{kind}: {}", crate::clean(detail)),
        None => kind,
    };
    let mut place = String::new();
    if let Some(line) = error.line() {
        place = format!(", line {line}");
        if let Some(text) = template.source.lines().nth(line - 1) {
            detail.push('\n');
            detail.push_str(&shorten(&crate::clean(text.trim()), SHOWN));
        }
    }
    Error::Failed { name, place, detail }
}

fn rendered(template: &Template, context: Value, fuel: u64, largest: usize) -> Result<String, Error> {
    let environment = environment(template, fuel);
    let compiled = compile(&environment, template)?;
    let mut output = Bounded { bytes: Vec::new(), largest, full: false };
    let result = compiled.render_captured_to(context, &mut output).map(|_| ());
    if output.full {
        let name = crate::clean(&template.name).into_owned();
        return Err(Error::TooMuch { name, what: "writes more than any report needs" });
    }
    result.map_err(|error| failed(template, &error))?;
    let mut text = String::from_utf8_lossy(&output.bytes).into_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Writes until it is full.
struct Bounded {
    bytes: Vec<u8>,
    largest: usize,
    full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.largest {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Escapes a value for the output.
fn formatter(
    output: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    if !value.is_safe() && !value.is_undefined() && *state.auto_escape() == AutoEscape::Json {
        return minijinja::escape_formatter(output, state, &Value::from_safe_string(to_json(value)?));
    }
    minijinja::escape_formatter(output, state, value)
}

/// JSON on one line that is safe within HTML, XML and a terminal.
fn to_json(value: &Value) -> Result<String, minijinja::Error> {
    use std::fmt::Write as _;
    let text = serde_json::to_string(value).map_err(|error| {
        minijinja::Error::new(ErrorKind::BadSerialization, "cannot be written as JSON").with_source(error)
    })?;
    let mut result = String::with_capacity(text.len());
    let mut units = [0; 2];
    for character in text.chars() {
        if unsafe_to_show(character) || matches!(character, '<' | '>' | '&' | '\'') {
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(result, "\\u{unit:04x}");
            }
        } else {
            result.push(character);
        }
    }
    Ok(result)
}

/// Renders arbitrary templates: for fuzzing. Whatever comes, nothing panics or runs away.
pub fn fuzz(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let report = serde_json::json!({
        "target": {"name": "a\u{1b}"}, "findings": [{"id": "x"}, {"id": "y"}], "packages": [],
    });
    for name in ["fuzzed.html", "fuzzed.json", "fuzzed.txt"] {
        let template = Template { name: name.into(), source: source.into() };
        if let Ok(text) = render(&template, context(report.clone()), 20_000, 1 << 20) {
            assert!(text.len() <= (1 << 20) + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, source: &str) -> Result<String, String> {
        let report = serde_json::json!({
            "target": {"name": "a\u{1b}[31m<b>{{ x }}\n&"},
            "findings": [{"id": "one", "absent": null}, {"id": "two"}],
        });
        let template = Template { name: name.into(), source: source.into() };
        render(&template, context(report.clone()), 100_000, 1 << 16).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_values() {
        for (name, source, expected) in [
            ("a.txt", "{{ target.name }}", "a\\x1b[31m<b>{{ x }}\\n&\n"),
            ("a.html.j2", "<i>{{ target.name }}</i>\n", "<i>a\\x1b[31m&lt;b&gt;{{ x }}\\n&amp;</i>\n"),
            ("a.XML", "{{ target.name|safe }}", "a\\x1b[31m<b>{{ x }}\\n&\n"),
            ("a.txt", "{{ target.name|tojson }}", "\"a\\\\x1b[31m\\u003cb\\u003e{{ x }}\\\\n\\u0026\"\n"),
            ("a.json", "[{{ target.name }}]", "[\"a\\\\x1b[31m\\u003cb\\u003e{{ x }}\\\\n\\u0026\"]\n"),
            ("a.json", "{{ target.name|tojson }}", "\"a\\\\x1b[31m\\u003cb\\u003e{{ x }}\\\\n\\u0026\"\n"),
            (
                "a.html",
                "{{ target|tojson }}",
                "{\"name\":\"a\\\\x1b[31m\\u003cb\\u003e{{ x }}\\\\n\\u0026\"}\n",
            ),
            (
                "a.txt",
                "{% for one in findings %}{{ loop.index }}:{{ one.id }} {% endfor %}",
                "1:one 2:two \n",
            ),
            ("a.txt", "{{ findings[0].absent }} {{ findings[1].absent|default('-') }}", "None -\n"),
            (
                "a.txt",
                "{% macro m(x) %}<{{ x }}>\n{% endmacro %}{{ m(target.name) }}",
                "<a\\x1b[31m<b>{{ x }}\\n&>\n",
            ),
        ] {
            assert_eq!(check(name, source).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn faults_name_the_place() {
        for (source, expected) in [
            ("\n{{ nothing }}", "template `a.txt`, line 2: undefined value\n{{ nothing }}"),
            ("{{ target.nothing }}", ", line 1: undefined value"),
            ("{% if %}", ", line 1: syntax error"),
            ("{% include 'other' %}", ", line 1: syntax error: unknown statement include"),
            ("{% import '/etc/passwd' as x %}", ", line 1: syntax error: unknown statement import"),
            (
                "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}",
                "works more",
            ),
            (
                "{% for a in range(3000) %}{{ 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' }}{% endfor %}",
                "writes more",
            ),
        ] {
            let error = check("a.txt", source).unwrap_err();
            assert!(error.contains(expected), "{source}: {error}");
        }
    }

    #[test]
    fn odd_templates_do_not_run_away() {
        let deep = |text: &str| text.repeat(10_000);
        for source in [
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
            "{{ 'x' * 1000000000 }}".to_owned(),
            "{{ [1] * 1000000000 }}".to_owned(),
            "{{ range(1000000000)|list }}".to_owned(),
            deep("{{"),
            deep("{{ (((((((((("),
            deep("{{ ["),
            deep("{% if 1 %}"),
            format!("{{{{ {}1 }}}}", deep("-")),
            format!("{{{{ {}1 }}}}", deep("not ")),
            format!("{{{{ 1{} }}}}", deep(" + 1")),
            format!("{{{{ 1{} }}}}", deep("|abs")),
            format!("{{{{ 1{} }}}}", deep(" if 1 else 1")),
            format!("{{{{ findings{} }}}}", deep("[0]")),
            format!("{{% set x = 'a' %}}{}{{{{ x }}}}", "{% set x = x ~ x %}".repeat(60)),
        ] {
            fuzz(source.as_bytes());
        }
    }

    /// Lists in lists, as deep as the text of a template can nest them.
    #[test]
    fn deep_values_do_not_run_away() {
        let largest = usize::try_from(LARGEST_SOURCE).unwrap();
        let source = format!("{{% set x=[] %}}{}{{{{ x }}}}", "{% set x=[x]%}".repeat(largest / 14 - 3));
        for name in ["a.json", "a.txt"] {
            let template = Template { name: name.into(), source: source.clone() };
            super::check(&template).unwrap();
            let text = render(&template, Value::from(()), FUEL, LARGEST).unwrap();
            assert!(text.starts_with("[[[["), "{}", &text[..20]);
        }
        let error = check("a.txt", "{% set ns = namespace(x=1) %}").unwrap_err();
        assert!(error.contains("namespace"), "{error}");
    }

    #[test]
    fn names_say_what_comes_out() {
        for (name, expected) in [
            ("report.html", "html"),
            ("a.b/report.HTML.j2", "html"),
            ("report.tpl", "txt"),
            ("report", "txt"),
            ("a.b/report", "txt"),
            (".j2", "txt"),
            ("x.../../y", "txt"),
            ("x.aü", "txt"),
            ("@prometheus", "txt"),
        ] {
            assert_eq!(Template { name: name.into(), source: String::new() }.extension(), expected, "{name}");
        }
    }

    #[test]
    fn built_in_templates_are_well_formed() {
        for (name, _) in BUILT_IN {
            super::check(&Template::built_in(name).unwrap()).unwrap();
        }
        assert_eq!(Template::built_in("@nothing"), None);
    }
}
