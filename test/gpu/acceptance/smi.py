# SPDX-License-Identifier: GPL-2.0-only
"""Reads what nvidia-smi prints: rows as dictionaries. Every parser raises on what it does not understand."""

import re
import xml.etree.ElementTree


def number(text):
    """None where nvidia-smi says that it does not know."""
    match = re.match(r"\d+", text)
    return int(match.group()) if match else None


def table(output):
    """The process box of a plain nvidia-smi."""
    _, found, box = output.partition("| Processes:")
    if not found:
        raise ValueError("no process box in: " + output)
    rows = []
    for line in box.split("\n")[1:]:
        if not re.match(r"\|\s+\d", line):
            if re.match(r"\|\s+(GPU|ID|No running processes found)|\|=|\+-|$", line.strip()):
                continue
            if not line.strip("| ").strip() or "Usage" in line:
                continue
            raise ValueError("not a row of the process box: " + line)
        row = re.match(
            r"\|\s+(\d+)\s+(?:(?:N/A|\d+)\s+(?:N/A|\d+)\s+)?(\d+)\s+([CGM+]+)\s+(\S.*?)\s+(\d+MiB|N/A)\s+\|$",
            line.strip(),
        )
        if not row:
            raise ValueError("not a row of the process box: " + line)
        rows.append({"pid": int(row[2]), "type": row[3], "name": row[4], "memory": number(row[5])})
    return rows


def compute_apps(output):
    """--query-compute-apps=pid,process_name,used_memory --format=csv,noheader,nounits"""
    rows = []
    for line in output.splitlines():
        if not line.strip():
            continue
        row = re.match(r"(\d+), (.*), (\S.*)$", line)
        if not row:
            raise ValueError("not a row of compute apps: " + line)
        rows.append({"pid": int(row[1]), "name": row[2], "memory": number(row[3])})
    return rows


def query(output):
    """-q -d PIDS"""
    rows = []
    for line in output.splitlines():
        label, _, value = (part.strip() for part in line.partition(" : "))
        if label == "Process ID":
            rows.append({"pid": int(value), "name": "", "memory": None})
        elif rows and label == "Name":
            rows[-1]["name"] = value
        elif rows and label == "Used GPU Memory":
            rows[-1]["memory"] = number(value)
    if "GPU" not in output:
        raise ValueError("no GPU in: " + output)
    return rows


def pmon(output):
    """pmon -c 1 -s um; a GPU with no process is one row of dashes, which is left out."""
    rows = []
    columns = []
    for line in output.splitlines():
        words = line.split()
        if words[:2] == ["#", "gpu"]:
            columns = words[1:]
        elif words and words[0] != "#":
            row = dict(zip(columns, words))
            if not columns and set(words[1:]) == {"-"}:
                continue  # no heading comes before it
            if "pid" not in row:
                raise ValueError("pmon without a heading: " + output)
            if row["pid"] != "-":
                rows.append(
                    {
                        "pid": int(row["pid"]),
                        "name": row["command"],
                        "memory": number(row["fb"]),
                        "sm": number(row["sm"]),
                    }
                )
    return rows


def full_query(output):
    """-q -x: the processes, and the accounting records as their PIDs."""
    root = xml.etree.ElementTree.fromstring(output)
    if root.find("gpu") is None:
        raise ValueError("no GPU in: " + output)

    def text(element, name):
        return (element.findtext(name) or "").strip()

    rows = [
        {"pid": int(text(row, "pid")), "name": text(row, "process_name"), "memory": number(text(row, "used_memory"))}
        for row in root.iter("process_info")
    ]
    return rows, [int(text(row, "pid")) for row in root.iter("accounted_process_info")]


def accounted_apps(output):
    """--query-accounted-apps=pid,max_memory_usage --format=csv,noheader,nounits"""
    pids = []
    for line in output.splitlines():
        if not line.strip():
            continue
        row = re.match(r"(\d+), (\S.*)$", line)
        if not row:
            raise ValueError("not a row of accounted apps: " + line)
        pids.append(int(row[1]))
    return pids
