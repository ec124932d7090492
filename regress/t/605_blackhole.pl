# The network between walbouncer and the upstream goes dead, with nobody to say so: that
# is noticed within wal_receiver_timeout, standbys stay connected, and when there is a
# way again all go on.

use strict;
use warnings;
use Relay;
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

my $timeout = 3;

my $primary = new_primary('primary');
$primary->safe_psql('postgres', 'CREATE TABLE t (n int)');
my $relay = Relay->new($primary);
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { wal_receiver_timeout => "${timeout}s", wal_receiver_status_interval => '1s' });
$wb->configure(upstream => $relay->conninfo . ' connect_timeout=2');
$wb->start_streaming;
my $standby = $wb->add_standby('standby', primary => $primary);
$primary->safe_psql('postgres', 'INSERT INTO t VALUES (1)');
ok(wait_for_replay($primary, $standby), 'the standby streams');
my $link = $wb->standby_link($standby);

foreach my $round (1 .. 2)
{
	my $offset = $wb->log_offset;
	my $began = time();

	$relay->silence;
	$wb->wait_for_log(qr/nothing has come from upstream for \d+ ms/, $offset, "$round: the silence is noticed");
	my $took = time() - $began;
	diag(sprintf 'noticed after %.2f s, wal_receiver_timeout is %d s', $took, $timeout);
	cmp_ok($took, '<', $timeout + 2, "$round: within the timeout");
	is($wb->standby_link($standby), $link, "$round: the standby is still connected");
	$primary->safe_psql('postgres', "INSERT INTO t VALUES ($round)");
	$relay->speak;
	$wb->wait_for_log(qr/streaming from upstream/, $offset, "$round: there is a way again");
	ok(wait_for_replay($primary, $standby), "$round: the standby goes on");
	is($wb->standby_link($standby), $link, "$round: over the same connection");
}
$wb->log_unlike(qr/begins anew|has a gap/, 0, 'nothing was left out');
$wb->stop;

done_testing();
