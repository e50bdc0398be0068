// SPDX-License-Identifier: GPL-2.0-only
/*
 * The RM clients of traced processes. A driver from 570.148 on remembers the process that allocated
 * a client, and not the thread, which drivers before it told: so that is noted here, when it
 * happens.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "regime.h"

static struct record *find(const struct regime *regime, uint32_t handle)
{
	struct record *record = regime->records;

	while (record && record->handle != handle)
		record = record->next;
	return record;
}

static struct thing *find_thing(const struct record *record, uint32_t handle)
{
	struct thing *thing = record->things;

	while (thing && thing->handle != handle)
		thing = thing->next;
	return thing;
}

/* An object with everything below it. */
static void free_thing(struct record *record, uint32_t handle)
{
	struct thing **link = &record->things;
	struct thing *thing;

	while (*link && (*link)->handle != handle)
		link = &(*link)->next;
	thing = *link;
	if (thing) {
		*link = thing->next;
		free(thing);
	}
	for (;;) {
		thing = record->things;
		while (thing && thing->parent != handle)
			thing = thing->next;
		if (!thing)
			return;
		free_thing(record, thing->handle);
	}
}

static void free_record(struct regime *regime, struct record *record)
{
	struct record **link = &regime->records;

	while (*link != record)
		link = &(*link)->next;
	*link = record->next;
	while (record->things)
		free_thing(record, record->things->handle);
	free(record);
}

static void add_record(struct regime *regime, const struct request *request, uint32_t handle)
{
	struct record *record = find(regime, handle);
	struct record **link = &regime->records;

	if (record) /* its file was closed, which is not seen here */
		free_record(regime, record);
	record = calloc(1, sizeof(*record));
	if (!record || !task_ops.identify((void *)(uintptr_t)request, &record->identity)) {
		free(record);
		return;
	}
	record->handle = handle;
	while (*link)
		link = &(*link)->next;
	*link = record;
}

static void add_thing(struct record *record, const struct request *request, uint32_t parent,
		      uint32_t handle, uint32_t cls, uint64_t params)
{
	const struct thing *above = find_thing(record, parent);
	struct thing *thing;

	if (find_thing(record, handle))
		free_thing(record, handle);
	thing = calloc(1, sizeof(*thing));
	if (!thing)
		return;
	thing->handle = handle;
	thing->parent = parent;
	thing->cls = cls;
	if (above)
		thing->gpu = above->gpu;
	else if (cls == NV01_DEVICE_0 && params)
		task_read(request->tid, &thing->gpu, params, sizeof(thing->gpu));
	thing->next = record->things;
	record->things = thing;
}

/* After an RM_ALLOC that succeeded: its argument as the driver left it. */
void record_alloc(struct regime *regime, const struct request *request, const uint8_t *argument)
{
	struct record *record = find(regime, get_u32(argument, 0));
	uint32_t handle = get_u32(argument, 8);
	uint32_t cls = get_u32(argument, 12);

	if (cls == NV01_ROOT || cls == NV01_ROOT_NON_PRIV || cls == NV01_ROOT_CLIENT)
		add_record(regime, request, handle);
	else if (record)
		add_thing(record, request, get_u32(argument, 4), handle, cls,
			  get_u64(argument, 16));
}

/* After an RM_FREE that succeeded. */
void record_free(struct regime *regime, const uint8_t *argument)
{
	struct record *record = find(regime, get_u32(argument, 0));
	uint32_t handle = get_u32(argument, 8);

	if (record && record->handle == handle)
		free_record(regime, record);
	else if (record)
		free_thing(record, handle);
}

/* A process is gone, and with it its clients, unless another one has inherited their file. */
void record_ended(struct regime *regime, pid_t process)
{
	struct record *record = regime->records;

	while (record) {
		struct record *next = record->next;

		if (record->identity.tgid == (uint32_t)process)
			free_record(regime, record);
		record = next;
	}
}

static uint32_t number_in(const struct rmsim_pid *pid, uint64_t ns)
{
	uint32_t i;

	for (i = 0; i < pid->levels; i++) {
		if (pid->level[i].ns == ns)
			return pid->level[i].nr;
	}
	return 0;
}

/* The number that a driver which remembers threads has for a client, 0 where it is not visible. */
uint32_t record_number(const struct record *record, uint64_t ns)
{
	return number_in(&record->identity.thread, ns);
}

/* The next client with that number, NULL at the end. */
const struct record *record_of_number(const struct regime *regime, const struct record *after,
				      uint32_t number, uint64_t ns)
{
	const struct record *record = after ? after->next : regime->records;

	while (record && (number == 0 || record_number(record, ns) != number))
		record = record->next;
	return record;
}

const struct record *record_of_process(const struct regime *regime, uint32_t tgid)
{
	const struct record *record = regime->records;

	while (record && record->identity.tgid != tgid)
		record = record->next;
	return record;
}

/* As the driver looks for them: subdevices and MPS wherever in the client, others on this GPU. */
bool record_has(const struct record *record, uint32_t cls, uint32_t gpu)
{
	const struct thing *thing = record->things;

	while (thing && !(thing->cls == cls &&
			  (cls == NV20_SUBDEVICE_0 || cls == MPS_COMPUTE || thing->gpu == gpu)))
		thing = thing->next;
	return thing != NULL;
}

static bool has_channel(const struct record *record)
{
	const struct thing *thing = record->things;

	while (thing && (thing->cls & 0xff) != 0x6f)
		thing = thing->next;
	return thing != NULL;
}

/*
 * Drivers that remember processes tell memory by process alone. It is counted for the client with
 * channels, which in CUDA programs has it all, and for the first one where none has.
 */
bool record_holds_memory(const struct regime *regime, const struct record *record)
{
	const struct record *other;

	for (other = regime->records; other; other = other->next) {
		if (other->identity.tgid == record->identity.tgid && has_channel(other))
			return other == record;
	}
	return record_of_process(regime, record->identity.tgid) == record;
}

/* The GPU of the object that a control is made on. */
uint32_t record_gpu(const struct regime *regime, const struct control *control)
{
	const struct record *record = find(regime, control->client);
	const struct thing *thing = record ? find_thing(record, control->object) : NULL;

	return thing ? thing->gpu : 0;
}
