# Restarting a filtered standby in the middle of a record that straddles two
# segments continues without a CRC error; so do clusters with 1 MB and 64 MB
# segments: ten times each, contents equal at the end.

use strict;
use warnings;
use List::Util qw(max);
use Test::More;
use WalBouncer;

foreach my $mb (1, 16, 64)
{
	note("segments of $mb MB");
	my $segment_size = $mb << 20;

	# A backend that fills the WAL buffers flushes at each segment's end only;
	# the rest waits for its commit, or for the WAL writer, who sleeps.
	my $primary = new_primary("primary_$mb",
		initdb => [ "--wal-segsize=$mb" ],
		conf   => "wal_buffers = 64kB\nwal_writer_delay = 10s\nwal_writer_flush_after = 2GB\n");
	$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept secret);
	$primary->safe_psql($_, <<'END') foreach qw(kept secret);
CREATE TABLE t (i int, a int[]);
INSERT INTO t SELECT i, ARRAY[i, i % 100] FROM generate_series(1, 20000) i;
END
	# its status replies wake the walsender, which no commit does here
	my $wb = WalBouncer->new("wb_$mb", upstream => $primary,
		settings => { wal_receiver_status_interval => '200ms' },
		rules    => [ {
			name => "standby_$mb", user => 'filtered', exclude_databases => ['secret'] } ]);
	$wb->start_streaming;
	my $standby = $wb->add_standby("standby_$mb", conf => "wal_keep_size = 0\n");
	ok(wait_for_replay($primary, $standby), 'the standby streams');

	my @stopped_at;
	foreach my $round (1 .. 10)
	{
		my $db = $round % 3 ? 'secret' : 'kept';
		my $session = $primary->background_psql($db);
		my $insert = lsn_number($primary->lsn('insert'));
		my $boundary = ($insert | ($segment_size - 1)) + 1;
		my $flushed;

		# One record over the boundary, so large that the filter passes it on as it
		# comes; or many smaller ones, each of which leaves when it is complete.
		my $len = max(700_000, $boundary - $insert + 300_000);
		my $one = $mb > 1 || $round % 4;
		$session->query_safe('BEGIN');
		$session->query_safe("INSERT INTO t SELECT $round");
		$session->query_safe($one
			? "SELECT 1 FROM (SELECT pg_logical_emit_message(false, '', repeat('$db', $len / length('$db')))) x"
			: 'CREATE INDEX ON t USING gin (a); CREATE INDEX ON t (i)');
		ok(poll_until(sub {
			$flushed = lsn_number($primary->lsn('flush'));
			my $received = $standby->safe_psql('postgres', 'SELECT pg_last_wal_receive_lsn()');
			return 0 unless $received;
			return $one
				? lsn_number($received) == $flushed
				: $flushed - lsn_number($received) < 300_000;
		}), "round $round: the standby has all that is flushed");
		push @stopped_at, $flushed if $one;
		$standby->stop('immediate');
		if ($round % 4 == 0)
		{
			# a walbouncer that remembers nothing but its state directory
			$wb->stop;
			$wb->start_streaming;
		}
		my $commit_first = $round % 2;
		$session->query_safe('COMMIT') if $commit_first;
		$standby->start;
		if (!$commit_first)
		{
			$wb->standby_link($standby);
			$session->query_safe('COMMIT');
		}
		$session->quit;
		ok(wait_for_replay($primary, $standby), "round $round: it continues")
		  or BAIL_OUT('the standby is stuck');
		$primary->safe_psql('postgres', 'CHECKPOINT');
		wait_for_replay($primary, $standby);
		$standby->safe_psql('postgres', 'CHECKPOINT');
	}

	# were the stops where they should be?  pg_waldump knows
	my $switch = lsn_number($primary->safe_psql('postgres', 'SELECT pg_switch_wal()'));
	my @file = map { segment_file($_, $segment_size) }
	  max($segment_size, $stopped_at[0] - 2 * $segment_size), $switch - 1;
	my @record = map { / lsn: (\S+),/ ? lsn_number($1) : () }
	  waldump($primary->data_dir . '/pg_wal', @file);
	my $inside = 0;
	foreach my $lsn (@stopped_at)
	{
		my ($i) = grep { $record[$_] < $lsn && $lsn < $record[ $_ + 1 ] } 0 .. $#record - 1;
		$inside++ if defined $i
		  && int($record[$i] / $segment_size) < int($record[ $i + 1 ] / $segment_size);
	}
	is($inside, scalar(@stopped_at), 'the stops were inside a record over two segments');
	same_dump($primary, $standby, $_) foreach qw(kept postgres);
	log_clean($standby);
	$wb->log_unlike(qr/PANIC|halted/);
	$standby->stop;
	$wb->stop;
	$primary->stop;
}

done_testing();
