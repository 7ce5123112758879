//! The table of who does what: read from files, checked, and joined from ours and the user's.
//!
//! One control is one file. A file of the user with the id of one of ours changes only what it names; a platform that is
//! `like` another takes over its cells. So "the platform team does this for the application teams" is written as a platform
//! that is like `gke-standard`, with the platform team as its provider and a few cells changed.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::responsibility::{Owner, Source};
use plimsoll_model::{one_line, shortened};
use serde::Deserialize;

use super::embedded;
use super::rules;

/// Largest file in bytes.
pub const MAX_FILE: usize = 256 * 1024;
/// Most files of a folder.
pub const MAX_FILES: usize = 2_000;
/// Longest chain of platforms that are like another.
const MAX_CHAIN: usize = 8;

/// A platform that we have columns for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Base {
    /// GKE Standard.
    GkeStandard,
    /// GKE Autopilot.
    GkeAutopilot,
    /// EKS managed node groups.
    EksManaged,
    /// EKS Auto Mode.
    EksAuto,
    /// EKS on Fargate.
    EksFargate,
    /// AKS Standard.
    AksStandard,
    /// AKS Automatic.
    AksAutomatic,
    /// Somebody runs the control plane by hand.
    Kubeadm,
}

impl Base {
    /// All, with their keys.
    pub const ALL: [(Base, &'static str); 8] = [
        (Base::GkeStandard, "gke-standard"),
        (Base::GkeAutopilot, "gke-autopilot"),
        (Base::EksManaged, "eks-managed-nodes"),
        (Base::EksAuto, "eks-auto-mode"),
        (Base::EksFargate, "eks-fargate"),
        (Base::AksStandard, "aks-standard"),
        (Base::AksAutomatic, "aks-automatic"),
        (Base::Kubeadm, "kubeadm"),
    ];

    /// The key in files.
    pub fn key(self) -> &'static str {
        Base::ALL.iter().find(|(base, _)| *base == self).map_or("kubeadm", |(_, key)| key)
    }

    /// Whose exports speak of it.
    pub fn family(self) -> Option<super::evidence::Cloud> {
        use super::evidence::Cloud;
        match self {
            Base::GkeStandard | Base::GkeAutopilot => Some(Cloud::Gke),
            Base::EksManaged | Base::EksAuto | Base::EksFargate => Some(Cloud::Eks),
            Base::AksStandard | Base::AksAutomatic => Some(Cloud::Aks),
            Base::Kubeadm => None,
        }
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{file}`: {detail}")]
pub struct Fault {
    /// The file.
    pub file: String,
    /// What is wrong, with line and column where they are known.
    pub detail: String,
}

/// A platform.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// For people.
    pub name: String,
    /// For narrow columns.
    pub short: String,
    /// Who provides it; nobody on a cluster that you run yourself.
    #[serde(default)]
    pub provider: String,
    /// Whose exports speak of it: `gke`, `eks`, `aks`, `none`.
    #[serde(default)]
    pub family: String,
    /// The platform of the same provider that takes more off you.
    #[serde(default)]
    pub handed: Option<String>,
    /// The platform whose cells it takes over.
    #[serde(default)]
    pub like: Option<String>,
    /// What names of images begin with that the platform brings.
    #[serde(default)]
    pub images: Vec<String>,
    /// What you can no longer do there.
    #[serde(default)]
    pub lost: Vec<String>,
    /// Rules for Kubernetes objects whose breaches it does not admit.
    #[serde(default)]
    pub refuses: Vec<String>,
    /// Kinds of workloads that it does not run.
    #[serde(default)]
    pub without: Vec<String>,
}

/// What moves a control.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Toggle {
    /// What it is when it is on.
    pub turn: String,
    /// How it is set.
    pub command: String,
    /// What it costs.
    pub costs: String,
    /// It moves nodes to a platform that takes more off you: what is wholly yours goes with it.
    #[serde(default)]
    pub hands_over: bool,
    /// Nothing that can be given shows how it stands: a person has to say.
    #[serde(default)]
    pub attest_only: bool,
}

/// A document that cells name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Who published it.
    pub publisher: String,
    /// Its title.
    pub title: String,
    /// Of which day or month.
    pub date: String,
}

/// Whether a document was opened for a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// It was.
    Read,
    /// It was not: general knowledge.
    Recalled,
}

/// How firmly a document names the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// It names this owner.
    Stated,
    /// It says something broader that implies it.
    Implied,
}

/// Where a cell comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Key of the document.
    pub document: String,
    /// The place in it.
    #[serde(default)]
    pub section: Option<String>,
    /// Whether it was opened.
    pub how: How,
    /// How firm it is.
    #[serde(default)]
    pub basis: Option<Basis>,
}

/// What can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// Objects of the cluster.
    Kubernetes,
    /// `gcloud container clusters describe`.
    Gke,
    /// `aws eks describe-...`.
    Eks,
    /// `az aks show` and its lists.
    Aks,
    /// Files and settings on nodes.
    Node,
    /// Reports of scans.
    Reports,
    /// Repositories.
    Source,
    /// A person.
    Attest,
}

impl InputKind {
    /// As in files.
    pub fn word(self) -> &'static str {
        match self {
            InputKind::Kubernetes => "kubernetes",
            InputKind::Gke => "gke",
            InputKind::Eks => "eks",
            InputKind::Aks => "aks",
            InputKind::Node => "node",
            InputKind::Reports => "reports",
            InputKind::Source => "source",
            InputKind::Attest => "attest",
        }
    }
}

/// Who does a control on a platform.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellData {
    /// Who.
    pub owner: Owner,
    /// Key of what moves it, or `none`.
    #[serde(default)]
    pub toggle: Option<String>,
    /// What it is decided from.
    #[serde(default)]
    pub inputs: Vec<InputKind>,
    /// Where that is written.
    pub source: Reference,
}

/// A file as it stands: everything may be left out where it changes a control of ours.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    id: String,
    title: Option<String>,
    group: Option<String>,
    area: Option<String>,
    rank: Option<u8>,
    exposes: Option<String>,
    next: Option<String>,
    decide: Option<String>,
    #[serde(default)]
    blocked_by: Option<Vec<String>>,
    #[serde(default)]
    cis: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    cells: BTreeMap<String, CellData>,
}

/// A control.
#[derive(Clone, Debug)]
pub struct Control {
    /// Its id.
    pub id: String,
    /// What is so when it is met.
    pub title: String,
    /// `infrastructure`, `supply-chain`, `runtime`, or a group of the user.
    pub group: String,
    /// The area within.
    pub area: String,
    /// How much an open one exposes, up to 100.
    pub rank: u8,
    /// What an open one exposes.
    pub exposes: String,
    /// What to do.
    pub next: String,
    /// The function that decides; none where only a person can say.
    pub decide: Option<&'static rules::Rule>,
    /// Controls that can stand in its way.
    pub blocked_by: Vec<String>,
    /// Ids in CIS benchmarks.
    pub cis: BTreeMap<String, Vec<String>>,
    /// By key of the platform.
    pub cells: BTreeMap<String, CellData>,
}

/// The whole table.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// Platforms in the order of columns.
    pub platforms: Vec<(String, Platform)>,
    /// What moves controls.
    pub toggles: BTreeMap<String, Toggle>,
    /// Documents.
    pub documents: BTreeMap<String, Document>,
    /// The controls in their order.
    pub controls: Vec<Control>,
}

/// A file that a user hands over: its name and content.
pub type Text = (String, String);

fn parse<T: for<'a> Deserialize<'a>>(file: &str, text: &str) -> Result<T, Fault> {
    let fault = |detail: String| Fault { file: file.to_owned(), detail };
    if text.len() > MAX_FILE {
        return Err(fault(format!("it is larger than {MAX_FILE} bytes")));
    }
    serde_saphyr::from_str(text).map_err(|error| fault(one_line(&error)))
}

impl Matrix {
    /// Ours.
    ///
    /// # Errors
    /// When a file of ours is broken, which a test rules out.
    pub fn built_in() -> Result<Matrix, Fault> {
        Matrix::with(&[])
    }

    /// Ours, changed by files of the user: `platforms.yaml`, `toggles.yaml`, `documents.yaml`, and one file for each control.
    ///
    /// # Errors
    /// When a file is broken, names what there is not, or leaves out what it must say.
    pub fn with(files: &[Text]) -> Result<Matrix, Fault> {
        let mut platforms: Vec<(String, Platform)> = Vec::new();
        let mut toggles = BTreeMap::new();
        let mut documents = BTreeMap::new();
        let mut controls: Vec<(String, File)> = Vec::new();
        let ours = [
            ("platforms.yaml", embedded::PLATFORMS),
            ("toggles.yaml", embedded::TOGGLES),
            ("documents.yaml", embedded::DOCUMENTS),
        ];
        let ours = ours.iter().chain(embedded::CONTROLS).map(|(name, text)| (*name, *text));
        let theirs = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        for (name, text) in ours.chain(theirs) {
            match name.rsplit(['/', '\\']).next().unwrap_or(name) {
                "platforms.yaml" => {
                    let order = keys_in_order(text);
                    let mut read: BTreeMap<String, Platform> = parse(name, text)?;
                    for key in order {
                        let Some(platform) = read.remove(&key) else { continue };
                        platforms.retain(|(own, _)| *own != key);
                        platforms.push((key, platform));
                    }
                    // A key in another notation than a plain one.
                    platforms.extend(read);
                }
                "toggles.yaml" => toggles.extend(parse::<BTreeMap<String, Toggle>>(name, text)?),
                "documents.yaml" => documents.extend(parse::<BTreeMap<String, Document>>(name, text)?),
                _ => {
                    let file: File = parse(name, text)?;
                    match controls.iter_mut().find(|(_, own)| own.id == file.id) {
                        Some((own_name, own)) => {
                            merge(own, file);
                            name.clone_into(own_name);
                        }
                        None => controls.push((name.to_owned(), file)),
                    }
                }
            }
        }
        let mut matrix = Matrix { platforms, toggles, documents, controls: Vec::new() };
        matrix.check_platforms()?;
        for (name, file) in controls {
            let control = matrix.control(&name, file)?;
            matrix.controls.push(control);
        }
        matrix.check_edges()?;
        Ok(matrix)
    }

    /// The platform with this key.
    pub fn platform(&self, key: &str) -> Option<&Platform> {
        self.platforms.iter().find(|(own, _)| own == key).map(|(_, platform)| platform)
    }

    /// The platform of ours that this one is, or is like.
    pub fn base(&self, key: &str) -> Option<Base> {
        let mut key = key;
        for _ in 0..MAX_CHAIN {
            if let Some((base, _)) = Base::ALL.iter().find(|(_, own)| *own == key) {
                return Some(*base);
            }
            key = self.platform(key)?.like.as_deref()?;
        }
        None
    }

    /// The cell of a control, which may be that of a platform that this one is like.
    pub fn cell<'m>(&'m self, control: &'m Control, key: &str) -> Option<&'m CellData> {
        let mut key = key;
        for _ in 0..MAX_CHAIN {
            if let Some(cell) = control.cells.get(key) {
                return Some(cell);
            }
            key = self.platform(key)?.like.as_deref()?;
        }
        None
    }

    /// The control with this id, in any case of letters.
    pub fn control_named(&self, id: &str) -> Option<&Control> {
        self.controls.iter().find(|control| control.id.eq_ignore_ascii_case(id))
    }

    /// Where a cell comes from, for people.
    pub fn source(&self, reference: &Reference) -> Source {
        let document = self.documents.get(&reference.document);
        let text = |get: fn(&Document) -> &String| document.map(get).cloned().unwrap_or_default();
        Source {
            publisher: text(|document| &document.publisher),
            title: text(|document| &document.title),
            section: reference.section.clone(),
            date: text(|document| &document.date),
            recalled: reference.how == How::Recalled,
            implied: reference.basis.map(|basis| basis == Basis::Implied),
        }
    }

    fn check_platforms(&self) -> Result<(), Fault> {
        let fault = |detail: String| Fault { file: "platforms.yaml".into(), detail };
        for (key, platform) in &self.platforms {
            if !is_key(key) {
                return Err(fault(format!(
                    "`{}` is no name of a platform: use a-z, 0-9 and -",
                    shortened(key)
                )));
            }
            for other in platform.like.iter().chain(&platform.handed) {
                if self.platform(other).is_none() {
                    return Err(fault(format!(
                        "`{key}` names the platform `{}`, which there is not",
                        shortened(other)
                    )));
                }
            }
            if let Some(rule) = platform.refuses.iter().find(|rule| crate::registry::find(rule).is_none()) {
                return Err(fault(format!(
                    "`{key}` refuses what breaks `{}`, which is no rule",
                    shortened(rule)
                )));
            }
            if self.base(key).is_none() {
                return Err(fault(format!(
                    "`{key}` is neither one of ours nor `like` one: write `like: gke-standard`, or another"
                )));
            }
        }
        Ok(())
    }

    fn control(&self, name: &str, file: File) -> Result<Control, Fault> {
        let fault = |detail: String| Fault { file: name.to_owned(), detail };
        let id = file.id.clone();
        if id.is_empty()
            || id.len() > 40
            || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Err(fault(format!("`{}` is no id: use letters, digits and -", shortened(&id))));
        }
        let needed = |value: Option<String>, key: &str| {
            value
                .filter(|value| !value.trim().is_empty())
                .ok_or_else(|| fault(format!("`{id}` says nothing for `{key}`")))
        };
        let decide = match file.decide.as_deref() {
            None | Some("none") => None,
            Some(decide) => Some(rules::find(decide).ok_or_else(|| {
                fault(format!("`{id}` is decided by `{}`, which there is not", shortened(decide)))
            })?),
        };
        if let Some(rank) = file.rank.filter(|rank| *rank > 100) {
            return Err(fault(format!("`rank` of `{id}` is {rank}, and 100 is the most")));
        }
        for (key, cell) in &file.cells {
            self.check_cell(&id, key, cell).map_err(&fault)?;
        }
        Ok(Control {
            title: needed(file.title, "title")?,
            group: needed(file.group, "group")?,
            area: needed(file.area, "area")?,
            rank: file.rank.unwrap_or(50),
            exposes: needed(file.exposes, "exposes")?,
            next: needed(file.next, "next")?,
            decide,
            blocked_by: file.blocked_by.unwrap_or_default(),
            cis: file.cis,
            cells: file.cells,
            id,
        })
    }

    fn check_cell(&self, id: &str, key: &str, cell: &CellData) -> Result<(), String> {
        if self.platform(key).is_none() {
            return Err(format!("`{id}` has a cell for `{}`, and there is no such platform", shortened(key)));
        }
        if !self.documents.contains_key(&cell.source.document) {
            return Err(format!(
                "`{id}` on `{key}` names the document `{}`, which is not in documents.yaml",
                shortened(&cell.source.document)
            ));
        }
        if cell.owner == Owner::NotApplicable {
            return Ok(());
        }
        match cell.toggle.as_deref() {
            None => {
                return Err(format!(
                    "`{id}` on `{key}` says nothing for `toggle`: write `none` if there is none"
                ));
            }
            Some("none") => {}
            Some(toggle) if self.toggles.contains_key(toggle) => {}
            Some(toggle) => {
                return Err(format!(
                    "`{id}` on `{key}` names the toggle `{}`, which is not in toggles.yaml",
                    shortened(toggle)
                ));
            }
        }
        if cell.inputs.is_empty() {
            return Err(format!(
                "`{id}` on `{key}` has no inputs: write `[attest]` if only a person can say"
            ));
        }
        Ok(())
    }

    fn check_edges(&self) -> Result<(), Fault> {
        let known: BTreeSet<&str> = self.controls.iter().map(|control| control.id.as_str()).collect();
        for control in &self.controls {
            if let Some(other) = control.blocked_by.iter().find(|other| !known.contains(other.as_str())) {
                let detail =
                    format!("`{}` is blocked by `{}`, which there is not", control.id, shortened(other));
                return Err(Fault { file: format!("{}.yaml", control.id), detail });
            }
        }
        Ok(())
    }
}

/// What a file of the user names wins.
fn merge(own: &mut File, file: File) {
    let take = |own: &mut Option<String>, new: Option<String>| {
        if new.is_some() {
            *own = new;
        }
    };
    take(&mut own.title, file.title);
    take(&mut own.group, file.group);
    take(&mut own.area, file.area);
    take(&mut own.exposes, file.exposes);
    take(&mut own.next, file.next);
    take(&mut own.decide, file.decide);
    own.rank = file.rank.or(own.rank);
    own.blocked_by = file.blocked_by.or_else(|| own.blocked_by.take());
    own.cis.extend(file.cis);
    own.cells.extend(file.cells);
}

/// The keys of the outermost map, as they stand: maps that are read lose their order, and columns have one.
fn keys_in_order(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()))
        .filter_map(|line| line.split_once(':').map(|(key, _)| key.trim().to_owned()))
        .collect()
}

fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= 60
        && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
