/*
 * Passwords from outside: asked of the person at the terminal, or taken out of the environment.
 */
#ifndef CMD_ASK_H
#define CMD_ASK_H

#include <stdbool.h>

#include "inventory/inventory.h"
#include "ssh/secrets.h"

struct term;

/* The shared secrets of one run, which ask on /dev/tty if there is one.  display (may be NULL) is
 * kept off the screen meanwhile; *stop (may be NULL) ends a question when it is not 0. */
struct ssh_secrets *ask_secrets_new(void);
void ask_configure(struct term *display, const int *stop);

/* A question whose answer is yes or no; no where there is no terminal to ask on. */
bool ask_yes(const char *question);

/* Around every use of the display while there are threads that may ask. */
void ask_lock(void);
void ask_unlock(void);

/* Gives the terminal back as it was; safe in a signal handler that ends the program. */
void ask_restore(void);

/* Takes the variables of ssh.passwordEnv out of the environment, where they are overwritten: no
 * child inherits them, and /proc does not show them.  Before any thread; one that is not set is an
 * error. */
int ask_take_environment(const struct inventory *inv, struct err *err) MUST_CHECK;
/* What was taken, or NULL. */
const char *ask_from_environment(const char *name);
void ask_forget_environment(void); /* wipes */

#endif
