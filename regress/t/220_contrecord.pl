# An overwritten contrecord (crash of the primary in the middle of a long record)
# passes through a filtered stream: to standbys that are connected, that come back
# in the middle of that record or later, and to pg_receivewal, one of which begins
# there.
# Records of a kept and of an excluded database, so short that the filter holds
# them to their end and longer ones, page images and messages, with and without the
# loss of what the primary had written, but not flushed.

use strict;
use warnings;
use File::Copy;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $segment_size = 1 << 20;
my $marker = 'mark_of_secret';
my %text = (kept => 'open_text', secret => $marker);

# How a transaction that is never committed gets its WAL over the end of a segment,
# from so many bytes before it.
my %load = (
	short => {
		before => 100_000,
		sql => sub {
			my $text = shift;
			return "SELECT 1 FROM (SELECT pg_logical_emit_message(false, '', repeat('$text', 300000 / length('$text')))) x";
		}
	},
	long => {
		before => 200_000,
		sql => sub {
			my $text = shift;
			return "SELECT 1 FROM (SELECT pg_logical_emit_message(false, '', repeat('$text', 1500000 / length('$text')))) x";
		}
	},
	# 32 pages a record, see log_newpage_range()
	images => {
		before => 500_000,
		sql => sub { return 'CREATE INDEX ON words USING gin (w)'; }
	});

# What was written behind the flush position is lost, as with a machine that goes
# down together with its server.
sub lose_unflushed
{
	my ($primary, $flushed) = @_;
	my $segment = $flushed - $flushed % $segment_size;

	while (1)
	{
		my $file = $primary->data_dir . '/pg_wal/' . segment_file($segment, $segment_size);
		last unless -e $file;
		open my $fh, '+<:raw', $file or die "$file: $!";
		my $from = $segment < $flushed ? $flushed - $segment : 0;
		seek $fh, $from, 0;
		print $fh "\0" x ($segment_size - $from);
		close $fh;
		$segment += $segment_size;
	}
	return;
}

# The start of the record that was overwritten, by the WAL from flushed on; undef
# if that went on as if nothing had happened.
sub overwritten
{
	my ($primary, $flushed) = @_;
	my $out = '';

	# where the WAL ends is an error to pg_waldump
	IPC::Run::run([ pg_program($primary, 'pg_waldump'), '-p', $primary->data_dir . '/pg_wal',
		'-r', 'XLOG', segment_file($flushed, $segment_size) ], '>', \$out, '2>', '/dev/null');
	return $out =~ m{OVERWRITE_CONTRECORD lsn ([0-9A-F]+/[0-9A-F]+)} ? lsn_number($1) : undef;
}

foreach my $major (majors())
{
	note("PostgreSQL $major");

	# A backend that fills the WAL buffers flushes at each segment's end only; the
	# rest waits for the WAL writer, who sleeps.
	my $primary = new_primary("primary$major",
		major  => $major,
		initdb => ['--wal-segsize=1'],
		conf   => "wal_buffers = 64kB\nwal_writer_delay = 10s\nwal_writer_flush_after = 2GB\n");
	$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept secret);
	$primary->safe_psql($_, <<"END") foreach qw(kept secret);
CREATE TABLE t (i serial PRIMARY KEY, t text);
CREATE TABLE words (w text[]);
INSERT INTO words SELECT ARRAY['$text{$_} ' || i, '$text{$_} ' || i % 1000] FROM generate_series(1, 20000) i;
END
	my $wb = WalBouncer->new("wb$major", upstream => $primary,
		settings => { wal_receiver_status_interval => '200ms' },
		rules => [ { name => 'filtered', user => 'filtered', exclude_databases => ['secret'] } ]);
	$wb->start_streaming;
	my ($stays, $returns) = map {
		$wb->add_standby("$_$major", rule => 'filtered', application_name => $_)
	} qw(stays returns);
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	my $first = lsn_number($primary->safe_psql('postgres', 'SELECT pg_current_wal_lsn()'));
	my $rx = $wb->receive("all$major", rule => 'filtered', loop => 1);
	my @late;

	foreach my $db (qw(kept secret))
	{
		foreach my $what (sort keys %load)
		{
			foreach my $loses (0, 1)
			{
				my $case = "$major, $what, $db" . ($loses ? ', unflushed WAL lost' : '');
				my ($record, $flushed);

				foreach my $try (1 .. 5)
				{
					my $session = $primary->background_psql($db);
					my $insert = lsn_number($primary->lsn('insert'));
					my $boundary = ($insert | ($segment_size - 1)) + 1;
					my $room = $boundary - $insert - $load{$what}{before};

					$session->query_safe('BEGIN');
					$session->query_safe("INSERT INTO t (t) VALUES ('$text{$db}')");
					$session->query_safe("SELECT 1 FROM (SELECT pg_logical_emit_message(false, '', repeat('x', $room))) x")
					  if $room > 0;
					$session->query_safe($load{$what}{sql}->($text{$db}));
					poll_until {
						$flushed = lsn_number($primary->lsn('flush'));
						return lsn_number($stays->safe_psql('postgres',
								"SELECT coalesce(pg_last_wal_receive_lsn(), '0/0')")) >= $flushed - 600_000;
					};
					$returns->stop('immediate');
					# back before the crash it begins in a record without an end
					if ($loses)
					{
						$returns->start;
						$wb->standby_link($returns);
					}
					$primary->stop('immediate');
					eval { $session->quit };
					lose_unflushed($primary, $flushed) if $loses;
					$primary->start;
					$record = overwritten($primary, $flushed);
					# nothing of it has been sent: then it counts for the standby that
					# comes back only
					undef $record if defined $record && $record >= $flushed && $loses;
					last if defined $record;
					# the end was between two records, or somebody has flushed
					$returns->start unless $loses;
				}
				ok(defined $record, "$case: a record was overwritten")
				  or BAIL_OUT('the primary overwrites no contrecord');
				note(sprintf('record %s, flushed up to %s', lsn_text($record), lsn_text($flushed)));
				$primary->safe_psql($_, "INSERT INTO t (t) SELECT '$text{$_} ' || i FROM generate_series(1, 1000) i")
				  foreach qw(kept secret);
				$returns->start unless $loses;
				ok(wait_for_replay($primary, $_), "$case: " . $_->name . ' goes on')
				  or BAIL_OUT($_->name . ' is stuck')
				  foreach $stays, $returns;
				push @late, $flushed - $flushed % $segment_size;
			}
		}
	}

	# -- pg_receivewal -----------------------------------------------------------

	my $switch = lsn_number($primary->safe_psql('postgres', 'SELECT pg_switch_wal()'));
	$primary->safe_psql('postgres', 'CREATE TABLE after_the_switch ()');
	my ($first_file, $last_file) =
	  map { segment_file($_, $segment_size) } $first, $switch - 1;
	my @want = waldump($primary->data_dir . '/pg_wal', $first_file, $last_file);
	ok($rx->wait_for_segment($last_file, 60), "$major: pg_receivewal has all segments")
	  or BAIL_OUT('pg_receivewal is stuck');
	my @got = eval { waldump($rx->dir, $first_file, $last_file) };
	is($@, '', "$major: pg_waldump reads every segment");
	my $places = sub {
		return join("\n", map { m{tot\): +\d+/ *(\d+), tx: +(\d+), lsn: (\S+), prev (\S+),} ? "$1 $2 $3 $4" : $_ } @_);
	};
	is($places->(@got) eq $places->(@want), 1, "$major: the records of the primary");
	cmp_ok(scalar(grep { /OVERWRITE_CONTRECORD/ } @got), '>=', scalar(@late),
		"$major: the overwritten ones among them");

	# One that has all before the segment with the rest of such a record goes on
	# there, at the same bytes.
	foreach my $from (@late)
	{
		my $name = sprintf 'from_%s_%X', $major, $from;
		my $file = segment_file($from, $segment_size);
		my $before = segment_file($from - $segment_size, $segment_size);
		mkdir $wb->dir . "/receive_$name";
		copy($rx->dir . "/$before", $wb->dir . "/receive_$name/$before") or die "$before: $!";
		my $second = $wb->receive($name, rule => 'filtered');
		ok($second->wait_for_segment($last_file, 60), "$major: pg_receivewal goes on in $file");
		my @differ = grep { system('cmp', '-s', $rx->dir . "/$_", $second->dir . "/$_") != 0 }
		  grep { $_ ge $file && $_ le $last_file } $rx->segments;
		is("@differ", '', "$major: and gets the same");
		$second->stop;
	}

	# -- what has arrived --------------------------------------------------------

	foreach my $standby ($stays, $returns)
	{
		log_clean($standby);
		same_dump($primary, $standby, $_) foreach qw(kept postgres);
	}
	isnt(grep_files($marker, $primary->data_dir . '/pg_wal'), '', "$major: the primary has the marker");
	is(grep_files($marker, $stays->basedir, $returns->basedir, $rx->dir, map { $wb->dir . "/state/$_" } qw(scope ledger)), '',
		"$major: nobody else has it");
	isnt(grep_files($text{kept}, $rx->dir), '', "$major: but what is kept");
	$wb->log_unlike(qr/PANIC|halted/);
	$_->stop foreach $stays, $returns;
	$wb->stop;
	$primary->stop;
}

done_testing();
