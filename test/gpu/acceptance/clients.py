# SPDX-License-Identifier: GPL-2.0-only
"""Runs NVIDIA's clients in a place, with and without libmpu.so."""

import json
import os
import shutil
import subprocess
import sys

import smi

LIMIT_SECONDS = 60
VERSION_FILE = "/sys/module/nvidia/version"


class Clients:
    """The programs, where every place can read them, and how they are run."""

    def __init__(self, world, build, pidns, engines=None):
        """build: the build directory; pidns: the host's PID namespace file; engines: see older-samples.c."""
        self.world = world
        self.pidns = pidns
        self.engines = engines
        self.programs = {}
        architecture = os.uname().machine
        for name, path in (
            ("libmpu.so", "preload/%s/libmpu.so" % architecture),
            ("older-samples.so", "test/gpu/older-samples.so"),
            ("probe", "test/rm-sim/probe"),
        ):
            self.programs[name] = shutil.copy(os.path.join(build, path), world.directory)
        here = os.path.dirname(os.path.abspath(__file__))
        self.programs["nvml.py"] = shutil.copy(os.path.join(here, "nvml.py"), world.directory)

    def environment(self, mpu, default_path):
        """Words that set it."""
        words = ["env"]
        preload = []
        if self.engines:
            words.append("MPU_TEST_ENGINES=%d" % self.engines)
            preload.append(self.programs["older-samples.so"])
        if mpu:
            preload.append(self.programs["libmpu.so"])
            if not default_path:
                words.append("MPU_PIDNS=" + self.pidns)
        if preload:
            words.append("LD_PRELOAD=" + ":".join(preload))
        return words

    def run(
        self, place, argv, mpu=False, user=None, version_file=None, default_path=False, processor=None
    ):
        """Output of a command in a place. version_file covers the one that names the driver's release."""
        words = list(place.enter())
        if version_file is not None:
            cover = 'mount --bind "$0" %s && exec "$@"' % VERSION_FILE
            words += ["unshare", "--mount", "sh", "-c", cover, version_file]
        if user is not None:
            words += ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups", "--"]
        if processor is not None:
            words += ["taskset", "--cpu-list", str(processor)]
        words += self.environment(mpu, default_path) + argv
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(
                "%s: exit %d: %s" % (" ".join(argv), done.returncode, (done.stdout + done.stderr).decode())
            )
        return done.stdout.decode()

    def nvml(self, place, pids=(), **how):
        argv = [sys.executable, self.programs["nvml.py"]] + [str(pid) for pid in pids]
        return json.loads(self.run(place, argv, **how))

    def probe(self, place, request, **how):
        return json.loads(self.run(place, [self.programs["probe"]] + request.split(), **how))

    def table(self, place, **how):
        return smi.table(self.run(place, ["nvidia-smi"], **how))

    def compute_apps(self, place, **how):
        options = ["--query-compute-apps=pid,process_name,used_memory", "--format=csv,noheader,nounits"]
        return smi.compute_apps(self.run(place, ["nvidia-smi"] + options, **how))

    def query(self, place, **how):
        return smi.query(self.run(place, ["nvidia-smi", "-q", "-d", "PIDS"], **how))

    def full_query(self, place, **how):
        return smi.full_query(self.run(place, ["nvidia-smi", "-q", "-x"], **how))

    def accounted_apps(self, place, **how):
        options = ["--query-accounted-apps=pid,max_memory_usage", "--format=csv,noheader,nounits"]
        return smi.accounted_apps(self.run(place, ["nvidia-smi"] + options, **how))

    def pmon(self, place, **how):
        return smi.pmon(self.run(place, ["nvidia-smi", "pmon", "-c", "1", "-s", "um"], **how))
