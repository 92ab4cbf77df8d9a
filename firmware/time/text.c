/* chronyd's files. Values come in here checked: numbers, names of letters, digits and dots, keys as hex. */
#include "wanted.h"

#include "base/secret.h"
#include "base/text.h"

void text_conf(const struct time_wanted *w, const struct time_places *p, struct buf *out)
{
	buf_put_str(out, "# Made by gh-time from the settings; changes here are lost.\n");
	for (size_t i = 0; i < w->n_servers; i++) {
		const struct time_server *v = &w->servers[i];
		bool is_pool = !v->is_numeric && !v->has_nts; /* a name: each of its addresses is a server */
		buf_putf(out, "%s %s port %u minpoll %u maxpoll %u", is_pool ? "pool" : "server", v->host, v->port, v->poll_min, v->poll_max);
		if (is_pool)
			buf_putf(out, " maxsources %d", TIME_ADDRESSES_MAX);
		if (v->has_burst)
			buf_put_str(out, " iburst");
		if (v->has_nts)
			buf_put_str(out, " nts");
		if (v->key)
			buf_putf(out, " key %u", v->key);
		buf_put_u8(out, '\n');
	}
	buf_putf(out, "keyfile %s/chrony.keys\ndriftfile %s/own/drift\ndumpdir %s/own\nntsdumpdir %s/own\n", p->folder, p->folder, p->folder,
	         p->folder);
	buf_putf(out, "bindcmdaddress %s/own/chronyd.sock\npidfile %s/own/chronyd.pid\n", p->folder, p->folder);
	if (p->has_anchors)
		buf_putf(out, "ntstrustedcerts %s/anchors.pem\n", p->folder);
	if (!p->has_system)
		buf_put_str(out, "nosystemcert\n");
	/* No port is open: neither for clients nor for commands over a network. */
	buf_put_str(out, "port 0\ncmdport 0\n"
			 "makestep 1.0 3\n" /* a clock that is far off is set at once, at the start only */
			 "rtcsync\n");
}

void text_keys(const struct time_wanted *w, struct buf *out)
{
	static const char *const types[TIME_KEY_TYPE_COUNT] = { "AES128", "AES256", "SHA1", "SHA256", "SHA512" };
	char hex[2 * TIME_SECRET_MAX + 1];

	for (size_t i = 0; i < w->n_keys; i++) {
		const struct time_key *k = &w->keys[i];
		text_hex(bytes_make(k->secret, k->secret_n), hex);
		buf_putf(out, "%u %s HEX:%s\n", k->id, types[k->type], hex);
	}
	secret_wipe(hex, sizeof hex);
}

void text_hosts(const struct time_hosts *h, struct buf *out)
{
	buf_put_str(out, "127.0.0.1 localhost\n::1 localhost\n");
	for (size_t i = 0; i < h->n; i++)
		buf_putf(out, "%s %s\n", h->v[i].address, h->v[i].host);
}
