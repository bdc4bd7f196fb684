/*
 * test_kern_audit.c - the audit notices: each law of the design, broken on purpose in a world with something of everything
 *
 * Every other test of the kernel leans on audit(). Here one wrong thing is put into the complete state of a machine in full use, the audit must
 * fail, and with a sentence about what is wrong. EXOS_TRACE=1 prints the sentences. Most corruptions break several laws at once: the first
 * that the audit comes to is the one expected here.
 */
#include "exos/boot.h"
#include "exos/flow.h"
#include "exos/ring.h"
#include "kern/charge.h"
#include "kern/flow.h"
#include "kern/revoke.h"
#include "kern/ring.h"
#include "kern/trace.h"
#include "kern_test.h"

#define PAGE2M	(1ul << 21)
#define ENTRY	(SIM_CODE + 0x80)
#define LARGE	(SIM_NOTABLE - PAGE2M)

static struct env *init;
static struct sim_child a, b, c, guest, below;	/* guest is stopped and in b's context; below is a's child */
static unsigned large, table, copies[4], deep, slices, flow, own_flow, ring, ring_page, buffers[2], sent, filter, wide, call;
static unsigned ctx_l1, ctx;
static struct sim_snapshot *good;

static struct flow_predicate port(unsigned n)
{
	return (struct flow_predicate){ .version = FLOW_VERSION, .natoms = 1,
		.atom = { { .offset = 36, .width = 2, .mask = 0xffff, .value = n } } };
}

static unsigned copy(struct env *e, unsigned of, unsigned rights)
{
	unsigned slot = sim_slot(e);

	answers(e, 0, cap_copy, 0, of, slot, rights, 0, 0);
	return slot;
}

static unsigned grant(unsigned of, struct sim_child *to, unsigned rights)
{
	unsigned slot = sim_slot(to->env);

	answers(init, 0, cap_grant, of, to->slot, slot, rights, 0, 0);
	return slot;
}

/* Pages of both sizes, shared at several depths; a table and the kernel's bookkeeping shown read-only. */
static void build_memory(void)
{
	unsigned page = sim_page(init);

	large = sim_slot(init);
	for (ppn_t p = (first_ppn + 511) & ~511u; sim_cap(init, large)->type == CAP_NONE && p < end_ppn; p += 512)
		sim_call(init, page_alloc, 0, large, p, 1);
	assert_int_equal(sim_cap(init, large)->type, CAP_PAGE);
	answers(init, 1, page_bind, SLOT_CTX, LARGE, large, 1, PROT_R | PROT_W);
	answers(a.env, 1, page_bind, SIM_SLOT_CTX, LARGE, grant(large, &a, PROT_R), 1, PROT_R);

	copies[0] = grant(page, &a, PROT_R | PROT_W);
	for (unsigned i = 1; i < ARRAY_SIZE(copies); i++)
		copies[i] = copy(a.env, copies[i - 1], i == 1 ? PROT_R | PROT_W : PROT_R);
	for (unsigned i = 0; i < ARRAY_SIZE(copies); i++)
		sim_bind(a.env, SIM_FREE + i * PAGE_SIZE, copies[i], i <= 1 ? PROT_R | PROT_W : PROT_R);
	deep = grant(page, &b, PROT_R);
	sim_bind(b.env, SIM_FREE, deep, PROT_R);

	ctx = sim_page(init);
	ctx_l1 = sim_page(init);
	table = sim_page(init);
	answers(init, 0, ctx_create, ctx);
	answers(init, 0, table_bind, ctx, 0, 1, ctx_l1);
	answers(init, 0, table_bind, ctx, 0, 0, table);
	answers(init, 1, page_bind, ctx, SIM_FREE, table, 1, PROT_R);
	answers(init, 1, expose_bind, ctx, SIM_FREE + PAGE_SIZE, EXPOSE_SYSTEM, 0, 1);
}

static void build_slices(void)
{
	slices = sim_slot(b.env);
	answers(init, 0, cap_grant, SLOT_SLICES, b.slot, slices, RIGHTS_ALL, 8, 8);
	answers(init, 0, slice_bind, SLOT_SLICES, 8, 8, 0);
	answers(init, 0, slice_bind, SLOT_SLICES, 20, 4, a.slot);
	answers(b.env, 0, slice_bind, slices, 10, 2, 0 + SIM_SLOT_SELF);
}

/* A ring with buffers; a filter under the root flow that is shared and one under a flow of a's own; a packet that the device keeps. */
static void build_network(void)
{
	struct flow_spec s = { .version = FLOW_VERSION, .receive = port(7), .send = { .version = FLOW_VERSION } };
	struct flow_predicate p = port(7);
	struct send_segment seg;

	flow = grant(SLOT_FLOW, &a, RIGHT_RECV | RIGHT_SEND);
	own_flow = sim_page(a.env);
	sim_put(a.env, &s, sizeof(s));
	answers(a.env, 0, flow_derive, flow, own_flow, SIM_ARGS, RIGHT_RECV | RIGHT_SEND);
	ring = sim_page(a.env);
	ring_page = sim_page(a.env);
	answers(a.env, 0, ring_create, ring, ring_page, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(buffers); i++) {
		buffers[i] = sim_page(a.env);
		answers(a.env, 0, ring_buffer, ring, i, buffers[i]);
	}
	filter = sim_page(a.env);
	sim_put(a.env, &p, sizeof(p));
	answers(a.env, 0, filter_bind, filter, own_flow, ring, SIM_ARGS, 0);
	for (unsigned n = 8; n < 11; n++) {
		p = port(n);
		wide = sim_page(a.env);
		sim_put(a.env, &p, sizeof(p));
		answers(a.env, 0, filter_bind, wide, flow, ring, SIM_ARGS, n == 10 ? FILTER_SHARED : 0);
	}
	sim_nic.hold_tx = true;
	sent = sim_page(a.env);
	seg = (struct send_segment){ .slot = sent, .offset = 0, .length = 1000 };
	sim_put(a.env, &seg, sizeof(seg));
	answers(a.env, 0, net_send, ring, own_flow, SIM_ARGS, 1, 7);
}

/* c, which has yielded, serves a, which waits for the answer. */
static void build_transfer(void)
{
	call = grant(c.slot, &a, RIGHT_CALL | RIGHT_YIELD);
	answers(c.env, 0, env_set, 0, ENV_HANDLER, UP_ENTRY, ENTRY);
	answers(c.env, SIM_SWITCHED, yield, 0);
	if (sim_current() == c.env)
		sim_run(init);
	answers(a.env, SIM_SWITCHED, pct_call, call, 0);
	assert_ptr_equal(sim_current(), c.env);
}

static int setup(void **state)
{
	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .nic = true, .ram_bytes = 8 << 20 });
	init = sim_init_env;
	a = sim_child(init, 200);
	b = sim_child(init, 60);
	c = sim_child(init, 60);
	guest = sim_child(init, 30);
	answers(init, 0, env_set, guest.slot, ENV_RUN, 0, 0);
	answers(init, 0, env_set, guest.slot, ENV_CONTEXT, b.ctx, 0);
	answers(a.env, 256, env_captab, 0, sim_page(a.env));
	below = sim_child(a.env, 30);
	build_memory();
	build_slices();
	build_network();
	build_transfer();
	audit();
	good = sim_save();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim_snapshot_free(good);
	return 0;
}

/* ---- what the corruptions change ---- */

static ppn_t root_of(const struct sim_child *x)
{
	return x->env->context;
}

static pte_t *leaf(ppn_t root, vaddr_t va)
{
	return sv39_entry(root, va, 0);
}

static pte_t leaf_to(ppn_t p, pte_t bits)
{
	return (pte_t)p << PTE_PPN_SHIFT | PTE_V | PTE_U | PTE_A | PTE_D | bits;
}

/* A leaf of a's where nothing is bound, counted, so that only what it is can be wrong. */
static void add_leaf(struct sim_child *x, pte_t pte)
{
	pte_t *e = leaf(root_of(x), SIM_FREE + 64 * PAGE_SIZE);

	assert_true(*e == 0);
	*e = pte;
	priv_of(kva_page(e))->live++;
}

/* The same page, with other bits, in b's leaf of the page that it shares with a. */
static void set_bits(pte_t clear, pte_t set)
{
	pte_t *e = leaf(root_of(&b), SIM_FREE);

	*e = (*e & ~clear) | set;
}

static struct cap *cap_a(unsigned slot) { return sim_cap(a.env, slot); }
static struct cap_list *shared_list(void) { return cap_list_of(cap_a(copies[0])); }
static struct bound_filter *filter_a(unsigned slot) { return page_kva(cap_a(slot)->object); }
static struct ring *ring_a(void) { return page_kva(cap_a(ring)->object); }
static ppn_t frame_a(unsigned slot) { return cap_a(slot)->object; }

static struct transmit *in_flight(void)
{
	for (unsigned i = 0; i < TRANSMITS; i++)
		if (transmits[i].busy && transmits[i].npins > 0)
			return &transmits[i];
	fail_msg("nothing is in flight");
	return NULL;
}

static ppn_t kernel_frame(void)
{
	for (ppn_t p = first_ppn; p < end_ppn; p++)
		if (frame_of(p)->type == FRAME_KERNEL)
			return p;
	fail_msg("no frame of the kernel");
	return 0;
}

struct corruption {
	const char *name;
	void (*make)(void);
	const char *law;	/* part of what the audit says */
};

/* ---- 1: leaves and page capabilities ---- */

static void leaf_without_capability(void) { add_leaf(&b, leaf_to(frame_a(SIM_SLOT_DATA), PTE_R)); }
static void leaf_not_counted(void) { *leaf(root_of(&b), SIM_FREE) = 0; }
static void leaf_lost(void) { leaf_not_counted(); priv_of(kva_page(leaf(root_of(&b), SIM_FREE)))->live--; }
static void leaf_with_more_rights(void) { set_bits(0, PTE_W); }
static void leaf_to_another_page(void) { set_bits((pte_t)0xffffffff << PTE_PPN_SHIFT, leaf_to(frame_a(SIM_SLOT_DATA), 0)); }
static void leaf_to_a_free_frame(void) { add_leaf(&b, leaf_to(frame_any(), PTE_R)); }
static void leaf_outside_of_memory(void) { add_leaf(&b, leaf_to(end_ppn, PTE_R)); }
static void leaf_of_the_supervisor(void) { set_bits(PTE_U, 0); }
static void leaf_that_is_global(void) { set_bits(0, 1u << 5); }
static void leaf_with_reserved_bits(void) { set_bits(0, (pte_t)1 << 63); }
static void leaf_writable_and_not_readable(void) { set_bits(PTE_R, PTE_W); }
static void leaf_invalid_and_not_zero(void) { set_bits(PTE_V, 0); }
static void large_leaf_not_aligned(void) { *sv39_entry(init->context, LARGE, 1) += (pte_t)1 << PTE_PPN_SHIFT; }
static void large_leaf_of_a_small_page(void) { cap_set_order(sim_cap(init, large), 0); }
static void leaf_in_a_root(void)
{
	((pte_t *)page_kva(root_of(&b)))[1] = leaf_to(sim_frame(init, large), PTE_R);
	priv_of(root_of(&b))->live++;
}
static void size_of_an_unbound_capability(void) { cap_set_order(cap_a(ring_page), 1); }
static void leaf_with_two_capabilities(void) { cap_a(copies[1])->binding = cap_a(copies[0])->binding; }
static void binding_forgotten(void) { cap_a(copies[2])->binding = 0; }
static void binding_without_a_leaf(void) { cap_a(ring_page)->binding = binding_of(root_of(&a), SIM_FREE + 9 * PAGE_SIZE); }
static void binding_in_a_foreign_context(void) { cap_a(ring_page)->binding = binding_of(root_of(&b), SIM_FREE); }
static void binding_in_no_context(void) { cap_a(ring_page)->binding = binding_of(frame_a(sent), 0); }
static void bindings_exchanged(void)
{
	uint64_t binding = cap_a(SIM_SLOT_CODE)->binding;

	cap_a(SIM_SLOT_CODE)->binding = cap_a(SIM_SLOT_DATA)->binding;
	cap_a(SIM_SLOT_DATA)->binding = binding;
}

/* ---- 2: tables ---- */

static void table_writable(void)
{
	*leaf(sim_frame(init, ctx), SIM_FREE) |= PTE_W;
	sim_cap(init, table)->rights |= PROT_W;
}
static void table_executable(void) { *leaf(sim_frame(init, ctx), SIM_FREE) |= PTE_X; sim_cap(init, table)->rights |= PROT_X; }
static void root_shown(void) { add_leaf(&b, leaf_to(root_of(&a), PTE_R)); }
static void table_with_two_parents(void)
{
	pte_t *t = page_kva(sim_frame(init, ctx_l1));

	t[5] = t[0];
	priv_of(sim_frame(init, ctx_l1))->live++;
}
static void table_within_itself(void)
{
	pte_t *t = page_kva(sim_frame(init, ctx_l1));

	page_forget();
	t[0] = (pte_t)sim_frame(init, ctx_l1) << PTE_PPN_SHIFT | PTE_V;
}
static void table_of_another_context(void)
{
	pte_t *t = page_kva(sim_frame(init, ctx_l1)), *other = page_kva(frame_of(kva_page(leaf(root_of(&b), 0)))->parent);

	page_forget();
	t[0] = other[0];
}
static void table_unreachable_and_believed(void)
{
	((pte_t *)page_kva(sim_frame(init, ctx_l1)))[0] = 0;
	priv_of(sim_frame(init, ctx_l1))->live--;
}
static void table_unreachable(void) { page_forget(); table_unreachable_and_believed(); }
static void table_behind_a_pointer_with_more_bits(void) { *(pte_t *)page_kva(sim_frame(init, ctx_l1)) |= PTE_U; }
static void table_with_another_parent(void) { frame_of(sim_frame(init, table))->parent = root_of(&a); }
static void table_at_another_index(void) { priv_of(sim_frame(init, table))->index++; }
static void table_of_another_level(void) { frame_of(sim_frame(init, table))->level = 1; }
static void table_of_no_level(void) { frame_of(sim_frame(init, table))->level = 3; }
static void table_miscounted(void) { priv_of(sim_frame(init, table))->live++; }
static void root_with_a_parent(void) { frame_of(sim_frame(init, ctx))->parent = sim_frame(init, ctx_l1); }
static void table_called_large(void) { frame_of(sim_frame(init, table))->order = 1; }
static void table_pinned(void) { frame_of(sim_frame(init, table))->pins++; }
static void asid_of_two_contexts(void) { priv_of(root_of(&b))->asid = priv_of(root_of(&a))->asid; }
static void asid_zero(void) { priv_of(root_of(&b))->asid = 0; }
static void user_of_a_context_too_many(void) { priv_of(root_of(&b))->users++; }
static void users_of_a_context_forgotten(void) { priv_of(root_of(&b))->users = 0; }
static void users_of_contexts_exchanged(void)
{
	priv_of(root_of(&b))->users--;
	priv_of(root_of(&c))->users++;
}
static void context_that_is_a_page(void) { b.env->context = b.env->pub->context = frame_a(SIM_SLOT_DATA); }
static void satp_of_another_context(void) { b.env->satp = a.env->satp; }
static void hart_not_known_to_the_context(void) { priv_of(root_of(&c))->harts = 0; }

/* ---- 3: frames ---- */

static void free_frame_pinned(void) { frame_of(frame_any())->pins = 1; }
static void free_frame_owned(void) { frame_of(frame_any())->owner = a.id; }
static void free_frame_with_a_word(void) { frame_of(frame_any())->word = 1; }
static void free_frame_with_capabilities(void) { frame_of(frame_any())->ncaps = 1; }
static void free_frame_with_a_list(void) { priv_of(frame_any())->caps = *shared_list(); }
static void free_list_link_broken(void) { priv_of(priv_of(frame_any())->next)->prev = 0; }
static void free_list_cut(void) { priv_of(priv_of(frame_any())->next)->next = 0; }
static void free_list_circle(void) { priv_of(priv_of(frame_any())->next)->next = frame_any(); }
static void free_list_out_of_memory(void) { priv_of(frame_any())->next = end_ppn; }
static void free_list_with_a_page(void) { frame_of(frame_any())->type = FRAME_DATA; }
static void frame_free_and_not_listed(void)
{
	struct frame *f = frame_of(frame_a(sent));

	*f = (struct frame){ .type = FRAME_FREE };
	priv_of(frame_a(sent))->caps = (struct cap_list){ 0 };
}
static void free_frames_miscounted(void) { system_info->free_frames++; }
static void free_frames_too_few(void) { system_info->free_frames--; }
static void frame_of_no_type(void) { frame_of(frame_a(SIM_SLOT_DATA))->type = FRAME_EXPOSED + 1; }
static void page_without_capability(void)
{
	struct cap *k = cap_a(ring_page);
	ppn_t p = k->object;

	frame_of(p)->pins = 0;
	frame_of(p)->ncaps = 0;
	priv_of(p)->caps = (struct cap_list){ 0 };
}
static void kernel_frame_owned(void) { frame_of(kernel_frame())->owner = a.id; }
static void exposed_frame_pinned(void) { frame_of(kva_page(system_info))->pins = 1; }
static void large_page_loses_a_part(void) { frame_of(sim_frame(init, large) + 7)->tail = 0; }
static void large_page_part_of_another(void) { frame_of(sim_frame(init, large) + 7)->parent = sim_frame(init, large) + 1; }
static void large_page_part_of_another_owner(void) { frame_of(sim_frame(init, large) + 511)->owner = a.id; }
static void large_page_part_pinned(void) { frame_of(sim_frame(init, large) + 511)->pins = 1; }
static void small_page_called_large(void) { frame_of(frame_a(SIM_SLOT_DATA))->order = 1; }
static void small_page_called_a_part(void)
{
	frame_of(frame_a(SIM_SLOT_DATA))->tail = 1;
	frame_of(frame_a(SIM_SLOT_DATA))->parent = sim_frame(init, large);
}
static void page_called_a_part_of_one_far_away(void)
{
	struct frame *f = frame_of(frame_a(ring_page));

	f->pins = f->ncaps = 0;
	f->tail = 1;
	f->parent = sim_frame(init, large);
	priv_of(frame_a(ring_page))->caps = (struct cap_list){ 0 };
}
static void object_of_no_kind(void) { frame_of(frame_a(ring))->level = CAP_TYPES; }
static void object_of_another_kind(void) { frame_of(frame_a(ring))->level = CAP_FILTER; }

/* ---- 4: derivation lists ---- */

static void list_back_link_broken(void) { cap_a(copies[2])->prev = cap_a(copies[0]); }
static void list_with_a_circle(void) { cap_a(copies[3])->next = cap_a(copies[1]); }
static void list_skips_one(void) { cap_a(copies[1])->next = cap_a(copies[3]); cap_a(copies[3])->prev = cap_a(copies[1]); }
static void list_miscounted(void) { shared_list()->count++; frame_of(cap_a(copies[0])->object)->ncaps++; }
static void list_count_told_wrong(void) { frame_of(cap_a(copies[0])->object)->ncaps++; }
static void depth_leaps(void) { cap_a(copies[2])->depth++; }
static void first_not_at_the_top(void) { shared_list()->head->depth = 1; }
static void rights_grow(void) { cap_a(copies[2])->rights |= PROT_X; }
static void range_of_slices_grows(void) { sim_cap(b.env, slices)->binding = 60ull << 32 | 8; }
static void range_of_slices_beyond_the_hart(void) { harts[0].caps.head->binding = SLICES + 1; }
static void record_of_another_hart(void) { sim_cap(b.env, slices)->object = 1; }
static void record_of_another_type(void) { cap_a(copies[3])->type = CAP_FILTER; }
static void record_of_another_frame(void) { cap_a(copies[3])->object = frame_a(SIM_SLOT_DATA); }
static void record_of_no_type(void) { cap_a(copies[3])->type = CAP_TYPES; }
static void flow_grows(void)
{
	struct flow *f = page_kva(cap_a(own_flow)->object);

	f->receive = ((struct flow *)page_kva(cap_a(flow)->object))->receive;
	((struct flow *)page_kva(cap_a(flow)->object))->receive = filter_a(wide)->filter.pred;
}
static void flow_below_a_shared_one_is_not(void) { ((struct flow *)page_kva(cap_a(flow)->object))->shared = true; }
static void record_outside_of_all_tables(void)
{
	static struct cap stray;
	struct cap *last = cap_a(copies[3]);

	stray = *last;
	if (last->prev != NULL)
		last->prev->next = &stray;
	if (last->next != NULL)
		last->next->prev = &stray;
	memset(last, 0, sizeof(*last));
}
static void record_in_no_list(void)
{
	struct cap *k = sim_cap(a.env, sim_slot(a.env));

	*k = *cap_a(copies[0]);
	k->binding = 0;
}
static void record_of_no_type_in_no_list(void) { sim_cap(a.env, sim_slot(a.env))->type = CAP_TYPES; }
static void empty_record_with_remains(void) { sim_cap(a.env, sim_slot(a.env))->binding = 1; }
static void slot_zero_in_use(void) { cap_at(a.env, 0)->rights = 1; }
static void record_in_slot_zero(void)
{
	struct cap *k = cap_at(a.env, 0), *from = cap_a(ring_page);

	*k = *from;
	priv_of(k->object)->caps.head = k;
	memset(from, 0, sizeof(*from));
}
static void revocation_forgotten(void) { cap_a(copies[0])->aux |= CAP_REVOKING; }
static void revocation_too_many(void) { revocations++; }
static void table_page_twice(void) { a.env->captab[1] = a.env->captab[0]; }
static void table_page_of_another(void) { b.env->captab[0] = a.env->captab[0]; }
static void table_page_belongs_to_another(void) { frame_of(kva_page(a.env->captab[1]))->parent = b.env->page; }
static void table_page_that_is_data(void) { a.env->captab[1] = page_kva(frame_a(sent)); }
static void table_page_numbered_wrongly(void) { priv_of(kva_page(a.env->captab[1]))->index = 0; }
static void table_page_lost(void) { a.env->ncaptab--; a.env->nslots -= CAPS_PER_PAGE; }
static void more_slots_than_table(void) { a.env->nslots++; }

/* ---- 5: charges, promises, slices, and who runs ---- */

static void charge_too_many(void) { b.env->pub->held++; }
static void charged_to_another(void) { frame_of(frame_a(sent))->owner = b.id; }
static void charged_to_the_dead(void) { frame_of(frame_a(sent))->owner = a.id + ENV_MAX; }
static void charged_to_nobody(void) { frame_of(frame_a(sent))->owner = 0; }
static void promise_too_large(void) { b.env->pub->guarantee++; }
static void promise_passed_on_wrong(void) { a.env->pub->promised_on--; }
static void more_passed_on_than_promised(void) { a.env->pub->promised_on = a.env->pub->guarantee + 1; }
static void more_promised_than_free(void)
{
	init->pub->guarantee += system_info->free_frames;
	system_info->promised_frames += system_info->free_frames;
}
static void fixed_miscounted(void) { b.env->pub->fixed++; }
static void fix_forgotten(void) { priv_of(frame_a(SIM_SLOT_UAREA))->fixes = 0; }
static void frame_of_nobody(void)
{
	struct frame *f = frame_of(frame_a(sent));

	f->owner = 0;
	env_uncharge(a.id, 1);
}
static void quarantine_miscounted(void) { system_info->quarantined_frames++; }
static void waits_and_is_not_counted(void)
{
	revoke_want(b.env, REVOKE_PAGES, 2);
	system_info->wanted_frames--;
}
static void waits_outside_of_the_queue(void)
{
	revoke_want(b.env, REVOKE_PAGES, 2);
	revoke_want(a.env, REVOKE_PAGES, 1);
	b.env->want_next[REVOKE_PAGES] = NULL;
	system_info->wanted_frames--;
}
static void queue_in_a_circle(void)
{
	revoke_want(b.env, REVOKE_PAGES, 2);
	b.env->want_next[REVOKE_PAGES] = b.env;
}
static void waits_for_nothing(void)
{
	revoke_want(b.env, REVOKE_PAGES, 1);
	b.env->pub->wanted = 0;
}
static void waits_for_more_than_promised(void) { revoke_want(b.env, REVOKE_PAGES, env_outstanding(b.env) + 1); }
static void waits_and_dies(void)
{
	revoke_want(b.env, REVOKE_PAGES, 1);
	b.env->state = b.env->pub->state = ENV_DYING;
	b.env->gate = GATE_SHUT;
}
/* All but one page of b's are taken by the first environment, past the rules. */
static void told_of_pages_that_are_not_there(void)
{
	revoke_want(b.env, REVOKE_PAGES, 1);
	b.env->granted = 1u << REVOKE_PAGES;
	b.env->pub->guarantee += system_info->free_frames;
	init->pub->promised_on += system_info->free_frames;
	b.env->pub->wanted = system_info->wanted_frames = system_info->free_frames + 1;
	system_info->promised_frames = 0;
	for (unsigned i = 0; i < ENV_MAX; i++)
		if (env_table[i] != NULL)
			system_info->promised_frames += env_outstanding(env_table[i]);
}
static void dialogue_not_counted(void)
{
	b.env->pub->asked = 1;
	b.env->pub->asked_kind = REVOKE_SLICES;
}
static void asked_for_nothing(void)
{
	b.env->pub->asked = 1;
	revoke_open++;
}
static void slices_passed_on_wrong(void) { b.env->pub->slices.guarantee++; }
static void places_promised_twice(void) { init->pub->filters.guarantee++; }
static void free_slices_miscounted(void) { slices_free++; }
static void places_miscounted(void) { a.env->pub->filters.held++; }
static void shape_not_charged(void) { a.env->shape_uses[0]++; }
static void rings_miscounted(void) { a.env->pub->rings.held++; }
static void promises_miscounted(void) { system_info->promised_frames++; }
static void slice_of_nobody_by_somebody(void) { harts[0].slice[20].env = NULL; }
static void slice_by_nobody(void) { harts[0].slice[20].by = NULL; }
static void slice_of_the_dead(void)
{
	static struct env dead;

	dead = *b.env;
	harts[0].slice[10].env = &dead;
}
static void slice_by_another_capability(void) { harts[0].slice[10].by = cap_a(copies[0]); }
static void slice_outside_of_its_capability(void) { harts[0].slice[20].by = sim_cap(b.env, slices); }
static void slice_without_the_right(void) { sim_cap(b.env, slices)->rights &= ~RIGHT_BIND; }
static void slices_miscounted(void) { b.env->pub->slices.held++; }
static void slice_given_to_another(void)
{
	harts[0].slice[10].env = a.env;
	harts[0].pub->slice[10] = a.id;
}
static void traced_into_anothers_ring(void) { harts[0].trace = (struct trace_ring *)((char *)trace_ring(&harts[0]) + PAGE_SIZE); }
static void traced_into_what_nobody_sees(void) { harts[0].trace = trace_ring(&harts[0]); }

static void traced_beyond_the_end(void)
{
	answers(init, 0, trace_set, SLOT_MACHINE, 1);
	harts[0].trace->size++;
}

static void slice_told_wrong(void) { harts[0].pub->slice[20] = b.id; }
static void slice_that_runs_beyond_the_last(void) { harts[0].position = SLICES; }
static void runs_told_wrong(void) { harts[0].pub->current = b.id; }
static void runs_on_another_hart(void) { sim_current()->hart = &harts[1]; }
static void runs_while_stopped(void) { sim_current()->state = sim_current()->pub->state = ENV_STOPPED; }
static void runs_while_waiting(void) { c.env->state = c.env->pub->state = ENV_WAITING; c.env->entry_waits = true; }
static void nobody_runs_and_somebody_is_told(void) { harts[0].current = NULL; }
static void number_told_wrong(void) { b.env->pub->id++; }
static void state_told_wrong(void) { b.env->pub->state = ENV_STOPPED; }
static void context_told_wrong(void) { b.env->pub->context = a.env->context; }
static void nobody_told_to_be_somebody(void) { env_public[ENV_MAX - 1].state = ENV_READY; }
static void environment_on_anothers_page(void) { b.env->page = a.env->page; }
static void object_called_an_environment(void) { frame_of(frame_a(ring))->level = cap_a(ring)->type = CAP_ENV; }
static void environments_of_a_group_miscounted(void) { env_in_group[(b.id & ENV_INDEX_MASK) / ENV_GROUP]--; }
static void environment_in_anothers_place(void) { env_table[b.id & ENV_INDEX_MASK] = a.env; }
static void environment_lost(void) { env_table[b.id & ENV_INDEX_MASK] = NULL; }
static void environment_lost_and_told_so(void) { env_table[b.id & ENV_INDEX_MASK] = NULL; b.env->pub->state = ENV_FREE; }
static void parent_told_wrong(void) { b.env->pub->parent = a.id; }
static void parent_of_another(void) { b.env->parent = a.env; b.env->pub->parent = a.id; }
static void parent_that_is_dead(void)
{
	static struct env dead;

	dead = *init;
	b.env->parent = &dead;
}
static void child_that_is_dead(void)
{
	static struct env dead;

	dead = *below.env;
	a.env->child = &dead;
}
static void child_not_in_the_list(void)
{
	/* Nothing was promised to it, so that no sum tells of it. */
	init->pub->guarantee -= below.env->pub->held;
	below.env->pub->guarantee = a.env->pub->promised_on = 0;
	a.env->child = NULL;
}
static void child_of_its_child(void) { below.env->child = a.env; }
static void two_without_a_parent(void) { b.env->parent = NULL; b.env->pub->parent = 0; }
static void gate_open_while_it_runs(void) { c.env->gate = GATE_READY; }
static void gate_open_while_it_waits_for_an_answer(void) { a.env->gate = GATE_READY; }
static void gate_shut_for_nothing(void) { b.env->gate = GATE_SHUT; }
static void gate_with_another_entry(void) { c.env->open += 2; }
static void gate_open_for_transfers_without_an_entry(void) { b.env->gate = ENTRY; }
static void answer_to_nobody(void) { c.env->caller = NULL; }
static void answer_to_another(void) { c.env->caller = b.env; }
static void waits_for_nobody(void) { a.env->callee = NULL; }
static void answer_without_an_entry(void) { c.env->base_pc = 0; }
static void waits_in_a_circle(void) { c.env->callee = a.env; a.env->caller = c.env; a.env->base_pc = ENTRY; }
static void waits_in_no_entry(void) { b.env->entry_waits = true; }
static void transfer_remembers_another(void) { a.env->call_env = b.env; }
static void transfer_remembers_what_is_gone(void) { a.env->call_slot = copies[0]; }
static void yield_remembers_a_slot_without_the_right(void)
{
	a.env->yield_slot = call;
	a.env->yield_env = c.env;
	cap_a(call)->rights &= ~RIGHT_YIELD;
}

/* ---- 6: flows and filters ---- */

static void filter_wider_than_its_flow(void)
{
	struct flow *f = page_kva(cap_a(own_flow)->object);

	f->receive = filter_a(wide)->filter.pred;
}
static void filter_for_itself_under_a_shared_flow(void) { ((struct flow *)page_kva(cap_a(own_flow)->object))->shared = true; }
static void filter_with_another_predicate(void) { filter_a(filter)->filter.pred = filter_a(wide)->filter.pred; }
static void filter_not_bound(void) { filter_a(filter)->filter.bound = NULL; }
static void filter_not_under_its_flow(void) { cap_a(own_flow)->binding = 0; }
static void filter_under_another_flow(void) { filter_a(filter)->flow = cap_a(flow); }
static void filter_without_a_ring(void) { filter_a(filter)->ring = NULL; }
static void filter_into_what_is_no_ring(void) { filter_a(filter)->ring = page_kva(frame_a(sent)); }
static void filter_not_in_its_rings_list(void) { ring_a()->filters = NULL; }
static void filter_with_a_broken_link(void) { filter_a(filter)->flow_link = NULL; }
static void filter_with_a_broken_link_to_its_ring(void) { filter_a(filter)->ring_link = NULL; }
static void filter_unbound_with_a_ring(void)
{
	filter_unbind(filter_a(filter));
	filter_a(filter)->ring = ring_a();
}
static void filter_bound_and_in_no_list(void)
{
	struct bound_filter *b = filter_a(filter);

	filter_unbind(b);
	b->ring = ring_a();
	b->flow = cap_a(own_flow);
	b->filter.bound = &classifier;
}
static void filters_miscounted(void) { classifier.nfilters++; }
static struct filter_shape *shape_a(void) { return &classifier.shape[filter_a(filter)->filter.shape]; }
static void filter_not_in_the_table(void) { memset(classifier.bucket, 0, sizeof(classifier.bucket)); }
static void filter_in_another_bucket(void) { filter_a(filter)->filter.pred.value[shape_a()->step[0].word] ^= shape_a()->step[0].mask; }
static void filter_of_another_shape(void) { filter_a(filter)->filter.shape ^= 1; }
static void filter_of_no_shape(void) { filter_a(filter)->filter.shape = CLASSIFIER_SHAPES; }
static void shape_of_other_bits(void) { shape_a()->step[0].mask = ~0ull; }
static void shape_stops_its_own_filter(void) { shape_a()->step[0].value ^= shape_a()->step[0].mask; }
static void shape_compares_what_it_does_not_test(void) { shape_a()->step[0].same = ~0ull; }
static void shape_miscounted(void) { shape_a()->refs++; }
static void shape_that_nobody_uses(void) { classifier.nshapes++; }
static void exclusive_filter_listed_as_shared(void) { classifier.shared[0] = &filter_a(filter)->filter; }
static void shared_filter_called_exclusive(void) { filter_a(wide)->filter.shared = 0; }
static void flow_page_miscounted(void) { frame_of(cap_a(own_flow)->object)->ncaps++; }
static void flow_capability_for_no_flow(void) { cap_a(own_flow)->object = frame_a(ring); }

/* ---- 7: pins ---- */

static void pin_too_many(void) { frame_of(frame_a(buffers[0]))->pins++; }
static void pin_of_a_u_area_lost(void) { frame_of(a.env->uarea_page)->pins--; }
static void pin_of_a_ring_lost(void) { frame_of(frame_a(ring_page))->pins--; }
static void pin_of_a_buffer_lost(void) { frame_of(frame_a(buffers[0]))->pins--; }
static void pin_of_a_packet_lost(void) { frame_of(frame_a(sent))->pins--; }
static void buffer_is_another_page(void) { ring_a()->buffer[0] = frame_a(SIM_SLOT_DATA); }
static void buffer_forgotten(void) { ring_a()->buffer[1] = 0; }
static void packet_from_another_page(void) { in_flight()->pin[0] = frame_a(SIM_SLOT_DATA); }
static void packet_without_its_pins(void) { in_flight()->npins = 0; }
static void packet_forgotten(void) { in_flight()->busy = 0; }
static void packet_of_no_ring(void) { in_flight()->ring = NULL; }
static void packet_of_what_is_no_ring(void) { in_flight()->ring = page_kva(frame_a(SIM_SLOT_DATA)); ring_a()->in_flight = 0; }
static void in_flight_miscounted(void) { ring_a()->in_flight++; }
static void ring_of_the_dead(void) { ring_a()->owner = page_kva(frame_a(sent)); }
static void ring_shares_another_page(void) { ring_a()->shared = page_kva(frame_a(sent)); }
static void ring_raises_no_event(void) { ring_a()->event = EV_RINGS; }

/* ---- 8: what is private ---- */

static void record_writable_by_another(void) { add_leaf(&b, leaf_to(a.env->page, PTE_R | PTE_W)); }
static void record_readable_by_itself(void) { add_leaf(&b, leaf_to(b.env->page, PTE_R)); }
static void capabilities_writable(void) { add_leaf(&b, leaf_to(kva_page(b.env->captab[0]), PTE_R | PTE_W)); }
static void u_area_writable_by_another(void) { add_leaf(&b, leaf_to(a.env->uarea_page, PTE_R | PTE_W)); }
static void kernel_side_of_a_ring_writable(void) { add_leaf(&b, leaf_to(frame_a(ring), PTE_R | PTE_W)); }
static void kernel_memory_readable(void) { add_leaf(&b, leaf_to(kernel_frame(), PTE_R)); }
static void bookkeeping_writable(void) { *leaf(sim_frame(init, ctx), SIM_FREE + PAGE_SIZE) |= PTE_W; }
static void bookkeeping_executable(void) { *leaf(sim_frame(init, ctx), SIM_FREE + PAGE_SIZE) |= PTE_X; }
static void u_area_elsewhere(void) { a.env->uarea = page_kva(frame_a(sent)); }
static void u_area_in_the_upper_half(void) { a.env->uarea_va = SV39_USER_TOP; }
static void u_area_that_is_an_object(void) { a.env->uarea_page = frame_a(ring); a.env->uarea = page_kva(frame_a(ring)); }
static void u_area_forgotten(void) { a.env->uarea_page = 0; }
static void stand_in_released(void) { no_uarea.held = 0; }

/* ---- the tables: a corruption, and part of the sentence with which the audit stops ---- */

#define C(name, law) { #name, name, law }

static const struct corruption bindings[] = {
	C(leaf_without_capability, "n == (f->type == FRAME_EXPOSED ? 0 : 1)"),
	C(leaf_not_counted, "priv_of(table)->live == live"),
	C(leaf_lost, "e != NULL && pte_is_leaf(*e)"),
	C(leaf_with_more_rights, "(pte_prot(pte) & ~c->rights) == 0"),
	C(leaf_to_another_page, "n == (f->type == FRAME_EXPOSED ? 0 : 1)"),
	C(leaf_to_a_free_frame, "f->type == FRAME_DATA || (f->type == FRAME_TABLE"),
	C(leaf_outside_of_memory, "frame_exists(ppn)"),
	C(leaf_of_the_supervisor, "(pte & ~allowed) == 0"),
	C(leaf_that_is_global, "(pte & ~allowed) == 0"),
	C(leaf_with_reserved_bits, "(pte & ~allowed) == 0"),
	C(leaf_writable_and_not_readable, "level > 0 && t[i] == ((pte_t)below << PTE_PPN_SHIFT | PTE_V)"),
	C(leaf_invalid_and_not_zero, "t[i] == 0"),
	C(large_leaf_not_aligned, "(ppn & (pages_of_order(level) - 1)) == 0"),
	C(large_leaf_of_a_small_page, "cap_order(c) == level"),
	C(leaf_in_a_root, "pages_of_order(level) - 1"),
	C(size_of_an_unbound_capability, "cap_order(c) == frame_of(c->object)->order"),
	C(leaf_with_two_capabilities, "n == (f->type == FRAME_EXPOSED ? 0 : 1)"),
	C(binding_forgotten, "n == (f->type == FRAME_EXPOSED ? 0 : 1)"),
	C(binding_without_a_leaf, "e != NULL && pte_is_leaf(*e)"),
	C(binding_in_a_foreign_context, "e != NULL && pte_is_leaf(*e)"),
	C(binding_in_no_context, "frame_exists(root)"),
	C(bindings_exchanged, "n == (f->type == FRAME_EXPOSED ? 0 : 1)"),
};

static const struct corruption tables_of_contexts[] = {
	C(table_writable, "pte_prot(pte) == PROT_R && level == 0"),
	C(table_executable, "pte_prot(pte) == PROT_R && level == 0"),
	C(root_shown, "f->type == FRAME_DATA || (f->type == FRAME_TABLE"),
	C(table_with_two_parents, "frame_of(below)->parent == table"),
	C(table_within_itself, "frame_of(below)->type == FRAME_TABLE"),
	C(table_of_another_context, "frame_of(below)->parent == table"),
	C(table_unreachable_and_believed, "page_known_is_true()"),
	C(table_unreachable, "table_links == tables"),
	C(table_behind_a_pointer_with_more_bits, "level > 0 && t[i] == ((pte_t)below << PTE_PPN_SHIFT | PTE_V)"),
	C(table_with_another_parent, "frame_of(below)->parent == table"),
	C(table_at_another_index, "frame_of(below)->parent == table"),
	C(table_of_another_level, "e->audit_fixed == e->pub->fixed"),
	C(table_of_no_level, "e->audit_fixed == e->pub->fixed"),
	C(table_miscounted, "priv_of(table)->live == live"),
	C(root_with_a_parent, "frame_of(p)->parent == 0"),
	C(table_called_large, "f->order <= PAGE_ORDER_JOINED"),
	C(table_pinned, "f->ncaps > 0 && f->pins == 0"),
	C(asid_of_two_contexts, "!(asids[v->asid / 8] >> v->asid % 8 & 1)"),
	C(asid_zero, "v->asid >> arch_asid_bits == 0"),
	C(user_of_a_context_too_many, "users == v->users"),
	C(users_of_a_context_forgotten, "users == v->users"),
	C(users_of_contexts_exchanged, "users == v->users"),
	C(context_that_is_a_page, "users == v->users"),
	C(satp_of_another_context, "satp == arch_satp(root"),
	C(hart_not_known_to_the_context, "harts & h->bit"),
};

static const struct corruption free_and_used_frames[] = {
	C(free_frame_pinned, "f->owner == 0 && f->pins == 0"),
	C(free_frame_owned, "f->owner == 0 && f->pins == 0"),
	C(free_frame_with_a_word, "f->owner == 0 && f->pins == 0"),
	C(free_frame_with_capabilities, "f->ncaps == 0 && priv_of(p)->caps.head == NULL"),
	C(free_frame_with_a_list, "f->ncaps == 0 && priv_of(p)->caps.head == NULL"),
	C(free_list_link_broken, "frame_of(p)->type == FRAME_FREE"),
	C(free_list_cut, "n == system_info->free_frames"),
	C(free_list_circle, "frame_of(p)->type == FRAME_FREE"),
	C(free_list_out_of_memory, "frame_exists(p)"),
	C(free_list_with_a_page, "frame_of(p)->type == FRAME_FREE"),
	C(frame_free_and_not_listed, "free == system_info->free_frames"),
	C(free_frames_miscounted, "n == system_info->free_frames"),
	C(free_frames_too_few, "n++ < system_info->free_frames"),
	C(frame_of_no_type, "f->type <= FRAME_EXPOSED"),
	C(page_without_capability, "f->ncaps > 0 || f->pins > 0"),
	C(kernel_frame_owned, "f->owner == 0 && f->ncaps == 0"),
	C(exposed_frame_pinned, "f->owner == 0 && f->ncaps == 0"),
	C(large_page_loses_a_part, "frame_of(p + i)->tail == 1"),
	C(large_page_part_of_another, "frame_of(p + i)->parent == (p + i == part ? p : part)"),
	C(large_page_part_of_another_owner, "first->owner == f->owner"),
	C(large_page_part_pinned, "f->type == FRAME_DATA && f->ncaps == 0"),
	C(small_page_called_large, "(p & (pages_of_order(f->order) - 1)) == 0"),
	C(small_page_called_a_part, "f->type == FRAME_DATA && f->ncaps == 0"),
	C(page_called_a_part_of_one_far_away, "p > f->parent && p - first_ppn - (ppn_t)(first - frames) <"),
	C(object_of_no_kind, "type_for(f) > CAP_PAGE"),
	C(object_of_another_kind, "c->type == type"),
};

static const struct corruption derivation[] = {
	C(list_back_link_broken, "c->prev == prev"),
	C(list_with_a_circle, "n++ < l->count"),
	C(list_skips_one, "c->depth <= (prev == NULL ? 0 : prev->depth + 1u)"),
	C(list_miscounted, "n == l->count && n <= CAP_LIST_MAX"),
	C(list_count_told_wrong, "f->ncaps == priv_of(p)->caps.count"),
	C(depth_leaps, "c->depth <= (prev == NULL ? 0 : prev->depth + 1u)"),
	C(first_not_at_the_top, "c->depth <= (prev == NULL ? 0 : prev->depth + 1u)"),
	C(rights_grow, "narrower(c, path[c->depth - 1])"),
	C(range_of_slices_grows, "narrower(c, path[c->depth - 1])"),
	C(range_of_slices_beyond_the_hart, "(uint32_t)c->binding <= SLICES"),
	C(record_of_another_hart, "c->type == type"),
	C(record_of_another_type, "c->type == type"),
	C(record_of_another_frame, "c->type == type"),
	C(record_of_no_type, "c->type == type"),
	C(flow_grows, "narrower(c, path[c->depth - 1])"),
	C(flow_below_a_shared_one_is_not, "narrower(c, path[c->depth - 1])"),
	C(record_outside_of_all_tables, "recorded == listed"),
	C(record_in_no_list, "(c->prev != NULL ? c->prev->next : cap_list_of(c)->head) == c"),
	C(record_of_no_type_in_no_list, "c->type < CAP_TYPES"),
	C(empty_record_with_remains, "all_zero(c)"),
	C(slot_zero_in_use, "all_zero(c)"),
	C(record_in_slot_zero, "all_zero(e->captab[0])"),
	C(revocation_forgotten, "revoking == revocations"),
	C(revocation_too_many, "revoking == revocations"),
	C(table_page_twice, "e->captab[m] != e->captab[n]"),
	C(table_page_of_another, "f->parent == e->page"),
	C(table_page_belongs_to_another, "f->parent == e->page"),
	C(table_page_that_is_data, "f->type == FRAME_KOBJ"),
	C(table_page_lost, "pages == kobj"),
	C(table_page_numbered_wrongly, "->index == n"),
	C(more_slots_than_table, "e->ncaptab <= CAPTAB_PAGES"),
};

static const struct corruption charges_slices_and_who_runs[] = {
	C(charge_too_many, "e->audit_count == e->pub->held"),
	C(charged_to_another, "e->audit_count == e->pub->held"),
	C(charged_to_the_dead, "owner != NULL"),
	C(charged_to_nobody, "f->ncaps == 0 && !frame_fixed(p)"),
	C(promise_too_large, "passed == e->pub->promised_on"),
	C(promise_passed_on_wrong, "passed == e->pub->promised_on"),
	C(more_passed_on_than_promised, "e->pub->promised_on <= e->pub->guarantee"),
	C(more_promised_than_free, "own <= all && beyond <= all - own"),
	C(fixed_miscounted, "e->audit_fixed == e->pub->fixed"),
	C(fix_forgotten, "e->audit_fixed == e->pub->fixed"),
	C(frame_of_nobody, "f->ncaps == 0 && !frame_fixed(p)"),
	C(quarantine_miscounted, "quarantined == system_info->quarantined_frames"),
	C(waits_and_is_not_counted, "wanted == system_info->wanted_frames"),
	C(waits_outside_of_the_queue, "wanted == all"),
	C(queue_in_a_circle, "n++ < ENV_MAX"),
	C(waits_for_nothing, "s->wanted != 0"),
	C(waits_for_more_than_promised, "s->wanted <= share_outstanding(s)"),
	C(waits_and_dies, "w->state != ENV_DYING"),
	C(told_of_pages_that_are_not_there, "!(w->granted & 1u << kind) || wanted <= free[kind]"),
	C(dialogue_not_counted, "open == revoke_open"),
	C(asked_for_nothing, "e->pub->asked_kind != REVOKE_NONE"),
	C(slices_passed_on_wrong, "passed == share_of(e, kind)->promised_on"),
	C(places_promised_twice, "own <= all[kind]"),
	C(free_slices_miscounted, "nobody == slices_free"),
	C(places_miscounted, "places == e->pub->filters.held"),
	C(shape_not_charged, "== e->shape_uses[i]"),
	C(rings_miscounted, "e->audit_count == e->pub->rings.held"),
	C(promises_miscounted, "promised == system_info->promised_frames"),
	C(slice_of_nobody_by_somebody, "(s->env == NULL) == (s->by == NULL)"),
	C(slice_by_nobody, "(s->env == NULL) == (s->by == NULL)"),
	C(slice_of_the_dead, "is_living(s->env)"),
	C(slice_by_another_capability, "s->by->type == CAP_SLICE"),
	C(slice_outside_of_its_capability, "i >= s->by->binding >> 32"),
	C(slice_without_the_right, "s->by->type == CAP_SLICE"),
	C(slices_miscounted, "e->audit_count == e->pub->slices.held"),
	C(slice_given_to_another, "e->audit_count == e->pub->slices.held"),
	C(traced_into_anothers_ring, "h->trace == trace_ring(h)"),
	C(traced_into_what_nobody_sees, "h->trace == trace_ring(h)"),
	C(traced_beyond_the_end, "h->trace->size"),
	C(slice_told_wrong, "h->pub->slice[i] == (s->env != NULL ? s->env->id : 0)"),
	C(slice_that_runs_beyond_the_last, "h->position < SLICES"),
	C(runs_told_wrong, "h->pub->current == h->payer_id"),
	C(runs_on_another_hart, "is_living(h->current)"),
	C(runs_while_stopped, "h->current->state == ENV_READY"),
	C(runs_while_waiting, "h->current->state == ENV_READY"),
	C(nobody_runs_and_somebody_is_told, "(h->pub->current == 0) == (h->current == NULL)"),
	C(number_told_wrong, "(e->id & ENV_INDEX_MASK) == i"),
	C(state_told_wrong, "e->state > ENV_FREE"),
	C(context_told_wrong, "e->pub->context == e->context"),
	C(nobody_told_to_be_somebody, "e != NULL || env_public[i].state == ENV_FREE"),
	C(environment_on_anothers_page, "env_at(e->page) == e"),
	C(object_called_an_environment, "kobj == n"),
	C(environment_in_anothers_place, "ENV_INDEX_MASK) == i"),
	C(environments_of_a_group_miscounted, "in_group == env_in_group"),
	C(environment_lost, "owner != NULL"),
	C(environment_lost_and_told_so, "owner != NULL"),
	C(parent_told_wrong, "e->pub->parent == (e->parent != NULL ? e->parent->id : 0)"),
	C(parent_of_another, "(*link)->parent == e"),
	C(parent_that_is_dead, "(*link)->parent == e"),
	C(child_that_is_dead, "is_living(*link)"),
	C(child_not_in_the_list, "roots <= 1 && linked + roots == n"),
	C(child_of_its_child, "passed == e->pub->promised_on"),
	C(two_without_a_parent, "(*link)->parent == e"),
	C(gate_open_while_it_runs, "(e->gate == GATE_SHUT) == (runs"),
	C(gate_open_while_it_waits_for_an_answer, "(e->gate == GATE_SHUT) == (runs"),
	C(gate_shut_for_nothing, "(e->gate == GATE_SHUT) == (runs"),
	C(gate_with_another_entry, "e->open == GATE_READY"),
	C(gate_open_for_transfers_without_an_entry, "e->gate == e->open"),
	C(answer_to_nobody, "e->callee == NULL"),
	C(answer_to_another, "e->callee == NULL"),
	C(waits_for_nobody, "(e->gate == GATE_SHUT) == (runs"),
	C(answer_without_an_entry, "e->caller == NULL"),
	C(waits_in_a_circle, "b != e && n++ < ENV_MAX"),
	C(waits_in_no_entry, "!e->entry_waits"),
	C(transfer_remembers_another, "remembers(e, e->call_slot, e->call_env, RIGHT_CALL)"),
	C(transfer_remembers_what_is_gone, "remembers(e, e->call_slot, e->call_env, RIGHT_CALL)"),
	C(yield_remembers_a_slot_without_the_right, "remembers(e, e->yield_slot, e->yield_env, RIGHT_YIELD)"),
};

static const struct corruption flows_and_filters[] = {
	C(filter_wider_than_its_flow, "predicate_implies(&b->filter.pred, &flow->receive)"),
	C(filter_for_itself_under_a_shared_flow, "b->filter.shared"),
	C(filter_with_another_predicate, "a filter is in a bucket that its predicate does not lead to"),
	C(filter_not_bound, "a filter is in the table that is not bound"),
	C(filter_not_under_its_flow, "filters == classifier.nfilters"),
	C(filter_under_another_flow, "is_object(b, CAP_FILTER)"),
	C(filter_without_a_ring, "is_object(b->ring, CAP_RING)"),
	C(filter_into_what_is_no_ring, "is_object(b->ring, CAP_RING)"),
	C(filter_not_in_its_rings_list, "filters == classifier.nfilters"),
	C(filter_with_a_broken_link, "is_object(b, CAP_FILTER)"),
	C(filter_with_a_broken_link_to_its_ring, "(*link)->ring == r"),
	C(filter_unbound_with_a_ring, "(b->flow == NULL) == (b->filter.bound == NULL)"),
	C(filter_bound_and_in_no_list, "bound == filters"),
	C(filters_miscounted, "the filters are miscounted"),
	C(filter_not_in_the_table, "the filters are miscounted"),
	C(filter_in_another_bucket, "a filter is in a bucket that its predicate does not lead to"),
	C(filter_of_another_shape, "a filter's shape is not its own"),
	C(filter_of_no_shape, "a filter's shape is not its own"),
	C(shape_of_other_bits, "a filter's shape is not its own"),
	C(shape_stops_its_own_filter, "a filter lacks what all filters of its shape have in common"),
	C(shape_compares_what_it_does_not_test, "a filter lacks what all filters of its shape have in common"),
	C(shape_that_nobody_uses, "the shapes are miscounted"),
	C(exclusive_filter_listed_as_shared, "what is listed as shared is not"),
	C(shape_miscounted, "the filters of a shape are miscounted"),
	C(shared_filter_called_exclusive, "the filters are miscounted"),
	C(flow_page_miscounted, "frame_of(p)->ncaps == count[p - first_ppn]"),
	C(flow_capability_for_no_flow, "is_object(flow, CAP_FLOW)"),
};

static const struct corruption pins[] = {
	C(pin_too_many, "frame_of(p)->pins == count[p - first_ppn]"),
	C(pin_of_a_u_area_lost, "f->tail == 0 && f->pins > 0"),
	C(pin_of_a_ring_lost, "frame_of(p)->pins == count[p - first_ppn]"),
	C(pin_of_a_buffer_lost, "frame_of(p)->pins == count[p - first_ppn]"),
	C(pin_of_a_packet_lost, "frame_of(p)->pins == count[p - first_ppn]"),
	C(buffer_is_another_page, "frame_of(p)->pins == count[p - first_ppn]"),
	C(buffer_forgotten, "frame_of(p)->pins == count[p - first_ppn]"),
	C(packet_from_another_page, "frame_of(p)->pins == count[p - first_ppn]"),
	C(packet_without_its_pins, "frame_of(p)->pins == count[p - first_ppn]"),
	C(packet_forgotten, "in_flight == r->in_flight"),
	C(packet_of_no_ring, "in_flight == r->in_flight"),
	C(packet_of_what_is_no_ring, "is_object(transmits[i].ring, CAP_RING)"),
	C(in_flight_miscounted, "in_flight == r->in_flight"),
	C(ring_of_the_dead, "is_living(r->owner)"),
	C(ring_shares_another_page, "r->event < EV_RINGS && r->shared == page_kva(r->shared_page)"),
	C(ring_raises_no_event, "r->event < EV_RINGS && r->shared == page_kva(r->shared_page)"),
};

static const struct corruption private_memory[] = {
	C(record_writable_by_another, "f->type == FRAME_DATA || (f->type == FRAME_TABLE"),
	C(record_readable_by_itself, "f->type == FRAME_DATA || (f->type == FRAME_TABLE"),
	C(capabilities_writable, "f->type == FRAME_DATA || (f->type == FRAME_TABLE"),
	C(u_area_writable_by_another, "n == (f->type == FRAME_EXPOSED ? 0 : 1)"),
	C(kernel_side_of_a_ring_writable, "f->type == FRAME_DATA || (f->type == FRAME_TABLE"),
	C(kernel_memory_readable, "f->type == FRAME_DATA || (f->type == FRAME_TABLE"),
	C(bookkeeping_writable, "pte_prot(pte) == PROT_R && level == 0"),
	C(bookkeeping_executable, "pte_prot(pte) == PROT_R && level == 0"),
	C(u_area_elsewhere, "e->uarea == page_kva(e->uarea_page)"),
	C(u_area_in_the_upper_half, "e->uarea_va < SV39_USER_TOP"),
	C(u_area_that_is_an_object, "f->tail == 0 && f->pins > 0"),
	C(u_area_forgotten, "e->uarea == &no_uarea"),
	C(stand_in_released, "no_uarea.held != 0"),
};

static jmp_buf noticed;
static char said[512];

static void notice(const char *sentence)
{
	snprintf(said, sizeof(said), "%s", sentence);
	longjmp(noticed, 1);
}

/* What the audit says of the machine as it is; NULL: all is well. */
static const char *verdict(void)
{
	sim_fail = notice;
	if (setjmp(noticed) == 0) {
		audit();
		sim_fail = test_fail;
		return NULL;
	}
	sim_fail = test_fail;
	return said;
}

/* Break one thing at a time, each in the good machine. All that went unnoticed is told before the test fails. */
static void break_each(const struct corruption *k, unsigned n)
{
	unsigned missed = 0;

	for (unsigned i = 0; i < n; i++, k++) {
		const char *what;

		sim_restore(good);
		what = verdict();
		if (what != NULL)
			fail_msg("before %s: %s", k->name, what);
		k->make();
		what = verdict();
		if (getenv("EXOS_TRACE") != NULL)
			print_message("%-50s %s\n", k->name, what != NULL ? what : "nothing");
		if (what != NULL && strstr(what, "kern/audit.c") != NULL && strstr(what, k->law) != NULL)
			continue;
		print_message("%s: want \"%s\", got: %s\n", k->name, k->law, what != NULL ? what : "not noticed");
		missed++;
	}
	sim_restore(good);
	assert_int_equal(missed, 0);
}

static void law_1_bindings(void **state)
{
	(void)state;
	break_each(bindings, ARRAY_SIZE(bindings));
}

static void law_2_tables_of_contexts(void **state)
{
	(void)state;
	break_each(tables_of_contexts, ARRAY_SIZE(tables_of_contexts));
}

static void law_3_free_and_used_frames(void **state)
{
	(void)state;
	break_each(free_and_used_frames, ARRAY_SIZE(free_and_used_frames));
}

static void law_4_derivation(void **state)
{
	(void)state;
	break_each(derivation, ARRAY_SIZE(derivation));
}

static void law_5_charges_slices_and_who_runs(void **state)
{
	(void)state;
	break_each(charges_slices_and_who_runs, ARRAY_SIZE(charges_slices_and_who_runs));
}

static void law_6_flows_and_filters(void **state)
{
	(void)state;
	break_each(flows_and_filters, ARRAY_SIZE(flows_and_filters));
}

static void law_7_pins(void **state)
{
	(void)state;
	break_each(pins, ARRAY_SIZE(pins));
}

static void law_8_private_memory(void **state)
{
	(void)state;
	break_each(private_memory, ARRAY_SIZE(private_memory));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(law_1_bindings),
		cmocka_unit_test(law_2_tables_of_contexts),
		cmocka_unit_test(law_3_free_and_used_frames),
		cmocka_unit_test(law_4_derivation),
		cmocka_unit_test(law_5_charges_slices_and_who_runs),
		cmocka_unit_test(law_6_flows_and_filters),
		cmocka_unit_test(law_7_pins),
		cmocka_unit_test(law_8_private_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
