/*
 * test_promtext.c
 *		The Prometheus text format, by the description of version 0.0.4.
 */
#include "base.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "util/promtext.h"

static void
check(Buf *out, const char *want)
{
	buf_put_u8(out, '\0');
	assert_false(out->failed);
	assert_string_equal((const char *) out->data, want);
	buf_clear(out);
	buf_init(out, 4096);
}

static void
values_are_escaped(void **state UNUSED)
{
	PromLabels labels;

	promtext_labels_begin(&labels);
	assert_string_equal(labels.text, "");
	promtext_label(&labels, "a", "\\ \" \n");
	promtext_label(&labels, "none", "");
	promtext_label(&labels, "null", NULL);
	/* a tab stays; UTF-8 stays; Latin-1, an overlong form, half a sequence */
	promtext_label(&labels, "b", "\t\xc3\xbc\xfc\xc0\x80\xe6\x97");
	assert_string_equal(labels.text,
		"a=\"\\\\ \\\" \\n\",b=\"\t\xc3\xbc"
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void
a_label_fits_or_is_left_out(void **state UNUSED)
{
	static char text[PROM_LABELS_SIZE];
	PromLabels labels;

	memset(text, '"', sizeof(text) / 2);
	promtext_labels_begin(&labels);
	promtext_label(&labels, "a", "1");
	promtext_label(&labels, "b", text);
	promtext_label(&labels, "c", "2");
	assert_string_equal(labels.text, "a=\"1\",c=\"2\"");
}

static void
lines_are_whole(void **state UNUSED)
{
	Buf out;

	buf_init(&out, 4096);
	promtext_head(&out, "x_bytes", PROM_GAUGE, "How much.");
	promtext_head(&out, "x_total", PROM_COUNTER, "How many.");
	check(&out, "# HELP x_bytes How much.\n# TYPE x_bytes gauge\n"
				"# HELP x_total How many.\n# TYPE x_total counter\n");
	promtext_sample(&out, "x", "", "", 1);
	promtext_sample(&out, "x", "a=\"1\"", "", 0.25);
	promtext_sample(&out, "x", "", "b=\"2\"", -1);
	promtext_sample(&out, "x", "a=\"1\"", "b=\"2\"", 9007199254740992.0);
	promtext_sample(&out, "x", "", "", NAN);
	promtext_sample(&out, "x", "", "", 1795279410.828764);
	check(&out, "x 1\nx{a=\"1\"} 0.25\nx{b=\"2\"} -1\n"
				"x{a=\"1\",b=\"2\"} 9007199254740992\nx 1795279410.82876\n");
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_escaped),
		cmocka_unit_test(a_label_fits_or_is_left_out),
		cmocka_unit_test(lines_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
