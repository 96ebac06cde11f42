/** Observes one run of a graph: the shapes of its values, and the small contents that rules of gradients read. */
import { clone, toBinary } from '@bufbuild/protobuf'
import { nodeMaking, valueInfo } from '../../onnx/build.ts'
import { type GraphProto, type ModelProto, ModelProtoSchema } from '../../onnx/generated/onnx_pb.js'
import type { Observed } from '../../onnx/gradient/tape.ts'
import { operatorOf, placesOf } from '../../onnx/operators/table.ts'
import type * as ort from '../../runtime/onnx-runtime.ts'
import { refusing } from '../../runtime/refusing.ts'
import { createSession } from '../../runtime/session.ts'

/** The prefix of shapes among the names of the outputs. */
const SHAPE_OF = 'shape/'
/** The prefix of contents among the names of the outputs. */
const CONTENT_OF = 'content/'

/** Runs a model once for facts that are not in its file: sizes that depend on the inputs'. */
export async function observeShapes(
  model: ModelProto,
  feeds: Record<string, ort.Tensor>,
  threads: number,
): Promise<Observed> {
  const proto = clone(ModelProtoSchema, model)
  const graph = proto.graph
  if (graph === undefined) throw new Error('a model without a graph')
  const values = valuesOf(graph)
  const contents = contentsOf(graph)
  for (const value of values) addNode(graph, 'Shape', value, `${SHAPE_OF}${value}`)
  for (const value of contents) addNode(graph, 'Identity', value, `${CONTENT_OF}${value}`)
  graph.output = graph.node.flatMap(({ output: [name] }) =>
    name.startsWith(SHAPE_OF) || name.startsWith(CONTENT_OF) ? [valueInfo(name)] : [],
  )
  const session = refusing(await createSession(toBinary(ModelProtoSchema, proto), { threads }), 'a part of the model')
  try {
    const out = await session.run(feeds)
    const read = (names: Iterable<string>, prefix: string) =>
      new Map([...names].map((name) => [name, Array.from(out[`${prefix}${name}`].data as ArrayLike<number>, Number)]))
    return { shapes: read(values, SHAPE_OF), contents: read(contents, CONTENT_OF) }
  } finally {
    await session.release()
  }
}

function addNode(graph: GraphProto, opType: string, input: string, output: string): void {
  graph.node.push(nodeMaking(output, opType, [input]))
}

function valuesOf(graph: GraphProto): Set<string> {
  const made = graph.node.flatMap(({ output }) => output.filter((name) => name !== ''))
  return new Set([...graph.input.map(({ name }) => name), ...graph.initializer.map(({ name }) => name), ...made])
}

function contentsOf(graph: GraphProto): Set<string> {
  return new Set(
    graph.node.flatMap((node) =>
      placesOf(node, operatorOf(node)?.contents ?? '').flatMap((slot) => node.input[slot] || []),
    ),
  )
}
