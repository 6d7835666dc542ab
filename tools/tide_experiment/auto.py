# SPDX-License-Identifier: BSD-2-Clause
"""tools/resize auto: a policy steers the memory of any QEMU, a line for each decision."""

import json
import time
from pathlib import Path

from tide.balloon import poll_statistics
from tide.qmp import Qmp

from .checker import read_policy
from .controller import Controller, decision_row
from .steering import QmpMachine, Steering


def steer(qmp: Qmp, policy_file: Path, dry_run: bool, seconds: float | None, as_json: bool) -> None:
    """Decide every period until ^C, or for that long. ScenarioError says what is wrong about the file."""
    policy = read_policy(policy_file)
    name = qmp.execute("query-name").get("name", "guest")
    machine = QmpMachine(qmp, name)
    asked_before = poll_statistics(qmp, machine.balloon, max(round(policy["period"]), 1))
    began = time.monotonic()
    try:
        steering = Steering(Controller(policy), machine, dry_run)
        while seconds is None or time.monotonic() - began < seconds:
            decision = steering.step()
            elapsed = time.monotonic() - began
            line = json.dumps(decision_row(elapsed, decision)) if as_json else f"{elapsed:8.1f}s {decision}"
            print(line, flush=True)
            time.sleep(policy["period"])
    finally:
        poll_statistics(qmp, machine.balloon, asked_before)
