import { describe, expect, it } from 'vitest'
import { RepositoryError } from '../../src/adapters/git/errors.ts'
import type { Changes, ChangesWanted } from '../../src/adapters/git/port.ts'
import { ImageError } from '../../src/adapters/registry/port.ts'
import { planChanges } from '../../src/runbook/plan/changes-plan.ts'
import { phaseContext, service } from './phase-context.ts'

const [labelled, tagged, to] = ['a'.repeat(40), 'b'.repeat(40), 'c'.repeat(40)]
const digest = `sha256:${'d'.repeat(64)}`
const repository = service.image.repository

interface Facts {
  readonly revision?: string | undefined
  readonly registry?: Error
  readonly changes?: Partial<Changes> | 'no such commit' | Error
  readonly paths?: readonly string[]
}

/** Plans the changes, and tells what the repository and the registry were asked. */
async function planned(running: { image: string; version?: string | undefined }, facts: Facts = {}) {
  const asked: ChangesWanted[] = []
  const resolved: string[] = []
  const context = phaseContext({
    service: {
      ...(facts.paths === undefined ? {} : { paths: [...facts.paths] }),
      repository: 'https://github.com/a/b',
    },
    world: {
      registry: {
        resolve: async (name, reference) => {
          resolved.push(`${name} ${reference}`)
          if (facts.registry !== undefined) throw facts.registry
          return { reference: `${name}@${digest}`, digest, platforms: [], revision: facts.revision }
        },
      },
      repository: {
        tags: async () => [{ name: 'v1.1.0', sha: tagged, subject: '', createdAt: '' }],
        changesBetween: async (wanted) => {
          asked.push(wanted)
          if (facts.changes instanceof Error) throw facts.changes
          if (facts.changes === 'no such commit') return undefined
          const none = { ahead: 0, behind: 0, commits: [], files: 9, matching: 2, matched: ['x', 'y'] }
          return { from: wanted.from, ...none, ...facts.changes }
        },
      },
    },
  })
  const changes = await planChanges(context, { version: 'v1.1.0', ...running }, to)
  return { changes, asked, resolved }
}

describe('which commit runs', () => {
  it.each<[string, string, Facts, string, string]>([
    ['is read off the image', `${repository}@${digest}`, { revision: labelled }, labelled, 'image'],
    ['also with a tag beside the digest', `${repository}:v1@${digest}`, { revision: labelled }, labelled, 'image'],
    ['also by Docker Hub’s other name', `docker.io/${repository}@${digest}`, { revision: labelled }, labelled, 'image'],
    [
      'is that of the tag today, where the tag is all',
      `${repository}:v1.1.0`,
      { revision: labelled },
      labelled,
      'tagged image',
    ],
    ['is that of the tag, where the image does not tell', `${repository}@${digest}`, {}, tagged, 'tag'],
    ['nor where it tells nonsense', `${repository}@${digest}`, { revision: '--output=x' }, tagged, 'tag'],
    [
      'nor where the registry has it no more',
      `${repository}@${digest}`,
      { registry: new ImageError('image_not_found', 'gone') },
      tagged,
      'tag',
    ],
  ])('%s', async (_, image, facts, from, readFrom) => {
    const { changes, asked } = await planned({ image }, facts)
    expect(changes).toMatchObject({ known: true, from, readFrom })
    expect(asked).toMatchObject([{ from, to }])
  })

  it('is not read off what this repository has under the tag of another one', async () => {
    const { changes, resolved } = await planned({ image: 'other/api:v9', version: 'v9' }, { revision: labelled })
    expect(changes).toEqual({ known: false, why: 'running_commit_unknown' })
    expect(resolved).toEqual([])
  })

  it('is not guessed', async () => {
    const { changes, asked } = await planned({ image: `${repository}@${digest}`, version: undefined })
    expect(changes).toEqual({ known: false, why: 'running_commit_unknown' })
    expect(asked).toEqual([])
  })
})

describe('what cannot be told keeps no plan from being made', () => {
  const running = { image: `${repository}@${digest}` }

  it('and a commit that the repository lacks is named', async () => {
    const { changes } = await planned(running, { revision: labelled, changes: 'no such commit' })
    expect(changes).toEqual({ known: false, why: 'not_in_repository', commit: labelled })
  })

  it.each([false, true])('nor does git that fails (temporarily: %s)', async (transient) => {
    const trouble = new RepositoryError('command_timed_out', 'comparing: too slow', { transient })
    const { changes } = await planned(running, { revision: labelled, changes: trouble })
    expect(changes).toEqual({ known: false, why: 'not_compared', because: 'comparing: too slow' })
  })

  it('but a fault of the program is not hidden', async () => {
    await expect(planned(running, { revision: labelled, changes: new TypeError('a bug') })).rejects.toThrow('a bug')
  })
})

describe('the files below service.paths', () => {
  it('are counted where it names some', async () => {
    const { changes, asked } = await planned({ image: `${repository}:v1` }, { revision: labelled, paths: ['src/**'] })
    expect(asked).toMatchObject([{ paths: ['src/**'] }])
    expect(changes).toMatchObject({ files: 9, paths: { matching: 2, matched: ['x', 'y'] } })
  })

  it('are not told of where it names none', async () => {
    const { changes } = await planned({ image: `${repository}:v1` }, { revision: labelled, paths: [] })
    expect(changes).not.toHaveProperty('paths')
  })
})
