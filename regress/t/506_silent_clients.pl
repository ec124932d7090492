# Clients that connect and say nothing: an operator gets in at once all the same, and a
# standby after those who are silent have had their second.  So with as many as there
# are places and with many more, that wait or come again and again.  Who says nothing is
# left alone where there is room.

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp;
use IO::Select;
use PgWire;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use WalBouncer;

# more than the second that the silent get; far less than authentication_timeout
my $at_once = $ENV{WALBOUNCER_SANITIZED} ? 20 : 5;
my $crowd = 40;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary, settings => { max_connections => 4 });
my $other_psql = $ENV{WB_OTHER_PSQL}; # see 701_console_roles.pl
my $other_dir = File::Temp->newdir('walbouncer-other-XXXXXX', $other_psql ? (DIR => dirname($other_psql)) : (TMPDIR => 1));

if ($other_psql)
{
	chmod 0755, "$other_dir";
	$wb->{socket_dir} = "$other_dir";
	$wb->configure(settings => { control_socket_directory => "$other_dir" });
}
$wb->start_streaming;

sub soon
{
	my ($what, $code) = @_;
	my $begin = time();
	my $ok = $code->();
	my $took = time() - $begin;

	ok($ok && $took < $at_once, sprintf('%s after %.0f ms', $what, 1000 * $took));
	return;
}

sub operator
{
	return $wb->console('SHOW version', psql => $_[0])->{status} == 0;
}

sub streams
{
	my ($name) = @_;
	return poll_until { ($wb->show_row('standbys', 'application_name', $name) // { state => '' })->{state} eq 'streaming' };
}

# how many connections have said nothing yet
sub silent
{
	return scalar grep { $_->{state} eq 'startup' } $wb->show('activity');
}

# -- where there is room -----------------------------------------------------

my @silent = map { $wb->wire } 1 .. 4;
ok(poll_until(sub { silent() == 4 }), 'as many as there are places say nothing');
push @silent, $wb->wire;
$silent[4]->send_bytes("\0");
my @told = IO::Select->new(map { $_->socket } @silent)->can_read($at_once);
cmp_ok(scalar @told, '>=', 1, 'of one more, who says too little, some are too many');
foreach my $wire (@silent)
{
	is(PgWire::sqlstate($wire->read_until('')), '53300', 'who is told so') if grep { $_ == $wire->socket } @told;
}
$_->close foreach @silent;
ok(poll_until(sub { silent() == 0 }), 'all have gone');

@silent = map { $wb->wire } 1 .. 4;
my $rx = $wb->receive('rx', application_name => 'rx');
soon('a standby gets a place that says nothing to', sub { streams('rx') });

# -- more than there is room for ---------------------------------------------

push @silent, map { $wb->wire } 1 .. $crowd;
soon('an operator', sub { operator() }) foreach 1 .. 3;
ok(poll_until(sub { silent() <= 4 }), 'the crowd has been sent away');
my $told = grep { PgWire::sqlstate($_->read_until('')) eq '53300' } @silent[4 .. $crowd - 1];
cmp_ok($told, '>=', $crowd - 8, "$told of $crowd were told why");
$_->close foreach @silent;

# -- who come again and again ------------------------------------------------

# a child that keeps as many connections, and opens those anew that are closed
my $flood = fork() // die "fork: $!";
if ($flood == 0)
{
	my %wires;

	while (getppid() != 1)
	{
		while (keys %wires < $crowd)
		{
			my $wire = $wb->wire or POSIX::_exit(1);
			$wires{ fileno $wire->socket } = $wire;
		}
		delete $wires{ fileno $_ } foreach IO::Select->new(map { $_->socket } values %wires)->can_read(1);
	}
	POSIX::_exit(0);
}
ok(poll_until(sub { silent() >= 5 }), 'a crowd that comes again');
for my $round (1 .. 10)
{
	soon("an operator, $round", sub { operator() });
	sleep 0.3;
}
my $begin = time();
my $ry = $wb->receive('ry', application_name => 'ry', loop => 1);
ok(streams('ry'), sprintf('a new standby streams after %.1f s', time() - $begin));
is($wb->show_row('standbys', 'application_name', 'rx')->{state}, 'streaming', 'the one that was there was not disturbed');

SKIP:
{
	skip 'no WB_OTHER_PSQL: a psql that is set-user-ID for another user', 1 unless $other_psql;
	my $user = getpwuid((stat $other_psql)[4]);
	ok(poll_until(sub {
			$wb->console('SHOW version', psql => $other_psql, user => $user)->{err} =~ /sorry, too many clients already/;
		}), 'who is no operator is turned away at the Unix socket');
}
kill 'KILL', $flood;
waitpid $flood, 0;
$wb->log_unlike(qr/PANIC|signal 11|signal 6/);

done_testing();
