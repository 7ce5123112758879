//! The rules for Dockerfiles, one file each.

pub(crate) mod add_from_url;
pub(crate) mod add_instead_of_copy;
pub(crate) mod apk_cache_left;
pub(crate) mod apk_packages_unpinned;
pub(crate) mod apt_asks;
pub(crate) mod apt_instead_of_apt_get;
pub(crate) mod apt_lists_left;
pub(crate) mod apt_packages_unpinned;
pub(crate) mod apt_recommends_installed;
pub(crate) mod archive_copied_then_unpacked;
pub(crate) mod base_image_without_tag;
pub(crate) mod base_out_of_support;
pub(crate) mod base_without_digest;
pub(crate) mod build_runs_unconfined;
pub(crate) mod cd_instead_of_workdir;
pub(crate) mod command_without_use;
pub(crate) mod copy_from_own_stage;
pub(crate) mod copy_from_unknown_stage;
pub(crate) mod copy_many_to_file;
pub(crate) mod copy_to_relative_path;
pub(crate) mod credentials_in_command;
pub(crate) mod curl_and_wget;
pub(crate) mod default_shell_replaced;
pub(crate) mod distribution_upgrade_in_build;
pub(crate) mod download_piped_to_shell;
pub(crate) mod download_without_checksum;
pub(crate) mod duplicate_stage_name;
pub(crate) mod env_refers_to_itself;
pub(crate) mod gem_packages_unpinned;
pub(crate) mod go_install_unpinned;
pub(crate) mod healthcheck_missing;
pub(crate) mod instruction_before_from;
pub(crate) mod invalid_label_key;
pub(crate) mod invalid_onbuild;
pub(crate) mod invalid_port;
pub(crate) mod last_user_is_root;
pub(crate) mod latest_tag;
pub(crate) mod maintainer_instruction;
pub(crate) mod no_user;
pub(crate) mod npm_install_instead_of_ci;
pub(crate) mod npm_packages_unpinned;
pub(crate) mod old_env_form;
pub(crate) mod password_set_in_build;
pub(crate) mod passwordless_sudo;
pub(crate) mod pip_cache_left;
pub(crate) mod pip_packages_unpinned;
pub(crate) mod pip_without_hashes;
pub(crate) mod pipe_without_pipefail;
pub(crate) mod plain_http_download;
pub(crate) mod platform_fixed;
pub(crate) mod relative_workdir;
pub(crate) mod rpm_asks;
pub(crate) mod rpm_cache_left;
pub(crate) mod rpm_packages_unpinned;
pub(crate) mod secret_file_copied;
pub(crate) mod secret_in_build_argument;
pub(crate) mod secret_in_environment;
pub(crate) mod secret_mount_written;
pub(crate) mod sensitive_volume;
pub(crate) mod setuid_mode;
pub(crate) mod several_cmd;
pub(crate) mod several_entrypoint;
pub(crate) mod several_healthcheck;
pub(crate) mod shell_form_entrypoint;
pub(crate) mod ssh_port_exposed;
pub(crate) mod sudo_in_build;
pub(crate) mod tls_check_disabled;
pub(crate) mod unsigned_packages_allowed;
pub(crate) mod update_without_install;
pub(crate) mod useradd_large_id;
pub(crate) mod whole_context_copied;
pub(crate) mod world_writable_mode;
pub(crate) mod yarn_cache_left;

mod install;
mod prelude;

use prelude::*;

/// Archives that `ADD` unpacks.
fn is_archive(name: &str) -> bool {
    const ENDS: &[&str] = &[
        ".tar",
        ".tar.gz",
        ".tgz",
        ".tar.bz2",
        ".tbz2",
        ".tbz",
        ".tb2",
        ".tar.xz",
        ".txz",
        ".tar.zst",
        ".tzst",
        ".tar.lzma",
        ".tlz",
        ".tar.z",
        ".gz",
        ".bz2",
        ".xz",
        ".lz",
        ".lzma",
        ".zst",
        ".z",
    ];
    let name = name.to_ascii_lowercase();
    ENDS.iter().any(|end| name.ends_with(end))
}

/// Only the last instruction of the kind counts in a stage.
fn several(scene: &Scene<'_>, report: &mut Reporter<'_>, keyword: Keyword) {
    for stage in &scene.file.stages {
        let mut steps = scene.file.steps[stage.steps.clone()]
            .iter()
            .filter(|step| step.instruction.keyword == keyword && !step.instruction.onbuild);
        let Some(first) = steps.next() else { continue };
        let mut before = first;
        for step in steps {
            let name = &step.instruction.name;
            report.step(before, format!("a later {name} of the same stage replaces it"));
            before = step;
        }
    }
}
