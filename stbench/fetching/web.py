"""Requests to providers, listings of a bounded length, and failures as sentences."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from stbench.errors import DatasetError

from .addresses import cause, host_of, keep_secrets, shown

if TYPE_CHECKING:
    import requests

# Seconds to wait for a connection, and for the next bytes.
TIMEOUT = (20, 60)
# A listing is asked for again this often where the provider is busy; a transfer repeats itself in transfer.py.
LISTING_RETRIES = 3
# What a list of files may have at most: bytes, and seconds until its end.
LISTING_BYTES = 32 << 20
LISTING_SECONDS = 300
BACKOFF_SECONDS = 1.0
HEADERS = {"User-Agent": "stbench", "Accept-Encoding": "identity"}
TRY_AGAIN = (408, 429, 500, 502, 503, 504)
_NO_PERMISSION = (401, 403)
_NOT_THERE = (404, 410)


def open_session(retries: int = LISTING_RETRIES) -> requests.Session:
    """A session that keeps connections open and repeats what fails in passing; close it after use."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    repeat = Retry(retries, backoff_factor=BACKOFF_SECONDS, status_forcelist=TRY_AGAIN, raise_on_status=False)
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=repeat))
    session.headers.update(HEADERS)
    keep_secrets()
    return session


def send(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
    """The provider's answer, redirects followed, whatever its status; requests' own errors where none comes."""
    return session.request(method, url, timeout=TIMEOUT, allow_redirects=True, **options)


class Page(NamedTuple):
    """What a provider answers when it is asked for a list of files."""

    status: int
    body: bytes


def read_body(session: requests.Session, url: str, what: str) -> Page:
    """A provider's answer, whatever its status; DatasetError, which names `what`, where none comes or it has no end."""
    import requests
    from urllib3.exceptions import HTTPError

    body, end = b"", time.monotonic() + LISTING_SECONDS
    try:
        with send(session, "GET", url, stream=True) as answer:
            for block in answer.iter_content(1 << 16):
                body += block
                if len(body) > LISTING_BYTES or time.monotonic() > end:
                    raise _endless(what, url, len(body))
            return Page(answer.status_code, body)
    except (requests.RequestException, HTTPError) as error:
        raise unreachable(what, url, error) from cause(url, error)


def read_page(session: requests.Session, url: str, what: str, page: str) -> str:
    """A page of a provider's listing; DatasetError, which names `what` and `page`, where it cannot be read."""
    answer = read_body(session, url, what)
    if answer.status >= 400:
        raise refused(what, url, answer.status, page)
    return answer.body.decode("utf-8", "replace")


def _endless(what: str, url: str, n_bytes: int) -> DatasetError:
    return DatasetError(
        f"{what}: {shown(url)} goes on and on ({n_bytes} bytes so far), which no list of files does; try again "
        "later, or look whether that is the right address of the provider or of its mirror."
    )


def refused(what: str, url: str, status: int, page: str) -> DatasetError:
    """The sentence for an answer that brings no file."""
    url, where = shown(url), f"see {page}" if page else "look for its new address at the provider"
    if status in _NOT_THERE:
        return DatasetError(
            f"{what} is not at {url} (HTTP {status}): the provider moved or removed it; {where}, "
            "and place it by hand."
        )
    if status in _NO_PERMISSION:
        return DatasetError(
            f"{what}: the provider refuses {url} (HTTP {status}); {where} and ask for access."
        )
    return DatasetError(f"{what}: {url} answers with HTTP {status}; try again later, or {where}.")


def unreachable(what: str, url: str, error: BaseException) -> DatasetError:
    """The sentence for no answer at all."""
    return DatasetError(
        f"{what}: {host_of(url)} cannot be reached ({reason(error)}) for {shown(url)}; check the network (and "
        "HTTPS_PROXY, where you need a proxy) and run the same command again: what has arrived is kept."
    )


def reason(error: BaseException) -> str:
    """A few words for an error of requests or urllib3, whose own are long and full of object addresses."""
    words = {
        "ConnectTimeout": f"no connection within {TIMEOUT[0]} s",
        "ReadTimeout": f"no answer within {TIMEOUT[1]} s",
        "ReadTimeoutError": f"nothing came for {TIMEOUT[1]} s",
        "SSLError": "its certificate is not accepted",
        "ProxyError": "the proxy does not answer",
        "ConnectionError": "no connection",
        "ConnectError": "no connection",
        "ChunkedEncodingError": "the connection broke",
        "TooManyRedirects": "it redirects in circles",
    }
    name = type(error).__name__
    return words.get(name, name)
