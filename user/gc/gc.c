/*
 * gc.c - a generational garbage collector that asks its page table what was written
 *
 * New cells are made in a nursery. When it is full, the living ones move to the old space, and the collector must find the pointers that
 * the program wrote into old cells meanwhile. Other systems pay for each such write, with instructions around it or with a trap for each
 * page. Here the hardware's dirty bits tell: the collector reads them in its own page table, without a system call, and looks
 * only at pages that were written. One call for all of them makes them clean again.
 *
 * When the old space is full, all that lives is copied to a second one, and the memory of the first is given back.
 *
 * The program keeps lists under 4,000 keys, replaces some of them again and again, and knows in a table outside of the heap what each must
 * hold. At every collection it also looks through the pages that the bits call clean: a pointer to the nursery there would be a
 * mistake of the machine, the kernel or the library. It exits with 0 when there was none and all lists are right.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "posix.h"
#include "vm.h"

#define NURSERY_PAGES	32ul
#define OLD_PAGES	224ul
#define KEYS		4000u
#define LENGTH		4u		/* cells of a list */
#define STEPS		250000u
#define HOT		100u		/* most replacements happen under so many keys */

struct cell {
	struct cell *car, *cdr;
	uint64_t value;
	struct cell *moved;		/* where it went in this collection */
};

#define PER_PAGE (PAGE_SIZE / sizeof(struct cell))

struct space {
	struct cell *base, *next, *end;
	const volatile uint64_t *entries;	/* of the kernel's page table, read-only */
};

static struct space nursery, spaces[2], *old = &spaces[0];
static struct cell *roots[3];		/* [0]: the list of all keys; the others belong to who makes cells */
static bool major;

static struct {
	unsigned long minor, major, moved, pages, looked_at, missed;
} count;

/* ---- spaces ---- */

static bool make_space(struct space *s, unsigned long pages)
{
	s->base = s->next = vm_map(pages * PAGE_SIZE, PROT_R | PROT_W);
	if (s->base == NULL)
		return false;
	s->end = s->base + pages * PER_PAGE;
	s->entries = vm_entries(s->base, pages * PAGE_SIZE);
	return s->entries != NULL;
}

static bool within(const struct space *s, const struct cell *c)
{
	return c >= s->base && c < s->end;
}

static unsigned long used_pages(const struct space *s)
{
	return ((unsigned long)(s->next - s->base) + PER_PAGE - 1) / PER_PAGE;
}

/* ---- collection ---- */

/* Where the cell is after this collection. */
static struct cell *move(struct cell *c)
{
	struct space *to = major ? &spaces[old == &spaces[0]] : old;

	if (!within(&nursery, c) && !(major && within(old, c)))
		return c;
	if (c->moved == NULL) {
		*to->next = *c;
		to->next->moved = NULL;
		c->moved = to->next++;
		count.moved++;
	}
	return c->moved;
}

static void move_parts(struct cell *c)
{
	c->car = move(c->car);
	c->cdr = move(c->cdr);
}

/* Cheney: what lies between `from` and next was moved and not yet looked into. */
static void move_all(const struct space *s, struct cell *from)
{
	for (unsigned int i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		roots[i] = move(roots[i]);
	for (; from < s->next; from++)
		move_parts(from);
}

/* The pages of the old space that were written since the last collection, by their dirty bits. */
static void look_at_written_pages(struct cell *end)
{
	unsigned long pages = used_pages(old);

	for (unsigned long p = 0; p < pages; p++) {
		bool dirty = old->entries[p] & PTE_DIRTY;

		count.pages++;
		count.looked_at += dirty;
		for (struct cell *c = old->base + p * PER_PAGE; c < old->base + (p + 1) * PER_PAGE && c < end; c++) {
			if (dirty)
				move_parts(c);
			else if (within(&nursery, c->car) || within(&nursery, c->cdr))
				count.missed++;
		}
	}
}

static void forget_writes(void)
{
	vm_track(old->base, used_pages(old) * PAGE_SIZE);
}

static void collect_young(void)
{
	struct cell *from = old->next;

	look_at_written_pages(from);
	move_all(old, from);
	nursery.next = nursery.base;
	forget_writes();
	count.minor++;
}

static void collect_all(void)
{
	struct space *to = &spaces[old == &spaces[0]];

	major = true;
	to->next = to->base;
	move_all(to, to->base);
	major = false;
	vm_discard(old->base, OLD_PAGES * PAGE_SIZE);
	old = to;
	nursery.next = nursery.base;
	forget_writes();
	count.major++;
}

static struct cell *cell(struct cell *car, struct cell *cdr, uint64_t value)
{
	if (nursery.next == nursery.end) {
		roots[1] = car;
		roots[2] = cdr;
		if ((unsigned long)(old->end - old->next) < NURSERY_PAGES * PER_PAGE)
			collect_all();
		else
			collect_young();
		car = roots[1];
		cdr = roots[2];
		roots[1] = roots[2] = NULL;
	}
	*nursery.next = (struct cell){ .car = car, .cdr = cdr, .value = value };
	return nursery.next++;
}

/* ---- the program ---- */

static uint64_t expected[KEYS];
static uint64_t seed = 12345;

static unsigned int any(unsigned int below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(seed >> 33) % below;
}

static struct cell *find(unsigned int key)
{
	struct cell *k = roots[0];

	while (k->value != key)
		k = k->cdr;
	return k;
}

static void make_keys(void)
{
	for (unsigned int i = KEYS; i-- > 0;)
		roots[0] = cell(NULL, roots[0], i);
}

/* A new list; most of them are forgotten at once. */
static void step(void)
{
	struct cell *list = NULL;
	uint64_t sum = 0;

	for (unsigned int i = 0; i < LENGTH; i++) {
		uint64_t v = any(1000000);

		list = cell(NULL, list, v);
		sum += v;
	}
	if (any(10) == 0) {
		unsigned int key = any(20) == 0 ? any(KEYS) : any(HOT);

		find(key)->car = list;		/* a write into an old cell, an instruction and nothing more */
		expected[key] = sum;
	}
}

static unsigned int wrong_lists(void)
{
	unsigned int wrong = 0, n = 0;

	for (struct cell *k = roots[0]; k != NULL; k = k->cdr, n++) {
		uint64_t sum = 0;

		for (struct cell *c = k->car; c != NULL; c = c->cdr)
			sum += c->value;
		wrong += k->value != n || sum != expected[n];
	}
	return wrong + (n != KEYS);
}

int main(void)
{
	unsigned int wrong;

	if (!make_space(&nursery, NURSERY_PAGES) || !make_space(&spaces[0], OLD_PAGES) || !make_space(&spaces[1], OLD_PAGES)) {
		printf("gc: no memory\n");
		return 2;
	}
	make_keys();
	for (unsigned int i = 0; i < STEPS; i++)
		step();
	collect_young();
	wrong = wrong_lists();

	printf("%u steps: %lu young collections, %lu full ones, %lu cells moved.\n", STEPS, count.minor, count.major, count.moved);
	printf("Old pages at young collections: %lu; written since the one before, by their dirty bits: %lu (%lu%%).\n",
	       count.pages, count.looked_at, count.looked_at * 100 / count.pages);
	printf("System calls to learn which: 0. Pointers to young cells in pages called clean: %lu. Wrong lists: %u.\n", count.missed, wrong);
	return wrong == 0 && count.missed == 0 && count.minor > 10 && count.major > 0 && count.looked_at < count.pages ? 0 : 1;
}
