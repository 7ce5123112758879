//! Which line of a Dockerfile made which layer, told by the history that builders write into an image.
//!
//! BuildKit, the classic builder, buildah, podman and kaniko each write it their own way. The file is held against the history
//! from its end: every `RUN`, `COPY` and `ADD` must be there, in its order, and what is left below is the base image. Where
//! they do not fit, no line is told: a wrong one is worse than none.

use plimsoll_extract::secret;
use plimsoll_model::{Change, Finding, ImagePath, Layer, Location, Party, Subject};
use plimsoll_posture::dockerfile::parse::Keyword;
use plimsoll_posture::dockerfile::{self, Base, Dockerfile, Step};

/// A Dockerfile that was named beside an image.
#[derive(Clone, Debug, Default)]
pub struct BuildFile {
    /// Where it is, as it was typed: what reports show.
    pub path: String,
    /// What it holds.
    pub content: Vec<u8>,
    /// The stage that was built, by name or number; the last one when nobody says.
    pub stage: Option<String>,
}

impl BuildFile {
    /// Bytes that are read of one; what is longer is told as unread.
    pub const LARGEST: u64 = dockerfile::parse::MAX_BYTES as u64;
}

/// Where in the file things are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    path: String,
    /// The `FROM` that brings the base image.
    from: u32,
    /// Where the stage that became the image starts.
    stage: u32,
    /// By layer, the lowest first.
    layers: Vec<u32>,
    /// `config.User` and its like, by instruction: the last that counts.
    settings: Vec<(&'static str, u32)>,
}

/// Parts of the configuration, and the instruction that sets them.
const SETTINGS: &[(&str, Keyword)] = &[
    ("config.User", Keyword::User),
    ("config.ExposedPorts", Keyword::Expose),
    ("config.Volumes", Keyword::Volume),
    ("config.Labels", Keyword::Label),
    ("config.Healthcheck", Keyword::Healthcheck),
];

/// Finds the line of every layer, or says why that cannot be told.
pub(crate) fn lines(build: &BuildFile, layers: &[Layer]) -> Result<Lines, String> {
    let file = dockerfile::read(&build.content);
    let chain = chain(&file, build.stage.as_deref())?;
    let (Some(last), Some(first)) = (chain.first(), chain.last()) else {
        return Err("it has no FROM".to_owned());
    };
    let line_of =
        |stage: usize| file.stages[stage].steps.clone().next().map_or(1, |step| line(&file.steps[step]));
    let (from, stage) = (line_of(*first), line_of(*last));
    let mut commands = Vec::with_capacity(layers.len());
    for layer in layers {
        commands.push(layer.created_by.as_deref().ok_or("the image does not say what made its layers")?);
    }
    let mut lines = vec![from; layers.len()];
    let mut settings: Vec<(&'static str, u32)> = Vec::new();
    // The next layer that no line was found for, from above.
    let mut left = layers.len();
    for step in chain.iter().flat_map(|stage| file.steps[file.stages[*stage].steps.clone()].iter().rev()) {
        let keyword = step.instruction.keyword;
        if step.instruction.onbuild {
            continue;
        }
        if let Some((part, _)) = SETTINGS.iter().find(|(_, of)| *of == keyword)
            && settings.iter().all(|(known, _)| known != part)
        {
            settings.push((*part, line(step)));
        }
        if !matches!(keyword, Keyword::Run | Keyword::Copy | Keyword::Add | Keyword::Workdir) {
            continue;
        }
        let command = left.checked_sub(1).map(|index| commands[index]);
        match command.filter(|command| made(command, step)) {
            Some(_) => {
                left -= 1;
                lines[left] = line(step);
            }
            // A folder that was there already makes no layer with some builders.
            None if keyword == Keyword::Workdir => {}
            None => {
                let found = command.map_or_else(
                    || "the image has no layer left for it".to_owned(),
                    |command| format!("layer {left} was made by `{}`", short(command)),
                );
                return Err(format!("line {} is not in the history of the image: {found}", line(step)));
            }
        }
    }
    if left > 0 && file.stages[*first].base == Base::Scratch {
        return Err(format!("it starts from scratch, and the image has {left} more layers than it makes"));
    }
    Ok(Lines { path: build.path.clone(), from, stage, layers: lines, settings })
}

/// The stage that became the image, then those that it starts from.
fn chain(file: &Dockerfile, wanted: Option<&str>) -> Result<Vec<usize>, String> {
    let last = match wanted {
        None => file.stages.len().checked_sub(1).ok_or("it has no FROM")?,
        Some(name) => {
            let lower = name.to_ascii_lowercase();
            let by_name = file.stages.iter().rposition(|stage| stage.name.as_deref() == Some(lower.as_str()));
            let by_number = || name.parse().ok().filter(|number| *number < file.stages.len());
            by_name.or_else(by_number).ok_or_else(|| format!("it has no stage `{}`", short(name)))?
        }
    };
    let mut chain = vec![last];
    // A stage starts from an earlier one only, so this ends.
    while let Some(Base::Stage(below)) = chain.last().map(|stage| file.stages[*stage].base) {
        chain.push(below);
    }
    Ok(chain)
}

fn line(step: &Step) -> u32 {
    step.instruction.place().line.max(1)
}

fn short(text: &str) -> String {
    /// Characters of a command that are repeated.
    const SHOWN: usize = 60;
    let text = words(text);
    if text.chars().count() <= SHOWN { text } else { text.chars().take(SHOWN - 1).chain(['…']).collect() }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Did this instruction make the layer that `command` made?
fn made(command: &str, step: &Step) -> bool {
    let command = command.trim();
    let command = command.strip_suffix("# buildkit").unwrap_or(command).trim_end();
    // The classic builder and buildah write what runs nothing as a comment of a shell.
    let (is_comment, command) = match command.split_once("#(nop)") {
        Some((_, rest)) => (true, rest.trim_start()),
        None => (false, command),
    };
    let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let keyword = match word {
        "RUN" => Keyword::Run,
        "COPY" => Keyword::Copy,
        "ADD" => Keyword::Add,
        "WORKDIR" => Keyword::Workdir,
        _ if is_comment => return false,
        // Before BuildKit a command stood there as it was run.
        _ => Keyword::Run,
    };
    if keyword != step.instruction.keyword {
        return false;
    }
    match keyword {
        Keyword::Run => ran(if word == "RUN" { rest } else { command }, step),
        _ => placed(rest, step, is_comment),
    }
}

fn ran(command: &str, step: &Step) -> bool {
    if !step.instruction.heredocs.is_empty() {
        // Builders shorten or unfold here-documents, each its own way: that it is a RUN has to do.
        return true;
    }
    let written = if step.is_json {
        step.arguments.iter().map(|argument| argument.value.text.as_str()).collect::<Vec<_>>().join(" ")
    } else {
        step.instruction.arguments().to_owned()
    };
    // Reports repeat commands without the secrets in them. Build arguments and the shell stand in front.
    let (written, command) = (words(&secret::redact(&written)), words(command));
    !written.is_empty() && command.ends_with(&written)
}

/// `COPY`, `ADD` and `WORKDIR` are told by where they put things.
fn placed(rest: &str, step: &Step, is_comment: bool) -> bool {
    let Some(to) = step.arguments.last().and_then(|argument| argument.value.known()) else {
        return true;
    };
    let Some(said) = rest.split_whitespace().last() else { return false };
    let bare = |path: &str| path.trim_matches(['"', '[', ']']).trim_end_matches('/').to_owned();
    // `file:1f3a… in /srv`: the classic builder resolves paths.
    let resolved = is_comment || rest.contains(" in ");
    if resolved && !to.starts_with('/') {
        return true;
    }
    bare(said) == bare(to)
}

impl Lines {
    fn at(&self, line: u32) -> Location {
        Location::at_line(ImagePath::from(self.path.as_str()), line)
    }

    fn of_layer(&self, layer: u32) -> Option<u32> {
        self.layers.get(usize::try_from(layer).ok()?.checked_sub(1)?).copied()
    }

    /// Where a finding is put right. `layer` is that of its package or file.
    fn place(&self, finding: &Finding, layer: Option<u32>) -> Option<Location> {
        // A line of a lockfile is nearer than the line that copied it.
        let edited = finding.remedy.location.as_ref().is_some_and(|location| location.line.is_some());
        let line = match (&finding.party, &finding.subject) {
            (Party::Nobody(_), _) => return None,
            (Party::BaseImage(_), _) => self.from,
            _ if edited => return None,
            (_, Subject::Configuration(part)) if layer.is_none() => {
                let set = self.settings.iter().find(|(known, _)| *known == part.part);
                set.map_or(self.stage, |(_, line)| *line)
            }
            _ => self.of_layer(layer?)?,
        };
        Some(self.at(line))
    }

    /// Points what is to be done at the lines of the file.
    pub(crate) fn point(
        &self,
        findings: &mut [Finding],
        changes: &mut [Change],
        layer_of: impl Fn(&Finding) -> Option<u32>,
    ) {
        let mut places = std::collections::HashMap::new();
        for finding in findings {
            let layer = layer_of(finding);
            if let Some(place) = self.place(finding, layer) {
                places.insert(finding.id.clone(), place.clone());
                finding.remedy.location = Some(place);
            }
        }
        for change in changes {
            if let Some(place) = change.removes.first().and_then(|id| places.get(id)) {
                change.location = Some(place.clone());
            }
        }
    }
}

/// Any bytes as a Dockerfile, a stage of it, and the commands of an image's history: lines lead into the file, and there is
/// one for each layer.
///
/// # Panics
/// When that is not so.
pub fn fuzz(data: &[u8]) {
    // Parts are told apart by a byte that stands in no text.
    let mut parts = data.split(|byte| *byte == 0xff);
    let content = parts.next().unwrap_or_default().to_vec();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let stage = parts.next().filter(|stage| !stage.is_empty()).map(text);
    let layers: Vec<Layer> = (1_u32..)
        .zip(parts.take(64))
        .map(|(index, command)| Layer {
            index,
            digest: None,
            diff_id: None,
            size: 0,
            created_by: Some(text(command)),
            from_base: false,
        })
        .collect();
    let most = content.split(|byte| *byte == b'\n').count();
    let build = BuildFile { path: "Dockerfile".to_owned(), content, stage };
    if let Ok(lines) = lines(&build, &layers) {
        assert_eq!(lines.layers.len(), layers.len(), "a line for each layer");
        let numbers = lines.layers.iter().chain([&lines.from, &lines.stage]);
        let settings = lines.settings.iter().map(|(_, line)| line);
        for line in numbers.chain(settings) {
            assert!(*line >= 1 && *line as usize <= most, "line {line} of {most}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(commands: &[&str]) -> Vec<Layer> {
        (1..)
            .zip(commands)
            .map(|(index, command)| Layer {
                index,
                digest: None,
                diff_id: None,
                size: 0,
                created_by: Some((*command).to_owned()),
                from_base: false,
            })
            .collect()
    }

    fn told(text: &str, stage: Option<&str>, commands: &[&str]) -> Result<Vec<u32>, String> {
        let build = BuildFile {
            path: "Dockerfile".into(),
            content: text.into(),
            stage: stage.map(ToOwned::to_owned),
        };
        lines(&build, &layers(commands)).map(|lines| lines.layers)
    }

    const FILE: &str = "ARG V=12\nFROM debian:$V AS base\nWORKDIR /app\nRUN apt-get update \\\n  && apt-get install -y curl\nFROM base\nCOPY --chown=1:1 . .\nENV A=b\nADD [\"x y\", \"/srv/\"]\nRUN [\"make\", \"all\"]\nUSER app\n";

    /// The fuzz body over a file and its history, cut, and with odd bytes in every place.
    #[test]
    fn damaged_files_and_histories() {
        let history =
            ["", "WORKDIR /app", "RUN |1 B=c /bin/sh -c apt-get update   && apt-get install -y curl"];
        let mut whole = FILE.as_bytes().to_vec();
        for command in ["0"].iter().chain(&history) {
            whole.push(0xff);
            whole.extend_from_slice(command.as_bytes());
        }
        fuzz(&whole);
        for place in 0..whole.len() {
            fuzz(&whole[..place]);
            for byte in [0, 0xff, b'\n', b'\\', b'$', b'"', b'[', b'<'] {
                let mut odd = whole.clone();
                odd[place] = byte;
                fuzz(&odd);
            }
        }
    }

    #[test]
    fn every_builder() {
        let buildkit = [
            "# debian.sh --arch 'amd64' out/",
            "WORKDIR /app",
            "RUN |1 B=c /bin/sh -c apt-get update   && apt-get install -y curl # buildkit",
            "COPY --chown=1:1 . . # buildkit",
            "ADD x y /srv/ # buildkit",
            "RUN make all # buildkit",
        ];
        assert_eq!(told(FILE, None, &buildkit), Ok(vec![2, 3, 4, 7, 9, 10]));
        let classic = [
            "/bin/sh -c #(nop) ADD file:5b1c in / ",
            "/bin/sh -c apt-get update   && apt-get install -y curl",
            "/bin/sh -c #(nop) COPY --chown=1:1 dir:9d4e in /app ",
            "/bin/sh -c #(nop) ADD file:77aa in /srv/ ",
            "make all",
        ];
        assert_eq!(told(FILE, None, &classic), Ok(vec![2, 4, 7, 9, 10]));
        let kaniko = [
            "ADD rootfs.tar.xz / # buildkit",
            "RUN apt-get update && apt-get install -y curl",
            "COPY . .",
            "ADD x y /srv/",
            "RUN make all",
        ];
        assert_eq!(told(FILE, None, &kaniko), Ok(vec![2, 4, 7, 9, 10]));
        assert_eq!(told(FILE, Some("BASE"), &buildkit[..3]), Ok(vec![2, 3, 4]));
        assert_eq!(told(FILE, Some("0"), &buildkit[..3]), Ok(vec![2, 3, 4]));
        let bash =
            "FROM x\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN a | b\nRUN <<EOF\nc\nEOF\n";
        let commands = [
            "x",
            "RUN /bin/bash -o pipefail -c a | b # buildkit",
            "RUN /bin/bash -o pipefail -c <<EOF (c) # buildkit",
        ];
        assert_eq!(told(bash, None, &commands), Ok(vec![1, 3, 4]));
    }

    #[test]
    fn what_does_not_fit_has_no_line() {
        for (text, stage, commands, why) in [
            (
                "FROM x\nRUN a\nRUN b\n",
                None,
                &["x", "RUN a # buildkit", "RUN c # buildkit"][..],
                "line 3 is not",
            ),
            ("FROM x\nRUN a\n", None, &["COPY a /a # buildkit"], "layer 1 was made by `COPY a"),
            ("FROM x\nRUN a\nRUN b\n", None, &["RUN b # buildkit"], "no layer left"),
            ("FROM scratch\nCOPY a /a\n", None, &["x", "COPY a /a # buildkit"], "from scratch"),
            ("FROM x\nCOPY a /a\n", None, &["COPY a /b # buildkit"], "line 2"),
            ("FROM x\n", Some("web"), &["x"], "no stage `web`"),
            ("", None, &["x"], "no FROM"),
            ("RUN x\n", None, &["x"], "no FROM"),
        ] {
            let error = told(text, stage, commands).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let mut nameless = layers(&["x"]);
        nameless[0].created_by = None;
        let build = BuildFile { content: b"FROM x\n".to_vec(), ..BuildFile::default() };
        assert!(lines(&build, &nameless).unwrap_err().contains("does not say"));
    }

    #[test]
    fn any_bytes() {
        for length in 0..200_u32 {
            let content: Vec<u8> = (0..length).map(|byte| (byte * 37 % 251) as u8).collect();
            let build = BuildFile {
                content: [b"FROM a\nRUN ".as_slice(), &content].concat(),
                ..BuildFile::default()
            };
            let _ = lines(&build, &layers(&["RUN \u{fffd}", "#(nop)", ""]));
        }
    }
}
