//! The verdict: the findings and problems held against the user's line.

use plimsoll_model::functions::Reach;
use plimsoll_model::{
    Coverage, DatabaseInfo, Effect, Finding, FindingKind, Level, Outcome, Problem, ProblemKind, Verdict,
};

/// The line (`--fail-on SEVERITY[,fixable][,kev]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Findings at this severity or above count. `Level::Unknown` means: all count.
    pub severity: Level,
    /// Only those with a released fix count.
    pub fixable: bool,
    /// Known-exploited findings count whatever their severity.
    pub kev: bool,
}

impl Default for Line {
    /// What most teams agree on: critical with a fix, and everything known to be exploited with a fix.
    fn default() -> Self {
        Line { severity: Level::Critical, fixable: true, kev: true }
    }
}

/// Why a line cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a line: expected a severity (critical, high, medium, low, negligible, any), then optionally `fixable`, `kev`, as in `high,fixable`"
)]
pub struct LineError(String);

impl std::str::FromStr for Line {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let mut line = Line { severity: Level::Unknown, fixable: false, kev: false };
        let mut severity = None;
        for word in text.split(',').map(str::trim) {
            match word {
                "fixable" => line.fixable = true,
                "kev" => line.kev = true,
                "any" if severity.is_none() => severity = Some(Level::Unknown),
                _ if severity.is_none() && Level::from_word(word) != Level::Unknown => {
                    severity = Some(Level::from_word(word));
                }
                _ => return Err(LineError(text.to_owned())),
            }
        }
        line.severity = severity.ok_or_else(|| LineError(text.to_owned()))?;
        Ok(line)
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = if self.severity == Level::Unknown { "any" } else { self.severity.word() };
        write!(formatter, "--fail-on {severity}")?;
        if self.fixable {
            write!(formatter, ",fixable")?;
        }
        if self.kev {
            write!(formatter, ",kev")?;
        }
        Ok(())
    }
}

/// How one finding stands to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Over,
    Under,
    /// Its severity is known to nobody: it may stand on either side.
    CannotTell,
}

impl Line {
    /// Would a finding of this severity, which an edit removes, stand over the line?
    pub fn reaches(self, level: Level) -> bool {
        level >= self.severity
    }

    /// Does a finding stand under the line for certain?
    pub(crate) fn is_under(self, finding: &Finding) -> bool {
        self.side(finding) == Side::Under
    }

    fn side(self, finding: &Finding) -> Side {
        if finding.suppressed_by.is_some() {
            return Side::Under;
        }
        match finding.kind {
            // A package made to do harm is over every line: there is no severity at which one may keep it.
            FindingKind::Malware => return Side::Over,
            FindingKind::Informational => return Side::Under,
            // The user's lists are the line for licences.
            FindingKind::License => {
                let unknown = finding.severity.level == Level::Unknown;
                return if unknown { Side::CannotTell } else { Side::Over };
            }
            FindingKind::EndOfLife
            | FindingKind::Vulnerability
            | FindingKind::Secret
            | FindingKind::Misconfiguration => {}
        }
        if self.fixable && !finding.risk.fixable {
            return Side::Under;
        }
        if self.kev && finding.risk.kev.is_some() {
            return Side::Over;
        }
        if finding.risk.not_run || finding.risk.reach == Some(Reach::NotLinked) {
            return Side::Under;
        }
        match finding.severity.level {
            level if level >= self.severity => Side::Over,
            Level::Unknown => Side::CannotTell,
            _ => Side::Under,
        }
    }
}

/// Holds findings and problems against the line. Without `database`, no advisories were to be asked. `stale` says, when the data are older than the user allows, how old.
pub fn judge(
    line: Line,
    findings: &[Finding],
    problems: &[Problem],
    database: Option<&DatabaseInfo>,
    stale: Option<String>,
) -> Verdict {
    judge_among(line, &findings.iter().collect::<Vec<_>>(), problems, database, stale)
}

/// As [`judge`], for some findings of a report.
pub(crate) fn judge_among(
    line: Line,
    findings: &[&Finding],
    problems: &[Problem],
    database: Option<&DatabaseInfo>,
    stale: Option<String>,
) -> Verdict {
    let over: Vec<&Finding> =
        findings.iter().copied().filter(|finding| line.side(finding) == Side::Over).collect();
    let undecided = || findings.iter().filter(|finding| line.side(finding) == Side::CannotTell);
    let licenses = undecided().filter(|finding| finding.kind == FindingKind::License).count();
    let undecided = undecided().count() - licenses;
    let mut inputs_missing = Vec::new();
    if licenses > 0 {
        let those =
            if licenses == 1 { "that of 1 package" } else { &format!("those of {licenses} packages") };
        inputs_missing.push(format!("licences: {those} cannot be told"));
    }
    if undecided > 0 {
        let those = if undecided == 1 { "1 finding has" } else { &format!("{undecided} findings have") };
        inputs_missing.push(format!("severity: {those} none in any source"));
    }
    let coverage = database.map(|database| database.coverage);
    match coverage {
        None | Some(Coverage::Database) => {}
        Some(Coverage::IncidentPack) => {
            inputs_missing.push("an advisory database: only the incident pack was asked".to_owned());
        }
        Some(Coverage::None) => inputs_missing.push("an advisory database".to_owned()),
    }
    inputs_missing.extend(stale);
    // That there is no database is said once, above.
    let said = |problem: &Problem| {
        problem.kind == ProblemKind::NotCovered
            && problem.subject == "advisories"
            && coverage == Some(Coverage::IncidentPack)
    };
    let incomplete = problems.iter().filter(|problem| problem.effect == Effect::Incomplete && !said(problem));
    let unseen = incomplete.clone().count();
    if unseen > 0 {
        let first = incomplete.clone().next().map(|problem| problem.subject.clone()).unwrap_or_default();
        inputs_missing.push(match unseen {
            1 => format!("{first} could not be read or decided"),
            _ => format!("{unseen} things could not be read or decided, {first} among them"),
        });
    }
    let (outcome, reasons) = if !over.is_empty() {
        (Outcome::NotMet, vec![over_the_line(&over)])
    } else if inputs_missing.is_empty() {
        (Outcome::Met, vec!["nothing stands over the line, and everything was seen".to_owned()])
    } else {
        (
            Outcome::Unknown,
            vec![
                "nothing that was seen stands over the line, but not everything could be seen or decided"
                    .to_owned(),
            ],
        )
    };
    Verdict { outcome, line: line.to_string(), reasons, inputs_missing }
}

/// "1 incident: a malicious package is installed; 1 known-exploited and 4 critical findings have a fix; 2 licences are refused".
fn over_the_line(over: &[&Finding]) -> String {
    let (malware, over): (Vec<&Finding>, Vec<&Finding>) =
        over.iter().partition(|finding| finding.kind == FindingKind::Malware);
    let (licenses, over): (Vec<&Finding>, Vec<&Finding>) =
        over.iter().partition(|finding| finding.kind == FindingKind::License);
    // Several records may speak of one package.
    let packages: std::collections::BTreeSet<_> =
        malware.iter().map(|finding| (finding.subject.name(), finding.subject.version())).collect();
    let incidents = match packages.len() {
        0 => String::new(),
        1 => "1 incident: a malicious package is there".to_owned(),
        some => format!("{some} incidents: malicious packages are there"),
    };
    let refused = match licenses.len() {
        0 => String::new(),
        1 => "1 licence is refused".to_owned(),
        some => format!("{some} licences are refused"),
    };
    let told = if over.is_empty() { String::new() } else { findings_over_the_line(&over) };
    let parts: Vec<String> = [incidents, told, refused].into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

fn findings_over_the_line(over: &[&Finding]) -> String {
    let exploited = over.iter().filter(|finding| finding.risk.kev.is_some()).count();
    let mut parts = Vec::new();
    if exploited > 0 {
        parts.push(format!("{exploited} known-exploited"));
    }
    for level in Level::ALL {
        let count = over
            .iter()
            .filter(|finding| finding.risk.kev.is_none() && finding.severity.level == level)
            .count();
        if count > 0 {
            let word = if level == Level::Unknown { "unrated" } else { level.word() };
            parts.push(format!("{count} {word}"));
        }
    }
    let list = match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => parts.concat(),
    };
    let (noun, verb) = if over.len() == 1 { ("finding", "has") } else { ("findings", "have") };
    let fixable = over.iter().filter(|finding| finding.risk.fixable).count();
    if fixable == over.len() {
        format!("{list} {noun} {verb} a fix")
    } else if fixable == 0 {
        format!(
            "{list} {noun} {} over the line, without a fix yet",
            if over.len() == 1 { "stands" } else { "stand" }
        )
    } else {
        format!("{list} {noun} over the line, {fixable} of them with a fix")
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Kev, Suppression};

    use super::*;

    fn finding(id: &str, level: Level, fixable: bool) -> Finding {
        Finding::sample(id, level, fixable)
    }

    fn database(coverage: Coverage) -> DatabaseInfo {
        DatabaseInfo { coverage, date: String::new(), digest: None, sources: Vec::new() }
    }

    fn check(
        line: &str,
        findings: &[Finding],
        problems: &[Problem],
        coverage: Coverage,
        expected: Outcome,
    ) -> Verdict {
        let verdict = judge(line.parse().unwrap(), findings, problems, Some(&database(coverage)), None);
        assert_eq!(verdict.outcome, expected, "{verdict:?}");
        verdict
    }

    #[test]
    fn lines() {
        assert_eq!(Line::default().to_string(), "--fail-on critical,fixable,kev");
        for text in ["high", "high,fixable", "medium,kev", "any,fixable,kev"] {
            assert_eq!(text.parse::<Line>().unwrap().to_string(), format!("--fail-on {text}"));
        }
        for text in ["", "fixable", "hot", "high,low", "high;fixable"] {
            assert!(text.parse::<Line>().is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_seen_is_never_met_without_data() {
        check("critical", &[], &[], Coverage::Database, Outcome::Met);
        check("critical", &[], &[], Coverage::IncidentPack, Outcome::Unknown);
        check("critical", &[], &[], Coverage::None, Outcome::Unknown);
        let problem = Problem::incomplete(ProblemKind::Truncated, "layer", "cut");
        check("critical", &[], &[problem], Coverage::Database, Outcome::Unknown);
        let pack_only = Problem::incomplete(ProblemKind::NotCovered, "advisories", "only the pack");
        let verdict = check("critical", &[], &[pack_only], Coverage::IncidentPack, Outcome::Unknown);
        assert_eq!(verdict.inputs_missing.len(), 1, "one thing is missing, and is named once: {verdict:?}");
        let note = Problem::note(ProblemKind::Unsupported, "x", "y");
        check("critical", &[], &[note], Coverage::Database, Outcome::Met);
    }

    #[test]
    fn findings_over_the_line_win_over_unknown() {
        let problem = Problem::incomplete(ProblemKind::Truncated, "layer", "cut");
        let verdict = check(
            "high,fixable",
            &[finding("CVE-1", Level::High, true)],
            &[problem],
            Coverage::IncidentPack,
            Outcome::NotMet,
        );
        assert_eq!(verdict.reasons, ["1 high finding has a fix"]);
    }

    #[test]
    fn what_counts() {
        let over = finding("CVE-1", Level::High, true);
        check("critical", std::slice::from_ref(&over), &[], Coverage::Database, Outcome::Met);
        check(
            "high,fixable",
            &[finding("CVE-1", Level::Critical, false)],
            &[],
            Coverage::Database,
            Outcome::Met,
        );
        let mut exploited = finding("CVE-1", Level::Low, true);
        exploited.risk.kev = Some(Kev { added: String::new(), due: String::new(), ransomware: false });
        check("critical,kev", std::slice::from_ref(&exploited), &[], Coverage::Database, Outcome::NotMet);
        check("critical", &[exploited], &[], Coverage::Database, Outcome::Met);
        let mut accepted = over;
        accepted.suppressed_by = Some(Suppression {
            by: "vex".into(),
            source: String::new(),
            reason: String::new(),
            expires: None,
        });
        check("high", &[accepted], &[], Coverage::Database, Outcome::Met);
    }

    #[test]
    fn an_unrated_finding_cannot_be_called_clean() {
        let unrated = [finding("CVE-1", Level::Unknown, true)];
        check("critical,fixable", &unrated, &[], Coverage::Database, Outcome::Unknown);
        check("any", &unrated, &[], Coverage::Database, Outcome::NotMet);
    }

    #[test]
    fn the_lists_are_the_line_for_licences() {
        let license = |level| {
            let mut license = finding("license-denied", level, false);
            license.kind = FindingKind::License;
            license
        };
        let refused = [license(Level::Medium), finding("CVE-1", Level::Critical, true)];
        let verdict = check("critical,fixable", &refused, &[], Coverage::Database, Outcome::NotMet);
        assert_eq!(verdict.reasons, ["1 critical finding has a fix; 1 licence is refused"]);
        let verdict = check("critical", &refused[..1], &[], Coverage::Database, Outcome::NotMet);
        assert_eq!(verdict.reasons, ["1 licence is refused"]);
        let unknown = [license(Level::Unknown), license(Level::Unknown)];
        let verdict = check("critical", &unknown, &[], Coverage::Database, Outcome::Unknown);
        assert_eq!(verdict.inputs_missing, ["licences: those of 2 packages cannot be told"]);
    }

    #[test]
    fn malware_is_over_every_line() {
        let mut malware = finding("MAL-1", Level::Unknown, false);
        malware.kind = FindingKind::Malware;
        let twice = Finding { advisory: "MAL-2".to_owned(), ..malware.clone() };
        let mut other = malware.clone();
        other.subject = plimsoll_model::Subject::package(
            plimsoll_model::Ecosystem::Npm,
            plimsoll_model::SourcePackage { name: "other".into(), version: "1".into() },
            Vec::new(),
        );
        let critical = finding("CVE-1", Level::Critical, true);
        let verdict = check("critical,fixable", &[malware, twice], &[], Coverage::Database, Outcome::NotMet);
        assert_eq!(verdict.reasons, ["1 incident: a malicious package is there"]);
        let mut again = other.clone();
        again.subject = finding("MAL-1", Level::Unknown, false).subject;
        let verdict =
            check("critical,fixable", &[other, again, critical], &[], Coverage::Database, Outcome::NotMet);
        assert_eq!(
            verdict.reasons,
            ["2 incidents: malicious packages are there; 1 critical finding has a fix"]
        );
    }
}
