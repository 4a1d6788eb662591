"""A tensor during reading, before its name and location are known."""

from __future__ import annotations

from msgspec import Struct, field

from archlint.sources.payload import Payload


class StoredTensor(Struct):
    """A tensor whose bytes are left out of the skeleton.

    `external` holds the external_data entries of the file. `of_node` means that the tensor is an
    attribute of a node that has not been read completely, so that its outputs may be unknown.
    """

    name: str = ""
    data_type: int = 0
    dims: list[int] = field(default_factory=list)
    is_external: bool = False
    external: dict[str, str] = field(default_factory=dict)
    field_name: str = ""
    offset: int = 0
    length: int = 0
    where: tuple[str, ...] = ()
    of_node: bool = False

    def named_by(self, node: dict[str, str]) -> None:
        """Set the name by which the graph refers to the value of an attribute."""
        attribute, *part = self.where or ("",)
        output = node.get("output", "")
        if node.get("op_type") == "Constant" and attribute in {"value", "sparse_value"}:
            indices = part == ["indices"]
            self.name = f"{output}.indices" if indices else output
        elif not self.name:
            self.name = ".".join((output, *self.where))
        self.of_node = False

    def payload(self, name: str) -> Payload:
        """Return where the bytes are; external locations are not validated here."""
        dims = tuple(self.dims)
        if not self.is_external:
            return Payload(
                name,
                self.data_type,
                dims,
                self.field_name,
                self.offset,
                self.length,
                None,
                self.where,
            )
        offset = _number(self.external.get("offset", "0"))
        length = _number(self.external.get("length", "")) if "length" in self.external else -1
        location = self.external.get("location", "")
        return Payload(name, self.data_type, dims, "external", offset, length, location, self.where)


def _number(text: str) -> int:
    """Read a byte count; -2 where it is not one, which no reader of payloads accepts."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -2


def by_name(tensors: list[StoredTensor]) -> dict[str, Payload]:
    """Return the payloads by unique names.

    Where names clash, the tensor of the outermost graph keeps the plain name, and the names of the
    others are prefixed with their path, with slashes.
    """
    payloads: dict[str, Payload] = {}
    for tensor in sorted(tensors, key=lambda tensor: len(tensor.where)):
        name = tensor.name or "/".join(tensor.where)
        if name in payloads:
            name = "/".join((*tensor.where, tensor.name))
        base, count = name, 1
        while name in payloads:
            count += 1
            name = f"{base}#{count}"
        payloads[name] = tensor.payload(name)
    return payloads
