/* What the targets that read XML share: a tree that is written reads as the same tree. */
#ifndef FUZZ_TREE_H
#define FUZZ_TREE_H

#include <stdlib.h>

#include "base/err.h"
#include "proto/xml.h"

/* Writing adds declarations, so its limits are wider than those of reading. */
static const struct xml_limits fuzz_wide = {
	.header_bytes = 4096, .stanza_bytes = 1 << 22, .depth = 40, .attrs = 200, .nodes = 8000
};

/* Writes the tree where context_ns is the default, reads that, and compares. */
static inline void fuzz_check_rewrite(const struct xml_node *n, const char *context_ns)
{
	struct xml_node *back = NULL;
	struct buf text, want, got;
	struct arena a;

	arena_init(&a, 1 << 24);
	buf_init(&text, 1 << 22);
	buf_init(&want, 1 << 22);
	buf_init(&got, 1 << 22);
	xml_write(&text, n, context_ns);
	int rc = xml_parse(buf_bytes(&text), context_ns, &fuzz_wide, &a, &back);
	if (rc == 0) {
		xml_write(&want, n, "");
		xml_write(&got, back, "");
		if (!bytes_eq(buf_bytes(&want), buf_bytes(&got)))
			abort();
	} else if (rc != ERR_XML_ATTRS) { /* more declarations in force than a reader takes */
		abort();
	}
	buf_fini(&text);
	buf_fini(&want);
	buf_fini(&got);
	arena_fini(&a);
}

#endif
