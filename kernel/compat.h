/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that differs between kernels. The rest of the module is written for the newest one;
 * HAS_<NAME> is defined where configure/<NAME>/test.c compiles.
 */
#ifndef MPU_COMPAT_H
#define MPU_COMPAT_H

#include <net/genetlink.h>

#ifndef HAS_GENL_REQ_ATTR_CHECK
#define GENL_REQ_ATTR_CHECK(info, attr) ({				\
	const struct genl_info *__info = (info);			\
	int __missing = !__info->attrs[attr];				\
									\
	if (__missing)							\
		NL_SET_ERR_MSG(__info->extack, "missing " #attr);	\
	__missing;							\
})
#endif

#endif
