/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_reference [FAULT]: the checker on the reference, which keeps the contract or has one fault.
 * check_reference --list: each fault, and the check that must fail.
 */
#include <string.h>

#include "reference.h"

#define NAME_AND_CHECK(fault, check) {#fault, check},

static const struct {
    const char *name, *check;
} faults[] = {REFERENCE_FAULTS(NAME_AND_CHECK)};

enum { NR_FAULTS = sizeof(faults) / sizeof(*faults) };

int main(int argc, char **argv)
{
    struct vmem_contract contract = {.output = stdout};
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 0; i < NR_FAULTS; i++)
            printf("%s\t%s\n", faults[i].name, faults[i].check);
        return 0;
    }
    for (int i = 0; argc == 2 && i < NR_FAULTS; i++)
        if (strcmp(argv[1], faults[i].name) == 0)
            reference_fault = (enum reference_fault)(i + 1);
    if (argc > 2 || (argc == 2 && reference_fault == NO_FAULT)) {
        fprintf(stderr, "check_reference [FAULT | --list]\n");
        return 2;
    }
    reference_memory(&contract);
    reference_host(&contract);
    return vmem_contract_check(&contract) != 0;
}
