# Moves the files of a tar stream on stdin into their places, all or none.
# Its first member, "manifest", has two lines per file: "SHA256 MODE" and the path.  The members
# after it are the contents, named by their number.  Prints "changed NUMBER" for each file that
# was not as it should be.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
stage=

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

undo() {
	while IFS= read -r tmp && IFS= read -r path; do
		if [ -e "$tmp.old" ] || [ -L "$tmp.old" ]; then
			mv -f "$tmp.old" "$path"
		else
			rm -f "$path"
		fi
	done <"$stage/done"
}

clean() {
	while IFS= read -r tmp; do
		rm -f "$tmp" "$tmp.old"
	done <"$stage/temps"
	while [ "$1" != 0 ] && IFS= read -r dir; do
		rmdir "$dir" 2>/dev/null
	done <"$stage/dirs"
	rm -rf "$stage"
}

finish() {
	status=$?
	trap '' HUP INT TERM PIPE
	if [ -n "$stage" ]; then
		[ "$status" = 0 ] || undo
		clean "$status"
	fi
	printf '\n%s %d\n' "$hactl_nonce" "$status" >&2
	printf '\n%s %d\n' "$hactl_nonce" "$status"
}

make_stage() {
	for dir in /run /dev/shm /tmp; do
		stage=$(mktemp -d "$dir/hactl.XXXXXX" 2>/dev/null) && break
	done
	[ -n "$stage" ] || fail "no room for temporary files in /run, /dev/shm or /tmp"
	true >"$stage/done" >"$stage/temps" >"$stage/dirs" >"$stage/todo" || fail "'$stage' is full"
}

sum_of() {
	got=$(sha256sum <"$1") || fail "'$1' cannot be read"
	got=${got%% *}
}

is_equal() {
	[ -f "$path" ] && [ ! -L "$path" ] || return 1
	[ "$(stat -c %a:%u "$path")" = "$mode:$uid" ] || return 1
	sum_of "$path"
	[ "$got" = "$sum" ]
}

make_dirs() {
	[ -n "$1" ] && [ ! -d "$1" ] || return 0
	make_dirs "${1%/*}"
	parent=${1%/*}
	case $(ls -ld "${parent:-/}/.") in
	drwx------*) access=700 ;;
	*) access=755 ;;
	esac
	mkdir -m "$access" "$1" || fail "directory '$1' cannot be made"
	{ printf '%s\n' "$1" && cat "$stage/dirs"; } >"$stage/dirs.new" &&
		mv -f "$stage/dirs.new" "$stage/dirs" || fail "'$stage' is full"
}

prepare() {
	tmp=$(mktemp "$dir/.hactl.XXXXXX") || fail "no file can be made in '$dir'"
	printf '%s\n' "$tmp" >>"$stage/temps" || fail "'$stage' is full"
	cat "$stage/$n" >"$tmp" || fail "'$path' cannot be written"
	sum_of "$tmp"
	[ "$got" = "$sum" ] || fail "'$path' arrived with another SHA-256: try again"
	if [ "$uid" = 0 ]; then
		chown 0:0 "$tmp" || fail "'$path' cannot be given to root"
	fi
	chmod "$mode" "$tmp" || fail "'$path' cannot be given mode $mode"
	sync "$tmp" 2>/dev/null
	printf '%s\n%s\n%s\n' "$n" "$tmp" "$path" >>"$stage/todo" || fail "'$stage' is full"
}

replace() {
	if [ -e "$path" ] || [ -L "$path" ]; then
		ln "$path" "$tmp.old" 2>/dev/null || cp -p "$path" "$tmp.old" ||
			fail "'$path' cannot be kept aside"
	fi
	printf '%s\n%s\n' "$tmp" "$path" >>"$stage/done" || fail "'$stage' is full"
	mv -f "$tmp" "$path" || fail "'$path' cannot be replaced"
	printf 'changed %d\n' "$n"
}

trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
printf '\n%s\n' "$hactl_nonce"
printf '\n%s\n' "$hactl_nonce" >&2

for tool in tar sha256sum mktemp stat; do
	command -v "$tool" >/dev/null || fail "'$tool' is missing: install it"
done
uid=$(id -u)
make_stage
tar -x -o -f - -C "$stage" || fail "the files could not be unpacked in '$stage'"

n=0
while IFS=' ' read -r sum mode && IFS= read -r path; do
	n=$((n + 1))
	dir=${path%/*}
	[ ! -d "$path" ] || fail "'$path' is a directory"
	is_equal && continue
	make_dirs "$dir"
	prepare
done <"$stage/manifest"

while IFS= read -r n && IFS= read -r tmp && IFS= read -r path; do
	replace
done <"$stage/todo"
