#include "format.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/envelope.h"
#include "proto/jid.h"

enum { TAR_BLOCK = 512, BASE64_LINE = 57 /* bytes of 76 letters (RFC 2045 6.8) */ };

static const char *const words[FORMAT_COUNT] = { [FORMAT_JSON] = "json", [FORMAT_EML] = "eml" };
static const char *const files[FORMAT_COUNT] = { [FORMAT_JSON] = "compliance.jsonl", [FORMAT_EML] = "compliance-eml.tar" };
static const char *const doors[DOOR_COUNT] = { [DOOR_CORE] = "core", [DOOR_ACCESS] = "client", [DOOR_S2S] = "xmpp-federation", [DOOR_SIP] = "sip" };

int format_of(struct bytes word, enum format_kind *out)
{
	for (unsigned k = 0; k < FORMAT_COUNT; k++)
		if (bytes_eq_str(word, words[k])) {
			*out = (enum format_kind)k;
			return 0;
		}
	return ERR_UNKNOWN;
}

const char *format_file(enum format_kind k)
{
	return files[k];
}

int format_time(struct bytes text, bool is_end, uint64_t *out)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d" };
	char copy[TEXT_TIME_BYTES];

	if (text.n >= sizeof copy)
		return ERR_SYNTAX;
	snprintf(copy, sizeof copy, "%.*s", BYTES_FMT(text));
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct tm tm = { 0 };
		const char *end = strptime(copy, forms[i], &tm);
		time_t t = end && !*end ? timegm(&tm) : -1;
		if (t < 0)
			continue;
		*out = (uint64_t)t * 1000 + (!is_end ? 0 : i == 1 ? 86400000 - 1 : 999);
		return 0;
	}
	return ERR_SYNTAX;
}

/* ---- what a message says ---- */

struct said {
	struct bytes body, subject, thread;
};

static struct bytes child_text(const struct xml_node *n, const char *name)
{
	const struct xml_node *c = xml_child(n, name, NS_CLIENT);

	return xml_text(c ? c : xml_child(n, name, NS_SERVER));
}

static struct said said_of(const struct format_in *in)
{
	const struct record *r = in->record;
	struct xml_node *n;

	if (r->kind != RECORD_STANZA || r->stanza_kind != STANZA_MESSAGE ||
	    xml_pool_parse(in->parsers, r->stanza, NS_CLIENT, &xml_limits_default, in->arena, &n))
		return (struct said){ 0 };
	return (struct said){ child_text(n, "body"), child_text(n, "subject"), child_text(n, "thread") };
}

static const char *kind_of(const struct record *r)
{
	return r->kind == RECORD_STANZA ? stanza_kind_name((enum stanza_kind)r->stanza_kind) : r->kind == RECORD_FILE ? "file" : r->kind == RECORD_TRANSFER ? "transfer" : "event";
}

/* ---- JSON lines ---- */

static void set(json_t *o, const char *key, struct bytes v)
{
	/* What is not UTF-8 cannot have come by XML. */
	if (v.n)
		(void)json_object_set_new(o, key, json_stringn((const char *)v.p, v.n)); /* NULL is refused: the key is missing then */
}

static void set_stanza(json_t *o, const struct format_in *in)
{
	const struct record *r = in->record;
	struct said s = said_of(in);
	char trace[17];

	snprintf(trace, sizeof trace, "%016llx", (unsigned long long)r->trace);
	set(o, "type", bytes_of(stanza_type_name((enum stanza_type)r->type)));
	set(o, "door", bytes_of(doors[r->door]));
	set(o, "from", r->from);
	set(o, "to", r->to);
	set(o, "id", r->sid);
	set(o, "trace", bytes_of(trace));
	set(o, "subject", s.subject);
	set(o, "thread", s.thread);
	set(o, "body", s.body);
	set(o, "stanza", r->stanza);
}

/* The columns of aft_log that there are here (C-MFT-17), in words of ours. */
static void set_transfer(json_t *o, const struct record *r)
{
	set(o, "method", bytes_of(transfer_fact_name(r->fact)));
	set(o, "owner", r->from);
	set(o, "name", r->name);
	set(o, "media-type", r->media);
	(void)json_object_set_new(o, "size", json_integer((json_int_t)r->size));
	(void)json_object_set_new(o, "bytes-transferred", json_integer((json_int_t)r->moved));
	set(o, "file", r->text);
	set(o, "address", r->address);
	set(o, "detail", r->detail);
}

static bool put_json(const struct format_in *in, struct buf *out)
{
	const struct record *r = in->record;
	char at[TEXT_TIME_BYTES], hash[2 * RECORD_HASH_BYTES + 1];
	json_t *o = json_object();

	text_time(r->at_ms, true, at);
	text_hex(in->hash, hash);
	(void)json_object_set_new(o, "number", json_integer((json_int_t)r->number)); /* without memory the dump fails */
	set(o, "time", bytes_of(at));
	set(o, "kind", bytes_of(kind_of(r)));
	if (r->kind == RECORD_STANZA) {
		set_stanza(o, in);
	} else if (r->kind == RECORD_FILE) {
		set(o, "owner", r->from);
		set(o, "name", r->name);
		set(o, "media-type", r->media);
		(void)json_object_set_new(o, "size", json_integer((json_int_t)r->size));
		set(o, "path", r->text);
	} else if (r->kind == RECORD_TRANSFER) {
		set_transfer(o, r);
	} else {
		set(o, "event", r->name);
		set(o, "text", r->text);
	}
	set(o, "hash", bytes_of(hash));
	char *line = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(o);
	if (line) {
		buf_put_str(out, line);
		buf_put_u8(out, '\n');
	}
	bool is_put = line && !buf_failed(out);
	free(line);
	return is_put;
}

/* ---- mails ---- */

static void put_base64(struct bytes v, struct buf *out)
{
	while (v.n) {
		size_t n = v.n < BASE64_LINE ? v.n : BASE64_LINE;
		text_base64(bytes_make(v.p, n), out);
		buf_put_str(out, "\r\n");
		v = bytes_skip(v, n);
	}
}

/* A field in words of RFC 2047, so that nothing of it is syntax. */
static void put_field(struct buf *out, const char *name, struct bytes v)
{
	enum { WORD = 39 };

	buf_put_str(out, name);
	buf_put_u8(out, ':');
	do {
		struct bytes part = text_cut(v, WORD);
		if (!part.n)
			part = bytes_make(v.p, v.n < WORD ? v.n : WORD);
		buf_put_str(out, " =?utf-8?B?");
		text_base64(part, out);
		buf_put_str(out, "?=\r\n");
		v = bytes_skip(v, part.n);
	} while (v.n);
}

static bool is_plain(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		bool is_atom = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("!#$%*+-/=?^_`{|}~.@", c);
		if (!c || !is_atom)
			return false;
	}
	return v.n > 0 && bytes_find(v, '@') > 0;
}

/* RFC 5322 3.4; an address that mail cannot have is a name (RFC 6854). */
static void put_address(struct buf *out, const char *field, struct bytes jid)
{
	struct jid j = jid_of_normal(jid);

	if (is_plain(jid_bare(&j)) && j.local_n)
		buf_putf(out, "%s: <%.*s>\r\n", field, BYTES_FMT(jid_bare(&j)));
	else {
		put_field(out, field, jid);
		buf_truncate(out, buf_len(out) - 2);
		buf_put_str(out, ": ;\r\n");
	}
}

static void put_date(struct buf *out, uint64_t at_ms)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t t = (time_t)(at_ms / 1000);
	struct tm tm = { 0 };

	(void)gmtime_r(&t, &tm); /* a year that has no number stays 1900 */
	buf_putf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday % 7], tm.tm_mday, months[tm.tm_mon % 12], tm.tm_year + 1900,
	         tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void put_head(struct buf *out, const struct format_in *in, struct bytes subject)
{
	const struct record *r = in->record;
	char hash[2 * RECORD_HASH_BYTES + 1];

	text_hex(in->hash, hash);
	if (r->kind == RECORD_EVENT)
		buf_put_str(out, "From: archive: ;\r\n");
	else
		put_address(out, "From", r->from);
	if (r->to.n)
		put_address(out, "To", r->to);
	put_date(out, r->at_ms);
	buf_putf(out, "Message-ID: <%llu.%.32s@compliance.invalid>\r\n", (unsigned long long)r->number, hash);
	put_field(out, "Subject", subject);
	buf_putf(out, "X-Compliance-Number: %llu\r\nX-Compliance-Hash: %s\r\nX-Compliance-Kind: %s\r\n", (unsigned long long)r->number, hash, kind_of(r));
	if (r->kind == RECORD_STANZA) {
		buf_putf(out, "X-Compliance-Door: %s\r\nX-Compliance-Trace: %016llx\r\n", doors[r->door], (unsigned long long)r->trace);
		put_field(out, "X-Compliance-From", r->from);
		put_field(out, "X-Compliance-To", r->to);
	}
}

/* XMPP as a part of a mail: RFC 3923 9.1 names the type. */
static void put_mail(struct buf *out, const struct format_in *in)
{
	const struct record *r = in->record;
	struct said s = said_of(in);
	char boundary[80];
	struct bytes text = r->kind == RECORD_STANZA ? s.body : r->text;

	snprintf(boundary, sizeof boundary, "=_compliance_%llu", (unsigned long long)r->number);
	put_head(out, in, s.subject.n ? s.subject : r->kind == RECORD_STANZA ? bytes_of(kind_of(r)) : r->name);
	if (r->kind == RECORD_TRANSFER) {
		buf_putf(out, "X-Compliance-Method: %s\r\nX-Compliance-Size: %llu\r\nX-Compliance-Transferred: %llu\r\n", transfer_fact_name(r->fact),
		         (unsigned long long)r->size, (unsigned long long)r->moved);
		put_field(out, "X-Compliance-From", r->from);
		put_field(out, "X-Compliance-Address", r->address);
		put_field(out, "X-Compliance-Detail", r->detail);
	}
	if (r->kind == RECORD_FILE)
		buf_putf(out, "X-Compliance-Size: %llu\r\n", (unsigned long long)r->size);
	buf_putf(out, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n", boundary, boundary);
	buf_put_str(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	put_base64(text, out);
	if (r->kind == RECORD_STANZA) {
		buf_putf(out, "--%s\r\nContent-Type: application/xmpp+xml\r\nContent-Transfer-Encoding: base64\r\n", boundary);
		buf_put_str(out, "Content-Disposition: attachment; filename=\"stanza.xml\"\r\n\r\n");
		put_base64(r->stanza, out);
	}
	buf_putf(out, "--%s--\r\n", boundary);
}

/* ---- tar: POSIX ustar ---- */

static void octal(uint8_t *at, size_t n, uint64_t v)
{
	at[n - 1] = '\0';
	for (size_t i = n - 1; i-- > 0; v /= 8)
		at[i] = (uint8_t)('0' + v % 8);
}

static void fill_tar(uint8_t h[static TAR_BLOCK], const struct record *r, size_t n)
{
	unsigned sum = 0;

	memset(h, 0, TAR_BLOCK);
	snprintf((char *)h, 100, "%020llu.eml", (unsigned long long)r->number);
	octal(h + 100, 8, 0600);
	octal(h + 108, 8, 0);
	octal(h + 116, 8, 0);
	octal(h + 124, 12, n);
	octal(h + 136, 12, r->at_ms / 1000);
	h[156] = '0';
	memcpy(h + 257, "ustar\00000", 8);
	memset(h + 148, ' ', 8); /* as if the sum were spaces */
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += h[i];
	octal(h + 148, 7, sum);
}

static bool put_eml(const struct format_in *in, struct buf *out)
{
	static const uint8_t zeros[TAR_BLOCK];
	uint8_t head[TAR_BLOCK] = { 0 };
	size_t at = buf_len(out);

	buf_put(out, head, sizeof head); /* filled when the length is known */
	put_mail(out, in);
	if (buf_failed(out))
		return false;
	size_t n = buf_len(out) - at - TAR_BLOCK;
	fill_tar(head, in->record, n);
	memcpy(out->p + out->off + at, head, sizeof head);
	buf_put(out, zeros, (TAR_BLOCK - n % TAR_BLOCK) % TAR_BLOCK);
	return !buf_failed(out);
}

bool format_put(enum format_kind k, const struct format_in *in, struct buf *out)
{
	return k == FORMAT_JSON ? put_json(in, out) : put_eml(in, out);
}

void format_end(enum format_kind k, struct buf *out)
{
	static const uint8_t zeros[2 * TAR_BLOCK];

	if (k == FORMAT_EML)
		buf_put(out, zeros, sizeof zeros);
}
