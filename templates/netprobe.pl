# Does the network between the nodes let through what a cluster needs?  For a few seconds, on every node at
# the same time: listens on ports that nobody listens on yet, connects to those of the others, says its name
# to them in packets of protocol 112 (VRRP) and hears who else speaks it.  Only what perl-base has.
#   ARGV: seconds, own address, its interface, ports to listen on, ADDRESS/PORT to connect to, peers to send
#   protocol 112 to, a word that marks our packets; lists with commas; without peers nothing is sent.
use strict;
use warnings;
use Errno qw(EINPROGRESS EAGAIN EINTR ECONNREFUSED);
use Fcntl qw(F_SETFL O_NONBLOCK);
use Socket qw(:DEFAULT inet_pton inet_ntop pack_sockaddr_in6 unpack_sockaddr_in6 pack_ip_mreq pack_ipv6_mreq
	IPPROTO_IP IPPROTO_IPV6 IP_ADD_MEMBERSHIP IPV6_JOIN_GROUP IPV6_UNICAST_HOPS IP_TTL);

my ($seconds, $own, $interface, $ports, $targets, $peers, $word) = @ARGV;
my $family = $own =~ /:/ ? AF_INET6 : AF_INET;

sub now {	# Time::HiRes is not in perl-base
	open(my $f, '<', '/proc/uptime') or die "/proc/uptime: $!\n";
	return (split ' ', <$f>)[0];
}

sub address {
	my ($host, $port) = @_;
	my $bytes = inet_pton($host =~ /:/ ? AF_INET6 : AF_INET, $host) or return;
	return $host =~ /:/ ? pack_sockaddr_in6($port, $bytes) : pack_sockaddr_in($port, $bytes);
}

my %listeners;	# fileno => socket
my @accepted;	# kept until the end: whoever connected hangs up first
for my $port (split /,/, $ports) {
	socket(my $s, $family, SOCK_STREAM, 0) or next;
	setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
	fcntl($s, F_SETFL, O_NONBLOCK);
	if (bind($s, address($own, $port)) && listen($s, 128)) {
		$listeners{fileno $s} = $s;
	} else {
		print "net_listen=$port $!\n";
	}
}

# VRRP's group is joined, so that adverts of others arrive that are not sent to this node alone.
my ($raw, %spoke, %heard);
if (socket($raw, $family, SOCK_RAW, 112)) {
	fcntl($raw, F_SETFL, O_NONBLOCK);
	if ($family == AF_INET) {
		setsockopt($raw, IPPROTO_IP, IP_ADD_MEMBERSHIP, pack_ip_mreq(inet_pton(AF_INET, '224.0.0.18'), inet_pton(AF_INET, $own)))
			or print "net_error=no VRRP group: $!\n";
	} else {
		# /sys may be that of another network namespace, and perl-base has no if_nametoindex
		my $request = pack('a16x24', $interface);
		my $index = ioctl($raw, 0x8933, $request) ? unpack('x16i', $request) : 0;	# SIOCGIFINDEX
		setsockopt($raw, IPPROTO_IPV6, IPV6_JOIN_GROUP, pack_ipv6_mreq(inet_pton(AF_INET6, 'ff02::12'), $index))
			or print "net_error=no VRRP group: $!\n";
	}
} else {
	print "net_error=no socket of protocol 112: $!\n";
	undef $raw;
}

# Another one to send from: bound to its address, a socket would not hear the group.
my $sender;
undef $sender unless $raw && socket($sender, $family, SOCK_RAW, 112) && bind($sender, address($own, 0));
if ($sender && $family == AF_INET) { setsockopt($sender, IPPROTO_IP, IP_TTL, 255) }
elsif ($sender) { setsockopt($sender, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 255) }

# Virtual router 0 does not exist: a keepalived that runs already passes over it.
my $probe = pack('C8', 0x31, 0, 0, 0, 0, 0, 0, 0) . "hactl $word";

sub take_packet {
	while (defined(my $from = recv($raw, my $packet, 2048, 0))) {
		my $source = $family == AF_INET ? inet_ntop(AF_INET, (unpack_sockaddr_in($from))[1])
						: inet_ntop(AF_INET6, (unpack_sockaddr_in6($from))[1]);
		$packet = substr($packet, (ord($packet) & 15) * 4) if $family == AF_INET;	# v4 comes with its header
		next if length($packet) < 8;
		my ($version, $router) = unpack('CC', $packet);
		if ($router == 0) {
			$heard{$source} = 1 if substr($packet, 8) eq "hactl $word";
		} else {
			$spoke{"$source $router " . ($version >> 4)} = 1;
		}
	}
}

my @goals = map { my ($host, $port) = split m{/}; { host => $host, port => $port, result => 'timeout', again => 0 } } split /,/, $targets;

sub try {	# begins to connect; what is under way goes on by itself
	my ($g, $time) = @_;
	return if $g->{done} || $g->{socket} || $time < $g->{again};
	socket(my $s, $g->{host} =~ /:/ ? AF_INET6 : AF_INET, SOCK_STREAM, 0) or return;
	fcntl($s, F_SETFL, O_NONBLOCK);
	setsockopt($s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));	# leaves no connection behind
	if (connect($s, address($g->{host}, $g->{port}))) { $g->{done} = 1; $g->{result} = 'ok' }
	elsif ($! == EINPROGRESS) { $g->{socket} = $s }
	else { settle($g, $!) }
}

sub settle {
	my ($g, $error) = @_;
	undef $g->{socket};
	$g->{again} = now() + 0.3;
	$g->{result} = $error == ECONNREFUSED ? 'refused' : "error $error";
}

my ($end, $next) = (now() + $seconds, 0);
while ((my $time = now()) < $end) {
	my ($in, $out) = ('', '');
	try($_, $time) for @goals;
	if ($sender && $time >= $next) {
		send($sender, $probe, 0, address($_, 0)) for grep { ($_ =~ /:/ ? AF_INET6 : AF_INET) == $family } split /,/, $peers;
		$next = $time + 0.3;
	}
	vec($in, $_, 1) = 1 for keys %listeners;
	vec($in, fileno $raw, 1) = 1 if $raw;
	vec($out, fileno $_->{socket}, 1) = 1 for grep { $_->{socket} } @goals;
	next if select($in, $out, undef, 0.1) <= 0;
	for my $fd (keys %listeners) {
		while (vec($in, $fd, 1) && @accepted < 1000 && accept(my $c, $listeners{$fd})) { push @accepted, $c }
	}
	take_packet() if $raw && vec($in, fileno $raw, 1);
	for my $g (grep { $_->{socket} && vec($out, fileno $_->{socket}, 1) } @goals) {
		my $error = unpack('i', getsockopt($g->{socket}, SOL_SOCKET, SO_ERROR));
		if ($error) { settle($g, $! = $error) } else { close $g->{socket}; undef $g->{socket}; $g->{done} = 1; $g->{result} = 'ok' }
	}
}
print "net_open=$_->{host} $_->{port} $_->{result}\n" for @goals;
print "net_heard=$_\n" for keys %heard;
print "net_vrrp=$_\n" for keys %spoke;
print "net_end=1\n";
