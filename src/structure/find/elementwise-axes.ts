/** Axes through operators that pass places on one by one. */
import type { Axis } from './labels.ts'
import type { Follow } from './walk.ts'

/**
 * The node passes a weight on to its product. Both values share one array of labels, so labels of one hold for the
 * other.
 */
export const same: Follow = (walk, node) => {
  const [input] = node.input
  if (walk.isFixed(input)) walk.axes.set(node.output[0], walk.axesOf(input))
  else elementwise(walk, node)
}

/** Operands are aligned at their last axes; of a size of 1 all places read the same. */
export const elementwise: Follow = (walk, node) => {
  const [output] = node.output
  const shape = walk.shape(output)
  const inputs = node.input.filter((input) => input !== '')
  const out = shape.map((size, axis): Axis => {
    if (size === 1) return null
    let places: Axis = null
    const meeting: [string, number][] = []
    for (const input of inputs) {
      const at = axis - (shape.length - walk.shape(input).length)
      if (at < 0 || walk.shape(input)[at] !== size) continue
      meeting.push([input, at])
      places = walk.labels.uniteAxes(places, walk.axesOf(input)[at])
    }
    if (places !== null) for (const [input, at] of meeting) walk.meet(input, at, places, node)
    return places
  })
  walk.axes.set(output, out)
}
