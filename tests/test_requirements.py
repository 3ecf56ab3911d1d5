"""Every requirement has its line in ``docs/requirements.csv``, and names the test that shows it or what is missing."""

import ast
import csv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COLUMNS = ["number", "kind", "text", "issue", "module", "test", "gap"]
ISSUES = {"3", "4", "5", "later"}

CORE_ROWS = {
    *(1, 2, 3, 4, 6, 8, 9, 14, 15, 22, 23, 24, 25),  # grids, levels, components, incidents
    *(33, 34, 35, 37, 47),  # actors and levels
    *(57, 58, 59, 61, 64, 66, 68),  # channels
    *(77, 78, 79, 80, 81, 84, 87, 88),  # filing
    *(90, 91, 93, 94, 95, 99, 100),  # case classes
    *(105, 106, 107, 109, 112, 118, 124, 126),  # routing and responsibility
    *(129, 130, 131, 133, 135),  # borders
    *(136, 137, 139, 140),  # duplicates and repeat handling
    *range(141, 146),  # deadlines and reminders
    *range(149, 153),  # lifecycle
    *(159, 160, 161, 163, 164),  # checking and closing
    *(*range(166, 172), 174, 175, 180),  # assessment
    *(187, 188, 189),  # gaming
    *(195, 197, 198, 199),  # supervising the supervisors
    *(204, 205, 206, 210, 211),  # sharing
    *(212, 213, 214, 217, 220),  # early warning, emergencies
    *(225, 243, 246),  # citizens, workload
}
EXPECTED = {
    *(f"R{row}" for row in CORE_ROWS),
    *(f"O{item}" for item in range(1, 29)),  # what a plain pipeline would miss
    *(f"T{item}" for item in range(1, 31)),  # acceptance tests of the features to build
    *(f"V{item}" for item in range(1, 18)),  # acceptance vectors, each of which a real system fails
}

Row = dict[str, str]


def rows() -> list[Row]:
    with (ROOT / "docs/requirements.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def faults_of_numbers(given: list[Row]) -> list[str]:
    """Numbers that are missing, unknown or given twice."""
    numbers = [row["number"] for row in given]
    return sorted(
        [f"{number} is missing" for number in EXPECTED - set(numbers)]
        + [f"{number} is not a requirement" for number in set(numbers) - EXPECTED]
        + [f"{number} is given {numbers.count(number)} times" for number in set(numbers) if numbers.count(number) > 1]
    )


def faults_of_row(row: Row, root: Path = ROOT) -> list[str]:
    """What is wrong with one line. ``test`` holds test ids (``path::name``) parted by spaces."""
    tests = row["test"].split()
    faults = [f"has no {column}" for column in ("kind", "text", "module") if not row[column].strip()]
    if row["issue"] not in ISSUES:
        faults.append(f"has issue {row['issue']!r}: use one of {sorted(ISSUES)}")
    if not tests and not row["gap"].strip():
        faults.append("has neither a test nor a stated gap")
    if tests and not (root / row["module"]).exists():
        faults.append(f"names {row['module']}, which does not exist, and a test all the same")
    faults += [f"names {test}, which does not exist" for test in tests if not is_a_test(test, root)]
    return [f"{row['number']} {fault}" for fault in faults]


def is_a_test(test: str, root: Path) -> bool:
    """Is there such a test function? Parameters in brackets are not looked at."""
    path, _, name = test.partition("::")
    name = name.split("[")[0]
    file = root / path
    return path.startswith("tests/") and file.is_file() and name in _test_names(file)


def _test_names(file: Path) -> set[str]:
    """Names of the tests in a file, those in classes as ``Class::name``."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    scopes = [("", tree.body)] + [(f"{node.name}::", node.body) for node in tree.body if isinstance(node, ast.ClassDef)]
    return {
        prefix + node.name
        for prefix, body in scopes
        for node in body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_columns_are_as_stated() -> None:
    assert list(rows()[0]) == COLUMNS


def test_every_number_has_one_line() -> None:
    assert len(EXPECTED) == 175
    assert faults_of_numbers(rows()) == []


def test_every_line_names_a_test_or_a_gap() -> None:
    assert [fault for row in rows() for fault in faults_of_row(row)] == []


def test_a_missing_a_doubled_and_an_unknown_number_are_found() -> None:
    given = [row for row in rows() if row["number"] != "R15"] + [{"number": "O1"}, {"number": "R5"}]
    assert faults_of_numbers(given) == ["O1 is given 2 times", "R15 is missing", "R5 is not a requirement"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"gap": ""}, "has neither a test nor a stated gap", id="nothing to show"),
        pytest.param({"gap": " "}, "has neither a test nor a stated gap", id="a blank gap"),
        pytest.param({"test": "tests/test_a.py::test_b"}, "which does not exist", id="no such test"),
        pytest.param({"test": "tests/test_b.py::test_a"}, "which does not exist", id="no such file"),
        pytest.param({"test": "tests/test_a.py"}, "which does not exist", id="a file is no test"),
        pytest.param({"test": "tests/test_a.py::helper"}, "which does not exist", id="a helper is no test"),
        pytest.param({"test": "tests/test_a.py::test_a", "module": "pipeline/b.py"}, "pipeline/b.py", id="no module"),
        pytest.param({"issue": "9"}, "has issue '9'", id="unknown issue"),
        pytest.param({"text": ""}, "has no text", id="no wording"),
        pytest.param({"test": "tests/test_a.py::test_a"}, None, id="an existing test"),
        pytest.param({"test": "tests/test_a.py::test_a[limit]", "gap": ""}, None, id="with its parameters"),
        pytest.param({"test": "tests/test_a.py::TestA::test_c tests/test_a.py::test_a"}, None, id="two tests"),
    ],
)
def test_a_faulty_line_is_found(change: Row, fault: str | None, tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/a.py").touch()
    (tmp_path / "tests").mkdir()
    text = "def test_a(): ...\ndef helper(): ...\nclass TestA:\n    def test_c(self): ...\n"
    (tmp_path / "tests/test_a.py").write_text(text, encoding="utf-8")
    row = {
        "number": "R1",
        "kind": "demand",
        "text": "t",
        "issue": "3",
        "module": "pipeline/a.py",
        "test": "",
        "gap": "g",
    }
    faults = faults_of_row(row | change, tmp_path)
    assert (faults == []) if fault is None else (len(faults) == 1 and fault in faults[0])
