# Differential.pm
#
# A primary that does things at random, several filtered standbys and receivers, and
# a model that knows what each of them is to have.  See t/230_differential.pl.
#
# The driver runs what makes, moves, renames and drops databases and tablespaces by
# itself, one after the other, so that the model is exact; what happens inside the
# databases comes from scripts in concurrent sessions, whose errors do not matter.
#
# The model, for each rule: a database or tablespace is in or out by the name that it
# is created under, or had when the rule's streams began; that belongs to its OID and
# stays; a database whose files are copied from what is out is out from then on.
#
# All text in a schema of a database carries a marker of its own; a schema stands for
# the tablespace that its tables are in.  What gets into the catalogs, which are where
# the database is, carries that of the schema public.

package Differential;

use strict;
use warnings;

use File::Path qw(rmtree);
use PostgreSQL::Test::Utils;
use POSIX qw(:sys_wait_h strftime);
use Test::More;
use Time::HiRes qw(time usleep);
use WalBouncer;

# Names on the lists of the rules, and some on none.
my @db_names = (qw(k1 k2 k3 x1 x2 x3 n1 n2 n3));
# Some for the end, see _check_following.
my @last_in = map { "k9$_" } 1 .. 4;
my @last_out = map { "x9$_" } 1 .. 4;
my @last_spc = map { "tx9$_" } 1 .. 4;
my @spc_names = (qw(ta tx tn ta2 tx2 tn2));

# strict: without allow_in_place_tablespaces, which would let recovery overlook what
# is missing; all tablespaces that come up later are out then.
my @rules = (
	{ name => 'excl', exclude_databases => [qw(x1 x2 x3), @last_out] },
	{
		name              => 'incl',
		include_databases => [ qw(postgres k1 k2 k3), @last_in ],
		exclude_tablespaces => [ qw(tx tx2), @last_spc ]
	},
	{ name => 'spc', include_tablespaces => ['ta'], strict => 1 });

use constant {
	MASK48           => (1 << 48) - 1,
	FIRST_NORMAL_OID => 16384,
	SPC_DEFAULT      => 1663,
	SPC_GLOBAL       => 1664,
	PAGE             => 8192,
};

# -- randomness ------------------------------------------------------------------

# drand48's, ours alone: whoever else calls rand() does not disturb it.
sub _rand
{
	my ($self, $n) = @_;
	{
		use integer;
		$self->{x} = ($self->{x} * 25_214_903_917 + 11) & MASK48;
	}
	return int(($self->{x} >> 16) / 2**32 * $n);
}

sub _pick
{
	my ($self, @from) = @_;
	return @from ? $from[ $self->_rand(scalar @from) ] : undef;
}

# One of name => weight, ...
sub _weighted
{
	my ($self, @table) = @_;
	my ($sum, @names) = 0;

	for (my $i = 0; $i < @table; $i += 2) { $sum += $table[ $i + 1 ]; }
	my $at = $self->_rand($sum);
	for (my $i = 0; $i < @table; $i += 2)
	{
		return $table[$i] if ($at -= $table[ $i + 1 ]) < 0;
	}
}

# -- what has been done ------------------------------------------------------------

sub _note
{
	my ($self, $text) = @_;
	my $line = strftime('%H:%M:%S', localtime) . sprintf(' %6.1f ', time() - $self->{began}) . $text;

	$line =~ s/\s*\n\s*/ /g;
	append_to_file($self->{ops}, "$line\n");
	push @{ $self->{last} }, length $line > 300 ? substr($line, 0, 300) . '...' : $line;
	shift @{ $self->{last} } if @{ $self->{last} } > 40;
	return;
}

sub tell_more
{
	my $self = shift;
	diag("seed $self->{seed}, PostgreSQL $self->{major}; all operations in $self->{ops}, the last:");
	diag(" $_") foreach @{ $self->{last} };
	return;
}

# -- set up --------------------------------------------------------------------------

# major, seed
sub new
{
	my ($class, %params) = @_;
	my $self = bless {
		%params,
		began => time(),
		last  => [],
		jobs  => {},
		x     => $params{seed} & MASK48,
		count => {},
		moves => [],
		all   => [],    # every database that there ever was
		dbs   => {},    # by name, those that are there now
		spcs  => {},
		spc_by_oid => {},
		db_by_oid  => {},
		marker     => 0,
		fresh      => 0,
		ops => "$PostgreSQL::Test::Utils::log_path/230_differential_ops_$params{major}.log",
	}, $class;
	unlink $self->{ops};
	$self->_rand(2) foreach 1 .. 5;
	$self->_start;
	return $self;
}

sub _sql
{
	my ($self, $db, $sql, %params) = @_;
	my ($out, $err) = ('', '');
	my $rc = $self->{primary}->psql($db, $sql, stdout => \$out, stderr => \$err, timeout => 120);

	$err =~ s/^psql:<stdin>:\d+: //mg;
	$self->_note("$db: $sql" . ($rc ? " -- $err" : '')) unless $params{quiet};
	return $rc ? undef : $out;
}

sub _start
{
	my $self = shift;
	my $major = $self->{major};
	my $mb = $self->{segment_mb} = $self->_pick(1, 1, 4, 16);
	my $consistency = $self->_pick('', 'all');

	$self->{segment_size} = $mb << 20;
	$self->{compression} = [ $major >= 15 ? qw(off pglz lz4) : qw(off on) ];
	my $primary = $self->{primary} = new_primary("primary$major",
		major  => $major,
		initdb => [ "--wal-segsize=$mb", $self->_pick([], ['-k'])->[0] // () ],
		conf   => join("\n",
			'wal_level = logical',
			'allow_in_place_tablespaces = on',
			"wal_consistency_checking = '$consistency'",
			'wal_compression = ' . $self->_pick(@{ $self->{compression} }),
			'autovacuum = ' . $self->_pick(qw(off off on)),
			'autovacuum_naptime = 5s',
			# what it samples goes to the catalogs
			'autovacuum_analyze_threshold = 2000000000',
			'checkpoint_timeout = ' . $self->_pick('30s', '5min'),
			'max_slot_wal_keep_size = -1',
			'client_min_messages = error',
			'lock_timeout = 800ms',
			'statement_timeout = 20s', ''));
	$self->_note("segments of $mb MB");
	foreach my $spc (qw(ta tx))
	{
		mkdir $primary->basedir . "/$spc";
		$primary->safe_psql('postgres',
			"CREATE TABLESPACE $spc LOCATION '" . $primary->basedir . "/$spc'");
	}
	$primary->safe_psql($_, 'CREATE EXTENSION amcheck') foreach qw(template1 postgres);
	$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(k1 k2 x1 x2 n1);

	my $wb = $self->{wb} = WalBouncer->new("wb$major",
		upstream => $primary,
		settings => { ring_size => $self->_pick('1MB', '16MB') },
		rules => [ map { { %$_, user => $_->{name} } } @rules ]);
	$wb->start_streaming;
	$self->{standby} = {
		map {
			$_->{name} => $wb->add_standby("$_->{name}$major", rule => $_->{name},
				conf => $_->{strict} ? "allow_in_place_tablespaces = off\n" : '')
		} @rules };

	# what there is has been met under each rule by now
	$self->_meet_spc($_) foreach split /\n/, $primary->safe_psql('postgres',
		'SELECT spcname, oid FROM pg_tablespace WHERE oid >= 16384');
	$self->_meet_db((split /\|/)[ 0, 1 ]) foreach split /\n/, $primary->safe_psql('postgres',
		"SELECT datname, oid FROM pg_database WHERE datname = 'postgres' OR oid >= 16384");
	$self->{standby}{$_}->poll_query_until('postgres',
		'SELECT count(*) = 1 FROM pg_stat_wal_receiver') foreach keys %{ $self->{standby} };

	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	$self->{first} = lsn_number($primary->safe_psql('postgres', 'SELECT pg_current_wal_lsn()'));
	$self->{receiver} = {
		map { $_->{name} => $wb->receive("$_->{name}$major", rule => $_->{name}, loop => 1) } @rules };
	return;
}

# -- the model -----------------------------------------------------------------------

sub _by_name
{
	my ($rule, $kind, $name) = @_;
	my ($include, $exclude) = @$rule{ "include_$kind", "exclude_$kind" };

	return (grep { $_ eq $name } @$include) ? 'in' : 'out' if $include;
	return $exclude && (grep { $_ eq $name } @$exclude) ? 'out' : 'in';
}

sub _meet_spc
{
	my ($self, $line, %params) = @_;
	my ($name, $oid) = split /\|/, $line;
	my $spc = {
		name    => $name,
		oid     => $oid,
		verdict => { map { $_->{name} => _by_name($_, 'tablespaces', $name) } @rules } };

	$self->{spcs}{$name} = $self->{spc_by_oid}{$oid} = $spc;
	return $spc;
}

sub _meet_db
{
	my ($self, $name, $oid, %params) = @_;
	my $db = {
		name    => $name,
		oid     => $oid,
		spc     => $params{spc} // 'pg_default',
		markers => { %{ $params{markers} // {} } },
		own => { %{ $params{own} // {} } },
		schema_marker => {},
		verdict => { map { $_->{name} => _by_name($_, 'databases', $name) } @rules } };

	$self->{dbs}{$name} = $self->{db_by_oid}{$oid} = $db;
	push @{ $self->{all} }, $db;
	return $db;
}

# What the journal of a rule has: { database|tablespace => { OID => in|out } }.
sub _journal
{
	my ($self, $rule) = @_;
	my %known;
	my $file = $self->{wb}->dir . "/state/scope/$rule";

	foreach my $line (-e $file ? split /\n/, slurp_file($file) : ())
	{
		my (undef, $kind, $oid, $verdict) = split / /, $line;
		next unless ($verdict // '') =~ /^(?:in|out)$/;
		$known{$kind}{$oid} = $verdict
		  unless ($known{$kind}{$oid} // '') eq 'out';
	}
	return \%known;
}

# in, out, or undef while it depends on what came first.  What is in by its name of
# today is out when somebody comes by its creation under another one; that is certain
# to be behind us only in the end.
sub _verdict
{
	my ($self, $object, $rule, $kind) = @_;

	if ($object->{verdict}{$rule} eq 'either')
	{
		my $known = $self->_journal($rule)->{$kind}{ $object->{oid} };
		return undef if !$known || $known eq 'in' && !$self->{arrived};
		$self->_note("$kind $object->{name} is $known under $rule");
		$object->{verdict}{$rule} = $known;
	}
	return $object->{verdict}{$rule};
}

sub _settled
{
	my ($self, $db) = @_;
	return !grep { !defined $self->_verdict($db, $_->{name}, 'database') } @rules;
}

# The same of tablespaces, by name: may files be copied from or to them?
sub _settled_spcs
{
	my ($self, @names) = @_;

	foreach my $spc (map { $self->{spcs}{$_} // () } @names)
	{
		return 0 if grep { !defined $self->_verdict($spc, $_->{name}, 'tablespace') } @rules;
	}
	return 1;
}

# Before an object gets another name: has each rule met it under the old one?
sub _before_rename
{
	my ($self, $object, $kind, $name) = @_;

	foreach my $rule (@rules)
	{
		my $plural = "${kind}s";
		next if _by_name($rule, $plural, $name) eq _by_name($rule, $plural, $object->{name});
		my $known = sub { return $self->_journal($rule->{name})->{$kind}{ $object->{oid} } };
		next if $self->_rand(5) == 0 ? $known->() : poll_until { $known->() } 3;
		$object->{verdict}{ $rule->{name} } = 'either'
		  if $object->{verdict}{ $rule->{name} } ne 'out' || !$object->{copied}{ $rule->{name} };
	}
	return;
}

# The tablespaces, by name, in which a database has files.
sub _directories
{
	my ($self, $db) = @_;
	my $data = $self->{primary}->data_dir;
	my @names = grep {
		my $name = $_;
		my $oid = $self->{spcs}{$name}{oid};
		my @files = glob "$data/pg_tblspc/$oid/PG_*/$db->{oid}/*";
		scalar @files;
	} sort keys %{ $self->{spcs} };

	unshift @names, 'pg_default' if -d "$data/base/$db->{oid}";
	return @names;
}

sub _spc_in
{
	my ($self, $name, $rule) = @_;
	return 1 if $name eq 'pg_default';
	return ($self->_verdict($self->{spcs}{$name}, $rule, 'tablespace') // '') eq 'in';
}

# Files of one database directory have become those of another: [from, to] pairs of
# tablespaces.  Whoever lacks the one cannot have the other.
sub _model_copy
{
	my ($self, $source, $db, @pairs) = @_;

	foreach my $rule (map { $_->{name} } @rules)
	{
		next if $self->_verdict($db, $rule, 'database') ne 'in';
		foreach my $pair (@pairs)
		{
			my ($from, $to) = @$pair;
			next unless $self->_spc_in($to, $rule);
			next if $self->_verdict($source, $rule, 'database') eq 'in' && $self->_spc_in($from, $rule);
			$db->{verdict}{$rule} = 'out';
			$db->{copied}{$rule} = 1;
			$self->_note("$db->{name} ($db->{oid}) is out under $rule from here on");
			last;
		}
	}
	return;
}

# A standby that crashes and replays a copy of files again, copies what the source has
# come to meanwhile, if that is there at all: PostgreSQL's trouble, not ours.
sub _copied
{
	my $self = shift;
	$self->{copy_lsn} = lsn_number($self->{primary}->lsn('insert'));
	return;
}

# So it gets a restartpoint behind all copies before it crashes.
sub _before_crash
{
	my ($self, $standby) = @_;
	my ($rc, $flushed, $done);

	return 1 if ($standby->{wb_safe} // 0) >= ($self->{copy_lsn} // 0);
	return 0 if $self->_rand(2) || !defined $self->_sql('postgres', 'CHECKPOINT');
	$flushed = $self->{primary}->lsn('flush');
	poll_until {
		(undef, $done) = $standby->psql('postgres', "SELECT pg_last_wal_replay_lsn() >= '$flushed'");
		return ($done // '') eq 't';
	} 10 or return 0;
	$standby->safe_psql('postgres', 'CHECKPOINT');
	$standby->{wb_safe} = lsn_number($flushed);
	return 1;
}

# Ahead of what copies files: it must not fail behind the copy, which is in the WAL.
my $whole = 'SET statement_timeout = 0; ';

# The marker of a database's schema.
sub _marker
{
	my ($self, $db, $schema) = @_;

	if (!$db->{schema_marker}{$schema})
	{
		my $marker = sprintf 'zq%dx%05dqz', $self->{major}, ++$self->{marker};
		$db->{schema_marker}{$schema} = $marker;
		$db->{markers}{$marker} = $schema;
	}
	return $db->{schema_marker}{$schema};
}

# -- what happens to databases and tablespaces ---------------------------------------

# Nobody is connected, and no transaction is prepared.
sub _quiesce
{
	my ($self, $db) = @_;

	while (1)
	{
		$self->_reap;
		last unless grep { $_->{db} eq $db->{name} } values %{ $self->{jobs} };
		usleep(20_000);
	}
	my $gids = $self->_sql('postgres',
		"SELECT gid FROM pg_prepared_xacts WHERE database = '$db->{name}'", quiet => 1);
	$self->_sql($db->{name}, $self->_pick('COMMIT', 'ROLLBACK') . " PREPARED '$_'")
	  foreach split /\n/, $gids // '';
	return;
}

# No session uses a tablespace by its name: what it creates would go elsewhere.
sub _unused
{
	my ($self, $spc) = @_;

	while (1)
	{
		$self->_reap;
		last unless grep { $_ eq $spc } map { @{ $_->{spcs} } } values %{ $self->{jobs} };
		usleep(20_000);
	}
	return;
}

sub _some_db
{
	my ($self, $code) = @_;
	my $dbs = $self->{dbs};
	return $self->_pick(
		grep { $_->{name} ne 'postgres' && (!$code || $code->($_)) }
		map { $dbs->{$_} } sort keys %$dbs);
}

# A name that is not taken.
sub _free_name
{
	my ($self, $used, $prefix, @names) = @_;

	return $self->_pick((grep { !$used->{$_} } @names), $prefix . ++$self->{fresh});
}

sub _new_oid
{
	my $self = shift;
	return 100_000 + 7 * ++$self->{fresh};
}

# What must be known, whatever locks there are at the moment.
sub _oid
{
	my ($self, $sql) = @_;
	my $oid;

	poll_until { ($oid = $self->_sql('postgres', $sql) // '') =~ /^\d+$/ } 60
	  or BAIL_OUT("no answer: $sql");
	return $oid;
}

sub op_create_database
{
	my $self = shift;
	return if keys %{ $self->{dbs} } > 11;
	my $name = $self->_free_name($self->{dbs}, 'n', @db_names);
	my $template = $self->_rand(3) ? $self->_some_db(sub { $self->_settled(shift) }) : undef;
	my $spc = $self->_rand(3) ? undef : $self->_pick('pg_default', sort keys %{ $self->{spcs} });
	my $copy = $self->{major} < 15 || $self->_rand(2);
	my $sql = "CREATE DATABASE $name";
	my (@from);

	if ($template)
	{
		$self->_quiesce($template);
		@from = $self->_directories($template);
		return unless $self->_settled_spcs($template->{spc}, @from, $spc // ());
		$sql .= " TEMPLATE $template->{name}";
	}
	$sql .= " TABLESPACE $spc" if $spc;
	$sql .= ' STRATEGY ' . ($copy ? 'file_copy' : 'wal_log') if $self->{major} >= 15;
	$sql .= ' OID ' . $self->_new_oid if $self->{major} >= 15 && $self->_rand(4) == 0;
	my $done = defined $self->_sql('postgres', $whole . $sql);
	$self->_copied if $copy;
	return unless $done;

	my $oid = $self->_oid("SELECT oid FROM pg_database WHERE datname = '$name'");
	my $old_spc = $template ? $template->{spc} : 'pg_default';
	my $new_spc = $spc // $old_spc;
	my $db = $self->_meet_db($name, $oid,
		spc     => $new_spc,
		own     => $template ? $template->{own} : {},
		markers => $template ? $template->{markers} : {});
	$self->_model_copy($template, $db, map { [ $_, $_ eq $old_spc ? $new_spc : $_ ] } @from)
	  if $template && $copy;
	return;
}

sub op_drop_database
{
	my $self = shift;
	return if keys %{ $self->{dbs} } < 6;
	my $db = $self->_some_db();
	my $force = $self->_rand(2) ? ' WITH (FORCE)' : '';

	$self->_quiesce($db) unless $force && $self->_rand(2);
	if (defined $self->_sql('postgres', "DROP DATABASE $db->{name}$force"))
	{
		delete $self->{dbs}{ $db->{name} };
		$db->{dropped} = 1;
	}
	return;
}

sub _rename
{
	my ($self, $db, $name) = @_;

	$self->_quiesce($db);
	$self->_before_rename($db, 'database', $name);
	return unless defined $self->_sql('postgres', "ALTER DATABASE $db->{name} RENAME TO $name");
	delete $self->{dbs}{ $db->{name} };
	$db->{name} = $name;
	$self->{dbs}{$name} = $db;
	return 1;
}

sub op_rename_database
{
	my $self = shift;
	my $db = $self->_some_db() // return;

	$self->_rename($db, $self->_free_name($self->{dbs}, 'n', @db_names));
	return;
}

sub op_swap_databases
{
	my $self = shift;
	my $one = $self->_some_db() // return;
	my $two = $self->_some_db() // return;
	my ($a, $b) = ($one->{name}, $two->{name});

	return if $one == $two;
	$self->_rename($one, 'n' . ++$self->{fresh}) && $self->_rename($two, $a) && $self->_rename($one, $b);
	return;
}

sub op_move_database
{
	my $self = shift;
	my $db = $self->_some_db(sub { $self->_settled(shift) }) // return;
	my $spc = $self->_pick('pg_default', 'pg_default', sort keys %{ $self->{spcs} });
	my $old = $db->{spc};

	return if $old eq $spc || !$self->_settled_spcs($old, $spc);
	$self->_quiesce($db);
	my $done = defined $self->_sql('postgres', "${whole}ALTER DATABASE $db->{name} SET TABLESPACE $spc");
	$self->_copied;
	return unless $done;
	$db->{spc} = $spc;
	$self->_model_copy($db, $db, [ $old, $spc ]);
	return;
}

sub op_create_tablespace
{
	my $self = shift;
	return if keys %{ $self->{spcs} } > 5;
	my $name = $self->_free_name($self->{spcs}, 'tn', grep { $_ ne 'ta' } @spc_names);

	return unless defined $self->_sql('postgres', "CREATE TABLESPACE $name LOCATION ''");
	my $oid = $self->_oid("SELECT oid FROM pg_tablespace WHERE spcname = '$name'");
	$self->_meet_spc("$name|$oid");
	return;
}

sub op_drop_tablespace
{
	my $self = shift;
	my $name = $self->_pick(grep { $self->{spcs}{$_}{oid} >= $self->{first_oid} } sort keys %{ $self->{spcs} }) // return;

	$self->_unused($name);
	delete $self->{spcs}{$name} if defined $self->_sql('postgres', "DROP TABLESPACE $name");
	return;
}

sub op_empty_tablespace
{
	my $self = shift;
	my $name = $self->_pick(grep { $self->{spcs}{$_}{oid} >= $self->{first_oid} } sort keys %{ $self->{spcs} }) // return;
	my $oid = $self->{spcs}{$name}{oid};

	foreach my $db (map { $self->{dbs}{$_} } sort keys %{ $self->{dbs} })
	{
		$self->_quiesce($db);
		$self->_sql($db->{name}, "DROP SCHEMA IF EXISTS s_$oid CASCADE", quiet => 1);
	}
	$self->_note("emptied $name");
	delete $self->{spcs}{$name} if defined $self->_sql('postgres', "DROP TABLESPACE $name");
	return;
}

sub op_rename_tablespace
{
	my $self = shift;
	my $old = $self->_pick(sort keys %{ $self->{spcs} }) // return;
	# the one that has a name on an include list now would be made anew as out
	my $spc = $self->{spcs}{$old};
	my $name = $self->_free_name($self->{spcs}, 'tn', grep { $_ ne 'ta' } @spc_names);

	$self->_unused($old);
	$self->_before_rename($spc, 'tablespace', $name);
	return unless defined $self->_sql('postgres', "ALTER TABLESPACE $old RENAME TO $name");
	delete $self->{spcs}{$old};
	$spc->{name} = $name;
	$self->{spcs}{$name} = $spc;
	foreach my $db (values %{ $self->{dbs} })
	{
		$db->{spc} = $name if $db->{spc} eq $old;
	}
	return;
}

sub op_shared_catalogs
{
	my $self = shift;
	my $n = ++$self->{fresh};

	$self->_sql('postgres', $self->_pick(
		'VACUUM FULL pg_database', 'VACUUM FULL pg_tablespace', 'REINDEX TABLE pg_tablespace',
		'VACUUM FULL pg_authid', 'REINDEX TABLE pg_database', 'VACUUM FREEZE pg_database',
		"CREATE ROLE role$n", 'CHECKPOINT', 'SELECT pg_switch_wal()',
		"SELECT pg_drop_replication_slot('slot')",
		"SELECT pg_create_logical_replication_slot('slot', 'pgoutput')",
		'ALTER DATABASE ' . $self->_some_db->{name} . ' SET work_mem = ' . (64 + $n)));
	return;
}

# -- what happens inside of them ------------------------------------------------------

my @index_kinds = (
	'btree (t)', 'btree (id, g)', 'hash (g)', 'gin (a)', 'gist (p)', 'spgist (p)', 'brin (id)',
	'btree (left(b, 20)) WHERE g > 2', 'gin (a) WITH (fastupdate = off)', 'spgist (t)',
	'gist (circle(p, 1))');

# One statement, or some, for a table.
sub _statement
{
	my ($self, $m, $t, $gid, $public) = @_;
	my $n = 1 + $self->_rand(300);
	my $k = 2 + $self->_rand(7);
	my $i = 'i' . $self->_rand(8);
	my $kind = $self->_pick(@index_kinds);
	my $text = sub { return "'$m ' || repeat('$m ', " . $self->_rand(shift) . ') || i' };
	my $what = $self->_weighted(
		insert => 30, toast => 8, update => 12, delete => 8, index => 14, drop_index => 4, vacuum => 8,
		vacuum_full => 4, cluster => 3, reindex => 4, truncate => 3, sequence => 4, alter => 8,
		transaction => 8, subxacts => 5, prepare => 4, message => 6, large => 2, drop => 3, lock => 4,
		catalog => 3, recycle => 4, unlogged => 3, move => 3, matview => 2, lo => 2, checkpoint => 1,
		switch => 1, settings => 4, ctas => 3, concurrently => 2);
	my %sql = (
		insert => sub {
			"INSERT INTO $t (g, a, p, t) SELECT i % $k, ARRAY[i, i % 7], point(i, random()), " . $text->(5)
			  . " FROM generate_series(1, $n) i";
		},
		toast => sub {
			"INSERT INTO $t (g, b) SELECT i, repeat('$m' || md5(random()::text), 40 + i * 10) FROM generate_series(1, 10) i";
		},
		update => sub { "UPDATE $t SET g = g + 1" . $self->_pick('', ", t = '$m ' || id", ", a = a || 5", ", b = b || '$m'")
			  . " WHERE id % $k = 0"; },
		delete => sub { "DELETE FROM $t WHERE id % $k = 0" },
		index => sub { "CREATE INDEX ON $t USING $kind" },
		concurrently => sub { "CREATE INDEX CONCURRENTLY ON $t USING $kind" },
		drop_index => sub {
			"DO \$\$DECLARE i regclass; BEGIN SELECT indexrelid INTO i FROM pg_index WHERE indrelid = '$t'::regclass AND NOT indisprimary LIMIT 1; IF i IS NOT NULL THEN EXECUTE 'DROP INDEX ' || i; END IF; END\$\$";
		},
		vacuum => sub { 'VACUUM ' . $self->_pick('', '(FREEZE) ', $m eq $public ? '(ANALYZE) ' : '') . $t },
		vacuum_full => sub { "VACUUM FULL $t" },
		cluster => sub { "CREATE INDEX ON $t (g, id); CLUSTER $t USING " . ($t =~ s/^\w+\.//r) . '_g_id_idx' },
		reindex => sub { 'REINDEX TABLE ' . $self->_pick('', 'CONCURRENTLY ') . $t },
		truncate => sub { "TRUNCATE $t" . $self->_pick('', ' RESTART IDENTITY') },
		sequence => sub { "CREATE SEQUENCE IF NOT EXISTS ${t}_s; SELECT nextval('${t}_s') FROM generate_series(1, $n); "
			  . $self->_pick("SELECT setval('${t}_s', $n)", "ALTER SEQUENCE ${t}_s RESTART", 'SELECT 1'); },
		alter => sub { "ALTER TABLE $t " . $self->_pick(
			'ADD COLUMN IF NOT EXISTS c int DEFAULT 1', 'DROP COLUMN IF EXISTS c', 'ALTER COLUMN g TYPE bigint', 'ALTER COLUMN g TYPE int',
			"ADD COLUMN IF NOT EXISTS d text DEFAULT '$public'", 'DROP COLUMN IF EXISTS d', 'SET (fillfactor = 50)',
			'ADD CHECK (id > 0)', "RENAME TO renamed_$n"); },
		transaction => sub { "BEGIN; " . join('; ', map { $self->_statement_in($m, $t, $public) } 1 .. 3) . '; '
			  . $self->_pick('COMMIT', 'COMMIT', 'ROLLBACK'); },
		subxacts => sub {
			my $body = join '; ', map { "SAVEPOINT s$_; " . $self->_statement_in($m, $t, $public) . $self->_pick('', "; ROLLBACK TO s$_", "; RELEASE s$_") } 1 .. 4;
			"BEGIN; $body; " . $self->_pick('COMMIT', 'COMMIT', 'ROLLBACK');
		},
		prepare => sub { "BEGIN; " . $self->_statement_in($m, $t, $public) . "; CREATE TABLE ${t}_p_$n (t text); INSERT INTO ${t}_p_$n VALUES ('$m'); "
			  . "PREPARE TRANSACTION '$gid'; " . $self->_pick('', "COMMIT PREPARED '$gid'", "ROLLBACK PREPARED '$gid'"); },
		message => sub { 'SELECT 1 FROM pg_logical_emit_message(' . $self->_pick(qw(true false)) . ", '$public', repeat('$public ', $n))" },
		large => sub { 'SELECT 1 FROM pg_logical_emit_message(' . $self->_pick(qw(true false)) . ", '$public', repeat('$public ', "
			  . $self->_pick(5000, 30000, 100000, 200000) . '))'; },
		drop => sub { "DROP TABLE $t CASCADE" },
		lock => sub { "BEGIN; SELECT 1 FROM $t WHERE id % $k = 1 FOR SHARE; SAVEPOINT a; SELECT 1 FROM $t WHERE id % $k = 1 FOR NO KEY UPDATE; UPDATE $t SET g = 0 WHERE id % " . ($k * 3) . ' = 1; COMMIT' },
		catalog => sub { $self->_pick('VACUUM FULL pg_class', 'VACUUM FULL pg_attribute', 'VACUUM FULL pg_type', 'REINDEX TABLE pg_class',
				'VACUUM pg_class, pg_attribute', 'VACUUM FULL pg_depend', 'CLUSTER pg_attribute USING pg_attribute_relid_attnum_index', 'ANALYZE pg_class'); },
		# pages of indexes that are emptied, and used again later
		recycle => sub {
			"CREATE TABLE IF NOT EXISTS ${t}_r (id int PRIMARY KEY, p point, t text); CREATE INDEX IF NOT EXISTS " . ($t =~ s/^\w+\.//r) . "_rp ON ${t}_r USING gist (p); "
			  . "INSERT INTO ${t}_r SELECT i, point(i, i), '$m' FROM generate_series(1, 3000) i; DELETE FROM ${t}_r; VACUUM ${t}_r; "
			  . "BEGIN; SELECT txid_current(); COMMIT; VACUUM ${t}_r; BEGIN; SELECT txid_current(); COMMIT; VACUUM ${t}_r; "
			  . "INSERT INTO ${t}_r SELECT i, point(i, i), '$m' FROM generate_series(5001, 8000) i; DELETE FROM ${t}_r; VACUUM ${t}_r";
		},
		unlogged => sub { "CREATE UNLOGGED TABLE IF NOT EXISTS ${t}_u (id serial PRIMARY KEY, t text, p point); INSERT INTO ${t}_u (t, p) SELECT '$m' || i, point(i, i) FROM generate_series(1, $n) i; "
			  . $self->_pick("ALTER TABLE ${t}_u SET LOGGED", "ALTER TABLE ${t}_u SET UNLOGGED", "CREATE INDEX ON ${t}_u USING gist (p)", "TRUNCATE ${t}_u"); },
		matview => sub { "CREATE MATERIALIZED VIEW IF NOT EXISTS ${t}_m AS SELECT * FROM $t; REFRESH MATERIALIZED VIEW ${t}_m" },
		lo => sub { "SELECT lo_from_bytea(0, convert_to(repeat('$public', 200), 'UTF8'))" },
		checkpoint => sub { 'CHECKPOINT' },
		switch => sub { 'SELECT pg_switch_wal()' },
		settings => sub { $self->_pick('SET wal_compression = ' . $self->_pick(@{ $self->{compression} }),
				"SET wal_consistency_checking = 'all'", "SET wal_consistency_checking = ''", 'SET synchronous_commit = ' . $self->_pick(qw(on off))); },
		ctas => sub { "CREATE TABLE IF NOT EXISTS ${t}_c$k AS SELECT i AS id, '$m ' || i AS t FROM generate_series(1, $n) i; DROP TABLE IF EXISTS ${t}_c" . (2 + $self->_rand(7)) },
	);
	return '' unless $sql{$what};
	$self->{count}{$what}++;
	return $sql{$what}->();
}

# One that may stand in a transaction.
sub _statement_in
{
	my ($self, $m, $t, $public) = @_;
	my $k = 2 + $self->_rand(5);

	return $self->_pick(
		"INSERT INTO $t (g, a, p, t) SELECT i, ARRAY[i], point(i, i), '$m in ' || i FROM generate_series(1, 50) i",
		"UPDATE $t SET g = g + 1 WHERE id % $k = 0",
		"DELETE FROM $t WHERE id % " . 5 * $k . " = 0",
		"TRUNCATE $t",
		"CREATE INDEX ON $t USING " . $self->_pick(@index_kinds),
		"CREATE TABLE ${t}_t$k (id serial PRIMARY KEY, t text); INSERT INTO ${t}_t$k (t) VALUES ('$m')",
		"DROP TABLE IF EXISTS ${t}_t$k",
		"ALTER TABLE $t ALTER COLUMN g TYPE bigint",
		"SELECT 1 FROM pg_logical_emit_message(true, 'x', '$public')");
}

# Start a session that runs a script in some database.
sub _start_job
{
	my $self = shift;
	my $db = $self->{dbs}{ $self->_pick(sort keys %{ $self->{dbs} }) };
	my $spc = $self->_rand(3) ? undef : $self->{spcs}{ $self->_pick(sort keys %{ $self->{spcs} }) // '' };
	my $schema = $spc ? "s_$spc->{oid}" : 'public';
	my $m = $self->_marker($db, $schema);
	my $public = $self->_marker($db, 'public');
	my @uses = $spc ? ($spc->{name}) : ();
	my $n = ++$self->{fresh};
	# while the catalog of tablespaces is locked, this fails, and all would go elsewhere
	my $sql = "\\set ON_ERROR_STOP on\nSET default_tablespace = '" . ($spc ? $spc->{name} : '')
	  . "';\n\\set ON_ERROR_STOP off\n";
	my $file = $self->{wb}->dir . "/job_$n.sql";

	return if (grep { $_->{db} eq $db->{name} } values %{ $self->{jobs} }) >= 2;
	$sql .= "CREATE SCHEMA IF NOT EXISTS $schema;\n" if $spc;
	# what is made in the database's own tablespace goes wherever that goes, to copies of
	# the database too, and stays in the schema that it was made in
	$db->{own}{$schema} = 1 if $spc && $spc->{name} eq $db->{spc};
	$db->{markers}{$m} .= ',public' if $db->{own}{$schema};
	foreach my $i (1 .. 3 + $self->_rand(8))
	{
		my $t = "$schema.t" . $self->_rand(4);
		$sql .= "CREATE TABLE IF NOT EXISTS $t (id serial PRIMARY KEY, g int, a int[], p point, t text, b text);\n";
		$sql .= "ALTER TABLE $t ALTER COLUMN b SET STORAGE EXTERNAL;\n" if $self->_rand(3) == 0;
		$sql .= $self->_statement($m, $t, "gid_${n}_$i", $public) . ";\n";
	}
	if ($self->_rand(12) == 0)
	{
		# a table goes to another tablespace, with what is in it
		my $to = $self->{spcs}{ $self->_pick(sort keys %{ $self->{spcs} }) // '' };
		my $to_schema = $to ? "s_$to->{oid}" : 'public';
		my $to_name = $to ? $to->{name} : 'pg_default';
		# pg_default is where the database is, or an explicit one that has no schema
		if ($to && $to_schema ne $schema)
		{
			my $t = 't' . $self->_rand(4);
			push @uses, $to_name;
			$sql .= <<"END";
BEGIN;
CREATE SCHEMA IF NOT EXISTS $to_schema;
DROP TABLE IF EXISTS $to_schema.$t CASCADE;
ALTER TABLE $schema.$t SET TABLESPACE $to_name;
DO \$\$DECLARE i regclass; BEGIN FOR i IN SELECT indexrelid FROM pg_index WHERE indrelid = '$schema.$t'::regclass LOOP EXECUTE 'ALTER INDEX ' || i || ' SET TABLESPACE $to_name'; END LOOP; END\$\$;
DROP MATERIALIZED VIEW IF EXISTS $schema.${t}_m;
ALTER TABLE $schema.$t SET SCHEMA $to_schema;
COMMIT;
END
			$db->{own}{$to_schema} = 1 if $to_name eq $db->{spc};
			my $more = $to_schema . ($db->{own}{$to_schema} ? ',public' : '');
			$db->{markers}{$_} .= ",$more"
			  foreach grep { $db->{markers}{$_} =~ /\b$schema\b/ } keys %{ $db->{markers} };
		}
	}
	append_to_file($file, $sql);
	$self->_note("job $n in $db->{name}, schema $schema: $sql");
	my $pid = spawn($self->{wb}->dir . '/jobs.log', pg_program($self->{primary}, 'psql'), '-XqAt',
		'-d', $self->{primary}->connstr($db->{name}), '-f', $file);
	$self->{jobs}{$pid} = { db => $db->{name}, file => $file, spcs => \@uses };
	return;
}

sub _reap
{
	my $self = shift;

	foreach my $pid (keys %{ $self->{jobs} })
	{
		next if waitpid($pid, WNOHANG) == 0;
		unlink $self->{jobs}{$pid}{file};
		delete $self->{jobs}{$pid};
	}
	return;
}

# -- what goes wrong --------------------------------------------------------------------

sub _gone
{
	my ($node, $pid) = @_;
	return poll_until { !children_of($pid) && !kill(0, $pid) } 30;
}

sub op_restart_standby
{
	my $self = shift;
	my $standby = $self->{standby}{ $self->_pick(sort keys %{ $self->{standby} }) };
	my $mode = $self->_pick(qw(immediate fast));

	$mode = 'fast' if $mode eq 'immediate' && !$self->_before_crash($standby);
	$self->_note('stop standby ' . $standby->name . " $mode");
	$standby->stop($mode);
	push @{ $self->{down} }, [ $standby, time() + $self->_rand(40) / 10 ];
	$standby->{wb_down} = 1;
	return;
}

sub _bring_back
{
	my ($self, $all) = @_;
	my @left;

	foreach my $entry (@{ $self->{down} // [] })
	{
		if ($all || time() >= $entry->[1])
		{
			$self->_note('start standby ' . $entry->[0]->name);
			$entry->[0]->start;
			delete $entry->[0]{wb_down};
		}
		else
		{
			push @left, $entry;
		}
	}
	$self->{down} = \@left;
	return;
}

sub op_kill_worker
{
	my $self = shift;
	my $pid = $self->_pick($self->{wb}->workers) // return;

	$self->_note('kill worker ' . process_title($pid));
	kill 'KILL', $pid;
	return;
}

sub op_kill_reader
{
	my $self = shift;
	my $pid = $self->{wb}->reader // return;

	$self->_note('kill the reader');
	kill 'KILL', $pid;
	return;
}

sub op_reload
{
	my $self = shift;
	$self->_note('reload');
	$self->{wb}->reload;
	return;
}

sub op_restart_walbouncer
{
	my $self = shift;
	my $mode = $self->_pick(qw(fast immediate kill9));

	$self->_note("restart walbouncer, $mode");
	if ($mode eq 'kill9')
	{
		$self->{wb}->kill9;
	}
	else
	{
		$self->{wb}->stop($mode);
	}
	# the port may still be held by a worker that is about to notice
	poll_until { $self->{wb}->start(fail_ok => 1) } 20
	  or BAIL_OUT('walbouncer does not start again');
	return;
}

sub op_restart_primary
{
	my $self = shift;
	my $primary = $self->{primary};
	my $mode = $self->_pick(qw(fast immediate kill9));

	$self->_note("restart primary, $mode");
	if ($mode eq 'kill9')
	{
		my $pid = $primary->{_pid};
		my @children = children_of($pid);
		$primary->kill9;
		poll_until { !grep { kill 0, $_ } @children } 30;
		$primary->start(fail_ok => 1) || poll_until { sleep 1; $primary->start(fail_ok => 1) } 30
		  or BAIL_OUT('the primary does not start again');
	}
	else
	{
		$primary->restart if $mode eq 'fast';
		if ($mode eq 'immediate')
		{
			$primary->stop('immediate');
			$primary->start;
		}
	}
	return;
}

# However short the run: records of each kind that there is, of each database that
# there is at first, in both tablespaces.
sub _prologue
{
	my $self = shift;

	foreach my $db (map { $self->{dbs}{$_} } grep { $_ ne 'postgres' } sort keys %{ $self->{dbs} })
	{
		foreach my $spc (undef, map { $self->{spcs}{$_} } sort keys %{ $self->{spcs} })
		{
			my $schema = $spc ? "s_$spc->{oid}" : 'public';
			my $m = $self->_marker($db, $schema);
			my $spcname = $spc ? $spc->{name} : '';
			$self->_sql($db->{name}, <<"END");
SET default_tablespace = '$spcname';
CREATE SCHEMA IF NOT EXISTS $schema;
CREATE TABLE $schema.a (id int PRIMARY KEY, p point, t text);
CREATE INDEX a_gist_$schema ON $schema.a USING gist (p);
INSERT INTO $schema.a SELECT i, point(i, i), '$m' FROM generate_series(1, 1500) i;
DELETE FROM $schema.a;
VACUUM $schema.a;
SELECT txid_current();
SELECT txid_current();
VACUUM $schema.a;
INSERT INTO $schema.a SELECT i, point(i, i), '$m' FROM generate_series(5001, 6500) i;
DELETE FROM $schema.a WHERE id > 5200;
VACUUM $schema.a;
TRUNCATE $schema.a;
BEGIN;
INSERT INTO $schema.a VALUES (1, point(1, 1), '$m');
CREATE TABLE $schema.b (t text);
PREPARE TRANSACTION 'prologue_$db->{name}_$schema';
COMMIT PREPARED 'prologue_$db->{name}_$schema';
END
		}
	}
	# from here on there are transactions that logical decoding may still want to see,
	# which keeps emptied pages of indexes from being used again, up to 15
	$self->_sql('postgres', "SELECT pg_create_logical_replication_slot('slot', 'pgoutput')");
	foreach my $db (map { $self->{dbs}{$_} } grep { $_ ne 'postgres' } sort keys %{ $self->{dbs} })
	{
		my $public = $self->_marker($db, 'public');
		$self->_sql($db->{name}, <<"END");
CREATE TABLE rewritten (t text);
VACUUM FULL pg_class;
VACUUM FULL pg_attribute;
SELECT 1 FROM pg_logical_emit_message(true, 'x', '$public');
SELECT 1 FROM pg_logical_emit_message(false, 'x', repeat('$public', 300));
END
	}
	return;
}

# -- the run --------------------------------------------------------------------------

# There are seven copies of it, and a fast machine writes a lot.
my $wal_limit = 2 * 2**30;

# Since the beginning.
sub _wal_bytes
{
	my $self = shift;
	return lsn_number($self->{primary}->lsn('insert')) - $self->{first_lsn};
}

sub run
{
	my ($self, $seconds) = @_;
	my $until;
	my @operations = (
		create_database => 22, drop_database => 8, rename_database => 8, swap_databases => 4,
		move_database => 12, create_tablespace => 6, drop_tablespace => 3, empty_tablespace => 2,
		rename_tablespace => 4, shared_catalogs => 10, restart_standby => 8, kill_worker => 4,
		kill_reader => 2, reload => 2, restart_walbouncer => 4, restart_primary => 3);
	my $sync = time() + 20;

	$self->{first_oid} = $self->_oid(
		'SELECT 1 + greatest((SELECT max(oid::bigint) FROM pg_database), (SELECT max(oid::bigint) FROM pg_tablespace))');
	$self->_prologue;
	$self->{first_lsn} = lsn_number($self->{primary}->lsn('insert'));
	$until = time() + $seconds;
	while (time() < $until)
	{
		$self->_reap;
		$self->_bring_back;
		$self->_start_job if keys %{ $self->{jobs} } < 3;
		if ($self->_rand(3) == 0)
		{
			my $what = $self->_weighted(@operations);
			my $method = "op_$what";
			next if $what eq 'restart_standby' && @{ $self->{down} // [] };
			$self->{count}{$what}++;
			$self->$method;
		}
		usleep(30_000);
		foreach my $standby (grep { !$_->{wb_down} } values %{ $self->{standby} })
		{
			kill(0, $standby->{_pid}) or return $self->_fail($standby->name . ' has gone: ' . _tail($standby->logfile));
		}
		if (time() > $sync)
		{
			$self->_bring_back(1);
			$self->wait_for_all or return 0;
			last if $self->_wal_bytes > $wal_limit;
			$sync = time() + 20;
		}
	}
	return 1;
}

sub _tail
{
	my $file = shift;
	my $text = slurp_file($file);
	return length $text > 1500 ? substr($text, -1500) : $text;
}

sub _fail
{
	my ($self, $why) = @_;
	$self->_note($why);
	fail($why);
	return 0;
}

# Everybody has what there is.
sub wait_for_all
{
	my $self = shift;
	my $lsn = $self->{primary}->lsn('flush');

	foreach my $name (sort keys %{ $self->{standby} })
	{
		my $standby = $self->{standby}{$name};
		my $offset = $self->{wb}->log_offset;
		my $done = poll_until {
			return -1 unless kill 0, $standby->{_pid};
			my ($rc, $out) = $standby->psql('postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'");
			return ($out // '') eq 't';
		} 60;
		$done == 1
		  or return $self->_fail($standby->name . ($done ? ' has gone: ' : " does not replay $lsn: ")
			  . _tail($standby->logfile) . "\nwalbouncer: " . _tail($self->{wb}->logfile));
	}
	return 1;
}

# -- the end ----------------------------------------------------------------------------

# While everybody streams, what comes up is decided by the WAL, not by asking the
# primary; also after a catalog has moved to another file, and from a page image.
sub _check_following
{
	my $self = shift;
	my $missing;

	# a pg_receivewal may be away for some seconds, and is told the names when it comes
	foreach my $try (0 .. 3)
	{
		my @names = ($last_in[$try], $last_out[$try]);
		my $spc = $last_spc[$try];
		$missing = '';
		$self->wait_for_all or return 0;
		$self->_sql('postgres', 'VACUUM FULL pg_database; VACUUM FULL pg_tablespace; CHECKPOINT');
		$self->_sql('postgres', 'SET wal_compression = ' . $self->_pick(@{ $self->{compression} }) . '; '
			  . join('; ', map { "CREATE DATABASE $_" } @names) . "; CREATE TABLESPACE $spc LOCATION ''");
		$self->_meet_db($_, $self->_oid("SELECT oid FROM pg_database WHERE datname = '$_'")) foreach @names;
		$self->_meet_spc("$spc|" . $self->_oid("SELECT oid FROM pg_tablespace WHERE spcname = '$spc'"));
		$self->wait_for_all or return 0;
		foreach my $rule (@rules)
		{
			my $text = slurp_file($self->{wb}->dir . "/state/scope/$rule->{name}");
			foreach my $object ((map { [ 'database', $self->{dbs}{$_} ] } @names), [ 'tablespace', $self->{spcs}{$spc} ])
			{
				my ($kind, $oid) = ($object->[0], $object->[1]{oid});
				next unless grep { $rule->{"${_}_${kind}s"} } qw(include exclude);
				$missing .= "$kind $oid under $rule->{name}\n"
				  unless $text =~ /^\w+ $kind $oid (?:in|out) \S+ created /m;
			}
		}
		last if $missing eq '';
	}
	is($missing, '', "$self->{major}: what is created is decided when its row goes by");
	$self->_check_move((grep { $self->{spcs}{$_} } @last_spc)[0]);
	return $missing eq '';
}

# A database comes from a tablespace that is out, and the very next record is of it.
sub _check_move
{
	my ($self, $spc) = @_;
	my $name = 'lastmove';

	$self->_sql('postgres', "CREATE DATABASE $name TABLESPACE $spc");
	my $db = $self->_meet_db($name, $self->_oid("SELECT oid FROM pg_database WHERE datname = '$name'"), spc => $spc);
	my $m = $self->_marker($db, 'public');
	return unless defined $self->_sql('postgres', "ALTER DATABASE $name SET TABLESPACE pg_default");
	$db->{spc} = 'pg_default';
	$self->_model_copy($db, $db, [ $spc, 'pg_default' ]);
	$self->_sql($name, "CREATE TABLE moved AS SELECT '$m'");
	return;
}

# Everybody is cut off in the segment that a long record has begun before, and comes
# back there: with what is on record of that record, and without.
sub _check_tails
{
	my $self = shift;
	my $size = $self->{segment_size};
	my $wb = $self->{wb};
	my ($db) = map { $self->{dbs}{$_} // () } @last_out;
	my $m = $self->_marker($db, 'public');

	foreach my $on_record (1, 0)
	{
		my $insert = lsn_number($self->{primary}->lsn('insert'));
		my $to_boundary = $size - $insert % $size;
		my $count = int(($to_boundary + 0.6 * $size) / length $m);

		$self->_sql($db->{name}, "SELECT 1 FROM (SELECT pg_logical_emit_message(false, '', repeat('$m', $count))) x");
		$self->_sql('postgres', 'CREATE TABLE IF NOT EXISTS flushed (); DROP TABLE flushed');
		$self->wait_for_all or return 0;
		foreach my $name (sort keys %{ $self->{receiver} })
		{
			$self->{receiver}{$name}->wait_for_segment(segment_file($insert, $size), 60)
			  or return $self->_fail("$name: pg_receivewal does not have " . segment_file($insert, $size));
		}
		if ($on_record)
		{
			$self->_note('kill all workers');
			kill 'KILL', $wb->workers;
		}
		else
		{
			$self->_note('restart walbouncer without its ledgers');
			$wb->stop;
			rmtree($wb->dir . '/state/ledger');
			poll_until { $wb->start(fail_ok => 1) } 20
			  or BAIL_OUT('walbouncer does not start again');
		}
		$self->wait_for_all or return 0;
	}
	return 1;
}

# All is at rest, and all WAL has arrived.
sub settle
{
	my $self = shift;

	$self->_bring_back(1);
	foreach my $db (map { $self->{dbs}{$_} } sort keys %{ $self->{dbs} })
	{
		$self->_quiesce($db);
	}
	$self->_check_following && $self->_check_tails or return 0;
	$self->{last_lsn} = lsn_number($self->_sql('postgres', 'SELECT pg_switch_wal()'));
	$self->_sql('postgres', 'CREATE TABLE IF NOT EXISTS after_the_switch ()');
	$self->wait_for_all or return 0;
	$self->{last_file} = segment_file($self->{last_lsn} - 1, $self->{segment_size});
	$self->{first_file} = segment_file($self->{first}, $self->{segment_size});
	foreach my $name (sort keys %{ $self->{receiver} })
	{
		$self->{receiver}{$name}->wait_for_segment($self->{last_file}, 60)
		  or return $self->_fail("$name: pg_receivewal does not have $self->{last_file}");
	}
	$self->{arrived} = 1;
	foreach my $rule (map { $_->{name} } @rules)
	{
		my $journal = $self->_journal($rule);
		my @wrong;
		foreach my $object (@{ $self->{all} })
		{
			my $verdict = $self->_verdict($object, $rule, 'database') // 'unknown';
			my $known = $journal->{database}{ $object->{oid} } // next;
			push @wrong, "$object->{name} ($object->{oid}) is $known, not $verdict" if $known ne $verdict;
		}
		foreach my $oid (keys %{ $self->{spc_by_oid} })
		{
			my $spc = $self->{spc_by_oid}{$oid};
			my $verdict = $self->_verdict($spc, $rule, 'tablespace') // 'unknown';
			my $known = $journal->{tablespace}{$oid} // next;
			push @wrong, "tablespace $spc->{name} ($oid) is $known, not $verdict" if $known ne $verdict;
		}
		is(join("\n", @wrong), '', "$self->{major}, $rule: what is on record is what the model says");
		$self->{journal}{$rule} = $journal;
	}
	return 1;
}

# Databases that a rule's standbys have in full, as far as their default goes.
sub _whole
{
	my ($self, $rule) = @_;
	return grep {
		($self->_verdict($_, $rule, 'database') // '') eq 'in' && $self->_spc_in($_->{spc}, $rule)
	} map { $self->{dbs}{$_} } sort keys %{ $self->{dbs} };
}

sub _schemas_out
{
	my ($self, $rule) = @_;
	return map { "s_$_" } grep { ($self->_verdict($self->{spc_by_oid}{$_}, $rule, 'tablespace') // '') ne 'in' }
	  sort keys %{ $self->{spc_by_oid} };
}

sub check_dumps
{
	my ($self, $rule) = @_;
	my $standby = $self->{standby}{$rule};
	my @options = ('--no-unlogged-table-data', map { ('-N', $_) } $self->_schemas_out($rule));

	same_dump($self->{primary}, $standby, $_->{name}, @options) foreach $self->_whole($rule);
	return;
}

# The indexes, and from 14 on the tables, of a server.
sub check_amcheck
{
	my ($self, $rule, @options) = @_;
	my $standby = $self->{standby}{$rule};
	my $name = "$self->{major}, $rule: amcheck is content";
	my @out = $self->_schemas_out($rule);
	my $bad = '';

	foreach my $db ($self->_whole($rule))
	{
		my ($out, $err) = ('', '');
		if ($self->{major} >= 14)
		{
			IPC::Run::run([ pg_program($standby, 'pg_amcheck'), '-h', $standby->host, '-p', $standby->port,
				'-d', $db->{name}, '--heapallindexed', @options, map { ('-S', $_) } @out ], '>', \$out, '2>', \$err)
			  or $bad .= "$db->{name}: $out$err";
			next;
		}
		my $not = join ', ', map { "'$_'" } '', @out;
		my $rc = $standby->psql($db->{name}, <<"END", stderr => \$err);
SELECT count(bt_index_check(i.indexrelid, true)) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
	JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relam = 403 AND c.relpersistence = 'p' AND i.indisvalid AND n.nspname NOT IN ($not)
	AND NOT EXISTS (SELECT 1 FROM pg_class t JOIN pg_namespace tn ON tn.oid = t.relnamespace
		WHERE t.reltoastrelid = i.indrelid AND tn.nspname IN ($not))
END
		$bad .= "$db->{name}: $err" if $rc != 0;
	}
	is($bad, '', $name);
	return;
}

# What is out has no directory, in the end nor on the way.
sub check_directories
{
	my ($self, $rule) = @_;
	my $data = $self->{standby}{$rule}->data_dir;
	my @bad;

	foreach my $db (@{ $self->{all} })
	{
		next unless ($self->_verdict($db, $rule, 'database') // '') eq 'out';
		my $oid = $db->{oid};
		push @bad, glob("$data/pg_tblspc/*/PG_*/$oid");
		push @bad, grep { -e } "$data/base/$oid";
		push @bad, glob(sprintf "$data/pg_logical/mappings/map-%x-*", $oid);
	}
	foreach my $oid (keys %{ $self->{spc_by_oid} })
	{
		next unless ($self->_verdict($self->{spc_by_oid}{$oid}, $rule, 'tablespace') // '') eq 'out';
		push @bad, grep { -e || -l } "$data/pg_tblspc/$oid";
	}
	# a database that is out since its files were copied may have had some before
	@bad = grep {
		my $oid = m{/map-([0-9a-f]+)-} ? hex $1 : m{/(\d+)$} ? $1 : 0;
		!($oid && $self->{db_by_oid}{$oid} && $self->{db_by_oid}{$oid}{copied}{$rule});
	} @bad;
	is("@bad", '', "$self->{major}, $rule: no directories of what is out");
	return;
}

# A marker may come up where its database is in and so is the tablespace that its
# schema stands for, or one that a table of it went to.
sub _forbidden
{
	my ($self, $rule) = @_;
	my %seen;

	foreach my $db (@{ $self->{all} })
	{
		my $in = ($self->_verdict($db, $rule, 'database') // 'in') eq 'in' || $db->{copied}{$rule} && !$db->{born_out}{$rule};
		foreach my $marker (keys %{ $db->{markers} })
		{
			my $may = $in && grep {
				my $oid = /^s_(\d+)/ ? $1 : 0;
				!$oid || ($self->_verdict($self->{spc_by_oid}{$oid}, $rule, 'tablespace') // '') eq 'in'
			} split /,/, $db->{markers}{$marker};
			$seen{$marker} ||= $may ? 1 : 0;
		}
	}
	return grep { !$seen{$_} } sort keys %seen;
}

sub check_markers
{
	my ($self, $rule) = @_;
	my $major = $self->{major};
	my @forbidden = $self->_forbidden($rule);
	my $patterns = $self->{wb}->dir . "/forbidden_$rule";
	my $grep = sub {
		my $out = '';
		IPC::Run::run([ 'grep', '-raoFf', $patterns, '--', @_ ], '>', \$out, '2>', '/dev/null');
		my %where = map { my ($file, $m) = /^(.*):(\w+)$/; "$m in " . ($file // $_) => 1 } split /\n/, $out;
		my @where = sort keys %where;
		return join "\n", splice(@where, 0, 10);
	};

	unlink $patterns;
	append_to_file($patterns, join('', map { "$_\n" } @forbidden));
	cmp_ok(scalar(@forbidden), '>', 0, "$major, $rule: there are texts to be withheld") or return;
	is($grep->($self->{standby}{$rule}->basedir), '', "$major, $rule: none is in the standby's directories");
	is($grep->($self->{receiver}{$rule}->dir), '', "$major, $rule: none is in what was received");
	ok(system('grep', '-rqaFf', $patterns, '--', $self->{primary}->data_dir) == 0,
		"$major, $rule: but at the primary");
	return;
}

sub check_log
{
	my ($self, $rule) = @_;
	my $text = slurp_file($self->{standby}{$rule}->logfile);
	my @bad = grep { /PANIC:|incorrect resource manager data checksum|inconsistent page found|invalid pages/ } split /\n/, $text;

	is(join("\n", splice(@bad, 0, 5)), '', "$self->{major}, $rule: no damage in the standby's log");
	return;
}

# The standby becomes a primary, which lives.
sub check_promotion
{
	my ($self, $rule) = @_;
	my $standby = $self->{standby}{$rule};

	$standby->promote;
	foreach my $db ($self->_whole($rule))
	{
		$standby->safe_psql($db->{name}, 'CREATE TABLE promoted (t text); INSERT INTO promoted VALUES (1); VACUUM promoted, pg_class');
	}
	$self->check_amcheck($rule);
	$self->check_log($rule);
	return;
}

# -- every record, by an oracle of its own ----------------------------------------------

# Reads the WAL of two directories side by side: calls code with the LSN and the bytes
# of each record, as they are in the one and in the other; what lies between them
# must be the same.  Returns what is wrong.
sub _each_record
{
	my ($self, $one, $two, $code) = @_;
	my $size = $self->{segment_size};
	my $lsn = $self->{first} - $self->{first} % $size;
	my ($a, $b, $need) = ('', '', 0);
	my ($skip_to, $start) = (0, 0);

	for (; $lsn < $self->{last_lsn}; $lsn += $size)
	{
		my $file = segment_file($lsn, $size);
		my ($p, $q) = map { slurp_file("$_/$file") } $one, $two;
		return "$file has " . length($q) . ' bytes' if length $q != $size;
		next if $skip_to > $lsn && $skip_to >= $lsn + $size;
		for (my $page = 0; $page < $size; $page += PAGE)
		{
			my $at = $lsn + $page;
			last if $at < $skip_to;
			my ($magic, $info, $tli, $addr, $rem) = unpack 'SSLQL', substr($p, $page, 20);
			return sprintf 'page %X of the primary is not one', $at if $addr != $at;
			my $pos = $info & 2 ? 40 : 24;
			return sprintf 'page header at %X differs', $at
			  if substr($p, $page, $pos) ne substr($q, $page, $pos);
			($need, $a, $b) = (0, '', '') if $info & 8;
			if ($info & 1)
			{
				my $n = $rem < PAGE - $pos ? $rem : PAGE - $pos;
				if ($need)
				{
					return sprintf 'rem_len at %X', $at if $rem != $need;
					$a .= substr $p, $page + $pos, $n;
					$b .= substr $q, $page + $pos, $n;
					$need -= $n;
					if (!$need)
					{
						my $bad = $code->($start, $a, $b);
						return $bad if $bad;
						$skip_to = $lsn + $size if ord(substr $a, 17) == 0 && (ord(substr $a, 16) & 0xF0) == 0x40;
					}
				}
				next if $rem > $n;
				$pos = ($pos + $n + 7) & ~7;
			}
			while ($pos < PAGE && $skip_to <= $lsn)
			{
				my $total = unpack 'L', substr($p, $page + $pos, 4);
				return sprintf 'the WAL of the primary ends at %X', $at + $pos if $total < 24;
				my $n = $total < PAGE - $pos ? $total : PAGE - $pos;
				$start = $at + $pos;
				if ($n < $total)
				{
					$a = substr $p, $page + $pos, $n;
					$b = substr $q, $page + $pos, $n;
					$need = $total - $n;
					last;
				}
				my $record = substr $p, $page + $pos, $n;
				my $bad = $code->($start, $record, substr $q, $page + $pos, $n);
				return $bad if $bad;
				$pos = ($pos + $n + 7) & ~7;
				$skip_to = $lsn + $size if ord(substr $record, 17) == 0 && (ord(substr $record, 16) & 0xF0) == 0x40;
			}
			last if $skip_to > $lsn;
		}
	}
	return '';
}

# Where the main data of a record without block references begins.
sub _main
{
	my $record = shift;
	my $at = 24;

	while ($at < length $record)
	{
		my $id = ord substr $record, $at;
		return substr $record, $at + 2 if $id == 255;
		return substr $record, $at + 5 if $id == 254;
		$at += $id == 253 ? 3 : 5;
	}
	return '';
}

# [database, tablespace, file copy's source: database, tablespace] of a record;
# nothing if it must reach everybody.
sub _subject
{
	my ($self, $record) = @_;
	my ($info, $rmid) = unpack 'CC', substr($record, 16, 2);
	my $id = length $record > 24 ? ord substr($record, 24) : 255;
	my $op = $info & 0xF0;
	my $major = $self->{major};

	if ($id <= 32)
	{
		my $flags = ord substr $record, 25;
		my $at = 28;
		if ($flags & 0x10)
		{
			my $image = ord substr $record, 32;
			my $packed = $image & ($major < 15 ? 0x02 : 0x1C);
			$at += 5 + ($packed && ($image & 1) ? 2 : 0);
		}
		my ($spc, $db) = unpack 'LL', substr($record, $at, 8);
		return [ $db, $spc ];
	}
	return unless $rmid =~ /^(?:2|4|5|7|9|10|11|14|21)$/;
	my $main = _main($record);
	my @oid = unpack 'L6', $main . "\0" x 24;
	return [ @oid[ 1, 0 ] ] if $rmid == 2 && $op == 0x10;
	return [ @oid[ 2, 1 ] ] if $rmid == 2 && $op == 0x20;
	if ($rmid == 4)
	{
		return [@oid[0, 1, 2, 3]] if $op == 0x00;
		return [@oid[0, 1]] if $op == 0x10 && $major >= 15;
		return;
	}
	return [ 0, $oid[0] ] if $rmid == 5 && $op == 0;
	return [ @oid[ 0, 1 ] ] if $rmid == 7 && $op == 0;
	return [ $oid[1], 0 ] if $rmid == 9 && ($op & 0x70) == 0;
	return [ @oid[ 5, 4 ] ] if $rmid == 9 && ($op & 0x70) == 0x70;
	return [ @oid[ 1, 0 ] ] if $rmid == 9 && $op == 0x30 && $major == 13;
	return [ $oid[0], 0 ] if $rmid == 10 && ($op & 0x70) == 0x30;
	return [ @oid[ 1, 0 ] ] if $rmid == 11 && $op == 0xD0 || $rmid == 14 && $op == 0x20;
	return [ $oid[0], 0 ] if $rmid == 21;
	return;
}

sub check_records
{
	my ($self, $rule) = @_;
	my $major = $self->{major};
	my $dir = $self->{receiver}{$rule}->dir;
	my %db = map { $_->{oid} => $_ } @{ $self->{all} };
	my (%out, %cache, %kinds);
	my ($kept, $blank, $bad, $unknown) = (0, 0, '', 0);

	IPC::Run::run([ pg_program($major, 'pg_waldump'), '-q', '-p', $dir, $self->{first_file}, $self->{last_file} ],
		'>', '/dev/null', '2>', \my $err)
	  if $major >= 14;
	IPC::Run::run([ pg_program($major, 'pg_waldump'), '-z', '-p', $dir, $self->{first_file}, $self->{last_file} ],
		'>', '/dev/null', '2>', \$err)
	  if $major < 14;
	is($err, '', "$major, $rule: pg_waldump reads all that was received");

	# resource managers whose records name something without blocks
	my @is_named;
	$is_named[$_] = 1 foreach 2, 4, 5, 7, 9, 10, 11, 14, 21;

	# what a database was at first: the copies that put it out are in the WAL
	my $verdict = sub {
		my ($kind, $oid) = @_;
		my $object = $kind eq 'database' ? $db{$oid} : $self->{spc_by_oid}{$oid};
		if ($object)
		{
			return $object->{copied}{$rule} ? 'in' : $self->_verdict($object, $rule, $kind) // 'in';
		}
		return 'in' if $oid < FIRST_NORMAL_OID;
		# made by a command that failed: it can only be asked for consistency
		return $self->{journal}{$rule}{$kind}{$oid}
		  // ((grep { $_->{name} eq $rule && $_->{"include_${kind}s"} } @rules) ? 'out' : 'in');
	};
	my $is_out = sub {
		my ($database, $spc) = @_;
		return 0 if $spc == SPC_GLOBAL;
		return 1 if $database && ($out{$database} || $verdict->('database', $database) eq 'out');
		return $spc && $spc != SPC_DEFAULT && $verdict->('tablespace', $spc) eq 'out' ? 1 : 0;
	};
	$bad = $self->_each_record($self->{primary}->data_dir . '/pg_wal', $dir, sub {
		my ($lsn, $was, $is) = @_;
		my ($subject, $expected) = (undef, 0);
		$subject = $self->_subject($was) if $is_named[ ord substr $was, 17 ] || length $was > 24 && ord(substr $was, 24, 1) <= 32;
		if ($subject)
		{
			my ($database, $spc, @source) = @$subject;
			$expected = $cache{"$database/$spc"} //= $is_out->($database, $spc);
			if (@source && !$expected && $is_out->(@source))
			{
				$expected = 1;
				$out{$database} = 1;
				%cache = ();
			}
		}
		my ($info, $rmid) = unpack 'CC', substr($was, 16, 2);
		my $what = sub {
			return sprintf '%X, rmgr %d info %02X, %d bytes, database %d tablespace %d', $lsn, $rmid, $info, length $was,
			  @{ $subject // [ 0, 0 ] };
		};
		if ($was eq $is)
		{
			return 'kept, but excluded: ' . $what->() if $expected;
			$kept++;
			return;
		}
		return 'changed, but not excluded: ' . $what->() unless $expected;
		return 'not a no-op of the same place: ' . $what->()
		  if substr($was, 0, 16) ne substr($is, 0, 16) || substr($is, 16, 2) ne "\x20\x00" || substr($is, 29) =~ /[^\0]/;
		$blank++;
		$kinds{"$rmid/" . ($info & 0xF0)}++ if !$subject || ord(substr $was, 24) > 32;
		return;
	});
	is($bad, '', "$major, $rule: exactly what is excluded is blank");
	$self->_note("$rule: $kept records kept, $blank blank; without blocks: "
		  . join(' ', map { "$_=$kinds{$_}" } sort keys %kinds));
	note("$rule: $kept records kept, $blank blank; without blocks, rmgr/op: "
		  . join(' ', map { "$_=$kinds{$_}" } sort keys %kinds));
	cmp_ok($blank, '>', 0, "$major, $rule: blank records");
	return;
}

sub check
{
	my $self = shift;

	foreach my $rule (map { $_->{name} } @rules)
	{
		$self->check_log($rule);
		$self->check_directories($rule);
		$self->check_records($rule);
		$self->check_markers($rule);
	}
	# what comes now takes its time, and cannot be better
	return unless Test::More->builder->is_passing;
	$self->check_dumps($_->{name}) foreach @rules;
	my @globals = map { $self->_globals($_) } $self->{primary}, map { $self->{standby}{ $_->{name} } } @rules;
	is($globals[$_], $globals[0], "$self->{major}, $rules[$_ - 1]{name}: the same roles and tablespaces")
	  foreach 1 .. $#globals;
	$self->{wb}->log_unlike(qr/PANIC|halted/, 0, "$self->{major}: walbouncer has halted nobody");
	$self->check_promotion($_->{name}) foreach @rules;
	note('operations: ' . join(' ', map { "$_=$self->{count}{$_}" } sort keys %{ $self->{count} }));
	$self->_note('operations: ' . join(' ', map { "$_=$self->{count}{$_}" } sort keys %{ $self->{count} }));
	return;
}

sub _globals
{
	my ($self, $node) = @_;
	return $node->safe_psql('postgres',
		'SELECT spcname, oid FROM pg_tablespace ORDER BY 1; SELECT rolname FROM pg_authid ORDER BY 1; SELECT datname, oid, dattablespace FROM pg_database ORDER BY 1');
}

sub stop
{
	my $self = shift;

	foreach my $rx (values %{ $self->{receiver} })
	{
		$rx->stop;
	}
	$_->stop('immediate') foreach values %{ $self->{standby} };
	$self->{wb}->stop;
	$self->{primary}->stop('immediate');
	# gigabytes, and another major comes
	return if !Test::More->builder->is_passing || defined $ENV{PG_TEST_NOCLEAN};
	rmtree($_) foreach $self->{wb}->dir, map { $_->basedir } $self->{primary}, values %{ $self->{standby} };
	return;
}

1;
