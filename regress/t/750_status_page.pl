# The status page in a browser, while a primary works, two standbys replay and three
# receivers write: it shows what PostgreSQL says, moves, tells plainly when a standby
# stands still, can be used without a mouse and on a narrow screen, and asks nobody but
# walbouncer.  Screenshots are left in the log directory.

use strict;
use warnings;
use HTTP::Tiny;
use Test::More;
use PostgreSQL::Test::Utils;
use WalBouncer;
use WireStandby;
use Browser;

my $http = PostgreSQL::Test::Cluster::get_free_port();
my $primary = new_primary('primary');
$primary->safe_psql('postgres', 'CREATE DATABASE app');
$primary->safe_psql('postgres', 'CREATE DATABASE hr_secret');
system_or_bail(pg_program($primary, 'pgbench'), '-iq', '-s', '2', $primary->connstr('app'));

my $wb = WalBouncer->new('wb', upstream => $primary,
	settings => { monitor_port => $http },
	rules => [
		{ name => 'berlin', user => 'berlin', exclude_databases => ['hr_secret'] },
		{ name => 'everything' } ]);
$wb->start_streaming;
my $berlin = $wb->add_standby('berlin');
my $paris = $wb->add_standby('paris', rule => 'everything', user => 'paris', application_name => 'paris');
my @names = qw(berlin paris receiver_1 receiver_2 receiver_3);
my @receivers = map { $wb->receive($_, user => 'receiver', application_name => $_, loop => 1) } @names[ 2 .. 4 ];
my $load = pgbench_start($primary, 'app', '-c', '2', '-T', '3600', '-R', '100');

my $page = "http://127.0.0.1:$http/";
my $browser = Browser->new('chromium', width => 1400, height => 900);

# -- helpers -----------------------------------------------------------------

# Texts of all elements that a selector finds.
sub texts
{
	return @{ $browser->script(
		'return [...document.querySelectorAll(arguments[0])].map(node => node.textContent)', shift) };
}

sub rows_are
{
	my ($wanted, $name) = @_;
	return $browser->wait_for(
		'return [...document.querySelectorAll("tr.standby .opener")].map(node => node.textContent).sort().join(" ") === arguments[0]',
		$name, join(' ', sort @$wanted));
}

# The row of a standby comes to be in a state; what is said of it in words then.
sub state_becomes
{
	my ($name, $state, $timeout) = @_;
	my $told = $browser->wait_for(<<'END', "$name is shown as $state", $name, $state);
const row = [...document.querySelectorAll('tr.standby')].find(one => one.querySelector('.opener').textContent === arguments[0]);
if (!row || row.dataset.state !== arguments[1]) return null;
const reason = row.nextElementSibling;
return { reason: reason.hidden ? '' : reason.textContent };
END
	return $told ? $told->{reason} : '';
}

# Where the focus is: the column of a heading, "row" and the standby's name, or the id.
sub focus
{
	return $browser->script(<<'END');
const node = document.activeElement;
const heading = node.closest('th');
if (heading) return 'column ' + heading.dataset.column;
return node.classList.contains('opener') ? 'row ' + node.textContent : node.id || node.className || node.tagName;
END
}

# Tab until the focus is on what the pattern says.
sub tab_to
{
	my ($pattern, $name) = @_;
	my $at = '';

	foreach (1 .. 60)
	{
		$browser->press('Tab');
		$at = focus();
		last if $at =~ $pattern;
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return like($at, $pattern, $name);
}

sub fits
{
	my $name = shift;
	my ($content, $width) = @{ $browser->script('return [document.documentElement.scrollWidth, innerWidth]') };

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return cmp_ok($content, '<=', $width, "$name: nothing is wider than the screen");
}

sub background
{
	return $browser->script('return getComputedStyle(document.documentElement).backgroundColor');
}

# What a person sees to be dark.
sub is_dark
{
	my ($r, $g, $b) = background() =~ /(\d+)\D+(\d+)\D+(\d+)/ or return undef;
	return $r + $g + $b < 200 ? 1 : 0;
}

# -- what it shows -----------------------------------------------------------

my $policy = HTTP::Tiny->new->get($page)->{headers}{'content-security-policy'} // '';
like($policy, qr/default-src 'none'/, 'the page comes with a policy that allows nothing');
unlike($policy, qr/unsafe/, 'but by its hash');

$browser->open($page);
rows_are(\@names, 'all that are connected are shown');
state_becomes($_, 'streaming') foreach @names;

my $flushed = $primary->lsn('flush');
$browser->wait_for(<<'END', 'the end of WAL is where the primary says', lsn_number($flushed));
const parts = /([0-9A-F]+)\/([0-9A-F]+)/.exec(document.getElementById('received-note').textContent);
return parts && parseInt(parts[1], 16) * 2 ** 32 + parseInt(parts[2], 16) >= arguments[0];
END
is(join(' ', texts('#upstream-server')), $primary->host . ':' . $primary->port, 'the upstream is named');
is_deeply([ texts('.rule h3') ], [qw(berlin everything)], 'and the rules');
like((texts('.rule .scope'))[0], qr/hr_secret/, 'with what they filter');
$browser->wait_for('return document.title === "walbouncer"', 'the title has nothing to report');
is(join('', texts('#words')), 'No alarms', 'nor has the top line');

foreach my $plot (qw(plot-received plot-sent plot-lag-bytes plot-lag-time))
{
	my $data = 'return [...document.querySelectorAll(arguments[0] + " path.series")].map(path => path.getAttribute("d")).join(" ")';
	my $before;
	poll_until { $before = $browser->script($data, "#$plot"); length $before };
	$browser->wait_for("const now = (() => { $data })(); return now.length > 0 && now !== arguments[1]",
		"$plot moves", "#$plot", $before);
}
is_deeply([ sort map { /([^\/]+)$/ } @{ $browser->script(
			'return [...document.querySelectorAll("#plot-lag-bytes path.series")].filter(path => path.getAttribute("d")).map(path => path.dataset.key)') } ],
	[qw(berlin paris)], 'those that replay have a line');

# What clients call themselves is text and nothing else.
my $odd = '<img src=//evil.example/x onerror=alert(1)>';
my $guest = WireStandby->new($wb, $odd, $primary->lsn('flush'), user => 'guest');
rows_are([ @names, $odd ], 'a name with markup is shown as it is');
is(scalar(texts('img')), 0, 'and made no element');
$guest->leave;
rows_are(\@names, 'who has gone is gone from the page');

# -- without a mouse ---------------------------------------------------------

$browser->script('document.activeElement.blur(); scrollTo(0, 0)');
$browser->press('Tab');
is(focus(), 'skip', 'the first Tab goes to the link that skips to the standbys');
$browser->press('Enter');
tab_to(qr/^column name$/, 'Tab reaches the table');
$browser->press('Enter');
$browser->wait_for('return document.querySelector("th[data-column=name]").getAttribute("aria-sort") === "ascending"',
	'Enter sorts by it');
is_deeply([ texts('tr.standby .opener') ], [ sort @names ], 'the rows are in that order');
$browser->press('Enter');
is_deeply([ texts('tr.standby .opener') ], [ reverse sort @names ], 'and the other way round');
$browser->press('Enter');
tab_to(qr/^row berlin$/, 'Tab goes on to the rows');
$browser->press('Enter');
$browser->wait_for(<<'END', 'Enter opens one: the positions are those that walbouncer has from it');
const opener = document.activeElement, detail = document.getElementById(opener.getAttribute('aria-controls'));
return opener.getAttribute('aria-expanded') === 'true' && detail.getClientRects().length > 0
	&& /Replayed[0-9A-F]+\/[0-9A-F]+/.test(detail.textContent);
END
$browser->press('ArrowDown');
is(focus(), 'row paris', 'an arrow goes to the next one');
$browser->script('document.getElementById("plot-received").focus()');
$browser->press('ArrowLeft');
like($browser->script('return document.activeElement.getAttribute("aria-valuetext")'),
	qr/^\d\d:\d\d:\d\d: received [\d.]+ \w+\/s$/, 'a plot tells its values to the keyboard');
ok($browser->script('return document.querySelectorAll("line.cursor").length') == 4, 'at one time in all plots');
$browser->press('Escape');

# -- light, dark, wide, narrow -----------------------------------------------

$browser->script('document.activeElement.blur()');
foreach my $scheme (qw(light dark))
{
	$browser->media('prefers-color-scheme' => $scheme);
	$browser->wait_for('return matchMedia("(prefers-color-scheme: " + arguments[0] + ")").matches', "$scheme is asked for", $scheme);
	is(is_dark(), $scheme eq 'dark' ? 1 : 0, "the page is $scheme");
	foreach my $size ([ 1400, 900 ], [ 800, 900 ], [ 360, 740 ])
	{
		$browser->size(@$size);
		$browser->wait_for('return innerWidth === arguments[0]', "$size->[0] pixels wide", $size->[0]);
		fits("$scheme, $size->[0]");
		$browser->screenshot("${scheme}_$size->[0]");
	}
}
$browser->size(1400, 900);
$browser->script('document.getElementById("theme").focus()');
$browser->press('Enter');
is(is_dark(), 0, 'the button asks for light, whatever the system has');
$browser->open($page);
rows_are(\@names, 'the page is there again');
is(is_dark(), 0, 'and remembers it');
$browser->media('prefers-color-scheme' => 'light');
$browser->script('document.getElementById("theme").focus()');
$browser->press('Enter');
is(is_dark(), 1, 'it asks for dark, too');

# -- a standby that stands still ---------------------------------------------

my $startup = $berlin->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'");
kill 'STOP', $startup;
like(state_becomes('berlin', 'stalled'), qr/connected, but stalled.*replay.* \d+ s/, 'it is told plainly');
$browser->wait_for('return /^1 (alarm|stalled) - walbouncer$/.test(document.title)', 'the title tells it');
$browser->wait_for('return document.querySelector(".chip[data-level=warning] .name")?.textContent === "berlin"',
	'the topology shows which');
$browser->screenshot('stalled');
kill 'CONT', $startup;
state_becomes('berlin', 'streaming');
$browser->wait_for('return document.title === "walbouncer"', 'when it goes on all is well again');

# -- nothing wrong, nobody else asked ----------------------------------------

is(join("\n", $browser->console), '', 'the console has nothing to say');
is(join("\n", grep { !/^data:/ && !m{^\Q$page\E(?:status\.json)?$} } $browser->requests), '',
	'only walbouncer has been asked');

# -- when walbouncer is away -------------------------------------------------

$wb->stop;
$browser->wait_for('return document.title === "no answer - walbouncer"', 'without an answer the title says so');
$browser->wait_for('return /does not answer/.test(document.getElementById("verdict").textContent) && document.body.classList.contains("stale")',
	'so does the top line, and what is below turns grey');
is(scalar(texts('tr.standby')), scalar(@names), 'what was known last is still there');
$browser->screenshot('away');
$wb->start_streaming;
$browser->wait_for('return !document.body.classList.contains("stale")', 'it goes on when walbouncer is back');
rows_are(\@names, 'with all that came back');

# one is farther behind in bytes, the other one in time
$browser->script(<<'END');
const ask = window.fetch;
window.fetch = async (...request) => {
	const answer = await (await ask(...request)).json();
	const lag = (name, bytes, seconds) => ({ key: name, application_name: name,
		replay_lag_bytes: answer.history.times.map(() => bytes), replay_lag_s: answer.history.times.map(() => seconds) });
	answer.history.standbys = [lag('x', 1, 9), lag('y', 9, 1)];
	return new Response(JSON.stringify(answer));
};
END
my $styles = $browser->wait_for(<<'END', 'two others are in the plots');
const styles = ['#plot-lag-bytes', '#plot-lag-time'].map(id => ['x', 'y'].map(name =>
	document.querySelector(id + ' path[data-key=' + name + ']')?.getAttribute('class')));
return styles.flat().every(style => style) ? styles : null;
END
is_deeply($styles->[1], $styles->[0], 'a standby has the same colour in both plots');
isnt($styles->[0][0], $styles->[0][1], 'and another than the other one');

$browser->close;
done_testing();
