/** `npm run bench -- NAME [...]`: benchmarks, a file each, or a folder with its `index.ts`. */
import '../../src/runtime/no-telemetry.ts'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../src/base/errors.ts'
import { endingOf } from '../terminal/refusal.ts'

const [name, ...args] = process.argv.slice(2)
const fileOf = (name: string) =>
  [`${name}.ts`, join(name, 'index.ts')].find((file) => existsSync(join(import.meta.dirname, file)))
const names = readdirSync(import.meta.dirname)
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((each) => each !== 'index' && fileOf(each) !== undefined)

if (name === undefined || !names.includes(name)) {
  console.error(`coppice: bench: ${name === undefined ? 'no name given' : `no benchmark is called "${name}"`}`)
  console.error(`Usage: npm run bench -- NAME, where NAME is one of: ${names.join(', ')}`)
  process.exitCode = 2
} else {
  const bench = (await import(`./${fileOf(name)}`)) as { run(args: string[]): Promise<void> }
  await bench.run(args).catch((error: unknown) => {
    const { exit, text } = endingOf(isWrongOption(error) ? wrongOption(error.message) : error)
    process.stderr.write(text)
    process.exitCode = exit
  })
}

function isWrongOption(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
}

function wrongOption(what: string): UsageError {
  return new UsageError({
    code: 'USAGE',
    what,
    hint: `The head of scripts/bench/${fileOf(String(name))} says what it takes.`,
  })
}
