/** A refusal in ONNX Runtime's own words, with advice where they are known: what is no bug of ours. */
import { InputError } from '../base/errors.ts'

/** Where in ONNX Runtime's sources a message comes from: file, line, and the function's signature or name. */
const SOURCE = /[\w/-]+\.(?:cc|h|cpp):\d+ (?:[^()]*::[^()]*\([^()]*\)(?:\([^()]*\))?(?: const)?|\w+) /g
/** The path is said before. */
const LOADING = /^(?:Load model from .*? failed:\s*)+/

/** Advice for messages of ONNX Runtime, by pattern. */
const ADVICE: [RegExp, (match: RegExpExecArray) => string][] = [
  [
    /Unsupported model IR version: (\d+), max supported IR version: (\d+)/,
    ([, version, most]) =>
      `It is written for IR version ${version}, this ONNX Runtime reads up to ${most}: export it with an older onnx package.`,
  ],
  [
    /Opset (\d+) is under development.*official support for domain (\S+) is till opset (\d+)/s,
    ([, version, domain, most]) =>
      `It is written in opset ${version} of ${domain}, this ONNX Runtime reads up to ${most}: export it with --opset ${most} or older.`,
  ],
  [
    /two nodes with same node name/,
    () => 'Give each node a name of its own, or none: in Python, for node in model.graph.node: node.name = "".',
  ],
  [
    /No Op registered for (\S+)|is not a registered function\/op/,
    () => 'Export it with plain ONNX operators, for example with Optimum (--task text-generation).',
  ],
]

const OTHERWISE =
  'Check that the model runs in ONNX Runtime at all; export it again, or with plain operators, if it does not.'

/**
 * MODEL_REFUSED_BY_RUNTIME.
 * @param what - of the model: its path, or words
 * @param verb - ONNX Runtime "refuses" what it does not load, and "does not run" the rest
 */
export function runtimeRefusal(what: string, verb: 'refuses' | 'does not run', cause: unknown): InputError {
  const words = runtimeWords(cause instanceof Error ? cause.message : String(cause))
  const advice = ADVICE.map(([pattern, of]) => ({ match: pattern.exec(words), of })).find(({ match }) => match !== null)
  return new InputError({
    code: 'MODEL_REFUSED_BY_RUNTIME',
    what: `ONNX Runtime ${verb} ${what}: ${words}`,
    hint: advice?.match ? advice.of(advice.match) : OTHERWISE,
    cause,
  })
}

/** A message of ONNX Runtime without places in its sources. */
export function runtimeWords(message: string): string {
  return message.replace(LOADING, '').replace(SOURCE, ' ').replace(/\s+/g, ' ').trim()
}
