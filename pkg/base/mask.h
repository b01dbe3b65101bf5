/* Secrets in text that people get to see: diffs, logs, reports. */
#ifndef BASE_MASK_H
#define BASE_MASK_H

/* Replaces, character by character, what looks like a bootstrap token, a certificate key, a JSON
 * web token, a private key (PEM, or that as base64; also one of which only a part is there), and
 * what stands behind words such as auth_pass, password: and --token, or as a password in a URL.
 * Line ends stay.  In doubt it hides too much. */
void mask_secrets(char *text);

#endif
