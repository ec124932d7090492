# Eight receivers at once: when all have caught up the primary shows exactly one
# walsender.

use strict;
use warnings;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary);
$wb->start_streaming;
my $file = segment_file(lsn_number($primary->lsn('insert')), 16 << 20);
my @receivers = map { $wb->receive("r$_") } 1 .. 8;

system('pgbench', '-iq', $primary->connstr('postgres'));
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
$primary->safe_psql('postgres', 'CREATE TABLE after_the_switch ()');

foreach my $rx (@receivers)
{
	ok($rx->wait_for_segment($file), "$rx->{name} has caught up");
	is(system('cmp', $primary->data_dir . "/pg_wal/$file", $rx->dir . "/$file"),
		0, "$rx->{name} has the primary's bytes");
}
ok(wait_for_walsenders($primary, 1), 'the primary shows one walsender');
ok($primary->poll_query_until('postgres',
		'SELECT write_lsn >= pg_current_wal_flush_lsn() AND flush_lsn >= pg_current_wal_flush_lsn() AND replay_lsn IS NULL'
		  . ' FROM pg_stat_replication'),
	'it is told what was received and what is in the spool, and nothing as replayed');
is(scalar(grep { $_->alive } @receivers), 8, 'all eight are connected');
is(scalar($wb->workers), 8, 'each has a worker of its own');

done_testing();
