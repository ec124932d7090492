#!/bin/bash
# regress/data/capture.sh - record the WAL that the unit tests of the filter read
#
#	regress/data/capture.sh [DIRECTORY]
#
# Runs as an unprivileged user, against the PostgreSQL whose postgres is in PATH,
# else that of pg_config --bindir, else /usr/lib/postgresql/15/bin.  Makes a
# cluster with segments of 1 MB, runs a workload in databases and tablespaces of
# which some are to be excluded, and writes into DIRECTORY (default: the pgNN
# beside this script):
#
#	wal.gz        consecutive segments, one behind the other
#	records.gz    what that version's own pg_waldump says about each record in
#	              them: LSN, length, xid, prev, resource manager, operation, and
#	              whether the filter has to keep or to blank it.  The verdict is
#	              worked out here, by awk from pg_waldump's text, so that the
#	              code under test is not its own judge.
#	facts         start LSN, segment size, system identifier; one line an object:
#	              OID, kind, name, in or out; the marker
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
OUT=${1:-$(cd "$(dirname "$0")" && pwd)/pg$MAJOR}
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

sql()
{
	psql -X -q -A -t -v ON_ERROR_STOP=1 -v m="$MARKER" -d "$@"
}

# What is there before the first segment that is kept.
mkdir "$WORK/spc_keep" "$WORK/spc_keep2" "$WORK/$MARKER-spc_out" "$WORK/$MARKER-spc_late"
sql postgres <<SQL >/dev/null
CREATE DATABASE keep STRATEGY file_copy;
CREATE DATABASE out1 STRATEGY file_copy;
CREATE TABLESPACE spc_keep LOCATION '$WORK/spc_keep';
CREATE TABLESPACE spc_out LOCATION '$WORK/$MARKER-spc_out';
SQL
for db in keep out1; do
	sql $db -c "CREATE EXTENSION bloom"
done
sql postgres -c CHECKPOINT -c "SELECT pg_switch_wal()" >/dev/null
START=$(sql postgres -c "SELECT floor((pg_current_wal_insert_lsn() - '0/0') / $SEGMENT)")

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
CREATE TABLE reuse (id int PRIMARY KEY);
INSERT INTO reuse SELECT i FROM generate_series(1, 1500) i;
CREATE TABLE reuse_gist (p point);
CREATE INDEX ON reuse_gist USING gist (p);
INSERT INTO reuse_gist SELECT point(i, i) FROM generate_series(1, 700) i;
DELETE FROM reuse;
DELETE FROM reuse_gist;
VACUUM reuse, reuse_gist;
SELECT txid_current();
SELECT txid_current();
VACUUM reuse, reuse_gist;
INSERT INTO reuse SELECT i FROM generate_series(10000, 10800) i;
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

workload keep kept- spc_keep >/dev/null
straddle keep kept- 30000
workload out1 "$MARKER" spc_out >/dev/null
straddle out1 "$MARKER" 30000
# A kept database with a table in an excluded tablespace.
sql keep -v t="$MARKER" <<'SQL'
CREATE TABLE half (id int, t text) TABLESPACE spc_out;
INSERT INTO half SELECT i, :'t' FROM generate_series(1, 100) i;
CREATE INDEX half_idx ON half (id) TABLESPACE spc_out;
VACUUM half;
SQL
# Databases and tablespaces that come, move and go.
sql postgres <<SQL
CREATE TABLESPACE spc_late LOCATION '$WORK/$MARKER-spc_late';
CREATE DATABASE copied TEMPLATE out1 STRATEGY file_copy;
CREATE DATABASE moved STRATEGY file_copy;
ALTER DATABASE moved SET TABLESPACE spc_keep;
ALTER DATABASE moved SET TABLESPACE pg_default;
CREATE DATABASE out2 STRATEGY file_copy TABLESPACE spc_late;
ALTER DATABASE out2 SET TABLESPACE pg_default;
SQL
sql copied -c "CREATE TABLE c AS SELECT '$MARKER'::text AS t"
sql moved -c "CREATE TABLE c AS SELECT 'kept'::text AS t"
sql out2 -c "CREATE TABLE c AS SELECT '$MARKER'::text AS t"
objects()
{
	sql postgres -F ' ' -c "SELECT oid, 'database', datname FROM pg_database UNION ALL
		SELECT oid, 'tablespace', spcname FROM pg_tablespace WHERE oid >= 16384 ORDER BY 1"
}
objects >"$WORK/objects"
sql postgres <<SQL >/dev/null
DROP DATABASE out2;
DROP TABLESPACE spc_late;
ALTER DATABASE keep RENAME TO keep_renamed;
ALTER DATABASE keep_renamed RENAME TO keep;
CREATE TABLESPACE spc_keep2 LOCATION '$WORK/spc_keep2';
VACUUM FULL pg_tablespace;
SELECT pg_switch_wal();
SQL
sql keep -c "INSERT INTO heap (t) VALUES ('kept')"
# A record of many pages, with the end of a segment in the middle, of each kind.
straddle out1 "$MARKER" 300000
straddle keep kept- 300000
sql postgres -c "SELECT pg_switch_wal()" >/dev/null
# Last, since its bulk is not needed: page images of the whole template.
sql postgres -c "CREATE DATABASE out3 STRATEGY wal_log"
objects | grep -w -e out3 -e spc_keep2 >>"$WORK/objects"
sql postgres -c "SELECT pg_switch_wal()" -c CHECKPOINT >/dev/null
SYSID=$(sql postgres -c "SELECT system_identifier FROM pg_control_system()")
pg_ctl -D "$WORK/data" -m fast -w stop >/dev/null

# From the first segment on, up to the one behind that in which out3 begins.
cd "$WORK/data/pg_wal"
FIRST=00000001$(printf '%08X%08X' 0 $((START)))
OUT3=$(awk '$3 == "out3" { print $1 }' "$WORK/objects")
LAST=
for seg in $(ls | grep '^[0-9A-F]\{24\}$' | sort); do
	[[ $seg < $FIRST ]] && continue
	LAST=$seg
	if { pg_waldump -r Database "$seg" 2>/dev/null || :; } |
		grep "CREATE_WAL_LOG.* 1663/$OUT3" >/dev/null; then
		break
	fi
done
pg_waldump "$FIRST" "$LAST" >"$WORK/dump" 2>/dev/null || [ -s "$WORK/dump" ]

OUT_OBJECTS=' out1 copied out2 out3 spc_out spc_late '
awk -v out="$OUT_OBJECTS" '{ print $1, $2, $3, index(out, " " $3 " ") ? "out" : "in" }' "$WORK/objects" >"$WORK/verdicts"

# A record is to be blanked if what it names is out.  pg_waldump gives the names
# as rel SPC/DB/REL, as paths, or in words of each kind.  Three kinds do not say
# their database there: it is that of the other records of the transaction, or,
# for messages, the prefix.
# CREATE_FILE_COPY from what is out makes the copy out; it is so listed already.
awk '
FNR == NR { out[$2 "/" $1] = $4 == "out"; byname[$3] = $4 == "out"; next }
function verdict(spc, db) { return out["tablespace/" spc] || out["database/" db] ? "blank" : "keep" }
function path(p,    f, n) {	# base/DB/REL, pg_tblspc/SPC/PG_x/DB/REL, global/REL
	n = split(p, f, "/")
	if (f[1] == "base") return verdict(1663, f[2])
	if (f[1] == "pg_tblspc") return verdict(f[2], f[4])
	return "keep"
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
	v = "keep"
	if (match(desc, /blkref #[0-9]+: rel [0-9\/]+/)) {
		ref = substr(desc, RSTART, RLENGTH); sub(/.* /, "", ref); split(ref, f, "/")
		v = verdict(f[1], f[2])
		db[xid] = f[2] != 0 ? v : db[xid]
	} else if (rmgr == "Storage") { split(desc, w, " "); v = path(w[1]) }
	else if (rmgr == "Database" && op == "CREATE_FILE_COPY") {
		sub(/.* to /, "", desc); split(desc, f, "/"); v = verdict(f[1] + 0, f[2] + 0)
	} else if (rmgr == "Database" && op == "CREATE_WAL_LOG") {
		match(desc, /[0-9]+\/[0-9]+/); split(substr(desc, RSTART, RLENGTH), f, "/"); v = verdict(f[1], f[2])
	} else if (rmgr == "Tablespace" && op == "CREATE") { match(desc, /[0-9]+/); v = verdict(substr(desc, RSTART, RLENGTH), 0) }
	else if (rmgr == "RelMap") { match(desc, /database [0-9]+ tablespace [0-9]+/); split(substr(desc, RSTART, RLENGTH), w, " "); v = verdict(w[4], w[2]) }
	else if (op == "REUSE_PAGE" || op == "PAGE_REUSE" || op == "NEW_CID") {
		match(desc, /rel [0-9\/]+/); split(substr(desc, RSTART + 4, RLENGTH - 4), f, "/"); v = verdict(f[1], f[2])
		db[xid] = v
	} else if (rmgr == "LogicalMessage") { match(desc, /prefix "[a-z0-9]+"/); v = byname[substr(desc, RSTART + 8, RLENGTH - 9)] ? "blank" : "keep" }
	else if ((rmgr == "Heap" && op == "TRUNCATE") || (rmgr == "Heap2" && (op == "REWRITE" || op == "UNKNOWN"))) v = db[xid]
	print lsn, len, xid, prev, rmgr, op, v
}' "$WORK/verdicts" "$WORK/dump" >"$WORK/records"

{
	echo "start 0/$(printf %X $((START * SEGMENT)))"
	echo "segment_size $SEGMENT"
	echo "system_identifier $SYSID"
	echo "version $(postgres --version | sed 's/.* \([0-9.]*\).*/\1/')"
	echo "marker $MARKER"
	sed 's/^/object /' "$WORK/verdicts"
} >"$WORK/facts"

for seg in $(ls | grep '^[0-9A-F]\{24\}$' | sort); do
	[[ $seg < $FIRST || $seg > $LAST ]] || cat "$seg"
done >"$WORK/wal"
gzip -9nc "$WORK/wal" >"$OUT/wal.gz"
gzip -9nc "$WORK/records" >"$OUT/records.gz"
install -m 644 "$WORK/facts" "$OUT/facts"
chmod 644 "$OUT"/*
ls -l "$OUT"
