/*
 * fuzz_filter.c
 *		WAL that nobody would write, through the filter.
 *
 * The first byte of the input chooses: the rest is WAL as it is, which begins
 * where its first page header says; or it is a recipe for WAL with valid page
 * headers, links and CRCs, so that the fuzzer gets behind those checks.
 *
 * Beside what the sanitizers see: the output is the same however the input is
 * split, what the filter lets out it takes again and lets out unchanged, and with
 * everything in scope it changes nothing.
 *
 *		clang -fsanitize=fuzzer,address,undefined ... regress/fuzz/fuzz_filter.c
 *
 * makes the fuzzer; with replay.c in place of -fsanitize=fuzzer it is a program
 * that runs the inputs of regress/fuzz/corpus/filter once each.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "../unit/filterrun.h"
#include "../unit/walbuild.h"
#include "util/buf.h"
#include "wal/filter.h"

#define SEGMENT (1 << 20)
#define START ((Lsn) 5 * SEGMENT)
/* A recipe makes no more than this, give or take a record. */
#define BUILD_MAX (SEGMENT / 8)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A fact that does not hold ends the program, as a sanitizer does. */
static void
must(bool fact)
{
	if (!fact)
		abort();
}

/*
 * What the recipe has created so far.  Nothing is mentioned before it is, and a
 * catalog's file is used only once the map has named it: so what becomes known on
 * the way could as well have been known from the start.
 */
static struct
{
	uint32_t objects; /* OIDs from CREATED_FIRST on */
	uint32_t file;    /* where pg_database is */
} created;
#define CREATED_FIRST 20000
#define MOVED_FIRST 30000

/* Small numbers of the recipe become OIDs that mean something. */
static Oid
oid_of(uint8_t v)
{
	static const Oid oids[] = {0, 1, 5, 1663, 1664, 16384, 16385, 16386, 16387};

	if (v >= 200 && created.objects > 0)
		return CREATED_FIRST + v % created.objects;
	return v < lengthof(oids) ? oids[v] : v * UINT32_C(0x01010101);
}

/* By name: one with an "o" in it is out. */
static bool
on_named(void *arg UNUSED, WalScope *scope, ScopeKind kind, Oid oid,
	const char *name, Lsn lsn UNUSED, ErrInfo *err UNUSED)
{
	if (strchr(name, 'o') != NULL)
		walscope_set(scope, kind, oid, SCOPE_OUT);
	return true;
}

/* Database 16385 and tablespace 16387 are out; by default or not, too. */
static WalScope *
new_scope(uint8_t how)
{
	WalScope *scope = walscope_new();

	if (how & 0x10)
		walscope_set_default(scope, SCOPE_DATABASE, SCOPE_OUT);
	if (how & 0x20)
		walscope_set_default(scope, SCOPE_TABLESPACE, SCOPE_OUT);
	walscope_set(scope, SCOPE_DATABASE, 16384, SCOPE_IN);
	walscope_set(scope, SCOPE_DATABASE, 16385, SCOPE_OUT);
	walscope_set(scope, SCOPE_TABLESPACE, 16387, SCOPE_OUT);
	walscope_listen(scope, &(ScopeListener){.named = on_named});
	return scope;
}

/* One step of the recipe; false at its end. */
static bool
build_step(WalBuild *b, BufReader *r, bool *clean)
{
	uint8_t op;
	uint8_t p[4];
	const uint8_t *bytes;
	size_t n;
	uint8_t body[300];

	if (!buf_get_u8(r, &op) || b->len > BUILD_MAX)
		return false;
	for (size_t i = 0; i < sizeof(p); i++)
	{
		if (!buf_get_u8(r, &p[i]))
			return false;
	}
	/* what looks like a segment switch hides what is written behind it */
	if (op % 10 >= 2 && op % 10 <= 4 && p[0] == RM_XLOG &&
		(p[1] & WAL_INFO_RMGR_MASK) == XLOG_OP_SWITCH)
		*clean = false;
	switch (op % 10)
	{
		case 0:
			build_block_record(b, oid_of(p[0]), oid_of(p[1]), p[2], p[3]);
			break;
		case 1:
			build_block_record(b, oid_of(p[0]), oid_of(p[1]),
				(uint16_t) (p[2] << 8 | p[3]), 0xEE);
			break;
		case 2: /* main data, OIDs first */
			for (n = 0; n < 10; n++)
			{
				uint8_t v;

				if (!buf_get_u8(r, &v) || v == 255)
					break;
				build_le(body + n * 4, oid_of(v), 4);
			}
			n *= 4;
			memset(body + n, 0xEE, p[2]);
			build_main_record(b, p[0], p[1], p[3], body, n + p[2] % 200);
			break;
		case 3: /* any body */
			n = Min(buf_left(r), p[2]);
			if (!buf_get_bytes(r, n, &bytes))
				return false;
			build_record(b, p[0], p[1], p[3], bytes, n);
			break;
		case 4: /* any front, then zeros */
		{
			size_t total = (size_t) p[2] << 8 | p[3];
			uint8_t *all = calloc(1, total + 256);

			n = Min(buf_left(r), 40);
			if (buf_get_bytes(r, n, &bytes))
				memcpy(all, bytes, n);
			build_record(b, p[0], p[1], 7, all, total);
			free(all);
			break;
		}
		case 5:
			if (p[0] < 128)
				build_switch(b);
			else
				build_up_to(b, 8 + p[1] % 16 * 8);
			break;
		case 6: /* it may be blanked as far as it got */
			*clean = false;
			if (b->geometry.block_size > 60000)
				build_up_to(b, 1024);
			build_aborted(b, oid_of(p[0]), oid_of(p[1]), 65000, p[2],
				b->geometry.block_size < 8192 ? p[3] % 8 : 0);
			break;
		case 8: /* an object is created, "go" or "in" */
			if (p[2] & 1)
				build_row_image(b, p[0] % 4 ? created.file : 1213,
					CREATED_FIRST + created.objects++, p[1] % 2 ? "go" : "in",
					p[3] % 6, (p[2] & 2) != 0);
			else
				build_row(b, p[0] % 4 ? created.file : 1213,
					CREATED_FIRST + created.objects++, p[1] % 2 ? "go" : "in");
			break;
		case 9:
			created.file = MOVED_FIRST + p[1];
			build_map(b, 1262, created.file);
			break;
		case 7: /* a byte that is not as it was written */
			*clean = false;
			n = (size_t) p[0] << 8 | p[1];
			if (n < b->len)
				b->bytes[b->len - 1 - n] ^= p[2];
			break;
	}
	return true;
}

/* *clean stays true if the WAL is such that nothing in it need be touched. */
static WalBuild
build_recipe(uint8_t how, BufReader *r, bool *clean)
{
	static const uint32_t blocks[] = {1024, 2048, 8192, 65536};
	uint32_t block = blocks[how >> 1 & 3];
	WalBuild b = build_begin(SEGMENT, block, START - 2 * (Lsn) block);

	created.objects = 0;
	created.file = 1262;
	while (build_step(&b, r, clean))
		;
	return b;
}

/* The bytes as they are. */
static WalBuild
build_as_is(BufReader *r)
{
	WalBuild b = build_begin(SEGMENT, 8192, START);
	const uint8_t *bytes;
	size_t n = buf_left(r);

	b.geometry.system_identifier = 0;
	if (buf_get_bytes(r, n, &bytes))
		build_raw(&b, bytes, n);
	if (n >= 16)
	{
		b.start = lsn_floor(load_le64(bytes + 8), 8192);
		/* no wrap, as nothing is that old */
		b.start &= UINT64_C(0x7fffffffffffffff);
	}
	return b;
}

static FilterRun
run_with(const WalBuild *b, WalScope *scope, Lsn want, size_t chunk)
{
	WalFilter *filter = filter_new(&b->geometry, scope);
	FilterRun run = run_from(filter, b->bytes, b->start, b->len, want,
		b->geometry.block_size, chunk);

	filter_free(filter);
	return run;
}

/* What goes over the first boundary of a segment. */
typedef struct First
{
	bool seen;
	bool straddles;
	Straddle straddle;
} First;

static bool
on_boundary(
	void *arg, Lsn boundary, const Straddle *straddle, ErrInfo *err UNUSED)
{
	First *first = arg;

	if (first->seen)
		return true;
	first->seen = true;
	first->straddles = straddle != NULL;
	if (straddle != NULL)
	{
		first->straddle = *straddle;
		must(straddle->boundary == boundary && straddle->record < boundary);
	}
	return true;
}

static bool
same(const uint8_t *a, const uint8_t *b, size_t n)
{
	return n == 0 || memcmp(a, b, n) == 0;
}

/* A filter that has met all that there is to meet. */
static WalFilter *
taught_filter(const WalBuild *b, uint8_t how, First *first)
{
	WalFilter *filter = filter_new(&b->geometry, new_scope(how));
	FilterRun run;

	filter_on_boundary(filter, on_boundary, first);
	run = run_filter(
		filter, b->bytes, b->start, b->len, b->start, b->start, b->len);
	run_end(&run);
	return filter;
}

/* From the first boundary on by what was told of it. */
static void
check_resume(const WalBuild *b, uint8_t how, const FilterRun *whole)
{
	First first = {0};
	WalFilter *filter = taught_filter(b, how, &first);

	if (first.straddles)
	{
		size_t at = (size_t) (first.straddle.boundary - b->start);
		FilterRun run = {.want = first.straddle.boundary};
		Lsn lsn;

		filter_resume(filter, run.want, &first.straddle);
		memcpy(
			filter_room(filter, b->len - at, &lsn), b->bytes + at, b->len - at);
		run.status = filter_push(filter, b->len - at, &run.err);
		must(run.status == FILTER_OK);
		run_take(&run, filter, NULL);
		must(run.len == (at < whole->len ? whole->len - at : 0));
		must(same(run.out, whole->out + at, run.len));
		run_end(&run);
	}
	filter_free(filter);
}

/* From somewhere in it. */
static void
check_start(const WalBuild *b, uint8_t how, size_t at, bool clean,
	const FilterRun *whole)
{
	First first = {0};
	WalFilter *filter = taught_filter(b, how, &first);
	FilterRun run = run_from(filter, b->bytes, b->start, b->len, b->start + at,
		b->geometry.block_size, 5000);

	/* what the fill behind a switch hides is seen only from within */
	must(run.status != FILTER_HALT || !clean);
	if (run.status == FILTER_OK)
	{
		must(run.len == (at < whole->len ? whole->len - at : 0));
		must(run.len == 0 || same(run.out, whole->out + at, run.len));
	}
	run_end(&run);
	filter_free(filter);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	BufReader r = buf_reader(data, len);
	WalBuild b;
	FilterRun whole;
	FilterRun other;
	uint8_t how;
	uint8_t chunk;
	bool clean;

	if (!buf_get_u8(&r, &how) || !buf_get_u8(&r, &chunk))
		return 0;
	clean = !(how & 1);
	b = how & 1 ? build_as_is(&r) : build_recipe(how, &r, &clean);
	if (b.len == 0)
		return 0;

	whole = run_with(&b, new_scope(how), b.start, b.len);
	must(whole.len <= b.len);
	must(whole.status != FILTER_HALT || whole.err.message[0] != '\0');

	/* in other portions: what both let out is the same */
	other = run_with(&b, new_scope(how), b.start,
		chunk == 0 ? CHUNK_RANDOM : chunk * (size_t) 37);
	must(other.status == whole.status);
	must(other.len == whole.len || whole.status != FILTER_OK);
	must(same(other.out, whole.out, Min(other.len, whole.len)));
	run_end(&other);

	if (whole.status == FILTER_OK && (how & 0x40))
		check_start(&b, how, b.len / 256 * chunk, clean, &whole);

	/* resumed by what was told of the first boundary */
	if (whole.status == FILTER_OK && clean)
		check_resume(&b, how, &whole);

	/* all in scope: nothing is changed, but what hides in the fill */
	other = run_with(&b, walscope_new(), b.start, b.len);
	must(!clean || same(other.out, b.bytes, other.len));
	run_end(&other);

	/* once more through the filter */
	if (whole.status == FILTER_OK && whole.len > 0)
	{
		WalBuild again = b;

		again.bytes = whole.out;
		again.len = whole.len;
		other = run_with(&again, new_scope(how), b.start, whole.len);
		must(other.status == FILTER_OK);
		must(same(other.out, whole.out, other.len));
		run_end(&other);
	}
	run_end(&whole);
	build_end(&b);
	return 0;
}
