# Relay.pm
#
# A network between walbouncer and a node that can go dead without a word, and an
# address that can go to another node:
#
#	my $relay = Relay->new($primary, silent_at => qr/START_REPLICATION/);
#	$wb->configure(upstream => $relay->conninfo);
#	$relay->lead_to($other);
#
# A process of its own takes TCP connections and passes bytes on in both directions.
# Silent, it keeps its sockets and says nothing: new connections are accepted by the
# kernel, and that is all.  silent_at: it falls silent before it passes on what, on one
# connection, the client has said up to then.

package Relay;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use PostgreSQL::Test::Utils;
use WalBouncer;

my @all;

sub new
{
	my ($class, $node, %params) = @_;
	my $listener = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1') or die $!;
	my $dir = PostgreSQL::Test::Utils::tempdir_short();
	my $self = bless { port => $listener->sockport, dir => $dir }, $class;

	$self->lead_to($node);
	$self->{pid} = fork() // die $!;
	if ($self->{pid} == 0)
	{
		$SIG{$_} = 'DEFAULT' foreach qw(HUP INT TERM);
		_pass_on($listener, "$dir/node", $params{silent_at});
		POSIX::_exit(0);
	}
	push @all, $self;
	return $self;
}

sub _pass_on
{
	my ($listener, $path, $silent_at) = @_;
	my $select = IO::Select->new($listener);
	my %peer;
	my %said;

	while (1)
	{
		foreach my $fh ($select->can_read)
		{
			if ($fh == $listener)
			{
				my $client = $listener->accept or next;
				my $server = IO::Socket::UNIX->new(Peer => $path) or do { close $client; next };
				%peer = (%peer, $client => $server, $server => $client);
				$said{$client} = '';
				$select->add($client, $server);
				next;
			}
			my $n = sysread $fh, my $bytes, 65536;
			my $to = $peer{$fh} or next;
			if (!$n)
			{
				$select->remove($fh, $to);
				delete @peer{ $fh, $to };
				delete @said{ $fh, $to };
				close $_ foreach $fh, $to;
				next;
			}
			if ($silent_at && defined $said{$fh})
			{
				$said{$fh} .= $bytes;
				kill 'STOP', $$ if $said{$fh} =~ $silent_at;
			}
			syswrite $to, $bytes;
		}
	}
	return;
}

# Connections that come from now on go to that node.
sub lead_to
{
	my ($self, $node) = @_;

	symlink $node->host . '/.s.PGSQL.' . $node->port, "$self->{dir}/next" or die $!;
	rename "$self->{dir}/next", "$self->{dir}/node" or die $!;
	return;
}

sub conninfo
{
	my $self = shift;
	return "host=127.0.0.1 port=$self->{port} user=" . getpwuid($<);
}

sub silence { kill 'STOP', shift->{pid}; return; }
sub speak   { kill 'CONT', shift->{pid}; return; }

sub is_silent
{
	my $self = shift;
	return slurp_file("/proc/$self->{pid}/stat") =~ /\) T /;
}

# Whether it has fallen silent by itself; waits for that.
sub fell_silent
{
	my $self = shift;
	return poll_until { $self->is_silent };
}

sub stop
{
	my $self = shift;
	my $pid = delete $self->{pid} // return;

	kill 'KILL', $pid;
	waitpid $pid, 0;
	return;
}

END
{
	my $status = $?;

	$_->stop foreach @all;
	$? = $status;
}

1;
