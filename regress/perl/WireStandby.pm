# WireStandby.pm
#
# A standby that says what it is told to say: a stream from a walbouncer, and status
# replies with any positions.  It has nothing of the WAL.
#
#	my $a = WireStandby->new($wb, 'a', $primary->lsn('flush'));
#	$a->say(flush => '0/3000060');		# write is as far, apply stays

package WireStandby;

use strict;
use warnings;

use PgWire;
use WalBouncer;

# wb, application_name (and user), start; optionally tli, user
sub new
{
	my ($class, $wb, $name, $start, %params) = @_;
	my $wire = $wb->wire;
	my $self = bless {
		name  => $name,
		wire  => $wire,
		write => 0,
		flush => 0,
		apply => 0,
	}, $class;

	$wire->startup(application_name => $name, user => $params{user} // $name);
	my @answer = $wire->query("START_REPLICATION $start TIMELINE " . ($params{tli} // 1));
	die "$name: " . (PgWire::error(@answer)->{M} // 'no stream')
	  unless ($answer[-1] // [''])->[0] eq 'W';
	return $self;
}

# write, flush, apply: as text; each is at least as far as the next one that is given.
sub say
{
	my ($self, %at) = @_;
	my $floor = 0;

	foreach my $key (qw(apply flush write))
	{
		$self->{$key} = lsn_number($at{$key}) if defined $at{$key};
		$floor = $self->{$key} if defined $at{$key} && $self->{$key} > $floor;
		$self->{$key} = $floor if $self->{$key} < $floor && !defined $at{$key};
	}
	return $self->{wire}->send_message('d',
		pack('a Q> Q> Q> Q> C', 'r', @$self{qw(write flush apply)}, 0, 0));
}

# How often it has been asked for a reply since the last time.
sub asked
{
	my $self = shift;
	my $count = 0;

	while (my ($type, $body) = $self->{wire}->read_message(0.1))
	{
		$count++ if $type eq 'd' && $body =~ /^k.{16}\x01$/s;
	}
	return $count;
}

sub leave
{
	my $self = shift;
	$self->{wire}->close;
	return;
}

1;
