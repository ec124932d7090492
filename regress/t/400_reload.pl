# HUP with a narrower rule, with a broken file, with a changed upstream address: no
# standby is disconnected; what is narrowed away is not delivered any more; a wider
# rule is held back with a warning.

use strict;
use warnings;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary', conf => "listen_addresses = '127.0.0.1'\n");
$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept later secret);
$primary->safe_psql($_, 'CREATE TABLE t (t text)') foreach qw(kept later secret);

sub rules
{
	return [ { name => 'standby', user => 'standby', exclude_databases => [@_] },
		{ name => 'everything' } ];
}

my $wb = WalBouncer->new('wb', upstream => $primary, rules => rules('secret'));
$wb->start_streaming;
my $standby = $wb->add_standby('standby');
my $rx = $wb->receive('rx');
my $pid = $wb->pid;
my $reader = $wb->reader;
my %link = (standby => $wb->standby_link($standby), rx => $wb->link_of($rx->pid));
ok($link{standby} && $link{rx}, 'two connections');

# a marker for the database "later", and what has become of the connections
sub step
{
	my ($marker, $what) = @_;

	$primary->safe_psql('later', "INSERT INTO t VALUES ('later_$marker')");
	$primary->safe_psql('kept',  "INSERT INTO t VALUES ('kept_$marker')");
	ok(wait_for_replay($primary, $standby), "$what: the standby goes on");
	is($standby->safe_psql('kept', "SELECT count(*) FROM t WHERE t = 'kept_$marker'"), 1,
		"$what: it gets what is kept");
	is($wb->standby_link($standby), $link{standby}, "$what: the standby's connection is the same");
	is($wb->link_of($rx->pid), $link{rx}, "$what: the receiver's too");
	is($wb->pid, $pid, "$what: so is the supervisor");
}

sub delivered
{
	my $marker = shift;
	return grep_files($marker, $standby->data_dir . '/pg_wal') ne '';
}

step('one', 'before');
ok(delivered('later_one'), 'before: the database is delivered');

# narrower
my $offset = $wb->log_offset;
$wb->configure(rules => rules('secret', 'later'));
ok($wb->reload, 'narrower: reloaded');
$wb->wait_for_log(qr/worker standby .*rule "standby" has changed, in force/, $offset, 'narrower: the worker says so');
step('two', 'narrower');
ok(!delivered('later_two'), 'narrower: the database is not delivered any more');

# broken
$offset = $wb->log_offset;
$wb->write_config("port = 5433;\nrules = ( ;\n");
ok(!$wb->reload, 'broken file: refused');
like($wb->log_content($offset), qr/walbouncer\.conf:2: /, 'broken file: with file and line');
step('three', 'broken file');
ok(!delivered('later_three'), 'broken file: the rule is as it was');

# another way to the upstream
$offset = $wb->log_offset;
$wb->configure(upstream => 'host=127.0.0.1 port=' . $primary->port . ' user=' . getpwuid($<));
ok($wb->reload, 'changed upstream: reloaded');
ok($primary->poll_query_until('postgres',
		"SELECT count(*) = 1 AND bool_and(client_addr = '127.0.0.1') FROM pg_stat_replication"),
	'changed upstream: the reader has moved');
step('four', 'changed upstream');
ok(!delivered('later_four'), 'changed upstream: the rule is as it was');

# wider
$offset = $wb->log_offset;
$wb->configure(rules => rules('secret'));
ok($wb->reload, 'wider: reloaded');
$wb->wait_for_log(qr/worker standby .*WARNING:.*"later" stays withheld/, $offset, 'wider: a warning');
step('five', 'wider');
ok(!delivered('later_five'), 'wider: held back for the standby that lacks the data');
$standby->restart;
$link{standby} = $wb->standby_link($standby);
step('six', 'wider, after a restart of the standby');
ok(!delivered('later_six'), 'wider: and still when it comes again');

# a change that waits for a restart, beside one that does not
$offset = $wb->log_offset;
$wb->configure(settings => { ring_size => '2MB', log_min_messages => 'debug1' });
ok($wb->reload, 'restart-only change: reloaded');
like($wb->log_content($offset), qr/ring_size.*restart/s, 'restart-only change: it says so');
step('seven', 'restart-only change');

same_dump($primary, $standby, $_) foreach qw(kept postgres);
log_clean($standby, 0);
ok($rx->alive, 'the receiver has lived through all this');
ok(poll_until(sub { grep_files('later_six', $rx->dir) ne '' }), 'and has what the standby has not');

done_testing();
