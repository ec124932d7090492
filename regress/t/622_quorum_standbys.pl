# A quorum of real standbys, of the spool, and of both; over a failover what was said
# on the old timeline does not count.  The primary's fast shutdown takes as long as with
# a plain standby; the times are printed.

use strict;
use warnings;
use File::Path qw(rmtree);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Commits;
use WalBouncer;
use WireStandby;

# walbouncer's name is its own
delete $ENV{PGAPPNAME};

my $primary = new_primary('primary', conf => "synchronous_standby_names = 'walbouncer'\n");
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { wal_receiver_status_interval => '200ms', wal_sender_timeout => 0 },
	upstream_settings => { acknowledge => 'ANY 2 (a, b, c)' });

# Waits, also after walbouncer has reported for a while.
sub waits
{
	my ($commit, $name) = @_;

	poll_until { is_waiting($commit) } 30;
	reports_again();
	ok(is_waiting($commit), "$commit->{mode} waits: $name");
}

# Walbouncer has reported for a while after now.
sub reports_again
{
	my $now = $primary->safe_psql('postgres', 'SELECT clock_timestamp()');
	$primary->poll_query_until('postgres',
		"SELECT bool_or(reply_time > timestamptz '$now' + interval '0.5 s') FROM pg_stat_replication"
		  . " WHERE application_name = 'walbouncer'");
	return;
}

sub policy
{
	$wb->configure(upstream_settings => { acknowledge => shift });
	ok($wb->reload, 'a policy');
	# the reader takes it before it reports the next time but one
	reports_again();
}

sub spooler
{
	my ($pid) = grep { process_title($_) =~ /^walbouncer: spooler/ } $wb->processes;
	return $pid;
}

sub stop_primary
{
	my $name = shift;
	my $begin = time();
	$primary->stop('fast');
	my $took = time() - $begin;
	cmp_ok($took, '<', 10, sprintf('fast shutdown takes %.2f s: %s', $took, $name));
}

sub start_primary
{
	my $offset = $wb->log_offset;
	$primary->start;
	$wb->wait_for_log(qr/streaming from upstream/, $offset, 'the reader is back');
}

# -- a plain standby, to compare ------------------------------------------------------

$primary->backup('plain');
my $plain = WalBouncer::_new_node('plain');
$plain->init_from_backup($primary, 'plain', has_streaming => 1);
$plain->start;
ok(wait_for_replay($primary, $plain), 'a plain standby streams');
stop_primary('a plain standby');
$primary->start;
$plain->stop;

# -- ANY 2 of 3 -------------------------------------------------------------------------

$wb->start_streaming;
my %standby = map { $_ => $wb->add_standby($_) } qw(a b c);
ok(wait_for_replay($primary, $_), $_->name . ' streams') foreach values %standby;
returns(commit($primary, $_), 'three standbys') foreach qw(remote_write on remote_apply);
$standby{a}->stop;
returns(commit($primary, $_), 'one of three is stopped') foreach qw(remote_write on remote_apply);
$standby{b}->stop;
my @waiting = map { commit($primary, $_) } qw(remote_write on remote_apply);
waits($_, 'two of three are stopped') foreach @waiting;
$wb->wait_for_log(qr/WARNING: .*nothing is acknowledged.*: 1 of the 2 standbys/, 0,
	'the log says why');
my $offset = $wb->log_offset;
kill 'KILL', $wb->reader;
$wb->wait_for_log(qr/streaming from upstream/, $offset, 'a new reader');
waits($_, 'two of three are stopped, and a new reader') foreach @waiting;
$standby{b}->start;
returns($_, 'the second one is back') foreach @waiting;
$standby{a}->start;
ok(wait_for_replay($primary, $_), $_->name . ' streams') foreach values %standby;

# replay on two of them is paused
$standby{$_}->safe_psql('postgres', 'SELECT pg_wal_replay_pause()') foreach qw(a b);
my $apply = commit($primary, 'remote_apply');
returns(commit($primary, $_), 'two do not replay') foreach qw(remote_write on);
waits($apply, 'two do not replay');
$standby{a}->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
returns($apply, 'one of them replays again');
$standby{b}->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');

# two of them do nothing at all
my @stopped = map { $_->safe_psql('postgres', 'SELECT pid FROM pg_stat_wal_receiver') } @standby{qw(a b)};
kill 'STOP', @stopped;
@waiting = map { commit($primary, $_) } qw(remote_write on remote_apply);
waits($_, 'two receivers do nothing') foreach @waiting;
kill 'CONT', $stopped[1];
returns($_, 'one receiver goes on') foreach @waiting;
kill 'CONT', $stopped[0];

# FIRST 2
policy('FIRST 2 (a, b, c)');
kill 'STOP', $stopped[0];
my $on = commit($primary, 'on');
waits($on, 'one of the first two does nothing');
kill 'CONT', $stopped[0];
returns($on, 'it goes on');
$standby{a}->stop;
returns(commit($primary, 'on'), 'one of the first two is not there');
$standby{a}->start;

# -- shutdown -----------------------------------------------------------------------------

policy('ANY 2 (a, b, c)');
ok(wait_for_replay($primary, $_), $_->name . ' streams') foreach values %standby;
returns(commit($primary, 'on'), 'before the shutdown');
stop_primary('ANY 2 of three standbys');
start_primary();
returns(commit($primary, 'on'), 'and behind it');
@stopped = map { $_->safe_psql('postgres', 'SELECT pid FROM pg_stat_wal_receiver') } @standby{qw(a b)};
kill 'STOP', @stopped;
$on = commit($primary, 'on');
waits($on, 'two receivers do nothing');
stop_primary('ANY 2, two of three standbys do nothing (SIGSTOP)');
kill 'CONT', @stopped;
start_primary();
returns(commit($primary, 'on'), 'and behind it');
$standby{$_}->stop foreach qw(a b);
$on = commit($primary, 'on');
waits($on, 'two standbys are stopped');
stop_primary('ANY 2, two of three standbys are stopped (pg_ctl)');
start_primary();
$standby{$_}->start foreach qw(a b);
returns(commit($primary, 'on'), 'and behind it');

# -- the spool ------------------------------------------------------------------------------

policy('spooled, ANY 2 (*)');
returns(commit($primary, $_), 'spool and standbys') foreach qw(remote_write on remote_apply);
kill 'STOP', spooler();
@waiting = map { commit($primary, $_) } qw(remote_write on remote_apply);
waits($_, 'the spooler does nothing') foreach @waiting;
policy('ANY 2 (*)');
returns($_, 'it is not asked any more') foreach @waiting;
policy('spooled');
$on = commit($primary, 'on');
waits($on, 'the spooler does nothing');
stop_primary('the spooler does nothing (SIGSTOP)');
kill 'CONT', spooler();
start_primary();
$_->stop foreach values %standby;
returns(commit($primary, $_), 'the spooler alone') foreach qw(remote_write on);
$apply = commit($primary, 'remote_apply');
waits($apply, 'a spool does not replay');
kill 'STOP', spooler();
$on = commit($primary, 'on');
waits($on, 'the spooler does nothing');
policy('received');
returns(commit($primary, 'remote_write'), 'received counts as written');
waits($on, 'but not as flushed');
kill 'CONT', spooler();
returns($on, 'what the spool has counts as flushed');
waits($apply, 'nothing is replayed');

# -- failover --------------------------------------------------------------------------------

rmtree($primary->backup_dir . '/heir');
$primary->backup('heir');
my $heir = WalBouncer::_new_node('heir');
$heir->init_from_backup($primary, 'heir', has_streaming => 1);
$heir->start;
ok(wait_for_replay($primary, $heir), 'an heir of the primary');
policy('ANY 2 (a, b, c)');
my %wire = map { $_ => WireStandby->new($wb, $_, $primary->lsn('flush')) } qw(a b);
# they have what the heir will not have
$heir->stop;
$primary->safe_psql('postgres',
	"SET synchronous_commit = local; SELECT pg_logical_emit_message(true, '', repeat('x', 100000))");
$wire{$_}->say(apply => $primary->lsn('flush')) foreach qw(a b);
returns($apply, 'two standbys');
$primary->stop('immediate');
$heir->start;
$heir->promote;
$primary = $heir;
$offset = $wb->log_offset;
$wb->configure(upstream => $primary);
ok($wb->reload, 'moved to the heir');
$wb->wait_for_log(qr/streaming from upstream .* on timeline 2/, $offset, 'the reader follows');
$on = commit($primary, 'on');
waits($on, 'what was said on timeline 1 does not count');
my $switch = (split ' ', slurp_file($heir->data_dir . '/pg_wal/00000002.history'))[1];
%wire = map { $_ => WireStandby->new($wb, $_, $switch, tli => 2) } qw(a b);
$wire{$_}->say(apply => $switch) foreach qw(a b);
waits($on, 'nor what is on both');
$wire{$_}->say(apply => $primary->lsn('flush')) foreach qw(a b);
returns($on, 'what is said on timeline 2 does');

done_testing();
