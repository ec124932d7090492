# walcat over the captured WAL of regress/data: its verdict on each record is the
# one that was worked out from pg_waldump's text when the WAL was captured, though it
# is told only the names of what was there before; its sums agree with that text;
# what it writes is read by that major's pg_waldump.  And its exit codes.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $tmp = PostgreSQL::Test::Utils::tempdir();

# Its output, messages and exit code.
sub walcat
{
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'walcat', @_ ], '>', \$out, '2>', \$err);
	return ($out, $err, $? >> 8);
}

sub status_is
{
	my ($args, $expected, $pattern, $name) = @_;
	my ($out, $err, $status) = walcat(@$args);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($status, $expected, "$name: exit $expected");
	like($err, $pattern, "$name: the message");
	return $out;
}

# The sample of a major: its facts, and the segments in a directory.
sub unpack_sample
{
	my $major = shift;
	my $data = "$ENV{TEST_SRCDIR}/regress/data/pg$major";
	my %sample = (dir => "$tmp/pg$major", segments => []);

	foreach (split /\n/, slurp_file("$data/facts"))
	{
		my ($key, @value) = split;
		if ($key eq 'object')
		{
			$sample{objects}{ $value[0] } =
			  { oid => $value[0], kind => $value[1], name => $value[2], out => $value[3] eq 'out' };
		}
		elsif ($key eq 'created') { $sample{created}{ $value[0] } = $value[3]; }
		else { $sample{$key} = $value[0]; }
	}
	$sample{records} = [ map { [split] } split /\n/, `gzip -dc '$data/records.gz'` ];
	$_->[0] = lsn_number($_->[0]) foreach @{ $sample{records} };

	mkdir $sample{dir};
	open my $in, '-|', "gzip -dc '$data/wal.gz'" or die $!;
	binmode $in;
	my $lsn = lsn_number($sample{start});
	my $bytes;
	while (read $in, $bytes, $sample{segment_size})
	{
		push @{ $sample{segments} }, segment_file($lsn, $sample{segment_size});
		append_to_file("$sample{dir}/$sample{segments}[-1]", $bytes);
		$lsn += $sample{segment_size};
	}
	close $in;
	return \%sample;
}

# A configuration with a rule for what is out, and the names that the WAL does not
# tell.
sub rule_arguments
{
	my ($sample, $file) = @_;
	my @objects = sort { $a->{oid} <=> $b->{oid} } values %{ $sample->{objects} };
	my $text = "state_directory = \"$tmp/no-journal\";\n"
	  . 'rules = ( { name = "r"; auth = "trust"; filter = {';

	foreach my $kind (qw(database tablespace))
	{
		$text .= " exclude_${kind}s = [ "
		  . join(', ', map { "\"$_->{name}\"" } grep { $_->{out} && $_->{kind} eq $kind } @objects)
		  . ' ];';
	}
	append_to_file($file, "$text }; } );\n");
	return ('-c', $file, '-r', 'r',
		map { "--$_->{kind}=$_->{oid}=$_->{name}" }
		grep { !$sample->{created}{ $_->{oid} } } @objects);
}

sub check_records
{
	my ($sample, @rule) = @_;
	my ($out, $err, $status) = walcat(@rule, $sample->{dir});
	my @lines = map { [ split /\t/ ] } split /\n/, $out;
	my (@wrong, @named);

	is($status, 0, 'it reads the captured WAL');
	unlike($err, qr/not known/, 'and knows all names');
	is(scalar @lines, scalar @{ $sample->{records} }, 'all records');
	for (my $i = 0; $i < @lines && $i < @{ $sample->{records} }; $i++)
	{
		my ($lsn, $len, $rmgr, undef, undef, $verdict) = @{ $lines[$i] };
		my $r = $sample->{records}[$i];

		push @wrong, "@{ $lines[$i] }"
		  if lsn_number($lsn) != $r->[0] || $len != $r->[1] || $rmgr ne $r->[4] || $verdict ne $r->[6];
	}
	is(join("\n", @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ]), '',
		'LSN, length, resource manager and verdict are those that were captured');

	# the reason that is given is the one
	foreach (grep { $_->[5] eq 'blank' } @lines)
	{
		my ($kind, $oid, $name) = $_->[6] =~ /^(\w+) (\d+) "(\w+)" is out/;
		my $object = $sample->{objects}{ $oid // 0 };
		push @named, "@$_"
		  unless $object && $object->{kind} eq $kind && $object->{name} eq $name && $object->{out};
	}
	is(join("\n", @named[ 0 .. ($#named < 4 ? $#named : 4) ]), '',
		'what is blanked names what is out');
	my %row = map { $_->[6] =~ /^row of pg_(\w+): \1 (\d+) "(\w+)"$/ ? ($2 => [ $_->[0], $3 ]) : () } @lines;
	is_deeply(
		[ map { "$_ $row{$_}[1]" } sort keys %row ],
		[ map { "$_ $sample->{objects}{$_}{name}" } sort keys %{ $sample->{created} } ],
		'the rows that create something are told');
	return;
}

sub check_summary
{
	my ($sample, @rule) = @_;
	my ($out, undef, $status) = walcat(@rule, '--summary', $sample->{dir});
	my (%got, %expected, $total);

	is($status, 0, '--summary');
	foreach (split /\n/, $out)
	{
		my ($what, undef, undef, $rmgr, @counts) = split /\t/;
		if ($what eq 'total') { $total = "@counts"; next; }
		$got{$rmgr}[$_] += $counts[$_] foreach 0 .. 3;
	}
	my @all = (0) x 4;
	foreach my $r (@{ $sample->{records} })
	{
		my $at = $r->[6] eq 'keep' ? 0 : 2;
		$expected{ $r->[4] } //= [ (0) x 4 ];
		$expected{ $r->[4] }[$at]++;
		$expected{ $r->[4] }[ $at + 1 ] += $r->[1];
		$all[$at]++;
		$all[ $at + 1 ] += $r->[1];
	}
	is_deeply(\%got, \%expected, 'its sums are those of pg_waldump');
	is($total, "@all", 'and the total is');
	return;
}

# The file, or as much of it as there is of zeros at its end.
sub without_zeros
{
	my $bytes = slurp_file(shift);
	$bytes =~ s/\0+\z//;
	return $bytes;
}

sub check_write
{
	my ($sample, $major, @rule) = @_;
	my $dir = "$tmp/written$major";
	my $last = $sample->{segments}[-1];

	mkdir $dir;
	my ($out, $err, $status) = walcat(@rule, "--write=$dir", $sample->{dir});
	is("$status$out", '0', '--write');
	# the capture is cut off within a record
	my @files = map { m{([^/]+)$} } sort glob "$dir/*";
	is("@files", "@{ $sample->{segments} }.partial", 'as many segments, the last one partial');
	rename "$dir/$last.partial", "$dir/$last";
	is(-s "$dir/$last", $sample->{segment_size}, 'of full size');

	my $marker = 0;
	$marker += () = slurp_file("$dir/$_") =~ /\Q$sample->{marker}\E/g foreach @{ $sample->{segments} };
	is($marker, 0, 'what is out is in none of them');

	# again: what is out is not there, nothing else is
	my ($again, undef, $status_again) = walcat(
		(map { $_->{out} && $_->{kind} eq 'database' ? "--check-none-kept=$_->{oid}" : () }
			  values %{ $sample->{objects} }),
		$dir);
	is("$status_again$again", '0', 'no record of a database that is out');

	# what begins in the segment before the first is not known
	my %begins = map { $_->[0] => 1 } @{ $sample->{records} };
	my $at = lsn_number($sample->{start});
	do { $at += $sample->{segment_size}; } while $begins{ $at + 40 };
	my ($second, $third) = map { segment_file($at + $_, $sample->{segment_size}) } 0, $sample->{segment_size};
	my $part = "$tmp/part$major";
	mkdir $part;
	my @two = map { "$sample->{dir}/$_" } $second, $third;
	status_is([ @rule, "--write=$part", @two ], 1,
		qr/begins in the middle of a record.*\n.*hint: Give the segment before it/,
		'a segment that begins within a record');
	is(join(' ', glob "$part/*"), '', 'nothing is written');
	status_is([ @rule, "--write=$part", '--partial-start', @two ], 0,
		qr/skipping over \d+ bytes/, '--partial-start');
	my ($first_record) = grep { $_->[0] > $at } @{ $sample->{records} };
	my $offset = $first_record->[0] - $at;
	ok(substr(slurp_file("$part/$second"), $offset) eq substr(slurp_file("$dir/$second"), $offset),
		'the same from the first record on');
	unlike(substr(slurp_file("$part/$second"), 40, ($offset < 8192 ? $offset : 8192) - 40),
		qr/[^\0]/, 'zeros before it');

	return unless grep { $_ == $major } majors();
	my ($dump, $dump_err) = ('', '');
	IPC::Run::run([ pg_program($major, 'pg_waldump'), '-p', $dir, $sample->{segments}[0], $last ],
		'>', \$dump, '2>', \$dump_err);
	my @wrong;
	my $i = 0;
	foreach (split /\n/, $dump)
	{
		my ($rmgr, $len, $xid, $lsn, $op) =
		  /^rmgr: (\S+) +len \(rec\/tot\): +\d+\/ *(\d+), tx: +(\d+), lsn: (\S+), prev \S+, desc: (\S+)/;
		my $r = $sample->{records}[ $i++ ] // [];
		my $expected = ($r->[6] // '') eq 'keep' ? "$r->[4] $r->[5]" : 'XLOG NOOP';
		push @wrong, $_
		  unless lsn_number($lsn) == $r->[0] && $len == $r->[1] && $xid == $r->[2] && "$rmgr $op" eq $expected;
	}
	is(join("\n", @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ]), '',
		"pg_waldump of $major reads it: what is out are no-ops");
	is($i, scalar @{ $sample->{records} }, 'all of it');
	like($dump_err, qr/error in WAL record/, 'up to its end');
	unlike($dump_err, qr/checksum|resource manager/, 'no CRC is wrong');
	return;
}

my %sample;
foreach my $major (13, 15, 17, 18)
{
	subtest "WAL of PostgreSQL $major" => sub {
		my $sample = $sample{$major} = unpack_sample($major);
		my @rule = rule_arguments($sample, "$tmp/pg$major.conf");

		$sample->{rule} = \@rule;
		check_records($sample, @rule);
		check_summary($sample, @rule);
		check_write($sample, $major, @rule);
	};
}

# -- what a script goes by ----------------------------------------------------

my $sample = $sample{15};
my @rule = @{ $sample->{rule} };
my ($dir, $size) = @$sample{qw(dir segment_size)};
my %oid = map { $_->{name} => $_->{oid} } values %{ $sample->{objects} };
my @files = map { "$dir/$_" } @{ $sample->{segments} };
my ($all) = walcat(@rule, $dir);

is((walcat(@rule, reverse @files))[0], $all, 'files in any order are as good as the directory');
{
	local $ENV{LC_ALL} = 'tr_TR.UTF-8';
	is((walcat(@rule, $dir))[0], $all, 'the locale makes no difference');
}

# -s and -e
my ($from, $to) = map { $sample->{records}[$_][0] } 5000, 5010;
my $some = (walcat(@rule, '-s', lsn_text($from), '-e', lsn_text($to), $dir))[0];
is($some, join('', map { "$_\n" } (split /\n/, $all)[ 5000 .. 5009 ]), '--start and --end');

# a database in question
my $out = status_is([ "--check-none-kept=$oid{out1}", $dir ], 3, qr/WAL of timeline 1 ends/,
	'a database that is kept');
like($out, qr/^[0-9A-F\/]+\t\d+\t\w+\t[0-9A-F]{2}\t1663\/$oid{out1}/, 'its records are printed');
$out = status_is([ @rule, "--check-none-kept=$oid{out1}", $dir ], 0, qr/ends/, 'one that is not');
is($out, '', 'nothing is printed');
status_is([ '--check-none-kept=1', '-s', '7/0', $dir ], 4, qr/there is no record/, 'nothing to check');

# what is not known is out
my @unnamed = grep { !/=$oid{keep}=/ } @rule;
$out = status_is([ @unnamed, '--check-none-kept', $oid{keep}, $dir ], 0,
	qr/database $oid{keep}, first met at \S+, is not known, and taken to be out/,
	'a database without a name');
$out = (walcat(@unnamed, '-e', '0/720000', $dir))[0];
like($out, qr/\tblank\tdatabase $oid{keep} is out: it is not known$/m, 'the reason says so');
# under a rule that asks for no databases by name that does not matter
append_to_file("$tmp/spc.conf",
	"state_directory = \"$tmp/none\"; rules = ( { name = \"s\"; auth = \"trust\"; "
	  . "filter = { exclude_tablespaces = [ \"spc_out\" ]; }; } );");
$out = (walcat('-c', "$tmp/spc.conf", '-r', 's', '--tablespace', "$oid{spc_out}=spc_out",
		'--tablespace', "$oid{spc_keep}=spc_keep", '--summary', $dir))[0];
like($out, qr/^database\t$oid{out1}\t-\tHeap\t[1-9]\d*\t\d+\t\d+/m, 'unless databases do not matter');
append_to_file("$tmp/include.conf",
	"state_directory = \"$tmp/none\"; rules = ( { name = \"i\"; auth = \"trust\"; "
	  . "filter = { include_databases = [ \"postgres\", \"keep\" ]; }; } );");
$out = (walcat('-c', "$tmp/include.conf", '-r', 'i', "--database=$oid{keep}=keep", '--summary', $dir))[0];
like($out, qr/^database\t$oid{keep}\t"keep"\tHeap\t\d+\t\d+\t0\t0/m, 'an include list lets its names in');
like($out, qr/^database\t5\t"postgres"\tHeap\t\d+\t\d+\t0\t0/m, 'and what every cluster has');
like($out, qr/^database\t$oid{moved}\t"moved"\tDatabase\t0\t0\t[1-9]/m, 'and nothing else');

# damage
sub damaged_copy
{
	my ($name, $change) = @_;
	mkdir "$tmp/$name";
	system_or_bail('cp', @files, "$tmp/$name");
	$change->("$tmp/$name");
	return "$tmp/$name";
}

sub poke
{
	my ($file, $offset, $bytes) = @_;
	open my $fh, '+<:raw', $file or die "$file: $!";
	seek $fh, $offset, 0;
	print $fh $bytes;
	close $fh;
	return;
}

my ($victim) = grep { $_->[0] % $size > 300000 && $_->[1] > 100 && $_->[0] % 8192 < 7000 } @{ $sample->{records} };
my $victim_file = segment_file($victim->[0], $size);
my $victim_lsn = lsn_text($victim->[0]);
$out = status_is(
	[ damaged_copy('flipped', sub { poke("$_[0]/$victim_file", $victim->[0] % $size + 60, 'X') }) ],
	2, qr/error: incorrect resource manager data checksum in WAL record at \Q$victim_lsn\E/, 'a damaged record');
unlike($out, qr/^\Q$victim_lsn\E\t/m, 'it is not told of');
cmp_ok(scalar(split /\n/, $out), '>', 100, 'those before it are');
status_is(
	[ damaged_copy('zeroed', sub { poke("$_[0]/$victim_file", $victim->[0] % $size, "\0" x 64) }) ],
	2, qr/error: .*\Q$victim_lsn\E/, 'zeros in place of a record are no end, but in the last segment');
status_is(
	[ damaged_copy('page', sub { poke("$_[0]/$sample->{segments}[3]", 8192 * 5, "\0" x 8192) }) ],
	2, qr/error: .*page/, 'a page that is gone');
# the last segment with a hole in it
my @hole = ([ 'hole', 8192 * 2, 8192 ], [ 'first', 0, 8192 ], [ 'record', 8192 * 3 + 4096, 4096 ]);
foreach (@hole)
{
	my ($name, $offset, $len) = @$_;
	my $in = $sample->{segments}[2];
	my $hole = damaged_copy($name, sub { poke("$_[0]/$in", $offset, "\0" x $len) });
	unlink map { "$hole/$_" } @{ $sample->{segments} }[ 3 .. $#files ];
	status_is([$hole], 2, qr/but there is more at|has no first page|error: /, "a hole of $len bytes in the last one");
}
my $hole_end = (walcat("$tmp/hole"))[1] =~ /--end=(\S+)\./ ? $1 : '';
status_is([ "--end=$hole_end", "$tmp/hole" ], 0, qr/ends at/, 'unless what is behind it does not matter');
status_is([ damaged_copy('short', sub { truncate "$_[0]/$sample->{segments}[2]", 500000 }) ],
	2, qr/has only 500000 bytes/, 'a segment that is cut off');
my $written = "$tmp/damaged_written";
mkdir $written;
status_is([ @rule, '--write', $written, "$tmp/flipped" ], 2, qr/checksum/, 'damage while writing');
is(join(' ', map { m{([^/]+)$} } glob "$written/*"),
	join(' ', grep { $_ lt $victim_file } @{ $sample->{segments} }),
	'what was complete is there, and nothing else');

# files
status_is([ @files[ 0, 1, 3 ] ], 1, qr/WAL segment "$sample->{segments}[2]" is missing/, 'a gap');
status_is([ @files[ 0, 1, 1 ] ], 1, qr/given twice/, 'a segment twice');
status_is([ "$tmp/pg15.conf" ], 1, qr/is not the name of a WAL segment/, 'another file');
status_is([ "$dir/000000010000000000000FFF" ], 1, qr/could not open file/, 'no file');
status_is([ @rule, '--write', "$tmp/written15", $dir ], 1, qr/could not create file.*exists/, 'no overwriting');
is(join(' ', grep { /\.tmp$/ } glob "$tmp/written15/*"), '', 'and nothing is left over');

# a server's directory: segments for later, zeros or with what they were before
my $pg_wal = damaged_copy('pg_wal', sub {
	my $next = lsn_number($sample->{start}) + @files * $size;
	append_to_file("$_[0]/" . segment_file($next, $size), "\0" x $size);
	system_or_bail('cp', $files[0], "$_[0]/" . segment_file($next + $size, $size));
	append_to_file("$_[0]/00000001.history", "1\t0/0\tno reason\n");
	mkdir "$_[0]/archive_status";
});
is((walcat(@rule, $pg_wal))[0], $all, 'segments that were never written are the end');
# in the middle of the last segment: zeros, or what the file had before
foreach my $rest ("\0" x 8192, substr(slurp_file($files[0]), 8192 * 4, 8192 * 4))
{
	my $cut = "$tmp/cut" . length $rest;
	my $last = slurp_file($files[1]);
	mkdir $cut;
	system_or_bail('cp', $files[0], $cut);
	append_to_file("$cut/$sample->{segments}[1].partial", substr($last, 0, 8192 * 4) . $rest);
	my ($got, $err, $status) = walcat(@rule, $cut);
	is($status, 0, 'the end within a segment');
	is($got, substr($all, 0, length $got), 'what comes before it is told');
	my ($end) = $err =~ /WAL of timeline 1 ends at (\S+)/;
	cmp_ok(lsn_number($end), '>', lsn_number($sample->{start}) + $size, 'and where it is');
	is((walcat('-s', $end, $cut))[0], '', 'nothing is behind it');
}

# a timeline that branches off, in the middle of a record
my $branch = "$tmp/branch";
my ($at) = grep { my $start = lsn_number($sample->{start}) + $_ * $size;
	!grep { $_->[0] == $start + 40 } @{ $sample->{records} } } 1 .. $#files;
mkdir $branch;
system_or_bail('cp', @files[ 0 .. $at ], $branch);
foreach my $i ($at .. $#files)
{
	(my $name = $sample->{segments}[$i]) =~ s/^00000001/00000002/;
	system_or_bail('cp', $files[$i], "$branch/$name");
}
is((walcat(@rule, $branch))[0], $all, 'two timelines: what both have comes once');
mkdir "$branch-written";
status_is([ @rule, '--write', "$branch-written", $branch ], 0, qr/timeline 2/, 'both are written');
is(join(' ', grep {
			my $is = "$branch-written/" . s/^00000001/00000002/r;
			slurp_file("$tmp/written15/$_") ne slurp_file(-e $is ? $is : "$is.partial")
		} @{ $sample->{segments} }[ $at .. $#files ]),
	'', 'the new one in full');

# of the last records nothing is known that was in the segment before
my $tail = "$tmp/tail";
my ($behind) = map { $_->[0] % $size } grep { $_->[0] > lsn_number($sample->{start}) + $at * $size } @{ $sample->{records} };
my $bytes = slurp_file($files[$at]);
mkdir $tail;
append_to_file("$tail/$sample->{segments}[$at]", substr($bytes, 0, $behind) . "\0" x ($size - $behind));
status_is([$tail], 0, qr/skipping segment "$sample->{segments}[$at]"/, 'nothing but the rest of a record');
status_is([ '--check-none-kept=1', $tail ], 4, qr/skipping segment/, 'by which nothing is proven');
# a record that is not whole, and goes on in a segment of its own
my ($long) = grep { $_->[1] > 20000 && $_->[0] % $size + $_->[1] > $size } @{ $sample->{records} };
my $in = int(($long->[0] - lsn_number($sample->{start})) / $size);
my ($not_whole, $cut_off) = map { "$tmp/cut_off$_" } '', '_written';
mkdir $_ foreach $not_whole, $cut_off;
system_or_bail('cp', $files[$in], $not_whole);
append_to_file("$not_whole/$sample->{segments}[ $in + 1 ]", substr(slurp_file($files[ $in + 1 ]), 0, 8192) . "\0" x ($size - 8192));
status_is([ '--write', $cut_off, '--partial-start', $not_whole ], 0,
	qr/"$sample->{segments}[$in]" is written as a partial.*\n.*"$sample->{segments}[ $in + 1 ]" is not written/,
	'a record that is not whole');

# the command line
foreach my $case (
	[ [], qr/no segment/ ],
	[ [ '-c', "$tmp/pg15.conf", $dir ], qr/--config and --rule/ ],
	[ [ '-c', "$tmp/pg15.conf", '-r', 'x', $dir ], qr/there is no rule "x"/ ],
	[ [ '-c', "$tmp/none.conf", '-r', 'x', $dir ], qr/could not open/ ],
	[ [ '-s', '3000028', $dir ], qr/--start: "3000028" is not an LSN/ ],
	[ [ '-s', '0/2', '-e', '0/1', $dir ], qr/not before/ ],
	[ [ '--database=app', $dir ], qr/--database: "app"/ ],
	[ [ '--database=16384', $dir ], qr/OID=NAME/ ],
	[ [ '--tablespace=16384=', $dir ], qr/OID=NAME/ ],
	[ [ '--check-none-kept=-1', $dir ], qr/number/ ],
	[ [ '--partial-start', $dir ], qr/--write/ ],
	[ [ '--write', "$tmp/nowhere", $dir ], qr/could not open directory/ ],
	[ [ '--write', $tmp, '-s', '0/1', $dir ], qr/whole segments/ ],
	[ [ '--ledger', $dir, '--summary' ], qr/goes with/ ],
	[ [ '--ledger', $dir, '--database=5' ], qr/belong together/ ],
	[ [ '--ledger', $dir ], qr/no ledger/ ],
	[ [ '--from', '0/1', $dir ], qr/--ledger only/ ],
	[ [ '--nonsense' ], qr/unknown option "--nonsense"/ ],
	[ [ '-c' ], qr/needs a value/ ])
{
	status_is($case->[0], 1, $case->[1], "walcat @{ $case->[0] }");
}
$out = (walcat('--help'))[0];
like($out, qr/^Usage:/m, '--help');
like((walcat('--version'))[0], qr/^walcat \d/, '--version');
# every option is in the manual page
my $page = slurp_file("$ENV{TEST_SRCDIR}/etc/walcat.1");
foreach my $option ($out =~ /--([a-z-]+)/g)
{
	like($page, qr/Fl -\Q$option\E\b/, "walcat(1) has --$option");
}

done_testing();
