// SPDX-License-Identifier: GPL-2.0-only
/*
 * The version, for whoever finds the library in an image: readelf -p .mpu.version libmpu.so. The
 * section is not loaded, so no process pays for it.
 */
#include "version.h"

__asm__(".pushsection .mpu.version, \"\", @progbits\n"
	"\t.asciz \"" MPU_VERSION "\"\n"
	"\t.popsection");
