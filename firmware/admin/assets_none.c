#include "assets.h"

/* Built without the pages: the API alone. */
const struct asset assets[] = { { 0 } };
const size_t assets_count = 0;
