# Databases and tablespaces that are created while the standbys stream get their
# verdict by the name that they are created under, from their very first record on:
# by both strategies, by the row itself or by the image of its page (plain and by
# each wal_compression), on the majors there are.

use strict;
use warnings;
use Names;
use Test::More;
use WalBouncer;

foreach my $major (majors())
{
	my $cast = Names->new($major);
	my $primary = $cast->primary;
	my @strategies = $major >= 15 ? qw(wal_log file_copy) : ('');
	# a boolean before 15; elsewhere "on" is one of the others
	my @compressions = ('off', $major < 15 ? 'on' : grep { !/^(?:off|on)$/ } split ' ',
		$primary->safe_psql('postgres',
			"SELECT array_to_string(enumvals, ' ') FROM pg_settings WHERE name = 'wal_compression'"));
	# out_1, out_2 ... and from the start again, when those have been dropped
	my %used;
	my $name = sub { return $_[0] . '_' . (1 + $used{ $_[0] }++ % 9); };

	foreach my $compression (@compressions)
	{
		my $what = "wal_compression $compression";
		# room on the first page of each catalog
		$cast->sql('in_base', 'VACUUM pg_database, pg_tablespace');
		my $from = $primary->lsn('insert');
		my @created;

		$primary->append_conf('postgresql.conf', "wal_compression = $compression\n");
		$primary->reload;
		$primary->poll_query_until('postgres', "SELECT current_setting('wal_compression') = '$compression'");
		foreach my $fresh ($compression eq 'off' ? (1, 0) : 1)
		{
			push @created, map { $cast->create_tablespace($name->($_), fresh => $fresh) }
			  qw(tout tin tmid);
			foreach my $strategy (@strategies)
			{
				push @created, map { $cast->create($name->($_), fresh => $fresh, strategy => $strategy) }
				  qw(out in mid);
			}
		}
		my $form = $cast->row_forms($from);
		cmp_ok($form->{image}, '>=', 3 + 3 * @strategies, "$what: page images of rows");
		cmp_ok($form->{row}, '>=', 3 + 3 * @strategies, "$what: rows") if $compression eq 'off';
		$cast->verify($what);

		# databases that may be had, but for where they lie
		if ($compression eq 'off')
		{
			my ($tout, $tin, $tmid) = @created[ 0 .. 2 ];
			my @there = map { $cast->create($name->('in'), tablespace => $_) } $tout, $tin, $tmid;
			$cast->verify('databases in new tablespaces');
			$cast->drop(@there);
		}
		$cast->drop(reverse @created);
	}
	# the catalogs in other files, of which only the WAL tells
	$cast->sql('in_base', 'VACUUM FULL pg_database', 'VACUUM FULL pg_tablespace');
	my @created = (
		(map { $cast->create_tablespace($name->($_)) } qw(tout tin tmid)),
		(map { $cast->create($name->($_)) } qw(out in mid)));
	$cast->verify('after VACUUM FULL of the catalogs');
	$cast->drop(reverse @created);
	$cast->verify('all dropped');
	$_->restart foreach $cast->standbys;
	$cast->verify('standbys restarted');
	$cast->verify_streams('all');
	# the upstream, who knows them too, was not asked
	$cast->wb->log_unlike(qr/first met at/, 0, 'all names came with the WAL');
	$cast->done;
}

done_testing();
