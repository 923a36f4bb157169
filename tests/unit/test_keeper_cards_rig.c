/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_keeper_cards_rig.h"

#include "agent/candidate.h"
#include "agent/cards.h"
#include "ipc/base/outcome.h"
#include "tests/unit/test_keeper_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct {
    struct card card;
    struct certificate certificate;
    bool present, known, reader, service_up;
    uint64_t changes, last_id;
} slot;

void say_cards_changed(void)
{
    if (rig.keeper)
        keeper_cards_changed(rig.keeper);
}

static void name_card(int person)
{
    slot.card = (struct card){.id = ++slot.last_id, .in_reader = true, .changes = slot.changes};
    snprintf(slot.card.token.reader, sizeof slot.card.token.reader, "reader-0");
    memset(slot.certificate.hash, person, sizeof slot.certificate.hash);
    slot.card.certificates.count = 1;
    slot.card.certificates.at[0] = &slot.certificate;
    slot.known = true;
}

void card_in(int person)
{
    slot.present = true;
    slot.changes++;
    name_card(person);
    say_cards_changed();
}

int card_person(void)
{
    return slot.present ? slot.certificate.hash[0] : 0;
}

uint64_t card_now(void)
{
    return slot.known ? slot.card.id : 0;
}

void card_out(void)
{
    slot.present = slot.known = false;
    slot.changes++;
    say_cards_changed();
}

void reader_unplugged(void)
{
    slot.reader = false;
    card_out();
    slot.reader = true;
}

void module_crashes(void)
{
    slot.known = false;
    say_cards_changed();
}

void module_is_back(void)
{
    name_card(slot.certificate.hash[0]);
    say_cards_changed();
}

void another_card_in_the_same_place(int person)
{
    name_card(person);
    say_cards_changed();
}

void service(bool up)
{
    slot.service_up = up;
    slot.known = slot.present && up;
    slot.changes = up ? 0 : slot.changes;
    if (slot.known)
        name_card(slot.certificate.hash[0]);
    say_cards_changed();
}

size_t cards_count(const struct cards *cards)
{
    (void)cards;
    return slot.known ? 1 : 0;
}

const struct card *cards_at(const struct cards *cards, size_t i)
{
    (void)cards;
    assert_int_equal(i, 0);
    return &slot.card;
}

const struct card *cards_find(const struct cards *cards, uint64_t id)
{
    (void)cards;
    return slot.known && slot.card.id == id ? &slot.card : NULL;
}

bool cards_reading(const struct cards *cards)
{
    (void)cards;
    return slot.present && !slot.known && slot.service_up;
}

bool cards_service_up(const struct cards *cards)
{
    (void)cards;
    return slot.service_up;
}

int cards_absence(const struct cards *cards)
{
    (void)cards;
    return slot.reader ? OUTCOME_NO_CARD : OUTCOME_NO_READER;
}

void cards_ask(struct cards *cards)
{
    (void)cards;
}

enum card_place cards_place(const struct cards *cards, const char *reader, uint64_t changes)
{
    (void)cards;
    (void)reader;
    if (!slot.reader)
        return CARD_PLACE_NO_READER;
    return slot.present && slot.changes == changes ? CARD_PLACE_SAME : CARD_PLACE_LEFT;
}

bool candidate_of(const struct card *card, const struct issuers *issuers, struct candidate *out)
{
    (void)issuers;
    *out = (struct candidate){.card = card};
    return true;
}

const struct certificate *candidate_holder(const struct candidate *candidate)
{
    return candidate->card->certificates.at[0];
}

void cards_begin(void)
{
    memset(&slot, 0, sizeof slot);
    slot.reader = slot.service_up = true;
}
