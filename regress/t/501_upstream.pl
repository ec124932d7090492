# pg_terminate_backend of the upstream walsender under load, and a crash (kill -9)
# and restart of the primary under load: ten times each, no standby disconnected,
# contents equal at the end.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary', initdb => ['--wal-segsize=1']);
$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept secret);
system_or_bail('pgbench', '-iq', $primary->connstr($_)) foreach qw(kept secret);

my $wb = WalBouncer->new('wb', upstream => $primary, rules => [
	{ name => 'standby', user => 'standby', exclude_databases => ['secret'] },
	{ name => 'everything' } ]);
$wb->start_streaming;
my $standby = $wb->add_standby('standby');
ok(wait_for_replay($primary, $standby), 'the standby streams');
my $rx = $wb->receive('rx');
my $link = $wb->standby_link($standby);
my $rx_link = $wb->link_of($rx->pid);
my $big = $wb->dir . '/big.sql';
append_to_file($big, "SELECT pg_logical_emit_message(true, '', repeat('x', 1500000));\n");

sub start_load
{
	return (pgbench_start($primary, 'kept', '-c', '2', '-T', '600'),
		pgbench_start($primary, 'secret', '-c', '2', '-T', '600'),
		pgbench_start($primary, 'secret', '-R', '5', '-T', '600', '-f', $big));
}

sub end_load
{
	kill 'INT', @_;
	waitpid $_, 0 foreach @_;
}

# some WAL more than there was
sub wait_for_flow
{
	my $from = $primary->lsn('flush');
	ok($standby->poll_query_until('postgres',
			"SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '$from') > 500000"),
		'WAL flows');
}

# the walsender is terminated
my @load = start_load();
foreach my $round (1 .. 10)
{
	my $offset = $wb->log_offset;
	is($primary->safe_psql('postgres',
			'SELECT count(pg_terminate_backend(pid)) FROM pg_stat_replication'), 1,
		"terminate $round: the walsender");
	$wb->wait_for_log(qr/streaming from upstream/, $offset, "terminate $round: the reader is back");
	wait_for_flow();
}
end_load(@load);
ok(wait_for_replay($primary, $standby), 'terminate: the standby has all');
is($wb->standby_link($standby), $link, 'terminate: over the same connection');
same_dump($primary, $standby, $_) foreach qw(kept postgres);

# the primary crashes
foreach my $round (1 .. 10)
{
	@load = start_load();
	wait_for_flow();
	my $offset = $wb->log_offset;
	my $postmaster = $primary->{_pid};
	kill 'STOP', $postmaster;
	my @backends = children_of($postmaster);
	kill 'KILL', @backends, $postmaster;
	$primary->{_pid} = undef;
	end_load(@load);
	poll_until { !grep { -d "/proc/$_" } @backends, $postmaster };
	$primary->start;
	$wb->wait_for_log(qr/streaming from upstream/, $offset, "crash $round: the reader is back");
}
$primary->safe_psql('kept', 'CREATE TABLE after_the_last_crash ()');
my $lsn = lsn_number($primary->lsn('flush'));
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
$primary->safe_psql('postgres', 'CREATE TABLE after_the_switch ()');
ok(wait_for_replay($primary, $standby), 'crash: the standby has all');
is($wb->standby_link($standby), $link, 'crash: over the same connection');
is($wb->link_of($rx->pid), $rx_link, 'crash: and so is the receiver');
same_dump($primary, $standby, $_) foreach qw(kept postgres);
log_clean($standby);

ok($rx->wait_for_segment(segment_file($lsn, 1 << 20)), 'the receiver has all');
my @segments = grep { -e $primary->data_dir . "/pg_wal/$_" } $rx->segments;
cmp_ok(scalar(@segments), '>', 10, 'many segments');
is(join(' ', grep { system('cmp', '-s', $primary->data_dir . "/pg_wal/$_", $rx->dir . "/$_") } @segments),
	'', 'every one has the primary\'s bytes');
ok(wait_for_walsenders($primary, 1), 'one walsender');

done_testing();
