# SPDX-License-Identifier: GPL-2.0-only
"""MPS: a control daemon, its server and clients in one container, all of them with libmpu.so.

RM lists clients of MPS by class 0x900e besides what they compute with, nvidia-smi as M+C.
"""

import os
import shutil
import subprocess

from world import World, namespace_of, processes, status_numbers

DAEMON = "nvidia-cuda-mps-control"
SERVER = "nvidia-cuda-mps-server"
LIMIT_SECONDS = 30

PROCESSES = [
    {"name": "o-plain", "place": "host", "units": 1},
    {"name": "a-first", "place": "a", "units": 2, "mps": True},
    {"name": "a-second", "place": "a", "units": 3, "mps": True, "clients": 1},
    {"name": "b-plain", "place": "b", "units": 4},
]


class Daemon:
    """A control daemon in a place. It and its server end with the PID namespace of the place."""

    def __init__(self, place, directory, words):
        self.pipes = os.path.join(directory, "mps")
        os.makedirs(self.pipes + "/log")
        self.variables = ["CUDA_MPS_PIPE_DIRECTORY=" + self.pipes, "CUDA_MPS_LOG_DIRECTORY=%s/log" % self.pipes]
        command = place.enter() + words + self.variables + [DAEMON, "-d"]
        subprocess.run(command, check=True, timeout=LIMIT_SECONDS, stdout=subprocess.DEVNULL)


def servers(place):
    """PIDs in the place of the MPS servers there."""
    found = []
    for pid in processes():
        try:
            # The kernel's name of the process is cut off before it says which of the two it is.
            with open("/proc/%d/cmdline" % pid, encoding="ascii", errors="replace") as file:
                name = os.path.basename(file.read().split("\0")[0])
        except OSError:
            continue
        if namespace_of(pid) == place.identity and name == SERVER:
            found.append(status_numbers("/proc/%d" % pid, "NSpid")[-1])
    return found


def check(report, world, clients):
    place = world.places["a"]
    where = "in a with libmpu.so"
    own = {p.numbers[place.identity]: p for p in world.visible(place)}
    server = [] if world.simulated else servers(place)
    if not world.simulated:
        report.check(len(server) == 1, "one MPS server runs", found=server)
    answers = clients.nvml(place, mpu=True)
    for name in ("MPSCompute_v3", "Compute_v3"):
        found = answers[name]
        if not report.check(isinstance(found, list), "%s, NVML %s" % (where, name), found=found):
            continue
        pids = [pid for pid, _ in found]
        report.same(sorted(set(pids) - set(own) - set(server)), [], "%s, NVML %s: nobody else's" % (where, name))
        report.same(len(pids), len(set(pids)), "%s, NVML %s: nobody twice" % (where, name))
    listed = {pid: memory for pid, memory in answers["MPSCompute_v3"]} if isinstance(answers["MPSCompute_v3"], list) else {}
    report.same(sorted(set(own) - set(listed)), [], where + ", NVML MPSCompute_v3: every client, by its own PID")
    small = [pid for pid in own if (listed.get(pid) or 0) < own[pid].memory]
    report.same(small, [], where + ", NVML MPSCompute_v3: the memory that each client took")
    rows = clients.table(place, mpu=True)
    report.same(
        sorted({row["pid"] for row in rows} - set(own) - set(server)), [], where + ", nvidia-smi: nobody else's"
    )
    report.same(sorted(set(own) - {row["pid"] for row in rows}), [], where + ", nvidia-smi: every client")
    names = {row["pid"]: row["name"].split("/")[-1] for row in rows}
    misnamed = [pid for pid, name in names.items() if pid in own and name != own[pid].name]
    report.same(misnamed, [], where + ", nvidia-smi: by their own names")
    report.same(
        sorted(row["type"] for row in rows if row["pid"] in own), ["M+C"] * len(own), where + ", nvidia-smi: type M+C"
    )


def look(report, clients_of, program, unit, simulated):
    """clients_of makes the Clients of a world."""
    report.section("MPS")
    if not simulated and not shutil.which(DAEMON):
        report.skip("MPS", DAEMON + " is not there")
        return
    world = World(program, unit, simulated)
    try:
        world.add_place("a")
        world.add_place("b")
        clients = clients_of(world)
        if not simulated:
            preload = clients.environment(True, False)
            daemon = Daemon(world.places["a"], world.directory, preload)
            world.mps = preload + daemon.variables
        world.populate(PROCESSES)
        check(report, world, clients)
        report.outputs.append(["MPS", "In a with libmpu.so, nvidia-smi:\n\n" + clients.run(world.places["a"], ["nvidia-smi"], mpu=True).rstrip()])
    finally:
        world.close()
