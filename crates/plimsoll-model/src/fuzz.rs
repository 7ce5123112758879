//! Bodies of fuzz targets: plain functions that panic when a law is broken. The fuzzer calls them, and so do short property tests.

use std::cmp::Ordering;

use crate::purl::{Purl, of_package, to_package};
use crate::version::{Scheme, Version};
use crate::{ImagePath, Location, Package};

/// Reads lines of `data` as versions of the scheme that the first byte picks, and checks that their order is one.
///
/// # Panics
/// When the order of three of them is not antisymmetric or not transitive.
pub fn versions(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let scheme = Scheme::ALL[usize::from(*first) % Scheme::ALL.len()];
    let text = String::from_utf8_lossy(rest);
    let versions: Vec<Version> =
        text.split('\n').filter_map(|line| Version::parse(scheme, line).ok()).take(8).collect();
    let order =
        |left: &Version, right: &Version| -> Ordering { left.compare(right).expect("all are of one scheme") };
    for left in &versions {
        assert_eq!(order(left, left), Ordering::Equal, "{left}");
        for middle in &versions {
            assert_eq!(order(left, middle), order(middle, left).reverse(), "{left} {middle}");
            for right in
                versions.iter().filter(|right| order(left, middle).is_le() && order(middle, right).is_le())
            {
                assert!(order(left, right).is_le(), "{left} {middle} {right}");
            }
        }
    }
}

/// Looks for what runs in an object, with kinds that use every way of saying where something stands.
///
/// # Panics
/// When the pointer of an image does not lead to its name.
pub fn workload(data: &[u8]) {
    let Ok(object) = serde_json::from_slice::<serde_json_borrow::Value<'_>>(data) else { return };
    let Ok(owned) = serde_json::from_slice::<serde_json::Value>(data) else { return };
    let mut kinds = crate::workload::Kinds::default();
    for line in ["Pod=image:/spec/*", "Pod=container:/spec/containers/*", "Pod=spec:/spec/*/*"] {
        kinds.add(line).expect("a kind");
    }
    let found = crate::workload::pods(&object, &kinds);
    let twice = found.unread.iter().any(|unread| unread.detail.ends_with("more than once"));
    for container in found.pods.iter().flat_map(|pod| &pod.containers) {
        if let Some(image) = container.image {
            let there = owned.pointer(&container.pointer).and_then(serde_json::Value::as_str);
            assert!(there == Some(image) || twice, "{} is {there:?}, not {image}", container.pointer);
        }
    }
}

/// Reads `data` as a package URL, writes it, and reads it again.
///
/// # Panics
/// When what was written does not read as the same package URL, or a package is not read back as it was written.
pub fn purl(data: &[u8]) {
    let Ok(purl) = Purl::parse_lenient(&String::from_utf8_lossy(data)) else { return };
    let canonical = purl.to_string();
    assert_eq!(Purl::parse(&canonical).as_ref(), Ok(&purl), "{canonical}");
    let Some(described) = to_package(&purl) else { return };
    let location = Location::new(ImagePath::from("sbom"));
    let mut package = Package::new(described.ecosystem, described.name, described.version, location);
    package.architecture = described.architecture;
    package.module = described.module;
    let written = of_package(&package, described.release.as_ref());
    // A second reading may find a rule broken (no `uuid`), but it never finds another package.
    if let Some(again) = Purl::parse(&written).ok().and_then(|purl| to_package(&purl)) {
        assert_eq!(again.ecosystem, package.ecosystem, "{written}");
        assert_eq!(again.architecture, package.architecture, "{written}");
        assert_eq!(again.module, package.module, "{written}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn versions(scheme in any::<u8>(), text in "([0-9]{1,2}([.~^_:!+-]|[a-c]|rc|-r|dev)?){1,4}(\n([0-9]([.~^-]|[a-c])?){1,3}){2,4}") {
            let mut data = vec![scheme];
            data.extend(text.bytes());
            super::versions(&data);
        }

        #[test]
        fn bytes(data in prop::collection::vec(any::<u8>(), 0..64)) {
            super::versions(&data);
            super::purl(&data);
        }

        #[test]
        fn purls(text in "pkg:(npm|deb|rpm|maven|golang|swift|git|julia)/[a-z@/%:.@ ]{1,16}(@[0-9:.%a-f-]{1,8})?([?](arch|epoch|distro|rpmmod|A)=[0-9a-z:%-]{1,8}){0,1}(#[a-z./%]{0,8})?") {
            super::purl(text.as_bytes());
        }
    }
}
