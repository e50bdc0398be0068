// SPDX-License-Identifier: GPL-2.0-only
/* What clients read in /proc/driver/nvidia. */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/utsname.h>

#include "nvidia.h"

static struct proc_dir_entry *directory;

static int version_show(struct seq_file *file, void *unused)
{
	seq_printf(file,
		   "NVRM version: NVIDIA UNIX Open Kernel Module for %s  %s  Release Build  "
		   "(rm-sim@simulated)\n"
		   "GCC version:  gcc version 12.2.0\n",
		   init_utsname()->machine, nvidia_release);
	return 0;
}

/* How nvidia-smi is to make device files. */
static int params_show(struct seq_file *file, void *unused)
{
	seq_puts(file, "DeviceFileUID: 0\n"
		       "DeviceFileGID: 0\n"
		       "DeviceFileMode: 438\n"
		       "ModifyDeviceFiles: 1\n");
	return 0;
}

int nvidia_proc_init(void)
{
	directory = proc_mkdir("driver/nvidia", NULL);
	if (!directory)
		return -ENOMEM;
	if (proc_create_single("version", 0444, directory, version_show) &&
	    proc_create_single("params", 0444, directory, params_show))
		return 0;
	nvidia_proc_exit();
	return -ENOMEM;
}

void nvidia_proc_exit(void)
{
	proc_remove(directory);
}
