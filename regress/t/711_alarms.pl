# Alarms: a slot that keeps more than it may, one whose WAL has gone, one whose file is
# damaged, a spool that cannot be written, a monitor that cannot listen, a quorum that
# is not there.  Each comes up with the severity that the manual tells, and goes when
# its cause goes.

use strict;
use warnings;
use IO::Socket::IP;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
my $wb = WalBouncer->new(
	'wb',
	upstream => $primary,
	settings => { spool_size => '100MB', max_slot_wal_keep_size => '40MB' });
$wb->configure(settings => { unix_socket_directories => $wb->socket_dir });
$wb->start_streaming;

sub alarms
{
	return join "\n", map { "$_->{severity} $_->{source} " . ($_->{name} // '') . ": $_->{message}" } $wb->show('alarms');
}

# A test of its own: there is this alarm, and no other.
sub alarm_is
{
	my ($pattern, $name) = @_;
	my $found;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(poll_until(sub { $found = alarms(); $found =~ /\A$pattern\z/; }, 60), $name)
	  or diag($found);
	return;
}

sub slot
{
	return $wb->show_row('slots', 'slot_name', shift);
}

# A segment more, which has reached the spool.
sub next_segment
{
	$primary->safe_psql('postgres', 'CREATE TABLE IF NOT EXISTS t (); SELECT pg_switch_wal()');
	$primary->safe_psql('postgres', 'INSERT INTO t DEFAULT VALUES');
	my $lsn = lsn_number($primary->lsn('flush'));
	return poll_until {
		my ($spool) = $wb->show('spool');
		lsn_number($spool->{flushed_lsn} // '0/0') >= $lsn;
	};
}

alarm_is(qr//, 'no alarm');

# -- a slot that its owner has left ------------------------------------------

system_or_bail(pg_program($primary, 'pg_receivewal'), '-d', $wb->connstr, '--slot', 'left', '--create-slot');
my $rx = $wb->receive('rx', options => [ '--slot', 'left', '--synchronous' ]);
next_segment();
ok(poll_until(sub { slot('left')->{restart_lsn} }), 'the slot keeps something');
kill 'KILL', $rx->{pid};
ok(poll_until(sub { slot('left')->{active} eq 'f' }), 'and nobody uses it');
is(slot('left')->{wal_status}, 'reserved', 'what it needs is reserved');
alarm_is(qr//, 'which is no alarm');

next_segment() foreach 1 .. 3;
my $row = slot('left');
is($row->{wal_status}, 'unreserved', 'beyond max_slot_wal_keep_size it is not');
cmp_ok($row->{safe_wal_size}, '<', 0, 'nothing more can be written safely');
is($row->{safe_wal_size}, (40 << 20) - $row->{retained_bytes}, 'by how much');
my $found;
ok(poll_until(sub {
			# there may be a little more WAL
			$row = slot('left');
			$found = alarms();
			return $found eq qq(warning slot left: replication slot "left" is behind by $row->{retained_bytes} bytes, more than max_slot_wal_keep_size);
		}),
	'a warning') or diag($found);

# The ring is as long as four segments, the spool as six.
next_segment() foreach 1 .. 6;
ok(poll_until(sub { slot('left')->{wal_status} eq 'lost' }), 'in the end it has gone');
is(slot('left')->{safe_wal_size}, undef, 'and nothing is safe');
alarm_is(qr/critical slot left: neither ring nor spool has the WAL that replication slot "left" needs, from \Q$row->{restart_lsn}\E on/,
	'which is critical');
my ($spool) = $wb->show('spool');
cmp_ok(lsn_number($spool->{oldest_lsn}), '>', lsn_number($row->{restart_lsn}), 'the spool says so too');

system_or_bail(pg_program($primary, 'pg_receivewal'), '-d', $wb->connstr, '--slot', 'left', '--drop-slot');
alarm_is(qr//, 'no slot, no alarm');

# -- a damaged one -----------------------------------------------------------

system_or_bail(pg_program($primary, 'pg_receivewal'), '-d', $wb->connstr, '--slot', 'hurt', '--create-slot');
append_to_file("$wb->{dir}/state/slots/hurt/state", "x\n");
is(slot('hurt')->{wal_status}, undef, 'a damaged slot is still seen');
is(slot('hurt')->{rule}, undef, 'without what it says');
alarm_is(qr/critical slot hurt: .*damaged.*/, 'it is an alarm');
unlink glob "$wb->{dir}/state/slots/hurt/*";
rmdir "$wb->{dir}/state/slots/hurt";
alarm_is(qr//, 'as long as it is there');

# -- a spool that cannot be written ------------------------------------------

$wb->configure(settings => { spool_min_free => '60TB' });
ok($wb->reload, 'more is to stay free than there is');
alarm_is(qr/critical spool : the spool is not written: less than spool_min_free is free on .*/, 'an alarm');
($spool) = $wb->show('spool');
is($spool->{state}, 'waiting', 'the spooler waits');
like($spool->{reason}, qr/^less than spool_min_free/, 'it says why');
$wb->configure(settings => { spool_min_free => '0' });
ok($wb->reload, 'no more');
alarm_is(qr//, 'no alarm');
ok(poll_until(sub { ($spool) = $wb->show('spool'); $spool->{state} eq 'writing' }), 'the spooler writes');
cmp_ok($spool->{free_bytes}, '>', 0, 'there is space');

# -- a monitor that cannot listen ---------------------------------------------

my $taken = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1) or die $!;
my $taken_port = $taken->sockport;
$wb->configure(settings => { monitor_listen_addresses => '127.0.0.1', monitor_port => $taken_port });
ok($wb->reload, 'a port that somebody else has');
alarm_is(qr/warning monitor : could not listen on "127\.0\.0\.1", port $taken_port: Address already in use/, 'an alarm');
$taken->close;
alarm_is(qr//, 'until the port can be had');
$wb->configure(settings => { monitor_port => '0' });
ok($wb->reload, 'no monitor');

# -- a quorum that is not there ----------------------------------------------

$wb->configure(upstream_settings => { acknowledge => 'ANY 2 (berlin, paris)' });
ok($wb->reload, 'two standbys are to acknowledge');
my $lack = qr/critical upstream : nothing is acknowledged to the upstream: \d of the 2 standbys that "upstream\.acknowledge" asks for are streaming/;
alarm_is($lack, 'there are none: an alarm');
my $berlin = $wb->receive('berlin', application_name => 'berlin', options => ['--synchronous']);
next_segment();
alarm_is(qr/.*: 1 of the 2 .*/, 'there is one of them');
my $paris = $wb->receive('paris', application_name => 'paris', options => ['--synchronous']);
next_segment();
alarm_is(qr//, 'there are both');
$paris->stop;
alarm_is($lack, 'one has left');
$wb->configure(upstream_settings => { acknowledge => 'received' });
ok($wb->reload, 'nobody is waited for');
alarm_is(qr//, 'no alarm');
$berlin->stop;

$wb->configure(settings => { spool_size => '0' });
ok($wb->reload, 'no spool');
ok(poll_until(sub { ($spool) = $wb->show('spool'); "$spool->{enabled} $spool->{state}" eq 'f off' }), 'it is off');

$wb->stop;
done_testing();
