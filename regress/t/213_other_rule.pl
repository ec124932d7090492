# A standby that comes under another rule than before is not given what it lacks from
# there: not under an unfiltered one, not after another connect, not after the rule has
# changed while it streams, not by a copy of its files.  --rescope of its rule and a
# new base backup are the way out.  Where another standby may have had the name, it is
# refused.

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
foreach my $db (qw(kept secret other))
{
	$primary->safe_psql('postgres', "CREATE DATABASE $db");
	$primary->safe_psql($db, 'CREATE TABLE t (t text)');
}

my %match = (user => 'standby', application_name => 'standby');
my $wb = WalBouncer->new('wb', upstream => $primary,
	rules => [ { name => 'narrow', %match, exclude_databases => ['secret'] } ]);
$wb->start_streaming;
my $standby = $wb->add_standby('standby', rule => 'narrow');
my $marks = 0;

# markers go into all of them; "kept" and those named are delivered, no other
sub check
{
	my ($to, $what, @delivered) = @_;

	$marks++;
	foreach my $db (qw(secret other kept))
	{
		$primary->safe_psql($db, "INSERT INTO t VALUES ('${db}_${marks}_mark')");
		# pages that are not in a base backup
		$primary->safe_psql($db, "CREATE TABLE t$marks AS SELECT repeat('x', 500) FROM generate_series(1, 100)");
		$primary->safe_psql($db, "UPDATE t$_ SET repeat = 'y'") foreach 1 .. $marks;
	}
	ok(wait_for_replay($primary, $to), "$what: the standby goes on") or return;
	foreach my $db (qw(secret other kept))
	{
		my $given = grep_files("${db}_${marks}_mark", $to->data_dir . '/pg_wal') ne '';
		is($given ? 1 : 0, (grep { $_ eq $db } 'kept', @delivered) ? 1 : 0, "$what: $db");
	}
}

sub rules
{
	my ($what, @rules) = @_;
	my $offset = $wb->log_offset;

	$wb->configure(rules => \@rules);
	ok($wb->reload, "$what: reloaded");
	return $offset;
}

check($standby, 'at first', 'other');

# an unfiltered rule: nothing would look at the WAL
$standby->stop;
my $offset = rules('unfiltered', { name => 'wide', %match });
$standby->start;
$wb->wait_for_log(qr/WARNING:.*what this standby lacks stays withheld.*though rule "wide".*HINT/s,
	$offset, 'unfiltered: a warning with the way out');
check($standby, 'unfiltered', 'other');
$standby->restart;
check($standby, 'unfiltered, once more', 'other');
like(slurp_file("$wb->{dir}/state/ledger/narrow/standby\@standby"), qr/ left /, 'the ledger before is closed');

# what is copied from files that it lacks, while another standby of the rule has them
my $other = $wb->add_standby('complete', rule => 'wide', application_name => 'standby', user => 'standby', no_start => 1);
$other->append_conf('postgresql.conf', "primary_conninfo = '" . $wb->connstr('standby', 'complete') . "'\n");
$offset = rules('two', { name => 'wide', user => 'standby' });
$other->start;
$primary->safe_psql('postgres',
	'CREATE DATABASE copied TEMPLATE secret' . ($primary->pg_version->major >= 15 ? ' STRATEGY file_copy' : ''));
$primary->safe_psql('copied', "INSERT INTO t VALUES ('copied_mark'); UPDATE t1 SET repeat = 'z'");
check($standby, 'copied', 'other');
check($other, 'copied, another standby', 'other', 'secret');
is(grep_files('copied_mark', $standby->data_dir . '/pg_wal'), '', 'a copy of what it lacks is withheld');
isnt(grep_files('copied_mark', $other->data_dir . '/pg_wal'), '', 'not from the other standby of the rule');
$wb->wait_for_log(qr/WARNING:.*copied from database/s, $offset, 'a warning');
$_->restart foreach $standby, $other;
$primary->safe_psql('copied', "INSERT INTO t VALUES ('copied_again'); UPDATE t1 SET repeat = 'a'");
check($standby, 'copied, connected anew', 'other');
check($other, 'copied, connected anew, another standby', 'other', 'secret');
is(grep_files('copied_again', $standby->data_dir . '/pg_wal'), '', 'the copy stays withheld');
same_dump($primary, $other, 'copied');

# while they stream: what is withheld then is lacked under the next rule, too
$offset = rules('live', { name => 'third', %match, exclude_databases => ['other'] }, { name => 'wide', user => 'standby' });
$wb->wait_for_log(qr/rule "third" has changed, in force/, $offset, 'live: the worker knows');
check($standby, 'live');
$offset = rules('live, unfiltered', { name => 'fourth', user => 'standby' });
$wb->wait_for_log(qr/rule "fourth" has changed, in force/, $offset, 'live, unfiltered: the worker knows');
check($standby, 'live, unfiltered');
$standby->restart;
check($standby, 'live, unfiltered, connected anew');
$standby->restart;
check($standby, 'live, unfiltered, once more');
log_clean($standby, 0);

# the way out
$standby->stop;
IPC::Run::run([ $wb->{binary}, '-c', $wb->{config_file}, '--rescope', 'fourth' ], '>', \my $out);
is($?, 0, 'rescope');
$offset = $wb->log_offset;
my $rebuilt = $wb->add_standby('rebuilt', rule => 'fourth', application_name => 'standby', user => 'standby');
check($rebuilt, 'rebuilt', 'secret', 'other');
same_dump($primary, $rebuilt, $_) foreach qw(kept secret other copied);
unlike($wb->log_content($offset), qr/stays withheld/, 'rebuilt: nothing stays withheld');
$rebuilt->stop;

# under two rules by address: who is it?
rules('here', { name => 'here', %match, source => ['127.0.0.1'], exclude_databases => ['secret'] });
$rebuilt->start;
check($rebuilt, 'here', 'other');
$rebuilt->stop;
$offset = rules('elsewhere', { name => 'here', %match, source => ['192.0.2.1'], exclude_databases => ['secret'] },
	{ name => 'fifth', user => 'standby' });
$rebuilt->start;
$wb->wait_for_log(qr/ERROR:.*cannot tell whether this standby lacks what rule "here" withholds.*HINT/s,
	$offset, 'one that may be another one is refused');

done_testing();
