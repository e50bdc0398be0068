# SPDX-License-Identifier: GPL-2.0-only
"""The machine: what it is, what it lacks, and that it is left as it was found."""

import csv
import ctypes
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys

SETTINGS = (
    "persistence_mode,accounting.mode,accounting.buffer_size,compute_mode,mig.mode.current,ecc.mode.current,"
    "clocks.applications.graphics,clocks.applications.memory,power.limit"
)


def query(fields):
    """One row a GPU of nvidia-smi --query-gpu."""
    argv = ["nvidia-smi", "--query-gpu=" + fields, "--format=csv,noheader,nounits"]
    done = subprocess.run(argv, capture_output=True, check=True, text=True)
    return [[cell.strip() for cell in row] for row in csv.reader(done.stdout.splitlines())]


def settings():
    """What must not change: a test that switches accounting on would change what other programs see."""
    return query(SETTINGS)


def facts():
    name, driver, memory = query("name,driver_version,memory.total")[0]
    return {"gpu": name, "driver": driver, "memory": int(memory), "kernel": platform.release()}


def sample_layout(driver):
    """Size, count and stride of a release's utilization samples, and the engines in one."""
    major = int(driver.split(".", maxsplit=1)[0])
    if major >= 570:
        return "55888 72 776", 6
    return ("50704 72 704", 6) if major >= 550 else ("34000 72 472", 4)


def in_use():
    """Processes that use the first GPU already, a desktop's included."""
    argv = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "nvml.py")]
    answers = json.loads(subprocess.run(argv, capture_output=True, check=True, text=True).stdout)
    lists = [answer for name, answer in answers.items() if name.startswith(("Compute", "Graphics", "MPS"))]
    pids = sorted({pid for answer in lists if isinstance(answer, list) for pid, _ in answer})
    return ", ".join("%d %s" % (pid, read("/proc/%d/comm" % pid)) for pid in pids)


def fingerprint(path):
    """Of a file, short."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


def library(name):
    """Whether the dynamic loader finds it."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def read(path):
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def lacks():
    """Why nothing can be tested here; None when it can."""
    if os.geteuid() != 0:
        return "root is needed to make PID namespaces and to ask the driver from them"
    for program in ("nvidia-smi", "unshare", "nsenter", "setpriv", "taskset", "mount"):
        if not shutil.which(program):
            return program + " is not there"
    for name in ("libcuda.so.1", "libnvidia-ml.so.1"):
        if not library(name):
            return name + ", which comes with the driver, is not to be loaded"
    if any(row == ["Enabled"] for row in query("mig.mode.current")):
        return "MIG is enabled: the driver tells no utilization of processes then, and no setting is changed"
    major, minor = (int(part) for part in platform.release().split(".")[:2])
    if (major, minor) < (6, 11) and not os.path.isdir("/sys/module/mpu"):
        return "libmpu.so translates by mpu.ko, which is not loaded, or by nsfs from Linux 6.11 on; this is " + platform.release()
    if os.readlink("/proc/self/ns/pid") != "pid:[4026531836]":
        return "this is not the host's PID namespace"
    return None


def cannot_load_modules():
    """Why mpu.ko is not among what is tested; None when it is loaded, and so is what libmpu.so asks."""
    if os.path.isdir("/sys/module/mpu"):
        return None
    if read("/sys/module/module/parameters/sig_enforce") == "Y":
        return "this kernel loads signed modules only; see docs/secure-boot.md"
    if read("/proc/sys/kernel/modules_disabled") == "1":
        return "this kernel loads no modules any more"
    return "it is not loaded; load it with 'mpu module load' to have it tested"
