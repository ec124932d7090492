# Commits.pm
#
# Commits in the background, and whether they wait for a synchronous standby:
#
#	my $commit = commit($primary, 'remote_apply');
#	ok(is_waiting($commit), 'waits');
#	returns($commit, 'somebody has applied it');

package Commits;

use strict;
use warnings;

use Exporter 'import';
use POSIX qw(:sys_wait_h);
use Test::More;

use PostgreSQL::Test::Utils;
use WalBouncer;

our @EXPORT = qw(commit is_waiting returns);

my $commits = 0;

# mode is a synchronous_commit; the client ends when the commit has returned.
sub commit
{
	my ($primary, $mode) = @_;
	my $name = 'commit_' . ++$commits;
	my $pid = spawn("${PostgreSQL::Test::Utils::log_path}/${$}_$name.log",
		pg_program($primary, 'psql'), '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d',
		$primary->connstr('postgres') . " application_name=$name",
		'-c', "SET synchronous_commit = $mode",
		'-c', "SELECT pg_logical_emit_message(true, '', '$name')");
	return { primary => $primary, name => $name, mode => $mode, pid => $pid };
}

sub is_waiting
{
	my $commit = shift;
	return $commit->{primary}->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE application_name = '$commit->{name}' AND wait_event = 'SyncRep'");
}

# A test of its own: it has returned, and well.
sub returns
{
	my ($commit, $name) = @_;
	my $got = poll_until {
		waitpid($commit->{pid}, WNOHANG) == $commit->{pid} ? 1 + ($? != 0) : 0;
	} 60;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($got, 1, "$commit->{mode} returns: $name");
}

1;
