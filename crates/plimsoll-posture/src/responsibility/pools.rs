//! Which nodes are looked after by whom: the columns of the matrix.
//!
//! One cluster can hold three columns of EKS. Labels of nodes decide, and exports where there are no nodes; where they leave
//! it open, the platform that hands over least is taken, and that is told.

use std::collections::BTreeMap;

use plimsoll_model::responsibility::Column;
use plimsoll_model::shortened;
use serde_json_borrow::Value;

use super::data::{Base, InputKind, Matrix};
use super::evidence::{Cloud, Evidence, Part};
use crate::kubernetes::{at, get};

/// Most pools that are columns of their own; the rest of a platform is one column.
const MAX_POOLS: usize = 24;

/// Nodes that are looked after in the same way.
#[derive(Clone, Debug)]
pub struct Pool<'v> {
    /// Name of the pool.
    pub name: String,
    /// Key of the platform in the matrix.
    pub platform: String,
    /// The platform of ours that it is, or is like.
    pub base: Base,
    /// Why.
    pub because: String,
    /// Its nodes, where nodes were seen.
    pub nodes: Vec<&'v Value<'v>>,
    /// Whether nodes were seen at all.
    pub nodes_seen: bool,
    /// What the cloud says of it.
    pub export: Option<&'v Value<'v>>,
}

impl<'v> Pool<'v> {
    /// What the cloud says of it.
    pub(super) fn export(&self) -> Option<Part<'v>> {
        let (input, prefix) = match self.base.family()? {
            Cloud::Gke => (InputKind::Gke, "nodePools[]."),
            Cloud::Eks => (InputKind::Eks, "nodegroup."),
            Cloud::Aks => (InputKind::Aks, "agentPoolProfiles[]."),
        };
        Some(Part { input, prefix, value: self.export? })
    }

    /// For the matrix.
    pub fn column(&self, matrix: &Matrix) -> Column {
        let platform = matrix.platform(&self.platform);
        Column {
            name: self.name.clone(),
            platform: self.platform.clone(),
            platform_name: platform.map(|platform| platform.name.clone()).unwrap_or_default(),
            provider: platform.map(|platform| platform.provider.clone()).unwrap_or_default(),
            because: self.because.clone(),
            nodes: self.nodes_seen.then_some(self.nodes.len() as u64),
        }
    }
}

fn label<'v>(node: &'v Value<'v>, key: &str) -> Option<&'v str> {
    at(node, &["metadata", "labels", key])?.as_str()
}

pub(super) fn name<'v>(object: &'v Value<'v>) -> &'v str {
    at(object, &["metadata", "name"]).and_then(|value| value.as_str()).unwrap_or_default()
}

/// What a node says of itself: its pool, its platform, why.
fn of_node<'v>(node: &'v Value<'v>, evidence: &Evidence<'v>) -> (String, Base, String) {
    if let Some(pool) = label(node, "cloud.google.com/gke-nodepool") {
        let autopilot = evidence.exports.of(Cloud::Gke).and_then(|cluster| cluster.bool("autopilot.enabled"));
        if autopilot == Ok(true) {
            return ("autopilot".into(), Base::GkeAutopilot, "the export says autopilot.enabled".into());
        }
        if autopilot.is_err() && name(node).starts_with("gk3-") {
            return (
                "autopilot".into(),
                Base::GkeAutopilot,
                "nodes are named gk3-, as Autopilot names them".into(),
            );
        }
        return (pool.into(), Base::GkeStandard, "label cloud.google.com/gke-nodepool".into());
    }
    match label(node, "eks.amazonaws.com/compute-type") {
        Some("fargate") => {
            return (
                "fargate".into(),
                Base::EksFargate,
                "label eks.amazonaws.com/compute-type=fargate".into(),
            );
        }
        Some("auto") => {
            let pool = label(node, "karpenter.sh/nodepool").unwrap_or("auto");
            return (pool.into(), Base::EksAuto, "label eks.amazonaws.com/compute-type=auto".into());
        }
        _ => {}
    }
    if let Some(pool) = label(node, "eks.amazonaws.com/nodegroup") {
        return (pool.into(), Base::EksManaged, "label eks.amazonaws.com/nodegroup".into());
    }
    let provider = at(node, &["spec", "providerID"]).and_then(|value| value.as_str()).unwrap_or_default();
    if evidence.exports.of(Cloud::Eks).is_ok() && provider.starts_with("aws:") {
        let pool = label(node, "karpenter.sh/nodepool").unwrap_or("own nodes");
        let because = "EC2 nodes that AWS does not manage: no platform hands over less on EKS";
        return (pool.into(), Base::EksManaged, because.into());
    }
    if label(node, "kubernetes.azure.com/cluster").is_some()
        || label(node, "kubernetes.azure.com/agentpool").is_some()
    {
        let pool = label(node, "kubernetes.azure.com/agentpool").or_else(|| label(node, "agentpool"));
        let (base, because) = aks_base(evidence);
        return (pool.unwrap_or("nodes").into(), base, because);
    }
    ("nodes".into(), Base::Kubeadm, "nodes without a label of GKE, EKS or AKS".into())
}

fn aks_base(evidence: &Evidence<'_>) -> (Base, String) {
    let sku = evidence.exports.of(Cloud::Aks).and_then(|cluster| cluster.text("sku.name"));
    match sku {
        Ok("Automatic") => (Base::AksAutomatic, "the export says sku.name Automatic".into()),
        Ok("Base") => (Base::AksStandard, "the export says sku.name Base".into()),
        Ok(other) => (
            Base::AksStandard,
            format!("sku.name is `{}`, which is not known: Standard hands over less", shortened(other)),
        ),
        Err(_) => (Base::AksStandard, "sku.name was not seen: Standard hands over less".into()),
    }
}

/// The pools of what was given, in the order of platforms and names. `named` is the platform that the user says it is.
pub fn pools<'v>(evidence: &Evidence<'v>, matrix: &Matrix, named: Option<&str>) -> Vec<Pool<'v>> {
    let mut found: BTreeMap<(Base, String), Pool<'v>> = BTreeMap::new();
    let nodes = evidence.kind("", "Node");
    let nodes_seen = nodes.is_ok();
    let nodes = nodes.unwrap_or_default();
    for node in nodes {
        let (name, base, because) = of_node(node, evidence);
        pool(&mut found, &name, base, because).nodes.push(node);
    }
    from_exports(&mut found, evidence);
    if found.is_empty()
        && let Some(kubernetes) = &evidence.kubernetes
    {
        let kubeadm = kubernetes.some("", "ConfigMap").iter().any(|map| name(map) == "kubeadm-config");
        if kubeadm {
            pool(&mut found, "nodes", Base::Kubeadm, "ConfigMap kubeadm-config".into());
        }
    }
    let mut pools: Vec<Pool<'v>> = found.into_values().collect();
    for pool in &mut pools {
        pool.nodes_seen = nodes_seen;
    }
    let Some(named) = named else { return pools };
    let Some(base) = matrix.base(named) else { return Vec::new() };
    // The user knows better: pools of the same family keep their names and nodes.
    pools.retain(|pool| pool.base.family() == base.family());
    for pool in &mut pools {
        named.clone_into(&mut pool.platform);
        pool.base = base;
        "--platform".clone_into(&mut pool.because);
    }
    if pools.is_empty() {
        pools.push(Pool {
            name: named.to_owned(),
            platform: named.to_owned(),
            base,
            because: "--platform".into(),
            nodes: Vec::new(),
            nodes_seen: false,
            export: None,
        });
    }
    pools
}

fn pool<'p, 'v>(
    found: &'p mut BTreeMap<(Base, String), Pool<'v>>,
    name: &str,
    base: Base,
    because: String,
) -> &'p mut Pool<'v> {
    let name = shortened(name);
    let full = found.len() >= MAX_POOLS && !found.contains_key(&(base, name.clone()));
    let name = if full { "other pools".to_owned() } else { name };
    found.entry((base, name.clone())).or_insert_with(|| Pool {
        name,
        platform: base.key().to_owned(),
        base,
        because,
        nodes: Vec::new(),
        nodes_seen: false,
        export: None,
    })
}

/// Pools that only exports speak of, and what exports say of the others.
fn from_exports<'v>(found: &mut BTreeMap<(Base, String), Pool<'v>>, evidence: &Evidence<'v>) {
    let text = |value: &'v Value<'v>, key: &str| {
        get(value, key).and_then(|value| value.as_str()).unwrap_or_default()
    };
    if let Ok(cluster) = evidence.exports.of(Cloud::Gke) {
        if cluster.bool("autopilot.enabled") == Ok(true) {
            pool(found, "autopilot", Base::GkeAutopilot, "the export says autopilot.enabled".into());
        } else {
            for one in cluster.list("nodePools").unwrap_or_default() {
                let because = "nodePools of the export".into();
                pool(found, text(one, "name"), Base::GkeStandard, because).export = Some(one);
            }
            if !found.keys().any(|(base, _)| base.family() == Some(Cloud::Gke)) {
                let because = "the export holds no node pool: Standard hands over less";
                pool(found, "GKE", Base::GkeStandard, because.into());
            }
        }
    }
    for group in evidence.exports.node_groups() {
        let because = "describe-nodegroup".into();
        pool(found, text(group, "nodegroupName"), Base::EksManaged, because).export = Some(group);
    }
    if !evidence.exports.fargate_profiles().is_empty() {
        pool(found, "fargate", Base::EksFargate, "describe-fargate-profile".into());
    }
    if let Ok(cluster) = evidence.exports.of(Cloud::Eks) {
        let auto = cluster.bool("computeConfig.enabled") == Ok(true);
        if auto && !found.keys().any(|(base, _)| *base == Base::EksAuto) {
            for one in cluster.texts("computeConfig.nodePools").unwrap_or_default() {
                let because = "the export says computeConfig.enabled".into();
                pool(found, one, Base::EksAuto, because);
            }
        }
        if auto && !found.keys().any(|(base, _)| *base == Base::EksAuto) {
            pool(found, "auto", Base::EksAuto, "the export says computeConfig.enabled".into());
        }
        if !found.keys().any(|(base, _)| base.family() == Some(Cloud::Eks)) {
            let because = "neither nodes nor node groups were seen: managed nodes hand over least";
            pool(found, "EKS", Base::EksManaged, because.into());
        }
    }
    let aks = evidence.exports.of(Cloud::Aks);
    let listed =
        aks.as_ref().ok().and_then(|cluster| cluster.list("agentPoolProfiles").ok()).unwrap_or_default();
    if aks.is_ok() || !evidence.exports.agent_pools().is_empty() {
        let (base, because) = aks_base(evidence);
        for one in listed.iter().chain(evidence.exports.agent_pools().iter().copied()) {
            pool(found, text(one, "name"), base, because.clone()).export = Some(one);
        }
        if !found.keys().any(|(base, _)| base.family() == Some(Cloud::Aks)) {
            pool(found, "AKS", base, because);
        }
    }
}
