/* SPDX-License-Identifier: MIT */
/*
 * mapped: prints the nanoseconds of CLOCK_MONOTONIC at which a window that covers the whole of
 * $DISPLAY's screen is mapped, for each of them: a locker's. "ready" is printed once it watches.
 */
#include <X11/Xlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* It may be gone by the time it is asked about. */
static int ignore(Display *display, XErrorEvent *error)
{
    (void)display;
    (void)error;
    return 0;
}

int main(void)
{
    Display *display = XOpenDisplay(NULL);
    if (!display) {
        fputs("mapped: no display\n", stderr);
        return EXIT_FAILURE;
    }
    XSetErrorHandler(ignore);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int screen = DefaultScreen(display);
    XSelectInput(display, RootWindow(display, screen), SubstructureNotifyMask);
    XSync(display, False);
    puts("ready");
    for (;;) {
        XEvent event;
        XNextEvent(display, &event);
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        XWindowAttributes window;
        if (event.type == MapNotify && XGetWindowAttributes(display, event.xmap.window, &window) &&
            window.width >= DisplayWidth(display, screen) &&
            window.height >= DisplayHeight(display, screen))
            printf("%lld\n", (long long)t.tv_sec * 1000000000 + t.tv_nsec);
    }
}
