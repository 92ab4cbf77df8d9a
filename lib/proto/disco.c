#include "proto/disco.h"

#include <openssl/evp.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"

#define NAME "Gatehouse"

enum { STRING_MAX_BYTES = 4096, SHA1_BYTES = 20 };

const char *const disco_features[] = {
	NS_CAPS, NS_COMMANDS, NS_DISCO_INFO, NS_DISCO_ITEMS, NS_LAST, NS_PRIVATE, NS_ROSTER, NS_SEARCH, NS_VERSION, "jid\\20escaping", "msgoffline",
	NS_BLOCKING, NS_CARBONS, NS_DELAY, NS_EXTDISCO, NS_UPLOAD, NS_PING, NS_REPORTING, NS_TIME, NS_VCARD,
};
const size_t disco_n_features = sizeof disco_features / sizeof disco_features[0];

/* The form's fields, in the same order. */
static const char form_type[] = "http://jabber.org/network/serverinfo";
static const char *const form_fields[] = { "abuse-addresses", "admin-addresses" };
enum { N_FORM_FIELDS = sizeof form_fields / sizeof form_fields[0] };

static void write_form(struct buf *b, struct bytes contact)
{
	buf_putf(b, "<x xmlns='" NS_DATA "' type='result'><field var='FORM_TYPE' type='hidden'><value>%s</value></field>",
		 form_type);
	for (size_t i = 0; i < N_FORM_FIELDS; i++) {
		buf_putf(b, "<field var='%s' type='list-multi'><value>", form_fields[i]);
		text_xml_escape(contact, b);
		buf_put_str(b, "</value></field>");
	}
	buf_put_str(b, "</x>");
}

static void write_upload_form(struct buf *b, uint64_t max)
{
	buf_putf(b, "<x xmlns='" NS_DATA "' type='result'><field var='FORM_TYPE' type='hidden'><value>" NS_UPLOAD "</value></field>"
	         "<field var='max-file-size'><value>%llu</value></field></x>", (unsigned long long)max);
}

/* Without uploads, searches or commands their features are left out. */
static bool has_feature(size_t i, const struct disco_facts *facts)
{
	return (facts->upload_max || strcmp(disco_features[i], NS_UPLOAD) != 0) &&
	       (facts->has_search || strcmp(disco_features[i], NS_SEARCH) != 0) &&
	       (facts->has_commands || strcmp(disco_features[i], NS_COMMANDS) != 0);
}

void disco_write(struct buf *b, const struct disco_facts *facts)
{
	if (facts->has_search)
		buf_put_str(b, "<identity category='directory' type='user' name='" NAME "'/>");
	buf_put_str(b, "<identity category='server' type='im' name='" NAME "'/>");
	if (facts->upload_max)
		buf_put_str(b, "<identity category='store' type='file' name='" NAME "'/>"); /* XEP-0363 3 */
	for (size_t i = 0; i < disco_n_features; i++)
		if (has_feature(i, facts))
			buf_putf(b, "<feature var='%s'/>", disco_features[i]);
	if (facts->contact.n)
		write_form(b, facts->contact);
	if (facts->upload_max)
		write_upload_form(b, facts->upload_max);
}

/* XEP-0115 5.1. No text in it has a '<' of its own: a URI cannot. */
static void verification_string(struct buf *b, const struct disco_facts *facts)
{
	if (facts->has_search)
		buf_put_str(b, "directory/user//" NAME "<");
	buf_put_str(b, "server/im//" NAME "<");
	if (facts->upload_max)
		buf_put_str(b, "store/file//" NAME "<");
	for (size_t i = 0; i < disco_n_features; i++)
		if (has_feature(i, facts))
			buf_putf(b, "%s<", disco_features[i]);
	if (facts->contact.n)
		buf_putf(b, "%s<", form_type);
	for (size_t i = 0; facts->contact.n && i < N_FORM_FIELDS; i++) {
		buf_putf(b, "%s<", form_fields[i]);
		buf_put_bytes(b, facts->contact);
		buf_put_u8(b, '<');
	}
	if (facts->upload_max)
		buf_putf(b, NS_UPLOAD "<max-file-size<%llu<", (unsigned long long)facts->upload_max);
}

int disco_hash(const struct disco_facts *facts, char out[static DISCO_HASH_BYTES])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	struct buf b, text;
	unsigned n = 0;

	buf_init(&b, STRING_MAX_BYTES);
	buf_init(&text, DISCO_HASH_BYTES);
	verification_string(&b, facts);
	struct bytes v = buf_bytes(&b);
	int rc = buf_failed(&b) ? ERR_LIMIT : EVP_Digest(v.p, v.n, digest, &n, EVP_sha1(), NULL) == 1 ? 0 : ERR_NOMEM;
	if (!rc)
		text_base64(bytes_make(digest, SHA1_BYTES), &text);
	if (!rc && buf_len(&text) != DISCO_HASH_BYTES - 1)
		rc = ERR_NOMEM;
	if (!rc)
		memcpy(out, buf_cstr(&text), DISCO_HASH_BYTES);
	buf_fini(&text);
	buf_fini(&b);
	return rc;
}
