#!/usr/bin/env python3
"""screen.py ROWS COLUMNS FILE -- CMD...: runs CMD on a terminal of that size; FILE always has what it shows.

SIGTERM types Ctrl-C.  The exit status is CMD's; 98 when it wrote what this terminal does not know.
"""
import os, pty, re, select, signal, struct, sys, fcntl, termios

SEQUENCE = re.compile(r"\033\[([0-9;]*)([A-Za-z])|\033(?!\[)|\033\[[0-9;]*$")


class Screen:
    def __init__(self, rows, columns):
        self.rows, self.columns, self.row, self.column = rows, columns, 0, 0
        self.lines = [[" "] * columns for _ in range(rows)]
        self.rest, self.unknown = "", []

    def feed(self, text):
        text, at = self.rest + text, 0
        self.rest = ""
        while at < len(text):
            if text[at] == "\033":
                m = SEQUENCE.match(text, at)
                if not m or not m.group(2):
                    self.rest = text[at:]
                    return
                self.control(m.group(1), m.group(2))
                at = m.end()
            else:
                self.put(text[at])
                at += 1

    def control(self, numbers, letter):
        if letter == "H" and not numbers:
            self.row = self.column = 0
        elif letter in "JK":
            whole = numbers == "2"
            self.lines[self.row][0 if whole else self.column:] = [" "] * (self.columns - (0 if whole else self.column))
            for r in range(0 if whole else self.row + 1, self.rows) if letter == "J" else ():
                self.lines[r] = [" "] * self.columns
        elif letter != "m":
            self.unknown.append(numbers + letter)

    def put(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            self.row += 1
        else:
            if self.column == self.columns:
                self.row, self.column = self.row + 1, 0
            self.scroll()
            self.lines[self.row][self.column] = c
            self.column += 1
        self.scroll()

    def scroll(self):
        while self.row >= self.rows:
            self.lines = self.lines[1:] + [[" "] * self.columns]
            self.row -= 1

    def save(self, path):
        with open(path + ".part", "w") as f:
            f.write("".join("".join(line).rstrip() + "\n" for line in self.lines))
        os.rename(path + ".part", path)


def main():
    if len(sys.argv) < 6 or sys.argv[4] != "--":
        sys.exit(__doc__)
    rows, columns, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    screen = Screen(rows, columns)
    pid, master = pty.fork()
    if not pid:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it
        os.execvp(sys.argv[5], sys.argv[5:])
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    signal.signal(signal.SIGTERM, lambda *_: os.write(master, b"\x03"))
    while True:
        select.select([master], [], [])
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        screen.feed(data.decode(errors="replace"))
        screen.save(path)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if screen.unknown:
        print("unknown to this terminal:", sorted(set(screen.unknown)), file=sys.stderr)
    return 98 if screen.unknown else status


sys.exit(main())
