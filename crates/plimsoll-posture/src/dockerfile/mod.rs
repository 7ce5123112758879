//! Dockerfiles: what is written, what it will do, and the rules for it.
//!
//! [`parse`] gives the instructions with their places, [`shell`] the commands of a `RUN`, [`expand`] the variables. Here they come
//! together as stages whose instructions know their variables and their shell.

pub mod expand;
pub mod ignore;
pub mod parse;
pub(crate) mod rules;
pub mod shell;

use std::ops::Range;
use std::rc::Rc;

use expand::{Expanded, Variables, expand};
use parse::{Instruction, Keyword, Parsed, Place, RawWord, unquote, words};
use shell::{Command, Word, commands};

/// An argument with its variables replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Argument {
    /// What it will be.
    pub value: Expanded,
    /// Where it starts in the instruction's arguments.
    pub at: usize,
}

/// `key=value` of `ENV`, `ARG` or `LABEL`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// Name.
    pub key: String,
    /// Value; absent for `ARG name`.
    pub value: Option<Expanded>,
    /// Value as it is written.
    pub raw: String,
    /// Where it starts in the instruction's arguments.
    pub at: usize,
}

/// The shell that a `RUN` in shell form goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// `/bin/sh`, or another that reads the same language.
    #[default]
    Posix,
    /// The same, with `pipefail` set.
    Pipefail,
    /// `cmd`, PowerShell, or another that we do not read.
    Other,
}

/// One instruction and what is known at its place.
#[derive(Debug)]
pub struct Step {
    /// The instruction.
    pub instruction: Instruction,
    /// Its stage; `None` before the first `FROM`.
    pub stage: Option<usize>,
    /// Its arguments, word by word or from the JSON form.
    pub arguments: Vec<Argument>,
    /// Pairs of `ENV`, `ARG`, `LABEL`.
    pub pairs: Vec<Pair>,
    /// The JSON form was used.
    pub is_json: bool,
    /// Commands of a `RUN`.
    pub commands: Vec<Call>,
    /// The shell.
    pub shell: Shell,
}

/// A command of a `RUN`.
#[derive(Clone, Debug)]
pub struct Call {
    /// The command.
    pub command: Command,
    /// Where it is written: the arguments, or a here-document.
    source: Origin,
}

#[derive(Clone, Copy, Debug)]
enum Origin {
    Arguments,
    /// The text of one word: all places are the word's.
    Word(usize),
    Heredoc(usize),
    /// Elements of the JSON form.
    Whole,
}

impl Step {
    /// Where a word of one of its commands stands.
    pub fn place(&self, call: &Call, word: &Word) -> Place {
        match call.source {
            Origin::Arguments => self.instruction.argument_place(word.at),
            Origin::Word(at) => self.instruction.argument_place(at),
            Origin::Heredoc(index) => match self.instruction.heredocs.get(index) {
                Some(heredoc) => heredoc.body.place(word.at),
                None => self.instruction.place(),
            },
            Origin::Whole => self.instruction.place(),
        }
    }

    /// Where a command stands.
    pub fn call_place(&self, call: &Call) -> Place {
        let word = Word { at: call.command.at(), ..Word::default() };
        self.place(call, &word)
    }
}

/// What a stage starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An earlier stage.
    Stage(usize),
    /// An image of a registry.
    Image,
}

/// A stage.
#[derive(Debug)]
pub struct Stage {
    /// Name, in lower case.
    pub name: Option<String>,
    /// Where the name stands in the arguments of its `FROM`.
    pub name_at: usize,
    /// The image or stage that it starts from.
    pub image: Argument,
    /// What that is.
    pub base: Base,
    /// Its steps, `FROM` among them.
    pub steps: Range<usize>,
}

/// A Dockerfile.
#[derive(Debug)]
pub struct Dockerfile {
    /// Steps in their order.
    pub steps: Vec<Step>,
    /// Stages.
    pub stages: Vec<Stage>,
    /// Everything else of the text: comments, directives, faults.
    pub parsed: Parsed,
}

impl Dockerfile {
    /// Steps of one kind.
    pub fn of(&self, keyword: Keyword) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.instruction.keyword == keyword)
    }

    /// Every command of every `RUN`.
    pub fn calls(&self) -> impl Iterator<Item = (&Step, &Call)> {
        self.steps.iter().flat_map(|step| step.commands.iter().map(move |call| (step, call)))
    }

    /// Steps of the stage that becomes the image, and of the stages it starts from, the newest first.
    pub fn final_steps(&self) -> impl Iterator<Item = &Step> {
        let mut stage = self.stages.len().checked_sub(1);
        let chain = std::iter::from_fn(move || {
            let current = self.stages.get(stage?)?;
            stage = match current.base {
                Base::Stage(below) => Some(below),
                _ => None,
            };
            Some(current)
        });
        chain.flat_map(|stage| self.steps[stage.steps.clone()].iter().rev())
    }

    /// Does a stage, or one it starts from, come from an image of a registry?
    pub fn base_image(&self, stage: usize) -> Option<&Stage> {
        let mut current = self.stages.get(stage)?;
        loop {
            match current.base {
                Base::Stage(below) => current = self.stages.get(below)?,
                Base::Image => return Some(current),
                Base::Scratch => return None,
            }
        }
    }
}

/// Build arguments that BuildKit sets by itself (Dockerfile reference, "Automatic platform ARGs"), and proxies.
const AUTOMATIC: &[&str] = &[
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETSTAGE",
];
/// Variables that one stage keeps.
const MAX_VARIABLES: usize = 2_000;
/// Stages that are read of one file.
const MAX_STAGES: usize = 1_000;

/// Reads a Dockerfile.
pub fn read(content: &[u8]) -> Dockerfile {
    let mut parsed = parse::parse(content);
    let escape = if parsed.windows_escape { '`' } else { '\\' };
    let mut global = Variables::new();
    for name in AUTOMATIC {
        global.insert((*name).to_owned(), None);
    }
    let mut steps: Vec<Step> = Vec::new();
    let mut stages: Vec<Stage> = Vec::new();
    let mut kept: Vec<(Rc<Variables>, Shell)> = Vec::new();
    let mut variables = Rc::new(Variables::new());
    let mut shell = Shell::default();
    for instruction in std::mem::take(&mut parsed.instructions) {
        let index = steps.len();
        if instruction.keyword == Keyword::From && !instruction.onbuild {
            if stages.len() >= MAX_STAGES {
                let detail = format!("more than {MAX_STAGES} stages, the rest is not read");
                parsed.faults.push(parse::Fault { line: instruction.place().line, detail });
                break;
            }
            let stage = start_stage(&instruction, index, &global, escape, &stages);
            if let Some(last) = stages.last_mut() {
                last.steps.end = index;
            }
            kept.push((variables, shell));
            (variables, shell) = match stage.base {
                // Variables of ENV come along; those of ARG do not, which costs only that too much is known.
                Base::Stage(below) => kept.get(below + 1).cloned().unwrap_or_default(),
                _ => (Rc::default(), first_shell(&stage, escape)),
            };
            // The stage's own end state is kept when the next one starts: its place is `index + 1`.
            stages.push(stage);
        }
        let stage = stages.len().checked_sub(1);
        let scope = if stage.is_none() { &global } else { &*variables };
        let mut step = step(instruction, stage, scope, escape, shell);
        match step.instruction.keyword {
            Keyword::Shell => shell = named_shell(&step.arguments, shell),
            Keyword::Arg if !step.instruction.onbuild => {
                for pair in &step.pairs {
                    let value = match (&pair.value, stage) {
                        (Some(value), _) => Some(value.known().map(ToOwned::to_owned)),
                        (None, None) => Some(None),
                        (None, Some(_)) => Some(global.get(&pair.key).cloned().unwrap_or(None)),
                    };
                    let target = if stage.is_none() { &mut global } else { Rc::make_mut(&mut variables) };
                    set(target, &pair.key, value.unwrap_or(None));
                }
            }
            Keyword::Env if !step.instruction.onbuild && stage.is_some() => {
                for pair in &step.pairs {
                    let value = pair.value.as_ref().and_then(|value| value.known()).map(ToOwned::to_owned);
                    set(Rc::make_mut(&mut variables), &pair.key, value);
                }
            }
            _ => {}
        }
        step.stage = stage;
        steps.push(step);
    }
    if let Some(last) = stages.last_mut() {
        last.steps.end = steps.len();
    }
    Dockerfile { steps, stages, parsed }
}

fn set(variables: &mut Variables, key: &str, value: Option<String>) {
    if variables.len() < MAX_VARIABLES || variables.contains_key(key) {
        variables.insert(key.to_owned(), value);
    }
}

fn start_stage(
    instruction: &Instruction,
    index: usize,
    global: &Variables,
    escape: char,
    stages: &[Stage],
) -> Stage {
    let parts = words(instruction.arguments());
    let image = parts.first().map_or_else(Argument::default, |word| Argument {
        value: expand(word.raw, global, escape),
        at: word.at,
    });
    let name = match parts.as_slice() {
        [_, keyword, name, ..] if keyword.raw.eq_ignore_ascii_case("as") => Some(name),
        _ => None,
    };
    let text = image.value.text.to_ascii_lowercase();
    let base = if text == "scratch" {
        Base::Scratch
    } else {
        match stages.iter().rposition(|stage| stage.name.as_deref() == Some(text.as_str())) {
            Some(stage) if image.value.unknown.is_empty() => Base::Stage(stage),
            _ => Base::Image,
        }
    };
    Stage {
        name: name.map(|word| word.raw.to_ascii_lowercase()),
        name_at: name.map_or(0, |word| word.at),
        image,
        base,
        steps: index..index,
    }
}

fn first_shell(stage: &Stage, escape: char) -> Shell {
    const WINDOWS: &[&str] = &["windows", "nanoserver", "servercore", "powershell"];
    let image = &stage.image.value.text;
    if escape == '`' || WINDOWS.iter().any(|word| image.contains(word)) { Shell::Other } else { Shell::Posix }
}

fn named_shell(arguments: &[Argument], before: Shell) -> Shell {
    let Some(program) = arguments.first() else { return before };
    let program = program.value.text.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    if !["sh", "bash", "ash", "dash", "zsh", "ksh"].contains(&program.as_str()) {
        return Shell::Other;
    }
    if arguments.iter().any(|argument| argument.value.text.contains("pipefail")) {
        Shell::Pipefail
    } else {
        Shell::Posix
    }
}

fn step(
    instruction: Instruction,
    stage: Option<usize>,
    variables: &Variables,
    escape: char,
    shell: Shell,
) -> Step {
    use Keyword::{
        Add, Arg, Cmd, Copy, Entrypoint, Env, Expose, Label, Run, Stopsignal, User, Volume, Workdir,
    };
    let json = match instruction.keyword {
        Add | Cmd | Copy | Entrypoint | Run | Keyword::Shell | Volume | Keyword::Healthcheck => {
            instruction.json()
        }
        _ => None,
    };
    let is_json = json.is_some();
    let expands = matches!(instruction.keyword, Add | Copy | Expose | Stopsignal | User | Volume | Workdir);
    let value = |text: &str| {
        if expands {
            expand(text, variables, escape)
        } else {
            Expanded { text: unquote(text), unknown: vec![] }
        }
    };
    let arguments = match (&json, instruction.keyword) {
        (Some(elements), _) => elements
            .iter()
            .map(|text| Argument {
                value: if expands {
                    expand(text, variables, escape)
                } else {
                    Expanded { text: text.clone(), unknown: vec![] }
                },
                at: 0,
            })
            .collect(),
        (None, Env | Arg | Label | Run) => Vec::new(),
        // The whole rest is one path or name.
        (None, Workdir | User | Stopsignal) => {
            vec![Argument { value: value(instruction.arguments()), at: 0 }]
        }
        (None, _) => words(instruction.arguments())
            .into_iter()
            .map(|word| Argument { value: value(word.raw), at: word.at })
            .collect(),
    };
    let pairs = match instruction.keyword {
        Env | Arg | Label => pairs(&instruction, variables, escape),
        _ => Vec::new(),
    };
    let commands = match (instruction.keyword, shell, is_json) {
        (Run, _, true) => json_calls(&arguments),
        (Run, Shell::Posix | Shell::Pipefail, false) => shell_calls(&instruction),
        _ => Vec::new(),
    };
    Step { instruction, stage, arguments, pairs, is_json, commands, shell }
}

fn pairs(instruction: &Instruction, variables: &Variables, escape: char) -> Vec<Pair> {
    let text = instruction.arguments();
    let parts = words(text);
    let is_old =
        instruction.keyword != Keyword::Arg && parts.first().is_some_and(|word| !word.raw.contains('='));
    if is_old {
        // `ENV name all the rest`
        let Some(RawWord { raw: key, at }) = parts.first() else { return Vec::new() };
        let raw = text[at + key.len()..].trim();
        let value = Some(expand(raw, variables, escape));
        return vec![Pair { key: unquote(key), value, raw: raw.to_owned(), at: *at }];
    }
    let pair = |word: &RawWord<'_>| {
        let (key, raw) = match word.raw.split_once('=') {
            Some((key, raw)) => (key, Some(raw)),
            None => (word.raw, None),
        };
        Pair {
            key: unquote(key),
            value: raw.map(|raw| expand(raw, variables, escape)),
            raw: raw.unwrap_or_default().to_owned(),
            at: word.at,
        }
    };
    parts.iter().map(pair).collect()
}

fn json_calls(arguments: &[Argument]) -> Vec<Call> {
    let words: Vec<&str> = arguments.iter().map(|argument| argument.value.text.as_str()).collect();
    if let [program, flags, script, ..] = words.as_slice()
        && is_shell(program)
        && flags.starts_with('-')
        && flags.ends_with('c')
    {
        return commands(script).into_iter().map(|command| Call { command, source: Origin::Whole }).collect();
    }
    let words = words.iter().map(|text| Word { text: (*text).to_owned(), at: 0, varies: false }).collect();
    vec![Call { command: Command { words, ..Command::default() }, source: Origin::Whole }]
}

fn is_shell(program: &str) -> bool {
    ["sh", "bash", "ash", "dash", "zsh", "ksh"].contains(&program.rsplit('/').next().unwrap_or_default())
}

fn shell_calls(instruction: &Instruction) -> Vec<Call> {
    let text = instruction.arguments();
    let mut calls: Vec<Call> = Vec::new();
    for command in commands(text) {
        // `sh -c "a && b"`: what it runs counts as well, one level deep.
        let script = is_shell(command.program())
            .then(|| {
                let flag = command.arguments().iter().position(|word| {
                    word.text.starts_with('-') && !word.text.starts_with("--") && word.text.ends_with('c')
                })?;
                command.arguments().get(flag + 1)
            })
            .flatten()
            .map(|word| (word.at, commands(&word.text)));
        calls.push(Call { command, source: Origin::Arguments });
        if let Some((at, inner)) = script {
            let inner = inner.into_iter().map(|command| Call { command, source: Origin::Word(at) });
            calls.extend(inner);
        }
    }
    for (index, heredoc) in instruction.heredocs.iter().enumerate() {
        // What another program reads is not ours to read: `python3 <<EOF`. Alone, or for a shell, it is a script.
        let reader = text.find("<<").map_or("", |at| text[..at].trim());
        let reader = reader.trim_end_matches(|character: char| character.is_ascii_digit());
        let script = heredoc.body.as_str();
        let first = script.lines().next().unwrap_or_default();
        let by_shell = match first.strip_prefix("#!") {
            Some(program) => program.split(['/', ' ']).any(is_shell),
            None => true,
        };
        let is_script = reader.is_empty() || words(reader).first().is_some_and(|word| is_shell(word.raw));
        if is_script && by_shell {
            calls.extend(
                commands(script).into_iter().map(|command| Call { command, source: Origin::Heredoc(index) }),
            );
        }
    }
    calls
}

/// An image reference in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageName<'t> {
    /// Registry and repository.
    pub name: &'t str,
    /// Tag.
    pub tag: Option<&'t str>,
    /// Digest with its algorithm.
    pub digest: Option<&'t str>,
}

impl<'t> ImageName<'t> {
    /// Splits `registry:5000/name:tag@digest`.
    pub fn parse(text: &'t str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash belongs to a port.
        let path = rest.rfind('/').map_or(0, |at| at + 1);
        match rest[path..].split_once(':') {
            Some((_, tag)) => ImageName { name: &rest[..rest.len() - tag.len() - 1], tag: Some(tag), digest },
            None => ImageName { name: rest, tag: None, digest },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_their_bases() {
        let file = read(
            b"ARG V=12\nFROM debian:$V AS Build\nENV A=b\nFROM build\nUSER $A\nFROM scratch\nCOPY --from=build $A /\n",
        );
        let bases: Vec<_> = file.stages.iter().map(|stage| stage.base).collect();
        assert_eq!(bases, [Base::Image, Base::Stage(0), Base::Scratch]);
        assert_eq!(file.stages[0].image.value.known(), Some("debian:12"));
        assert_eq!(file.stages[1].steps, 3..5);
        assert_eq!(file.of(Keyword::User).next().unwrap().arguments[0].value.known(), Some("b"));
        assert_eq!(file.base_image(1).unwrap().image.value.text, "debian:12");
        assert!(file.base_image(2).is_none());
    }

    #[test]
    fn build_arguments_are_unknown_until_set() {
        let file = read(b"ARG V\nFROM debian:$V\nARG P=1\nARG Q\nEXPOSE $P $Q\n");
        assert_eq!(file.stages[0].image.value.unknown, ["V"]);
        let ports = &file.of(Keyword::Expose).next().unwrap().arguments;
        assert_eq!((ports[0].value.known(), ports[1].value.known()), (Some("1"), None));
    }

    #[test]
    fn commands_of_every_form_of_run() {
        let programs = |text: &str| {
            let file = read(text.as_bytes());
            file.calls().map(|(_, call)| call.command.program().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(programs("FROM a\nRUN b && c\n"), ["b", "c"]);
        assert_eq!(programs("FROM a\nRUN [\"b\", \"c\"]\n"), ["b"]);
        assert_eq!(programs("FROM a\nRUN [\"/bin/sh\", \"-c\", \"b; c\"]\n"), ["b", "c"]);
        assert_eq!(programs("FROM a\nRUN bash -ec 'b; c'\n"), ["bash", "b", "c"]);
        assert_eq!(programs("FROM a\nRUN <<E\nb\nc\nE\n"), ["b", "c"]);
        assert_eq!(programs("FROM a\nRUN <<E\n#!/usr/bin/env python3\nb\nE\n"), Vec::<String>::new());
        assert_eq!(programs("FROM a\nRUN python3 <<E\nb\nE\n"), ["python3"]);
        assert_eq!(programs("FROM a\nSHELL [\"pwsh\", \"-c\"]\nRUN b\n"), Vec::<String>::new());
        assert_eq!(programs("FROM mcr.microsoft.com/windows/nanoserver\nRUN b\n"), Vec::<String>::new());
    }

    #[test]
    fn image_names() {
        for (text, name, tag, digest) in [
            ("debian", "debian", None, None),
            ("host:5000/a/b:1@sha256:0", "host:5000/a/b", Some("1"), Some("sha256:0")),
            ("host:5000/a", "host:5000/a", None, None),
        ] {
            assert_eq!(ImageName::parse(text), ImageName { name, tag, digest });
        }
    }
}
