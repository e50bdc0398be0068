/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that differs between kernels. The rest of the module is written for the newest one;
 * HAS_<NAME> is defined where configure/<NAME>/test.c compiles.
 */
#ifndef MPU_COMPAT_H
#define MPU_COMPAT_H

#include <net/genetlink.h>

#ifndef HAS_GENL_REQ_ATTR_CHECK
static inline bool GENL_REQ_ATTR_CHECK(const struct genl_info *info, int attribute)
{
	if (info->attrs[attribute])
		return false;
	NL_SET_ERR_MSG(info->extack, "a required attribute is missing");
	return true;
}
#endif

#endif
