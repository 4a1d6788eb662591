"""The base class of every rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archlint.findings import WHOLE_FILE, Finding, Fix, Place, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archlint.graph.node import Node
    from archlint.model import Model


class Rule:
    """A check that turns the facts about one model into findings.

    It holds no state, prints nothing, and yields nothing where the model does not say enough. The
    first line of a subclass's docstring is its summary; the Markdown file beside its module is its
    manual and contains its first tests.

    `code` is the letters of the family and three digits; it never changes its meaning. `name` says
    the same in words, for selections and suppressions. `severity` applies to findings that do not
    set their own. `since` is the first release with the rule. A rule that is not `enabled` runs
    only if it is selected by its own code or name.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = Severity.WARNING
    since: ClassVar[str] = ""
    tags: ClassVar[tuple[str, ...]] = ()
    enabled: ClassVar[bool] = True

    def check(self, model: Model) -> Iterable[Finding]:
        """Yield a finding for every place where `model` breaks this rule."""
        raise NotImplementedError

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring, without its full stop."""
        lines = (cls.__doc__ or "").strip().splitlines()
        return lines[0].strip().removesuffix(".") if lines else ""

    def finding(  # noqa: PLR0913 - every part of a finding is optional and named
        self,
        message: str,
        *,
        node: Node | str | None = None,
        tensor: str | None = None,
        path: tuple[str | int, ...] | None = None,
        key: str | None = None,
        data: Mapping[str, object] | None = None,
        help: str = "",
        severity: Severity | None = None,
        fix: Fix | None = None,
    ) -> Finding:
        """Return a finding of this rule at a symbolic place.

        `message` is lower case, without a full stop, and names the thing and the number. `node` and
        `tensor` are names in the graph; `key` narrows `node` to one argument. `path` is a path of
        keys into a text document, and takes precedence over `node` there.
        """
        name = node if node is None or isinstance(node, str) else node.name
        anywhere = name is None and tensor is None and path is None and key is None
        return Finding(
            code=self.code,
            name=self.name,
            severity=self.severity if severity is None else severity,
            message=message,
            place=WHOLE_FILE if anywhere else Place(name, tensor, path, key),
            data={} if data is None else data,
            help=help,
            fix=fix,
        )
