// SPDX-License-Identifier: GPL-2.0-only
/*
 * The family "mpu" of uapi/mpu.h. Requests are handled in the context of the task that sends them,
 * so current is the caller.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/pid_namespace.h>
#include <net/genetlink.h>

#include "compat.h"
#include "deferred.h"
#include "intercept.h"
#include "ioctl.h"
#include "netlink.h"
#include "pidmap.h"
#include "redirect.h"
#include "uapi/mpu.h"
#include "version.h"

static struct genl_family mpu_family;

static const struct nla_policy mpu_translate_policy[MPU_A_PIDS + 1] = {
	[MPU_A_PIDS] = {.type = NLA_BINARY, .len = MPU_MAX_PIDS * sizeof(u32)},
};

/* No attribute at all: one without a type is refused. */
static const struct nla_policy mpu_get_policy[MPU_A_PAD + 1] = {};

static const struct nla_policy mpu_set_policy[MPU_A_INTERCEPT + 1] = {
	[MPU_A_INTERCEPT] = NLA_POLICY_RANGE(NLA_U32, MPU_INTERCEPT_OFF, MPU_INTERCEPT_ON),
};

struct mpu_counters {
	unsigned long requests;
	unsigned long pids;
	unsigned long hidden;
};

static DEFINE_PER_CPU(struct mpu_counters, mpu_counters);

static struct pid_namespace *caller_pid_ns(void)
{
	return task_active_pid_ns(current);
}

/*
 * A kernel thread that sends on somebody's behalf is in the initial PID namespace, whoever that is:
 * io_uring's workers were such threads before Linux 5.12.
 */
static bool caller_is_unknown(struct genl_info *info)
{
	if (!(current->flags & PF_KTHREAD))
		return false;
	NL_SET_ERR_MSG(info->extack, "sent by a kernel thread");
	return true;
}

static bool caller_is_host(void)
{
	return !(current->flags & PF_KTHREAD) && caller_pid_ns() == &init_pid_ns;
}

/* One of pidmap.h's. */
typedef int (*translator)(struct pid_namespace *ns, const u32 *in, u32 *out, unsigned int count);

static int mpu_translate(struct genl_info *info, translator translate)
{
	int err = mpu_genl_parse(info, mpu_translate_policy, MPU_A_PIDS);
	const struct nlattr *pids;
	struct nlattr *answer;
	struct sk_buff *reply;
	unsigned int count;
	void *header;
	int hidden;

	if (err)
		return err;
	if (caller_is_unknown(info))
		return -EPERM;
	if (GENL_REQ_ATTR_CHECK(info, MPU_A_PIDS))
		return -EINVAL;
	pids = info->attrs[MPU_A_PIDS];
	if (nla_len(pids) == 0 || nla_len(pids) % sizeof(u32) != 0) {
		NL_SET_ERR_MSG_ATTR(info->extack, pids,
				    "not a whole number of 32-bit ids, or none");
		return -EINVAL;
	}
	count = nla_len(pids) / sizeof(u32);

	reply = genlmsg_new(nla_total_size(nla_len(pids)), GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	header = genlmsg_put_reply(reply, info, &mpu_family, 0, info->genlhdr->cmd);
	answer = header ? nla_reserve(reply, MPU_A_PIDS, nla_len(pids)) : NULL;
	hidden = answer ? translate(caller_pid_ns(), nla_data(pids), nla_data(answer), count)
			: -EMSGSIZE;
	if (hidden < 0) {
		nlmsg_free(reply);
		return hidden;
	}
	genlmsg_end(reply, header);

	this_cpu_inc(mpu_counters.requests);
	this_cpu_add(mpu_counters.pids, count);
	this_cpu_add(mpu_counters.hidden, hidden);
	return genlmsg_reply(reply, info);
}

static int mpu_to_ns_doit(struct sk_buff *skb, struct genl_info *info)
{
	return mpu_translate(info, mpu_pidmap_to_ns);
}

static int mpu_to_host_doit(struct sk_buff *skb, struct genl_info *info)
{
	return mpu_translate(info, mpu_pidmap_to_host);
}

static int put_intercept_counters(struct sk_buff *reply)
{
	struct mpu_ioctl_counters sum;

	if (!mpu_redirect_possible())
		return 0;
	mpu_ioctl_count(&sum);
	if (nla_put_u64_64bit(reply, MPU_A_COUNTER_REWRITTEN, sum.rewritten, MPU_A_COUNTER_PAD) ||
	    nla_put_u64_64bit(reply, MPU_A_COUNTER_UNTOUCHED, sum.untouched, MPU_A_COUNTER_PAD) ||
	    nla_put_u64_64bit(reply, MPU_A_COUNTER_IN_FLIGHT, mpu_redirect_in_flight(),
			      MPU_A_COUNTER_PAD))
		return -EMSGSIZE;
	return 0;
}

static int put_counters(struct sk_buff *reply)
{
	struct nlattr *nest = nla_nest_start(reply, MPU_A_COUNTERS);
	struct mpu_counters sum = {};
	int cpu;

	if (!nest)
		return -EMSGSIZE;
	for_each_possible_cpu(cpu) {
		const struct mpu_counters *counters = per_cpu_ptr(&mpu_counters, cpu);

		sum.requests += READ_ONCE(counters->requests);
		sum.pids += READ_ONCE(counters->pids);
		sum.hidden += READ_ONCE(counters->hidden);
	}
	if (nla_put_u64_64bit(reply, MPU_A_COUNTER_REQUESTS, sum.requests, MPU_A_COUNTER_PAD) ||
	    nla_put_u64_64bit(reply, MPU_A_COUNTER_PIDS, sum.pids, MPU_A_COUNTER_PAD) ||
	    nla_put_u64_64bit(reply, MPU_A_COUNTER_HIDDEN, sum.hidden, MPU_A_COUNTER_PAD) ||
	    put_intercept_counters(reply))
		return -EMSGSIZE;
	nla_nest_end(reply, nest);
	return 0;
}

static u32 features(void)
{
	return MPU_FEATURE_TRANSLATE | (mpu_redirect_possible() ? MPU_FEATURE_INTERCEPT : 0);
}

static int mpu_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err = mpu_genl_parse(info, mpu_get_policy, MPU_A_PAD);
	struct mpu_intercept_status intercept;
	struct sk_buff *reply;
	void *header;

	if (err)
		return err;
	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	mpu_intercept_get(&intercept);
	header = genlmsg_put_reply(reply, info, &mpu_family, 0, MPU_CMD_GET);
	if (!header || nla_put_string(reply, MPU_A_MODULE_VERSION, MPU_VERSION) ||
	    nla_put_u32(reply, MPU_A_ABI_VERSION, MPU_ABI_VERSION) ||
	    nla_put_u32(reply, MPU_A_FEATURES, features()) ||
	    nla_put_u32(reply, MPU_A_MAX_PIDS, MPU_MAX_PIDS) ||
	    nla_put_u32(reply, MPU_A_INTERCEPT, intercept.state) ||
	    nla_put_u64_64bit(reply, MPU_A_GENERATION, intercept.generation, MPU_A_PAD))
		goto too_small;
	if (intercept.reason && nla_put_string(reply, MPU_A_INTERCEPT_REASON, intercept.reason))
		goto too_small;
	/* They would tell a container what the others do. */
	if (caller_is_host() && put_counters(reply))
		goto too_small;
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);

too_small:
	nlmsg_free(reply);
	return -EMSGSIZE;
}

static int mpu_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err = mpu_genl_parse(info, mpu_set_policy, MPU_A_INTERCEPT);

	if (err)
		return err;
	/* Also looks at who opened the socket: root may be made to write into somebody else's. */
	if (!netlink_capable(skb, CAP_SYS_ADMIN)) {
		NL_SET_ERR_MSG(info->extack, "needs CAP_SYS_ADMIN in the initial user namespace");
		return -EPERM;
	}
	if (!caller_is_host()) {
		NL_SET_ERR_MSG(info->extack, "the caller is not in the initial PID namespace");
		return -EPERM;
	}
	if (GENL_REQ_ATTR_CHECK(info, MPU_A_INTERCEPT))
		return -EINVAL;
	return mpu_deferred_set(skb, nla_get_u32(info->attrs[MPU_A_INTERCEPT]) == MPU_INTERCEPT_ON);
}

static const struct genl_ops mpu_ops[] = {
	{
		.cmd = MPU_CMD_TO_NS,
		.doit = mpu_to_ns_doit,
		MPU_GENL_POLICY(mpu_translate_policy, MPU_A_PIDS),
	},
	{
		.cmd = MPU_CMD_TO_HOST,
		.doit = mpu_to_host_doit,
		MPU_GENL_POLICY(mpu_translate_policy, MPU_A_PIDS),
	},
	{
		.cmd = MPU_CMD_GET,
		.doit = mpu_get_doit,
		MPU_GENL_POLICY(mpu_get_policy, MPU_A_PAD),
	},
	{
		.cmd = MPU_CMD_SET,
		.doit = mpu_set_doit,
		MPU_GENL_POLICY(mpu_set_policy, MPU_A_INTERCEPT),
	},
};

static struct genl_family mpu_family __ro_after_init = {
	.name = MPU_FAMILY_NAME,
	.version = MPU_ABI_VERSION,
	.maxattr = MPU_GENL_FAMILY_MAXATTR,
	.netnsok = true,
	.parallel_ops = true,
	.ops = mpu_ops,
	.n_ops = ARRAY_SIZE(mpu_ops),
	.module = THIS_MODULE,
};

int __init mpu_netlink_init(void)
{
	int err = mpu_deferred_init();

	if (err)
		return err;
	err = genl_register_family(&mpu_family);
	if (err)
		mpu_deferred_exit();
	return err;
}

void mpu_netlink_exit(void)
{
	/* Returns when no request is being handled any more, except for deferred ones. */
	genl_unregister_family(&mpu_family);
	mpu_deferred_exit();
}
