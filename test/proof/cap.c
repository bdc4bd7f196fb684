/*
 * Derivation lists: insertion and removal keep every well-formed list of up to RECORDS records well formed, and change who
 * descends from whom only as they promise. kern/cap.h draws the list.
 *
 * proof: remove_keeps_the_list unwind 7
 * proof: nothing_is_copied_under_a_revocation unwind 7
 * proof: insert_keeps_the_list unwind 7
 *
 * mutant: kern/cap.c | dst->depth = src->depth + 1; | dst->depth = src->depth;
 * mutant: kern/cap.c | c->next->prev = c;\n\tl->count++; | l->count++;
 * mutant: kern/cap.c | list_link(dst, src); | list_link(dst, src->next != NULL ? src->next : src);
 * mutant: kern/cap.c | d->depth > c->depth; d = d->next) | d->depth >= c->depth; d = d->next)
 * mutant: kern/cap.c | d->depth--; | ;
 * mutant: kern/cap.c | c->prev->next = c->next; | c->prev->next = NULL;
 * mutant: kern/cap.c | if (cap_being_revoked(src)) | if (false)
 * mutant: kern/cap.c | src->depth == CAP_DEPTH_MAX \|\| | 
 */
#include "kern/cap.c"
#include "prove.h"

#define RECORDS 4

static struct cap record[RECORDS + 1];	/* in the order of the list; the last one is empty, for a copy */
static unsigned n;
static bool was[RECORDS][RECORDS];	/* who descended from whom, before */

/*
 * Each length of the list and each record of it is a case of its own: pointers are then known, and only depths, rights and marks are
 * left to the solver. A case ends in an assumption that nothing can fulfil, so that the next begins where this one did.
 */
#define EACH_CASE(r, what) \
	do { \
		unsigned length_ = nondet_unsigned(), r_ = nondet_unsigned(); \
		for (unsigned l = 1; l <= RECORDS; l++) \
			for (unsigned r = 0; r < l; r++) \
				if (length_ == l && r_ == r) { \
					any_list(l); \
					what; \
					ASSUME(false); \
				} \
	} while (0)

/* Any well-formed list of that many records, of the type that has no frames behind it. */
static void any_list(unsigned length)
{
	n = length;
	for (unsigned i = 0; i < n; i++) {
		record[i].type = CAP_MACHINE;
		record[i].depth = nondet_u8();
		record[i].rights = nondet_u8();
		/* The first may have any depth at all: what lies above it is outside the picture. */
		ASSUME(i == 0 || record[i].depth <= record[i - 1].depth + 1);
		record[i].prev = i > 0 ? &record[i - 1] : NULL;
		record[i].next = i + 1 < n ? &record[i + 1] : NULL;
	}
	machine_caps.head = &record[0];
	machine_caps.count = n;
}

/* Any of them may be marked. */
static void revoking(void)
{
	revocations = 0;
	for (unsigned i = 0; i < n; i++)
		if (nondet_bool()) {
			record[i].aux = CAP_REVOKING;
			revocations++;
		}
}

/* b lies in the run of deeper records behind a. */
static bool descends(const struct cap *a, const struct cap *b)
{
	const struct cap *c = a->next;

	for (unsigned i = 0; i <= RECORDS; i++) {
		if (c == NULL || c->depth <= a->depth)
			return false;
		if (c == b)
			return true;
		c = c->next;
	}
	return false;
}

static void remember_descent(void)
{
	for (unsigned a = 0; a < n; a++)
		for (unsigned b = 0; b < n; b++)
			was[a][b] = descends(&record[a], &record[b]);
}

static void well_formed(unsigned count)
{
	const struct cap *c = machine_caps.head, *before = NULL;
	unsigned seen = 0;

	for (unsigned i = 0; i <= RECORDS + 1; i++) {
		if (c == NULL)
			break;
		PROVE(c->prev == before, "each record points back to the one before it");
		PROVE(before == NULL || c->depth <= before->depth + 1, "depth rises by one at most");
		PROVE(c->type == CAP_MACHINE, "no empty record is in the list");
		seen++;
		before = c;
		c = c->next;
	}
	PROVE(seen == count && machine_caps.count == count, "no record is lost, none is there twice");
}

static void insert_one(unsigned s)
{
	uint8_t rights = nondet_u8();
	int err;

	ASSUME((rights & ~record[s].rights) == 0);
	remember_descent();
	err = cap_insert_copy(&record[s], &record[RECORDS], rights);
	if (err != 0) {
		PROVE(err == -E_LIMIT && record[s].depth == CAP_DEPTH_MAX, "only the depth refuses here");
		PROVE(record[RECORDS].type == CAP_NONE, "a refusal leaves no trace");
		well_formed(n);
		return;
	}
	well_formed(n + 1);
	PROVE(record[s].next == &record[RECORDS], "the copy stands right behind its source");
	PROVE(descends(&record[s], &record[RECORDS]), "it descends from its source");
	PROVE(record[RECORDS].depth == record[s].depth + 1, "one level deeper");
	PROVE((record[RECORDS].rights & ~record[s].rights) == 0, "with no more rights");
	for (unsigned a = 0; a < n; a++) {
		for (unsigned b = 0; b < n; b++)
			PROVE(descends(&record[a], &record[b]) == was[a][b], "nobody else's descent changes");
		PROVE(a == s || descends(&record[a], &record[RECORDS]) == was[a][s], "it has its source's ancestors");
	}
}

void insert_keeps_the_list(void)
{
	EACH_CASE(s, insert_one(s));
}

static void remove_one(unsigned r)
{
	revoking();
	remember_descent();
	cap_remove(&record[r]);
	well_formed(n - 1);
	PROVE(record[r].type == CAP_NONE && record[r].next == NULL && record[r].prev == NULL && record[r].rights == 0, "the record is empty");
	for (unsigned a = 0; a < n; a++)
		for (unsigned b = 0; b < n; b++)
			PROVE(a == r || b == r || descends(&record[a], &record[b]) == was[a][b],
			      "descendants stay with their ancestors and become nobody else's");
}

void remove_keeps_the_list(void)
{
	EACH_CASE(r, remove_one(r));
}

static void copy_below(unsigned s)
{
	bool below = false;

	revoking();
	ASSUME(record[s].depth < CAP_DEPTH_MAX);
	for (unsigned a = 0; a < n; a++)
		below |= (record[a].aux & CAP_REVOKING) && (a == s || descends(&record[a], &record[s]));
	PROVE(cap_insert_copy(&record[s], &record[RECORDS], 0) == (below ? -E_BUSY : 0),
	      "exactly what a revocation has not reached yet cannot be copied");
	well_formed(below ? n : n + 1);
}

void nothing_is_copied_under_a_revocation(void)
{
	EACH_CASE(s, copy_below(s));
}
