/*
 * fdt.c - reader for flattened device trees; see fdt.h
 */
#include "arch/riscv/fdt.h"

#define HEADER_BYTES	40
#define MAGIC		0xd00dfeedu
#define PROP_NAME_MAX	64		/* the specification says 31; unbounded, shared names would make a walk quadratic */

/* Tokens of the structure block, 5.4.1. */
enum { TOKEN_NODE = 1, TOKEN_NODE_END = 2, TOKEN_PROP = 3, TOKEN_NOP = 4, TOKEN_END = 9 };

/* Properties that we read, of the node under way. */
enum {
	P_ADDRESS_CELLS, P_BOOTARGS, P_COMPATIBLE, P_DEVICE_TYPE, P_INITRD_END, P_INITRD_START, P_INTERRUPTS,
	P_INTERRUPTS_EXTENDED, P_INTERRUPT_PARENT, P_ISA, P_ISA_EXTENSIONS, P_MMU_TYPE, P_NDEV, P_PHANDLE, P_RANGES, P_REG,
	P_SIZE_CELLS, P_STATUS, P_TIMEBASE, P_COUNT
};

static const char *const prop_name[P_COUNT] = {
	"#address-cells", "bootargs", "compatible", "device_type", "linux,initrd-end", "linux,initrd-start", "interrupts",
	"interrupts-extended", "interrupt-parent", "riscv,isa", "riscv,isa-extensions", "mmu-type", "riscv,ndev", "phandle",
	"ranges", "reg", "#size-cells", "status", "timebase-frequency",
};

static const struct { const char *compatible; unsigned device; } drivers[] = {
	{ "ns16550a", DEVICE_UART }, { "sifive,plic-1.0.0", DEVICE_PLIC }, { "riscv,plic0", DEVICE_PLIC },
	{ "sifive,test0", DEVICE_TEST }, { "sifive,test1", DEVICE_TEST }, { "virtio,mmio", DEVICE_VIRTIO },
};

static const char *const sentence[] = {
	[FDT_E_NONE] = "the device tree is in order",
#define X(name, sentence) [name] = sentence,
	FDT_ERRORS(X)
#undef X
};

struct prop {
	const uint8_t *data;	/* len bytes, big-endian, unaligned; NULL: the node has no such property */
	uint32_t len;
};

/* What the children of a node inherit. */
struct level {
	uint32_t address_cells, size_cells;	/* of the children's reg */
	uint32_t interrupt_parent;
	int32_t hart;				/* this is the cpu node of m->hart[hart]; -1 */
	bool finished;				/* its properties are all read */
	bool physical;				/* the children's addresses are the processor's */
	enum { AT_OTHER, AT_CPUS, AT_RESERVED } place;
};

struct reader {
	struct machine *m;
	int error;				/* the first thing that was wrong, negative; it ends the reading */
	const uint8_t *structure, *strings, *reserve;	/* the three blocks */
	uint32_t structure_bytes, strings_bytes, reserve_bytes;
	uint32_t at;				/* where the next token stands in the structure block */
	unsigned depth;
	struct level level[FDT_DEPTH_MAX];
	const char *name;			/* of the node under way */
	struct prop prop[P_COUNT];
	uint32_t intc[MACHINE_HARTS_MAX];	/* phandle of the interrupt controller of m->hart[i] */
	uint32_t plic_phandle;
	struct prop plic_contexts;
	uint32_t irq_parent[MACHINE_DEVICES_MAX];	/* phandle of the controller that the interrupt of m->device[i] goes to */
};

const char *fdt_strerror(int error)
{
	return error <= 0 && (unsigned)-error < ARRAY_SIZE(sentence) ? sentence[-error] : "unknown error";
}

static void fail(struct reader *r, int error)
{
	if (r->error == 0)
		r->error = -error;
}

/* n cells of 4 bytes, n at most 2. */
static uint64_t be(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 4 * n; i++)
		v = v << 8 | p[i];
	return v;
}

/* Does a nul-terminated string begin at p, with end behind the last byte that may be read? */
static bool string_ends(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p != 0)
		p++;
	return p < end;
}

/* Does the string begin with stem, and then end, or go on with the character? */
static bool begins(const char *s, const char *stem, char next)
{
	while (*stem != 0 && *s == *stem) {
		s++;
		stem++;
	}
	return *stem == 0 && (*s == 0 || *s == next);
}

/* ---- the format ---- */

/* The block whose offset stands at that place of the header, when len bytes of it lie within the tree. */
static const uint8_t *block(struct reader *r, const uint8_t *blob, unsigned place, uint32_t len, unsigned alignment)
{
	uint32_t total = be(blob + 4, 1), off = be(blob + place, 1);

	if (off % alignment != 0 || off < HEADER_BYTES || off > total || len > total - off)
		fail(r, FDT_E_HEADER);
	return blob + off;
}

static void read_header(struct reader *r, const uint8_t *blob, size_t max)
{
	if (max < HEADER_BYTES)
		return fail(r, FDT_E_SIZE);
	if (be(blob, 1) != MAGIC)
		return fail(r, FDT_E_MAGIC);
	if (be(blob + 20, 1) < 17 || be(blob + 24, 1) > 17)
		return fail(r, FDT_E_VERSION);
	r->m->tree_bytes = be(blob + 4, 1);
	if (r->m->tree_bytes < HEADER_BYTES || r->m->tree_bytes > max || r->m->tree_bytes > FDT_SIZE_MAX)
		return fail(r, FDT_E_SIZE);
	r->structure_bytes = be(blob + 36, 1);
	r->structure = block(r, blob, 8, r->structure_bytes, 4);
	r->strings_bytes = be(blob + 32, 1);
	r->strings = block(r, blob, 12, r->strings_bytes, 1);
	r->reserve = block(r, blob, 16, 0, 8);		/* its length is given by its last entry alone */
	r->reserve_bytes = r->m->tree_bytes - be(blob + 16, 1);
}

/* The next token: with the name of a node, or the name and value of a property. */
static uint32_t next_token(struct reader *r, const char **name, struct prop *value)
{
	const uint8_t *p, *end = r->structure + r->structure_bytes, *strings_end = r->strings + r->strings_bytes;
	uint32_t token, at;

	do {
		if (r->structure_bytes < 4 || r->at > r->structure_bytes - 4)
			goto truncated;
		token = be(r->structure + r->at, 1);
		r->at += 4;
	} while (token == TOKEN_NOP);
	p = r->structure + r->at;
	switch (token) {
	case TOKEN_NODE:			/* name, padded */
		if (!string_ends(p, end))
			goto truncated;
		*name = (const char *)p;
		r->at += (strlen(*name) + 1 + 3) & ~3u;
		break;
	case TOKEN_PROP:			/* length, offset of the name, value, padded */
		if (end - p < 8)
			goto truncated;
		value->len = be(p, 1);
		at = be(p + 4, 1);
		if (value->len > (size_t)(end - p) - 8 || at >= r->strings_bytes)
			goto truncated;
		if (r->strings_bytes - at > PROP_NAME_MAX)
			strings_end = r->strings + at + PROP_NAME_MAX;
		if (!string_ends(r->strings + at, strings_end))
			goto truncated;
		*name = (const char *)r->strings + at;
		value->data = p + 8;
		r->at += 8 + ((value->len + 3) & ~3u);
		break;
	}
	return token;

truncated:
	fail(r, FDT_E_TRUNCATED);
	return TOKEN_END;
}

/* ---- properties ---- */

/* The property of 1 or up to most cells; fallback when it is missing. */
static uint64_t prop_number(struct reader *r, unsigned which, unsigned most, uint64_t fallback, enum fdt_error error)
{
	const struct prop *p = &r->prop[which];

	if (p->data == NULL)
		return fallback;
	if (p->len != 4 && p->len != 4 * most) {
		fail(r, error);
		return fallback;
	}
	return be(p->data, p->len / 4);
}

/* Is s one of the strings of the property? */
static bool prop_has(const struct reader *r, unsigned which, const char *s)
{
	const struct prop *p = &r->prop[which];
	uint32_t at = 0;

	while (at < p->len && string_ends(p->data + at, p->data + p->len)) {
		if (begins((const char *)p->data + at, s, 0))
			return true;
		at += strlen((const char *)p->data + at) + 1;
	}
	return false;
}

static bool prop_is_string(const struct prop *p)
{
	return p->data != NULL && string_ends(p->data, p->data + p->len);
}

/* Entry i of the reg property under way. False behind the last one, or it is a bad one. */
static bool reg_entry(struct reader *r, unsigned i, struct machine_range *entry)
{
	const struct level *up = &r->level[r->depth - 2];
	const struct prop *reg = &r->prop[P_REG];
	uint32_t cells = up->address_cells + up->size_cells;

	if (reg->data == NULL)
		return false;
	if (up->address_cells < 1 || up->address_cells > 2 || up->size_cells > 2 || reg->len % (4 * cells) != 0) {
		fail(r, FDT_E_VALUE);
		return false;
	}
	if (i >= reg->len / (4 * cells))
		return false;
	entry->base = be(reg->data + 4 * cells * i, up->address_cells);
	entry->size = be(reg->data + 4 * (cells * i + up->address_cells), up->size_cells);
	return true;
}

/* ---- what the nodes tell ---- */

static bool range_ok(struct reader *r, const struct machine_range *a)
{
	bool ok = a->size <= MACHINE_ADDRESS_END && a->base <= MACHINE_ADDRESS_END - a->size;

	if (!ok)
		fail(r, FDT_E_RANGE);
	return ok;
}

/* Memory shrinks to whole pages, what is reserved grows. */
static void range_add(struct reader *r, struct machine_range *list, uint32_t *n, uint32_t max, struct machine_range a, bool grows)
{
	const uint64_t round = PAGE_SIZE - 1;
	uint64_t first, end;

	if (!range_ok(r, &a) || a.size == 0)
		return;
	first = (a.base + (grows ? 0 : round)) & ~round;
	end = (a.base + a.size + (grows ? round : 0)) & ~round;
	if (first >= end)
		return;
	if (*n == max)
		return fail(r, FDT_E_MANY);
	list[(*n)++] = (struct machine_range){ first, end - first };
}

static void read_memory(struct reader *r)
{
	struct machine_range a;

	for (unsigned i = 0; reg_entry(r, i, &a); i++)
		range_add(r, r->m->memory, &r->m->nmemory, MACHINE_MEMORY_MAX, a, false);
}

static void reserve(struct reader *r, struct machine_range a)
{
	range_add(r, r->m->reserved, &r->m->nreserved, MACHINE_RESERVED_MAX, a, true);
}

/* Memory reservation block (5.3): pairs of address and size, ended by a pair of zeros. */
static void read_reservations(struct reader *r)
{
	for (uint32_t at = 0; r->error == 0; at += 16) {
		struct machine_range a;

		if (r->reserve_bytes < 16 || at > r->reserve_bytes - 16)
			return fail(r, FDT_E_TRUNCATED);
		a = (struct machine_range){ be(r->reserve + at, 2), be(r->reserve + at + 8, 2) };
		if (a.base == 0 && a.size == 0)
			return;
		reserve(r, a);
	}
}

static void read_hart(struct reader *r, struct level *here)
{
	const struct prop *isa = &r->prop[P_ISA];
	struct machine *m = r->m;
	struct machine_range reg;
	struct machine_hart *h = &m->hart[m->nharts];

	/* Without an MMU it is not for us: the small hart of some boards. */
	if (!prop_is_string(&r->prop[P_MMU_TYPE]) || prop_has(r, P_MMU_TYPE, "riscv,none"))
		return;
	if (!reg_entry(r, 0, &reg))
		return fail(r, FDT_E_VALUE);
	for (uint32_t i = 0; i < m->nharts; i++)
		if (m->hart[i].id == reg.base)
			return fail(r, FDT_E_OVERLAP);
	if (m->nharts == MACHINE_HARTS_MAX)
		return fail(r, FDT_E_MANY);
	here->hart = m->nharts++;
	*h = (struct machine_hart){ .id = reg.base, .plic_context = -1, .sstc = prop_has(r, P_ISA_EXTENSIONS, "sstc") };
	for (const char *s = prop_is_string(isa) ? (const char *)isa->data : ""; *s != 0; s++)
		if (begins(s, "_sstc", '_'))
			h->sstc = true;
}

static void read_chosen(struct reader *r)
{
	const struct prop *args = &r->prop[P_BOOTARGS];
	struct machine *m = r->m;

	if (args->len > 0) {
		if (args->len > MACHINE_ARGS_MAX || args->data[args->len - 1] != 0)
			return fail(r, FDT_E_ARGS);
		memcpy(m->bootargs, args->data, args->len);
	}
	m->initrd_start = prop_number(r, P_INITRD_START, 2, 0, FDT_E_INITRD);
	m->initrd_end = prop_number(r, P_INITRD_END, 2, 0, FDT_E_INITRD);
}

/* A device's first window and interrupt; its interrupt counts if it turns out to go to the PLIC. */
static void read_device(struct reader *r, unsigned device)
{
	const struct prop *irq = &r->prop[P_INTERRUPTS], *ext = &r->prop[P_INTERRUPTS_EXTENDED];
	struct machine_device *d = &r->m->device[device];
	struct machine_range reg;

	if (!reg_entry(r, 0, &reg))
		return fail(r, FDT_E_VALUE);
	if (!range_ok(r, &reg))
		return;
	if (reg.base == 0 || reg.size == 0 || reg.base % 4 != 0)
		return fail(r, FDT_E_VALUE);
	d->base = reg.base;
	d->size = reg.size;
	r->irq_parent[device] = r->level[r->depth - 1].interrupt_parent;
	if (device == DEVICE_PLIC) {
		r->plic_contexts = *ext;
		r->plic_phandle = prop_number(r, P_PHANDLE, 1, 0, FDT_E_VALUE);
		r->m->plic_ndev = prop_number(r, P_NDEV, 1, 0, FDT_E_VALUE);
		if (r->m->plic_ndev < 1 || r->m->plic_ndev > 1023)
			fail(r, FDT_E_VALUE);
	} else if (ext->len >= 8) {
		r->irq_parent[device] = be(ext->data, 1);
		d->irq = be(ext->data + 4, 1);
	} else if (irq->len >= 4) {
		d->irq = be(irq->data, 1);
	}
}

/* The first one of each kind serves, but there are several of VIRTIO. */
static void read_devices(struct reader *r)
{
	struct machine *m = r->m;

	for (unsigned i = 0; i < ARRAY_SIZE(drivers); i++) {
		unsigned device = drivers[i].device;

		if (!prop_has(r, P_COMPATIBLE, drivers[i].compatible))
			continue;
		if (device == DEVICE_VIRTIO && m->nvirtio == MACHINE_VIRTIO_MAX)
			return fail(r, FDT_E_MANY);
		if (device == DEVICE_VIRTIO)
			device += m->nvirtio++;
		if (m->device[device].base == 0)
			read_device(r, device);
		return;
	}
}

/* All properties of the node under way are known: inherit, then take what we look for. */
static void node_finish(struct reader *r)
{
	struct level *here = &r->level[r->depth - 1], *up = r->depth > 1 ? here - 1 : NULL;
	struct machine_range a;

	here->finished = true;
	here->hart = -1;
	here->place = AT_OTHER;
	here->address_cells = prop_number(r, P_ADDRESS_CELLS, 1, 2, FDT_E_VALUE);
	here->size_cells = prop_number(r, P_SIZE_CELLS, 1, 1, FDT_E_VALUE);
	here->interrupt_parent = prop_number(r, P_INTERRUPT_PARENT, 1, up != NULL ? up->interrupt_parent : 0, FDT_E_VALUE);
	/* Only a bus that translates nothing is looked into. */
	here->physical = up == NULL || (up->physical && r->prop[P_RANGES].data != NULL && r->prop[P_RANGES].len == 0);
	if (up == NULL)
		return;
	if (r->prop[P_STATUS].data != NULL && !prop_has(r, P_STATUS, "okay") && !prop_has(r, P_STATUS, "ok")) {
		here->physical = false;
		return;
	}

	if (r->depth == 2 && begins(r->name, "chosen", '@'))
		return read_chosen(r);
	if (r->depth == 2 && begins(r->name, "cpus", '@'))
		here->place = AT_CPUS;
	if (r->depth == 2 && begins(r->name, "reserved-memory", '@'))
		here->place = AT_RESERVED;
	if (here->place == AT_CPUS || up->place == AT_CPUS)
		r->m->timebase_hz = prop_number(r, P_TIMEBASE, 2, r->m->timebase_hz, FDT_E_VALUE);
	if (up->place == AT_CPUS && prop_has(r, P_DEVICE_TYPE, "cpu"))
		read_hart(r, here);
	else if (up->hart >= 0 && prop_has(r, P_COMPATIBLE, "riscv,cpu-intc"))
		r->intc[up->hart] = prop_number(r, P_PHANDLE, 1, 0, FDT_E_VALUE);
	else if (up->place == AT_RESERVED)
		for (unsigned i = 0; reg_entry(r, i, &a); i++)
			reserve(r, a);
	else if (r->depth == 2 && prop_has(r, P_DEVICE_TYPE, "memory"))
		read_memory(r);
	else if (up->physical)
		read_devices(r);
}

static void read_nodes(struct reader *r)
{
	bool root = false;
	const char *name = NULL;
	struct prop value = { 0 };

	while (r->error == 0) {
		uint32_t token = next_token(r, &name, &value);
		struct level *here = &r->level[r->depth > 0 ? r->depth - 1 : 0];

		if ((token == TOKEN_NODE || token == TOKEN_NODE_END) && r->depth > 0 && !here->finished)
			node_finish(r);
		switch (token) {
		case TOKEN_NODE:
			if (r->depth == 0 && root)
				return fail(r, FDT_E_TOKEN);
			if (r->depth == FDT_DEPTH_MAX)
				return fail(r, FDT_E_DEPTH);
			root = true;
			r->level[r->depth++].finished = false;
			r->name = name;
			memset(r->prop, 0, sizeof(r->prop));
			break;
		case TOKEN_PROP:
			if (r->depth == 0 || here->finished)
				return fail(r, FDT_E_TOKEN);	/* 5.4.2: properties come before children */
			for (unsigned i = 0; i < P_COUNT; i++)
				if (begins(name, prop_name[i], 0))
					r->prop[i] = value;
			break;
		case TOKEN_NODE_END:
			if (r->depth-- == 0)
				return fail(r, FDT_E_TOKEN);
			break;
		case TOKEN_END:
			if (r->depth != 0 || !root)
				fail(r, FDT_E_TOKEN);
			return;
		default:
			fail(r, FDT_E_TOKEN);
		}
	}
}

/* ---- the whole ---- */

/* Interrupt 9 of a hart is the external one of S-mode; its place in the PLIC's list is the number of the context. */
static void resolve_plic(struct reader *r)
{
	struct machine *m = r->m;
	uint64_t window = m->device[DEVICE_PLIC].size;

	if (r->plic_contexts.len % 8 != 0)
		fail(r, FDT_E_VALUE);
	for (uint32_t i = 0; i < r->plic_contexts.len / 8; i++) {
		uint32_t phandle = be(r->plic_contexts.data + 8 * i, 1), irq = be(r->plic_contexts.data + 8 * i + 4, 1);

		for (uint32_t h = 0; irq == 9 && phandle != 0 && h < m->nharts; h++)
			if (r->intc[h] == phandle && m->hart[h].plic_context < 0) {
				if (window < 0x200000 || i >= (window - 0x200000) / 0x1000)
					fail(r, FDT_E_VALUE);	/* its registers would lie outside the window */
				m->hart[h].plic_context = i;
			}
	}
	for (unsigned i = 0; i < MACHINE_DEVICES_MAX; i++) {
		if (r->plic_phandle == 0 || r->irq_parent[i] != r->plic_phandle)
			m->device[i].irq = 0;
		if (m->device[i].irq > m->plic_ndev)
			fail(r, FDT_E_VALUE);
	}
}

/* Insertion sort by the first word, which is the base or the id; lists are short. */
static void sort(void *list, uint32_t n, size_t size)
{
	char *a = list, t[sizeof(struct machine_device)];

	for (uint32_t i = 1; i < n; i++)
		for (char *p = a + i * size; p > a && *(uint64_t *)p < *(uint64_t *)(p - size); p -= size) {
			memcpy(t, p, size);
			memcpy(p, p - size, size);
			memcpy(p - size, t, size);
		}
}

static void check_overlap(struct reader *r)
{
	const struct machine *m = r->m;
	struct machine_range all[MACHINE_MEMORY_MAX + MACHINE_DEVICES_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->nmemory; i++)
		all[n++] = m->memory[i];
	for (uint32_t i = 0; i < MACHINE_DEVICES_MAX; i++)
		all[n++] = (struct machine_range){ m->device[i].base, m->device[i].size };
	sort(all, n, sizeof(all[0]));
	for (uint32_t i = 1; i < n; i++)
		if (all[i - 1].size > all[i].base - all[i - 1].base)
			fail(r, FDT_E_OVERLAP);
}

static void check_initrd(struct reader *r)
{
	const struct machine *m = r->m;

	if (m->initrd_start == 0 && m->initrd_end == 0)
		return;
	for (uint32_t i = 0; i < m->nmemory; i++)
		if (m->initrd_start >= m->memory[i].base && m->initrd_start < m->initrd_end &&
		    m->initrd_end <= m->memory[i].base + m->memory[i].size)
			return;
	fail(r, FDT_E_INITRD);
}

/* Put together what stood in different places, sort, and judge the whole. */
static void machine_finish(struct reader *r)
{
	struct machine *m = r->m;

	if (m->nmemory == 0)
		fail(r, FDT_E_NOMEMORY);
	if (m->nharts == 0)
		fail(r, FDT_E_NOHART);
	if (m->timebase_hz < 1000 || m->timebase_hz > 10000000000ull)
		fail(r, FDT_E_NOTIME);
	if (m->device[DEVICE_PLIC].base == 0)
		fail(r, FDT_E_NOPLIC);
	resolve_plic(r);
	sort(m->memory, m->nmemory, sizeof(m->memory[0]));
	sort(m->hart, m->nharts, sizeof(m->hart[0]));
	sort(m->device + DEVICE_VIRTIO, m->nvirtio, sizeof(m->device[0]));
	check_overlap(r);
	check_initrd(r);
}

int fdt_read_machine(const void *blob, size_t max, struct machine *m)
{
	struct reader r;

	memset(&r, 0, sizeof(r));
	memset(m, 0, sizeof(*m));
	r.m = m;
	read_header(&r, blob, max);
	if (r.error == 0)
		read_reservations(&r);
	if (r.error == 0)
		read_nodes(&r);
	if (r.error == 0)
		machine_finish(&r);
	return r.error;
}
