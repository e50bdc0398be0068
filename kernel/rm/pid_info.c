// SPDX-License-Identifier: GPL-2.0-only
/*
 * GPU_GET_PID_INFO. The application's own call has been answered for the PIDs it gave; here the
 * driver is asked again with the PIDs it listens to, and the caller's PIDs are put back.
 */
#include "internal.h"

/* In an element, behind the PID: which of its figures are asked for. */
#define INFO_INDEX 4u

static int is_among_first(const struct mpu_rm_work *work, mpu_u32 count, mpu_u32 pid)
{
	mpu_u32 i;

	for (i = 0; i < count; i++)
		if (work->raw[i] == pid)
			return 1;
	return 0;
}

/* Each number once, so that what follows takes bounded time in the kernel. */
static void drop_repeated(struct mpu_rm_work *work)
{
	mpu_u32 j, kept = 0;

	for (j = 0; j < work->listed; j++) {
		if (is_among_first(work, kept, work->raw[j]))
			continue;
		work->raw[kept] = work->raw[j];
		work->host[kept++] = work->host[j];
	}
	work->listed = kept;
}

/* Whether the driver knows process i of the question under another number than the one asked for.
 */
static int has_other_number(const struct mpu_rm_work *work, const mpu_u32 *asked,
			    const mpu_u32 *hosts, mpu_u32 i)
{
	mpu_u32 j;

	for (j = 0; hosts[i] && j < work->listed; j++)
		if (work->host[j] == hosts[i] && work->raw[j] != asked[i])
			return 1;
	return 0;
}

/* Asks for the slots collected in work->query and adds each to the element it belongs to. */
static int ask_slots(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
		     const struct mpu_rm_layout *layout, mpu_u8 *array, const mpu_u32 *asked,
		     mpu_u32 slots, int *last)
{
	mpu_u8 *query = (mpu_u8 *)work->query;
	mpu_u32 k;

	mpu_rm_store32(query, layout->count, slots);
	if (ops->control(ops->context, layout->cmd, query, layout->size) != MPU_NV_OK)
		return 0;
	for (k = 0; k < slots; k++) {
		mpu_u32 i = work->owner[k];

		if (*last != (int)i) {
			mpu_rm_copy(array + i * layout->stride,
				    query + layout->array + k * layout->stride, layout->stride);
			mpu_rm_store32(array, i * layout->stride, asked[i]);
			*last = (int)i;
		} else {
			mpu_rm_info_add(layout, array, i, query + layout->array, k);
		}
	}
	return 1;
}

/* The first element of the question that is about the same process as element i. */
static mpu_u32 first_of(const mpu_u32 *hosts, mpu_u32 i)
{
	mpu_u32 first = 0;

	while (hosts[first] != hosts[i])
		first++;
	return first;
}

/*
 * From 535.113 to 570.144 the driver knows a process by the threads that opened its RM clients.
 * Where GET_PIDS shows such numbers, a process's memory is the sum over them. A process that is
 * asked for often is looked for once, so that what is listed bounds the time this takes.
 */
static int sum_threads(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
		       const struct mpu_rm_layout *layout, mpu_u8 *array, mpu_u32 elements,
		       const mpu_u32 *asked, const mpu_u32 *hosts)
{
	mpu_u8 *slots = (mpu_u8 *)work->query + layout->array;
	mpu_u32 i, j, used = 0;
	int last = -1;

	for (i = 0; i < elements; i++) {
		if (first_of(hosts, i) < i || !has_other_number(work, asked, hosts, i))
			continue;
		for (j = 0; j < work->listed; j++) {
			mpu_u8 *slot;

			if (work->host[j] != hosts[i])
				continue;
			if (used == layout->max) {
				if (!ask_slots(ops, work, layout, array, asked, used, &last))
					return 0;
				used = 0;
			}
			slot = slots + used * layout->stride;
			mpu_rm_copy(slot, array + i * layout->stride, layout->stride);
			mpu_rm_ask(layout, slot, 1, &work->raw[j]);
			work->owner[used++] = (mpu_u8)i;
		}
	}
	if (used && !ask_slots(ops, work, layout, array, asked, used, &last))
		return 0;
	for (i = 0; i < elements; i++) {
		j = first_of(hosts, i);
		if (j == i || !has_other_number(work, asked, hosts, i))
			continue;
		/* A different question keeps the driver's own answer. */
		if (mpu_rm_load32(array, i * layout->stride + INFO_INDEX) !=
		    mpu_rm_load32(array, j * layout->stride + INFO_INDEX))
			continue;
		mpu_rm_copy(array + i * layout->stride, array + j * layout->stride, layout->stride);
		mpu_rm_store32(array, i * layout->stride, asked[i]);
	}
	return 1;
}

/*
 * A driver that listens to the caller's PIDs still finds kernel-created clients by host PID,
 * everybody's. What is no process here, and not listed (a thread that has ended is), must not be
 * answered.
 */
static void hide_strangers(const struct mpu_rm_work *work, const struct mpu_rm_layout *layout,
			   mpu_u8 *array, mpu_u32 elements, const mpu_u32 *asked,
			   const mpu_u32 *hosts)
{
	mpu_u32 i;

	for (i = 0; i < elements; i++)
		if (asked[i] && !hosts[i] && !mpu_rm_is_listed(work, asked[i]))
			mpu_rm_info_clear(layout, array, i);
}

/* Sides of a comparison: by how many elements each wins. */
struct votes {
	mpu_u32 host, caller;
};

/* Whether the driver listed a process with this host PID, under whatever number of the caller's. */
static int host_is_listed(const struct mpu_rm_work *work, mpu_u32 host)
{
	mpu_u32 i;

	for (i = 0; i < work->listed; i++)
		if (work->host[i] == host)
			return 1;
	return 0;
}

/* strong: elements for which only one side found anything; weak: those for which one side found
 * more. */
static void count_votes(const struct mpu_rm_work *work, const struct mpu_rm_layout *layout,
			const mpu_u8 *array, mpu_u32 elements, const mpu_u32 *hosts,
			struct votes *strong, struct votes *weak)
{
	const mpu_u8 *other = (const mpu_u8 *)work->query + layout->array;
	mpu_u32 i;

	strong->host = strong->caller = weak->host = weak->caller = 0;
	for (i = 0; i < elements; i++) {
		mpu_u64 here = mpu_rm_info_memory(layout, array, i);
		mpu_u64 there = mpu_rm_info_memory(layout, other, i);

		/*
		 * A host PID that also is somebody's number here proves nothing, nor does a process
		 * without a client: what is found for that one can only be a stranger's.
		 */
		if (!hosts[i] || work->out[i] || !host_is_listed(work, hosts[i]))
			continue;
		strong->host += there && !here;
		strong->caller += here && !there;
		weak->host += there > here;
		weak->caller += here > there;
	}
}

/*
 * Which side's answer holds: the one on which processes have memory. A listed process has some;
 * that the wrong side has some too happens, by a stranger with that number or by kernel-created
 * clients. Only where the signs contradict each other the release decides, unless the list has
 * proved it wrong. Without any sign the host's side is taken: there the caller cannot be shown a
 * stranger's.
 */
static int info_space(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
		      const struct mpu_rm_layout *layout, const mpu_u8 *array, mpu_u32 elements,
		      const mpu_u32 *hosts, enum mpu_rm_space *space)
{
	struct votes strong, weak;
	int caller;
	mpu_u32 i;

	for (i = 0; i < elements; i++)
		work->in[i] = hosts[i];
	if (!mpu_rm_translate(ops, work, MPU_RM_TO_HOST, elements))
		return 0;
	count_votes(work, layout, array, elements, hosts, &strong, &weak);
	if (!strong.caller != !strong.host)
		caller = strong.caller > 0;
	else if (work->release_known && work->release.list_caller)
		caller = work->release.info_caller;
	else
		caller = weak.caller > weak.host;
	*space = caller ? MPU_RM_SPACE_CALLER : MPU_RM_SPACE_HOST;
	return 1;
}

/* Asks for host PIDs; the answer is in work->query. */
static int ask_by_host(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
		       const struct mpu_rm_layout *layout, const void *params, mpu_u32 elements,
		       const mpu_u32 *hosts)
{
	mpu_u8 *query = (mpu_u8 *)work->query;

	mpu_rm_copy(query, params, layout->size);
	mpu_rm_ask(layout, query + layout->array, elements, hosts);
	return ops->control(ops->context, layout->cmd, query, layout->size) == MPU_NV_OK;
}

static void take_answer(const struct mpu_rm_work *work, const struct mpu_rm_layout *layout,
			mpu_u8 *array, mpu_u32 elements, const mpu_u32 *asked)
{
	const mpu_u8 *other = (const mpu_u8 *)work->query + layout->array;
	mpu_u32 i;

	for (i = 0; i < elements; i++) {
		if (!asked[i])
			continue; /* PID 0 has an error of its own as its answer */
		mpu_rm_copy(array + i * layout->stride, other + i * layout->stride, layout->stride);
		mpu_rm_store32(array, i * layout->stride, asked[i]);
	}
}

/*
 * GET_PIDS speaks of the caller's PIDs, so PID_INFO may (565 and later) or may not (535.113 to 560)
 * listen to them. The application's own answer is in array.
 */
static enum mpu_rm_event info_for_caller(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
					 const struct mpu_rm_layout *layout, void *params,
					 mpu_u32 elements, const mpu_u32 *asked,
					 const mpu_u32 *hosts)
{
	mpu_u32 used = layout->array + elements * layout->stride;
	mpu_u8 *array = (mpu_u8 *)work->sums + layout->array;
	enum mpu_rm_space space = MPU_RM_SPACE_CALLER;

	/* aside, so that a driver or translator that fails on the way leaves no half of it behind
	 */
	mpu_rm_copy(work->sums, params, used);
	drop_repeated(work);
	if (!sum_threads(ops, work, layout, array, elements, asked, hosts))
		return MPU_RM_EVENT_UNDECIDED;
	if (!ask_by_host(ops, work, layout, params, elements, hosts))
		return MPU_RM_EVENT_UNDECIDED;
	if (!info_space(ops, work, layout, array, elements, hosts, &space))
		return MPU_RM_EVENT_NO_TRANSLATOR;
	if (space == MPU_RM_SPACE_HOST)
		take_answer(work, layout, array, elements, asked);
	else
		hide_strangers(work, layout, array, elements, asked, hosts);
	mpu_rm_copy(params, work->sums, used);
	return MPU_RM_EVENT_HANDLED;
}

enum mpu_rm_event mpu_rm_info(const struct mpu_rm_ops *ops, struct mpu_rm_work *work,
			      const struct mpu_rm_layout *layout, void *params)
{
	enum mpu_rm_space space = MPU_RM_SPACE_HOST;
	mpu_u32 *asked = work->pids, *hosts = work->pids + MPU_RM_MAX_INFO;
	mpu_u32 i, elements = mpu_rm_elements(layout, params);
	mpu_u8 *array = (mpu_u8 *)params + layout->array;

	for (i = 0; i < elements; i++) {
		asked[i] = mpu_rm_load32(array, i * layout->stride);
		work->in[i] = asked[i];
	}
	if (!mpu_rm_translate(ops, work, MPU_RM_TO_HOST, elements))
		return MPU_RM_EVENT_NO_TRANSLATOR;
	for (i = 0; i < elements; i++)
		hosts[i] = work->out[i];

	if (!mpu_rm_list_space(ops, work, layout, 1, &space))
		return MPU_RM_EVENT_NO_TRANSLATOR;
	if (space == MPU_RM_SPACE_UNKNOWN)
		return MPU_RM_EVENT_UNDECIDED;
	if (space == MPU_RM_SPACE_CALLER)
		return info_for_caller(ops, work, layout, params, elements, asked, hosts);
	if (!ask_by_host(ops, work, layout, params, elements, hosts))
		return MPU_RM_EVENT_UNDECIDED;
	take_answer(work, layout, array, elements, asked);
	return MPU_RM_EVENT_HANDLED;
}
