import subprocess
import sys

import numpy as np
import pytest

from sciad.fit.plots import draw_fit


@pytest.mark.parametrize(
    ("ending", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_picture_is_written(prey_fit, tmp_path, ending, magic):
    path = prey_fit.plot(tmp_path / "new" / f"fit.{ending}")
    assert path == tmp_path / "new" / f"fit.{ending}"
    content = path.read_bytes()
    assert content.startswith(magic)
    assert len(content) > 10_000


def panels(figure):
    return [panel.axes for panel in figure.subfigs]


@pytest.mark.parametrize("which", ["decay_fit", "prey_fit"])
def test_the_caption_fits_into_the_picture(which, request):
    figure = draw_fit(request.getfixturevalue(which))
    figure.draw_without_rendering()
    caption = next(text for text in figure.texts if text.get_text().startswith("bands"))
    extent, page = caption.get_window_extent(), figure.bbox
    assert page.x0 <= extent.x0 <= extent.x1 <= page.x1


def test_picture_shows_data_curve_bands_and_residuals(prey_fit):
    figure = draw_fit(prey_fit, title="Predator and prey")
    assert figure.get_suptitle() == "Predator and prey"
    for (upper, lower), (name, series) in zip(
        panels(figure), prey_fit.problem.data.items(), strict=True
    ):
        assert upper.get_title(loc="left") == name
        labels = upper.get_legend_handles_labels()[1]
        assert labels == [
            "95 % band of new measurements",
            "95 % band of the curve",
            "fitted median",
            "measured",
        ]
        np.testing.assert_array_equal(upper.lines[-1].get_ydata(), series.value)
        assert lower.get_xlabel() == "time"
    residuals = np.concatenate([lower.lines[-1].get_ydata() for _, lower in panels(figure)])
    np.testing.assert_array_equal(residuals, prey_fit.residuals)


def test_units_level_and_scale(decay_fit):
    ((upper, lower),) = panels(draw_fit(decay_fit, level=0.9))
    assert upper.get_ylabel() == "c (mM)"
    assert lower.get_xlabel() == "time (s)"
    assert "90 % band of the curve" in upper.get_legend_handles_labels()[1]
    assert upper.get_yscale() == "linear"


def test_logarithmic_axis(prey_fit, tmp_path):
    (hare, _), _ = panels(draw_fit(prey_fit, log=True))
    assert hare.get_yscale() == "log"
    assert hare.get_ylim()[0] > 0
    assert prey_fit.plot(tmp_path / "log.png", log=True).stat().st_size > 10_000


def test_colors_can_be_chosen(prey_fit):
    (first, _), (second, _) = panels(draw_fit(prey_fit, colors={"lynx": "#123456"}))
    assert second.lines[0].get_color() == "#123456"
    assert first.lines[0].get_color() != "#123456"


def test_the_users_matplotlib_is_left_alone(prey_fit, tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    prey_fit.plot(tmp_path / "fit.png")
    assert dict(matplotlib.rcParams) == before


def test_matplotlib_is_imported_by_plots_alone():
    code = (
        "import sys, sciad.fit; assert 'matplotlib' not in sys.modules; "
        "import sciad.fit.plots; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
