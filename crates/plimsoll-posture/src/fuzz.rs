//! What fuzz targets run.

use std::collections::BTreeMap;

use crate::dockerfile::{ignore, read};
use crate::rule::{BuildContext, Surroundings, check_dockerfile};

/// Reads bytes as a Dockerfile, applies every rule, and checks what must hold of any input: no panic, and places within the text.
pub fn fuzz_dockerfile(data: &[u8]) {
    let file = read(data);
    let lines = data.split(|byte| *byte == b'\n').count();
    let around = Surroundings { context: Some(BuildContext::default()), support: Some(BTreeMap::default()) };
    let judged = check_dockerfile(&file, &around);
    for breach in &judged.breaches {
        let place = breach.place.expect("every finding of a Dockerfile has a place");
        assert!(place.line >= 1 && place.line as usize <= lines && place.column >= 1, "{breach:?}");
        assert!(!breach.detail.is_empty() && !breach.action.is_empty(), "{breach:?}");
    }
    ignore::read(&file.parsed, "2026-11-25");
    for stage in &file.stages {
        assert!(stage.steps.start < stage.steps.end && stage.steps.end <= file.steps.len());
    }
}
