"""
C{txmqtt passwd}: who stands in a password file, and with which password.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import NamedTuple, cast

import click

from txmqtt.cli.replaced import CannotReplace, create, refuse_existing, replace
from txmqtt.cli.words import counted, plain
from txmqtt.net.access import hashes, password_file, scram, scram_server
from txmqtt.net.access.saslprep import saslprep

#: A CONNECT has no room for more, bytes.
_LONGEST = 65535

#: What is done to a file: its bytes before, its bytes after.
Edit = Callable[[bytes], bytes]


class Kind(NamedTuple):
    """
    What a file has after the names.

    @ivar read: its users and what is known of them; raises C{ValueError} when the broker would not take it.
    @ivar named: a name as the broker compares it; raises C{ValueError} when it can't be one.
    """

    read: Callable[[bytes, str], Mapping[str, object]]
    named: Callable[[str], str]


PASSWORDS = Kind(password_file.entries, lambda name: name)
SCRAM = Kind(scram_server.entries, lambda name: saslprep(name, stored=True))


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.argument("name", required=False)
@click.argument("password", required=False)
@click.option("-c", "--create", "fresh", is_flag=True, help="Make FILE, which must not exist.")
@click.option("-D", "--delete", is_flag=True, help="Remove NAME.")
@click.option("-U", "--upgrade", is_flag=True, help="Hash every password of FILE that stands there as plain text.")
@click.option("--check", is_flag=True, help="Say whether the password is the right one; exit status 1 if not.")
@click.option(
    "-b",
    "--batch",
    is_flag=True,
    help="Take the password from the command line, where the list of processes shows it to everybody; or, when it is "
    "not there, the first line of the standard input.",
)
@click.option("--scram", "by_scram", is_flag=True, help="FILE is for SCRAM-SHA-256, authentication of type scram.")
@click.option(
    "--iterations",
    type=click.IntRange(scram.LEAST_ITERATIONS, scram.MOST_ITERATIONS),
    default=scram.ITERATIONS,
    show_default=True,
    help="With --scram: how often the password is hashed.",
)
@click.option(
    "--memory",
    type=click.IntRange(8, hashes.MOST_MEMORY),
    default=hashes.MEMORY,
    show_default=True,
    help="What a new hash takes, KiB.",
)
@click.option(
    "--passes",
    type=click.IntRange(1, hashes.MOST_PASSES),
    default=hashes.PASSES,
    show_default=True,
    help="How often it goes over that.",
)
@click.option(
    "--lanes",
    type=click.IntRange(1, hashes.MOST_LANES),
    default=hashes.LANES,
    show_default=True,
    help="On so many processors at once.",
)
def passwd(
    file: str,
    name: str | None,
    password: str | None,
    fresh: bool,
    delete: bool,
    upgrade: bool,
    check: bool,
    batch: bool,
    by_scram: bool,
    iterations: int,
    memory: int,
    passes: int,
    lanes: int,
) -> None:
    """
    Give NAME a password in FILE, for twistd mqtt-broker --auth passwords:FILE. It is asked for twice, and kept as a
    hash (argon2id); with --scram as the keys of SCRAM-SHA-256, in a file of their own. Everything else in FILE stays as
    it is. A running broker notices.
    """
    verbs = [word for word, said in (("--create", fresh), ("--delete", delete), ("--upgrade", upgrade)) if said]
    verbs += ["--check"] if check else []
    if len(verbs) > 1:
        raise click.UsageError(f"{' and '.join(verbs)}: expected one of them")
    if upgrade == (name is not None):
        raise click.UsageError("--upgrade is for all of FILE, without NAME" if upgrade else "expected FILE NAME")
    if upgrade and by_scram:
        raise click.UsageError("--upgrade and --scram: there is no plain text in a file of SCRAM-SHA-256")
    if password is not None and not batch:
        raise click.UsageError("a password on the command line is seen by everybody on this machine; if so, --batch")
    if password is not None and delete:
        raise click.UsageError("--delete needs no password")
    if name is not None and (wrong := password_file.name_error(name)):
        raise click.UsageError(wrong)
    if memory < 8 * lanes:
        raise click.UsageError(f"--memory {memory}: expected at least 8 for each of {counted(lanes, 'lane')}")

    kind = SCRAM if by_scram else PASSWORDS

    def hashed(secret: bytes) -> str:
        return hashes.make(secret, memory, passes, lanes)

    def kept(name: str, secret: bytes) -> str:
        if by_scram:
            return scram.scram_line(name, _text(secret), iterations).removeprefix(f"{name}:")
        return hashed(secret)

    try:
        if upgrade:
            count = 0

            def upgrading(data: bytes) -> bytes:
                nonlocal count
                data, count = _upgraded(data, file, hashed)
                return data

            replace(file, upgrading)
            click.echo(f"{counted(count, 'password')} hashed")
        elif name is None:
            raise AssertionError("checked above")
        elif delete:
            gone = kind.named(name)
            replace(file, lambda data: _with(data, file, gone, None, kind))
            click.echo(f"{plain(name)} is removed")
        elif check:
            _check(file, kind.named(name), _password(batch, password, confirm=False), kind)
        else:
            user = kind.named(name)
            if fresh:
                refuse_existing(file)
            else:
                replace(file, lambda data: _looked_over(data, file, kind))  # before somebody types it for nothing
            line = kept(user, _password(batch, password, confirm=True))
            if fresh:
                create(file, _with(b"", file, user, line, kind))
            else:
                replace(file, lambda data: _with(data, file, user, line, kind))
    except (CannotReplace, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _password(batch: bool, given: str | None, confirm: bool) -> bytes:
    """
    The password, from wherever it comes.
    """
    if given is not None:
        secret = given.encode("utf-8", "surrogateescape")
    elif batch:
        line = sys.stdin.buffer.readline(_LONGEST + 3)
        secret = line.removesuffix(b"\n").removesuffix(b"\r")
    else:
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt="Again" if confirm else False)
        secret = typed.encode("utf-8", "surrogateescape")
    if not secret:
        raise click.ClickException("an empty password; expected one that nobody guesses")
    if len(secret) > _LONGEST:
        raise click.ClickException(f"a password longer than {_LONGEST:,} bytes, which no client can give")
    return secret


def _text(secret: bytes) -> str:
    try:
        return secret.decode()
    except UnicodeDecodeError:
        raise ValueError("the password is not UTF-8; SCRAM-SHA-256 takes text only") from None


def _looked_over(data: bytes, file: str, kind: Kind) -> bytes:
    kind.read(data, file)
    return data


def _with(data: bytes, file: str, name: str, hashed: str | None, kind: Kind) -> bytes:
    """
    The file with another hash for this user; None: without him.

    @raise ValueError: the broker would not take the file, or there is nobody to remove.
    """
    users = kind.read(data, file)
    if hashed is None and name not in users:
        raise ValueError(f"{file}: no user {name!r}")
    rows = data.split(b"\n")
    crlf = rows[0].endswith(b"\r") if len(rows) > 1 else False
    entry = [f"{name}:{hashed}".encode() + (b"\r" if crlf else b"")] if hashed is not None else []
    if name in users:
        (at,) = (line.number - 1 for line in password_file.lines(data, file) if kind.named(line.name) == name)
        if at == len(rows) - 1 and entry:  # the last line, which does not end
            entry.append(b"")
        rows[at : at + 1] = entry
    else:
        if rows[-1]:
            rows.append(b"")
        rows[-1:] = [*entry, b""]
    return b"\n".join(rows)


def _upgraded(data: bytes, file: str, hashed: Callable[[bytes], str]) -> tuple[bytes, int]:
    """
    The file without plain text in it, and how many passwords that were.

    @raise ValueError: a line is malformed, or has nothing after its name.
    """
    rows = data.split(b"\n")
    count = 0
    for number, name, rest in password_file.lines(data, file):
        try:
            hashes.read(rest)
        except hashes.HashError as error:
            if rest.startswith(hashes.BEGINNINGS):
                raise ValueError(f"{file}:{number}: neither plain text nor a hash: {error}") from None
            if not rest:
                raise ValueError(f"{file}:{number}: an empty password") from None
            end = b"\r" if rows[number - 1].endswith(b"\r") else b""
            rows[number - 1] = f"{name}:{hashed(rest.encode())}".encode() + end
            count += 1
    return b"\n".join(rows), count


def _check(file: str, name: str, secret: bytes, kind: Kind) -> None:
    found = kind.read(_read(file), file).get(name)
    if found is None:
        raise click.ClickException(f"{file}: no user {name!r}")
    if not _fits(found, secret):
        raise click.ClickException("it is not the right password")
    click.echo("it is the right password")


def _fits(found: object, secret: bytes) -> bool:
    if isinstance(found, scram_server.Kept):
        key = scram.client_key(scram.salted(_text(secret), found.salt, found.iterations))
        return compare_digest(scram.stored_key(key), found.stored_key)
    return cast(hashes.Hash, found).fits(secret)


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as opened:
            return opened.read(password_file.MOST_BYTES)
    except OSError as error:
        raise CannotReplace(f"{file} can't be read: {error.strerror}") from None
