// SPDX-License-Identifier: GPL-2.0-only
/* RM clients (class NV01_ROOT): who allocated them, and in which order. */
#include "world.h"

struct client *client_next(struct rmsim_world *world, const struct client *client)
{
	uint32_t index = client ? client->next : world->first_client;

	return index == NONE ? NULL : &world->clients[index];
}

struct client *client_find(struct rmsim_world *world, uint32_t handle)
{
	struct client *client;

	for_each_client(world, client)
	{
		if (client->handle == handle)
			return client;
	}
	return NULL;
}

/*
 * Identity is taken once, from the task that allocates (rmapi/client.c): the global tgid always, a
 * struct pid from R1 on.
 */
uint32_t client_alloc(struct rmsim_world *world, const struct rmsim_file *file,
		      const struct rmsim_caller *caller, uint32_t *handle)
{
	struct rmsim_identity *identity = &world->identity;
	struct client *client = NULL;
	uint32_t i;

	for (i = 1; i < MAX_CLIENTS && !client; i++) {
		if (!world->clients[i].used)
			client = &world->clients[i];
	}
	if (!client || !caller->ops->identify(caller->ctx, identity))
		return NV_ERR_INSUFFICIENT_RESOURCES;
	if (*handle && client_find(world, *handle))
		return NV_ERR_INSERT_DUPLICATE_NAME;
	memset(client, 0, sizeof(*client));
	if (world->rules->pid_reference) {
		client->pidref =
			pidref_get(world, world->rules->reference_is_thread ? &identity->thread
									    : &identity->process);
		if (client->pidref == NONE)
			return NV_ERR_INSUFFICIENT_RESOURCES;
	}
	while (!*handle || client_find(world, *handle))
		*handle = world->next_handle++;
	client->used = true;
	client->file = file;
	client->handle = *handle;
	client->proc_id = identity->tgid;
	i = (uint32_t)(client - world->clients);
	if (world->last_client == NONE)
		world->first_client = i;
	else
		world->clients[world->last_client].next = i;
	world->last_client = i;
	return NV_OK;
}

void client_free(struct rmsim_world *world, struct client *client, uint64_t now)
{
	uint32_t index = (uint32_t)(client - world->clients);
	struct client *before = NULL;
	struct client *other;

	while (client->objects != NONE)
		object_free(world, client, &world->objects[client->objects], now);
	for_each_client(world, other)
	{
		if (other->next == index)
			before = other;
	}
	if (before)
		before->next = client->next;
	else
		world->first_client = client->next;
	if (world->last_client == index)
		world->last_client = before ? (uint32_t)(before - world->clients) : NONE;
	pidref_put(world, client->pidref);
	client->used = false;
}
