// SPDX-License-Identifier: GPL-2.0-only
/* References to struct pid, as clients hold them, and their translation. */
#include "world.h"

/*
 * pid_nr_ns(): the number in a namespace, 0 where the process cannot be seen from. It says nothing
 * about whether the process still lives, as in the kernel.
 */
uint32_t pid_nr_in(const struct rmsim_pid *pid, uint64_t ns)
{
	uint32_t i;

	for (i = 0; i < pid->levels; i++) {
		if (pid->level[i].ns == ns)
			return pid->level[i].nr;
	}
	return 0;
}

static bool same_pid(const struct rmsim_pid *a, const struct rmsim_pid *b)
{
	uint32_t i;

	if (a->levels != b->levels)
		return false;
	for (i = 0; i < a->levels; i++) {
		if (a->level[i].nr != b->level[i].nr || a->level[i].ns != b->level[i].ns)
			return false;
	}
	return true;
}

/* get_pid(): a reference to the process, shared by all its clients; NONE when there is no room. */
uint32_t pidref_get(struct rmsim_world *world, const struct rmsim_pid *pid)
{
	uint32_t unused = NONE;
	uint32_t i;

	for (i = 1; i < MAX_PIDREFS; i++) {
		struct pidref *ref = &world->pidrefs[i];

		if (!ref->references) {
			unused = unused ? unused : i;
		} else if (same_pid(&ref->pid, pid)) {
			ref->references++;
			return i;
		}
	}
	if (unused) {
		world->pidrefs[unused].references = 1;
		world->pidrefs[unused].pid = *pid;
	}
	return unused;
}

void pidref_put(struct rmsim_world *world, uint32_t index)
{
	if (index != NONE)
		world->pidrefs[index].references--;
}

uint32_t pidref_vnr(const struct rmsim_world *world, uint32_t index, uint64_t ns)
{
	return index == NONE ? 0 : pid_nr_in(&world->pidrefs[index].pid, ns);
}

/* An address as slab objects have on x86-64, made up. */
uint64_t pidref_address(uint32_t index)
{
	return index == NONE ? 0 : 0xffff888012340000u + (uint64_t)index * 0x80;
}

/* _gpuConvertPid(), gpu_rmapi.c: clients without a reference keep the global number whoever asks.
 */
bool client_convert_pid(const struct rmsim_world *world, const struct client *client, uint64_t ns,
			uint32_t *nr)
{
	*nr = client->pidref == NONE ? client->proc_id : pidref_vnr(world, client->pidref, ns);
	return *nr != 0;
}
