# VACUUM FULL pg_class in an excluded database, CREATE DATABASE ... TEMPLATE
# excluded STRATEGY file_copy, ALTER DATABASE ... SET TABLESPACE, DROP DATABASE,
# CREATE/DROP TABLESPACE, 2PC, unlogged tables: the standby that lacks the excluded
# directories survives all of them and a restart.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary', conf => "wal_consistency_checking = all\n");

sub location
{
	my $dir = $primary->basedir . '/' . shift;
	mkdir $dir;
	return "LOCATION '$dir'";
}

sub sql
{
	my ($db, @statements) = @_;
	$primary->safe_psql($db, $_) foreach @statements;
}

# How to copy a template; before 15 there is but one way.
sub strategy
{
	return $primary->pg_version < 15 ? '' : 'STRATEGY ' . shift;
}

sub load
{
	my $marker = shift;
	foreach my $db (@_)
	{
		sql($db, <<"END");
CREATE TABLE IF NOT EXISTS data (id serial PRIMARY KEY, t text);
INSERT INTO data (t) SELECT '$marker ' || i FROM generate_series(1, 500) i;
UPDATE data SET t = t || '.' WHERE id % 3 = 0;
DELETE FROM data WHERE id % 7 = 0;
VACUUM data;
END
	}
}

sql('postgres', 'CREATE TABLESPACE spc_in ' . location('spc_in'),
	'CREATE TABLESPACE spc_out ' . location('spc_out'),
	'CREATE DATABASE kept', 'CREATE DATABASE wander', 'CREATE DATABASE secret');
load('open', 'kept', 'wander');
load('mark_of_secret', 'secret');
sql('kept', 'CREATE SCHEMA outside',
	'CREATE TABLE outside.data (t text) TABLESPACE spc_out');

my $wb = WalBouncer->new('wb', upstream => $primary, rules => [
	{ name => 'by_exclude', user => 'by_exclude',
		exclude_databases => ['secret'], exclude_tablespaces => ['spc_out'] },
	{ name => 'by_include', user => 'by_include',
		include_databases => [ 'kept', 'postgres' ], include_tablespaces => ['spc_in'] } ]);
$wb->start_streaming;
my @standbys = map { $wb->add_standby($_) } qw(by_exclude by_include);

sub all_survive
{
	my $what = shift;
	foreach my $standby (@standbys)
	{
		ok(wait_for_replay($primary, $standby), $standby->name . " survives $what")
		  or BAIL_OUT($standby->name . ' has stopped: '
			  . substr(slurp_file($standby->logfile), -2000));
	}
}

# catalogs of the excluded database get new files, and a new map of them
sql('secret', 'VACUUM FULL pg_class', 'VACUUM FULL', 'REINDEX DATABASE secret');
load('mark_of_secret', 'secret');
all_survive('VACUUM FULL pg_class in the excluded database');

# databases made of an excluded one, and of a kept one
sql('postgres', 'CREATE DATABASE copy_files TEMPLATE secret ' . strategy('file_copy'));
load('mark_of_copy', 'copy_files');
all_survive('CREATE DATABASE ... TEMPLATE excluded STRATEGY file_copy');
sql('postgres', 'CREATE DATABASE copy_wal TEMPLATE secret ' . strategy('wal_log'));
load('mark_of_copy', 'copy_wal');
all_survive('CREATE DATABASE ... TEMPLATE excluded STRATEGY wal_log');
sql('postgres', 'CREATE DATABASE copy_kept TEMPLATE kept ' . strategy('file_copy'));
load('open', 'copy_kept');
all_survive('CREATE DATABASE ... TEMPLATE kept STRATEGY file_copy');

# databases that move: an excluded one; a kept one between kept tablespaces; one
# into an excluded tablespace and back
foreach my $spc (qw(spc_in pg_default spc_out pg_default))
{
	sql('postgres', "ALTER DATABASE secret SET TABLESPACE $spc");
	load('mark_of_secret', 'secret');
}
all_survive('ALTER DATABASE excluded SET TABLESPACE');
sql('postgres', 'ALTER DATABASE kept SET TABLESPACE spc_in');
load('open', 'kept');
all_survive('ALTER DATABASE kept SET TABLESPACE kept');
same_dump($primary, $_, 'kept', '-N', 'outside') foreach @standbys;
foreach my $spc (qw(spc_out pg_default))
{
	sql('postgres', "ALTER DATABASE wander SET TABLESPACE $spc");
	load('open', 'wander');
	all_survive("ALTER DATABASE kept SET TABLESPACE $spc");
}

# tablespaces come and go; this one is excluded for who includes by list, and in
# place for the other, as the two servers share the file system
sql('postgres', 'SET allow_in_place_tablespaces = on; CREATE TABLESPACE spc_new LOCATION \'\'');
sql('kept', 'CREATE TABLE in_new (t text) TABLESPACE spc_new',
	"INSERT INTO in_new SELECT 'open ' || i FROM generate_series(1, 500) i",
	'VACUUM in_new', 'ALTER TABLE in_new SET TABLESPACE spc_in',
	'ALTER TABLE in_new SET TABLESPACE spc_out', 'DROP TABLE in_new');
all_survive('CREATE TABLESPACE and tables in it');
is(scalar(my @there = glob $_->[0]->data_dir . '/pg_tblspc/*'), $_->[1],
	$_->[0]->name . ' has the new tablespace only if it is to have it')
  foreach [ $standbys[0], 2 ], [ $standbys[1], 1 ];
sql('postgres', 'DROP TABLESPACE spc_new');
all_survive('DROP TABLESPACE');
sql($_, 'DROP TABLE outside.data') foreach qw(kept copy_kept);
sql('secret', 'CREATE TABLE in_out (t text) TABLESPACE spc_out',
	'DROP TABLE in_out');

# prepared transactions, one of them over the restart
foreach my $db (qw(kept secret))
{
	foreach my $end ('COMMIT', 'ROLLBACK', 'leave')
	{
		sql($db, <<"END");
BEGIN;
CREATE TABLE prepared_$end (t text);
INSERT INTO prepared_$end SELECT '${db}_mark ' || i FROM generate_series(1, 500) i;
PREPARE TRANSACTION '${db}_$end';
END
		sql($db, "$end PREPARED '${db}_$end'") unless $end eq 'leave';
	}
}
all_survive('2PC');

# unlogged tables, and one that changes its mind
foreach my $db (qw(kept secret))
{
	sql($db, 'CREATE UNLOGGED TABLE unlogged (id serial PRIMARY KEY, t text)',
		"INSERT INTO unlogged (t) SELECT '${db}_mark ' || i FROM generate_series(1, 500) i",
		'CREATE UNLOGGED TABLE to_logged (id serial PRIMARY KEY, t text)',
		"INSERT INTO to_logged (t) SELECT '${db}_mark ' || i FROM generate_series(1, 500) i",
		'ALTER TABLE to_logged SET LOGGED', 'ALTER TABLE data SET UNLOGGED',
		'ALTER TABLE data SET LOGGED');
}
all_survive('unlogged tables');

# restarts, in peace and in a hurry
foreach my $mode (qw(fast immediate))
{
	sql('postgres', 'CHECKPOINT') if $mode eq 'fast';
	$_->stop($mode) foreach @standbys;
	load("open_$mode", 'kept');
	load('mark_of_secret', 'secret');
	sql('secret', 'VACUUM FULL pg_class');
	$_->start foreach @standbys;
	all_survive("a restart ($mode)");
}
sql($_, "COMMIT PREPARED '${_}_leave'") foreach qw(kept secret);
all_survive('COMMIT PREPARED after the restart');

# the end of the excluded database, and of everything that came of it
my $secret_oid = $primary->safe_psql('postgres',
	"SELECT oid FROM pg_database WHERE datname = 'secret'");
sql('postgres', map { "DROP DATABASE $_" } qw(copy_files copy_wal));
all_survive('DROP DATABASE of the copies');
sql('postgres', 'DROP DATABASE secret');
all_survive('DROP DATABASE excluded');
sql('postgres', 'DROP TABLESPACE spc_out');
all_survive('DROP TABLESPACE excluded');
load('open', 'kept', 'copy_kept');
$_->restart foreach @standbys;
all_survive('one more restart');

foreach my $standby (@standbys)
{
	my $name = $standby->name;

	log_clean($standby);
	same_dump($primary, $standby, $_, '-T', 'unlogged*') foreach qw(kept postgres);
	is(join(' ', grep { -e } glob $standby->data_dir . "/{base,pg_tblspc/*/PG_*}/$secret_oid"), '',
		"$name has no directory of the excluded database");
	is(scalar(my @spc = glob $standby->data_dir . '/pg_tblspc/*'), 1,
		"$name has the one tablespace that it is to have");
	is(grep_files('mark_of_secret', $standby->basedir), '', "$name has nothing of secret")
	  if $name eq 'by_include';
}
same_dump($primary, $standbys[0], 'copy_kept', '-N', 'outside');

done_testing();
