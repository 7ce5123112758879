//! Benchmarks of others over the same evidence: every id with what was seen for it, never blank.
//!
//! The files of `benchmarks/` hold ids and what decides each; the texts of the benchmarks are not ours and stand nowhere.

use std::collections::BTreeSet;

use plimsoll_model::Outcome;
use plimsoll_model::benchmark::{BENCHMARK_VERSION, Benchmark, BenchmarkCheck, Judgement};
use plimsoll_model::node::FileRole;
use plimsoll_model::one_line;
use plimsoll_model::responsibility::{Attested, MissingInput, Owner};
use serde::Deserialize;

use super::attest::Statements;
use super::data::{Fault, Matrix};
use super::decision::Finding;
use super::evidence::{Cloud, Evidence};
use super::pools::Pool;
use super::rules::node_facts::{self, Setting};
use super::rules::{self, Scene, checks};

/// File name and text of each.
const FILES: &[(&str, &str)] = &[
    ("cis-gke.yaml", include_str!("../../benchmarks/cis-gke.yaml")),
    ("cis-eks.yaml", include_str!("../../benchmarks/cis-eks.yaml")),
    ("cis-aks.yaml", include_str!("../../benchmarks/cis-aks.yaml")),
];

/// Names that can be asked for.
pub const BENCHMARKS: [&str; 3] = ["cis-gke", "cis-eks", "cis-aks"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    framework: String,
    title: String,
    version: String,
    family: String,
    checks: Vec<Row>,
}

/// A row as it stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    control: String,
    about: String,
    #[serde(default)]
    yours: bool,
    #[serde(default)]
    decide: Option<String>,
    #[serde(default)]
    rules: Option<Vec<String>>,
    #[serde(default)]
    of: Option<Of>,
    #[serde(default)]
    field: Option<Field>,
    #[serde(default)]
    kubelet: Option<KubeletField>,
    #[serde(default)]
    file: Option<FileAsked>,
    #[serde(default)]
    attest: Option<String>,
}

/// What rules for objects are asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Of {
    Rights,
    Workloads,
}

/// A field of an export.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Field {
    paths: Vec<String>,
    #[serde(default)]
    is: Vec<String>,
    #[serde(default)]
    is_not: Vec<String>,
    #[serde(default)]
    set: bool,
}

/// A setting of kubelets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct KubeletField {
    flag: String,
    field: String,
    /// Another field that says the same.
    #[serde(default)]
    or: Option<String>,
    #[serde(default)]
    is: Vec<String>,
    #[serde(default)]
    is_not: Vec<String>,
    #[serde(default)]
    set: bool,
}

/// Files of nodes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileAsked {
    roles: Vec<FileRole>,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    owner: Option<String>,
}

/// What decides an id.
#[derive(Clone, Debug)]
enum How {
    /// A function of controls.
    Control(&'static rules::Rule),
    /// A function of its own.
    Probe(&'static str, fn(&Scene<'_, '_>) -> Finding),
    /// Rules for objects.
    Rules(Of, Vec<&'static str>),
    /// A field of an export.
    Field(Field),
    /// A setting of kubelets.
    Kubelet(KubeletField),
    /// At most these bits, by files of these roles.
    Mode(Vec<FileRole>, u32),
    /// Files that belong to root.
    Owner(Vec<FileRole>),
    /// A person, who looks at this.
    Attest(String),
}

/// An id with what decides it.
#[derive(Clone, Debug)]
struct Check {
    id: String,
    control: String,
    about: String,
    /// A choice of the reader's, even where the provider has the control.
    yours: bool,
    how: How,
}

/// A benchmark.
#[derive(Clone, Debug)]
pub struct Framework {
    /// As it is typed.
    pub name: String,
    /// As it is called.
    pub title: String,
    /// Of which version the ids are.
    pub version: String,
    /// Whose clusters it is about.
    pub family: Cloud,
    checks: Vec<Check>,
}

fn holds(value: &str, is: &[String], is_not: &[String], set: bool) -> bool {
    let among = |list: &[String]| list.iter().any(|one| one == value);
    if set {
        !value.is_empty()
    } else if is.is_empty() {
        !among(is_not)
    } else {
        among(is)
    }
}

impl How {
    fn of(row: &Row) -> Result<How, String> {
        let mut ways = Vec::new();
        if let Some(name) = &row.decide {
            let probe = checks::PROBES.iter().find(|(own, _)| own == name);
            ways.push(match (probe, rules::find(name)) {
                (Some((name, probe)), _) => How::Probe(name, *probe),
                (None, Some(rule)) => How::Control(rule),
                (None, None) => return Err(format!("there is no function `{name}`")),
            });
        }
        if let Some(names) = &row.rules {
            let of = row.of.ok_or("`rules` needs `of`")?;
            let known = names.iter().map(|name| {
                crate::registry::find(name).map(|rule| rule.id).ok_or(format!("there is no rule `{name}`"))
            });
            ways.push(How::Rules(of, known.collect::<Result<_, _>>()?));
        }
        if let Some(field) = &row.field {
            let known = |path: &String| ["cluster.", "pool."].iter().any(|front| path.starts_with(front));
            if field.paths.is_empty() || !field.paths.iter().all(known) {
                return Err("a path begins with `cluster.` or `pool.`".into());
            }
            ways.push(How::Field(field.clone()));
        }
        if let Some(kubelet) = &row.kubelet {
            ways.push(How::Kubelet(kubelet.clone()));
        }
        if let Some(file) = &row.file {
            ways.push(match (&file.mode, file.owner.as_deref()) {
                (Some(mode), None) => How::Mode(
                    file.roles.clone(),
                    u32::from_str_radix(mode, 8).map_err(|_| format!("`{mode}` is no mode"))?,
                ),
                (None, Some("root")) => How::Owner(file.roles.clone()),
                _ => return Err("`file` needs `mode` or `owner: root`".into()),
            });
        }
        if let Some(detail) = &row.attest {
            ways.push(How::Attest(detail.clone()));
        }
        match ways.len() {
            1 => Ok(ways.remove(0)),
            _ => Err("exactly one way to decide it".into()),
        }
    }

    /// For people and programs.
    fn word(&self) -> String {
        match self {
            How::Control(rule) => format!("function {}", rule.name),
            How::Probe(name, _) => format!("function {name}"),
            How::Rules(_, names) => format!("rules {}", names.join(", ")),
            How::Field(field) => format!("field {}", field.paths.join(" or ")),
            How::Kubelet(kubelet) => format!("kubelet --{} or {}", kubelet.flag, kubelet.field),
            How::Mode(..) => "modes of files on nodes".into(),
            How::Owner(_) => "owners of files on nodes".into(),
            How::Attest(_) => "attest".into(),
        }
    }

    fn ask(&self, scene: &Scene<'_, '_>) -> Finding {
        match self {
            How::Control(rule) => rule.decide(scene).joined(),
            How::Probe(_, probe) => probe(scene),
            How::Rules(Of::Rights, ids) => checks::of_rights(scene, ids),
            How::Rules(Of::Workloads, ids) => checks::of_workloads(scene, ids),
            How::Field(field) => ask_field(scene, field),
            How::Kubelet(kubelet) => {
                let judge = |value: &str| holds(value, &kubelet.is, &kubelet.is_not, kubelet.set);
                let of = |flag: &str, field: &str| node_facts::setting(scene, Setting { flag, field }, judge);
                let first = of(&kubelet.flag, &kubelet.field);
                match &kubelet.or {
                    Some(other) => Finding::any([first, of("", other)]),
                    None => first,
                }
            }
            How::Mode(roles, most) => {
                node_facts::files(scene, roles, |file| node_facts::mode_within(file, *most))
            }
            How::Owner(roles) => node_facts::files(scene, roles, node_facts::owned_by_root),
            How::Attest(_) => Finding::all([]),
        }
    }
}

/// The first of the paths that is there decides: they are the same fact in several versions of an export.
fn ask_field(scene: &Scene<'_, '_>, field: &Field) -> Finding {
    let mut gone: Option<MissingInput> = None;
    for path in &field.paths {
        let (part, path) = match path.strip_prefix("pool.") {
            Some(path) => (scene.pool_export(), path),
            None => (scene.cloud(), path.strip_prefix("cluster.").unwrap_or(path)),
        };
        match part.and_then(|part| Ok((part.prefix, checks::scalar(part, path)?))) {
            Ok((prefix, value)) => {
                let told = format!("{prefix}{path} is {}", plimsoll_model::shortened(&value));
                return if holds(&value, &field.is, &field.is_not, field.set) {
                    Finding::met(told)
                } else {
                    Finding::not_met(told)
                };
            }
            Err(missing) => {
                gone.get_or_insert(missing);
            }
        }
    }
    gone.map_or_else(|| Finding::all([]), Finding::unknown)
}

impl Framework {
    /// The benchmark with this name.
    ///
    /// # Errors
    /// When a file of ours is broken, which a test rules out.
    pub fn find(name: &str) -> Result<Option<Framework>, Fault> {
        match FILES.iter().find(|(file, _)| file.trim_end_matches(".yaml") == name) {
            None => Ok(None),
            Some((file, text)) => Framework::read(file, text).map(Some),
        }
    }

    fn read(file: &str, text: &str) -> Result<Framework, Fault> {
        let fault = |detail: String| Fault { file: file.to_owned(), detail };
        let read: File = serde_saphyr::from_str(text).map_err(|error| fault(one_line(&error)))?;
        let family = match read.family.as_str() {
            "gke" => Cloud::Gke,
            "eks" => Cloud::Eks,
            "aks" => Cloud::Aks,
            other => return Err(fault(format!("there is no family `{other}`"))),
        };
        let mut ids = BTreeSet::new();
        let mut checks = Vec::new();
        for row in read.checks {
            if !ids.insert(row.id.clone()) {
                return Err(fault(format!("{} stands twice", row.id)));
            }
            let how = How::of(&row).map_err(|detail| fault(format!("{}: {detail}", row.id)))?;
            checks.push(Check { id: row.id, control: row.control, about: row.about, yours: row.yours, how });
        }
        Ok(Framework { name: read.framework, title: read.title, version: read.version, family, checks })
    }

    /// The ids in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().map(|check| check.id.as_str())
    }

    /// What a statement about an id names: `cis-gke/5.1.2`.
    pub fn key(&self, id: &str) -> String {
        format!("{}/{id}", self.name)
    }

    /// Every id over the pools of this family. Without a pool nothing can be said: it is for the caller to see that there is one.
    pub fn evaluate(
        &self,
        matrix: &Matrix,
        evidence: &Evidence<'_>,
        pools: &[Pool<'_>],
        statements: &Statements,
    ) -> Benchmark {
        let pools: Vec<&Pool<'_>> =
            pools.iter().filter(|pool| pool.base.family() == Some(self.family)).collect();
        let checks =
            self.checks.iter().map(|check| self.judge(check, matrix, evidence, &pools, statements)).collect();
        let mut answer = Benchmark {
            schema_version: BENCHMARK_VERSION.into(),
            tool: format!("plimsoll {}", env!("CARGO_PKG_VERSION")),
            taken_at: evidence.now.to_string(),
            framework: self.name.clone(),
            title: self.title.clone(),
            version: self.version.clone(),
            verdict: Outcome::Unknown,
            inputs: Vec::new(),
            columns: pools.iter().map(|pool| pool.column(matrix)).collect(),
            checks,
            totals: Vec::new(),
            problems: Vec::new(),
        };
        answer.count();
        answer
    }

    fn judge(
        &self,
        check: &Check,
        matrix: &Matrix,
        evidence: &Evidence<'_>,
        pools: &[&Pool<'_>],
        statements: &Statements,
    ) -> BenchmarkCheck {
        let finding = match check.how {
            How::Attest(_) => Finding::all([]),
            _ => Finding::all(pools.iter().map(|pool| check.how.ask(&Scene { evidence, pool }))),
        };
        let mut told = BenchmarkCheck {
            id: check.id.clone(),
            about: check.about.clone(),
            control: check.control.clone(),
            decided_by: check.how.word(),
            judgement: match (finding.answer, &check.how) {
                (Outcome::Met, _) => Judgement::Met,
                (Outcome::NotMet, _) => Judgement::NotMet,
                (Outcome::Unknown, How::Attest(_)) => Judgement::AttestOnly,
                (Outcome::Unknown, _) => Judgement::Unknown,
            },
            seen: finding.seen,
            missing: finding.missing,
            attested: None,
        };
        if finding.answer != Outcome::Unknown {
            told.missing.clear();
            return told;
        }
        if let How::Attest(detail) = &check.how {
            told.missing = vec![super::evidence::missing(super::data::InputKind::Attest, detail.clone())];
        }
        let provider = |pool: &&Pool<'_>| {
            let cell =
                matrix.control_named(&check.control).and_then(|control| matrix.cell(control, &pool.platform));
            cell.is_some_and(|cell| cell.owner == Owner::Provider)
        };
        if !check.yours && !pools.is_empty() && pools.iter().all(provider) {
            told.judgement = Judgement::Provider;
            return told;
        }
        attest(&mut told, &self.key(&check.id), pools, statements);
        told
    }
}

/// A statement about the id, or about the whole control, fills what nothing decides.
fn attest(told: &mut BenchmarkCheck, key: &str, pools: &[&Pool<'_>], statements: &Statements) {
    let of = |pool: &&Pool<'_>| {
        statements
            .find(key, &pool.name, &pool.platform)
            .or_else(|| statements.find(&told.control, &pool.name, &pool.platform))
    };
    let all: Vec<_> = pools.iter().map(of).collect();
    let Some(first) = all.iter().flatten().min_by_key(|statement| statement.until) else { return };
    let expired = first.is_expired(statements.today());
    let counts = !expired && all.iter().all(Option::is_some);
    let attested =
        Attested { by: first.by.clone(), until: first.until.to_string(), note: first.note.clone(), expired };
    if expired {
        let detail = format!("a new statement: that of {} ended on {}", first.by, first.until);
        told.missing.insert(0, super::evidence::missing(super::data::InputKind::Attest, detail));
    }
    told.attested = Some(attested);
    if counts {
        told.judgement = Judgement::Attested;
    }
}
