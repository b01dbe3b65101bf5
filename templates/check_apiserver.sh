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
if [ "${1:-}" = holds-vip ]; then # the other question that keepalived.conf has
	ip -o addr show to '{{vip}}' | grep -q .
	exit
fi

at="{{at}}"

listens() { grep -Eqsm1 ':{{hex_port}} 0+:0000 0A ' /proc/net/tcp6 /proc/net/tcp; }

# status PATH SECONDS: prints the HTTP status, nothing when there was no answer in time.
if command -v curl >/dev/null 2>&1; then
	status() {
		curl -q -ks{{socket}} --noproxy '*' --max-time "$2" -o /dev/null -w '%{http_code}' "{{url}}$1"
	}
elif {{unless}}command -v openssl >/dev/null 2>&1; then
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
	end=$((now + {{fall}} * 100))
	while [ $((end - now)) -ge 10 ]; do
		seconds=$(((end - now) / 100)).$(((end - now) / 10 % 10))
		code=$(status '{{path}}' $seconds)
		# Before Kubernetes 1.16 there is only the older spelling.
		[ "$code" != 404 ] || code=$(status /healthz $seconds)
		case $code in
		200 | 401 | 403) return 0 ;;
		esac
		sleep {{interval}}
		now
	done
	return 1
}

listens || exit 1
now
# The next run looks again when this one's time is up.
until=$((now + {{until}}))
answers &
asked=$!
while :; do
	sleep {{interval}}
	listens || exit 1
	if [ -n "$asked" ] && ! kill -0 $asked 2>/dev/null; then
		wait $asked || exit 1
		asked=
	fi
	now
	[ -n "$asked" ] || [ $now -lt $until ] || exit 0
done
