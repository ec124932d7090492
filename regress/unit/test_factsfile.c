/*
 * test_factsfile.c
 *		What is known of the upstream, on disk: it comes back as it was, or not at
 *		all.
 */
#include "base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mutate.h"
#include "reader/factsfile.h"
#include "spool/spooldir.h"
#include "statedir.h"
#include "wal/crc32c.h"

#define SYSID UINT64_C(18446744073709551557)
#define HISTORY "1\t0/3000148\tno recovery target specified\n"

/* ---- helpers ---- */

static void
set(FactsSetting *list, size_t *count, const char *name, const char *value)
{
	FactsSetting *s = &list[(*count)++];

	snprintf(s->name, sizeof(s->name), "%s", name);
	snprintf(s->value, sizeof(s->value), "%s", value);
}

static Facts
sample(void)
{
	Facts facts = {.valid = true,
		.system_identifier = SYSID,
		.tli = 1,
		.server_version = 150020,
		.segment_size = 1 << 24,
		.block_size = 8192};

	set(facts.parameters, &facts.parameter_count, "server_version",
		"15.20 (Debian 15.20-0+deb12u1)");
	set(facts.parameters, &facts.parameter_count, "application_name", "");
	set(facts.settings, &facts.setting_count, "wal_level", "replica");
	set(facts.settings, &facts.setting_count, "cluster_name", " two  words ");
	return facts;
}

static void
write_facts(const Facts *facts)
{
	ErrInfo err;

	if (!factsfile_write(state_directory, facts, &err))
		fail_msg("%s", err.message);
}

static void
read_facts(Facts *facts)
{
	ErrInfo err;

	if (!factsfile_read(state_directory, facts, &err))
		fail_msg("%s", err.message);
}

static void
assert_damaged(const char *sqlstate)
{
	Facts facts;
	ErrInfo err;

	assert_false(factsfile_read(state_directory, &facts, &err));
	assert_string_equal(err.sqlstate, sqlstate);
	assert_false(facts.valid);
}

static void
assert_settings(const FactsSetting *a, const FactsSetting *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		assert_string_equal(a[i].name, b[i].name);
		assert_string_equal(a[i].value, b[i].value);
	}
}

static void
assert_same(const Facts *a, const Facts *b)
{
	assert_int_equal(a->valid, b->valid);
	assert_true(a->system_identifier == b->system_identifier);
	assert_int_equal(a->tli, b->tli);
	assert_int_equal(a->server_version, b->server_version);
	assert_int_equal(a->segment_size, b->segment_size);
	assert_int_equal(a->block_size, b->block_size);
	assert_int_equal(a->parameter_count, b->parameter_count);
	assert_int_equal(a->setting_count, b->setting_count);
	assert_settings(a->parameters, b->parameters, a->parameter_count);
	assert_settings(a->settings, b->settings, a->setting_count);
	assert_int_equal(a->history_len, b->history_len);
	assert_memory_equal(a->history, b->history, a->history_len);
}

/* A file with these lines and the checksum that belongs to them. */
static void
put_lines(const char *lines)
{
	size_t len = strlen(lines);
	char *text = malloc(len + 40);
	size_t total = len;

	memcpy(text, lines, len);
	total += (size_t) sprintf(text + len, "crc32c %08" PRIx32 "\n",
		crc32c_final(crc32c_update(CRC32C_INIT, lines, len)));
	assert_true(file_write(statedir_path("upstream"), text, total));
	free(text);
}

/* ---- tests ---- */

static void
what_is_written_is_read(void **state UNUSED)
{
	Facts facts = sample();
	Facts got;

	write_facts(&facts);
	read_facts(&got);
	assert_same(&facts, &got);
	/* in place of what was there, and as much as there can be */
	facts.parameter_count = facts.setting_count = 0;
	for (int i = 0; i < FACTS_SETTINGS_MAX; i++)
	{
		char name[FACTS_NAME_SIZE];
		char value[FACTS_VALUE_SIZE];

		memset(name, 'a' + i % 26, sizeof(name));
		memset(value, 'A' + i % 26, sizeof(value));
		name[FACTS_NAME_SIZE - 1] = value[FACTS_VALUE_SIZE - 1] = '\0';
		set(facts.parameters, &facts.parameter_count, name, value);
		set(facts.settings, &facts.setting_count, name, value);
	}
	write_facts(&facts);
	read_facts(&got);
	assert_same(&facts, &got);
}

/* Where it is does not outlast the run. */
static void
place_is_not_kept(void **state UNUSED)
{
	Facts facts = sample();
	Facts got;

	snprintf(facts.host, sizeof(facts.host), "primary");
	snprintf(facts.port, sizeof(facts.port), "5432");
	write_facts(&facts);
	read_facts(&got);
	assert_string_equal(got.host, "");
	assert_string_equal(got.port, "");
}

static void
missing_file_is_no_error(void **state UNUSED)
{
	Facts got;
	ErrInfo err;

	assert_false(factsfile_read(state_directory, &got, &err));
	assert_string_equal(err.sqlstate, "");
	assert_false(factsfile_read("/nowhere/at/all", &got, &err));
	assert_string_equal(err.sqlstate, "");
}

static void
later_timeline_needs_its_history(void **state UNUSED)
{
	static char text[FACTS_HISTORY_MAX + 1];
	Facts facts = sample();
	Facts got;
	ErrInfo err;

	facts.tli = 2;
	facts.history_len = strlen(HISTORY);
	memcpy(facts.history, HISTORY, facts.history_len);
	write_facts(&facts);
	assert_damaged(SQLSTATE_DATA_CORRUPTED);
	assert_true(spooldir_put_history(
		state_directory, 2, HISTORY, strlen(HISTORY), &err));
	read_facts(&got);
	assert_same(&facts, &got);
	/* as long as there is room for, and longer */
	memset(text, '#', sizeof(text));
	assert_true(
		spooldir_put_history(state_directory, 2, text, sizeof(text) - 1, &err));
	read_facts(&got);
	assert_int_equal(got.history_len, FACTS_HISTORY_MAX);
	assert_true(
		spooldir_put_history(state_directory, 2, text, sizeof(text), &err));
	assert_damaged(SQLSTATE_DATA_CORRUPTED);
}

static void
every_flipped_byte_is_seen(void **state UNUSED)
{
	const char *path = statedir_path("upstream");
	Facts facts = sample();
	ssize_t len;
	char *text;

	write_facts(&facts);
	text = file_content(path, &len);
	for (ssize_t i = 0; i < len; i++)
	{
		static const uint8_t masks[] = {0x01, 0x20, 0x80, 0xff};

		for (size_t m = 0; m < lengthof(masks); m++)
		{
			text[i] = (char) (text[i] ^ masks[m]);
			assert_true(file_write(path, text, (size_t) len));
			assert_damaged(SQLSTATE_DATA_CORRUPTED);
			text[i] = (char) (text[i] ^ masks[m]);
		}
	}
	free(text);
}

static void
every_cut_is_seen(void **state UNUSED)
{
	const char *path = statedir_path("upstream");
	Facts facts = sample();
	ssize_t len;
	char *text;

	write_facts(&facts);
	text = file_content(path, &len);
	for (ssize_t i = 0; i < len; i++)
	{
		assert_true(file_write(path, text, (size_t) i));
		assert_damaged(SQLSTATE_DATA_CORRUPTED);
		/* and the other end */
		assert_true(file_write(path, text + len - i, (size_t) i));
		assert_damaged(SQLSTATE_DATA_CORRUPTED);
	}
	free(text);
}

static void
random_damage_is_seen(void **state UNUSED)
{
	const char *path = statedir_path("upstream");
	Facts facts = sample();
	uint64_t seed = 4711;
	ssize_t len;
	char *text;

	write_facts(&facts);
	text = file_content(path, &len);
	for (int i = 0; i < 2000; i++)
	{
		size_t n;
		uint8_t *damaged = mutated_copy(&seed, text, (size_t) len, &n);

		assert_true(file_write(path, damaged, n));
		if (n != (size_t) len || memcmp(damaged, text, n) != 0)
			assert_damaged(SQLSTATE_DATA_CORRUPTED);
		free(damaged);
	}
	free(text);
}

static void
impossible_facts_are_not_taken(void **state UNUSED)
{
	static const char *const lines[] = {
		"walbouncer-upstream 1\n",
		"walbouncer-upstream 2\nsystem_identifier 5\ntimeline 1\n"
		"segment_size 16777216\nblock_size 8192\n",
		"walbouncer-upstream 1\nsystem_identifier 0\ntimeline 1\n"
		"segment_size 16777216\nblock_size 8192\n",
		"walbouncer-upstream 1\nsystem_identifier 5\ntimeline 0\n"
		"segment_size 16777216\nblock_size 8192\n",
		"walbouncer-upstream 1\nsystem_identifier 5\ntimeline 1\n"
		"segment_size 16777217\nblock_size 8192\n",
		"walbouncer-upstream 1\nsystem_identifier 5\ntimeline 1\n"
		"segment_size 16777216\nblock_size 0\n",
	};

	for (size_t i = 0; i < lengthof(lines); i++)
	{
		put_lines(lines[i]);
		assert_damaged(SQLSTATE_DATA_CORRUPTED);
	}
}

/* It may have been written by a later version of ours. */
static void
what_is_too_much_is_cut(void **state UNUSED)
{
	char text[40000] = "walbouncer-upstream 1\nsystem_identifier 5\n"
					   "timeline 1\nsegment_size 16777216\nblock_size 8192\n"
					   "something else\nparameter noblank\n";
	size_t len = strlen(text);
	char long_value[500];
	Facts got;

	memset(long_value, 'v', sizeof(long_value));
	long_value[sizeof(long_value) - 1] = '\0';
	for (int i = 0; i < FACTS_SETTINGS_MAX + 5; i++)
		len += (size_t) snprintf(text + len, sizeof(text) - len,
			"parameter %.100s %s\nsetting n%d\n", long_value, long_value, i);
	put_lines(text);
	read_facts(&got);
	assert_int_equal(got.parameter_count, FACTS_SETTINGS_MAX);
	assert_int_equal(got.setting_count, 0);
	assert_int_equal(strlen(got.parameters[7].name), FACTS_NAME_SIZE - 1);
	assert_int_equal(strlen(got.parameters[7].value), FACTS_VALUE_SIZE - 1);
}

static void
file_that_is_too_long_is_not_read(void **state UNUSED)
{
	size_t len = 70000;
	char *text = malloc(len);

	memset(text, '#', len);
	assert_true(file_write(statedir_path("upstream"), text, len));
	assert_damaged(SQLSTATE_DATA_CORRUPTED);
	free(text);
}

/* A value says nothing but itself. */
static void
newlines_do_not_make_lines(void **state UNUSED)
{
	Facts facts = sample();
	Facts got;

	set(facts.settings, &facts.setting_count, "cluster_name",
		"a\nsystem_identifier 666\n\ntimeline 9\n");
	set(facts.parameters, &facts.parameter_count, "x", "\n");
	write_facts(&facts);
	read_facts(&got);
	assert_true(got.system_identifier == SYSID);
	assert_int_equal(got.tli, 1);
	assert_int_equal(got.setting_count, facts.setting_count);
	assert_string_equal(
		got.settings[2].value, "a system_identifier 666  timeline 9 ");
	assert_string_equal(got.parameters[2].value, " ");
}

static void
full_disk_leaves_what_was_there(void **state UNUSED)
{
	Facts facts = sample();
	Facts got;
	ErrInfo err;

	write_facts(&facts);
	facts.server_version = 160000;
	limit_file_size(100);
	assert_false(factsfile_write(state_directory, &facts, &err));
	limit_file_size(RLIM_INFINITY);
	read_facts(&got);
	assert_int_equal(got.server_version, 150020);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, statedir_setup, statedir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read),
		TEST(place_is_not_kept),
		TEST(missing_file_is_no_error),
		TEST(later_timeline_needs_its_history),
		TEST(every_flipped_byte_is_seen),
		TEST(every_cut_is_seen),
		TEST(random_damage_is_seen),
		TEST(impossible_facts_are_not_taken),
		TEST(what_is_too_much_is_cut),
		TEST(file_that_is_too_long_is_not_read),
		TEST(newlines_do_not_make_lines),
		TEST(full_disk_leaves_what_was_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
