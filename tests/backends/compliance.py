"""
What every backend promises, as tests: a backend passes them all, or it is none.

The tests speak to the backend as the broker does, and to nothing behind it. They are mixed into a test case that says
how to make a backend, and how to let it finish what it has been asked.
"""

from tests.backends.promises_full import FullPromises
from tests.backends.promises_queues import QueuePromises
from tests.backends.promises_retained import RetainedPromises
from tests.backends.promises_sessions import SessionPromises
from tests.backends.promises_shared import SharedPromises


class BackendCompliance(SessionPromises, QueuePromises, FullPromises, RetainedPromises, SharedPromises):
    """
    All of it. Mix this into a test case, and say C{make_backend}; and C{finish}, if the backend takes its time.
    """
