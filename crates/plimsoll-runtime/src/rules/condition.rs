//! The language of conditions: text to expressions.
//!
//! Expressions lie in one vector, parts before wholes: whoever follows them needs a loop and no recursion, and nothing
//! depends on how deep the text nests.

use std::fmt;

/// Bytes of one condition, with what was appended.
const LONGEST: usize = 1 << 20;

/// Parentheses inside parentheses.
const DEEPEST: usize = 1000;

/// An expression of a [`Condition`]: a place in its vector.
pub(super) type ExpressionId = usize;

/// A condition as it was written: macros and lists are still names.
#[derive(Debug)]
pub(super) struct Condition {
    /// Parts before wholes; the last one is the whole.
    pub(super) expressions: Vec<Expression>,
}

#[derive(Debug)]
pub(super) enum Expression {
    And(Vec<ExpressionId>),
    Or(Vec<ExpressionId>),
    Not(ExpressionId),
    Check(Check),
    Macro { name: String, offset: usize },
}

/// A comparison.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) left: Operand,
    pub(super) operator: Operator,
    pub(super) right: Right,
    /// Where the comparison begins, in bytes of the text.
    pub(super) offset: usize,
}

/// A field, and what is made of its value before it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Operand {
    /// The innermost first.
    pub(super) transformers: Vec<Transformer>,
    pub(super) field: String,
    pub(super) argument: Option<String>,
}

#[derive(Debug)]
pub(super) enum Right {
    Nothing,
    Word(Word),
    Words(Vec<Word>),
    Field(Operand),
}

/// A value as it was written.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    /// A word in quotes is never the name of a list.
    pub(super) quoted: bool,
    pub(super) offset: usize,
}

/// Something wrong, and where in the text.
#[derive(Debug, PartialEq)]
pub(super) struct Mistake {
    pub(super) offset: usize,
    pub(super) message: String,
}

/// What is done to a field before it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transformer {
    /// `tolower()`
    Lower,
    /// `toupper()`
    Upper,
    /// `basename()`: what stands behind the last `/`.
    Basename,
    /// `b64()`: what the value says in base64. A value that is no base64 has none.
    Base64,
    /// `len()`: how many bytes a text has.
    Length,
}

const TRANSFORMERS: &[(&str, Transformer)] = &[
    ("tolower", Transformer::Lower),
    ("toupper", Transformer::Upper),
    ("basename", Transformer::Basename),
    ("b64", Transformer::Base64),
    ("len", Transformer::Length),
];

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `exists`
    Exists,
    /// `=` and `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `intersects`
    Intersects,
    /// `pmatch`: one of these paths, or below one of them.
    PathMatch,
    /// `contains`
    Contains,
    /// `icontains`: the same, upper and lower case of ASCII being one.
    ContainsFolded,
    /// `bcontains`: the bytes that the hexadecimal digits stand for.
    ContainsBytes,
    /// `startswith`
    StartsWith,
    /// `bstartswith`
    StartsWithBytes,
    /// `endswith`
    EndsWith,
    /// `glob`
    Glob,
    /// `iglob`
    GlobFolded,
    /// `regex`: the whole value.
    Regex,
}

/// What may stand on the right of an operator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Number,
    Text,
    List,
}

/// Longer signs before their beginnings.
const OPERATORS: &[(&str, Operator, Takes)] = &[
    ("exists", Operator::Exists, Takes::Nothing),
    ("<=", Operator::LessOrEqual, Takes::Number),
    ("<", Operator::Less, Takes::Number),
    (">=", Operator::GreaterOrEqual, Takes::Number),
    (">", Operator::Greater, Takes::Number),
    ("==", Operator::Equal, Takes::Text),
    ("=", Operator::Equal, Takes::Text),
    ("!=", Operator::NotEqual, Takes::Text),
    ("glob", Operator::Glob, Takes::Text),
    ("iglob", Operator::GlobFolded, Takes::Text),
    ("contains", Operator::Contains, Takes::Text),
    ("icontains", Operator::ContainsFolded, Takes::Text),
    ("bcontains", Operator::ContainsBytes, Takes::Text),
    ("startswith", Operator::StartsWith, Takes::Text),
    ("bstartswith", Operator::StartsWithBytes, Takes::Text),
    ("endswith", Operator::EndsWith, Takes::Text),
    ("regex", Operator::Regex, Takes::Text),
    ("intersects", Operator::Intersects, Takes::List),
    ("in", Operator::In, Takes::List),
    ("pmatch", Operator::PathMatch, Takes::List),
];

impl Operator {
    /// The operator of that name, as exceptions give it.
    pub(super) fn named(name: &str) -> Option<Self> {
        OPERATORS.iter().find(|(text, ..)| *text == name).map(|row| row.1)
    }

    /// Whether a list stands on its right.
    pub(super) fn takes_list(self) -> bool {
        OPERATORS.iter().any(|row| row.1 == self && row.2 == Takes::List)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = OPERATORS.iter().filter(|row| row.1 == *self).map(|row| row.0);
        formatter.write_str(names.next_back().expect("every operator has a row"))
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for transformer in self.transformers.iter().rev() {
            let name = TRANSFORMERS.iter().find(|row| row.1 == *transformer).map_or("", |row| row.0);
            write!(formatter, "{name}(")?;
        }
        formatter.write_str(&self.field)?;
        if let Some(argument) = &self.argument {
            write!(formatter, "[{argument}]")?;
        }
        self.transformers.iter().try_for_each(|_| formatter.write_str(")"))
    }
}

/// What is between two parentheses: complete groups of `or`, the parts of the group of `and` that goes on, and whether
/// the next part is negated.
#[derive(Default)]
struct Open {
    groups: Vec<ExpressionId>,
    parts: Vec<ExpressionId>,
    negated: bool,
    offset: usize,
}

impl Condition {
    /// Reads a condition.
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        if text.len() > LONGEST {
            let message = format!("a condition is longer than {LONGEST} bytes");
            return Err(Mistake { offset: 0, message });
        }
        let mut reader = Reader { text, at: 0 };
        let mut condition = Self { expressions: Vec::new() };
        let mut open = vec![Open::default()];
        'operand: loop {
            reader.blank();
            let level = open.last_mut().expect("never empty: the first one is closed at the end");
            if reader.word("not") {
                level.negated ^= true;
                continue;
            }
            let offset = reader.at;
            if reader.sign("(") {
                if open.len() > DEEPEST {
                    return Err(reader.mistake(format!("parentheses nest deeper than {DEEPEST}")));
                }
                open.push(Open { offset, ..Open::default() });
                continue;
            }
            let mut part = condition.add(reader.check()?);
            loop {
                let level = open.last_mut().expect("never empty: the first one is closed at the end");
                if std::mem::take(&mut level.negated) {
                    part = condition.add(Expression::Not(part));
                }
                level.parts.push(part);
                reader.blank();
                if reader.word("and") {
                    continue 'operand;
                }
                if reader.word("or") {
                    let parts = std::mem::take(&mut level.parts);
                    let group = condition.join(parts, Expression::And);
                    level.groups.push(group);
                    continue 'operand;
                }
                let ended = reader.at == text.len();
                if !ended && !reader.sign(")") {
                    return Err(
                        reader.mistake(format!("expected `and`, `or` or `)`, found {}", reader.next()))
                    );
                }
                if ended != (open.len() == 1) {
                    let innermost = open.last().map_or(0, |level| level.offset);
                    return Err(if ended {
                        Mistake { offset: innermost, message: "this `(` is never closed".to_owned() }
                    } else {
                        Mistake { offset: reader.at - 1, message: "this `)` closes nothing".to_owned() }
                    });
                }
                let Some(Open { mut groups, parts, .. }) = open.pop() else { break 'operand };
                groups.push(condition.join(parts, Expression::And));
                part = condition.join(groups, Expression::Or);
                if ended {
                    break 'operand;
                }
            }
        }
        Ok(condition)
    }

    fn add(&mut self, expression: Expression) -> ExpressionId {
        self.expressions.push(expression);
        self.expressions.len() - 1
    }

    /// One expression of several; the last one added is always the one returned, so that the whole ends up last.
    fn join(&mut self, parts: Vec<ExpressionId>, join: fn(Vec<ExpressionId>) -> Expression) -> ExpressionId {
        match parts[..] {
            [part] => part,
            _ => self.add(join(parts)),
        }
    }
}

/// The text and how far it is read.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x08)
}

fn is_bare(byte: u8) -> bool {
    !is_blank(byte) && !matches!(byte, b'(' | b')' | b'"' | b'\'' | b'=' | b',' | 0x0b | 0x0c)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn mistake(&self, message: String) -> Mistake {
        Mistake { offset: self.at.min(self.text.len()), message }
    }

    /// What stands next, for messages.
    fn next(&self) -> String {
        if self.at >= self.text.len() {
            return "the end".to_owned();
        }
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len()).max(1);
        let end = (end..=rest.len()).find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
        format!("`{}`", plimsoll_model::shortened(&rest[..end]))
    }

    fn blank(&mut self) -> bool {
        let count = self.rest().iter().take_while(|byte| is_blank(**byte)).count();
        self.at += count;
        count > 0
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign.as_bytes());
        if found {
            self.at += sign.len();
        }
        found
    }

    /// A word that is followed by a blank or a parenthesis.
    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let found = rest.starts_with(word.as_bytes())
            && rest.get(word.len()).is_some_and(|byte| is_blank(*byte) || *byte == b'(');
        if found {
            self.at += word.len();
        }
        found
    }

    fn take(&mut self, accept: impl Fn(u8) -> bool) -> &'a str {
        let count = self.rest().iter().take_while(|byte| accept(**byte)).count();
        let start = self.at;
        self.at += count;
        // Only ASCII ends what is accepted, so that both ends stand between characters.
        &self.text[start..self.at]
    }

    fn check(&mut self) -> Result<Expression, Mistake> {
        let offset = self.at;
        let begun = self.at;
        if let Some(left) = self.operand()? {
            return self.comparison(left, offset);
        }
        self.at = begun;
        let name = self.name();
        if name.is_empty() {
            return Err(self.mistake(format!("expected `(`, a field or a macro, found {}", self.next())));
        }
        Ok(Expression::Macro { name: name.to_owned(), offset })
    }

    /// A name without dots.
    fn name(&mut self) -> &'a str {
        if self.rest().first().is_some_and(u8::is_ascii_alphabetic) { self.take(is_name) } else { "" }
    }

    /// A field, within transformers or not; nothing when neither stands here.
    fn operand(&mut self) -> Result<Option<Operand>, Mistake> {
        let mut transformers = Vec::new();
        loop {
            let begun = self.at;
            let name = self.name();
            let transformer = TRANSFORMERS.iter().find(|row| row.0 == name).map(|row| row.1);
            let Some(transformer) = transformer.filter(|_| self.sign("(")) else {
                self.at = begun;
                break;
            };
            if transformers.len() >= 16 {
                return Err(self.mistake("more than 16 transformers around a field".to_owned()));
            }
            transformers.insert(0, transformer);
            self.blank();
        }
        let Some((field, argument)) = self.field()? else {
            if transformers.is_empty() {
                return Ok(None);
            }
            return Err(self.mistake(format!("expected a field, found {}", self.next())));
        };
        for _ in &transformers {
            self.blank();
            if !self.sign(")") {
                return Err(self.mistake(format!("expected the `)` of a transformer, found {}", self.next())));
            }
        }
        Ok(Some(Operand { transformers, field: field.to_owned(), argument }))
    }

    /// A field and its argument: a name with at least one dot.
    fn field(&mut self) -> Result<Option<(&'a str, Option<String>)>, Mistake> {
        let begun = self.at;
        if self.name().is_empty() {
            return Ok(None);
        }
        let mut dots = 0;
        while self.rest().first() == Some(&b'.') && self.rest().get(1).is_some_and(u8::is_ascii_alphabetic) {
            self.at += 1;
            self.name();
            dots += 1;
        }
        if dots == 0 {
            self.at = begun;
            return Ok(None);
        }
        let field = &self.text[begun..self.at];
        if !self.sign("[") {
            return Ok(Some((field, None)));
        }
        let argument = match self.quoted()? {
            Some(text) => text,
            None => {
                self.take(|byte| !is_blank(byte) && !matches!(byte, b'[' | b']' | b'"' | b'\'')).to_owned()
            }
        };
        if argument.is_empty() {
            return Err(self.mistake(format!("expected the argument of `{field}`, found {}", self.next())));
        }
        if !self.sign("]") {
            return Err(self.mistake(format!("expected the `]` of `{field}`, found {}", self.next())));
        }
        Ok(Some((field, Some(argument))))
    }

    fn comparison(&mut self, left: Operand, offset: usize) -> Result<Expression, Mistake> {
        self.blank();
        let found = OPERATORS.iter().find(|(text, ..)| {
            self.rest().starts_with(text.as_bytes())
                && (!is_name(text.as_bytes()[0])
                    || self.rest().get(text.len()).is_none_or(|byte| !is_name(*byte) && *byte != b'.'))
        });
        let Some((text, operator, takes)) = found else {
            return Err(self.mistake(format!("expected an operator behind `{left}`, found {}", self.next())));
        };
        self.at += text.len();
        self.blank();
        let right = if *takes == Takes::Nothing {
            Right::Nothing
        } else if let Some(field) = self.right_field()? {
            Right::Field(field)
        } else if *takes == Takes::List {
            self.list()?
        } else {
            let word = self.value()?;
            if *takes == Takes::Number && number(&word.text).is_none() {
                let message =
                    format!("`{operator}` takes a number, not `{}`", plimsoll_model::shortened(&word.text));
                return Err(Mistake { offset: word.offset, message });
            }
            Right::Word(word)
        };
        Ok(Expression::Check(Check { left, operator: *operator, right, offset }))
    }

    /// `val(field)` or a field within a transformer.
    fn right_field(&mut self) -> Result<Option<Operand>, Mistake> {
        let begun = self.at;
        if self.sign("val(") {
            self.blank();
            let Some((field, argument)) = self.field()? else {
                return Err(self.mistake(format!("expected a field in `val()`, found {}", self.next())));
            };
            self.blank();
            if !self.sign(")") {
                return Err(self.mistake(format!("expected the `)` of `val`, found {}", self.next())));
            }
            return Ok(Some(Operand { transformers: Vec::new(), field: field.to_owned(), argument }));
        }
        let name = self.name();
        let transformed = TRANSFORMERS.iter().any(|row| row.0 == name) && self.rest().first() == Some(&b'(');
        self.at = begun;
        if transformed { self.operand() } else { Ok(None) }
    }

    fn value(&mut self) -> Result<Word, Mistake> {
        let offset = self.at;
        if let Some(text) = self.quoted()? {
            return Ok(Word { text, quoted: true, offset });
        }
        let text = self.take(is_bare);
        if text.is_empty() {
            return Err(self.mistake(format!("expected a value, found {}", self.next())));
        }
        Ok(Word { text: text.to_owned(), quoted: false, offset })
    }

    fn list(&mut self) -> Result<Right, Mistake> {
        if !self.sign("(") {
            let offset = self.at;
            let name = self.take(is_bare);
            if name.is_empty() {
                return Err(self.mistake(format!("expected a list, found {}", self.next())));
            }
            return Ok(Right::Words(vec![Word { text: name.to_owned(), quoted: false, offset }]));
        }
        let mut words = Vec::new();
        self.blank();
        if self.sign(")") {
            return Ok(Right::Words(words));
        }
        loop {
            self.blank();
            words.push(self.value()?);
            self.blank();
            if self.sign(")") {
                return Ok(Right::Words(words));
            }
            if !self.sign(",") {
                return Err(self.mistake(format!("expected `,` or `)` in a list, found {}", self.next())));
            }
        }
    }

    /// A text in quotes, without them.
    fn quoted(&mut self) -> Result<Option<String>, Mistake> {
        let Some(quote @ (b'"' | b'\'')) = self.rest().first().copied() else { return Ok(None) };
        match unquote(self.rest(), quote) {
            Some((text, length)) => {
                self.at += length;
                Ok(Some(text))
            }
            None => Err(self.mistake("this quote is never closed".to_owned())),
        }
    }
}

/// What stands between the quote that `bytes` begin with and its end, and how many bytes that took.
fn unquote(bytes: &[u8], quote: u8) -> Option<(String, usize)> {
    let mut text = Vec::new();
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            byte if byte == quote => break,
            b'\\' => {
                let byte = *bytes.get(at + 1)?;
                match byte {
                    b'n' => text.push(b'\n'),
                    b't' => text.push(b'\t'),
                    b'r' => text.push(b'\r'),
                    b'b' => text.push(0x08),
                    b'f' => text.push(0x0c),
                    b'\\' | b'"' | b'\'' | b'/' => text.push(byte),
                    _ => text.extend([b'\\', byte]),
                }
                at += 2;
            }
            byte => {
                text.push(byte);
                at += 1;
            }
        }
    }
    Some((String::from_utf8(text).ok()?, at + 1))
}

/// An item of a list, or a value of an exception, as a word: both may carry quotes of their own.
pub(super) fn item(text: &str, offset: usize) -> Word {
    let text = text.trim();
    if let Some(quote @ (b'"' | b'\'')) = text.bytes().next()
        && let Some((inner, length)) = unquote(text.as_bytes(), quote)
        && length == text.len()
    {
        return Word { text: inner, quoted: true, offset };
    }
    Word { text: text.to_owned(), quoted: false, offset }
}

/// A whole number, decimal or hexadecimal.
pub(super) fn number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) if hexadecimal.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            i128::from(u64::from_str_radix(hexadecimal, 16).ok()?)
        }
        None if digits.bytes().all(|byte| byte.is_ascii_digit()) => i128::from(digits.parse::<u64>().ok()?),
        _ => return None,
    };
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

#[cfg(test)]
mod tests {
    use super::{Condition, Expression, Right, item, number};

    /// An expression with all its parentheses.
    fn shown(text: &str) -> Result<String, (usize, String)> {
        let condition = Condition::parse(text).map_err(|mistake| (mistake.offset, mistake.message))?;
        let mut texts: Vec<String> = Vec::new();
        for expression in &condition.expressions {
            let join = |parts: &[usize], by: &str| {
                format!("({})", parts.iter().map(|part| texts[*part].as_str()).collect::<Vec<_>>().join(by))
            };
            texts.push(match expression {
                Expression::And(parts) => join(parts, " and "),
                Expression::Or(parts) => join(parts, " or "),
                Expression::Not(part) => format!("not {}", texts[*part]),
                Expression::Macro { name, .. } => name.clone(),
                Expression::Check(check) => {
                    let right = match &check.right {
                        Right::Nothing => String::new(),
                        Right::Word(word) => format!(" {:?}", word.text),
                        Right::Words(words) => {
                            format!(" {:?}", words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>())
                        }
                        Right::Field(field) => format!(" val({field})"),
                    };
                    format!("{} {}{right}", check.left, check.operator)
                }
            });
        }
        Ok(texts.pop().unwrap())
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
    }

    #[track_caller]
    fn fails(text: &str, offset: usize, message: &str) {
        let (at, told) = shown(text).unwrap_err();
        assert!(told.contains(message), "{text}: {told}");
        assert_eq!(at, offset, "{text}: {told}");
    }

    #[test]
    fn and_binds_closer_than_or_and_not_closest() {
        check("a or b and not c", "(a or (b and not c))");
        check("(a or b) and not(c)", "((a or b) and not c)");
        check("not not a", "a");
        check("not (a or b) and c", "(not (a or b) and c)");
        check("a and(b or(c))", "(a and (b or c))");
        // `android` is a name, and no `and`.
        check("android or order or nothing", "(android or order or nothing)");
    }

    #[test]
    fn comparisons_of_every_kind() {
        check("proc.name=sh", "proc.name = \"sh\"");
        check("proc.name==sh", "proc.name = \"sh\"");
        check("evt.dir = <", "evt.dir = \"<\"");
        check("fd.num>=0", "fd.num >= \"0\"");
        check("proc.aname[2] in (a, 'b c', \"d\\\"e\")", r#"proc.aname[2] in ["a", "b c", "d\"e"]"#);
        check("proc.name in shell_binaries", "proc.name in [\"shell_binaries\"]");
        check("proc.pname in (runc:[0:PARENT], exe)", r#"proc.pname in ["runc:[0:PARENT]", "exe"]"#);
        check("not proc.pname exists", "not proc.pname exists");
        check("proc.args=\"\"", "proc.args = \"\"");
        check("container.mount.dest[/proc*] in (\"N/A\")", "container.mount.dest[/proc*] in [\"N/A\"]");
        check("tolower(basename(fd.name)) = val(proc.name)", "tolower(basename(fd.name)) = val(proc.name)");
        check("proc.name in ()", "proc.name in []");
        check("fd.name regex '^/a.*$'", "fd.name regex \"^/a.*$\"");
        check(
            "proc.cmdline contains 'a' and fd.name pmatch(/etc)",
            "(proc.cmdline contains \"a\" and fd.name pmatch [\"/etc\"])",
        );
    }

    #[test]
    fn mistakes_have_a_place() {
        fails("", 0, "found the end");
        fails("a and", 2, "expected `and`, `or` or `)`, found `and`");
        fails("a and ", 6, "found the end");
        fails("(a or (b and c)", 0, "never closed");
        fails("a or b)", 6, "closes nothing");
        fails("proc.name is sh", 10, "expected an operator behind `proc.name`, found `is`");
        fails("proc.name in (a, b", 18, "expected `,` or `)`");
        fails("fd.num > many", 9, "takes a number");
        fails("proc.name = 'sh", 12, "never closed");
        fails("proc.aname[", 11, "the argument of `proc.aname`");
        fails("tolower(5) = 1", 8, "expected a field");
        fails("a b", 2, "expected `and`");
        fails("proc.name = \u{e4}\u{e4}, 1", 16, "expected `and`");
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        check(&deep(1000), "a");
        assert!(shown(&deep(100_000)).unwrap_err().1.contains("deeper"));
        assert!(shown(&"not ".repeat(300_000)).unwrap_err().1.contains("longer"));
        check(&format!("{}a", "not ".repeat(100_001)), "not a");
    }

    #[test]
    fn items_and_numbers() {
        assert_eq!(
            (item("\"(systemd)\"", 0).text.as_str(), item("a b", 0).text.as_str()),
            ("(systemd)", "a b")
        );
        assert_eq!(item("\"a", 0).text, "\"a");
        let check = |text: &str, expected| assert_eq!(number(text), expected, "{text}");
        check("-115", Some(-115));
        check("0xCa", Some(202));
        check("0x", None);
        check("", None);
        check("18446744073709551615", None);
        check("-9223372036854775808", Some(i64::MIN));
        check("1.5", None);
    }
}
