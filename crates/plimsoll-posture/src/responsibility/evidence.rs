//! What verdicts are made from: exports of clouds, objects of a cluster, reports of scans.
//!
//! Every question is answered by a value or by what is missing. A field that is not there is missing, never a default:
//! exports leave out what is off in one version and what is on in the next.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use jiff::Timestamp;
use plimsoll_model::node::NodeFacts;
use plimsoll_model::responsibility::MissingInput;
use serde_json_borrow::Value;

use super::data::InputKind;
use super::rules::ImageInUse;
use crate::kubernetes::Objects;
use crate::rule::Judged;

/// A value, or what is missing to say it.
pub type Answer<T> = Result<T, MissingInput>;

/// A provider of managed clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cloud {
    /// Google.
    Gke,
    /// AWS.
    Eks,
    /// Microsoft.
    Aks,
}

impl Cloud {
    /// The input that speaks of it.
    pub fn input(self) -> InputKind {
        match self {
            Cloud::Gke => InputKind::Gke,
            Cloud::Eks => InputKind::Eks,
            Cloud::Aks => InputKind::Aks,
        }
    }

    /// How the export of the cluster is made.
    pub fn command(self) -> &'static str {
        match self {
            Cloud::Gke => "gcloud container clusters describe CLUSTER --location LOCATION --format=json",
            Cloud::Eks => "aws eks describe-cluster --name CLUSTER",
            Cloud::Aks => "az aks show --resource-group GROUP --name CLUSTER --output json",
        }
    }
}

/// Something is missing.
pub(super) fn missing(input: InputKind, detail: impl Into<String>) -> MissingInput {
    MissingInput { input: input.word().to_owned(), detail: detail.into() }
}

/// A document with the input that it is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'v> {
    pub(super) input: InputKind,
    /// For messages: `nodePools[default-pool].`
    pub(super) prefix: &'v str,
    pub(super) value: &'v Value<'v>,
}

impl<'v> Part<'v> {
    /// A field by a path with dots; null is none.
    pub(super) fn get(self, path: &str) -> Answer<&'v Value<'v>> {
        path.split('.')
            .try_fold(self.value, |value, key| value.as_object()?.get(key).filter(|value| !value.is_null()))
            .ok_or_else(|| missing(self.input, format!("{}{path}", self.prefix)))
    }

    pub(super) fn bool(self, path: &str) -> Answer<bool> {
        self.get(path)?.as_bool().ok_or_else(|| {
            missing(self.input, format!("{}{path} (it is neither true nor false)", self.prefix))
        })
    }

    pub(super) fn text(self, path: &str) -> Answer<&'v str> {
        self.get(path)?
            .as_str()
            .ok_or_else(|| missing(self.input, format!("{}{path} (it is no text)", self.prefix)))
    }

    pub(super) fn list(self, path: &str) -> Answer<&'v [Value<'v>]> {
        self.get(path)?
            .as_array()
            .ok_or_else(|| missing(self.input, format!("{}{path} (it is no list)", self.prefix)))
    }

    pub(super) fn texts(self, path: &str) -> Answer<Vec<&'v str>> {
        Ok(self.list(path)?.iter().filter_map(|value| value.as_str()).collect())
    }
}

/// What was exported of a cluster and what belongs to it.
#[derive(Clone, Debug, Default)]
pub struct Exports<'v> {
    /// The cluster, by cloud.
    clusters: BTreeMap<Cloud, &'v Value<'v>>,
    /// Node groups of EKS.
    node_groups: Vec<&'v Value<'v>>,
    /// Add-ons of EKS.
    add_ons: Vec<&'v Value<'v>>,
    /// Fargate profiles of EKS.
    fargate_profiles: Vec<&'v Value<'v>>,
    /// Access entries of EKS.
    access_entries: Vec<&'v Value<'v>>,
    /// Versions of launch templates.
    launch_templates: Vec<&'v Value<'v>>,
    /// Agent pools of AKS that were listed apart.
    agent_pools: Vec<&'v Value<'v>>,
    /// Maintenance configurations of AKS.
    maintenance: Option<Vec<&'v Value<'v>>>,
    /// Diagnostic settings of AKS.
    diagnostics: Option<Vec<&'v Value<'v>>>,
    /// Subnetworks that nodes of GKE are in.
    subnets: Vec<&'v Value<'v>>,
    /// Settings of the account, of the project, or beside the cluster.
    settings: Vec<(Cloud, &'v Value<'v>)>,
}

impl<'v> Exports<'v> {
    /// Adds a document; what it is about, or why it is not used.
    ///
    /// # Errors
    /// When it is nothing that is known of this cloud, or a second cluster.
    pub fn add(&mut self, cloud: Cloud, document: &'v Value<'v>) -> Result<String, String> {
        if let Some(list) = document.as_array() {
            if list.is_empty() {
                return Err("it is an empty list, which does not say of what".into());
            }
            let mut told = Vec::new();
            for one in list {
                told.push(self.add_one(cloud, one)?);
            }
            let more = told.len() - 1;
            return Ok(match more {
                0 => told.remove(0),
                _ => format!("{} and {more} more", told[0]),
            });
        }
        self.add_one(cloud, document)
    }

    fn add_one(&mut self, cloud: Cloud, document: &'v Value<'v>) -> Result<String, String> {
        let part = Part { input: cloud.input(), prefix: "", value: document };
        let name = |value: &'v Value<'v>, key: &str| {
            Part { value, ..part }.text(key).map(plimsoll_model::shortened).unwrap_or_default()
        };
        let has = |key: &str| part.get(key).is_ok();
        match cloud {
            Cloud::Gke if has("currentMasterVersion") || has("nodePools") || has("autopilot") => {
                self.cluster(cloud, document, &name(document, "name"))
            }
            Cloud::Gke if has("ipCidrRange") => {
                self.subnets.push(document);
                Ok(format!("subnetwork {}", name(document, "name")))
            }
            Cloud::Gke if has("enrolledServices") => {
                self.setting_of(cloud, document, "enrolledServices", "settings of Access Approval")
            }
            Cloud::Gke => Err(format!("it is no cluster of GKE: make it with `{}`", cloud.command())),
            Cloud::Eks => {
                if let Ok(cluster) = part.get("cluster") {
                    self.cluster(cloud, cluster, &name(cluster, "name"))
                } else if let Ok(group) = part.get("nodegroup") {
                    self.node_groups.push(group);
                    Ok(format!("node group {}", name(group, "nodegroupName")))
                } else if let Ok(add_on) = part.get("addon") {
                    self.add_ons.push(add_on);
                    Ok(format!("add-on {}", name(add_on, "addonName")))
                } else if let Ok(profile) = part.get("fargateProfile") {
                    self.fargate_profiles.push(profile);
                    Ok(format!("Fargate profile {}", name(profile, "fargateProfileName")))
                } else if let Ok(entry) = part.get("accessEntry") {
                    self.access_entries.push(entry);
                    Ok("an access entry".into())
                } else if let Ok(versions) = part.list("LaunchTemplateVersions") {
                    self.launch_templates.extend(versions);
                    Ok("a launch template".into())
                } else if has("EbsEncryptionByDefault") {
                    self.setting_of(cloud, document, "EbsEncryptionByDefault", "encryption of EBS by default")
                } else if has("scanningConfiguration") {
                    self.setting_of(cloud, document, "scanningConfiguration", "scanning of ECR")
                } else if part.list("Features").is_ok() {
                    self.setting_of(cloud, document, "Features", "a detector of GuardDuty")
                } else {
                    Err("it is none of: describe-cluster, describe-nodegroup, describe-addon, \
                         describe-fargate-profile, describe-access-entry, describe-launch-template-versions, \
                         get-ebs-encryption-by-default, get-registry-scanning-configuration, get-detector"
                        .into())
                }
            }
            Cloud::Aks
                if has("agentPoolProfiles")
                    || has("autoUpgradeProfile")
                    || has("currentKubernetesVersion") =>
            {
                self.cluster(cloud, document, &name(document, "name"))
            }
            Cloud::Aks if has("maintenanceWindow") || has("timeInWeek") => {
                self.maintenance.get_or_insert_default().push(document);
                Ok(format!("maintenance configuration {}", name(document, "name")))
            }
            Cloud::Aks
                if has("logs") && (has("workspaceId") || has("storageAccountId") || has("eventHubName")) =>
            {
                self.diagnostics.get_or_insert_default().push(document);
                Ok(format!("diagnostic setting {}", name(document, "name")))
            }
            Cloud::Aks if has("osType") && (has("nodeImageVersion") || has("mode") || has("vmSize")) => {
                self.agent_pools.push(document);
                Ok(format!("node pool {}", name(document, "name")))
            }
            Cloud::Aks if has("level") => self.setting_of(cloud, document, "level", "deployment safeguards"),
            Cloud::Aks if has("properties.level") => {
                self.setting_of(cloud, document, "properties.level", "deployment safeguards")
            }
            Cloud::Aks => Err("it is none of: az aks show, az aks nodepool list, \
                               az aks maintenanceconfiguration list, az monitor diagnostic-settings list, \
                               az aks safeguards show"
                .into()),
        }
    }

    fn cluster(&mut self, cloud: Cloud, document: &'v Value<'v>, name: &str) -> Result<String, String> {
        if self.clusters.insert(cloud, document).is_some() {
            return Err("it is a second cluster: give the exports of one cluster at a time".into());
        }
        Ok(format!("cluster {name}"))
    }

    fn setting_of(
        &mut self,
        cloud: Cloud,
        document: &'v Value<'v>,
        field: &str,
        what: &str,
    ) -> Result<String, String> {
        if self.setting(cloud, field).is_some() {
            return Err(format!("it is a second document about {what}: give those of one cluster at a time"));
        }
        self.settings.push((cloud, document));
        Ok(what.to_owned())
    }

    /// The document beside the cluster that holds this field.
    pub(super) fn setting(&self, cloud: Cloud, field: &str) -> Option<Part<'v>> {
        let part = |(of, value): &(Cloud, &'v Value<'v>)| {
            let part = Part { input: cloud.input(), prefix: "", value };
            (*of == cloud && part.get(field).is_ok()).then_some(part)
        };
        self.settings.iter().find_map(part)
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
            && self.node_groups.is_empty()
            && self.add_ons.is_empty()
            && self.agent_pools.is_empty()
            && self.fargate_profiles.is_empty()
    }

    /// The cluster.
    pub(super) fn of(&self, cloud: Cloud) -> Answer<Part<'v>> {
        let value = self.clusters.get(&cloud).ok_or_else(|| missing(cloud.input(), cloud.command()))?;
        Ok(Part { input: cloud.input(), prefix: "", value })
    }

    pub(super) fn node_groups(&self) -> &[&'v Value<'v>] {
        &self.node_groups
    }

    pub(super) fn add_ons(&self) -> impl Iterator<Item = Part<'v>> {
        self.add_ons.iter().map(|value| Part { input: InputKind::Eks, prefix: "addon.", value })
    }

    /// An add-on by name.
    pub(super) fn add_on(&self, name: &str) -> Answer<Part<'v>> {
        self.add_ons().find(|add_on| add_on.text("addonName") == Ok(name)).ok_or_else(|| {
            missing(
                InputKind::Eks,
                format!("aws eks describe-addon --cluster-name CLUSTER --addon-name {name}"),
            )
        })
    }

    pub(super) fn fargate_profiles(&self) -> &[&'v Value<'v>] {
        &self.fargate_profiles
    }

    pub(super) fn access_entries(&self) -> Answer<&[&'v Value<'v>]> {
        if self.access_entries.is_empty() {
            return Err(missing(InputKind::Eks, "aws eks describe-access-entry for each principal"));
        }
        Ok(&self.access_entries)
    }

    pub(super) fn launch_templates(&self) -> Answer<Vec<Part<'v>>> {
        if self.launch_templates.is_empty() {
            let command = "aws ec2 describe-launch-template-versions for the templates of the node groups";
            return Err(missing(InputKind::Eks, command));
        }
        let part = |value: &&'v Value<'v>| Part { input: InputKind::Eks, prefix: "launch template ", value };
        Ok(self.launch_templates.iter().map(part).collect())
    }

    pub(super) fn subnets(&self) -> Answer<Vec<Part<'v>>> {
        if self.subnets.is_empty() {
            let command = "gcloud compute networks subnets describe SUBNET --region REGION --format=json";
            return Err(missing(InputKind::Gke, command));
        }
        let part = |value: &&'v Value<'v>| Part { input: InputKind::Gke, prefix: "subnetwork ", value };
        Ok(self.subnets.iter().map(part).collect())
    }

    pub(super) fn agent_pools(&self) -> &[&'v Value<'v>] {
        &self.agent_pools
    }

    pub(super) fn maintenance(&self) -> Answer<Vec<Part<'v>>> {
        let list = self.maintenance.as_ref().ok_or_else(|| {
            missing(
                InputKind::Aks,
                "az aks maintenanceconfiguration list --resource-group GROUP --cluster-name CLUSTER",
            )
        })?;
        Ok(list.iter().map(|value| Part { input: InputKind::Aks, prefix: "", value }).collect())
    }

    pub(super) fn diagnostics(&self) -> Answer<Vec<Part<'v>>> {
        let list = self.diagnostics.as_ref().ok_or_else(|| {
            missing(InputKind::Aks, "az monitor diagnostic-settings list --resource CLUSTER_ID")
        })?;
        Ok(list.iter().map(|value| Part { input: InputKind::Aks, prefix: "", value }).collect())
    }
}

/// How much of a cluster the objects are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// What somebody put into files: what is not among it may still be in the cluster.
    #[default]
    Files,
    /// A cluster, list by list.
    Cluster {
        /// Kinds that were read whole: group and kind.
        read: BTreeSet<(String, String)>,
        /// Kinds that could not be read, with the reason.
        missing: BTreeMap<(String, String), String>,
        /// Values of environments, commands and ConfigMaps were left out on purpose.
        cleaned: bool,
    },
}

/// The objects of a cluster.
#[derive(Debug)]
pub struct Kubernetes<'v> {
    objects: Objects<'v>,
    extent: Extent,
    /// The API server's version, where the source told it.
    version: Option<String>,
    /// Places of objects by group and kind.
    kinds: BTreeMap<(&'v str, &'v str), Vec<usize>>,
    /// What our rules say of each object, where any does.
    judged: Vec<Judged>,
    /// Images of what runs: collected when the first rule asks.
    pub(super) images: OnceLock<Vec<ImageInUse>>,
}

impl<'v> Kubernetes<'v> {
    /// Takes objects; all rules for them run here, once.
    pub fn new(objects: Objects<'v>, extent: Extent, version: Option<String>) -> Self {
        let mut kinds: BTreeMap<(&'v str, &'v str), Vec<usize>> = BTreeMap::new();
        for (place, object) in objects.all.iter().enumerate() {
            kinds.entry((object.name.group, object.name.kind)).or_default().push(place);
        }
        let judged = crate::rule::check_objects(&objects).collect();
        Kubernetes { objects, extent, version, kinds, judged, images: OnceLock::new() }
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// All objects.
    pub fn objects(&self) -> &Objects<'v> {
        &self.objects
    }

    /// The API server's version.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// What is told of each object, beside it.
    pub(super) fn judged(&self) -> impl Iterator<Item = (&crate::kubernetes::Object<'v>, &Judged)> {
        self.objects.all.iter().zip(&self.judged)
    }

    /// Whether values that may be secret are among it.
    pub(super) fn has_values(&self) -> Answer<()> {
        match self.extent {
            Extent::Cluster { cleaned: true, .. } => Err(missing(
                InputKind::Kubernetes,
                "values of environments, ConfigMaps and TLS settings (a snapshot leaves them out: give --manifests)",
            )),
            _ => Ok(()),
        }
    }

    /// Objects of a kind, where it is known that these are all of them.
    pub(super) fn of(&self, group: &str, kind: &str) -> Answer<Vec<&'v Value<'v>>> {
        let found = self.some(group, kind);
        let resource = || if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        match &self.extent {
            Extent::Files if found.is_empty() => {
                Err(missing(InputKind::Kubernetes, format!("objects of the kind {}", resource())))
            }
            Extent::Files => Ok(found),
            Extent::Cluster { read, missing: gone, .. } => {
                let key = (group.to_owned(), kind.to_owned());
                if let Some(reason) = gone.get(&key) {
                    return Err(missing(InputKind::Kubernetes, format!("{}: {reason}", resource())));
                }
                if read.contains(&key) {
                    return Ok(found);
                }
                Err(missing(InputKind::Kubernetes, format!("{}: it was not read", resource())))
            }
        }
    }

    /// Objects of a kind that a cluster need not have: files without any of it are taken at their word.
    pub(super) fn optional(&self, group: &str, kind: &str) -> Answer<Vec<&'v Value<'v>>> {
        match self.extent {
            Extent::Files => Ok(self.some(group, kind)),
            Extent::Cluster { .. } => self.of(group, kind),
        }
    }

    /// Objects of a kind, without a word on whether these are all.
    pub(super) fn some(&self, group: &str, kind: &str) -> Vec<&'v Value<'v>> {
        let places = self.kinds.get(&(group, kind)).map(Vec::as_slice).unwrap_or_default();
        places.iter().map(|place| self.objects.all[*place].value).collect()
    }
}

/// An image that was scanned, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// As it was named.
    pub name: String,
    /// Its digests: of index, manifest and configuration.
    pub digests: Vec<String>,
    /// When the advisory data were of: RFC 3339.
    pub data_of: Option<Timestamp>,
    /// Packages that were read.
    pub packages: u64,
    /// Everything of it could be read.
    pub complete: bool,
    /// Findings that count, of the image's application, with a fix: id and subject.
    pub application: Vec<(String, String)>,
    /// The same of its base image.
    pub base: Vec<(String, String)>,
    /// Findings that count, without a fix.
    pub unfixed: u64,
}

/// What was said of images, found by their names and digests.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    all: Vec<Scanned>,
    /// The first of each name.
    by_name: HashMap<String, usize>,
    /// The first of each digest.
    by_digest: HashMap<String, usize>,
}

impl From<Vec<Scanned>> for Reports {
    fn from(all: Vec<Scanned>) -> Self {
        let (mut by_name, mut by_digest) = (HashMap::new(), HashMap::new());
        for (place, report) in all.iter().enumerate() {
            by_name.entry(report.name.clone()).or_insert(place);
            for digest in &report.digests {
                by_digest.entry(digest.clone()).or_insert(place);
            }
        }
        Reports { all, by_name, by_digest }
    }
}

impl Reports {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Reports about an image. A digest goes before a name: where both sides have one and they differ, a report of the same name is
    /// about another image. `apart` are digests that each need a report of their own.
    pub(super) fn about(
        &self,
        reference: &str,
        digests: &BTreeSet<String>,
        apart: &BTreeSet<String>,
    ) -> About<'_> {
        let places: BTreeSet<usize> =
            digests.iter().filter_map(|digest| self.by_digest.get(digest).copied()).collect();
        if places.is_empty() {
            let named = self.by_name.get(reference).and_then(|place| self.all.get(*place));
            return match named {
                Some(report) if !report.digests.is_empty() && !digests.is_empty() => {
                    About { reports: Vec::new(), other: digests.first().cloned() }
                }
                named => About { reports: named.into_iter().collect(), other: None },
            };
        }
        let reports: Vec<&Scanned> = places.iter().filter_map(|place| self.all.get(*place)).collect();
        let other = apart.iter().find(|digest| !self.by_digest.contains_key(*digest)).cloned();
        About { reports, other }
    }
}

/// What reports say of an image.
#[derive(Debug)]
pub(super) struct About<'r> {
    /// Those that are about it.
    pub(super) reports: Vec<&'r Scanned>,
    /// A digest that runs and that no report is about, though one has its name or another digest of it.
    pub(super) other: Option<String>,
}

/// Everything that was given.
#[derive(Debug)]
pub struct Evidence<'v> {
    /// Exports.
    pub exports: Exports<'v>,
    /// Objects.
    pub kubernetes: Option<Kubernetes<'v>>,
    /// Reports.
    pub reports: Reports,
    /// What was seen on nodes.
    pub nodes: Vec<NodeFacts>,
    /// Now.
    pub now: Timestamp,
}

impl<'v> Evidence<'v> {
    /// The objects, or that there are none.
    pub(super) fn objects(&self) -> Answer<&Kubernetes<'v>> {
        let ways = "objects of the cluster: --snapshot FILE, --live or --manifests DIR";
        self.kubernetes.as_ref().ok_or_else(|| missing(InputKind::Kubernetes, ways))
    }

    /// Objects of a kind.
    pub(super) fn kind(&self, group: &str, kind: &str) -> Answer<Vec<&'v Value<'v>>> {
        self.objects()?.of(group, kind)
    }

    /// The API server's version: of the export, else of the objects.
    pub(super) fn version(&self, cloud: Option<Cloud>) -> Answer<&str> {
        let field = match cloud {
            Some(Cloud::Gke) => "currentMasterVersion",
            Some(Cloud::Eks) => "version",
            Some(Cloud::Aks) => "currentKubernetesVersion",
            None => "",
        };
        let exported = cloud.map(|cloud| self.exports.of(cloud)?.text(field));
        if let Some(Ok(version)) = exported {
            return Ok(version);
        }
        if let Some(version) = self.kubernetes.as_ref().and_then(Kubernetes::version) {
            return Ok(version);
        }
        if cloud.is_none()
            && let Some(version) = self.kubernetes.as_ref().and_then(own_server)
        {
            return Ok(version);
        }
        match exported {
            Some(Err(error)) => Err(error),
            _ => Err(missing(InputKind::Kubernetes, "the API server's version (a snapshot tells it)")),
        }
    }
}

/// The version in the image of an API server that runs as a static pod.
fn own_server<'k>(kubernetes: &'k Kubernetes<'_>) -> Option<&'k str> {
    let pods = kubernetes.some("", "Pod");
    let containers = pods
        .into_iter()
        .flat_map(|pod| crate::kubernetes::list(crate::kubernetes::at(pod, &["spec", "containers"])));
    let mut images = containers.filter_map(|container| crate::kubernetes::get(container, "image")?.as_str());
    images.find_map(|image| {
        let tag = image.split('@').next()?.split_once("/kube-apiserver:")?.1;
        tag.starts_with('v').then_some(tag)
    })
}
