#!/usr/bin/env python3
"""typist.py [-d SECONDS] [-a PATTERN ANSWER]... -- CMD...: runs CMD on a terminal of its own and types.

Each PATTERN (a regular expression) that appears is answered, SECONDS later, by the next ANSWER that was
given for it and Enter; ANSWER '^C' is that key alone. What the terminal shows goes to stdout; the last line says whether its echo is on. The exit status
is CMD's, 99 after 120 s.
"""
import os, pty, re, select, signal, sys, termios, time


def arguments():
    args, pairs, delay = sys.argv[1:], [], 0.3
    if args[:1] == ["-d"]:
        delay, args = float(args[1]), args[2:]
    while args and args[0] == "-a":
        pairs.append((re.compile(args[1]), args[2]))
        args = args[3:]
    if not args or args[0] != "--":
        sys.exit(__doc__)
    return pairs, delay, args[1:]


def main():
    pairs, delay, command = arguments()
    master, slave = pty.openpty()
    pid = os.fork()
    if not pid:
        attach(slave)
        os.execvp(command[0], command)
    shown, seen, end, done = "", 0, time.time() + 120, 0
    while True:
        if not done:
            done, status = os.waitpid(pid, os.WNOHANG)
        ready = select.select([master], [], [], 0.05)[0]
        if ready:
            shown += os.read(master, 65536).decode(errors="replace")
        for i, (pattern, answer) in enumerate(pairs):
            found = pattern.search(shown, seen)
            if found:
                seen = found.end()
                if any(p.pattern == pattern.pattern for p, _ in pairs[i + 1:]):
                    del pairs[i]
                time.sleep(delay)
                os.write(master, b"\x03" if answer == "^C" else answer.encode() + b"\n")
                break
        if done and not ready:
            break
        if time.time() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            status = 99 << 8
            break
    sys.stdout.write(shown.replace("\r\n", "\n"))
    echo = termios.tcgetattr(slave)[3] & termios.ECHO
    print("\necho is", "on" if echo else "off")
    return os.waitstatus_to_exitcode(status)


def attach(slave):
    import fcntl
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    # a shell that runs us in the background has them ignored, and a program at a terminal has not
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


status = main()
sys.exit(status if status >= 0 else 128 - status)
