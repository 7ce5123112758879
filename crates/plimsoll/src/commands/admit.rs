//! `plimsoll admit`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use plimsoll_admit::authority::Authority;
use plimsoll_admit::evidence::Limits;
use plimsoll_admit::manifests::{self, Manifests, Trust};
use plimsoll_admit::push::Pushes;
use plimsoll_admit::recorded::Recorder;
use plimsoll_admit::server::Settings;
use plimsoll_admit::service::{Lines, ServeError, Setup, serve};
use plimsoll_admit::tls::{Certificates, load_authority};
use plimsoll_model::workload::Kinds;
use plimsoll_scan::Options;
use plimsoll_scan::check::one_object::ObjectRules;
use plimsoll_scan::exceptions::Exceptions;
use plimsoll_scan::gate::Gate;
use plimsoll_scan::kube::{Access, Client};
use plimsoll_scan::policy::{Mode, OnMissing, Policies};

use super::{Answer, notation, scan, verify};
use crate::cli::{AdmitArguments, AdmitMode, Unmatched};
use crate::environment::Environment;
use crate::network;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// What the cluster itself needs to start.
pub(super) const EXEMPT: [&str; 2] = ["kube-node-lease", "kube-system"];

pub(crate) fn run(arguments: &AdmitArguments, environment: &Environment) -> Answer {
    let usage = |error| Failure::new(USAGE, error);
    let exempt = exempt(arguments).map_err(usage)?;
    let mut kinds = Kinds::default();
    for line in &arguments.kinds {
        kinds.add(line).map_err(|error| Failure::new(USAGE, error))?;
    }
    if arguments.print_manifests {
        return print_manifests(arguments, environment, exempt);
    }
    let certificates = certificates(arguments).map_err(usage)?;
    let pushes = match &arguments.push_secret {
        Some(file) => {
            // Half of what registries may be asked for stays for admission.
            let per_second = (arguments.per_second / 2).max(1);
            let pushes = Pushes::new(file, &arguments.push_registries, per_second)
                .map_err(|error| Failure::new(USAGE, error))?;
            Some(Arc::new(pushes))
        }
        None => None,
    };
    let log = Arc::new(Lines::new(Box::new(std::io::stdout())));
    let recorder = match &arguments.record {
        Some(folder) => {
            let limit = u64::from(arguments.record_limit) << 20;
            let recorder = Recorder::new(folder, limit, log.clone())
                .with_context(|| format!("cannot record reviews in `{}`", folder.display()))
                .map_err(usage)?;
            Some(Arc::new(recorder))
        }
        None => None,
    };
    let setup = Setup {
        load: Box::new(|| gate(arguments, environment).map_err(|error| format!("{error:#}"))),
        cluster: Box::new(|| {
            let settings = environment.network.http(&[]);
            let access = Access::find(&environment.cluster, None, &settings);
            access.map(Client::new).map_err(|error| plimsoll_model::one_line(&error))
        }),
        policies: arguments.policies.iter().chain(&arguments.exceptions).cloned().collect(),
        trust: trust_files(arguments, environment),
        options: Options {
            database: scan::database(arguments.db.as_ref(), environment),
            registries: Some(environment.network.registries_in_haste(&arguments.registry)),
            cache: if arguments.registry.no_cache {
                None
            } else {
                super::cache::cache(&arguments.registry.cache, environment)
            },
            ..Options::default()
        },
        kinds,
        exempt,
        mode: match arguments.mode {
            AdmitMode::Enforce => Mode::Enforce,
            AdmitMode::Warn => Mode::Warn,
            AdmitMode::Audit => Mode::Audit,
        },
        unmatched: match arguments.unmatched {
            Unmatched::Deny => OnMissing::Deny,
            Unmatched::Warn => OnMissing::Warn,
            Unmatched::Allow => OnMissing::Allow,
        },
        limits: Limits {
            bytes: usize::from(arguments.memory) << 20,
            per_second: arguments.per_second,
            ..Limits::default()
        },
        certificates,
        listen: arguments.listen,
        server: Settings {
            budget: Duration::from_millis(arguments.budget.into()),
            now: Arc::new(seconds),
            log: match &recorder {
                Some(recorder) => recorder.clone(),
                None => log.clone(),
            },
            linger: Duration::from_secs(5),
            pushes,
        },
    };
    // Nobody but a signal ends it.
    let (_keep, stop) = tokio::sync::watch::channel(false);
    let done = serve(setup, stop, |address| print::talk(&format!("listening at https://{address}")));
    let lost = recorder.map(|recorder| recorder.finish()).unwrap_or_default();
    if lost > 0 {
        print::warning(&format!(
            "{lost} reviews were not recorded: the disk could not keep up or was full, or they were no JSON or too large"
        ));
    }
    log.finish();
    done.map(|()| 0).map_err(failed)
}

/// Where trust roots and revocations come from.
fn trust_files(arguments: &AdmitArguments, environment: &Environment) -> Vec<PathBuf> {
    let named = arguments.roots.iter().map(PathBuf::from);
    named
        .chain(arguments.notation_revocations.iter().cloned())
        .chain(arguments.ignore_file.iter().cloned())
        .chain(environment.trust_roots.clone())
        .collect()
}

/// The policies with what they are checked by.
fn gate(arguments: &AdmitArguments, environment: &Environment) -> anyhow::Result<Gate> {
    let (mut policies, rules) = verify::policies_and_rules(&arguments.policies)?;
    for path in &arguments.exceptions {
        add_exceptions(&mut policies, path);
    }
    let revocations = notation::revocations(&arguments.notation_revocations)?;
    let mut gate = Gate::new(policies, verify::roots(&arguments.roots, environment)?, &revocations)?;
    gate.rules = Arc::new(rules);
    gate.object_rules = match arguments.rules {
        Some(from) => Some(ObjectRules {
            from,
            exceptions: match &arguments.ignore_file {
                Some(path) => {
                    scan::read_exceptions(path, environment).map_err(|failure| anyhow!("{failure}"))?
                }
                None => Exceptions::default(),
            },
        }),
        None => None,
    };
    gate.repositories = verify::repositories(&arguments.repositories)?;
    Ok(gate)
}

/// Adds exceptions of those who may write them and nothing else. What is wrong with a file is told and takes that file out
/// alone: nobody's mistake there keeps a revocation from being taken over, and no policy is slipped in.
fn add_exceptions(policies: &mut Policies, path: &Path) {
    let files = match exception_files(path) {
        Ok(files) => files,
        Err(error) => return print::warning(&format!("no exception is taken from there: {error:#}")),
    };
    for (file, text) in files {
        if let Err(error) = policies.add_exceptions(&file.display().to_string(), &text) {
            print::warning(&format!("exceptions are left out: {error}"));
        }
    }
}

/// None where there is nothing. A ConfigMap without keys is a folder with a link and no file.
fn exception_files(path: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    match path.is_dir() {
        true => verify::policy_files(&verify::listed(path, &["yaml", "yml"])?),
        false if !path.exists() => Ok(Vec::new()),
        false => verify::policy_files(&[path.to_owned()]),
    }
}

fn failed(error: ServeError) -> Failure {
    let code = match &error {
        ServeError::Policies(_) | ServeError::Certificate(_) => USAGE,
        ServeError::Tls(_) | ServeError::Listen { .. } | ServeError::Start(_) => UNDECIDED,
    };
    let hint = match &error {
        ServeError::Certificate(_) => {
            Some("`plimsoll admit --print-manifests --authority DIR ...` makes an authority")
        }
        ServeError::Listen { .. } => Some("choose another place with --listen"),
        _ => None,
    };
    Failure::new(code, error).hint(hint.map(str::to_owned))
}

/// Seconds since 1970, by the machine's clock.
fn seconds() -> i64 {
    let since = network::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn exempt(arguments: &AdmitArguments) -> anyhow::Result<BTreeSet<String>> {
    let further: Vec<String> = match arguments.exempt.as_slice() {
        [] => EXEMPT.map(str::to_owned).to_vec(),
        given => given.to_vec(),
    };
    let all: BTreeSet<String> = further.into_iter().chain([arguments.namespace.clone()]).collect();
    match all.iter().find(|name| !manifests::is_namespace(name)) {
        Some(wrong) => Err(anyhow!("`{wrong}` is no name of a namespace")),
        None => Ok(all),
    }
}

fn certificates(arguments: &AdmitArguments) -> anyhow::Result<Certificates> {
    match (&arguments.authority, &arguments.certificate, &arguments.private_key) {
        (Some(folder), None, None) => Ok(Certificates::Authority {
            folder: folder.clone(),
            names: match arguments.names.as_slice() {
                [] => manifests::names(&arguments.namespace),
                given => given.to_vec(),
            },
        }),
        (None, Some(certificate), Some(key)) => {
            Ok(Certificates::Files { certificate: certificate.clone(), key: key.clone() })
        }
        _ => Err(anyhow!("there is no certificate: give --authority, or --certificate and --private-key")),
    }
}

fn print_manifests(
    arguments: &AdmitArguments,
    environment: &Environment,
    mut exempt: BTreeSet<String>,
) -> Answer {
    let usage = |error| Failure::new(USAGE, error);
    let image = arguments.image.clone().ok_or_else(|| {
        usage(anyhow!("--print-manifests needs --image, the image of plimsoll that the cluster is to run"))
    })?;
    // Policies that could not be used would be told of by pods that do not start.
    let checked = gate(arguments, environment).map_err(usage)?;
    let namespaces = !checked.rules.is_empty() || checked.policies().looks_at_namespace_object();
    let policies = policies(&arguments.policies).map_err(usage)?;
    let trust = match (&arguments.cert_manager, &arguments.authority) {
        (Some(issuer), _) => Trust::CertManager { issuer: issuer.clone() },
        (None, Some(folder)) => authorities(folder)?,
        (None, None) => {
            return Err(usage(anyhow!(
                "--print-manifests needs --authority DIR, where the authority is kept, or --cert-manager ISSUER"
            )));
        }
    };
    exempt.remove(&arguments.namespace);
    for (flag, given) in [
        ("--ca-file", !arguments.registry.ca_files.is_empty()),
        ("--registry-mirror", !arguments.registry.mirrors.is_empty()),
        ("--client-certificate", arguments.registry.client_certificate.is_some()),
        ("--notation-revocations", !arguments.notation_revocations.is_empty()),
        ("--db", arguments.db.is_some()),
        ("--rules", arguments.rules.is_some()),
        ("--ignore-file", arguments.ignore_file.is_some()),
        ("--record", arguments.record.is_some()),
        ("--push-secret", arguments.push_secret.is_some()),
    ] {
        if given {
            print::warning(&format!(
                "{flag} is not in the manifests: mount what it names, and add it to the arguments"
            ));
        }
    }
    let further = arguments
        .resources
        .iter()
        .map(|resource| {
            let named = |text: &str| {
                !text.is_empty()
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'-' | b'0'..=b'9'))
            };
            match resource.split_once('.') {
                Some((name, group)) if named(name) && named(group) => Ok((group.to_owned(), name.to_owned())),
                _ => Err(anyhow!("`{resource}` is no RESOURCE.GROUP, as in tasks.tekton.dev")),
            }
        })
        .collect::<anyhow::Result<_>>()
        .map_err(usage)?;
    let text = manifests::write(&Manifests {
        namespace: arguments.namespace.clone(),
        image,
        replicas: arguments.replicas.max(1),
        trust,
        policies,
        exempt,
        namespaces,
        arguments: passed_on(arguments),
        further,
    });
    print::data(&text)?;
    Ok(0)
}

/// What the pods are told of what was given here.
fn passed_on(arguments: &AdmitArguments) -> Vec<String> {
    let mut out = Vec::new();
    let mut flag = |name: &str, value: &str| out.push(format!("--{name}={value}"));
    match arguments.mode {
        AdmitMode::Enforce => {}
        AdmitMode::Warn => flag("mode", "warn"),
        AdmitMode::Audit => flag("mode", "audit"),
    }
    match arguments.unmatched {
        Unmatched::Deny => {}
        Unmatched::Warn => flag("unmatched", "warn"),
        Unmatched::Allow => flag("unmatched", "allow"),
    }
    for (name, values) in [
        ("kind", &arguments.kinds),
        ("trust-root", &arguments.roots),
        ("repository", &arguments.repositories),
        ("insecure", &arguments.registry.insecure),
    ] {
        for value in values {
            flag(name, value);
        }
    }
    flag("budget", &arguments.budget.to_string());
    flag("memory", &arguments.memory.to_string());
    flag("per-second", &arguments.per_second.to_string());
    out
}

/// Files of policies under names that a ConfigMap can have, all of them in one folder.
fn policies(paths: &[PathBuf]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    let mut bytes = 0;
    for (number, (path, text)) in verify::policy_files(paths)?.into_iter().enumerate() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let name: String = name
            .chars()
            .take(100)
            .map(|one| if one.is_ascii_alphanumeric() || one == '-' { one } else { '-' })
            .collect();
        bytes += text.len();
        out.insert(format!("{number:03}-{name}.yaml"), text);
    }
    if bytes > manifests::MOST_POLICY_BYTES {
        return Err(anyhow!(
            "the policies have {bytes} bytes, and a ConfigMap holds {} of them",
            manifests::MOST_POLICY_BYTES
        ));
    }
    Ok(out)
}

/// The authorities of a folder: the one in use, the one that comes after it, and the one that was before it. What is
/// missing is made; when the one in use is old, the next one takes its place.
fn authorities(folder: &Path) -> Result<Trust, Failure> {
    let usage = |error: anyhow::Error| Failure::new(USAGE, error);
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))
        .map_err(usage)?;
    let load = |name: &str| load_authority(folder, name).map_err(|error| Failure::new(USAGE, error));
    let make = || Authority::new(seconds()).map_err(|error| Failure::new(UNDECIDED, error));
    let mut previous = load("previous-ca")?;
    let mut next = match load("next-ca")? {
        Some(next) => next,
        None => make()?,
    };
    let mut current = match load("ca")? {
        Some(current) => current,
        None => make()?,
    };
    if current.is_old(seconds()) {
        previous = Some(std::mem::replace(&mut current, std::mem::replace(&mut next, make()?)));
    }
    let mut bundle = String::new();
    let mut files = BTreeMap::new();
    for (name, authority) in
        [("ca", Some(&current)), ("next-ca", Some(&next)), ("previous-ca", previous.as_ref())]
    {
        let Some(authority) = authority else { continue };
        bundle.push_str(authority.certificate_pem());
        for (end, text, mode) in
            [("crt", authority.certificate_pem(), 0o644), ("key", authority.key_pem(), 0o600)]
        {
            let file = format!("{name}.{end}");
            write(&folder.join(&file), text, mode).map_err(usage)?;
            if name != "previous-ca" {
                files.insert(file, text.to_owned());
            }
        }
    }
    Ok(Trust::Authority { files, bundle })
}

/// Writes a file that others may or may not read, whole or not at all.
fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let named = || format!("cannot write `{}`", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
        .with_context(named)?;
    beside.write_all(text.as_bytes()).with_context(named)?;
    beside.persist(path).map(drop).with_context(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_excepts_anything_where_nothing_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let count = |path: &Path| exception_files(path).map(|files| files.len()).ok();
        assert_eq!(count(&folder.path().join("absent")), Some(0));
        assert_eq!(count(folder.path()), Some(0));
        // As a ConfigMap without keys is mounted.
        std::fs::create_dir(folder.path().join("..2026_11_27_10_00_00.1")).expect("a folder");
        std::os::unix::fs::symlink("..2026_11_27_10_00_00.1", folder.path().join("..data")).expect("a link");
        assert_eq!(count(folder.path()), Some(0));
        std::fs::write(folder.path().join("..data/a.yaml"), "kind: Exception").expect("a file");
        std::os::unix::fs::symlink("..data/a.yaml", folder.path().join("a.yaml")).expect("a link");
        assert_eq!(count(folder.path()), Some(1));
    }
}
