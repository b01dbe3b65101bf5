#define _GNU_SOURCE
#include "pki/pki.h"

#include <stdbool.h>
#include <string.h>

/* Length of name without its ending, or 0 when it ends differently. */
static size_t stem(const char *name, const char *ending)
{
	size_t len = strlen(name), n = strlen(ending);

	return len > n && !strcmp(name + len - n, ending) ? len - n : 0;
}

static bool is_ca(const char *name)
{
	const char *slash = strrchr(name, '/');

	return !strcmp(slash ? slash + 1 : name, "ca.crt") || stem(name, "-ca.crt");
}

/* The file of the same name with another ending, or NULL. */
static const struct pki_file *sibling(const struct pki_file *files, size_t n, const char *name,
				      size_t len, const char *ending)
{
	for (size_t i = 0; i < n; i++)
		if (stem(files[i].name, ending) == len && !strncmp(files[i].name, name, len))
			return &files[i];
	return NULL;
}

static int check_key(const struct pki_file *files, size_t n, const struct pki_file *key, size_t len,
		     struct err *err)
{
	const struct pki_file *crt = sibling(files, n, key->name, len, ".crt");
	const struct pki_file *pub = sibling(files, n, key->name, len, ".pub");

	if (!crt && !pub)
		return err_set(err, ERR_FAILED, "'%s' is there without its certificate or public key",
			       key->name);
	if (crt && pki_check_pair(crt->name, crt->pem, crt->len, key->name, key->pem, key->len, err) < 0)
		return -1;
	if (pub && pki_check_public(pub->name, pub->pem, pub->len, key->name, key->pem, key->len, err) < 0)
		return -1;
	return 0;
}

int pki_check_set(const struct pki_file *files, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct pki_file *f = &files[i];
		size_t len = stem(f->name, ".key");

		if (len && check_key(files, n, f, len, err) < 0)
			return -1;
		if (is_ca(f->name) && pki_check_ca(f->name, f->pem, f->len, err) < 0)
			return -1;
	}
	return 0;
}
