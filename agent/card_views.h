/* SPDX-License-Identifier: MIT */
/*
 * What card.list and card.changed say of the cards that are in (ipc/PROTOCOL.md §2.5). Loop thread
 * only.
 */
#pragma once

#include "agent/cards.h"
#include "ipc/door/door.h"

struct card_views;

/* Returns owned; it borrows from cards, so use it before they change. NULL on no memory. cards
 * NULL: no reader and no card; issuers NULL: any. */
struct card_views *card_views_new(const struct cards *cards, const struct issuers *issuers);
void card_views_free(struct card_views **views);
/* Borrowed from views. */
const struct card_list *card_views_list(const struct card_views *views);
