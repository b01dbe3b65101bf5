#!/bin/bash
# Users other than root: sudo without a password and with one, what sudo may refuse and why; commands end
# with hactl, however it ends.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

fresh 1

# as USER [KEYS]: a configuration for that user, with more keys of ssh.
as() { sed "s|^ssh: {user: root|ssh: {${2:+$2, }user: $1|" "$W/hactl.yaml" >"$W/$1.yaml"; }
run() { hactl exec -c "$W/$1.yaml" m1 -- "$2"; }
is_root() { [ "$(run "$1" 'id -u' 2>/dev/null)" = "m1: 0" ]; }
sudoers() { echo "$*" | lab ssh m1 'cat >/etc/sudoers.d/zz && chmod 440 /etc/sudoers.d/zz'; }
attempts() { lab ssh m1 'journalctl -q _COMM=sudo | grep -c "authentication failure"'; }

as root; as ops; as dev
printf 'lab-dev\n' >"$W/right"
printf 'wrong\n' >"$W/wrong"

holds "root needs no sudo" is_root root
holds "sudo without a password" is_root ops
refuses 4 "sudo wants a password that nobody gives" 'm1: .*sudo wants a password' 'ssh.sudoPasswordFile' -- run dev id
as dev "sudoPasswordFile: $W/right"
holds "sudo with a password from a file" is_root dev
for setting in use_pty '!use_pty' timestamp_timeout=0 timestamp_timeout=99 '!tty_tickets' passwd_tries=1 lecture=always log_input; do
  sudoers "Defaults $setting"
  holds "sudo with a password and $setting" is_root dev
  holds "sudo without one and $setting" is_root ops
done
holds "a long script is not taken for a password, nor the password for a script" \
  test "$(run dev "echo $(head -c 20000 /dev/zero | tr '\0' x) | wc -c; cat | wc -c" 2>/dev/null | tr '\n' ' ')" = "m1: 20001 m1: 0 "
lab ssh m1 rm /etc/sudoers.d/zz

as dev "sudoPasswordFile: $W/wrong"
before=$(attempts)
refuses 4 "a wrong password is named" 'm1: .*wrong' -- run dev id
holds "and was tried once" test $(($(attempts) - before)) = 1

sudoers 'Defaults requiretty'
refuses 4 "a sudo that wants a terminal" "remove 'requiretty'" -- run ops id
lab ssh m1 rm /etc/sudoers.d/zz
lab ssh m1 mv /etc/sudoers.d/dev /root/dev
as dev "sudoPasswordFile: $W/right"
refuses 4 "a user who is not in sudoers" 'add it to sudoers' -- run dev id
lab ssh m1 mv /root/dev /etc/sudoers.d/dev
lab ssh m1 mv /usr/bin/sudo /usr/bin/sudo.away
refuses 4 "no sudo and no doas" 'neither|cannot become' -- run ops id
lab ssh m1 mv /usr/bin/sudo.away /usr/bin/sudo

# ---- commands end with hactl, as root, through sudo and in sudo's terminal
# ends_with SIGNAL USER: hactl ends by SIGNAL while a command runs that heeds no SIGTERM.
ends_with() {
  local pid remote
  lab ssh m1 rm -f /tmp/pid
  exec_op "$HACTL" exec -c "$W/$2.yaml" m1 -- \
    "sh -c 'trap : TERM HUP; echo \$\$ >/tmp/pid; while :; do sleep 0.2; done'" </dev/null >/dev/null 2>&1 3>&- &
  pid=$!
  within 20 lab ssh m1 test -s /tmp/pid || return
  remote=$(lab ssh m1 cat /tmp/pid)
  kill "-$1" $pid
  wait $pid 2>/dev/null
  within 15 lab ssh m1 "! kill -0 $remote 2>/dev/null"
}
for user in root ops dev; do
  holds "a command of $user ends when hactl is told to end" ends_with TERM $user
  holds "a command of $user ends when hactl is killed" ends_with KILL $user
done
sudoers 'Defaults use_pty'
holds "a command in sudo's terminal ends when hactl is killed" ends_with KILL dev
holds "no watcher stays behind" within 10 lab ssh m1 '! pgrep -x timeout && ! pgrep -x cat'
