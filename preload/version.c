// SPDX-License-Identifier: GPL-2.0-only
/*
 * The version, for whoever finds the library in an image: readelf -p .mpu.version libmpu.so. The
 * section is not loaded, so no process pays for it.
 */
#include "version.h"

__asm__(".pushsection .mpu.version, \"\", @progbits\n"
	"\t.asciz \"" MPU_VERSION "\"\n"
	"\t.popsection");

#if defined(__aarch64__)
/*
 * Marks the library as usable with shadow stacks (GCS), which clang 14 does not know of. lld joins
 * this with the compiler's own note of BTI and PAC.
 */
#define NOTE_TYPE     "5" /* NT_GNU_PROPERTY_TYPE_0 */
#define FEATURE_1_AND "0xc0000000"
#define FEATURES      "7" /* BTI, PAC, GCS */

__asm__(".pushsection .note.gnu.property, \"a\", @note\n"
	"\t.p2align 3\n"
	"\t.word 4, 16, " NOTE_TYPE "\n"
	"\t.asciz \"GNU\"\n"
	"\t.word " FEATURE_1_AND ", 4, " FEATURES ", 0\n"
	"\t.popsection");
#endif
