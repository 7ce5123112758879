//! Maven's order, by the "Version Order Specification" of the POM reference.
//!
//! A version is a list of numbers; a hyphen, a change between digits and letters, and a word behind a dot open a list inside the list.
//! Nulls (`0`, `final`, `ga`, `release`) at the end of a list do not count.
//!
//! ComparableVersion of Maven 3.8 differs in two corners, and goes round in circles there (`1 < 1-1 < 1.0.rc-1 < 1`): it
//! opens no list for a word between a dot and another separator (`1.rc-1`), and keeps lists inside lists without anything between
//! (`1--rc`). The specification says `.qualifier` equals `-qualifier` and trims nulls before each hyphen, which is
//! a total order; so it is done here.

use std::cmp::Ordering;

use super::number::Number;
use super::{Order, order_by_cmp};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Number(Number),
    Word(Qualifier),
}

/// Ordered as the specification lists them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Qualifier {
    Alpha,
    Beta,
    Milestone,
    Candidate,
    Snapshot,
    Release,
    ServicePack,
    Other(Box<str>),
}

impl Qualifier {
    fn new(word: &str, before_digit: bool) -> Self {
        match word {
            "a" if before_digit => Qualifier::Alpha,
            "b" if before_digit => Qualifier::Beta,
            "m" if before_digit => Qualifier::Milestone,
            "alpha" => Qualifier::Alpha,
            "beta" => Qualifier::Beta,
            "milestone" => Qualifier::Milestone,
            "rc" | "cr" => Qualifier::Candidate,
            "snapshot" => Qualifier::Snapshot,
            "" | "final" | "ga" | "release" => Qualifier::Release,
            "sp" => Qualifier::ServicePack,
            other => Qualifier::Other(other.into()),
        }
    }
}

impl Item {
    fn is_null(&self) -> bool {
        match self {
            Item::Number(number) => number.is_zero(),
            Item::Word(qualifier) => *qualifier == Qualifier::Release,
        }
    }

    /// Order against nothing at all.
    fn compare_to_nothing(&self) -> Ordering {
        match self {
            Item::Number(number) => number.cmp(&Number::ZERO),
            Item::Word(qualifier) => qualifier.cmp(&Qualifier::Release),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    /// Each list is the last element of the one before it. Only the first may be empty.
    lists: Vec<Vec<Item>>,
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        // Ranges, properties and meta-versions of a POM are no versions, nor is what Gradle writes for none. ComparableVersion
        // would put these words before every number, though nobody knows which version they mean.
        let readable = lower.chars().any(char::is_alphanumeric)
            && !matches!(
                lower.as_str(),
                "latest" | "release" | "unspecified" | "unknown" | "undefined" | "null"
            )
            && !lower.contains(['[', ']', '(', ')', ',', '$', '{', '}', '<', '>', '|', '*']);
        if !readable {
            return None;
        }
        let mut lists: Vec<Vec<Item>> = Vec::new();
        let mut open = Vec::new();
        let mut rest = lower.as_str();
        loop {
            let digits = rest.starts_with(|first: char| first.is_ascii_digit());
            let length = rest
                .find(|next: char| matches!(next, '.' | '-') || next.is_ascii_digit() != digits)
                .unwrap_or(rest.len());
            let (token, behind) = rest.split_at(length);
            let next = behind.chars().next();
            if token.is_empty() {
                // Nothing between two separators is a zero, nothing at the end is nothing.
                if next.is_some() {
                    open.push(Item::Number(Number::ZERO));
                }
            } else if digits {
                open.push(Item::Number(Number::new(token)));
            } else {
                if !open.is_empty() {
                    lists.push(std::mem::take(&mut open));
                }
                let before_digit = next.is_some_and(|next| next.is_ascii_digit());
                open.push(Item::Word(Qualifier::new(token, before_digit)));
            }
            match next {
                None => break,
                Some('.') => rest = &behind[1..],
                Some(other) => {
                    lists.push(std::mem::take(&mut open));
                    rest = if other == '-' { &behind[1..] } else { behind };
                }
            }
        }
        lists.push(open);
        for list in &mut lists {
            while list.last().is_some_and(Item::is_null) {
                list.pop();
            }
        }
        // The first list stays: an empty one is version 0, and what hangs below it is below version 0.
        let mut first = true;
        lists.retain(|list| std::mem::take(&mut first) || !list.is_empty());
        Some(Key { lists })
    }

    fn is_prerelease(&self) -> bool {
        self.lists
            .iter()
            .flatten()
            .any(|item| matches!(item, Item::Word(qualifier) if *qualifier < Qualifier::Release))
    }

    fn branch(&self) -> Option<&Number> {
        match self.lists.first().and_then(|list| list.first()) {
            Some(Item::Number(number)) => Some(number),
            Some(Item::Word(_)) => None,
            None => Some(&Number::ZERO),
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let mut left = self.lists.iter();
        let mut right = other.lists.iter();
        loop {
            let (left_list, right_list) = match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (Some(list), None) => return compare_to_nothing(list, left),
                (None, Some(list)) => return compare_to_nothing(list, right).reverse(),
                (Some(left_list), Some(right_list)) => (left_list, right_list),
            };
            for index in 0..left_list.len().max(right_list.len()) {
                let order = match (left_list.get(index), right_list.get(index)) {
                    (Some(left_item), Some(right_item)) => compare_items(left_item, right_item),
                    (Some(item), None) => compare_to_end(item, right.as_slice()),
                    (None, Some(item)) => compare_to_end(item, left.as_slice()).reverse(),
                    (None, None) => Ordering::Equal,
                };
                if order.is_ne() {
                    return order;
                }
            }
        }
    }
}

order_by_cmp!(Key);

/// Words come before numbers.
fn compare_items(left: &Item, right: &Item) -> Ordering {
    match (left, right) {
        (Item::Number(left), Item::Number(right)) => left.cmp(right),
        (Item::Word(left), Item::Word(right)) => left.cmp(right),
        (Item::Word(_), Item::Number(_)) => Ordering::Less,
        (Item::Number(_), Item::Word(_)) => Ordering::Greater,
    }
}

/// An item where the other version's list has ended: numbers come after the lists below, words before them.
fn compare_to_end(item: &Item, below: &[Vec<Item>]) -> Ordering {
    match item {
        _ if below.is_empty() => item.compare_to_nothing(),
        Item::Number(_) => Ordering::Greater,
        Item::Word(_) => Ordering::Less,
    }
}

/// A list, and what hangs below it, where the other version has ended.
fn compare_to_nothing<'list>(list: &'list [Item], below: impl Iterator<Item = &'list Vec<Item>>) -> Ordering {
    list.iter()
        .chain(below.flatten())
        .map(Item::compare_to_nothing)
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases, refuse};

    #[test]
    fn order() {
        check(
            Scheme::Maven,
            &[
                "1 = 1.0.0",
                "1 = 1-ga",
                "1 = 1.0.Final",
                "1 = 1.RELEASE",
                "1-a1 = 1-alpha-1",
                "1.0.RC1 = 1.0-CR1",
                "1.0-alpha < 1.0-beta",
                "1.0-beta < 1.0-milestone",
                "1.0-milestone < 1.0-rc",
                "1.0-rc < 1.0-SNAPSHOT",
                "1.0-SNAPSHOT < 1.0",
                "1.0 < 1.0-sp",
                "1.0-sp < 1.0-jre",
                "1.0-android < 1.0-jre",
                "1.0-jre < 1.0-1",
                "1.0-1 < 1.0.1",
                "1-1.foo-bar1baz-.1 = 1-1.foo-bar-1-baz-0.1",
                "9.4.1.v20140101 < 9.4.1.v20150101",
                "1.0.0.redhat-1 > 1.0.0",
                // Where ComparableVersion goes round in circles.
                "1.0.rc-1 < 1.0",
                "1.0.rc-1 = 1.0-rc-1",
                "1.0.rc-1 < 1.0-1",
                "1-foo > 1--alpha",
            ],
        );
        refuse(Scheme::Maven, &["[1.0,2.0)", "${project.version}", "-", "..", "*", "unspecified", "LATEST"]);
        prereleases(
            Scheme::Maven,
            &["1.0-SNAPSHOT", "1.0-m1", "1.0.CR2"],
            &["1.0.Final", "1.0-jre", "1.0-1"],
        );
    }
}
