#!/bin/sh
# Written by hactl: changes are lost at the next `hactl apply`.
#
# Succeeds while the API server of this very node lives; keepalived runs it every 1 s.
#
# - Somebody must listen on port 6443: looked at every 0.2 s, so that a server that stopped is
#   noticed at once.  The kernel is asked, nothing is sent: that is never slow, however busy the
#   machine is, and leaves nothing in the server's log.
# - It must answer: asked once a run.  One that is only slow has 2 s for it.
# - Its own address, not a balancer's: that would say how the cluster is, not this node.
# - Without its etcd: an election, one or two seconds, must not make every node sick at once.
# - 401 and 403 are a living server that does not talk to anonymous callers.
# - The certificate is not checked: whoever can answer here owns the node already.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# A machine that is busy with other work is no failed API server.
renice -n -19 -p $$ >/dev/null 2>&1
if [ "${1:-}" = holds-vip ]; then # the other question that keepalived.conf has
	ip -o addr show to 'fd00:10:230:255::168' | grep -q .
	exit
fi

at="[fd00:10:230:255::12]:6443"

listens() { grep -Eqsm1 ':192B 0+:0000 0A ' /proc/net/tcp6 /proc/net/tcp; }

# status PATH SECONDS: prints the HTTP status, nothing when there was no answer in time.
if command -v curl >/dev/null 2>&1; then
	status() {
		curl -q -ks --noproxy '*' --max-time "$2" -o /dev/null -w '%{http_code}' "https://$at$1"
	}
elif command -v openssl >/dev/null 2>&1; then
	status() {
		printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$1" "$at" |
			timeout "$2" openssl s_client -quiet -connect "$at" 2>/dev/null |
			sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p'
	}
else
	status() { echo 200; } # that somebody listens is all that can be seen: a server that hangs passes
fi

# Hundredths of a second since the machine started.
now() { read -r up _ </proc/uptime && now=$((${up%.*} * 100 + 1${up#*.} - 100)); }

answers() {
	now
	end=$((now + 2 * 100))
	while [ $((end - now)) -ge 10 ]; do
		seconds=$(((end - now) / 100)).$(((end - now) / 10 % 10))
		code=$(status '/livez?exclude=etcd' $seconds)
		# Before Kubernetes 1.16 there is only the older spelling.
		[ "$code" != 404 ] || code=$(status /healthz $seconds)
		case $code in
		200 | 401 | 403) return 0 ;;
		esac
		sleep 0.2
		now
	done
	return 1
}

listens || exit 1
now
# The next run looks again when this one's time is up.
until=$((now + 75))
answers &
asked=$!
while :; do
	sleep 0.2
	listens || exit 1
	if [ -n "$asked" ] && ! kill -0 $asked 2>/dev/null; then
		wait $asked || exit 1
		asked=
	fi
	now
	[ -n "$asked" ] || [ $now -lt $until ] || exit 0
done
