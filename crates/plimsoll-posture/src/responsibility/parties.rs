//! Whose a finding is on a platform: what was found belongs to a control, and the control's cell says who does it.
//!
//! This is the one place that leads from a finding to a party: `controls/parties.yaml` says which control, the matrix says who.

use std::sync::OnceLock;

use plimsoll_model::Party;
use plimsoll_model::responsibility::{Belongs, Owner};
use serde::Deserialize;

use super::data::Matrix;
use super::embedded;

/// An image that the provider or the platform brings.
pub const IMAGE_OF_PLATFORM: &str = "find:image-of-platform";
/// A package of a node's operating system.
pub const PACKAGE_OF_NODE: &str = "find:package-of-node";
/// A package that came with the base image.
pub const PACKAGE_OF_BASE: &str = "find:package-of-base";
/// A package of the application.
pub const PACKAGE_OF_APPLICATION: &str = "find:package-of-application";
/// A package that was made to do harm.
pub const MALWARE: &str = "find:malware";
/// Something that nobody supports any more.
pub const END_OF_LIFE: &str = "find:end-of-life";
/// A secret in a file.
pub const SECRET: &str = "find:secret";
/// An image that does not meet a requirement.
pub const IMAGE: &str = "find:image";
/// Where an image comes from is not known.
pub const ORIGIN: &str = "find:origin";
/// A rule of another engine about an object.
pub const RULE: &str = "find:rule";
/// A workload without an identity of its own.
pub const IDENTITY: &str = "find:identity";
/// A connection between workloads.
pub const CONNECTION: &str = "find:connection";
/// A way in from outside.
pub const WAY_IN: &str = "find:way-in";
/// A breach of a level of the Pod Security Standards.
pub const POD_SECURITY: &str = "find:pod-security";
/// A right that somebody has.
pub const RIGHT: &str = "find:right";
/// Rights that lead to more rights.
pub const ESCALATION: &str = "find:escalation";
/// What a running container does.
pub const ATTACK: &str = "find:attack";
/// What happens on a node, outside of containers.
pub const ATTACK_ON_NODE: &str = "find:attack-on-node";

/// Everything that is found and is no breach of a rule.
pub const FOUND: [&str; 18] = [
    IMAGE_OF_PLATFORM,
    PACKAGE_OF_NODE,
    PACKAGE_OF_BASE,
    PACKAGE_OF_APPLICATION,
    MALWARE,
    END_OF_LIFE,
    SECRET,
    IMAGE,
    ORIGIN,
    RULE,
    IDENTITY,
    CONNECTION,
    WAY_IN,
    POD_SECURITY,
    RIGHT,
    ESCALATION,
    ATTACK,
    ATTACK_ON_NODE,
];

/// Whose side it is on where the provider does not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Of {
    Application,
    Platform,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    control: String,
    of: Of,
    names: Vec<String>,
}

fn table() -> &'static [Row] {
    static TABLE: OnceLock<Vec<Row>> = OnceLock::new();
    // A test holds that it can be read.
    TABLE.get_or_init(|| serde_saphyr::from_str(embedded::PARTIES).unwrap_or_default())
}

fn fits(pattern: &str, name: &str) -> bool {
    name == pattern || pattern.ends_with('-') && name.starts_with(pattern)
}

fn row(name: &str) -> Option<(&'static str, Of)> {
    let all = table().iter().flat_map(|row| {
        row.names.iter().map(move |pattern| (row.control.as_str(), row.of, pattern.as_str()))
    });
    all.filter(|(_, _, pattern)| fits(pattern, name))
        .max_by_key(|(_, _, pattern)| (pattern.len(), !pattern.ends_with('-')))
        .map(|(control, of, _)| (control, of))
}

/// The control that a rule, or one of [`FOUND`], belongs to.
pub fn control_of(name: &str) -> Option<&'static str> {
    row(name).map(|(control, _)| control)
}

/// Whose a finding is on a platform. `own` is whose it is when it is the application's. `None` for what belongs to no control: rules
/// for Dockerfiles, which are the application's everywhere.
pub fn belongs(matrix: &Matrix, platform: &str, name: &str, own: Party) -> Option<Belongs> {
    let (id, of) = row(name)?;
    let control = matrix.control_named(id)?;
    let cell = matrix.cell(control, platform)?;
    let known = matrix.platform(platform)?;
    let party = match (cell.owner, of) {
        // What nobody has to do stays so, whoever would have to.
        _ if matches!(own, Party::Nobody(_)) => own,
        (Owner::Provider, _) if known.provider.is_empty() => Party::Platform,
        (Owner::Provider, _) => Party::Provider(known.provider.clone()),
        (Owner::NotApplicable, _) => {
            Party::Nobody(format!("there is no such thing on {} ({id})", known.name))
        }
        (Owner::Shared | Owner::Customer, Of::Platform) => Party::Platform,
        (Owner::Shared | Owner::Customer, Of::Application) => own,
    };
    let switch = cell.toggle.as_deref().and_then(|key| matrix.toggles.get(key));
    let next = match cell.owner {
        Owner::Provider if name == IMAGE_OF_PLATFORM => control.next.clone(),
        Owner::Provider => {
            format!("{} does this on {}: nothing of yours sets it there", known.provider, known.name)
        }
        Owner::Shared => switch
            .map(|switch| format!("let {} do its part: {}", known.provider, switch.turn))
            .unwrap_or_default(),
        Owner::Customer | Owner::NotApplicable => String::new(),
    };
    Some(Belongs {
        platform: platform.to_owned(),
        platform_name: known.name.clone(),
        control: control.id.clone(),
        title: control.title.clone(),
        owner: cell.owner,
        party,
        next,
        command: switch.filter(|_| cell.owner == Owner::Shared).map(|switch| switch.command.clone()),
        recalled: matrix.source(&cell.source).recalled,
    })
}

/// Whether an image is one that the platform brings, by what its name begins with.
pub fn is_of_platform(matrix: &Matrix, platform: &str, reference: &str) -> bool {
    let mut key = platform;
    // A platform that is like another has its images; the table holds that such chains end.
    for _ in 0..8 {
        let Some(known) = matrix.platform(key) else { return false };
        if known.images.iter().any(|front| reference.starts_with(front.as_str())) {
            return true;
        }
        match known.like.as_deref() {
            Some(like) => key = like,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::RULES;
    use crate::rule::Area;

    fn on(platform: &str, name: &str) -> Belongs {
        let matrix = Matrix::built_in().expect("our files");
        belongs(&matrix, platform, name, Party::Application(None)).expect("it belongs to a control")
    }

    #[test]
    fn every_rule_about_kubernetes_and_images_has_its_row() {
        let matrix = Matrix::built_in().expect("our files");
        assert!(!table().is_empty(), "the file can be read");
        let rules = RULES.iter().filter(|rule| rule.area() != Area::Dockerfile).map(|rule| rule.id);
        for name in rules.chain(FOUND) {
            let control = control_of(name).unwrap_or_else(|| panic!("{name} stands in no row"));
            assert!(matrix.control_named(control).is_some(), "{name}: {control}");
            for (platform, _) in &matrix.platforms {
                let one = belongs(&matrix, platform, name, Party::Application(None));
                let one = one.unwrap_or_else(|| panic!("{name} on {platform}"));
                assert_eq!(
                    matches!(one.party, Party::Provider(_)),
                    one.owner == Owner::Provider,
                    "{name} on {platform}"
                );
            }
        }
        for row in table() {
            for pattern in &row.names {
                let used = RULES
                    .iter()
                    .filter(|rule| rule.area() != Area::Dockerfile)
                    .map(|rule| rule.id)
                    .chain(FOUND)
                    .any(|name| fits(pattern, name));
                assert!(used, "{}: nothing is called {pattern}", row.control);
            }
        }
    }

    #[test]
    fn the_party_is_that_of_the_cell() {
        let google = Party::Provider("Google".into());
        assert_eq!(on("gke-standard", "api-server-profiling").party, google);
        assert_eq!(on("kubeadm", "api-server-profiling").party, Party::Platform);
        assert_eq!(on("aks-standard", "kubelet-read-only-port").party, Party::Provider("Microsoft".into()));
        assert_eq!(on("eks-managed-nodes", "kubelet-read-only-port").party, Party::Platform);
        assert_eq!(on("gke-autopilot", PACKAGE_OF_NODE).party, google);
        let shared = on("gke-standard", PACKAGE_OF_NODE);
        assert_eq!((shared.party, shared.owner), (Party::Platform, Owner::Shared));
        assert!(shared.next.contains("Google") && shared.command.is_some(), "{}", shared.next);
        assert_eq!(on("gke-autopilot", PACKAGE_OF_APPLICATION).party, Party::Application(None));
        assert_eq!(control_of("api-server-audit-log-age"), Some("INF-015"), "the longest name counts");
        assert_eq!(control_of("last-user-is-root"), None, "Dockerfiles are the application's");
    }

    #[test]
    fn images_of_the_platform_are_known_by_name() {
        let matrix = Matrix::built_in().expect("our files");
        for (platform, reference, wanted) in [
            ("gke-standard", "gke.gcr.io/kube-proxy:v1", true),
            ("gke-standard", "nginx:1.27", false),
            ("gke-standard", "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:v1", false),
            ("eks-managed-nodes", "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:v1", true),
            ("kubeadm", "registry.k8s.io/kube-apiserver:v1.34.0", true),
            ("kubeadm", "registry.k8s.io/ingress-nginx/controller:v1", false),
        ] {
            assert_eq!(is_of_platform(&matrix, platform, reference), wanted, "{platform} {reference}");
        }
    }
}
