# SPDX-License-Identifier: GPL-2.0-only
"""One world, looked at from everywhere, on the driver as it is or as rm-regime makes it seem.

Started by run.py, under rm-regime where a regime is given. Prints its checks and, as the last line of the file
named by --result, what they came to.
"""

import argparse
import json
import os

import expect
from checks import Checks
from clients import Clients
from report import Report
from world import NOBODY, World, settle

# A sample is taken every fifth of a second. Every busy process is to be in some of the recent ones, and what
# starting CUDA took is to be older than those; see nvml.py.
SETTLE_SECONDS = 7
WITH_POINTERS = "55888 72 776"  # see machine.sample_layout()


def detect(world, clients):
    """The regime of an unknown driver, by what it answers in place a."""
    place = world.places["a"]
    answers = clients.nvml(place)
    found = dict(answers["Compute_v3"] if isinstance(answers["Compute_v3"], list) else answers["Compute"])
    by_name = {process.name: process for process in world.processes}
    own, in_thread = by_name["a-train"], by_name["a-thread"]
    if own.host in found:
        return "R0"
    if in_thread.numbers[place.identity] in found:
        return "R4"
    if not found.get(own.numbers[place.identity]):
        return "R1"
    outside = by_name["o-thread"].thread[world.places["host"].identity]
    known = {pid for pid, _ in clients.nvml(world.places["host"])["utilization"]}
    return "R3a" if outside in known else "R2"


def look(report, world, clients, regime, options):
    sample_layout = options.samples
    checks = Checks(report, world, clients, regime, sample_layout == WITH_POINTERS)
    native = {}
    for place in world.places.values():
        native[place.name] = clients.nvml(place, sorted(process.host for process in world.processes))
        checks.driver_lists(place, native[place.name])
        checks.driver_nvidia_smi(place)
        checks.driver_samples(place, native[place.name], sample_layout)
        checks.driver_repeats(place)
        if place.name == "a":
            found = checks.mistaken(place, native["a"])
            name = "in a, utilization: a stranger's is shown as that of the process with its number"
            report.check(found > 0, name, found=found)
    if not options.regime:
        checks.say_untested(native["host"])
    for place in world.places.values():
        if not place.level:
            checks.unchanged_on_host(native["host"], place)
        else:
            where = "in %s with libmpu.so" % place.name
            # the record of each PID that right_nvml asks for
            hosts = sorted({p.host for p in world.processes} | set(expect.truth(world, place)))
            checks.right_nvml(place, clients.nvml(place, hosts), where)
            checks.right_nvidia_smi(place, where)
            checks.right_repeats(place, where)
        checks.right_raw_samples(place, "in %s with libmpu.so" % place.name, sample_layout)
    place = world.places["a"]
    where = "in a as another user with libmpu.so"
    checks.right_rows(place, clients.table(place, mpu=True, user=NOBODY), where + ", nvidia-smi")
    if os.path.exists("/run/mpu/pidns"):
        where = "in a with libmpu.so and the default path"
        checks.right_rows(place, clients.table(place, mpu=True, default_path=True), where + ", nvidia-smi")
    return checks


def look_without_version(checks, world, clients):
    """Where nothing names the driver's release, asking it must be enough."""
    place = world.places["a"]
    path = os.path.join(world.directory, "no-version")
    open(path, "w", encoding="ascii").close()
    where = "in a with libmpu.so and no release named"
    hosts = sorted({p.host for p in world.processes} | set(expect.truth(world, place)))
    checks.right_nvml(place, clients.nvml(place, hosts), where, version_file=path)
    rows = clients.compute_apps(place, mpu=True, version_file=path)
    checks.right_rows(place, rows, where + ", --query-compute-apps")


def show_all(clients, place, sample_layout, mpu):
    """What every client prints there, and the samples behind it."""
    where = "In a %s libmpu.so, " % ("with" if mpu else "without")
    text = []
    for words in ("nvidia-smi", "nvidia-smi -q -d PIDS", "nvidia-smi pmon -c 1 -s um"):
        text.append("\n%s%s:\n" % (where, words))
        text.append(clients.run(place, words.split(), mpu=mpu).rstrip())
    seen = {}
    for sample in clients.probe(place, "samples " + sample_layout, mpu=mpu)["samples"]:
        seen[sample["pid"]] = sample["pointer"] or seen.get(sample["pid"], False)
    text.append("\n%sutilization samples as the driver gives them, PID and whether a kernel address:\n" % where)
    text.append("\n".join("%u%s" % (pid, ", address" if seen[pid] else "") for pid in sorted(seen)))
    return text


def show(report, world, clients, options):
    """Outputs for the record: in full for the driver as it is."""
    title = options.title
    place = world.places["a"]
    rows = ["%-9s %5s %8s %8s" % ("name", "host", "in a", "MiB")]
    for process in world.processes:
        inside = process.numbers.get(place.identity, "-")
        rows.append("%-9s %5d %8s %8d" % (process.name, process.host, inside, process.memory))
    text = ["What was started:", "", "\n".join(rows)]
    queries = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader"]
    for where, mpu in (("without", False), ("with", True)):
        used = clients.nvml(place, mpu=mpu)["utilization"]
        text.append("\nIn a %s libmpu.so, --query-compute-apps:\n" % where)
        text.append(clients.run(place, queries, mpu=mpu).strip())
        pids = clients.probe(place, "pids 0x2080", mpu=mpu)["pids"]
        text.append("\nIn a %s libmpu.so, GET_PIDS of every client (this one too):\n" % where)
        text.append(" ".join(str(pid) for pid in pids))
        text.append("\nIn a %s libmpu.so, nvmlDeviceGetProcessUtilization, [PID, SM %%]:\n" % where)
        text.append(" ".join(str(entry) for entry in used) if isinstance(used, list) else str(used))
        if not options.regime:
            text += show_all(clients, place, options.samples, mpu)
    report.outputs.append([title[0].upper() + title[1:], "\n".join(text)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--title", required=True)
    parser.add_argument("--result", required=True)
    parser.add_argument("--build", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--pidns", required=True)
    parser.add_argument("--unit", type=int, required=True)
    parser.add_argument("--regime", choices=expect.REGIMES)
    parser.add_argument("--engines", type=int)
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--samples", required=True)
    options = parser.parse_args()

    report = Report()
    report.section(options.title)
    world = World(options.program, options.unit, options.simulated)
    try:
        for name, parent, user in (("a", "host", False), ("nested", "a", False), ("b", "host", False), ("u", "host", True)):
            world.add_place(name, parent, user)
        world.populate()
        clients = Clients(world, options.build, options.pidns, options.engines)
        settle(0 if options.simulated else SETTLE_SECONDS)
        regime = options.regime or detect(world, clients)
        if not options.regime:
            report.note("the driver answers as regime " + regime)
        report.regime = regime
        checks = look(report, world, clients, regime, options)
        if not options.simulated:
            look_without_version(checks, world, clients)
        show(report, world, clients, options)
    finally:
        world.close()
        with open(options.result, "w", encoding="ascii") as result:
            json.dump(report.as_json(), result)


main()
