# Acknowledgement by a quorum: the primary knows one synchronous standby, and a commit
# waits for so many of those behind walbouncer as the policy says; remote_write, on and
# remote_apply each wait for what PostgreSQL means by them.  Nothing is confirmed that
# the policy does not cover, also when the reader starts anew, and on another timeline.
# A fast shutdown of the primary is not held up.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Commits;
use WalBouncer;
use WireStandby;

# walbouncer's name is its own
delete $ENV{PGAPPNAME};

my ($primary, $wb, %standby);

sub waits
{
	my ($commit, $name) = @_;
	ok(poll_until(sub { is_waiting($commit) }, 30), "$commit->{mode}: $name");
}

sub still_waits
{
	my ($commit, $name) = @_;
	ok(is_waiting($commit), "$commit->{mode}: $name");
}

# -- what the primary has been told ------------------------------------------------

sub told
{
	return $primary->safe_psql('postgres',
		q(SELECT concat_ws(' ', coalesce(write_lsn, '0/0'), coalesce(flush_lsn, '0/0'),
			coalesce(replay_lsn, '0/0')) FROM pg_stat_replication WHERE application_name = 'walbouncer'));
}

sub is_told
{
	my ($write, $flush, $apply, $name) = @_;
	my $got;

	poll_until { ($got = told()) eq "$write $flush $apply" } 20;
	is($got, "$write $flush $apply", "told write, flush, replay: $name");
}

# walbouncer has reported for a while after now
sub reports_again
{
	my $interval = shift // '0.5 s';
	my $now = $primary->safe_psql('postgres', 'SELECT clock_timestamp()');
	$primary->poll_query_until('postgres',
		"SELECT bool_or(reply_time > timestamptz '$now' + interval '$interval') FROM pg_stat_replication");
}

sub policy
{
	$wb->configure(upstream_settings => { acknowledge => shift });
	$wb->reload or die 'not reloaded';
	# the reader takes it before it reports the next time but one
	reports_again();
}

sub join_standby
{
	my ($name, %params) = @_;
	$standby{$name} = WireStandby->new($wb, $name, $primary->lsn('flush'), %params);
	return $standby{$name};
}

sub leave
{
	foreach my $name (@_)
	{
		my $workers = $wb->workers;
		(delete $standby{$name})->leave;
		poll_until { $wb->workers < $workers } 20;
	}
}

sub stop_primary
{
	my ($name, $limit) = @_;
	my $begin = time();
	$primary->stop('fast');
	my $took = time() - $begin;
	cmp_ok($took, '<', $limit, sprintf('fast shutdown takes %.2f s: %s', $took, $name));
}

# -- standbys that say what they are told to -------------------------------------------

foreach my $major (majors())
{
	print "# PostgreSQL $major\n";
	$primary = new_primary("primary$major", major => $major,
		conf => "synchronous_standby_names = 'walbouncer'\nwal_sender_timeout = 1s\n");
	$wb = WalBouncer->new("wb$major", upstream => $primary,
		settings => {
			wal_receiver_status_interval => '200ms',
			wal_sender_timeout => 0,
			spool_size => 0 },
		upstream_settings => { acknowledge => 'ANY 2 (a, "B", c)' });
	$wb->start_streaming;

	# nobody there
	my $on = commit($primary, 'on');
	waits($on, 'without standbys it waits');
	is_told('0/0', '0/0', '0/0', 'nothing');
	my $start = $primary->lsn('flush');
	join_standby($_) foreach qw(a b c);
	$standby{a}->say(apply => $start);
	reports_again();
	is_told('0/0', '0/0', '0/0', 'one of two is nothing');
	still_waits($on, 'one of two is not enough');
	$standby{c}->say(apply => $start);
	returns($on, 'two of three are');
	is_told($start, $start, $start, 'what two have');

	# each position by itself
	my ($write, $apply) = (commit($primary, 'remote_write'), commit($primary, 'remote_apply'));
	$on = commit($primary, 'on');
	waits($_, 'all three wait') foreach $write, $on, $apply;
	my $end = $primary->lsn('flush');
	$standby{a}->say(apply => $end);
	$standby{b}->say(write => $end, flush => $start, apply => $start);
	returns($write, 'returns when a second one has written');
	is_told($end, $start, $start, 'written');
	still_waits($_, 'waits when it is only written') foreach $on, $apply;
	$standby{b}->say(flush => $end);
	returns($on, 'returns when a second one has flushed');
	is_told($end, $end, $start, 'flushed');
	still_waits($apply, 'waits when it is only flushed');
	$standby{c}->say(apply => $end, flush => $start, write => $start);
	returns($apply, 'returns when a second one, of others, has replayed');
	is_told($end, $end, $end, 'replayed');

	# never beyond what there is
	my $beyond = lsn_text(lsn_number($end) + (1 << 30));
	$standby{$_}->say(apply => $beyond) foreach qw(a b);
	$on = commit($primary, 'on');
	returns($on, 'those who say that they have more count for what there is');
	$end = $primary->lsn('flush');
	is_told($end, $end, $end, 'no more than there is');
	leave(qw(a b c));

	# too few: what was told stays
	$start = $end;
	$on = commit($primary, 'on');
	waits($on, 'waits when all have left');
	$end = $primary->lsn('flush');
	join_standby('a')->say(apply => $end);
	reports_again();
	is_told($start, $start, $start, 'what was told stays');
	still_waits($on, 'one that comes back is not enough');

	# one standby is one, however often it connects
	my $old = $standby{a};
	join_standby('a')->say(apply => $end);
	reports_again();
	is_told($start, $start, $start, 'two sessions of one standby are one');
	still_waits($on, 'two sessions of one standby are one');
	join_standby('b')->say(flush => $end);
	returns($on, 'another standby makes two');
	$on = commit($primary, 'on');
	waits($on, 'with two sessions of one');
	$end = $primary->lsn('flush');
	$old->say(apply => $end);
	$standby{b}->say(apply => $end);
	reports_again();
	still_waits($on, 'the old session does not count');
	$standby{a}->say(apply => $end);
	returns($on, 'the new session does');
	$old->leave;

	# the reader
	$on = commit($primary, 'on');
	waits($on, 'with two standbys');
	$start = $end;
	$end = $primary->lsn('flush');
	$standby{a}->say(apply => $end);
	my $offset = $wb->log_offset;
	kill 'KILL', $wb->reader;
	$wb->wait_for_log(qr/streaming from upstream/, $offset, 'a new reader');
	is_told($start, $start, $start, 'a new reader says the same');
	still_waits($on, 'across readers');
	leave('a');
	$offset = $wb->log_offset;
	kill 'KILL', $wb->reader;
	$wb->wait_for_log(qr/streaming from upstream/, $offset, 'another reader');
	$standby{b}->say(apply => $end);
	reports_again();
	is_told('0/0', '0/0', '0/0', 'a new reader with too few says nothing');
	join_standby('c')->say(apply => $end);
	returns($on, 'a second standby, behind a new reader');

	# FIRST
	policy('FIRST 2 (a, b, c)');
	join_standby('a')->say(apply => $end);
	$on = commit($primary, 'on');
	waits($on, 'FIRST 2');
	$start = $end;
	$end = $primary->lsn('flush');
	$standby{$_}->say(apply => $end) foreach qw(a c);
	reports_again();
	still_waits($on, 'the last of the names is not asked');
	leave('b');
	returns($on, 'it is when one before it has left');
	policy('nobody, *');
	$on = commit($primary, 'remote_apply');
	waits($on, 'a list is FIRST 1');
	$end = $primary->lsn('flush');
	$standby{$_}->say(apply => $end) foreach qw(a c);
	returns($on, 'and * is everybody');

	# without a spool "received" flushes nothing
	policy('received');
	$write = commit($primary, 'remote_write');
	waits($write, 'waits under "received"');
	$end = $primary->lsn('flush');
	is_told($end, '0/0', '0/0', '"received" without a spool');
	policy('ANY 1 (c, a)');
	$standby{c}->say(apply => $end);
	returns($write, 'until one is asked');

	# the primary asks every 500 ms
	$wb->configure(settings => { wal_receiver_status_interval => 0 });
	policy('ANY 2 (a, b, c)');
	$on = commit($primary, 'on');
	waits($on, 'for some requests of the primary');
	reports_again('3 s');
	$wb->log_unlike(qr/shutting down/, 0, 'which are not taken for a shutdown');
	still_waits($on, 'after some requests of the primary');
	$wb->configure(settings => { wal_receiver_status_interval => '200ms' });

	# shutdown: too few standbys, and enough of them that say nothing
	policy('ANY 2 (a, b, c)');
	leave('a');
	$on = commit($primary, 'on');
	waits($on, 'a commit at shutdown');
	$offset = $wb->log_offset;
	stop_primary("PostgreSQL $major, one of two standbys", 10);
	$wb->wait_for_log(qr/shutting down/, $offset, 'walbouncer has noticed');
	$wb->wait_for_log(qr/upstream has ended the stream/, $offset, 'and let it go');
	$offset = $wb->log_offset;
	$primary->start;
	$wb->wait_for_log(qr/streaming from upstream/, $offset, 'the reader is back');
	$start = $primary->lsn('flush');
	join_standby($_)->say(apply => $start) foreach qw(a b);
	is_told($start, $start, $start, 'a quorum again');
	commit($primary, 'local');
	$offset = $wb->log_offset;
	stop_primary("PostgreSQL $major, two standbys that do not answer", 10);
	$wb->wait_for_log(qr/shutting down/, $offset, 'walbouncer has noticed');
	leave(keys %standby);
	$wb->stop;
}

done_testing();
