#define _GNU_SOURCE
#include "kube/transfer.h"

#include <string.h>

#define HEADERS_MAX (256 * 1024)

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	if (size * n > t->max - t->body.len) {
		t->too_big = true;
		return 0;
	}
	buf_add(&t->body, data, size * n);
	return size * n;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)data;
	t->header_bytes += size * n;
	t->too_big = t->header_bytes > HEADERS_MAX;
	return t->too_big ? 0 : size * n;
}

void transfer_setup(CURL *c, struct transfer *t, const char *url)
{
	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->text);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "hactl/" HACTL_VERSION);
	t->text[0] = '\0';
}

void transfer_release(struct transfer *t)
{
	buf_wipe(&t->body);
}

void transfer_quote(struct buf *out, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	for (size_t i = 0; i < len; i++)
		buf_add(out, (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? " " : text + i, 1);
	if (text[len])
		buf_puts(out, "...");
}

/* Results of certificate checks as in OpenSSL's x509_vfy.h. */
enum {
	V_OK = 0,
	V_UNSPECIFIED = 1, /* libcurl's initial value: it stopped before the chain's was taken over */
	V_UNABLE_TO_GET_ISSUER = 2,
	V_SIGNATURE_FAILURE = 7,
	V_NOT_YET_VALID = 9,
	V_HAS_EXPIRED = 10,
	V_SELF_SIGNED = 18,
	V_SELF_SIGNED_IN_CHAIN = 19,
	V_UNABLE_TO_GET_ISSUER_LOCALLY = 20,
	V_UNABLE_TO_VERIFY_LEAF = 21,
	V_NO_HINT = -1,
};

static int foreign_ca(const struct transfer_words *w, struct err *err)
{
	return err_set(err, ERR_CONNECT, "%s: the server's certificate is not signed by %s; another "
		       "cluster or server answers at this address", w->where, w->trust);
}

static int not_trusted(CURL *c, const struct transfer *t, const struct transfer_words *w,
		       struct err *err)
{
	long result = V_OK;

	curl_easy_getinfo(c, CURLINFO_SSL_VERIFYRESULT, &result);
	switch (w->name ? result : V_NO_HINT) {
	case V_OK:
	case V_UNSPECIFIED: /* the chain is good: what is left is the name */
		return err_set(err, ERR_CONNECT, "%s: the server's certificate does not hold the "
			       "name '%s'; add it to the API server's certSANs", w->where, w->name);
	case V_NOT_YET_VALID:
		return err_set(err, ERR_CONNECT, "%s: the server's certificate is not valid yet; "
			       "compare the clocks of both machines", w->where);
	case V_HAS_EXPIRED:
		return err_set(err, ERR_CONNECT, "%s: the server's certificate, or its CA's, has "
			       "expired; renew it ('kubeadm certs renew apiserver')", w->where);
	case V_UNABLE_TO_GET_ISSUER:
	case V_SIGNATURE_FAILURE:
	case V_SELF_SIGNED:
	case V_SELF_SIGNED_IN_CHAIN:
	case V_UNABLE_TO_GET_ISSUER_LOCALLY:
	case V_UNABLE_TO_VERIFY_LEAF:
		return foreign_ca(w, err);
	}
	return err_set(err, ERR_CONNECT, "%s: the server's certificate is refused: %s", w->where,
		       t->text);
}

static int not_reached(CURL *c, const struct transfer *t, CURLcode code,
		       const struct transfer_words *w, struct err *err)
{
	curl_off_t connected = 0;
	long saved = 0;

	curl_easy_getinfo(c, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &saved);
	if (code == CURLE_OPERATION_TIMEDOUT && connected)
		return err_set(err, ERR_CONNECT, "%s: connected, but there was no answer in time; "
			       "is the server overloaded or stopped?", w->where);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, ERR_CONNECT, "%s: cannot connect: timed out; check the address, "
			       "routes and firewalls", w->where);
	return err_set(err, ERR_CONNECT, "%s: cannot connect: %s; check that the server runs and "
		       "that its address is right", w->where, saved ? strerror((int)saved) : t->text);
}

/* Where the foreign CA has the name of ours, as all CAs of kubeadm have, the failure that libcurl
 * sees is not of the TLS layer but of the signature's arithmetic. */
static bool bad_signature(const char *text)
{
	return strstr(text, " routines::") && !strstr(text, ":SSL routines::");
}

/* TLS 1.3 tells it with the first bytes that are read, after the handshake. */
static bool refused_by_alert(const struct transfer *t, CURLcode code)
{
	return code == CURLE_RECV_ERROR && strstr(t->text, " alert ");
}

bool transfer_lost(const struct transfer *t, CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return true;
	case CURLE_RECV_ERROR:
		return !refused_by_alert(t, code);
	case CURLE_SSL_CONNECT_ERROR: /* hung up on in the handshake: a server that ends, or begins */
		return !strstr(t->text, " routines::") && !strstr(t->text, " alert ");
	default:
		return false;
	}
}

int transfer_failed(CURL *c, const struct transfer *t, CURLcode code,
		    const struct transfer_words *w, struct err *err)
{
	const char *text = t->text[0] ? t->text : curl_easy_strerror(code);

	if (t->too_big)
		return err_set(err, ERR_FAILED, "%s: the answer is larger than %zu bytes", w->where,
			       t->max);
	if (w->login && refused_by_alert(t, code))
		return err_set(err, ERR_CONNECT, "%s: the server refuses the client certificate of "
			       "'%s': %s", w->where, w->login, text);
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(err, ERR_CONNECT, "%s: the name is not known here; check its spelling "
			       "and this machine's name service", w->where);
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
		return not_reached(c, t, code, w, err);
	case CURLE_PEER_FAILED_VERIFICATION:
		return not_trusted(c, t, w, err);
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return err_set(err, ERR_CONNECT, "%s: the connection was lost: %s", w->where, text);
	case CURLE_SSL_CONNECT_ERROR:
		if (bad_signature(text))
			return foreign_ca(w, err);
		return err_set(err, ERR_CONNECT, "%s: no TLS connection: %s; does something else "
			       "listen on this port?", w->where, text);
	default:
		return err_set(err, ERR_CONNECT, "%s: %s", w->where, text);
	}
}
