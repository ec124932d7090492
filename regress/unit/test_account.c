/*
 * test_account.c
 *		What can be proven by a ledger: that of a stream in good order, of one that
 *		was cut off, and of one that began again by another filter.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../contrib/walcat/account.h"
#include "state/ledger.h"

#define SEGMENT ((Lsn) 1 << 20)
#define AT(n) ((n) *SEGMENT)
#define SECRET ((Oid) 16385)

/* A state directory with one ledger in it. */
typedef struct Place
{
	char directory[64];
	char path[128];
	LedgerKey key;
} Place;

static int
make_place(void **state)
{
	Place *p = calloc(1, sizeof(Place));

	snprintf(p->directory, sizeof(p->directory), "/tmp/test_account.XXXXXX");
	assert_non_null(mkdtemp(p->directory));
	snprintf(p->path, sizeof(p->path), "%s/ledger/r/u@a", p->directory);
	p->key = (LedgerKey){
		.state_directory = p->directory,
		.rule = "r",
		.user = "u",
		.application_name = "a",
		.system_identifier = 4711,
	};
	*state = p;
	return 0;
}

static int
remove_place(void **state)
{
	Place *p = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", p->directory);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

static Ledger *
begin(const Place *p, Lsn lsn, uint64_t digest)
{
	ErrInfo err;
	Ledger *ledger = ledger_open(&p->key, &err);

	assert_non_null(ledger);
	assert_true(ledger_begin(ledger, lsn, 1, digest, &err));
	return ledger;
}

/* Records of the database and of another one, up to an LSN. */
static void
give(Ledger *ledger, Lsn to, unsigned kept, unsigned blanked)
{
	Tally tally = {0};
	ErrInfo err;

	tally_add(&tally, 16384, 100, false);
	for (unsigned i = 0; i < kept; i++)
		tally_add(&tally, SECRET, 50, false);
	for (unsigned i = 0; i < blanked; i++)
		tally_add(&tally, SECRET, 50, true);
	assert_true(ledger_range(ledger, to, &tally, NULL, &err));
	tally_clear(&tally);
}

static void
end(Ledger *ledger, Lsn lsn)
{
	ErrInfo err;

	assert_true(ledger_end(ledger, lsn, &err));
	ledger_close(ledger);
}

/* By a journal in which the lists have never been others than these. */
static void
read_with(const Place *p, const Decisions *decisions, Oid database, Account *a)
{
	ErrInfo err;

	assert_true(account_read(a, p->path, decisions, database, 0, &err));
	assert_int_equal(a->system_identifier, 4711);
}

static void
read_place(const Place *p, Account *a)
{
	static const Decisions unchanged = {
		.exists = true, .digest_count = 1, .digest = 1};

	read_with(p, &unchanged, SECRET, a);
}

static bool
has_gap(const Account *a, Lsn from, Lsn to, Span *gap)
{
	return account_gap(a, (Span){from, to}, gap);
}

/* Whether the stream leaves anything open; what, in *part. */
static bool
is_open(const Account *a, size_t stream, Span *part)
{
	const Stream *s = &a->streams[stream];

	return account_open_part(a, s, account_unwritten(a, s), part);
}

static void
ranges_are_united(void **state)
{
	const Place *p = *state;
	Ledger *ledger = begin(p, AT(3), 1);
	Account a;
	Span span;

	give(ledger, AT(4), 0, 7);
	give(ledger, AT(5), 2, 0);
	give(ledger, AT(5) + 5000, 0, 0);
	end(ledger, AT(5) + 5000);
	ledger = begin(p, AT(5), 1);
	give(ledger, AT(6), 0, 1);
	end(ledger, AT(6));
	ledger = begin(p, AT(8), 1);
	give(ledger, AT(9), 0, 0);
	end(ledger, AT(9));

	read_place(p, &a);
	assert_int_equal(a.stream_count, 3);
	assert_int_equal(a.streams[0].state, STREAM_ENDED);
	assert_int_equal(a.streams[0].to, AT(5) + 5000);
	assert_int_equal(a.span_count, 2);
	assert_int_equal(a.spans[0].from, AT(3));
	assert_int_equal(a.spans[0].to, AT(6));
	assert_false(has_gap(&a, AT(3), AT(6), &span));
	assert_false(has_gap(&a, AT(3) + 8, AT(3) + 16, &span));
	assert_true(has_gap(&a, AT(2), AT(4), &span));
	assert_int_equal(span.from, AT(2));
	assert_int_equal(span.to, AT(3));
	assert_true(has_gap(&a, AT(5), AT(20), &span));
	assert_int_equal(span.from, AT(6));
	assert_int_equal(span.to, AT(8));
	assert_true(has_gap(&a, AT(8), AT(9) + 1, &span));
	assert_int_equal(span.from, AT(9));
	assert_true(has_gap(&a, AT(30), AT(31), &span));
	/* nothing was left without a word */
	for (size_t i = 0; i < a.stream_count; i++)
		assert_false(is_open(&a, i, &span));
	/* the counts of the database */
	assert_int_equal(a.ranges[0].kept_records, 0);
	assert_int_equal(a.ranges[0].blanked_records, 7);
	assert_int_equal(a.ranges[1].kept_records, 2);
	assert_int_equal(a.ranges[1].kept_bytes, 100);
	assert_int_equal(a.total.counts[0].database, 16384);
	assert_int_equal(a.total.counts[0].kept_records, 5);
	account_clear(&a);
}

static void
cut_off_is_open_for_a_segment(void **state)
{
	const Place *p = *state;
	Ledger *ledger = begin(p, AT(2), 1);
	Account a;
	Span span;

	give(ledger, AT(3), 0, 0);
	give(ledger, AT(4), 0, 0);
	give(ledger, AT(5), 0, 0);
	ledger_close(ledger);

	read_place(p, &a);
	assert_int_equal(a.streams[0].state, STREAM_OPEN);
	/* by the boundaries in it, segments are of 1 MB at most */
	assert_int_equal(a.segment_size, SEGMENT);
	assert_true(is_open(&a, 0, &span));
	assert_int_equal(span.from, AT(5));
	assert_int_equal(span.to, AT(6));
	account_clear(&a);

	/* the same filter delivers it again, half of it at first */
	ledger = begin(p, AT(5), 1);
	give(ledger, AT(5) + SEGMENT / 2, 0, 1);
	read_place(p, &a);
	assert_true(is_open(&a, 0, &span));
	assert_int_equal(span.from, AT(5) + SEGMENT / 2);
	assert_int_equal(span.to, AT(6));
	account_clear(&a);
	give(ledger, AT(6), 0, 1);
	end(ledger, AT(6));
	read_place(p, &a);
	assert_false(is_open(&a, 0, &span));
	account_clear(&a);
}

static void
another_filter_proves_nothing(void **state)
{
	const Place *p = *state;
	Ledger *ledger = begin(p, AT(2), 1);
	Account a;
	Span span;

	give(ledger, AT(3), 0, 0);
	give(ledger, AT(4), 0, 0);
	give(ledger, AT(5), 0, 0);
	ledger_close(ledger);
	ledger = begin(p, AT(5), 2);
	give(ledger, AT(7), 0, 1);
	end(ledger, AT(7));
	read_place(p, &a);
	assert_true(is_open(&a, 0, &span));
	assert_int_equal(span.from, AT(5));
	assert_int_equal(span.to, AT(6));
	account_clear(&a);
}

static void
nor_does_what_came_after_a_rescope(void **state)
{
	const Place *p = *state;
	Ledger *ledger = begin(p, AT(3), 1);
	ErrInfo err;
	Account a;
	Span span;

	give(ledger, AT(4), 0, 0);
	give(ledger, AT(5), 0, 0);
	ledger_close(ledger);
	assert_true(ledger_forget(p->directory, "r", &err));
	ledger = begin(p, AT(5), 1);
	give(ledger, AT(7), 0, 1);
	end(ledger, AT(7));
	read_place(p, &a);
	assert_int_equal(a.rescope_count, 1);
	assert_true(is_open(&a, 0, &span));
	assert_false(is_open(&a, 1, &span));
	account_clear(&a);
}

/* A stream that was cut off at 5, by lists 1; another one, by lists, goes on. */
static void
make_cut_off(const Place *p, uint64_t lists, unsigned blanked)
{
	Ledger *ledger = begin(p, AT(2), 1);

	give(ledger, AT(3), 0, 0);
	give(ledger, AT(5), 0, 0);
	ledger_close(ledger);
	ledger = begin(p, AT(5), lists);
	give(ledger, AT(7), 0, blanked);
	end(ledger, AT(7));
}

static void
where_nothing_is_no_filter_matters(void **state)
{
	const Place *p = *state;
	Decisions none = {0};
	Account a;
	Span span;

	make_cut_off(p, 2, 0);
	read_with(p, &none, SECRET, &a);
	assert_false(is_open(&a, 0, &span));
	account_clear(&a);
	/* there are records of that one */
	read_with(p, &none, 16384, &a);
	assert_true(is_open(&a, 0, &span));
	account_clear(&a);
	/* nobody asked: the lists are others */
	read_with(p, &none, InvalidOid, &a);
	assert_true(is_open(&a, 0, &span));
	account_clear(&a);
}

static void
the_journal_bears_out_the_lists(void **state)
{
	const Place *p = *state;
	Decisions d = {0};
	Account a;
	Span span;

	make_cut_off(p, 1, 3);
	/* nobody asked */
	read_with(p, &d, InvalidOid, &a);
	assert_false(is_open(&a, 0, &span));
	account_clear(&a);
	/* the lists may have been others for a while: out by those, and since then */
	read_with(p, &d, SECRET, &a);
	assert_true(is_open(&a, 0, &span));
	account_clear(&a);
	d = (Decisions){.exists = true, .digest_count = 3, .digest = 1};
	read_with(p, &d, SECRET, &a);
	assert_true(is_open(&a, 0, &span));
	account_clear(&a);
	d.digest_count = 1;
	read_with(p, &d, SECRET, &a);
	assert_false(is_open(&a, 0, &span));
	account_clear(&a);
}

static void
out_from_the_first_on(void **state)
{
	const Place *p = *state;
	FirstDecision first = {
		.kind = SCOPE_DATABASE, .oid = SECRET, .verdict = SCOPE_OUT};
	Decisions d = {.exists = true,
		.items = &first,
		.count = 1,
		.digest_count = 9,
		.digest = 9};
	ErrInfo err;
	Account a;
	Span span;

	make_cut_off(p, 2, 3);
	read_with(p, &d, SECRET, &a);
	assert_false(is_open(&a, 0, &span));
	account_clear(&a);
	/* of another one that proves nothing */
	read_with(p, &d, 16384, &a);
	assert_true(is_open(&a, 0, &span));
	account_clear(&a);
	/* nor if it was let through at first, or up to somewhere */
	first.since = AT(5) + 8;
	read_with(p, &d, SECRET, &a);
	assert_true(is_open(&a, 0, &span));
	account_clear(&a);
	first.verdict = SCOPE_IN;
	first.since = InvalidLsn;
	read_with(p, &d, SECRET, &a);
	assert_true(is_open(&a, 0, &span));
	account_clear(&a);
	/* nor for what came before the journal was begun anew */
	first.verdict = SCOPE_OUT;
	assert_true(ledger_forget(p->directory, "r", &err));
	read_with(p, &d, SECRET, &a);
	assert_true(is_open(&a, 0, &span));
	account_clear(&a);
}

/* More databases than a line takes: the range has several. */
static void
ranges_may_have_several_lines(void **state)
{
	const Place *p = *state;
	Ledger *ledger = begin(p, AT(2), 1);
	Tally tally = {0};
	ErrInfo err;
	Account a;
	Span span;

	for (Oid oid = 16384; oid < 16384 + 4000; oid++)
		tally_add(&tally, oid, 100, oid != 20000);
	assert_true(ledger_range(ledger, AT(3), &tally, NULL, &err));
	tally_clear(&tally);
	give(ledger, AT(4), 0, 0);
	ledger_close(ledger);
	read_with(p, &(Decisions){0}, 20000, &a);
	assert_int_equal(a.range_count, 2);
	assert_int_equal(a.ranges[0].kept_records, 1);
	assert_int_equal(a.total.count, 4000);
	assert_int_equal(a.segment_size, SEGMENT);
	assert_false(has_gap(&a, AT(2), AT(4), &span));
	account_clear(&a);
	read_with(p, &(Decisions){0}, 16384 + 3999, &a);
	assert_int_equal(a.ranges[0].kept_records, 0);
	assert_int_equal(a.ranges[0].blanked_records, 1);
	account_clear(&a);
}

static void
another_timeline_is_another_wal(void **state)
{
	const Place *p = *state;
	Ledger *ledger = begin(p, AT(2), 1);
	ErrInfo err;
	Account a;
	Span span;

	give(ledger, AT(3), 0, 0);
	ledger_close(ledger);
	ledger = ledger_open(&p->key, &err);
	assert_non_null(ledger);
	assert_true(ledger_begin(ledger, AT(3), 2, 1, &err));
	give(ledger, AT(5), 0, 0);
	end(ledger, AT(5));
	read_place(p, &a);
	assert_true(is_open(&a, 0, &span));
	account_clear(&a);
}

static void
filter_may_change_within_a_session(void **state)
{
	const Place *p = *state;
	Ledger *ledger = begin(p, AT(3), 1);
	ErrInfo err;
	Account a;
	Span span;

	give(ledger, AT(4) + 4096, 0, 0);
	assert_true(ledger_begin(ledger, AT(4) + 4096, 1, 2, &err));
	give(ledger, AT(5), 0, 0);
	ledger_close(ledger);
	read_place(p, &a);
	assert_int_equal(a.stream_count, 2);
	assert_int_equal(a.streams[0].state, STREAM_CHANGED);
	assert_false(is_open(&a, 0, &span));
	assert_int_equal(a.streams[1].state, STREAM_OPEN);
	assert_int_equal(a.streams[1].digest, 2);
	/* no boundary of a segment is known: it may be a large one */
	assert_int_equal(a.segment_size, 1 << 30);
	assert_true(is_open(&a, 1, &span));
	assert_int_equal(span.from, AT(5));
	assert_int_equal(span.to, 1 << 30);
	account_clear(&a);
}

static void
an_end_that_says_too_much(void **state)
{
	const Place *p = *state;
	Ledger *ledger = begin(p, AT(3), 1);
	Account a;
	Span span;

	give(ledger, AT(4), 0, 0);
	end(ledger, AT(4) + 800);
	read_place(p, &a);
	assert_true(is_open(&a, 0, &span));
	assert_int_equal(span.from, AT(4));
	assert_int_equal(span.to, AT(4) + 800);
	account_clear(&a);
}

static void
missing_ledger_is_an_error(void **state)
{
	const Place *p = *state;
	Decisions none = {0};
	ErrInfo err;
	Account a;

	assert_false(account_read(&a, p->path, &none, SECRET, 0, &err));
	assert_non_null(strstr(err.message, "u@a"));
	account_clear(&a);
}

#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ranges_are_united),
		CASE(cut_off_is_open_for_a_segment),
		CASE(another_filter_proves_nothing),
		CASE(nor_does_what_came_after_a_rescope),
		CASE(where_nothing_is_no_filter_matters),
		CASE(the_journal_bears_out_the_lists),
		CASE(out_from_the_first_on),
		CASE(ranges_may_have_several_lines),
		CASE(another_timeline_is_another_wal),
		CASE(filter_may_change_within_a_session),
		CASE(an_end_that_says_too_much),
		CASE(missing_ledger_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
