# The log: a file that is moved away and opened again by all processes, one that
# cannot be opened, JSON beside PostgreSQL's own, syslog, who comes and goes.

use strict;
use warnings;

use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Socket qw(SOCK_DGRAM);
use Test::More;
use Time::HiRes qw(usleep);
use WalBouncer;

my $primary = new_primary('primary', conf => <<'END');
logging_collector = on
log_destination = jsonlog
log_directory = log
log_filename = server
log_connections = on
log_disconnections = on
END
my $wb = WalBouncer->new('wb', upstream => $primary);
my $file = $wb->dir . '/walbouncer.log';

# What the processes have as standard error; "" when they do not agree.
sub common_file
{
	my %files = map { (readlink("/proc/$_/fd/2") // '') => 1 } $wb->pid, $wb->processes;
	return keys %files == 1 ? (keys %files)[0] : '';
}

sub parse
{
	my $line = shift;
	my $json = eval { decode_json($line) };
	return $json // { message => "not JSON: $line" };
}

# The first line of a JSON log that has the message.
sub find_json
{
	my ($path, $pattern) = @_;
	my $found;

	poll_until {
		($found) = grep { ($_->{message} // '') =~ $pattern } map { parse($_) } split /\n/, slurp_file($path);
		return $found;
	} 30;
	return $found // {};
}

# -- a file ----------------------------------------------------------------------

my $stderr = $wb->logfile;

# It has a standard error of its own then, and the driver looks at the file.
sub log_to
{
	my ($path, %settings) = @_;
	my $stage = $wb->dir . '/stage';

	unlink $stage;
	append_to_file($stage, "#!/bin/sh\nexec \"\${WALBOUNCER:-walbouncer}\" \"\$@\" >>$stderr 2>&1\n");
	chmod 0755, $stage;
	$wb->{binary} = $stage;
	$wb->{logfile} = $path;
	append_to_file($path, '');
	$wb->configure(settings => { log_file => $path, %settings });
	return;
}

log_to($file, log_connections => 'true', log_disconnections => 'true');
$wb->start_streaming;
ok(poll_until(sub { common_file() eq $file }), 'all processes write to log_file');
like(slurp_file($stderr), qr/the log goes on by log_destination "stderr", log_file "\Q$file\E"/, 'which standard error says');

my $rx = $wb->receive('rx', user => 'user', application_name => 'app');
$wb->wait_for_log(qr/worker 127\.0\.0\.1:\d+ LOG:  connection received: host=127\.0\.0\.1 port=\d+\n/, 0, 'a connection');
$wb->wait_for_log(qr/worker app 127\.0\.0\.1:\d+ LOG:  replication connection authorized: user=user application_name=app rule=everything\n/, 0, 'is let in');

# Those that wait for something else meanwhile: for a slot that is in use, for the first
# word of a client, for a server that does not answer.
my $of_slot = $wb->wire;
$of_slot->startup(user => 'slot', application_name => 'slot');
$of_slot->query('CREATE_REPLICATION_SLOT s PHYSICAL');
my $uses_slot = $wb->receive('uses', options => [ '--slot', 's' ]);
ok(poll_until(sub { ($wb->show_row('slots', 'slot_name', 's') // { active => '' })->{active} eq 't' }), 'a slot is in use');
$of_slot->send_message('Q', "DROP_REPLICATION_SLOT s WAIT\0");
my $says_nothing = $wb->wire;
my $no_answer = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "could not listen: $!";
my $repoints = $wb->console_wire;
$repoints->send_message('Q', "REPOINT 'host=127.0.0.1 port=@{[ $no_answer->sockport ]} connect_timeout=60'\0");
ok(my $looked_at = $no_answer->accept, 'an operator looks at a server that does not answer');
ok(poll_until(sub { grep { ($_->{command} // '') =~ /^DROP/ } $wb->show('activity') }), 'and a standby waits for a slot');

# as logrotate does it
rename $file, "$file.1" or die $!;
kill 'USR1', $wb->pid;
ok(poll_until(sub { common_file() eq $file }), 'USR1: all processes have the new file');
my $size = -s "$file.1";
is(sprintf('%04o', (stat $file)[2] & 07777), '0600', 'which only its owner can read');
$_->close foreach $of_slot, $says_nothing, $repoints, $no_answer;
$uses_slot->stop;
ok(poll_until(sub { $wb->workers == 1 }), 'those who have waited leave');
kill 'TERM', $wb->workers;
$wb->wait_for_log(qr/\] worker app .* disconnection: session time: 0:00:\d\d\.\d{3} user=user application_name=app host=127\.0\.0\.1 port=\d+\n/, 0, 'a line of a worker is in it');
$primary->restart;
$wb->wait_for_log(qr/\] reader .*streaming from upstream/, 0, 'of the reader');
is($wb->reload, 1, 'and of the supervisor');
is(-s "$file.1", $size, 'and none in the old one any more');

# one that cannot be opened
rename $file, "$file.2" or die $!;
mkdir $file;
kill 'USR1', $wb->pid;
ok(poll_until(sub { slurp_file("$file.2") =~ /supervisor WARNING:  could not open log file "\Q$file\E": Is a directory/ }),
	'a file that cannot be opened: the old one says so');
ok(poll_until(sub { common_file() eq "$file.2" }), 'and all stay there');
rmdir $file;
kill 'USR1', $wb->pid;
ok(poll_until(sub { common_file() eq $file }), 'until it can');

$wb->configure(settings => { log_file => $wb->dir . '/none/log' });
is($wb->reload, 0, 'a reload with one in a directory that is missing');
like($wb->log_content, qr/ERROR:  could not open log file "\S+none\/log": No such file or directory\n/, 'is an error');
ok(poll_until(sub { common_file() eq $file }), 'and nothing changes');
like(join(' ', map { $_->{message} } $wb->show('alarms')), qr/the last reload has changed nothing: could not open log file/,
	'which is an alarm');
like($wb->console('RELOAD')->{err}, qr/^ERROR:  could not open log file/, 'and what RELOAD says');
$wb->configure(settings => { log_file => '' });
kill 'HUP', $wb->pid;
ok(poll_until(sub { common_file() eq $stderr }), 'a reload to no file: standard error as it was');
$wb->{logfile} = $stderr;
$wb->stop;
$wb->configure(settings => { log_file => $wb->dir . '/none/log' });
ok(!$wb->start(fail_ok => 1), 'such a file at the start: it does not');
like($wb->log_content, qr/FATAL:  could not open log file/, 'and says why');

# -- JSON ------------------------------------------------------------------------

my $json = $wb->dir . '/walbouncer.json';
log_to($json, log_destination => 'jsonlog', unix_socket_directories => $wb->{socket_dir});
$wb->start_streaming;
$rx = $wb->receive('json', user => 'user', application_name => 'app');
my $local = $wb->receive('local', user => 'user', socket => 1);
kill 'TERM', $wb->workers;
my $ours = find_json($json, qr/^disconnection: .*port=/);
find_json($json, qr/^disconnection: .*host=\[local\]/);
my @bad = grep { !eval { decode_json($_) } } split /\n/, slurp_file($json);
is("@bad", '', 'each line is JSON');

# the same client at the server itself
my $server_log = $primary->data_dir . '/log/server.json';
system(pg_program($primary, 'pg_receivewal'), '-d', 'host=' . $primary->host . ' port=' . $primary->port . ' application_name=app', '-D', $wb->dir,
	'--if-not-exists', '--create-slot', '-S', 'json');
my %pairs = (
	'disconnection'          => qr/^disconnection: .*host=127\.0\.0\.1/,
	'connection authorized'  => qr/^replication connection authorized: .*application_name=app/,
	'connection received'    => qr/^connection received: host=127\.0\.0\.1/);
my $theirs_all = join '', map { slurp_file($_) } $server_log;
foreach my $what (sort keys %pairs)
{
	my $we = find_json($json, $pairs{$what});
	my $they;
	# its lines go through another process
	poll_until {
		($they) = grep { ($_->{message} // '') =~ /^(?:replication )?$what/ && ($_->{application_name} // 'app') eq 'app' }
		  map { parse($_) } split /\n/, slurp_file($server_log);
		return $they;
	} 30;
	ok($we->{pid} && $they->{pid}, "$what: both servers say so") or next;
	is(join(' ', grep { !exists $they->{$_} } grep { !/^(?:remote_port|application_name|user)$/ } sort keys %$we), '', "$what: every key is PostgreSQL's");
	my @shared = grep { exists $they->{$_} } sort keys %$we;
	cmp_ok(scalar(@shared), '>=', 8, "$what: " . join(' ', @shared));
	# a number is one in both, and text of the same shape
	my $shape = sub { my $t = encode_json([ $_[0] ]); $t =~ s/[0-9a-f]+/0/g if $t =~ /^\["?[\d-]/; return $t; };
	foreach my $key (qw(timestamp pid session_id line_num session_start error_severity))
	{
		is($shape->($we->{$key}), $shape->($they->{$key}), "$what: $key is of the same kind");
	}
}
is($ours->{user}, 'user', 'user');
is($ours->{application_name}, 'app', 'application_name');
is($ours->{remote_host}, '127.0.0.1', 'remote_host');
like(encode_json([ $ours->{remote_port} ]), qr/^\[\d+\]$/, 'remote_port is a number');
is($ours->{backend_type}, 'worker', 'backend_type');
$local = find_json($json, qr/^connection received: host=\[local\]/);
is($local->{remote_host}, '[local]', 'over a Unix-domain socket too');
ok(!exists $local->{remote_port}, 'without a port');

# an error with all that it has, from somebody who gives himself a name
my $name = "q\"uo\\te\n\xff";
my $wire = $wb->wire;
$wire->startup(user => $name, application_name => $name, replication => 'false');
my $refusal = find_json($json, qr/serves replication connections only|no such|console/);
is($refusal->{error_severity}, 'FATAL', 'an error: its severity');
is($refusal->{state_code}, '0A000', 'its SQLSTATE');
ok($refusal->{hint}, 'its hint');
like($refusal->{user}, qr/^q"uo\\te\n\x{fffd}$/, 'and the name, whatever is in it');
$wb->stop;
is(find_json($json, qr/^stopped$/)->{backend_type}, 'supervisor', 'the supervisor\'s last words');

# -- syslog ----------------------------------------------------------------------

# A /dev for walbouncer alone, in which log is a socket of ours.
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$dir/log") or die $!;
my $stage = $wb->dir . '/stage_dev';
append_to_file($stage, <<"END");
#!/bin/sh
set -e
mount -t tmpfs none $dir/dev
for n in null zero urandom; do : >$dir/dev/\$n; mount --bind /dev/\$n $dir/dev/\$n; done
ln -s $dir/log $dir/dev/log
mount --rbind $dir/dev /dev
exec "\${WALBOUNCER:-walbouncer}" "\$@"
END
append_to_file("$stage.outer", "#!/bin/sh\nexec unshare --user --map-current-user --keep-caps --mount $stage \"\$@\"\n");
mkdir "$dir/dev";
chmod 0755, $stage, "$stage.outer";
$wb->{binary} = "$stage.outer";
$wb->{logfile} = $stderr;
$wb->configure(settings => { log_file => '', log_destination => 'stderr, syslog', syslog_facility => 'local3', syslog_ident => 'wb_test' });
$socket->blocking(0);
my @lines;

sub wait_for_syslog
{
	my ($pattern, $name) = @_;
	my $ok = poll_until {
		my $text;
		push @lines, $text while defined $socket->recv($text, 8192);
		return grep { $_ =~ $pattern } @lines;
	} 30;
	ok($ok, $name) or diag(join "\n", @lines);
	return;
}

SKIP:
{
	skip 'no /dev for one program: user namespaces are not allowed here', 9
	  if system('unshare --user --map-current-user --keep-caps --mount true') != 0;
	pass('there can be a /dev for one program');
	$wb->start_streaming;
	# local3 is 19; LOG is informational, 6
	wait_for_syslog(qr/^<158>\w{3} [ \d]\d \d\d:\d\d:\d\d wb_test\[@{[ $wb->pid ]}\]: supervisor LOG:  ready to accept connections$/,
		'syslog: facility, severity, ident and process id');
	wait_for_syslog(qr/^<158>.* wb_test\[@{[ $wb->reader ]}\]: reader LOG:  streaming from upstream/, 'syslog: children too');
	$wb->write_config("port = ;\n");
	is($wb->reload, 0, 'syslog: a reload that fails');
	wait_for_syslog(qr/^<156>.*: supervisor ERROR:  .*syntax error/, 'syslog: ERROR is a warning there');
	# nobody reads, and nobody waits for that
	foreach (1 .. 300)
	{
		kill 'HUP', $wb->pid;
		usleep(2000);
	}
	is($wb->reload, 0, 'syslog: one that is stuck does not hold up a reload');
	ok(poll_until(sub {
				kill 'HUP', $wb->pid;
				my $text;
				push @lines, $text while defined $socket->recv($text, 8192);
				return grep { /^<157>.*: supervisor WARNING:  messages that could not be written: [1-9]/ } @lines;
			}, 30), 'syslog: what was lost is told');
	$wb->configure(settings => { log_destination => 'stderr' });
	is($wb->reload, 1, 'syslog: none any more');
	$wb->stop;
	my $text;
	push @lines, $text while defined $socket->recv($text, 8192);
	is(scalar(grep { /stopped$/ } @lines), 0, 'syslog: then nothing comes');
}

# -- what repeats ----------------------------------------------------------------

$wb->{binary} = $ENV{WALBOUNCER} || 'walbouncer';
$primary->stop;
$wb->configure(settings => { wal_retrieve_retry_interval => '10ms', log_connections => 'false', log_disconnections => 'false' });
my $offset = $wb->log_offset;
$wb->start;
$wb->wait_for_log(qr/WARNING:  .*could not connect to upstream/, $offset, 'an upstream that is away is in the log');
# each attempt goes to sleep at least once
my $reader = $wb->reader;
my $slept = sched_switches($reader);
ok(poll_until(sub { sched_switches($reader) > $slept + 100 }), 'it is tried many times');
my $said = () = $wb->log_content($offset) =~ /WARNING:  .*could not connect to upstream/g;
is($said, 1, 'and said once');
$primary->start;
$wb->wait_for_log(qr/streaming from upstream/, $offset, 'until it is back');
$wb->stop;

# a spool that cannot be read
chmod 0000, $wb->dir . '/state/spool' or die $!;
$offset = $wb->log_offset;
$wb->start;
$wb->wait_for_log(qr/spooler ERROR:  could not .*spool": Permission denied\n.*spooler WARNING:  the spool stops/, $offset, 'a spool that cannot be read is in the log');
my $spooler;
ok(poll_until(sub { ($spooler) = grep { process_title($_) =~ /spooler waiting for the disk/ } $wb->processes }), 'and in the title');
$slept = sched_switches($spooler);
ok(poll_until(sub { sched_switches($spooler) > $slept + 3 }), 'it is tried several times');
$said = () = $wb->log_content($offset) =~ /Permission denied/g;
is($said, 1, 'and said once');
chmod 0700, $wb->dir . '/state/spool' or die $!;
$wb->wait_for_log(qr/the spool goes on at/, $offset, 'as that it is well again');
$wb->stop;

# How often a process has gone to sleep.
sub sched_switches
{
	my $pid = shift;
	return slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s+(\d+)/m ? $1 : 0;
}

done_testing();
