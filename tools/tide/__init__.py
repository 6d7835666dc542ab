# SPDX-License-Identifier: BSD-2-Clause
"""Tide's host side: start QEMU, talk to it and to the guest, and read what they leave behind.

units    sizes as people write them
accel    KVM or TCG
qmp      QEMU's machine protocol
machine  what machine to start, and the QEMU command line for it
qemu     one running QEMU, always ended
guest    the serial console: lines, the monitor, the documented messages
screen   the guest's console and the host's words on one terminal
tool     how a tool ends: its status, its last words
trace    QEMU's own record of the virtio-mem requests
"""
