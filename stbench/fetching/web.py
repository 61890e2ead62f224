"""Requests to providers: their addresses, the token where one is due, and failures as sentences."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stbench.errors import DatasetError

if TYPE_CHECKING:
    import requests

# Provider -> environment variable that sets another address (a mirror), and the provider's own address.
PROVIDERS = {
    "zenodo": ("STBENCH_ZENODO_URL", "https://zenodo.org"),
    "geo": ("STBENCH_GEO_URL", "https://ftp.ncbi.nlm.nih.gov/geo"),
    "10x": ("STBENCH_10X_URL", "https://cf.10xgenomics.com"),
    "hub": ("HF_ENDPOINT", "https://huggingface.co"),
}

# Seconds to wait for a connection, and for the next bytes.
TIMEOUT = (20, 60)
# A listing is asked for again this often where the provider is busy; a transfer repeats itself in transfer.py.
LISTING_RETRIES = 3
BACKOFF_SECONDS = 1.0
HEADERS = {"User-Agent": "stbench", "Accept-Encoding": "identity"}
TRY_AGAIN = (408, 429, 500, 502, 503, 504)
_NO_PERMISSION = (401, 403)
_NOT_THERE = (404, 410)


def address_of(provider: str) -> str:
    """Base address of a provider, without a closing slash."""
    variable, default = PROVIDERS[provider]
    return (os.environ.get(variable) or default).rstrip("/")


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
    return session


def send(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
    """The provider's answer, redirects followed, whatever its status; requests' own errors where none comes.

    The hub's token goes to the hub alone: requests drops it where a redirect leads to another host.
    """
    if _same_host(url, address_of("hub")):
        options["auth"] = _with_hub_token
    return session.request(method, url, timeout=TIMEOUT, allow_redirects=True, **options)


def read_page(session: requests.Session, url: str, what: str, page: str) -> requests.Response:
    """A page of a provider's listing; DatasetError, which names `what` and `page`, where it cannot be read."""
    import requests

    try:
        answer = send(session, "GET", url)
    except requests.RequestException as error:
        raise unreachable(what, url, error) from error
    if not answer.ok:
        raise refused(what, url, answer.status_code, page)
    return answer


def refused(what: str, url: str, status: int, page: str) -> DatasetError:
    """The sentence for an answer that brings no file."""
    where = f"see {page}" if page else "look for its new address at the provider"
    if status in _NOT_THERE:
        return DatasetError(
            f"{what} is not at {url} (HTTP {status}): the provider moved or removed it; {where}, "
            "and place it by hand."
        )
    if status in _NO_PERMISSION and _same_host(url, address_of("hub")):
        return DatasetError(
            f"{what} needs the provider's permission (HTTP {status} for {url}): log in and ask for access at {page}, "
            "then run `hf auth login` or set HF_TOKEN to a token of that account, and fetch again."
        )
    if status in _NO_PERMISSION:
        return DatasetError(
            f"{what}: the provider refuses {url} (HTTP {status}); {where} and ask for access."
        )
    return DatasetError(f"{what}: {url} answers with HTTP {status}; try again later, or {where}.")


def unreachable(what: str, url: str, error: Exception) -> DatasetError:
    """The sentence for no answer at all."""
    return DatasetError(
        f"{what}: {urlsplit(url).netloc} cannot be reached ({reason(error)}) for {url}; check the network (and "
        "HTTPS_PROXY, where you need a proxy) and run the same command again: what has arrived is kept."
    )


def reason(error: Exception) -> str:
    """A few words for an error of requests or urllib3, whose own are long and full of object addresses."""
    words = {
        "ConnectTimeout": f"no connection within {TIMEOUT[0]} s",
        "ReadTimeout": f"no answer within {TIMEOUT[1]} s",
        "ReadTimeoutError": f"nothing came for {TIMEOUT[1]} s",
        "SSLError": "its certificate is not accepted",
        "ProxyError": "the proxy does not answer",
        "ConnectionError": "no connection",
        "TooManyRedirects": "it redirects in circles",
    }
    name = type(error).__name__
    return words.get(name, name)


def _same_host(url: str, other: str) -> bool:
    return urlsplit(url).netloc == urlsplit(other).netloc


def _with_hub_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add the token of the environment or of the hub's own login, where there is one."""
    from huggingface_hub import get_token

    if token := get_token():
        request.headers["Authorization"] = f"Bearer {token}"
    return request
