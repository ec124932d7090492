# The upstream is a standby itself, and a database is being created on the primary when
# the first standby of a rule begins: its name cannot be known before the upstream has
# replayed the commit, and then it counts.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary', conf => "max_prepared_transactions = 5\nautovacuum = off\n");
$primary->backup('heir');
my $upstream = PostgreSQL::Test::Cluster->new('upstream');
$upstream->init_from_backup($primary, 'heir', has_streaming => 1);
$upstream->start;
my $wb = WalBouncer->new('wb', upstream => $upstream,
	rules => [ { name => 'late', user => 'late', exclude_databases => ['secret'] } ]);
$wb->start_streaming;

# both wait behind the row in pg_database
$primary->safe_psql('postgres',
	"BEGIN; LOCK TABLE pg_catalog.pg_shdepend IN SHARE MODE; PREPARE TRANSACTION 'lock'");
my %pid = map {
	$_ => spawn($primary->basedir . '/held.log', pg_program($primary, 'psql'), '-XAtq', '-d',
		$primary->connstr('postgres'), '-c', "CREATE DATABASE $_")
} qw(kept secret);
$primary->poll_query_until('postgres',
	"SELECT count(*) = 2 FROM pg_locks WHERE NOT granted AND relation = 'pg_shdepend'::regclass")
  or die 'they do not wait where they should';
$primary->safe_psql('postgres', $_) foreach 'SELECT pg_switch_wal()', 'SELECT txid_current()';
my $standby = $wb->add_standby('late', primary => $primary);
ok(wait_for_replay($primary, $standby), 'the standby streams');

# the upstream replays what they do, but not the commits
my $offset = $wb->log_offset;
$upstream->append_conf('postgresql.conf', "recovery_min_apply_delay = '1h'\n");
$upstream->reload;
$upstream->poll_query_until('postgres', "SELECT current_setting('recovery_min_apply_delay') = '1h'");
$primary->safe_psql('postgres', "ROLLBACK PREPARED 'lock'");
foreach my $db (sort keys %pid)
{
	waitpid $pid{$db}, 0;
	is($?, 0, "$db: created");
}
$wb->wait_for_log(qr/the name of database \d+, first met at .* cannot be known yet/, $offset,
	'the standby is to come again');
$upstream->append_conf('postgresql.conf', "recovery_min_apply_delay = 0\n");
$upstream->reload;

$primary->safe_psql($_, "CREATE TABLE t AS SELECT '${_}_mark' AS mark") foreach sort keys %pid;
ok(wait_for_replay($primary, $standby), 'the standby goes on');
is($standby->safe_psql('kept', 'SELECT mark FROM t'), 'kept_mark', 'it has the one');
is(grep_files('secret_mark', $standby->data_dir . '/pg_wal'), '', 'and not the other');
unlike($wb->log_content($offset), qr/it has been dropped, or its name cannot be known/, 'no name was unknown');
unlike(slurp_file($standby->logfile), qr/PANIC|incorrect resource manager/, 'its log is good');

done_testing();
