# A file system that is short of space costs the spool what nobody needs, and no more:
# what a slot keeps has been confirmed to the primary, and is nowhere else.

use strict;
use warnings;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary', initdb => ['--wal-segsize=1'], conf => "wal_keep_size = 0\nmax_wal_size = 2MB\nmin_wal_size = 2MB\n");
my $wb = WalBouncer->new('wb', upstream => $primary, settings => { ring_size => '1MB' },
	upstream_settings => { slot => 'walbouncer' });
$wb->start_streaming;
my $wire = $wb->wire;
$wire->startup;

sub segments
{
	return map { m{/([0-9A-F]{24})$} ? $1 : () } sort glob $wb->dir . '/state/spool/*';
}

sub fill
{
	$primary->safe_psql('postgres', "SELECT pg_logical_emit_message(true, '', repeat('x', 1000000)) FROM generate_series(1, 5)");
	# the last one that is complete
	my $last = $primary->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_lsn() - 1048576)');
	my $more = poll_until { grep { $_ eq $last } segments() } 30;
	ok($more, 'there are more segments');
	return;
}

# How often the spooler has gone to sleep.
sub naps
{
	my ($pid) = grep { WalBouncer::process_title($_) =~ /^walbouncer: spooler/ } $wb->processes;
	my ($count) = PostgreSQL::Test::Utils::slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s+(\d+)/m;
	return $count;
}

fill();
$wire->query('CREATE_REPLICATION_SLOT kept PHYSICAL RESERVE_WAL');
my $reserved = ($wire->rows('READ_REPLICATION_SLOT kept'))[0][1];
my $first = segment_file(lsn_number($reserved), 1 << 20);
fill();
my @needed = grep { $_ ge $first } segments();
cmp_ok(scalar(segments()), '>', scalar(@needed), 'some are not needed');

my $offset = $wb->log_offset;
$wb->configure(settings => { spool_min_free => '64TB' });
ok($wb->reload, 'there is less free than spool_min_free');
$wb->wait_for_log(qr/the spool stops at/, $offset, 'the spool stops');
poll_until { segments() <= @needed } 30;
is_deeply([ segments() ], \@needed, 'what the slot keeps is there, and the rest is not');
$wb->log_unlike(qr/still needs/, $offset, 'nothing has been removed that is needed');
$wb->configure(settings => { spool_min_free => 0 });
ok($wb->reload, 'there is enough');
$wb->wait_for_log(qr/the spool goes on at/, $offset, 'the spool goes on');
my $slept = naps();
sleep 2;
cmp_ok(naps() - $slept, '<', 200, 'and sleeps while there is nothing to do');
fill();
$wire->query('DROP_REPLICATION_SLOT kept');
$wb->configure(settings => { spool_min_free => '64TB' });
ok($wb->reload, 'there is less again');
my $gone = poll_until { !segments() } 30;
ok($gone, 'without the slot nothing is needed');

done_testing();
