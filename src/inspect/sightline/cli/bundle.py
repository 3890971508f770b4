"""``sightline bundle``: look at a bundle, check it, or pack it."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.cli.score import positive

if TYPE_CHECKING:
    from sightline.bundle import Bundle, Manifest
    from sightline.bundle.manifest import Agreement, Templates
    from sightline.config import Preprocess
    from sightline.runtime import Inspector

_TIMED_RUNS = 30


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``bundle`` with its subcommands."""
    parser = commands.add_parser("bundle", help="look at a bundle, check it, or pack it", description=__doc__)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _action(actions, "show", _show, "print what a bundle says about itself")
    verify = _action(actions, "verify", _verify, "check a bundle's files, model and golden samples on this machine")
    verify.add_argument("--threads", type=positive, metavar="N", help="threads a frame; by default all it may use")
    pack = _action(actions, "pack", _pack, "pack a bundle into one zip")
    text = "the zip; NAME-VERSION.zip beside the folder if not given"
    pack.add_argument("-o", "--output", type=Path, metavar="FILE", help=text)
    pack.add_argument("--replace", action="store_true", help="replace a zip that is there already")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle's folder, or a zip of it")
    parser.set_defaults(run=run)
    return parser


def _show(arguments: argparse.Namespace) -> int:
    from sightline.bundle import Bundle

    bundle = Bundle.open(arguments.bundle)
    for title, lines in _sections(bundle):
        print(f"{title}\n" + "\n".join(f"  {line}" for line in lines) + "\n")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from sightline.bundle import Bundle
    from sightline.runtime import Inspector, golden

    bundle = Bundle.open(arguments.bundle)
    print(f"files           ok: {len(bundle.manifest.files)} as listed, digest {bundle.digest[:12]}")
    for precision in bundle.precisions:
        inspector = Inspector(bundle, threads=arguments.threads, precision=precision)
        spec, types = inspector.manifest.input, len(inspector.manifest.classes)
        print(f"{precision} model      ok: keeps the contract, {spec.width} x {spec.height} px, {types} types")
        largest = golden.check(bundle, inspector.read_batch, precision=precision)
        model = bundle.model(precision)
        compared = f"{len(model.golden)} golden samples, largest difference {largest:.2g} of {model.tolerance:g}"
        print(f"{precision} self test  ok: {compared}")
        speed = f"{_milliseconds(inspector, bundle):.1f} ms an image (median, decoding left out)"
        print(f"{precision} speed      {speed}, threads: {inspector.threads}")
    return 0


def _pack(arguments: argparse.Namespace) -> int:
    from sightline.bundle import pack

    made = pack(arguments.bundle, arguments.output, replace=arguments.replace)
    print(f"{made}  {made.stat().st_size:,} bytes")
    return 0


def _milliseconds(inspector: Inspector, bundle: Bundle) -> float:
    from sightline.runtime import golden

    frames = [golden.frame_of(bundle, sample) for sample in bundle.manifest.golden]
    times = []
    for number in range(_TIMED_RUNS):
        start = time.perf_counter()
        inspector.inspect(frames[number % len(frames)])
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def _sections(bundle: Bundle) -> Iterator[tuple[str, list[str]]]:
    """Title and lines of each part of what `show` prints."""
    manifest = bundle.manifest
    spec = manifest.input
    yield (
        f"{manifest.name} {manifest.version}",
        _columns(
            ("product", manifest.product),
            ("sector", manifest.sector),
            ("method", manifest.method),
            ("types", ", ".join(manifest.classes)),
            ("input", f"{spec.width} x {spec.height} px, {spec.fit}, {spec.colour}, {spec.bits} bits of 16"),
            *_looks(spec),
            *([("templates", _templates(manifest.templates))] if manifest.templates else []),
            ("digest", bundle.digest),
            (
                "needs",
                f"Sightline {manifest.runtime_needed}, ONNX contract {manifest.contract}, opset {manifest.opset}",
            ),
        ),
    )
    yield "decides", _decides(manifest)
    yield "was measured", _columns(*_metric_rows(manifest)) or ["nothing"]
    yield (
        "learned from",
        _columns(
            ("data", manifest.data.source),
            ("licence", manifest.data.licence),
            ("digest", manifest.data.digest),
            *((part, _counts(counts)) for part, counts in manifest.data.counts.items()),
        ),
    )
    yield "was made", _made(manifest)
    yield "files", _columns(*((name, f"{size:,} bytes") for name, size in bundle.sizes.items()))


def _made(manifest: Manifest) -> list[str]:
    parity, made = manifest.parity, manifest.provenance
    compared = f"{parity.images:,} images, largest score difference {parity.largest_score_difference:.1e}"
    if parity.largest_box_shift is not None:
        compared += f", largest shift of a box {parity.largest_box_shift:.1e} px"
    return _columns(
        ("when", made.created),
        ("by", f"Sightline {made.code_version}, run {made.run}, seed {made.seed}"),
        ("recipe", made.recipe_digest),
        ("MLflow run", made.mlflow_run or "none"),
        ("parity", f"{compared}, {parity.verdict_flips} verdicts changed"),
        ("int8", "none" if manifest.int8 is None else "; ".join(map(_agrees, manifest.int8.agreement))),
    )


def _looks(spec: Preprocess) -> list[tuple[str, str]]:
    """What of a frame is inspected, where that is not all of it in one look."""
    rows = []
    if spec.tiles:
        told = f"frames are cut into tiles of {spec.width} x {spec.height} px at their own scale"
        rows.append(("tiles", f"{told}, {spec.tiles.overlap} px overlap"))
    if spec.align:
        limits = f"at most {spec.align.reach:g} px and {spec.align.turn:g} degrees off"
        rows.append(("align", f"to the template, {spec.align.motion}, {limits}, quality from {spec.align.quality:g}"))
    if spec.roi:
        xs, ys = zip(*spec.roi, strict=True)
        around = f"x {min(xs):g} to {max(xs):g}, y {min(ys):g} to {max(ys):g}"
        rows.append(("roi", f"{len(spec.roi)} corners, {around} px"))
    if spec.ignore:
        rows.append(("ignored", f"{len(spec.ignore)} {'region' if len(spec.ignore) == 1 else 'regions'}"))
    if spec.mm_per_pixel:
        rows.append(("scale", f"{spec.mm_per_pixel:g} mm a pixel of the frame"))
    return rows


def _templates(templates: Templates) -> str:
    use = "each frame is compared with one" if templates.compared else "each frame is aligned to one"
    if not templates.variants:
        return f"{use}, which comes with the frame (score --template)"
    names = ", ".join(templates.variants)
    if len(templates.variants) == 1:
        return f"{use}; the bundle holds it: {names}"
    how = "that it fits best" if templates.choose == "match" else "that it is said to show (score --variant)"
    return f"{use}, of the variant {how}: {names}"


def _locates(manifest: Manifest) -> list[tuple[str, str]]:
    """How single defects are told."""
    locate, smallest = manifest.locate, manifest.policy.minimum_area
    if locate is None:
        return [("located", "no: a verdict says what, not where")]
    if locate.by == "boxes":
        each = [f"{name} from {peak:.3f}" for name, peak in locate.peaks.items()]
    else:
        each = [f"{name} from {peak:.3f} to an edge of {locate.edges[name]:.3f}" for name, peak in locate.peaks.items()]
    rows = [("located", f"by {locate.by}: {'; '.join(each)}")]
    if smallest:
        scale = manifest.input.mm_per_pixel
        metric = f", {smallest * scale * scale:.3g} mm²" if scale else ""
        rows.append(("smallest", f"{smallest:g} px of the frame{metric}: what is smaller does not count"))
    return rows


def _decides(manifest: Manifest) -> list[str]:
    limits = [
        (
            "any defect" if key == "*" else key,
            f"NG from {limit.ng:.3f}" + (f", REVIEW from {limit.review:.3f}" if limit.review < limit.ng else ""),
        )
        for key, limit in manifest.policy.thresholds.items()
    ]
    facts = [("chosen by", manifest.policy.chosen_by)] if manifest.policy.chosen_by else []
    if not manifest.policy.good_known:
        facts.append(("never OK", "the model has seen no good part"))
    if manifest.calibration:
        fitted = manifest.calibration
        told = f"{fitted.method} on {fitted.count:,} "
        if fitted.log_loss_before is None or fitted.log_loss_after is None:
            told += "good parts: a score s says that one in 10^(s / (1 - s)) of them scores as high"
        else:
            told += f"images, log loss {fitted.log_loss_before:.3f} to {fitted.log_loss_after:.3f}"
        facts.append(("calibrated", told))
    return _columns(*limits, *_locates(manifest), *facts)


def _agrees(agreement: Agreement) -> str:
    found = (
        f"{agreement.part}: {agreement.images:,} images, largest score difference "
        f"{agreement.largest_score_difference:.3f}, {agreement.verdict_flips:,} verdicts changed"
    )
    if agreement.auroc is not None and agreement.auroc_int8 is not None:
        found += f", AUROC {agreement.auroc:.4f} to {agreement.auroc_int8:.4f}"
    if agreement.places is not None and agreement.places_int8 is not None:
        found += f", single defects {agreement.places:.4f} to {agreement.places_int8:.4f}"
    return found


def _metric_rows(manifest: Manifest) -> list[tuple[str, str]]:
    return [
        (m.name, f"{m.value:.4f}  ({m.low:.4f} to {m.high:.4f}, {m.interval}, {m.count:,} groups)")
        for m in manifest.headline_first
    ]


def _counts(counts: dict[str, int]) -> str:
    return f"{sum(counts.values()):,}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _columns(*rows: tuple[str, str]) -> list[str]:
    """Names and values as two columns."""
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {value}" for name, value in rows]
