# Servers of the same cluster and timeline that have other WAL than what standbys have
# been sent: a standby from which something was withheld, before and after its
# promotion, and a primary that has lost WAL.  They do not become the upstream, whichever
# way they are named, and the standbys go on with the right one unharmed.

use strict;
use warnings;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Relay;
use Test::More;
use WalBouncer;

my $other = qr/upstream has other WAL than what is here, from [0-9A-F]+\/[0-9A-F]+ on timeline 1/;
my $primary = new_primary('primary');
$primary->safe_psql('postgres', 'CREATE DATABASE secret');
my $wb = WalBouncer->new('wb', upstream => $primary, rules => [
	{ name => 'part', user => 'part', exclude_databases => ['secret'] },
	{ name => 'full' } ]);
$wb->start_streaming;
my $part = $wb->add_standby('part');
my $full = $wb->add_standby('full');
my $link = $wb->standby_link($full);

sub conninfo
{
	return WalBouncer::node_conninfo(shift);
}

sub write_everywhere
{
	my $what = shift;

	$primary->safe_psql($_, "CREATE TABLE $what AS SELECT repeat('$what', i) AS t FROM generate_series(1, 200) i")
	  foreach qw(secret postgres);
	return;
}

sub goes_on
{
	my $what = shift;

	ok(wait_for_replay($primary, $full), "$what: the standby goes on");
	is($wb->standby_link($full), $link, "$what: its connection is the same");
	return;
}

sub refused
{
	my $what = shift;
	my $reader = $wb->reader;
	my $result = $wb->console("REPOINT '" . conninfo($part) . "'");

	like($result->{err}, qr/^ERROR: +$other\nDETAIL: .*\nHINT: /m, "$what: REPOINT is refused");
	is($wb->reader, $reader, "$what: the reader is the same");
	ok(poll_until(sub { ($wb->show_row('upstream', 'state', 'streaming') // { port => 0 })->{port} == $primary->port }),
		"$what: and the upstream");

	my $offset = $wb->log_offset;
	$wb->configure(upstream => $part);
	$wb->reload;
	# the same reason is not logged again at once
	$wb->wait_for_log(qr/reader WARNING:  $other/, 0, "$what: a reload says why");
	$wb->wait_for_log(qr/reader WARNING:  staying with the upstream/, $offset, "$what: the upstream is kept");
	$wb->configure(upstream => $primary);
	$wb->reload;
	return;
}

# -- a standby that lacks something ------------------------------------------

write_everywhere('first');
ok(wait_for_replay($primary, $part), 'the part is there');
refused('a standby');
goes_on('a standby');
# the same timeline as long as nobody asks for more
$part->promote;
$part->safe_psql('postgres', 'CREATE TABLE promoted ()');
refused('promoted');
write_everywhere('second');
goes_on('promoted');

# libpq takes it when the primary is away
my $offset = $wb->log_offset;
$wb->configure(upstream => join(' ', 'host=' . join(',', map { $_->host } $primary, $part),
	'port=' . join(',', map { $_->port } $primary, $part), 'dbname=postgres'));
$primary->stop('immediate');
$wb->reload;
$wb->wait_for_log(qr/reader WARNING:  could not connect to upstream/, $offset, 'of several: the right one is awaited');
$primary->start;
write_everywhere('third');
goes_on('of several');
$wb->configure(upstream => $primary);
$wb->reload;
$part->stop;

# -- a primary that has lost what it had sent --------------------------------

my $data = $primary->data_dir;
$primary->stop;
PostgreSQL::Test::RecursiveCopy::copypath($data, "$data.before");
chmod 0700, "$data.before";
$primary->start;
write_everywhere('lost');
goes_on('before the loss');
$primary->stop('immediate');
# it has all that has come up to the end of the stream
my $had;
ok(poll_until(sub {
		my ($upstream) = $wb->show('upstream');
		$had = $full->safe_psql('postgres', 'SELECT pg_last_wal_receive_lsn()');
		return $upstream->{state} ne 'streaming' && $upstream->{received_lsn} eq $had;
	}), 'the primary is away');
rename $data, "$data.after" or die $!;
rename "$data.before", $data or die $!;
$offset = $wb->log_offset;
# it writes between the questions of the reader and the start of the stream
my $relay = Relay->new($primary, silent_at => qr/START_REPLICATION.*START_REPLICATION/s);
$wb->configure(upstream => $relay->conninfo);
$wb->reload;
$primary->start;
ok(poll_until(sub { $relay->is_silent || $wb->log_content($offset) =~ /upstream has less WAL than what is here/ }),
	'lost WAL: the reader has met it');
$primary->safe_psql('postgres', "CREATE TABLE instead AS SELECT repeat('x', 500) FROM generate_series(1, 10000)");
$relay->speak;
$wb->wait_for_log(qr/reader WARNING:  $other/, $offset, 'lost WAL: refused');
$relay->stop;
$wb->configure(upstream => $primary);
$offset = $wb->log_offset;
$wb->stop;
$wb->start;
$wb->wait_for_log(qr/reader WARNING:  $other/, $offset, 'lost WAL: refused after a restart, by what is in the spool');

# the spooler takes longer to look at its files than the reader has patience
my $spool = $wb->dir . '/state/spool';
$wb->stop;
chmod 0, $spool or die $!;
$offset = $wb->log_offset;
$wb->start;
$wb->wait_for_log(qr/reader WARNING:  the spooler does not say where the spool ends/, $offset, 'lost WAL: the spooler is late');
chmod 0700, $spool or die $!;
$wb->wait_for_log(qr/reader WARNING:  $other/, $offset, 'lost WAL: refused all the same');
$link = $wb->standby_link($full);
is($full->safe_psql('postgres', 'SELECT pg_last_wal_receive_lsn()'), $had, 'lost WAL: nothing more has come');
is($full->safe_psql('postgres', 'SELECT count(*) FROM lost'), 200, 'lost WAL: the standby has what it had');

# the disk has been found
$primary->stop('immediate');
rename $data, "$data.instead" or die $!;
rename "$data.after", $data or die $!;
$primary->start;
write_everywhere('found');
goes_on('found again');
same_dump($primary, $full, $_) foreach qw(postgres secret);
log_clean($full);
$wb->stop;

done_testing();
