# Start and stop: TERM, INT and QUIT; the pid file and its lock; kill -9 of the
# supervisor leaves nothing after 2 s; a child that dies at once is restarted with
# back-off; process titles.

use strict;
use warnings;
use IO::Socket::INET;
use PgWire;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary);
my $pid_file = $wb->dir . '/state/walbouncer.pid';

foreach my $mode (qw(smart fast immediate))
{
	$wb->start_streaming;
	my $rx = $wb->receive("stop_$mode");
	my @children = $wb->processes;
	my $begin = time();
	my $status = $wb->stop($mode);

	ok(defined $status, "$mode: ends");
	is($status, 0, "$mode: exit status 0") unless $mode eq 'immediate';
	cmp_ok(time() - $begin, '<', 12, "$mode: soon");
	ok(poll_until(sub { !grep { -d "/proc/$_" } @children }, 2), "$mode: no child is left");
	ok(poll_until(sub { !$rx->alive }, 10), "$mode: its client has seen the end");
	ok(!-e $pid_file, "$mode: no pid file is left");
}

# titles, and who is who
$wb->start_streaming;
my $rx = $wb->receive('rx');
is(slurp_file($pid_file) =~ /^(\d+)/ ? $1 : '', $wb->pid, 'the pid file names the supervisor');
like(process_title($wb->pid), qr/^walbouncer: supervisor/, 'title of the supervisor');
ok($wb->reader, 'title of the reader');
is(scalar($wb->workers), 1, 'title of the worker');
ok(poll_until(sub { $wb->spares == 2 }, 10), 'and two spare workers');

# a second one over the same pid file
my $other = WalBouncer->new('other', upstream => $primary,
	settings => { pid_file => $pid_file });
ok(!$other->start(fail_ok => 1), 'a second instance does not start');
is($other->{status} >> 8, 71, 'and exits with status 71: it may be gone the next time');
my $pid = $wb->pid;
like($other->log_content, qr/\Q$pid_file\E.*$pid|$pid.*\Q$pid_file\E/s,
	'and says who holds the pid file');
ok($wb->alive && $rx->alive, 'the first one does not mind');

# what a killed supervisor's processes still hold is waited for, not for ever
my $late = WalBouncer->new('late', upstream => $primary, settings => { unix_socket_directories => '' });
my $held = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $late->{port}, ReuseAddr => 1);
ok($held, 'a port is taken');
ok(!$late->start(fail_ok => 1), 'a port that stays taken: no start');
like($late->log_content, qr/could not create any TCP\/IP socket.*Address already in use/, 'and the log says why');
my $from = $late->log_offset;
my $starting = fork() // die;
if ($starting == 0)
{
	# this one's copy of the socket goes as soon as the port is waited for
	poll_until { $late->log_content($from) =~ /is in use, waiting/ } 60;
	POSIX::_exit(0);
}
close $held;
ok($late->start, 'one that is freed meanwhile: it starts');
waitpid $starting, 0;
like($late->log_content($from), qr/is in use, waiting/, 'and has waited for it');
$late->stop;

# a reader that dies as soon as it is there
my %seen;
my $offset;
my $end = time() + 3;
while (time() < $end)
{
	my $reader = $wb->reader or next;
	$seen{$reader} = 1;
	# stopped, it says nothing behind the offset any more
	kill 'STOP', $reader;
	$offset = $wb->log_offset;
	kill 'KILL', $reader;
}
cmp_ok(scalar(keys %seen), '<', 15, 'it is restarted with back-off: ' . keys(%seen) . ' times');
$wb->wait_for_log(qr/streaming from upstream/, $offset, 'and it comes back');
ok($rx->alive, 'its client stayed connected');

# a leftover pid file does not matter; children notice the supervisor's death
my @children = $wb->processes;
cmp_ok(scalar(@children), '>=', 4, 'children are there');
$wb->kill9;
ok(poll_until(sub { !grep { -d "/proc/$_" } @children }, 2), 'kill -9 of the supervisor: nothing is left');

# it starts over the old pid file; no more clients than allowed; a stopped worker
# does not hold up the end
$wb->configure(settings => { max_connections => 2 });
$wb->start_streaming;
my @clients = map { $wb->wire } 1 .. 2;
like(PgWire::types($_->startup), qr/Z$/, 'as many clients as are allowed') foreach @clients;
is(PgWire::sqlstate($wb->wire->startup), '53300', 'one too many is told so');
$clients[0]->send_message('X', '');
ok(poll_until(sub {
		my $wire = $wb->wire;
		return PgWire::types($wire->startup) =~ /Z$/;
	}, 10), 'when one has left another comes in');
my ($stopped) = $wb->workers;
kill 'STOP', $stopped;
my $begin = time();
is($wb->stop('fast'), 0, 'it ends in good order beside a stopped worker');
cmp_ok(time() - $begin, '<', 8, 'and soon');
ok(!-d "/proc/$stopped", 'which is gone too');

done_testing();
