/*
 * pagecache_map.c - the machine's side of a page cache: addresses, bindings, the bits
 */
#include <string.h>

#include "exos_calls.h"
#include "start.h"
#include "vm.h"
#include "vm/pagecache.h"

#define RW	(PROT_R | PROT_W)

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
	long r = sys_page_bind(ctx_slot(), (unsigned long)address(c, i), c->frame[i].slot, 1, RW | (tracked ? PROT_TRACK : 0));

	return r < 0 ? (int)r : 0;
}

unsigned int cache_bits(struct pagecache *c, unsigned int i)
{
	uint64_t e = c->entries[c->frame[i].page];

	return (e & PTE_ACCESSED ? CACHE_ACCESSED : 0) | (e & PTE_DIRTY ? CACHE_DIRTY : 0);
}

void cache_clear_bits(struct pagecache *c, unsigned int i)
{
	sys_page_protect(ctx_slot(), (unsigned long)address(c, i), 1, RW | PROT_TRACK);
}

static bool on_fault(void *arg, void *va, unsigned int access)
{
	struct pagecache *c = arg;

	return access != PROT_X && pagecache_fault(c, (uint64_t)((char *)va - c->base) / PAGE_SIZE) == 0;
}

static void give_back(struct pagecache *c)
{
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
	for (; c->nframes < frames; c->nframes++) {
		long slot = page_new();

		if (slot < 0)
			goto out;
		c->frame[c->nframes].slot = (uint32_t)slot;
	}
	if (vm_handle(c->base, pages * PAGE_SIZE, on_fault, c) == 0)
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
