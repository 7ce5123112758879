//! Credentials and keys that lie open in a file, an environment or a command.
//!
//! Hides the rules ([`rules.toml`](RULES_TEXT)), one automaton that looks for the literals of all of them at once, the
//! expressions that are tried only where a literal was found, and the checks of structure that need no network. What is
//! handed out never holds the secret itself: a [`Hit`] has its place, its rule and a shortened form.
//!
//! Every rule costs its keyword only, so a file without any is read once. The work at each keyword is bounded by
//! [`WINDOW`], the number of tries by [`MOST_TRIES`].

mod structure;

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use plimsoll_model::Level;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use structure::{Answer, Check};

/// Largest text that is looked at, in bytes. The rest of a longer one is not.
pub const LARGEST_TEXT: u64 = 8 << 20;
/// Bytes of a file that decide whether it is text.
pub const FIRST_BLOCK: usize = 4096;
/// Bytes behind a keyword that an expression may look at.
const WINDOW: usize = 20_000;
/// Places of one file at which one rule is tried.
const MOST_TRIES: u32 = 2_000;
/// Secrets of one file that are told.
const MOST_HITS: usize = 100;

static RULES_TEXT: &str = include_str!("rules.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rule: Vec<Row>,
}

/// One row of the table; what its fields mean stands at its head.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    what: String,
    keywords: Vec<String>,
    #[serde(default)]
    any_case: bool,
    #[serde(default)]
    before: usize,
    regex: Option<String>,
    value: Option<String>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default = "usual_entropy")]
    entropy: f64,
    check: Option<Check>,
    binary: Option<Binary>,
    severity: Word,
    revoke: String,
}

fn usual_entropy() -> f64 {
    3.0
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Critical,
    High,
    Medium,
    Low,
}

/// Forms that are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Binary {
    Jks,
    Pkcs12,
    DerKey,
}

/// One rule.
pub struct Rule {
    /// Stable, never used again for something else.
    pub id: String,
    /// What it finds, for people.
    pub what: String,
    /// Severity of a secret whose structure holds.
    pub severity: Level,
    /// Where, or how, the secret is made worthless.
    pub revoke: String,
    keywords: Vec<String>,
    any_case: bool,
    before: usize,
    form: Form,
    files: Vec<String>,
    entropy: f64,
    check: Option<Check>,
    compiled: OnceLock<Regex>,
}

enum Form {
    /// An expression.
    Expression(String),
    /// The form of a value that is assigned to a name which contains a keyword.
    Value(String),
    Binary(Binary),
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Rule({})", self.id)
    }
}

/// The table of rules as it is written, behind a number: what names the state of both. The number goes up when the
/// checks here or in `structure` find something else than before.
pub fn table() -> &'static str {
    concat!("2\n", include_str!("rules.toml"))
}

/// All rules, specific ones before general ones.
pub fn rules() -> &'static [Rule] {
    static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let table: Table = toml::from_str(RULES_TEXT).expect("a test reads the table");
        table.rule.into_iter().map(Rule::from).collect()
    });
    &RULES
}

/// The rule of this id.
pub fn find(id: &str) -> Option<&'static Rule> {
    rules().iter().find(|rule| rule.id == id)
}

impl From<Row> for Rule {
    fn from(row: Row) -> Self {
        let form = match (row.binary, row.regex, row.value) {
            (Some(binary), ..) => Form::Binary(binary),
            (None, _, Some(value)) => Form::Value(value),
            (None, regex, None) => Form::Expression(regex.unwrap_or_default()),
        };
        Rule {
            id: row.id,
            what: row.what,
            severity: match row.severity {
                Word::Critical => Level::Critical,
                Word::High => Level::High,
                Word::Medium => Level::Medium,
                Word::Low => Level::Low,
            },
            revoke: row.revoke,
            keywords: row.keywords,
            any_case: row.any_case,
            before: row.before,
            form,
            files: row.files,
            entropy: row.entropy,
            check: row.check,
            compiled: OnceLock::new(),
        }
    }
}

/// What may stand between a name and its value: `NAME=v`, `"name": "v"`, `name => 'v'`, `name := v`, `<name>v`.
const ASSIGNS: &str =
    r#"[A-Za-z0-9_.-]{0,40}["'`]?\]?[ \t]{0,8}(?:=>|:=|=|:|>)[ \t]{0,8}(?:[Bb]earer )?["'`]?"#;

impl Rule {
    fn expression(&self) -> &Regex {
        self.compiled.get_or_init(|| {
            let text = match &self.form {
                Form::Value(value) => {
                    let names: Vec<String> = self.keywords.iter().map(|word| regex::escape(word)).collect();
                    format!(r#"\A(?i:{})(?-i:{ASSIGNS}({value})(?:["'`\s,;<)}}\]&]|\\|\z))"#, names.join("|"))
                }
                Form::Expression(text) if self.keywords.is_empty() || self.before > 0 => text.clone(),
                Form::Expression(text) => format!(r"\A(?:{text})"),
                Form::Binary(_) => r"\z.".to_owned(),
            };
            RegexBuilder::new(&text)
                .unicode(false)
                .size_limit(32 << 20)
                .build()
                .expect("a test compiles every rule")
        })
    }

    /// Is the rule for this file?
    fn is_for(&self, path: &[u8]) -> bool {
        self.files.is_empty()
            || self.files.iter().any(|pattern| match pattern.as_bytes() {
                [b'=', exact @ ..] => path == exact,
                [b'/', name @ ..] => {
                    path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/"))
                }
                end => path.ends_with(end),
            })
    }
}

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// Its structure was checked, and holds.
    Verified,
    /// It has the form; there is nothing more to check offline.
    Form,
    /// It has the form, but its checksum does not hold: made up, or damaged.
    Doubtful,
}

impl Certainty {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Certainty::Verified => "structure verified",
            Certainty::Form => "form only",
            Certainty::Doubtful => "checksum does not hold",
        }
    }
}

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Id of the rule.
    pub rule: &'static str,
    /// Line, counted from 1.
    pub line: u32,
    /// Where the secret begins, in bytes.
    pub start: usize,
    /// Where it ends: the first byte that is not part of it.
    pub end: usize,
    /// How sure it is.
    pub certainty: Certainty,
    /// How bad.
    pub severity: Level,
    /// The secret, shortened so that its owner knows it and nobody else can use it.
    pub shown: String,
}

/// What one text holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Secrets, by line.
    pub hits: Vec<Hit>,
    /// More than can be told: what was left out.
    pub cut: Option<&'static str>,
}

struct Automaton {
    words: AhoCorasick,
    /// For each pattern, rule and keyword.
    owners: Vec<(usize, usize)>,
    /// Rules that have no keyword.
    always: Vec<usize>,
}

fn automaton() -> &'static Automaton {
    static AUTOMATON: LazyLock<Automaton> = LazyLock::new(|| {
        let mut owners = Vec::new();
        let mut words = Vec::new();
        let mut always = Vec::new();
        for (number, rule) in rules().iter().enumerate() {
            if rule.keywords.is_empty() {
                always.push(number);
            }
            for (word, keyword) in rule.keywords.iter().enumerate() {
                owners.push((number, word));
                words.push(keyword.as_str());
            }
        }
        let words = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words)
            .expect("some hundred short words fit an automaton");
        Automaton { words, owners, always }
    });
    &AUTOMATON
}

/// Is it text? By its first block: a byte that no text has.
pub fn is_text(first_block: &[u8]) -> bool {
    memchr::memchr(0, first_block).is_none()
}

/// Where secrets are not looked for: what other people's software ships as documentation, translation, test or data, media
/// and archives, and lists of digests. `path` without leading slash.
pub fn is_passed_over(path: &[u8]) -> bool {
    const FOLDERS: &[&[u8]] = &[
        b"usr/share/doc/",
        b"usr/share/man/",
        b"usr/share/info/",
        b"usr/share/locale/",
        b"usr/share/i18n/",
        b"usr/share/zoneinfo/",
        b"usr/share/perl/",
        b"usr/share/ca-certificates/",
        b"usr/include/",
        b"var/lib/dpkg/info/",
        b"var/lib/apt/lists/",
        b"usr/lib/locale/",
        b"usr/share/X11/",
        b"usr/share/mime/",
        b"usr/share/fonts/",
        b"usr/share/vim/",
        b"usr/share/nodejs/",
        b"proc/",
        b"sys/",
        b"dev/",
    ];
    const NAMES: &[&[u8]] = &[
        b"package-lock.json",
        b"npm-shrinkwrap.json",
        b"yarn.lock",
        b"pnpm-lock.yaml",
        b"bun.lock",
        b"go.sum",
        b"Cargo.lock",
        b"poetry.lock",
        b"Pipfile.lock",
        b"uv.lock",
        b"pdm.lock",
        b"composer.lock",
        b"Gemfile.lock",
        b"packages.lock.json",
        b"Podfile.lock",
        b"pubspec.lock",
        b"mix.lock",
        b"RECORD",
        b".package-lock.json",
    ];
    const ENDS: &[&[u8]] = &[
        b".png", b".jpg", b".jpeg", b".gif", b".ico", b".svg", b".webp", b".pdf", b".woff", b".woff2",
        b".ttf", b".otf", b".eot", b".mp3", b".mp4", b".zip", b".gz", b".xz", b".bz2", b".zst", b".tar",
        b".tgz", b".whl", b".pyc", b".so", b".a", b".o", b".class", b".mo", b".gmo", b".deb", b".rpm",
        b".apk", b".wasm", b".d.ts", b".css", b".map",
    ];
    /// What Python's packages say about themselves: their README.
    const ABOUT: &[&[u8]] = &[b".dist-info/METADATA", b".egg-info/PKG-INFO"];
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    ABOUT.iter().any(|end| path.ends_with(end))
        || FOLDERS.iter().any(|folder| path.starts_with(folder))
        || NAMES.contains(&name)
        || ENDS.iter().any(|end| name.len() > end.len() && name.ends_with(end))
}

/// Looks for secrets in a text. `path` without leading slash; empty where the text is no file.
pub fn scan(path: &[u8], content: &[u8]) -> Found {
    let automaton = automaton();
    let all = rules();
    let mut tries = vec![0_u32; all.len()];
    let mut candidates: Vec<(usize, usize, usize, Certainty)> = Vec::new();
    let mut cut = None;
    let documented = std::cell::OnceCell::new();
    let mut attempt = |number: usize, keyword_at: usize, cut: &mut Option<&'static str>| {
        let rule = &all[number];
        if !rule.is_for(path) {
            return;
        }
        tries[number] += 1;
        if tries[number] > MOST_TRIES {
            *cut = Some("one word stands in it too often to look at all places");
            return;
        }
        if let Some((start, end)) = rule.find_at(content, keyword_at)
            && let Some(certainty) = rule.judge(&content[start..end])
            && !(rule.is_a_guess() && documented.get_or_init(|| documentation(path, content)).holds(start))
        {
            candidates.push((number, start, end, certainty));
        }
    };
    for number in &automaton.always {
        attempt(*number, 0, &mut cut);
    }
    for found in automaton.words.find_overlapping_iter(content) {
        let (number, word) = automaton.owners[found.pattern().as_usize()];
        let rule = &all[number];
        if !rule.any_case && content[found.range()] != *rule.keywords[word].as_bytes() {
            continue;
        }
        attempt(number, found.start(), &mut cut);
    }
    // Of rules that match in one place the first one wins.
    candidates.sort_unstable();
    let mut taken: Vec<(usize, usize)> = Vec::new();
    let mut kept = Vec::new();
    for (number, start, end, certainty) in candidates {
        if taken.iter().any(|(from, to)| start < *to && *from < end) {
            continue;
        }
        if taken.len() == MOST_HITS {
            cut = Some("it holds more secrets than are told");
            break;
        }
        taken.push((start, end));
        kept.push((start, end, number, certainty));
    }
    kept.sort_unstable();
    let mut line = 1_u32;
    let mut counted = 0;
    let mut hits = Vec::with_capacity(kept.len());
    for (start, end, number, certainty) in kept {
        let breaks = memchr::memchr_iter(b'\n', &content[counted..start]).count();
        line = line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        counted = start;
        let rule = &all[number];
        let severity = if certainty == Certainty::Doubtful { Level::Low } else { rule.severity };
        let shown = shorten(&content[start..end]);
        hits.push(Hit { rule: &rule.id, line, start, end, certainty, severity, shown });
    }
    Found { hits, cut }
}

/// Places of a text that only people read.
struct Documentation(Vec<(usize, usize)>);

impl Documentation {
    fn holds(&self, place: usize) -> bool {
        let next = self.0.partition_point(|(start, _)| *start <= place);
        next.checked_sub(1).is_some_and(|before| place < self.0[before].1)
    }
}

/// Docstrings (whatever stands within three quotes) and comments of an installed Python package, which show requests and
/// answers as examples. Elsewhere nothing is taken for documentation: a comment of one's own holds real ones too often.
fn documentation(path: &[u8], content: &[u8]) -> Documentation {
    let installed = [&b"site-packages/"[..], b"dist-packages/"]
        .iter()
        .any(|folder| memchr::memmem::find(path, folder).is_some());
    let mut places = Vec::new();
    if !(installed && path.ends_with(b".py")) {
        return Documentation(places);
    }
    let mut at = 0;
    while let Some(found) = memchr::memchr3(b'"', b'\'', b'#', &content[at..]) {
        let start = at + found;
        let quote = content[start];
        let length = if quote == b'#' {
            memchr::memchr(b'\n', &content[start..])
        } else if content[start..].starts_with(&[quote; 3]) {
            memchr::memmem::find(&content[start + 3..], &[quote; 3]).map(|length| length + 6)
        } else {
            // A string of one line, so that a `#` in it begins no comment. Where the line ends first, it was none.
            let behind = start + 1;
            at = match memchr::memchr2(quote, b'\n', &content[behind..]) {
                Some(length) if content[behind + length] == quote => behind + length + 1,
                _ => behind,
            };
            continue;
        };
        let end = length.map_or(content.len(), |length| start + length);
        places.push((start, end));
        at = end;
    }
    Documentation(places)
}

/// The text without the secrets in it: each becomes `***`.
pub fn redact(text: &str) -> Cow<'_, str> {
    /// What one secret covered may show once that is gone.
    const ROUNDS: usize = 4;
    let mut text = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        let found = scan(b"", text.as_bytes());
        if found.hits.is_empty() {
            return text;
        }
        let mut bytes = Vec::with_capacity(text.len());
        let mut from = 0;
        for hit in &found.hits {
            bytes.extend_from_slice(&text.as_bytes()[from..hit.start]);
            bytes.extend_from_slice(b"***");
            from = hit.end;
        }
        bytes.extend_from_slice(&text.as_bytes()[from..]);
        text = Cow::Owned(String::from_utf8_lossy(&bytes).into_owned());
    }
    Cow::Borrowed("[a text full of secrets]")
}

/// Looks for key stores and keys that are no text. `content` is the beginning of the file.
pub fn scan_binary(path: &[u8], content: &[u8]) -> Found {
    let hit = |rule: &'static Rule| Hit {
        rule: &rule.id,
        line: 1,
        start: 0,
        end: content.len(),
        certainty: Certainty::Verified,
        severity: rule.severity,
        shown: "(not text)".to_owned(),
    };
    let holds = |rule: &&'static Rule| match rule.form {
        Form::Binary(binary) => rule.is_for(path) && structure::is_binary(binary, content),
        _ => false,
    };
    Found { hits: rules().iter().filter(holds).map(hit).take(1).collect(), cut: None }
}

/// Could [`scan_binary`] find something in a file of this name?
pub fn may_be_binary(path: &[u8]) -> bool {
    rules().iter().any(|rule| matches!(rule.form, Form::Binary(_)) && rule.is_for(path))
}

impl Rule {
    /// The secret that has the rule's form at this keyword: its place.
    fn find_at(&self, content: &[u8], keyword_at: usize) -> Option<(usize, usize)> {
        let (from, to) = if self.keywords.is_empty() {
            (0, content.len())
        } else {
            let to = content.len().min(keyword_at.saturating_add(WINDOW));
            (keyword_at.saturating_sub(self.before), to)
        };
        // `AWS::IAM::AccessKey` is a type, whatever is said of it.
        if matches!(self.form, Form::Value(_)) && content[..keyword_at].ends_with(b"::") {
            return None;
        }
        let found = self.expression().captures(&content[from..to])?;
        let whole = found.get(0)?;
        let inner = found.get(1);
        // What was searched for must hold the keyword, or it is about something else.
        if self.before > 0 && from + whole.end() <= keyword_at {
            return None;
        }
        let secret = inner.unwrap_or(whole);
        let (start, end) = (from + secret.start(), from + secret.end());
        let joins = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bare = inner.is_none() && matches!(self.form, Form::Expression(_));
        if bare {
            // A token stands alone: within a longer word it is a part of something else.
            let begins = content.get(start).is_some_and(u8::is_ascii_alphanumeric);
            let ends = content.get(end.wrapping_sub(1)).is_some_and(u8::is_ascii_alphanumeric);
            if begins && start > 0 && joins(content.get(start - 1)) || ends && joins(content.get(end)) {
                return None;
            }
        }
        (start < end).then_some((start, end))
    }

    /// Is it known by a name beside it only, not by its own form?
    fn is_a_guess(&self) -> bool {
        matches!(
            self.check,
            Some(Check::Generic | Check::GenericPassword | Check::BasicAuth | Check::UrlPassword)
        )
    }

    fn judge(&self, secret: &[u8]) -> Option<Certainty> {
        if entropy(secret) < self.entropy && !matches!(self.check, Some(Check::Pem | Check::Putty)) {
            return None;
        }
        if structure::is_documented_example(secret) {
            return None;
        }
        match self.check.map(|check| structure::check(check, secret)) {
            None | Some(Answer::Plausible) => Some(Certainty::Form),
            Some(Answer::Holds) => Some(Certainty::Verified),
            Some(Answer::Doubtful) => Some(Certainty::Doubtful),
            Some(Answer::Fails) => None,
        }
    }
}

/// Shannon entropy in bits for each byte.
#[expect(clippy::cast_precision_loss, reason = "lengths of secrets are small")]
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let length = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / length;
            -share * share.log2()
        })
        .sum()
}

/// The first and last characters of a long secret, the length of a short one. Never more than a fifth of it.
pub(crate) fn shorten(secret: &[u8]) -> String {
    let text: Cow<'_, str> = String::from_utf8_lossy(secret);
    let first_line = text.lines().next().unwrap_or_default();
    let length = text.chars().count();
    if first_line.starts_with("-----BEGIN ") {
        return format!("{} …", first_line.chars().take(64).collect::<String>());
    }
    let edge = (length / 10).min(4);
    if edge < 2 {
        return format!("({length} characters)");
    }
    let plain = |character: &char| character.is_ascii_graphic();
    let head: String = text.chars().take(edge).filter(plain).collect();
    let tail: String = text.chars().skip(length - edge).filter(plain).collect();
    format!("{head}…{tail} ({length} characters)")
}

/// The body of a fuzz target: any bytes in any file.
///
/// # Panics
/// When a promise is broken: a line within the text, few hits.
pub fn fuzz(data: &[u8]) {
    let (path, content) = data.split_at(data.len().min(12));
    let found = scan(path, content);
    let lines = content.split(|byte| *byte == b'\n').count();
    assert!(found.hits.len() <= MOST_HITS);
    for hit in &found.hits {
        assert!(hit.line >= 1 && hit.line as usize <= lines, "{hit:?}");
        assert!(find(hit.rule).is_some());
        assert!(hit.start < hit.end && hit.end <= content.len(), "{hit:?}");
    }
    assert_eq!(found, scan(path, content));
    scan_binary(path, content);
    let _ = is_passed_over(path);
    let text = String::from_utf8_lossy(content);
    let redacted = redact(&text);
    assert_eq!(redacted, redact(&redacted), "nothing is left to redact");
}

#[cfg(test)]
mod tests;
