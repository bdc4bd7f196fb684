/*
 * fuzz_filter.c - predicates and the classifier from bytes, against a linear search
 *
 * Steps bind filters with atoms taken from the input, unbind them, and classify packets taken from the input. After each
 * step the audit passes, and the packet goes where <exos/flow.h> says.
 */
#include <stdlib.h>
#include <string.h>

#include <exos/err.h>

#include "kern/filter.h"

#define SET 24

static const uint8_t *input;
static size_t left;
static struct classifier c;
static struct filter *set[SET];
static struct flow_predicate written[SET];

static void check(bool ok)
{
	if (!ok)
		abort();
}

static uint8_t byte(void)
{
	if (left == 0)
		return 0;
	left--;
	return *input++;
}

static bool match(const struct flow_predicate *p, const uint8_t *frame, size_t len)
{
	for (unsigned i = 0; i < p->natoms; i++) {
		const struct flow_atom *a = &p->atom[i];
		uint32_t v = 0;

		if ((size_t)a->offset + a->width > len)
			return false;
		for (unsigned k = 0; k < a->width; k++)
			v = v << 8 | frame[a->offset + k];
		if ((v & a->mask) != a->value)
			return false;
	}
	return true;
}

static void bind(unsigned i)
{
	struct flow_predicate *w = &written[i];
	struct predicate p;
	unsigned how = byte();

	memset(w, 0, sizeof(*w));
	w->version = FLOW_VERSION;
	w->natoms = byte() % 8;
	for (unsigned k = 0; k < w->natoms; k++) {
		struct flow_atom *a = &w->atom[k];

		a->offset = byte();
		a->width = 1u << (byte() & 3);
		for (unsigned b = 0; b < a->width; b++) {
			uint8_t m = byte();

			a->mask = a->mask << 8 | m;
			a->value = a->value << 8 | (byte() & 3 & m);
		}
	}
	if (predicate_init(&p, w) != 0)
		return;
	check(p.bits <= 8 * FLOW_REACH && p.min_len <= FLOW_REACH && predicate_implies(&p, &p) && !predicate_disjoint(&p, &p));
	set[i] = malloc(sizeof(*set[i]));
	filter_init(set[i], &p, how & 1, how & 2 && how & 1 ? p.bits / 2 : p.bits);
	if (classifier_insert(&c, set[i]) != 0) {
		free(set[i]);
		set[i] = NULL;
	}
}

static void unbind(unsigned i)
{
	if (set[i] == NULL)
		return;
	classifier_remove(&c, set[i]);
	free(set[i]);
	set[i] = NULL;
}

static void classify(void)
{
	struct filter *out[CLASSIFIER_SHARED], *best = NULL;
	unsigned len = byte(), n, expected = 0;
	uint8_t *frame = malloc(len > FLOW_REACH ? len : FLOW_REACH);
	const uint64_t *words = (const uint64_t *)(const void *)frame;

	memset(frame, len & 3, len > FLOW_REACH ? len : FLOW_REACH);	/* behind the end stands something too */
	for (unsigned i = 0; i < len; i++)
		frame[i] = byte() & 3;
	n = classifier_lookup(&c, words, len, out, CLASSIFIER_SHARED);
	for (unsigned i = 0; i < SET; i++) {
		struct filter *f = set[i];
		bool m = f != NULL && match(&written[i], frame, len);

		if (f != NULL)
			check(predicate_match(&f->pred, words, len) == m);
		if (m && !f->shared && (best == NULL || f->rank > best->rank || (f->rank == best->rank &&
		    (f->pred.min_len > best->pred.min_len || (f->pred.min_len == best->pred.min_len && f->order < best->order)))))
			best = f;
	}
	for (unsigned i = 0; i < SET; i++)
		if (set[i] != NULL && set[i]->shared && match(&written[i], frame, len) && (best == NULL || set[i]->rank > best->rank)) {
			bool found = false;

			for (unsigned k = 0; k < n; k++)
				found |= out[k] == set[i];
			check(found);
			expected++;
		}
	if (expected > 0)
		check(n == expected);
	else
		check(best != NULL ? n == 1 && out[0] == best : n == 0);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool ready;

	if (!ready)
		classifier_init(&c, 0x9876543210fedcba);
	ready = true;
	input = data;
	left = len;
	while (left > 0) {
		unsigned op = byte(), i = byte() % SET;

		if (op % 4 == 0) {
			unbind(i);
		} else if (op % 4 == 1) {
			classify();
		} else {
			unbind(i);
			bind(i);
		}
		/* The part of the audit that reads the whole hash table is for the end. */
		check(c.nfilters <= SET);
	}
	check(classifier_audit(&c) == NULL);
	for (unsigned i = 0; i < SET; i++) {
		unbind(i);
		if (i == SET / 2)
			check(classifier_audit(&c) == NULL);
	}
	check(c.nfilters == 0 && c.nshapes == 0 && c.nshared == 0);
	return 0;
}
