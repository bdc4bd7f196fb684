/*
 * sim_mmu.c - translation through a TLB that forgets nothing by itself
 */
#include <stdlib.h>
#include <string.h>

#include "kern/lock.h"
#include "test/sim/sim.h"

#define LEAVES		1024	/* powers of two; an entry evicts the one in its place */
#define POINTERS	256

enum { CAUSE_FETCH_PAGE = 12, CAUSE_LOAD_PAGE = 13, CAUSE_STORE_PAGE = 15, CAUSE_FETCH_ACCESS = 1, CAUSE_LOAD_ACCESS = 5,
       CAUSE_STORE_ACCESS = 7 };

/* What a walk for one 4 KiB page found: a leaf, or, with pte 0, an entry of that level that was invalid. */
struct leaf {
	bool used;
	asid_t asid;
	uint8_t level;
	uint64_t vpn;
	pte_t pte;
	paddr_t from;	/* where the entry stands in memory */
};

/* A pointer to the table of a level that covers an address. */
struct pointer {
	bool used;
	asid_t asid;
	uint8_t level;	/* of the table that it leads to: 1 or 0 */
	uint64_t prefix;	/* address >> bits that the table covers */
	ppn_t table;
};

/* A TLB for each hart. */
static struct {
	struct leaf leaves[LEAVES];
	struct pointer pointers[POINTERS];
} tlb[SIM_HARTS];
#define leaves	 (tlb[sim_hart].leaves)
#define pointers (tlb[sim_hart].pointers)

bool sim_ad_faults;

static struct leaf *leaf_place(uint64_t vpn, asid_t asid)
{
	return &leaves[(vpn * 31 + vpn / 512 * 7 + asid * 131u) % LEAVES];
}

static struct pointer *pointer_place(unsigned level, uint64_t prefix, asid_t asid)
{
	return &pointers[(prefix * 37 + level * 101 + asid * 59u) % POINTERS];
}

static unsigned covers(unsigned level)
{
	return PAGE_SHIFT + 9 * (level + 1);
}

void arch_fence_page(vaddr_t va, asid_t asid)
{
	sim_point("a fence of one address");
	sim_counts.fences_page++;
	/* A large page may be cached in pieces: the fence reaches the whole leaf, and whatever else covers va. */
	for (unsigned i = 0; i < LEAVES; i++) {
		struct leaf *l = &leaves[i];

		if (l->used && l->asid == asid && l->vpn >> 9 * l->level == va >> (PAGE_SHIFT + 9 * l->level))
			l->used = false;
	}
}

void arch_fence_asid(asid_t asid)
{
	sim_point("a fence of an ASID");
	sim_counts.fences_asid++;
	for (unsigned i = 0; i < LEAVES; i++)
		if (leaves[i].asid == asid)
			leaves[i].used = false;
	for (unsigned i = 0; i < POINTERS; i++)
		if (pointers[i].asid == asid)
			pointers[i].used = false;
}

void arch_fence_all(void)
{
	sim_point("a fence of everything");
	sim_counts.fences_all++;
	memset(&tlb[sim_hart], 0, sizeof(tlb[sim_hart]));
}

uint64_t arch_satp(ppn_t root, asid_t asid)
{
	return (uint64_t)asid << 44 | root;
}

bool arch_context_set(ppn_t root, asid_t asid)
{
	if (sim_cpu.root == root && sim_cpu.asid == asid)
		return false;
	sim_counts.context_sets++;
	if (asid >> arch_asid_bits != 0)
		panic(__FILE__, __LINE__, "sim: the machine has no such ASID", asid, arch_asid_bits);
	sim_cpu.root = root;
	sim_cpu.asid = asid;
	return true;
}

/* The kernel's half is not simulated: its entries are marked, so that a test sees when they are touched. */
void arch_root_init(ppn_t root)
{
	pte_t *table = page_kva(root);

	for (unsigned i = SV39_USER_ROOT; i < SV39_ENTRIES; i++)
		table[i] = PTE_V | PTE_G | (uint64_t)i << PTE_PPN_SHIFT;
}

static pte_t *entry_at(paddr_t pa)
{
	return sim_dma(pa, sizeof(pte_t));
}

/* Walk from the deepest pointer that is cached; remember everything on the way. */
static struct leaf *walk(vaddr_t va)
{
	asid_t asid = sim_cpu.asid;
	ppn_t table = sim_cpu.root;
	unsigned level = 2;
	struct leaf found = { .used = true, .asid = asid, .vpn = va >> PAGE_SHIFT };
	struct leaf *place = leaf_place(found.vpn, asid);

	for (unsigned l = 0; l < 2; l++) {
		uint64_t prefix = va >> covers(l);
		struct pointer *p = pointer_place(l, prefix, asid);

		if (p->used && p->asid == asid && p->level == l && p->prefix == prefix) {
			table = p->table;
			level = l;
			break;
		}
	}
	for (;; level--) {
		paddr_t at = ((paddr_t)table << PAGE_SHIFT) + 8 * sv39_index(va, level);
		pte_t *e = entry_at(at);
		pte_t pte = e == NULL ? 0 : *e;

		found.level = level;
		found.from = at;
		if (!pte_is_table(pte) || level == 0) {
			/* Reserved bits, W without R, a table where a leaf must be, or a misaligned large page: invalid. */
			if (pte_is_leaf(pte) && pte >> 54 == 0 && (pte & (PTE_R | PTE_W)) != PTE_W &&
			    (pte_ppn(pte) & (pages_of_order(level) - 1)) == 0)
				found.pte = pte;
			break;
		}
		table = pte_ppn(pte);
		*pointer_place(level - 1, va >> covers(level - 1), asid) = (struct pointer){
			.used = true, .asid = asid, .level = level - 1, .prefix = va >> covers(level - 1), .table = table,
		};
	}
	*place = found;
	return place;
}

static bool permits(pte_t pte, enum sim_access kind)
{
	static const pte_t need[] = { [SIM_FETCH] = PTE_X, [SIM_LOAD] = PTE_R, [SIM_STORE] = PTE_W };

	return (pte & PTE_V) && (pte & PTE_U) && (pte & need[kind]);
}

static unsigned translate(enum sim_access kind, vaddr_t va, paddr_t *pa, bool touch)
{
	static const unsigned page_fault[] = { CAUSE_FETCH_PAGE, CAUSE_LOAD_PAGE, CAUSE_STORE_PAGE };
	static const unsigned access_fault[] = { CAUSE_FETCH_ACCESS, CAUSE_LOAD_ACCESS, CAUSE_STORE_ACCESS };
	pte_t ad = PTE_A | (kind == SIM_STORE ? PTE_D : 0);
	struct leaf *l;

	/* User code reaches the upper half as little as an address that is not canonical. */
	if (va >= SV39_USER_TOP || sim_cpu.root == 0)
		return page_fault[kind];
	l = leaf_place(va >> PAGE_SHIFT, sim_cpu.asid);
	if (l->used && l->asid == sim_cpu.asid && l->vpn == va >> PAGE_SHIFT) {
		sim_counts.tlb_hits++;
	} else {
		sim_counts.tlb_misses++;
		l = walk(va);
	}
	if (!permits(l->pte, kind))
		return page_fault[kind];
	if ((l->pte & ad) != ad) {
		if (sim_ad_faults)
			return page_fault[kind];
		if (touch) {
			/* The update is exact: an entry that changed meanwhile is walked again. */
			pte_t *e = entry_at(l->from);

			if (*e != l->pte)
				l = walk(va);
			if (!permits(l->pte, kind))
				return page_fault[kind];
			e = entry_at(l->from);
			*e |= ad;
			l->pte |= ad;
		}
	}
	*pa = ((paddr_t)pte_ppn(l->pte) << PAGE_SHIFT) | (va & (sv39_span(l->level) - 1));
	if (sim_dma(*pa & ~7ul, 8) == NULL)
		return access_fault[kind];
	return 0;
}

unsigned sim_translate(enum sim_access kind, vaddr_t va, paddr_t *pa)
{
	return translate(kind, va, pa, true);
}

bool sim_can(enum sim_access kind, vaddr_t va)
{
	paddr_t pa;

	return translate(kind, va, &pa, false) == 0;
}

unsigned sim_load(vaddr_t va, uint64_t *value, unsigned bytes)
{
	paddr_t pa;
	unsigned cause = sim_translate(SIM_LOAD, va, &pa);

	if (cause != 0)
		return cause;
	*value = 0;
	memcpy(value, sim_dma(pa, bytes), bytes);
	return 0;
}

unsigned sim_store(vaddr_t va, uint64_t value, unsigned bytes)
{
	paddr_t pa;
	unsigned cause = sim_translate(SIM_STORE, va, &pa);

	if (cause != 0)
		return cause;
	memcpy(sim_dma(pa, bytes), &value, bytes);
	return 0;
}

uint64_t sim_peek(vaddr_t va)
{
	uint64_t value = 0;
	unsigned cause = sim_load(va, &value, 8);

	if (cause != 0)
		panic(__FILE__, __LINE__, "sim_peek: a load that the test knows to succeed faults", va, cause);
	return value;
}

void sim_poke(vaddr_t va, uint64_t value)
{
	unsigned cause = sim_store(va, value, 8);

	if (cause != 0)
		panic(__FILE__, __LINE__, "sim_poke: a store that the test knows to succeed faults", va, cause);
}

/* The context that an ASID stands for now; 0: none, and what is cached for it nobody can reach. */
static ppn_t root_of_asid(asid_t asid)
{
	if (arch_asid_bits == 0)
		return sim_cpu.root;
	for (ppn_t p = first_ppn; p < end_ppn; p++)
		if (frame_of(p)->type == FRAME_TABLE && frame_of(p)->level == 2 && priv_of(p)->asid == asid &&
		    priv_of(p)->asid_gen == asid_generation)
			return p;
	return 0;
}

static void check_leaf(const struct leaf *l, ppn_t root)
{
	vaddr_t va = l->vpn << PAGE_SHIFT;
	unsigned level = 0;
	pte_t *e = sv39_leaf(root, va, &level), now = e != NULL ? *e : 0;

	/* Accessed and dirty bits that memory has and the cache does not are set again; the other way round a change is missed. */
	if ((now & ~(PTE_A | PTE_D)) != (l->pte & ~(PTE_A | PTE_D)) || (l->pte & ~now & (PTE_A | PTE_D)) ||
	    (now != 0 && level != l->level))
		panic(__FILE__, __LINE__, "sim: a translation is still cached that is not so any more: a fence is missing", va, l->pte);
}

static void check_pointer(const struct pointer *p, ppn_t root)
{
	vaddr_t va = p->prefix << covers(p->level);
	pte_t *e = sv39_entry(root, va, p->level + 1);

	if (e == NULL || !pte_is_table(*e) || pte_ppn(*e) != p->table)
		panic(__FILE__, __LINE__, "sim: a pointer to a table is still cached that is not so any more: a fence is missing", va,
		      p->table);
}

static void check_hart(void)
{
	static struct {
		bool known;
		ppn_t root;
	} cache[64];

	memset(cache, 0, sizeof(cache));
	for (unsigned i = 0; i < LEAVES + POINTERS; i++) {
		bool leaf = i < LEAVES;
		struct leaf *l = &leaves[i % LEAVES];
		struct pointer *p = &pointers[i % POINTERS];
		asid_t asid = leaf ? l->asid : p->asid;
		ppn_t root;

		if (leaf ? !l->used : !p->used)
			continue;
		if (asid < ARRAY_SIZE(cache)) {
			if (!cache[asid].known) {
				cache[asid].root = root_of_asid(asid);
				cache[asid].known = true;
			}
			root = cache[asid].root;
		} else {
			root = root_of_asid(asid);
		}
		if (root == 0)
			continue;
		if (leaf)
			check_leaf(l, root);
		else
			check_pointer(p, root);
	}
}

void sim_tlb_check(void)
{
	unsigned self = sim_hart;

	for (sim_hart = 0; sim_hart < nharts; sim_hart++)
		check_hart();
	sim_hart = self;
}

/*
 * A context that went is of no ASID; what it leaves in a TLB nobody can reach. A frame may be free before it is fenced, as long as the lock keeps
 * it from being anything else.
 */
void sim_tlb_danger(void)
{
	unsigned self = sim_hart;

	for (sim_hart = 0; sim_hart < nharts; sim_hart++)
		for (unsigned i = 0; i < LEAVES; i++) {
			const struct leaf *l = &leaves[i];
			const struct frame *f;

			if (!l->used || l->pte == 0 || root_of_asid(l->asid) == 0 || !frame_exists(pte_ppn(l->pte)))
				continue;
			f = frame_of(pte_ppn(l->pte));
			if ((f->type == FRAME_FREE && kernel_lock.next == kernel_lock.serving) || f->type == FRAME_KERNEL || f->type == FRAME_KOBJ ||
			    (f->type == FRAME_TABLE && (l->pte & PTE_W)))
				panic(__FILE__, __LINE__, "sim: a hart still reaches a frame that is no data any more", l->vpn << PAGE_SHIFT,
				      pte_ppn(l->pte));
		}
	sim_hart = self;
}
