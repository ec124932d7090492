/*
 * fuzz_http.c
 *		Heads of HTTP requests.
 *
 * Beside what the sanitizers see: a request that is taken is the same however it
 * was split, and its texts lie where they belong.
 *
 * See fuzz_pq.c for how it becomes a fuzzer or a program.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "util/httpreq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
must(bool fact)
{
	if (!fact)
		abort();
}

static void
must_be_inside(const HttpReq *req, const char *text)
{
	must(text >= req->text && text < req->text + sizeof(req->text));
	must(memchr(text, '\0', sizeof(req->text) - (size_t) (text - req->text)) !=
		 NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static HttpReq req;
	static HttpReq again;
	const char *text = (const char *) data;
	size_t used = 0;
	size_t used_again = 0;

	switch (httpreq_parse(text, len, &req, &used))
	{
		case HTTPREQ_OK:
			must(used > 0 && used <= len && used <= HTTPREQ_HEAD_MAX);
			must(text[used - 1] == '\n' && req.path[0] == '/');
			must_be_inside(&req, req.path);
			must(req.param_count <= HTTPREQ_PARAMS_MAX);
			for (size_t i = 0; i < req.param_count; i++)
			{
				must_be_inside(&req, req.params[i].name);
				must_be_inside(&req, req.params[i].value);
			}
			must(httpreq_parse(text, used, &again, &used_again) == HTTPREQ_OK);
			must(used_again == used && strcmp(again.path, req.path) == 0);
			must(httpreq_parse(text, used - 1, &again, &used_again) ==
				 HTTPREQ_MORE);
			break;
		case HTTPREQ_MORE:
			must(len < HTTPREQ_HEAD_MAX);
			break;
		case HTTPREQ_BAD:
			must(req.error >= 400 && req.error < 600 && req.why != NULL);
			break;
	}
	return 0;
}
