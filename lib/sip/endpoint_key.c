#include "sip/endpoint_impl.h"

#include "base/random.h"
#include "base/text.h"

/* RFC 3261 8.1.1.7 */
#define COOKIE "z9hG4bK"
enum { COOKIE_BYTES = sizeof COOKIE - 1, ID_BYTES = 16 };

static void put_part(struct buf *out, struct bytes v)
{
	buf_put_bytes(out, v);
	buf_put_u8(out, '\n');
}

static void put_method(const struct sipmsg *m, enum sipmsg_method as, struct buf *out)
{
	put_part(out, as == SIPM_INVITE ? BYTES("INVITE") : sipmsg_method_text(m));
}

static void put_tag(const struct sipmsg *m, struct buf *out)
{
	struct sip_address from;
	struct bytes tag = BYTES_NONE;

	if (sipmsg_address(m, SIPH_FROM, 0, &from))
		(void)sip_param(from.params, "tag", &tag); /* RFC 2543 has none */
	put_part(out, tag);
}

/* RFC 3261 17.2.3 for clients of RFC 2543, and for branches that promise what they do not hold (RFC 4475
 * 3.2.1). Without To's tag: an ACK has one that its INVITE had not. */
static void put_old_key(const struct sipmsg *m, enum sipmsg_method as, struct buf *out)
{
	struct bytes method;
	uint32_t number = 0;

	put_method(m, as, out);
	put_part(out, sipmsg_uri(m));
	put_part(out, sipmsg_value(m, SIPH_CALL_ID, 0));
	put_tag(m, out);
	(void)sipmsg_cseq(m, &number, &method); /* it has one: without, it has a fault */
	buf_putf(out, "%u\n", number);
	put_part(out, sipmsg_value(m, SIPH_VIA, 0));
}

/* A branch is compared with case (RFC 3261 7.3.1 has an exception for none; tokens of peers differ in it), the
 * sent-by without. */
static void put_new_key(const struct sipmsg *m, enum sipmsg_method as, const struct sip_via *via, struct buf *out)
{
	put_method(m, as, out);
	put_part(out, via->branch);
	for (size_t i = 0; i < via->host.n; i++)
		buf_put_u8(out, (uint8_t)(via->host.p[i] >= 'A' && via->host.p[i] <= 'Z' ? via->host.p[i] | 0x20 : via->host.p[i]));
	buf_putf(out, ":%u", (unsigned)via->port);
}

static bool is_new_branch(struct bytes branch)
{
	return branch.n > COOKIE_BYTES && bytes_starts(branch, BYTES(COOKIE));
}

int key_of_request(const struct sipmsg *m, enum sipmsg_method as, struct buf *out)
{
	struct sip_via via;

	if (sipmsg_via(m, 0, &via) && is_new_branch(via.branch))
		put_new_key(m, as, &via, out);
	else
		put_old_key(m, as, out);
	return buf_failed(out) ? ERR_LIMIT : 0;
}

bool has_to_tag(const struct sipmsg *m)
{
	struct sip_address to;
	struct bytes tag;

	return sipmsg_address(m, SIPH_TO, 0, &to) && sip_param(to.params, "tag", &tag);
}

int key_of_claim(const struct sipmsg *m, struct bytes method, struct buf *out)
{
	struct bytes own;
	uint32_t number = 0;

	put_tag(m, out);
	put_part(out, sipmsg_value(m, SIPH_CALL_ID, 0));
	(void)sipmsg_cseq(m, &number, &own); /* it has one: without, it has a fault */
	buf_putf(out, "%u\n", number);
	buf_put_bytes(out, method);
	return buf_failed(out) ? ERR_LIMIT : 0;
}

void branch_of_id(uint64_t id, const char *words, struct buf *out)
{
	buf_putf(out, COOKIE "%016llx", (unsigned long long)id);
	if (words && words[0])
		buf_putf(out, ".%.*s", BRANCH_WORDS_MAX, words);
}

bool branch_to_id(struct bytes branch, uint64_t *id)
{
	uint8_t raw[ID_BYTES / 2];
	uint64_t n = 0;

	if (branch.n < COOKIE_BYTES + ID_BYTES || !bytes_starts(branch, BYTES(COOKIE)))
		return false;
	if (text_unhex(bytes_make(branch.p + COOKIE_BYTES, ID_BYTES), raw, sizeof raw) < 0)
		return false;
	for (size_t i = 0; i < sizeof raw; i++)
		n = n << 8 | raw[i];
	*id = n;
	return true;
}

void sip_new_tag(char out[static SIP_TAG_BYTES])
{
	random_hex(out, SIP_TAG_BYTES - 1);
}
