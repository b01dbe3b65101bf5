# Moves the files of a tar stream on stdin into their places, all or none.
# In: hactl_files, for each a line "SHA256 MODE PATH"; hactl_roots, those of their directories that
# lie in none of the others, each in a line with a slash at its end.  The stream's members are
# ROOT/.hactl.$hactl_nonce/REST for ROOT/REST.
# Prints "changed NUMBER" for each file that was not as it should be.
# Starting a process is what costs most here, so there is one for all files where the shell itself
# cannot do it, tar makes the directories, and new ones move with all that is in them.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
set -f
# Lists have an item on each line; unquoted they are so many words.
IFS='
'
nl=$IFS
fresh=.hactl.$hactl_nonce
dirs="" there="" there_sums="" open="" private="" made="" stages="" nears="" bases="" items="" changed=""
staged="" staged_sums="" old="" olds="" begun=""

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# Of each file that was moved the old one comes back, or nothing.
undo() {
	# shellcheck disable=SC2086 # a list
	set -- $staged
	for file in $changed; do
		path=${file#* } place=$1
		before=${path%/*}/$fresh.old/${path##*/}
		shift
		if [ -e "$place" ]; then
			continue
		elif [ -e "$before" ] || [ -L "$before" ]; then
			mv -f "$before" "$path"
		else
			rm -f "$path"
		fi
	done
}

clean() {
	[ "$1" = 0 ] || [ -z "$begun" ] || undo
	# shellcheck disable=SC2086 # lists
	[ -z "$stages" ] || rm -rf $stages
	# shellcheck disable=SC2086
	[ "$1" = 0 ] || [ -z "$made" ] || rmdir $made 2>/dev/null
}

finish() {
	status=$?
	trap '' HUP INT TERM PIPE
	clean "$status"
	printf '\n%s %d\n' "$hactl_nonce" "$status" >&2
	printf '\n%s %d\n' "$hactl_nonce" "$status"
}

# has LIST ITEM
has() {
	case "$nl$1" in *"$nl$2$nl"*) return 0 ;; esac
	return 1
}

read_list() {
	for file in $hactl_files; do
		path=${file#* * } dir=${file#* * }
		dir=${dir%/*}
		[ ! -d "$path" ] || fail "'$path' is a directory"
		has "$dirs" "$dir/" || dirs="$dirs$dir/$nl"
		if [ -f "$path" ] && [ ! -L "$path" ] && [ -O "$path" ]; then
			there="$there$path$nl"
			there_sums="$there_sums${file%% *}  $path$nl"
		fi
	done
}

# Sets modes and result, a line for each of $there: its mode, and what sha256sum says of it.
look() {
	[ -n "$there" ] || return 0
	# shellcheck disable=SC2086
	modes=$(stat -c %a $there) || modes=
	result=$(sha256sum -c 2>/dev/null <<-END
		${there_sums%"$nl"}
	END
	)
}

# The root of DIR, or itself.
root_of() {
	for root in $hactl_roots; do
		root=${root%/}
		case $1/ in "$root"/*) return ;; esac
	done
	root=$1
}

# For what is new in DIR: sets base, the directory that it is moved to, and top, the directory in it
# that is new too, or nothing.  A root is there once tar has run.
find_base() {
	root_of "$1"
	base=$1 top=
	while [ "$base" != "$root" ] && [ ! -d "$base" ]; do
		top=$base base=${base%/*}
	done
}

# add_changed SUM NUMBER PATH
add_changed() {
	find_base "${3%/*}"
	has "$bases" "$base/" || bases="$bases$base/$nl"
	has "$items" "${top:-$3}" || items="$items${top:-$3}$nl"
	changed="$changed$2 $3$nl"
	staged="$staged$base/$fresh/${3#"$base"/}$nl"
	staged_sums="$staged_sums$1  $base/$fresh/${3#"$base"/}$nl"
}

choose() {
	look
	n=0
	# shellcheck disable=SC2086
	set -- $modes
	for file in $hactl_files; do
		n=$((n + 1))
		path=${file#* * } mode=${file#* }
		mode=${mode%% *}
		if has "$there" "$path"; then
			got=${result%%"$nl"*} result=${result#*"$nl"}
			access=${1:-}
			[ $# = 0 ] || shift
			case $access$got in "$mode/"*': OK') continue ;; esac
		fi
		add_changed "${file%% *}" "$n" "$path"
	done
}

# Adds DIR and those above it that are missing to $open or $private, topmost first.
plan_dir() {
	[ -n "$1" ] && [ ! -d "$1" ] || return 0
	! has "$open$private" "$1" || return 0
	plan_dir "${1%/*}"
	parent=${1%/*}
	if has "$open" "$parent"; then
		access=drwxr-x
	elif has "$private" "$parent"; then
		access=drwx------
	else
		access=$(ls -ld "${parent:-/}/.")
	fi
	case $access in
	drwx------*) private="$private$1$nl" ;;
	*) open="$open$1$nl" ;;
	esac
	made="$1$nl$made"
}

# GNU tar does not tell why it could make no directory (seen with 1.34): "Cannot open: No such file".
explain() {
	for dir in $stages; do
		why=$(mkdir -p "$dir" 2>&1) || fail "$why"
	done
	fail "the files could not be unpacked beside their places"
}

# Unpacks: what is new below ROOT lies in ROOT/$fresh then, the rest in the $fresh of its base, which
# may be another file system: only within one a rename is one step.
unpack() {
	for dir in $dirs; do
		plan_dir "${dir%/}"
	done
	for root in $hactl_roots; do
		stages="$stages${root%/}/$fresh$nl"
	done
	tar -x -p -m -f - -C / || explain
	for base in $bases; do
		has "$stages" "$base$fresh" || nears="$nears$base$nl"
	done
	[ -z "$nears" ] || bring_near
	[ -z "$open" ] || open_dirs
}

# shellcheck disable=SC2086
bring_near() {
	for base in $nears; do
		stages="$stages$base$fresh$nl"
		set -- "$@" "$base$fresh"
	done
	mkdir -m 700 "$@" || fail "a directory cannot be made"
	for base in $nears; do
		root_of "${base%/}"
		set --
		for item in $items; do
			[ "${item%/*}/" != "$base" ] || set -- "$@" "$root/$fresh/${item#"$root"/}"
		done
		mv -f "$@" "$base$fresh" || fail "files cannot be laid beside their places in '$base'"
	done
}

# tar made them private.
open_dirs() {
	set --
	for dir in $open; do
		find_base "$dir"
		[ -z "$top" ] || dir=$base/$fresh/${dir#"$base"/}
		set -- "$@" "$dir"
	done
	chmod 755 "$@" || fail "a directory cannot be opened"
}

verify() {
	# shellcheck disable=SC2086
	set -- $changed
	result=$(sha256sum -c 2>/dev/null <<-END
		${staged_sums%"$nl"}
	END
	) && return
	for got in $result; do
		case $got in *': OK') shift ;; *) break ;; esac
	done
	fail "'${1#* }' arrived with another SHA-256: try again"
}

# shellcheck disable=SC2086
keep_old() {
	set --
	for item in $items; do
		if [ -e "$item" ] || [ -L "$item" ]; then
			old="$old$item$nl"
			has "$olds" "${item%/*}/$fresh.old" || olds="$olds${item%/*}/$fresh.old$nl"
		fi
	done
	[ -n "$old" ] || return 0
	stages="$stages$olds"
	mkdir $olds || fail "a directory cannot be made"
	for dir in $olds; do
		set --
		for item in $old; do
			[ "${item%/*}" != "${dir%/*}" ] || set -- "$@" "$item"
		done
		ln "$@" "$dir" 2>/dev/null || cp -p -P -f "$@" "$dir" || fail "files in '${dir%/*}' cannot be kept aside"
	done
}

replace() {
	set --
	for item in $items; do
		[ "${item%/*}/" != "$base" ] || set -- "$@" "$base$fresh/${item##*/}"
	done
	mv -f "$@" "$base" || fail "files in '$base' cannot be replaced"
}

trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
printf '\n%s\n' "$hactl_nonce"
printf '\n%s\n' "$hactl_nonce" >&2

for tool in tar sha256sum stat; do
	command -v "$tool" >/dev/null || exit 69 # remote-put-plain.sh does without
done
read_list
choose
[ -n "$changed" ] || exit 0
unpack
verify
# shellcheck disable=SC2086
sync $staged 2>/dev/null
keep_old
begun=yes
for base in $bases; do
	replace
done
for file in $changed; do
	printf 'changed %d\n' "${file%% *}"
done
