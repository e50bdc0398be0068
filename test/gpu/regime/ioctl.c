// SPDX-License-Identifier: GPL-2.0-only
/* Which ioctls matter, and what is done about them before and after the driver. */
#include "regime.h"

#define CMD_PIDS	    0x2080018du
#define CMD_PID_INFO	    0x2080018eu
#define CMD_SAMPLES	    0x20802096u
#define CMD_ACCOUNTING_INFO 0x00000b03u
#define CMD_ACCOUNTING_PIDS 0x00000b04u

#define CONTROL_STATUS 28

static uint32_t escape_of(const struct request *request)
{
	uint32_t word = (uint32_t)request->args[1];

	return (word >> 8 & 0xff) == 'F' ? word & 0xff : 0;
}

static uint32_t size_of(const struct request *request)
{
	return (uint32_t)request->args[1] >> 16 & 0x3fff;
}

static bool read_control(const struct request *request, struct control *control)
{
	uint8_t argument[32];

	if (size_of(request) != sizeof(argument) ||
	    !task_read(request->tid, argument, request->args[2], sizeof(argument)) ||
	    (get_u32(argument, 12) & NVOS54_FLAGS_FINN_SERIALIZED))
		return false;
	control->request = request;
	control->argument = request->args[2];
	control->client = get_u32(argument, 0);
	control->object = get_u32(argument, 4);
	control->cmd = get_u32(argument, 8);
	control->params = get_u64(argument, 16);
	control->size = get_u32(argument, 24);
	return true;
}

static uint32_t (*answer_of(const struct regime *regime,
			    const struct control *control))(const struct regime *,
							    const struct control *, uint8_t *)
{
	switch (control->cmd) {
	case CMD_PIDS:
		return control->size == 12 + 4 * GET_PIDS_MAX ? answer_pids : NULL;
	case CMD_PID_INFO:
		return control->size == 8 + 72 * PID_INFO_MAX ? answer_pid_info : NULL;
	case CMD_SAMPLES:
		return answer_samples;
	case CMD_ACCOUNTING_INFO:
		return control->size == 48 ? answer_accounting_info : NULL;
	case CMD_ACCOUNTING_PIDS:
		/* drivers before 570 told containers of dead processes too: asked as from the host
		 */
		return control->size == 8 + 4 * ACCOUNTING_PIDS_MAX + 4 &&
				       !regime->rules->accounting_live_only
			       ? driver_as_host
			       : NULL;
	}
	return NULL;
}

static enum verdict control_entry(struct regime *regime, const struct request *request)
{
	static uint8_t params[65536];
	uint32_t (*answer)(const struct regime *, const struct control *, uint8_t *);
	struct control control;
	uint32_t status;

	if (regime->number == RMSIM_R4 || !read_control(request, &control) ||
	    control.size > sizeof(params) || !pidns_identify(request->tid, &control.ns))
		return VERDICT_PASS;
	if (control.cmd == CMD_ACCOUNTING_PIDS && regime->rules->accounting_translated)
		return VERDICT_WATCH;
	answer = answer_of(regime, &control);
	if (!answer || !task_read(request->tid, params, control.params, control.size))
		return VERDICT_PASS;
	status = answer(regime, &control, params);
	if (status == NV_OK && !task_write(request->tid, control.params, params, control.size))
		status = NV_ERR_INVALID_ADDRESS;
	task_write(request->tid, control.argument + CONTROL_STATUS, &status, sizeof(status));
	return VERDICT_ANSWERED;
}

enum verdict ioctl_entry(struct regime *regime, const struct request *request)
{
	switch (escape_of(request)) {
	case NV_ESC_RM_CONTROL:
		return control_entry(regime, request);
	case NV_ESC_RM_ALLOC:
	case NV_ESC_RM_FREE:
		return VERDICT_WATCH;
	default:
		return VERDICT_PASS;
	}
}

static void control_exit(const struct regime *regime, const struct request *request)
{
	static uint8_t params[8 + 4 * ACCOUNTING_PIDS_MAX + 4];
	struct control control;
	uint32_t status;

	if (!read_control(request, &control) || control.size != sizeof(params) ||
	    !pidns_identify(request->tid, &control.ns) ||
	    !task_read(request->tid, &status, control.argument + CONTROL_STATUS, sizeof(status)) ||
	    status != NV_OK || !task_read(request->tid, params, control.params, sizeof(params)))
		return;
	translate_accounting_pids(regime, &control, params);
	task_write(request->tid, control.params, params, sizeof(params));
}

/* NVOS21 is 32 bytes long, NVOS64 40 or, from 535 on, 48. */
static size_t alloc_status(uint32_t size)
{
	switch (size) {
	case 32:
		return 28;
	case 40:
		return 36;
	default:
		return 40;
	}
}

/* After a successful ioctl whose verdict was VERDICT_WATCH. */
void ioctl_exit(struct regime *regime, const struct request *request)
{
	uint32_t escape = escape_of(request);
	uint32_t size = size_of(request);
	uint8_t argument[48] = {0};

	if (escape == NV_ESC_RM_CONTROL) {
		control_exit(regime, request);
		return;
	}
	if (size < 16 || size > sizeof(argument) ||
	    !task_read(request->tid, argument, request->args[2], size))
		return;
	if (escape == NV_ESC_RM_FREE && get_u32(argument, 12) == NV_OK)
		record_free(regime, argument);
	else if (escape == NV_ESC_RM_ALLOC && get_u32(argument, alloc_status(size)) == NV_OK)
		record_alloc(regime, request, argument);
}
