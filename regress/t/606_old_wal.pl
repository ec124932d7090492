# WAL that is neither in the ring nor in the spool: a connection of the worker's own,
# then wal_fetch_command, then the walsender's error, with the oldest WAL that is there.

use strict;
use warnings;
use File::Path qw(rmtree);
use Test::More;
use WalBouncer;

foreach my $major (majors())
{
	my $archive = PostgreSQL::Test::Utils::tempdir_short() . '/archive';
	mkdir $archive or die $!;
	my $primary = new_primary("primary$major", major => $major, initdb => ['--wal-segsize=1'], conf => <<"END");
wal_keep_size = 0
min_wal_size = 2MB
max_wal_size = 4MB
archive_mode = on
archive_command = 'cp %p $archive/%f'
END
	$primary->safe_psql('postgres', 'CREATE DATABASE secret');
	$primary->safe_psql('postgres', 'CREATE TABLE t (n int)');
	my $wb = WalBouncer->new("wb$major", upstream => $primary,
		settings => { ring_size => '1MB', spool_size => '2MB' },
		rules => [
			{ name => 'filtered', user => 'filtered', exclude_databases => ['secret'] },
			{ name => 'everything' } ]);
	$wb->start_streaming;
	my @standbys = ($wb->add_standby("plain$major", rule => 'everything'), $wb->add_standby("filtered$major", rule => 'filtered'));
	$primary->safe_psql('postgres', 'INSERT INTO t VALUES (1)');
	ok(wait_for_replay($primary, $_), $_->name . ' streams') foreach @standbys;
	$_->stop foreach @standbys;
	my $file = segment_file(lsn_number($primary->lsn('flush')), 1 << 20);
	foreach my $i (2 .. 12)
	{
		$primary->safe_psql('postgres',
			"INSERT INTO t VALUES ($i); SELECT pg_logical_emit_message(true, '', repeat('x', 1000000)); SELECT pg_switch_wal()");
	}
	$primary->safe_psql('secret', "SELECT pg_logical_emit_message(true, '', repeat('hidden', 100000))");
	my $gone = poll_until {
		$primary->safe_psql('postgres', 'CHECKPOINT; SELECT pg_switch_wal()');
		return !-e $primary->data_dir . "/pg_wal/$file" && -e "$archive/$file" && !-e $wb->dir . "/state/spool/$file";
	} 60;
	ok($gone, "$major: what the standbys need next is in the archive only");

	# without the command: the error, and what there is
	my $offset = -s $standbys[0]->logfile;
	$standbys[0]->start;
	my $told = poll_until {
		PostgreSQL::Test::Utils::slurp_file($standbys[0]->logfile, $offset) =~
		  /requested WAL segment \Q$file\E has already been removed/;
	} 60;
	ok($told, "$major: the standby is told what a walsender tells");
	like($wb->log_content, qr/The oldest WAL at hand is at/, "$major: and the log says what there is");

	# one that fails, then one that works
	$wb->configure(settings => { wal_fetch_command => 'exit 130' });
	ok($wb->reload, 'a command that does not work');
	$wb->wait_for_log(qr/wal_fetch_command/, 0, "$major: its failure is logged");
	$wb->configure(settings => { wal_fetch_command => "cp $archive/%f %p" });
	ok($wb->reload, 'a command that works');
	$standbys[1]->start;
	$primary->safe_psql('postgres', 'INSERT INTO t VALUES (100)');
	foreach my $standby (@standbys)
	{
		ok(wait_for_replay($primary, $standby), "$major: " . $standby->name . ' has caught up');
		is($standby->safe_psql('postgres', 'SELECT count(*) FROM t'), 13, "$major: it has all rows");
		WalBouncer::same_dump($primary, $standby, 'postgres');
	}
	$wb->wait_for_log(qr/on timeline 1 from wal_fetch_command/, 0, "$major: by wal_fetch_command");
	is(WalBouncer::grep_files('hiddenhidden', $standbys[1]->data_dir), '', "$major: nothing of what is withheld");
	is(join('', glob $wb->dir . '/state/fetch/*'), '', "$major: nothing is left of it");

	# also while there is no upstream
	$_->stop foreach @standbys;
	$primary->safe_psql('postgres',
		"INSERT INTO t VALUES ($_); SELECT pg_logical_emit_message(true, '', repeat('x', 1000000)); SELECT pg_switch_wal()")
	  foreach 200 .. 208;
	$primary->stop;
	$standbys[0]->start;
	ok($standbys[0]->poll_query_until('postgres', 'SELECT count(*) = 22 FROM t'), "$major: the upstream need not be there");
	$standbys[0]->stop;

	# nor for a timeline that has ended
	my $offset_of_wb = $wb->log_offset;
	PostgreSQL::Test::Utils::append_to_file($primary->data_dir . '/standby.signal', '');
	$primary->start;
	$primary->promote;
	$wb->wait_for_log(qr/streaming from upstream .* on timeline 2/, $offset_of_wb, "$major: the upstream is on timeline 2");
	$primary->stop('immediate');
	my $wire = $wb->wire(timeout => 20);
	$wire->startup;
	my @answer = $wire->query('START_REPLICATION ' . lsn_text(hex(substr($file, 16)) << 20) . ' TIMELINE 1');
	is(PgWire::types(@answer), 'W', "$major: what is of timeline 1 can be had");
	my ($type, $body);
	do { ($type, $body) = $wire->read_message } while (defined $type && $type eq 'd' && $body =~ /^k/);
	is(substr($body // '', 0, 1), 'w', "$major: and comes");
	$wire->close;
	$wb->stop;
}

done_testing();
