# SPDX-License-Identifier: GPL-2.0-only
"""Uses the simulated GPU as an inference server would, then runs examples/own_gpu_memory.py in this same process.

Usage: own_memory.py EXAMPLES-DIRECTORY MIB
"""

import ctypes
import fcntl
import os
import struct
import sys

FREE, CONTROL, ALLOC = 0x29, 0x2A, 0x2B
ROOT, DEVICE, SUBDEVICE, CHANNEL, COMPUTE = 0x0, 0x80, 0x2080, 0xC46F, 0xC5C0
SET_USAGE = 0xFF01


def request(number, size):
    return 0xC0000000 | size << 16 | ord("F") << 8 | number


def allocate(fd, root, parent, cls):
    """Handle of a new object; see struct rm_alloc in test/rm-sim/client/rm.h."""
    answer = bytearray(struct.pack("<4I2Q4I", root, parent, 0, cls, 0, 0, 0, 0, 0xFFFF, 0))
    fcntl.ioctl(fd, request(ALLOC, len(answer)), answer)
    fields = struct.unpack("<4I2Q4I", answer)
    if fields[8] != 0:
        raise RuntimeError("class 0x%x: status 0x%x" % (cls, fields[8]))
    return fields[2]


def use_gpu(mib):
    """The descriptor, which has to stay open."""
    fd = os.open("/dev/nvidiactl", os.O_RDWR | os.O_CLOEXEC)
    root = allocate(fd, 0, 0, ROOT)
    device = allocate(fd, root, root, DEVICE)
    allocate(fd, root, device, SUBDEVICE)
    allocate(fd, root, allocate(fd, root, device, CHANNEL), COMPUTE)
    # struct rmsim_usage
    usage = ctypes.create_string_buffer(struct.pack("<2I3Q6I2I", device, 0, mib << 20, 0, 0, *([0] * 8)))
    control = bytearray(
        struct.pack("<4IQ2I", root, root, SET_USAGE, 0, ctypes.addressof(usage), len(usage) - 1, 0xFFFF)
    )
    fcntl.ioctl(fd, request(CONTROL, len(control)), control)
    if struct.unpack("<4IQ2I", control)[6] != 0:
        raise RuntimeError("cannot declare the usage: 0x%x" % struct.unpack("<4IQ2I", control)[6])
    return fd


def main():
    sys.path.insert(0, sys.argv[1])
    own = use_gpu(int(sys.argv[2]))
    import own_gpu_memory  # pylint: disable=import-outside-toplevel

    print(os.getpid())
    status = own_gpu_memory.main()
    os.close(own)
    return status


sys.exit(main())
