#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Is my own PID among the GPU's processes, and how much of its memory is mine?

Inference servers ask this to size their caches. In a container the answer is wrong on most drivers without mpu, so
ask the first question before the second is trusted. Needs nvidia-ml-py. Exit status: 0 this process is listed with its
memory; 1 it is not, because it uses no GPU or the driver takes its PID for another.

    import own_gpu_memory
    for gpu, memory in own_gpu_memory.own_gpu_memory().items():
        ...
"""

import os
import sys

import pynvml


def own_gpu_memory():
    """Bytes of this process by the index of each GPU whose list has its PID.

    A process that is listed has some memory: None or 0 is that of a driver which looked for another process.
    """
    pynvml.nvmlInit()
    try:
        found = {}
        for index in range(pynvml.nvmlDeviceGetCount()):
            device = pynvml.nvmlDeviceGetHandleByIndex(index)
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(device):
                if process.pid == os.getpid():
                    found[index] = process.usedGpuMemory
        return found
    finally:
        pynvml.nvmlShutdown()


def main():
    found = own_gpu_memory()
    if not found:
        print("this process, PID %d, is in no GPU's list: do not trust figures per process here" % os.getpid())
        return 1
    for index, memory in found.items():
        if memory:
            print("GPU %d: %d MiB of it is mine" % (index, memory >> 20))
        else:
            print("GPU %d: the memory of this process, PID %d, is not known here" % (index, os.getpid()))
    return 0 if all(found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
