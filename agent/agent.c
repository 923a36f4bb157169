/* SPDX-License-Identifier: MIT */
/*
 * Doors in front, cards, sign-ins and the session behind. The doors may ask before the first
 * snapshot of the readers has come; a sign-in then waits, and a list is short.
 *
 * What a caller sees of cards is made in card_views.c from what is in at that moment; nothing is
 * kept between two looks.
 */
#include "agent/agent.h"

#include "agent/audit.h"
#include "agent/audit_file.h"
#include "agent/card_upkeep.h"
#include "agent/card_views.h"
#include "agent/cards.h"
#include "agent/ceremony.h"
#include "agent/cis/cis.h"
#include "agent/desktop/desktop.h"
#include "agent/expiry.h"
#include "agent/helper.h"
#include "agent/keys/key_upkeep.h"
#include "agent/keys/key_work.h"
#include "agent/session/keeper.h"
#include "agent/session_notices.h"
#include "agent/settings.h"
#include "agent/sign_in.h"
#include "agent/state_folder.h"
#include "agent/status_page.h"
#include "agent/webauthn/webauthn.h"
#include "fido/key_watch.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/door/door.h"
#include "ipc/door/keys.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

enum { FINDINGS_SECONDS = 15 * 60 }; /* what doctor found is shown no longer than that */

struct agent {
    struct loop *loop;
    struct config *config;
    struct issuers *issuers; /* borrowed */
    struct helpers *helpers;
    struct cards *cards;
    struct seat_watch *seat_watch;
    struct ceremonies *ceremonies;
    struct sign_ins *sign_ins;
    struct card_upkeep *card_upkeep;
    struct key_watch *key_watch; /* NULL: security keys are not used here */
    struct key_works *key_works;
    struct key_upkeep *key_upkeep;
    struct webauthns *webauthns;
    struct http *http;
    struct cis *cis;
    struct desktop *desktop;
    bool away; /* another user's is in front */
    struct expiry *expiry;
    struct session_notices notices;
    struct findings *findings; /* of `lanyard doctor`; NULL: none yet */
    time_t checked;            /* when */
    struct seal *seal;
    struct end_queue *ends;
    struct keeper *keeper;
    struct service service; /* the doors borrow it */
    struct doors *doors;
};

/* ---- the service ---- */

/* While another user's desktop is in front, readers and keys are that user's, and nobody would see
 * a prompt of ours. True: it is answered. The session looks after itself (agent/session/session.h).
 */
static bool turn_away(const struct agent *agent, struct request **request)
{
    if (agent->away)
        answer_error(request, OUTCOME_CANCELLED);
    return agent->away;
}

static void serve_sign_in(void *context, struct request *request,
                          const struct sign_in_params *params)
{
    struct agent *agent = context;
    if (!turn_away(agent, &request))
        sign_ins_add(agent->sign_ins, request, params);
}

static void serve_prove(void *context, struct request *request,
                        const struct session_prove_params *params)
{
    struct agent *agent = context;
    keeper_prove(agent->keeper, request, params);
}

static void serve_begin(void *context, struct request *request,
                        const struct session_begin_params *params)
{
    struct agent *agent = context;
    keeper_begin(agent->keeper, request, params);
}

static void serve_session_status(void *context, struct request *request)
{
    struct agent *agent = context;
    keeper_status(agent->keeper, request);
}

static void serve_role(void *context, struct request *request,
                       const struct session_role_params *params)
{
    struct agent *agent = context;
    keeper_role(agent->keeper, request, params);
}

static void serve_end(void *context, struct request *request)
{
    struct agent *agent = context;
    keeper_end(agent->keeper, request);
}

/* The cards that are this user's, as callers see them. Owned; NULL on no memory. */
static struct card_views *view_cards(const struct agent *agent)
{
    return card_views_new(agent->away ? NULL : agent->cards, agent->issuers);
}

static void serve_card_list(void *context, struct request *request)
{
    struct agent *agent = context;
    CLEANUP(card_views_free)
    struct card_views *views = view_cards(agent);
    if (views)
        answer_card_list(&request, card_views_list(views));
    else
        answer_error(&request, -ENOMEM);
}

static void serve_card_pin(void *context, struct request *request,
                           const struct card_pin_params *params)
{
    struct agent *agent = context;
    if (!turn_away(agent, &request))
        card_upkeep_add(agent->card_upkeep, request, params);
}

static void serve_webauthn(void *context, struct request *request, struct webauthn_params *params)
{
    struct agent *agent = context;
    if (turn_away(agent, &request))
        webauthn_params_deinit(params);
    else
        webauthns_add(agent->webauthns, request, params);
}

/* The keys that are in, as callers see them. Returns their number. */
static size_t view_keys(const struct agent *agent, struct key_view views[FIDO_KEYS_MAX])
{
    size_t count = 0;
    const struct key_found *key;
    while (count < FIDO_KEYS_MAX && (key = key_watch_at(agent->key_watch, count)))
        views[count++] =
            (struct key_view){.id = key->id,
                              .name = key->name,
                              .path = key->path,
                              .session = agent->keeper && key->id == keeper_key(agent->keeper)};
    return count;
}

static void serve_key_list(void *context, struct request *request)
{
    struct agent *agent = context;
    struct key_view views[FIDO_KEYS_MAX];
    size_t count = view_keys(agent, views);
    answer_key_list(&request, &(struct key_list){.count = count, .keys = views});
}

static void serve_key_upkeep(void *context, struct request *request,
                             const struct key_params *params)
{
    struct agent *agent = context;
    if (!turn_away(agent, &request))
        key_upkeep_add(agent->key_upkeep, request, params);
}

/* Returns their number. */
static size_t view_expiring(const struct agent *agent, struct expiry_view views[CARDS_MAX])
{
    size_t count = 0;
    size_t cards = agent->away ? 0 : cards_count(agent->cards);
    for (size_t i = 0; i < cards && count < CARDS_MAX; i++) {
        const struct card *card = cards_at(agent->cards, i);
        long days;
        const struct certificate *certificate = expiry_of(card, time(NULL), &days);
        if (certificate)
            views[count++] =
                (struct expiry_view){.reader = card->token.reader,
                                     .uid = certificate->uid[0] ? certificate->uid : NULL,
                                     .not_after = certificate->not_after_text,
                                     .days_left = days};
    }
    return count;
}

/* What agent.status says, and where its parts are. */
struct agent_view {
    struct module_view *modules; /* owned */
    struct expiry_view expiring[CARDS_MAX];
    char mark[SETTINGS_MARK_BYTES];
    struct agent_status status;
};

static bool view_agent(const struct agent *agent, struct agent_view *view)
{
    size_t count = cards_module_count(agent->cards);
    struct module_view *modules = view->modules = calloc(count + 1, sizeof *modules);
    if (!modules)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct card_module *module = cards_module(agent->cards, i);
        modules[i].path = card_module_path(module);
        modules[i].state = card_module_state(module);
        modules[i].detail = card_module_detail(module);
    }
    settings_mark(agent->config, view->mark);
    view->status = (struct agent_status){
        .configuration = view->mark,
        .expiring_count = view_expiring(agent, view->expiring),
        .expiring = view->expiring,
        .reader_service = cards_service_up(agent->cards) ? "up" : "down",
        .readers_withheld = cards_access(agent->cards) == CARDS_WITHHELD
                                ? outcome_reason(OUTCOME_REMOTE_SESSION)
                                : NULL,
        .module_count = count,
        .modules = modules,
        .reader_count = agent->away ? 0 : cards_reader_count(agent->cards),
        .card_count = agent->away ? 0 : cards_count(agent->cards),
        .key_count = key_watch_count(agent->key_watch),
        .operation_count = sign_ins_count(agent->sign_ins) + card_upkeep_count(agent->card_upkeep) +
                           webauthns_count(agent->webauthns) + key_upkeep_count(agent->key_upkeep) +
                           keeper_waiting_count(agent->keeper),
    };
    return true;
}

static void serve_status(void *context, struct request *request)
{
    const struct agent *agent = context;
    struct agent_view view;
    if (view_agent(agent, &view))
        answer_status(&request, &view.status);
    else
        answer_error(&request, -ENOMEM);
    free(view.modules);
}

/* ---- the page that shows all of it ---- */

static void serve_open_status(void *context, struct request *request,
                              const struct findings *findings)
{
    struct agent *agent = context;
    if (!findings) {
        answer_status_url(&request);
        return;
    }
    if (!agent->findings)
        agent->findings = malloc(sizeof *agent->findings);
    if (!agent->findings) {
        answer_error(&request, log_fault(ENOMEM, "findings"));
        return;
    }
    *agent->findings = *findings;
    agent->checked = time(NULL);
    answer_done(&request);
}

struct page_being_made {
    struct status_page page;
    struct bytes *html;
};

static void make_page(void *context, const struct session_view *view)
{
    struct page_being_made *made = context;
    made->page.session = view;
    status_page_make(&made->page, made->html);
}

static bool serve_status_page(void *context, const char *nonce, struct bytes *html)
{
    struct agent *agent = context;
    struct agent_view view;
    struct audit_recent recent[AUDIT_RECENT_MAX];
    struct key_view keys[FIDO_KEYS_MAX];
    struct key_list key_list = {.count = view_keys(agent, keys), .keys = keys};
    CLEANUP(card_views_free)
    struct card_views *cards = view_cards(agent);
    bool whole = view_agent(agent, &view) && cards;
    if (whole) {
        time_t now = time(NULL);
        struct page_being_made made = {
            .page = {.nonce = nonce,
                     .now = now,
                     .status = &view.status,
                     .cards = card_views_list(cards),
                     .keys = &key_list,
                     .recent = recent,
                     .recent_count = audit_recent(recent),
                     .findings = now - agent->checked < FINDINGS_SECONDS ? agent->findings : NULL,
                     .checked = agent->checked},
            .html = html,
        };
        keeper_view(agent->keeper, make_page, &made);
    }
    free(view.modules);
    return whole;
}

static void serve_cancel(void *context, struct request *request)
{
    struct agent *agent = context;
    if (!sign_ins_cancel(agent->sign_ins, request) &&
        !webauthns_cancel(agent->webauthns, request) &&
        !key_upkeep_cancel(agent->key_upkeep, request) &&
        !card_upkeep_cancel(agent->card_upkeep, request))
        keeper_cancel(agent->keeper, request);
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

/* ---- what happens ---- */

static void tell_of_cards(struct agent *agent)
{
    CLEANUP(card_views_free)
    struct card_views *views = view_cards(agent);
    if (views)
        doors_card_changed(agent->doors, card_views_list(views));
}

/* The session first: whoever pulls a card is not to wait for a list to be written. What another
 * user does with cards is told to nobody here. */
static void on_cards_changed(void *context)
{
    struct agent *agent = context;
    keeper_cards_changed(agent->keeper);
    if (!agent->away)
        tell_of_cards(agent);
    ceremonies_cards_changed(agent->ceremonies);
    card_upkeep_cards_changed(agent->card_upkeep);
    if (!agent->away)
        expiry_cards_changed(agent->expiry);
}

static void tell_of_keys(struct agent *agent)
{
    struct key_view views[FIDO_KEYS_MAX];
    size_t count = view_keys(agent, views);
    doors_key_changed(agent->doors, &(struct key_list){.count = count, .keys = views});
}

/* lanyard-fido is about as long in starting as a key in answering; so while there is a key one
 * waits. */
static void keep_spare(struct agent *agent)
{
    bool wanted = key_watch_count(agent->key_watch) > 0;
    helpers_keep_spare(agent->helpers, HELPER_FIDO, wanted ? agent->config->keys_redirect : NULL);
}

/* The session first, and whoever works with a key next: one that has left is not to be waited for.
 */
static void on_keys_changed(void *context)
{
    struct agent *agent = context;
    keeper_keys_changed(agent->keeper);
    key_works_keys_changed(agent->key_works);
    tell_of_keys(agent);
    keep_spare(agent);
}

static void on_session_changed(void *context, const struct session_view *view,
                               const char *const *origins)
{
    struct agent *agent = context;
    doors_session_changed(agent->doors, view, origins);
    session_notices_tell(&agent->notices, agent->desktop, view);
    tell_of_keys(agent); /* whose key is the session's may be another matter now */
}

/* What was begun in front is not done with the card or key that another user puts in. */
static void cancel_everything(struct agent *agent)
{
    sign_ins_cancel_all(agent->sign_ins);
    card_upkeep_cancel_all(agent->card_upkeep);
    webauthns_cancel_all(agent->webauthns);
    key_upkeep_cancel_all(agent->key_upkeep);
}

/* What a remote-desktop client offers is its person's, wherever that is. */
static void give_cards(struct agent *agent)
{
    enum desktop_place place = desktop_place(agent->desktop);
    bool ours =
        place == DESKTOP_PLACE_HERE || agent->config->cards_remote || reader_service_redirected();
    if (place != DESKTOP_PLACE_UNKNOWN)
        cards_set_access(agent->cards, ours ? CARDS_OURS : CARDS_WITHHELD);
}

/* The session first. */
static void on_desktop(void *context, enum desktop_event event)
{
    struct agent *agent = context;
    if (event == DESKTOP_PLACED) {
        cards_set_seat(agent->cards, agent->seat_watch, desktop_seat(agent->desktop));
        give_cards(agent);
        return;
    }
    bool before = agent->away;
    agent->away = event == DESKTOP_SWITCHED_AWAY || (before && event != DESKTOP_SWITCHED_BACK);
    keeper_desktop(agent->keeper, event);
    if (agent->away == before)
        return;
    if (agent->away)
        cancel_everything(agent);
    else
        expiry_cards_changed(agent->expiry);
    tell_of_cards(agent);
}

static void on_seats_changed(void *context)
{
    struct agent *agent = context;
    cards_seats_changed(agent->cards);
}

static void on_ends_changed(void *context)
{
    struct agent *agent = context;
    if (agent->keeper)
        keeper_ends_changed(agent->keeper);
}

static void on_card_token(void *context, const char *origin, struct ceremony_result *result)
{
    struct agent *agent = context;
    keeper_card_token(agent->keeper, origin, result);
}

static void on_assertion(void *context, const struct webauthn_made *made)
{
    struct agent *agent = context;
    keeper_assertion(agent->keeper, made->origin, made->key, made->rp_id, made->credential_id,
                     made->plug);
}

/* ---- its life ---- */

/* What the session needs besides cards and people. False on fault (logged). */
static bool open_surroundings(struct agent *agent)
{
    char state[PATH_MAX], ends[PATH_MAX];
    bool home = state_folder_path("", state, sizeof state) == 0 &&
                state_folder_path("ends", ends, sizeof ends) == 0;
    if (home)
        audit_file_open(state);
    else
        log_warning("no home folder: nothing is remembered beyond this process");
    agent->http = http_new(agent->loop);
    if (agent->http)
        agent->cis = cis_new(agent->loop, agent->http, agent->config);
    if (agent->cis)
        agent->ends = end_queue_new(agent->loop, agent->cis, agent->config, home ? ends : NULL,
                                    on_ends_changed, agent);
    agent->desktop = desktop_new(agent->loop, agent->config, on_desktop, agent);
    if (agent->desktop)
        agent->expiry = expiry_new(agent->cards, agent->desktop, home ? state : NULL);
    return agent->ends && agent->expiry;
}

static bool open_keys(struct agent *agent)
{
    const struct config *config = agent->config;
    if (config->keys_enabled) {
        agent->key_watch =
            key_watch_new(agent->loop, config->keys_redirect, on_keys_changed, agent);
        if (!agent->key_watch)
            return false;
    }
    agent->key_works = key_works_new(agent->loop, agent->helpers, agent->key_watch, config);
    if (agent->key_works)
        agent->key_upkeep = key_upkeep_new(agent->key_works, agent->key_watch);
    if (agent->key_upkeep)
        agent->webauthns = webauthns_new(agent->key_works, config, on_assertion, agent);
    return agent->webauthns;
}

/* The doors stand already, since what an earlier agent has sealed is told at once. */
static bool open_session(struct agent *agent)
{
    struct keeper_setup setup = {
        .loop = agent->loop,
        .helpers = agent->helpers,
        .config = agent->config,
        .issuers = agent->issuers,
        .cards = agent->cards,
        .ceremonies = agent->ceremonies,
        .keys = agent->key_watch,
        .key_works = agent->key_watch ? agent->key_works : NULL,
        .cis = agent->cis,
        .desktop = agent->desktop,
        .seal = agent->seal,
        .ends = agent->ends,
        .changed = on_session_changed,
        .context = agent,
    };
    agent->keeper = keeper_new(&setup);
    return agent->keeper != NULL;
}

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
    agent->seal =
        seal_new(); /* before there are threads: it takes variables out of the environment */
    if (!agent->seal)
        return NULL;
    agent->helpers = helpers_new(loop, setup->helper_folder);
    if (!agent->helpers)
        return NULL;
    agent->cards = cards_new(loop, agent->helpers, agent->config, on_cards_changed, agent);
    if (!agent->cards)
        return NULL;
    agent->seat_watch = seat_watch_new(loop, on_seats_changed, agent);
    if (!agent->seat_watch)
        return NULL;
    agent->ceremonies =
        ceremonies_new(loop, agent->helpers, agent->cards, agent->config, agent->issuers);
    if (!agent->ceremonies)
        return NULL;
    agent->sign_ins = sign_ins_new(agent->ceremonies, agent->config, on_card_token, agent);
    agent->card_upkeep =
        card_upkeep_new(loop, agent->helpers, agent->cards, agent->ceremonies, agent->config);
    if (!agent->sign_ins || !agent->card_upkeep || !open_keys(agent) || !open_surroundings(agent))
        return NULL;

    struct doors_config doors = {
        .native_path = setup->native_path,
        .native_fd = setup->native_fd,
        .broker_path = agent->config->broker_socket,
        .origins = agent->config->origins.at,
    };
    agent->service = (struct service){
        .context = agent,
        .sign_in = serve_sign_in,
        .session_prove = serve_prove,
        .session_begin = serve_begin,
        .session_status = serve_session_status,
        .session_role = serve_role,
        .session_end = serve_end,
        .card_list = serve_card_list,
        .card_pin = serve_card_pin,
        .webauthn = serve_webauthn,
        .key_list = serve_key_list,
        .key_upkeep = serve_key_upkeep,
        .status = serve_status,
        .open_status = serve_open_status,
        .status_page = serve_status_page,
        .cancel = serve_cancel,
        .refused = serve_refused,
    };
    agent->doors = doors_open(loop, &doors, &agent->service);
    if (!agent->doors || !open_session(agent))
        return NULL;
    keep_spare(agent);
    return STEAL(agent);
}

void agent_free(struct agent **agent)
{
    struct agent *a = *agent;
    if (!a)
        return;
    /* Callers are answered while their connections still stand, then the doors close. */
    sign_ins_free(&a->sign_ins);
    card_upkeep_free(&a->card_upkeep);
    webauthns_free(&a->webauthns);
    if (a->helpers)
        helpers_keep_spare(a->helpers, HELPER_FIDO, NULL);
    key_upkeep_free(&a->key_upkeep);
    keeper_free(&a->keeper);
    ceremonies_free(&a->ceremonies);
    key_works_free(&a->key_works);
    doors_close(&a->doors);
    key_watch_free(&a->key_watch);
    expiry_free(&a->expiry);
    desktop_free(&a->desktop);
    seal_free(&a->seal);
    end_queue_free(&a->ends);
    cis_free(&a->cis);
    http_free(&a->http);
    audit_file_close();
    cards_free(&a->cards);
    seat_watch_free(&a->seat_watch);
    helpers_free(&a->helpers);
    free(a->findings);
    free(a);
    *agent = NULL;
}

/* Everything holds on to the struct; who has made something of it is told. The session first: what
 * it says at its end goes to pages that are cut off next. */
int agent_reconfigure(struct agent *agent, struct config *fresh, struct issuers *fresh_issuers,
                      struct config_reporter report)
{
    int r = config_replace(agent->config, fresh, report);
    if (r < 0)
        return log_fault(-r, "configuration");
    issuers_swap(agent->issuers, fresh_issuers);
    log_set_level(agent->config->log_level);
    keeper_config_changed(agent->keeper);
    end_queue_config_changed(agent->ends);
    sign_ins_config_changed(agent->sign_ins);
    webauthns_config_changed(agent->webauthns);
    doors_set_origins(agent->doors, agent->config->origins.at);
    cards_config_changed(agent->cards);
    give_cards(agent);
    return 0;
}

int agent_run(struct agent *agent)
{
    return doors_run(agent->doors);
}
