# The address of the upstream comes to lead to another server while the reader's own
# connection stays where it is.  What else goes there, for WAL that is not at hand, for
# names and for histories, finds that out: no standby gets a byte of that server's WAL, and
# none is filtered by what its catalogs say.

use strict;
use warnings;
use PgWire;
use PostgreSQL::Test::Utils;
use Relay;
use Test::More;
use WalBouncer;

my $mb = 1 << 20;
my ($twin, $heir);
my $primary = new_primary('primary', initdb => ['--wal-segsize=1']);
$primary->safe_psql('postgres', 'CREATE DATABASE secret');

# Of the same cluster and timeline, from the backup on with WAL of its own; and one that
# has been promoted.
$primary->backup('base');
($twin, $heir) = map { WalBouncer::_new_node($_) } qw(twin heir);
$twin->init_from_backup($primary, 'base');
$twin->start;
foreign(7);
is($twin->safe_psql('postgres', 'SELECT timeline_id FROM pg_control_checkpoint()'), 1, 'the twin is on timeline 1');
$heir->init_from_backup($primary, 'base', has_streaming => 1);
$heir->start;
ok(wait_for_replay($primary, $heir), 'the heir has all');
$heir->promote;

# Of another cluster, where the number of the database is that of one with another name.
my $stranger = new_primary('stranger', initdb => ['--wal-segsize=1']);
$stranger->safe_psql('postgres', 'CREATE DATABASE open');
is($stranger->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = 'open'"),
	$primary->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = 'secret'"),
	'two databases of the same number');

my $relay = Relay->new($primary);
my $wb = WalBouncer->new('wb', upstream => $primary, settings => { ring_size => '1MB', spool_size => 0 },
	rules => [
		{ name => 'part', user => 'part', exclude_databases => ['secret'] },
		{ name => 'full' } ]);
$wb->configure(upstream => $relay->conninfo);
$wb->start_streaming;
my $reader = reader_link();
like($reader, qr/^\d+:\d+$/, 'the reader has a connection');

# The reader and its connection, "pid:port".
sub reader_link
{
	my $pid = $wb->reader;
	return join ' ', map { "$pid:$_->[0]" } grep { $_->[1] == $relay->{port} } tcp_links($pid);
}

sub foreign
{
	my $mbs = shift;
	$twin->safe_psql('postgres', "SELECT pg_logical_emit_message(true, '', repeat('f', $mb)) FROM generate_series(1, $mbs)");
	return;
}

# What a stream is refused with, if it is.
sub refusal
{
	my ($user, $command) = @_;
	my $wire = $wb->wire(timeout => 30);

	$wire->startup(user => $user);
	return PgWire::sqlstate($wire->query($command));
}

# -- WAL ---------------------------------------------------------------------

my $rx = $wb->receive('full');
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
my $first = segment_file(lsn_number($primary->lsn('insert')), $mb);
$primary->safe_psql('postgres', "SELECT pg_logical_emit_message(true, '', repeat('own', 1000000))");
ok($rx->wait_for_segment($first), 'a receiver has WAL that only the primary has');
$rx->stop;
$primary->safe_psql('postgres', "SELECT pg_logical_emit_message(true, '', repeat('own', 1000000))") foreach 1 .. 2;
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
my $last = segment_file(lsn_number($primary->lsn('flush')) - $mb, $mb);
ok(poll_until(sub { lsn_number($wb->show_row('upstream', 'state', 'streaming')->{received_lsn}) >= lsn_number($primary->lsn('flush')) }),
	'the ring has gone on');

my $before = join ' ', $rx->segments;
my $offset = $wb->log_offset;
foreach my $case ([ 'the twin, shorter', $twin, qr/upstream has less WAL than what is here/ ],
	[ 'the twin, longer', $twin, qr/upstream has other WAL than what is here/ ],
	[ 'the stranger', $stranger, qr/upstream is another database system/ ])
{
	my ($name, $node, $reason) = @$case;

	$relay->lead_to($node);
	$rx = $wb->receive('full');
	$wb->wait_for_log(qr/worker .*WARNING:  $reason/, $offset, "$name: is refused");
	if ($name =~ /shorter/)
	{
		like($wb->console("REPOINT '" . WalBouncer::node_conninfo($twin) . "'")->{err}, qr/^ERROR: +$reason/m,
			"$name: nor does the reader go there");
		foreign(20);
	}
	$rx->stop;
	is(join(' ', $rx->segments), $before, "$name: none of its WAL has come");
}
$relay->lead_to($primary);
$rx = $wb->receive('full');
ok($rx->wait_for_segment($last), 'from the primary it goes on');
$rx->stop;
is(join(' ', grep { system('cmp', '-s', $primary->data_dir . "/pg_wal/$_", $rx->dir . "/$_") } $rx->segments), '',
	'it has what the primary has');

# -- names -------------------------------------------------------------------

my $start = 'START_REPLICATION ' . $primary->lsn('flush') . ' TIMELINE 1';
$relay->lead_to($stranger);
is(refusal('part', $start), '55000', 'names of another cluster are not taken');
$relay->lead_to($heir);
is(refusal('part', $start), '57P03', 'nor those of another timeline');
$twin->safe_psql('postgres', 'ALTER DATABASE secret RENAME TO open');
$relay->lead_to($twin);
is(refusal('part', $start), '57P03', 'nor those of another server on the same one');
$relay->lead_to($primary);
is(refusal('part', $start), '', 'those of the primary are');
$rx = $wb->receive('part');
$primary->safe_psql('secret', "CREATE TABLE t AS SELECT 'secret_mark' AS mark");
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
ok($rx->wait_for_segment(segment_file(lsn_number($primary->lsn('flush')) - $mb, $mb)), 'a receiver is served by them');
$rx->stop;
is(grep_files('secret_mark', $rx->dir), '', 'and does not get what is withheld');

# -- histories ---------------------------------------------------------------

$relay->lead_to($stranger);
is(refusal('full', 'TIMELINE_HISTORY 7'), '55000', 'no history of another cluster');
$relay->lead_to($primary);
is(refusal('full', 'TIMELINE_HISTORY 7'), '58P01', 'the primary has none');

is(reader_link(), $reader, 'the reader has been on its connection all the time');

done_testing();
