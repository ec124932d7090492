# kill -9 of the spooler, the reader, a worker and the supervisor at random, under load;
# afterwards each segment in the spool has the primary's bytes, and nothing is missing.
#
# WB_LOAD_SECONDS	how long, for all majors together (40)
# WB_SEED			repeats the choices; it is printed

use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time usleep);
use WalBouncer;

my $seed = $ENV{WB_SEED} || (time() ^ ($$ << 12)) & 0x7FFFFFFF;
my @majors = majors();
my $seconds = ($ENV{WB_LOAD_SECONDS} || 40) / @majors;

print "# WB_SEED=$seed WB_LOAD_SECONDS=" . $seconds * @majors . "\n";
srand($seed);

# Segments of the spool by name, partial ones with their suffix.
sub spooled
{
	my $wb = shift;
	return sort map { m{/([0-9A-F]{24}(?:\.partial)?)$} ? $1 : () } glob $wb->dir . '/state/spool/*';
}

foreach my $major (@majors)
{
	my $primary = new_primary("primary$major", major => $major, initdb => ['--wal-segsize=1']);
	$primary->command_ok([ 'pgbench', '-iq', '-s', '5', $primary->connstr('postgres') ], 'pgbench -i');
	my $wb = WalBouncer->new("wb$major", upstream => $primary,
		settings => { ring_size => '1MB', spool_size => '20GB', wal_retrieve_retry_interval => '100ms' },
		upstream_settings => { slot => 'walbouncer' });
	$wb->start_streaming;
	my $standby = $wb->add_standby("standby$major");
	my $bench = WalBouncer::pgbench_start($primary, 'postgres', '-c', '4', '-T', '3600');
	my %kills;
	my $until = time() + $seconds;

	while (time() < $until)
	{
		my $what = (qw(spooler spooler reader worker supervisor))[ int rand 5 ];
		my ($pid) = $what eq 'supervisor' ? $wb->pid
		  : $what eq 'worker' ? ($wb->workers)[0]
		  : grep { WalBouncer::process_title($_) =~ /^walbouncer: $what/ } $wb->processes;

		usleep(int rand 400_000);
		next unless $pid;
		$kills{$what}++;
		# segments that end with a record are cut and named in a way of their own
		if (rand() < 0.5)
		{
			$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
			usleep(int rand 10_000);
		}
		if ($what eq 'supervisor')
		{
			$wb->kill9;
			$wb->start;
			next;
		}
		kill 'KILL', $pid;
	}
	kill 'KILL', $bench;
	diag("PostgreSQL $major: killed " . join(', ', map { "$_ $kills{$_} times" } sort keys %kills));

	my $lsn = lsn_number($primary->lsn('insert'));
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal(); CREATE TABLE after_the_switch ()');
	my $last = segment_file($lsn, 1 << 20);
	my $there = poll_until { -e $wb->dir . "/state/spool/$last" } 60;
	ok($there, "$major: the spool has all of it");
	ok(wait_for_replay($primary, $standby), "$major: and so has the standby");
	my @files = grep { !/partial/ } spooled($wb);
	my @bad = grep { system('cmp', '-s', $primary->data_dir . "/pg_wal/$_", $wb->dir . "/state/spool/$_") != 0 } @files;
	cmp_ok(scalar(@files), '>', 3, "$major: " . scalar(@files) . ' segments');
	is("@bad", '', "$major: each has the primary's bytes");
	my ($first) = map { hex(substr($_, 8, 8)) * 4096 + hex(substr($_, 16)) } @files;
	is("@files", join(' ', map { segment_file(($first + $_) << 20, 1 << 20) } 0 .. $#files), "$major: none is missing");
	my $one = poll_until { 1 == grep { /partial/ } spooled($wb) };
	ok($one, "$major: and one is being written");
	$wb->log_unlike(qr/has a gap|begins anew/, 0, "$major: nothing was left out");
	unlike(PostgreSQL::Test::Utils::slurp_file($standby->logfile),
		qr/PANIC:|incorrect resource manager data checksum/, "$major: no damage in the standby's log");
	$standby->stop('immediate');
	$wb->stop;
	$primary->stop('immediate');
}

done_testing();
