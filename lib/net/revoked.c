#include "net/revoked.h"

#include "base/err.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

enum { PART_SERIALS = REVOKED_PART_BYTES / REVOKED_SERIAL_BYTES };

void revoked_list_free(struct revoked_list *l)
{
	if (l)
		free(l->serials);
	free(l);
}

void revoked_fini(struct revoked *r)
{
	for (size_t i = 0; i < r->n; i++)
		revoked_list_free(r->lists[i]);
	revoked_list_free(r->coming);
	*r = (struct revoked){ .n = 0 };
}

/* ---- serial numbers, authorities ---- */

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, REVOKED_SERIAL_BYTES);
}

void revoked_list_sort(struct revoked_list *l)
{
	uint32_t kept = 0;

	if (!l->n)
		return;
	qsort(l->serials, l->n, REVOKED_SERIAL_BYTES, compare);
	for (uint32_t i = 1; i < l->n; i++) {
		const uint8_t *s = l->serials + (size_t)i * REVOKED_SERIAL_BYTES;
		if (compare(s, l->serials + (size_t)kept * REVOKED_SERIAL_BYTES) && ++kept != i)
			memcpy(l->serials + (size_t)kept * REVOKED_SERIAL_BYTES, s, REVOKED_SERIAL_BYTES);
	}
	l->n = kept + 1;
}

int revoked_serial(const ASN1_INTEGER *from, uint8_t out[static REVOKED_SERIAL_BYTES])
{
	int n = ASN1_STRING_length(from);
	const uint8_t *p = ASN1_STRING_get0_data(from);

	for (; n > 0 && !*p; n--)
		p++;
	if (n > REVOKED_SERIAL_BYTES)
		return ERR_RANGE;
	memset(out, 0, REVOKED_SERIAL_BYTES);
	if (n)
		memcpy(out + REVOKED_SERIAL_BYTES - n, p, (size_t)n);
	return 0;
}

int revoked_key(const X509 *authority, uint8_t out[static REVOKED_KEY_BYTES])
{
	uint8_t *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(authority), &der);
	int rc = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1 ? 0 : ERR_NOMEM;

	OPENSSL_free(der);
	ERR_clear_error();
	return rc;
}

/* ---- questions ---- */

static bool has_serial(const struct revoked_list *l, const X509 *x)
{
	uint8_t serial[REVOKED_SERIAL_BYTES];

	return l->n && revoked_serial(X509_get0_serialNumber(x), serial) == 0 &&
	       bsearch(serial, l->serials, l->n, REVOKED_SERIAL_BYTES, compare);
}

static bool speaks_about(const struct revoked_list *l, X509 *x, int64_t now_s)
{
	return (l->head.scope & (X509_check_ca(x) == 1 ? REVOKED_AUTHORITIES : REVOKED_USERS)) && l->head.from_s <= now_s && now_s < l->head.until_s;
}

enum revoked_verdict revoked_look(const struct revoked *r, X509 *x, const X509 *issuer, int64_t now_s)
{
	enum revoked_verdict v = REVOKED_UNKNOWN;
	uint8_t key[REVOKED_KEY_BYTES];

	if (!r->n || revoked_key(issuer, key))
		return v;
	for (size_t i = 0; i < r->n; i++) {
		const struct revoked_list *l = r->lists[i];
		if (memcmp(l->head.key, key, sizeof key))
			continue;
		if (has_serial(l, x))
			return REVOKED_IS;
		if (speaks_about(l, x, now_s))
			v = REVOKED_IS_NOT;
	}
	return v;
}

bool revoked_may_be(const struct revoked *r, const X509 *x)
{
	for (size_t i = 0; i < r->n; i++)
		if (has_serial(r->lists[i], x))
			return true;
	return false;
}

/* ---- frames ---- */

static void put_head(const struct revoked_list *l, struct buf *out)
{
	buf_put(out, l->head.key, sizeof l->head.key);
	wire_put_u64(out, (uint64_t)l->head.from_s);
	wire_put_u64(out, (uint64_t)l->head.until_s);
	wire_put_u8(out, l->head.scope);
	wire_put_u32(out, l->n);
}

bool revoked_put(const struct revoked_list *l, uint32_t *at, struct buf *out)
{
	uint32_t n = l->n - *at < PART_SERIALS ? l->n - *at : PART_SERIALS;
	bool is_last = *at + n == l->n;

	wire_put_str(out, bytes_of(l->name));
	wire_put_u8(out, (*at ? 0 : REVOKED_BEGINS) | (is_last ? REVOKED_ENDS : 0));
	if (!*at)
		put_head(l, out);
	if (n)
		buf_put(out, l->serials + (size_t)*at * REVOKED_SERIAL_BYTES, (size_t)n * REVOKED_SERIAL_BYTES);
	*at += n;
	return !is_last;
}

void revoked_put_gone(const char *name, struct buf *out)
{
	wire_put_str(out, bytes_of(name));
	wire_put_u8(out, REVOKED_GONE);
}

static size_t place_of(const struct revoked *r, struct bytes name)
{
	size_t i = 0;

	while (i < r->n && !bytes_eq_str(name, r->lists[i]->name))
		i++;
	return i;
}

static bool remove_list(struct revoked *r, struct bytes name)
{
	size_t i = place_of(r, name);

	if (i == r->n)
		return false;
	revoked_list_free(r->lists[i]);
	r->lists[i] = r->lists[--r->n];
	return true;
}

/* Without those of the list that the new one follows. */
static size_t count_serials(const struct revoked *r, struct bytes name)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += bytes_eq_str(name, r->lists[i]->name) ? 0 : r->lists[i]->n;
	return n;
}

static int begin(struct revoked *r, struct bytes name, struct wire *w)
{
	struct revoked_head h;
	struct bytes key = wire_raw(w, sizeof h.key);

	h.from_s = (int64_t)wire_u64(w);
	h.until_s = (int64_t)wire_u64(w);
	h.scope = wire_u8(w);
	uint32_t n = wire_u32(w);
	if (wire_failed(w))
		return ERR_PROTOCOL;
	memcpy(h.key, key.p, key.n);
	if (n > REVOKED_SERIALS_MAX - count_serials(r, name) || (r->n == REVOKED_LISTS_MAX && place_of(r, name) == r->n))
		return ERR_LIMIT;
	struct revoked_list *l = calloc(1, sizeof *l);
	if (!l || !(l->serials = malloc((size_t)n * REVOKED_SERIAL_BYTES + 1))) {
		free(l);
		return ERR_NOMEM;
	}
	memcpy(l->name, name.p, name.n);
	l->head = h;
	l->n = n;
	r->coming = l;
	r->n_came = 0;
	return 0;
}

/* In order, or the search would miss some. */
static bool is_sorted(const struct revoked_list *l)
{
	for (uint32_t i = 1; i < l->n; i++)
		if (compare(l->serials + (size_t)(i - 1) * REVOKED_SERIAL_BYTES, l->serials + (size_t)i * REVOKED_SERIAL_BYTES) >= 0)
			return false;
	return true;
}

static int finish(struct revoked *r)
{
	struct revoked_list *l = r->coming;

	if (r->n_came != l->n || !is_sorted(l))
		return ERR_PROTOCOL;
	(void)remove_list(r, bytes_of(l->name)); /* the one before, where there was one */
	r->lists[r->n++] = l;
	r->coming = NULL;
	return 0;
}

static int take_part(struct revoked *r, struct wire *w, bool is_last)
{
	struct revoked_list *l = r->coming;
	size_t left = wire_left(w);

	if (left % REVOKED_SERIAL_BYTES || left / REVOKED_SERIAL_BYTES > l->n - r->n_came)
		return ERR_PROTOCOL;
	struct bytes more = wire_raw(w, left);
	if (more.n)
		memcpy(l->serials + (size_t)r->n_came * REVOKED_SERIAL_BYTES, more.p, more.n);
	r->n_came += (uint32_t)(left / REVOKED_SERIAL_BYTES);
	return is_last ? finish(r) : 0;
}

int revoked_take(struct revoked *r, struct bytes body, bool *is_new)
{
	struct wire w = wire_of(body);
	struct bytes name = wire_str(&w);
	uint8_t flags = wire_u8(&w);
	int rc = 0;

	*is_new = false;
	if (wire_failed(&w) || !name.n || name.n > REVOKED_NAME_MAX || memchr(name.p, 0, name.n))
		return ERR_PROTOCOL;
	if (flags & (REVOKED_BEGINS | REVOKED_GONE)) { /* gh-pki may have died amid the one before */
		revoked_list_free(r->coming);
		r->coming = NULL;
	}
	if (flags == REVOKED_GONE) {
		*is_new = remove_list(r, name);
		return wire_end(&w) ? ERR_PROTOCOL : 0;
	}
	if (flags & REVOKED_BEGINS)
		rc = begin(r, name, &w);
	if (!rc && (!r->coming || !bytes_eq_str(name, r->coming->name)))
		rc = ERR_PROTOCOL;
	if (!rc)
		rc = take_part(r, &w, flags & REVOKED_ENDS);
	*is_new = !rc && (flags & REVOKED_ENDS);
	return rc;
}
