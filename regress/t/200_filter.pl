# Filtered standbys, one behind exclude_databases and one behind
# include_tablespaces, under a pgbench and DDL load with
# wal_consistency_checking = all: no FATAL or PANIC, kept databases dump equal, a
# marker written only to excluded data is found nowhere, pg_waldump reads every
# filtered segment and shows the LSNs and lengths of the primary's.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $segment_size = 16 << 20;
my $primary = new_primary('primary', conf => "wal_consistency_checking = all\n");
foreach my $spc (qw(spc_in spc_out))
{
	mkdir $primary->basedir . "/$spc";
	$primary->safe_psql('postgres',
		"CREATE TABLESPACE $spc LOCATION '" . $primary->basedir . "/$spc'");
}
$primary->safe_psql('postgres', $_)
  foreach 'CREATE DATABASE kept', 'CREATE DATABASE secret',
  'CREATE DATABASE far TABLESPACE spc_out';
system_or_bail('pgbench', '-iq', $primary->connstr($_)) foreach qw(kept secret);
$primary->safe_psql('kept', <<'END');
CREATE TABLE inside (id serial PRIMARY KEY USING INDEX TABLESPACE spc_in, t text) TABLESPACE spc_in;
CREATE SCHEMA outside;
CREATE TABLE outside.data (id serial PRIMARY KEY USING INDEX TABLESPACE spc_out, t text) TABLESPACE spc_out;
END

my $wb = WalBouncer->new('wb', upstream => $primary, rules => [
	{ name => 'no_secret', user => 'no_secret', exclude_databases => ['secret'] },
	{ name => 'inside', user => 'inside', include_tablespaces => ['spc_in'] },
	{ name => 'everything' } ]);
$wb->start_streaming;
my %standby = map { $_ => $wb->add_standby($_) } qw(no_secret inside);
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
my $first = lsn_number($primary->safe_psql('postgres', 'SELECT pg_current_wal_lsn()'));
my %receiver = map { $_ => $wb->receive($_) } qw(no_secret inside everything);

# -- the load: the same in a kept and an excluded database --------------------

my %marker = (no_secret => 'mark_of_secret', inside => 'mark_of_outside');

sub ddl_script
{
	my ($db, $marker) = @_;
	my $file = $wb->dir . "/ddl_$db.sql";
	my $table = "${marker}_:client_id";

	append_to_file($file, <<"END");
CREATE TABLE $table (id serial CONSTRAINT pk_$table PRIMARY KEY, a int[], p point, t text);
INSERT INTO $table (a, p, t) SELECT ARRAY[i, i % 7], point(i, i), '$marker ' || repeat(md5(i::text), 1 + i) FROM generate_series(1, 150) i;
CREATE INDEX ON $table (left(t, 60));
CREATE INDEX ON $table USING hash (id);
CREATE INDEX ON $table USING gin (a);
CREATE INDEX ON $table USING gist (p);
CREATE INDEX ON $table USING spgist (p);
CREATE INDEX ON $table USING brin (id);
UPDATE $table SET a = a || 1, t = '$marker ' || id WHERE id % 3 = 0;
DELETE FROM $table WHERE id % 5 = 0;
VACUUM $table;
INSERT INTO $table (a, p, t) SELECT ARRAY[i, i % 7], point(i, i), '$marker again' FROM generate_series(1, 50) i;
ALTER TABLE $table ADD COLUMN c int DEFAULT 1;
ALTER TABLE $table ALTER COLUMN c TYPE bigint;
CLUSTER $table USING pk_$table;
TRUNCATE $table;
INSERT INTO $table (t) VALUES ('$marker last');
ALTER TABLE $table RENAME TO was_$table;
DROP TABLE was_$table;
END
	return $file;
}

my @load = (
	pgbench_start($primary, 'kept',   '-c', '2', '-t', '300'),
	pgbench_start($primary, 'secret', '-c', '2', '-t', '300'),
	pgbench_start($primary, 'kept', '-c', '2', '-t', '2', '-f', ddl_script('kept', 'open')),
	pgbench_start($primary, 'secret', '-c', '2', '-t', '2',
		'-f', ddl_script('secret', $marker{no_secret})));
$primary->safe_psql('secret', <<"END");
CREATE TABLE $marker{no_secret} (t text);
INSERT INTO $marker{no_secret} SELECT '$marker{no_secret} ' || i FROM generate_series(1, 2000) i;
SELECT pg_logical_emit_message(true, '$marker{no_secret}', '$marker{no_secret}');
SELECT pg_logical_emit_message(false, 'x', '$marker{no_secret}' || repeat('y', 100000));
BEGIN;
INSERT INTO $marker{no_secret} VALUES ('$marker{no_secret} undone');
ROLLBACK;
END
$primary->safe_psql('kept', <<"END");
INSERT INTO inside (t) SELECT 'open ' || i FROM generate_series(1, 2000) i;
INSERT INTO outside.data (t) SELECT '$marker{inside} ' || i FROM generate_series(1, 2000) i;
CREATE INDEX ON outside.data (t) TABLESPACE spc_out;
UPDATE outside.data SET t = t || '+' WHERE id % 3 = 0;
VACUUM inside, outside.data;
SELECT pg_logical_emit_message(false, 'x', 'open');
END
$primary->safe_psql('far', <<"END");
CREATE TABLE $marker{inside} (t text);
INSERT INTO $marker{inside} SELECT '$marker{inside} ' || i FROM generate_series(1, 2000) i;
END
foreach my $pid (@load)
{
	waitpid $pid, 0;
	is($?, 0, 'the load has run');
}
$primary->safe_psql('kept', 'VACUUM FULL pg_class; REINDEX TABLE pg_attribute');
my $switch = lsn_number($primary->safe_psql('postgres', 'SELECT pg_switch_wal()'));
$primary->safe_psql('postgres', 'CREATE TABLE after_the_switch ()');

# -- what the standbys have ---------------------------------------------------

foreach my $name (sort keys %standby)
{
	my $standby = $standby{$name};

	ok(wait_for_replay($primary, $standby), "$name has replayed all");
	log_clean($standby);
	is(grep_files($marker{$name}, $standby->basedir), '',
		"$name: the marker is nowhere in its directories");
	isnt(grep_files('open ', $standby->basedir), '', "$name: but what is kept is there");
}
isnt(grep_files($_, $primary->data_dir, $primary->basedir . '/spc_out'), '',
	"the primary has $_")
  foreach values %marker;
same_dump($primary, $standby{no_secret}, $_) foreach qw(kept postgres far);
same_dump($primary, $standby{inside}, $_) foreach qw(secret postgres);
same_dump($primary, $standby{inside}, 'kept', '-N', 'outside');

# -- what pg_receivewal has ---------------------------------------------------

my %oid = map { split /\|/ } split /\n/, $primary->safe_psql('postgres',
	"SELECT datname, oid FROM pg_database UNION ALL SELECT spcname, oid FROM pg_tablespace");
# how pg_waldump tells that a record is about excluded data
my $db = $oid{secret};
my $spc = $oid{spc_out};
my %names_excluded = (
	no_secret => qr{rel \d+/$db/|base/$db/|PG_\d+_\d+/$db/|(?:dir|to) \d+/$db\b|database $db\b},
	inside => qr{rel $spc/|pg_tblspc/$spc/|(?:dir|to) $spc/|tablespace $spc\b},
	everything => qr{^$});
my $never_touched = qr/^rmgr: (?:Transaction|Standby|CLOG|MultiXact|CommitTs|ReplicationOrigin) /;

my $last_file = segment_file($switch - 1, $segment_size);
my $first_file = segment_file($first, $segment_size);
my @want = waldump($primary->data_dir . '/pg_wal', $first_file, $last_file);
cmp_ok(scalar(@want), '>', 10000, 'records on the primary');

foreach my $name (sort keys %receiver)
{
	my $rx = $receiver{$name};

	ok($rx->wait_for_segment($last_file), "$name: pg_receivewal has all segments");
	is(($rx->segments)[0], $first_file, "$name: from the first one");
	my @got = eval { waldump($rx->dir, $first_file, $last_file) };
	is($@, '', "$name: pg_waldump reads every segment");
	is(scalar(@got), scalar(@want), "$name: as many records as on the primary");

	my ($blank, $bad) = (0, '');
	foreach my $i (0 .. $#want)
	{
		my ($has, $had) = ($got[$i] // '', $want[$i]);
		my @what = map { [ m{tot\): +\d+/ *(\d+), tx: +(\d+), lsn: (\S+), prev (\S+), } ] } $has, $had;
		my $excluded = $had =~ $names_excluded{$name} && $had !~ $never_touched;

		if ("@{$what[0]}" ne "@{$what[1]}")
		{
			$bad .= "length, LSN or transaction: $has\n\tprimary: $had\n";
		}
		elsif ($has ne $had)
		{
			$blank++;
			$bad .= "changed to something: $has\n\tprimary: $had\n"
			  unless $has =~ /^rmgr: XLOG .*desc: NOOP/;
			$bad .= "blanked, but not excluded: $had\n"
			  unless $excluded || ($name eq 'no_secret' && $had =~ /^rmgr: LogicalMessage/)
			  || $had =~ /desc: CLEANUP_INFO/;	# 13 does not say of what
		}
		elsif ($excluded)
		{
			$bad .= "kept, but excluded: $had\n";
		}
		last if length $bad > 2000;
	}
	is($bad, '', "$name: same LSNs, lengths and transactions; exactly the excluded is blank");
	if ($name eq 'everything')
	{
		is($blank, 0, "$name: nothing blank");
		isnt(grep_files($_, $rx->dir), '', "$name: $_ is in it") foreach values %marker;
		next;
	}
	cmp_ok($blank, '>', 100, "$name: blank records");
	is(grep_files($marker{$name}, $rx->dir), '', "$name: the marker is nowhere in the stream");
}

# what else is in store for the standbys: a restart
foreach my $name (sort keys %standby)
{
	$standby{$name}->restart;
	ok(wait_for_replay($primary, $standby{$name}), "$name survives a restart");
	log_clean($standby{$name});
}

done_testing();
