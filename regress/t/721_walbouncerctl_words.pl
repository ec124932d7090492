# walbouncerctl's verbs and options: what --help lists is what the manual page has,
# what bash completes, and what the program takes.  No server is needed.

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $ctl = ctl_program();
my $dir = $ENV{TEST_SRCDIR} // '.';
my $completion = "$dir/contrib/completion";

sub output
{
	my @command = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(\@command, '<', '/dev/null', '>', \$out, '2>', \$err);
	return wantarray ? ($out, $err) : $out;
}

my $help = output($ctl, '--help');
my ($listed) = $help =~ /^Verbs:\n(.*?)^\n/ms;
my @verbs = $listed =~ /^  (\w+)/mg;
my @long = sort map { /(--[\w-]+)/g } grep { /^ +-/ } split /\n/, $help;
my %short = map { /^ +(-[\w?])/ ? ($1 => 1) : () } split /\n/, $help;
my @short = sort keys %short;

cmp_ok(scalar(@verbs), '>=', 10, '--help lists verbs');
cmp_ok(scalar(@long), '>=', 15, 'and long options');
cmp_ok(scalar(@short), '>=', 15, 'and short ones');
is(scalar(grep { length > 80 } split /\n/, $help), 0, 'no line is longer than a terminal');

# -- the manual page -------------------------------------------------------------

my $page = slurp_file("$dir/etc/walbouncerctl.1");
my ($described) = $page =~ /^\.Sh DESCRIPTION\n(.*?)^\.Sh /ms;
my ($options) = $page =~ /^\.Sh OPTIONS\n(.*?)^\.Sh /ms;
my %described = map { $_ => 1 } $described =~ /^\.It Cm (\w+)/mg;
my %options = map { $_ => 1 } map {
	my @found = /Fl (\\?[^ ]+)/g;
	map { s/\\&//r } map { "-$_" } @found
} grep { /^\.It Fl/ } split /\n/, $options;

is(join(' ', sort keys %described), join(' ', sort @verbs), 'the manual page describes these verbs');
is(join(' ', sort keys %options), join(' ', sort @short, @long), 'and these options');

# -- completion ------------------------------------------------------------------

# What bash offers for the last of the words.
sub completions
{
	my ($file, $function, @words) = @_;
	my $script = 'source "$1"; shift; f=$1; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
	  . '"$f"; [ ${#COMPREPLY[@]} = 0 ] || printf "%s\n" "${COMPREPLY[@]}"';
	my ($out, $err) = output('bash', '--norc', '-u', '-c', $script, 'bash', "$completion/$file.bash",
		$function, @words);

	is($err, '', "completion of \"@words\" has no complaint") if $err ne '';
	return sort split /\n/, $out;
}

sub ctl_completions
{
	return completions('walbouncerctl', '_walbouncerctl', $ctl, @_);
}

is(join(' ', ctl_completions('')), join(' ', sort @verbs), 'bash completes the verbs');
is(join(' ', ctl_completions('res')), 'rescope restart resume', 'by their beginning');
is(join(' ', ctl_completions('-c', 'start', 'sto')), 'stop', 'behind an option and its value');
is(join(' ', ctl_completions('--config', '=', 'x', 'sto')), 'stop', 'in one word or two');
is(join(' ', ctl_completions('stop', '-m', '')), 'fast immediate smart', 'modes');
is(join(' ', ctl_completions('stop', '--mode', '=', 's')), 'smart', 'modes behind "="');
is(join(' ', ctl_completions('stop', '--mode', '=')), 'fast immediate smart', 'or right at it');
is(join(' ', ctl_completions('stop', '')), '', 'nothing where nothing may follow');
is(join(' ', ctl_completions('kill', '')),
	join(' ', $help =~ /^Signal names for kill:\n +(.*)/m), 'signals');
is(join(' ', ctl_completions('show', 'r')), 'ring rules', 'views');
is(join(' ', ctl_completions('start', '-c', "$dir/etc/walbouncer.conf.sa")),
	"$dir/etc/walbouncer.conf.sample", 'files');

# Each option is offered with a verb if the verb takes it.  A verb that takes it
# finds one argument too many, so nothing is done.
foreach my $verb (@verbs)
{
	my %offered = map { $_ => 1 } ctl_completions($verb, '-');

	foreach my $option (@short, @long)
	{
		next if $option =~ /^(?:-V|-\?|--version|--help)$/;
		my %value = ('--mode' => 'fast', '-m' => 'fast');
		my $takes_value = $help =~ /^ +(?:-\w, )?\Q$option\E[= ][A-Z]/m
		  || $help =~ /^ +\Q$option\E, --\w+=/m;
		my (undef, $err) = output($ctl, $verb, $option, $takes_value ? $value{$option} // 1 : (),
			'a', 'b', 'c');
		my $taken = $err =~ /too many command-line arguments/ ? 1 : 0;

		if (!$taken && $err !~ /is not for "$verb"/)
		{
			fail("$verb $option: $err");
		}
		elsif ($taken != ($offered{$option} ? 1 : 0))
		{
			fail("$verb $option: " . ($taken ? 'taken, not offered' : 'offered, not taken'));
		}
	}
	pass("bash completes the options of $verb");
}

# the daemon
my $daemon_help = output($ENV{WALBOUNCER} || 'walbouncer', '--help');
my %wanted = map { $_ => 1 }
  map { /^ +(?:(-[\w?]),? )? *(--[\w-]+)?/ ? grep { defined } $1, $2 : () }
  grep { /^ +-/ } split /\n/, $daemon_help;
$wanted{'--upstream-port'} = 1 if $daemon_help =~ /--upstream-port/;
is(join(' ', completions('walbouncer', '_walbouncer', 'walbouncer', '-')), join(' ', sort keys %wanted),
	'bash completes the options of walbouncer');
is(join(' ', completions('walbouncer', '_walbouncer', $ENV{WALBOUNCER} || 'walbouncer', '-C', 'ring')),
	'ring_size', 'and the settings');

SKIP:
{
	skip 'no zsh', 1 unless grep { -x "$_/zsh" } split /:/, $ENV{PATH};
	my ($out) = output('zsh', '-f', '-c',
		"autoload -Uz compinit bashcompinit; compinit -u -D; bashcompinit; source $completion/walbouncerctl.bash; print -r -- \$_comps[walbouncerctl]");
	like($out, qr/_bash_complete.*_walbouncerctl/, 'zsh takes it too');
}

done_testing();
