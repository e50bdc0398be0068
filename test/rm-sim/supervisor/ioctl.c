// SPDX-License-Identifier: GPL-2.0-only
/* ioctl() on simulated files: the model answers. */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "../model/abi.h"
#include "supervisor.h"

static void log_call(const struct request *request, const struct rmsim_trace *trace, int error)
{
	FILE *log = request->supervisor->log;

	if (!log)
		return;
	fprintf(log, "%u escape=0x%x cmd=0x%08x size=%u status=0x%x error=%d\n",
		(unsigned int)request->tid, trace->escape, trace->cmd, trace->size, trace->status,
		-error);
}

void answer_ioctl(const struct request *request)
{
	struct supervisor *supervisor = request->supervisor;
	struct sim_file *file;
	struct rmsim_caller caller = {
		.now = wall_clock(), .ops = &task_ops, .ctx = (void *)(uintptr_t)request};
	struct rmsim_trace trace;
	int error;

	release_closed_files(supervisor);
	file = file_of_fd(supervisor, request->tid, (int)request->args[0]);
	if (!file || !request_valid(request)) {
		respond_continue(request);
		return;
	}
	error = rmsim_ioctl(supervisor->world, file->file, &caller, (uint32_t)request->args[1],
			    request->args[2], &trace);
	log_call(request, &trace, error);
	if (trace.escape == NV_ESC_RM_CONTROL)
		usleep(supervisor->options.delay * 1000);
	if (error < 0)
		respond_error(request, -error);
	else
		respond_value(request, error);
}
