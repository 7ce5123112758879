//! What can be typed. The rest of the program sees only these values, never clap.

mod cluster;
pub(crate) mod whose;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use plimsoll_format::audit::AuditForm;
use plimsoll_format::{By, Format};
use plimsoll_scan::base::BaseFlag;
use plimsoll_scan::check::{FRAMEWORKS, Framework};
use plimsoll_scan::verdict::Line;
use plimsoll_scan::{Mirror, Scanners, Via};

pub(crate) use cluster::{
    AskedGoal, AttackArguments, ClusterCheckArguments, ClusterCommand, ClusterInput, DriftArguments,
    PathsArguments, PssArguments, ReachArguments, SuggestArguments, SuggestFormat, WhoCanArguments,
};

/// Container security that says whose move it is.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 met, 1 not met, 2 usage or configuration, 3 could not decide.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What is in an image or directory, what is wrong with it, whose move it is, and what to type next
    Scan(ScanArguments),
    /// Dockerfiles and Kubernetes manifests before they are used: what is wrong, where, and what to change
    Check(CheckArguments),
    /// Two images, folders, SBOMs or saved reports: what came, what went, what the second one brings
    Diff(DiffArguments),
    /// The inventory only, as CycloneDX, SPDX or JSON
    Sbom(SbomArguments),
    /// The changes that remove most of the work across many targets, the greatest first
    Plan(PlanArguments),
    /// Where an image comes from: its signatures and attestations, who made them, and whether that is who should have
    Verify(VerifyArguments),
    /// Sign a statement about an image and store it beside the image
    Attest(AttestArguments),
    /// Trust roots of keyless signatures: fetch the newest, show them, add one
    #[command(subcommand)]
    Trust(TrustCommand),
    /// Everything that a cluster runs, held against policies; and what is trusted only because of where it is
    Audit(AuditArguments),
    /// A cluster: who reaches whom in it, who can do what, what would break under Pod Security Standards, and the cluster as
    /// a file
    Cluster {
        #[command(subcommand)]
        command: ClusterCommand,
    },
    /// The gate of a cluster: an admission webhook that refuses what does not meet the requirements
    Admit(Box<AdmitArguments>),
    /// Whose is it: where your part begins and ends on this platform, which switch moves it, and whether it is done
    Whose(Box<whose::WhoseArguments>),
    /// What is on this node that verdicts need: kubelet, files, disks; read only, as JSON for --node
    Node(crate::commands::node::NodeArguments),
    /// Rules of other engines: run their own tests
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Build and inspect the advisory database
    #[command(subcommand)]
    Db(DbCommand),
    /// What a registry has: tags, repositories, what refers to an image; and where an image would be asked for
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// What is kept of images from registries, so that known layers are not downloaded again
    #[command(subcommand)]
    Cache(CacheCommand),
    /// What happens in running containers, held against rules
    Watch(crate::commands::watch::WatchArguments),
    /// What this machine offers to Plimsoll, and what is missing
    Doctor(crate::commands::doctor::DoctorArguments),
    /// What is known about an advisory, a finding or a rule, offline
    Explain(ExplainArguments),
    /// Completion script for a shell, on standard output
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Manual page, on standard output; of one command when it is named
    Man {
        /// The command, as in `plimsoll man db build`
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// What can be typed for a target, with further lines for what only one command takes.
macro_rules! target_help {
    ($title:literal, $more:literal) => {
        concat!(
            $title,
            " Guessed when it has no prefix:
  dir:PATH             a directory or root file system
  docker-archive:FILE  what `docker save` writes
  oci:PATH             an OCI image layout, as a directory or tar
  oci-archive:FILE     an OCI image layout in a tar
  docker:NAME          an image that Docker has; podman:NAME, containerd:NAME for the others
  registry:NAME        an image in a registry, as in registry:ghcr.io/owner/name:tag
",
            $more,
            "  container:NAME       the files of a container of Docker or Podman, running or not
  pid:N                what a process sees as its root, as of a running container; for root
  git:URL[#REF[:DIR]]  a commit of a repository, as in git:https://github.com/owner/name#v1.2
  sbom:FILE            a CycloneDX or SPDX document
  -                    an image archive on standard input
FILE:NAME:TAG, PATH:TAG or PATH@DIGEST picks one of several images.
What is no file is an image, of the first place of --from that has it; the report names it.
In a registry debian:12 is docker.io/library/debian:12."
        )
    };
}

const TARGET_HELP: &str = target_help!("What to look at.", "");

const TARGETS_HELP: &str = target_help!(
    "What to look at, one or several.",
    "  registry:HOST/PREFIX/*  all images of a registry below a prefix, where it lists them\n"
);

#[derive(Debug, Args)]
pub(crate) struct TargetArguments {
    #[arg(value_name = "TARGET", help = "What to look at (see --help)", long_help = TARGET_HELP)]
    pub(crate) target: String,

    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

/// How targets are read.
#[derive(Debug, Args)]
pub(crate) struct ReadingArguments {
    /// Platform to take from a multi-platform image, as in linux/arm64; or the one that it runs on, by which findings show whose they are,
    /// as in gke-autopilot (docs/whose.md); may be given once for each
    #[arg(long = "platform", value_name = "OS/ARCH[/VARIANT]|PLATFORM")]
    pub(crate) platforms: Vec<String>,

    /// Threads that read layers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,

    /// Index that names Java archives by their SHA-1, a file or its folder [default: PLIMSOLL_JAVA_INDEX, else java-index.db in the user's data folder]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) java_index: Option<PathBuf>,

    /// Of a directory read only the files that git tracks
    #[arg(long)]
    pub(crate) git_tracked_only: bool,

    /// Who is asked, in this order, for an image that is named without a place
    #[arg(long, value_name = "PLACE,...", value_delimiter = ',', value_parser = place)]
    #[arg(default_value = "docker,podman,containerd,registry")]
    pub(crate) from: Vec<Via>,

    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

const CLUSTER: &str = "Cluster";

/// The platform that says whose findings are.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlatformArguments {
    /// The platform that it runs on, by which everything that is found shows whose it is: gke-standard, gke-autopilot, eks-managed-nodes,
    /// eks-auto-mode, eks-fargate, aks-standard, aks-automatic, kubeadm, or one of --controls
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,

    /// Own platforms, and own or changed controls, for --platform: a folder of YAML files
    #[arg(long, value_name = "DIR", requires = "platform")]
    pub(crate) controls: Option<PathBuf>,
}

const REGISTRIES: &str = "Registries";

/// How registries are reached.
#[derive(Debug, Args)]
pub(crate) struct RegistryArguments {
    /// Certificate of a private authority, PEM or DER; may be given several times
    #[arg(long = "ca-file", help_heading = REGISTRIES, value_name = "FILE")]
    pub(crate) ca_files: Vec<PathBuf>,

    /// Certificate that is shown to registries which ask for one, PEM; with --client-key, or with its key in the file
    #[arg(long = "client-cert", help_heading = REGISTRIES, value_name = "FILE")]
    pub(crate) client_certificate: Option<PathBuf>,

    /// Private key of --client-cert, PEM
    #[arg(long, help_heading = REGISTRIES, value_name = "FILE", requires = "client_certificate")]
    pub(crate) client_key: Option<PathBuf>,

    /// Folder with HOST/hosts.toml or HOST/ca.crt, before the usual ones (docs/registries.md); may be given several times
    #[arg(long = "hosts-dir", help_heading = REGISTRIES, value_name = "DIR")]
    pub(crate) host_folders: Vec<PathBuf>,

    /// Host that may be read without TLS or with any certificate; may be given several times
    #[arg(long, help_heading = REGISTRIES, value_name = "HOST[:PORT]")]
    pub(crate) insecure: Vec<String>,

    /// Mirror that is asked first, as in docker.io=mirror.example:5000; may be given several times
    #[arg(long = "registry-mirror", help_heading = REGISTRIES, value_name = "REGISTRY=HOST[/PREFIX]")]
    pub(crate) mirrors: Vec<Mirror>,

    /// Download and read all layers again, and keep nothing
    #[arg(long, help_heading = REGISTRIES)]
    pub(crate) no_cache: bool,

    #[command(flatten)]
    pub(crate) cache: CacheArguments,
}

/// Where inventories of known layers are kept.
#[derive(Debug, Args)]
pub(crate) struct CacheArguments {
    /// Folder that keeps what known layers held [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// The tags of a repository
    #[command(visible_alias = "ls")]
    Tags(RegistryListArguments),
    /// The repositories of a registry, or those below a prefix: HOST or HOST/PREFIX. Many registries list none
    #[command(visible_alias = "catalog")]
    Repositories(RegistryListArguments),
    /// What refers to an image: signatures, attestations, SBOMs; by the referrers API and by tags
    Referrers(RegistryListArguments),
    /// Where an image would be asked for, and which files decide, without asking anybody
    Where(RegistryListArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RegistryListArguments {
    /// An image, repository or registry, as in debian:12, ghcr.io/owner/name or registry.example:5000
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) registry: RegistryArguments,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// How much is kept, and where
    Status(CacheArguments),
    /// Remove everything that is kept
    Clear(CacheArguments),
}

#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// Write a further report to a file, as in `--output sarif=report.sarif`; may be given several times
    #[arg(long = "output", short = 'o', value_name = "FORMAT=PATH", value_parser = format_and_path)]
    pub(crate) outputs: Vec<(Format, PathBuf)>,

    /// The template of the format `template`: a file in Jinja2, @annotations or @prometheus (docs/templates.md)
    #[arg(long, value_name = "FILE|@NAME")]
    pub(crate) template: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll scan debian:12
  plimsoll scan dir:/
  docker save shop-web | plimsoll scan -
  plimsoll scan registry:ghcr.io/team/* debian:12 --output-dir reports --format json
  plimsoll scan oci:build/image --base debian:12 --fail-on high,fixable --output sarif=plimsoll.sarif")]
pub(crate) struct ScanArguments {
    #[arg(value_name = "TARGET", required_unless_present = "targets_from")]
    #[arg(help = "What to look at (see --help); may be several", long_help = TARGETS_HELP)]
    pub(crate) targets: Vec<String>,

    #[command(flatten)]
    pub(crate) reading: ReadingArguments,

    /// Own platforms, and own or changed controls, for --platform: a folder of YAML files
    #[arg(long, value_name = "DIR", requires = "platforms")]
    pub(crate) controls: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) many: ManyArguments,

    /// Where the base image ends: a reference, a digest, `layers:N`, or `chain:DIFFID,DIFFID...`
    #[arg(long, value_name = "BASE")]
    pub(crate) base: Option<BaseFlag>,

    /// What to look for: vuln, secret, config, license, or several with commas [default: vuln,secret, and config without
    /// counting it]
    #[arg(long, value_name = "NAME[,NAME]")]
    pub(crate) scanners: Option<Scanners>,

    /// Licences that packages may be under: SPDX ids and classes, see docs/licences.md. All others are over the line
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) license_allow: Vec<String>,

    /// Licences that packages must not be under: SPDX ids and classes, see docs/licences.md
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) license_deny: Vec<String>,

    /// The Dockerfile that the image was built from: checks it, and points at its lines
    #[arg(long, value_name = "FILE")]
    pub(crate) dockerfile: Option<PathBuf>,

    /// The stage of the Dockerfile that was built, by name or number [default: the last]
    #[arg(long = "target", value_name = "STAGE", requires = "dockerfile")]
    pub(crate) stage: Option<String>,

    /// Advisory database [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    /// Advisories may be at most this old, as in 7d or 36h; older ones make the verdict unknown
    #[arg(long, value_name = "DURATION", value_parser = age)]
    pub(crate) max_db_age: Option<Duration>,

    #[command(flatten)]
    pub(crate) vex: VexArguments,

    #[command(flatten)]
    pub(crate) sbom: AttachedSbomArguments,

    /// What `plimsoll watch --in-use FILE` wrote: findings about packages that ran go first; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) in_use: Vec<PathBuf>,

    /// Exceptions (TOML or YAML), see docs/exceptions.md: id, reason, and optionally what, owner, until when
    #[arg(long, value_name = "FILE")]
    pub(crate) ignore_file: Option<PathBuf>,

    /// The line: a severity, then `fixable` and `kev` [default: critical,fixable,kev]
    #[arg(long, value_name = "SEVERITY[,fixable][,kev]")]
    pub(crate) fail_on: Option<Line>,

    /// Form of the report on standard output (--help lists all)
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "table", value_parser = format)]
    #[arg(long_help = formats("Form of the report on standard output:"))]
    pub(crate) format: Format,

    #[command(flatten)]
    pub(crate) output: OutputArguments,

    /// List every finding, not only what to change
    #[arg(long)]
    pub(crate) all: bool,

    /// List the findings that do not count: why, and who says so (VEX, exceptions, owners, the program itself)
    #[arg(long)]
    pub(crate) show_suppressed: bool,

    /// List every finding with its points in the order of work
    #[arg(long)]
    pub(crate) explain: bool,

    /// List findings in groups
    #[arg(long, value_name = "cve|package|layer|party", value_parser = by)]
    pub(crate) by: Option<By>,

    #[command(flatten)]
    pub(crate) supply: SupplyArguments,
}

const VEX: &str = "Who says what is not affected (VEX)";

/// Which VEX documents count.
#[derive(Debug, Args)]
pub(crate) struct VexArguments {
    /// OpenVEX, CSAF or CycloneDX document; `oci`: those that are attached to the image in its registry, of the signers below; may be given several times
    #[arg(long, help_heading = VEX, value_name = "FILE|oci")]
    pub(crate) vex: Vec<PathBuf>,

    /// VEX hub whose word is believed: an address (https://github.com/aquasecurity/vexhub), kept for when there is no network, or a folder with its index.json; the first of several outranks
    #[arg(long, help_heading = VEX, value_name = "URL|DIR")]
    pub(crate) vex_hub: Vec<String>,

    /// With `--vex oci`: public key (as of `verify`) whose signature counts; may be given several times
    #[arg(long = "vex-key", help_heading = VEX, value_name = "FILE")]
    pub(crate) vex_keys: Vec<PathBuf>,

    /// With a key: accept signatures that no transparency log knows of
    #[arg(long = "vex-no-transparency-log", help_heading = VEX, requires = "vex_keys")]
    pub(crate) vex_unlogged: bool,

    /// With `--vex oci`: holder of a certificate whose signature counts, as a pattern
    #[arg(long, help_heading = VEX, value_name = "PATTERN", requires = "vex_issuer")]
    pub(crate) vex_identity: Option<String>,

    /// Who vouched for the holder, as a pattern
    #[arg(long, help_heading = VEX, value_name = "PATTERN", requires = "vex_identity")]
    pub(crate) vex_issuer: Option<String>,

    /// Trust root, as of `verify` [default: sigstore, github]
    #[arg(long = "vex-trust-root", help_heading = VEX, value_name = "NAME|FILE")]
    pub(crate) vex_roots: Vec<String>,

    /// With `--vex oci`: apply also what nobody signed, or nobody who was named
    #[arg(long, help_heading = VEX)]
    pub(crate) vex_unsigned: bool,
}

const SBOM: &str = "SBOMs that are attached to the image";

/// Which attached SBOMs count.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "clap knows arguments of all parts by the names of fields")]
pub(crate) struct AttachedSbomArguments {
    /// Hold the layers against the SBOMs attached to the image in its registry (referrers, attestations, BuildKit's), and add what only those of the signers below list
    #[arg(long, help_heading = SBOM)]
    pub(crate) sbom_oci: bool,

    /// Public key (as of `verify`) whose signature counts; may be given several times
    #[arg(long = "sbom-key", help_heading = SBOM, value_name = "FILE", requires = "sbom_oci")]
    pub(crate) sbom_keys: Vec<PathBuf>,

    /// With a key: accept signatures that no transparency log knows of
    #[arg(long = "sbom-no-transparency-log", help_heading = SBOM, requires = "sbom_keys")]
    pub(crate) sbom_unlogged: bool,

    /// Holder of a certificate whose signature counts, as a pattern
    #[arg(long, help_heading = SBOM, value_name = "PATTERN", requires_all = ["sbom_oci", "sbom_issuer"])]
    pub(crate) sbom_identity: Option<String>,

    /// Who vouched for the holder, as a pattern
    #[arg(long, help_heading = SBOM, value_name = "PATTERN", requires = "sbom_identity")]
    pub(crate) sbom_issuer: Option<String>,

    /// Trust root, as of `verify` [default: sigstore, github]
    #[arg(long = "sbom-trust-root", help_heading = SBOM, value_name = "NAME|FILE", requires = "sbom_oci")]
    pub(crate) sbom_roots: Vec<String>,

    /// Use also what nobody signed, or nobody who was named
    #[arg(long, help_heading = SBOM, requires = "sbom_oci")]
    pub(crate) sbom_unsigned: bool,
}

const MANY: &str = "Many targets";

/// Which targets, and how many at once.
#[derive(Debug, Args)]
pub(crate) struct ManyArguments {
    /// Also scan the targets in a file, one a line; `-` is standard input
    #[arg(long, help_heading = MANY, value_name = "FILE")]
    pub(crate) targets_from: Option<PathBuf>,

    /// Tags that `registry:HOST/PREFIX/*` takes, as in `1.*` [default: latest, else the newest]
    #[arg(long, help_heading = MANY, value_name = "GLOB")]
    pub(crate) tags: Option<String>,

    /// How many tags of each repository, the newest first
    #[arg(long, help_heading = MANY, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) newest: u16,

    /// How many targets one run takes; more are left out, and the verdict is unknown
    #[arg(long, help_heading = MANY, value_name = "N", default_value_t = 500)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_targets: u32,

    /// Targets that are scanned at once [default: as many as there are processors]
    #[arg(long, help_heading = MANY, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,

    /// Write a file of its own for each target, in the format of --format; standard output gets the overview
    #[arg(long, help_heading = MANY, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll check Dockerfile
  plimsoll check . --fail-on medium --output sarif=plimsoll.sarif
  plimsoll check deploy/ --format json
  kubectl get all --all-namespaces -o yaml | plimsoll check -
  plimsoll check - < Containerfile

A comment accepts a finding of the next instruction, an annotation those of its object:
  # plimsoll ignore=latest-tag reason=\"why\" owner=team-a until=2026-12-31
  plimsoll.dev/ignore: ignore=host-network reason=\"why\" owner=team-a until=2026-12-31")]
pub(crate) struct CheckArguments {
    /// Files and folders; folders are searched for Dockerfile, *.Dockerfile, Containerfile, for Kubernetes objects in *.yaml,
    /// *.yml and *.json, and for Helm charts and Kustomize folders, which your own helm, kustomize or kubectl renders. `-` is
    /// standard input
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,

    #[command(flatten)]
    pub(crate) platform: PlatformArguments,

    /// Only what is new against a revision of git: a branch, a tag, a commit. What was there already, or only moved, is counted
    /// and left out
    #[arg(long, value_name = "REVISION")]
    pub(crate) since: Option<String>,

    /// Repair in the files what can be repaired for certain; comments and order stay. The report is of what is left
    #[arg(long, conflicts_with = "since")]
    pub(crate) fix: bool,

    /// Repair what this rule finds, too, although a program may need it; `all` for every rule that has a repair; may be given
    /// several times
    #[arg(long, value_name = "RULE", requires = "fix")]
    pub(crate) fix_also: Vec<String>,

    /// Write nothing: show what --fix would change, as a diff, in place of the report
    #[arg(long, requires = "fix")]
    pub(crate) dry_run: bool,

    /// Values that Helm charts are rendered with, beside their own; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,

    /// A further kind of objects that runs pods, as in Task.tekton.dev=container:/spec/steps; may be given several times
    #[arg(long = "kind", value_name = "KIND.GROUP=WHAT:/PATH")]
    pub(crate) kinds: Vec<String>,

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

    /// Whether workloads use the profiles that `plimsoll watch suggest` writes for their images: what `plimsoll watch --learn`
    /// wrote
    #[arg(long, value_name = "FILE", conflicts_with = "framework")]
    pub(crate) baseline: Option<PathBuf>,

    /// A form of profile that --baseline asks for; may be given several times [default: seccomp and network-policy]
    #[arg(long, value_enum, value_name = "FORM", requires = "baseline")]
    pub(crate) applied: Vec<crate::commands::habits::SuggestForm>,

    /// Advisory database, for the support of base images [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    /// Exceptions (TOML or YAML), see docs/exceptions.md: id, reason, owner, until when, and optionally what
    #[arg(long, value_name = "FILE")]
    pub(crate) ignore_file: Option<PathBuf>,

    /// Form of the report on standard output: table, json, sarif, markdown, html, junit, csv or policy-report
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "table", value_parser = format)]
    pub(crate) format: Format,

    #[command(flatten)]
    pub(crate) output: OutputArguments,

    /// List the findings that do not count: why, and who says so (VEX, exceptions, owners, the program itself)
    #[arg(long)]
    pub(crate) show_suppressed: bool,

    /// List every finding, not only what to change
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll diff oci:shop-web:1.4 oci:shop-web:1.5
  plimsoll scan shop-web:1.4 --format json > main.json; plimsoll diff main.json oci:build/image --fail-on high")]
pub(crate) struct DiffArguments {
    /// What it is held against: a target as of `scan`, or a report that `--format json` wrote
    #[arg(value_name = "BEFORE")]
    pub(crate) before: String,

    /// What is looked at: a target or a saved report
    #[arg(value_name = "AFTER")]
    pub(crate) after: String,

    #[command(flatten)]
    pub(crate) reading: ReadingArguments,

    /// Advisory database [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) supply: SupplyArguments,

    /// Exceptions (TOML or YAML), see docs/exceptions.md: id, reason, and optionally what, owner, until when
    #[arg(long, value_name = "FILE")]
    pub(crate) ignore_file: Option<PathBuf>,

    /// The line for what the second one brings: a severity, then `fixable` and `kev` [default: critical,fixable,kev]
    #[arg(long, value_name = "SEVERITY[,fixable][,kev]")]
    pub(crate) fail_on: Option<Line>,

    /// Form of the answer: table, json or markdown
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "table", value_parser = format)]
    pub(crate) format: Format,

    /// List everything
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SbomArguments {
    #[command(flatten)]
    pub(crate) target: TargetArguments,

    /// Form of the inventory on standard output: cyclonedx, spdx, json, github or sbom-predicate
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "cyclonedx", value_parser = format)]
    pub(crate) format: Format,

    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll plan reports/                    # folder of what `scan --format json` wrote
  plimsoll plan shop.json debian:12 oci:build/image --all")]
pub(crate) struct PlanArguments {
    /// Saved reports (`scan --format json`), folders of them, and targets as of `scan`
    #[arg(value_name = "REPORT|TARGET", required = true)]
    pub(crate) targets: Vec<String>,

    #[command(flatten)]
    pub(crate) reading: ReadingArguments,

    /// Advisory database, for targets [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    /// What `plimsoll watch --in-use FILE` wrote: what removes findings about packages that ran goes first; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) in_use: Vec<PathBuf>,

    /// Form of the plan: table, json, markdown or renovate (a preset that orders its pull requests)
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "table")]
    pub(crate) format: plimsoll_format::plan::Form,

    /// List every step and every place
    #[arg(long)]
    pub(crate) all: bool,
}

const SIGNERS: &str = "Whose signature counts";
const BUILD: &str = "Which build it must come from (SLSA provenance)";

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll verify ghcr.io/owner/shop:1.4 --key cosign.pub
  plimsoll verify ghcr.io/owner/shop:1.4 --identity 'https://github.com/owner/shop/.github/workflows/*@refs/tags/*' \\
      --issuer https://token.actions.githubusercontent.com
  plimsoll verify ghcr.io/owner/shop:1.4 --policy policies/ --namespace shop
  plimsoll verify ghcr.io/owner/shop:1.4 --identity '**' --issuer https://token.actions.githubusercontent.com \\
      --source github.com/owner/shop --branch main

In patterns `*` stands for anything but `/`, `**` for anything; /PATTERN/ is a regular expression. Both fit whole values.")]
pub(crate) struct VerifyArguments {
    /// The image in its registry; with `--evidence` also a file (`file:PATH`) or the digest of one (`sha256:...`)
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    /// Public key as PEM, DER or JWK, or the variable that holds it (`env://NAME`); may be given several times
    #[arg(long = "key", help_heading = SIGNERS, value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,

    /// Policies, exceptions and revocations (YAML), a file or a folder of them; may be given several times
    #[arg(long = "policy", value_name = "PATH", conflicts_with_all = ["keys", "identity", "builder", "source", "branch", "tag", "version_tag", "workflow", "inputs", "attestations", "files"])]
    pub(crate) policies: Vec<PathBuf>,

    /// With policies: the namespace where it is to run
    #[arg(long, value_name = "NAME", requires = "policies", default_value = "")]
    pub(crate) namespace: String,

    /// With policies: a label of what is to run; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE", requires = "policies")]
    pub(crate) labels: Vec<String>,

    /// With policies: the advisory database [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE", requires = "policies")]
    pub(crate) db: Option<PathBuf>,

    /// With a key: accept signatures that no transparency log knows of
    #[arg(long, help_heading = SIGNERS, requires = "keys")]
    pub(crate) no_transparency_log: bool,

    /// Holder of the signing certificate, as a pattern
    #[arg(long, help_heading = SIGNERS, value_name = "PATTERN", requires = "issuer")]
    pub(crate) identity: Option<String>,

    /// Who vouched for the holder, as a pattern
    #[arg(long, help_heading = SIGNERS, value_name = "PATTERN", requires = "identity")]
    pub(crate) issuer: Option<String>,

    /// Further claim of the certificate, as in sourceRepositoryURI=https://github.com/owner/shop
    #[arg(long = "claim", help_heading = SIGNERS, value_name = "NAME=PATTERN", requires = "identity")]
    pub(crate) claims: Vec<String>,

    /// Trust policy of Notation (trustpolicy.json): the one for this repository holds
    #[arg(long, help_heading = SIGNERS, value_name = "FILE", conflicts_with = "policies")]
    pub(crate) notation_trust_policy: Option<PathBuf>,

    /// Folder of Notation's trust stores [default: the folder of the trust policy]
    #[arg(long, help_heading = SIGNERS, value_name = "DIR", requires = "notation_trust_policy")]
    pub(crate) notation_trust_store: Option<PathBuf>,

    /// Revocation list or OCSP response for Notation's certificates, or a folder of them; may be given several times
    #[arg(long = "notation-revocations", help_heading = SIGNERS, value_name = "PATH")]
    pub(crate) notation_revocations: Vec<PathBuf>,

    /// Trust root: `sigstore`, `sigstore-staging`, `github`, one of `plimsoll trust add`, or a trusted_root.json; may be given several times
    /// [default: sigstore, github]
    #[arg(long = "trust-root", help_heading = SIGNERS, value_name = "NAME|FILE")]
    pub(crate) roots: Vec<String>,

    /// Builder, as a pattern [default: the isolated workflows of the SLSA GitHub generator]
    #[arg(long, help_heading = BUILD, value_name = "PATTERN")]
    pub(crate) builder: Option<String>,

    /// Source, as a pattern: github.com/owner/name
    #[arg(long, help_heading = BUILD, value_name = "PATTERN")]
    pub(crate) source: Option<String>,

    /// Branch that it must be built from
    #[arg(long, help_heading = BUILD, value_name = "NAME")]
    pub(crate) branch: Option<String>,

    /// Tag that it must be built from
    #[arg(long, help_heading = BUILD, value_name = "NAME")]
    pub(crate) tag: Option<String>,

    /// Start of the version that it must be built from: v1 fits the tag v1.2.3
    #[arg(long, help_heading = BUILD, value_name = "VERSION")]
    pub(crate) version_tag: Option<String>,

    /// Workflow within the source, as a pattern
    #[arg(long, help_heading = BUILD, value_name = "PATTERN")]
    pub(crate) workflow: Option<String>,

    /// What the person who started the build must have typed in
    #[arg(long = "input", help_heading = BUILD, value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,

    /// Attestation that a trusted signer must have made, by the kind of its predicate; may be given several times
    #[arg(long = "attestation", value_name = "PREDICATE-TYPE")]
    pub(crate) attestations: Vec<String>,

    /// Another repository that holds evidence; may be given several times
    #[arg(long = "evidence-repository", value_name = "NAME")]
    pub(crate) repositories: Vec<String>,

    /// Evidence in a file: sigstore bundles or DSSE envelopes, one or one in each line; may be given several times
    #[arg(long = "evidence", alias = "bundle", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) registry: RegistryArguments,

    /// Form of the answer: table or json
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "table", value_parser = format)]
    pub(crate) format: Format,

    /// Show everything of every piece of evidence
    #[arg(long)]
    pub(crate) all: bool,
}

/// Which cluster.
#[derive(Debug, Args)]
pub(crate) struct ClusterArguments {
    /// Kubeconfig [default: KUBECONFIG, else ~/.kube/config, else the cluster that this runs in]
    #[arg(long, help_heading = CLUSTER, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: its current one]
    #[arg(long, help_heading = CLUSTER, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// Only this namespace; may be given several times [default: all]
    #[arg(long = "namespace", help_heading = CLUSTER, value_name = "NAME")]
    pub(crate) namespaces: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll audit --policy policies/
  plimsoll cluster snapshot > cluster.jsonl; plimsoll audit cluster.jsonl --policy policies/
  kubectl get deployments,pods -A -o json | plimsoll audit - --policy policies/
  plimsoll audit --watch --publish events --policy policies/")]
pub(crate) struct AuditArguments {
    /// A snapshot, or objects in JSON or YAML, instead of a live cluster; `-` for standard input
    #[arg(value_name = "FILE", conflicts_with_all = ["kubeconfig", "context", "namespaces"])]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) platform: PlatformArguments,

    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,

    /// A further kind of objects that runs images, as in Task.tekton.dev=image:/spec/steps/*/image; may be given several times
    #[arg(long = "kind", help_heading = CLUSTER, value_name = "KIND.GROUP=WHAT:/PATH")]
    pub(crate) kinds: Vec<String>,

    /// Policies, exceptions and revocations (YAML), and rules of other engines about objects as they are, a file or a folder of
    /// them; may be given several times
    #[arg(long = "policy", value_name = "PATH", required = true)]
    pub(crate) policies: Vec<PathBuf>,

    /// Trust root: `sigstore`, `sigstore-staging`, `github` or a trusted_root.json; may be given several times [default: sigstore, github]
    #[arg(long = "trust-root", value_name = "NAME|FILE")]
    pub(crate) roots: Vec<String>,

    /// Revocation list or OCSP response for Notation's certificates, or a folder of them; may be given several times
    #[arg(long = "notation-revocations", value_name = "PATH")]
    pub(crate) notation_revocations: Vec<PathBuf>,

    /// Another repository that holds evidence; may be given several times
    #[arg(long = "evidence-repository", value_name = "NAME")]
    pub(crate) repositories: Vec<String>,

    /// The advisory database [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    /// Do not look for provenance of images about which no policy asks for it
    #[arg(long)]
    pub(crate) no_provenance: bool,

    /// Ask no registry: what policies need from there is unknown
    #[arg(long)]
    pub(crate) offline: bool,

    /// Images that are looked at at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: u16,

    #[command(flatten)]
    pub(crate) registry: RegistryArguments,

    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = AuditFormat::Table)]
    pub(crate) format: AuditFormat,

    /// Show all images, rules and workloads
    #[arg(long)]
    pub(crate) all: bool,

    /// Go on: follow the cluster, the policies and the database, and tell what changes, a line of JSON for each
    #[arg(long, conflicts_with_all = ["file", "format", "all"])]
    pub(crate) watch: bool,

    /// Write into the cluster what was found: one report for each namespace, or an event for each change; may be given several times
    #[arg(long, value_enum, value_name = "WHAT", requires = "watch")]
    pub(crate) publish: Vec<Publish>,
}

/// What of an audit is written into the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Publish {
    /// `PolicyReport` objects (wgpolicyk8s.io/v1alpha2)
    Reports,
    /// Events of the workloads
    Events,
}

/// In which form an audit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    Table,
    Json,
    /// `PolicyReport` objects (wgpolicyk8s.io/v1alpha2), for `kubectl apply -f -`
    PolicyReport,
    /// `Report` objects (openreports.io/v1alpha1)
    OpenReport,
}

impl AuditFormat {
    pub(crate) fn form(self) -> AuditForm {
        match self {
            AuditFormat::Table => AuditForm::Table,
            AuditFormat::Json => AuditForm::Json,
            AuditFormat::PolicyReport => AuditForm::PolicyReport,
            AuditFormat::OpenReport => AuditForm::OpenReport,
        }
    }
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Examples:
  plimsoll attest ghcr.io/owner/shop:1.4 --key cosign.key
  plimsoll attest scan ghcr.io/owner/shop:1.4 --key cosign.key
  plimsoll attest verdict ghcr.io/owner/shop:1.4 --policy policies/ --key cosign.key
  plimsoll attest ghcr.io/owner/shop:1.4 --key cosign.key --type openvex --predicate shop.openvex.json")]
pub(crate) struct AttestArguments {
    #[command(subcommand)]
    pub(crate) command: Option<AttestCommand>,

    /// The image in its registry
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) image: Option<String>,

    #[command(flatten)]
    pub(crate) signing: SigningArguments,

    /// What is stated, as JSON; `-` is standard input. Not given: nothing but \"signed\"
    #[arg(long, value_name = "FILE", requires = "kind")]
    pub(crate) predicate: Option<PathBuf>,

    /// Kind of what is stated: vuln, cyclonedx, spdx, openvex, slsaprovenance, slsaprovenance1, or an address
    #[arg(long = "type", id = "kind", value_name = "TYPE", requires = "predicate")]
    pub(crate) kind: Option<String>,

    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AttestCommand {
    /// Scan the image, and sign and attach what was found
    Scan(AttestScanArguments),
    /// Decide by policies; if they are met, sign and attach that they were (a SLSA verification summary)
    Verdict(AttestVerdictArguments),
}

const SIGNING: &str = "Who signs";

/// Who signs.
#[derive(Debug, Args)]
pub(crate) struct SigningArguments {
    /// Private key in PEM: ECDSA (P-256, P-384), RSA or Ed25519; or one of `cosign generate-key-pair`; `env://NAME` takes it from a variable
    #[arg(long, help_heading = SIGNING, value_name = "FILE", conflicts_with = "keyless")]
    pub(crate) key: Option<PathBuf>,

    /// The password of the key is the first line of a file [default: COSIGN_PASSWORD]
    #[arg(long, help_heading = SIGNING, value_name = "FILE", requires = "key")]
    pub(crate) key_password_file: Option<PathBuf>,

    /// Sign with a certificate of some minutes for an identity token: of --identity-token, SIGSTORE_ID_TOKEN (GitLab), or
    /// GitHub's runner
    #[arg(long, help_heading = SIGNING)]
    pub(crate) keyless: bool,

    /// File of the identity token; `-` is standard input
    #[arg(long, help_heading = SIGNING, value_name = "FILE", requires = "keyless")]
    pub(crate) identity_token: Option<PathBuf>,

    /// Who issues the certificate (Fulcio)
    #[arg(long, help_heading = SIGNING, value_name = "URL", requires = "keyless")]
    #[arg(default_value = "https://fulcio.sigstore.dev")]
    pub(crate) fulcio_url: String,

    /// The transparency log, of the second generation (Rekor)
    #[arg(long, help_heading = SIGNING, value_name = "URL", requires = "keyless")]
    #[arg(default_value = "https://log2025-1.rekor.sigstore.dev")]
    pub(crate) rekor_url: String,

    /// The timestamp authority (RFC 3161)
    #[arg(long, help_heading = SIGNING, value_name = "URL", requires = "keyless")]
    #[arg(default_value = "https://timestamp.sigstore.dev/api/v1/timestamp")]
    pub(crate) timestamp_url: String,

    /// Trust root that what these answer must verify against: `sigstore`, `sigstore-staging` or a trusted_root.json
    #[arg(long, help_heading = SIGNING, value_name = "NAME|FILE", requires = "keyless", default_value = "sigstore")]
    pub(crate) keyless_root: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll attest scan ghcr.io/owner/shop:1.4 --key cosign.key
  plimsoll attest scan ghcr.io/owner/shop:1.4 --key cosign.key --attach vuln,spdx,vex --vex shop.openvex.json")]
pub(crate) struct AttestScanArguments {
    /// The image in its registry
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    #[command(flatten)]
    pub(crate) signing: SigningArguments,

    /// What is attached: vuln (cosign's predicate), report (ours), cyclonedx, spdx, vex (the documents of --vex)
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',', default_value = "vuln,cyclonedx")]
    pub(crate) attach: Vec<Attachment>,

    /// What to look for: vuln, secret, config, or several with commas [default: vuln]
    #[arg(long, value_name = "NAME[,NAME]")]
    pub(crate) scanners: Option<Scanners>,

    /// OpenVEX document that says what is not affected; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) vex: Vec<PathBuf>,

    /// Advisory database [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) supply: SupplyArguments,

    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

/// What `attest scan` attaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Attachment {
    Vuln,
    Report,
    Cyclonedx,
    Spdx,
    Vex,
}

/// Where a decision by policies has its evidence from.
#[derive(Debug, Args)]
pub(crate) struct EvidenceArguments {
    /// The advisory database [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    /// Revocation list or OCSP response for Notation's certificates, or a folder of them; may be given several times
    #[arg(long = "notation-revocations", value_name = "PATH")]
    pub(crate) notation_revocations: Vec<PathBuf>,

    /// Trust root: `sigstore`, `sigstore-staging`, `github`, one of `plimsoll trust add`, or a trusted_root.json; may be given several times
    /// [default: sigstore, github]
    #[arg(long = "trust-root", value_name = "NAME|FILE")]
    pub(crate) roots: Vec<String>,

    /// Another repository that holds evidence; may be given several times
    #[arg(long = "evidence-repository", value_name = "NAME")]
    pub(crate) repositories: Vec<String>,

    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  plimsoll attest verdict ghcr.io/owner/shop:1.4 --policy policies/ --namespace shop --key cosign.key

The gate accepts it with a requirement in a policy of its own:
  - verifiedBy: {signers: [ci], policies: ['sha256:...'], maxAge: 24h}")]
pub(crate) struct AttestVerdictArguments {
    /// The image in its registry
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    #[command(flatten)]
    pub(crate) signing: SigningArguments,

    /// Policies, exceptions and revocations (YAML), a file or a folder of them; may be given several times
    #[arg(long = "policy", value_name = "PATH", required = true)]
    pub(crate) policies: Vec<PathBuf>,

    /// The namespace where it is to run
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) namespace: String,

    /// A label of what is to run; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub(crate) labels: Vec<String>,

    /// Who says so: an address of whoever runs this check
    #[arg(long, value_name = "ADDRESS", default_value = "https://plimsoll.dev/verifier")]
    pub(crate) verifier: String,

    #[command(flatten)]
    pub(crate) evidence: EvidenceArguments,

    /// Form of the decision: table or json
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "table", value_parser = format)]
    pub(crate) format: Format,

    /// Show every requirement
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Fetch trust roots from their TUF repositories: all that are known, or those named
    Update {
        /// Which [default: sigstore, github, and those that were added]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Certificate of a private authority, PEM or DER; may be given several times
        #[arg(long = "ca-file", value_name = "FILE")]
        ca_files: Vec<PathBuf>,
    },
    /// Which trust roots there are, where they come from, and until when they can be used
    Status,
    /// Add a trust root: a TUF repository with its first root.json, or a trusted_root.json
    Add {
        /// How `--trust-root` calls it
        #[arg(value_name = "NAME")]
        name: String,
        /// A trusted_root.json
        #[arg(value_name = "FILE", required_unless_present = "tuf", conflicts_with = "tuf")]
        file: Option<PathBuf>,
        /// Address of a TUF repository
        #[arg(long, value_name = "URL", requires = "root")]
        tuf: Option<String>,
        /// The repository's first root.json, got from somebody you trust
        #[arg(long, value_name = "FILE", requires = "tuf")]
        root: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Why policies let an image in or not: what decided, from which evidence, and what would let it in; exit codes as
    /// those of `plimsoll verify --policy`
    Explain(Box<PolicyExplainArguments>),
    /// Run test files of policies (PolicyTest), of Gatekeeper (`gator verify`) and Kyverno (`kyverno test`): 0 all right, 1 one
    /// wrong, 3 one could not be run
    Test(PolicyTestArguments),
    /// Turn policies of Sigstore's policy-controller and Kyverno into ours, never looser: 0 all of it, 3 a condition of
    /// them cannot be judged
    Import(PolicyImportArguments),
    /// Turn policies into ValidatingAdmissionPolicies, as far as API servers can decide by themselves: 0 all of it, 3 something
    /// of them is left to the webhook, and said on standard error
    Export(PolicyExportArguments),
    /// What a draft would refuse of what runs, or of what was asked for, and the policies in force would not: 0 nothing, 1
    /// something, 3 cannot be told
    Replay(Box<PolicyReplayArguments>),
    /// Sign an exception, so that policies that take exceptions of some people only (`exceptions: {signedBy: [NAME]}`) take it
    SignException(PolicySignExceptionArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  plimsoll policy explain ghcr.io/acme/shop:1.4 --policy policies/ --namespace shop")]
pub(crate) struct PolicyExplainArguments {
    /// The image in its registry
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    /// Policies, exceptions and revocations (YAML), a file or a folder of them; may be given several times
    #[arg(long = "policy", value_name = "PATH", required = true)]
    pub(crate) policies: Vec<PathBuf>,

    /// The namespace where it is to run
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) namespace: String,

    /// A label of what is to run; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub(crate) labels: Vec<String>,

    #[command(flatten)]
    pub(crate) evidence: EvidenceArguments,

    /// Form of the answer: table or json
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "table", value_parser = format)]
    pub(crate) format: Format,

    /// Explain every requirement, not only those that decided
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  plimsoll policy sign-exception old-build.yaml --key security.key --out policies/old-build.yaml")]
pub(crate) struct PolicySignExceptionArguments {
    /// The exception (kind Exception), alone in its file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Private key in PEM: ECDSA (P-256, P-384), RSA or Ed25519; or one of `cosign generate-key-pair`
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// The password of the key is the first line of a file [default: COSIGN_PASSWORD]
    #[arg(long, value_name = "FILE")]
    pub(crate) key_password_file: Option<PathBuf>,

    /// Write it there instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll policy export policies/ --vap | kubectl apply --server-side -f -")]
pub(crate) struct PolicyExportArguments {
    /// Policies, a file or a folder of them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,

    /// As ValidatingAdmissionPolicies with their bindings (Kubernetes 1.30 and later)
    #[arg(long, required = true)]
    pub(crate) vap: bool,

    /// Namespace that nothing is asked about; may be given several times [default: kube-system, kube-node-lease]
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) exempt: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll cluster snapshot > cluster.jsonl
  plimsoll policy replay draft.yaml --against cluster.jsonl --policy policies/
  plimsoll policy replay draft.yaml --reviews reviews/")]
pub(crate) struct PolicyReplayArguments {
    /// The draft: policies, exceptions and revocations that would hold instead, a file or a folder of them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) draft: Vec<PathBuf>,

    /// What runs: a snapshot (`plimsoll cluster snapshot`), or objects in JSON or YAML; `-` for standard input
    #[arg(long, required_unless_present = "reviews", value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,

    /// Instead of what runs, what was asked for: reviews (`plimsoll admit --record`, or AdmissionReview in JSON, one or one in
    /// each line), a file or a folder of them
    #[arg(long, conflicts_with = "against", value_name = "PATH")]
    pub(crate) reviews: Option<PathBuf>,

    /// The policies that hold now; may be given several times [default: what was answered, where reviews say it; else none, so
    /// that everything runs]
    #[arg(long = "policy", value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,

    /// A further kind of objects that runs images, as in Task.tekton.dev=image:/spec/steps/*/image; may be given several times
    #[arg(long = "kind", value_name = "KIND.GROUP=WHAT:/PATH")]
    pub(crate) kinds: Vec<String>,

    /// Trust root: `sigstore`, `sigstore-staging`, `github` or a trusted_root.json; may be given several times [default: sigstore, github]
    #[arg(long = "trust-root", value_name = "NAME|FILE")]
    pub(crate) roots: Vec<String>,

    /// The advisory database [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    /// Ask no registry: what policies need from there is unknown
    #[arg(long)]
    pub(crate) offline: bool,

    #[command(flatten)]
    pub(crate) registry: RegistryArguments,

    #[arg(long, short, value_enum, default_value_t = PolicyTestFormat::Table)]
    pub(crate) format: PolicyTestFormat,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyImportArguments {
    /// ClusterImagePolicy, ClusterPolicy and Policy with `verifyImages`, ImageValidatingPolicy; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Public key in PEM for a reference that the policies give instead: `awskms:///...`, `k8s://NAMESPACE/SECRET`; may be
    /// given several times
    #[arg(long = "key", value_name = "REFERENCE=FILE")]
    pub(crate) keys: Vec<String>,

    /// Write the policies there instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyTestArguments {
    /// Suites, or folders that are searched for them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Name the cases that are right, too
    #[arg(long, short)]
    pub(crate) all: bool,

    #[arg(long, short, value_enum, default_value_t = PolicyTestFormat::Table)]
    pub(crate) format: PolicyTestFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyTestFormat {
    Table,
    Json,
}

const SERVING: &str = "Serving";
const EVIDENCE: &str = "What is known of images";
const MANIFESTS: &str = "With --print-manifests";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AdmitMode {
    /// What does not meet the requirements is refused
    Enforce,
    /// It is let in with a warning
    Warn,
    /// It is let in and written down
    Audit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unmatched {
    Deny,
    Warn,
    Allow,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Standard output is the log of decisions, one JSON object for each line. /validate and /mutate are the webhooks; /healthz,
/readyz and /metrics tell how it is. Files that change are taken over within seconds; wrong ones are not, and the old hold.")]
pub(crate) struct AdmitArguments {
    /// Policies, exceptions and revocations (YAML), a file or a folder of them; may be given several times
    #[arg(long = "policy", value_name = "PATH", required = true)]
    pub(crate) policies: Vec<PathBuf>,

    /// Also refuse what the rules of `plimsoll check` of this severity and above find in an object by itself; of an update
    /// only what is new
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub(crate) rules: Option<plimsoll_model::Level>,

    /// Exceptions to these rules (TOML or YAML), as for `check`; annotations of objects accept, too
    #[arg(long, value_name = "FILE", requires = "rules")]
    pub(crate) ignore_file: Option<PathBuf>,

    /// Exceptions that others write (YAML), a file or a folder of them, which may be absent; nothing else counts there, and a
    /// file with a mistake is left out; may be given several times
    #[arg(long = "exceptions", value_name = "PATH")]
    pub(crate) exceptions: Vec<PathBuf>,

    /// What becomes of what does not meet them
    #[arg(long, value_enum, default_value_t = AdmitMode::Enforce, value_name = "MODE")]
    pub(crate) mode: AdmitMode,

    /// What becomes of an image that no policy is about
    #[arg(long, value_enum, default_value_t = Unmatched::Deny, value_name = "EFFECT")]
    pub(crate) unmatched: Unmatched,

    /// Namespace of the webhook itself, where everything is let through
    #[arg(long, value_name = "NAME", default_value = "plimsoll")]
    pub(crate) namespace: String,

    /// Further namespace where everything is let through; may be given several times [default: kube-system,
    /// kube-node-lease]
    #[arg(long = "exempt", value_name = "NAME")]
    pub(crate) exempt: Vec<String>,

    /// Further kind of object that runs something, as in Task.tekton.dev=container:/spec/steps (template, spec,
    /// container or image, and where it stands); may be given several times
    #[arg(long = "kind", value_name = "KIND.GROUP=WHAT:/PATH")]
    pub(crate) kinds: Vec<String>,

    /// Where to listen
    #[arg(long, help_heading = SERVING, value_name = "ADDRESS:PORT", default_value = "[::]:8443")]
    pub(crate) listen: std::net::SocketAddr,

    /// Folder with an authority of our own (see --print-manifests), from which certificates are issued
    #[arg(long, help_heading = SERVING, value_name = "DIR", conflicts_with = "certificate")]
    pub(crate) authority: Option<PathBuf>,

    /// With an authority: name or address that the certificate is for; may be given several times [default: those of
    /// the service]
    #[arg(long = "name", help_heading = SERVING, value_name = "NAME", requires = "authority")]
    pub(crate) names: Vec<String>,

    /// Certificate that somebody else renews, PEM
    #[arg(long, help_heading = SERVING, value_name = "FILE", requires = "private_key")]
    pub(crate) certificate: Option<PathBuf>,

    /// Its key, PEM
    #[arg(long, help_heading = SERVING, value_name = "FILE", requires = "certificate")]
    pub(crate) private_key: Option<PathBuf>,

    /// Longest time in milliseconds that a review waits for evidence; less where the API server waits less
    #[arg(long, help_heading = SERVING, value_name = "MS", default_value_t = 6_000)]
    pub(crate) budget: u32,

    /// Write reviews with their answers into a folder, for `plimsoll policy replay`. They hold whole objects, passwords in
    /// variables too; only this user can read them. Dry runs leave none
    #[arg(long, help_heading = SERVING, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,

    /// Most MiB of them; the oldest go
    #[arg(long, help_heading = SERVING, value_name = "MIB", default_value_t = 256, requires = "record", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) record_limit: u32,

    /// Advisory database [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, help_heading = EVIDENCE, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    /// Revocation list or OCSP response for Notation's certificates, or a folder of them; may be given several times
    #[arg(long = "notation-revocations", help_heading = EVIDENCE, value_name = "PATH")]
    pub(crate) notation_revocations: Vec<PathBuf>,

    /// Trust root: `sigstore`, `sigstore-staging`, `github`, one of `plimsoll trust add`, or a trusted_root.json; may be
    /// given several times [default: sigstore, github]
    #[arg(long = "trust-root", help_heading = EVIDENCE, value_name = "NAME|FILE")]
    pub(crate) roots: Vec<String>,

    /// Further repository that holds signatures and attestations; may be given several times
    #[arg(long = "repository", help_heading = EVIDENCE, value_name = "NAME")]
    pub(crate) repositories: Vec<String>,

    /// Most memory for what is known of images, in MiB
    #[arg(long, help_heading = EVIDENCE, value_name = "MIB", default_value_t = 32)]
    pub(crate) memory: u16,

    /// Images that one registry is asked for in a second, at most
    #[arg(long, help_heading = EVIDENCE, value_name = "N", default_value_t = 50)]
    pub(crate) per_second: u32,

    /// Look at images when registries tell that they were pushed (POST /push, notifications of the distribution project): file with
    /// the secret that they send as `Authorization: Bearer SECRET`, at least 16 characters
    #[arg(long, help_heading = EVIDENCE, value_name = "FILE", requires = "push_registries")]
    pub(crate) push_secret: Option<PathBuf>,

    /// Registry whose pushes are looked at, as images name it; may be given several times
    #[arg(long = "push-registry", help_heading = EVIDENCE, value_name = "HOST[:PORT]", requires = "push_secret")]
    pub(crate) push_registries: Vec<String>,

    #[command(flatten)]
    pub(crate) registry: RegistryArguments,

    /// Print what a cluster needs to run this, as YAML for `kubectl apply`, and end. A folder of --authority is made
    /// when it is not there, and its authority renewed when it is old
    #[arg(long, help_heading = MANIFESTS)]
    pub(crate) print_manifests: bool,

    /// The image of plimsoll
    #[arg(long, help_heading = MANIFESTS, value_name = "IMAGE", requires = "print_manifests")]
    pub(crate) image: Option<String>,

    /// How many pods
    #[arg(long, help_heading = MANIFESTS, value_name = "N", default_value_t = 2, requires = "print_manifests")]
    pub(crate) replicas: u16,

    /// Certificates come from this ClusterIssuer of cert-manager, instead of an authority of our own
    #[arg(long, help_heading = MANIFESTS, value_name = "ISSUER", requires = "print_manifests", conflicts_with = "authority")]
    pub(crate) cert_manager: Option<String>,

    /// Resource of a further kind, as in tasks.tekton.dev; may be given several times
    #[arg(long = "resource", help_heading = MANIFESTS, value_name = "RESOURCE.GROUP", requires = "print_manifests")]
    pub(crate) resources: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Fetch the public feeds and build the database of them; what did not change is not fetched again
    Update(UpdateArguments),
    /// Build the database from a folder of feeds in their upstream forms
    Build {
        /// Folder that holds the feeds
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// Where to write it [default: PLIMSOLL_DB, else the user's data folder]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// What the database holds, and how old each source is
    Status {
        /// The database [default: PLIMSOLL_DB, else the user's data folder]
        #[arg(long, value_name = "FILE")]
        db: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check that the database is whole: its content against its own digest, and its signature if a key is given
    Verify {
        /// The database [default: PLIMSOLL_DB, else the user's data folder]
        #[arg(long, value_name = "FILE")]
        db: Option<PathBuf>,
        #[command(flatten)]
        keys: KeyArguments,
    },
    /// Write the database as one compressed file for the way to another machine
    Export {
        /// Where to write it
        #[arg(value_name = "FILE")]
        out: PathBuf,
        /// The database [default: PLIMSOLL_DB, else the user's data folder]
        #[arg(long, value_name = "FILE")]
        db: Option<PathBuf>,
        /// Sign it with this private key (see `plimsoll db keygen`)
        #[arg(long, value_name = "KEY")]
        sign: Option<PathBuf>,
    },
    /// Write what leads from one database to a newer one
    Delta {
        /// The database that the others have
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The database that they shall get
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// Where to write it; in a folder it gets the name under which `plimsoll db pull` looks for it
        #[arg(long, value_name = "FILE|DIR")]
        out: PathBuf,
        /// Sign it with this private key (see `plimsoll db keygen`)
        #[arg(long, value_name = "KEY")]
        sign: Option<PathBuf>,
    },
    /// Check a file of `db export` or `db delta` and install it as the database
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        into: InstallArguments,
    },
    /// Store the database in a registry, with a delta from what is there
    Push(Box<DbPushArguments>),
    /// Get the database from a static host, a registry or a folder: a delta where there is one, else the whole
    Pull(Box<DbPullArguments>),
    /// The index that names Java archives by their SHA-1
    #[command(subcommand)]
    JavaIndex(JavaIndexCommand),
    /// Make a key pair to sign databases with
    Keygen {
        /// Where to write the private key; the public one goes beside it as FILE.pub
        #[arg(value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum JavaIndexCommand {
    /// Build it from Maven repositories (folders) and lists of `SHA1 group:artifact:version` (files)
    Build {
        /// ~/.m2, another repository, a Nexus 3 blob store, or a list; may be given several times
        #[arg(long, value_name = "DIR|FILE", required = true)]
        from: Vec<PathBuf>,
        /// Where to write it [default: PLIMSOLL_JAVA_INDEX, else java-index.db in the user's data folder]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// How many archives it names, or what it calls one
    Status {
        /// SHA-1 or file of an archive
        #[arg(value_name = "SHA1|FILE")]
        archive: Option<String>,
        /// The index [default: PLIMSOLL_JAVA_INDEX, else java-index.db in the user's data folder]
        #[arg(long, value_name = "FILE|DIR")]
        java_index: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll db update                        what is there already; all open sources the first time
  plimsoll db update --source npm --source alpine
  plimsoll db update --list

Exit codes: 0 every source was asked, 3 at least one failed; its last good state is kept and used.")]
pub(crate) struct UpdateArguments {
    /// Source to fetch, as `--list` names it; may be given several times
    #[arg(long = "source", value_name = "NAME", conflicts_with = "all")]
    pub(crate) sources: Vec<String>,
    /// Fetch all sources whose licence allows to pass them on
    #[arg(long)]
    pub(crate) all: bool,
    /// List the sources, whether they may be passed on, and which are there
    #[arg(long)]
    pub(crate) list: bool,
    /// The database; feeds are kept beside it in FILE.feeds [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Replace a database that was not made by `db update` and has sources that are not fetched
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) fetching: FetchArguments,
    /// Certificate authorities to trust beside the usual ones, PEM
    #[arg(long = "ca-file", value_name = "FILE")]
    pub(crate) ca_files: Vec<PathBuf>,
}

/// How feeds are reached.
#[derive(Debug, Args)]
pub(crate) struct FetchArguments {
    /// Mirror of all feeds: https://HOST/PATH is read from BASE/HOST/PATH [default: PLIMSOLL_FEED_MIRROR]
    #[arg(long, value_name = "BASE")]
    pub(crate) feed_mirror: Option<String>,
    /// Longest time for fetching, as in 90s, 30m, 2h
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// Whether a scan may fetch advisories.
#[derive(Debug, Args)]
pub(crate) struct SupplyArguments {
    /// Fetch advisories that the target needs: when there are none or they are a day old, each time, or not at all
    /// [default: PLIMSOLL_DB_UPDATE, else auto]
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) db_update: Option<DbUpdate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DbUpdate {
    /// What the database at its usual place has not, and what was asked for longer than a day ago
    Auto,
    /// Every source that the target needs
    Always,
    Never,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArguments {
    /// Public key, PEM, that must have signed it; any of several [default: the file in PLIMSOLL_DB_KEY]
    #[arg(long = "db-key", value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
}

/// `plimsoll db push`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll db push oci://registry.example/security/advisories:latest --sign key
  plimsoll db push oci://registry.example/security/advisories:latest --keyless")]
pub(crate) struct DbPushArguments {
    /// oci://HOST/REPOSITORY:TAG
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    /// The database [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Sign its bundles with this private key (see `plimsoll db keygen`); the options of signing below attach a sigstore bundle
    #[arg(long, value_name = "KEY")]
    pub(crate) sign: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) signing: SigningArguments,
    /// Certificate authorities to trust beside the usual ones, PEM
    #[arg(long = "ca-file", value_name = "FILE")]
    pub(crate) ca_files: Vec<PathBuf>,
    /// Registry that may be reached without TLS or with any certificate
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) insecure: Vec<String>,
}

/// `plimsoll db pull`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll db pull https://static.example/advisories/ --db-key key.pub
  plimsoll db pull oci://ghcr.io/acme/advisories:latest --issuer https://token.actions.githubusercontent.com \\
      --identity 'https://github.com/acme/advisories/.github/workflows/publish.yml@refs/heads/main'")]
pub(crate) struct DbPullArguments {
    /// https://HOST/FOLDER/, https://HOST/FILE, oci://HOST/REPOSITORY:TAG, a folder, or a file
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) into: InstallArguments,
    #[command(flatten)]
    pub(crate) publisher: PublisherArguments,
    /// Certificate authorities to trust beside the usual ones, PEM
    #[arg(long = "ca-file", value_name = "FILE")]
    pub(crate) ca_files: Vec<PathBuf>,
    /// Registry that may be reached without TLS or with any certificate; needs a key or an identity
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) insecure: Vec<String>,
}

/// Whose sigstore bundle must be attached to the database in its registry.
#[derive(Debug, Args)]
pub(crate) struct PublisherArguments {
    /// Public key (as of `verify`) that must have made a sigstore bundle about it; any of several
    #[arg(long = "key", help_heading = SIGNERS, value_name = "FILE")]
    pub(crate) sigstore_keys: Vec<PathBuf>,

    /// With a key: accept signatures that no transparency log knows of, as those of `db push --key`
    #[arg(long, help_heading = SIGNERS, requires = "sigstore_keys")]
    pub(crate) no_transparency_log: bool,

    /// Holder of the certificate that must have signed it, as a pattern
    #[arg(long, help_heading = SIGNERS, value_name = "PATTERN", requires = "issuer")]
    pub(crate) identity: Option<String>,

    /// Who vouched for the holder, as a pattern
    #[arg(long, help_heading = SIGNERS, value_name = "PATTERN", requires = "identity")]
    pub(crate) issuer: Option<String>,

    /// Trust root, as of `verify` [default: sigstore, github]
    #[arg(long = "trust-root", help_heading = SIGNERS, value_name = "NAME|FILE")]
    pub(crate) roots: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct InstallArguments {
    /// The database [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
    /// Take it even when it is older than what is there
    #[arg(long)]
    pub(crate) allow_older: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  plimsoll explain CVE-2021-44228
  plimsoll scan shop:1.4 --vex oci --vex-key vendor.pub -o json=shop.json; plimsoll explain CVE-2021-44228 --report shop.json")]
pub(crate) struct ExplainArguments {
    /// Advisory id or alias (CVE-2021-44228), a finding's id, or a rule's (latest-tag, DL3007)
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// Report that `scan --format json` wrote: what became of it there, and why each VEX statement applied or did not
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Advisory database [default: PLIMSOLL_DB, else the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
}

/// The formats with a few words each.
fn formats(title: &str) -> String {
    format!("{title}\n{}", plimsoll_format::help().trim_end())
}

fn framework(text: &str) -> Result<&'static Framework, String> {
    let names = || FRAMEWORKS.iter().map(|one| one.name).collect::<Vec<_>>().join(", ");
    Framework::find(text).ok_or_else(|| format!("expected one of {}", names()))
}

fn severity(text: &str) -> Result<plimsoll_model::Level, String> {
    use plimsoll_model::Level::{Critical, High, Low, Medium};
    let known = [Critical, High, Medium, Low];
    known
        .into_iter()
        .find(|level| level.word() == text)
        .ok_or_else(|| "expected critical, high, medium or low".to_owned())
}

fn format(text: &str) -> Result<Format, String> {
    text.parse().map_err(|_| format!("expected one of {}", plimsoll_format::names(|_| true)))
}

/// A duration; a number alone counts days.
fn age(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(days) => Ok(Duration::from_hours(u64::from(days) * 24)),
        Err(_) => duration(text),
    }
}

/// `90s`, `30m`, `2h`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a number and a unit, as in 90s, 30m, 2h, 7d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u32 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

fn place(text: &str) -> Result<Via, String> {
    const PLACES: [Via; 4] = [Via::Docker, Via::Podman, Via::Containerd, Via::Registry];
    PLACES.into_iter().find(|via| via.name() == text).ok_or_else(|| {
        let names = PLACES.map(Via::name).join(", ");
        format!("expected one or more of {names}")
    })
}

fn by(text: &str) -> Result<By, String> {
    text.parse().map_err(|_| "expected one of cve, package, layer, party".to_owned())
}

fn format_and_path(text: &str) -> Result<(Format, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("expected FORMAT=PATH, as in sarif=report.sarif")?;
    if path.is_empty() {
        return Err("the path is empty".to_owned());
    }
    Ok((format(name)?, PathBuf::from(path)))
}
