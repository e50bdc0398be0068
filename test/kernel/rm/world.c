// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"

const char *const regime_names[REGIMES] = {"R0", "R1", "R2", "R3a", "R3b", "R4"};
const char *const knowledge_names[KNOWLEDGES] = {"release known", "release unknown",
						 "release said too old", "release said too new"};

void world_init(struct world *world, enum regime regime, enum knowledge knowledge)
{
	memset(world, 0, sizeof(*world));
	world->regime = regime;
	world->knowledge = knowledge;
	world->translations_left = world->controls_left = NEVER;
	world->self = 40;
	world_task(world, 1, 1, 0, 0);
	world_process(world, 1040, 40, 0);
}

unsigned int world_task(struct world *world, mpu_u32 host_tid, mpu_u32 host_tgid, mpu_u32 tid,
			mpu_u32 tgid)
{
	struct task *task = &world->tasks[world->task_count];

	if (world->task_count == WORLD_TASKS)
		abort();
	task->host_tid = host_tid;
	task->host_tgid = host_tgid;
	task->tid = tid;
	task->tgid = tgid;
	task->gone = 0;
	return world->task_count++;
}

void world_client(struct world *world, unsigned int task, mpu_u64 memory)
{
	struct client *client = &world->clients[world->client_count++];

	if (world->client_count > WORLD_CLIENTS)
		abort();
	client->task = task;
	client->memory = memory;
	client->kernel = 0;
}

unsigned int world_process(struct world *world, mpu_u32 host, mpu_u32 inside, mpu_u64 memory)
{
	unsigned int task = world_task(world, host, host, inside, inside);

	world_client(world, task, memory);
	return task;
}

void world_end(struct world *world, unsigned int task)
{
	unsigned int i;

	world->tasks[task].gone = 1;
	/* Theirs is as good as any: it is the caller's, which asks nothing about itself. */
	for (i = 0; i < world->client_count; i++)
		if (world->clients[i].task == task)
			world->clients[i] = world->clients[0];
}

mpu_u32 world_tid(const struct world *world, const struct task *task)
{
	return world->host_caller ? task->host_tid : task->tid;
}

mpu_u32 world_tgid(const struct world *world, const struct task *task)
{
	return world->host_caller ? task->host_tgid : task->tgid;
}

const struct task *world_by_host(const struct world *world, mpu_u32 tid)
{
	unsigned int i;

	for (i = 0; i < world->task_count; i++)
		if (world->tasks[i].host_tid == tid && !world->tasks[i].gone)
			return &world->tasks[i];
	return NULL;
}

const struct task *world_by_own(const struct world *world, mpu_u32 tid)
{
	unsigned int i;

	for (i = 0; tid && i < world->task_count; i++)
		if (world_tid(world, &world->tasks[i]) == tid && !world->tasks[i].gone)
			return &world->tasks[i];
	return NULL;
}

static int translate(void *context, enum mpu_rm_direction direction, const mpu_u32 *in,
		     mpu_u32 *out, mpu_u32 count)
{
	struct world *world = context;
	mpu_u32 i;

	world->translations++;
	if (!world->translations_left)
		return 0;
	if (world->translations_left != NEVER)
		world->translations_left--;
	if (count > MPU_RM_MAX_PIDS + 2)
		abort();
	for (i = 0; i < count; i++) {
		const struct task *task = direction == MPU_RM_TO_HOST ? world_by_own(world, in[i])
								      : world_by_host(world, in[i]);

		out[i] = 0;
		if (task)
			out[i] = direction == MPU_RM_TO_HOST ? task->host_tgid
							     : world_tgid(world, task);
	}
	return 1;
}

static mpu_u32 control(void *context, mpu_u32 cmd, void *params, mpu_u32 size)
{
	struct world *world = context;

	world->controls++;
	if (world->ending)
		world_end(world, world->ending);
	if (!world->controls_left)
		return 0x1bu;
	if (world->controls_left != NEVER)
		world->controls_left--;
	return model_control(world, cmd, params, size);
}

static int release(void *context, struct mpu_rm_release *release)
{
	const struct world *world = context;
	enum regime said = world->regime;

	memset(release, 0, sizeof(*release));
	if (world->knowledge == RELEASE_UNKNOWN)
		return 0;
	if (world->knowledge == RELEASE_TOO_OLD)
		said = R0;
	if (world->knowledge == RELEASE_TOO_NEW)
		said = R4;
	release->list_caller = said >= R1;
	release->info_caller = said >= R2;
	release->acct_list_caller = said == R3A;
	return 1;
}

static void *array(void *context, mpu_u64 pointer, mpu_u32 size)
{
	const struct world *world = context;

	(void)size;
	return world->no_array ? NULL : (void *)(unsigned long)pointer;
}

static int accessible(void *context, void *params, mpu_u32 size)
{
	const struct world *world = context;

	(void)params;
	(void)size;
	return !world->inaccessible;
}

static void count(void *context, enum mpu_rm_event event)
{
	struct world *world = context;

	if (event >= MPU_RM_EVENTS)
		abort();
	world->events[event]++;
}

struct mpu_rm_ops world_ops(struct world *world)
{
	struct mpu_rm_ops ops = {translate, control, release, array, accessible, count, 0, NULL};

	ops.self = world->self;
	ops.context = world;
	return ops;
}

mpu_u32 world_call(struct world *world, mpu_u32 cmd, void *params, mpu_u32 size)
{
	mpu_u32 status = model_control(world, cmd, params, size);
	struct mpu_rm_ops ops = world_ops(world);
	static struct guard work;

	if (!mpu_rm_status_matters(cmd, status))
		return status;
	if (!work.memory)
		work = guard_new((sizeof(struct mpu_rm_work) + 15) & ~15ul);
	memset(work.memory, 0xee, work.size);
	return mpu_rm_control(&ops, (struct mpu_rm_work *)(void *)work.memory, cmd, params, size,
			      status);
}
