/*
 * libcurl, loaded when it is first called.  It brings 26 libraries along, and loading them is more
 * than half of what a command that talks to no API costs (tests/bench/migrate): so the program is
 * not linked to libcurl, and these functions of the same names pass calls on.  Without libcurl
 * they fail as libcurl itself does when it cannot start.
 */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void *library;

static void load(void)
{
	library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
}

static void *function(const char *name)
{
	pthread_once(&once, load);
	return library ? dlsym(library, name) : NULL;
}

#define CALL(name, otherwise, ...) ({ \
	__typeof__(&(name)) real_ = (__typeof__(&(name)))function(#name); \
	real_ ? real_(__VA_ARGS__) : (otherwise); \
})
#define CALL_VOID(name, ...) do { \
	__typeof__(&(name)) real_ = (__typeof__(&(name)))function(#name); \
	if (real_) \
		real_(__VA_ARGS__); \
} while (0)

CURLcode curl_global_init(long flags)
{
	return CALL(curl_global_init, CURLE_FAILED_INIT, flags);
}

CURL *curl_easy_init(void)
{
	return CALL(curl_easy_init, NULL);
}

void curl_easy_cleanup(CURL *c)
{
	CALL_VOID(curl_easy_cleanup, c);
}

void curl_easy_reset(CURL *c)
{
	CALL_VOID(curl_easy_reset, c);
}

CURLcode curl_easy_perform(CURL *c)
{
	return CALL(curl_easy_perform, CURLE_FAILED_INIT, c);
}

/* The option's number says which type its argument has (curl.h, CURLOPTTYPE_...). */
CURLcode (curl_easy_setopt)(CURL *c, CURLoption option, ...)
{
	CURLcode code;
	va_list ap;

	va_start(ap, option);
	if (option < CURLOPTTYPE_OBJECTPOINT)
		code = CALL(curl_easy_setopt, CURLE_FAILED_INIT, c, option, va_arg(ap, long));
	else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
		code = CALL(curl_easy_setopt, CURLE_FAILED_INIT, c, option, va_arg(ap, curl_off_t));
	else
		code = CALL(curl_easy_setopt, CURLE_FAILED_INIT, c, option, va_arg(ap, void *));
	va_end(ap);
	return code;
}

CURLcode (curl_easy_getinfo)(CURL *c, CURLINFO info, ...)
{
	CURLcode code;
	va_list ap;

	va_start(ap, info);
	code = CALL(curl_easy_getinfo, CURLE_FAILED_INIT, c, info, va_arg(ap, void *));
	va_end(ap);
	return code;
}

const char *curl_easy_strerror(CURLcode code)
{
	return CALL(curl_easy_strerror, "libcurl.so.4 cannot be loaded", code);
}

char *curl_easy_escape(CURL *c, const char *text, int len)
{
	return CALL(curl_easy_escape, NULL, c, text, len);
}

void curl_free(void *p)
{
	CALL_VOID(curl_free, p);
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
	return CALL(curl_slist_append, NULL, list, text);
}

void curl_slist_free_all(struct curl_slist *list)
{
	CALL_VOID(curl_slist_free_all, list);
}

CURLU *curl_url(void)
{
	return CALL(curl_url, NULL);
}

void curl_url_cleanup(CURLU *url)
{
	CALL_VOID(curl_url_cleanup, url);
}

/* Newer headers have a const that older ones lack: so the name is only the linker's. */
CURLUcode url_get(const CURLU *url, CURLUPart part, char **text, unsigned int flags) __asm__("curl_url_get");

CURLUcode url_get(const CURLU *url, CURLUPart part, char **text, unsigned int flags)
{
	return CALL(curl_url_get, CURLUE_OUT_OF_MEMORY, (CURLU *)url, part, text, flags);
}

CURLUcode curl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned int flags)
{
	return CALL(curl_url_set, CURLUE_OUT_OF_MEMORY, url, part, text, flags);
}

CURLM *curl_multi_init(void)
{
	return CALL(curl_multi_init, NULL);
}

CURLMcode curl_multi_cleanup(CURLM *m)
{
	return CALL(curl_multi_cleanup, CURLM_INTERNAL_ERROR, m);
}

CURLMcode curl_multi_add_handle(CURLM *m, CURL *c)
{
	return CALL(curl_multi_add_handle, CURLM_INTERNAL_ERROR, m, c);
}

CURLMcode curl_multi_remove_handle(CURLM *m, CURL *c)
{
	return CALL(curl_multi_remove_handle, CURLM_INTERNAL_ERROR, m, c);
}

CURLMcode curl_multi_perform(CURLM *m, int *running)
{
	return CALL(curl_multi_perform, CURLM_INTERNAL_ERROR, m, running);
}

CURLMcode curl_multi_poll(CURLM *m, struct curl_waitfd extra[], unsigned int n, int timeout_ms, int *ready)
{
	return CALL(curl_multi_poll, CURLM_INTERNAL_ERROR, m, extra, n, timeout_ms, ready);
}

CURLMsg *curl_multi_info_read(CURLM *m, int *left)
{
	return CALL(curl_multi_info_read, NULL, m, left);
}
