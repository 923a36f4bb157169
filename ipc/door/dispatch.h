/* SPDX-License-Identifier: MIT */
/*
 * What each method of the table does, once its params are read. Loop thread only.
 */
#pragma once

#include "ipc/door/method.h"

dispatch_fn dispatch_hello, dispatch_sign_in, dispatch_session_prove, dispatch_session_begin,
    dispatch_session_status, dispatch_session_role, dispatch_session_end, dispatch_card_list,
    dispatch_card_pin, dispatch_webauthn, dispatch_key_list, dispatch_key, dispatch_status,
    dispatch_subscribe, dispatch_open_status, dispatch_cancel;
