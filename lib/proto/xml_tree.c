#include "proto/xml.h"

#include "base/err.h"

static bool same(const char *a, const char *b)
{
	return a == b || strcmp(a, b) == 0;
}

static bool matches(const struct xml_node *n, const char *name, const char *ns)
{
	return n->name && (!name || same(n->name, name)) && (!ns || same(n->ns, ns));
}

bool xml_is(const struct xml_node *n, const char *name, const char *ns)
{
	return n && matches(n, name, ns);
}

struct xml_node *xml_child(const struct xml_node *n, const char *name, const char *ns)
{
	for (struct xml_node *c = n ? n->child : NULL; c; c = c->next)
		if (matches(c, name, ns))
			return c;
	return NULL;
}

struct xml_node *xml_first(const struct xml_node *n)
{
	return xml_child(n, NULL, NULL);
}

struct xml_node *xml_next(const struct xml_node *n)
{
	struct xml_node *c = n ? n->next : NULL;

	while (c && !c->name)
		c = c->next;
	return c;
}

struct bytes xml_attr_ns(const struct xml_node *n, const char *name, const char *ns)
{
	for (const struct xml_attr *a = n ? n->attrs : NULL; a; a = a->next)
		if (same(a->name, name) && same(a->ns, ns))
			return a->value;
	return BYTES_NONE;
}

struct bytes xml_attr(const struct xml_node *n, const char *name)
{
	return xml_attr_ns(n, name, "");
}

struct bytes xml_text(const struct xml_node *n)
{
	const struct xml_node *found = NULL;

	for (const struct xml_node *c = n ? n->child : NULL; c; c = c->next) {
		if (c->name)
			continue;
		if (found)
			return BYTES_NONE;
		found = c;
	}
	return found ? found->text : BYTES_NONE;
}

/* ---- making ---- */

struct xml_node *xml_new(struct arena *a, const char *name, const char *ns)
{
	struct xml_node *n = arena_zalloc(a, sizeof *n);

	if (!n)
		return NULL;
	n->name = name;
	n->ns = ns ? ns : "";
	return n;
}

void xml_add_node(struct xml_node *parent, struct xml_node *child)
{
	if (!parent || !child)
		return;
	child->parent = parent;
	child->next = NULL;
	if (parent->last_child)
		parent->last_child->next = child;
	else
		parent->child = child;
	parent->last_child = child;
}

struct xml_node *xml_add(struct arena *a, struct xml_node *parent, const char *name, const char *ns)
{
	struct xml_node *n = parent ? xml_new(a, name, ns) : NULL;

	xml_add_node(parent, n);
	return n;
}

static struct xml_node *text_new(struct arena *a, struct bytes text)
{
	struct xml_node *t = arena_zalloc(a, sizeof *t);

	if (!t)
		return NULL;
	t->text = arena_dup(a, text);
	return t->text.p ? t : NULL;
}

int xml_add_text(struct arena *a, struct xml_node *n, struct bytes text)
{
	struct xml_node *t = n ? text_new(a, text) : NULL;

	if (!t)
		return ERR_NOMEM;
	xml_add_node(n, t);
	return 0;
}

static struct xml_attr *find_attr(const struct xml_node *n, const char *name)
{
	for (struct xml_attr *a = n->attrs; a; a = a->next)
		if (!*a->ns && same(a->name, name))
			return a;
	return NULL;
}

static struct xml_attr *add_attr(struct arena *a, struct xml_node *n, const char *name, const char *ns,
                                 struct bytes value)
{
	struct xml_attr **tail = &n->attrs;
	struct xml_attr *at = arena_alloc(a, sizeof *at);

	if (!at)
		return NULL;
	*at = (struct xml_attr){ .name = name, .ns = ns, .value = value };
	while (*tail)
		tail = &(*tail)->next;
	*tail = at;
	return at;
}

int xml_set_attr(struct arena *a, struct xml_node *n, const char *name, struct bytes value)
{
	struct bytes copy = n ? arena_dup(a, value) : BYTES_NONE;

	if (!copy.p)
		return ERR_NOMEM;
	struct xml_attr *at = find_attr(n, name);
	if (at)
		at->value = copy;
	else if (!add_attr(a, n, name, "", copy))
		return ERR_NOMEM;
	return 0;
}

void xml_del_attr(struct xml_node *n, const char *name)
{
	for (struct xml_attr **at = n ? &n->attrs : NULL; at && *at; at = &(*at)->next) {
		if (!*(*at)->ns && same((*at)->name, name)) {
			*at = (*at)->next;
			return;
		}
	}
}

void xml_del_node(struct xml_node *n)
{
	struct xml_node *parent = n ? n->parent : NULL, *before = NULL;

	if (!parent)
		return;
	for (struct xml_node *c = parent->child; c && c != n; c = c->next)
		before = c;
	*(before ? &before->next : &parent->child) = n->next;
	if (parent->last_child == n)
		parent->last_child = before;
	n->parent = n->next = NULL;
}

static struct xml_node *clone_one(struct arena *a, const struct xml_node *n)
{
	if (!n->name)
		return text_new(a, n->text);
	struct xml_node *c = xml_new(a, n->name, n->ns);
	for (const struct xml_attr *at = n->attrs; c && at; at = at->next) {
		struct bytes value = arena_dup(a, at->value);
		if (!value.p || !add_attr(a, c, at->name, at->ns, value))
			return NULL;
	}
	return c;
}

struct xml_node *xml_clone(struct arena *a, const struct xml_node *n)
{
	struct xml_node *top = n ? clone_one(a, n) : NULL;
	struct xml_node *to = top;
	const struct xml_node *from = n;

	/* Down to the first child, else on to the next, else up; `to` stays beside `from`. */
	while (to) {
		struct xml_node *under = to;
		if (from->child) {
			from = from->child;
		} else {
			while (from != n && !from->next) {
				from = from->parent;
				to = to->parent;
			}
			if (from == n)
				return top;
			from = from->next;
			under = to->parent;
		}
		to = clone_one(a, from);
		xml_add_node(under, to);
	}
	return NULL;
}
