#include "contact.h"

void contact_by_tls(struct sipmsg *m)
{
	struct sip_address c;
	struct bytes value;
	struct buf b;

	if (sipmsg_count(m, SIPH_CONTACT) != 1 || !sipmsg_address(m, SIPH_CONTACT, 0, &c) || c.is_star ||
	    !bytes_starts(c.uri, BYTES("sip:")))
		return;
	size_t params = bytes_find(c.uri, ';');
	if (sip_param(bytes_skip(c.uri, params + 1), "transport", &value))
		return;
	buf_init(&b, 4096);
	buf_put_str(&b, "<");
	buf_put_bytes(&b, c.uri);
	buf_put_str(&b, ";transport=tls>");
	if (c.params.n) {
		buf_put_str(&b, ";");
		buf_put_bytes(&b, c.params);
	}
	if (!buf_failed(&b))
		sipmsg_replace(m, SIPH_CONTACT, buf_bytes(&b));
	buf_fini(&b);
}
