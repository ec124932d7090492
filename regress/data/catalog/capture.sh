#!/bin/bash
# regress/data/catalog/capture.sh - record single catalog records of unusual forms
#
#	regress/data/catalog/capture.sh [DIRECTORY]
#
# What regress/data/capture.sh does not bring about: settings and circumstances that
# give the INSERT into a catalog, or what is close to one, another shape.  As there, the
# PostgreSQL is the one in PATH, else that of pg_config, and it runs as an unprivileged
# user.
#
# Writes pgNN.gz into DIRECTORY (default: that of this script), one record a line:
#
#	row     FORM KIND OID FILE NAME LSN RECORD   an object comes into being
#	map     FORM DATABASE TABLESPACE - - LSN RECORD   the files of both catalogs
#	other   FORM - - - - LSN RECORD   not what we look for, though it looks like it
#
# with NAME and RECORD in hex, the record without page headers.  Which record it is, and
# that it has the form, comes from pg_waldump; all else is asked by psql.
set -eu -o pipefail
export LC_ALL=C PGOPTIONS='' PGCLIENTENCODING=UTF8
umask 077

for BIN in "$(dirname "$(command -v postgres || :)")" "$(pg_config --bindir 2>/dev/null || :)" \
	/usr/lib/postgresql/15/bin; do
	[ -x "$BIN/initdb" ] && [ -x "$BIN/pg_waldump" ] && break
done
PATH=$BIN:$PATH
MAJOR=$(postgres --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
OUT=${1:-$(cd "$(dirname "$0")" && pwd)}

WORK=$(mktemp -d "${TMPDIR:-/tmp}/capture.XXXXXX")
finish()
{
	pg_ctl -D "$WORK/data" -m immediate stop >/dev/null 2>&1 || :
	rm -rf "$WORK"
}
trap finish EXIT
cd "$WORK"

initdb -D data -U postgres -A trust -E UTF8 --no-sync --wal-segsize=1 >/dev/null
cat >>data/postgresql.conf <<CONF
listen_addresses = ''
unix_socket_directories = '$WORK'
fsync = off
autovacuum = off
wal_level = replica
wal_keep_size = 1GB
max_wal_size = 1GB
checkpoint_timeout = 1h
wal_compression = off
bgwriter_lru_maxpages = 0
CONF
pg_ctl -D data -w -l log start >/dev/null
export PGHOST=$WORK PGUSER=postgres PGDATABASE=postgres

# What CREATE DATABASE may be told, and what images can be compressed with.
FILE_COPY=''
PGLZ=on
METHODS=''
if [ "$MAJOR" -ge 15 ]; then
	FILE_COPY='STRATEGY file_copy'
	PGLZ=pglz
	METHODS='lz4 zstd'
fi

# What pg_waldump says of a block with the row, with a page image, and with both.
DATA='blkref #0(?![^\n]*FPW)'
IMAGE='blkref #0[^\n]*FPW(?![^\n]*for WAL verification)'
BOTH='blkref #0[^\n]*FPW[^\n]*for WAL verification'

sql()
{
	psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}

now()
{
	sql -c "SELECT pg_current_wal_insert_lsn()"
}

filenode()
{
	sql -c "SELECT pg_relation_filenode('$1')"
}

# find FROM RMGR OP RELATION PATTERN
#	Sets record to LSN and bytes, in hex, of the one record from FROM on that fits;
#	RELATION is that of its first block reference, "" for any or none.
find()
{
	sql -c "SELECT pg_switch_wal()" >/dev/null
	pg_waldump -b -p data/pg_wal -s "$1" -e "$(now)" >dump 2>/dev/null || [ -s dump ]
	record=$(perl -e '
		my ($rmgr, $op, $relation, $pattern) = @ARGV;
		my ($segment, $page) = (1 << 20, 8192);
		my (@records, $bytes);
		open my $dump, "<", "dump" or die;
		while (<$dump>)
		{
			if (/^rmgr: /) { push @records, $_ } else { $records[-1] .= $_ }
		}
		@records = grep { /^rmgr: $rmgr .* desc: $op\b/ && /$pattern/s
			&& ($relation eq "" || m{blkref #0.*?rel $relation }) } @records;
		@records == 1 or die @records . " records for @ARGV\n";
		my ($left) = $records[0] =~ m{tot\): *\d+/ *(\d+)};
		my ($lsn, $at) = $records[0] =~ m{lsn: (0/([0-9A-F]+))};
		for ($at = hex $at; $left > 0;)
		{
			$at += $at % $segment == 0 ? 40 : 24 if $at % $page == 0;
			my $n = $page - $at % $page;
			$n = $left if $n > $left;
			open my $wal, "<:raw", sprintf("data/pg_wal/00000001%08X%08X", 0, $at / $segment) or die;
			seek $wal, $at % $segment, 0;
			read($wal, my $piece, $n) == $n or die;
			$bytes .= $piece;
			$left -= $n;
			$at += $n;
		}
		print "$lsn ", unpack("H*", $bytes);
	' "$2" "$3" "$4" "$5")
}

# note_row FORM KIND NAME FILE FROM OP PATTERN
#	The INSERT of an object that has been created, from FROM on.
note_row()
{
	local column=datname

	[ "$2" = database ] || column=spcname
	find "$5" Heap "$6" "1664/0/$4" "$7"
	echo "row $1 $2 $(sql -v n="$3" <<<"SELECT oid || ' $4 ' ||
		encode(convert_to($column::text, 'UTF8'), 'hex') FROM pg_$2 WHERE $column = :'n'") $record" >>out
}

# row FORM KIND NAME PATTERN [SET...]
#	Creates it with settings and notes its INSERT.
row()
{
	local form=$1 kind=$2 name=$3 pattern=$4 what=$FILE_COPY settings=() file from
	shift 4
	for s in "$@"; do
		settings+=(-c "SET $s")
	done
	if [ "$kind" = tablespace ]; then
		mkdir "$WORK/$form"
		what="LOCATION '$WORK/$form'"
	fi
	file=$(filenode "pg_$kind")
	from=$(now)
	sql "${settings[@]}" -c "CREATE $kind \"${name//\"/\"\"}\" $what"
	note_row "$form" "$kind" "$name" "$file" "$from" INSERT "$pattern"
}

# Pages that were changed since the checkpoint: no image is due.
touch_pages()
{
	sql -c "ALTER DATABASE postgres CONNECTION LIMIT -1" \
		-c "ALTER TABLESPACE pg_default SET (random_page_cost = 4)"
}

# Pages that all of is visible to everybody: an INSERT has to change the visibility
# map, too, and some minors log that with it.
freeze_pages()
{
	touch_pages
	sql -c "VACUUM (FREEZE) pg_database" -c "VACUUM (FREEZE) pg_tablespace"
}

# map FORM CATALOG
#	Moves a catalog, and notes what the record says of it.
map()
{
	local from

	from=$(now)
	sql -c "VACUUM FULL $2"
	find "$from" RelMap UPDATE '' 'database 0 '
	echo "map $1 $(filenode pg_database) $(filenode pg_tablespace) - - $record" >>out
}

# other FORM RMGR OP RELATION PATTERN SQL
other()
{
	local from

	from=$(now)
	sql -c "$6"
	find "$from" "$2" "$3" "$4" "$5"
	echo "other $1 - - - - $record" >>out
}

# CREATE DATABASE ends with a checkpoint: pages are to be touched before each.
touch_pages
row short database a "$DATA"
touch_pages
row longest database "$(printf 'n%.0s' {1..63})" "$DATA"
touch_pages
row longest-utf8 database "$(printf '\xc3\xbc%.0s' {1..31})x" "$DATA"
touch_pages
row quotes database "a \"b\" 'c'	\\d" "$DATA"
touch_pages
row tablespace tablespace "R$(printf '\xc3\xa4')ume 1" "$DATA"
sql -c CHECKPOINT
row image-tablespace tablespace image "$IMAGE"

# The row and, to be compared by a standby, the page.
CHECK="wal_consistency_checking = 'heap'"
touch_pages
row checked database checked "$BOTH" "$CHECK"
touch_pages
row checked-pglz tablespace checked_pglz "$BOTH" "$CHECK" "wal_compression = $PGLZ"
for method in $METHODS; do
	touch_pages
	row "checked-$method" database "checked_$method" "$BOTH" "$CHECK" "wal_compression = $method"
done
sql -c CHECKPOINT
row checked-image database checked_image "$IMAGE" "$CHECK"

sql -c CHECKPOINT
freeze_pages
row visible-data database visible_data "$DATA"
sql -c CHECKPOINT
freeze_pages
row visible-data-tablespace tablespace visible_space "$DATA"
freeze_pages
sql -c CHECKPOINT
row visible-image database visible_image "$IMAGE"
freeze_pages
sql -c CHECKPOINT
row visible-image-pglz tablespace visible_image "$IMAGE" "wal_compression = $PGLZ"

# With an origin in front of the data, as of changes that come from elsewhere.
sql -c "SELECT pg_replication_origin_create('o')" >/dev/null
touch_pages
from=$(now)
sql -c "SELECT pg_replication_origin_session_setup('o')" -c "CREATE DATABASE origin $FILE_COPY" >/dev/null
note_row origin database origin "$(filenode pg_database)" "$from" INSERT "$DATA"

map map-database pg_database
map map-tablespace pg_tablespace
map map-neither pg_authid
touch_pages
row moved database moved "$DATA"
sql -c CHECKPOINT
row moved-image database moved_image "$IMAGE"

# The map of a database; what is shared, but no catalog of ours; what is no INSERT.
other map-local RelMap UPDATE '' 'database [1-9]' "VACUUM FULL pg_class"
other role Heap INSERT "1664/0/$(filenode pg_authid)" '' "CREATE ROLE r"
other rename Heap '(HOT_)?UPDATE' "1664/0/$(filenode pg_database)" '' "ALTER DATABASE a RENAME TO b"
other drop Heap DELETE "1664/0/$(filenode pg_database)" '' "DROP DATABASE b"

# The first row of a page: as many tablespaces as it takes.
size=$(sql -c "SELECT pg_relation_size('pg_tablespace')")
for i in {1..200}; do
	mkdir "$WORK/fill$i"
	from=$(now)
	now_size=$(sql -c "CREATE TABLESPACE fill$i LOCATION '$WORK/fill$i'" \
		-c "SELECT pg_relation_size('pg_tablespace')")
	[ "$now_size" = "$size" ] || break
done
note_row init tablespace "fill$i" "$(filenode pg_tablespace)" "$from" 'INSERT\+INIT' "$DATA"

gzip -9nc out >"$OUT/pg$MAJOR.gz"
chmod 644 "$OUT/pg$MAJOR.gz"
ls -l "$OUT/pg$MAJOR.gz"
