# What walbouncer says of its standbys and its upstream: lags in time as a server
# says of the same standby, positions to the moment for who waits for them, where WAL
# comes from, what has been sent, and that a standby whose WAL cannot be filtered is
# halted, and why.

use strict;
use warnings;
use Http;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

# A test of its own: it becomes true.
sub becomes(&$)
{
	my ($code, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(poll_until(sub { $code->() }, 60), $name);
}

my $segment = 1 << 20;
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $primary = new_primary('primary', initdb => ['--wal-segsize=1']);
$primary->safe_psql('postgres', 'CREATE DATABASE secret');
$primary->safe_psql('postgres', 'CREATE TABLE t (at timestamptz)');
my $wb = WalBouncer->new('wb',
	upstream => $primary,
	settings => { monitor_port => $port, monitor_listen_addresses => '127.0.0.1',
		ring_size => '1MB', spool_size => '1GB' },
	rules => [ { name => 'filtered', user => 'filtered', exclude_databases => ['secret'] },
		{ name => 'all' } ]);
$wb->configure(settings => { unix_socket_directories => $wb->socket_dir });
$wb->start_streaming;

sub row
{
	return $wb->show_row('standbys', 'application_name', shift) // {};
}

sub write_some
{
	$primary->safe_psql('postgres', 'INSERT INTO t VALUES (clock_timestamp())');
}

# -- lags in time --------------------------------------------------------------------

my $delay = 2;
my %standby = map {
	$_ => $wb->add_standby($_, no_start => 1,
		conf => "recovery_min_apply_delay = ${delay}s\nwal_receiver_status_interval = 1s\n")
} qw(direct routed);
$standby{direct}->append_conf('postgresql.conf',
	"primary_conninfo = 'host=@{[ $primary->host ]} port=@{[ $primary->port ]} application_name=direct'\n");
$_->start foreach values %standby;
ok(wait_for_walsenders($primary, 2), 'one standby is direct, one is behind walbouncer');
becomes { (row('routed')->{state} // '') eq 'streaming' } 'which streams';

my ($there, $here);
becomes {
		write_some();
		$there = $primary->safe_psql('postgres',
			"SELECT coalesce(extract(epoch FROM replay_lag), 0) FROM pg_stat_replication WHERE application_name = 'direct'");
		$here = row('routed');
		return $there > 0.8 * $delay && ($here->{replay_lag} // 0) > 0.8 * $delay;
	}
	"both are said to replay $delay s late";
note("replay_lag: PostgreSQL $there s, walbouncer $here->{replay_lag} s");
cmp_ok($here->{replay_lag}, '<', 2 * $there, 'no more than twice what the server says');
cmp_ok($here->{replay_lag}, '>', $there / 2, 'no less than half of it');
cmp_ok($here->{$_}, '<', $delay / 2, "$_ is shorter") foreach qw(write_lag flush_lag);
ok(wait_for_replay($primary, $standby{routed}), 'it gets there');
becomes {
		my $row = row('routed');
		return defined $row->{pid} && !grep { defined $row->{$_} } qw(write_lag flush_lag replay_lag);
	}
	'one that is idle has no lag, as with a server';

# -- what is sent, and when it answers -----------------------------------------------------

my $before = row('routed');
$primary->safe_psql('postgres', "SELECT pg_logical_emit_message(true, '', repeat('x', 300000))");
ok(wait_for_replay($primary, $standby{routed}), 'more WAL');
my $after;
becomes { $after = row('routed'); ($after->{reply_time} // '') gt $before->{reply_time} } 'it has answered since';
is($after->{sent_bytes} - $before->{sent_bytes},
	lsn_number($after->{sent_lsn}) - lsn_number($before->{sent_lsn}), 'what is sent is counted');
cmp_ok($after->{sent_bytes}, '>', $before->{sent_bytes} + 300000, 'all of it');
is($after->{source}, 'ring', 'from the ring');
my $activity = $wb->show_row('activity', 'application_name', 'routed');
like($activity->{command}, qr/^START_REPLICATION .*TIMELINE 1$/, 'the command that runs');
$_->stop foreach values %standby;

# -- who waits gets to know at once -----------------------------------------------------------

# it says by itself where it is every hour
my $quiet = $wb->add_standby('quiet', conf => "wal_receiver_status_interval = 1h\n");
ok(wait_for_replay($primary, $quiet), 'a standby that says little');
foreach my $round (1 .. 3)
{
	my $lsn = $primary->safe_psql('postgres',
		'INSERT INTO t VALUES (now()); SELECT pg_current_wal_insert_lsn()');
	my $begin = time();
	my $answer = http_get($port, "/standbys?application_name=quiet&wait_lsn=$lsn&timeout=20000");
	my $took = time() - $begin;
	is($answer->{status}, 200, sprintf('who waits for it is told, after %.3f s', $took));
	cmp_ok($took, '<', 5, 'soon');
	is($quiet->safe_psql('postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'"), 't',
		'and that is true');
}
$quiet->stop;

# -- the upstream ------------------------------------------------------------------------------

my ($upstream) = $wb->show('upstream');
is($upstream->{state}, 'streaming', 'the upstream streams');
is($upstream->{connects}, 1, 'it was connected to once');
is($upstream->{last_error}, undef, 'without an error');
$primary->stop;
becomes {
		($upstream) = $wb->show('upstream');
		return $upstream->{state} eq 'waiting' && defined $upstream->{last_error};
	}
	'it is waited for';
like($upstream->{last_error}, qr/could not connect|lost connection|server closed/, 'with the reason');
$primary->start;
becomes { ($upstream) = $wb->show('upstream'); return $upstream->{state} eq 'streaming' } 'it is back';
is($upstream->{connects}, 2, 'connected to twice');
is($upstream->{last_error}, undef, 'and all is well');
becomes {
		($upstream) = $wb->show('upstream');
		return lsn_number($upstream->{received_lsn}) >= lsn_number($primary->lsn('flush'));
	}
	'what it has comes in';

# -- a filter that cannot go on -----------------------------------------------------------------

my $filtered = $wb->add_standby('filtered');
ok(wait_for_replay($primary, $filtered), 'a filtered standby');
$primary->safe_psql('secret', "CREATE TABLE s AS SELECT repeat('y', 1000) FROM generate_series(1, 500)");
ok(wait_for_replay($primary, $filtered), 'that is not to have everything');
my $row;
becomes { $row = row('filtered'); ($row->{blanked_bytes} // 0) > 500_000 } 'what is withheld is counted';
is($row->{filtered}, 't', 'it is said to be so');
$filtered->stop;
my $from = lsn_number($primary->lsn('flush'));
$primary->safe_psql('postgres',
	"SELECT pg_logical_emit_message(true, '', repeat('x', 400000)) FROM generate_series(1, 20)");
my $to = lsn_number($primary->lsn('flush'));
becomes {
		my ($spool) = $wb->show('spool');
		lsn_number($spool->{flushed_lsn} // '0/0') >= $to;
	}
	'the spool has what it is missing';

# one bit of a record, in a segment that is only in the spool
my $bad = $wb->dir . '/state/spool/' . segment_file($from + 3 * $segment, $segment);
my $good = slurp_file($bad);
my $at = index($good, 'x' x 1000, 100_000);
cmp_ok($at, '>', 0, 'a place to spoil');
open my $fh, '+<:raw', $bad or die "$bad: $!";
seek $fh, $at, 0;
print $fh 'z';
close $fh;

my $offset = $wb->log_offset;
$filtered->start;
$wb->wait_for_log(qr/worker filtered .*LOG:  standby halted at [0-9A-F\/]+$/m, $offset, 'the stream ends');
# it comes again and again: of one that has just come it is not known where that was
becomes { $row = row('filtered'); ($row->{state} // '') eq 'halted' && defined $row->{sent_lsn} } 'the standby is halted';
like($row->{reason}, qr/incorrect .*checksum/, 'why is told');
my $halted = lsn_number($row->{sent_lsn} // '0/0');
cmp_ok($halted, '>', $from, 'it has got what came before');
cmp_ok($halted, '<=', ($from - $from % $segment) + 3 * $segment + $at, 'and nothing of the bad record');

open $fh, '>:raw', $bad or die "$bad: $!";
print $fh $good;
close $fh;
ok(wait_for_replay($primary, $filtered), 'with the WAL as it was it goes on');
becomes { (row('filtered')->{state} // '') eq 'streaming' } 'and is halted no more';

# -- a scope that is older than its rule -----------------------------------------------------------

sub kept
{
	my @alarms = grep { ($_->{name} // '') =~ /filtered/ || ($_->{message} // '') =~ /filtered/ } $wb->show('alarms');
	return scalar @alarms;
}

becomes { !kept() } 'the scope is that of the rule';
$wb->configure(rules => [ { name => 'filtered', user => 'filtered' }, { name => 'all' } ]);
ok($wb->reload, 'the rule lets everything through');
becomes { kept() } 'the standby lacks too much to follow';
$wb->configure(rules => [
	{ name => 'filtered', user => 'filtered', exclude_databases => ['secret'] }, { name => 'all' } ]);
ok($wb->reload, 'the rule is as it was');
becomes { !kept() } 'and so is the scope';

done_testing();
