# PgWire.pm
#
# The client's side of the PostgreSQL protocol, byte by byte: for tests that say
# what no library would say, or want to see what exactly came back.

package PgWire;

use strict;
use warnings;

use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Time::HiRes qw(time);

use constant PROTOCOL_3 => 3 << 16;
use constant SSL_REQUEST => 80877103;
use constant GSSENC_REQUEST => 80877104;
use constant CANCEL_REQUEST => 80877102;

# host, port, optionally from (address to bind); or path of a Unix-domain socket.
sub new
{
	my ($class, %params) = @_;
	my $socket = $params{path}
	  ? IO::Socket::UNIX->new(Peer => $params{path})
	  : IO::Socket::IP->new(
		PeerHost => $params{host},
		PeerPort => $params{port},
		$params{from} ? (LocalHost => $params{from}) : ());

	return undef unless $socket;
	$socket->autoflush(1);
	return bless { socket => $socket, in => '', timeout => $params{timeout} // 30 }, $class;
}

sub socket { return shift->{socket}; }
sub close  { my $self = shift; CORE::close($self->{socket}); return; }

sub local_port { return shift->{socket}->sockport; }

sub send_bytes
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	return defined syswrite($self->{socket}, $bytes);
}

sub send_message
{
	my ($self, $type, $body) = @_;
	return $self->send_bytes($type . pack('N', 4 + length $body) . $body);
}

# A packet without type byte, as they start a connection.
sub send_packet
{
	my ($self, $body) = @_;
	return $self->send_bytes(pack('N', 4 + length $body) . $body);
}

sub send_startup
{
	my ($self, $version, @pairs) = @_;
	return $self->send_packet(pack('N', $version) . join('', map { "$_\0" } @pairs) . "\0");
}

# What has come, at least n bytes of it; false at the end of the stream or after
# the timeout.
sub fill
{
	my ($self, $n, $timeout) = @_;
	my $deadline = time() + ($timeout // $self->{timeout});
	my $select = IO::Select->new($self->{socket});

	while (length $self->{in} < $n)
	{
		my $left = $deadline - time();
		if ($left <= 0 || !$select->can_read($left))
		{
			$self->{timed_out} = 1;
			return 0;
		}
		my $got = sysread($self->{socket}, $self->{in}, 262144, length $self->{in});
		if (!$got)
		{
			$self->{eof} = 1;
			return 0;
		}
	}
	return 1;
}

sub read_byte
{
	my $self = shift;
	return $self->fill(1) ? substr($self->{in}, 0, 1, '') : undef;
}

# (type, body), or nothing.
sub read_message
{
	my ($self, $timeout) = @_;

	return unless $self->fill(5, $timeout);
	my ($type, $len) = unpack('aN', $self->{in});
	return unless $self->fill(1 + $len, $timeout);
	my $message = substr($self->{in}, 0, 1 + $len, '');
	return ($type, substr($message, 5));
}

# All messages up to one of the types, or to the end: a list of [type, body].
sub read_until
{
	my ($self, $types) = @_;
	my @messages;

	while (my ($type, $body) = $self->read_message)
	{
		push @messages, [ $type, $body ];
		last if index($types, $type) >= 0;
	}
	return @messages;
}

# Startup packet to ReadyForQuery or error.
sub startup
{
	my ($self, %params) = @_;
	my $version = delete $params{version} // PROTOCOL_3;
	my %pairs = (user => 'anybody', replication => 'true', %params);

	$self->send_startup($version, %pairs);
	return $self->read_until('ZE');
}

# A simple query; all messages up to ReadyForQuery, CopyBothResponse or the end.
sub query
{
	my ($self, $text) = @_;

	$self->send_message('Q', "$text\0");
	return $self->read_until('ZW');
}

# Only the rows, each a list of columns.
sub rows
{
	my ($self, $text) = @_;
	return map { [ row($_->[1]) ] } grep { $_->[0] eq 'D' } $self->query($text);
}

sub row
{
	my $body = shift;
	my $count = unpack('n', substr($body, 0, 2, ''));
	my @columns;

	foreach (1 .. $count)
	{
		my $len = unpack('l>', substr($body, 0, 4, ''));
		push @columns, $len < 0 ? undef : substr($body, 0, $len, '');
	}
	return @columns;
}

# Type letters of a list of messages, as one string.
sub types
{
	return join('', map { $_->[0] } @_);
}

# Fields of the first ErrorResponse in a list of messages, by their letters.
sub error
{
	foreach my $message (@_)
	{
		next unless $message->[0] eq 'E';
		return { map { substr($_, 0, 1) => substr($_, 1) } grep { length } split /\0/, $message->[1] };
	}
	return {};
}

# SQLSTATE of the first error, '' if there is none.
sub sqlstate
{
	return error(@_)->{C} // '';
}

# Whether the other side has closed (what it said before is thrown away).
sub closed
{
	my ($self, $timeout) = @_;
	my $deadline = time() + ($timeout // $self->{timeout});

	while (!$self->{eof})
	{
		my $left = $deadline - time();
		return 0 if $left <= 0;
		$self->{in} = '';
		$self->fill(1, $left);
	}
	return 1;
}

1;
