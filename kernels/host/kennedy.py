"""Coefficients of RK4(3)5[2R+]C, an embedded Runge-Kutta method of low storage.

C. A. Kennedy, M. H. Carpenter and R. M. Lewis, "Low-storage, explicit Runge-Kutta schemes for the
compressible Navier-Stokes equations", Appl. Numer. Math. 35 (2000): five stages, order 4, embedded
order 3, in van der Houwen's form: the argument of stage i + 1 is the sum of the step so far plus
``A_i`` times the rate of stage i. So a stage needs that sum and its own argument only, whatever the
number of stages.
"""

A = (
    970286171893 / 4311952581923,
    6584761158862 / 12103376702013,
    2251764453980 / 15575788980749,
    26877169314380 / 34165994151039,
    0.0,
)
B = (
    1153189308089 / 22510343858157,
    1772645290293 / 4653164025191,
    -1672844663538 / 4480602732383,
    2114624349019 / 3568978502595,
    5198255086312 / 14908931495163,
)
B_EMBEDDED = (
    1016888040809 / 7410784769900,
    11231460423587 / 58533540763752,
    -1563879915014 / 6823010717585,
    606302364029 / 971179775848,
    1097981568119 / 3980877426909,
)
STAGES = 5
C = (*(sum(B[:i]) + A[i] for i in range(STAGES - 1)), 1.0)
"""Time, in steps, of what stage i leads to: the argument of the next stage, or the new state."""
