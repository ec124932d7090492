# Under systemd: the unit is good and confined, and needs no system call that it
# forbids; the notify protocol against a socket of our own; sockets that are passed;
# what the log is like in the journal.  Under a systemd that runs: contrib/systemd-check.

use strict;
use warnings;

use Fcntl qw(F_SETFD FD_CLOEXEC);
use File::Basename qw(dirname);
use IO::Socket::INET;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use Socket qw(SOCK_DGRAM SOCK_STREAM pack_sockaddr_un);
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
use WalBouncer;

my $binary = $ENV{WALBOUNCER} || 'walbouncer';
my $source = $ENV{TEST_SRCDIR} // '.';
my $dir = PostgreSQL::Test::Utils::tempdir_short();

# -- the unit ------------------------------------------------------------------

my $unit = slurp_file(dirname($binary) . '/etc/systemd/walbouncer.service');
unlike($unit, qr/[@]\w+[@]|\$\{/, 'the unit has its paths');
$unit =~ s/^(Exec\w+=)\S+\/walbouncer /$1$binary /mg;
append_to_file("$dir/walbouncer.service", $unit);
append_to_file("$dir/walbouncer.socket", slurp_file("$source/etc/systemd/walbouncer.socket"));
foreach my $file (qw(walbouncer.service walbouncer.socket))
{
	my $out = `systemd-analyze --man=no verify $dir/$file 2>&1`;
	is($?, 0, "systemd-analyze verify $file");
	is(join('', grep { /walbouncer/ } split /^/, $out), '', 'has nothing to say');
}
my $security = `systemd-analyze security --offline=yes --threshold=25 --no-pager $dir/walbouncer.service 2>&1`;
is($?, 0, 'its exposure is below 2.5');
my ($exposure) = $security =~ /Overall exposure level.*?: ([\d.]+)/;
diag('exposure of walbouncer.service: ' . ($exposure // $security));
cmp_ok($exposure // 10, '<', 2.5, 'and says so');

like(`systemd-sysusers --dry-run $source/etc/systemd/walbouncer.sysusers 2>&1`,
	qr/\bwalbouncer\b/, 'systemd-sysusers would make the user');
is($?, 0, 'without an error');
# systemd-tmpfiles makes what it says: in a directory of ours, for a user of ours
my $tmpfiles = slurp_file("$source/etc/systemd/walbouncer.tmpfiles");
$tmpfiles =~ s/walbouncer walbouncer/- -/g;
append_to_file("$dir/tmpfiles.conf", $tmpfiles);
mkdir "$dir/root";
is(system("systemd-tmpfiles --create --root=$dir/root $dir/tmpfiles.conf"), 0, 'systemd-tmpfiles');
is(join(' ', map { sprintf '%04o', (stat "$dir/root/$_")[2] & 07777 } qw(run/walbouncer var/lib/walbouncer var/log/walbouncer)),
	'0755 0700 0750', 'makes the directories');

# -- notify --------------------------------------------------------------------

# What has come to a socket, [time, message], and what there is more by now.
sub manager
{
	my $address = shift;
	my $socket = IO::Socket::UNIX->new(
		Type => SOCK_DGRAM,
		Local => $address =~ /^@(.*)/ ? "\0$1" : $address) or die "$address: $!";

	$socket->blocking(0);
	return { socket => $socket, address => $address, got => [] };
}

sub receive
{
	my $manager = shift;
	my $text;

	while (defined $manager->{socket}->recv($text, 8192))
	{
		note("notified: $text");
		push @{ $manager->{got} }, [ clock_gettime(CLOCK_MONOTONIC), $text ];
	}
	return @{ $manager->{got} };
}

# Index of the first message from there on that has the pattern, or -1; waits.
sub wait_for_message
{
	my ($manager, $pattern, $from) = @_;
	my $found = -1;

	poll_until {
		my @got = receive($manager);
		($found) = grep { $got[$_][1] =~ $pattern } ($from // 0) .. $#got;
		return defined $found;
	} 30;
	return $found // -1;
}

# A walbouncer that a program of ours starts, which sets the stage.
sub staged
{
	my ($wb, $code) = @_;
	my $script = $wb->dir . '/stage';

	unlink $script;
	append_to_file($script, "#!$^X\nuse POSIX;\n$code\nexec \$ENV{WALBOUNCER} // 'walbouncer', \@ARGV;\n");
	chmod 0755, $script;
	$wb->{binary} = $script;
	return;
}

sub connects
{
	my $wb = shift;
	return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $wb->port);
}

my $nobody = 'host=127.0.0.1 port=' . PostgreSQL::Test::Cluster::get_free_port();
my $wb = WalBouncer->new('notify', upstream => $nobody);

foreach my $address ("$dir/notify", "\@walbouncer_test_$$")
{
	my $manager = manager($address);

	staged($wb, "\$ENV{NOTIFY_SOCKET} = '$address';");
	ok($wb->start, "NOTIFY_SOCKET=$address: starts");
	my $ready = wait_for_message($manager, qr/^READY=1$/m);
	isnt($ready, -1, 'READY comes, whatever the upstream does');
	ok(connects($wb), 'and a client can connect');
	is($ready, 0, 'nothing was said before');
	like($manager->{got}[0][1], qr/^MAINPID=@{[ $wb->pid ]}$/m, 'with the process id');
	like($manager->{got}[0][1], qr/^STATUS=serving 0 standbys/m, 'and a status');

	foreach my $case ([ 'good file', 1 ], [ 'bad file', 0 ], [ 'good file again', 1 ])
	{
		my ($what, $good) = @$case;
		my $from = receive($manager);
		my $before = clock_gettime(CLOCK_MONOTONIC) * 1_000_000 - 1;

		$good ? $wb->configure(settings => {}) : $wb->write_config("port = ;\n");
		is($wb->reload, $good, "$what: HUP");
		my $reloading = wait_for_message($manager, qr/^RELOADING=1$/m, $from);
		isnt($reloading, -1, "$what: RELOADING");
		my ($at) = $manager->{got}[$reloading][1] =~ /^MONOTONIC_USEC=(\d+)$/m;
		cmp_ok($at, '>', $before, "$what: at the time that it is");
		cmp_ok($at, '<', clock_gettime(CLOCK_MONOTONIC) * 1_000_000 + 1, "$what: or was");
		$ready = wait_for_message($manager, qr/^READY=1$/m, $reloading + 1);
		isnt($ready, -1, "$what: READY behind it");
		my $status = qr/^STATUS=configuration not changed/m;
		$good ? unlike($manager->{got}[$ready][1], $status, "$what: the status says nothing of it")
		  : like($manager->{got}[$ready][1], $status, "$what: the status says so");
	}
	my $from = receive($manager);
	is($wb->stop('smart'), 0, 'TERM');
	my $stopping = wait_for_message($manager, qr/^STOPPING=1$/m, $from);
	isnt($stopping, -1, 'STOPPING');
	like($manager->{got}[$stopping][1], qr/^EXTEND_TIMEOUT_USEC=20000000$/m, 'with the time that it may take');
	ok(!grep({ $_->[1] =~ /WATCHDOG/ } receive($manager)), 'no watchdog was asked for');
	unlink $address;
}

# the watchdog: half of the interval; and not for another process
my $manager = manager("$dir/watchdog");
staged($wb, "\$ENV{NOTIFY_SOCKET} = '$dir/watchdog'; \$ENV{WATCHDOG_USEC} = 400000; \$ENV{WATCHDOG_PID} = \$\$;");
$wb->start;
my @signs;
poll_until { @signs = grep { $_->[1] eq 'WATCHDOG=1' } receive($manager); return @signs >= 6 } 30;
cmp_ok(scalar(@signs), '>=', 6, 'WATCHDOG comes again and again');
my $apart = ($signs[-1][0] - $signs[0][0]) / $#signs;
cmp_ok($apart, '>=', 0.15, "each $apart s");
$wb->stop;
my $count = () = receive($manager);
staged($wb, "\$ENV{NOTIFY_SOCKET} = '$dir/watchdog'; \$ENV{WATCHDOG_USEC} = 20000; \$ENV{WATCHDOG_PID} = 1;");
$wb->start;
$wb->reload foreach 1 .. 3;
$wb->stop;
my @got = receive($manager);
ok(!grep({ $_->[1] =~ /WATCHDOG/ } @got[ $count .. $#got ]), 'WATCHDOG_PID of another process: none comes');
unlink "$dir/watchdog";

# a manager that does not read: nobody waits for it, and READY comes when it does
$manager = manager("$dir/full");
my $filler = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => "$dir/full");
$filler->blocking(0);
1 while defined $filler->send('filler');
staged($wb, "\$ENV{NOTIFY_SOCKET} = '$dir/full'; \$ENV{WATCHDOG_USEC} = 600000000;");
ok($wb->start, 'a manager that does not read: starts');
ok(connects($wb), 'and can be connected to');
is($wb->reload, 1, 'and reloads');
isnt(wait_for_message($manager, qr/^READY=1$/m), -1, 'READY comes when there is room');
isnt(wait_for_message($manager, qr/^WATCHDOG=1$/m), -1, 'and WATCHDOG, long before the next one');
unlink "$dir/full";
is($wb->reload, 1, 'a manager that is gone does not matter');
$wb->wait_for_log(qr/could not notify the service manager/, 0, 'and is in the log');
$wb->stop;

# -- the journal ---------------------------------------------------------------

# Lines since then that do not begin with the severity that PostgreSQL's
# documentation ("Message Severity Levels") has for their level; and how many do.
my %severities = (INFO => 6, LOG => 6, WARNING => 5, ERROR => 4, FATAL => 3);
sub compare_severities
{
	my $offset = shift;
	my ($right, @wrong) = (0);

	my $severity = '';
	foreach my $line (split /\n/, $wb->log_content($offset))
	{
		my ($label) = $line =~ / (INFO|LOG|WARNING|ERROR|FATAL|DETAIL|HINT):  /;
		# what belongs to a line has its severity
		$severity = "<$severities{$label}>" if exists $severities{ $label // '' };
		index($line, "${severity}20") == 0 ? $right++ : push @wrong, $line;
	}
	return ($right, join "\n", @wrong);
}

my $is_journal = '$ENV{JOURNAL_STREAM} = join ":", (stat STDERR)[0, 1];';
my $other_log = "$dir/other.log";
staged($wb, $is_journal);
$wb->configure(settings => {});
my $journal = $wb->log_offset;
$wb->start;
$wb->write_config("port = ;\n");
is($wb->reload, 0, 'standard error is the journal: a bad file');
$wb->stop;
$wb->write_config("port = 5433;\n");
ok(!$wb->start(fail_ok => 1), 'and a start without rules');
is($wb->{status} >> 8, 2, 'after which the unit makes no other attempt');
like($unit, qr/^RestartPreventExitStatus=2$/m, 'by what it says');
like($wb->log_content($journal), qr/^<4>\S+ \S+ UTC \[\d+\] supervisor ERROR:  .*syntax error$/m, 'an error has its severity');
my ($right, $wrong) = compare_severities($journal);
is($wrong, '', 'as all lines have');
cmp_ok($right, '>=', 8, "$right of them");

$wb->configure(settings => { log_destination => 'jsonlog' });
$journal = $wb->log_offset;
$wb->start;
like($wb->log_content($journal), qr/^<6>\{"timestamp":.*"message":"ready to accept connections"/m, 'JSON too');
$wb->stop;
append_to_file($other_log, '');
{
	local $wb->{logfile} = $other_log;
	staged($wb, "open STDERR, '>>', '$dir/journal'; $is_journal");
	$wb->configure(settings => { log_destination => 'stderr', log_file => $other_log });
	$wb->start;
	$wb->stop;
	unlike($wb->log_content, qr/^</m, 'a file has none');
}
staged($wb, '$ENV{JOURNAL_STREAM} = join ":", (stat STDERR)[0], 1;');
$wb->configure(settings => { log_file => '' });
$journal = $wb->log_offset;
$wb->start;
$wb->stop;
unlike($wb->log_content($journal), qr/^</m, 'a JOURNAL_STREAM that is not standard error: none');

# -- sockets -------------------------------------------------------------------

my $primary = new_primary('primary');
$wb = WalBouncer->new('sockets', upstream => $primary,
	settings => { listen_addresses => '127.0.0.1', unix_socket_directories => "$dir/none" });
my $tcp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $wb->port,
	Listen => 20, ReuseAddr => 1) or die $!;
my $unix = IO::Socket::UNIX->new(Local => "$dir/.s.PGSQL." . $wb->port, Listen => 20) or die $!;

# Start it, and no other program, with these from descriptor 3 on.
sub start_with
{
	my ($wb, @sockets) = @_;
	my $n = @sockets;
	# out of the way first
	my $code = join '', map { "POSIX::dup2(" . fileno($sockets[$_]) . ", 50 + $_); " } 0 .. $#sockets;
	$code .= join '', map { "POSIX::dup2(50 + $_, 3 + $_); POSIX::close(50 + $_); " } 0 .. $#sockets;
	staged($wb, "$code \$ENV{LISTEN_PID} = \$\$; \$ENV{LISTEN_FDS} = $n; \$ENV{LISTEN_FDNAMES} = 'x:y';");
	fcntl($_, F_SETFD, 0) foreach @sockets;
	my $started = $wb->start(fail_ok => 1);
	fcntl($_, F_SETFD, FD_CLOEXEC) foreach @sockets;
	return $started;
}

ok(start_with($wb, $tcp, $unix), 'starts with sockets that are passed');
like($wb->log_content, qr/listening on IPv4 address "127\.0\.0\.1", port @{[ $wb->port ]}, passed/, 'a TCP socket was passed');
like($wb->log_content, qr/listening on Unix socket "\Q$dir\E\/\.s\.PGSQL\.\d+", passed/, 'and a Unix socket');
ok(!-e "$dir/none", 'unix_socket_directories does not count');
my $standby = $wb->add_standby('standby');
$primary->safe_psql('postgres', 'CREATE TABLE t (n int)');
ok(wait_for_replay($primary, $standby), 'a standby streams over TCP');
$wb->{socket_dir} = $dir;
my $rx = $wb->receive('rx', socket => 1);
ok($rx->alive, 'pg_receivewal streams over the Unix socket');
ok(-S "$dir/.s.PGSQL." . $wb->port && $wb->reload, 'a reload leaves them');
$wb->stop;
ok(-S "$dir/.s.PGSQL." . $wb->port, 'a passed Unix socket is not removed');

# who comes while it is away waits
my $early = connects($wb);
ok($early, 'a client comes while it is away');
ok(start_with($wb, $tcp, $unix), 'it comes back');
my $ssl_request = pack('NN', 8, 80877103);
$early->send($ssl_request);
my $answer = '';
poll_until { $early->recv($answer, 1); return $answer ne '' } 30;
is($answer, 'N', 'and is served when it is back');
ok($standby->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_wal_receiver'), 'so is the standby');
$wb->stop;

# what is no such socket
my $dgram = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$dir/dgram");
my $offset = $wb->log_offset;
ok(!start_with($wb, $tcp, $dgram), 'a datagram socket: does not start');
like($wb->log_content($offset), qr/FATAL:  descriptor 4, passed by the service manager, is no socket to listen on/, 'and says why');
$tcp->close;
$unix->close;

# meant for another process
staged($wb, "\$ENV{LISTEN_PID} = 1; \$ENV{LISTEN_FDS} = 2;");
mkdir "$dir/none";
$wb->start_streaming;
ok(-S "$dir/none/.s.PGSQL." . $wb->port, 'LISTEN_PID of another process: it listens by its configuration');
$wb->stop;

# -- system calls --------------------------------------------------------------

# What it does when it starts, streams, fetches, reloads and stops is in the filter.
sub calls_of
{
	my $filter = shift;
	my @calls;

	foreach my $line (split /\n/, `systemd-analyze syscall-filter --no-pager $filter`)
	{
		my ($name) = $line =~ /^\s+(\@?[\w-]+)\s*$/ or next;
		push @calls, $name =~ /^@/ ? calls_of($name) : $name;
	}
	return @calls;
}

SKIP:
{
	# which makes calls of its own, and looks for leaks with ptrace
	skip 'a sanitizer is in it', 1 if $ENV{WALBOUNCER_SANITIZED};

	my %allowed = map { $_ => 1 } calls_of('@system-service');
	delete @allowed{ calls_of('@privileged') };
	my $trace = $wb->dir . '/strace';
	staged($wb, "unshift \@ARGV, \$ENV{WALBOUNCER} // 'walbouncer'; exec 'strace', '-f', '-qq', '-o', '$trace', \@ARGV;");
	my $monitor_port = PostgreSQL::Test::Cluster::get_free_port();
	$wb->configure(settings => { wal_fetch_command => 'cp /nonexistent/%f %p', monitor_port => $monitor_port,
		log_destination => 'stderr, syslog', log_connections => 'true' });
	$wb->start_streaming;
	$wb->{socket_dir} = "$dir/none";
	$rx = $wb->receive('traced', socket => 1);
	ok($standby->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_wal_receiver'), 'traced: a standby streams');
	my $http;
	ok(poll_until(sub { $http = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $monitor_port) }), 'traced: the monitor');
	print $http "GET /metrics HTTP/1.0\r\n\r\n";
	like(join('', <$http>), qr/walbouncer_up 1/, 'traced: answers');
	like(`psql -X -A -t -h $dir/none -p @{[ $wb->port ]} -d walbouncer -c 'SHOW standbys' 2>&1`, qr/\bstandby\b/, 'traced: the console');
	# strace itself is the process that was started
	my ($supervisor) = $wb->processes;
	$offset = $wb->log_offset;
	kill 'HUP', $supervisor;
	$wb->wait_for_log(qr/reloaded/, $offset, 'traced: a reload');
	kill 'TERM', $supervisor;
	$wb->wait_for_exit;
	my %seen = map { /^\d+ +(\w+)\(/ ? ($1 => 1) : () } split /\n/, slurp_file($trace);
	cmp_ok(scalar(keys %seen), '>', 30, 'traced: ' . keys(%seen) . ' system calls');
	is(join(' ', sort grep { !$allowed{$_} } keys %seen), '', 'the unit allows them all');
}

done_testing();
