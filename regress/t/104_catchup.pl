# A standby whose LSN the ring no longer has is served over a connection of its
# worker's own, until it reaches the ring: then one walsender is left.

use strict;
use warnings;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { ring_size => '1MB', spool_size => 0 });
$wb->start_streaming;
my $standby = $wb->add_standby('standby');
ok(wait_for_replay($primary, $standby), 'the standby streams');
ok(wait_for_walsenders($primary, 1), 'over one walsender');

$standby->stop;
system('pgbench', '-iq', $primary->connstr('postgres'));
my $offset = -s $primary->logfile;
$standby->start;
ok(wait_for_replay($primary, $standby), 'it catches up from behind the ring');
like(slurp_log($primary, $offset), qr/START_REPLICATION/,
	'over a replication connection of its own');
ok(wait_for_walsenders($primary, 1), 'and then one walsender is left');

# beside a standby that follows the ring, one from the very beginning
my $link = $wb->standby_link($standby);
my $late = $wb->add_standby('late', no_start => 1);
system('pgbench', '-iq', $primary->connstr('postgres'));
$late->start;
ok(wait_for_replay($primary, $_), $_->name . ' has all') foreach $late, $standby;
ok(wait_for_walsenders($primary, 1), 'one walsender again');
is($wb->standby_link($standby), $link, 'the other one was left alone');
same_dump($primary, $late, 'postgres');
same_dump($primary, $standby, 'postgres');

# WAL that the primary has no more: the error that a walsender gives
my $wire = $wb->wire;
$wire->startup;
$primary->safe_psql('postgres',
	"ALTER SYSTEM SET wal_keep_size = 0; ALTER SYSTEM SET max_wal_size = '32MB'");
$primary->reload;
$primary->safe_psql('postgres',
	"SELECT pg_logical_emit_message(false, '', 'x'); SELECT pg_switch_wal(); CHECKPOINT")
  foreach 1 .. 3;
my @messages = $wire->query('START_REPLICATION 0/1000000 TIMELINE 1');
push @messages, $wire->read_until('ZE') unless PgWire::sqlstate(@messages);
is(PgWire::sqlstate(@messages), '58P01', 'removed WAL: SQLSTATE');
like(PgWire::error(@messages)->{M}, qr/segment \w+ has already been removed/,
	'removed WAL: message');

done_testing();

sub slurp_log
{
	my ($node, $from) = @_;
	return PostgreSQL::Test::Utils::slurp_file($node->logfile, $from);
}
