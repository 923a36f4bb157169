/* SPDX-License-Identifier: MIT */
/* JSON values that cannot be made, read or written. The _new setters own their value even then. */
#include "tests/fuzz/fault.h"

#include <jansson.h>
#include <stdarg.h>

WRAP(json_loadb, json_t *, NULL, 0,
     (const char *text, size_t len, size_t flags, json_error_t *error), (text, len, flags, error))
WRAP(json_loads, json_t *, NULL, 0, (const char *text, size_t flags, json_error_t *error),
     (text, flags, error))
WRAP(json_dumps, char *, NULL, 0, (const json_t *value, size_t flags), (value, flags))
WRAP(json_dumpb, size_t, 0, 0, (const json_t *value, char *text, size_t len, size_t flags),
     (value, text, len, flags))
WRAP(json_dump_callback, int, -1, 0,
     (const json_t *value, json_dump_callback_t fn, void *context, size_t flags),
     (value, fn, context, flags))
WRAP(json_object, json_t *, NULL, 0, (void), ())
WRAP(json_array, json_t *, NULL, 0, (void), ())
WRAP(json_string, json_t *, NULL, 0, (const char *text), (text))
WRAP(json_stringn, json_t *, NULL, 0, (const char *text, size_t len), (text, len))
WRAP(json_integer, json_t *, NULL, 0, (json_int_t value), (value))
WRAP(json_deep_copy, json_t *, NULL, 0, (const json_t *value), (value))
WRAP_TAKING(json_object_set_new, int, -1, json_decref(value),
            (json_t * object, const char *key, json_t *value), (object, key, value))
WRAP_TAKING(json_array_append_new, int, -1, json_decref(value), (json_t * array, json_t *value),
            (array, value))

WRAP_BY_HAND(json_pack);
json_t *__wrap_json_pack(const char *format, ...);
json_t *__wrap_json_pack(const char *format, ...)
{
    /* What "o" hands over is released on failure too, which only jansson can do. */
    va_list arguments;
    va_start(arguments, format);
    json_t *value = json_vpack_ex(NULL, 0, format, arguments);
    va_end(arguments);
    if (fault_strikes()) {
        json_decref(value);
        value = NULL;
    }
    return value;
}
