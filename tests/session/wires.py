"""
A client's session and a server's, and connections between them that come, break anywhere, and are resumed.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.session.pair import Client, End, Server, Side, Way
from txmqtt.codec import reasons
from txmqtt.codec.constants import MAX_PACKET_ID, MQTT5, MQTT31
from txmqtt.codec.packets import Connect
from txmqtt.codec.properties import Properties
from txmqtt.session.client import ClientSession
from txmqtt.session.resending import repeat_releases
from txmqtt.session.server import ServerSession
from txmqtt.session.voice import CLOSED

_KEEP_ALIVE = 60

windows = st.sampled_from((1, 2, 5))
sizes = st.one_of(st.integers(0, 30), st.just(10_000), st.just(10_000))
seeds = st.integers(0, 2**32)


class Wires(RuleBasedStateMachine):
    """
    @ivar ends: of the connection as each side sees it, client and server; None before the first.
    @ivar stale: the server's end of a connection that it does not know to be gone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.stale: End | None = None
        self.near: End | None = None
        self.far: End | None = None

    @initialize(
        version=st.sampled_from((3, 4, 5)),
        lasting=st.booleans(),
        kept=st.booleans(),
        followed=st.booleans(),
        client_window=windows,
        server_window=windows,
        announced=windows,
        aliases=st.sampled_from((0, 2)),
        resend=st.sampled_from((0.0, 20.0)),
        roomy=st.booleans(),
        seed=seeds,
        count=st.sampled_from((150, 150, 50, 0)),
    )
    def begin(
        self,
        version: int,
        lasting: bool,
        kept: bool,
        followed: bool,
        client_window: int,
        server_window: int,
        announced: int,
        aliases: int,
        resend: float,
        roomy: bool,
        seed: int,
        count: int,
    ) -> None:
        self.version = version
        self.lasting, self.kept, self.followed = lasting, kept, followed
        self.windows = client_window, server_window
        self.announced = announced if version == MQTT5 else MAX_PACKET_ID
        self.aliases = aliases if version == MQTT5 else 0
        self.resend = resend
        self.room = 100_000 if roomy else 200
        up, down = Way(), Way()
        self.client = Client("client", version, down, up)
        self.server = Server("server", version, up, down)
        self.client.renew()
        self.meet(True)
        self.storm(seed, count)

    def storm(self, seed: int, count: int) -> None:
        """
        Many things in a row, whatever they are.
        """

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.client, self.server

    # Connections

    @rule(smoothly=st.sampled_from((True, True, True, False)))
    def meet(self, smoothly: bool) -> None:
        """
        The client connects, unless it is connected as far as it knows, and is let in at once or later.
        """
        if self.near is None:
            self._connect()
            if smoothly:
                self.carry(True, 10_000)
                self.let_in()
                self.carry(False, 10_000)

    def _connect(self) -> None:
        self._old_end()
        client, server = self.client, self.server
        self._told_the_time()
        if not client.sure:  # the server began a session that the client knows nothing of
            self._server_forgets()
        assert client.books is not None
        near, far = End(client), End(server)
        client.tap.begin(min(self.windows[0], self.announced))
        session = ClientSession(
            client.turn,
            near,
            near.write,
            client,
            self.room,
            client.books,
            client.inbox,
            self.windows[0],
            10.0,
            resend_interval=self.resend,
            topic_aliases=self.aliases,
            receive_maximum=self.announced,
        )
        session.lasting, session.kept = self.lasting, self.kept
        near.talk = session
        far.talk = ServerSession(server.turn, far, far.write, server, self.room, 10.0, 65_536)
        far.talk.nearer(far.talk.deadline())
        self.near, self.far = near, far
        properties = None
        if self.version == MQTT5:
            properties = Properties(
                session_expiry_interval=100, receive_maximum=self.announced, topic_alias_maximum=self.aliases
            )
        session.connect(Connect("me", self.version, False, _KEEP_ALIVE, properties=properties), self.now)
        client.turn.flush()

    def _old_end(self) -> None:
        """
        The server has not noticed that the last connection is gone.
        """
        if self.far is not None:
            if self.stale is not None:
                self.stale.lost()
            self.stale, self.far = self.far, None

    @rule()
    def let_in(self) -> None:
        """
        The server answers the CONNECT that it has.
        """
        far, server = self.far, self.server
        if far is None or not far.knocking:
            return
        far.knocking = False
        session = far.talk
        if not isinstance(session, ServerSession) or session.phase == CLOSED:
            return
        if self.stale is not None and self.stale.talk is not None:
            self.stale.talk.end(reasons.SESSION_TAKEN_OVER, "taken over")
            self.stale.lost()
            self.stale = None
        present = server.books is not None
        if not present:
            server.renew()
            self.client.sure = False
        assert server.books is not None
        window = min(self.windows[1], self.announced)
        server.tap.begin(window)
        properties = None
        if self.version == MQTT5:
            properties = Properties(receive_maximum=self.announced, topic_alias_maximum=self.aliases)
        released = server.books.restart(window)
        session.accept(
            present and self.version > MQTT31,
            server.books,
            server.inbox,
            properties,
            _KEEP_ALIVE,
            10_000,
            self.announced,
            self.aliases,
            self.aliases,
            self.resend,
        )
        if self.version == MQTT31 and not present:
            self.client.sure = True  # it will never be told
        repeat_releases(session, released)
        session.begin()
        server.turn.flush()

    @rule(up=st.booleans(), size=sizes)
    def carry(self, up: bool, size: int) -> None:
        """
        Some of what has been written arrives, cut anywhere.
        """
        giver, taker = (self.near, self.far) if up else (self.far, self.near)
        if giver is not None and taker is not None:
            data = bytes(giver.pipe[:size])
            del giver.pipe[:size]
            taker.hears(data)
            self._tidy()

    @rule()
    def exchange(self) -> None:
        """
        All that has been written arrives, and so do the answers.
        """
        for up in (True, False, True, False):
            self.carry(up, 10_000)

    @rule(up=sizes, down=sizes, noticed=st.booleans())
    def drop(self, up: int, down: int, noticed: bool) -> None:
        """
        The connection breaks in the middle of whatever was on its way; the server may not notice.
        """
        if self.near is None:
            return
        self.carry(False, down)
        self.carry(True, up)
        if self.near is not None:
            self.near.lost()
            self.near = None
        if self.far is not None:
            if noticed:
                self.far.lost()
                self.far = None
            else:
                self.far.cut = True
        self._tidy()

    @rule(client=st.booleans())
    def leave(self, client: bool) -> None:
        """
        One side ends the connection as it should be ended.
        """
        if client and self.near is not None and isinstance(self.near.talk, ClientSession):
            self.near.talk.disconnect()
        elif not client and self.far is not None and self.far.talk is not None:
            self.far.talk.end(reasons.ADMINISTRATIVE_ACTION, "go")
        self._tidy()

    def _tidy(self) -> None:
        """
        Whoever has closed is gone; the other notices when it has heard everything.
        """
        for side in self.sides:
            side.turn.flush()
        near, far = self.near, self.far
        if near is not None and far is not None:
            if near.closed and not near.pipe:
                far.lost()
                self.far = None
            if far.closed and not far.pipe:
                near.lost()
                self.near = None
        if near is not None and near.closed and self.far is None:
            near.lost()
            self.near = None
        if far is not None and far.closed and self.near is None:
            far.lost()
            self.far = None

    # What sessions outlive, and what not

    @precondition(lambda self: self.near is None)
    @rule(who=st.sampled_from(("nobody", "server", "server", "both")))
    def forget(self, who: str) -> None:
        """
        The session ends at the server (3.1 has no way to tell the client), or two strangers meet.
        """
        if who == "nobody" or self.near is not None or (who == "server" and self.version == MQTT31):
            return
        self._old_end()
        self._server_forgets()
        if who == "both":
            self.client.renew()
            self.client.sent.excuse()
        self.meet(True)

    def _server_forgets(self) -> None:
        if self.stale is not None:
            self.stale.lost()
            self.stale = None
        self.server.books = None
        self.client.sure = True
        self.server.sent.excuse()

    @rule()
    def go_round(self) -> None:
        """
        As if all packet identifiers had been used since; there must be no answer on its way that means an old one.
        """
        if self.near is None or self.far is None or self.near.pipe or self.far.pipe:
            return
        for side in self.sides:
            if side.books is not None and not side.undecided:
                side.books.ids._last = 0

    def _told_the_time(self) -> None:
        for side in self.sides:
            side.turn.now = self.now
