//! Text to syntax tree: the grammar of the language definition (`doc/langdef.md` of cel-spec), with optional selection
//! and names in backticks. Macros stay calls here; [`crate::compile`] knows them.
//!
//! The tree lies in one vector, children before parents, and every node knows how deep it is: nothing that comes after
//! the parser can be made to recurse deeper than [`DEEPEST`].

use crate::error::Mistake;

/// Longest text in bytes.
pub(crate) const LONGEST: usize = 100_000;
/// Deepest nesting of expressions, parentheses included.
pub(crate) const DEEPEST: u16 = 200;

/// A node, by its place.
pub(crate) type Id = u32;

/// An element of a list, an entry of a map: with `?` before it, it is left out when its value is an empty optional.
pub(crate) type Optional = bool;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    /// A name; with a dot before it, one of the outermost scope.
    Name {
        name: String,
        absolute: bool,
    },
    Select {
        operand: Id,
        field: String,
        optional: Optional,
    },
    Index {
        operand: Id,
        index: Id,
        optional: Optional,
    },
    /// A call of a function by its name.
    Call {
        name: String,
        arguments: Vec<Id>,
        absolute: bool,
    },
    /// A call of a function on a value, or of one with a dotted name.
    Method {
        target: Id,
        name: String,
        arguments: Vec<Id>,
    },
    List(Vec<(Id, Optional)>),
    Map(Vec<(Id, Id, Optional)>),
    /// A message, which nothing here can make.
    Message,
    Not(Id),
    Negate(Id),
    Binary(Operator, Id, Id),
    /// All operands of one chain.
    And(Vec<Id>),
    Or(Vec<Id>),
    Conditional(Id, Id, Id),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

impl Operator {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::In => "in",
        }
    }
}

#[derive(Debug)]
struct Node {
    expression: Expression,
    at: u32,
    depth: u16,
}

/// A parsed text.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    pub(crate) root: Id,
}

impl Tree {
    pub(crate) fn expression(&self, id: Id) -> &Expression {
        &self.nodes[id as usize].expression
    }

    pub(crate) fn at(&self, id: Id) -> u32 {
        self.nodes[id as usize].at
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Int(String),
    Uint(String),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    Name(String),
    /// A name in backticks: of a field only.
    Quoted(String),
    Sign(&'static str),
    End,
}

/// Names that are no identifiers. The first four are none after a dot either.
const RESERVED: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// What an operator makes of its operands.
#[derive(Clone, Copy)]
enum Join {
    Operator(Operator),
    /// All operands of one chain at once.
    Logic(&'static str),
}

/// How strongly the operators bind.
const OPERATORS: &[(&str, Join, u8)] = &[
    ("||", Join::Logic("||"), 1),
    ("&&", Join::Logic("&&"), 2),
    ("==", Join::Operator(Operator::Equal), 3),
    ("!=", Join::Operator(Operator::NotEqual), 3),
    ("<", Join::Operator(Operator::Less), 3),
    ("<=", Join::Operator(Operator::LessOrEqual), 3),
    (">", Join::Operator(Operator::Greater), 3),
    (">=", Join::Operator(Operator::GreaterOrEqual), 3),
    ("in", Join::Operator(Operator::In), 3),
    ("+", Join::Operator(Operator::Add), 4),
    ("-", Join::Operator(Operator::Subtract), 4),
    ("*", Join::Operator(Operator::Multiply), 5),
    ("/", Join::Operator(Operator::Divide), 5),
    ("%", Join::Operator(Operator::Remainder), 5),
];

/// The longer ones first.
const SIGNS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "+", "-", "*", "/", "%", "<", ">", "!", "?", ":", ".", ",", "(", ")",
    "[", "]", "{", "}",
];

fn tokens(text: &str) -> Result<Vec<(Token, u32)>, Mistake> {
    if text.len() > LONGEST {
        return Err(Mistake::new(0, format!("the expression is longer than {LONGEST} bytes")));
    }
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = place(at);
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => at += 1,
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at = text[at..].find('\n').map_or(text.len(), |length| at + length);
            }
            b'0'..=b'9' => at = number(text, at, &mut out)?,
            b'.' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) && !follows_operand(&out) => {
                at = number(text, at, &mut out)?;
            }
            b'"' | b'\'' => at = quoted(text, at, at, &mut out)?,
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let end = at + bytes[at..].iter().take_while(|byte| word(byte)).count();
                let name = &text[at..end];
                let prefix = matches!(name.to_ascii_lowercase().as_str(), "r" | "b" | "br")
                    && matches!(bytes.get(end), Some(b'"' | b'\''));
                if prefix {
                    at = quoted(text, at, end, &mut out)?;
                } else {
                    out.push((Token::Name(name.to_owned()), start));
                    at = end;
                }
            }
            b'`' => {
                let length =
                    text[at + 1..].find('`').ok_or_else(|| Mistake::new(start, "a ` is not closed"))?;
                let name = &text[at + 1..at + 1 + length];
                let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/ ".contains(&byte);
                if name.is_empty() || !name.bytes().all(fits) {
                    return Err(Mistake::new(
                        start,
                        "a name in backticks has letters, digits and _ . - / only",
                    ));
                }
                out.push((Token::Quoted(name.to_owned()), start));
                at += length + 2;
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| text[at..].starts_with(**sign)).ok_or_else(|| {
                    let character = text[at..].chars().next().unwrap_or_default();
                    let message = format!("`{}` has no meaning here", character.escape_debug());
                    let mistake = Mistake::new(start, message);
                    match character {
                        '=' => mistake.hint("equality is =="),
                        '&' | '|' => mistake.hint("logic is && and ||"),
                        _ => mistake,
                    }
                })?;
                out.push((Token::Sign(sign), start));
                at += sign.len();
            }
        }
    }
    out.push((Token::End, place(text.len())));
    Ok(out)
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Whether a dot now selects a field: `a.5` is no number, ` .5` is one.
fn follows_operand(tokens: &[(Token, u32)]) -> bool {
    match tokens.last() {
        Some((Token::Name(name), _)) => name != "in",
        Some((Token::Sign(sign), _)) => matches!(*sign, ")" | "]" | "}"),
        Some((Token::End, _)) | None => false,
        Some(_) => true,
    }
}

fn number(text: &str, start: usize, out: &mut Vec<(Token, u32)>) -> Result<usize, Mistake> {
    let bytes = text.as_bytes();
    let digits = |from: usize, hexadecimal: bool| {
        let fits = |byte: &&u8| if hexadecimal { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        from + bytes[from..].iter().take_while(fits).count()
    };
    let mut end;
    let mut double = false;
    if bytes[start] == b'0' && matches!(bytes.get(start + 1), Some(b'x' | b'X')) {
        end = digits(start + 2, true);
        if end == start + 2 {
            return Err(Mistake::new(place(start), "0x is followed by no hexadecimal digits"));
        }
    } else {
        end = digits(start, false);
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            double = true;
            end = digits(end + 1, false);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let after = digits(end + 1 + sign, false);
            if after > end + 1 + sign {
                double = true;
                end = after;
            }
        }
    }
    let written = &text[start..end];
    let token = if double {
        let value: f64 =
            written.parse().map_err(|_| Mistake::new(place(start), format!("`{written}` is no number")))?;
        if value.is_infinite() {
            return Err(Mistake::new(place(start), "the number is too large for a double"));
        }
        Token::Double(value)
    } else if matches!(bytes.get(end), Some(b'u' | b'U')) {
        end += 1;
        Token::Uint(written.to_owned())
    } else {
        Token::Int(written.to_owned())
    };
    if bytes.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return Err(Mistake::new(place(end), "a number is followed by letters"));
    }
    out.push((token, place(start)));
    Ok(end)
}

/// A text or bytes; `start` is the prefix, `at` the quote.
fn quoted(text: &str, start: usize, at: usize, out: &mut Vec<(Token, u32)>) -> Result<usize, Mistake> {
    let prefix = text[start..at].to_ascii_lowercase();
    let (raw, is_bytes) = (prefix.contains('r'), prefix.contains('b'));
    let quote = &text[at..=at];
    let triple = text[at..].starts_with(&quote.repeat(3));
    let close = if triple { quote.repeat(3) } else { quote.to_owned() };
    let mut value = Vec::new();
    let mut rest = at + close.len();
    loop {
        let tail = &text[rest..];
        if tail.starts_with(&close) {
            rest += close.len();
            break;
        }
        let Some(character) = tail.chars().next() else {
            return Err(Mistake::new(place(start), "the text is not closed"));
        };
        match character {
            '\n' | '\r' if !triple => {
                return Err(Mistake::new(place(start), "the text is not closed on its line")
                    .hint("texts of several lines stand in \"\"\""));
            }
            '\\' if !raw => rest += escape(tail, place(rest), is_bytes, &mut value)?,
            _ => {
                let mut buffer = [0; 4];
                value.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                rest += character.len_utf8();
            }
        }
    }
    let token = if is_bytes {
        Token::Bytes(value)
    } else {
        let value =
            String::from_utf8(value).map_err(|_| Mistake::new(place(start), "the text is not UTF-8"))?;
        Token::String(value)
    };
    out.push((token, place(start)));
    Ok(rest)
}

/// Reads one escape into `value`; says how long it is.
fn escape(tail: &str, at: u32, is_bytes: bool, value: &mut Vec<u8>) -> Result<usize, Mistake> {
    let wrong = || {
        Mistake::new(at, "this escape is none of \\a \\b \\f \\n \\r \\t \\v \\\\ \\? \\\" \\' \\` \\x41 \\101 \\u0041 \\U00000041")
            .hint("a backslash itself is \\\\, or write a raw text: r'...'")
    };
    let kind = *tail.as_bytes().get(1).ok_or_else(wrong)?;
    let plain = match kind {
        b'a' => Some(0x07),
        b'b' => Some(0x08),
        b'f' => Some(0x0c),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'v' => Some(0x0b),
        b'\\' | b'?' | b'"' | b'\'' | b'`' => Some(kind),
        _ => None,
    };
    if let Some(byte) = plain {
        value.push(byte);
        return Ok(2);
    }
    let (skip, length, radix) = match kind {
        b'x' | b'X' => (2, 2, 16),
        b'u' => (2, 4, 16),
        b'U' => (2, 8, 16),
        b'0'..=b'3' => (1, 3, 8),
        _ => return Err(wrong()),
    };
    let digits = tail.get(skip..skip + length).ok_or_else(wrong)?;
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(wrong());
    }
    let code = u32::from_str_radix(digits, radix).map_err(|_| wrong())?;
    if is_bytes {
        if matches!(kind, b'u' | b'U') {
            return Err(
                Mistake::new(at, "\\u is no escape in bytes").hint("write \\x with two digits for each byte")
            );
        }
        value.push(u8::try_from(code).map_err(|_| wrong())?);
    } else {
        let character = char::from_u32(code)
            .ok_or_else(|| Mistake::new(at, format!("\\{}{digits} is no character", char::from(kind))))?;
        let mut buffer = [0; 4];
        value.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
    }
    Ok(skip + length)
}

/// Parses a text.
pub(crate) fn parse(text: &str) -> Result<Tree, Mistake> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, nodes: Vec::new(), open: 0 };
    let root = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(Tree { nodes: parser.nodes, root }),
        other => Err(parser.unexpected(&other.clone(), "the end or an operator")),
    }
}

struct Parser {
    tokens: Vec<(Token, u32)>,
    next: usize,
    nodes: Vec<Node>,
    /// How many expressions are being read one inside the other.
    open: u16,
}

impl Parser {
    fn peek(&self) -> &Token {
        // The last token is the end, and nobody goes beyond it.
        &self.tokens[self.next.min(self.tokens.len() - 1)].0
    }

    fn at(&self) -> u32 {
        self.tokens[self.next.min(self.tokens.len() - 1)].1
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Mistake> {
        if self.takes(sign) {
            return Ok(());
        }
        let found = self.peek().clone();
        Err(self.unexpected(&found, &format!("`{sign}`")))
    }

    fn unexpected(&self, found: &Token, wanted: &str) -> Mistake {
        let found = match found {
            Token::End => "the end".to_owned(),
            Token::Name(name) => format!("`{}`", shortened(name)),
            Token::Quoted(name) => format!("`{}` in backticks", shortened(name)),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::Int(_) | Token::Uint(_) | Token::Double(_) => "a number".to_owned(),
            Token::String(_) | Token::Bytes(_) => "a text".to_owned(),
        };
        Mistake::new(self.at(), format!("{wanted} is expected, not {found}"))
    }

    fn push(&mut self, at: u32, expression: Expression) -> Result<Id, Mistake> {
        let depth_of = |id: &Id| self.nodes[*id as usize].depth;
        let below = match &expression {
            Expression::Select { operand, .. } => depth_of(operand),
            Expression::Index { operand, index, .. } => depth_of(operand).max(depth_of(index)),
            Expression::Call { arguments, .. } => arguments.iter().map(depth_of).max().unwrap_or(0),
            Expression::Method { target, arguments, .. } => {
                arguments.iter().chain([target]).map(depth_of).max().unwrap_or(0)
            }
            Expression::List(list) => list.iter().map(|(id, _)| depth_of(id)).max().unwrap_or(0),
            Expression::Map(list) => {
                list.iter().map(|(key, value, _)| depth_of(key).max(depth_of(value))).max().unwrap_or(0)
            }
            Expression::Not(one) | Expression::Negate(one) => depth_of(one),
            Expression::Binary(_, one, two) => depth_of(one).max(depth_of(two)),
            Expression::And(all) | Expression::Or(all) => all.iter().map(depth_of).max().unwrap_or(0),
            Expression::Conditional(one, two, three) => depth_of(one).max(depth_of(two)).max(depth_of(three)),
            _ => 0,
        };
        let depth = below + 1;
        if depth > DEEPEST {
            return Err(too_deep(at));
        }
        self.nodes.push(Node { expression, at, depth });
        Ok(place(self.nodes.len() - 1))
    }

    /// One more level of whatever recurses here.
    fn enter(&mut self) -> Result<(), Mistake> {
        self.open += 1;
        if self.open > DEEPEST { Err(too_deep(self.at())) } else { Ok(()) }
    }

    fn expression(&mut self) -> Result<Id, Mistake> {
        self.enter()?;
        let condition = self.binary(1)?;
        let at = self.at();
        let out = if self.takes("?") {
            let yes = self.binary(1)?;
            self.expect(":")?;
            let no = self.expression()?;
            self.push(at, Expression::Conditional(condition, yes, no))?
        } else {
            condition
        };
        self.open -= 1;
        Ok(out)
    }

    /// Operands joined from the left by operators that bind at least as strongly as `least`.
    fn binary(&mut self, least: u8) -> Result<Id, Mistake> {
        self.enter()?;
        let mut left = self.unary()?;
        while let Some((join, strength)) = self.operator().filter(|(_, strength)| *strength >= least) {
            let at = self.at();
            self.next += 1;
            left = match join {
                Join::Operator(operator) => {
                    let right = self.binary(strength + 1)?;
                    self.push(at, Expression::Binary(operator, left, right))?
                }
                Join::Logic(sign) => {
                    let mut all = vec![left, self.binary(strength + 1)?];
                    while self.takes(sign) {
                        all.push(self.binary(strength + 1)?);
                    }
                    self.push(at, if sign == "&&" { Expression::And(all) } else { Expression::Or(all) })?
                }
            };
        }
        self.open -= 1;
        Ok(left)
    }

    /// The operator that comes next, and how strongly it binds.
    fn operator(&self) -> Option<(Join, u8)> {
        let written = match self.peek() {
            Token::Sign(sign) => sign,
            Token::Name(name) if name == "in" => "in",
            _ => return None,
        };
        OPERATORS.iter().find(|(sign, ..)| *sign == written).map(|(_, join, strength)| (*join, *strength))
    }

    fn unary(&mut self) -> Result<Id, Mistake> {
        let at = self.at();
        let mut count = 0_usize;
        if self.takes("!") {
            count += 1;
            while self.takes("!") {
                count += 1;
            }
            let operand = self.member(false)?;
            return if count.is_multiple_of(2) {
                Ok(operand)
            } else {
                self.push(at, Expression::Not(operand))
            };
        }
        while self.takes("-") {
            count += 1;
        }
        // The sign of a number belongs to it: the least int has no positive counterpart.
        let signed = count == 1 && matches!(self.peek(), Token::Int(_) | Token::Double(_));
        let operand = self.member(signed)?;
        if count.is_multiple_of(2) || signed {
            Ok(operand)
        } else {
            self.push(at, Expression::Negate(operand))
        }
    }

    fn member(&mut self, negative: bool) -> Result<Id, Mistake> {
        let mut operand = self.primary(negative)?;
        loop {
            let at = self.at();
            if self.takes(".") {
                let optional = self.takes("?");
                let (name, quoted) = match self.take() {
                    Token::Name(name) if !RESERVED[..4].contains(&name.as_str()) => (name, false),
                    Token::Quoted(name) => (name, true),
                    found => {
                        self.next -= 1;
                        return Err(self.unexpected(&found, "the name of a field or method"));
                    }
                };
                operand = if !quoted && !optional && self.takes("(") {
                    let arguments = self.arguments(")")?;
                    self.push(at, Expression::Method { target: operand, name, arguments })?
                } else if matches!(self.peek(), Token::Sign("{")) && self.is_name(operand) {
                    return self.message(at);
                } else {
                    self.push(at, Expression::Select { operand, field: name, optional })?
                };
            } else if self.takes("[") {
                let optional = self.takes("?");
                let index = self.expression()?;
                self.expect("]")?;
                operand = self.push(at, Expression::Index { operand, index, optional })?;
            } else if matches!(self.peek(), Token::Sign("{")) && self.is_name(operand) {
                return self.message(at);
            } else {
                return Ok(operand);
            }
        }
    }

    /// Whether it is a name, possibly with dots in it.
    fn is_name(&self, mut id: Id) -> bool {
        loop {
            match &self.nodes[id as usize].expression {
                Expression::Name { .. } => return true,
                Expression::Select { operand, optional: false, .. } => id = *operand,
                _ => return false,
            }
        }
    }

    fn message(&mut self, at: u32) -> Result<Id, Mistake> {
        let open = self.next;
        // Read over the fields so that what follows still parses.
        self.expect("{")?;
        let mut depth = 1_usize;
        while depth > 0 {
            match self.take() {
                Token::Sign("{") => depth += 1,
                Token::Sign("}") => depth -= 1,
                Token::End => {
                    self.next = open;
                    return Err(Mistake::new(self.at(), "a `{` is not closed"));
                }
                _ => {}
            }
        }
        self.push(at, Expression::Message)
    }

    fn arguments(&mut self, close: &'static str) -> Result<Vec<Id>, Mistake> {
        let mut out = Vec::new();
        if self.takes(close) {
            return Ok(out);
        }
        loop {
            out.push(self.expression()?);
            if self.takes(close) {
                return Ok(out);
            }
            if !self.takes(",") {
                let found = self.peek().clone();
                return Err(self.unexpected(&found, &format!("`,` or `{close}`")));
            }
        }
    }

    fn primary(&mut self, negative: bool) -> Result<Id, Mistake> {
        let at = self.at();
        match self.take() {
            Token::Int(digits) => {
                let value = whole(&digits, negative).ok_or_else(|| {
                    Mistake::new(at, format!("`{}` is too large for an int", shortened(&digits)))
                })?;
                self.push(at, Expression::Int(value))
            }
            Token::Uint(digits) => {
                let parsed = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
                    Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16),
                    None => digits.parse(),
                };
                let value = parsed.map_err(|_| {
                    Mistake::new(at, format!("`{}` is too large for a uint", shortened(&digits)))
                })?;
                self.push(at, Expression::Uint(value))
            }
            Token::Double(value) => self.push(at, Expression::Double(if negative { -value } else { value })),
            Token::String(value) => self.push(at, Expression::String(value)),
            Token::Bytes(value) => self.push(at, Expression::Bytes(value)),
            Token::Name(name) => match name.as_str() {
                "true" => self.push(at, Expression::Bool(true)),
                "false" => self.push(at, Expression::Bool(false)),
                "null" => self.push(at, Expression::Null),
                _ => self.name(at, name, false),
            },
            Token::Sign(".") => match self.take() {
                Token::Name(name) => self.name(at, name, true),
                found => {
                    self.next -= 1;
                    Err(self.unexpected(&found, "a name"))
                }
            },
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("[") => {
                let mut list = Vec::new();
                while !self.takes("]") {
                    let optional = self.takes("?");
                    list.push((self.expression()?, optional));
                    if !self.takes(",") {
                        self.expect("]")?;
                        break;
                    }
                }
                self.push(at, Expression::List(list))
            }
            Token::Sign("{") => {
                let mut entries = Vec::new();
                while !self.takes("}") {
                    let optional = self.takes("?");
                    let key = self.expression()?;
                    self.expect(":")?;
                    entries.push((key, self.expression()?, optional));
                    if !self.takes(",") {
                        self.expect("}")?;
                        break;
                    }
                }
                self.push(at, Expression::Map(entries))
            }
            found => {
                self.next -= 1;
                Err(self.unexpected(&found, "an expression"))
            }
        }
    }

    fn name(&mut self, at: u32, name: String, absolute: bool) -> Result<Id, Mistake> {
        if RESERVED.contains(&name.as_str()) {
            return Err(Mistake::new(at, format!("`{name}` is a reserved word")));
        }
        if self.takes("(") {
            let arguments = self.arguments(")")?;
            return self.push(at, Expression::Call { name, arguments, absolute });
        }
        self.push(at, Expression::Name { name, absolute })
    }
}

fn too_deep(at: u32) -> Mistake {
    Mistake::new(at, format!("the expression is nested deeper than {DEEPEST}"))
}

fn whole(digits: &str, negative: bool) -> Option<i64> {
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16).ok()?,
        None => digits.parse().ok()?,
    };
    let value = i128::from(value);
    i64::try_from(if negative { -value } else { value }).ok()
}

/// At most the beginning of something that somebody wrote.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain("...".chars()).collect()
}
