"""What nobody foresaw: its traceback in a private file, and one line about it."""

import os
import tempfile
import traceback


def told(error: BaseException) -> str:
    """Return one line about an exception that is a defect of the suite, with where its traceback is.

    The line does not repeat the exception's own text, which may quote anything, credentials too; the file
    does, and only its owner may read it.
    """
    what = f"defect in the suite ({type(error).__name__})"
    try:
        handle, path = tempfile.mkstemp(prefix="clusterdns-traceback-", suffix=".txt")  # of mode 0600
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except OSError as unwritten:
        return f"{what}; its traceback cannot be written: {unwritten.strerror}"
    return f"{what}: please report it with its traceback, {path}"
