/** The npm package as others get it: packed, and unpacked into a folder of theirs. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PACKAGE_ROOT } from '../../../scripts/paths.ts'
import { fixturePath } from '../shared.ts'
import { siteText } from '../sites.ts'

/** Packs this repository into a directory. Returns the path of the tarball. */
export function pack(directory: string): string {
  const line = ['run', 'pack', '--silent', '--', '--pack-destination', directory]
  execFileSync('npm', line, { cwd: PACKAGE_ROOT, stdio: 'pipe' })
  const [name] = readdirSync(directory).filter((file) => file.endsWith('.tgz'))
  return join(directory, name)
}

/** The files of a tarball, without the folder `package/` that npm puts around them. */
export function filesOf(tarball: string): string[] {
  const names = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
  return names.map((name) => name.replace(/^package\//, '')).sort()
}

/** The environment of a folder's user: Node 24 first, and a home for data directories. */
export function environment(folder: string): NodeJS.ProcessEnv {
  const { PATH, ...rest } = process.env
  return { ...rest, PATH: `${dirname(process.execPath)}:${PATH}`, XDG_STATE_HOME: join(folder, 'state') }
}

/**
 * A folder of somebody who has installed the package: as `npm install` leaves it, but made without a network.
 * Dependencies of the package, and no others, are links to those that this repository has installed.
 */
export function unpackedInto(folder: string, tarball: string): string {
  const modules = join(folder, 'node_modules')
  const own = join(modules, 'coppice')
  mkdirSync(own, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', own])
  for (const name of installedDependencies()) link(join(PACKAGE_ROOT, 'node_modules', name), join(modules, name))
  link(join(own, 'bin', 'coppice.js'), join(modules, '.bin', 'coppice'))
  return folder
}

/** Packages at the top of node_modules that are no development dependencies. */
function installedDependencies(): string[] {
  const { packages } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean; link?: boolean }>
  }
  return Object.entries(packages).flatMap(([path, { dev, optional, link }]) => {
    const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? []
    return name === undefined || dev || optional || link ? [] : [name]
  })
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

/** Writes the examples of docs/reference/library.md into a folder, with the model and texts that they name. */
export function writeExamples(folder: string): string[] {
  const page = readFileSync(join(PACKAGE_ROOT, 'docs', 'reference', 'library.md'), 'utf8')
  cpSync(fixturePath('stories260k'), join(folder, 'base'), { recursive: true })
  for (const [site, name] of ['mine.txt', 'test.txt'].entries()) cpSync(siteText(folder, site), join(folder, name))
  return [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code], at) => {
    const name = `example-${at + 1}.ts`
    writeFileSync(join(folder, name), code)
    return name
  })
}

/** The faults of programs that use the package, and of its own types, as the strictest compiler tells them. */
export function typeFaults(folder: string, files: string[]): string {
  for (const name of ['@types/node', 'undici-types'])
    link(join(PACKAGE_ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2024', types: ['node'], noEmit: true },
    ...{ strict: true, exactOptionalPropertyTypes: true, noImplicitOverride: true, isolatedModules: true },
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const tsc = join(PACKAGE_ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  return spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' }).stdout
}
