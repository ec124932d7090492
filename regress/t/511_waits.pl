# A worker that has to wait does so without burning CPU, and never for ever: for a
# standby that does not read, for a client that has gone, for what a changed rule
# means, for an upstream connection that is dead, for a lock that somebody holds.

use strict;
use warnings;
use Fcntl qw(:flock);
use PostgreSQL::Test::Utils;
use POSIX qw(sysconf _SC_CLK_TCK);
use Test::More;
use Time::HiRes qw(sleep time);
use WalBouncer;

my $primary = new_primary('primary', initdb => ['--wal-segsize=1']);
$primary->safe_psql('postgres', 'CREATE DATABASE secret');
my $begin = lsn_text(lsn_number($primary->lsn('flush')) & ~0xFFFFF);
$primary->safe_psql('postgres',
	"SELECT pg_logical_emit_message(false, '', repeat('x', 1000000)) FROM generate_series(1, 30)");

sub rules
{
	return [ { name => 'filtered', user => 'filtered', exclude_databases => ['secret'] },
		{ name => 'stalled', user => 'stalled', @_ }, { name => 'everything' } ];
}

my $wb = WalBouncer->new('wb', upstream => $primary, rules => rules(),
	settings => { ring_size => '1MB', spool_size => 0, wal_sender_timeout => '10s', wal_receiver_timeout => '4s' });
$wb->start_streaming;

# how often a process has been given the CPU, and its CPU time in seconds
sub wakeups
{
	my $pid = shift;
	return (split ' ', slurp_file("/proc/$pid/schedstat"))[2];
}

sub cpu
{
	my $pid = shift;
	my @field = split ' ', slurp_file("/proc/$pid/stat") =~ s/^.*\) //sr;
	return ($field[11] + $field[12]) / sysconf(_SC_CLK_TCK);
}

sub worker_of
{
	my $user = shift;
	my ($pid) = grep { process_title($_) =~ /^walbouncer: worker \S+ $user / } $wb->workers;
	return $pid;
}

sub has_gone
{
	my $pid = shift;
	return poll_until { process_title($pid) !~ /^walbouncer: worker/ } 30;
}

# A client that has asked for WAL from behind the ring, and does not read.
sub stalled
{
	my $wire = $wb->wire;
	$wire->startup(user => 'stalled');
	$wire->query("START_REPLICATION $begin TIMELINE 1");
	my $pid = worker_of('stalled');
	sleep 1;
	return ($wire, $pid);
}

# the socket is full: it cannot be asked for a sign of life
my ($wire, $pid) = stalled();
sleep 1.5;
my $before = wakeups($pid);
sleep 1;
cmp_ok(wakeups($pid) - $before, '<', 50, 'a full socket: the worker sleeps');
ok(has_gone($pid), 'until wal_sender_timeout');
$wire->close;

# the scope of a changed rule cannot be found out, and WAL waits to be read
$wb->configure(settings => { wal_sender_timeout => '60s' });
$wb->reload;
($wire, $pid) = stalled();
my $offset = $wb->log_offset;
$wb->configure(rules => rules(exclude_databases => ['secret']),
	upstream_settings => { catalog_database => 'nosuch' });
ok($wb->reload, 'a rule that cannot be compiled: reloaded');
$wb->wait_for_log(qr/worker stalled .*database "nosuch" does not exist/, $offset,
	'a rule that cannot be compiled: the worker says so');
1 while $wire->read_message(1);
$before = cpu($pid);
sleep 3;
cmp_ok(cpu($pid) - $before, '<', 0.5, 'a rule that cannot be compiled: the worker sleeps');
$wb->configure(upstream_settings => { catalog_database => 'postgres' });
$wb->reload;
ok($wire->read_message(30), 'then it goes on');

# the worker's own connection is dead
my $sender;
ok(poll_until(sub {
		$sender = $primary->safe_psql('postgres',
			"SELECT pid FROM pg_stat_replication WHERE application_name = 'walbouncer_catchup'");
		return $sender =~ /^\d+$/;
	}), 'over a connection of its own');
$offset = $wb->log_offset;
kill 'STOP', $sender;
my $stopped = time();
1 while $wire->read_message(1) && time() - $stopped < 20;
$wb->wait_for_log(qr/worker stalled .*nothing has come from upstream/, $offset,
	'a dead connection of its own is given up');
my $last;
my $end = lsn_number($primary->lsn('flush'));
my $deadline = time() + 60;
while ((my ($type, $body) = $wire->read_message(30)) && time() < $deadline)
{
	$last = unpack('x Q>', $body) + length($body) - 25 if $type eq 'd' && $body =~ /^w/;
	last if $last && $last >= $end;
}
is(lsn_text($last // 0), lsn_text($end), 'another one delivers the rest');
kill 'CONT', $sender;
$wire->close;

# somebody who has been stopped holds the lock of the journal
$wire = $wb->wire;
$wire->startup(user => 'filtered');
my $now = lsn_text($end);
is(PgWire::types($wire->query("START_REPLICATION $now TIMELINE 1")), 'W', 'a filtered stream');
$wire->close;
my ($journal) = glob $wb->dir . '/state/scope/filtered';
open my $fh, '<', $journal or die "$journal: $!";
flock $fh, LOCK_EX;
$wire = $wb->wire(timeout => 15);
$wire->startup(user => 'filtered');
is(PgWire::sqlstate($wire->query("START_REPLICATION $now TIMELINE 1")), '57P03',
	'a lock that is held: an error');
close $fh;
is(PgWire::types($wire->query("START_REPLICATION $now TIMELINE 1")), 'W', 'then it goes on');
$wire->close;

# a client that leaves while its timeline is looked for, with no upstream
$primary->stop('immediate');
$wire = $wb->wire;
$wire->startup(user => 'leaver');
$wire->send_message('Q', "START_REPLICATION $now TIMELINE 7\0");
sleep 0.5;
ok(poll_until(sub { $pid = worker_of('leaver') }), 'a worker looks for a timeline');
$wire->close;
ok(has_gone($pid), 'its client leaves, and so does it');

$wb->stop;
done_testing();
