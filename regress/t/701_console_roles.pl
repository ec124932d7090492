# Who may do what in the console: each command of SHOW HELP for an admin, for one who
# may only look, and for nobody.  A command that is new must be put into the table
# here.  Then the same with another user of the operating system, whom the kernel
# vouches for: WB_OTHER_PSQL is a psql that runs as one (regress/run makes it).

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp;
use PgWire;
use Test::More;
use WalBouncer;

my $user = getpwuid($<);
my $other_psql = $ENV{WB_OTHER_PSQL};
my $other = $other_psql ? getpwuid((stat $other_psql)[4]) : undef;

my $primary = new_primary('primary');
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { admin_users => 'carol', stats_users => 'bob, dave' });
$wb->start_streaming;

# What each command says to whom: a statement, and the SQLSTATE that an admin gets
# and that one who may only look gets; '' is success.
my $no = '42501';
my %expected = (
	'SHOW name'                            => [ 'SHOW port',                   '',      '' ],
	'RELOAD'                               => [ 'RELOAD',                      '',      $no ],
	"KILL {pid | 'application_name'}"      => [ "KILL 'not there'",            '42704', $no ],
	"PAUSE ['application_name']"           => [ "PAUSE 'not there'",           '',      $no ],
	"RESUME ['application_name']"          => [ "RESUME 'not there'",          '',      $no ],
	"RESCOPE 'rule'"                       => [ "RESCOPE 'not there'",         '42704', $no ],
	"REPOINT {'conninfo' [TEMPORARY] | DEFAULT}" => [ "REPOINT 'not there'",   '22023', $no ],
	'SHUTDOWN [SMART | FAST | IMMEDIATE]'  => [ 'SHUTDOWN',                    '',      $no ],
	'SET name TO value'                    => [ "SET x TO 'y'",                '',      '' ],
	'RESET {name | ALL}'                   => [ 'RESET ALL',                   '',      '' ],
	'DISCARD ALL'                          => [ 'DISCARD ALL',                 '',      '' ],
	'DEALLOCATE {name | ALL}'              => [ 'DEALLOCATE ALL',              '',      '' ],
	'BEGIN'                                => [ 'BEGIN',                       '',      '' ],
	'COMMIT'                               => [ 'COMMIT',                      '',      '' ],
	'ROLLBACK'                             => [ 'ROLLBACK',                    '',      '' ],
	'SELECT {number | string | version()}' => [ 'SELECT 1',                    '',      '' ]);
foreach my $view (qw(STANDBYS UPSTREAM RING SPOOL SLOTS RULES CONFIG DATABASES STATS ACTIVITY ALARMS VERSION HELP))
{
	$expected{"SHOW $view"} = [ "SHOW $view", '', '' ];
}

my %role;
$role{ $_->{command} } = $_->{role} foreach $wb->show('help');
is_deeply([ sort keys %role ], [ sort keys %expected ], 'the table has what SHOW HELP has');

# SQLSTATE of a connection that is refused
sub refused
{
	my ($asked) = @_;
	my $wire = $wb->console_wire(user => $asked);
	return PgWire::sqlstate(@{ $wire->{greeting} });
}

# SHUTDOWN comes last, since an admin may
foreach my $command (sort { ($a =~ /SHUTDOWN/) <=> ($b =~ /SHUTDOWN/) || $a cmp $b } keys %expected)
{
	my ($sql, $admin, $stats) = @{ $expected{$command} };

	is($role{$command}, $stats eq $no ? 'admin' : 'stats', "$command: SHOW HELP has the role");
	is($wb->console_sqlstate($sql, user => $_), $stats, "$command: $_ may look") foreach 'bob', 'dave';
	foreach my $name ('mallory', 'bob2')
	{
		like($wb->console($sql, user => $name)->{err}, qr/FATAL:  user "$name" may not use the console/, "$command: $name is nobody");
	}
	next if $command =~ /SHUTDOWN/;
	is($wb->console_sqlstate($sql, user => $_), $admin, "$command: $_ is an admin") foreach $user, 'root', 'carol';
}
is(refused('mallory'), '28000', 'nobody is refused with 28000');
ok($wb->alive, 'it lives');

# prepared by one who may not
{
	my $wire = $wb->console_wire(user => 'bob');
	$wire->send_message('P', "\0RELOAD\0\0\0");
	$wire->send_message('S', '');
	is(PgWire::sqlstate($wire->read_until('Z')), $no, 'the extended protocol is no way around');
	is(PgWire::sqlstate($wire->query('SHOW version; RELOAD')), $no, 'nor is a second statement');
}

# who may only look leaves room for who may act
{
	my @bobs = ($wb->left_alone($wb->console_wire(user => 'bob')), map { $wb->console_wire(user => 'bob') } 2 .. 6);
	is(scalar(grep { $_->{greeting}[-1][0] eq 'Z' } @bobs), 6, 'six may look');
	is(refused('bob'), '53300', 'a seventh may not');
	my @admins = map { $wb->console_wire(user => 'carol') } 1 .. 2;
	is(scalar(grep { $_->{greeting}[-1][0] eq 'Z' } @admins), 2, 'but two admins may come');
	is(refused('carol'), '53300', 'and not a third');
	$_->close foreach @bobs, @admins;
	ok(poll_until(sub { $wb->console('SHOW version', user => 'bob')->{status} == 0 }), 'until they leave');
}

# lists change with a reload, for who comes then
my $bob = $wb->console_wire(user => 'bob');
$wb->configure(settings => { admin_users => 'bob', stats_users => '' });
ok($wb->reload, 'reloaded');
ok(poll_until(sub { $wb->console_sqlstate('RELOAD', user => 'bob') eq '' }), 'bob has become an admin');
is(refused('dave'), '28000', 'dave has become nobody');
is(PgWire::sqlstate($bob->query('RELOAD')), $no, 'a session stays what it was');
$wb->configure(settings => { admin_users => '', stats_users => 'bob' });
ok($wb->reload, 'reloaded');

SKIP:
{
	skip 'no WB_OTHER_PSQL: a psql that is set-user-ID for another user', 1 unless $other_psql;
	isnt($other, $user, "another user: $other");

	# in a place that this user can reach
	my $dir = File::Temp->newdir('walbouncer-other-XXXXXX', DIR => dirname($other_psql));
	chmod 0755, "$dir";
	$wb->stop;
	$wb->{socket_dir} = "$dir";
	$wb->configure(settings => { control_socket_directory => "$dir", admin_users => '', stats_users => "x,$other" });
	$wb->start_streaming;
	my @as = (psql => $other_psql);
	is($wb->console_sqlstate('SHOW version', @as, user => $other), '', "$other may look");
	is($wb->console_sqlstate('RELOAD', @as, user => $other), $no, 'and no more');
	foreach my $name ('root', $user, 'x')
	{
		my $result = $wb->console('SHOW version', @as, user => $name);
		like($result->{err}, qr/peer authentication failed for user "$name"\nDETAIL: .*"$other"/, "$other is not $name");
	}
	is($wb->console_rows('SHOW session_authorization', user => $other), 1, "$user may ask for $other");
	$wb->configure(settings => { admin_users => $other, stats_users => '' });
	ok($wb->reload, 'reloaded');
	ok(poll_until(sub { $wb->console_sqlstate('RELOAD', @as, user => $other) eq '' }), "$other has become an admin");
	$wb->configure(settings => { admin_users => '', stats_users => 'x' });
	is($wb->console_sqlstate('RELOAD', @as, user => $other), '', 'who takes that away himself');
	ok(poll_until(sub { $wb->console('SHOW version', @as, user => $other)->{err} =~ /"$other" may not use the console/ }), 'and is nobody');

	# the state directory is closed to him
	$wb->stop;
	my $state = $wb->dir . '/state';
	if (length("$state/.s.PGSQL." . $wb->port) < 108)
	{
		$wb->{socket_dir} = $state;
		$wb->configure(settings => { control_socket_directory => '', stats_users => $other });
		$wb->start_streaming;
		like($wb->console('SHOW version', @as, user => $other)->{err}, qr/Permission denied/, 'he does not reach the state directory');
	}
	else
	{
		$wb->start_streaming;
	}
}

is($wb->console_sqlstate('SHUTDOWN', user => $user), '', 'SHUTDOWN: an admin');
is($wb->wait_for_exit, 0, 'and it has stopped');

done_testing();
