#include "mib_tables.h"

#include "base/text.h"
#include "engine.h"
#include "run/prog.h"
#include "run/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const uint32_t mib_root[MIB_ROOT_N] = { 1, 3, 6, 1, 4, 1, ENGINE_ENTERPRISE, 1 };

enum { DOMAIN_MAX = 100, NAME_MAX_TEXT = 100 };

struct mib_partner {
	char domain[DOMAIN_MAX + 1];
	uint64_t streams, in, out, queued, bounced;
};

/* ---- rows ---- */

static void put(struct view *t, const uint32_t *name, size_t n, const struct value *v, const uint32_t *instance, size_t n_instance)
{
	uint32_t whole[VIEW_NAME_MAX];

	if (n + n_instance > VIEW_NAME_MAX)
		return; /* its name would be too long for SNMP: it is left out */
	memcpy(whole, name, n * sizeof *whole);
	memcpy(whole + n, instance, n_instance * sizeof *whole);
	view_put(t, whole, n + n_instance, n, v);
}

static const uint32_t scalar[1];

void mib_put_number(struct view *t, const uint32_t *name, size_t n, enum value_type type, uint64_t v, const uint32_t *instance, size_t n_instance)
{
	const struct value value = { .type = type, .number = v };

	put(t, name, n, &value, instance ? instance : scalar, instance ? n_instance : 1);
}

void mib_put_text(struct view *t, const uint32_t *name, size_t n, struct bytes v, const uint32_t *instance, size_t n_instance)
{
	const struct value value = { .type = VALUE_OCTETS, .octets = v };

	put(t, name, n, &value, instance ? instance : scalar, instance ? n_instance : 1);
}

/* ---- values ---- */

static uint64_t number_of(struct bytes v)
{
	uint64_t n = 0;
	bool is_negative = v.n > 1 && v.p[0] == '-';

	if (bytes_to_u64(bytes_skip(v, is_negative), INT64_MAX, &n) < 0)
		return 0; /* records have numbers there */
	return is_negative ? (uint64_t)-(int64_t)n : n;
}

static unsigned state_of(struct bytes v)
{
	static const char *const states[] = { "starting", "running", "waiting", "restarting", "stopping" };

	for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++)
		if (bytes_eq_str(v, states[i]))
			return i + 2;
	return 1; /* other */
}

void mib_time(uint64_t wall_ms, uint8_t out[static 8])
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm;

	memset(out, 0, 8);
	if (!gmtime_r(&s, &tm))
		return;
	out[0] = (uint8_t)((tm.tm_year + 1900) >> 8);
	out[1] = (uint8_t)(tm.tm_year + 1900);
	out[2] = (uint8_t)(tm.tm_mon + 1);
	out[3] = (uint8_t)tm.tm_mday;
	out[4] = (uint8_t)tm.tm_hour;
	out[5] = (uint8_t)tm.tm_min;
	out[6] = (uint8_t)tm.tm_sec;
	out[7] = (uint8_t)(wall_ms % 1000 / 100);
}

bool mib_time_of_text(struct bytes text, uint8_t out[static 8])
{
	static const struct {
		size_t at, n;
		uint64_t max;
	} parts[] = { { 0, 4, 9999 }, { 5, 2, 12 }, { 8, 2, 31 }, { 11, 2, 23 }, { 14, 2, 59 }, { 17, 2, 60 } };
	uint64_t v[6];

	if (text.n < 19)
		return false;
	for (size_t i = 0; i < 6; i++)
		if (bytes_to_u64(bytes_make(text.p + parts[i].at, parts[i].n), parts[i].max, &v[i]) < 0)
			return false;
	out[0] = (uint8_t)(v[0] >> 8);
	out[1] = (uint8_t)v[0];
	for (size_t i = 1; i < 6; i++)
		out[i + 1] = (uint8_t)v[i];
	out[7] = 0;
	return true;
}

static bool value_of(const struct column *c, struct bytes v, struct value *out, uint8_t time[static 8])
{
	*out = (struct value){ .type = VALUE_GAUGE32, .number = number_of(v) };
	switch (c->kind) {
	case COLUMN_TEXT:
		*out = (struct value){ .type = VALUE_OCTETS, .octets = bytes_make(v.p, v.n < 255 ? v.n : 255) }; /* SnmpAdminString */
		return true;
	case COLUMN_INTEGER:
		out->type = VALUE_INTEGER;
		return true;
	case COLUMN_GAUGE:
		return true;
	case COLUMN_COUNTER64:
		out->type = VALUE_COUNTER64;
		return true;
	case COLUMN_STATE:
		*out = (struct value){ .type = VALUE_INTEGER, .number = state_of(v) };
		return true;
	case COLUMN_TRANSPORT:
		*out = (struct value){ .type = VALUE_INTEGER, .number = bytes_eq_str(v, "udp") ? 1 : 2 };
		return true;
	case COLUMN_TIME:
		*out = (struct value){ .type = VALUE_OCTETS, .octets = bytes_make(time, 8) };
		return mib_time_of_text(v, time);
	case COLUMN_TICKS_S:
		*out = (struct value){ .type = VALUE_TICKS, .number = out->number * 100 };
		return true;
	}
	return false;
}

/* ---- records ---- */

static struct bytes get(const struct mib_pair *pairs, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (bytes_eq_str(pairs[i].key, key))
			return pairs[i].value;
	return BYTES_NONE;
}

static bool has(const struct mib_pair *pairs, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (bytes_eq_str(pairs[i].key, key))
			return true;
	return false;
}

static size_t path_of(const struct table *t, uint32_t out[static MIB_ROOT_N + 5])
{
	size_t n = MIB_ROOT_N;

	memcpy(out, mib_root, sizeof mib_root);
	for (size_t i = 0; i < 4 && t->arcs[i]; i++)
		out[n++] = t->arcs[i];
	return n;
}

static void put_row(struct mib *m, const struct table *t, const struct mib_pair *pairs, size_t n, const uint32_t *instance, size_t n_instance)
{
	uint32_t path[MIB_ROOT_N + 5];
	size_t n_path = path_of(t, path);
	struct value v;
	uint8_t time[8];

	for (size_t i = 0; i < t->n_columns; i++) {
		const struct column *c = &t->columns[i];
		path[n_path] = c->arc;
		if (has(pairs, n, c->key) && value_of(c, get(pairs, n, c->key), &v, time))
			put(m->view, path, n_path + 1, &v, instance, n_instance);
	}
}

/* A name as the last part of an index (IMPLIED, RFC 2578 7.7). 0: too long. */
static size_t put_index(struct bytes name, uint32_t *out, size_t room)
{
	if (name.n == 0 || name.n > room)
		return 0;
	for (size_t i = 0; i < name.n; i++)
		out[i] = name.p[i];
	return name.n;
}

/* The program's number in the tables: its place in run/prog.def, from 1. */
static uint32_t program_of(const struct mib_pair *pairs, size_t n)
{
	enum prog p;

	return prog_of(get(pairs, n, "program"), &p) == 0 ? (uint32_t)p + 1 : 0;
}

static void take_program(struct mib *m, const struct mib_pair *pairs, size_t n)
{
	const uint32_t index[] = { program_of(pairs, n), (uint32_t)number_of(get(pairs, n, "instance")) };

	if (index[0] == 0)
		return;
	m->n_processes++;
	put_row(m, &mib_programs, pairs, n, index, 2);
}

static void take_sum(struct mib *m, enum mib_source from, struct bytes key, struct bytes value)
{
	for (size_t i = 0; i < mib_n_sums; i++) {
		if (mib_sums[i].from != from || !bytes_eq_str(key, mib_sums[i].key))
			continue;
		m->sums[i].total += number_of(value);
		m->sums[i].is_known = true;
	}
}

static void take_counter(struct mib *m, const struct mib_pair *pairs, size_t n)
{
	struct bytes name = get(pairs, n, "counter");
	uint32_t index[2 + NAME_MAX_TEXT] = { program_of(pairs, n), (uint32_t)number_of(get(pairs, n, "instance")) };
	size_t n_name = put_index(name, index + 2, NAME_MAX_TEXT);

	if (index[0] && n_name)
		put_row(m, &mib_numbers, pairs, n, index, 2 + n_name);
	take_sum(m, MIB_COUNTERS, name, get(pairs, n, "value"));
}

static void take_certificate(struct mib *m, const struct mib_pair *pairs, size_t n)
{
	uint32_t index[NAME_MAX_TEXT];
	size_t n_name = put_index(get(pairs, n, "name"), index, NAME_MAX_TEXT);

	if (n_name)
		put_row(m, &mib_certificates, pairs, n, index, n_name);
}

/* ---- partners: streams and queues of a domain are one row ---- */

static struct mib_partner *partner_of(struct mib *m, struct bytes domain)
{
	if (domain.n == 0 || domain.n > DOMAIN_MAX)
		return NULL;
	for (size_t i = 0; i < m->n_partners; i++)
		if (bytes_eq_str(domain, m->partners[i].domain))
			return &m->partners[i];
	if (!m->partners)
		m->partners = calloc(MIB_PARTNERS_MAX, sizeof *m->partners);
	if (!m->partners || m->n_partners == MIB_PARTNERS_MAX)
		return NULL; /* those that came first are shown */
	struct mib_partner *p = &m->partners[m->n_partners++];
	*p = (struct mib_partner){ 0 };
	memcpy(p->domain, domain.p, domain.n);
	return p;
}

static void take_federation(struct mib *m, const struct mib_pair *pairs, size_t n)
{
	struct bytes type = get(pairs, n, "type");

	m->n_federation++;
	struct mib_partner *p = bytes_eq_str(type, "stream") || bytes_eq_str(type, "queue") ? partner_of(m, get(pairs, n, "domain")) : NULL;

	if (p && bytes_eq_str(type, "stream")) {
		p->streams++;
		p->in += number_of(get(pairs, n, "in"));
		p->out += number_of(get(pairs, n, "out"));
	} else if (p) {
		p->queued += number_of(get(pairs, n, "queue"));
		p->bounced += number_of(get(pairs, n, "bounced"));
	}
}

static void put_partners(struct mib *m)
{
	uint32_t path[MIB_ROOT_N + 5] = { 0 }, index[DOMAIN_MAX];
	uint64_t streams = 0, queued = 0;

	memcpy(path, mib_root, sizeof mib_root);
	path[MIB_ROOT_N] = 1;
	path[MIB_ROOT_N + 1] = 4;
	for (size_t i = 0; i < m->n_partners; i++) {
		const struct mib_partner *p = &m->partners[i];
		const uint64_t columns[] = { p->streams, p->in, p->out, p->queued, p->bounced };
		size_t n = put_index(bytes_of(p->domain), index, DOMAIN_MAX);
		path[MIB_ROOT_N + 2] = 10;
		path[MIB_ROOT_N + 3] = 1;
		for (uint32_t c = 0; c < 5; c++) {
			path[MIB_ROOT_N + 4] = c + 2;
			mib_put_number(m->view, path, MIB_ROOT_N + 5, VALUE_GAUGE32, columns[c], index, n);
		}
		streams += p->streams;
		queued += p->queued;
	}
	const uint64_t all[] = { m->n_partners, streams, queued };
	for (uint32_t c = 0; c < 3; c++) {
		path[MIB_ROOT_N + 2] = c + 1;
		mib_put_number(m->view, path, MIB_ROOT_N + 3, VALUE_GAUGE32, all[c], NULL, 0);
	}
}

static void put_sums(struct mib *m)
{
	uint32_t path[MIB_ROOT_N + 3];

	memcpy(path, mib_root, sizeof mib_root);
	path[MIB_ROOT_N] = 1;
	for (size_t i = 0; i < mib_n_sums; i++) {
		const struct sum *s = &mib_sums[i];
		path[MIB_ROOT_N + 1] = s->group;
		path[MIB_ROOT_N + 2] = s->arc;
		enum value_type type = s->kind == COLUMN_GAUGE ? VALUE_GAUGE32 : VALUE_COUNTER64;
		if (m->sums[i].is_known)
			mib_put_number(m->view, path, MIB_ROOT_N + 3, type, m->sums[i].total, NULL, 0);
	}
}

static void take_speed(struct mib *m, const struct mib_pair *pairs, size_t n)
{
	struct bytes device = get(pairs, n, "device");

	if (device.n == 0 || device.n >= sizeof m->speeds[0].device || m->n_speeds == MIB_SPEEDS_MAX)
		return;
	snprintf(m->speeds[m->n_speeds].device, sizeof m->speeds[0].device, "%.*s", BYTES_FMT(device));
	struct bytes speed = get(pairs, n, "speed"); /* "1000 Mbit/s" */
	m->speeds[m->n_speeds++].mbit_s = number_of(bytes_make(speed.p, bytes_find(speed, ' ')));
}

void mib_begin(struct mib *m, struct view *t, bool keeps_partners)
{
	const struct mib was = *m; /* the partners' memory is used again in any case */

	*m = (struct mib){ .view = t, .partners = was.partners };
	if (keeps_partners) {
		m->n_partners = was.n_partners;
		m->n_federation = was.n_federation;
	}
}

void mib_record(struct mib *m, enum mib_source from, const struct mib_pair *pairs, size_t n)
{
	const uint32_t index[] = { m->n_listeners + 1 }, product[] = { 1, 3, 6, 1, 4, 1, ENGINE_ENTERPRISE, 1, 1, 1, 1 };

	switch (from) {
	case MIB_VERSION:
		put_row(m, &mib_box, pairs, n, scalar, 1);
		mib_put_text(m->view, product, sizeof product / sizeof product[0], BYTES("Gatehouse"), NULL, 0);
		break;
	case MIB_PROCESSES:
		take_program(m, pairs, n);
		break;
	case MIB_LISTENERS:
		put_row(m, &mib_listeners, pairs, n, index, 1);
		m->n_listeners++;
		break;
	case MIB_COUNTERS:
		take_counter(m, pairs, n);
		break;
	case MIB_FEDERATION:
		take_federation(m, pairs, n);
		break;
	case MIB_SIP:
		for (size_t i = 0; bytes_eq_str(get(pairs, n, "type"), "door") && i < n; i++)
			take_sum(m, MIB_SIP, pairs[i].key, pairs[i].value);
		break;
	case MIB_CERTIFICATES:
		take_certificate(m, pairs, n);
		break;
	case MIB_INTERFACES:
		take_speed(m, pairs, n);
		break;
	case MIB_SOURCE_COUNT:
		break;
	}
}

/* ghAlarmTable 9.5 */
void mib_alarm(struct mib *m, const struct mib_alarm *a)
{
	uint32_t path[MIB_ROOT_N + 5];
	enum alarm known;
	uint8_t since[8];

	memcpy(path, mib_root, sizeof mib_root);
	memcpy(path + MIB_ROOT_N, (const uint32_t[]){ 1, 9, 5, 1, 0 }, 5 * sizeof *path);
	mib_time(a->since_ms, since);
	const char *action = alarm_of(bytes_of(a->name), &known) == 0 ? alarm_row(known)->action : "";
	const struct bytes texts[] = { [2] = bytes_of(a->name),    [3] = bytes_of(a->key),  [5] = bytes_make(since, sizeof since),
		                       [6] = bytes_of(a->program), [8] = bytes_of(a->text), [9] = bytes_of(action) };
	for (uint32_t c = 2; c <= 9; c++) {
		path[MIB_ROOT_N + 4] = c;
		if (c == 4)
			mib_put_number(m->view, path, MIB_ROOT_N + 5, VALUE_INTEGER, a->severity + 1, &a->number, 1);
		else if (c == 7)
			mib_put_number(m->view, path, MIB_ROOT_N + 5, VALUE_GAUGE32, a->instance, &a->number, 1);
		else
			mib_put_text(m->view, path, MIB_ROOT_N + 5, texts[c], &a->number, 1);
	}
}

/* ---- SNMPv2-MIB, system (RFC 3418) ---- */

static void put_modules(struct view *t)
{
	static const struct {
		uint32_t id[MIB_ROOT_N + 2];
		size_t n;
		const char *text;
	} modules[] = {
		{ { 1, 3, 6, 1, 6, 3, 1 }, 7, "SNMPv2-MIB: the system and its SNMP engine (RFC 3418)" },
		{ { 1, 3, 6, 1, 6, 3, 10, 3, 1, 1 }, 10, "SNMP-FRAMEWORK-MIB: the engine (RFC 3411)" },
		{ { 1, 3, 6, 1, 6, 3, 15, 2, 1, 1 }, 10, "SNMP-USER-BASED-SM-MIB: what the security model counts (RFC 3414)" },
		{ { 1, 3, 6, 1, 2, 1, 31 }, 7, "IF-MIB: network interfaces (RFC 2863)" },
		{ { 1, 3, 6, 1, 2, 1, 25, 7, 1 }, 9, "HOST-RESOURCES-MIB: memory, disk, processors (RFC 2790)" },
		{ { 1, 3, 6, 1, 4, 1, ENGINE_ENTERPRISE, 1 }, 8, "GATEHOUSE-MIB: this product" },
	};
	uint32_t path[] = { 1, 3, 6, 1, 2, 1, 1, 9, 1, 0 };

	for (uint32_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
		const uint32_t index = i + 1;
		const struct value id = { .type = VALUE_NAME, .octets = bytes_make(modules[i].id, modules[i].n * sizeof(uint32_t)) };
		path[9] = 2;
		put(t, path, 10, &id, &index, 1);
		path[9] = 3;
		mib_put_text(t, path, 10, bytes_of(modules[i].text), &index, 1);
		path[9] = 4;
		mib_put_number(t, path, 10, VALUE_TICKS, 0, &index, 1);
	}
}

void mib_system(struct mib *m, const struct mib_system *s)
{
	static const uint32_t box[] = { 1, 3, 6, 1, 4, 1, ENGINE_ENTERPRISE, 1, 3 };
	const struct value id = { .type = VALUE_NAME, .octets = bytes_make(box, sizeof box) };
	uint32_t path[] = { 1, 3, 6, 1, 2, 1, 1, 0 };
	const struct bytes texts[] = { [1] = BYTES("Gatehouse " GATEHOUSE_VERSION), [4] = s->contact, [5] = s->name, [6] = s->location };
	static const uint8_t places[] = { 1, 4, 5, 6 };

	for (size_t i = 0; i < sizeof places; i++) {
		path[7] = places[i];
		mib_put_text(m->view, path, 8, texts[places[i]], NULL, 0);
	}
	path[7] = 2;
	put(m->view, path, 8, &id, scalar, 1);
	path[7] = 3;
	mib_put_number(m->view, path, 8, VALUE_SINCE, s->started_ms, NULL, 0);
	path[7] = 7; /* sysServices: applications, and end-to-end (the relay) */
	mib_put_number(m->view, path, 8, VALUE_INTEGER, 72, NULL, 0);
	path[7] = 8; /* sysORLastChange */
	mib_put_number(m->view, path, 8, VALUE_TICKS, 0, NULL, 0);
	put_modules(m->view);
}

void mib_end(struct mib *m)
{
	put_partners(m);
	put_sums(m);
}
