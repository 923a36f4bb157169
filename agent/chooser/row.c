/* SPDX-License-Identifier: MIT */
/*
 * Each text has a label of its own, and a line of its own in the tooltip, so that one that runs
 * from right to left is laid out by itself and turns nothing around it (UAX #9: every paragraph
 * begins anew). Only for a screen reader, which has no layout, they stand in one string. A label
 * shows text; nothing here reads markup.
 */
#include "agent/chooser/row.h"

#include "agent/chooser/text.h"

static const char folded_key[] = "lanyard-folded", whole_key[] = "lanyard-whole";

enum { END_WIDTH = 28 }; /* characters; "R8000:G8000:R0260" and more */

static GtkWidget *label_new(const char *text, const char *class)
{
    GtkWidget *label = gtk_label_new(text);
    gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
    gtk_label_set_single_line_mode(GTK_LABEL(label), TRUE);
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_widget_add_css_class(label, class);
    return label;
}

/* Two texts side by side; the second gets the room that it needs, the first what is left. */
static GtkWidget *line_new(const char *text, const char *class, const char *end,
                           const char *end_class)
{
    GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
    GtkWidget *label = label_new(text, class);
    gtk_widget_set_hexpand(label, TRUE);
    gtk_box_append(GTK_BOX(line), label);
    if (*end) {
        label = label_new(end, end_class);
        gtk_label_set_width_chars(GTK_LABEL(label), MIN((int)g_utf8_strlen(end, -1), END_WIDTH));
        gtk_label_set_max_width_chars(GTK_LABEL(label), END_WIDTH);
        gtk_label_set_xalign(GTK_LABEL(label), 1);
        gtk_box_append(GTK_BOX(line), label);
    }
    return line;
}

/* The three texts, those that are said, with that between them. */
static char *join(const char *between, const char *name, const char *detail, const char *code)
{
    const char *first = *detail ? detail : *code ? code : NULL;
    const char *second = *detail && *code ? code : NULL;
    return g_strjoin(between, name, first, second, NULL);
}

/* Only for what is cut: a tooltip that repeats what stands there is in the way. */
static gboolean show_tooltip(GtkWidget *row, int x, int y, gboolean keyboard, GtkTooltip *tooltip,
                             gpointer context)
{
    (void)context;
    (void)x;
    (void)y;
    (void)keyboard;
    bool cut = false;
    GtkWidget *lines = gtk_list_box_row_get_child(GTK_LIST_BOX_ROW(row));
    for (GtkWidget *line = gtk_widget_get_first_child(lines); line;
         line = gtk_widget_get_next_sibling(line))
        for (GtkWidget *label = gtk_widget_get_first_child(line); label;
             label = gtk_widget_get_next_sibling(label))
            cut |= pango_layout_is_ellipsized(gtk_label_get_layout(GTK_LABEL(label)));
    if (cut)
        gtk_tooltip_set_text(tooltip, g_object_get_data(G_OBJECT(row), whole_key));
    return cut;
}

GtkWidget *row_new(const struct chooser_item *item, const char *nameless, const char *current)
{
    g_autofree char *said = text_clean(item->name);
    g_autofree char *detail = text_clean(item->detail);
    g_autofree char *code = text_clean(item->code);
    const char *name = *said ? said : nameless;

    GtkWidget *lines = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
    gtk_box_append(GTK_BOX(lines),
                   line_new(name, "role-name", current ? "Current" : "", "role-current"));
    gtk_box_append(GTK_BOX(lines), line_new(detail, "role-place", code, "role-code"));
    GtkWidget *row = gtk_list_box_row_new();
    gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(row), lines);

    g_autofree char *spoken = join(", ", name, detail, code);
    gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_LABEL, spoken,
                                   GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, current ? current : "", -1);
    g_object_set_data_full(G_OBJECT(row), whole_key, join("\n", name, detail, code), g_free);
    g_signal_connect(row, "query-tooltip", G_CALLBACK(show_tooltip), NULL);
    gtk_widget_set_has_tooltip(row, TRUE);
    g_autofree char *searched = g_strjoin("\n", said, detail, code, NULL);
    g_object_set_data_full(G_OBJECT(row), folded_key, text_fold(searched), g_free);
    return row;
}

bool row_matches(GtkListBoxRow *row, const char *typed)
{
    return text_matches(g_object_get_data(G_OBJECT(row), folded_key), typed);
}
