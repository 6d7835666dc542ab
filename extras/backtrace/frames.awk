# SPDX-License-Identifier: BSD-2-Clause
# Turn what the compiler says of each function's stack, as `readelf -wF IMAGE` lists it, into lines
# "ADDRESS BASE BYTES WORDS" for rows.awk: from that address on the caller's frame begins BYTES above
# the register BASE, and the caller's rbp is saved WORDS below that, or still in rbp (0). At the end
# of a function nothing is known any more: "ADDRESS none 0 0".

# Where the compiler was told to keep frame pointers, as for the labs of the course, rbp is a base too.
function row(address, cfa, rbp)
{
    if (cfa !~ /^r[sb]p\+[0-9]+$/)
        print address, "none", 0, 0
    else
        print address, substr(cfa, 1, 3), substr(cfa, 5), rbp ~ /^c-[0-9]+$/ ? substr(rbp, 3) / 8 : 0
}

# A function of which nothing more is listed keeps its stack as the call left it.
function end_function()
{
    if (begin != "")
        row(begin, "rsp+8", "u")
    begin = ""
}

$4 == "CIE" || $4 == "FDE" {
    end_function()
    is_function = $4 == "FDE"
}
is_function && $4 == "FDE" {
    split(substr($6, 4), range, /\.\./) # pc=BEGIN..END
    begin = range[1]
    row(range[2], "none", "u")
}
$1 == "LOC" {
    begin = ""
    rbp = 0
    for (i = 3; i <= NF; i++)
        if ($i == "rbp")
            rbp = i
}
is_function && $1 ~ /^[0-9a-f]+$/ && $2 ~ /^(r[0-9a-z]+\+[0-9]+|exp)$/ { row($1, $2, rbp ? $rbp : "u") }
END { end_function() }
