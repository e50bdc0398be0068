// SPDX-License-Identifier: GPL-2.0-only
/* A live patch of the driver's ioctl entry: the other one that redirects a function with ftrace. */
#include <linux/fs.h>
#include <linux/livepatch.h>
#include <linux/module.h>

static long patched_ioctl(struct file *file, unsigned int request, unsigned long argument)
{
	return -ENOTTY;
}

static struct klp_func functions[] = {
	{.old_name = "nvidia_unlocked_ioctl", .new_func = patched_ioctl},
	{},
};

static struct klp_object objects[] = {{.name = "nvidia", .funcs = functions}, {}};

static struct klp_patch patch = {.mod = THIS_MODULE, .objs = objects};

static int __init livepatch_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);

MODULE_DESCRIPTION("Live patch of the simulated NVIDIA driver, for tests");
MODULE_AUTHOR("The mpu authors");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
