# kill -9 at random moments while the scope journal and the ledgers are written, 200
# times, with several workers of one rule at once: what was acknowledged is there
# when a fresh process reads, and nothing else.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seed = $ENV{WB_SEED} // time % 1000000;
my $dir = PostgreSQL::Test::Utils::tempdir;
my $began = time;
my ($out, $err) = run_command([ "$ENV{TESTDIR}/regress/unit/journalhammer", $dir, 200, int $seed ]);
my $took = time - $began;

is($err, '', "seed $seed: no decision lost, none that was never taken");
like($out, qr/^200 kills, \d+ steps told/, '200 kills');
my ($steps) = $out =~ /(\d+) steps/;
cmp_ok($steps // 0, '>', 200, 'the workers got something done in between');
cmp_ok($took, '<', $ENV{WALBOUNCER_SANITIZED} ? 120 : 30, 'in time');
note($out);

done_testing();
