# The monitor: what it answers is what the servers say, and no client, however slow,
# silent, wrong or many, keeps it from answering others.

use strict;
use warnings;
use Digest::SHA qw(sha256_base64);
use Http;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use WalBouncer;
use WireStandby;

my $port = PostgreSQL::Test::Cluster::get_free_port();
my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb',
	upstream => $primary,
	settings => { monitor_port => $port, monitor_listen_addresses => '127.0.0.1' },
	rules    => [ { name => 'a', user => 'a' }, { name => 'everything' } ]);
$wb->start_streaming;
$wb->wait_for_log(qr/monitor LOG:  listening on 127\.0\.0\.1:$port\n/);

sub monitor
{
	my ($pid) = grep { process_title($_) eq 'walbouncer: monitor' } $wb->processes;
	return $pid // 0;
}

# Until it answers so.
sub answers
{
	my ($at, $path, $want) = @_;
	return poll_until { http_get($at, $path)->{status} == $want } 30;
}

ok(monitor(), 'there is a process for it');

my %standby = map { $_ => $wb->add_standby($_) } qw(a b);
$primary->safe_psql('postgres', 'CREATE TABLE t AS SELECT generate_series(1, 1000)');
ok(wait_for_replay($primary, $standby{$_}), "$_ has replayed") foreach sort keys %standby;

# -- paths, methods, parameters ------------------------------------------------

my $answer = http_get($port, '/healthz');
is("$answer->{status} $answer->{content}", "200 ok\n", 'it is healthy');
is($answer->{headers}{'cache-control'}, 'no-store', 'nobody keeps the answer');
is($answer->{headers}{'x-content-type-options'}, 'nosniff', 'or guesses at what it is');
is(http_get($port, '/healthz?strict=1')->{content}, "ok\n", 'it is healthy, strictly');
is(http_get($port, '/nothing')->{status}, 404, 'an unknown path');
is(http_get($port, '/HEALTHZ')->{status}, 404, 'paths have a case');
foreach my $method (qw(POST PUT DELETE OPTIONS))
{
	$answer = http_get($port, '/healthz', method => $method);
	is("$answer->{status} $answer->{headers}{allow}", '405 GET, HEAD', "$method is not for us");
}
foreach my $path (qw(/ /healthz /metrics /standbys /status.json))
{
	my $head = http_get($port, $path, method => 'HEAD');
	is("$head->{status} " . ($head->{content} // ''), '200 ', "HEAD $path has no body");
	is(http_get($port, "$path?nonsense=1")->{status}, 400, 'an unknown parameter');
}
is(http_get($port, "/standbys?$_")->{status}, 400, "not a good parameter: $_")
  foreach qw(count=1 timeout=1 wait_lsn= wait_lsn=0/0 wait_lsn=1 wait_lsn=0/X wait_lsn=0/123456789
  wait_lsn=0/1&count=0 wait_lsn=0/1&count=-1 wait_lsn=0/1&count=x wait_lsn=0/1&count=10001
  wait_lsn=0/1&timeout=600001 wait_lsn=0/1&timeout=1s wait_lsn=0/1&timeout= wait_lsn=0/1&timeout=99999999999999999999);

# one standby
is(http_get($port, "/healthz?$_")->{status}, 200, "well: $_")
  foreach qw(application_name=a application_name=a&max_lag_bytes=1000000000 application_name=b&strict=1 strict=0);
is(http_get($port, "/healthz?$_")->{status}, 400, "not a good parameter: $_")
  foreach qw(max_lag_bytes=1 application_name=a&max_lag_bytes=-1 application_name=a&max_lag_bytes=1MB strict strict=yes);
$answer = http_get($port, '/healthz?application_name=c');
is("$answer->{status} $answer->{content}", "503 the standby is not connected\n", 'one that is not there is not well');
$standby{a}->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$primary->safe_psql('postgres', 'INSERT INTO t SELECT generate_series(1, 100)');
ok(answers($port, '/healthz?application_name=a&max_lag_bytes=1000', 503), 'one that is too far behind is not well');
like( http_get($port, '/healthz?application_name=a&max_lag_bytes=1000')->{content},
	qr/^the standby is (?:\d{4,} bytes behind|in state "stalled": replay has not moved .*)$/, 'and it says so');
$standby{a}->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
ok(answers($port, '/healthz?application_name=a&max_lag_bytes=1000', 200), 'when it has caught up it is');

# -- what it tells, against those it is about ------------------------------------

sub names
{
	return join ' ', sort map { $_->{application_name} } @{ shift() };
}

is(names(http_get($port, '/standbys')->{json}), 'a b', 'all standbys');
is(names(http_get($port, '/standbys?application_name=b')->{json}), 'b', 'one by its name');
is(names(http_get($port, '/standbys?rule=everything')->{json}), 'b', 'those of a rule');
is(names(http_get($port, '/standbys?rule=a&application_name=b')->{json}), '', 'none');

# LSNs, once all is quiet
my %told;
ok( WalBouncer::poll_until {
		%told = map { $_->{application_name} => $_ } @{ http_get($port, '/standbys')->{json} };
		return !grep {
			$told{$_}{replay_lsn} ne $standby{$_}->safe_psql('postgres', 'SELECT pg_last_wal_replay_lsn()')
		} keys %standby;
	},
	'replay positions are those that the standbys tell');
foreach my $name (sort keys %standby)
{
	my ($worker, $client_port) = split /:/, $wb->standby_link($standby{$name});
	is("$told{$name}{pid} $told{$name}{client_addr} $told{$name}{client_port}",
		"$worker 127.0.0.1 $client_port", "$name: the worker and the connection");
	is("$told{$name}{state} $told{$name}{usename}", "streaming $name", "$name: the state");
}

my $status = http_get($port, '/status.json')->{json};
is(join(' ', sort keys %$status),
	'alarms history now ring rules slots spool standbys stats upstream uptime_s version',
	'the parts of the status');
is( $status->{upstream}{system_identifier},
	$primary->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()'),
	'the upstream is the primary');
is($status->{upstream}{state}, 'streaming', 'and streams');
is_deeply([ map { $_->{name} } @{ $status->{rules} } ], [ 'a', 'everything' ], 'the rules');
like($status->{now}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'the time');
cmp_ok($status->{now}, 'ge', strftime('%Y-%m-%dT%H:%M:%S', gmtime(time() - 60)), 'is not old');
cmp_ok($status->{now}, 'le', strftime('%Y-%m-%dT%H:%M:%S', gmtime(time() + 60)), 'or new');
ok(ref $status->{upstream} eq 'HASH' && ref $status->{standbys} eq 'ARRAY', 'objects and arrays');
like(http_get($port, '/status.json')->{content}, qr/"timeline":1,/, 'numbers are numbers');
like(http_get($port, '/status.json')->{content}, qr/"filtered":false,/, 'booleans are booleans');

# Two of the same name, with everything that has to be escaped; what is not ASCII
# becomes a question mark at the start, as in PostgreSQL.
my $odd = 'q"b\\s <&>';
my @twins = map { WireStandby->new($wb, $odd, $primary->lsn('flush'), user => 'twin') } 1 .. 2;
my $metrics;
WalBouncer::poll_until {
	$metrics = http_metrics($port);
	return 2 == grep { /^walbouncer_standby_up\{application_name="q/ } keys %$metrics;
};
my @up = grep { /^walbouncer_standby_up\{application_name="q/ } keys %$metrics;
is(scalar @up, 2, 'two standbys that are the same are told apart');
my $twin_label = qr/application_name="q\\"b\\\\s <&>",rule="everything",user="twin",client_addr="127\.0\.0\.1",pid="\d+"/;
like($_, qr/^walbouncer_standby_up\{$twin_label\}$/, 'and their name is escaped') foreach @up;
my $labels = 'application_name="a",rule="a",user="a",client_addr="127.0.0.1"';
is( $metrics->{"walbouncer_standby_replay_lsn_bytes{$labels}"},
	lsn_number($standby{a}->safe_psql('postgres', 'SELECT pg_last_wal_replay_lsn()')),
	'a position in bytes');
is($metrics->{"walbouncer_standby_up{$labels}"}, 1, 'a standby is up');
is($metrics->{'walbouncer_processes{type="monitor"}'}, 1, 'one monitor');
is($metrics->{'walbouncer_standbys{state="halted"}'}, 0, 'no halted standby');
is($metrics->{walbouncer_up}, 1, 'walbouncer is up');
is( http_get($port, '/metrics')->{headers}{'content-type'},
	'text/plain; version=0.0.4; charset=utf-8', 'what metrics are');
is(names(http_get($port, '/standbys?application_name=q%22b%5Cs+%3C%26%3E')->{json}),
	"$odd $odd", 'an odd name can be asked for');
$_->leave foreach @twins;

# history
my $history;
ok( WalBouncer::poll_until {
		$history = http_get($port, '/status.json')->{json}{history};
		return @{ $history->{times} } >= 2;
	},
	'samples are taken');
is($history->{interval_s}, 5, 'every five seconds');
my ($series) = grep { $_->{key} eq 'a/a/a' } @{ $history->{standbys} };
is($series->{application_name}, 'a', 'each standby has a series');
is(scalar @{ $series->{$_} }, scalar @{ $history->{times} }, "$_ is as long as the times")
  foreach qw(replay_lag_bytes replay_lag_s sent_bytes_per_s);
my $before = @{ $history->{times} };
$primary->safe_psql('postgres', 'CREATE TABLE u AS SELECT generate_series(1, 100000)');
ok(wait_for_replay($primary, $standby{a}), 'more has been replayed');
ok( WalBouncer::poll_until {
		$history = http_get($port, '/status.json')->{json}{history};
		($series) = grep { $_->{key} eq 'a/a/a' } @{ $history->{standbys} };
		return (grep { ($_ // 0) > 100_000 } @{ $series->{sent_bytes_per_s} }[ $before - 1 .. @{ $series->{sent_bytes_per_s} } - 1 ])
		  && (grep { ($_ // 0) > 100_000 } @{ $history->{received_bytes_per_s} }[ $before - 1 .. @{ $history->{times} } - 1 ]);
	},
	'what has been received and sent meanwhile shows as rates');

# -- the page ------------------------------------------------------------------

$answer = http_get($port, '/');
is($answer->{content}, slurp_file("$ENV{TEST_SRCDIR}/backend/monitor/page.html"), 'the page');
like($answer->{headers}{'content-type'}, qr{^text/html}, 'is HTML');
my $policy = $answer->{headers}{'content-security-policy'};
foreach my $part (qw(script style))
{
	my ($text) = $answer->{content} =~ m{<$part>(.*?)</$part>}s;
	like($policy, qr/$part-src 'sha256-\Q@{[ sha256_base64($text) ]}\E='/, "its $part and no other may be used");
}
like($policy, qr/default-src 'none';.*connect-src 'self'/, 'and nobody else is asked');
unlike($policy, qr/unsafe|https?:/, 'no exceptions');

# -- connections ---------------------------------------------------------------

my $get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
my $socket = http_send($port, $get x 3 . "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
my @codes = (http_rest($socket, 10) // '') =~ m{^HTTP/1\.1 (\d+)}mg;
is("@codes", '200 200 200 404', 'requests that follow each other on one connection');
$socket = http_send($port, $get =~ s/GET/HEAD/r . $get =~ s/Host/Connection: close\r\nHost/r);
my ($head, $next, $body) = split /\r\n\r\n/, http_rest($socket, 10) // '';
like($next, qr/^HTTP\/1\.1 200 /, 'behind the head that HEAD asks for comes the next answer');
like($head, qr/^Content-Length: @{[ length $body ]}\r$/m, 'and it says how long the body would be');

$socket = http_send($port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" . 'x' x 100000);
like(http_rest($socket, 10) // '', qr/^HTTP\/1\.1 413 /, 'a body is not wanted');

foreach my $garbage ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" . "\0" x 500 . "\n",
	"\0\0\0\x08\x04\xd2\x16\x2f\n\n", "GET\n", "\xff" x 100 . "\n")
{
	$socket = http_send($port, $garbage);
	like(http_rest($socket, 10) // '', qr/^HTTP\/1\.1 400 /, 'garbage is refused');
}
$socket = http_send($port, "GET / HTTP/1.1\r\nHost: x\r\nX: " . 'x' x 20_000);
like(http_rest($socket, 10) // '', qr/^HTTP\/1\.1 400 /, 'a head that does not end is refused');

# A page of elsewhere whose name has come to be ours (DNS rebinding): what a browser
# says then, and what others say who have come to the right place.
sub status_for
{
	my ($head) = @_;
	my ($code) = (http_rest(http_send($port, "GET $head\r\n\r\n"), 10, qr/\r\n\r\n/) // '') =~ m{^HTTP/1\.\d (\d+)};
	return $code // 'nothing';
}

is(status_for("$_ HTTP/1.1\r\nHost: attacker.example:$port"), 421, "not for a page of elsewhere: $_")
  foreach qw(/ /healthz /metrics /standbys /status.json /nothing);
is(status_for("/healthz HTTP/1.1\r\nhost: 127.0.0.1.attacker.example:$port"), 421, 'nor for one that looks like us');
is(status_for("/healthz HTTP/1.1\r\nHost: $_"), 200, "but for $_")
  foreach "127.0.0.1:$port", "localhost:$port", "LOCALHOST:$port", "[::1]:$port", 'db1.example.com', 'db1.example.com:8443';
is(status_for('/healthz HTTP/1.0'), 200, 'and for who does not say');

# One sends a byte now and then, many nothing at all; others do not notice.
my $slow = http_send($port, 'GET / HTTP/1.1');
my @silent = map { http_send($port) } 1 .. 200;
my $longest = 0;
foreach (1 .. 30)
{
	my $asked = time();
	syswrite $slow, "\r\nX: ";
	http_get($port, '/healthz')->{status} == 200 or fail('healthy meanwhile');
	$longest = time() - $asked if time() - $asked > $longest;
}
diag(sprintf 'others had their answer within %.3f s', $longest);
syswrite $slow, "\r\nConnection: close\r\nHost: x\r\n\r\n";
like(http_rest($slow, 60), qr/^HTTP\/1\.1 200 /, 'who is only slow is answered');
close $_ foreach @silent;
ok(answers($port, '/healthz', 200), 'and it is healthy');

# -- many ----------------------------------------------------------------------

my $pid;
my $wait = "GET /standbys?wait_lsn=FF/0&timeout=60000 HTTP/1.1\r\nHost: x\r\n\r\n";
my @waiting = map { http_send($port, $wait) } 1 .. 64;
WalBouncer::poll_until {
	$answer = http_get($port, '/standbys?wait_lsn=FF/0&timeout=100');
	return $answer->{status} == 503;
} 30;
is($answer->{status}, 503, 'no more than 64 may wait');
ok($answer->{headers}{'retry-after'}, 'others may come later');
is(http_get($port, '/standbys?wait_lsn=0/1')->{status}, 200, 'who need not wait is answered');
close $_ foreach @waiting;
ok(answers($port, '/standbys?wait_lsn=FF/0&timeout=1', 408),
	'those that have gone are forgotten');

# There is an end to how many it holds, and they to how long they are held.
my $among = http_send($port, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
http_rest($among, 30, qr/ok\n/);
my @many = map { http_send($port) } 1 .. 400;
my %of_many = map { $_->sockport => 1 } @many;
my $held = 0;

# How many of them it has at the moment.
sub holds
{
	my $now = grep { $_->[0] == $port && $of_many{ $_->[1] } } tcp_links(monitor());
	$held = $now if $held < $now;
	return $held;
}
ok(poll_until(sub { holds() >= 256 }, 30), 'many may connect');
foreach (1 .. 20)
{
	holds();
	usleep(50_000);
}
cmp_ok($held, '<=', 350, 'but not as many as they like');
syswrite $among, "GET /healthz?strict=1 HTTP/1.1\r\nHost: x\r\n\r\n";
like(http_rest($among, 30, qr/\r\n\r\n.*\n/s), qr/\r\n\r\nok\n$/, 'and what it reads itself does not suffer');
close $among;
my $own_log = $wb->dir . '/own.log';
$wb->configure(settings => { log_file => $own_log });
kill 'HUP', $wb->pid;
ok(poll_until(sub { (readlink('/proc/' . monitor() . '/fd/2') // '') eq $own_log }, 20), 'a reload sends its log elsewhere meanwhile');
rename $own_log, "$own_log.1" or die "could not rename \"$own_log\": $!";
kill 'USR1', $wb->pid;
ok(poll_until(sub { (readlink('/proc/' . monitor() . '/fd/2') // '') eq $own_log }, 20), 'and USR1 opens it anew');
$wb->configure(settings => { log_file => '' });
kill 'HUP', $wb->pid;
ok(poll_until(sub { (readlink('/proc/' . monitor() . '/fd/2') // '') ne $own_log }, 20), 'and back');
ok(answers($port, '/healthz', 200), 'those that are silent go, and others are answered');
is(http_rest($many[0], 60), '', 'who is silent is not kept');
close $_ foreach @many;

# evhttp does not expect anything more from them, and we must not fall over it.
@waiting = map { http_send($port, $wait) } 1 .. 3;
$pid = monitor();
syswrite $_, 'x' x 50_000 foreach @waiting;
is(http_get($port, '/standbys?wait_lsn=FF/0&timeout=500')->{status}, 408, 'who talks while it waits disturbs nobody');
is(monitor(), $pid, 'and ends nothing');
$socket = http_send($port, "GET /standbys?wait_lsn=FF/0&timeout=300 HTTP/1.1\r\nHost: x\r\n\r\n" . $get . $get =~ s/Host/Connection: close\r\nHost/r);
@codes = (http_rest($socket, 30) // '') =~ m{^HTTP/1\.1 (\d+)}mg;
is("@codes", '408 200 200', 'what is asked while waiting is answered behind it');
close $_ foreach @waiting;

# -- reload --------------------------------------------------------------------

$pid = monitor();
my @links = map { $wb->standby_link($standby{$_}) } sort keys %standby;
my $other = PostgreSQL::Test::Cluster::get_free_port();
my $offset = $wb->log_offset;
$wb->configure(settings => { monitor_port => $other });
ok($wb->reload, 'another port');
ok(answers($other, '/healthz', 200), 'it answers there');
is(http_get($port, '/healthz')->{status}, 599, 'and no longer here');

my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1)
  or die "port $port: $!";
$wb->configure(settings => { monitor_port => $port });
ok($wb->reload, 'a port that is taken');
$wb->wait_for_log(qr/monitor WARNING:  could not listen on "127\.0\.0\.1", port $port: Address already in use/, $offset);
is(http_get($other, '/healthz')->{status}, 200, 'it stays where it was');
close $taken;
ok(answers($port, '/healthz', 200), 'when the port is free it takes it');
is(http_get($other, '/healthz')->{status}, 599, 'and leaves the other');

$wb->configure(settings => { monitor_listen_addresses => '*' });
ok($wb->reload, 'all addresses, on the same port');
$wb->wait_for_log(qr/listening on 0\.0\.0\.0:$port\n/, $offset);
is(http_get($port, '/healthz')->{status}, 200, 'it answers');
is(status_for("/healthz HTTP/1.1\r\nHost: db1.example.com:$port"), 200, 'by whatever name');
$wb->configure(settings => { monitor_listen_addresses => '127.0.0.1, localhost' });
$offset = $wb->log_offset;
ok($wb->reload, 'and back to some');
$wb->wait_for_log(qr/listening on 127\.0\.0\.1:$port\n/, $offset);
is(http_get($port, '/healthz')->{status}, 200, 'it answers');
is(status_for("/healthz HTTP/1.1\r\nHost: db1.example.com:$port"), 421, 'by its names again');
is(monitor(), $pid, 'it has been the same process all the time');

$wb->configure(settings => { monitor_port => 0 });
ok($wb->reload, 'no port');
poll_until { !monitor() } 30;
ok(!monitor(), 'there is no monitor');
$wb->configure(settings => { monitor_port => $port });
ok($wb->reload, 'a port again');
ok(answers($port, '/healthz', 200), 'it answers');

# -- kill -9 -------------------------------------------------------------------

my $reader = $wb->reader;
my @held = map { http_send($port, $wait) } 1 .. 3;
$pid = monitor();
kill 'KILL', $pid;
ok(answers($port, '/healthz', 200),
	'after kill -9 there is another monitor');
isnt(monitor(), $pid, 'and it is another');
is($wb->reader, $reader, 'the reader has not noticed');
is_deeply([ map { $wb->standby_link($standby{$_}) } sort keys %standby ], \@links, 'nor have the standbys');
$primary->safe_psql('postgres', 'INSERT INTO t SELECT 1');
ok(wait_for_replay($primary, $standby{$_}), "$_ goes on") foreach sort keys %standby;

@held = map { http_send($port, $wait) } 1 .. 3;
my $began = time();
is($wb->stop, 0, 'a stop does not wait for clients that wait');
cmp_ok(time() - $began, '<', 10, 'it takes no time');

done_testing();
