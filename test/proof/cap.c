/*
 * Derivation lists: insertion and removal keep every well-formed list of up to RECORDS records well formed, and change who
 * descends from whom only as they promise. kern/cap.h draws the list.
 *
 * proof: insert_keeps_the_list unwind 8
 * proof: remove_keeps_the_list unwind 8
 * proof: nothing_is_copied_under_a_revocation unwind 8
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

#define RECORDS 5

static struct cap record[RECORDS + 1];	/* in the order of the list; the last one is empty, for a copy */
static unsigned n;

/* Any well-formed list of n records of the type that has no frames behind it. */
static void any_list(void)
{
	n = nondet_unsigned();
	ASSUME(n >= 1 && n <= RECORDS);
	for (unsigned i = 0; i < RECORDS; i++) {
		if (i >= n)
			break;
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

static unsigned revoking(void)
{
	unsigned flagged = 0;

	for (unsigned i = 0; i < RECORDS; i++)
		if (i < n && nondet_bool()) {
			record[i].aux = CAP_REVOKING;
			flagged++;
		}
	return revocations = flagged;
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

void insert_keeps_the_list(void)
{
	unsigned s, a, b;
	bool was;
	uint8_t rights = nondet_u8();
	int err;

	any_list();
	s = nondet_unsigned(), a = nondet_unsigned(), b = nondet_unsigned();
	ASSUME(s < n && a < n && b < n);
	ASSUME((rights & ~record[s].rights) == 0);
	was = descends(&record[a], &record[b]);

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
	PROVE(descends(&record[a], &record[b]) == was, "nobody else's descent changes");
	PROVE(a == s || descends(&record[a], &record[RECORDS]) == descends(&record[a], &record[s]), "it has its source's ancestors");
}

void remove_keeps_the_list(void)
{
	unsigned r, a, b;
	bool was;

	any_list();
	revoking();
	r = nondet_unsigned(), a = nondet_unsigned(), b = nondet_unsigned();
	ASSUME(r < n && a < n && b < n && a != r && b != r);
	was = descends(&record[a], &record[b]);

	cap_remove(&record[r]);
	well_formed(n - 1);
	PROVE(record[r].type == CAP_NONE && record[r].next == NULL && record[r].prev == NULL && record[r].rights == 0, "the record is empty");
	PROVE(descends(&record[a], &record[b]) == was, "descendants stay with their ancestors and become nobody else's");
}

void nothing_is_copied_under_a_revocation(void)
{
	unsigned s, a;
	int err;

	any_list();
	revoking();
	s = nondet_unsigned(), a = nondet_unsigned();
	ASSUME(s < n && a < n && record[s].depth < CAP_DEPTH_MAX);
	ASSUME(a == s || descends(&record[a], &record[s]));
	ASSUME(record[a].aux & CAP_REVOKING);

	err = cap_insert_copy(&record[s], &record[RECORDS], 0);
	PROVE(err == -E_BUSY, "what a revocation has not reached yet cannot be copied");
	well_formed(n);
}
