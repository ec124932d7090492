# walbouncerctl at the console: tables and JSON have what psql gets; errors; reload,
# disconnect, pause and resume; top on a pipe and on a terminal, which it leaves as
# it was, however it ends.

use strict;
use warnings;
use IO::Pty;
use IPC::Run;
use JSON::PP;
use POSIX qw(:sys_wait_h :termios_h);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

my $primary = new_primary('primary');
$primary->safe_psql('postgres', 'CREATE DATABASE secret');
my $wb = WalBouncer->new('wb', upstream => $primary,
	rules => [ { name => 'part', user => 'part', exclude_databases => ['secret'] }, { name => 'all' } ],
	settings => { spool_size => '200MB', max_replication_slots => 4 });
$wb->start_streaming;
my $ctl = ctl_program();
my $json = JSON::PP->new->utf8->allow_nonref;

sub ctl
{
	my ($verb, @options) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ $ctl, $verb, '-c', $wb->{config_file}, @options ],
		'<', '/dev/null', '>', \$out, '2>', \$err);
	return { status => $? & 127 ? "signal $?" : $? >> 8, out => $out, err => $err };
}

sub ctl_json
{
	my $r = ctl(@_, '--json');

	BAIL_OUT("@_ --json: $r->{err}") if $r->{status} != 0;
	return @{ $json->decode($r->{out}) };
}

# Waits.
sub streams_from_ring
{
	my $who = shift;

	return poll_until {
		my $row = $wb->show_row('standbys', 'application_name', $who) // $wb->show_row('standbys', 'usename', $who);
		return $row && $row->{state} eq 'streaming' && ($row->{source} // '') eq 'ring';
	};
}

# -- what can be shown -----------------------------------------------------------

my $help = ctl('show', 'help');
my @views = map { lc } $help->{out} =~ /^ SHOW ([A-Z]+) /mg;
cmp_ok(scalar(@views), '>=', 11, 'help lists the views');

my $completion = slurp_file(($ENV{TEST_SRCDIR} // '.') . '/contrib/completion/walbouncerctl.bash');
my ($completed) = $completion =~ /^_walbouncerctl_views='(.*?)'/ms;
is(join(' ', sort split ' ', $completed), join(' ', sort @views), 'bash completes them');

# A value as JSON has it and as psql prints it.
sub as_text
{
	my $value = shift;
	return undef unless defined $value;
	return $value ? 't' : 'f' if JSON::PP::is_bool($value);
	return $value;
}

# what a filter has decided is there, and stays
my $rx = $wb->receive('part');
ok(streams_from_ring('part'), 'a receiver');
my %stable = map { $_ => 1 } qw(config rules version slots databases help);
foreach my $view (@views)
{
	my @theirs = $wb->show($view);
	my @ours = ctl_json('show', $view);
	my %seen = map { map { $_ => 1 } keys %$_ } @theirs;

	is(join(' ', sort keys %{ $ours[0] // \%seen }), join(' ', sort keys %seen), "$view: columns")
	  if @theirs;
	next unless $stable{$view};
	is_deeply([ map { my $row = $_; +{ map { $_ => as_text($row->{$_}) } keys %$row } } @ours ],
		\@theirs, "$view: as psql has it");
}

# numbers are numbers: 5 and not "5"
my $r = ctl('show', 'ring', '--json');
like($r->{out}, qr/^\[\{"size":\d+,"timeline":1,"tail_lsn":"[0-9A-F\/]+",/, 'numbers are bare, positions are not');
$r = ctl('show', 'standbys', '--json');
like($r->{out}, qr/"filtered":true/, 'so are booleans');
like($r->{out}, qr/"slot_name":null/, 'and what is not known is null');

# the table, as psql's but for blanks
my $psql = '';
IPC::Run::run([ pg_program($primary, 'psql'), '-X', '-d',
		"host=$wb->{socket_dir} port=$wb->{port} dbname=walbouncer", '-c', 'show rules' ],
	'<', '/dev/null', '>', \$psql);
$r = ctl('show', 'rules');
my ($a, $b) = map { s/[ \n]+/ /gr } $psql, $r->{out};
is($b, $a, 'a table, as psql prints it');
$r = ctl('show', 'rules', '-x');
like($r->{out}, qr/^-\[ RECORD 1 \]\nposition +\| 1\nname +\| part\n.*^-\[ RECORD 2 \]\n/ms, 'a line for each value');

# a name that would clear the screen
my $wire = $wb->wire;
$wire->startup(user => 'all', application_name => "\e[2Jx\n\xc3\xa4");
$r = ctl('show', 'standbys');
unlike($r->{out}, qr/\e/, 'no name gets to the terminal as it is');

# -- errors ----------------------------------------------------------------------

$r = ctl('show', 'nonsense');
is($r->{status}, 1, 'what is not there: exit status');
is($r->{out}, '', 'no output');
like($r->{err}, qr/^walbouncerctl: unrecognized .*"nonsense"\nHINT:  /, 'but a message');
$r = ctl('show', 'nonsense', '--json');
is($r->{status}, 1, 'the same as JSON: exit status');
my $error = $json->decode($r->{err});
is($error->{sqlstate}, '42704', 'its SQLSTATE');
like($error->{message}, qr/"nonsense"/, 'its message');
is(join(' ', sort keys %$error), 'detail hint message sqlstate', 'all of its parts');
$r = ctl('show', '"; RELOAD');
is($r->{status}, 1, 'quotes do not end a name');
$r = ctl('show', 'ring', '-U', 'nobody');
is($r->{status}, 1, 'another user: exit status');
like($r->{err}, qr/"nobody" may not use the console\nHINT:  "admin_users"/, 'another user: why not');
$r = ctl('show', 'ring', '-h', '127.0.0.1', '-p', $wb->port);
like($r->{err}, qr/Unix socket only/, 'not over TCP');
$r = ctl('show', 'ring', '-h', $wb->socket_dir, '-p', $wb->port);
is($r->{status}, 0, 'another socket');

# -- verbs -------------------------------------------------------------------------

my $offset = $wb->log_offset;
$r = ctl('reload');
is("$r->{status} $r->{out}", "0 server reloaded\n", 'reload');
like($wb->log_content($offset), qr/reloaded configuration/, 'has reloaded when it comes back');
$wb->configure(settings => { log_min_messages => 'debug1', max_replication_slots => 5, stats_users => 'nobody' },
	rules => [ { name => 'part', user => 'part', exclude_databases => ['secret'] }, { name => 'others' } ]);
$r = ctl('reload');
is("$r->{status} $r->{err}", '0 ', 'reload of something else');
like($r->{out}, qr/^setting "log_min_messages": info -> debug1 \(in force\)$/m, 'reload: what has changed');
like($r->{out}, qr/^setting "max_replication_slots": 4 -> 5 \(after a restart\)$/m, 'and what waits');
like($r->{out}, qr/^setting "stats_users": "" -> nobody \(in force\)$/m, 'one that was empty');
like($r->{out}, qr/^rule "all": \{.*\} -> \(none\) \(in force\)$/m, 'a rule that is gone');
like($r->{out}, qr/^rule "others": \(none\) -> \{.*\} \(in force\)$/m, 'and one that has come');
append_to_file($wb->{config_file}, "porf = 1;\n");
$r = ctl('reload');
is($r->{status}, 1, 'reload with an error');
like($r->{err}, qr/\Q$wb->{config_file}\E:\d+: .*porf/, 'says where it is');
$wb->configure;

my $standby = $wb->add_standby('part', application_name => q(very"far));
wait_for_replay($primary, $standby);
my $name = q(very"far);
ok(streams_from_ring($name), 'a standby with a quote in its name');
my $row;
my $link = $wb->standby_link($standby);
($row) = ctl_json('pause', $name);
is($row->{application_name}, $name, 'pause: it is told which');
ok(poll_until(sub {
		my ($s) = grep { ($_->{application_name} // '') eq $name } ctl_json('show', 'standbys');
		return $s && $s->{state} eq 'paused';
	}, 20), 'it is paused');
$primary->safe_psql('postgres', 'CREATE TABLE t ()');
is($wb->standby_link($standby), $link, 'and stays connected');
($row) = ctl_json('resume', $name);
is($row->{application_name}, $name, 'resume: it is told which');
ok(wait_for_replay($primary, $standby), 'it goes on');
is($wb->standby_link($standby), $link, 'on the same connection');
my $standby_log = -s $standby->logfile;
$offset = $wb->log_offset;
($row) = ctl_json('disconnect', $name);
is($row->{application_name}, $name, 'disconnect: it is told which');
$wb->wait_for_log(qr/LOG:  stream ended at [0-9A-F\/]+, by an operator$/m, $offset, 'the log says who ended it');
# what pg_terminate_backend() says to a standby of the primary
ok(poll_until(sub { slurp_file($standby->logfile, $standby_log) =~
	/could not receive data from WAL stream: FATAL:  terminating connection due to administrator command/ }),
	'and so does the log of the standby');
ok(poll_until(sub { ($wb->standby_link($standby) // $link) ne $link }, 20), 'it comes again');
$link = $wb->standby_link($standby);
($row) = ctl_json('disconnect', (split /:/, $link)[0]);
is($row->{application_name}, $name, 'disconnect by process id');
ok(poll_until(sub { ($wb->standby_link($standby) // $link) ne $link }, 20), 'it comes again');
$link = $wb->standby_link($standby);
$r = ctl('disconnect', 'nobody of that name');
is($r->{status}, 1, 'disconnect of nobody');
($row) = ctl_json('rescope', 'part');
is($row->{rule}, 'part', 'rescope');
$r = ctl('rescope', 'nonsense');
is($r->{status}, 1, 'rescope of no rule');
like($r->{err}, qr/there is no rule "nonsense"\nHINT:  SHOW RULES/, 'it says where they are');
my $elsewhere = 'host=' . $primary->host . ' port=' . $primary->port . " user='" . getpwuid($<) . "' keepalives=1";
($row) = ctl_json('repoint', $elsewhere, '--temporary');
is("$row->{host}:$row->{port}", $primary->host . ':' . $primary->port, 'repoint --temporary: where it is now');
my ($setting) = grep { $_->{name} eq 'upstream.conninfo' } ctl_json('show', 'config');
is($setting->{source}, 'repoint', 'the setting comes from there');
ctl_json('repoint', '--default');
($setting) = grep { $_->{name} eq 'upstream.conninfo' } ctl_json('show', 'config');
is($setting->{source}, 'configuration file', 'repoint --default: it does not any more');
$r = ctl('repoint', 'host=/nonexistent');
is($r->{status}, 1, 'repoint to what is not there');
like($r->{err}, qr/^walbouncerctl: .*\/nonexistent/, 'says why');
is($wb->standby_link($standby), $link, 'the standby has stayed connected');

# -- top, printed ------------------------------------------------------------------

ok(poll_until(sub { $wb->show_row('upstream', 'state', 'streaming') }), 'the upstream streams');
ok(streams_from_ring($name), 'so does the standby');
my $begin = time();
$r = ctl('top', '-n', 2, '-i', 0.5);
is($r->{status}, 0, 'top -n 2');
cmp_ok(time() - $begin, '>=', 0.5, 'with a pause between the rounds');
is(scalar(() = $r->{out} =~ /^upstream  streaming /mg), 2, 'two rounds');
like($r->{out}, qr/^very"far +streaming +\d.* ring +part +[0-9A-F]+\/[0-9A-F]+ /m, 'the standby has a line');
like($r->{out}, qr/\d+ k?B\/s/, 'the second round has rates');
unlike($r->{out}, qr/\e/, 'no control sequences without a terminal');

# -- top, on a terminal ------------------------------------------------------------

# Runs walbouncerctl top on a terminal of its own.
sub top_start
{
	my %environment = @_;
	my $pty = IO::Pty->new;

	$pty->slave->set_winsize(24, 100);
	my $pid = fork() // die "could not fork: $!";
	if ($pid == 0)
	{
		$pty->make_slave_controlling_terminal;
		my $slave = $pty->slave;
		close $pty;
		open STDIN,  '<&', $slave->fileno;
		open STDOUT, '>&', $slave->fileno;
		open STDERR, '>&', $slave->fileno;
		%ENV = (%ENV, TERM => 'xterm', %environment);
		{ no warnings; exec $ctl, 'top', '-c', $wb->{config_file}, '-i', 0.3; }
		POSIX::_exit(127);
	}
	$pty->blocking(0);
	return { pty => $pty, pid => $pid, seen => '' };
}

# Read on until the pattern comes up; what has been seen is forgotten.
sub top_expect
{
	my ($top, $pattern, $name) = @_;
	my $found = poll_until {
		my $bytes;
		$top->{seen} .= $bytes while $top->{pty}->sysread($bytes, 65536);
		return $top->{seen} =~ $pattern;
	} 30;

	ok($found, $name) or diag(substr($top->{seen}, -2000) =~ s/\e/\\e/gr);
	my $seen = $top->{seen};
	$top->{seen} = '';
	return $seen;
}

sub settings
{
	my $top = shift;
	my $termios = POSIX::Termios->new;

	$termios->getattr($top->{pty}->slave->fileno);
	return $termios->getlflag;
}

# It ends by itself; its wait status.
sub top_wait
{
	my $top = shift;
	my $status;

	poll_until { waitpid($top->{pid}, WNOHANG) == $top->{pid} and defined($status = $?) } 20;
	return $status;
}

foreach my $end (qw(q ^C TERM HUP))
{
	my $top = top_start();
	my $before = settings($top);

	my $seen = top_expect($top, qr/far.*far/s, "$end: it shows the standby, round after round");
	like($seen, qr/\e\[\?1049h.*\e\[H/s, "$end: on a screen of its own");
	like($seen, qr/\e\[32mstreaming/, "$end: in colours");
	ok(!(settings($top) & (ECHO | ICANON)), "$end: keys come at once");
	if    ($end eq 'q')  { $top->{pty}->syswrite('xq'); }
	elsif ($end eq '^C') { $top->{pty}->syswrite("\x03"); }
	else                 { kill $end, $top->{pid}; }
	top_expect($top, qr/\e\[\?25h\e\[\?1049l/, "$end: it leaves the screen");
	is(top_wait($top), { TERM => 15, HUP => 1 }->{$end} // 0, "$end: how it ends");
	is(settings($top), $before, "$end: the terminal is as it was");
}

my $top = top_start(NO_COLOR => '1');	# whose lines have their text alone
my $seen = top_expect($top, qr/far.*far/s, 'NO_COLOR');
unlike($seen, qr/\e\[3\dm/, 'no colours then');
# a smaller window: a frame of its own, whose lines are shorter
$top->{pty}->slave->set_winsize(8, 30);
kill 'WINCH', $top->{pid};
top_expect($top, qr/\e\[H(?:[^\n\e]{0,30}\e\[K\r\n){7}[^\n\e]{0,30}\e\[K\e\[J/, 'it fits into a smaller window');
# it lives through a restart
$offset = $wb->log_offset;
$wb->stop('fast');
top_expect($top, qr/no server running/, 'when the server is away it says so');
$wb->start_streaming;
top_expect($top, qr/upstream  streaming/, 'and comes back with it');
# which does not answer: ^C ends it all the same
kill 'STOP', $wb->pid, $wb->processes;
my $quiet = time();
ok(poll_until(sub {
		my $bytes;
		$quiet = time() while $top->{pty}->sysread($bytes, 65536);
		return time() - $quiet > 1.5;
	}, 30), 'it waits for a server that is stopped');
$top->{pty}->syswrite("\x03");
is(top_wait($top), 0, '^C while the server does not answer');
kill 'CONT', $wb->processes, $wb->pid;

# no terminal that could be written anywhere on
$top = top_start(TERM => 'dumb');
$seen = top_expect($top, qr/STANDBY.*STANDBY/s, 'TERM=dumb');
unlike($seen, qr/\e/, 'no control sequences then');
kill 'TERM', $top->{pid};
top_wait($top);

# nothing there
$wb->stop('fast');
$r = ctl('show', 'ring');
is($r->{status}, 1, 'no server: exit status');
like($r->{err}, qr/no server running\nDETAIL:  PID file .* does not exist/, 'no server: why');
is(ctl('top')->{status}, 1, 'top of no server');

done_testing();
