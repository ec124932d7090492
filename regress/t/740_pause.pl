# A paused standby gets no WAL and keeps its connection, however long that is; it
# goes on where it was, also when the ring has moved on; it stays paused when it or
# walbouncer starts anew.  It holds up no smart shutdown, and no quorum counts it.

use strict;
use warnings;
use Commits;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WalBouncer;

# walbouncer's name is its own
delete $ENV{PGAPPNAME};

my $primary = new_primary('primary');
$primary->safe_psql('postgres', 'CREATE TABLE t (n int)');
my $wb = WalBouncer->new('wb', upstream => $primary, settings => {});
$wb->configure(settings => {
	unix_socket_directories => $wb->socket_dir,
	wal_sender_timeout      => '4s',
	ring_size               => '1MB',
	spool_size              => '1GB' });
$wb->start_streaming;
my $conf = "wal_receiver_timeout = 4s\n";
my %standby = map { $_ => $wb->add_standby($_, conf => $conf) } qw(a b);
ok(wait_for_replay($primary, $standby{$_}), "$_ streams") foreach qw(a b);

sub row
{
	return $wb->show_row('standbys', 'application_name', shift) // {};
}

sub rows_of
{
	return $standby{ $_[0] }->safe_psql('postgres', 'SELECT coalesce(max(n), 0) FROM t');
}

sub state_is
{
	my ($name, $state, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	poll_until { (row($name)->{state} // '') eq $state } 20;
	return is(row($name)->{state}, $state, $what);
}

# It is asked, and answers, for so many seconds more.
sub stays_for
{
	my ($name, $seconds) = @_;
	my $until = $primary->safe_psql('postgres', "SELECT now() + interval '$seconds s'");
	return poll_until {
		my $heard = row($name)->{reply_time};
		return 0 unless $heard;
		$primary->safe_psql('postgres', "SELECT timestamptz '$heard' > '$until'") eq 't';
	} 30 + $seconds;
}

# -- it waits, beside one that does not ----------------------------------------------

my $offset = $wb->log_offset;
my %link = map { $_ => $wb->standby_link($standby{$_}) } qw(a b);
my @answer = $wb->console_rows("PAUSE 'a'");
my ($pid) = split /:/, $link{a};
is_deeply(\@answer, [ [ $pid, 'a' ] ], 'PAUSE names whom it has reached');
$wb->wait_for_log(qr/worker a .*LOG:  standby is paused by an operator at [0-9A-F\/]+$/m, $offset,
	'the log tells');
state_is('a', 'paused', 'so does SHOW STANDBYS');
is(row('a')->{reason}, 'paused by an operator', 'with a reason');
my $sent = row('a')->{sent_lsn};

# more than the ring holds
$primary->safe_psql('postgres',
	"INSERT INTO t VALUES (1); SELECT pg_logical_emit_message(true, '', repeat('x', 1048576)) FROM generate_series(1, 8)");
ok(wait_for_replay($primary, $standby{b}), 'the other one goes on');
ok(stays_for('a', 10), 'the paused one says something for more than twice wal_sender_timeout');
is(row('a')->{sent_lsn}, $sent, 'and is sent nothing');
is(rows_of('a'), 0, 'it has nothing of what came meanwhile');
is($wb->standby_link($standby{$_}), $link{$_}, "$_ has the same connection as before") foreach qw(a b);
$wb->log_unlike(qr/nothing from the standby/, $offset, 'nobody was given up');

$offset = $wb->log_offset;
is_deeply([ $wb->console_rows('RESUME a') ], [ [ $pid, 'a' ] ], 'RESUME names it, too');
ok(wait_for_replay($primary, $standby{a}), 'it catches up');
is(rows_of('a'), 1, 'and has all rows');
state_is('a', 'streaming', 'as if nothing had been');
is($wb->standby_link($standby{a}), $link{a}, 'over the same connection');
$wb->wait_for_log(qr/standby is resumed by an operator at \Q$sent\E$/m, $offset, 'it was resumed where it was');
# (that it has caught up the log tells once a minute)
my ($ring) = $wb->show('ring');
cmp_ok(lsn_number($ring->{tail_lsn}), '>', lsn_number($sent), 'which the ring no longer had');

# -- it comes again ------------------------------------------------------------------

$wb->console_rows("PAUSE 'a'");
state_is('a', 'paused', 'paused again');
$standby{a}->restart;
ok($wb->standby_link($standby{a}), 'it comes again');
state_is('a', 'paused', 'it stays paused when it comes again');
$primary->safe_psql('postgres', 'INSERT INTO t VALUES (2)');
ok(wait_for_replay($primary, $standby{b}), 'the other one goes on');
is(rows_of('a'), 1, 'it does not');

my $begin = time();
is($wb->stop('smart', timeout => 30), 0, 'a smart shutdown');
cmp_ok(time() - $begin, '<', 10, 'does not wait for what it may not send');
$wb->start_streaming;
state_is('a', 'paused', 'walbouncer has not forgotten it');
ok(wait_for_replay($primary, $standby{b}), 'and serves the other one');
is(rows_of('a'), 1, 'alone');
$offset = $wb->log_offset;
$wb->console_rows("RESUME 'a'");
ok(wait_for_replay($primary, $standby{a}), 'it catches up after all');
$wb->wait_for_log(qr/worker a .*reading WAL from .* on from the spool/, $offset, 'with what the ring does not have');
is(rows_of('a'), 2, 'and has all rows');

# -- a name that nobody has ---------------------------------------------------------------

my $nobody = $wb->console('PAUSE nobody');
like($nobody->{err},
	qr/^NOTICE:  no standby with application_name "nobody" is connected\nDETAIL:  It will be paused when it connects\.$/m,
	'who mistypes a name is told that nobody has it');
is($wb->console('RESUME nobody')->{err}, '', 'and can take it back');
is($wb->console('RESUME nobody')->{err}, qq(NOTICE:  "nobody" is not paused\n), 'once');
is($wb->console('RESUME')->{err}, "NOTICE:  nobody is paused\n", 'nor is anybody else');

# -- everybody, but for one -------------------------------------------------------------

is(scalar $wb->console_rows('PAUSE'), 2, 'everybody is paused');
state_is($_, 'paused', "$_ too") foreach qw(a b);
$wb->console_rows('RESUME b');
$primary->safe_psql('postgres', 'INSERT INTO t VALUES (3)');
ok(wait_for_replay($primary, $standby{b}), 'one of them is resumed');
is(rows_of('a'), 2, 'the other one waits');

# -- a quorum ----------------------------------------------------------------------------

$wb->configure(upstream_settings => { acknowledge => 'ANY 1 (a)' });
ok($wb->reload, 'commits are confirmed by a');
$primary->append_conf('postgresql.conf', "synchronous_standby_names = 'walbouncer'\n");
$primary->reload;
$primary->poll_query_until('postgres',
	"SELECT sync_state = 'sync' FROM pg_stat_replication WHERE application_name = 'walbouncer'");
my $commit = commit($primary, 'on');
ok(poll_until(sub { is_waiting($commit) }, 30), 'a commit waits while it is paused');
ok(stays_for('a', 1), 'it has said where it is');
ok(is_waiting($commit), 'which does not count');
$wb->console_rows('RESUME');
returns($commit, 'it goes on');
ok(wait_for_replay($primary, $standby{$_}), "$_ has caught up") foreach qw(a b);
is(rows_of('a'), 3, 'a has all rows');
$primary->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$primary->reload;

# -- a damaged list ------------------------------------------------------------------------

$wb->console_rows('PAUSE b');
state_is('b', 'paused', 'one is paused');
$offset = $wb->log_offset;
my $file = $wb->dir . '/state/paused';
my $content = slurp_file($file);
open my $fh, '>', $file or die "$file: $!";
print $fh "pause %2A\n$content";
close $fh;
my $result = $wb->console('PAUSE a');
isnt($result->{status}, 0, 'an operator is told of damage');
like($result->{err}, qr/list of paused standbys ".*" is damaged/, 'and of what');
kill 'HUP', map { (split /:/, $wb->standby_link($standby{$_}))[0] } qw(a b);
$wb->wait_for_log(qr/worker $_ .*WARNING: .*damaged/, $offset, "$_ warns") foreach qw(a b);
state_is('a', 'streaming', 'who streams goes on');
state_is('b', 'paused', 'who is paused waits');
unlink $file;
kill 'HUP', (split /:/, $wb->standby_link($standby{b}))[0];
state_is('b', 'streaming', 'without the list nobody is paused');

log_clean($_) foreach values %standby;
done_testing();
