# walbouncerctl start, stop, restart, reload, status, kill and logrotate, beside
# pg_ctl: the same case of both, on a cluster and on a walbouncer, ends with the
# same exit status, unless it says here why not.

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary);
my $state = $wb->dir . '/state';
my $pid_file = "$state/walbouncer.pid";
my $log = $wb->logfile;
my $ctl = ctl_program();
my $pg_ctl = pg_program($primary, 'pg_ctl');

# The cluster that pg_ctl is compared on.
my $cluster = new_primary('cluster', no_start => 1);
my $data = $cluster->data_dir;
my $pg_log = $cluster->logfile;
my $pg_pid_file = "$data/postmaster.pid";

# Output into files: what is started would hold a pipe open.
sub run_program
{
	my @command = @_;
	my $out = $wb->dir . '/stdout';
	my $err = $wb->dir . '/stderr';

	print '# ' . join(' ', @command) . "\n";
	IPC::Run::run(\@command, '<', '/dev/null', '>', $out, '2>', $err);
	my $status = $?;
	return {
		status => $status & 127 ? "signal $status" : $status >> 8,
		out    => slurp_file($out),
		err    => slurp_file($err)
	};
}

sub ctl
{
	my ($verb, @options) = @_;
	return run_program($ctl, $verb, '-c', $wb->{config_file}, @options);
}

sub pg_ctl
{
	my ($verb, @options) = @_;
	return run_program($pg_ctl, $verb, '-D', $data, @options);
}

# A case: the exit status of walbouncerctl is that of pg_ctl, and what this says.
# run => [verb, options], ours and theirs (or pg => theirs, if they differ).
sub case
{
	my ($name, $status, %params) = @_;
	my @run = @{ $params{run} };
	my $theirs = pg_ctl(@{ $params{pg} // $params{run} });
	my $ours = ctl(@run);

	is($theirs->{status}, $status, "$name: exit status of pg_ctl")
	  or diag("$theirs->{out}$theirs->{err}");
	is($ours->{status}, $theirs->{status}, "$name: exit status of walbouncerctl")
	  or diag("$ours->{out}$ours->{err}");
	like($ours->{out}, $params{out}, "$name: what it says") if $params{out};
	like($ours->{err}, $params{err}, "$name: what it complains of") if $params{err};
	is($ours->{err}, '', "$name: no complaint") unless $params{err};
	return $ours;
}

sub first_line
{
	my $file = shift;
	return -e $file && slurp_file($file) =~ /^(\d+)/ ? $1 : 0;
}

sub pid { return first_line($pid_file); }

sub start_both
{
	is(pg_ctl('start', '-s', '-l', $pg_log)->{status}, 0, 'pg_ctl starts its cluster');
	is(ctl('start', '-s', '-l', $log)->{status}, 0, 'walbouncerctl starts its walbouncer');
	return;
}

sub stop_both
{
	is(pg_ctl('stop', '-s')->{status}, 0, 'pg_ctl stops its cluster');
	is(ctl('stop', '-s')->{status}, 0, 'walbouncerctl stops its walbouncer');
	return;
}

# Perhaps nobody reaps it.
sub is_gone
{
	my $pid = shift;
	my $stat = -e "/proc/$pid/stat" ? slurp_file("/proc/$pid/stat") : ' Z ';
	return $stat =~ /\) Z |^ Z /;
}

# -- nothing runs --------------------------------------------------------------

case('status, stopped', 3, run => ['status'], out => qr/no server running/);
case('stop, stopped', 1, run => ['stop'],
	err => qr/PID file "\Q$pid_file\E" does not exist\nIs server running\?/);
case('reload, stopped', 1, run => ['reload'], err => qr/does not exist\nIs server/);
case('logrotate, stopped', 1, run => ['logrotate'], err => qr/does not exist\nIs server/);

# -- start, and once more --------------------------------------------------------

my $r = case('start', 0, run => [ 'start', '-l', $log ], pg => [ 'start', '-l', $pg_log ],
	out => qr/^waiting for server to start\.+ done\nserver started\n$/);
my $pid = pid();
ok($pid, 'there is a pid file when it has started');
is((split /\n/, slurp_file($pid_file))[7], 'ready', 'which says that it is ready');
ok($wb->wire->startup, 'and it accepts connections');
like(slurp_file("/proc/$pid/stat"), qr/^\d+ \(.*\) \S \d+ $pid $pid 0 /, 'in a session of its own');
is(readlink "/proc/$pid/fd/0", '/dev/null', 'without a standard input');
like($wb->log_content, qr/ready to accept connections/, 'its log is where -l says');
case('status, running', 0, run => ['status'], out => qr/server is running \(PID: $pid\)/);
case('start, running', 1, run => [ 'start', '-l', $log ], pg => [ 'start', '-l', $pg_log ],
	out => qr/^waiting for server to start\.+ stopped waiting\n$/,
	err => qr/another server might be running; trying .*locked by another walbouncer \(PID $pid\).*could not start server\nExamine the log output/s);
is(pid(), $pid, 'the first one stays');
is(ctl('status')->{status}, 0, 'and runs');

# -- signals -------------------------------------------------------------------

my $offset = $wb->log_offset;
case('reload', 0, run => ['reload']);
$wb->wait_for_log(qr/reloaded configuration/, $offset, 'it has reloaded');
case('logrotate', 0, run => ['logrotate'], out => qr/signaled to rotate log file/);
$offset = $wb->log_offset;
is(run_program($ctl, 'kill', 'HUP', $pid)->{status}, 0, 'kill HUP');
$wb->wait_for_log(qr/reloaded configuration/, $offset, 'is a reload');
foreach my $args ([ 'FOO', $pid ], ['TERM'], [ 'TERM', 0x3FFFFFFF ], [ 'HUP', $pid, $pid ])
{
	my $theirs = run_program($pg_ctl, 'kill', @$args);
	my $ours = run_program($ctl, 'kill', @$args);

	is($theirs->{status}, 1, "pg_ctl kill @$args fails");
	is($ours->{status}, $theirs->{status}, "and so does that of walbouncerctl: $ours->{err}");
}
# where pg_ctl signals its own process group
is(run_program($ctl, 'kill', 'TERM', $_)->{status}, 1, "kill TERM $_ fails") foreach qw(abc 0 -1 1x);
is(pid(), $pid, 'all of that has left it alone');

# -- restart and stop ----------------------------------------------------------

case('restart', 0, run => [ 'restart', '-l', $log ], pg => [ 'restart', '-l', $pg_log ],
	out => qr/shut down\.+ done\nserver stopped\nwaiting for server to start\.+ done\nserver started\n$/);
isnt(pid(), $pid, 'after a restart it is another process');
$pid = pid();
case('restart without waiting', 0, run => [ 'restart', '-W', '-l', $log ],
	pg => [ 'restart', '-l', $pg_log ], out => qr/server starting\n$/);
ok(poll_until(sub { ctl('status')->{out} =~ /^ready/m }, 30), 'restart -W has started it');
case('stop', 0, run => ['stop'],
	out => qr/^waiting for server to shut down\.+ done\nserver stopped\n$/);
ok(!-e $pid_file, 'the pid file is gone');
case('stop again', 1, run => ['stop'], err => qr/does not exist/);
case('restart, stopped', 0, run => [ 'restart', '-l', $log ], pg => [ 'restart', '-l', $pg_log ],
	out => qr/server started/, err => qr/does not exist\nIs server running\?\ntrying to start/);
foreach my $mode (qw(smart fast i))
{
	$offset = $wb->log_offset;
	my $name = $mode eq 'i' ? 'immediate' : $mode;

	case("stop -m $mode", 0, run => [ 'stop', '-m', $mode ],
		out => qr/server stopped/);
	$wb->wait_for_log(qr/received $name shutdown/, $offset, "stop -m $mode is $name");
	poll_until { !-e $pg_pid_file || is_gone(first_line($pg_pid_file)) };
	start_both();
}
case('stop -m nonsense', 1, run => [ 'stop', '-m', 'nonsense' ],
	err => qr/unrecognized shutdown mode "nonsense"/);
case('stop -W', 0, run => [ 'stop', '-W' ], out => qr/^server shutting down\n$/);
ok(poll_until(sub { !-e $pid_file && !-e $pg_pid_file }, 30), 'stop -W has stopped it');
case('start -W', 0, run => [ 'start', '-W', '-l', $log ], pg => [ 'start', '-W', '-l', $pg_log ],
	out => qr/^server starting\n$/);
ok(poll_until(sub { ctl('status')->{out} =~ /^ready/m }, 30), 'start -W has started it');
$cluster->poll_query_until('postgres', 'SELECT true');

# -- silent ----------------------------------------------------------------------

$r = case('stop -s', 0, run => [ 'stop', '-s' ]);
is($r->{out}, '', 'stop -s says nothing');
$r = case('start -s', 0, run => [ 'start', '-s', '-l', $log ], pg => [ 'start', '-s', '-l', $pg_log ]);
is($r->{out}, '', 'start -s says nothing');
$r = case('reload -s', 0, run => [ 'reload', '-s' ]);
is($r->{out}, '', 'reload -s says nothing');

# -- in time ---------------------------------------------------------------------

$pid = pid();
my $pg_pid = first_line($pg_pid_file);
kill 'STOP', $pid, $pg_pid;
case('stop of a stopped process', 1, run => [ 'stop', '-t', 1 ],
	out => qr/ failed\n$/, err => qr/server does not shut down\n$/);
case('smart stop of a stopped process', 1, run => [ 'stop', '-t', 1, '-m', 'smart' ],
	out => qr/ failed\n$/, err => qr/server does not shut down\nHINT:.*-m fast/s);
case('status of a stopped process', 0, run => ['status'], out => qr/running/);
{
	local $ENV{WALBOUNCERCTL_TIMEOUT} = 1;
	local $ENV{PGCTLTIMEOUT} = 1;
	case('a time from the environment', 1, run => ['stop'], err => qr/does not shut down/);
}
kill 'CONT', $pid, $pg_pid;
ok(poll_until(sub { !-e $pid_file && !-e $pg_pid_file }, 30), 'they stop when they go on');
# a program that does nothing for a while stands for a server that starts slowly
my $slow = $wb->dir . '/slow';
append_to_file($slow, "#!/bin/sh\nexec sleep 20\n");
chmod 0755, $slow;
$r = ctl('start', '-t', 1, '-p', $slow);
is($r->{status}, 1, 'start of a slow one: exit status');
like($r->{out}, qr/ stopped waiting\n$/, 'it stops waiting');
like($r->{err}, qr/server did not start in time/, 'and says why');
is(pg_ctl('start', '-t', 0, '-l', $pg_log)->{status}, 1, 'as pg_ctl does');
is(ctl('start', '-t', 0, '-l', $log)->{status}, 1, 'and with no time at all');
ok(poll_until(sub { ctl('status')->{out} =~ /^ready/m }, 30), 'which does not stop the start');
$cluster->poll_query_until('postgres', 'SELECT true');

# -- a pid file that was left behind -----------------------------------------------

sub leave_behind
{
	my $victim = pid() or BAIL_OUT('it does not run');
	my @lines = split /^/, slurp_file($pg_pid_file);

	kill 'KILL', $victim;
	poll_until { is_gone($victim) };
	ok(-e $pid_file, 'the pid file of a killed one stays');
	# a killed cluster would have to be waited for, and its process to be reaped
	pg_ctl('stop', '-s');
	$lines[0] = 0x3FFFFFFF . "\n";
	append_to_file($pg_pid_file, join('', @lines));
	return;
}

leave_behind();
$pid = pid();
case('status, stale', 3, run => ['status'], out => qr/no server running/);
case('stop, stale', 1, run => ['stop'],
	err => qr/"\Q$pid_file\E" is stale: .*\(PID: $pid\).*\nIs server running\?/);
case('reload, stale', 1, run => ['reload'], err => qr/stale/);
ok(-e $pid_file, 'it is left where it is');
case('restart, stale', 0, run => [ 'restart', '-l', $log ], pg => [ 'restart', '-l', $pg_log ],
	out => qr/server started/, err => qr/\(PID: $pid\) seems to be gone\nstarting server anyway/);
leave_behind();
# pg_ctl says that another server might run; the lock says that none does
case('start, stale', 0, run => [ 'start', '-l', $log ], pg => [ 'start', '-l', $pg_log ],
	out => qr/server started/);
case('status after that', 0, run => ['status'], out => qr/running/);
# a process of somebody else's has got the number by now
leave_behind();
my @lines = split /^/, slurp_file($pid_file);
$lines[0] = "$$\n";
unlink $pid_file;
append_to_file($pid_file, join('', @lines));
is(ctl('status')->{status}, 3, 'the lock counts, not a process of that number');
is(ctl('stop')->{status}, 1, 'which gets no signal');
is(ctl('start', '-s', '-l', $log)->{status}, 0, 'and does not keep us from starting');
is(pg_ctl('start', '-s', '-l', $pg_log)->{status}, 0, 'the cluster, too');
stop_both();

# -- the configuration -------------------------------------------------------------

{
	delete local $ENV{PGDATA};
	foreach my $verb (qw(start stop status reload))
	{
		my $theirs = run_program($pg_ctl, $verb);
		my $ours = run_program($ctl, $verb);

		# a status of which nothing is known: LSB has 4
		is($ours->{status}, $verb eq 'status' ? 4 : $theirs->{status}, "$verb of nothing");
		like($ours->{err}, qr/no configuration file specified and environment variable WALBOUNCER_CONFIG unset/,
			"$verb of nothing: says so");
	}
	local $ENV{WALBOUNCER_CONFIG} = $wb->{config_file};
	is(run_program($ctl, 'status')->{status}, 3, 'the configuration may be in the environment');
}
foreach my $verb (qw(status stop))
{
	my $theirs = run_program($pg_ctl, $verb, '-D', '/nonexistent');
	my $ours = run_program($ctl, $verb, '-c', '/nonexistent');

	is($ours->{status}, $theirs->{status}, "$verb, not there: $theirs->{status}");
	like($ours->{err}, qr/could not open.*"\/nonexistent".*No such file/, "$verb, not there: says so");
}
$wb->configure(settings => { state_directory => $wb->dir . '/elsewhere' });
is(ctl('status')->{status}, 4, 'status, no state directory');
is(ctl('stop')->{status}, 1, 'stop, no state directory');
mkdir $wb->dir . '/elsewhere', 0;
$r = ctl('status');
is($r->{status}, 4, 'status, a state directory that does not let us in') if $> != 0;
rmdir $wb->dir . '/elsewhere';
is(ctl('start', '-s', '-l', $log)->{status}, 0, 'a start makes the state directory');
is(ctl('stop', '-s')->{status}, 0, 'and it stops');
$wb->configure(settings => { state_directory => $state });

# a configuration with an error
start_both();
$pid = pid();
append_to_file($wb->{config_file}, "porf = 1;\n");
append_to_file("$data/postgresql.conf", "nonsense =\n");
my ($lines) = scalar(split /^/, slurp_file($wb->{config_file}));
my $place = qr/\Q$wb->{config_file}\E:$lines: .*porf/;
# pg_ctl has sent a signal and knows no more; we say that the file is not taken
$r = ctl('reload');
is($r->{status}, 1, 'reload with an error in the file fails');
like($r->{err}, $place, 'with the place of the error');
is(pg_ctl('reload')->{status}, 0, 'where pg_ctl does not look');
is(pid(), $pid, 'it runs on');
# pg_ctl has stopped the server before it finds out
$r = ctl('restart', '-l', $log);
is($r->{status}, pg_ctl('restart', '-l', $pg_log)->{status}, 'restart with an error in the file: exit status');
like($r->{err}, $place, 'with the place of the error');
is(pid(), $pid, 'and ours runs on');
is(ctl('status')->{status}, 0, 'status in spite of the error');
is(ctl('stop')->{status}, 0, 'stop in spite of the error');
$r = case('start with an error in the file', 1, run => [ 'start', '-l', $log ], pg => [ 'start', '-l', $pg_log ],
	err => $place);
$wb->configure;
is(ctl('start', '-s', '-l', $log)->{status}, 0, 'without the error it starts');
$wb->write_config("port = 5433\nthis is no configuration {\n");
$r = ctl('stop');
is($r->{status}, 1, 'a file that says nothing: not found');
is(run_program($ctl, 'status', '--pid-file', $pid_file)->{status}, 0, 'found by its pid file');
is(run_program($ctl, 'stop', '--pid-file', $pid_file)->{status}, 0, 'and stopped');
$wb->configure;

# -- who asks does not disturb -------------------------------------------------------

# A status holds the lock of the pid file for an instant.
is(ctl('start', '-s', '-l', $log)->{status}, 0, 'start');
my @curious = map {
	spawn($wb->dir . '/curious', 'sh', '-c', 'while :; do "$0" status --pid-file "$1"; done', $ctl, $pid_file)
} 1 .. 3;
is(ctl('restart', '-l', $log)->{status}, 0, "restart $_ while others ask for the status") foreach 1 .. 5;
kill 'KILL', @curious;
is(ctl('stop', '-s')->{status}, 0, 'stop');

# -- a log of its own ----------------------------------------------------------------

my $own_log = $wb->dir . '/own.log';
$wb->configure(settings => { log_file => $own_log });
is(ctl('start')->{status}, 0, 'start with log_file');
rename $own_log, "$own_log.1" or die "could not rename \"$own_log\": $!";
is(ctl('logrotate')->{status}, 0, 'logrotate');
ok(poll_until(sub { -e $own_log }, 20), 'makes it anew');
$r = ctl('start');
is($r->{status}, 1, 'start, running');
like($r->{err}, qr/locked by another walbouncer/, 'with its last lines when the start fails');
is(ctl('stop')->{status}, 0, 'stop');
delete $wb->{settings}{log_file};
$wb->configure;

# -- options for the walbouncer ----------------------------------------------------

my $port = PostgreSQL::Test::Cluster::get_free_port();
is(ctl('start', '-l', $log, '-o', "--port=$port -v")->{status}, 0, 'start with options');
is((split /\n/, slurp_file($pid_file))[3], $port, 'which it gets');
is(ctl('restart', '-l', $log)->{status}, 0, 'restart without options');
is((split /\n/, slurp_file($pid_file))[3], $port, 'gives it those that it had');
is(ctl('restart', '-l', $log, '-o', '')->{status}, 0, 'restart with other options');
is((split /\n/, slurp_file($pid_file))[3], $wb->port, 'gives it those');
is(ctl('stop')->{status}, 0, 'and it stops');
# root would run what the daemon's user has written there
my $proof = $wb->dir . '/proof';
append_to_file($pid_file, "4194304\n\n0\n$port\n\n\n\nready\n--host=\$(touch '$proof')\n");
$r = ctl('restart', '-l', $log);
is($r->{status}, 1, 'restart with options that no walbouncer has written');
like($r->{err}, qr/invalid data in PID file "\Q$pid_file\E"/, 'which it says');
ok(!-e $proof, 'and nothing of them is run');
is(ctl('restart', '-l', $log, '-o', '')->{status}, 0, 'restart with options of its own');
is(ctl('stop')->{status}, 0, 'and it stops');
$r = ctl('start', '-o', '--no-such-option');
is($r->{status}, 1, 'start with a wrong option');
like($r->{err}, qr/unknown option "--no-such-option"/, 'which it says');
my $theirs = pg_ctl('start', '-l', '/nonexistent/log');
$r = ctl('start', '-l', '/nonexistent/log');
is($r->{status}, $theirs->{status}, 'start with a log that cannot be written');
like($r->{err}, qr/could not open log file "\/nonexistent\/log"/, 'which it says');
is(ctl('start', '-p', '/nonexistent')->{status}, 1, 'start of a program that is not there');

# -- ^C --------------------------------------------------------------------------------

# A program that is never ready.
my $endless = $wb->dir . '/endless';
append_to_file($endless, "#!/bin/sh\ntrap 'exec mv \"\$0.began\" \"\$0.ended\"' INT\n"
	  . ">\"\$0.began\"\nwhile :; do sleep 0.1; done\n");
chmod 0755, $endless or die "could not chmod \"$endless\": $!";
foreach my $start ([ $pg_ctl, 'start', '-D', $data ], [ $ctl, 'start', '-c', $wb->{config_file} ])
{
	my $run = IPC::Run::start([ @$start, '-l', $log, '-p', $endless ], '<', '/dev/null', '>', \my $out, '2>&1');

	ok(poll_until(sub { -e "$endless.began" }, 20), "$start->[0] starts a program");
	ok(poll_until(sub { $run->pump_nb; $out =~ m{waiting} }, 20), "and waits for it");
	$run->signal('INT');
	$run->finish;
	is(($run->full_results)[0] & 127, 2, '^C ends it');
	ok(poll_until(sub { -e "$endless.ended" }, 20), 'and with it what it has started');
	unlink "$endless.ended";
}

# -- a file of the same number ---------------------------------------------------------

# One that a crash has left may have the process id that is given out next, as in a
# container; what is started here gives it to it.
my $files = $wb->dir . '/files';
append_to_file($files, "#!/bin/sh\nprintf '%s\\n' \$\$ x 1000000000 5433 x x '0 0' 'ready   ' >$pg_pid_file\n"
	  . "printf '%s\\n' \$\$ x 1000000000 5433 x x x ready '' >$pid_file\nexec sleep 10\n");
chmod 0755, $files or die "could not chmod \"$files\": $!";
unlink $pid_file, $pg_pid_file;
case('start beside a file of before', 1, run => [ 'start', '-t', 2, '-p', $files ], err => qr/server did not start in time/);
unlink $pid_file, $pg_pid_file;

# -- the command line ----------------------------------------------------------------

foreach my $args ([], ['nonsense'], [ 'start', 'stop' ], [ 'stop', 'x' ], [ 'start', '-Q' ])
{
	is(run_program($ctl, @$args)->{status}, run_program($pg_ctl, @$args)->{status}, "\"@$args\"");
}
command_like([ $ctl, '--version' ], qr/^walbouncerctl \(walbouncer\) \d+\.\d+/, '--version');
command_like([ $ctl, '--help' ], qr/^Usage:.*^Verbs:/ms, '--help');

done_testing();

END
{
	my $status = $?;
	my $left = $pid_file && -e $pid_file ? slurp_file($pid_file) : '';

	kill 'KILL', $1 if $left =~ /^(\d+)/ && !is_gone($1);
	$? = $status;
}
