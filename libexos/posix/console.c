/*
 * console.c - stdin, stdout, stderr of picolibc over the serial line
 */
#include <stdio.h>
#include <string.h>

#include "exos_calls.h"
#include "internal.h"
#include "posix.h"
#include "preempt.h"
#include "start.h"
#include "upcall.h"

#define LINE_MAX_BYTES 256

static char line[LINE_MAX_BYTES];
static size_t line_used;

unsigned int console_slot(void)
{
	static unsigned int slot = ~0u;

	if (slot == ~0u)
		slot = start_slot("console");
	return slot;
}

void console_write_all(const void *buf, size_t n)
{
	const char *p = buf;
	PREEMPT_OFF;

	while (n > 0) {
		long r = sys_console_write(console_slot(), p, n < CONSOLE_MAX ? n : CONSOLE_MAX);

		if (r < 0)
			return;
		p += r;
		n -= (size_t)r;
		if (n == 0 || r > 0)
			continue;
		/* The line is full. A handler cannot wait for it; a program does, with all its threads, for the text lies in one buffer. */
		if (uarea()->held)
			return;
		sys_wait(0, deadline_us(2000));
	}
}

void console_flush(void)
{
	size_t n = line_used;

	line_used = 0;
	console_write_all(line, n);
}

static int put(char c, FILE *f)
{
	(void)f;
	if (c == '\n')
		line[line_used++] = '\r';	/* a terminal wants both */
	line[line_used++] = c;
	if (c == '\n' || line_used >= sizeof(line) - 1)
		console_flush();
	return (unsigned char)c;
}

static int flush(FILE *f)
{
	(void)f;
	console_flush();
	return 0;
}

int console_getc(unsigned long deadline)
{
	static bool bound;
	unsigned char c;
	long r;

	if (!bound) {
		if (sys_console_bind(console_slot()) < 0)
			return -1;
		bound = true;
	}
	for (;;) {
		/* First clear, then look: what comes in between leaves the bit set and ends the wait. */
		event_clear(EV_CONSOLE);
		r = sys_console_read(console_slot(), &c, 1);
		if (r == 1)
			return c;
		if (r < 0 || deadline == 1 || (deadline != 0 && time_now() >= deadline))
			return -1;
		event_wait(EV_CONSOLE, deadline);
	}
}

static int get(FILE *f)
{
	int c;

	(void)f;
	console_flush();
	c = console_getc(0);
	return c < 0 ? _FDEV_EOF : c;
}

static FILE console = FDEV_SETUP_STREAM(put, get, flush, _FDEV_SETUP_RW);
FILE *const stdin = &console;
FILE *const stdout = &console;
FILE *const stderr = &console;
