#include "wanted.h"

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "proto/jid.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { NTP_PORT = 123, POLL_MAX = 17 };

static int refuse(struct time_error *e, const char *family, struct bytes key, const char *what, const char *why)
{
	snprintf(e->path, sizeof e->path, "%s %.*s %s", family, (int)(key.n < 64 ? key.n : 64), (const char *)key.p, what);
	e->why = why;
	return ERR_RANGE;
}

/* ---- keys ---- */

static const size_t exact_bytes[TIME_KEY_TYPE_COUNT] = { [TIME_AES128] = 16, [TIME_AES256] = 32 }; /* RFC 8573 */

static bool is_fitting(enum time_key_type type, size_t n)
{
	return exact_bytes[type] ? n == exact_bytes[type] : n > 0 && n <= TIME_SECRET_MAX;
}

/* "hex:0123...", or the bytes as they are. */
static int read_secret(struct bytes text, struct time_key *k)
{
	if (bytes_starts(text, BYTES("hex:"))) {
		struct bytes digits = bytes_skip(text, 4);
		if (digits.n % 2 || digits.n / 2 > sizeof k->secret || text_unhex(digits, k->secret, digits.n / 2))
			return ERR_SYNTAX;
		k->secret_n = digits.n / 2;
	} else {
		if (text.n > sizeof k->secret)
			return ERR_SYNTAX;
		memcpy(k->secret, text.p, text.n);
		k->secret_n = text.n;
	}
	return is_fitting(k->type, k->secret_n) ? 0 : ERR_SYNTAX;
}

static int read_key(const struct settings *s, struct bytes key, struct time_wanted *w, struct time_error *e)
{
	struct time_key *k = &w->keys[w->n_keys];
	uint64_t id;

	if (w->n_keys == TIME_KEYS_MAX)
		return refuse(e, "time key", key, "secret", "at most 16 keys");
	if (bytes_to_u64(key, INT32_MAX, &id) || id == 0)
		return refuse(e, "time key", key, "secret", "a key's name is the number that the server knows it by, 1 to 2147483647");
	k->id = (uint32_t)id;
	for (size_t i = 0; i < w->n_keys; i++)
		if (w->keys[i].id == k->id)
			return refuse(e, "time key", key, "secret", "the same number as another key");
	k->type = (enum time_key_type)settings_enum_at(s, SET_TIME_KEY_TYPE, key);
	struct bytes secret = settings_text_at(s, SET_TIME_KEY_SECRET, key);
	if (secret.n == 0)
		return refuse(e, "time key", key, "type", "the key has no secret");
	if (read_secret(secret, k))
		return refuse(e, "time key", key, "secret",
			      "AES wants 16 (aes128) or 32 (aes256) bytes, others at most 64; as hex:0123... or as they are");
	w->n_keys++;
	return 0;
}

static bool has_key(const struct time_wanted *w, uint32_t id)
{
	for (size_t i = 0; i < w->n_keys; i++)
		if (w->keys[i].id == id)
			return true;
	return false;
}

/* ---- servers ---- */

static bool is_numeric(const char *host)
{
	struct in6_addr ignored;

	return inet_pton(AF_INET, host, &ignored) == 1 || inet_pton(AF_INET6, host, &ignored) == 1;
}

/* A-labels with dots between: nothing that means anything to chronyd's reader. */
static bool is_host_name(const char *host)
{
	size_t n = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");

	return n > 0 && host[n] == 0 && n < 254 && host[0] != '-' && host[0] != '.';
}

static int read_host(const struct settings *s, struct bytes key, struct time_server *v, struct time_error *e)
{
	struct bytes value = settings_text_at(s, SET_TIME_SERVER, key);
	char text[TIME_HOST_BYTES], ascii[254];

	if (value.n == 0)
		return refuse(e, "time server", key, "address", "the server has no address");
	if (setting_split_host(value, NTP_PORT, text, &v->port))
		return refuse(e, "time server", key, "address", "a name or address, and a port");
	v->is_numeric = is_numeric(text);
	if (v->is_numeric)
		snprintf(v->host, sizeof v->host, "%s", text);
	else if (jid_domain_to_ascii(bytes_of(text), ascii) == 0 && is_host_name(ascii))
		snprintf(v->host, sizeof v->host, "%s", ascii);
	else
		return refuse(e, "time server", key, "address", "not a host name");
	return 0;
}

static int read_server(const struct settings *s, struct bytes key, struct time_wanted *w, struct time_error *e)
{
	struct time_server *v = &w->servers[w->n_servers];
	struct bytes name = settings_text_at(s, SET_TIME_SERVER_KEY, key);
	uint64_t id = 0;

	if (w->n_servers == TIME_SERVERS_MAX)
		return refuse(e, "time server", key, "address", "at most 16 time servers");
	snprintf(v->name, sizeof v->name, "%.*s", BYTES_FMT(key));
	int rc = read_host(s, key, v, e);
	if (rc)
		return rc;
	if (name.n > 0 && (bytes_to_u64(name, INT32_MAX, &id) || !has_key(w, (uint32_t)id)))
		return refuse(e, "time server", key, "key", "there is no time key of that number");
	v->key = (uint32_t)id;
	v->has_nts = settings_bool_at(s, SET_TIME_SERVER_NTS, key);
	v->has_burst = settings_bool_at(s, SET_TIME_SERVER_BURST, key);
	v->poll_min = (uint8_t)settings_int_at(s, SET_TIME_SERVER_POLL_MIN, key);
	v->poll_max = (uint8_t)settings_int_at(s, SET_TIME_SERVER_POLL_MAX, key);
	if (v->has_nts && v->key)
		return refuse(e, "time server", key, "nts", "NTS has its own keys: a time key and NTS exclude each other");
	if (v->has_nts && v->is_numeric)
		return refuse(e, "time server", key, "nts", "NTS proves a name: the address must be one");
	if (v->poll_min > v->poll_max)
		return refuse(e, "time server", key, "poll-min", "more than poll-max");
	w->n_servers++;
	return 0;
}

int wanted_read(const struct settings *s, struct time_wanted *out, struct time_error *e)
{
	struct time_wanted w = { 0 };
	struct bytes key;
	int rc = 0;

	for (size_t at = 0; !rc && settings_next_key(s, SET_TIME_KEY_SECRET, &at, &key);)
		rc = read_key(s, key, &w, e);
	for (size_t at = 0; !rc && settings_next_key(s, SET_TIME_SERVER, &at, &key);)
		rc = read_server(s, key, &w, e);
	if (!rc)
		*out = w;
	secret_wipe(&w, sizeof w);
	return rc;
}

/* ---- to the keeper and out of the frame there ---- */

void wanted_put(const struct time_wanted *w, struct buf *out)
{
	wire_put_u8(out, (uint8_t)w->n_keys);
	for (size_t i = 0; i < w->n_keys; i++) {
		wire_put_u32(out, w->keys[i].id);
		wire_put_u8(out, (uint8_t)w->keys[i].type);
		wire_put_str(out, bytes_make(w->keys[i].secret, w->keys[i].secret_n));
	}
	wire_put_u8(out, (uint8_t)w->n_servers);
	for (size_t i = 0; i < w->n_servers; i++) {
		const struct time_server *v = &w->servers[i];
		wire_put_str(out, bytes_of(v->host));
		wire_put_u16(out, v->port);
		wire_put_u32(out, v->key);
		wire_put_u8(out, (uint8_t)(v->has_nts | v->has_burst << 1));
		wire_put_u8(out, v->poll_min);
		wire_put_u8(out, v->poll_max);
	}
}

static int get_text(struct wire *in, char *out, size_t room)
{
	struct bytes v = wire_str(in);

	if (v.n >= room || (v.n > 0 && memchr(v.p, 0, v.n)))
		return ERR_PROTOCOL;
	if (v.n > 0)
		memcpy(out, v.p, v.n);
	out[v.n] = 0;
	return 0;
}

static int get_key(struct wire *in, struct time_wanted *w)
{
	struct time_key *k = &w->keys[w->n_keys];

	k->id = wire_u32(in);
	unsigned type = wire_u8(in);
	struct bytes secret = wire_str(in);
	if (wire_failed(in) || k->id == 0 || k->id > INT32_MAX || type >= TIME_KEY_TYPE_COUNT || secret.n > sizeof k->secret ||
	    !is_fitting((enum time_key_type)type, secret.n))
		return ERR_PROTOCOL;
	k->type = (enum time_key_type)type; /* no type goes with an empty secret */
	memcpy(k->secret, secret.p, secret.n);
	k->secret_n = secret.n;
	w->n_keys++;
	return 0;
}

static int get_server(struct wire *in, struct time_wanted *w)
{
	struct time_server *v = &w->servers[w->n_servers];
	int rc = get_text(in, v->host, sizeof v->host);

	v->port = wire_u16(in);
	v->key = wire_u32(in);
	unsigned flags = wire_u8(in);
	v->poll_min = wire_u8(in);
	v->poll_max = wire_u8(in);
	v->has_nts = flags & 1;
	v->has_burst = flags & 2;
	v->is_numeric = is_numeric(v->host);
	if (rc || wire_failed(in) || flags > 3 || v->port == 0 || v->poll_min > v->poll_max || v->poll_max > POLL_MAX ||
	    (v->key && !has_key(w, v->key)) || (!v->is_numeric && !is_host_name(v->host)))
		return ERR_PROTOCOL;
	w->n_servers++;
	return 0;
}

int wanted_get(struct wire *in, struct time_wanted *out)
{
	struct time_wanted w = { 0 };
	unsigned n_keys = wire_u8(in);
	int rc = n_keys <= TIME_KEYS_MAX ? 0 : ERR_PROTOCOL;

	while (!rc && w.n_keys < n_keys)
		rc = get_key(in, &w);
	unsigned n_servers = wire_u8(in);
	if (n_servers > TIME_SERVERS_MAX || wire_failed(in))
		rc = ERR_PROTOCOL;
	while (!rc && w.n_servers < n_servers)
		rc = get_server(in, &w);
	if (!rc)
		*out = w;
	secret_wipe(&w, sizeof w);
	return rc;
}

void hosts_put(const struct time_hosts *h, struct buf *out)
{
	wire_put_u8(out, (uint8_t)h->n);
	for (size_t i = 0; i < h->n; i++) {
		wire_put_str(out, bytes_of(h->v[i].address));
		wire_put_str(out, bytes_of(h->v[i].host));
	}
}

int hosts_get(struct wire *in, struct time_hosts *out)
{
	unsigned n = wire_u8(in);

	out->n = 0;
	if (n > TIME_HOSTS_MAX)
		return ERR_PROTOCOL;
	for (; out->n < n; out->n++) {
		struct time_host *h = &out->v[out->n];
		if (get_text(in, h->address, sizeof h->address) || get_text(in, h->host, sizeof h->host) || wire_failed(in) ||
		    !is_numeric(h->address) || !is_host_name(h->host))
			return ERR_PROTOCOL;
	}
	return 0;
}
