"""Bring a provider's original files to disk: list them, transfer them, verify them, unpack them.

remote_file   RemoteFile: one file of a provider, and where it belongs
zenodo, geo, hugging_face, hest, visium_examples   list a provider's files, with sizes and checksums where it has them
plan          what is there, what is missing, whether the disk holds it
fetch         fetch_files: the plan carried out
transfer      one file's bytes: resumed, retried; partial is what an interrupted transfer leaves
checksums     checksums.json beside the files: what arrived
archives      unpack .tar.gz and .zip safely
web           requests, and what goes wrong, in one sentence each
addresses     where providers and their mirrors are, and how an address is shown: without a password
listener      what a person is told meanwhile

Everything that goes wrong is a DatasetError. Each provider's address can be set, for a mirror say, by an
environment variable; see addresses.PROVIDERS.
"""

from .fetch import fetch_files
from .geo import geo_files
from .hest import hest_files
from .hugging_face import HubFile, hub_files
from .listener import FetchListener
from .plan import Plan, plan_fetch
from .remote_file import RemoteFile
from .visium_examples import visium_example_files
from .zenodo import zenodo_files

__all__ = [
    "FetchListener",
    "HubFile",
    "Plan",
    "RemoteFile",
    "fetch_files",
    "geo_files",
    "hest_files",
    "hub_files",
    "plan_fetch",
    "visium_example_files",
    "zenodo_files",
]
