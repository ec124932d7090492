# WAL that the upstream has dropped while walbouncer was away, with no slot to keep it:
# the spool gets a gap, and says so; but not while the upstream is told what is in it.

use strict;
use warnings;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary', initdb => ['--wal-segsize=1'],
	conf => "wal_keep_size = 0\nmin_wal_size = 2MB\nmax_wal_size = 4MB\n");
my $wb = WalBouncer->new('wb', upstream => $primary, settings => { ring_size => '1MB' },
	upstream_settings => { acknowledge => 'spooled' });

sub confirmed
{
	return $primary->safe_psql('postgres',
		"SELECT coalesce(max(flush_lsn), '0/0') >= '" . $primary->lsn('flush') . "' FROM pg_stat_replication");
}

$wb->start_streaming;
$primary->safe_psql('postgres', 'CREATE TABLE t (n int)');
my $all = poll_until { confirmed() eq 't' };
ok($all, 'what is in the spool is confirmed');
$wb->stop;
my $file = segment_file(lsn_number($primary->lsn('flush')), 1 << 20);
my $gone = poll_until {
	$primary->safe_psql('postgres', "INSERT INTO t VALUES (1); SELECT pg_switch_wal(); CHECKPOINT");
	return !-e $primary->data_dir . "/pg_wal/$file";
};
ok($gone, 'the primary has dropped what comes next');

my $offset = $wb->log_offset;
$wb->start_streaming;
$wb->wait_for_log(qr/would have a gap/, $offset, 'the spool stops where it was');
$primary->safe_psql('postgres', 'INSERT INTO t VALUES (2)');
my $write = $primary->lsn('flush');
ok($primary->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_replication WHERE state = \'streaming\''),
	'walbouncer streams');
is(confirmed(), 'f', 'and confirms nothing behind the gap');
$wb->log_unlike(qr/has a gap/, 0, 'there is none yet');

$offset = $wb->log_offset;
$wb->configure(upstream_settings => { acknowledge => 'received' });
ok($wb->reload, 'the operator accepts it');
$wb->wait_for_log(qr/the spool has a gap: it ends at .* and goes on at/, $offset, 'the gap is in the log');
$all = poll_until { confirmed() eq 't' };
ok($all, 'and all is confirmed again');
$wb->stop;

done_testing();
