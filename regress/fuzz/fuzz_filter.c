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
#define BUILD_MAX (3 * SEGMENT)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A fact that does not hold ends the program, as a sanitizer does. */
static void
must(bool fact)
{
	if (!fact)
		abort();
}

/* Small numbers of the recipe become OIDs that mean something. */
static Oid
oid_of(uint8_t v)
{
	static const Oid oids[] = {0, 1, 5, 1663, 1664, 16384, 16385, 16386, 16387};

	return v < lengthof(oids) ? oids[v] : v * UINT32_C(0x01010101);
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
	switch (op % 8)
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

static bool
same(const uint8_t *a, const uint8_t *b, size_t n)
{
	return n == 0 || memcmp(a, b, n) == 0;
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

	/* from somewhere in it */
	if (whole.status == FILTER_OK && (how & 0x40))
	{
		size_t at = b.len / 256 * chunk;

		other = run_with(&b, new_scope(how), b.start + at, 5000);
		/* what the fill behind a switch hides is seen only from within */
		must(other.status != FILTER_HALT || !clean);
		if (other.status == FILTER_OK)
		{
			must(other.len == (at < whole.len ? whole.len - at : 0));
			must(other.len == 0 || same(other.out, whole.out + at, other.len));
		}
		run_end(&other);
	}

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
