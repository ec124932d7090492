# A message of WAL ends with a page or with a record, as a walsender's does: a
# standby that finds a record's header takes the rest of its page for received,
# and met a CRC error where a message broke off in between.

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
my $end = lsn_number($primary->lsn('flush'));
my %record = map { / lsn: (\S+),/ ? (lsn_number($1) => 1) : () } waldump(
	$primary->data_dir . '/pg_wal', segment_file(lsn_number($start), 16 << 20),
	segment_file(lsn_number($primary->safe_psql('postgres', 'SELECT pg_switch_wal()')) - 1,
		16 << 20));

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
		$inside .= lsn_text($at) . ' '
		  unless $at % $page == 0 || $record{$at} || $at == $end;
	}
	cmp_ok($at, '>=', $end, "$user: all has come");
	cmp_ok($count, '>', 20, "$user: in many messages");
	is($inside, '', "$user: none breaks off in a page and a record");
}

done_testing();
