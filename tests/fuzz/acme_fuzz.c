/* Any bytes as what an ACME server says: the first byte says which object. What is taken has only what its struct promises, and
 * goes into requests of ours that are whole. The rest: a chain in PEM, a URL. */
#include "acme_json.h"
#include "acme_jws.h"
#include "chain.h"
#include "fetch_url.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_text(const char *t, size_t room)
{
	must(strnlen(t, room) < room);
}

static void check_problem(const struct acme_problem *p)
{
	check_text(p->type, sizeof p->type);
	check_text(p->detail, sizeof p->detail);
	check_text(p->about, sizeof p->about);
	must(!strpbrk(p->detail, "\r\n\t\033") && !strpbrk(p->about, "\r\n\t\033"));
}

/* A URL and a nonce of the server's come back to it inside our JSON. */
static void check_request(const char *url)
{
	const struct acme_key key = { { 1 }, { 2 } };
	const struct acme_header h = { .kid = url, .nonce = "n", .url = url, .key = &key };
	struct buf in, out;

	buf_init(&in, 64 << 10);
	buf_init(&out, 64 << 10);
	if (acme_jws_input(&h, BYTES("{}"), &in) == 0) {
		acme_jws_put(buf_bytes(&in), BYTES("signature"), &out);
		json_t *again = json_loadb((const char *)buf_bytes(&out).p, buf_len(&out), JSON_REJECT_DUPLICATES, NULL);
		must(json_object_size(again) == 3);
		json_decref(again);
	}
	buf_fini(&in);
	buf_fini(&out);
}

static void directory(struct bytes in)
{
	static struct acme_directory d;

	if (acme_read_directory(in, &d))
		return;
	must(d.new_nonce[0] && d.new_account[0] && d.new_order[0]);
	check_text(d.terms, sizeof d.terms);
	check_request(d.new_order);
}

static void order(struct bytes in)
{
	static struct acme_order o;

	if (acme_read_order(in, &o))
		return;
	must(o.n <= ACME_NAMES_MAX && o.finalize[0] && o.status < ACME_STATUS_COUNT);
	for (size_t i = 0; i < o.n; i++)
		check_request(o.authorizations[i]);
	check_problem(&o.error);
}

static void authorization(struct bytes in)
{
	static struct acme_authorization z;

	if (acme_read_authorization(in, "http-01", &z))
		return;
	check_text(z.name, sizeof z.name);
	must(!z.url[0] == !z.token[0]);
	must(strspn(z.token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(z.token));
	check_problem(&z.error);
}

static void window(struct bytes in)
{
	struct acme_window w;

	if (acme_read_window(in, &w))
		return;
	must(w.start_s > 0 && w.start_s < w.end_s);
	check_text(w.explanation, sizeof w.explanation);
}

static void rest(struct bytes in)
{
	static struct fetch_url url;
	struct chain_about about;
	char id[CHAIN_ID_BYTES];
	enum acme_status status;
	struct acme_problem p;

	(void)acme_read_account(in, &status);
	acme_read_problem(in, &p);
	check_problem(&p);
	if (chain_read(in, &about) == 0)
		(void)chain_covers(in, "a.example");
	if (chain_identify(in, id) == 0)
		must(strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(id));
	if (fetch_url_parse(in, 0, &url) == 0)
		must(url.is_secure && url.host[0] && url.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const all[])(struct bytes in) = { directory, order, authorization, rest, window };

	if (size)
		all[data[0] % 5](bytes_make(data + 1, size - 1));
	return 0;
}
