/* SPDX-License-Identifier: MIT */
/*
 * A question that comes up behind the browser is never answered. A window manager gives the focus
 * to a window that was asked for later than the last key was pressed elsewhere, so the time of now
 * is what the window is presented with; and it keeps a window above the others when a message to
 * the root window says so (EWMH 1.5, _NET_WM_STATE) once the window is there.
 */
#include "agent/chooser/raise.h"

#include <gdk/x11/gdkx.h>

/* GTK marks all of its X11 calls as on the way out, and names nothing in their place. */
G_GNUC_BEGIN_IGNORE_DEPRECATIONS

static void keep_above(GdkDisplay *gdk_display, GdkSurface *surface)
{
    enum { ADD = 1, FROM_APPLICATION = 1 };
    Display *display = gdk_x11_display_get_xdisplay(gdk_display);
    XEvent event = {.xclient = {.type = ClientMessage,
                                .window = gdk_x11_surface_get_xid(surface),
                                .message_type = XInternAtom(display, "_NET_WM_STATE", False),
                                .format = 32}};
    event.xclient.data.l[0] = ADD;
    event.xclient.data.l[1] = (long)XInternAtom(display, "_NET_WM_STATE_ABOVE", False);
    event.xclient.data.l[3] = FROM_APPLICATION;
    XSendEvent(display, gdk_x11_display_get_xrootwindow(gdk_display), False,
               SubstructureRedirectMask | SubstructureNotifyMask, &event);
}

void raise_window(GtkWindow *window)
{
    gtk_widget_realize(GTK_WIDGET(window));
    GdkSurface *surface = gtk_native_get_surface(GTK_NATIVE(window));
    GdkDisplay *display = gdk_surface_get_display(surface);
    if (!GDK_IS_X11_DISPLAY(display)) {
        gtk_window_present(window);
        return;
    }
    guint32 now = gdk_x11_get_server_time(surface);
    gdk_x11_surface_set_user_time(surface, now);
    gtk_window_present_with_time(window, now);
    keep_above(display, surface);
}

G_GNUC_END_IGNORE_DEPRECATIONS
