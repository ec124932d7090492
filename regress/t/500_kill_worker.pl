# kill -9 a worker: the others' streams are the same TCP connections as before.
# kill -9 the reader: back within 5 s, no standby disconnected.  SIGSTOP one worker
# while more than ring_size flows: nobody else is slower, and after SIGCONT it
# delivers every byte.

use strict;
use warnings;
use List::Util qw(max min);
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { ring_size => '1MB' });
$wb->start_streaming;
my $standby = $wb->add_standby('standby');
my %rx = map { $_ => $wb->receive($_) } qw(victim stopped other);
my $pid = $wb->pid;

sub links
{
	return { standby => $wb->standby_link($standby),
		map { $_ => $wb->link_of($rx{$_}->pid) } grep { $rx{$_}->alive } keys %rx };
}

sub worker_of
{
	my $name = shift;
	return (split /:/, $wb->link_of($rx{$name}->pid))[0];
}

# a segment's worth of WAL; its name
sub segment_of_wal
{
	my $lsn = lsn_number($primary->lsn('insert'));
	$primary->safe_psql('postgres',
		"SELECT pg_logical_emit_message(false, '', repeat(md5('x'), 8000)) FROM generate_series(1, 50)");
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	$primary->safe_psql('postgres', 'CREATE TABLE IF NOT EXISTS t (); DROP TABLE t');
	return segment_file($lsn, 16 << 20);
}

sub same_bytes
{
	my ($name, $file) = @_;
	is(system('cmp', $primary->data_dir . "/pg_wal/$file", $rx{$name}->dir . "/$file"),
		0, "$name: $file has the primary's bytes");
}

# a worker dies
my $before = links();
is(scalar(grep { defined } values %$before), 4, 'four connections');
kill 'KILL', worker_of('victim');
ok(poll_until(sub { !$rx{victim}->alive }, 10), 'its client is disconnected');
delete $before->{victim};
my $file = segment_of_wal();
foreach my $name (qw(stopped other))
{
	ok($rx{$name}->wait_for_segment($file), "worker killed: $name goes on");
	same_bytes($name, $file);
}
ok(wait_for_replay($primary, $standby), 'worker killed: the standby goes on');
is_deeply(links(), $before, 'worker killed: the others have the same connections');
delete $rx{victim};

# the standby's own one dies: it comes again
my $link = $wb->standby_link($standby);
kill 'KILL', (split /:/, $link)[0];
ok(poll_until(sub { my $now = $wb->standby_link($standby); $now && $now ne $link }, 20),
	'a standby whose worker is killed comes again');
segment_of_wal();
ok(wait_for_replay($primary, $standby), 'and goes on');

# the reader dies
$before = links();
my $offset = $wb->log_offset;
my $begin = time();
kill 'KILL', $wb->reader;
$wb->wait_for_log(qr/streaming from upstream/, $offset, 'the reader is back');
cmp_ok(time() - $begin, '<', 5, 'within 5 s');
$file = segment_of_wal();
foreach my $name (qw(stopped other))
{
	ok($rx{$name}->wait_for_segment($file), "reader killed: $name goes on");
	same_bytes($name, $file);
}
ok(wait_for_replay($primary, $standby), 'reader killed: the standby goes on');
is_deeply(links(), $before, 'reader killed: nobody was disconnected');
ok(wait_for_walsenders($primary, 1), 'reader killed: one walsender again');

# how long the others take for some ring sizes of WAL
sub flow
{
	my $start = time();
	my $last = segment_of_wal();
	ok($rx{other}->wait_for_segment($last), 'the receiver has it');
	ok(wait_for_replay($primary, $standby), 'the standby has it');
	return (time() - $start, $last);
}

# a worker is stopped
my $usual = max(map { (flow())[0] } 1 .. 2);
my $stopped = worker_of('stopped');
kill 'STOP', $stopped;
my @flow = map { [flow()] } 1 .. 3;
my $fastest = min(map { $_->[0] } @flow);
ok(!-e $rx{stopped}->dir . "/$flow[0][1]", 'worker stopped: its client waits');
kill 'CONT', $stopped;
foreach my $segment (map { $_->[1] } @flow)
{
	ok($rx{stopped}->wait_for_segment($segment), 'after SIGCONT its client gets it');
	same_bytes('stopped', $segment);
}
# the machine may have got busier meanwhile
$usual = max($usual, map { (flow())[0] } 1 .. 2);
cmp_ok($fastest, '<', 1.5 * $usual + 0.5,
	sprintf('worker stopped: nobody else was slower (%.2f s, before and after %.2f s)', $fastest, $usual));
is_deeply(links(), $before, 'and the connections are the same');
ok(wait_for_walsenders($primary, 1), 'one walsender again');
is($wb->pid, $pid, 'the same supervisor');

done_testing();
