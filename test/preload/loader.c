// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that reaches the plugin, and by it ioctl, in an uncommon way.
 *
 *   loader dlopen|deepbind|dlmopen PLUGIN
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	unsigned int (*ask)(void);
	void *plugin;

	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "dlmopen"))
		plugin = dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW);
	else
		plugin = dlopen(argv[2],
				strcmp(argv[1], "deepbind") ? RTLD_NOW : RTLD_NOW | RTLD_DEEPBIND);
	if (!plugin) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	ask = (unsigned int (*)(void))dlsym(plugin, "plugin_ask");
	printf("%u\n", ask());
	return 0;
}
