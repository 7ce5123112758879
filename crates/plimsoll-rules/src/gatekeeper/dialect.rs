//! Rego as OPA reads it, where the interpreter reads it otherwise.
//!
//! Four forms mean something else to `regorus` than to OPA, found by running real templates through both: a line that
//! begins with a bracket is taken for the rest of the line before; a second body behind the first is taken for `else`;
//! `sprintf` with too few values is an error; and `not f(x.missing)` holds, while OPA evaluates the argument first and
//! then knows nothing. The last one decides whether something is refused. Each is written in the longer way that both
//! read alike, before the text is compiled.

use std::fmt::Write as _;

/// A word, a text, a number or a sign, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
    /// Whether it is the first of its line.
    first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Text,
    Number,
    Sign(u8),
}

/// Most words of one call that are looked at.
const MOST_TOKENS: usize = 10_000;
/// Words behind which an expression goes on.
const UNFINISHED: &[&str] =
    &["not", "some", "in", "every", "if", "contains", "default", "else", "with", "as"];

/// The text in the form that both read alike.
pub(crate) fn plain(rego: &str) -> String {
    let tokens = tokens(rego);
    let mut edits = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    // Where the rule at hand starts, and where its head ends once a second body has been seen.
    let (mut rule, mut head) = (0, None::<(usize, usize)>);
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map(|index| tokens[index]);
        if open.is_empty() && starts_rule(rego, token, before) {
            (rule, head) = (token.start, None);
        }
        match token.kind {
            Kind::Sign(sign @ (b'(' | b'[' | b'{')) => {
                let in_body = open.last().is_some_and(|open| open.sign == b'{' || open.comprehension);
                let complete = before.is_some_and(|before| ends_expression(rego, before));
                if sign != b'{' && token.first && in_body && complete {
                    edits.push(Edit::insert(token.start, "; "));
                }
                if let (b'{', true, Some(Token { kind: Kind::Sign(b'}'), .. })) =
                    (sign, open.is_empty(), before)
                    && let Some((from, to)) = head
                {
                    edits.push(Edit::insert(token.start, format!("\n{} ", rego[from..to].trim())));
                }
                open.push(Open { sign, start: token.start, comprehension: false });
            }
            Kind::Sign(b')' | b']' | b'}') => {
                let closed = open.pop();
                if open.is_empty()
                    && head.is_none()
                    && let Some(closed) = closed
                    && closed.sign == b'{'
                {
                    head = Some((rule, closed.start));
                }
            }
            Kind::Sign(b'|') => {
                if let Some(open) = open.last_mut() {
                    open.comprehension = true;
                }
            }
            Kind::Word => match &rego[token.start..token.end] {
                "not" => lift(rego, &tokens, at, &mut edits),
                "sprintf" => pad(rego, &tokens, at, &mut edits),
                _ => {}
            },
            _ => {}
        }
    }
    apply(rego, edits)
}

/// Whether the text looks at other objects than the one in question: at `data.inventory`, or at what of `data` is only
/// known when it runs. What is said of it in comments and messages does not count.
pub(crate) fn looks_around(rego: &str) -> bool {
    let tokens = tokens(rego);
    let word = |at: usize| {
        tokens.get(at).filter(|token| token.kind == Kind::Word).map(|token| &rego[token.start..token.end])
    };
    let dot = |at: usize| tokens.get(at).is_some_and(|token| token.kind == Kind::Sign(b'.'));
    (0..tokens.len()).any(|at| {
        // The data of a ConfigMap is a field of an object.
        let is_root = word(at) == Some("data") && !at.checked_sub(1).is_some_and(dot);
        is_root && !(dot(at + 1) && word(at + 2).is_some_and(|name| name != "inventory"))
    })
}

/// A text in the place of another.
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

impl Edit {
    fn insert(at: usize, text: impl Into<String>) -> Self {
        Edit { start: at, end: at, text: text.into() }
    }
}

struct Open {
    sign: u8,
    start: usize,
    comprehension: bool,
}

fn starts_rule(rego: &str, token: &Token, before: Option<Token>) -> bool {
    let goes_on = before.is_some_and(|before| match before.kind {
        Kind::Sign(sign) => !matches!(sign, b')' | b']' | b'}'),
        Kind::Word => UNFINISHED.contains(&&rego[before.start..before.end]),
        Kind::Text | Kind::Number => false,
    });
    token.first && token.kind == Kind::Word && !goes_on && &rego[token.start..token.end] != "else"
}

fn ends_expression(rego: &str, token: Token) -> bool {
    match token.kind {
        Kind::Word => !UNFINISHED.contains(&&rego[token.start..token.end]),
        Kind::Text | Kind::Number => true,
        Kind::Sign(sign) => matches!(sign, b')' | b']' | b'}'),
    }
}

/// `not f(a, b.c)` -> `argument := b.c; not f(a, argument)`.
fn lift(rego: &str, tokens: &[Token], not: usize, edits: &mut Vec<Edit>) {
    let sign = |at: usize| match tokens.get(at).map(|token| token.kind) {
        Some(Kind::Sign(sign)) => sign,
        _ => 0,
    };
    let mut at = not + 1;
    if tokens.get(at).map(|token| token.kind) != Some(Kind::Word) {
        return;
    }
    at += 1;
    while sign(at) == b'.' && tokens.get(at + 1).map(|token| token.kind) == Some(Kind::Word) {
        at += 2;
    }
    if sign(at) != b'(' {
        return;
    }
    let Some(close) = matching(tokens, at) else { return };
    // `not f(x) == y` is another statement.
    let ends = tokens.get(close + 1).is_none_or(|next| {
        next.first
            || matches!(next.kind, Kind::Sign(b';' | b'}' | b']'))
            || &rego[next.start..next.end] == "with"
    });
    if !ends {
        return;
    }
    let (mut lifted, mut from) = (String::new(), at + 1);
    for (number, end) in arguments(tokens, at, close).into_iter().enumerate() {
        let argument = &tokens[from..end];
        from = end + 1;
        if !is_lifted(rego, argument) {
            continue;
        }
        let (Some(first), Some(last)) = (argument.first(), argument.last()) else { continue };
        let name = format!("__argument_{}_{number}", tokens[not].start);
        let _ = write!(lifted, "{name} := {}; ", &rego[first.start..last.end]);
        edits.push(Edit { start: first.start, end: last.end, text: name });
    }
    if !lifted.is_empty() {
        edits.push(Edit::insert(tokens[not].start, lifted));
    }
}

/// References and calls are evaluated before the negation; whatever has a wildcard in it is searched within.
fn is_lifted(rego: &str, argument: &[Token]) -> bool {
    let word = |token: &Token| token.kind == Kind::Word;
    let wild = argument.iter().any(|token| word(token) && &rego[token.start..token.end] == "_");
    let (Some(first), false) = (argument.first(), wild) else { return false };
    if !word(first) || argument.len() < 2 {
        return false;
    }
    let mut at = 1;
    while at < argument.len() {
        match argument[at].kind {
            Kind::Sign(b'.') if argument.get(at + 1).is_some_and(word) => at += 2,
            Kind::Sign(b'[' | b'(') => match matching(argument, at) {
                Some(close) => at = close + 1,
                None => return false,
            },
            _ => return false,
        }
    }
    true
}

/// `sprintf("%v %v", [a])` -> `sprintf("%v %v", [a, "%!v(MISSING)"])`.
fn pad(rego: &str, tokens: &[Token], at: usize, edits: &mut Vec<Edit>) {
    let kinds: Vec<Kind> = tokens.iter().skip(at + 1).take(4).map(|token| token.kind).collect();
    if kinds != [Kind::Sign(b'('), Kind::Text, Kind::Sign(b','), Kind::Sign(b'[')] {
        return;
    }
    let Some(close) = matching(tokens, at + 4) else { return };
    let is_comprehension = tokens[at + 5..close].iter().any(|token| token.kind == Kind::Sign(b'|'));
    if is_comprehension {
        return;
    }
    let text = &rego[tokens[at + 2].start..tokens[at + 2].end];
    let percents = text.replace("%%", "").matches('%').count();
    let mut given = arguments(tokens, at + 4, close);
    // A comma behind the last value stands before nothing.
    if close == at + 5 || tokens[close - 1].kind == Kind::Sign(b',') {
        given.pop();
    }
    let missing = vec!["\"%!v(MISSING)\""; percents.saturating_sub(given.len())].join(", ");
    if !missing.is_empty() {
        let comma = if given.is_empty() || tokens[close - 1].kind == Kind::Sign(b',') { "" } else { ", " };
        edits.push(Edit::insert(tokens[close].start, format!("{comma}{missing}")));
    }
}

/// Where each argument ends: at its comma, the last one at the bracket.
fn arguments(tokens: &[Token], open: usize, close: usize) -> Vec<usize> {
    let (mut depth, mut ends) = (0_usize, Vec::new());
    for (at, token) in tokens.iter().enumerate().take(close).skip(open + 1) {
        match token.kind {
            Kind::Sign(b'(' | b'[' | b'{') => depth += 1,
            Kind::Sign(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            Kind::Sign(b',') if depth == 0 => ends.push(at),
            _ => {}
        }
    }
    ends.push(close);
    ends
}

fn matching(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open).take(MOST_TOKENS) {
        match token.kind {
            Kind::Sign(b'(' | b'[' | b'{') => depth += 1,
            Kind::Sign(b')' | b']' | b'}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.start);
    let (mut out, mut done) = (String::with_capacity(text.len() + 64), 0);
    for edit in edits {
        // An argument within one that has been lifted already.
        if edit.start < done {
            continue;
        }
        out.push_str(&text[done..edit.start]);
        out.push_str(&edit.text);
        done = edit.end;
    }
    out.push_str(&text[done..]);
    out
}

fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let (mut tokens, mut at, mut first) = (Vec::new(), 0, true);
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let kind = match byte {
            b'\n' => {
                first = true;
                at += 1;
                continue;
            }
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'#' => {
                at += bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'"' => {
                at += 1;
                while let Some(&byte) = bytes.get(at) {
                    at += if byte == b'\\' { 2 } else { 1 };
                    if byte == b'"' || byte == b'\n' {
                        break;
                    }
                }
                Kind::Text
            }
            b'`' => {
                at += 1;
                at += bytes[at..]
                    .iter()
                    .position(|byte| *byte == b'`')
                    .map_or(bytes.len() - at, |length| length + 1);
                Kind::Text
            }
            byte if byte.is_ascii_digit() => {
                let is_number = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.';
                at += bytes[at..].iter().take_while(|byte| is_number(byte)).count();
                Kind::Number
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii() => {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
                at += bytes[at..].iter().take_while(|byte| is_word(byte)).count();
                Kind::Word
            }
            sign => {
                at += 1;
                Kind::Sign(sign)
            }
        };
        at = at.min(bytes.len());
        tokens.push(Token { kind, start, end: at, first });
        first = false;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::{looks_around, plain};

    #[test]
    fn what_looks_at_other_objects() {
        for (text, expected) in [
            (
                "package a\n# data.inventory\nviolation[{\"msg\": \"the inventory\"}] { input.review.object.data[x] }",
                false,
            ),
            ("import data.lib.helpers\nimport data.lib", false),
            ("package a\nx := data.inventory.cluster", true),
            ("x := data [\"inventory\"]", true),
            ("d := data\nx := d.inventory", true),
            ("import data.inventory as i", true),
            ("data", true),
        ] {
            assert_eq!(looks_around(text), expected, "{text}");
        }
    }

    #[test]
    fn what_both_read_alike_stays_as_it_is() {
        let text = "package a\n\nviolation[{\"msg\": msg}] {\n  x := {k | k := input.a[_]} # (a\n  f(x)\n  not g(x)\n  msg := sprintf(\"%v\", [x])\n}\n";
        assert_eq!(plain(text), text);
    }

    #[test]
    fn a_line_that_begins_with_a_bracket_is_one_of_its_own() {
        assert_eq!(plain("a {\n  x.y\n  (b - c) > 1\n}"), "a {\n  x.y\n  ; (b - c) > 1\n}");
        assert_eq!(plain("a {\n  f(\n  (b))\n}"), "a {\n  f(\n  (b))\n}");
        assert_eq!(plain("f(x) = y {\n  y := x +\n  (1)\n}"), "f(x) = y {\n  y := x +\n  (1)\n}");
    }

    #[test]
    fn further_bodies_get_the_head() {
        assert_eq!(
            plain("package p\nf(x) = y {\n  y := 1\n} {\n  y := 2\n} {\n  y := 3\n}\n"),
            "package p\nf(x) = y {\n  y := 1\n} \nf(x) = y {\n  y := 2\n} \nf(x) = y {\n  y := 3\n}\n"
        );
        let other = "f { a } else = b { c }\ng = {1} { d }\n";
        assert_eq!(plain(other).matches('f').count(), 1);
    }

    #[test]
    fn arguments_are_evaluated_before_the_negation() {
        assert_eq!(
            plain("a {\n  not f(x, input.p[\"q\"].r)\n}"),
            "a {\n  __argument_6_1 := input.p[\"q\"].r; not f(x, __argument_6_1)\n}"
        );
        for same in ["a {\n  not f(x, input.p[_])\n}", "a {\n  not f(x.y) == 1\n}", "a {\n  not x.y\n}"] {
            assert_eq!(plain(same), same);
        }
    }

    #[test]
    fn missing_values_are_named() {
        assert_eq!(
            plain("m := sprintf(\"%v 100%% %d\", [a])"),
            "m := sprintf(\"%v 100%% %d\", [a, \"%!v(MISSING)\"])"
        );
        assert_eq!(plain("m := sprintf(\"%v\", [])"), "m := sprintf(\"%v\", [\"%!v(MISSING)\"])");
        assert_eq!(plain("m := sprintf(\"%v\", [f(a, b),])"), "m := sprintf(\"%v\", [f(a, b),])");
    }

    #[test]
    fn broken_text_is_left_to_the_compiler() {
        for text in ["\"", "`", "not f(", "sprintf(\"%v\", [", "}}}{{{", "a {\n(", "\"\\", "not f(a.b"] {
            let _ = plain(text);
        }
    }
}
