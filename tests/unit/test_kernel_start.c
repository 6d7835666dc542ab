/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel from its start to the prompt: what it says, in which order, and what it survives. */
#include "tests/unit/fake_kernel.h"
#include "tests/unit/unit.h"

static int tear_down(void **state)
{
    (void)state;
    kernel_stop();
    return 0;
}

static void test_to_the_prompt(void **state)
{
    (void)state;
    struct fake_vmem *vmem = kernel_boot_simply();
    const char *said = fake_console();
    if (!strstr(said, "tide: ready\ntide> "))
        fail_msg("it said: %s", said);
    assert_int_equal(vmem->plugged_bytes, 0);
    kernel_resize(vmem, 8 * MIB);
    assert_int_equal(vmem->plugged_bytes, 8 * MIB);
    kernel_expect("status", "vmem0: pci 0000:00:04.0, settled\n");
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_to_the_prompt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
