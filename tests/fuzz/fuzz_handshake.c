/* SPDX-License-Identifier: MIT */
/* A page's head. The status page is for nobody here, since nobody has a pass. Whatever is let in
 * has a listed origin and a key that the rewritten head carries, and the rewritten head is let in
 * itself once it has host and origin. */
#include "ipc/base/cleanup.h"
#include "ipc/door/handshake.h"
#include "ipc/door/status_door.h"

#include <stdlib.h>
#include <string.h>

enum { PORT = 24290 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const origins[] = {"https://op.example", "http://localhost:3000", NULL};
    struct handshake out;
    static struct status_door door;
    CLEANUP(bytes_deinit) struct bytes reply = {0};
    if (status_door_answer(&door, NULL, (const char *)data, size, PORT, &reply))
        abort();
    (void)origin_canonical((const char *)data, size);
    if (handshake_judge((const char *)data, size, PORT, origins, &out) != HANDSHAKE_ACCEPTED)
        return 0;
    if (strcmp(out.origin, origins[0]) != 0 && strcmp(out.origin, origins[1]) != 0)
        abort();
    if (strlen(out.key) != HANDSHAKE_KEY_CHARACTERS ||
        !memmem(data, size, out.key, HANDSHAKE_KEY_CHARACTERS))
        abort();
    CLEANUP(bytes_deinit) struct bytes head = {0};
    if (handshake_rewrite(&out, &head) == 0 &&
        !memmem(head.data, head.len, out.key, HANDSHAKE_KEY_CHARACTERS))
        abort();
    return 0;
}
