# SPDX-License-Identifier: GPL-2.0-only
"""Results as TAP on standard output, and kept for the record that --markdown writes."""

import json
import sys


class Report:
    """Counts checks; every one is printed at once."""

    def __init__(self, stream=sys.stdout):
        self.stream = stream
        self.count = 0
        self.failed = []
        self.skipped = []
        self.sections = []  # [title, checks, failures]
        self.outputs = []  # [title, text] for the record
        self.regime = None  # how the driver was found to answer

    def _print(self, text):
        print(text, file=self.stream, flush=True)

    def section(self, title):
        self.sections.append([title, 0, 0])
        self._print("# " + title)

    def note(self, text):
        """A measurement or an observation: no check."""
        self._print("#   " + text.replace("\n", "\n#   "))

    def check(self, passed, name, **details):
        """One check; what it saw is printed when it failed."""
        self.count += 1
        section = self.sections[-1]
        section[1] += 1
        full = "%s: %s" % (section[0], name)
        self._print("%s %d - %s" % ("ok" if passed else "not ok", self.count, full.replace("#", "")))
        if not passed:
            section[2] += 1
            self.failed.append(full)
            for key, value in details.items():
                self._print("#   %s: %s" % (key, json.dumps(value, default=sorted)))
        return passed

    def same(self, found, wanted, name):
        return self.check(found == wanted, name, found=found, wanted=wanted)

    def skip(self, name, reason):
        """Something that cannot be tested here, said and not passed over."""
        self.count += 1
        self.skipped.append("%s: %s" % (name, reason))
        self._print("ok %d - %s # SKIP NOT TESTED: %s" % (self.count, name, reason))

    def end(self):
        """Prints the plan; the exit status."""
        self._print("1..%d" % self.count)
        self._print(
            "# %d checks, %d failed, %d not tested"
            % (self.count - len(self.skipped), len(self.failed), len(self.skipped))
        )
        return 1 if self.failed else 0

    def as_json(self):
        return {
            "count": self.count,
            "failed": self.failed,
            "skipped": self.skipped,
            "sections": self.sections,
            "outputs": self.outputs,
            "regime": self.regime,
        }

    def take(self, other):
        """Adds what another report came to, which has printed its checks itself."""
        self.count += other["count"]
        self.failed += other["failed"]
        self.skipped += other["skipped"]
        self.sections += other["sections"]
        self.outputs += other["outputs"]
