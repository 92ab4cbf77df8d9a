/* app_password.h - application passwords: one for each device, made here and shown once, revoked alone.
 * gh-store keeps their SCRAM verifiers beside the account's, with its salt (core/store/README.md). */
#ifndef IM_APP_PASSWORD_H
#define IM_APP_PASSWORD_H

#include "im.h"

/* Seven groups of four from 32 letters and digits that are not mistaken for each other: 140 bits. */
enum { APP_PASSWORD_BYTES = 7 * 5 };
void app_password_make(char out[static APP_PASSWORD_BYTES]);
/* 1 to STORE_APP_LABEL_MAX bytes of UTF-8 without control characters. */
bool app_password_is_label(struct bytes label);
/* Somebody logged in with it: kept with the time. */
void app_password_used(struct im *im, struct bytes jid, struct bytes label, struct bytes address);
/* It is gone: ends sessions and logins that came by it. label empty: all of the account's. */
void app_password_revoked(struct im *im, struct bytes jid, struct bytes label);

#endif
