import numpy as np

from sciad.datasets import lynx_hare


def test_series_is_complete():
    series = lynx_hare()
    np.testing.assert_array_equal(series.year, np.arange(1900.0, 1921.0))
    assert series.hare.shape == series.lynx.shape == (21,)
    assert (series.hare[3], series.lynx[4]) == (77.4, 59.4)
    np.testing.assert_allclose([series.hare.sum(), series.lynx.sum()], [715.7, 423.5])
    assert "Elton" in series.source
    assert set(series.units) == {"time", "hare", "lynx"}


def test_each_call_gives_its_own_copy():
    lynx_hare().hare[0] = 0.0
    assert lynx_hare().hare[0] == 30.0
