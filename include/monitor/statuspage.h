/*
 * statuspage.h
 *		The status page, compiled in: backend/monitor/page.html, byte for byte.
 *
 * One UTF-8 document that needs nothing but /status.json of the server that it
 * came from: its style, its script and its icon are inside.  It has no attribute
 * that holds style or script, so that a Content-Security-Policy need not allow
 * any.
 */
#ifndef MONITOR_STATUSPAGE_H
#define MONITOR_STATUSPAGE_H

#include "base.h"

/* Not terminated by a zero byte; page_html_len is the number of its bytes. */
extern const unsigned char page_html[];
extern const size_t page_html_len;

#endif /* MONITOR_STATUSPAGE_H */
