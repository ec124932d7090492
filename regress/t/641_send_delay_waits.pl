# While send_delay holds WAL back: the stream is kept alive, a connection of the
# worker's own to the upstream is not left to die, and the end of the timeline comes
# after what was held back.

use strict;
use warnings;
use File::Path qw(rmtree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

my $old = new_primary('old', conf => "wal_sender_timeout = 4s\n");
$old->safe_psql('postgres', 'CREATE TABLE t (t text)');

sub rules
{
	return [
		{ name => 'now', user => 'now' },
		{ name => 'delayed', user => 'delayed', send_delay => shift } ];
}

# no spool: what the ring has lost comes from the upstream
my $wb = WalBouncer->new('wb', upstream => $old, rules => rules('0'),
	settings => { ring_size => '1MB', spool_size => '0', wal_sender_timeout => '4s' });
$wb->start_streaming;
my ($now, $delayed) = map { $wb->add_standby($_) } qw(now delayed);
ok(wait_for_replay($old, $_), $_->name . ' has all') foreach $now, $delayed;
my $link = $wb->standby_link($delayed);

sub has
{
	my ($node, $marker) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM t WHERE t = '$marker'");
}

sub delay
{
	my ($delay, $ms) = @_;
	my $offset = $wb->log_offset;
	$wb->configure(rules => rules($delay));
	ok($wb->reload, "delay $delay: reloaded");
	$wb->wait_for_log(qr/rule "delayed" holds commits back for $ms ms/, $offset, "delay $delay: in force");
	return;
}

# longer than wal_sender_timeout, here and there, and than the ring is
delay('8s', 8000);
my $begun = time();
$old->safe_psql('postgres', "INSERT INTO t VALUES ('first')");
$old->safe_psql('postgres', 'CHECKPOINT');
$old->safe_psql('postgres',
	"INSERT INTO t SELECT repeat(md5(i::text), 30) FROM generate_series(1, 3000) i");
$old->safe_psql('postgres', "INSERT INTO t VALUES ('second')");
ok(wait_for_replay($old, $now), 'there without a delay');
# what was held is lost from the ring, and the rest is held by another commit
ok(poll_until { has($delayed, 'first') }, 'the first commit arrives');
cmp_ok(time() - $begun, '>=', 8, 'in its time');
ok(wait_for_replay($old, $delayed), 'and the rest, in the end');
is($wb->standby_link($delayed), $link, 'the connection is the same');

# on a connection of its own: a standby that comes back behind what the ring has
$delayed->stop;
$old->safe_psql('postgres',
	"INSERT INTO t SELECT repeat(md5(i::text), 30) FROM generate_series(1, 3000) i");
$old->safe_psql('postgres', "INSERT INTO t VALUES ('third')");
$old->safe_psql('postgres',
	"INSERT INTO t SELECT repeat(md5(i::text), 30) FROM generate_series(1, 3000) i");
ok(wait_for_replay($old, $now), 'the other has it all');
my $offset = $wb->log_offset;
$delayed->start;
$wb->wait_for_log(qr/worker delayed .*over a connection of its own/, $offset, 'from the upstream');
ok(wait_for_replay($old, $delayed), 'and the delayed one in the end');
$wb->log_unlike(qr/worker delayed .*(?:WARNING|ERROR)/, $offset, 'nothing was lost meanwhile');

# the timeline ends while a commit is held back
rmtree($old->backup_dir . '/heir');
$old->backup('heir');
my $new = WalBouncer::_new_node('new');
$new->init_from_backup($old, 'heir', has_streaming => 1);
$new->start;
delay('1h', 3600000);
$old->safe_psql('postgres', "INSERT INTO t VALUES ('held')");
ok(wait_for_replay($old, $_), $_->name . ' has it') foreach $new, $now;
$old->stop;
$new->promote;
$new->safe_psql('postgres', "INSERT INTO t VALUES ('after')");
$offset = $wb->log_offset;
$wb->configure(upstream => $new);
ok($wb->reload, 'moved to the new primary');
$wb->wait_for_log(qr/streaming from upstream .* on timeline 2/, $offset, 'the reader follows');
ok(wait_for_replay($new, $now), 'so does the one without a delay');
is(has($delayed, 'held'), 0, 'the delayed one has not got what is held back');
delay('0', 0);
ok(poll_until { has($delayed, 'after') }, 'released, it follows to the new timeline');
is(has($delayed, 'held'), 1, 'with what was held back on the old one');
same_dump($new, $delayed, 'postgres');
log_clean($delayed);

done_testing();
