# A filter that is made narrower by a reload holds for every standby from where that
# one is, not from where the first one was that noticed: one that was away, and comes
# back far behind, gets nothing more of what is out now.
#
# A copy of files out of what is withheld is at one place in the WAL: up to there
# everybody has the database, whoever comes by there first.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
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

# a database of a withheld tablespace, with a table in a kept one
mkdir $primary->basedir . "/$_" foreach qw(kept out);
$primary->safe_psql('postgres', "CREATE TABLESPACE ${_}_spc LOCATION '" . $primary->basedir . "/$_'")
  foreach qw(kept out);
my $of_spc = sub {
	return [ { name => 'r', user => 'r', exclude_databases => [ 'secret', 'later', @_ ],
			exclude_tablespaces => ['out_spc'] } ];
};
$wb->configure(rules => $of_spc->());
$offset = $wb->log_offset;
$wb->reload;
$wb->wait_for_log(qr/has changed, in force/, $offset, 'a tablespace is withheld as well');
$primary->safe_psql('postgres', 'CREATE DATABASE moved TABLESPACE out_spc');
$primary->safe_psql('moved', 'CREATE TABLE t (t text) TABLESPACE kept_spc');
$file = switch_wal();
ok($_->wait_for_segment($file), $_->{name} . ' streams') foreach $ahead, $again;
$again->stop;
my $first = $primary->lsn('insert');
$primary->safe_psql('moved', "INSERT INTO t SELECT 'before_the_copy_' || g FROM generate_series(1, 3000) g");
switch_wal();
$primary->safe_psql('postgres', 'ALTER DATABASE moved SET TABLESPACE pg_default');
$primary->safe_psql('moved', "INSERT INTO t VALUES ('behind_the_copy')");
$file = switch_wal();
ok($ahead->wait_for_segment($file), 'one comes to a copy while the other is away');
$again = $wb->receive('behind', rule => 'r', application_name => 'behind');
ok($again->wait_for_segment($file), 'the other one comes to it as well');
isnt(grep_files('before_the_copy_', $again->dir), '', 'with what is before');
is(grep_files('behind_the_copy', $ahead->dir, $again->dir), '', 'and nothing from there on');
for (my $lsn = lsn_number($first); segment_file($lsn, $segment_size) le $file; $lsn += $segment_size)
{
	my $name = segment_file($lsn, $segment_size);
	ok(slurp_file($ahead->dir . "/$name") eq slurp_file($again->dir . "/$name"), "they have the same $name");
}

# until the lists put it out as well: that is from where each one is
$again->stop;
unlink map { $again->dir . "/$_" } grep { $_ ge segment_file(lsn_number($first), $segment_size) } $again->segments;
unlink glob $again->dir . '/*.partial';
$offset = $wb->log_offset;
$wb->configure(rules => $of_spc->('moved'));
$wb->reload;
$wb->wait_for_log(qr/has changed, in force/, $offset, 'the database is withheld by its name, too');
$again = $wb->receive('behind', rule => 'r', application_name => 'behind');
ok($again->wait_for_segment($file), 'one comes back from before the copy');
is(grep_files('before_the_copy_', $again->dir), '', 'and has nothing of it');

done_testing();
