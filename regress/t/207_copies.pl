# Copies of a withheld database: by its files they are withheld as well, whatever
# they are called, with an alarm; by the WAL they are as good as any other.  And what
# makes much WAL at once, in a withheld database and in a kept one.

use strict;
use warnings;
use Names;
use Test::More;
use WalBouncer;

# Full of pages that cost nothing to make: two rows each, not compressed, not logged
# until the end.
sub big_table
{
	my ($cast, $db, $mb) = @_;
	my $rows = $mb * 128 * 2;

	$cast->sql($db->{name},
		'CREATE UNLOGGED TABLE big (i int, t text)',
		'ALTER TABLE big ALTER t SET STORAGE PLAIN',
		"INSERT INTO big SELECT i, rpad('$db->{markers}[0]', 3900, 'x') FROM generate_series(1, $rows) i",
		'ALTER TABLE big SET LOGGED',
		'CREATE INDEX ON big (i)',
		"CREATE INDEX ON big (left(t || i, 2000)) WHERE i < $rows / 4");
	return;
}

foreach my $major (majors())
{
	my $cast = Names->new($major);
	my $wb = $cast->wb;
	my ($out, $mid, $in) = map { $cast->create($_) } qw(out_1 mid_1 in_1);

	# where the source is withheld: excl lacks out_1, incl lacks both
	my $offset = $wb->log_offset;
	my @copies = map { $cast->create($_->[0], template => $_->[1], strategy => 'file_copy', plain => 1) }
	  [ 'mid_2', 'out_1' ], [ 'in_2', 'out_1' ], [ 'in_3', 'mid_1' ], [ 'in_4', 'in_1' ];
	$copies[$_]{verdict}{excl} = 0 foreach 0, 1;
	$copies[$_]{verdict}{incl} = 0 foreach 0 .. 2;
	$cast->mark($_) foreach @copies;
	$cast->verify('copies of files');
	foreach my $alarm ([ excl => 0 ], [ excl => 1 ], [ incl => 1 ], [ incl => 2 ])
	{
		my ($rule, $copy) = ($alarm->[0], $copies[ $alarm->[1] ]);
		like($wb->log_content($offset),
			qr/WARNING:[^\n]*\b$copy->{oid}\b[^\n]*"$rule"/,
			"alarm: $copy->{name} under rule $rule");
	}
	unlike($wb->log_content($offset), qr/WARNING:[^\n]*\b$copies[3]{oid}\b/, 'no other alarm');
	$cast->restart_walbouncer;
	$_->restart foreach $cast->standbys;
	$cast->mark($_) foreach @copies;
	$cast->verify('copies of files, after a restart');
	$cast->drop(@copies);

	# a database that moves out of a tablespace that is withheld
	my $tout = $cast->create_tablespace('tout_1');
	my $moved = $cast->create('in_5', tablespace => $tout);
	$cast->sql('postgres', 'ALTER DATABASE in_5 SET TABLESPACE pg_default');
	$cast->mark($moved);
	$cast->verify('a move out of a withheld tablespace');
	$cast->drop($moved, $tout);

	if ($major >= 15)
	{
		@copies = map { $cast->create($_->[0], template => $_->[1], strategy => 'wal_log', plain => 1) }
		  [ 'mid_2', 'out_1' ], [ 'in_2', 'out_1' ], [ 'out_2', 'in_1' ];
		$out->{markers} = [];	# it is in the copies now
		$cast->mark($_) foreach @copies, $out;
		$cast->verify('copies by the WAL');
		$cast->drop(@copies);
	}

	# much at once
	my $before = lsn_number($cast->primary->lsn('insert'));
	big_table($cast, $out, 140);
	big_table($cast, $in, 70);
	push @copies, $cast->create('out_3', template => 'out_1'), $cast->create('in_6', template => 'in_1');
	cmp_ok(lsn_number($cast->primary->lsn('insert')) - $before, '>', ($major >= 15 ? 400 : 200) << 20,
		'much WAL');
	$cast->mark($_) foreach $out, $in;
	$cast->verify('much WAL', dump => 1);
	$cast->verify_streams('all');
	# the upstream, who knows them too, was not asked
	$cast->wb->log_unlike(qr/first met at/, 0, 'all names came with the WAL');
	$cast->done;
}

done_testing();
