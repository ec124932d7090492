# walcat beside a real walbouncer.  With the rule's journal it writes, from the
# primary's segments, byte for byte what a pg_receivewal under that rule has received,
# for each major.  The ledger of a filtered standby answers an auditor both ways, also
# after its worker was killed and it came again.  And two timelines in one directory.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $segment_size = 1 << 20;

sub walcat
{
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'walcat', @_ ], '>', \$out, '2>', \$err);
	return ($out, $err, $? >> 8);
}

# A test of its own: its exit code, and what it prints.
sub walcat_is
{
	my ($args, $status, $pattern, $name) = @_;
	my ($out, $err, $got) = walcat(@$args);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($got, $status, "$name: exit $status") or diag($out . $err);
	like($out, $pattern, $name);
	return $out;
}

# Some WAL in databases, then the next segment; the name of the last full one.
sub segment_of_wal
{
	my ($primary, @dbs) = @_;

	foreach my $db (@dbs)
	{
		$primary->safe_psql($db, <<'END');
CREATE TABLE IF NOT EXISTS t (id serial PRIMARY KEY, t text);
INSERT INTO t (t) SELECT repeat(md5(i::text), 10) FROM generate_series(1, 3000) i;
UPDATE t SET t = 'x' WHERE id % 10 = 0;
SELECT pg_logical_emit_message(false, 'x', repeat('y', 300000));
END
	}
	my $lsn = lsn_number($primary->lsn('insert'));
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	$primary->safe_psql('postgres', 'CREATE TABLE after_switch (); DROP TABLE after_switch');
	return segment_file($lsn - 1, $segment_size);
}

sub oid_of
{
	my ($node, $db) = @_;
	return $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$db'");
}

# A primary with a walbouncer that withholds some of it.
sub set_up
{
	my ($name, @params) = @_;
	my $primary = new_primary($name, initdb => ['--wal-segsize=1'], @params);

	mkdir $primary->basedir . "/$_" foreach qw(spc_in spc_out);
	$primary->safe_psql('postgres', "CREATE TABLESPACE $_ LOCATION '" . $primary->basedir . "/$_'")
	  foreach qw(spc_in spc_out);
	$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept secret);
	my $wb = WalBouncer->new("wb_$name", upstream => $primary, rules => [
		{ name => 'r', user => 'r', exclude_databases => [qw(secret late_secret)],
			exclude_tablespaces => ['spc_out'] },
		{ name => 'everything' } ]);
	$wb->start_streaming;
	return ($primary, $wb);
}

# -- what it writes is what is received --------------------------------------

sub same_as_received
{
	my $major = shift;
	my ($primary, $wb) = set_up("primary$major", major => $major);

	# begins with a segment that no record goes on in
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	my $rx = $wb->receive('r');

	segment_of_wal($primary, qw(kept secret));
	# names that only the WAL tells, at first
	$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(late_kept late_secret);
	$primary->safe_psql('kept', "CREATE TABLE there (t text) TABLESPACE spc_out; INSERT INTO there VALUES ('x')");
	$primary->safe_psql('kept', "CREATE TABLE here (t text) TABLESPACE spc_in; INSERT INTO here VALUES ('x')");
	segment_of_wal($primary, qw(late_kept late_secret secret));
	$primary->safe_psql('postgres', 'ALTER DATABASE secret RENAME TO open_secret');
	my $last = segment_of_wal($primary, qw(open_secret late_kept));
	ok($rx->wait_for_segment($last), 'all is received');
	my @received = $rx->segments;

	# what the primary has of it, and one more for the record that goes on there
	my $dir = $wb->dir . '/segments';
	my $written = $wb->dir . '/written';
	mkdir $_ foreach $dir, $written;
	my @given = sort map { m{/([0-9A-F]{24})$} && $1 ge $received[0] ? $1 : () }
	  glob $primary->data_dir . '/pg_wal/*';
	system_or_bail('cp', $primary->data_dir . "/pg_wal/$_", $dir) foreach @given;
	my ($out, $err, $status) = walcat('-c', $wb->{config_file}, '-r', 'r', "--write=$written", $dir);
	is($status, 0, "--write ($err)");
	unlike($err, qr/not known/, 'the journal knows all');
	foreach my $file (@received)
	{
		is(system('cmp', "$written/$file", $rx->dir . "/$file"), 0, "$file as received");
	}
	cmp_ok(scalar @received, '>', 3, 'which are a few');

	my $secret = oid_of($primary, 'open_secret');
	my $late = oid_of($primary, 'late_secret');
	walcat_is([ "--check-none-kept=$secret", "--check-none-kept=$late", $rx->dir ], 0, qr/^$/,
		'nothing withheld is in what was received');
	walcat_is([ "--check-none-kept=$secret", $dir ], 3, qr{/$secret/\d+\tkeep\t}, 'unlike in the primary\'s');
	# the journal has its name, and that it is out: no matter what it is called now
	walcat_is([ '-c', $wb->{config_file}, '-r', 'r', $dir ], 0,
		qr/\tblank\tdatabase $secret "secret" is out$/m, 'the reason');
	walcat_is([ '-c', $wb->{config_file}, '-r', 'r', $dir ], 0,
		qr/\tkeep\trow of pg_database: database $late "late_secret"$/m, 'a name in the WAL');
	# without the journal: by the names that are given, and those in the WAL
	my $spc_out = $primary->safe_psql('postgres', "SELECT oid FROM pg_tablespace WHERE spcname = 'spc_out'");
	my $spc_in = $primary->safe_psql('postgres', "SELECT oid FROM pg_tablespace WHERE spcname = 'spc_in'");
	my $kept = oid_of($primary, 'kept');
	my $postgres = oid_of($primary, 'postgres');
	my $template0 = oid_of($primary, 'template0');
	my @by_name = ('-c', $wb->{config_file}, '-r', 'r', '--state-directory', $wb->dir . '/nothing',
		"--database=$secret=secret", "--database=$kept=kept", "--database=$postgres=postgres",
		"--database=$template0=template0",
		"--tablespace=$spc_out=spc_out", "--tablespace=$spc_in=spc_in");
	my ($with) = walcat('-c', $wb->{config_file}, '-r', 'r', $dir);
	my ($without) = walcat(@by_name, $dir);
	is($without, $with, 'the same verdicts without a journal');

	# its sums are pg_waldump's
	my ($summary) = walcat(@by_name, '--summary', $dir);
	my %count;
	foreach (split /\n/, $summary)
	{
		my ($what, undef, undef, $rmgr, $kept_records, undef, $blanked_records) = split /\t/;
		$count{$rmgr} += $kept_records + $blanked_records if $what eq 'database';
	}
	my ($dump, $ignored) = ('', '');
	IPC::Run::run([ pg_program($primary, 'pg_waldump'), '-p', $dir, $given[0], $given[-1] ], '>', \$dump, '2>', \$ignored);
	my %expected;
	$expected{$_}++ foreach $dump =~ /^rmgr: (\S+)/mg;
	is_deeply(\%count, \%expected, '--summary counts the records that pg_waldump does');

	$rx->stop;
	$wb->stop;
	$primary->stop;
	return;
}

subtest "PostgreSQL $_" => sub { same_as_received($_) }
  foreach majors();

# -- the auditor --------------------------------------------------------------

my ($primary, $wb) = set_up('primary');
my $standby = $wb->add_standby('r');
my $secret = oid_of($primary, 'secret');
my $kept = oid_of($primary, 'kept');
my $state = $wb->dir . '/state';

ok(wait_for_replay($primary, $standby), 'the standby streams');
my $from = $primary->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
segment_of_wal($primary, qw(kept secret)) foreach 1 .. 2;
my $to = lsn_text(lsn_number($primary->lsn('insert')) & ~($segment_size - 1));
segment_of_wal($primary, 'kept');
ok(wait_for_replay($primary, $standby), 'and goes on');

my @question = ("--from=$from", "--to=$to");
walcat_is([ "--ledger=$state", "--database=$secret", @question ], 0,
	qr/^proven\t\S+\t\Q$from\E\t\Q$to\E\t$secret$/m, 'no record of the one that is out');
walcat_is([ "--ledger=$state", "--database=$kept", @question ], 3,
	qr/^delivered\t\S+\t\S+\t\S+\t\d+\t\d+\t\S+$/m, 'records of the other one');
walcat_is([ "--ledger=$state", "--database=$secret", '--from=0/100000', "--to=$to" ], 4,
	qr/^unproven\t\S+\t0\/100000\t\S+\tit is not in the ledger$/m, 'a range from before the standby was');
walcat_is([ "--ledger=$state", "--database=$secret", "--from=$from", '--to=70/0' ], 4,
	qr/^unproven\t\S+\t\S+\t70\/0\t/m, 'a range of the future');
walcat_is([ "--ledger=$state", "--database=4711", @question ], 0, qr/^proven/, 'an OID that is nowhere');
my ($ledger) = glob "$state/ledger/r/*";
my $list = walcat_is([ "--ledger=$ledger" ], 0, qr/^ledger\t\Q$ledger\E\t\d+\n/, 'the list');
like($list, qr/^stream\t\S+\t\S+\t\S+\t1\t[0-9a-f]{16}\topen\t\d{4}-/m, 'has the stream');
like($list, qr/^database\t$secret\t0\t0\t[1-9]\d*\t\d+$/m, 'and what was blanked');
like($list, qr/^database\t$kept\t[1-9]\d*\t\d+\t0\t0$/m, 'and what was kept');

# the worker dies: what it sent last is in no ledger
my $link = $wb->standby_link($standby);
$primary->safe_psql('secret', "INSERT INTO t (t) SELECT 'secret' FROM generate_series(1, 100) i");
$primary->safe_psql('kept', "INSERT INTO t (t) SELECT 'kept' FROM generate_series(1, 100) i");
ok(wait_for_replay($primary, $standby), 'the standby has some more');
my $cut = $primary->lsn('insert');
my $receiver = $standby->safe_psql('postgres', 'SELECT pid FROM pg_stat_wal_receiver');
kill 'STOP', $receiver;
kill 'KILL', (split /:/, $link)[0];
poll_until { !grep { $_ == (split /:/, $link)[0] } $wb->processes };
walcat_is([ "--ledger=$state" ], 0, qr/^open\t\S+\t\S+\t\S+$/m, 'a stream that was cut off');
walcat_is([ "--ledger=$state", "--database=$secret", "--from=$from", "--to=$cut" ], 4,
	qr/^unproven\t/m, 'what it delivered last is not proven');
walcat_is([ "--ledger=$state", "--database=$secret", @question ], 0, qr/^proven/,
	'what came before still is');
kill 'CONT', $receiver;
ok(poll_until(sub { my $now = $wb->standby_link($standby); $now && $now ne $link }, 30),
	'the standby comes again');
segment_of_wal($primary, 'kept', 'secret');
segment_of_wal($primary, 'kept');
ok(wait_for_replay($primary, $standby), 'and goes on');
walcat_is([ "--ledger=$state", "--database=$secret", "--from=$from", "--to=$cut" ], 0,
	qr/^proven/m, 'it is proven once it was delivered again');
walcat_is([ "--ledger=$state", "--database=$kept", "--from=$from", "--to=$cut" ], 3,
	qr/^delivered/m, 'nothing else is');
like((walcat("--ledger=$state"))[0], qr/^stream\t.*\topen\t.*\nstream\t.*\topen\t/m, 'two streams');

# in good order
$standby->stop;
poll_until { (walcat("--ledger=$state"))[0] =~ /^stream\t.*\tended\t[^\n]*\n(?!stream)/m };
like((walcat("--ledger=$state"))[0], qr/^stream\t.*\tended\t[^\n]*\n(?!stream)/m, 'a stream that ended');

# a ledger that is damaged
my $bytes = slurp_file($ledger);
substr($bytes, 100, 1) = substr($bytes, 100, 1) eq 'x' ? 'y' : 'x';
unlink $ledger;
append_to_file($ledger, $bytes);
my ($out, $err, $status) = walcat("--ledger=$state", "--database=$secret", @question);
is($status, 2, 'a damaged ledger proves nothing');
like($err, qr/error: .*\Q$ledger\E/, 'and is named');

# -- timelines ------------------------------------------------------------------

# one that has branched off, and the old one that went on for a while
my $other = $wb->add_standby('everything');
segment_of_wal($primary, 'kept');
ok(wait_for_replay($primary, $other), 'another standby');
$other->promote;
segment_of_wal($primary, 'secret');
segment_of_wal($other, 'kept');
$other->safe_psql('postgres', 'CHECKPOINT');
my $both = $wb->dir . '/both';
mkdir $both;
my %tli;
foreach my $node ($other, $primary)
{
	foreach my $path (glob $node->data_dir . '/pg_wal/*')
	{
		my ($name, $tli) = $path =~ m{/(([0-9A-F]{8})[0-9A-F]{16})$} or next;
		next if -e "$both/$name";
		system_or_bail('cp', $path, "$both/$name");
		$tli{$tli}++;
	}
}
# those of the first timeline as the primary has them
system_or_bail('sh', '-c', 'for f in "$1"/pg_wal/00000001????????????????; do cp "$f" "$2"; done', 'sh',
	$primary->data_dir, $both);
is(join(' ', sort keys %tli), '00000001 00000002', 'segments of two timelines');
($out, $err, $status) = walcat($both);
is($status, 0, "they can be read ($err)");
like($err, qr/WAL of timeline 2 ends/, 'both');
my ($switch) = slurp_file($other->data_dir . '/pg_wal/00000002.history') =~ /^1\t(\S+)/m;
my %seen;
$seen{ lsn_number((split /\t/)[0]) }++ foreach split /\n/, $out;
is(join(' ', map { lsn_text($_) } grep { $seen{$_} > 1 && $_ < lsn_number($switch) } sort keys %seen), '',
	'no record comes twice up to where they part');
cmp_ok(scalar(grep { $_ < lsn_number($switch) } keys %seen), '>', 100, 'which are a few');
my ($first) = sort map { m{/(00000002[0-9A-F]{16})$} } glob "$both/00000002*";
my ($dump, $ignored) = ('', '');
IPC::Run::run([ 'pg_waldump', '-p', $both, '-t', '2', $first ], '>', \$dump, '2>', \$ignored);
my @new = $dump =~ /lsn: ([0-9A-F\/]+)/g;
is(join(' ', grep { !$seen{ lsn_number($_) } } @new), '', 'none of the new timeline is missing');
cmp_ok(scalar(grep { lsn_number($_) >= lsn_number($switch) } @new), '>', 0, 'and it has some');
my $out_dir = $wb->dir . '/both_written';
mkdir $out_dir;
is((walcat('--write', $out_dir, '--partial-start', $both))[2], 0, 'all can be written');
# but of what the first record, which is not whole, was
my @files = sort map { m{([^/]+)$} } glob "$out_dir/*[0-9A-F]";
is(join(' ', grep { system('cmp', '-s', "$both/$_", "$out_dir/$_") != 0 } @files[ 1 .. $#files ]),
	'', 'nothing is lost');
cmp_ok(scalar(grep { /^00000002/ } @files), '>', 1, 'of either timeline');
$other->stop;

done_testing();
