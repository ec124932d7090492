# Replication slots of standbys, on every major: pg_receivewal makes, uses and drops
# one; a standby has one by name, another a temporary one; a slot that is in use is
# nobody else's until its worker has gone, however it went; and what it keeps goes
# neither back nor ahead of what the standby has flushed, over restarts of everything.

use strict;
use warnings;
use PgWire;
use Test::More;
use WalBouncer;

my $segment_size = 16 << 20;

sub session
{
	my ($wb, %params) = @_;
	my $wire = $wb->wire;

	my @messages = $wire->startup(%params);
	is($messages[-1][0], 'Z', 'a session') or BAIL_OUT('no session');
	return $wire;
}

# restart_lsn as a number, 0 if there is none, undef if there is no slot.
sub restart_lsn
{
	my ($wire, $slot) = @_;
	my ($row) = $wire->rows("READ_REPLICATION_SLOT \"$slot\"");

	return undef unless defined $row->[0];
	return defined $row->[1] ? lsn_number($row->[1]) : 0;
}

sub flush_lsn
{
	return lsn_number(shift->lsn('flush'));
}

sub slot_directories
{
	my $wb = shift;
	return join ' ', sort map { m{([^/]+)$} } glob "$wb->{dir}/state/slots/*";
}

sub sqlstate_of
{
	my ($wire, $command) = @_;
	return PgWire::sqlstate($wire->query($command));
}

# pg_receivewal for one short job; its exit status and what it said.
sub receivewal
{
	my ($wb, @options) = @_;
	my $program = pg_program($wb->{upstream}, 'pg_receivewal');
	my $connstr = $wb->connstr;
	my $output = `$program -d '$connstr' @options 2>&1`;

	return ($? >> 8, $output);
}

sub some_wal
{
	my $primary = shift;

	$primary->safe_psql('postgres',
		'CREATE TABLE IF NOT EXISTS t (x text); INSERT INTO t SELECT repeat(\'x\', 1000) FROM generate_series(1, 500)');
	return flush_lsn($primary);
}

# The slot follows the primary, and is never seen to go back or to be ahead.
sub follows
{
	my ($primary, $wire, $slot, $name) = @_;
	my $want = some_wal($primary);
	my ($last, $back, $ahead) = (0, 0, 0);

	ok(poll_until(sub {
			my $lsn = restart_lsn($wire, $slot) // 0;
			$back  += $lsn < $last;
			$ahead += $lsn > flush_lsn($primary);
			$last = $lsn;
			return $lsn >= $want;
		}), "$name: restart_lsn follows");
	is("$back $ahead", '0 0', "$name: it goes neither back nor ahead");
	return $last;
}

foreach my $major (majors())
{
	my $primary = new_primary("primary$major", major => $major);
	my $wb = WalBouncer->new("wb$major", upstream => $primary,
		settings => { log_min_messages => 'debug1' },
		rules => [ map { { name => $_, user => $_ } } qw(anybody other) ]);
	my $reserve = $major >= 15 ? '(RESERVE_WAL)' : 'RESERVE_WAL';

	$wb->start_streaming;
	my $wire = session($wb);

	# pg_receivewal makes one
	my ($status, $output) = receivewal($wb, qw(--slot rx --create-slot));
	is($status, 0, "$major: pg_receivewal --create-slot") or diag($output);
	is(restart_lsn($wire, 'rx'), 0, "$major: it keeps nothing yet");
	($status, $output) = receivewal($wb, qw(--slot rx --create-slot));
	isnt($status, 0, "$major: and not twice");
	like($output, qr/replication slot "rx" already exists/, "$major: says why");
	($status, $output) = receivewal($wb, qw(--slot rx --create-slot --if-not-exists));
	is($status, 0, "$major: unless --if-not-exists") or diag($output);

	# and uses it
	my $rx = $wb->receive('rx', user => 'anybody', options => [qw(--slot rx --synchronous)]);
	my $before = follows($primary, $wire, 'rx', "$major: pg_receivewal --synchronous");
	my ($pid) = split /:/, $wb->link_of($rx->pid);
	my @messages = $wire->query('START_REPLICATION SLOT "rx" 0/1000000 TIMELINE 1');
	is(PgWire::sqlstate(@messages), '55006', "$major: a second user");
	is(PgWire::error(@messages)->{M}, "replication slot \"rx\" is active for PID $pid",
		"$major: is told who the first one is");
	is(sqlstate_of($wire, 'DROP_REPLICATION_SLOT "rx"'), '55006', "$major: nor can it be dropped");
	ok($rx->alive, "$major: the first one does not mind");

	# its worker is killed: the slot is free, and where it was or a little behind
	kill 'STOP', $pid;
	$before = restart_lsn($wire, 'rx');
	kill 'KILL', $pid;
	ok(poll_until(sub { !$rx->alive }), "$major: pg_receivewal has lost its worker");
	my $start = lsn_text($before - $before % $segment_size);
	ok(poll_until(sub {
			@messages = $wire->query("START_REPLICATION SLOT \"rx\" $start TIMELINE 1");
			return PgWire::sqlstate(@messages) ne '55006';
		}), "$major: and the slot is free");
	is($messages[0][0], 'W', "$major: the next one streams");
	$wire->send_message('c', '');
	$wire->read_until('Z');
	my $after = restart_lsn($wire, 'rx');
	cmp_ok($after, '<=', $before, "$major: it keeps what is confirmed");
	cmp_ok($after, '>', $before - $segment_size, "$major: and little more");

	# walbouncer is restarted, in good order and not
	$rx = $wb->receive('rx', user => 'anybody', loop => 1, options => [qw(--slot rx --synchronous)]);
	foreach my $mode (qw(fast immediate))
	{
		$before = follows($primary, $wire, 'rx', "$major: before a $mode stop");
		$wb->stop($mode);
		some_wal($primary);
		$wb->start_streaming;
		$wire = session($wb);
		$after = restart_lsn($wire, 'rx');
		cmp_ok($after, '>', $before - $segment_size, "$major: after a $mode stop it is where it was");
		cmp_ok($after, '<=', flush_lsn($primary), "$major: and not ahead");
		follows($primary, $wire, 'rx', "$major: after a $mode stop");
	}
	$rx->stop;
	ok(poll_until(sub { (receivewal($wb, qw(--slot rx --drop-slot)))[0] == 0 }),
		"$major: pg_receivewal --drop-slot");
	is(restart_lsn($wire, 'rx'), undef, "$major: it is gone");
	is(slot_directories($wb), '', "$major: altogether");
	($status, $output) = receivewal($wb, qw(--slot rx --drop-slot));
	like($output, qr/replication slot "rx" does not exist/, "$major: and not twice");

	# a standby with one by name
	my ($row) = $wire->rows("CREATE_REPLICATION_SLOT \"st\" PHYSICAL $reserve");
	is($row->[0], 'st', "$major: slot_name");
	is($row->[1], '0/0', "$major: consistent_point");
	is(scalar(grep { defined } @$row), 2, "$major: and no more");
	($row) = $wire->rows('READ_REPLICATION_SLOT "st"');
	is($row->[0], 'physical', "$major: slot_type");
	is(lsn_number($row->[1]) % $segment_size, 0, "$major: it keeps the segment from its start");
	is($row->[2], 1, "$major: restart_tli");
	my $standby = $wb->add_standby('st', user => 'anybody', conf => "primary_slot_name = 'st'");
	ok(wait_for_replay($primary, $standby), "$major: primary_slot_name");
	follows($primary, $wire, 'st', "$major: primary_slot_name");
	my $lsn = restart_lsn($wire, 'st');
	cmp_ok($lsn, '<=', lsn_number($standby->safe_psql('postgres', 'SELECT pg_last_wal_receive_lsn()')),
		"$major: what it keeps is what the standby has");
	is(sqlstate_of($wire, "START_REPLICATION SLOT \"st\" $start TIMELINE 1"), '55006',
		"$major: a second user of it");
	$standby->stop;
	# what it has said last may yet have to be read
	ok(poll_until(sub { !$wb->show_row('standbys', 'slot_name', 'st') }), "$major: the standby has left");
	my $stopped = restart_lsn($wire, 'st');
	cmp_ok($stopped, '>=', $lsn, "$major: the standby leaves, its slot stays");
	some_wal($primary);
	$wb->stop;
	$wb->start_streaming;
	$wire = session($wb);
	is(restart_lsn($wire, 'st'), $stopped, "$major: over a restart, too");
	$standby->start;
	ok(wait_for_replay($primary, $standby), "$major: it comes back to its slot");
	follows($primary, $wire, 'st', "$major: it is back");

	# DROP ... WAIT
	my $offset = $wb->log_offset;
	$wire->send_message('Q', "DROP_REPLICATION_SLOT \"st\" WAIT\0");
	$wb->wait_for_log(qr/command: DROP_REPLICATION_SLOT "st" WAIT/, $offset, "$major: DROP ... WAIT");
	ok(!$wire->read_message(0), "$major: it waits");
	$standby->stop;
	@messages = $wire->read_until('Z');
	is(PgWire::types(@messages), 'CZ', "$major: until the standby has gone");
	is($messages[0][1], "DROP_REPLICATION_SLOT\0", "$major: and drops it");
	is(slot_directories($wb), '', "$major: nothing is left of it");

	# a standby with a temporary one
	$standby->append_conf('postgresql.conf', "primary_slot_name = ''\nwal_receiver_create_temp_slot = on");
	$standby->start;
	ok(wait_for_replay($primary, $standby), "$major: wal_receiver_create_temp_slot");
	($pid) = split /:/, $wb->standby_link($standby);
	follows($primary, $wire, "pg_walreceiver_$pid", "$major: wal_receiver_create_temp_slot");
	is(slot_directories($wb), "pg_walreceiver_$pid", "$major: the only one");
	is(sqlstate_of($wire, "DROP_REPLICATION_SLOT pg_walreceiver_$pid"), '55006',
		"$major: it is the standby's");
	kill 'KILL', $pid;
	ok(poll_until(sub { !defined restart_lsn($wire, "pg_walreceiver_$pid") }),
		"$major: it ends with its worker");
	some_wal($primary);
	ok(wait_for_replay($primary, $standby), "$major: the standby gets another");
	my ($next) = split /:/, $wb->standby_link($standby);
	ok(poll_until(sub { slot_directories($wb) eq "pg_walreceiver_$next" }),
		"$major: and nothing is left of the first");
	$standby->stop;
	ok(poll_until(sub { slot_directories($wb) eq '' }), "$major: it ends with its standby");

	# temporary slots of a session
	$wire->query("CREATE_REPLICATION_SLOT a TEMPORARY PHYSICAL");
	$wire->query("CREATE_REPLICATION_SLOT b TEMPORARY PHYSICAL $reserve");
	is(restart_lsn($wire, 'a'), 0, "$major: a temporary slot that keeps nothing");
	cmp_ok(restart_lsn($wire, 'b'), '>', 0, "$major: and one that does");
	my $another = session($wb);
	is(sqlstate_of($another, "START_REPLICATION SLOT b $start TIMELINE 1"), '55006',
		"$major: another session cannot have it");
	is(PgWire::types($wire->query('DROP_REPLICATION_SLOT a')), 'CZ', "$major: its own can drop it");
	$wb->stop('immediate');
	$wb->start_streaming;
	is(slot_directories($wb), '', "$major: nothing temporary outlives a restart");
	$wb->log_unlike(qr/PANIC|could not/);
	$wb->stop;
	$primary->stop;
}

done_testing();
