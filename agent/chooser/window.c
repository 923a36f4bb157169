/* SPDX-License-Identifier: MIT */
/*
 * One window, one question. Whatever happens first answers it: a choice, a cancellation, the end of
 * its time. From then on nothing counts any more, and the process ends.
 *
 * The focus is in the list, where the arrows are and where a screen reader reads each item as it is
 * reached. A letter typed there moves to the search field by itself; an arrow typed in the field
 * moves back to the list.
 *
 * GTK draws without the graphics card: for a list that changes nothing to see, and no driver has to
 * be loaded before the window shows.
 */
#include "agent/chooser/window.h"

#include "agent/chooser/raise.h"
#include "agent/chooser/row.h"
#include "agent/chooser/text.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <stdio.h>

enum {
    ITEMS_IN_SIGHT = 5, /* so many are found without a search */
    WIDTH_LETTERS = 60, /* the window grows with the person's letters, */
    WIDTH_MIN = 520,    /* between these, in pixels, */
    WIDTH_MAX = 860,    /* so that it fits a small screen */
    LIST_HEIGHT_MAX = 400,
};

static const char style[] =
    ".question { padding: 24px; }\n"
    ".question > .heading { font-size: 1.35em; font-weight: 700; }\n"
    ".question > .subject { opacity: 0.75; margin-top: 4px; }\n"
    ".question > entry { margin-top: 18px; }\n"
    ".question > scrolledwindow { margin-top: 12px; border-radius: 8px; }\n"
    ".question > .footer { margin-top: 18px; }\n"
    ".question list row { padding: 10px 14px; border-radius: 0; }\n"
    ".question list row:not(:first-child) { border-top: 1px solid alpha(currentColor, 0.12); }\n"
    ".question list row:selected {\n"
    "  background: alpha(@theme_selected_bg_color, 0.16);\n"
    "  color: @theme_fg_color;\n"
    "  box-shadow: inset 4px 0 @theme_selected_bg_color;\n"
    "}\n"
    ".role-name { font-weight: 600; }\n"
    ".role-place, .role-code, .count, .none { opacity: 0.75; }\n"
    ".role-code { font-feature-settings: 'tnum'; font-size: 0.9em; }\n"
    ".role-current {\n"
    "  font-size: 0.8em; font-weight: 600; padding: 1px 8px; border-radius: 99px;\n"
    "  background: alpha(currentColor, 0.12);\n"
    "}\n"
    ".none { padding: 36px; }\n";

/* What the window says, by what is asked. */
struct words {
    const char *title, *heading, *several, *missing, *search, *searched, *nameless, *current;
};

static const struct words words[] = {
    [CHOOSER_ROLE] = {.title = "Lanyard: choose your role",
                      .heading = "Which role are you working in?",
                      .several = "roles",
                      .missing = "No role has all of these words.",
                      .search = "Search roles",
                      .searched = "By name, organisation or code",
                      .nameless = "A role without a name",
                      .current = "Your current role"},
    [CHOOSER_ACCOUNT] = {.title = "Lanyard: choose an account",
                         .heading = "Which account do you want to sign in with?",
                         .several = "accounts",
                         .missing = "No account has all of these words.",
                         .search = "Search accounts",
                         .searched = "By name",
                         .nameless = "An account without a name",
                         .current = "Your current account"},
};

struct window {
    const struct chooser_question *question;
    const struct words *words;
    struct chooser_answer *answer;
    GMainLoop *loop;
    GtkWindow *top;
    GtkListBox *list;
    GtkWidget *search; /* NULL with few items */
    GtkWidget *none;   /* shown when none is found */
    GtkLabel *count;
    GtkWidget *choose;
    guint tick; /* of the list, which has to be scrolled; 0: has been */
    int ticks;  /* since something was marked */
};

/* ---- the answer ---- */

static void give(struct window *w, int result, uint16_t item)
{
    if (!g_main_loop_is_running(w->loop))
        return;
    *w->answer = (struct chooser_answer){.result = (uint32_t)result, .item = item};
    g_main_loop_quit(w->loop);
}

static void cancel(struct window *w)
{
    give(w, OUTCOME_CANCELLED, 0);
}

/* What is taken is what is marked and in sight, and nothing else. */
static void choose(struct window *w)
{
    GtkListBoxRow *row = gtk_list_box_get_selected_row(w->list);
    if (row && gtk_widget_get_visible(GTK_WIDGET(row)))
        give(w, OUTCOME_OK, (uint16_t)gtk_list_box_row_get_index(row));
}

static gboolean on_time_over(gpointer context)
{
    give(context, OUTCOME_TIMED_OUT, 0);
    return G_SOURCE_REMOVE;
}

static gboolean on_close(GtkWindow *top, gpointer context)
{
    (void)top;
    cancel(context);
    return TRUE;
}

static gboolean on_escape(GtkWidget *widget, GVariant *arguments, gpointer context)
{
    (void)widget;
    (void)arguments;
    cancel(context);
    return TRUE;
}

/* ---- the list ---- */

static const char *typed(const struct window *w)
{
    return w->search ? gtk_editable_get_text(GTK_EDITABLE(w->search)) : "";
}

static void on_selected(GtkListBox *list, GtkListBoxRow *row, gpointer context)
{
    (void)list;
    struct window *w = context;
    gtk_widget_set_sensitive(w->choose, row != NULL);
}

/* GTK would mark an item and take it with the same Enter. */
static gboolean on_list_key(GtkEventControllerKey *keys, guint key, guint code,
                            GdkModifierType state, gpointer context)
{
    (void)keys;
    (void)code;
    (void)state;
    struct window *w = context;
    GtkWidget *row = gtk_root_get_focus(GTK_ROOT(w->top));
    bool enter = key == GDK_KEY_Return || key == GDK_KEY_KP_Enter || key == GDK_KEY_ISO_Enter;
    if (!enter || gtk_list_box_get_selected_row(w->list) || !GTK_IS_LIST_BOX_ROW(row))
        return FALSE;
    gtk_list_box_select_row(w->list, GTK_LIST_BOX_ROW(row));
    return TRUE;
}

/* A frame's ticks come before its layout, so the first one still sees the list as it was. */
static gboolean scroll(GtkWidget *list, GdkFrameClock *clock, gpointer context)
{
    (void)clock;
    struct window *w = context;
    GtkWidget *row = GTK_WIDGET(gtk_list_box_get_selected_row(w->list));
    graphene_rect_t place = GRAPHENE_RECT_INIT(0, 0, 0, 0);
    if (w->ticks++ == 0 || gtk_widget_get_height(list) == 0)
        return G_SOURCE_CONTINUE;
    GtkAdjustment *vertical = gtk_list_box_get_adjustment(w->list);
    double spare = gtk_adjustment_get_page_size(vertical);
    if (row && gtk_widget_compute_bounds(row, list, &place))
        spare -= place.size.height;
    gtk_adjustment_set_value(vertical, place.origin.y - spare / 2);
    w->tick = 0;
    return G_SOURCE_REMOVE;
}

/* NULL: none. The list is scrolled so that it stands in the middle, or else to its beginning. */
static void mark(struct window *w, GtkListBoxRow *row)
{
    gtk_list_box_select_row(w->list, row);
    w->ticks = 0;
    if (w->tick == 0)
        w->tick = gtk_widget_add_tick_callback(GTK_WIDGET(w->list), scroll, w, NULL);
}

/* NULL when none is chosen yet. */
static GtkListBoxRow *current_row(const struct window *w)
{
    bool chosen = w->question->current < w->question->item_count;
    return chosen ? gtk_list_box_get_row_at_index(w->list, w->question->current) : NULL;
}

static void say_count(struct window *w, size_t shown)
{
    char text[64];
    size_t all = w->question->item_count;
    if (typed(w)[0] == '\0')
        snprintf(text, sizeof text, "%zu %s", all, w->words->several);
    else if (shown == 0)
        snprintf(text, sizeof text, "None of %zu %s", all, w->words->several);
    else
        snprintf(text, sizeof text, "%zu of %zu %s", shown, all, w->words->several);
    gtk_label_set_text(w->count, text);
}

/* What is typed marks the first item that is left; without words it is as it was at first. Rows are
 * hidden rather than filtered, since a screen reader is told of that. */
static void on_typed(GtkEditable *search, gpointer context)
{
    struct window *w = context;
    GtkListBoxRow *first = NULL, *row;
    size_t shown = 0;
    for (int i = 0; (row = gtk_list_box_get_row_at_index(w->list, i)); i++) {
        bool found = row_matches(row, typed(w));
        gtk_widget_set_visible(GTK_WIDGET(row), found);
        if (found && shown++ == 0)
            first = row;
    }
    gtk_widget_set_visible(w->none, shown == 0);
    mark(w, typed(w)[0] != '\0' ? first : current_row(w));
    say_count(w, shown);
    GtkText *text = GTK_TEXT(gtk_editable_get_delegate(search));
    if (!gtk_widget_has_focus(GTK_WIDGET(text)))
        gtk_text_grab_focus_without_selecting(text);
}

/* An arrow in the search field: into the list, at the item beside the one that is marked. */
static gboolean on_search_key(GtkEventControllerKey *keys, guint key, guint code,
                              GdkModifierType state, gpointer context)
{
    (void)keys;
    (void)code;
    struct window *w = context;
    bool plain = (state & gtk_accelerator_get_default_mod_mask()) == 0;
    bool down = key == GDK_KEY_Down || key == GDK_KEY_KP_Down;
    bool up = key == GDK_KEY_Up || key == GDK_KEY_KP_Up;
    GtkListBoxRow *row = gtk_list_box_get_selected_row(w->list);
    if (!plain || !(down || up) || !row)
        return FALSE;
    int at = gtk_list_box_row_get_index(row), step = down ? 1 : -1;
    GtkListBoxRow *next;
    while ((next = gtk_list_box_get_row_at_index(w->list, at += step)) &&
           !gtk_widget_get_visible(GTK_WIDGET(next)))
        continue;
    if (next)
        row = next;
    gtk_list_box_select_row(w->list, row);
    gtk_widget_grab_focus(GTK_WIDGET(row));
    return TRUE;
}

/* ---- the window ---- */

static GtkWidget *label_new(const char *text, const char *class)
{
    GtkWidget *label = gtk_label_new(text);
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_widget_add_css_class(label, class);
    return label;
}

/* Before the widget itself gets them. */
static void watch_keys(GtkWidget *widget, GCallback pressed, struct window *w)
{
    GtkEventController *keys = gtk_event_controller_key_new();
    gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
    g_signal_connect(keys, "key-pressed", pressed, w);
    gtk_widget_add_controller(widget, keys);
}

static GtkWidget *list_new(struct window *w, GtkWidget *heading)
{
    GtkWidget *list = gtk_list_box_new();
    w->list = GTK_LIST_BOX(list);
    gtk_list_box_set_selection_mode(w->list, GTK_SELECTION_BROWSE);
    gtk_list_box_set_activate_on_single_click(w->list, FALSE);
    for (size_t i = 0; i < w->question->item_count; i++)
        gtk_list_box_append(w->list, row_new(&w->question->items[i], w->words->nameless,
                                             i == w->question->current ? w->words->current : NULL));
    w->none = label_new(w->words->missing, "none");
    gtk_widget_set_halign(w->none, GTK_ALIGN_CENTER);
    gtk_widget_set_visible(w->none, FALSE);
    gtk_list_box_set_placeholder(w->list, w->none);
    gtk_accessible_update_relation(GTK_ACCESSIBLE(list), GTK_ACCESSIBLE_RELATION_LABELLED_BY,
                                   heading, NULL, -1);
    g_signal_connect(list, "row-selected", G_CALLBACK(on_selected), w);
    g_signal_connect_swapped(list, "row-activated", G_CALLBACK(choose), w);
    watch_keys(list, G_CALLBACK(on_list_key), w);

    GtkWidget *scrolled = gtk_scrolled_window_new();
    GtkScrolledWindow *window = GTK_SCROLLED_WINDOW(scrolled);
    gtk_scrolled_window_set_child(window, list);
    gtk_scrolled_window_set_has_frame(window, TRUE);
    gtk_scrolled_window_set_policy(window, GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
    gtk_scrolled_window_set_propagate_natural_height(window, TRUE);
    gtk_scrolled_window_set_max_content_height(window, LIST_HEIGHT_MAX);
    if (w->search) /* the window keeps its size while the list shrinks */
        gtk_scrolled_window_set_min_content_height(window, LIST_HEIGHT_MAX);
    gtk_list_box_set_adjustment(w->list, gtk_scrolled_window_get_vadjustment(window));
    gtk_widget_set_overflow(scrolled, GTK_OVERFLOW_HIDDEN); /* at the rounded corners */
    gtk_widget_set_vexpand(scrolled, TRUE);
    return scrolled;
}

static GtkWidget *search_new(struct window *w)
{
    w->search = gtk_search_entry_new();
    gtk_search_entry_set_key_capture_widget(GTK_SEARCH_ENTRY(w->search), GTK_WIDGET(w->top));
    g_object_set(w->search, "placeholder-text", "Search", NULL);
    gtk_accessible_update_property(GTK_ACCESSIBLE(w->search), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                   w->words->search, GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                   w->words->searched, -1);
    g_signal_connect(w->search, "changed", G_CALLBACK(on_typed), w);
    g_signal_connect_swapped(w->search, "activate", G_CALLBACK(choose), w);
    g_signal_connect_swapped(w->search, "stop-search", G_CALLBACK(cancel), w);
    watch_keys(w->search, G_CALLBACK(on_search_key), w);
    return w->search;
}

/* Without mnemonics: GTK 4.8 has a screen reader read them out. */
static GtkWidget *button_new(const char *text, GCallback clicked, struct window *w)
{
    GtkWidget *button = gtk_button_new_with_label(text);
    g_signal_connect_swapped(button, "clicked", clicked, w);
    return button;
}

static GtkWidget *footer_new(struct window *w)
{
    GtkWidget *footer = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
    gtk_widget_add_css_class(footer, "footer");
    GtkWidget *count = g_object_new(GTK_TYPE_LABEL, "accessible-role", GTK_ACCESSIBLE_ROLE_STATUS,
                                    "xalign", 0.0, "hexpand", TRUE, NULL);
    gtk_widget_add_css_class(count, "count");
    w->count = GTK_LABEL(count);
    gtk_box_append(GTK_BOX(footer), count);
    GtkWidget *no = button_new("Cancel", G_CALLBACK(cancel), w);
    gtk_box_append(GTK_BOX(footer), no);
    w->choose = button_new("Choose", G_CALLBACK(choose), w);
    gtk_widget_add_css_class(w->choose, "suggested-action");
    gtk_widget_set_sensitive(w->choose, FALSE);
    gtk_box_append(GTK_BOX(footer), w->choose);
    return footer;
}

static int width(GtkWidget *widget)
{
    PangoContext *context = gtk_widget_get_pango_context(widget);
    PangoFontMetrics *metrics = pango_context_get_metrics(context, NULL, NULL);
    int letter = PANGO_PIXELS(pango_font_metrics_get_approximate_char_width(metrics));
    pango_font_metrics_unref(metrics);
    return CLAMP(letter * WIDTH_LETTERS, WIDTH_MIN, WIDTH_MAX);
}

static void build(struct window *w)
{
    w->top = g_object_new(GTK_TYPE_WINDOW, "accessible-role", GTK_ACCESSIBLE_ROLE_DIALOG, "title",
                          w->words->title, NULL);
    gtk_window_set_default_size(w->top, width(GTK_WIDGET(w->top)), -1);
    g_signal_connect(w->top, "close-request", G_CALLBACK(on_close), w);
    GtkEventController *shortcuts = gtk_shortcut_controller_new();
    gtk_shortcut_controller_add_shortcut(
        GTK_SHORTCUT_CONTROLLER(shortcuts),
        gtk_shortcut_new(gtk_keyval_trigger_new(GDK_KEY_Escape, 0),
                         gtk_callback_action_new(on_escape, w, NULL)));
    gtk_widget_add_controller(GTK_WIDGET(w->top), shortcuts);

    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
    gtk_widget_add_css_class(box, "question");
    GtkWidget *heading = label_new(w->words->heading, "heading");
    gtk_label_set_wrap(GTK_LABEL(heading), TRUE);
    gtk_box_append(GTK_BOX(box), heading);
    g_autofree char *subject = text_clean(w->question->subject);
    if (*subject) {
        GtkWidget *label = label_new(subject, "subject");
        gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
        gtk_widget_set_tooltip_text(label, subject);
        gtk_box_append(GTK_BOX(box), label);
    }
    if (w->question->item_count > ITEMS_IN_SIGHT)
        gtk_box_append(GTK_BOX(box), search_new(w));
    GtkWidget *footer = footer_new(w);
    gtk_box_append(GTK_BOX(box), list_new(w, heading));
    gtk_box_append(GTK_BOX(box), footer);
    gtk_window_set_child(w->top, box);
    say_count(w, w->question->item_count);
}

void window_ask(const struct chooser_question *question, struct chooser_answer *answer)
{
    *answer = (struct chooser_answer){.result = OUTCOME_PROMPT_UNAVAILABLE};
    g_set_prgname("lanyard-chooser");
    g_set_application_name("Lanyard");
    g_setenv("GSK_RENDERER", "cairo", FALSE);
    if (!gtk_init_check()) {
        log_warning("there is no display for the list");
        return;
    }
    g_autoptr(GtkCssProvider) provider = gtk_css_provider_new();
    gtk_css_provider_load_from_data(provider, style, -1);
    gtk_style_context_add_provider_for_display(gdk_display_get_default(),
                                               GTK_STYLE_PROVIDER(provider),
                                               GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
    struct window w = {.question = question, .words = &words[question->kind], .answer = answer};
    w.loop = g_main_loop_new(NULL, FALSE);
    build(&w);
    g_timeout_add_seconds(question->timeout_seconds, on_time_over, &w);
    GtkListBoxRow *current = current_row(&w), *first = gtk_list_box_get_row_at_index(w.list, 0);
    mark(&w, current);
    gtk_widget_grab_focus(GTK_WIDGET(current ? current : first));
    raise_window(w.top);
    g_main_loop_run(w.loop);
    gtk_window_destroy(w.top);
    g_main_loop_unref(w.loop);
}
