//! What configures admission: files of `--admission-control-config-file` (`apiserver.config.k8s.io`, `AdmissionConfiguration`) and
//! those that they name or hold.

use super::prelude::*;

/// The configuration of a plugin in an object.
pub(super) enum Configuration<'v> {
    /// It stands here.
    Here(&'v Value<'v>, String),
    /// In a file of this path, of which nothing is known.
    File(&'v str),
}

/// The configuration of a plugin, where the object is about it.
pub(super) fn of_plugin<'v>(scene: &Scene<'_, 'v>, name: &str) -> Option<Configuration<'v>> {
    if !scene.is("apiserver.config.k8s.io", "AdmissionConfiguration") {
        return None;
    }
    let mut plugins = list(scene.at(&["plugins"])).iter().enumerate();
    let text = |value: &'v Value<'v>, key: &str| at(value, &[key]).and_then(|value| value.as_str());
    let (index, plugin) = plugins.find(|(_, plugin)| text(plugin, "name") == Some(name))?;
    match at(plugin, &["configuration"]) {
        Some(value) => {
            Some(Configuration::Here(value, scene.pointer(&["plugins", &index.to_string(), "configuration"])))
        }
        None => text(plugin, "path").filter(|path| !path.is_empty()).map(Configuration::File),
    }
}

/// What configures the Pod Security Standards of the whole cluster, in a file of its own or within another.
pub(super) fn pod_security<'v>(
    scene: &Scene<'_, 'v>,
    report: &mut Reporter<'_>,
) -> Option<(&'v Value<'v>, String)> {
    if scene.is("pod-security.admission.config.k8s.io", "PodSecurityConfiguration") {
        return Some((scene.object.value, scene.object.prefix.clone()));
    }
    match of_plugin(scene, "PodSecurity")? {
        Configuration::Here(value, pointer) => Some((value, pointer)),
        Configuration::File(path) => {
            // Among what is looked at it is judged by itself.
            if scene.all.of_kind("PodSecurityConfiguration").next().is_none() {
                report.undecided(None, format!("the file {}, which configures PodSecurity", short(path)));
            }
            None
        }
    }
}
