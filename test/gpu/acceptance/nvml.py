# SPDX-License-Identifier: GPL-2.0-only
"""Makes NVML's calls that carry PIDs, on the first GPU, and prints one JSON document.

Usage: nvml.py [PID...]   (PIDs to ask accounting records for)

Structures and version words are those of nvml.h. A function that the library lacks is "absent", an NVML error
{"error": number}.
"""

import ctypes
import json
import sys
import time
from ctypes import POINTER, Structure, byref, c_int, c_uint, c_ulonglong, c_void_p

ROOM = 512
INSUFFICIENT_SIZE = 7
RECENT_SECONDS = 5
KINDS = ("Compute", "Graphics", "MPSCompute")

library = ctypes.CDLL("libnvidia-ml.so.1")


class Failure(Exception):
    """An NVML function returned something else than NVML_SUCCESS."""


def structure(*fields):
    return type("Fields", (Structure,), {"_fields_": list(fields)})


ProcessV1 = structure(("pid", c_uint), ("memory", c_ulonglong))
ProcessV2 = structure(("pid", c_uint), ("memory", c_ulonglong), ("gpu", c_uint), ("compute", c_uint))
DetailV1 = structure(
    ("pid", c_uint), ("memory", c_ulonglong), ("gpu", c_uint), ("compute", c_uint), ("protected", c_ulonglong)
)
DetailListV1 = structure(
    ("version", c_uint), ("mode", c_uint), ("count", c_uint), ("entries", POINTER(DetailV1))
)
ENGINES = ("sm", "mem", "enc", "dec")
Utilization = structure(
    ("pid", c_uint), ("time", c_ulonglong), *((engine, c_uint) for engine in ENGINES)
)
UtilizationInfo = structure(
    ("time", c_ulonglong), ("pid", c_uint), *((engine, c_uint) for engine in ENGINES + ("jpg", "ofa"))
)
UtilizationListV1 = structure(
    ("version", c_uint), ("count", c_uint), ("since", c_ulonglong), ("entries", POINTER(UtilizationInfo))
)
AccountingStats = structure(
    ("gpu", c_uint),
    ("mem", c_uint),
    ("peak", c_ulonglong),
    ("time", c_ulonglong),
    ("start", c_ulonglong),
    ("running", c_uint),
    ("reserved", c_uint * 5),
)
EncoderSession = structure(("session", c_uint), ("pid", c_uint), ("others", c_uint * 6))
CaptureSession = structure(("session", c_uint), ("pid", c_uint), ("others", c_uint * 10))


def call(name, *arguments, accept=()):
    status = getattr(library, name)(*arguments)
    if status != 0 and status not in accept:
        raise Failure(status)
    return status


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except Failure as failure:
        return {"error": failure.args[0]}
    except AttributeError:
        return "absent"


def version(kind, number):
    return ctypes.sizeof(kind) | number << 24


def mib(memory):
    return None if memory == 2**64 - 1 else memory >> 20


def running(device, kind, suffix, entry):
    name = "nvmlDeviceGet%sRunningProcesses%s" % (kind, suffix)
    # First with no room at all, as most programs do, to learn how much is needed.
    count = c_uint(0)
    call(name, device, byref(count), None, accept=(INSUFFICIENT_SIZE,))
    count = c_uint(ROOM)
    entries = (entry * ROOM)()
    call(name, device, byref(count), entries)
    return [[entries[i].pid, mib(entries[i].memory)] for i in range(count.value)]


def details(device, mode):
    entries = (DetailV1 * ROOM)()
    request = DetailListV1(version(DetailListV1, 1), mode, ROOM, entries)
    call("nvmlDeviceGetRunningProcessDetailList", device, byref(request))
    return [[entries[i].pid, mib(entries[i].memory)] for i in range(request.count)]


def recent():
    """As NVML counts time, in us: what came before is what starting CUDA took."""
    return int((time.time() - RECENT_SECONDS) * 1e6)


def utilization(device):
    samples = (Utilization * ROOM)()
    count = c_uint(0)
    since = c_ulonglong(recent())
    call("nvmlDeviceGetProcessUtilization", device, None, byref(count), since, accept=(INSUFFICIENT_SIZE,))
    count = c_uint(ROOM)
    call("nvmlDeviceGetProcessUtilization", device, samples, byref(count), since)
    return [[samples[i].pid, samples[i].sm] for i in range(count.value)]


def utilization_info(device):
    samples = (UtilizationInfo * ROOM)()
    request = UtilizationListV1(version(UtilizationListV1, 1), ROOM, recent(), samples)
    call("nvmlDeviceGetProcessesUtilizationInfo", device, byref(request))
    return [[samples[i].pid, samples[i].sm] for i in range(request.count)]


def accounting_mode(device):
    mode = c_int()
    call("nvmlDeviceGetAccountingMode", device, byref(mode))
    return mode.value


def accounting_pids(device):
    count = c_uint(4000)
    pids = (c_uint * 4000)()
    call("nvmlDeviceGetAccountingPids", device, byref(count), pids)
    return list(pids[: count.value])


def accounting_stats(device, pid):
    stats = AccountingStats()
    call("nvmlDeviceGetAccountingStats", device, c_uint(pid), byref(stats))
    return [stats.peak >> 20, stats.running]


def sessions(device, name, entry):
    count = c_uint(ROOM)
    entries = (entry * ROOM)()
    call(name, device, byref(count), entries)
    return [entries[i].pid for i in range(count.value)]


def main():
    call("nvmlInit_v2")
    device = c_void_p()
    call("nvmlDeviceGetHandleByIndex_v2", c_uint(0), byref(device))
    answers = {}
    for kind in KINDS:
        for suffix, entry in (("", ProcessV1), ("_v2", ProcessV2), ("_v3", ProcessV2)):
            answers[kind + suffix] = attempt(running, device, kind, suffix, entry)
    for mode, kind in enumerate(KINDS):
        answers[kind + "_details"] = attempt(details, device, mode)
    answers["utilization"] = attempt(utilization, device)
    answers["utilization_info"] = attempt(utilization_info, device)
    answers["accounting_mode"] = attempt(accounting_mode, device)
    answers["accounting_pids"] = attempt(accounting_pids, device)
    answers["accounting"] = {pid: attempt(accounting_stats, device, int(pid)) for pid in sys.argv[1:]}
    answers["encoder"] = attempt(sessions, device, "nvmlDeviceGetEncoderSessions", EncoderSession)
    answers["capture"] = attempt(sessions, device, "nvmlDeviceGetFBCSessions", CaptureSession)
    call("nvmlShutdown")
    json.dump(answers, sys.stdout)
    print()


main()
