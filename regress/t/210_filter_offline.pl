# The captured WAL of regress/data through the filter, and PostgreSQL's own
# pg_waldump, that of the major that wrote it, as the judge: it reads every record
# of the result, at the LSN, with the length, the transaction and the link that it
# had; what is kept is described as before, what is not is a no-op.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

# Segments, as they would lie in pg_wal.
sub unpack_segments
{
	my ($fact, $dir, $file) = @_;
	mkdir $dir;
	open my $in, '-|', 'gzip', '-dc', $file or die "could not run gzip: $!";
	binmode $in;
	my $lsn = lsn_number($fact->{start});
	my ($bytes, @names);
	while (read $in, $bytes, $fact->{segment_size})
	{
		push @names, segment_file($lsn, $fact->{segment_size});
		append_to_file("$dir/$names[-1]", $bytes);
		$lsn += $fact->{segment_size};
	}
	close $in or die "gzip -dc $file failed";
	return @names;
}

# The same without what is out, each object by its name.
sub filter_segments
{
	my ($plain, $filtered, @objects) = @_;
	my $text = "state_directory = \"$plain\";\nrules = ( { name = \"r\"; auth = \"trust\"; filter = {";

	foreach my $kind (qw(database tablespace))
	{
		$text .= " exclude_${kind}s = [ "
		  . join(', ', map { "\"$_->[2]\"" } grep { $_->[1] eq $kind && $_->[3] eq 'out' } @objects)
		  . ' ];';
	}
	append_to_file("$plain.conf", "$text }; } );\n");
	mkdir $filtered;
	system_or_bail('walcat', '-c', "$plain.conf", '-r', 'r', "--write=$filtered",
		(map { "--$_->[1]=$_->[0]=$_->[2]" } @objects), $plain);
	return map { m{([^/]+)$} } sort glob "$filtered/*";
}

# What pg_waldump says: LSN => [length, xid and link, description].  The first
# number of its "len" depends on what is in the record, the second is xl_tot_len.
sub dump_segments
{
	my ($major, $dir, @names) = @_;
	my ($out, $err);
	IPC::Run::run [ pg_program($major, 'pg_waldump'), '-p', $dir, $names[0], $names[-1] ], '>', \$out, '2>', \$err;
	my %records;
	foreach (split /\n/, $out)
	{
		/^rmgr: (\S+) +len \(rec\/tot\): +\d+\/ *(\d+), (tx: +\d+), lsn: (\S+), (prev \S+), desc: (.*)/
		  or die "cannot read: $_";
		$records{$4} = [ $2, "$3, $5", "$1 $6" ];
	}
	return (\%records, $err);
}

# All of it, for the sample of one major.
sub filter_sample
{
	my $major = shift;
	my $data = "$ENV{TEST_SRCDIR}/regress/data/pg$major";

	my (%fact, @objects);
	foreach (split /\n/, slurp_file("$data/facts"))
	{
		my ($key, @value) = split;
		if ($key eq 'object') { push @objects, \@value; }
		else { $fact{$key} = $value[0]; }
	}
	my %verdict = map { my @f = split; ($f[0] => $f[6]) }
	  split /\n/, `gzip -dc '$data/records.gz'`;

	my $plain = PostgreSQL::Test::Utils::tempdir() . '/plain';
	my @names = unpack_segments(\%fact, $plain, "$data/wal.gz");
	my $filtered = PostgreSQL::Test::Utils::tempdir() . '/filtered';
	my @filtered_names = filter_segments($plain, $filtered, @objects);
	# the capture ends within a record
	is("@filtered_names", "@names.partial", 'as many segments come out as go in');
	rename "$filtered/$names[-1].partial", "$filtered/$names[-1]";

	my ($before) = dump_segments($major, $plain, @names);
	my ($after, $after_err) = dump_segments($major, $filtered, @names);
	cmp_ok(scalar keys %$before, '>', 10000, 'pg_waldump reads the captured WAL');
	is(scalar keys %$before, scalar keys %verdict, 'which are those that were captured');
	is(scalar keys %$after, scalar keys %$before, 'as many records as before');

	my (@moved, @changed, @named);
	my $blanked = 0;
	foreach my $lsn (sort keys %$before)
	{
		my ($b, $a) = ($before->{$lsn}, $after->{$lsn});
		push @moved, $lsn unless $a && $a->[0] == $b->[0] && $a->[1] eq $b->[1];
		next unless $a;
		if ($verdict{$lsn} eq 'keep') { push @changed, $lsn if $a->[2] ne $b->[2]; }
		elsif ($a->[2] !~ /^XLOG NOOP\s*$/) { push @named, $lsn; }
		else { $blanked++; }
	}
	is("@moved", '', 'with the same LSN, length, transaction and link');
	is("@changed", '', 'those to be kept say what they said');
	is("@named", '', 'those to be blanked are no-ops');
	cmp_ok($blanked, '>', 5000, 'which is not a few');

	# From 17.11 and 18.6 on, heap records name the blocks of the visibility map too.
	cmp_ok(scalar(grep { $_->[2] =~ /^Heap (?:INSERT|UPDATE|DELETE) .*fork vm/ } values %$before),
		'>', 10, 'some of a table name its visibility map')
	  if $major >= 17;

	# The capture ends within a record, and pg_waldump says so.
	like($after_err, qr/error in WAL record/, 'but the last, which is cut off');
	unlike($after_err, qr/checksum|resource manager/, 'no CRC is wrong');

	my $marker = 0;
	$marker += () = slurp_file("$filtered/$_") =~ /\Q$fact{marker}\E/g foreach @names;
	is($marker, 0, 'the marker is in none of the segments');
	return;
}

foreach my $major (majors())
{
	if (!-d "$ENV{TEST_SRCDIR}/regress/data/pg$major")
	{
		note("there is no WAL of PostgreSQL $major");
		next;
	}
	subtest "PostgreSQL $major" => sub { filter_sample($major) };
}

done_testing();
