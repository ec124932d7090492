# A standby that comes to walbouncer between the row of a new database or tablespace
# in its catalog and the record that makes the directory: one that comes back there,
# and one that comes for the very first time, under a rule of which nothing is on
# record; while the row is not visible yet, when it is, and when it is gone again.

use strict;
use warnings;
use Names;
use Test::More;
use WalBouncer;

my @out = map { "out_$_" } 1 .. 9;
my @in = ('postgres', 'in_base', map { "in_$_" } 1 .. 9);
my @tout = map { "tout_$_" } 1 .. 9;
my @tin = map { "tin_$_" } 1 .. 9;

# The rules of the late standbys are those of the others under other names.
my @rules;
foreach my $late ('', '_held', '_after', '_gone')
{
	push @rules,
	  { name => "excl$late", exclude_databases => \@out, exclude_tablespaces => \@tout },
	  { name => "incl$late", include_databases => \@in, include_tablespaces => \@tin };
}

foreach my $major (majors())
{
	my $cast = Names->new($major,
		rules => \@rules, standbys => [qw(excl incl)], segment_mb => 1);
	my $round = 0;
	my $hold = sub {
		$round++;
		return $cast->hold(
			(map { [ "${_}_$round" ] } qw(tout tin tmid out in mid)),
			$major >= 15 ? map { [ $_ . '_' . ($round + 4), strategy => 'file_copy' ] } qw(out in mid) : ());
	};
	my $mark = sub { $cast->mark($_) foreach @_ };

	# They come back while it is held; so does walbouncer.
	my $held = $hold->();
	$cast->settle('the rows');
	$cast->stop_standbys('immediate');
	$cast->restart_walbouncer;
	$cast->start_standbys;
	$cast->wb->standby_link($_) foreach $cast->standbys;
	my @kept = $cast->release($held);
	$mark->(@kept);
	$cast->verify('came back between, not visible yet');

	# They come back when it is over; and all there is has come and gone by then.
	$held = $hold->();
	$cast->settle('the rows');
	$cast->stop_standbys;
	my @gone = $cast->release($held);
	$mark->(@gone);
	$cast->drop(reverse @gone);
	$cast->restart_walbouncer;
	$cast->start_standbys;
	$cast->verify('came back between, and it was gone');

	# The first connection under a rule begins between the two.
	$held = $hold->();
	$cast->wb->standby_link($cast->add_standby($_)) foreach qw(excl_held incl_held);
	$cast->add_standby('incl_after', no_start => 1);
	push @kept, my @after = $cast->release($held);
	$mark->(@after);
	$cast->standby('incl_after')->start;
	$cast->verify('came for the first time');

	# The same, and the catalogs have moved, and all that is withheld is gone.
	$cast->sql('postgres', 'VACUUM FULL pg_database');
	$held = $hold->();
	$cast->add_standby('excl_gone', no_start => 1);
	@gone = $cast->release($held);
	$mark->(@gone);
	$cast->drop(reverse grep { $_->{name} =~ /out/ } @gone);
	$cast->sql('postgres', 'VACUUM FULL pg_database');
	$cast->standby('excl_gone')->start;
	$cast->verify('came for the first time, and it was gone');

	$cast->restart_walbouncer;
	$_->restart foreach $cast->standbys;
	$mark->(@kept);
	$cast->verify('all restarted', dump => 1);
	$cast->verify_streams('all');
	$cast->done;
}

done_testing();
