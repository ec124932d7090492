# Hot standby feedback: the oldest xmin of all standbys holds on the primary, and
# no longer than they are there; with a slot on the primary it holds while walbouncer is
# away, and is cleared when it has come back and no standby has.

use strict;
use warnings;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary', conf => "wal_receiver_status_interval = 1s\n");
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { wal_receiver_status_interval => '1s' });
$wb->start_streaming;
my ($old, $new) =
  map { $wb->add_standby($_, conf => "hot_standby_feedback = on\n") } qw(old new);

# a snapshot on the standby, and the xmin that it holds there
sub snapshot
{
	my $standby = shift;
	my $session = $standby->background_psql('postgres');

	wait_for_replay($primary, $standby);
	$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	$session->query_safe('SELECT 1');
	my $xmin = $session->query_safe(
		'SELECT backend_xmin FROM pg_stat_activity WHERE pid = pg_backend_pid()');
	return ($session, $xmin);
}

sub use_xids
{
	$primary->safe_psql('postgres', "SELECT pg_logical_emit_message(true, '', '')") foreach 1 .. 3;
}

sub xmin_becomes
{
	my ($xmin, $name) = @_;
	my $what = defined $xmin ? "= '$xmin'" : 'IS NULL';
	ok($primary->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM pg_stat_replication WHERE backend_xmin $what"), $name);
}

use_xids();
my ($old_session, $old_xmin) = snapshot($old);
use_xids();
my ($new_session, $new_xmin) = snapshot($new);
use_xids();
cmp_ok($new_xmin, '>', $old_xmin, 'the second snapshot is newer');

# each standby and walbouncer have reported twice by then
my $now = $primary->safe_psql('postgres', 'SELECT clock_timestamp()');
ok($primary->poll_query_until('postgres',
		"SELECT bool_or(reply_time > timestamptz '$now' + interval '3 s') FROM pg_stat_replication"),
	'walbouncer goes on reporting');
xmin_becomes($old_xmin, 'the oldest xmin of two is on the primary');
$old_session->quit;
$old->stop;
xmin_becomes($new_xmin, 'when its standby leaves the other one counts');
$new_session->quit;
$new->stop;
xmin_becomes(undef, 'when the last one leaves it is cleared');

# a slot keeps it
sub slot_xmin_becomes
{
	my ($xmin, $active, $name) = @_;
	my $what = defined $xmin ? "= '$xmin'" : 'IS NULL';
	ok($primary->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM pg_replication_slots WHERE xmin $what"
			  . ($active ? ' AND active' : ' AND NOT active')), $name);
}

$wb->configure(upstream_settings => { slot => 'walbouncer' });
my $offset = $wb->log_offset;
$wb->reload;
$wb->wait_for_log(qr/streaming from upstream/, $offset, 'streams with a slot');
$_->start foreach $old, $new;
($old_session, $old_xmin) = snapshot($old);
use_xids();
($new_session, $new_xmin) = snapshot($new);
use_xids();
slot_xmin_becomes($old_xmin, 1, 'slot: the oldest xmin of two');
$offset = $wb->log_offset;
kill 'KILL', $wb->reader;
$wb->wait_for_log(qr/streaming from upstream/, $offset, 'a new reader');
slot_xmin_becomes($old_xmin, 1, 'slot: a new reader tells the same');
$old_session->quit;
$old->stop;
slot_xmin_becomes($new_xmin, 1, 'slot: the other one when that standby leaves');
$wb->stop;
slot_xmin_becomes($new_xmin, 0, 'slot: it holds while walbouncer is away');
$wb->start_streaming;
slot_xmin_becomes($new_xmin, 1, 'slot: and when it and the standby are back');
$new_session->quit;
$wb->stop;
$new->stop;
like($primary->safe_psql('postgres', 'SELECT xmin FROM pg_replication_slots'), qr/^\d+$/,
	'slot: it holds when the standby leaves meanwhile');
$wb->start_streaming;
slot_xmin_becomes(undef, 1, 'slot: until walbouncer has found that none comes back');

done_testing();
