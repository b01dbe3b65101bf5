/*
 * libyaml's events to a tree of marks.  The loader and the emitter of libyaml are not used: one
 * is quadratic in anchors, the other loses comments.  The loop is iterative, so nesting costs no
 * stack, and it is capped, because libyaml's cost is quadratic in the depth of flow style.
 */
#define _GNU_SOURCE
#include "yaml/stream.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "yaml/parse.h"

#define TEMPLATE "this is a template and no YAML yet; render it first"

/* Marks of libyaml count characters, without the byte order mark; the marks of two events in
 * turn lie close together, so the byte is found by walking from the last one. */
static size_t byte_of(struct parse *p, size_t index)
{
	const char *text = p->s->text;

	while (p->at_index < index && p->at_byte < p->s->len) {
		p->at_byte++;
		while (p->at_byte < p->s->len && ((unsigned char)text[p->at_byte] & 0xC0) == 0x80)
			p->at_byte++;
		p->at_index++;
	}
	while (p->at_index > index) {
		p->at_byte--;
		while (((unsigned char)text[p->at_byte] & 0xC0) == 0x80)
			p->at_byte--;
		p->at_index--;
	}
	return p->at_byte;
}

static struct place mark_place(struct parse *p, const yaml_mark_t *mark)
{
	return (struct place){ p->s->name, p->s->text, p->s->len, byte_of(p, mark->index),
			       (int)mark->line + 1, (int)mark->column + 1 };
}

/* Is there a tab among the blanks that the line of at begins with?  Then at is moved to it. */
static bool indented_by_tab(struct place *at)
{
	size_t start = at->byte, i;

	while (start > 0 && at->text[start - 1] != '\n')
		start--;
	for (i = start; i < at->len && at->text[i] == ' '; i++)
		;
	if (i >= at->len || at->text[i] != '\t')
		return false;
	at->byte = i;
	at->column = (int)(i - start) + 1;
	return true;
}

static int syntax_error(struct parse *p)
{
	const yaml_parser_t *lib = &p->lib;
	const yaml_mark_t *mark = &lib->problem_mark;
	const char *problem = lib->problem ? lib->problem : "not readable";
	struct place at;

	if (lib->error == YAML_READER_ERROR) {
		at = text_place(p->s->name, p->s->text, p->s->len, lib->problem_offset);
		return place_error(&at, p->err, "%s", problem);
	}
	/* What has no end is shown where it starts. */
	if (lib->context && (lib->problem_mark.index >= p->characters ||
			     !strcmp(lib->context, "while scanning a simple key")))
		mark = &lib->context_mark;
	at = mark_place(p, mark);
	if (indented_by_tab(&at))
		return place_error(&at, p->err, "a tab cannot indent YAML; use spaces");
	if (at.byte < at.len && at.text[at.byte] == '\t')
		return place_error(&at, p->err, "a tab cannot stand here; use spaces");
	if (at.byte > 0 && at.byte < at.len && !memcmp(at.text + at.byte - 1, "{%", 2))
		return place_error(&at, p->err, TEMPLATE);
	if (lib->context)
		return place_error(&at, p->err, "not valid YAML: %s %s", problem, lib->context);
	return place_error(&at, p->err, "not valid YAML: %s", problem);
}

static char *keep(struct parse *p, const unsigned char *value, size_t len)
{
	char *s = arena_alloc(&p->s->texts, len + 1);

	memcpy(s, value, len);
	return s;
}

static struct yaml_node *new_node(struct parse *p, enum yaml_type type, const yaml_event_t *event)
{
	struct yaml_node *n = arena_alloc(&p->s->nodes, sizeof(*n));

	n->type = type;
	n->weight = 1;
	n->start = (uint32_t)byte_of(p, event->start_mark.index);
	n->end = (uint32_t)byte_of(p, event->end_mark.index);
	n->line = (int)event->start_mark.line + 1;
	n->column = (int)event->start_mark.column + 1;
	return n;
}

/* A block scalar's mark lies after the blank lines behind it; all but those that "keep" (|+)
 * makes part of the value are given back, with the last line's own end. */
static void trim_block_scalar(struct parse *p, struct yaml_node *n)
{
	const char *text = p->s->text;
	size_t header = n->start;

	while (header < n->end && text[header] != '\n') {
		if (text[header] == '+')
			return;
		header++;
	}
	while (n->end > n->start && strchr(" \t\r\n", text[n->end - 1]))
		n->end--;
}

static void append(struct yaml_node *parent, struct yaml_node *n)
{
	if (parent->last)
		parent->last->next = n;
	else
		parent->child = n;
	parent->last = n;
}

static bool behind_question_mark(const struct parse *p, const struct yaml_node *n)
{
	const char *text = p->s->text;
	size_t at = n->start;

	while (at > 0 && strchr(" \t\r\n", text[at - 1]))
		at--;
	return at > 0 && at < n->start && text[at - 1] == '?';
}

static unsigned nodes_max(const struct yaml_limits *limits)
{
	return limits->nodes ? limits->nodes : YAML_NODES_MAX;
}

/* Puts a node where the stream is: as root, key, value or item. */
static int attach(struct parse *p, struct yaml_node *n)
{
	struct yaml_node *open = p->open;

	if (++p->nodes > nodes_max(p->limits))
		return yaml_error(p->s, n, p->err, "more than %u keys and values",
				  nodes_max(p->limits));
	n->parent = open;
	if (!open) {
		p->doc->root = n;
	} else if (open->type == YAML_SEQ) {
		append(open, n);
	} else if (!p->key) {
		if (n->type == YAML_MAP && n->flow && open->flow && p->s->text[n->start - 1] == '{')
			return yaml_error(p->s, open, p->err, TEMPLATE);
		if (n->type != YAML_SCALAR || n->alias)
			return yaml_error(p->s, n, p->err, "a key must be a plain word or a string");
		n->explicit_key = behind_question_mark(p, n);
		p->key = n;
	} else {
		n->key = p->key;
		n->merge = n->key->plain && !strcmp(n->key->value, "<<");
		p->key = NULL;
		append(open, n);
	}
	return 0;
}

static int check_merge(struct parse *p, const struct yaml_node *n)
{
	if (!n->merge)
		return 0;
	if (p->limits->plain_only)
		return yaml_error(p->s, n->key, p->err, "merge keys (<<) are not allowed here");
	if (n->type == YAML_SCALAR)
		return yaml_error(p->s, n, p->err, "a merge key (<<) takes a map or a list of maps");
	for (const struct yaml_node *m = n->type == YAML_SEQ ? n->child : NULL; m; m = m->next)
		if (m->type != YAML_MAP)
			return yaml_error(p->s, m, p->err, "a merge key (<<) takes maps");
	return 0;
}

static bool tag_fits(const char *type, const struct yaml_node *n)
{
	bool b;
	long i;

	if (!strcmp(type, "null"))
		return yaml_is_null(n);
	if (!strcmp(type, "bool"))
		return yaml_bool(n, &b) == 0;
	if (!strcmp(type, "int"))
		return yaml_int(n, &i) == 0;
	return strcmp(type, "float") || !strcmp(yaml_describe(n), "a number");
}

/* The tags of YAML's own types change nothing but whether a scalar is a string. */
static int take_tag(struct parse *p, struct yaml_node *n, const unsigned char *tag)
{
	static const char core[] = "tag:yaml.org,2002:";
	static const char *const known[] = { "str", "map", "seq", "null", "bool", "int", "float" };
	const char *name = (const char *)tag;

	if (!tag)
		return 0;
	if (p->limits->plain_only)
		return yaml_error(p->s, n, p->err, "tags (!%s) are not allowed here", name);
	n->tagged = true;
	if (!strcmp(name, "!")) {
		n->plain = false;
		return 0;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strncmp(name, core, sizeof(core) - 1) &&
		    !strcmp(name + sizeof(core) - 1, known[i])) {
			n->plain = n->type == YAML_SCALAR && i != 0;
			if (!tag_fits(known[i], n))
				return yaml_error(p->s, n, p->err, "the tag !!%s does not fit", known[i]);
			return 0;
		}
	n->odd_tag = true;
	return 0;
}

static int take_anchor(struct parse *p, struct yaml_node *n, const unsigned char *anchor)
{
	if (!anchor)
		return 0;
	if (p->limits->plain_only)
		return yaml_error(p->s, n, p->err, "anchors (&%s) are not allowed here",
				  (const char *)anchor);
	n->anchored = true;
	anchors_set(p, (const char *)anchor, n);
	return 0;
}

static int on_scalar(struct parse *p, const yaml_event_t *event)
{
	struct yaml_node *n = new_node(p, YAML_SCALAR, event);

	n->value = keep(p, event->data.scalar.value, event->data.scalar.length);
	n->len = (uint32_t)event->data.scalar.length;
	n->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
	    event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE)
		trim_block_scalar(p, n);
	if (memchr(n->value, '\0', n->len))
		return yaml_error(p->s, n, p->err, "a NUL character (\"\\0\") in a string");
	if (take_tag(p, n, event->data.scalar.tag) < 0)
		return -1;
	if (take_anchor(p, n, event->data.scalar.anchor) < 0 || attach(p, n) < 0)
		return -1;
	return check_merge(p, n);
}

static int on_alias(struct parse *p, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct yaml_node *n = new_node(p, YAML_SCALAR, event), *to;

	if (p->limits->plain_only)
		return yaml_error(p->s, n, p->err, "aliases (*%s) are not allowed here", name);
	to = anchors_get(p, name);
	if (!to)
		return yaml_error(p->s, n, p->err, "the alias '*%s' has no anchor before it", name);
	for (const struct yaml_node *up = p->open; up; up = up->parent)
		if (up == to)
			return yaml_error(p->s, n, p->err, "the alias '*%s' stands inside what it "
					  "stands for", name);
	p->expanded += to->weight;
	if (p->expanded > EXPANDED_MAX)
		return yaml_error(p->s, n, p->err, "aliases stand for more than %u values",
				  EXPANDED_MAX);
	if (p->depth + to->height > p->limits->depth)
		return yaml_error(p->s, n, p->err, "more than %u levels", p->limits->depth);
	n->alias = to;
	n->type = to->type;
	n->plain = to->plain;
	n->odd_tag = to->odd_tag;
	n->value = to->value;
	n->len = to->len;
	n->child = to->child;
	n->last = to->last;
	n->height = to->height;
	n->weight = to->weight;
	if (attach(p, n) < 0)
		return -1;
	return check_merge(p, n);
}

static int on_open(struct parse *p, enum yaml_type type, const yaml_event_t *event)
{
	bool map = type == YAML_MAP;
	const unsigned char *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
	struct yaml_node *n = new_node(p, type, event);

	n->flow = map ? event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
		      : event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
	if (p->depth == p->limits->depth)
		return yaml_error(p->s, n, p->err, "more than %u levels", p->limits->depth);
	if (take_tag(p, n, tag) < 0)
		return -1;
	if (take_anchor(p, n, map ? event->data.mapping_start.anchor
				  : event->data.sequence_start.anchor) < 0 || attach(p, n) < 0)
		return -1;
	p->open = n;
	p->depth++;
	return 0;
}

static int on_close(struct parse *p, const yaml_event_t *event)
{
	struct yaml_node *n = p->open;
	uint64_t weight = 1;

	for (const struct yaml_node *c = n->child; c; c = c->next) {
		weight += c->weight;
		if (c->height >= n->height)
			n->height = (uint16_t)(c->height + 1);
	}
	if (!n->child)
		n->height = 1;
	n->weight = weight > UINT32_MAX ? UINT32_MAX : (uint32_t)weight;
	/* libyaml's mark of a block collection is the next token's. */
	if (n->flow)
		n->end = (uint32_t)byte_of(p, event->end_mark.index);
	else if (n->last)
		n->end = n->last->end;
	p->open = n->parent;
	p->depth--;
	if (n->type == YAML_MAP && duplicate_check(p, n) < 0)
		return -1;
	return check_merge(p, n);
}

static int on_document_start(struct parse *p, const yaml_event_t *event)
{
	struct yaml_stream *s = p->s;
	struct place at = mark_place(p, &event->start_mark);

	if (event->data.document_start.version_directive ||
	    event->data.document_start.tag_directives.start !=
	    event->data.document_start.tag_directives.end)
		return place_error(&at, p->err, "directives (%%YAML, %%TAG) are not read; remove the line");
	if (s->ndocs == YAML_DOCUMENTS_MAX)
		return place_error(&at, p->err, "more than %d documents", YAML_DOCUMENTS_MAX);
	s->docs = realloc(s->docs, (s->ndocs + 1) * sizeof(*s->docs));
	if (!s->docs)
		abort();
	p->doc = &s->docs[s->ndocs++];
	*p->doc = (struct yaml_doc){ .content = event->data.document_start.implicit
						 ? at.byte
						 : byte_of(p, event->end_mark.index),
				     .explicit_start = !event->data.document_start.implicit };
	return 0;
}

/* A document without content has a scalar of no length for root. */
static void on_document_end(struct parse *p, const yaml_event_t *event)
{
	struct yaml_node *root = p->doc->root;

	p->doc->end = byte_of(p, event->start_mark.index);
	if (root && root->type == YAML_SCALAR && root->plain && !root->len)
		p->doc->root = NULL;
}

static int on_event(struct parse *p, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document_start(p, event);
	case YAML_DOCUMENT_END_EVENT:
		on_document_end(p, event);
		return 0;
	case YAML_SCALAR_EVENT:
		return on_scalar(p, event);
	case YAML_ALIAS_EVENT:
		return on_alias(p, event);
	case YAML_MAPPING_START_EVENT:
		return on_open(p, YAML_MAP, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(p, YAML_SEQ, event);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return on_close(p, event);
	default:
		return 0;
	}
}

static int read_events(struct parse *p)
{
	yaml_event_t event;
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end) {
		if (!yaml_parser_parse(&p->lib, &event))
			return syntax_error(p);
		end = event.type == YAML_STREAM_END_EVENT;
		rc = on_event(p, &event);
		yaml_event_delete(&event);
	}
	return rc;
}

static int parse(struct yaml_stream *s, const struct yaml_limits *limits, struct err *err)
{
	struct parse p = { .s = s, .limits = limits, .err = err };
	int rc;

	p.at_byte = text_bom(s->text, s->len);
	for (size_t i = p.at_byte; i < s->len; i++)
		p.characters += ((unsigned char)s->text[i] & 0xC0) != 0x80;
	if (!yaml_parser_initialize(&p.lib))
		abort();
	yaml_parser_set_encoding(&p.lib, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.lib, (const unsigned char *)s->text + p.at_byte,
				     s->len - p.at_byte);
	rc = read_events(&p);
	yaml_parser_delete(&p.lib);
	anchors_release(&p);
	return rc;
}

static int check_size(const char *name, size_t len, const struct yaml_limits *limits,
		      struct err *err)
{
	size_t max = limits->bytes < YAML_TEXT_MAX ? limits->bytes : YAML_TEXT_MAX;

	if (len > max)
		return err_set(err, ERR_CONFIG, "%s: larger than %zu bytes", name, max);
	return 0;
}

struct yaml_stream *yaml_parse(const char *name, const char *text, size_t len,
			       const struct yaml_limits *limits, struct err *err)
{
	auto_yaml struct yaml_stream *s = NULL;

	if (check_size(name, len, limits, err) < 0 || text_check(name, text, len, err) < 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		abort();
	s->name = strdup(name);
	s->text = malloc(len + 1);
	if (!s->name || !s->text)
		abort();
	if (len)
		memcpy(s->text, text, len);
	s->text[len] = '\0';
	s->len = len;
	if (parse(s, limits, err) < 0)
		return NULL;
	return TAKE(s);
}

void yaml_stream_free(struct yaml_stream *s)
{
	if (!s)
		return;
	explicit_bzero(s->text, s->len);
	arena_release(&s->nodes);
	arena_release(&s->texts);
	free(s->docs);
	free(s->text);
	free(s->name);
	free(s);
}
