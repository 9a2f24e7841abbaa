// The page of a trajectory: draws a frame, follows the slider, the mouse and the button.
//
// This is the body of the callback that Bokeh runs when the document is ready. Its arguments are
// Bokeh models by name, and `facts`, numbers that `page.py` has computed. Points are drawn into
// images, whose cost hardly depends on how many there are.

const { neurons, frames, reach, width, height, rug_height, codes } = facts
const BLUE = 0xffb27200, ORANGE = 0xff005ed5 // #0072B2 and #D55E00 as ABGR
const { theta: codesOfTheta, radius: codesOfRadius, knot: codesOfKnot } = codesSource.data

// what the codes mean, once for each: the one above the largest stands for no number, NaN here
const decoded = (low, high) => {
  const values = new Float64Array(codes + 2).fill(NaN)
  for (let code = 0; code <= codes; code++) values[code] = low + (code / codes) * (high - low)
  return values
}
const angle = decoded(-Math.PI, Math.PI), radius = decoded(-reach, reach)
const knot = decoded(facts.knots_from, facts.knots_to) // in the x of the samples
const cosine = angle.map(Math.cos), sine = angle.map(Math.sin)

// where neuron i is in each panel at a frame
const place = {
  cylinder: (at) => [angle[codesOfTheta[at]], radius[codesOfRadius[at]]],
  plane: (at) => {
    const size = Math.abs(radius[codesOfRadius[at]]), code = codesOfTheta[at]
    return [size * cosine[code], size * sine[code]]
  },
  knots: (at, frame) => [frame, knot[codesOfKnot[at]]],
  fit: (at) => [knot[codesOfKnot[at]], rugPlace()],
}
const rugPlace = () => fit.y_range.start + 0.02 * (fit.y_range.end - fit.y_range.start)
const panels = { fit, cylinder, plane, knots }

function splat(name, source, rows, size, at) {
  // an image over the whole panel, in which each neuron is a small square
  const { x_range, y_range } = panels[name], { x, y, dw, dh } = source.data
  x[0] = x_range.start
  dw[0] = x_range.end - x_range.start
  y[0] = y_range.start
  dh[0] = (y_range.end - y_range.start) * (rows / height)
  const image = source.data.image[0], fx = width / dw[0], fy = rows / dh[0]
  image.fill(0)
  at((px, py, colour) => {
    const right = (px - x[0]) * fx, row = Math.floor((py - y[0]) * fy)
    if (!(right >= 0 && right <= width)) return // outside, or no number
    const column = Math.min(Math.floor(right), width - size) // at the border it is seen, too
    for (let dy = 0; dy < size; dy++) {
      const line = row + dy
      if (line < 0 || line >= rows) continue
      for (let dx = 0; dx < size; dx++) image[line * width + column + dx] = colour
    }
  })
  source.change.emit()
}

const isPositive = (at) => codesOfRadius[at] * 2 > codes
const colourOf = (at) => (isPositive(at) ? BLUE : ORANGE)

function drawPoints(frame) {
  const begin = frame * neurons
  for (const [name, source] of [["cylinder", cylinderImage], ["plane", planeImage]]) {
    splat(name, source, height, 2, (put) => {
      for (let at = begin; at < begin + neurons; at++) {
        const [px, py] = place[name](at)
        put(px, py, colourOf(at))
      }
    })
  }
  splat("fit", rugImage, rug_height, 1, (put) => {
    const { y, dh } = rugImage.data
    for (let at = begin; at < begin + neurons; at++) {
      for (let row = 0; row < rug_height; row++) {
        put(knot[codesOfKnot[at]], y[0] + ((row + 0.5) / rug_height) * dh[0], colourOf(at))
      }
    }
  })
}

// how many knots of neurons with rhat > 0, and of others, are at a pixel
const counts = [new Uint32Array(width * height), new Uint32Array(width * height)]

function drawKnots() {
  // all frames at once, denser where there are more knots; it changes when the panel is zoomed only
  const { x_range, y_range } = knots, { x, y, dw, dh, image } = knotsImage.data
  ;[x[0], dw[0]] = [x_range.start, x_range.end - x_range.start]
  ;[y[0], dh[0]] = [y_range.start, y_range.end - y_range.start]
  for (const count of counts) count.fill(0)
  for (let column = 0; column < width; column++) {
    const time = x[0] + ((column + 0.5) / width) * dw[0], frame = Math.floor(time)
    // a single frame fills the panel
    if (frame < 0 || time > Math.max(1, frames - 1)) continue
    const now = Math.min(frame, frames - 1), later = Math.min(frame + 1, frames - 1)
    const part = time - frame
    for (let i = 0; i < neurons; i++) {
      const at = now * neurons + i, begin = knot[codesOfKnot[at]]
      const place = begin + part * (knot[codesOfKnot[later * neurons + i]] - begin)
      const row = Math.floor(((place - y[0]) / dh[0]) * height) // NaN where it has no place
      if (row >= 0 && row < height) {
        counts[isPositive(at) ? 0 : 1][row * width + column] += 1
      }
    }
  }
  const most = Math.log1p(neurons)
  const pixels = image[0]
  for (let pixel = 0; pixel < pixels.length; pixel++) {
    const [positive, other] = [counts[0][pixel], counts[1][pixel]]
    const total = positive + other
    const alpha = total === 0 ? 0 : Math.round(255 * (0.25 + (0.75 * Math.log1p(total)) / most))
    const colour = positive >= other ? BLUE : ORANGE
    pixels[pixel] = ((colour & 0xffffff) | (Math.min(alpha, 255) << 24)) >>> 0
  }
  knotsImage.change.emit()
}

// the neuron whose path is shown: the one that was clicked, or the one under the mouse
let followed = -1, hovered = -1

function drawPath() {
  const i = followed >= 0 ? followed : hovered
  for (const name of ["cylinder", "plane", "knots"]) {
    const { x, y } = paths[name].data
    for (let frame = 0; frame < frames; frame++) {
      const [px, py] = i < 0 ? [NaN, NaN] : place[name](frame * neurons + i, frame)
      x[frame] = px
      y[frame] = py
      // no line around the cylinder
      if (name === "cylinder" && frame > 0 && Math.abs(px - x[frame - 1]) > Math.PI) y[frame] = NaN
    }
    paths[name].change.emit()
  }
  drawMarker()
}

function drawMarker() {
  const i = followed >= 0 ? followed : hovered, at = slider.value * neurons + i
  for (const name in markers) {
    const { x, y } = markers[name].data
    if (i < 0 && Number.isNaN(x[0])) continue
    ;[x[0], y[0]] = i < 0 ? [NaN, NaN] : place[name](at, slider.value)
    markers[name].change.emit()
  }
  saySoon()
}

// a new text takes a browser longer than all panels together: at most ten a second
let waiting = null
function saySoon() {
  waiting ??= setTimeout(() => {
    waiting = null
    say()
  }, 100)
}

function say() {
  const i = followed >= 0 ? followed : hovered, at = slider.value * neurons + i
  const f = (value) => value.toPrecision(4)
  const r = i < 0 ? 0 : radius[codesOfRadius[at]]
  const rhat = facts.unit === null ? r : facts.unit * Math.sinh(r / facts.unit)
  const moment = `<b>tau = ${f(facts.time[slider.value])}</b>`
  words.text = i < 0
    ? `${moment} &nbsp; Point at a neuron to see its path, click a neuron or a knot to follow it.`
    : `${moment} &nbsp; neuron ${facts.ids[i]}${followed >= 0 ? ", followed" : ""}: ` +
      `rhat = ${f(rhat)}, theta = ${f(angle[codesOfTheta[at]])}, ` +
      (codesOfKnot[at] > codes
        ? "knot far outside"
        : `knot at ${knot[codesOfKnot[at]].toPrecision(facts.x_digits)}`)
}

function draw() {
  const frame = slider.value
  drawPoints(frame)
  if (functions !== null) {
    const all = functions.data.f, n = line.data.y.length
    // not subarray: the columns of Bokeh are typed arrays with a shape
    line.data.y.set(new Float32Array(all.buffer, all.byteOffset + 4 * n * frame, n))
    line.change.emit()
  }
  for (const span of moments) span.location = frame
  drawMarker()
  view.drawn += 1
}

function nearest(name, px, py, most) {
  // the neuron next to a place of a panel, within so many pixels, or -1
  const { x_range, y_range } = panels[name]
  const fx = width / (x_range.end - x_range.start), fy = height / (y_range.end - y_range.start)
  const frame = name === "knots" ? Math.max(0, Math.min(frames - 1, Math.round(px))) : slider.value
  let found = -1, least = most * most
  for (let i = 0; i < neurons; i++) {
    const [x, y] = place[name](frame * neurons + i, frame)
    // of the rug the x decides, of knots over time their height at the frame next to the mouse
    const dx = name === "knots" ? 0 : (x - px) * fx, dy = name === "fit" ? 0 : (y - py) * fy
    const square = dx * dx + dy * dy
    if (square < least) [found, least] = [i, square]
  }
  return found
}

const view = {
  drawn: 0,
  draw,
  zoomed(name) {
    if (name === "knots") drawKnots()
    else drawPoints(slider.value)
    drawMarker()
  },
  pointed(name, event) {
    const found = nearest(name, event.x, event.y, 8)
    if (found === hovered) return
    hovered = found
    if (followed < 0) drawPath()
  },
  clicked(name, event) {
    followed = nearest(name, event.x, event.y, 12)
    drawPath()
  },
  play() {
    button.label = button.active ? "❚❚ pause" : "▶ play"
    let last = 0
    const step = (now) => {
      if (!button.active) return
      if (now - last >= 1000 / facts.rate) {
        last = now
        slider.value = (slider.value + 1) % frames
      }
      requestAnimationFrame(step)
    }
    if (button.active) requestAnimationFrame(step)
  },
}
window.particleflow = view
drawKnots()
draw()
say()
