#!/bin/sh
# Written by hactl: changes are lost at the next `hactl apply`.
#
# Succeeds while {{what}} of this very node lives; keepalived runs it every {{period}} s.
#
# - Somebody must listen on port {{port}}: looked at every {{interval}} s, so that a server that stopped is
#   noticed at once.  The kernel is asked, nothing is sent: that is never slow, however busy the
#   machine is, and leaves nothing in the server's log.
# - It must answer: asked once a run.  One that is only slow has {{fall}} s for it.
{{notes}}PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# A machine that is busy with other work is no failed API server.
renice -n -19 -p $$ >/dev/null 2>&1

# listens PORT, in hexadecimal
listens() { grep -Eqsm1 ":$1 0+:0000 0A " /proc/net/tcp6 /proc/net/tcp; }

# status SECONDS [OPTION...] URL: prints the HTTP status, or 000 or nothing when there was no answer in time.
if command -v curl >/dev/null 2>&1; then
	status() {
		seconds=$1
		shift
		curl -q -ks --noproxy '*' --max-time "$seconds" -o /dev/null -w '%{http_code}' "$@"
	}
elif command -v openssl >/dev/null 2>&1; then
	status() {
		seconds=$1
		while [ $# -gt 1 ]; do shift; done
		case $1 in https://*) ;; *) echo 200; return ;; esac # a socket is for curl alone
		set -- "${1#https://}"
		printf 'GET /%s HTTP/1.0\r\nHost: %s\r\n\r\n' "${1#*/}" "${1%%/*}" |
			timeout "$seconds" openssl s_client -quiet -connect "${1%%/*}" 2>/dev/null |
			sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p'
	}
else
	status() { echo 200; } # that somebody listens is all that can be seen: a server that hangs passes
fi

# Hundredths of a second since the machine started.
now() { read -r up _ </proc/uptime && now=$((${up%.*} * 100 + 1${up#*.} - 100)); }

answers() {
	now
	end=$((now + {{fall}} * 100))
	while [ $((end - now)) -ge 10 ]; do
		left=$(((end - now) / 100)).$(((end - now) / 10 % 10))
		code=$(status $left {{socket}}'{{url}}{{path}}')
		# Before Kubernetes 1.16 there is only the older spelling.
		[ "$code" != 404 ] || code=$(status $left {{socket}}'{{url}}/healthz')
		case $code in
		200 | 401 | 403) return 0 ;;
		esac
		sleep {{interval}}
		now
	done
	return 1
}

# Shall this node keep the virtual IP when another one could have it too?  One that was cut off from all
# others still carries it, but its API server has lost its etcd, and needs seconds to find it again: the
# one that took over is the better one.
#
# keepalived does not wait for a run that takes longer than its interval: several may run at a time, and
# what one finds out seconds after it began holds only if the address is still here then.
has_vip() { ip -o addr show to '{{vip}}' | grep -q .; }
# A whole request, that leaves no complaint in its log; a connection is enough.
reaches() {
	case $(curl -q -ks --noproxy '*' --max-time 1 -o /dev/null -w '%{time_connect}' "https://$1/livez?exclude=etcd") in
	*[1-9]*) echo yes ;;
	esac
}
# All at the same time, until the first has answered.
reaches_any() { [ -n "$({ for other; do reaches "$other" & done; } | head -n 1)" ]; }
keeps_vip() {
	has_vip || return 1
	set -f # an IPv6 address is no pattern of file names
	set -- {{others}}
	[ $# -gt 0 ] && command -v curl >/dev/null 2>&1 || return 0
	now
	began=$now
	first=$1
	shift
	for try in 1 2; do
		reaches_any "$first" || reaches_any "$@" || continue
		# Whoever waited for the answer was cut off until now, and may not yet have heard who took over.
		now
		[ $((now - began)) -lt 50 ] || sleep {{hears}}
		has_vip
		return
	done
	return 1
}

if [ "${1:-}" = holds-vip ]; then # keepalived.conf has two questions
	keeps_vip
	exit
fi
listens {{hex_port}} || exit 1
now
# The next run looks again when this one's time is up.
until=$((now + {{until}}))
answers &
asked=$!
while :; do
	sleep {{interval}}
	listens {{hex_port}} || exit 1
	if [ -n "$asked" ] && ! kill -0 $asked 2>/dev/null; then
		wait $asked || exit 1
		asked=
	fi
	now
	[ -n "$asked" ] || [ $now -lt $until ] || exit 0
done
