/*
 * shell - a prompt on the serial line
 *
 * A program like any other: it has a guarantee of pages and some slices, and what it starts comes out of these. It sees the
 * system as everybody does, in the kernel's exposed bookkeeping.
 *
 * Grants: "console", "archive", "slices"; "netpage" and flows, to be passed on; "env.NAME" with CONTROL: programs that somebody
 * else started and that may be ended from here.
 */
#include "shell.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exos/uarea.h"
#include "exos_calls.h"
#include "exposed.h"
#include "posix.h"
#include "upcall.h"

#define LINE_BYTES	256
#define CTRL(c)		((c) & 0x1f)
#define BACKSPACE	'\b'
#define DELETE		0x7f

static const char prompt[] = "exos$ ";

/* ---- input ---- */

static char ahead[LINE_BYTES];
static unsigned int ahead_first, ahead_count;

void type_ahead(char c)
{
	if (ahead_count < sizeof(ahead))
		ahead[(ahead_first + ahead_count++) % sizeof(ahead)] = c;
}

int input_byte(void)
{
	if (ahead_count > 0) {
		char c = ahead[ahead_first];

		ahead_first = (ahead_first + 1) % sizeof(ahead);
		ahead_count--;
		return (unsigned char)c;
	}
	return console_getc(1);
}

static int wait_byte(void)
{
	int c;

	while ((c = input_byte()) < 0) {
		fflush(stdout);
		c = console_getc(0);
		if (c >= 0)
			break;
	}
	return c;
}

enum line { LINE, LINE_EMPTY, LINE_END };

/*
 * Read a line with its echo. Backspace takes a character back, ^U and ^C the whole line, ^D on an empty line ends the input.
 * What is neither printable nor one of these is not echoed and not taken: so escape sequences leave at most a few letters.
 */
static enum line read_line(char *line)
{
	static bool after_cr;		/* a terminal may end its lines with CR, LF or both */
	unsigned int n = 0;

	for (;;) {
		int c = wait_byte();
		bool lf_of_crlf = after_cr && c == '\n';

		after_cr = c == '\r';
		if (lf_of_crlf)
			continue;
		switch (c) {
		case '\r':
		case '\n':
			printf("\n");
			line[n] = '\0';
			return n == 0 ? LINE_EMPTY : LINE;
		case CTRL('C'):
			printf("^C\n");
			return LINE_EMPTY;
		case CTRL('D'):
			if (n == 0)
				return LINE_END;
			break;
		case CTRL('U'):
			for (; n > 0; n--)
				printf("\b \b");
			break;
		case BACKSPACE:
		case DELETE:
			if (n > 0) {
				n--;
				printf("\b \b");
			}
			break;
		default:
			if (c >= ' ' && c < DELETE) {
				if (n == LINE_BYTES - 1) {
					putchar('\a');
					break;
				}
				line[n++] = (char)c;
				putchar(c);
			}
		}
		fflush(stdout);
	}
}

/* ---- commands ---- */

static void command_help(int n, char **words);

static void command_exit(int n, char **words)
{
	long status = 0;
	char *end;

	if (n == 2) {
		status = strtol(words[1], &end, 10);
		if (*end != '\0' || end == words[1] || status < 0 || status > 255) {
			printf("exit: '%s' is no status: 0 to 255\n", words[1]);
			return;
		}
	}
	exit((int)status);
}

static void command_kill(int n, char **words)
{
	(void)n;
	jobs_kill(words[1]);
}

static void command_memory(int n, char **words)
{
	(void)n;
	(void)words;
	show_memory();
}

static void command_shares(int n, char **words)
{
	(void)n, (void)words;
	show_shares();
}

static void command_ps(int n, char **words)
{
	(void)n, (void)words;
	show_ps();
}

static void command_top(int n, char **words)
{
	(void)n, (void)words;
	show_top();
}

static void command_pages(int n, char **words)
{
	(void)n, (void)words;
	show_pages();
}

static void command_slices(int n, char **words)
{
	(void)n, (void)words;
	show_slices();
}

static void command_filters(int n, char **words)
{
	(void)n, (void)words;
	show_filters();
}

/*
 * Instructions until the prompt stood there for the first time. The kernel tells the time of its entry; where the emulator executes one
 * instruction per nanosecond (-icount shift=0) and has not slept before, that is the number of instructions until then. An emulator
 * that does not count (make qemu) gives its host's cycles instead: more than there were nanoseconds.
 */
static uint64_t first_prompt, first_prompt_time;

static void command_boot(int n, char **words)
{
	const volatile struct exposed_system *s = exposed_system();
	uint64_t tick = 1000000000 / s->timebase_hz;

	(void)n, (void)words;
	printf("%lu us from the kernel's entry to the prompt\n", (first_prompt_time - s->boot_time) * tick / 1000);
	if (first_prompt < (first_prompt_time + 1) * tick)
		printf("%lu instructions\n", first_prompt - s->boot_time * tick);
	else
		printf("the emulator does not count instructions here; 'make bench' lets it\n");
}

static void command_trace(int n, char **words)
{
	if (!trace_command(n, words))
		printf("usage: trace on|off|show [N]\n");
}

static void command_programs(int n, char **words)
{
	(void)n, (void)words;
	jobs_programs();
}

static const struct command {
	const char *name;
	int least, most;		/* words, with the name */
	void (*run)(int n, char **words);
	const char *usage, *what;
} commands[] = {
	{ "run", 2, WORDS_MAX, NULL, "run [-p|b|s|g|f N] PROGRAM [ARGUMENT...] [&]",
	  "start a program and wait for it (^C ends it); with & in the background. -p: pages, -b: that it may borrow; -s: slices, -g: promised; "
	  "-f: filters promised" },
	{ "kill", 2, 2, command_kill, "kill ENV", "end a program: its number or name in ps" },
	{ "programs", 1, 1, command_programs, "programs", "what run can start" },
	{ "ps", 1, 1, command_ps, "ps", "environments: what they hold, what they were promised, how long they ran" },
	{ "top", 1, 1, command_top, "top", "who uses the processor, every second until a key is pressed" },
	{ "memory", 1, 1, command_memory, "memory", "who borrows, who was asked for what and lost what, every second until a key is pressed" },
	{ "shares", 1, 1, command_shares, "shares", "the same of slices, filters and rings" },
	{ "pages", 1, 1, command_pages, "pages", "frames of memory by type and owner" },
	{ "slices", 1, 1, command_slices, "slices", "who has which slices of time" },
	{ "filters", 1, 1, command_filters, "filters", "flows, rings and filters by owner; packets" },
	{ "trace", 2, 3, command_trace, "trace on|off|show [N]", "write what the kernel does into the trace rings; the last N events" },
	{ "boot", 1, 1, command_boot, "boot", "what it took to get here" },
	{ "exit", 1, 2, command_exit, "exit [STATUS]", "end the shell, and with it the machine" },
	{ "help", 1, 1, command_help, "help", "this list" },
};

static void command_help(int n, char **words)
{
	(void)n, (void)words;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("%-53s%s\n", commands[i].usage, commands[i].what);
}

/* Cut the line at blanks. Returns the number of words, -1: more than WORDS_MAX. */
static int split(char *line, char **words)
{
	int n = 0;

	for (char *p = strtok(line, " \t"); p != NULL; p = strtok(NULL, " \t")) {
		if (n == WORDS_MAX)
			return -1;
		words[n++] = p;
	}
	return n;
}

/* A last '&', as a word or at the end of one. */
static bool take_ampersand(int *n, char **words)
{
	char *last = words[*n - 1];
	size_t len = strlen(last);

	if (last[len - 1] != '&')
		return false;
	last[len - 1] = '\0';
	if (len == 1)
		--*n;
	return true;
}

static void execute(char *line)
{
	char *words[WORDS_MAX + 1];
	int n = split(line, words);
	const struct command *c = commands;
	const struct command *end = commands + sizeof(commands) / sizeof(commands[0]);
	bool background;

	if (n < 0) {
		printf("a line has at most %d words\n", WORDS_MAX);
		return;
	}
	if (n == 0)
		return;
	background = take_ampersand(&n, words);
	words[n] = NULL;
	while (c < end && (n == 0 || strcmp(words[0], c->name) != 0))
		c++;
	if (c == end)
		printf("there is no command '%s': help lists them all, 'run PROGRAM' starts a program\n", n == 0 ? "&" : words[0]);
	else if (n < c->least || n > c->most)
		printf("usage: %s\n", c->usage);
	else if (c->run == NULL)
		jobs_run(n, words, background);
	else if (background)
		printf("%s: only programs run in the background: run PROGRAM &\n", c->name);
	else
		c->run(n, words);
}

int main(void)
{
	static char line[LINE_BYTES];

	jobs_init();
	for (;;) {
		enum line got;

		jobs_report();
		printf("%s", prompt);
		fflush(stdout);
		if (first_prompt == 0)
			__asm__ volatile("rdinstret %0\n\trdtime %1" : "=r"(first_prompt), "=r"(first_prompt_time));
		got = read_line(line);
		if (got == LINE_END) {
			printf("exit\n");
			return 0;
		}
		if (got == LINE)
			execute(line);
	}
}
