//! Sets of ports of all protocols, each kept once and named by a number.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::cluster::{Port, PortPlace, Protocol};

/// The set without a port.
pub(crate) const NONE: Set = Set(0);
/// The set of every port of every protocol, and of what has no ports.
pub(crate) const ALL: Set = Set(1);

/// A set of ports, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Set(u32);

/// Ports are numbered through: those of TCP, of UDP, of SCTP, then one for all that has no ports.
type Spans = Vec<(u32, u32)>;

const WIDTH: u32 = 1 << 16;
/// What has no ports: ICMP, other protocols.
const OTHER: u32 = 3 * WIDTH + 1;

fn base(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::Tcp => 0,
        Protocol::Udp => WIDTH,
        Protocol::Sctp => 2 * WIDTH,
    }
}

/// All sets that were made.
#[derive(Debug)]
pub(crate) struct Sets {
    spans: Vec<Spans>,
    known: HashMap<Spans, Set>,
    results: HashMap<(u8, Set, Set), Set>,
}

impl Default for Sets {
    fn default() -> Self {
        let mut sets = Sets { spans: Vec::new(), known: HashMap::new(), results: HashMap::new() };
        sets.keep(Vec::new());
        let mut all: Spans =
            Protocol::ALL.iter().map(|(own, _)| (base(*own) + 1, base(*own) + WIDTH - 1)).collect();
        all.push((OTHER, OTHER));
        sets.keep(all);
        sets
    }
}

impl Sets {
    fn keep(&mut self, spans: Spans) -> Set {
        if let Some(set) = self.known.get(&spans) {
            return *set;
        }
        let set = Set(u32::try_from(self.spans.len()).expect("fewer sets than memory holds"));
        self.spans.push(spans.clone());
        self.known.insert(spans, set);
        set
    }

    fn spans(&self, set: Set) -> &Spans {
        &self.spans[set.0 as usize]
    }

    /// Ports of a protocol from one to another.
    pub(crate) fn of(&mut self, protocol: Protocol, first: u16, last: u16) -> Set {
        if first == 0 || last < first {
            return NONE;
        }
        let base = base(protocol);
        self.keep(vec![(base + u32::from(first), base + u32::from(last))])
    }

    /// What ports of a rule are for pods with these names of ports; `None` for what has no names.
    pub(crate) fn of_rule(
        &mut self,
        ports: Option<&[Port]>,
        named: &[(std::sync::Arc<str>, Protocol, u16)],
    ) -> Set {
        let Some(ports) = ports else { return ALL };
        let mut all = NONE;
        for port in ports {
            match &port.place {
                PortPlace::Numbers(first, last) => {
                    let own = self.of(port.protocol.unwrap_or(Protocol::Tcp), *first, *last);
                    all = self.or(all, own);
                }
                PortPlace::Name(name) => {
                    for (own, protocol, number) in named {
                        if own == name && port.protocol.is_none_or(|wanted| wanted == *protocol) {
                            let own = self.of(*protocol, *number, *number);
                            all = self.or(all, own);
                        }
                    }
                }
            }
        }
        all
    }

    /// A set of others here.
    pub(crate) fn import(&mut self, other: &Sets, set: Set) -> Set {
        self.keep(other.spans(set).clone())
    }

    pub(crate) fn or(&mut self, one: Set, other: Set) -> Set {
        match (one, other) {
            (ALL, _) | (_, ALL) => ALL,
            (NONE, set) | (set, NONE) => set,
            _ if one == other => one,
            _ => self.result(0, one.min(other), one.max(other), or),
        }
    }

    pub(crate) fn and(&mut self, one: Set, other: Set) -> Set {
        match (one, other) {
            (NONE, _) | (_, NONE) => NONE,
            (ALL, set) | (set, ALL) => set,
            _ if one == other => one,
            _ => self.result(1, one.min(other), one.max(other), and),
        }
    }

    pub(crate) fn minus(&mut self, one: Set, other: Set) -> Set {
        match (one, other) {
            (NONE, _) | (_, ALL) => NONE,
            (set, NONE) => set,
            _ if one == other => NONE,
            _ => self.result(2, one, other, minus),
        }
    }

    fn result(&mut self, kind: u8, one: Set, other: Set, make: fn(&Spans, &Spans) -> Spans) -> Set {
        if let Some(set) = self.results.get(&(kind, one, other)) {
            return *set;
        }
        let spans = make(self.spans(one), self.spans(other));
        let set = self.keep(spans);
        self.results.insert((kind, one, other), set);
        set
    }

    /// Whether a port is in it.
    #[cfg(test)]
    pub(crate) fn holds(&self, set: Set, protocol: Protocol, port: u16) -> bool {
        let number = base(protocol) + u32::from(port);
        self.spans(set).iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// For people: `all`, `none`, `TCP 80,443,8000-8010; UDP 53`.
    pub(crate) fn shown(&self, set: Set) -> String {
        match set {
            NONE => return "none".into(),
            ALL => return "all".into(),
            _ => {}
        }
        let mut text = String::new();
        for (protocol, name) in Protocol::ALL {
            let base = base(protocol);
            let mut own =
                self.spans(set).iter().filter(|(first, _)| (base..base + WIDTH).contains(first)).peekable();
            if own.peek().is_none() {
                continue;
            }
            text.push_str(if text.is_empty() { "" } else { "; " });
            text.push_str(name);
            for (index, (first, last)) in own.enumerate() {
                let separator = if index == 0 { ' ' } else { ',' };
                let (first, last) = (first - base, last - base);
                let _ = match (first, last) {
                    (1, 65535) => write!(text, "{separator}all"),
                    _ if first == last => write!(text, "{separator}{first}"),
                    _ => write!(text, "{separator}{first}-{last}"),
                };
            }
        }
        if self.spans(set).last().is_some_and(|(first, _)| *first == OTHER) {
            text.push_str(if text.is_empty() { "" } else { "; " });
            text.push_str("other protocols");
        }
        text
    }
}

fn or(one: &Spans, other: &Spans) -> Spans {
    let mut all: Spans = one.iter().chain(other).copied().collect();
    all.sort_unstable();
    let mut merged: Spans = Vec::with_capacity(all.len());
    for (first, last) in all {
        match merged.last_mut() {
            // Between protocols there is a number that is no port.
            Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

fn and(one: &Spans, other: &Spans) -> Spans {
    let (mut at, mut beside) = (one.iter().peekable(), other.iter().peekable());
    let mut all = Vec::new();
    while let (Some(left), Some(right)) = (at.peek(), beside.peek()) {
        let (first, last) = (left.0.max(right.0), left.1.min(right.1));
        if first <= last {
            all.push((first, last));
        }
        if left.1 < right.1 {
            at.next()
        } else {
            beside.next()
        };
    }
    all
}

fn minus(one: &Spans, other: &Spans) -> Spans {
    let mut all = Vec::new();
    for &(first, last) in one {
        let mut from = first;
        for &(cut, end) in other.iter().filter(|(cut, end)| *cut <= last && *end >= first) {
            if cut > from {
                all.push((from, cut - 1));
            }
            from = from.max(end + 1);
        }
        if from <= last {
            all.push((from, last));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_made_and_shown() {
        let mut sets = Sets::default();
        let web = sets.of(Protocol::Tcp, 80, 80);
        let range = sets.of(Protocol::Tcp, 81, 90);
        let dns = sets.of(Protocol::Udp, 53, 53);
        let both = sets.or(web, range);
        let three = sets.or(both, dns);
        assert_eq!(sets.shown(three), "TCP 80-90; UDP 53");
        let cut = sets.of(Protocol::Tcp, 82, 84);
        let rest = sets.minus(three, cut);
        assert_eq!(sets.shown(rest), "TCP 80-81,85-90; UDP 53");
        let same = sets.and(rest, both);
        assert_eq!(sets.shown(same), "TCP 80-81,85-90");
        assert_eq!(sets.minus(web, three), NONE);
        let most = sets.minus(ALL, web);
        assert_eq!(sets.shown(most), "TCP 1-79,81-65535; UDP all; SCTP all; other protocols");
        assert_eq!(sets.or(most, web), ALL);
        assert_eq!(sets.of(Protocol::Tcp, 0, 5), NONE);
    }

    proptest::proptest! {
        #[test]
        fn sets_are_sets(one: Vec<(u8, u8, u16)>, other: Vec<(u8, u8, u16)>, port in 1_u16..40) {
            let mut sets = Sets::default();
            let mut make = |list: Vec<(u8, u8, u16)>| list.iter().fold(NONE, |all, (kind, first, length)| {
                let protocol = Protocol::ALL[usize::from(kind % 3)].0;
                let first = u16::from(first % 30) + 1;
                let own = sets.of(protocol, first, first + length % 8);
                sets.or(all, own)
            });
            let (one, other) = (make(one), make(other));
            let (or, and, minus) = (sets.or(one, other), sets.and(one, other), sets.minus(one, other));
            for (protocol, _) in Protocol::ALL {
                let (left, right) = (sets.holds(one, protocol, port), sets.holds(other, protocol, port));
                proptest::prop_assert_eq!(sets.holds(or, protocol, port), left || right);
                proptest::prop_assert_eq!(sets.holds(and, protocol, port), left && right);
                proptest::prop_assert_eq!(sets.holds(minus, protocol, port), left && !right);
            }
        }
    }
}
