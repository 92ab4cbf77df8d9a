/* report.h - what unbound says of its work: the lines of `unbound-control stats_noreset`, read strictly. Pure. */
#ifndef RESOLVER_REPORT_H
#define RESOLVER_REPORT_H

#include "base/bytes.h"

/* Since unbound's start or last reload. */
struct report {
	uint64_t queries, hits; /* asked; of them answered from the cache */
	uint64_t good;          /* NOERROR and NXDOMAIN */
	uint64_t failed;        /* SERVFAIL */
	uint64_t secure, bogus; /* proved; refused because the proof is wrong */
};

/* ERR_SYNTAX: not what unbound-control writes; out is untouched then. Lines of other names are skipped. */
int report_read(struct bytes text, struct report *out);

enum report_verdict {
	VERDICT_NONE, /* too little was asked in between to say */
	VERDICT_WAITS, /* something was asked, and nothing is answered so far */
	VERDICT_GOOD,
	VERDICT_SILENT, /* everything failed: the name servers do not answer, or refuse */
	VERDICT_BOGUS,  /* everything failed, and some of it by its proof */
};
/* What happened between two reports. After a restart counters begin anew. */
enum report_verdict report_judge(const struct report *before, const struct report *now);

#endif
