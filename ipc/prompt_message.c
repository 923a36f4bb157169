/* SPDX-License-Identifier: MIT */
/* The question may be long (a site, a card holder, a reader), the answer never is: a PIN or an
 * index. Line breaks are the one control character a question's text may have. */
#include "ipc/prompt_message.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int prompt_question_encode(const struct prompt_question *question, struct bytes *out)
{
    uint8_t space[PROMPT_QUESTION_BYTES_MAX];
    struct writer w = WRITER(space, sizeof space);
    write_u8(&w, PROMPT_MESSAGE_VERSION);
    write_u8(&w, question->kind);
    write_u32(&w, question->timeout_seconds);
    write_text(&w, question->title);
    write_text(&w, question->text);
    write_text(&w, question->label);
    write_text(&w, question->error);
    write_text(&w, question->yes);
    write_text(&w, question->no);
    write_u8(&w, question->choice_count);
    for (size_t i = 0; i < question->choice_count && i < PROMPT_CHOICES_MAX; i++)
        write_text(&w, question->choices[i]);
    return w.failed ? -ENOSPC : bytes_set(out, space, w.len);
}

int prompt_question_decode(const uint8_t *body, size_t len, struct prompt_question *question)
{
    struct reader r = READER(body, len);
    uint8_t version = read_u8(&r);
    question->kind = read_u8(&r);
    question->timeout_seconds = read_u32(&r);
    read_text(&r, question->title, sizeof question->title);
    read_lines(&r, question->text, sizeof question->text);
    read_text(&r, question->label, sizeof question->label);
    read_text(&r, question->error, sizeof question->error);
    read_text(&r, question->yes, sizeof question->yes);
    read_text(&r, question->no, sizeof question->no);
    question->choice_count = read_u8(&r);
    if (question->choice_count > PROMPT_CHOICES_MAX)
        return -EPROTO;
    for (size_t i = 0; i < question->choice_count; i++)
        read_text(&r, question->choices[i], sizeof question->choices[i]);
    bool known = question->kind >= PROMPT_PIN && question->kind <= PROMPT_PIN_PAD;
    bool choosable = question->kind != PROMPT_CHOICE || question->choice_count > 0;
    return version == PROMPT_MESSAGE_VERSION && known && choosable && reader_done(&r) ? 0 : -EPROTO;
}

int prompt_answer_encode(const struct prompt_answer *answer, struct secret *out)
{
    size_t used = secret_len(out);
    struct writer w = WRITER(secret_bytes(out) + used, secret_capacity(out) - used);
    write_u8(&w, PROMPT_MESSAGE_VERSION);
    write_u32(&w, answer->result);
    write_u8(&w, answer->choice);
    write_field(&w, answer->pin, answer->pin_len);
    if (w.failed) {
        secret_set_len(out, used);
        return -ENOSPC;
    }
    secret_set_len(out, used + w.len);
    return 0;
}

int prompt_answer_decode(const uint8_t *body, size_t len, struct prompt_answer *answer)
{
    struct reader r = READER(body, len);
    uint8_t version = read_u8(&r);
    answer->result = read_u32(&r);
    answer->choice = read_u8(&r);
    size_t pin_len;
    answer->pin = read_field(&r, PROMPT_PIN_BYTES_MAX, &pin_len);
    answer->pin_len = (uint8_t)pin_len;
    bool known = outcome_of((int)answer->result) == (int)answer->result;
    if (version == PROMPT_MESSAGE_VERSION && known && reader_done(&r))
        return 0;
    *answer = (struct prompt_answer){0};
    return -EPROTO;
}
