"""The address that the local cloud listens at."""

import errno
import socket


class PortError(OSError):
    """The port cannot be used; the message says what to do."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises PortError when somebody else does, or it is not allowed."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "is taken" if error.errno == errno.EADDRINUSE else "may not be taken by this user"
        raise PortError(f"port {port} {why}; --port 0 takes a free one") from error
    return listener


def refuse_taken(host: str, port: int) -> None:
    """Raise PortError if nobody could listen there now."""
    listening(host, port).close()
