//! Whether workloads use the profiles that `plimsoll watch suggest` writes for their images.
//!
//! A manifest only names profiles of seccomp and AppArmor, which lie on nodes: their names are held against those that are
//! suggested, not what is in them. Network policies are among the manifests, and are held against what was learned by port;
//! addresses are not, since they change and are to be replaced by selectors.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::workload::{Container, ContainerKind, Pod};
use plimsoll_model::{Problem, ProblemKind};
use plimsoll_oci::Reference;
use plimsoll_posture::kubernetes::{Object, Objects, selects};
use serde_json_borrow::Value;

/// What was learned of an image, as far as manifests can be held against it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// The reference, as the container runtime names it.
    pub image: String,
    /// The digest, `sha256:...`; empty when the runtime tells none.
    pub digest: String,
    /// The name of the profiles that are suggested.
    pub name: String,
    /// Protocol (`TCP`) and port that it listened at.
    pub listens: BTreeSet<(String, u16)>,
    /// Protocol and port that it connected to.
    pub connects: BTreeSet<(String, u16)>,
    /// In how many containers and for how long it was seen, for people.
    pub seen: String,
}

/// A form of profile whose use is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// A seccomp profile.
    Seccomp,
    /// An AppArmor profile.
    AppArmor,
    /// A network policy.
    NetworkPolicy,
}

/// What workloads are held against; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggested {
    /// The images.
    pub images: Vec<Learned>,
    /// The forms that are asked for.
    pub forms: BTreeSet<Form>,
}

/// A profile that is not in use as it was suggested.
pub(super) struct Unused {
    pub(super) rule: &'static str,
    /// A pointer of the document.
    pub(super) pointer: String,
    pub(super) detail: String,
    pub(super) action: String,
    /// What it was learned from, for people.
    pub(super) seen: String,
}

/// What is found of one check, over all objects.
#[derive(Default)]
pub(super) struct Applied<'s> {
    by_reference: BTreeMap<String, &'s Learned>,
    by_digest: BTreeMap<&'s str, &'s Learned>,
    forms: BTreeSet<Form>,
    /// Images that run.
    used: BTreeSet<&'s str>,
    /// Images of workloads that nothing was learned of.
    unknown: BTreeSet<String>,
}

/// Images that are named one by one.
const NAMED: usize = 5;

/// A reference in one form, so that `nginx:1.27` is `docker.io/library/nginx:1.27`.
fn plain(text: &str) -> Option<(String, Option<String>)> {
    let reference = Reference::parse(text).ok()?;
    let digest = reference.digest().map(ToString::to_string);
    let name = reference.name().without_usual_port();
    Some((format!("{name}:{}", reference.tag().unwrap_or("latest")), digest))
}

impl<'s> Applied<'s> {
    pub(super) fn new(suggested: &'s Suggested) -> Self {
        let mut applied = Applied { forms: suggested.forms.clone(), ..Applied::default() };
        for learned in &suggested.images {
            if let Some((name, _)) = plain(&learned.image) {
                applied.by_reference.insert(name, learned);
            }
            if !learned.digest.is_empty() {
                applied.by_digest.insert(&learned.digest, learned);
            }
        }
        applied
    }

    fn of(&self, container: &Container<'_>) -> Option<&'s Learned> {
        let (name, digest) = plain(container.image?)?;
        match digest {
            // A digest says exactly which image; one of another digest is another image.
            Some(digest) => self.by_digest.get(digest.as_str()).copied(),
            None => self.by_reference.get(&name).copied(),
        }
    }

    /// What is not in use of an object's pods.
    pub(super) fn look(&mut self, object: &Object<'_>, objects: &Objects<'_>) -> Vec<Unused> {
        let mut found = Vec::new();
        if self.forms.is_empty() {
            return found;
        }
        for pod in object.pods() {
            let mut all: Option<Vec<&Learned>> = Some(Vec::new());
            for container in &pod.containers {
                if matches!(container.kind, ContainerKind::ImageVolume | ContainerKind::Ephemeral) {
                    continue;
                }
                let Some(learned) = self.of(container) else {
                    let image = container.image.unwrap_or_default();
                    if self.unknown.len() < 1_000 {
                        self.unknown.insert(plimsoll_model::shortened(image));
                    }
                    all = None;
                    continue;
                };
                self.used.insert(&learned.image);
                if let Some(all) = &mut all {
                    all.push(learned);
                }
                self.profiles(pod, container, learned, &mut found);
            }
            if self.forms.contains(&Form::NetworkPolicy)
                && let Some(all) = all.filter(|all| !all.is_empty())
            {
                network(object, pod, objects, &all, &mut found);
            }
        }
        found
    }

    fn profiles(&self, pod: &Pod<'_>, container: &Container<'_>, learned: &Learned, found: &mut Vec<Unused>) {
        let shown = format!("{} `{}`", container.kind.word(), plimsoll_model::shortened(container.name));
        let place = container.pointer.strip_suffix("/image").unwrap_or(&container.pointer);
        let mut say = |rule, field: &str, file: &str, seen: Option<String>| {
            let has = seen.map_or_else(|| "has none".to_owned(), |seen| format!("has `{seen}`"));
            let what = if rule == "learned/seccomp" { "seccomp" } else { "AppArmor" };
            found.push(Unused {
                rule,
                pointer: format!("{place}/securityContext/{field}"),
                detail: format!("{shown} does not use the {what} profile `{file}` that was suggested for it: it {has}"),
                action: format!(
                    "put the profile on the nodes, and set {field} of the container to {{type: Localhost, localhostProfile: {file}}}"
                ),
                seen: learned.seen.clone(),
            });
        };
        // A container's own field stands before its pod's.
        let profile = |field: &str| {
            let own = container.security_context().map(|context| context.get(field));
            let of_pod = pod.security_context().map(|context| context.get(field));
            let profile = own.filter(|own| own.is_object()).or(of_pod.filter(|of_pod| of_pod.is_object()))?;
            let text = |key: &str| profile.get(key).as_str().unwrap_or_default().to_owned();
            Some((text("type"), text("localhostProfile")))
        };
        let annotation = |key: &str| pod.annotations.and_then(|map| map.get(key)).and_then(Value::as_str);
        if self.forms.contains(&Form::Seccomp) {
            let file = format!("{}.json", learned.name);
            let named = profile("seccompProfile");
            let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
            let used = named.as_ref().is_some_and(|(kind, path)| kind == "Localhost" && last(path) == file);
            if !used {
                say("learned/seccomp", "seccompProfile", &file, named.map(shown_profile));
            }
        }
        if self.forms.contains(&Form::AppArmor) {
            let key = format!("container.apparmor.security.beta.kubernetes.io/{}", container.name);
            let named = profile("appArmorProfile").or_else(|| {
                // The form of before Kubernetes 1.30.
                let text = annotation(&key)?;
                Some(match text.strip_prefix("localhost/") {
                    Some(name) => ("Localhost".to_owned(), name.to_owned()),
                    None => (text.to_owned(), String::new()),
                })
            });
            let used =
                named.as_ref().is_some_and(|(kind, name)| kind == "Localhost" && *name == learned.name);
            if !used {
                say("learned/app-armor", "appArmorProfile", &learned.name, named.map(shown_profile));
            }
        }
    }

    /// What is to be said of the check as a whole.
    pub(super) fn finish(self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.forms.is_empty() {
            return problems;
        }
        if self.used.is_empty() {
            let detail =
                "no workload runs an image that the baseline holds, so that nothing was held against it";
            problems.push(Problem::incomplete(ProblemKind::NotCovered, "--baseline", detail));
        }
        if !self.unknown.is_empty() {
            let named: Vec<&str> = self.unknown.iter().take(NAMED).map(String::as_str).collect();
            let more = match self.unknown.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let detail = format!(
                "nothing was learned of {}{more}: their profiles, and the network policies of their pods, were not held against a baseline",
                named.join(", ")
            );
            problems.push(Problem::note(ProblemKind::NotCovered, "--baseline", detail));
        }
        problems
    }
}

fn shown_profile((kind, name): (String, String)) -> String {
    let text = if name.is_empty() { kind } else { format!("{kind} {name}") };
    plimsoll_model::shortened(&text)
}

type Ports = BTreeSet<(String, u16)>;

/// What one policy lets through in a direction that is not in `known`, one word each.
fn beyond(policy: &Value<'_>, direction: &str, pod: &Pod<'_>, known: &Ports) -> Vec<String> {
    let (list, ends) = if direction == "Ingress" { ("ingress", "from") } else { ("egress", "to") };
    let mut found = Vec::new();
    for rule in policy.get("spec").get(list).as_array().unwrap_or_default() {
        let ports = rule.get("ports").as_array().unwrap_or_default();
        if ports.is_empty() {
            found.push("every port".to_owned());
            continue;
        }
        // Of a port that was learned the other ends are not judged, but out to everybody is nobody's suggestion.
        if direction == "Egress" && rule.get(ends).as_array().unwrap_or_default().is_empty() {
            found.push("every address".to_owned());
        }
        for port in ports {
            let protocol = port.get("protocol").as_str().unwrap_or("TCP").to_owned();
            let number = match port.get("port") {
                Value::Str(name) => named_port(pod, name),
                number => number.as_u64().and_then(|number| u16::try_from(number).ok()),
            };
            let last = port.get("endPort").as_u64().and_then(|last| u16::try_from(last).ok());
            match (number, last) {
                (Some(first), Some(last)) if last > first => {
                    found.push(format!("{protocol} {first} to {last}"));
                }
                (Some(number), _) if known.contains(&(protocol.clone(), number)) => {}
                // The cluster's DNS belongs to whoever asks it.
                (Some(53), _) if direction == "Egress" => {}
                (Some(number), _) => found.push(format!("{protocol} {number}")),
                (None, _) => found.push(format!("{protocol} of a port without a number")),
            }
        }
    }
    found
}

/// The number of a port by its name in a pod.
fn named_port(pod: &Pod<'_>, name: &str) -> Option<u16> {
    pod.containers
        .iter()
        .filter_map(|container| container.definition)
        .flat_map(|definition| definition.get("ports").as_array().unwrap_or_default())
        .find(|port| port.get("name").as_str() == Some(name))
        .and_then(|port| port.get("containerPort").as_u64())
        .and_then(|number| u16::try_from(number).ok())
}

fn network(
    object: &Object<'_>,
    pod: &Pod<'_>,
    objects: &Objects<'_>,
    all: &[&Learned],
    found: &mut Vec<Unused>,
) {
    let Some(spec) = pod.spec else { return };
    let mut say = |pointer: String, detail: String, action: &str| {
        found.push(Unused {
            rule: "learned/network-policy",
            pointer,
            detail,
            action: action.to_owned(),
            seen: all.iter().map(|one| one.seen.as_str()).collect::<Vec<_>>().join("; "),
        });
    };
    if spec.get("hostNetwork").as_bool() == Some(true) {
        let detail = "the pod is on the network of its node, where no network policy holds".to_owned();
        say(
            format!("{}/hostNetwork", pod.pointer),
            detail,
            "take hostNetwork out, and apply the network policy",
        );
        return;
    }
    let label = |key: &str| pod.labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
    let policies: Vec<&Object<'_>> = objects
        .network_policies(object.namespace())
        .filter(|policy| {
            let selector = policy.value().get("spec").get("podSelector");
            let selector = if selector.is_null() { None } else { Some(selector) };
            // A selector of a form that is not known may select it.
            selects(selector, &label) != Some(false)
        })
        .collect();
    for direction in ["Ingress", "Egress"] {
        let known: Ports = all
            .iter()
            .flat_map(|one| if direction == "Ingress" { &one.listens } else { &one.connects })
            .cloned()
            .collect();
        let mut covered = false;
        let mut more = BTreeSet::new();
        for policy in &policies {
            let spec = policy.value().get("spec");
            let types = spec.get("policyTypes").as_array().unwrap_or_default();
            let meant = match types {
                [] => direction == "Ingress" || !spec.get("egress").is_null(),
                types => types.iter().any(|one| one.as_str() == Some(direction)),
            };
            if meant {
                covered = true;
                more.extend(beyond(policy.value(), direction, pod, &known));
            }
        }
        let (comes, did) =
            if direction == "Ingress" { ("in", "listened at") } else { ("out", "connected to") };
        if !covered {
            let detail =
                format!("no NetworkPolicy limits what goes {comes}, and one was suggested for its image");
            say(
                pod.pointer.clone(),
                detail,
                "apply what `plimsoll watch suggest --form network-policy` writes for the image",
            );
        } else if !more.is_empty() {
            let few: Vec<&str> = more.iter().take(NAMED).map(String::as_str).collect();
            let detail = format!(
                "network policies let {comes} more than its image {did} while it was watched: {}",
                few.join(", ")
            );
            say(pod.pointer.clone(), detail, "take out what is not needed, or learn from a longer time");
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::workload::Kinds;
    use plimsoll_posture::kubernetes::{Objects, yaml};

    use super::{Applied, Form, Learned, Suggested};

    fn suggested() -> Suggested {
        let learned = Learned {
            image: "docker.io/library/shop:1".to_owned(),
            digest: format!("sha256:{}", "ab".repeat(32)),
            name: "shop".to_owned(),
            listens: [("TCP".to_owned(), 8080)].into(),
            connects: [("TCP".to_owned(), 5432)].into(),
            seen: "seen in 2 containers, for 3 days".to_owned(),
        };
        let forms = [Form::Seccomp, Form::AppArmor, Form::NetworkPolicy].into();
        Suggested { images: vec![learned], forms }
    }

    fn check(text: &str) -> (Vec<(&'static str, String)>, Vec<String>) {
        let read = yaml::read(text);
        let values: Vec<_> = read.documents.iter().map(|node| node.value()).collect();
        let mut objects = Objects::default();
        for (place, value) in values.iter().enumerate() {
            assert!(objects.add(value, place, &Kinds::default()));
        }
        let suggested = suggested();
        let mut applied = Applied::new(&suggested);
        let mut found = Vec::new();
        for object in objects.iter() {
            found.extend(applied.look(object, &objects).into_iter().map(|one| (one.rule, one.detail)));
        }
        (found, applied.finish().into_iter().map(|problem| problem.detail).collect())
    }

    const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: shop}}\nspec:\n  securityContext: {seccompProfile: {type: SECCOMP}}\n  containers:\n  - name: web\n    image: IMAGE\n    ports: [{name: http, containerPort: 8080}]\n    securityContext: {appArmorProfile: {type: Localhost, localhostProfile: shop}}\n";
    const POLICY: &str = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: shop, namespace: shop}\nspec:\n  podSelector: {matchLabels: {app: shop}}\n  policyTypes: [Ingress, Egress]\n  ingress: [{ports: [{port: http}]}]\n  egress: [{to: [{podSelector: {}}], ports: [{port: 5432}, {port: 53, protocol: UDP}]}]\n";

    fn pod(image: &str, seccomp: &str) -> String {
        POD.replace("IMAGE", image).replace("SECCOMP", seccomp)
    }

    #[test]
    fn what_is_applied_is_quiet() {
        let seccomp = "Localhost, localhostProfile: profiles/shop.json";
        for image in ["shop:1", "docker.io/library/shop:1", &format!("shop@sha256:{}", "ab".repeat(32))] {
            let (found, problems) = check(&(pod(image, seccomp) + POLICY));
            assert_eq!((found, problems), (vec![], vec![]), "{image}");
        }
    }

    #[test]
    fn what_is_not_applied_is_told_with_what_is_there() {
        let (found, _) = check(
            &pod("shop:1", "RuntimeDefault").replace("localhostProfile: shop}", "localhostProfile: other}"),
        );
        let rules: Vec<&str> = found.iter().map(|(rule, _)| *rule).collect();
        assert_eq!(
            rules,
            ["learned/seccomp", "learned/app-armor", "learned/network-policy", "learned/network-policy"]
        );
        assert!(
            found[0].1.ends_with("`shop.json` that was suggested for it: it has `RuntimeDefault`"),
            "{found:?}"
        );
        assert!(found[1].1.ends_with("it has `Localhost other`"), "{found:?}");
        let wide = POLICY.replace("port: http", "port: 22").replace("to: [{podSelector: {}}], ", "");
        let (found, _) = check(&(pod("shop:1", "Localhost, localhostProfile: shop.json") + &wide));
        let details: Vec<&str> = found.iter().map(|(_, detail)| detail.as_str()).collect();
        assert!(details[0].ends_with("listened at while it was watched: TCP 22"), "{details:?}");
        assert!(details[1].ends_with("connected to while it was watched: every address"), "{details:?}");
    }

    #[test]
    fn of_what_was_not_learned_is_said_that_it_was_not() {
        let (found, problems) = check(&pod(&format!("shop@sha256:{}", "cd".repeat(32)), "RuntimeDefault"));
        assert_eq!(found, []);
        assert!(
            problems[0].starts_with("no workload runs an image") && problems[1].contains("shop@sha256:cd"),
            "{problems:?}"
        );
    }
}
