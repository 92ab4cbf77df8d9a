#include "peers.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/jid.h"

/* Places of the values in the ranges of their rows. */
enum { TYPE_LYNC = 1, TLS_REQUIRED = 0 };

/* The next word of a list with spaces between; false at the end. */
static bool next_word(struct bytes *rest, struct bytes *out)
{
	size_t n;

	while (rest->n && *rest->p == ' ')
		*rest = bytes_skip(*rest, 1);
	n = bytes_find(*rest, ' ');
	*out = bytes_make(rest->p, n);
	*rest = bytes_skip(*rest, n);
	return n > 0;
}

static int read_prefixes(struct peer_row *r, struct bytes text)
{
	struct bytes word;
	int rc = 0;

	while (next_word(&text, &word)) {
		int bad = r->n_prefixes == PEER_PREFIXES_MAX ? ERR_LIMIT : prefix_parse(word, &r->prefixes[r->n_prefixes]);
		r->n_prefixes += bad == 0;
		rc = rc ? rc : bad;
	}
	return rc;
}

/* As certificates have them: A-labels. What has no such form can match nothing. */
static int read_subjects(struct peer_row *r, struct bytes text)
{
	char ascii[254];
	struct bytes word;
	size_t room = text.n * 4 + PEER_SUBJECTS_MAX * sizeof ascii, at = 0;
	int rc = 0;

	if (!text.n)
		return 0;
	r->subject_text = malloc(room);
	if (!r->subject_text)
		return ERR_NOMEM;
	while (next_word(&text, &word)) {
		int bad = r->n_subjects == PEER_SUBJECTS_MAX ? ERR_LIMIT : jid_domain_to_ascii(word, ascii);
		if (bad < 0) {
			rc = rc ? rc : bad;
			continue;
		}
		r->subjects[r->n_subjects++] = r->subject_text + at;
		at += (size_t)snprintf(r->subject_text + at, room - at, "%s", ascii) + 1;
	}
	return rc;
}

static void read_row(struct peer_row *r, const struct settings *s, struct bytes key)
{
	struct bytes pin = settings_text_at(s, SET_SIP_PEER_PIN, key);

	*r = (struct peer_row){
		.key = key,
		.is_lync = settings_enum_at(s, SET_SIP_PEER_TYPE, key) == TYPE_LYNC,
		.is_tls_required = settings_enum_at(s, SET_SIP_PEER_TLS, key) == TLS_REQUIRED,
		.may_common_name = settings_bool_at(s, SET_SIP_PEER_COMMON_NAME, key),
		.needs_client_usage = settings_bool_at(s, SET_SIP_PEER_CLIENT_USAGE, key),
		.authority = settings_text_at(s, SET_SIP_PEER_CA, key),
		.user = settings_text_at(s, SET_SIP_PEER_USER, key),
		.password = settings_text_at(s, SET_SIP_PEER_PASSWORD, key),
		.rate = (uint32_t)settings_int_at(s, SET_SIP_PEER_RATE, key),
		.message_max = (uint32_t)settings_int_at(s, SET_SIP_PEER_MESSAGE_MAX, key),
	};
	r->has_pin = pin.n && text_unhex(pin, r->pin, sizeof r->pin) == 0;
}

/* Words that are no address, or no name, are left out: peers_check refuses them beforehand. */
static int add_row(struct peers *p, const struct settings *s, struct bytes key)
{
	struct peer_row *r = malloc(sizeof *r);

	if (!r)
		return ERR_NOMEM;
	read_row(r, s, key);
	(void)read_prefixes(r, settings_text_at(s, SET_SIP_PEER_ADDRESSES, key)); /* as said above */
	int rc = read_subjects(r, settings_text_at(s, SET_SIP_PEER_SUBJECTS, key));
	rc = rc == ERR_NOMEM ? rc : map_add(&p->rows, r->key, r);
	if (rc < 0) {
		free(r->subject_text);
		free(r);
	}
	return rc;
}

int peers_init(struct peers *p, const struct settings *s)
{
	size_t at = 0;
	struct bytes key;
	int rc;

	*p = (struct peers){ 0 };
	rc = peer_policy_new(s, PEER_POLICY_SIP, &p->match);
	read_row(&p->fallback, s, BYTES_NONE);
	while (rc == 0 && settings_next_key(s, SET_SIP_PEER_ACTION, &at, &key))
		rc = add_row(p, s, key);
	if (rc < 0)
		peers_fini(p);
	return rc;
}

void peers_fini(struct peers *p)
{
	size_t at = 0;
	struct peer_row *r;

	while ((r = map_next(&p->rows, &at))) {
		free(r->subject_text);
		free(r);
	}
	map_fini(&p->rows);
	peer_policy_free(p->match);
	*p = (struct peers){ 0 };
}

struct peer_rule peers_for(const struct peers *p, struct bytes domain)
{
	struct peer_verdict v;
	const struct peer_row *row;

	if (!domain.n)
		return (struct peer_rule){ .why = "no-row", .row = &p->fallback };
	peer_policy_judge(p->match, domain, &v);
	row = v.key.n ? map_get(&p->rows, v.key) : NULL;
	return (struct peer_rule){ .is_allowed = v.is_allowed, .is_explicit = strcmp(v.why, "row-allows") == 0,
				   .why = v.why, .row = row ? row : &p->fallback };
}

bool peer_is_from(const struct peer_row *r, const union sip_sockaddr *a)
{
	for (size_t i = 0; i < r->n_prefixes; i++)
		if (prefix_has_sockaddr(&r->prefixes[i], &a->any))
			return true;
	return false;
}

bool peers_know_address(const struct peers *p, const union sip_sockaddr *a)
{
	size_t at = 0;
	const struct peer_row *r;

	while ((r = map_next(&p->rows, &at)))
		if (peer_is_from(r, a))
			return true;
	return false;
}

static int check_row(const struct settings *s, struct bytes key, enum setting *id, const char **why)
{
	struct peer_row r = { 0 };
	int rc = read_prefixes(&r, settings_text_at(s, SET_SIP_PEER_ADDRESSES, key));

	*id = SET_SIP_PEER_ADDRESSES;
	*why = "at most 32 addresses or prefixes like 192.0.2.0/24, with spaces between";
	if (rc < 0)
		return rc;
	rc = read_subjects(&r, settings_text_at(s, SET_SIP_PEER_SUBJECTS, key));
	*id = SET_SIP_PEER_SUBJECTS;
	*why = "at most 32 host or domain names, with spaces between";
	free(r.subject_text);
	return rc;
}

int peers_check(const struct settings *s, char path[static PEER_PATH_BYTES], const char **why)
{
	enum setting id;
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, SET_SIP_PEER_ACTION, &at, &key);) {
		int rc = check_row(s, key, &id, why);
		if (rc == 0)
			continue;
		(void)snprintf(path, PEER_PATH_BYTES, "sip peer %.*s %s", BYTES_FMT(key),
		               id == SET_SIP_PEER_ADDRESSES ? "addresses" : "subjects"); /* cut is fine */
		return rc;
	}
	return 0;
}
