/* Secrets in text that people get to see: diffs, logs, reports. */
#ifndef BASE_MASK_H
#define BASE_MASK_H

/* Replaces, character by character, what looks like a bootstrap token, a certificate key, a
 * keepalived password or a PEM private key.  In doubt it hides too much. */
void mask_secrets(char *text);

#endif
