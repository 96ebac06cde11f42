/** `npm run bench -- NAME [...]`: benchmarks, a file each. */
import { readdirSync } from 'node:fs'

const [name, ...args] = process.argv.slice(2)
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'index.ts')
  .map((file) => file.replace(/\.ts$/, ''))

if (name === undefined || !names.includes(name)) {
  console.error(`coppice: bench: ${name === undefined ? 'no name given' : `no benchmark is called "${name}"`}`)
  console.error(`Usage: npm run bench -- NAME, where NAME is one of: ${names.join(', ')}`)
  process.exitCode = 2
} else {
  const bench = (await import(`./${name}.ts`)) as { run(args: string[]): Promise<void> }
  await bench.run(args)
}
