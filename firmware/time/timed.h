/* timed.h - gh-time: the clock of the appliance, by way of chronyd. */
#ifndef TIME_TIMED_H
#define TIME_TIMED_H

#include "base/rate.h"
#include "keeper.h"
#include "net/dns.h"
#include "report.h"
#include "run/proc.h"
#include "run/zone.h"
#include "wanted.h"

enum { TIME_ASKS_MAX = 8 };

struct timed;

/* The addresses of one server's name. */
struct time_lookup {
	struct timed *timed;
	char host[TIME_HOST_BYTES];
	char addresses[TIME_ADDRESSES_MAX][TIME_ADDRESS_BYTES];
	size_t n;
	struct dns_query *query;
};

struct timed {
	struct proc *proc;
	struct loop *loop;
	struct zones *zones;
	struct dns *dns;

	/* the keeper */
	int fd; /* -1: it cannot run; why says so */
	struct loop_watch watch;
	char why[160]; /* what hinders chronyd; "" nothing */
	bool is_ready, may_set, has_ask; /* has_ask: a REPORT is on its way */

	/* as set */
	const struct settings *settings; /* in use */
	struct time_wanted wanted;
	struct time_lookup lookups[TIME_SERVERS_MAX];
	size_t n_lookups;
	bool is_sent;          /* the keeper has what is wanted */
	bool is_changing;      /* it has not said yet that chronyd runs so */
	bool had_addresses;    /* all names of it had some */
	uint32_t alarm_ms;
	char zone[ZONE_NAME_MAX + 1];

	/* as it is */
	struct report report;
	bool is_running;
	uint64_t report_ms, good_ms; /* of the last report; when the clock was last synchronised, or began to be wanted so */
	int64_t wall_minus_mono_ms;
	char stepped[96]; /* the last step of the clock; "" none */
	struct rate lines;

	struct proc_ask *asks[TIME_ASKS_MAX]; /* wait for a REPORT */
	void (*answers[TIME_ASKS_MAX])(struct timed *t, struct proc_ask *ask);
	size_t n_asks;
	struct proc_ask *setter; /* waits for the clock to be set */
	struct loop_timer tick, again;
};

/* ---- sources.c: names to addresses, and to the keeper ---- */
/* New settings: looks names up, then tells the keeper. */
void sources_apply(struct timed *t);
/* Looks all names up again. */
void sources_again(struct timed *t);

/* ---- watch.c: what the keeper says; the alarm ---- */
int watch_init(struct timed *t);
/* A frame to the keeper; false when it takes none now. */
bool watch_send(struct timed *t, struct buf *frame);
void watch_ask(struct timed *t);
void watch_judge(struct timed *t);

/* ---- when.c ---- */
/* "2026-11-26T17:00[:30][Z]" or with a space for the T; without Z in the zone of this process. ERR_SYNTAX; ERR_RANGE: before
 * 2020 or after 2099. */
int when_read(struct bytes text, uint64_t *unix_ms);

extern const struct proc_command time_commands[];
extern const size_t time_n_commands;

#endif
