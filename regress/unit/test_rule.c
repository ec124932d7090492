/*
 * test_rule.c
 *		Which rule a client gets, and the digest of what a rule withholds.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "conf/rule.h"
#include "util/mem.h"

static struct sockaddr_in
ipv4(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	return in;
}

static NetCidr
network(const char *text)
{
	NetCidr cidr;

	assert_true(net_cidr_parse(text, &cidr));
	return cidr;
}

/* The name of the rule for a client, "-" if none. */
static const char *
match(const Rule *rules, size_t count, const char *user, const char *app,
	const char *peer)
{
	struct sockaddr_in in;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const struct sockaddr *addr = (const struct sockaddr *) &un;
	const Rule *rule;

	if (peer != NULL)
	{
		in = ipv4(peer);
		addr = (const struct sockaddr *) &in;
	}
	rule = rule_match(rules, count, user, app, addr);
	return rule != NULL ? rule->name : "-";
}

static void
first_rule_that_fits_decides(void **state UNUSED)
{
	NetCidr sources[] = {network("192.0.2.0/24"), network("198.51.100.7")};
	Rule rules[] = {
		{.name = (char *) "all-three",
			.user = (char *) "berlin",
			.application_name = (char *) "b1",
			.sources = sources,
			.source_count = 2},
		{.name = (char *) "user", .user = (char *) "berlin"},
		{.name = (char *) "app", .application_name = (char *) "b1"},
		{.name = (char *) "source", .sources = sources, .source_count = 1},
	};

	assert_string_equal(
		match(rules, 4, "berlin", "b1", "192.0.2.4"), "all-three");
	assert_string_equal(
		match(rules, 4, "berlin", "b1", "198.51.100.7"), "all-three");
	assert_string_equal(match(rules, 4, "berlin", "b1", "203.0.113.1"), "user");
	assert_string_equal(match(rules, 4, "berlin", "b1", NULL), "user");
	assert_string_equal(match(rules, 4, "paris", "b1", "192.0.2.4"), "app");
	assert_string_equal(match(rules, 4, "paris", "", "192.0.2.4"), "source");
	assert_string_equal(match(rules, 4, "paris", "", "198.51.100.7"), "-");
	assert_string_equal(match(rules, 4, "paris", "", NULL), "-");
	/* exactly: no case folding, no prefixes */
	assert_string_equal(match(rules, 3, "Berlin", "", "192.0.2.4"), "-");
	assert_string_equal(match(rules, 3, "berlin2", "b", "192.0.2.4"), "-");
	assert_string_equal(match(rules, 0, "berlin", "b1", "192.0.2.4"), "-");
}

static void
rule_without_conditions_fits_everybody(void **state UNUSED)
{
	Rule rule = {.name = (char *) "everything"};

	assert_string_equal(match(&rule, 1, "anybody", "", NULL), "everything");
	assert_string_equal(match(&rule, 1, "", "x", "203.0.113.1"), "everything");
}

static RuleList
list_of(size_t count, const char **items)
{
	RuleList list = {.given = true, .names = {(char **) items, count}};

	return list;
}

static void
names_are_found(void **state UNUSED)
{
	const char *items[] = {"app", "postgres"};
	RuleList list = list_of(2, items);

	assert_true(rule_names_contain(&list.names, "app"));
	assert_true(rule_names_contain(&list.names, "postgres"));
	assert_false(rule_names_contain(&list.names, "App"));
	assert_false(rule_names_contain(&list.names, ""));
	list.names.count = 0;
	assert_false(rule_names_contain(&list.names, "app"));
}

static void
filter_is_what_can_withhold(void **state UNUSED)
{
	const char *items[] = {"app"};
	Rule rule = {0};

	assert_false(rule_has_filter(&rule));
	rule.filter.include_databases.given = true; /* and empty: nothing at all */
	assert_true(rule_has_filter(&rule));
	rule.filter.include_databases.given = false;
	rule.filter.include_tablespaces.given = true;
	assert_true(rule_has_filter(&rule));
	rule.filter.include_tablespaces.given = false;
	rule.filter.exclude_databases.given = true; /* and empty: all */
	assert_false(rule_has_filter(&rule));
	rule.filter.exclude_databases = list_of(1, items);
	assert_true(rule_has_filter(&rule));
	rule.filter.exclude_databases = (RuleList){0};
	rule.filter.exclude_tablespaces = list_of(1, items);
	assert_true(rule_has_filter(&rule));
}

static void
digest_does_not_see_order_or_repetition(void **state UNUSED)
{
	const char *abc[] = {"a", "b", "c"};
	const char *cab[] = {"c", "a", "b"};
	const char *abcb[] = {"a", "b", "c", "b"};
	RuleFilter f = {.exclude_databases = list_of(3, abc)};
	RuleFilter g = {.exclude_databases = list_of(3, cab)};
	RuleFilter h = {.exclude_databases = list_of(4, abcb)};

	assert_true(rule_filter_digest(&f) == rule_filter_digest(&g));
	assert_true(rule_filter_digest(&f) == rule_filter_digest(&h));
	assert_string_equal(cab[0], "c"); /* sorted in a copy */
}

static void
digest_tells_filters_apart(void **state UNUSED)
{
	const char *a[] = {"a"};
	const char *ab[] = {"a", "b"};
	const char *joined[] = {"ab"};
	const char *b[] = {"b"};
	RuleFilter filters[] = {
		{.include_databases = {0}},
		{.include_databases = list_of(0, a)}, /* given but empty */
		{.exclude_databases = list_of(0, a)},
		{.include_tablespaces = list_of(0, a)},
		{.exclude_tablespaces = list_of(0, a)},
		{.include_databases = list_of(1, a)},
		{.exclude_databases = list_of(1, a)},
		{.include_tablespaces = list_of(1, a)},
		{.exclude_tablespaces = list_of(1, a)},
		{.include_databases = list_of(2, ab)},
		{.include_databases = list_of(1, joined)},
		{.include_databases = list_of(1, a),
			.include_tablespaces = list_of(1, b)},
		{.include_databases = list_of(1, b),
			.include_tablespaces = list_of(1, a)},
		{.include_databases = list_of(0, a),
			.include_tablespaces = list_of(1, a)},
	};

	for (size_t i = 0; i < lengthof(filters); i++)
	{
		for (size_t j = 0; j < i; j++)
			assert_false(rule_filter_digest(&filters[i]) ==
						 rule_filter_digest(&filters[j]));
	}
}

/*
 * Digests are kept on disk.  Computed apart from this code: FNV-1a of no bytes,
 * and of "Dapp\0shop\0\0".
 */
static void
digest_stays_the_same_over_versions(void **state UNUSED)
{
	const char *items[] = {"shop", "app"};
	RuleFilter none = {.include_databases = {0}};
	RuleFilter two = {.exclude_databases = list_of(2, items)};

	assert_true(rule_filter_digest(&none) == UINT64_C(0xcbf29ce484222325));
	assert_true(rule_filter_digest(&two) == UINT64_C(0x1a06844dbb02091e));
}

static void
cleared_rule_is_empty(void **state UNUSED)
{
	Rule rule = {.name = mem_strdup("x"),
		.user = mem_strdup("u"),
		.application_name = mem_strdup("a"),
		.sources = mem_alloc0(sizeof(NetCidr)),
		.source_count = 1};

	rule.filter.include_databases.given = true;
	rule.filter.include_databases.names.items = mem_alloc(sizeof(char *));
	rule.filter.include_databases.names.items[0] = mem_strdup("d");
	rule.filter.include_databases.names.count = 1;
	rule_clear(&rule);
	assert_null(rule.name);
	assert_false(rule_has_filter(&rule));
	rule_clear(&rule);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_rule_that_fits_decides),
		cmocka_unit_test(rule_without_conditions_fits_everybody),
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(filter_is_what_can_withhold),
		cmocka_unit_test(digest_does_not_see_order_or_repetition),
		cmocka_unit_test(digest_tells_filters_apart),
		cmocka_unit_test(digest_stays_the_same_over_versions),
		cmocka_unit_test(cleared_rule_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
