# Garbage: truncated and oversized startup packets, wrong lengths, 10,000 random
# packets, silence, replication=off, protocol 2.0: a clear error each, no process
# dies but that worker, no memory grows.

use strict;
use warnings;
use PgWire;
use Test::More;
use WalBouncer;

my $seed = 20260301;
my $packets = 10_000;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { authentication_timeout => '1s', max_connections => 50 });
$wb->start_streaming;
my $rx = $wb->receive('rx');
my $rx_link = $wb->link_of($rx->pid);
my ($pid, $reader) = ($wb->pid, $wb->reader);

# what the client sent, and what it was told or, where it could not be told, what
# the log says
sub refused
{
	my ($name, $state, $pattern, $send) = @_;
	my $offset = $wb->log_offset;
	my $wire = $wb->wire;

	$send->($wire);
	my @messages = $wire->read_until('');
	my $error = PgWire::error(@messages);
	ok($wire->{eof}, "$name: closed") if !$state || ($error->{V} // '') eq 'FATAL';
	if ($state)
	{
		like($error->{C} // '', qr/^(?:$state)$/, "$name: SQLSTATE");
		like($error->{M} // '', $pattern, "$name: message");
	}
	else
	{
		$wb->wait_for_log($pattern, $offset, "$name: the log says it");
	}
}

my $good = pack('N', PgWire::PROTOCOL_3) . "user\0u\0replication\0true\0\0";

# startup
refused('truncated startup packet', '', qr/startup packet/, sub {
	$_[0]->send_bytes(pack('N', 100) . substr($good, 0, 12));
	shutdown $_[0]->socket, 1; });
refused('a byte', '', qr/startup packet/, sub { $_[0]->send_bytes("\0"); shutdown $_[0]->socket, 1; });
foreach my $len (0, 4, 7, 10_001, 0x7FFFFFFF, 0xFFFFFFFF)
{
	refused("startup packet of length $len", '08P01', qr/startup packet/,
		sub { $_[0]->send_bytes(pack('N', $len) . $good) });
}
refused('a name without value', '08P01', qr/startup packet/,
	sub { $_[0]->send_packet(pack('N', PgWire::PROTOCOL_3) . "user\0u\0replication\0") });
refused('no terminator', '08P01', qr/startup packet/,
	sub { $_[0]->send_packet(substr($good, 0, -1) . 'x') });
refused('no user', '28000', qr/user/,
	sub { $_[0]->send_startup(PgWire::PROTOCOL_3, replication => 'true') });
refused('protocol 2.0', '0A000', qr/protocol/, sub { $_[0]->send_startup(2 << 16, user => 'u') });
refused('protocol 4.0', '0A000', qr/protocol/, sub { $_[0]->send_startup(4 << 16, user => 'u') });
refused('replication=off', '0A000', qr/replication/,
	sub { $_[0]->send_startup(PgWire::PROTOCOL_3, user => 'u', replication => 'off') });
refused('no replication', '0A000', qr/replication/,
	sub { $_[0]->send_startup(PgWire::PROTOCOL_3, user => 'u', database => 'postgres') });
refused('replication=perhaps', '22023|08P01|0A000', qr/replication/,
	sub { $_[0]->send_startup(PgWire::PROTOCOL_3, user => 'u', replication => 'perhaps') });
refused('silence', '', qr/authentication|timeout/, sub { });
refused('silence in the middle', '', qr/authentication|timeout/, sub { $_[0]->send_bytes(pack('N', 50)) });
refused('HTTP', '08P01', qr/startup packet/, sub { $_[0]->send_bytes("GET / HTTP/1.1\r\n\r\n") });

# in a session
sub in_session
{
	my $send = shift;
	return sub { $_[0]->startup(user => 'u'); $send->($_[0]); };
}

refused('an unknown message type', '08P01', qr/message/,
	in_session(sub { $_[0]->send_message('~', 'x') }));
foreach my $len (0, 3, 0x7FFFFFFF, 0xFFFFFFFF)
{
	refused("a message of length $len", '08P01', qr/length/,
		in_session(sub { $_[0]->send_bytes('Q' . pack('N', $len) . 'IDENTIFY_SYSTEM') }));
}
refused('a query without terminator', '08P01', qr/message|terminat/,
	in_session(sub { $_[0]->send_message('Q', 'IDENTIFY_SYSTEM'); shutdown $_[0]->socket, 1; }));
my $where = 'START_REPLICATION ' . $primary->lsn('flush') . ' TIMELINE 1';
foreach my $body ('', 'r', 'r' . "\0" x 32, 'r' . "\0" x 34, 'h' . "\0" x 23, 'x' . "\0" x 33)
{
	refused('in a stream: ' . unpack('H*', substr($body, 0, 1)) . ' of ' . length($body) . ' bytes',
		'08P01', qr/message/,
		in_session(sub { $_[0]->query($where); $_[0]->send_message('d', $body) }));
}
refused('in a stream: a query', '08P01', qr/message/,
	in_session(sub { $_[0]->query($where); $_[0]->send_message('Q', "IDENTIFY_SYSTEM\0") }));

# random packets: at the start, in a session, in a stream
srand($seed);
note("seed $seed, $packets packets");

sub random_bytes
{
	my $len = shift;
	return join '', map { chr int rand 256 } 1 .. $len;
}

# one of a dozen kinds; those that need a session have it in front of them
sub random_packet
{
	my $kind = int rand 6;
	my $body = random_bytes(int rand 64);
	my $session = pack('N', 4 + length $good) . $good;
	my $type = substr('QXdcfrhpPBS', int rand 11, 1);

	return $body if $kind == 0;
	return pack('N', 4 + length $body) . $body if $kind == 1;
	return pack('N', 8 + length $body) . pack('N', PgWire::PROTOCOL_3) . $body if $kind == 2;
	return $session . $type . pack('N', 4 + length $body) . $body if $kind == 3;
	return $session . $body if $kind == 4;
	my $query = "$where\0";
	return $session . 'Q' . pack('N', 4 + length $query) . $query . 'd'
	  . pack('N', 4 + length $body) . $body;
}

# all are sent, then each is read to its end
sub random_round
{
	my $count = shift;
	my ($open, $done) = (0, 0);
	my @wires;

	foreach (1 .. $count)
	{
		my $wire = $wb->wire(timeout => 20) or next;
		$wire->send_bytes(random_packet());
		shutdown $wire->socket, 1;
		push @wires, $wire;
	}
	foreach my $wire (@wires)
	{
		$done++ if $wire->closed;
		$wire->close;
	}
	return $done;
}

my %before;
my $descriptors = process_descriptors($pid);
my $done = 0;
while ($done < $packets)
{
	my $closed = random_round(20);
	last if $closed != 20;
	$done += $closed;
	%before = map { $_ => process_heap($_) } $pid, $reader if $done == 1000;
}
is($done, $packets, 'each of the random connections comes to its end');
is($wb->pid && $wb->alive ? $wb->pid : 0, $pid, 'the supervisor is the same');
is($wb->reader, $reader, 'the reader is the same');
is($wb->link_of($rx->pid), $rx_link, 'and so is the worker that had a standby');
SKIP:
{
	skip 'sanitizers keep what was freed', 2 if $ENV{WALBOUNCER_SANITIZED};
	my %after = map { $_ => process_heap($_) } $pid, $reader;
	cmp_ok($after{$pid}, '<=', $before{$pid} + 64,
		"no memory grows: supervisor $before{$pid} kB, $after{$pid} kB");
	cmp_ok($after{$reader}, '<=', $before{$reader} + 64,
		"no memory grows: reader $before{$reader} kB, $after{$reader} kB");
}
# the last ones may still be on their way out
ok(poll_until(sub { $wb->processes <= 6 }), 'no workers are left over');
ok(poll_until(sub { process_descriptors($pid) <= $descriptors }), 'no descriptors either');

# and it serves
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
$primary->safe_psql('postgres', 'CREATE TABLE after_the_switch ()');
ok($rx->wait_for_segment('000000010000000000000001'), 'the stream goes on');
$wb->log_unlike(qr/PANIC|signal 11|signal 6|crash/);

done_testing();
