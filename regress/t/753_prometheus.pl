# Prometheus and Grafana: promtool takes /metrics and the alert rules, and the rules'
# own tests pass; each metric and label that a rule or the dashboard asks for is there,
# with standbys, slots, a filter and a spool; and the manual lists all metrics, and no
# others.

use strict;
use warnings;
use File::Basename qw(basename);
use Http;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WalBouncer;

my $contrib = "$ENV{TEST_SRCDIR}/contrib";
my $rules = "$contrib/prometheus/walbouncer.rules.yml";
my $port = PostgreSQL::Test::Cluster::get_free_port();

# Its output, or nothing if it fails.
sub promtool
{
	my ($name, $input, @arguments) = @_;
	my $out = '';
	my $promtool = $ENV{PROMTOOL} || 'promtool';

  SKIP:
	{
		skip 'there is no promtool, see contrib/promtool', 1
		  unless $ENV{PROMTOOL} || grep { -x "$_/promtool" } split /:/, $ENV{PATH};
		ok(IPC::Run::run([ $promtool, @arguments ], '<', \$input, '>&', \$out), $name) or diag($out);
	}
	return;
}

my $primary = new_primary('primary');
$primary->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(kept secret);
my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => {
		monitor_port             => $port,
		monitor_listen_addresses => '127.0.0.1',
		spool_size               => '100MB',
		max_slot_wal_keep_size   => '1GB'
	},
	rules => [ { name => 'filtered', user => 'filtered', exclude_databases => ['secret'] },
		{ name => 'whole', user => 'whole' } ]);
$wb->start_streaming;
my $slot = 'berlin';
my $rx = $wb->receive('rx', user => 'whole', rule => 'whole', options => [ '--slot', $slot, '--create-slot' ]);
waitpid $rx->pid, 0;
$rx = $wb->receive('rx', user => 'whole', rule => 'whole', options => [ '--slot', $slot, '--synchronous' ]);
my $standby = $wb->add_standby('filtered');
$primary->safe_psql($_, 'CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) i; CHECKPOINT; UPDATE t SET i = 0')
  foreach qw(kept secret);
ok(wait_for_replay($primary, $standby), 'a standby streams');

# -- what there is -----------------------------------------------------------

my ($text, %labels, %type);

# What the manual says that there is.
my ($section) = slurp_file("$ENV{TEST_SRCDIR}/etc/walbouncer.1") =~ /^\.Ss Metrics\n(.*?)^\.S[sh] /ms;
my %documented = map { $_ => 1 } ($section // '') =~ /^\.It Li (\w+)/mg;

# Times of a standby are known as soon as it has replied to something.
sub read_metrics
{
	(%labels, %type) = ();
	$text = http_get($port, '/metrics')->{content};
	foreach my $line (split /\n/, $text)
	{
		$type{$1} = $2 if $line =~ /^# TYPE (\w+) (\w+)/;
		next unless $line =~ /^(\w+)(?:\{(.*)\})? \S+$/;
		my ($name, $list) = ($1, $2 // '');
		$labels{$name} //= {};
		$labels{$name}{$1} = 1 while $list =~ /(\w+)="/g;
	}
	return;
}
ok(poll_until(sub {
		$primary->safe_psql('kept', 'INSERT INTO t VALUES (1)');
		read_metrics();
		return $labels{walbouncer_standby_replay_lag_seconds} && $labels{walbouncer_wal_bytes_total}
		  && !grep { !$labels{$_} } keys %documented;
	}), 'metrics of a standby, of its slot and of the WAL');
cmp_ok(scalar keys %labels, '>', 40, 'there are metrics');
promtool('promtool check metrics', $text, qw(check metrics));
foreach my $name (sort keys %type)
{
	is($type{$name}, $name =~ /_total$/ ? 'counter' : 'gauge', "$name is what its name says");
}

# -- what the manual says ----------------------------------------------------

is(join(' ', grep { !$documented{$_} } sort keys %labels), '', 'the manual lists all metrics');
is(join(' ', grep { !$labels{$_} } sort keys %documented), '', 'and no others');

# -- what is asked for -------------------------------------------------------

# Names of metrics in an expression.  What is not one: strings, matchers, durations,
# lists of labels, functions, words of the language, numbers.
sub metrics_of
{
	my $expr = shift;

	$expr =~ s/"(?:[^"\\]|\\.)*"//g;
	$expr =~ s/\{[^}]*\}//g;
	$expr =~ s/\[[^\]]*\]//g;
	$expr =~ s/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)//g;
	return grep { !/^(?:and|or|unless|bool|offset|inf|nan)$/i }
	  $expr =~ /(?<![\w.])([a-zA-Z_:][\w:]*)(?!\w)(?!\s*\()/g;
}

# The labels that it names.
sub labels_of
{
	my $expr = shift;
	my @found;

	push @found, split /\s*,\s*/, $1
	  while $expr =~ /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(\s*([^)]*?)\s*\)/g;
	push @found, $1 while $expr =~ /(\w+)\s*(?:=~|!~|!=|=)\s*"/g;
	return @found;
}

# metrics: those that the labels have to be of; Prometheus adds job and instance.
sub check_expr
{
	my ($what, $expr, @further) = @_;
	my @metrics = grep { $_ ne 'up' } metrics_of($expr);
	my %have = map { $_ => 1 } qw(job instance), map { keys %{ $labels{$_} // {} } } @metrics;

	cmp_ok(scalar @metrics, '>', 0, "$what: a metric") or diag($expr);
	is(join(' ', grep { !$labels{$_} } @metrics), '', "$what: metrics are there");
	is(join(' ', grep { !$have{$_} } labels_of($expr), @further), '', "$what: labels are there");
	return;
}

is(join(' ', metrics_of('sum by (a) (rate(b{c="d"}[5m])) > 1e9 and on (e) f == 0 or g_total unless h')),
	'b f g_total h', 'expressions are read');

promtool('promtool check rules', '', qw(check rules), $rules);
promtool('promtool test rules', '', qw(test rules), "$contrib/prometheus/walbouncer.rules.test.yml");

# One alert after the other, as the file is written.
my @alerts = split /^ +- alert: /m, slurp_file($rules);
shift @alerts;
cmp_ok(scalar @alerts, '>', 10, 'there are alerts');
my $tests = slurp_file("$contrib/prometheus/walbouncer.rules.test.yml");
foreach (@alerts)
{
	my ($name) = /^(\w+)/;
	my ($expr) = /^ +expr: (\|\n.*?|[^\n]*)(?=^ +(?:for|labels):|\n)/ms;

	($expr) = /^ +expr: \|\n(.*?)^ +(?:for|labels):/ms if $expr =~ /^\|/;
	check_expr("alert $name", $expr, /\$labels\.(\w+)/g);
	like($tests, qr/alertname: $name\b/, "alert $name: is tested");
}

my $dashboard = decode_json(slurp_file("$contrib/grafana/walbouncer.json"));
my @queries;

foreach my $panel (@{ $dashboard->{panels} })
{
	foreach my $target (@{ $panel->{targets} // [] })
	{
		my $expr = $target->{expr};

		check_expr("panel $panel->{title}", $expr, $target->{legendFormat} =~ /\{\{(\w+)\}\}/g);
		push @queries, $expr;
	}
}
cmp_ok(scalar @queries, '>', 40, 'there are queries');
foreach my $variable (grep { $_->{type} eq 'query' } @{ $dashboard->{templating}{list} })
{
	my ($expr, $label) = $variable->{query}{query} =~ /^label_values\((.*), (\w+)\)$/;

	check_expr("variable $variable->{name}", $expr, $label);
}

# A query that cannot be parsed is no rule either.
my $number = 0;
my $file = "$wb->{dir}/queries.yml";
append_to_file($file, "groups:\n- name: dashboard\n  rules:\n");
foreach (@queries)
{
	s/\$__(?:rate_)?interval/1m/g;
	s/\$\w+/.*/g;
	s/'/''/g;
	append_to_file($file, "  - record: query:" . $number++ . "\n    expr: '$_'\n");
}
promtool('the queries of the dashboard', '', qw(check rules), $file);

$wb->stop;
done_testing();
