"""Providers' addresses, mirrors of them, and how an address is shown: without a password and without a token.

A mirror may ask for a name and password, `https://user:pass@host`, or for a token in its query. They are sent, and
nowhere written: not into a message, a log, a checksums file or a traceback.
"""

from __future__ import annotations

import logging
import os
import re
from urllib.parse import urlsplit

# Provider -> environment variable that sets another address (a mirror), and the provider's own address.
PROVIDERS = {
    "zenodo": ("STBENCH_ZENODO_URL", "https://zenodo.org"),
    "geo": ("STBENCH_GEO_URL", "https://ftp.ncbi.nlm.nih.gov/geo"),
    "10x": ("STBENCH_10X_URL", "https://cf.10xgenomics.com"),
    "hub": ("HF_ENDPOINT", "https://huggingface.co"),
}
# Who logs addresses as they are.
_TALKATIVE = (
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.util.retry",
    "httpx",
    "httpx2",
    "huggingface_hub.file_download",
    "huggingface_hub.utils._http",
)
_PASSWORD = re.compile(r"//[^/\s\"'@]+@")
_QUERY = re.compile(r"\?[^\s\"'<>]+")


def address_of(provider: str) -> str:
    """Base address of a provider or of its mirror, without a closing slash."""
    variable, default = PROVIDERS[provider]
    return (os.environ.get(variable) or default).rstrip("/")


def below(address: str, path: str) -> str:
    """A path, with its own query if it has one, below an address; the address's query is kept."""
    base, _, token = address.partition("?")
    path, _, query = path.partition("?")
    queries = "&".join(filter(None, (token, query)))
    return f"{base.rstrip('/')}/{path.lstrip('/')}{f'?{queries}' if queries else ''}"


def shown(text: str) -> str:
    """The address, or a text that holds addresses, without passwords and queries."""
    return _QUERY.sub("", _PASSWORD.sub("//", text))


def host_of(address: str) -> str:
    """Host and port, as they may be shown."""
    return urlsplit(shown(address)).netloc


def cause(address: str, error: Exception) -> Exception | None:
    """The error as another's cause; None where the address holds a secret, which its words would repeat."""
    return error if shown(address) == address else None


def keep_secrets() -> None:
    """From now on the libraries that send requests log addresses as they may be shown."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_without_secrets)  # the same one is added once


def _without_secrets(record: logging.LogRecord) -> bool:
    record.msg, record.args = shown(record.getMessage()), ()
    return True
