use strict; use warnings; use Test::More; use WalBouncer;
my $primary = new_primary('primary');
$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(x y);
$primary->safe_psql($_, 'CREATE TABLE t (t text); INSERT INTO t SELECT g FROM generate_series(1,1000) g') foreach qw(x y);
my $wb = WalBouncer->new('wb', upstream => $primary, rules => [
	{ name => 'a', user => 'sb', exclude_databases => ['x'] },
	{ name => 'b', user => 'other', exclude_databases => ['y'] } ]);
$wb->start_streaming;
my $standby = $wb->add_standby('sb', rule => 'a', user => 'sb');
wait_for_replay($primary, $standby);
my $o = $wb->log_offset;
$wb->configure(rules => [ { name => 'b', user => 'sb', exclude_databases => ['y'] } ]);
$wb->reload;
$wb->wait_for_log(qr/has changed, in force/, $o, 'in force');
like($wb->log_content($o), qr/WARNING.*"x"/, 'warned that x is held back');
$primary->safe_psql('x', "INSERT INTO t VALUES ('live_after_move')");
wait_for_replay($primary, $standby);
is(grep_files('live_after_move', $standby->data_dir . '/pg_wal'), '', 'held back while live');
$standby->restart;
$wb->standby_link($standby);
$primary->safe_psql('x', "CREATE TABLE n (t text); INSERT INTO n VALUES ('after_reconnect'); DELETE FROM t WHERE t = '5'; ");
$primary->safe_psql('x', "VACUUM t");
sleep 3;
my $oid = $primary->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname='x'");
ok(!-d $standby->data_dir . "/base/$oid", 'x does not come up half');
is(grep_files('after_reconnect', $standby->data_dir . '/pg_wal'), '', 'x still withheld after a reconnect');
log_clean($standby, 0);
diag(join '', grep { /PANIC|FATAL|invalid/ } split /^/, PostgreSQL::Test::Utils::slurp_file($standby->logfile));
done_testing();
