# One walbouncer behind a filter of another: it takes filtered WAL for what it is, and
# comes back to it when the stream or the other one has ended, in the middle of records.
# What it hands on is, byte for byte, what the first one gives under that rule.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
$primary->safe_psql('postgres', 'CREATE DATABASE secret');
my $first = WalBouncer->new('first', upstream => $primary, rules => [
	{ name => 'part', user => 'part', exclude_databases => ['secret'] },
	{ name => 'full' } ]);
$first->start_streaming;
my $second = WalBouncer->new('second', upstream => $primary);
$second->configure(upstream => $first->connstr('part', 'second'));
$second->start_streaming;
my $behind = $second->receive('behind');
# ends with the first worker, and comes back to what it has begun
my $beside = $first->receive('beside', user => 'part');
my $file = segment_file(lsn_number($primary->lsn('insert')), 16 << 20);

foreach my $round (1 .. 4)
{
	my $offset = $second->log_offset;

	$primary->safe_psql($_, "CREATE TABLE t$round AS SELECT repeat('zq', 200) FROM generate_series(1, 3000)")
	  foreach qw(secret postgres);
	if ($round % 2)
	{
		kill 'TERM', $first->workers;
	}
	else
	{
		$first->stop;
		$first->start_streaming;
	}
	$second->wait_for_log(qr/reader LOG:  streaming from upstream/, $offset, "round $round: it is back");
	$second->log_unlike(qr/has other WAL/, $offset, "round $round: to the same WAL");
}

# one that sends nothing for the moment is taken as it is
is($first->console('PAUSE second')->{status}, 0, 'the first one holds its WAL back');
my $offset = $second->log_offset;
kill 'TERM', $first->workers;
$second->wait_for_log(qr/reader LOG:  streaming from upstream/, $offset, 'paused: it is back');
is($first->console('RESUME second')->{status}, 0, 'and goes on');
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
$primary->safe_psql('postgres', 'CREATE TABLE after_the_switch ()');
$beside->stop;
$beside = $first->receive('beside', user => 'part');
foreach my $rx ($behind, $beside)
{
	ok($rx->wait_for_segment($file), "$rx->{name} has the segment");
}
is(system('cmp', $beside->dir . "/$file", $behind->dir . "/$file"), 0, 'both have the same');
isnt(system('cmp', '-s', $primary->data_dir . "/pg_wal/$file", $behind->dir . "/$file"), 0, 'which is not what the primary has');
ok($behind->alive, 'it has not been disconnected');

done_testing();
