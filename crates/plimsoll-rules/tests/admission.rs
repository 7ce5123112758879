//! ValidatingAdmissionPolicies as Kubernetes writes them: bindings, parameters, conditions, messages, annotations.

use plimsoll_rules::{Action, Answer, Json, Operation, Review, Rules, Verdict, documents};

const POLICY: &str = "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicas}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  matchConditions:
  - {name: not-exempt, expression: '!(\"exempt\" in object.metadata.?labels.orValue({}))'}
  variables:
  - {name: count, expression: object.spec.replicas}
  - {name: most, expression: 'int(params.data.most)'}
  validations:
  - expression: variables.count <= variables.most
    messageExpression: \"'at most ' + string(variables.most) + ', not ' + string(variables.count)\"
    reason: Invalid
  - {expression: 'object.metadata.name != \"bad\"', message: a bad name}
  auditAnnotations:
  - {key: count, valueExpression: string(variables.count)}
  - {key: none, valueExpression: 'null'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: prod}
spec:
  policyName: replicas
  paramRef: {name: limits, namespace: rules, parameterNotFoundAction: Deny}
  matchResources: {namespaceSelector: {matchLabels: {tier: prod}}}
  validationActions: [Warn, Deny]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: rules}
data: {most: '5'}
";

fn load(text: &str, unbound: bool) -> Rules {
    let (rules, errors) = Rules::load(&documents(text).expect("YAML"), unbound);
    assert_eq!(errors, []);
    rules
}

fn judge(rules: &Rules, object: &serde_json::Value, tier: Option<&str>) -> Verdict {
    let object = Json::from(object);
    let space = tier.map(|tier| serde_json::json!({"metadata": {"labels": {"tier": tier}}}));
    let space = space.as_ref().map(Json::from);
    let review = Review { namespace_object: space.as_ref(), ..Review::of_object(&object, Operation::Create) };
    let mut verdicts = rules.judge(&review);
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

fn deployment(name: &str, replicas: i64) -> serde_json::Value {
    serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": replicas}})
}

#[test]
fn a_policy_with_everything() {
    let rules = load(POLICY, false);
    let fits = judge(&rules, &deployment("shop", 3), Some("prod"));
    assert_eq!(fits.answer, Answer::Pass);
    assert_eq!(fits.binding.as_deref(), Some("prod"));
    assert_eq!(fits.actions, [Action::Warn, Action::Deny]);
    assert_eq!(fits.annotations.into_iter().collect::<Vec<_>>(), [("count".to_owned(), "3".to_owned())]);
    let messages = |verdict: Verdict| match verdict.answer {
        Answer::Fail(violations) => violations.into_iter().map(|one| one.message).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(messages(judge(&rules, &deployment("shop", 9), Some("prod"))), ["at most 5, not 9"]);
    assert_eq!(
        messages(judge(&rules, &deployment("bad", 9), Some("prod"))),
        ["at most 5, not 9", "a bad name"]
    );
    assert_eq!(judge(&rules, &deployment("shop", 9), Some("test")).answer, Answer::Skip);
    let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}});
    assert_eq!(judge(&rules, &pod, Some("prod")).answer, Answer::Skip);
    let mut exempt = deployment("shop", 9);
    exempt["metadata"]["labels"] = serde_json::json!({"exempt": ""});
    assert_eq!(judge(&rules, &exempt, Some("prod")).answer, Answer::Skip);
    // The namespace's labels decide, and nobody knows them.
    let blind = judge(&rules, &deployment("shop", 3), None);
    assert!(
        matches!(&blind.answer, Answer::Error(reason) if reason.contains("labels of the namespace `shop`"))
    );
}

#[test]
fn what_cannot_be_evaluated_is_no_pass() {
    let rules = load(POLICY, false);
    let mut broken = deployment("shop", 3);
    broken["spec"] = serde_json::json!({});
    let answer = judge(&rules, &broken, Some("prod")).answer;
    assert!(
        matches!(&answer, Answer::Error(reason) if reason.contains("no such key: replicas")),
        "{answer:?}"
    );
    // What is seen not to fit does not, whatever else fails.
    broken["metadata"]["name"] = serde_json::json!("bad");
    assert!(matches!(judge(&rules, &broken, Some("prod")).answer, Answer::Fail(found) if found.len() == 1));
    let without =
        POLICY.replace("name: limits, namespace: rules}\ndata", "name: other, namespace: rules}\ndata");
    let answer = judge(&load(&without, false), &deployment("shop", 3), Some("prod")).answer;
    assert!(matches!(&answer, Answer::Error(reason) if reason.contains("no ConfigMap")), "{answer:?}");
    let allowed = without.replace("parameterNotFoundAction: Deny", "parameterNotFoundAction: Allow");
    assert_eq!(judge(&load(&allowed, false), &deployment("shop", 9), Some("prod")).answer, Answer::Skip);
}

fn simple(expression: &str) -> String {
    format!(
        "{{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {{name: p}}, spec: {{failurePolicy: Ignore, validations: [{{expression: {expression:?}}}]}}}}"
    )
}

#[test]
fn what_only_a_cluster_knows_is_unknown() {
    let answer = |expression: &str| {
        let verdict = judge(&load(&simple(expression), true), &deployment("shop", 3), None);
        assert!(verdict.ignores_errors && verdict.binding.is_none());
        verdict.answer
    };
    let unknown = answer("authorizer.group('apps').resource('deployments').check('delete').allowed()");
    assert!(matches!(&unknown, Answer::Error(reason) if reason.contains("authorizer")), "{unknown:?}");
    assert!(matches!(answer("namespaceObject.metadata.name == 'shop'"), Answer::Error(_)));
    assert!(matches!(answer("request.userInfo.username == 'ada'"), Answer::Error(_)));
    assert_eq!(
        answer("request.operation == 'CREATE' && request.resource.resource == 'deployments'"),
        Answer::Pass
    );
    assert_eq!(
        answer("oldObject == null && request.namespace == 'shop' && request.kind.group == 'apps'"),
        Answer::Pass
    );
    // It decides without what is not known.
    assert_eq!(
        answer("object.kind == 'Deployment' || authorizer.path('/x').check('get').allowed()"),
        Answer::Pass
    );
    // Without binding a policy is not in force.
    assert!(load(&simple("false"), false).judge(&Review::default()).is_empty());
}

#[test]
fn mistakes_are_found_when_rules_are_loaded() {
    for (text, said) in [
        (simple("object.x +"), "validations[0].expression: line 1, column 11"),
        (simple("request.operatio == 'x'"), "do you mean `operation`?"),
        (simple("variables.x"), "there is no variable `variables`"),
        (simple("1 + 'a'"), "+ does not take int and string"),
        (simple("'a'"), "the value is of type string, not bool"),
        (simple("true").replace("Ignore", "Later"), "neither Fail nor Ignore"),
        (simple("true").replace("validations", "validation"), "unknown field"),
        (simple("true").replace("name: p", "name: ''"), "no name"),
        (POLICY.replace("policyName: replicas", "policyName: none"), "there is no policy `none`"),
        (POLICY.replace("[Warn, Deny]", "[Refuse]"), "no validation action"),
    ] {
        let (_, errors) = Rules::load(&documents(&text).expect("YAML"), true);
        assert!(errors.iter().any(|error| error.to_string().contains(said)), "{said}: {errors:?}");
    }
}

#[test]
fn a_policy_exception_excepts_what_it_says() {
    let kyverno = "apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: small}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: 'object.spec.containers.size() == 1'}]
---
apiVersion: policies.kyverno.io/v1
kind: PolicyException
metadata: {name: old}
spec:
  policyRefs: [{name: small, kind: ValidatingPolicy}]
  matchConditions: [{name: name, expression: \"object.metadata.name == 'old'\"}]
";
    let rules = load(kyverno, false);
    let pods = serde_json::json!({"containers": [{}, {}]});
    let pod = |name: &str| serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pods});
    assert!(matches!(judge(&rules, &pod("new"), None).answer, Answer::Fail(_)));
    assert_eq!(judge(&rules, &pod("old"), None).answer, Answer::Skip);
    // What makes pods is held against the same rule.
    let mut maker = deployment("new", 1);
    maker["spec"]["template"] = serde_json::json!({"spec": pods});
    assert!(matches!(judge(&rules, &maker, None).answer, Answer::Fail(_)));
    let named = kyverno
        .replace("  validations", "  autogen: {podControllers: {controllers: [cronjobs]}}\n  validations");
    assert_eq!(judge(&load(&named, false), &maker, None).answer, Answer::Skip);
}
