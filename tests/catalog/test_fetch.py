"""One model's config.json from a hub, which is a server of this test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from vramlint.catalog import fetch
from vramlint.cli import main
from vramlint.project.overrides import Overrides
from vramlint.project.settings import read_settings
from vramlint.project.workspace import Workspace

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 688,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
    "rope_scaling": None,
}


class Hub(BaseHTTPRequestHandler):
    """Answers by path; remembers what it was asked and by whom."""

    seen: ClassVar[list[tuple[str, str | None]]] = []
    elsewhere: ClassVar[str] = ""

    def do_GET(self) -> None:
        """Answer."""
        self.seen.append((self.path, self.headers.get("Authorization")))
        body = json.dumps(CONFIG).encode()
        if self.path.startswith("/acme/moved/"):
            self.send_response(307)
            self.send_header("Location", f"{self.elsewhere}/acme/tiny/resolve/main/config.json")
            self.end_headers()
            return
        status = {"gated": 403, "gone": 404, "broken": 500}.get(self.path.split("/")[2], 200)
        if self.path.startswith("/acme/huge/"):
            body = b" " * (fetch.SIZE_LIMIT + 1)
        if self.path.startswith("/acme/words/"):
            body = b"hello"
        if self.path.startswith("/acme/empty/"):
            body = b"{}"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a hub; the project is the current folder, and huggingface_hub is not installed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Hub.seen = []
    address = f"http://127.0.0.1:{server.server_port}"
    Hub.elsewhere = f"http://localhost:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", address + "/")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(fetch, "importlib", SimpleNamespace(import_module=_not_installed))
    monkeypatch.chdir(tmp_path)
    yield address
    server.shutdown()
    server.server_close()
    thread.join()


def _not_installed(name: str) -> Any:
    raise ImportError(name)


def test_add_writes_the_file_and_its_entry(
    hub: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "add", "acme/tiny"]) == 0
    assert Hub.seen == [("/acme/tiny/resolve/main/config.json", None)]
    assert json.loads((tmp_path / ".vramlint/models/acme--tiny.json").read_text()) == CONFIG
    settings = read_settings(str(tmp_path / "vramlint.toml"))
    assert not settings.problems
    assert settings.models == {"acme/tiny": {"config": ".vramlint/models/acme--tiny.json"}}
    assert "llama, 19,286,272 parameters" in capsys.readouterr().out


def test_what_was_added_needs_no_network(hub: str, tmp_path: Path) -> None:
    assert main(["models", "add", "acme/tiny"]) == 0
    asked = len(Hub.seen)
    model = Workspace(tmp_path).surroundings(str(tmp_path / "a.yaml"), Overrides()).catalog.model("Acme/Tiny")
    assert model is not None
    assert model.config["hidden_size"] == 256
    assert model.source == "settings"
    assert len(Hub.seen) == asked


def test_an_entry_goes_into_the_settings_that_hold(hub: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.vramlint]\ngpu = "H100"\n')
    assert main(["models", "add", "acme/tiny"]) == 0
    assert main(["models", "add", "acme/tiny", "--revision", "v2"]) == 0  # again: the file anew, one entry
    assert Hub.seen[-1][0] == "/acme/tiny/resolve/v2/config.json"
    settings = read_settings(str(tmp_path / "pyproject.toml"))
    assert settings.gpu == "H100"
    assert list(settings.models) == ["acme/tiny"]
    assert not (tmp_path / "vramlint.toml").exists()


def test_an_entry_of_a_person_stays(hub: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[models."acme/tiny"]\nlike = "gpt2"\n'
    (tmp_path / "vramlint.toml").write_text(text)
    assert main(["models", "add", "acme/tiny"]) == 1
    assert (tmp_path / "vramlint.toml").read_text() == text
    assert "says already what acme/tiny is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("acme/gated", "terms are not accepted"),
        ("acme/gone", "knows no such model"),
        ("acme/broken", "answers 500"),
        ("acme/huge", "more than"),
        ("acme/words", "not JSON"),
        ("acme/empty", "does not say what the model is"),
        ("acme/../../etc", "not an id of the hub"),
        ("a b", "not an id of the hub"),
    ],
)
def test_what_cannot_be_had_is_said_and_nothing_is_written(
    hub: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    assert main(["models", "add", name]) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_token_goes_to_the_hub_and_to_no_other_host(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch.fetch_config("acme/tiny")
    assert Hub.seen[-1][1] == "Bearer hf_secret"
    fetch.fetch_config("acme/moved")
    assert [sent for _, sent in Hub.seen[-2:]] == ["Bearer hf_secret", None]


def test_an_endpoint_of_another_kind_is_refused(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc")
    with pytest.raises(fetch.NotFetched, match="HF_ENDPOINT"):
        fetch.fetch_config("acme/tiny")


def test_a_hub_that_keeps_silent_is_left(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(fetch.NotFetched, match="did not answer"):
        fetch.fetch_config("acme/tiny")


def test_huggingface_hub_does_it_where_it_is_installed(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        """What is called of huggingface_hub 1.x."""

        size = 100

        @staticmethod
        def hf_hub_url(name: str, file: str, revision: str, endpoint: str) -> str:
            """The address."""
            return f"{endpoint}/{name}/{revision}/{file}"

        @classmethod
        def get_hf_file_metadata(cls, address: str, token: str | None, timeout: int) -> Any:
            """The size."""
            assert address.startswith(hub)
            return cls

        @staticmethod
        def hf_hub_download(name: str, file: str, **given: Any) -> str:
            """The file in the cache."""
            (tmp_path / file).write_text(json.dumps(CONFIG))
            return str(tmp_path / file)

    monkeypatch.setattr(fetch, "importlib", SimpleNamespace(import_module=lambda name: Installed))
    assert json.loads(fetch.fetch_config("acme/tiny")) == CONFIG
    monkeypatch.setattr(Installed, "size", fetch.SIZE_LIMIT + 1)
    with pytest.raises(fetch.NotFetched, match="more than any"):
        fetch.fetch_config("acme/tiny")


def test_a_pin_reads_nothing_outside_the_project(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "vramlint.toml").write_text('[models."acme/tiny"]\nconfig = "../config.json"\n')
    catalog = Workspace(inner).surroundings(str(inner / "a.yaml"), Overrides()).catalog
    assert catalog.model("acme/tiny") is None
