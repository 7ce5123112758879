//! What talks to what, and what is open.

use std::collections::BTreeMap;

use plimsoll_model::workload::Pod;
use plimsoll_model::{Outcome, shortened};
use serde_json_borrow::Value;

use super::super::data::{Base, InputKind};
use super::super::decision::{Decision, Finding};
use super::super::evidence::{Answer, Cloud, missing};
use super::rights;
use super::support::{About, is_owned, is_system_namespace, judged};
use super::{Scene, shown, text};
use crate::kubernetes::{at, list, selects, texts};

/// DaemonSets that enforce network policies.
const AGENTS: [&str; 9] = [
    "anetd",
    "antrea-agent",
    "azure-cns",
    "azure-npm",
    "calico-node",
    "canal",
    "cilium",
    "kube-router",
    "weave-net",
];
/// Tiers of policies above and below NetworkPolicies: where there are any, a NetworkPolicy alone does not say what is open.
const TIERS: [&str; 3] = ["AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"];

fn agent(scene: &Scene<'_, '_>) -> Finding {
    let found = scene.kind("apps", "DaemonSet").map(|sets| {
        sets.iter().find_map(|set| {
            let name = text(set, &["metadata", "name"])?;
            let controller =
                list(at(set, &["spec", "template", "spec", "containers"])).iter().any(|container| {
                    texts(at(container, &["args"])).any(|argument| argument == "--enable-network-policy=true")
                });
            (name != "azure-cns" && AGENTS.contains(&name) || controller).then(|| shown(set))
        })
    });
    match found {
        Err(missing) => Finding::unknown(missing),
        Ok(Some(set)) => Finding::met(format!("DaemonSet {set} enforces policies")),
        Ok(None) => Finding::not_met("no DaemonSet of a known policy engine runs"),
    }
}

pub(super) fn engine(scene: &Scene<'_, '_>) -> Decision {
    let agent = agent(scene);
    match scene.base() {
        Base::GkeStandard | Base::GkeAutopilot => {
            let told = gke_engine(scene);
            Decision::effect(Finding::any([told, agent]))
        }
        Base::EksManaged | Base::EksAuto => {
            if scene.base() == Base::EksAuto {
                let classes = scene.kind("eks.amazonaws.com", "NodeClass").map(|classes| {
                    !classes.is_empty()
                        && classes.iter().all(|class| {
                            text(class, &["spec", "networkPolicy"])
                                .is_some_and(|policy| policy.starts_with("Default"))
                        })
                });
                let effect = Finding::from(
                    classes,
                    "NodeClasses set networkPolicy",
                    "a NodeClass does not set networkPolicy",
                );
                return Decision::both(auto_mode_switch(scene), effect);
            }
            Decision::effect(Finding::any([eks_engine(scene), agent]))
        }
        Base::EksFargate => {
            // Policies do not act on Fargate: security groups for pods do.
            let groups = scene
                .kind("vpcresources.k8s.aws", "SecurityGroupPolicy")
                .map(|policies| !policies.is_empty());
            Decision::effect(Finding::from(
                groups,
                "SecurityGroupPolicies choose security groups for pods",
                "network policies do not act on Fargate, and no SecurityGroupPolicy exists",
            ))
        }
        Base::AksStandard | Base::AksAutomatic => {
            let told = aks_engine(scene);
            match scene.base() {
                Base::AksAutomatic => Decision::both(told.clone(), Finding::any([agent, told])),
                _ => Decision::effect(Finding::any([told, agent])),
            }
        }
        Base::Kubeadm => Decision::effect(agent),
    }
}

/// What the cluster of GKE says of policies.
pub(super) fn gke_engine(scene: &Scene<'_, '_>) -> Finding {
    let path = scene.cloud().and_then(|cluster| {
        cluster.text("networkConfig.datapathProvider").map(|path| path == "ADVANCED_DATAPATH")
    });
    let calico = scene.cloud().and_then(|cluster| cluster.bool("networkPolicy.enabled"));
    Finding::any([
        Finding::from(path, "Dataplane V2", "datapathProvider is not ADVANCED_DATAPATH"),
        Finding::from(calico, "network policy is on", "network policy is off"),
    ])
}

/// What the add-on vpc-cni says of policies.
pub(super) fn eks_engine(scene: &Scene<'_, '_>) -> Finding {
    let values =
        scene.evidence.exports.add_on("vpc-cni").and_then(|add_on| add_on.text("configurationValues"));
    match values {
        Err(missing) => Finding::unknown(missing),
        Ok(values) => match serde_json::from_str::<serde_json::Value>(values) {
            Err(_) => Finding::unknown(missing(InputKind::Eks, "configurationValues of vpc-cni as JSON")),
            Ok(values) => match values.get("enableNetworkPolicy") {
                None => Finding::unknown(missing(
                    InputKind::Eks,
                    "enableNetworkPolicy in configurationValues of vpc-cni",
                )),
                Some(on) if on == "true" || on == true => Finding::met("vpc-cni enforces policies"),
                Some(_) => Finding::not_met("enableNetworkPolicy of vpc-cni is off"),
            },
        },
    }
}

/// What the cluster of AKS says of policies.
pub(super) fn aks_engine(scene: &Scene<'_, '_>) -> Finding {
    match scene.cloud().and_then(|cluster| cluster.text("networkProfile.networkPolicy")) {
        Err(missing) => Finding::unknown(missing),
        Ok("none") => Finding::not_met("networkProfile.networkPolicy is none"),
        Ok(engine @ ("azure" | "calico" | "cilium")) => {
            Finding::met(format!("networkProfile.networkPolicy is {engine}"))
        }
        Ok(other) => Finding::unknown(missing(
            InputKind::Aks,
            format!("a known value of networkProfile.networkPolicy, not `{}`", shortened(other)),
        )),
    }
}

/// Whether GKE encrypts what goes between nodes.
pub(super) fn gke_transit(scene: &Scene<'_, '_>) -> Finding {
    let mode = scene.cloud().and_then(|cluster| cluster.text("networkConfig.inTransitEncryptionConfig"));
    Finding::from(
        mode.map(|mode| mode == "IN_TRANSIT_ENCRYPTION_INTER_NODE_TRANSPARENT"),
        "traffic between nodes is encrypted",
        "traffic between nodes is not encrypted by the network",
    )
}

/// Whether the controller of Auto Mode for policies is on.
pub(super) fn auto_mode_switch(scene: &Scene<'_, '_>) -> Finding {
    let on = scene.kind("", "ConfigMap").and_then(|maps| {
        let map = maps.iter().find(|map| {
            text(map, &["metadata", "name"]) == Some("amazon-vpc-cni")
                && text(map, &["metadata", "namespace"]) == Some("kube-system")
        });
        let map =
            map.ok_or_else(|| missing(InputKind::Kubernetes, "the ConfigMap kube-system/amazon-vpc-cni"))?;
        let value = text(map, &["data", "enable-network-policy-controller"]);
        value.map(|value| value == "true").ok_or_else(|| {
            missing(InputKind::Kubernetes, "enable-network-policy-controller in the ConfigMap amazon-vpc-cni")
        })
    });
    Finding::from(on, "the network policy controller is on", "the network policy controller is off")
}

/// Directions of traffic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

impl Direction {
    fn key(self) -> &'static str {
        match self {
            Direction::In => "Ingress",
            Direction::Out => "Egress",
        }
    }

    /// Whether a policy speaks of this direction.
    fn is_of(self, policy: &Value<'_>) -> bool {
        let types: Vec<&str> = texts(at(policy, &["spec", "policyTypes"])).collect();
        match (self, types.is_empty()) {
            (_, false) => types.contains(&self.key()),
            (Direction::In, true) => true,
            (Direction::Out, true) => at(policy, &["spec", "egress"]).is_some(),
        }
    }
}

/// Pods of applications with the policies of their namespace that select them.
struct Isolation<'a, 'v> {
    pods: Vec<(&'a Pod<'v>, String)>,
    policies: BTreeMap<&'v str, Vec<&'v Value<'v>>>,
}

fn isolation<'a, 'v>(scene: &'a Scene<'_, 'v>) -> Answer<Isolation<'a, 'v>> {
    let kubernetes = scene.workloads()?;
    let mut policies: BTreeMap<&str, Vec<&Value<'_>>> = BTreeMap::new();
    // That there is none at all is an answer where the list was read.
    for policy in kubernetes.of("networking.k8s.io", "NetworkPolicy")? {
        policies
            .entry(text(policy, &["metadata", "namespace"]).unwrap_or_default())
            .or_default()
            .push(policy);
    }
    for tier in TIERS {
        if !kubernetes.optional("policy.networking.k8s.io", tier)?.is_empty() {
            return Err(missing(
                InputKind::Kubernetes,
                format!("what {tier} objects allow: `plimsoll cluster` works it out"),
            ));
        }
    }
    let mut pods = Vec::new();
    for object in kubernetes.objects().iter() {
        if is_system_namespace(object.name.namespace) || is_owned(object.value()) {
            continue;
        }
        pods.extend(object.pods.iter().map(|pod| (pod, object.shown())));
    }
    if pods.is_empty() {
        return Err(missing(InputKind::Kubernetes, "a pod of an application"));
    }
    Ok(Isolation { pods, policies })
}

impl<'v> Isolation<'_, 'v> {
    /// Policies that act on a pod: none on one that is on the host's network.
    fn of(&self, pod: &Pod<'v>, direction: Direction) -> Vec<&'v Value<'v>> {
        if pod.spec.is_some_and(|spec| at(spec, &["hostNetwork"]).and_then(Value::as_bool) == Some(true)) {
            return Vec::new();
        }
        let labels =
            |key: &str| pod.labels.and_then(|labels| labels.get(key)).and_then(|value| value.as_str());
        let namespace = pod.object.namespace;
        self.policies
            .get(namespace)
            .into_iter()
            .flatten()
            .filter(|policy| direction.is_of(policy))
            .filter(|policy| selects(at(policy, &["spec", "podSelector"]), &labels) == Some(true))
            .copied()
            .collect()
    }
}

pub(super) fn isolated(scene: &Scene<'_, '_>) -> Decision {
    if scene.base() == Base::EksFargate {
        return Decision::effect(Finding::unknown(missing(
            InputKind::Attest,
            "rules of the security groups for pods: network policies do not act on Fargate",
        )));
    }
    let open = isolation(scene).map(|isolation| {
        let mut open: Vec<String> = isolation
            .pods
            .iter()
            .filter_map(|(pod, shown)| {
                let free: Vec<&str> = [Direction::In, Direction::Out]
                    .into_iter()
                    .filter(|direction| isolation.of(pod, *direction).is_empty())
                    .map(|direction| if direction == Direction::In { "into" } else { "out of" })
                    .collect();
                (!free.is_empty()).then(|| format!("no policy limits traffic {} {shown}", free.join(" and ")))
            })
            .collect();
        open.dedup();
        open
    });
    Decision::effect(Finding::none_of(
        open,
        "policies select every pod of an application, in both directions",
    ))
}

/// Whether an egress rule lets packets go to the whole internet.
fn lets_out(policy: &Value<'_>) -> bool {
    list(at(policy, &["spec", "egress"])).iter().any(|rule| {
        let to = list(at(rule, &["to"]));
        to.is_empty()
            || to.iter().any(|peer| {
                text(peer, &["ipBlock", "cidr"]).is_some_and(|range| range.ends_with("/0") || is_wide(range))
            })
    })
}

/// Half of the internet or more.
fn is_wide(range: &str) -> bool {
    range.rsplit_once('/').and_then(|(_, bits)| bits.parse::<u8>().ok()).is_some_and(|bits| bits < 4)
}

pub(super) fn egress(scene: &Scene<'_, '_>) -> Decision {
    if scene.base() == Base::EksFargate {
        return Decision::effect(Finding::unknown(missing(
            InputKind::Attest,
            "egress rules of the security groups for pods",
        )));
    }
    let open = isolation(scene).map(|isolation| {
        let mut open: Vec<String> = isolation
            .pods
            .iter()
            .filter(|(pod, _)| {
                let policies = isolation.of(pod, Direction::Out);
                policies.is_empty() || policies.iter().any(|policy| lets_out(policy))
            })
            .map(|(_, shown)| format!("{shown} may reach the whole internet"))
            .collect();
        open.dedup();
        open
    });
    Decision::effect(Finding::none_of(open, "no pod of an application may reach the whole internet"))
}

/// Whether pods are kept from the address of the metadata service.
pub(super) fn metadata_reach(scene: &Scene<'_, '_>) -> Finding {
    let reach = isolation(scene).map(|isolation| {
        let mut open: Vec<String> = isolation
            .pods
            .iter()
            .filter(|(pod, _)| {
                let policies = isolation.of(pod, Direction::Out);
                policies.is_empty() || policies.iter().any(|policy| reaches_metadata(policy))
            })
            .map(|(_, shown)| format!("{shown} may reach 169.254.169.254"))
            .collect();
        open.dedup();
        open
    });
    Finding::all([
        Finding::none_of(reach, "egress policies keep pods from 169.254.169.254"),
        super::nodes::host_network(scene),
    ])
}

fn reaches_metadata(policy: &Value<'_>) -> bool {
    list(at(policy, &["spec", "egress"])).iter().any(|rule| {
        let to = list(at(rule, &["to"]));
        to.is_empty()
            || to.iter().any(|peer| {
                let Some(range) = text(peer, &["ipBlock", "cidr"]) else { return false };
                let kept =
                    texts(at(peer, &["ipBlock", "except"])).any(|range| holds_metadata(range) != Some(false));
                holds_metadata(range) != Some(false) && !kept
            })
    })
}

/// Whether a range holds 169.254.169.254. `None` where it cannot be read.
fn holds_metadata(range: &str) -> Option<bool> {
    let (address, bits) = range.split_once('/')?;
    let Ok(address) = address.parse::<std::net::Ipv4Addr>() else {
        return address.parse::<std::net::Ipv6Addr>().ok().map(|_| false);
    };
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
    let mask = if bits == 0 { 0 } else { u32::MAX << (32 - bits) };
    let metadata = u32::from(std::net::Ipv4Addr::new(169, 254, 169, 254));
    Some(u32::from(address) & mask == metadata & mask)
}

pub(super) fn exposure(scene: &Scene<'_, '_>) -> Decision {
    let exposed = judged(
        scene,
        &[("", "Service")],
        &["service-exposed", "service-external-addresses"],
        About::Applications,
    );
    Decision::effect(match exposed {
        Err(missing) => Finding::unknown(missing),
        Ok(exposed) if exposed.is_empty() => Finding::met("no Service is open to everybody"),
        // Only a person can say whether it is meant.
        Ok(exposed) => {
            let mut finding = Finding::unknown(missing(
                InputKind::Attest,
                format!("that what is open is meant to be: {} Services", exposed.len()),
            ));
            finding.seen = exposed.into_iter().take(12).collect();
            finding
        }
    })
}

pub(super) fn transit(scene: &Scene<'_, '_>) -> Decision {
    let told = match scene.base().family() {
        Some(Cloud::Gke) => gke_transit(scene),
        Some(Cloud::Aks) => {
            let path = "networkProfile.advancedNetworking.security.transitEncryption.type";
            let mode = scene.cloud().and_then(|cluster| cluster.text(path));
            Finding::from(
                mode.map(|mode| mode.eq_ignore_ascii_case("WireGuard")),
                "WireGuard is on between nodes",
                "WireGuard is off between nodes",
            )
        }
        _ => Finding::unknown(missing(InputKind::Attest, "where traffic must be encrypted, and that it is")),
    };
    let mesh = scene.kind("security.istio.io", "PeerAuthentication").map(|all| {
        all.iter().any(|one| {
            text(one, &["metadata", "namespace"]) == Some("istio-system")
                && text(one, &["spec", "mtls", "mode"]) == Some("STRICT")
        })
    });
    let mesh =
        Finding::from(mesh, "the mesh asks for mutual TLS everywhere", "the mesh lets plain traffic through");
    let joined = Finding::any([told, mesh]);
    Decision::effect(match joined.answer {
        // Where it must be is for a person to say.
        Outcome::NotMet => {
            let mut open =
                Finding::unknown(missing(InputKind::Attest, "whether any traffic has to be encrypted"));
            open.seen = joined.seen;
            open
        }
        _ => joined,
    })
}

pub(super) fn tls(scene: &Scene<'_, '_>) -> Decision {
    // A snapshot leaves out which secrets an Ingress uses, and with it whether it has any.
    if let Err(missing) = scene.evidence.objects().and_then(super::super::evidence::Kubernetes::has_values) {
        return Decision::effect(Finding::unknown(missing));
    }
    let plain = judged(scene, &[("networking.k8s.io", "Ingress")], &["ingress-without-tls"], About::All);
    let gateways = scene.evidence.objects().and_then(|kubernetes| {
        let gateways = kubernetes.optional("gateway.networking.k8s.io", "Gateway")?;
        let plain = |gateway: &Value<'_>| {
            list(at(gateway, &["spec", "listeners"]))
                .iter()
                .any(|listener| text(listener, &["protocol"]) == Some("HTTP"))
        };
        let told = gateways.iter().filter(|gateway| plain(gateway));
        Ok(told
            .map(|gateway| format!("a listener of Gateway {} speaks plain HTTP", shown(gateway)))
            .collect())
    });
    let (plain, gateways): (Finding, Finding) = (
        Finding::none_of(plain, "every Ingress uses TLS"),
        Finding::none_of(gateways, "every listener of a Gateway uses TLS"),
    );
    Decision::effect(Finding::all([plain, gateways]))
}

pub(super) fn dns(scene: &Scene<'_, '_>) -> Decision {
    let change: &'static [&'static str] = &["update", "patch", "create", "delete"];
    let who = rights::in_system_namespaces(scene, &[(change, "", "configmaps")]);
    let who =
        who.map(|who| who.into_iter().map(|who| format!("{who} may change the DNS configuration")).collect());
    let rights = Finding::none_of(who, "only the system may change ConfigMaps in kube-system");
    Decision::effect(rights)
}
