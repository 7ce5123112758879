//! The text of a Dockerfile as instructions, each byte of which knows its line and column.
//!
//! Follows the parser of BuildKit: parser directives, continuation lines with comments and empty lines inside,
//! here-documents, flags. Linear in the input, no recursion; what is broken becomes a fault, and the rest is still read.
//!
//! Format: Dockerfile reference, syntax 1.x (`docs.docker.com/reference/dockerfile`).

/// A place in a file, both counted from 1; columns are bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// Text put together from pieces of the file, as continuation lines are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    text: String,
    /// Where each piece starts in `text` and in the file; sorted.
    pieces: Vec<(usize, Place)>,
}

impl Text {
    fn push(&mut self, piece: &str, place: Place) {
        self.pieces.push((self.text.len(), place));
        self.text.push_str(piece);
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where a byte of the text stands in the file.
    pub fn place(&self, offset: usize) -> Place {
        let piece = self.pieces.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        let Some((start, place)) = self.pieces.get(piece) else { return Place { line: 1, column: 1 } };
        Place { line: place.line, column: place.column.saturating_add(small(offset.saturating_sub(*start))) }
    }
}

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of the Dockerfile reference")]
pub enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
    /// Not an instruction.
    Unknown,
}

const KEYWORDS: &[(&str, Keyword)] = &[
    ("ADD", Keyword::Add),
    ("ARG", Keyword::Arg),
    ("CMD", Keyword::Cmd),
    ("COPY", Keyword::Copy),
    ("ENTRYPOINT", Keyword::Entrypoint),
    ("ENV", Keyword::Env),
    ("EXPOSE", Keyword::Expose),
    ("FROM", Keyword::From),
    ("HEALTHCHECK", Keyword::Healthcheck),
    ("LABEL", Keyword::Label),
    ("MAINTAINER", Keyword::Maintainer),
    ("ONBUILD", Keyword::Onbuild),
    ("RUN", Keyword::Run),
    ("SHELL", Keyword::Shell),
    ("STOPSIGNAL", Keyword::Stopsignal),
    ("USER", Keyword::User),
    ("VOLUME", Keyword::Volume),
    ("WORKDIR", Keyword::Workdir),
];

/// `--name=value` before the arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Name without dashes.
    pub name: String,
    /// Value; absent for `--link`.
    pub value: Option<String>,
    /// Where it starts in the instruction's text.
    pub at: usize,
}

/// A here-document of `RUN`, `COPY` or `ADD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    /// Its delimiter, without quotes.
    pub name: String,
    /// Its lines, each with its line feed.
    pub body: Text,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does; of `ONBUILD RUN ...`, what it will do.
    pub keyword: Keyword,
    /// As it is written, in capitals.
    pub name: String,
    /// Stands behind `ONBUILD`.
    pub onbuild: bool,
    /// The whole instruction without continuation characters.
    pub text: Text,
    /// Where the arguments start in `text`, behind keyword and flags.
    pub arguments_at: usize,
    /// Flags.
    pub flags: Vec<Flag>,
    /// Here-documents, in their order.
    pub heredocs: Vec<Heredoc>,
    /// Last line, counted from 1.
    pub end_line: u32,
}

impl Instruction {
    /// What follows keyword and flags.
    pub fn arguments(&self) -> &str {
        self.text.as_str().get(self.arguments_at..).unwrap_or_default().trim_end()
    }

    /// Where the instruction starts.
    pub fn place(&self) -> Place {
        self.text.place(0)
    }

    /// Where a byte of the arguments stands.
    pub fn argument_place(&self, offset: usize) -> Place {
        self.text.place(self.arguments_at + offset)
    }

    /// The value of a flag; the empty text for one without value.
    pub fn flag(&self, name: &str) -> Option<&str> {
        let flag = self.flags.iter().find(|flag| flag.name == name)?;
        Some(flag.value.as_deref().unwrap_or_default())
    }

    /// The arguments in JSON form: `["nginx", "-g", "daemon off;"]`. `None` for the shell form.
    pub fn json(&self) -> Option<Vec<String>> {
        json_strings(self.arguments())
    }
}

/// A comment, with the instruction that follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Line.
    pub line: u32,
    /// What stands behind `#`, trimmed.
    pub text: String,
    /// Index of the instruction that it stands before or in.
    pub before: usize,
}

/// What breaks the format.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where.
    pub line: u32,
    /// One sentence without final full stop.
    pub detail: String,
}

/// A file, instruction by instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Instructions.
    pub instructions: Vec<Instruction>,
    /// Comments, parser directives not among them.
    pub comments: Vec<Comment>,
    /// `# syntax=`.
    pub syntax: Option<String>,
    /// `# escape=` is the backtick, as on Windows.
    pub windows_escape: bool,
    /// What breaks the format.
    pub faults: Vec<Fault>,
}

/// Largest file that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Instructions that are read of one file.
const MAX_INSTRUCTIONS: usize = 20_000;

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reads a Dockerfile.
pub fn parse(content: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    let content = if content.len() > MAX_BYTES {
        let detail = format!("the file has {} bytes, only the first {MAX_BYTES} are read", content.len());
        parsed.faults.push(Fault { line: 1, detail });
        &content[..MAX_BYTES]
    } else {
        content
    };
    let text = String::from_utf8_lossy(content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content));
    let mut lines = Lines { rest: &text, number: 0 };
    let mut escape = '\\';
    let mut directives = true;
    while let Some((number, line)) = lines.next() {
        if directives {
            if let Some((name, value)) = directive(line) {
                match name.as_str() {
                    "syntax" => parsed.syntax = Some(value.to_owned()),
                    "check" => {}
                    _ => match value {
                        "\\" => escape = '\\',
                        "`" => (escape, parsed.windows_escape) = ('`', true),
                        _ => parsed.faults.push(Fault {
                            line: number,
                            detail: "the escape directive names neither backslash nor backtick".to_owned(),
                        }),
                    },
                }
                continue;
            }
            directives = false;
        }
        if let Some(comment) = comment(line) {
            parsed.comments.push(Comment { line: number, text: comment, before: parsed.instructions.len() });
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        if parsed.instructions.len() >= MAX_INSTRUCTIONS {
            let detail = format!("more than {MAX_INSTRUCTIONS} instructions, the rest is not read");
            parsed.faults.push(Fault { line: number, detail });
            break;
        }
        let (text, end) = logical_line(number, line, escape, &mut lines, &mut parsed);
        instruction(text, end, &mut lines, &mut parsed);
    }
    parsed
}

/// Physical lines, counted from 1.
struct Lines<'t> {
    rest: &'t str,
    number: u32,
}

impl<'t> Iterator for Lines<'t> {
    type Item = (u32, &'t str);

    fn next(&mut self) -> Option<(u32, &'t str)> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.number = self.number.saturating_add(1);
        Some((self.number, line.strip_suffix('\r').unwrap_or(line)))
    }
}

/// `# syntax=docker/dockerfile:1`, also without blank; names in any case.
fn directive(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.trim_start().strip_prefix('#')?.split_once('=')?;
    let name = name.trim().to_ascii_lowercase();
    matches!(name.as_str(), "syntax" | "escape" | "check").then(|| (name, value.trim()))
}

fn comment(line: &str) -> Option<String> {
    Some(line.trim_start().strip_prefix('#')?.trim().to_owned())
}

/// The line without its continuation character, when it has one.
fn continued(line: &str, escape: char) -> Option<&str> {
    let trimmed = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    // An escaped escape character continues nothing.
    (!trimmed.ends_with(escape)).then_some(trimmed)
}

/// One instruction's text, and its last line.
fn logical_line(
    number: u32,
    line: &str,
    escape: char,
    lines: &mut Lines<'_>,
    parsed: &mut Parsed,
) -> (Text, u32) {
    let mut text = Text::default();
    let trimmed = line.trim_start();
    let mut place = Place { line: number, column: small(line.len() - trimmed.len()) + 1 };
    let mut piece = trimmed;
    let mut end = number;
    loop {
        let Some(open) = continued(piece, escape) else {
            text.push(piece, place);
            break;
        };
        text.push(open, place);
        let next = loop {
            let Some((number, line)) = lines.next() else { break None };
            if let Some(comment) = comment(line) {
                let before = parsed.instructions.len();
                parsed.comments.push(Comment { line: number, text: comment, before });
            } else if !line.trim().is_empty() {
                break Some((number, line));
            }
        };
        let Some((number, line)) = next else { break };
        (piece, place, end) = (line, Place { line: number, column: 1 }, number);
    }
    (text, end)
}

fn instruction(text: Text, end_line: u32, lines: &mut Lines<'_>, parsed: &mut Parsed) {
    let line = text.place(0).line;
    let mut at = 0;
    let mut onbuild = false;
    let (keyword, name) = loop {
        let word_end =
            text.as_str()[at..].find(char::is_whitespace).map_or(text.as_str().len(), |end| at + end);
        let name = text.as_str()[at..word_end].to_ascii_uppercase();
        let keyword = KEYWORDS
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(Keyword::Unknown, |(_, keyword)| *keyword);
        at = skip_blanks(text.as_str(), word_end);
        // ONBUILD may not be nested: the second one stays the keyword, and a rule speaks of it.
        if keyword != Keyword::Onbuild || onbuild {
            break (keyword, name);
        }
        onbuild = true;
        if at >= text.as_str().len() {
            break (keyword, name);
        }
    };
    if keyword == Keyword::Unknown {
        let name: String = name.chars().take(40).collect();
        parsed.faults.push(Fault { line, detail: format!("`{name}` is no instruction") });
    }
    let mut flags = Vec::new();
    while text.as_str()[at..].starts_with("--") {
        let end = text.as_str()[at..].find(char::is_whitespace).map_or(text.as_str().len(), |end| at + end);
        let flag = &text.as_str()[at + 2..end];
        if flag.is_empty() {
            break;
        }
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.trim_matches('"').to_owned())),
            None => (flag, None),
        };
        flags.push(Flag { name: name.to_ascii_lowercase(), value, at });
        at = skip_blanks(text.as_str(), end);
    }
    if keyword != Keyword::Unknown && text.as_str()[at..].trim().is_empty() {
        parsed.faults.push(Fault { line, detail: format!("{name} has no arguments") });
    }
    let mut instruction =
        Instruction { keyword, name, onbuild, text, arguments_at: at, flags, heredocs: Vec::new(), end_line };
    if matches!(keyword, Keyword::Run | Keyword::Copy | Keyword::Add) {
        heredocs(&mut instruction, lines, parsed);
    }
    parsed.instructions.push(instruction);
}

fn skip_blanks(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start().len()
}

fn heredocs(instruction: &mut Instruction, lines: &mut Lines<'_>, parsed: &mut Parsed) {
    if !instruction.arguments().contains("<<") {
        return;
    }
    let openers: Vec<(bool, String)> = words(instruction.arguments())
        .into_iter()
        .filter_map(|word| {
            let rest = word.raw.trim_start_matches(|character: char| character.is_ascii_digit());
            let rest = rest.strip_prefix("<<")?;
            let (strip, name) = match rest.strip_prefix('-') {
                Some(name) => (true, name),
                None => (false, rest),
            };
            let plain = unquote(name);
            (!plain.is_empty() && !name.contains('<')).then_some((strip, plain))
        })
        .collect();
    for (strip, name) in openers {
        let mut body = Text::default();
        let mut ended = false;
        for (number, line) in lines.by_ref() {
            let shown = if strip { line.trim_start_matches('\t') } else { line };
            instruction.end_line = number;
            if shown == name {
                ended = true;
                break;
            }
            body.push(shown, Place { line: number, column: small(line.len() - shown.len()) + 1 });
            body.text.push('\n');
        }
        if !ended {
            let shown: String = name.chars().take(40).collect();
            parsed.faults.push(Fault {
                line: instruction.text.place(0).line,
                detail: format!("the here-document `{shown}` does not end"),
            });
        }
        instruction.heredocs.push(Heredoc { name, body });
    }
}

/// A word between blanks, quotes and all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawWord<'t> {
    /// As it is written.
    pub raw: &'t str,
    /// Where it starts.
    pub at: usize,
}

/// Splits at blanks outside of quotes; a backslash takes the next character as it is.
pub fn words(text: &str) -> Vec<RawWord<'_>> {
    let mut found = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if start.is_none() {
            if character.is_whitespace() {
                continue;
            }
            start = Some(at);
        }
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, character) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => escaped = true,
            (None, '\'' | '"') => quote = Some(character),
            (None, _) if character.is_whitespace() => {
                if let Some(start) = start.take() {
                    found.push(RawWord { raw: &text[start..at], at: start });
                }
            }
            _ => {}
        }
    }
    if let Some(start) = start {
        found.push(RawWord { raw: &text[start..], at: start });
    }
    found
}

/// A word without its quotes and backslashes.
pub fn unquote(raw: &str) -> String {
    let mut result = String::with_capacity(raw.len());
    let mut quote = None;
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => result.push(character),
            (_, '\\') => result.extend(characters.next()),
            (None, '\'' | '"') => quote = Some(character),
            _ => result.push(character),
        }
    }
    result
}

/// A JSON array of strings (RFC 8259), and nothing else. Docker takes anything else as a command for the shell.
pub fn json_strings(text: &str) -> Option<Vec<String>> {
    let mut rest = text.trim().strip_prefix('[')?.trim_start();
    let mut strings = Vec::new();
    if let Some(after) = rest.strip_prefix(']') {
        return after.trim().is_empty().then_some(strings);
    }
    loop {
        rest = rest.strip_prefix('"')?;
        let mut string = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => match characters.next()?.1 {
                    'n' => string.push('\n'),
                    't' => string.push('\t'),
                    'r' => string.push('\r'),
                    'b' => string.push('\u{8}'),
                    'f' => string.push('\u{c}'),
                    'u' => {
                        let mut code = 0;
                        for _ in 0..4 {
                            code = code * 16 + characters.next()?.1.to_digit(16)?;
                        }
                        string.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    plain @ ('"' | '\\' | '/') => string.push(plain),
                    _ => return None,
                },
                (_, character) => string.push(character),
            }
        };
        strings.push(string);
        rest = rest[end..].trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
        } else {
            return rest.strip_prefix(']')?.trim().is_empty().then_some(strings);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, u32, u32, String)> {
        let parsed = parse(text.as_bytes());
        let shown = |instruction: &Instruction| {
            let arguments = instruction.arguments().to_owned();
            (instruction.name.clone(), instruction.place().line, instruction.end_line, arguments)
        };
        parsed.instructions.iter().map(shown).collect()
    }

    fn check(text: &str, expected: &[(&str, u32, u32, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, from, to, arguments)| ((*name).to_owned(), *from, *to, (*arguments).to_owned()))
            .collect();
        assert_eq!(names(text), expected, "{text}");
    }

    #[test]
    fn instructions_and_continuations() {
        check("from a\n\n# c\nRun b\n", &[("FROM", 1, 1, "a"), ("RUN", 4, 4, "b")]);
        check("RUN a \\\n  && b\n", &[("RUN", 1, 2, "a   && b")]);
        check("RUN a \\\n# c\n\n  b\nCMD d", &[("RUN", 1, 4, "a   b"), ("CMD", 5, 5, "d")]);
        check("RUN a \\  \n b\r\n", &[("RUN", 1, 2, "a  b")]);
        check("RUN a \\\\\nCMD b\n", &[("RUN", 1, 1, "a \\\\"), ("CMD", 2, 2, "b")]);
        check("# escape=`\nRUN a `\n b\nRUN c \\\n", &[("RUN", 2, 3, "a  b"), ("RUN", 4, 4, "c \\")]);
        check("\u{feff}FROM a\n", &[("FROM", 1, 1, "a")]);
        check("RUN a \\", &[("RUN", 1, 1, "a")]);
    }

    #[test]
    fn directives_stand_first() {
        let parsed = parse(b"#syntax = docker/dockerfile:1\n# ESCAPE=`\nFROM a\n");
        assert_eq!((parsed.syntax.as_deref(), parsed.windows_escape), (Some("docker/dockerfile:1"), true));
        let parsed = parse(b"# a comment\n# escape=`\nFROM a\n");
        assert!(!parsed.windows_escape, "behind a comment it is a comment");
        assert_eq!(parse(b"# escape=x\nFROM a\n").faults.len(), 1);
    }

    #[test]
    fn heredocs_keep_their_lines() {
        let parsed = parse(b"RUN <<EOF cat > /x\n# no comment\n b \\\nEOF\nCOPY <<\"A\" <<-'B' /d/\n\ta\nA\n\tb\n\tB\nCMD c\n");
        let bodies: Vec<_> = parsed
            .instructions
            .iter()
            .flat_map(|instruction| &instruction.heredocs)
            .map(|heredoc| (heredoc.name.as_str(), heredoc.body.as_str(), heredoc.body.place(1)))
            .collect();
        let place = |line, column| Place { line, column };
        assert_eq!(
            bodies,
            [
                ("EOF", "# no comment\n b \\\n", place(2, 2)),
                ("A", "\ta\n", place(6, 2)),
                ("B", "b\n", place(8, 3))
            ]
        );
        assert_eq!(parsed.instructions.len(), 3);
        assert_eq!(parse(b"RUN <<EOF\necho\n").faults.len(), 1, "it does not end");
        assert!(parse(b"RUN x=$((1<<2)) && cat <<< a && y << z\n").instructions[0].heredocs.is_empty());
    }

    #[test]
    fn flags_onbuild_and_places() {
        let parsed = parse(b"  ONBUILD COPY --from=b --link \\\n  /x /y\n");
        let copy = &parsed.instructions[0];
        assert_eq!((copy.keyword, copy.onbuild, copy.flag("from")), (Keyword::Copy, true, Some("b")));
        assert_eq!(copy.flag("link"), Some(""));
        assert_eq!(copy.arguments(), "/x /y");
        assert_eq!(copy.argument_place(3), Place { line: 2, column: 6 });
        assert_eq!(copy.place(), Place { line: 1, column: 3 });
    }

    #[test]
    fn faults_are_told() {
        assert_eq!(parse(b"FORM a\n").faults[0].detail, "`FORM` is no instruction");
        assert_eq!(parse(b"RUN\n").faults[0].detail, "RUN has no arguments");
        assert_eq!(parse(b"RUN a\nONBUILD\n").faults[0].line, 2);
    }

    #[test]
    fn json_form() {
        for (text, expected) in [
            (r#"["a", "b\"\u0041"]"#, Some(vec!["a", "b\"A"])),
            ("[]", Some(vec![])),
            ("['a']", None),
            (r#"["a""#, None),
            (r#"["a"] b"#, None),
            (r#"["a",]"#, None),
            ("a", None),
        ] {
            assert_eq!(
                json_strings(text),
                expected.map(|words| words.iter().map(ToString::to_string).collect())
            );
        }
    }

    #[test]
    fn words_keep_quotes_together() {
        let raw: Vec<_> = words(r#"a "b c" d\ e 'f\' g"#).iter().map(|word| word.raw).collect();
        assert_eq!(raw, ["a", "\"b c\"", "d\\ e", "'f\\'", "g"]);
        assert_eq!(unquote(r#"a"b c"'d"e'\f"#), "ab cd\"ef");
    }
}
