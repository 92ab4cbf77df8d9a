/* assets.h - what is compiled in: the pages (made by `make web`), and the API's description. */
#ifndef ADMIN_ASSETS_H
#define ADMIN_ASSETS_H

#include "base/bytes.h"

struct asset {
	const char *path; /* "/index.html" */
	const char *type;
	const char *etag; /* with its quotes */
	bool is_fixed;    /* the name changes with the content: may be kept for ever */
	const uint8_t *plain, *gzip;
	size_t plain_n, gzip_n; /* gzip_n 0: it would not be smaller */
};
extern const struct asset assets[];
extern const size_t assets_count; /* 0: built without the pages */

struct bytes assets_openapi(void);

#endif
