/* SPDX-License-Identifier: MIT */
/*
 * What matters first stands first: who is signed in, and what is wrong. Every fact is in words as
 * well as in colour. Times are this computer's own, as the person sees them on its clock.
 */
#include "agent/status_page.h"

#include "agent/html.h"
#include "ipc/base/outcome.h"

#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--page:#f4f6f8;--sheet:#fff;--ink:#17202a;--soft:#4d5b69;"
    "--line:#d9e0e7;--link:#0b5394;--good:#0b6b3a;--good-bg:#e6f4ec;--warn:#7a4b00;"
    "--warn-bg:#fdf3dc;--bad:#a3161b;--bad-bg:#fdeaea;--calm:#33475b;--calm-bg:#e9eff5}"
    "@media (prefers-color-scheme:dark){:root{--page:#11161c;--sheet:#1a212a;--ink:#e7edf3;"
    "--soft:#a3b1bf;--line:#303b47;--link:#8cc4ff;--good:#8fdcae;--good-bg:#14301f;--warn:#f3cf86;"
    "--warn-bg:#33270c;--bad:#ffaaa8;--bad-bg:#3a1719;--calm:#c3d2e0;--calm-bg:#232d38}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--page);color:var(--ink);"
    "font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}"
    "main,header,footer{max-width:58rem;margin:0 auto;padding:0 1.25rem}"
    "header{padding-top:2rem;display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;align-items:baseline}"
    "h1{font-size:1.5rem;line-height:1.25;margin:0;flex:1 1 auto;letter-spacing:-.01em}"
    "header p{margin:0;color:var(--soft)}"
    "a{color:var(--link)}a:focus-visible,[tabindex]:focus-visible"
    "{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}"
    ".now{margin:1.25rem 0;padding:1.1rem 1.35rem;border-radius:12px;border-left:6px solid}"
    ".now p{margin:0}.now strong{font-size:1.2rem;display:block}"
    ".good{background:var(--good-bg);color:var(--good)}.warn{background:var(--warn-bg);"
    "color:var(--warn)}.bad{background:var(--bad-bg);color:var(--bad)}"
    ".calm{background:var(--calm-bg);color:var(--calm)}"
    ".now.good{border-color:var(--good)}.now.warn{border-color:var(--warn)}"
    ".now.bad{border-color:var(--bad)}.now.calm{border-color:var(--calm)}"
    "section{background:var(--sheet);border:1px solid var(--line);border-radius:12px;"
    "padding:1.1rem 1.35rem 1.25rem;margin:0 0 1.1rem}"
    "h2{font-size:1.1rem;margin:0 0 .6rem}h3{font-size:1rem;margin:1.1rem 0 .35rem}"
    "dl{margin:0}dl div{display:grid;grid-template-columns:minmax(9rem,14rem) 1fr;gap:.25rem 1rem;"
    "padding:.32rem 0;border-top:1px solid var(--line)}dl div:first-child{border-top:0}"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}"
    ".scroll{overflow-x:auto}dl+.scroll{margin-top:.9rem}table{border-collapse:collapse;width:100%;"
    "font-size:.94rem}"
    "caption{text-align:left;color:var(--soft);padding-bottom:.4rem}"
    "th,td{text-align:left;vertical-align:top;padding:.42rem .9rem .42rem 0;"
    "border-top:1px solid var(--line);overflow-wrap:anywhere}"
    "thead th{color:var(--soft);font-weight:600;border-top:0;white-space:nowrap}"
    "tbody th{font-weight:600}td.nowrap,th.nowrap{white-space:nowrap}"
    ".tag{display:inline-block;padding:.05rem .6rem;border-radius:99px;font-size:.86rem;"
    "font-weight:600;white-space:nowrap}"
    "p{margin:.35rem 0}.soft{color:var(--soft)}"
    "ul.plain{list-style:none;margin:0;padding:0}ul.plain>li{padding:.6rem 0;"
    "border-top:1px solid var(--line)}ul.plain>li:first-child{border-top:0;padding-top:0}"
    "code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}"
    "footer{color:var(--soft);font-size:.92rem;padding-bottom:2.5rem}"
    "@media (max-width:34rem){dl div{grid-template-columns:1fr;gap:0}}"
    "@media print{body{background:#fff}section,.now{break-inside:avoid}}";

static bool is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

enum moment { CLOCK, ENTRY, DATE };

static void put_time(struct bytes *out, time_t when, enum moment how)
{
    char text[64] = "";
    struct tm parts;
    if (!localtime_r(&when, &parts))
        return;
    if (how == CLOCK)
        strftime(text, sizeof text, "%H:%M:%S", &parts);
    else if (how == ENTRY)
        strftime(text, sizeof text, "%e %b, %H:%M:%S", &parts);
    else
        strftime(text, sizeof text, "%H:%M:%S on %e %B %Y", &parts);
    html_text(out, text);
}

static void begin(struct bytes *out, const char *id, const char *heading)
{
    html(out, "<section aria-labelledby=\"");
    html(out, id);
    html(out, "\"><h2 id=\"");
    html(out, id);
    html_between(out, "\">", heading, "</h2>\n");
}

static void tag(struct bytes *out, const char *class, const char *text)
{
    html(out, "<span class=\"tag ");
    html(out, class);
    html_between(out, "\">", text, "</span>");
}

/* id: what names the table; caption: markup; columns: ended by NULL. */
static void begin_table(struct bytes *out, const char *id, const char *caption,
                        const char *const *columns)
{
    html(out, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-labelledby=\"");
    html(out, id);
    html(out, "\"><table>");
    html(out, caption);
    html(out, "<thead><tr>");
    for (; *columns; columns++)
        html_between(out, "<th scope=\"col\">", *columns, "</th>");
    html(out, "</tr></thead><tbody>\n");
}

static void end_table(struct bytes *out)
{
    html(out, "</tbody></table></div>\n");
}

/* ---- at a glance ---- */

static const struct {
    const char *state, *class, *words;
} states[] = {
    {"none", "calm", "Nobody is signed in"},
    {"authenticating", "calm", "Somebody is being asked for card and PIN"},
    {"opening", "calm", "The sign-in service is asked"},
    {"active", "good", "Signed in"},
    {"checking", "calm", "Signed in; the card is being read again"},
    {"leaving", "warn", "The card is out; the session ends soon"},
    {"locked", "warn", "Locked: the card and its PIN open it again"},
    {"ended", "calm", "The session is over"},
};

static const char *state_words(const char *state, const char **class)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (is(state, states[i].state)) {
            *class = states[i].class;
            return states[i].words;
        }
    *class = "calm";
    return state;
}

static const struct finding_view *first_error(const struct findings *findings)
{
    for (size_t i = 0; findings && !findings->healthy && i < findings->count; i++)
        if (is(findings->at[i].severity, "error"))
            return &findings->at[i];
    return NULL;
}

static void put_glance(const struct status_page *page, struct bytes *out)
{
    const struct finding_view *error = first_error(page->findings);
    const char *class;
    const char *words = state_words(page->session->state, &class);
    html(out, "<div class=\"now ");
    html(out, class);
    html_between(out, "\"><p><strong>", words, "</strong>");
    if (page->session->live) {
        html_text(out, page->session->name ? page->session->name : page->session->uid);
        html(out, ", at ");
        html_text(out, page->session->provider);
    } else if (page->status->card_count + page->status->key_count > 0) {
        html(out, "A card or security key is in.");
    } else {
        html(out, "No smartcard and no security key is in.");
    }
    html(out, "</p></div>\n");
    if (!error)
        return;
    html_between(out, "<div class=\"now bad\"><p><strong>", error->meaning, "</strong>");
    html_text(out, error->cure);
    html_between(out, " (<code>", error->code, "</code>)</p></div>\n");
}

/* ---- the session ---- */

static void put_duration(struct bytes *out, const char *term, long long seconds)
{
    if (seconds < 0)
        html_row(out, term, "no limit");
    else if (seconds < 120)
        html_row_format(out, term, "%lld seconds", seconds);
    else if (seconds < 7200)
        html_row_format(out, term, "%lld minutes", seconds / 60);
    else
        html_row_format(out, term, "%lld hours %lld minutes", seconds / 3600, seconds % 3600 / 60);
}

static void put_session(const struct status_page *page, struct bytes *out)
{
    const struct session_view *s = page->session;
    const char *class;
    begin(out, "session", "Session");
    html(out, "<dl>");
    html_row(out, "State", state_words(s->state, &class));
    if (s->live) {
        html_row(out, "Person", s->name);
        html_row(out, "Role", s->role ? s->role->name : "none chosen");
        html_row(out, "Organisation", s->role ? s->role->organisation : NULL);
        put_duration(out, "Ends in", s->expires_in);
        put_duration(out, "Ends without use in", s->idle_in);
        html_row(out, "Card or key", s->card ? "in" : "out");
        html_row(out, "Sign-in service", s->reachable ? "answered last time" : "cannot be reached");
    }
    if (s->pending_ends > 0)
        html_row_format(out, "Ends to be told",
                        "%zu: the sign-in service has not heard of them yet", s->pending_ends);
    html(out, "</dl>\n</section>\n");
}

static void put_roles(const struct session_view *s, struct bytes *out)
{
    if (!s->live || s->role_count == 0)
        return;
    begin(out, "roles", "Roles");
    begin_table(out, "roles", "",
                (const char *const[]){"Role", "Organisation", "Code", "In use", NULL});
    for (size_t i = 0; i < s->role_count; i++) {
        const struct role_view *role = &s->roles[i];
        html_between(out, "<tr><th scope=\"row\">", role->name, "</th>");
        html_between(out, "<td>", role->organisation, "</td>");
        html_between(out, "<td><code>", role->code, "</code></td><td>");
        if (s->role && is(s->role->id, role->id))
            tag(out, "good", "yes");
        else
            html(out, "no");
        html(out, "</td></tr>\n");
    }
    end_table(out);
    html(out, "</section>\n");
}

/* ---- claims ---- */

struct meaning {
    const char *value, *words;
};

static const char *meaning_of(const struct meaning *table, size_t count, const char *value)
{
    for (size_t i = 0; value && i < count; i++)
        if (strncmp(value, table[i].value, strlen(table[i].value)) == 0)
            return table[i].words;
    return value ? "Not a value that Lanyard knows. It makes no difference to Lanyard."
                 : "Not said.";
}

static void put_claim(struct bytes *out, const char *name, const char *value, const char *meaning)
{
    html_between(out, "<tr><th scope=\"row\" class=\"nowrap\"><code>", name, "</code></th>");
    html_between(out, "<td><code>", value, "</code></td>");
    html_between(out, "<td>", meaning, "</td></tr>\n");
}

static void put_assurance(const struct session_view *s, struct bytes *out)
{
    static const struct meaning acrs[] = {
        {"AAL3", "Assurance level 3: a card or key that cannot be copied, and its PIN."},
        {"AAL2_OR_AAL3", "Assurance level 2 or 3: two factors."},
        {"AAL2", "Assurance level 2: two factors."},
        {"AAL1", "Assurance level 1: a password, or something like it."},
    };
    static const struct meaning amrs[] = {
        {"sc", "A smartcard."},
        {"swk", "A key that software holds."},
        {"hwk", "A key that a device holds."},
        {"pin", "Its PIN was typed."},
        {"user", "The person was there and touched it."},
        {"fpt", "A finger was shown."},
        {"mfa", "More than one factor."},
        {"N3_SMARTCARD", "An NHS smartcard."},
        {"CIS2_SMARTCARD", "An NHS smartcard."},
        {"FIDO2", "A security key."},
        {"pop", "A key was proved to be there."},
    };
    put_claim(out, "acr", s->acr, meaning_of(acrs, sizeof acrs / sizeof *acrs, s->acr));
    for (size_t i = 0; i < s->amr_count; i++)
        put_claim(out, "amr", s->amr[i], meaning_of(amrs, sizeof amrs / sizeof *amrs, s->amr[i]));
}

static void put_claims(const struct status_page *page, struct bytes *out)
{
    const struct session_view *s = page->session;
    char text[64];
    if (!s->live)
        return;
    begin(out, "claims", "What the sign-in service has said");
    begin_table(out, "claims", "",
                (const char *const[]){"Claim", "Value", "How it was understood", NULL});
    put_claim(out, "uid", s->uid, "Who it is. It never changes while the session lasts.");
    put_claim(out, "name", s->name,
              s->name ? "For people to read. Nothing depends on it." : "Not said.");
    put_claim(out, "sid", s->sid, "The session's name. Without its key it opens nothing.");
    put_assurance(s, out);
    snprintf(text, sizeof text, "%lld", s->auth_time);
    char when[96] = "When the PIN was typed last";
    struct tm parts;
    time_t typed = (time_t)s->auth_time;
    if (localtime_r(&typed, &parts))
        strftime(when, sizeof when, "The PIN was typed last at %H:%M:%S on %e %B.", &parts);
    put_claim(out, "auth_time", text, when);
    put_claim(out, "role", s->role ? s->role->id : NULL,
              s->role ? "The role that is in use, of those below." : "No role is chosen.");
    snprintf(text, sizeof text, "%lld", s->expires_in);
    put_claim(out, "expires_in", text,
              "Seconds that are left: the shorter of the service's and this computer's limit.");
    end_table(out);
    html(out, "</section>\n");
}

/* ---- what is plugged in ---- */

static void put_days(struct bytes *out, long days)
{
    char text[48];
    if (days < 0) {
        tag(out, "bad", "expired");
        return;
    }
    snprintf(text, sizeof text, "%ld day%s left", days, days == 1 ? "" : "s");
    tag(out, days <= 90 ? "warn" : "good", text);
}

static void put_certificates(const struct card_view *card, size_t number, struct bytes *out)
{
    char label[32];
    snprintf(label, sizeof label, "card-%zu", number);
    begin_table(
        out, label, "",
        (const char *const[]){"Certificate for", "Person", "Valid until", "Signs in", NULL});
    for (size_t i = 0; i < card->certificate_count; i++) {
        const struct certificate_view *c = &card->certificates[i];
        char until[11];
        snprintf(until, sizeof until, "%.10s", c->not_after);
        html_between(out, "<tr><th scope=\"row\">", c->use, "</th>");
        html_between(out, "<td>", c->uid ? c->uid : c->subject, "</td>");
        html_between(out, "<td>", until, " ");
        put_days(out, c->days_left);
        html(out, "</td><td>");
        if (c->chosen)
            tag(out, "good", "yes");
        else if (c->problem)
            html_text(out, outcome_sentence(outcome_from_reason(c->problem)));
        else
            html(out, "no");
        html(out, "</td></tr>\n");
    }
    end_table(out);
}

static void put_card(const struct card_view *card, size_t number, struct bytes *out)
{
    char heading[48];
    snprintf(heading, sizeof heading, "<h3 id=\"card-%zu\">", number);
    html_between(out, heading, card->label, "</h3>\n<dl>");
    html_row(out, "In reader", card->reader);
    html_row(out, "Card number", card->serial);
    if (is(card->pin_state, "blocked"))
        html_row(out, "PIN", "blocked: its PUK, or your Registration Authority, unblocks it");
    else if (card->tries_left >= 0)
        html_row_format(out, "PIN", "%d tries left%s", card->tries_left,
                        card->pin_pad ? ", typed on the reader's keys" : "");
    else
        html_row(out, "PIN", is(card->pin_state, "final") ? "the last try" : "in order");
    html_row(out, "Card software", card->module);
    html(out, "</dl>\n");
    put_certificates(card, number, out);
}

static const char *reader_words(const char *state)
{
    static const struct meaning words[] = {
        {"empty", "no card in it"},
        {"card", "a card is in"},
        {"unreadable", "a card is in that cannot be read: take it out, wipe it, put it in again"},
        {"unavailable", "another program has it, or it is broken"},
    };
    return meaning_of(words, sizeof words / sizeof *words, state);
}

static void put_outcome(struct bytes *out, int outcome)
{
    char code[16];
    snprintf(code, sizeof code, "LY-%d", outcome);
    html_between(out, "<p>", outcome_sentence(outcome), " ");
    html_text(out, outcome_advice(outcome));
    html_between(out, " (<code>", code, "</code>)</p>\n");
}

static void put_readers(const struct status_page *page, struct bytes *out)
{
    const struct card_list *list = page->cards;
    begin(out, "cards", "Readers and smartcards");
    const char *withheld = page->status->readers_withheld;
    if (withheld)
        put_outcome(out, outcome_from_reason(withheld));
    else if (!is(page->status->reader_service, "up"))
        html(out, "<p>This computer's smartcard service is not running.</p>\n");
    else if (list->reader_count == 0)
        html(out, "<p>No smartcard reader is connected.</p>\n");
    if (list->reader_count > 0)
        html(out, "<dl>");
    for (size_t i = 0; i < list->reader_count; i++)
        html_row(out, list->readers[i].name, reader_words(list->readers[i].state));
    if (list->reader_count > 0)
        html(out, "</dl>\n");
    for (size_t i = 0; i < list->card_count; i++)
        put_card(&list->cards[i], i + 1, out);
    html(out, "</section>\n");
}

static void put_keys(const struct key_list *keys, struct bytes *out)
{
    begin(out, "keys", "Security keys");
    if (keys->count == 0) {
        html(out, "<p>No security key is connected.</p></section>\n");
        return;
    }
    html(out, "<dl>");
    for (size_t i = 0; i < keys->count; i++)
        html_row_format(out, keys->keys[i].name, "%s%s", keys->keys[i].path,
                        keys->keys[i].session ? " (the session hangs on it)" : "");
    html(out, "</dl></section>\n");
}

/* ---- what doctor found ---- */

static void put_finding(const struct finding_view *f, struct bytes *out)
{
    bool error = is(f->severity, "error"), warning = is(f->severity, "warning");
    html(out, "<li>");
    tag(out, error ? "bad" : warning ? "warn" : "calm", f->severity);
    html_between(out, " <code>", f->code, "</code>");
    html_between(out, "<p><strong>", f->meaning, "</strong></p>");
    if (f->detail[0] && !is(f->detail, f->meaning))
        html_between(out, "<p class=\"soft\">", f->detail, "</p>");
    html_between(out, "<p>", f->cure, "</p></li>\n");
}

static void put_findings(const struct status_page *page, struct bytes *out)
{
    const struct findings *findings = page->findings;
    begin(out, "checks", "What lanyard doctor has found");
    if (!findings) {
        html(out, "<p>Not checked yet. <a href=\"\">Load this page again</a> in a few "
                  "seconds.</p></section>\n");
        return;
    }
    html(out, "<p class=\"soft\">Checked at ");
    put_time(out, page->checked, CLOCK);
    html(out, ".</p>\n");
    if (findings->count == 0)
        html(out, "<p>Everything that a sign-in needs is in order.</p>\n");
    else
        html(out, "<ul class=\"plain\">\n");
    for (size_t i = 0; i < findings->count; i++)
        put_finding(&findings->at[i], out);
    if (findings->count > 0)
        html(out, "</ul>\n");
    html(out, "</section>\n");
}

/* ---- what happened ---- */

static void put_recent(const struct status_page *page, struct bytes *out)
{
    begin(out, "recent", "What happened last");
    if (page->recent_count == 0) {
        html(out, "<p>Nothing since the agent started. <code>lanyard audit</code> lists what was "
                  "before.</p></section>\n");
        return;
    }
    begin_table(
        out, "recent",
        "<caption>The newest first, since the agent started; <code>lanyard audit</code> has all."
        "</caption>",
        (const char *const[]){"When", "What", "How it ended", "Of whom, where, why", NULL});
    for (size_t i = 0; i < page->recent_count; i++) {
        const struct audit_recent *entry = &page->recent[i];
        html(out, "<tr><td class=\"nowrap\">");
        put_time(out, entry->when, ENTRY);
        html_between(out, "</td><th scope=\"row\" class=\"nowrap\">", entry->event, "</th><td>");
        tag(out, entry->code[0] ? "warn" : "good", entry->outcome);
        if (entry->code[0])
            html_between(out, " <code>", entry->code, "</code>");
        html_between(out, "</td><td>", entry->about, "</td></tr>\n");
    }
    end_table(out);
    html(out, "</section>\n");
}

static void put_agent(const struct status_page *page, struct bytes *out)
{
    const struct agent_status *status = page->status;
    begin(out, "agent", "The agent");
    html(out, "<dl>");
    html_row(out, "Version", LANYARD_VERSION);
    html_row(out, "Smartcard service",
             is(status->reader_service, "up") ? "running" : "not running");
    for (size_t i = 0; i < status->module_count; i++)
        html_row_format(out, "Card software", "%s: %s%s%s", status->modules[i].path,
                        status->modules[i].state, status->modules[i].detail ? ", " : "",
                        status->modules[i].detail ? status->modules[i].detail : "");
    html_row_format(out, "Sign-ins that wait", "%zu", status->operation_count);
    html(out, "</dl></section>\n");
}

void status_page_make(const struct status_page *page, struct bytes *out)
{
    html(out, "<!DOCTYPE html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\">"
              "<title>Lanyard: what it sees</title>"
              "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
              "<meta name=\"color-scheme\" content=\"light dark\">"
              "<link rel=\"icon\" href=\"data:,\"><style nonce=\"");
    html(out, page->nonce);
    html(out, "\">");
    html(out, style);
    html(out, "</style></head>\n<body><header><h1>Lanyard on this computer</h1><p>As of ");
    put_time(out, page->now, DATE);
    html(out, ". <a href=\"\">Look again</a></p></header>\n<main>\n");
    put_glance(page, out);
    put_session(page, out);
    put_claims(page, out);
    put_roles(page->session, out);
    put_readers(page, out);
    put_keys(page->keys, out);
    put_findings(page, out);
    put_recent(page, out);
    put_agent(page, out);
    html(out,
         "</main>\n<footer><p>This page only shows; nothing can be changed here. It is open to "
         "this browser for a quarter of an hour. Your service desk may ask you to read a code "
         "such as <code>LY-1004</code> from it.</p></footer></body></html>\n");
}
