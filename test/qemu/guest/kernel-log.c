// SPDX-License-Identifier: GPL-2.0-only
#include "cases.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int kmsg = -1;

void kernel_log_start(void)
{
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

uint32_t kernel_log_check(void)
{
	static const char *const alarms[] = {"WARNING:",      "BUG:",		"Oops",
					     "Call Trace",    "refcount_t:",	"protection fault",
					     "stall",	      "use-after-free", "scheduling while",
					     "suspicious RCU"};
	uint32_t ours = 0;
	char record[8192];
	ssize_t size;

	CHECK(kmsg >= 0, "no /dev/kmsg");
	while ((size = read(kmsg, record, sizeof(record) - 1)) > 0) {
		const char *text;

		record[size] = '\0';
		text = strchr(record, ';');
		CHECK(text, "a record without text");
		for (size_t i = 0; i < sizeof(alarms) / sizeof(*alarms); i++)
			CHECK(!strstr(text, alarms[i]), "%.200s", text);
		/* The kernel's own lines about an unsigned module begin like ours. */
		if (strncmp(text, ";mpu: ", 6) == 0 && !strstr(text, "taint"))
			ours++;
	}
	CHECK(errno == EAGAIN, "errno %d: records were lost", errno);
	return ours;
}

void case_kernel_log(void)
{
	const uint32_t ours = kernel_log_check();

	CHECK(ours == module_loads(), "%u lines for %u loads", ours, module_loads());
}
