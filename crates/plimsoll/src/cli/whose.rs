//! What can be typed after `plimsoll whose`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plimsoll_format::responsibility::ResponsibilityForm;

use super::ClusterArguments;

const INPUTS: &str = "What to look at";
const STATEMENTS: &str = "Statements of people";
const EVIDENCE: &str = "Evidence";

/// Arguments of `plimsoll whose`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all that is yours or shared is met or attested, 1 something is not, 2 usage, 3 could not decide.

Examples:
  plimsoll whose --gke cluster.json --snapshot cluster.jsonl
  plimsoll whose --eks cluster.json --eks nodegroup.json --manifests deploy/
  plimsoll whose --gke cluster.json INF-021
  plimsoll whose --gke cluster.json --snapshot cluster.jsonl --node node.json --framework cis-gke
  plimsoll whose --gke cluster.json --snapshot cluster.jsonl --report reports.json CVE-2021-44228
  plimsoll whose --gke cluster.json --snapshot cluster.jsonl --evidence bundle-2026-11
  plimsoll whose --verify bundle-2026-11
  plimsoll whose --gke cluster.json --what-if gke-autopilot --manifests deploy/
  plimsoll whose --gke cluster.json --attestations attestations.yaml --attest SC-007 --by 'A. Person' --until 2027-03-31 --note 'reviewed the roles'"
)]
pub(crate) struct WhoseArguments {
    /// A control to explain; or what to follow from the provider to the person: a flaw (CVE-...), the id of a finding, an image, a workload (shop/web, deployment/shop/web, pod/shop/web-1)
    #[arg(value_name = "CONTROL|CVE|FINDING|IMAGE|POD")]
    pub(crate) subject: Option<String>,

    /// gcloud container clusters describe --format=json; and gcloud compute networks subnets describe of its subnetwork
    #[arg(long = "gke", value_name = "FILE", help_heading = INPUTS)]
    pub(crate) gke: Vec<String>,

    /// aws eks describe-cluster, describe-nodegroup, describe-addon, describe-fargate-profile, describe-access-entry; may be given several times
    #[arg(long = "eks", value_name = "FILE", help_heading = INPUTS)]
    pub(crate) eks: Vec<String>,

    /// az aks show, az aks nodepool list, az aks maintenanceconfiguration list, az monitor diagnostic-settings list; may be given several times
    #[arg(long = "aks", value_name = "FILE", help_heading = INPUTS)]
    pub(crate) aks: Vec<String>,

    /// Manifests, or objects as kubectl get -o json prints them: a file or a folder; may be given several times
    #[arg(long, value_name = "PATH", help_heading = INPUTS)]
    pub(crate) manifests: Vec<String>,

    /// A snapshot of a cluster (plimsoll cluster snapshot)
    #[arg(long, value_name = "FILE", help_heading = INPUTS)]
    pub(crate) snapshot: Option<String>,

    /// Read the cluster that the kubeconfig names
    #[arg(long, help_heading = INPUTS, conflicts_with = "snapshot")]
    pub(crate) live: bool,

    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,

    /// A report of a scan (plimsoll scan --format json), a survey of several, or a folder of them; may be given several times
    #[arg(long = "report", value_name = "PATH", help_heading = INPUTS)]
    pub(crate) reports: Vec<String>,

    /// What `plimsoll node` found on a node; may be given several times, one for each node
    #[arg(long = "node", value_name = "FILE", help_heading = INPUTS)]
    pub(crate) nodes: Vec<String>,

    /// The platform, where it is not to be found out: gke-standard, gke-autopilot, eks-managed-nodes, eks-auto-mode, eks-fargate, aks-standard, aks-automatic, kubeadm, or one of --controls
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,

    /// Own platforms, and own or changed controls: a folder of YAML files
    #[arg(long, value_name = "DIR")]
    pub(crate) controls: Option<PathBuf>,

    /// A benchmark instead of the matrix: every id of it, with what was seen
    #[arg(long, value_name = "NAME", value_parser = plimsoll_scan::responsibility::BENCHMARKS, conflicts_with_all = ["subject", "attest", "what_if"])]
    pub(crate) framework: Option<String>,

    /// What would change on this platform
    #[arg(long, value_name = "PLATFORM", conflicts_with_all = ["subject", "attest"])]
    pub(crate) what_if: Option<String>,

    /// Of which node pool --what-if speaks [default: the first]
    #[arg(long, value_name = "NAME", requires = "what_if")]
    pub(crate) pool: Option<String>,

    /// The file of statements, which is to be reviewed like code
    #[arg(long, value_name = "FILE", help_heading = STATEMENTS)]
    pub(crate) attestations: Option<PathBuf>,

    /// State that this control is met: written to --attestations
    #[arg(long, value_name = "CONTROL", help_heading = STATEMENTS, requires_all = ["attestations", "by", "until"], conflicts_with = "subject")]
    pub(crate) attest: Option<String>,

    /// Who stands for it
    #[arg(long, value_name = "NAME", help_heading = STATEMENTS, requires = "attest")]
    pub(crate) by: Option<String>,

    /// Until which day, YYYY-MM-DD, 400 days away at most
    #[arg(long, value_name = "DATE", help_heading = STATEMENTS, requires = "attest")]
    pub(crate) until: Option<String>,

    /// What was looked at, one line
    #[arg(long, value_name = "TEXT", help_heading = STATEMENTS, requires = "attest", default_value = "")]
    pub(crate) note: String,

    /// Only on this node pool or platform
    #[arg(long, value_name = "POOL|PLATFORM", help_heading = STATEMENTS, requires = "attest")]
    pub(crate) on: Option<String>,

    /// Keep everything that the answer was made from in this folder, which must be empty or new: the inputs, the answer, and a digest of each; a live cluster as a snapshot
    #[arg(long, value_name = "DIR", help_heading = EVIDENCE, conflicts_with_all = ["subject", "attest", "what_if", "framework"])]
    pub(crate) evidence: Option<PathBuf>,

    /// With --evidence: sign its manifest with this private key in PEM: ECDSA (P-256, P-384), RSA or Ed25519; or one of `cosign generate-key-pair`
    #[arg(long, value_name = "FILE", help_heading = EVIDENCE, requires = "evidence")]
    pub(crate) sign_key: Option<PathBuf>,

    /// The password of the key is the first line of a file [default: COSIGN_PASSWORD]
    #[arg(long, value_name = "FILE", help_heading = EVIDENCE, requires = "sign_key")]
    pub(crate) key_password_file: Option<PathBuf>,

    /// Hold such a folder against its digests, and decide anew from what it holds
    #[arg(long, value_name = "DIR", help_heading = EVIDENCE, conflicts_with_all = ["subject", "gke", "eks", "aks", "manifests", "snapshot", "live", "reports", "nodes", "platform", "controls", "framework", "what_if", "attest", "attestations", "evidence"])]
    pub(crate) verify: Option<PathBuf>,

    /// With --verify: one of these public keys in PEM must have signed the manifest; may be given several times
    #[arg(long = "key", value_name = "FILE", help_heading = EVIDENCE, requires = "verify")]
    pub(crate) keys: Vec<PathBuf>,

    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = WhoseFormat::Table)]
    pub(crate) format: WhoseFormat,

    /// The whole matrix
    #[arg(long)]
    pub(crate) all: bool,
}

/// In which form the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhoseFormat {
    Table,
    Json,
    Markdown,
    /// One self-contained page that prints well
    Html,
    Csv,
    /// Assessment results of OSCAL, for governance tools
    Oscal,
    /// A component definition of OSCAL: who does what on each platform
    OscalComponent,
}

impl WhoseFormat {
    pub(crate) fn form(self) -> ResponsibilityForm {
        match self {
            WhoseFormat::Table => ResponsibilityForm::Table,
            WhoseFormat::Json => ResponsibilityForm::Json,
            WhoseFormat::Markdown => ResponsibilityForm::Markdown,
            WhoseFormat::Html => ResponsibilityForm::Html,
            WhoseFormat::Csv => ResponsibilityForm::Csv,
            WhoseFormat::Oscal => ResponsibilityForm::Oscal,
            WhoseFormat::OscalComponent => ResponsibilityForm::OscalComponent,
        }
    }
}
