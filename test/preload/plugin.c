// SPDX-License-Identifier: GPL-2.0-only
/* A library loaded at run time that lists GPU processes; built into loader.c's and other programs.
 */
#include "../rm-sim/client/rm.h"

unsigned int plugin_ask(void);

/* The number of processes that GET_PIDS lists for all classes. */
unsigned int plugin_ask(void)
{
	static uint32_t params[3812 / 4];
	struct rm_client client;

	if (rm_open(&client, 0) != NV_OK)
		return 1000;
	params[1] = NV20_SUBDEVICE_0;
	if (rm_control(client.fd, client.root, client.subdevice, 0x2080018d, params,
		       sizeof(params)) != NV_OK)
		return 2000;
	return params[2];
}
