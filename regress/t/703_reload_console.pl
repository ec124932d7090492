# RELOAD at the console says what the configuration has changed: settings that are in
# force and those that wait for a restart, rules that came, went, changed or moved,
# standbys that have another rule or keep their old scope.  A bad file is an error
# with its place.  Several at the same time are each answered.

use strict;
use warnings;
use PgWire;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept secret);

sub rules
{
	return [ @_, { name => 'everything' } ];
}
my $narrow = { name => 'narrow', user => 'narrow', exclude_databases => ['secret'] };
my $other = { name => 'other', application_name => 'b' };

my $wb = WalBouncer->new('wb', upstream => $primary, rules => rules($narrow));
$wb->{rules} = [ @{ $wb->{rules} }, $other ]; # for the name that receive() gives
$wb->start_streaming;
my $standby = $wb->add_standby('narrow');
my $rx = $wb->receive('b', rule => 'other', user => 'u');
$wb->{rules} = rules($narrow);
my %link = (narrow => $wb->standby_link($standby), b => $wb->link_of($rx->pid));

# item, name, old, new and effect of each row; empty for NULL
sub reloaded
{
	return map { join '|', @$_ } $wb->console_rows('RELOAD');
}

sub same_links
{
	my $what = shift;
	is($wb->standby_link($standby), $link{narrow}, "$what: the standby's connection is the same");
	is($wb->link_of($rx->pid), $link{b}, "$what: the receiver's too");
}

is_deeply([ reloaded() ], [], 'nothing has changed');

# settings
$wb->configure(settings => { spare_workers => 3, max_connections => 50, authentication_timeout => '30s' });
is_deeply([ reloaded() ], [
		'setting|max_connections|100|50|after a restart',
		'setting|spare_workers|2|3|in force',
		'setting|authentication_timeout|1min|30s|in force' ], 'settings');
is_deeply([ reloaded() ], ['setting|max_connections|100|50|after a restart'], 'what waits for a restart is said again');
is($wb->show_row('config', 'name', 'max_connections')->{pending_restart}, 't', 'as SHOW CONFIG has it');
ok(poll_until(sub { $wb->spares >= 3 }), 'what is in force is so');
$wb->configure(settings => { max_connections => 100 });
is_deeply([ reloaded() ], [], 'until the file is as before');

# a secret that changes is a change, and stays one
$wb->configure(upstream_settings => { conninfo => WalBouncer::node_conninfo($primary) . ' password=one' });
my @rows = reloaded();
is(scalar @rows, 1, 'a password has come: one row');
$wb->configure(upstream_settings => { conninfo => WalBouncer::node_conninfo($primary) . ' password=two' });
@rows = reloaded();
like($rows[0], qr/^setting\|upstream\.conninfo\|.*\*+.*\|.*\*+.*\|in force$/, 'another password: a row');
unlike($rows[0], qr/one|two/, 'that does not show it');

# rules
$wb->configure(rules => rules($narrow, $other));
is_deeply([ reloaded() ], [
		q(rule|other||{ name = "other"; match = { application_name = "b"; }; auth = "trust"; }|in force),
		'standby|b|everything|other|in force' ], 'a rule has come, and a standby is under it');
$wb->configure(rules => rules($other, $narrow));
is_deeply([ reloaded() ], [ 'rule|narrow|position 1|position 2|in force', 'rule|other|position 2|position 1|in force' ],
	'two have changed places');
$wb->configure(rules => rules($narrow));
@rows = reloaded();
is(scalar @rows, 2, 'a rule has gone: two rows');
like($rows[0], qr/^rule\|other\|\{.*\}\|\|in force$/, 'a rule has gone');
is($rows[1], 'standby|b|other|everything|in force', 'its standby is under another one');

# a narrower rule and a wider one
$narrow->{exclude_databases} = [ 'kept', 'secret' ];
$wb->configure(rules => rules($narrow));
@rows = reloaded();
like($rows[0], qr/^rule\|narrow\|\{.*\[ "secret" \].*\}\|\{.*\[ "kept", "secret" \].*\}\|in force$/, 'a narrower rule');
is_deeply([ grep { /^standby/ } @rows ], [], 'is in force for its standby');
same_links('narrower');
delete $narrow->{exclude_databases};
$wb->configure(rules => rules($narrow));
is_deeply([ grep { /^standby/ } reloaded() ], ['standby|narrow|narrow|narrow|keeps its old scope'], 'a wider one is not');
is_deeply([ reloaded() ], ['standby|narrow|narrow|narrow|keeps its old scope'], 'and that is said again');
same_links('wider');

# the longest row: a rule that fills the file, all of it escapes, before and after
{
	my @long = map { my $c = $_; { name => 'long', application_name => 'long',
		exclude_databases => [ map { $c x 56 . sprintf '%05d', $_ } 1 .. 3600 ] } } "\x01", "\x02";

	$wb->configure(rules => rules($narrow, $long[0]));
	reloaded();
	$wb->configure(rules => rules($narrow, $long[1]));
	@rows = grep { /^rule/ } reloaded();
	is(scalar @rows, 1, 'a rule that fills the file: a row');
	is(() = $rows[0] =~ /\\x0[12]/g, 2 * 56 * 3600, 'with all of it, as it was and as it is');
	$wb->configure(rules => rules($narrow));
	reloaded();
}

# bad files
my $text = slurp_file($wb->{config_file});
my %bad = (
	'syntax' => [ "$text bogus", qr/^ERROR:  \S+walbouncer\.conf:\d+: /m ],
	'unknown setting' => [ "nothing = 1;\n$text", qr/^ERROR:  \S+walbouncer\.conf:1: unknown setting "nothing"/m ],
	'out of range' => [ "spool_min_free = -5;\n$text", qr/walbouncer\.conf:1: / ],
	'no rules' => [ "port = 1;\n", qr/there are no rules.*^HINT:  /ms ]);
foreach my $what (sort keys %bad)
{
	$wb->write_config($bad{$what}[0]);
	my $result = $wb->console('RELOAD', options => [ '-v', 'VERBOSITY=verbose' ]);
	isnt($result->{status}, 0, "$what: an error");
	$result->{err} =~ s/^ERROR:  F0000: /ERROR:  /m;
	like($result->{err}, $bad{$what}[1], "$what: with its place");
}
unlink $wb->{config_file};
like($wb->console('RELOAD')->{err}, qr/^ERROR:  could not open .*No such file/m, 'no file');
is($wb->console('SHOW version; SHOW port')->{status}, 0, 'the console goes on with what it had');
$wb->write_config($text);

# several at the same time: each gets the answer to what the file is then
{
	my @wires = ($wb->left_alone($wb->console_wire), map { $wb->console_wire } 2 .. 6);
	my $good = 0;

	$wb->write_config("$text bogus");
	foreach my $round (1 .. 20)
	{
		$_->send_message('Q', "RELOAD\0") foreach @wires;
		$good += 'F0000' eq PgWire::sqlstate($_->read_until('Z')) ? 1 : 0 foreach @wires;
	}
	is($good, 120, 'bad: each of 120 was told');
	$good = 0;
	foreach my $round (1 .. 20)
	{
		# none of the answers may be of a file that is older than the question
		$wb->write_config("# $round\n$text");
		$_->send_message('Q', "RELOAD\0") foreach @wires;
		$good += 'TDCZ' eq PgWire::types($_->read_until('Z')) ? 1 : 0 foreach @wires;
	}
	is($good, 120, 'good: each of 120 was told');
}
same_links('at the end');
is($wb->alive ? 1 : 0, 1, 'the supervisor lives');

# a supervisor that does not answer: the wait can be ended
{
	my $wire = $wb->console_wire;
	my ($key) = map { $_->[1] } grep { $_->[0] eq 'K' } @{ $wire->{greeting} };
	my $cancel = PgWire->new(path => $wb->socket_dir . '/.s.PGSQL.' . $wb->port);

	ok(poll_until(sub { $wb->spares >= 1 }), 'somebody is there for the cancel request');
	kill 'STOP', $wb->pid;
	$wire->send_message('Q', "RELOAD\0");
	is($wire->fill(1, 1), 0, 'RELOAD waits');
	$cancel->send_packet(pack('N', PgWire::CANCEL_REQUEST) . $key);
	is(PgWire::sqlstate($wire->read_until('Z')), '57014', 'a cancel request ends it');
	kill 'CONT', $wb->pid;
	is(PgWire::types($wire->query('RELOAD')), 'TDCZ', 'and the next one is answered');
}

done_testing();
