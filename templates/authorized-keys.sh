# Lets the key in the line $key log in as the user this runs as.  home: empty for the user's own.
# Prints "changed" when it was not let in yet.
umask 077
[ -n "$home" ] || home=$(getent passwd "$(id -u)" | cut -d: -f6)
[ -d "$home" ] || { echo "the home directory '$home' does not exist" >&2; exit 1; }
dir=$home/.ssh
file=$dir/authorized_keys
rest=${key#* }
blob=${rest%% *}

[ -d "$dir" ] || mkdir "$dir" || exit 1
if [ -f "$file" ] && grep -v '^[[:space:]]*#' "$file" | grep -qF -- "$blob"; then
	exit 0
fi
# A link is followed: what it names is replaced.
if [ -L "$file" ]; then
	file=$(readlink -f "$file") || exit 1
fi
tmp=$(mktemp "$file.XXXXXX") || exit 1
trap 'rm -f "$tmp"' EXIT
{
	# sed ends the last line where that was forgotten.
	[ ! -f "$file" ] || sed -e '$a\' "$file"
	printf '%s\n' "$key"
} >"$tmp" || exit 1
sync "$tmp" 2>/dev/null
mv -f "$tmp" "$file" || exit 1
# sshd's StrictModes: nobody else may write any of them.
chmod 700 "$dir" && chmod 600 "$file" || exit 1
chmod go-w "$home" 2>/dev/null
if command -v restorecon >/dev/null; then
	restorecon -R "$dir"
fi
echo changed
