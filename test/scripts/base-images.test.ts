import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { baseImages, withPins } from '../../scripts/base-images.ts'
import { type DockerRegistry, dockerRegistryIsHere, pushTo, startDockerRegistry } from '../support/docker-registry.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const digest = `sha256:${'a'.repeat(64)}`

describe('the images of others in a Dockerfile', () => {
  it.each([
    ['FROM node:24', ['node:24']],
    ['FROM --platform=linux/amd64 node:24 AS build\nFROM build\nFROM debian:12', ['node:24', 'debian:12']],
    ['FROM scratch', []],
    [`ARG BASE=node:24@${digest}\nFROM \${BASE} AS a\nFROM $BASE\n`, [`node:24@${digest}`]],
    ['from node:24 as Build\nfrom build as last', ['node:24']],
    ['ARG UNUSED=node:24\nFROM debian:12', ['debian:12']],
    ['FROM debian:12\nARG BASE=node:24', ['debian:12']],
    ['FROM debian:12\nRUN echo FROM node:24', ['debian:12']],
  ])('of %j are %j', (dockerfile, images) => {
    expect(baseImages(dockerfile).map(({ written }) => written)).toEqual(images)
  })

  it('cannot be told where an argument has no default', () => {
    expect(() => baseImages('ARG BASE\nFROM ${BASE}')).toThrow('line 2: nothing says which image ${BASE} is')
  })

  it('are replaced where they stand and nowhere else', () => {
    const text = '# node:24\nFROM node:24 AS build\nRUN echo node:24\n'
    const pins = [{ line: 1, written: 'node:24', wanted: `node:24@${digest}` }]
    expect(withPins(text, pins)).toBe(`# node:24\nFROM node:24@${digest} AS build\nRUN echo node:24\n`)
  })

  it('of Purser’s own Dockerfile are one, which every stage is built on', () => {
    const text = readFileSync(join(root, 'Dockerfile'), 'utf8')
    const [base, ...others] = baseImages(text)
    expect(others).toEqual([])
    expect(base?.written).toMatch(/^node:\d+-[a-z]+-slim(@sha256:[0-9a-f]{64})?$/)
    expect(text.match(/^FROM .*/gm)).toEqual([
      'FROM ${BASE_IMAGE} AS build',
      'FROM ${BASE_IMAGE} AS runner',
      'FROM ${BASE_IMAGE}',
    ])
  })
})

describe.runIf(dockerRegistryIsHere)('npm run pin-base-images', () => {
  let registry: DockerRegistry
  let directory: string
  beforeAll(async () => {
    registry = await startDockerRegistry()
    directory = mkdtempSync(join(tmpdir(), 'purser-pins-'))
  })
  afterAll(async () => {
    await registry.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const file = () => join(directory, 'Dockerfile')
  async function pins(...args: string[]) {
    const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/pin-base-images.ts', file(), ...args], {
      cwd: root,
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const [code] = (await once(child, 'close')) as [number]
    return { code, output }
  }

  it('writes the digest that the registry has, keeps it, and follows the tag when it moves', async () => {
    const image = `${registry.host}/library/node:24-slim`
    writeFileSync(file(), `ARG BASE_IMAGE=${image}\nFROM \${BASE_IMAGE}\n`)
    const first = await pushTo(registry.host, { repository: 'library/node', tag: '24-slim', revision: 'one' })
    expect(await pins('--check')).toEqual({ code: 1, output: `${image} → ${image}@${first}\n` })
    expect(readFileSync(file(), 'utf8')).not.toContain('sha256')

    expect((await pins()).code).toBe(0)
    expect(readFileSync(file(), 'utf8')).toBe(`ARG BASE_IMAGE=${image}@${first}\nFROM \${BASE_IMAGE}\n`)
    expect(await pins('--check')).toEqual({ code: 0, output: `${image}@${first}: as the registry has it\n` })

    const second = await pushTo(registry.host, { repository: 'library/node', tag: '24-slim', revision: 'two' })
    expect(second).not.toBe(first)
    expect((await pins('--check')).code).toBe(1)
    await pins()
    expect(readFileSync(file(), 'utf8')).toContain(`${image}@${second}\n`)
  }, 120_000)

  it('writes nothing where the registry has no such tag, or no tag is named', async () => {
    const text = `FROM ${registry.host}/library/node:25-slim\n`
    writeFileSync(file(), text)
    expect(await pins()).toMatchObject({ code: 2, output: expect.stringContaining('has no such tag') })
    expect(readFileSync(file(), 'utf8')).toBe(text)
    writeFileSync(file(), `FROM ${registry.host}/library/node\n`)
    expect(await pins()).toMatchObject({ code: 2, output: expect.stringContaining('has no tag whose digest') })
  }, 120_000)
})
