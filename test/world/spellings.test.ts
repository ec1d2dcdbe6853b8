import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commitVersion } from '../valuecanvas/new-version.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

const manifest = 'k8s/cronjobs/webhook-retry.yaml'
const committed = readFileSync(
  fileURLToPath(new URL(`../../sandbox/valuecanvas/service/${manifest}`, import.meta.url)),
  'utf8',
)
const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12345\n`

/** What an approver reads of a version whose names are written in other ways than purser.yaml has them. */
describe('a plan', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await startTestWorld()
    await world.startBot('purser')
  }, 120_000)
  afterAll(() => world.close())

  /** Tags a version with these files, pushes its image with this label, and plans it. */
  async function planned(
    tag: string,
    files: Readonly<Record<string, string>>,
    label: (commit: string) => string | undefined,
  ) {
    const repository =
      /repository: (\S+\.git)/.exec(readFileSync(world.sandbox.environment['PURSER_CONFIG'] ?? '', 'utf8'))?.[1] ?? ''
    const commit = await commitVersion(repository, tag, files)
    const revision = label(commit)
    world.sandbox.registry.push({ repository: 'valuecanvas/api', tag, ...(revision === undefined ? {} : { revision }) })
    const [outcome] = await world.plays(`deploy ${tag} --dry-run`)
    return { outcome, commit, said: `${world.seenBy('dana').at(-1)}\n${world.threads()}` }
  }

  it('ties a CronJob to the release by any spelling of the image, and a label by its first digits', async () => {
    const spelled = committed.replace(/image: .*/, 'image: index.docker.io/valuecanvas/api:latest')
    expect(spelled).not.toBe(committed)
    const { outcome, said } = await planned('v1.6.0', { [manifest]: spelled }, (commit) => commit.slice(0, 7))
    expect(outcome, said).toMatchObject({ ok: true })
    expect(said).not.toMatch(/runs nothing of this release|was built from|does not say which commit/)
  })

  it('says what runs nothing of it, what its image says of itself, and what a checkout will lack', async () => {
    const files = {
      [manifest]: committed.replace(/image: .*/, 'image: docker.io/valuecanvas/api-jobs:latest'),
      '.gitattributes': '*.bin filter=lfs -text\n',
      'fixture.bin': pointer,
    }
    const { outcome, said, commit } = await planned('v1.6.1', files, () => 'b'.repeat(40))
    expect(outcome, said).toMatchObject({ ok: true })
    expect(said).toContain(`The image v1.6.1 was built from bbbbbbb, the tag is ${commit.slice(0, 7)}.`)
    expect(said).toContain(
      'CronJob webhook-retry runs nothing of this release: no container of it is of valuecanvas/api',
    )
    expect(said).toContain(
      '1 file of v1.6.1 is kept in Git LFS (fixture.bin): its commands find pointers in their place.',
    )
  })

  it('says that an image names no commit, and no more than that', async () => {
    const { outcome, said } = await planned('v1.6.2', {}, () => 'unknown')
    expect(outcome, said).toMatchObject({ ok: true })
    expect(said).toContain('The image v1.6.2 does not say which commit it was built from.')
  })
})
