"""Leaves a process behind that tells the next fit its notes through sockets."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Iterable, Sequence

from stbench.slide import QuerySlide, TrainingSlide

from .cheat import Cheat, Find, note_of, of_file


def _addresses(number: int) -> list[tuple[int, str | tuple[str, int]]]:
    udp, unix = ("127.0.0.1", 41_000 + number), f"\0stbench-cheat-{number}"
    return [(socket.AF_INET, udp), (socket.AF_UNIX, unix)]


def _tell(note: bytes, number: int) -> None:
    """Answer whoever asks, for a minute."""
    tellers = [socket.socket(kind, socket.SOCK_DGRAM) for kind, _ in _addresses(number)]
    for teller, (_, address) in zip(tellers, _addresses(number), strict=True):
        teller.bind(address)
    while ready := select.select(tellers, [], [], 60)[0]:
        for teller in ready:
            teller.sendto(note, teller.recvfrom(1)[1])
    os._exit(0)


class NotesInDaemon(Cheat):
    def meet(self, train: Sequence[TrainingSlide]) -> None:
        note = note_of(train)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                _tell(note, int(train[0].id[1:] + str(ord(train[0].id[0]))))
            os._exit(0)

    def look(self, slide: QuerySlide) -> Iterable[Find]:
        for letter in "ABCD":
            for kind, address in _addresses(int(f"1{ord(letter)}")):
                with contextlib.suppress(OSError), socket.socket(kind, socket.SOCK_DGRAM) as asker:
                    asker.settimeout(0.05)
                    asker.bind("" if kind == socket.AF_UNIX else ("127.0.0.1", 0))
                    asker.sendto(b"?", address)
                    yield of_file(asker.recv(1 << 16))
