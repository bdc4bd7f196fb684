/*
 * pipes.c - bytes and messages between two programs, a side that lies, and one that closes
 */
#include "check.h"
#include "pipe.h"
#include "thread.h"

#define HALF	(2 * PAGE_SIZE)		/* memory of one direction */
#define TOTAL	200000u

static struct pipe out, in;

static int role(const char *name)
{
	const struct start_grant *g = start_grant("pipes");
	char *at = vm_attach(g->slot, g->count, PROT_R | PROT_W);
	static unsigned char buf[3000];
	uint64_t r = 99;
	long n;

	MUST(pipe_open(&in, at, HALF, start_slot("peer"), EV_USER(2)));
	MUST(pipe_open(&out, at + HALF, HALF, start_slot("peer"), EV_USER(3)));
	if (strcmp(name, "lie") == 0) {
		out.s->head = 1u << 20;
		sys_notify(start_slot("peer"), EV_USER(3));
		return 0;
	}
	if (strcmp(name, "messages") == 0) {
		while ((n = queue_receive(&in, buf, sizeof(buf), 0)) > 0)
			if (queue_send(&out, buf, (size_t)n, 0) != n)
				return 1;
		pipe_close_writer(&out);
		return n == -E_DEAD ? 0 : 2;
	}
	/* Echo, in pieces of any size. */
	while ((n = pipe_read(&in, buf, 1 + random_next(&r) % sizeof(buf), 0)) > 0)
		for (long done = 0; done < n;) {
			long k = pipe_write(&out, buf + done, (size_t)(n - done), 0);

			if (k <= 0)
				return 3;
			done += k;
		}
	pipe_close_writer(&out);
	return n == -E_DEAD ? 0 : 4;
}

static struct proc p;
static char *memory;
static unsigned int slot;

static void start(const char *name)
{
	struct proc_grant grants[] = {
		{ .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY | RIGHT_YIELD },
		{ .name = "pipes", .slot = slot, .count = 2 * HALF / PAGE_SIZE, .rights = PROT_R | PROT_W },
	};
	struct child c = { .name = "pipes", .role = name, .first = 20, .count = 4, .grants = grants, .ngrants = 2, .stopped = true };

	MUST(child(&c, &p));
	MUST(pipe_make(&out, memory, HALF, p.env, EV_USER(2)));
	MUST(pipe_make(&in, memory + HALF, HALF, p.env, EV_USER(3)));
	MUST(proc_run(&p));
}

static void ended(int want)
{
	int status = -1;

	CHECK_IS(proc_wait(&p, deadline_us(5000000), &status), PROC_EXITED);
	CHECK_IS(status, want);
	CHECK_IS(proc_end(&p), 0);
}

static void *writes(void *arg)
{
	static unsigned char buf[777];
	uint64_t r = 5;

	for (unsigned int sent = 0; sent < TOTAL;) {
		size_t n = 1 + random_next(&r) % sizeof(buf);
		long k;

		if (n > TOTAL - sent)
			n = TOTAL - sent;
		for (size_t i = 0; i < n; i++)
			buf[i] = (unsigned char)((sent + i) * 7 >> 3);
		k = pipe_write(&out, buf, n, 0);
		if (!CHECK(k > 0))
			break;
		sent += (unsigned int)k;
	}
	pipe_close_writer(&out);
	return arg;
}

/* One thread writes, the first reads what comes back. */
static void bytes_come_back_in_order(void)
{
	static unsigned char buf[1000];
	unsigned int got = 0, wrong = 0;
	struct thread *t;
	long n;

	start("echo");
	t = thread_create(writes, NULL, 0);
	while ((n = pipe_read(&in, buf, sizeof(buf), deadline_us(20000000))) > 0)
		for (long i = 0; i < n; i++, got++)
			wrong += buf[i] != (unsigned char)(got * 7 >> 3);
	CHECK_IS(n, -E_DEAD);
	CHECK_IS(got, TOTAL);
	CHECK_IS(wrong, 0);
	CHECK_IS(thread_join(t, NULL), 0);
	CHECK_IS(pipe_read(&in, buf, 1, 0), -E_DEAD);
	ended(0);
}

static void messages(void)
{
	static unsigned char out_buf[3000], in_buf[3000];
	uint64_t r = 17;

	start("messages");
	for (int i = 0; i < 300; i++) {
		size_t n = 1 + random_next(&r) % sizeof(out_buf);

		memset(out_buf, i, n);
		CHECK_IS(queue_send(&out, out_buf, n, deadline_us(5000000)), n);
		if (i == 0) {
			while (queue_receive(&in, in_buf, 0, deadline_us(5000000)) != -E_LIMIT)
				;
		}
		if (!CHECK_IS(queue_receive(&in, in_buf, sizeof(in_buf), deadline_us(5000000)), n))
			break;
		CHECK(memcmp(in_buf, out_buf, n) == 0);
	}
	CHECK_IS(queue_send(&out, out_buf, HALF, 0), -E_INVAL);
	CHECK_IS(queue_receive(&in, in_buf, sizeof(in_buf), 1), 0);
	CHECK_IS(queue_receive(&in, in_buf, sizeof(in_buf), deadline_us(2000)), 0);
	pipe_close_writer(&out);
	CHECK_IS(queue_send(&out, out_buf, 1, 1), 1);	/* it is the reader who refuses */
	CHECK_IS(queue_receive(&in, in_buf, sizeof(in_buf), deadline_us(5000000)), 1);
	CHECK_IS(queue_receive(&in, in_buf, sizeof(in_buf), deadline_us(5000000)), -E_DEAD);
	ended(0);
}

static void lies(void)
{
	unsigned char byte;

	start("lie");
	CHECK_IS(pipe_read(&in, &byte, 1, deadline_us(5000000)), -E_IO);
	ended(0);
	out.s->tail = 5;
	CHECK_IS(pipe_write(&out, &byte, 1, 1), -E_IO);
	in.s->head = in.s->tail + 8;
	memset(in.s->ring, 0xff, 16);
	CHECK_IS(queue_receive(&in, &byte, 1, 1), -E_IO);

	CHECK_IS(pipe_make(&out, memory, PIPE_HEADER, p.env, 0), -E_INVAL);
	CHECK_IS(pipe_make(&out, memory, HALF, p.env, 0), 0);
	CHECK_IS(out.bytes, PAGE_SIZE);
	out.s->bytes = 3 * PAGE_SIZE;
	CHECK_IS(pipe_open(&in, memory, HALF, 0, 0), -E_INVAL);
	out.s->bytes = 2 * PAGE_SIZE;
	CHECK_IS(pipe_open(&in, memory, HALF, 0, 0), -E_INVAL);
	out.s->bytes = PAGE_SIZE;
	CHECK_IS(pipe_open(&in, memory, HALF, 0, 0), 0);
	out.s->version = 9;
	CHECK_IS(pipe_open(&in, memory, HALF, 0, 0), -E_INVAL);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return role(argv[1]);
	memory = vm_share(2 * HALF, &slot);
	MUST(memory != NULL ? 0 : -E_NOMEM);
	messages();			/* before there are threads: the sides yield to each other */
	bytes_come_back_in_order();
	lies();
	return verdict();
}
