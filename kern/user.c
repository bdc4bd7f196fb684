/*
 * user.c - copies from and to user memory
 */
#include "kern/user.h"
#include "kern/env.h"
#include "kern/page.h"

/*
 * The kernel address of one byte of the caller's memory, and how many bytes follow on the page. All tables belong to the
 * kernel, so the walk can be believed; the memory is reached through the direct map, so no access here can fault. use: it is going to be
 * accessed, which the entry tells from now on, whether the hardware sets such bits or not.
 */
static char *user_page(const struct env *e, uva_t va, unsigned need, bool use, size_t *room)
{
	unsigned level;
	pte_t *entry;

	if (e->context == 0 || va >= SV39_USER_TOP)
		return NULL;
	entry = sv39_leaf(e->context, va, &level);
	if (entry == NULL || (pte_prot(*entry) & need) != need)
		return NULL;
	if (use)
		sv39_mark(entry, need & PROT_W ? PTE_A | PTE_D : PTE_A);
	*room = sv39_span(level) - (va & (sv39_span(level) - 1));
	return (char *)page_kva(pte_ppn(*entry)) + (va & (sv39_span(level) - 1));
}

static bool user_range_ok(const struct env *e, uva_t va, size_t n, unsigned need)
{
	size_t room;

	if (n > SV39_USER_TOP || va > SV39_USER_TOP - n)
		return false;
	while (n > 0) {
		if (user_page(e, va, need, false, &room) == NULL)
			return false;
		if (room >= n)
			return true;
		va += room;
		n -= room;
	}
	return true;
}

int user_read(const struct env *e, void *to, uva_t from, size_t n)
{
	if (!user_range_ok(e, from, n, PROT_R))
		return -E_FAULT;
	while (n > 0) {
		size_t room = 0;
		const char *p = user_page(e, from, PROT_R, true, &room);
		size_t m = room < n ? room : n;

		memcpy(to, p, m);
		to = (char *)to + m;
		from += m;
		n -= m;
	}
	return 0;
}

int user_write(const struct env *e, uva_t to, const void *from, size_t n)
{
	if (!user_range_ok(e, to, n, PROT_R | PROT_W))
		return -E_FAULT;
	while (n > 0) {
		size_t room = 0;
		char *p = user_page(e, to, PROT_R | PROT_W, true, &room);
		size_t m = room < n ? room : n;

		memcpy(p, from, m);
		to += m;
		from = (const char *)from + m;
		n -= m;
	}
	return 0;
}
