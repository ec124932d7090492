# send_delay: a standby gets no commit before it is of that age, by the clock, with
# and without a filter, prepared transactions included, across its own restart; a
# reload releases, or holds back, at once; a stop does not wait.

use strict;
use warnings;
use Time::HiRes qw(time);
use Test::More;
use WalBouncer;

my $short = 4;

sub rules
{
	my ($plain, $filtered) = @_;

	return [
		{ name => 'now', user => 'now' },
		{ name => 'plain', user => 'plain', send_delay => $plain },
		{
			name              => 'filtered',
			user              => 'filtered',
			send_delay        => $filtered,
			exclude_databases => ['secret']
		}
	];
}

sub count_of
{
	my ($node, $marker) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM t WHERE t = '$marker'");
}

# Until the row is there: when it was seen, in seconds since 1970.
sub arrival
{
	my ($node, $marker) = @_;
	return poll_until { count_of($node, $marker) == 1 ? time() : 0 };
}

# When the row was committed, by the primary.
sub commit_time
{
	my ($primary, $marker) = @_;
	return $primary->safe_psql('postgres',
		"SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM t WHERE t = '$marker'");
}

sub received
{
	my $standby = shift;
	return lsn_number($standby->safe_psql('postgres', 'SELECT pg_last_wal_receive_lsn()'));
}

sub replayed
{
	my $standby = shift;
	return lsn_number($standby->safe_psql('postgres', 'SELECT pg_last_wal_replay_lsn()'));
}

foreach my $major (majors())
{
	my $primary = new_primary("primary$major", major => $major,
		conf => "track_commit_timestamp = on\n");
	$primary->safe_psql('postgres', 'CREATE TABLE t (t text)');
	foreach my $db (qw(secret later))
	{
		$primary->safe_psql('postgres', "CREATE DATABASE $db");
		$primary->safe_psql($db,        'CREATE TABLE t (t text)');
	}

	my $wb = WalBouncer->new("wb$major", upstream => $primary, rules => rules("${short}s", "${short}s"),
		settings => { ring_size => '1MB' });
	$wb->start_streaming;
	my ($now, $plain, $filtered) = map {
		$wb->add_standby("$_$major", rule => $_)
	} qw(now plain filtered);
	my @delayed = ([ 'plain', $plain ], [ 'filtered', $filtered ]);
	my %link = map { $_->[0] => $wb->standby_link($_->[1]) } @delayed;

	# insert a row; the standby without delay has it
	my $insert = sub {
		my ($marker, $what) = @_;
		$primary->safe_psql('postgres', "INSERT INTO t VALUES ('$marker')");
		$primary->safe_psql('secret',   "INSERT INTO t VALUES ('hidden_$marker')");
		ok(arrival($now, $marker), "$major: $what: there without a delay");
	};
	my $reload = sub {
		my ($delay, $ms, $what) = @_;
		my $offset = $wb->log_offset;
		$wb->configure(rules => rules($delay, $delay));
		ok($wb->reload, "$major: $what: reloaded");
		$wb->wait_for_log(qr/rule "$_" holds commits back for $ms ms/, $offset, "$major: $what: $_ says so")
		  foreach qw(plain filtered);
	};

	# by the clock
	foreach my $marker (qw(one two))
	{
		$insert->($marker, $marker);
		foreach (@delayed)
		{
			my ($name, $node) = @$_;
			my $seen = arrival($node, $marker);
			cmp_ok($seen - commit_time($primary, $marker),
				'>=', $short, "$major: $name: $marker arrives when it is $short s old");
		}
	}

	# a prepared transaction waits by its commit, not by its PREPARE
	$primary->safe_psql('postgres', <<'END');
BEGIN; INSERT INTO t VALUES ('prepared'); PREPARE TRANSACTION 'p';
BEGIN; INSERT INTO t VALUES ('aborted'); PREPARE TRANSACTION 'a';
END
	my $prepared = lsn_number($primary->lsn('flush'));
	foreach (@delayed)
	{
		my ($name, $node) = @$_;
		ok(poll_until { received($node) >= $prepared },
			"$major: $name: prepared transactions do not wait");
	}
	$primary->safe_psql('postgres', "COMMIT PREPARED 'p'");
	$primary->safe_psql('postgres', "ROLLBACK PREPARED 'a'");
	ok(arrival($now, 'prepared'), "$major: prepared: there without a delay");
	foreach (@delayed)
	{
		my ($name, $node) = @$_;
		my $seen = arrival($node, 'prepared');
		cmp_ok($seen - commit_time($primary, 'prepared'),
			'>=', $short, "$major: $name: COMMIT PREPARED arrives when it is $short s old");
	}

	# longer, on streams that are there: held, the bytes too
	$reload->('1h', 3600000, 'longer');
	my $before = lsn_number($primary->lsn('flush'));
	$insert->('held', 'longer');
	my $end = lsn_number($primary->lsn('flush'));
	ok(wait_for_replay($primary, $now), "$major: longer: all of it is there without a delay");
	foreach (@delayed)
	{
		my ($name, $node) = @$_;
		# what precedes the commit comes
		ok(poll_until { received($node) >= $before },
			"$major: $name: all before the commit is there");
		cmp_ok(received($node), '<', $end, "$major: $name: but not what is behind it");
		is(count_of($node, 'held'), 0, "$major: $name: the row is not");
		is(grep_files('hidden_held', $node->data_dir . '/pg_wal'),
			'', "$major: $name: nor what comes later, in any form");
	}

	# it does not come with a new connection
	$_->[1]->restart foreach @delayed;
	foreach (@delayed)
	{
		my ($name, $node) = @$_;
		ok($wb->standby_link($node), "$major: $name: comes back");
		ok(poll_until { replayed($node) >= $before }, "$major: $name: and is as far as it was");
		is(count_of($node, 'held'), 0, "$major: $name: the row is still not there");
	}
	%link = map { $_->[0] => $wb->standby_link($_->[1]) } @delayed;

	# more than the ring holds; the primary has it
	$primary->safe_psql('postgres',
		"INSERT INTO t SELECT repeat(md5(i::text), 30) FROM generate_series(1, 3000) i");
	ok(wait_for_replay($primary, $now), "$major: the other goes on");
	is(count_of($_->[1], 'held'), 0, "$major: $_->[0]: the row is not there") foreach @delayed;

	# off: at once, over the same connection
	my $released = time();
	$reload->('0', 0, 'off');
	foreach (@delayed)
	{
		my ($name, $node) = @$_;
		ok(arrival($node, 'held'), "$major: $name: the row is there");
		ok(wait_for_replay($primary, $node), "$major: $name: and everything behind it");
		is($wb->standby_link($node), $link{$name}, "$major: $name: over the same connection");
	}
	$insert->('off', 'off');
	ok(arrival($_->[1], 'off'), "$major: $_->[0]: no delay any more") foreach @delayed;
	cmp_ok(time() - $released, '<', 3000, "$major: that took no hour");

	# on again, on streams that had none: from the next commit on
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	ok(wait_for_replay($primary, $_->[1]), "$major: $_->[0]: has all") foreach @delayed;
	$reload->('1h', 3600000, 'on again');
	$insert->('again', 'on again');
	$end = lsn_number($primary->lsn('flush'));
	ok(wait_for_replay($primary, $now), "$major: on again: all of it is there without a delay");
	foreach (@delayed)
	{
		my ($name, $node) = @$_;
		cmp_ok(received($node), '<', $end, "$major: $name: held back again");
		is(count_of($node, 'again'), 0, "$major: $name: the row is not there");
	}

	# a narrower filter, or one where there was none, for what is held back as well
	$primary->safe_psql('later', "INSERT INTO t VALUES ('narrowed')");
	# begun again, a worker reads it together with the commit that it stops at
	$_->[1]->restart foreach @delayed;
	ok($wb->standby_link($_->[1]), "$major: narrower: $_->[0]: comes back") foreach @delayed;
	my $rules = rules('1h', '1h');
	$rules->[$_]{exclude_databases} = [ 'secret', 'later' ] foreach 1, 2;
	$wb->configure(rules => $rules);
	my $offset = $wb->log_offset;
	ok($wb->reload, "$major: narrower: reloaded");
	$wb->wait_for_log(qr/rule "$_" has changed, in force/, $offset, "$major: narrower: $_ says so")
	  foreach qw(plain filtered);
	$rules->[$_]{send_delay} = '0' foreach 1, 2;
	$wb->configure(rules => $rules);
	ok($wb->reload, "$major: narrower: and off: reloaded");
	foreach (@delayed)
	{
		my ($name, $node) = @$_;
		ok(wait_for_replay($primary, $node), "$major: narrower: $name: has it all");
		is(count_of($node, 'again'), 1, "$major: narrower: $name: and the row");
	}
	is(grep_files('narrowed', map { $_->[1]->data_dir . '/pg_wal' } @delayed),
		'', "$major: narrower: what was held back is withheld");

	log_clean($_->[1], 0) foreach @delayed;

	# a stop does not wait for what is held back
	$wb->configure(settings => { shutdown_timeout => '1h' });
	$reload->('1h', 3600000, 'stop');
	$insert->('last', 'stop');
	is($wb->stop('smart'), 0, "$major: stop: a smart stop does not wait");
	is(count_of($_->[1], 'last'), 0, "$major: stop: $_->[0]: the row has not been sent") foreach @delayed;

	$wb->log_unlike(qr/incorrect|invalid|could not find the start/, 0, "$major: nothing was misread");
	$_->stop foreach $now, $plain, $filtered, $primary;
}

done_testing();
