//! A watch on a whole terminal: alerts, containers and programs, each in a list that can be searched. Keys stand in the last
//! line and in `docs/watch.md`.
//!
//! What is shown is made as lines of text ([`Screen::lines`]); [`Terminal`] brings them onto the terminal and gives it back as it
//! was, whatever ends the watch.

#![cfg_attr(
    not(feature = "runtime"),
    allow(dead_code, reason = "without the sensor there is nothing to show")
)]

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use plimsoll_format::wrap;
use plimsoll_runtime::event::{Action, Container, Event, State};
use plimsoll_runtime::rules::{Group, Groups, Priority};
use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Containers, and programs, that are kept: the oldest that ended go first.
const MOST: usize = 2_000;
/// How often what has changed is drawn.
const EACH: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    #[default]
    Alerts,
    Containers,
    Programs,
}

impl View {
    const ALL: [Self; 3] = [Self::Alerts, Self::Containers, Self::Programs];

    fn name(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Containers => "containers",
            Self::Programs => "programs",
        }
    }
}

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Character(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    Tab,
    /// Ctrl-C: the terminal makes no signal of it here.
    Interrupt,
}

struct Seen {
    name: String,
    image: String,
    state: &'static str,
    started: u64,
    events: u64,
    alerts: u64,
    ended: bool,
}

struct Program {
    id: u32,
    time: u64,
    place: String,
    user: u32,
    line: String,
    note: &'static str,
}

/// What the watch has counted, for the first line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) events: u64,
    pub(super) lost_must: u64,
    pub(super) lost_may: u64,
}

/// What is shown, and what of it was chosen.
#[derive(Default)]
pub(super) struct Screen {
    view: View,
    /// The chosen row of the list, from its top.
    chosen: usize,
    open: bool,
    filter: String,
    /// Whether keys are for the filter.
    typing: bool,
    /// Whether lists stand still.
    still: Option<Vec<Row>>,
    containers: HashMap<String, Seen>,
    order: VecDeque<String>,
    programs: VecDeque<Program>,
    note: String,
    color: bool,
    page: usize,
}

/// A row of a list: what it shows, what is searched, what it tells when it is opened.
#[derive(Clone)]
struct Row {
    cells: Vec<String>,
    loud: bool,
    detail: Vec<String>,
}

/// Nothing that runs reaches the terminal as anything but text.
fn shown(text: &str) -> String {
    plimsoll_format::clean(text).into_owned()
}

fn place(container: &Container) -> String {
    match container.state {
        State::Host => "host".to_owned(),
        _ if !container.pod.name.is_empty() => format!("{}/{}", container.pod.namespace, container.pod.name),
        _ if !container.name.is_empty() => container.name.clone(),
        _ => container.id.chars().take(12).collect(),
    }
}

fn clock(time: u64) -> String {
    let seconds = time / 1_000_000_000;
    format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// Exactly that wide: cut in the end, or filled up.
fn fit(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return format!("{text}{}", " ".repeat(width - length));
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        cut.push('…');
    }
    cut
}

impl Screen {
    pub(super) fn new(color: bool) -> Self {
        Self { color, ..Self::default() }
    }

    /// Something that would have been told in a line.
    pub(super) fn say(&mut self, text: &str) {
        self.note = shown(text);
    }

    pub(super) fn event(&mut self, event: &Event) {
        let container = &event.container;
        if !container.is_host() && !container.id.is_empty() {
            let seen = self.containers.entry(container.id.clone()).or_insert_with(|| {
                self.order.push_back(container.id.clone());
                Seen {
                    name: String::new(),
                    image: String::new(),
                    state: "",
                    started: container.started,
                    events: 0,
                    alerts: 0,
                    ended: false,
                }
            });
            seen.events += 1;
            if seen.image.is_empty() || seen.state != "known" {
                seen.name = shown(&place(container));
                seen.image = shown(&container.image);
                seen.state = match container.state {
                    State::Known => "known",
                    State::Pending => "pending",
                    _ => "unreadable",
                };
            }
            seen.ended |= matches!(event.action, Action::ContainerStop {});
        }
        match &event.action {
            Action::Exec { response, .. } => {
                use plimsoll_runtime::event::Response;
                let note = match response {
                    Response::None => "",
                    Response::DryRun => "would be killed",
                    Response::Killed => "killed",
                    Response::Denied => "refused",
                };
                if note.is_empty() {
                    // The same process with another program.
                    self.programs
                        .retain(|program| program.id != event.process.id || !program.note.is_empty());
                }
                self.programs.push_back(Program {
                    id: event.process.id,
                    time: event.time,
                    place: shown(&place(container)),
                    user: event.process.uid,
                    line: shown(&event.process.command_line()),
                    note,
                });
            }
            Action::Exit { .. } => {
                self.programs.retain(|program| program.id != event.process.id || !program.note.is_empty());
            }
            _ => {}
        }
        while self.programs.len() > MOST {
            self.programs.pop_front();
        }
        while self.order.len() > MOST {
            // Those that ended first.
            let at = self
                .order
                .iter()
                .position(|id| self.containers.get(id).is_none_or(|seen| seen.ended))
                .unwrap_or(0);
            if let Some(id) = self.order.remove(at) {
                self.containers.remove(&id);
            }
        }
    }

    /// An alert of a container.
    pub(super) fn alert(&mut self, id: &str) {
        if let Some(seen) = self.containers.get_mut(id) {
            seen.alerts += 1;
        }
    }

    fn rows(&self, groups: &Groups) -> Vec<Row> {
        let mut rows: Vec<Row> = match self.view {
            View::Alerts => {
                let mut all: Vec<&Group> = groups.all().iter().collect();
                all.sort_by_key(|group| std::cmp::Reverse(group.last));
                all.into_iter().map(of_group).collect()
            }
            View::Containers => {
                let all = self.order.iter().rev().filter_map(|id| Some((id, self.containers.get(id)?)));
                all.map(|(id, seen)| Row {
                    cells: vec![
                        if seen.started == 0 { "before".to_owned() } else { clock(seen.started) },
                        if seen.ended { "ended".to_owned() } else { "runs".to_owned() },
                        format!("{} alerts", seen.alerts),
                        seen.name.clone(),
                        if seen.image.is_empty() { seen.state.to_owned() } else { seen.image.clone() },
                    ],
                    loud: seen.alerts > 0,
                    detail: vec![
                        format!("id: {}", shown(id)),
                        format!("image: {} ({})", seen.image, seen.state),
                        format!("{} events, {} alerts", seen.events, seen.alerts),
                    ],
                })
                .collect()
            }
            View::Programs => self
                .programs
                .iter()
                .rev()
                .map(|program| Row {
                    cells: vec![
                        clock(program.time),
                        program.id.to_string(),
                        if program.note.is_empty() {
                            format!("user {}", program.user)
                        } else {
                            program.note.to_owned()
                        },
                        program.place.clone(),
                        program.line.clone(),
                    ],
                    loud: !program.note.is_empty(),
                    detail: vec![
                        program.line.clone(),
                        format!("process {} of user {} in {}", program.id, program.user, program.place),
                    ],
                })
                .collect(),
        };
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        rows.retain(|row| {
            let text = row
                .cells
                .iter()
                .chain(&row.detail)
                .map(|text| text.to_lowercase() + "\n")
                .collect::<String>();
            words.iter().all(|word| text.contains(word))
        });
        rows
    }

    /// The whole screen, line by line, each at most that wide.
    pub(super) fn lines(
        &mut self,
        groups: &Groups,
        counted: Counted,
        width: usize,
        height: usize,
    ) -> Vec<String> {
        let rows = self.still.clone().unwrap_or_else(|| self.rows(groups));
        self.chosen = self.chosen.min(rows.len().saturating_sub(1));
        let mut lines = Vec::new();
        let lost = match (counted.lost_must, counted.lost_may) {
            (0, 0) => "none lost".to_owned(),
            (must, may) => format!("LOST {must} that must not be, {may} that may be shed"),
        };
        let still = if self.still.is_some() { "  PAUSED" } else { "" };
        lines.push(fit(&format!("plimsoll watch  {} events, {lost}{still}", counted.events), width));
        let count = |view: View| match view {
            View::Alerts => groups.alerts.to_string(),
            View::Containers => self.containers.values().filter(|seen| !seen.ended).count().to_string(),
            View::Programs => self.programs.len().to_string(),
        };
        let tabs: Vec<String> = (1..)
            .zip(View::ALL)
            .map(|(number, view)| {
                let text = format!("{number} {} {}", count(view), view.name());
                if view == self.view { format!("[{text}]") } else { format!(" {text} ") }
            })
            .collect();
        let filter = match (self.typing, self.filter.as_str()) {
            (false, "") => String::new(),
            (true, filter) => format!("  filter: {filter}_"),
            (false, filter) => format!("  filter: {filter} ({} match)", rows.len()),
        };
        lines.push(fit(&format!("{}{filter}", tabs.concat()), width));
        lines.push(String::new());
        let detail: Vec<String> = match rows.get(self.chosen).filter(|_| self.open) {
            Some(row) => {
                row.detail.iter().flat_map(|line| wrap(line, width.saturating_sub(4).max(10))).collect()
            }
            None => Vec::new(),
        };
        // At least three rows of the list stay.
        let room = height.saturating_sub(5);
        let detail = &detail[..detail.len().min(room.saturating_sub(4))];
        let below = if detail.is_empty() { 0 } else { detail.len() + 1 };
        self.page = room.saturating_sub(below).max(1);
        let first = self.chosen.saturating_sub(self.page - 1);
        // Columns give way on narrow terminals, the third one first.
        let narrow = width < 80;
        for (at, row) in rows.iter().enumerate().skip(first).take(self.page) {
            let mark = if at == self.chosen { "> " } else { "  " };
            let place = if narrow { 16 } else { 28 };
            let mut text = format!("{mark}{}  {}  ", fit(&row.cells[0], 8), fit(&row.cells[1], 9));
            if !narrow {
                let _ = write!(text, "{}  ", fit(&row.cells[2], 14));
            }
            let _ = write!(text, "{}  {}", fit(&row.cells[3], place), row.cells[4]);
            let text = fit(&text, width);
            lines.push(match (self.color, at == self.chosen, row.loud) {
                (true, true, _) => format!("\x1b[7m{text}\x1b[0m"),
                (true, false, true) => format!("\x1b[1m{text}\x1b[0m"),
                _ => text,
            });
        }
        if rows.is_empty() {
            let nothing = if self.filter.is_empty() { "nothing yet" } else { "nothing that matches" };
            lines.push(fit(&format!("  {nothing}"), width));
        }
        if below > 0 {
            lines.push(String::new());
            lines.extend(detail.iter().map(|line| fit(&format!("    {line}"), width)));
        }
        lines.truncate(height.saturating_sub(2));
        lines.resize(height.saturating_sub(2), String::new());
        lines.push(fit(&self.note, width));
        let keys = if self.typing {
            "Enter keeps the filter, Esc drops it"
        } else if narrow {
            "1-3 Tab  j k  Enter  / filter  p pause  q quit"
        } else {
            "1-3 Tab view   j k PgUp PgDn move   Enter open   / filter   p pause   q quit"
        };
        lines.push(fit(keys, width));
        lines
    }

    /// What a key does; whether the watch goes on.
    fn press(&mut self, key: Key, groups: &Groups) -> bool {
        if self.typing {
            match key {
                Key::Character(character) => self.filter.push(character),
                Key::Backspace => {
                    self.filter.pop();
                }
                Key::Enter => self.typing = false,
                Key::Escape => {
                    self.typing = false;
                    self.filter.clear();
                }
                Key::Interrupt => return false,
                _ => {}
            }
            self.chosen = 0;
            return true;
        }
        let look = |screen: &mut Self, view: View| {
            screen.view = view;
            screen.chosen = 0;
            screen.open = false;
            screen.still = None;
        };
        match key {
            Key::Character('q') | Key::Interrupt => return false,
            Key::Character('1') => look(self, View::Alerts),
            Key::Character('2') => look(self, View::Containers),
            Key::Character('3') => look(self, View::Programs),
            Key::Tab => look(
                self,
                match self.view {
                    View::Alerts => View::Containers,
                    View::Containers => View::Programs,
                    View::Programs => View::Alerts,
                },
            ),
            Key::Character('/') => {
                self.typing = true;
                self.still = None;
            }
            Key::Character('p' | ' ') => {
                self.still = if self.still.is_some() { None } else { Some(self.rows(groups)) };
            }
            Key::Character('k') | Key::Up => self.chosen = self.chosen.saturating_sub(1),
            Key::Character('j') | Key::Down => self.chosen = self.chosen.saturating_add(1),
            Key::PageUp => self.chosen = self.chosen.saturating_sub(self.page),
            Key::PageDown => self.chosen = self.chosen.saturating_add(self.page),
            Key::Character('g') | Key::Home => self.chosen = 0,
            // The list ends it.
            Key::Character('G') | Key::End => self.chosen = usize::MAX,
            Key::Enter => self.open = !self.open,
            Key::Escape if self.open => self.open = false,
            Key::Escape => self.filter.clear(),
            _ => {}
        }
        true
    }
}

fn of_group(group: &Group) -> Row {
    let alert = &group.example;
    let times = if group.count == 1 { String::new() } else { format!("{} times  ", group.count) };
    let id = if alert.id.is_empty() { String::new() } else { format!("{}  ", alert.id) };
    Row {
        cells: vec![
            clock(group.last),
            alert.priority.name().to_uppercase(),
            format!("{id}{}", alert.process.name.chars().take(7).collect::<String>()),
            shown(&alert.container.subject()),
            format!("{times}{}", shown(&alert.rule)),
        ],
        loud: alert.priority <= Priority::Error,
        detail: vec![
            shown(&alert.output),
            format!("where: {}", shown(&alert.container.subject())),
            format!("who: {}", shown(&alert.owner)),
            format!("next: {}", shown(&alert.action)),
            format!("key: {}", alert.key),
        ],
    }
}

/// Keys in what a terminal sent. Sequences that nobody knows are no keys.
fn keys(bytes: &[u8]) -> Vec<Key> {
    let text = String::from_utf8_lossy(bytes);
    let mut rest: &str = &text;
    let mut all = Vec::new();
    const SEQUENCES: &[(&str, Key)] = &[
        ("\x1b[A", Key::Up),
        ("\x1bOA", Key::Up),
        ("\x1b[B", Key::Down),
        ("\x1bOB", Key::Down),
        ("\x1b[5~", Key::PageUp),
        ("\x1b[6~", Key::PageDown),
        ("\x1b[H", Key::Home),
        ("\x1b[1~", Key::Home),
        ("\x1b[F", Key::End),
        ("\x1b[4~", Key::End),
    ];
    while let Some(first) = rest.chars().next() {
        if let Some((sequence, key)) = SEQUENCES.iter().find(|(sequence, _)| rest.starts_with(sequence)) {
            all.push(*key);
            rest = &rest[sequence.len()..];
            continue;
        }
        if let Some(sequence) = rest.strip_prefix("\x1b[").or_else(|| rest.strip_prefix("\x1bO")) {
            // Up to the letter that ends it.
            let end = sequence.find(|character: char| character.is_ascii_alphabetic() || character == '~');
            rest = end.map_or("", |end| &sequence[end + 1..]);
            continue;
        }
        rest = &rest[first.len_utf8()..];
        all.push(match first {
            '\x1b' => Key::Escape,
            '\r' | '\n' => Key::Enter,
            '\t' => Key::Tab,
            '\x03' => Key::Interrupt,
            '\x7f' | '\x08' => Key::Backspace,
            other if other.is_control() => continue,
            other => Key::Character(other),
        });
    }
    all
}

/// How the terminal was; nothing when it is so.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Gives the terminal back as it was. Does nothing a second time.
fn restore() {
    let before = BEFORE.lock().ok().and_then(|mut before| before.take());
    if let Some(before) = before {
        let mut out = io::stdout().lock();
        let _ = out.write_all(b"\x1b[?25h\x1b[?1049l").and_then(|()| out.flush());
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &before);
    }
}

/// A terminal that is drawn on as a whole. It is given back when this is dropped, and before a panic is told.
pub(super) struct Terminal {
    drawn: Vec<String>,
    last: Option<Instant>,
}

impl Terminal {
    pub(super) fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        // What is there, without waiting.
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        if let Ok(mut kept) = BEFORE.lock() {
            *kept = Some(before);
        }
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |what| {
            restore();
            told(what);
        }));
        // Made before the terminal is changed: it is given back if that fails half-way.
        let terminal = Self { drawn: Vec::new(), last: None };
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        let mut out = io::stdout().lock();
        out.write_all(b"\x1b[?1049h\x1b[?25l\x1b[2J").and_then(|()| out.flush())?;
        Ok(terminal)
    }

    /// Does what keys say and draws what has changed; whether the watch goes on.
    pub(super) fn turn(
        &mut self,
        screen: &mut Screen,
        groups: &Groups,
        counted: Counted,
    ) -> io::Result<bool> {
        let mut bytes = [0; 64];
        let read = match io::stdin().lock().read(&mut bytes) {
            Ok(read) => read,
            // A signal, or a terminal that has nothing: the next turn.
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => 0,
            Err(error) => return Err(error),
        };
        let mut pressed = false;
        for key in keys(&bytes[..read]) {
            pressed = true;
            if !screen.press(key, groups) {
                return Ok(false);
            }
        }
        if !pressed && self.last.is_some_and(|last| last.elapsed() < EACH) {
            return Ok(true);
        }
        self.last = Some(Instant::now());
        let (width, height) = match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (usize::from(size.ws_col), usize::from(size.ws_row))
            }
            _ => (80, 24),
        };
        let lines = screen.lines(groups, counted, width.clamp(20, 400), height.clamp(8, 400));
        if lines == self.drawn {
            return Ok(true);
        }
        let mut text = "\x1b[H".to_owned();
        for (at, line) in lines.iter().enumerate() {
            text += if at == 0 { "" } else { "\r\n" };
            text += line;
            text += "\x1b[K";
        }
        text += "\x1b[J";
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
        self.drawn = lines;
        Ok(true)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plimsoll_runtime::event::{Action, Container, Event, Process, State};
    use plimsoll_runtime::rules::{Groups, Nothing, builtin};

    use super::{Counted, Key, Screen, keys};

    fn events() -> (Screen, Groups) {
        let mut screen = Screen::new(false);
        let mut groups = Groups::default();
        let mut engine = builtin::engine();
        for (name, line) in [("web", "cat /etc/shadow"), ("db", "postgres"), ("web", "sh -c \x1b[31mid")] {
            let event = Event {
                time: 43_200_000_000_000,
                process: Arc::new(Process {
                    id: 100 + u32::try_from(line.len()).unwrap(),
                    name: line.split(' ').next().unwrap_or_default().to_owned(),
                    arguments: line.split(' ').map(str::to_owned).collect(),
                    ..Process::default()
                }),
                container: Arc::new(Container {
                    state: State::Known,
                    id: format!("{name}-0123456789ab"),
                    name: name.to_owned(),
                    image: format!("registry.example/{name}:1"),
                    ..Container::default()
                }),
                action: Action::Exec {
                    path: String::new(),
                    file: plimsoll_runtime::event::File {
                        upper_layer: Some(name == "web"),
                        ..Default::default()
                    },
                    script: String::new(),
                    truncated: false,
                    environment: Vec::new(),
                    response: plimsoll_runtime::event::Response::None,
                },
                ..Event::default()
            };
            screen.event(&event);
            for rule in engine.evaluate(&event, &Nothing).to_vec() {
                let alert = engine.alert(rule, &event, &Nothing);
                screen.alert(&alert.container.id);
                groups.add(alert);
            }
        }
        (screen, groups)
    }

    fn drawn(screen: &mut Screen, groups: &Groups, width: usize) -> String {
        let lines = screen.lines(groups, Counted { events: 3, ..Counted::default() }, width, 20);
        assert_eq!(lines.len(), 20);
        for line in &lines {
            assert!(line.chars().count() <= width && !line.contains(['\x1b', '\n']), "{line:?}");
        }
        lines.join("\n")
    }

    #[test]
    fn lists_are_shown_searched_and_opened() {
        let (mut screen, groups) = events();
        for width in [20, 60, 100] {
            drawn(&mut screen, &groups, width);
        }
        screen.press(Key::Character('3'), &groups);
        let text = drawn(&mut screen, &groups, 100);
        assert!(text.contains("[3 3 programs]") && text.contains("postgres"), "{text}");
        screen.press(Key::Character('/'), &groups);
        for character in "web SHADOW".chars() {
            screen.press(Key::Character(character), &groups);
        }
        screen.press(Key::Enter, &groups);
        let text = drawn(&mut screen, &groups, 100);
        assert!(text.contains("cat /etc/shadow") && !text.contains("postgres"), "{text}");
        assert!(text.contains("filter: web SHADOW (1 match)"), "{text}");
        screen.press(Key::Enter, &groups);
        let text = drawn(&mut screen, &groups, 100);
        assert!(text.contains("process 115 of user 0 in web"), "{text}");
        screen.press(Key::Escape, &groups);
        screen.press(Key::Escape, &groups);
        screen.press(Key::Tab, &groups);
        screen.press(Key::Character('2'), &groups);
        let text = drawn(&mut screen, &groups, 100);
        assert!(text.contains("registry.example/db:1") && text.contains("[2 2 containers]"), "{text}");
        assert!(screen.press(Key::Character('p'), &groups));
        assert!(drawn(&mut screen, &groups, 100).contains("PAUSED"));
        assert!(!screen.press(Key::Character('q'), &groups));
    }

    #[test]
    #[ignore = "run by the test below, in a terminal"]
    fn panics_on_a_screen() {
        let _terminal = super::Terminal::open().unwrap();
        panic!("on purpose");
    }

    #[test]
    fn the_terminal_is_given_back_before_a_panic_is_told() {
        let tests = std::env::current_exe().unwrap();
        let script = format!(
            "sh -c 'echo before $(stty -g); {} --ignored --nocapture panics_on_a_screen; echo after $(stty -g)'",
            tests.display()
        );
        let output = std::process::Command::new("script")
            .args(["--quiet", "--return", "--command", &script, "/dev/null"])
            .stdin(std::process::Stdio::null())
            .output();
        let Ok(output) = output else {
            plimsoll_testing::not_tested("a panic on a screen: script(1) is not installed");
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let left = text.find("\x1b[?1049l");
        assert!(left.is_some() && left < text.find("on purpose"), "{text:?}");
        let set =
            |word: &str| text.lines().find_map(|line| line.trim().strip_prefix(word)).map(str::to_owned);
        assert!(set("before ").is_some() && set("before ") == set("after "), "{text}");
    }

    #[test]
    fn keys_are_read_and_sequences_that_nobody_knows_are_none() {
        assert_eq!(
            keys(b"j\x1b[A\x1b[6~\x1b[1;5P/\xc3\xa4\r\x7f\x03\x1b"),
            [
                Key::Character('j'),
                Key::Up,
                Key::PageDown,
                Key::Character('/'),
                Key::Character('ä'),
                Key::Enter,
                Key::Backspace,
                Key::Interrupt,
                Key::Escape,
            ]
        );
    }
}
