// SPDX-License-Identifier: GPL-2.0-only
/* Per-process accounting (diagnostics/gpu_acct.c): one live record a process and GPU, and the last
 * 128 dead ones. */
#include "world.h"

#define ACCOUNTING_SAMPLES 100

static struct account *find(struct rmsim_world *world, uint32_t gpu, uint32_t proc_id, bool dead)
{
	uint32_t i;

	for (i = 0; i < MAX_ACCOUNTS; i++) {
		struct account *account = &world->accounts[i];

		if (account->used && account->gpu == gpu && account->proc_id == proc_id &&
		    account->dead == dead)
			return account;
	}
	return NULL;
}

static void drop(struct rmsim_world *world, struct account *account)
{
	pidref_put(world, account->pidref);
	account->used = false;
}

/* A device was allocated. */
void account_start(struct rmsim_world *world, struct client *client, struct object *device,
		   uint64_t now)
{
	struct account *account = find(world, device->gpu, client->proc_id, false);
	uint32_t i;

	if (!world->gpus[device->gpu].accounting)
		return;
	for (i = 0; i < MAX_ACCOUNTS && !account; i++) {
		if (world->accounts[i].used)
			continue;
		account = &world->accounts[i];
		memset(account, 0, sizeof(*account));
		account->used = true;
		account->gpu = device->gpu;
		account->proc_id = client->proc_id;
		account->start = now / 1000;
		account->pidref = client->pidref;
		if (client->pidref != NONE)
			world->pidrefs[client->pidref].references++;
	}
	if (!account)
		return;
	account->references++;
	device->accounted = true;
}

static void bury(struct rmsim_world *world, struct account *account, uint64_t now)
{
	struct account *old = find(world, account->gpu, account->proc_id, true);
	struct account *oldest = NULL;
	uint32_t count = 0;
	uint32_t i;

	if (old)
		drop(world, old);
	for (i = 0; i < MAX_ACCOUNTS; i++) {
		struct account *other = &world->accounts[i];

		if (!other->used || !other->dead || other->gpu != account->gpu)
			continue;
		count++;
		if (!oldest || other->dead_serial < oldest->dead_serial)
			oldest = other;
	}
	if (count >= MAX_DEAD)
		drop(world, oldest);
	account->dead = true;
	account->dead_serial = ++world->gpus[account->gpu].dead_serial;
	account->end = now / 1000;
}

/* A device was freed. Only processes that had a channel leave a record. */
void account_stop(struct rmsim_world *world, struct client *client, struct object *device,
		  uint64_t now, bool record)
{
	struct account *account = find(world, device->gpu, client->proc_id, false);

	device->accounted = false;
	if (!account || --account->references != 0)
		return;
	if (record && account->on_gpu)
		bury(world, account, now);
	else
		drop(world, account);
}

/* A channel was allocated. */
void account_on_gpu(struct rmsim_world *world, const struct client *client, uint32_t gpu)
{
	struct account *account = find(world, gpu, client->proc_id, false);

	if (account)
		account->on_gpu = true;
}

static uint32_t process_util(struct rmsim_world *world, uint32_t proc_id, uint32_t gpu,
			     uint32_t engine)
{
	struct client *client;
	uint32_t util = 0;

	for_each_client(world, client)
	{
		const struct object *object;

		if (client->proc_id != proc_id)
			continue;
		for_each_object(world, client, object)
		{
			if (object->cls == NV01_DEVICE_0 && object->gpu == gpu)
				util += object->usage.util[engine];
		}
	}
	return util;
}

/*
 * Memory was allocated. From R2 on the driver looks the process up by its global number among the
 * numbers of the caller's namespace (video_mem.c), so that the peak of a process in a container
 * stays 0.
 */
void account_usage(struct call *call, const struct object *device)
{
	struct rmsim_world *world = call->world;
	struct account *account = find(world, device->gpu, call->client->proc_id, false);
	uint64_t memory[3] = {0, 0, 0};
	struct client *client;

	if (!account)
		return;
	for_each_client(world, client)
	{
		uint32_t nr = client->proc_id;

		if (world->rules->pid_info_in_namespace &&
		    !client_convert_pid(world, client, call->ns, &nr))
			continue;
		if (nr == call->client->proc_id && !client->kernel_admin)
			client_memory(world, client, device->gpu, memory);
	}
	if (memory[0] + memory[1] > account->max_memory)
		account->max_memory = memory[0] + memory[1];
	account->util = process_util(world, call->client->proc_id, device->gpu, ENGINE_SM);
	account->memory_util = process_util(world, call->client->proc_id, device->gpu, ENGINE_FB);
}

uint32_t control_accounting_state(struct call *call)
{
	const struct gpu *gpu = gpu_by_id(call->world, get_u32(call->params, 0));

	if (!gpu)
		return NV_ERR_INVALID_ARGUMENT;
	put_u32(call->params, 8, gpu->accounting ? 0 : 1);
	return NV_OK;
}

uint32_t control_accounting_clear(struct call *call)
{
	const struct gpu *gpu = gpu_by_id(call->world, get_u32(call->params, 0));
	uint32_t i;

	if (!call->caller->ops->is_admin(call->caller->ctx))
		return NV_ERR_INSUFFICIENT_PERMISSIONS;
	if (!gpu)
		return NV_ERR_INVALID_ARGUMENT;
	for (i = 0; i < MAX_ACCOUNTS; i++) {
		struct account *account = &call->world->accounts[i];

		if (account->used && account->dead && account->gpu == gpu->index)
			drop(call->world, account);
	}
	return NV_OK;
}

uint32_t control_accounting_set_state(struct call *call)
{
	struct gpu *gpu = gpu_by_id(call->world, get_u32(call->params, 0));
	uint32_t state = get_u32(call->params, 8);

	if (!call->caller->ops->is_admin(call->caller->ctx))
		return NV_ERR_INSUFFICIENT_PERMISSIONS;
	if (!gpu || state > 1)
		return NV_ERR_INVALID_ARGUMENT;
	gpu->accounting = state == 0;
	return NV_OK;
}

/* lookupPid(), client_resource.c */
static uint32_t lookup_pid(struct call *call, uint32_t pid)
{
	struct client *client;

	for_each_client(call->world, client)
	{
		if (client->pidref != NONE && pid != 0 &&
		    pidref_vnr(call->world, client->pidref, call->ns) == pid)
			return client->proc_id;
	}
	return pid;
}

/* The record of the PID at 4, which becomes a global one as the driver looks it up; NULL when there
 * is none. */
static const struct account *asked_record(struct call *call, const struct gpu *gpu)
{
	struct rmsim_world *world = call->world;
	const struct account *account;
	uint32_t pid = get_u32(call->params, 4);

	if (world->rules->accounting_lookup && get_u32(call->params, 8) == 0) {
		pid = lookup_pid(call, pid);
		put_u32(call->params, 4, pid);
	}
	account = find(world, gpu->index, pid, true);
	if (!account)
		account = find(world, gpu->index, pid, false);
	return account && account->on_gpu ? account : NULL;
}

uint32_t control_accounting_info(struct call *call)
{
	const struct gpu *gpu = gpu_by_id(call->world, get_u32(call->params, 0));
	const struct account *account;

	if (!gpu)
		return NV_ERR_INVALID_ARGUMENT;
	account = asked_record(call, gpu);
	if (!account)
		return NV_ERR_OBJECT_NOT_FOUND;
	put_u32(call->params, 12, account->util);
	put_u32(call->params, 16, account->memory_util);
	put_u64(call->params, 24, account->max_memory);
	put_u64(call->params, 32, account->start);
	put_u64(call->params, 40, account->end);
	return NV_OK;
}

/* The same with the sums that the averages were made of, and their number at 20. */
uint32_t control_accounting_info_v2(struct call *call)
{
	uint32_t status = control_accounting_info(call);

	if (status != NV_OK)
		return status;
	put_u32(call->params, 20, ACCOUNTING_SAMPLES);
	put_u64(call->params, 48, (uint64_t)get_u32(call->params, 12) * ACCOUNTING_SAMPLES);
	put_u64(call->params, 56, (uint64_t)get_u32(call->params, 16) * ACCOUNTING_SAMPLES);
	return NV_OK;
}

static uint32_t list(struct call *call, const struct gpu *gpu, bool dead, bool translate,
		     uint32_t count)
{
	struct rmsim_world *world = call->world;
	uint32_t i;

	for (i = 0; i < MAX_ACCOUNTS && count < ACCOUNTING_PIDS_MAX; i++) {
		const struct account *account = &world->accounts[i];
		uint32_t pid = account->proc_id;

		if (!account->used || account->gpu != gpu->index || account->dead != dead ||
		    !account->on_gpu)
			continue;
		if (translate && account->pidref != NONE)
			pid = pidref_vnr(world, account->pidref, call->ns);
		if (pid)
			put_u32(call->params, 8 + 4 * (size_t)count++, pid);
	}
	return count;
}

uint32_t control_accounting_pids(struct call *call)
{
	const struct regime_rules *rules = call->world->rules;
	const struct gpu *gpu = gpu_by_id(call->world, get_u32(call->params, 0));
	uint32_t count = 0;

	if (!gpu)
		return NV_ERR_INVALID_ARGUMENT;
	if (!rules->accounting_live_only || call->ns == call->world->config.init_ns)
		count = list(call, gpu, true, false, count);
	count = list(call, gpu, false, rules->accounting_translated, count);
	put_u32(call->params, 8 + 4 * ACCOUNTING_PIDS_MAX, count);
	return NV_OK;
}
