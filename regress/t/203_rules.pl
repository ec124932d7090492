# Rules: the first that matches decides, by user, application_name and source
# (IPv4 and IPv6); no match, no entry; trust is for loopback and Unix-domain
# sockets unless the rule says otherwise; a filter that rests on application_name
# alone warns.

use strict;
use warnings;
use IO::Socket::IP;
use PgWire;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
# the address of another interface, if there is one
my ($remote) = grep { /^\d+\.\d+\.\d+\.\d+$/ } split ' ', `hostname -I 2>/dev/null` // '';
my $ipv6 = IO::Socket::IP->new(LocalHost => '::1', Listen => 1) ? 1 : 0;

my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => {
		listen_addresses => join(',', '127.0.0.1', $ipv6 ? '::1' : (), $remote // ()),
		log_connections => 'true'
	},
	rules => [
		{ name => 'ann_at_work', user => 'ann', application_name => 'work' },
		{ name => 'ann', user => 'ann' },
		{ name => 'ann_again', user => 'ann', application_name => 'late' },
		{ name => 'two', user => 'bob', source => ['127.0.0.2/32'] },
		{ name => 'three', user => 'bob', source => [ '10.0.0.0/8', '127.0.0.3/32' ] },
		{ name => 'six', user => 'eve', source => ['::1/128'] },
		{ name => 'app_only', application_name => 'claim', exclude_databases => ['x'] },
		{ name => 'far', user => 'far', allow_remote_trust => 'true' },
		{ name => 'near', user => 'near' } ]);
$wb->configure(settings => { unix_socket_directories => $wb->socket_dir });
$wb->start_streaming;
$wb->wait_for_log(qr/WARNING:.*app_only.*application_name/s, 0,
	'a filter that rests on application_name alone warns');
$wb->log_unlike(qr/WARNING:.*ann_at_work/, 0, 'user and application_name do not');

# which rule lets the client in, '' for none
sub rule_for
{
	my ($user, $app, %where) = @_;
	my $offset = $wb->log_offset;
	my $wire = $wb->wire(%where);
	return 'no connection' unless $wire;
	my @messages = $wire->startup(user => $user, application_name => $app // '');

	if (my $state = PgWire::sqlstate(@messages))
	{
		is($state, '28000', "$user: SQLSTATE of the refusal");
		is(PgWire::error(@messages)->{S}, 'FATAL', "$user: severity of the refusal");
		return '';
	}
	poll_until { $wb->log_content($offset) =~ /connection authorized: .*rule=/ } 10;
	return $wb->log_content($offset) =~ /connection authorized: .*rule=(\S+)/ ? $1 : '?';
}

is(rule_for('ann', 'work'), 'ann_at_work', 'user and application_name');
is(rule_for('ann', 'home'), 'ann', 'the next one, by user');
is(rule_for('ann', 'late'), 'ann', 'the first that matches, not the best');
is(rule_for('Ann', 'work'), '', 'names are compared exactly');
is(rule_for('bob', '', from => '127.0.0.2'), 'two', 'by source');
is(rule_for('bob', '', from => '127.0.0.3'), 'three', 'by the second of two sources');
is(rule_for('bob', ''), '', 'from elsewhere there is no entry');
is(rule_for('eve', ''), '', 'nor over IPv4 for an IPv6 source');
is(rule_for('bob', 'claim'), 'app_only', 'by application_name alone');
is(rule_for('ann', 'x', path => $wb->socket_dir . '/.s.PGSQL.' . $wb->port),
	'ann', 'over the Unix-domain socket');
SKIP:
{
	skip 'no IPv6', 1 unless $ipv6;
	is(rule_for('eve', '', host => '::1'), 'six', 'by IPv6 source');
}
SKIP:
{
	skip 'no address but loopback', 2 unless $remote;
	is(rule_for('near', '', host => $remote), '', 'trust is not for other hosts');
	is(rule_for('far', '', host => $remote), 'far', 'unless the rule says so');
}

# the refusal says what to do, and libpq shows it
command_fails_like([ 'pg_receivewal', '-n', '-D', $wb->dir, '-d', $wb->connstr('nobody') ],
	qr/FATAL:.*nobody/, 'the refusal names the user');

done_testing();
