# SPDX-License-Identifier: GPL-2.0-only
"""Acceptance on a real NVIDIA GPU, as root: npm run test:gpu. Prints TAP; see docs/testing.md.

Usage: run.py [--build DIR] [--markdown FILE] [--only SECTION[,SECTION...]]
       run.py --simulated-client [OPTION...]   see simulated_client.py

Sections: native, mps, R0, R1, R2, R3a, R3b, cost. No setting of a GPU is changed. Exit status: 0 all is right, 1 a check
failed, 3 this machine cannot be tested on.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "acceptance"))

# pylint: disable=wrong-import-position
import cost  # noqa: E402
import machine  # noqa: E402
import markdown  # noqa: E402
import mps  # noqa: E402
from clients import Clients  # noqa: E402
from report import Report  # noqa: E402

OWN_MOUNTS = "MPU_GPU_OWN_MOUNTS"
DEFAULT_PIDNS = "/run/mpu/pidns"
VERSION_FILE = "/sys/module/nvidia/version"
# A release of each regime.
OLDER = {"R0": "535.104.12", "R1": "550.163.01", "R2": "565.77", "R3a": "570.124.06", "R3b": "570.144"}
UNIT_MIB = 2000
UNITS = 70  # of all processes together, with room for contexts


class Run:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.report = Report()
        self.made = []
        self.mounted = []
        self.regime = None  # of the driver as it is, when that is known
        self.pidns = os.path.join(directory, "pidns")
        build = options.build
        self.simulated = options.simulated
        self.program = options.simulated or os.path.join(build, "test/gpu/cuda-process")
        self.rm_regime = os.path.join(build, "test/gpu/rm-regime")

    def bind_pidns(self):
        """The host's PID namespace where containers can be given it, in this program's mount namespace alone."""
        for path in (self.pidns, DEFAULT_PIDNS):
            for missing, make in ((os.path.dirname(path), os.mkdir), (path, os.mknod)):
                if not os.path.exists(missing):
                    make(missing)
                    self.made.append(missing)
            subprocess.run(["mount", "--bind", "/proc/self/ns/pid", path], check=True)
            self.mounted.append(path)

    def close(self):
        """Takes away what it put into the file system."""
        for path in self.mounted:
            subprocess.run(["umount", path], check=True)
        for path in reversed(self.made):
            (os.rmdir if os.path.isdir(path) else os.remove)(path)

    def unit(self, facts):
        return min(UNIT_MIB, facts["memory"] // UNITS)

    def session(self, title, wrapper, arguments, facts):
        """Runs session.py; what it found is added to the report."""
        result = os.path.join(self.directory, "result")
        with open(result, "w", encoding="ascii") as file:
            json.dump({"count": 0, "failed": [], "skipped": [], "sections": [], "outputs": [], "regime": None}, file)
        argv = wrapper + [sys.executable, os.path.join(HERE, "acceptance/session.py")]
        argv += ["--title", title, "--result", result, "--build", self.options.build]
        argv += ["--program", self.program, "--pidns", self.pidns, "--unit", str(self.unit(facts))]
        argv += ["--simulated"] if self.simulated else []
        argv += arguments
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        # its checks count from one, these go on
        with open(result, encoding="ascii") as file:
            found = json.load(file)
        number = self.report.count
        for line in done.stdout.splitlines():
            words = line.split(" - ", 1)
            if len(words) == 2 and words[0].split(" ")[0] in ("ok", "not"):
                number += 1
                line = "%s %d - %s" % (words[0].rsplit(" ", 1)[0], number, words[1])
            print(line)
        sys.stdout.flush()
        self.report.take(found)
        if done.returncode != 0 or not found["count"]:
            self.report.section(title)
            self.report.check(False, "ran to its end", status=done.returncode)
        return found["regime"]

    def native(self, facts):
        layout, _ = machine.sample_layout(self.options.layouts or facts["driver"])
        self.regime = self.session("the driver as it is", [], ["--samples", layout], facts)

    def older(self, regime, facts):
        release = OLDER[regime]
        title = "the driver made %s (%s)" % (regime, release)
        if not os.path.exists(self.rm_regime):
            self.report.skip(title, "rm-regime is made for x86-64 alone")
            return
        if self.regime not in (None, "R4"):
            self.report.skip(title, "rm-regime needs a driver of regime R4 below it, this one is " + self.regime)
            return
        log = os.path.join(self.directory, "log-" + regime)
        wrapper = []
        if not self.simulated:
            version = os.path.join(self.directory, "version-" + regime)
            with open(version, "w", encoding="ascii") as file:
                file.write(release + "\n")
            cover = 'mount --bind "$0" %s && exec "$@"' % VERSION_FILE
            wrapper = ["unshare", "--mount", "sh", "-c", cover, version]
        older = self.options.layouts or release
        layout, engines = machine.sample_layout(older)
        wrapper += [self.rm_regime, "--regime", regime, "--driver", older, "--log", log, "--"]
        arguments = ["--regime", regime, "--samples", layout]
        if layout != machine.sample_layout(self.options.layouts or facts["driver"])[0]:
            arguments += ["--engines", str(engines)]
        self.session(title, wrapper, arguments, facts)
        self.report.section(title + ", afterwards")
        # daemons that were there before hold clients too, that do not compute
        found = sorted({line for line in machine.read(log).splitlines() if " 0x2080," not in line})
        self.report.same(found, [], "rm-regime knew every client that the driver listed")

    def clients_of(self, world):
        return Clients(world, self.options.build, self.pidns)

    def mps(self, facts):
        mps.look(self.report, self.clients_of, self.program, self.unit(facts), bool(self.simulated))

    def cost(self, facts):
        self.report.section("cost")
        return cost.measure(self.report, self.clients_of, self.program, self.unit(facts), bool(self.simulated))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))
    parser.add_argument("--markdown")
    parser.add_argument("--only", default="native,mps,R0,R1,R2,R3a,R3b,cost")
    # for the test of this program, which runs on rm-sim: gpu-process, and the release of the NVML there
    parser.add_argument("--simulated", help=argparse.SUPPRESS)
    parser.add_argument("--layouts", help=argparse.SUPPRESS)
    return parser.parse_args()


def fail(reason):
    print("1..0 # SKIP NOT TESTED: " + reason)
    print("run.py: " + reason, file=sys.stderr)
    sys.exit(3)


def main():
    if sys.argv[1:2] == ["--simulated-client"]:
        program = os.path.join(HERE, "simulated_client.py")
        os.execv(sys.executable, [sys.executable, program] + sys.argv[2:])
    options = parse()
    if not options.simulated and machine.lacks():
        fail(machine.lacks())
    if OWN_MOUNTS not in os.environ:
        os.environ[OWN_MOUNTS] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable] + sys.argv)
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    if machine.in_use():
        fail("the GPU is in use, so that what is shown cannot be foretold: " + machine.in_use())
    directory = tempfile.mkdtemp(prefix="mpu-gpu-run-")
    os.chmod(directory, 0o755)
    run = Run(options, directory)
    try:
        run.bind_pidns()
        facts = machine.facts()
        before = machine.settings()
        rows = []
        for section in options.only.split(","):
            if section == "native":
                run.native(facts)
            elif section == "mps":
                run.mps(facts)
            elif section == "cost":
                rows = run.cost(facts)
            else:
                run.older(section, facts)
        report = run.report
        report.section("the machine")
        report.note("GPU %(gpu)s, driver %(driver)s, kernel %(kernel)s" % facts)
        report.same(machine.settings(), before, "the GPU's settings are as they were found")
        if machine.cannot_load_modules():
            report.skip("mpu.ko", machine.cannot_load_modules())
        if options.markdown:
            library = os.path.join(options.build, "preload", os.uname().machine, "libmpu.so")
            markdown.write(options.markdown, report, dict(facts, library=machine.fingerprint(library)), rows)
        return report.end()
    finally:
        run.close()
        shutil.rmtree(directory)


sys.exit(main())
