# What the console shows, against what real servers say of the same: columns and
# their names, positions of standbys and slots, settings with their places in the
# file, decisions, processes; and how a standby is said to be when its walreceiver
# is stopped, its replay paused, or its upstream away.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my %views = (
	standbys => [qw(pid rule usename application_name client_addr client_port
		  backend_start state reason source timeline sent_lsn write_lsn flush_lsn
		  replay_lsn sent_lag_bytes write_lag_bytes flush_lag_bytes
		  replay_lag_bytes write_lag flush_lag replay_lag reply_time reply_age
		  sent_bytes filtered blanked_bytes slot_name sync_state backend_xmin
		  alarms alarm)],
	upstream => [qw(state host port conninfo system_identifier timeline
		  server_version_num received_lsn upstream_lsn received_bytes
		  connected_since last_message_age connects slot_name acknowledge
		  last_error)],
	ring  => [qw(size timeline tail_lsn head_lsn bytes upstream_lsn)],
	spool => [qw(enabled size_limit bytes segments oldest_lsn newest_lsn
		  written_lsn flushed_lsn lag_bytes free_bytes state reason)],
	slots => [qw(slot_name rule slot_type temporary active active_pid restart_lsn
		  timeline wal_status safe_wal_size retained_bytes)],
	rules     => [qw(position name match auth filter send_delay_ms standbys decisions)],
	stats     => [qw(scope name oid records bytes fpi_bytes bytes_per_second)],
	databases => [qw(rule kind oid name scope since_lsn names)],
	config    => [qw(name setting unit boot_val source sourcefile sourceline
		  pending_restart context short_desc)],
	activity => [qw(pid backend_type state usename application_name client_addr
		  rule command backend_start state_change)],
	alarms => [qw(severity source name message since)]);

# What PostgreSQL has too is called the same.
my %same_names = (
	standbys => [ 'pg_stat_replication', qw(pid usename application_name
		  client_addr client_port backend_start state sent_lsn write_lsn flush_lsn
		  replay_lsn write_lag flush_lag replay_lag reply_time sync_state
		  backend_xmin) ],
	slots => [ 'pg_replication_slots', qw(slot_name slot_type temporary active
		  active_pid restart_lsn wal_status safe_wal_size) ],
	config => [ 'pg_settings', qw(name setting unit boot_val source sourcefile
		  sourceline pending_restart context short_desc) ],
	activity => [ 'pg_stat_activity', qw(pid backend_type state usename
		  application_name client_addr backend_start state_change) ]);

my $primary = new_primary('primary');
$primary->safe_psql('postgres', 'CREATE DATABASE app');
$primary->safe_psql('postgres', 'CREATE DATABASE secret');

my $wb = WalBouncer->new(
	'wb',
	upstream => $primary,
	rules    => [
		{ name => 'part', user => 'part', exclude_databases => ['secret'], send_delay => '5ms' },
		{ name => 'all', source => [ '127.0.0.1/32', '::1/128' ] },
		{ name => 'local', user => 'local' } ],
	settings => {
		spool_size             => '200MB',
		max_slot_wal_keep_size => '100MB',
		monitor_port           => PostgreSQL::Test::Cluster::get_free_port()
	});
$wb->configure(settings => { unix_socket_directories => $wb->socket_dir });
$wb->start_streaming;

sub sql
{
	return $primary->safe_psql('postgres', shift);
}

sub standby_row
{
	return $wb->show_row('standbys', 'application_name', shift) // {};
}

sub alarms
{
	return join "\n", map { $_->{message} } $wb->show('alarms');
}

# A test of its own: it becomes so; the row as it is then.
sub becomes
{
	my ($standby, $state, $reason, $name) = @_;
	my $row;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(poll_until(sub {
				$row = standby_row($standby);
				($row->{state} // '') eq $state && ($row->{reason} // '') =~ $reason;
			}, 60),
		$name)
	  or diag(explain($row));
	return $row;
}

sub some_wal
{
	sql('CREATE TABLE IF NOT EXISTS t (x text); INSERT INTO t SELECT repeat(\'x\', 1000) FROM generate_series(1, 500)');
	return lsn_number($primary->lsn('flush'));
}

# -- columns -----------------------------------------------------------------

my %types = map { split /\|/ } split /\n/,
  sql("SELECT typname, oid FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace");
foreach my $view (sort keys %views)
{
	my $header = `psql -X -A -t -P tuples_only=off -d 'host=@{[ $wb->socket_dir ]} port=@{[ $wb->port ]} dbname=walbouncer' -P footer=off -c 'show $view'`;
	my ($head) = split /\n/, $header;

	is($head, join('|', @{ $views{$view} }), "columns of $view");
}
foreach my $view (sort keys %same_names)
{
	my ($catalog, @columns) = @{ $same_names{$view} };
	my %theirs = map { $_ => 1 } split /\n/,
	  sql("SELECT attname FROM pg_attribute WHERE attrelid = '$catalog'::regclass AND attnum > 0");
	my %ours = map { $_ => 1 } @{ $views{$view} };

	is(join(' ', grep { !$ours{$_} || (!$theirs{$_} && $_ ne 'backend_xmin') } @columns), '',
		"names in $view are those of $catalog");
}
{
	my $manual = slurp_file("$ENV{TEST_SRCDIR}/etc/walbouncer.1");

	foreach my $view (sort keys %views)
	{
		my ($text) = $manual =~ /^\.It Ic $view\n(.*?)(?=^\.It Ic |^\.Sh )/ms;

		is(join(' ', grep { ($text // '') !~ /\b$_\b/ } @{ $views{$view} }), '',
			"the manual has the columns of $view");
	}
}

# -- standbys and upstream ---------------------------------------------------

my $part = $wb->add_standby('part');
my $mute = $wb->add_standby('mute', rule => 'all', conf => 'wal_receiver_status_interval = 0');
my $rx = $wb->receive('rx', rule => 'all', application_name => 'receiver');
my $local = $wb->receive('local', socket => 1, application_name => 'local');
wait_for_replay($primary, $part);
ok(poll_until(sub { 'local mute part receiver' eq join ' ', map { $_->{application_name} } $wb->show('standbys') }),
	'standbys come in the order of their names');

# Nothing moves: what all say of a moment is the same.
my @said;
ok(poll_until(sub {
			my $row = standby_row('part');
			my ($upstream) = $wb->show('upstream');
			my ($flushed, $replayed) = split /\|/, $part->safe_psql('postgres',
				'SELECT flushed_lsn, pg_last_wal_replay_lsn() FROM pg_stat_wal_receiver');

			@said = (
				[ $row->{flush_lsn},  $flushed ],
				[ $row->{replay_lsn}, $replayed ],
				[ $row->{sent_lsn}, sql('SELECT sent_lsn FROM pg_stat_replication') ],
				[ $row->{replay_lag_bytes},  0 ],
				[ $upstream->{received_lsn}, sql('SELECT pg_current_wal_flush_lsn()') ],
				[ $upstream->{upstream_lsn}, $upstream->{received_lsn} ]);
			return !grep { ($_->[0] // '') ne $_->[1] } @said;
		}),
	'positions are those of pg_stat_wal_receiver and pg_stat_replication')
  or diag(explain(\@said));

my $row = standby_row('part');
is($row->{state}, 'streaming', 'state');
is($row->{rule}, 'part', 'rule');
is($row->{usename}, 'part', 'user');
is($row->{client_addr}, '127.0.0.1', 'address');
is($row->{sync_state}, 'async', 'sync_state');
is($row->{filtered}, 't', 'something is withheld');
is($row->{source}, 'ring', 'source');
is($row->{timeline}, 1, 'timeline');
my ($link) = ($wb->standby_link($part) // '') =~ /^(\d+:\d+)$/;
is("$row->{pid}:$row->{client_port}", $link, 'worker and port');
cmp_ok($row->{reply_age}, '<', 5, 'it has just said something');
is(standby_row('local')->{client_addr}, undef, 'a Unix socket has no address');
is(standby_row('local')->{client_port}, -1, 'its port is as in pg_stat_replication');
is(standby_row('receiver')->{filtered}, 'f', 'nothing is withheld from the other');
is(standby_row('receiver')->{replay_lsn}, undef, 'which replays nothing');

my ($upstream, $ring);
ok(poll_until(sub {
			($upstream) = $wb->show('upstream');
			($ring) = $wb->show('ring');
			return $ring->{head_lsn} eq $upstream->{received_lsn};
		}),
	'the head of the ring is what has been received');
is($upstream->{state}, 'streaming', 'the upstream streams');
is($upstream->{system_identifier}, sql('SELECT system_identifier FROM pg_control_system()'), 'system identifier');
is($upstream->{timeline}, 1, 'timeline of the upstream');
is($upstream->{server_version_num}, sql('SHOW server_version_num'), 'its version');
is($upstream->{port}, $primary->port, 'its port');
is($upstream->{last_error}, undef, 'no error');
is($upstream->{connects}, 1, 'connected once');

is($ring->{size}, 64 << 20, 'size of the ring');
is($ring->{bytes}, lsn_number($ring->{head_lsn}) - lsn_number($ring->{tail_lsn}), 'what is in it');

# -- rules, decisions, processes ---------------------------------------------

my @rules = $wb->show('rules');
is(scalar(@rules), 3, 'three rules');
is_deeply($rules[0],
	{
		position => 1, name => 'part', match => 'user=part', auth => 'trust',
		filter => 'exclude_databases=secret', send_delay_ms => 5, standbys => 1,
		decisions => $rules[0]{decisions}
	},
	'the first');
is($rules[1]{match}, 'source=127.0.0.1/32,::1/128', 'whom the second is for');
is($rules[1]{filter}, undef, 'it withholds nothing');

my %expected = map { my ($oid, $name) = split /\|/; $oid => $name } split /\n/,
  sql('SELECT oid, datname FROM pg_database');
my @databases = grep { $_->{kind} eq 'database' } $wb->show('databases');
is_deeply({ map { $_->{oid} => $_->{name} } @databases }, \%expected, 'each database has been decided about');
is(join(' ', map { $_->{name} } grep { $_->{scope} eq 'out' } @databases), 'secret', 'one is out');
is($rules[0]{decisions}, scalar(my @all = $wb->show('databases')), 'and as many decisions are counted');

# those of the statements above may not have ended yet
my %activity;
poll_until {
	%activity = map { $_->{pid} => $_ } $wb->show('activity');
	return 1 == grep { $_->{backend_type} eq 'console' } values %activity;
} 30;
is($activity{ $wb->pid }{backend_type}, 'supervisor', 'the supervisor');
is($activity{ $wb->reader }{backend_type}, 'reader', 'the reader');
is($activity{ $row->{pid} }{application_name}, 'part', 'the worker of the standby');
is(scalar(grep { $_->{backend_type} eq 'console' } values %activity), 1, 'the console');
is(scalar(grep { !-d "/proc/$_->{pid}" && $_->{backend_type} !~ /console|worker/ } values %activity), 0, 'all of them live');

# -- slots and spool ---------------------------------------------------------

system_or_bail(pg_program($primary, 'pg_receivewal'), '-d', $wb->connstr('all'), '--slot', 'kept', '--create-slot');
my $slot = $wb->show_row('slots', 'slot_name', 'kept');
is($slot->{slot_type}, 'physical', 'a physical slot');
is($slot->{rule}, 'all', 'made under a rule');
is($slot->{active}, 'f', 'that nobody uses');
is($slot->{restart_lsn}, undef, 'and that keeps nothing');
is($slot->{wal_status}, undef, 'yet');

my $slotted = $wb->receive('slotted', rule => 'all', application_name => 'slotted',
	options => [ '--slot', 'kept', '--synchronous' ]);
some_wal();
ok(poll_until(sub {
			$slot = $wb->show_row('slots', 'slot_name', 'kept');
			return $slot->{active} eq 't' && $slot->{restart_lsn}
			  && $slot->{restart_lsn} eq $primary->lsn('flush');
		}),
	'the slot follows what pg_receivewal has flushed');
is($slot->{active_pid}, standby_row('slotted')->{pid}, 'by whom it is used');
is($slot->{wal_status}, 'reserved', 'what it needs is there');
is($slot->{retained_bytes}, 0, 'it keeps nothing more than that');
is($slot->{safe_wal_size}, 100 << 20, 'how much can be written');
is(standby_row('slotted')->{slot_name}, 'kept', 'the standby says so too');

# Not more than one file is being written to.
ok(poll_until(sub {
			my ($spool) = $wb->show('spool');
			my @files = grep { /\/[0-9A-F]{24}(?:\.partial)?$/ } glob "$wb->{dir}/state/spool/*";
			my $bytes = 0;
			$bytes += -s $_ foreach @files;
			return $spool->{enabled} eq 't'
			  && $spool->{state} eq 'writing'
			  && $spool->{segments} == @files
			  && $spool->{bytes} == $bytes
			  && $spool->{flushed_lsn} eq $primary->lsn('flush')
			  && $spool->{lag_bytes} == 0;
		}),
	'the spool is what is in its directory');

# -- what the WAL is made of --------------------------------------------------

my %sums;
ok(poll_until(sub {
			%sums = ();
			$sums{ $_->{scope} } += $_->{bytes} foreach $wb->show('stats');
			# the names of databases come a little later
			return ($sums{total} // 0) > 500_000
			  && grep { ($_->{name} // '') eq 'postgres' } $wb->show('stats');
		}),
	'the monitor has counted the rows');
is($sums{database}, $sums{total}, 'databases sum up to the total');
is($sums{rmgr}, $sums{total}, 'and so do resource managers');

# -- settings ----------------------------------------------------------------

sub check_lines
{
	my @lines = split /\n/, slurp_file($wb->{config_file});
	my @wrong;

	foreach my $setting ($wb->show('config'))
	{
		my ($short) = $setting->{name} =~ /([^.]+)$/;
		my $line = $setting->{sourceline};
		my ($there) = grep { $lines[ $_ - 1 ] =~ /^\s*\Q$short\E = / } 1 .. @lines;

		push @wrong, $setting->{name}
		  if ($line // 0) != ($there // 0)
		  || $setting->{source} ne ($line ? 'configuration file' : 'default')
		  || ($setting->{sourcefile} // '') ne ($line ? $wb->{config_file} : '');
	}
	return join ' ', @wrong;
}

is(check_lines(), '', 'each setting knows its line');
is($wb->show_row('config', 'name', 'spool_size')->{setting}, '200MB', 'a value');
is($wb->show_row('config', 'name', 'spool_size')->{boot_val}, '1GB', 'a default');
is_deeply([ grep { $_->{source} eq 'default' && $_->{setting} ne $_->{boot_val} } $wb->show('config') ], [],
	'what has its default is spelled as the default is');
is($wb->show_row('config', 'name', 'port')->{context}, 'restart', 'a context');
is(scalar(grep { $_->{pending_restart} eq 't' } $wb->show('config')), 0, 'nothing waits for a restart');

my $port = $wb->port;
my $text = slurp_file($wb->{config_file});
$text =~ s/^port = $port;/# moved\nport = 1;/m;
$text =~ s/^log_min_messages.*$/log_min_messages = "debug1";/m;
$text =~ s/(conninfo = ".*)"/$1 password=hush"/;
$wb->write_config($text);
ok($wb->reload, 'a reload');
is($wb->show_row('config', 'name', 'port')->{pending_restart}, 't', 'the port waits for a restart');
is($wb->show_row('config', 'name', 'port')->{setting}, $port, 'and is what it was');
is($wb->show_row('config', 'name', 'log_min_messages')->{setting}, 'debug1', 'what does not wait is in force');
is($wb->show_row('config', 'name', 'log_min_messages')->{pending_restart}, 'f', 'so nothing waits there');
is(check_lines(), '', 'lines are those of the new file');
like($wb->show_row('config', 'name', 'upstream.conninfo')->{setting}, qr/password='\*{8}'/, 'a password is not shown');
unlike(join(' ', map { $_ // '' } map { values %$_ } $wb->show('config'), $wb->show('upstream')),
	qr/hush/, 'nowhere');

# -- alarms ------------------------------------------------------------------

ok(poll_until(sub { alarms() eq '' }), 'no alarm');
$wb->write_config("$text\nnonsense = 1;\n");
ok(!$wb->reload, 'a reload that fails');
my ($alarm) = $wb->show('alarms');
is("$alarm->{severity} $alarm->{source}", 'warning configuration', 'is an alarm');
like($alarm->{message}, qr/unknown setting "nonsense"/, 'that says why');
$wb->configure;
ok($wb->reload, 'one that does not');
ok(poll_until(sub { alarms() eq '' }), 'ends it');

# Three standbys get no further, and then the upstream goes away: what each of that is
# called takes its time, and so all of it is looked at together.
#
# Replay that has been paused: the standby says something, but does not move.  One that
# reports nothing by itself is asked.  One that is stopped says nothing.
$_->safe_psql('postgres', 'SELECT pg_wal_replay_pause()') foreach $part, $mute;
ok($part->poll_query_until('postgres', "SELECT pg_get_wal_replay_pause_state() = 'paused'"), 'replay pauses');
my $paused_at = $part->safe_psql('postgres', 'SELECT pg_last_wal_replay_lsn()');
kill 'STOP', $local->pid;
some_wal();
$primary->stop;

$row = becomes('part', 'stalled', qr/^replay has not moved for \d+ s at \Q$paused_at\E, although WAL up to/,
	'a standby whose replay is paused is stalled');
is($row->{replay_lsn}, $paused_at, 'where it is');
cmp_ok($row->{replay_lag_bytes}, '>', 500_000, 'how far it is behind');
is(scalar(grep { "$_->{severity} $_->{source} $_->{name}" eq 'warning standby part' } $wb->show('alarms')), 1, 'which is an alarm');
becomes('mute', 'stalled', qr/^replay has not moved/, 'one that reports nothing by itself is not taken for dead');
becomes('local', 'stalled', qr/^takes no WAL: has said nothing for \d+ s$/, 'a standby that is stopped is stalled');
is(standby_row('receiver')->{state}, 'streaming', 'pg_receivewal, which replays nothing, is not');
$_->safe_psql('postgres', 'SELECT pg_wal_replay_resume()') foreach $part, $mute;
kill 'CONT', $local->pid;
becomes($_, 'streaming', qr/^$/, "$_ goes on") foreach qw(part mute local);

ok(poll_until(sub {
			my ($found) = grep { $_->{source} eq 'upstream' } $wb->show('alarms');
			return $found && $found->{severity} eq 'critical'
			  && $found->{message} =~ /^not connected to the upstream: could not connect/;
		}, 90),
	'an upstream that stays away is a critical alarm');
is(scalar(my @alarms = $wb->show('alarms')), 1, 'the others have gone');
($upstream) = $wb->show('upstream');
isnt($upstream->{state}, 'streaming', 'it is not connected');
is($upstream->{connected_since}, undef, 'since never');
like($upstream->{last_error}, qr/^could not connect/, 'and why');
is(scalar(grep { $_->{state} ne 'streaming' } $wb->show('standbys')), 0, 'the standbys stay');
$primary->start;
ok(poll_until(sub { alarms() eq '' }), 'it is back');
ok(poll_until(sub { $wb->show_row('upstream', 'state', 'streaming') }), 'connected once more');

$_->stop foreach $part, $mute;
$wb->stop;
done_testing();
