/* SPDX-License-Identifier: MIT */
/*
 * One table says what each operation needs and who does it. The agent is trusted to ask for what
 * makes sense; a request that does not is answered with OUTCOME_INTERNAL, which accuses us.
 */
#include "fido/serve.h"

#include "fido/agent_link.h"
#include "fido/assertion.h"
#include "fido/ceremony.h"
#include "fido/credential.h"
#include "fido/manage.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdlib.h>

static const struct {
    judge_fn *judge; /* NULL: no key is waited for */
    make_fn *make;
    bool site; /* wants an rp_id */
    bool one;  /* wants list[0] */
} operations[FIDO_OPERATIONS] = {
    [FIDO_GET] = {.judge = assertion_judge, .make = assertion_make, .site = true},
    [FIDO_CREATE] = {.judge = credential_judge, .make = credential_make, .site = true},
    [FIDO_PROBE] = {.make = assertion_probe, .site = true, .one = true},
    [FIDO_INFO] = {.make = manage_info},
    [FIDO_PIN_SET] = {.make = manage_set_pin},
    [FIDO_PIN_CHANGE] = {.make = manage_change_pin},
    [FIDO_CREDENTIALS] = {.make = manage_list},
    [FIDO_DELETE] = {.make = manage_delete, .one = true},
    [FIDO_RENAME] = {.make = manage_rename, .one = true},
    [FIDO_RESET] = {.make = manage_reset},
};

static int operate(struct keys *keys, const struct fido_start *start, struct fido_done *done)
{
    bool whole = (!operations[start->operation].site || *start->rp_id) &&
                 (!operations[start->operation].one || start->list_count > 0) &&
                 (start->operation != FIDO_CREATE || start->user_id.len > 0);
    if (!whole)
        return log_fault(EINVAL, "start");
    make_fn *make = operations[start->operation].make;
    judge_fn *judge = operations[start->operation].judge;
    return judge ? ceremony_with_person(keys, start, judge, make, done)
                 : ceremony_with_key(keys, start, make, done);
}

int serve(int fd, const char *redirect)
{
    CLEANUP(link_deinit) struct agent_link link;
    CLEANUP(fido_start_deinit) struct fido_start start = {0};
    CLEANUP(fido_done_deinit) struct fido_done done = {.tries_left = UINT8_MAX};
    int r = link_init(&link, fd);
    if (r == 0)
        r = link_receive_start(&link, &start);
    if (r < 0)
        return r;
    struct keys *keys = calloc(1, sizeof *keys);
    if (!keys)
        return log_fault(ENOMEM, "keys");
    keys->link = &link;
    keys->redirect = redirect;
    r = operate(keys, &start, &done);
    free(keys);
    if (link.failed)
        return -EPIPE;
    done.result = (uint32_t)outcome_of(r);
    return link_send_done(&link, &done);
}
