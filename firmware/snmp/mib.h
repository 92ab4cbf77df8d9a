/* mib.h - GATEHOUSE-MIB and SNMPv2-MIB filled from what `show` says: each record becomes rows of the view. Which key of which
 * record is which object stands in tables (mib_tables.c), in the order of GATEHOUSE-MIB.txt. Pure. */
#ifndef SNMP_MIB_H
#define SNMP_MIB_H

#include "run/alarm.h"
#include "view.h"

/* What is asked, in this order (gather.c). */
enum mib_source {
	MIB_VERSION,
	MIB_PROCESSES,
	MIB_LISTENERS,
	MIB_COUNTERS,
	MIB_FEDERATION,
	MIB_SIP,
	MIB_CERTIFICATES,
	MIB_INTERFACES,
	MIB_SOURCE_COUNT
};

struct mib_pair {
	struct bytes key, value;
};
enum { MIB_PAIRS_MAX = 40, MIB_PARTNERS_MAX = 256, MIB_ALARMS_MAX = 1024 };

/* Of one alarm that stands (MSG_ALARM_STANDS). */
struct mib_alarm {
	uint32_t number;
	uint64_t since_ms; /* wall clock */
	unsigned severity, instance;
	char name[64], key[ALARM_KEY_MAX + 1], program[32], text[ALARM_TEXT_MAX + 1];
};

struct mib_partner;
struct mib_sum {
	uint64_t total;
	bool is_known;
};
enum { MIB_SUMS_MAX = 40, MIB_SPEEDS_MAX = 16 };

struct mib {
	struct view *view;
	uint32_t n_listeners, n_certificates, n_processes;
	struct mib_sum sums[MIB_SUMS_MAX];
	struct mib_partner *partners;
	size_t n_partners, n_federation; /* rows; records that they were made of */
	struct {
		char device[17];
		uint64_t mbit_s;
	} speeds[MIB_SPEEDS_MAX]; /* of `show interfaces` */
	size_t n_speeds;
};

/* Begins a new view (cleared by the caller). keeps_partners: those of the last one stand; MIB_FEDERATION is not asked this time. */
void mib_begin(struct mib *m, struct view *t, bool keeps_partners);
void mib_record(struct mib *m, enum mib_source from, const struct mib_pair *pairs, size_t n);
/* contact, name, location: of the settings; started_ms: monotonic. */
struct mib_system {
	struct bytes name, contact, location;
	uint64_t started_ms;
};
void mib_system(struct mib *m, const struct mib_system *s);
void mib_alarm(struct mib *m, const struct mib_alarm *a);
/* What was summed up goes into the view. The view is not sealed yet. */
void mib_end(struct mib *m);

/* For box.c: one object. name: without the instance, n sub-identifiers. */
void mib_put_number(struct view *t, const uint32_t *name, size_t n, enum value_type type, uint64_t v, const uint32_t *instance, size_t n_instance);
void mib_put_text(struct view *t, const uint32_t *name, size_t n, struct bytes v, const uint32_t *instance, size_t n_instance);
/* 2026-11-24T19:00:00Z, or the time itself, as DateAndTime (RFC 2579): 8 octets, UTC. False: no such time. */
bool mib_time_of_text(struct bytes text, uint8_t out[static 8]);
void mib_time(uint64_t wall_ms, uint8_t out[static 8]);

/* 1.3.6.1.4.1.32473.1 */
enum { MIB_ROOT_N = 8 };
extern const uint32_t mib_root[MIB_ROOT_N];

#endif
