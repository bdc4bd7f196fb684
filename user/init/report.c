/*
 * report.c - lines for whoever started the machine, and switching it off
 */
#include <exos/boot.h>
#include <stdarg.h>
#include <stdio.h>

#include "exos_calls.h"
#include "init.h"
#include "posix.h"

/* One line on the report channel; on a machine without one, on the console. */
void report(const char *format, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line) - 1, format, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (sys_console_write(SLOT_MACHINE, line, (unsigned long)n) < 0)
		printf("report: %.*s", n, line);
}

void power_off(int status)
{
	fflush(stdout);
	for (;;)
		sys_poweroff(SLOT_MACHINE, (unsigned long)status & 0xff);
}
