# SPDX-License-Identifier: GPL-2.0-only
"""What the processes of a world look like from a place: to a driver of each regime, and in truth.

The regimes are described in test/rm-sim/README.md. pointers: whether the layout of utilization samples
has kernel addresses (from 570 on), without which there is no translation of them.
"""

REGIMES = ["R0", "R1", "R2", "R3a", "R3b", "R4"]

# A CUDA context takes memory besides what is asked for.
CONTEXT_MIB = 1000


def threads(regime):
    """Whether the driver remembers the thread that opened a client, and not its process."""
    return regime not in ("R0", "R4")


def number(regime, process, place):
    """What the driver calls a process, None where it is not visible."""
    if regime == "R0":
        return process.host
    return (process.thread if threads(regime) else process.numbers).get(place.identity)


def listed(regime, world, place):
    """GET_PIDS: each process by the driver's number for it."""
    return {
        number(regime, process, place): process
        for process in world.processes
        if number(regime, process, place) is not None
    }


def answers_for(regime, world, place, pid):
    """PID_INFO: the process whose memory the driver tells for a number, None where it knows none."""
    for process in world.processes:
        if (process.host if regime == "R1" else number(regime, process, place)) == pid:
            return process
    return None


def occurrences(regime, world, place):
    """GET_PIDS for the class that every client has: how often each process is listed."""
    found = {}
    seen = set()
    for process in world.processes:
        pid = number(regime, process, place)
        if pid is None or process.host in seen:
            continue
        # The driver looks for the host's number among those it has listed already.
        once = pid == process.host
        seen.add(pid)
        found[pid] = 1 if once else process.clients
    return found


def samples(regime, world, place, pointers):
    """Utilization samples of the busy processes: {number: whether a kernel address comes with it}."""
    found = {}
    for process in world.processes:
        if not process.busy:
            continue
        translated = pointers and regime in ("R3a", "R3b", "R4")
        raw = regime == "R4" and place.level == 0
        pid = number(regime, process, place)
        if translated and not raw and pid is not None:
            found[pid] = False
        else:
            found[process.host] = translated
    return found


def truth(world, place):
    """What the place is to be told: its own numbers of what it can see."""
    return {process.numbers[place.identity]: process for process in world.visible(place)}


def memory_fits(process, mib, exact):
    """Whether a figure, in MiB, is what the process uses; 0 where there is no process."""
    if process is None:
        return mib == 0
    if exact:
        return mib == process.memory
    return process.memory <= mib <= process.memory + CONTEXT_MIB * process.contexts
