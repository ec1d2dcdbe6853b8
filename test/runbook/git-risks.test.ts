import { describe, expect, it } from 'vitest'
import type { FilesElsewhere } from '../../src/adapters/git/port.ts'
import { gitRisks } from '../../src/runbook/plan/git-risks.ts'
import { phaseContext } from './phase-context.ts'

const none: FilesElsewhere = { lfs: [], lfsInstalled: false, submodules: [] }
const files = ['a.png', 'b.png', 'c.png', 'd.png', 'e.png']
const submodule = { path: 'vendor/lib', commit: 'a'.repeat(40), url: 'https://github.com/a/lib' }
const refused = { ...submodule, why: 'it is not on the host of service.repository (https://evil.example/lib)' }

describe('what a plan says of files that lie elsewhere', () => {
  it.each<[string, Partial<FilesElsewhere>, { lfs?: boolean; submodules?: boolean }, readonly string[]]>([
    ['nothing, where there are none', {}, {}, []],
    ['nothing, where there are none, whatever is configured', {}, { lfs: true, submodules: true }, []],
    [
      'nothing, where they are fetched',
      { lfs: files, lfsInstalled: true, submodules: [submodule] },
      { lfs: true, submodules: true },
      [],
    ],
    [
      'how many there are, and what commands find instead',
      { lfs: files },
      {},
      [
        '5 files of v1.2.0 are kept in Git LFS (a.png, b.png, c.png, 2 more): its commands find pointers in their place. service.git.lfs fetches them.',
      ],
    ],
    [
      'that git-lfs is missing',
      { lfs: ['a.png'] },
      { lfs: true },
      [
        '1 file of v1.2.0 is kept in Git LFS (a.png), and git-lfs is not installed where Purser runs: every phase that runs a command will fail.',
      ],
    ],
    [
      'that submodules are empty',
      { submodules: [submodule] },
      { lfs: true },
      [
        'v1.2.0 has 1 submodule (vendor/lib): its commands find empty directories in their place. service.git.submodules fetches them.',
      ],
    ],
    [
      'which submodule will not be fetched',
      { submodules: [submodule, refused] },
      { submodules: true },
      [
        'Submodule vendor/lib is not fetched, as it is not on the host of service.repository (https://evil.example/lib): every phase that runs a command will fail.',
      ],
    ],
    [
      'names in one line, whatever is in them',
      { lfs: [`a\n\u202Eb${'c'.repeat(200)}`] },
      {},
      [expect.stringMatching(/^1 file of v1\.2\.0 is kept in Git LFS \(a bc{77}…\): its commands/)],
    ],
  ])('%s', async (_, elsewhere, git, expected) => {
    const context = phaseContext({
      service: { git: { lfs: false, submodules: false, ...git } },
      world: { repository: { elsewhere: async () => ({ ...none, ...elsewhere }) } },
    })
    expect(await gitRisks(context, 'a'.repeat(40))).toEqual(expected)
  })
})
