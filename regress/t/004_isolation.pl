# Isolation: a worker has the ring and the others' board cells mapped read-only
# (r--s), and can write to its own cell alone.

use strict;
use warnings;
use Test::More;
use WalBouncer;

my $ring_mb = 8;
my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { ring_size => "${ring_mb}MB" });
$wb->start_streaming;
$wb->receive($_) foreach qw(a b);

# shared mappings of a process: permissions => [start, end]
sub shared_mappings
{
	my $pid = shift;
	my %found;

	open my $fh, '<', "/proc/$pid/maps" or die "maps of $pid: $!";
	while (my $line = <$fh>)
	{
		my ($start, $end, $mode) = $line =~ /^(\w+)-(\w+) (\S+)/;
		push @{ $found{$mode} }, [ hex $start, hex $end ] if $mode =~ /s$/;
	}
	return \%found;
}

sub size
{
	my $sum = 0;
	$sum += $_->[1] - $_->[0] foreach @_;
	return $sum;
}

my @workers = $wb->workers;
is(scalar(@workers), 2, 'two workers');
my %own;
foreach my $pid (@workers)
{
	my $map = shared_mappings($pid);
	my @writable = map { @{ $map->{$_} } } grep { /w/ } keys %$map;

	cmp_ok(size(@{ $map->{'r--s'} // [] }), '>=', 2 * ($ring_mb << 20),
		'the ring, mapped twice, is read-only');
	is(scalar(@writable), 1, 'one writable piece of shared memory');
	cmp_ok(size(@writable), '<=', 4096, 'of one page');
	ok(!(grep { /x/ } keys %$map), 'and none executable');
	$own{$pid} = $writable[0];
}
my ($a, $b) = @own{@workers};
ok($a->[1] <= $b->[0] || $b->[1] <= $a->[0], 'each has another cell');

# connections: each worker has its client's and no other
foreach my $pid (@workers)
{
	is(scalar(tcp_links($pid)), 1, 'a worker has one connection');
}

my $reader = shared_mappings($wb->reader);
cmp_ok(size(map { @{ $reader->{$_} } } grep { /w/ } keys %$reader), '>=',
	2 * ($ring_mb << 20), 'the reader can write to the ring');

done_testing();
