# SPDX-License-Identifier: BSD-2-Clause
# Turn the sorted lines of frames.awk into the assembly source of the table that unwind.c reads:
# one row an address, none where it says what the row before says.

function put()
{
    if (address != "" && rule != last)
        printf "    .long 0x%s\n    .short %s\n    .byte %s, %s\n", address, bytes, number[base], words
    last = rule
}

BEGIN {
    number["none"] = 0
    number["rsp"] = 1
    number["rbp"] = 2
    print "    .section .symbols, \"a\", @progbits"
    print "    .balign 8"
    print "    .globl unwind_table, unwind_table_end"
    print "unwind_table:"
}

# Where one function ends the next may begin: what is known of it goes first.
$1 != address { put() }
$1 != address || $2 != "none" {
    address = $1
    base = $2
    bytes = $3
    words = $4
    rule = $2 " " $3 " " $4
}

END {
    put()
    print "unwind_table_end:"
    print "    .section .note.GNU-stack, \"\", @progbits"
}
