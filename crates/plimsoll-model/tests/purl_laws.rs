//! Laws of package URLs.

use plimsoll_model::ecosystem::ECOSYSTEMS;
use plimsoll_model::purl::{Parts, Purl, of_package, to_package};
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Release};
use proptest::prelude::*;
use proptest::sample::select;

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,60}", tail in "[a-zA-Z0-9%@?#&=/:.+_~-]{0,40}") {
        for text in [text, format!("pkg:{tail}"), format!("pkg:npm/{tail}")] {
            if let Ok(purl) = Purl::parse_lenient(&text) {
                // What was read is written canonically, and reads as itself.
                let canonical = purl.to_string();
                prop_assert_eq!(Purl::parse(&canonical), Ok(purl), "{} from {}", canonical, text);
            }
        }
    }

    #[test]
    fn parts_survive(
        kind in select(vec!["generic", "npm", "maven", "deb", "git", "pypi"]),
        name in ".{1,12}", version in ".{0,12}", namespace in ".{0,12}", subpath in ".{0,12}", value in ".{0,12}",
    ) {
        let parts = Parts {
            kind: kind.into(), namespace, name, version, subpath,
            qualifiers: [("key".to_owned(), value)].into(),
        };
        if let Ok(purl) = Purl::build(parts) {
            prop_assert_eq!(Purl::parse(&purl.to_string()), Ok(purl));
        }
    }

    #[test]
    fn packages_survive(
        ecosystem in select(ECOSYSTEMS.iter().map(|row| row.ecosystem).collect::<Vec<_>>()),
        group in "[a-z][a-z0-9.]{0,8}", name in "[a-z][a-z0-9_.+-]{0,10}", version in "([0-9]{1,2}:)?[0-9][0-9a-z.~+-]{0,12}",
        architecture in prop::option::of(select(vec!["amd64", "x86_64", "noarch"])),
        module in prop::option::of("[a-z]{1,5}:[0-9]{1,3}"),
        distro in prop::option::of((select(vec!["debian", "rhel", "alpine", "opensuse-leap", "wolfi", "unheard-of"]), "[0-9]{1,2}(\\.[0-9])?")),
    ) {
        let spelled = match ecosystem {
            Ecosystem::Maven => format!("{group}:{name}"),
            Ecosystem::Npm => format!("@{group}/{name}"),
            Ecosystem::Go | Ecosystem::Packagist | Ecosystem::Swift => format!("{group}/{name}"),
            _ => name,
        };
        let mut package = Package::new(ecosystem, spelled, version, Location::new(ImagePath::from("a")));
        package.architecture = architecture.map(str::to_owned);
        package.module = module.filter(|_| ecosystem == Ecosystem::Rpm);
        if ecosystem == Ecosystem::Julia {
            package.properties.insert("uuid".into(), "ac24ea0c".into());
        }
        let release = distro.map(|(id, version)| Release { id: id.into(), version, ..Release::default() });
        let text = of_package(&package, release.as_ref());
        let purl = Purl::parse(&text).expect("our own package URL is one");
        prop_assert_eq!(purl.to_string(), text.clone());
        let back = to_package(&purl).expect("our own types are known");
        prop_assert_eq!(back.ecosystem, ecosystem);
        prop_assert_eq!(ecosystem.normalise(&back.name), ecosystem.normalise(&package.name));
        // Epoch 0 of an RPM is no epoch.
        let mut version = package.version.as_str();
        if ecosystem == Ecosystem::Rpm
            && let Some((epoch, rest)) = version.split_once(':')
            && epoch.bytes().all(|byte| byte == b'0')
        {
            version = rest;
        }
        prop_assert_eq!(&back.version, version);
        prop_assert_eq!(&back.architecture, &package.architecture);
        prop_assert_eq!(&back.module, &package.module);
        prop_assert_eq!(back.release, release.filter(|_| ecosystem.is_distribution()));
        // And what was read back is written as the same package URL.
        let mut again = Package::new(ecosystem, back.name, back.version, Location::new(ImagePath::from("a")));
        again.architecture = back.architecture;
        again.module = back.module;
        again.properties = package.properties;
        let release = to_package(&purl).and_then(|described| described.release);
        prop_assert_eq!(of_package(&again, release.as_ref()), text);
    }
}
