# What a crash of the system leaves at the end of the spool is sent to nobody: not even
# before the spooler has found out how far it is good.  And whoever has read from the
# spool keeps none of its files, which may be removed, once it is on the ring.

use strict;
use warnings;
use Test::More;
use Time::HiRes qw(usleep);
use WalBouncer;

my $primary = new_primary('primary', initdb => ['--wal-segsize=1']);
my $wb = WalBouncer->new('wb', upstream => $primary, settings => { ring_size => '1MB' },
	upstream_settings => { slot => 'walbouncer' });
$wb->start_streaming;
$primary->safe_psql('postgres', "SELECT pg_switch_wal(); SELECT pg_logical_emit_message(true, '', repeat('x', 400000))");
my $end = lsn_number($primary->lsn('flush'));
ok( $primary->poll_query_until('postgres', "SELECT flush_lsn >= '" . lsn_text($end) . "' FROM pg_stat_replication"),
	'all is in the spool');
$primary->stop('immediate');
$wb->stop;

# the system has crashed: the file is longer than what has reached the disk
my ($partial) = glob $wb->dir . '/state/spool/*.partial';
my $good = PostgreSQL::Test::Utils::slurp_file($partial);
my $start = $end - $end % (1 << 20);
is($start + length $good, $end, 'the last segment ends where WAL did');
PostgreSQL::Test::Utils::append_to_file($partial, "\0" x 65536);

# the spooler, which opens it for writing, cannot look yet
chmod 0400, $partial;
my $offset = $wb->log_offset;
$wb->start;
$wb->wait_for_log(qr/could not open file .*partial/, $offset, 'the spooler cannot open it');
my $wire = $wb->wire;
my $wal = '';

# All that comes within some time, until there is as much as wanted.
sub take
{
	my ($wanted, $timeout) = @_;

	while (length $wal < $wanted and my ($type, $body) = $wire->read_message($timeout))
	{
		next unless $type eq 'd' && substr($body, 0, 1) eq 'w';
		is(unpack('Q>', substr($body, 1)), $start + length $wal, 'WAL goes on where it was');
		$wal .= substr($body, 25);
	}
	return;
}

$wire->startup;
$wire->query('START_REPLICATION ' . lsn_text($start) . ' TIMELINE 1');
take(1 << 20, 3);
is(length $wal, 0, 'nothing of it is sent');
chmod 0600, $partial;
$wb->wait_for_log(qr/the spool ends at/, $offset, 'the spooler looks at it');
take(length $good, 10);
take(1 << 20, 2);
is(length $wal, length $good, 'then it is sent, as far as it is good');
ok($wal eq $good, 'as it was');

sub open_in_spool
{
	my ($worker) = $wb->workers;
	return scalar grep { (readlink($_) // '') =~ m{/state/spool/} } glob "/proc/$worker/fd/*";
}

$primary->start;
$wb->wait_for_log(qr/streaming from upstream/, $offset, 'the upstream is back');
$primary->safe_psql('postgres', "SELECT pg_logical_emit_message(true, '', 'more')");
take(length($good) + 1, 10);
cmp_ok(length $wal, '>', length $good, 'WAL goes on from the ring');
my $none = poll_until { open_in_spool() == 0 };
ok($none, 'and no file of the spool is open');
$wire->close;

done_testing();
