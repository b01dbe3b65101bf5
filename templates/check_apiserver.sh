#!/bin/sh
# Written by hactl: changes are lost at the next `hactl apply`.
#
# Succeeds while the API server of this very node answers; keepalived runs it every second and
# kills it after one.
#
# - Its own address, not a balancer's: that would say how the cluster is, not this node.
# - Without its etcd: an election, one or two seconds, must not make every node sick at once.
# - 401 and 403 are a living server that does not talk to anonymous callers.
# - The certificate is not checked: whoever can answer here owns the node already.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ "${1:-}" = holds-vip ]; then # the other question that keepalived.conf has
	ip -o addr show to '{{vip}}' | grep -q .
	exit
fi

host='{{host}}' port={{port}}
at="{{bracketed}}:$port"

# status PATH: prints the HTTP status, nothing when there was no answer in time.
if command -v curl >/dev/null 2>&1; then
	status() {
		curl -q -ks --noproxy '*' --max-time 0.8 -o /dev/null -w '%{http_code}' "https://$at$1"
	}
elif command -v openssl >/dev/null 2>&1; then
	status() {
		printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$1" "$at" |
			timeout 0.8 openssl s_client -quiet -connect "$at" 2>/dev/null |
			sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p'
	}
else
	# A port that takes a connection is all that can be seen: a server that hangs passes.
	status() {
		timeout 0.8 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port" 2>/dev/null && echo 200
	}
fi

code=$(status '/livez?exclude=etcd')
# Before Kubernetes 1.16 there is only the older spelling.
[ "$code" != 404 ] || code=$(status /healthz)

case $code in
200 | 401 | 403) exit 0 ;;
esac
exit 1
