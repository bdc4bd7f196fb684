/*
 * my_rpc.c - the remote procedures of docs/rpc-tutorial.md: a service for texts in shared memory, believed and not
 */
#include <ctype.h>

#include "check.h"
#include "pct.h"

#define READY	EV_USER(1)

/* What both sides must know: numbers of procedures, and where the words of a call stand. Offset and length are in the shared memory. */
enum { WORDS, SHOUT, PROCEDURES };
enum { AT_NUMBER = 2, AT_OFFSET, AT_LENGTH };

static char *shared;

/* ---- the procedures, for a text that stays as it is while they look at it ---- */

static long words(char *text, size_t length)
{
	long n = 0;

	for (size_t i = 0; i < length; i++)
		n += text[i] != ' ' && (i == 0 || text[i - 1] == ' ');
	return n;
}

static long shout(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		text[i] = (char)toupper((unsigned char)text[i]);
	return 0;
}

static long (*const procedures[PROCEDURES])(char *, size_t) = { [WORDS] = words, [SHOUT] = shout };

/* ---- servers ---- */

static void serve_trusting(uint32_t caller, bool sent, struct pct_message *m)
{
	(void)caller, (void)sent;
	m->w[0] = (uint64_t)procedures[m->w[AT_NUMBER]](shared + m->w[AT_OFFSET], m->w[AT_LENGTH]);
}

static uint32_t client;		/* whom the distrusting one serves: the number of an environment, for which the kernel vouches */

static long judged(uint32_t caller, uint64_t number, uint64_t offset, uint64_t length)
{
	char copy[64];
	long r;

	if (caller != client)
		return -E_RIGHTS;
	if (number >= PROCEDURES)
		return -E_NOCALL;
	if (length > sizeof(copy) || offset > PAGE_SIZE - length)
		return -E_INVAL;
	memcpy(copy, shared + offset, length);
	r = procedures[number](copy, length);
	memcpy(shared + offset, copy, length);
	return r;
}

static void serve_distrusting(uint32_t caller, bool sent, struct pct_message *m)
{
	long r = sent ? -E_INVAL : judged(caller, m->w[AT_NUMBER], m->w[AT_OFFSET], m->w[AT_LENGTH]);

	memset(m, 0, sizeof(*m));
	m->w[0] = (uint64_t)r;
}

/* Two that nobody should believe. */
static void serve_lies(uint32_t caller, bool sent, struct pct_message *m)
{
	(void)caller, (void)sent;
	m->w[0] = 1000000;
}

static void serve_nobody(uint32_t caller, bool sent, struct pct_message *m)
{
	(void)caller, (void)sent, (void)m;
	for (;;)
		;
}

static __attribute__((noreturn)) void server(const char *role)
{
	const struct start_grant *g = start_grant("shared");

	shared = vm_attach(g->slot, 1, PROT_R | PROT_W);
	client = (uint32_t)g->value;
	if (strcmp(role, "trusting") == 0)
		MUST(pct_serve(serve_trusting));
	else if (strcmp(role, "distrusting") == 0)
		MUST(pct_serve(serve_distrusting));
	else
		MUST(pct_serve(strcmp(role, "lying") == 0 ? serve_lies : serve_nobody));
	MUST(sys_notify(start_slot("peer"), READY));
	for (;;)
		sys_wait(EV_USER(8), 0);
}

/* ---- clients ---- */

static struct proc text_server;

static long text_call(unsigned int number, uint64_t offset, uint64_t length, unsigned long deadline)
{
	struct pct_message m = { .w = { [AT_NUMBER] = number, [AT_OFFSET] = offset, [AT_LENGTH] = length } };
	long r = pct_call(text_server.env, deadline, &m);

	return r < 0 ? r : (long)m.w[0];
}

/* As if it were a function of ours. */
static long words_trusting(uint64_t offset, uint64_t length)
{
	return text_call(WORDS, offset, length, 0);
}

static long words_distrusting(uint64_t offset, uint64_t length)
{
	long r = text_call(WORDS, offset, length, deadline_us(20000));

	return r > (long)(length + 1) / 2 ? -E_IO : r;		/* no text of that length has so many */
}

/* ---- and the test of it all ---- */

static void start(const char *role, unsigned int slot, uint32_t id)
{
	struct proc_grant grants[] = {
		{ .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY },
		{ .name = "shared", .slot = slot, .rights = PROT_R | PROT_W, .value = id },
	};
	struct child c = { .name = "my_rpc", .role = role, .first = 40, .count = 1, .grants = grants, .ngrants = 2 };

	event_clear(READY);
	MUST(child(&c, &text_server));
	CHECK_IS(sys_wait(READY, deadline_us(5000000)), READY);
	AWAIT(exposed_env_of(text_server.id)->state == ENV_WAITING);
}

int main(int argc, char **argv)
{
	static const char text[] = "say it again";
	const uint64_t at = 100, n = sizeof(text) - 1;
	unsigned int slot;

	if (argc > 1)
		server(argv[1]);
	shared = vm_share(PAGE_SIZE, &slot);
	MUST(shared != NULL ? 0 : -E_NOMEM);
	memcpy(shared + at, text, n);

	start("trusting", slot, 0);
	CHECK_IS(words_trusting(at, n), 3);
	CHECK_IS(text_call(SHOUT, at, n, 0), 0);
	CHECK(memcmp(shared + at, "SAY IT AGAIN", n) == 0);
	/* It believes a number that is none, jumps to nowhere, and is no more. We hear of that, and go on. */
	CHECK_IS(text_call(100000, at, n, 0), -E_DEAD);
	CHECK_IS(words_trusting(at, n), -E_DEAD);
	CHECK_IS(proc_end(&text_server), 0);

	start("distrusting", slot, self_env());
	memcpy(shared + at, text, n);
	CHECK_IS(words_distrusting(at, n), 3);
	CHECK_IS(text_call(SHOUT, at, n, 0), 0);
	CHECK(memcmp(shared + at, "SAY IT AGAIN", n) == 0);
	CHECK_IS(text_call(100000, at, n, 0), -E_NOCALL);
	CHECK_IS(words_distrusting(PAGE_SIZE - n, n), 1);	/* zeros are no spaces */
	CHECK_IS(words_distrusting(PAGE_SIZE - n + 1, n), -E_INVAL);
	CHECK_IS(words_distrusting(~0ull, n), -E_INVAL);
	CHECK_IS(words_distrusting(at, ~0ull), -E_INVAL);
	CHECK_IS(words_distrusting(at, n), 3);
	CHECK_IS(proc_end(&text_server), 0);

	start("distrusting", slot, self_env() + 1);		/* for somebody else */
	CHECK_IS(words_distrusting(at, n), -E_RIGHTS);
	CHECK_IS(proc_end(&text_server), 0);

	start("lying", slot, 0);
	CHECK_IS(words_distrusting(at, n), -E_IO);
	CHECK_IS(proc_end(&text_server), 0);

	start("deaf", slot, 0);
	CHECK_IS(words_distrusting(at, n), -E_TIME);
	CHECK_IS(proc_end(&text_server), 0);
	return verdict();
}
