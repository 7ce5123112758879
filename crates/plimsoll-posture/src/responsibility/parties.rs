//! Whose the findings of our rules are on a platform: each rule belongs to a control, and the control's cell says who does it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use plimsoll_model::responsibility::Owner;

use super::data::{Control, Matrix};
use super::embedded;

/// Whose a finding is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Id of the control.
    pub control: String,
    /// What is so when it is met.
    pub title: String,
    /// Who does it on the platform.
    pub owner: Owner,
    /// Who provides the platform; empty where nobody does.
    pub provider: String,
    /// The platform for people.
    pub platform: String,
    /// What turns the provider's part on, and the command, where something does.
    pub switch: Option<(String, String)>,
    /// Whether the document for the owner was only recalled.
    pub recalled: bool,
    /// Whether it is a matter of the cluster, which a platform team runs, or of the application.
    pub of_platform: bool,
}

/// Controls with the rules that belong to them, as the file has them.
fn table() -> &'static BTreeMap<String, Vec<String>> {
    static TABLE: OnceLock<BTreeMap<String, Vec<String>>> = OnceLock::new();
    // A test holds that it can be read.
    TABLE.get_or_init(|| serde_saphyr::from_str(embedded::PARTIES).unwrap_or_default())
}

/// The control that a rule belongs to: the longest name that fits.
pub fn control_of(rule: &str) -> Option<&'static str> {
    let fits = |name: &str| rule == name || name.ends_with('-') && rule.starts_with(name);
    table()
        .iter()
        .flat_map(|(control, names)| names.iter().map(move |name| (control.as_str(), name.as_str())))
        .filter(|(_, name)| fits(name))
        .max_by_key(|(_, name)| (name.len(), !name.ends_with('-')))
        .map(|(control, _)| control)
}

/// Whose the findings of a rule are on a platform. `None` for rules that belong to no control: they are about files of the application.
pub fn side(matrix: &Matrix, platform: &str, rule: &str) -> Option<Side> {
    side_of_control(matrix, platform, matrix.control_named(control_of(rule)?)?)
}

/// Whose a control is on a platform.
pub fn side_of_control(matrix: &Matrix, platform: &str, control: &Control) -> Option<Side> {
    let cell = matrix.cell(control, platform)?;
    let known = matrix.platform(platform)?;
    let switch = cell.toggle.as_deref().and_then(|key| matrix.toggles.get(key));
    Some(Side {
        control: control.id.clone(),
        title: control.title.clone(),
        owner: cell.owner,
        provider: known.provider.clone(),
        platform: known.name.clone(),
        switch: switch.map(|switch| (switch.turn.clone(), switch.command.clone())),
        recalled: matrix.source(&cell.source).recalled,
        of_platform: control.id.starts_with("INF-"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::RULES;
    use crate::rule::Area;

    #[test]
    fn every_rule_about_kubernetes_and_images_has_its_row() {
        let matrix = Matrix::built_in().expect("our files");
        assert!(!table().is_empty(), "the file can be read");
        for rule in RULES.iter().filter(|rule| rule.area() != Area::Dockerfile) {
            let control = control_of(rule.id).unwrap_or_else(|| panic!("{} stands in no row", rule.id));
            assert!(matrix.control_named(control).is_some(), "{}: {control}", rule.id);
            for (platform, _) in &matrix.platforms {
                assert!(side(&matrix, platform, rule.id).is_some(), "{} on {platform}", rule.id);
            }
        }
        for (control, names) in table() {
            for name in names {
                let used = RULES.iter().any(|rule| {
                    let fits = rule.id == name || name.ends_with('-') && rule.id.starts_with(name.as_str());
                    fits && rule.area() != Area::Dockerfile
                });
                assert!(used, "{control}: no rule is called {name}");
            }
        }
    }

    #[test]
    fn flags_of_the_api_server_are_the_providers_where_one_provides_it() {
        let matrix = Matrix::built_in().expect("our files");
        let owner = |platform: &str, rule: &str| side(&matrix, platform, rule).expect("a side").owner;
        assert_eq!(owner("gke-standard", "api-server-profiling"), Owner::Provider);
        assert_eq!(owner("kubeadm", "api-server-profiling"), Owner::Customer);
        assert_eq!(owner("aks-standard", "kubelet-read-only-port"), Owner::Provider);
        assert_eq!(owner("eks-managed-nodes", "kubelet-read-only-port"), Owner::Shared);
        assert_eq!(owner("gke-autopilot", "privileged-container"), owner("gke-autopilot", "host-pid"));
        assert_eq!(control_of("api-server-audit-log-age"), Some("INF-015"), "the longest name counts");
        assert_eq!(control_of("last-user-is-root"), None, "Dockerfiles are the application's");
    }
}
