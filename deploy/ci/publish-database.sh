#!/bin/sh
# Publishes the advisory database into a folder that a static host serves: the whole, and a delta from what was published
# before. Run it from any scheduler: cron, a scheduled pipeline, a systemd timer. `plimsoll db pull https://HOST/FOLDER/`
# reads what it writes.
#
# publish-database.sh FEEDS PUBLIC KEY
#   FEEDS   folder of feeds in their upstream forms, as `plimsoll db build --from` reads them
#   PUBLIC  folder that is served; kept from run to run
#   KEY     private key of `plimsoll db keygen`
# Deltas older than KEEP_DAYS (14) are removed: whoever is further behind takes the whole.
set -eu

[ $# -eq 3 ] || { echo "usage: publish-database.sh FEEDS PUBLIC KEY" >&2; exit 2; }
feeds=$1 public=$2 key=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$public"
whole=$public/advisories.plimsoll-db

plimsoll db build --from "$feeds" --out "$work/new.db"
if [ -f "$whole" ]; then
    # Checked as everybody else checks it: nothing is built upon what someone else put there.
    plimsoll db import "$whole" --db "$work/old.db" --db-key "$key.pub"
    # First the delta, then the whole that points at it.
    plimsoll db delta "$work/old.db" "$work/new.db" --out "$public" --sign "$key"
fi
plimsoll db export "$whole" --db "$work/new.db" --sign "$key"
find "$public" -name '*.delta' -mtime "+${KEEP_DAYS:-14}" -exec rm -f {} +
