# A verdict belongs to the database: renames, names that are swapped, names that are
# given again, VACUUM FULL of the catalogs, databases that come and go, each with the
# standbys there or away; with a restart of walbouncer between any two steps, and with
# this and that, or nothing, at random.  The majors take turns with the two, and who
# begins is left to chance; with one major there are both.  NAMES_SEED repeats a run.

use strict;
use warnings;
use Names;
use Test::More;
use WalBouncer;

my $seed = $ENV{NAMES_SEED} // int(rand(1 << 31));
note("NAMES_SEED=$seed");

# what may happen between two steps
my %between = (
	restarts => sub { $_[0]->restart_walbouncer },
	random   => sub {
		my $cast = shift;
		my @what = ('nothing', 'walbouncer', 'walbouncer in a hurry', 'workers', 'standbys');
		my $what = $what[ rand @what ];

		note("between: $what");
		$cast->restart_walbouncer if $what eq 'walbouncer';
		$cast->restart_walbouncer('immediate') if $what eq 'walbouncer in a hurry';
		$cast->restart_workers if $what eq 'workers';
		$_->restart foreach $what eq 'standbys' ? grep { defined $_->{_pid} } $cast->standbys : ();
	});

sub steps
{
	my $cast = shift;
	my %db;
	my $create = sub { $db{$_} = $cast->create($_) foreach @_ };
	my $mark_all = sub { $cast->mark($_) foreach grep { !$_->{gone} } values %db };
	my $drop = sub { $cast->drop(delete @db{@_}) };
	my $vacuum = sub { $cast->sql('in_base', map { "VACUUM FULL pg_$_" } @_) };

	return (
		sub { $create->(qw(out_1 in_1 mid_1 mid_2)) },
		# to other lists; verdicts stay
		sub {
			$cast->rename(@$_)
			  foreach [ $db{out_1}, 'mid_7' ], [ $db{in_1}, 'mid_8' ], [ $db{mid_1}, 'in_7' ], [ $db{mid_2}, 'out_7' ];
		},
		sub { $mark_all->() },
		sub { $_->restart foreach $cast->standbys },
		sub { $mark_all->() },
		sub { $cast->verify('renamed') },
		# two that swap their names
		sub { $create->(qw(out_2 in_2)) },
		sub { $cast->rename($db{out_2}, 'in_between') },
		sub { $cast->rename($db{in_2}, 'out_2') },
		sub { $cast->rename($db{out_2}, 'in_2') },
		sub { $cast->restart_workers; $mark_all->() },
		# a name that is given again
		sub { $drop->(qw(out_1 in_1 out_2 in_2)) },
		sub { $create->(qw(out_1 in_1 out_2 in_2)) },
		sub { $drop->(qw(out_2 in_2)) },
		sub { $create->(qw(out_2 in_2)) },
		sub { $cast->verify('swapped, and given again') },
		# the catalog in another file
		sub { $vacuum->('database', 'tablespace') },
		sub { $create->(qw(out_3 in_3)) },
		sub { $cast->stop_standbys; $vacuum->('database', 'tablespace') },
		sub { $cast->start_standbys },
		sub {
			$create->(qw(in_4 out_4));
			$db{$_} = $cast->create_tablespace($_) foreach qw(tout_1 tin_1 tmid_1);
		},
		# all of that while they are away, and once more behind it
		sub { $cast->stop_standbys('immediate'); $vacuum->('database') },
		sub { $create->(qw(mid_5 out_5 in_5)) },
		sub { $vacuum->('database') },
		sub { $cast->start_standbys; $mark_all->() },
		sub { $cast->verify('VACUUM FULL of the catalogs') },
		# gone when they come back, those that they knew and those that they did not
		sub { $cast->stop_standbys },
		sub { $drop->(qw(out_3 in_3 mid_5)); $create->(qw(out_6 in_6 mid_6)) },
		sub { $cast->rename($db{out_6}, 'mid_9') },
		sub { $drop->(qw(out_6 in_6 mid_6)) },
		sub { $create->(qw(out_6 in_6)) },
		sub { $cast->start_standbys },
		sub { $mark_all->() },
		sub { $cast->verify('came and went', dump => 1) },
		sub { $drop->(sort { $a =~ /^t/ <=> $b =~ /^t/ } keys %db) },
		sub { $cast->verify('all dropped') });
}

my @majors = majors();
my $turn = $seed;
foreach my $major (@majors)
{
	my $cast = Names->new($major);
	my @passes = $turn++ % 2 ? qw(restarts random) : qw(random restarts);

	srand($seed + $major);
	foreach my $pass (@majors > 1 ? $passes[0] : @passes)
	{
		note("between the steps: $pass");
		foreach my $step (steps($cast))
		{
			$step->();
			$between{$pass}->($cast);
		}
	}
	$cast->verify_streams('all');
	# the upstream, who knows them too, was not asked
	$cast->wb->log_unlike(qr/first met at/, 0, 'all names came with the WAL');
	$cast->done;
}

done_testing();
