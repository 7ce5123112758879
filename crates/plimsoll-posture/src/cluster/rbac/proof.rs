//! Paths on random clusters against an evaluator that goes by one subject and the JSON of the objects; cuts against the
//! cluster without the binding; lists that are taken away.

use std::collections::BTreeSet;

use plimsoll_model::Outcome;
use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::paths::{Goal, Paths};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{Dice, binding, role};
use super::*;
use crate::cluster::reach::tests::cluster;

const NAMESPACES: [&str; 3] = ["n1", "n2", "n3"];
const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";

/// Group, resources, verbs that rules are made of.
const POOL: &[(&str, &[&str], &[&str])] = &[
    ("", &["pods"], &["create"]),
    ("", &["pods"], &["get", "list"]),
    ("apps", &["deployments"], &["create", "update"]),
    ("batch", &["cronjobs"], &["patch"]),
    ("", &["pods/exec"], &["create"]),
    ("", &["pods/ephemeralcontainers"], &["patch"]),
    ("", &["pods/portforward"], &["create"]),
    ("", &["secrets"], &["list"]),
    ("", &["secrets"], &["get"]),
    ("", &["secrets"], &["create"]),
    ("", &["serviceaccounts/token"], &["create"]),
    ("", &["users"], &["impersonate"]),
    ("", &["groups"], &["impersonate"]),
    ("", &["serviceaccounts"], &["impersonate"]),
    (RBAC, &["clusterroles"], &["bind"]),
    (RBAC, &["roles"], &["bind"]),
    (RBAC, &["clusterroles"], &["escalate"]),
    (RBAC, &["roles"], &["escalate", "update"]),
    (RBAC, &["clusterroles"], &["patch"]),
    (RBAC, &["rolebindings"], &["create"]),
    (RBAC, &["clusterrolebindings"], &["create"]),
    ("", &["nodes/proxy"], &["get"]),
    (CERTIFICATES, &["certificatesigningrequests"], &["create"]),
    (CERTIFICATES, &["certificatesigningrequests/approval"], &["update"]),
    (CERTIFICATES, &["signers"], &["approve"]),
    (ADMISSION, &["mutatingwebhookconfigurations"], &["update"]),
    (ADMISSION, &["mutatingadmissionpolicies"], &["create"]),
    (ADMISSION, &["mutatingadmissionpolicybindings"], &["create"]),
    ("", &["persistentvolumes"], &["create"]),
    ("", &["namespaces"], &["patch"]),
    ("", &["*"], &["get"]),
    ("*", &["*"], &["*"]),
];

fn objects(dice: &mut Dice) -> Vec<Value> {
    let mut objects = Vec::new();
    for (at, name) in NAMESPACES.iter().enumerate() {
        let level = [json!("baseline"), Value::Null, json!("restricted")][at].clone();
        objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels":
            {"pod-security.kubernetes.io/enforce": level}}}));
        for account in ["s", "t"] {
            let mut one = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": name}});
            if dice.roll(6) == 0 {
                one["metadata"]["annotations"] = json!({"iam.gke.io/gcp-service-account": "a@b"});
            }
            objects.push(one);
        }
        if dice.roll(2) == 0 {
            let privileged = dice.roll(3) == 0;
            objects.push(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": name}, "spec": {
                "serviceAccountName": dice.one(&["s", "t"]), "automountServiceAccountToken": dice.roll(4) > 0,
                "containers": [{"name": "a", "image": "a", "securityContext": {"privileged": privileged}}]}}));
        }
    }
    for name in ["r1", "r2", "r3", "r4"] {
        for namespace in [None, Some("n1"), Some("n2")] {
            // What may do everything is rare enough for other ways to be taken.
            let rules: Value = (0..=dice.roll(3))
                .map(|_| {
                    let most = if dice.roll(8) == 0 { POOL.len() } else { POOL.len() - 1 };
                    let (group, resources, verbs) = POOL[dice.roll(most as u64)];
                    let mut rule = json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
                    if dice.roll(5) == 0 {
                        rule["resourceNames"] = dice.some(&["s", "t", "u1", "g", "cluster-admin"]).into();
                    }
                    rule
                })
                .collect();
            objects.push(role(namespace, name, &rules));
        }
    }
    // Everybody whom a name in a rule may mean is bound to something.
    let named: Value = ["s", "t", "u1", "u2", "g", "cluster-admin"]
        .iter()
        .flat_map(|name| ["User", "Group"].map(|kind| json!({"kind": kind, "name": name})))
        .collect();
    objects.push(role(None, "nothing", &json!([])));
    objects.push(binding(None, "named", ("ClusterRole", "nothing"), &named));
    for at in 0..8 {
        let namespace = [None, Some("n1"), Some("n2")][dice.roll(3)];
        let kind = if namespace.is_none() || dice.roll(2) == 0 { "ClusterRole" } else { "Role" };
        let subjects: Value = (0..=dice.roll(2))
            .map(|_| match dice.roll(4) {
                0 => json!({"kind": "User", "name": dice.one(&["u1", "u2", "system:serviceaccount:n1:s"])}),
                1 => json!({"kind": "Group", "name": dice.one(&["g", "system:serviceaccounts", "system:serviceaccounts:n2", "system:authenticated"])}),
                _ => json!({"kind": "ServiceAccount", "namespace": dice.one(&["n1", "n2"]), "name": dice.one(&["s", "t"])}),
            })
            .collect();
        let roles = ["r1", "r2", "r3", "r4", "gone"];
        objects.push(binding(namespace, &format!("b{at}"), (kind, dice.one(&roles)), &subjects));
    }
    objects
}

/// Who somebody is: `U name`, `G name`, `S namespace/name`.
fn identity(subject: &Value) -> String {
    let name = subject["name"].as_str().expect("a name");
    match subject["kind"].as_str() {
        Some("ServiceAccount") => format!("S {}/{name}", subject["namespace"].as_str().expect("one")),
        Some("User") => match name.strip_prefix("system:serviceaccount:") {
            Some(rest) => format!("S {}", rest.replace(':', "/")),
            None => format!("U {name}"),
        },
        _ => format!("G {name}"),
    }
}

/// Somebody with all groups that they are in.
fn with_groups(who: &str) -> Vec<String> {
    let mut all = vec![who.to_owned()];
    if let Some(account) = who.strip_prefix("S ") {
        let namespace = account.split('/').next().expect("one");
        all.extend(["G system:serviceaccounts".into(), format!("G system:serviceaccounts:{namespace}")]);
    }
    if !who.starts_with('G') {
        all.push("G system:authenticated".into());
    }
    all
}

struct Plain<'o> {
    objects: &'o [Value],
}

impl Plain<'_> {
    fn of<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// Rules that somebody has, with the namespace that they hold in.
    fn rules(&self, who: &str) -> Vec<(Option<String>, &Value)> {
        let own = with_groups(who);
        let mut all = Vec::new();
        for binding in self.of("RoleBinding").chain(self.of("ClusterRoleBinding")) {
            let subjects = binding["subjects"].as_array().expect("a list");
            if !subjects.iter().any(|subject| own.contains(&identity(subject))) {
                continue;
            }
            let place = binding["metadata"]["namespace"].as_str();
            let kind = binding["roleRef"]["kind"].as_str().expect("a kind");
            let role = self.of(kind).find(|role| {
                role["metadata"]["name"] == binding["roleRef"]["name"]
                    && (kind == "ClusterRole" || role["metadata"]["namespace"].as_str() == place)
            });
            let rules = role.into_iter().flat_map(|role| role["rules"].as_array().expect("a list"));
            all.extend(rules.map(|rule| (place.map(str::to_owned), rule)));
        }
        all
    }

    /// Everything that somebody becomes, as far as it is sure: identities, `pods n`, `running n`, `goal`.
    fn all(&self, who: &str) -> BTreeSet<String> {
        let mut have = BTreeSet::from([who.to_owned()]);
        loop {
            let before = have.len();
            for one in have.clone() {
                self.from(&one, &mut have);
            }
            if have.len() == before {
                return have;
            }
        }
    }

    fn from(&self, one: &str, have: &mut BTreeSet<String>) {
        let mut add = |text: &str| {
            have.insert(text.to_owned());
        };
        let accounts = |namespace: &str| -> Vec<String> {
            let all =
                self.of("ServiceAccount").filter(|account| account["metadata"]["namespace"] == namespace);
            all.map(|account| format!("S {namespace}/{}", account["metadata"]["name"].as_str().expect("one")))
                .collect()
        };
        if let Some(namespace) = one.strip_prefix("pods ") {
            for account in &accounts(namespace) {
                add(account);
            }
            if namespace == "n2" {
                add("node-root");
            }
        } else if let Some(namespace) = one.strip_prefix("running ") {
            for pod in self.of("Pod").filter(|pod| pod["metadata"]["namespace"] == namespace) {
                let spec = &pod["spec"];
                if spec["automountServiceAccountToken"] == true {
                    add(&format!("S {namespace}/{}", spec["serviceAccountName"].as_str().expect("one")));
                }
                if spec["containers"][0]["securityContext"]["privileged"] == true {
                    add("node-root");
                }
            }
        } else if one == "cluster-admin" {
            add("node-root");
            add("all-secrets");
            NAMESPACES.iter().flat_map(|namespace| accounts(namespace)).for_each(|account| add(&account));
        } else if one == "G system:masters" {
            add("cluster-admin");
        } else if let Some(kind) = one.split(' ').next().filter(|kind| ["U", "G", "S"].contains(kind)) {
            if kind == "S" {
                let own = self.of("ServiceAccount").find(|account| {
                    let metadata = &account["metadata"];
                    one == format!(
                        "S {}/{}",
                        metadata["namespace"].as_str().expect("one"),
                        metadata["name"].as_str().expect("one")
                    )
                });
                if own.is_some_and(|account| !account["metadata"]["annotations"].is_null()) {
                    add("cloud-role");
                }
            }
            self.somebody(one, &mut add);
        }
    }

    fn somebody(&self, one: &str, add: &mut dyn FnMut(&str)) {
        let rules = self.rules(one);
        let has = |rule: &Value, key: &str, wanted: &[&str]| {
            rule[key].as_array().is_some_and(|all| all.iter().any(|own| wanted.iter().any(|one| own == one)))
        };
        let covers = |rule: &Value, verbs: &[&str], group: &str, resource: &str| {
            let verbs: Vec<&str> = verbs.iter().copied().chain(["*"]).collect();
            let mut resources = vec!["*", resource];
            let part = resource.split_once('/').map(|(_, part)| format!("*/{part}"));
            resources.extend(part.as_deref());
            has(rule, "verbs", &verbs)
                && has(rule, "apiGroups", &[group, "*"])
                && has(rule, "resources", &resources)
        };
        // A right to all of it, in a place.
        let may = |place: Option<&str>, verbs: &[&str], group: &str, resource: &str| {
            rules.iter().any(|(own, rule)| {
                (own.is_none() || own.as_deref() == place)
                    && rule["resourceNames"].is_null()
                    && covers(rule, verbs, group, resource)
            })
        };
        // The names that it is limited to.
        let names = |place: Option<&str>, verb: &str, group: &str, resource: &str| -> BTreeSet<String> {
            rules
                .iter()
                .filter(|(own, rule)| own.as_deref() == place && covers(rule, &[verb], group, resource))
                .flat_map(|(_, rule)| rule["resourceNames"].as_array().into_iter().flatten())
                .map(|name| name.as_str().expect("a text").to_owned())
                .collect()
        };
        let write: &[&str] = &["create", "update", "patch"];
        let change: &[&str] = &["update", "patch"];
        for namespace in NAMESPACES {
            let may =
                |verbs: &[&str], group: &str, resource: &str| may(Some(namespace), verbs, group, resource);
            let makes = may(&["create"], "", "pods")
                || ["deployments", "daemonsets", "statefulsets", "replicasets"]
                    .iter()
                    .any(|kind| may(write, "apps", kind))
                || ["jobs", "cronjobs"].iter().any(|kind| may(write, "batch", kind))
                || may(write, "", "replicationcontrollers");
            if makes {
                add(&format!("pods {namespace}"));
            }
            let enters = may(&["create", "get"], "", "pods/exec")
                || may(&["create", "get"], "", "pods/attach")
                || may(change, "", "pods/ephemeralcontainers")
                || may(change, "", "pods");
            if enters {
                add(&format!("running {namespace}"));
            }
            let reads = may(&["get"], "", "secrets") || may(&["list", "watch"], "", "secrets");
            let accounts = may(&["create"], "", "secrets") && reads
                || may(&["create"], "", "serviceaccounts/token")
                || may(&["impersonate"], "", "serviceaccounts");
            for account in
                self.of("ServiceAccount").filter(|account| account["metadata"]["namespace"] == namespace)
            {
                let name = account["metadata"]["name"].as_str().expect("one");
                let named = names(Some(namespace), "create", "", "serviceaccounts/token").contains(name);
                if accounts || named {
                    add(&format!("S {namespace}/{name}"));
                }
            }
            // Nobody asks whether they are there.
            for name in names(Some(namespace), "impersonate", "", "serviceaccounts") {
                add(&format!("S {namespace}/{name}"));
            }
            let binds = may(write, RBAC, "rolebindings")
                && (may(&["bind"], RBAC, "clusterroles") || may(&["bind"], RBAC, "roles"));
            if binds || may(&["escalate"], RBAC, "roles") && may(change, RBAC, "roles") {
                add(&format!("pods {namespace}"));
            }
            if makes && (may(change, "", "namespaces")) {
                add("node-root");
            }
            if makes && everywhere(&rules, "persistentvolumes", &covers) {
                add("node-root");
            }
        }
        let may = |verbs: &[&str], group: &str, resource: &str| may(None, verbs, group, resource);
        let names = |verb: &str, group: &str, resource: &str| names(None, verb, group, resource);
        if rules.iter().any(|(place, rule)| {
            place.is_none() && rule["resourceNames"].is_null() && covers(rule, &[], "\u{0}", "\u{0}")
        }) {
            add("cluster-admin");
        }
        if may(&["list", "watch"], "", "secrets") {
            add("all-secrets");
        }
        let users: BTreeSet<String> = self
            .of("RoleBinding")
            .chain(self.of("ClusterRoleBinding"))
            .flat_map(|binding| binding["subjects"].as_array().expect("a list"))
            .filter(|subject| identity(subject).starts_with("U "))
            .map(identity)
            .collect();
        if may(&["impersonate"], "", "users") {
            for user in &users {
                add(user);
            }
        }
        for name in names("impersonate", "", "users") {
            add(&format!("U {name}"));
        }
        let somebody = rules.iter().any(|(place, rule)| {
            place.is_none()
                && (covers(rule, &["impersonate"], "", "users")
                    || covers(rule, &["impersonate"], "", "serviceaccounts"))
        });
        if somebody {
            if may(&["impersonate"], "", "groups") {
                add("G system:masters");
            }
            for name in names("impersonate", "", "groups") {
                add(&format!("G {name}"));
            }
        }
        let binds = may(&["bind"], RBAC, "clusterroles")
            || names("bind", RBAC, "clusterroles").contains("cluster-admin");
        if binds && may(write, RBAC, "clusterrolebindings")
            || may(&["escalate"], RBAC, "clusterroles") && may(change, RBAC, "clusterroles")
            || may(&["create"], CERTIFICATES, "certificatesigningrequests")
                && may(change, CERTIFICATES, "certificatesigningrequests/approval")
                && may(&["approve"], CERTIFICATES, "signers")
        {
            add("cluster-admin");
        }
        if may(&["create", "get"], "", "nodes/proxy") {
            add("node-root");
            for namespace in NAMESPACES {
                add(&format!("running {namespace}"));
            }
        }
        if may(write, ADMISSION, "mutatingwebhookconfigurations")
            || may(write, ADMISSION, "mutatingadmissionpolicies")
                && may(write, ADMISSION, "mutatingadmissionpolicybindings")
        {
            for namespace in NAMESPACES {
                add(&format!("pods {namespace}"));
            }
        }
    }
}

/// Whether a rule allows verbs in a group, of a resource.
type Covers<'r> = dyn Fn(&Value, &[&str], &str, &str) -> bool + 'r;

/// Whether a right of the cluster is held there.
fn everywhere(rules: &[(Option<String>, &Value)], resource: &str, covers: &Covers<'_>) -> bool {
    rules.iter().any(|(place, rule)| {
        place.is_none() && rule["resourceNames"].is_null() && covers(rule, &["create"], "", resource)
    })
}

fn walk(cluster: &Cluster) -> Paths {
    let asked = PathsAsked { all: true, ..PathsAsked::default() };
    paths(&Rbac::new(cluster), &asked, &ClusterInfo::default())
}

/// Who reaches what: `S n1/s goal`, with whether that is sure.
fn told(answer: &Paths, sure: bool) -> BTreeSet<String> {
    let fits = answer.paths.iter().filter(|path| path.sure || !sure);
    fits.flat_map(|path| {
        path.subjects.iter().map(|subject| {
            let namespace =
                subject.namespace.as_deref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
            format!("{} {namespace}{} {}", &subject.kind[..1], subject.name, path.goal.name())
        })
    })
    .collect()
}

/// Everybody who is bound or is an account, and the group that may do everything.
fn everybody(objects: &[Value]) -> BTreeSet<String> {
    let mut all = BTreeSet::from(["G system:masters".to_owned()]);
    for object in objects {
        match object["kind"].as_str() {
            Some("ServiceAccount") => {
                let metadata = &object["metadata"];
                all.insert(format!(
                    "S {}/{}",
                    metadata["namespace"].as_str().expect("one"),
                    metadata["name"].as_str().expect("one")
                ));
            }
            Some("RoleBinding" | "ClusterRoleBinding") => {
                all.extend(object["subjects"].as_array().expect("a list").iter().map(identity));
            }
            _ => {}
        }
    }
    all
}

fn plain(objects: &[Value], who: &BTreeSet<String>) -> BTreeSet<String> {
    let plain = Plain { objects };
    let mut all = BTreeSet::new();
    for one in who {
        let have = plain.all(one);
        all.extend(
            Goal::ALL
                .iter()
                .filter(|goal| have.contains(goal.name()))
                .map(|goal| format!("{one} {}", goal.name())),
        );
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn paths_are_those_of_a_plain_evaluator_and_cuts_cut_what_they_say(seed: u64) {
        let objects = objects(&mut Dice(seed));
        let answer = walk(&cluster(&objects));
        let who = everybody(&objects);
        let got = told(&answer, true);
        let expected = plain(&objects, &who);
        prop_assert_eq!(&got, &expected);
        for cut in &answer.cuts {
            let name = cut.binding.rsplit(['/', ' ']).next().expect("a name");
            let left: Vec<Value> =
                objects.iter().filter(|object| object["metadata"]["name"] != name).cloned().collect();
            let of = |all: &BTreeSet<String>| all.iter().filter(|one| one.ends_with(cut.goal.name())).count() as u64;
            let (before, after) = (of(&expected), of(&plain(&left, &who)));
            prop_assert_eq!((cut.of, cut.cuts), (before, before - after), "{:?}", cut);
        }
    }

    #[test]
    fn what_is_taken_away_leaves_no_path_gone_in_silence(seed: u64) {
        let whole = cluster(&objects(&mut Dice(seed)));
        let before = told(&walk(&whole), true);
        for (kind, clear) in TAKEN {
            let mut less = whole.clone();
            less.missing.insert((*kind).to_owned(), "no right to list them".to_owned());
            clear(&mut less);
            let answer = walk(&less);
            prop_assert_ne!(answer.verdict, Outcome::Met, "{}", kind);
            prop_assert!(!answer.missing.is_empty(), "{}", kind);
            // Nobody gets a path that is sure by seeing less.
            let after = told(&answer, true);
            prop_assert!(after.is_subset(&before), "{}: {:?}", kind, after.difference(&before).collect::<Vec<_>>());
            // Who is bound by what was not seen is nobody; everybody else keeps what they had, perhaps.
            if !kind.ends_with("Binding") {
                let perhaps = told(&answer, false);
                let seen: Vec<&String> = before
                    .iter()
                    .filter(|one| *kind != "ServiceAccount" || !one.starts_with('S'))
                    .filter(|one| !perhaps.contains(*one))
                    .collect();
                prop_assert!(seen.is_empty(), "{}: {:?}", kind, seen);
            }
        }
    }
}

type Taken = (&'static str, fn(&mut Cluster));

/// Every list that paths depend on, and how it is taken away.
const TAKEN: &[Taken] = &[
    ("ClusterRole", |cluster| cluster.roles.retain(|role| role.namespace.is_some())),
    ("Role", |cluster| cluster.roles.retain(|role| role.namespace.is_none())),
    ("ClusterRoleBinding", |cluster| cluster.bindings.retain(|binding| binding.namespace.is_some())),
    ("RoleBinding", |cluster| cluster.bindings.retain(|binding| binding.namespace.is_none())),
    ("ServiceAccount", |cluster| cluster.service_accounts.clear()),
    ("Pod", |cluster| cluster.workloads.clear()),
    ("Namespace", |cluster| cluster.namespaces.clear()),
    ("MutatingWebhookConfiguration", |cluster| cluster.webhooks.clear()),
    ("ValidatingWebhookConfiguration", |cluster| cluster.webhooks.clear()),
];
