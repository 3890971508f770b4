"""What a person should know about the images before anything is trained on them.

Errors make training pointless and stop it, warnings make figures weaker than they look, notes are good to know.
"""

from __future__ import annotations

from collections.abc import Sequence

from sightline.config import Preprocess
from sightline.config.localise import Localise
from sightline.config.recipe import Data
from sightline.config.template import Template
from sightline.dataset.check import doubts, facts, faults, localising, notes, paired, regions, templates
from sightline.dataset.check.doubts import FEWEST_IN_TEST
from sightline.dataset.check.found import Found
from sightline.dataset.check.marked import look
from sightline.dataset.report import CheckReport
from sightline.dataset.scan import Scan
from sightline.index import Index, Split

__all__ = ["FEWEST_IN_TEST", "CheckReport", "check"]


def check(
    index: Index,
    scan: Scan,
    data: Data,
    preprocess: Preprocess | None = None,
    *,
    one_class: bool = False,
    defects_teach: bool = True,
    localise: Localise | None = None,
    outlined: bool = False,
    template: Template | None = None,
    left_out: Sequence[str] = (),
) -> CheckReport:
    """Judges an index that was scanned, grouped and split.

    Args:
        index: The readable images, with group and part.
        scan: What the files hold, with the reader's groups and parts.
        data: The recipe's section that they came from.
        preprocess: The model's input; without it sizes are not compared with it.
        one_class: Whether good parts are learned, and no types of defect.
        defects_teach: Whether defects are learned from.
        localise: The recipe's section if it is learned where defects are (tasks ``segment`` and ``detect``), else None.
        outlined: Whether it is learned which pixels show a defect (task ``segment``).
        template: The recipe's section if its images have templates, else None.
        left_out: Folders of our own below the root, in which no image was looked for.
    """
    templates_found = templates.of(index, preprocess or Preprocess(), template) if template else None
    sizes = templates_found.sizes if templates_found else {}
    found = Found(
        index=index,
        scan=scan,
        data=data,
        preprocess=preprocess,
        one_class=one_class,
        defects_teach=defects_teach,
        localise=localise,
        outlined=outlined,
        marked=look(index, scan, preprocess, sizes) if localise else (),
        templates=templates_found,
    )
    by_part = {part: index.counts(part) for part in Split}
    return CheckReport(
        facts=facts.facts(found),
        counts={name: {part.value: by_part[part][name] for part in Split} for name in found.classes},
        groups={name: found.groups_of(name) for name in found.classes},
        marked=localising.sizes(found),
        errors=(
            *faults.faults(found),
            *regions.faults(found),
            *paired.faults(found),
            *localising.faults(found),
        ),
        warnings=(*doubts.doubts(found), *regions.doubts(found), *paired.doubts(found), *localising.doubts(found)),
        notes=(*notes.own_folders(left_out), *notes.notes(found), *localising.notes(found)),
        unreadable=scan.unreadable | scan.unfit,
        twins=facts.pairs(found),
    )
