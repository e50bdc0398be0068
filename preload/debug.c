// SPDX-License-Identifier: GPL-2.0-only
#include "debug.h"
#include "sys.h"

#define STDERR 2

static char *put(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	return to;
}

static char *put_hex(char *to, mpu_u32 value)
{
	int shift;

	for (shift = 28; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[value >> shift & 15];
	return to;
}

static const char *meaning(enum mpu_rm_event event)
{
	switch (event) {
	case MPU_RM_EVENT_HANDLED:
		return "handled";
	case MPU_RM_EVENT_HOST_CALLER:
		return "left alone: this is the host's PID namespace";
	case MPU_RM_EVENT_NO_TRANSLATOR:
		return "left alone: nothing here translates PIDs (mpu.ko is not loaded, and no "
		       "usable /run/mpu/pidns)";
	case MPU_RM_EVENT_UNKNOWN_LAYOUT:
		return "left alone: unknown size of its parameters";
	default:
		return "left alone: how this driver counts could not be found out";
	}
}

void mpu_debug(mpu_u32 cmd, mpu_u32 size, enum mpu_rm_event event)
{
	char line[192], *end = line;

	end = put(end, "libmpu: control 0x");
	end = put_hex(end, cmd);
	end = put(end, ", 0x");
	end = put_hex(end, size);
	end = put(end, " bytes: ");
	end = put(end, meaning(event));
	*end++ = '\n';
	mpu_sys_write(STDERR, line, (unsigned long)(end - line));
}
