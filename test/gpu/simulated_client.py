#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""This machine's own nvidia-smi and NVML on the simulated driver, in every regime: npm run test:gpu -- --simulated-client.

Usage: simulated_client.py [--build DIR] [--regimes R0,R1,...] [--log DIR]

For clients that no package registry has, on machines whose driver brings them; nothing of the GPU is used. Each
regime is a run of run.py below rm-sim, whose driver says that it is the client's own release. --log keeps each
run's output, and what the clients asked, in DIR. Exit status: 0 all is right, 1 a check failed, 3 this machine
cannot be tested on.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REGIMES = "R0,R1,R2,R3a,R3b,R4"
LIMIT_SECONDS = 300


def fail(reason):
    print("1..0 # SKIP NOT TESTED: " + reason)
    print("simulated_client.py: " + reason, file=sys.stderr)
    sys.exit(3)


def client_release():
    """Release of the nvidia-smi on the path, which needs no driver to name it."""
    if not shutil.which("nvidia-smi"):
        fail("nvidia-smi is not there")
    done = subprocess.run(["nvidia-smi", "--version"], capture_output=True, text=True)
    match = re.search(r"NVIDIA-SMI version\s*:\s*([\d.]+)", done.stdout)
    if not match:
        help_text = subprocess.run(["nvidia-smi", "--help"], capture_output=True, text=True).stdout
        match = re.search(r"-- v([\d.]+)", help_text)
    if not match:
        fail("nvidia-smi does not say which release it is: " + done.stdout + done.stderr)
    return match.group(1)


def run(options, regime, release):
    """Its exit status."""
    simulated = os.path.join(options.build, "test/rm-sim")
    argv = [os.path.join(simulated, "rm-sim"), "--regime", regime, "--driver", release]
    if options.log:
        argv += ["--log", os.path.join(options.log, "requests-" + regime)]
    argv += ["--", sys.executable, os.path.join(HERE, "run.py"), "--build", options.build]
    argv += ["--simulated", os.path.join(simulated, "gpu-process"), "--layouts", release, "--only", "native,mps"]
    output = subprocess.PIPE if options.log else None
    print("# nvidia-smi %s on a simulated driver of regime %s" % (release, regime), flush=True)
    try:
        done = subprocess.run(argv, stdout=output, stdin=subprocess.DEVNULL, text=True, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        print("not ok - %s: ends within %d seconds" % (regime, LIMIT_SECONDS), flush=True)
        return 1
    if options.log:
        with open(os.path.join(options.log, "output-" + regime), "w", encoding="utf-8") as file:
            file.write(done.stdout)
        lines = done.stdout.splitlines()
        kept = [line for line in lines if line.startswith("not ok") or line.startswith("# ") and "checks" in line]
        print("\n".join(kept), flush=True)
    return done.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))
    parser.add_argument("--regimes", default=REGIMES)
    parser.add_argument("--log")
    options = parser.parse_args()
    if os.geteuid() != 0:
        fail("root is needed to make PID namespaces")
    if not os.path.exists(os.path.join(options.build, "test/rm-sim/rm-sim")):
        fail("rm-sim is not built; run scripts/bootstrap.sh gpu first")
    if options.log:
        os.makedirs(options.log, exist_ok=True)
    release = client_release()
    wrong = [regime for regime in options.regimes.split(",") if run(options, regime, release) != 0]
    print("# nvidia-smi %s: %s" % (release, "wrong in " + ", ".join(wrong) if wrong else "right in every regime"))
    return 1 if wrong else 0


sys.exit(main())
