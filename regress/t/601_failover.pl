# The primary is killed and a standby of its own is promoted, again and again; what
# hangs on walbouncer goes on with nothing changed on it.  Three ways in turn:
#
# hosts		walbouncer knows both servers and looks for the one that can be written to
# reload	it is told of the other one by a reload
# cascade	it hangs on the standby that is promoted
#
# WB_ROUNDS	how many failovers on this machine's major (10)

use strict;
use warnings;
use File::Path qw(rmtree);
use Test::More;
use Time::HiRes qw(time usleep);
use WalBouncer;

my @ways = qw(hosts reload cascade);

# A standby of a server, straight from there, that its commits wait for.
sub new_heir
{
	my ($primary, $name) = @_;
	my $heir = WalBouncer::_new_node($name, $primary->pg_version->major);

	rmtree($primary->backup_dir . "/$name");
	$primary->backup($name, backup_options => ['--checkpoint=fast']);
	$heir->init_from_backup($primary, $name, has_streaming => 1);
	rmtree($primary->backup_dir . "/$name");
	$heir->start;
	return $heir;
}

# PGAPPNAME is the test's
sub conninfo
{
	return WalBouncer::node_conninfo(shift) . ' application_name=walbouncer';
}

sub both_conninfo
{
	my @nodes = @_;
	return 'host=' . join(',', map { $_->host } @nodes) . ' port=' . join(',', map { $_->port } @nodes)
	  . ' user=' . getpwuid($<) . ' application_name=walbouncer target_session_attrs=read-write';
}

sub await_row
{
	my ($standby, $row) = @_;
	return WalBouncer::poll_until {
		my ($rc, $out) = $standby->psql('kept', "SELECT 1 FROM t WHERE t = '$row'");
		return ($out // '') eq '1';
	} 60;
}

sub fail_over_often
{
	my ($major, $rounds) = @_;
	my $primary = new_primary("p${major}_0", major => $major, initdb => ['--wal-segsize=1']);
	my (@gaps, @acknowledged);

	$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept secret);
	$primary->safe_psql('kept', 'CREATE TABLE t (t text)');
	my $wb = WalBouncer->new("wb$major", upstream => $primary,
		upstream_settings => { slot => 'walbouncer' },
		rules => [
			{ name => 'filtered', user => 'filtered', exclude_databases => ['secret'] },
			{ name => 'everything' } ]);
	$wb->start_streaming;
	my @standbys = ($wb->add_standby("filtered$major", rule => 'filtered'), $wb->add_standby("plain$major", rule => 'everything'));
	my %pid = map { $_->name => $_->{_pid} } @standbys;
	my $conf = join '', map { PostgreSQL::Test::Utils::slurp_file($_->data_dir . '/postgresql.conf') } @standbys;

	foreach my $round (1 .. $rounds)
	{
		my $way = $ways[ $round % @ways ];
		my $heir = new_heir($primary, "p${major}_$round");
		my $offset = $wb->log_offset;

		$wb->configure(upstream => $way eq 'hosts' ? both_conninfo($primary, $heir)
			: conninfo($way eq 'cascade' ? $heir : $primary));
		$wb->reload;
		poll_until {
			my ($node) = $way eq 'cascade' ? $heir : $primary;
			return $node->safe_psql('postgres',
				"SELECT count(*) FROM pg_stat_replication WHERE application_name = 'walbouncer' AND state = 'streaming'") eq '1';
		} 60;
		$primary->safe_psql('postgres', "ALTER SYSTEM SET synchronous_standby_names = '" . $heir->name . "'");
		$primary->reload;
		$primary->poll_query_until('postgres', 'SHOW synchronous_standby_names', $heir->name);
		foreach my $i (1 .. 20)
		{
			$primary->safe_psql('kept', "INSERT INTO t VALUES ('r$round-$i')");
			push @acknowledged, "r$round-$i";
		}
		$primary->safe_psql('secret', "SELECT pg_logical_emit_message(true, '', repeat('hidden$round', 100000))")
		  if $round % 2;
		my $began = time();
		$primary->stop('immediate');
		$heir->promote;
		my $promoted = time();
		$heir->safe_psql('kept', "INSERT INTO t VALUES ('new$round')");
		push @acknowledged, "new$round";
		if ($way eq 'reload')
		{
			$wb->configure(upstream => conninfo($heir));
			$wb->reload;
		}
		foreach my $standby (@standbys)
		{
			ok(await_row($standby, "new$round"), "$major, $round ($way): " . $standby->name . ' follows')
			  or diag(substr($wb->log_content($offset), -3000)), return;
		}
		push @gaps, sprintf '%s %.2f (%.2f of them until the promotion was over)', $way, time() - $began, $promoted - $began;
		$primary = $heir;
	}
	diag("PostgreSQL $major, seconds from the kill to a new row on every standby: $_") foreach @gaps;

	my $all = join "\n", sort @acknowledged;
	foreach my $standby (@standbys)
	{
		my $has = join "\n", sort split /\n/, $standby->safe_psql('kept', 'SELECT t FROM t');
		is($has, $all, "$major: " . $standby->name . ' has each row that was acknowledged');
		is($standby->{_pid}, $pid{ $standby->name }, "$major: it has not been started again");
		ok(kill(0, $standby->{_pid}), "$major: and runs");
		is($standby->safe_psql('postgres', 'SELECT received_tli FROM pg_stat_wal_receiver'), $rounds + 1,
			"$major: it is on the latest timeline");
		WalBouncer::log_clean($standby);
		WalBouncer::same_dump($primary, $standby, 'kept');
	}
	is(join('', map { PostgreSQL::Test::Utils::slurp_file($_->data_dir . '/postgresql.conf') } @standbys), $conf,
		"$major: nothing has been changed on them");
	is(WalBouncer::grep_files('hidden', $standbys[0]->data_dir), '', "$major: nothing of what is withheld");
	$wb->log_unlike(qr/begins anew|has a gap|PANIC/, 0, "$major: nothing was left out");

	local $wb->{upstream} = $primary;	# for its major
	my $rx = $wb->receive("rx$major");
	my $last = WalBouncer::segment_file(WalBouncer::lsn_number($primary->lsn('flush')), 1 << 20);
	substr($last, 0, 8) = sprintf '%08X', $rounds + 1;
	$primary->safe_psql('kept', 'SELECT pg_switch_wal()');
	ok($rx->wait_for_segment($last), "$major: pg_receivewal is served on the latest timeline");
	$rx->stop;
	$_->stop('immediate') foreach @standbys, $primary;
	$wb->stop;
	return;
}

foreach my $major (majors())
{
	my $own = $major == (sort { $a <=> $b } grep { $_ == 15 } majors())[0];
	fail_over_often($major, $own ? $ENV{WB_ROUNDS} || 10 : 3);
}

done_testing();
