# Slots over a failover of the upstream: the standby's goes on with it on the new
# timeline; one that keeps WAL from before is told to be on the old one, and
# pg_receivewal begins there and follows.

use strict;
use warnings;
use File::Path qw(rmtree);
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $old = new_primary('old');
my $wb = WalBouncer->new('wb', upstream => $old);
$wb->start_streaming;
my $wire = $wb->wire;
$wire->startup;
$wire->query("CREATE_REPLICATION_SLOT $_ PHYSICAL RESERVE_WAL") foreach qw(st rx);
my $standby = $wb->add_standby('st', conf => "primary_slot_name = 'st'");

rmtree($old->backup_dir . '/heir');
$old->backup('heir');
my $new = WalBouncer::_new_node('new');
$new->init_from_backup($old, 'heir', has_streaming => 1);
$new->append_conf('postgresql.conf', 'recovery_target_timeline = latest');
$new->start;

sub slot
{
	my ($row) = $wire->rows('READ_REPLICATION_SLOT ' . shift);
	return ($row->[2], lsn_number($row->[1]));
}

$old->safe_psql('postgres', 'CREATE TABLE t (t text)');
$old->safe_psql('postgres', 'SELECT pg_switch_wal()');
$old->safe_psql('postgres', "INSERT INTO t VALUES ('before')");
ok(wait_for_replay($old, $_), $_->name . ' has all') foreach $new, $standby;
my ($tli, $before) = slot('st');
is($tli, 1, 'the slot of the standby is on timeline 1');

$old->stop('immediate');
$new->promote;
$new->safe_psql('postgres', "INSERT INTO t VALUES ('after')");
my $offset = $wb->log_offset;
$wb->configure(upstream => $new);
ok($wb->reload, 'moved to the new primary');
$wb->wait_for_log(qr/streaming from upstream .* on timeline 2/, $offset, 'the reader follows');
ok($standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM t WHERE t = 'after'"),
	'the standby follows');
my $want = lsn_number($new->lsn('flush'));
my $lsn;
ok(poll_until(sub { ($tli, $lsn) = slot('st'); return $lsn >= $want; }), 'its slot goes on');
is($tli, 2, 'on timeline 2');

# a slot that has not moved
($tli, $lsn) = slot('rx');
is($tli, 1, 'what keeps WAL from before the switch is on timeline 1');
my $file = segment_file($lsn, 16 << 20);
my $rx = $wb->receive('rx', user => 'anybody', options => [qw(--slot rx --synchronous)], loop => 1);
my $major = $old->pg_version->major;
SKIP:
{
	# before that it begins where the server is
	skip 'pg_receivewal has begun where its slot is since 15', 1 if $major < 15;
	ok($rx->wait_for_segment($file), 'pg_receivewal begins with it');
}
$new->safe_psql('postgres', "INSERT INTO t VALUES ('later')");
$want = lsn_number($new->lsn('flush'));
ok(poll_until(sub { ($tli, $lsn) = slot('rx'); return $lsn >= $want; }), 'and follows');
is($tli, 2, 'to timeline 2');
$rx->stop;
$wb->log_unlike(qr/PANIC/);

done_testing();
