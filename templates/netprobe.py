# What netprobe.pl does, with the same arguments and output, for nodes that have python3 and no perl.
import errno
import select
import socket
import struct
import sys
import time

seconds, own, interface, ports, targets, peers, word = sys.argv[1:8]


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


family = family_of(own)
listeners, accepted = [], []
for port in filter(None, ports.split(",")):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setblocking(False)
    try:
        s.bind((own, int(port)))
        s.listen(128)
        listeners.append(s)
    except OSError as e:
        print("net_listen=%s %s" % (port, e.strerror))

raw, sender, spoke, heard = None, None, set(), set()
try:
    raw = socket.socket(family, socket.SOCK_RAW, 112)
    raw.setblocking(False)
    if family == socket.AF_INET:
        group = socket.inet_aton("224.0.0.18") + socket.inet_aton(own)
        raw.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    else:
        group = socket.inet_pton(family, "ff02::12") + struct.pack("@I", socket.if_nametoindex(interface))
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    # Another one to send from: bound to its address, a socket would not hear the group.
    sender = socket.socket(family, socket.SOCK_RAW, 112)
    sender.bind((own, 0))
    if family == socket.AF_INET:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    else:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
except OSError as e:
    print("net_error=%s: %s" % ("no VRRP group" if raw else "no socket of protocol 112", e.strerror))

# Virtual router 0 does not exist: a keepalived that runs already passes over it.
mark = b"hactl " + word.encode()
probe = bytes([0x31, 0, 0, 0, 0, 0, 0, 0]) + mark


def take_packets():
    while True:
        try:
            packet, source = raw.recvfrom(2048)
        except OSError:
            return
        if family == socket.AF_INET:
            packet = packet[(packet[0] & 15) * 4:]  # v4 comes with its header
        if len(packet) < 8:
            continue
        if packet[1]:
            spoke.add("%s %d %d" % (source[0].split("%")[0], packet[1], packet[0] >> 4))
        elif packet[8:] == mark:
            heard.add(source[0].split("%")[0])


class Goal:
    def __init__(self, text):
        self.host, self.port = text.split("/")
        self.result, self.again, self.socket = "timeout", 0, None

    def attempt(self, now):
        if self.result == "ok" or self.socket or now < self.again:
            return
        s = socket.socket(family_of(self.host), socket.SOCK_STREAM)
        s.setblocking(False)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leaves no connection behind
        error = s.connect_ex((self.host, int(self.port)))
        self.socket = s
        if error != errno.EINPROGRESS:
            self.settle(error)

    def settle(self, error):
        self.socket.close()
        self.socket, self.again = None, time.monotonic() + 0.3
        self.result = "refused" if error == errno.ECONNREFUSED else "error " + errno.errorcode.get(error, str(error)) if error else "ok"


goals = [Goal(t) for t in targets.split(",") if t]
end, send_next = time.monotonic() + float(seconds), 0
while time.monotonic() < end:
    now = time.monotonic()
    for g in goals:
        g.attempt(now)
    if sender and now >= send_next:
        for peer in filter(None, peers.split(",")):
            try:
                sender.sendto(probe, (peer, 0))
            except OSError:
                pass
        send_next = now + 0.3
    busy = {g.socket: g for g in goals if g.socket}
    readable, writable, _ = select.select(listeners + ([raw] if raw else []), list(busy), [], 0.1)
    for s in readable:
        if s is raw:
            take_packets()
        elif len(accepted) < 1000:
            try:
                accepted.append(s.accept()[0])  # kept until the end: whoever connected hangs up first
            except OSError:
                pass
    for s in writable:
        busy[s].settle(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
for g in goals:
    print("net_open=%s %s %s" % (g.host, g.port, g.result))
for h in heard:
    print("net_heard=" + h)
for v in spoke:
    print("net_vrrp=" + v)
print("net_end=1")
