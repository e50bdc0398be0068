// SPDX-License-Identifier: GPL-2.0-only
/* Options, as those of rm-sim, and the life of the module. */
#include <linux/module.h>
#include <linux/vmalloc.h>

#include "nvidia.h"

static char *regime;
module_param(regime, charp, 0444);
MODULE_PARM_DESC(regime, "R0, R1, R2, R3a, R3b or R4; by default the driver's");

static char *driver;
module_param(driver, charp, 0444);
MODULE_PARM_DESC(driver, "release that the driver says it is; by default one of the regime");

static char *layouts;
module_param(layouts, charp, 0444);
MODULE_PARM_DESC(layouts, "release whose structures there are; by default the driver's");

static unsigned int gpus = 1;
module_param(gpus, uint, 0444);
MODULE_PARM_DESC(gpus, "number of GPUs, 1 to 8");

static bool accounting = true;
module_param(accounting, bool, 0444);
MODULE_PARM_DESC(accounting, "on or off: records of processes are kept");

struct rmsim_world *nvidia_world;
char *nvidia_release;
static const char *built_version;

static bool set_up_world(void)
{
	struct rmsim_config config = {
		.gpus = gpus, .accounting = accounting, .init_ns = nvidia_initial_namespace()};
	int found = RMSIM_R0;

	if (regime)
		found = rmsim_parse_regime(regime);
	else if (driver)
		found = rmsim_regime_of(driver);
	if (found < 0)
		return false;
	config.regime = found;
	config.driver = driver ? driver : rmsim_default_driver(config.regime);
	config.layouts = layouts ? layouts : config.driver;
	nvidia_release = (char *)config.driver;
	return rmsim_init(nvidia_world, &config);
}

static int __init nvidia_init(void)
{
	int error;

	nvidia_world = vzalloc(rmsim_world_size());
	if (!nvidia_world)
		return -ENOMEM;
	error = -EINVAL;
	if (!set_up_world()) {
		pr_err("nvidia: there is no driver with these options\n");
		goto free_world;
	}
	error = nvidia_proc_init();
	if (error)
		goto free_world;
	error = nvidia_uvm_init();
	if (error)
		goto remove_proc;
	error = nvidia_devices_init();
	if (error)
		goto remove_uvm;
	/* What /sys/module/nvidia/version shows. */
	built_version = THIS_MODULE->version;
	THIS_MODULE->version = nvidia_release;
	return 0;

remove_uvm:
	nvidia_uvm_exit();
remove_proc:
	nvidia_proc_exit();
free_world:
	vfree(nvidia_world);
	return error;
}

static void __exit nvidia_exit(void)
{
	THIS_MODULE->version = built_version;
	nvidia_devices_exit();
	nvidia_uvm_exit();
	nvidia_proc_exit();
	nvidia_task_exit();
	vfree(nvidia_world);
}

module_init(nvidia_init);
module_exit(nvidia_exit);

MODULE_DESCRIPTION("Simulated NVIDIA driver, for tests");
MODULE_AUTHOR("The mpu authors");
MODULE_VERSION("simulated");
MODULE_LICENSE("GPL");
