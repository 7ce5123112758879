//! Which functions a program holds, small enough to be kept for every program of an image: fingerprints instead of names.
//!
//! An advisory names an import path and symbols (`golang.org/x/net/html`, `Tokenizer.Next`). [`Functions::holds`] answers
//! whether code of them was linked in. Two names with one fingerprint make the answer "linked", the careful one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Is code of the functions that an advisory names in the program?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// At least one of them is.
    Linked,
    /// None of them is: the linker left them out.
    NotLinked,
    /// The advisory names none, or the program does not show its functions.
    CannotTell,
}

impl Reach {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Reach::Linked => "linked",
            Reach::NotLinked => "not linked",
            Reach::CannotTell => "cannot tell",
        }
    }
}

/// FNV-1a, 64 bits, one byte after the other: <http://www.isthe.com/chongo/tech/comp/fnv/>.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of no bytes.
    pub const EMPTY: Fingerprint = Fingerprint(0xcbf2_9ce4_8422_2325);

    /// With more bytes behind it.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Self {
        Fingerprint(
            bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)),
        )
    }

    /// As a number.
    pub fn value(self) -> u64 {
        self.0
    }
}

/// The functions of the programs in which a package was seen: one table for each, or none where a program does not show them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Functions {
    tables: Vec<Arc<[u64]>>,
    /// Some program that holds the package shows no functions.
    hidden: bool,
}

impl Functions {
    /// What one program shows: fingerprints of import paths, and of `path.Function`, `path.Type` and `path.Type.Method`.
    pub fn of_program(mut fingerprints: Vec<u64>) -> Self {
        fingerprints.sort_unstable();
        fingerprints.dedup();
        Functions { tables: vec![fingerprints.into()], hidden: false }
    }

    /// A program that does not show its functions.
    pub fn hidden() -> Self {
        Functions { tables: Vec::new(), hidden: true }
    }

    /// The tables and whether a program hides, to be kept elsewhere.
    pub fn parts(&self) -> (&[Arc<[u64]>], bool) {
        (&self.tables, self.hidden)
    }

    /// What [`Functions::parts`] gave; `None` where a table is not in order.
    pub fn from_parts(tables: Vec<Arc<[u64]>>, hidden: bool) -> Option<Self> {
        let in_order = tables.iter().all(|table| table.is_sorted_by(|a, b| a < b));
        in_order.then_some(Functions { tables, hidden })
    }

    /// Nobody looked: no program, or not one of a kind whose functions are read.
    pub fn is_unknown(&self) -> bool {
        self.tables.is_empty() && !self.hidden
    }

    /// Adds what was seen in another program.
    pub fn join(&mut self, other: Functions) {
        for table in other.tables {
            if !self.tables.contains(&table) {
                self.tables.push(table);
            }
        }
        self.hidden |= other.hidden;
    }

    /// Is the symbol of that import path in one of the programs? Without a symbol: anything of that path? `None` when it
    /// is in none that shows its functions, and one does not.
    pub fn holds(&self, path: &str, symbol: Option<&str>) -> Option<bool> {
        let mut fingerprint = Fingerprint::EMPTY.with(path.as_bytes());
        if let Some(symbol) = symbol {
            fingerprint = fingerprint.with(b".").with(symbol.as_bytes());
        }
        let value = fingerprint.value();
        if self.tables.iter().any(|table| table.binary_search(&value).is_ok()) {
            Some(true)
        } else if self.hidden || self.tables.is_empty() {
            None
        } else {
            Some(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(names: &[&str]) -> Functions {
        Functions::of_program(
            names.iter().map(|name| Fingerprint::EMPTY.with(name.as_bytes()).value()).collect(),
        )
    }

    #[test]
    fn one_program_that_has_it_is_enough_and_one_that_hides_makes_it_open() {
        let mut functions = program(&["a/b", "a/b.F"]);
        assert_eq!(functions.holds("a/b", Some("F")), Some(true));
        assert_eq!(functions.holds("a/b", None), Some(true));
        assert_eq!(functions.holds("a/b", Some("G")), Some(false));
        assert_eq!(functions.holds("a/c", None), Some(false));
        functions.join(program(&["a/b.G"]));
        assert_eq!(functions.holds("a/b", Some("G")), Some(true));
        functions.join(Functions::hidden());
        assert_eq!(functions.holds("a/b", Some("G")), Some(true));
        assert_eq!(functions.holds("a/b", Some("H")), None);
        assert_eq!(Functions::default().holds("a/b", None), None);
        let (tables, hidden) = functions.parts();
        assert_eq!(Functions::from_parts(tables.to_vec(), hidden), Some(functions.clone()));
        assert_eq!(Functions::from_parts(vec![vec![2, 1].into()], false), None);
        assert!(Functions::default().is_unknown() && !Functions::hidden().is_unknown());
    }
}
