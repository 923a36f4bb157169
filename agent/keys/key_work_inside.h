/* SPDX-License-Identifier: MIT */
/*
 * What the work's own files share: key_work.c (whose turn, the process, every way out) and
 * key_questions.c (what the person is asked). For them only.
 */
#pragma once

#include "agent/chooser_client.h"
#include "agent/keys/key_process.h"
#include "agent/keys/key_work.h"
#include "agent/prompt_client.h"
#include "ipc/base/secret.h"

/* Whose turn comes before whose: the later. */
enum key_rank { KEY_RANK_PAGE, KEY_RANK_PROGRAM, KEY_RANK_SESSION, KEY_RANK_PROBE };

struct key_work {
    struct key_works *home;
    struct key_work *next;
    struct key_work_request request;
    struct key_work_events events;
    enum key_rank rank;
    bool ended; /* done is being called */
    int told;   /* enum waiting_for; -1: nothing yet */
    int told_tries;
    char told_key[FIDO_TEXT_MAX + 1];

    uint64_t key; /* the plugging in of the key that is meant, or at work; 0: not settled, or not
                     seen */

    /* from its turn on */
    uint64_t deadline; /* loop_now */
    uint64_t left;     /* of its time, since it was interrupted; 0: all */
    bool committed;    /* the person has typed a PIN or said a choice: it is not done again */
    struct loop_timer *timer;
    int verdict; /* OUTCOME_OK: none yet; else how it ends, unless the key turns out to have left */
    char name[FIDO_TEXT_MAX + 1]; /* of it, for the person; "": not settled */

    char path[FIDO_PATH_MAX + 1]; /* the only key that will do; "": any */
    bool replug;                  /* FIDO_RESET: the key is to be pulled out and plugged in */
    uint64_t newest;              /* the last plugging in, while the key was still in */
    char mark[FIDO_TEXT_MAX + 1]; /* of the key that is to be (fido/key_watch.h) */

    /* what to do with the key, and for whom; one window or a question, never both */
    struct prompt *notice;
    int noticed; /* enum waiting_for */
    char noticed_key[FIDO_TEXT_MAX + 1];
    unsigned notices;

    /* the question */
    struct prompt *prompt;
    struct chooser *chooser;
    unsigned asked; /* how often the process has */
    uint8_t tries_left, min_length;
    int wrong; /* what was wrong with the PIN before: an outcome, or one of enum wrong_pin */
    bool last_try_confirmed;
    struct secret *typed; /* a new PIN, the first of the two times */
};

struct key_works {
    struct loop *loop;
    struct helpers *helpers;
    const struct key_watch *watch;
    const struct config *config;
    struct key_work *first;
    struct key_work *turn;       /* whose it is; NULL: nobody's */
    struct key_process *process; /* the turn's, or one that is on its way out */
    struct loop_timer *look_again;
    bool closing;
};

/* ---- key_work.c ---- */

/* Ends the work, and releases it. */
void key_work_finish(struct key_work *w, int result);
/* To whoever waits. */
void key_work_tell(struct key_work *w, enum waiting_for what, int tries_left);
/* The person has said that a reset is meant: waits until the key is plugged in anew, then launches.
 */
void key_work_await_replug(struct key_work *w);
/* A word to the process; false: the work has ended. */
bool key_work_say(struct key_work *w, const struct fido_word *word);

/* ---- key_questions.c ---- */

/* Asks whether the reset is meant; key_work_await_replug follows. */
void key_ask_meant(struct key_work *w);
/* Says in a window what to do with the key and which site wants it, where that is due, in the place
 * of the one before. False: the work has ended. */
bool key_notice(struct key_work *w, enum waiting_for what);
/* Asks what the process wants to know. */
void key_ask(struct key_work *w, const struct fido_news *news);
/* Takes every window away, the notice too, and what was typed. */
void key_ask_end(struct key_work *w);
