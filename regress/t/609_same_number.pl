# Two standbys have been promoted without knowing of each other: both are on a timeline
# 2, which is not the same.  Who has followed one of them is not led to the other, also
# after a restart, and whatever has become of the file that says what the upstream was:
# the WAL in the spool says it too.

use strict;
use warnings;
use File::Path qw(rmtree);
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $old = new_primary('old', initdb => ['--wal-segsize=1']);
my $wb = WalBouncer->new('wb', upstream => $old);
my @heirs;

$old->safe_psql('postgres', 'CREATE TABLE t (t text)');
foreach my $name (qw(one other))
{
	my $heir = WalBouncer::_new_node($name);
	rmtree($old->backup_dir . "/$name");
	$old->backup($name);
	$heir->init_from_backup($old, $name, has_streaming => 1);
	$heir->start;
	push @heirs, $heir;
}
my ($one, $other) = @heirs;
ok(wait_for_replay($old, $_), $_->name . ' has all') foreach @heirs;
$other->stop;
$wb->start_streaming;
my $standby = $wb->add_standby('standby');
$old->safe_psql('postgres', "INSERT INTO t VALUES ('shared')");
ok(wait_for_replay($old, $_), $_->name . ' has all') foreach $one, $standby;
$old->stop('immediate');
foreach my $heir (@heirs)
{
	$heir->append_conf('postgresql.conf', "primary_conninfo = ''");
	$heir->stop if $heir == $one;
	$heir->start;
	$heir->promote;
	$heir->safe_psql('postgres', "INSERT INTO t VALUES ('" . $heir->name . "')");
}

my $offset = $wb->log_offset;
$wb->configure(upstream => $one);
ok($wb->reload, 'moved to one of them');
ok($standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM t WHERE t = 'one'"), 'the standby follows');
my (undef, $switch) = split ' ', $one->safe_psql('postgres', "SELECT pg_read_file('pg_wal/00000002.history')");
my $said = qr/it is on another timeline 2.*\n.*Timeline 2 has been known to leave timeline 1 at \Q$switch\E/;

# the other one goes on until it would have what comes next
$other->safe_psql('postgres', "SELECT pg_logical_emit_message(true, '', repeat('x', 3000000))");
cmp_ok(lsn_number($other->lsn('flush')), '>', lsn_number($one->lsn('flush')), 'the other one has more WAL');
$wb->configure(upstream => $other);
ok($wb->reload, 'moved to the other one');
$wb->wait_for_log($said, $offset, 'it is refused');
$wb->wait_for_log(qr/staying with the upstream/, $offset, 'and the one before is kept');
$one->safe_psql('postgres', "INSERT INTO t VALUES ('still')");
ok($standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM t WHERE t = 'still'"), 'the standby goes on');
$offset = $wb->log_offset;
$wb->stop;
$wb->start;
$wb->wait_for_log($said, $offset, 'it is refused after a restart');
$wb->log_unlike(qr/streaming from upstream/, $offset, 'and not followed');

my $file = "$wb->{dir}/state/upstream";
my $whole = slurp_file($file);
my %damage = (
	removed   => sub { unlink $file or die "$file: $!" },
	truncated => sub { truncate $file, length($whole) / 2 or die "$file: $!" },
	garbage   => sub { append_to_file($file, "\0\xff" x 100) });
my $stranger = new_primary('stranger', initdb => ['--wal-segsize=1']);
$old->start;
my @others = (
	[ 'another cluster', $stranger, qr/upstream is another database system/ ],
	[ 'the former primary', $old, qr/upstream is behind: it is on timeline 1/ ],
	[ 'the other heir', $other, $said ]);

foreach my $damage (sort keys %damage)
{
	$wb->stop;
	$damage{$damage}->();
	$offset = $wb->log_offset;
	$wb->configure(upstream => $others[0][1]);
	$wb->start;
	$wb->wait_for_log(qr/WARNING:.*\/upstream" is damaged.*HINT/s, $offset, "$damage: the log says so, and what to do")
	  unless $damage eq 'removed';
	foreach my $case (@others)
	{
		my ($name, $node, $refusal) = @$case;

		$wb->configure(upstream => $node);
		$wb->reload;
		$wb->wait_for_log($refusal, $offset, "$damage: $name is refused");
	}
	$wb->log_unlike(qr/streaming from upstream/, $offset, "$damage: none of them is followed");
	$wb->configure(upstream => $one);
	$wb->reload;
	$one->safe_psql('postgres', "INSERT INTO t VALUES ('$damage')");
	ok($standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM t WHERE t = '$damage'"),
		"$damage: the right one is, and the standby goes on");
	$wb->log_unlike(qr/begins anew|has a gap|going on without/, $offset, "$damage: nothing was left out");
	my $system = $one->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');
	ok(poll_until(sub { -e $file && slurp_file($file) =~ /^system_identifier $system$/m }),
		"$damage: the file is whole again");
}
$standby->stop('immediate');

done_testing();
