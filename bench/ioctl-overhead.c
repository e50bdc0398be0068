// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes so many ioctls of one kind and nothing else: the instructions of two runs of different
 * length, subtracted, are those of the calls.
 *
 *   ioctl-overhead fails|succeeds|control COUNT
 */
#include <stdlib.h>
#include <unistd.h>

#include "../test/rm-sim/client/rm.h"

/* A control that carries no PID: NV2080_CTRL_CMD_GPU_GET_NAME_STRING. */
#define OTHER_CONTROL 0x20800110u

int main(int argc, char **argv)
{
	struct rm_client client = {.fd = -1};
	struct rm_control control = {.cmd = OTHER_CONTROL};
	unsigned char name[68] = {0};
	unsigned long request = FIONREAD;
	int pipes[2], bytes, count, i;
	void *argument = &bytes;

	if (argc != 3 || pipe(pipes))
		return 2;
	count = atoi(argv[2]);
	if (!strcmp(argv[1], "succeeds")) {
		client.fd = pipes[0];
	} else if (!strcmp(argv[1], "control")) {
		if (rm_open(&client, 0) != NV_OK)
			return 1;
		control.client = client.root;
		control.object = client.subdevice;
		control.params = (uintptr_t)name;
		control.params_size = sizeof(name);
		request = RM_REQUEST(NV_ESC_RM_CONTROL, sizeof(control));
		argument = &control;
	}
	for (i = 0; i < count; i++)
		ioctl(client.fd, request, argument);
	/* a call that never reached what was to be measured measures nothing */
	return !strcmp(argv[1], "control") && (control.cmd != OTHER_CONTROL || control.status);
}
