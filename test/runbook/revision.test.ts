import { describe, expect, it } from 'vitest'
import { planImage } from '../../src/runbook/rollout/image.ts'
import { revisionWords } from '../../src/runbook/rollout/revision-words.ts'
import { phaseContext, service } from './phase-context.ts'

const sha = '34c90117c0ffee00d15ea5e0123456789abcdef0'
const tagged = { sha, tagObject: '9f8e7d6c5b4a39281706f5e4d3c2b1a098765432' }

describe('what people read of the commit that an image says it was built from', () => {
  it.each<[string | undefined, string | undefined]>([
    [sha, undefined],
    ['34c9011', undefined],
    [tagged.tagObject, undefined],
    [undefined, 'the image v1.2.0 does not say which commit it was built from'],
    ['unknown', 'the image v1.2.0 does not say which commit it was built from'],
    ['b'.repeat(40), 'the image v1.2.0 was built from bbbbbbb, the tag is 34c9011'],
    // The same first digits are no reason to show two ids as one.
    ['34c90118', 'the image v1.2.0 was built from 34c90118, the tag is 34c90117'],
    ['34c9011-dirty', 'the image v1.2.0 was built from 34c9011 with changes that are in no commit ("34c9011-dirty")'],
    ['main', 'the image v1.2.0 says "main" where its commit should be, the tag is 34c9011'],
    ['<!channel>\n\u202Ex', 'the image v1.2.0 says "<!channel> x" where its commit should be, the tag is 34c9011'],
    ['y'.repeat(500), `the image v1.2.0 says "${'y'.repeat(80)}…" where its commit should be, the tag is 34c9011`],
  ])('%j: %s', (label, words) => {
    expect(revisionWords('v1.2.0', tagged, label)).toBe(words)
  })
})

describe('service.image.revision', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const planned = (revision: 'require' | 'warn' | 'ignore', label: string | undefined) =>
    planImage(
      phaseContext({
        service: { image: { ...service.image, revision } },
        world: { registry: { resolve: async () => ({ digest, platforms: [], revision: label }) } },
      }),
      tagged,
    )

  it.each([sha, sha.slice(0, 7), tagged.tagObject])(
    'takes %s for the commit of the tag, whatever it is',
    async (label) => {
      for (const revision of ['require', 'warn', 'ignore'] as const)
        expect(await planned(revision, label)).toMatchObject({ digest, revision: label })
    },
  )

  it.each(['b'.repeat(40), `${sha}-dirty`, 'main', 'unknown', undefined])(
    'lets nobody plan with %s where it is required, and a risk is all that comes of it otherwise',
    async (label) => {
      await expect(planned('require', label)).rejects.toMatchObject({
        code: 'image_of_another_commit',
        hint: expect.stringContaining('service.image.revision'),
      })
      for (const revision of ['warn', 'ignore'] as const)
        expect(await planned(revision, label)).toMatchObject({ digest, revision: label })
    },
  )
})
