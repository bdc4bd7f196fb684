/*
 * init.c - the first program: starts the services of table.c and watches over them
 *
 * It holds the root capability of everything and gives away what the table says. Nothing is restarted; what ends is reported and
 * taken apart, and when the shell ends, so does the machine.
 */
#include <exos/boot.h>
#include <exos/flow.h>
#include <stdio.h>
#include <string.h>

#include "env_name.h"
#include "exos_calls.h"
#include "exposed.h"
#include "init.h"
#include "netif/flows.h"
#include "netif/net_page.h"
#include "posix.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

#define ADDRESS_WAIT_US	3000000		/* for the first network address */
#define FILTER_WAIT_US	2000000		/* for the services to bind their filters */
#define GRANTS_MAX	16
#define PROGRAMS_MAX	16

static struct proc program[PROGRAMS_MAX];	/* program[i] runs services[i]; env 0: it does not */
static unsigned int net_slot;
static struct net_page *net_page;
static unsigned int filters_expected;

/* ---- network ---- */

static bool have_nic(void)
{
	return start_boot_info()->nic_present != 0;
}

static void make_net_page(void)
{
	long slot = page_new();

	net_page = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	if (slot < 0 || net_page == NULL || vm_page((unsigned int)slot, net_page, PROT_R | PROT_W) < 0) {
		printf("init: no page for the network configuration\n");
		power_off(2);
	}
	memset(net_page, 0, PAGE_SIZE);
	net_slot = (unsigned int)slot;
}

/* A flow for a grant's name, derived from the root of the device. Returns its slot or a negative E_* code. */
static long make_flow(const char *name)
{
	static struct flow_spec spec;
	struct net_page now = { .ip = 0 };
	uint8_t mac[6];
	long slot, r;

	for (unsigned int i = 0; i < 6; i++)
		mac[i] = exposed_system()->mac[i];
	net_page_read(net_page, &now);
	if (!flow_spec_named(&spec, name, mac, now.ip))
		return -E_INVAL;
	slot = page_new();
	if (slot < 0)
		return slot;
	r = sys_flow_derive(SLOT_FLOW, (unsigned long)slot, &spec, RIGHT_RECV | RIGHT_SEND);
	if (r < 0)
		slot_delete((unsigned int)slot);
	return r < 0 ? r : slot;
}

static bool have_address(void)
{
	struct net_page now;

	return net_page_read(net_page, &now);
}

/* Sleep in short steps until done() or the time is up. */
static bool await(bool (*done)(void), uint64_t us)
{
	unsigned long deadline = deadline_us(us);

	while (!done() && time_now() < deadline)
		sys_wait(0, deadline_us(250));
	return done();
}

static bool have_filters(void)
{
	return exposed_system()->filters >= filters_expected;
}

static void print_address(void)
{
	struct net_page now;

	if (net_page_read(net_page, &now))
		printf("init: network address %u.%u.%u.%u\n", now.ip >> 24, now.ip >> 16 & 255, now.ip >> 8 & 255, now.ip & 255);
	else
		printf("init: no network address after %u s; the services are started without one\n", ADDRESS_WAIT_US / 1000000);
}

/* ---- services ---- */

unsigned int free_guarantee(void)
{
	const volatile struct exposed_env *self = exposed_env_of(self_env());

	uint32_t own = self->guarantee - self->promised_on, held = self->held;

	return own > held ? own - held : 0;
}

/* Give up what is missing to the part that table.c leaves to those who borrow. */
static void leave_to_borrow(void)
{
	uint32_t free = exposed_system()->free_frames, nobodys = free - exposed_system()->promised_frames, part = free / borrowable_part;
	long err = 0;

	if (part > nobodys)
		err = sys_env_set(0, ENV_GUARANTEE, exposed_env_of(self_env())->guarantee - (part - nobodys), 0);
	if (err < 0)
		printf("init: less than table.c says can be borrowed: %s\n", exos_strerror(err));
}

static void give(struct proc_grant *grants, unsigned int *n, const char *name, unsigned int slot, unsigned int rights)
{
	grants[(*n)++] = (struct proc_grant){ .name = name, .slot = slot, .rights = rights };
}

static const char *base_name(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash != NULL ? slash + 1 : file;
}

/* The right to end those that run already; the value is their number. */
static void give_control(struct proc_grant *grants, unsigned int *n)
{
	static char names[PROGRAMS_MAX][24];

	for (unsigned int i = 0; i < nservices && *n < GRANTS_MAX; i++) {
		if (program[i].env == 0)
			continue;
		snprintf(names[i], sizeof(names[i]), "env.%s", base_name(services[i].file));
		give(grants, n, names[i], program[i].env, RIGHT_CONTROL);
		grants[*n - 1].value = program[i].id;
	}
}

static int give_all(const struct service *v, struct proc_grant *grants, unsigned int *n)
{
	const struct boot_info *b = start_boot_info();

	if (v->gives & GIVE_CONSOLE)
		give(grants, n, "console", SLOT_CONSOLE, RIGHT_USE);
	if (v->gives & GIVE_MACHINE)
		give(grants, n, "machine", SLOT_MACHINE, RIGHT_USE);
	if (v->gives & (GIVE_NETPAGE | GIVE_NETPAGE_RW))
		give(grants, n, "netpage", net_slot, v->gives & GIVE_NETPAGE_RW ? PROT_R | PROT_W : PROT_R);
	if ((v->gives & GIVE_ARCHIVE) && b->archive_pages > 0) {
		give(grants, n, "archive", b->archive_slot, PROT_R);
		grants[*n - 1].count = b->archive_pages;
		grants[*n - 1].value = b->archive_bytes;
	}
	if (v->gives & GIVE_SLICES) {
		give(grants, n, "slices", SLOT_SLICES, RIGHT_BIND);
		grants[*n - 1].first = SLICES - SLICES_SHELL;
		grants[*n - 1].nslices = grants[*n - 1].value = SLICES_SHELL;
	}
	for (unsigned int i = 0; i < SERVICE_FLOWS && v->flows[i] != NULL && have_nic(); i++) {
		long slot = make_flow(v->flows[i]);

		if (slot < 0) {
			printf("init: %s for %s: %s\n", v->flows[i], v->file, exos_strerror(slot));
			return (int)slot;
		}
		give(grants, n, v->flows[i], (unsigned int)slot, RIGHT_RECV | RIGHT_SEND);
		filters_expected++;
	}
	if (v->gives & GIVE_CONTROL)
		give_control(grants, n);
	return 0;
}

static void start_service(const struct service *v, struct proc *p)
{
	const char *argv[] = { base_name(v->file), NULL };
	struct proc_grant grants[GRANTS_MAX];
	struct spawn s = { .argv = argv, .guarantee = v->pages, .grants = grants, .stopped = true };
	int err;

	if ((v->gives & NEEDS_NIC) && !have_nic())
		return;
	if (v->gives & MAY_BORROW)
		s.borrow = UINT32_MAX;
	s.promise_slices = v->slices;
	if (v->gives & GIVE_SLICES) {
		s.promise_slices += SLICES_SHELL;
		s.promise_filters = FILTERS_SHELL;
	}
	if (s.guarantee == 0)
		s.guarantee = free_guarantee() / 2;
	if (give_all(v, grants, &s.ngrants) < 0 || archive_spawn(v->file, &s, p) < 0)
		return;
	err = slices_give(p, v->hart, v->slices);
	if (err == 0)
		err = proc_run(p);
	if (err < 0) {
		printf("init: %s: %s\n", v->file, proc_strerror(err));
		proc_end(p);
	}
}

/* Nobody could talk to this machine, nor end it. */
static void give_up(const struct service *v)
{
	printf("init: without %s there is nothing to do here. Is the memory of this machine too small for what table.c promises?\n",
	       v->file);
	report("note %s could not be started", base_name(v->file));
	power_off(4);
}

static void start_services(void)
{
	bool waited = false;

	for (unsigned int i = 0; i < nservices; i++) {
		/* The shell comes last, when the others answer: its prompt is the end of the boot. */
		if (services[i].gives & ENDS_MACHINE) {
			await(have_filters, FILTER_WAIT_US);
			report("up");
		}
		start_service(&services[i], &program[i]);
		if ((services[i].gives & ENDS_MACHINE) && program[i].env == 0)
			give_up(&services[i]);
		if ((services[i].gives & GIVE_NETPAGE_RW) && program[i].env != 0 && !waited) {
			waited = true;
			await(have_address, ADDRESS_WAIT_US);
			print_address();
		}
	}
}

/* A program has stopped: say so, and give what it held back to the machine. */
static void bury(const struct service *v, struct proc *p, enum proc_state state, int status)
{
	int err;

	if (state == PROC_EXITED && (v->gives & ENDS_MACHINE)) {
		report("note %s exited with status %d", base_name(v->file), status);
		power_off(status);
	}
	printf("init: %s %s", base_name(v->file), proc_state_name(state));
	if (state == PROC_EXITED)
		printf(" with status %d", status);
	printf("\n");
	err = proc_end(p);
	if (err < 0)
		printf("init: %s cannot be taken apart: %s\n", base_name(v->file), exos_strerror(err));
	if (v->gives & ENDS_MACHINE)
		power_off(1);
}

static void watch(void)
{
	for (;;) {
		event_clear(EV_CHILD);
		for (unsigned int i = 0; i < nservices; i++) {
			enum proc_state state;
			int status;

			if (program[i].env == 0)
				continue;
			state = proc_state(&program[i], &status);
			if (state != PROC_RUNNING)
				bury(&services[i], &program[i], state, status);
		}
		sys_wait(EV_CHILD, 0);
	}
}

static const char *option(int argc, char **argv, const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], name, n) == 0)
			return argv[i] + n;
	return NULL;
}

int main(int argc, char **argv)
{
	const char *test = option(argc, argv, "test=");
	const char *trace = option(argc, argv, "trace=");
	const char *bench = option(argc, argv, "bench");
	char file[96];

	sys_cap_word(SLOT_SELF, env_name_word("init"));
	if (test != NULL) {
		snprintf(file, sizeof(file), "tests/%s", test);
		run_trial(file, test, NULL);
	}
	if (trace != NULL)
		run_trial("bin/tracer", "tracer", trace);
	if (bench != NULL)
		run_trial("bench/bench", "bench", *bench == '=' ? bench + 1 : NULL);
	make_net_page();
	slices_begin();
	leave_to_borrow();
	start_services();
	watch();
}
