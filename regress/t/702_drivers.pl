# The console by those that operators use: psycopg2, node-postgres and DBD::Pg show
# the same standbys as psql does, with a real one connected; libpq's extended
# protocol in all its ways; pgbench in all its modes.
#
# WB_NODE_PATH is where node finds pg and pg-cursor (regress/run gets them).  A driver
# that is not there is left out, unless WB_REQUIRE_DRIVERS is set.

use strict;
use warnings;
use File::Basename qw(dirname);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $user = getpwuid($<);
my $drivers = "$ENV{TEST_SRCDIR}/regress/drivers";
my $pqextended = "$ENV{TESTDIR}/regress/unit/pqextended";

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary);
$wb->start_streaming;
my $standby = $wb->add_standby('standby');
my $other = $wb->receive('other');
$primary->safe_psql('postgres', 'CREATE TABLE t ()');
ok(wait_for_replay($primary, $standby), 'a standby');

sub output_of
{
	my ($name, @command) = @_;
	my ($out, $err) = ('', '');

	print "# @command\n";
	my $ok = IPC::Run::run(\@command, '<', '/dev/null', '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	ok($ok, $name) or diag("$out$err");
	return $out;
}

sub available
{
	my ($what, @command) = @_;
	my $found = eval { IPC::Run::run(\@command, '<', '/dev/null', '>', '/dev/null', '2>', '/dev/null') };

	die "$what is not there" if !$found && $ENV{WB_REQUIRE_DRIVERS};
	return $found;
}

# What psql shows of the standbys that does not change from one moment to the next,
# and what a driver has made of the same columns.
my @steady = qw(pid rule usename application_name client_addr client_port state source timeline sync_state filtered slot_name);

sub normal
{
	my ($value) = @_;

	return undef unless defined $value;
	return JSON::PP::is_bool($value) ? ($value ? 't' : 'f') : "$value";
}

sub steady
{
	my $bool = shift;
	return [
		sort { $a->[0] <=> $b->[0] }
		map { my $row = $_; [ map { my $v = normal($row->{$_}); $_ eq 'filtered' && $bool && defined $v ? ($v eq '1' ? 't' : $v eq '0' ? 'f' : $v) : $v } @steady ] } @_ ];
}

my @shown;
ok(poll_until(sub {
		@shown = $wb->show('standbys');
		return 2 == grep { $_->{state} eq 'streaming' && $_->{source} eq 'ring' } @shown;
	}), 'two standbys');
is($shown[0]{usename} eq 'standby' || $shown[1]{usename} eq 'standby' ? 1 : 0, 1, 'one of them is the server');
my %types = (pid => 23, rule => 25, client_port => 23, backend_start => 1184, timeline => 20, sent_lsn => 3220,
	sent_lag_bytes => 20, replay_lag => 701, reply_time => 1184, filtered => 16);
my @help = $wb->show('help');

sub check_driver
{
	my ($name, $found) = @_;

	foreach my $column (sort keys %types)
	{
		is($found->{types}{$column}, $types{$column}, "$name: the type of $column");
	}
	is(scalar keys %{ $found->{types} }, scalar keys %{ $shown[0] }, "$name: all columns");
	is_deeply(steady(1, @{ $found->{rows} }), steady(0, @shown), "$name: the rows that psql shows");
	is($found->{version}, 'walbouncer 0.1.0', "$name: goes on behind an error");
}

SKIP:
{
	skip 'no psycopg2', 1 unless available('psycopg2', 'python3', '-c', 'import psycopg2');
	my $found = decode_json(output_of('psycopg2', 'python3', "$drivers/psycopg2_console.py",
			'host=' . $wb->socket_dir . ' port=' . $wb->port . " dbname=walbouncer user=$user"));
	check_driver('psycopg2', $found);
	is($found->{server_version}, 150000, 'psycopg2: the server version');
	is($found->{encoding}, 'UTF8', 'psycopg2: the encoding');
	ok($found->{in_transaction}, 'psycopg2: in a transaction');
	is($found->{error}, '42601', 'psycopg2: an error');
	ok($found->{in_error}, 'psycopg2: the transaction has failed');
	is($found->{kill}, q(no standby with application_name "it's no\body" is connected), 'psycopg2: an argument with quotes');
}

SKIP:
{
	local $ENV{NODE_PATH} = $ENV{WB_NODE_PATH} // '/usr/share/nodejs';
	skip 'no node-postgres', 1 unless available('node-postgres', 'node', '-e', 'require("pg"); require("pg-cursor")');
	my $found = decode_json(output_of('node-postgres', 'node', "$drivers/node_console.js", $wb->socket_dir, $wb->port, $user));
	check_driver('node-postgres', $found);
	is_deeply($found->{several}, [ 'BEGIN', 'SHOW', 'COMMIT' ], 'node-postgres: several statements');
	is_deeply(steady(1, @$_), steady(0, @shown), 'node-postgres: a named statement') foreach @{ $found->{named} };
	my $sum = 0;
	$sum += $_ foreach @{ $found->{cursor} };
	is($sum, scalar @help, 'node-postgres: a cursor reads all rows');
	is_deeply([ grep { $_ != 3 } @{ $found->{cursor} }[0 .. $#{ $found->{cursor} } - 1] ], [], 'node-postgres: three at a time');
	is_deeply($found->{errors}, [ '42601', '42601', '0A000' ], 'node-postgres: errors');
}

SKIP:
{
	skip 'no DBD::Pg', 1 unless available('DBD::Pg', 'perl', '-MDBD::Pg', '-e', '1');
	my $found = decode_json(output_of('DBD::Pg', 'perl', "$drivers/dbd_pg_console.pl", $wb->socket_dir, $wb->port, $user));
	check_driver('DBD::Pg', $found);
	cmp_ok($found->{ping}, '>', 0, 'DBD::Pg: ping');
	is($found->{server_version}, 150000, 'DBD::Pg: the server version');
	is($found->{in_transaction}, 'walbouncer 0.1.0', 'DBD::Pg: in a transaction');
	is($found->{error}, '42601', 'DBD::Pg: an error');
	is($found->{failed}, '25P02', 'DBD::Pg: the transaction has failed');
	is($found->{killed}, '42704', 'DBD::Pg: nobody to be killed');
}

# -- libpq -------------------------------------------------------------------

is(output_of('libpq', $pqextended, 'host=' . $wb->socket_dir . ' port=' . $wb->port . " dbname=walbouncer user=$user"), <<'END', 'libpq: the extended protocol');
text: PGRES_TUPLES_OK "SELECT 1" 1 rows format 0 34 37 31 31
binary: PGRES_TUPLES_OK "SELECT 1" 1 rows format 1 00 00 12 67
standbys in binary: PGRES_TUPLES_OK "SHOW" 2 rows
error: PGRES_FATAL_ERROR 42704
parameter: PGRES_FATAL_ERROR 0A000
no answer: PGRES_COMMAND_OK "SET" 0 rows
empty: PGRES_EMPTY_QUERY "" 0 rows
prepare: PGRES_COMMAND_OK "" 0 rows
describe: PGRES_COMMAND_OK "" 0 rows
execute: PGRES_TUPLES_OK "SELECT 1" 1 rows format 0 78
again: PGRES_TUPLES_OK "SELECT 1" 1 rows format 1 78
deallocate: PGRES_COMMAND_OK "DEALLOCATE" 0 rows
gone: PGRES_FATAL_ERROR 26000
pipeline: PGRES_TUPLES_OK
pipeline: PGRES_FATAL_ERROR
pipeline: PGRES_PIPELINE_ABORTED
pipeline: PGRES_PIPELINE_SYNC
pipeline: PGRES_TUPLES_OK
pipeline: PGRES_PIPELINE_SYNC
single rows: many
at the end: PGRES_TUPLES_OK "SELECT 1" 1 rows format 0 31
END

# -- pgbench -----------------------------------------------------------------

my $script = $wb->dir . '/script.sql';
append_to_file($script, <<'END');
BEGIN;
SHOW STANDBYS;
SELECT 1;
END;
SHOW VERSION;
END
my $pipelined = $wb->dir . '/pipelined.sql';
append_to_file($pipelined, <<'END');
\startpipeline
SHOW STANDBYS;
SHOW HELP;
SELECT 1;
\endpipeline
END
foreach my $mode ([ 'simple', $script ], [ 'extended', $script ], [ 'prepared', $script ],
	[ 'extended', $pipelined ], [ 'prepared', $pipelined ])
{
	# places are few
	poll_until { 1 == grep { $_->{backend_type} eq 'console' } $wb->show('activity') };
	my $out = output_of("pgbench -M $mode->[0]", 'pgbench', '-n', '-M', $mode->[0], '-c', 4, '-j', 2, '-t', 50, '-f', $mode->[1],
		'-h', $wb->socket_dir, '-p', $wb->port, '-U', $user, 'walbouncer');
	like($out, qr{number of transactions actually processed: 200/200}, "pgbench -M $mode->[0]: all of them");
}

done_testing();
