# SPDX-License-Identifier: GPL-2.0-only
"""Makes every NVML call that takes or returns a PID, on every GPU, and prints one JSON document.

Usage: nvml_calls.py PID...   (the PIDs to ask accounting records and names for)

The structures and the loading of libnvidia-ml.so.1 are nvidia-ml-py's; the functions are called
by their versioned names, so that each release's oldest entry points are exercised too. A function
the library lacks is reported as "absent", an NVML error by its number.
"""

import ctypes
import json
import sys

import pynvml

MORE_THAN_ENOUGH = 1024
NOT_AVAILABLE = pynvml.NVML_VALUE_NOT_AVAILABLE_ulonglong.value


class ProcessInfoV1(ctypes.Structure):
    """nvmlProcessInfo_v1_t, which nvidia-ml-py no longer has."""

    _fields_ = [("pid", ctypes.c_uint), ("usedGpuMemory", ctypes.c_ulonglong)]


class NvmlFailure(Exception):
    """An NVML function returned something else than NVML_SUCCESS."""


def check(status):
    if status != pynvml.NVML_SUCCESS:
        raise NvmlFailure(status)


def find(name):
    return pynvml._nvmlGetFunctionPointer(name)


def fields(structure, names):
    values = {}
    for name in names:
        value = getattr(structure, name)
        values[name] = None if value == NOT_AVAILABLE else value
    return values


def running(device, kind, suffix, structure):
    function = find("nvmlDeviceGet%sRunningProcesses%s" % (kind, suffix))
    # First with no room at all, as most programs do, to learn how much is needed.
    count = ctypes.c_uint(0)
    status = function(device, ctypes.byref(count), None)
    if status not in (pynvml.NVML_SUCCESS, pynvml.NVML_ERROR_INSUFFICIENT_SIZE):
        raise NvmlFailure(status)
    count = ctypes.c_uint(MORE_THAN_ENOUGH)
    entries = (structure * MORE_THAN_ENOUGH)()
    check(function(device, ctypes.byref(count), entries))
    return [fields(entries[i], ["pid", "usedGpuMemory"]) for i in range(count.value)]


def detail_list(device, mode):
    function = find("nvmlDeviceGetRunningProcessDetailList")
    entries = (pynvml.c_nvmlProcessDetail_v1_t * MORE_THAN_ENOUGH)()
    request = pynvml.c_nvmlProcessDetailList_v1_t()
    request.version = pynvml.nvmlProcessDetailList_v1
    request.mode = mode
    request.numProcArrayEntries = MORE_THAN_ENOUGH
    request.procArray = ctypes.cast(entries, ctypes.POINTER(pynvml.c_nvmlProcessDetail_v1_t))
    check(function(device, ctypes.byref(request)))
    return [fields(entries[i], ["pid", "usedGpuMemory"]) for i in range(request.numProcArrayEntries)]


UTILIZATION = ["pid", "smUtil", "memUtil", "encUtil", "decUtil"]


def process_utilization(device):
    function = find("nvmlDeviceGetProcessUtilization")
    count = ctypes.c_uint(0)
    status = function(device, None, ctypes.byref(count), ctypes.c_ulonglong(0))
    if status not in (pynvml.NVML_SUCCESS, pynvml.NVML_ERROR_INSUFFICIENT_SIZE):
        raise NvmlFailure(status)
    count = ctypes.c_uint(MORE_THAN_ENOUGH)
    samples = (pynvml.c_nvmlProcessUtilizationSample_t * MORE_THAN_ENOUGH)()
    check(function(device, samples, ctypes.byref(count), ctypes.c_ulonglong(0)))
    return [fields(samples[i], UTILIZATION) for i in range(count.value)]


def processes_utilization_info(device):
    function = find("nvmlDeviceGetProcessesUtilizationInfo")
    samples = (pynvml.c_nvmlProcessUtilizationInfo_v1_t * MORE_THAN_ENOUGH)()
    request = pynvml.c_nvmlProcessesUtilizationInfo_v1_t()
    request.version = pynvml.ProcessesUtilizationInfo_v1
    request.processSamplesCount = MORE_THAN_ENOUGH
    request.lastSeenTimeStamp = 0
    request.procUtilArray = ctypes.cast(
        samples, ctypes.POINTER(pynvml.c_nvmlProcessUtilizationInfo_v1_t)
    )
    check(function(device, ctypes.byref(request)))
    return [fields(samples[i], UTILIZATION) for i in range(request.processSamplesCount)]


def accounting_pids(device):
    function = find("nvmlDeviceGetAccountingPids")
    count = ctypes.c_uint(4000)
    pids = (ctypes.c_uint * 4000)()
    check(function(device, ctypes.byref(count), pids))
    return list(pids[: count.value])


def accounting_stats(device, pid):
    stats = pynvml.c_nvmlAccountingStats_t()
    check(find("nvmlDeviceGetAccountingStats")(device, ctypes.c_uint(pid), ctypes.byref(stats)))
    return fields(stats, ["gpuUtilization", "memoryUtilization", "maxMemoryUsage", "isRunning"])


def accounting_stats_v2(device, pid):
    stats = pynvml.c_nvmlAccountingStats_v2_t()
    stats.pid = pid
    check(find("nvmlDeviceGetAccountingStats_v2")(device, ctypes.byref(stats)))
    return fields(stats, ["gpuUtilization", "memoryUtilization", "maxMemoryUsage", "isRunning"])


def sessions(device, name, structure, names):
    count = ctypes.c_uint(MORE_THAN_ENOUGH)
    entries = (structure * MORE_THAN_ENOUGH)()
    check(find(name)(device, ctypes.byref(count), entries))
    return [fields(entries[i], names) for i in range(count.value)]


def process_name(pid):
    name = ctypes.create_string_buffer(1024)
    check(find("nvmlSystemGetProcessName")(ctypes.c_uint(pid), name, ctypes.c_uint(len(name))))
    return name.value.decode()


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except NvmlFailure as failure:
        return {"error": failure.args[0]}
    except pynvml.NVMLError as failure:
        if failure.value == pynvml.NVML_ERROR_FUNCTION_NOT_FOUND:
            return "absent"
        return {"error": failure.value}


def device_calls(device, pids):
    calls = {}
    for kind in ("Compute", "Graphics", "MPSCompute"):
        for suffix, structure in (
            ("", ProcessInfoV1),
            ("_v2", pynvml.c_nvmlProcessInfo_v2_t),
            ("_v3", pynvml.c_nvmlProcessInfo_v3_t),
        ):
            calls["%sRunningProcesses%s" % (kind, suffix)] = attempt(
                running, device, kind, suffix, structure
            )
    for name, mode in (
        ("Compute", pynvml.NVML_PROCESS_MODE_COMPUTE),
        ("Graphics", pynvml.NVML_PROCESS_MODE_GRAPHICS),
        ("MPS", pynvml.NVML_PROCESS_MODE_MPS),
        ("All", pynvml.NVML_PROCESS_MODE_ALL),
    ):
        calls["RunningProcessDetailList" + name] = attempt(detail_list, device, mode)
    calls["ProcessUtilization"] = attempt(process_utilization, device)
    calls["ProcessesUtilizationInfo"] = attempt(processes_utilization_info, device)
    calls["AccountingPids"] = attempt(accounting_pids, device)
    calls["AccountingStats"] = {pid: attempt(accounting_stats, device, pid) for pid in pids}
    calls["AccountingStats_v2"] = {pid: attempt(accounting_stats_v2, device, pid) for pid in pids}
    calls["EncoderSessions"] = attempt(
        sessions,
        device,
        "nvmlDeviceGetEncoderSessions",
        pynvml.c_nvmlEncoderSession_t,
        ["sessionId", "pid"],
    )
    calls["FBCSessions"] = attempt(
        sessions,
        device,
        "nvmlDeviceGetFBCSessions",
        pynvml.c_nvmlFBCSession_t,
        ["sessionId", "pid"],
    )
    return calls


def main():
    pids = [int(argument) for argument in sys.argv[1:]]
    pynvml.nvmlInit()
    gpus = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        gpus.append(device_calls(pynvml.nvmlDeviceGetHandleByIndex(index), pids))
    names = {pid: attempt(process_name, pid) for pid in pids}
    pynvml.nvmlShutdown()
    json.dump({"gpus": gpus, "names": names}, sys.stdout)
    print()


main()
