/* SPDX-License-Identifier: MIT */
/* The question is as long as its items are many, so it is encoded into memory of its own; the
 * answer is a number. Whether that number is one of the question's items, the one who asked knows.
 */
#include "ipc/chooser_message.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdlib.h>

static void release(uint8_t **space)
{
    free(*space);
}

int chooser_question_encode(const struct chooser_question *question, struct bytes *out)
{
    CLEANUP(release) uint8_t *space = malloc(CHOOSER_QUESTION_BYTES_MAX);
    if (!space)
        return -ENOMEM;
    struct writer w = WRITER(space, CHOOSER_QUESTION_BYTES_MAX);
    write_u8(&w, CHOOSER_MESSAGE_VERSION);
    write_u8(&w, question->kind);
    write_u32(&w, question->timeout_seconds);
    write_text(&w, question->subject);
    write_u16(&w, question->item_count);
    write_u16(&w, question->current);
    for (size_t i = 0; i < question->item_count && i < CHOOSER_ITEMS_MAX; i++) {
        write_text(&w, question->items[i].name);
        write_text(&w, question->items[i].detail);
        write_text(&w, question->items[i].code);
    }
    return w.failed ? -ENOSPC : bytes_set(out, space, w.len);
}

int chooser_question_decode(const uint8_t *body, size_t len, struct chooser_question *question)
{
    struct reader r = READER(body, len);
    uint8_t version = read_u8(&r);
    question->kind = read_u8(&r);
    question->timeout_seconds = read_u32(&r);
    read_text(&r, question->subject, sizeof question->subject);
    question->item_count = read_u16(&r);
    question->current = read_u16(&r);
    if (question->item_count > CHOOSER_ITEMS_MAX)
        return -EPROTO;
    for (size_t i = 0; i < question->item_count; i++) {
        struct chooser_item *item = &question->items[i];
        read_text(&r, item->name, sizeof item->name);
        read_text(&r, item->detail, sizeof item->detail);
        read_text(&r, item->code, sizeof item->code);
    }
    bool known = version == CHOOSER_MESSAGE_VERSION &&
                 (question->kind == CHOOSER_ROLE || question->kind == CHOOSER_ACCOUNT);
    bool timed = question->timeout_seconds >= 1 && question->timeout_seconds <= CHOOSER_SECONDS_MAX;
    bool choosable = question->item_count > 0 && question->current <= question->item_count;
    return known && timed && choosable && reader_done(&r) ? 0 : -EPROTO;
}

int chooser_answer_encode(const struct chooser_answer *answer, struct bytes *out)
{
    uint8_t space[CHOOSER_ANSWER_BYTES_MAX];
    struct writer w = WRITER(space, sizeof space);
    write_u8(&w, CHOOSER_MESSAGE_VERSION);
    write_u32(&w, answer->result);
    write_u16(&w, answer->item);
    return w.failed ? -ENOSPC : bytes_set(out, space, w.len);
}

int chooser_answer_decode(const uint8_t *body, size_t len, struct chooser_answer *answer)
{
    struct reader r = READER(body, len);
    uint8_t version = read_u8(&r);
    answer->result = read_u32(&r);
    answer->item = read_u16(&r);
    bool known = answer->result == OUTCOME_OK || answer->result == OUTCOME_CANCELLED ||
                 answer->result == OUTCOME_TIMED_OUT ||
                 answer->result == OUTCOME_PROMPT_UNAVAILABLE;
    bool plain = answer->result == OUTCOME_OK || answer->item == 0;
    if (version == CHOOSER_MESSAGE_VERSION && known && plain && reader_done(&r))
        return 0;
    *answer = (struct chooser_answer){.result = OUTCOME_PROMPT_UNAVAILABLE};
    return -EPROTO;
}
