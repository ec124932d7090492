# Pass-through identity: pg_receivewal through walbouncer yields segments that
# cmp equal with the primary's own, over TCP and over a Unix-domain socket.

use strict;
use warnings;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary);
$wb->configure(settings => { unix_socket_directories => $wb->socket_dir });
$wb->start_streaming;

my @receivers = ($wb->receive('tcp'), $wb->receive('unix', socket => 1));
my $first = lsn_number($primary->lsn('insert'));

system('pgbench', '-iq', '-s', '2', $primary->connstr('postgres'));
system('pgbench', '-n', '-c', '4', '-t', '500', $primary->connstr('postgres'));
my $last = lsn_number($primary->safe_psql('postgres', 'SELECT pg_switch_wal()')) - 1;
$primary->safe_psql('postgres', 'CREATE TABLE after_the_switch ()');

my @segments;
for (my $lsn = $first; $lsn < $last + 1; $lsn += 16 << 20)
{
	push @segments, segment_file($lsn, 16 << 20);
}
push @segments, segment_file($last, 16 << 20);
cmp_ok(scalar(@segments), '>=', 3, 'the load fills some segments');

foreach my $rx (@receivers)
{
	ok($rx->wait_for_segment($segments[-1]), "$rx->{name}: received all");
	my %seen;
	foreach my $file (grep { !$seen{$_}++ } @segments)
	{
		is(system('cmp', $primary->data_dir . "/pg_wal/$file", $rx->dir . "/$file"),
			0, "$rx->{name}: $file");
	}
	is($rx->stop, 0, "$rx->{name}: pg_receivewal ends in good order");
}
$wb->log_unlike(qr/(?:ERROR|FATAL|PANIC|WARNING):/);
is($wb->stop, 0, 'walbouncer stops in good order');

done_testing();
