/* Comments of what is taken out, which are to stay. */
#include "yaml/edit.h"

#include <string.h>

#include "yaml/stream.h"

struct comments {
	const struct yaml_stream *s;
	size_t at; /* read up to here */
	const char *end; /* put behind each */
	struct buf *out;
};

/* Takes the comments up to a byte; there are no scalars in between. */
static void take(struct comments *c, size_t to)
{
	const char *text = c->s->text, *sign;

	while (c->at < to && (sign = memchr(text + c->at, '#', to - c->at))) {
		bool begins = sign == text || strchr(" \t\r\n", sign[-1]);

		c->at = (size_t)(sign - text) + (begins ? strcspn(sign, "\r\n") : 1);
		if (begins) {
			buf_add(c->out, sign, (size_t)(text + c->at - sign));
			buf_puts(c->out, c->end);
		}
	}
}

/* Those before a scalar, and the one behind the "|" or ">" of a block scalar. */
static void take_around_scalar(struct comments *c, const struct yaml_node *n)
{
	size_t content = n->alias ? n->start : yaml_content_start(c->s, n);

	take(c, content);
	if (!n->alias && !n->plain && strchr("|>", c->s->text[content]))
		take(c, content + strcspn(c->s->text + content, "\r\n"));
	c->at = n->end;
}

static void take_around(struct comments *c, const struct yaml_node *n)
{
	if (n->alias || n->type == YAML_SCALAR) {
		take_around_scalar(c, n);
		return;
	}
	for (const struct yaml_node *item = n->child; item; item = item->next) {
		if (item->key)
			take_around(c, item->key);
		take_around(c, item);
	}
}

void comments_of_document(const struct yaml_stream *s, const struct yaml_doc *d, size_t start, size_t end,
			  struct buf *out)
{
	struct comments c = { s, start, yaml_line_end(s), out };

	buf_reserve(out, 2 * (end - start) + 2);
	if (d->root)
		take_around(&c, d->root);
	take(&c, end);
}

void yaml_comments_inside(const struct yaml_stream *s, const struct yaml_node *value, const char *end,
			  struct buf *out)
{
	struct comments c = { s, value->key->end, end, out };

	take_around(&c, value);
	take(&c, value->end);
}

void yaml_keep_comments(const struct yaml_stream *s, const struct yaml_node *value, struct buf *out)
{
	auto_buf struct buf end = BUF_INIT, text = BUF_INIT;
	size_t start = value->key->start;

	buf_printf(&end, "%s%*s", yaml_line_end(s), value->key->column - 1, "");
	yaml_comments_inside(s, value, buf_str(&end), &text);
	if (text.len && start && strchr("{[,", s->text[start - 1]))
		buf_puts(out, " ");
	buf_add(out, buf_str(&text), text.len);
}
