#include "offers.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <stdio.h>

static int read_list(struct wire *w, struct offered *out)
{
	unsigned n = wire_u8(w);
	uint8_t bits[16];

	for (unsigned i = 0; i < n; i++) {
		struct bytes text = wire_str(w);
		char one[OFFER_BYTES];
		if (wire_failed(w) || text.n >= sizeof one)
			return ERR_PROTOCOL;
		snprintf(one, sizeof one, "%.*s", BYTES_FMT(text));
		if (inet_pton(AF_INET, one, bits) != 1 && inet_pton(AF_INET6, one, bits) != 1)
			return ERR_PROTOCOL;
		if (out->n < OFFERS_MAX)
			memcpy(out->v[out->n++], one, sizeof one);
	}
	return 0;
}

static bool is_same(const struct offered *a, const struct offered *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

int offers_read(struct offers *o, struct wire *w, bool *is_new)
{
	struct offers news = { 0 };

	if (read_list(w, &news.dns) || read_list(w, &news.ntp) || wire_end(w))
		return ERR_PROTOCOL;
	*is_new = !is_same(&o->dns, &news.dns) || !is_same(&o->ntp, &news.ntp);
	*o = news;
	return 0;
}

static uint32_t readers_of(const char *path)
{
	const struct setting_row *row = NULL;
	struct bytes keys[SETTING_KEYS_MAX];

	return setting_find(bytes_of(path), &row, keys) == 0 ? row->readers : 0;
}

uint32_t offers_readers(void)
{
	return readers_of("dns server dhcp") | readers_of("time server dhcp address");
}

static bool has_any(const struct rows *r, enum setting id)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].row->id == id)
			return true;
	return false;
}

/* A row for each under a number, so that the server's order stays. before, after: what stands around it in the path. */
static int put_list(struct rows *out, const struct offered *list, const char *before, const char *after)
{
	char path[64];
	int rc = 0;

	for (unsigned i = 0; !rc && i < list->n; i++) {
		snprintf(path, sizeof path, "%s dhcp-%02u%s", before, i + 1, after);
		rc = rows_set(out, bytes_of(path), bytes_of(list->v[i]));
	}
	return rc;
}

int offers_put(const struct offers *o, const struct rows *r, enum prog p, struct rows *out, bool *is_copy)
{
	bool wants_dns = o->dns.n > 0 && readers_of("dns server dhcp") & 1u << p && !has_any(r, SET_DNS_SERVER);
	bool wants_ntp = o->ntp.n > 0 && readers_of("time server dhcp address") & 1u << p && !has_any(r, SET_TIME_SERVER);

	*is_copy = wants_dns || wants_ntp;
	if (!*is_copy)
		return 0;
	int rc = rows_copy(out, r);
	if (!rc && wants_dns) {
		/* Whoever set this meant other name servers, and another way to them. */
		(void)rows_del(out, BYTES("dns validates"));
		rc = put_list(out, &o->dns, "dns server", "");
	}
	if (!rc && wants_ntp)
		rc = put_list(out, &o->ntp, "time server", " address");
	return rc;
}
