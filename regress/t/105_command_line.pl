# Without a file, on the original's command line, everybody on loopback is served,
# unfiltered; user and password come from libpq's environment and .pgpass.

use strict;
use warnings;
use IPC::Run;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary', conf => "listen_addresses = '127.0.0.1'\n");
$primary->safe_psql('postgres', "CREATE ROLE bouncer REPLICATION LOGIN PASSWORD 'from_pgpass'");
my $hba = $primary->data_dir . '/pg_hba.conf';
PostgreSQL::Test::Utils::append_to_file("$hba.new",
	"host replication bouncer 127.0.0.1/32 scram-sha-256\nlocal all all trust\nlocal replication all trust\n");
rename("$hba.new", $hba) or die $!;
$primary->reload;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $passfile = "$dir/pgpass";
PostgreSQL::Test::Utils::append_to_file($passfile,
	'127.0.0.1:' . $primary->port . ":replication:bouncer:from_pgpass\n");
chmod 0600, $passfile;

my $port = PostgreSQL::Test::Cluster::get_free_port();
my $log = "$dir/walbouncer.log";
my $pid;
{
	local $ENV{PGUSER} = 'bouncer';
	local $ENV{PGPASSFILE} = $passfile;
	local $ENV{PGHOST} = '/nowhere';
	$pid = fork();
	if ($pid == 0)
	{
		open(STDERR, '>', $log) or die $!;
		exec($ENV{WALBOUNCER} || 'walbouncer', '-v', "--port=$port",
			'--host=127.0.0.1', '--masterport=' . $primary->port);
	}
}
END { kill('KILL', $pid) if $pid; }

sub log_text { return -e $log ? PostgreSQL::Test::Utils::slurp_file($log) : ''; }

ok(poll_until(sub { log_text() =~ /streaming from upstream 127\.0\.0\.1 port/ }),
	'it finds its way to the upstream') or diag(log_text());

mkdir "$dir/wal" or die $!;
my $rx = IPC::Run::start([ pg_program($primary, 'pg_receivewal'), '-h', '127.0.0.1', '-p', $port, '-U', 'anybody',
		'-D', "$dir/wal", '--no-loop' ], '2>', "$dir/rx.log");
ok(poll_until(sub { log_text() =~ /standby joined/ }), 'a receiver of any name gets in');
my $file = $primary->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_insert_lsn())');
$primary->safe_psql('postgres', 'CREATE TABLE t AS SELECT generate_series(1, 10000) AS n');
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
$primary->safe_psql('postgres', 'CREATE TABLE behind ()');
ok(poll_until(sub { -e "$dir/wal/$file" }), 'it gets the whole segment');
is(system('cmp', $primary->data_dir . "/pg_wal/$file", "$dir/wal/$file"), 0,
	'unfiltered: the same bytes');
$rx->signal('INT');
$rx->finish;

kill('INT', $pid);
waitpid($pid, 0);
is($? >> 8, 0, 'it stops in good order');
$pid = 0;
like(log_text(), qr/stopped/, 'and says so');

done_testing();
