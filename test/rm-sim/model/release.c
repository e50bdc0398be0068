// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which release behaves how. From NVIDIA's open kernel modules, every release from 515.43.04 to
 * 595.45.04; releases before that as their nvidia-smi asks.
 */
#include "world.h"

static const struct regime_rules regimes[RMSIM_REGIMES] = {
	[RMSIM_R0] = {.name = "R0", .driver = "535.104.12"},
	[RMSIM_R1] = {.name = "R1",
		      .driver = "535.261.03",
		      .pid_reference = true,
		      .reference_is_thread = true},
	[RMSIM_R2] = {.name = "R2",
		      .driver = "565.77",
		      .pid_reference = true,
		      .reference_is_thread = true,
		      .pid_info_in_namespace = true},
	[RMSIM_R3A] = {.name = "R3a",
		       .driver = "570.124.06",
		       .pid_reference = true,
		       .reference_is_thread = true,
		       .pid_info_in_namespace = true,
		       .samples_translated = true,
		       .accounting_live_only = true,
		       .accounting_translated = true,
		       .accounting_lookup = true},
	[RMSIM_R3B] = {.name = "R3b",
		       .driver = "570.144",
		       .pid_reference = true,
		       .reference_is_thread = true,
		       .pid_info_in_namespace = true,
		       .samples_translated = true,
		       .accounting_live_only = true,
		       .accounting_lookup = true},
	[RMSIM_R4] = {.name = "R4",
		      .driver = "580.95.05",
		      .pid_reference = true,
		      .pid_info_in_namespace = true,
		      .samples_translated = true,
		      .samples_raw_in_init_ns = true,
		      .accounting_live_only = true,
		      .accounting_lookup = true},
};

/*
 * First releases of a behaviour, newest first. Side branches follow their own dates, so each has
 * rows of its own, which only releases with the same first two numbers use.
 */
static const struct first_release {
	uint32_t version[3];
	bool side_branch;
	enum rmsim_regime regime;
} first_releases[] = {
	{{570, 123, 11}, true, RMSIM_R3B}, {{570, 123, 0}, true, RMSIM_R3A},
	{{535, 43, 24}, true, RMSIM_R1},   {{535, 43, 0}, true, RMSIM_R0},
	{{575, 57, 8}, false, RMSIM_R4},   {{575, 0, 0}, false, RMSIM_R3B},
	{{570, 148, 8}, false, RMSIM_R4},  {{570, 133, 20}, false, RMSIM_R3B},
	{{570, 0, 0}, false, RMSIM_R3A},   {{565, 0, 0}, false, RMSIM_R2},
	{{535, 113, 1}, false, RMSIM_R1},  {{0, 0, 0}, false, RMSIM_R0},
};

bool parse_version(const char *text, uint32_t version[3])
{
	uint32_t part = 0;
	bool digits = false;

	memset(version, 0, 3 * sizeof(version[0]));
	for (; *text; text++) {
		if (*text == '.') {
			if (!digits || ++part == 3)
				return false;
			digits = false;
		} else if (*text >= '0' && *text <= '9' && version[part] < 100000) {
			version[part] = version[part] * 10 + (uint32_t)(*text - '0');
			digits = true;
		} else {
			return false;
		}
	}
	return digits && part > 0;
}

static bool not_before(const uint32_t version[3], uint32_t major, uint32_t minor, uint32_t patch)
{
	if (version[0] != major)
		return version[0] > major;
	if (version[1] != minor)
		return version[1] > minor;
	return version[2] >= patch;
}

bool release_at_least(const struct layout *layout, uint32_t major, uint32_t minor, uint32_t patch)
{
	return not_before(layout->version, major, minor, patch);
}

int rmsim_regime_of(const char *driver)
{
	const struct first_release *first = first_releases;
	uint32_t version[3];

	if (!parse_version(driver, version))
		return -1;
	while (!not_before(version, first->version[0], first->version[1], first->version[2]) ||
	       (first->side_branch &&
		(version[0] != first->version[0] || version[1] != first->version[1])))
		first++;
	return (int)first->regime;
}

const struct regime_rules *rules_of(enum rmsim_regime regime)
{
	return &regimes[regime];
}

const char *rmsim_default_driver(enum rmsim_regime regime)
{
	return regimes[regime].driver;
}

int rmsim_parse_regime(const char *name)
{
	size_t length = strlen(name);
	int regime;

	for (regime = 0; regime < RMSIM_REGIMES; regime++) {
		if (length == strlen(regimes[regime].name) &&
		    memcmp(name, regimes[regime].name, length) == 0)
			return regime;
	}
	return -1;
}

/* 100 samples of 4 engines until 515.76 and in 520; 72 of 4 until 545; 72 of 6 until 565; then with
 * kernel pointers. */
static void sample_layout(struct layout *layout)
{
	bool hundred = !release_at_least(layout, 515, 86, 1) ||
		       (layout->version[0] >= 516 && layout->version[0] < 525);

	layout->sample_count = hundred ? 100 : 72;
	layout->engines = release_at_least(layout, 550, 0, 0) ? 6 : 4;
	layout->engine_size = release_at_least(layout, 570, 0, 0) ? 128 : 116;
	layout->sample_stride = 8 + layout->engines * layout->engine_size;
	layout->samples_v2 = release_at_least(layout, 515, 0, 0);
}

static uint32_t nvenc_v2_cmd(const struct layout *layout)
{
	if (release_at_least(layout, 530, 0, 0))
		return 0x208001af;
	if (release_at_least(layout, 525, 105, 17))
		return 0x208001a9;
	return layout->version[0] == 525 && layout->version[1] == 47 && layout->version[2] >= 22
		       ? 0x208001a9
		       : 0;
}

void layout_of(struct layout *layout, const uint32_t version[3])
{
	memcpy(layout->version, version, sizeof(layout->version));
	sample_layout(layout);
	layout->nvenc_v2_cmd = nvenc_v2_cmd(layout);
	if (release_at_least(layout, 515, 0, 0))
		layout->pid_info_stride = 72;
	else
		layout->pid_info_stride = release_at_least(layout, 450, 0, 0) ? 48 : 40;
	layout->probed_ids_size = release_at_least(layout, 580, 0, 0) ? 384 : 256;
	layout->finn = release_at_least(layout, 525, 0, 0);
	layout->alloc21_status = release_at_least(layout, 535, 0, 0) ? 28 : 24;
	layout->alloc64_status = release_at_least(layout, 525, 0, 0) ? 36 : 32;
}
