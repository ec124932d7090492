# A message of WAL ends with a page or with a record, as a walsender's does.  A
# standby that finds a record's header takes the rest of its page for received,
# and met a CRC error where a message broke off in between.  One that finds a
# page's header takes the header of the record behind it for received, and never
# got over a message that ended with a page's header.

use strict;
use warnings;
use PgWire;
use Test::More;
use WalBouncer;

my $page = 8192;
my $primary = new_primary('primary');
$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept secret);
my $wb = WalBouncer->new('wb', upstream => $primary, rules => [
	{ name => 'filtered', user => 'filtered', exclude_databases => ['secret'] },
	{ name => 'everything' } ]);
$wb->start_streaming;

# records of all sizes, those included that the filter does not hold back
my $start = $primary->lsn('flush');
foreach my $len (100, 9_000, 150_000, 600_000, 1_500_000)
{
	foreach my $db (qw(kept secret))
	{
		$primary->safe_psql($db, "SELECT pg_logical_emit_message(true, '', repeat('x', $len))");
		$primary->safe_psql($db, "CREATE TABLE t_$len AS SELECT generate_series(1, 5000) i");
	}
}
# and many that fill three pages each, so that each begins a page; a message is
# 54 bytes of record and its text, a page 24 bytes of header and its content
foreach my $db (qw(kept secret))
{
	$primary->safe_psql($db, <<'END');
SELECT pg_logical_emit_message(false, '', repeat('x',
	(2 * 8192 - 24 - 54 - pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint % 8192)::int));
SELECT pg_logical_emit_message(false, '', repeat('x', 3 * (8192 - 24) - 54)) FROM generate_series(1, 60);
END
	$primary->safe_psql($db, "CREATE TABLE after_all ()");
}
my $end = lsn_number($primary->lsn('flush'));
my %record = map { / lsn: (\S+),/ ? (lsn_number($1) => 1) : () } waldump(
	$primary->data_dir . '/pg_wal', segment_file(lsn_number($start), 16 << 20),
	segment_file(lsn_number($primary->safe_psql('postgres', 'SELECT pg_switch_wal()')) - 1,
		16 << 20));

my @begins_page = grep { $_ % $page == 24 } keys %record;
cmp_ok(scalar(@begins_page), '>', 100, 'many records begin a page');

foreach my $user (qw(filtered anybody))
{
	my $wire = $wb->wire;
	my ($at, $count, $inside) = (0, 0, '');

	$wire->startup(user => $user);
	$wire->query("START_REPLICATION $start TIMELINE 1");
	while ($at < $end and my ($type, $body) = $wire->read_message)
	{
		next unless $type eq 'd' && substr($body, 0, 1) eq 'w';
		$at = unpack('Q>', substr($body, 1, 8)) + length($body) - 25;
		$count++;
		my $behind_header = $at % $page <= ($at % (16 << 20) < $page ? 40 : 24);
		$inside .= lsn_text($at) . ' '
		  unless $at % $page == 0
		  || (($record{$at} || $at == $end) && !$behind_header);
	}
	cmp_ok($at, '>=', $end, "$user: all has come");
	cmp_ok($count, '>', 20, "$user: in many messages");
	is($inside, '', "$user: none breaks off in a page and a record");
}

done_testing();
