/* SPDX-License-Identifier: MIT */
/* Prints what the code says of the protocol's tables, for protocol.mjs: one row a line. */
#include "ipc/base/outcome.h"
#include "ipc/door/door.h"
#include "ipc/door/webauthn.h"

#include <stdio.h>

int main(void)
{
    for (size_t i = 0; i < door_method_count(); i++)
        printf("method\t%s\t%s\n", door_method_name(i),
               door_method_native_only(i) ? "native" : "both");
#define PRINT(name, number, reason, sentence, advice)                                              \
    printf("outcome\t%d\t%s\t%s\t%s\n", number, reason, sentence, advice);
    OUTCOME_TABLE(PRINT)
#undef PRINT
#define PRINT(name, number, reason, sentence, advice)                                              \
    printf("name\t%s\t%s\n", reason, webauthn_error_name(number));
    OUTCOME_TABLE(PRINT)
#undef PRINT
    return 0;
}
