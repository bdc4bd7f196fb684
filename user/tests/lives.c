/*
 * lives.c - R10, R11, I5: programs die at random moments, in calls, with rings, packets under way, children of their own; all comes back
 */
/* guest: harts=1,2,4 */
#include <exos/flow.h>
#include <exos/ring.h>

#include "check.h"

#define LIVES 80

static uint64_t chance;

static unsigned int below(unsigned int n)
{
	return (unsigned int)(random_next(&chance) >> 20) % n;
}

/* A child's child: an environment without code, with a context, tables and pages. */
static void make_environment(void)
{
	unsigned int env = (unsigned int)page_new(), root = (unsigned int)page_new(), table = (unsigned int)page_new();

	sys_ctx_create(root);
	sys_table_bind(root, 0, 1, table);
	sys_env_create(env, below(8));
	sys_env_captab(env, (unsigned long)page_new());
	for (unsigned int n = 1; n < 1 + below(8); n++)
		sys_page_alloc(env, n, FRAME_ANY, 0);
	sys_env_set(env, ENV_CONTEXT, root, 0);
	sys_env_set(env, ENV_RUN, below(2), 0);
	if (below(3) == 0)
		sys_object_end(env);
}

static void make_ring(void)
{
	static struct flow_predicate all = { .version = FLOW_VERSION, .natoms = 1, .atom[0] = { 12, 2, 0, 0xffff, 0x88b5 } };
	unsigned int flow = start_slot("flow"), ring = (unsigned int)page_new(), page;
	static unsigned long event;
	struct send_segment seg;
	void *va;

	page = test_page(&va, PROT_R | PROT_W);
	if (flow == 0 || sys_ring_create(ring, page, event++ % EV_RINGS) != 0)
		return;
	for (unsigned int n = 0; n < below(6); n++)
		sys_ring_buffer(ring, n, (unsigned long)page_new());
	sys_filter_bind((unsigned long)page_new(), flow, ring, &all, FILTER_SHARED);
	page = test_page(&va, PROT_R | PROT_W);
	memset(va, 0xff, 60);
	seg = (struct send_segment){ .slot = page, .offset = 0, .length = (uint16_t)(200 + below(1000)) };
	for (unsigned int n = 0; n < below(8); n++)
		sys_net_send(ring, flow, &seg, 1, n);
	if (below(2))
		sys_cap_delete(page);		/* it is on its way */
}

static int role(const char *seed)
{
	unsigned int parent = start_slot("parent"), slot;

	chance = strtoul(seed, NULL, 10) * 0x9e3779b97f4a7c15ul + 1;
	sys_notify(parent, EV_USER(0));
	for (;;) {
		switch (below(10)) {
		case 0:
			vm_touch(vm_map(8 * PAGE_SIZE, PROT_R | PROT_W), 8 * PAGE_SIZE);
			break;
		case 1:
			slot = (unsigned int)page_new();
			for (unsigned int n = 0; n < below(150); n++)
				sys_cap_copy(0, slot, slot_alloc(), PROT_R, 0, 0);
			sys_cap_revoke(slot);
			break;
		case 2:
			make_environment();
			break;
		case 3:
			make_ring();
			break;
		case 4:
			sys_wait(0, deadline_us(below(2000)));
			break;
		case 5:		/* into the parent's window */
			sys_cap_grant((unsigned long)page_new(), parent, start_grant("parent")->value + below(16), PROT_R | PROT_W, 0, 0);
			break;
		case 6:
			if (below(12) == 0)
				return 0;
			break;
		case 7:
			if (below(12) == 0)
				uarea()->held = 1;	/* the next fault is the last */
			break;
		case 8:
			if (below(12) == 0)
				__asm__ volatile("sb zero, 8(zero)");
			break;
		default:
			for (volatile unsigned int n = 0; n < 20000; n++)
				;
		}
	}
}

int main(int argc, char **argv)
{
	struct proc_grant grants[2] = { { .name = "parent", .slot = self_slot(), .rights = RIGHT_NOTIFY },
					{ .name = "flow", .slot = start_slot("flow.root"), .rights = RIGHT_RECV | RIGHT_SEND } };
	struct child c = { .name = "lives", .first = 8, .count = 32, .pages = 600, .grants = grants, .ngrants = 1 };
	unsigned int window, ends[PROC_GONE + 1] = { 0 };
	uint32_t before = 0, held = 0, filters = 0;
	struct cap_info info;
	char seed[16];
	struct proc p;

	if (argc > 1)
		return role(argv[1]);
	if (grants[1].slot != 0)
		c.ngrants = 2;
	window = slot_alloc_run(16);
	grants[0].value = window;
	MUST(sys_env_set(0, ENV_WINDOW, window, 16));
	chance = 5;
	for (int n = 0; n < LIVES; n++) {
		unsigned long end;

		snprintf(seed, sizeof(seed), "%d", n);
		c.role = seed;
		c.hart = n;
		event_clear(EV_USER(0));
		MUST(child(&c, &p));
		sys_wait(EV_USER(0), deadline_us(2000000));
		for (end = deadline_us(below(20000)); time_now() < end;)
			sys_wait(0, end);
		ends[proc_state(&p, NULL)]++;
		CHECK_IS(proc_end(&p), 0);
		CHECK_IS(proc_state(&p, NULL), PROC_GONE);
		/* What it gave us died with it: it had paid. */
		for (unsigned int i = 0; i < 16; i++)
			CHECK_IS(sys_cap_info(window + i, &info), -E_NOCAP);
		/* A packet on its way keeps its page until the device is done. */
		AWAIT(n == 0 || frames_free() == before);
		if (n > 0) {
			CHECK_IS(frames_free(), before);
			CHECK_IS(pages_held(), held);
			CHECK_IS(exposed_system()->filters, filters);
		}
		before = frames_free();
		held = pages_held();
		filters = exposed_system()->filters;
	}
	printf("%u were running, %u had left, %u had faulted, %u twice\n", ends[PROC_RUNNING], ends[PROC_EXITED], ends[PROC_FAULTED],
	       ends[PROC_DOUBLE_FAULT]);
	CHECK(ends[PROC_RUNNING] > LIVES / 4 && ends[PROC_EXITED] + ends[PROC_FAULTED] + ends[PROC_DOUBLE_FAULT] > 4);
	return verdict();
}
