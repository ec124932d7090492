# 200 reloads one after the other, with rules that come, go, change their order and
# their filters, while eight receivers stream what a primary under load writes: no
# receiver is disconnected, none gets a wrong byte, and no process grows.
#
#	plain1..4	not filtered; their rule is renamed at each reload
#	fixed1, 2	always the same filter, in a rule that moves about in the file
#	narrow1, 2	a filter that excludes one database, then others in turn; what it
#			has excluded once stays out
#
# WB_ROUNDS is the number of reloads.

use strict;
use warnings;
use File::Path qw(rmtree);
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $rounds = $ENV{WB_ROUNDS} || 200;
# by when every process has got what it needs anyway
my $settled = int($rounds / 5) + 1;
# what a process may have more at the end than by then, in kB
my $growth_limit = 256;

my @databases = qw(kept secret one two);
my $primary = new_primary('primary');
foreach my $db (@databases)
{
	$primary->safe_psql('postgres', "CREATE DATABASE $db");
	$primary->safe_psql($db, 'CREATE TABLE load (n int PRIMARY KEY, t text)');
}
my %oid = map { $_ => $primary->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$_'") } @databases;

# The rules of a round; the last one has everything out that was ever out.
sub rules
{
	my $round = shift;
	my @lists = (['secret'], [ 'secret', 'one' ], [ 'secret', 'two' ], ['secret'], [ 'secret', 'one', 'two' ]);
	my $list = $round < $rounds ? $lists[ $round % 4 ] : $lists[4];
	my @rules = (
		{ name => 'plain_' . $round % 3, user => 'plain' },
		{ name => 'fixed', user => 'fixed', exclude_databases => ['secret'] },
		{ name => 'narrow', user => 'narrow', exclude_databases => $list });

	push @rules, shift @rules for 1 .. $round % 3;
	splice @rules, $round % 4, 0, map { +{ name => "other$_", user => "other$_", exclude_databases => [ $_ % 2 ? 'kept' : 'one' ] } } 1 .. $round % 6;
	return \@rules;
}

my $wb = WalBouncer->new('wb', upstream => $primary, rules => rules(0));
$wb->start_streaming;
my %receivers;
foreach my $name (map({ "plain$_" } 1 .. 4), map { ("fixed$_", "narrow$_") } 1 .. 2)
{
	my ($user) = $name =~ /^(\D+)/;
	$receivers{$name} = $wb->receive($name, rule => rules(0)->[0]{name}, user => $user, application_name => $name);
}
is(scalar(grep { $_->alive } values %receivers), 8, 'eight receivers');
my %link = map { $_ => $wb->link_of($receivers{$_}->pid) } keys %receivers;

my $script = PostgreSQL::Test::Utils::tempdir() . '/load.sql';
append_to_file($script, <<'END');
DELETE FROM load;
INSERT INTO load SELECT n, repeat(md5(n::text), n % 20) FROM generate_series(1, 1000) n;
UPDATE load SET t = md5(t) WHERE n % 7 = 0;
END
my @load = map { pgbench_start($primary, $_, '-c', 1, '-f', $script, '-T', 3600) } @databases;
my $began = lsn_number($primary->lsn('flush'));

# memory by process; spare workers come and go
sub memory
{
	my %spare = map { $_ => 1 } $wb->spares;
	return map { $_ => process_heap($_) } grep { !$spare{$_} } ($wb->pid, $wb->processes);
}

my %before;
my $refused = 0;
foreach my $round (1 .. $rounds)
{
	$wb->configure(
		rules    => rules($round),
		settings => {
			log_min_messages   => $round % 2 ? 'log' : 'info',
			wal_sender_timeout => ($round % 3 + 60) . 's',
		});
	$refused++ if !$wb->reload;
	%before = memory() if $round == $settled;
}
my %after = memory();
my $streamed = lsn_number($primary->lsn('flush')) - $began;
is($refused, 0, "$rounds reloads, none refused");
diag(sprintf '%d MB of WAL during %d reloads', $streamed / 2**20, $rounds);

# Each worker has come to the last rules when it says so.
kill 'INT', @load;
foreach my $name (grep { /^narrow/ } keys %receivers)
{
	ok(poll_until(sub { $wb->log_content =~ /\Q$name\E .*"two" stays withheld|\Q$name\E .*rule "narrow" has changed/ }),
		"$name has taken new rules over");
}
my $quiet = $primary->lsn('flush');
$primary->safe_psql($_, 'CREATE TABLE late AS SELECT 1') foreach @databases;
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
my $last = segment_file(lsn_number($quiet), 16 << 20);
$primary->safe_psql('postgres', 'CREATE TABLE after_the_switch ()');

foreach my $name (sort keys %receivers)
{
	ok($receivers{$name}->wait_for_segment($last), "$name has got to the end");
	is($wb->link_of($receivers{$name}->pid), $link{$name}, "$name was never disconnected");
}

# ---- no byte is wrong ----

my $wal = $primary->data_dir . '/pg_wal';
my @segments = $receivers{plain1}->segments;
cmp_ok(scalar @segments, '>', 3, 'some segments have been streamed');
foreach my $name (grep { /^plain/ } sort keys %receivers)
{
	my @wrong = grep { system('cmp', '-s', "$wal/$_", $receivers{$name}->dir . "/$_") != 0 } @segments;
	is("@wrong", '', "$name has the primary's bytes");
}

# What the one filter makes of the primary's own files, by itself.
my $alone = PostgreSQL::Test::Utils::tempdir() . '/alone';
mkdir $alone;
system_or_bail('walcat', '-c', $wb->{config_file}, '-r', 'fixed', "--write=$alone",
	(map { "--database=$oid{$_}=$_" } @databases), '--database=5=postgres', '--database=1=template1', '--database=4=template0',
	map { "$wal/$_" } grep { $_ le $segments[-1] } map { m{/([0-9A-F]{24})$} } sort glob "$wal/0*");
foreach my $name (grep { /^fixed/ } sort keys %receivers)
{
	my @wrong = grep { system('cmp', '-s', "$alone/$_", $receivers{$name}->dir . "/$_") != 0 } @segments;
	is("@wrong", '', "$name has what the filter makes of the primary's files");
}

# LSN => [length, what stands behind it]
sub records
{
	my ($dir, $first, $to) = @_;
	return map { /^rmgr: (\S+) +len \(rec\/tot\): +\d+\/ *(\d+), (?:tx: +\d+), lsn: (\S+), (prev \S+), desc: (.*)/ ? ($3 => [ "$2 $4", "$1 $5" ]) : () }
	  waldump($dir, $first, $to);
}

foreach my $name (grep { /^narrow/ } sort keys %receivers)
{
	my $dir = $receivers{$name}->dir;
	my (@wrong, @secret, %kept);
	my $blanked = 0;

	# all of it is whole for pg_waldump; the ends are compared record by record
	is(system(pg_program($primary, 'pg_waldump'), '-q', '-p', $dir, $segments[0], $segments[-1]), 0,
		"pg_waldump reads all that $name has")
	  if $primary->pg_version >= 15;
	foreach my $segment (@segments[ 0, 1, -2, -1 ])
	{
		my %theirs = records($wal, $segment, $segment);
		my %ours = records($dir, $segment, $segment);
		foreach my $lsn (keys %theirs)
		{
			my ($t, $o) = ($theirs{$lsn}, $ours{$lsn});
			if (!$o || $o->[0] ne $t->[0]) { push @wrong, $lsn; next; }
			if ($o->[1] eq $t->[1])
			{
				push @secret, $lsn if $o->[1] =~ m{rel \d+/$oid{secret}/};
				$kept{$1} = $lsn if $o->[1] =~ m{rel \d+/(\d+)/} && lsn_number($lsn) >= lsn_number($quiet);
			}
			elsif ($o->[1] =~ /^XLOG NOOP/) { $blanked++; }
			else { push @wrong, $lsn; }
		}
	}
	is("@wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]", '', "$name: each record is the primary's, or a no-op of its length");
	is("@secret[0 .. ($#secret < 9 ? $#secret : 9)]", '', "$name: nothing of what was always excluded");
	cmp_ok($blanked, '>', 100, "$name: something was");
	ok($kept{ $oid{kept} }, "$name: what was never excluded comes to the end");
	ok(!$kept{ $oid{$_} }, "$name: \"$_\" does not come any more") foreach qw(one two);
}

# ---- no process grows ----

my $grown = 0;
foreach my $pid (sort { $a <=> $b } keys %before)
{
	next unless defined $after{$pid};
	my $more = $after{$pid} - $before{$pid};
	$grown++ if $more > $growth_limit;
	diag("$pid: $before{$pid} kB -> $after{$pid} kB") if $more > $growth_limit;
}
# the supervisor, reader, spooler and eight workers are the same processes
is(scalar(grep { defined $after{$_} } keys %before), 11, 'no process had to be replaced');
SKIP:
{
	# sanitizers keep what was freed
	skip 'sanitizers', 1 if $ENV{WALBOUNCER_SANITIZED};
	is($grown, 0, "no process has grown by more than $growth_limit kB");
}

done_testing();
