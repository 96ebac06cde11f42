/**
 * The parts of a source file that the rules read: code without comments, imports, exports. They are found by patterns,
 * not by a parser.
 */

/**
 * Code without comments. Comments become spaces of the same length, so that line numbers stay; strings that contain
 * "//" stay whole.
 */
export function codeOf(source: string): string {
  return source.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g,
    (match) => (match.startsWith('/') ? match.replace(/[^\n]/g, ' ') : match),
  )
}

/** Specifiers of static imports, re-exports and import() with a literal. */
export function importsOf(code: string): string[] {
  return [...code.matchAll(/\b(?:from|import)\s*\(?\s*(['"])([^'"\n]+)\1/g)].map((match) => match[2])
}

interface Names {
  exported: string[]
  /** `*` stands for every name of that file. */
  imported: { specifier: string; name: string }[]
}

const DECLARATION =
  /^export\s+(?:async\s+)?(?:abstract\s+)?(?:function\*?|const|let|class|interface|type)\s+([A-Za-z_$][\w$]*)/gm
const LIST = /\b(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'([^']+)'/g
const WHOLE = /\*\s+(?:as\s+\w+\s+)?from\s+'([^']+)'/g
const DYNAMIC_LIST = /\{([^}]*)\}\s*=\s*await\s+import\('([^']+)'\)/g
const DYNAMIC_MEMBER = /\bimport\('([^']+)'\)\)?\s*(?:\.|\[')(\w+)/g

/** The names that a file exports where it declares them, and the names that it imports or re-exports. */
export function namesOf(code: string): Names {
  const listed = [...code.matchAll(LIST), ...code.matchAll(DYNAMIC_LIST)].flatMap(([, list, specifier]) =>
    list
      .split(',')
      .map((item) => item.trim().replace(/^type\s+/, ''))
      .filter((item) => item !== '')
      .map((item) => ({ specifier, name: item.split(/\s+as\s+|\s*:\s*/)[0] })),
  )
  const whole = [...code.matchAll(WHOLE)].map(([, specifier]) => ({ specifier, name: '*' }))
  const members = [...code.matchAll(DYNAMIC_MEMBER)].map(([, specifier, name]) => ({ specifier, name }))
  return {
    exported: [...code.matchAll(DECLARATION)].map(([, name]) => name),
    imported: [...listed, ...whole, ...members],
  }
}

/** Whether a line is a comment or ends in one. A line that begins with a star counts as one inside a comment. */
export function isComment(line: string): boolean {
  const code = codeOf(line)
  return /^\s*(\*|\/\*|\/\/)/.test(line) || code.trimEnd().length < line.trimEnd().length
}

export function lineAt(code: string, index: number): number {
  return code.slice(0, index).split('\n').length
}
