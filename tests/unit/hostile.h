/* Values that somebody writes who wants a shell, a configuration file or a terminal to do more
 * than it should; with those of hostile_value, 100. */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include <string.h>

static const char *const hostile_values[] = {
	"$(touch X)", "`touch X`", "a$(touch X)b", "a;touch X", "a&touch X", "a|touch X", "a||touch X",
	"a&&touch X", ";touch X;", "\ntouch X\n", "a\ntouch X", "a\r\ntouch X", "touch X #", "'; touch X; '",
	"\"; touch X; \"", "'$(touch X)'", "\"$(touch X)\"", "\\'$(touch X)\\'", "'\\''$(touch X)'\\''",
	"${IFS}touch${IFS}X", "$((1+1))", "$HOME", "${HOME}", "$$", "$?", "$0", "$@", "$*", "!touch", "!!", "^a^b",
	"-n", "-e", "--", "-", "--help", "-rf", "-o ProxyCommand=touch X", "-oProxyCommand=touch", "--config=/etc/shadow",
	"*", "?", "[a-z]", "{a,b}", "{1..9}", "~", "~root", "a b", " a", "a ", "\ta", "a\tb", "\n", "\\", "\\\\", "a\\",
	"\\n", "\\x41", "\\$(touch X)", "'", "\"", "''", "\"\"", "'a", "\"a", "a'b", "a\"b", "'a'b'", "<X", ">X",
	">>X", "2>&1", "<(touch X)", ">(touch X)", "<<E\ntouch X\nE", "(touch X)", "{ touch X; }", "a=b touch X",
	"\033[31mred", "\033]0;title\007", "a\bb", "\177", "\001", "%s%n%d", "%n", "../../etc/passwd", "/etc/../X",
	"a/../../X", "}\nvrrp_script x {\n script \"touch X\"\n", "a: b", "a\n  - b: c", "&anchor", "*alias", "{{name}}",
	"\xc3\xa9\xc3\xa9", "\xe2\x80\xae" "abc", "\xef\xbb\xbf" "a", "EOF", "a\vb",
};

#define HOSTILE_COUNT (sizeof(hostile_values) / sizeof(*hostile_values) + 1)

/* i below HOSTILE_COUNT; the last has 4 KB. */
static inline const char *hostile_value(size_t i)
{
	static char longest[4097];

	if (i + 1 < HOSTILE_COUNT)
		return hostile_values[i];
	memset(longest, 'a', sizeof(longest) - 1);
	return longest;
}

#endif
