// SPDX-License-Identifier: GPL-2.0-only
#include "driver.h"
#include "sys.h"

mpu_u32 mpu_driver_control(int fd, const struct mpu_rm_nvos54 *like, mpu_u32 cmd, void *params,
			   mpu_u32 size)
{
	struct mpu_rm_nvos54 control;

	control.client = like->client;
	control.object = like->object;
	control.cmd = cmd;
	control.flags = 0;
	control.params = (unsigned long)params;
	control.params_size = size;
	control.status = MPU_DRIVER_NO_ANSWER;
	if (mpu_sys_ioctl(fd, MPU_RM_IOCTL_CONTROL, (unsigned long)&control) != 0)
		return MPU_DRIVER_NO_ANSWER;
	return control.status;
}

int mpu_driver_release(struct mpu_rm_release *release)
{
	char version[64];
	long size, fd = mpu_sys_open("/sys/module/nvidia/version");

	if (fd < 0)
		return 0;
	size = mpu_sys_read((int)fd, version, sizeof(version));
	mpu_sys_close((int)fd);
	return size > 0 && mpu_rm_release_lookup(version, (mpu_u32)size, release);
}
