/*
 * views.h
 *		The views that there are, for the list in viewlist.c.
 */
#ifndef VIEW_VIEWS_H
#define VIEW_VIEWS_H

#include "view/view.h"

extern const View view_activity;
extern const View view_alarms;
extern const View view_config;
extern const View view_databases;
extern const View view_ring;
extern const View view_rules;
extern const View view_slots;
extern const View view_spool;
extern const View view_standbys;
extern const View view_stats;
extern const View view_upstream;
extern const View view_version;

#endif /* VIEW_VIEWS_H */
