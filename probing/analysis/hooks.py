"""Read or change one layer's state inside a running system.

A system's audio encoder is a stack of layers; state ℓ is what layer ℓ + 1 is given (0 the transformer's input), and the
last is what the encoder gives, after its final layer norm where it has one. A hook stands at one of these places while
a `with` block lasts, and is gone behind it, whatever happened in it.

Shape legend: R utterances or, of Whisper, windows · T frames · D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import Tensor
from torch.utils.hooks import RemovableHandle

from probing.analysis.leace import Eraser
from probing.encoders.families import WINDOWED

Change = Callable[[Tensor], Tensor]  # state [R, T, D] → what takes its place


def layers_of(audio: Any) -> list[Any]:
    """The layers of an audio encoder; their number is the index of its last state."""
    return list(_stack(audio).layers)


@contextmanager
def erased_at(audio: Any, layer: int, eraser: Eraser) -> Iterator[None]:
    """Every frame of a state is erased; rank 0 changes nothing."""
    handle = _hook(audio, layer, eraser)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def recorded(modules: Sequence[Any]) -> Iterator[dict[Any, Any]]:
    """Module → what it gave in the block."""
    given: dict[Any, Any] = {}

    def keep(module: Any, _inputs: Any, output: Any) -> None:
        given[module] = output

    with ExitStack() as handles:
        for module in modules:
            handles.callback(module.register_forward_hook(keep).remove)
        yield given


@contextmanager
def replayed(given: Mapping[Any, Any]) -> Iterator[None]:
    """Modules do not run, but give what they gave: those below a change, whose input is what it was."""
    with ExitStack() as ends:
        for module, output in given.items():
            module.forward = partial(_given, output)
            ends.callback(delattr, module, "forward")  # and the class's own is there again
        yield


@contextmanager
def read_at(audio: Any, layers: tuple[int, ...]) -> Iterator[dict[int, Tensor]]:
    """States [R, T, D] of some layers, as the last forward pass had them."""
    found: dict[int, Tensor] = {}

    def reader(layer: int) -> Change:
        def read(state_RTD: Tensor) -> Tensor:
            found[layer] = state_RTD
            return state_RTD

        return read

    with ExitStack() as handles:
        for layer in layers:
            handles.callback(_hook(audio, layer, reader(layer)).remove)
        yield found


def _given(output: Any, *_inputs: Any, **_named: Any) -> Any:
    return output


def _stack(audio: Any) -> Any:
    """The module whose output is the last state."""
    return audio if audio.config.model_type in WINDOWED else audio.encoder


def _hook(audio: Any, layer: int, change: Change) -> RemovableHandle:
    stack = _stack(audio)
    if layer == len(stack.layers):

        def last(_module: Any, _inputs: Any, output: Any) -> Any:
            output["last_hidden_state"] = change(output["last_hidden_state"])
            return output

        handle: RemovableHandle = stack.register_forward_hook(last)
        return handle

    def before(_module: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if inputs:
            return (change(inputs[0]), *inputs[1:]), named
        return inputs, named | {"hidden_states": change(named["hidden_states"])}

    entered: RemovableHandle = stack.layers[layer].register_forward_pre_hook(before, with_kwargs=True)
    return entered
