/*
 * console.c - bytes in and out over the serial line
 */
#include "kern/console.h"
#include "kern/syscall.h"
#include "kern/user.h"

#define QUEUE 256u

static struct {
	unsigned irq;
	struct env *reader;	/* gets EV_CONSOLE */
	uint32_t head, tail;	/* run freely */
	char byte[QUEUE];
} console;

void console_init(unsigned irq)
{
	memset(&console, 0, sizeof(console));
	console.irq = irq;
}

void console_interrupt(unsigned irq)
{
	bool some = false;
	int c;

	if (irq != console.irq)
		return;
	for (unsigned n = 0; n < QUEUE && (c = arch_console_getc()) >= 0; n++) {
		if (console.head - console.tail < QUEUE)
			console.byte[console.head++ % QUEUE] = (char)c;
		some = true;
	}
	if (some && console.reader != NULL)
		event_raise(console.reader, EV_CONSOLE);
}

void console_forget(struct env *e)
{
	if (console.reader == e)
		console.reader = NULL;
}

long sys_console_write(struct env *self, unsigned long slot, unsigned long buf, unsigned long n)
{
	bool report = cap_get(self, slot, CAP_MACHINE) != NULL;
	char bytes[CONSOLE_MAX];
	unsigned long i;

	if (!report && cap_get(self, slot, CAP_CONSOLE) == NULL)
		return -E_NOCAP;
	if (n > CONSOLE_MAX)
		n = CONSOLE_MAX;
	if (user_read(self, bytes, buf, n) != 0)
		return -E_FAULT;
	if (report)
		return arch_report(bytes, n) ? (long)n : -E_NODEV;
	for (i = 0; i < n && arch_console_ready(); i++)
		arch_console_putc(bytes[i]);
	return i;
}

long sys_console_read(struct env *self, unsigned long slot, unsigned long buf, unsigned long n)
{
	char bytes[QUEUE];
	uint32_t have = console.head - console.tail;

	if (cap_get(self, slot, CAP_CONSOLE) == NULL)
		return -E_NOCAP;
	if (n > have)
		n = have;
	for (unsigned long i = 0; i < n; i++)
		bytes[i] = console.byte[(console.tail + i) % QUEUE];
	if (user_write(self, buf, bytes, n) != 0)
		return -E_FAULT;
	console.tail += n;
	return n;
}

long sys_console_bind(struct env *self, unsigned long slot)
{
	if (cap_get(self, slot, CAP_CONSOLE) == NULL)
		return -E_NOCAP;
	if (self->uarea == &no_uarea)
		return -E_INVAL;
	console.reader = self;
	if (console.head != console.tail)
		event_raise(self, EV_CONSOLE);
	return 0;
}

long sys_poweroff(struct env *self, unsigned long slot, unsigned long code)
{
	if (cap_get(self, slot, CAP_MACHINE) == NULL)
		return -E_NOCAP;
	if (code > 255)
		return -E_INVAL;
	arch_poweroff(code);
}
