#define _GNU_SOURCE
#include "remote/tar.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define BLOCK 512

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

#define NAME_MAX_LEN (sizeof(((struct header *)0)->name) - 1)
#define LONG_NAME 'L' /* GNU tar's: its data is the name of the next member; busybox has it too */

static size_t padding(size_t len)
{
	return (BLOCK - len % BLOCK) % BLOCK;
}

static size_t member_size(size_t len)
{
	return BLOCK + len + padding(len);
}

size_t tar_size(size_t name_len, size_t len)
{
	return member_size(len) + (name_len > NAME_MAX_LEN ? member_size(name_len + 1) : 0);
}

/* The sum of all bytes, those of the checksum itself taken as spaces. */
static unsigned int checksum_of(const struct header *h)
{
	const unsigned char *bytes = (const unsigned char *)h;
	unsigned int sum = 0;

	for (size_t i = 0; i < BLOCK; i++) {
		bool own = i >= offsetof(struct header, checksum) && i < offsetof(struct header, type);

		sum += own ? ' ' : bytes[i];
	}
	return sum;
}

static void add_member(struct buf *tar, char type, const char *name, mode_t mode, const void *data,
		       size_t len)
{
	static const char zeros[BLOCK];
	struct header h;

	assert(len <= 077777777777);
	memset(&h, 0, sizeof(h));
	memcpy(h.name, name, strnlen(name, NAME_MAX_LEN));
	snprintf(h.mode, sizeof(h.mode), "%07o", mode & 07777);
	memcpy(h.uid, "0000000", 8);
	memcpy(h.gid, "0000000", 8);
	snprintf(h.size, sizeof(h.size), "%011lo", (unsigned long)len);
	memcpy(h.mtime, "00000000000", 12);
	h.type = type;
	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	snprintf(h.checksum, sizeof(h.checksum), "%06o", checksum_of(&h) & 0777777);
	h.checksum[7] = ' ';
	buf_add(tar, &h, sizeof(h));
	buf_add(tar, data, len);
	buf_add(tar, zeros, padding(len));
}

void tar_add(struct buf *tar, const char *name, mode_t mode, const void *data, size_t len)
{
	if (strlen(name) > NAME_MAX_LEN)
		add_member(tar, LONG_NAME, "././@LongLink", 0600, name, strlen(name) + 1);
	add_member(tar, '0', name, mode, data, len);
}

void tar_end(struct buf *tar)
{
	static const char zeros[TAR_SIZE_END];

	buf_add(tar, zeros, sizeof(zeros));
}

static int parse_octal(const char *field, size_t n, size_t *value)
{
	size_t i = 0;

	*value = 0;
	for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
		*value = *value * 8 + (size_t)(field[i] - '0');
	return i && (i == n || !field[i] || field[i] == ' ') ? 0 : -1;
}

/* Takes one member, *type as in its header. */
static int next_of_any_type(const char **stream, size_t *len, struct tar_member *m, char *type, struct err *err)
{
	struct header h;
	size_t size, sum;

	if (*len < BLOCK)
		return err_set(err, ERR_FAILED, "the tar stream ends too early");
	memcpy(&h, *stream, BLOCK);
	if (!h.name[0])
		return 0;
	if (parse_octal(h.checksum, 6, &sum) < 0 || sum != checksum_of(&h) ||
	    parse_octal(h.size, 11, &size) < 0)
		return err_set(err, ERR_FAILED, "this is no tar stream");
	if (*len - BLOCK < size || *len - BLOCK - size < padding(size))
		return err_set(err, ERR_FAILED, "the tar stream ends too early");
	memcpy(m->name, h.name, sizeof(h.name));
	m->name[sizeof(h.name)] = '\0';
	m->data = *stream + BLOCK;
	m->len = size;
	*stream += member_size(size);
	*len -= member_size(size);
	*type = h.type;
	return 1;
}

int tar_next(const char **stream, size_t *len, struct tar_member *m, struct err *err)
{
	char type = '0';
	int rc;

	do
		rc = next_of_any_type(stream, len, m, &type, err);
	while (rc == 1 && type == LONG_NAME);
	return rc;
}
