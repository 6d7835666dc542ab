/* SPDX-License-Identifier: BSD-2-Clause */
/* Any short text; what is accepted is in range, and what is read lies in the text. */
#include "extras/slot/slot.c"
#include "lib/parse.c"
#include "tests/proofs/kernel.h"

#define TEXT_BYTES 8

void harness(void)
{
    char text[TEXT_BYTES];
    text[TEXT_BYTES - 1] = '\0';
    struct pci_address address = {1, 2, 3, 4};

    int status = pci_parse_address(text, &address);
    if (status != OK) {
        PROVE(status == E_INVAL && address.segment == 1 && address.bus == 2);
        PROVE(address.device == 3 && address.function == 4);
        return;
    }
    PROVE(address.device < PCI_DEVICES_PER_BUS && address.function < PCI_FUNCTIONS);
    PROVE(parse_digit(text[0]) < 16);
    bool is_digit = text[1] == '\0'; /* the device alone, of one digit */
    PROVE(!is_digit || (address.device == parse_digit(text[0]) && address.function == 0));
    PROVE(!is_digit || (address.bus == 0 && address.segment == 0));
    bool is_short = text[1] == '.' && text[3] == '\0'; /* device.function */
    PROVE(!is_short || address.function == parse_digit(text[2]));
    bool has_bus = text[1] == ':' && text[3] == '\0'; /* bus:device */
    PROVE(!has_bus || (address.bus == parse_digit(text[0]) && address.segment == 0));
}
