/* SPDX-License-Identifier: GPL-2.0-only */
/* The state of the simulated driver and what its files share. */
#ifndef RMSIM_WORLD_H
#define RMSIM_WORLD_H

#include "abi.h"
#include "rmsim.h"

#define MAX_FILES    8192
#define MAX_CLIENTS  4096
#define MAX_OBJECTS  32768
#define MAX_PIDREFS  4096
#define MAX_ACCOUNTS 8192
#define MAX_DEAD     128 /* NV_MAX_DEAD_ACCT_PROCESS */
#define NONE	     0	 /* index 0 of every pool stays empty */

/* What a regime does: one row of regimes.c a regime. */
struct regime_rules {
	const char *name;
	const char *driver;	  /* a release of it */
	bool pid_reference;	  /* user clients hold a struct pid, GET_PIDS answers through it */
	bool reference_is_thread; /* ... of the allocating thread, not of its process */
	bool pid_info_in_namespace;  /* GET_PID_INFO compares the caller's numbers */
	bool samples_translated;     /* utilization samples go through pid_vnr() */
	bool samples_raw_in_init_ns; /* ... but not for callers in the initial namespace */
	bool accounting_live_only;   /* accounting PIDs for other namespaces: no dead entries */
	bool accounting_translated;  /* ... and numbers of the caller */
	bool accounting_lookup; /* accounting info: the number is looked up among the caller's */
};

/* What depends on the release alone. */
struct layout {
	uint32_t version[3];
	uint32_t sample_stride;
	uint32_t sample_count;
	uint32_t engines;
	uint32_t engine_size;
	bool samples_v2;
	uint32_t pid_info_stride;
	uint32_t nvenc_v2_cmd; /* 0: none */
	bool finn;	       /* knows serialised parameters */
	uint32_t probed_ids_size;
	uint32_t alloc21_status;
	uint32_t alloc64_status;
};

struct gpu {
	bool present;
	uint32_t index;
	uint32_t gpu_id;
	uint32_t bus;
	bool accounting;
	uint64_t dead_serial;
	uint32_t reserver; /* ProcID that holds the HWPM reservation */
	uint32_t reservations;
};

/* A GPU instance, or a compute instance within it; PARTITION_NONE for none. */
struct instance {
	uint32_t gpu;
	uint32_t compute;
};

struct rmsim_file {
	bool used;
	enum rmsim_device device;
	uint32_t minor;
};

struct pidref {
	uint32_t references;
	struct rmsim_pid pid;
};

struct client {
	bool used;
	bool kernel;
	bool kernel_admin;
	bool monitor; /* sees all instances of partitioned GPUs */
	const struct rmsim_file *file;
	uint32_t handle;
	uint32_t proc_id; /* global tgid of the task that allocated it (RmClient.ProcID) */
	uint32_t pidref;  /* RmClient.pOsPidInfo */
	uint32_t objects; /* first of its objects */
	uint32_t next;	  /* in order of allocation */
};

struct object {
	bool used;
	bool accounted;
	uint32_t handle;
	uint32_t parent;
	uint32_t cls;
	uint32_t gpu;
	uint32_t reservations;
	uint32_t next;
	struct rmsim_usage usage; /* of devices */
	struct instance instance; /* of devices: the one that the client subscribed to */
};

struct account {
	bool used;
	bool dead;
	bool on_gpu; /* NV_GPUACCT_PROC_TYPE_GPU: it has had a channel */
	uint32_t gpu;
	uint32_t proc_id;
	uint32_t pidref;
	uint32_t references;
	uint64_t dead_serial;
	uint64_t max_memory;
	uint32_t util;
	uint32_t memory_util;
	uint64_t start; /* us */
	uint64_t end;
};

struct rmsim_world {
	struct rmsim_config config;
	char driver[64];
	const struct regime_rules *rules;
	struct layout layout;
	uint32_t next_handle;
	uint32_t first_client;
	uint32_t last_client;
	struct gpu gpus[RMSIM_MAX_GPUS];
	struct rmsim_file files[MAX_FILES];
	struct client clients[MAX_CLIENTS];
	struct object objects[MAX_OBJECTS];
	struct pidref pidrefs[MAX_PIDREFS];
	struct account accounts[MAX_ACCOUNTS];
	struct rmsim_identity identity; /* of the caller, too large for a kernel's stack */
	uint8_t argument[NV_MAX_IOCTL_SIZE];
	uint8_t params[65536];
	uint8_t embedded[65536];
};

/* One RM_CONTROL on its way. */
struct call {
	struct rmsim_world *world;
	const struct rmsim_caller *caller;
	struct client *client;
	struct object *object; /* NULL: the client itself */
	struct gpu *gpu;       /* of the object, NULL for the client */
	uint8_t *params;
	uint32_t size;
	uint64_t ns; /* active PID namespace of the caller */
};

/* release.c */
bool parse_version(const char *text, uint32_t version[3]);
bool release_at_least(const struct layout *layout, uint32_t major, uint32_t minor, uint32_t patch);
void layout_of(struct layout *layout, const uint32_t version[3]);
const struct regime_rules *rules_of(enum rmsim_regime regime);

/* pid.c */
uint32_t pid_nr_in(const struct rmsim_pid *pid, uint64_t ns);
uint32_t pidref_get(struct rmsim_world *world, const struct rmsim_pid *pid);
void pidref_put(struct rmsim_world *world, uint32_t index);
uint32_t pidref_vnr(const struct rmsim_world *world, uint32_t index, uint64_t ns);
uint64_t pidref_address(uint32_t index);
bool client_convert_pid(const struct rmsim_world *world, const struct client *client, uint64_t ns,
			uint32_t *nr);

/* client.c */
struct client *client_find(struct rmsim_world *world, uint32_t handle);
uint32_t client_alloc(struct rmsim_world *world, const struct rmsim_file *file,
		      const struct rmsim_caller *caller, uint32_t *handle);
void client_free(struct rmsim_world *world, struct client *client, uint64_t now);
struct client *client_next(struct rmsim_world *world, const struct client *client);
#define for_each_client(world, client)                                                             \
	for (client = client_next(world, NULL); client; client = client_next(world, client))

/* object.c */
struct object *object_find(struct rmsim_world *world, const struct client *client, uint32_t handle);
uint32_t object_alloc(struct rmsim_world *world, struct client *client, uint32_t parent,
		      uint32_t *handle, uint32_t cls, uint32_t device_id, uint64_t now);
void object_free(struct rmsim_world *world, struct client *client, struct object *object,
		 uint64_t now);
struct object *object_next(struct rmsim_world *world, const struct client *client,
			   const struct object *object);
#define for_each_object(world, client, object)                                                     \
	for (object = object_next(world, client, NULL); object;                                    \
	     object = object_next(world, client, object))

/* mig.c */
uint32_t mig_allocate(struct rmsim_world *world, const struct rmsim_caller *caller,
		      struct client *client, const struct object *object, uint64_t params);
bool mig_scope(const struct call *call, struct instance *scope);
bool mig_in_scope(const struct rmsim_world *world, const struct object *device,
		  const struct instance *scope);

/* account.c */
void account_start(struct rmsim_world *world, struct client *client, struct object *device,
		   uint64_t now);
void account_stop(struct rmsim_world *world, struct client *client, struct object *device,
		  uint64_t now, bool record);
void account_on_gpu(struct rmsim_world *world, const struct client *client, uint32_t gpu);
void account_usage(struct call *call, const struct object *device);

/* control.c, alloc.c, uvm.c: the escapes */
void escape_control(struct rmsim_world *world, const struct rmsim_caller *caller, uint8_t *argument,
		    struct rmsim_trace *trace);
int escape_alloc(struct rmsim_world *world, struct rmsim_file *file,
		 const struct rmsim_caller *caller, uint8_t *argument, uint32_t size,
		 struct rmsim_trace *trace);
void escape_free(struct rmsim_world *world, struct rmsim_file *file,
		 const struct rmsim_caller *caller, uint8_t *argument, struct rmsim_trace *trace);
int uvm_ioctl(const struct rmsim_caller *caller, uint32_t request, uint64_t argument);

/* The controls. Each returns the RM status; the parameters go back to the caller when it is NV_OK.
 */
uint32_t control_get_pids(struct call *call);
uint32_t control_get_pid_info(struct call *call);
uint32_t control_samples_v1(struct call *call);
uint32_t control_samples_v2(struct call *call);
uint32_t control_accounting_set_state(struct call *call);
uint32_t control_accounting_state(struct call *call);
uint32_t control_accounting_info(struct call *call);
uint32_t control_accounting_info_v2(struct call *call);
uint32_t control_accounting_pids(struct call *call);
uint32_t control_accounting_clear(struct call *call);
uint32_t control_nvenc_sessions(struct call *call);
uint32_t control_nvenc_sessions_v2(struct call *call);
uint32_t control_nvfbc_sessions(struct call *call);
uint32_t control_hwpm_reserve(struct call *call);
uint32_t control_hwpm_release(struct call *call);
uint32_t control_hwpm_reservation(struct call *call);
uint32_t control_rcerr_report(struct call *call);
uint32_t control_set_usage(struct call *call);
uint32_t control_build_version(struct call *call);
uint32_t control_build_version_v2(struct call *call);
uint32_t control_probed_ids(struct call *call);
uint32_t control_attached_ids(struct call *call);
uint32_t control_id_info(struct call *call);
uint32_t control_pci_info(struct call *call);
uint32_t control_class_list(struct call *call);
uint32_t control_class_list_v2(struct call *call);
uint32_t control_gpu_info(struct call *call);
uint32_t control_gpu_info_v2(struct call *call);
uint32_t control_name(struct call *call);
uint32_t control_gid(struct call *call);
uint32_t control_fb_info(struct call *call);
uint32_t control_fb_info_v2(struct call *call);
uint32_t control_arch(struct call *call);
uint32_t control_time_correlation(struct call *call);
uint32_t control_untouched(struct call *call);
uint32_t control_id_info_v2(struct call *call);
uint32_t control_persistence(struct call *call);
uint32_t control_bus_info(struct call *call);
uint32_t control_zeroes(struct call *call);

/* Memory of one kind that a client's devices hold on a GPU. */
void client_memory(struct rmsim_world *world, const struct client *client, uint32_t gpu,
		   uint64_t memory[3]);
void device_memory(const struct object *device, uint64_t memory[3]);
struct gpu *gpu_by_id(struct rmsim_world *world, uint32_t gpu_id);

#endif
