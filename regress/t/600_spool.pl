# The spool outlives the primary's WAL: a standby that was away while the primary
# wrote WB_SPOOL_MB (2048) and recycled it comes back through walbouncer, and the
# slot of walbouncer has kept next to nothing there.  Then the upstream goes away, and
# walbouncer is restarted meanwhile: a standby is served from the spool alone.

use strict;
use warnings;
use Test::More;
use WalBouncer;

my $mb = $ENV{WB_SPOOL_MB} || 2048;

my $primary = new_primary('primary', conf => <<'END');
wal_keep_size = 0
min_wal_size = 32MB
max_wal_size = 64MB
checkpoint_timeout = 30s
END
my $wb = WalBouncer->new('wb',
	upstream          => $primary,
	settings          => { spool_size => (2 * $mb) . 'MB', ring_size => '16MB' },
	upstream_settings => { slot => 'walbouncer' });
$wb->start_streaming;
my $standby = $wb->add_standby('standby');
$primary->safe_psql('postgres', 'CREATE TABLE t (n int)');
ok(wait_for_replay($primary, $standby), 'the standby streams');
is( $primary->safe_psql('postgres',
		"SELECT slot_type, active FROM pg_replication_slots WHERE slot_name = 'walbouncer'"),
	'physical|t',
	'the slot on the upstream has been made and is in use');
$standby->stop;

# Bytes of WAL that the primary keeps for walbouncer.
sub slot_keeps
{
	return $primary->safe_psql('postgres',
		"SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint FROM pg_replication_slots WHERE slot_name = 'walbouncer'");
}

my $away = $primary->lsn('flush');
my $file = segment_file(lsn_number($away), 16 << 20);
my $kept = 0;
foreach my $i (1 .. $mb / 16)
{
	$primary->safe_psql('postgres',
		"INSERT INTO t VALUES ($i); SELECT pg_logical_emit_message(true, '', repeat('x', 1048576)) FROM generate_series(1, 16)");
	my $now = slot_keeps();
	$kept = $now if $now > $kept;
	# this primary does not fsync, and must not be faster than a disk for long
	poll_until { slot_keeps() <= 40 << 20 };
}
diag(sprintf "the slot kept at most %.1f MB of %d MB", $kept / (1 << 20), $mb);
cmp_ok($kept, '<=', 64 << 20, 'the slot on the primary kept no more than 64 MB');
ok( WalBouncer::poll_until {
		$primary->safe_psql('postgres', 'CHECKPOINT');
		return !-e $primary->data_dir . "/pg_wal/$file";
	},
	'the primary has recycled what the standby needs');

my $offset = $wb->log_offset;
$standby->start;
$primary->safe_psql('postgres', 'INSERT INTO t VALUES (0)');
ok(wait_for_replay($primary, $standby), 'the standby has caught up');
is($standby->safe_psql('postgres', 'SELECT count(*), sum(n) FROM t'),
	$primary->safe_psql('postgres', 'SELECT count(*), sum(n) FROM t'), 'and has all rows');
$wb->wait_for_log(qr/reading WAL from .* from the spool/, $offset, 'from the spool');
$wb->log_unlike(qr/over a connection of its own/, $offset, 'without the upstream');

# the upstream is down, and walbouncer forgets what is in memory
my $late = $wb->add_standby('late', no_start => 1);
$primary->safe_psql('postgres',
	"INSERT INTO t VALUES (-1); SELECT pg_logical_emit_message(true, '', repeat('x', 1048576)) FROM generate_series(1, 40)");
ok(wait_for_replay($primary, $standby), 'the other standby has what came last');
my ($rows, $end) = split /\|/,
  $standby->safe_psql('postgres', 'SELECT count(*), pg_last_wal_replay_lsn() FROM t');
ok( poll_until {
		$primary->safe_psql('postgres',
			"SELECT restart_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = 'walbouncer'") eq
		  't';
	},
	'the spool has it on disk');
$primary->stop('immediate');
is($wb->stop, 0, 'walbouncer stops');
$wb->start;
$late->start;
ok($late->poll_query_until('postgres', "SELECT pg_last_wal_replay_lsn() >= '$end'"),
	'a standby gets all there is while there is no upstream');
is($late->safe_psql('postgres', 'SELECT count(*) FROM t'), $rows, 'it has all rows');

# and goes on where it was when there is one again
$offset = $wb->log_offset;
$primary->start;
$wb->wait_for_log(qr/streaming from upstream/, $offset, 'the upstream is back');
$primary->safe_psql('postgres', 'INSERT INTO t VALUES (-2)');
ok(wait_for_replay($primary, $_), $_->name . ' goes on') foreach $standby, $late;
$wb->log_unlike(qr/begins anew|has a gap/, 0, 'nothing was left out');
log_clean($_) foreach $standby, $late;

done_testing();
