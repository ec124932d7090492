# Garbage at the console: random and mutated messages of both protocols, lengths that
# are wrong, texts without an end, thousands of statements and portals, a client that
# does not read.  Each is a clear error or the end of that session, memory and the
# number of processes stay as they are, and standbys notice nothing.

use strict;
use warnings;
use PgWire;
use Test::More;
use WalBouncer;

my $seed = $ENV{WB_SEED} || 20260302;
my $rounds = $ENV{WB_ROUNDS} || 3000;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary);
$wb->start_streaming;
my $rx = $wb->receive('rx');
my $link = $wb->link_of($rx->pid);
my ($pid, $reader) = ($wb->pid, $wb->reader);
my $descriptors = process_descriptors($pid);
srand($seed);
note("seed $seed, $rounds rounds");

sub message { my ($type, $body) = @_; return $type . pack('N', 4 + length $body) . $body; }

my @verbs = ('SHOW standbys', 'SHOW help', 'SHOW version; SHOW ring', "KILL 'x'", 'KILL 1', 'RESCOPE x', 'SELECT 1',
	"SET client_encoding TO 'UTF8'", 'BEGIN', 'COMMIT', 'ROLLBACK', 'DISCARD ALL', 'DEALLOCATE x', "REPOINT 'x'",
	'', ';', "SHOW 'x", '/* x', "\xff\xfe", 'SHOW ' . 'x' x 9000);
my @good = (
	(map { message('Q', "$_\0") } @verbs),
	(map { message('P', "s\0$_\0" . pack('n', 0)) } @verbs),
	message('P', "\0SHOW help\0" . pack('n', 0)),
	message('B', "p\0s\0" . pack('n n n', 0, 0, 0)),
	message('B', "\0\0" . pack('n n n n', 0, 0, 1, 1)),
	message('D', "Ss\0"), message('D', "Pp\0"), message('D', "P\0"),
	message('E', "p\0" . pack('N', 1)), message('E', "\0" . pack('N', 0)),
	message('C', "Ss\0"), message('C', "Pp\0"),
	message('H', ''), message('S', ''), message('F', ''), message('d', 'x'), message('c', ''));

sub mutated
{
	my ($bytes) = @_;

	foreach (1 .. 1 + int rand 3)
	{
		my $at = int rand(1 + length $bytes);
		my $kind = int rand 4;
		substr($bytes, $at, 1) = chr int rand 256 if $kind == 0 && $at < length $bytes;
		substr($bytes, $at, 0) = join '', map { chr int rand 256 } 1 .. int rand 8 if $kind == 1;
		substr($bytes, $at, int rand 8) = '' if $kind == 2 && $at < length $bytes;
		substr($bytes, 1, 4) = pack('N', int(rand 2) ? int rand 70_000 : 0xFFFFFFFF - int rand 10)
		  if $kind == 3 && length $bytes >= 5;
	}
	return $bytes;
}

# a session's worth: good messages, some of them damaged; those that would stop
# walbouncer are never among them
sub garbage
{
	my $bytes = join '', map { int(rand 3) ? $good[ rand @good ] : mutated($good[ rand @good ]) } 1 .. 1 + int rand 12;
	return $bytes =~ /shutdown|reload|pause/i ? '' : $bytes;
}

my %before;
my ($done, $refused) = (0, 0);
foreach my $round (1 .. $rounds)
{
	my $wire = $wb->console_wire;

	# the one before may still be on its way out
	if (PgWire::sqlstate(@{ $wire->{greeting} }) eq '53300')
	{
		$refused++;
		redo if poll_until { !$wb->consoles };
		last;
	}
	$wire->send_bytes(garbage());
	shutdown $wire->socket, 1;
	last if !$wire->closed;
	$done++;
	$wire->close;
	%before = map { $_ => process_heap($_) } $pid, $reader if $round == int($rounds / 4);
}
is($done, $rounds, 'each of the sessions comes to its end');

# in one session: what it has learnt does not grow without bound
my $wire = $wb->left_alone($wb->console_wire);
my ($console) = map { unpack 'N', $_->[1] } grep { $_->[0] eq 'K' } @{ $wire->{greeting} };
my %kind;
my $memory;
foreach my $round (1 .. 40)
{
	foreach my $n (1 .. 100)
	{
		$wire->send_message('P', "s$n\0SHOW help\0\0\0");
		$wire->send_message('B', "p$n\0s$n\0\0\0\0\0\0\0");
		$wire->send_message('E', "p$n\0\0\0\0\1");
		$wire->send_message('S', '') if $n % 10 == 0;
	}
	$wire->send_message('Q', "BEGIN\0");
	$wire->send_message('S', '');
	my $ready = 0;
	while ($ready < 12)
	{
		my ($type, $body) = $wire->read_message or last;
		$kind{ PgWire::error([ $type, $body ])->{C} }++ if $type eq 'E';
		$ready++ if $type eq 'Z';
	}
	$wire->query('ROLLBACK');
	$wire->query('DISCARD ALL') if $round % 2;
	$memory = process_heap($console) if $round == 10;
}
is_deeply([ sort grep { !/^(?:42P05|54000|26000|34000|25P02)$/ } keys %kind ], [], 'only errors that are meant: '
	  . join ' ', map { "$_ ($kind{$_})" } sort keys %kind);
is(PgWire::types($wire->query('SHOW version')), 'TDCZ', 'the session serves on');
SKIP:
{
	skip 'sanitizers keep what was freed', 3 if $ENV{WALBOUNCER_SANITIZED};
	cmp_ok(process_heap($console), '<=', $memory + 512, "its memory does not grow: $memory kB, now " . process_heap($console));
	foreach ([ supervisor => $pid ], [ reader => $reader ])
	{
		my ($name, $process) = @$_;
		cmp_ok(process_heap($process), '<=', $before{$process} + 64, "nor that of the $name: $before{$process} kB");
	}
}

# one that does not read is waited for, and others are served
{
	my $deaf = $wb->console_wire;
	my $n = 0;
	$deaf->socket->blocking(0);
	while ($n < 5000 && defined syswrite($deaf->socket, message('Q', "SHOW help\0")))
	{
		$n++;
	}
	is($wb->console('SHOW version')->{status}, 0, 'others are served');
	$deaf->socket->blocking(1);
	my $got = 0;
	while ($got < $n)
	{
		my ($type) = $deaf->read_message or last;
		$got++ if $type eq 'Z';
	}
	is($got, $n, "and it gets all of the $n answers when it reads");
	$deaf->socket->blocking(0);
	1 while defined syswrite($deaf->socket, message('Q', "SHOW help\0"));
	$deaf->close;
}

# two kinds of end
foreach my $case ([ 'an unknown type', message('~', 'x'), qr/invalid frontend message type/ ],
	[ 'a length that is too large', 'Q' . pack('N', 0x7FFFFFFF) . 'SHOW', qr/invalid message length/ ],
	[ 'a length that is too small', 'P' . pack('N', 3), qr/invalid message length/ ],
	[ 'a query without an end', message('Q', 'SHOW'), qr/invalid query message/ ])
{
	my ($name, $bytes, $pattern) = @$case;
	my $doomed = $wb->console_wire;

	$doomed->send_bytes($bytes);
	my $error = PgWire::error($doomed->read_until(''));
	is($error->{C}, '08P01', "$name: SQLSTATE");
	is($error->{V}, 'FATAL', "$name: the end of the session");
	like($error->{M}, $pattern, "$name: message");
}

$wire->close;
ok(poll_until(sub { !$wb->consoles }), 'no console is left over');
is($wb->alive ? $wb->pid : 0, $pid, 'the supervisor is the same');
is($wb->reader, $reader, 'the reader is the same');
is($wb->link_of($rx->pid), $link, 'and so is the worker that has a standby');
ok(poll_until(sub { process_descriptors($pid) == $descriptors }), 'no descriptors are left either');
ok(poll_until(sub { $wb->processes <= 7 }), 'nor processes');
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
$primary->safe_psql('postgres', 'CREATE TABLE after_the_switch ()');
ok($rx->wait_for_segment('000000010000000000000001'), 'the stream goes on');
$wb->log_unlike(qr/PANIC|signal 11|signal 6|crash/);

done_testing();
