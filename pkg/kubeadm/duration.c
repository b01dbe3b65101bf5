/* Durations as Go's time.ParseDuration reads them: "4m0s", "1.5h", "0". */
#include <string.h>

#include "kubeadm/config.h"

/* The unit at s; 0: there is none. */
static double unit(const char **s)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "\xc2\xb5s", 1e3 }, { "\xce\xbcs", 1e3 },
		      { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 } };

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t len = strlen(units[i].name);

		if (!strncmp(*s, units[i].name, len)) {
			*s += len;
			return units[i].ns;
		}
	}
	return 0;
}

/* Digits with at most one point. */
static int amount(const char **s, double *value)
{
	double scale = 1;
	bool point = false, digits = false;

	for (*value = 0; (**s >= '0' && **s <= '9') || (**s == '.' && !point); (*s)++) {
		if (**s == '.') {
			point = true;
			continue;
		}
		digits = true;
		*value = *value * 10 + (**s - '0');
		scale *= point ? 10 : 1;
	}
	*value /= scale;
	return digits ? 0 : -1;
}

int kubeadm_duration(const char *text, long long *ns)
{
	bool negative = *text == '-';
	double total = 0, value, of;

	text += *text == '-' || *text == '+';
	if (!strcmp(text, "0")) {
		*ns = 0;
		return 0;
	}
	do {
		if (amount(&text, &value) < 0 || !(of = unit(&text)))
			return -1;
		total += value * of;
	} while (*text && total < 9.2e18);
	if (total >= 9.2e18)
		return -1;
	*ns = (long long)(negative ? -total : total);
	return 0;
}
