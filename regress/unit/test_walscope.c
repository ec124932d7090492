/*
 * test_walscope.c
 *		Verdicts by OID: what is in, what is out, and who is told.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mutate.h"
#include "wal/walformat.h"
#include "wal/walscope.h"

#define LSN ((Lsn) 0x123456)

/* What a listener was told; it becomes the scope's. */
typedef struct Told
{
	unsigned count;
	ScopeKind kind;
	Oid oid;
	Oid source;      /* of a copy */
	uint32_t number; /* a transaction, or a file */
	Lsn lsn;
	char name[64];
	bool refuse;
	bool answer_in; /* an unknown OID, or a name, is in */
} Told;

static bool
tell(Told *told, ScopeKind kind, Oid oid, Lsn lsn, ErrInfo *err)
{
	told->count++;
	told->kind = kind;
	told->oid = oid;
	told->lsn = lsn;
	return !told->refuse || errinfo_set(err, SQLSTATE_IO_ERROR, "disk full");
}

static bool
on_unknown(void *arg, WalScope *scope, ScopeKind kind, Oid oid, uint32_t xid,
	Lsn lsn, ErrInfo *err)
{
	Told *told = arg;

	told->number = xid;
	if (told->answer_in)
		walscope_set(scope, kind, oid, SCOPE_IN);
	return tell(told, kind, oid, lsn, err);
}

static bool
on_named(void *arg, WalScope *scope, ScopeKind kind, Oid oid, const char *name,
	Lsn lsn, ErrInfo *err)
{
	Told *told = arg;

	snprintf(told->name, sizeof(told->name), "%s", name);
	walscope_set(scope, kind, oid, told->answer_in ? SCOPE_IN : SCOPE_OUT);
	return tell(told, kind, oid, lsn, err);
}

static bool
on_copied(void *arg, WalScope *scope UNUSED, Oid database, Oid source, Lsn lsn,
	ErrInfo *err)
{
	Told *told = arg;

	told->source = source;
	return tell(told, SCOPE_DATABASE, database, lsn, err);
}

static bool
on_moved(void *arg, WalScope *scope UNUSED, ScopeKind kind,
	uint32_t relfilenumber, Lsn lsn, ErrInfo *err)
{
	Told *told = arg;

	told->number = relfilenumber;
	return tell(told, kind, InvalidOid, lsn, err);
}

static Told *
listen_to(WalScope *scope)
{
	Told *told = calloc(1, sizeof(Told));

	walscope_listen(scope, &(ScopeListener){.named = on_named,
							   .unknown = on_unknown,
							   .copied = on_copied,
							   .moved = on_moved,
							   .free = free,
							   .arg = told});
	return told;
}

static bool
is_in(WalScope *scope, Oid database, Oid tablespace)
{
	ErrInfo err;
	bool in = false;

	assert_true(
		walscope_check(scope, database, tablespace, 77, LSN, &in, &err));
	return in;
}

static void
new_scope_is_open(void **state UNUSED)
{
	WalScope *scope = walscope_new();

	assert_true(walscope_is_open(scope));
	assert_true(is_in(scope, 16384, 16385));
	assert_true(is_in(scope, InvalidOid, InvalidOid));
	walscope_set(scope, SCOPE_DATABASE, 16384, SCOPE_IN);
	assert_true(walscope_is_open(scope));
	walscope_set(scope, SCOPE_TABLESPACE, 16390, SCOPE_OUT);
	assert_false(walscope_is_open(scope));
	walscope_set(scope, SCOPE_TABLESPACE, 16390, SCOPE_IN);
	assert_true(walscope_is_open(scope));
	walscope_set_default(scope, SCOPE_DATABASE, SCOPE_OUT);
	assert_false(walscope_is_open(scope));
	walscope_free(scope);
}

static void
both_have_to_be_in(void **state UNUSED)
{
	WalScope *scope = walscope_new();

	walscope_set(scope, SCOPE_DATABASE, 16384, SCOPE_OUT);
	walscope_set(scope, SCOPE_TABLESPACE, 16390, SCOPE_OUT);
	assert_false(is_in(scope, 16384, 1663));
	assert_false(is_in(scope, 16384, InvalidOid));
	assert_false(is_in(scope, 16384, 16390));
	assert_false(is_in(scope, 16385, 16390));
	assert_false(is_in(scope, InvalidOid, 16390));
	assert_true(is_in(scope, 16385, 1663));
	assert_true(is_in(scope, 16385, 16391));
	assert_true(is_in(scope, InvalidOid, InvalidOid));
	/* the same number as the other kind's */
	assert_true(is_in(scope, 16390, 16384));
	walscope_free(scope);
}

/* Shared objects, pg_default and pg_global: whatever is configured. */
static void
some_cannot_be_put_out(void **state UNUSED)
{
	WalScope *scope = walscope_new();

	walscope_set_default(scope, SCOPE_DATABASE, SCOPE_OUT);
	walscope_set_default(scope, SCOPE_TABLESPACE, SCOPE_OUT);
	walscope_set(scope, SCOPE_TABLESPACE, TABLESPACE_DEFAULT_OID, SCOPE_OUT);
	walscope_set(scope, SCOPE_TABLESPACE, TABLESPACE_GLOBAL_OID, SCOPE_OUT);
	walscope_set(scope, SCOPE_DATABASE, 16384, SCOPE_IN);
	assert_true(is_in(scope, InvalidOid, TABLESPACE_GLOBAL_OID));
	assert_true(is_in(scope, 16384, TABLESPACE_DEFAULT_OID));
	assert_true(is_in(scope, 16384, InvalidOid));
	assert_false(is_in(scope, 16385, TABLESPACE_DEFAULT_OID));
	assert_false(is_in(scope, 16384, 16390));
	walscope_free(scope);
}

static void
unknown_oids_get_the_default_once(void **state UNUSED)
{
	WalScope *scope = walscope_new();
	Told *told = listen_to(scope);
	ScopeVerdict verdict = SCOPE_OUT;

	assert_true(is_in(scope, 16384, 1663));
	assert_int_equal(told->count, 1);
	assert_true(walscope_get(scope, SCOPE_DATABASE, 16384, &verdict));
	assert_int_equal(verdict, SCOPE_IN);

	walscope_set_default(scope, SCOPE_DATABASE, SCOPE_OUT);
	assert_true(is_in(scope, 16384, 1663));
	assert_false(is_in(scope, 16385, 1663));
	assert_int_equal(told->count, 2);
	assert_int_equal(told->kind, SCOPE_DATABASE);
	assert_int_equal(told->oid, 16385);
	assert_int_equal(told->number, 77);
	assert_int_equal(told->lsn, LSN);
	assert_true(walscope_get(scope, SCOPE_DATABASE, 16385, &verdict));
	assert_int_equal(verdict, SCOPE_OUT);

	/* told once; and what was reached stays, whatever the default becomes */
	assert_false(is_in(scope, 16385, 1663));
	assert_false(is_in(scope, 16386, 1663));
	assert_false(is_in(scope, 16385, 1663));
	assert_int_equal(told->count, 3);
	walscope_set_default(scope, SCOPE_DATABASE, SCOPE_IN);
	assert_false(is_in(scope, 16385, 1663));
	assert_true(is_in(scope, 16387, 1663));
	walscope_free(scope);
}

static void
listener_answers_for_unknown_oids(void **state UNUSED)
{
	WalScope *scope = walscope_new();
	Told *told = listen_to(scope);

	walscope_set_default(scope, SCOPE_DATABASE, SCOPE_OUT);
	told->answer_in = true;
	assert_true(is_in(scope, 16384, 1663));
	told->answer_in = false;
	assert_true(is_in(scope, 16384, 1663));
	assert_false(is_in(scope, 16385, 1663));
	walscope_free(scope);
}

/* A name is the listener's to judge, and takes effect at once. */
static void
named_objects_get_a_verdict(void **state UNUSED)
{
	WalScope *scope = walscope_new();
	Told *told = listen_to(scope);
	ErrInfo err;

	assert_true(is_in(scope, 16384, 1663));
	assert_true(
		walscope_named(scope, SCOPE_DATABASE, 16384, "secret", LSN, &err));
	assert_string_equal(told->name, "secret");
	assert_false(is_in(scope, 16384, 1663));
	told->refuse = true;
	assert_false(
		walscope_named(scope, SCOPE_TABLESPACE, 16390, "spc", LSN, &err));
	assert_string_equal(err.message, "disk full");
	walscope_free(scope);

	scope = walscope_new();
	assert_true(
		walscope_named(scope, SCOPE_DATABASE, 16384, "secret", LSN, &err));
	assert_true(is_in(scope, 16384, 1663));
	walscope_free(scope);
}

/* A catalog is known by every file that it ever lay in. */
static void
catalogs_move(void **state UNUSED)
{
	WalScope *scope = walscope_new();
	WalScope *other = walscope_new();
	Told *told = listen_to(scope);
	ScopeKind kind;
	ErrInfo err;

	assert_true(walscope_catalog_kind(scope, 1262, &kind));
	assert_int_equal(kind, SCOPE_DATABASE);
	assert_true(walscope_catalog_kind(scope, 1213, &kind));
	assert_int_equal(kind, SCOPE_TABLESPACE);
	assert_false(walscope_catalog_kind(scope, 16400, &kind));
	told->refuse = true;
	assert_false(walscope_moved(scope, SCOPE_DATABASE, 16400, LSN, &err));
	assert_false(walscope_catalog_kind(scope, 16400, &kind));
	told->refuse = false;
	assert_true(walscope_moved(scope, SCOPE_DATABASE, 16400, LSN, &err));
	assert_int_equal(told->count, 2);
	assert_int_equal(told->number, 16400);
	/* what is known, or is nothing, is no news */
	assert_true(walscope_moved(scope, SCOPE_DATABASE, 16400, LSN, &err));
	assert_true(walscope_moved(scope, SCOPE_TABLESPACE, 0, LSN, &err));
	assert_int_equal(told->count, 2);
	assert_true(walscope_catalog_kind(scope, 1262, &kind));
	assert_true(walscope_catalog_kind(scope, 16400, &kind));
	assert_int_equal(kind, SCOPE_DATABASE);

	walscope_add_catalog(other, SCOPE_TABLESPACE, 16500);
	walscope_narrow(scope, other);
	assert_true(walscope_catalog_kind(scope, 16500, &kind));
	assert_int_equal(kind, SCOPE_TABLESPACE);
	walscope_free(scope);
	walscope_free(other);
}

static void
listener_has_the_last_word(void **state UNUSED)
{
	WalScope *scope = walscope_new();
	Told *told = listen_to(scope);
	ErrInfo err;
	ScopeVerdict verdict;
	bool in = true;

	walscope_set_default(scope, SCOPE_TABLESPACE, SCOPE_OUT);
	told->refuse = true;
	assert_false(walscope_check(scope, 16384, 16390, 0, LSN, &in, &err));
	assert_string_equal(err.message, "disk full");
	assert_false(walscope_get(scope, SCOPE_TABLESPACE, 16390, &verdict));
	assert_false(walscope_copied(scope, 16384, 16385, LSN, &err));
	assert_false(walscope_get(scope, SCOPE_DATABASE, 16384, &verdict));
	/* it is asked again */
	told->refuse = false;
	assert_true(walscope_check(scope, 16384, 16390, 0, LSN, &in, &err));
	assert_false(in);
	assert_int_equal(told->count, 4);
	walscope_free(scope);
}

static void
listener_can_be_taken(void **state UNUSED)
{
	WalScope *scope = walscope_new();
	Told *told = listen_to(scope);
	ScopeListener taken = walscope_take_listener(scope);
	ErrInfo err;

	assert_ptr_equal(taken.arg, told);
	/* nobody is told any more */
	assert_true(is_in(scope, 16384, 16385));
	assert_int_equal(told->count, 0);
	assert_null(walscope_take_listener(scope).free);
	/* who took it may put it back, or free what is his now */
	walscope_listen(scope, &taken);
	assert_true(walscope_copied(scope, 16386, 16385, LSN, &err));
	assert_int_equal(told->count, 1);
	walscope_free(scope);
}

static void
exclude_overrides_the_last_answer(void **state UNUSED)
{
	WalScope *scope = walscope_new();
	Told *told = listen_to(scope);
	ErrInfo err;

	assert_true(is_in(scope, 16384, 1663));
	assert_true(walscope_copied(scope, 16384, 16385, LSN, &err));
	assert_false(is_in(scope, 16384, 1663));
	assert_int_equal(told->count, 2);
	assert_int_equal(told->source, 16385);
	walscope_free(scope);
}

static bool
is_in_at(WalScope *scope, Oid database, Lsn lsn)
{
	ErrInfo err;
	bool in = false;

	assert_true(walscope_check(scope, database, 1663, 0, lsn, &in, &err));
	return in;
}

/* What began before has been sent as it was. */
static void
out_may_begin_somewhere(void **state UNUSED)
{
	WalScope *scope = walscope_new();
	WalScope *other = walscope_new();
	Lsn since;
	ErrInfo err;

	walscope_set_out(scope, SCOPE_DATABASE, 16384, 1000);
	assert_false(walscope_is_open(scope));
	/* in any order: the last answer must not stick */
	assert_true(is_in_at(scope, 16384, 999));
	assert_false(is_in_at(scope, 16384, 1000));
	assert_true(is_in_at(scope, 16384, 8));
	assert_false(is_in_at(scope, 16384, UINT64_MAX));

	/* and it is told since when, if it is out */
	assert_true(walscope_get_since(scope, SCOPE_DATABASE, 16384, &since));
	assert_int_equal(since, 1000);
	assert_false(walscope_get_since(scope, SCOPE_DATABASE, 16400, &since));
	walscope_set(scope, SCOPE_DATABASE, 16400, SCOPE_IN);
	assert_false(walscope_get_since(scope, SCOPE_DATABASE, 16400, &since));

	/* narrowed: the earlier of both */
	walscope_set_out(other, SCOPE_DATABASE, 16384, 500);
	walscope_set_out(other, SCOPE_DATABASE, 16385, 700);
	walscope_narrow(scope, other);
	assert_true(is_in_at(scope, 16384, 499));
	assert_false(is_in_at(scope, 16384, 500));
	assert_true(is_in_at(scope, 16385, 699));
	assert_false(is_in_at(scope, 16385, 700));

	/* a copy is out from its record on */
	assert_true(walscope_copied(scope, 16386, 16385, 2000, &err));
	assert_true(is_in_at(scope, 16386, 1999));
	assert_false(is_in_at(scope, 16386, 2000));

	/* by default: all of it */
	walscope_set_default(scope, SCOPE_DATABASE, SCOPE_OUT);
	assert_false(is_in_at(scope, 16387, 3000));
	assert_false(is_in_at(scope, 16387, 1));
	walscope_free(scope);
	walscope_free(other);
}

/* For each state of an OID in both scopes: out if it is out in one of them. */
static void
narrow_is_never_wider(void **state UNUSED)
{
	for (unsigned bits = 0; bits < 4; bits++)
	{
		ScopeVerdict defaults[2] = {
			bits & 1 ? SCOPE_OUT : SCOPE_IN, bits & 2 ? SCOPE_OUT : SCOPE_IN};
		WalScope *scopes[2] = {walscope_new(), walscope_new()};
		bool want[9];

		for (int s = 0; s < 2; s++)
			walscope_set_default(scopes[s], SCOPE_DATABASE, defaults[s]);
		/* unknown, in, out: by all pairs */
		for (unsigned i = 0; i < 9; i++)
		{
			unsigned states[2] = {i % 3, i / 3};

			want[i] = true;
			for (int s = 0; s < 2; s++)
			{
				if (states[s] != 0)
					walscope_set(scopes[s], SCOPE_DATABASE, 20000 + i,
						states[s] == 1 ? SCOPE_IN : SCOPE_OUT);
				want[i] &=
					states[s] == 0 ? defaults[s] == SCOPE_IN : states[s] == 1;
			}
		}
		walscope_narrow(scopes[0], scopes[1]);
		for (unsigned i = 0; i < 9; i++)
			assert_int_equal(is_in(scopes[0], 20000 + i, 1663), want[i]);
		assert_int_equal(is_in(scopes[0], 30000, 1663), bits == 0);
		walscope_free(scopes[0]);
		walscope_free(scopes[1]);
	}
}

/*
 * An object that the scope before would have asked for has not gone by: the standby
 * lacks nothing of it, and what the scope of now says of it holds.
 */
static void
narrow_leaves_what_is_to_come(void **state UNUSED)
{
	WalScope *scope = walscope_new();
	WalScope *other = walscope_new();
	Told *told = listen_to(scope);
	Told *other_told = listen_to(other);

	walscope_set_default(other, SCOPE_DATABASE, SCOPE_OUT);
	walscope_set_default(scope, SCOPE_DATABASE, SCOPE_OUT);
	walscope_set(other, SCOPE_DATABASE, 16384, SCOPE_IN);
	walscope_set(other, SCOPE_DATABASE, 16385, SCOPE_OUT);
	walscope_set(other, SCOPE_DATABASE, 16387, SCOPE_IN);
	walscope_set(scope, SCOPE_DATABASE, 16384, SCOPE_IN);
	walscope_set(scope, SCOPE_DATABASE, 16385, SCOPE_IN);
	walscope_set(scope, SCOPE_DATABASE, 16386, SCOPE_IN);
	walscope_narrow(scope, other);
	assert_true(is_in(scope, 16384, 1663));
	assert_false(is_in(scope, 16385, 1663));
	assert_true(is_in(scope, 16386, 1663));
	assert_int_equal(told->count, 0);
	/* what only the other knew is asked for */
	told->answer_in = true;
	assert_true(is_in(scope, 16387, 1663));
	assert_int_equal(told->count, 1);
	assert_int_equal(other_told->count, 0);
	walscope_free(scope);
	walscope_free(other);
}

/* Many OIDs in any order, against a plain array. */
static void
many_oids(void **state UNUSED)
{
	WalScope *scope = walscope_new();
	uint8_t model[1000] = {0}; /* 1 in, 2 out */
	uint64_t seed = 99;

	for (int i = 0; i < 20000; i++)
	{
		uint32_t at = random_next(&seed) % 1000;
		bool out = random_next(&seed) % 2;

		if (random_next(&seed) % 4 == 0)
		{
			model[at] = out ? 2 : 1;
			walscope_set(scope, SCOPE_DATABASE, 16384 + at * 3,
				out ? SCOPE_OUT : SCOPE_IN);
		}
		at = random_next(&seed) % 1000;
		assert_int_equal(
			is_in(scope, 16384 + at * 3, InvalidOid), model[at] != 2);
	}
	walscope_free(scope);
	walscope_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_scope_is_open),
		cmocka_unit_test(both_have_to_be_in),
		cmocka_unit_test(some_cannot_be_put_out),
		cmocka_unit_test(unknown_oids_get_the_default_once),
		cmocka_unit_test(listener_answers_for_unknown_oids),
		cmocka_unit_test(named_objects_get_a_verdict),
		cmocka_unit_test(catalogs_move),
		cmocka_unit_test(listener_has_the_last_word),
		cmocka_unit_test(listener_can_be_taken),
		cmocka_unit_test(exclude_overrides_the_last_answer),
		cmocka_unit_test(out_may_begin_somewhere),
		cmocka_unit_test(narrow_is_never_wider),
		cmocka_unit_test(narrow_leaves_what_is_to_come),
		cmocka_unit_test(many_oids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
