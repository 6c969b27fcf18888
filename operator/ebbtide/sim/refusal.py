"""A file that cannot be used: which file, where inside it, what is wrong, and what to write instead."""


class Refusal(Exception):  # noqa: N818 - it is what a user is told, more than an error
    """`path` is where inside the file (spec.events[2].at, or line 7, column 3); empty: the file as a whole."""

    def __init__(self, file: str, path: str, message: str) -> None:
        super().__init__(": ".join(part for part in (file, path, message) if part))
        self.file = file
        self.path = path
        self.message = message

    def under(self, prefix: str) -> "Refusal":
        """The same, of something that stands at `prefix`."""
        joint = "" if not self.path or self.path.startswith("[") else "."
        return Refusal(self.file, f"{prefix}{joint}{self.path}", self.message)
