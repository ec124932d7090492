# The command line: --help, --version, --check, -C, --describe-config; errors in
# the file name it and the line; no service as root.

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $wb = WalBouncer->new('wb', upstream => 'host=primary.example.com');
my $binary = $wb->{binary};
my $file = $wb->{config_file};

command_like([ $binary, '--help' ], qr/--config.*--port.*--host.*--masterport.*--verbose/s,
	'--help names the options');
command_like([ $binary, '-?' ], qr/--config/, '-? too');
command_like([ $binary, '--version' ], qr/^walbouncer \S*\d+\.\d+/, '--version');
command_like([ $binary, '-V' ], qr/^walbouncer \S*\d+\.\d+/, '-V');
command_ok([ $binary, '--check', '-c', $file ], '--check of a good file');
command_like([ $binary, '-c', $file, '-C', 'port' ], qr/^$wb->{port}$/, '-C');
command_like([ $binary, '-c', $file, '-p', '7777', '-C', 'port' ], qr/^7777$/,
	'the command line wins over the file');
command_like([ $binary, '-C', 'port' ], qr/^5433$/, '-C without a file');
command_like([ $binary, '-C', 'ring_size' ], qr/^64MB$/, 'the default of ring_size');
command_like([ $binary, '--describe-config' ],
	qr/^ring_size\t.*^upstream\.conninfo\t/ms, '--describe-config');
command_exit_is([ $binary, '-C', 'no_such_setting' ], 2, '-C of an unknown setting');
command_exit_is([ $binary, '--no-such-option' ], 2, 'an unknown option');
command_exit_is([ $binary, '-c', "$file.missing" ], 2, 'a missing file');
command_fails_like([ $binary, '-p', '65536', '--check' ], qr/port/, 'a port out of range');
command_fails_like([ $binary, '--rescope' ], qr/needs a value/, '--rescope of nothing');

sub check_fails
{
	my ($text, $line, $pattern, $name) = @_;
	my ($out, $err) = ('', '');

	$wb->write_config($text);
	IPC::Run::run([ $binary, '--check', '-c', $file ], '>', \$out, '2>', \$err);
	is($? >> 8, 2, "$name: exit status");
	like($err, qr/\Q$file\E:$line: .*$pattern/s, "$name: file, line and reason");
}

my $rules = "rules = (\n{ name = \"a\"; auth = \"trust\"; }\n);\n";
check_fails("port = 5433;\nporf = 1;\n$rules", 2, 'porf', 'unknown name');
check_fails("port = 70000;\n$rules", 1, '65535', 'out of range');
check_fails("port = \"x\";\n$rules", 1, 'port', 'wrong type');
check_fails("\nring_size = \"5 parsecs\";\n$rules", 2, 'ring_size', 'unknown unit');
check_fails("port = 5433\nring_size = ;\n$rules", 2, 'syntax', 'syntax');
check_fails("rules = (\n{ name = \"a\"; auth = \"trust\"; },\n{ name = \"a\"; auth = \"trust\"; });",
	3, 'a', 'a name twice');
check_fails("rules = (\n{ name = \"a\"; });", 2, 'auth', 'no auth');
check_fails("state_directory = \"/tmp\";\nrules = ({ name = \"a\"; auth = \"trust\";\nfilter = {"
	  . "include_databases = [ \"x\" ];\nexclude_databases = [ \"y\" ]; }; });",
	'[234]', 'include_databases', 'include and exclude together');
check_fails("rules = ({ name = \"a\"; auth = \"trust\";\nfilter = {"
	  . "exclude_databases = [ \"y\" ]; }; });",
	'\d', 'state_directory', 'a filter without state_directory');
check_fails("state_directory = \"/tmp\";\nrules = ({ name = \"a\"; auth = \"trust\"; filter = {\n"
	  . "exclude_databases = [ \"template1\" ]; }; });",
	'[23]', 'template1', 'a template database excluded');

# the shipped sample
foreach my $sample (glob(($ENV{TEST_SRCDIR} // '.') . '/etc/*.conf*'))
{
	next unless $sample =~ m{walbouncer\.conf(?:\.sample)?$};
	command_ok([ $binary, '--check', '-c', $sample ], 'the sample passes --check');
}

SKIP:
{
	skip 'not root', 1 if $> != 0;
	command_fails_like([ $binary, '-p', $wb->port ], qr/root/, 'refuses to run as root');
}

done_testing();
