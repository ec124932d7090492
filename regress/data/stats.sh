#!/bin/bash
# What pg_waldump --stats says about the captured WAL of a major, for
# regress/unit/test_walaccount.c.
#
#	PATH=bindir-of-the-major:$PATH regress/data/stats.sh regress/data/pgNN
#
# Writes DIRECTORY/stats, a line for each resource manager that wrote a record:
# its name, records, bytes of records without images, bytes of images.
set -eu

DIR=$1
WORK=$(mktemp -d "${TMPDIR:-/tmp}/stats.XXXXXX")
trap 'rm -rf "$WORK"' EXIT

fact()
{
	awk -v name="$1" '$1 == name { print $2 }' "$DIR/facts"
}
SEGMENT=$(fact segment_size)
START=$((16#$(fact start | sed 's,.*/,,') / SEGMENT))

gzip -dc "$DIR/wal.gz" | (cd "$WORK" && split -b "$SEGMENT" -a 4 -d)
for part in "$WORK"/x*; do
	mv "$part" "$WORK/$(printf '00000001%08X%08X' 0 $((START + 10#${part##*x})))"
done
cd "$WORK"
FIRST=$(ls | head -n 1)
LAST=$(ls | tail -n 1)
cd - >/dev/null
# It says that the last record is cut off, which it is.
{ pg_waldump --stats=rmgr -p "$WORK" "$FIRST" "$LAST" || :; } 2>/dev/null |
	awk '$2 ~ /^[0-9]+$/ && $1 != "Total" && $2 > 0 { print $1, $2, $5, $8 }' |
	sed 's/[()]//g' >"$WORK/stats"
[ -s "$WORK/stats" ]
install -m 644 "$WORK/stats" "$DIR/stats"
