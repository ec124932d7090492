# What a slot keeps in the spool of what is older than spool_max_age: all from its
# restart_lsn on, up to max_slot_wal_keep_size; and who comes for what is no longer
# kept is served while the upstream has it.  A slot of another system is of no use.

use strict;
use warnings;
use PgWire;
use Test::More;
use WalBouncer;

my $segment_size = 16 << 20;
my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { spool_max_age => '1s', ring_size => '1MB' });
$wb->start_streaming;

sub session
{
	my $wire = $wb->wire;

	$wire->startup;
	return $wire;
}

sub restart_lsn
{
	my $wire = shift;
	my ($row) = $wire->rows('READ_REPLICATION_SLOT s');
	return lsn_number($row->[1]);
}

sub in_spool
{
	my $file = shift;
	return -e "$wb->{dir}/state/spool/$file";
}

# Whether the segment is in the spool, or has been.
sub has_come
{
	my $file = shift;
	my $next = (sort map { m{/([0-9A-F]{24})} } glob "$wb->{dir}/state/spool/0*")[-1] // '';
	return in_spool($file) || $next gt $file;
}

# Go on to the next segment; the one that has been left.
sub next_segment
{
	my $file = segment_file(lsn_number($primary->lsn('insert')), $segment_size);

	$primary->safe_psql('postgres', 'SELECT txid_current(); SELECT pg_switch_wal()');
	return $file;
}

# Until that is so, segment after segment is filled, which become old.
sub fill_until
{
	my ($condition, $name) = @_;
	my $file;

	ok(poll_until(sub {
			return 1 if $condition->();
			$file = next_segment() if !$file || has_come($file);
			return 0;
		}), $name);
	return;
}

# what nobody needs goes
my $first = next_segment();
ok(poll_until(sub { has_come($first) }), 'a segment is in the spool');
fill_until(sub { !in_spool($first) }, 'and goes when it is old and nobody needs it');

# what a slot needs stays
my $wire = session();
$wire->query('CREATE_REPLICATION_SLOT s PHYSICAL RESERVE_WAL');
my $restart = restart_lsn($wire);
my $kept = segment_file($restart, $segment_size);
fill_until(sub { in_spool($kept) }, 'what a slot needs is in the spool');

$wb->stop;
$wb->start_streaming;
$wire = session();
is(restart_lsn($wire), $restart, 'the slot is there after a restart');
my $until = $restart + 8 * $segment_size;
fill_until(sub { lsn_number($primary->lsn('flush')) > $until }, 'eight segments later');
ok(in_spool($kept), 'the slot has kept it');

# advance it by two segments: what is before goes, the rest stays
my @messages = $wire->query('START_REPLICATION SLOT s ' . lsn_text($restart) . ' TIMELINE 1');
is($messages[0][0], 'W', 'its standby comes');
my $confirmed = $restart + 2 * $segment_size;
$wire->send_message('d', pack('aQ>Q>Q>Q>C', 'r', $confirmed, $confirmed, 0, 0, 0));
$wire->send_message('c', '');
$wire->read_until('Z');
is(restart_lsn($wire), $confirmed, 'and confirms two segments');
fill_until(sub { !in_spool($kept) }, 'which go');
$kept = segment_file($confirmed, $segment_size);
ok(in_spool($kept), 'the next one stays');

# max_slot_wal_keep_size
$wb->configure(settings => { max_slot_wal_keep_size => '32MB' });
ok($wb->reload, 'max_slot_wal_keep_size is set');
fill_until(sub { !in_spool($kept) }, 'a slot that is too far behind keeps nothing');
is(restart_lsn($wire), $confirmed, 'but is where it was');

# who comes all the same
my $start = lsn_text($confirmed);
my $offset = $wb->log_offset;
@messages = $wire->query("START_REPLICATION SLOT s $start TIMELINE 1");
$wb->wait_for_log(qr/"s" is at $start and upstream at .* more than max_slot_wal_keep_size/, $offset);
is($messages[0][0], 'W', 'a standby that comes for it is served by the upstream');
my ($type, $body);
do { ($type, $body) = $wire->read_message } while (defined $type && $type eq 'd' && $body !~ /^w/);
is($type, 'd', 'there is WAL');
is(lsn_text(unpack 'Q>', substr($body, 1)), $start, 'from where it has asked');
$wire->send_message('X', '');

# another system: only the slots are left of the old one
$wb->stop;
my $another = new_primary('another');
system('find', "$wb->{dir}/state", '-mindepth', '1', '-maxdepth', '1', '!', '-name', 'slots',
	'-exec', 'rm', '-r', '{}', '+');
$wb->configure(upstream => $another);
$wb->start_streaming;
$wire = session();
@messages = $wire->query("START_REPLICATION SLOT s $start TIMELINE 1");
is(PgWire::sqlstate(@messages), '55000', 'a slot of another system is refused');
like(PgWire::error(@messages)->{M}, qr/of another database system/, 'with the reason');
is(PgWire::types($wire->query('DROP_REPLICATION_SLOT s')), 'CZ', 'and can be dropped');

done_testing();
