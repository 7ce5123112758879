//! Commands of a `RUN`: enough of the shell's grammar to see which programs are called with which words.
//!
//! Knows quotes, escapes, comments, lists, pipelines, groups, redirections, assignments and substitutions. It is no shell:
//! nothing is expanded, and loops and conditions are only the commands in them. One pass with a stack of its own.

/// What stands between two commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Joint {
    /// Beginning or end.
    #[default]
    Edge,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`
    Pipe,
    /// `;`, `&` or a line end.
    Next,
}

/// One word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Without quotes; variables and substitutions as they are written.
    pub text: String,
    /// Where it starts in the text.
    pub at: usize,
    /// Holds a variable or substitution: its text is not all that it will be.
    pub varies: bool,
}

/// A redirection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// `>`, `>>`, `<`, ...
    pub operator: String,
    /// File, or descriptor.
    pub target: Word,
}

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// `A=b` in front.
    pub assignments: Vec<Word>,
    /// The words, the program's name first. May be empty.
    pub words: Vec<Word>,
    /// Redirections.
    pub redirects: Vec<Redirect>,
    /// What stands before it.
    pub before: Joint,
    /// What stands after it.
    pub after: Joint,
    /// Counts the subshells and substitutions around it.
    pub depth: u32,
    /// Runs through `sudo`.
    pub sudo: bool,
}

impl Command {
    /// The program, without its folder: `apt-get` for `/usr/bin/apt-get`.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", |word| word.text.rsplit('/').next().unwrap_or_default())
    }

    /// Is it one of these programs?
    pub fn is(&self, programs: &[&str]) -> bool {
        programs.contains(&self.program())
    }

    /// The words behind the program.
    pub fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Where it starts.
    pub fn at(&self) -> usize {
        self.words.first().or(self.assignments.first()).map_or(0, |word| word.at)
    }

    /// Is the long flag there, also as `--flag=value`?
    pub fn has_long(&self, flag: &str) -> bool {
        self.long(flag).is_some()
    }

    /// The long flag's word.
    pub fn long(&self, flag: &str) -> Option<&Word> {
        self.arguments().iter().find(|word| {
            word.text.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    }

    /// Is the short flag there, also among others as in `-yq`?
    pub fn has_short(&self, flag: char) -> bool {
        self.short(flag).is_some()
    }

    /// The word with the short flag.
    pub fn short(&self, flag: char) -> Option<&Word> {
        self.arguments().iter().find(|word| {
            word.text.strip_prefix('-').is_some_and(|flags| {
                !flags.starts_with('-')
                    && flags.chars().take_while(char::is_ascii_alphanumeric).any(|one| one == flag)
            })
        })
    }

    /// Words that are neither flags nor the values of flags in `with_value`.
    pub fn operands<'c>(&'c self, with_value: &'c [&'c str]) -> impl Iterator<Item = &'c Word> {
        let mut skip = false;
        let mut only_operands = false;
        self.arguments().iter().filter(move |word| {
            if std::mem::take(&mut skip) {
                return false;
            }
            if only_operands {
                return true;
            }
            if word.text == "--" {
                only_operands = true;
                return false;
            }
            if with_value.contains(&word.text.as_str()) {
                skip = true;
                return false;
            }
            !word.text.starts_with('-') || word.text == "-"
        })
    }
}

/// Substitutions and subshells within each other that are followed.
const MAX_DEPTH: usize = 64;
/// Words of the shell that stand before a command.
const RESERVED: &[&str] = &["!", "if", "then", "elif", "else", "while", "until", "do", "{", "time"];
/// Programs that run the rest of their words, with those of their flags that take a value.
const PREFIXES: &[(&str, &[&str])] = &[
    ("sudo", &["-u", "-g", "-E", "--user", "--group"]),
    ("env", &["-u", "--unset", "-C", "-S"]),
    ("exec", &["-a"]),
    ("command", &[]),
    ("nohup", &[]),
    ("nice", &["-n"]),
    ("ionice", &["-c", "-n"]),
    ("eatmydata", &[]),
    ("timeout", &["-s", "-k"]),
    ("xargs", &["-n", "-P", "-I", "-L", "-d", "-a"]),
    ("chroot", &[]),
    ("gosu", &[]),
    ("su-exec", &[]),
];

#[derive(Debug, Default)]
struct Frame {
    command: Command,
    word: Option<Word>,
    redirect: Option<String>,
    joint: Joint,
    /// What ends this frame: `)`, a backquote, or the end of the text.
    end: Option<char>,
    /// The substitution stands in double quotes.
    quoted: bool,
}

/// Reads the commands of a text.
pub fn commands(text: &str) -> Vec<Command> {
    let mut found = Vec::new();
    let mut stack: Vec<Frame> = Vec::new();
    let mut frame = Frame::default();
    let mut quoted = false;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        if character == '\\' {
            if let Some((_, taken)) = characters.next()
                && taken != '\n'
            {
                let word = open(&mut frame, at);
                if quoted && !matches!(taken, '"' | '\\' | '$' | '`') {
                    word.text.push('\\');
                }
                word.text.push(taken);
            }
            continue;
        }
        if frame.end == Some(character) && !quoted {
            let inner_quoted = frame.quoted;
            close_command(&mut frame, Joint::Edge, stack.len(), &mut found);
            frame = stack.pop().unwrap_or_default();
            quoted = inner_quoted;
            continue;
        }
        let deep = stack.len() >= MAX_DEPTH;
        if character == '`' && !deep {
            start_substitution(&mut stack, &mut frame, at, '`', &mut quoted);
            continue;
        }
        if character == '$' {
            let word = open(&mut frame, at);
            word.text.push('$');
            word.varies = true;
            match next {
                Some('(') if !deep => {
                    characters.next();
                    let arithmetic = characters.peek().is_some_and(|(_, next)| *next == '(');
                    if arithmetic {
                        skip_arithmetic(&mut characters, open(&mut frame, at));
                    } else {
                        start_substitution(&mut stack, &mut frame, at, ')', &mut quoted);
                    }
                }
                Some('{') => skip_braces(&mut characters, open(&mut frame, at)),
                _ => {}
            }
            continue;
        }
        if quoted {
            if character == '"' {
                quoted = false;
            } else {
                open(&mut frame, at).text.push(character);
            }
            continue;
        }
        match character {
            '"' => {
                open(&mut frame, at);
                quoted = true;
            }
            '\'' => {
                let word = open(&mut frame, at);
                for (_, taken) in characters.by_ref() {
                    if taken == '\'' {
                        break;
                    }
                    word.text.push(taken);
                }
            }
            '#' if frame.word.is_none() => {
                while characters.peek().is_some_and(|(_, next)| *next != '\n') {
                    characters.next();
                }
            }
            '&' if next == Some('&') => {
                characters.next();
                close_command(&mut frame, Joint::And, stack.len(), &mut found);
            }
            '|' => {
                let joint = match next {
                    Some('|') => Joint::Or,
                    _ => Joint::Pipe,
                };
                if matches!(next, Some('|' | '&')) {
                    characters.next();
                }
                close_command(&mut frame, joint, stack.len(), &mut found);
            }
            '&' if next == Some('>') => {
                close_word(&mut frame);
                characters.next();
                frame.redirect = Some("&>".to_owned());
            }
            '(' if !deep => {
                // A subshell, or a function's parentheses: both begin a new list.
                close_word(&mut frame);
                if frame.command.words.is_empty() {
                    let inner = Frame { joint: frame.joint, end: Some(')'), ..Frame::default() };
                    stack.push(std::mem::replace(&mut frame, inner));
                } else {
                    start_substitution(&mut stack, &mut frame, at, ')', &mut quoted);
                }
            }
            '\n' | ';' | '&' | ')' => close_command(&mut frame, Joint::Next, stack.len(), &mut found),
            '<' | '>' => {
                if next == Some('(') && !deep {
                    characters.next();
                    let word = open(&mut frame, at);
                    word.text.push(character);
                    start_substitution(&mut stack, &mut frame, at, ')', &mut quoted);
                    continue;
                }
                let descriptor = frame
                    .word
                    .as_ref()
                    .is_some_and(|word| word.text.bytes().all(|byte| byte.is_ascii_digit()));
                if descriptor {
                    frame.word = None;
                } else {
                    close_word(&mut frame);
                }
                let mut operator = String::from(character);
                while operator.len() < 3
                    && let Some((_, next)) = characters.peek()
                    && matches!(next, '<' | '>' | '&' | '|' | '-')
                {
                    operator.push(*next);
                    characters.next();
                }
                frame.redirect = Some(operator);
            }
            _ if character.is_whitespace() => close_word(&mut frame),
            _ => open(&mut frame, at).text.push(character),
        }
    }
    loop {
        close_command(&mut frame, Joint::Edge, stack.len(), &mut found);
        match stack.pop() {
            Some(outer) => frame = outer,
            None => break,
        }
    }
    found.sort_by_key(Command::at);
    found
}

fn open(frame: &mut Frame, at: usize) -> &mut Word {
    frame.word.get_or_insert_with(|| Word { at, ..Word::default() })
}

/// The substitution's commands are read as commands; in the word stays which program is first in it.
fn start_substitution(stack: &mut Vec<Frame>, frame: &mut Frame, at: usize, end: char, quoted: &mut bool) {
    let word = open(frame, at);
    word.varies = true;
    word.text.push(if end == '`' { '`' } else { '(' });
    let inner = Frame { end: Some(end), quoted: *quoted, ..Frame::default() };
    stack.push(std::mem::replace(frame, inner));
    *quoted = false;
}

type Characters<'t> = std::iter::Peekable<std::str::CharIndices<'t>>;

/// `$((1 + 2))`
fn skip_arithmetic(characters: &mut Characters<'_>, word: &mut Word) {
    let mut open = 1_u32;
    word.text.push('(');
    for (_, character) in characters.by_ref() {
        word.text.push(character);
        match character {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            break;
        }
    }
}

/// `${name:-word}`
fn skip_braces(characters: &mut Characters<'_>, word: &mut Word) {
    let mut open = 0_u32;
    for (_, character) in characters.by_ref() {
        word.text.push(character);
        match character {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            break;
        }
    }
}

fn close_word(frame: &mut Frame) {
    let Some(word) = frame.word.take() else { return };
    if let Some(operator) = frame.redirect.take() {
        frame.command.redirects.push(Redirect { operator, target: word });
        return;
    }
    if frame.command.words.is_empty() {
        if is_assignment(&word.text) {
            frame.command.assignments.push(word);
            return;
        }
        if RESERVED.contains(&word.text.as_str()) {
            return;
        }
    }
    frame.command.words.push(word);
}

fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

fn close_command(frame: &mut Frame, joint: Joint, depth: usize, found: &mut Vec<Command>) {
    close_word(frame);
    frame.redirect = None;
    let mut command = std::mem::take(&mut frame.command);
    let before = std::mem::replace(&mut frame.joint, joint);
    if command.words.is_empty() && command.assignments.is_empty() {
        // `a &&` and a line end: what stood before still stands. Redirections alone call nothing.
        if joint == Joint::Next && before != Joint::Edge {
            frame.joint = before;
        }
        return;
    }
    command.before = before;
    command.after = joint;
    command.depth = u32::try_from(depth).unwrap_or(u32::MAX);
    unwrap_prefixes(&mut command);
    found.push(command);
}

/// `sudo -E apt-get install` is a call of apt-get.
fn unwrap_prefixes(command: &mut Command) {
    for _ in 0..4 {
        let Some((program, with_value)) = PREFIXES.iter().find(|(name, _)| *name == command.program()) else {
            return;
        };
        command.sudo |= *program == "sudo";
        let takes_operand = matches!(*program, "timeout" | "chroot" | "gosu" | "su-exec");
        let mut rest = 1;
        while let Some(word) = command.words.get(rest) {
            if with_value.contains(&word.text.as_str()) && *program != "sudo" || word.text == "-u" {
                rest += 2;
            } else if word.text.starts_with('-') || is_assignment(&word.text) {
                rest += 1;
            } else {
                break;
            }
        }
        rest += usize::from(takes_operand);
        if rest >= command.words.len() {
            return;
        }
        command.words.drain(..rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        commands(text)
            .iter()
            .map(|command| command.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join("|"))
            .collect()
    }

    #[test]
    fn commands_in_lists() {
        for (text, expected) in [
            ("a b && c 'd e'; f \"g $h\" | i", vec!["a|b", "c|d e", "f|g $h", "i"]),
            ("a # b && c\nd", vec!["a", "d"]),
            ("a#b", vec!["a#b"]),
            ("(cd x && make) || { y; z; }", vec!["cd|x", "make", "y", "z", "}"]),
            ("if [ -f x ]; then a; else b; fi", vec!["[|-f|x|]", "a", "b", "fi"]),
            ("for x in 1 2; do a $x; done", vec!["for|x|in|1|2", "a|$x", "done"]),
            ("A=b c d=e", vec!["c|d=e"]),
            ("a > /x 2>&1 < y b", vec!["a|b"]),
            ("a \"$(b \"c d\" | e)\" f", vec!["a|$(|f", "b|c d", "e"]),
            ("a `b c` d", vec!["a|`|d", "b|c"]),
            ("a $((1 + (2))) ${b:-c d}", vec!["a|$((1 + (2)))|${b:-c d}"]),
            ("bash <(curl x)", vec!["bash|<(", "curl|x"]),
            ("sudo -E apt-get -y install x", vec!["apt-get|-y|install|x"]),
            ("env A=b -i make", vec!["make"]),
            ("/usr/bin/apt-get update &", vec!["/usr/bin/apt-get|update"]),
            ("a \\\n b", vec!["a|b"]),
            ("a &&\n b", vec!["a", "b"]),
            ("a \"unclosed $(b", vec!["a|unclosed $(", "b"]),
            ("x) a;; y) b;;", vec!["x", "a", "y", "b"]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn joints_and_redirects() {
        let found = commands("a 2>/dev/null | b && c");
        assert_eq!(found[0].after, Joint::Pipe);
        assert_eq!((found[1].before, found[1].after), (Joint::Pipe, Joint::And));
        assert_eq!(found[0].redirects[0].target.text, "/dev/null");
        assert_eq!(commands("a &&\n b")[1].before, Joint::And);
        assert!(commands("sudo a")[0].sudo);
    }

    #[test]
    fn flags_and_operands() {
        let command = &commands("pip install -qU --index-url x a --proxy=b -r c")[0];
        assert!(command.has_short('U') && command.has_long("--proxy") && command.has_short('r'));
        let operands: Vec<_> =
            command.operands(&["--index-url", "-r"]).map(|word| word.text.as_str()).collect();
        assert_eq!(operands, ["install", "a"]);
    }

    #[test]
    fn depth_is_bounded_and_time_linear() {
        for text in ["$(", "`", "(", "\"$(", "${", "$((", "<("] {
            commands(&text.repeat(200_000));
        }
        commands(&"a;".repeat(200_000));
    }
}
