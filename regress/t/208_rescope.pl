# The lists of a rule change at a reload, with two standbys of one rule in place:
# what is put into an exclude list, or taken from an include list, goes to neither
# from the next record on; what is taken from an exclude list stays withheld, with a
# warning, until the rule is rescoped and the standby rebuilt.  Names that nothing
# has yet count from when something gets them.

use strict;
use warnings;
use Names;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

# [ name => [ lists ] ] to rules; what is not told is as it was
my %lists;

sub rules
{
	my %change = @_;

	%lists = (%lists, %change);
	return [
		{ name => 'excl', user => 'excl', exclude_databases => $lists{excl} },
		{ name => 'incl', user => 'incl', include_databases => $lists{incl} } ];
}

foreach my $major (majors())
{
	my $cast = Names->new($major,
		rules => rules(excl => [ 'out_1', 'out_2' ], incl => [ 'postgres', 'in_base', 'in_1', 'in_2', 'in_3' ]));
	my $wb = $cast->wb;
	my %db = map { $_ => $cast->create($_) } qw(out_1 in_1 in_2 mid_1 mid_2);
	my $mark_all = sub { $cast->mark($_) foreach grep { !$_->{gone} } values %db };
	my $reload = sub {
		my $offset = $wb->log_offset;
		$cast->rules(rules(@_));
		$wb->configure(rules => $cast->rules);
		ok($wb->reload, 'reloaded');
		$wb->wait_for_log(qr/rule "excl" has changed.*rule "excl" has changed/s, $offset, 'both workers of the rule know')
		  if grep { $_ eq 'excl' } @_;
		$wb->wait_for_log(qr/rule "incl" has changed.*rule "incl" has changed/s, $offset, 'both workers of the rule know')
		  if grep { $_ eq 'incl' } @_;
		return $offset;
	};

	$cast->verify('before');
	my %link = map { $_->name => $wb->standby_link($_) } $cast->standbys;

	# narrower: for what there is, and for what there will be
	$reload->(excl => [ 'out_1', 'mid_1', 'out_3' ]);
	$cast->narrowed('excl', $db{mid_1});
	$mark_all->();
	$reload->(incl => [ 'postgres', 'in_base', 'in_1', 'in_4' ]);
	$cast->narrowed('incl', $db{in_2});
	$db{$_} = $cast->create($_) foreach qw(out_2 out_3 in_3 in_4);
	$mark_all->();
	$cast->verify('narrower');
	is($wb->standby_link($_), $link{ $_->name }, $_->name . ' has its connection')
	  foreach $cast->standbys;

	# wider: not for what was withheld
	my $offset = $reload->(excl => ['out_3']);
	$wb->wait_for_log(qr/WARNING:[^\n]*"$_"/, $offset, "a warning about $_") foreach qw(out_1 mid_1);
	$offset = $reload->(incl => [ 'postgres', 'in_base', 'in_1', 'in_2', 'in_3', 'in_4', 'in_5' ]);
	$wb->wait_for_log(qr/WARNING:[^\n]*"$_"/, $offset, "a warning about $_") foreach qw(in_2 in_3);
	$mark_all->();
	# but for what comes under these names from now on
	$cast->drop($db{out_1}, $db{in_2});
	$db{$_} = $cast->create($_) foreach qw(out_1 in_2 in_5);
	$mark_all->();
	$cast->verify('wider');

	# not by a reconnect, nor by a restart
	$_->restart foreach $cast->standbys;
	$cast->restart_walbouncer;
	$mark_all->();
	$cast->verify('wider, after a restart', dump => 1);
	$cast->verify_streams('all');
	# the upstream, who knows them too, was not asked
	$cast->wb->log_unlike(qr/first met at/, 0, 'all names came with the WAL');

	# the way out: forget, and build the standby anew
	$cast->rescope('excl');
	$mark_all->();
	$cast->verify('rescoped');
	$cast->done;
}

done_testing();
