/* demo.h - `gatehouse demo`: two companies on this machine chat across. */
#ifndef DEMO_DEMO_H
#define DEMO_DEMO_H

#include <stdbool.h>

struct demo_options {
	bool is_once;    /* end after the chat */
	const char *dir; /* NULL: a temporary folder, removed at the end */
};

/* 0: all messages arrived (and, without is_once, it was stopped by the person). */
int demo_run(const struct demo_options *o);

#endif
