// SPDX-License-Identifier: GPL-2.0-only
/* /dev/nvidia-uvm: plain request numbers, and as much as NVML asks of it. */
#include "world.h"

#define UVM_INITIALIZE	  0x30000001
#define UVM_DEINITIALIZE  0x30000002
#define UVM_MM_INITIALIZE 75

int uvm_ioctl(const struct rmsim_caller *caller, uint32_t request, uint64_t argument)
{
	uint32_t status = NV_OK;
	uint64_t status_at;

	switch (request) {
	case UVM_INITIALIZE:
		status_at = argument + 8;
		break;
	case UVM_MM_INITIALIZE:
		status_at = argument + 4;
		break;
	case UVM_DEINITIALIZE:
		return 0;
	default:
		return -EINVAL;
	}
	return caller->ops->copyout(caller->ctx, status_at, &status, sizeof(status)) ? 0 : -EFAULT;
}
