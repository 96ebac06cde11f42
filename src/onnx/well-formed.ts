/**
 * Checks that each value of a graph has one maker and each name stands for one thing. ONNX demands that of a file, and
 * every pass relies on it. Source: ONNX's IR.md, "Names Within a Graph" and "Graphs" (single static assignment).
 */
import { InputError } from '../base/errors.ts'
import { nodeName } from './fields.ts'
import type { GraphProto } from './generated/onnx_pb.js'
import type { OnnxModel } from './model.ts'

type Graphs = Pick<OnnxModel, 'path' | 'proto' | 'graph' | 'initializers' | 'subgraphs'>

/** Checks the model's graph and the graphs inside its nodes, at any depth. @throws {InputError} MODEL_GRAPH */
export function assertWellFormed({ path, proto, graph, initializers, subgraphs }: Graphs): void {
  const domains = proto.opsetImport.map(({ domain }) => (domain === 'ai.onnx' ? '' : domain))
  const again = domains.find((domain, k) => domains.indexOf(domain) !== k)
  if (again !== undefined)
    throw malformedGraph(path, `there are two opsets of ${again === '' ? 'ai.onnx' : `"${again}"`}`)
  const check = (each: GraphProto, outer: ReadonlySet<string>): void => {
    const own = each === graph ? initializers : (subgraphs.get(each) ?? new Map())
    const names = new Set([...outer, ...assertOneMaker(each, own, path)])
    for (const [at, node] of each.node.entries()) {
      const reader = `the node ${nodeName(node, at)}`
      for (const input of node.input) if (input !== '' && !names.has(input)) throw unmade(path, input, reader)
      for (const { g } of node.attribute) if (g) check(g, names)
    }
    for (const { name } of each.output) if (!names.has(name)) throw unmade(path, name, 'the end of the graph')
  }
  check(graph, new Set())
  const outputs = graph.output.map(({ name }) => name)
  const twice = outputs.find((name, k) => outputs.indexOf(name) !== k)
  if (twice !== undefined) throw malformedGraph(path, `the graph gives the output "${twice}" twice`)
}

/** Names of a graph's inputs, initializers and nodes' outputs. */
function assertOneMaker(graph: GraphProto, initializers: ReadonlyMap<string, unknown>, path: string): Set<string> {
  const makers = new Map<string, string>()
  const make = (name: string, maker: string): void => {
    const other = makers.get(name)
    if (other !== undefined)
      throw malformedGraph(path, `the value "${name}" is made twice, by ${other} and by ${maker}`)
    makers.set(name, maker)
  }
  for (const { name } of graph.input) {
    if (name === '') throw malformedGraph(path, 'an input of the graph has no name')
    make(name, 'an input')
  }
  // An initializer of an input's name is the input's default: files of IR version 3 have one for each.
  for (const name of initializers.keys()) makers.set(name, 'an initializer')
  for (const [at, node] of graph.node.entries()) {
    if (node.opType === '') throw malformedGraph(path, `the node ${nodeName(node, at)} has no operator`)
    if (node.output.every((output) => output === ''))
      throw malformedGraph(path, `the node ${nodeName(node, at)} makes nothing`)
    for (const output of node.output) if (output !== '') make(output, `the node ${nodeName(node, at)}`)
  }
  return new Set(makers.keys())
}

function unmade(path: string, value: string, reader: string): InputError {
  return malformedGraph(path, `the value "${value}" is read by ${reader}, and nothing makes it`)
}

export function malformedGraph(path: string, why: string): InputError {
  return new InputError({
    code: 'MODEL_GRAPH',
    what: `${path}: ${why}`,
    hint: 'The file is no ONNX model: onnx.checker.check_model of the Python package onnx shows it too. Export it again.',
  })
}
