/* SPDX-License-Identifier: MIT */
/*
 * A request is received into a secret, because it may hold a PIN, and the decoded request borrows
 * the PIN from there: there is one copy in this process that is ours, and it is wiped after each
 * request. The agent is trusted to speak correctly: a request that does not decode means that one
 * of the two is broken, and ends the helper.
 */
#include "pkcs11/serve.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/card_message.h"
#include "ipc/frame.h"
#include "pkcs11/change_pin.h"
#include "pkcs11/sign.h"
#include "pkcs11/slots.h"

#include <errno.h>

static int list(struct module *m, struct card_reply *reply)
{
    m->code = CKR_OK;
    int r = slots_list(m, reply);
    reply->module_code = m->code;
    return r;
}

static int answer(struct module *m, const struct card_request *request, struct card_reply *reply)
{
    reply->type = request->type;
    reply->number = request->number;
    reply->tries_left = reply->puk_tries_left = CARD_TRIES_UNKNOWN;
    if (m->state != OUTCOME_OK) {
        reply->result = (uint32_t)m->state;
        reply->module_code = m->code;
        return 0;
    }
    if (request->type == CARD_REQUEST_LIST)
        return list(m, reply);
    if (request->type == CARD_REQUEST_SIGN)
        sign(m, &request->sign, reply);
    else if (request->type == CARD_REQUEST_PIN_CHANGE)
        change_pin(m, &request->pin, reply);
    else
        unblock_pin(m, &request->pin, reply);
    return 0;
}

static int serve_one(int fd, struct module *m, struct secret *body)
{
    CLEANUP(card_request_deinit) struct card_request request = {0};
    CLEANUP(card_reply_deinit) struct card_reply reply = {0};
    CLEANUP(bytes_deinit) struct bytes out = {0};
    int r = card_request_decode(secret_peek(body), secret_len(body), &request);
    if (r < 0)
        return log_fault(-r, "request");
    r = answer(m, &request, &reply);
    secret_wipe(body);
    if (r == 0)
        r = card_reply_encode(&reply, &out);
    if (r == 0)
        r = frame_send(fd, out.data, out.len, FRAME_MAX_HELPER);
    return r < 0 ? log_fault(-r, "reply") : 0;
}

int serve(int fd, struct module *m)
{
    CLEANUP(secret_free) struct secret *body = secret_new(CARD_REQUEST_BYTES_MAX);
    if (!body)
        return log_fault(ENOMEM, "request");
    for (;;) {
        int r = frame_receive_secret(fd, body);
        if (r == -EPIPE)
            return 0;
        if (r < 0)
            return log_fault(-r, "request");
        r = serve_one(fd, m, body);
        if (r < 0)
            return r;
    }
}
