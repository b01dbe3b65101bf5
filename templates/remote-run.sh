# Runs $hactl_script between two lines with $hactl_nonce on each stream; the last line on stdout
# also has its exit status.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
printf '\n%s\n' "$hactl_nonce"
printf '\n%s\n' "$hactl_nonce" >&2
(eval "$hactl_script") </dev/null
hactl_status=$?
printf '\n%s %d\n' "$hactl_nonce" "$hactl_status" >&2
printf '\n%s %d\n' "$hactl_nonce" "$hactl_status"
