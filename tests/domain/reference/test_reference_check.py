"""Each fault planted alone is found with its place; planted together they are all found at once."""

import pytest

from pipeline.domain.reference.load import load_reference
from tests.domain.reference.conftest import Plant, faults

Added = dict[str, list[str]]
Changed = dict[str, tuple[str, str]]


def test_the_small_set_is_sound(plant: Plant) -> None:
    assert faults(plant()) == []


BORDERS = "id,line,drift_share,drift_m,flag_at"
SPOTS = "lon,lat,tier,drawn,held,border_m,cases"

FAULTS: list[tuple[str, Added, Changed, str]] = [
    (
        "unknown category in a filing standard",
        {"filing_standards": ["F9,S,incident,9,1,observed,,,,x,y,1,work_day,1"]},
        {},
        "no such category",
    ),
    ("unknown category an alarm opens", {}, {"sensor_limits": ("S,component,1", "S,component,7")}, "S|component|7"),
    (
        "unknown department in a duty",
        {},
        {"duties": ("D3,S,incident,2,,police", "D3,S,incident,2,,nobody")},
        "no such department",
    ),
    ("unknown area in a duty", {}, {"duties": ("D4,S,incident,2,", "D4,S,incident,2,Z")}, "no such area"),
    ("unknown successor", {}, {"categories": ("requires_enforcement", "successor")}, "'||true'"),
    ("unknown post", {}, {"persons": ("acceptor", "chief")}, "no such post"),
    (
        "category without a duty",
        {
            "categories": ["S,incident,3,乙,B,03,other,"],
            "filing_standards": ["F9,S,incident,3,0,default,,,,x,y,1,work_day,1"],
        },
        {},
        "no line of duties.csv",
    ),
    ("category without a limit", {"categories": ["S,incident,4,乙,B,02,manhole,"]}, {}, "gives its limit"),
    (
        "a level left out",
        {},
        {"areas": ("R,Grid,T,grid,responsibility,4", "R,Grid,D,grid,responsibility,4")},
        "a level is left out: write 3",
    ),
    ("a ring of parents", {}, {"areas": ("C,City,,city,city,1", "C,City,T,city,city,1")}, "its own ancestor"),
    ("unknown level role", {}, {"areas": ("street,street,3", "street,block,3")}, "no level of grid system unit"),
    (
        "dead duty: nothing means it",
        {"duties": ["D9,S,incident,family:water,,works,Act 1,10,,"]},
        {},
        "dead rule: no category means it",
    ),
    (
        "dead duty: always preceded",
        {"duties": ["D9,S,incident,2,,police,Act 2,50,,"]},
        {},
        "an earlier line of the same legal basis",
    ),
    (
        "dead class rule: always preceded",
        {"class_rules": ["E2,2,difficult,fire,x,x"]},
        {},
        "E1 (smaller priority) always decides first",
    ),
    (
        "dead class rule: no such word class",
        {"class_rules": ["E3,3,difficult,quake,x,x"]},
        {},
        "no emergency word is of this class",
    ),
    (
        "class rules without an end",
        {},
        {"class_rules": ("G,9,general,,", "G,9,general,fire,")},
        "end the rules with one that has no condition",
    ),
    ("unreachable department", {"departments": ["idle,闲,Idle,bureau,district,"]}, {}, "unreachable: no duty"),
    ("weights that do not sum to 1", {}, {"weights": ("0.6", "0.7")}, "make the weights of the set sum to 1"),
    ("a weight of nothing", {"weights": ["a,three,0,up"]}, {}, "above 0 and at most 1"),
    ("responsibility grid without a person", {}, {"persons": ("acceptor,R", "acceptor,T")}, "needs a person"),
    (
        "overlapping validity",
        {"sensor_limits": ["L2,tilt,angle,degree,last,1,>,12,DURATION,5,minor,S,component,1,own"]},
        {},
        "end the one before the other begins",
    ),
    (
        "enforcement led by a grid",
        {"departments": ["committee,居委会,Committee,community,community,true"]},
        {"duties": ("D3,S,incident,2,,police", "D3,S,incident,2,,committee")},
        "needs enforcement power",
    ),
    (
        "enforcement led without power",
        {},
        {"duties": ("D3,S,incident,2,,police", "D3,S,incident,2,,works")},
        "needs enforcement power",
    ),
    ("a move to an unknown state", {"lifecycle": ["open,lose,lost,acceptor,,"]}, {}, "no such state"),
    ("a state nobody reaches", {"states": ["limbo,失,Limbo,b,,true,"]}, {}, "unreachable: no move leads to it"),
    (
        "a state without an exit",
        {"states": ["stuck,卡,Stuck,b,,,"], "lifecycle": ["open,jam,stuck,acceptor,,"]},
        {},
        "stay here for ever",
    ),
    ("an end with moves", {"lifecycle": ["closed,wake,open,acceptor,,"]}, {}, "an end has no moves"),
    ("a reason asked for but not listed", {}, {"lifecycle": ("true,done", "true,")}, "list the reason codes"),
    (
        "a reason of another action",
        {"reason_codes": ["cold,open,冷,Cold"]},
        {"lifecycle": ("true,done", "true,done|cold")},
        "list it for the action close",
    ),
    ("a post of units of an unknown kind", {}, {"posts": ("district,centre", "district,center")}, "no such unit kind"),
    ("an unknown role", {}, {"lifecycle": ("acceptor", "king")}, "no such role"),
    ("a holiday twice", {"calendar": ["2026-10-01,true,又"]}, {}, "keep one row; the first is at calendar.csv:3"),
    (
        "a department twice",
        {"departments": ["works,养护,Works,utility,district,"]},
        {},
        "keep one row; the first is at departments.csv:4",
    ),
    (
        "a comparison without a number",
        {},
        {"filing_standards": ("damage_area,25", "damage_area,")},
        "give a threshold to a comparison",
    ),
    (
        "an unknown operator",
        {},
        {"filing_standards": ("F2,S,incident,1,1,observed", "F2,S,incident,1,1,seen")},
        "write one of >, >=",
    ),
    (
        "a clearing value beyond the limit",
        {},
        {"sensor_limits": ("DURATION,5", "DURATION,15")},
        "clear on the good side",
    ),
    ("repeat handling too late", {"stage_limits": ["L2,repeat_handling,*,31,natural_day"]}, {}, "give 1 to 30 days"),
    ("repeat handling at once", {"stage_limits": ["L2,repeat_handling,*,0,natural_day"]}, {}, "give 1 to 30 days"),
    ("repeat handling by work", {"stage_limits": ["L2,repeat_handling,*,30,work_day"]}, {}, "write natural_day"),
    ("repeat handling of some", {"stage_limits": ["L2,repeat_handling,hotline,30,natural_day"]}, {}, "write *: one"),
    ("a device that nothing judges", {"devices": ["d2,scale,weight,R"]}, {}, "has this kind with one of its metrics"),
    (
        "a validity that ends before it begins",
        {
            "source_categories": [
                "source_system,text,standard,kind,code,valid_from,valid_to",
                "b,x,S,incident,1,2026-02-01,2026-01-01",
            ]
        },
        {},
        "end the validity after it begins",
    ),
    (
        "a word of another rule's class",
        {"class_rules": ["E2,2,emergency,water,x,x"], "emergency_words": ["水,water,E2", "淹,water,E1"]},
        {},
        "E1 asks for class 'fire'",
    ),
    ("a bound of doubt of 0", {"border_rules": [BORDERS, "street,rigid,,50,0"]}, {}, "flag_at = '0.0'"),
    ("a rigid line that drifts", {"border_rules": [BORDERS, "district,rigid,0.1,50,0.1"]}, {}, "nothing for a rigid"),
    ("a kind of line", {"border_rules": [BORDERS, "community,wavy,,50,0.1"]}, {}, "write one of rigid, flexible"),
    ("an unknown area in a ledger", {"practices": [SPOTS, "121,31,street,T,X,,1"]}, {}, "no such area"),
    ("a spot without cases", {"practices": [SPOTS, "121,31,street,T,T,,0"]}, {}, "give a number above 0"),
]


@pytest.mark.parametrize(("added", "changed", "message"), [pytest.param(*row[1:], id=row[0]) for row in FAULTS])
def test_a_planted_fault_is_found(plant: Plant, added: Added, changed: Changed, message: str) -> None:
    found = faults(plant(added, changed))
    assert any(message in line for line in found), found


def test_all_planted_faults_are_listed_at_once(plant: Plant) -> None:
    added: Added = {}
    planted = [row for row in FAULTS if not row[2]]
    for _, more, _, _ in planted:
        for table, lines in more.items():
            fresh = [line for line in lines if line not in added.get(table, [])]
            added.setdefault(table, []).extend(fresh)
    found = faults(plant(added))
    missing = [row[0] for row in planted if not any(row[3] in line for line in found)]
    assert missing == []


def test_a_fault_names_file_line_field_value_and_remedy(plant: Plant) -> None:
    (line,) = faults(plant(changed={"weights": ("0.6", "0.7")}))
    assert line == "weights.csv: weight = 'a: 1.1': make the weights of the set sum to 1"
    (line,) = faults(plant(changed={"persons": ("acceptor", "chief")}))
    assert line == "persons.csv:3: post = 'chief': no such post; add it or name another"


def test_two_laws_on_one_act_are_an_overlap_and_no_fault(plant: Plant) -> None:
    reference = load_reference(plant())
    category = reference.category("S", "incident", "2")
    assert category is not None
    assert [duty.legal_basis for duty in reference.duties_for(category, (), 0)] == ["Act 2", "Act 3"]


@pytest.mark.parametrize("levels", [3, 4, 5])
def test_trees_of_three_four_and_five_levels_are_sound(plant: Plant, levels: int) -> None:
    roles = ["city", "district", "street", "community", "unit"]
    tiers = ["city", "district", "street", "community", "grid"]
    lines = [f"X{n},Area {n},{f'X{n - 1}' if n else ''},{tiers[n]},{roles[n]},{n + 1}" for n in range(levels)]
    systems = ("city|district|street|responsibility", "city|district|street|community|unit|responsibility")
    folder = plant({"areas": lines}, {"grid_systems": systems})
    assert load_reference(folder).area_path(f"X{levels - 1}") == tuple(f"X{n}" for n in range(levels))


@pytest.mark.parametrize("days", [1, 30])
def test_a_period_of_repeat_handling_within_that_of_recurrences_is_sound(plant: Plant, days: int) -> None:
    assert faults(plant({"stage_limits": [f"L2,repeat_handling,*,{days},natural_day"]})) == []
