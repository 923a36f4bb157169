/* SPDX-License-Identifier: MIT */
/* A library, but no PKCS#11 module: it has no C_GetFunctionList. */

__attribute__((visibility("default"))) int not_a_module(void);

int not_a_module(void)
{
    return 42;
}
