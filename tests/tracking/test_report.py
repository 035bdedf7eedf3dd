from rich.console import Console

from distil.framework.tables import short_count, table_columns, table_rows
from distil.tracking.content import model_metrics
from distil.tracking.report import markdown_table, print_report, rich_table


def test_short_counts():
    counts = [None, 7, 412_000, 900_000, 9_949_999, 54_000_000, 178_000_000, 1_300_000_000]
    assert [short_count(count) for count in counts] == ["–", "7", "412K", "0.9M", "9.9M", "54M", "178M", "1.3B"]


def test_a_finished_and_an_unfinished_model(run):
    run.add_model("student", "student")
    run.evaluate("student")
    run.add_model("later", "baseline")
    run.results["models"][1]["parameters"] = None
    assert table_rows(run.results) == [
        ("student", "student", "412K", "61.2 [58.0, 64.5]", "70.5 [67.5, 73.0]", "62.0 / 71.0", "4.2 [3.9, 4.6]"),
        ("later", "baseline", "–", "–", "–", "–", "–"),
    ]


def test_markdown_states_models_data_and_signals(run):
    run.add_model("a|b", "student")
    run.evaluate("a|b")
    text = markdown_table(run.results)
    assert "| a\\|b | student | 412K | 61.2 [58.0, 64.5] |" in text
    assert "State: running. EM and F1 in percent, on 300 questions of `dev`." in text
    assert "| train | 1,200 | 0 | 7 | 2 |" in text
    assert "| teacher | split | examples | bytes an example | null mass | moved mass |" in text
    assert "| teacher | train | 1,200 | 132 | 12.50% | 1.00% |" in text
    assert "| teacher | dev | 300 | 132 | 12.50% | – |" in text
    assert "Ensemble" not in text
    for signal in run.results["signals"]:
        signal["null_mass"] = 0.0  # as of texts, of which nobody says null
    assert "| teacher | split | examples | bytes an example | moved mass |" in markdown_table(run.results)
    widths = {line.replace("\\|", "").count("|") for line in text.split("##")[0].splitlines() if line.startswith("|")}
    assert widths == {8}


def test_what_was_done_to_examples_is_told_with_the_first_ids(run):
    assert "what was done" not in markdown_table(run.results)
    absent = "left out, as none of their answers occurs in the context"
    nearest = "moved to the nearest of several places where it occurs"
    run.results["data"]["splits"]["train"]["notes"] = {
        "absent": {"questions": 12, "meaning": absent, "first": ["a|1", *(f"q{number}" for number in range(9))]},
        "nearest": {"questions": 1, "meaning": nearest, "first": ["x\ny"]},
    }
    text = markdown_table(run.results)
    assert f"| train | {absent} | a\\|1, q0, q1, q2, q3, q4, q5, q6, q7, q8, … | 12 |" in text
    assert f"{nearest} | x y | 1 |" in text


def test_a_trimmed_vocabulary_is_told(run):
    run.add_model("student", "student")
    trimmed = run.results["models"][0]["trimmed"] = {"digest": "abc"}
    assert "trimmed" not in markdown_table(run.results)
    trimmed |= {"tokens": 900, "tokens_before": 1200, "parameters": 412_000, "parameters_before": 500_000}
    assert "is trimmed: 900 of 1,200 tokens and 412,000 of 500,000 parameters are left." in markdown_table(run.results)


def test_an_ensemble_has_a_table_of_its_teachers(run):
    run.add_ensemble()
    rows = {row[0]: row for row in table_rows(run.results)}
    assert rows["ensemble"][1:5] == ("ensemble", "–", "61.2 [58.0, 64.5]", "70.5 [67.5, 73.0]")
    assert rows["ensemble"][-1] == "–"
    assert rows["student"][1] == "student, transductive"
    text = markdown_table(run.results)
    heading = "| teacher | weight on `dev` | weight for the student | temperature |\n| --- | ---: | ---: | ---: |\n"
    assert heading + "| one | 0.75 ± 0.12 | 0.50 ± 0.00 | 1.50 |\n| the other | 0.25 ± 0.12 |" in text
    student = run.results["models"][-1]
    student["training"] = None
    assert "| one | 0.75 ± 0.12 | – | – |" in markdown_table(run.results)
    del run.results["models"][-1]
    assert "| one | 0.75 ± 0.12 | – | – |" in markdown_table(run.results)
    del run.results["models"][-1]["weights"]
    assert "## Ensemble" not in markdown_table(run.results)


def test_a_run_that_has_just_begun_has_an_empty_table(run):
    run.results |= {"data": None, "signals": [], "models": []}
    assert markdown_table(run.results).count("\n| ") == 2
    assert rich_table(run.results).row_count == 0


def test_the_terminal_shows_the_same_rows(run):
    from rich.console import Console

    run.add_model("student", "student")
    run.evaluate("student")
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(rich_table(run.results))
    shown = console.export_text()
    assert all(cell in shown for cell in table_rows(run.results)[0])


def test_how_latencies_were_measured_is_told_unless_it_was_before_models_took_turns(run):
    run.add_ensemble()
    line = "Latency: of 100 questions, each asked alone, on 1 CPU thread, all models taking turns."
    assert line in markdown_table(run.results)
    for model in run.results["models"]:
        model["latency"] = {"median_ms": 4.2, "p95_ms": 6.6, "questions": 100, "threads": 1}
    assert line not in markdown_table(run.results)
    assert table_rows(run.results)[0][-1] == "4.2"


def test_what_texts_do_not_hold_is_told(run):
    run.add_ensemble()
    assert "Not in the texts" not in markdown_table(run.results)
    run.results["models"][0]["evaluation"]["unlocated"] = 0.125
    assert "Not in the texts: 12.5% of what one wrote." in markdown_table(run.results)


def test_what_is_in_no_figures_is_told(run):
    run.add_ensemble()
    assert "Bytes of the texts" not in markdown_table(run.results)
    run.results["models"][0]["evaluation"]["unread"] = 0.125
    assert "Bytes of the texts that are not in the figures" in markdown_table(run.results)
    assert ": 12.5% for one." in markdown_table(run.results)


def test_what_asking_servers_took_is_told(run):
    run.add_ensemble()
    usage = {
        "requests": 1200,
        "input_tokens": 30000,
        "output_tokens": 400,
        "cost": 0.5,
        "seconds": 1.25,
        "invalid": 0.02,
    }
    run.results["models"][0]["usage"] = usage
    line = (
        "one: 1,200 requests, 30,400 tokens, 0.50 by its prices, 1.25 s for each; 2.0% of its answers were not valid."
    )
    assert line in markdown_table(run.results)
    place = table_columns(run.results).index("tokens / cost / s an example")
    assert [row[place] for row in table_rows(run.results)][:2] == ["30,400 / 0.50 / 1.25", "–"]
    assert model_metrics(run.results["models"][0])["usage/cost"] == 0.5
    usage["cost"], run.results["models"][0]["parameters"] = 0.00214, 0
    assert "0.0021 by its prices" in markdown_table(run.results)
    assert table_rows(run.results)[0][place] == "30,400 / 0.0021 / 1.25"
    assert table_rows(run.results)[0][table_columns(run.results).index("parameters")] == "–"  # a server does not say
    usage["cost"] = None
    assert table_rows(run.results)[0][place] == "30,400 / – / 1.25"
    assert "usage/cost" not in model_metrics(run.results["models"][0])
    assert "30,400 tokens, 1.25 s for each" in markdown_table(run.results)


def test_whether_it_paid_is_told_below_the_table(run, capsys):
    run.add_ensemble()
    assert "Did it pay?" not in markdown_table(run.results)
    f1 = {"difference": 7.34, "interval": [5.04, 9.61], "error": None, "verdict": "better"}
    one = {"model": "ensemble", "against": "one", "examples": 300, "seeds": 1, "paired": True, "differing": 40}
    run.results |= {"comparisons": [{**one, "metrics": {"f1": f1}}], "conclusions": ["The ensemble is above one."]}
    text = markdown_table(run.results).partition("## Did it pay?")[2]
    assert text.startswith(
        "\n\nThe ensemble is above one.\n\n| model | against | EM difference [95%] | F1 difference [95%] |"
    )
    assert "| ensemble | one | – | +7.3 [+5.0, +9.6] | 40 of 300 |" in text
    print_report(run.results, Console(width=140))
    shown = capsys.readouterr().out
    assert shown.rstrip().endswith("The ensemble is above one.")
    assert "(quartiles)" in shown
