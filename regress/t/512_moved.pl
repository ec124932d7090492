# A worker that reads from an upstream of its own goes along when the reader moves:
# it must not follow a former primary, that still runs, past the end of its timeline.

use strict;
use warnings;
use File::Path qw(rmtree);
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

my $old = new_primary('old', initdb => ['--wal-segsize=1']);
my $wb = WalBouncer->new('wb', upstream => $old, settings => { ring_size => '1MB', spool_size => 0 });
rmtree($old->backup_dir . '/heir');
$old->backup('heir');
my $new = WalBouncer::_new_node('new');
$new->init_from_backup($old, 'heir', has_streaming => 1);
$new->start;
my $begin = lsn_text(lsn_number($old->lsn('flush')) & ~0xFFFFF);
$old->safe_psql('postgres',
	"SELECT pg_logical_emit_message(false, '', repeat('x', 1000000)) FROM generate_series(1, 30)");
ok(wait_for_replay($old, $new), 'the heir has all');
$wb->start_streaming;

my $wire = $wb->wire;
$wire->startup;
$wire->query("START_REPLICATION $begin TIMELINE 1");
ok($old->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'walbouncer_catchup'"),
	'a worker reads over a connection of its own, and its client waits');

# the old primary goes on, and nobody is to have that
$new->promote;
my ($parent, $switch) = split ' ', $new->safe_psql('postgres',
	"SELECT pg_read_file('pg_wal/00000002.history')");
$old->safe_psql('postgres', "SELECT pg_logical_emit_message(false, '', repeat('lost', 100000))");
my $offset = $wb->log_offset;
$wb->configure(upstream => $new);
ok($wb->reload, 'the reader is sent to the new primary');
$wb->wait_for_log(qr/streaming from upstream .* on timeline 2/, $offset, 'and is there');

my ($last, $end) = (0, '');
my $deadline = time() + 60;
while (time() < $deadline && (my ($type, $body) = $wire->read_message(30)))
{
	$last = unpack('x Q>', $body) + length($body) - 25 if $type eq 'd' && $body =~ /^w/;
	$end = $type;
	last if $type eq 'c';
}
is($end, 'c', 'the stream ends');
is(lsn_text($last), $switch, 'where the timeline ends');

done_testing();
