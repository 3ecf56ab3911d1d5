"""Structure of division, grid and component codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.reference.codes import CodeKind, fault, is_component, is_unit_grid, parse


@pytest.mark.parametrize(
    ("text", "kind", "division", "category", "serial"),
    [
        pytest.param("310101", CodeKind.COUNTY, "310101", "", "", id="county"),
        pytest.param("310101002", CodeKind.STREET, "310101", "", "", id="street"),
        pytest.param("310101002001", CodeKind.COMMUNITY, "310101", "", "", id="community"),
        pytest.param("31010100200101", CodeKind.UNIT_GRID_OLD, "310101", "", "01", id="old unit grid"),
        pytest.param("310101002001001", CodeKind.UNIT_GRID, "310101", "", "001", id="unit grid"),
        pytest.param("3101010101000001", CodeKind.COMPONENT_2013, "310101", "0101", "000001", id="component of 2013"),
        pytest.param("31010101001000001", CodeKind.COMPONENT_2026, "310101", "01001", "000001", id="component of 2026"),
    ],
)
def test_a_code_tells_its_parts(text: str, kind: CodeKind, division: str, category: str, serial: str) -> None:
    code = parse(text)
    assert code is not None
    assert (code.kind, code.division, code.category, code.serial) == (kind, division, category, serial)
    assert fault(text) == ""


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        pytest.param("31010", "5 digits fit no code", id="five digits"),
        pytest.param("3101010020010", "13 digits fit no code", id="thirteen digits"),
        pytest.param("31010A", "digits only", id="a letter"),
        pytest.param("３１０１０１", "digits only", id="full-width digits"),
        pytest.param("001010", "out of range", id="no such province"),
        pytest.param("310101000", "out of range", id="street 000"),
        pytest.param("310101002001000", "out of range", id="grid serial 000"),
        pytest.param("3101010101000000", "out of range", id="component serial 000000"),
        pytest.param("3101010001000001", "out of range", id="major 00"),
    ],
)
def test_a_wrong_code_is_refused_with_a_remedy(text: str, remedy: str) -> None:
    assert parse(text) is None
    assert remedy in fault(text)


def test_grids_and_components_are_told_apart() -> None:
    assert is_unit_grid("310101002001001")
    assert not is_unit_grid("3101010101000001")
    assert is_component("3101010101000001")
    assert not is_component("310101002001001")


@given(st.text(max_size=20))
def test_no_text_breaks_the_parser(text: str) -> None:
    assert (parse(text) is None) == (fault(text) != "")
