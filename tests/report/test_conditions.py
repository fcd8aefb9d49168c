"""The table of a judged run."""

from idvae.report.conditions import markdown


def test_a_name_that_ends_a_cell_is_escaped():
    rows = {name: {"generated": [0.5, 0.1]} for name in ("Hat|Cap", "other")}
    values = {"kind": "attributes", "rows": rows, "identity_scale": {}}
    head, _, one, *_ = markdown(values, "lite0").splitlines()
    assert one.startswith(r"| Hat\|Cap | 50.0")
    assert one.replace(r"\|", "").count("|") == head.count("|")
