import numpy as np
import pytest

from sciad.core.errors import InputError
from sciad.fit import Data

NAN = float("nan")


class FakeTable:
    """As much of a pandas table as is used."""

    columns = ("time", "a")

    def __getitem__(self, name):
        return {"time": np.array([0.0, 1.0]), "a": np.array([3.0, 4.0])}[name]


LONG = {
    "observable": ["a", "b", "a", "b"],
    "time": [0.0, 0.0, 1.0, 2.0],
    "value": [1.0, 10.0, 2.0, 30.0],
    "noise": [0.1, 1.0, 0.2, 3.0],
}


def test_long_table():
    data = Data(LONG)
    assert list(data) == ["a", "b"]
    np.testing.assert_array_equal(data["b"].time, [0.0, 2.0])
    np.testing.assert_array_equal(data["b"].value, [10.0, 30.0])
    np.testing.assert_array_equal(data["b"].noise, [1.0, 3.0])
    np.testing.assert_array_equal(data.times(), [0.0, 1.0, 2.0])
    assert data.n_data == 4


def test_wide_table_and_table_object():
    wide = Data({"time": [0, 1], "a": [3, 4]})
    np.testing.assert_array_equal(wide["a"].value, [3.0, 4.0])
    np.testing.assert_array_equal(Data(FakeTable())["a"].value, wide["a"].value)


def test_separate_times():
    data = Data({"a": ([0, 1], [3, 4]), "b": ([0.5], [7])})
    np.testing.assert_array_equal(data["b"].time, [0.5])
    assert data.n_data == 3


def test_data_are_copied():
    values = np.array([3.0, 4.0])
    data = Data({"time": [0, 1], "a": values})
    values[0] = 99.0
    assert data["a"].value[0] == 3.0


def test_missing_values_can_be_dropped():
    data = Data({"time": [0, 1, 2], "a": [3.0, NAN, 5.0], "b": [None, 1.0, 2.0]}, missing="drop")
    np.testing.assert_array_equal(data["a"].time, [0.0, 2.0])
    np.testing.assert_array_equal(data["b"].time, [1.0, 2.0])


def test_replicates_at_one_time_are_fine():
    assert Data({"time": [0, 1, 1, 2], "a": [1, 2, 3, 4]}).n_data == 4


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"time": [0, 1, 2], "hare": [1, NAN, 3]}, r"'hare': value is nan in row 1.*\n.*missing"),
        ({"time": [0, 1, 2], "hare": [1, np.inf, 3]}, "'hare': value is inf in row 1"),
        ({"time": [0, NAN, 2], "hare": [1, 2, 3]}, "'hare': time is nan in row 1"),
        ({"time": [0, 2, 1], "hare": [1, 2, 3]}, "'hare': times are not sorted: 1 in row 2"),
        ({"time": [0, 1], "hare": [1, 2, 3]}, "'hare': 2 times but 3 values"),
        ({"time": [0, 1], "hare": [[1, 2], [3, 4]]}, "must have one dimension, got shape"),
        ({"time": [0, 1], "hare": ["x", 2]}, "'hare': column 'value' must be a sequence of numb"),
        ({"time": [0, 1], "hare": 3.0}, "'hare': column 'value' must be a sequence of numbers"),
        ({"year": [0, 1], "hare": [1, 2]}, "no column 'time'"),
        ({"time": [0, 1]}, "no observable"),
        ([1, 2, 3], "must be a mapping of columns or a table, got list"),
        (LONG | {"value": [1.0, 2.0]}, "differ in length"),
        (LONG | {"nois": [1.0] * 4}, "unknown column 'nois'"),
        (LONG | {"noise": [0.1, 1.0, 0.0, 1.0]}, "'a': noise must be positive, got 0.0 in row 2"),
        (LONG | {"time": [0.0, 5.0, 1.0, 2.0]}, "'b': times are not sorted: 2 in row 3"),
    ],
)
def test_bad_tables_are_refused(table, message):
    with pytest.raises(InputError, match=message):
        Data(table)


def test_nothing_left_after_dropping():
    with pytest.raises(InputError, match="'a' has no values"):
        Data({"time": [0, 1], "a": [NAN, NAN]}, missing="drop")


def test_unknown_unit_and_unknown_policy():
    with pytest.raises(InputError, match=r"'hair', which is no observable.*\n.*'hare'"):
        Data({"time": [0], "hare": [1]}, units={"hair": "1"})
    with pytest.raises(InputError, match="missing must be"):
        Data({"time": [0], "hare": [1]}, missing="ignore")
