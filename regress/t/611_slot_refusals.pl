# What there is no slot for: names, bounds, other rules, no state_directory; and what
# walbouncer keeps no slots of.

use strict;
use warnings;
use PgWire;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { max_replication_slots => 3 },
	rules => [ map { { name => $_, user => $_ } } qw(berlin paris) ]);
$wb->start_streaming;

sub session
{
	my ($user) = @_;
	my $wire = $wb->wire;

	$wire->startup(user => $user);
	return $wire;
}

# The error of a command; the session lives on.
sub refused
{
	my ($wire, $command, $sqlstate, $message) = @_;
	my @messages = $wire->query($command);
	my $error = PgWire::error(@messages);

	is($error->{C}, $sqlstate, "$command: SQLSTATE");
	like($error->{M}, $message, "$command: message");
	is(PgWire::types(@messages), 'EZ', "$command: and ready again");
	return $error;
}

sub done
{
	my ($wire, $command) = @_;
	my @messages = $wire->query($command);

	is(PgWire::sqlstate(@messages), '', $command);
	return;
}

my $berlin = session('berlin');
my $paris = session('paris');
my $start = segment_start();

sub segment_start
{
	my $flush = lsn_number($primary->lsn('flush'));
	return lsn_text($flush - $flush % (16 << 20));
}

# names
refused($berlin, 'CREATE_REPLICATION_SLOT "Berlin" PHYSICAL', '42602',
	qr/^replication slot name "Berlin" contains invalid character$/);
refused($berlin, 'CREATE_REPLICATION_SLOT "../scope" PHYSICAL', '42602', qr/contains invalid/);
refused($berlin, 'CREATE_REPLICATION_SLOT "" PHYSICAL', '42602', qr/is too short/);
refused($berlin, 'CREATE_REPLICATION_SLOT "' . 'a' x 64 . '" PHYSICAL', '42622', qr/is too long/);
refused($berlin, 'START_REPLICATION SLOT "../scope" 0/1000000', '42704', qr/does not exist/);

# kinds and options
refused($berlin, 'CREATE_REPLICATION_SLOT s LOGICAL pgoutput', '0A000', qr/logical/);
refused($berlin, 'CREATE_REPLICATION_SLOT s PHYSICAL (FAILOVER)', '42601',
	qr/^conflicting or redundant options$/);
refused($berlin, 'ALTER_REPLICATION_SLOT s (FAILOVER true)', '0A000',
	qr/^cannot use ALTER_REPLICATION_SLOT with a physical replication slot$/);

# what is not there
is(join(' ', map { $_ // 'NULL' } map { @$_ } $berlin->rows('READ_REPLICATION_SLOT s')),
	'NULL NULL NULL', 'READ_REPLICATION_SLOT of none');
refused($berlin, 'DROP_REPLICATION_SLOT s', '42704', qr/^replication slot "s" does not exist$/);
refused($berlin, 'DROP_REPLICATION_SLOT s WAIT', '42704', qr/does not exist/);
refused($berlin, "START_REPLICATION SLOT s $start TIMELINE 1", '42704', qr/does not exist/);

# other rules
done($berlin, 'CREATE_REPLICATION_SLOT s PHYSICAL RESERVE_WAL');
refused($paris, 'CREATE_REPLICATION_SLOT s PHYSICAL', '42710', qr/already exists/);
refused($paris, 'DROP_REPLICATION_SLOT s', '42501', qr/^permission denied for replication slot "s"$/);
refused($paris, "START_REPLICATION SLOT s $start TIMELINE 1", '42501', qr/permission denied/);
is(($paris->rows('READ_REPLICATION_SLOT s'))[0][0], undef, 'another rule does not see it');
is(($berlin->rows('READ_REPLICATION_SLOT s'))[0][0], 'physical', 'its own does');

# the bound; temporary slots count
done($berlin, 'CREATE_REPLICATION_SLOT t PHYSICAL');
done($paris, 'CREATE_REPLICATION_SLOT u TEMPORARY PHYSICAL');
my $error = refused($berlin, 'CREATE_REPLICATION_SLOT v PHYSICAL', '53400',
	qr/^all replication slots are in use$/);
like($error->{H}, qr/max_replication_slots/, 'the hint names the setting');
$paris->send_message('X', '');
ok($paris->closed, 'a session with a temporary slot ends');
ok(poll_until(sub { !-d "$wb->{dir}/state/slots/u" }), 'and its slot with it');
done($berlin, 'CREATE_REPLICATION_SLOT v PHYSICAL');

# a slot goes back with a standby that begins earlier, and only then
sub stream
{
	my ($flush) = @_;
	my @messages = $berlin->query("START_REPLICATION SLOT s $start TIMELINE 1");

	is($messages[0][0], 'W', 'a stream');
	$berlin->send_message('d', pack('aQ>Q>Q>Q>C', 'r', $flush, $flush, 0, 0, 1));
	$berlin->send_message('c', '');
	$berlin->read_until('Z');
	return lsn_number(($berlin->rows('READ_REPLICATION_SLOT s'))[0][1]);
}

my $first = lsn_number($start);
is(stream($first + 5000), $first + 5000, 'it follows what is flushed');
is(stream($first + 4000), $first + 5000, 'and does not go back');
is(stream(0), $first + 5000, 'nor if nothing is said to be flushed');
my $ahead = $first + (64 << 20) + 5;
is(stream($ahead), $ahead, 'a standby may know more than we do');
is(stream(0), $ahead, 'one that begins a segment or more before has not confirmed anything yet');
is(stream($first + 300), $first + 300, 'when it does, the slot goes back with it');
is(stream($first + 200), $first + 300, 'once');

# no state_directory
$wb->stop;
$wb->configure(settings => { state_directory => '' });
$wb->start_streaming;
$berlin = session('berlin');
$error = refused($berlin, 'CREATE_REPLICATION_SLOT s PHYSICAL', '55000', qr/state directory/);
like($error->{H}, qr/state_directory/, 'the hint names the setting');
refused($berlin, "START_REPLICATION SLOT s $start TIMELINE 1", '55000', qr/state directory/);

# no spool
$wb->stop;
$wb->configure(settings => { state_directory => "$wb->{dir}/state", spool_size => 0 });
$wb->start_streaming;
$berlin = session('berlin');
my $offset = $wb->log_offset;
done($berlin, 'DROP_REPLICATION_SLOT v');
done($berlin, 'CREATE_REPLICATION_SLOT v PHYSICAL');
done($berlin, 'DROP_REPLICATION_SLOT v');
done($berlin, 'CREATE_REPLICATION_SLOT v PHYSICAL');
my @warnings = $wb->log_content($offset) =~ /(nothing keeps WAL)/g;
is(scalar @warnings, 1, 'without a spool the log says once that nothing keeps WAL');
$offset = $wb->log_offset;
$wb->stop;
$wb->start_streaming;
$wb->wait_for_log(qr/WARNING.*nothing keeps WAL/, $offset, 'and at a start');
$berlin = session('berlin');

# a damaged one can neither be used nor made anew, and harms no other
open my $fh, '>', "$wb->{dir}/state/slots/t/state" or die $!;
print $fh 'x';
close $fh;
refused($berlin, "START_REPLICATION SLOT t $start TIMELINE 1", 'XX001', qr/is damaged/);
refused($berlin, 'CREATE_REPLICATION_SLOT t PHYSICAL', '42710', qr/already exists/);
is($berlin->rows('READ_REPLICATION_SLOT s') + 0, 1, 'the others are there');
$offset = $wb->log_offset;
$wb->stop;
$wb->start_streaming;
$wb->wait_for_log(qr/WARNING.*state of replication slot "t" is damaged/, $offset,
	'a start tells of it');

# by psql
my $psql = pg_program($primary, 'psql') . " -X '" . $wb->connstr('berlin') . " replication=true' -Atc";
is(`$psql 'DROP_REPLICATION_SLOT v'`, "DROP_REPLICATION_SLOT\n", 'psql drops one');
is(`$psql 'CREATE_REPLICATION_SLOT v PHYSICAL RESERVE_WAL'`, "v|0/0||\n", 'and makes one');
$wb->log_unlike(qr/PANIC/);

done_testing();
