# SPDX-License-Identifier: GPL-2.0-only
"""What libmpu.so costs on this GPU: each figure with and without it in turn, in one run."""

import os
import statistics
import time

from world import World

PROCESSES = [
    {"name": "o-idle", "place": "host", "units": 1},
    {"name": "a-idle", "place": "a", "units": 2},
    {"name": "b-idle", "place": "b", "units": 1},
]

# Nanoseconds that a program measured itself: name, arguments of cuda-process, rounds.
CYCLES = [
    ("cuCtxCreate and cuCtxDestroy", ["--cycle", "contexts", "--rounds", "5"], 15),
    ("cuMemAlloc and cuMemFree of 64 MiB", ["--cycle", "memory", "--rounds", "2000"], 41),
]
WHOLE = [
    ("nvidia-smi", ["nvidia-smi"], 15),
    ("nvidia-smi --query-compute-apps", ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv"], 15),
]
# Arguments of probe: rounds, control, size of its parameters, first words.
CONTROLS = [
    ("GET_PIDS", "latency 2000 0x2080018d 3812 0 0x2080 0", 25),
    ("GET_PID_INFO, one process", "latency 2000 0x2080018e 14408 1 0 %d", 25),
    ("a control without PIDs", "latency 10000 0x20801701 16", 41),
]


# One for all: they differ by more than what is measured here.
PROCESSOR = sorted(os.sched_getaffinity(0))[-1]


def seconds(clients, place, argv, mpu):
    start = time.monotonic()
    clients.run(place, argv, mpu=mpu, processor=PROCESSOR)
    return time.monotonic() - start


def alternate(measure, rounds):
    """Times without and with libmpu.so, taken in turn."""
    times = {False: [], True: []}
    for round_number in range(rounds):
        for mpu in (False, True) if round_number % 2 == 0 else (True, False):
            times[mpu].append(measure(mpu))
    return times[False], times[True]


def scale(value):
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if value >= size:
            return "%.3g %s" % (value / size, unit)
    return "%.3g us" % (value / 1e-6)


class Table:
    """Rows of what, without, with, ratio."""

    def __init__(self):
        self.rows = []

    def add(self, name, without, with_mpu):
        cells = []
        for times in (without, with_mpu):
            lower, median, upper = statistics.quantiles(times, n=4)
            cells.append("%s (%s)" % (scale(median), scale(upper - lower)))
        ratio = statistics.median(with_mpu) / statistics.median(without)
        self.rows.append([name, *cells, "%.3f" % ratio])


def measure(report, clients_of, program, unit, simulated):
    """clients_of makes the Clients of a world. Returns the rows."""
    table = Table()
    world = World(program, unit, simulated)
    try:
        world.add_place("a")
        world.add_place("b")
        world.populate(PROCESSES)
        clients = clients_of(world)
        place = world.places["a"]
        for name, options, rounds in [] if simulated else CYCLES:
            argv = [program] + options
            run = lambda mpu, argv=argv: int(clients.run(place, argv, mpu=mpu, processor=PROCESSOR)) / 1e9
            table.add(name, *alternate(run, rounds))
        for name, argv, rounds in WHOLE:
            run = lambda mpu, argv=argv: seconds(clients, place, argv, mpu)
            table.add(name + ", whole run", *alternate(run, rounds))
        pid = next(p for p in world.processes if p.name == "a-idle").numbers[place.identity]
        for name, request, rounds in CONTROLS:
            if "%d" in request:
                request = request % pid
            answers = []

            def run(mpu, request=request, answers=answers):
                answers.append(clients.probe(place, request, mpu=mpu, processor=PROCESSOR))
                return answers[-1]["ns"] / 1e9

            without, with_mpu = alternate(run, rounds)
            refused = [answer["status"] for answer in answers if answer["status"]]
            if report.check(not refused, name + " is answered", found=refused):
                table.add(name, without, with_mpu)
    finally:
        world.close()
    for row in table.rows:
        report.note("%s: %s without, %s with, ratio %s" % tuple(row))
    return table.rows
