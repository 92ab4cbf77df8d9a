#include "assets.h"

/* docs/admin/openapi.json, as it is. */
__asm__(".section .rodata\n"
        ".global admin_openapi_begin\n.global admin_openapi_end\n"
        "admin_openapi_begin:\n.incbin \"docs/admin/openapi.json\"\nadmin_openapi_end:\n.byte 0\n.previous\n");

extern const uint8_t admin_openapi_begin[], admin_openapi_end[];

struct bytes assets_openapi(void)
{
	return bytes_make(admin_openapi_begin, (size_t)(admin_openapi_end - admin_openapi_begin));
}
