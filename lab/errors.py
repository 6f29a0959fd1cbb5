"""The lab's one error type."""


class LabError(Exception):
    """The lab cannot do what was asked; the message is one line that says what to do."""
