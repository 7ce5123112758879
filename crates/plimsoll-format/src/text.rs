//! Words and widths: what every format for people needs, none of it about findings.

use std::borrow::Cow;
use std::fmt::Write;

/// Makes text from outside safe to show: control characters and characters that reorder or hide text become visible
/// escapes such as `\x1b` or `\u{202e}`. A name can then neither colour, move nor overwrite what stands around it.
pub fn clean(text: &str) -> Cow<'_, str> {
    // Nearly every text is plain ASCII: looking at its bytes is several times faster than at its characters.
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if plain || !text.chars().any(unsafe_to_show) {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => result.push_str("\\n"),
            '\t' => result.push_str("\\t"),
            _ if !unsafe_to_show(character) => result.push(character),
            _ if (character as u32) < 0x100 => {
                let _ = write!(result, "\\x{:02x}", character as u32);
            }
            _ => {
                let _ = write!(result, "\\u{{{:x}}}", character as u32);
            }
        }
    }
    Cow::Owned(result)
}

/// [`clean`] for a text of several lines: its own line ends stay.
pub fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

/// Control characters, and format characters that change how their neighbours are drawn (Unicode 16, section 23:
/// bidirectional controls, zero-width characters, line separators, tags).
pub(crate) fn unsafe_to_show(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Columns that a text takes in a terminal. East Asian wide characters and pictures take two, combining marks none;
/// rare scripts may be off by a column, which costs alignment only.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(character_columns).sum()
}

fn character_columns(character: char) -> usize {
    match character as u32 {
        0x300..=0x36f
        | 0x483..=0x489
        | 0x591..=0x5bd
        | 0x610..=0x61a
        | 0x64b..=0x65f
        | 0x20d0..=0x20ff
        | 0xfe00..=0xfe0f
        | 0xfe20..=0xfe2f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xa960..=0xa97f
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The text in at most `limit` columns, its middle replaced by `…`; the end keeps more, because file names and
/// versions stand there.
pub(crate) fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    if columns(text) <= limit {
        return Cow::Borrowed(text);
    }
    let room = limit.saturating_sub(1);
    let (head_room, tail_room) = (room / 3, room - room / 3);
    let head = take(text.chars(), head_room);
    let tail: String = take(text.chars().rev(), tail_room).chars().rev().collect();
    Cow::Owned(format!("{head}…{tail}"))
}

/// A path or module name in at most `limit` columns: whole middle components give way where that is enough.
pub(crate) fn shorten_path(path: &str, limit: usize) -> Cow<'_, str> {
    if columns(path) <= limit {
        return Cow::Borrowed(path);
    }
    let slashes = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    let first = slashes.clone().next().map_or("", |at| &path[..at]);
    for front in [first, ""] {
        let cut = slashes
            .clone()
            .skip(1)
            .map(|at| &path[at..])
            .find(|rest| columns(front) + 2 + columns(rest) <= limit);
        if let Some(rest) = cut {
            return Cow::Owned(if front.is_empty() {
                format!("…{rest}")
            } else {
                format!("{front}/…{rest}")
            });
        }
    }
    match slashes.clone().next_back().map(|at| &path[at..]) {
        Some(rest) if columns(rest) < limit => Cow::Owned(format!("…{rest}")),
        _ => shorten(path, limit),
    }
}

fn take(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    characters
        .take_while(|character| {
            used += character_columns(*character);
            used <= room
        })
        .collect()
}

/// Breaks text at blanks into lines of at most `width` columns; a word that is longer is shortened in its middle.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let word = shorten(word, width);
        if !line.is_empty() && columns(&line) + 1 + columns(&word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

/// `1 layer`, `5 layers`, `1,204 packages`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number as u64), if number == 1 { one } else { many })
}

/// A number with a comma between thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut result = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            result.push(',');
        }
        result.push(digit);
    }
    result
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listing(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// How old a date or time is, in words: `6 h old`, `today`. `None` when the text is no date.
pub(crate) fn age(date: &str, now: jiff::Timestamp) -> Option<String> {
    if let Ok(time) = date.parse::<jiff::Timestamp>() {
        let seconds = now.as_second() - time.as_second();
        return Some(match seconds {
            ..-300 => "dated in the future".to_owned(),
            -300..60 => "new".to_owned(),
            60..3_600 => format!("{} min old", seconds / 60),
            3_600..172_800 => format!("{} h old", seconds / 3_600),
            _ => format!("{} days old", thousands(seconds.unsigned_abs() / 86_400)),
        });
    }
    let midnight = format!("{}T00:00:00Z", date.get(..10)?).parse::<jiff::Timestamp>().ok()?;
    Some(match (now.as_second() - midnight.as_second()).div_euclid(86_400) {
        ..0 => "dated in the future".to_owned(),
        0 => "of today".to_owned(),
        1 => "1 day old".to_owned(),
        days => format!("{} days old", thousands(days.unsigned_abs())),
    })
}

/// The day of a date or time; what does not look like one is returned as it is.
pub(crate) fn day(date: &str) -> &str {
    match date.split_once('T') {
        Some((day, _)) => day,
        None => date,
    }
}

/// A word for a POSIX shell: as it is when no shell would read anything into it, else in single quotes.
pub fn shell_word(word: &str) -> String {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'_' | b'-' | b'/' | b':' | b'@' | b'+' | b',' | b'=')
    };
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Parts per 100,000 as a percentage: `94 %`, `0.3 %`.
pub(crate) fn percent(parts: u32) -> String {
    if parts >= 1_000 {
        format!("{} %", (parts + 500) / 1_000)
    } else {
        format!("{}.{} %", parts / 1_000, parts % 1_000 / 100)
    }
}

/// A page that describes an advisory; `None` for ids that no address can be made of.
pub(crate) fn advisory_link(id: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
    // Advisories have names in capitals; rules of ours (`license-denied`) have none, and no page in a database.
    let capital = id.bytes().any(|byte| byte.is_ascii_uppercase());
    if !capital || !id.bytes().all(plain) {
        return None;
    }
    Some(if id.starts_with("CVE-") {
        format!("https://www.cve.org/CVERecord?id={id}")
    } else if id.starts_with("GHSA-") {
        format!("https://github.com/advisories/{id}")
    } else {
        format!("https://osv.dev/vulnerability/{id}")
    })
}

/// Text from outside as Markdown that shows it as it is, also within tables: no formatting, no links, nobody called.
pub(crate) fn markdown_text(text: &str) -> String {
    let text = clean(text);
    let mut result = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            // Names behind an @ are called when a comment is posted, escaped or not; a comment between breaks them up.
            '@' => result.push_str("@<!-- -->"),
            // An issue's number would become a link.
            '#' => result.push_str("\\#<!-- -->"),
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            '&' => result.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '~' | '!' | '$' => {
                result.push('\\');
                result.push(character);
            }
            _ => result.push(character),
        }
    }
    // Addresses become links by themselves.
    result.replace("://", ":<!-- -->//").replace("www.", "www<!-- -->.")
}

/// Text from outside as a code span, also within tables (GFM 0.29, section 6.3 and the tables extension).
pub(crate) fn markdown_code(text: &str) -> String {
    let text = clean(text);
    if text.is_empty() {
        return String::new();
    }
    let mut longest = 0;
    let mut run = 0;
    for character in text.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    let blank = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{blank}{}{blank}{fence}", text.replace('|', "\\|"))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// JSON for people and programs: two blanks of indentation, a final line feed, and nothing in strings that a terminal
/// would obey (serde_json leaves DEL, C1 and format characters as they are; JSON allows to escape them).
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(value)?;
    // Nearly every document has nothing to escape: then nothing is copied.
    if next_unsafe(&text, 0).is_some() {
        text = escape_json(&text);
    }
    text.push('\n');
    Ok(text)
}

/// The same in one line, without a line feed.
pub(crate) fn json_line<T: serde::Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    Ok(if next_unsafe(&text, 0).is_some() { escape_json(&text) } else { text })
}

/// JSON text with nothing in its strings that a terminal would obey or that XML forbids; its own line ends stay.
pub(crate) fn escape_json(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 64);
    let mut units = [0; 2];
    let mut done = 0;
    while let Some((at, character)) = next_unsafe(text, done) {
        result.push_str(&text[done..at]);
        for unit in character.encode_utf16(&mut units) {
            let _ = write!(result, "\\u{unit:04x}");
        }
        done = at + character.len_utf8();
    }
    result.push_str(&text[done..]);
    result
}

/// The first character from here on that JSON of ours does not hold as it is, and where it stands. `from` is the start of a character.
fn next_unsafe(text: &str, from: usize) -> Option<(usize, char)> {
    const STEP: usize = 32;
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        // Documents have megabytes of plain ASCII: many bytes are looked at in one go, without a branch for each.
        while let Some(chunk) = bytes.get(at..at + STEP) {
            let odd = chunk.iter().fold(0, |odd, byte| {
                odd | (u8::from(byte.wrapping_sub(b' ') > b'~' - b' ') & u8::from(*byte != b'\n'))
            });
            if odd != 0 {
                break;
            }
            at += STEP;
        }
        let end = (at + STEP).min(bytes.len());
        while at < end {
            if matches!(bytes[at], b'\n' | b' '..=b'~') {
                at += 1;
                continue;
            }
            let character = text[at..].chars().next()?;
            let is_unsafe = character != '\n' && unsafe_to_show(character);
            if is_unsafe || matches!(character, '\u{fffe}' | '\u{ffff}') {
                return Some((at, character));
            }
            at += character.len_utf8();
        }
        if at >= bytes.len() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaned() {
        for (raw, expected) in [
            ("lodash", "lodash"),
            ("a\u{1b}[31mb", "a\\x1b[31mb"),
            ("a\nb\tc", "a\\nb\\tc"),
            ("a\u{202e}b\u{9b}", "a\\u{202e}b\\x9b"),
            ("größe 日本", "größe 日本"),
        ] {
            assert_eq!(clean(raw), expected);
        }
    }

    #[test]
    fn shortened_in_the_middle() {
        assert_eq!(shorten("web/package-lock.json", 21), "web/package-lock.json");
        assert_eq!(shorten("opt/very/long/path/package-lock.json", 20), "opt/ve…age-lock.json");
        assert!(columns(&shorten("日本語日本語日本語", 8)) <= 8);
        assert_eq!(shorten("abc", 0), "…");
    }

    #[test]
    fn paths_give_way_by_components() {
        for (path, limit, expected) in [
            ("/usr/local/bin/api (layer 4)", 24, "/usr/…/bin/api (layer 4)"),
            ("web/package-lock.json:812", 24, "…/package-lock.json:812"),
            ("github.com/golang-jwt/jwt/v4", 22, "github.com/…/jwt/v4"),
            ("a/b", 3, "a/b"),
            ("averyveryverylongname", 9, "av…ngname"),
        ] {
            assert_eq!(shorten_path(path, limit), expected);
        }
    }

    #[test]
    fn wrapped() {
        assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("abcdefghij k", 5), ["a…hij", "k"]);
    }

    #[test]
    fn counted() {
        assert_eq!(count(1, "layer", "layers"), "1 layer");
        assert_eq!(count(12_345, "layer", "layers"), "12,345 layers");
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_000_000), "1,000,000");
        assert_eq!(listing(&["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(percent(94_321), "94 %");
        assert_eq!(percent(340), "0.3 %");
    }

    #[test]
    fn ages() {
        let now = "2026-11-23T18:00:00Z".parse().unwrap();
        for (date, expected) in [
            ("2026-11-23T12:00:00Z", "6 h old"),
            ("2026-11-23T17:59:30Z", "new"),
            ("2026-11-23T17:00:01Z", "59 min old"),
            ("2026-10-23T12:00:00Z", "31 days old"),
            ("2026-12-23T12:00:00Z", "dated in the future"),
            ("2026-11-23", "of today"),
            ("2026-11-22", "1 day old"),
            ("2026-11-13", "10 days old"),
        ] {
            assert_eq!(age(date, now).as_deref(), Some(expected), "{date}");
        }
        for date in ["", "yesterday", "2026-13-45", "日本語日本語"] {
            assert_eq!(age(date, now), None, "{date}");
        }
    }

    #[test]
    fn markdown_shows_text_as_it_is() {
        for (raw, expected) in [
            ("lodash 4.17.21", "lodash 4.17.21"),
            ("@team see #12 <b>", "@<!-- -->team see \\#<!-- -->12 &lt;b&gt;"),
            ("[x](http://a) *b* | c", "\\[x\\](http:<!-- -->//a) \\*b\\* \\| c"),
        ] {
            assert_eq!(markdown_text(raw), expected);
        }
        for (raw, expected) in
            [("a|b", "`a\\|b`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("", ""), ("a\nb", "`a\\nb`")]
        {
            assert_eq!(markdown_code(raw), expected);
        }
    }

    #[test]
    fn shell_words() {
        assert_eq!(shell_word("oci:shop-web"), "oci:shop-web");
        assert_eq!(shell_word("my image; rm"), "'my image; rm'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
    }

    /// As it was before it was fast: a character at a time.
    fn escaped_slowly(text: &str) -> String {
        let mut result = String::new();
        for character in text.chars() {
            if character != '\n' && unsafe_to_show(character) || matches!(character, '\u{fffe}' | '\u{ffff}')
            {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(result, "\\u{unit:04x}");
                }
            } else {
                result.push(character);
            }
        }
        result
    }

    proptest::proptest! {
        #[test]
        fn escaping_is_the_same_at_every_place(
            plain in 0_usize..70,
            text in "[ -~é日\n\u{7f}\u{9b}\u{202e}\u{e0001}\u{fffe}\u{ffff}😀]{0,80}",
        ) {
            let text = format!("{}{text}", "x".repeat(plain));
            proptest::prop_assert_eq!(escape_json(&text), escaped_slowly(&text));
        }
    }

    #[test]
    fn json_holds_nothing_that_a_terminal_obeys() {
        let text = json(&"a\u{1b}\u{9b}\u{202e}\u{e0001}é").unwrap();
        assert!(!text.trim_end().chars().any(unsafe_to_show), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), "a\u{1b}\u{9b}\u{202e}\u{e0001}é");
    }
}
