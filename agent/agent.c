/* SPDX-License-Identifier: MIT */
/*
 * Doors in front, cards and sign-ins behind. The doors may ask before the first snapshot of the
 * readers has come; a sign-in then waits, and a list is short.
 *
 * What a caller sees of cards is made in card_views.c from what is in at that moment; nothing is
 * kept between two looks.
 */
#include "agent/agent.h"

#include "agent/audit.h"
#include "agent/card_views.h"
#include "agent/cards.h"
#include "agent/ceremony.h"
#include "agent/helper.h"
#include "agent/sign_in.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/door/door.h"

#include <errno.h>
#include <stdlib.h>

struct agent {
    struct loop *loop;
    const struct config *config;
    struct issuers *issuers; /* borrowed; NULL: any */
    struct helpers *helpers;
    struct cards *cards;
    struct ceremonies *ceremonies;
    struct sign_ins *sign_ins;
    struct service service; /* the doors borrow it */
    struct doors *doors;
};

/* ---- the service ---- */

static void serve_sign_in(void *context, struct request *request,
                          const struct sign_in_params *params)
{
    struct agent *agent = context;
    sign_ins_add(agent->sign_ins, request, params);
}

static void serve_card_list(void *context, struct request *request)
{
    struct agent *agent = context;
    CLEANUP(card_views_free)
    struct card_views *views = card_views_new(agent->cards, agent->issuers);
    if (views)
        answer_card_list(&request, card_views_list(views));
    else
        answer_error(&request, -ENOMEM);
}

static void serve_status(void *context, struct request *request)
{
    struct agent *agent = context;
    size_t count = cards_module_count(agent->cards);
    struct module_view *modules = calloc(count + 1, sizeof *modules);
    if (!modules) {
        answer_error(&request, -ENOMEM);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct card_module *module = cards_module(agent->cards, i);
        modules[i].path = card_module_path(module);
        modules[i].state = card_module_state(module);
        modules[i].detail = card_module_detail(module);
    }
    struct agent_status status = {
        .reader_service = cards_service_up(agent->cards) ? "up" : "down",
        .module_count = count,
        .modules = modules,
        .reader_count = cards_reader_count(agent->cards),
        .card_count = cards_count(agent->cards),
        .operation_count = sign_ins_count(agent->sign_ins),
    };
    answer_status(&request, &status);
    free(modules);
}

static void serve_cancel(void *context, struct request *request)
{
    struct agent *agent = context;
    sign_ins_cancel(agent->sign_ins, request);
}

static void serve_refused(void *context, const struct caller *caller, const char *origin,
                          int result)
{
    (void)caller;
    const struct agent *agent = context;
    audit_write(&(struct audit_entry){
        .event = AUDIT_REFUSED,
        .result = result,
        .origin = origin,
        .provider = config_provider_name_of(agent->config, origin),
    });
}

static void on_cards_changed(void *context)
{
    struct agent *agent = context;
    CLEANUP(card_views_free)
    struct card_views *views = card_views_new(agent->cards, agent->issuers);
    if (views)
        doors_card_changed(agent->doors, card_views_list(views));
    ceremonies_cards_changed(agent->ceremonies);
}

/* ---- its life ---- */

struct agent *agent_new(struct loop *loop, const struct agent_setup *setup)
{
    CLEANUP(agent_free) struct agent *agent = calloc(1, sizeof *agent);
    if (!agent) {
        log_fault(ENOMEM, "agent");
        return NULL;
    }
    agent->loop = loop;
    agent->config = setup->config;
    agent->issuers = setup->issuers;
    agent->helpers = helpers_new(loop, setup->helper_folder);
    if (!agent->helpers)
        return NULL;
    agent->cards = cards_new(loop, agent->helpers, agent->config, on_cards_changed, agent);
    if (!agent->cards)
        return NULL;
    agent->ceremonies =
        ceremonies_new(loop, agent->helpers, agent->cards, agent->config, agent->issuers);
    if (!agent->ceremonies)
        return NULL;
    agent->sign_ins = sign_ins_new(agent->ceremonies, agent->config, NULL, NULL);
    if (!agent->sign_ins)
        return NULL;

    struct doors_config doors = {
        .native_path = setup->native_path,
        .broker_path = agent->config->broker_socket,
        .origins = agent->config->origins.at,
    };
    agent->service = (struct service){
        .context = agent,
        .sign_in = serve_sign_in,
        .card_list = serve_card_list,
        .status = serve_status,
        .cancel = serve_cancel,
        .refused = serve_refused,
    };
    agent->doors = doors_open(loop, &doors, &agent->service);
    return agent->doors ? STEAL(agent) : NULL;
}

void agent_free(struct agent **agent)
{
    struct agent *a = *agent;
    if (!a)
        return;
    /* Callers are answered while their connections still stand, then the doors close. */
    sign_ins_free(&a->sign_ins);
    ceremonies_free(&a->ceremonies);
    doors_close(&a->doors);
    cards_free(&a->cards);
    helpers_free(&a->helpers);
    free(a);
    *agent = NULL;
}

int agent_run(struct agent *agent)
{
    return doors_run(agent->doors);
}
