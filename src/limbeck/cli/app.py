"""The commands. What a command uses is imported when it runs, so that `limbeck --help` stays quick."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbeck.cli import output
from limbeck.cli.server import credentials, sandboxes, serve

if TYPE_CHECKING:
    from limbeck.client import Client

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From customer events to an honest forecast, over Adobe Experience Platform's interfaces.",
)

DefinitionFile = Annotated[Path, typer.Argument(metavar="DEFINITION", help="A TOML file (docs/definition.md).")]
HomeOption = Annotated[Path | None, typer.Option("--home", help="Folder of all data; ./.limbeck if not given.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="config.ini naming a Limbeck server, or AEP.")]
OutputOption = Annotated[Path | None, typer.Option("--output", help="Folder for results; one in the home else.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print each write it would make; make none.")]
ProductionOption = Annotated[bool, typer.Option("--yes-production", help="Allow a sandbox of type production.")]
SandboxOption = Annotated[str | None, typer.Option("--sandbox", help="Sandbox; the configuration's if not given.")]

STEPS = {
    "run": "Run all steps and write the report. What is done already is not done again.",
    "generate": "Step 1: bring the sources into datasets of the platform.",
    "explore": "Step 2a: count the events and the funnel towards the goal.",
    "featurize": "Step 2b: compute labels and features by SQL, as a training, a test and a scoring set.",
    "export": "Step 3: export the sets to the landing zone as Parquet, and bring them here.",
    "train": "Step 4: train the candidates and judge the best of them on a later cutoff.",
    "score": "Step 5: score every eligible profile with the champion.",
    "uplift": "Learn from the experiment of [uplift] whom a contact changes, and how sure that is.",
    "ingest": "Step 6: bring the scores home through the landing zone, onto profiles.",
    "activate": "Step 7: choose people by their score, make the audience, deliver its members.",
}


def _add_step(name: str, told: str) -> None:
    @app.command(name, help=told)
    def command(
        definition: DefinitionFile,
        home: HomeOption = None,
        config: ConfigOption = None,
        output: OutputOption = None,
        json: JsonOption = False,
        dry_run: DryRunOption = False,
        yes_production: ProductionOption = False,
    ) -> None:
        from limbeck.cli import steps

        with _connected(home, config, json) as client:
            steps.go(name, client, definition, home, output, dry_run=dry_run, yes_production=yes_production)


for _name, _told in STEPS.items():
    if _name != "featurize":
        _add_step(_name, _told)


@app.command("featurize", help=STEPS["featurize"])
def featurize(
    definition: DefinitionFile,
    home: HomeOption = None,
    config: ConfigOption = None,
    output: OutputOption = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print the SQL, step by step; compute nothing.")] = False,
    yes_production: ProductionOption = False,
) -> None:
    """Compute the sets, or print how."""
    from limbeck.cli import steps

    with _connected(home, config, json) as client:
        if explain:
            steps.explain_sql(client, definition, home, output)
        else:
            steps.go("featurize", client, definition, home, output, dry_run=dry_run, yes_production=yes_production)


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help="One statement of Query Service's dialect.")],
    home: HomeOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    sandbox: SandboxOption = None,
) -> None:
    """Run one SQL statement and print its rows."""
    with _connected(home, config, json, sandbox) as client:
        rows = client.sql(statement).table()
        output.current().table(rows.column_names, [tuple(row.values()) for row in rows.to_pylist()])


@app.command()
def explain(
    profile: Annotated[str, typer.Argument(help="NAMESPACE:id, or an id in the namespace of the definition.")],
    definition: Annotated[
        Path | None, typer.Argument(metavar="[DEFINITION]", help="A TOML file; that of the latest run if not given.")
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show one person: events, features, score, audiences. Runs no step."""
    from limbeck.cli import explain as explained

    output.choose(json)
    asked = definition or explained.latest(home)
    with _connected(home, config, json) as client:
        explained.explain(client, profile, asked, home)


@app.command()
def plan(
    definition: DefinitionFile,
    by: Annotated[
        str | None, typer.Option("--by", help="A feature: show reach and precision by its values too.")
    ] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show what choosing by score, or uplift, would cost and bring, for every threshold. Runs no step."""
    from limbeck.cli import plan as planned

    with _connected(home, config, json) as client:
        planned.plan(client, definition, home, by)


@app.command()
def truth(
    definition: DefinitionFile,
    home: HomeOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Compare the scores of synthetic people with the truth. Runs no step."""
    from limbeck.cli import truth as true

    with _connected(home, config, json) as client:
        true.truth(client, definition, home)


@app.command()
def monitor(
    definition: DefinitionFile,
    home: HomeOption = None,
    config: ConfigOption = None,
    output: OutputOption = None,
    json: JsonOption = False,
    yes_production: ProductionOption = False,
) -> None:
    """Tell whether the model still holds: who is scored now beside training, forecasts beside outcomes."""
    from limbeck.cli import models

    with _connected(home, config, json) as client:
        models.monitor(client, definition, home, output, yes_production=yes_production)


@app.command()
def promote(
    definition: DefinitionFile,
    version: Annotated[str | None, typer.Argument(help="A version; the challenger if not given.")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a version of the model the champion by hand: the one that scores from now on."""
    from limbeck.cli import models

    output.choose(json)
    models.promote(definition, version, home)


@app.command()
def connect(
    home: HomeOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    sandbox: SandboxOption = None,
) -> None:
    """Prove that the connection works: where it leads, what is there, how large it is."""
    from limbeck.cli import home as homes

    output.choose(json)
    homes.connect(home, config, sandbox)


@app.command()
def clean(
    home: HomeOption = None,
    older_than: Annotated[str, typer.Option(help="Age from which things go: '7 days', '12 hours'.")] = "7 days",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would go; remove nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Free the disk of a home: orphans, old versions and exports, results no longer in use."""
    from limbeck.cli import home as homes

    output.choose(json)
    homes.clean(home, older_than, dry_run=dry_run)


@app.command()
def compatibility(
    of: Annotated[
        str | None, typer.Option(help="endpoints, statements, functions or clients; all if not given.")
    ] = None,
    service: Annotated[str | None, typer.Option(help="One service or group only, such as Catalog.")] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Only what is not served.")] = False,
    json: JsonOption = False,
) -> None:
    """Tell which endpoints, SQL and clients are served, each with the test that shows it."""
    from limbeck.cli import compatibility as compatible

    output.choose(json)
    compatible.show(of, service, missing)


@app.command("exec", context_settings={"ignore_unknown_options": True})
def execute(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND …", help="The program and its arguments.")],
    home: HomeOption = None,
    sandbox: SandboxOption = None,
) -> None:
    """Run a program that was written for AEP against a home, by environment variables only (docs/exec.md)."""
    from limbeck.cli import exec as executed

    output.choose(json=False)
    raise typer.Exit(executed.run(home, sandbox, command))


app.command()(serve)
app.add_typer(credentials, name="credentials")
app.add_typer(sandboxes, name="sandbox")


@contextmanager
def _connected(home: Path | None, config: Path | None, json: bool, sandbox: str | None = None) -> Iterator[Client]:
    from limbeck.connect import connect

    shown = output.choose(json)
    shown.note(f"platform of {config}" if config else f"home {Path(home or '.limbeck').absolute()}")
    with connect(home, config, sandbox) as client:
        yield client
