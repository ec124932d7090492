# Nobody waits for ever: a standby that is silent is asked and then dropped
# (wal_sender_timeout), one that answers stays; an upstream that is silent is
# left for a new connection (wal_receiver_timeout), and its standbys stay.

use strict;
use warnings;
use PgWire;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary', conf => "wal_sender_timeout = 0\n");
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { wal_sender_timeout => '3s', wal_receiver_timeout => '3s' });
$wb->start_streaming;
my $rx = $wb->receive('rx');	# answers when asked
my $link = $wb->link_of($rx->pid);

# a silent one
my $offset = $wb->log_offset;
my $wire = $wb->wire(timeout => 30);
$wire->startup(application_name => 'mute');
$wire->query('START_REPLICATION ' . $primary->lsn('flush') . ' TIMELINE 1');
my $asked = 0;
while (my ($type, $body) = $wire->read_message)
{
	$asked = 1 if $type eq 'd' && $body =~ /^k/ && substr($body, 17, 1) eq "\1";
}
ok($asked, 'a silent standby is asked for a reply');
ok($wire->{eof}, 'and dropped when there is none');
$wb->wait_for_log(qr/worker mute .*WARNING: .*nothing from the standby/, $offset, 'the log says so');

# a silent upstream
$offset = $wb->log_offset;
my ($walsender) = split /\n/, $primary->safe_psql('postgres', 'SELECT pid FROM pg_stat_replication');
kill 'STOP', $walsender;
$wb->wait_for_log(qr/reader .*streaming from upstream/, $offset,
	'a silent upstream connection is left for a new one');
kill 'CONT', $walsender;
ok(wait_for_walsenders($primary, 1), 'and one walsender is left');
my $file = segment_file(lsn_number($primary->lsn('insert')), 16 << 20);
$primary->safe_psql('postgres', "SELECT pg_logical_emit_message(false, '', 'x'), pg_switch_wal()");
$primary->safe_psql('postgres', 'CREATE TABLE t ()');
ok($rx->wait_for_segment($file), 'WAL flows');
is($wb->link_of($rx->pid), $link, 'over the same connection as ever');

done_testing();
