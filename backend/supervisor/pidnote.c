/*
 * pidnote.c
 *		What the pid file says.  See pidnote.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "supervisor/pidnote.h"
#include "util/mem.h"

/* More of them say no more. */
#define VERBOSE_MAX 4

/* The word as a shell reads it, malloc'd. */
static char *
quote(const char *word)
{
	char *quoted = mem_alloc(strlen(word) * 4 + 3);
	char *p = quoted;

	*p++ = '\'';
	for (; *word != '\0'; word++)
	{
		if (*word == '\'')
			p = stpcpy(p, "'\\''");
		else
			*p++ = *word;
	}
	stpcpy(p, "'");
	return quoted;
}

/* *text, which was malloc'd and is replaced, with the word behind it. */
static void
add_word(char **text, const char *word)
{
	char *longer =
		mem_asprintf("%s%s%s", *text, **text != '\0' ? " " : "", word);

	free(*text);
	*text = longer;
}

static void
add_option(char **text, const char *option, const char *value)
{
	char *quoted = quote(value);
	char *word = mem_asprintf("%s=%s", option, quoted);

	add_word(text, word);
	free(word);
	free(quoted);
}

static void
add_number(char **text, const char *option, int value)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", value);
	add_option(text, option, number);
}

/* So that a restart can give them again. */
static char *
format_overrides(const ConfigOverrides *o)
{
	char *text = mem_strdup("");

	if (o->port != 0)
		add_number(&text, "--port", o->port);
	if (o->upstream_host != NULL && strchr(o->upstream_host, '\n') == NULL)
		add_option(&text, "--host", o->upstream_host);
	if (o->upstream_port != 0)
		add_number(&text, "--masterport", o->upstream_port);
	for (int i = 0; i < Min(o->verbose, VERBOSE_MAX); i++)
		add_word(&text, "-v");
	return text;
}

char *
pidnote_format(const Settings *settings, time_t started)
{
	const Config *config = settings->config;

	return mem_asprintf("%s\n%lld\n%d\n%s\n%s\n",
		settings->file != NULL ? settings->file : "", (long long) started,
		config->port, config->unix_socket_directories,
		config->listen_addresses);
}

char *
pidnote_format_all(const Settings *settings, time_t started,
	const char *console_directory, const char *status)
{
	char *head = pidnote_format(settings, started);
	char *overrides = format_overrides(settings->overrides);
	char *text = mem_asprintf(
		"%s%s\n%s\n%s\n", head, console_directory, status, overrides);

	free(overrides);
	free(head);
	return text;
}
