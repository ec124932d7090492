# The console by DBD::Pg: perl dbd_pg_console.pl HOST PORT USER
# Prints one JSON object of what came back.

use strict;
use warnings;
use DBI;
use JSON::PP;

my ($host, $port, $user) = @ARGV;
my $dbh = DBI->connect("dbi:Pg:dbname=walbouncer;host=$host;port=$port", $user, '',
	{ RaiseError => 1, PrintError => 0, AutoCommit => 1 });
my %oid = (bool => 16, int8 => 20, int4 => 23, text => 25, float8 => 701, timestamptz => 1184, pg_lsn => 3220);
my %found = (ping => $dbh->ping, server_version => $dbh->{pg_server_version});

# prepared on the server
my $sth = $dbh->prepare('SHOW STANDBYS', { pg_server_prepare => 1, pg_switch_prepared => 1 });
foreach my $round (1 .. 3)
{
	$sth->execute;
	$found{types} = { map { $sth->{NAME}[$_] => $oid{ $sth->{pg_type}[$_] } } 0 .. $sth->{NUM_OF_FIELDS} - 1 };
	$found{rows} = $sth->fetchall_arrayref({});
}
undef $sth;    # DEALLOCATE

# transactions
$dbh->begin_work;
$found{in_transaction} = ($dbh->selectrow_array('SHOW VERSION'))[0];
eval { $dbh->do('bogus') };
$found{error} = $dbh->state;
eval { $dbh->do('SHOW VERSION') };
$found{failed} = $dbh->state;
$dbh->rollback;
$found{killed} = eval { $dbh->do("KILL 'not there'"); 1 } ? '' : $dbh->state;
$found{version} = ($dbh->selectrow_array('SHOW VERSION'))[0];
$dbh->disconnect;
print JSON::PP->new->canonical->encode(\%found), "\n";
