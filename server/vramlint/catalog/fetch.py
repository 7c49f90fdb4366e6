"""Fetches one model's config.json from the hub, when a person asks for it; nothing else here uses a network.

Where huggingface_hub is installed it does the fetching, with its cache, proxies and certificates; else the
standard library does. Both follow HF_ENDPOINT and HF_TOKEN as huggingface_hub 1.x does (constants.py,
utils/_auth.py).
"""

from __future__ import annotations

import importlib
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vramlint.catalog.config_json import HUB_ID, SIZE_LIMIT, model_from_config
from vramlint.catalog.facts import Model
from vramlint.files import Unreadable, read_text

SECONDS = 10
"""How long the server may keep silent."""
ENDPOINT = "https://huggingface.co"
_REVISION = re.compile(r"[\w./-]+")
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_REFUSED: Mapping[int, str] = {
    401: "the hub knows no such model, or it needs a token: set HF_TOKEN",
    403: "its terms are not accepted yet: accept them on the hub, and set HF_TOKEN",
    404: "the hub knows no such model, or it has no config.json",
}


class NotFetched(Exception):
    """Why there is no config.json; the message is for people."""


def fetch_config(name: str, revision: str = "main") -> str:
    """The text of a model's config.json. Raises NotFetched."""
    if not HUB_ID.fullmatch(name) or ".." in name or not _REVISION.fullmatch(revision) or ".." in revision:
        raise NotFetched("that is not an id of the hub, like org/name")
    try:
        hub: Any = importlib.import_module("huggingface_hub")
    except ImportError:
        return _decoded(_requested(name, revision))
    return _by_hub(hub, name, revision)


def model_of(text: str, name: str) -> Model:
    """What a config.json says. Raises NotFetched where it describes no model."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise NotFetched("what came back is not JSON") from None
    found = model_from_config(values, name) if isinstance(values, dict) else None
    if found is None:
        raise NotFetched("its config.json does not say what the model is")
    return found


def _by_hub(hub: Any, name: str, revision: str) -> str:
    """By huggingface_hub, which keeps the file in its cache."""
    token = _token()
    try:
        address = hub.hf_hub_url(name, "config.json", revision=revision, endpoint=_endpoint())
        size = hub.get_hf_file_metadata(address, token=token, timeout=SECONDS).size
        if size is not None and size > SIZE_LIMIT:
            raise NotFetched(f"its config.json has {size} bytes, more than any that was released")
        file = hub.hf_hub_download(
            name, "config.json", revision=revision, endpoint=_endpoint(), token=token, etag_timeout=SECONDS
        )
        return read_text(Path(file), SIZE_LIMIT)
    except NotFetched:
        raise
    except Unreadable as error:
        raise NotFetched(f"its config.json: {error}") from None
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", 0)
        raise NotFetched(_REFUSED.get(status) or f"the hub did not answer: {type(error).__name__}") from None


def _endpoint() -> str:
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or ENDPOINT
    if urllib.parse.urlsplit(endpoint).scheme not in ("http", "https"):
        raise NotFetched(f"HF_ENDPOINT is {endpoint}, an address with http or https is expected")
    return endpoint


def _token() -> str | None:
    return next((token.strip() for name in _TOKENS if (token := os.environ.get(name))), None)


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https; the token stays with the host that it was meant for."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """The next request, without the token on another host or without encryption."""
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if made is not None and (old.scheme, old.netloc) != (new.scheme, new.netloc):
            made.remove_header("Authorization")
        return made


def _requested(name: str, revision: str) -> bytes:
    """By the standard library."""
    path = f"{urllib.parse.quote(name)}/resolve/{urllib.parse.quote(revision, safe='')}/config.json"
    request = urllib.request.Request(f"{_endpoint()}/{path}", headers={"User-Agent": "vramlint"})
    if token := _token():
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.build_opener(_SameHost).open(request, timeout=SECONDS) as answer:
            data: bytes = answer.read(SIZE_LIMIT + 1)
    except urllib.error.HTTPError as error:
        raise NotFetched(_REFUSED.get(error.code) or f"the hub answers {error.code}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotFetched(f"the hub did not answer: {reason}") from None
    if len(data) > SIZE_LIMIT:
        raise NotFetched(f"its config.json has more than {SIZE_LIMIT} bytes")
    return data


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotFetched("what came back is not text") from None
