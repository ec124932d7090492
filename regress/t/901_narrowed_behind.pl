use strict; use warnings; use Test::More; use WalBouncer;
my $primary = new_primary('primary', initdb => ['--wal-segsize=1']);
$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept later secret);
$primary->safe_psql($_, 'CREATE TABLE t (t text)') foreach qw(kept later);
sub rules { return [ { name => 'r', user => 'r', exclude_databases => [@_] } ] }
my $wb = WalBouncer->new('wb', upstream => $primary, rules => rules('secret'));
$wb->start_streaming;
my $ahead = $wb->receive('ahead', rule => 'r', application_name => 'ahead');
my $behind = $wb->receive('behind', rule => 'r', application_name => 'behind');
$primary->safe_psql('later', "INSERT INTO t VALUES ('seen_by_both')");
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
sleep 2;
kill 'INT', $behind->pid; waitpid($behind->pid, 0);
foreach (1..3) {
	$primary->safe_psql('later', "INSERT INTO t SELECT 'while_away_' || g FROM generate_series(1,3000) g");
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
}
sleep 2;
my $o = $wb->log_offset;
$wb->configure(rules => rules('secret', 'later'));
$wb->reload;
$wb->wait_for_log(qr/has changed, in force/, $o, 'in force');
# another one, long after
my $again = $wb->receive('behind', rule => 'r', application_name => 'behind');
$primary->safe_psql('kept', "INSERT INTO t VALUES ('x')");
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
sleep 4;
is(grep_files('while_away_', $again->dir), '', 'nothing of "later" after the reload');
done_testing();
