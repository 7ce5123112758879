//! `cargo xtask corpus DIR`: 1,000 files of manifests, the same every time, for `benches/manifests`.
//!
//! Each file is one service as people write it: a Deployment with one to three containers, its Service, its account, and one of
//! a NetworkPolicy, a ConfigMap, a Role or a CronJob. About half of the containers are hardened, so that rules find something
//! and pass over something. No randomness but a counter through a mixing function: the bytes are the same on every machine.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};

/// Files that are written.
const FILES: u64 = 1_000;
/// Files of one namespace, in one folder.
const IN_A_FOLDER: u64 = 50;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [folder] = arguments else { bail!("name the folder to write: cargo xtask corpus DIR") };
    let (mut bytes, mut objects) = (0, 0);
    for number in 0..FILES {
        let namespace = format!("team-{:02}", number / IN_A_FOLDER);
        let path = Path::new(folder).join(&namespace);
        std::fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        let text = file(number, &namespace);
        bytes += text.len();
        objects += text.matches("\n---\n").count() + 1;
        let path = path.join(format!("service-{number:04}.yaml"));
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    println!("{FILES} files, {objects} objects, {bytes} bytes");
    Ok(())
}

/// Splitmix64 (Steele, Lea, Flood 2014): the same number for the same counter.
fn mixed(number: u64, salt: u64) -> u64 {
    let mut mixed = number.wrapping_mul(64).wrapping_add(salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn file(number: u64, namespace: &str) -> String {
    let one_in = |salt: u64, of: u64| mixed(number, salt).is_multiple_of(of);
    let name = format!("service-{number:04}");
    let mut out = String::new();
    let put = |out: &mut String, text: &str| {
        let _ = writeln!(out, "{text}");
    };
    let _ = writeln!(
        out,
        "# {name} of {namespace}\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  labels:\n    app: {name}\nspec:\n  replicas: {}\n  selector:\n    matchLabels:\n      app: {name}\n  template:\n    metadata:\n      labels:\n        app: {name}\n    spec:",
        1 + mixed(number, 1) % 4
    );
    if one_in(2, 2) {
        let _ = writeln!(out, "      serviceAccountName: {name}");
    }
    if one_in(3, 3) {
        put(&mut out, "      automountServiceAccountToken: false");
    }
    if one_in(4, 40) {
        put(&mut out, "      hostNetwork: true");
    }
    if one_in(5, 3) {
        put(
            &mut out,
            "      securityContext:\n        runAsNonRoot: true\n        seccompProfile:\n          type: RuntimeDefault",
        );
    }
    put(&mut out, "      containers:");
    for container in 0..=mixed(number, 6) % 3 {
        let salt = 10 + 16 * container;
        let tag =
            if one_in(salt, 5) { "latest".to_owned() } else { format!("1.{}", mixed(number, salt + 1) % 20) };
        let _ = writeln!(
            out,
            "      - name: c{container}\n        image: registry.example/{namespace}/{name}-c{container}:{tag}\n        ports:\n        - containerPort: {}",
            8080 + container
        );
        if one_in(salt + 2, 2) {
            put(
                &mut out,
                "        resources:\n          requests:\n            cpu: 50m\n            memory: 64Mi\n          limits:\n            cpu: 500m\n            memory: 128Mi",
            );
        }
        if one_in(salt + 3, 2) {
            put(
                &mut out,
                "        securityContext:\n          allowPrivilegeEscalation: false\n          readOnlyRootFilesystem: true\n          capabilities:\n            drop:\n            - ALL",
            );
        } else if one_in(salt + 4, 20) {
            put(&mut out, "        securityContext:\n          privileged: true");
        }
        if one_in(salt + 5, 2) {
            let _ = writeln!(
                out,
                "        readinessProbe:\n          httpGet:\n            path: /ready\n            port: {}",
                8080 + container
            );
        }
        if one_in(salt + 6, 6) {
            put(
                &mut out,
                "        env:\n        - name: DB_PASSWORD\n          value: changeme-please\n        - name: MODE\n          value: production",
            );
        }
    }
    let kind = if one_in(7, 10) { "NodePort" } else { "ClusterIP" };
    let _ = writeln!(
        out,
        "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  type: {kind}\n  selector:\n    app: {name}\n  ports:\n  - port: 80\n    targetPort: 8080\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: {namespace}\n---"
    );
    let more = match mixed(number, 8) % 4 {
        0 => format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  podSelector:\n    matchLabels:\n      app: {name}\n  policyTypes:\n  - Ingress\n  ingress:\n  - ports:\n    - port: 8080"
        ),
        1 => format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\ndata:\n  mode: production\n  config.yaml: |\n    listen: 8080\n    log: info"
        ),
        2 => format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: {name}\n  namespace: {namespace}\nrules:\n- apiGroups:\n  - \"\"\n  resources:\n  - {}\n  verbs:\n  - get\n  - list",
            if one_in(9, 3) { "secrets" } else { "configmaps" }
        ),
        _ => format!(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  schedule: \"0 3 * * *\"\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: OnFailure\n          containers:\n          - name: clean\n            image: registry.example/{namespace}/clean:2"
        ),
    };
    put(&mut out, &more);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_is_the_same_every_time() {
        let all: String = (0..FILES).map(|number| file(number, "a")).collect();
        let hash = all.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        assert_eq!((all.len(), hash), (1_524_698, 14_502_052_592_964_890_474));
    }
}
