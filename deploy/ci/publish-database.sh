#!/bin/sh
# Publishes the advisory database: into a folder that a static host serves, or into a registry. Run it from any scheduler:
# cron, a scheduled pipeline, a systemd timer. `plimsoll db pull https://HOST/FOLDER/` or `oci://...` reads what it writes.
#
# publish-database.sh FEEDS TARGET KEY
#   FEEDS   folder of feeds in their upstream forms, as `plimsoll db build --from` reads them; or a file that ends in .db:
#           then `plimsoll db update` fetches the public feeds into FILE.feeds, and only what changed if that is kept from
#           run to run
#   TARGET  folder that is served, kept from run to run; or oci://HOST/REPOSITORY:TAG
#   KEY     private key of `plimsoll db keygen`
# Deltas older than KEEP_DAYS (14) are removed from a folder: whoever is further behind takes the whole.
set -eu

[ $# -eq 3 ] || { echo "usage: publish-database.sh FEEDS TARGET KEY" >&2; exit 2; }
feeds=$1 target=$2 key=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $feeds in
*.db)
    new=$feeds
    # 3: a source failed, and its last good state is in the database. That is better than an old one; the warning is in the log.
    code=0
    plimsoll db update --db "$new" || code=$?
    [ "$code" -eq 0 ] || { [ "$code" -eq 3 ] && [ -e "$new" ]; } || exit "$code"
    ;;
*)
    new=$work/new.db
    plimsoll db build --from "$feeds" --out "$new"
    ;;
esac

case $target in
oci://*)
    # Makes the delta from what is there by itself.
    plimsoll db push "$target" --db "$new" --sign "$key"
    exit
    ;;
esac
mkdir -p "$target"
whole=$target/advisories.plimsoll-db
if [ -f "$whole" ]; then
    # Checked as everybody else checks it: nothing is built upon what someone else put there.
    plimsoll db import "$whole" --db "$work/old.db" --db-key "$key.pub"
    # First the delta, then the whole that points at it.
    plimsoll db delta "$work/old.db" "$new" --out "$target" --sign "$key"
fi
plimsoll db export "$whole" --db "$new" --sign "$key"
find "$target" -name '*.delta' -mtime "+${KEEP_DAYS:-14}" -exec rm -f {} +
