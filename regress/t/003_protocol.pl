# The protocol of a replication connection, byte by byte: encryption requests,
# versions, parameters, commands, SQLSTATEs of what is not there, cancel
# requests, both ends of CopyDone.

use strict;
use warnings;
use PgWire;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary);
$wb->configure(settings => { unix_socket_directories => $wb->socket_dir });
$wb->start_streaming;

sub session
{
	my $wire = $wb->wire;
	my @messages = $wire->startup(@_);
	return ($wire, @messages);
}

# encryption requests
my $wire = $wb->wire;
$wire->send_packet(pack 'N', PgWire::GSSENC_REQUEST);
is($wire->read_byte, 'N', 'GSSENCRequest is answered N');
$wire->send_packet(pack 'N', PgWire::SSL_REQUEST);
is($wire->read_byte, 'N', 'SSLRequest after it is answered N');
my @messages = $wire->startup;
is($messages[-1][0], 'Z', 'and the session begins in clear');

# a session, parameters as the primary has them
like(PgWire::types(@messages), qr/^RS+KZ$/, 'R, parameters, key, ready');
is($messages[0][1], pack('N', 0), 'AuthenticationOk');
sub parameters
{
	return map { (split /\0/, $_->[1], -1)[ 0, 1 ] } grep { $_->[0] eq 'S' } @_;
}

my $direct = PgWire->new(path => $primary->host . '/.s.PGSQL.' . $primary->port);
my %want = parameters($direct->startup(user => scalar getpwuid($<)));
my %have = parameters(@messages);
is(join(' ', sort keys %have), join(' ', sort keys %want), 'the parameters of the primary');
foreach my $name (qw(server_version server_encoding integer_datetimes TimeZone
	standard_conforming_strings DateStyle IntervalStyle in_hot_standby
	default_transaction_read_only))
{
	is($have{$name}, $want{$name}, "ParameterStatus $name");
}
is($messages[-1][1], 'I', 'idle');
my ($key) = grep { $_->[0] eq 'K' } @messages;
is(length $key->[1], 8, 'BackendKeyData of 8 bytes');

# a newer minor, and an option of the protocol nobody knows
($wire, @messages) = session(version => (3 << 16) | 9999, '_pq_.fancy' => '1');
is($messages[0][0], 'v', 'a newer minor version is negotiated');
my ($version, $count, $name) = unpack 'NNZ*', $messages[0][1];
like(sprintf('%d.%d', $version >> 16, $version & 0xFFFF), qr/^3\.[02]$/, 'down to what there is');
is("$count $name", '1 _pq_.fancy', 'and the option is named');
is($messages[-1][0], 'Z', 'and the session begins');
($key) = grep { $_->[0] eq 'K' } @messages;

# commands
my ($row) = $wire->rows('IDENTIFY_SYSTEM');
is($row->[0], $primary->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()'),
	'IDENTIFY_SYSTEM: system identifier');
is($row->[1], 1, 'IDENTIFY_SYSTEM: timeline');
like($row->[2], qr{^[0-9A-F]+/[0-9A-F]+$}, 'IDENTIFY_SYSTEM: position');
ok(poll_until(sub {
		my ($r) = $wire->rows('IDENTIFY_SYSTEM;');
		return lsn_number($r->[2]) >= lsn_number($primary->lsn('flush'));
	}, 20), 'and it follows the primary');
is($row->[3], undef, 'IDENTIFY_SYSTEM: no database');
is(PgWire::types($wire->query('IDENTIFY_SYSTEM')), 'TDCZ', 'IDENTIFY_SYSTEM: messages');
is(($wire->query('IDENTIFY_SYSTEM'))[2][1], "IDENTIFY_SYSTEM\0", 'IDENTIFY_SYSTEM: tag');
foreach my $setting (qw(wal_segment_size data_directory_mode server_version_num))
{
	($row) = $wire->rows("SHOW $setting");
	is($row->[0], $primary->safe_psql('postgres', "SHOW $setting"), "SHOW $setting");
}
@messages = $wire->query('SHOW no_such_setting');
is(PgWire::types(@messages), 'EZ', 'SHOW of something else is an error');
like(PgWire::sqlstate(@messages), qr/^(?:42704|0A000)$/, 'with a SQLSTATE that says so');
@messages = $wire->query('TIMELINE_HISTORY 7');
is(PgWire::sqlstate(@messages), '58P01', 'TIMELINE_HISTORY of an unknown timeline');

# what is not there: an error, a hint, and the connection lives on
foreach my $command (
	'CREATE_REPLICATION_SLOT "s" LOGICAL pgoutput',
	'ALTER_REPLICATION_SLOT "s" ( FAILOVER true )',
	"BASE_BACKUP ( LABEL 'x', PROGRESS )",
	'START_REPLICATION SLOT "s" LOGICAL 0/0',
	'SELECT 1')
{
	@messages = $wire->query($command);
	my $error = PgWire::error(@messages);
	is($error->{C}, '0A000', "$command: SQLSTATE");
	is($error->{V}, 'ERROR', "$command: severity");
	ok($error->{H}, "$command: hint");
	is(PgWire::types(@messages), 'EZ', "$command: and ready again");
}
@messages = $wire->query('START_REPLICATION 0/XYZ');
is(PgWire::sqlstate(@messages), '42601', 'a syntax error');
is(scalar($wire->rows('IDENTIFY_SYSTEM')), 1, 'the connection has lived through all this');
like(PgWire::types($wire->query('')), qr{^[EI]Z$}, 'an empty query');

# the extended protocol
$wire->send_message('P', "\0IDENTIFY_SYSTEM\0" . pack 'n', 0);
$wire->send_message('S', '');
@messages = $wire->read_until('Z');
is(PgWire::sqlstate(@messages), '08P01', 'extended protocol: SQLSTATE');
is(scalar(grep { $_->[0] eq 'Z' } @messages), 1, 'extended protocol: ready after Sync');
is(scalar($wire->rows('IDENTIFY_SYSTEM')), 1, 'and the connection lives on');

# a cancel request is closed without a word and harms nobody
my $cancel = $wb->wire;
$cancel->send_packet(pack('N', PgWire::CANCEL_REQUEST) . $key->[1]);
is($cancel->read_byte, undef, 'a cancel request gets no answer');
ok($cancel->{eof}, 'but the end of its connection');
is(scalar($wire->rows('IDENTIFY_SYSTEM')), 1, 'the session does not mind');

# a stream whose end the client asks for, and another in the same session
my $flush = lsn_number($primary->lsn('flush'));
my $start = lsn_text($flush & ~((16 << 20) - 1));
foreach my $round (1, 2)
{
	@messages = $wire->query("START_REPLICATION $start TIMELINE 1");
	is($messages[0][0], 'W', "stream $round: CopyBothResponse");
	is($messages[0][1], pack('Cn', 0, 0), "stream $round: no columns");
	my ($at, $type, $body) = (0);
	while ($at < $flush)
	{
		($type, $body) = $wire->read_message or last;
		next if substr($body, 0, 1) eq 'k';
		my ($from, $limit) = unpack 'Q>Q>', substr($body, 1);
		is($from, $at, "stream $round: no gap") if $at;
		is($from, lsn_number($start), "stream $round: begins where asked") unless $at;
		$at = $from + length($body) - 25;
		cmp_ok(length($body), '<=', 25 + 128 * 1024, "stream $round: no more than 128 kB");
	}
	# an answer is requested, and comes
	$wire->send_message('d', pack('aQ>Q>Q>Q>C', 'r', $at, $at, $at, 0, 1));
	do { ($type, $body) = $wire->read_message } while ($type eq 'd' && $body !~ /^k/);
	is(length $body, 1 + 17, "stream $round: keepalive of 17 bytes");
	$wire->send_message('c', '');
	@messages = grep { $_->[0] ne 'd' } $wire->read_until('Z');
	is(PgWire::types(@messages), 'cCCZ', "stream $round: CopyDone, two tags, ready");
	is($messages[1][1], "START_STREAMING\0", "stream $round: first tag");
	is($messages[2][1], "START_REPLICATION\0", "stream $round: second tag");
}

# a start that does not exist
@messages = $wire->query('START_REPLICATION F/0 TIMELINE 1');
push @messages, $wire->read_until('ZE') unless PgWire::sqlstate(@messages);
ok(PgWire::sqlstate(@messages), 'a start ahead of the upstream is an error');
($wire) = session();
@messages = $wire->query("START_REPLICATION $start TIMELINE 9");
is(PgWire::types(@messages), 'EZ', 'an unknown timeline is an error without CopyBoth');

# Terminate
$wire->send_message('X', '');
ok($wire->closed, 'Terminate closes');

# over the Unix-domain socket, as standbys do
$wire = PgWire->new(path => $wb->socket_dir . '/.s.PGSQL.' . $wb->port);
@messages = $wire->startup(application_name => 'sock', database => 'replication');
is($messages[-1][0], 'Z', 'a session over the Unix-domain socket');
$wb->log_unlike(qr/PANIC|crash/);

done_testing();
