/*
 * check.h
 *		What one setting alone cannot show to be wrong.
 */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "base.h"

#include "conf/option.h"
#include "util/errinfo.h"

/*
 * Whether the settings go together.  On failure *line is the line to name, 0 if
 * there is none.
 */
MUST_CHECK bool check_config(const Config *config, int *line, ErrInfo *err);

#endif /* CONF_CHECK_H */
