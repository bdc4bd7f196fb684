/*
 * pagecache_map.c - the machine's side of a page cache: addresses, bindings, the bits
 */
#include <string.h>

#include "exos_calls.h"
#include "revoke.h"
#include "start.h"
#include "vm.h"
#include "vm/pagecache.h"

#define RW	(PROT_R | PROT_W)

static unsigned int prot_of(const struct pagecache *c, unsigned int i)
{
	return CACHE_READ_ONLY(c, i) ? PROT_R : RW;
}

static char *address(const struct pagecache *c, unsigned int i)
{
	return c->base + c->frame[i].page * PAGE_SIZE;
}

void *cache_window(struct pagecache *c, unsigned int i)
{
	/* A capability holds one binding: this takes the page away from where it was. */
	return sys_page_bind(ctx_slot(), (unsigned long)c->window, c->frame[i].slot, 1, RW) == 1 ? c->window : NULL;
}

int cache_bind(struct pagecache *c, unsigned int i, bool tracked)
{
	long r = sys_page_bind(ctx_slot(), (unsigned long)address(c, i), c->frame[i].slot, 1,
			       prot_of(c, i) | (tracked ? PROT_TRACK : 0));

	return r < 0 ? (int)r : 0;
}

unsigned int cache_bits(struct pagecache *c, unsigned int i)
{
	uint64_t e = c->entries[c->frame[i].page];

	return (e & PTE_ACCESSED ? CACHE_ACCESSED : 0) | (e & PTE_DIRTY ? CACHE_DIRTY : 0);
}

void cache_clear_bits(struct pagecache *c, unsigned int i)
{
	sys_page_protect(ctx_slot(), (unsigned long)address(c, i), 1, prot_of(c, i) | PROT_TRACK);
}

void cache_drop(struct pagecache *c, unsigned int i)
{
	slot_delete(c->frame[i].slot);
}

void cache_offer(unsigned int slot)
{
	revoke_offer(slot);
}

void cache_withdraw(unsigned int slot)
{
	revoke_withdraw(slot);
}

static bool on_fault(void *arg, void *va, unsigned int access)
{
	struct pagecache *c = arg;

	if (c->nframes == 0)	/* all were taken by force */
		pagecache_grow(c, 1);
	return access != PROT_X && pagecache_fault(c, (uint64_t)((char *)va - c->base) / PAGE_SIZE) == 0;
}

static unsigned int give(void *arg, unsigned int n, bool clean)
{
	return pagecache_give(arg, n, clean);
}

static bool taken(void *arg, unsigned int slot)
{
	return pagecache_taken(arg, slot);
}

void pagecache_share(struct pagecache *c, unsigned int least)
{
	pagecache_sync(c);
	c->least = least > 0 ? least : 1;
	c->giver = (struct revoke_giver){ .give = give, .taken = taken, .arg = c };
	for (unsigned int i = 0; i < c->nframes; i++) {
		if (c->frame[i].full)
			cache_clear_bits(c, i);		/* clean: for reading only from now on */
		revoke_offer(c->frame[i].slot);
	}
	revoke_add(&c->giver);
}

unsigned int pagecache_grow(struct pagecache *c, unsigned int frames)
{
	while (c->nframes < frames && c->nframes < CACHE_FRAMES) {
		long slot = page_new();

		if (slot < 0)
			break;
		c->frame[c->nframes++] = (struct cache_frame){ .slot = (uint32_t)slot };
	}
	return c->nframes;
}

static void give_back(struct pagecache *c)
{
	if (c->least != 0)
		revoke_remove(&c->giver);
	for (unsigned int i = 0; i < c->nframes; i++)
		revoke_withdraw(c->frame[i].slot);
	for (unsigned int i = 0; i < c->nframes; i++)
		slot_delete(c->frame[i].slot);
	c->nframes = 0;
	if (c->base != NULL)
		vm_unmap(c->base);
	if (c->window != NULL)
		vm_unmap(c->window);
}

void *pagecache_open(struct pagecache *c, const struct page_store *store, uint64_t pages, unsigned int frames, const struct cache_policy *p)
{
	memset(c, 0, sizeof(*c));
	if (frames == 0 || frames > CACHE_FRAMES || pages == 0 || pages > LAYOUT_END / PAGE_SIZE)
		return NULL;
	c->store = *store;
	c->policy = p;
	c->pages = pages;
	c->base = vm_reserve(pages * PAGE_SIZE, PAGE_SIZE);
	c->window = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	if (c->base == NULL || c->window == NULL || vm_table(ctx_slot(), (unsigned long)c->window, 0) < 0)
		goto out;
	c->entries = vm_entries(c->base, pages * PAGE_SIZE);
	if (c->entries == NULL)
		goto out;
	if (pagecache_grow(c, frames) == frames && vm_handle(c->base, pages * PAGE_SIZE, on_fault, c) == 0)
		return c->base;
out:
	give_back(c);
	return NULL;
}

int pagecache_close(struct pagecache *c)
{
	int r = pagecache_sync(c);

	give_back(c);
	return r;
}
