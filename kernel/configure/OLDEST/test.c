// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compiles on every kernel that is supported. The newest thing in it came with Linux 5.2: messages
 * are refused for attributes that their policy does not name.
 */
#include <linux/ftrace.h>
#include <net/genetlink.h>

int probe(struct genl_info *info);
int probe(struct genl_info *info)
{
	static const struct nla_policy policy[2] = {[1] = NLA_POLICY_RANGE(NLA_U32, 1, 2)};

	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[1], "probe");
	return NL_VALIDATE_STRICT &&
	       nlmsg_parse(info->nlhdr, GENL_HDRLEN, info->attrs, 1, policy, info->extack);
}
