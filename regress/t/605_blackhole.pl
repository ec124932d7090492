# The network between walbouncer and the upstream goes dead, with nobody to say so: that
# is noticed within wal_receiver_timeout, standbys stay connected, and when there is a
# way again all go on.

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

my $timeout = 3;

# A relay of our own: bytes from one socket to the other, in both directions, for each
# connection.  Stopped, it keeps its sockets and says nothing.
sub relay
{
	my ($listener, $path) = @_;
	my $select = IO::Select->new($listener);
	my %peer;

	while (1)
	{
		foreach my $fh ($select->can_read)
		{
			if ($fh == $listener)
			{
				my $client = $listener->accept or next;
				my $server = IO::Socket::UNIX->new(Peer => $path) or do { close $client; next };
				%peer = (%peer, $client => $server, $server => $client);
				$select->add($client, $server);
				next;
			}
			my $n = sysread $fh, my $bytes, 65536;
			my $to = $peer{$fh} or next;
			if (!$n)
			{
				$select->remove($fh, $to);
				delete @peer{ $fh, $to };
				close $_ foreach $fh, $to;
				next;
			}
			syswrite $to, $bytes;
		}
	}
	return;
}

my $primary = new_primary('primary');
$primary->safe_psql('postgres', 'CREATE TABLE t (n int)');
my $listener = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1') or die $!;
my $relay = fork() // die $!;
if ($relay == 0)
{
	relay($listener, $primary->host . '/.s.PGSQL.' . $primary->port);
	POSIX::_exit(0);
}
my $port = $listener->sockport;
close $listener;

my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { wal_receiver_timeout => "${timeout}s", wal_receiver_status_interval => '1s' });
$wb->configure(upstream => "host=127.0.0.1 port=$port connect_timeout=2 user=" . getpwuid($<));
$wb->start_streaming;
my $standby = $wb->add_standby('standby', primary => $primary);
$primary->safe_psql('postgres', 'INSERT INTO t VALUES (1)');
ok(wait_for_replay($primary, $standby), 'the standby streams');
my $link = $wb->standby_link($standby);

foreach my $round (1 .. 2)
{
	my $offset = $wb->log_offset;
	my $began = time();

	kill 'STOP', $relay;
	$wb->wait_for_log(qr/nothing has come from upstream for \d+ ms/, $offset, "$round: the silence is noticed");
	my $took = time() - $began;
	diag(sprintf 'noticed after %.2f s, wal_receiver_timeout is %d s', $took, $timeout);
	cmp_ok($took, '<', $timeout + 2, "$round: within the timeout");
	is($wb->standby_link($standby), $link, "$round: the standby is still connected");
	$primary->safe_psql('postgres', "INSERT INTO t VALUES ($round)");
	kill 'CONT', $relay;
	$wb->wait_for_log(qr/streaming from upstream/, $offset, "$round: there is a way again");
	ok(wait_for_replay($primary, $standby), "$round: the standby goes on");
	is($wb->standby_link($standby), $link, "$round: over the same connection");
}
$wb->log_unlike(qr/begins anew|has a gap/, 0, 'nothing was left out');
$wb->stop;
kill 'KILL', $relay;
waitpid $relay, 0;

done_testing();
