"""The cheapest combinations of moves that are enough, each found by asking the memory model.

The ways of saving memory are axes, their moves the steps along them. A combination that is too large is
grown, way by way, for as long as it and all that take fewer steps stay too large: every combination that
fits must go further on some way than the grown one does. So the next candidate is the cheapest that goes
further than each grown one somewhere, and the first candidate that fits is the cheapest of all (the implicit
hitting sets of Moreno-Centeno and Karp 2013).

A step mostly saves, but not always: smaller micro batches keep gradients between them. On such doubtful ways
a combination counts as too large only if it is so without their steps too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Literal, TypeAlias

from vramlint.lazy_dataclasses import dataclass, field

State: TypeAlias = tuple[int, ...]
"""How many steps are taken on each way."""
Answer: TypeAlias = Literal["enough", "too-large", "refused"]
Price: TypeAlias = tuple[float, ...]
"""What a combination costs, the worst part first; prices add up part by part."""
_MOST_ADDED = 1.5
"""No step adds half of what a run needs: gradients kept between micro batches are a quarter of it or less."""


@dataclass(slots=True)
class Search:
    """A search over `prices`: of each step of each way, rising along the way.

    `weigh` says what a combination needs, None where it cannot be; one that needs no more than `limit` is
    enough if `confirm`, which takes more effort, says so too. At most `most` combinations are weighed.
    """

    prices: Sequence[Sequence[Price]]
    blocks: Sequence[Sequence[int]]
    """The ways, in the groups in which they are grown; those that do least harm first."""
    weigh: Callable[[State], int | None]
    confirm: Callable[[State], Answer]
    limit: int
    most: int
    doubtful: Sequence[int] = ()
    """The ways whose steps may add memory to some combinations."""
    too_large: list[State] = field(default_factory=list)
    refused: list[State] = field(default_factory=list)
    weights: dict[State, int | None] = field(default_factory=dict)
    _confirmed: dict[State, Answer] = field(default_factory=dict)
    _has_found: bool = False
    """From then on, a combination as heavy as one that was not confirmed is not confirmed either."""

    def solutions(self) -> Iterator[State]:
        """The combinations that are enough, the cheapest first; none goes further than another on each way.

        To take no step at all is known to be too large.
        """
        start = tuple(0 for _ in self.prices)
        self._confirmed[start] = "too-large"
        heap, seen, found = [(self._price(start), start)], {start}, list[State]()
        while heap and len(self.weights) < self.most:
            _, state = heappop(heap)
            if any(_goes_as_far(state, each) for each in found) or self._is_worse(state, found):
                continue
            answer, steps = self._judged(state)
            if answer == "enough":
                found.append(state)
                self._has_found = True
                yield state
                continue
            for axis, level in steps:
                child = _with(state, axis, level)
                if child not in seen:
                    seen.add(child)
                    heappush(heap, (self._price(child), child))

    def _is_worse(self, state: State, found: Sequence[State]) -> bool:
        """Whether a combination does several kinds of harm, and some found one not all of them."""
        kinds = self._harms(state)
        return len(kinds) > 1 and any(self._harms(each) < kinds for each in found)

    def _harms(self, state: State) -> set[int]:
        """The parts of a price that a combination pays, but for the last, which does no harm."""
        return {part for part, cost in enumerate(self._price(state)[:-1]) if cost}

    def _judged(self, state: State) -> tuple[Answer, list[tuple[int, int]]]:
        """Whether a combination is enough; where it is not, the steps of which it lacks one at least."""
        larger = next((each for each in self.too_large if _goes_as_far(each, state)), None)
        if larger is None and not self._is_refused(state):
            look, answer = self._weighed, self._weighed(state)
            if answer == "enough":
                look, answer = self._checked, self._checked(state)
            if answer == "enough":
                return "enough", []
            if answer == "too-large":
                larger = self._grown(state)
                self.too_large.append(larger)
                if look == self._checked and self._has_found:
                    self.limit = min(self.limit, (self.weights[state] or 0) - 1)
            else:
                self.refused.append(self._at_fault(state, look))
        if larger is not None:
            ways = enumerate(self.prices)
            return "too-large", [(axis, larger[axis] + 1) for axis, way in ways if larger[axis] < len(way)]
        taken = ((axis, level) for axis, level in enumerate(state) if level)
        return "refused", [(axis, level + 1) for axis, level in taken if level < len(self.prices[axis])]

    def _weighed(self, state: State) -> Answer:
        if state not in self.weights:
            self.weights[state] = self.weigh(state)
        weight = self.weights[state]
        return "refused" if weight is None else "enough" if weight <= self.limit else "too-large"

    def _checked(self, state: State) -> Answer:
        if state not in self._confirmed:
            self._confirmed[state] = self.confirm(state)
        return self._confirmed[state]

    def _is_refused(self, state: State) -> bool:
        return any(all(level in (0, state[axis]) for axis, level in enumerate(each)) for each in self.refused)

    def _at_fault(self, state: State, look: Callable[[State], Answer]) -> State:
        """The one step of a refused combination that is refused alone too, else the combination."""
        taken = [axis for axis, level in enumerate(state) if level]
        for axis in taken if len(taken) > 1 else ():
            alone = _with(tuple(0 for _ in state), axis, state[axis])
            if self._weighed(alone) == "refused" or look(alone) == "refused":
                return alone
        return state

    def _grown(self, state: State) -> State:
        """A combination that goes at least as far, is too large too, and would not be one step further in the
        first block in which that matters.
        """
        if self._weighed(state) == "enough":  # by its weight; known better by a closer look
            return state
        for each in reversed(self.too_large):  # what kept another one too large mostly keeps this one too
            joined = tuple(map(max, state, each))
            if joined != each and self._is_too_large(joined):
                return joined
        whole = self._too_large_as_a_whole(state)
        state = self._gone(state, [axis for block in self.blocks[:whole] for axis in block])
        for block in self.blocks[whole:]:
            state = self._raised(state, block)
            if any(state[axis] < len(self.prices[axis]) for axis in block):
                break  # something fits without more harm than this; what does more is not yet needed
        return state

    def _too_large_as_a_whole(self, state: State) -> int:
        """How many of the first blocks a combination can go to their ends and stay too large."""
        low, high = 0, len(self.blocks)
        while low < high:
            middle = (low + high - 1) // 2
            through = [axis for block in self.blocks[: middle + 1] for axis in block]
            if self._is_too_large(self._gone(state, through)):
                low = middle + 1
            else:
                high = middle
        return low

    def _raised(self, state: State, block: Sequence[int]) -> State:
        """The ways of a block as far as they can go: all together if they can, else half by half."""
        block = [axis for axis in block if state[axis] < len(self.prices[axis])]
        if not block:
            return state
        far = self._gone(state, block)
        if self._is_too_large(far):
            return far
        if len(block) > 1:
            middle = len(block) // 2
            return self._raised(self._raised(state, block[:middle]), block[middle:])
        axis = block[0]
        low, high = state[axis], far[axis]
        while high - low > 1:
            between = (low + high) // 2
            low, high = (between, high) if self._is_too_large(_with(state, axis, between)) else (low, between)
        return _with(state, axis, low)

    def _is_too_large(self, state: State) -> bool:
        """Whether a combination is too large, and stays so without steps that may add memory."""
        if self._weighed(state) != "too-large":
            return False
        weight = self.weights[state] or 0
        for axis in self.doubtful if weight <= _MOST_ADDED * self.limit else ():
            less = _with(state, axis, 0)
            if not state[axis] or any(_goes_as_far(each, less) for each in self.too_large):
                continue  # known to be too large
            if self._weighed(less) != "refused":
                without = self.weights[less] or 0
                if without <= self.limit:
                    return False
                state, weight = (less, without) if without < weight else (state, weight)
        return True

    def _gone(self, state: State, block: Sequence[int]) -> State:
        return tuple(len(self.prices[axis]) if axis in block else level for axis, level in enumerate(state))

    def _price(self, state: State) -> Price:
        taken = [self.prices[axis][level - 1] for axis, level in enumerate(state) if level]
        length = len(self.prices[0][0]) if self.prices else 0
        return tuple(sum(price[part] for price in taken) for part in range(length))


def _with(state: State, axis: int, level: int) -> State:
    return (*state[:axis], level, *state[axis + 1 :])


def _goes_as_far(state: State, other: State) -> bool:
    """Whether a combination takes at least as many steps as another on every way."""
    return all(own >= level for own, level in zip(state, other, strict=True))
