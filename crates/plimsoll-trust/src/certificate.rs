//! What sigstore-verify reads of a certificate, in our words.

use plimsoll_policy::Certificate;
use sigstore_verify::crypto::CertificateInfo;

/// What a certificate says, in our words.
pub(crate) fn certificate(info: &CertificateInfo) -> Certificate {
    let ci = &info.ci_claims;
    let old = &ci.deprecated_github;
    let claims = [
        ("buildSignerURI", &ci.build_signer_uri),
        ("buildSignerDigest", &ci.build_signer_digest),
        ("runnerEnvironment", &ci.runner_environment),
        ("sourceRepositoryURI", &ci.source_repository_uri),
        ("sourceRepositoryDigest", &ci.source_repository_digest),
        ("sourceRepositoryRef", &ci.source_repository_ref),
        ("sourceRepositoryIdentifier", &ci.source_repository_identifier),
        ("sourceRepositoryOwnerURI", &ci.source_repository_owner_uri),
        ("sourceRepositoryOwnerIdentifier", &ci.source_repository_owner_identifier),
        ("buildConfigURI", &ci.build_config_uri),
        ("buildConfigDigest", &ci.build_config_digest),
        ("buildTrigger", &ci.build_trigger),
        ("runInvocationURI", &ci.run_invocation_uri),
        ("sourceRepositoryVisibilityAtSigning", &ci.source_repository_visibility_at_signing),
        ("githubWorkflowTrigger", &old.workflow_trigger),
        ("githubWorkflowSha", &old.workflow_sha),
        ("githubWorkflowName", &old.workflow_name),
        ("githubWorkflowRepository", &old.workflow_repository),
        ("githubWorkflowRef", &old.workflow_ref),
    ];
    Certificate {
        subject: info.identity.as_ref().map(|name| name.as_str().to_owned()),
        issuer: info.issuer.clone(),
        claims: claims
            .into_iter()
            .filter_map(|(name, value)| value.clone().map(|value| (name.to_owned(), value)))
            .collect(),
    }
}
