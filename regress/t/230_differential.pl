# Random commands over kept and excluded databases and tablespaces, from several
# sessions, with restarts and crashes of all that takes part: three standbys and three
# pg_receivewal with different rules have in the end what a model says, and nothing
# else.  See regress/perl/Differential.pm.
#
# WB_DIFF_SECONDS	how long, for all majors together (180), or until there are 2 GB of WAL
# WB_SEED			repeats a run, as far as concurrent sessions let it; it is printed
#					at the start and when something fails

use strict;
use warnings;
use Differential;
use Test::More;
use WalBouncer;

my $seed = $ENV{WB_SEED} || (time() ^ ($$ << 12)) & 0x7FFFFFFF;
my @majors = majors();
my $seconds = ($ENV{WB_DIFF_SECONDS} || 180) / @majors;

print "# WB_SEED=$seed WB_DIFF_SECONDS=" . $seconds * @majors . "\n";
foreach my $major (@majors)
{
	my $run = Differential->new(
		major => $major,
		seed  => $seed + $major);

	if ($run->run($seconds) && $run->settle)
	{
		pass("PostgreSQL $major: all has been replayed");
		$run->check;
	}
	if (!Test::More->builder->is_passing)
	{
		diag("to repeat it: WB_SEED=$seed WB_DIFF_SECONDS=" . $seconds * @majors);
		$run->tell_more;
		last;
	}
	$run->stop;
}

done_testing();
