"""A small invented set of labelled messages in the layout of ``taidi``."""

from __future__ import annotations

import csv
import random
from pathlib import Path

WORDS = {
    "路灯": ("路灯不亮", "灯杆歪了", "夜里一片漆黑", "灯泡坏了"),
    "垃圾": ("垃圾没人清", "臭味很大", "垃圾桶满了", "苍蝇很多"),
    "噪声": ("半夜还在施工", "机器声太吵", "音响开得很大", "睡不着觉"),
}
FILLING = ("请尽快处理", "住在附近的人意见很大", "已经好几天了", "谢谢", "希望有关部门来看看", "打过电话没人管")


def messages(count: int, seed: int = 1) -> list[dict[str, str]]:
    """Messages with their label; time goes on by an hour each."""
    chance, rows = random.Random(seed), []
    for number in range(count):
        label = chance.choice(sorted(WORDS))
        own = "".join(chr(0x6E00 + chance.randrange(60)) for _ in range(40))
        said = [*chance.sample(WORDS[label], 2), chance.choice(FILLING), own]
        chance.shuffle(said)
        time = f"2020/1/{1 + number // 24} {number % 24}:00:00"
        rows.append({"label": label, "text": "，".join(said), "id": f"m{number}", "time": time})
    return rows


def write_set(folder: Path, rows: list[dict[str, str]], words: list[dict[str, str]] = ()) -> Path:  # type: ignore[assignment]
    """The folder of a set: ``labelled.csv``, and ``segmented.csv`` when there are rows of words."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"labelled.csv": rows} | ({"segmented.csv": words} if words else {})
    for name, table in tables.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
    return folder
