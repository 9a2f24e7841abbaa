"""Records: arrays and numbers that belong together and travel through the kernels as one.

They are named tuples, which numba compiles to their members: a record costs nothing inside
compiled code, and about half a microsecond an array where Python calls it, twice as much as a plain
tuple. Functions that Python calls once a trial take plain tuples and name them inside. The arrays
of a record are modified in place by whoever says so.
"""

from collections import namedtuple

Neurons = namedtuple("Neurons", "a b c cell")
"""State variables and cells of some neurons, (n,) each: all of a process, a slot, or a block.

In the network metric (a, b, c), in the euclidean one (cos theta, sin theta, rhat): see ``flow``."""

Slot = namedtuple("Slot", "a b c cell ident")
"""The neurons of one slot and their indices in the original order, counted from its begin."""

Order = namedtuple("Order", "slots ident start members guests stray_work crossings")
"""How neurons lie in the slots of the CPU: see ``cpu.slots``; and what gradient descent keeps of
each slot: guests in front of the members of each region, (n_slots, n_regions); the work for strays
and guests since the last sort, and changes of cell so far, (n_slots,)."""

Regions = namedtuple("Regions", "slots start")
"""Of an `Order`, what a pass of the exact flow needs: the slots and where their regions begin."""

DeviceOrder = namedtuple("DeviceOrder", "slots ident stray_work crossings")
"""How neurons lie on a device: its ``Slots`` (``cuda.slots``), the index of each neuron in the
original order (m,), and what gradient descent counts, (1,): the rest of all steps since the last
look, and the changes of cell."""

Push = namedtuple("Push", "table x metric")
"""A step of gradient descent: the table of sectors of ``cpu.push`` with the fields of the step, the
samples x, and the metric's number."""

Samples = namedtuple("Samples", "x y")
"""The samples (x_j, y_j), (s,) float64, x strictly increasing."""

Frozen = namedtuple("Frozen", "field rays x")
"""A field that stands still: `boost.field_table`, `rays.ray_table`, and the samples x."""

Maps = namedtuple("Maps", "sectors rays")
"""The linear maps of all cells for one time: `maps.sector_maps` and `maps.ray_maps`."""

Arrival = namedtuple("Arrival", "residual covariances tally")
"""The sums over a state of all neurons: residuals (s,), Sigma_k of the tangent kernel (2 s, 3), in
which neurons that slide on ray r count in sector r, and the numbers of events that led to the state
(see ``events``)."""

Control = namedtuple("Control", "clock counts")
"""Where adaptive steps stand: times, float64 (4,), and counts, int64 (6,): see ``host.control``."""

Limits = namedtuple("Limits", "allowed fixed until most_trials")
"""Bounds of adaptive steps: the largest error of a step, root mean square of the residuals; the
length of all steps, 0 if it adapts; the time to reach; the trials to make at most."""

Flow = namedtuple("Flow", "begin end first last change")
"""A step of the exact flow: `Neurons` at its begin and end, `Arrival` of both, and
(H_1 - H_0) / 3 as covariances (2 s, 3)."""

Descent = namedtuple("Descent", "metric h count")
"""Steps of gradient descent: the metric's number, the length of a step, how many steps."""

Trial = namedtuple("Trial", "state cell stage error")
"""Room for a trial step of the Runge-Kutta method: the new state (3, m) and its cells (m,), the
argument of a stage and the difference to the embedded method, (3, m) each."""

Stage = namedtuple("Stage", "field x metric h")
"""A stage of the Runge-Kutta method on the CPU: G_k (2 s, 2), the samples x, the metric's number,
and the length of the step."""

SlotPass = namedtuple("SlotPass", "z to keep h frozen maps acc tally scratch marks lanes")
"""A pass over one slot on the CPU: the `Neurons` z that move for the time h in a `Frozen` field
with its `Maps`; where they go, if ``keep``; their moments (>= 2 s, MOMENTS) and events; and the
thread's work space: `Neurons` of a block, `Marks` and `Lanes`."""

Rest = namedtuple("Rest", "neurons count")
"""The rest: the neurons that a device treats by themselves after a tile has gone as one. Their
indices (m,), those of a tile from its begin on, and how many these are (n_tiles,)."""

Tiles = namedtuple("Tiles", "homes near")
"""The home row of each tile of a device, and what it adds up to there and in the rows before and
behind: see ``cuda.slots``."""

Unfinished = namedtuple("Unfinished", "time left")
"""How far each of the rest of a pass has come on a device: the time that is left, and the ray on
which the neuron is, (m,) each."""

Method = namedtuple("Method", "metric which ha hb he")
"""A stage of the Runge-Kutta method on a device: the metric's number, first, inner or last, and the
length of the step times A_i, B_i, and the difference to the embedded method."""

Chosen = namedtuple("Chosen", "m n first row")
"""The neurons that a frame shows: row j of n is neuron j m // n of m; the index of the first neuron
here, and the first row."""

Marks = namedtuple("Marks", "each eights")
"""Which neurons of a block need a closer look, bool (BLOCK,), and the same memory as int64."""

Lanes = namedtuple("Lanes", "before after legs indices")
"""Neurons that cross many sectors, a column each: see ``cpu.lanes``."""
