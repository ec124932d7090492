# The orderly end: a standby sees its replication terminated by its primary, goes
# on when walbouncer is there again; the primary's fast shutdown is not held up,
# and the standby has all of it.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

my $primary = new_primary('primary');
$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept secret);
my $wb = WalBouncer->new('wb', upstream => $primary, rules => [
	{ name => 'standby', user => 'standby', exclude_databases => ['secret'] },
	{ name => 'everything' } ]);
$wb->start_streaming;
my $standby = $wb->add_standby('standby');
ok(wait_for_replay($primary, $standby), 'the standby streams');

foreach my $mode (qw(smart fast))
{
	my $offset = -s $standby->logfile;
	my $load = pgbench_start($primary, 'kept', '-i', '-s', '5');
	my $begin = time();
	is($wb->stop($mode), 0, "$mode stop: exit status 0");
	cmp_ok(time() - $begin, '<', 12, "$mode stop: soon");
	waitpid $load, 0;
	ok(poll_until(sub {
			slurp_file($standby->logfile, $offset) =~ /replication terminated by primary server/
		}), "$mode stop: the standby sees an orderly end");
	$wb->start_streaming;
	ok(wait_for_replay($primary, $standby), "$mode stop: the standby goes on after it");
	same_dump($primary, $standby, 'kept');
}

# the primary goes
my $link = $wb->standby_link($standby);
my $offset = $wb->log_offset;
$primary->safe_psql('secret', 'CREATE TABLE t AS SELECT generate_series(1, 100000)');
my $begin = time();
$primary->stop('fast');
cmp_ok(time() - $begin, '<', 10, 'fast shutdown of the primary is not held up');
my ($control) = run_command([ 'pg_controldata', $primary->data_dir ]);
my ($checkpoint) = $control =~ m{^Latest checkpoint location:\s+(\S+)}m;
ok($standby->poll_query_until('postgres',
		"SELECT pg_last_wal_replay_lsn() > '$checkpoint'"),
	'the standby has its last checkpoint');
is($wb->standby_link($standby), $link, 'and is still connected');
$primary->start;
$wb->wait_for_log(qr/streaming from upstream/, $offset, 'the reader is back');
$primary->safe_psql('kept', 'CREATE TABLE after_the_restart ()');
ok(wait_for_replay($primary, $standby), 'the standby goes on');
is($wb->standby_link($standby), $link, 'over the same connection');
same_dump($primary, $standby, 'kept');

done_testing();
