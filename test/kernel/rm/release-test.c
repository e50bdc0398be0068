// SPDX-License-Identifier: GPL-2.0-only
/* The release table against releases.tsv (every release) and unlisted-releases.tsv. */
#include <stdio.h>
#include <string.h>

#include "facts.h"
#include "guard.h"
#include "suites.h"
#include "tap.h"
#include "world.h"

/* list_caller, info_caller, acct_list_caller */
static const struct mpu_rm_release behaviour[REGIMES] = {
	[R0] = {0, 0, 0},  [R1] = {1, 0, 0},  [R2] = {1, 1, 0},
	[R3A] = {1, 1, 1}, [R3B] = {1, 1, 0}, [R4] = {1, 1, 0},
};

/* Looks a version up in memory that ends with it: nothing may be read behind. */
static int lookup(const char *version, size_t length, struct mpu_rm_release *release,
		  const char **regime)
{
	struct guard text = guard_new(length);
	int known;

	memcpy(text.memory, version, length);
	memset(release, 0xee, sizeof(*release));
	known = mpu_rm_release_lookup((const char *)text.memory, (mpu_u32)length, release);
	*regime = mpu_rm_release_regime((const char *)text.memory, (mpu_u32)length);
	guard_free(&text);
	return known;
}

static void check(const char *version, size_t length, const char *wanted)
{
	struct mpu_rm_release release;
	const char *regime;
	int known = lookup(version, length, &release, &regime);
	unsigned int i = 0;

	while (i < REGIMES && strcmp(wanted, regime_names[i]) != 0)
		i++;
	ok(known && regime && i < REGIMES && !strcmp(regime, wanted) &&
		   !memcmp(&release, &behaviour[i], sizeof(release)),
	   "%.*s is %s", (int)strcspn(version, "\n"), version, wanted);
}

static void row(const char *version, const char *regime)
{
	char line[64];

	check(version, strlen(version), regime);
	/* as /sys/module/nvidia/version ends */
	snprintf(line, sizeof(line), "%s\n", version);
	check(line, strlen(line), regime);
}

static void malformed(const char *text, size_t length)
{
	static const struct mpu_rm_release nothing;
	struct mpu_rm_release release;
	const char *regime;
	int known = lookup(text, length, &release, &regime);

	ok(!known && !regime && !memcmp(&release, &nothing, sizeof(release)),
	   "\"%.*s\" (%zu bytes) is no version", (int)strcspn(text, "\n"), text, length);
}

void release_suite(void)
{
	static const char *const texts[] = {
		"",
		"535",
		".",
		"535.",
		"a",
		"535-104",
		"v535.104",
		" 535.104.12",
		"-535.104",
		"99999999999.1",
		"535.99999999999",
		"12345.1",
		"..",
		"535..12",
		"0x217.104",
		"\n",
	};
	unsigned int i;

	is(facts_each_release("releases.tsv", row), 212, "all 212 releases were looked up");
	ok(facts_each_release("unlisted-releases.tsv", row) > 40, "so were unlisted ones");
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		malformed(texts[i], strlen(texts[i]));
	malformed("535.104.12", 0);
	malformed("535.104.12", 3);
	malformed("\0", 1);
	malformed("\377\376\375.\371", 5);
	check("535.104.12\0junk", 15, "R0");
	check("570.144-custom", 14, "R3b");
	check("535.113.01 for x86_64", 21, "R1");
	check("570.148.08.1", 12, "R4");
}
