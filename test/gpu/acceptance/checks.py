# SPDX-License-Identifier: GPL-2.0-only
"""What clients show in a place, compared with what is so (expect.py)."""

import expect

LISTS = ("Compute", "Compute_v2", "Compute_v3", "Compute_details")
OTHER_LISTS = tuple(kind + suffix for kind in ("Graphics", "MPSCompute") for suffix in ("", "_v2", "_v3"))
SESSIONS = {"encoder": "encoder sessions", "capture": "frame buffer capture sessions"}


def is_list(answer):
    return isinstance(answer, list)


class Checks:
    """Checks of one world, for a driver of one regime."""

    def __init__(self, report, world, clients, regime, pointers):
        self.report = report
        self.world = world
        self.clients = clients
        self.regime = regime
        self.pointers = pointers  # in the samples that clients get

    # What the driver alone answers: it checks the regime, and that the leaks are there to be closed.

    def driver_lists(self, place, answers):
        listed = expect.listed(self.regime, self.world, place)
        for name in LISTS:
            found = answers[name]
            if found == "absent":
                continue
            title = "in %s, NVML %s" % (place.name, name)
            if not self.report.check(is_list(found), title, found=found):
                continue
            self.report.same(sorted({pid for pid, _ in found}), sorted(listed), title + ": the regime's numbers")
            wrong = [
                [pid, memory]
                for pid, memory in found
                if not expect.memory_fits(
                    expect.answers_for(self.regime, self.world, place, pid), memory or 0, self.world.simulated
                )
            ]
            self.report.same(wrong, [], title + ": memory of whom the regime takes a number for")

    def driver_nvidia_smi(self, place):
        """nvidia-smi alone: it lists whom the regime names, with the memory that it takes a number to be the key to."""
        listed = expect.listed(self.regime, self.world, place)
        views = {
            "--query-compute-apps": self.clients.compute_apps,
            "the table": self.clients.table,
            "-q -d PIDS": self.clients.query,
            "-q -x": lambda place: self.clients.full_query(place)[0],
        }
        for name, view in views.items():
            rows = view(place)
            title = "in %s, nvidia-smi, %s" % (place.name, name)
            strange = sorted({row["pid"] for row in rows} - set(listed))
            self.report.same(strange, [], title + ": nobody but the regime's numbers")
            wrong = [
                row
                for row in rows
                if not expect.memory_fits(
                    expect.answers_for(self.regime, self.world, place, row["pid"]), row["memory"] or 0, self.world.simulated
                )
            ]
            self.report.same(wrong, [], title + ": memory of whom the regime takes a number for")
            if name == "--query-compute-apps":
                missing = sorted(set(listed) - {row["pid"] for row in rows})
                self.report.same(missing, [], title + ": and all of them")
        rows = self.clients.pmon(place)
        strange = sorted({row["pid"] for row in rows} - set(listed) - set(expect.samples(self.regime, self.world, place, False)))
        self.report.same(strange, [], "in %s, nvidia-smi pmon: nobody but the regime's numbers" % place.name)

    def say_untested(self, answers):
        """What calls of NVML this machine leaves without anything to see, in this section and in all that follow."""
        if answers["accounting_mode"] != 1:
            mode = "off" if answers["accounting_mode"] == 0 else "not to be had (%s)" % answers["accounting_mode"]
            self.report.skip("accounting records", "accounting mode is %s, and no setting is changed" % mode)
        for name, what in SESSIONS.items():
            found = answers[name]
            if not is_list(found):
                self.report.skip(what, "this GPU's NVML answers %s" % found)
            elif not found:
                self.report.skip(what, "there are none: nothing here encodes or captures")

    def driver_samples(self, place, answers, sample_layout):
        wanted = expect.samples(self.regime, self.world, place, self.pointers)
        found = answers["utilization"]
        title = "in %s, utilization" % place.name
        if not self.report.check(is_list(found), title, found=found):
            return
        seen = sorted({pid for pid, _ in found} & set(wanted))
        self.report.same(seen, sorted(wanted), title + ": busy processes, others' by their host PIDs")
        raw = self.clients.probe(place, "samples " + sample_layout)["samples"]
        marked = {}
        for sample in raw:
            if sample["pid"] in wanted:
                marked[sample["pid"]] = sample["pointer"] or marked.get(sample["pid"], False)
        self.report.same(marked, wanted, title + ": kernel addresses where the regime leaves them")

    def mistaken(self, place, answers):
        """Utilization of an idle process whose number is the host's number of a busy stranger."""
        namesake = next(process for process in self.world.processes if process.name == "a-like")
        found = answers["utilization"]
        number = namesake.numbers[place.identity]
        return sum(sm for pid, sm in found if pid == number) if is_list(found) else 0

    def driver_repeats(self, place):
        found = self.clients.probe(place, "pids 0x2080")["pids"]
        wanted = expect.occurrences(self.regime, self.world, place)
        short = [pid for pid, times in wanted.items() if found.count(pid) < times]
        name = "in %s, GET_PIDS of every client: as often as the regime repeats processes" % place.name
        self.report.check(not short, name, found=found, wanted=wanted)

    # What libmpu.so makes of it.

    def right_rows(self, place, rows, title, named=True):
        """Rows of nvidia-smi, or [PID, MiB] of NVML."""
        truth = expect.truth(self.world, place)
        pids = [row["pid"] for row in rows]
        self.report.same(sorted(pids), sorted(truth), title + ": own PIDs, each once")
        wrong = [
            row
            for row in rows
            if row["pid"] in truth
            and not expect.memory_fits(truth[row["pid"]], row["memory"] or 0, self.world.simulated)
        ]
        self.report.same(wrong, [], title + ": their own memory")
        if named:
            misnamed = [
                row
                for row in rows
                if row["pid"] in truth and row["name"].split("/")[-1] != truth[row["pid"]].name
            ]
            self.report.same(misnamed, [], title + ": their own names")

    def right_lists(self, place, answers, where):
        for name in LISTS:
            found = answers[name]
            if found == "absent":
                continue
            title = "%s, NVML %s" % (where, name)
            if self.report.check(is_list(found), title, found=found):
                rows = [{"pid": pid, "memory": memory} for pid, memory in found]
                self.right_rows(place, rows, title, named=False)
        for name in OTHER_LISTS:
            self.report.check(answers[name] in ([], "absent"), "%s, NVML %s: nobody" % (where, name), found=answers[name])

    def right_samples(self, place, answers, where):
        truth = expect.truth(self.world, place)
        busy = sorted(pid for pid, process in truth.items() if process.busy)
        for name in ("utilization", "utilization_info"):
            found = answers[name]
            if found == "absent" or (not busy and found in ([], {"error": 6})):
                continue  # NVML_ERROR_NOT_FOUND: no sample names anybody
            title = "%s, NVML %s" % (where, name)
            if not self.report.check(is_list(found), title, found=found):
                continue
            pids = {pid for pid, _ in found}
            self.report.same(sorted(pids - set(truth)), [], title + ": nobody else's")
            self.report.same(sorted(pid for pid in busy if pid not in pids), [], title + ": the busy processes")
            used = {pid for pid, sm in found if sm > 0}
            self.report.same(sorted(used & set(busy)), busy, title + ": and what they use")
        if place.name == "a":
            found = self.mistaken(place, answers)
            self.report.same(found, 0, where + ", NVML utilization: nothing of the stranger's")

    def right_sessions(self, place, answers, where):
        truth = expect.truth(self.world, place)
        for name in SESSIONS:
            found = answers[name]
            if is_list(found):
                self.report.same(sorted(set(found) - set(truth)), [], "%s, NVML %s sessions: nobody else's" % (where, name))

    def right_accounting(self, place, answers, native, where):
        """The driver's mode decides: where accounting is off, no call may tell anything with libmpu.so either."""
        truth = expect.truth(self.world, place)
        if answers["accounting_mode"] != 1:
            for name in ("accounting_mode", "accounting_pids", "accounting"):
                self.report.same(answers[name], native[name], "%s, NVML %s: as without, accounting being off" % (where, name))
            return
        found = answers["accounting_pids"]
        self.report.check(
            is_list(found) and set(found) <= set(truth), "%s, NVML accounting_pids: nobody else's" % where, found=found
        )
        strangers = [
            process.host
            for process in self.world.processes
            if place.identity not in process.numbers and process.host not in truth
        ]
        told = [pid for pid in strangers if is_list(answers["accounting"].get(str(pid)))]
        self.report.same(told, [], "%s, NVML accounting records: nobody else's" % where)

    def right_raw_samples(self, place, where, sample_layout, **how):
        truth = expect.truth(self.world, place)
        raw = self.clients.probe(place, "samples " + sample_layout, mpu=True, **how)["samples"]
        self.report.check(
            not any(sample["pointer"] for sample in raw), where + ", samples: no kernel address is left", found=raw
        )
        if place.level:
            strangers = {sample["pid"] for sample in raw} - set(truth) - {0xFFFFFFFF}
            self.report.same(sorted(strangers), [], where + ", samples: no number of anybody else is left")

    def right_repeats(self, place, where, **how):
        found = self.clients.probe(place, "pids 0x2080", mpu=True, **how)["pids"]
        self.report.same(sorted(set(found)), sorted(found), where + ", GET_PIDS of every client: nobody twice")

    def right_nvml(self, place, native, where, **how):
        hosts = sorted({process.host for process in self.world.processes} | set(expect.truth(self.world, place)))
        answers = self.clients.nvml(place, hosts, mpu=True, **how)
        self.right_lists(place, answers, where)
        self.right_samples(place, answers, where)
        self.right_sessions(place, answers, where)
        self.right_accounting(place, answers, native, where)

    def right_nvidia_smi(self, place, where, **how):
        self.right_rows(place, self.clients.table(place, mpu=True, **how), where + ", nvidia-smi")
        rows = self.clients.compute_apps(place, mpu=True, **how)
        self.right_rows(place, rows, where + ", --query-compute-apps")
        self.right_rows(place, self.clients.query(place, mpu=True, **how), where + ", -q -d PIDS")
        rows, accounted = self.clients.full_query(place, mpu=True, **how)
        self.right_rows(place, rows, where + ", -q -x")
        own = set(expect.truth(self.world, place))
        self.report.same(sorted(set(accounted) - own), [], where + ", -q -x, accounting: nobody else's")
        accounted = self.clients.accounted_apps(place, mpu=True, **how)
        self.report.same(
            sorted(set(accounted) - own), [], where + ", --query-accounted-apps: nobody else's"
        )
        rows = self.clients.pmon(place, mpu=True, **how)
        # pmon shows the first 15 characters of a name, and may miss a process in its one second
        self.right_rows(place, rows, where + ", pmon")

    def unchanged_on_host(self, native, place):
        """Where numbers are the host's, libmpu.so changes none."""
        hosts = sorted(process.host for process in self.world.processes)
        answers = self.clients.nvml(place, hosts, mpu=True)
        for name in LISTS + OTHER_LISTS + ("accounting_mode", "accounting_pids", "accounting", "encoder", "capture"):
            self.report.same(answers[name], native[name], "in host, NVML %s: as without" % name)
        wanted = expect.samples(self.regime, self.world, place, self.pointers)
        found = answers["utilization"]
        busy = sorted({pid for pid, _ in found} & set(wanted)) if is_list(found) else found
        self.report.same(busy, sorted(wanted), "in host, NVML utilization: as without")
