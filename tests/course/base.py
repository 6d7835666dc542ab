# SPDX-License-Identifier: BSD-2-Clause
"""tests/course/base.py DIR: the tree that all labs share, for the objects that its build leaves there.

Files that are as before keep their times, and the objects stay, so that a second build has little to do.
How they are built stands in tests/lab: if that has changed, nothing stays.
"""

import shutil
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tools"))

from tide_course import skeleton  # noqa: E402

if __name__ == "__main__":
    base = Path(sys.argv[1])
    fresh = base.with_name(f"{base.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    skeleton.copy_tree(TREE, fresh)
    same = [(folder / "tests/lab/lab.mk").read_bytes() for folder in (base, fresh) if folder.exists()]
    if (base / "build").exists() and len(set(same)) == 1:
        (base / "build").rename(fresh / "build")
    shutil.rmtree(base, ignore_errors=True)
    fresh.rename(base)
