/* pep_form.h - a node's configuration as a data form (XEP-0060 16.4.4, XEP-0004): what clients read and send when they
 * configure a node or publish with options. Pure. */
#ifndef IM_PEP_FORM_H
#define IM_PEP_FORM_H

#include "proto/xml.h"
#include "pep/pep_state.h"

enum pep_form_error {
	PEP_FORM_OK,
	PEP_FORM_UNKNOWN,  /* a field that we do not have */
	PEP_FORM_BAD,      /* a value that no such field has */
	PEP_FORM_REFUSED,  /* a value that we do not offer */
	PEP_FORM_DIFFERENT, /* pep_form_matches: another value */
};

/* Takes the fields of a form over into c; what it leaves out stays. Unknown fields are passed over.
 * c's texts are then views of the tree or in the arena. */
enum pep_form_error pep_form_read(const struct xml_node *x, struct arena *a, struct pep_config *c);
/* Is a node like this what a publisher expects (XEP-0060 7.1.5)? */
enum pep_form_error pep_form_matches(const struct xml_node *x, struct arena *a, const struct pep_config *c);
/* Has the form a type, and this one? (A form without one is taken as what it should be.) */
bool pep_form_is(const struct xml_node *x, const char *form_type);
/* Appends the form. type: "form" or "result". */
void pep_form_write(struct buf *b, const struct pep_config *c, const char *type);
/* Appends what everybody who sees a node may know of it (XEP-0060 5.4). */
void pep_form_write_meta(struct buf *b, const struct pep_config *c, struct bytes owner);

#endif
