"""Each document is analysed, and its fixes are checked, under the settings of its own folder."""

from pathlib import Path

from vramlint.analysis.analyse import Reread
from vramlint.lsp.session import Session

TRL = """\
model_name_or_path: HuggingFaceTB/SmolLM2-360M
dataset_name: x
per_device_train_batch_size: 2
max_length: 512
bf16: true
learning_rate: 1.0e-4
"""


def test_an_edit_is_checked_under_the_settings_of_its_own_folder(tmp_path: Path) -> None:
    folders = [tmp_path / "old", tmp_path / "new"]
    session = Session()
    session.set_folders([folder.as_uri() for folder in folders])
    session.configure(
        {
            "": {},
            str(folders[0]): {"gpu": "T4", "versions": {"transformers": "4.48"}},
            str(folders[1]): {"gpu": "A100-80GB", "versions": {"transformers": "5.0"}},
        }
    )
    analyses = []
    for folder in folders:
        uri = (folder / "train.yaml").as_uri()
        session.open(uri, "yaml", 1, TRL)
        view = session.view(uri)
        assert view is not None
        analyses.append(view.analysis)
    for analysis in analyses:  # the other document was analysed in between
        again = analysis.recheck(())
        assert isinstance(again, Reread)
        assert again.estimate is not None
        assert again.estimate == analysis.estimate
        assert again.verdict == analysis.verdict
        assert again.context.settings.versions == analysis.settings.versions
        assert again.context.gpu == analysis.gpu
    assert analyses[0].settings.versions != analyses[1].settings.versions
