"""Makes the start method named by POOLAUDIT_PROOF_METHOD the default, as if the platform had chosen it.

Imported by every interpreter that has this folder on PYTHONPATH, the workers of a pool included. Only the default context is
replaced and it is not marked as set, so that programs which call get_context or set_start_method behave as they would alone.
Must run on Python 3.8.
"""

import os

if os.environ.get("POOLAUDIT_PROOF_METHOD"):
    from multiprocessing import context

    default = context._default_context
    setattr(default, "_default_context", default.get_context(os.environ["POOLAUDIT_PROOF_METHOD"]))  # noqa: B010
