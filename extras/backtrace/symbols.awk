# SPDX-License-Identifier: BSD-2-Clause
# Turn `nm -n IMAGE` into the assembly source of the symbol table that
# address.c reads: functions only, by address, the first name at each address.
# A name ends at its first dot: what the compiler adds for a variant of a function
# (".isra.0", ".part.1") tells a reader nothing.

$2 ~ /^[tT]$/ && $3 != "image_start" && $1 != last {
    last = $1
    nr++
    address[nr] = $1
    sub(/\..*/, "", $3)
    name[nr] = $3
}

END {
    print "    .section .symbols, \"a\", @progbits"
    print "    .balign 8"
    print "    .globl symbol_table, symbol_table_end, symbol_names"
    print "symbol_table:"
    for (i = 1; i <= nr; i++)
        printf "    .long 0x%s, .Lname_%d - symbol_names\n", address[i], i
    print "symbol_table_end:"
    print "symbol_names:"
    for (i = 1; i <= nr; i++)
        printf ".Lname_%d: .asciz \"%s\"\n", i, name[i]
    print "    .section .note.GNU-stack, \"\", @progbits"
}
