/* SPDX-License-Identifier: MIT */
/*
 * Few of our variables, for a program that is started. Libraries obey many that are dangerous where
 * a PIN is (a log of every command, another library to load), every vendor has more, and a list of
 * the bad ones would never be complete; so the list is of the harmless.
 */
#pragma once

/* What a card module may need to find: its texts, the person's files, pcscd (an abnormal socket),
 * SoftHSM's token. */
#define VARIABLES_FOR_CARDS                                                                        \
    "HOME=", "LANG=", "LC_",                                                                       \
        "PATH=", "PCSCLITE_CSOCK_NAME=", "SOFTHSM2_CONF=", "TZ=", "XDG_RUNTIME_DIR="

/* Those that begin with one of these names, "LANG=" or "LC_"; NULL ends them, as it ends what is
 * returned: owned (free) and good while no variable is set; the texts are borrowed. NULL without
 * memory. One thread. */
char **variables_few(const char *const *names);
