//! What fuzz targets run.

use std::path::Path;

use crate::client::attempt;
use crate::{Kubeconfig, Resource};

/// Reads arbitrary bytes as each thing that comes from outside: a kubeconfig, the answer of a program, a page, a line.
///
/// # Panics
/// When a law is broken: what is not read to its end, or has no items, passes for a list.
pub fn fuzz_answers(data: &[u8]) {
    static PODS: Resource = Resource::new("", "v1", "pods", "Pod", true);
    if let Ok(text) = std::str::from_utf8(data) {
        let mut config = Kubeconfig::default();
        if config.add(Path::new("/folder/config"), text).is_ok() {
            let names: Vec<String> = config.contexts().map(str::to_owned).collect();
            for name in std::iter::once(None).chain(names.iter().map(|name| Some(name.as_str()))).take(10) {
                if let Ok(chosen) = config.choose("config", name) {
                    let _ = (chosen.cluster.authority(), chosen.user.certificate(), chosen.user.token_file());
                }
            }
        }
    }
    crate::exec::read_any(data);
    if let Ok(page) = crate::list::read(data, &PODS) {
        assert!(page.items.iter().all(|item| item.get("kind").as_str() == Some("Pod")), "an item is no pod");
    }
    let _ = crate::watch::read(data, &PODS, &attempt("watch", "pods".into(), None, None));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn answers_are_hostile(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in r#"(\{|\}|\[|\]|"items":|"object":|"type":"ADDED"|"metadata":|"status":|"token":|clusters:|users:|- name: a|\n|  |exec:|,|null|1|"a"){0,24}"#,
        ) {
            super::fuzz_answers(&bytes);
            super::fuzz_answers(text.as_bytes());
        }
    }

    #[test]
    fn the_good_one_is_read() {
        super::fuzz_answers(include_bytes!("../fixtures/kubeconfig/good.yaml"));
    }
}
