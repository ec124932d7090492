# The spool's file system fills up: standbys in the ring keep streaming, the log says
# so, and the spool heals when there is space again.  WB_SMALL_FS names a file system of
# some 64 MB that is ours to fill; without it one is mounted in a namespace of our own,
# if the system lets us.

use strict;
use warnings;

# Before the test's output is set up.  Everything runs in there, the servers too.
BEGIN
{
	if (!$ENV{WB_SMALL_FS} && mkdir "/tmp/wb_small_$$")
	{
		my @unshare = ('unshare', '--user', '--map-current-user', '--keep-caps', '--mount');
		$ENV{WB_SMALL_FS} = "/tmp/wb_small_$$";
		if (system("@unshare true 2>/dev/null") == 0)
		{
			exec @unshare, 'sh', '-c', 'mount -t tmpfs -o size=64m,mode=0777 walbouncer "$WB_SMALL_FS" && exec "$@"', 'sh',
			  $^X, (map { "-I$_" } @INC), $0;
		}
		delete $ENV{WB_SMALL_FS};
	}
}

use File::Path qw(rmtree);
use Test::More;
use WalBouncer;

my $small = $ENV{WB_SMALL_FS} // '';
if (!-d $small)
{
	fail('there is a small file system (WB_SMALL_FS)');
	done_testing();
	exit 1;
}
system("rm -rf $small/*");

my $primary = new_primary('primary', initdb => ['--wal-segsize=1']);
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { state_directory => "$small/state", spool_size => '1GB', spool_min_free => 0, ring_size => '16MB' },
	upstream_settings => { slot => 'walbouncer' });
mkdir "$small/state", 0700 or die "$small/state: $!";
$wb->start_streaming;
my $standby = $wb->add_standby('standby');
$primary->safe_psql('postgres', 'CREATE TABLE t (n int)');
ok(wait_for_replay($primary, $standby), 'the standby streams');

sub fill
{
	my $mb = shift;
	$primary->safe_psql('postgres',
		"SELECT pg_logical_emit_message(true, '', repeat('x', 1000000)) FROM generate_series(1, $mb)");
	return;
}

sub spooled_until
{
	return $primary->safe_psql('postgres', 'SELECT flush_lsn FROM pg_stat_replication WHERE write_lsn IS NOT NULL ORDER BY backend_start LIMIT 1');
}

foreach my $guard (0, '8MB')
{
	my $offset = $wb->log_offset;
	my $what = $guard ? 'spool_min_free' : 'the disk';

	$wb->configure(settings => { spool_min_free => $guard, spool_size => $guard ? '4MB' : '1GB' });
	ok($wb->reload, "with spool_min_free = $guard");
	# what is not WAL takes the space: all of it, or all but what is to stay free
	poll_until { fill(1); my @f = glob "$small/state/spool/*"; return @f <= 5 } if $guard;
	# and nobody needs what is in the spool, which would stay
	my $all = $primary->lsn('flush');
	ok(wait_for_replay($primary, $standby), 'the standby has all');
	my $safe = poll_until { lsn_number(spooled_until()) >= lsn_number($all) } 60;
	ok($safe, 'and the spool');
	system('head -c ' . ($guard ? '57m' : '100m') . " /dev/zero >$small/ballast 2>/dev/null");
	poll_until { return 1 if $wb->log_content($offset) =~ /the spool stops at/; fill(1) unless $guard; return 0 } 60;
	$wb->wait_for_log($guard ? qr/less than spool_min_free is free/ : qr/No space left on device/, $offset, "$what is full, and the log says so");
	$wb->wait_for_log(qr/the spool stops at/, $offset, 'and what becomes of it');
	my $stuck;
	poll_until { ($stuck = spooled_until()) eq ($wb->show('spool'))[0]{flushed_lsn} };
	foreach my $i (1 .. 5)
	{
		fill(3);
		$primary->safe_psql('postgres', "INSERT INTO t VALUES ($i)");
		ok(wait_for_replay($primary, $standby), "the standby goes on meanwhile ($i)");
	}
	is(spooled_until(), $stuck, 'the upstream is not told of more than is on disk');
	is(scalar(() = $wb->log_content($offset) =~ /the spool stops at/g), 1, 'it is said once');
	unlink "$small/ballast" or die $!;
	$wb->wait_for_log(qr/the spool goes on at/, $offset, 'it heals when there is space');
	fill(2);
	ok( $primary->poll_query_until('postgres', "SELECT flush_lsn >= '" . $primary->lsn('flush') . "' FROM pg_stat_replication WHERE write_lsn IS NOT NULL ORDER BY backend_start LIMIT 1"),
		'and the upstream is told that all is on disk');
	rmtree($_) foreach glob "$small/ballast";
}

# segments are whole and the primary's; nobody removes one meanwhile
$wb->stop;
my @files = grep { /\/[0-9A-F]{24}$/ } glob "$small/state/spool/*";
cmp_ok(scalar(@files), '>', 2, scalar(@files) . ' segments');
my @bad = grep { my ($name) = m{([^/]+)$}; system('cmp', '-s', $_, $primary->data_dir . "/pg_wal/$name") != 0 } @files;
is("@bad", '', 'each has the primary\'s bytes');
$wb->log_unlike(qr/has a gap/, 0, 'nothing was left out');
system("rm -rf $small/*");

done_testing();

END { rmdir $small; }
