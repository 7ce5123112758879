//! The rules for images, one file each.

pub(crate) mod account_without_password;
pub(crate) mod capable_file;
pub(crate) mod history_add_from_url;
pub(crate) mod history_download_piped_to_shell;
pub(crate) mod history_unsigned_packages;
pub(crate) mod image_date_implausible;
pub(crate) mod image_exposes_ssh;
pub(crate) mod image_runs_as_root;
pub(crate) mod image_sensitive_volume;
pub(crate) mod image_tag_latest;
pub(crate) mod image_without_healthcheck;
pub(crate) mod image_without_origin;
pub(crate) mod package_leftovers;
pub(crate) mod privileged_port_exposed;
pub(crate) mod second_root_account;
pub(crate) mod setuid_file;
pub(crate) mod setuid_files_of_distribution;
pub(crate) mod ssh_keys_authorised;
pub(crate) mod ssh_server_present;
pub(crate) mod sudo_without_password;
pub(crate) mod tools_present;
pub(crate) mod world_writable_file;

mod prelude;
