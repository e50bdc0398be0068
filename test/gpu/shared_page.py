# SPDX-License-Identifier: GPL-2.0-only
"""What NVIDIA's clients do with the page that RM shares with all clients of a GPU (class 0xde). Prints one JSON document.

Usage: shared_page.py [--build DIR]

Runs each client of the machine's driver three times: as it is, on a driver that seems not to have the class, and on one that
seems not to poll for it. For each run: the masks that the client asked for, the bytes that it read, its exit status, and the lines
of its output that differ from the first run in more than numbers. Changes no setting of a GPU.
"""

import argparse
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = {
    "nvidia-smi": ["nvidia-smi"],
    "query": ["nvidia-smi", "-q"],
    "dmon": ["nvidia-smi", "dmon", "-s", "pucvmet", "-c", "2"],
    "pmon": ["nvidia-smi", "pmon", "-c", "1"],
    "compute-apps": ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv"],
    "NVML": [sys.executable, os.path.join(HERE, "acceptance", "nvml.py")],
}
MODES = ("", "refuse", "refuse-polling")
LIMIT_S = 60


def run(command, library, mode, log):
    environment = dict(os.environ, LD_PRELOAD=library, SHARED_PAGE=mode, SHARED_PAGE_LOG=log)
    try:
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"status": "did not end", "output": ""}
    return {"status": ended.returncode, "output": ended.stdout + ended.stderr}


def without_numbers(text):
    """Lines whose numbers and spaces do not matter: figures differ from second to second."""
    return [re.sub(r"\s+", " ", re.sub(r"\d[\d.:]*", "#", line)) for line in text.splitlines()]


def facts(log):
    """The report of shared-page.so, without repetitions."""
    with open(log, encoding="ascii") as file:
        lines = list(dict.fromkeys(file.read().splitlines()))
    return {
        "asked": [line for line in lines if not line.startswith("read ")],
        "read": sorted(int(line.split()[1]) for line in lines if line.startswith("read ")),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(HERE, "..", "..", "build"))
    library = os.path.join(os.path.abspath(parser.parse_args().build), "test/gpu/shared-page.so")
    found = {}
    for name, command in CLIENTS.items():
        first = None
        found[name] = {}
        for mode in MODES:
            with tempfile.NamedTemporaryFile() as log:
                ended = run(command, library, mode, log.name)
                lines = without_numbers(ended["output"])
                first = lines if first is None else first
                changes = [
                    line
                    for line in difflib.unified_diff(first, lines, lineterm="", n=0)
                    if not line.startswith(("---", "+++", "@@"))
                ]
                found[name][mode or "as it is"] = {"status": ended["status"], **facts(log.name), "changes": changes}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
