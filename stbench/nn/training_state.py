"""Values of any nesting as arrays and JSON, and back again exactly: nothing is pickled.

What JSON holds stands for itself: None, bool, int, str, list and finite float. All else is an object with one key,
which names its kind: {"tuple": [...]}, {"dict": [[key, value], ...]}, {"float": "inf"}, {"array": name},
{"scalar": name} for a number of numpy's, {"tensor": [name, "bfloat16", strides]}; `name` is that of an array. The
strides are kept because an optimiser's fused step takes its tensors to lie in memory as the weights do.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stbench.contract import TrainingState
from stbench.errors import MethodError

_MAPPINGS = {kind.__name__: kind for kind in (dict, OrderedDict, Counter)}
# Kinds of float that numpy has; the others are kept as the integers of the same bits.
_FLOATS_OF_NUMPY = (torch.float16, torch.float32, torch.float64)
_INTEGERS_BY_BYTES = {1: torch.uint8, 2: torch.int16}


def pack(parts: Mapping[str, Any]) -> TrainingState:
    """The parts as they are now, whatever becomes of them later; MethodError for what cannot be kept like that."""
    arrays: dict[str, np.ndarray] = {}
    plain = {name: _packed(part, name, arrays) for name, part in parts.items()}
    return TrainingState(arrays, plain)


def unpack(state: TrainingState) -> dict[str, Any]:
    """The parts that were packed, tensors on the CPU, none sharing memory with the state's arrays."""
    try:
        return {name: _unpacked(part, state.arrays) for name, part in state.plain.items()}
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise MethodError(f"The training state cannot be read, for it is not whole: {error!r}.") from error


def _packed(value: Any, at: str, arrays: dict[str, np.ndarray]) -> Any:
    """A value for JSON; arrays and tensors inside go to `arrays`, under names that begin with `at`."""
    if isinstance(value, Tensor):
        copied = _copied(value, at)
        name = _stored(_array_of(copied), at, arrays)
        return {"tensor": [name, str(value.dtype).removeprefix("torch."), list(copied.stride())]}
    if isinstance(value, np.ndarray | np.generic):
        shape = "array" if isinstance(value, np.ndarray) else "scalar"
        return {shape: _stored(np.array(value), at, arrays)}
    kind = type(value)  # exactly, for what derives from these may hold more
    if kind is float and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or kind in (bool, int, float, str):
        return value
    if kind in (list, tuple):
        items = [_packed(item, f"{at}/{i}", arrays) for i, item in enumerate(value)]
        return items if kind is list else {"tuple": items}
    if kind in _MAPPINGS.values():
        return {kind.__name__: [_packed_pair(key, item, at, arrays) for key, item in value.items()]}
    raise _unkeepable(at, f"a {kind.__name__}")


def _packed_pair(key: Any, value: Any, at: str, arrays: dict[str, np.ndarray]) -> list[Any]:
    return [_packed(key, f"{at}/key", arrays), _packed(value, f"{at}/{key}", arrays)]


def _stored(array: np.ndarray, at: str, arrays: dict[str, np.ndarray]) -> str:
    """The name under which the array now stands among `arrays`: `at`, or a longer one where that is taken."""
    if array.dtype.hasobject:
        raise _unkeepable(at, "an array of objects")
    name = at
    while name in arrays:
        name += "+"
    arrays[name] = array
    return name


def _copied(tensor: Tensor, at: str) -> Tensor:
    """A copy on the CPU that lies in memory as the tensor does, where that is without gaps."""
    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise _unkeepable(at, "a sparse or quantised tensor")
    return tensor.detach().clone().cpu().resolve_conj().resolve_neg()


def _array_of(tensor: Tensor) -> np.ndarray:
    """The tensor's numbers bit for bit, in the order of its dimensions."""
    if tensor.is_floating_point() and tensor.dtype not in _FLOATS_OF_NUMPY:
        tensor = tensor.view(_INTEGERS_BY_BYTES[tensor.element_size()])
    return np.ascontiguousarray(tensor.numpy()).reshape(tensor.shape)  # which makes of no dimension one


def _tensor_of(array: np.ndarray, dtype: str, strides: list[int]) -> Tensor:
    """The tensor of which `_array_of` was the array."""
    numbers = torch.from_numpy(np.array(array)).view(getattr(torch, dtype))
    return torch.empty_strided(array.shape, strides, dtype=numbers.dtype).copy_(numbers)


def _unkeepable(at: str, what: str) -> MethodError:
    return MethodError(f"The training cannot be kept to go on with: {at} is {what}, not arrays and JSON.")


def _unpacked(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    match kind:
        case "tuple":
            return tuple(_unpacked(content, arrays))
        case "float":
            return float(content)
        case "array":
            return np.array(arrays[content])
        case "scalar":
            return arrays[content][()]
        case "tensor":
            name, dtype, strides = content
            return _tensor_of(arrays[name], dtype, strides)
    pairs = [(_unpacked(key, arrays), _unpacked(item, arrays)) for key, item in content]
    return _MAPPINGS[kind](dict(pairs))
