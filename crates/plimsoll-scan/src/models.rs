//! Machine-learning models that run code when they are loaded.
//!
//! No database knows of these: a model in Python's pickle form is a program, and what it names is seen in the file itself
//! (`plimsoll_extract`, `binary/pickle.rs`). Names that start programs, open connections or evaluate text are in no honest model, so the finding is an
//! incident and not a flaw: there is no version that mends it.

use plimsoll_extract::binary::model::RUNS;
use plimsoll_model::{
    Evidence, Finding, FindingKind, FixStatus, Level, Package, Party, Remedy, Risk, Severity, SourcePackage,
    Subject,
};

/// The id of these findings.
pub(crate) const RULE: &str = "model-runs-code";

/// What `plimsoll explain` says of them.
pub(crate) const EXPLAINED: &str = "model-runs-code   critical   malware
loading the model runs code

What
  A model in Python's pickle form (PyTorch's .pt, .pth, .ckpt and .bin, .pkl, .joblib) that names something which starts programs, opens files or
  connections, or evaluates text: os.system, subprocess.Popen, builtins.eval, socket.socket ... Loading a pickle calls what it names.

Why
  Whoever loads the model gives its author the rights of the process: credentials, data, the network. Tensors need none of these names.

Fix
  Do not load it. Take the model from where you trust it, best as safetensors, GGUF or ONNX, which hold numbers only, or load it with
  torch.load(..., weights_only=True). If it was loaded, treat the credentials of that process as known to others.

References
  CWE-502: deserialization of untrusted data
";

/// One finding for each model that names what no model needs.
pub(crate) fn findings(packages: &[Package]) -> Vec<Finding> {
    packages.iter().filter_map(|package| Some(finding(package, package.properties.get(RUNS)?))).collect()
}

fn finding(package: &Package, runs: &str) -> Finding {
    // Models of one name are one package, wherever they are.
    let places: Vec<String> = package.locations.iter().map(|location| location.path.to_string()).collect();
    Finding {
        id: format!("{RULE}@{}", package.purl),
        kind: FindingKind::Malware,
        advisory: RULE.to_owned(),
        aliases: Vec::new(),
        title: format!("loading the model runs {runs}"),
        subject: Subject::package(
            package.ecosystem,
            SourcePackage { name: package.name.clone(), version: package.version.clone() },
            vec![package.purl.clone()],
        ),
        severity: Severity { level: Level::Critical, source: "plimsoll".into(), ..Severity::default() },
        risk: Risk { fixable: true, ..Risk::default() },
        status: FixStatus::Affected,
        fixed_version: None,
        party: Party::Unknown("not judged yet".into()),
        remedy: Remedy::default(),
        evidence: vec![Evidence {
            source: "plimsoll/model".into(),
            record: RULE.into(),
            date: String::new(),
            range: format!("names {runs}"),
            compared: format!("the pickle in {}", places.join(" or ")),
            rule: "rule".into(),
        }],
        object: None,
        suppressed_by: None,
    }
}
