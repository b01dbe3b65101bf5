# Finds out how to become root, and hands the rest of stdin to a shell that is root.
# In: hactl_how (auto, sudo, doas), hactl_password (the length of a line with sudo's password, which
# is next on stdin twice; 0: none), hactl_script (bytes of a script to eval, then stdin is its own;
# 0: sh -s).
# The way is told in a line of its own; 'password' says that one is needed.
PATH=$PATH:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

have() { command -v "$1" >/dev/null 2>&1; }

tell() { printf '\n%s:%s\n' "$hactl_nonce" "$1"; }

become() {
	tell "$1"
	shift
	[ "$hactl_script" != 0 ] || exec "$@" sh -s
	exec "$@" sh -c "eval \"\$(dd bs=1 count=$hactl_script 2>/dev/null)\""
}

try() { said=$("$@" sh -c : 2>&1 </dev/null); }

[ "$(id -u)" != 0 ] || become root
if [ "$hactl_password" != 0 ]; then
	# sudo asks again after a wrong password: it must find the end of its input there.
	said=$(dd bs=1 count="$hactl_password" 2>/dev/null | sudo -k -S -p '' sh -c : 2>&1) &&
		become password sudo -k -S -p ''
elif [ "$hactl_how" != doas ] && have sudo; then
	try sudo -n && become sudo sudo -n
	case $said in *'password is required'*) tell password ;; esac
elif [ "$hactl_how" != sudo ] && have doas; then
	try doas -n && become doas doas -n
elif [ "$hactl_how" = auto ]; then
	said='neither sudo nor doas is installed'
else
	said="$hactl_how: not found"
fi
printf '%s\n' "$said" >&2
exit 1
