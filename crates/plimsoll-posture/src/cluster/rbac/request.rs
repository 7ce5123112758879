//! What is asked of the API, and whether a rule allows it.

use std::sync::Arc;

use plimsoll_model::shortened;

use crate::cluster::RoleRule;

/// A resource of Kubernetes itself.
pub(crate) struct Known {
    pub(crate) plural: &'static str,
    pub(crate) group: &'static str,
    pub(crate) namespaced: bool,
    /// Other names that people type.
    aliases: &'static [&'static str],
}

const fn known(
    plural: &'static str,
    group: &'static str,
    namespaced: bool,
    aliases: &'static [&'static str],
) -> Known {
    Known { plural, group, namespaced, aliases }
}

const AUTHENTICATION: &str = "authentication.k8s.io";
const AUTHORIZATION: &str = "authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const STORAGE: &str = "storage.k8s.io";

/// What is meant where no group is said, and what is in namespaces. What stands not here is asked for in every group.
const KNOWN: &[Known] = &[
    known("pods", "", true, &["po", "pod"]),
    known("services", "", true, &["svc", "service"]),
    known("secrets", "", true, &["secret"]),
    known("configmaps", "", true, &["cm", "configmap"]),
    known("serviceaccounts", "", true, &["sa", "serviceaccount"]),
    known("endpoints", "", true, &["ep"]),
    known("events", "", true, &["ev", "event"]),
    known("limitranges", "", true, &["limits", "limitrange"]),
    known("persistentvolumeclaims", "", true, &["pvc", "persistentvolumeclaim"]),
    known("podtemplates", "", true, &["podtemplate"]),
    known("replicationcontrollers", "", true, &["rc", "replicationcontroller"]),
    known("resourcequotas", "", true, &["quota", "resourcequota"]),
    known("bindings", "", true, &["binding"]),
    known("namespaces", "", false, &["ns", "namespace"]),
    known("nodes", "", false, &["no", "node"]),
    known("persistentvolumes", "", false, &["pv", "persistentvolume"]),
    known("componentstatuses", "", false, &["cs", "componentstatus"]),
    // Not to be read: whose name one may take.
    known("users", "", false, &["user"]),
    known("groups", "", false, &["group"]),
    known("deployments", "apps", true, &["deploy", "deployment"]),
    known("daemonsets", "apps", true, &["ds", "daemonset"]),
    known("statefulsets", "apps", true, &["sts", "statefulset"]),
    known("replicasets", "apps", true, &["rs", "replicaset"]),
    known("controllerrevisions", "apps", true, &["controllerrevision"]),
    known("jobs", "batch", true, &["job"]),
    known("cronjobs", "batch", true, &["cj", "cronjob"]),
    known("ingresses", "networking.k8s.io", true, &["ing", "ingress"]),
    known("networkpolicies", "networking.k8s.io", true, &["netpol", "networkpolicy"]),
    known("ingressclasses", "networking.k8s.io", false, &["ingressclass"]),
    known("endpointslices", "discovery.k8s.io", true, &["endpointslice"]),
    known("leases", "coordination.k8s.io", true, &["lease"]),
    known("poddisruptionbudgets", "policy", true, &["pdb", "poddisruptionbudget"]),
    known("podsecuritypolicies", "policy", false, &["psp", "podsecuritypolicy"]),
    known("horizontalpodautoscalers", "autoscaling", true, &["hpa", "horizontalpodautoscaler"]),
    known("roles", RBAC, true, &["role"]),
    known("rolebindings", RBAC, true, &["rolebinding"]),
    known("clusterroles", RBAC, false, &["clusterrole"]),
    known("clusterrolebindings", RBAC, false, &["clusterrolebinding"]),
    known("certificatesigningrequests", "certificates.k8s.io", false, &["csr", "certificatesigningrequest"]),
    known("signers", "certificates.k8s.io", false, &["signer"]),
    known("mutatingwebhookconfigurations", ADMISSION, false, &["mutatingwebhookconfiguration"]),
    known("validatingwebhookconfigurations", ADMISSION, false, &["validatingwebhookconfiguration"]),
    known("validatingadmissionpolicies", ADMISSION, false, &["validatingadmissionpolicy"]),
    known("validatingadmissionpolicybindings", ADMISSION, false, &["validatingadmissionpolicybinding"]),
    known("mutatingadmissionpolicies", ADMISSION, false, &["mutatingadmissionpolicy"]),
    known("mutatingadmissionpolicybindings", ADMISSION, false, &["mutatingadmissionpolicybinding"]),
    known("customresourcedefinitions", "apiextensions.k8s.io", false, &["crd", "crds"]),
    known("apiservices", "apiregistration.k8s.io", false, &["apiservice"]),
    known("storageclasses", STORAGE, false, &["sc", "storageclass"]),
    known("csidrivers", STORAGE, false, &["csidriver"]),
    known("csinodes", STORAGE, false, &["csinode"]),
    known("volumeattachments", STORAGE, false, &["volumeattachment"]),
    known("csistoragecapacities", STORAGE, true, &["csistoragecapacity"]),
    known("priorityclasses", "scheduling.k8s.io", false, &["pc", "priorityclass"]),
    known("runtimeclasses", "node.k8s.io", false, &["runtimeclass"]),
    known("tokenreviews", AUTHENTICATION, false, &["tokenreview"]),
    known("userextras", AUTHENTICATION, false, &[]),
    known("uids", AUTHENTICATION, false, &[]),
    known("subjectaccessreviews", AUTHORIZATION, false, &["subjectaccessreview"]),
    known("selfsubjectaccessreviews", AUTHORIZATION, false, &["selfsubjectaccessreview"]),
    known("selfsubjectrulesreviews", AUTHORIZATION, false, &["selfsubjectrulesreview"]),
    known("localsubjectaccessreviews", AUTHORIZATION, true, &["localsubjectaccessreview"]),
    known("flowschemas", "flowcontrol.apiserver.k8s.io", false, &["flowschema"]),
    known("prioritylevelconfigurations", "flowcontrol.apiserver.k8s.io", false, &[]),
];

/// Parts of objects that are asked for beside them, which people take for names.
const SUBRESOURCES: &[&str] = &[
    "approval",
    "attach",
    "binding",
    "ephemeralcontainers",
    "eviction",
    "exec",
    "finalize",
    "log",
    "portforward",
    "proxy",
    "resize",
    "scale",
    "status",
    "token",
];

/// Something that can be asked of the API, without where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'q> {
    /// Something with objects.
    Resource {
        /// The verb.
        verb: &'q str,
        /// The group; any of them where it is not said.
        group: Option<&'q str>,
        /// The resource.
        resource: &'q str,
        /// A part of it.
        subresource: Option<&'q str>,
        /// The name of an object.
        name: Option<&'q str>,
    },
    /// A path that leads to no objects.
    Url {
        /// The verb: `get`, `post`.
        verb: &'q str,
        /// The path.
        path: &'q str,
    },
}

/// How far a rule allows something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent<'r> {
    /// Wholly.
    Whole,
    /// For objects of these names, where no name was asked for.
    Only(&'r [Arc<str>]),
}

fn is_star(text: &Arc<str>) -> bool {
    text.as_ref() == "*"
}

/// Whether a rule is about a resource or a part of it: by itself, `*`, or `*/part`.
pub(crate) fn names_resource(rule: &RoleRule, resource: &str, subresource: Option<&str>) -> bool {
    rule.resources.iter().any(|own| {
        let own = own.as_ref();
        match subresource {
            _ if own == "*" => true,
            None => own == resource,
            Some(part) => match own.split_once('/') {
                Some((whole, own)) => own == part && (whole == "*" || whole == resource),
                None => false,
            },
        }
    })
}

/// Whether a rule allows a request; `None` where it does not.
pub fn allows<'r>(rule: &'r RoleRule, request: &Request<'_>) -> Option<Extent<'r>> {
    let has_verb = |verb: &str| rule.verbs.iter().any(|own| is_star(own) || own.as_ref() == verb);
    match *request {
        Request::Resource { verb, group, resource, subresource, name } => {
            let has_group =
                rule.groups.iter().any(|own| is_star(own) || group.is_none_or(|group| own.as_ref() == group));
            if !has_group || !names_resource(rule, resource, subresource) || !has_verb(verb) {
                return None;
            }
            if rule.names.is_empty() {
                return Some(Extent::Whole);
            }
            match name {
                Some(name) => rule.names.iter().any(|own| own.as_ref() == name).then_some(Extent::Whole),
                // What is being made has no name yet when it is asked about, and all of them are no one.
                None if subresource.is_none() && matches!(verb, "create" | "deletecollection") => None,
                None => Some(Extent::Only(&rule.names)),
            }
        }
        Request::Url { verb, path } => {
            let has_path = rule.urls.iter().any(|own| {
                own.as_ref() == path
                    || own
                        .strip_suffix('*')
                        .is_some_and(|front| path.starts_with(front.trim_end_matches('*')))
            });
            (has_path && has_verb(verb)).then_some(Extent::Whole)
        }
    }
}

/// Where something is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In whichever namespace, or beside them.
    Anywhere,
    /// In this namespace.
    Namespace(String),
    /// In all namespaces at once.
    Everywhere,
}

/// A question: who can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub(crate) verb: String,
    /// Of a resource; `None` for any.
    pub(crate) group: Option<String>,
    /// The resource, or the path.
    pub(crate) resource: String,
    pub(crate) subresource: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) place: Place,
    /// Whether the resource is one of namespaces, where that is known.
    pub(crate) namespaced: Option<bool>,
}

impl Asked {
    /// Reads a question as it is typed: `get`, `secrets/key`, `deployments.apps`, `/metrics`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(verb: &str, what: &str, subresource: Option<&str>, place: Place) -> Result<Self, String> {
        let is_bad = |text: &str| {
            text.is_empty() || text.contains(|own: char| own.is_whitespace() || own.is_control())
        };
        if is_bad(verb) || verb.contains('/') {
            return Err(format!("`{}` is no verb", shortened(verb)));
        }
        if is_bad(what) {
            return Err(format!("`{}` is no resource", shortened(what)));
        }
        let verb = if verb == "*" { verb.to_owned() } else { verb.to_ascii_lowercase() };
        if what.starts_with('/') {
            if subresource.is_some() || place != Place::Anywhere {
                return Err("a path is in no namespace, and has no subresource".into());
            }
            let resource = what.to_owned();
            let namespaced = Some(false);
            return Ok(Asked {
                verb,
                group: None,
                resource,
                subresource: None,
                name: None,
                place,
                namespaced,
            });
        }
        let (resource, name) = match what.split_once('/') {
            Some((resource, name)) => (resource, Some(name)),
            None => (what, None),
        };
        if name.is_some_and(|name| name.is_empty() || name.contains('/') && !name.contains(':')) {
            return Err(format!(
                "`{}` is no name; parts of objects are said by --subresource",
                shortened(what)
            ));
        }
        let (resource, group) = match resource.split_once('.') {
            Some((resource, group)) => (resource, Some(group)),
            None => (resource, None),
        };
        if is_bad(resource) || group.is_some_and(str::is_empty) || subresource.is_some_and(is_bad) {
            return Err(format!("`{}` is no resource", shortened(what)));
        }
        let lower = resource.to_ascii_lowercase();
        let row = KNOWN.iter().find(|known| {
            (known.plural == lower || known.aliases.contains(&lower.as_str()))
                && group.is_none_or(|group| group == known.group)
        });
        let (resource, group) = match row {
            Some(known) => (known.plural.to_owned(), Some(known.group.to_owned())),
            None if resource == "*" && group.is_none() => ("*".into(), Some("*".into())),
            None => (lower, group.map(str::to_owned)),
        };
        let namespaced = row.map(|known| known.namespaced);
        let (subresource, name) = (subresource.map(str::to_owned), name.map(str::to_owned));
        Ok(Asked { verb, group, resource, subresource, name, place, namespaced })
    }

    /// The request.
    pub fn request(&self) -> Request<'_> {
        if self.is_path() {
            return Request::Url { verb: &self.verb, path: &self.resource };
        }
        Request::Resource {
            verb: &self.verb,
            group: self.group.as_deref(),
            resource: &self.resource,
            subresource: self.subresource.as_deref(),
            name: self.name.as_deref(),
        }
    }

    pub(crate) fn is_path(&self) -> bool {
        self.resource.starts_with('/')
    }

    /// A name that is more likely meant as a part of objects.
    pub(crate) fn name_like_a_part(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| self.subresource.is_none() && SUBRESOURCES.contains(name))
    }

    /// Whether roles of one namespace say anything about it: `None` for not at all, and the namespaces are objects that are in
    /// themselves.
    pub(crate) fn in_namespaces(&self) -> bool {
        self.namespaced != Some(false)
    }

    /// Whether it is about one namespace as an object, which roles in it may allow.
    pub(crate) fn is_of_namespace(&self) -> bool {
        self.resource == "namespaces"
            && self.group.as_deref() == Some("")
            && !matches!(self.verb.as_str(), "create" | "list" | "watch" | "deletecollection")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str], urls: &[&str]) -> RoleRule {
        let all = |texts: &[&str]| texts.iter().map(|text| Arc::from(*text)).collect();
        RoleRule {
            verbs: all(verbs),
            groups: all(groups),
            resources: all(resources),
            names: all(names),
            urls: all(urls),
        }
    }

    fn asked(verb: &str, what: &str, part: Option<&str>) -> Asked {
        Asked::parse(verb, what, part, Place::Anywhere).expect(what)
    }

    #[test]
    fn rules_allow_what_the_authorizer_of_kubernetes_does() {
        let check = |rule: &RoleRule, verb: &str, what: &str, part: Option<&str>, expected: &str| {
            let asked = asked(verb, what, part);
            let got = match allows(rule, &asked.request()) {
                None => "no".to_owned(),
                Some(Extent::Whole) => "yes".to_owned(),
                Some(Extent::Only(names)) => names.join(","),
            };
            assert_eq!(got, expected, "{verb} {what} {part:?} by {rule:?}");
        };
        let pods = rule(&["get"], &[""], &["pods"], &[], &[]);
        check(&pods, "get", "pods", None, "yes");
        check(&pods, "GET", "po", None, "yes");
        check(&pods, "get", "pods/web", None, "yes");
        check(&pods, "get", "pods", Some("log"), "no");
        check(&pods, "list", "pods", None, "no");
        check(&pods, "get", "pods.metrics.k8s.io", None, "no");
        check(&pods, "*", "pods", None, "no");
        let parts = rule(&["create"], &[""], &["pods/exec", "*/token"], &[], &[]);
        check(&parts, "create", "pods", Some("exec"), "yes");
        check(&parts, "create", "serviceaccounts", Some("token"), "yes");
        check(&parts, "create", "pods", None, "no");
        check(&parts, "create", "services", Some("exec"), "no");
        let all = rule(&["*"], &["*"], &["*"], &[], &[]);
        check(&all, "*", "*", None, "yes");
        check(&all, "create", "pods", Some("exec"), "yes");
        check(&all, "get", "/metrics", None, "no");
        let named =
            rule(&["get", "list", "create", "deletecollection"], &[""], &["secrets"], &["a", "b"], &[]);
        check(&named, "get", "secrets/a", None, "yes");
        check(&named, "get", "secrets/c", None, "no");
        check(&named, "get", "secrets", None, "a,b");
        check(&named, "list", "secrets", None, "a,b");
        check(&named, "create", "secrets", None, "no");
        check(&named, "deletecollection", "secrets", None, "no");
        let group = rule(&["create"], &["gateway.networking.k8s.io"], &["*"], &[], &[]);
        check(&group, "create", "gateways", None, "yes");
        check(&group, "create", "gateways.gateway.networking.k8s.io", None, "yes");
        check(&group, "create", "gateways.networking.istio.io", None, "no");
        check(&group, "create", "*", None, "no");
        let urls = rule(&["get"], &[], &[], &[], &["/healthz", "/api/*"]);
        check(&urls, "get", "/healthz", None, "yes");
        check(&urls, "get", "/healthz/etcd", None, "no");
        check(&urls, "get", "/api/v1", None, "yes");
        check(&urls, "post", "/api/v1", None, "no");
        check(&rule(&["*"], &[], &[], &[], &["*"]), "put", "/x", None, "yes");
        check(&rule(&["get"], &[""], &[], &[], &[]), "get", "pods", None, "no");
    }

    #[test]
    fn questions_that_mean_nothing_are_refused() {
        for (verb, what) in [
            ("", "pods"),
            ("get", ""),
            ("get", "po ds"),
            ("get", "pods/"),
            ("get", "pods/a/b"),
            ("get", "pods."),
            ("a/b", "pods"),
        ] {
            assert!(Asked::parse(verb, what, None, Place::Anywhere).is_err(), "{verb} {what}");
        }
        assert!(Asked::parse("get", "/metrics", None, Place::Everywhere).is_err());
        assert!(Asked::parse("get", "/metrics", Some("x"), Place::Anywhere).is_err());
        assert_eq!(asked("get", "pods/exec", None).name_like_a_part(), Some("exec"));
        // The names of the groups of clusters' own roles.
        assert_eq!(asked("get", "clusterroles/system:a/b", None).name.as_deref(), Some("system:a/b"));
    }
}
