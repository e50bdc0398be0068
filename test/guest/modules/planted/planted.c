// SPDX-License-Identifier: GPL-2.0-only
/* Mistakes that a debug kernel has to find, one a load: a checker that finds none proves nothing.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *mistake = "";
module_param(mistake, charp, 0444);
MODULE_PARM_DESC(mistake, "use-after-free, lock-order, sleep or leak");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

static void use_after_free(void)
{
	char *memory = kmalloc(64, GFP_KERNEL);

	if (!memory)
		return;
	kfree(memory);
	WRITE_ONCE(memory[8], 1);
}

static void order_locks(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_in_section(void)
{
	spin_lock(&spin);
	msleep(20);
	spin_unlock(&spin);
}

static int __init planted_init(void)
{
	if (!strcmp(mistake, "use-after-free"))
		use_after_free();
	else if (!strcmp(mistake, "lock-order"))
		order_locks();
	else if (!strcmp(mistake, "sleep"))
		sleep_in_section();
	else if (!strcmp(mistake, "leak"))
		WRITE_ONCE(mistake[0], kmalloc(4096, GFP_KERNEL) ? 'l' : 0);
	return 0;
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);

MODULE_DESCRIPTION("Planted mistakes, for tests");
MODULE_AUTHOR("The mpu authors");
MODULE_LICENSE("GPL");
