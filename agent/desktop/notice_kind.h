/* SPDX-License-Identifier: MIT */
#pragma once

/* What a notice is about; the configuration's [notices] can switch each off but the first. A later
 * notice takes the place of an earlier one of its kind. */
enum notice_kind {
    NOTICE_ALARM,   /* the person has to do something at once: never silenced */
    NOTICE_SIGN_IN, /* somebody is signed in, or a sign-in that began by itself has failed */
    NOTICE_LOCK,    /* the session is locked, or over */
    NOTICE_EXPIRY,  /* a card is near its end */
    NOTICE_SERVER,  /* the provider cannot be reached, or has ended the session */
    NOTICE_KINDS,
};
