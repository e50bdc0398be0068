# SPDX-License-Identifier: GPL-2.0-only
"""Runs a full-screen program on a terminal of its own and prints, as text, what it shows.

Usage: screen.py SECONDS COMMAND [ARGUMENT...]

It shows what is there SECONDS after the program first drew something, or after LIMIT seconds.

Understands what terminfo's vt100 entry makes curses send, which is a small part of VT100.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

ROWS, COLUMNS = 60, 200
LIMIT = 20
TOKEN = re.compile(
    r"\x1b\[(?P<parameters>[?0-9;]*)(?P<final>[@-~])"
    r"|\x1b[()][0-9A-Z]|\x1b(?P<escape>[78=>McDEH])|(?P<control>[\x00-\x1f])|(?P<text>[^\x00-\x1f]+)"
)


class Screen:
    def __init__(self):
        self.cells = [[" "] * COLUMNS for _ in range(ROWS)]
        self.row = self.column = 0
        self.saved = (0, 0)

    def put(self, text):
        for character in text:
            if self.column == COLUMNS:
                self.column = 0
                self.line_feed()
            self.cells[self.row][self.column] = character
            self.column += 1

    def line_feed(self):
        if self.row + 1 < ROWS:
            self.row += 1
        else:
            self.cells = self.cells[1:] + [[" "] * COLUMNS]

    def control(self, code):
        if code == "\r":
            self.column = 0
        elif code == "\n":
            self.line_feed()
        elif code == "\b":
            self.column = max(0, self.column - 1)
        elif code == "\t":
            self.column = min(COLUMNS - 1, (self.column // 8 + 1) * 8)

    def blank(self, row, begin, end):
        self.cells[row][begin:end] = [" "] * (end - begin)

    def sequence(self, parameters, final):
        numbers = [int(number or 0) for number in parameters.lstrip("?").split(";")]
        count = max(1, numbers[0])
        if final in "Hf":
            self.row = min(count, ROWS) - 1
            self.column = min(max(1, numbers[1] if len(numbers) > 1 else 1), COLUMNS) - 1
        elif final == "A":
            self.row = max(0, self.row - count)
        elif final == "B":
            self.row = min(ROWS - 1, self.row + count)
        elif final == "C":
            self.column = min(COLUMNS - 1, self.column + count)
        elif final == "D":
            self.column = max(0, min(self.column, COLUMNS - 1) - count)
        elif final == "K":
            begin = self.column if numbers[0] == 0 else 0
            end = self.column + 1 if numbers[0] == 1 else COLUMNS
            self.blank(self.row, begin, min(end, COLUMNS))
        elif final == "J":
            if numbers[0] == 0:
                self.blank(self.row, self.column, COLUMNS)
            for row in range(self.row + 1 if numbers[0] == 0 else 0, ROWS):
                if numbers[0] != 1 or row < self.row:
                    self.blank(row, 0, COLUMNS)
        elif final not in "mhlr":
            raise SystemExit("screen.py: unexpected control sequence %r" % (parameters + final))

    def feed(self, text):
        """Shows text and returns what is left of it: a sequence that is not yet complete."""
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if match is None:
                return text[at:]
            if match["final"]:
                self.sequence(match["parameters"], match["final"])
            elif match["escape"] == "7":
                self.saved = (self.row, self.column)
            elif match["escape"] == "8":
                self.row, self.column = self.saved
            elif match["escape"] == "M":
                self.row = max(0, self.row - 1)
            elif match["control"]:
                self.control(match["control"])
            elif match["text"]:
                self.put(match["text"])
            at = match.end()
        return ""

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells).rstrip()


def main():
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    pid, terminal = pty.fork()
    if pid == 0:
        # The parent sets the size before it lets the program start.
        sys.stdin.readline()
        os.environ["TERM"] = "vt100"
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    attributes = termios.tcgetattr(terminal)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
    os.write(terminal, b"\n")
    screen, rest, drawn, end = Screen(), "", False, time.monotonic() + LIMIT
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], end - time.monotonic())
        if not ready:
            break
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        rest = screen.feed(rest + data.decode("latin-1"))
        if not drawn and screen.text():
            drawn, end = True, time.monotonic() + seconds
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print(screen.text())


main()
