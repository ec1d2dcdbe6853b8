import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parseCommand } from '../../src/commands/grammar.ts'
import { breakages } from '../../sandbox/breakages/breakages.ts'
import { brokenVersions, tour } from '../../sandbox/tour.ts'
import { buildServiceRepository } from '../../sandbox/valuecanvas/repository.ts'

const failures = tour.failures.flatMap((group) => group.failures)

it('the page offers only commands that Purser understands', () => {
  const typed = [...tour.steps.flatMap(({ types }) => types ?? []), ...failures.map(({ command }) => command)]
  for (const line of typed) expect([line, parseCommand(line, ['production']).ok]).toEqual([line, true])
})

it('every way to break the world is offered, once', () => {
  expect(failures.filter((failure) => failure.breaks === true).map(({ name }) => name)).toEqual(Object.keys(breakages))
  expect(new Set(failures.map(({ name }) => name)).size).toBe(failures.length)
})

it('every broken version that is offered is a tag of the sample service', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'purser-tour-'))
  try {
    const { commits } = await buildServiceRepository({ directory: join(directory, 'repository.git') })
    expect(Object.keys(commits)).toEqual(expect.arrayContaining(brokenVersions.map(({ version }) => version)))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
