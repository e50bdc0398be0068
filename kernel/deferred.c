// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink holds a lock for reading while it handles a request. To switch interception,
 * ftrace waits for all tasks. If a family is registered meanwhile, that registration waits for the
 * lock, and every later request of anyone, containers included, waits behind the registration. So a
 * worker switches, without the lock, and sends the acknowledgment afterwards.
 */
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "compat.h"
#include "deferred.h"
#include "intercept.h"

/* A request keeps its message and its sender's socket, which keeps the network namespace. */
struct switching {
	struct work_struct work;
	struct sk_buff *skb;
	struct sock *sender;
	struct nlmsghdr *header;
	bool on;
};

/* One at a time, in the order of their arrival. */
static struct workqueue_struct *workers;

static void switch_and_acknowledge(struct work_struct *work)
{
	struct switching *request = container_of(work, struct switching, work);
	struct netlink_ext_ack extack = {};
	const char *reason = NULL;
	int err = mpu_intercept_set(request->on, &reason);

	if (err)
		NL_SET_ERR_MSG_FMT(&extack, "%s", reason);
	if (err || request->header->nlmsg_flags & NLM_F_ACK)
		netlink_ack(request->skb, request->header, err, &extack);
	kfree_skb(request->skb);
	sock_put(request->sender);
	kfree(request);
}

int mpu_deferred_set(struct sk_buff *skb, bool on)
{
	struct switching *request = kmalloc(sizeof(*request), GFP_KERNEL);

	if (!request)
		return -ENOMEM;
	INIT_WORK(&request->work, switch_and_acknowledge);
	request->skb = skb_get(skb);
	request->sender = NETLINK_CB(skb).sk;
	sock_hold(request->sender);
	request->header = nlmsg_hdr(skb);
	request->on = on;
	queue_work(workers, &request->work);
	return -EINTR;
}

int __init mpu_deferred_init(void)
{
	workers = alloc_ordered_workqueue("mpu", 0);
	return workers ? 0 : -ENOMEM;
}

void mpu_deferred_exit(void)
{
	destroy_workqueue(workers);
}
