// SPDX-License-Identifier: GPL-2.0-only
/* 5.3: ktime_get_boot_ns() is called ktime_get_boottime_ns() */
#include <linux/ktime.h>

u64 probe(void);
u64 probe(void)
{
	return ktime_get_boottime_ns();
}
