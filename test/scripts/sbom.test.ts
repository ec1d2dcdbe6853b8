import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { name, dependencies, devDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  readonly name: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}
const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly dev?: boolean }>>
}

function bill(...args: string[]): Record<string, unknown> {
  const { stdout, stderr, status } = spawnSync('npm', ['run', '--silent', 'sbom', '--', ...args], { cwd: root })
  expect(status, stderr.toString()).toBe(0)
  return JSON.parse(stdout.toString()) as Record<string, unknown>
}

describe('npm run sbom', () => {
  it('lists every package that Purser runs with in its locked version, with a hash, and none of the others', () => {
    const { metadata, components, bomFormat } = bill() as unknown as {
      readonly bomFormat: string
      readonly metadata: { readonly component: { readonly name: string } }
      readonly components: readonly { name: string; version: string; hashes?: readonly { content: string }[] }[]
    }
    expect(bomFormat).toBe('CycloneDX')
    expect(metadata.component.name).toBe(name)
    for (const wanted of Object.keys(dependencies))
      expect(components).toContainEqual(
        expect.objectContaining({ name: wanted, version: packages[`node_modules/${wanted}`]?.version }),
      )
    // Everything that `npm ci --omit=dev` would install on some machine, however it got into the lock file.
    const installed = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true)
    const named = new Set(components.map((one) => `${one.name}@${one.version}`))
    const missing = installed.filter(
      ([path, { version }]) => !named.has(`${path.replace(/^.*node_modules\//, '')}@${version}`),
    )
    expect(missing.map(([path]) => path)).toEqual([])
    expect(components.filter(({ hashes = [] }) => hashes.length === 0)).toEqual([])
    const onlyForUs = Object.keys(devDependencies).filter((one) => packages[`node_modules/${one}`]?.dev === true)
    expect(onlyForUs).toContain('vitest')
    expect(components.filter((component) => onlyForUs.includes(component.name))).toEqual([])
  })

  it('writes SPDX as well', () => {
    const { spdxVersion, packages: listed } = bill('--spdx') as { spdxVersion: string; packages: { name: string }[] }
    expect(spdxVersion).toMatch(/^SPDX-2/)
    expect(listed.map((one) => one.name)).toEqual(expect.arrayContaining(Object.keys(dependencies)))
  })
})
