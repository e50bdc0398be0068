// SPDX-License-Identifier: GPL-2.0-only
/* Since Linux 6.1: a missing attribute is reported by its number. */
#include <net/genetlink.h>

int probe(struct genl_info *info);
int probe(struct genl_info *info)
{
	return GENL_REQ_ATTR_CHECK(info, 1);
}
