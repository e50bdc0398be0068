// SPDX-License-Identifier: GPL-2.0-only
/* Ends QEMU when its input ends. It takes its privilege at once: lockdown refuses it later. */
#include <sys/io.h>
#include <termios.h>
#include <unistd.h>

int main(void)
{
	char byte;

	if (iopl(3) != 0)
		return 1;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	tcdrain(STDOUT_FILENO);
	outb(0x10, 0xf4);
	return 0;
}
