# SPDX-License-Identifier: GPL-2.0-only
"""The GPU processes that are looked at, and the PID namespaces they run in.

    host ── o-*
     ├─ a ── a-*            a container
     │   └─ nested ── n-*   visible from a, under a's numbers
     ├─ b ── b-*            another tenant
     └─ u ── u-*            a container with a user namespace of its own

What a process shows is known from starting it: its numbers from /proc, its memory from its options.
"""

import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

READY_SECONDS = 60
NOBODY = 65534

# Memory counts in units; each process has its own. The first ones that are busy share the GPU.
SPECS = [
    {"name": "o-train", "place": "host", "units": 1, "busy": True},
    {"name": "o-thread", "place": "host", "units": 2, "thread": True},
    {"name": "a-train", "place": "a", "units": 3, "busy": True},
    {"name": "a-thread", "place": "a", "units": 4, "thread": True, "busy": True},
    {"name": "a-many", "place": "a", "units": 5, "clients": 2, "contexts": 3},
    {"name": "a-user", "place": "a", "units": 6, "user": NOBODY},
    {"name": "n-train", "place": "nested", "units": 7, "thread": True},
    {"name": "b-train", "place": "b", "units": 8, "busy": True},
    {"name": "u-train", "place": "u", "units": 9},
    # its number in a is the host's number of another process
    {"name": "a-like", "place": "a", "units": 10, "number_of": "o-train"},
]


def status_numbers(path, field):
    """The numbers of a field of /proc/.../status, empty when the task is gone."""
    try:
        with open(path + "/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return [int(word) for word in line.split()[1:]]
    except OSError:
        pass
    return []


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def namespace_of(pid):
    try:
        return os.readlink("/proc/%d/ns/pid" % pid)
    except OSError:
        return ""


class Place:
    """A PID namespace; init is None for the host's."""

    def __init__(self, name, init=None, user=False, level=0):
        self.name = name
        self.init = init
        self.user = user
        self.level = level  # namespaces above it
        self.identity = namespace_of(init or os.getpid())

    def enter(self):
        """Words that run a command in it."""
        if self.init is None:
            return []
        user = ["--user"] if self.user else []
        return ["nsenter", "--target", str(self.init)] + user + ["--pid", "--mount", "--"]


class GpuProcess:
    """A running one. numbers and thread: PIDs by the identity of each PID namespace it is visible in."""

    def __init__(self, spec, host, host_thread, identities, memory):
        self.name = spec["name"]
        self.busy = spec.get("busy", False)
        self.contexts = spec.get("contexts", 1)
        self.clients = 1 + spec.get("clients", 0)
        self.memory = memory  # MiB
        self.host = host
        path = "/proc/%d" % host
        self.numbers = dict(zip(identities, status_numbers(path, "NSpid")))
        self.thread = dict(zip(identities, status_numbers("%s/task/%d" % (path, host_thread), "NSpid")))


class World:
    """Places and processes; close() ends them all."""

    def __init__(self, programs, unit, simulated=False):
        """programs: path of the GPU program; unit: MiB."""
        self.program = programs
        self.unit = unit
        self.simulated = simulated
        self.children = []
        self.processes = []
        self.directory = tempfile.mkdtemp(prefix="mpu-gpu-")
        os.chmod(self.directory, 0o755)
        self.places = {"host": Place("host")}
        self.mps = []  # words that start a program as a client of MPS

    def close(self):
        for child in reversed(self.children):
            child.stdin.close()
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, argv):
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.children.append(child)
        return child

    @staticmethod
    def line(child, what):
        """The first line of its output."""
        if not select.select([child.stdout], [], [], READY_SECONDS)[0]:
            raise RuntimeError("%s is not ready within %d seconds" % (what, READY_SECONDS))
        text = child.stdout.readline().decode().split()
        if not text:
            raise RuntimeError("%s ended before it was ready" % what)
        return text

    def add_place(self, name, parent="host", user=False):
        above = self.places[parent]
        argv = above.enter() + ["unshare"]
        if user:
            argv += ["--user", "--map-root-user"]
        # Ends, with everything in it, when this process closes the pipe.
        argv += ["--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", "echo started; exec cat"]
        holder = self.start(argv)
        self.line(holder, "PID namespace " + name)
        # nsenter and unshare each have one child; the last is the namespace's first process
        init = holder.pid
        while namespace_of(init) in [place.identity for place in self.places.values()]:
            children = [pid for pid in processes() if status_numbers("/proc/%d" % pid, "PPid") == [init]]
            if len(children) != 1:
                raise RuntimeError("the first process of PID namespace %s cannot be found" % name)
            init = children[0]
        self.places[name] = Place(name, init, user or above.user, above.level + 1)

    def _options(self, spec):
        memory = str(spec["units"] * self.unit)
        if self.simulated:
            options = ["--memory", memory]
            options += ["--util", "15"] if spec.get("busy") else []
            options += ["--clients", str(1 + spec.get("clients", 0))]
            options += ["--class", "mps+compute"] if spec.get("mps") else []
        else:
            options = ["--memory", memory, "--contexts", str(spec.get("contexts", 1))]
            options += ["--busy"] if spec.get("busy") else []
            options += ["--clients", str(spec.get("clients", 0))]
        return options + (["--thread"] if spec.get("thread") else [])

    def _identities(self, place):
        """Of the namespaces from the host's down to this one."""
        chain = [self.places["host"].identity]
        if place.name == "nested":
            chain.append(self.places["a"].identity)
        return chain + ([place.identity] if place.level else [])

    def _begin(self, spec):
        place = self.places[spec["place"]]
        program = os.path.join(self.directory, spec["name"])
        if not os.path.exists(program):
            shutil.copy(self.program, program)  # under its own name, where every user can read it
        argv = (self.mps if spec.get("mps") else []) + [program] + self._options(spec)
        if "number_of" in spec:
            number = next(other.host for other in self.processes if other.name == spec["number_of"])
            argv = [sys.executable, os.path.join(self.directory, "numbered.py"), str(number)] + argv
        if "user" in spec:
            user = str(spec["user"])
            argv = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--"] + argv
        return self.start(place.enter() + argv)

    def _ready(self, spec, child):
        place = self.places[spec["place"]]
        text = self.line(child, spec["name"])
        numbers = [int(word) for word in text[1:]]
        host = next(
            (
                pid
                for pid in processes()
                if namespace_of(pid) == place.identity
                and status_numbers("/proc/%d" % pid, "NSpid")[-1:] == numbers[:1]
            ),
            None,
        )
        if host is None:
            raise RuntimeError("%s cannot be found in /proc" % spec["name"])
        tasks = [int(name) for name in os.listdir("/proc/%d/task" % host)]
        if len(numbers) == 1:  # gpu-process has at most one more thread
            threads = [task for task in tasks if task != host or not spec.get("thread")]
        else:
            threads = [
                task
                for task in tasks
                if status_numbers("/proc/%d/task/%d" % (host, task), "NSpid")[-1:] == numbers[1:]
            ]
        memory = spec["units"] * self.unit
        self.processes.append(GpuProcess(spec, host, threads[0], self._identities(place), memory))

    def populate(self, specs=None):
        """Starts the processes, those together that do not depend on others' numbers."""
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "numbered.py")
        shutil.copy(source, self.directory)
        specs = SPECS if specs is None else specs
        first = [spec for spec in specs if "number_of" not in spec]
        started = [(spec, self._begin(spec)) for spec in first]
        for spec, child in started:
            self._ready(spec, child)
        for spec in specs:
            if "number_of" in spec:
                self._ready(spec, self._begin(spec))

    def visible(self, place):
        """Processes that a place can see."""
        return [process for process in self.processes if place.identity in process.numbers]


def settle(seconds):
    """Lets utilization samples accumulate."""
    time.sleep(seconds)
