# A standby that has WAL from behind the point where the primary's successor left the
# timeline is refused, with both LSNs; pg_rewind puts it right, and it streams.  One
# that is not so far goes on.  walbouncer itself had that WAL too, in ring and spool.

use strict;
use warnings;
use File::Path qw(rmtree);
use Test::More;
use WalBouncer;

# Far ahead: it asks for a segment that is behind the end.  Or in the same segment: it
# asks for the start of that, and only its first reply says where it is.
my $round = 0;
foreach my $major (majors(), (majors())[0])
{
	my $far = $round++ % 2;
	my $old = new_primary("old$major", major => $major, initdb => [ '--wal-segsize=1', '-k' ],
		conf => "wal_log_hints = on\nfull_page_writes = on\n");
	$old->safe_psql('postgres', 'CREATE TABLE t (t text)');
	my $wb = WalBouncer->new("wb$major", upstream => $old);
	$wb->start_streaming;
	my $ahead = $wb->add_standby("ahead$major");
	my $behind = $wb->add_standby("behind$major");
	my $new = WalBouncer::_new_node("new$major", $major);
	rmtree($old->backup_dir . '/new');
	$old->backup('new');
	$new->init_from_backup($old, 'new', has_streaming => 1);
	$new->start;
	$old->safe_psql('postgres', "INSERT INTO t VALUES ('shared')");
	ok(wait_for_replay($old, $_), $_->name . ' has all') foreach $ahead, $behind, $new;

	# the switch is in the first part of a segment, so that there is room behind it
	$old->safe_psql('postgres', 'SELECT pg_switch_wal()');
	$old->safe_psql('postgres', 'CREATE TABLE behind_the_switch ()');
	ok(wait_for_replay($old, $_), $_->name . ' has all') foreach $ahead, $behind, $new;

	# neither the successor nor the other standby gets what comes now
	$new->stop;
	$behind->stop;
	$old->safe_psql('postgres',
		"INSERT INTO t VALUES ('lost'); SELECT pg_logical_emit_message(true, '', repeat('lost', "
		  . ($far ? 600_000 : 6_000) . '))');
	ok(wait_for_replay($old, $ahead), 'one standby is ahead');
	$old->stop('immediate');
	my $offset = $wb->log_offset;
	my $standby_offset = -s $ahead->logfile;
	$new->append_conf('postgresql.conf', "primary_conninfo = ''");
	$new->start;
	$new->promote;
	$new->safe_psql('postgres', "INSERT INTO t VALUES ('new')");
	my $ahead_at = lsn_number($ahead->safe_psql('postgres', 'SELECT pg_last_wal_replay_lsn()'));
	my (undef, $switch) = split ' ', $new->safe_psql('postgres', "SELECT pg_read_file('pg_wal/00000002.history')");
	is(int($ahead_at / (1 << 20)) > int(lsn_number($switch) / (1 << 20)) ? 1 : 0, $far,
		"$major: " . ($far ? 'far ahead' : 'ahead in the same segment'));
	$wb->configure(upstream => $new);
	ok($wb->reload, 'moved to the successor');
	$wb->wait_for_log(qr/timeline 1 ended at \Q$switch\E, going on with timeline 2/, $offset, 'the reader follows');

	my $said = qr/Timeline 1 ended at \Q$switch\E, and the standby has WAL up to [0-9A-F]+\/[0-9A-F]+/;
	my $told = poll_until { PostgreSQL::Test::Utils::slurp_file($ahead->logfile, $standby_offset) =~ $said } 60;
	ok($told, "$major: the standby that is ahead is told so, with both LSNs");
	my ($has) = PostgreSQL::Test::Utils::slurp_file($ahead->logfile, $standby_offset) =~ /standby has WAL up to (\S+?)\.?$/m;
	cmp_ok(lsn_number($has), '>', lsn_number($switch), "$major: $has is behind the end at $switch");
	like($wb->log_content($offset), $said, "$major: walbouncer's log says it too");
	$behind->start;
	ok($behind->poll_query_until('postgres', "SELECT count(*) = 1 FROM t WHERE t = 'new'"),
		"$major: the one that is not ahead follows");

	# the way out
	my $conf = PostgreSQL::Test::Utils::slurp_file($ahead->data_dir . '/postgresql.conf');
	$ahead->stop;
	$new->safe_psql('postgres', 'CHECKPOINT');
	my ($out, $err) = ('', '');
	ok( IPC::Run::run([ pg_program($new, 'pg_rewind'), '-D', $ahead->data_dir, '--source-server',
				$new->connstr('postgres'), '--no-sync' ], '>', \$out, '2>', \$err),
		"$major: pg_rewind") or diag($err);
	open my $fh, '>', $ahead->data_dir . '/postgresql.conf' or die $!;
	print $fh $conf;
	close $fh;
	PostgreSQL::Test::Utils::append_to_file($ahead->data_dir . '/standby.signal', '');
	$ahead->start;
	$new->safe_psql('postgres', "INSERT INTO t VALUES ('after')");
	ok($ahead->poll_query_until('postgres', "SELECT count(*) = 1 FROM t WHERE t = 'after'"), "$major: then it streams");
	is($_->safe_psql('postgres', 'SELECT string_agg(t, \' \' ORDER BY t) FROM t'), 'after new shared',
		"$major: " . $_->name . ' has what the successor has') foreach $ahead, $behind;
	$wb->log_unlike(qr/begins anew|has a gap/, 0, "$major: nothing was left out");

	# another cluster, and the former primary, are not followed
	my $stranger = new_primary("stranger$major", major => $major);
	$offset = $wb->log_offset;
	$wb->configure(upstream => $stranger);
	$wb->reload;
	$wb->wait_for_log(qr/upstream is another database system/, $offset, "$major: another cluster is refused");
	$wb->wait_for_log(qr/staying with the upstream/, $offset, "$major: and the one before is kept");
	$old->start;
	$wb->configure(upstream => $old);
	$wb->reload;
	$wb->wait_for_log(qr/upstream is behind: it is on timeline 1/, $offset, "$major: the former primary is refused");
	$new->safe_psql('postgres', "INSERT INTO t VALUES ('still')");
	ok($_->poll_query_until('postgres', "SELECT count(*) = 1 FROM t WHERE t = 'still'"), $_->name . ' goes on')
	  foreach $ahead, $behind;
	$_->stop('immediate') foreach $ahead, $behind, $new, $old, $stranger;
	$wb->stop;
}

done_testing();
