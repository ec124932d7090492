# Http.pm
#
# Talks to the monitor of a walbouncer: in whole requests, or in bytes.
#
#	my $answer = http_get($port, '/standbys?rule=a');	# { status, headers, content, json }
#	my $socket = http_send($port, "GET / HTTP/1.0\r\n\r\n");
#	my $text = http_rest($socket, 10);

package Http;

use strict;
use warnings;

use Exporter 'import';
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Time::HiRes qw(time);

our @EXPORT = qw(http_get http_send http_rest http_json http_metrics);

# method, timeout (seconds); json is set if the answer is.  No connection: 599.
sub http_get
{
	my ($port, $path, %params) = @_;
	my $answer = HTTP::Tiny->new(timeout => $params{timeout} // 60, max_redirect => 0)
	  ->request($params{method} // 'GET', "http://127.0.0.1:$port$path");

	$answer->{json} = http_json($answer->{content})
	  if ($answer->{headers}{'content-type'} // '') eq 'application/json' && length $answer->{content};
	return $answer;
}

# Dies if it is not JSON; numbers and strings can be told apart afterwards.
sub http_json
{
	return JSON::PP->new->utf8->decode(shift);
}

# A connection over which bytes have been sent; without them it is silent.
sub http_send
{
	my ($port, $bytes) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp')
	  or return undef;

	$socket->autoflush(1);
	syswrite $socket, $bytes if defined $bytes;
	return $socket;
}

# What comes until the connection is closed, or undef if it is not in so many seconds.
# until: what is enough.
sub http_rest
{
	my ($socket, $timeout, $until) = @_;
	my $deadline = time() + $timeout;
	my $text = '';

	while (IO::Select->new($socket)->can_read(Time::HiRes::time() > $deadline ? 0 : $deadline - time()))
	{
		my $n = sysread $socket, $text, 65536, length $text;
		return $text if !$n || ($until && $text =~ $until);
	}
	return undef;
}

# The samples of /metrics by name with labels, as text; dies at what is no sample.
sub http_metrics
{
	my $port = shift;
	my %sample;

	foreach my $line (split /\n/, http_get($port, '/metrics')->{content})
	{
		next if $line =~ /^# (?:HELP \w+ \S|TYPE \w+ (?:gauge|counter)$)/;
		$line =~ /^(\w+(?:\{.*\})?) (\S+)$/ or die "not a sample: $line";
		die "twice: $1" if exists $sample{$1};
		$sample{$1} = $2;
	}
	return \%sample;
}

1;
