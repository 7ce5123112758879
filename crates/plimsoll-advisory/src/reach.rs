//! Is code of the functions that an advisory names in the program? Said as evidence and as [`Reach`]; decides nothing else.

use std::rc::Rc;

use plimsoll_model::functions::Reach;
use plimsoll_model::{Evidence, Package};

use crate::matching::Hit;
use crate::store::Sourced;

/// How many functions are named in the evidence.
const SHOWN: usize = 5;

/// Weighs all records about one flaw in one Go package, and adds what they say to the evidence. `None` when the package
/// was seen in no program: then nobody looked.
///
/// One function that is there makes it linked. It is not linked when at least one record names functions, all functions of
/// all records that name some are looked for, and none is there.
pub(crate) fn weigh(
    programs: &[&Package],
    hits: &[&(Hit, Rc<Sourced>)],
    evidence: &mut Vec<Evidence>,
) -> Option<Reach> {
    if programs.iter().all(|package| package.functions.is_unknown()) {
        return None;
    }
    let mut reach: Option<Reach> = None;
    for (hit, sourced) in hits {
        let imports = &hit.entry.qualifiers.imports;
        if imports.is_empty() {
            continue;
        }
        let mut linked = Vec::new();
        let mut is_open = false;
        let mut named = Vec::new();
        for import in imports {
            let symbols: Vec<Option<&str>> = match import.symbols.as_slice() {
                [] => vec![None],
                symbols => symbols.iter().map(|symbol| Some(symbol.as_str())).collect(),
            };
            for symbol in symbols {
                let name = symbol.map_or(import.path.clone(), |symbol| format!("{}.{symbol}", import.path));
                for package in programs {
                    match package.functions.holds(&import.path, symbol) {
                        Some(true) if linked.last() != Some(&name) => linked.push(name.clone()),
                        Some(_) => {}
                        None => is_open = true,
                    }
                }
                named.push(name);
            }
        }
        let (said, compared) = if !linked.is_empty() {
            (Reach::Linked, format!("linked: {}", shown(&linked)))
        } else if is_open {
            (Reach::CannotTell, "cannot tell: the program does not show them all by name".to_owned())
        } else {
            (Reach::NotLinked, "not linked: none of them is in the program".to_owned())
        };
        reach = Some(match (reach, said) {
            (Some(Reach::Linked), _) | (_, Reach::Linked) => Reach::Linked,
            (Some(Reach::CannotTell), _) | (_, Reach::CannotTell) => Reach::CannotTell,
            _ => Reach::NotLinked,
        });
        evidence.push(Evidence {
            source: sourced.source.clone(),
            record: sourced.record.id.clone(),
            date: crate::matching::date(sourced),
            range: format!("functions with the flaw: {}", shown(&named)),
            compared,
            rule: "reach".into(),
        });
    }
    // Without a record that names functions there is nothing to look for, and that is no answer.
    Some(reach.unwrap_or(Reach::CannotTell))
}

fn shown(names: &[String]) -> String {
    let first = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{first} and {more} more"),
        _ => first,
    }
}
