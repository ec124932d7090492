# Names.pm
#
# A cast of servers for the tests of how names get into effect: a primary, filtered
# standbys, and for each rule a pg_receivewal, the second worker of that rule.
# What each of them may have is worked out here from the name that a database or
# tablespace is created under, and verify() holds everything to that:
#
#	my $cast = Names->new($major, databases => ['in_1'], ...);
#	my $db = $cast->create('in_1');
#	$cast->verify('one database');
#	$cast->done;
#
# By the rules that new() makes unless it is given others, a name says it all:
#
#	excl	exclude_databases: out_*
#	incl	include_databases: in_* and postgres; include_tablespaces: tin_*
#	spc		exclude_tablespaces: tout_*
#
# mid_* and tmid_* are in no list.  The lists are of real names, of which there are
# as many as new() is told (count).
#
# Settings rotate.  A test file counts as its number, and that plus the major says
# which: data checksums on or off, wal_level replica or logical, segments of 1 MB
# or 64 MB.  Four files in a row have each pair of the first two with each major,
# and each size twice.
#
# Tablespaces: their location begins with /proc/self/cwd, which is the data
# directory of whoever looks, so that servers on one host have each their own.

package Names;

use strict;
use warnings;

use File::Basename qw(basename);
use File::Path qw(rmtree);
use Test::More;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use WalBouncer;

my $serial = 0;		# of markers

# count: of names in each list; rules; standbys: the rules that have one, and a
# receiver, from the start; conf: lines; settings: of walbouncer; segment_mb
sub new
{
	my ($class, $major, %params) = @_;
	my ($number) = basename($0) =~ /^(\d+)_/;
	my $turn = $number + $major;
	my $checksums = $turn & 1;
	my $logical = $turn >> 1 & 1;
	my $segment_mb = $params{segment_mb} // ($turn % 4 == 0 || $turn % 4 == 3 ? 1 : 64);
	my $count = $params{count} // 9;
	my $self = bless {
		major        => $major,
		segment_size => $segment_mb << 20,
		objects      => [],
		locations    => [],
		standby      => {},
		receiver     => {},
		offset       => {},
		started      => time(),
	}, $class;

	note("PostgreSQL $major: "
		  . ($checksums ? 'checksums' : 'no checksums')
		  . ', wal_level ' . ($logical ? 'logical' : 'replica')
		  . ", segments of $segment_mb MB");
	my $primary = $self->{primary} = new_primary("primary$major",
		major  => $major,
		initdb => [
			'-E', 'UTF8', '--no-locale', "--wal-segsize=$segment_mb",
			$checksums ? '--data-checksums' : $major >= 18 ? '--no-data-checksums' : () ],
		conf => 'wal_level = ' . ($logical ? 'logical' : 'replica') . "\n"
		  . 'wal_log_hints = ' . ($checksums ? 'on' : 'off') . "\n"
		  . "checkpoint_timeout = 1h\n"
		  . ($params{conf} // ''));
	$self->_tablespace_home($primary);
	# what every rule has, with a place for tables in any tablespace
	$primary->safe_psql('postgres', 'CREATE DATABASE in_base');

	$self->{rules} = $params{rules} // [
		{ name => 'excl', exclude_databases => [ map { "out_$_" } 1 .. $count ] },
		{ name => 'incl',
			include_databases   => [ 'postgres', 'in_base', map { "in_$_" } 1 .. $count ],
			include_tablespaces => [ map { "tin_$_" } 1 .. $count ] },
		{ name => 'spc', exclude_tablespaces => [ map { "tout_$_" } 1 .. $count ] } ];
	$_->{user} = $_->{name} foreach @{ $self->{rules} };
	$self->{wb} = WalBouncer->new("wb$major",
		upstream => $primary,
		rules    => $self->{rules},
		settings => $params{settings} // {});
	$self->{wb}->start_streaming;
	$self->_know('database', 'in_base');
	my @standbys = @{ $params{standbys} // [ map { $_->{name} } @{ $self->{rules} } ] };
	$self->add_standby($_) foreach @standbys;
	$self->settle('the base backup');
	$self->add_receiver($_) foreach @standbys;
	return $self;
}

sub primary      { return shift->{primary}; }
sub wb           { return shift->{wb}; }
sub standby      { return $_[0]->{standby}{ $_[1] }; }
sub standbys     { my $self = shift; return map { $self->{standby}{$_} } sort keys %{ $self->{standby} }; }
sub segment_size { return shift->{segment_size}; }

# The rules, or others in their place from here on.
sub rules
{
	my ($self, $rules) = @_;

	$self->{rules} = $rules if $rules;
	return $self->{rules};
}

sub sql
{
	my ($self, $db, @statements) = @_;
	return $self->{primary}->safe_psql($db, join(";\n", @statements));
}

# The standby is stopped or has yet to come.
sub add_standby
{
	my ($self, $rule, %params) = @_;
	my $standby = $self->{wb}->add_standby("$rule$self->{major}", rule => $rule,
		no_start => 1, %params);

	$self->_tablespace_home($standby);
	$self->{standby}{$rule} = $standby;
	my ($lists) = grep { $_->{name} eq $rule } @{ $self->{rules} };
	mkdir $self->_tablespace_dir($standby, $_)
	  foreach grep { _allowed($lists, 'tablespace', $_) } @{ $self->{locations} };
	$standby->start unless $params{no_start};
	return $standby;
}

sub add_receiver
{
	my ($self, $rule) = @_;

	$self->{receiver}{$rule} =
	  $self->{wb}->receive("$rule$self->{major}", rule => $rule, user => $rule, loop => 1);
	return;
}

# -- tablespaces on servers that share a host --------------------------------

sub _tablespace_home
{
	my ($self, $node) = @_;

	# beside the data directory, so that no base backup has it
	mkdir $node->basedir . '/tblspc';
	symlink '../tblspc', $node->data_dir . '/tblspc'
	  or -l $node->data_dir . '/tblspc'
	  or die "could not make a symbolic link: $!";
	return;
}

sub _tablespace_dir
{
	my ($self, $node, $name) = @_;
	return $node->basedir . "/tblspc/$name";
}

sub _location
{
	my ($self, $name) = @_;
	return "LOCATION '/proc/self/cwd/tblspc/$name'";
}

# -- what is created, and who may have it ------------------------------------

sub _allowed
{
	my ($rule, $kind, $name) = @_;
	my ($include, $exclude) = @{$rule}{ "include_${kind}s", "exclude_${kind}s" };

	return scalar grep { $_ eq $name } @$include if $include;
	return !grep { $_ eq $name } @{ $exclude // [] };
}

# Take down what there is now under a name, by its name.
sub _know
{
	my ($self, $kind, $name, %params) = @_;
	my $catalog = $kind eq 'database' ? 'pg_database WHERE datname' : 'pg_tablespace WHERE spcname';
	my %object = (
		kind    => $kind,
		in      => $params{tablespace},
		name    => $name,
		created => $name,
		markers => [],
		oid     => $self->sql('postgres', "SELECT oid FROM $catalog = '$name'"));

	foreach my $rule (@{ $self->{rules} })
	{
		my $allowed = _allowed($rule, $kind, $params{as} // $name);
		$allowed &&= $params{tablespace}{verdict}{ $rule->{name} } if $params{tablespace};
		$object{verdict}{ $rule->{name} } = $allowed;
	}
	push @{ $self->{objects} }, \%object;
	return \%object;
}

# Whether the next catalog row comes as a page image or as the row itself.
# fresh: 1 for an image, 0 for the row; undef: as it comes
sub _freshness
{
	my ($self, $catalog, $fresh) = @_;

	return unless defined $fresh;
	$self->sql('postgres', 'CHECKPOINT') if $fresh;
	# the page is changed after the last checkpoint
	$self->sql('postgres', $catalog eq 'pg_database'
		? 'ALTER DATABASE in_base CONNECTION LIMIT 20'
		: 'ALTER TABLESPACE pg_default SET (seq_page_cost = 1)')
	  unless $fresh;
	return;
}

# What CREATE DATABASE is told beside the name.  strategy counts from 15 on.
sub _create_options
{
	my ($self, %params) = @_;

	return join ' ', map { defined $_->[1] ? "$_->[0] $_->[1]" : () }
	  [ TEMPLATE => $params{template} ],
	  [ STRATEGY => $self->{major} >= 15 ? $params{strategy} : undef ],
	  [ TABLESPACE => $params{tablespace} ? $params{tablespace}{name} : undef ];
}

# CREATE DATABASE, with a marker in it.
# fresh, strategy, template; tablespace: object; plain: no marker
sub create
{
	my ($self, $name, %params) = @_;

	$self->_freshness('pg_database', $params{fresh});
	$self->sql('postgres', "CREATE DATABASE $name " . $self->_create_options(%params));
	my $object = $self->_know('database', $name, %params);
	$self->mark($object) unless $params{plain};
	return $object;
}

# CREATE TABLESPACE, with a table of in_base in it.
sub create_tablespace
{
	my ($self, $name, %params) = @_;

	$self->_make_location($name);
	$self->_freshness('pg_tablespace', $params{fresh});
	$self->sql('postgres', "CREATE TABLESPACE $name " . $self->_location($name));
	my $object = $self->_know('tablespace', $name);
	$self->mark($object) unless $params{plain};
	return $object;
}

# Where it leaks to there is no directory for it, which ends the standby.
sub _make_location
{
	my ($self, $name) = @_;

	mkdir $self->_tablespace_dir($self->{primary}, $name);
	push @{ $self->{locations} }, $name;
	foreach my $rule (@{ $self->{rules} })
	{
		my $standby = $self->{standby}{ $rule->{name} } or next;
		mkdir $self->_tablespace_dir($standby, $name) if _allowed($rule, 'tablespace', $name);
	}
	return;
}

# What the lists say now counts for these objects too; what a standby has of them by
# now stays where it is.
sub narrowed
{
	my ($self, $rule, @objects) = @_;

	foreach my $object (@objects)
	{
		$object->{verdict}{$rule} = 0;
		$object->{had}{$rule} = 1;
		$object->{markers} = [];
	}
	return;
}

# Forget what has been decided under a rule, and build its standby anew.
sub rescope
{
	my ($self, $name) = @_;
	my ($rule) = grep { $_->{name} eq $name } @{ $self->{rules} };
	my $receiver = delete $self->{receiver}{$name};

	$receiver->stop if $receiver;
	$self->{standby}{$name}->stop;
	PostgreSQL::Test::Utils::system_or_bail($self->{wb}{binary}, '-c', $self->{wb}{config_file},
		'--rescope', $name);
	foreach my $object (@{ $self->{objects} })
	{
		$object->{verdict}{$name} = _allowed($rule, $object->{kind}, $object->{name});
		delete $object->{had}{$name};
		delete $object->{dumped}{$name};
	}
	delete $self->{offset}{"$name$self->{major}"};
	$self->add_standby($name);
	$self->add_receiver($name) if $receiver;
	return;
}

# Data that can be found again.
sub mark
{
	my ($self, $object) = @_;
	my $marker = 'mark_' . ++$serial . '_end';
	my $is_database = $object->{kind} eq 'database';
	my $table = $is_database ? 't' : "in_$object->{created}_" . scalar @{ $object->{markers} };
	my $tablespace = $is_database ? '' : "TABLESPACE $object->{name}";

	push @{ $object->{markers} }, $marker;
	push @{ $object->{tables} }, $table;
	$self->sql(
		$is_database ? $object->{name} : 'in_base',
		"CREATE TABLE IF NOT EXISTS $table (i int, t text) $tablespace",
		"INSERT INTO $table SELECT i, '$marker ' || i FROM generate_series(1, 30) i",
		"CREATE INDEX ON $table (t) $tablespace",
		"UPDATE $table SET t = t || '.' WHERE i % 5 = 0",
		"DELETE FROM $table WHERE i % 7 = 0",
		"VACUUM $table",
		# this names no tablespace
		$is_database && !$object->{in} ? "SELECT pg_logical_emit_message(false, 'x', '$marker')" : ());
	return;
}

sub rename
{
	my ($self, $object, $name) = @_;

	$self->sql('postgres', "ALTER DATABASE $object->{name} RENAME TO $name");
	$object->{name} = $name;
	return;
}

sub drop
{
	my ($self, @objects) = @_;

	foreach my $object (@objects)
	{
		$self->sql('in_base', map { "DROP TABLE $_" } @{ $object->{tables} })
		  if $object->{kind} eq 'tablespace';
		$self->sql('postgres', "DROP $object->{kind} $object->{name}");
		$object->{gone} = 1;
	}
	return;
}

# CREATE commands that stop behind their row in the catalog, before anything is made
# on disk: recording who owns it needs a lock.  The rows are in WAL that has been
# flushed, and a new segment begins behind them, which is where a standby comes back
# to.  Each command is [ name, parameters of create ]; names of tablespaces begin
# with a t.  Returns what release() wants.
sub hold
{
	my ($self, @commands) = @_;
	my $primary = $self->{primary};
	my $held = {
		lock     => $primary->background_psql('postgres'),
		commands => [],
		before   => $primary->lsn('insert'),
		catalogs => join '|', split /\n/,
		$self->sql('postgres', "SELECT pg_relation_filenode(oid) FROM pg_class WHERE relname IN ('pg_database', 'pg_tablespace')") };

	$held->{lock}->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_shdepend IN SHARE MODE');
	foreach my $command (@commands)
	{
		my ($name, %params) = @$command;
		my $kind = $name =~ /^t/ ? 'tablespace' : 'database';
		my $sql = "CREATE DATABASE $name " . $self->_create_options(%params);

		if ($kind eq 'tablespace')
		{
			$self->_make_location($name);
			$sql = "CREATE TABLESPACE $name " . $self->_location($name);
		}
		push @{ $held->{commands} }, { name => $name, kind => $kind, params => \%params,
			pid => spawn($primary->basedir . '/held.log', pg_program($primary, 'psql'), '-XAtq',
				'-d', $primary->connstr('postgres'), '-c', $sql) };
	}
	$primary->poll_query_until('postgres',
		'SELECT count(*) = ' . @commands
		  . " FROM pg_locks WHERE NOT granted AND relation = 'pg_shdepend'::regclass")
	  or die "the commands do not wait where they should\n";
	$self->sql('postgres', 'SELECT pg_switch_wal()', 'SELECT txid_current()');
	$held->{behind} = $primary->lsn('insert');
	return $held;
}

# The commands go on to their end; returns the objects.
sub release
{
	my ($self, $held) = @_;
	my @objects;

	$held->{lock}->query_safe('ROLLBACK');
	$held->{lock}->quit;
	foreach my $command (@{ $held->{commands} })
	{
		waitpid $command->{pid}, 0;
		is($?, 0, "$command->{name}: created");
		push @objects, $self->_know($command->{kind}, $command->{name}, %{ $command->{params} });
	}
	$self->_shows_between($held, @objects);
	return @objects;
}

# The rows lie before the place where the commands were held, what makes the
# directories behind it: pg_waldump says so.
sub _shows_between
{
	my ($self, $held, @objects) = @_;
	my $behind = lsn_number($held->{behind});
	my @records = map { / lsn: ([0-9A-F\/]+),/ ? [ lsn_number($1), $_ ] : () }
	  $self->_records($held->{before});
	my @rows = grep { $_->[1] =~ /^rmgr: Heap .* desc: INSERT.*rel 1664\/0\/(?:$held->{catalogs})\b/ } @records;
	my @bad;

	push @bad, scalar(@rows) . ' rows' unless @rows == @objects;
	push @bad, 'a row too late' if grep { $_->[0] >= $behind } @rows;
	foreach my $object (@objects)
	{
		my $rmgr = ucfirst $object->{kind};
		my @make = grep { $_->[1] =~ /^rmgr: $rmgr .*desc: CREATE.*\b$object->{oid}\b/ } @records;
		push @bad, $object->{name} unless @make && $make[0][0] >= $behind;
	}
	is(join(', ', @bad), '', 'they were held between their row and what makes their directory');
	return;
}

# The primary's records from an LSN on.
sub _records
{
	my ($self, $from) = @_;
	my $end = lsn_number($self->{primary}->lsn('flush'));

	return waldump($self->{primary}->data_dir . '/pg_wal',
		segment_file(lsn_number($from), $self->{segment_size}),
		segment_file($end - 1, $self->{segment_size}),
		'-s', $from, '-e', lsn_text($end));
}

# -- what the standbys have --------------------------------------------------

# Every standby that runs has replayed all.
sub settle
{
	my ($self, $what) = @_;
	my $lsn = $self->{primary}->lsn('insert');

	# flushes everything up to here
	$self->sql('postgres', 'SELECT txid_current()');
	foreach my $standby ($self->standbys)
	{
		next unless defined $standby->{_pid};
		my $done = poll_until
		{
			return -1 unless kill 0, $standby->{_pid};
			my ($status, $answer) =
			  $standby->psql('postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'");
			return $status == 0 && $answer eq 't';
		};
		next if $done == 1;
		# nothing more can be said of it then
		fail($standby->name . " replays $what");
		diag(substr(slurp_file($standby->logfile), -3000));
		diag(substr($self->{wb}->log_content, -3000));
		delete $standby->{_pid} if $done == -1;
		die $standby->name . ($done == -1 ? " has stopped\n" : " is stuck\n");
	}
	return;
}

sub stop_standbys
{
	my ($self, $mode) = @_;
	$_->stop($mode // 'fast') foreach $self->standbys;
	return;
}

sub start_standbys
{
	my $self = shift;
	$_->start foreach $self->standbys;
	return;
}

sub restart_walbouncer
{
	my ($self, $mode) = @_;

	$self->{wb}->stop($mode);
	$self->{wb}->start_streaming;
	$self->restart_receivers;
	return;
}

# The workers end; the standbys come back by themselves.
sub restart_workers
{
	my $self = shift;

	kill 'TERM', $self->{wb}->workers;
	$self->restart_receivers;
	return;
}

# They would come back too, but seconds later.
sub restart_receivers
{
	my $self = shift;

	foreach my $rule (sort keys %{ $self->{receiver} })
	{
		$self->{receiver}{$rule}->stop;
		$self->add_receiver($rule);
	}
	return;
}

# All markers below the directories; a server's WAL stays to the end, so that it
# need be searched only then.
sub _markers_in
{
	my $out = '';
	local $ENV{LC_ALL} = 'C';

	IPC::Run::run([ 'grep', '-rhoaE', '--exclude-dir=pg_wal', '--', 'mark_[0-9]+_end', @_ ],
		'>', \$out, '2>', '/dev/null');
	return map { $_ => 1 } split /\n/, $out;
}

# The objects of the markers that a rule withholds, or lets through.
sub _of_rule
{
	my ($self, $rule, $allowed) = @_;
	return grep { !$_->{verdict}{$rule} == !$allowed } @{ $self->{objects} };
}

# Nothing of what is out in these directories; says what was found there.
sub leaks
{
	my ($self, $rule, @dirs) = @_;
	my %found = _markers_in(@dirs);
	my @leaks;

	foreach my $object ($self->_of_rule($rule, 0))
	{
		push @leaks, map { "$_ of $object->{created} ($object->{oid})" }
		  grep { $found{$_} } @{ $object->{markers} };
	}
	return join(', ', @leaks);
}

# All standbys that run hold what they may have, and nothing else.  A database is
# dumped when it is seen here for the first time, and with dump.
sub verify
{
	my ($self, $what, %params) = @_;
	my $began = time();
	my %dump;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$what = "PostgreSQL $self->{major}: $what";
	$self->settle($what);
	foreach my $rule (sort keys %{ $self->{standby} })
	{
		my $standby = $self->{standby}{$rule};
		my $name = $standby->name;
		my $data = $standby->data_dir;
		my @bad;

		next unless defined $standby->{_pid};
		is($self->leaks($rule, $standby->basedir), '', "$what: $name has nothing of what is withheld");
		foreach my $object (@{ $self->{objects} })
		{
			my $oid = $object->{oid};
			my @there = grep { -e || -l } $object->{kind} eq 'database'
			  ? glob join(' ', "$data/base/$oid",
				map { "$_/PG_*/$oid" } $standby->basedir . '/tblspc/*', $standby->basedir . '/tblspc_*')
			  : "$data/pg_tblspc/$oid";
			my $there = $object->{verdict}{$rule} && !$object->{gone};

			next if $object->{had}{$rule} && !$object->{gone};
			push @bad, "$object->{created} ($oid) "
			  . (@there ? 'is there' : 'is missing') unless !@there == !$there;
			next unless $object->{kind} eq 'database' && @there && $there;
			next if $object->{dumped}{$rule}++ && !$params{dump};
			my $differs = $self->_differs($standby, $object, \%dump);
			push @bad, "$object->{created} ($oid): $differs" if $differs;
		}
		is(join(', ', @bad), '', "$what: $name has all of what it may have, and no more");
		$self->_log_clean($standby);
	}
	note("$what: verified in " . (time() - $began) . ' s');
	return;
}

# Tables that lie where the standby may not have them have no files there.
sub _dump_options
{
	my ($self, $rule, $db) = @_;

	return () unless $db eq 'in_base';
	return map { ('-T', $_) } map { @{ $_->{tables} // [] } }
	  grep { $_->{kind} eq 'tablespace' && !$_->{gone} } $self->_of_rule($rule, 0);
}

sub _differs
{
	my ($self, $standby, $object, $dump) = @_;
	my ($rule) = grep { $self->{standby}{$_} == $standby } keys %{ $self->{standby} };
	my @options = $self->_dump_options($rule, $object->{name});
	my $key = join ' ', $object->{name}, @options;

	$dump->{$key} //= dump_text($self->{primary}, $object->{name}, @options);
	my $has = dump_text($standby, $object->{name}, @options);
	return '' if length($dump->{$key}) > 0 && $has eq $dump->{$key};
	return 'it cannot be dumped' if $has eq '';
	return 'another dump';
}

# What a standby's log may not have in it, since the last time.  That its name is not
# visible yet is for a standby to wait for; it is not damaged by that.
sub _log_clean
{
	my ($self, $standby) = @_;
	my $name = $standby->name;
	my @bad =
	  grep { /PANIC:|FATAL:|incorrect resource manager data checksum|creating missing directory/ }
	  grep { !/FATAL: .*(?:the database system is|administrator command|cannot be known yet)/ }
	  # walbouncer, or the connection to it, has gone
	  grep { !/FATAL: .*could not (?:connect to the primary|.*: (?:server closed the connection|no COPY in progress))/ }
	  split /\n/, slurp_file($standby->logfile, $self->{offset}{$name} // 0);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(join("\n", @bad), '', "no FATAL, PANIC or CRC error in the log of $name");
	$self->{offset}{$name} = -s $standby->logfile;
	return;
}

# How pg_waldump tells that a record is about one of the objects.
sub _about
{
	my @objects = @_;
	my $db = join '|', map { $_->{oid} } grep { $_->{kind} eq 'database' } @objects;
	my $spc = join '|', map { $_->{oid} } grep { $_->{kind} eq 'tablespace' } @objects;
	my @patterns = ();

	push @patterns, "rel:? \\d+/(?:$db)/", "(?:base|PG_\\d+_\\d+)/(?:$db)/",
	  "(?:dir|to) \\d+/(?:$db)\\b", "database (?:$db)\\b" if $db;
	push @patterns, "rel:? (?:$spc)/", "pg_tblspc/(?:$spc)/", "(?:dir|to) (?:$spc)/",
	  "tablespace (?:$spc)\\b", "desc: CREATE (?:$spc) " if $spc;
	my $pattern = join '|', @patterns, '^$';
	return qr/$pattern/;
}

my $never_touched =
  qr/^rmgr: (?:Transaction|Standby|CLOG|MultiXact|CommitTs|ReplicationOrigin) |^rmgr: (?:Database|Tablespace) .*desc: DROP/;

# What the receivers have is the primary's WAL with exactly the records about what
# is withheld blank, and what their standby has, byte by byte.
sub verify_streams
{
	my ($self, $what) = @_;
	my $began = time();
	my $primary = $self->{primary};
	my $pg_wal = $primary->data_dir . '/pg_wal';
	my $last = $self->_switch;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$what = "PostgreSQL $self->{major}: $what";
	foreach my $rule (sort keys %{ $self->{receiver} })
	{
		my $rx = $self->{receiver}{$rule};
		my $standby = $self->{standby}{$rule};

		ok($rx->wait_for_segment($last), "$what: the receiver of $rule has all segments")
		  or next;
		my @segments = grep { $_ le $last } $rx->segments;
		is($self->leaks($rule, $rx->dir, $standby ? glob $standby->data_dir . '/pg_wal/*' : ()),
			'', "$what: nothing of what is withheld in them");
		is($self->_segments_differ($rx->dir, $standby->data_dir . '/pg_wal', @segments), '',
			"$what: they are what its standby has")
		  if $standby && defined $standby->{_pid};
		my @want = waldump($pg_wal, $segments[0], $last);
		my @got = eval { waldump($rx->dir, $segments[0], $last) };
		is($@, '', "$what: pg_waldump reads all of them");
		is($self->_records_differ($rule, \@want, \@got), '',
			"$what: exactly what is withheld is blank");
	}
	note("$what: verified in " . (time() - $began) . ' s');
	return;
}

# Ends the segment; returns its name.
sub _switch
{
	my $self = shift;
	my $lsn = lsn_number($self->sql('postgres', 'SELECT pg_switch_wal()'));
	$self->sql('postgres', 'SELECT txid_current()');
	$self->settle('a segment switch');
	return segment_file($lsn - 1, $self->{segment_size});
}

# All but the first, which the standby has from another point on.
sub _segments_differ
{
	my ($self, $one, $two, undef, @segments) = @_;
	my @differ;

	foreach my $segment (grep { -e "$one/$_" && -e "$two/$_" } @segments)
	{
		push @differ, $segment if system('cmp', '-s', "$one/$segment", "$two/$segment") != 0;
	}
	return join(' ', @differ);
}

sub _records_differ
{
	my ($self, $rule, $want, $got) = @_;
	my $about = _about($self->_of_rule($rule, 0));
	my $had = _about(grep { $_->{had}{$rule} } @{ $self->{objects} });
	my ($blank, $bad) = (0, '');

	foreach my $i (0 .. $#$want)
	{
		my ($has, $was) = ($got->[$i] // '', $want->[$i]);
		next if $was =~ $had;	# sooner or later blank
		my $withheld = $was =~ $about && $was !~ $never_touched;

		if ($has eq $was)
		{
			$bad .= "not blank: $was\n" if $withheld;
			next;
		}
		$blank++;
		my ($tx, $lsn) = $was =~ / tx: +(\d+), lsn: (\S+),/;
		$bad .= "other than a no-op: $has\n\tprimary: $was\n"
		  unless $has =~ /^rmgr: XLOG .* tx: +$tx, lsn: \Q$lsn\E,.*desc: NOOP/;
		# of these pg_waldump does not tell the database
		$bad .= "blank: $was\n"
		  unless $withheld || $was =~ /^rmgr: LogicalMessage |desc: CLEANUP_INFO /;
		last if length $bad > 2000;
	}
	note(scalar(@$want) . " records for $rule, $blank blank");
	return $bad;
}

# How many rows came into the catalog as a page image, and how many as they are.
sub row_forms
{
	my ($self, $from) = @_;
	my %count = (image => 0, row => 0);

	foreach my $record ($self->_records($from))
	{
		next unless $record =~ /^rmgr: Heap .* desc: INSERT.* rel 1664\/0\/(1262|1213) /;
		$count{ $record =~ / FPW/ ? 'image' : 'row' }++;
	}
	return \%count;
}

# Ends all servers, and removes their files if nothing has failed.
sub done
{
	my $self = shift;

	kill 'KILL', $_->pid foreach values %{ $self->{receiver} };
	$_->teardown_node foreach $self->standbys;
	$self->{wb}->stop;
	$self->{primary}->teardown_node;
	note("PostgreSQL $self->{major}: " . (time() - $self->{started}) . ' s');
	return unless Test::More->builder->is_passing;
	rmtree($_->basedir) foreach $self->{primary}, $self->standbys;
	rmtree($_->dir) foreach values %{ $self->{receiver} };
	return;
}

1;
