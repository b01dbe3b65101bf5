# Tries the network and etcd's disk, on all nodes at the same time.
# In: perl, python (netprobe.pl and .py), seconds, own, interface, ports, targets, peers, word, disk (yes or no).
umask 077
work=$(mktemp -d) || { echo "cannot make a temporary directory" >&2; exit 1; }
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP

# How long a write takes until it is on the disk, 2300 bytes each as etcd's write-ahead log has them.  dd tells
# the time of a single write, so that nothing else is needed.  On etcd's file system, not in its directory,
# which kubeadm wants empty, unless that is a file system of its own.  The file has no name, so that nothing is
# left of it, however this ends.
file=
if [ "$disk" = yes ]; then
	rm -f /var/lib/.hactl-disk-* /var/lib/etcd/.hactl-disk-*
	dir=/var/lib
	[ ! -d /var/lib/etcd ] || [ "$(stat -c %d /var/lib/etcd)" = "$(stat -c %d /var/lib)" ] || dir=/var/lib/etcd
	file=$(mktemp "$dir/.hactl-disk-XXXXXX") && exec 8>>"$file" && rm -f "$file" || file=
fi
if [ -n "$file" ]; then
	(
		trap 'exit 0' TERM
		n=0
		while [ $n -lt 200 ]; do
			n=$((n + 1))
			LC_ALL=C dd if=/dev/zero of=/proc/self/fd/8 bs=2300 count=1 oflag=append,dsync conv=notrunc 2>>"$work/disk" || break
		done
	) &
	writer=$!
fi

for python3 in python3 /usr/libexec/platform-python ''; do
	[ -n "$python3" ] && command -v "$python3" >/dev/null 2>&1 && break
done
set -- "$seconds" "$own" "$interface" "$ports" "$targets" "$peers" "$word"
if command -v perl >/dev/null 2>&1 && perl -MSocket=pack_ip_mreq,pack_ipv6_mreq -e 1 2>/dev/null; then
	printf '%s' "$perl" | perl - "$@"
elif [ -n "$python3" ]; then
	printf '%s' "$python" | "$python3" - "$@"
else
	echo net_none=neither perl nor python3 is there
	[ "$disk" != yes ] || sleep "${seconds%.*}"
fi

# What was written until now counts; on a disk that hangs nobody waits.
if [ -n "$file" ]; then
	kill "$writer" 2>/dev/null
	sed -n 's/.* copied, \([0-9.e+-]*\) s.*/\1/p' "$work/disk" | LC_ALL=C sort -g | awk '
		{ took[NR] = $1 }
		END { if (NR) printf "disk=%d %.3f %.3f\n", NR, took[int((NR - 1) / 2) + 1] * 1000, took[int((NR - 1) * 0.99) + 1] * 1000 }'
fi
echo probe_end=1
