#!/bin/sh
# Builds the oracle from Debian's packages of the Kubernetes libraries (sid; nothing is installed, all lies in one folder)
# and leaves it as DIR/celoracle. About five minutes and 1.5 GB the first time.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
mkdir -p "$dir/apt/etc/apt.conf.d" "$dir/apt/etc/preferences.d" "$dir/apt/etc/sources.list.d" \
    "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/apt/state" "$dir/root"
: > "$dir/apt/status"
if [ ! -d "$dir/root/usr/share/gocode/src/k8s.io/apiserver" ]; then
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -E '^(URIs:|deb )' | grep -oE 'https?://[^ ]+' | head -n 1)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" > "$dir/apt/etc/sources.list"
    apt() {
        apt-get -o "Dir::Etc::sourcelist=$dir/apt/etc/sources.list" -o "Dir::Etc::sourceparts=$dir/apt/etc/sources.list.d" \
            -o "Dir::State=$dir/apt/state" -o "Dir::State::lists=$dir/apt/lists" -o "Dir::State::status=$dir/apt/status" \
            -o "Dir::Cache=$dir/apt/cache" -o Debug::NoLocking=1 "$@"
    }
    apt update
    apt --no-install-recommends -y --download-only install golang-k8s-apiserver-dev golang-1.26-go
    for package in "$dir"/apt/cache/archives/*.deb; do
        case $(basename "$package") in
            golang-*) dpkg-deb -x "$package" "$dir/root" ;;
        esac
    done
    rm -rf "$dir/apt/cache"
fi
mkdir -p "$dir/gopath/src/celoracle"
cp "$here/main.go" "$dir/gopath/src/celoracle/main.go"
GOROOT=$dir/root/usr/lib/go-1.26
GOPATH=$dir/gopath:$dir/root/usr/share/gocode
export GOROOT GOPATH GO111MODULE=off GOFLAGS= GOCACHE="$dir/gocache" GOTOOLCHAIN=local CGO_ENABLED=0
cd "$dir/gopath/src/celoracle"
exec "$GOROOT/bin/go" build -p 2 -o "$dir/celoracle" .
