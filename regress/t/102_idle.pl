# 50 idle receivers: private memory (Private_Clean + Private_Dirty) of a streaming
# worker is under 3 MB each.

use strict;
use warnings;
use List::Util qw(max);
use Test::More;
use WalBouncer;

plan skip_all => 'sanitizers take their own memory' if $ENV{WALBOUNCER_SANITIZED};

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { max_connections => 60 });
$wb->start_streaming;

system('pgbench', '-iq', $primary->connstr('postgres'));
my $flush = lsn_number($primary->lsn('flush'));
my $start = lsn_text($flush & ~((16 << 20) - 1));
my @clients;
foreach (1 .. 50)
{
	my $client = $wb->wire;
	$client->startup;
	$client->query("START_REPLICATION $start TIMELINE 1");
	push @clients, $client;
}

# each takes what there is, up to some megabytes, and then sits still
my $done = 0;
foreach my $client (@clients)
{
	my $at = 0;
	while ($at < $flush and my ($type, $body) = $client->read_message)
	{
		next unless $type eq 'd' && substr($body, 0, 1) eq 'w';
		$at = unpack('Q>', substr($body, 1, 8)) + length($body) - 25;
	}
	$done++ if $at >= $flush;
}
is($done, 50, 'all have streamed up to the end');
ok(wait_for_walsenders($primary, 1), 'the primary shows one walsender');

my @memory = map { process_memory($_) } $wb->workers;
is(scalar(@memory), 50, 'fifty workers');
cmp_ok(max(@memory), '<', 3 * 1024, 'private memory of the largest: ' . max(@memory) . ' kB');

done_testing();
