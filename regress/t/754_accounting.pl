# What the monitor counts of the WAL, against pg_waldump of each major: by database and
# by resource manager, to the byte.  Database names come from the upstream, and it goes
# without them; a monitor that dies begins anew; the end of a timeline counts nothing
# twice; what the ring has lost is skipped, and said so.

use strict;
use warnings;
use File::Path qw(rmtree);
use Http;
use IPC::Run;
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

sub new_wb
{
	my ($name, $upstream, %params) = @_;

	return WalBouncer->new($name, upstream => $upstream, %params,
		settings => { monitor_port => PostgreSQL::Test::Cluster::get_free_port(), %{ $params{settings} // {} } });
}

sub status
{
	my $wb = shift;
	return http_get($wb->{settings}{monitor_port}, '/status.json')->{json};
}

# Rows of the view stats by scope and name.
sub stats
{
	my $status = status(shift);
	my %stats;

	$stats{ $_->{scope} }{ $_->{name} // '' } = $_ foreach @{ $status->{stats} // [] };
	return \%stats;
}

sub monitor_pid
{
	my ($pid) = grep { process_title($_) =~ /^walbouncer: monitor/ } shift->processes;
	return $pid;
}

# Rows of some kinds, images, and what a database is made with.
sub work
{
	my ($primary, @databases) = @_;

	foreach my $db (@databases)
	{
		$primary->safe_psql($db, <<'END');
CREATE TABLE t (id serial PRIMARY KEY, x text);
INSERT INTO t (x) SELECT repeat('x', i % 200) FROM generate_series(1, 3000) i;
CHECKPOINT;
UPDATE t SET x = x || 'y' WHERE id % 3 = 0;
CREATE INDEX ON t USING gist (point(id, id));
SELECT pg_logical_emit_message(true, 'p', repeat('m', 20000));
TRUNCATE t;
INSERT INTO t (x) SELECT 'z' FROM generate_series(1, 10);
END
	}
	return;
}

# By database: the OID that pg_waldump tells of a record.  Messages, of which it does
# not, come in the order of @messages.
sub by_database
{
	my ($records, @messages) = @_;
	my %count;

	foreach (@$records)
	{
		my ($rmgr, $record, $total) = m{^rmgr: (\S+) +len \(rec/tot\): *(\d+)/ *(\d+)} or die $_;
		my $oid = 0;

		if    ($rmgr eq 'LogicalMessage')                     { $oid = shift @messages; }
		elsif (m{ rel \d+/(\d+)/\d+})                         { $oid = $1; }
		elsif ($rmgr eq 'Storage' && m{base/(\d+)/\d+})       { $oid = $1; }
		elsif ($rmgr eq 'RelMap' && /database (\d+)/)         { $oid = $1; }
		elsif ($rmgr eq 'Database' && m{ to \d+/(\d+)})       { $oid = $1; }
		elsif ($rmgr eq 'Database' && m{create dir \d+/(\d+)}) { $oid = $1; }
		$count{$oid}{records}++;
		$count{$oid}{bytes} += $total;
		$count{$oid}{fpi_bytes} += $total - $record;
	}
	return \%count;
}

# pg_waldump on all from start (text) on a timeline.  It complains of the end, which is
# where WAL ends.
sub dump_from
{
	my ($node, $start, $tli, @options) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ pg_program($node, 'pg_waldump'), '-p', $node->data_dir . '/pg_wal',
			'-s', $start, '-t', $tli, @options ], '>', \$out, '2>', \$err);
	return split /\n/, $out;
}

sub records_from
{
	my @records = grep { /^rmgr:/ } dump_from(@_);
	return @records;
}

# Its sums: "Heap  12 ( 1.00)  600 ( 2.00)  8000 ( 3.00)  8600 ( 4.00)".
sub by_rmgr
{
	my %count;

	foreach (dump_from(@_, '--stats=rmgr'))
	{
		$count{$1} = { records => $2, bytes => $3 + $4, fpi_bytes => $4 }
		  if /^(\w+) +([1-9]\d*) \( *\S+\) +(\d+) \( *\S+\) +(\d+) \(/ && $1 ne 'Total';
	}
	return \%count;
}

# The rows of a scope, by name or by OID (0: none).
sub sums
{
	my ($wb, $scope, $key) = @_;

	return { map {
			my $row = $_;
			($row->{$key} // 0) => { map { $_ => $row->{$_} } qw(records bytes fpi_bytes) }
		} values %{ stats($wb)->{$scope} } };
}

# The monitor has counted so many records, and no more.
sub counts_to
{
	my ($wb, $records, $name) = @_;
	my $got;

	poll_until { ($got = stats($wb)->{total}{''}{records} // 0) >= $records };
	return is($got, $records, $name);
}

my $primary = new_primary('primary');
$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(one two);
my ($oid, $two) = map { $primary->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$_'") } qw(one two);

# An upstream that takes a connection and does not answer delays nobody: its sessions
# write on, and the monitor counts and answers.
my $silent = new_wb('silent', $primary);
$silent->start_streaming;
append_to_file("$silent->{dir}/messages.sql", "SELECT pg_logical_emit_message(false, '', 'x')");
my $bench = pgbench_start($primary, 'two', '-f', "$silent->{dir}/messages.sql", qw(-T 600 -R 500));
my $postmaster = $primary->{_pid};
END { kill 'CONT', $postmaster if $postmaster; }
ok(poll_until(sub { (stats($silent)->{database}{two}{records} // 0) > 0 }), 'a database with a name');
kill 'STOP', $postmaster;
my $monitor = monitor_pid($silent);
kill 'KILL', $monitor;
my $nameless = "oid " . $two;
ok(poll_until(sub { (stats($silent)->{database}{$nameless}{records} // 0) > 0 }), 'another monitor has no names');
my $no_answer = qr/WARNING:  could not get names of databases from upstream: no answer/;
my $counted = 0;
my $slowest = 0;
poll_until
{
	my $began = time();
	$counted = stats($silent)->{database}{$nameless}{records};
	$slowest = max($slowest, time() - $began);
	$silent->log_content =~ $no_answer;
}
60;
cmp_ok($slowest, '<', 3, 'it answers while it waits for the upstream');
ok(poll_until(sub { stats($silent)->{database}{$nameless}{records} > $counted }), 'and counts');
$silent->wait_for_log($no_answer);
kill 'CONT', $postmaster;
kill 'TERM', $bench;
# it asks again in a minute: see the end

foreach my $major (majors())
{
	my $primary = new_primary("primary$major", major => $major);

	$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(one two);
	# the ring begins with a segment
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	my $wb = new_wb("wb$major", $primary);
	$wb->start_streaming;
	my $start = status($wb)->{ring}{tail_lsn};
	work($primary, qw(one two));
	ok(poll_until(sub { exists stats($wb)->{database}{two} }), "$major: a database has its name");
	$primary->safe_psql('postgres', 'CREATE DATABASE three');
	my %oid = map { reverse split /\|/ } split /\n/,
	  $primary->safe_psql('postgres', 'SELECT oid, datname FROM pg_database');

	# behind the checkpoint of a stop there is nothing
	$primary->stop('fast');
	my @records = records_from($primary, $start, 1);
	cmp_ok(scalar @records, '>', 5000, "$major: there is WAL");
	counts_to($wb, scalar @records, "$major: all records are counted");
	my $want = by_rmgr($primary, $start, 1);
	cmp_ok(scalar keys %$want, '>', 8, "$major: of many kinds");
	is_deeply(sums($wb, 'rmgr', 'name'), $want, "$major: by resource manager, as pg_waldump --stats");
	is_deeply(sums($wb, 'database', 'oid'), by_database(\@records, $oid{one}, $oid{two}),
		"$major: by database, as pg_waldump says");
	foreach my $db (qw(one two))
	{
		is(stats($wb)->{database}{$db}{oid}, $oid{$db}, "$major: $db is called by its name");
	}
	my $samples = http_metrics($wb->{settings}{monitor_port});
	is($samples->{'walbouncer_wal_bytes_total{database="one"}'},
		by_database(\@records, $oid{one}, $oid{two})->{ $oid{one} }{bytes}, "$major: the same as a metric");
	is($samples->{'walbouncer_wal_fpi_bytes_total{rmgr="Heap"}'}, $want->{Heap}{fpi_bytes}, "$major: and images");
	is($samples->{walbouncer_wal_accounting_skipped_bytes_total}, 0, "$major: nothing was skipped");
	ok(poll_until(sub { (stats($wb)->{total}{''}{bytes_per_second} // 1) == 0 }), "$major: the rate goes back to 0");
	$wb->stop;
}

# without SQL there are OIDs; that is said once
my $wb = new_wb('nameless', $primary, upstream_settings => { catalog_database => 'nowhere' },
	settings => { ring_size => '4MB' });
$wb->start_streaming;
work($primary, 'one');
ok(poll_until(sub { (stats($wb)->{database}{"oid $oid"}{records} // 0) > 5000 }), 'a database without a name is counted');
$wb->wait_for_log(qr/WARNING.*could not connect to upstream.*"nowhere"/, 0, 'why there is none is in the log');

# a monitor that is gone takes its counts with it
my $before = stats($wb)->{total}{''}{records};
$monitor = monitor_pid($wb);
kill 'KILL', $monitor;
ok(poll_until(sub { my $pid = monitor_pid($wb); $pid && $pid != $monitor }), 'there is another monitor');
ok(poll_until(sub { defined stats($wb)->{total}{''} }), 'which counts');
cmp_ok(stats($wb)->{total}{''}{records}, '<', $before, 'from the start');
$primary->safe_psql('two', 'CREATE TABLE u AS SELECT i FROM generate_series(1, 1000) i');
ok(poll_until(sub { (grep { $_->{records} >= 1000 } values %{ stats($wb)->{database} }) == 1 }), 'what comes now');

# while the monitor does not run the ring loses what it has not read
$monitor = monitor_pid($wb);
is(stats($wb)->{skipped}{''}{bytes}, 0, 'nothing is skipped');
kill 'STOP', $monitor;
$primary->safe_psql('one', 'CREATE TABLE big AS SELECT repeat(i::text, 200) FROM generate_series(1, 20000) i');
my $position = lsn_number($primary->lsn('flush'));
my $wire = $wb->wire;
$wire->startup;
ok(poll_until(sub { lsn_number(($wire->rows('IDENTIFY_SYSTEM'))[0][2]) >= $position }), 'WAL has gone by');
kill 'CONT', $monitor;
ok(poll_until(sub { (stats($wb)->{skipped}{''}{bytes} // 0) > 0 }), 'what the ring has lost is skipped');
$before = stats($wb)->{total}{''}{records};
$primary->safe_psql('two', 'CREATE TABLE v AS SELECT i FROM generate_series(1, 1000) i');
ok(poll_until(sub { stats($wb)->{total}{''}{records} >= $before + 1000 }), 'counting goes on');
$wb->stop;

# The first monitor, however late, counts what the ring has had since the start.
my $old = new_primary('old');
$wb = new_wb('follows', $old);
my $monitor_port = $wb->{settings}{monitor_port};
$wb->configure(settings => { monitor_port => 0 });
$wb->start_streaming;
my $start = ($wb->show('ring'))[0]{tail_lsn};
work($old, 'postgres');
my $there = lsn_number($old->lsn('flush'));
ok(poll_until(sub { lsn_number(($wb->show('ring'))[0]{head_lsn}) >= $there }), 'WAL comes before a monitor');
$wb->configure(settings => { monitor_port => $monitor_port });
ok($wb->reload, 'which comes now');

# The successor leaves the timeline before its end.  What only the old primary had was
# counted, as it came; what they have in common is counted once.
my $new = WalBouncer::_new_node('new');
rmtree($old->backup_dir . '/new');
$old->backup('new');
$new->init_from_backup($old, 'new', has_streaming => 1);
$new->start;
$old->safe_psql('postgres', "INSERT INTO t (x) SELECT 'old' FROM generate_series(1, 100)");
ok(wait_for_replay($old, $new), 'a standby has all');
$new->stop;
$old->safe_psql('postgres', "SELECT pg_logical_emit_message(false, '', repeat('lost', 6000)) FROM generate_series(1, 20)");
$old->stop('fast');
my $count = records_from($old, $start, 1);
counts_to($wb, $count, 'the WAL of the old primary is counted');
$new->append_conf('postgresql.conf', "primary_conninfo = ''");
$new->start;
$new->promote;
$new->safe_psql('postgres', "INSERT INTO t (x) SELECT 'new' FROM generate_series(1, 100)");
my $offset = $wb->log_offset;
$wb->configure(upstream => $new);
ok($wb->reload, 'moved to the successor');
$wb->wait_for_log(qr/streaming from upstream .* on timeline 2/, $offset, 'the reader follows');
my (undef, $switch) = split ' ', $new->safe_psql('postgres', "SELECT pg_read_file('pg_wal/00000002.history')");
$new->stop('fast');
my $further = records_from($new, $switch, 2);
cmp_ok($further, '>', 100, 'there is WAL on the new timeline');
counts_to($wb, $count + $further, 'it is counted, too, and nothing twice');
is(stats($wb)->{skipped}{''}{bytes}, 0, 'nor is anything skipped');
$wb->stop;

ok(poll_until(sub {
			$primary->safe_psql('two', "SELECT pg_logical_emit_message(false, '', 'x')");
			return exists stats($silent)->{database}{two};
		}),
	'an upstream that answers again is asked for the name again');
$silent->stop;
done_testing();
