/** The state of a walk along the axes of a graph: the labels of each value's axes, and the values that can be cut. */
import { isWeightName } from '../../model/graph/part.ts'
import type { GraphProto, NodeProto } from '../../onnx/generated/onnx_pb.js'
import type { Observed } from '../../onnx/gradient/tape.ts'
import { operatorName } from '../../onnx/operators/name.ts'
import { type Axis, Labels } from './labels.ts'

/**
 * How queries that share keys and values are removed. `kv`: all of them, together with the keys and values. `query`:
 * the same number in each group, and keys and values stay.
 */
export type GroupQueries = 'kv' | 'query'

/** Follows the axes of a node's inputs to its outputs. */
export type Follow = (walk: Walk, node: NodeProto) => void

export class Walk {
  readonly labels = new Labels()
  readonly axes = new Map<string, Axis[]>()
  readonly groupQueries: GroupQueries
  /** Whether this is an embedding: its tables begin the axes. */
  readonly embeds: boolean
  private readonly observed: Observed
  /** Weights and constants. They take the labels of the values that they meet, since they can be cut to fit. */
  private readonly fixed: ReadonlySet<string>

  constructor(graph: GraphProto, observed: Observed, groupQueries: GroupQueries, embeds: boolean) {
    this.observed = observed
    this.groupQueries = groupQueries
    this.embeds = embeds
    this.fixed = fixedValues(graph)
  }

  isFixed(value: string): boolean {
    return this.fixed.has(value)
  }

  shape(value: string): readonly number[] {
    const shape = this.observed.shapes.get(value)
    if (shape === undefined) throw new Error(`no shape of "${value}" was observed`)
    return shape
  }

  /** The axes are changed in place when more is found out about a weight. */
  axesOf(value: string): Axis[] {
    const known = this.axes.get(value)
    if (known !== undefined) return known
    const none: Axis[] = this.shape(value).map(() => null)
    this.axes.set(value, none)
    return none
  }

  content(value: string | undefined): readonly number[] | undefined {
    return value === undefined || value === '' ? undefined : this.observed.contents.get(value)
  }

  /**
   * Unites an axis of a value with labels. If the value is no weight and has no labels there, it cannot be cut, so the
   * labels are locked.
   */
  meet(value: string, axis: number, places: Axis, node: NodeProto): void {
    const own = this.axesOf(value)
    if (own[axis] !== null) this.labels.uniteAxes(own[axis], places)
    else if (this.isFixed(value)) own[axis] = places
    else this.lock(places, node, 'reads them with something unknown')
  }

  /** @param why - the reason, to follow the name of the node */
  lock(places: Axis, node: NodeProto, why: string): void {
    this.labels.lock(places, `"${node.name}" (${operatorName(node)}) ${why}`)
  }
}

function fixedValues({ initializer, input, node: nodes }: GraphProto): Set<string> {
  const fixed = new Set(initializer.map(({ name }) => name))
  for (const { name } of input) if (isWeightName(name)) fixed.add(name)
  for (const node of nodes) {
    if (node.input.every((value) => value === '' || fixed.has(value)))
      for (const output of node.output) fixed.add(output)
  }
  return fixed
}

export const fromFront = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis)
