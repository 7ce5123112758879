//! What can be typed after `plimsoll cluster`.

use clap::{Args, Subcommand};

use super::{CLUSTER, ClusterArguments};

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
