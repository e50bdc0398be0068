// SPDX-License-Identifier: GPL-2.0-only
/* 5.10: each request of a generic netlink family has a policy of its own */
#include <net/genetlink.h>

const struct nla_policy policy[1];
const struct genl_ops probe = {.policy = policy, .maxattr = 0};
