"""``sightline demo``: the whole chain on the synthetic product, from no image at all to a report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.demo import Result

_DESCRIPTION = """\
Make photographs of a synthetic product, check them, train, track the experiment in MLflow, export the bundle, and let
it inspect parts that it has never seen. Needs no image, no download and no GPU.

Everything goes into one folder. Run again in it, the demo uses the images that are there, adds a run, and replaces
recipe.yaml, verdicts.jsonl and report.html."""

_NEXT = """
Look at it:
  {report}
      every verdict with its picture, in a browser
  {experiment}
      the experiment: curves, confusion matrix, worst misses, the registered bundle
  sightline bundle show "{bundle}"
      what the bundle says about itself

Now with your own images, in a folder per type of defect and one called good:
  sightline data check photos
  sightline train my-part.yaml
  sightline score runs/RUN/bundle/my-part-1.0.0 new-photos --report report.html
where my-part.yaml holds two lines, and everything else has a default:
  name: my-part
  data: {{root: photos}}"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``demo``."""
    parser = commands.add_parser("demo", help="show the whole chain on a synthetic product", description=_DESCRIPTION)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="values of the demo's recipe to replace")
    parser.add_argument("--dir", type=Path, default=Path("demo"), metavar="DIR", help="where everything goes (demo)")
    parser.add_argument("--count", type=int, metavar="N", help="how many parts to learn from")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another seed, other parts and weights (0)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from sightline import demo
    from sightline.cli.progress import Bars

    with Bars() as progress:
        result = demo.run(
            arguments.dir,
            count=demo.COUNT if arguments.count is None else arguments.count,
            seed=arguments.seed,
            overrides=arguments.overrides,
            progress=progress,
            say=print,
        )
    print(_next(result))
    return 0


def _next(result: Result) -> str:
    return _NEXT.format(
        report=result.report, experiment=result.experiment or "(tracking was switched off)", bundle=result.bundle
    )
