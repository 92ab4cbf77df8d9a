#include "iq/iq.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"
#include "compliance/compliance.h"

#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_MS = 10000, HTTPS_PORT = 443, HREF_MAX = 4096 };

struct upload_wait {
	struct im *im;
	uint32_t id;
	struct iq_later *later;
	struct loop_timer timer;
	char host[254];
	char *name, *media; /* of the file, for the compliance archive */
	uint64_t size;
};

void upload_apply(struct upload *u, const struct settings *s)
{
	struct bytes host = settings_text(s, SET_PROXY_HOST);

	u->is_on = settings_bool(s, SET_UPLOAD_ENABLED);
	u->file_max = (uint64_t)settings_int(s, SET_UPLOAD_FILE_MAX) << 20;
	u->port = (uint16_t)settings_int(s, SET_PROXY_PORT);
	snprintf(u->host, sizeof u->host, "%.*s", BYTES_FMT(host));
}

uint64_t upload_announced(const struct upload *u)
{
	return u->is_on ? u->file_max : 0;
}

/* ---- answers ---- */

static void forget(struct upload_wait *w)
{
	(void)map_del_u64(&w->im->upload.waiting, w->id);
	loop_timer_del(w->im->loop, &w->timer);
	free(w->name);
	free(w->media);
	free(w);
}

static void refuse(struct upload_wait *w, enum stanza_error error, const char *text, struct bytes detail)
{
	const struct stanza_refusal r = { .error = error, .text = text, .detail = detail };

	im_stats[STAT_SLOTS_REFUSED]++;
	iq_late_refuse(w->im, w->later, &r);
	forget(w);
}

static void put_url(struct buf *b, const char *element, const struct upload_wait *w, struct bytes path)
{
	const struct upload *u = &w->im->upload;
	const char *host = u->host[0] ? u->host : w->host;
	char href[HREF_MAX];

	if (u->port == HTTPS_PORT)
		snprintf(href, sizeof href, "https://%s%.*s", host, BYTES_FMT(path));
	else
		snprintf(href, sizeof href, "https://%s:%u%.*s", host, u->port, BYTES_FMT(path));
	buf_putf(b, "<%s", element);
	xml_write_attr(b, "url", bytes_of(href));
	buf_put_str(b, "/>");
}

/* C-MFT: what is given out is on record first. */
static bool is_noted(const struct upload_wait *w, struct bytes get)
{
	struct jid owner = jid_of_normal(w->later->from);
	const struct record r = { .kind = RECORD_FILE, .from = jid_bare(&owner), .name = bytes_of(w->name), .media = bytes_of(w->media), .size = w->size, .text = get };

	return compliance_note_file(w->im, &r);
}

static void grant(struct upload_wait *w, struct bytes put, struct bytes get)
{
	struct buf *b = &w->im->out2;

	if (!is_noted(w, get)) {
		refuse(w, STANZA_RESOURCE_CONSTRAINT, "It cannot be archived now", BYTES_NONE);
		return;
	}
	buf_clear(b);
	buf_put_str(b, "<slot xmlns='" NS_UPLOAD "'>");
	put_url(b, "put", w, put);
	put_url(b, "get", w, get);
	buf_put_str(b, "</slot>");
	im_stats[STAT_SLOTS]++;
	iq_late_result(w->im, w->later, buf_bytes(b));
	forget(w);
}

/* XEP-0363 6: what is wrong, for a program to understand. */
static void say_why(struct upload_wait *w, int rc, uint32_t retry_s)
{
	struct im *im = w->im;
	char detail[256], at[TEXT_TIME_BYTES];

	switch (rc) {
	case ERR_SYNTAX:
		refuse(w, STANZA_BAD_REQUEST, "A file has a name without slashes and a size above 0", BYTES_NONE);
		return;
	case ERR_RANGE:
		snprintf(detail, sizeof detail, "<file-too-large xmlns='" NS_UPLOAD "'><max-file-size>%llu</max-file-size></file-too-large>",
		         (unsigned long long)im->upload.file_max);
		refuse(w, STANZA_NOT_ACCEPTABLE, "The file is too large", bytes_of(detail));
		return;
	case ERR_LIMIT:
		text_time(loop_wall_ms(im->loop) + retry_s * 1000ULL, false, at);
		snprintf(detail, sizeof detail, "<retry xmlns='" NS_UPLOAD "' stamp='%s'/>", at);
		refuse(w, STANZA_RESOURCE_CONSTRAINT, "So many files in a minute are too many", bytes_of(detail));
		return;
	case ERR_FULL:
		refuse(w, STANZA_RESOURCE_CONSTRAINT, "Your files take all the room that you have", BYTES_NONE);
		return;
	default:
		refuse(w, STANZA_RESOURCE_CONSTRAINT, "Files cannot be taken now", BYTES_NONE);
	}
}

int upload_on_made(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire w = wire_of(f->body);
	int rc = (int)(int32_t)wire_u32(&w);
	struct bytes put = wire_str(&w), get = wire_str(&w);
	uint32_t retry_s = wire_u32(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_PROTOCOL;
	struct upload_wait *wait = map_get_u64(&im->upload.waiting, f->id);
	if (!wait)
		return 0; /* too late */
	if (rc)
		say_why(wait, rc, retry_s);
	else
		grant(wait, put, get);
	return 0;
}

static void on_timeout(void *arg)
{
	say_why(arg, ERR_TIMEOUT, 0);
}

void upload_down(struct im *im)
{
	size_t at = 0;

	for (struct upload_wait *w; (w = map_next(&im->upload.waiting, &at)); at = 0)
		say_why(w, ERR_CLOSED, 0);
}

void upload_fini(struct im *im)
{
	size_t at = 0;

	for (struct upload_wait *w; (w = map_next(&im->upload.waiting, &at)); at = 0) {
		free(w->later);
		forget(w);
	}
	map_fini(&im->upload.waiting);
}

void upload_forget(struct im *im, struct bytes jid)
{
	struct chan *to = bus_chan(im->bus, PROG_FILES, 0);

	wire_put_str(chan_begin(to, MSG_UPLOAD_FORGET, 0), jid);
	(void)chan_end(to); /* where there is no gh-files they go by age when there is one */
}

/* ---- requests ---- */

static char *copy(struct bytes v)
{
	return strndup(v.n ? (const char *)v.p : "", v.n);
}

int upload_on_fact(void *program, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	struct record r = { .kind = RECORD_TRANSFER };

	(void)from;
	r.fact = wire_u8(&w);
	r.from = wire_str(&w);
	r.name = wire_str(&w);
	r.media = wire_str(&w);
	r.size = wire_u64(&w);
	r.moved = wire_u64(&w);
	r.text = wire_str(&w);
	r.address = wire_str(&w);
	r.detail = wire_str(&w);
	if (wire_end(&w) || r.fact >= TRANSFER_FACT_COUNT)
		return ERR_PROTOCOL;
	(void)compliance_note_file(program, &r); /* it has happened: what is lost is counted there */
	return 0;
}

/* NULL: no memory, or too many. */
static struct upload_wait *wait_new(struct im *im, const struct iq *q)
{
	struct upload_wait *w = im->upload.waiting.count < UPLOAD_WAITING_MAX ? calloc(1, sizeof *w) : NULL;
	struct jid to = jid_of_normal(q->it->e.to);

	if (!w)
		return NULL;
	w->im = im;
	w->id = bus_next_id(im->bus);
	w->later = iq_keep(q);
	w->name = copy(xml_attr(q->child, "filename"));
	w->media = copy(xml_attr(q->child, "content-type"));
	loop_timer_init(&w->timer, on_timeout, w);
	if (!w->later || !w->name || !w->media || jid_domain_to_ascii(jid_domain(&to), w->host) || map_add_u64(&im->upload.waiting, w->id, w)) {
		free(w->later);
		free(w->name);
		free(w->media);
		free(w);
		return NULL;
	}
	if (loop_timer_set(im->loop, &w->timer, ANSWER_MS)) {
		free(w->later);
		forget(w);
		return NULL;
	}
	return w;
}

void iq_upload(struct im *im, struct iq *q)
{
	struct jid from = jid_of_normal(q->it->e.from);
	struct chan *to = bus_chan(im->bus, PROG_FILES, 0);
	uint64_t size;

	if (!im->upload.is_on) {
		iq_error(im, q, STANZA_SERVICE_UNAVAILABLE);
		return;
	}
	if (!q->session) { /* only for people of ours */
		iq_error(im, q, STANZA_FORBIDDEN);
		return;
	}
	if (bytes_to_u64(xml_attr(q->child, "size"), INT64_MAX, &size)) {
		iq_error(im, q, STANZA_BAD_REQUEST);
		return;
	}
	struct upload_wait *w = to ? wait_new(im, q) : NULL;
	if (!w) {
		iq_error(im, q, STANZA_RESOURCE_CONSTRAINT);
		return;
	}
	w->size = size;
	struct buf *b = chan_begin(to, MSG_UPLOAD_SLOT, w->id);
	wire_put_str(b, jid_bare(&from));
	wire_put_str(b, xml_attr(q->child, "filename"));
	wire_put_str(b, xml_attr(q->child, "content-type"));
	wire_put_u64(b, size);
	if (chan_end(to))
		say_why(w, ERR_CLOSED, 0);
}
