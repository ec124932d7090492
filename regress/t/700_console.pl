# The console, by psql and byte by byte: every view and setting, the words that
# drivers say, errors with their place, transactions, the extended protocol, portals
# that are read in pieces, cancel requests, KILL, PAUSE, RESCOPE, SHUTDOWN; and that
# a house full of standbys has room for operators.

use strict;
use warnings;
use PgWire;
use Test::More;
use WalBouncer;
use WireStandby;

my $user = getpwuid($<);
my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { max_connections => 3, stats_users => 'bob', unix_socket_permissions => '0770' },
	rules => [ { name => 'secret', user => 'secret', exclude_databases => ['hidden'] },
		{ name => 'everything' } ]);

# A test of its own: those who have left give their places back.
sub nobody_streams
{
	my $name = shift;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(poll_until(sub { !$wb->show('standbys') }), $name);
}

sub one
{
	my @rows = $wb->console_rows(@_);
	return @rows ? $rows[0][0] : undef;
}

# before there is an upstream
$primary->stop;
$wb->start;
is(one('SHOW VERSION'), "walbouncer 0.1.0", 'the console is there before the upstream is');
$primary->start;
$wb->wait_for_log(qr/streaming from upstream/);

# -- SHOW --------------------------------------------------------------------

my @help = $wb->console_rows('SHOW HELP');
my @views = map { $_->[0] =~ /^SHOW ([A-Z]+)$/ ? $1 : () } @help;
cmp_ok(scalar @views, '>=', 12, 'SHOW HELP lists the views: ' . join ' ', @views);
foreach my $view (@views)
{
	is($wb->console("SHOW $view")->{status}, 0, "SHOW $view");
	is($wb->console("sHoW \"\L$view\E\";")->{status}, 0, "SHOW $view, as another one writes it");
}
foreach my $line (split /\n/, `$wb->{binary} --describe-config`)
{
	my ($name) = split /\t/, $line;
	my $value = `$wb->{binary} -c $wb->{config_file} -C $name`;
	chomp $value;
	my $shown = one("SHOW $name") // '';
	is($shown, $name eq 'upstream.conninfo' ? $shown : $value, "SHOW $name is what -C says");
}
is(one('show PORT'), $wb->port, 'names of settings ignore case');
is(one('show transaction isolation level'), 'read committed', 'what JDBC asks for');
is(one('show server_version_num'), 150000, 'what libpq asks for');
is(one('SHOW is_superuser'), 'on', 'an admin');
is(one('SHOW is_superuser', user => 'bob'), 'off', 'who may look only');
is(one('SHOW session_authorization', user => 'bob'), 'bob', 'the name that was asked for');

# -- what drivers say --------------------------------------------------------

is(one('SELECT 1'), 1, 'SELECT 1');
is(one("select 'it''s'"), "it's", 'SELECT of a string');
like(one('SELECT pg_catalog.version();'), qr/^PostgreSQL 15\.0 \(walbouncer/, 'SELECT version()');
is(one('SELECT current_user'), $user, 'SELECT current_user');
is($wb->console('/* ping */ -- pong')->{status}, 0, 'a comment is an empty query');
is($wb->console(';; ;')->{status}, 0, 'nothing, more than once');
foreach my $sql ("SET extra_float_digits = 3", "SET SESSION application_name TO 'x'", "SET client_encoding TO 'UTF8'",
	"SET NAMES 'utf8'", 'SET TIME ZONE DEFAULT', 'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY',
	"SET datestyle = 'ISO', 'MDY'", 'RESET ALL', 'DISCARD ALL', 'DEALLOCATE ALL', 'BEGIN; COMMIT',
	'START TRANSACTION ISOLATION LEVEL SERIALIZABLE; ROLLBACK', 'BEGIN; SHOW ring; END', 'ABORT')
{
	is($wb->console($sql)->{status}, 0, $sql);
}
is($wb->console_sqlstate("SET client_encoding TO 'LATIN1'"), '0A000', 'another encoding');

# -- errors ------------------------------------------------------------------

foreach my $case (
	[ 'bogus', '42601' ], [ 'SHOW', '42601' ], [ "SHOW 'ring", '42601' ], [ 'SHOW ring x', '42601' ],
	[ '/* SHOW ring', '42601' ], [ 'KILL', '42601' ], [ 'KILL 0', '42601' ], [ "KILL ''", '42602' ],
	[ 'KILL 99999999999', '42601' ], [ 'SHUTDOWN NOW', '42601' ], [ 'REPOINT here', '42601' ],
	[ 'SHOW nothing_of_ours', '42704' ], [ 'SELECT * FROM pg_class', '0A000' ], [ 'SELECT now()', '0A000' ],
	[ 'INSERT INTO t VALUES (1)', '42601' ], [ 'KILL 2147483647', '42704' ], [ "KILL 'nobody'", '42704' ],
	[ "RESCOPE 'nothing'", '42704' ], [ "RESCOPE '../x'", '42704' ], [ 'SHOW ring; bogus', '42601' ],
	[ 'DEALLOCATE nothing', '26000' ], [ 'SHOW $1', '0A000' ], [ 'BEGIN; bogus; COMMIT', '42601' ])
{
	is($wb->console_sqlstate($case->[0]), $case->[1], "$case->[0]: $case->[1]");
}
foreach my $case ([ 'KILL', "KILL {pid | 'application_name'}" ], [ 'REPOINT host=here', "REPOINT {'conninfo' [TEMPORARY] | DEFAULT}" ],
	[ 'SHUTDOWN NOW', 'SHUTDOWN [SMART | FAST | IMMEDIATE]' ])
{
	like($wb->console($case->[0])->{err}, qr/^HINT:  The syntax is \Q$case->[1]\E;/m, "$case->[0]: how it is written");
}
like($wb->console('SHOW ring ring')->{err}, qr/^LINE 1: SHOW ring ring\n +\^$/m, 'psql shows the place');
{
	my ($line) = $wb->console("SHOW \x{c3}\x{a4} x")->{err} =~ /^( +)\^/m;
	is(length($line // ''), length('LINE 1: SHOW ') + 2, 'the place is counted in characters');
}
my $result = $wb->console('SHOW version; SHOW bogus; SHOW version');
unlike($result->{out}, qr/walbouncer.*walbouncer/s, 'an error ends what comes behind it');
like($result->{out}, qr/walbouncer/, 'and not what was before');
is($wb->console('SHOW version; bogus')->{out}, '', 'but nothing is done of what cannot be read');

# -- the protocol, byte by byte ----------------------------------------------

my $wire = $wb->console_wire(application_name => 'wire');
my %status = map { $_->[0] eq 'S' ? (split /\0/, $_->[1], -1)[0, 1] : () } @{ $wire->{greeting} };
is($status{client_encoding}, 'UTF8', 'client_encoding');
like($status{server_version}, qr/^15\.0/, 'server_version');
is($status{standard_conforming_strings}, 'on', 'standard_conforming_strings');
is($status{integer_datetimes}, 'on', 'integer_datetimes');
like($status{DateStyle}, qr/^ISO/, 'DateStyle');
is($status{TimeZone}, 'UTC', 'TimeZone');

sub ask
{
	my ($sql) = @_;
	return $wire->query($sql);
}

sub ready
{
	my @messages = @_;
	return $messages[-1][1];
}

is(PgWire::types(ask('')), 'IZ', 'an empty query');
is(PgWire::types(ask('SHOW version')), 'TDCZ', 'one statement');
is(PgWire::types(ask('SHOW version; ; SELECT 1;')), 'TDCTDCZ', 'two');
is(PgWire::types(ask('SET x TO y')), 'CZ', 'without an answer');
is(ready(ask('BEGIN')), 'T', 'a transaction');
is(ready(ask('bogus')), 'E', 'has failed');
is(PgWire::sqlstate(ask('SHOW version')), '25P02', 'nothing goes on in it');
my @end = ask('COMMIT');
is($end[0][1], "ROLLBACK\0", 'its end is a ROLLBACK');
is(ready(@end), 'I', 'and it is over');
is(PgWire::types(ask('COMMIT')), 'NCZ', 'a notice for the end of what there is not');
is(PgWire::sqlstate($wire->send_message('F', '') && $wire->read_until('Z')), '0A000', 'a function call');

# messages, then Sync; what comes back up to ReadyForQuery
sub extended
{
	$wire->send_message(@$_) foreach @_;
	$wire->send_message('S', '');
	return $wire->read_until('Z');
}

sub parse_message { my ($name, $sql, @types) = @_; return [ 'P', "$name\0$sql\0" . pack('n N*', scalar @types, @types) ]; }
sub bind_message { my ($portal, $name, @formats) = @_; return [ 'B', "$portal\0$name\0" . pack('n n n n*', 0, 0, scalar @formats, @formats) ]; }
sub describe_message { return [ 'D', "$_[0]$_[1]\0" ]; }
sub execute_message { my ($portal, $rows) = @_; return [ 'E', "$portal\0" . pack('N', $rows // 0) ]; }
sub close_message { return [ 'C', "$_[0]$_[1]\0" ]; }

is(PgWire::types(extended(parse_message('', 'SHOW version'), bind_message('', ''), describe_message('P', ''), execute_message(''))),
	'12TDCZ', 'Parse, Bind, Describe, Execute');
is(PgWire::types(extended(parse_message('help', 'SHOW help'), describe_message('S', 'help'))), '1tTZ', 'a named statement');
is(PgWire::types(extended(bind_message('p', 'help'), execute_message('p', 2), execute_message('p', 1), execute_message('p'))),
	'2DDsDs' . 'D' x (@help - 3) . 'CZ', 'a portal in pieces');
is(PgWire::sqlstate(extended(execute_message('p'))), '34000', 'the portal ends with its transaction');
is(ready(extended(parse_message('', 'BEGIN'), bind_message('', ''), execute_message(''))), 'T', 'a transaction');
is(PgWire::types(extended(bind_message('p', 'help'), execute_message('p', 2))), '2DDsZ', 'begun in one');
is(PgWire::types(extended(execute_message('p', 1))), 'DsZ', 'a portal outlives Sync');
is(PgWire::types(extended(close_message('P', 'p'))), '3Z', 'until it is closed');
ask('COMMIT');
is(PgWire::types(extended(parse_message('', ''), bind_message('', ''), describe_message('P', ''), execute_message(''))), '12nIZ',
	'the empty statement');
is(PgWire::types(extended(parse_message('', 'SET a TO b'), describe_message('S', ''), bind_message('', ''), execute_message(''))),
	'1tn2CZ', 'a statement without an answer');
is(PgWire::sqlstate(extended(parse_message('', 'SHOW version; SHOW ring'))), '42601', 'two statements');
is(PgWire::types(extended(parse_message('', 'SHOW version; '))), '1Z', 'a semicolon is none');
is(PgWire::sqlstate(extended(parse_message('', 'KILL $1'))), '0A000', 'a parameter');
is(PgWire::sqlstate(extended(parse_message('', 'SHOW ring', 23))), '0A000', 'the type of one');
is(PgWire::types(extended(parse_message('x', 'bogus'), bind_message('', 'x'), execute_message(''))), 'EZ', 'one error, then silence until Sync');
is(PgWire::sqlstate(extended(parse_message('help', 'SHOW ring'))), '42P05', 'a name that is taken');
is(PgWire::types(extended(close_message('S', 'help'), close_message('S', 'help'))), '33Z', 'closed, twice');
is(PgWire::sqlstate(extended(bind_message('', 'help'))), '26000', 'gone');
is(PgWire::sqlstate(extended(parse_message('', 'SHOW ring'), bind_message('', '', 1, 1))), '08P01', 'formats for other columns');
foreach my $name ('n' x 64, 'n' x 1000)
{
	is(PgWire::sqlstate(extended(parse_message($name, 'SHOW ring'))), '42622', 'a name of ' . length($name) . ' bytes');
}
is(PgWire::sqlstate(extended(map { parse_message("s$_", 'SHOW ring') } 1 .. 65)), '54000', 'too many prepared statements');
ask('DISCARD ALL');
is(PgWire::sqlstate(ask("SHOW '" . 'x' x 5000 . "'")), '54000', 'an argument that is too long');

# binary format: values as PostgreSQL sends them
{
	my $sql = 'SELECT 4711';
	my @messages = extended(parse_message('', $sql), bind_message('', '', 1), describe_message('P', ''), execute_message(''));
	my ($row) = map { [ PgWire::row($_->[1]) ] } grep { $_->[0] eq 'D' } @messages;
	is(unpack('H*', $row->[0]), '00001267', 'an integer in binary format');
	is(unpack('n', substr((grep { $_->[0] eq 'T' } @messages)[0][1], -2)), 1, 'and the description says so');

	# whatever a standby says of itself: an epoch here that no int8 has room for
	my $odd = WireStandby->new($wb, 'odd', $primary->lsn('flush'));
	$odd->{wire}->send_message('d', pack('a Q> N4', 'h', 0, 5, 0xFFFFFFFF, 0, 0));
	ok(poll_until(sub { ($wb->show_row('standbys', 'application_name', 'odd') // {})->{backend_xmin} }), 'a standby says something odd');
	is(PgWire::sqlstate(extended(parse_message('', "SHOW $_"), bind_message('', '', 1), execute_message(''))), '',
		"SHOW $_ in binary format")
	  foreach @views;
	$odd->leave;
	nobody_streams('it leaves');
}

# Flush: the answer comes without Sync
$wire->send_message(@{ parse_message('', 'SHOW version') });
$wire->send_message('H', '');
is(PgWire::types($wire->read_until('1')), '1', 'Flush');
extended();

# -- sessions ----------------------------------------------------------------

my $activity = $wb->show_row('activity', 'application_name', 'wire');
is($activity->{backend_type}, 'console', 'SHOW ACTIVITY has the console');
is($activity->{usename}, $user, 'its user');
is($activity->{state}, 'console', 'its state');
like(WalBouncer::process_title($activity->{pid}), qr/^walbouncer: console $user \[local\]/, 'its title');

# cancel: nothing is under way, so nothing happens; the session stays
{
	my ($key) = map { $_->[1] } grep { $_->[0] eq 'K' } @{ $wire->{greeting} };
	my $cancel = PgWire->new(path => $wb->socket_dir . '/.s.PGSQL.' . $wb->port);
	$cancel->send_packet(pack('N', PgWire::CANCEL_REQUEST) . $key);
	ok($cancel->closed, 'a cancel request');
	is(PgWire::types(ask('SHOW version')), 'TDCZ', 'is for nothing, and ends nothing');
}

# a house full of standbys
my @standbys = map { my $w = $wb->wire; $w->startup(application_name => "s$_", user => 'u'); $w } 1 .. 3;
is(PgWire::sqlstate($wb->wire->startup(user => 'u')), '53300', 'there is no room for a fourth standby');
is($wb->console('SHOW standbys')->{status}, 0, 'but there is for an operator');
$wb->left_alone($wire);
my @consoles = map { $wb->console_wire(application_name => "c$_") } 1 .. 7;
is(scalar(grep { $_->{greeting}[-1][0] eq 'Z' } @consoles), 7, 'and for eight');
is(PgWire::sqlstate(@{ $wb->console_wire->{greeting} }), '53300', 'not for nine');
is(PgWire::sqlstate($wb->wire->startup(user => 'u')), '53300', 'nor for a fourth standby');
$_->close foreach @consoles;
ok($wb->left_alone($wire), 'they leave');

# a name that is not UTF-8 must not cost anybody the answer
{
	my $odd = $wb->console_wire(application_name => "a\xffb\xc3\xa4\xe2\x82");
	my @rows;

	foreach my $format (0, 1)
	{
		my @messages = extended(parse_message('', 'SHOW activity'), bind_message('', '', $format), execute_message(''));
		push @rows, grep { ($_->[4] // '') =~ /^a.*b/ } map { [ PgWire::row($_->[1]) ] } grep { $_->[0] eq 'D' } @messages;
	}
	is($_->[4], "a\xef\xbf\xbdb\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd", 'what is not UTF-8 in a name is replaced') foreach @rows;
	is(scalar @rows, 2, 'in either format');
	$odd->close;
	ok(poll_until(sub { (grep { $_->{backend_type} eq 'console' } $wb->show('activity')) <= 2 }), 'it leaves');
}

# -- KILL --------------------------------------------------------------------

is($wb->console('KILL s1')->{status}, 0, 'KILL by name');
ok($standbys[0]->closed, 'it has ended');
my $s2 = $wb->show_row('activity', 'application_name', 's2');
is_deeply([ $wb->console_rows("KILL $s2->{pid}") ], [ [ $s2->{pid}, 's2' ] ], 'KILL by process id says whom');
like(PgWire::error($standbys[1]->read_until(''))->{C} // '', qr/^57P01$/, 'it is told');
is($wb->console_sqlstate("KILL '$s2->{pid}'"), '42704', 'a number in quotes is a name');
my $other = $wb->console_wire(application_name => 'other');
is($wb->console_sqlstate('KILL other'), '42704', 'an operator is not meant by name');
my $o = $wb->show_row('activity', 'application_name', 'other');
is($wb->console("KILL $o->{pid}")->{status}, 0, 'but by process id');
ok($other->closed, 'it has ended');
$standbys[2]->close;
nobody_streams('the last one leaves by itself');
$wb->wait_for_log(qr/console command by user "$user": KILL s1/);

# -- PAUSE, RESUME -----------------------------------------------------------

sub state_of
{
	my ($name) = @_;
	my $row = $wb->show_row('standbys', 'application_name', $name);
	return $row->{state} // '';
}

{
	my @streams = map { $wb->receive($_, application_name => $_) } 'x', 'y';
	my $name = 'x';

	my @paused = $wb->console_rows("PAUSE '$name'");
	is($paused[0][1], $name, 'PAUSE says whom');
	ok(poll_until(sub { state_of($name) eq 'paused' }), 'and it is');
	like($wb->console("PAUSE '$name'")->{err}, qr/NOTICE:  "\Q$name\E" is paused already/, 'once more');
	is($wb->console('PAUSE')->{status}, 0, 'PAUSE everybody');
	ok(poll_until(sub { !grep { $_->{state} ne 'paused' } $wb->show('standbys') }), 'all are');
	is($wb->console('RESUME')->{status}, 0, 'RESUME everybody');
	ok(poll_until(sub { !grep { $_->{state} eq 'paused' } $wb->show('standbys') }), 'none is');
	like($wb->console("RESUME '$name'")->{err}, qr/NOTICE:  "\Q$name\E" is not paused/, 'once more');
	$_->stop foreach @streams;
	nobody_streams('they leave');
}

# -- RESCOPE -----------------------------------------------------------------

$primary->safe_psql('postgres', 'CREATE DATABASE hidden');
my $secret = $wb->receive('secret');
ok(poll_until(sub { grep { $_->{rule} eq 'secret' && $_->{state} eq 'streaming' } $wb->show('standbys') }),
	'what it gets has been decided');
my $rescoped = $wb->console("RESCOPE 'secret'");
like($rescoped->{out}, qr/^secret\|[1-9]\d*$/, 'RESCOPE names the rule, and counts what was forgotten');
like($rescoped->{err}, qr/^WARNING:  standbys of rule "secret" that are connected: 1\nDETAIL:  .*\nHINT:  /,
	'it warns: that standby is no new one');
$rescoped = $wb->console('RESCOPE secret');
is("$rescoped->{out}$rescoped->{err}", 'secret|0', 'once');
$secret->stop;

# -- who may -----------------------------------------------------------------

is($wb->console_sqlstate('RELOAD', user => 'bob'), '42501', 'a role that may not');
$result = $wb->console('SHOW version', user => 'mallory');
isnt($result->{status}, 0, 'nobody');
like($result->{err}, qr/user "mallory" may not use the console/, 'is told so');
is(PgWire::sqlstate($wb->wire->startup(database => 'walbouncer', replication => 'false', user => $user)),
	'28000', 'not over TCP');
my $lost = PgWire::error(PgWire->new(path => $wb->socket_dir . '/.s.PGSQL.' . $wb->port)
	  ->startup(database => 'postgres', replication => 'false', user => $user));
is($lost->{C}, '0A000', 'another database');
like($lost->{H}, qr/"walbouncer"/, 'the hint has the way');

# -- SHUTDOWN ----------------------------------------------------------------

is(PgWire::types(ask('SHUTDOWN')), 'CZ', 'SHUTDOWN is answered');
is($wb->wait_for_exit, 0, 'and it stops in good order');
is(PgWire::types($wire->read_until('')), '', 'who has said it is not told');
foreach my $mode (qw(smart fast immediate))
{
	$wb->start_streaming;
	is($wb->console("SHUTDOWN $mode")->{status}, 0, "SHUTDOWN $mode");
	is($wb->wait_for_exit, 0, "SHUTDOWN $mode: it stops");
	$wb->wait_for_log(qr/received $mode shutdown request/);
}
ok(!-e $wb->socket_dir . '/.s.PGSQL.' . $wb->port, 'no socket is left');

# -- where the socket is -----------------------------------------------------

my $sockets = $wb->socket_dir;
my $long = $wb->dir . '/' . 'x' x 100;
my $listening = qr/listening on Unix socket "(\S+)"/;
my $offset = $wb->log_offset;

symlink $sockets, "$sockets/link";
$wb->configure(settings => { unix_socket_directories => "$sockets/link", control_socket_directory => $sockets });
$wb->start_streaming;
is(() = $wb->log_content($offset) =~ /$listening/g, 1, 'one directory by two names: one socket');
is($wb->console('SHOW version')->{status}, 0, 'that has the console');
$wb->stop;
mkdir $long or die "$long: $!";
$wb->configure(settings => { unix_socket_directories => $sockets, control_socket_directory => '', state_directory => $long });
$offset = $wb->log_offset;
$wb->start_streaming;
$wb->wait_for_log(qr/WARNING:  there is no control socket: the path of "state_directory" is too long/, $offset);
is($wb->console('SHOW version')->{status}, 0, 'other sockets have the console too');
$wb->stop;
$wb->configure(settings => { control_socket_directory => $long });
$offset = $wb->log_offset;
ok(!$wb->start(fail_ok => 1), 'one that was asked for has to be there');
$wb->wait_for_log(qr/FATAL:  Unix socket path ".*" is longer than 107 bytes/, $offset);
$wb->log_unlike(qr/PANIC|signal 11|signal 6/);

done_testing();
