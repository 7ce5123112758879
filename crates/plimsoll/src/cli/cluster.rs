//! What can be typed after `plimsoll cluster`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use plimsoll_format::Format;
use plimsoll_format::attack::AttackForm;
use plimsoll_format::drift::DriftForm;
use plimsoll_format::paths::PathsForm;
use plimsoll_format::pss::PssForm;
use plimsoll_format::reach::ReachForm;
use plimsoll_format::who_can::WhoCanForm;
use plimsoll_model::paths::Goal;
use plimsoll_model::pod_security::{Level, Version};
use plimsoll_scan::check::Framework;
use plimsoll_scan::cluster::AskedPort;
use plimsoll_scan::verdict::Line;

use super::{CLUSTER, ClusterArguments, OutputArguments, PlatformArguments, format, framework};

/// One variant for each analysis; its arguments stand below.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// A cluster as lines of JSON on standard output, for `audit` and every analysis, without any value that may be secret
    Snapshot {
        #[command(flatten)]
        cluster: ClusterArguments,

        /// A further kind of objects that runs images, as in Task.tekton.dev=image:/spec/steps/*/image; may be given several times
        #[arg(long = "kind", help_heading = CLUSTER, value_name = "KIND.GROUP=WHAT:/PATH")]
        kinds: Vec<String>,
    },
    /// Who may reach whom, and why: connections between workloads, what is open from outside, who reaches the internet, the
    /// metadata address and the API server, by network policies of every kind
    Reach(ReachArguments),
    /// What would break if namespaces asked for a level of the Pod Security Standards, what mends it, and which namespaces can
    /// be labelled today
    Pss(PssArguments),
    /// Network policies that allow what is known to be needed and nothing else, as YAML that says what is not known
    Suggest(SuggestArguments),
    /// What the rules of `plimsoll check` have against the objects of a cluster, with whose move it is and what to change
    Check(ClusterCheckArguments),
    /// What got worse, and what better, from one snapshot to another: ways in, connections, pod security, roles and
    /// who becomes what by them, findings of rules
    Diff(DriftArguments),
    /// Who can do something by the roles of a cluster, and why: the binding, the role and its rule, and what runs as whom
    WhoCan(WhoCanArguments),
    /// Who becomes cluster-admin, root on a node, reader of all secrets or an identity of the cloud by the roles that they have: the
    /// shortest chain of each, and the binding whose removal cuts most
    Paths(PathsArguments),
    /// How somebody outside gets in and on from there: what is open, has a flaw by the reports of scans, and leads to its node or has
    /// a strong service account; the worst first, each with the cheapest change that cuts it, whose it is, and what to type
    Attack(AttackArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll cluster attack --report reports/*.json
  plimsoll cluster attack --file cluster.jsonl --report web.json --format markdown

Reports: plimsoll scan IMAGE --format json. Without one of an image it is not known whether it has a flaw.
Exit codes: 0 there is no route, 1 there is one, 2 usage, 3 could not decide.")]
pub(crate) struct AttackArguments {
    /// Reports of scans, as `plimsoll scan --format json` prints them, of one image or many; may be given several times
    #[arg(long = "report", value_name = "FILE", num_args = 1..)]
    pub(crate) reports: Vec<String>,

    /// Exceptions (TOML or YAML), see docs/exceptions.md: `id` is the goal, `object` the workload; a route counts until all that it
    /// leads to is accepted
    #[arg(long, value_name = "FILE")]
    pub(crate) ignore_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) platform: PlatformArguments,

    #[command(flatten)]
    pub(crate) input: WholeCluster,

    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = AttackFormat::Table)]
    pub(crate) format: AttackFormat,

    /// Show every route with all of it, and every change that cuts something
    #[arg(long)]
    pub(crate) all: bool,
}

/// In which form routes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AttackFormat {
    Table,
    Json,
    Markdown,
    Html,
}

impl AttackFormat {
    pub(crate) fn form(self) -> AttackForm {
        match self {
            AttackFormat::Table => AttackForm::Table,
            AttackFormat::Json => AttackForm::Json,
            AttackFormat::Markdown => AttackForm::Markdown,
            AttackFormat::Html => AttackForm::Html,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll cluster check
  plimsoll cluster check --namespace shop --fail-on medium --ignore-file accepted.toml
  plimsoll cluster check --file cluster.jsonl --format policy-report

Annotations accept findings of their object, as for `plimsoll check`.
Exit codes: 0 met, 1 not met, 2 usage, 3 could not decide.")]
pub(crate) struct ClusterCheckArguments {
    #[command(flatten)]
    pub(crate) platform: PlatformArguments,

    #[command(flatten)]
    pub(crate) input: ClusterInput,

    /// The line: a severity [default: high]
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Line>,

    /// Only what a framework asks for, with the answer for each of its controls: cis-kubernetes, cis-gke, cis-eks, cis-aks,
    /// mitre-attack, nist-800-190, nsa-cisa, owasp-kubernetes or pod-security-standards
    #[arg(long, value_name = "NAME", value_parser = framework)]
    pub(crate) framework: Option<&'static Framework>,

    /// Rules of other engines about objects, as they are (ValidatingAdmissionPolicy, Kyverno's ValidatingPolicy, Gatekeeper's
    /// templates and constraints), a file or a folder of them; may be given several times
    #[arg(long = "policy", value_name = "PATH", conflicts_with = "framework")]
    pub(crate) policies: Vec<PathBuf>,

    /// Exceptions (TOML or YAML), see docs/exceptions.md: id, reason, owner, until when, and optionally what
    #[arg(long, value_name = "FILE")]
    pub(crate) ignore_file: Option<PathBuf>,

    /// Form of the report on standard output: table, json, sarif, markdown, html, junit, csv or policy-report
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "table", value_parser = format)]
    pub(crate) format: Format,

    #[command(flatten)]
    pub(crate) output: OutputArguments,

    /// List the findings that do not count: why, and who says so
    #[arg(long)]
    pub(crate) show_suppressed: bool,

    /// List every finding, not only what to change
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll cluster diff monday.jsonl friday.jsonl
  plimsoll cluster diff released/ manifests/ --format markdown
  plimsoll cluster diff monday.jsonl tuesday.jsonl wednesday.jsonl

Of more than two states the first and the last are compared, and it is said since when each thing is worse.
Exit codes: 0 nothing got worse, 1 something did, 2 usage, 3 could not decide.")]
pub(crate) struct DriftArguments {
    /// What was before: a snapshot, manifests, or a folder of them
    #[arg(value_name = "BEFORE")]
    pub(crate) before: String,

    /// What is after; of several the last one, and those between say since when it is so
    #[arg(value_name = "AFTER", required = true)]
    pub(crate) after: Vec<String>,

    #[command(flatten)]
    pub(crate) platform: PlatformArguments,

    /// A further kind of objects that runs pods, as in Task.tekton.dev=image:/spec/steps/*/image; may be given several times
    #[arg(long = "kind", help_heading = CLUSTER, value_name = "KIND.GROUP=WHAT:/PATH")]
    pub(crate) kinds: Vec<String>,

    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = DriftFormat::Table)]
    pub(crate) format: DriftFormat,

    /// Show every difference
    #[arg(long)]
    pub(crate) all: bool,
}

/// In which form it is written what got worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DriftFormat {
    Table,
    Json,
    Markdown,
}

impl DriftFormat {
    pub(crate) fn form(self) -> DriftForm {
        match self {
            DriftFormat::Table => DriftForm::Table,
            DriftFormat::Json => DriftForm::Json,
            DriftFormat::Markdown => DriftForm::Markdown,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll cluster suggest --file manifests/
  plimsoll cluster suggest --namespace shop --output policies/

Exit codes: 0 all that is needed is known, 2 usage, 3 something is left open: it stands in the comments.")]
pub(crate) struct SuggestArguments {
    #[command(flatten)]
    pub(crate) platform: PlatformArguments,

    #[command(flatten)]
    pub(crate) input: ClusterInput,

    /// Write one file for each namespace into this folder instead of standard output; no file is overwritten
    #[arg(long, short = 'o', value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = SuggestFormat::Yaml, conflicts_with = "output")]
    pub(crate) format: SuggestFormat,
}

/// In which form policies are proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuggestFormat {
    Yaml,
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll cluster pss
  plimsoll cluster pss --level restricted --namespace shop --all
  plimsoll cluster pss --level baseline --file manifests/

Exit codes: 0 nothing would break, 1 something would, 2 usage, 3 could not decide.")]
pub(crate) struct PssArguments {
    /// The level that is asked about
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = PssLevel::Both)]
    pub(crate) level: PssLevel,

    /// Version of the standards, as in v1.31; without it that of the cluster, of manifests the newest
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<Version>,

    #[command(flatten)]
    pub(crate) platform: PlatformArguments,

    #[command(flatten)]
    pub(crate) input: ClusterInput,

    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = PssFormat::Table)]
    pub(crate) format: PssFormat,

    /// Show everything: every level, every breach, and what to see to
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PssLevel {
    /// No known way out of the container
    Baseline,
    /// As little as is good practice
    Restricted,
    Both,
}

impl PssLevel {
    pub(crate) fn levels(self) -> Vec<Level> {
        match self {
            PssLevel::Baseline => vec![Level::Baseline],
            PssLevel::Restricted => vec![Level::Restricted],
            PssLevel::Both => vec![Level::Baseline, Level::Restricted],
        }
    }
}

/// In which form it is written what would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PssFormat {
    Table,
    Json,
    Markdown,
}

impl PssFormat {
    pub(crate) fn form(self) -> PssForm {
        match self {
            PssFormat::Table => PssForm::Table,
            PssFormat::Json => PssForm::Json,
            PssFormat::Markdown => PssForm::Markdown,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll cluster reach
  plimsoll cluster reach shop/Deployment/web shop/db --port 5432
  plimsoll cluster reach internet shop/ --file manifests/
  plimsoll cluster reach --file after.jsonl --diff before.jsonl

Ends: NAMESPACE/KIND/NAME, NAMESPACE/NAME, NAMESPACE/ for all of it, internet, metadata, api-server, an address or block.
Exit codes: 0 decided (with --diff: nothing was gained), 1 connections were gained, 2 usage, 3 could not decide.")]
pub(crate) struct ReachArguments {
    /// From whom; without it the whole cluster
    #[arg(value_name = "FROM", requires = "to")]
    pub(crate) from: Option<String>,

    /// To whom
    #[arg(value_name = "TO")]
    pub(crate) to: Option<String>,

    /// Only this port: 443, tcp/443, udp/53
    #[arg(long, value_name = "PORT", requires = "from")]
    pub(crate) port: Option<AskedPort>,

    /// What came and went since this: a snapshot, manifests, or a revision in git of the files given with --file
    #[arg(long, value_name = "OTHER", conflicts_with = "from")]
    pub(crate) diff: Option<String>,

    #[command(flatten)]
    pub(crate) platform: PlatformArguments,

    #[command(flatten)]
    pub(crate) input: ClusterInput,

    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = ReachFormat::Table)]
    pub(crate) format: ReachFormat,

    /// Show everything, connections too
    #[arg(long)]
    pub(crate) all: bool,
}

/// In which form it is written who reaches whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReachFormat {
    Table,
    Json,
    Markdown,
    /// A graph for Graphviz
    Dot,
    /// A picture
    Svg,
}

impl ReachFormat {
    pub(crate) fn form(self) -> ReachForm {
        match self {
            ReachFormat::Table => ReachForm::Table,
            ReachFormat::Json => ReachForm::Json,
            ReachFormat::Markdown => ReachForm::Markdown,
            ReachFormat::Dot => ReachForm::Dot,
            ReachFormat::Svg => ReachForm::Svg,
        }
    }
}

/// The cluster that an analysis is about: a live one, or files.
#[derive(Debug, Args)]
pub(crate) struct ClusterInput {
    /// A snapshot, objects in JSON, manifests, or a folder of them, instead of a live cluster; `-` is standard input; may be given several times
    #[arg(long = "file", help_heading = CLUSTER, value_name = "PATH", conflicts_with_all = ["kubeconfig", "context", "namespaces"])]
    pub(crate) files: Vec<String>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,

    /// A further kind of objects that runs pods, as in Task.tekton.dev=image:/spec/steps/*/image; may be given several times
    #[arg(long = "kind", help_heading = CLUSTER, value_name = "KIND.GROUP=WHAT:/PATH")]
    pub(crate) kinds: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll cluster who-can get secrets -n shop
  plimsoll cluster who-can create pods --subresource exec
  plimsoll cluster who-can delete deployments/web -n shop --file cluster.jsonl
  plimsoll cluster who-can get /metrics

Without -n and --all-namespaces everybody is told who can anywhere, with where.
Exit codes: 0 everybody was found, 2 usage, 3 there may be more.")]
pub(crate) struct WhoCanArguments {
    /// What is done: get, list, create, delete, escalate, impersonate, ...; `*` for everything at once
    #[arg(value_name = "VERB")]
    pub(crate) verb: String,

    /// With what: secrets, secrets/NAME, deployments.apps, or a path as /metrics
    #[arg(value_name = "RESOURCE")]
    pub(crate) resource: String,

    /// A part of it: exec, log, status, token, ...
    #[arg(long, value_name = "PART")]
    pub(crate) subresource: Option<String>,

    /// In this namespace
    #[arg(long, short = 'n', value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// In all namespaces at once
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,

    #[command(flatten)]
    pub(crate) platform: PlatformArguments,

    #[command(flatten)]
    pub(crate) input: WholeCluster,

    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = WhoCanFormat::Table)]
    pub(crate) format: WhoCanFormat,

    /// Show everybody, with every reason
    #[arg(long)]
    pub(crate) all: bool,
}

/// In which form it is written who can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhoCanFormat {
    Table,
    Json,
}

impl WhoCanFormat {
    pub(crate) fn form(self) -> WhoCanForm {
        match self {
            WhoCanFormat::Table => WhoCanForm::Table,
            WhoCanFormat::Json => WhoCanForm::Json,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll cluster paths --file cluster.jsonl
  plimsoll cluster paths --to cluster-admin
  plimsoll cluster paths --from 'ServiceAccount shop/web'

Exit codes: 0 nobody has a path, 1 somebody has, 2 usage, 3 could not decide.")]
pub(crate) struct PathsArguments {
    /// Only from this subject: its name, or as in 'ServiceAccount shop/web'
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) from: Option<String>,

    /// Only to this goal
    #[arg(long, value_enum, value_name = "GOAL")]
    pub(crate) to: Option<AskedGoal>,

    /// Exceptions (TOML or YAML), see docs/exceptions.md: `id` is the goal, `target` the subject; what they accept does not count
    #[arg(long, value_name = "FILE")]
    pub(crate) ignore_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) platform: PlatformArguments,

    #[command(flatten)]
    pub(crate) input: WholeCluster,

    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = PathsFormat::Table)]
    pub(crate) format: PathsFormat,

    /// Show everybody, those of the cluster itself and members of groups too
    #[arg(long)]
    pub(crate) all: bool,
}

/// What paths end at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AskedGoal {
    ClusterAdmin,
    NodeRoot,
    AllSecrets,
    CloudRole,
}

impl AskedGoal {
    pub(crate) fn goal(self) -> Goal {
        match self {
            AskedGoal::ClusterAdmin => Goal::ClusterAdmin,
            AskedGoal::NodeRoot => Goal::NodeRoot,
            AskedGoal::AllSecrets => Goal::AllSecrets,
            AskedGoal::CloudRole => Goal::CloudRole,
        }
    }
}

/// In which form paths are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PathsFormat {
    Table,
    Json,
    Dot,
}

impl PathsFormat {
    pub(crate) fn form(self) -> PathsForm {
        match self {
            PathsFormat::Table => PathsForm::Table,
            PathsFormat::Json => PathsForm::Json,
            PathsFormat::Dot => PathsForm::Dot,
        }
    }
}

/// A cluster that is only looked at whole: rights of one namespace come from all of it.
#[derive(Debug, Args)]
pub(crate) struct WholeCluster {
    /// A snapshot, objects in JSON, manifests, or a folder of them, instead of a live cluster; `-` is standard input; may be given several times
    #[arg(long = "file", help_heading = CLUSTER, value_name = "PATH", conflicts_with_all = ["kubeconfig", "context"])]
    files: Vec<String>,

    /// Kubeconfig [default: KUBECONFIG, else ~/.kube/config, else the cluster that this runs in]
    #[arg(long, help_heading = CLUSTER, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: its current one]
    #[arg(long, help_heading = CLUSTER, value_name = "NAME")]
    context: Option<String>,

    /// A further kind of objects that runs pods, as in Task.tekton.dev=image:/spec/steps/*/image; may be given several times
    #[arg(long = "kind", help_heading = CLUSTER, value_name = "KIND.GROUP=WHAT:/PATH")]
    kinds: Vec<String>,
}

impl WholeCluster {
    pub(crate) fn input(&self) -> ClusterInput {
        let (kubeconfig, context) = (self.kubeconfig.clone(), self.context.clone());
        ClusterInput {
            files: self.files.clone(),
            cluster: ClusterArguments { kubeconfig, context, namespaces: Vec::new() },
            kinds: self.kinds.clone(),
        }
    }
}
