# A commit that has returned is on two of three standbys, whatever is killed: standbys,
# workers, the reader, the spooler, walbouncer and the primary are killed at random
# while clients commit, in the end of a round all of them; then the standbys are looked
# at, each with no more than it has on its own disk.
#
# WB_ROUNDS			how many rounds (6)
# WB_SEED			repeats the choices of a run; it is printed at the start and when
#					something fails

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(time usleep);
use WalBouncer;

# walbouncer's name is its own
delete $ENV{PGAPPNAME};

my $rounds = $ENV{WB_ROUNDS} || 6;
my $seed = $ENV{WB_SEED} || (time() ^ ($$ << 12)) & 0x7FFFFFFF;
my $clients = 4;
my $first_id = 1;
my (@running, @files, %count, @done);

print "# WB_SEED=$seed WB_ROUNDS=$rounds\n";

my $primary = new_primary('primary', conf => <<'END');
max_connections = 50
checkpoint_timeout = 30s
END
$primary->safe_psql('postgres', 'CREATE DATABASE secret');
$primary->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY)');
my @policies = ('ANY 2 (a, b, c)', 'FIRST 2 (c, b, a)', 'ANY 2 (*)', 'spooled, ANY 2 (a, b, c)');
my $wb = WalBouncer->new('wb', upstream => $primary, settings => { ring_size => '1MB' },
	upstream_settings => { acknowledge => $policies[0] }, rules => [
		{ name => 'c', user => 'c', exclude_databases => ['secret'] },
		{ name => 'everything' } ]);
$wb->start_streaming;
my %standby = map { $_ => $wb->add_standby($_) } qw(a b c);
ok(wait_for_replay($primary, $_), $_->name . ' streams') foreach values %standby;
$primary->append_conf('postgresql.conf', "synchronous_standby_names = 'walbouncer'\n");
$primary->reload;

sub pick { return $_[ int rand @_ ]; }

sub shuffled
{
	my @list = @_;
	return map { splice @list, int rand @list, 1 } 1 .. @list;
}

sub note_action
{
	my ($action) = @_;
	$count{$action}++;
	push @done, $action;
	return;
}

# -- who is killed ------------------------------------------------------------------

sub gone
{
	my @pids = @_;
	poll_until { !grep { -e "/proc/$_" } @pids } 30
	  or die "does not end: @pids";
	return;
}

# A server with all its processes, which it returns.
sub kill_server
{
	my $node = shift;
	my $pid = $node->{_pid};
	my @children = children_of($pid);

	$node->kill9;
	kill 'KILL', @children;
	return ($pid, @children);
}

sub kill_child
{
	my $what = shift;
	my @pids = grep { process_title($_) =~ /^walbouncer: $what/ } $wb->processes;

	kill 'KILL', pick(@pids) if @pids;
	return;
}

sub kill_walbouncer
{
	my @children = $wb->processes;

	$wb->kill9;
	return @children;
}

# -- who commits -----------------------------------------------------------------------

# Each says after each commit that it has returned.
sub start_clients
{
	foreach my $client (1 .. $clients)
	{
		my $script = "$wb->{dir}/client_$first_id.sql";
		my $log = "$wb->{dir}/client_$first_id.out";
		open my $fh, '>', $script or die "$script: $!";
		foreach my $id ($first_id .. $first_id + 9_999)
		{
			print $fh "INSERT INTO t VALUES ($id);\n\\echo returned $id\n";
		}
		close $fh;
		$first_id += 10_000;
		push @running, spawn($log, pg_program($primary, 'psql'), '-X', '-q', '-v', 'ON_ERROR_STOP=1',
			'-d', $primary->connstr('postgres'), '-f', $script);
		push @files, $log, $script;
	}
	return;
}

# They have lost their server.  The ids of the commits that have returned.
sub end_clients
{
	my @ids;

	foreach my $pid (@running)
	{
		poll_until { waitpid($pid, WNOHANG) != 0 } 60 or die "client $pid does not end";
	}
	foreach my $file (grep { /\.out$/ } @files)
	{
		push @ids, slurp_file($file) =~ /^returned (\d+)$/mg;
	}
	unlink @files;
	@running = @files = ();
	return @ids;
}

# -- what standbys have -----------------------------------------------------------------

# It has replayed all that is on its disk: it waits for more.
sub rows_of
{
	my ($node, $from) = @_;

	$node->poll_query_until('postgres', "SELECT wait_event IN ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')"
		  . " FROM pg_stat_activity WHERE backend_type = 'startup'")
	  or die $node->name . ' does not come to the end of its WAL';
	return split /\n/, $node->safe_psql('postgres', "SELECT id FROM t WHERE id >= $from");
}

my %actions = (
	standby => sub {
		my $node = $standby{ pick(qw(a b c)) };
		gone(kill_server($node));
		$node->start;
	},
	pause => sub {
		my $node = $standby{ pick(qw(a b c)) };
		my @pids = children_of($node->{_pid});
		kill 'STOP', @pids;
		usleep(rand 300_000);
		kill 'CONT', @pids;
	},
	worker     => sub { kill_child('worker') },
	reader     => sub { kill_child('reader') },
	spooler    => sub { kill_child('spooler') },
	walbouncer => sub { gone(kill_walbouncer()); $wb->start; },
	policy     => sub {
		$wb->configure(upstream_settings => { acknowledge => pick(@policies) });
		$wb->reload;
	},
	primary => sub {
		gone(kill_server($primary));
		$primary->start;
		start_clients();
	});
my @choice = (qw(standby standby worker worker reader reader spooler policy walbouncer primary pause));

srand($seed);	# behind what others have drawn
my ($returned, $everywhere, $bad) = (0, 0, 0);
foreach my $round (1 .. $rounds)
{
	my $from = $first_id;

	@done = ();
	start_clients();
	foreach (1 .. 2 + int rand 5)
	{
		my $action = pick(@choice);
		usleep(rand 300_000);
		note_action($action);
		$actions{$action}->();
	}
	usleep(rand 200_000);
	gone(map { $_ eq 'walbouncer' ? kill_walbouncer() : kill_server($standby{$_} // $primary) }
		  shuffled(qw(primary walbouncer a b c)));
	my @ids = end_clients();
	my %on;
	$_->start foreach values %standby;
	foreach my $node (values %standby)
	{
		$on{$_}++ foreach rows_of($node, $from);
	}
	my @lost = grep { ($on{$_} // 0) < 2 } @ids;
	$returned += @ids;
	$everywhere += grep { ($on{$_} // 0) == 3 } @ids;
	if (@lost)
	{
		diag("round $round (@done): returned but not on two standbys: @lost[0 .. ($#lost > 9 ? 9 : $#lost)]");
		$bad++;
		last;
	}

	# all of them again
	$primary->start;
	my $offset = $wb->log_offset;
	$wb->start_streaming;
	my ($rc) = $primary->psql('postgres', "INSERT INTO t VALUES ($first_id)", timeout => 60);
	$first_id++;
	is($rc, 0, "round $round (@done): " . @ids . ' commits had returned, and now they do again');
	last if $rc != 0;
}
is($bad, 0, "$returned commits have returned, each is on two standbys, $everywhere are on all");
cmp_ok($returned, '>', 0, 'there were some');
print '# ' . join(', ', map { "$_ $count{$_}" } sort keys %count) . "\n";
diag("to repeat it: WB_SEED=$seed WB_ROUNDS=$rounds") unless Test::More->builder->is_passing;

done_testing();
