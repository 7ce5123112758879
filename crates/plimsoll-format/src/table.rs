//! Text for a terminal: the order and layout of every answer.
//!
//! What was looked at, the verdict, whose move it is, what to do first, what could not be seen, what to type next.
//! Colour only adds; every meaning is also a word.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use plimsoll_model::report::FrameworkResult;
use plimsoll_model::{Change, Finding, Level, Outcome, Report, Verdict};

use crate::summary::{self, Class, Row, SHOWN_CHANGES, SHOWN_VEX, Summary};
use crate::survey::Line;
use crate::text::{advisory_link, clean, columns, count, shorten, shorten_path, thousands, wrap};
use crate::{By, View};

/// No line is longer, however wide the terminal: longer ones are hard to read.
const WIDEST: usize = 100;
/// Below this, columns no longer fit anything; lines may then be longer than the terminal.
const NARROWEST: usize = 40;
/// From here on places stand in a column of their own, and reasons beside their row.
const WIDE: usize = 96;

/// Settings of an image that are told one by one; the rest is counted.
const SHOWN_SETTINGS: usize = 4;

/// Writes the report as text.
pub(crate) fn write(report: &Report, view: &View) -> String {
    let mut page = Page {
        text: String::new(),
        width: view.width.clamp(NARROWEST, WIDEST),
        color: view.color,
        links: view.links,
        explain: view.explain,
    };
    let summary = Summary::new(report, view);
    page.head(&summary);
    page.verdict(&summary);
    page.whose_move(&summary);
    page.changes(&summary, view);
    page.vex(&summary, view);
    // What could not be seen never stands below a long list: it comes before it.
    page.unseen(&summary, view);
    page.framework(report.framework.as_ref(), view);
    if view.all || view.explain || view.by.is_some() {
        page.findings(&summary, view.by);
    }
    if view.suppressed {
        page.suppressed(&summary);
    }
    page.next(&summary);
    page.text
}

/// What stands above the reports of several targets: the verdict over all, and a line for each.
pub(crate) fn survey_head(lines: &[Line], verdict: &Verdict, notes: &[String], view: &View) -> String {
    let mut page = Page {
        text: String::new(),
        width: view.width.clamp(NARROWEST, WIDEST),
        color: view.color,
        links: false,
        explain: false,
    };
    let missing: Vec<String> = verdict.inputs_missing.iter().map(|input| clean(input).into_owned()).collect();
    page.line(&count(lines.len(), "target", "targets"));
    page.blank();
    page.answer(verdict, &missing);
    page.targets(lines);
    for note in notes {
        page.flow("note: ", " ", std::slice::from_ref(note), 2);
    }
    page.blank();
    page.text
}

/// The line above the report of one of several targets.
pub(crate) fn survey_title(number: usize, of: usize, view: &View) -> String {
    let width = view.width.clamp(NARROWEST, WIDEST);
    let title = format!("-- {number} of {of} ");
    format!("{title}{}\n\n", "-".repeat(width.saturating_sub(title.len())))
}

struct Page {
    text: String,
    width: usize,
    color: bool,
    links: bool,
    explain: bool,
}

const HEAD: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

fn level_style(level: Level) -> Style {
    match level {
        Level::Critical => Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red))).bold(),
        Level::High => Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red))),
        Level::Medium => Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow))),
        Level::Low | Level::Negligible | Level::Unknown => QUIET,
    }
}

fn outcome_style(outcome: Outcome) -> Style {
    let color = match outcome {
        Outcome::Met => AnsiColor::Green,
        Outcome::NotMet => AnsiColor::Red,
        Outcome::Unknown => AnsiColor::Magenta,
    };
    Style::new().fg_color(Some(anstyle::Color::Ansi(color))).bold()
}

impl Page {
    fn paint(&self, style: Style, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn blank(&mut self) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Parts side by side as long as they fit; what does not fit starts a line at `indent`, and breaks at its blanks.
    fn flow(&mut self, first: &str, gap: &str, parts: &[String], indent: usize) {
        let mut line = first.to_owned();
        let mut fresh = true;
        let mut broken = false;
        for part in parts {
            if broken {
                self.line(&line);
                line = " ".repeat(indent);
                (fresh, broken) = (true, false);
            }
            let joined = columns(&line) + if fresh { 0 } else { columns(gap) } + columns(part);
            if joined <= self.width {
                if !fresh {
                    line.push_str(gap);
                }
                line.push_str(part);
                fresh = false;
                continue;
            }
            if !fresh {
                self.line(&line);
                line = " ".repeat(indent);
            }
            let room = self.width.saturating_sub(columns(&line));
            let pieces = wrap(part, room);
            let (last, earlier) =
                pieces.split_last().map_or(("", &[][..]), |(last, rest)| (last.as_str(), rest));
            for piece in earlier {
                line.push_str(piece);
                self.line(&line);
                line = " ".repeat(indent);
            }
            broken = !earlier.is_empty();
            line.push_str(last);
            fresh = false;
        }
        self.line(&line);
    }

    fn head(&mut self, summary: &Summary<'_>) {
        let mut target = summary.target.clone();
        if let Some(name) = target.first_mut() {
            *name = shorten(name, self.width).into_owned();
        }
        let target = target.join("  ");
        self.flow("", "   ", &[target, summary.contents.clone()], 0);
        let mut data = vec![summary.data.clone()];
        data.retain(|part| !part.is_empty());
        if !summary.base.is_empty() {
            data.push(summary.base.clone());
        }
        if !data.is_empty() {
            self.flow("", "   ", &data, 0);
        }
        self.blank();
    }

    fn verdict(&mut self, summary: &Summary<'_>) {
        self.answer(&summary.report.verdict, &summary.missing);
    }

    fn answer(&mut self, verdict: &Verdict, missing: &[String]) {
        let word = verdict.outcome.word();
        let indent = columns(word) + 3;
        let room = self.width - indent;
        let mut lines: Vec<String> = Vec::new();
        for reason in &verdict.reasons {
            lines.extend(wrap(&clean(reason), room));
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
        let limit =
            if verdict.line.is_empty() { String::new() } else { format!("line: {}", clean(&verdict.line)) };
        let free = room.saturating_sub(columns(&lines[0]));
        if !limit.is_empty() {
            if columns(&limit) + 3 <= free {
                let gap = " ".repeat(free - columns(&limit));
                let _ = write!(lines[0], "{gap}{limit}");
            } else {
                lines.extend(wrap(&limit, room));
            }
        }
        for input in missing {
            lines.extend(wrap(&format!("missing: {input}"), room));
        }
        for (index, line) in lines.iter().enumerate() {
            let front = if index == 0 {
                format!("{}   ", self.paint(outcome_style(verdict.outcome), word))
            } else {
                " ".repeat(indent)
            };
            self.line(&format!("{front}{line}"));
        }
        self.blank();
    }

    /// One line for each of several targets.
    fn targets(&mut self, lines: &[Line]) {
        if lines.is_empty() {
            return;
        }
        const HEADS: [&str; 4] = ["count", "critical", "high", "changes"];
        // The verdict, four numbers, and the gaps between.
        let beside = 2 + 2 + 7 + HEADS.iter().map(|head| head.len() + 2).sum::<usize>();
        let room = self.width.saturating_sub(beside).max(12);
        let widest = lines.iter().map(|line| columns(&line.name)).max().unwrap_or_default();
        let width = widest.clamp("target".len(), room);
        let numbers = |cells: [&str; 4]| {
            let cell = |(cell, head): (&str, &str)| format!("  {cell:>width$}", width = head.len());
            cells.into_iter().zip(HEADS).map(cell).collect::<String>()
        };
        let head = format!("  {:<width$}  verdict{}", "target", numbers(HEADS));
        let head = self.paint(QUIET, &head);
        self.line(&head);
        for line in lines {
            let name = shorten_path(&line.name, width);
            let filler = " ".repeat(width - columns(&name));
            let word = format!("{:<7}", line.outcome.word());
            let word = self.paint(outcome_style(line.outcome), &word);
            let cells = line.cells();
            let cells = numbers([&cells[0], &cells[1], &cells[2], &cells[3]]);
            self.line(&format!("  {name}{filler}  {word}{cells}"));
            if let Some(failure) = &line.failure {
                for piece in wrap(failure, self.width - 6) {
                    self.line(&format!("      {piece}"));
                }
            }
        }
        self.blank();
    }

    fn whose_move(&mut self, summary: &Summary<'_>) {
        if summary.rows.is_empty() {
            return;
        }
        let wide = self.width >= WIDE;
        let head = format!("  {:<14}  {:>7}  {:>7}", "whose move", "changes", "removes");
        let head = if wide { format!("{head}  what") } else { head };
        let head = self.paint(QUIET, &head);
        self.line(&head);
        for row in &summary.rows {
            let changes = if row.changes == 0 { "-".to_owned() } else { thousands(row.changes as u64) };
            let front =
                format!("  {:<14}  {changes:>7}  {:>7}", row.row.word(), thousands(row.number() as u64));
            if wide {
                let indent = columns(&front) + 2;
                let mut pieces = wrap(&row.what, self.width - indent).into_iter();
                self.line(&format!("{front}  {}", pieces.next().unwrap_or_default()));
                for piece in pieces {
                    self.line(&format!("{}{piece}", " ".repeat(indent)));
                }
            } else {
                self.line(&front);
                for piece in wrap(&row.what, self.width - 6) {
                    self.line(&format!("      {piece}"));
                }
            }
        }
        self.blank();
    }

    fn changes(&mut self, summary: &Summary<'_>, view: &View) {
        let (settings, mut changes): (Vec<&Change>, Vec<&Change>) =
            summary.changes_of(Row::Application).partition(|change| summary.setting(change).is_some());
        let rest = if view.all { 0 } else { changes.len().saturating_sub(SHOWN_CHANGES) };
        changes.truncate(changes.len() - rest);
        if !changes.is_empty() {
            self.change_table(&changes, summary, view);
            if rest > 0 {
                self.line(&format!("  and {}; --all lists them", count(rest, "more change", "more changes")));
            }
            self.blank();
        }
        self.settings(&settings, summary, view);
        if view.all {
            let others: Vec<&Change> = summary
                .changes
                .iter()
                .copied()
                .filter(|change| Row::of(&change.party) != Row::Application)
                .collect();
            for change in others {
                let front = format!("  {}: ", Row::of(&change.party).word());
                self.flow(&front, " ", &[clean(&change.action).into_owned()], 6);
                if let Some(command) = &change.command {
                    self.line(&format!("      {}", clean(command)));
                }
            }
            self.blank();
        }
    }

    /// How the target is set up: few lines, however much there is to say.
    fn settings(&mut self, changes: &[&Change], summary: &Summary<'_>, view: &View) {
        let mut shown: Vec<(&Change, &Finding)> =
            changes.iter().filter_map(|change| Some((*change, summary.setting(change)?))).collect();
        if shown.is_empty() {
            return;
        }
        let all = shown.len();
        if !view.all {
            shown.retain(|(change, _)| change.worst > Level::Negligible);
            shown.truncate(SHOWN_SETTINGS);
        }
        let title = self.paint(QUIET, "  application: how it is set up");
        self.line(&title);
        let rest = all - shown.len();
        for (change, finding) in &shown {
            let level = format!("{:<10}", change.worst.word());
            let seen = summary::told(finding).unwrap_or_else(|| clean(&finding.title).into_owned());
            let seen = format!("{}: {seen}", summary::subject(finding));
            for (index, piece) in wrap(&seen, self.width - 14).iter().enumerate() {
                let front =
                    if index == 0 { self.paint(level_style(change.worst), &level) } else { " ".repeat(10) };
                self.line(&format!("  {front}  {piece}"));
            }
            for piece in wrap(&clean(&change.action), self.width - 16) {
                self.line(&format!("{}{piece}", " ".repeat(16)));
            }
        }
        if rest > 0 {
            let minor = if shown.is_empty() { "negligible ones" } else { "more" };
            self.line(&format!(
                "  {}{} {minor}; --all lists them",
                if shown.is_empty() { "" } else { "and " },
                thousands(rest as u64)
            ));
        }
        self.blank();
    }

    fn change_table(&mut self, changes: &[&Change], summary: &Summary<'_>, view: &View) {
        let wide = self.width >= WIDE;
        let digits = changes.len().to_string().len();
        let rows: Vec<[String; 6]> = changes
            .iter()
            .map(|change| {
                [
                    if summary.is_of_object(change) {
                        clean(&change.subject).into_owned()
                    } else {
                        summary::what_changes(change)
                    },
                    change.location.as_ref().map(summary::place).unwrap_or_default(),
                    clean(&change.from).into_owned(),
                    clean(change.to.as_deref().unwrap_or("-")).into_owned(),
                    thousands(change.removes.len() as u64),
                    summary::worst(change),
                ]
            })
            .collect();
        // Narrow terminals have the place and the severity on a line of their own.
        let shown: &[usize] = if wide { &[0, 1, 2, 3, 4, 5] } else { &[0, 2, 3, 4] };
        // Edits lead from no version to another.
        let edits = changes.iter().all(|change| change.from.is_empty() && change.to.is_none());
        let shown: Vec<usize> =
            shown.iter().copied().filter(|column| !edits || !matches!(column, 2 | 3)).collect();
        let title = if wide { "application: change" } else { "application" };
        let heads = ["", "where", "from", "to", "removes", "worst"];
        let natural = |column: usize| {
            let cells = rows.iter().map(|row| columns(&row[column]));
            if shown.contains(&column) { cells.max().unwrap_or(0).max(heads[column].len()) } else { 0 }
        };
        let mut widths: [usize; 6] = std::array::from_fn(natural);
        // The head of the first column also stands above the number.
        let lead = 2 + digits + 1;
        let least_name = (2 + title.len()).saturating_sub(lead);
        widths[0] = widths[0].max(least_name);
        let gaps = 2 * (shown.len() - 1);
        let over =
            |widths: &[usize; 6]| (lead + widths.iter().sum::<usize>() + gaps).saturating_sub(self.width);
        // Long versions are cut where places need the room, and only there.
        if over(&widths) > 0 {
            for (column, most) in [(2, 16), (3, 16), (5, 24)] {
                widths[column] = widths[column].min(most);
            }
        }
        // Places give way first, down to a readable rest, then names, then versions.
        for (column, least) in
            [(1, 24), (0, 20), (1, 16), (2, 8), (3, 8), (5, 19), (1, 12), (0, least_name), (5, 12)]
        {
            widths[column] = widths[column].saturating_sub(over(&widths)).max(least.min(widths[column]));
        }
        let layout = |cells: [&str; 6]| {
            let mut line = String::new();
            for column in &shown {
                let width = widths[*column];
                let cell = match column {
                    0 | 1 => shorten_path(cells[*column], width),
                    _ => shorten(cells[*column], width),
                };
                let filler = " ".repeat(width.saturating_sub(columns(&cell)));
                let gap = if *column == 0 { "" } else { "  " };
                let _ = if *column == 4 {
                    write!(line, "{gap}{filler}{cell}")
                } else {
                    write!(line, "{gap}{cell}{filler}")
                };
            }
            line
        };
        // The title begins where the numbers begin.
        let head = layout(heads);
        let skip = title.len() + 2 - lead;
        let head = format!("  {title}{}", head.get(skip..).unwrap_or_default());
        let head = self.paint(QUIET, head.trim_end());
        self.line(&head);
        for (index, (row, change)) in rows.iter().zip(changes).enumerate() {
            let number = format!("  {:>digits$} ", index + 1);
            let cells = [
                row[0].as_str(),
                row[1].as_str(),
                row[2].as_str(),
                row[3].as_str(),
                row[4].as_str(),
                row[5].as_str(),
            ];
            let mut line = layout(cells);
            if wide && self.color {
                let worst = shorten(&row[5], widths[5]);
                let at = line.trim_end().len() - worst.len();
                line.truncate(at);
                line.push_str(&self.paint(level_style(change.worst), &worst));
            }
            self.line(&format!("{number}{line}"));
            let indent = 6;
            if !wide {
                let worst = self.paint(level_style(change.worst), &row[5]);
                let room = self.width.saturating_sub(indent + columns(&row[5]) + 2);
                let place = shorten_path(&row[1], room).into_owned();
                self.line(&format!("{}{worst}  {place}", " ".repeat(indent)));
            }
            // Commands are not wrapped: a broken line cannot be pasted.
            match &change.command {
                Some(command) => {
                    let command = clean(command).into_owned();
                    self.line(&format!("{}{command}", " ".repeat(indent)));
                }
                None => {
                    for sentence in sentences(change, summary, view) {
                        let mut hang = 0;
                        for piece in wrap(&sentence, self.width - indent - 2) {
                            self.line(&format!("{}{piece}", " ".repeat(indent + hang)));
                            hang = 2;
                        }
                    }
                }
            }
        }
    }

    /// Who says that findings do not count.
    fn vex(&mut self, summary: &Summary<'_>, view: &View) {
        let shown = if view.all { summary.vex.len() } else { summary.vex.len().min(SHOWN_VEX) };
        for line in &summary.vex[..shown] {
            self.flow("VEX: ", "", std::slice::from_ref(line), 5);
        }
        let rest = summary.vex.len() - shown;
        if rest > 0 {
            self.line(&format!("     and {}; --all lists them", count(rest, "more", "more")));
        }
        if shown > 0 {
            self.blank();
        }
    }

    /// The controls of a framework: how many of each answer, and those that are not met; with `--all` every one.
    fn framework(&mut self, framework: Option<&FrameworkResult>, view: &View) {
        let Some(framework) = framework else { return };
        let number = |outcome| framework.controls.iter().filter(|control| control.outcome == outcome).count();
        self.line(&format!(
            "{}: {} met, {} not met, {} unknown",
            framework.title,
            number(Outcome::Met),
            number(Outcome::NotMet),
            number(Outcome::Unknown),
        ));
        self.line(&format!("  of the {} controls that rules answer", framework.controls.len()));
        let width = framework.controls.iter().map(|control| control.id.len()).max().unwrap_or_default();
        for control in framework.controls.iter().filter(|one| view.all || one.outcome == Outcome::NotMet) {
            let (answer, rest) = match control.outcome {
                Outcome::Met => ("met", String::new()),
                Outcome::NotMet => (
                    "not met",
                    count(usize::try_from(control.findings).unwrap_or(usize::MAX), "finding", "findings"),
                ),
                Outcome::Unknown => ("unknown", control.missing.clone()),
            };
            let accepted = match control.accepted {
                0 => String::new(),
                number => format!("  ({number} accepted)"),
            };
            self.line(format!("  {:width$}  {answer:7}  {rest}{accepted}", control.id).trim_end());
        }
        self.blank();
    }

    fn unseen(&mut self, summary: &Summary<'_>, view: &View) {
        if summary.unseen.is_empty() && summary.notes == 0 {
            return;
        }
        if !summary.unseen.is_empty() {
            if view.all {
                self.line("could not see:");
                for thing in &summary.unseen {
                    self.flow("  ", "", std::slice::from_ref(thing), 4);
                }
            } else {
                let last = summary.unseen.len() - 1;
                let parts: Vec<String> = summary
                    .unseen
                    .iter()
                    .enumerate()
                    .map(|(index, thing)| if index == last { thing.clone() } else { format!("{thing},") })
                    .collect();
                self.flow("could not see: ", " ", &parts, 2);
            }
        }
        if summary.notes > 0 {
            if view.all {
                let notes = summary.report.problems.iter();
                let notes: Vec<String> = notes
                    .filter(|problem| problem.effect == plimsoll_model::Effect::Note)
                    .map(summary::describe)
                    .collect();
                self.line("notes:");
                for note in notes {
                    self.flow("  ", "", &[note], 4);
                }
            } else {
                let them = if summary.notes == 1 { "it" } else { "them" };
                self.line(&format!("{}; --all lists {them}", count(summary.notes, "note", "notes")));
            }
        }
        if view.all || view.explain || view.by.is_some() {
            self.blank();
        }
    }

    fn findings(&mut self, summary: &Summary<'_>, by: Option<By>) {
        let findings = &summary.report.findings;
        if findings.is_empty() {
            return;
        }
        let Some(by) = by else {
            let head = format!("  {} in the order of work", count(findings.len(), "finding", "findings"));
            let head = self.paint(QUIET, &head);
            self.line(&head);
            for index in 0..findings.len() {
                self.finding(summary, index, "  ", None);
            }
            self.blank();
            return;
        };
        // Groups stand in the order in which their first finding stands, which is the order of work.
        let mut order: BTreeMap<String, usize> = BTreeMap::new();
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        for (index, finding) in findings.iter().enumerate() {
            let key = group(summary, index, finding, by);
            let slot = *order.entry(key.clone()).or_insert_with(|| {
                groups.push((key, Vec::new()));
                groups.len() - 1
            });
            groups[slot].1.push(index);
        }
        for (key, members) in groups {
            let number = count(members.len(), "finding", "findings");
            let title = shorten(&key, self.width - columns(&number) - 3).into_owned();
            let head = format!("{}   {number}", self.paint(HEAD, &title));
            self.line(&head);
            for index in members {
                self.finding(summary, index, "  ", Some(by));
            }
        }
        self.blank();
    }

    fn finding(&mut self, summary: &Summary<'_>, index: usize, indent: &str, by: Option<By>) {
        let finding = &summary.report.findings[index];
        let severity = summary::severity(finding);
        let advisory = clean(&finding.advisory);
        let advisory = shorten(&advisory, 24);
        let mut notes = vec![summary::told(finding).unwrap_or_else(|| summary::fix(finding))];
        if by != Some(By::Party) {
            notes.push(summary.row(index).word().to_owned());
        }
        if let (Class::Nobody, Some(suppression)) = (summary.classes[index], &finding.suppressed_by) {
            notes.push(format!("{}: {}", clean(&suppression.by), clean(&suppression.reason)));
        }
        let advisory_width = 20.max(columns(&advisory));
        let severity_width = 20.max(columns(&severity));
        let shown = match advisory_link(&finding.advisory) {
            Some(link) if self.links => format!("\u{1b}]8;;{link}\u{1b}\\{advisory}\u{1b}]8;;\u{1b}\\"),
            _ => advisory.clone().into_owned(),
        };
        let filler = " ".repeat(advisory_width - columns(&advisory));
        let painted = self.paint(level_style(finding.severity.level), &severity);
        let severity_filler = " ".repeat(severity_width - columns(&severity));
        let used = indent.len() + advisory_width + severity_width + 4;
        let subject = summary::subject(finding);
        let rest = notes.join(", ");
        if self.width >= WIDE {
            let room = self.width.saturating_sub(used).max(20);
            let mut pieces = wrap(&format!("{subject}  {rest}"), room).into_iter();
            let first = pieces.next().unwrap_or_default();
            self.line(&format!("{indent}{shown}{filler}  {painted}{severity_filler}  {first}"));
            for piece in pieces {
                self.line(&format!("{}{piece}", " ".repeat(used)));
            }
        } else {
            self.line(&format!("{indent}{shown}{filler}  {painted}"));
            for piece in wrap(&format!("{subject}  {rest}"), self.width - 6) {
                self.line(&format!("      {piece}"));
            }
        }
        if self.explain {
            for piece in wrap(&finding.risk.work.told(), self.width - 6) {
                let piece = self.paint(QUIET, &piece);
                self.line(&format!("      {piece}"));
            }
        }
    }

    /// What does not count, why, and who says so.
    fn suppressed(&mut self, summary: &Summary<'_>) {
        let aside = summary.all_set_aside();
        self.blank();
        let head = match aside.len() {
            0 => "  every finding counts".to_owned(),
            1 => "  1 finding that does not count".to_owned(),
            number => format!("  {} findings that do not count", thousands(number as u64)),
        };
        let head = self.paint(QUIET, &head);
        self.line(&head);
        for (index, aside) in aside {
            let finding = &summary.report.findings[index];
            let severity = summary::severity(finding);
            let painted = self.paint(level_style(finding.severity.level), &severity);
            let front = format!("  {:<20}  {painted}", clean(&finding.advisory));
            let parts = [summary::subject(finding)];
            self.flow(&format!("{front}  "), "", &parts, 6);
            for piece in wrap(&format!("{}: {}", aside.by, aside.reason), self.width - 6) {
                self.line(&format!("      {piece}"));
            }
            let said = aside.said();
            if !said.is_empty() {
                for piece in wrap(&format!("says {said}"), self.width - 6) {
                    let piece = self.paint(QUIET, &piece);
                    self.line(&format!("      {piece}"));
                }
            }
        }
        self.blank();
    }

    fn next(&mut self, summary: &Summary<'_>) {
        if summary.next.is_empty() {
            return;
        }
        // Commands are joined while they fit and never broken.
        let mut line = "next:".to_owned();
        let mut first = true;
        for command in &summary.next {
            let gap = if first { " " } else { "     " };
            if !first && columns(&line) + columns(gap) + columns(command) > self.width {
                self.line(&line);
                line = format!("      {command}");
            } else {
                let _ = write!(line, "{gap}{command}");
            }
            first = false;
        }
        self.line(&line);
    }
}

fn group(summary: &Summary<'_>, index: usize, finding: &Finding, by: By) -> String {
    match by {
        By::Cve => {
            let title = clean(&finding.title);
            format!("{}  {title}", clean(&finding.advisory)).trim_end().to_owned()
        }
        By::Package => summary::subject(finding),
        By::Party => summary.row(index).word().to_owned(),
        By::Layer => match summary.layer(finding) {
            None => "no layer".to_owned(),
            Some(number) => {
                let layer = summary.report.target.layers.iter().find(|layer| layer.index == number);
                let command = layer.and_then(|layer| layer.created_by.as_deref()).unwrap_or_default();
                let base = if layer.is_some_and(|layer| layer.from_base) { " (base)" } else { "" };
                format!("layer {number}{base}  {}", clean(command)).trim_end().to_owned()
            }
        },
    }
}

/// What is to be done, line by line: of an object the first things by rule, each with the number of its places. Of few objects
/// nearly all of them.
fn sentences(change: &Change, summary: &Summary<'_>, view: &View) -> Vec<String> {
    /// More are counted.
    const SHOWN: usize = 3;
    /// So many, where there are at most this many objects.
    const SHOWN_OF_FEW: (usize, usize) = (20, 2);
    let Some(edits) = summary.edits(change) else { return vec![clean(&change.action).into_owned()] };
    let objects = summary.changes.iter().filter(|change| summary.is_of_object(change));
    let few = objects.take(SHOWN_OF_FEW.1 + 1).count() <= SHOWN_OF_FEW.1;
    let most = if few { SHOWN_OF_FEW.0 } else { SHOWN };
    let shown = if view.all { edits.len() } else { edits.len().min(most) };
    let mut lines: Vec<String> = edits[..shown]
        .iter()
        .map(|edit| {
            let places = match edit.places {
                1 => String::new(),
                places => format!(" ({} places)", thousands(places as u64)),
            };
            format!("{}: {}{places}", clean(edit.rule), clean(edit.action))
        })
        .collect();
    if shown < edits.len() {
        lines.push(format!("and {} more", edits.len() - shown));
    }
    lines
}
