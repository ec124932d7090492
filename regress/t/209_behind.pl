# A filter that is made narrower by a reload holds for every standby from where that
# one is, not from where the first one was that noticed: one that was away, and comes
# back far behind, gets nothing more of what is out now.

use strict;
use warnings;
use Test::More;
use WalBouncer;

my $segment_size = 1 << 20;
my $primary = new_primary('primary', initdb => ['--wal-segsize=1']);
$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept later secret);
$primary->safe_psql($_, 'CREATE TABLE t (t text)') foreach qw(kept later);

# The last segment that is full now.
sub switch_wal
{
	my $lsn = $primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	return segment_file(lsn_number($lsn) - 1, $segment_size);
}

sub rules
{
	return [ { name => 'r', user => 'r', exclude_databases => [@_] } ];
}

my $wb = WalBouncer->new('wb', upstream => $primary, rules => rules('secret'));
$wb->start_streaming;
my ($ahead, $behind) = map { $wb->receive($_, rule => 'r', application_name => $_) } qw(ahead behind);
$primary->safe_psql('later', "INSERT INTO t VALUES ('seen_by_both')");
my $file = switch_wal();
ok($_->wait_for_segment($file), $_->{name} . ' streams') foreach $ahead, $behind;
$behind->stop;
foreach (1 .. 3)
{
	$primary->safe_psql('later',
		"INSERT INTO t SELECT 'while_away_' || g FROM generate_series(1, 3000) g");
	$file = switch_wal();
}
ok($ahead->wait_for_segment($file), 'one goes on while the other is away');
isnt(grep_files('while_away_', $ahead->dir), '', 'and gets what the rule lets through');

my $offset = $wb->log_offset;
$wb->configure(rules => rules('secret', 'later'));
$wb->reload;
$wb->wait_for_log(qr/has changed, in force/, $offset, 'the narrower rule is in force');
my $again = $wb->receive('behind', rule => 'r', application_name => 'behind');
$primary->safe_psql('kept', "INSERT INTO t VALUES ('after')");
$file = switch_wal();
ok($again->wait_for_segment($file), 'the other one has come back and caught up');
is(grep_files('while_away_', $again->dir), '', 'with nothing of what is out now');
isnt(grep_files('after', $again->dir), '', 'but with what is kept');

done_testing();
