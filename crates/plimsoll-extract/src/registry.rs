//! The one list of extractors. A new one is one line here.

use plimsoll_fs::Entry;
use plimsoll_model::ImagePath;

use crate::{Extractor, binary, lang, os};

/// All extractors, in the order in which they are asked. Several may want the same file.
pub static EXTRACTORS: &[&Extractor] = &[
    // Distributions.
    &os::os_release::OS_RELEASE,
    &os::lsb_release::LSB_RELEASE,
    &os::debian_version::DEBIAN_VERSION,
    &os::alpine_release::ALPINE_RELEASE,
    &os::apk_repositories::APK_REPOSITORIES,
    &os::named_release::NAMED_RELEASE,
    &os::dpkg_status::DPKG_STATUS,
    &os::dpkg_files::DPKG_FILES,
    &os::dpkg_copyright::DPKG_COPYRIGHT,
    &os::bottlerocket_inventory::BOTTLEROCKET_INVENTORY,
    &os::chisel_manifest::CHISEL_MANIFEST,
    &os::content_sets::CONTENT_SETS,
    &os::opkg_status::OPKG_STATUS,
    &os::opkg_status::OPKG_FILES,
    &os::apk_installed::APK_INSTALLED,
    &os::nix_store::NIX_STORE,
    &os::pacman_local::PACMAN_DESC,
    &os::pacman_local::PACMAN_FILES,
    &os::portage_contents::PORTAGE_CONTENTS,
    &os::rpm_bdb::RPM_BDB,
    &os::rpm_ndb::RPM_NDB,
    &os::rpm_sqlite::RPM_SQLITE,
    &os::rpm_sqlite::RPM_SQLITE_LOG,
    &os::rpm_manifest::RPM_MANIFEST,
    // Languages.
    &lang::bitnami_spdx::BITNAMI_SPDX,
    &lang::bun_lock::BUN_LOCK,
    &lang::composer_installed::COMPOSER_INSTALLED,
    &lang::composer_lock::COMPOSER_LOCK,
    &lang::dotnet_deps::DOTNET_DEPS,
    &lang::gemfile_lock::GEMFILE_LOCK,
    &lang::gemspec::GEMSPEC,
    &lang::msbuild_project::MSBUILD_PROJECT,
    &lang::node_modules::NODE_MODULES,
    &lang::nuget_lock::NUGET_LOCK,
    &lang::nuspec::NUSPEC,
    &lang::package_lock::PACKAGE_LOCK,
    &lang::packages_config::PACKAGES_CONFIG,
    &lang::pdm_lock::PDM_LOCK,
    &lang::pipfile_lock::PIPFILE_LOCK,
    &lang::pnpm_lock::PNPM_LOCK,
    &lang::poetry_lock::POETRY_LOCK,
    &lang::pylock::PYLOCK,
    &lang::python_installed::PYTHON_INSTALLED,
    &lang::python_sbom::PYTHON_SBOM,
    &lang::requirements::REQUIREMENTS,
    &lang::uv_lock::UV_LOCK,
    &lang::yarn_lock::YARN_LOCK,
    &lang::cargo_lock::CARGO_LOCK,
    &lang::go_mod::GO_MOD,
    &lang::gradle_lockfile::GRADLE_LOCKFILE,
    &lang::pom::POM,
    &lang::cabal_freeze::CABAL_FREEZE,
    &lang::conan_cache::CONAN_CACHE,
    &lang::conan_info::CONAN_INFO,
    &lang::conan_lock::CONAN_LOCK,
    &lang::conda_meta::CONDA_META,
    &lang::ghc_package::GHC_PACKAGE,
    &lang::julia_manifest::JULIA_MANIFEST,
    &lang::mix_lock::MIX_LOCK,
    &lang::gleam_manifest::GLEAM_MANIFEST,
    &lang::otp_app::OTP_APP,
    &lang::podfile_lock::PODFILE_LOCK,
    &lang::pubspec_lock::PUBSPEC_LOCK,
    &lang::r_description::R_DESCRIPTION,
    &lang::rebar_lock::REBAR_LOCK,
    &lang::renv_lock::RENV_LOCK,
    &lang::stack_lock::STACK_LOCK,
    &lang::swift_resolved::SWIFT_RESOLVED,
    &lang::cpanfile_snapshot::CPANFILE_SNAPSHOT,
    &lang::deno_lock::DENO_LOCK,
    &lang::github_workflow::GITHUB_WORKFLOW,
    &lang::luarocks::LUAROCKS,
    &lang::opam_switch::OPAM_SWITCH,
    &lang::terraform_lock::TERRAFORM_LOCK,
    &lang::wordpress::WORDPRESS_CORE,
    &lang::wordpress::WORDPRESS_EXTENSION,
    &lang::bun_lockb::BUN_LOCKB,
    &lang::flatpak::FLATPAK,
    &lang::gradle_verification::GRADLE_VERIFICATION,
    &lang::homebrew::HOMEBREW,
    &lang::homebrew::HOMEBREW_CASK,
    &lang::hugging_face::HUGGING_FACE,
    &lang::paket_lock::PAKET_LOCK,
    &lang::pear::PEAR,
    &lang::sbt_lock::SBT_LOCK,
    &lang::script_library::SCRIPT_LIBRARY,
    &lang::snap::SNAP,
    &lang::snap::SNAP_CONTENTS,
    &lang::vcpkg_manifest::VCPKG_MANIFEST,
    &lang::vcpkg_status::VCPKG_STATUS,
    // Binaries and archives.
    &binary::archived_packages::ARCHIVED_PACKAGES,
    &binary::model::MODEL,
    &binary::kernel::KERNEL_IMAGE,
    &binary::kernel::KERNEL_MODULE,
    &binary::executable::EXECUTABLE,
    &binary::java_archive::JAVA_ARCHIVE,
    &binary::product_files::PRODUCT_FILE,
];

/// The extractors that want a file, in the order of the registry.
pub fn wanting<'a>(entry: &Entry<'a>) -> impl Iterator<Item = &'static Extractor> + use<'a> {
    let entry = *entry;
    // Asked at most once, and only when a lockfile was found.
    let mut inside = None;
    EXTRACTORS.iter().copied().filter(move |extractor| {
        (extractor.wants)(&entry)
            && !(extractor.declares && *inside.get_or_insert_with(|| is_inside_a_package(entry.path)))
    })
}

/// Folders whose contents somebody else built: what a lockfile in there declares was resolved for that package's own
/// development, and is not installed. npm, pip, Bundler, Composer and Cargo ignore lockfiles of dependencies.
const PACKAGE_FOLDERS: &[&[u8]] = &[
    b"/node_modules/",
    b"/usr/share/nodejs/",
    b"/site-packages/",
    b"/dist-packages/",
    b"/gems/",
    b"/vendor/",
    b"/.cargo/registry/",
    b"/.cargo/git/",
    b"/pkg/mod/",
    b"/.nuget/packages/",
    b"/.m2/repository/",
    b"/usr/share/doc/",
    b"/usr/share/gocode/",
    b"/usr/share/cargo/registry/",
];

fn is_inside_a_package(path: &ImagePath) -> bool {
    // npm keeps what it installed in `node_modules/.package-lock.json`: that one speaks of what is there.
    if path.as_bytes().ends_with(b"node_modules/.package-lock.json") {
        return false;
    }
    let rooted = [b"/", path.as_bytes()].concat();
    PACKAGE_FOLDERS.iter().any(|folder| rooted.windows(folder.len()).any(|window| window == *folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockfiles_of_dependencies_are_not_asked_for() {
        for (path, wanted) in [
            ("srv/web/package-lock.json", true),
            ("srv/web/node_modules/.package-lock.json", true),
            ("srv/web/node_modules/uri-js/yarn.lock", false),
            ("usr/share/nodejs/lodash-cli/npm-shrinkwrap.json", false),
            ("srv/venv/lib/python3.11/site-packages/x/requirements.txt", false),
            ("root/.cargo/registry/src/x-1.0.0/Cargo.lock", false),
            ("srv/web/node_modules/uri-js/package.json", true),
        ] {
            let path = ImagePath::from(path);
            let entry = Entry { path: &path, size: 1000, mode: 0o644 };
            assert_eq!(wanting(&entry).next().is_some(), wanted, "{path}");
        }
    }
}
