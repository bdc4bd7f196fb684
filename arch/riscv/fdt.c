/*
 * fdt.c - reader for flattened device trees; see fdt.h
 */
#include "arch/riscv/fdt.h"

#define HEADER_BYTES	40
#define MAGIC		0xd00dfeedu
#define PROP_NAME_MAX	64		/* the specification says 31; unbounded, shared names would make a walk quadratic */

static const char *const sentence[] = {
	[FDT_E_NONE] = "the device tree is in order",
#define X(name, sentence) [name] = sentence,
	FDT_ERRORS(X)
#undef X
};

const char *fdt_strerror(int error)
{
	return error <= 0 && (unsigned)-error < ARRAY_SIZE(sentence) ? sentence[-error] : "unknown error";
}

/* n cells of 4 bytes, n at most 2. */
static uint64_t be(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 4 * n; i++)
		v = v << 8 | p[i];
	return v;
}

static bool string_equal(const char *a, const char *b)
{
	while (*a != 0 && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The node's name without its unit address: "cpu@0" is a "cpu". */
static bool node_called(const char *name, const char *stem)
{
	while (*stem != 0 && *name == *stem) {
		name++;
		stem++;
	}
	return *stem == 0 && (*name == 0 || *name == '@');
}

/* Does a nul-terminated string begin at p, with end behind the last byte that may be read? */
static bool string_ends(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p != 0)
		p++;
	return p < end;
}

int fdt_open(const void *blob, size_t max, struct fdt *t)
{
	const uint8_t *p = blob;
	uint32_t total, off, len;

	if (max < HEADER_BYTES)
		return -FDT_E_SIZE;
	if (be(p, 1) != MAGIC)
		return -FDT_E_MAGIC;
	if (be(p + 20, 1) < 17 || be(p + 24, 1) > 17)
		return -FDT_E_VERSION;
	total = be(p + 4, 1);
	if (total < HEADER_BYTES || total > max || total > FDT_SIZE_MAX)
		return -FDT_E_SIZE;
	t->total_bytes = total;

	off = be(p + 8, 1);
	len = be(p + 36, 1);
	if (off % 4 != 0 || off < HEADER_BYTES || off > total || len > total - off)
		return -FDT_E_HEADER;
	t->structure = p + off;
	t->structure_bytes = len;

	off = be(p + 12, 1);
	len = be(p + 32, 1);
	if (off < HEADER_BYTES || off > total || len > total - off)
		return -FDT_E_HEADER;
	t->strings = p + off;
	t->strings_bytes = len;

	off = be(p + 16, 1);			/* its length is given by its last entry alone */
	if (off % 8 != 0 || off < HEADER_BYTES || off > total)
		return -FDT_E_HEADER;
	t->reserve = p + off;
	t->reserve_bytes = total - off;
	return 0;
}

int fdt_next(const struct fdt *t, uint32_t *at, struct fdt_item *item)
{
	const uint8_t *end = t->structure + t->structure_bytes, *p;
	uint32_t token, name, left;

	do {
		if (t->structure_bytes < 4 || *at > t->structure_bytes - 4)
			return -FDT_E_TRUNCATED;
		token = be(t->structure + *at, 1);
		*at += 4;
	} while (token == 4);			/* FDT_NOP */
	p = t->structure + *at;

	switch (token) {
	case 1:					/* FDT_BEGIN_NODE: name, padded */
		if (!string_ends(p, end))
			return -FDT_E_TRUNCATED;
		item->name = (const char *)p;
		*at += (strlen(item->name) + 1 + 3) & ~3u;
		return FDT_NODE;
	case 2:
		return FDT_NODE_END;
	case 3:					/* FDT_PROP: length, offset of the name, value, padded */
		if (end - p < 8)
			return -FDT_E_TRUNCATED;
		item->len = be(p, 1);
		name = be(p + 4, 1);
		if (item->len > (size_t)(end - p) - 8)
			return -FDT_E_TRUNCATED;
		if (name >= t->strings_bytes)
			return -FDT_E_TRUNCATED;
		left = t->strings_bytes - name < PROP_NAME_MAX ? t->strings_bytes - name : PROP_NAME_MAX;
		if (!string_ends(t->strings + name, t->strings + name + left))
			return -FDT_E_TRUNCATED;
		item->name = (const char *)t->strings + name;
		item->data = p + 8;
		*at += 8 + ((item->len + 3) & ~3u);
		return FDT_PROP;
	case 9:
		return FDT_END;
	default:
		return -FDT_E_TOKEN;
	}
}

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

struct prop {
	const uint8_t *data;	/* NULL: the node has no such property */
	uint32_t len;
};

/* What the children of a node inherit. */
struct level {
	uint32_t address_cells, size_cells;	/* of the children's reg */
	uint32_t interrupt_parent;
	int32_t hart;				/* this is the cpu node of m->hart[hart]; -1 */
	bool finished;				/* its properties are all read */
	bool physical;				/* the children's addresses are the processor's */
	enum { AT_OTHER, AT_CPUS, AT_RESERVED, AT_CHOSEN } place;
};

struct reader {
	struct machine *m;
	unsigned depth;
	struct level level[FDT_DEPTH_MAX];
	const char *name;			/* of the node under way */
	struct prop prop[P_COUNT];
	uint32_t intc[MACHINE_HARTS_MAX];	/* phandle of the interrupt controller of m->hart[i] */
	uint32_t plic_phandle;
	struct prop plic_contexts;
	uint32_t uart_parent, test_parent, virtio_parent[MACHINE_VIRTIO_MAX];
	bool initrd;
};

static bool prop_has(const struct prop *p, const char *s)
{
	uint32_t at = 0;

	while (at < p->len && string_ends(p->data + at, p->data + p->len)) {
		if (string_equal((const char *)p->data + at, s))
			return true;
		at += strlen((const char *)p->data + at) + 1;
	}
	return false;
}

static bool prop_is_string(const struct prop *p)
{
	return p->data != NULL && p->len > 0 && string_ends(p->data, p->data + p->len);
}

/* One cell, or fallback when the property is missing. */
static int prop_u32(const struct prop *p, uint32_t fallback, uint32_t *out)
{
	*out = fallback;
	if (p->data == NULL)
		return 0;
	if (p->len != 4)
		return -FDT_E_VALUE;
	*out = be(p->data, 1);
	return 0;
}

/* One or two cells. */
static int prop_u64(const struct prop *p, uint64_t *out)
{
	if (p->len != 4 && p->len != 8)
		return -FDT_E_VALUE;
	*out = be(p->data, p->len / 4);
	return 0;
}

static int range_check(uint64_t base, uint64_t size)
{
	return size > MACHINE_ADDRESS_END || base > MACHINE_ADDRESS_END - size ? -FDT_E_RANGE : 0;
}

/* Entry i of the reg property under way. Returns 1, 0 behind the last one, or an error. */
static int reg_entry(const struct reader *r, unsigned i, uint64_t *base, uint64_t *size)
{
	const struct level *up = &r->level[r->depth - 2];
	const struct prop *reg = &r->prop[P_REG];
	uint32_t cells = up->address_cells + up->size_cells;

	if (reg->data == NULL)
		return 0;
	if (up->address_cells < 1 || up->address_cells > 2 || up->size_cells > 2 || reg->len % (4 * cells) != 0)
		return -FDT_E_VALUE;
	if (i >= reg->len / (4 * cells))
		return 0;
	*base = be(reg->data + 4 * cells * i, up->address_cells);
	*size = be(reg->data + 4 * (cells * i + up->address_cells), up->size_cells);
	return 1;
}

static int range_add(struct machine_range *list, uint32_t *n, uint32_t max, uint64_t base, uint64_t size, bool outward)
{
	uint64_t end;
	int error;

	if ((error = range_check(base, size)) != 0)
		return error;
	end = base + size;
	if (outward) {
		base &= ~(PAGE_SIZE - 1);
		end = (end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	} else {
		base = (base + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
		end &= ~(PAGE_SIZE - 1);
	}
	if (size == 0 || base >= end)
		return 0;
	if (*n == max)
		return -FDT_E_MANY;
	list[*n].base = base;
	list[(*n)++].size = end - base;
	return 0;
}

/* All of reg: memory (inward to whole pages) or reserved memory (outward). */
static int read_ranges(struct reader *r, struct machine_range *list, uint32_t *n, uint32_t max, bool outward)
{
	uint64_t base, size;
	int got, error;

	for (unsigned i = 0; (got = reg_entry(r, i, &base, &size)) == 1; i++)
		if ((error = range_add(list, n, max, base, size, outward)) != 0)
			return error;
	return got;
}

/* A device's first window and interrupt; its interrupt counts if it turns out to go to the PLIC. */
static int read_device(struct reader *r, struct machine_device *d, uint32_t *parent)
{
	const struct prop *irq = &r->prop[P_INTERRUPTS], *ext = &r->prop[P_INTERRUPTS_EXTENDED];
	int got, error;

	if ((got = reg_entry(r, 0, &d->base, &d->size)) != 1)
		return got < 0 ? got : -FDT_E_VALUE;
	if ((error = range_check(d->base, d->size)) != 0)
		return error;
	if (d->base == 0 || d->size == 0 || d->base % 4 != 0)
		return -FDT_E_VALUE;
	d->irq = 0;
	*parent = r->level[r->depth - 1].interrupt_parent;
	if (ext->data != NULL && ext->len >= 8) {
		*parent = be(ext->data, 1);
		d->irq = be(ext->data + 4, 1);
	} else if (irq->data != NULL && irq->len >= 4) {
		d->irq = be(irq->data, 1);
	}
	return 0;
}

static int read_hart(struct reader *r, struct level *here)
{
	const struct prop *isa = &r->prop[P_ISA], *mmu = &r->prop[P_MMU_TYPE];
	struct machine_hart *h;
	uint64_t id, none;
	int got;

	/* Without an MMU it is not for us: the small hart of some boards. */
	if (!prop_is_string(mmu) || prop_has(mmu, "riscv,none"))
		return 0;
	if ((got = reg_entry(r, 0, &id, &none)) != 1)
		return got < 0 ? got : -FDT_E_VALUE;
	for (uint32_t i = 0; i < r->m->nharts; i++)
		if (r->m->hart[i].id == id)
			return -FDT_E_OVERLAP;
	if (r->m->nharts == MACHINE_HARTS_MAX)
		return -FDT_E_MANY;
	here->hart = r->m->nharts++;
	h = &r->m->hart[here->hart];
	h->id = id;
	h->plic_context = -1;
	h->sstc = prop_has(&r->prop[P_ISA_EXTENSIONS], "sstc");
	if (prop_is_string(isa))
		for (const char *s = (const char *)isa->data; *s != 0; s++)
			if (s[0] == '_' && s[1] == 's' && s[2] == 's' && s[3] == 't' && s[4] == 'c' && (s[5] == 0 || s[5] == '_'))
				h->sstc = true;
	return 0;
}

static int read_chosen(struct reader *r)
{
	const struct prop *args = &r->prop[P_BOOTARGS];
	const struct prop *start = &r->prop[P_INITRD_START], *end = &r->prop[P_INITRD_END];
	struct machine *m = r->m;

	if (args->data != NULL && args->len > 0) {
		if (args->len > MACHINE_ARGS_MAX || args->data[args->len - 1] != 0)
			return -FDT_E_ARGS;
		memcpy(m->bootargs, args->data, args->len);
	}
	if (start->data == NULL && end->data == NULL)
		return 0;
	if (start->data == NULL || end->data == NULL || prop_u64(start, &m->initrd_start) != 0 || prop_u64(end, &m->initrd_end) != 0)
		return -FDT_E_INITRD;
	r->initrd = true;
	return 0;
}

static int read_plic(struct reader *r)
{
	uint32_t parent;
	int error;

	if (r->m->plic.base != 0)
		return 0;			/* the first one serves */
	if ((error = read_device(r, &r->m->plic, &parent)) != 0)
		return error;
	r->m->plic.irq = 0;
	if ((error = prop_u32(&r->prop[P_PHANDLE], 0, &r->plic_phandle)) != 0)
		return error;
	if ((error = prop_u32(&r->prop[P_NDEV], 0, &r->m->plic_ndev)) != 0)
		return error;
	if (r->m->plic_ndev < 1 || r->m->plic_ndev > 1023)
		return -FDT_E_VALUE;
	r->plic_contexts = r->prop[P_INTERRUPTS_EXTENDED];
	return 0;
}

static bool compatible(const struct reader *r, const char *s)
{
	return prop_has(&r->prop[P_COMPATIBLE], s);
}

/* All properties of the node under way are known: inherit, then take what we look for. */
static int node_finish(struct reader *r)
{
	struct level *here = &r->level[r->depth - 1], *up = r->depth > 1 ? here - 1 : NULL;
	const struct prop *status = &r->prop[P_STATUS];
	struct machine *m = r->m;
	int error;

	here->finished = true;
	if ((error = prop_u32(&r->prop[P_ADDRESS_CELLS], 2, &here->address_cells)) != 0 ||
	    (error = prop_u32(&r->prop[P_SIZE_CELLS], 1, &here->size_cells)) != 0 ||
	    (error = prop_u32(&r->prop[P_INTERRUPT_PARENT], up != NULL ? up->interrupt_parent : 0, &here->interrupt_parent)) != 0)
		return error;
	here->hart = -1;
	here->place = AT_OTHER;
	if (up == NULL) {
		here->physical = true;
		return 0;
	}
	/* Only a bus that translates nothing is looked into. */
	here->physical = up->physical && r->prop[P_RANGES].data != NULL && r->prop[P_RANGES].len == 0;
	if (status->data != NULL && !prop_has(status, "okay") && !prop_has(status, "ok")) {
		here->physical = false;
		return 0;
	}

	if (r->depth == 2 && node_called(r->name, "chosen"))
		return read_chosen(r);
	if (r->depth == 2 && node_called(r->name, "cpus"))
		here->place = AT_CPUS;
	if (r->depth == 2 && node_called(r->name, "reserved-memory"))
		here->place = AT_RESERVED;
	if ((here->place == AT_CPUS || up->place == AT_CPUS) && r->prop[P_TIMEBASE].data != NULL)
		if ((error = prop_u64(&r->prop[P_TIMEBASE], &m->timebase_hz)) != 0)
			return error;
	if (up->place == AT_CPUS && prop_has(&r->prop[P_DEVICE_TYPE], "cpu"))
		return read_hart(r, here);
	if (up->hart >= 0 && compatible(r, "riscv,cpu-intc"))
		return prop_u32(&r->prop[P_PHANDLE], 0, &r->intc[up->hart]);
	if (up->place == AT_RESERVED)
		return read_ranges(r, m->reserved, &m->nreserved, MACHINE_RESERVED_MAX, true);
	if (r->depth == 2 && prop_has(&r->prop[P_DEVICE_TYPE], "memory"))
		return read_ranges(r, m->memory, &m->nmemory, MACHINE_MEMORY_MAX, false);
	if (!up->physical)
		return 0;

	if (compatible(r, "ns16550a"))
		return m->uart.base == 0 ? read_device(r, &m->uart, &r->uart_parent) : 0;
	if (compatible(r, "sifive,test0") || compatible(r, "sifive,test1"))
		return m->test.base == 0 ? read_device(r, &m->test, &r->test_parent) : 0;
	if (compatible(r, "sifive,plic-1.0.0") || compatible(r, "riscv,plic0"))
		return read_plic(r);
	if (compatible(r, "virtio,mmio")) {
		if (m->nvirtio == MACHINE_VIRTIO_MAX)
			return -FDT_E_MANY;
		error = read_device(r, &m->virtio[m->nvirtio], &r->virtio_parent[m->nvirtio]);
		m->nvirtio++;
		return error;
	}
	return 0;
}

/* Memory reservation block (5.3): pairs of address and size, ended by a pair of zeros. */
static int read_reservations(const struct fdt *t, struct machine *m)
{
	int error;

	for (uint32_t at = 0; at + 16 <= t->reserve_bytes; at += 16) {
		uint64_t base = be(t->reserve + at, 2), size = be(t->reserve + at + 8, 2);

		if (base == 0 && size == 0)
			return 0;
		if ((error = range_add(m->reserved, &m->nreserved, MACHINE_RESERVED_MAX, base, size, true)) != 0)
			return error;
	}
	return -FDT_E_TRUNCATED;
}

/* Interrupt 9 of a hart is the external one of S-mode; its place in the PLIC's list is the number of the context. */
static int resolve_plic(struct reader *r)
{
	struct machine *m = r->m;
	uint32_t n = r->plic_contexts.len / 8;

	if (r->plic_contexts.len % 8 != 0)
		return -FDT_E_VALUE;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t phandle = be(r->plic_contexts.data + 8 * i, 1), irq = be(r->plic_contexts.data + 8 * i + 4, 1);

		for (uint32_t h = 0; irq == 9 && phandle != 0 && h < m->nharts; h++)
			if (r->intc[h] == phandle && m->hart[h].plic_context < 0) {
				if (m->plic.size < 0x200000 || i >= (m->plic.size - 0x200000) / 0x1000)
					return -FDT_E_VALUE;	/* its registers would lie outside the window */
				m->hart[h].plic_context = i;
			}
	}
	return 0;
}

static int resolve_irq(const struct reader *r, struct machine_device *d, uint32_t parent)
{
	if (r->plic_phandle == 0 || parent != r->plic_phandle)
		d->irq = 0;
	return d->irq > r->m->plic_ndev ? -FDT_E_VALUE : 0;
}

/* Insertion sort by base; lists are short. */
static void sort_ranges(struct machine_range *list, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		for (uint32_t k = i; k > 0 && list[k].base < list[k - 1].base; k--) {
			struct machine_range t = list[k];

			list[k] = list[k - 1];
			list[k - 1] = t;
		}
}

static int check_overlap(const struct machine *m)
{
	struct machine_range all[MACHINE_MEMORY_MAX + MACHINE_VIRTIO_MAX + 3];
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->nmemory; i++)
		all[n++] = m->memory[i];
	for (uint32_t i = 0; i < m->nvirtio; i++)
		all[n++] = (struct machine_range){ m->virtio[i].base, m->virtio[i].size };
	all[n++] = (struct machine_range){ m->uart.base, m->uart.size };
	all[n++] = (struct machine_range){ m->plic.base, m->plic.size };
	all[n++] = (struct machine_range){ m->test.base, m->test.size };
	sort_ranges(all, n);
	for (uint32_t i = 1; i < n; i++)
		if (all[i - 1].size > all[i].base - all[i - 1].base)
			return -FDT_E_OVERLAP;
	return 0;
}

/* The tree is read: put together what stood in different places, sort, and judge the whole. */
static int machine_finish(struct reader *r)
{
	struct machine *m = r->m;
	uint32_t n = 0;
	int error;

	if (m->nmemory == 0)
		return -FDT_E_NOMEMORY;
	if (m->nharts == 0)
		return -FDT_E_NOHART;
	if (m->timebase_hz < 1000 || m->timebase_hz > 10000000000ull)
		return -FDT_E_NOTIME;
	if (m->plic.base == 0)
		return -FDT_E_NOPLIC;
	if ((error = resolve_plic(r)) != 0 || (error = resolve_irq(r, &m->uart, r->uart_parent)) != 0 ||
	    (error = resolve_irq(r, &m->test, r->test_parent)) != 0)
		return error;
	for (uint32_t i = 0; i < m->nvirtio; i++)
		if ((error = resolve_irq(r, &m->virtio[i], r->virtio_parent[i])) != 0)
			return error;

	sort_ranges(m->memory, m->nmemory);
	sort_ranges(m->reserved, m->nreserved);
	for (uint32_t i = 1; i < m->nharts; i++)
		for (uint32_t k = i; k > 0 && m->hart[k].id < m->hart[k - 1].id; k--) {
			struct machine_hart t = m->hart[k];

			m->hart[k] = m->hart[k - 1];
			m->hart[k - 1] = t;
		}
	for (uint32_t i = 1; i < m->nvirtio; i++)
		for (uint32_t k = i; k > 0 && m->virtio[k].base < m->virtio[k - 1].base; k--) {
			struct machine_device t = m->virtio[k];

			m->virtio[k] = m->virtio[k - 1];
			m->virtio[k - 1] = t;
		}
	if ((error = check_overlap(m)) != 0)
		return error;

	/* Reservations may overlap or touch one another; merged they are easier to walk. */
	for (uint32_t i = 0; i < m->nreserved; i++) {
		struct machine_range *last = n > 0 ? &m->reserved[n - 1] : NULL, *next = &m->reserved[i];

		if (last == NULL || next->base > last->base + last->size)
			m->reserved[n++] = *next;
		else if (next->base + next->size > last->base + last->size)
			last->size = next->base + next->size - last->base;
	}
	m->nreserved = n;

	if (!r->initrd)
		return 0;
	for (uint32_t i = 0; i < m->nmemory; i++)
		if (m->initrd_start >= m->memory[i].base && m->initrd_start < m->initrd_end &&
		    m->initrd_end <= m->memory[i].base + m->memory[i].size)
			return 0;
	return -FDT_E_INITRD;
}

/* One walk over the structure block; r->m NULL only checks. */
static int walk(const struct fdt *t, struct reader *r)
{
	struct fdt_item item;
	uint32_t at = 0;
	bool root = false;
	int kind, error;

	for (;;) {
		struct level *here = &r->level[r->depth > 0 ? r->depth - 1 : 0];

		kind = fdt_next(t, &at, &item);
		if (kind < 0)
			return kind;
		if ((kind == FDT_NODE || kind == FDT_NODE_END) && r->depth > 0 && !here->finished) {
			here->finished = true;
			if (r->m != NULL && (error = node_finish(r)) != 0)
				return error;
		}
		switch (kind) {
		case FDT_NODE:
			if (r->depth == 0 && root)
				return -FDT_E_TOKEN;
			if (r->depth == FDT_DEPTH_MAX)
				return -FDT_E_DEPTH;
			root = true;
			r->level[r->depth++].finished = false;
			r->name = item.name;
			memset(r->prop, 0, sizeof(r->prop));
			break;
		case FDT_PROP:
			if (r->depth == 0 || here->finished)
				return -FDT_E_TOKEN;	/* 5.4.2: properties come before children */
			for (unsigned i = 0; i < P_COUNT; i++)
				if (string_equal(item.name, prop_name[i]))
					r->prop[i] = (struct prop){ item.data, item.len };
			break;
		case FDT_NODE_END:
			if (r->depth-- == 0)
				return -FDT_E_TOKEN;
			break;
		case FDT_END:
			return r->depth == 0 && root ? 0 : -FDT_E_TOKEN;
		}
	}
}

int fdt_check(const void *blob, size_t max)
{
	struct reader r;
	struct fdt t;
	int error;

	memset(&r, 0, sizeof(r));
	if ((error = fdt_open(blob, max, &t)) != 0)
		return error;
	return walk(&t, &r);
}

int fdt_read_machine(const void *blob, size_t max, struct machine *m)
{
	struct reader r;
	struct fdt t;
	int error;

	memset(&r, 0, sizeof(r));
	memset(m, 0, sizeof(*m));
	r.m = m;
	if ((error = fdt_open(blob, max, &t)) != 0 || (error = read_reservations(&t, m)) != 0 || (error = walk(&t, &r)) != 0)
		return error;
	return machine_finish(&r);
}
