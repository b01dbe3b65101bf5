# What remote-put.sh does, where backups are wanted or a tool is missing that it needs.
# In: hactl_manifest (its size).  The manifest is what comes first on stdin: three lines per file,
# "SHA256 MODE SIZE", the path, and where the version before is to be kept (or nothing).  After it
# come the contents, one after the other.  Prints "changed NUMBER" for each file that was not as it
# should be.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
stage= dirs=

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

full() { fail "'$stage' is full"; }
have() { command -v "$1" >/dev/null; }

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
	set -- "$1" "$stage"
	while IFS= read -r tmp; do
		set -- "$@" "$tmp" "$tmp.old"
	done <"$stage/temps"
	while [ "$1" != 0 ] && IFS= read -r dir; do
		dirs="$dirs$dir
"
	done <"$stage/dirs"
	shift
	rm -rf "$@"
	printf '%s' "$dirs" | while IFS= read -r dir; do rmdir "$dir" 2>/dev/null; done
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

# Names with the nonce are new, and nobody could have known them.
make_stage() {
	for dir in /run /dev/shm /tmp; do
		stage=$dir/hactl.$hactl_nonce
		mkdir "$stage" 2>/dev/null && break
		stage=
	done
	[ -n "$stage" ] || fail "no room for temporary files in /run, /dev/shm or /tmp"
	for list in done temps dirs todo sums modes there; do
		true >"$stage/$list" || full
	done
}

# ---- what comes on stdin

# take BYTES: exactly so many, and in blocks where dd waits for whole ones.
take() {
	blocks=0
	if dd count=0 iflag=fullblock </dev/null 2>/dev/null; then
		blocks=$(($1 / 512))
		[ $blocks = 0 ] || dd bs=512 count=$blocks iflag=fullblock <&3 2>/dev/null
	fi
	[ $(($1 - blocks * 512)) = 0 ] || dd bs=1 count=$(($1 - blocks * 512)) <&3 2>/dev/null
}

unpack() {
	exec 3<&0
	take "$hactl_manifest" >"$stage/manifest" || return
	n=0
	while next; do
		n=$((n + 1))
		take "$size" >"$stage/$n" || return
	done <"$stage/manifest"
}

# ---- what there is

next() { IFS=' ' read -r sum mode size && IFS= read -r path && IFS= read -r backup; }

find_sum_tool() {
	for sum_tool in sha256sum 'shasum -a 256' 'openssl dgst -sha256 -r'; do
		! have "${sum_tool%% *}" || return 0
	done
	fail "'sha256sum' is missing: install coreutils"
}

# A line "MODE:OWNER" for each; without stat, one that is never right.
modes() {
	if have stat; then
		stat -c %a:%u "$@" || fail "a file cannot be looked at"
	else
		for path; do echo '?'; done
	fi
}

look() {
	set --
	while next; do
		[ ! -d "$path" ] || fail "'$path' is a directory"
		if [ -f "$path" ] && [ ! -L "$path" ]; then
			set -- "$@" "$path"
			echo yes
		else
			echo no
		fi
	done <"$stage/manifest" >"$stage/there" || full
	[ $# != 0 ] || return 0
	$sum_tool "$@" >"$stage/sums" || fail "a file cannot be read"
	modes "$@" >"$stage/modes" || exit 1
}

is_equal() {
	read -r is_there <&6
	[ "$is_there" = yes ] || return 1
	read -r is_sum is_name <&4 && read -r is_mode <&5 || fail "'$path' vanished: try again"
	# in front of the sum of a name with a backslash there is one too
	case $is_sum in \\*) is_sum=${is_sum#?} ;; esac
	[ "$is_sum $is_mode" = "$sum $mode:$uid" ]
}

# ---- beside their places

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
		mv -f "$stage/dirs.new" "$stage/dirs" || full
}

# lay NUMBER FROM TO [-p]: a copy beside TO, to be moved there.
lay() {
	make_dirs "${3%/*}"
	tmp=${3%/*}/.hactl.$hactl_nonce.$n${4:+.old-one}
	printf '%s\n' "$tmp" >>"$stage/temps" || full
	cp $4 "$2" "$tmp" || fail "'$3' cannot be written"
	printf '%s\n%s\n%s\n' "$1" "$tmp" "$3" >>"$stage/todo" || full
}

lay_all() {
	n=0
	while next; do
		n=$((n + 1))
		is_equal && continue
		if [ -n "$backup" ] && [ -f "$path" ]; then
			[ ! -d "$backup" ] || fail "'$backup' is a directory"
			lay 0 "$path" "$backup" -p
		fi
		lay $n "$stage/$n" "$path"
		[ "$mode" = 600 ] || chmod "$mode" "$tmp" || fail "'$path' cannot be given mode $mode"
		printf '%s\n%s\n' "$sum" "$path" >>"$stage/expected" || full
		printf '%s\n' "$tmp" >>"$stage/new" || full
	done <"$stage/manifest" 4<"$stage/sums" 5<"$stage/modes" 6<"$stage/there"
}

verify() {
	set --
	while IFS= read -r tmp; do set -- "$@" "$tmp"; done <"$stage/new"
	if [ "$uid" = 0 ]; then
		chown 0:0 "$@" || fail "a file cannot be given to root"
	fi
	$sum_tool "$@" >"$stage/sums" || fail "what was written cannot be read"
	while IFS= read -r sum && IFS= read -r path; do
		read -r is_sum is_name <&4
		case $is_sum in \\*) is_sum=${is_sum#?} ;; esac
		[ "$is_sum" = "$sum" ] || fail "'$path' arrived with another SHA-256: try again"
	done <"$stage/expected" 4<"$stage/sums"
	set --
	while IFS= read -r tmp; do set -- "$@" "$tmp"; done <"$stage/temps"
	sync "$@" 2>/dev/null # a new name never gets there before its content
	:
}

# ---- into their places

replace() {
	if [ -e "$path" ] || [ -L "$path" ]; then
		ln "$path" "$tmp.old" 2>/dev/null || cp -p "$path" "$tmp.old" ||
			fail "'$path' cannot be kept aside"
	fi
	printf '%s\n%s\n' "$tmp" "$path" >>"$stage/done" || full
	mv -f "$tmp" "$path" || fail "'$path' cannot be replaced"
	[ "$n" = 0 ] || printf 'changed %d\n' "$n"
}

replace_all() {
	set --
	while IFS= read -r n && IFS= read -r tmp && IFS= read -r path; do
		replace
		set -- "$@" "${path%/*}/"
	done <"$stage/todo"
	sync "$@" 2>/dev/null
	:
}

trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
printf '\n%s\n' "$hactl_nonce"
printf '\n%s\n' "$hactl_nonce" >&2

uid=$(id -u)
find_sum_tool
make_stage
unpack || fail "the files could not be stored in '$stage'"
look
lay_all
[ ! -s "$stage/todo" ] || { verify && replace_all; }
