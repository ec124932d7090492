# WalBouncer.pm
#
# The driver of the TAP tests: a walbouncer between PostgreSQL::Test::Cluster
# nodes.  A test says only what differs:
#
#	my $wb = WalBouncer->new('wb', upstream => $primary,
#		rules => [ { name => 'a', user => 'a', exclude_databases => ['secret'] } ]);
#	$wb->start;
#	my $standby = $wb->add_standby('a');		# named as its rule
#	wait_for_replay($primary, $standby);
#
# A node is of the major of pg_config (or WB_MAJOR, to run a test with another one)
# unless new_primary is told a major; its standbys and its client programs are of
# the same.  What a run has is majors():
#
#	foreach my $major (majors())
#	{
#		my $primary = new_primary("primary$major", major => $major);
#		...
#	}
#
# Environment: WB_PG_MAJORS="13=/path/bin 17=/path/bin" names where other majors
# than that of pg_config are, WB_REQUIRE_MAJORS="13 15 17" those that must not be
# missing.
#
# Everything that is started here is stopped at the end of the test.  Directories
# and logs lie under TESTDIR/tmp_check and stay there when a test fails.

package WalBouncer;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(basename dirname);
use File::Path qw(rmtree);
use IPC::Run ();
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(usleep time);

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PgWire;

our @EXPORT = qw(
  majors
  bindir
  pg_program
  ctl_program
  new_primary
  poll_until
  wait_for_replay
  wait_for_walsenders
  same_dump
  dump_text
  log_clean
  grep_files
  waldump
  lsn_number
  lsn_text
  segment_file
  tcp_links
  children_of
  process_title
  process_heap
  process_memory
  process_descriptors
  pgbench_start
  spawn
);

# A test that is interrupted stops what it has started, too.
$SIG{$_} = sub { exit 1 }
  foreach qw(HUP INT TERM);

my @all;		# every walbouncer of this test
my @spawned;	# other background processes

# -- PostgreSQL majors -------------------------------------------------------

my %bindir;		# by major
my $own_major;	# that of pg_config

# xlog_internal.h, XLOG_PAGE_MAGIC
my %major_of_magic = (
	0xD106 => 13,
	0xD10D => 14,
	0xD110 => 15,
	0xD113 => 16,
	0xD116 => 17,
	0xD118 => 18);

# make check has put the directory of pg_config into PATH.
sub _find_majors
{
	return if %bindir;

	my $version = `pg_config --version` // '';
	($own_major) = $version =~ /^PostgreSQL (\d+)/
	  or BAIL_OUT("pg_config does not tell its version: $version");
	foreach (split ' ', $ENV{WB_PG_MAJORS} // '')
	{
		my ($major, $dir) = /^(\d+)=(.+)$/
		  or BAIL_OUT("WB_PG_MAJORS: \"$_\" is not MAJOR=DIRECTORY");
		-x "$dir/postgres" or BAIL_OUT("WB_PG_MAJORS: there is no \"$dir/postgres\"");
		$bindir{$major} = $dir;
	}
	chomp($bindir{$own_major} = `pg_config --bindir`);
	# a test that skips what it was to test would pass
	foreach (split ' ', $ENV{WB_REQUIRE_MAJORS} // '')
	{
		BAIL_OUT("PostgreSQL $_ is required, but not in WB_PG_MAJORS")
		  unless $bindir{$_};
	}
	return;
}

# The majors that this run can start, in order.
sub majors
{
	_find_majors();
	return sort { $a <=> $b } keys %bindir;
}

# Where the programs of a major are.
sub bindir
{
	my $major = shift;

	_find_majors();
	return $bindir{$major} // BAIL_OUT("PostgreSQL $major is not in WB_PG_MAJORS");
}

# The path of a program of the major, or of the major that a node (or what stands
# for one, a conninfo string) is of.  A bare name would be looked up once by
# IPC::Run, and found again whatever the PATH is by then.
sub pg_program
{
	my ($of, $program) = @_;

	_find_majors();
	my $major = ref $of ? $of->pg_version->major
	  : ($of // '') =~ /^\d+$/ ? $of
	  : $own_major;
	return bindir($major) . "/$program";
}

# walbouncerctl is beside the walbouncer that is tested.
sub ctl_program
{
	return dirname($ENV{WALBOUNCER}) . '/walbouncerctl' if $ENV{WALBOUNCER};
	return 'walbouncerctl';
}

# -- what runs beside walbouncer ---------------------------------------------

# A node; what a failed run of this test has left in its place goes.
sub _new_node
{
	my ($name, $major) = @_;
	my $test = basename($0);
	my @params;
	$test =~ s/\.[^.]+$//;

	_find_majors();
	$major ||= $ENV{WB_MAJOR};
	push @params, install_path => dirname(bindir($major))
	  if $major && $major != $own_major;
	rmtree("$PostgreSQL::Test::Utils::tmp_check/t_${test}_${name}_data");
	unlink _log_path($name);
	return PostgreSQL::Test::Cluster->new($name, @params);
}

# A primary that keeps all its WAL, with room for many standbys.
# major: of PostgreSQL; initdb: options; conf: lines; no_start
sub new_primary
{
	my ($name, %params) = @_;
	my $node = _new_node($name, $params{major});

	$node->init(
		allows_streaming => 1,
		extra            => $params{initdb} // []);
	$node->append_conf('postgresql.conf', <<"END");
wal_keep_size = 20GB
max_wal_size = 1GB
shared_buffers = 16MB
max_connections = 40
max_wal_senders = 20
max_prepared_transactions = 10
password_encryption = scram-sha-256
autovacuum = off
log_statement = none
log_checkpoints = off
END
	$node->append_conf('postgresql.conf', $params{conf}) if $params{conf};
	$node->start unless $params{no_start};
	return $node;
}

# Call code until it says true; false after timeout seconds.
sub poll_until(&;$)
{
	my ($code, $timeout) = @_;
	my $deadline = time() + ($timeout // $PostgreSQL::Test::Utils::timeout_default);

	while (1)
	{
		my $result = $code->();
		return $result if $result;
		return 0 if time() > $deadline;
		usleep(50_000);
	}
}

# The standby has replayed what the primary has flushed by now.
sub wait_for_replay
{
	my ($primary, $standby) = @_;
	my $lsn = $primary->lsn('flush');

	return $standby->poll_query_until('postgres',
		"SELECT pg_last_wal_replay_lsn() >= '$lsn'");
}

# The primary has exactly so many walsenders.
sub wait_for_walsenders
{
	my ($primary, $count) = @_;

	return $primary->poll_query_until('postgres',
		"SELECT count(*) = $count FROM pg_stat_replication");
}

sub dump_text
{
	my ($node, $db, @options) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ pg_program($node, 'pg_dump'), '-d', $node->connstr($db), @options ],
		'>', \$out, '2>', \$err)
	  or diag('pg_dump of ' . $node->name . ": $err");
	$out =~ s/^\\(?:un)?restrict .*\n//mg;	# a random token
	# sequences are logged ahead of their values
	$out =~ s/^(SELECT pg_catalog\.setval\('[^']+').*/$1/mg;
	return $out;
}

# A test of its own: both nodes dump the database to the same text.
sub same_dump
{
	my ($one, $two, $db, @options) = @_;
	my $a = dump_text($one, $db, @options);
	my $b = dump_text($two, $db, @options);
	my $where = "$PostgreSQL::Test::Utils::log_path/dump_${$}_" . $two->name . "_$db";
	my $equal = length($a) > 0 && $a eq $b;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	if (!$equal)
	{
		# kept for whoever has to find out what differs
		unlink "${where}_1", "${where}_2";
		append_to_file("${where}_1", $a);
		append_to_file("${where}_2", $b);
		diag("dumps differ: ${where}_1 ${where}_2");
	}
	return ok($equal,
		"database $db dumps the same from " . $one->name . ' and ' . $two->name);
}

# A test of its own: the server log since offset names no failure of recovery.
sub log_clean
{
	my ($node, $offset) = @_;
	my @bad =
	  grep { /PANIC:|FATAL:|incorrect resource manager data checksum/ }
	  grep { !/FATAL:  the database system is (?:starting|shutting|not yet)/ }
	  grep { !/FATAL:  terminating (?:walreceiver|connection) .*administrator/ }
	  # while walbouncer is away
	  grep { !/FATAL:  .*could not connect to the primary server/ }
	  # a server that shuts down ends the stream without CopyDone (walsender.c, WalSndDone)
	  grep { !/FATAL:  could not send (?:end-of-streaming message|data to WAL stream: server closed)/ }
	  split /\n/, slurp_file($node->logfile, $offset // 0);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(join("\n", @bad), '',
		'no FATAL, PANIC or CRC error in the log of ' . $node->name);
}

# Names of the files below the directories that have the text in them.
sub grep_files
{
	my ($text, @dirs) = @_;
	my $out = '';

	IPC::Run::run([ 'grep', '-rlaF', '--', $text, @dirs ],
		'>', \$out, '2>', '/dev/null');
	return join(' ', sort split /\n/, $out);
}

# The major that has written a segment: the magic of its first page.
sub _segment_major
{
	my $file = shift;
	my $bytes;

	open my $fh, '<:raw', $file or die "could not open \"$file\": $!";
	read($fh, $bytes, 2) == 2 or die "could not read \"$file\"";
	close $fh;
	return $major_of_magic{ unpack('S', $bytes) } // die "\"$file\" is not WAL";
}

# One line a record, from two segments and what lies between them; dies if
# pg_waldump, that of the major that has written them, finds anything wrong.
sub waldump
{
	my ($dir, $first, $last, @options) = @_;
	my ($out, $err) = ('', '');
	my $major = _segment_major("$dir/$first");

	IPC::Run::run([ pg_program($major, 'pg_waldump'), '-p', $dir, @options, $first, $last ],
		'>', \$out, '2>', \$err)
	  or die "pg_waldump -p $dir $first $last: $err";
	return grep { /^rmgr:/ } split /\n/, $out;
}

sub lsn_number
{
	my ($hi, $lo) = split m{/}, shift;
	return (hex($hi) << 32) | hex($lo);
}

sub lsn_text
{
	my $lsn = shift;
	return sprintf('%X/%X', $lsn >> 32, $lsn & 0xFFFFFFFF);
}

# Name of the segment that has the byte at lsn (a number), on timeline 1.
sub segment_file
{
	my ($lsn, $size) = @_;
	my $segno = int($lsn / $size);
	my $per_id = int(2**32 / $size);

	return sprintf('%08X%08X%08X', 1, int($segno / $per_id), $segno % $per_id);
}

# -- /proc -------------------------------------------------------------------

# [local port, remote port] of each established TCP connection of a process.
sub tcp_links
{
	my $pid = shift;
	my %inode;
	my @links;

	foreach my $fd (glob "/proc/$pid/fd/*")
	{
		my $target = readlink $fd // '';
		$inode{$1} = 1 if $target =~ /^socket:\[(\d+)\]/;
	}
	foreach my $table (qw(tcp tcp6))
	{
		open my $fh, '<', "/proc/net/$table" or next;
		while (my $line = <$fh>)
		{
			my @field = split ' ', $line;
			# a line may come twice when other connections end meanwhile
			next unless ($field[3] // '') eq '01' && delete $inode{ $field[9] };
			push @links, [ map { hex((split /:/)[-1]) } @field[ 1, 2 ] ];
		}
	}
	return @links;
}

sub children_of
{
	my $pid = shift;
	my @children;

	foreach my $stat (glob '/proc/[0-9]*/stat')
	{
		open my $fh, '<', $stat or next;
		my $line = <$fh> // '';
		push @children, $1 if $line =~ /^(\d+) \(.*\) [^Z] $pid /;
	}
	# sort has no meaning where the caller wants to know how many
	@children = sort { $a <=> $b } @children;
	return @children;
}

sub process_title
{
	my $pid = shift;
	open my $fh, '<', "/proc/$pid/cmdline" or return '';
	local $/;
	my $title = <$fh> // '';
	$title =~ s/\0+$//;
	$title =~ s/\0/ /g;
	return $title;
}

# How many files and sockets a process has open.
sub process_descriptors
{
	my $pid = shift;
	my @fds = glob "/proc/$pid/fd/*";
	return scalar @fds;
}

# Private memory in kB: what the process alone costs.
sub process_memory
{
	return _memory(shift, qr/^Private_(?:Clean|Dirty):\s+(\d+) kB/);
}

# What it has allocated, in kB, whoever shares it since a fork: for growth, since
# what is private depends on who else lives at the moment.
sub process_heap
{
	return _memory(shift, qr/^Anonymous:\s+(\d+) kB/);
}

sub _memory
{
	my ($pid, $pattern) = @_;
	my $kb = 0;

	open my $fh, '<', "/proc/$pid/smaps_rollup" or return undef;
	while (my $line = <$fh>)
	{
		$kb += $1 if $line =~ $pattern;
	}
	return $kb;
}

# -- background processes ----------------------------------------------------

# Run a command with its output in a file of the log directory; returns its pid.
sub spawn
{
	my ($log, @command) = @_;
	my $pid = fork() // die "could not fork: $!";

	if ($pid == 0)
	{
		open STDIN,  '<',  '/dev/null';
		open STDOUT, '>>', $log or POSIX::_exit(126);
		open STDERR, '>&', \*STDOUT;
		{ no warnings; exec @command; }
		POSIX::_exit(127);
	}
	push @spawned, $pid;
	return $pid;
}

# pgbench in the background for as long as it is let; end it with kill.
sub pgbench_start
{
	my ($node, $db, @options) = @_;

	return spawn(_log_path('pgbench'), pg_program($node, 'pgbench'), '-n', @options, '-d',
		$node->connstr($db));
}

sub _log_path
{
	my $name = shift;
	my $test = basename($0);
	$test =~ s/\.[^.]+$//;
	return "$PostgreSQL::Test::Utils::log_path/${test}_$name.log";
}

# -- walbouncer --------------------------------------------------------------

# upstream: a node or a conninfo string; rules: list of hashes (see _rule_text),
# without it one that serves everybody; settings, upstream_settings: option names
# as in walbouncer.conf.
sub new
{
	my ($class, $name, %params) = @_;
	my $test = basename($0);
	$test =~ s/\.[^.]+$//;
	my $dir = "$PostgreSQL::Test::Utils::tmp_check/t_${test}_${name}_walbouncer";

	rmtree($dir);
	mkdir $dir or die "could not create \"$dir\": $!";
	mkdir "$dir/state", 0700;
	my $socket_dir = PostgreSQL::Test::Utils::tempdir_short();
	my $self = bless {
		name        => $name,
		dir         => $dir,
		socket_dir  => $socket_dir,
		config_file => "$dir/walbouncer.conf",
		logfile     => _log_path($name),
		port        => PostgreSQL::Test::Cluster::get_free_port(),
		binary      => $ENV{WALBOUNCER} || 'walbouncer',
		upstream    => $params{upstream},
		rules       => $params{rules},
		settings    => {
			listen_addresses            => '127.0.0.1',
			state_directory             => "$dir/state",
			control_socket_directory    => $socket_dir,
			wal_retrieve_retry_interval => '500ms',
			log_min_messages            => 'info',
			%{ $params{settings} // {} }
		},
		upstream_settings => $params{upstream_settings} // {},
	}, $class;
	unlink $self->{logfile};
	append_to_file($self->{logfile}, '');
	$self->configure;
	push @all, $self;
	return $self;
}

sub port       { return shift->{port}; }
sub name       { return shift->{name}; }
sub dir        { return shift->{dir}; }
sub logfile    { return shift->{logfile}; }
sub pid        { return shift->{pid}; }
sub socket_dir { return shift->{socket_dir}; }

# conninfo of an upstream node.
sub node_conninfo
{
	my $node = shift;
	return ref $node
	  ? 'host=' . $node->host . ' port=' . $node->port . ' user=' . getpwuid($<)
	  : $node;
}

sub _list
{
	my $value = shift;
	return '[ ' . join(', ', map { "\"$_\"" } ref $value ? @$value : ($value)) . ' ]';
}

sub _value
{
	my $value = shift;
	return $value if $value =~ /^\d+$/ || $value =~ /^(?:true|false)$/;
	$value =~ s/(["\\])/\\$1/g;
	return "\"$value\"";
}

# { name, user, application_name, source, allow_remote_trust, send_delay,
#   {include,exclude}_{databases,tablespaces} }
sub _rule_text
{
	my $rule = shift;
	my ($match, $filter) = ('', '');
	my $text = "{ name = \"$rule->{name}\"; auth = \"trust\"; ";

	foreach my $key (qw(user application_name))
	{
		$match .= "$key = \"$rule->{$key}\"; " if defined $rule->{$key};
	}
	$match .= 'source = ' . _list($rule->{source}) . '; ' if $rule->{source};
	foreach my $key (map { ("include_$_", "exclude_$_") } qw(databases tablespaces))
	{
		$filter .= "$key = " . _list($rule->{$key}) . '; ' if $rule->{$key};
	}
	$text .= "allow_remote_trust = true; " if $rule->{allow_remote_trust};
	$text .= "send_delay = \"$rule->{send_delay}\"; " if $rule->{send_delay};
	$text .= "match = { $match}; " if $match;
	$text .= "filter = { $filter}; " if $filter;
	return "$text}";
}

# Change parts of the configuration and write the file; start or reload brings
# it into force.
sub configure
{
	my ($self, %params) = @_;

	foreach my $key (qw(settings upstream_settings))
	{
		$self->{$key} = { %{ $self->{$key} }, %{ $params{$key} // {} } };
	}
	$self->{upstream} = $params{upstream} if $params{upstream};
	$self->{rules} = $params{rules} if $params{rules};

	my $text = "port = $self->{port};\n";
	foreach my $key (sort keys %{ $self->{settings} })
	{
		$text .= "$key = " . _value($self->{settings}{$key}) . ";\n";
	}
	my %upstream = (
		conninfo => node_conninfo($self->{upstream} // ''),
		%{ $self->{upstream_settings} });
	$text .= "upstream = {\n";
	foreach my $key (sort keys %upstream)
	{
		$text .= "\t$key = " . _value($upstream{$key}) . ";\n";
	}
	$text .= "};\nrules = (\n\t";
	$text .= join(",\n\t",
		map { _rule_text($_) } @{ $self->{rules} // [ { name => 'everything' } ] });
	$text .= "\n);\n";
	$self->write_config($text);
	return;
}

# The file's very text, for what configure would never write.
sub write_config
{
	my ($self, $text) = @_;

	open my $fh, '>', $self->{config_file} or die "$self->{config_file}: $!";
	print $fh $text;
	close $fh;
	return;
}

# Start and wait until it accepts connections; fail_ok: returns false if it ends
# before that.
sub start
{
	my ($self, %params) = @_;
	my $offset = -s $self->{logfile};

	print "### Starting walbouncer \"$self->{name}\"\n";
	$self->{pid} = spawn($self->{logfile}, $self->{binary},
		'-c', $self->{config_file}, @{ $params{options} // [] });
	my $ready = poll_until {
		return 1 if $self->log_content($offset) =~ /ready to accept connections/;
		return -1 if !$self->alive;
		return 0;
	};
	return 1 if $ready == 1;
	return 0 if $params{fail_ok};
	BAIL_OUT("walbouncer \"$self->{name}\" did not start:\n"
		  . $self->log_content($offset));
}

# As start, and the reader has reached the upstream.
sub start_streaming
{
	my ($self, %params) = @_;
	my $offset = -s $self->{logfile};

	$self->start(%params);
	$self->wait_for_log(qr/streaming from upstream/, $offset);
	return;
}

# Whether the supervisor runs; notes its exit status when it does not.
sub alive
{
	my $self = shift;

	return 0 unless $self->{pid};
	my $got = waitpid($self->{pid}, WNOHANG);
	if ($got == $self->{pid})
	{
		$self->{status} = $?;
		delete $self->{pid};
		return 0;
	}
	return $got == 0;
}

# Wait for the supervisor to exit; its wait status, or undef if it stays.
sub wait_for_exit
{
	my ($self, $timeout) = @_;

	poll_until { !$self->alive } $timeout // 30 or return undef;
	return $self->{status};
}

my %stop_signal = (smart => 'TERM', fast => 'INT', immediate => 'QUIT');

# Returns the wait status: 0 is a stop in good order.
sub stop
{
	my ($self, $mode, %params) = @_;
	my $signal = $stop_signal{ $mode // 'fast' } or die "stop mode $mode";

	return undef unless $self->alive;
	print "### Stopping walbouncer \"$self->{name}\" with SIG$signal\n";
	kill $signal, $self->{pid};
	return $self->wait_for_exit($params{timeout});
}

sub kill9
{
	my $self = shift;

	kill 'KILL', $self->{pid};
	return $self->wait_for_exit;
}

# HUP, and wait until the log tells the outcome; true if it took the file.
sub reload
{
	my $self = shift;
	my $offset = -s $self->{logfile};

	kill 'HUP', $self->{pid};
	poll_until { $self->log_content($offset) =~ /reloaded|not changed/ };
	return $self->log_content($offset) =~ /\breloaded/ ? 1 : 0;
}

sub log_content
{
	my ($self, $offset) = @_;
	return slurp_file($self->{logfile}, $offset // 0) // '';
}

sub log_offset
{
	my $self = shift;
	return -s $self->{logfile};
}

# A test of its own: the pattern comes up in the log.
sub wait_for_log
{
	my ($self, $pattern, $offset, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $found = poll_until { $self->log_content($offset) =~ $pattern } 60;
	ok($found, $name // "log has $pattern");
	return $found;
}

# A test of its own: the pattern does not stand in the log.
sub log_unlike
{
	my ($self, $pattern, $offset, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return unlike($self->log_content($offset), $pattern, $name // "log has no $pattern");
}

# -- its processes -----------------------------------------------------------

sub processes
{
	my $self = shift;
	return children_of($self->{pid});
}

sub reader
{
	my $self = shift;
	my @found = grep { process_title($_) =~ /^walbouncer: reader/ } $self->processes;
	return $found[0];
}

# Workers that serve somebody.
sub workers
{
	my $self = shift;
	return grep { process_title($_) =~ /^walbouncer: worker/ } $self->processes;
}

# Sessions of the console, also those whose clients have gone just now.
sub consoles
{
	my $self = shift;
	return grep { process_title($_) =~ /^walbouncer: console/ } $self->processes;
}

sub spares
{
	my $self = shift;
	return grep { process_title($_) =~ /^walbouncer: spare worker/ } $self->processes;
}

# The worker at the other end of a process's TCP connection, as "pid:port": as
# long as that stays the same it is the same worker and the same connection.
sub link_of
{
	my ($self, $client) = @_;
	my ($port) = map { $_->[0] } grep { $_->[1] == $self->{port} } tcp_links($client);

	return undef unless $port;
	foreach my $pid ($self->processes)
	{
		foreach my $link (tcp_links($pid))
		{
			return "$pid:$port" if $link->[0] == $self->{port} && $link->[1] == $port;
		}
	}
	return undef;
}

# The same for a standby's walreceiver; waits until there is one.
sub standby_link
{
	my ($self, $standby) = @_;
	my $link;

	poll_until {
		my $pid = $standby->safe_psql('postgres', 'SELECT pid FROM pg_stat_wal_receiver');
		$link = $pid ? $self->link_of($pid) : undef;
		return defined $link;
	};
	return $link;
}

# -- its clients -------------------------------------------------------------

sub connstr
{
	my ($self, $user, $application_name) = @_;
	my $text = "host=127.0.0.1 port=$self->{port} user=" . ($user // 'anybody');

	$text .= " application_name=$application_name" if $application_name;
	return $text;
}

# A table of the console, a hash for each row; NULL is undef.
sub show
{
	my ($self, $view) = @_;
	my ($stdout, $stderr);

	IPC::Run::run([ pg_program($self->{upstream}, 'psql'), '-X', '-q', '-A', '-F', "\t",
			'-P', 'footer=off', '-P', 'null=<NULL>', '-d',
			"host=$self->{socket_dir} port=$self->{port} dbname=walbouncer user=" . getpwuid($<),
			'-c', "show $view" ], '>', \$stdout, '2>', \$stderr)
	  or die "show $view: $stderr";
	my ($head, @lines) = split /\n/, $stdout;
	my @columns = split /\t/, $head;
	return map {
		my @values = map { $_ eq '<NULL>' ? undef : $_ } split /\t/, $_, -1;
		my %row;
		@row{@columns} = @values;
		\%row;
	} @lines;
}

# The row of such a table where a column has that value; undef without one, or if
# there are several.
sub show_row
{
	my ($self, $view, $column, $value) = @_;
	my @rows = grep { ($_->{$column} // '') eq $value } $self->show($view);

	return @rows == 1 ? $rows[0] : undef;
}

# psql at the console, over its socket: { status, out, err }, rows as lines with |
# between columns.  user is the one that it asks for, options are more of psql's.
sub console
{
	my ($self, $sql, %params) = @_;
	my ($out, $err);
	my @sql = map { ('-c', $_) } ref $sql ? @$sql : ($sql);

	IPC::Run::run([ $params{psql} // 'psql', '-XAtq', '-h', $self->{socket_dir}, '-p', $self->{port}, '-U',
			$params{user} // scalar getpwuid($<), @{ $params{options} // [] }, @sql, 'walbouncer' ],
		'<', '/dev/null', '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	my $status = $?;
	chomp $out;
	return { status => $status & 127 ? "signal $status" : $status >> 8, out => $out, err => $err };
}

# What it says, as a list of rows; an error is the end of the test.
sub console_rows
{
	my ($self, $sql, %params) = @_;
	my $result = $self->console($sql, %params);

	die "console: $sql: $result->{err}" if $result->{status} != 0;
	return map { [ split /\|/, $_, -1 ] } split /\n/, $result->{out};
}

# The SQLSTATE that it is refused with; '' if it is not.
sub console_sqlstate
{
	my ($self, $sql, %params) = @_;
	my $result = $self->console($sql, %params, options => [ '-v', 'VERBOSITY=sqlstate', @{ $params{options} // [] } ]);

	return $1 if $result->{err} =~ /^(?:ERROR|FATAL): +(\w{5})/m;
	return $result->{status} == 0 ? '' : $result->{err};
}

# A raw connection to the console, behind its ReadyForQuery.
sub console_wire
{
	my ($self, %params) = @_;
	my $wire = PgWire->new(path => "$self->{socket_dir}/.s.PGSQL.$self->{port}", timeout => 30);
	my @greeting = $wire->startup(database => 'walbouncer', replication => 'false',
		user => scalar getpwuid($<), %params);

	$wire->{greeting} = \@greeting;
	return $wire;
}

# Waits until a session is the only one of the console: the others keep their places
# until the supervisor has seen their ends, which only walbouncer itself can tell.
sub left_alone
{
	my ($self, $wire) = @_;

	return $wire if poll_until { 1 == grep { ($_->[1] // '') eq 'console' } $wire->rows('SHOW activity') };
	die 'others stay at the console';
}

# A raw connection, see PgWire.pm.
sub wire
{
	my ($self, %params) = @_;
	return PgWire->new(host => '127.0.0.1', port => $self->{port}, %params);
}

sub _rule
{
	my ($self, $name) = @_;
	my ($rule) = grep { $_->{name} eq $name } @{ $self->{rules} // [] };
	return $rule // { name => $name, user => $name };
}

# Names that a rule withholds, out of those that the primary has.
sub _excluded
{
	my ($rule, $kind, @names) = @_;
	my $include = $rule->{"include_$kind"};
	my %listed = map { $_ => 1 } @{ $include // $rule->{"exclude_$kind"} // [] };

	return $include
	  ? grep { !$listed{$_} } @names
	  : grep { $listed{$_} } @names;
}

# A standby named as its rule (or rule => name), made from a base backup of the
# primary without any WAL, less the directories that the rule withholds.
# Tablespaces go to directories of its own: see standby_dirs.
sub add_standby
{
	my ($self, $name, %params) = @_;
	my $primary = $params{primary} // $self->{upstream};
	my $rule = $self->_rule($params{rule} // $name);
	my $standby = _new_node($name, $primary->pg_version->major);
	my $data = $standby->data_dir;
	my $user = $params{user} // $rule->{user} // $name;
	my $app = $params{application_name} // $rule->{application_name} // $name;
	my (%spc, %location, %db, @map);

	foreach my $line (split /\n/, $primary->safe_psql('postgres',
			"SELECT oid, spcname, pg_tablespace_location(oid) FROM pg_tablespace WHERE oid >= 16384"))
	{
		my ($oid, $spcname, $old) = split /\|/, $line;
		$spc{$spcname} = $oid;
		$location{$oid} = $standby->basedir . "/tblspc_$oid";
		push @map, '-T', "$old=$location{$oid}";
	}
	foreach my $line (split /\n/, $primary->safe_psql('postgres',
			"SELECT oid, datname FROM pg_database WHERE NOT datistemplate"))
	{
		my ($oid, $datname) = split /\|/, $line;
		$db{$datname} = $oid;
	}

	system_or_bail(pg_program($primary, 'pg_basebackup'), '-D', $data, '-h', $primary->host, '-p',
		$primary->port, '-X', 'none', '--checkpoint', 'fast', '--no-sync', @map);
	foreach my $oid (map { $spc{$_} } _excluded($rule, 'tablespaces', keys %spc))
	{
		unlink "$data/pg_tblspc/$oid" or die "pg_tblspc/$oid: $!";
		rmtree($location{$oid});
	}
	foreach my $oid (map { $db{$_} } _excluded($rule, 'databases', keys %db))
	{
		rmtree($_) foreach (glob "$data/base/$oid $data/pg_tblspc/*/PG_*/$oid");
	}
	$standby->append_conf('postgresql.conf', <<"END");
port = @{[ $standby->port ]}
primary_conninfo = '@{[ $self->connstr($user, $app) ]}'
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
END
	$standby->append_conf('postgresql.conf', $params{conf}) if $params{conf};
	append_to_file("$data/standby.signal", '');
	$standby->start unless $params{no_start};
	return $standby;
}

# pg_receivewal in the background; it ends when its connection is lost unless
# loop is set.  It is that of the upstream's major.  socket: over walbouncer's
# Unix-domain socket; options: more of its own, among which --synchronous stands
# in place of --no-sync.
sub receive
{
	my ($self, $name, %params) = @_;
	my $rule = $self->_rule($params{rule} // $name);
	my @options = @{ $params{options} // [] };
	my $connstr = $self->connstr($params{user} // $rule->{user} // $name,
		$params{application_name} // $rule->{application_name});
	my $rx = bless {
		name => $name,
		dir  => "$self->{dir}/receive_$name",
		log  => _log_path("receive_$name")
	}, 'WalBouncer::Receiver';

	mkdir $rx->{dir};
	unlink $rx->{log};
	append_to_file($rx->{log}, '');
	$connstr =~ s/^host=\S+/host=$self->{socket_dir}/ if $params{socket};
	$rx->{pid} = spawn($rx->{log}, pg_program($self->{upstream}, 'pg_receivewal'), '-d', $connstr, '-D',
		$rx->{dir}, '-v', $params{loop} ? () : '-n', @options,
		grep({ $_ eq '--synchronous' } @options) ? () : '--no-sync');
	poll_until { slurp_file($rx->{log}) =~ /starting log streaming/ || !$rx->alive };
	return $rx;
}

END
{
	my $status = $?;

	foreach my $wb (@all)
	{
		next unless $wb->{pid};
		my @children = $wb->processes;
		kill 'CONT', @children;
		kill 'KILL', $wb->{pid}, @children;
		waitpid($wb->{pid}, 0);
	}
	foreach my $wb (@all)
	{
		# what a sanitizer has to say fails any test
		if ($wb->log_content =~ /^(.*(?:Sanitizer|runtime error:|Assert).*)$/m)
		{
			diag("$wb->{logfile}: $1");
			$status ||= 1;
		}
	}
	foreach my $pid (@spawned)
	{
		kill('KILL', $pid) if waitpid($pid, WNOHANG) == 0;
		waitpid($pid, 0);
	}
	# as the servers' directories go; the logs are elsewhere
	if ($status == 0 && PostgreSQL::Test::Utils::all_tests_passing() && !defined $ENV{PG_TEST_NOCLEAN})
	{
		rmtree($_->{dir}) foreach @all;
	}
	$? = $status;
}

# -- a running pg_receivewal -------------------------------------------------

package WalBouncer::Receiver;

use POSIX qw(:sys_wait_h);

sub dir { return shift->{dir}; }
sub pid { return shift->{pid}; }

sub alive
{
	my $self = shift;
	return $self->{pid} && waitpid($self->{pid}, WNOHANG) == 0;
}

# Has the whole segment; false if it ends or does not come in time.
sub wait_for_segment
{
	my ($self, $file, $timeout) = @_;
	my $done = WalBouncer::poll_until {
		return 1 if -e "$self->{dir}/$file";
		return !$self->alive;
	} $timeout;
	return $done && -e "$self->{dir}/$file";
}

# The segments that it has received in full.
sub segments
{
	my $self = shift;
	return sort map { m{/([0-9A-F]{24})$} ? $1 : () } glob "$self->{dir}/*";
}

sub stop
{
	my $self = shift;

	kill 'INT', $self->{pid};
	waitpid($self->{pid}, 0);
	return $?;
}

1;
