/* net/ssl_err.h - OpenSSL's error queue. Its header has a type ERR_STATE, which is a code of ours
 * (base/err.h): so it is included through here. */
#ifndef NET_SSL_ERR_H
#define NET_SSL_ERR_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#undef ERR_STATE

#endif
