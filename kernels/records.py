"""Records: arrays and numbers that belong together and travel through the kernels as one.

They are named tuples, which numba compiles to their members: a record costs nothing inside
compiled code, and about half a microsecond an array where Python calls it, twice as much as a plain
tuple. Functions that Python calls once a step therefore take plain tuples, of few arrays, and make
records of them inside. A function that modifies the arrays of a record says so.
"""

from collections import namedtuple

Neurons = namedtuple("Neurons", "a b c cell")
"""State variables and cells of some neurons, (n,) each: all of a process, a slot, or a block.

The variables are (a, b, c) in the network metric, (cos theta, sin theta, rhat) in the euclidean
one, with weights w times sqrt(m w): see ``flow``."""

Stored = namedtuple("Stored", "variables cell")
"""All neurons of a process at one time as they are stored: variables (3, m) and cells (m,)."""


def rows_of(stored):
    """The `Neurons` of what is `Stored`, as views."""
    variables, cell = stored
    return Neurons(variables[0], variables[1], variables[2], cell)


Slot = namedtuple("Slot", "a b c cell ident")
"""The neurons of one slot, and their indices in the original order, from the slot's begin on."""

Order = namedtuple("Order", "slots ident start members guests stray_work crossings")
"""How neurons lie in the slots of the CPU (``slots`` to ``members``: see ``cpu.slots``), and what
gradient descent counts in each slot: the guests in front of the members of each region, (n_slots,
n_regions); the work for strays and guests since the last sort, and the changes of cell so far,
(n_slots,) each."""

Places = namedtuple("Places", "slots ident start members")
"""The part of an `Order` that sorting needs."""

Regions = namedtuple("Regions", "slots start")
"""The part of an `Order` that a pass of the exact flow needs: the slots, and where their regions
begin."""

DeviceOrder = namedtuple("DeviceOrder", "slots ident stray_work crossings")
"""How neurons lie on a device: its ``Slots`` (``cuda.slots``), the index of each neuron in the
original order (m,), and what gradient descent counts, (1,) each: the neurons in the rest, summed
over the steps since the host last decided about sorting, and the changes of cell."""

Push = namedtuple("Push", "table x metric")
"""A step of gradient descent: the table of sectors of ``cpu.push`` with the fields of the step, the
samples x, and the metric's number."""

Samples = namedtuple("Samples", "x y xt")
"""The samples: x (s,) float64, strictly increasing, and of each with its weight w_j what enters in
sums: ``y_j = sqrt(w_j) y(x_j)``, (s,), and ``xt_j = sqrt(w_j) (x_j, 1)``, (s, 2). The loss is
L = 1/2 sum w_j (f(x_j) - y(x_j))^2. Rays, sectors and ways of neurons do not change with the length
of xt_j, so that they know x only; residuals of kernels are sqrt(w_j) (f(x_j) - y(x_j)), with which
every formula has the form that it has for weights of 1."""

Frozen = namedtuple("Frozen", "field rays x")
"""A field that stands still, as two tables (`boost.field_table`, `rays.ray_table`), and the
samples x."""

Maps = namedtuple("Maps", "sectors rays")
"""The linear maps of all cells for one time: `maps.sector_maps` and `maps.ray_maps`."""

Arrival = namedtuple("Arrival", "residual covariances held tally sigma")
"""What all neurons of a state add up to: the residuals (s,); Sigma_k of the tangent kernel
(2 s, 3), in which neurons that slide on ray r count in sector r; 1/m times the sum of c^2 over the
neurons that slide on each ray, (2 s,); the numbers of events on the way to this state (see
``events``); and its decay factor, (2,) (see ``host.decay``)."""

Control = namedtuple("Control", "clock counts")
"""How far the steps of the exact flow have come: times, float64 (4,), and counts, int64 (6,), whose
elements ``host.control`` names."""

Limits = namedtuple("Limits", "allowed fixed until most_trials decay")
"""Bounds of the steps of the exact flow: the largest error of a step, as a root mean square of
residuals; the length of all steps, 0 if it adapts; the time to reach; the trials to make at
most; and the rate lambda of weight decay, which bounds how residuals grow."""

Flow = namedtuple("Flow", "begin end first last change")
"""A step of the exact flow: the neurons at its begin and at its end (`Stored`), the `Arrival` of
both, and D, (2 s, 3): what was added to the covariances of the begin to compute the mean residual
of the step, a third of the change of H over the step as far as it was known (``host.control``)."""

Shown = namedtuple("Shown", "neurons arrival")
"""Room for the state at a time inside a step: the neurons to be `Stored`, and its `Arrival`."""

Descent = namedtuple("Descent", "metric h count keep sigma")
"""Steps of gradient descent: the metric's number, the length of a step of the stored neurons, the
number of steps, what weight decay leaves of the neurons in a step, 1 without decay, and the decay
factor, (2,) (see ``host.decay``), which the steps modify."""

Trial = namedtuple("Trial", "state cell stage error")
"""Room for a trial step of the Runge-Kutta method: the new state (3, m); the cells of the present
stage's argument and in the end of the new state, (m,); that argument, and the difference to the
embedded method, (3, m) each."""

Stage = namedtuple("Stage", "field x metric h")
"""A stage of the Runge-Kutta method on the CPU: G_k (2 s, 2), the samples x, the metric's number,
and the length of the step."""

SlotPass = namedtuple("SlotPass", "z to h frozen maps acc tally marks march")
"""A pass over one slot on the CPU: the `Neurons` z that move for the time h in a `Frozen` field
with its `Maps`; the `Neurons` in which their new state is stored; the moments (>= 2 s, MOMENTS) and
the events, which the pass adds up; and the thread's work space, `Marks` and `March`. The neurons
are those of all slots where `pass_slot` begins."""

Rest = namedtuple("Rest", "neurons count")
"""The rest: the neurons that a device treats one by one after it has treated their tile as a whole.
Their indices (m,), in which the list of each tile starts where the tile starts, and the length of
each list (n_tiles,)."""

Tiles = namedtuple("Tiles", "homes near")
"""The home row of each tile of a device (n_tiles,), and what the tile's neurons add up to in the
home, in the next row and in the one before, (n_tiles, 3 n): see ``cuda.slots``."""

Unfinished = namedtuple("Unfinished", "time left")
"""How far the neurons of the rest have come in a pass of a device: the time that is left, and the
ray on which the neuron is, (m,) each; -1 if on none, `cuda.passes.NOWHERE` if it has arrived."""

Method = namedtuple("Method", "metric which ha hb he")
"""A stage of the Runge-Kutta method on a device: the metric's number; whether the stage is the
first, an inner one or the last; and the length of the step times A_i, times B_i, and times the
difference of B_i to the embedded method."""

Chosen = namedtuple("Chosen", "m n first row")
"""The neurons that a frame shows: row j of all n rows is neuron j m // n of all m. ``first`` is the
index of the first neuron of this process, ``row`` the first row of its frame."""

Marks = namedtuple("Marks", "each eights")
"""Which neurons of a block need a closer look, bool (BLOCK,), and the same memory as int64, eight
marks an element."""

Group = namedtuple("Group", "state indices")
"""Some neurons that leave their sector: their states, and their indices; see ``cpu.groups``."""

March = namedtuple(
    "March", "start waiting marching aside after ends outcome lists counts heads runs"
)
"""Work space for neurons that leave their sector: see ``cpu.march``."""
