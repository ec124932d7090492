# REPOINT: after a failover the operator moves walbouncer to the new primary; the
# standby's server and its connection stay.  What cannot be the upstream is refused,
# and nothing changes.  TEMPORARY ends with the run, the other kind does not, DEFAULT
# ends both.  Passwords are neither shown nor logged.

use strict;
use warnings;
use File::Path qw(rmtree);
use IO::Socket::IP;
use PgWire;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

my $user = getpwuid($<);
my $secret = 'sEcReT4711';
my $old = new_primary('old');
my $wb = WalBouncer->new('wb', upstream => $old, settings => { log_min_messages => 'debug1' });
my ($auto, $temp) = map { $wb->dir . "/state/walbouncer.$_.conf" } qw(auto temp);
$wb->start_streaming;
my $standby = $wb->add_standby('standby');

# straight from the old primary
rmtree($old->backup_dir . '/heir');
$old->backup('heir');
my $new = WalBouncer::_new_node('new');
$new->init_from_backup($old, 'heir', has_streaming => 1);
$new->start;
$old->safe_psql('postgres', 'CREATE TABLE t (t text)');
ok(wait_for_replay($old, $_), $_->name . ' has all') foreach $new, $standby;
my $foreign = new_primary('foreign');

sub conninfo
{
	my ($node, $more) = @_;
	return WalBouncer::node_conninfo($node) . ($more // '');
}

sub quote
{
	my $text = shift;
	$text =~ s/'/''/g;
	return "'$text'";
}

sub upstream
{
	my ($row) = $wb->show('upstream');
	return $row;
}

my $link = $wb->standby_link($standby);
my $postmaster = slurp_file($standby->data_dir . '/postmaster.pid');
my $reader = $wb->reader;

sub nothing_changed
{
	my $what = shift;

	is(upstream()->{port}, $old->port, "$what: the upstream is the same");
	is(-e $auto || -e $temp ? 1 : 0, 0, "$what: there is no file");
	$old->safe_psql('postgres', "INSERT INTO t VALUES ('$what')");
	ok(wait_for_replay($old, $standby), "$what: the standby goes on");
	is($wb->standby_link($standby), $link, "$what: its connection is the same");
}

# -- refused -----------------------------------------------------------------

my $nobody = PostgreSQL::Test::Cluster::get_free_port();
my $self = "host=127.0.0.1 port=" . $wb->port . " user=$user";
foreach my $case (
	[ 'nobody there', "host=127.0.0.1 port=$nobody user=$user password=$secret", qr/could not connect to upstream: .*refused$/m ],
	[ 'another system', conninfo($foreign, " password=$secret"), qr/upstream is another database system/ ],
	[ 'walbouncer itself', $self, qr/this walbouncer itself/ ],
	[ 'itself by its socket', 'host=' . $wb->socket_dir . ' port=' . $wb->port . " user=$user", qr/this walbouncer itself/ ],
	[ 'no connection string', "host=127.0.0.1 password=a $secret", qr/cannot read the connection string/ ],
	[ 'an unknown keyword', "nothing=$secret",
		qr/cannot read the connection string\nDETAIL:  libpq says: invalid connection option "nothing"/ ])
{
	my ($what, $conninfo, $pattern) = @$case;
	my $offset = $wb->log_offset;

	foreach my $kind ('', ' TEMPORARY')
	{
		my $result = $wb->console('REPOINT ' . quote($conninfo) . $kind);
		isnt($result->{status}, 0, "$what$kind: refused");
		like($result->{err}, $pattern, "$what$kind: the reason");
		unlike($result->{err}, qr/$secret/, "$what$kind: the password is not shown");
	}
	nothing_changed($what);
	$wb->wait_for_log(qr/console command by user "$user", which fails: REPOINT\n/, $offset, "$what: the log has who tried");
	$wb->log_unlike(qr/$secret/, $offset, "$what: nor logged");
}
is($wb->reader, $reader, 'the reader has not even been disturbed');

# one that takes the connection and says nothing: cancel, and leaving, end the wait
{
	my @held;
	my $silent = IO::Socket::IP->new(Listen => 5, LocalHost => '127.0.0.1');
	my $conninfo = 'host=127.0.0.1 user=x connect_timeout=60 port=' . $silent->sockport;
	my $wire = $wb->console_wire(application_name => 'impatient');
	my ($key) = map { $_->[1] } grep { $_->[0] eq 'K' } @{ $wire->{greeting} };
	my $pid = unpack('N', $key);

	$wire->send_message('Q', 'REPOINT ' . quote($conninfo) . "\0");
	ok(push(@held, $silent->accept), 'it is being asked');
	my $second = $wb->console('REPOINT ' . quote(conninfo($old)));
	like($second->{err}, qr/another REPOINT is under way/, 'one at a time');
	my $row = $wb->show_row('activity', 'pid', $pid);
	is($row->{command}, 'REPOINT', 'SHOW ACTIVITY does not tell where to');
	is($wb->console('SHOW version')->{status}, 0, 'others are served');
	PgWire->new(path => $wb->socket_dir . '/.s.PGSQL.' . $wb->port)
	  ->send_packet(pack('N', PgWire::CANCEL_REQUEST) . $key);
	is(PgWire::sqlstate($wire->read_until('Z')), '57014', 'a cancel request ends the wait');
	is(PgWire::types($wire->query('SHOW version')), 'TDCZ', 'and not the session');

	$wire->send_message('Q', 'REPOINT ' . quote($conninfo) . "\0");
	ok(push(@held, $silent->accept), 'it is being asked again');
	my @scouts;
	ok(poll_until(sub { 1 == (@scouts = WalBouncer::children_of($pid)) }), 'by a process');
	$wire->close;
	ok(poll_until(sub { !-e "/proc/$pid" && !grep { -e "/proc/$_" } @scouts }), 'who leaves takes it along');

	$wire = $wb->console_wire;
	($key) = map { $_->[1] } grep { $_->[0] eq 'K' } @{ $wire->{greeting} };
	$wire->send_message('Q', 'REPOINT ' . quote($conninfo) . "\0");
	ok(push(@held, $silent->accept), 'once more');
	$wb->console('KILL ' . unpack('N', $key));
	is(PgWire::sqlstate($wire->read_until('')), '57P01', 'KILL ends it too');
	nothing_changed('a silent server');
}

# a configuration that has become bad meanwhile
{
	my $text = slurp_file($wb->{config_file});
	$wb->write_config("$text bogus");
	my $result = $wb->console('REPOINT ' . quote(conninfo($new)));
	like($result->{err}, qr/walbouncer\.conf:\d+: /, 'a bad file: refused, with the place');
	nothing_changed('a bad file');
	$wb->write_config($text);
}

# -- TEMPORARY, DEFAULT ------------------------------------------------------

# another way to the same server
my $same = conninfo($old, " application_name=elsewhere password=$secret");
my $offset = $wb->log_offset;
my ($row) = $wb->console_rows('REPOINT ' . quote($same) . ' TEMPORARY');
is($row->[2], $old->port, 'TEMPORARY: the port');
like($row->[0], qr/password='\*+'/, 'TEMPORARY: the password is not shown');
is($row->[3], $old->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()'), 'TEMPORARY: the system');
is($row->[4], 1, 'TEMPORARY: the timeline');
ok($old->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'elsewhere'"),
	'TEMPORARY: the reader has moved');
ok(-e $temp && !-e $auto, 'TEMPORARY: its file');
is((stat $temp)[2] & 0777, 0600, 'TEMPORARY: for its owner only');
my $setting = $wb->show_row('config', 'name', 'upstream.conninfo');
is($setting->{source}, 'repoint', 'TEMPORARY: the source of the setting');
is($setting->{sourcefile}, $temp, 'TEMPORARY: the file that it is in');
unlike($setting->{setting}, qr/$secret/, 'TEMPORARY: not shown');
ok($wb->reload, 'a reload');
is($wb->show_row('config', 'name', 'upstream.conninfo')->{source}, 'repoint', 'leaves it so');
my ($waits) = grep { $_->[1] eq 'upstream.conninfo' } $wb->console_rows('RELOAD');
is($waits->[4], 'after REPOINT DEFAULT', 'RELOAD: what the configuration says waits');
unlike("@$waits", qr/$secret/, 'RELOAD: not shown');
$wb->stop;
$wb->start_streaming;
ok(!-e $temp, 'TEMPORARY: ends with the run');
is($wb->show_row('config', 'name', 'upstream.conninfo')->{source}, 'configuration file', 'and is forgotten');
ok(wait_for_replay($old, $standby), 'the standby is back');
$wb->log_unlike(qr/$secret/, $offset, 'TEMPORARY: nor logged');

# -- after a failover --------------------------------------------------------

$link = $wb->standby_link($standby);
ok(wait_for_replay($old, $new), 'the heir has all');
$old->stop('immediate');
$new->promote;
$new->safe_psql('postgres', "INSERT INTO t VALUES ('after')");
$offset = $wb->log_offset;
my $began = time;
($row) = $wb->console_rows('REPOINT ' . quote(conninfo($new, " password='it\\'s $secret\\\\'")) . ';');
note(sprintf 'moved within %.1f s', time - $began);
is($row->[2], $new->port, 'failover: the port');
is($row->[4], 2, 'failover: the timeline');
$wb->wait_for_log(qr/streaming from upstream .* on timeline 2/, $offset, 'failover: the reader follows');
ok($standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM t WHERE t = 'after'"), 'failover: the standby too');
is(slurp_file($standby->data_dir . '/postmaster.pid'), $postmaster, 'failover: its server has not been touched');
ok(-e $auto && !-e $temp, 'failover: the file');
$wb->log_unlike(qr/$secret/, $offset, 'failover: no password in the log');
same_dump($new, $standby, 'postgres');

# a timeline behind
$old->start;
my $result = $wb->console('REPOINT ' . quote(conninfo($old)));
like($result->{err}, qr/upstream is behind: it is on timeline 1/, 'the former primary: refused');
$result = $wb->console('REPOINT DEFAULT');
like($result->{err}, qr/upstream is behind/, 'DEFAULT would be that one: refused');
is(upstream()->{port}, $new->port, 'and nothing changed');

# kept across a restart
$wb->stop;
$wb->start_streaming;
is(upstream()->{port}, $new->port, 'it is there after a restart');
$wb->kill9;
$wb->start_streaming;
is(upstream()->{port}, $new->port, 'and after a crash');
$new->safe_psql('postgres', "INSERT INTO t VALUES ('restarted')");
ok(wait_for_replay($new, $standby), 'the standby follows');

# the command line, and a file that says the same
$wb->stop;
$wb->start_streaming(options => [ '-h', '127.0.0.1', '-P', $old->port ]);
is(upstream()->{port}, $new->port, 'it comes before the command line');
$wb->stop;
$wb->configure(upstream => $new);
$wb->start_streaming;
$result = $wb->console('REPOINT DEFAULT');
is($result->{status}, 0, 'DEFAULT');
unlike($result->{err}, qr/WARNING/, 'DEFAULT: no warning, though the standby is a neighbour');
ok(!-e $auto && !-e $temp, 'DEFAULT: no file is left');
is($wb->show_row('config', 'name', 'upstream.conninfo')->{source}, 'configuration file', 'DEFAULT: the source');
is($wb->console('REPOINT DEFAULT')->{status}, 0, 'DEFAULT, once more');
$new->safe_psql('postgres', "INSERT INTO t VALUES ('default')");
ok(wait_for_replay($new, $standby), 'the standby follows');

# a standby of ours: that is not known for certain, and there is a way back
my $loop = $wb->console('REPOINT ' . quote(conninfo($standby)));
is($loop->{status}, 0, 'a standby of ours');
like($loop->{err}, qr/WARNING:  the new upstream is a standby, and may be one of ours\nDETAIL: .*: "standby"\.  Nothing/, 'a standby of ours: with a warning');
ok(poll_until(sub { upstream()->{port} == $standby->port }), 'a standby of ours: it is the upstream');
$new->safe_psql('postgres', "INSERT INTO t VALUES ('circle')");
is($wb->console('REPOINT DEFAULT')->{status}, 0, 'a standby of ours: DEFAULT');
ok(wait_for_replay($new, $standby), 'the standby follows');

# a file that is none
$wb->stop;
append_to_file($auto, "upstream = { conninfo = \"password=$secret ");
$offset = $wb->log_offset;
ok(!$wb->start(fail_ok => 1), 'a file that is none: it does not start');
$wb->wait_for_log(qr/walbouncer\.auto\.conf" does not have an upstream\.conninfo/, $offset, 'and says which');
$wb->log_unlike(qr/$secret/, $offset, 'but not what is in it');
unlink $auto;

# one for the last run goes without being read
append_to_file($temp, "upstream = { conninfo = \"password=$secret ");
$wb->start_streaming;
ok(!-e $temp, 'a temporary file that is none: is gone');
$wb->stop;

# nowhere to keep it
$wb->configure(settings => { state_directory => '', spool_size => 0 });
$wb->start_streaming;
like($wb->console('REPOINT ' . quote(conninfo($new)))->{err}, qr/"state_directory" is not set/, 'without a state directory');

done_testing();
