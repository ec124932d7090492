#!/bin/bash
# regress/data/capture.sh - record the WAL that the unit tests of the filter read
#
#	regress/data/capture.sh [DIRECTORY]
#
# Runs as an unprivileged user, against the PostgreSQL whose postgres is in PATH,
# else that of pg_config --bindir, else /usr/lib/postgresql/15/bin; for another
# major see contrib/pgmajors:
#
#	PATH=$(contrib/pgmajors bindir 17):$PATH regress/data/capture.sh
#
# Makes a cluster with segments of 1 MB, runs a workload in databases and
# tablespaces of which some are to be excluded, and writes into DIRECTORY (default:
# the pgNN beside this script; there is none of 14 and 16, which no release of Debian
# has):
#
#	wal.gz        consecutive segments, one behind the other, that end within a
#	              record
#	records.gz    what that version's own pg_waldump says about each record in
#	              them: LSN, length, xid, prev, resource manager, operation, and
#	              whether the filter has to keep or to blank it.  The verdict is
#	              worked out here, by awk from pg_waldump's text, so that the
#	              code under test is not its own judge.
#	facts         start LSN, segment size, system identifier, version, the marker;
#	              object    OID, kind, name, in or out
#	              filenode  kind, the file that its catalog is in, from which LSN on
#	              created   OID, kind, name, LSN of the INSERT into its catalog, and
#	                        where the row stands in it: data, or image-METHOD for a
#	                        page image that is compressed so (off: that is not)
#	commits       LSN and commit time (UTC) of each record that commits
#	stats         sums by resource manager, see stats.sh
#
# The marker is a text that is written to excluded databases and tablespaces only.
set -eu -o pipefail
export LC_ALL=C PGOPTIONS='' PGCLIENTENCODING=UTF8
umask 077

for BIN in "$(dirname "$(command -v postgres || :)")" "$(pg_config --bindir 2>/dev/null || :)" \
	/usr/lib/postgresql/15/bin; do
	[ -x "$BIN/initdb" ] && [ -x "$BIN/pg_waldump" ] && break
done
PATH=$BIN:$PATH
MAJOR=$(postgres --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
HERE=$(cd "$(dirname "$0")" && pwd)
OUT=${1:-$HERE/pg$MAJOR}
mkdir -p "$OUT"

WORK=$(mktemp -d "${TMPDIR:-/tmp}/capture.XXXXXX")
finish()
{
	pg_ctl -D "$WORK/data" -m immediate stop >/dev/null 2>&1 || :
	rm -rf "$WORK"
}
trap finish EXIT

SEGMENT=1048576
MARKER=wb-marker-5d1c7e
export PGHOST=$WORK PGPORT=5432 PGUSER=capture

initdb -D "$WORK/data" -U capture -A trust --no-sync --wal-segsize=1 --locale=C -E UTF8 >"$WORK/initdb.log"
cat >>"$WORK/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$WORK'
fsync = off
autovacuum = off
wal_level = logical
max_prepared_transactions = 5
wal_keep_size = 512MB
max_wal_size = 512MB
checkpoint_timeout = 1h
wal_compression = off
wal_writer_delay = 10s
bgwriter_lru_maxpages = 0
CONF
pg_ctl -D "$WORK/data" -w -l "$WORK/log" start >/dev/null

# What CREATE DATABASE may be told, and what images can be compressed with.
FILE_COPY=''
METHODS='off pglz'
if [ "$MAJOR" -ge 15 ]; then
	FILE_COPY='STRATEGY file_copy'
	METHODS='off pglz lz4 zstd'
fi

sql()
{
	psql -X -q -A -t -v ON_ERROR_STOP=1 -v m="$MARKER" -d "$@"
}

# What is there before the first segment that is kept.
mkdir "$WORK"/{spc_keep,spc_keep2,spc_keep3} "$WORK/$MARKER"-{spc_out,spc_out2,spc_out3,spc_late}
sql postgres <<SQL >/dev/null
CREATE DATABASE keep $FILE_COPY;
CREATE DATABASE out1 $FILE_COPY;
CREATE DATABASE small $FILE_COPY;
CREATE TABLESPACE spc_keep LOCATION '$WORK/spc_keep';
CREATE TABLESPACE spc_out LOCATION '$WORK/$MARKER-spc_out';
SQL
for db in keep out1; do
	sql $db -c "CREATE EXTENSION bloom"
done

# A template with little in it, so that a copy through the WAL is short: nothing but
# pg_class, which says what there is to copy.
SMALL=$(sql small -c "SELECT d.oid || '/' || pg_relation_filenode('pg_class')
	FROM pg_database d WHERE datname = current_database()")
pg_ctl -D "$WORK/data" -m fast -w stop >/dev/null
for f in "$WORK/data/base/${SMALL%/*}"/[0-9]*; do
	[ "$f" = "$WORK/data/base/$SMALL" ] || : >"$f"
done
pg_ctl -D "$WORK/data" -w -l "$WORK/log" start >/dev/null

sql postgres -c CHECKPOINT -c "SELECT pg_switch_wal()" >/dev/null
START=$(sql postgres -c "SELECT floor((pg_current_wal_insert_lsn() - '0/0') / $SEGMENT)")

now()
{
	sql postgres -c "SELECT pg_current_wal_insert_lsn()"
}

# phase DATABASE
#	Records that do not say what they are about, are about it from here on.
phase()
{
	echo "$(now) $1" >>"$WORK/phases"
}

# filenode KIND: where the catalog of such objects is now.
filenode()
{
	echo "filenode $1 $(sql postgres -c "SELECT pg_relation_filenode('pg_$1')") $(now)" >>"$WORK/filenodes"
}

# create KIND NAME TEXT [COMPRESSION]
#	Creates a database or tablespace and notes between which LSNs.
create()
{
	local from compression=${4:-off}

	# the one method that there is before 15
	[ "$MAJOR" -ge 15 ] || compression=${compression/pglz/on}
	from=$(now)
	sql postgres -c "SET wal_compression = $compression" -c "CREATE $1 $2 $3"
	echo "$1 $2 $from $(now)" >>"$WORK/creations"
	objects | grep -w -e "$2" >>"$WORK/objects.late"
}

# The same in a database that is kept and in one that is not.  $1 database,
# $2 what its data say, $3 a tablespace
workload()
{
	sql "$1" -v t="$2" -v spc="$3" <<'SQL'
BEGIN;
CREATE TABLE heap (id serial PRIMARY KEY, t text);
INSERT INTO heap (t) SELECT :'t' || i FROM generate_series(1, 400) i;
COMMIT;
UPDATE heap SET t = t || 'x' WHERE id % 7 = 0;
DELETE FROM heap WHERE id % 11 = 0;
BEGIN; SELECT count(*) FROM (SELECT * FROM heap WHERE id < 10 FOR UPDATE) x; COMMIT;
VACUUM heap;
-- on pages that are known to be visible to all, which from then on they are not
INSERT INTO heap (t) VALUES (:'t');
DELETE FROM heap WHERE id = 150;
VACUUM heap;
UPDATE heap SET t = repeat(:'t', 100) WHERE id IN (1, 390);
-- a toast table with long values
CREATE TABLE long (id int, t text);
ALTER TABLE long ALTER t SET STORAGE EXTERNAL;
INSERT INTO long SELECT 1, repeat(:'t', 3000);
-- one of each access method
CREATE TABLE am (id int, p point, a int[], t text);
CREATE INDEX ON am USING gist (p);
CREATE INDEX ON am USING gin (a) WITH (fastupdate = on);
CREATE INDEX ON am USING brin (id) WITH (pages_per_range = 1);
CREATE INDEX ON am USING hash (id);
CREATE INDEX ON am USING spgist (p);
CREATE INDEX ON am USING bloom (id);
INSERT INTO am SELECT i, point(i % 37, i % 41), ARRAY[i % 5, i % 7], :'t' FROM generate_series(1, 300) i;
VACUUM am;
SELECT gin_clean_pending_list('am_a_idx');
SELECT brin_summarize_new_values('am_id_idx');
DELETE FROM am WHERE id % 3 = 0;
VACUUM am;
-- deleted index pages that are used again, an emptied table that is cut off
CREATE TABLE reuse (id text PRIMARY KEY);
INSERT INTO reuse SELECT lpad(i::text, 400, '0') FROM generate_series(1, 100) i;
CREATE TABLE reuse_gist (p point);
CREATE INDEX ON reuse_gist USING gist (p);
INSERT INTO reuse_gist SELECT point(i, i) FROM generate_series(1, 500) i;
DELETE FROM reuse;
DELETE FROM reuse_gist;
VACUUM reuse, reuse_gist;
SELECT txid_current();
SELECT txid_current();
VACUUM reuse, reuse_gist;
INSERT INTO reuse SELECT lpad(i::text, 400, '0') FROM generate_series(10000, 10060) i;
INSERT INTO reuse_gist SELECT point(i, i) FROM generate_series(10000, 10300) i;
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, t text);
INSERT INTO unlogged SELECT 1, :'t';
CREATE SEQUENCE seq;
SELECT nextval('seq') FROM generate_series(1, 40);
CREATE TABLE truncated (id int);
INSERT INTO truncated VALUES (1);
TRUNCATE truncated;
SELECT pg_logical_emit_message(true, current_database()::text, :'t');
SELECT pg_logical_emit_message(false, current_database()::text, :'t');
-- savepoints, two-phase commit
BEGIN; SAVEPOINT a; INSERT INTO heap (t) VALUES (:'t'); SAVEPOINT b; INSERT INTO heap (t) VALUES (:'t'); COMMIT;
BEGIN; INSERT INTO heap (t) VALUES (:'t'); PREPARE TRANSACTION 'gid1';
BEGIN; INSERT INTO heap (t) VALUES (:'t'); PREPARE TRANSACTION 'gid2';
COMMIT PREPARED 'gid1';
ROLLBACK PREPARED 'gid2';
-- another tablespace, and back
ALTER TABLE heap SET TABLESPACE :spc;
CREATE TABLE there (t text) TABLESPACE :spc;
INSERT INTO there VALUES (:'t');
ALTER TABLE there SET TABLESPACE pg_default;
CREATE INDEX there_idx ON there (t) TABLESPACE :spc;
DROP TABLE long;
-- a mapped catalog gets a new file, and a logical slot needs to know
SELECT pg_create_logical_replication_slot('slot_' || current_database(), 'pgoutput');
CREATE TABLE late (id int);
VACUUM FULL pg_class;
SELECT pg_drop_replication_slot('slot_' || current_database());
SQL
}

# A record that straddles the end of a segment.  $1 database, $2 its text, $3 size
straddle()
{
	sql "$1" -v t="$2" -v size="$3" -v segment=$SEGMENT <<'SQL' >/dev/null
SELECT set_config('c.size', :'size', false), set_config('c.t', :'t', false), set_config('c.segment', :'segment', false);
DO $$
DECLARE
	size int := current_setting('c.size');
	segment int := current_setting('c.segment');
	left_over int;
BEGIN
	LOOP
		left_over := segment - (pg_current_wal_insert_lsn() - '0/0') % segment;
		EXIT WHEN left_over < size - 100 AND left_over > 200;
		PERFORM pg_logical_emit_message(false, current_database()::text,
			repeat('.', least(30000, greatest(left_over - size / 2, 100))));
	END LOOP;
	PERFORM pg_logical_emit_message(false, current_database()::text,
		left(repeat(current_setting('c.t'), size / length(current_setting('c.t')) + 1), size));
END $$;
SQL
}

filenode database
filenode tablespace
phase keep
workload keep kept- spc_keep >/dev/null
straddle keep kept- 30000
phase out1
workload out1 "$MARKER" spc_out >/dev/null
straddle out1 "$MARKER" 30000
# A kept database with a table in an excluded tablespace.
phase keep
sql keep -v t="$MARKER" <<'SQL'
CREATE TABLE half (id int, t text) TABLESPACE spc_out;
INSERT INTO half SELECT i, :'t' FROM generate_series(1, 100) i;
CREATE INDEX half_idx ON half (id) TABLESPACE spc_out;
VACUUM half;
SQL
objects()
{
	sql postgres -F ' ' -c "SELECT oid, 'database', datname FROM pg_database UNION ALL
		SELECT oid, 'tablespace', spcname FROM pg_tablespace WHERE oid >= 16384 ORDER BY 1"
}
# Databases and tablespaces that come, move and go.
create tablespace spc_late "LOCATION '$WORK/$MARKER-spc_late'"
create database copied "TEMPLATE out1 $FILE_COPY"
create database moved "$FILE_COPY"
sql postgres <<SQL
ALTER DATABASE moved SET TABLESPACE spc_keep;
ALTER DATABASE moved SET TABLESPACE pg_default;
SQL
create database out2 "$FILE_COPY TABLESPACE spc_late"
sql postgres -c "ALTER DATABASE out2 SET TABLESPACE pg_default"
phase copied
sql copied -c "CREATE TABLE c AS SELECT '$MARKER'::text AS t"
phase moved
sql moved -c "CREATE TABLE c AS SELECT 'kept'::text AS t"
phase out2
sql out2 -c "CREATE TABLE c AS SELECT '$MARKER'::text AS t"
objects >"$WORK/objects"
phase keep
straddle keep kept- 3000
phase out1
straddle out1 "$MARKER" 3000
phase postgres
sql postgres <<SQL >/dev/null
DROP DATABASE out2;
DROP TABLESPACE spc_late;
ALTER DATABASE keep RENAME TO keep_renamed;
ALTER DATABASE keep_renamed RENAME TO keep;
SELECT pg_switch_wal();
SQL

# A row of a catalog, in the data of the INSERT and in each kind of page image.  The
# page is new to a checkpoint, unless something else has touched it since.
touch_page()
{
	sql postgres -c "ALTER DATABASE postgres CONNECTION LIMIT -1"
}
for name in kept out; do
	for method in $METHODS; do
		sql postgres -c CHECKPOINT
		create database "${name}_image_$method" "TEMPLATE small $FILE_COPY" "$method"
	done
	touch_page
	create database "${name}_data" "TEMPLATE small $FILE_COPY"
	if [ "$MAJOR" -ge 15 ]; then
		sql postgres -c CHECKPOINT
		create database "${name}_log_image" "TEMPLATE small STRATEGY wal_log"
		create database "${name}_log_data" "TEMPLATE small STRATEGY wal_log"
	fi
done
# And in other files than those of the beginning.
sql postgres -c "VACUUM FULL pg_database"
filenode database
create database kept_moved_data "TEMPLATE small $FILE_COPY"
sql postgres -c CHECKPOINT
create database out_moved_image "TEMPLATE small $FILE_COPY"
sql postgres -c CHECKPOINT
create tablespace spc_keep2 "LOCATION '$WORK/spc_keep2'"
create tablespace spc_out2 "LOCATION '$WORK/$MARKER-spc_out2'"
sql postgres -c "VACUUM FULL pg_tablespace"
filenode tablespace
create tablespace spc_keep3 "LOCATION '$WORK/spc_keep3'"
sql postgres -c CHECKPOINT
create tablespace spc_out3 "LOCATION '$WORK/$MARKER-spc_out3'"
cat "$WORK/objects.late" >>"$WORK/objects"

phase keep
sql keep -c "INSERT INTO heap (t) VALUES ('kept')"
# A record of many pages, with the end of a segment in the middle, of each kind.
straddle keep kept- 300000
phase out1
straddle out1 "$MARKER" 300000
# The last one is begun, but not there in full.
straddle out1 "$MARKER" 300000
LAST=$(sql postgres -c "SELECT floor((pg_current_wal_insert_lsn() - '0/0') / $SEGMENT) - 1")
sql postgres -c "SELECT pg_switch_wal()" -c CHECKPOINT >/dev/null
SYSID=$(sql postgres -c "SELECT system_identifier FROM pg_control_system()")
pg_ctl -D "$WORK/data" -m fast -w stop >/dev/null

cd "$WORK/data/pg_wal"
segment_name()
{
	printf '00000001%08X%08X' 0 "$1"
}
FIRST=$(segment_name "$START")
LAST=$(segment_name "$LAST")
TZ=UTC pg_waldump "$FIRST" "$LAST" >"$WORK/dump" 2>/dev/null || [ -s "$WORK/dump" ]

# Where each row of the catalogs is.
while read -r kind name from to; do
	files=$(awk -v kind="$kind" '$2 == kind { printf "%s%s", sep, $3; sep = "|" }' "$WORK/filenodes")
	pg_waldump -b -p . -s "$from" -e "$to" | awk -v files="$files" '
		/^rmgr:/ { lsn = ""; if ($0 ~ /^rmgr: Heap .* desc: INSERT/) { match($0, /lsn: [0-9A-F\/]+/); lsn = substr($0, RSTART + 5, RLENGTH - 5) } }
		/^\t?blkref #0/ || /blkref #0/ {
			if (lsn == "" || $0 !~ "rel 1664/0/(" files ") ") next
			form = $0 !~ /FPW/ ? "data" : $0 !~ /compression saved/ ? "image-off" : "image-pglz"
			if (match($0, /method: [a-z0-9]+/)) form = "image-" substr($0, RSTART + 8, RLENGTH - 8)
			print lsn, form
		}' >"$WORK/insert"
	[ "$(wc -l <"$WORK/insert")" = 1 ] || { echo "not one INSERT for $kind $name:"; cat "$WORK/insert"; exit 1; }
	oid=$(awk -v kind="$kind" -v name="$name" '$2 == kind && $3 == name { print $1; exit }' "$WORK/objects")
	echo "created $oid $kind $name $(cat "$WORK/insert")"
done <"$WORK/creations" >"$WORK/created"

# What is out: its name says so, or it was copied from what is.
sort -n "$WORK/objects" | uniq |
	awk '{ print $1, $2, $3, $3 ~ /^(spc_)?(out|late)/ || $3 == "copied" ? "out" : "in" }' >"$WORK/verdicts"

# A record is to be blanked if what it names is out.  pg_waldump gives the names
# as rel SPC/DB/REL, as paths, or in words of each kind.  Three kinds do not say
# their database there: it is that of the other records of the transaction, or,
# for messages, the prefix.
# CREATE_FILE_COPY from what is out makes the copy out; it is so listed already.
awk '
function number(lsn,    n, i) {	# what is before the slash is 0 here
	sub(/.*\//, "", lsn)
	for (i = 1; i <= length(lsn); i++) n = n * 16 + index("0123456789ABCDEF", substr(lsn, i, 1)) - 1
	return n
}
FILENAME ~ /verdicts$/ { out[$2 "/" $1] = $4 == "out"; byname[$3] = $4 == "out"; next }
FILENAME ~ /phases$/ { phase_from[++phases] = number($1); phase_of[phases] = $2; next }
function verdict(spc, db) {
	if (spc !~ /^[0-9]+$/ || db !~ /^[0-9]+$/) return "unknown"	# misread by us
	return out["tablespace/" spc] || out["database/" db] ? "blank" : "keep"
}
function path(p,    f, n) {	# base/DB/REL, pg_tblspc/SPC/PG_x/DB/REL, global/REL
	n = split(p, f, "/")
	if (f[1] == "base") return verdict(1663, f[2])
	if (f[1] == "pg_tblspc") return verdict(f[2], f[4])
	return f[1] == "global" ? "keep" : "unknown"
}
{
	line = $0
	match(line, /rmgr: [A-Za-z0-9]+/); rmgr = substr(line, RSTART + 6, RLENGTH - 6)
	match(line, /tot\): *[0-9]+\/ *[0-9]+/); len = substr(line, RSTART, RLENGTH); sub(/.*\/ */, "", len)
	match(line, /tx: *[0-9]+/); xid = substr(line, RSTART, RLENGTH); sub(/tx: */, "", xid)
	match(line, /lsn: [0-9A-F\/]+/); lsn = substr(line, RSTART + 5, RLENGTH - 5)
	match(line, /prev [0-9A-F\/]+/); prev = substr(line, RSTART + 5, RLENGTH - 5)
	match(line, /desc: [A-Za-z0-9_+]+/); op = substr(line, RSTART + 6, RLENGTH - 6)
	desc = substr(line, RSTART + RLENGTH)
	sub(/ rel: /, " rel ", desc)	# as NEW_CID has it in later majors
	v = "keep"
	if (match(desc, /blkref #[0-9]+: rel [0-9\/]+/)) {
		ref = substr(desc, RSTART, RLENGTH); sub(/.* /, "", ref); split(ref, f, "/")
		v = verdict(f[1], f[2])
		db[xid] = f[2] != 0 ? v : db[xid]
	} else if (rmgr == "Storage") { split(desc, w, " "); v = path(w[1]) }
	else if (rmgr == "Database" && (op == "CREATE_FILE_COPY" || op == "CREATE")) {
		sub(/.* to /, "", desc); split(desc, f, "/"); v = verdict(f[1] + 0, f[2] + 0)
	} else if (rmgr == "Database" && op == "CREATE_WAL_LOG") {
		match(desc, /[0-9]+\/[0-9]+/); split(substr(desc, RSTART, RLENGTH), f, "/"); v = verdict(f[1], f[2])
	} else if (rmgr == "Tablespace" && op == "CREATE") { match(desc, /[0-9]+/); v = verdict(substr(desc, RSTART, RLENGTH), 0) }
	else if (rmgr == "RelMap") { match(desc, /database [0-9]+ tablespace [0-9]+/); split(substr(desc, RSTART, RLENGTH), w, " "); v = verdict(w[4], w[2]) }
	else if (op == "REUSE_PAGE" || op == "PAGE_REUSE" || op == "NEW_CID") {
		match(desc, /rel [0-9\/]+/); split(substr(desc, RSTART + 4, RLENGTH - 4), f, "/"); v = verdict(f[1], f[2])
		db[xid] = v
	} else if (rmgr == "LogicalMessage" && match(desc, /prefix "[a-z0-9]+"/)) v = byname[substr(desc, RSTART + 8, RLENGTH - 9)] ? "blank" : "keep"
	else if (rmgr == "LogicalMessage" || op == "CLEANUP_INFO") {
		while (phases > phase && phase_from[phase + 1] <= number(lsn)) phase++
		v = byname[phase_of[phase]] ? "blank" : "keep"
	}
	else if ((rmgr == "Heap" && op == "TRUNCATE") || (rmgr == "Heap2" && op == "REWRITE")) v = xid in db ? db[xid] : "unknown"
	print lsn, len, xid, prev, rmgr, op, v
}' "$WORK/verdicts" "$WORK/phases" "$WORK/dump" >"$WORK/records"
if grep unknown "$WORK/records" >&2; then
	echo "what these are about was not understood" >&2
	exit 1
fi

{
	echo "start 0/$(printf %X $((START * SEGMENT)))"
	echo "segment_size $SEGMENT"
	echo "system_identifier $SYSID"
	echo "version $(postgres --version | sed 's/.* \([0-9.]*\).*/\1/')"
	echo "marker $MARKER"
	sed 's/^/object /' "$WORK/verdicts"
	cat "$WORK/filenodes" "$WORK/created"
} >"$WORK/facts"

awk '/rmgr: Transaction/ && / desc: COMMIT/ && match($0, /[0-9]+-[0-9]+-[0-9]+ [0-9:.]+ UTC/) {
	time = substr($0, RSTART, RLENGTH - 4)
	match($0, /lsn: [0-9A-F\/]+/)
	print substr($0, RSTART + 5, RLENGTH - 5), time
}' "$WORK/dump" >"$WORK/commits"

for seg in $(ls | grep '^[0-9A-F]\{24\}$' | sort); do
	[[ $seg < $FIRST || $seg > $LAST ]] || cat "$seg"
done >"$WORK/wal"
gzip -9nc "$WORK/wal" >"$OUT/wal.gz"
gzip -9nc "$WORK/records" >"$OUT/records.gz"
install -m 644 "$WORK/facts" "$WORK/commits" "$OUT"
"$HERE/stats.sh" "$OUT"
chmod 644 "$OUT"/*
ls -l "$OUT"
