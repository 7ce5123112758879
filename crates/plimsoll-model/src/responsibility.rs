//! Who has to do what, and whether it is done: controls, who owns each on a platform, and what was seen of it.

use serde::{Deserialize, Serialize};

use crate::{Outcome, Party, Problem};

/// Version of the form.
pub const RESPONSIBILITY_VERSION: &str = "1.0";

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The provider does it; there is nothing to set.
    Provider,
    /// The provider offers it; you turn it on, schedule it, or do not stand in its way.
    Shared,
    /// You do it.
    Customer,
    /// There is no such thing here.
    NotApplicable,
}

impl Owner {
    /// For people, from the reader's side.
    pub fn word(self) -> &'static str {
        match self {
            Owner::Provider => "provider",
            Owner::Shared => "shared",
            Owner::Customer => "yours",
            Owner::NotApplicable => "not here",
        }
    }
}

/// Whose something that was found is on a platform, and by which control.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Belongs {
    /// Key of the platform: `gke-autopilot`.
    pub platform: String,
    /// The platform for people.
    pub platform_name: String,
    /// Id of the control.
    pub control: String,
    /// What is so when the control is met.
    pub title: String,
    /// Who does it on the platform.
    pub owner: Owner,
    /// Who has to act.
    pub party: Party,
    /// What the platform changes about the next step; empty where it changes nothing.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub next: String,
    /// What lets the provider do its part.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<String>,
    /// The document for the owner was only recalled.
    pub recalled: bool,
}

impl Belongs {
    /// For people: `Google, by INF-021 on GKE Autopilot (provider)`.
    pub fn shown(&self) -> String {
        let who = match &self.party {
            Party::Provider(name) | Party::Distribution(name) | Party::Application(Some(name)) => {
                name.clone()
            }
            Party::Nobody(reason) => format!("nobody: {reason}"),
            party => party.word().to_owned(),
        };
        let recalled = if self.recalled { ", recalled" } else { "" };
        format!("{who}, by {} on {} ({}{recalled})", self.control, self.platform_name, self.owner.word())
    }
}

/// What is said of a control on a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Seen not to be so.
    NotMet,
    /// Could not be decided.
    Unknown,
    /// Somebody stands for it, until a day.
    Attested,
    /// Seen to be so.
    Met,
    /// The provider does it, as its document says. It was not looked at.
    Provider,
    /// There is no such thing here.
    NotApplicable,
}

impl Standing {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Standing::NotMet => "not met",
            Standing::Unknown => "unknown",
            Standing::Attested => "attested",
            Standing::Met => "met",
            Standing::Provider => "provider",
            Standing::NotApplicable => "not here",
        }
    }

    /// A mark that reads without colour.
    pub fn mark(self) -> &'static str {
        match self {
            Standing::NotMet => "✗",
            Standing::Unknown => "?",
            Standing::Attested => "◐",
            Standing::Met => "✓",
            Standing::Provider => "·",
            Standing::NotApplicable => "-",
        }
    }

    /// Every one of them, the worst first.
    pub const ALL: [Standing; 6] = [
        Standing::NotMet,
        Standing::Unknown,
        Standing::Attested,
        Standing::Met,
        Standing::Provider,
        Standing::NotApplicable,
    ];
}

/// How a switch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchState {
    /// Seen on.
    On,
    /// Seen off.
    Off,
    /// Not seen.
    Unknown,
}

/// What moves a control to the provider, or lets the provider do its part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Switch {
    /// Stable name.
    pub name: String,
    /// What it is when it is on, a few words.
    pub turn: String,
    /// The command that sets it.
    pub command: String,
    /// What it costs.
    pub costs: String,
    /// How it stands.
    pub state: SwitchState,
}

/// An input that a verdict needs and that was not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissingInput {
    /// Which kind: `kubernetes`, `gke`, `eks`, `aks`, `node`, `reports`, `source`, `attest`.
    pub input: String,
    /// What of it: a field, a list, why it could not be read.
    pub detail: String,
}

/// A control that stands in the way of this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// Its id.
    pub control: String,
    /// What of it, one line.
    pub detail: String,
}

/// Where it is written who owns this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Who published it.
    pub publisher: String,
    /// Its title.
    pub title: String,
    /// The place in it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub section: Option<String>,
    /// Date of the version that was read, or the month in which it was looked at.
    pub date: String,
    /// Whether the document was opened for this cell. What is only recalled may be wrong: look it up before you rely on it.
    pub recalled: bool,
    /// Whether the document names this owner, or says something broader that implies it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub implied: Option<bool>,
}

/// Somebody stands for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attested {
    /// Who.
    pub by: String,
    /// Until which day.
    pub until: String,
    /// What they say.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub note: String,
    /// It no longer counts: the day is over.
    pub expired: bool,
}

/// A control on a node pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// Name of the column: [`Column::name`].
    pub column: String,
    /// Who does it.
    pub owner: Owner,
    /// What is said of it.
    pub standing: Standing,
    /// What was seen, most important first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub seen: Vec<String>,
    /// What was not there to decide it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub missing: Vec<MissingInput>,
    /// What moves it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub switch: Option<Switch>,
    /// What stands in its way.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub blocked_by: Vec<Blocked>,
    /// Who stands for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attested: Option<Attested>,
    /// Where the owner is written.
    pub source: Source,
}

/// A control with its cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Its id.
    pub id: String,
    /// What is so when it is met.
    pub title: String,
    /// `infrastructure`, `supply-chain`, `runtime`.
    pub group: String,
    /// The area within.
    pub area: String,
    /// How much an open one exposes: 100 is the most.
    pub rank: u8,
    /// What an open one exposes.
    pub exposes: String,
    /// What to do.
    pub next: String,
    /// Ids of this control in the CIS benchmarks, by benchmark. Ids only.
    pub cis: Vec<(String, Vec<String>)>,
    /// Nothing but a person can say: no evidence decides it.
    pub attest_only: bool,
    /// One for each column, in their order.
    pub cells: Vec<Cell>,
}

impl Row {
    /// The worst of its cells.
    pub fn worst(&self) -> Standing {
        self.cells.iter().map(|cell| cell.standing).min().unwrap_or(Standing::NotApplicable)
    }
}

/// Nodes that are looked after in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// Of the pool, or of the platform where no pool is known.
    pub name: String,
    /// Key of the platform.
    pub platform: String,
    /// The platform for people.
    pub platform_name: String,
    /// Who provides it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub provider: String,
    /// Why this platform.
    pub because: String,
    /// Nodes that were seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nodes: Option<u64>,
}

/// An input that was there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Given {
    /// Which kind.
    pub input: String,
    /// File, or name of the cluster.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Of the file: `sha256:` and 64 digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<String>,
}

/// One switch that would take controls off you.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handover {
    /// Column.
    pub column: String,
    /// The switch.
    pub switch: Switch,
    /// Ids of the controls of which the provider would do its part.
    pub controls: Vec<String>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Responsibility {
    /// [`RESPONSIBILITY_VERSION`].
    pub schema_version: String,
    /// The program.
    pub tool: String,
    /// When: RFC 3339.
    pub taken_at: String,
    /// Met when everything that is yours or shared is met or attested.
    pub verdict: Outcome,
    /// What was looked at.
    pub inputs: Vec<Given>,
    /// The columns.
    pub columns: Vec<Column>,
    /// The controls.
    pub controls: Vec<Row>,
    /// Switches that would take most off you, the most first.
    pub handovers: Vec<Handover>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub problems: Vec<Problem>,
}

impl Responsibility {
    /// How many cells of yours or shared ones stand so.
    pub fn number(&self, standing: Standing) -> usize {
        self.own().filter(|(_, cell)| cell.standing == standing).count()
    }

    /// Cells of which at least a part is the reader's, with their controls.
    pub fn own(&self) -> impl Iterator<Item = (&Row, &Cell)> {
        self.controls
            .iter()
            .flat_map(|row| row.cells.iter().map(move |cell| (row, cell)))
            .filter(|(_, cell)| matches!(cell.owner, Owner::Customer | Owner::Shared))
    }

    /// What stands above a set of cells: met only when all are met or attested.
    pub fn verdict_of<'c>(cells: impl Iterator<Item = &'c Cell>) -> Outcome {
        let mut verdict = Outcome::Met;
        for cell in cells {
            match cell.standing {
                Standing::NotMet => return Outcome::NotMet,
                Standing::Unknown => verdict = Outcome::Unknown,
                _ => {}
            }
        }
        verdict
    }
}

/// A control that another platform would move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Move {
    /// Its id.
    pub control: String,
    /// What is so when it is met.
    pub title: String,
    /// Who does it now.
    pub from: Owner,
    /// Who would.
    pub to: Owner,
    /// How it stands now.
    pub standing: Standing,
    /// The document for the new owner was only recalled.
    pub recalled: bool,
}

/// Something of the workloads that the other platform would not take.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// `DaemonSet monitoring/agent`.
    pub workload: String,
    /// Why.
    pub reason: String,
}

/// What another platform would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatIf {
    /// [`RESPONSIBILITY_VERSION`].
    pub schema_version: String,
    /// Name of the column that would move.
    pub column: String,
    /// Its platform.
    pub from: String,
    /// The other.
    pub to: String,
    /// Controls that move towards the provider.
    pub off_you: Vec<Move>,
    /// Controls that move towards you.
    pub onto_you: Vec<Move>,
    /// Controls that stay as they are.
    pub same: u64,
    /// What you can no longer do or choose.
    pub lost: Vec<String>,
    /// What it would refuse.
    pub refused: Vec<Refused>,
    /// Whether the workloads were seen: without them nothing is said of what would break.
    pub workloads_seen: Option<u64>,
}
