#!/usr/bin/env bash
# usage: build.sh FOLDER - builds a real kube-apiserver from Debian's source package into FOLDER/bin, with etcd beside it.
#
# Everything comes from Debian bookworm by apt, checked by its signatures, whatever Debian runs here: the source package of
# Kubernetes (the last with the servers in it), the compiler that fits it, etcd. Nothing is installed: packages are unpacked
# below FOLDER, and apt keeps its lists there too. Needs make and rsync, no C compiler.
set -euo pipefail

folder="$1"
kubernetes='1.20.5+really1.20.2-1.1+deb12u1'
work="$folder/work"
mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/unpacked" "$folder/bin"
cd "$work"

# The same mirror as the machine's own; Debian's without one.
mirror="$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true)"
mirror="${mirror:-http://deb.debian.org/debian}"
mirror="${mirror%/}"
keys='signed-by=/usr/share/keyrings/debian-archive-keyring.gpg'
{
    for kind in deb deb-src; do
        echo "$kind [$keys] $mirror bookworm main"
        echo "$kind [$keys] ${mirror%/debian}/debian-security bookworm-security main"
    done
} >apt/sources.list
apt=(
    -q -o "Dir::Etc::sourcelist=$PWD/apt/sources.list" -o Dir::Etc::sourceparts=/nonexistent -o Dir::Etc::preferencesparts=/nonexistent
    -o "Dir::State::lists=$PWD/apt/lists" -o "Dir::Cache::archives=$PWD/apt/archives"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=
)
apt-get "${apt[@]}" update
apt-get "${apt[@]}" source --download-only "kubernetes=$kubernetes"
apt-get "${apt[@]}" download golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev etcd-server
for package in ./*.deb; do
    dpkg-deb -x "$package" unpacked
done
# Debian's patches are about kubectl alone.
tar --extract --file kubernetes_*.orig.tar.* --no-same-owner
# The reflect2 within it reads maps as Go did until 1.17: a server that writes a map by it (the patch of a webhook into the
# annotations of an audit, any object of a kind that a CRD brings) breaks. Debian's own fits its compiler.
reflect2=kubernetes-*/vendor/github.com/modern-go/reflect2
rm $reflect2/*.go $reflect2/*.s
cp unpacked/usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} $reflect2/
rm -f $reflect2/*_test.go

# A home and a cache of its own: Go's settings of whoever runs this must not matter.
go="$work/unpacked/usr/lib/go-1.19"
export GOROOT="$go" PATH="$go/bin:$PATH" HOME="$work" GOCACHE="$work/go-cache" GOPATH="$work/go" GOENV=off GOTOOLCHAIN=local
export GOFLAGS=-mod=vendor GOPROXY=off CGO_ENABLED=0 KUBE_VERBOSE=1
(cd kubernetes-*/ && nice make WHAT=cmd/kube-apiserver)

mv kubernetes-*/_output/bin/kube-apiserver unpacked/usr/bin/etcd "$folder/bin/"
"$folder/bin/kube-apiserver" --version
"$folder/bin/etcd" --version
cd "$folder"
chmod -R u+w work
rm -rf work
