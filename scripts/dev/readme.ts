/**
 * `npm run readme`: runs the first command that README shows, and puts the end of its output into README, with the
 * machine's name.
 */
import '../../src/runtime/no-telemetry.ts'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { arithmeticMark } from '../../src/runtime/arithmetic-mark.ts'
import { PACKAGE_ROOT } from '../paths.ts'
import { endOfRun, withRun } from './readme-block.ts'

const path = join(PACKAGE_ROOT, 'README.md')
const { scripts } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
  scripts: { simulate: string }
}
const [, ...argv] = scripts.simulate.split(' ')
const scratch = mkdtempSync(join(tmpdir(), 'coppice-readme-'))
try {
  const out = join(scratch, 'out')
  const stdout = execFileSync(process.execPath, [...argv, '--out', out], {
    cwd: PACKAGE_ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const run = { processor: cpus()[0].model.trim(), arithmetic: await arithmeticMark(), lines: endOfRun(stdout, out) }
  writeFileSync(path, withRun(readFileSync(path, 'utf8'), run))
  console.log(run.lines.join('\n'))
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
