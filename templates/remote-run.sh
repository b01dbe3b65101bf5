# Runs $hactl_script between two lines with $hactl_nonce on each stream; the last line on stdout
# also has its exit status.
# In: hactl_limit (seconds; 0: none; empty: the script goes on without its connection).
# All of it is one command, so that nothing but a closed connection is left to read from stdin.
{
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
printf '\n%s\n' "$hactl_nonce"
printf '\n%s\n' "$hactl_nonce" >&2

# Ends the script and what it started when stdin ends, or its time is over.  The process group is
# ours when this shell leads it, or what started this shell: a login (a session of its own), sudo.
hactl_watch() {
	trap '' HUP INT TERM PIPE
	if [ "$hactl_limit" != 0 ] && command -v timeout; then
		timeout "$hactl_limit" cat
	else
		cat
	fi
	trap '' USR1 # too late to be called off
	read -r hactl_x hactl_x hactl_x hactl_x hactl_group hactl_x </proc/$$/stat
	case $hactl_group in
	$$ | $PPID) set -- "-$hactl_group" ;;
	*) set -- $(cat /proc/$$/task/$$/children) ;;
	esac
	kill -TERM "$@"
	sleep 3
	kill -KILL "$@"
}

exec 3<&0 </dev/null
trap : HUP INT TERM
hactl_watcher=
if [ -n "$hactl_limit" ]; then
	# with exec nothing is kept to be restored: the output of this shell is not held open
	(exec <&3 3<&- >/dev/null 2>&1; hactl_watch) &
	hactl_watcher=$!
fi
(trap - HUP INT TERM; eval "$hactl_script") 3<&-
hactl_status=$?
[ -z "$hactl_watcher" ] || kill -USR1 "$hactl_watcher" 2>/dev/null
printf '\n%s %d\n' "$hactl_nonce" "$hactl_status" >&2
printf '\n%s %d\n' "$hactl_nonce" "$hactl_status"
exit 0
}
