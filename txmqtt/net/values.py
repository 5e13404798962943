"""
What users hold in their hands: a message that came, an acknowledgement, a will.
"""

from __future__ import annotations

from enum import IntEnum

from txmqtt.codec import packets
from txmqtt.codec.properties import WILL_PROPERTIES, Properties
from txmqtt.codec.reasons import ReasonCode
from txmqtt.net.arguments import check_properties, payload_bytes, qos_number, topic_bytes


class QoS(IntEnum):
    """
    How often a message may arrive. Plain 0, 1 and 2 will do wherever one of these is asked for.
    """

    AT_MOST_ONCE = 0
    AT_LEAST_ONCE = 1
    EXACTLY_ONCE = 2


class Message:
    """
    A message that came.

    @ivar topic: its topic.
    @ivar payload: its bytes.
    @ivar qos: the QoS at which it came.
    @ivar retain: the server had kept it from before, or the subscription asked for the flag as it was published.
    @ivar dup: the server may have sent it before.
    """

    __slots__ = ("_properties", "dup", "payload", "qos", "retain", "topic")

    def __init__(
        self, topic: str, payload: bytes, qos: int, retain: bool, dup: bool, properties: Properties | None = None
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.dup = dup
        self._properties = properties

    @property
    def properties(self) -> Properties:
        """
        Its properties; on 3.x there are none, and all of them are None. Do not change them: other messages may have the
        same.
        """
        if self._properties is None:
            self._properties = Properties()
        return self._properties

    def acknowledge(self, reason: int = 0) -> bool:
        """
        Tell the server that this message is dealt with; for subscriptions made with C{acknowledge="manual"}. With all
        others, and at QoS 0, there is nothing to do, and nothing is done.

        @param reason: 0; from 0x80 up the message is refused for good, for the reason that the code names. 3.x cannot
            say so, and there it is withheld.
        @return: True when this decided it. False when it had been decided, also by a timeout, or when the connection
            that it came with is gone: a QoS 1 message then comes again if the server keeps the session; of a QoS 2
            message it is remembered, and it does not.
        """
        return False

    def withhold(self) -> bool:
        """
        Never acknowledge this message on this connection, so that the server sends it again on the next one; for
        subscriptions made with C{acknowledge="manual"}.

        @return: True when this decided it.
        """
        return False

    def __repr__(self) -> str:
        retained = ", retained" if self.retain else ""
        return f"<message on {self.topic!r}: {len(self.payload)} bytes, QoS {self.qos}{retained}>"


class Acknowledgement:
    """
    What the server answered: it worked.

    @ivar reasons: a reason code for each filter that was asked for, in the order asked; for a publish just one.
    """

    __slots__ = ("_properties", "reasons")

    def __init__(self, reasons: tuple[ReasonCode, ...], properties: Properties | None = None) -> None:
        self.reasons = reasons
        self._properties = properties

    @property
    def reason(self) -> ReasonCode:
        """
        The reason code; for a subscription the QoS that was granted.
        """
        return self.reasons[0]

    @property
    def properties(self) -> Properties:
        """
        The properties of the answer; on 3.x there are none, and all of them are None.
        """
        return self._properties or Properties()

    def __repr__(self) -> str:
        return f"<acknowledgement: {', '.join(reason.name for reason in self.reasons)}>"


#: It went well, and there is no more to say.
DONE = Acknowledgement((ReasonCode.SUCCESS,))


class Will:
    """
    The message that the server publishes for us should we go without saying goodbye.

    @param properties: 5.0 only; C{will_delay_interval} is among them.
    """

    def __init__(
        self,
        topic: str | bytes,
        payload: bytes = b"",
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> None:
        self.topic = topic_bytes(topic)
        self.payload = payload_bytes(payload)
        if len(self.payload) > 65_535:
            raise ValueError(f"will payload is {len(self.payload)} bytes; expected at most 65535")
        self.qos = qos_number(qos)
        self.retain = bool(retain)
        check_properties(properties, WILL_PROPERTIES)
        self.properties = properties

    def packet(self) -> packets.Will:
        """
        As CONNECT says it.
        """
        return packets.Will(self.topic, self.payload, self.qos, self.retain, self.properties)

    def __repr__(self) -> str:
        return f"<will on {self.topic!r}: {len(self.payload)} bytes, QoS {self.qos}>"
