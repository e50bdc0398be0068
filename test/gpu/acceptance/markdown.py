# SPDX-License-Identifier: GPL-2.0-only
"""The record of a run: docs/gpu-results.md."""

import time

HEAD = """<!-- SPDX-License-Identifier: GPL-2.0-only -->
<!-- Written by `test/gpu/run.py --markdown`; not edited. -->
# Seen on a real GPU

| | |
| --- | --- |
| date | %(date)s |
| GPU | %(gpu)s |
| driver | %(driver)s |
| kernel | %(kernel)s |
| libmpu.so | SHA-256 %(library)s... |
| checks | %(count)d, %(failed)d failed |

What each check is: [testing.md](testing.md#on-a-real-gpu). "A driver made R1" is this driver seen through
`rm-regime`, which answers as releases of that regime do; it does not follow 32-bit programs and wrapped requests.

| section | checks | failed |
| --- | --- | --- |
"""

COST = """Medians of runs with and without libmpu.so in turn, in a container, on one processor; in brackets, how far apart the
quartiles are.

"""


def table(rows):
    return "".join("| %s |\n" % " | ".join(str(cell) for cell in row) for row in rows)


def write(path, report, facts, cost):
    """cost: rows of what, without, with, ratio."""
    count = report.count - len(report.skipped)
    values = dict(facts, date=time.strftime("%Y-%m-%d"), count=count, failed=len(report.failed))
    text = HEAD % values
    text += table([title, checks, failures] for title, checks, failures in report.sections)
    for title, items in (("Failed", report.failed), ("Not tested", report.skipped)):
        if items:
            text += "\n## %s\n\n%s" % (title, "".join("- %s\n" % item for item in items))
    if cost:
        text += "\n## Cost\n\n" + COST
        text += "| | without | with | ratio |\n| --- | --- | --- | --- |\n" + table(cost)
    for title, output in report.outputs:
        text += "\n## %s\n\n```\n%s\n```\n" % (title, output.strip())
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
