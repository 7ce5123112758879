//! Single cases, and random clusters against an evaluator that goes by one subject and the JSON of the objects.

use std::collections::BTreeSet;

use plimsoll_model::Outcome;
use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::rights::{May, WhoCan, WhoMay};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cluster::reach::tests::cluster;

fn ask(cluster: &Cluster, verb: &str, what: &str, part: Option<&str>, place: Place) -> WhoCan {
    let asked = Asked::parse(verb, what, part, place).expect(what);
    who_can(&Rbac::new(cluster), &asked, &ClusterInfo::default())
}

fn named(answer: &WhoCan, wanted: May) -> Vec<String> {
    let fits = answer.subjects.iter().filter(|one| one.answer == wanted);
    fits.map(|one| one.subject.shown()).collect()
}

pub(super) fn role(namespace: Option<&str>, name: &str, rules: &Value) -> Value {
    let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "rules": rules})
}

pub(super) fn binding(namespace: Option<&str>, name: &str, role: (&str, &str), subjects: &Value) -> Value {
    let kind = if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1}, "subjects": subjects})
}

fn user(name: &str) -> Value {
    json!([{"kind": "User", "name": name}])
}

#[test]
fn a_role_gathers_what_those_it_gathers_gather_and_circles_end() {
    let gathering = |name: &str, label: &str, takes: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name, "labels": {"to": label}},
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": takes}}]}, "rules": null})
    };
    let mut view = role(None, "view", &json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]));
    view["metadata"]["labels"] = json!({"to": "edit"});
    let cluster = cluster(&[
        gathering("admin", "edit", "admin"),
        gathering("edit", "admin", "edit"),
        view,
        binding(None, "all", ("ClusterRole", "admin"), &user("ann")),
    ]);
    let answer = ask(&cluster, "get", "pods", None, Place::Everywhere);
    assert_eq!(named(&answer, May::Allowed), ["User ann"]);
    let grant = &answer.subjects[0].grants[0];
    assert_eq!((grant.from_role.as_deref(), grant.rule), (Some("ClusterRole view"), Some(1)));
    assert_eq!(answer.verdict, Outcome::Met);
}

#[test]
fn places_decide_which_bindings_count() {
    let rules = json!([
        {"apiGroups": ["", "apps"], "resources": ["secrets", "nodes", "namespaces"], "verbs": ["get", "list"]},
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
    ]);
    let cluster = cluster(&[
        role(None, "read", &rules),
        binding(Some("shop"), "here", ("ClusterRole", "read"), &user("here")),
        binding(None, "all", ("ClusterRole", "read"), &user("all")),
    ]);
    let check = |verb: &str, what: &str, place: Place, expected: &[&str]| {
        let answer = ask(&cluster, verb, what, None, place.clone());
        assert_eq!(named(&answer, May::Allowed), expected, "{verb} {what} {place:?}");
        answer
    };
    let shop = || Place::Namespace("shop".into());
    check("get", "secrets", Place::Anywhere, &["User all", "User here"]);
    check("get", "secrets", shop(), &["User all", "User here"]);
    check("get", "secrets", Place::Namespace("other".into()), &["User all"]);
    check("get", "secrets", Place::Everywhere, &["User all"]);
    let nodes = check("get", "nodes", Place::Anywhere, &["User all"]);
    assert!(nodes.notes.iter().any(|note| note.ends_with("no namespace: 1")), "{:?}", nodes.notes);
    check("get", "/metrics", Place::Anywhere, &["User all"]);
    // A namespace as an object is in itself.
    let namespaces = check("get", "namespaces", Place::Anywhere, &["User all", "User here"]);
    assert_eq!(namespaces.subjects[1].grants[0].names, ["shop"]);
    check("get", "namespaces/other", Place::Anywhere, &["User all"]);
    check("get", "namespaces/shop", Place::Anywhere, &["User all", "User here"]);
    check("list", "namespaces", Place::Anywhere, &["User all"]);
}

#[test]
fn what_is_not_there_is_said_and_what_was_not_seen_is_no_no() {
    let objects = [
        binding(Some("shop"), "gone", ("Role", "gone"), &user("ann")),
        binding(
            Some("shop"),
            "known",
            ("Role", "known"),
            &json!([
                {"kind": "ServiceAccount", "name": "absent"},
                {"kind": "User", "name": "system:serviceaccount:shop:web"},
                {"kind": "Group", "name": "system:serviceaccounts:shop"}
            ]),
        ),
        role(Some("shop"), "known", &json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "shop"}, "automountServiceAccountToken": false}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"template": {"spec": {"serviceAccountName": "web", "containers": [{"name": "c", "image": "i"}]}}}}),
    ];
    let mut cluster = cluster(&objects);
    let answer = ask(&cluster, "get", "pods", None, Place::Anywhere);
    assert_eq!(
        named(&answer, May::Allowed),
        ["Group system:serviceaccounts:shop", "ServiceAccount shop/absent", "ServiceAccount shop/web"]
    );
    let exist: Vec<_> = answer.subjects.iter().map(|one| one.exists).collect();
    assert_eq!(exist, [None, Some(false), Some(true)]);
    assert_eq!(answer.subjects[0].members, Some(1));
    let runs = &answer.subjects[2].workloads[0];
    assert_eq!((runs.workload.as_str(), runs.token), ("shop/Deployment/web", false));
    assert_eq!(answer.dangling[0].binding, "RoleBinding shop/gone");
    assert_eq!(answer.verdict, Outcome::Met);

    cluster.missing.insert("Role".into(), "forbidden".into());
    let answer = ask(&cluster, "get", "pods", None, Place::Anywhere);
    assert_eq!(named(&answer, May::Unknown), ["User ann"]);
    assert_eq!((answer.verdict, answer.dangling.len()), (Outcome::Unknown, 0));
    cluster.missing.remove("Role");
    cluster.missing.insert("RoleBinding".into(), "forbidden".into());
    assert_eq!(ask(&cluster, "get", "pods", None, Place::Anywhere).verdict, Outcome::Unknown);
    // What roles of namespaces say nothing about is known all the same.
    assert_eq!(ask(&cluster, "get", "nodes", None, Place::Anywhere).verdict, Outcome::Met);
    assert_eq!(ask(&cluster, "get", "pods", None, Place::Everywhere).verdict, Outcome::Met);
}

#[test]
fn manifests_do_not_know_the_roles_of_their_cluster_except_one() {
    let mut cluster = cluster(&[
        binding(None, "root", ("ClusterRole", "cluster-admin"), &user("root")),
        binding(None, "edit", ("ClusterRole", "edit"), &user("ann")),
    ]);
    cluster.origin = Origin::Manifests;
    let answer = ask(&cluster, "delete", "nodes", None, Place::Anywhere);
    assert_eq!(named(&answer, May::Allowed), ["User root"]);
    assert_eq!(named(&answer, May::Unknown), ["User ann"]);
    assert_eq!(answer.verdict, Outcome::Unknown);
}

#[test]
fn rules_of_another_form_are_told() {
    let cluster = cluster(&[
        role(Some("shop"), "odd", &json!([{"apiGroups": [""], "resources": "pods", "verbs": ["get"]}])),
        role(Some("shop"), "odder", &json!({"verbs": ["get"]})),
        role(
            Some("shop"),
            "oddest",
            &json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", 7]}]),
        ),
    ]);
    let answer = ask(&cluster, "get", "pods", None, Place::Anywhere);
    let told: Vec<&str> = answer.problems.iter().map(|problem| problem.subject.as_str()).collect();
    assert_eq!(told, ["Role shop/odd", "Role shop/odder", "Role shop/oddest"]);
    assert_eq!(answer.verdict, Outcome::Unknown);
}

#[test]
fn without_a_list_nobody_is_said_to_be_nobody() {
    let mut losses = BTreeSet::new();
    for seed in 0..60 {
        let cluster = cluster(&Dice(seed).objects());
        let whole = ask(&cluster, "get", "secrets", None, Place::Anywhere);
        for (kind, cut) in STRIPPED {
            let mut less = copy(&cluster);
            cut(&mut less);
            less.missing.insert((*kind).to_owned(), "forbidden".to_owned());
            let answer = ask(&less, "get", "secrets", None, Place::Anywhere);
            assert!(answer.missing.iter().any(|one| one.reason == "forbidden"), "{kind}");
            let is_there = |one: &WhoMay| {
                answer.subjects.iter().any(|other| other.subject == one.subject && other.answer == one.answer)
            };
            if !whole.subjects.iter().all(is_there) {
                losses.insert(*kind);
                assert_eq!(answer.verdict, Outcome::Unknown, "{kind} {seed}");
            }
        }
    }
    // Each of these lists matters, and the others do not.
    let expected = ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
    assert_eq!(losses.into_iter().collect::<Vec<_>>(), expected);
}

type Cut = fn(&mut Cluster);

/// What is gone with a list.
const STRIPPED: &[(&str, Cut)] = &[
    ("Role", |cluster| cluster.roles.retain(|role| role.namespace.is_none())),
    ("ClusterRole", |cluster| cluster.roles.retain(|role| role.namespace.is_some())),
    ("RoleBinding", |cluster| cluster.bindings.retain(|binding| binding.namespace.is_none())),
    ("ClusterRoleBinding", |cluster| cluster.bindings.retain(|binding| binding.namespace.is_some())),
    ("ServiceAccount", |cluster| cluster.service_accounts.clear()),
    ("Pod", |cluster| cluster.workloads.clear()),
];

fn copy(cluster: &Cluster) -> Cluster {
    Cluster {
        origin: cluster.origin,
        roles: cluster.roles.clone(),
        bindings: cluster.bindings.clone(),
        service_accounts: cluster.service_accounts.clone(),
        workloads: cluster.workloads.clone(),
        ..Cluster::default()
    }
}

/// A source of choices.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % sides).expect("small")
    }

    pub(super) fn one<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.roll(list.len() as u64)]
    }

    pub(super) fn some<'t>(&mut self, list: &[&'t str]) -> Vec<&'t str> {
        (0..=self.roll(2)).map(|_| self.one(list)).collect()
    }

    fn rules(&mut self) -> Value {
        (0..=self.roll(2))
            .map(|_| {
                if self.roll(6) == 0 {
                    return json!({"nonResourceURLs": self.some(&["/a", "/a/*", "*"]), "verbs": self.some(&["get", "*", "put"])});
                }
                let mut rule = json!({
                    "apiGroups": self.some(&["", "apps", "*"]),
                    "resources": self.some(&["pods", "pods/exec", "*/exec", "secrets", "namespaces", "nodes", "deployments", "*"]),
                    "verbs": self.some(&["get", "list", "create", "*"]),
                });
                if self.roll(3) == 0 {
                    rule["resourceNames"] = self.some(&["a", "b", "n1"]).into();
                }
                rule
            })
            .collect()
    }

    fn objects(&mut self) -> Vec<Value> {
        let mut objects = Vec::new();
        for name in ["r1", "r2"] {
            for namespace in [None, Some("n1"), Some("n2")] {
                if self.roll(4) > 0 {
                    let mut one = role(namespace, name, &self.rules());
                    one["metadata"]["labels"] = json!({"g": self.one(&["a", "b"])});
                    if namespace.is_none() && self.roll(3) == 0 {
                        one["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"g": self.one(&["a", "b", "c"])}}]});
                    }
                    objects.push(one);
                }
            }
        }
        for at in 0..6 {
            let namespace = [None, Some("n1"), Some("n2")][self.roll(3)];
            let kind = if namespace.is_none() || self.roll(2) == 0 { "ClusterRole" } else { "Role" };
            let subjects: Value = (0..=self.roll(2))
                .map(|_| match self.roll(4) {
                    0 => json!({"kind": "User", "name": self.one(&["u", "system:serviceaccount:n1:s"])}),
                    1 => json!({"kind": "Group", "name": self.one(&["system:serviceaccounts", "g"])}),
                    _ => json!({"kind": "ServiceAccount", "namespace": self.one(&["n1", "n2"]), "name": "s"}),
                })
                .collect();
            objects.push(binding(
                namespace,
                &format!("b{at}"),
                (kind, self.one(&["r1", "r2", "r3"])),
                &subjects,
            ));
        }
        objects
    }
}

/// Whether the rules of an object allow something, by the words of the documentation. A name that is not asked for fits any.
fn plain_rules(
    object: &Value,
    verb: &str,
    group: &str,
    resource: &str,
    part: Option<&str>,
    name: Option<&str>,
) -> bool {
    let has = |rule: &Value, key: &str, wanted: &[String]| {
        rule[key].as_array().is_some_and(|all| all.iter().any(|one| wanted.iter().any(|own| one == own)))
    };
    object["rules"].as_array().into_iter().flatten().any(|rule| {
        if let Some(path) = resource.strip_prefix('/') {
            let path = format!("/{path}");
            let urls = rule["nonResourceURLs"].as_array();
            let fits = urls.is_some_and(|urls| {
                urls.iter().any(|url| {
                    let url = url.as_str().expect("a text");
                    url == path || url.ends_with('*') && path.starts_with(&url[..url.len() - 1])
                })
            });
            return fits && has(rule, "verbs", &[verb.into(), "*".into()]);
        }
        let mut resources =
            vec!["*".to_owned(), part.map_or(resource.to_owned(), |part| format!("{resource}/{part}"))];
        resources.extend(part.map(|part| format!("*/{part}")));
        let names_fit = rule["resourceNames"].is_null()
            || match name {
                Some(name) => has(rule, "resourceNames", &[name.into()]),
                None => part.is_some() || verb != "create",
            };
        has(rule, "verbs", &[verb.into(), "*".into()])
            && has(rule, "apiGroups", &[group.into(), "*".into()])
            && has(rule, "resources", &resources)
            && names_fit
    })
}

/// All roles that a role has the rules of.
fn plain_gathered<'o>(objects: &'o [Value], role: &'o Value) -> Vec<&'o Value> {
    let mut all = vec![role];
    let mut at = 0;
    while at < all.len() {
        for selector in all[at]["aggregationRule"]["clusterRoleSelectors"].as_array().into_iter().flatten() {
            for other in objects.iter().filter(|object| object["kind"] == "ClusterRole") {
                if other["metadata"]["labels"]["g"] == selector["matchLabels"]["g"]
                    && !all.iter().any(|own| own["metadata"]["name"] == other["metadata"]["name"])
                {
                    all.push(other);
                }
            }
        }
        at += 1;
    }
    all
}

fn plain(
    objects: &[Value],
    verb: &str,
    group: &str,
    resource: &str,
    part: Option<&str>,
    name: Option<&str>,
    place: Option<&str>,
) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for binding in
        objects.iter().filter(|object| object["kind"].as_str().is_some_and(|kind| kind.ends_with("Binding")))
    {
        let own = binding["metadata"]["namespace"].as_str();
        let counts = match own {
            None => true,
            Some(_) if resource.starts_with('/') || resource == "nodes" => false,
            Some(own) if resource == "namespaces" => {
                !matches!(verb, "list" | "create")
                    && name.is_none_or(|name| name == own)
                    && (name.is_some() || place.is_none_or(|place| place == own))
            }
            Some(own) => place.is_none_or(|place| place == own),
        };
        let kind = binding["roleRef"]["kind"].as_str().expect("a kind");
        let role = objects.iter().find(|object| {
            object["kind"] == kind
                && object["metadata"]["name"] == binding["roleRef"]["name"]
                && (kind == "ClusterRole" || object["metadata"]["namespace"].as_str() == own)
        });
        let Some(role) = role.filter(|_| counts) else { continue };
        if plain_gathered(objects, role)
            .iter()
            .any(|role| plain_rules(role, verb, group, resource, part, name))
        {
            for subject in binding["subjects"].as_array().into_iter().flatten() {
                let name = subject["name"].as_str().expect("a name");
                all.insert(match (subject["kind"].as_str(), name) {
                    (Some("ServiceAccount"), _) => {
                        format!("ServiceAccount {}/s", subject["namespace"].as_str().expect("one"))
                    }
                    (_, "system:serviceaccount:n1:s") => "ServiceAccount n1/s".into(),
                    (kind, name) => format!("{} {name}", kind.expect("a kind")),
                });
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_same_as_a_plain_evaluator(seed: u64) {
        let objects = Dice(seed).objects();
        let cluster = cluster(&objects);
        let rbac = Rbac::new(&cluster);
        for (verb, group, resource, part) in [
            ("get", "", "secrets", None), ("create", "", "pods", None), ("create", "", "pods", Some("exec")),
            ("list", "", "nodes", None), ("get", "", "namespaces", None), ("list", "", "namespaces", None),
            ("create", "apps", "deployments", None), ("get", "", "/a", None), ("put", "", "/a/b", None),
        ] {
            let is_path = resource.starts_with('/');
            for name in [None, Some("a"), Some("n1")] {
                for place in [None, Some("n1"), Some("n2")] {
                    if is_path && (name.is_some() || place.is_some()) {
                        continue;
                    }
                    let what = name.map_or(resource.to_owned(), |name| format!("{resource}/{name}"));
                    let asked = place.map_or(Place::Anywhere, |place| Place::Namespace(place.into()));
                    let asked = Asked::parse(verb, &what, part, asked).expect("a question");
                    let answer = who_can(&rbac, &asked, &ClusterInfo::default());
                    let got: BTreeSet<String> = named(&answer, May::Allowed).into_iter().collect();
                    prop_assert_eq!(&got, &plain(&objects, verb, group, resource, part, name, place), "{} {} {:?} {:?}", verb, what, part, place);
                    prop_assert_eq!(answer.verdict, Outcome::Met);
                }
            }
        }
    }
}

fn walk(cluster: &Cluster) -> plimsoll_model::paths::Paths {
    paths(&Rbac::new(cluster), &PathsAsked::default(), &ClusterInfo::default())
}

/// Goals of a subject, with whether they are sure and the ids of the steps.
fn goals(answer: &plimsoll_model::paths::Paths, subject: &str) -> Vec<(&'static str, bool, String)> {
    let fits = answer.paths.iter().filter(|path| path.subjects.iter().any(|one| one.shown() == subject));
    fits.map(|path| {
        let steps: Vec<&str> = path.steps.iter().map(|step| step.edge.as_str()).collect();
        (path.goal.name(), path.sure, steps.join(" "))
    })
    .collect()
}

#[test]
fn a_chain_goes_over_a_pod_and_its_account_and_names_the_cut() {
    let namespace = |level: Option<&str>| {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels":
            {"pod-security.kubernetes.io/enforce": level}}})
    };
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "strong", "namespace": "shop"}});
    let pods = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}]);
    let strong = json!([{"kind": "ServiceAccount", "name": "strong", "namespace": "shop"}]);
    let objects = |level| {
        [
            namespace(level),
            account.clone(),
            role(Some("shop"), "make", &pods),
            binding(Some("shop"), "make", ("Role", "make"), &user("ann")),
            binding(None, "strong", ("ClusterRole", "cluster-admin"), &strong),
            role(None, "cluster-admin", &json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])),
        ]
    };
    let answer = walk(&cluster(&objects(Some("restricted"))));
    assert_eq!(answer.verdict, Outcome::NotMet);
    let found = goals(&answer, "User ann");
    assert!(found.contains(&("cluster-admin", true, "pods-create everything".into())), "{found:?}");
    // Pod Security holds the pod back; the account does not need it.
    assert!(found.contains(&("node-root", true, "pods-create everything".into())), "{found:?}");
    let cut = answer.cuts.iter().find(|cut| cut.goal == plimsoll_model::paths::Goal::ClusterAdmin);
    let cut = cut.expect("a cut");
    assert_eq!((cut.binding.as_str(), cut.cuts, cut.of), ("ClusterRoleBinding strong", 2, 2));
    // Without the strong account a free namespace gives the node, a restricted one nothing.
    for (level, expected) in
        [(Some("restricted"), Vec::new()), (Some("privileged"), vec!["pods-create node-pod"])]
    {
        let mut left = objects(level).to_vec();
        left.remove(4);
        let found = goals(&walk(&cluster(&left)), "User ann");
        let sure: Vec<&str> = found.iter().filter(|one| one.1).map(|one| one.2.as_str()).collect();
        assert_eq!(sure, expected, "{found:?}");
    }
}

#[test]
fn each_right_leads_where_it_does() {
    let rule = |group: &str, what: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": what, "verbs": verbs});
    let rbac = "rbac.authorization.k8s.io";
    let cases = [
        (vec![rule("", &["secrets"], &["list"])], "all-secrets", "secrets-read"),
        (vec![rule("", &["nodes/proxy"], &["get"])], "node-root", "nodes-proxy"),
        (
            vec![rule(rbac, &["clusterroles"], &["bind"]), rule(rbac, &["clusterrolebindings"], &["create"])],
            "cluster-admin",
            "bind",
        ),
        (vec![rule(rbac, &["clusterroles"], &["escalate", "patch"])], "cluster-admin", "escalate"),
        (vec![rule("", &["users", "groups"], &["impersonate"])], "cluster-admin", "impersonate everything"),
        (vec![rule("", &["serviceaccounts/token"], &["create"])], "cluster-admin", "token-create everything"),
        (
            vec![
                rule("certificates.k8s.io", &["certificatesigningrequests"], &["create"]),
                rule("certificates.k8s.io", &["certificatesigningrequests/approval"], &["update"]),
                rule("certificates.k8s.io", &["signers"], &["approve"]),
            ],
            "cluster-admin",
            "csr-approve",
        ),
        (
            vec![rule("admissionregistration.k8s.io", &["mutatingwebhookconfigurations"], &["create"])],
            "cluster-admin",
            "webhook-mutate everything",
        ),
    ];
    for (rules, goal, steps) in cases {
        let strong = json!([{"kind": "ServiceAccount", "name": "strong", "namespace": "shop"}]);
        let cluster = cluster(&[
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "strong", "namespace": "shop"}}),
            role(None, "cluster-admin", &json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])),
            binding(None, "strong", ("ClusterRole", "cluster-admin"), &strong),
            role(None, "own", &json!(rules)),
            binding(None, "own", ("ClusterRole", "own"), &user("ann")),
        ]);
        let found = goals(&walk(&cluster), "User ann");
        assert!(found.contains(&(goal, true, steps.into())), "{steps}: {found:?}");
    }
    // Half of what is needed is nothing.
    for rules in [
        vec![rule(rbac, &["clusterroles"], &["bind"])],
        vec![rule(rbac, &["clusterrolebindings"], &["create"])],
        vec![rule("", &["groups"], &["impersonate"])],
        vec![rule("", &["pods"], &["get", "list"])],
    ] {
        let cluster = cluster(&[
            role(None, "own", &json!(rules)),
            binding(None, "own", ("ClusterRole", "own"), &user("ann")),
        ]);
        let found = goals(&walk(&cluster), "User ann");
        assert!(found.iter().all(|one| !one.1), "{found:?}");
    }
}

#[test]
fn subjects_of_one_chain_are_told_together_whatever_binds_them() {
    let mut objects =
        vec![role(None, "own", &json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]))];
    for at in 0..2_000 {
        let group = json!([{"kind": "Group", "name": format!("g{at:04}")}]);
        objects.push(binding(None, &format!("b{at:04}"), ("ClusterRole", "own"), &group));
    }
    let answer = walk(&cluster(&objects));
    let all: Vec<_> = answer.paths.iter().filter(|path| path.sure && path.subjects.len() > 1).collect();
    let [path] = all.as_slice() else { panic!("{}", all.len()) };
    assert_eq!((path.subjects.len(), path.bindings.len()), (2_000, 2_000));
    assert_eq!(path.subjects[7].name, "g0007");
    assert_eq!(path.bindings[7], ["ClusterRoleBinding b0007"]);
    assert_eq!(path.steps[0].bindings, ["ClusterRoleBinding b0000"]);
    // With one binding there is nothing to say of each.
    let groups = json!([{"kind": "Group", "name": "g"}, {"kind": "Group", "name": "h"}]);
    let answer = walk(&cluster(&[objects[0].clone(), binding(None, "b", ("ClusterRole", "own"), &groups)]));
    assert!(answer.paths.iter().all(|path| path.bindings.is_empty()));
}

#[test]
fn a_missing_list_makes_paths_unknown_never_gone() {
    let strong = json!([{"kind": "ServiceAccount", "name": "strong", "namespace": "shop"}]);
    let whole = cluster(&[
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "strong", "namespace": "shop"}}),
        role(
            None,
            "own",
            &json!([{"apiGroups": [""], "resources": ["pods/exec", "secrets"], "verbs": ["create", "list"]}]),
        ),
        binding(Some("shop"), "own", ("ClusterRole", "own"), &user("ann")),
        role(None, "cluster-admin", &json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])),
        binding(None, "strong", ("ClusterRole", "cluster-admin"), &strong),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"serviceAccountName": "strong", "containers": [{"name": "a", "image": "a"}]}}),
    ]);
    let before = goals(&walk(&whole), "User ann");
    assert!(before.iter().any(|one| one.0 == "cluster-admin" && one.1), "{before:?}");
    for kind in [
        "ClusterRole",
        "Role",
        "ClusterRoleBinding",
        "RoleBinding",
        "ServiceAccount",
        "Pod",
        "Namespace",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ] {
        let mut cluster = whole.clone();
        cluster.origin = Origin::Cluster;
        cluster.missing.insert(kind.into(), "no right to list them".into());
        match kind {
            "ClusterRole" => cluster.roles.retain(|role| role.namespace.is_some()),
            "ClusterRoleBinding" => cluster.bindings.retain(|binding| binding.namespace.is_some()),
            "RoleBinding" => cluster.bindings.retain(|binding| binding.namespace.is_none()),
            "ServiceAccount" => cluster.service_accounts.clear(),
            "Pod" => cluster.workloads.clear(),
            "Namespace" => cluster.namespaces.clear(),
            _ => {}
        }
        let answer = walk(&cluster);
        assert_ne!(answer.verdict, Outcome::Met, "{kind}");
        assert!(!answer.missing.is_empty(), "{kind}");
        let after = goals(&answer, "User ann");
        // Whoever had a path has it, perhaps - or the bindings that gave it are said to be missing.
        if !kind.ends_with("Binding") {
            for (goal, ..) in &before {
                assert!(after.iter().any(|one| one.0 == *goal), "{kind}: {goal} is gone: {after:?}");
            }
        }
    }
}
