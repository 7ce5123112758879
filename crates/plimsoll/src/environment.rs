//! What the surroundings say: terminal, variables, clock. Read once, at the top.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use plimsoll_format::{AwsAccount, Build};
use plimsoll_scan::kube::Surroundings;

use plimsoll_scan::git::GitSettings;

use crate::cli::Color;
use crate::network::Network;

/// Width when the output goes to no terminal.
const PIPE_WIDTH: usize = 100;

/// What build servers say of the identity of a job. Secrets: no `Debug`.
pub(crate) struct IdentityVariables {
    /// A token, as GitLab's `id_tokens` give one.
    pub(crate) token: Option<String>,
    /// Address and secret with which GitHub's runner hands one out.
    pub(crate) github: Option<(String, String)>,
}

pub(crate) struct Environment {
    /// Now, or what `SOURCE_DATE_EPOCH` says, for reproducible output.
    pub(crate) now: Timestamp,
    /// Whether people read standard output as it comes.
    pub(crate) stdout_terminal: bool,
    pub(crate) stdout_color: bool,
    pub(crate) stderr_color: bool,
    /// Terminals that show colour also show links (OSC 8) or ignore them.
    pub(crate) links: bool,
    pub(crate) width: usize,
    /// Show progress: standard error is a terminal.
    pub(crate) progress: bool,
    /// Where the advisory database is when no flag says so.
    pub(crate) database: Option<PathBuf>,
    /// Where the index of Java archives is when no flag says so.
    pub(crate) java_index: Option<PathBuf>,
    /// Where trust roots are kept.
    pub(crate) trust_roots: Option<PathBuf>,
    /// Where inventories of known layers are kept when no flag says so.
    pub(crate) cache: Option<PathBuf>,
    /// Public keys of which one must have signed a database that is installed, when no flag says so.
    pub(crate) database_key: Option<PathBuf>,
    /// Whether scans fetch advisories, when no flag says so.
    pub(crate) database_update: Option<String>,
    /// Where all feeds are mirrored, when no flag says so.
    pub(crate) feed_mirror: Option<String>,
    /// How git is run.
    pub(crate) git: GitSettings,
    /// Proxies, authorities, files of credentials.
    pub(crate) network: Network,
    /// Where clusters are.
    pub(crate) cluster: Surroundings,
    /// Password of a private key that cosign encrypted, when no flag says so. It may be empty.
    pub(crate) cosign_password: Option<Vec<u8>>,
    /// Where tokens that say who this build is come from, when no flag says so.
    pub(crate) identity: IdentityVariables,
    /// The build on GitHub that this run is part of.
    pub(crate) build: Option<Build>,
    /// The account of AWS that findings belong to.
    pub(crate) aws: Option<AwsAccount>,
}

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "the environment enters here, and only here")]
    pub(crate) fn read(color: Color) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let wanted = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal
                    && variable("NO_COLOR").is_none()
                    && variable("TERM").is_none_or(|term| term != "dumb")
            }
        };
        let stdout_terminal = std::io::stdout().is_terminal();
        let stderr_terminal = std::io::stderr().is_terminal();
        let width = variable("COLUMNS")
            .and_then(|columns| columns.parse().ok())
            .or_else(|| stdout_terminal.then(terminal_width).flatten())
            .unwrap_or(PIPE_WIDTH);
        let in_data = |file: &str| {
            let data = variable("XDG_DATA_HOME")
                .map(PathBuf::from)
                .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".local/share")))?;
            Some(data.join("plimsoll").join(file))
        };
        let database = variable("PLIMSOLL_DB").map(PathBuf::from).or_else(|| in_data("advisories.db"));
        let java_index =
            variable("PLIMSOLL_JAVA_INDEX").map(PathBuf::from).or_else(|| in_data("java-index.db"));
        let cache = variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache")))
            .map(|folder| folder.join("plimsoll/inventories"));
        let now = variable("SOURCE_DATE_EPOCH")
            .and_then(|seconds| Timestamp::from_second(seconds.parse().ok()?).ok())
            .unwrap_or_else(Timestamp::now);
        Environment {
            now,
            stdout_terminal,
            stdout_color: wanted(stdout_terminal),
            stderr_color: wanted(stderr_terminal),
            links: stdout_terminal && wanted(true),
            width: width.clamp(40, 400),
            progress: stderr_terminal,
            database,
            java_index,
            trust_roots: variable("PLIMSOLL_TRUST_ROOTS").map(PathBuf::from).or_else(|| in_data("trust")),
            cache,
            database_key: variable("PLIMSOLL_DB_KEY").map(PathBuf::from),
            database_update: variable("PLIMSOLL_DB_UPDATE"),
            feed_mirror: variable("PLIMSOLL_FEED_MIRROR"),
            cosign_password: std::env::var("COSIGN_PASSWORD").ok().map(String::into_bytes),
            identity: IdentityVariables {
                token: variable("SIGSTORE_ID_TOKEN"),
                github: variable("ACTIONS_ID_TOKEN_REQUEST_URL")
                    .zip(variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN")),
            },
            build: build(variable),
            aws: aws(variable),
            cluster: cluster(variable),
            git: GitSettings::new(std::env::vars_os().collect(), std::env::temp_dir()),
            network: Network::read(variable),
        }
    }
}

impl Environment {
    /// A variable that the user names, for a key that stands in it.
    #[expect(clippy::disallowed_methods, reason = "the environment enters here, and only here")]
    #[expect(clippy::unused_self, reason = "whoever has the surroundings may ask them")]
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        // A name that no variable can have is one that is not set.
        let possible = !name.is_empty() && !name.contains(['=', '\0']);
        std::env::var(name).ok().filter(|value| possible && !value.is_empty())
    }

    /// The date of [`Environment::now`], UTC.
    pub(crate) fn today(&self) -> jiff::civil::Date {
        jiff::tz::Offset::UTC.to_datetime(self.now).date()
    }
}

/// What variables say of clusters.
fn cluster(variable: impl Fn(&str) -> Option<String>) -> Surroundings {
    let listed = variable("KUBECONFIG").unwrap_or_default();
    Surroundings {
        named: None,
        listed: std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty()).collect(),
        usual: variable("HOME").map(|home| Path::new(&home).join(".kube/config")),
        service: variable("KUBERNETES_SERVICE_HOST").zip(variable("KUBERNETES_SERVICE_PORT")),
        account: PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount"),
    }
}

/// What GitHub's runners say of the build; `None` elsewhere.
fn build(variable: impl Fn(&str) -> Option<String>) -> Option<Build> {
    let id = variable("GITHUB_RUN_ID")?;
    let page = variable("GITHUB_SERVER_URL").zip(variable("GITHUB_REPOSITORY"));
    Some(Build {
        sha: variable("GITHUB_SHA")?,
        reference: variable("GITHUB_REF")?,
        correlator: format!("{} {}", variable("GITHUB_WORKFLOW")?, variable("GITHUB_JOB")?),
        url: page.map(|(server, repository)| format!("{server}/{repository}/actions/runs/{id}")),
        id,
    })
}

/// The account and region that AWS's own tools are told by; `None` where either is missing.
fn aws(variable: impl Fn(&str) -> Option<String>) -> Option<AwsAccount> {
    Some(AwsAccount {
        id: variable("AWS_ACCOUNT_ID")?,
        region: variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))?,
    })
}

fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size().map(|(terminal_size::Width(columns), _)| usize::from(columns))
}
