// SPDX-License-Identifier: GPL-2.0-only
/* Lists of PIDs, and questions about one, as the regimes before 570.148 answer them. */
#include "regime.h"

static bool contains(const uint32_t *list, uint32_t count, uint32_t number)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (list[i] == number)
			return true;
	}
	return false;
}

/* The control as if it were asked in the initial PID namespace, where every driver speaks of host
 * PIDs. */
uint32_t driver_as_host(const struct regime *regime, const struct control *control, uint8_t *params)
{
	(void)regime;
	return driver_control(control, control->cmd, params, control->size);
}

/* A test that trusts the records must know when they are not complete. */
static void compare_with_driver(const struct regime *regime, uint32_t cls, uint32_t gpu,
				const uint32_t *hosts, uint32_t count)
{
	uint32_t i;

	for (i = 0; regime->log && i < count; i++) {
		const struct record *record = regime->records;

		while (record &&
		       !(record->identity.tgid == hosts[i] && record_has(record, cls, gpu)))
			record = record->next;
		if (!record)
			fprintf(regime->log,
				"process %u has class 0x%x, of which nothing is known\n", hosts[i],
				cls);
	}
}

/*
 * From 535.113 on: a number for each client, that of its thread. Doubles are looked for by the
 * process's host PID among the numbers already listed, which is the driver's own mistake.
 */
static uint32_t list_threads(const struct regime *regime, const struct control *control,
			     uint8_t *params)
{
	uint32_t cls = get_u32(params, 4);
	uint32_t gpu = record_gpu(regime, control);
	uint32_t listed[GET_PIDS_MAX] = {0};
	uint32_t hosts[GET_PIDS_MAX];
	uint32_t alive = driver_list(control, cls, hosts);
	const struct record *record;
	uint32_t count = 0;

	compare_with_driver(regime, cls, gpu, hosts, alive);
	for (record = regime->records; record && count < GET_PIDS_MAX; record = record->next) {
		uint32_t number = record_number(record, control->ns);

		if (number && contains(hosts, alive, record->identity.tgid) &&
		    record_has(record, cls, gpu) && !contains(listed, count, record->identity.tgid))
			listed[count++] = number;
	}
	put_u32(params, 8, count);
	memcpy(params + 12, listed, sizeof(listed));
	return NV_OK;
}

uint32_t answer_pids(const struct regime *regime, const struct control *control, uint8_t *params)
{
	if (regime->rules->pid_reference && get_u32(params, 0) == 0)
		return list_threads(regime, control, params);
	return driver_as_host(regime, control, params);
}

/* The host PID whose memory the driver counts for a number, or one that no process has. */
static uint32_t host_of_number(const struct regime *regime, uint32_t number, uint64_t ns)
{
	const struct record *record = NULL;

	while ((record = record_of_number(regime, record, number, ns)) != NULL) {
		if (record_holds_memory(regime, record))
			return record->identity.tgid;
	}
	return PID_NONE;
}

uint32_t answer_pid_info(const struct regime *regime, const struct control *control,
			 uint8_t *params)
{
	uint32_t count = get_u32(params, 0);
	uint32_t status = NV_OK;
	uint32_t i;

	if (!regime->rules->pid_info_in_namespace || count == 0 || count > PID_INFO_MAX)
		return driver_as_host(regime, control, params);
	for (i = 0; status == NV_OK && i < count; i++) {
		uint8_t *entry = params + 8 + (size_t)i * 72;
		uint32_t number = get_u32(entry, 0);

		status = driver_memory(control,
				       number ? host_of_number(regime, number, control->ns) : 0,
				       entry, 72);
	}
	return status;
}

/* From 570 on the number is looked up among the clients that the caller can see. */
uint32_t answer_accounting_info(const struct regime *regime, const struct control *control,
				uint8_t *params)
{
	const struct record *record = NULL;

	if (regime->rules->accounting_lookup && get_u32(params, 8) == 0)
		record = record_of_number(regime, NULL, get_u32(params, 4), control->ns);
	if (record)
		put_u32(params, 4, record->identity.tgid);
	return driver_as_host(regime, control, params);
}

/* 570.86 to 570.133: host PIDs to those of threads in the caller's namespace. */
void translate_accounting_pids(const struct regime *regime, const struct control *control,
			       uint8_t *params)
{
	uint32_t count = get_u32(params, 8 + 4 * ACCOUNTING_PIDS_MAX);
	uint32_t kept = 0;
	uint32_t i;

	for (i = 0; i < count && i < ACCOUNTING_PIDS_MAX; i++) {
		uint32_t host = get_u32(params, 8 + 4 * (size_t)i);
		const struct record *record = record_of_process(regime, host);
		/* what is not alive is told to the host alone, and by its number */
		uint32_t number = record ? record_number(record, control->ns) : host;

		if (number)
			put_u32(params, 8 + 4 * (size_t)kept++, number);
	}
	put_u32(params, 8 + 4 * ACCOUNTING_PIDS_MAX, kept);
}
