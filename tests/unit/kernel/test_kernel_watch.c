/* SPDX-License-Identifier: BSD-2-Clause */
/* watch map: what the picture shows of blocks and of who uses them, and when it is drawn. */
#include "extras/watch/picture.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/unit/unit.h"

/* What a terminal shows of a text: without colours and other commands. */
static const char *plain(const char *text)
{
    static char shown[PICTURE_BYTES];
    size_t length = 0;
    while (*text != '\0' && length + 1 < sizeof(shown)) {
        if (*text == '\x1b') {
            while ((*text | 0x20) < 'a' || (*text | 0x20) > 'z')
                text++;
            text++;
        } else {
            shown[length++] = *text++;
        }
    }
    shown[length] = '\0';
    return shown;
}

static void expect_picture(const char *text)
{
    if (!strstr(plain(fake_console()), text))
        fail_msg("'%s' is not in: %s", text, plain(fake_console()));
}

/* What is written in a second and a half: nothing, unless something has changed. */
static void look(void)
{
    fake_console_clear();
    kernel_run(1500);
}

TEST_WITH(test_it_is_drawn_when_something_changes, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = kernel_boot_simply();
    kernel_resize(vmem, 4 * MIB);
    fake_type("watch map\r");
    look();
    expect_picture(
        "vmem0: requested 4M, plugged 4M, settled; a cell is 1 of 24 blocks of 2M\n  [--....");
    expect_picture("u pages that stay 0");
    assert_non_null(strstr(fake_console(), "\x1b[2J\x1b[7;r\x1b[7;1H\x1b[s\x1b[H"));
    look();
    assert_string_equal(fake_console(), "");
    look();
    kernel_resize(vmem, 8 * MIB);
    kernel_run(1500);
    expect_picture(
        "requested 8M, plugged 8M, settled; a cell is 1 of 24 blocks of 2M\n  [----....");
    assert_null(strstr(fake_console(), "\x1b[2J")); /* as many lines as before */
    fake_type("\x03");
    look();
    fake_console_has("^C\n\x1b[s\x1b[r\x1b[u");
    assert_null(strstr(fake_console(), "error"));
    fake_console_has("\ntide> ");
}

TEST_WITH(test_who_uses_what, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = kernel_boot_simply();
    kernel_resize(vmem, 16 * MIB);
    kernel_type("alloc 2M");
    kernel_type("alloc 64K");
    kernel_type("vm alloc 4M");
    kernel_type("watch map 1");
    expect_picture("  [Uu");
    expect_picture("--......");
    expect_picture("u pages that stay 2112K");
    expect_picture("vm, 2 MiB 4M");
    expect_picture("boot RAM in use ");
}

/* A cell of several blocks, some of which are plugged, and some of whose frames are in use. */
TEST_WITH(test_cells_of_several_blocks, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    kernel_choose_region(KERNEL_BLOCK, 2 * PICTURE_ROWS * PICTURE_COLUMNS);
    struct fake_vmem *vmem = kernel_add_vmem(4);
    kernel_boot("");
    kernel_resize(vmem, 6 * MIB);
    kernel_type("watch map 1");
    expect_picture("a cell is 2 of 1536 blocks of 2M\n  [-:.");
    kernel_type("alloc 6M");
    kernel_type("watch map 1");
    expect_picture("\n  [Uu.");
}

/* It ends at its time without an error, so that a script goes on. */
TEST_WITH(test_it_ends_by_itself, NULL, kernel_tear_down)
{
    kernel_boot_simply();
    assert_null(strstr(kernel_type("watch map 2"), "error"));
    fake_console_has("\ntide> ");
    kernel_expect("watch map x", "error: watch map: 'x': expected");
    kernel_expect("watch", "error: watch: '': expected map");
}

TEST_WITH(test_without_a_device, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    kernel_boot("");
    kernel_type("watch map 1");
    expect_picture("boot RAM in use ");
}
