/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that use the simulated GPU, and observers of them (test/guest/modules/observer). */
#ifndef GPU_H
#define GPU_H

#include <stdint.h>
#include <sys/types.h>

enum { MOST_OBSERVERS = 5 };

/* Ways in which the observer is built. */
enum observer {
	OBSERVER_STATIC,
	OBSERVER_MUSL,
	OBSERVER_32,
	OBSERVER_LIBMPU,
	OBSERVER_RAW,
	OBSERVERS
};

/* A container with two GPU processes and observers. */
struct container {
	const char *mode;
	enum observer observers[MOST_OBSERVERS];
	uint32_t observer_count;
	uint32_t stranger;
	pid_t init;
	volatile uint32_t ready;
	volatile uint32_t stop;
};

/*
 * Loads the driver, with its device node: how its ioctl entry is called, whose structures it has
 * (550's unless told), and further parameters.
 */
void driver_load(const char *entry, const char *parameters);
void driver_load_release(const char *entry, const char *release, const char *parameters);
void driver_unload(void);

/* In a case that finds it loaded by the case before, with the usual structures. */
void driver_found(void);

/* Opens the device, a client and a subdevice; uses the GPU when memory is not 0. */
struct gpu_client {
	int fd;
	uint32_t root, device, subdevice;
};
void gpu_open(struct gpu_client *client, uint32_t memory_mib, uint32_t utilization);

/* A control on the subdevice; returns its status. */
uint32_t gpu_ask(const struct gpu_client *client, uint32_t cmd, void *params, uint32_t size);

/* Likewise, on the client itself. */
uint32_t gpu_ask_root(const struct gpu_client *client, uint32_t cmd, void *params, uint32_t size);

/* Asks for the processes that have a client; returns their number, or -1. */
int gpu_list(const struct gpu_client *client, uint32_t *params);

/* A GPU process in a container of its own. Returns its host PID. */
pid_t stranger_start(void);

/* The observers run until container_finish(), or once when mode is "once". */
struct container *container_start(const char *mode, const enum observer *observers, uint32_t count,
				  uint32_t stranger);
void container_finish(struct container *container);

#endif
