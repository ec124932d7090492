/*
 * published.c
 *		The configuration text in force.  See published.h.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "conf/option.h"
#include "shm/published.h"
#include "shm/twin.h"
#include "util/mem.h"

typedef struct PublishedText
{
	bool given;
	char text[CONFIG_TEXT_MAX + 1];
	bool is_repointed;
	char repointed[CONFIG_REPOINTED_MAX + 1];
} PublishedText;

static Twin published;

void
published_create(void)
{
	twin_create(&published, "walbouncer-configuration", sizeof(PublishedText));
}

void
published_enter(void)
{
	twin_enter(&published, false);
}

/* Copy a string of at most max bytes, if there is one. */
static bool
store_string(char *dst, size_t max, const char *src)
{
	size_t len = src != NULL ? strnlen(src, max) : 0;

	memcpy(dst, src != NULL ? src : "", len);
	dst[len] = '\0';
	return src != NULL;
}

void
published_store(const char *text, const char *repointed)
{
	PublishedText *copy = twin_next(&published);

	copy->given = store_string(copy->text, CONFIG_TEXT_MAX, text);
	copy->is_repointed =
		store_string(copy->repointed, CONFIG_REPOINTED_MAX, repointed);
	twin_publish(&published);
}

uint64_t
published_generation(void)
{
	return twin_generation(&published);
}

char *
published_text(char **repointed, uint64_t *generation)
{
	char *text = NULL;

	*repointed = NULL;
	do
	{
		const PublishedText *copy = twin_current(&published, generation);

		free(text);
		free(*repointed);
		text = NULL;
		*repointed = NULL;
		if (copy->given)
			text = mem_strdup(copy->text);
		if (copy->is_repointed)
			*repointed = mem_strdup(copy->repointed);
	} while (!twin_is_current(&published, *generation));
	return text;
}
