# The upstream is lost and a standby of its own takes over: a filtered standby that
# has to begin in the middle of a record on the new timeline goes on, though the
# start of that record lies in a segment that only the old timeline has.

use strict;
use warnings;
use File::Path qw(rmtree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $old = new_primary('old', initdb => ['--wal-segsize=1']);
$old->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept secret);
$old->safe_psql('kept', 'CREATE TABLE t (t text)');

my $wb = WalBouncer->new('wb', upstream => $old, rules => [
	{ name => 'standby', user => 'standby', exclude_databases => ['secret'] },
	{ name => 'everything' } ]);
$wb->start_streaming;
my $standby = $wb->add_standby('standby');

# straight from the old primary
rmtree($old->backup_dir . '/heir');
$old->backup('heir');
my $new = WalBouncer::_new_node('new');
$new->init_from_backup($old, 'heir', has_streaming => 1);
$new->start;

$old->safe_psql('postgres', 'SELECT pg_switch_wal()');
$old->safe_psql('kept', "INSERT INTO t VALUES ('before')");
$old->safe_psql('secret',
	"SELECT pg_logical_emit_message(true, '', repeat('hidden', 250000))");
ok(wait_for_replay($old, $_), $_->name . ' has all') foreach $new, $standby;

$old->stop('immediate');
$new->promote;
$new->safe_psql('kept', "INSERT INTO t VALUES ('after')");
my $offset = $wb->log_offset;
$wb->configure(upstream => $new);
ok($wb->reload, 'moved to the new primary');
$wb->wait_for_log(qr/streaming from upstream .* on timeline 2/, $offset, 'the reader follows');
ok($standby->poll_query_until('kept', "SELECT count(*) = 1 FROM t WHERE t = 'after'"),
	'the filtered standby follows to the new timeline');

# and from scratch, on the new timeline alone
$standby->restart('immediate');
$new->safe_psql('kept', "INSERT INTO t VALUES ('restarted')");
ok(wait_for_replay($new, $standby), 'and again after a crash of its own');
same_dump($new, $standby, 'kept');
log_clean($standby);
is(grep_files('hiddenhidden', $standby->data_dir), '', 'nothing of what is withheld');

done_testing();
