//! Network policies of every kind in one form.
//!
//! What the API would have refused is kept as broken, with what is wrong: what it was to decide is unknown then, and only that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use plimsoll_model::shortened;
use serde_json_borrow::Value;

use super::labels::Selector;
use super::{Labels, Source};
use crate::kubernetes::{at, get, list};

/// A protocol of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// All, with their names.
    pub const ALL: [(Protocol, &'static str); 3] =
        [(Protocol::Tcp, "TCP"), (Protocol::Udp, "UDP"), (Protocol::Sctp, "SCTP")];

    /// By the name that the API has for it.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == name).map(|(protocol, _)| *protocol)
    }

    /// Its name.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }

    /// What an object says; TCP where it says nothing.
    pub(super) fn read(value: Option<&Value<'_>>) -> Result<Self, String> {
        let Some(value) = value else { return Ok(Protocol::Tcp) };
        let text = value.as_str().unwrap_or_default();
        Self::of(text).ok_or_else(|| format!("there is no protocol `{}`", shortened(text)))
    }
}

/// Addresses from the first to the last, of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addresses {
    /// Whether they are of IPv6.
    pub v6: bool,
    /// The first.
    pub first: u128,
    /// The last.
    pub last: u128,
}

impl Addresses {
    /// One address. One of IPv4 that is written as IPv6 is that of IPv4.
    pub fn one(address: IpAddr) -> Self {
        let (v6, number) = match address.to_canonical() {
            IpAddr::V4(address) => (false, u128::from(address.to_bits())),
            IpAddr::V6(address) => (true, address.to_bits()),
        };
        Addresses { v6, first: number, last: number }
    }

    /// All of a family.
    pub fn all(v6: bool) -> Self {
        Addresses { v6, first: 0, last: if v6 { u128::MAX } else { u128::from(u32::MAX) } }
    }

    /// Reads `10.0.0.0/8`.
    ///
    /// # Errors
    /// When it is no such thing.
    pub fn read(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{}` is no block of addresses", shortened(text));
        let (address, bits) = text.split_once('/').ok_or_else(refuse)?;
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        let digits = !bits.is_empty() && bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits: u32 = bits.parse().ok().filter(|_| digits).ok_or_else(refuse)?;
        let (v6, width, number) = match address {
            IpAddr::V4(address) => (false, 32, u128::from(address.to_bits())),
            IpAddr::V6(address) => (true, 128, address.to_bits()),
        };
        let host = 128 - (width - bits.min(width));
        if bits > width {
            return Err(refuse());
        }
        // A mask of all bits behind the prefix.
        let mask = if host >= 128 { 0 } else { u128::MAX >> host };
        Ok(Addresses { v6, first: number & !mask, last: number | mask })
    }

    /// Whether all of the others are among them.
    pub fn holds(self, other: Self) -> bool {
        self.v6 == other.v6 && self.first <= other.first && other.last <= self.last
    }

    /// Whether any of the others is among them.
    pub fn meets(self, other: Self) -> bool {
        self.v6 == other.v6 && self.first <= other.last && other.first <= self.last
    }

    fn address(self, number: u128) -> IpAddr {
        if self.v6 {
            IpAddr::V6(Ipv6Addr::from_bits(number))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).unwrap_or(u32::MAX)))
        }
    }
}

/// As a block where it is one, else from the first to the last.
impl std::fmt::Display for Addresses {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, last) = (self.address(self.first), self.address(self.last));
        let width = if self.v6 { 128 } else { 32 };
        if self.first == self.last {
            return write!(formatter, "{first}");
        }
        let span = self.last - self.first;
        // Aligned, and a power of two wide.
        if span & span.wrapping_add(1) == 0 && self.first & span == 0 {
            return write!(formatter, "{first}/{}", width - span.count_ones());
        }
        write!(formatter, "{first}-{last}")
    }
}

/// A port by number or by the name that a container gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortPlace {
    /// From one number to another.
    Numbers(u16, u16),
    /// By name: every pod says for itself which number it is.
    Name(Arc<str>),
}

/// Ports of a protocol, in a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// The protocol; `None` for a name, whatever protocol the port of that name has.
    pub protocol: Option<Protocol>,
    /// Which.
    pub place: PortPlace,
}

/// A side of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// Pods.
    Pods {
        /// In these namespaces; `None` for that of the policy.
        namespaces: Option<Selector>,
        /// With these labels.
        pods: Selector,
    },
    /// Addresses outside of the cluster.
    Block {
        /// These,
        block: Addresses,
        /// without these.
        except: Vec<Addresses>,
    },
    /// Nodes with these labels.
    Nodes(Selector),
    /// Whatever a name in the DNS leads to: not decided here.
    Domain(Arc<str>),
    /// What cannot be read: it may be anything.
    Broken(Arc<str>),
}

/// What a rule says about connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// They are allowed.
    Allow,
    /// They are not.
    Deny,
    /// The next tier decides.
    Pass,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, or empty.
    pub name: Arc<str>,
    /// What it says.
    pub action: Action,
    /// About whom; `None` for everyone.
    pub peers: Option<Vec<Peer>>,
    /// About which ports; `None` for all, of all protocols.
    pub ports: Option<Vec<Port>>,
    /// Why its ports, or its action, cannot be read: it may be about any.
    pub broken: Option<Arc<str>>,
}

/// A NetworkPolicy.
#[derive(Clone, Debug)]
pub struct NetworkPolicy {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Which pods; or why that cannot be read.
    pub pods: Result<Selector, Arc<str>>,
    /// What may come in; `None` where it says nothing about that.
    pub ingress: Option<Vec<Rule>>,
    /// What may go out; `None` where it says nothing about that.
    pub egress: Option<Vec<Rule>>,
    /// Why it is not certain that it is about one of the directions at all.
    pub directions_broken: Option<Arc<str>>,
    /// Where.
    pub source: Source,
}

/// When policies of clusters are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Before those of namespaces.
    Admin,
    /// After those of namespaces.
    Baseline,
}

/// Which pods a policy of the cluster is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// In these namespaces,
    pub namespaces: Selector,
    /// with these labels.
    pub pods: Selector,
}

/// An AdminNetworkPolicy, BaselineAdminNetworkPolicy or ClusterNetworkPolicy.
#[derive(Clone, Debug)]
pub struct ClusterPolicy {
    /// Its kind.
    pub kind: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// When it is asked.
    pub tier: Tier,
    /// The lowest is asked first within the tier.
    pub priority: u32,
    /// Which pods; or why that cannot be read.
    pub subject: Result<Subject, Arc<str>>,
    /// About what comes in, in order.
    pub ingress: Vec<Rule>,
    /// About what goes out, in order.
    pub egress: Vec<Rule>,
    /// Where.
    pub source: Source,
}

/// What is wrong, as it is kept.
fn kept(detail: String) -> Arc<str> {
    detail.into()
}

fn selector(value: Option<&Value<'_>>, name: &str) -> Result<Selector, Arc<str>> {
    match value {
        Some(value) => Selector::read(value).map_err(|detail| kept(format!("`{name}`: {detail}"))),
        None => Err(kept(format!("it has no `{name}`"))),
    }
}

/// A list that may be left out, and is a list when it is there.
fn given_list<'v>(value: Option<&'v Value<'v>>, name: &str) -> Result<Option<&'v [Value<'v>]>, Arc<str>> {
    match value {
        None => Ok(None),
        Some(value) => value.as_array().map(Some).ok_or_else(|| kept(format!("`{name}` is no list"))),
    }
}

/// What of an object is not among these fields.
fn stranger<'v>(value: &'v Value<'v>, known: &[&str]) -> Option<&'v str> {
    value.as_object()?.iter().map(|(key, _)| key).find(|key| !known.contains(key))
}

impl NetworkPolicy {
    pub(super) fn read(object: &Value<'_>, namespace: Arc<str>, name: Arc<str>, source: Source) -> Self {
        let spec = |key: &str| at(object, &["spec", key]);
        // A policy without a selector takes all pods, since Kubernetes 1.35 also for the API.
        let pods = match spec("podSelector") {
            None => Ok(Selector::default()),
            given => selector(given, "podSelector"),
        };
        let mut directions_broken = None;
        let mut types = (true, spec("egress").is_some());
        match given_list(spec("policyTypes"), "policyTypes") {
            Ok(None | Some([])) => {}
            Ok(Some(list)) => {
                types = (false, false);
                for one in list {
                    match one.as_str() {
                        Some("Ingress") => types.0 = true,
                        Some("Egress") => types.1 = true,
                        other => {
                            let shown = shortened(other.unwrap_or_default());
                            directions_broken = Some(kept(format!("there is no policy type `{shown}`")));
                        }
                    }
                }
            }
            Err(detail) => directions_broken = Some(detail),
        }
        if directions_broken.is_some() {
            types = (true, true);
        }
        let rules = |key: &str, peers: &str| -> Vec<Rule> {
            match given_list(spec(key), key) {
                Ok(rules) => rules.unwrap_or_default().iter().map(|rule| network_rule(rule, peers)).collect(),
                Err(detail) => vec![broken_rule(Action::Allow, detail)],
            }
        };
        NetworkPolicy {
            namespace,
            name,
            pods,
            ingress: types.0.then(|| rules("ingress", "from")),
            egress: types.1.then(|| rules("egress", "to")),
            directions_broken,
            source,
        }
    }

    /// Everything that is wrong with it.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        let rules = self.ingress.iter().chain(&self.egress).flatten();
        let own = self.pods.as_ref().err().into_iter().chain(&self.directions_broken);
        own.map(AsRef::as_ref).chain(rules.flat_map(Rule::faults))
    }
}

impl Rule {
    /// Everything that is wrong with it.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        let peers = self.peers.iter().flatten().filter_map(|peer| match peer {
            Peer::Broken(detail) => Some(detail.as_ref()),
            _ => None,
        });
        self.broken.as_deref().into_iter().chain(peers)
    }
}

fn broken_rule(action: Action, detail: Arc<str>) -> Rule {
    Rule { name: "".into(), action, peers: None, ports: None, broken: Some(detail) }
}

fn network_rule(rule: &Value<'_>, peers: &str) -> Rule {
    let read = || -> Result<Rule, Arc<str>> {
        if !rule.is_object() {
            return Err(kept("a rule is no object".into()));
        }
        if let Some(other) = stranger(rule, &[peers, "ports"]) {
            return Err(kept(format!("a rule has no `{}`", shortened(other))));
        }
        let given = given_list(get(rule, peers), peers)?.filter(|list| !list.is_empty());
        let peers = given.map(|list| list.iter().map(network_peer).collect());
        let mut read = Rule { name: "".into(), action: Action::Allow, peers, ports: None, broken: None };
        match ports(given_list(get(rule, "ports"), "ports"), network_port) {
            Ok(ports) => read.ports = ports,
            Err(detail) => read.broken = Some(detail),
        }
        Ok(read)
    };
    read().unwrap_or_else(|detail| broken_rule(Action::Allow, detail))
}

/// Ports of a rule: none given, or an empty list, is all.
fn ports(
    given: Result<Option<&[Value<'_>]>, Arc<str>>,
    read: impl Fn(&Value<'_>) -> Result<Vec<Port>, String>,
) -> Result<Option<Vec<Port>>, Arc<str>> {
    match given? {
        None | Some([]) => Ok(None),
        Some(list) => {
            let mut all = Vec::new();
            for one in list {
                all.extend(read(one).map_err(kept)?);
            }
            Ok(Some(all))
        }
    }
}

fn number(value: Option<&Value<'_>>, name: &str) -> Result<Option<u16>, String> {
    let Some(value) = value else { return Ok(None) };
    let read = value.as_u64().and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0);
    read.map(Some).ok_or_else(|| format!("`{name}` is no number of a port"))
}

/// A port by number, or by name.
pub(super) fn port_place(value: &Value<'_>, name: &str) -> Result<PortPlace, String> {
    match value.as_str() {
        Some(text) if is_port_name(text) => Ok(PortPlace::Name(text.into())),
        Some(text) => Err(format!("`{}` is no name of a port", shortened(text))),
        None => {
            let number = number(Some(value), name)?.unwrap_or_default();
            Ok(PortPlace::Numbers(number, number))
        }
    }
}

/// IANA_SVC_NAME: at most 15 letters, digits and single dashes, a letter among them.
fn is_port_name(text: &str) -> bool {
    text.len() <= 15
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

fn network_port(port: &Value<'_>) -> Result<Vec<Port>, String> {
    if !port.is_object() {
        return Err("a port is no object".into());
    }
    let protocol = Some(Protocol::read(get(port, "protocol"))?);
    let end = number(get(port, "endPort"), "endPort")?;
    let place = match (get(port, "port"), end) {
        (None, None) => PortPlace::Numbers(1, u16::MAX),
        (None, Some(_)) => return Err("`endPort` without `port`".into()),
        (Some(first), end) => match (port_place(first, "port")?, end) {
            (place, None) => place,
            (PortPlace::Name(_), Some(_)) => return Err("`endPort` with the name of a port".into()),
            (PortPlace::Numbers(first, _), Some(end)) if end < first => {
                return Err(format!("`endPort` {end} is smaller than `port` {first}"));
            }
            (PortPlace::Numbers(first, _), Some(end)) => PortPlace::Numbers(first, end),
        },
    };
    Ok(vec![Port { protocol, place }])
}

fn network_peer(peer: &Value<'_>) -> Peer {
    let read = || -> Result<Peer, Arc<str>> {
        if !peer.is_object() {
            return Err(kept("a peer is no object".into()));
        }
        if let Some(other) = stranger(peer, &["podSelector", "namespaceSelector", "ipBlock"]) {
            return Err(kept(format!("a peer has no `{}`", shortened(other))));
        }
        let (pods, namespaces) = (get(peer, "podSelector"), get(peer, "namespaceSelector"));
        match (get(peer, "ipBlock"), pods, namespaces) {
            (Some(block), None, None) => ip_block(block).map_err(kept),
            (Some(_), ..) => Err(kept("`ipBlock` beside selectors".into())),
            (None, None, None) => Err(kept("a peer that says nothing".into())),
            (None, pods, namespaces) => Ok(Peer::Pods {
                namespaces: namespaces
                    .map(|namespaces| selector(Some(namespaces), "namespaceSelector"))
                    .transpose()?,
                pods: pods.map_or(Ok(Selector::default()), |pods| selector(Some(pods), "podSelector"))?,
            }),
        }
    };
    read().unwrap_or_else(Peer::Broken)
}

fn ip_block(block: &Value<'_>) -> Result<Peer, String> {
    let cidr = get(block, "cidr").and_then(|value| value.as_str()).ok_or("`ipBlock` has no `cidr`")?;
    let whole = Addresses::read(cidr)?;
    let mut except = Vec::new();
    for one in list(get(block, "except")) {
        let one = Addresses::read(one.as_str().unwrap_or_default())?;
        if !whole.holds(one) || whole == one {
            return Err(format!("`except` {one} is not within {whole}"));
        }
        except.push(one);
    }
    Ok(Peer::Block { block: whole, except })
}

/// Most rules of a direction that the API takes.
const MOST_RULES: usize = 100;

impl ClusterPolicy {
    pub(super) fn read(object: &Value<'_>, kind: &str, name: Arc<str>, source: Source) -> Self {
        let spec = |key: &str| at(object, &["spec", key]);
        let mut subject = subject(spec("subject"));
        let admin = kind == "AdminNetworkPolicy";
        let baseline = kind == "BaselineAdminNetworkPolicy";
        let tier = match (baseline, admin, spec("tier").and_then(|tier| tier.as_str())) {
            (true, ..) | (false, false, Some("Baseline")) => Tier::Baseline,
            (false, true, _) | (false, false, Some("Admin")) => Tier::Admin,
            (false, false, other) => {
                subject = Err(kept(format!("there is no tier `{}`", shortened(other.unwrap_or_default()))));
                Tier::Admin
            }
        };
        let mut priority = 0;
        if !baseline {
            match spec("priority").and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok()) {
                Some(number) if number <= 1000 => priority = number,
                _ => subject = Err(kept("its `priority` is no number from 0 to 1000".into())),
            }
        } else if name.as_ref() != "default" {
            subject = Err(kept("the baseline policy is called `default`, and only one may be".into()));
        }
        let rules = |key: &str, peers: &str| -> Vec<Rule> {
            match given_list(spec(key), key) {
                Ok(Some(rules)) if rules.len() > MOST_RULES => {
                    vec![broken_rule(Action::Pass, kept(format!("more than {MOST_RULES} rules")))]
                }
                Ok(rules) => {
                    rules.unwrap_or_default().iter().map(|rule| cluster_rule(rule, peers, baseline)).collect()
                }
                Err(detail) => vec![broken_rule(Action::Pass, detail)],
            }
        };
        ClusterPolicy {
            kind: kind.into(),
            name,
            tier,
            priority,
            subject,
            ingress: rules("ingress", "from"),
            egress: rules("egress", "to"),
            source,
        }
    }

    /// Everything that is wrong with it.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        let rules = self.ingress.iter().chain(&self.egress);
        self.subject.as_ref().err().map(AsRef::as_ref).into_iter().chain(rules.flat_map(Rule::faults))
    }

    /// Whether it is about these pods; `None` where that cannot be read.
    pub fn takes(&self, namespace: &Labels, pod: &Labels) -> Option<bool> {
        let subject = self.subject.as_ref().ok()?;
        let namespaces = subject.namespaces.matches(|label| namespace.get(label));
        Some(namespaces && subject.pods.matches(|label| pod.get(label)))
    }
}

/// `namespaces` or `pods`, one of them.
fn cluster_pods(value: &Value<'_>) -> Result<Option<Subject>, Arc<str>> {
    match (get(value, "namespaces"), get(value, "pods")) {
        (Some(_), Some(_)) => Err(kept("both `namespaces` and `pods`".into())),
        (Some(namespaces), None) => Ok(Some(Subject {
            namespaces: selector(Some(namespaces), "namespaces")?,
            pods: Selector::default(),
        })),
        (None, Some(pods)) => Ok(Some(Subject {
            // People leave out the one that takes everything.
            namespaces: get(pods, "namespaceSelector")
                .map_or(Ok(Selector::default()), |own| selector(Some(own), "namespaceSelector"))?,
            pods: get(pods, "podSelector")
                .map_or(Ok(Selector::default()), |own| selector(Some(own), "podSelector"))?,
        })),
        (None, None) => Ok(None),
    }
}

fn subject(value: Option<&Value<'_>>) -> Result<Subject, Arc<str>> {
    let value = value.ok_or_else(|| kept("it has no `subject`".into()))?;
    if let Some(other) = stranger(value, &["namespaces", "pods"]) {
        return Err(kept(format!("a subject has no `{}`", shortened(other))));
    }
    cluster_pods(value)?.ok_or_else(|| kept("its `subject` says nothing".into()))
}

fn cluster_rule(rule: &Value<'_>, peers: &str, baseline: bool) -> Rule {
    let read = || -> Result<Rule, Arc<str>> {
        if !rule.is_object() {
            return Err(kept("a rule is no object".into()));
        }
        let action = match get(rule, "action").and_then(|action| action.as_str()) {
            Some("Allow" | "Accept") => Action::Allow,
            Some("Deny") => Action::Deny,
            Some("Pass") if !baseline => Action::Pass,
            other => {
                return Err(kept(format!("there is no action `{}`", shortened(other.unwrap_or_default()))));
            }
        };
        let given = given_list(get(rule, peers), peers)?.unwrap_or_default();
        if given.is_empty() {
            return Err(kept(format!("a rule needs `{peers}`")));
        }
        let name = get(rule, "name").and_then(|name| name.as_str()).unwrap_or_default();
        let mut all = Vec::new();
        for peer in given {
            cluster_peer(peer, peers == "to", &mut all);
        }
        let mut read = Rule { name: name.into(), action, peers: Some(all), ports: None, broken: None };
        let given = match get(rule, "protocols") {
            // ClusterNetworkPolicy.
            Some(_) => ports(given_list(get(rule, "protocols"), "protocols"), cluster_protocol),
            None => ports(given_list(get(rule, "ports"), "ports"), admin_port),
        };
        match given {
            Ok(ports) => read.ports = ports,
            Err(detail) => read.broken = Some(detail),
        }
        Ok(read)
    };
    read().unwrap_or_else(|detail| broken_rule(Action::Pass, detail))
}

fn cluster_peer(peer: &Value<'_>, outward: bool, all: &mut Vec<Peer>) {
    let mut read = || -> Result<(), Arc<str>> {
        let fields =
            peer.as_object().map_or(0, |object| object.iter().filter(|(_, value)| !value.is_null()).count());
        if fields != 1 {
            return Err(kept("a peer says one thing, not none or several".into()));
        }
        if let Some(Subject { namespaces, pods }) = cluster_pods(peer)? {
            all.push(Peer::Pods { namespaces: Some(namespaces), pods });
            return Ok(());
        }
        if !outward {
            return Err(kept("a peer is `namespaces` or `pods`".into()));
        }
        if let Some(nodes) = get(peer, "nodes") {
            all.push(Peer::Nodes(selector(Some(nodes), "nodes")?));
        } else if let Some(networks) = get(peer, "networks") {
            for one in networks.as_array().ok_or_else(|| kept("`networks` is no list".into()))? {
                let text = one.as_str().unwrap_or_default();
                let block = Addresses::read(text).map_err(kept)?;
                all.push(Peer::Block { block, except: Vec::new() });
            }
        } else if let Some(names) = get(peer, "domainNames") {
            for one in names.as_array().ok_or_else(|| kept("`domainNames` is no list".into()))? {
                all.push(Peer::Domain(shortened(one.as_str().unwrap_or_default()).into()));
            }
        } else {
            return Err(kept("a peer of a kind that is not known".into()));
        }
        Ok(())
    };
    if let Err(detail) = read() {
        all.push(Peer::Broken(detail));
    }
}

fn range(value: &Value<'_>) -> Result<PortPlace, String> {
    let side = |key: &str| number(get(value, key), key)?.ok_or_else(|| format!("a range has no `{key}`"));
    let (start, end) = (side("start")?, side("end")?);
    if end < start {
        return Err(format!("a range ends at {end} and begins at {start}"));
    }
    Ok(PortPlace::Numbers(start, end))
}

/// A port of AdminNetworkPolicy.
fn admin_port(port: &Value<'_>) -> Result<Vec<Port>, String> {
    let place = match (get(port, "portNumber"), get(port, "portRange"), get(port, "namedPort")) {
        (Some(one), None, None) => {
            let number = number(get(one, "port"), "port")?.ok_or("`portNumber` has no `port`")?;
            return Ok(vec![Port {
                protocol: Some(Protocol::read(get(one, "protocol"))?),
                place: PortPlace::Numbers(number, number),
            }]);
        }
        (None, Some(one), None) => {
            return Ok(vec![Port {
                protocol: Some(Protocol::read(get(one, "protocol"))?),
                place: range(one)?,
            }]);
        }
        (None, None, Some(name)) => port_place(name, "namedPort")?,
        _ => return Err("a port is one of `portNumber`, `portRange`, `namedPort`".into()),
    };
    match place {
        PortPlace::Name(_) => Ok(vec![Port { protocol: None, place }]),
        PortPlace::Numbers(..) => Err("`namedPort` is a number".into()),
    }
}

/// A protocol of ClusterNetworkPolicy.
fn cluster_protocol(value: &Value<'_>) -> Result<Vec<Port>, String> {
    let fields: Vec<(&str, &Value<'_>)> =
        value.as_object().map(|object| object.iter().collect()).unwrap_or_default();
    let [(key, inner)] = fields.as_slice() else {
        return Err("a protocol is one of `tcp`, `udp`, `sctp`, `destinationNamedPort`".into());
    };
    if *key == "destinationNamedPort" {
        return match port_place(inner, key)? {
            place @ PortPlace::Name(_) => Ok(vec![Port { protocol: None, place }]),
            PortPlace::Numbers(..) => Err("`destinationNamedPort` is a number".into()),
        };
    }
    let protocol = Protocol::of(&key.to_ascii_uppercase())
        .ok_or_else(|| format!("there is no protocol `{}`", shortened(key)))?;
    let place = match get(inner, "destinationPort") {
        None => PortPlace::Numbers(1, u16::MAX),
        Some(port) => match (number(get(port, "number"), "number")?, get(port, "range")) {
            (Some(number), None) => PortPlace::Numbers(number, number),
            (None, Some(value)) => range(value)?,
            _ => return Err("`destinationPort` is one of `number`, `range`".into()),
        },
    };
    Ok(vec![Port { protocol: Some(protocol), place }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_and_shown() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Addresses::read(text).expect(text).to_string(), expected);
        };
        check("10.0.0.0/8", "10.0.0.0/8");
        check("10.1.2.3/8", "10.0.0.0/8");
        check("0.0.0.0/0", "0.0.0.0/0");
        check("1.2.3.4/32", "1.2.3.4");
        check("::/0", "::/0");
        check("fd00:ec2::254/128", "fd00:ec2::254");
        check("fc00::/7", "fc00::/7");
        for bad in
            ["", "/", "10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/+8", "a/8"]
        {
            assert!(Addresses::read(bad).is_err(), "{bad}");
        }
        let odd = Addresses { v6: false, first: 1, last: 4 };
        assert_eq!(odd.to_string(), "0.0.0.1-0.0.0.4");
    }

    fn policy(spec: &str) -> NetworkPolicy {
        let text = format!(r#"{{"spec":{spec}}}"#);
        NetworkPolicy::read(&serde_json::from_str(&text).expect(spec), "a".into(), "b".into(), None)
    }

    #[test]
    fn directions_are_what_the_api_takes_them_for() {
        let check = |spec: &str, expected: (bool, bool)| {
            let policy = policy(spec);
            assert_eq!((policy.ingress.is_some(), policy.egress.is_some()), expected, "{spec}");
            assert_eq!(policy.faults().count(), 0, "{spec}");
        };
        check(r#"{"podSelector":{}}"#, (true, false));
        check(r#"{"podSelector":{},"egress":[]}"#, (true, true));
        check(r#"{"podSelector":{},"egress":[{}],"policyTypes":["Ingress"]}"#, (true, false));
        check(r#"{"podSelector":{},"policyTypes":["Egress"]}"#, (false, true));
        check(r#"{"podSelector":{},"policyTypes":[]}"#, (true, false));
    }

    #[test]
    fn what_the_api_refuses_is_broken_and_nothing_else_is() {
        for bad in [
            r#"{"podSelector":[]}"#,
            r#"{"podSelector":{},"policyTypes":["All"]}"#,
            r#"{"podSelector":{},"ingress":{}}"#,
            r#"{"podSelector":{},"ingress":[{"to":[]}]}"#,
            r#"{"podSelector":{},"ingress":[{"from":[{}]}]}"#,
            r#"{"podSelector":{},"ingress":[{"from":[{"podSelector":{},"ipBlock":{"cidr":"1.0.0.0/8"}}]}]}"#,
            r#"{"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"1.0.0.0/8","except":["2.0.0.0/8"]}}]}]}"#,
            r#"{"podSelector":{},"ingress":[{"ports":[{"port":0}]}]}"#,
            r#"{"podSelector":{},"ingress":[{"ports":[{"port":80,"endPort":79}]}]}"#,
            r#"{"podSelector":{},"ingress":[{"ports":[{"port":"http","endPort":79}]}]}"#,
            r#"{"podSelector":{},"ingress":[{"ports":[{"endPort":79}]}]}"#,
            r#"{"podSelector":{},"ingress":[{"ports":[{"protocol":"ICMP"}]}]}"#,
        ] {
            assert_eq!(policy(bad).faults().count(), 1, "{bad}");
        }
    }

    #[test]
    fn policies_of_the_cluster_are_read_in_both_forms() {
        let read = |kind: &str, name: &str, spec: &str| {
            let text = format!(r#"{{"spec":{spec}}}"#);
            ClusterPolicy::read(&serde_json::from_str(&text).expect(spec), kind, name.into(), None)
        };
        let admin = read(
            "AdminNetworkPolicy",
            "a",
            r#"{"priority":5,"subject":{"namespaces":{}},"egress":[{"action":"Pass","to":[{"networks":["10.0.0.0/8","::/0"]},{"nodes":{}},{"domainNames":["*.example.com"]}],"ports":[{"portRange":{"protocol":"UDP","start":1,"end":9}},{"namedPort":"web"}]}]}"#,
        );
        assert_eq!((admin.tier, admin.priority, admin.faults().count()), (Tier::Admin, 5, 0));
        assert_eq!(admin.egress[0].peers.as_ref().map(Vec::len), Some(4));
        let cluster = read(
            "ClusterNetworkPolicy",
            "a",
            r#"{"tier":"Baseline","priority":5,"subject":{"pods":{"namespaceSelector":{},"podSelector":{}}},"ingress":[{"action":"Accept","from":[{"namespaces":{}}],"protocols":[{"tcp":{"destinationPort":{"number":80}}},{"udp":{}},{"destinationNamedPort":"web"}]}]}"#,
        );
        assert_eq!((cluster.tier, cluster.faults().count()), (Tier::Baseline, 0));
        assert_eq!(cluster.ingress[0].ports.as_ref().map(Vec::len), Some(3));
        for (kind, spec) in [
            ("AdminNetworkPolicy", r#"{"priority":5}"#),
            ("AdminNetworkPolicy", r#"{"priority":1001,"subject":{"namespaces":{}}}"#),
            ("ClusterNetworkPolicy", r#"{"priority":1,"subject":{"namespaces":{}}}"#),
            ("BaselineAdminNetworkPolicy", r#"{"subject":{"namespaces":{}}}"#),
            (
                "AdminNetworkPolicy",
                r#"{"priority":5,"subject":{"namespaces":{}},"ingress":[{"action":"Allow","from":[]}]}"#,
            ),
            (
                "AdminNetworkPolicy",
                r#"{"priority":5,"subject":{"namespaces":{}},"ingress":[{"action":"Allow","from":[{"nodes":{}}]}]}"#,
            ),
            (
                "AdminNetworkPolicy",
                r#"{"priority":5,"subject":{"namespaces":{}},"ingress":[{"action":"Drop","from":[{"namespaces":{}}]}]}"#,
            ),
        ] {
            assert_eq!(read(kind, "a", spec).faults().count(), 1, "{spec}");
        }
    }
}
