# A fast stop waits for no upstream: wherever that falls silent, all processes end at
# once, and by themselves.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Relay;
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

my $primary = new_primary('primary');
$primary->safe_psql('postgres', 'CREATE DATABASE secret');
my $old = $primary->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
foreach my $segment (1 .. 3)
{
	$primary->safe_psql('postgres', "CREATE TABLE t$segment (); SELECT pg_switch_wal()");
}

# who waits, and for what; what it has said last; what it takes to have it ask that,
# and the error of that client: none where libpq waits, or where a stream ends
my @cases = (
	[ 'the reader, for an answer to its startup packet', qr/replication\0true\0/ ],
	[ 'the reader, for what the upstream is', qr/IDENTIFY_SYSTEM/ ],
	[ 'the reader, for the stream', qr/START_REPLICATION/ ],
	[ 'a worker, for an SQL connection', qr/walbouncer_catalog/, 'filtered', '' ],
	[ 'a worker, for names', qr/FROM pg_catalog\.pg_database/, 'filtered', '57P01' ],
	[ 'a worker, for old WAL', qr/walbouncer_catchup.*IDENTIFY_SYSTEM/s, 'everything', '' ]);

foreach my $case (@cases)
{
	my ($name, $silent_at, $client, $error) = @$case;
	my $relay = Relay->new($primary, silent_at => $silent_at);
	my $wb = WalBouncer->new('wb', upstream => $primary, rules => [
		{ name => 'filtered', user => 'filtered', exclude_databases => ['secret'] },
		{ name => 'everything' } ]);
	my $wire;

	$wb->configure(upstream => $relay->conninfo);
	if ($client)
	{
		$wb->start_streaming;
		$wire = $wb->wire;
		$wire->startup(user => $client, replication => 'true');
		$wire->send_message(Q => "START_REPLICATION $old TIMELINE 1\0");
	}
	else
	{
		$wb->start;
	}
	ok($relay->fell_silent, "$name: the upstream has fallen silent");
	my $offset = $wb->log_offset;
	my $began = time();
	is($wb->stop('fast'), 0, "$name: exit status 0");
	my $took = time() - $began;
	cmp_ok($took, '<', 4, sprintf "$name: at once (%.2f s)", $took);
	$wb->log_unlike(qr/WARNING|killing/, $offset, "$name: and each by itself");
	is(PgWire::sqlstate($wire->read_until('')), $error, "$name: no error but that") if $client;
	$relay->stop;
}

done_testing();
