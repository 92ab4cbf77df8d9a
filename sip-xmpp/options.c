#include "options.h"

#include "service_features.h"

bool options_on_request(struct xlate *x, struct request_in *r)
{
	struct buf headers;

	(void)x;
	buf_init(&headers, 2048);
	buf_put_str(&headers, "Allow: ");
	features_allow(&headers);
	buf_put_str(&headers, "\r\nAccept: " XLATE_ACCEPT "\r\nAccept-Encoding: identity\r\nAllow-Events: presence\r\n");
	request_in_answer(r, &(struct reply){ .status = 200, .headers = buf_bytes(&headers) });
	buf_fini(&headers);
	return true;
}
