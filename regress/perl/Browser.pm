# Browser.pm
#
# A headless Chromium, driven by chromedriver over the WebDriver protocol: JSON over
# HTTP, for which Perl has all that it needs.
#
#	my $browser = Browser->new('page', width => 1400, height => 900);
#	$browser->open("http://127.0.0.1:$port/");
#	$browser->wait_for('return document.title === "walbouncer"', 'the title');
#	my $n = $browser->script('return document.querySelectorAll(arguments[0]).length', 'tr');
#
# It asks no server but the one that it is sent to, has a profile of its own in a
# temporary directory, and is ended with the test.

package Browser;

use strict;
use warnings;

use File::Basename qw(basename);
use Encode ();
use HTTP::Tiny;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use Test::More;

use PostgreSQL::Test::Utils;
use WalBouncer;

# WebDriver, "Keyboard actions"
my %key = (
	Tab       => "\x{E004}",
	Shift     => "\x{E008}",
	Enter     => "\x{E007}",
	Escape    => "\x{E00C}",
	Space     => ' ',
	End       => "\x{E010}",
	Home      => "\x{E011}",
	ArrowLeft => "\x{E012}",
	ArrowUp   => "\x{E013}",
	ArrowRight => "\x{E014}",
	ArrowDown => "\x{E015}");

my @all;

sub _program
{
	my $name = shift;
	my ($found) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};

	return $found // die "could not find $name; on Debian: apt-get install chromium chromium-driver\n";
}

# width, height: of the window
sub new
{
	my ($class, $name, %params) = @_;
	my $home = PostgreSQL::Test::Utils::tempdir();
	my $test = basename($0, '.pl');
	my $log = "$PostgreSQL::Test::Utils::log_path/${test}_chromedriver.log";
	my $self = bless {
		name => $name,
		json => JSON::PP->new->utf8->allow_nonref,
		http => HTTP::Tiny->new(timeout => $PostgreSQL::Test::Utils::timeout_default),
	}, $class;

	unlink $log;
	append_to_file($log, '');
	{
		local @ENV{qw(HOME XDG_CONFIG_HOME XDG_CACHE_HOME)} = ($home, "$home/config", "$home/cache");
		$self->{pid} = WalBouncer::spawn($log, _program('chromedriver'), '--port=0');
	}
	my $port;
	poll_until { ($port) = slurp_file($log) =~ /started successfully on port (\d+)/; $port }
	  or die 'chromedriver does not start: ' . slurp_file($log);
	$self->{base} = "http://127.0.0.1:$port/session";
	push @all, $self;

	my $session = $self->_ask('POST', '', { capabilities => { alwaysMatch => {
		browserName => 'chrome',
		'goog:loggingPrefs' => { browser => 'ALL', performance => 'ALL' },
		'goog:chromeOptions' => {
			binary => _program('chromium'),
			args => [ '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
				'--disable-background-networking', '--disable-component-update', '--disable-sync',
				'--disable-dev-shm-usage', '--no-proxy-server', "--user-data-dir=$home/profile" ] } } } });
	$self->{base} .= "/$session->{sessionId}";
	$self->{session} = 1;
	$self->size($params{width} // 1400, $params{height} // 900);
	return $self;
}

# One command of the protocol; dies of what the driver calls an error.
sub _ask
{
	my ($self, $method, $path, $body) = @_;
	my $response = $self->{http}->request($method, "$self->{base}$path",
		{ headers => { 'Content-Type' => 'application/json' },
			$method eq 'POST' ? (content => $self->{json}->encode($body // {})) : () });
	my $answer = eval { $self->{json}->decode($response->{content}) };

	die "$method $path: $response->{status} $response->{content}" unless $answer;
	die "$method $path: $answer->{value}{error}: $answer->{value}{message}\n"
	  unless $response->{success};
	return $answer->{value};
}

# A command of Chromium's own protocol.
sub cdp
{
	my ($self, $command, %params) = @_;
	return $self->_ask('POST', '/goog/cdp/execute', { cmd => $command, params => \%params });
}

sub open
{
	my ($self, $url) = @_;
	$self->_ask('POST', '/url', { url => $url });
	return;
}

# What the body of a function returns; arguments as arguments[0] and so on.
sub script
{
	my ($self, $body, @arguments) = @_;
	return $self->_ask('POST', '/execute/sync', { script => $body, args => \@arguments });
}

# A test of its own: the script comes to return what is true.
sub wait_for
{
	my ($self, $body, $name, @arguments) = @_;
	my $result = poll_until { $self->script($body, @arguments) };

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($result, $name);
	return $result;
}

# Keys, one after the other, to whatever has the focus: names as above, or characters;
# Shift+Tab.
sub press
{
	my ($self, @keys) = @_;
	my @actions;

	foreach my $chord (@keys)
	{
		my @codes = map { $key{$_} // $_ } split /\+/, $chord;
		push @actions, map { { type => 'keyDown', value => $_ } } @codes;
		push @actions, map { { type => 'keyUp', value => $_ } } reverse @codes;
	}
	$self->_ask('POST', '/actions', { actions => [ { type => 'key', id => 'keyboard', actions => \@actions } ] });
	return;
}

# The size of the page, even if no window can be that small.
sub size
{
	my ($self, $width, $height) = @_;
	$self->cdp('Emulation.setDeviceMetricsOverride', width => $width, height => $height,
		deviceScaleFactor => 1, mobile => JSON::PP::false);
	return;
}

# media(feature => value): what the page's media queries find.
sub media
{
	my ($self, %features) = @_;
	$self->cdp('Emulation.setEmulatedMedia',
		features => [ map { { name => $_, value => $features{$_} } } sort keys %features ]);
	return;
}

# The whole page as a PNG in the log directory.
sub screenshot
{
	my ($self, $name) = @_;
	my $test = basename($0, '.pl');
	my $file = "$PostgreSQL::Test::Utils::log_path/${test}_$name.png";
	# what stands still while the page is scrolled would be in its midst
	$self->script('scrollTo({ top: 0, behavior: "instant" })');
	my $size = $self->cdp('Page.getLayoutMetrics')->{cssContentSize};
	my $shot = $self->cdp('Page.captureScreenshot', format => 'png', captureBeyondViewport => JSON::PP::true,
		clip => { x => 0, y => 0, width => $size->{width}, height => $size->{height}, scale => 1 });

	CORE::open my $fh, '>:raw', $file or die "could not write \"$file\": $!";
	print $fh decode_base64($shot->{data});
	close $fh or die "could not write \"$file\": $!";
	return $file;
}

# What the console has said since the last call, as "LEVEL text".
sub console
{
	my $self = shift;
	return map { "$_->{level} $_->{message}" } @{ $self->_ask('POST', '/se/log', { type => 'browser' }) };
}

# The addresses that the page has asked for since the last call.
sub requests
{
	my $self = shift;
	my @events = map { $self->{json}->decode(Encode::encode_utf8($_->{message}))->{message} }
	  @{ $self->_ask('POST', '/se/log', { type => 'performance' }) };

	# not those of the empty page that the browser begins with
	return map { $_->{request}{url} } grep { $_->{documentURL} !~ /^chrome(?:-untrusted)?:/ }
	  map { $_->{params} } grep { $_->{method} eq 'Network.requestWillBeSent' } @events;
}

# The browser goes when its session does; the driver alone would leave it behind.
sub close
{
	my $self = shift;

	eval { $self->_ask('DELETE', '') } if delete $self->{session};
	return;
}

END
{
	my $status = $?;
	$_->close foreach @all;
	$? = $status;
}

1;
