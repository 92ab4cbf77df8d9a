/* publish_json.h - rules of published web services as JSON: an array of objects with the names of the CSV format (proto/allow.h). */
#ifndef CONF_PUBLISH_JSON_H
#define CONF_PUBLISH_JSON_H

#include "proto/allow.h"

/* Does the file begin as an array? */
bool publish_is_json(struct bytes file);
/* As allow_read_rules; error->line: which rule, from 1. HttpMethods may be a text or an array of texts. */
int publish_json_rules(struct bytes json, allow_rule_fn fn, void *arg, struct allow_error *error);
/* Without memory the buffer has failed. */
void publish_json_write(struct buf *out, const struct allow_list *l);

#endif
