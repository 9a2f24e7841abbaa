"""One neuron in a frozen field against brute force, and the parallel kernel against one neuron."""

import numpy as np
import pytest
from drive import advance_each, frozen_passes, move_each
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import expm

from particleflow.backend import State, field, threads_in_use
from particleflow.kernels import _jit, cpu, legs, rays
from particleflow.kernels.boost import N1, NX, SIZE, boost, field_table, growth_to_ray
from particleflow.kernels.events import (
    CROSSINGS,
    FAILURES,
    ORIGINS,
    RELEASES,
    REPULSORS,
    TALLIES,
)
from particleflow.kernels.origin import cell_from_origin
from particleflow.model.coordinates import parameters_from_reduced

seeds = st.integers(0, 2**32 - 1)
ORDER = {False: np.inf, True: 16}  # average run length from which neurons are sorted


@_jit.driver
def euler(a, b, c, h, n, x, rho):
    """n tiny steps of gradient descent of one neuron, the residuals frozen, sample by sample."""
    for _ in range(n):
        gx = g1 = 0.0
        active = False
        for j in range(x.size):
            if a * x[j] + b > 0.0:
                gx -= rho[j] * x[j]
                g1 -= rho[j]
                active = True
        if not active:
            break
        a, b, c = a + h / n * c * gx, b + h / n * c * g1, c + h / n * (a * gx + b * g1)
    return a, b, c


def locate(a, b, x):
    cell = np.empty(a.size, np.int32)
    cpu.locate_all(a, b, x, cell, np.array([0, a.size]))
    return cell


def advance_one(a, b, c, h, g, x, cell=None):
    """(a, b, c), cell and tally of one neuron."""
    z = np.array([[a], [b], [c]], dtype=float)
    cells = locate(z[0], z[1], x) if cell is None else np.array([cell], np.int32)
    tally = np.zeros((1, TALLIES), np.int64)
    advance_each(z, cells, h, g, x, tally)
    return z[:, 0], int(cells[0]), tally[0]


def case(random, near_ray):
    """Samples, residuals, field, a neuron, and a time in which it goes far."""
    s = int(random.integers(1, 6))
    x = np.sort(random.uniform(-1, 1, s))
    rho = random.standard_normal(s) * random.choice([0.3, 1.0, 3.0])
    g = field(rho, x)
    delta = random.choice([-3.0, -1.0, 0.0, 1.0, 3.0]) * random.uniform(0.1, 1.0)
    rhat, theta = random.uniform(-1, 1), random.uniform(-np.pi, np.pi)
    attractors = [(r, sign) for r in range(2 * s)
                  if (sign := rays.attracted_sign(r, *rays.pulls(r, g, x), s))]  # fmt: skip
    if near_ray and attractors:
        r, sign = attractors[random.integers(len(attractors))]
        u = rays.ray_direction(r, x)
        theta = np.arctan2(u[1], u[0]) + 0.02 * random.standard_normal()
        rhat = 0.5 * sign * abs(rhat)
    z = parameters_from_reduced(np.array([rhat]), np.array([theta]), np.array([delta]))
    h = random.uniform(0.3, 3.0) / np.hypot(*g.T).max()
    return x, rho, g, [float(v[0]) for v in z], h


@pytest.fixture(scope="module")
def against_brute_force():
    """Relative error, first and last c, last cell, number of samples and tally of 2,000 neurons."""
    random = np.random.default_rng(1)
    results = []
    for i in range(2000):
        x, rho, g, z, h = case(random, near_ray=i % 3 > 0)
        got, cell, tally = advance_one(*z, h, g, x)
        for steps in (100_000, 10_000_000):  # more where a path all but touches a ray
            expected = np.array(euler(*z, h, steps, x, rho))
            error = np.abs(got - expected).max() / (1.0 + np.abs(expected).max())
            if error < 1e-4:
                break
        results.append((error, z[2], got[2], cell, x.size, *tally))
    return np.array(results).T


def test_brute_force_agrees_wherever_the_motion_is_unique(against_brute_force):
    error, c0, c1, cell, s, *tally = against_brute_force
    unique = (tally[RELEASES] + tally[ORIGINS]) == 0
    slides = (cell >= 2 * s) & (cell < 4 * s)
    assert unique.sum() > 1900
    assert (slides & unique).sum() > 500
    assert (cell == s).sum() > 20
    assert ((c0 * c1 < 0) & unique).sum() > 50
    assert tally[CROSSINGS][unique].sum() > 1000
    assert error[unique].max() < 1e-4  # the Euler steps' own error
    assert np.median(error[unique]) < 3e-6


@pytest.mark.slow
@pytest.mark.parametrize(("delta", "kind"), [(-0.3, RELEASES), (0.3, ORIGINS)])
def test_brute_force_mostly_agrees_where_a_rule_is_taken(delta, kind):
    """Releases and origins: gradient descent itself goes one way or the other with its phase."""
    random = np.random.default_rng(2)
    errors = []
    while len(errors) < 150:
        x, rho, g, _, h = case(random, near_ray=False)
        r, s = int(random.integers(0, 2 * x.size)), x.size
        u = rays.ray_direction(r, x)
        sign = rays.attracted_sign(r, *rays.pulls(r, g, x), s)
        if sign * np.dot(u, g[rays.inactive_side(r, s)]) >= 0.0:
            continue  # no slide, or one away from rest
        rhat = 0.1 * sign * random.uniform(0.1, 1.0)
        _, size, c = parameters_from_reduced(*np.array([[rhat], [0.5 * np.pi], [delta]]))
        a = size[0] * u[0]
        z = (a, -a * x[r % s], c[0])
        got, _, tally = advance_one(*z, h, g, x, 2 * s + r)
        assert tally[FAILURES] == 0
        if tally[kind] > 0:
            expected = np.array(euler(*z, h, 100_000, x, rho))
            errors.append(np.abs(got - expected).max() / (1.0 + np.abs(expected).max()))
    assert (np.array(errors) < 1e-3).mean() >= 0.8


@settings(deadline=None, max_examples=100)
@given(seeds, st.booleans())
def test_two_times_one_after_the_other_are_their_sum(seed, near_ray):
    random = np.random.default_rng(seed)
    x, _, g, z, h = case(random, near_ray)
    whole, cell, tally = advance_one(*z, h, g, x)
    part = random.uniform(0.0, 1.0) * h
    half, between, _ = advance_one(*z, part, g, x)
    again, last, _ = advance_one(*half, h - part, g, x, between)
    if tally[ORIGINS] == 0:  # the way into the origin is forgotten there
        assert last == cell
        assert_allclose(again, whole, rtol=0, atol=1e-11 * (1.0 + np.abs(whole).max()))


@settings(deadline=None, max_examples=100)
@given(seeds)
def test_mirrored_samples_mirror_the_motion(seed):
    random = np.random.default_rng(seed)
    x, rho, g, (a, b, c), h = case(random, near_ray=True)
    one, cell, tally = advance_one(a, b, c, h, g, x)
    mirrored = np.ascontiguousarray(-x[::-1])
    two, cell2, tally2 = advance_one(-a, b, c, h, field(rho[::-1].copy(), mirrored), mirrored)
    assert_allclose(two, one * [-1, 1, 1], rtol=0, atol=1e-11 * (1.0 + np.abs(one).max()))
    assert_array_equal(tally2, tally)
    assert (cell >= 2 * x.size) == (cell2 >= 2 * x.size)


@settings(deadline=None, max_examples=100)
@given(seeds)
def test_delta_is_kept(seed):
    x, _, g, z, h = case(np.random.default_rng(seed), near_ray=True)
    got, _, _ = advance_one(*z, h, g, x)
    before, after = (v[2] ** 2 - v[0] ** 2 - v[1] ** 2 for v in (z, got))
    assert abs(after - before) < 1e-14 * np.dot(got, got) + 1e-14 * np.dot(z, z)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_a_boost_is_the_matrix_exponential(numbers):
    a, b, c, gx, g1 = numbers[:5]
    h = abs(numbers[5])
    g = np.hypot(gx, g1)
    if g < 1e-3:
        return
    matrix = np.array([[0, 0, gx], [0, 0, g1], [gx, g1, 0]])
    expected = expm(h * matrix) @ [a, b, c]
    got = boost(a, b, c, gx / g, g1 / g, np.expm1(g * h))
    scale = np.exp(g * h) * (1.0 + np.abs(numbers).max())
    assert_allclose(got, expected, rtol=0, atol=1e-11 * scale)


@_jit.driver
def halves_and_back(rapidity, half, back):
    for i in range(rapidity.size):
        half[i] = legs.half_of(rapidity[i])
        back[i] = legs.rapidity_of(half[i])


def test_polynomials_of_legs():
    rapidity = np.concatenate([np.linspace(0.0, legs.LONGEST, 10_001), [1e-300, 1e-9]])
    half, back = np.empty((2, rapidity.size))
    halves_and_back(rapidity, half, back)
    assert_allclose(half, np.tanh(0.5 * rapidity), rtol=5e-16, atol=0)
    assert_allclose(back, 2.0 * np.arctanh(half), rtol=5e-16, atol=0)
    assert_allclose(legs.MOST_HALF, np.tanh(0.5 * legs.LONGEST), rtol=1e-15)


@settings(deadline=None, max_examples=200)
@given(seeds, st.booleans())
def test_the_ray_is_met_when_the_preactivation_first_vanishes(seed, active):
    """On a fine grid of growths no sign changes outward before the root, and one does there."""
    random = np.random.default_rng(seed)
    a, b, c = random.standard_normal(3)
    angle, xj = random.uniform(-np.pi, np.pi), random.uniform(-1, 1)
    nx, n1 = np.cos(angle), np.sin(angle)
    inside = 1.0 if active else -1.0
    if inside * (a * xj + b) < 1e-3:
        return
    root = growth_to_ray(a, b, c, nx, n1, xj, active)
    grid = np.geomspace(1e-4, 1e4, 2000)

    def margin(e):
        p, q, _ = boost(a, b, c, nx, n1, e)
        return inside * (p * xj + q)

    margins = np.array([margin(e) for e in grid])
    before = grid < root * (1 - 1e-9)
    assert (margins[before] > 0).all()
    if root < 1e4:
        size = np.abs(boost(a, b, c, nx, n1, root)).max()
        assert abs(margin(root)) < 1e-13 * size * (1 + root)
        assert margin(root * 1.001) < 0
    else:
        assert before.all()


@pytest.mark.parametrize(("sign", "pulls", "slower", "cell"), [
    (1, (1, 2), True, 1), (1, (-1, -2), True, 2), (-1, (1, 2), True, 2), (-1, (-1, -2), True, 1),
    (1, (-1, 2), True, 9), (-1, (1, -2), True, 9),  # both inward: slides on ray 1 of 4 samples
    (1, (1, -2), True, 1), (1, (1, -2), False, 2),  # both outward: by speed
    (1, (2, -1), True, 2), (1, (2, -1), False, 1), (1, (2, -2), True, 2), (1, (2, -2), False, 2),
    (1, (0, 2), True, 1), (1, (0, -2), True, 2), (1, (2, 0), True, 1), (1, (-2, 0), True, 2),
    (1, (0, 0), True, 77), (0, (1, -2), True, 77),
])  # fmt: skip
def test_ways_from_a_ray(sign, pulls, slower, cell):
    got = rays.cell_from_ray(1, float(sign), float(pulls[0]), float(pulls[1]), 77, slower, 4)
    assert got == cell
    # the mirrored ray: active and inactive side change places
    mirrored = {1: 6, 2: 5, 9: 13, 77: 77}[cell]
    assert rays.cell_from_ray(5, float(sign), *map(float, pulls), 77, slower, 4) == mirrored


@pytest.mark.parametrize(("ray", "side"), [(3, 3), (4, 5)])
def test_borders_of_the_dead_sector(ray, side):
    for pull, cell in ((1.0, side), (-1.0, 4), (0.0, 4)):
        assert rays.cell_from_ray(ray, 1.0, pull, 0.0, 77, True, 4) == cell
    assert rays.attracted_sign(ray, -1.0, 1.0, 4) == 0.0


def test_ways_between_sectors_belong_to_their_sample():
    s = 4
    x = np.array([-0.9, -0.2, 0.3, 1.4])
    for r in range(2 * s):
        u = np.array(rays.ray_direction(r, x))
        assert_allclose(np.hypot(*u), 1.0, rtol=1e-15)
        normal = np.array([x[r % s], 1.0])
        assert abs(u @ normal) < 1e-15
        sides = {}
        for name, way in (("active", 1e-6), ("inactive", -1e-6)):
            a, b = u + way * normal
            sides[name] = locate(np.array([a]), np.array([b]), x)[0]
        assert rays.active_side(r, s) == sides["active"]
        assert rays.inactive_side(r, s) == sides["inactive"]
        assert set(sides.values()) == {r, (r + 1) % (2 * s)}


THREE = np.array([-1.0, 0.0, 1.0])


def test_a_knot_on_a_sample_starts_on_the_inactive_side_and_goes_where_it_is_driven():
    """a = 1, b = 0: ray 1, between sector 1 (sample 1 active) and sector 2."""
    n2 = 2.0 * THREE.size
    for rho, c, way in (
        ((0.0, 1.0, -0.7), 1.0, "slides"),  # 0 < p_in < p_j: inward on both sides
        ((0.0, 1.0, -0.7), -1.0, "stays"),  # a repulsor for c < 0: the inactive side
        ((0.0, 0.1, 1.0), 1.0, "stays"),
        ((0.0, -0.1, -1.0), 1.0, "crosses"),
    ):
        g = field(np.array(rho), THREE)
        z, cell, tally = advance_one(1.0, 0.0, c, 1e-3, g, THREE)
        if way == "slides":
            assert cell == n2 + 1
            assert z[1] == 0.0
            assert tally[CROSSINGS] == 1
        elif way == "stays":
            assert cell == 2
            assert z[1] < 0.0
            assert tally.sum() == 0
        else:
            assert cell == 1
            assert z[1] > 0.0


def test_the_dead_and_those_in_the_origin_never_move():
    g = field(np.array([1.0, -2.0, 0.5]), THREE)
    for z, cell in (((0.3, -1.0, 2.0), 3), ((0.0, 0.0, 1.0), 12), ((0.5, -0.5, 1.0), 3)):
        got, after, tally = advance_one(*z, 5.0, g, THREE, cell)
        assert_array_equal(got, z)
        assert after == cell
        assert tally.sum() == 0


def test_a_neuron_dies_on_arrival_at_the_dead_sector():
    rho = np.array([0.0, 0.0, 1.0])
    z, cell, _ = advance_one(1.0, -0.5, 1.0, 5.0, field(rho, THREE), THREE)
    assert cell == 3
    assert z[0] * THREE[2] + z[1] == 0.0


def test_one_sample():
    x, rho = np.array([0.4]), np.array([1.5])
    g = field(rho, x)
    for a, b in ((1.0, 0.2), (-1.0, 0.9), (0.0, 0.5)):
        z, cell, _ = advance_one(a, b, 1.0, 5.0, g, x)
        assert cell == 1
        assert abs(z[0] * x[0] + z[1]) < 1e-16
        z, cell, _ = advance_one(a, b, -1.0, 0.5, g, x)
        assert cell == 0
        assert_allclose(z, euler(a, b, -1.0, 0.5, 1_000_000, x, rho), atol=1e-5)


@pytest.mark.parametrize(("rho", "side"), [(0.8, 1), (1.2, 2)])
def test_released_where_c_vanishes_to_the_slower_side(rho, side):
    """A slide of delta < 0 against the field along its ray: <G, u> = -1/4, pulls 1/2 - rho, 1/2."""
    x = np.array([-1.0, 0.0, 0.5, 1.0])
    g = field(np.array([0.0, rho, -1.5, 1.0]), x)
    assert_allclose(rays.pulls(1, g, x), (0.5 - rho, 0.5))
    rest = 4.0 * np.arctanh(0.5)
    for h, cell in ((rest * (1 - 1e-9), 9), (rest * (1 + 1e-9), side)):
        z, after, tally = advance_one(1.0, 0.0, 0.5, h, g, x, 9)
        assert after == cell
        assert tally[RELEASES] == (cell != 9)
        assert_allclose(z, [np.sqrt(0.75), 0.0, 0.0], atol=1e-8)


def test_a_new_field_sends_a_slide_to_the_faster_side_of_a_repulsor():
    g = field(np.array([0.0, 1.0, -0.7]), THREE)
    _, cell, tally = advance_one(1.0, 0.0, -0.5, 1e-3, g, THREE, 7)  # slid with c < 0
    assert tally[REPULSORS] == 1
    assert cell == 2  # pulls -0.3 and 0.7: the inactive side is faster
    g = field(np.array([0.0, 1.0, -0.3]), THREE)
    _, cell, _ = advance_one(1.0, 0.0, -0.5, 1e-3, g, THREE, 7)
    assert cell == 1


@pytest.mark.parametrize(("x", "rho", "z", "h"), [
    ([0.5], [1.3123800274012074], (0.8517307664183178, 1.703461530506547, 1.9045278901552591),
     1.9998),
    ([-1.0, 1.0], [1.5256315138741516, 1.3100122812277868],
     (-0.7399890792692648, 0.7399890735557948, 1.0465025878705403), 0.3266),
])  # fmt: skip
def test_a_neuron_that_heads_for_the_origin_keeps_delta_0(x, rho, z, h):
    """c = -p and q = 0 to rounding, where one form of the discriminant is nothing but rounding."""
    x = np.array(x)
    got, _, _ = advance_one(*z, h, field(np.array(rho), x), x)
    assert abs(got[2] ** 2 - got[0] ** 2 - got[1] ** 2) < 1e-12


def test_along_a_ray_there_is_no_return_to_it():
    """G_1 is orthogonal to the sample of ray 0: the neuron enters sector 1 along the ray."""
    x, rho, z, h = (
        np.array([-1.0, 1.0]),
        np.array([0.72442738, 0.12008506]),
        (1e4, 2e4, 1e4),
        5.1024,
    )
    g = field(rho, x)
    whole, cell, _ = advance_one(*z, h, g, x)
    part, at = np.array(z), None
    for _ in range(5):
        part, at, _ = advance_one(*part, h / 5, g, x, at)
    assert at == cell
    assert_allclose(part, whole, rtol=1e-9)
    assert_allclose(whole, euler(*z, h, 1_000_000, x, rho), rtol=1e-4)


@_jit.driver
def descend(zx, z1, sign, x, rho, steps):
    """The origin's one-neuron map, sample by sample, until it leaves its disk; 0, 0 if it dies."""
    square, inside = zx * zx + z1 * z1, False
    for _ in range(steps):
        gx = g1 = 0.0
        active = False
        for j in range(x.size):
            if zx * x[j] + z1 > 0.0:
                gx -= rho[j] * x[j]
                g1 -= rho[j]
                active = True
        if not active:
            break
        zx, z1 = zx + sign * gx, z1 + sign * g1
        now = zx * zx + z1 * z1
        inside |= now < 0.25 * square
        if inside and now > square:
            return zx, z1
    return 0.0, 0.0


def test_ways_from_the_origin():
    """Dead, out by a sector that holds its own field, or along an attractor ray: the nearest."""

    random = np.random.default_rng(11)
    seen = {"dead": 0, "sector": 0, "ray": 0}
    for _ in range(4000):
        s = int(random.integers(2, 5))
        x = np.sort(random.uniform(-1, 1, s))
        rho = random.standard_normal(s)
        g = field(rho, x)
        sign = float(random.choice([-1.0, 1.0]))
        angle = random.uniform(-np.pi, np.pi)
        u = np.array([np.cos(angle), np.sin(angle)])
        home = locate(u[:1], u[1:], x)[0]
        if home == s or sign * (g[home] @ u) > -0.5 * np.hypot(*g[home]):
            continue  # it does not come inwards
        cell = cell_from_origin(*u, sign, g, x)
        way = np.array(descend(*(100.0 * np.hypot(*g.T).max() * u), sign, x, rho, 4000))
        if not way.any():
            assert cell == 4 * s
            seen["dead"] += 1
            continue
        best, expected = -np.inf, 4 * s
        for k in range(2 * s):
            v = sign * g[k]
            if k != s and np.any(v) and locate(v[:1], v[1:], x)[0] == k:
                cosine = way @ v / np.hypot(*v)
                best, expected = max((best, expected), (cosine, k))
        for q in range(2 * s):
            if sign * rays.attracted_sign(q, *rays.pulls(q, g, x), s) > 0.0:
                v = np.array(rays.ray_direction(q, x))
                if sign * (g[rays.inactive_side(q, s)] @ v) > 0.0:
                    best, expected = max((best, expected), (way @ v, 2 * s + q))
        assert cell == expected
        seen["sector" if cell < 2 * s else "ray"] += 1
    assert min(seen.values()) >= 3, seen


def test_each_ray_has_its_own_way_from_the_origin():
    """The table of a field remembers the way from each ray, and is the same when asked again."""
    from particleflow.kernels.events import _cell_from_origin
    from particleflow.kernels.maps import frozen_field

    random = np.random.default_rng(12)
    different = 0
    for _ in range(1000):
        x = np.sort(random.uniform(-1, 1, 5))
        g = field(random.standard_normal(5), x)
        frozen = frozen_field(g, x)
        sectors, table = frozen.field, frozen.rays
        attractors = np.flatnonzero(table[:, rays.SIGN])
        signs = table[attractors, rays.SIGN]
        expected = [cell_from_origin(*table[r, [rays.UX, rays.U1]], sign, sectors, x)
                    for r, sign in zip(attractors, signs, strict=True)]  # fmt: skip
        for _ in range(2):
            got = [_cell_from_origin(r, sign, frozen)
                   for r, sign in zip(attractors, signs, strict=True)]  # fmt: skip
            assert got == expected
        different += len(set(expected)) > 1
    assert different > 30


def test_nearly_parallel_rays_are_left_by_the_right_one():
    """Samples at 1e6 +- 1: one step and fifty agree."""
    random = np.random.default_rng(4)
    x = 1e6 + np.array([-1.0, 0.0, 1.0])
    for _ in range(200):
        g = field(random.standard_normal(3), x)
        a = random.standard_normal()
        z = (a, -a * random.choice(x) + random.standard_normal(), random.standard_normal())
        h = 1.0 / np.hypot(*g.T).max()
        whole, cell, _ = advance_one(*z, h, g, x)
        part, at = np.array(z), None
        for _ in range(50):
            part, at, _ = advance_one(*part, h / 50, g, x, at)
        assert at == cell
        assert_allclose(part, whole, rtol=0, atol=1e-6 * np.abs(whole).max())


def test_arrival_at_the_origin_through_a_sector():
    """q = 0 in a sector that is its own mirror image: straight on or dead, but never NaN."""
    g = field(np.array([1.0, 1.0, 1.0]), THREE)
    assert_array_equal(g[0], [0.0, -3.0])
    z, cell, tally = advance_one(0.0, 1.0, 2.0, 5.0, g, THREE)
    assert tally[ORIGINS] == 1
    assert cell == 12
    assert_array_equal(z[:2], 0.0)
    assert_allclose(z[2] ** 2, 3.0)


def test_arrival_through_a_sector_goes_on_as_who_came_this_way():
    """Sectors that hold their own field: along it, q = 0 to the bit, into the origin."""
    random = np.random.default_rng(6)
    ways = 0
    for _ in range(300):
        x = np.sort(random.uniform(-1, 1, 4))
        g = field(random.standard_normal(4), x)
        table = field_table(g)
        for k in range(8):
            size, nx, n1 = table[k, [SIZE, NX, N1]]
            for sign in (-1.0, 1.0):
                if k == 4 or locate(np.array([sign * nx]), np.array([sign * n1]), x)[0] != k:
                    continue
                z, cell, tally = advance_one(
                    sign * nx, sign * n1, -2.0 * sign, (np.arctanh(0.5) + 1e-9) / size, g, x
                )
                if tally[ORIGINS] == 1:
                    came = cell_from_origin(sign * nx, sign * n1, -sign, table, x)
                    assert cell == came
                    # not always as who comes along the ray that bounds the sector
                    ways += cell != cell_from_origin(*rays.ray_direction(k, x), -sign, table, x)
                    assert_allclose(z[2], -sign * np.sqrt(3.0), rtol=1e-8)
    assert ways > 3


def test_a_slide_from_rest_goes_where_the_sign_that_c_gets_says():
    """c = 0 on a ray: on as an attractor if c' has its sign, else off it at once."""
    random = np.random.default_rng(7)
    on = off = 0
    for _ in range(200):
        x = np.sort(random.uniform(-1, 1, 5))
        g = field(random.standard_normal(5), x)
        table = rays.ray_table(g, x)
        for r in np.flatnonzero(table[:, rays.SIGN]):
            u, along = rays.ray_direction(r, x), table[r, rays.ALONG]
            h = 1e-3 / max(1.0, np.hypot(*g.T).max())
            z, cell, tally = advance_one(*u, 0.0, h, g, x, 10 + r)
            assert np.sign(z[2]) == np.sign(along)
            if along * table[r, rays.SIGN] > 0.0:
                assert cell == 10 + r
                assert_allclose(z, [*np.cosh(along * h) * np.array(u), np.sinh(along * h)])
                on += 1
            else:
                assert cell in (r, (r + 1) % 10)
                assert tally[REPULSORS] == 1
                off += 1
    assert min(on, off) > 50


def test_starts_on_repulsors_are_counted():
    """By the sign of c, or of c' where c = 0; on the inactive side of two rays."""
    random, total = np.random.default_rng(8), 0
    x = np.array([-1.0, 0.0, 1.0])
    for c in [0.0, 1e-9, -1e-9] * 20:
        y = random.standard_normal(3)
        a = np.repeat([1.0, -1.0], 3)
        state = State(x, y, (a, -a * np.tile(x, 2), np.full(6, c)), "network", np.inf)
        g = state.field()
        expected = 0
        for r in range(6):
            k = rays.inactive_side(r, 3)
            sign = np.sign(c) or np.sign(np.dot(rays.ray_direction(r, x), g[k]))
            expected += sign * rays.attracted_sign(r, *rays.pulls(r, g, x), 3) < 0
        assert state.repulsor_starts() == expected
        total += expected if c == 0.0 else 0
    assert total > 5


def make(seed, s, m, by_sector):
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(-1.0, 1.0, s))
    y = 2.0 * random.standard_normal(s)
    delta = random.choice([-1.0, 0.0, 1.0], m)
    neurons = parameters_from_reduced(
        random.uniform(-1, 1, m), random.uniform(-np.pi, np.pi, m), delta
    )
    neurons[1][:: m // 5] = -neurons[0][:: m // 5] * x[0]  # knots on a sample
    return State(x, y, neurons, "network", ORDER[by_sector])


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize(("s", "m", "by_sector"), [
    (1, 50, False), (4, 200, True), (5, 30_000, True), (40, 30_000, True), (5, 9_000, False),
    (60, 500, False),
])  # fmt: skip
def test_the_parallel_kernel_moves_every_neuron_as_one(s, m, by_sector, far):
    """Near: in the field of their own residuals. Far: in others, so that slides end, c changes its
    sign, and sectors are left and entered again; delta of any size, and neurons with c = 0."""
    state = make(s, s, m, by_sector)
    random = np.random.default_rng(s)
    if far:
        state.variables *= 10.0 ** random.uniform(-1.5, 1.5, m)
    assert (state.order.start.shape[1] > 2) == by_sector
    h = 0.2 / np.hypot(*state.field().T).max()
    for _ in range(4):  # strays and slides appear
        if far:
            state.residual = random.standard_normal(s)
            state.variables[2, :: m // 10] = 0.0
            h = random.choice([0.2, 1.0, 4.0]) / np.hypot(*state.field().T).max()
        z, cell, tally = state.variables.copy(), state.cell.copy(), np.zeros((m, TALLIES), np.int64)
        advance_each(z, cell, h, state.field(), state.x, tally)
        moved, cells = state.variables.copy(), state.cell.copy()
        events = move_each(moved, cells, h, state.field(), state.x)
        there = frozen_passes(state, h)
        assert_array_equal(state.variables, moved)  # in vectors as one by one
        assert_array_equal(state.cell, cells)
        assert_array_equal(there.tally, events)
        assert_array_equal(state.cell, cell)
        size = np.abs(z).max(axis=0) if far else np.abs(z).max()
        assert (np.abs(state.variables - z) <= (1e-9 if far else 1e-13) * size).all()
        assert_array_equal(there.tally, tally.sum(axis=0))
        expected = state.kernel_covariances()
        size = max(1.0, expected.max())
        assert_allclose(there.covariances, expected, rtol=0, atol=1e-13 * size)
        squares = np.bincount(state.cell, state.variables[2] ** 2, 4 * s + 1)[2 * s : 4 * s]
        assert_allclose(there.held, squares / m, rtol=0, atol=1e-13 * size)
        state.update_residual()
        size = max(1.0, np.abs(there.residual).max())
        assert_allclose(there.residual, state.residual, rtol=0, atol=1e-13 * size)
    if s == 5:
        sliding = (state.cell >= 2 * s) & (state.cell < 4 * s)
        assert sliding.sum() > m // 100
        a, b, _ = state.variables[:, sliding]
        assert_array_equal(a * state.x[(state.cell[sliding] - 2 * s) % s] + b, 0.0)


@pytest.mark.parametrize("seed", range(20))
def test_a_change_of_sign_of_c_in_any_sector(seed):
    """No ray is met: (a, b) stays but for rounding, however large it is."""
    random = np.random.default_rng(seed)
    s, m, h = 5, 1000, 2e-8
    x = np.linspace(-1.0, 1.0, s)
    a, b = 1e3 * random.standard_normal((2, m))
    state = State(x, random.standard_normal(s), (a, b, np.zeros(m)), "network", np.inf)
    state.residual = random.standard_normal(s)
    g, cells = state.field(), state.cell.copy()
    assert set(cells.tolist()) == set(range(2 * s))
    rate = a * g[cells, 0] + b * g[cells, 1]
    state.variables[2] = -0.5 * h * rate
    before = state.variables.copy()
    frozen_passes(state, h)
    assert_array_equal(state.cell, cells)
    assert_allclose(state.variables[:2], before[:2], rtol=1e-6)
    assert_allclose(state.variables[2], before[2] + h * rate, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("by_sector", [False, True])
def test_neurons_that_turn_back_on_a_ray_do_so_alike_in_vectors(by_sector):
    """Where c vanishes on the ray rounding decides whether it is met; it has to decide once."""
    random = np.random.default_rng(5)
    s, m, h = 4, 6000, 0.4
    x = np.sort(random.uniform(-1.0, 1.0, s))
    state = State(x, random.standard_normal(s), tuple(np.ones((3, m))), "network", np.inf)
    state.residual = random.standard_normal(s)
    g = state.field()
    n = g / np.maximum(np.hypot(*g.T), 1e-300)[:, None]
    r = random.integers(0, 2 * s, m)
    k = np.array([rays.active_side(q, s) for q in r])
    k = np.where(random.random(m) < 0.5, k, [rays.inactive_side(q, s) for q in r])
    # from rest on the ray backwards: the boost has c = 0 halfway
    a, b = np.array([rays.ray_direction(q, x) for q in r]).T * random.uniform(0.5, 2.0, m)
    angle = 0.5 * h * np.hypot(*g[k].T) * random.uniform(0.7, 1.0, m)
    p = a * n[k, 0] + b * n[k, 1]
    a, b = a + (np.cosh(angle) - 1.0) * p * n[k, 0], b + (np.cosh(angle) - 1.0) * p * n[k, 1]
    rho, y = state.residual, state.y
    state = State(x, y, (a, b, -np.sinh(angle) * p), "network", ORDER[by_sector])
    state.residual = rho
    moved, cells = state.variables.copy(), state.cell.copy()
    events = move_each(moved, cells, h, state.field(), x)
    counts = frozen_passes(state, h).tally
    assert_array_equal(state.variables, moved)
    assert_array_equal(state.cell, cells)
    assert_array_equal(counts, events)
    assert events[CROSSINGS] > m // 20


@pytest.mark.parametrize("by_sector", [False, True])
def test_the_same_bits_for_any_number_of_threads(by_sector):
    results = []
    for threads in (1, 2, 4):
        with threads_in_use(threads):
            state = make(3, 6, 40_000, by_sector)
            assert state.order.slots.size - 1 > 4
            results.append([*frozen_passes(state, 0.02, steps=5), state.variables, state.cell])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert_array_equal(one, two)


def test_sliding_neurons_count_in_the_tangent_kernel_with_their_motion_only():
    """H v = -(1/m) sum over neurons of grad f * projected velocity, by explicit projection."""
    state = make(8, 5, 3000, False)
    frozen_passes(state, 0.05, steps=6)
    a, b, c = state.variables
    s, x = 5, state.x
    g, rho = state.field(), state.residual
    rate = np.zeros(s)
    sliding = 0
    for i in range(state.size):
        k = int(state.cell[i])
        if k == s or k == 4 * s:
            continue
        va = c[i] * g[k if k < 2 * s else k - 2 * s]
        vc = np.dot([a[i], b[i]], g[k if k < 2 * s else k - 2 * s])
        if k >= 2 * s:
            u = np.array(rays.ray_direction(k - 2 * s, x))
            va = u * (u @ va)
            sliding += 1
        for j in range(s):
            if a[i] * x[j] + b[i] > 0 and not (k >= 2 * s and (k - 2 * s) % s == j):
                rate[j] += vc * (a[i] * x[j] + b[i]) + c[i] * (va[0] * x[j] + va[1])
    assert sliding > 100
    assert_allclose(state.residual_rate(), rate / state.size, rtol=0, atol=1e-12)
    assert np.dot(rho, rate) < 0


def test_too_large_a_step_is_refused():
    state = make(2, 4, 100, False)
    with pytest.raises(AssertionError):
        frozen_passes(state, 1e6)
    with pytest.raises(AssertionError):
        frozen_passes(state, np.inf)
    state.residual[0] = np.nan
    with pytest.raises(AssertionError):
        frozen_passes(state, 1e-3)
