#!/usr/bin/env bash
# usage: build.sh FOLDER - Debian's cloud kernels 6.1 and 6.12, and the modules that tests load, in FOLDER/SERIES.
#
# They come from Debian bookworm by apt, checked by its signatures, whatever Debian runs here. Nothing is installed: packages
# are unpacked below FOLDER, and apt keeps its lists there too.
set -euo pipefail

folder="$1"
work="$folder/work"
mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial"
cd "$work"

# The same mirror as the machine's own; Debian's without one.
mirror="$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true)"
mirror="${mirror:-http://deb.debian.org/debian}"
mirror="${mirror%/}"
keys='signed-by=/usr/share/keyrings/debian-archive-keyring.gpg'
{
    echo "deb [$keys] $mirror bookworm main"
    echo "deb [$keys] ${mirror%/debian}/debian-security bookworm-security main"
} >apt/sources.list
apt=(
    -q -o "Dir::Etc::sourcelist=$PWD/apt/sources.list" -o Dir::Etc::sourceparts=/nonexistent -o Dir::Etc::preferencesparts=/nonexistent
    -o "Dir::State::lists=$PWD/apt/lists" -o "Dir::Cache::archives=$PWD/apt/archives"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=
)
apt-get "${apt[@]}" update

for meta in linux-image-cloud-amd64 linux-image-6.12-cloud-amd64; do
    package="$(apt-cache "${apt[@]}" depends "$meta" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1)"
    [ -n "$package" ] || { echo "Debian has no $meta" >&2; exit 1; }
    series="$(echo "$package" | grep -oE '[0-9]+\.[0-9]+' | head -n 1)"
    apt-get "${apt[@]}" download "$package"
    dpkg-deb -x "$package"_*.deb "$series"
    mkdir "$folder/$series"
    mv "$series"/boot/vmlinuz-* "$folder/$series/vmlinuz"
    for module in fs/overlayfs/overlay drivers/block/loop drivers/net/dummy; do
        file="$(echo "$series"/lib/modules/*/kernel/"$module".ko*)"
        case "$file" in
        *.xz) xz -dc "$file" >"$folder/$series/${module##*/}.ko" ;;
        *) mv "$file" "$folder/$series/${module##*/}.ko" ;;
        esac
    done
done
cd "$folder"
rm -rf work
