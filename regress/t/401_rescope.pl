# --rescope: what was withheld once stays withheld, until the rule's decisions are
# forgotten and its standbys rebuilt.  It works while walbouncer runs, and a standby
# that is connected keeps the scope that it has.

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $primary = new_primary('primary');
foreach my $db (qw(kept secret))
{
	$primary->safe_psql('postgres', "CREATE DATABASE $db");
	$primary->safe_psql($db, 'CREATE TABLE t (t text)');
}

sub rules
{
	return [ { name => 'standby', user => 'standby', exclude_databases => [@_] } ];
}

my $wb = WalBouncer->new('wb', upstream => $primary, rules => rules('secret'));
$wb->start_streaming;
my $standby = $wb->add_standby('standby');

sub rescope
{
	my $rule = shift;
	my ($out, $err) = ('', '');

	IPC::Run::run([ $wb->{binary}, '-c', $wb->{config_file}, '--rescope', $rule ], '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

# a marker in the database that was withheld; whether a standby has been given it
sub given
{
	my ($to, $marker) = @_;

	$primary->safe_psql('secret', "INSERT INTO t VALUES ('secret_$marker')");
	$primary->safe_psql('kept',  "INSERT INTO t VALUES ('kept_$marker')");
	ok(wait_for_replay($primary, $to), "$marker: the standby goes on");
	return grep_files("secret_$marker", $to->data_dir . '/pg_wal') ne '';
}

ok(!given($standby, 'one'), 'withheld');

my $offset = $wb->log_offset;
$wb->configure(rules => rules('other'));
ok($wb->reload, 'the list has come to withhold less');
$wb->wait_for_log(qr/"secret" stays withheld.*\n.*--rescope standby/, $offset, 'a warning that names the way out');
ok(!given($standby, 'two'), 'held back');

my ($status, $out, $err) = rescope('standby');
is($status, 0, 'rescope while it runs');
like($out, qr/^rule "standby": decisions forgotten: [1-9]\d*$/, 'says how much it forgot');
is($err, '', 'and nothing else');
ok(!given($standby, 'three'), 'the standby that is connected keeps its scope');
$standby->stop;

# rebuilt from a base backup
$offset = $wb->log_offset;
my $rebuilt = $wb->add_standby('rebuilt', rule => 'standby', application_name => 'standby');
ok(given($rebuilt, 'four'), 'the rebuilt standby gets it');
same_dump($primary, $rebuilt, $_) foreach qw(kept secret);
unlike($wb->log_content($offset), qr/stays withheld/, 'nothing stays withheld');
log_clean($rebuilt, 0);

# without a daemon
$rebuilt->stop;
$wb->stop;
($status, $out) = rescope('standby');
is($status, 0, 'rescope while it does not run');
($status, $out) = rescope('standby');
like($out, qr/forgotten: 0$/, 'and again, with nothing left to forget');
($status, $out, $err) = rescope('nobody');
is($status, 2, 'a rule that there is not');
like($err, qr/there is no rule "nobody"/, 'says so');
is((rescope('../standby'))[0], 2, 'nor does a name lead elsewhere');

my $journal = "$wb->{dir}/state/scope/standby";
ok(-e $journal, "the journal");
$wb->configure(rules => [ { name => 'everything' } ]);
is((rescope('standby'))[0], 0, 'a rule that is only in the journal');
open my $fh, '+<', $journal or die $!;
seek $fh, 100, 0;
print $fh '#';
close $fh;
($status, $out, $err) = rescope('standby');
is($status, 2, 'a damaged journal');
like($err, qr/damaged.*HINT: /s, 'says so, and what to do');

done_testing();
