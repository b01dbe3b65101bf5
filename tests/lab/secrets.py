#!/usr/bin/env python3
"""secrets.py watch NEEDLES OUT ROOT...: until SIGTERM, looks through the arguments and the environment of every
process of this machine (the nodes' too), and below each ROOT through files that others than their owner may
read, for each line of the file NEEDLES ("NAME VALUE"). What is found goes to OUT, a line each: NAME, where.

secrets.py type FILE CMD...: runs CMD on a terminal of its own and types FILE's lines, one at each question that
ends in ': '; the exit status is CMD's.
"""
import os, pty, select, signal, sys, time

PLACES = ("run", "tmp", "dev/shm", "var/tmp", "var/lib/hactl", "var/log", "etc/kubernetes", "etc/keepalived", "home")


def needles(path):
    return [(n, v.encode()) for n, _, v in (line.rstrip("\n").partition(" ") for line in open(path))]


def look_at_processes(wanted, seen, own):
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or pid == own:
            continue
        for what in ("cmdline", "environ"):
            try:
                data = open("/proc/%s/%s" % (pid, what), "rb").read()
            except OSError:
                continue
            for name, value in wanted:
                if value in data:
                    try:
                        comm = open("/proc/%s/comm" % pid).read().strip()
                    except OSError:
                        comm = "?"
                    seen.add("%s %s of %s" % (name, what, comm))


def look_at_files(wanted, seen, root):
    for place in PLACES:
        for folder, _, names in os.walk(os.path.join(root, place)):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    st = os.lstat(path)
                    if st.st_mode & 0o170000 != 0o100000 or not st.st_mode & 0o077 or st.st_size > 1 << 22:
                        continue
                    data = open(path, "rb").read()
                except OSError:
                    continue
                for needle, value in wanted:
                    if value in data:
                        seen.add("%s file %s mode %o" % (needle, path[len(root):], st.st_mode & 0o7777))


def watch(path, out, roots):
    wanted, seen, told, rounds, files_at = needles(path), set(), set(), 0, 0
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    own = str(os.getpid())
    with open(out, "w") as f:
        while going:
            look_at_processes(wanted, seen, own)
            if time.time() > files_at:
                for root in roots:
                    look_at_files(wanted, seen, root)
                files_at = time.time() + 0.3
            for line in sorted(seen - told):
                print(line, file=f, flush=True)
            told |= seen
            rounds += 1
        print("# %d rounds" % rounds, file=f)


def type_lines(path, command):
    lines = open(path, "rb").read().splitlines(keepends=True)
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    said = b""
    while True:
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
        said += data
        if said.endswith(b": ") and lines:
            os.write(fd, lines.pop(0))
            said = b""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if sys.argv[1] == "watch":
    watch(sys.argv[2], sys.argv[3], sys.argv[4:])
else:
    sys.exit(type_lines(sys.argv[2], sys.argv[3:]))
