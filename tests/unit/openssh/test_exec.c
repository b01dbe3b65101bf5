/* What pkg/openssh promises as pkg/ssh does. */
#define _GNU_SOURCE
#include "over.h"
#include "../ssh/test_exec.c"
